"""Entry: one line of what became of the watches beside their alerts; the memory behind ``/why``.

Nothing is kept per frame. What fired, told or not, is an alert and stands in its own table; an entry tells of what
changed in between, of what kept a rule from being judged, and, once a day, how near it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

from core.calendar import AUCTION_ENDS, session_close, trading_time
from core.clock import MARKET_ZONE
from core.frames import Quote
from core.judging import Rule, legs_of
from core.types import Symbol, to_milli
from core.view import Input, View
from core.watches import Arm, Watch
from core.zones import FOREVER, Gauge, Missing, Zone

MANY: Final = 50
"""Of a watch on more shares than this only the nearest are noted at the close, and no first judgements."""
APART: Final = timedelta(minutes=10)
"""Doubts of one symbol for one reason are one stretch unless so much trading time lies between them."""
BRIEF: Final = timedelta(minutes=1)
"""A doubt at the beginning of a session that is over in less than this is none: the first prices are under way."""


class Kind(IntEnum):
    """What an entry tells. The numbers are stored."""

    MADE = 1
    CHANGED = 2
    FOLLOWED = 3
    PAUSED = 4
    RESUMED = 5
    DONE = 6
    EXPIRED = 7
    DELETED = 8
    ARMED = 10
    """The condition does not hold, so the next crossing fires: judged for the first time, or left after it fired."""
    ALREADY = 11
    """It held when it was judged for the first time, so nothing fired."""
    NEAREST = 20
    """How near a rule came on one day."""
    UNJUDGED = 21
    """At the close of a day it could not be judged."""
    DOUBT = 30
    """Quotes of a symbol were not fit to be judged, from ``at`` to ``stamp``."""
    BLIND = 31
    """No quotes came at all, from ``at`` to ``stamp``."""
    QUIET = 40
    """Somebody's quiet hours were set or ended."""


STRETCHES: Final = frozenset({Kind.DOUBT, Kind.BLIND})
"""What lasts for a while."""
_LIVES: Final = frozenset({Kind.MADE, Kind.RESUMED})
_RESTS: Final = frozenset({Kind.PAUSED, Kind.DONE, Kind.EXPIRED})
STARTS: Final = _LIVES | {Kind.CHANGED}
"""From when on a watch is judged as it is."""
TURNS: Final = _LIVES | _RESTS
"""What begins or ends the life of a watch, or a rest in it."""


class Entry(NamedTuple):
    """One line. The first five fields are its key: an entry with the same key takes its place.

    Attributes:
        subject: the id of the watch, the symbol of a doubt, the owner of a setting or of a deleted watch, or nothing
            where it concerns everybody.
        at: aware UTC, to the millisecond.
        symbol, group: of the rule, where it is about one; of a deleted watch its first share and its number.
        stamp: when a stretch ended; of a price, its own time where that is known.
        reading: what the gauge showed. Of the price milli-yuan.
        bound: the end of the zone that came nearest, in the same unit.
        detail: frames of a doubt; of a nearest approach the sum of :data:`ARMED`, :data:`INSIDE` and :data:`LAST`.
        note: a source, a gauge or a text, by kind.
    """

    subject: str
    at: datetime
    kind: Kind
    symbol: str = ""
    group: int = 0
    stamp: datetime | None = None
    reading: int | None = None
    bound: int | None = None
    detail: int = 0
    note: str = ""

    @property
    def key(self) -> tuple[str, datetime, Kind, str, int]:
        return self[:5]

    @property
    def until(self) -> datetime:
        """The end of a stretch; of everything else its instant."""
        return self.stamp if self.stamp is not None and self.kind in STRETCHES else self.at


def turned(watch: Watch, kind: Kind, at: datetime, note: str = "") -> Entry:
    """A watch was made, changed, paused, resumed or ended."""
    return Entry(watch.id, at, kind, note=note)


