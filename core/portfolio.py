"""Position, Account and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from core.types import FEN, Mode, Money, Noun, Price, Shares, Symbol


class Position(Noun):
    """What an account holds of one symbol.

    Attributes:
        sellable: shares that may be sold today (T+1), less those in open sell orders.
        cost: average yuan per share including buying fees.
        realized: yuan earned by selling, after all fees.
    """

    symbol: Symbol
    shares: Shares
    sellable: Shares
    cost: Price
    realized: Money = Decimal(0)


class Account(Noun):
    """An account as its broker reports it.

    Attributes:
        cash: yuan free to buy with; ``frozen`` is tied up in open buy orders.
        cash_known: False for an account kept by hand until the person says what there is; ``cash`` is 0 then.
        realized: yuan earned by selling, after all fees, also with what is no longer held.
        as_of: aware UTC, when the broker said so.
    """

    id: str
    name: str
    mode: Mode
    cash: Money
    cash_known: bool = True
    frozen: Money = Decimal(0)
    positions: tuple[Position, ...] = ()
    realized: Money = Decimal(0)
    as_of: datetime

    def position(self, symbol: Symbol) -> Position | None:
        return next((one for one in self.positions if one.symbol == symbol), None)

    def sellable(self, symbol: Symbol) -> Shares:
        position = self.position(symbol)
        return position.sellable if position else 0


class Valued(Noun):
    """A position at today's price. None where no price is known: a missing price is never shown as zero."""

    position: Position
    last: Price | None
    value: Money | None
    profit: Money | None
    percent: Decimal | None


class Valuation(Noun):
    """An account at today's prices.

    Attributes:
        total: yuan, cash, frozen cash and the value of the positions that have a price; while the cash is not known,
            the positions alone.
        unpriced: held symbols without a price; ``total`` and ``profit`` leave them out, and the reader is told.
    """

    positions: tuple[Valued, ...]
    value: Money
    total: Money
    profit: Money
    unpriced: tuple[Symbol, ...]


def value(account: Account, prices: Mapping[Symbol, Price]) -> Valuation:
    """Value an account. Profit is unrealised: price against cost, before the fees of selling."""
    rows = tuple(_value(position, prices.get(position.symbol)) for position in account.positions)
    worth = sum((row.value for row in rows if row.value is not None), Decimal(0))
    return Valuation(
        positions=rows,
        value=worth,
        total=account.cash + account.frozen + worth if account.cash_known else worth,
        profit=sum((row.profit for row in rows if row.profit is not None), Decimal(0)),
        unpriced=tuple(row.position.symbol for row in rows if row.value is None and row.position.shares),
    )


def _value(position: Position, last: Price | None) -> Valued:
    if last is None:
        return Valued(position=position, last=None, value=None, profit=None, percent=None)
    worth = (last * position.shares).quantize(FEN)
    profit = ((last - position.cost) * position.shares).quantize(FEN)
    percent = (last - position.cost) / position.cost * 100 if position.cost > 0 else None
    return Valued(position=position, last=last, value=worth, profit=profit, percent=percent)


class Worth(Noun):
    """What an account was worth after the close of a day: a point of its curve.

    Attributes:
        total: None where it could not be known; ``note`` says why.
        paid_in: yuan that were put in, so that a deposit is no gain.
        as_of: aware UTC, of the oldest price in it.
    """

    account: str
    day: date
    mode: Mode
    total: Money | None
    paid_in: Money
    realized: Money
    note: str = ""
    as_of: datetime


def paid_in(account: Account) -> Money:
    """What was put into an account: its worth without all profit, of what it holds and of what it has sold."""
    held = sum((one.cost * one.shares for one in account.positions), Money(0))
    return account.cash + account.frozen + held - account.realized
