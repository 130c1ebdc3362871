"""/chart: candles or the line of a day, with the person's own prices on it and the alerts that came; or his curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from bot.command import Call, Context, Reply, command
from bot.commands import past, targets
from core.errors import Invalid, NotFound
from core.messages import CHART_CARD, Button, ChartPeriod, Message, Role
from core.render import name_text
from core.types import Symbol

MOST: Final = 3
"""Pictures of one question."""
_CURVES: Final = frozenset({"收益", "收益曲线", "收益图", "盈亏", "账户", "资产", "资产曲线"})
"""What asks for the curve of an account."""
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
    help="看 K 线图、分时图，或账户的收益曲线",
    example="/chart 茅台 日线",
    role=Role.VIEWER,
    intents=("chart",),
)
async def chart(ctx: Context, call: Call) -> Reply:
    if any(word in _CURVES for word in call.words):
        return await past.curves(ctx, Call(tuple(word for word in call.words if word not in _CURVES)))
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
    mine = targets.accounts(ctx)
    account = mine[0].account if mine else None
    made = await ctx.house.pictures.chart_of(symbol, period, ctx.person.owner, account)
    trouble = ctx.house.history.trouble(symbol)
    if made is None:
        why = f"：{trouble}" if trouble else ""
        what = name_text(ctx.house.name(symbol), symbol)
        raise NotFound(f"{what}还没有{period.chinese}的数据{why}。请稍后再试。")
    lines = [made.subtitle]
    if trouble:
        lines.append(f"⚠️ 数据不全：{trouble}")
    card = card or f"@{ctx.house.clock.new_id()}"
    buttons = tuple(
        Button(other.chinese, f"chart {symbol} {other.value} {card}") for other in _OFFERED if other is not period
    )
    return Message(
        title=f"📈 {made.title}",
        text="\n".join(lines),
        buttons=(buttons,),
        card=f"{CHART_CARD}{card}",
        chart=made,
    )
