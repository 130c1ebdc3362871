"""Research: finds out what is known of a share now, and packs it. What cannot be had in time is missing, and says why.

Nothing of an account is asked that its owner may not see, and nobody waits longer than :data:`PATIENCE`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from typing import Final, TypeVar

from core.alerts import Alert
from core.bars import Bar, Period
from core.brokerage import Brokerage
from core.calendar import minutes_traded, trading_date
from core.clock import Clock
from core.engine import Engine
from core.errors import NotFound, OutsideError, UserError
from core.frames import Quote
from core.history import KEPT, History
from core.judging import Leg, legs_of, why
from core.known import Known, Room, Watched, indexes_of
from core.membership import Membership
from core.news import FRESH, NewsSource
from core.pack import Material, Pack
from core.packing import pack
from core.portfolio import Account, value
from core.ports import QuoteSource, Store
from core.rulebook import RuleBook
from core.spending import Spending
from core.types import Money, Symbol
from core.watches import RuleKey, Watch
from core.watchlist import Watchlist
from core.zones import Missing

log: Final = logging.getLogger(__name__)

PATIENCE: Final = 4.0
"""Seconds for each of the things that are asked for side by side."""
ALERTS_SINCE: Final = timedelta(days=5)
_MOST_ALERTS: Final = 20
_LONGEST_NAME: Final = 16

T = TypeVar("T")


class Research:
    """Everything that a pack is made of.

    Args:
        name_of: the name in our table; empty where it has none.
        news: None where nobody has set one up.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        source: QuoteSource,
        engine: Engine,
        history: History,
        brokerage: Brokerage,
        spending: Spending,
        watchlist: Watchlist,
        book: RuleBook,
        membership: Membership,
        name_of: Callable[[Symbol], str],
        news: NewsSource | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._source = source
        self._engine = engine
        self._history = history
        self._brokerage = brokerage
        self._spending = spending
        self._watchlist = watchlist
        self._book = book
        self._membership = membership
        self._name_of = name_of
        self._news = news

    async def pack(
        self,
        symbol: Symbol,
        *,
        owner: str,
        account: str,
        watch: Watch | None = None,
        alert: Alert | None = None,
    ) -> Pack:
        """The facts of a share, for this owner of watches.

        Args:
            account: that he looks at; empty where none.
            watch, alert: what it is about, if it is about one.

        Raises:
            NotFound: the sources answered, and neither they nor our table know the symbol.
        """
        return pack(await self.known(symbol, owner=owner, account=account, watch=watch, alert=alert))

    async def known(
        self, symbol: Symbol, *, owner: str, account: str, watch: Watch | None = None, alert: Alert | None = None
    ) -> Known:
        """The same before it is packed."""
        visible = bool(account) and self._membership.sees(owner, account)
        shown = self._brokerage.account(account) if visible else None
        held = [one.symbol for one in shown.positions if one.shares] if shown is not None else []
        quotes, days, minutes, alerts, materials, seen = await asyncio.gather(
            self._priced(symbol, {*indexes_of(symbol), *held} - {symbol}),
            self._bars(symbol, "day", KEPT),
            self._bars(symbol, "1m", minutes_traded(self._clock.now())),
            _in_time("提醒记录", self._alerts(owner, symbol)),
            self._materials(symbol),
            self._account(account, visible=visible),
        )
        quote = self._engine.quote(symbol)
        # What a source calls it goes into a prompt: no more of it than a name.
        name = self._name_of(symbol) or (quote.name[:_LONGEST_NAME] if quote is not None else "")
        if quote is None and not name and not isinstance(quotes, Missing):
            raise NotFound(f"没有 {symbol} 这只证券，请核对代码。")
        unseen = quotes if isinstance(quotes, Missing) else Missing("行情来源没有它的行情")
        found = {one: self._engine.quote(one) for one in indexes_of(symbol)}
        return Known(
            symbol=symbol,
            name=name,
            now=self._clock.now(),
            quote=quote or unseen,
            days=days,
            trouble=self._history.trouble(symbol) or "",
            minutes=minutes if isinstance(minutes, Missing) else _of_newest_day(minutes, quote),
            indexes={one: index for one, index in found.items() if index is not None},
            doubt=self._engine.doubt_now(symbol),
            looked=account,
            where=self._brokerage.where(account) if visible else "",
            account=seen,
            total=self._total(seen),
            bought=seen if isinstance(seen, Missing) else self._spending.filled(account, symbol),
            room=self._room(owner, seen, symbol, quote),
            watches=self._watched(owner, symbol, quote, watch),
            alerts=alerts,
            alert=alert,
            materials=materials,
        )

    # -- the market

    async def _priced(self, symbol: Symbol, others: Collection[Symbol]) -> int | Missing:
        """Ask for the share, and beside it for others: what no source knows is looked for everywhere and takes long."""
        found, _ = await asyncio.gather(
            _in_time("行情", self._quotes([symbol])), _in_time("其他行情", self._quotes(others))
        )
        return found

    async def _quotes(self, symbols: Collection[Symbol]) -> int:
        """Let the engine know the newest quotes; how many there were."""
        found = await self._source.fetch(symbols)
        self._engine.learn(found.values())
        return len(found)

    async def _bars(self, symbol: Symbol, period: Period, count: int) -> Sequence[Bar] | Missing:
        """What is at hand after the source was asked for as long as there is patience, with the minute that forms."""
        trouble = await _in_time("K线", self._history.ensure([symbol], period, count))
        kept = self._history.daily(symbol) if period == "day" else self._history.minutes(symbol, period)
        forming = None if period == "day" else self._history.forming(symbol, period)
        bars = [*kept, *([forming] if forming is not None and (not kept or forming.time > kept[-1].time) else [])]
        if bars:
            return bars
        return Missing(self._history.trouble(symbol) or (trouble.what if trouble is not None else "来源没有它的K线"))

    # -- the person

    async def _alerts(self, owner: str, symbol: Symbol) -> Sequence[Alert]:
        since = self._clock.now() - ALERTS_SINCE
        return await self._store.alerts(owner, symbol, _MOST_ALERTS, since=since)

    async def _account(self, account: str, *, visible: bool) -> Account | Missing:
        """As its broker shows it now, else as it was last seen."""
        if not account:
            return Missing("没有看账户")
        if not visible:
            return Missing("没有查看这个账户的权限")
        if self._brokerage.find(account) is None:
            return Missing("没有这个账户")
        fresh = await _in_time("账户", self._brokerage.refresh(account))
        if isinstance(fresh, Missing):
            return self._brokerage.account(account) or fresh
        return fresh

    def _total(self, account: Account | Missing) -> Money | Missing:
        if isinstance(account, Missing):
            return account
        if not account.cash_known:
            return Missing("没有登记可用资金")
        held = [one.symbol for one in account.positions if one.shares]
        quotes = {symbol: quote for symbol in held if (quote := self._engine.quote(symbol)) is not None}
        valued = value(account, {symbol: price for symbol, quote in quotes.items() if (price := quote.worth)})
        if valued.unpriced:
            names = "、".join(self._brokerage.name(symbol) for symbol in valued.unpriced)
            return Missing(f"{names}没有行情")
        return valued.total

    def _room(self, owner: str, account: Account | Missing, symbol: Symbol, quote: Quote | None) -> Room:
        price = quote.worth if quote is not None else None
        if isinstance(account, Missing) or price is None:
            return Room()
        amount = self._spending.room(owner, account, symbol, price)
        return Room(amount, self._spending.bought(account.id, symbol), self._spending.texts(owner))

    def _watched(self, owner: str, symbol: Symbol, quote: Quote | None, first: Watch | None) -> list[Watched]:
        """The watch that it is about, and the live ones of the person on the share."""
        now = self._clock.now()
        others = [one for one in self._watchlist.on(owner, [symbol]) if one.live_at(now)]
        chosen = [] if first is None else [first]
        chosen += [one for one in others if first is None or one.id != first.id]
        return [self._standing(owner, one, symbol, quote) for one in chosen]

    def _standing(self, owner: str, watch: Watch, symbol: Symbol, quote: Quote | None) -> Watched:
        if watch.account and not self._membership.sees(owner, watch.account):
            return Watched(watch, Missing("没有查看它的账户的权限"))  # a stop-loss would tell the cost
        if quote is None:
            return Watched(watch, Missing("没有行情"))
        keys = [RuleKey(watch.id, symbol, group) for group in range(len(watch.groups()))]
        rules = [rule for key in keys if (rule := self._book.rule(key)) is not None]
        if not rules:
            return Watched(watch, Missing("现在没有在盯"))
        legs: list[Leg] = []
        lacking = None
        for rule in rules:
            found = legs_of(rule, self._book.view(rule, quote))
            if isinstance(found, Missing):
                lacking = found
            else:
                legs += found
        said = "；".join(why(rule, self._book.view(rule, quote)) for rule in rules)
        return Watched(watch, legs or lacking or (), said)

    # -- what others wrote

    async def _materials(self, symbol: Symbol) -> Sequence[Material] | Missing:
        if self._news is None:
            return ()
        return await _in_time(self._news.name, self._news.news(symbol, self._clock.now() - FRESH))


def _of_newest_day(bars: Sequence[Bar], quote: Quote | None) -> Sequence[Bar] | Missing:
    """Those of the quote's day; of the newest there is where there is no quote."""
    day = trading_date(quote.quoted_at if quote is not None else bars[-1].time)
    return [bar for bar in bars if trading_date(bar.time) == day]


async def _in_time(what: str, asked: Awaitable[T]) -> T | Missing:
    """What somebody answers as long as there is patience; else why there is nothing."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await asked
    except TimeoutError:
        return Missing(f"{what}在 {PATIENCE:g} 秒内没有取到")
    except OutsideError as error:
        log.info("%s: %s", what, error)
        return Missing(f"{error}")
    except UserError as error:
        return Missing(f"{error}")
