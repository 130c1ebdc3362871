"""Alerts counted by hand: over raw rows, the few plain lines of each kind that say when it holds and when it rests.

Nothing here knows of the house. A kind is a function that yields, for each row, whether it holds there and whether it
has left its band; :func:`crossings` counts. ::

    len(crossings(price("up", "11.10")(recording), daily=False))
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import accumulate, groupby
from typing import Final, NamedTuple

from tests.fakes import oracle


class Row(NamedTuple):
    """A row of a file; ``clock`` as it stands there."""

    day: str
    clock: str
    price: Decimal
    shares: int

    @property
    def seconds(self) -> int:
        hours, minutes, seconds = map(int, self.clock.split(":"))
        return hours * 3600 + minutes * 60 + seconds

    def __str__(self) -> str:
        return f"{self.day} {self.clock} {self.price}"


class Seen(NamedTuple):
    """A row, whether the condition holds there, and whether it has left the band around its threshold."""

    row: Row
    inside: bool
    left: bool


class Day(NamedTuple):
    """What is left of a day when it is over."""

    high: Decimal
    low: Decimal
    close: Decimal
    shares: int


class Recording(NamedTuple):
    """The rows that are judged, and the days before them."""

    rows: Sequence[Row]
    past: Sequence[Day] = ()

    def days(self) -> Iterator[tuple[list[Row], list[Day]]]:
        """Each day's rows, with all days that are over by then."""
        past = list(self.past)
        for _, rows in groupby(self.rows, lambda row: row.day):
            day = list(rows)
            yield day, past
            past = [*past, day_of(day)]


def day_of(rows: Sequence[Row]) -> Day:
    prices = [row.price for row in rows]
    return Day(max(prices), min(prices), prices[-1], sum(row.shares for row in rows))


By = Callable[[Recording], Iterator[Seen]]
Closes = list[Decimal]
Holds = Callable[[Closes], bool]


def crossings(seen: Iterable[Seen], *, daily: bool) -> list[Row]:
    """The rows that fire: inside while armed. What is about the day is armed anew by each day's first row."""
    armed: bool | None = None
    found, day = [], ""
    for row, inside, left in seen:
        if daily and row.day != day and armed is False:
            armed = True
        day = row.day
        if inside:
            found += [row] if armed else []
            armed = False
        elif left or armed is None:
            armed = True
    return found


def band(threshold: Decimal) -> Decimal:
    """Half a percent of the threshold, two ticks at least."""
    return max(threshold / 200, Decimal("0.02"))


def up_to(row: Row, threshold: Decimal) -> Seen:
    return Seen(row, row.price >= threshold, row.price < threshold - band(threshold))


def down_to(row: Row, threshold: Decimal) -> Seen:
    return Seen(row, row.price <= threshold, row.price > threshold + band(threshold))


TO: Final = {"up": up_to, "down": down_to}
SIGN: Final = {"up": 1, "down": -1}


def price(way: str, threshold: str | Decimal) -> By:
    return lambda tape: (TO[way](row, Decimal(threshold)) for row in tape.rows)


def within(low: str, high: str) -> By:
    bottom, top = Decimal(low), Decimal(high)

    def found(tape: Recording) -> Iterator[Seen]:
        for row in tape.rows:
            far = row.price < bottom - band(bottom) or row.price > top + band(top)
            yield Seen(row, bottom <= row.price <= top, far)

    return found


def percent(way: str, value: str, of: str) -> By:
    """Of the previous close or the open."""

    def found(tape: Recording) -> Iterator[Seen]:
        for day, past in tape.days():
            base = day[0].price if of == "open" else past[-1].close if past else None
            if base is not None:
                yield from (TO[way](row, base * (100 + SIGN[way] * Decimal(value)) / 100) for row in day)

    return found


def gap(way: str, value: str) -> By:
    """The same of the day's first price, whatever comes after it."""

    def found(tape: Recording) -> Iterator[Seen]:
        for day, past in tape.days():
            if past:
                first = TO[way](day[0], past[-1].close * (100 + SIGN[way] * Decimal(value)) / 100)
                yield from (Seen(row, first.inside, first.left) for row in day)

    return found


def limit_up(event: str) -> By:
    """At a tenth above the previous close, to the fen; or off it again after it was reached today."""

    def found(tape: Recording) -> Iterator[Seen]:
        for day, past in tape.days():
            reached = False
            for row in day if past else []:
                limit = (past[-1].close * Decimal("1.1")).quantize(Decimal("0.01"), ROUND_HALF_UP)
                reached = reached or row.price >= limit
                off = reached and row.price < limit
                yield up_to(row, limit) if event == "hit" else Seen(row, off, not off)

    return found


def moving(way: str, value: str, seconds: int) -> By:
    """Of the lowest, or highest, price of the last seconds; every three seconds the last price is shown again."""

    def found(tape: Recording) -> Iterator[Seen]:
        for day, _ in tape.days():
            shown: list[tuple[int, Decimal]] = []
            for row, following in zip(day, [*day[1:], None], strict=True):
                end = row.seconds + 1 if following is None else following.seconds
                for at in range(row.seconds, end, 3):
                    if 41_403 < at < 46_799:  # lunch
                        continue
                    shown = [(when, old) for when, old in shown if when >= at - seconds] + [(at, row.price)]
                    far = (min if way == "up" else max)(old for _, old in shown)
                    yield TO[way](row, far * (100 + SIGN[way] * Decimal(value)) / 100)

    return found


