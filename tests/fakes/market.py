"""A market that a test moves by hand, and clocks that stand where a test wants them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from core.clock import Clock, SystemClock
from core.errors import Unavailable
from core.frames import Frame, Quote, frame_of
from core.types import Symbol, parse_symbol

MOUTAI = Symbol("600519.SH")


def market_instant(text: str) -> datetime:
    """``2026-11-18 10:00`` on the exchange's clock."""
    from core.clock import MARKET_ZONE

    return datetime.fromisoformat(text).replace(tzinfo=MARKET_ZONE).astimezone(UTC)


class ShiftedClock(SystemClock):
    """The system's clock, moved so that it shows ``shown`` now: real time passes, at an hour of the test's choice."""

    def __init__(self, shown: datetime) -> None:
        self._offset = shown - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset


class HandMarket:
    """A QuoteSource whose prices a test sets. ``down`` makes every question fail."""

    name = "测试行情"
    interval = timedelta(seconds=3)

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._quotes: dict[Symbol, Quote] = {}
        self._last: Frame | None = None
        self.watched: set[Symbol] = set()
        self.down = False

    def set(self, code: str, last: str | None, **fields: object) -> Quote:
        """Set a price; the first one of a day is its open, and the previous close unless given."""
        symbol = parse_symbol(code)
        now = self._clock.now()
        old = self._quotes.get(symbol)
        price = None if last is None else Decimal(last)
        known = [one for one in (price, old.high if old else None) if one is not None]
        lows = [one for one in (price, old.low if old else None) if one is not None]
        preclose = fields.pop("preclose", None) or (old.preclose if old else price)
        words: dict[str, object] = {
            "symbol": symbol,
            "last": price,
            "preclose": preclose,
            "open": old.open if old and old.open else price,
            "high": max(known, default=None),
            "low": min(lows, default=None),
            "source": self.name,
            "quoted_at": now,
            "received_at": now,
        }
        self._quotes[symbol] = Quote.model_validate(words | fields)
        return self._quotes[symbol]

    def remove(self, code: str) -> None:
        """It is on the list no longer."""
        del self._quotes[parse_symbol(code)]

    def forget(self) -> None:
        """A new day begins: nothing has been traded yet."""
        self._quotes.clear()

    def frame(self) -> Frame:
        """A snapshot of everything that has been set."""
        self._last = frame_of(list(self._quotes.values()), at=self._clock.now(), source=self.name, like=self._last)
        return self._last

    def watch(self, symbols: Collection[Symbol]) -> None:
        self.watched = set(symbols)

    async def frames(self) -> AsyncIterator[Frame]:
        await asyncio.Event().wait()
        yield self.frame()

    async def fetch(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        if self.down:
            raise Unavailable(self.name, "连不上，请检查网络")
        now = self._clock.now()
        return {
            symbol: self._quotes[symbol].model_copy(update={"quoted_at": now, "received_at": now})
            for symbol in symbols
            if symbol in self._quotes
        }