def deleted(watch: Watch, at: datetime) -> Entry:
    """Kept under its owner: nobody finds it by its id any more."""
    first = next(iter(watch.symbols), "")
    return Entry(watch.owner, at, Kind.DELETED, first, watch.number, note=watch.condition_text())


def first_judged(
    watch: Watch, arms: Iterable[Arm], quotes: Callable[[Symbol], Quote | None], at: datetime
) -> list[Entry]:
    """How the rules of a watch stood when they were judged for the first time; none of a watch on very many shares."""
    if len(watch.symbols) > MANY:
        return []
    found = []
    for arm in arms:
        quote = quotes(arm.key.symbol)
        if arm.armed is not None and quote is not None and quote.last is not None:
            found.append(stood(arm, at, to_milli(quote.last), quote.quoted_at, quote.source))
    return found


def stood(arm: Arm, at: datetime, price: int, quoted_at: datetime, source: str) -> Entry:
    """A rule was armed, or held already when it was first judged.

    Args:
        price: milli-yuan.
    """
    kind = Kind.ARMED if arm.armed else Kind.ALREADY
    watch_id, symbol, group = arm.key
    return Entry(watch_id, at, kind, symbol, group, stamp=quoted_at, reading=price, note=source)


def begun(entries: Iterable[Entry], day: date) -> dict[str, datetime]:
    """When the watches of these entries began within that day to be judged as they are now; others are absent."""
    opens = datetime.combine(day, AUCTION_ENDS, MARKET_ZONE)
    starts = sorted(entry for entry in entries if entry.kind in STARTS and opens < entry.at < session_close(day))
    return {entry.subject: entry.at for entry in starts}


def live_between(entries: Iterable[Entry], since: datetime, until: datetime, *, now_live: bool) -> datetime | None:
    """From when in this span a watch was judged: its beginning, or later; None when it was not in all of it.

    Args:
        entries: those of the watch that say when it lived, in any order.
        now_live: how it is now, for watches whose beginning was never noted.
    """
    turns = sorted((one for one in entries if one.kind in TURNS), key=lambda one: one.at)
    before = [one for one in turns if one.at <= since]
    # What was never noted began before anything was noted.
    at_first = turns[0].kind in _RESTS if turns else now_live
    live = before[-1].kind in _LIVES if before else at_first
    if live:
        return since
    return next((one.at for one in turns if since < one.at < until and one.kind in _LIVES), None)


# -- how near


class Reach(NamedTuple):
    """What a symbol reached while a rule was judged on a day, milli-yuan, and when where that is known."""

    low: int
    high: int
    low_at: datetime | None = None
    high_at: datetime | None = None


ARMED, INSIDE, LAST = 1, 2, 4
"""Of a nearest approach: the rule waits for a crossing; it held; the reading is the day's last, not its nearest."""


class Approach(NamedTuple):
    """How near a rule came.

    Attributes:
        reading: what the gauge showed then.
        bound: the end of the zone that is nearest.
        inside: whether that was in the zone.
        last: whether it is the newest reading, because nothing is known of the earlier ones.
        at: None where nobody knows.
    """

    gauge: Gauge
    reading: int
    bound: int
    inside: bool
    last: bool
    at: datetime | None = None

    @property
    def apart(self) -> float:
        """How far it is to the zone, as a ratio of its end."""
        return 0.0 if self.inside else abs(self.reading - self.bound) / max(abs(self.bound), 1)

    def entry(self, rule: Rule, at: datetime) -> Entry:
        """As it is kept; ``at`` is the close of the day."""
        watch_id, symbol, group = rule.key
        flags = ARMED * (rule.arm.armed is True) + INSIDE * self.inside + LAST * self.last
        note = "" if self.gauge is Gauge.PRICE else self.gauge.value
        return Entry(watch_id, at, Kind.NEAREST, symbol, group, self.at, self.reading, self.bound, flags, note)