def trailing(value: str) -> By:
    """Under the highest price so far."""

    def found(tape: Recording) -> Iterator[Seen]:
        peaks = accumulate((row.price for row in tape.rows), max)
        for row, peak in zip(tape.rows, peaks, strict=True):
            yield down_to(row, peak * (100 - Decimal(value)) / 100)

    return found


def new_high(days: int) -> By:
    """Above the highest price of the days that are over, by a thousandth at least."""

    def found(tape: Recording) -> Iterator[Seen]:
        for day, past in tape.days():
            if len(past) >= days:
                threshold = max(one.high for one in past[-days:]) + Decimal("0.001")
                yield from (up_to(row, threshold) for row in day)

    return found


def volume(times: str, days: int, *, pace: bool = False) -> By:
    """Lots of today, or what the whole day would have at this pace, against the mean of the days before."""

    def found(tape: Recording) -> Iterator[Seen]:
        for day, past in tape.days():
            if len(past) < days:
                continue
            threshold = Decimal(times) * sum(one.shares for one in past[-days:]) / days / 100
            for at, (row, shares) in enumerate(zip(day, accumulate(row.shares for row in day), strict=True)):
                lots = shares // 100
                # At the end of a point's minute the next one has begun, except at the bells.
                lots = lots * 240 // (at + 1 + (at not in {119, 239})) if pace else lots
                yield Seen(row, lots >= threshold, lots < threshold * Decimal("0.995"))

    return found


def amount(yuan: int) -> By:
    def found(tape: Recording) -> Iterator[Seen]:
        for day, _ in tape.days():
            for row, traded in zip(day, accumulate(row.price * row.shares for row in day), strict=True):
                yield Seen(row, traded >= yuan, traded < yuan * Decimal("0.995"))

    return found


def turning(way: str, closes: Closes, holds: Holds) -> Decimal:
    """The price from which, or down from which, it holds as the next close, to a thousandth."""

    def over(at: int) -> bool:
        return holds([*closes, Decimal(at + 1) / 1000]) == (way == "up")

    milli = bisect_left(range(10**7), True, key=over) + 1
    return Decimal(milli if way == "up" else milli - 1) / 1000


def on_days(way: str, needed: int, holds: Holds) -> By:
    """An indicator of the closes of days, the last of them the price of now."""

    def found(tape: Recording) -> Iterator[Seen]:
        for day, past in tape.days():
            closes = [one.close for one in past]
            if len(closes) >= needed:
                threshold = turning(way, closes, holds)
                yield from (TO[way](row, threshold) for row in day)

    return found


def in_fives(way: str, needed: int, holds: Holds) -> By:
    """The same of five minutes; the opening auction belongs to the first ones, what comes after a bell to the last."""

    def found(tape: Recording) -> Iterator[Seen]:
        closes: Closes = []
        for _, rows in groupby(tape.rows, lambda row: (row.day, *five_of(row.seconds))):
            bar = list(rows)
            if len(closes) >= needed:
                threshold = turning(way, closes[-needed:], holds)
                yield from (TO[way](row, threshold) for row in bar)
            closes.append(bar[-1].price)

    return found


def five_of(seconds: int) -> tuple[bool, int]:
    afternoon = seconds > 46_000
    return afternoon, min(max(seconds - (46_800 if afternoon else 34_200), 0) // 300, 23)


def averages(way: str, fast: int, slow: int) -> Holds:
    """In whole numbers, since lines of real prices do meet exactly."""
    return lambda closes: (slow * sum(closes[-fast:]) - fast * sum(closes[-slow:])) * SIGN[way] >= 0


def macd(way: str) -> Holds:
    def holds(closes: Closes) -> bool:
        dif, dea = oracle.macd(floats(closes))
        return (dif - dea) * SIGN[way] >= 0

    return holds


def rsi_under(value: int) -> Holds:
    return lambda closes: oracle.rsi(floats(closes), 6) <= value


def upper_band(closes: Closes) -> bool:
    return closes[-1] >= Decimal(oracle.boll(floats(closes), 20, 2, 19)[0])


def floats(values: Iterable[Decimal]) -> list[float]:
    return [float(value) for value in values]


def kdj(way: str) -> By:
    """K = 2/3 K + 1/3 RSV and D = 2/3 D + 1/3 K, so K meets D where RSV is 3 D - 2 K."""

    def found(tape: Recording) -> Iterator[Seen]:
        for day, past in tape.days():
            if len(past) < 8:
                continue
            columns = (floats(getattr(one, name) for one in past) for name in ("close", "high", "low"))
            k, d, _ = oracle.kdj(*columns)
            high, low = max(one.high for one in past[-8:]), min(one.low for one in past[-8:])
            for row in day:
                high, low = max(high, row.price), min(low, row.price)
                yield TO[way](row, low + Decimal((3 * d - 2 * k) / 100) * (high - low))

    return found


def both(one: By, other: By) -> By:
    def found(tape: Recording) -> Iterator[Seen]:
        for first, second in zip(one(tape), other(tape), strict=True):
            yield Seen(first.row, first.inside and second.inside, first.left or second.left)

    return found
