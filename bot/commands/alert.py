"""Alerts: why they came or did not, and silence."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from bot.command import Call, Context, Reply, command
from bot.commands import targets
from core import render
from core.alerts import Silence
from core.calendar import phase
from core.clock import MARKET_ZONE, market_time, stamp_text
from core.errors import Invalid, NotFound
from core.market import board_of
from core.messages import Message, Role
from core.rulebook import judge
from core.types import Symbol, parse_symbol
from core.watches import Watch, WatchState

LONGEST_SILENCE = timedelta(days=366)
ALERTS_SHOWN = 8


@command(
    "why",
    "为什么",
    "原因",
    help="为什么提醒了，或没有提醒",
    example="/why 茅台",
    role=Role.VIEWER,
    intents=("history_query",),
)
async def why(ctx: Context, call: Call) -> Reply:
    """What was judged last, what became of the alerts, and how their messages went."""
    watches = _meant(ctx, call)
    lines: list[str] = []
    now = ctx.house.now()
    if ctx.house.dispatcher.silences(ctx.person.owner):
        lines.append("🔕 现在有静音，发送“取消静音”解除。")
    for watch in watches[:10]:
        lines += _standing(ctx, watch, now)
    symbol = watches[0].symbols[0] if len(watches) == 1 and len(watches[0].symbols) == 1 else None
    lines += await _history(ctx, symbol, watches)
    for gap in list(ctx.house.engine.gaps)[-3:]:
        lines.append(f"行情中断：{stamp_text(gap.since)} 至 {market_time(gap.until):%H:%M}")
    return Message(title="🔍 判断记录", text="\n".join(lines) or "还没有盯盘任务，也没有提醒记录。")


def _meant(ctx: Context, call: Call) -> list[Watch]:
    if call.words or (call.request is not None and (call.request.symbols or call.request.targets)):
        return list(targets.watches(ctx, call))
    return list(ctx.house.watchlist.of(ctx.person.owner))


def _standing(ctx: Context, watch: Watch, now: datetime) -> list[str]:
    """How a watch stands right now, rule by rule, with the quote it is judged by."""
    head = f"#{watch.number} {watch.condition_text()}（{watch.repeat.chinese}）"
    if watch.state is not WatchState.ACTIVE:
        return [head, "　没有在判断：" + {"paused": "已暂停", "done": "已完成"}.get(watch.state.value, "已删除")]
    if watch.expired_at(now):
        return [head, "　没有在判断：已到期"]
    lines = [head]
    for rule in ctx.house.book.rules_of(watch.id):
        symbol = rule.key.symbol
        name = render.name_text(ctx.house.name(symbol), symbol)
        quote = ctx.house.engine.quote(symbol)
        if quote is None:
            lines.append(f"　{name}：还没有收到行情，没有判断过")
            continue
        verdict = judge(rule, ctx.house.book.view(rule, quote))
        armed = {True: "等待穿越", False: "已触发，等价格离开后重新待命", None: "还没有判断过"}[rule.arm.armed]
        age = render.age_text(now - quote.quoted_at)
        lines.append(f"　{name}：{verdict.why}；{armed}")
        lines.append(f"　　{quote.source} {age}前，{phase(now, board_of(symbol)).chinese}")
        if rule.arm.told_at is not None:
            lines.append(f"　　上次提醒 {stamp_text(rule.arm.told_at)}，共 {rule.arm.told} 次")
        doubt = ctx.house.engine.doubt_of(symbol)
        if doubt is not None:
            lines.append(f"　　{stamp_text(doubt.at)} 有一笔行情没有采用：{doubt.why}")
    return lines


async def _history(ctx: Context, symbol: Symbol | None, watches: list[Watch]) -> list[str]:
    """The last alerts, told or not, and the fate of their messages."""
    wanted = {watch.id for watch in watches}
    found = await ctx.house.store.alerts(ctx.person.owner, symbol, limit=50)
    chosen = [alert for alert in found if alert.watch_id in wanted][:ALERTS_SHOWN]
    if not chosen:
        return ["最近没有触发过。"] if watches else []
    sent = await ctx.house.store.deliveries([alert.id for alert in chosen])
    lines = ["", "最近的触发："]
    for alert in chosen:
        lines.append(f"{stamp_text(alert.at)} {alert.name} {alert.why}")
        lines.append(f"　{alert.reason.chinese}" + (f"；{alert.note}" if alert.note else ""))
        for row in sent:
            if alert.id in row.alert_ids:
                fate = {"sent": "已送达", "queued": "等待发送", "failed": "发送失败"}[row.state.value]
                lines.append(
                    f"　{row.chat.channel} {fate}，试了 {row.attempts} 次" + (f"：{row.error}" if row.error else "")
                )
    return lines


@command(
    "silence",
    "静音",
    help="静音一段时间，off 取消",
    example="/silence 1h 茅台",
    intents=("silence",),
)
async def silence(ctx: Context, call: Call) -> Reply:
    """Quiet for a while: everything, one share, or one watch."""
    now = ctx.house.now()
    request = call.request
    if (request is not None and request.off) or call.rest in {"off", "取消"}:
        ended = await ctx.house.dispatcher.unsilence(ctx.person.owner)
        return Message(title="🔔 已取消静音" if ended else "现在没有静音")
    watch: Watch | None = None
    symbol: Symbol | None = None
    if request is not None:
        symbol = request.symbols[0] if request.symbols else None
        until = request.until or now + timedelta(seconds=request.duration_s or 3600)
    else:
        until, watch, symbol = _until(ctx, call, now)
    if until <= now:
        raise Invalid("静音的结束时间已经过了。请说“静音1小时”或“今天别提醒了”。")
    if until - now > LONGEST_SILENCE:
        raise Invalid("静音最长一年。不想再盯的话，请暂停或删除任务。")
    one = Silence(
        id=ctx.house.clock.new_id(),
        owner=ctx.person.owner,
        watch_id=watch.id if watch else None,
        symbol=symbol,
        starts_at=now,
        ends_at=until,
    )
    await ctx.house.dispatcher.silence(one)
    if watch is not None:
        what = f"盯盘 #{watch.number}"
    else:
        what = render.name_text(ctx.house.name(symbol), symbol) if symbol else "全部提醒"
    return render.silenced(one, what)


def _until(ctx: Context, call: Call, now: datetime) -> tuple[datetime, Watch | None, Symbol | None]:
    """``1h``, ``30m``, ``today`` and then nothing, a watch or a share."""
    words = list(call.words) or ["1h"]
    first = words.pop(0).lower()
    if first == "today":
        end = datetime.combine(market_time(now).date() + timedelta(days=1), time(), MARKET_ZONE)
    elif first[:-1].isdigit() and first[-1] in "hmd":
        unit = {"h": timedelta(hours=1), "m": timedelta(minutes=1), "d": timedelta(days=1)}[first[-1]]
        end = now + min(int(first[:-1]), 10_000) * unit
    else:
        raise Invalid("请写多久，例如：/silence 1h、/silence 30m、/silence today，取消是 /silence off。")
    if not words:
        return end, None, None
    for watch in ctx.house.watchlist.of(ctx.person.owner):
        if watch.id == words[0]:
            return end, watch, None
    found = ctx.house.names.candidates(words[0])
    if len(found) == 1:
        return end, None, found[0]
    try:
        return end, None, parse_symbol(words[0])
    except Invalid:
        raise NotFound(targets.unknown_text(ctx, words[0])) from None
