"""Edition: which of the four reports, when each is due and of which days it is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from core.calendar import (
    CLOSE,
    MORNING_OPENS,
    is_trading_day,
    next_trading_day,
    previous_trading_day,
    trading_days,
)
from core.clock import MARKET_ZONE, market_time
from core.sheet import day_meant

AHEAD: Final = timedelta(days=7)
"""How far ahead a closed market is told."""
_DAY: Final = timedelta(days=1)


class Edition(StrEnum):
    """Which of the four."""

    MORNING = "morning"
    NOON = "noon"
    CLOSE = "close"
    WEEK = "week"

    @property
    def chinese(self) -> str:
        return {"morning": "盘前", "noon": "午间", "close": "盘后", "week": "周报"}[self.value]


class Hours(NamedTuple):
    """Market time: when it is sent, and until when a late one still says something."""

    at: time
    until: time


HOURS: Final[Mapping[Edition, Hours]] = {
    Edition.MORNING: Hours(time(9, 0), MORNING_OPENS),
    Edition.NOON: Hours(time(11, 35), time(13, 0)),
    Edition.CLOSE: Hours(time(15, 10), time.max),
    Edition.WEEK: Hours(time(15, 20), time.max),
}


def ends_week(day: date) -> bool:
    """Whether a trading day is the last one of its week.

    >>> ends_week(date(2026, 9, 30)), ends_week(date(2026, 10, 8)), ends_week(date(2026, 10, 9))
    (True, False, True)
    """
    return _week(next_trading_day(day)) != _week(day)


def _week(day: date) -> tuple[int, int]:
    return day.isocalendar()[:2]


def due(edition: Edition, now: datetime) -> bool:
    """Whether today's is to be sent by now, and still says something."""
    local = market_time(now)
    day, hours = local.date(), HOURS[edition]
    if not is_trading_day(day) or not hours.at <= local.time() < hours.until:
        return False
    return edition is not Edition.WEEK or ends_week(day)


def under_way(now: datetime) -> bool:
    """Whether a day has begun to trade and is not over."""
    local = market_time(now)
    return is_trading_day(local.date()) and MORNING_OPENS <= local.time() < CLOSE


def next_at(edition: Edition, now: datetime) -> datetime:
    """When it is sent next."""
    day = market_time(now).date()
    while True:
        at = datetime.combine(day, HOURS[edition].at, MARKET_ZONE)
        if at > now and is_trading_day(day) and (edition is not Edition.WEEK or ends_week(day)):
            return at
        day += _DAY


def fitting(now: datetime) -> Edition:
    """What somebody wants who asks for a report at this hour."""
    local = market_time(now)
    today = local.date()
    if not is_trading_day(today):
        return Edition.WEEK if ends_week(previous_trading_day(today)) else Edition.CLOSE
    if local.time() < MORNING_OPENS:
        return Edition.MORNING
    return Edition.NOON if local.time() < CLOSE else Edition.CLOSE


def day_of(edition: Edition, now: datetime) -> date:
    """The trading day that it is about: the coming one for 盘前, the last one that has begun for the others."""
    if edition is not Edition.MORNING:
        return day_meant(now)
    local = market_time(now)
    today = local.date()
    return today if is_trading_day(today) and local.time() < CLOSE else next_trading_day(today)


def first_day(edition: Edition, day: date) -> date:
    """The first day that it looks back on: the Monday of the week, or the day itself."""
    return day - day.weekday() * _DAY if edition is Edition.WEEK else day


class Closure(NamedTuple):
    """Days without trading that are more than a weekend.

    Attributes:
        first, last: the days of rest between the two trading days, weekends included.
        opens: the first trading day after it; ``before`` the last one before.
    """

    before: date
    first: date
    last: date
    opens: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def closure_after(day: date) -> Closure | None:
    """The rest between a trading day and the next one, where that is more than a weekend.

    >>> closure_after(date(2026, 9, 30)).days, closure_after(date(2026, 10, 9))
    (7, None)
    """
    opens = next_trading_day(day)
    first, last = day + _DAY, opens - _DAY
    rests = ((last - first).days + 1) if last >= first else 0
    weekdays = sum((first + step * _DAY).weekday() < 5 for step in range(rests))
    return Closure(day, first, last, opens) if weekdays else None


def closure_ahead(day: date) -> Closure | None:
    """The next such rest that begins within a week of this trading day."""
    for before in trading_days(day, day + AHEAD):
        if (found := closure_after(before)) is not None and found.first <= day + AHEAD:
            return found
    return None
