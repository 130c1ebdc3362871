"""Listing: which securities there are and what they are called, looked for twice a trading day and kept.

A table of names comes with the program, and is out of date with the next new listing. Before the open the names of the
day are taken in: who is new, who is called otherwise, who has left; after the close the turnover, by which candidates
are ordered.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple, Protocol

from core.calendar import is_trading_day
from core.clock import MARKET_ZONE, Clock, market_time
from core.errors import OutsideError
from core.frames import Quote
from core.market import is_share
from core.ports import QuoteSource, Roster, Store
from core.securities import LEAVES, Change, Security, Sighting, is_old_code, learnt, missing
from core.types import Symbol

log: Final = logging.getLogger(__name__)

LISTED: Final = "listed_shares"
"""Under this key the store keeps which there were and when; once there was a turnover, the most traded first."""
LOOKS: Final = (time(9, 2), time(15, 32))
"""When it is looked, on the market's clock of a trading day: a new listing has its name and price by the first."""
RETRY: Final = timedelta(minutes=30)
PIECE: Final = 400
"""Codes asked for at a time."""
PAUSE: Final = 2.0
"""Seconds between two pieces: all together take about a minute and a half."""
PLAUSIBLE: Final = 0.9
"""Of the shares that are known, so many must be seen before the others count as gone."""
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


class Book(Protocol):
    """The table of names, as far as it is kept here."""

    def __contains__(self, symbol: Symbol) -> bool: ...

    def name_of(self, symbol: Symbol) -> str: ...

    def shares(self) -> Sequence[Symbol]:
        """All A-shares that it knows."""
        ...

    def learn(self, security: Security) -> None: ...

    def rank(self, symbols: Sequence[Symbol]) -> None:
        """Candidates stand in this order from now on."""
        ...


class Looked(NamedTuple):
    """What came of a look: the list may be another one now.

    Attributes:
        changes: who is called otherwise, new or gone since the look before.
    """

    changes: Sequence[Change]


