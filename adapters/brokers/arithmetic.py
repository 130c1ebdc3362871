"""The arithmetic of an account without a counter behind it: lots by day of purchase, cost, fees, what is tied up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from core.calendar import next_trading_day
from core.ex_dates import Entitlement, ExDate, entitlement
from core.market import fees, settles_same_day
from core.orders import Fill, Order, Report, apply
from core.types import FEN, Money, Price, Shares, Side, Symbol

LONG_AGO: Final = date(1990, 12, 19)
"""The day of shares that were there before the book: sellable, whatever day it is."""

_COST_STEP: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Lot:
    """Shares bought on one market date."""

    day: date
    shares: Shares


@dataclass(frozen=True, slots=True)
class Holding:
    """What the book has of one symbol.

    Attributes:
        lots: oldest first.
        cost: yuan paid for the shares still held, buying fees included.
        realized: yuan earned by selling, after all fees; stays when everything is sold.
    """

    symbol: Symbol
    lots: tuple[Lot, ...] = ()
    cost: Money = Decimal(0)
    realized: Money = Decimal(0)

    @property
    def shares(self) -> Shares:
        return sum(lot.shares for lot in self.lots)

    @property
    def average(self) -> Price:
        """Yuan per share, to four decimals; 0 without shares."""
        return (self.cost / self.shares).quantize(_COST_STEP, ROUND_HALF_UP) if self.shares else Decimal(0)


@dataclass(frozen=True, slots=True)
class Line:
    """An order in the book.

    Attributes:
        day: the market date it was entered on.
        frozen: yuan tied up in it; 0 for a sell and once it is final.
    """

    order: Order
    day: date
    frozen: Money


def bought(holding: Holding, shares: Shares, amount: Money, fee: Money, day: date) -> Holding:
    """The holding after a buy; its fee is part of the cost."""
    by_day = {lot.day: lot.shares for lot in holding.lots}
    by_day[day] = by_day.get(day, 0) + shares
    lots = tuple(Lot(day, count) for day, count in sorted(by_day.items()))
    return replace(holding, lots=lots, cost=holding.cost + amount + fee)


def sold(holding: Holding, shares: Shares, amount: Money, fee: Money) -> Holding:
    """The holding after a sale; the oldest shares go first, at the average cost of all.

    Raises:
        ValueError: more than is held.
    """
    held = holding.shares
    if shares > held:
        raise ValueError(f"{holding.symbol}: {shares} sold of {held}")
    # The last sale takes what is left of the cost, so that the rounding of the earlier ones adds up to nothing.
    gone = holding.cost if shares == held else (holding.cost * shares / held).quantize(FEN, ROUND_HALF_UP)
    lots: list[Lot] = []
    left = shares
    for lot in holding.lots:
        taken = min(lot.shares, left)
        left -= taken
        if taken < lot.shares:
            lots.append(Lot(lot.day, lot.shares - taken))
    return replace(holding, lots=tuple(lots), cost=holding.cost - gone, realized=holding.realized + amount - fee - gone)


def entitled(holding: Holding, ex: ExDate) -> tuple[Holding, Money, Entitlement] | None:
    """The holding after an ex-date, and the yuan that it brings; None where it brings nothing.

    What was bought on the day itself has no part in it. The cost falls by what is paid out: that is no profit.
    """
    held = sum(lot.shares for lot in holding.lots if lot.day < ex.day)
    bonus, cash = entitlement(ex, held)
    if not bonus and not cash:
        return None
    lots = holding.lots if not bonus else (Lot(LONG_AGO, bonus), *holding.lots)
    if bonus and holding.lots[0].day == LONG_AGO:
        lots = (Lot(LONG_AGO, bonus + holding.lots[0].shares), *holding.lots[1:])
    after = replace(holding, lots=lots, cost=holding.cost - cash)
    return after, cash, Entitlement(held, bonus, cash, (holding.average, after.average))


def settled(holding: Holding, today: date) -> Shares:
    """Shares that may be sold on ``today``: T+1 ends on the next trading day after the purchase, and not before.

    It follows from the dates alone; there is no job that could be missed.
    """
    if settles_same_day(holding.symbol):
        return holding.shares
    return sum(lot.shares for lot in holding.lots if next_trading_day(lot.day) <= today)


def fee_of_amount(symbol: Symbol, side: Side, amount: Money, day: date) -> Money:
    """All fees of an order that traded ``amount`` yuan."""
    # One share at the whole amount: an average price would not always give the amount back to the last digit.
    return fees(symbol, side, 1, amount, day).total


def fee_of_fill(order: Order, shares: Shares, price: Price, day: date) -> Money:
    """What one more fill adds to the fees. The minimum commission is per order, so the first fill may pay for all."""
    whole = fee_of_amount(order.symbol, order.side, order.filled_amount + price * shares, day)
    return max(whole - order.fees, Decimal(0))


def next_fill(order: Order, shares: Shares, price: Price, at: datetime, day: date) -> Fill:
    """The next trade of an order in our own books.

    Args:
        at: aware UTC, when it was entered; ``day`` the market date whose fees it pays.
    """
    return Fill(
        id=f"{order.id}-{len(order.fill_ids) + 1}",
        order_id=order.id,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        shares=shares,
        price=price,
        fee=fee_of_fill(order, shares, price, day),
        at=at,
    )


def tied_up(order: Order, day: date) -> Money:
    """Yuan that a buy may still cost: its rest at the limit and the fees to come; 0 for a sell or a final order."""
    if order.side is Side.SELL or not order.open_shares:
        return Decimal(0)
    rest = order.limit * order.open_shares
    return rest + max(fee_of_amount(order.symbol, order.side, order.filled_amount + rest, day) - order.fees, Decimal(0))


def step(line: Line, report: Report, cash: Money, holding: Holding, day: date) -> tuple[Line, Money, Holding]:
    """The order, the free cash and the holding after a report.

    A sale's proceeds are free at once, although the shares bought with them are T+1. The very same ``line`` comes back
    when the report says nothing new.

    Args:
        day: the market date of the fill, which T+1 counts from.

    Raises:
        ValueError: more filled than ordered, or more sold than held.
    """
    order = apply(line.order, report)
    if order is line.order:
        return line, cash, holding
    frozen = tied_up(order, line.day)
    cash += line.frozen - frozen
    fill = report.fill
    if fill is not None:
        amount = fill.price * fill.shares
        if fill.side is Side.BUY:
            cash -= amount + fill.fee
            holding = bought(holding, fill.shares, amount, fill.fee, day)
        else:
            cash += amount - fill.fee
            holding = sold(holding, fill.shares, amount, fill.fee)
    return Line(order=order, day=line.day, frozen=frozen), cash, holding


def held(symbol: Symbol, shares: Shares, cost: Price, *, realized: Money = Decimal(0), day: date = LONG_AGO) -> Holding:
    """A holding that the book did not see being bought.

    Args:
        cost: average yuan per share.
        day: when it was bought; by default long ago, so that all of it may be sold.
    """
    lots = (Lot(day, shares),) if shares else ()
    return Holding(symbol, lots, (cost * shares).quantize(FEN, ROUND_HALF_UP), realized)
