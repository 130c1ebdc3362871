"""Bookkeeper: draws up the sheet of an account for whoever asks, and notes once a day what it is worth."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import date
from typing import Final

from core.brokerage import Brokerage
from core.calendar import CLOSING_AUCTION_OPENS, is_trading_day, session_close, trading_date
from core.clock import Clock, market_time
from core.engine import Engine
from core.errors import OutsideError
from core.portfolio import Account, Worth
from core.ports import QuoteSource, Store
from core.reckoning import Seen, day_of_fill, seen
from core.sheet import Sheet, day_meant
from core.types import Symbol

log: Final = logging.getLogger(__name__)

ALL: Final = 100_000
"""Fills of an account that are read: all of them."""
PATIENCE: Final = 10.0
"""Seconds to wait for closing prices."""


class Bookkeeper:
    """Knows where the parts of a sheet are."""

    def __init__(self, store: Store, brokerage: Brokerage, engine: Engine, quotes: QuoteSource, clock: Clock) -> None:
        self._quotes = quotes
        self._store = store
        self._brokerage = brokerage
        self._engine = engine
        self._clock = clock

    async def take(self, account: Account) -> Sheet:
        """An account as it stands by the newest quotes.

        Raises:
            Unavailable: the store does not answer.
        """
        fills = tuple(reversed(await self._store.fills(account.id, limit=ALL)))
        now = self._clock.now()
        day = day_meant(now)
        wanted = {one.symbol for one in account.positions if one.shares}
        wanted |= {fill.symbol for fill in fills if day_of_fill(fill) == day}
        found = {symbol: self.seen(symbol) for symbol in sorted(wanted)}
        names = {symbol: self._brokerage.name(symbol) for symbol in {*wanted, *(fill.symbol for fill in fills)}}
        return Sheet(account, day, now, found, fills, names)

    def again(self, sheet: Sheet) -> Sheet:
        """The same account with the quotes that are there now."""
        return replace(sheet, found={symbol: self.seen(symbol) for symbol in sheet.found})

    def seen(self, symbol: Symbol) -> Seen:
        """What the newest quote says that a share is worth."""
        quote = self._engine.quote(symbol)
        # Bad data makes nobody richer or poorer; what does not trade now has no price that could be bad.
        trusted = quote is None or not quote.last or quote.suspended or self._engine.traded_quote(symbol) is not None
        return seen(quote, trusted=trusted)

    async def note(self) -> None:
        """After the close: what every account is worth, where that is not noted yet.

        A price from before the closing auction is asked for again. What cannot be known is noted as that, with the
        reason, and tried again by whoever calls next.
        """
        now = self._clock.now()
        day = trading_date(now)
        if not is_trading_day(day) or now < session_close(day):
            return  # a job that comes late, or on a clock that jumps, has missed its day
        worths = []
        for broker in self._brokerage.brokers:
            if any(one.total is not None for one in await self._store.worths(broker.account, day, day)):
                continue
            try:
                sheet = await self.take(await self._brokerage.refresh(broker.account))
            except OutsideError as error:
                log.warning("%s: %s", error.source, error.reason)
                continue
            late = [symbol for symbol, one in sheet.found.items() if _is_late(one, day)]
            answered = await self.ask(late)
            left = [symbol for symbol in late if symbol not in answered]
            worths.append(self.worth(self.again(sheet), f"{len(left)} 只持仓没有收盘价" if left else ""))
        await self._store.save_worths(worths)

    async def ask(self, symbols: Collection[Symbol]) -> Collection[Symbol]:
        """Ask the source for quotes; which ones came."""
        if not symbols:
            return ()
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._quotes.fetch(symbols)
        except (OutsideError, TimeoutError) as error:
            log.warning("no closing prices for %s: %s", ", ".join(symbols), error)
            return ()
        self._engine.learn(found.values())
        return found.keys()

    def worth(self, sheet: Sheet, why: str = "") -> Worth:
        """A point of the curve.

        Args:
            why: it is not known.
        """
        account = sheet.account
        stale = [
            symbol
            for symbol, one in sheet.found.items()
            if one.quote is not None and market_time(one.quote.quoted_at).date() != sheet.day
        ]
        if not account.cash_known:
            why = "可用资金没有登记"
        elif sheet.valued.unpriced:
            why = f"{len(sheet.valued.unpriced)} 只持仓没有行情"
        elif stale:
            why = f"{len(stale)} 只持仓的行情是更早的"
        return Worth(
            account=account.id,
            day=sheet.day,
            mode=account.mode,
            total=None if why else sheet.total,
            paid_in=sheet.paid_in,
            realized=account.realized,
            note=why,
            as_of=sheet.as_of,
        )


def _is_late(one: Seen, day: date) -> bool:
    """Whether a quote is none of the close: missing, or from before the closing auction."""
    if one.quote is None:
        return True
    at = market_time(one.quote.quoted_at)
    return not one.quote.suspended and (at.date() != day or at.time() < CLOSING_AUCTION_OPENS)