class ByCode:
    """A Roster of a source of quotes: it is asked for every code that the exchanges could have given out."""

    def __init__(self, source: QuoteSource, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.name = source.name
        self._source = source
        self._sleep = sleep

    async def sightings(self, known: Collection[Symbol]) -> Sequence[Sighting]:
        """See :class:`core.ports.Roster`."""
        found: list[Sighting] = []
        for place, piece in enumerate(_pieces(known)):
            if place:
                await self._sleep(PAUSE)
            quotes = await self._source.fetch(piece)
            found += [sighting(quotes[symbol]) for symbol in piece if symbol in quotes and quotes[symbol].preclose]
        return found


class FirstThatCan:
    """A Roster of several: the first that has the whole list."""

    def __init__(self, rosters: Sequence[Roster]) -> None:
        self.name = "/".join(roster.name for roster in rosters)
        self._rosters = rosters

    async def sightings(self, known: Collection[Symbol]) -> Sequence[Sighting]:
        """See :class:`core.ports.Roster`."""
        *others, last = self._rosters
        for roster in others:
            try:
                return await roster.sightings(known)
            except OutsideError as error:
                log.warning("the list of shares: %s", error)
        return await last.sightings(known)


class Listing:
    """Keeps the list of all A-shares, and the table of names in step with it.

    Args:
        market: all shares that there are, where the market is made up or past; else those of the table are a beginning.
        roster: None where nothing else can be found.
    """

    def __init__(
        self,
        store: Store,
        roster: Roster | None,
        clock: Clock,
        names: Book,
        *,
        market: Callable[[], Sequence[Symbol]] | None = None,
    ) -> None:
        self._store = store
        self._roster = roster
        self._clock = clock
        self._names = names
        self._market = market
        self._learnt: dict[Symbol, Security] = {}
        self._found: tuple[Symbol, ...] = ()
        self._at: datetime | None = None
        self._retry_at: datetime | None = None
        self._ranked = False

    async def load(self) -> None:
        """Take over what an earlier process learnt."""
        for security in await self._store.securities():
            self._learnt[security.symbol] = security
            self._names.learn(security)
        stored = await self._store.value(LISTED)
        if stored is not None:
            said = json.loads(stored)
            self._found = tuple(Symbol(one) for one in said["symbols"])
            self._at = datetime.fromisoformat(said["at"])
            self._take_order(ranked=said.get("ranked", False))

    def shares(self) -> tuple[Symbol, ...]:
        """All of them, each once, those that were known from the beginning first."""
        if self._market is not None:
            return tuple(self._market())
        known = self._names.shares()
        others = sorted(set(self._found).difference(known))
        return tuple(one for one in (*known, *others) if self._is_listed(one))

    def _is_listed(self, symbol: Symbol) -> bool:
        return self.gone(symbol) is None and not LEAVES.search(self._names.name_of(symbol))

    def gone(self, symbol: Symbol) -> Security | None:
        """What is known of it, where it has left the exchange."""
        security = self._learnt.get(symbol)
        return security if security is not None and security.gone_on is not None else None

    @property
    def is_complete(self) -> bool:
        """Whether they were looked for, or are all that there is."""
        return self._roster is None or self._at is not None

    def lacks(self, symbol: Symbol) -> bool:
        """Whether there will never be a quote of this share: the market is made up or past, and it is not in it."""
        return self._roster is None and is_share(symbol) and symbol not in self.shares()

    async def saw(self, quotes: Iterable[Quote]) -> None:
        """Learn the names of securities that nobody had told us of, and keep them.

        Raises:
            Unavailable: the store does not take it; they are known all the same until the end of the process.
        """
        day = market_time(self._clock.now()).date()
        unknown = [quote for quote in quotes if quote.name and quote.symbol not in self._names]
        new = [found for quote in unknown if (found := learnt("", None, sighting(quote), day)) is not None]
        await self._keep(new)

    async def run(self) -> Looked | None:
        """Look for all securities; None where it is not the time, or they could not be had.

        Raises:
            Unavailable: the store does not take it.
        """
        now = self._clock.now()
        rests = self._retry_at is not None and now < self._retry_at
        if self._roster is None or rests or not self._due(now):
            return None
        # Whatever comes of it, it is not tried again at once.
        self._retry_at = now + RETRY
        known = self._names.shares()
        try:
            found = {one.symbol: one for one in await self._roster.sightings(known)}
        except OutsideError as error:
            log.warning("the list of shares: %s", error)
            return None
        changes = [Change(self._shown(one.symbol), one) for one in self._news(known, found)]
        await self._keep([change.after for change in changes])
        shares = [symbol for symbol in found if is_share(symbol) and self._is_listed(symbol)]
        log.info("%d shares are listed", len(shares))
        ordered, ranked = self._by_turnover(shares, found)
        said = {"at": now.isoformat(), "symbols": ordered, "ranked": ranked}
        await self._store.set_value(LISTED, json.dumps(said))
        self._found, self._at = tuple(ordered), now
        self._take_order(ranked=ranked)
        return Looked(changes)

    def _take_order(self, *, ranked: bool) -> None:
        self._ranked = ranked
        if ranked:
            self._names.rank(self._found)

    def _due(self, now: datetime) -> bool:
        """Whether nobody has looked since the newest time at which it should have been."""
        return self._at is None or self._at < _newest_look(now)

    def _news(self, known: Sequence[Symbol], found: Mapping[Symbol, Sighting]) -> list[Security]:
        day = market_time(self._clock.now()).date()
        news = [
            learnt(self._shown(symbol), self._learnt.get(symbol), one, day) for symbol, one in found.items()
        ]  # fmt: skip
        expected = [symbol for symbol in known if not is_old_code(symbol) and self.gone(symbol) is None]
        absent = [symbol for symbol in expected if symbol not in found]
        if len(expected) - len(absent) >= PLAUSIBLE * len(expected):
            news += [missing(symbol, self._shown(symbol), self._learnt.get(symbol), day) for symbol in absent]
        return [one for one in news if one is not None]

    def _shown(self, symbol: Symbol) -> str:
        return self._names.name_of(symbol) if symbol in self._names else ""

    async def _keep(self, securities: Sequence[Security]) -> None:
        for security in securities:
            self._learnt[security.symbol] = security
            self._names.learn(security)
        if securities:
            await self._store.save_securities(securities)

    def _by_turnover(self, shares: Sequence[Symbol], found: Mapping[Symbol, Sighting]) -> tuple[list[Symbol], bool]:
        """Ordered by what was traded today; before anything was, as they stood. And whether that is any order."""
        traded = {symbol: amount for symbol in shares if (amount := found[symbol].amount)}
        if 2 * len(traded) >= len(shares):
            return sorted(shares, key=lambda symbol: -traded.get(symbol, 0)), True
        listed = set(shares)
        return list(dict.fromkeys((*(one for one in self._found if one in listed), *shares))), self._ranked


def sighting(quote: Quote) -> Sighting:
    return Sighting(quote.symbol, quote.name, quote.amount)


def _newest_look(now: datetime) -> datetime:
    day = market_time(now).date()
    while True:
        for clock in reversed(LOOKS):
            at = datetime.combine(day, clock, MARKET_ZONE)
            if at <= now and is_trading_day(day):
                return at
        day -= timedelta(days=1)


def _pieces(known: Collection[Symbol]) -> Iterator[list[Symbol]]:
    codes = [Symbol(f"{code:06d}.{exchange}") for exchange, first, end in RANGES for code in range(first, end)]
    shares = [symbol for symbol in codes if is_share(symbol)]
    wanted = list(dict.fromkeys((*shares, *(symbol for symbol in known if not is_old_code(symbol)))))
    for start in range(0, len(wanted), PIECE):
        yield wanted[start : start + PIECE]
