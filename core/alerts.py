"""Alert, Silence, and why an alert is, or is not, told now."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from core.clock import market_time
from core.conditions import Condition
from core.errors import Invalid
from core.frames import Quote
from core.judging import Rule
from core.messages import Chat
from core.types import Noun, Price, Symbol
from core.watches import Arm, Repeat, RuleKey, Watch

INHIBITS: Final = timedelta(minutes=10)
"""How long after a stop-loss the lesser alerts of the same person on the same share are not told."""

ESCALATES: Final = timedelta(minutes=5)
"""How long an alert of the stop-loss class may stay unanswered."""


class Reason(StrEnum):
    """Why; ``/why`` shows it as it stands."""

    FIRST = "first"
    REPEAT_DUE = "repeat_due"
    ONCE_ONLY = "once_only"
    TODAY_ALREADY = "today_already"
    COOLDOWN = "cooldown"
    SILENCED = "silenced"
    NOT_HELD = "not_held"
    INHIBITED = "inhibited"
    QUIET_HOURS = "quiet_hours"
    REMINDED = "reminded"

    @property
    def tells(self) -> bool:
        return self in {Reason.FIRST, Reason.REPEAT_DUE, Reason.REMINDED}

    @property
    def chinese(self) -> str:
        return {
            "first": "首次触发，已提醒",
            "repeat_due": "再次触发，已提醒",
            "once_only": "只提醒一次，之前已经提醒过",
            "today_already": "每天最多一次，今天已经提醒过",
            "cooldown": "冷却时间内，未再提醒",
            "silenced": "静音中，未提醒",
            "not_held": "设为只在持有时提醒，账户里没有持仓，未提醒",
            "inhibited": "同一只股票的止损类提醒刚刚发过，这一条未单独提醒",
            "reminded": "你要求稍后提醒，到时仍然满足，已再次提醒",
            "quiet_hours": "免打扰时段，当时未提醒，时段结束后汇总",
        }[self.value]


class Trigger:
    """A crossing, as the rule book saw it.

    What it is told with is made when it is first asked for: of ten thousand at once, one after the other.

    Attributes:
        rule: as it stood then: by the time the crossing can be stored, its watch may have changed.
        look: the quote that crossed, and the numbers that decided, in Chinese.
        after_gap: it was seen on the first frame after a gap, so the crossing may have happened earlier.
    """

    __slots__ = ("_look", "_seen", "after_gap", "rule")

    def __init__(self, rule: Rule, look: Callable[[], tuple[Quote, str]], *, after_gap: bool = False) -> None:
        self.rule = rule
        self.after_gap = after_gap
        self._look = look
        self._seen: tuple[Quote, str] | None = None

    @property
    def key(self) -> RuleKey:
        return self.rule.key

    @property
    def quote(self) -> Quote:
        return self._made()[0]

    @property
    def why(self) -> str:
        return self._made()[1]

    def _made(self) -> tuple[Quote, str]:
        if self._seen is None:
            self._seen = self._look()
        return self._seen


class Alert(Noun):
    """A trigger that was judged and stored, told or not.

    Attributes:
        condition: the condition in words, as it was then.
        price: the price that crossed; ``quoted_at`` its own time, ``source`` where from.
        percent: the share's change of that day until then; None where it is not known, and of an account.
        ticket_id: the ticket that it proposed, if any.
        note: why no ticket was made of the plan, if there was a plan and no ticket.
        chat: where it is told; None of those that an older version stored.
        grave: of the stop-loss class, see :func:`is_grave`.
        escalate_at: when it is said again elsewhere unless somebody has acknowledged it; None when that will not be.
        escalated: how often it was said again for want of an answer.
        acked_at: when somebody answered it; ``acked_by`` who.
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
    chat: Chat | None = None
    grave: bool = False
    escalate_at: datetime | None = None
    escalated: int = 0
    acked_at: datetime | None = None
    acked_by: str = ""
    percent: Decimal | None = None


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


_HOURS: Final = re.compile(r"(\d{1,2})(?:[:：](\d{2}))?\s*(?:-|–|—|~|到|至)\s*(\d{1,2})(?:[:：](\d{2}))?")