def unjudged(rule: Rule, at: datetime, missing: Missing) -> Entry:
    """A rule could not be judged at the close of a day."""
    watch_id, symbol, group = rule.key
    return Entry(watch_id, at, Kind.UNJUDGED, symbol, group, note=missing.what)


def approach_of(entry: Entry) -> Approach:
    """What an entry of a nearest approach says."""
    assert entry.reading is not None, "a nearest approach has its numbers"
    assert entry.bound is not None, "a nearest approach has its numbers"
    gauge = Gauge(entry.note) if entry.note else Gauge.PRICE
    flags = entry.detail
    return Approach(gauge, entry.reading, entry.bound, bool(flags & INSIDE), bool(flags & LAST), entry.stamp)


_MOVING: Final = frozenset({Input.MINUTES, Input.WINDOW, Input.QUEUE, Input.PEAK, Input.EXTREMES})
"""What moves a zone within a day: the prices of the morning say nothing about the zone of the close."""


def nearest(rule: Rule, view: View, reach: Reach | None) -> Approach | Missing:
    """How near a rule came, or why that cannot be said. Of conditions that must hold together the farthest counts.

    Args:
        reach: what the price reached; without it, and where the zone moves within the day, the newest quote counts.
    """
    legs = legs_of(rule, view)
    if isinstance(legs, Missing):
        return legs
    found = []
    for condition, leg in zip(rule.chosen, legs, strict=True):
        if isinstance(leg.reading, Missing):
            return leg.reading
        if leg.zone.low > leg.zone.high:
            return Missing("当天不可能触发")
        fixed = leg.gauge is Gauge.PRICE and not _MOVING.intersection(condition.inputs)
        known = fixed and reach is not None
        shown = reach if known and reach is not None else Reach(leg.reading, leg.reading, *[view.quote.quoted_at] * 2)
        found.append(_approach(leg.gauge, leg.zone, shown, last=not known))
    return max(found, key=lambda one: one.apart)


def _approach(gauge: Gauge, zone: Zone, reach: Reach, *, last: bool) -> Approach:
    """From above the lowest reading came nearest, from below the highest."""
    if reach.low > zone.high or zone.low <= -FOREVER:
        reading, bound, at = reach.low, zone.high, reach.low_at
    else:
        reading, bound, at = reach.high, zone.low, reach.high_at
    inside = reach.low <= zone.high and reach.high >= zone.low
    return Approach(gauge, reading, bound, inside, last, at)


# -- doubts


_NUMBERS: Final = re.compile(r"[\d.:]+")


@lru_cache(maxsize=1024)
def cause(why: str) -> str:
    """A reason without its numbers: what stays the same from frame to frame.

    >>> cause("行情过旧（5 分钟前的价格）") == cause("行情过旧（12 分钟前的价格）")
    True
    """
    return _NUMBERS.sub("", why)


class Stretch(NamedTuple):
    """Frames in which a symbol was in doubt for one reason."""

    symbol: Symbol
    why: str
    since: datetime
    until: datetime
    frames: int = 1

    def longer(self, why: str, at: datetime) -> Stretch:
        return Stretch(self.symbol, why, self.since, at, self.frames + 1)

    def over_at(self, now: datetime) -> bool:
        """Whether a doubt of ``now`` would be another stretch."""
        return now - self.until > APART and trading_time(self.until, now) > APART

    @property
    def counts(self) -> bool:
        """Whether it is worth a line: it lasted, or the market had been trading for a while when it began."""
        return self.until - self.since >= BRIEF or trading_time(self.since - BRIEF, self.since) == BRIEF

    def entry(self) -> Entry:
        return Entry(self.symbol, self.since, Kind.DOUBT, stamp=self.until, detail=self.frames, note=self.why)


def nearest_first(found: Sequence[tuple[Entry, float]], most: int = MANY) -> list[Entry]:
    """The entries of one watch that are kept of a day."""
    return [entry for entry, _ in sorted(found, key=lambda pair: pair[1])[:most]]
