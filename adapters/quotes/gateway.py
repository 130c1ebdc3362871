"""The quotes of a gateway: its source's frames as they come, and its answers when asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from adapters.gateway_line import Line, Listening
from core.bars import Bar, Period
from core.clock import Clock
from core.errors import OutsideError, Refused, Unavailable
from core.frames import Frame, Quote
from core.securities import Sighting
from core.types import Symbol
from core.wire import Bars, CalendarSaid, Listen, Quotes, Sightings, WhichBars, WhichSymbols, unpack

log: Final = logging.getLogger(__name__)

BARS_PATIENCE: Final = timedelta(seconds=70)
ROSTER_PATIENCE: Final = timedelta(seconds=310)


class GatewayQuotes:
    """A QuoteSource, QuoteFetcher, BarFetcher and MarketGuide over the line."""

    def __init__(self, line: Line, clock: Clock, name: str, interval: timedelta) -> None:
        self.name = name
        self.interval = interval
        self._line = line
        self._clock = clock
        self._wanted: tuple[Symbol, ...] = ()
        self._changed = asyncio.Event()

    def watch(self, symbols: Collection[Symbol]) -> None:
        self._wanted = tuple(sorted(symbols))
        self._changed.set()

    async def frames(self) -> AsyncIterator[Frame]:
        """Reconnects by itself. What comes faster than it is read is conflated at the gateway."""
        tries, last = 0, None
        while True:
            try:
                self._changed.clear()
                async with self._line.listen(Listen(symbols=self._wanted)) as stream:
                    tries = 0
                    telling = asyncio.create_task(self._tell(stream))
                    try:
                        while True:
                            body = await stream.next()
                            if isinstance(body, bytes):
                                last = unpack(body, at=self._clock.now(), like=last)
                                yield last
                    finally:
                        telling.cancel()
                        with suppress(asyncio.CancelledError):
                            await telling
            except OutsideError as error:
                log.warning("%s: %s", self.name, error.reason)
            await self._line.rest(tries)
            tries += 1

    async def _tell(self, stream: Listening) -> None:
        """Say what is wanted whenever that changes; a broken stream is noticed by who reads it."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            with suppress(Exception):
                await stream.want(Listen(symbols=self._wanted))

    async def fetch(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        try:
            answer = await self._line.ask("quotes", WhichSymbols(symbols=tuple(symbols)), Quotes)
        except Refused as error:
            raise Unavailable(self.name, error.reason) from None
        now = self._clock.now()
        return {quote.symbol: quote.model_copy(update={"received_at": now}) for quote in answer.quotes}

    async def bars(self, symbol: Symbol, period: Period, count: int) -> Sequence[Bar]:
        which = WhichBars(symbol=symbol, period=period, count=count)
        try:
            return (await self._line.ask("bars", which, Bars, patience=BARS_PATIENCE)).bars
        except Refused as error:
            raise Unavailable(self.name, error.reason) from None

    async def sightings(self, known: Collection[Symbol]) -> Sequence[Sighting]:
        which = WhichSymbols(symbols=tuple(known))
        try:
            return (await self._line.ask("sightings", which, Sightings, patience=ROSTER_PATIENCE)).sightings
        except Refused as error:
            raise Unavailable(self.name, error.reason) from None

    async def calendar_differences(self) -> Sequence[str]:
        try:
            return (await self._line.ask("calendar", None, CalendarSaid, patience=BARS_PATIENCE)).differences
        except Refused as error:
            raise Unavailable(self.name, error.reason) from None

    def describe(self) -> str:
        """In one line for people."""
        return self.name


def connect(
    line: Line, clock: Clock, *, name: str = "QMT 行情", interval: timedelta = timedelta(seconds=3)
) -> GatewayQuotes:
    """The quotes at the other end of the line; nothing is asked yet."""
    return GatewayQuotes(line, clock, name, interval)
