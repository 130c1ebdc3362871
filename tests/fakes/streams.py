"""A reader of a quote source that a test waits on, and pauses that take no time and are remembered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from core.frames import Frame
from core.ports import QuoteSource

PATIENCE = 20
"""Seconds after which a test gives up."""


class Pauses:
    """In the place of ``asyncio.sleep``."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await asyncio.sleep(0.002)

    def count(self, seconds: float) -> int:
        return self.asked.count(seconds)


async def until(condition: Callable[[], Any]) -> None:
    """Until something that others do has happened."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  many of them are met by threads
            await asyncio.sleep(0.002)


class Stream:
    """Reads the frames of a source all the time, and keeps the newest."""

    def __init__(self, source: QuoteSource) -> None:
        self.frame: Frame | None = None
        self.frames = 0
        self._source = source

    async def _read(self) -> None:
        async for frame in self._source.frames():
            self.frame = frame
            self.frames += 1

    async def until(self, condition: Callable[[Frame], Any]) -> Frame:
        """The newest frame, as soon as one holds that the condition is met by."""
        await until(lambda: self.frame is not None and condition(self.frame))
        assert self.frame is not None
        return self.frame

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Stream]:
        task = asyncio.create_task(self._read())
        try:
            yield self
        finally:
            failed = task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=not failed)
