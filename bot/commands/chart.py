"""/chart: candles or the line of a day, with the person's own prices on it and the alerts that came."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from bot.command import Call, Context, Reply, command
from bot.commands import targets
from core.bars import Bar, Period
from core.calendar import trading_date
from core.charts import candles, day_line, day_of, level_of, mark_of, months, weeks
from core.conditions import EnterRange, PriceAbove, PriceBelow
from core.errors import Invalid, NotFound
from core.history import History
from core.messages import CHART_CARD, Button, ChartPeriod, Level, Mark, Message, Role
from core.render import name_text
from core.types import Symbol
from core.watches import Watch

MOST: Final = 3
"""Pictures of one question."""
MARKED: Final = 50
"""Alerts that are looked through for marks."""
PATIENCE: Final = 8.0
"""Seconds a person waits for bars before the picture is made of those that are there."""
_OFFERED: Final = (ChartPeriod.MINUTE, ChartPeriod.M5, ChartPeriod.DAY, ChartPeriod.WEEK, ChartPeriod.MONTH)
_WORDS: Final = {
    **{period.value: period for period in ChartPeriod},
    **{period.chinese: period for period in ChartPeriod},
    "日": ChartPeriod.DAY,
    "日k": ChartPeriod.DAY,
    "周": ChartPeriod.WEEK,
    "周k": ChartPeriod.WEEK,
    "月": ChartPeriod.MONTH,
    "月k": ChartPeriod.MONTH,
}
_STORED: Final[dict[ChartPeriod, Period]] = {
    ChartPeriod.MINUTE: "1m",
    ChartPeriod.M5: "5m",
    ChartPeriod.M15: "15m",
    ChartPeriod.M30: "30m",
    ChartPeriod.M60: "60m",
    ChartPeriod.DAY: "day",
    ChartPeriod.WEEK: "day",
    ChartPeriod.MONTH: "day",
}


class Asked(NamedTuple):
    """What a call wants to see.

    Attributes:
        card: the picture that a button stands under, which is to be replaced; None makes a new one.
    """

    symbols: Sequence[Symbol]
    period: ChartPeriod
    card: str | None


@command(
    "chart",
    "图",
    "K线",
    help="看 K 线图或分时图",
    example="/chart 茅台 日线",
    role=Role.VIEWER,
    intents=("chart",),
)
async def chart(ctx: Context, call: Call) -> Reply:
    asked = _asked(ctx, call)
    if not asked.symbols:
        raise Invalid("请写股票名或代码，例如：/chart 茅台 日线")
    return [await _picture(ctx, symbol, asked.period, asked.card) for symbol in asked.symbols[:MOST]]


def _asked(ctx: Context, call: Call) -> Asked:
    if call.request is not None:
        period = ChartPeriod(call.request.chart_period or ChartPeriod.DAY)
        return Asked(targets.symbols(ctx, call), period, None)
    periods = [_WORDS[word.lower()] for word in call.words if word.lower() in _WORDS]
    card = next((word for word in call.words if word.startswith("@")), None)
    rest = tuple(word for word in call.words if word.lower() not in _WORDS and word != card)
    period = periods[-1] if periods else ChartPeriod.DAY
    if len(rest) == 1 and rest[0].removeprefix("#").isdigit() and len(rest[0]) < len("000001"):
        watch = targets.one_watch(ctx, Call(rest))  # /chart 3, as in /why 3
        if watch.of_account or watch.scope == "market":
            raise Invalid(f"#{watch.number} 盯的不是一只一只的股票，没有图。请写股票名，例如：/chart 茅台")
        return Asked(watch.symbols, period, card)
    return Asked(targets.symbols(ctx, Call(rest)), period, card)


async def _picture(ctx: Context, symbol: Symbol, period: ChartPeriod, card: str | None) -> Message:
    past, name = ctx.house.history, ctx.house.name(symbol)
    bars = await _bars(ctx, past, symbol, _STORED[period])
    trouble = past.trouble(symbol)
    if not bars:
        why = f"：{trouble}" if trouble else ""
        raise NotFound(f"{name_text(name, symbol)}还没有{period.chinese}的数据{why}。请稍后再试。")
    levels, marks = tuple(_levels(ctx, symbol)), await _marks(ctx, symbol)
    if period is ChartPeriod.MINUTE:
        day = trading_date(bars[-1].time)
        closes = [bar.close for bar in past.daily(symbol) if trading_date(bar.time) < day]
        made = day_line(bars, name=name, preclose=closes[-1] if closes else None, levels=levels, marks=marks)
    else:
        longer = {ChartPeriod.WEEK: weeks, ChartPeriod.MONTH: months}.get(period, list)
        made = candles(longer(bars), name=name, period=period, levels=levels, marks=marks)
    lines = [made.subtitle]
    if trouble:
        lines.append(f"⚠️ 数据不全：{trouble}")
    card = card or f"@{ctx.house.clock.new_id()}"
    buttons = tuple(
        Button(other.chinese, f"chart {symbol} {other.value} {card}") for other in _OFFERED if other is not period
    )
    return Message(
        title=f"📈 {made.title}", text="\n".join(lines), buttons=(buttons,), card=f"{CHART_CARD}{card}", chart=made
    )


async def _bars(ctx: Context, past: History, symbol: Symbol, period: Period) -> list[Bar]:
    """Oldest first; the bar that is still forming is the last one. A share that is not watched shows no frames."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await past.ensure([symbol], period)
    bars = [*(past.daily(symbol) if period == "day" else past.minutes(symbol, period))]
    forming = past.forming(symbol, period)
    if forming is None and period == "day" and (quote := (await ctx.house.look([symbol])).get(symbol)) is not None:
        forming = day_of(quote)
    if forming is not None and (not bars or forming.time > bars[-1].time):
        bars.append(forming)
    return bars


def _levels(ctx: Context, symbol: Symbol) -> Iterator[Level]:
    """The prices that the person waits for, and the cost."""
    house = ctx.house
    for watch in house.watchlist.on(ctx.person.owner, [symbol]):
        if watch.live_at(house.now()):
            yield from levels_of(watch)
    mine = targets.accounts(ctx)
    cost = house.brokerage.cost_of(mine[0].account, symbol) if mine else None
    if cost is not None:
        yield level_of(cost, "成本")


def levels_of(watch: Watch) -> Iterator[Level]:
    """The fixed prices of a watch."""
    for condition in watch.conditions:
        if isinstance(condition, PriceAbove | PriceBelow) and condition.value is not None:
            word = "涨到" if isinstance(condition, PriceAbove) else "跌到"
            yield level_of(condition.value, f"#{watch.number} {word}")
        elif isinstance(condition, EnterRange):
            yield level_of(condition.low, f"#{watch.number} 下沿")
            yield level_of(condition.high, f"#{watch.number} 上沿")


async def _marks(ctx: Context, symbol: Symbol) -> list[Mark]:
    """Where it was told; oldest first."""
    told = [one for one in await ctx.house.store.alerts(ctx.person.owner, symbol, MARKED) if one.reason.tells]
    return [mark_of(one.quoted_at, one.price, f"#{one.watch_number}") for one in reversed(told)]
