"""Alert, Silence, and why an alert is, or is not, told now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from core.clock import market_time
from core.frames import Quote
from core.types import Noun, Price, Symbol
from core.watches import Arm, Repeat, RuleKey, Watch


class Reason(StrEnum):
    """Why; ``/why`` shows it as it stands."""

    FIRST = "first"
    REPEAT_DUE = "repeat_due"
    ONCE_ONLY = "once_only"
    TODAY_ALREADY = "today_already"
    COOLDOWN = "cooldown"
    SILENCED = "silenced"

    @property
    def tells(self) -> bool:
        return self in {Reason.FIRST, Reason.REPEAT_DUE}

    @property
    def chinese(self) -> str:
        return {
            "first": "首次触发，已提醒",
            "repeat_due": "再次触发，已提醒",
            "once_only": "只提醒一次，之前已经提醒过",
            "today_already": "每天最多一次，今天已经提醒过",
            "cooldown": "冷却时间内，未再提醒",
            "silenced": "静音中，未提醒",
        }[self.value]


class Trigger(NamedTuple):
    """A crossing, as the rule book saw it.

    Attributes:
        why: the numbers that decided, in Chinese.
        after_gap: it was seen on the first frame after a gap, so the crossing may have happened earlier.
    """

    key: RuleKey
    quote: Quote
    why: str
    after_gap: bool = False


class Alert(Noun):
    """A trigger that was judged and stored, told or not.

    Attributes:
        condition: the condition in words, as it was then.
        price: the price that crossed; ``quoted_at`` its own time, ``source`` where from.
        ticket_id: the ticket that it proposed, if any.
        note: why no ticket was made of the plan, if there was a plan and no ticket.
    """

    id: str
    watch_id: str
    watch_number: int
    owner: str
    symbol: Symbol
    name: str
    group: int
    condition: str
    price: Price
    why: str
    source: str
    quoted_at: datetime
    at: datetime
    after_gap: bool = False
    reason: Reason
    ticket_id: str | None = None
    note: str = ""


class Silence(Noun):
    """Quiet for a while. It covers everything of the owner unless a watch or a symbol is named.

    A silence is active when ``starts_at <= now < ends_at``; nothing flips it.
    """

    id: str
    owner: str
    watch_id: str | None = None
    symbol: Symbol | None = None
    starts_at: datetime
    ends_at: datetime

    def covers(self, watch: Watch, symbol: Symbol, now: datetime) -> bool:
        return (
            self.owner == watch.owner
            and self.starts_at <= now < self.ends_at
            and self.watch_id in {None, watch.id}
            and self.symbol in {None, symbol}
        )


def why_notify(watch: Watch, symbol: Symbol, arm: Arm, silences: Sequence[Silence], now: datetime) -> Reason:
    """Say why a crossing of this rule is, or is not, told now.

    Args:
        arm: the memory of the rule before this crossing, from the store, so that a restart does not repeat it.
        now: aware UTC.
    """
    if any(silence.covers(watch, symbol, now) for silence in silences):
        return Reason.SILENCED
    if arm.told_at is None:
        return Reason.FIRST
    if watch.repeat is Repeat.ONCE:
        return Reason.ONCE_ONLY
    if watch.repeat is Repeat.DAILY and market_time(arm.told_at).date() == market_time(now).date():
        return Reason.TODAY_ALREADY
    if now - arm.told_at < watch.cooldown:
        return Reason.COOLDOWN
    return Reason.REPEAT_DUE
