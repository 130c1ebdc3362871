"""Past bars played as frames, as fast as they are asked for.

A bar becomes four frames: its open, the extreme nearer to the open, the other extreme, its close
(:func:`core.bars.path_of`), all bearing the bar's time. Bars of the same time share their frames. What bars do not tell
stays unknown: bid and ask, and on the first day of the bars the previous close and with it the price limits. From the
second day on the previous close is the last close of the bars, so a dividend in between is not taken off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.bars import Bar, in_order, path_of
from core.clock import ManualClock, market_time
from core.frames import Frame, Ints, LatestQuotes, Quote
from core.market import price_limits
from core.types import Price, Symbol, to_milli

NAME: Final = "历史回放"
_LONE_INTERVAL: Final = timedelta(minutes=1)


class ReplayQuotes:
    """A quote source that ends with its bars. The clock stands at the bar's time when its frames are handed out."""

    name = NAME

    def __init__(self, bars: Sequence[Bar], clock: ManualClock, names: Mapping[Symbol, str]) -> None:
        self._bars = in_order(bars)
        self._clock = clock
        self._names = names
        self._closes: dict[Symbol, Price] = {}
        self._lists: dict[tuple[Symbol, ...], _List] = {}
        self._latest = LatestQuotes()
        self._remaining = self._play()
        self._times = list(dict.fromkeys(bar.time for bar in self._bars))
        self._played = 0
        self.interval = _usual_distance([bar.time for bar in self._bars])

    @property
    def next_at(self) -> datetime | None:
        """When the next frame comes; None after the last. The clock has not been moved there yet."""
        return self._times[self._played // 4] if self._played < 4 * len(self._times) else None

    def watch(self, symbols: Collection[Symbol]) -> None:
        """Taken and without effect: every symbol of the bars is streamed."""

    async def frames(self) -> AsyncIterator[Frame]:
        """The frames that were not handed out yet; ends with the bars.

        A frame is made when it is asked for, and nothing is awaited in between: the reader sets the pace.
        """
        for frame in self._remaining:
            self._played += 1
            yield frame

    async def fetch(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        """The newest quotes that were played; before the first frame there is none."""
        found = ((symbol, self._latest.get(symbol)) for symbol in symbols)
        return {symbol: quote for symbol, quote in found if quote is not None}

    def _play(self) -> Iterator[Frame]:
        for day, bars in groupby(self._bars, key=lambda bar: market_time(bar.time).date()):
            session = _Session(day, list(bars), self._closes, self._names)
            for row, at in enumerate(session.times):
                self._clock.set(at)
                columns = session.present(row)
                symbols = session.symbols if columns is None else tuple(session.symbols[c] for c in columns)
                listed = self._lists.get(symbols)
                if listed is None:
                    listed = self._lists[symbols] = _List(symbols, self._names)
                for step in range(4 * row, 4 * row + 4):
                    frame = session.frame(step, at, listed, columns)
                    self._latest.add(frame)
                    yield frame
            self._closes |= session.closes


class _List:
    """One set of symbols, so that frames of the same set share the same objects."""

    def __init__(self, symbols: tuple[Symbol, ...], names: Mapping[Symbol, str]) -> None:
        self.symbols = symbols
        self.rows = {symbol: row for row, symbol in enumerate(symbols)}
        self.names = tuple(names.get(symbol, "") for symbol in symbols)


class _Session:
    """One day of bars as arrays: a row per frame, a column per symbol. A frame is then a row, without copying."""

    def __init__(
        self, day: date, bars: Sequence[Bar], closes: Mapping[Symbol, Price], names: Mapping[Symbol, str]
    ) -> None:
        self.times: list[datetime] = list(dict.fromkeys(bar.time for bar in bars))
        self.symbols = tuple(sorted({bar.symbol for bar in bars}))
        self.closes = {bar.symbol: bar.close for bar in bars}
        shape = len(self.times), len(self.symbols)
        self._fill(bars, shape)

        precloses = [closes.get(symbol) for symbol in self.symbols]
        limits = [
            None if preclose is None else price_limits(symbol, names.get(symbol, ""), preclose, day)
            for symbol, preclose in zip(self.symbols, precloses, strict=True)
        ]
        self._preclose = _ints([0 if price is None else to_milli(price) for price in precloses])
        self._up = _ints([0 if limit is None else to_milli(limit.up) for limit in limits])
        self._down = _ints([0 if limit is None else to_milli(limit.down) for limit in limits])
        self._zero = np.zeros(shape[1], dtype=np.int64)
        self._suspended = np.zeros(shape[1], dtype=np.bool_)

    def _fill(self, bars: Sequence[Bar], shape: tuple[int, int]) -> None:
        height, width = shape
        rows = {at: row for row, at in enumerate(self.times)}
        columns = {symbol: column for column, symbol in enumerate(self.symbols)}
        # Plain lists first: writing single numbers into an array costs several times as much.
        prices = [0] * (4 * height * width)
        volumes = [0] * (height * width)
        amounts = [0] * (height * width)
        self._open = np.zeros(width, dtype=np.int64)
        untold: set[int] = set()
        for bar in bars:
            row, column = rows[bar.time], columns[bar.symbol]
            place = row * width + column
            path = [to_milli(price) for price in path_of(bar)]
            prices[4 * row * width + column : 4 * (row + 1) * width : width] = path
            volumes[place] = bar.volume
            if bar.amount is None:
                untold.add(column)
            else:
                amounts[place] = round(bar.amount)
            if not self._open[column]:
                self._open[column] = path[0]
        self._last = _ints(prices).reshape(4 * height, width)
        self._high = np.maximum.accumulate(self._last)
        self._low = np.minimum.accumulate(np.where(self._last > 0, self._last, np.iinfo(np.int64).max))
        self._volume = _running(_ints(volumes).reshape(shape))
        self._amount = _running(_ints(amounts).reshape(shape))
        self._amount[:, sorted(untold)] = 0
        milliseconds = _ints([round(at.timestamp() * 1000) for at in self.times])
        self._quoted_at = np.repeat(milliseconds, width).reshape(shape)
        self._is_present: NDArray[np.bool_] = np.greater(self._last[::4], 0)
        self._is_whole: list[bool] = np.logical_and.reduce(self._is_present, axis=1).tolist()

    def present(self, row: int) -> NDArray[np.intp] | None:
        """The columns that have a bar at this time; None for all."""
        return None if self._is_whole[row] else np.flatnonzero(self._is_present[row])

    def frame(self, step: int, at: datetime, listed: _List, columns: NDArray[np.intp] | None) -> Frame:
        pick: slice | NDArray[np.intp] = slice(None) if columns is None else columns
        zero = self._zero[pick]
        return Frame(
            at=at,
            source=NAME,
            symbols=listed.symbols,
            rows=listed.rows,
            last=self._last[step, pick],
            preclose=self._preclose[pick],
            open=self._open[pick],
            high=self._high[step, pick],
            low=self._low[step, pick],
            limit_up=self._up[pick],
            limit_down=self._down[pick],
            bid=zero,
            ask=zero,
            volume=self._volume[step, pick],
            amount=self._amount[step, pick],
            bid_volume=zero,
            ask_volume=zero,
            turnover=zero,
            quoted_at=self._quoted_at[step // 4, pick],
            suspended=self._suspended[pick],
            names=listed.names,
        )


def _running(per_bar: Ints) -> Ints:
    """The day's sum at each of a bar's four frames; the bar itself counts at its close."""
    after = np.cumsum(per_bar, axis=0)
    steps = np.repeat(after - per_bar, 4, axis=0)
    steps[3::4] = after
    return steps


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _usual_distance(times: Sequence[datetime]) -> timedelta:
    """The most common distance of two following times, the shorter one where two are equally common."""
    counts = Counter(later - earlier for earlier, later in pairwise(times) if later != earlier)
    return min(counts, key=lambda distance: (-counts[distance], distance), default=_LONE_INTERVAL)


def connect(bars: Sequence[Bar], clock: ManualClock, names: Mapping[Symbol, str] | None = None) -> ReplayQuotes:
    """A QuoteSource over past bars, given in any order.

    Args:
        clock: follows the bars, so it must not be ahead of the first one. Between two frames others may move it, up
            to :attr:`ReplayQuotes.next_at`.
        names: tell a share with a risk warning, which has other limits.

    Raises:
        Invalid: no bar at all, or two bars of one symbol with the same time.
    """
    return ReplayQuotes(bars, clock, names or {})
