"""Sheet: all that is known of an account at one instant, which answers are made of. Pure.

Each figure that an answer can show is a property or a row of it, and :func:`facts_of` lists them all once more as
facts, so that every answer, whoever wrote it, can be held against them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import Final

from core.calendar import is_trading_day, previous_trading_day
from core.clock import market_time
from core.figures import Unit
from core.grounding import Fact, Facts
from core.orders import Fill, Order
from core.portfolio import Account, Valuation, Valued, Worth, paid_in, value
from core.reckoning import Earned, Sale, Seen, day_of_fill, earned_on, held_since, sales, withdrawable
from core.types import Money, Side, Symbol, code_of

_ONE_DAY: Final = timedelta(days=1)
TOLD: Final = 30
"""Rows of a table; of what has been, the newest."""
_BEGINS: Final = time(9, 15)
"""From when on 今天 is the new day: before, the last one that traded is meant."""


def day_meant(now: datetime) -> date:
    """The trading day that 今天 means: the last one that has begun."""
    local = market_time(now)
    today = local.date()
    return today if is_trading_day(today) and local.time() >= _BEGINS else previous_trading_day(today)


@dataclass(frozen=True)
class Sheet:
    """An account as it stands.

    Attributes:
        found: how every share that is held, or was traded on ``day``, is quoted.
        fills: all trades of the account, oldest first.
        names: of the shares; one without a name is called by its code.
    """

    account: Account
    day: date
    now: datetime
    found: Mapping[Symbol, Seen]
    fills: Sequence[Fill] = ()
    names: Mapping[Symbol, str] = field(default_factory=dict)

    @cached_property
    def valued(self) -> Valuation:
        return value(self.account, {symbol: one.price for symbol, one in self.found.items() if one.price is not None})

    @cached_property
    def held(self) -> Sequence[Valued]:
        """What is held, in the broker's order."""
        return [row for row in self.valued.positions if row.position.shares]

    @cached_property
    def earned(self) -> Mapping[Symbol, Earned]:
        """What each share brought on :attr:`day`."""
        return {one.symbol: one for one in earned_on(self.day, self.account, self.fills, self.found)}

    @cached_property
    def sales(self) -> Sequence[Sale]:
        return sales(self.account, self.fills)

    def is_alone(self, symbol: Symbol) -> bool:
        """Whether a share has a name, and no other one here has the same: several funds are called 沪深300ETF."""
        name = self.names.get(symbol)
        return bool(name) and sum(one == name for one in self.names.values()) == 1

    @property
    def losing(self) -> Sequence[Valued]:
        """What is worth less than it cost, the largest loss first."""
        lost = [(row.profit, row) for row in self.held if row.profit is not None and row.profit < 0]
        return [row for _, row in sorted(lost, key=lambda pair: pair[0])]

    @property
    def lost(self) -> Money:
        """By all of these together, below 0."""
        return sum((row.profit for row in self.losing if row.profit is not None), Decimal(0))

    @property
    def complete(self) -> bool:
        """Whether all that the account is worth is known."""
        return self.account.cash_known and not self.valued.unpriced

    @property
    def total(self) -> Money | None:
        return self.valued.total if self.complete else None

    @property
    def profit(self) -> Money:
        """Of what is held and has a price, and of all that was sold."""
        return self.valued.profit + self.account.realized

    @property
    def paid_in(self) -> Money:
        return paid_in(self.account)

    @property
    def profit_percent(self) -> Decimal | None:
        """Of what was put in; None where that is not known."""
        known = self.complete and self.paid_in > 0
        return self.profit / self.paid_in * 100 if known else None

    @property
    def ratio(self) -> Decimal | None:
        """How much of the account is in shares, in percent."""
        return self.valued.value / self.total * 100 if self.total else None

    @property
    def today(self) -> Money:
        """What the day brought, as far as that is known."""
        return sum((one.gain for one in self.earned.values() if one.gain is not None), Decimal(0))

    @property
    def today_percent(self) -> Decimal | None:
        """Of what the account was worth at the previous close."""
        known = self.total is not None and all(one.gain is not None for one in self.earned.values())
        before = self.total - self.today if known and self.total is not None else Decimal(0)
        return self.today / before * 100 if before > 0 else None

    @property
    def withdrawable(self) -> Money:
        return withdrawable(self.account.cash, self.fills, self.day)

    @property
    def as_of(self) -> datetime:
        """Of the oldest price of what is held; where no price is, when the broker spoke."""
        found = [self.found[row.position.symbol] for row in self.held if row.last is not None]
        quoted = [one.quote.quoted_at for one in found if one.quote is not None]
        return min(quoted, default=self.account.as_of)

    def row(self, symbol: Symbol) -> Valued | None:
        """What is held of a share; None where nothing is."""
        return next((row for row in self.held if row.position.symbol == symbol), None)

    def weight(self, row: Valued) -> Decimal | None:
        """Percent of all that the account is worth."""
        return row.value / self.total * 100 if self.total and row.value is not None else None

    def change(self, symbol: Symbol) -> Decimal | None:
        """The share's own change of the day, in percent."""
        one = self.found.get(symbol)
        return one.quote.percent if one is not None and one.quote is not None and one.price is not None else None

    def since(self, symbol: Symbol) -> date | None:
        return held_since(symbol, self.account, self.fills)

    def days(self, symbol: Symbol) -> int | None:
        """Calendar days since it was bought."""
        since = self.since(symbol)
        return None if since is None else (market_time(self.now).date() - since).days

    def sessions(self, symbol: Symbol) -> int | None:
        """Trading days since then, both ends counted."""
        since = self.since(symbol)
        return None if since is None else trading_days(since, self.day)


