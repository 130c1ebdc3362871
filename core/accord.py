"""Accord: what a broker has of an account, held against what we have of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from core.calendar import trading_date
from core.ex_dates import ExDate
from core.market import LOTS, board_of
from core.orders import Fill, Order, OrderState
from core.statement import Placed, Statement, Trade
from core.types import Noun, Price, Shares, Side, Symbol

SLIGHT: Final = Decimal("0.001")
"""Part of a cost that brokers correct by fees after the close, without anything having happened."""


class Baseline(Noun):
    """An account as it was when it was last looked at.

    Attributes:
        day: market date.
        counted: the trades of that day that ``shares`` has in it.
    """

    day: date
    shares: dict[Symbol, Shares]
    costs: dict[Symbol, Price]
    counted: tuple[str, ...]


class Moved(NamedTuple):
    """Shares that no trade explains.

    Attributes:
        is_new: nothing was held of it before: new shares, a conversion, a transfer from another broker.
    """

    symbol: Symbol
    expected: Shares
    actual: Shares
    is_new: bool = False


class Recost(NamedTuple):
    """A cost that changed without a trade: a dividend, a split, a correction; no loss.

    Attributes:
        ex: the ex-date that explains it, where one is known.
    """

    symbol: Symbol
    before: Shares
    shares: Shares
    was: Price
    now: Price
    ex: ExDate | None


class Accord(NamedTuple):
    """What does not agree, or was not known.

    Attributes:
        outside: new trades of today that did not come of an order of ours.
        unheard: trades of our orders that we have not heard of.
        unlisted: trades that we have counted and the broker does not list.
        strange: open orders that are not ours.
        missing: open orders of ours that the broker does not list.
    """

    outside: tuple[Trade, ...] = ()
    unheard: tuple[Trade, ...] = ()
    unlisted: tuple[Fill, ...] = ()
    strange: tuple[Placed, ...] = ()
    missing: tuple[Order, ...] = ()
    moved: tuple[Moved, ...] = ()
    recosted: tuple[Recost, ...] = ()

    @property
    def differs(self) -> frozenset[Symbol]:
        """Symbols of which the two sides tell different stories, so that nothing automatic may be done with them."""
        moved = tuple(one for one in self.moved if not one.is_new)
        return frozenset(one.symbol for group in (self.unheard, self.unlisted, self.missing, moved) for one in group)

    @property
    def says_something(self) -> bool:
        return any(self)


def accord(
    statement: Statement,
    orders: Iterable[Order],
    fills: Iterable[Fill],
    before: Baseline | None,
    ex_dates: Mapping[Symbol, ExDate],
) -> Accord:
    """Hold a statement against what we have.

    Args:
        statement: orders and trades of today alone; what else a broker still lists is not looked at.
        orders: all of ours that are open, of today, or named by a trade or fill of today.
        fills: all of ours since the day of ``before``, that day included.
        before: None when the account was never looked at: then nobody knows what it should hold.
        ex_dates: those since ``before``.
    """
    today, fills = trading_date(statement.account.as_of), tuple(fills)
    ours = {one.id: one for one in orders}
    known = {one.id: one for one in fills if trading_date(one.at) == today}
    statement = of_today(statement)
    counted = _counted(before, statement)
    listed = {one.id for one in statement.orders}
    moved: tuple[Moved, ...] = ()
    recosted: tuple[Recost, ...] = ()
    if before is not None:
        past = [one for one in fills if trading_date(one.at) < today and one.id not in before.counted]
        moved, recosted = _positions(statement, before, past, counted, ex_dates)
    return Accord(
        outside=tuple(one for one in statement.trades if one.order_id not in ours and one.id not in counted),
        unheard=tuple(one for one in statement.trades if one.order_id in ours and one.id not in known),
        unlisted=tuple(one for one in known.values() if one.id not in {trade.id for trade in statement.trades}),
        strange=tuple(one for one in statement.orders if one.id not in ours and not one.state.final),
        missing=tuple(one for one in ours.values() if _is_live(one, today) and one.id not in listed),
        moved=moved,
        recosted=recosted,
    )


def of_today(statement: Statement) -> Statement:
    """Without what a broker still lists of an earlier day."""
    today = trading_date(statement.account.as_of)
    return statement.model_copy(
        update={
            "orders": tuple(one for one in statement.orders if trading_date(one.at) == today or not one.state.final),
            "trades": tuple(one for one in statement.trades if trading_date(one.at) == today),
        }
    )


def _is_live(order: Order, today: date) -> bool:
    """Whether the broker must have it among its orders. One whose fate is unknown has a card of its own."""
    open_now = not order.state.final and order.state is not OrderState.UNKNOWN
    return open_now and bool(order.broker_id) and trading_date(order.created_at) == today


def _counted(before: Baseline | None, statement: Statement) -> frozenset[str]:
    if before is None or before.day != trading_date(statement.account.as_of):
        return frozenset()
    return frozenset(before.counted)


def _positions(
    statement: Statement,
    before: Baseline,
    past: Iterable[Fill],
    counted: Collection[str],
    ex_dates: Mapping[Symbol, ExDate],
) -> tuple[tuple[Moved, ...], tuple[Recost, ...]]:
    expected = Counter(before.shares)
    traded = set()
    done = [(one.symbol, one.side, one.shares) for one in past]
    done += [(one.symbol, one.side, one.shares) for one in statement.trades if one.id not in counted]
    for symbol, side, shares in done:
        expected[symbol] += shares if side is Side.BUY else -shares
        traded.add(symbol)
    actual = {one.symbol: one for one in statement.account.positions}
    moved: list[Moved] = []
    recosted: list[Recost] = []
    for symbol in sorted(expected.keys() | actual.keys()):
        if board_of(symbol) not in LOTS:
            continue  # repos and the like: their "shares" are no holding
        position, ex, was = actual.get(symbol), ex_dates.get(symbol), before.costs.get(symbol)
        shares = position.shares if position is not None else 0
        if shares != expected[symbol] and not (ex is not None and _split(expected[symbol], shares, ex)):
            is_new = expected[symbol] == 0 and symbol not in traded
            moved.append(Moved(symbol, expected[symbol], shares, is_new))
        elif was and position is not None and symbol not in traded and abs(position.cost - was) > abs(was) * SLIGHT:
            recosted.append(Recost(symbol, before.shares.get(symbol, 0), shares, was, position.cost, ex))
    return tuple(moved), tuple(recosted)


def _split(expected: Shares, actual: Shares, ex: ExDate) -> bool:
    """Whether bonus shares explain the number: worth about the same as before, at the new price."""
    return abs(actual * ex.preclose - expected * ex.close) <= expected * ex.close / 10


def baseline(statement: Statement) -> Baseline:
    """What the next look is held against."""
    held = [one for one in statement.account.positions if one.shares]
    return Baseline(
        day=trading_date(statement.account.as_of),
        shares={one.symbol: one.shares for one in held},
        costs={one.symbol: one.cost for one in held},
        counted=tuple(one.id for one in of_today(statement).trades),
    )
