"""Listing: which shares there are. The sources are asked for every code that the exchanges could have given out.

The table of names knows the well-known ones; no list of all of them comes with the program, and one would be out of
date with the next new listing. What is found is stored, and looked for again once a week.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from core.clock import Clock
from core.errors import OutsideError
from core.frames import Quote
from core.market import is_share
from core.ports import QuoteSource, Store
from core.types import Symbol

log: Final = logging.getLogger(__name__)

LISTED: Final = "listed_shares"
"""Under this key the store keeps what was found."""
FRESH: Final = timedelta(days=7)
RETRY: Final = timedelta(minutes=30)
PIECE: Final = 400
"""Codes asked for at a time."""
PAUSE: Final = 2.0
"""Seconds between two pieces: all together take about a minute and a half."""
# Source: the ranges out of which the exchanges have given codes to A-shares so far, SSE, SZSE and BSE.
RANGES: Final = (
    ("SH", 600_000, 602_000),
    ("SH", 603_000, 604_000),
    ("SH", 605_000, 606_000),
    ("SH", 688_000, 690_000),
    ("SZ", 1, 4_000),
    ("SZ", 300_000, 303_000),
    ("BJ", 920_000, 921_000),
)


class Listing:
    """Keeps the list of all A-shares.

    Args:
        known: those of the table of names; they are on the list whatever is found.
        source: None where the list is what is known, as in a market that is made up.
    """

    def __init__(
        self,
        store: Store,
        source: QuoteSource | None,
        clock: Clock,
        *,
        known: Callable[[], Sequence[Symbol]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._source = source
        self._clock = clock
        self._known = known
        self._sleep = sleep
        self._found: tuple[Symbol, ...] = ()
        self._at: datetime | None = None
        self._retry_at: datetime | None = None

    async def load(self) -> None:
        stored = await self._store.value(LISTED)
        if stored is not None:
            said = json.loads(stored)
            self._found = tuple(Symbol(one) for one in said["symbols"])
            self._at = datetime.fromisoformat(said["at"])

    def shares(self) -> tuple[Symbol, ...]:
        """All of them, each once, those that were known from the beginning first."""
        return tuple(dict.fromkeys((*self._known(), *self._found)))

    @property
    def is_complete(self) -> bool:
        """Whether they were looked for, or are all that there is."""
        return self._source is None or self._at is not None

    def lacks(self, symbol: Symbol) -> bool:
        """Whether there will never be a quote of this share: the market is made up or past, and it is not in it."""
        return self._source is None and is_share(symbol) and symbol not in self.shares()

    async def run(self) -> bool:
        """Look for all shares, where that has become necessary; whether the list may be another one now.

        Raises:
            Unavailable: the store does not take it.
        """
        now = self._clock.now()
        is_fresh = self._at is not None and now - self._at < FRESH
        rests = self._retry_at is not None and now < self._retry_at
        if self._source is None or is_fresh or rests:
            return False
        # Whatever comes of it, it is not tried again at once.
        self._retry_at = now + RETRY
        found: list[Symbol] = []
        for place, piece in enumerate(_pieces()):
            if place:
                await self._sleep(PAUSE)
            try:
                quotes = await self._source.fetch(piece)
            except OutsideError as error:
                log.warning("the list of shares: %s", error)
                return False
            found += [symbol for symbol in piece if symbol in quotes and _is_listed(quotes[symbol])]
        log.info("%d shares are listed", len(found))
        said = {"at": now.isoformat(), "symbols": found}
        await self._store.set_value(LISTED, json.dumps(said))
        self._found, self._at = tuple(found), now
        return True


def _pieces() -> Iterator[list[Symbol]]:
    codes = [Symbol(f"{code:06d}.{exchange}") for exchange, first, end in RANGES for code in range(first, end)]
    shares = [symbol for symbol in codes if is_share(symbol)]
    for start in range(0, len(shares), PIECE):
        yield shares[start : start + PIECE]


def _is_listed(quote: Quote) -> bool:
    """A share that has left the exchange may still have a row, without a price to go by or with a name that says so."""
    return bool(quote.preclose) and not quote.name.startswith("退") and not quote.name.endswith("退")