def trading_days(first: date, last: date) -> int:
    return sum(is_trading_day(first + step * _ONE_DAY) for step in range((last - first).days + 1))


# -- as facts

CHANGE: Final = ("涨跌", "涨跌幅", "涨", "跌", "涨幅", "跌幅", "上涨", "下跌")
GAINED: Final = ("已实现", "已实现盈亏", "已实现收益", "落袋")
WHOLE: Final = ("总盈亏", "总收益", "投入")
PROFIT: Final = ("盈亏", "浮动盈亏", "浮盈", "浮亏", "赚", "亏", "盈利", "亏损", "收益", "收益率", "幅度")
TODAY: Final = ("今天", "今日", "当日", "今天盈亏")
_TODAY: Final = (*PROFIT, "今天盈亏", *TODAY)


def facts_of(
    sheet: Sheet,
    *,
    orders: Collection[Order] = (),
    span: Span | None = None,
    more: Collection[Fact] = (),
    moments: Collection[date | datetime] = (),
    literals: Collection[str] = (),
) -> Facts:
    """Every figure of a sheet, and of what is told beside it.

    Args:
        span: the days whose trades are told.
    """
    whom = {*sheet.found, *(fill.symbol for fill in sheet.fills), *(order.symbol for order in orders)}
    called: dict[str, str] = {}
    shared = []
    for symbol in whom:
        called |= {symbol: symbol, code_of(symbol): symbol}
        if sheet.is_alone(symbol):
            called[sheet.names[symbol]] = symbol
        elif name := sheet.names.get(symbol):
            shared.append(name)
    figures = [*_of_account(sheet), *_of_today(sheet), *more]
    if span is not None:
        named = {fill.symbol for fill in span.fills}
        figures += [*span.facts(), *_of_trades(span)]
        if len(named) == 1:
            figures += span.facts(named.pop())
    for row in sheet.held:
        figures += _of_row(sheet, row)
    for symbol, one in sheet.found.items():
        figures += _of_quote(symbol, one)
    for order in orders:
        figures += [
            Fact(f"{order.id}_limit", order.limit, Unit.PRICE, order.symbol, ("限价", "价")),
            *(
                Fact(f"{order.id}_{word}", Decimal(shares), Unit.SHARES, order.symbol, ("买入", "卖出", "成交"))
                for word, shares in (("shares", order.shares), ("filled", order.filled), ("rest", order.open_shares))
            ),
        ]
    times: list[date | datetime] = [sheet.now, sheet.account.as_of, sheet.day, *moments]
    times += [one.quote.quoted_at for one in sheet.found.values() if one.quote is not None]
    times += [since for row in sheet.held if (since := sheet.since(row.position.symbol)) is not None]
    if span is not None:
        times += [span.first, span.last, *(fill.at for fill in span.fills[-TOLD:])]
    times += [order.created_at for order in orders]
    return Facts(
        tuple(figures), called, tuple(times), (*(order.id for order in orders), sheet.account.name, *shared, *literals)
    )


