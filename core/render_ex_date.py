"""What is said on an ex-date: noun -> Message, as :mod:`core.render`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal, NamedTuple

from core.ex_dates import ExDate
from core.messages import Button, Message, Style
from core.render import name_text
from core.types import Price, percent_text, price_text
from core.watches import Watch


class Change(NamedTuple):
    """What an ex-date would do to a watch.

    Attributes:
        peaks: highest prices of trailing stops, before and after.
        shared: it has prices that stay, because they are also those of other shares.
    """

    before: Watch
    after: Watch
    peaks: Sequence[tuple[Price, Price]]
    shared: bool


class Outcome(NamedTuple):
    """What became of a watch. None when it is gone."""

    watch: Watch | None
    what: Literal["adjusted", "already", "kept", "changed", "shared", "over", "gone"]


def asked(ex: ExDate, name: str, changes: Sequence[Change]) -> Message:
    """The question, with the old and the new price of every watch."""
    percent = percent_text((ex.preclose - ex.close) / ex.close * 100, sign=True)
    lines = [f"昨收 {price_text(ex.close)} → {price_text(ex.preclose)}（除权后，{percent}）。"]
    for change in changes:
        lines += _change(change)
    rows: tuple[tuple[Button, ...], ...] = ()
    if any(change.before != change.after or change.peaks for change in changes):
        lines.append("没有回答以前，按原来的价格继续判断。持仓成本以券商为准，这里不动。")
        asked_for = f"exdate {ex.symbol} {ex.day:%Y%m%d}"
        rows = ((Button("按除权调整", f"{asked_for} yes", Style.CONFIRM), Button("不用", f"{asked_for} no")),)
    return Message(title=f"📌 除权除息：{name_text(name, ex.symbol)}", text="\n".join(lines), buttons=rows, urgent=True)


def _change(change: Change) -> list[str]:
    before, after = change.before, change.after
    head = f"#{before.number} "
    lines = []
    if change.shared:
        many = len(before.symbols)
        lines.append(f"{head}{before.condition_text()}：盯着 {many} 只，价格是共用的，需要的话请自己改")
    for old, new in zip(before.conditions, after.conditions, strict=True):
        if old != new:
            lines.append(f"{head}{old.text()} → {new.text()}")
    lines += [f"{head}移动止损记住的最高价 {price_text(old)} → {price_text(new)}" for old, new in change.peaks]
    if before.plan is not None and after.plan is not None and before.plan != after.plan:
        lines.append(f"{head}计划：{before.plan.text()} → {after.plan.text()}")
    return lines


def answered(ex: ExDate, name: str, outcomes: Sequence[Outcome], *, adjust: bool) -> Message:
    """What was done, watch by watch."""
    lines = [_outcome(one) for one in outcomes]
    kinds = {one.what for one in outcomes}
    title = "📌 没有调整"
    if "adjusted" in kinds:
        title = "✅ 已按除权调整"
    elif adjust and "already" in kinds:
        title = "ℹ️ 之前已经按除权调整过了"
    return Message(title=f"{title}：{name_text(name, ex.symbol)}", text="\n".join(lines))


def _outcome(one: Outcome) -> str:
    if one.watch is None:
        return "有一个任务已经删除，没有动。"
    now = f"#{one.watch.number} {one.watch.condition_text()}"
    return {
        "adjusted": f"{now}：已调整",
        "already": f"{now}：之前已经调整过，没有再动",
        "kept": f"{now}：价格不变",
        "changed": f"{now}：提示以后你已经改过，没有动",
        "shared": f"{now}：盯着多只，没有动，需要的话请自己改",
        "over": f"{now}：已经结束，没有动",
        "gone": "",
    }[one.what]


def remark(ex: ExDate, today: date) -> str:
    """Behind the condition of an alert."""
    return "除权日，价格未调整" if today == ex.day else f"{ex.day:%m-%d} 除权，价格未调整"
