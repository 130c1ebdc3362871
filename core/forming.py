"""Forming: the bars that frames are making now, of a day and of minutes, for the whole market at once.

The bar of a day is the newest row of the frames: what it says of the day's open, high, low and volume needs no adding
up. The bars of minutes are made of the rows: a frame belongs to the minute of its newest price, since a source stamps
what it shows within seconds, and a price that arrives late counts in the minute in which it arrived. Where the day's
high or low moved between two frames, the bar has it too. Volume is what was added since the bar before; after a gap,
since the first frame, for nobody knows in which minute the rest was traded.

Only rows with a price, stamped in the session of the frame's day, count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.bars import MINUTES, Bar, Period, day_label, end_minute
from core.calendar import is_trading_day
from core.clock import MARKET_ZONE, market_time
from core.frames import Frame, Ints
from core.types import Money, Symbol, from_milli, to_milli

OPEN, HIGH, LOW, CLOSE, VOLUME, AMOUNT = range(6)
"""The lines of an array of bars: milli-yuan, shares, yuan."""
UNTOLD: Final = -1
"""An amount that nobody tells."""

_MINUTE_MS: Final = 60_000
# As core.calendar.is_session has it, in milliseconds since midnight.
_AUCTION, _LUNCH, _AFTERNOON, _OVER = (minute * _MINUTE_MS for minute in (9 * 60 + 25, 11 * 60 + 31, 13 * 60, 902))
_SETTLED: Final = (15 * 60 + 5) * _MINUTE_MS
"""With a frame from here on a day is over."""
_FIRST: Final = 9 * 60 + 31
_FRESH: Final = 3 * _MINUTE_MS
_LISTS: Final = 8
"""How many lists of symbols are known at a time; a source has one, a replay of bars with holes several."""

T = TypeVar("T", bound=np.generic)
Place = slice | NDArray[np.intp]


def bar_of(symbol: Symbol, at: datetime, values: Ints) -> Bar:
    """The bar of one column, six numbers."""
    opened, high, low, close, volume, amount = values.tolist()
    return Bar(
        symbol,
        at,
        from_milli(opened),
        from_milli(high),
        from_milli(low),
        from_milli(close),
        volume,
        None if amount == UNTOLD else Money(amount),
    )


def numbers_of(bars: Sequence[Bar]) -> Ints:
    """The bars as an array of shape (6, bars)."""
    rows = [
        (
            to_milli(bar.open),
            to_milli(bar.high),
            to_milli(bar.low),
            to_milli(bar.close),
            bar.volume,
            UNTOLD if bar.amount is None else round(bar.amount),
        )
        for bar in bars
    ]
    return np.array(rows, dtype=np.int64).reshape(len(rows), 6).T.copy()


def add_up(earlier: Ints, later: Ints) -> Ints:
    """One bar of two that follow each other, or of two rows of many: shape (6, ...)."""
    amount = np.where((earlier[AMOUNT] < 0) | (later[AMOUNT] < 0), UNTOLD, earlier[AMOUNT] + later[AMOUNT])
    return np.stack(
        [
            earlier[OPEN],
            np.maximum(earlier[HIGH], later[HIGH]),
            np.minimum(earlier[LOW], later[LOW]),
            later[CLOSE],
            earlier[VOLUME] + later[VOLUME],
            amount,
        ]
    )


@dataclass(frozen=True, slots=True, eq=False)
class Block(Mapping[Symbol, Bar]):
    """The bars of one period that ended together; each is made when it is asked for.

    Attributes:
        at: aware UTC, the label.
        numbers: shape (6, symbols), see :data:`OPEN`.
    """

    period: Period
    at: datetime
    source: str
    rows: Mapping[Symbol, int]
    numbers: Ints

    def __getitem__(self, symbol: Symbol) -> Bar:
        return bar_of(symbol, self.at, self.numbers[:, self.rows[symbol]])

    def __iter__(self) -> Iterator[Symbol]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class First(NamedTuple):
    """The first row of a symbol on a day. ``preclose`` in milli-yuan, 0 where unknown."""

    symbol: Symbol
    preclose: int


class _Rows(NamedTuple):
    """The rows of a frame that count.

    Attributes:
        pick: where in the frame they are.
        place: the columns of their symbols.
    """

    pick: Place
    place: Place
    open: Ints
    high: Ints
    low: Ints
    last: Ints
    volume: Ints
    amount: Ints


class _Longer:
    """Bars of several minutes, added up of those of one."""

    def __init__(self, minutes: int) -> None:
        self._minutes = minutes
        self.label = 0
        self.values = np.zeros((6, 0), dtype=np.int64)
        self.has = np.zeros(0, dtype=np.bool_)

    def widen(self, width: int) -> None:
        self.values, self.has = _wider(self.values, width), _wider(self.has, width)

    def begins(self, minute: int) -> bool:
        """Whether the bar of this minute is another one than the bar that is forming."""
        return bool(self.has.any()) and end_minute(minute, self._minutes) != self.label

    def add(self, minute: int, columns: NDArray[np.intp], values: Ints) -> None:
        self.label = end_minute(minute, self._minutes)
        old = self.values[:, columns]
        self.values[:, columns] = np.where(self.has[columns], add_up(old, values), values)
        self.has[columns] = True

    def end(self) -> tuple[NDArray[np.intp], Ints]:
        columns = np.flatnonzero(self.has)
        self.has[:] = False
        return columns, self.values[:, columns]


class Forming:
    """Follows frames. A symbol that once came keeps its column.

    Args:
        most: of how many symbols bars of minutes are made; where there are more, only of those that were asked for.
    """

    def __init__(self, most: int) -> None:
        self.day: date | None = None
        self._most = most
        self._asked: set[Symbol] = set()
        self._columns: dict[Symbol, int] = {}
        self._symbols: list[Symbol] = []
        self._places: list[tuple[tuple[Symbol, ...], Place]] = []
        self._listed: tuple[NDArray[np.intp], dict[Symbol, int]] = np.zeros(0, dtype=np.intp), {}
        self._midnight = 0
        self._trades = False
        self._source = ""
        self._over = True
        self._minute = 0
        # One entry per column. The day's bar so far, whether there is one, and the last minute that had a price.
        self._today = np.zeros((6, 0), dtype=np.int64)
        self._seen = np.zeros(0, dtype=np.bool_)
        self._priced = np.zeros(0, dtype=np.int64)
        # The minute's bar so far, without what was traded: that is the day's less what it was when the minute began.
        self._bar = np.zeros((4, 0), dtype=np.int64)
        self._before = np.zeros((2, 0), dtype=np.int64)
        self._touched = np.zeros(0, dtype=np.bool_)
        self._kept = np.zeros(0, dtype=np.bool_)
        self._longer: dict[Period, _Longer] = {
            period: _Longer(minutes) for period, minutes in MINUTES.items() if minutes > 1
        }

    def ask(self, symbols: Collection[Symbol]) -> None:
        """Make bars of minutes of these, however many there are."""
        if not self._asked.issuperset(symbols):
            self._asked.update(symbols)
            self._choose()

    def take(self, frame: Frame) -> tuple[list[Block], list[First]]:
        """Follow one frame: what ended with it, shorter periods first, and the first rows of the day."""
        ended: list[Block] = []
        day = market_time(frame.at).date()
        midnight = self._midnight
        if day != self.day or not midnight:
            midnight = _milliseconds(datetime.combine(day, datetime.min.time(), MARKET_ZONE))
            self._trades = is_trading_day(day)
        since = frame.quoted_at - midnight
        fit = (frame.last > 0) & (since >= _AUCTION) & (since < _OVER) & ((since < _LUNCH) | (since >= _AFTERNOON))
        fit &= ~frame.suspended
        now = _milliseconds(frame.at) - midnight
        if self._trades and fit.any():
            if day != self.day:
                ended += self.finish()
                self._begin(day, midnight)
            if not self._over:
                rows = self._fitting(frame, fit)
                newest = min(int(since[fit].max()), now)
                # At lunch and after the close the last price goes on being shown; nothing is added to its minute.
                if now - newest < _FRESH:
                    self._follow_minute(rows, end_minute(-(-newest // _MINUTE_MS)), ended)
                firsts = self._follow_day(rows, frame)
                if now >= _SETTLED:
                    ended += self.finish()
                return ended, firsts
        if day == self.day and now >= _SETTLED:
            ended += self.finish()
        return ended, []

    def finish(self) -> list[Block]:
        """The day is over: what it was still forming, and its own bar."""
        if self._over or self.day is None:
            return []
        ended: list[Block] = []
        self._end_minute(ended)
        for period, longer in self._longer.items():
            if longer.has.any():
                ended.append(self._block(period, longer.label, *longer.end()))
        seen = np.flatnonzero(self._seen)
        values = self._today[:, seen]
        values[AMOUNT] = np.where(values[AMOUNT] > 0, values[AMOUNT], UNTOLD)
        ended.append(Block("day", day_label(self.day), self._source, self._rows(seen), values))
        self._over = True
        return ended

    def bar(self, symbol: Symbol, period: Period) -> Bar | None:
        """The bar that is forming now; None where nothing of it has been seen."""
        column = self._columns.get(symbol)
        if column is None or self._over or self.day is None or not self._seen[column]:
            return None
        one = np.array([column])
        if period == "day":
            values = self._today[:, one].copy()
            values[AMOUNT] = np.where(values[AMOUNT] > 0, values[AMOUNT], UNTOLD)
            return bar_of(symbol, day_label(self.day), values[:, 0])
        at = end_minute(self._minute, MINUTES[period])
        parts = [self._values(one)] if self._touched[column] else []
        if period in self._longer:
            longer = self._longer[period]
            if longer.has[column] and longer.label == at:
                parts.insert(0, longer.values[:, one])
        if not parts:
            return None
        return bar_of(symbol, self._at(at), (add_up(*parts) if len(parts) == 2 else parts[0])[:, 0])

    def _begin(self, day: date, midnight: int) -> None:
        self.day, self._midnight, self._over, self._minute = day, midnight, False, 0
        for array in (self._today, self._seen, self._priced, self._touched):
            array[:] = 0

    def _fitting(self, frame: Frame, fit: NDArray[np.bool_]) -> _Rows:
        place = self._place(frame)
        pick: Place = slice(None)
        if not fit.all():
            pick = np.flatnonzero(fit)
            place = pick if isinstance(place, slice) else place[pick]
        columns = (frame.open, frame.high, frame.low, frame.last, frame.volume, frame.amount)
        return _Rows(pick, place, *(column[pick] for column in columns))

    def _follow_minute(self, rows: _Rows, minute: int, ended: list[Block]) -> None:
        if minute > self._minute:
            self._end_minute(ended)
            self._minute = minute
        place, last = rows.place, rows.last
        seen, before, bar = self._seen[place], self._today[:, place], self._bar
        was_followed = seen & (self._priced[place] >= _minute_before(self._minute))
        fresh = ~self._touched[place]
        if fresh.any():
            columns = np.arange(len(self._symbols))[place][fresh]
            # What was traded before the first frame of a day belongs to its first minute, if that is when it comes.
            unknown = np.where(seen | (self._minute > _FIRST), np.stack([rows.volume, rows.amount]), 0)
            self._before[:, columns] = np.where(was_followed, before[VOLUME:], unknown)[:, fresh]
            bar[:, columns] = last[fresh]
            self._touched[columns] = True
        rose = was_followed & (rows.high > before[HIGH])
        fell = was_followed & (rows.low < before[LOW]) & (rows.low > 0)
        bar[HIGH, place] = np.maximum(bar[HIGH, place], np.where(rose, rows.high, last))
        bar[LOW, place] = np.minimum(bar[LOW, place], np.where(fell, rows.low, last))
        bar[CLOSE, place] = last
        self._priced[place] = self._minute

    def _follow_day(self, rows: _Rows, frame: Frame) -> list[First]:
        self._source = frame.source
        place, last = rows.place, rows.last
        seen, today = self._seen[place], self._today
        firsts: list[First] = []
        if not seen.all():
            chosen = np.arange(len(frame))[rows.pick][~seen]
            firsts = [First(frame.symbols[row], frame.preclose.item(row)) for row in chosen.tolist()]
            today[:, place] = np.where(seen, today[:, place], last)
            self._seen[place] = True
        today[OPEN, place] = np.where(rows.open > 0, rows.open, today[OPEN, place])
        today[HIGH, place] = np.maximum(np.where(rows.high > 0, rows.high, today[HIGH, place]), last)
        today[LOW, place] = np.minimum(np.where(rows.low > 0, rows.low, today[LOW, place]), last)
        today[CLOSE, place], today[VOLUME, place], today[AMOUNT, place] = last, rows.volume, rows.amount
        return firsts

    def _end_minute(self, ended: list[Block]) -> None:
        columns = np.flatnonzero(self._touched & self._kept)
        self._touched[:] = False
        if not len(columns):
            return
        values = self._values(columns)
        ended.append(self._block("1m", self._minute, columns, values))
        for period, longer in self._longer.items():
            if longer.begins(self._minute):
                ended.append(self._block(period, longer.label, *longer.end()))
            longer.add(self._minute, columns, values)
            if longer.label == self._minute:
                ended.append(self._block(period, self._minute, *longer.end()))

    def _values(self, columns: NDArray[np.intp]) -> Ints:
        """The minute's bars of these columns."""
        today, before = self._today[VOLUME:, columns], self._before[:, columns]
        traded = np.maximum(today - before, 0)
        traded[1] = np.where(today[1] > 0, traded[1], UNTOLD)
        return np.concatenate([self._bar[:, columns], traded])

    def _block(self, period: Period, minute: int, columns: NDArray[np.intp], values: Ints) -> Block:
        return Block(period, self._at(minute), self._source, self._rows(columns), values)

    def _rows(self, columns: NDArray[np.intp]) -> dict[Symbol, int]:
        """The rows of a block of these columns; blocks share them while the columns stay the same."""
        if not np.array_equal(columns, self._listed[0]):
            self._listed = columns, {self._symbols[column]: row for row, column in enumerate(columns.tolist())}
        return self._listed[1]

    def _at(self, minute: int) -> datetime:
        return datetime.fromtimestamp(self._midnight / 1000 + minute * 60, UTC)

    def _place(self, frame: Frame) -> Place:
        """Where the symbols of a frame have their columns."""
        for symbols, place in self._places:
            if symbols is frame.symbols:
                return place
        new = [symbol for symbol in frame.symbols if symbol not in self._columns]
        if new:
            self._columns.update({symbol: len(self._symbols) + row for row, symbol in enumerate(new)})
            self._symbols += new
            self._widen(len(self._symbols))
        columns = [self._columns[symbol] for symbol in frame.symbols]
        is_straight = columns == list(range(len(columns)))
        found: Place = slice(0, len(columns)) if is_straight else np.array(columns, dtype=np.intp)
        self._places = [(frame.symbols, found), *self._places[: _LISTS - 1]]
        return found

    def _widen(self, width: int) -> None:
        self._today, self._bar = _wider(self._today, width), _wider(self._bar, width)
        self._before, self._seen = _wider(self._before, width), _wider(self._seen, width)
        self._priced, self._touched = _wider(self._priced, width), _wider(self._touched, width)
        for longer in self._longer.values():
            longer.widen(width)
        self._choose()

    def _choose(self) -> None:
        is_few = len(self._symbols) <= self._most
        self._kept = np.array([is_few or symbol in self._asked for symbol in self._symbols], dtype=np.bool_)


def _minute_before(minute: int) -> int:
    """The minute of trading before this one."""
    return _LUNCH // _MINUTE_MS - 1 if minute == _AFTERNOON // _MINUTE_MS + 1 else minute - 1


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _wider(array: NDArray[T], width: int) -> NDArray[T]:
    wider = np.zeros((*array.shape[:-1], width), dtype=array.dtype)
    wider[..., : array.shape[-1]] = array
    return wider
