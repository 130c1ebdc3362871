"""Analyze: an advice on a share or on what is held, the facts it stood on, and whether alerts are commented on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.command import Call, Context, Reply, command
from bot.commands import favourites, targets
from core import render_analysis
from core.commentary import Wanted
from core.errors import Invalid, NotFound
from core.messages import Button, Message, Role
from core.types import Symbol, is_account
from core.watches import NO_ACCOUNT

MANY: Final = 5
"""Shares that are analysed for one question."""
_SWITCH: Final = {"on": True, "开": True, "off": False, "关": False}
_SCOPES: Final = {"持仓": "holdings", "自选": "watchlist", "自选股": "watchlist"}


@command(
    "analyze",
    "分析",
    help="分析一只股票：依据、建议、价位；on/off 开关提醒后的点评",
    example="/analyze 茅台；/analyze 持仓；/analyze off",
    role=Role.VIEWER,
    intents=("analyze",),
)
async def analyze(ctx: Context, call: Call) -> Reply:
    """Answered at once; what comes of it is put into that message."""
    word = call.rest.lower()
    if call.request is None and word in _SWITCH:
        return await switch_comments(ctx, on=_SWITCH[word])
    symbols = await _symbols(ctx, call)
    if not symbols:
        raise Invalid("请说要分析哪一只，例如：分析一下茅台；或者：给我的持仓做个体检")
    account = _account(ctx, call)
    asked = symbols[:MANY]
    wanted = Wanted(
        ids=tuple(ctx.house.clock.new_id() for _ in asked),
        symbols=tuple(asked),
        names=tuple(map(ctx.house.name, asked)),
        owner=ctx.person.owner,
        chat=ctx.chat,
        account=account,
        trades=bool(account) and ctx.person.may_trade(account),
    )
    await ctx.house.commentary.ask(wanted)
    return render_analysis.many(len(symbols), MANY) if len(symbols) > MANY else None


async def _symbols(ctx: Context, call: Call) -> Sequence[Symbol]:
    scope = call.request.scope if call.request is not None else _SCOPES.get(call.rest)
    if scope is None:
        return [one for one in targets.symbols(ctx, call) if not is_account(one)]
    if scope == "watchlist":
        return await favourites.of(ctx)
    if scope == "market":
        raise Invalid("全市场分析不过来，请说一只股票，例如：分析一下茅台")
    held = ctx.house.brokerage.account(targets.account(ctx, call.request))
    symbols = [position.symbol for position in held.positions if position.shares] if held is not None else []
    if not symbols:
        raise Invalid("现在没有持仓。要分析别的请说名字，例如：分析一下茅台")
    return symbols


def _account(ctx: Context, call: Call) -> str:
    """Whose position counts: the one that is named, else the first that the person may see."""
    if call.request is not None and call.request.account is not None:
        return targets.account(ctx, call.request)
    mine = targets.accounts(ctx)
    return mine[0].account if mine else NO_ACCOUNT


async def switch_comments(ctx: Context, *, on: bool) -> Message:
    """Whether the person's alerts are commented on from now on."""
    await ctx.house.commentary.want(ctx.person.owner, on=on)
    if not on:
        return Message(
            text="以后提醒后面不加点评。想知道看法随时可以问，例如：分析一下茅台",
            buttons=((Button("恢复点评", "analyze on"),),),
        )
    return Message(
        text="以后每条提醒发出后，会在那条消息里补上一句点评。提醒本身照样马上发，不等点评。",
        buttons=((Button("不要点评", "analyze off"),),),
    )


@command("facts", "依据", help="一次分析用到的数据", role=Role.VIEWER, listed=False)
async def facts(ctx: Context, call: Call) -> Reply:
    """What an analysis of the person stood on."""
    found = await ctx.house.store.analysis(call.rest.upper())
    if found is None or found.owner != ctx.person.owner:
        raise NotFound("没有这次分析。请再问一次，例如：分析一下茅台")
    if found.account:
        targets.broker(ctx, found.account)
    pack = await ctx.house.store.pack(found.pack)
    if pack is None:
        raise NotFound(
            "这次分析太早了，它用的数据只留 400 天（出过委托卡片的一直留着）。建议和后来的涨跌还在：/analyses"
        )
    return render_analysis.facts(found, pack, ctx.house.now())
