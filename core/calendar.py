"""Trading days and the phases of a trading day. Pure: the instant is always passed in.

A day is open when it is a weekday and no closure. The closures are the public holidays that ``chinese_calendar`` ships,
plus the few weekdays on which the exchanges closed although offices worked. A weekend is never open, whatever day the
State Council makes up for. The package knows years up to :func:`known_until` and raises beyond; we answer
"Monday to Friday" there, and :func:`calendar_warning` says so to the person.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import Final

from core.clock import MARKET_ZONE, market_time
from core.market import Board

# Weekdays that are working days for offices and were closed on the exchanges: the eves of the spring festival.
# Source: sessions of SSE (XSHG) 2004-2026 compared with chinese_calendar 1.11, which agree on every other day.
_CLOSED_WORKDAYS: Final = frozenset(
    {
        date(2004, 1, 19),
        date(2004, 1, 20),
        date(2004, 1, 21),
        date(2005, 2, 7),
        date(2005, 2, 8),
        date(2006, 1, 26),
        date(2006, 1, 27),
        date(2024, 2, 9),
    }
)
_DAY: Final = timedelta(days=1)

AUCTION_OPENS: Final = time(9, 15)
AUCTION_ENDS: Final = time(9, 25)
MORNING_OPENS: Final = time(9, 30)
MORNING_ENDS: Final = time(11, 30)
AFTERNOON_OPENS: Final = time(13, 0)
CLOSING_AUCTION_OPENS: Final = time(14, 57)
CLOSE: Final = time(15, 0)
AFTER_HOURS_OPENS: Final = time(15, 5)
AFTER_HOURS_ENDS: Final = time(15, 30)

# Source: SSE trading rules 上证发〔2026〕41号 and SZSE 深证上〔2026〕551号: all A shares and ETFs from 2026-07-06.
# Before: STAR from its first day, ChiNext from its reform. BSE stays out: its text was not seen, the sources disagree.
AFTER_HOURS_SINCE: Final = {
    Board.STAR: date(2019, 7, 22),
    Board.CHINEXT: date(2020, 8, 24),
    Board.MAIN: date(2026, 7, 6),
    Board.FUND: date(2026, 7, 6),
}


class Phase(StrEnum):
    CLOSED = "closed"
    PRE_OPEN = "pre_open"
    CALL_AUCTION = "call_auction"
    BEFORE_OPEN = "before_open"
    CONTINUOUS = "continuous"
    LUNCH = "lunch"
    CLOSING_AUCTION = "closing_auction"
    AFTER_HOURS = "after_hours"
    AFTER_CLOSE = "after_close"

    @property
    def chinese(self) -> str:
        return _PHASE_CHINESE[self]


_PHASE_CHINESE: Final = {
    Phase.CLOSED: "休市",
    Phase.PRE_OPEN: "盘前",
    Phase.CALL_AUCTION: "集合竞价",
    Phase.BEFORE_OPEN: "等待开盘",
    Phase.CONTINUOUS: "连续竞价",
    Phase.LUNCH: "午间休市",
    Phase.CLOSING_AUCTION: "收盘集合竞价",
    Phase.AFTER_HOURS: "盘后固定价格交易",
    Phase.AFTER_CLOSE: "已收盘",
}


TAKES_ORDERS: Final = frozenset(
    {Phase.CALL_AUCTION, Phase.BEFORE_OPEN, Phase.CONTINUOUS, Phase.LUNCH, Phase.CLOSING_AUCTION}
)
"""When an order may be entered. Not after hours: that takes orders of another kind, which nobody can place here."""


@cache
def _holidays() -> frozenset[date]:
    # Imported at first use, because the command line must start fast.
    from chinese_calendar import constants

    return frozenset(constants.holidays)


def known_until() -> date:
    """The last day whose closures were published when ``chinese_calendar`` was released: always a 31 December."""
    return date(max(_holidays()).year, 12, 31)


def is_trading_day(day: date) -> bool:
    """Whether the exchanges trade on this day.

    Never raises. Outside 2004..:func:`known_until` the answer is "Monday to Friday", which is not confirmed.
    """
    return day.weekday() < 5 and day not in _holidays() and day not in _CLOSED_WORKDAYS


def calendar_warning(today: date) -> str | None:
    """What the person must know about the calendar, or None.

    From 1 December when next year's closures are missing, and on every day that is itself not covered. The State
    Council publishes them in November, the exchanges in December.
    """
    last = known_until()
    remedy = "请运行 pip install -U chinese_calendar，然后重启程序。"
    if today > last:
        return f"交易日历只到 {last}，现在按周一至周五开市推算，法定节假日可能算错。{remedy}"
    if today.month == 12 and today.year == last.year:
        return f"交易日历只到 {last}，还没有 {last.year + 1} 年的休市安排。{remedy}"
    return None


def next_trading_day(day: date) -> date:
    """The first trading day after ``day``."""
    day += _DAY
    while not is_trading_day(day):
        day += _DAY
    return day


def previous_trading_day(day: date) -> date:
    """The last trading day before ``day``."""
    day -= _DAY
    while not is_trading_day(day):
        day -= _DAY
    return day


def trading_days(start: date, end: date) -> tuple[date, ...]:
    """Trading days from ``start`` to ``end``, both included, in order; empty when ``start > end``."""
    days = (start + timedelta(days=n) for n in range((end - start).days + 1))
    return tuple(day for day in days if is_trading_day(day))


def trading_date(at: datetime) -> date:
    """The exchange's date at this instant; whether it is a trading day is another question."""
    return market_time(at).date()


