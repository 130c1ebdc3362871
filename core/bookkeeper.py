"""Bookkeeper: draws up the sheet of an account for whoever asks, and notes once a day what it is worth."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from core.calendar import is_trading_day, trading_date
from core.clock import Clock, market_time
from core.desk import Desk
from core.engine import Engine
from core.errors import OutsideError
from core.portfolio import Account, Worth
from core.ports import Store
from core.reckoning import Seen, day_of_fill, seen
from core.sheet import Sheet, day_meant
from core.types import Symbol

log: Final = logging.getLogger(__name__)

ALL: Final = 100_000
"""Fills of an account that are read: all of them."""


class Bookkeeper:
    """Knows where the parts of a sheet are."""

    def __init__(self, store: Store, desk: Desk, engine: Engine, clock: Clock) -> None:
        self._store = store
        self._desk = desk
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
        found = {symbol: self._seen(symbol) for symbol in sorted(wanted)}
        names = {symbol: self._desk.name(symbol) for symbol in {*wanted, *(fill.symbol for fill in fills)}}
        return Sheet(account, day, now, found, fills, names)

    def again(self, sheet: Sheet) -> Sheet:
        """The same account with the quotes that are there now."""
        return replace(sheet, found={symbol: self._seen(symbol) for symbol in sheet.found})

    def _seen(self, symbol: Symbol) -> Seen:
        quote = self._engine.quote(symbol)
        # Bad data makes nobody richer or poorer; what does not trade now has no price that could be bad.
        trusted = quote is None or not quote.last or quote.suspended or self._engine.traded_quote(symbol) is not None
        return seen(quote, trusted=trusted)

    async def note(self) -> None:
        """After the close: what every account is worth. What cannot be known is noted as that, with the reason."""
        day = trading_date(self._clock.now())
        if not is_trading_day(day):
            return
        worths = []
        for broker in self._desk.brokers:
            try:
                worths.append(self.worth(await self.take(await self._desk.refresh(broker.account))))
            except OutsideError as error:
                log.warning("%s: %s", error.source, error.reason)
        await self._store.save_worths(worths)

    def worth(self, sheet: Sheet) -> Worth:
        """A point of the curve."""
        account = sheet.account
        stale = [
            symbol
            for symbol, one in sheet.found.items()
            if one.quote is not None and market_time(one.quote.quoted_at).date() != sheet.day
        ]
        why = ""
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
