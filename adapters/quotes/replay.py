"""Past bars played as frames, as fast as they are asked for.

How bars become frames is told in :mod:`core.playback`. On the first day of the bars the previous close is unknown. From
the second day on it is the last close of the bars, so a dividend in between is not taken off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Final

from core.bars import Bar, in_order
from core.clock import ManualClock, market_time
from core.frames import Frame, LatestQuotes, Quote
from core.playback import Listing, Session
from core.types import Price, Symbol

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
        self._lists: dict[tuple[Symbol, ...], Listing] = {}
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
            session = Session(day, list(bars), self._closes, self._names, NAME)
            for row, at in enumerate(session.times):
                self._clock.set(at)
                columns = session.present(row)
                symbols = session.symbols if columns is None else tuple(session.symbols[c] for c in columns)
                listed = self._lists.get(symbols)
                if listed is None:
                    listed = self._lists[symbols] = Listing(symbols, self._names)
                for step in range(4 * row, 4 * row + 4):
                    frame = session.frame(step, at, listed, columns)
                    self._latest.add(frame)
                    yield frame
            self._closes |= session.closes


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