class QuietHours(NamedTuple):
    """The time of day in which a person is not disturbed; over midnight where it ends before it begins.

    Alerts of the stop-loss class and cards of orders come through all the same, because they cannot wait.

    Attributes:
        begins: market time, included; ``ends`` is not.
        strict: not even those come through.
    """

    begins: time
    ends: time
    strict: bool = False

    @classmethod
    def parse(cls, text: str, *, strict: bool = False) -> QuietHours:
        """Read ``22:00-08:00``.

        Raises:
            Invalid: it is no such span, or an empty one.
        """
        found = _HOURS.fullmatch(text.strip())
        try:
            hour, minute, until, until_minute = (int(part or 0) for part in found.groups()) if found else (0, 0, 0, 0)
            begins, ends = time(hour, minute), time(until, until_minute)
            if begins == ends:
                raise ValueError
        except ValueError:
            raise Invalid("免打扰时段请写成 22:00-08:00 这样的起止时间，两头不同。取消请发送 /quiet off。") from None
        return cls(begins, ends, strict)

    def covers(self, now: datetime) -> bool:
        """Whether ``now`` lies in it.

        >>> night, noon = QuietHours(time(22), time(8)), QuietHours(time(11, 30), time(13))
        >>> from datetime import UTC
        >>> early = datetime(2026, 3, 23, 23, tzinfo=UTC)  # 07:00 in Shanghai
        >>> night.covers(early), noon.covers(early)
        (True, False)
        """
        at = market_time(now).time()
        if self.begins < self.ends:
            return self.begins <= at < self.ends
        return at >= self.begins or at < self.ends

    def holds_back(self, watch: Watch, *, grave: bool, now: datetime) -> bool:
        """Whether an alert of this watch must wait for the end."""
        return self.covers(now) and (self.strict or not (grave or watch.plan is not None))

    def __str__(self) -> str:
        return f"{self.begins:%H:%M}-{self.ends:%H:%M}"


def is_grave(conditions: Collection[Condition]) -> bool:
    """Whether what fires together is of the stop-loss class.

    That is a stop, a trailing stop, the limit down hit, and a loss or drawdown of the whole account.
    """
    return any(one.kind in _GRAVE or (one.kind == "limit_down" and one.event == "hit") for one in conditions)


_GRAVE: Final = frozenset({"stop_loss", "trailing_stop", "account_loss", "account_drawdown"})


def escalates_after(wanted: timedelta | None, *, grave: bool) -> timedelta | None:
    """How long an alert may stay unanswered; the stop-loss class has a limit also where the watch names none."""
    return wanted if wanted is not None else (ESCALATES if grave else None)


def why_notify(
    watch: Watch,
    symbol: Symbol,
    arm: Arm,
    silences: Sequence[Silence],
    now: datetime,
    *,
    grave: bool = False,
    graver_at: datetime | None = None,
    held: bool = True,
    quiet: QuietHours | None = None,
) -> Reason:
    """Say why a crossing of this rule is, or is not, told now.

    Args:
        arm: the memory of the rule before this crossing, from the store, so that a restart does not repeat it.
        now: aware UTC.
        grave: whether it is of the stop-loss class.
        graver_at: when the same person was last told something of that class on this share.
        held: whether the account of the watch holds the share.
        quiet: the person's quiet hours. Asked last: what would not be told anyway is not told afterwards either.
    """
    if any(silence.covers(watch, symbol, now) for silence in silences):
        return Reason.SILENCED
    if watch.only_held and not held:
        return Reason.NOT_HELD
    reason = _by_memory(watch, arm, now)
    if not reason.tells:
        return reason
    if graver_at is not None and inhibited(watch, grave=grave, graver_at=graver_at, now=now):
        return Reason.INHIBITED
    if quiet is not None and quiet.holds_back(watch, grave=grave, now=now):
        return Reason.QUIET_HOURS
    return reason


def inhibited(watch: Watch, *, grave: bool, graver_at: datetime, now: datetime) -> bool:
    """Whether a stop-loss told at ``graver_at`` mutes an alert of now. One that proposes an order is never muted."""
    return not grave and watch.plan is None and now - graver_at < INHIBITS


def _by_memory(watch: Watch, arm: Arm, now: datetime) -> Reason:
    if arm.told_at is None:
        return Reason.FIRST
    if watch.repeat is Repeat.ONCE:
        return Reason.ONCE_ONLY
    if watch.repeat is Repeat.DAILY and market_time(arm.told_at).date() == market_time(now).date():
        return Reason.TODAY_ALREADY
    if now - arm.told_at < watch.cooldown:
        return Reason.COOLDOWN
    return Reason.REPEAT_DUE
