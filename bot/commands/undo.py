"""Undo: take back the last thing that can be taken back. What trades is not among it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.command import Call, Context, Reply, command
from bot.commands import alert, favourites, limits, targets
from bot.commands.watch import delete, read_back
from bot.language.dialogue import Change, Step
from core.errors import NotFound
from core.messages import Button, Message, Role
from core.render_checks import in_short
from core.watches import Watch

LAST = "last"


@command(
    "undo",
    "撤销",
    "撤回",
    "反悔",
    "撤销上一步",
    help="撤销上一步：任务、静音、自选、免打扰、提醒带图、上限",
    example="/undo",
    role=Role.VIEWER,
)
async def undo(ctx: Context, call: Call) -> Reply:
    """``undo`` takes back the last step, ``undo WATCH`` (the button under its card) that watch."""
    if call.words and call.words != (LAST,):
        return await delete(ctx, call)
    step = ctx.dialogue.done
    if step is None:
        raise NotFound("没有可以撤销的操作。委托不能撤销，只能撤单：发送 /orders，点那一笔的“撤单”。")
    if not call.words and await targets.orders(ctx, open_only=True, limit=200, trading=True):
        # Who has an order lying there may well mean that one.
        button = Button("撤销上一步", f"undo {LAST}")
        text = f"上一步是：{step.text}。要撤单的话，请发送 /orders，点那一笔的“撤单”。\n要撤销上一步吗？"
        return Message(text=text, buttons=((button,),))
    return await _take_back(ctx, step)


async def _take_back(ctx: Context, step: Step) -> Reply:
    ctx.dialogue = ctx.dialogue.model_copy(update={"done": None}).closed()
    title = f"↩️ 已撤销：{step.text}"
    if step.silences:
        ended = await ctx.house.dispatcher.unsilence(ctx.person.owner, step.silences)
        return Message(title=title, text="提醒照常发。" if ended else "静音其实已经结束了。")
    if step.favourites is not None:
        return await favourites.put_back(ctx, *step.favourites, title)
    if step.quiet_hours is not None:
        return (await alert.put_back_quiet(ctx, *step.quiet_hours)).model_copy(update={"title": title})
    if step.alert_pictures is not None:
        return (await alert.set_pictures(ctx, on=step.alert_pictures)).model_copy(update={"title": title})
    if step.limits is not None:
        return (await limits.put_back(ctx, *step.limits)).model_copy(update={"title": title})
    return await _watches_back(ctx, step.watches, title)


async def _watches_back(ctx: Context, changes: Sequence[Change], title: str) -> Message:
    """The last change first: what took the place of another goes before that one comes back."""
    lines: list[str] = []
    back: list[Message] = []
    for before, after in reversed(changes):
        if before is None:
            assert after is not None, "something was done to a watch"
            gone = await ctx.house.watchlist.delete(ctx.house.watchlist.get(after.id))
            lines.append(f"已删除 {in_short(gone, ctx.house.name)}")
            continue
        whole = _whole(ctx, before)
        targets.refuse_without_right(ctx, whole)
        watch, already = await ctx.house.watchlist.restore(whole, None if after is None else _whole(ctx, after))
        lines.append(f"现在是 {in_short(watch, ctx.house.name)}")
        back.append(await read_back(ctx, watch, already, changed=True, past=False))
    if len(back) == 1 == len(changes):
        return back[0].model_copy(update={"title": title})
    return Message(title=title, text="\n".join(lines))


def _whole(ctx: Context, watch: Watch) -> Watch:
    """A watch on the whole market is remembered without its shares."""
    known = ctx.house.watchlist.current(watch.id)
    symbols = known.symbols if known is not None and known.scope == "market" else ctx.house.listing.shares()
    return watch.model_copy(update={"symbols": symbols}) if watch.scope == "market" else watch
