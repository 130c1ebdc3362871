"""Backfill: keeps the indicators of the tape in step with the history of bars."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime

from core.bars import Bar, Period, scaled
from core.clock import Clock, market_time
from core.conditions import Condition
from core.frames import Frame, Ints
from core.history import History
from core.tape import Tape
from core.types import Price, Symbol, to_milli

DAYS = 250
BARS = 120
"""How many closed bars are asked for, where fewer are needed too: what is smoothed forgets its beginning slowly."""


class Backfill:
    """Loads what conditions need from the history, and hands on the bars that close.

    The bar of a day is handed on when the next day begins: until then it is the forming one, also after the close.
    """

    def __init__(self, tape: Tape, history: History, clock: Clock) -> None:
        self._tape = tape
        self._history = history
        self._clock = clock
        self._newest: dict[Period, dict[Symbol, datetime]] = defaultdict(dict)
        self._finished: dict[date, dict[Symbol, Bar]] = defaultdict(dict)

    async def ensure(self, symbols: Collection[Symbol], conditions: Sequence[Condition]) -> None:
        """Have the bars that these conditions look at. What cannot be had is told by the history.

        Raises:
            Unavailable: the store cannot be read.
        """
        for period in dict.fromkeys(one.bars for one in conditions if one.bars is not None):
            self._tape.watch_bars(period)
            await self._history.ensure(symbols, period, DAYS if period == "day" else BARS)
            self.load(period, symbols)

    def load(self, period: Period, symbols: Collection[Symbol]) -> None:
        """Hand on what the history has of these, where it is newer than what was handed on before."""
        self._tape.watch_bars(period)
        midnight = market_time(self._clock.now()).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        found: dict[Symbol, Ints] = {}
        for symbol in symbols:
            times, numbers = self._history.rows(symbol, period)
            if period == "day":
                closed = int(times.searchsorted(midnight))
                times, numbers = times[:closed], numbers[:, :closed]
            if not times.size:
                continue
            last = datetime.fromtimestamp(times.item(-1), UTC)
            newest = self._newest[period].get(symbol)
            # This is asked every minute for everything that is watched, and there is seldom anything new.
            if newest is None or last > newest:
                found[symbol] = numbers
                self._newest[period][symbol] = last
        if found:
            self._tape.begin(period, found)

    def on_close(self, period: Period, _at: datetime, bars: Mapping[Symbol, Bar]) -> None:
        """Bars of many symbols have closed."""
        if period not in self._tape.periods:
            return
        if period == "day":
            for symbol, bar in bars.items():
                self._finished[market_time(bar.time).date()][symbol] = bar
        else:
            self._commit(period, bars)

    async def on_frame(self, frame: Frame) -> None:
        """A later day makes the bars of the days before it closed ones."""
        if self._finished:
            today = market_time(frame.at).date()
            for day in sorted(day for day in self._finished if day < today):
                self._commit("day", self._finished.pop(day))

    def _commit(self, period: Period, bars: Mapping[Symbol, Bar]) -> None:
        newest = self._newest[period]
        later = {symbol: bar for symbol, bar in bars.items() if symbol not in newest or bar.time > newest[symbol]}
        self._tape.commit(period, later)
        newest.update((symbol, bar.time) for symbol, bar in later.items())

    def on_ex_date(self, symbol: Symbol, close: Price, preclose: Price, _day: date) -> None:
        """The bars before an ex-date stand on other prices now, those that are still to be handed on too."""
        for bars in self._finished.values():
            if symbol in bars:
                bars[symbol] = scaled(bars[symbol], to_milli(preclose), to_milli(close))
        for period in self._tape.periods:
            self._tape.rescale(period, symbol, float(preclose / close))
