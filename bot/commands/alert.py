"""Silence and quiet hours, when alerts are not told; and whether they bring a picture."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.command import Call, Context, Reply, command
from bot.commands import targets
from core import render
from core.alerts import QuietHours, Silence
from core.chronicle import Entry, Kind
from core.clock import market_time, midnight
from core.errors import Conflict, Invalid
from core.messages import Button, Message, Role
from core.types import Symbol, account_of, account_symbol, is_account
from core.watches import Watch

LONGEST_SILENCE = timedelta(days=366)


@command(
    "silence",
    "静音",
    help="静音一段时间，off 取消",
    example="/silence 1h 茅台",
    role=Role.VIEWER,
    intents=("silence",),
    phrase="静音{}",
)
async def silence_(ctx: Context, call: Call) -> Reply:
    """Quiet for a while: everything, one share, or one watch."""
    now = ctx.house.now()
    request = call.request
    if (request is not None and request.off) or call.rest in {"off", "取消"}:
        ended = await ctx.house.dispatcher.unsilence(ctx.person.owner)
        title = "🔔 已取消静音" if ended else "现在没有静音"
        hours = ctx.house.digest.quiet_hours(ctx.person.owner)
        if hours is None:
            return Message(title=title)
        # 免打扰关掉 may mean either of the two.
        end = Button("取消免打扰", "quiet off")
        return Message(title=title, text=f"每天 {hours} 的免打扰还开着。", buttons=((end,),))
    if request is not None:
        until = request.until or now + timedelta(seconds=request.duration_s or 3600)
        numbered = targets.watches(ctx, call) if request.targets else ()
        scope: list[Watch | Symbol | None] = [*request.symbols, *numbered]
    else:
        until, words = _until(list(call.words), now)
        scope = [_silenced(ctx, word) for word in words]
    if until <= now:
        raise Invalid("静音的结束时间已经过了。请说“静音1小时”或“今天别提醒了”。")
    if until - now > LONGEST_SILENCE:
        raise Invalid("静音最长一年。不想再盯的话，请暂停或删除任务。")
    begun = []
    for one in scope or (None,):
        silence = Silence(
            id=ctx.house.clock.new_id(),
            owner=ctx.person.owner,
            watch_id=one.id if isinstance(one, Watch) else None,
            symbol=one if isinstance(one, str) else None,
            starts_at=now,
            ends_at=until,
        )
        await ctx.house.dispatcher.silence(silence)
        begun.append(silence.id)
    what = "、".join(_what(ctx, one) for one in scope or (None,))
    ctx.dialogue = ctx.dialogue.did(f"静音{what}", silences=begun)
    return render.silenced(silence, what)


@command(
    "quiet",
    "免打扰",
    "取消免打扰",
    "关闭免打扰",
    help="每天的免打扰时段，off 取消",
    example="/quiet 22:00-08:00",
    role=Role.VIEWER,
)
async def quiet(ctx: Context, call: Call) -> Reply:
    """Show, set or end the hours in which nothing but what cannot wait is told."""
    digest, owner = ctx.house.digest, ctx.person.owner
    if not call.words:
        return render.quiet_hours(digest.quiet_hours(owner), changed=False)
    words = list(call.words)
    strict = words[-1] in {"全部", "all"}
    text = " ".join(words[:-1] if strict else words)
    hours = None if text in {"off", "取消", "关闭", "关"} else QuietHours.parse(text, strict=strict)
    before = digest.quiet_hours(owner)
    ctx.dialogue = ctx.dialogue.did("免打扰的修改", quiet_hours=(_written(before), _written(hours)))
    return await _set_quiet(ctx, hours)


async def _set_quiet(ctx: Context, hours: QuietHours | None) -> Message:
    noted = str(hours) if hours is not None else ""
    await ctx.house.digest.set_quiet_hours(ctx.person.owner, hours)
    ctx.house.chronicler.note(Entry(ctx.person.owner, ctx.house.now(), Kind.QUIET, note=noted))
    await ctx.house.digest.tell_due()
    return render.quiet_hours(hours)


async def put_back_quiet(ctx: Context, before: str, after: str) -> Message:
    """The quiet hours as :func:`_written` wrote them before. Raises Conflict where they are not as they were after."""
    if _written(ctx.house.digest.quiet_hours(ctx.person.owner)) != after:
        raise Conflict("免打扰后来又有变化，没有撤销。发送 /quiet 查看。")
    hours, _, strict = before.partition(" ")
    return await _set_quiet(ctx, QuietHours.parse(hours, strict=bool(strict)) if hours else None)


def _written(hours: QuietHours | None) -> str:
    return "" if hours is None else f"{hours} 全部" if hours.strict else str(hours)


@command("pictures", "配图", help="提醒带图：on 打开，off 关闭", example="/pictures on", role=Role.VIEWER)
async def pictures(ctx: Context, call: Call) -> Reply:
    """Show or set whether the person's alerts bring a picture."""
    illustrator, owner = ctx.house.illustrator, ctx.person.owner
    before = illustrator.wanted(owner)
    if not call.words:
        return render.alert_pictures(on=before, possible=illustrator.possible, changed=False)
    on = call.rest in {"on", "开", "打开"}
    if not on and call.rest not in {"off", "关", "关闭", "取消"}:
        raise Invalid("请写 /pictures on（提醒带图）或 /pictures off（不带）。")
    ctx.dialogue = ctx.dialogue.did("提醒带图的修改", alert_pictures=before)
    return await set_pictures(ctx, on=on)


async def set_pictures(ctx: Context, *, on: bool) -> Message:
    """As :func:`pictures` does."""
    illustrator = ctx.house.illustrator
    await illustrator.want(ctx.person.owner, wanted=on)
    return render.alert_pictures(on=on, possible=illustrator.possible)


def _what(ctx: Context, one: Watch | Symbol | None) -> str:
    if one is None:
        return "全部提醒"
    return f"盯盘 #{one.number}" if isinstance(one, Watch) else render.name_text(ctx.house.name(one), one)


def _silenced(ctx: Context, word: str) -> Watch | Symbol:
    """A share by name or code, an account as its button names it, or a watch by number or id."""
    if is_account(word):
        return account_symbol(targets.broker(ctx, account_of(Symbol(word))).account)
    symbols = ctx.house.names.candidates(word)
    if len(symbols) == 1:
        return symbols[0]
    found = targets.watches(ctx, Call((word,))) if not symbols else ()
    if len(found) == 1:
        return found[0]
    [symbol] = targets.symbols(ctx, Call((word,)))
    return symbol


def _until(words: list[str], now: datetime) -> tuple[datetime, list[str]]:
    """``1h``, ``30m``, ``2d`` or ``today``, and what stands behind it."""
    first = words.pop(0).lower() if words else "1h"
    if first == "today":
        return midnight(market_time(now).date() + timedelta(days=1)), words
    if first[:-1].isdigit() and first[-1] in "hmd":
        unit = {"h": timedelta(hours=1), "m": timedelta(minutes=1), "d": timedelta(days=1)}[first[-1]]
        return now + min(int(first[:-1]), 10_000) * unit, words
    raise Invalid("请写多久，例如：/silence 1h、/silence 30m、/silence today，取消是 /silence off。")
