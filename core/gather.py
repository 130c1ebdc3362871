"""Gathering: the daily bars of a whole market, little by little: what is stored first, the rest fetched at a pace.

Thousands of histories take a source twenty minutes. What is fetched is stored, so that a new process goes on where the
last one stopped; and from then on the sweeps make the bars of the days themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from core.backfill import DAYS, Backfill
from core.calendar import trading_date
from core.clock import Clock
from core.history import History
from core.render_market import Progress
from core.types import Symbol
from core.watches import Watch
from core.watchlist import Watchlist

AT_ONCE: Final = 50
"""Symbols whose bars are taken over at a stretch: some 40 ms of work."""
FETCHED: Final = 250
"""Histories that are fetched in one run; at a source's pace some fifty seconds."""
TROUBLES: Final = 3
"""Histories in a row that cannot be had before the rest is left to the next run."""


class Gathering:
    """Has the daily bars that watches on the whole market look at."""

    def __init__(self, history: History, backfill: Backfill, watchlist: Watchlist, clock: Clock) -> None:
        self._history = history
        self._backfill = backfill
        self._watchlist = watchlist
        self._clock = clock
        self._day: date | None = None
        # Complete today; complete at any time; not to be had when they were asked for.
        self._done: set[Symbol] = set()
        self._ready: set[Symbol] = set()
        self._failed: set[Symbol] = set()
        self._trouble = ""

    async def run(self) -> None:
        """Go on for a while.

        Raises:
            Unavailable: the store cannot be read.
        """
        today = trading_date(self._clock.now())
        if today != self._day:
            self._day = today
            self._done.clear()
        wanted = [symbol for symbol in self._wanted() if symbol not in self._done]
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            await self._history.recall(some, "day")
            had = [symbol for symbol in some if not self._history.lacks(symbol, "day", DAYS)]
            self._take(had)
            await asyncio.sleep(0)
        rest = [symbol for symbol in wanted if symbol not in self._done]
        await self._fetch(sorted(rest, key=self._failed.__contains__))

    async def _fetch(self, wanted: Sequence[Symbol]) -> None:
        failed = 0
        had: list[Symbol] = []
        for symbol in wanted[:FETCHED]:
            await self._history.ensure([symbol], "day", DAYS)
            trouble = self._history.trouble(symbol)
            self._trouble = trouble or ""
            if trouble is None:
                failed = 0
                had.append(symbol)
            else:
                failed += 1
                self._failed.add(symbol)
            if len(had) == AT_ONCE or failed == TROUBLES:
                self._take(had)
                had.clear()
            if failed == TROUBLES:
                return
        self._take(had)

    def _take(self, symbols: Sequence[Symbol]) -> None:
        self._backfill.load("day", symbols)
        self._done.update(symbols)
        self._ready.update(symbols)
        self._failed.difference_update(symbols)

    def _wanted(self) -> Iterable[Symbol]:
        """What live watches on the whole market need bars of, each once."""
        now = self._clock.now()
        watches = [one for one in self._watchlist.everything() if one.live_at(now) and needs_bars(one)]
        return dict.fromkeys(symbol for watch in watches for symbol in watch.symbols)

    # -- how far it is

    def progress(self, watch: Watch) -> Progress | None:
        """None where there is nothing to gather."""
        if not needs_bars(watch):
            return None
        return Progress(len(self._ready.intersection(watch.symbols)), len(watch.symbols), self._trouble)

    def settled(self, watch: Watch) -> bool:
        """Whether nothing more is to be expected soon."""
        return not needs_bars(watch) or bool(self._trouble) or self._done.issuperset(watch.symbols)


def needs_bars(watch: Watch) -> bool:
    """Whether it is a watch on the whole market that looks at daily bars."""
    return watch.scope == "market" and any(one.bars == "day" for one in watch.conditions)
