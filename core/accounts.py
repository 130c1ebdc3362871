"""Accounts: what an account is worth, judged like the price of a share.

After each frame of the market that has a share which an account holds, the account gets a frame of its own, of one
symbol, so that crossings, memory, silences and ``/why`` are those of every other watch. Its quote reads: ``last`` is
all that the account is worth, ``preclose`` what it was worth at the previous close, ``open`` what was paid in.

**The previous close is worked out, not remembered**: what is held now at yesterday's prices, with the trades of today
undone. So it is there on the first day and after a restart, money that was paid in today is no profit, and a price that
falls on an ex-date is no loss. What was bought today, but not through us, counts as held since yesterday.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from core.brokerage import Brokerage
from core.clock import Clock, market_time
from core.engine import Engine
from core.frames import Frame, Quote, frame_of
from core.orders import Fill
from core.portfolio import Account, paid_in, value
from core.ports import Store
from core.render import name_text
from core.rulebook import RuleBook
from core.types import Money, Price, Side, Symbol, account_symbol
from core.zones import Missing

MANY_FILLS: Final = 1000


class _Trades(NamedTuple):
    """The fills of one market date, as they belong to an account as it was seen."""

    account: Account
    day: date
    fills: Sequence[Fill]


def worth_at_close(account: Account, fills: Sequence[Fill], precloses: Mapping[Symbol, Price]) -> Money | None:
    """What an account was worth at the previous close, or would have been with what was paid in since.

    Args:
        fills: its trades of today.

    Returns:
        None where a previous close is missing.
    """
    cash = account.cash + account.frozen
    shares = Counter({one.symbol: one.shares for one in account.positions})
    for fill in fills:
        way = 1 if fill.side is Side.BUY else -1
        shares[fill.symbol] -= way * fill.shares
        cash += way * fill.price * fill.shares + fill.fee
    held = {symbol: count for symbol, count in shares.items() if count}
    if not held.keys() <= precloses.keys():
        return None
    return cash + sum(count * precloses[symbol] for symbol, count in held.items())


class Accounts:
    """Gives accounts their quotes.

    Args:
        on_symbols: called when :attr:`symbols` may have changed.
    """

    def __init__(
        self,
        store: Store,
        brokerage: Brokerage,
        engine: Engine,
        book: RuleBook,
        clock: Clock,
        *,
        on_symbols: Callable[[], None],
    ) -> None:
        self._store = store
        self._brokerage = brokerage
        self._engine = engine
        self._book = book
        self._clock = clock
        self._on_symbols = on_symbols
        self._trades: dict[str, _Trades] = {}
        self._judged: dict[str, Account] = {}
        self._unknown: dict[str, str] = {}
        self._frame: Frame | None = None
        # What has traded today: of these a missing price is bad data.
        self._traded: dict[Symbol, date] = {}

    @property
    def symbols(self) -> set[Symbol]:
        """What must be quoted beside what is held: what was sold today."""
        return {fill.symbol for trades in self._trades.values() for fill in trades.fills}

    async def on_frame(self, frame: Frame) -> None:
        """After a frame of the market was judged: judge the watched accounts that it may have moved."""
        quotes = []
        for broker in self._brokerage.brokers:
            account, symbol = self._brokerage.account(broker.account), account_symbol(broker.account)
            if account is None or symbol not in self._book.symbols:
                continue
            held = any(one.symbol in frame.rows for one in account.positions if one.shares)
            if not held and self._judged.get(account.id) is account:
                continue
            quote = await self._quote(account.id)
            if not isinstance(quote, Missing):
                quotes.append(quote)
                self._judged[account.id] = account
        if quotes:
            self._frame = frame_of(quotes, at=frame.at, source=quotes[0].source, like=self._frame)
            await self._engine.on_accounts(self._frame)

    async def look(self, account_id: str) -> Quote | Missing:
        """The quote of an account as it stands, for people; it judges nothing. Raises Unavailable."""
        quote = await self._quote(account_id)
        if not isinstance(quote, Missing):
            self._engine.learn([quote])
        return quote

    def unknown(self, account_id: str) -> str | None:
        """Why nobody could say what an account is worth when that was last asked; None when it was known."""
        return self._unknown.get(account_id)

    async def _quote(self, account_id: str) -> Quote | Missing:
        found = await self._worth(account_id)
        self._unknown.pop(account_id, None)
        if isinstance(found, Missing):
            self._unknown[account_id] = found.what
        return found

    async def _worth(self, account_id: str) -> Quote | Missing:
        """What an account is worth by the newest prices, or why nobody can say."""
        account = self._brokerage.account(account_id)
        if account is None:
            return Missing("账户还没有回报过资金和持仓")
        if not account.cash_known:
            return Missing("账户的可用资金没有登记，不知道总资产；用 /cash 登记后就能判断")
        seen = {one.symbol: self._engine.quote(one.symbol) for one in account.positions if one.shares}
        prices: dict[Symbol, Price] = {}
        for symbol, quote in seen.items():
            price = self._price(symbol, quote)
            if isinstance(price, Missing):
                return Missing(f"{name_text(self._brokerage.name(symbol), symbol)}{price.what}，不知道账户的总资产")
            prices[symbol] = price
        newest = max((one for one in seen.values() if one is not None), key=lambda one: one.quoted_at, default=None)
        now = self._clock.now()
        quoted_at = now if newest is None else newest.quoted_at
        fills = await self._fills(account, market_time(quoted_at).date())
        known = {fill.symbol: self._engine.quote(fill.symbol) for fill in fills} | seen
        precloses = {symbol: one.preclose for symbol, one in known.items() if one is not None and one.preclose}
        return Quote(
            symbol=account_symbol(account_id),
            name=self._brokerage.broker(account_id).name,
            last=value(account, prices).total,
            preclose=worth_at_close(account, fills, precloses),
            open=paid_in(account),
            source=self._brokerage.broker(account_id).name if newest is None else newest.source,
            quoted_at=quoted_at,
            received_at=now,
        )

    def _price(self, symbol: Symbol, quote: Quote | None) -> Price | Missing:
        """What a share is worth. Bad data makes an account neither richer nor poorer."""
        if quote is None:
            return Missing("还没有行情")
        day = market_time(quote.quoted_at).date()
        if quote.last is None:
            price = None if self._traded.get(symbol) == day and not quote.suspended else quote.worth
            return price or Missing("没有成交价（价格为 0）")
        if not quote.suspended and self._engine.traded_quote(symbol) is None:
            return Missing("的价格超出涨跌停，疑为坏数据")
        self._traded[symbol] = day
        return quote.last

    async def _fills(self, account: Account, day: date) -> Sequence[Fill]:
        """The trades of a day, read again whenever the account was."""
        known = self._trades.get(account.id)
        if known is not None and known.account is account and known.day == day:
            return known.fills
        stored = await self._store.fills(account.id, limit=MANY_FILLS)
        fills = tuple(fill for fill in stored if market_time(fill.at).date() == day)
        before = self.symbols
        self._trades[account.id] = _Trades(account, day, fills)
        if self.symbols - before:
            self._on_symbols()
        return fills
