"""What ``/why`` says: how watches stand, what became of them, and what a day was like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from core.alerts import Alert, Silence
from core.chronicle import ARMED, Approach, Entry, Kind, approach_of
from core.clock import market_time, time_text
from core.messages import Button, Delivery, Message, Outgoing
from core.render import age_text, answered, name_text
from core.types import Symbol, from_milli, percent_text, price_text

LINES: Final = 15
"""Of one message: more is a tap away, because this is read on a phone."""
_PLACES: Final = {"console": "本机终端", "script": "本次回放", "telegram": "Telegram"}
_FATES: Final = {Delivery.SENT: "已送达", Delivery.QUEUED: "等待发送", Delivery.FAILED: "发送失败"}
_WEEKDAYS: Final = "一二三四五六日"

NameOf = Callable[[Symbol], str]


class Event(NamedTuple):
    """Something that happened, in one or a few lines."""

    at: datetime
    lines: tuple[str, ...]


def page(title: str, blocks: Iterable[Sequence[str]], number: int, more: str, *, otherwise: str) -> Message:
    """One page of what there is to say, never cutting a block in two.

    Args:
        number: from 1.
        more: the command that shows the next page, without its number.
        otherwise: said where there is nothing.
    """
    pages: list[list[str]] = [[]]
    for block in blocks:
        if pages[-1] and len(pages[-1]) + len(block) > LINES:
            pages.append([])
        pages[-1] += block
    at = min(number, len(pages))
    counted = f"（{at}/{len(pages)}）" if len(pages) > 1 else ""
    buttons = ((Button("更多", f"{more} p{at + 1}"),),) if at < len(pages) else ()
    return Message(title=f"{title}{counted}", text="\n".join(pages[at - 1]).strip() or otherwise, buttons=buttons)


def day_text(day: date) -> str:
    """``11-17 周二``."""
    return f"{day:%m-%d} 周{_WEEKDAYS[day.weekday()]}"


def span_text(since: datetime, until: datetime, day: date | None = None) -> str:
    """``10:02–10:15``; with their days where they are not on ``day``, or not on one."""
    first, last = market_time(since), market_time(until)
    if first.date() == last.date() and day in {None, first.date()}:
        text = f"{first:%H:%M}" if f"{first:%H:%M}" == f"{last:%H:%M}" else f"{first:%H:%M}–{last:%H:%M}"
        return text if day is not None else f"{first:%m-%d} {text}"
    return f"{first:%m-%d %H:%M} – {last:%m-%d %H:%M}"


# -- alerts and the fate of their messages


def alert_event(alert: Alert, sent: Sequence[Outgoing], forgotten: bool, *, day: bool = False) -> Event:
    """An alert, told or not.

    Args:
        sent: the messages that told it.
        forgotten: it is so old that its messages are not kept any more.
        day: the day is known from what stands above.
    """
    at = f"{market_time(alert.at):%H:%M}" if day else f"{market_time(alert.at):%m-%d %H:%M}"
    lines = [f"{at} {alert.name} {alert.why}（#{alert.watch_number}）"]
    lines.append(f"　{alert.reason.chinese}" + (f"；{alert.note}" if alert.note else ""))
    age = alert.at - alert.quoted_at
    lines.append(f"　{alert.source} {time_text(alert.quoted_at)} 的价格，{age_text(age)}后判断")
    if alert.after_gap:
        lines.append("　行情中断后的第一笔价格，实际穿越可能更早")
    if said := answered(alert):
        lines.append(f"　{said}")
    lines += [f"　{_fate(row)}" for row in sent]
    if forgotten and alert.reason.tells and not sent:
        lines.append("　发送记录只保留 30 天")
    elif alert.reason.tells and not sent:
        lines.append("　提醒太多，合并到汇总里发送")
    return Event(alert.at, tuple(lines))


def _fate(row: Outgoing) -> str:
    why = f"：{row.error}" if row.error else ""
    place = _PLACES.get(row.chat.channel, row.chat.channel)
    return f"{place} {_FATES[row.state]}，试了 {row.attempts} 次{why}"


# -- entries


_LIFE: Final = {
    Kind.MADE: "开始盯",
    Kind.CHANGED: "改为",
    Kind.PAUSED: "暂停",
    Kind.RESUMED: "恢复盯盘",
    Kind.DONE: "提醒过了，任务完成",
    Kind.EXPIRED: "到期，任务结束",
    Kind.DELETED: "删除",
}


def entry_text(entry: Entry, name_of: NameOf, day: date | None = None, *, when: str = "当天") -> str:
    """One line, without its time.

    Args:
        day: the day under which a stretch stands.
        when: of a nearest approach.
    """
    kind, name = entry.kind, name_text(name_of(Symbol(entry.symbol)), Symbol(entry.symbol)) if entry.symbol else ""
    if kind is Kind.DELETED:
        return f"删除了 #{entry.group} {name} {entry.note}"
    if kind in _LIFE:
        return f"{_LIFE[kind]} {entry.note}".rstrip()
    if kind is Kind.FOLLOWED:
        came, _, left = entry.note.partition(" ")
        return f"跟着的股票变了：加入 {came} 只，离开 {left} 只"
    if kind in {Kind.ARMED, Kind.ALREADY}:
        stands = "不满足，等待穿越" if kind is Kind.ARMED else "开始时已经满足，先离开再回来才提醒"
        age = age_text(entry.at - entry.stamp) if entry.stamp is not None else ""
        return f"{name} {price_text(from_milli(entry.reading or 0))}，{stands}（{entry.note}，{age}前的价格）"
    if kind is Kind.NEAREST:
        return f"{name} {approach_text(approach_of(entry), when)}"
    if kind is Kind.UNJUDGED:
        return f"{name} {'收盘时' if when == '当天' else '现在'}判断不了：{entry.note}"
    if kind is Kind.DOUBT:
        name = name_text(name_of(Symbol(entry.subject)), Symbol(entry.subject))
        return f"{name} 不判断：{entry.note}（{span_text(entry.at, entry.until, day)}，{entry.detail} 次）"
    if kind is Kind.BLIND:
        return f"行情中断（{span_text(entry.at, entry.until, day)}），期间没有判断"
    return f"免打扰时段 {entry.note}" if entry.note else "取消免打扰"


def entry_event(entry: Entry, name_of: NameOf, number: int | None) -> Event:
    """An entry as one line with its time, and the number of its watch."""
    whose = f"#{number} " if number is not None else ""
    return Event(entry.at, (f"{market_time(entry.at):%m-%d %H:%M} {whose}{entry_text(entry, name_of)}",))


def approach_text(near: Approach, when: str = "当天") -> str:
    """``当天最低 1402.10（10:31），离 1400.00 还差 0.15%``."""
    at = f"（{market_time(near.at):%H:%M}）" if near.at is not None and not near.last else ""
    number = near.gauge.number_text
    what = f"{_which(near, when)} {number(near.reading)}{at}"
    if near.inside:
        return f"{what}，到过触发区（{'≤' if near.reading <= near.bound else '≥'} {number(near.bound)}）"
    return f"{what}，离 {number(near.bound)} 还差 {percent_text(Decimal(near.apart * 100))}"


def _which(near: Approach, when: str) -> str:
    if near.last:
        return f"{'最后的' if when == '当天' else '现在的'}{near.gauge.chinese}"
    from_above = near.reading <= near.bound if near.inside else near.reading > near.bound
    return f"{when}{'最低' if from_above else '最高'}"


def held_all_day(entry: Entry) -> bool:
    """Whether at the close the rule held and had not been left since, so that nothing could cross."""
    return approach_of(entry).inside and not entry.detail & ARMED


# -- a day


def silence_text(silence: Silence, what: str, day: date) -> str:
    return f"🔕 静音 {span_text(silence.starts_at, silence.ends_at, day)}：{what}"


def no_trading(day: date) -> str:
    return f"{day_text(day)}休市，没有判断任何条件。"