def phase(at: datetime, board: Board = Board.MAIN) -> Phase:
    """Where in the exchange's day this instant lies. A boundary belongs to the phase that begins there.

    15:00 to 15:05 is AFTER_CLOSE on every board. Shanghai bonds and, before 2026-07-06, Shanghai funds trade on to
    15:00 without a closing auction; they are told CLOSING_AUCTION too, because orders are taken in both.

    Args:
        at: aware.
        board: decides whether and since when there is after-hours trading at the closing price.
    """
    local = market_time(at)
    if not is_trading_day(local.date()):
        return Phase.CLOSED
    clock = local.time()
    if AFTER_HOURS_OPENS <= clock < AFTER_HOURS_ENDS:
        since = AFTER_HOURS_SINCE.get(board)
        return Phase.AFTER_HOURS if since is not None and local.date() >= since else Phase.AFTER_CLOSE
    for ends, name in _DAY_PLAN:
        if clock < ends:
            return name
    return Phase.AFTER_CLOSE


_DAY_PLAN: Final = (
    (AUCTION_OPENS, Phase.PRE_OPEN),
    (AUCTION_ENDS, Phase.CALL_AUCTION),
    (MORNING_OPENS, Phase.BEFORE_OPEN),
    (MORNING_ENDS, Phase.CONTINUOUS),
    (AFTERNOON_OPENS, Phase.LUNCH),
    (CLOSING_AUCTION_OPENS, Phase.CONTINUOUS),
    (CLOSE, Phase.CLOSING_AUCTION),
)


def is_session(at: datetime) -> bool:
    """Whether a price that bears this time may fire an alert: 09:25:00-11:30:59, 13:00:00-15:01:59 of a trading day.

    It opens with the trade of the opening auction, which ticks stamp 09:25:02 and minute bars label 09:30. Minute bars
    are labelled by their end, so 11:30:00 and 15:00:00 are real prices, and snapshots stamp the last trade some seconds
    after the bell: hence one minute after lunch's and two after the close's. What the auction indicates before 09:25 is
    no trade. Sources stamp their final row of the day about 16:14; it repeats the close, and is not judged twice.
    """
    local = market_time(at)
    clock = local.time()
    inside = AUCTION_ENDS <= clock < time(11, 31) or AFTERNOON_OPENS <= clock < time(15, 2)
    return inside and is_trading_day(local.date())


MINUTES_A_DAY: Final = 240


def minutes_traded(at: datetime) -> int:
    """How many minutes of continuous trading the day has had, 1 to 240, the one that has begun included.

    >>> from core.clock import MARKET_ZONE
    >>> [minutes_traded(datetime(2026, 3, 23, *at, tzinfo=MARKET_ZONE)) for at in ((9, 25), (9, 31), (12, 0), (15, 0))]
    [1, 2, 120, 240]
    """
    local = market_time(at)
    seconds = local.hour * 3600 + local.minute * 60 + local.second
    morning = min(max(seconds - 34_200, 0), 7_200)
    afternoon = min(max(seconds - 46_800, 0), 7_200)
    return min((morning + afternoon) // 60 + 1, MINUTES_A_DAY) if morning < 7_200 or afternoon else MINUTES_A_DAY // 2


def session_close(day: date) -> datetime:
    """15:00 of that market day. Aware UTC."""
    return _instant(day, CLOSE)


def _instant(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, MARKET_ZONE).astimezone(UTC)


def trading_time(since: datetime, until: datetime) -> timedelta:
    """How long the market traded between two instants, on their own days.

    Whole days between them count nothing: on those the program was off, or a replay has no bars.
    """
    total = timedelta()
    for day in filter(is_trading_day, {trading_date(since), trading_date(until)}):
        for opens, closes in ((MORNING_OPENS, MORNING_ENDS), (AFTERNOON_OPENS, CLOSE)):
            start, end = _instant(day, opens), _instant(day, closes)
            total += max(min(end, until) - max(start, since), timedelta())
    return total
