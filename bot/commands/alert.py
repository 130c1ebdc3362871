"""Alerts: why they came or did not, and silence."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, time, timedelta

from bot.command import Call, Context, Reply, command
from bot.commands import targets
from bot.commands.trade import orders
from core import render
from core.alerts import QuietHours, Silence
from core.calendar import phase
from core.clock import MARKET_ZONE, market_time, stamp_text
from core.errors import Invalid
from core.judging import Rule, judge
from core.market import board_of
from core.messages import Message, Role
from core.types import Symbol
from core.watches import RuleKey, Watch, WatchState

LONGEST_SILENCE = timedelta(days=366)
WATCHES_SHOWN = 10
ALERTS_SHOWN = 40
_PLACES = {"console": "本机终端", "script": "本次回放", "telegram": "Telegram"}
_OTHER_HISTORY = {"decisions": "分析建议的记录", "realized_pnl": "一段时间的已实现盈亏", "asset_curve": "资产曲线"}


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
    ask = call.request.ask if call.request is not None else None
    if ask == "trades":
        return await orders(ctx, Call())
    if ask in _OTHER_HISTORY:
        raise Invalid(f"{_OTHER_HISTORY[ask]}我还不会查。现在的持仓和盈亏请发送 /positions 和 /account。")
    named = _named(ctx, call)
    watches = named if named is not None else list(ctx.house.watchlist.of(ctx.person.owner))
    lines: list[str] = []
    now = ctx.house.now()
    if ctx.house.dispatcher.silences(ctx.person.owner):
        lines.append("🔕 现在有静音，发送“取消静音”解除。")
    hours = ctx.house.digest.quiet_hours(ctx.person.owner)
    if hours is not None:
        lines.append(f"🌙 免打扰时段 {hours}{'，现在就是' if hours.covers(now) else ''}。")
    asked = _asked(ctx, call)
    for watch in watches[:WATCHES_SHOWN]:
        lines += _standing(ctx, watch, now, asked)
    if len(watches) > WATCHES_SHOWN:
        example = watches[WATCHES_SHOWN].number
        lines.append(f"……另有 {len(watches) - WATCHES_SHOWN} 个任务，请写编号，例如：/why {example}")
    lines += await _history(ctx, named)
    if sources := ctx.house.about_quotes():
        lines += ["", sources]
    for gap in list(ctx.house.engine.gaps)[-3:]:
        lines.append(f"行情中断：{stamp_text(gap.since)} 至 {stamp_text(gap.until)}")
    return Message(title="🔍 判断记录", text="\n".join(lines).strip() or "还没有盯盘任务，也没有提醒记录。")


def _named(ctx: Context, call: Call) -> list[Watch] | None:
    """The watches that were asked about; None when the question is about everything."""
    if not call.words and (call.request is None or not (call.request.symbols or call.request.targets)):
        return None
    asked = _asked(ctx, call)
    everywhere = [one for one in ctx.house.watchlist.of(ctx.person.owner) if one.scope == "market"]
    if not asked or not everywhere:
        return list(targets.watches(ctx, call))
    return [*ctx.house.watchlist.on(ctx.person.owner, asked), *everywhere]


def _asked(ctx: Context, call: Call) -> Sequence[Symbol]:
    """The shares that the question names."""
    if call.request is not None:
        return call.request.symbols
    found = [ctx.house.names.candidates(word) for word in call.words]
    return [one[0] for one in found if len(one) == 1]


def _standing(ctx: Context, watch: Watch, now: datetime, asked: Collection[Symbol]) -> list[str]:
    """How a watch stands right now, rule by rule, with the quote it is judged by.

    Args:
        asked: the shares that the question names: of a watch on the whole market, only these are shown.
    """
    head = f"#{watch.number} {watch.condition_text()}（{watch.repeat.chinese}）"
    if watch.state is not WatchState.ACTIVE:
        return [head, "　没有在判断：" + {"paused": "已暂停", "done": "已完成"}.get(watch.state.value, "已删除")]
    if watch.expired_at(now):
        return [head, "　没有在判断：已到期"]
    lines = [head]
    if watch.scope == "market":
        lines.append(f"　全市场 {len(watch.symbols)} 只。{ctx.house.sweep.standing(watch)}")
    if not watch.symbols:
        lines.append("　没有在判断：现在没有持仓")
    for rule in _rules(ctx, watch, asked):
        symbol = rule.key.symbol
        name = render.name_text(ctx.house.name(symbol), symbol)
        quote = ctx.house.engine.quote(symbol)
        if quote is None:
            lines.append(f"　{name}：还没有收到行情，没有判断过")
            continue
        verdict = judge(rule, ctx.house.book.view(rule, quote))
        resting = "已触发" if rule.arm.told else "已在触发区"
        armed = {True: "等待穿越", False: f"{resting}，等价格离开后重新待命", None: "还没有判断过"}[rule.arm.armed]
        age = render.age_text(now - quote.quoted_at)
        lines.append(f"　{name}：{verdict.why}；{armed}")
        lines.append(f"　　{quote.source} {age}前，{phase(now, board_of(symbol)).chinese}")
        if rule.arm.told_at is not None:
            lines.append(f"　　上次提醒 {stamp_text(rule.arm.told_at)}，共 {rule.arm.told} 次")
        unfit = ctx.house.engine.doubt_now(symbol)
        if unfit is not None:
            lines.append(f"　　⚠️ 现在不判断：{unfit}")
        doubt = ctx.house.engine.doubt_of(symbol)
        if doubt is not None:
            lines.append(f"　　{stamp_text(doubt.at)} 有一笔行情没有采用：{doubt.why}")
    return lines


def _rules(ctx: Context, watch: Watch, asked: Collection[Symbol]) -> Sequence[Rule]:
    if watch.scope != "market":
        return ctx.house.book.rules_of(watch.id)
    keys = [RuleKey(watch.id, symbol, group) for symbol in asked for group in range(len(watch.groups()))]
    return [rule for key in keys if (rule := ctx.house.book.rule(key)) is not None]


async def _history(ctx: Context, named: list[Watch] | None) -> list[str]:
    """The last alerts, told or not, also of watches that are gone, and the fate of their messages."""
    found = await ctx.house.store.alerts(ctx.person.owner, limit=1000)
    wanted = None if named is None else {watch.id for watch in named}
    chosen = [alert for alert in found if wanted is None or alert.watch_id in wanted]
    if not chosen:
        return ["", "最近没有触发过。"]
    shown = chosen[:ALERTS_SHOWN]
    sent = await ctx.house.store.deliveries([alert.id for alert in shown])
    lines = ["", "最近的触发："]
    for alert in shown:
        lines.append(f"{stamp_text(alert.at)} {alert.name} {alert.why}（#{alert.watch_number}）")
        lines.append(f"　{alert.reason.chinese}" + (f"；{alert.note}" if alert.note else ""))
        if answered := render.answered(alert):
            lines.append(f"　{answered}")
        for row in sent:
            if alert.id in row.alert_ids:
                fate = {"sent": "已送达", "queued": "等待发送", "failed": "发送失败"}[row.state.value]
                why = f"：{row.error}" if row.error else ""
                place = _PLACES.get(row.chat.channel, row.chat.channel)
                lines.append(f"　{place} {fate}，试了 {row.attempts} 次{why}")
    if len(chosen) > len(shown):
        lines.append(f"……更早还有 {len(chosen) - len(shown)} 次。")
    return lines


@command(
    "silence",
    "静音",
    help="静音一段时间，off 取消",
    example="/silence 1h 茅台",
    intents=("silence",),
    phrase="静音{}",
)
async def silence_(ctx: Context, call: Call) -> Reply:
    """Quiet for a while: everything, one share, or one watch."""
    now = ctx.house.now()
    request = call.request
    if (request is not None and request.off) or call.rest in {"off", "取消"}:
        ended = await ctx.house.dispatcher.unsilence(ctx.person.owner)
        return Message(title="🔔 已取消静音" if ended else "现在没有静音")
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
    return render.silenced(silence, "、".join(_what(ctx, one) for one in scope or (None,)))


@command(
    "quiet",
    "免打扰",
    "取消免打扰",
    "关闭免打扰",
    help="每天的免打扰时段，off 取消",
    example="/quiet 22:00-08:00",
    intents=("settings",),
)
async def quiet(ctx: Context, call: Call) -> Reply:
    """Show, set or end the hours in which nothing but what cannot wait is told."""
    digest, owner = ctx.house.digest, ctx.person.owner
    setting = call.request.setting if call.request is not None else None
    if setting is not None and setting.key != "quiet_hours":
        raise Invalid("这个设置我还不会改。发送 /help 看现在能做什么。")
    if setting is None and not call.words:
        return render.quiet_hours(digest.quiet_hours(owner), changed=False)
    words = [str(setting.value)] if setting is not None else list(call.words)
    strict = words[-1] in {"全部", "all"}
    text = " ".join(words[:-1] if strict else words)
    hours = None if text in {"off", "取消", "关闭", "关"} else QuietHours.parse(text, strict=strict)
    await digest.set_quiet_hours(owner, hours)
    await digest.tell_due()
    return render.quiet_hours(hours)


def _what(ctx: Context, one: Watch | Symbol | None) -> str:
    if one is None:
        return "全部提醒"
    return f"盯盘 #{one.number}" if isinstance(one, Watch) else render.name_text(ctx.house.name(one), one)


def _silenced(ctx: Context, word: str) -> Watch | Symbol:
    """A share by name or code, or a watch by number or id."""
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
        return datetime.combine(market_time(now).date() + timedelta(days=1), time(), MARKET_ZONE), words
    if first[:-1].isdigit() and first[-1] in "hmd":
        unit = {"h": timedelta(hours=1), "m": timedelta(minutes=1), "d": timedelta(days=1)}[first[-1]]
        return now + min(int(first[:-1]), 10_000) * unit, words
    raise Invalid("请写多久，例如：/silence 1h、/silence 30m、/silence today，取消是 /silence off。")
