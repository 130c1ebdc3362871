"""Frames on their way to bots: one source, many readers, each of whom gets the newest and never an old one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from core.errors import OutsideError
from core.frames import Frame
from core.ports import QuoteSource
from core.types import Symbol

log: Final = logging.getLogger(__name__)

RETRY: Final = 3.0


class Reader:
    """What one bot wants to see and has not seen yet."""

    def __init__(self, ticker: Ticker) -> None:
        self._ticker = ticker
        self._frame: Frame | None = None
        self.wanted: frozenset[Symbol] = frozenset()
        self.fresh = asyncio.Event()

    def want(self, symbols: Collection[Symbol]) -> None:
        self.wanted = frozenset(symbols)
        self._ticker.rewatch()

    def offer(self, frame: Frame) -> None:
        """The one before is forgotten, where it was not taken."""
        if not self.wanted.isdisjoint(frame.symbols):
            self._frame = frame
            self.fresh.set()

    def take(self) -> Frame | None:
        frame, self._frame = self._frame, None
        self.fresh.clear()
        return frame


class Ticker:
    """Watches for all readers together."""

    def __init__(self, source: QuoteSource, sleep: Callable[[float], Awaitable[object]]) -> None:
        self.source = source
        self._sleep = sleep
        self._readers: set[Reader] = set()

    def enter(self) -> Reader:
        reader = Reader(self)
        self._readers.add(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        self._readers.discard(reader)
        self.rewatch()

    def rewatch(self) -> None:
        self.source.watch(set().union(*(reader.wanted for reader in self._readers)))

    async def run(self) -> None:
        """Hand out frames for ever."""
        while True:
            try:
                async for frame in self.source.frames():
                    for reader in self._readers:
                        reader.offer(frame)
            except OutsideError as error:
                log.warning("%s: %s", error.source, error.reason)
            except Exception:
                log.exception("the frames of %s broke off", self.source.name)
            await self._sleep(RETRY)
