"""What is said of watches on the whole market: noun -> Message, as :mod:`core.render`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from core.alerts import Alert
from core.clock import time_text
from core.frames import Quote
from core.messages import ALERT_CARD, Button, Message, Style
from core.render import name_text, percent_of
from core.securities import Change
from core.types import price_text
from core.watches import Watch
from core.zones import yuan_text

TOP: Final = 10
"""Shares that one message names, where the watch does not say."""
EVERY: Final = "全市场大约每分钟看一遍；你点名、持有和自选的股票，随行情随时判断。"

LISTING: Final = "正在核对全市场的股票名单，约两分钟后自动补全。"


class Progress(NamedTuple):
    """How far the bars of a watch are gathered.

    Attributes:
        trouble: why it does not go on just now; empty while it does.
    """

    ready: int
    total: int
    trouble: str = ""


def found(watch: Watch, items: Sequence[tuple[Alert, Quote]]) -> Message:
    """What fired of a watch on the whole market at once, the busiest first: these by name, the others by number."""
    shown = items[: watch.top or TOP]
    lines = [f"条件：{watch.condition_text()}（#{watch.number}）"]
    lines += [_line(place, alert, quote) for place, (alert, quote) in enumerate(shown, 1)]
    if len(items) > len(shown):
        lines.append(f"……另有 {len(items) - len(shown)} 只，成交额都比上面的小；发送 /why {watch.number} 查看。")
    first, quote = shown[0]
    if any(alert.after_gap for alert, _quote in items):
        lines.append("⚠️ 前一阵没有看到全市场的行情，实际穿越可能更早。")
    lines.append(f"{first.source} {time_text(quote.quoted_at)}")
    buttons = (
        (Button("静音1小时", f"silence 1h {watch.id}"), Button("今日不再提醒", f"silence today {watch.id}")),
        (Button("看第1只", f"quote {first.symbol}"), Button("删除", f"delete {watch.id}", Style.DANGER)),
    )
    return Message(
        title=f"🔔 全市场：{len(items)} 只满足",
        text="\n".join(lines),
        buttons=buttons,
        card=f"{ALERT_CARD}{first.id}",
        urgent=True,
    )


def _line(place: int, alert: Alert, quote: Quote) -> str:
    amount = f"　成交额 {yuan_text(round(quote.amount, -6))}" if quote.amount else ""
    return f"{place}. {alert.name} {price_text(alert.price)}　{percent_of(quote)}{amount}".replace("　　", "　")


def already_holds(watch: Watch, met: int) -> Message:
    """Said once, when a watch is first judged."""
    return Message(
        title=f"ℹ️ 盯盘 #{watch.number}",
        text=f"条件：{watch.condition_text()}\n现在已有 {met} 只满足，不逐个提醒；以后新满足的才提醒。",
    )


def standing(at: datetime | None, seen: int, streamed: int, trouble: str, progress: Progress | None) -> str:
    """How far a watch on the whole market is judged.

    Args:
        seen: shares of the newest sweep.
        streamed: shares that are judged with every quote.
    """
    parts = [EVERY]
    if at is not None:
        parts = [f"最近一遍 {time_text(at)}，看到 {seen} 只；另有 {streamed} 只随行情随时判断。"]
    if trouble:
        parts.append(f"⚠️ 上一遍没有取全：{trouble.rstrip('。')}。")
    if progress is not None and progress.ready < progress.total:
        why = f"（{progress.trouble.rstrip('。')}）" if progress.trouble else ""
        parts.append(f"日线还在准备：{progress.ready}/{progress.total}{why}，没准备好的先不判断。")
    return "".join(parts)


def blind(trouble: str) -> Message:
    lines = [f"{trouble.rstrip('。')}。这期间全市场的任务不判断，你点名、持有和自选的股票不受影响。"]
    return Message(title="⚠️ 全市场的行情取不到", text="\n".join([*lines, "每分钟重试，恢复后告诉你。"]))


def renamed(changes: Sequence[Change]) -> Message:
    """What has become of shares that somebody watches or holds."""
    lines = [
        f"{name_text(one.before, one.after.symbol)} 不在今天的交易所名单里，可能已经退市；盯着它的任务不会再触发。"
        if one.after.gone_on is not None
        else f"{name_text(one.before, one.after.symbol)} 现在叫 {one.after.name}，老名字继续能用。"
        for one in changes
    ]
    return Message(title="🏷 名字有变化", text="\n".join(lines))


def sees_again() -> Message:
    return Message(title="✅ 全市场的行情已恢复", text="中断期间的穿越，恢复后的第一遍已经补判。")