def _of_account(sheet: Sheet) -> Iterator[Fact]:
    account, valued = sheet.account, sheet.valued
    if account.cash_known:
        yield Fact("cash", account.cash, Unit.YUAN, words=("可用", "可用资金", "现金", "余额"))
        yield Fact("frozen", account.frozen, Unit.YUAN, words=("冻结", "冻结资金"))
        yield Fact("withdrawable", sheet.withdrawable, Unit.YUAN, words=("可取", "可取资金"))
        brought = account.cash - sheet.withdrawable
        yield Fact("proceeds", brought, Unit.YUAN, words=("今天卖出",), when=("今天卖出",))
        yield Fact("total", valued.total, Unit.YUAN, words=("总资产",))
    yield Fact("value", valued.value, Unit.YUAN, words=("市值", "持仓市值"))
    yield Fact("floating", valued.profit, Unit.YUAN, words=PROFIT, signed=True)
    yield Fact("realized", account.realized, Unit.YUAN, words=GAINED, signed=True)
    yield Fact("profit", sheet.profit, Unit.YUAN, words=WHOLE, signed=True)
    yield Fact("today", sheet.today, Unit.YUAN, words=_TODAY, when=TODAY, signed=True)
    if (percent := sheet.profit_percent) is not None:
        yield Fact("profit_percent", percent, Unit.PERCENT, words=WHOLE, signed=True)
    if (percent := sheet.today_percent) is not None:
        yield Fact("today_percent", percent, Unit.PERCENT, words=_TODAY, when=TODAY, signed=True)
    if sheet.ratio is not None:
        yield Fact("ratio", sheet.ratio, Unit.PERCENT, words=("仓位",))
    losing = len(sheet.losing)
    yield Fact("lost", sheet.lost, Unit.YUAN, words=("亏损", "亏"), signed=True)
    unknown = sum(one.gain is None for one in sheet.earned.values())
    counts = {"持仓": len(sheet.held), "亏损": losing, "不含": len(valued.unpriced), "未知": unknown}
    for word, count in counts.items():
        yield Fact(f"count_{word}", Decimal(count), Unit.COUNT, words=(word,), counter="只")
    yield Fact("count_today", Decimal(unknown), Unit.COUNT, words=("不含",), when=TODAY, counter="只")


def _of_row(sheet: Sheet, row: Valued) -> Iterator[Fact]:
    position = row.position
    symbol, code = position.symbol, code_of(position.symbol)
    yield Fact(f"{code}_shares", Decimal(position.shares), Unit.SHARES, symbol, ("持有", "持仓"))
    yield Fact(f"{code}_sellable", Decimal(position.sellable), Unit.SHARES, symbol, ("可卖",))
    yield Fact(f"{code}_cost", position.cost, Unit.PRICE, symbol, ("成本", "成本价"))
    for name, worth, unit, words, signed in (
        ("value", row.value, Unit.YUAN, ("市值",), False),
        ("profit", row.profit, Unit.YUAN, PROFIT, True),
        ("percent", row.percent, Unit.PERCENT, PROFIT, True),
        ("weight", sheet.weight(row), Unit.PERCENT, ("占总资产", "占比", "仓位"), False),
    ):
        if worth is not None:
            yield Fact(f"{code}_{name}", worth, unit, symbol, words, signed=signed)
    for name, days, word in (("days", sheet.days(symbol), "持有"), ("sessions", sheet.sessions(symbol), "第")):
        if days is not None:
            yield Fact(
                f"{code}_{name}", Decimal(days), Unit.DAYS, symbol, (word, "天数") if word == "持有" else (word,)
            )


