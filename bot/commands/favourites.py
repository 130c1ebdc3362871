"""The favourites (自选股): add, remove, show. What follows them follows every change."""

from __future__ import annotations

import json

from bot.command import Call, Context, Reply, command
from bot.commands import targets
from core.errors import Conflict, Invalid
from core.messages import Message, Role
from core.render import name_text, symbols_text
from core.types import Symbol

MANY = 500
_HINT = "可以说：把茅台加入自选、从自选删除茅台、自选股里跌5%的提醒我"


async def of(ctx: Context) -> tuple[Symbol, ...]:
    """The owner's favourites, in the order in which they were chosen."""
    stored = await ctx.house.store.value(_key(ctx))
    return tuple(Symbol(one) for one in json.loads(stored)) if stored is not None else ()


def _key(ctx: Context) -> str:
    return f"favourites:{ctx.person.owner}"


@command(
    "favourites",
    "自选",
    "自选股",
    "我的自选",
    help="自选股：看、加、删",
    example="/favourites",
    role=Role.VIEWER,
    intents=("favourite_list",),
)
async def show(ctx: Context, _call: Call) -> Reply:
    chosen = await of(ctx)
    if not chosen:
        return Message(title="自选股还是空的", text=_HINT)
    lines = [name_text(ctx.house.name(symbol), symbol) for symbol in chosen]
    return Message(title=f"⭐ 自选股（{len(chosen)}）", text="\n".join([*lines, "", _HINT]))


@command(
    "favourite",
    "收藏",
    help="把股票加入自选",
    example="/favourite 茅台",
    intents=("favourite_add",),
    listed=False,
    role=Role.VIEWER,
    phrase="把{}加入自选",
)
async def add(ctx: Context, call: Call) -> Reply:
    named = targets.symbols(ctx, call, last=False)
    if not named:
        raise Invalid("请写股票名或代码，例如：把茅台加入自选")
    await ctx.house.look(named)  # a code that nobody knows is refused
    before = await of(ctx)
    after = tuple(dict.fromkeys((*before, *named)))
    if len(after) > MANY:
        raise Invalid(f"自选股最多 {MANY} 只，请先删除一些。")
    return await _changed(ctx, before, after, f"⭐ 已加入自选：{_text(ctx, named)}")


@command(
    "unfavourite",
    "取消收藏",
    help="从自选删除股票",
    example="/unfavourite 茅台",
    intents=("favourite_remove",),
    listed=False,
    role=Role.VIEWER,
    phrase="从自选删除{}",
)
async def remove(ctx: Context, call: Call) -> Reply:
    before = await of(ctx)
    if call.request is not None and call.request.targets == ("all",):
        return await _changed(ctx, before, (), "⭐ 自选股已清空")
    named = targets.symbols(ctx, call, last=False)
    gone = tuple(symbol for symbol in named if symbol in before)
    if not gone:
        raise Invalid(f"自选股里没有{_text(ctx, named)}。" if named else "请写股票名或代码，例如：从自选删除茅台")
    after = tuple(symbol for symbol in before if symbol not in gone)
    return await _changed(ctx, before, after, f"⭐ 已从自选删除：{_text(ctx, gone)}")


async def put_back(ctx: Context, before: tuple[Symbol, ...], after: tuple[Symbol, ...], title: str) -> Message:
    """The favourites as they were before. Raises Conflict where they are no longer as they were after."""
    if await of(ctx) != after:
        raise Conflict("自选股后来又有变化，没有撤销。")
    return await _store(ctx, after, before, title)


async def _changed(ctx: Context, before: tuple[Symbol, ...], after: tuple[Symbol, ...], title: str) -> Message:
    if after != before:
        ctx.dialogue = ctx.dialogue.did("自选股的修改", favourites=(before, after))
    return await _store(ctx, before, after, title)


async def _store(ctx: Context, before: tuple[Symbol, ...], after: tuple[Symbol, ...], title: str) -> Message:
    """Store the favourites, and let the watches on them follow; those cannot be about nothing."""
    lines = [f"现在共 {len(after)} 只。"]
    if after != before:
        await ctx.house.store.set_value(_key(ctx), json.dumps(after) if after else None)
        following = [one for one in ctx.house.watchlist.of(ctx.person.owner) if one.scope == "watchlist"]
        numbers = "、".join(f"#{watch.number}" for watch in following)
        if following and after:
            for watch in following:
                await ctx.house.watchlist.follow(watch, after)
            lines.append(f"盯自选股的任务 {numbers} 已跟着改变。")
        elif following:
            lines.append(f"盯自选股的任务 {numbers} 还盯着原来的股票。不想盯了请说“删除{following[0].number}”。")
    return Message(title=title, text="\n".join(lines))


def _text(ctx: Context, symbols: tuple[Symbol, ...]) -> str:
    return symbols_text(symbols, [ctx.house.name(symbol) for symbol in symbols])
