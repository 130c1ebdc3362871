"""What the market says of a share: the quote, its price limits, the line of the day, the indexes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal

from core.bars import Bar
from core.calendar import trading_date
from core.clock import market_time, stamp_text
from core.frames import Quote
from core.known import INDEX_NAMES, SHANGHAI, Known, has_traded, indexes_of
from core.market import Board, board_of
from core.pack import Given, Minute, Section
from core.slots import digits_of, given, index_slots
from core.types import Price, Symbol, price_text
from core.zones import Missing, large_text

STEP: Final = 10
"""Minutes between two points of the day's line."""
_PRICES: Final = ("preclose", "open", "high", "low")


def quote_section(known: Known) -> Section:
    """The share as it is quoted."""
    quote = known.quote
    if isinstance(quote, Missing):
        names = ("price", *_PRICES, "change", "change_percent", "amplitude", "volume", "amount", "turnover", "vwap")
        limits = ("bid", "ask", "upper", "lower", "to_upper", "to_lower")
        return Section(
            title="行情", given=tuple(given(name, quote) for name in (*names, *limits)), lines=tuple(_phase(known))
        )
    figures = [given("price", price_of(known)), *_prices(quote), *_moved(known), *_traded(known, quote)]
    figures += [*_depth(known, quote), *_limits(known)]
    return Section(title="行情", given=tuple(figures), lines=(*_phase(known), *_state(known, quote)))


def price_of(known: Known) -> Price | Missing:
    """The last price; nothing where it must not be gone by."""
    quote = known.quote
    if isinstance(quote, Missing):
        return quote
    if quote.suspended:
        return Missing("停牌")
    if quote.last is None:
        return Missing("今天还没有成交")
    return quote.last if known.doubt is None else Missing(f"行情可疑：{known.doubt}")


def _prices(quote: Quote) -> Iterator[Given]:
    for name in _PRICES:
        value: Price | None = getattr(quote, name)
        why = "行情里没有昨收" if name == "preclose" else "今天还没有成交"
        yield given(name, Missing(why) if value is None else value)


def _moved(known: Known) -> Iterator[Given]:
    """How far it has moved today."""
    price, quote = price_of(known), known.seen
    before = None if quote is None else quote.preclose
    if isinstance(price, Missing) or not before:
        why = price if isinstance(price, Missing) else Missing("行情里没有昨收")
        yield given("change", why)
        yield given("change_percent", why)
    else:
        yield given("change", price - before)
        yield given("change_percent", (price - before) / before * 100)
    high, low = (quote.high, quote.low) if quote is not None else (None, None)
    if not before or high is None or low is None:
        yield given("amplitude", Missing("今天还没有最高价和最低价" if before else "行情里没有昨收"))
    else:
        yield given("amplitude", (high - low) / before * 100)


def _traded(known: Known, quote: Quote) -> Iterator[Given]:
    nothing = None if has_traded(quote) else Missing("停牌" if quote.suspended else "今天还没有成交")
    unit = board_of(known.symbol).unit
    yield given("volume", nothing or quote.volume or Missing("行情里没有成交量"), counter=unit)
    yield given("amount", nothing or quote.amount or Missing("行情里没有成交额"))
    yield given("turnover", nothing or quote.turnover or Missing("行情里没有换手率"))
    yield given("vwap", nothing or vwap(quote), digits=digits_of(known.symbol))


def vwap(quote: Quote) -> Price | Missing:
    """What a share has cost on average today; it lies in the day's range, or volume and amount are of another kind."""
    if board_of(quote.symbol) is Board.INDEX:
        return Missing("指数没有均价")
    if not quote.volume or not quote.amount:
        return Missing("行情里没有成交量或成交额")
    found = quote.amount / quote.volume
    low, high = quote.low or quote.last, quote.high or quote.last
    if low is None or high is None or not low * _LESS <= found <= high * _MORE:
        return Missing("成交额和成交量对不上")
    return found


_LESS, _MORE = Decimal("0.995"), Decimal("1.005")
"""Amounts are rounded, and odd lots are cut off."""


def _depth(known: Known, quote: Quote) -> Iterator[Given]:
    """The best prices, and the queue where there is nobody on the other side."""
    bare = quote.bid is None and quote.ask is None
    for name, value, orders in (("bid", quote.bid, "买盘"), ("ask", quote.ask, "卖盘")):
        yield given(name, Missing("行情里没有盘口" if bare else f"{orders}为空") if value is None else value)
    side = sealed(known)
    if side is not None:
        shares = quote.bid_volume if side == "up" else quote.ask_volume
        yield given("sealed_shares", shares, counter=board_of(known.symbol).unit)


def limits_of(known: Known) -> tuple[Price, Price] | Missing:
    """Lowest and highest price of the quote's day."""
    quote = known.quote
    if isinstance(quote, Missing):
        return quote
    name = quote.name or known.name
    day = trading_date(quote.quoted_at)
    down, up = quote.limit("down", name, day), quote.limit("up", name, day)
    if down is None or up is None:
        return Missing("今天没有涨跌停限制" if quote.preclose else "行情里没有涨跌停价，也没有昨收")
    return down, up


def sealed(known: Known) -> Literal["up", "down"] | None:
    """At which limit the price stands while nobody is on the other side."""
    quote, limits = known.seen, limits_of(known)
    if quote is None or isinstance(limits, Missing) or isinstance(price_of(known), Missing):
        return None
    if quote.last == limits[1] and quote.ask is None and quote.bid_volume:
        return "up"
    return "down" if quote.last == limits[0] and quote.bid is None and quote.ask_volume else None