def _of_quote(symbol: Symbol, one: Seen) -> Iterator[Fact]:
    quote, code = one.quote, code_of(symbol)
    if quote is None:
        return
    for name, price, words in (
        ("last", one.price, ("现价", "最新价")),
        ("preclose", quote.preclose, ("昨收",)),
        ("open", quote.open, ("今开",)),
        ("high", quote.high, ("最高",)),
        ("low", quote.low, ("最低",)),
        ("limit_up", quote.limit("up"), ("涨停", "涨停价")),
        ("limit_down", quote.limit("down"), ("跌停", "跌停价")),
    ):
        if price is not None:
            yield Fact(f"{code}_{name}", price, Unit.PRICE, symbol, words)
    if quote.percent is not None and one.price is not None:
        yield Fact(f"{code}_change", quote.percent, Unit.PERCENT, symbol, (*CHANGE, "现价"), signed=True)


def _of_today(sheet: Sheet) -> Iterator[Fact]:
    for symbol, one in sheet.earned.items():
        if one.gain is not None:
            name = f"{code_of(symbol)}_today"
            yield Fact(name, one.gain, Unit.YUAN, symbol, _TODAY, when=TODAY, signed=True)


def _of_trades(span: Span) -> Iterator[Fact]:
    for place, fill in enumerate(span.fills[-TOLD:]):
        name = f"fill{place}"
        yield Fact(f"{name}_price", fill.price, Unit.PRICE, fill.symbol, ("成交价", "价"))
        yield Fact(f"{name}_shares", Decimal(fill.shares), Unit.SHARES, fill.symbol, ("股数", "股", "买入", "卖出"))
    for sale in span.sales[-TOLD:]:
        if sale.gain is not None:
            yield Fact(f"sale_{sale.fill.id}", sale.gain, Unit.YUAN, sale.fill.symbol, GAINED, signed=True)


# -- spans of days


@dataclass(frozen=True)
class Span:
    """What happened to an account from one day to another, both included.

    Attributes:
        fills, sales: of those days, oldest first.
        asked: whether days were named; else it is all there is.
    """

    first: date
    last: date
    fills: Sequence[Fill]
    sales: Sequence[Sale]
    asked: bool = True

    @property
    def bought(self) -> Money:
        """Yuan, without fees."""
        return sum((one.price * one.shares for one in self.fills if one.side is Side.BUY), Decimal(0))

    @property
    def sold(self) -> Money:
        return sum((one.price * one.shares for one in self.fills if one.side is Side.SELL), Decimal(0))

    @property
    def fees(self) -> Money:
        return sum((one.fee for one in self.fills), Decimal(0))

    @property
    def gained(self) -> Money:
        """By the sales whose cost is known."""
        return sum((one.gain for one in self.sales if one.gain is not None), Decimal(0))

    @property
    def unknown(self) -> int:
        """Sales whose cost nobody knows."""
        return sum(one.gain is None for one in self.sales)

    @property
    def text(self) -> str:
        """``11-16 至 11-18``, ``11-17``."""
        return f"{self.first:%m-%d}" if self.first == self.last else f"{self.first:%m-%d} 至 {self.last:%m-%d}"

    def facts(self, owner: str = "") -> list[Fact]:
        """Its sums, as facts of a share or of the account."""
        return [
            Fact("span_bought", self.bought, Unit.YUAN, owner, ("买入",)),
            Fact("span_sold", self.sold, Unit.YUAN, owner, ("卖出",)),
            Fact("span_fees", self.fees, Unit.YUAN, owner, ("费用",)),
            Fact("span_gained", self.gained, Unit.YUAN, owner, GAINED, signed=True),
            Fact("span_fills", Decimal(len(self.fills)), Unit.COUNT, owner, ("成交",), counter="笔"),
            Fact("span_sales", Decimal(len(self.sales)), Unit.COUNT, owner, ("卖出",), counter="笔"),
            Fact("span_unknown", Decimal(self.unknown), Unit.COUNT, owner, ("不含", "不知道成本"), counter="笔"),
        ]


