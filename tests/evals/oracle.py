"""The figures of the portfolio, worked out a second time: from the list of trades alone, with nothing of the house.

Only the words that figures are called by are the house's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from core.figures import Unit
from core.grounding import Fact, Facts
from core.sheet import CHANGE, GAINED, PROFIT, TODAY, WHOLE

ZONE: Final = ZoneInfo("Asia/Shanghai")
CENT: Final = Decimal("0.01")


class Share(NamedTuple):
    name: str
    code: str
    closes: tuple[str, str, str]
    """Of the 16th, of the 17th, and the price of now."""
    high: str
    low: str
    opened: str
    limit: str


SHARES: Final = {
    "600519.SH": Share("贵州茅台", "600519", ("1402", "1410", "1430"), "1436", "1410", "1410", "0.10"),
    "300750.SZ": Share("宁德时代", "300750", ("381", "385", "392"), "392", "385", "385", "0.20"),
    "600036.SH": Share("招商银行", "600036", ("40.20", "40.50", "40.80"), "40.80", "40.50", "40.50", "0.10"),
    "002594.SZ": Share("比亚迪", "002594", ("101", "100", "98"), "100", "98", "100", "0.10"),
    "000858.SZ": Share("五粮液", "000858", ("119.50", "119", "118.50"), "119", "118.50", "119", "0.10"),
    "601318.SH": Share("中国平安", "601318", ("54.80", "54.60", "54"), "54.60", "54", "54.60", "0.10"),
}


class Trade(NamedTuple):
    day: int
    side: int
    symbol: str
    shares: int
    price: str

    @property
    def amount(self) -> Decimal:
        return self.shares * Decimal(self.price)

    @property
    def fee(self) -> Decimal:
        commission = max(_cent(self.amount * Decimal("0.00025")), Decimal(5))
        stamp = _cent(self.amount * Decimal("0.0005")) if self.side < 0 else Decimal(0)
        return commission + stamp + _cent(self.amount * Decimal("0.00001"))


class Book(NamedTuple):
    cash: str
    held: dict[str, tuple[int, str]]
    trades: tuple[Trade, ...]
    waiting: tuple[Trade, ...] = ()


BOOKS: Final = {
    "paper": Book(
        "1000000",
        {"600036.SH": (2000, "38"), "002594.SZ": (1000, "105")},
        (
            Trade(16, 1, "600519.SH", 200, "1400"),
            Trade(16, 1, "300750.SZ", 500, "380"),
            Trade(17, -1, "600036.SH", 500, "40.50"),
            Trade(17, 1, "000858.SZ", 1000, "120"),
            Trade(18, -1, "300750.SZ", 200, "390"),
            Trade(18, 1, "600519.SH", 100, "1420"),
        ),
        (Trade(18, 1, "600036.SH", 1000, "39"),),
    ),
    "wife": Book("200000", {"601318.SH": (1000, "55")}, (Trade(17, 1, "000858.SZ", 500, "120"),)),
}


def _cent(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def _state(book: Book, until: int) -> tuple[Decimal, dict[str, int], dict[str, Decimal], list[tuple[Trade, Decimal]]]:
    """Cash without what is tied up, shares, what was paid for them, and the gain of each sale, after a day."""
    cash = Decimal(book.cash)
    shares = {symbol: count for symbol, (count, _) in book.held.items()}
    paid = {symbol: count * Decimal(cost) for symbol, (count, cost) in book.held.items()}
    gains = []
    for trade in book.trades:
        if trade.day > until:
            break
        had, cost = shares.get(trade.symbol, 0), paid.get(trade.symbol, Decimal(0))
        shares[trade.symbol] = had + trade.side * trade.shares
        if trade.side > 0:
            cash -= trade.amount + trade.fee
            paid[trade.symbol] = cost + trade.amount + trade.fee
        else:
            gone = _cent(cost * trade.shares / had)
            cash += trade.amount - trade.fee
            paid[trade.symbol] = cost - gone
            gains.append((trade, trade.amount - trade.fee - gone))
    return cash, shares, paid, gains


def worth(book: Book, until: int) -> Decimal:
    """All that it is worth by the prices of the close of a day; on the 18th, of now."""
    cash, shares, _, _ = _state(book, until)
    return cash + sum(count * Decimal(SHARES[symbol].closes[until - 16]) for symbol, count in shares.items())


def facts(account: str) -> Facts:
    """Everything that may be said of an account."""
    book = BOOKS[account]
    figures = [*_of_account(book), *_of_trades(book)]
    for symbol in SHARES:
        figures += [*_of_share(book, symbol), *_of_quote(symbol)]
    names = {word: symbol for symbol, share in SHARES.items() for word in (share.name, share.code)}
    quoted = [datetime(2026, 11, 18, 10, 30, second, tzinfo=ZONE) for second in range(30, 60)]
    traded = [datetime(2026, 11, day, 10, 0, 0, tzinfo=ZONE) for day in (16, 17, 18)]
    return Facts(tuple(figures), names, (*quoted, *traded, *(date(2026, 11, day) for day in (16, 17, 18))))


def _of_account(book: Book) -> Iterator[Fact]:
    cash, shares, _, gains = _state(book, 18)
    frozen = sum((one.amount + one.fee for one in book.waiting), Decimal(0))
    value = sum(count * Decimal(SHARES[symbol].closes[2]) for symbol, count in shares.items())
    profits = {symbol: _profit(book, symbol) for symbol, count in shares.items() if count}
    floating, realized = sum(profits.values(), Decimal(0)), sum((gain for _, gain in gains), Decimal(0))
    total, before = cash + value, worth(book, 17)
    put_in = Decimal(book.cash) + sum(count * Decimal(cost) for count, cost in book.held.values())
    brought = sum((one.amount - one.fee for one in book.trades if one.day == 18 and one.side < 0), Decimal(0))
    lost = {symbol: profit for symbol, profit in profits.items() if profit < 0}
    yield Fact("cash", cash - frozen, Unit.YUAN, words=("可用", "可用资金", "现金"))
    yield Fact("frozen", frozen, Unit.YUAN, words=("冻结",))
    yield Fact("withdrawable", cash - frozen - brought, Unit.YUAN, words=("可取",))
    yield Fact("brought", brought, Unit.YUAN, words=("今天卖出",), when=("今天卖出",))
    yield Fact("total", total, Unit.YUAN, words=("总资产",))
    yield Fact("value", Decimal(value), Unit.YUAN, words=("市值",))
    yield Fact("floating", floating, Unit.YUAN, words=PROFIT, signed=True)
    yield Fact("realized", realized, Unit.YUAN, words=GAINED, signed=True)
    yield Fact("profit", floating + realized, Unit.YUAN, words=WHOLE, signed=True)
    percent = (floating + realized) / put_in * 100
    yield Fact("profit_percent", percent, Unit.PERCENT, words=WHOLE, signed=True)
    words = (*PROFIT, *TODAY)
    yield Fact("today", total - before, Unit.YUAN, words=words, when=TODAY, signed=True)
    yield Fact("today_percent", (total - before) / before * 100, Unit.PERCENT, words=words, when=TODAY, signed=True)
    yield Fact("ratio", value / total * 100, Unit.PERCENT, words=("仓位",))
    yield Fact("lost", sum(lost.values(), Decimal(0)), Unit.YUAN, words=("亏损",), signed=True)
    yield Fact("held", Decimal(len(profits)), Unit.COUNT, words=("持仓",))
    yield Fact("losing", Decimal(len(lost)), Unit.COUNT, words=("亏损",))
    curve = [worth(book, day) for day in (16, 17, 18)]
    for day, point in zip((16, 17, 18), curve, strict=True):
        yield Fact(f"total{day}", point, Unit.YUAN, words=("总资产",))
    for step in (curve[1] - curve[0], curve[2] - curve[1], curve[2] - curve[0]):
        yield Fact("step", step, Unit.YUAN, words=("增减",), signed=True)
    yield Fact("whole", (curve[2] - curve[0]) / curve[0] * 100, Unit.PERCENT, words=("增减",), signed=True)


def _average(book: Book, symbol: str) -> Decimal:
    _, shares, paid, _ = _state(book, 18)
    return (paid[symbol] / shares[symbol]).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def _profit(book: Book, symbol: str) -> Decimal:
    _, shares, _, _ = _state(book, 18)
    return _cent((Decimal(SHARES[symbol].closes[2]) - _average(book, symbol)) * shares[symbol])


def _of_share(book: Book, symbol: str) -> Iterator[Fact]:
    _, shares, _, _ = _state(book, 18)
    _, before, _, _ = _state(book, 17)
    count, last, preclose = shares.get(symbol, 0), *map(Decimal, SHARES[symbol].closes[:0:-1])
    if not count:
        return
    bought = sum(one.shares for one in book.trades if one.day == 18 and one.side > 0 and one.symbol == symbol)
    yield Fact("shares", Decimal(count), Unit.SHARES, symbol, ("持仓", "持有"))
    yield Fact("sellable", Decimal(count - bought), Unit.SHARES, symbol, ("可卖",))
    yield Fact("cost", _average(book, symbol), Unit.PRICE, symbol, ("成本",))
    yield Fact("value", count * last, Unit.YUAN, symbol, ("市值",))
    yield Fact("weight", count * last / worth(book, 18) * 100, Unit.PERCENT, symbol, ("占总资产", "占比"))
    yield Fact("profit", _profit(book, symbol), Unit.YUAN, symbol, PROFIT, signed=True)
    average = _average(book, symbol)
    yield Fact("percent", (last - average) / average * 100, Unit.PERCENT, symbol, PROFIT, signed=True)
    flow = sum(
        (-one.side * one.amount - one.fee for one in book.trades if one.day == 18 and one.symbol == symbol), Decimal(0)
    )
    gain = count * last - before.get(symbol, 0) * preclose + flow
    yield Fact("today", gain, Unit.YUAN, symbol, (*PROFIT, *TODAY), when=TODAY, signed=True)
    if symbol not in book.held:
        first = next(one.day for one in book.trades if one.symbol == symbol)
        yield Fact("days", Decimal(18 - first), Unit.DAYS, symbol, ("持有",))
        yield Fact("sessions", Decimal(19 - first), Unit.DAYS, symbol, ("第",))


def _of_quote(symbol: str) -> Iterator[Fact]:
    share = SHARES[symbol]
    preclose, last = Decimal(share.closes[1]), Decimal(share.closes[2])
    yield Fact("last", last, Unit.PRICE, symbol, ("现价",))
    yield Fact("preclose", preclose, Unit.PRICE, symbol, ("昨收",))
    for name, price in (("今开", share.opened), ("最高", share.high), ("最低", share.low)):
        yield Fact(name, Decimal(price), Unit.PRICE, symbol, (name,))
    yield Fact("up", _cent(preclose * (1 + Decimal(share.limit))), Unit.PRICE, symbol, ("涨停", "涨停价"))
    room = (_cent(preclose * (1 + Decimal(share.limit))) / last - 1) * 100
    yield Fact("room", room, Unit.PERCENT, symbol, ("涨停价",))
    yield Fact("down", _cent(preclose * (1 - Decimal(share.limit))), Unit.PRICE, symbol, ("跌停", "跌停价"))
    yield Fact("change", (last - preclose) / preclose * 100, Unit.PERCENT, symbol, (*CHANGE, "现价"), signed=True)
    yield Fact("volume", Decimal(2_000_000), Unit.SHARES, symbol, ("成交",))
    yield Fact("amount", Decimal(2_860_000_000), Unit.YUAN, symbol, ("成交", "成交额"))


def _of_trades(book: Book) -> Iterator[Fact]:
    for trade in (*book.trades, *book.waiting):
        words = ("成交价", "限价", "价")
        yield Fact("price", Decimal(trade.price), Unit.PRICE, trade.symbol, words)
        yield Fact("shares", Decimal(trade.shares), Unit.SHARES, trade.symbol, ("股数", "买入", "卖出"))
    gains = _state(book, 18)[3]
    for trade, gain in gains:
        yield Fact("gain", gain, Unit.YUAN, trade.symbol, GAINED, signed=True)
    for days in (range(16, 19), range(17, 18), range(18, 19)):
        for owner in ("", *SHARES):
            mine = [one for one in book.trades if one.day in days and owner in {"", one.symbol}]
            if not mine:
                continue
            for word, side in (("买入", 1), ("卖出", -1)):
                some = [one for one in mine if one.side == side]
                if not some:
                    continue
                yield Fact(word, sum((one.amount for one in some), Decimal(0)), Unit.YUAN, owner, (word,))
                yield Fact("fees", sum((one.fee for one in some), Decimal(0)), Unit.YUAN, owner, ("费用",))
                yield Fact("count", Decimal(len(some)), Unit.COUNT, owner, ("成交",))
            yield Fact("fees", sum((one.fee for one in mine), Decimal(0)), Unit.YUAN, owner, ("费用",))
            yield Fact("count", Decimal(len(mine)), Unit.COUNT, owner, ("成交",))
            earned = sum((gain for trade, gain in gains if trade in mine), Decimal(0))
            if earned:
                yield Fact("gained", earned, Unit.YUAN, owner, GAINED, signed=True)
