"""Past bars of the demo market, made up from its seed: they end at the previous closes of its first day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.bars import MINUTES, Bar, Period, day_label
from core.calendar import previous_trading_day
from core.clock import midnight
from core.forming import AMOUNT, CLOSE, HIGH, LOW, OPEN, VOLUME, bar_of
from core.frames import Ints
from core.types import Symbol

Floats = NDArray[np.float64]

DAYS: Final = 260
"""Days before the first one."""
DAYS_OF_MINUTES: Final = 20
"""Of so many of the newest finished days there are bars of minutes."""
_MINUTES: Final = 240
_ROWS: Final = 5_500
"""How often three seconds' usual volume is traded on a usual day: it is busier at its ends."""
_LABELS: Final = [*range(9 * 60 + 31, 11 * 60 + 31), *range(13 * 60 + 1, 15 * 60 + 1)]
"""The labels of a day's minutes, in minutes since midnight."""


class Past:
    """The finished days of the demo market, one column per share.

    Args:
        first: the first day of the market.
        close: the closes of the day before it, milli-yuan.
        swing: how far a usual day carries each share, in percent.
        usual: shares usually traded in three seconds.
        worth: milli-yuan of a share of an index, whose number is no price; 0 for the others.
    """

    def __init__(
        self, *, seed: int, first: date, close: Ints, swing: Floats, usual: Ints, tick: Ints, worth: Ints
    ) -> None:
        self._seed = seed
        self._tick = tick
        self._worth = worth
        self.days: list[date] = []
        self._numbers: list[Ints] = []
        self._make_up(first, close, swing, usual)

    def add(self, day: date, numbers: Ints) -> None:
        """A day that was played; shape (6, shares), see :data:`core.forming.OPEN`, 0 where a share did not trade."""
        self.days.append(day)
        self._numbers.append(numbers)

    def daily(self, symbol: Symbol, column: int, count: int) -> list[Bar]:
        newest = zip(self.days[-count:], self._numbers[-count:], strict=True)
        return [bar_of(symbol, day_label(day), numbers[:, column]) for day, numbers in newest if numbers[HIGH, column]]

    def minutes(self, symbol: Symbol, column: int, period: Period) -> list[Bar]:
        bars: list[Bar] = []
        for day, numbers in zip(self.days[-DAYS_OF_MINUTES:], self._numbers[-DAYS_OF_MINUTES:], strict=True):
            if numbers[HIGH, column]:
                bars += self._day_of_minutes(symbol, column, day, numbers[:, column], MINUTES[period])
        return bars

    def _make_up(self, first: date, close: Ints, swing: Floats, usual: Ints) -> None:
        chance = np.random.default_rng([self._seed, DAYS])
        day = first
        for _ in range(DAYS):
            day = previous_trading_day(day)
            change, gap = np.array([[0.007], [0.003]]) * swing * chance.standard_normal((2, len(close)))
            before = self._on_grid(close / (1 + change))
            opened = self._on_grid(before * (1 + gap))
            reach = 0.004 * swing * np.abs(chance.standard_normal((2, len(close))))
            high = self._on_grid(np.maximum(opened, close) * (1 + reach[0]))
            low = self._on_grid(np.minimum(opened, close) * (1 - reach[1]))
            volume = (usual * _ROWS * np.exp(0.35 * chance.standard_normal(len(close)))).astype(np.int64) // 100 * 100
            amount = self._amount(volume, (opened + high + low + close) // 4)
            self.days.insert(0, day)
            self._numbers.insert(0, np.stack([opened, high, low, close, volume, amount]))
            close = before

    def _day_of_minutes(self, symbol: Symbol, column: int, day: date, numbers: Ints, minutes: int) -> Sequence[Bar]:
        """A way from the day's open to its close within its range; its high and low are touched by chance alone."""
        chance = np.random.default_rng([self._seed, column, day.toordinal()])
        way = np.arange(_MINUTES + 1) / _MINUTES
        walk = np.append(0, np.cumsum(chance.standard_normal(_MINUTES))) * (numbers[HIGH] - numbers[LOW]) / 16
        path = numbers[OPEN] + (numbers[CLOSE] - numbers[OPEN]) * way + walk - way * walk[-1]
        step = int(self._tick[column])
        milli = np.clip(np.rint(path / step).astype(np.int64) * step, numbers[LOW], numbers[HIGH])
        shape = _MINUTES // minutes, minutes
        begins, ends = milli[:-1].reshape(shape), milli[1:].reshape(shape)
        volume = np.full(shape[0], numbers[VOLUME] // shape[0], dtype=np.int64)
        made = np.stack(
            [
                begins[:, 0],
                np.maximum(begins, ends).max(axis=1),
                np.minimum(begins, ends).min(axis=1),
                ends[:, -1],
                volume,
                np.full(shape[0], numbers[AMOUNT] // shape[0], dtype=np.int64),
            ]
        )
        since = midnight(day).astimezone(UTC)
        labels = _LABELS[minutes - 1 :: minutes]
        return [bar_of(symbol, since + timedelta(minutes=label), made[:, place]) for place, label in enumerate(labels)]

    def _on_grid(self, milli: Floats) -> Ints:
        on_grid: Ints = np.rint(milli / self._tick).astype(np.int64) * self._tick
        return np.maximum(on_grid, self._tick)

    def _amount(self, volume: Ints, milli: Ints) -> Ints:
        amount: Ints = volume * np.where(self._worth > 0, self._worth, milli) // 1000
        return amount
