"""Tape: what the frames and bars so far have shown, symbol by symbol, beside the newest quote.

Here every symbol has its row, the same in every array that outlives a frame: the windows of prices that a speed is
measured over, the largest queues at the limits, and the indicators of days and minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal, NamedTuple

import numpy as np

from core.bars import Bar, Period
from core.clock import market_time
from core.forming import CLOSE, HIGH, LOW, VOLUME, numbers_of
from core.frames import Frame, Ints
from core.indicators import Indicators
from core.ladder import Rows, grown
from core.types import Symbol, from_milli, to_milli
from core.view import Lines, Way

Doubts = Callable[[Frame, Rows], Mapping[int, str]]
"""Which of these rows of a frame must not be judged, and why, in Chinese."""

NEVER: Final = 2**62
LISTS: Final = 3
"""Frames of so many lists of symbols may take turns without being looked up anew."""
Extreme = Literal["high", "low"]
REFERENCES: Final = ("preclose", "open", "limit_up", "limit_down")
_NO_ROWS: Final[Rows] = np.zeros(0, np.intp)
_NO_INTS: Final[Ints] = np.zeros(0, np.int64)


class _Window:
    """The lowest and highest prices of the last seconds.

    Two stacks: what came last is folded into one running extreme, what came before it into one extreme per frame, so
    that a frame costs two comparisons per symbol however long the window is.
    """

    def __init__(self, seconds: int, size: int) -> None:
        self._span = timedelta(seconds=seconds)
        self._front: list[tuple[datetime, Ints, Ints]] = []
        self._back: list[tuple[datetime, Ints, Ints]] = []
        self.low: Ints = np.full(size, NEVER, np.int64)
        self.high: Ints = np.zeros(size, np.int64)
        self._back_low, self._back_high = self.low.copy(), self.high.copy()

    def clear(self) -> None:
        self._front.clear()
        self._back.clear()
        self._back_low[:], self._back_high[:] = NEVER, 0

    def add(self, at: datetime, low: Ints, high: Ints) -> None:
        """Take in the prices of a frame: ``low`` is NEVER, and ``high`` 0, where there is none."""
        size = len(low)
        self._back.append((at, low, high))
        self._back_low = np.minimum(grown(self._back_low, size, NEVER)[:size], low)
        self._back_high = np.maximum(grown(self._back_high, size)[:size], high)
        oldest = at - self._span
        while True:
            if not self._front:
                if self._back[0][0] >= oldest:
                    break
                self._turn(size)
            if self._front[-1][0] >= oldest:
                break
            self._front.pop()
        self.low, self.high = self._back_low, self._back_high
        if self._front:
            _, front_low, front_high = self._front[-1]
            self.low = np.minimum(grown(front_low, size, NEVER)[:size], self.low)
            self.high = np.maximum(grown(front_high, size)[:size], self.high)

    def _turn(self, size: int) -> None:
        """Fold the frames that came last, from the newest to the oldest."""
        low: Ints = np.full(size, NEVER, np.int64)
        high: Ints = np.zeros(size, np.int64)
        for at, lows, highs in reversed(self._back):
            low = np.minimum(low, grown(lows, size, NEVER)[:size])
            high = np.maximum(high, grown(highs, size)[:size])
            self._front.append((at, low, high))
        self._back.clear()
        self._back_low, self._back_high = np.full(size, NEVER, np.int64), np.zeros(size, np.int64)


class _Forming:
    """The extremes of the minute bars that have not closed."""

    def __init__(self) -> None:
        self.high: Ints = np.zeros(0, np.int64)
        self.low: Ints = np.zeros(0, np.int64)

    def grow(self, size: int) -> None:
        self.high, self.low = grown(self.high, size), grown(self.low, size, NEVER)


class _Listed(NamedTuple):
    """The symbols of frames that share their list, their rows, and the reference prices that came with them last."""

    symbols: tuple[Symbol, ...]
    rows: Rows
    seen: dict[str, Ints]


class Tape:
    """Follows frames and bars. Not thread-safe: it belongs to the loop."""

    def __init__(self) -> None:
        self._rows: dict[Symbol, int] = {}
        self.symbols: list[Symbol] = []
        self._lists: list[_Listed] = []
        """Of the newest frames: those of the stream, of a sweep and of accounts take turns."""
        self._references: dict[str, Ints] = {name: np.zeros(0, np.int64) for name in REFERENCES}
        self._extremes: dict[Extreme, Ints] = {"high": np.zeros(0, np.int64), "low": np.zeros(0, np.int64)}
        self._worked_out: dict[Way, tuple[Ints, Ints]] = {}
        """Limits by row that no source has given, and the previous closes that they were worked out of."""
        self._moved: Rows = _NO_ROWS
        self._follows_prices = False
        self._follows_queues = False
        self.prices: Ints = np.zeros(0, np.int64)
        """By row, of the newest frame: 0 where there is none or it is in doubt. Kept once somebody asks for it."""
        self.sealed: dict[Way, Ints] = {"up": np.zeros(0, np.int64), "down": np.zeros(0, np.int64)}
        """By row, of the newest frame: lots in the queue at the limit; 0 where nothing is sealed."""
        self._windows: dict[int, _Window] = {}
        self._queues: dict[Way, Ints] = {"up": np.zeros(0, np.int64), "down": np.zeros(0, np.int64)}
        self._states: dict[Period, Indicators] = {}
        self._forming: dict[Period, _Forming] = {}
        self._changed: dict[Period, set[int]] = {}
        self._day: date | None = None

    # -- symbols

    def row(self, symbol: Symbol) -> int:
        """The row of a symbol, given to it when it is first asked for."""
        row = self._rows.get(symbol)
        if row is None:
            row = self._rows[symbol] = len(self.symbols)
            self.symbols.append(symbol)
        return row

    def rows(self, symbols: Iterable[Symbol]) -> Rows:
        wanted, known = tuple(symbols), self._rows
        try:
            return np.array([known[symbol] for symbol in wanted], np.intp)
        except KeyError:  # some are new
            return np.array([self.row(symbol) for symbol in wanted], np.intp)

    def place(self, frame: Frame) -> Rows:
        """The row of each symbol of a frame; the same array while its list does not change."""
        return self._listed(frame).rows

    def _listed(self, frame: Frame) -> _Listed:
        if self._lists and self._lists[0].symbols is frame.symbols:
            return self._lists[0]
        known = next((one for one in self._lists if one.symbols is frame.symbols), None)
        found = known or _Listed(frame.symbols, self.rows(frame.symbols), {})
        self._lists = [found, *(one for one in self._lists if one is not found)][:LISTS]
        return found

    def __len__(self) -> int:
        return len(self.symbols)

    # -- frames

    def follow_prices(self) -> None:
        """From now on say which prices of a frame may be judged."""
        self._follows_prices = True

    def follow_queues(self) -> None:
        """From now on remember the largest queues at the limits."""
        self._follows_queues = True

    def watch_window(self, seconds: int) -> None:
        """From now on remember the prices of so many seconds."""
        self.follow_prices()
        if seconds not in self._windows:
            self._windows[seconds] = _Window(seconds, len(self))

    def keep_windows(self, seconds: Collection[int]) -> None:
        """Forget the prices of all other spans: an hour of a whole market is a hundred megabytes."""
        self._windows = {span: window for span, window in self._windows.items() if span in seconds}

    def watch_bars(self, period: Period) -> None:
        """From now on keep the indicators of these bars."""
        if period not in self._states:
            self._states[period] = Indicators()
            self._changed[period] = set()
            if period != "day":
                self.follow_prices()
                self._forming[period] = _Forming()

    def add(self, frame: Frame, doubts: Doubts) -> None:
        """Take a frame in. What is in doubt is not remembered."""
        place = self.place(frame)
        day = market_time(frame.at).date()
        if day != self._day:
            self._day = day
            for one in self._lists:
                one.seen.clear()
            for window in self._windows.values():
                window.clear()
            for queue in self._queues.values():
                queue[:] = 0
            self._worked_out.clear()
        self._refer(frame, place)
        if not (self._follows_queues or self._follows_prices):
            return
        last = frame.last
        if doubtful := list(doubts(frame, np.arange(len(frame)))):
            last = last.copy()
            last[doubtful] = 0
        if self._follows_queues:
            self._queue("up", last, place, frame.ask, frame.bid_volume)
            self._queue("down", last, place, frame.bid, frame.ask_volume)
        if self._follows_prices:
            self._follow(frame.at, last, place)

    def _follow(self, at: datetime, last: Ints, place: Rows) -> None:
        high: Ints = np.zeros(len(self), np.int64)
        high[place] = last
        self.prices = high
        if not self._windows and not self._forming:
            return
        low = np.where(high > 0, high, NEVER)
        for window in self._windows.values():
            window.add(at, low, high)
        for forming in self._forming.values():
            forming.grow(len(self))
            np.maximum(forming.high[: len(self)], high, out=forming.high[: len(self)])
            np.minimum(forming.low[: len(self)], low, out=forming.low[: len(self)])

    def _refer(self, frame: Frame, place: Rows) -> None:
        """Take over the day's reference prices, and note where they have moved."""
        seen_last = self._listed(frame).seen
        if all(seen_last.get(name) is getattr(frame, name) for name in REFERENCES):
            self._moved = _NO_ROWS
            return
        moved = np.zeros(len(place), np.bool_)
        for name in REFERENCES:
            seen: Ints = getattr(frame, name)
            if seen_last.get(name) is seen:
                continue
            seen_last[name] = seen
            known = self._references[name] = grown(self._references[name], len(self))
            if name.startswith("limit"):
                seen = self._limits(frame, place, seen, "up" if name == "limit_up" else "down")
            differs = known[place] != seen
            moved |= differs
            known[place] = seen
        self._moved = place[np.flatnonzero(moved)]
        if self._moved.size:
            # A symbol may stand in several lists; the next frame of another one brings its own prices again.
            for one in self._lists[1:]:
                one.seen.clear()

    def _limits(self, frame: Frame, place: Rows, given: Ints, side: Way) -> Ints:
        """The limits of the day, from the dated table where the source gives none."""
        lacking = (given == 0) & (frame.preclose > 0)
        if not lacking.any():
            return given
        # A source may give none at all, frame after frame, and the table is slow to ask.
        closes, limits = (grown(each, len(self)) for each in self._worked_out.get(side, (_NO_INTS, _NO_INTS)))
        self._worked_out[side] = closes, limits
        for row in np.flatnonzero(lacking & (closes[place] != frame.preclose)).tolist():
            limit = frame.quote_at(row).limit(side)
            limits[place[row]] = 0 if limit is None else to_milli(limit)
            closes[place[row]] = frame.preclose[row]
        return np.where(lacking, limits[place], given)

    @property
    def moved(self) -> Rows:
        """Where the newest frame has brought other reference prices."""
        return self._moved

    def reference(self, name: str) -> Ints:
        """``preclose``, ``open``, ``limit_up`` or ``limit_down`` by row, milli-yuan; 0 where there is none."""
        self._references[name] = grown(self._references[name], len(self))
        return self._references[name]

    def extreme(self, name: Extreme, frame: Frame | None) -> Ints:
        """``high`` or ``low`` of the day by row, milli-yuan, with those of the newest frame; 0 where there is none.

        A symbol that the frame does not have keeps what it had: nothing has moved there.
        """
        known = self._extremes[name] = grown(self._extremes[name], len(self))
        if frame is not None:
            known[self.place(frame)] = getattr(frame, name)
        return known

    def _queue(self, side: Way, last: Ints, place: Rows, others: Ints, volume: Ints) -> None:
        limit = self._references[f"limit_{side}"][place]
        at_limit = np.flatnonzero((last == limit) & (limit > 0) & (others == 0) & (volume > 0))
        queue = self._queues[side] = grown(self._queues[side], len(self))
        sealed: Ints = np.zeros(len(self), np.int64)
        if at_limit.size:
            rows = place[at_limit]
            sealed[rows] = volume[at_limit] // 100
            queue[rows] = np.maximum(queue[rows], sealed[rows])
        self.sealed[side] = sealed

    def window(self, seconds: int) -> tuple[Ints, Ints]:
        """Lowest and highest prices by row; NEVER and 0 where there is none."""
        window = self._windows[seconds]
        return grown(window.low, len(self), NEVER), grown(window.high, len(self))

    def queue(self, side: Way) -> Ints:
        """The largest queues of today by row, in lots."""
        self._queues[side] = grown(self._queues[side], len(self))
        return self._queues[side]

    def forming(self, period: Period) -> tuple[Ints, Ints]:
        """Highest and lowest price of the forming bars by row; 0 and NEVER where there is none."""
        forming = self._forming[period]
        forming.grow(len(self))
        return forming.high, forming.low

    # -- bars

    def state(self, period: Period) -> Indicators:
        """The indicators by row."""
        state = self._states[period]
        state.grow(len(self))
        return state

    @property
    def periods(self) -> Sequence[Period]:
        """Which bars are followed."""
        return tuple(self._states)

    def load(self, period: Period, bars: Mapping[Symbol, Sequence[Bar]]) -> None:
        """Begin symbols anew from their closed bars, oldest first."""
        self.begin(period, {symbol: numbers_of(each) for symbol, each in bars.items()})

    def begin(self, period: Period, bars: Mapping[Symbol, Ints]) -> None:
        """The same of arrays of shape (6, bars), see :data:`core.forming.OPEN`."""
        if period not in self._states:
            return
        rows = self.rows(bars)
        state = self.state(period)
        longest = max((each.shape[1] for each in bars.values()), default=0)
        table = np.full((4, longest, len(bars)), np.nan)
        for column, each in enumerate(bars.values()):
            table[:, longest - each.shape[1] :, column] = each[[CLOSE, HIGH, LOW, VOLUME]]
        table[:3] /= 1000
        if longest:
            close, high, low, volume = table
            state.load(rows, close=close, high=high, low=low, volume=volume)
            self._changed[period].update(rows.tolist())

    def commit(self, period: Period, bars: Mapping[Symbol, Bar]) -> None:
        """Take in bars that have closed, one per symbol."""
        if period not in self._states or not bars:
            return
        rows = self.rows(bars)
        state = self.state(period)
        table = np.full((4, len(state)), np.nan)
        table[:, rows] = np.array([_numbers(bar) for bar in bars.values()]).T
        close, high, low, volume = table
        state.commit(close, high, low, volume)
        self._changed[period].update(rows.tolist())
        if period in self._forming:
            forming = self._forming[period]
            forming.grow(len(self))
            forming.high[rows], forming.low[rows] = 0, NEVER

    def rescale(self, period: Period, symbol: Symbol, factor: float) -> None:
        """Adjust the closed bars of a symbol, as after an ex-date."""
        if period in self._states:
            row = self.row(symbol)
            self.state(period).rescale(np.array([row]), factor)
            self._changed[period].add(row)

    def changed(self, period: Period) -> Rows:
        """The rows whose bars have changed since this was last asked."""
        found = self._changed.get(period)
        if not found:
            return _NO_ROWS
        self._changed[period] = set()
        return np.fromiter(sorted(found), np.intp, len(found))

    # -- one symbol

    def past(self, symbol: Symbol) -> OfSymbol:
        return OfSymbol(self, self.row(symbol))


class OfSymbol:
    """The past of one symbol: what conditions look at."""

    def __init__(self, tape: Tape, row: int) -> None:
        self._tape = tape
        self._row = row

    def lines(self, period: Period) -> Lines | None:
        if period not in self._tape.periods:
            return None
        forming = None
        if period != "day":
            high, low = (int(each[self._row]) for each in self._tape.forming(period))
            forming = (from_milli(high), from_milli(low)) if high else None
        return Lines(self._tape.state(period), np.array([self._row]), forming)

    def window(self, seconds: int) -> tuple[int, int] | None:
        self._tape.watch_window(seconds)
        low, high = (int(each[self._row]) for each in self._tape.window(seconds))
        return (low, high) if high else None

    def queue_peak(self, side: Way) -> int:
        return int(self._tape.queue(side)[self._row])


def _numbers(bar: Bar) -> tuple[float, float, float, float]:
    return float(bar.close), float(bar.high), float(bar.low), float(bar.volume)
