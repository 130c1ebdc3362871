"""Past bars as frames: what a replay hands out, and what a rehearsal judges.

A bar becomes four frames: its open, the extreme nearer to the open, the other extreme, its close
(:func:`core.bars.path_of`), all bearing the bar's time. Bars of the same time share their frames. What bars do not tell
stays unknown: bid and ask, and without a close before the day the previous close and with it the price limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.bars import Bar, path_of
from core.frames import Frame, Ints
from core.market import price_limits
from core.types import Price, Symbol, to_milli

T = TypeVar("T", bound=np.generic)


class Listing:
    """One set of symbols, so that frames of the same set share the same objects."""

    def __init__(self, symbols: tuple[Symbol, ...], names: Mapping[Symbol, str]) -> None:
        self.symbols = symbols
        self.rows = {symbol: row for row, symbol in enumerate(symbols)}
        self.names = tuple(names.get(symbol, "") for symbol in symbols)


class Session:
    """One day of bars as arrays: a row per frame, a column per symbol. A frame is then a row, without copying.

    Args:
        bars: by time, then symbol.
        closes: the last close before the day, where it is known.
        names: tell a share with a risk warning, which has other limits.
    """

    def __init__(
        self,
        day: date,
        bars: Sequence[Bar],
        closes: Mapping[Symbol, Price],
        names: Mapping[Symbol, str],
        source: str,
    ) -> None:
        self._source = source
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

    def frame(self, step: int, at: datetime, listed: Listing, columns: NDArray[np.intp] | None) -> Frame:
        """The frame of this step; the listing is that of the columns."""

        def own(values: NDArray[T]) -> NDArray[T]:
            # What stays the same all day is the same object in every frame: readers see at once that it has not moved.
            return values if columns is None else values[columns]

        zero = own(self._zero)
        return Frame(
            at=at,
            source=self._source,
            symbols=listed.symbols,
            rows=listed.rows,
            last=own(self._last[step]),
            preclose=own(self._preclose),
            open=own(self._open),
            high=own(self._high[step]),
            low=own(self._low[step]),
            limit_up=own(self._up),
            limit_down=own(self._down),
            bid=zero,
            ask=zero,
            volume=own(self._volume[step]),
            amount=own(self._amount[step]),
            bid_volume=zero,
            ask_volume=zero,
            turnover=zero,
            quoted_at=own(self._quoted_at[step // 4]),
            suspended=own(self._suspended),
            names=listed.names,
        )

    def steps_of(self, column: int) -> Frame:
        """All frames of one symbol, which has a bar at every time, as the rows of a single one."""
        size = len(self._last)
        zero, symbol = np.zeros(size, dtype=np.int64), self.symbols[column]
        return Frame(
            at=self.times[-1],
            source=self._source,
            symbols=(symbol,) * size,
            rows={symbol: 0},
            last=self._last[:, column],
            preclose=np.repeat(self._preclose[column], size),
            open=np.repeat(self._open[column], size),
            high=self._high[:, column],
            low=self._low[:, column],
            limit_up=np.repeat(self._up[column], size),
            limit_down=np.repeat(self._down[column], size),
            bid=zero,
            ask=zero,
            volume=self._volume[:, column],
            amount=self._amount[:, column],
            bid_volume=zero,
            ask_volume=zero,
            turnover=zero,
            quoted_at=np.repeat(self._quoted_at[:, column], 4),
            suspended=np.zeros(size, dtype=np.bool_),
        )


def _running(per_bar: Ints) -> Ints:
    """The day's sum at each of a bar's four frames; the bar itself counts at its close."""
    after = np.cumsum(per_bar, axis=0)
    steps = np.repeat(after - per_bar, 4, axis=0)
    steps[3::4] = after
    return steps


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)
