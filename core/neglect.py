"""What only shows in a look over all watches: one that sleeps, ends, cannot be judged, or never had anything to say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from core.calendar import trading_date
from core.checks import days_left, longer
from core.clock import stamp_text
from core.findings import Facts, Fault, Finding, delete, looked_at
from core.messages import Button
from core.watches import Watch, WatchState
from core.zones import Missing

IDLE: Final = timedelta(days=90)


def neglected(
    watch: Watch, facts: Facts, *, fired: bool, silent_until: datetime | None, doubts: Sequence[str]
) -> Sequence[Finding]:
    """What is odd about how a watch fares; nothing of one that is done.

    Args:
        fired: whether it fired within :data:`IDLE`.
        silent_until: aware UTC, where a silence covers it now.
        doubts: why its shares cannot be judged by their newest prices.
    """
    if watch.state is WatchState.PAUSED:
        resume = Button("恢复", f"resume {watch.id}")
        return (Finding(Fault.PAUSED, "已暂停，不会提醒。", (resume, delete(watch))),)
    return (*_blind(watch, facts, doubts), *_asleep(watch, facts, fired=fired, silent_until=silent_until))


def _blind(watch: Watch, facts: Facts, doubts: Sequence[str]) -> Iterator[Finding]:
    for symbol in looked_at(watch):
        view = facts.view(watch, symbol)
        who = f"{facts.name(symbol)}" if len(watch.symbols) > 1 else ""
        if view is None:
            yield Finding(Fault.BLIND, f"{who}还没有收到行情，没有在判断。")
            return
        for condition in watch.conditions:
            zone = condition.zone(view)
            if isinstance(zone, Missing):
                yield Finding(Fault.BLIND, f"{who}现在判断不了“{condition.text()}”：{zone.what}。")
                return
    if doubts:
        yield Finding(Fault.BLIND, f"现在不判断：{doubts[0]}。")


def _asleep(watch: Watch, facts: Facts, *, fired: bool, silent_until: datetime | None) -> Iterator[Finding]:
    if silent_until is not None:
        text = f"静音到 {stamp_text(silent_until)}，触发了也不提醒。"
        yield Finding(Fault.SILENT, text, (Button("取消静音", "silence off"),))
    left = None if watch.expires_on is None else days_left(watch.expires_on, facts.now)
    if left is not None and 1 <= len(left) <= 2:
        when = "今天" if left[-1] == trading_date(facts.now) else f"下一个交易日（{left[-1]:%m-%d}）"
        if len(left) == 1 or left[0] == trading_date(facts.now):
            yield Finding(Fault.ENDS, f"{when}收盘后到期。", (longer(watch, facts.now),))
    if not fired and facts.now - watch.created_at >= IDLE:
        yield Finding(Fault.IDLE, "三个月没有触发过，看看还要不要。", (delete(watch),))
