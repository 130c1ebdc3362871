"""Accord: what a broker has of an account, held against what we have of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from core.calendar import trading_date
from core.ex_dates import ExDate
from core.orders import Fill, Order
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
    """Shares that no trade explains."""

    symbol: Symbol
    expected: Shares
    actual: Shares


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
        return frozenset(
            one.symbol for group in (self.unheard, self.unlisted, self.missing, self.moved) for one in group
        )

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
        orders: all of ours that are open or of today.
        fills: all of ours of today.
        before: None when the account was never looked at: then nobody knows what it should hold.
        ex_dates: those since ``before``.
    """
    ours, known = {one.id: one for one in orders}, {one.id: one for one in fills}
    counted = _counted(before, statement)
    listed = {one.id for one in statement.orders}
    moved, recosted = ((), ()) if before is None else _positions(statement, before, counted, ex_dates)
    return Accord(
        outside=tuple(one for one in statement.trades if one.order_id not in ours and one.id not in counted),
        unheard=tuple(one for one in statement.trades if one.order_id in ours and one.id not in known),
        unlisted=tuple(one for one in known.values() if one.id not in {trade.id for trade in statement.trades}),
        strange=tuple(one for one in statement.orders if one.id not in ours and not one.state.final),
        # What is not yet known to have arrived has a card of its own.
        missing=tuple(one for one in ours.values() if one.broker_id and not one.state.final and one.id not in listed),
        moved=moved,
        recosted=recosted,
    )


def _counted(before: Baseline | None, statement: Statement) -> frozenset[str]:
    if before is None or before.day != trading_date(statement.account.as_of):
        return frozenset()
    return frozenset(before.counted)


def _positions(
    statement: Statement, before: Baseline, counted: Collection[str], ex_dates: Mapping[Symbol, ExDate]
) -> tuple[tuple[Moved, ...], tuple[Recost, ...]]:
    expected = Counter(before.shares)
    traded = set()
    for trade in statement.trades:
        if trade.id not in counted:
            expected[trade.symbol] += trade.shares if trade.side is Side.BUY else -trade.shares
            traded.add(trade.symbol)
    actual = {one.symbol: one for one in statement.account.positions}
    moved: list[Moved] = []
    recosted: list[Recost] = []
    for symbol in sorted(expected.keys() | actual.keys()):
        position, ex, was = actual.get(symbol), ex_dates.get(symbol), before.costs.get(symbol)
        shares = position.shares if position is not None else 0
        if shares != expected[symbol] and not (ex is not None and _split(expected[symbol], shares, ex)):
            moved.append(Moved(symbol, expected[symbol], shares))
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
        counted=tuple(one.id for one in statement.trades),
    )
