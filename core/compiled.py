"""The array form of the kinds of condition: where very many of them hold, in one go.

:func:`solve` gives what ``condition.zone`` gives, for conditions that differ in nothing but their value.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core import thresholds
from core.bar_kinds import FUZZ
from core.calendar import MINUTES_A_DAY
from core.conditions import (
    AccountDrawdown,
    AccountLoss,
    AccountProfit,
    Condition,
    GapDown,
    GapUp,
    Indicator,
    LimitDown,
    LimitUp,
    MaCross,
    NewHigh,
    NewLow,
    PctDown,
    PctUp,
    QueueShrink,
    Speed,
    TrailingStop,
    VolumeRatio,
)
from core.frames import Frame, Ints
from core.indicators import Floats, Rows
from core.tape import NEVER, Tape
from core.zones import BAND_TICKS, EVERYWHERE, FOREVER, Gauge, Missing, Zone

MARKET_MS: Final = 8 * 3_600_000
"""Shanghai is so far ahead of UTC."""
WHOLE: Final = 10_000
"""Values are held in parts of this: percents to four decimals."""
_HUNDRED: Final = 100 * WHOLE

Percent = PctUp | PctDown | GapUp | GapDown | Speed | TrailingStop | QueueShrink | AccountDrawdown
OnBars = VolumeRatio | MaCross | Indicator | NewHigh | NewLow
Solvable = Percent | LimitUp | LimitDown | OnBars | AccountProfit | AccountLoss


class Zones(NamedTuple):
    """Zones of many conditions; ``low > high`` holds nothing.

    Attributes:
        known: False where something is missing.
    """

    low: Ints
    high: Ints
    known: NDArray[np.bool_]


def family_of(condition: Condition) -> tuple[Solvable, int]:
    """What a condition shares with others, and the value that it does not share."""
    assert isinstance(condition, Solvable), f"{condition} has no array form"
    if isinstance(condition, Percent):
        return condition.model_copy(update={"value": Decimal(1)}), int(condition.value * WHOLE)
    return condition, 0


def solve(family: Solvable, tape: Tape, frame: Frame | None, rows: Rows, values: Ints, peaks: Ints) -> Zones:
    """The zones of one family.

    Args:
        frame: the newest; None before the first.
        rows: the symbol of each condition, by the tape.
        peaks: the highest price that each has seen, milli-yuan; only of what falls from there.
    """
    match family:
        case PctUp(reference="preclose" | "open") | PctDown(reference="preclose" | "open"):
            return _percent(tape.reference(family.reference)[rows], values, up=isinstance(family, PctUp))
        case GapUp() | GapDown():
            return _percent(tape.reference("preclose")[rows], values, up=isinstance(family, GapUp))
        case LimitUp():
            return _limit_up(family, tape, frame, rows)
        case LimitDown():
            return _limit_down(family, tape, frame, rows)
        case Speed():
            low, high = tape.window(family.period_s)
            if family.direction == "up":
                base = low[rows]
                return _percent(np.where(base == NEVER, 0, base), values, up=True)
            return _percent(high[rows], values, up=False)
        case AccountProfit() | AccountLoss():
            # A person has few accounts, and what they are worth has room for no factor.
            bases = tape.reference(family.base)[rows]
            zones = np.array([family.beyond(base) for base in bases.tolist()], np.int64).reshape(-1, 2)
            return Zones(zones[:, 0], zones[:, 1], bases > 0)
        case TrailingStop() | AccountDrawdown():
            return _percent(peaks, values, up=False)
        case QueueShrink():
            return _percent(tape.queue(family.side)[rows], values, up=False)
        case Indicator(name="kdj"):
            return _kdj(family, tape, frame, rows)
        case VolumeRatio():
            return _leveled(family.level(tape.state("day"), rows), rising=True, scale=1)
        case MaCross() | Indicator():
            return _leveled(family.level(tape.state(family.period), rows), rising=family.rising)
        case NewHigh() | NewLow():
            return _leveled(family.level(tape.state("day"), rows), rising=family.rising)
        case _:
            raise AssertionError(f"{family} has no array form")


def moving(family: Solvable, tape: Tape, frame: Frame) -> Sequence[Ints]:
    """What the zones of a family hang on that may move with any frame, by the rows of the tape.

    The bars and the previous close are not among it: their changes are told otherwise. Nor are the peaks of a trailing
    stop, which each has of its own.
    """
    match family:
        case Speed():
            low, high = tape.window(family.period_s)
            return (low if family.direction == "up" else high,)
        case QueueShrink():
            return (tape.queue(family.side),)
        case LimitUp():
            return tape.reference("limit_up"), tape.extreme("high", frame)
        case LimitDown():
            return tape.reference("limit_down"), tape.extreme("low", frame)
        case Indicator(period="day"):
            return tape.extreme("high", frame), tape.extreme("low", frame)
        case Indicator():
            return tape.forming(family.period)
        case _:
            raise AssertionError(f"{family} does not move with every frame")


def _percent(base: Ints, values: Ints, *, up: bool) -> Zones:
    """So many percent above, or below, a whole number; 0 is none."""
    size = base.size
    if up:
        low = -((-base * (_HUNDRED + values)) // _HUNDRED)
        return Zones(low, np.full(size, FOREVER), base > 0)
    high = base * (_HUNDRED - values) // _HUNDRED
    return Zones(np.full(size, -FOREVER), high, base > 0)


def _limit_up(family: LimitUp, tape: Tape, frame: Frame | None, rows: Rows) -> Zones:
    limit = tape.reference("limit_up")[rows]
    if family.event == "hit":
        return Zones(limit, np.full(rows.size, FOREVER), limit > 0)
    touched = tape.extreme("high", frame)[rows] >= limit
    return Zones(np.where(touched, -FOREVER, 1), np.where(touched, limit - 1, 0), limit > 0)


def _limit_down(family: LimitDown, tape: Tape, frame: Frame | None, rows: Rows) -> Zones:
    limit = tape.reference("limit_down")[rows]
    if family.event == "hit":
        return Zones(np.full(rows.size, -FOREVER), limit, limit > 0)
    low = tape.extreme("low", frame)[rows]
    touched = (low > 0) & (low <= limit)
    return Zones(np.where(touched, limit + 1, 1), np.where(touched, FOREVER, 0), limit > 0)


def _kdj(family: Indicator, tape: Tape, frame: Frame | None, rows: Rows) -> Zones:
    state = tape.state(family.period)
    if family.period == "day":
        high, low = tape.extreme("high", frame), tape.extreme("low", frame)
    else:
        high, low = tape.forming(family.period)
    high, low = high[rows], low[rows]
    known = high > 0
    highest, lowest = thresholds.extremes(state, rows)
    level = thresholds.rsv_price(
        family.level(state, rows), np.maximum(highest, high / 1000), np.minimum(lowest, low / 1000)
    )
    zones = _leveled(level, rising=family.rising)
    return zones._replace(known=zones.known & known)


def _leveled(level: Floats, *, rising: bool, scale: int = 1000) -> Zones:
    """From, or up to, levels that floating point has solved."""
    known = ~np.isnan(level)
    scaled = np.where(known, level, 0.0) * scale
    endless = np.isinf(scaled)
    below = endless & (scaled < 0)
    scaled[endless] = 0.0
    if rising:
        low = np.ceil(scaled - FUZZ).astype(np.int64)
        high = np.full(level.size, FOREVER)
        everywhere, nowhere = below, endless & ~below
    else:
        low = np.full(level.size, -FOREVER)
        high = np.floor(scaled + FUZZ).astype(np.int64)
        everywhere, nowhere = endless & ~below, below
    low = np.where(everywhere, -FOREVER, np.where(nowhere, 1, low))
    high = np.where(everywhere, FOREVER, np.where(nowhere, 0, high))
    return Zones(low, high, known)


def widened(low: Ints, high: Ints, tick: Ints, band: int) -> tuple[Ints, Ints]:
    """What :meth:`core.zones.Zone.widened` gives.

    Args:
        tick: of each, in units of the gauge.
        band: percent of the threshold, in parts of WHOLE.
    """
    least = BAND_TICKS * tick
    empty = low > high
    down = np.where(empty | (low <= -FOREVER), low, low - _band(low, least, band))
    up = np.where(empty | (high >= FOREVER), high, high + _band(high, least, band))
    return down, up


def _band(threshold: Ints, least: Ints, band: int) -> Ints:
    # A threshold without end has no band; it is left out by who asks, and must not overflow here.
    size = np.where(np.abs(threshold) >= FOREVER, 0, np.abs(threshold))
    found: Ints = np.maximum(size * band // _HUNDRED, least)
    return found


def alike(zone: Zone | Missing, size: int) -> Zones:
    """The same zone so many times."""
    low, high = EVERYWHERE if isinstance(zone, Missing) else zone
    return Zones(np.full(size, low), np.full(size, high), np.full(size, not isinstance(zone, Missing)))


def readings(gauge: Gauge, frame: Frame) -> Ints:
    """What a gauge shows for every row of a frame; 0 where it shows nothing."""
    match gauge:
        case Gauge.PRICE | Gauge.TOTAL:
            return frame.last
        case Gauge.OPEN:
            return frame.open
        case Gauge.VOLUME:
            return frame.volume // 100
        case Gauge.PACE:
            return frame.volume // 100 * MINUTES_A_DAY // _minutes_traded(frame.quoted_at)
        case Gauge.AMOUNT:
            return frame.amount // 1000
        case Gauge.TURNOVER:
            return frame.turnover
        case _:
            raise AssertionError(f"{gauge} is not read from a frame alone")


def _minutes_traded(quoted_at: Ints) -> Ints:
    """What :func:`core.calendar.minutes_traded` gives, of milliseconds since 1970."""
    seconds = (quoted_at + MARKET_MS) // 1000 % 86_400
    morning = (seconds - 34_200).clip(0, 7_200)
    afternoon = (seconds - 46_800).clip(0, 7_200)
    begun = np.minimum((morning + afternoon) // 60 + 1, MINUTES_A_DAY)
    return np.where((morning < 7_200) | (afternoon > 0), begun, MINUTES_A_DAY // 2)
