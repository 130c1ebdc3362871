"""Sweep: what only watches on the whole market look at is fetched once a minute, beside the stream, and judged.

The stream carries the shares that somebody named, holds or chose, every few seconds; a watch on the whole market is
judged by it too where it has them. The other thousands are asked for in pieces, so that the stream gets its turns in
between, and judged as one frame.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from core import render_market
from core.calendar import is_session, trading_time
from core.clock import Clock
from core.dispatch import Dispatcher
from core.engine import Engine
from core.errors import OutsideError
from core.frames import Frame, frame_of, merged
from core.gather import Gathering
from core.listing import Listing
from core.notify import Notifier
from core.ports import QuoteSource
from core.types import Symbol
from core.watches import Watch
from core.watchlist import Watchlist

log: Final = logging.getLogger(__name__)

PIECE: Final = 400
"""Symbols asked for at a time."""
PAUSE: Final = 0.3
"""Seconds between two pieces: a whole market then takes some ten seconds."""
GAP: Final = timedelta(minutes=3)
"""Trading time without a sweep after which what is seen may have happened earlier."""
LINES_APART: Final = timedelta(hours=1)
PATIENCE: Final = 3
"""Sweeps in a row that fail before it is told."""


class Sweep:
    """Keeps the watches on the whole market judged.

    Args:
        listing: all shares that there are.
        streamed: the symbols that the stream carries anyway.
    """

    def __init__(
        self,
        source: QuoteSource,
        engine: Engine,
        watchlist: Watchlist,
        dispatcher: Dispatcher,
        gathering: Gathering,
        notifier: Notifier,
        clock: Clock,
        *,
        listing: Listing,
        streamed: Callable[[], Collection[Symbol]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._engine = engine
        self._watchlist = watchlist
        self._dispatcher = dispatcher
        self._gathering = gathering
        self._notifier = notifier
        self._clock = clock
        self._listing = listing
        self._streamed = streamed
        self._sleep = sleep
        self._last: Frame | None = None
        self._failures = 0
        self._trouble = ""
        self._said: dict[str, datetime] = {}

    async def run(self) -> None:
        """Fetch and judge once; nothing while the market rests, or nobody watches all of it.

        Raises:
            Unavailable: the store does not take what is to be told.
        """
        watches = self._watches()
        streamed = self._streamed()
        wanted = [one for one in dict.fromkeys(s for watch in watches for s in watch.symbols) if one not in streamed]
        if not watches or not is_session(self._clock.now()):
            return
        frame = await self._fetch(wanted)
        if frame is not None:
            before = self._last.at if self._last is not None else frame.at
            self._last = frame
            await self._engine.on_sweep(frame, after_gap=trading_time(before, frame.at) > GAP)
        await self._tell_troubles(watches)
        await self._say_already(watches)

    async def _fetch(self, wanted: Sequence[Symbol]) -> Frame | None:
        """What could be had of these; the first piece that fails ends it, and the next minute brings another try."""
        parts: list[Frame] = []
        self._trouble = ""
        for start in range(0, len(wanted), PIECE):
            if start:
                await self._sleep(PAUSE)
            piece = wanted[start : start + PIECE]
            try:
                found = await self._source.fetch(piece)
            except OutsideError as error:
                self._trouble = str(error)
                log.warning("the whole market: %s", error)
                break
            quotes = [found[symbol] for symbol in piece if symbol in found]
            if quotes:
                parts.append(frame_of(quotes, at=self._clock.now(), source=quotes[0].source))
        return merged(parts, like=self._last) if parts else None

    async def _tell_troubles(self, watches: Sequence[Watch]) -> None:
        """Said once when it has failed for a while, and once when it works again."""
        told = self._failures >= PATIENCE
        self._failures = self._failures + 1 if self._trouble else 0
        if not told and self._failures >= PATIENCE:
            message = render_market.blind(self._trouble)
        elif told and not self._failures:
            message = render_market.sees_again()
        else:
            return
        for chat in dict.fromkeys(watch.chat for watch in watches):
            await self._notifier.say(chat, message)

    async def _say_already(self, watches: Sequence[Watch]) -> None:
        """How many hold already, in one line per watch, when all its shares have had a chance to be judged.

        Shares that trade later in the day for the first time are counted together, not told one by one.
        """
        now = self._clock.now()
        for watch in watches:
            said = self._said.get(watch.id)
            if not self._gathering.settled(watch) or (said is not None and now - said < LINES_APART):
                continue
            if met := self._dispatcher.take_met(watch.id):
                self._said[watch.id] = now
                await self._notifier.say(watch.chat, render_market.already_holds(watch, met))

    async def follow(self) -> None:
        """Let the watches on the whole market follow the list of shares."""
        market = self._listing.shares()
        for watch in self._watches():
            # Following takes time, in which another may have been deleted.
            if market and watch.symbols != market and self._watchlist.current(watch.id) is not None:
                await self._watchlist.follow(watch, market)

    async def list_market(self) -> None:
        """Look for all securities, if it is time, and say what has become of those that somebody watches or holds.

        Raises:
            Unavailable: the store does not take it.
        """
        looked = await self._listing.run()
        if looked is None:
            return
        await self.follow()
        streamed = self._streamed()
        mine = [one for one in looked.changes if one.before and one.after.symbol in streamed]
        now = self._clock.now()
        live = (watch.chat for watch in self._watchlist.everything() if watch.live_at(now))
        for chat in dict.fromkeys(live) if mine else ():
            await self._notifier.say(chat, render_market.renamed(mine))

    def _watches(self) -> list[Watch]:
        now = self._clock.now()
        return [one for one in self._watchlist.everything() if one.scope == "market" and one.live_at(now)]

    # -- what can be said of it

    @property
    def last_at(self) -> datetime | None:
        """When the newest sweep was judged."""
        return None if self._last is None else self._last.at

    def standing(self, watch: Watch) -> str:
        """How it stands with a watch on the whole market, in a few sentences."""
        seen = 0 if self._last is None else len(self._last)
        streamed = len(set(watch.symbols).intersection(self._streamed()))
        text = render_market.standing(self.last_at, seen, streamed, self._trouble, self._gathering.progress(watch))
        return text if self._listing.is_complete else f"{render_market.LISTING}{text}"