def span_of(
    sheet: Sheet, symbols: Collection[Symbol], first: date | None, last: date | None, *, side: Side | None = None
) -> Span:
    """The trades of some shares (of all where none are named) in some days (in all where none are)."""
    named = [fill for fill in sheet.fills if not symbols or fill.symbol in symbols]
    chosen = [fill for fill in named if side in {None, fill.side}]
    today = market_time(sheet.now).date()
    begin = first or min((day_of_fill(fill) for fill in chosen), default=today)
    end = min(last or today, today)
    fills = [fill for fill in chosen if begin <= day_of_fill(fill) <= end]
    ids = {(fill.symbol, fill.id) for fill in fills}
    found = [sale for sale in sheet.sales if (sale.fill.symbol, sale.fill.id) in ids]
    return Span(begin, end, fills, found, asked=first is not None)


@dataclass(frozen=True)
class Curve:
    """What an account was worth day by day.

    Attributes:
        worths: recorded after the close, oldest first.
        now: what it is worth now, where that is known and no record of the day is there yet.
    """

    worths: Sequence[Worth]
    now: Worth | None = None

    @cached_property
    def points(self) -> Sequence[Worth]:
        """With a total."""
        last = [self.now] if self.now is not None and self.now.total is not None else []
        return [one for one in self.worths if one.total is not None and one.day not in {p.day for p in last}] + last

    def gain(self, before: Worth, after: Worth) -> Money:
        """What it grew by, without what was put in."""
        return (after.total or Decimal(0)) - (before.total or Decimal(0)) - (after.paid_in - before.paid_in)

    @property
    def whole(self) -> Money | None:
        """From the first point to the last; None where there are not two."""
        return self.gain(self.points[0], self.points[-1]) if len(self.points) > 1 else None

    @property
    def percent(self) -> Decimal | None:
        first = self.points[0].total if self.points else None
        return self.whole / first * 100 if self.whole is not None and first else None

    @property
    def missing(self) -> list[date]:
        """Trading days between the first point and the last without a total."""
        if not self.points:
            return []
        known = {one.day for one in self.points}
        first, last = self.points[0].day, self.points[-1].day
        days = (first + step * _ONE_DAY for step in range((last - first).days + 1))
        return [day for day in days if is_trading_day(day) and day not in known]

    def facts(self) -> list[Fact]:
        found = [
            Fact(f"total_{one.day}", one.total, Unit.YUAN, words=("总资产",))
            for one in self.points
            if one.total is not None
        ]
        steps = pairwise(self.points)
        found += [
            Fact(f"step_{after.day}", self.gain(before, after), Unit.YUAN, words=("增减",), signed=True)
            for before, after in steps
        ]
        if self.whole is not None:
            found.append(Fact("curve", self.whole, Unit.YUAN, words=("增减", "期间盈亏"), signed=True))
        if self.percent is not None:
            found.append(Fact("curve_percent", self.percent, Unit.PERCENT, words=("增减", "期间盈亏"), signed=True))
        found.append(Fact("curve_days", Decimal(len(self.missing)), Unit.DAYS, words=("缺",)))
        return found

    @property
    def moments(self) -> list[date | datetime]:
        """The days, and as of when what was worth what was known: an answer about days that are over says so."""
        return [one.day for one in self.points] + self.missing + [one.as_of for one in self.points]