def _limits(known: Known) -> Iterator[Given]:
    limits, price = limits_of(known), price_of(known)
    if isinstance(limits, Missing):
        for name in ("upper", "lower", "to_upper", "to_lower"):
            yield given(name, limits)
        return
    down, up = limits
    yield given("upper", up)
    yield given("lower", down)
    yield given("to_upper", price if isinstance(price, Missing) else (up - price) / price * 100)
    yield given("to_lower", price if isinstance(price, Missing) else (price - down) / price * 100)


def _phase(known: Known) -> Iterator[str]:
    yield f"现在是{known.phase}。"


def _state(known: Known, quote: Quote) -> Iterator[str]:
    if quote.suspended:
        yield "今天停牌，不能交易。"
        return
    day = trading_date(quote.quoted_at)
    if day != trading_date(known.now):
        yield f"行情是 {day} 的，不是今天的。"
    if known.doubt is not None:
        yield f"行情可疑：{known.doubt}。不要按这个价格交易。"
    if known.forming:
        yield "今天的K线还没有走完，最高、最低、收盘和成交量都会变。"
    side = sealed(known)
    if side is not None:
        limit, gone, queue, way = ("涨停", "卖盘", "买一", "买") if side == "up" else ("跌停", "买盘", "卖一", "卖")
        lots = large_text(Decimal((quote.bid_volume if side == "up" else quote.ask_volume) // 100), "手")
        yield f"已封{limit}，没有{gone}，{queue}排队 {lots}，现在{way}不一定能成交。"


# -- the line of the day


def line_of(known: Known) -> tuple[Minute, ...]:
    """A point every :data:`STEP` minutes, the highest and the lowest, and the newest."""
    if isinstance(known.minutes, Missing) or not known.minutes:
        return ()
    bars = known.minutes
    top = max(range(len(bars)), key=lambda place: bars[place].high)
    bottom = min(range(len(bars)), key=lambda place: bars[place].low)
    averages = list(_averages(bars))
    points = []
    for place, bar in enumerate(bars):
        clock = market_time(bar.time)
        usual = clock.minute % STEP == 0 or place in {0, len(bars) - 1}
        prices = [bar.high] if place == top else []
        prices += [bar.low] if place == bottom else []
        if usual and bar.close not in prices:
            prices.append(bar.close)
        points += [Minute(f"{clock:%H:%M}", price, averages[place]) for price in prices]
    return tuple(points)


def _averages(bars: Sequence[Bar]) -> Iterator[Price | None]:
    """What a share had cost on average until each of them; None from where an amount is not known."""
    volume, amount = 0, Decimal(0)
    known, step = board_of(bars[0].symbol) is not Board.INDEX, Decimal(1).scaleb(-digits_of(bars[0].symbol))
    for bar in bars:
        known = known and (bar.amount is not None or not bar.volume)
        volume, amount = volume + bar.volume, amount + (bar.amount or 0)
        yield (amount / volume).quantize(step, ROUND_HALF_UP) if known and volume else None


def line_section(known: Known) -> Section:
    """What is to be known of the line beside its points."""
    bars = known.minutes
    if isinstance(bars, Missing):
        return Section(title="分时", lines=(f"分时缺失：{bars.what}。",))
    if not bars:
        return Section(title="分时", lines=("分时缺失：今天还没有分钟线。",))
    top, bottom = max(bars, key=lambda bar: bar.high), min(bars, key=lambda bar: bar.low)
    last = f"{stamp_text(bars[0].time)} 到 {market_time(bars[-1].time):%H:%M}"
    extremes = (
        f"最高 {price_text(top.high)} 在 {market_time(top.time):%H:%M}，"
        f"最低 {price_text(bottom.low)} 在 {market_time(bottom.time):%H:%M}"
    )
    return Section(title="分时", lines=(f"分钟线从 {last}，每 {STEP} 分钟取一点，另加最高和最低：{extremes}。",))


# -- the indexes


def index_section(known: Known) -> Section:
    """How the market as a whole stands. Its figures belong to the indexes and never to the share."""
    figures: list[Given] = []
    lines = []
    for symbol in indexes_of(known.symbol):
        prefix = "index" if symbol == SHANGHAI else "board_index"
        quote = known.indexes.get(symbol)
        slots = index_slots(prefix, INDEX_NAMES[symbol][0], symbol)
        values = _level(quote), _percent(quote)
        figures += [given(name, value, slot) for (name, slot), value in zip(slots.items(), values, strict=True)]
        if quote is not None and trading_date(quote.quoted_at) != trading_date(known.now):
            lines.append(f"{INDEX_NAMES[symbol][0]}是 {trading_date(quote.quoted_at)} 的。")
    return Section(title="大盘", given=tuple(figures), lines=tuple(lines))


def _level(quote: Quote | None) -> Price | Missing:
    if quote is None:
        return Missing("行情来源没有这个指数")
    return quote.last or Missing("今天还没有点位")


def _percent(quote: Quote | None) -> Price | Missing:
    if quote is None:
        return Missing("行情来源没有这个指数")
    percent = quote.percent
    return Missing("今天还没有点位") if percent is None else percent


def others_of(symbol: Symbol) -> tuple[tuple[str, Symbol], ...]:
    """What the indexes are called, also those that are no figure of it: none of its own is taken for theirs."""
    return tuple((name, index) for index, names in INDEX_NAMES.items() if index != symbol for name in names)
