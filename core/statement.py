"""Statement: what a broker has of one account at one moment. Reconciling holds it against what we have."""

from __future__ import annotations

from datetime import datetime

from core.orders import OrderState
from core.portfolio import Account
from core.types import Money, Noun, Price, Shares, Side, Symbol


class Placed(Noun):
    """An order as the broker lists it, ours or not.

    Attributes:
        id: our id; empty for one that was placed elsewhere, such as by hand in the broker's own program.
        broker_id: the broker's own number.
        limit: yuan per share; None for an order without one.
        at: aware UTC, when it was placed.
    """

    id: str = ""
    broker_id: str
    symbol: Symbol
    side: Side
    shares: Shares
    limit: Price | None
    filled: Shares = 0
    state: OrderState
    at: datetime


class Trade(Noun):
    """A trade as the broker lists it, ours or not.

    Attributes:
        id: the broker's id of the trade, unique within the account and day; the same as that of our fill.
        order_id: our id of its order; empty for one that was placed elsewhere.
        fee: yuan; None where the broker does not say.
    """

    id: str
    order_id: str = ""
    broker_id: str
    symbol: Symbol
    side: Side
    shares: Shares
    price: Price
    fee: Money | None = None
    at: datetime


class Statement(Noun):
    """An account with its orders and trades of the trading day, as seen at one moment.

    Attributes:
        orders: those of today, and older ones that are still open.
        trades: those of today, oldest first.
    """

    account: Account
    orders: tuple[Placed, ...] = ()
    trades: tuple[Trade, ...] = ()
