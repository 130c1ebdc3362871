"""House: what is wired together, for the commands to use. Built by :mod:`bot.assembly` and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.language.model import SecondReader
from bot.language.names import Names
from core.accounts import Accounts
from core.adjust import Adjustments
from core.autotrade import AutoTrade
from core.backfill import Backfill
from core.blotter import Blotter
from core.bookkeeper import Bookkeeper
from core.brokerage import Brokerage
from core.chronicler import Chronicler
from core.clock import Clock
from core.commentary import Commentary
from core.conditions import Condition
from core.counsel import Counsel
from core.desk import Desk
from core.digest import Digest
from core.dispatch import Dispatcher
from core.engine import Engine
from core.errors import NotFound, OutsideError
from core.escalate import Escalation
from core.feed import Feed
from core.frames import Quote
from core.history import History
from core.illustrate import Illustrator
from core.listing import Listing
from core.membership import Membership
from core.notify import Notifier
from core.pictures import Pictures
from core.ports import QuoteSource, Store
from core.reconcile import Reconciler
from core.remind import Reminders
from core.render import name_text
from core.reporter import Reporter
from core.research import Research
from core.rulebook import RuleBook
from core.scorer import Scorer
from core.spending import Spending
from core.sweep import Sweep
from core.switch import KillSwitch
from core.types import Symbol, account_of, account_symbol, is_account
from core.watchlist import Watchlist
from core.zones import Missing

PATIENCE: Final = 4.0
"""Seconds a person waits for a quote before the answer goes without it."""


@dataclass(frozen=True)
class House:
    clock: Clock
    store: Store
    feed: Feed
    names: Names
    quotes: QuoteSource
    book: RuleBook
    engine: Engine
    desk: Desk
    brokerage: Brokerage
    blotter: Blotter
    switch: KillSwitch
    reconciler: Reconciler
    spending: Spending
    autotrade: AutoTrade
    accounts: Accounts
    dispatcher: Dispatcher
    digest: Digest
    escalation: Escalation
    reminders: Reminders
    notifier: Notifier
    watchlist: Watchlist
    history: History
    chronicler: Chronicler
    bookkeeper: Bookkeeper
    scorer: Scorer
    membership: Membership
    commentary: Commentary
    reporter: Reporter
    research: Research
    pictures: Pictures
    illustrator: Illustrator
    backfill: Backfill
    sweep: Sweep
    adjustments: Adjustments
    listing: Listing
    counsel: Counsel | None
    """Asks the model; None where none is set up."""
    reader: SecondReader | None
    """Reads what the grammar cannot; None where no model is set up."""
    about: str
    """How it was started, in a few lines, for /about and /start."""
    about_quotes: Callable[[], str] = str
    """How the source of quotes fares, in one line for /about; empty where there is nothing to say."""
    about_pictures: str = ""
    """With which font pictures are written, in one line for /about; empty where there are none."""

    def now(self) -> datetime:
        return self.clock.now()

    def name(self, symbol: Symbol) -> str:
        """Empty where the table has none."""
        if is_account(symbol):
            return self.brokerage.name(symbol)
        return self.names.name_of(symbol) if symbol in self.names else ""

    async def gather_bars(self, symbols: Collection[Symbol], conditions: Sequence[Condition]) -> None:
        """Have the bars that conditions look at, for as long as a person waits; a job gets the rest."""
        with suppress(TimeoutError, OutsideError):
            async with asyncio.timeout(PATIENCE):
                await self.backfill.ensure(symbols, conditions)

    async def weigh(self) -> None:
        """Let the engine know what the watched accounts are worth now, by the quotes at hand."""
        for broker in self.brokerage.brokers:
            if account_symbol(broker.account) in self.book.symbols:
                with suppress(OutsideError):
                    await self.accounts.look(broker.account)

    def unfit(self, symbol: Symbol) -> str | None:
        """Why nothing is judged by what is known of a share or an account now; None when it is, or the market rests."""
        unknown = self.accounts.unknown(account_of(symbol)) if is_account(symbol) else None
        return unknown or self.engine.doubt_now(symbol)

    async def look(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        """Quotes as fresh as can be had now: asked for, else the newest seen. Unknown symbols are absent.

        An account is worth what its shares are, so these are asked for in its place.

        Raises:
            NotFound: the sources answered, and neither they nor our table know one of the symbols.
        """
        accounts = [symbol for symbol in symbols if is_account(symbol)]
        shares = [symbol for symbol in symbols if not is_account(symbol)]
        wanted = {*shares, *self.blotter.symbols} if accounts else shares
        answered = True
        try:
            async with asyncio.timeout(PATIENCE):
                found = dict(await self.quotes.fetch(wanted))
        except (OutsideError, TimeoutError):
            found, answered = {}, False
        for symbol in shares:
            if symbol not in found:
                seen = self.engine.quote(symbol)
                if seen is not None:
                    found[symbol] = seen
                elif answered and symbol not in self.names:
                    raise NotFound(f"没有 {symbol} 这只证券，请核对代码。")
                elif answered and (gone := self.listing.gone(symbol)) is not None:
                    raise NotFound(f"{name_text(gone.name, symbol)}从 {gone.gone_on} 起没有行情，可能已经退市。")
                elif self.listing.lacks(symbol):
                    there = len(self.listing.shares())
                    raise NotFound(
                        f"这里的行情不是真的市场，只有 {there} 只股票，没有{name_text(self.name(symbol), symbol)}。"
                    )
        with suppress(OutsideError):
            await self.listing.saw(found.values())
        self.engine.learn(found.values())
        for symbol in accounts:
            worth = await self.accounts.look(account_of(symbol))
            if not isinstance(worth, Missing):
                found[symbol] = worth
        return found
