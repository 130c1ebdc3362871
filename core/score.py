"""Score: what became of an advice, from the bars of the days after it. Pure: the same bars give the same outcome.

Anchor: the first price that one could have had after the answer, as far as bars of days tell it for certain.
  - answered before 09:25 of a trading day: the open of that day;
  - answered later, but before 14:57: the close of that day, which its closing auction still takes orders for;
  - answered later still, or on a day without trading: the open of the next trading day.
  The price that stood in the facts is never the anchor; by the time the answer is read it is gone.
End: the close of the 1st, 3rd, 5th, 10th trading day after the day of the anchor. The day itself does not count, even
  where the anchor is its open: under T+1 nobody could sell on it.
The levels of a purchase count from the day on which it could be sold; those of what is held, from the anchor on.
Both come from the same forward adjusted bars, so that a dividend between them is no loss. Levels that the advice named
stand on the prices of its own day; they are brought to those of the bars by a close that both know.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

from core.analysis import HORIZONS, Action, Analysis, Decision, Outcome, Standing, Touched
from core.bars import Bar
from core.calendar import (
    AUCTION_ENDS,
    CLOSING_AUCTION_OPENS,
    is_trading_day,
    next_trading_day,
    session_close,
    trading_date,
)
from core.clock import market_time
from core.market import board_of, price_limits, settles_same_day, tick
from core.types import FEN, Price, Side, Symbol

ENGINE: Final = 2
"""Version of the rules of this page; what an earlier one scored is scored anew."""
BANDS: Final[Mapping[int, Decimal]] = MappingProxyType(
    {1: Decimal("1.00"), 3: Decimal("1.73"), 5: Decimal("2.24"), 10: Decimal("3.16")}
)
"""By horizon, how many percent are no rise and no fall yet: 1 % times the root of the days, as prices wander."""
INDEX: Final = Symbol("000300.SH")
"""CSI 300 (沪深300): what every share is held against."""

SUSPENDED: Final = "停牌，没有成交"
MISSING: Final = "日线不足"
"""May be had later, so that it is tried again; every other reason stays."""
SEALED_UP: Final = "一字涨停，买不到"
SEALED_DOWN: Final = "一字跌停，卖不出"
CLOSED_UP: Final = "收盘封在涨停，买不到"
CLOSED_DOWN: Final = "收盘封在跌停，卖不出"
_HUNDRED: Final = Decimal(100)
_SLACK: Final = 2
"""Ticks that a limit may be off when it is told from adjusted prices, each of which was rounded."""


class Anchor(NamedTuple):
    """Which price an advice is held against: the open of a day, or its close."""

    day: date
    opens: bool


class Basis(NamedTuple):
    """A close as the advice knew it: says on which prices its levels stand."""

    day: date
    close: Price


class Series:
    """The bars of the days of one symbol, forward adjusted. Days on which nothing was traded are not among them."""

    def __init__(self, bars: Iterable[Bar]) -> None:
        found = {trading_date(bar.time): bar for bar in bars}
        self._known = sorted(found)
        self._bars = {day: bar for day, bar in found.items() if bar.volume}
        self._days = sorted(self._bars)

    def on(self, day: date) -> Bar | None:
        return self._bars.get(day)

    def before(self, day: date) -> Bar | None:
        """The newest one before this day."""
        place = bisect_left(self._days, day)
        return self._bars[self._days[place - 1]] if place else None

    def between(self, first: date, last: date) -> list[Bar]:
        """Those of these days, both included."""
        return [self._bars[day] for day in self._days[bisect_left(self._days, first) : bisect_right(self._days, last)]]

    def absent(self, day: date) -> str:
        """Why there is no bar of this day: nothing was traded, as later bars show, or it is not at hand."""
        return SUSPENDED if self._known and self._known[0] <= day <= self._known[-1] else MISSING


def anchor_of(answered_at: datetime) -> Anchor:
    """The first price that one could have had."""
    local = market_time(answered_at)
    day = local.date()
    if is_trading_day(day):
        if local.time() < AUCTION_ENDS:
            return Anchor(day, opens=True)
        if local.time() < CLOSING_AUCTION_OPENS:
            return Anchor(day, opens=False)
    return Anchor(next_trading_day(day), opens=True)


def end_of(day: date, horizon: int) -> date:
    """The trading day that lies so many after this one."""
    for _ in range(horizon):
        day = next_trading_day(day)
    return day


def answered_at(analysis: Analysis) -> datetime:
    """When it could be read at the latest."""
    return analysis.at + analysis.took


def due_at(analysis: Analysis, horizon: int) -> datetime:
    """From when on it can be scored."""
    return session_close(end_of(anchor_of(answered_at(analysis)).day, horizon))


def standing(action: Action, percent: Decimal, horizon: int) -> Standing:
    """How an advice stood when the price had moved by this much.

    To buy hits above the band and to sell below it, with nothing decided between; to hold hits unless the price fell
    below the band, to wait unless it rose above it. That is easier, so it is never counted with buying and selling.

    >>> [standing(Action.BUY, Decimal(move), 1).value for move in ("1.01", "1.00", "-1.01")]
    ['hit', 'neutral', 'miss']
    >>> [standing(Action.HOLD, Decimal(move), 1).value for move in ("1.01", "-1.00", "-1.01")]
    ['hit', 'hit', 'miss']
    """
    band = BANDS[horizon]
    gain = percent if action in (Action.BUY, Action.HOLD) else -percent
    if gain < -band:
        return Standing.MISS
    return Standing.HIT if action.side is None or gain > band else Standing.NEUTRAL


def score(
    analysis: Analysis,
    decision: Decision,
    horizon: int,
    share: Series,
    *,
    index: Series | None = None,
    basis: Basis | None = None,
) -> Outcome:
    """What became of an advice that is due.

    Args:
        index: without it, or without its days, no excess is known.
        basis: without it, or without its day among the bars, nobody can say whether the levels were touched.
    """
    anchor = anchor_of(answered_at(analysis))
    end = end_of(anchor.day, horizon)
    first, last = share.on(anchor.day), share.on(end)
    why = ""
    if first is None:
        why = share.absent(anchor.day)
    elif decision.action.side is not None:
        why = _sealed(analysis, decision.action.side, share.before(anchor.day), first, anchor)
    if not why and last is None:
        why = share.absent(end)
    if why or first is None or last is None:
        return Outcome(
            analysis_id=analysis.id,
            horizon=horizon,
            engine=ENGINE,
            standing=Standing.UNABLE,
            why=why,
            anchor_on=anchor.day,
            ended_on=end,
        )
    price = first.open if anchor.opens else first.close
    percent = _moved(price, last.close)
    way = share.between(anchor.day if anchor.opens else next_trading_day(anchor.day), end)
    target, stop = _levels(decision, share, basis)
    kept = decision.action is Action.BUY and not settles_same_day(analysis.symbol)
    free = share.between(next_trading_day(anchor.day), end) if kept else way
    aimed = next((bar.time for bar in free if target is not None and bar.high >= target), None)
    stopped = next((bar.time for bar in free if stop is not None and bar.low <= stop), None)
    return Outcome(
        analysis_id=analysis.id,
        horizon=horizon,
        engine=ENGINE,
        standing=standing(decision.action, percent, horizon),
        anchor_on=anchor.day,
        anchor=price,
        ended_on=end,
        percent=percent,
        excess=_excess(percent, index, anchor, end),
        highest=_moved(price, max(bar.high for bar in way)),
        lowest=_moved(price, min(bar.low for bar in way)),
        hit_target=aimed is not None,
        hit_stop=stopped is not None,
        touched=_touched(aimed, stopped),
    )


def due(analysis: Analysis, now: datetime) -> Sequence[int]:
    """The horizons that are over."""
    return [horizon for horizon in HORIZONS if due_at(analysis, horizon) <= now]


def _moved(since: Price, until: Price) -> Decimal:
    return ((until / since - 1) * _HUNDRED).quantize(FEN, ROUND_HALF_UP)


def _sealed(analysis: Analysis, side: Side, before: Bar | None, bar: Bar, anchor: Anchor) -> str:
    """Why nobody could trade at the anchor: the price stood at its limit, and the queue there is long."""
    limits = before and price_limits(analysis.symbol, analysis.name, before.close, anchor.day)
    if not limits:
        return ""
    slack = _SLACK * tick(board_of(analysis.symbol))
    if side is Side.BUY:
        if bar.low >= limits.up - slack:
            return SEALED_UP
        return CLOSED_UP if not anchor.opens and bar.close == bar.high >= limits.up - slack else ""
    if bar.high <= limits.down + slack:
        return SEALED_DOWN
    return CLOSED_DOWN if not anchor.opens and bar.close == bar.low <= limits.down + slack else ""


def _levels(decision: Decision, share: Series, basis: Basis | None) -> tuple[Price | None, Price | None]:
    """Where it would take a profit and stop a loss, on the prices of the bars; only of what is held."""
    known = share.on(basis.day) if basis is not None else None
    if basis is None or known is None or decision.action not in (Action.BUY, Action.HOLD):
        return None, None
    ratio = known.close / basis.close
    target, stop = decision.take_profit, decision.stop_loss
    return target and target * ratio, stop and stop * ratio


def _touched(aimed: datetime | None, stopped: datetime | None) -> Touched | None:
    if aimed is None or stopped is None:
        return Touched.TARGET if aimed else Touched.STOP if stopped else None
    if aimed == stopped:
        return Touched.SAME_DAY
    return Touched.TARGET if aimed < stopped else Touched.STOP


def _excess(percent: Decimal, index: Series | None, anchor: Anchor, end: date) -> Decimal | None:
    first, last = (index.on(anchor.day), index.on(end)) if index is not None else (None, None)
    if first is None or last is None:
        return None
    return percent - _moved(first.open if anchor.opens else first.close, last.close)
