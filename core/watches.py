"""Watch (盯盘任务): what is watched, for whom, and what would be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, Literal, NamedTuple, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from core.clock import market_time
from core.conditions import Condition
from core.messages import Chat
from core.types import (
    Money,
    Noun,
    Price,
    Shares,
    Side,
    Symbol,
    account_symbol,
    is_account,
    money_text,
    percent_text,
    price_text,
)
from core.zones import Gauge

DEFAULT_COOLDOWN: Final = timedelta(minutes=5)
_SPANS: Final = ((3600, "小时"), (60, "分钟"), (1, "秒"))
LEAST_INTERVAL: Final = timedelta(minutes=1)
"""Between two analyses of a watch."""


class Plan(Noun):
    """The trade that a watch proposes when it fires. Exactly one of shares, amount and fraction is given.

    Attributes:
        amount: yuan to spend; rounded down to whole lots when the ticket is made.
        fraction: of the sellable shares when selling, of the free cash when buying; 1 is everything.
        price: the limit in yuan; None takes the best price of the other side when it fires.
    """

    side: Side
    shares: Shares | None = Field(default=None, gt=0, le=10**9)
    amount: Money | None = Field(default=None, gt=0, le=10**12)
    fraction: Decimal | None = Field(default=None, gt=0, le=1)
    price: Price | None = Field(default=None, gt=0, le=10**7)

    @model_validator(mode="after")
    def _one_quantity(self) -> Self:
        if sum(given is not None for given in (self.shares, self.amount, self.fraction)) != 1:
            raise ValueError("计划需要写明数量：多少股、多少手、多少钱，或者几成仓位。")
        return self

    def quantity_text(self) -> str:
        if self.shares is not None:
            return f"{self.shares} 股"
        if self.amount is not None:
            return f"{money_text(self.amount)} 元"
        if self.fraction == 1:
            return "全部" if self.side is Side.SELL else "全部可用资金"
        percent = f"{(self.fraction or Decimal(0)) * 100:.0f}%"
        return f"可卖持仓的 {percent}" if self.side is Side.SELL else f"可用资金的 {percent}"

    def text(self) -> str:
        """``买入 100 股，限价 1380.00``."""
        price = f"限价 {price_text(self.price)}" if self.price is not None else "按触发时的对手价"
        return f"{self.side.chinese} {self.quantity_text()}，{price}"


Scope = Literal["symbols", "holdings", "watchlist", "market"]
"""Which shares a watch is about: those it names, whatever its account holds, the favourites, or all there are."""


NO_ACCOUNT: Final = ""
"""Of a reminder that looks at no account."""


class Repeat(StrEnum):
    """How often a crossing is told. A watch with a plan is told once unless the person says otherwise."""

    ONCE = "once"
    DAILY = "daily"
    EVERY_TIME = "every_time"

    @property
    def chinese(self) -> str:
        return {"once": "只提醒一次", "daily": "每天最多一次", "every_time": "每次穿越都提醒"}[self.value]


def usual_repeat(plan: Plan | None) -> Repeat:
    """How often where nothing is said: a trade is proposed once."""
    return Repeat.DAILY if plan is None else Repeat.ONCE


class WatchState(StrEnum):
    """Stored states. That a watch has expired follows from ``expires_on``."""

    ACTIVE = "active"
    PAUSED = "paused"
    DONE = "done"
    DELETED = "deleted"


class Watch(Noun):
    """One task.

    Attributes:
        number: small, unique among the owner's watches; people say "#3".
        text: the sentence it was made from.
        conditions: may be none where its shares are analysed again and again: then that is all it does.
        combine: with ``all`` every condition must hold at once and the group fires as one; with ``any`` each alone.
        cooldown: the least time between two alerts of the same condition.
        expires_on: last market date on which it is judged.
        scope: where it follows something, ``symbols`` is what that is at the moment; of the holdings, maybe nothing.
        top: of a watch on the whole market, how many shares one message names.
        band: percent by which the measure must leave its threshold before it is armed again; None is the usual band.
        only_held: told only for shares that the account holds.
        resolved: the end of what was told is told too.
        check_interval: how often its shares are analysed while the market trades; None is never.
        escalate_after: how long a telling may stay unacknowledged before it goes to the next channel; None is never.
    """

    id: str
    number: int
    owner: str
    chat: Chat
    account: str
    symbols: tuple[Symbol, ...]
    check_interval: timedelta | None = None
    conditions: tuple[Condition, ...] = Field(default=(), validate_default=True)
    combine: Literal["any", "all"] = "any"
    plan: Plan | None = None
    repeat: Repeat = Repeat.DAILY
    cooldown: timedelta = DEFAULT_COOLDOWN
    expires_on: date | None = None
    scope: Scope = "symbols"
    top: int | None = Field(default=None, gt=0)
    band: Decimal | None = Field(default=None, ge=0, le=50)
    only_held: bool = False
    resolved: bool = False
    escalate_after: timedelta | None = None
    state: WatchState = WatchState.ACTIVE
    text: str = ""
    created_at: datetime

    @model_validator(mode="after")
    def _about_something(self) -> Self:
        if not self.symbols and self.scope != "holdings":
            raise ValueError("symbols：至少要写一个")
        return self

    @field_validator("check_interval")
    @classmethod
    def _not_too_often(cls, given: timedelta | None) -> timedelta | None:
        if given is not None and given < LEAST_INTERVAL:
            raise ValueError(f"定时分析最短 {LEAST_INTERVAL // timedelta(minutes=1)} 分钟。")
        return given

    @field_validator("conditions")
    @classmethod
    def _has_a_purpose(cls, given: tuple[Condition, ...], info: ValidationInfo) -> tuple[Condition, ...]:
        # An interval that was refused is absent; that is told by itself.
        if not given and info.data.get("check_interval", LEAST_INTERVAL) is None:
            raise ValueError("conditions：至少要写一个")
        return given

    @model_validator(mode="after")
    def _analysed(self) -> Self:
        """Analyses are of single shares, and a trade is proposed by a condition alone."""
        if self.check_interval is not None and (self.scope == "market" or self.of_account):
            raise ValueError("定时分析只能写具体的股票、持仓或自选股，不能是全市场或整个账户。")
        if not self.conditions and self.plan is not None:
            raise ValueError("没有条件的任务只能定时分析，不能带交易计划。")
        return self

    @model_validator(mode="after")
    def _one_matter(self) -> Self:
        """What is said of a whole account stands alone: it is no matter of a share, and nothing is traded by it."""
        if not self.conditions:
            return self
        whole = {one.gauge is Gauge.TOTAL for one in self.conditions}
        if whole == {False} and not self.of_account:
            return self
        if whole != {True} or self.scope != "symbols" or self.symbols != (account_symbol(self.account),):
            raise ValueError("账户的条件要单独成一个任务，不能和股票或股票的条件放在一起。")
        if self.only_held:
            raise ValueError("账户的条件不分持有不持有，请去掉“只在持有时提醒”。")
        if self.plan is not None:
            raise ValueError("账户的条件不能带交易计划，因为不知道要买卖哪一只。请去掉计划，只提醒。")
        return self

    @property
    def of_account(self) -> bool:
        """Whether it is about a whole account."""
        return any(map(is_account, self.symbols[:1]))

    @property
    def judged(self) -> bool:
        """Whether there is anything to judge: some share, and some condition."""
        return bool(self.symbols and self.conditions)

    def live_at(self, now: datetime) -> bool:
        """True while it is judged."""
        return self.state is WatchState.ACTIVE and not self.expired_at(now)

    def expired_at(self, now: datetime) -> bool:
        return self.expires_on is not None and market_time(now).date() > self.expires_on

    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Indexes of the conditions that fire together."""
        everything = tuple(range(len(self.conditions)))
        return (everything,) if self.combine == "all" and everything else tuple((index,) for index in everything)

    def condition_text(self, group: tuple[int, ...] | None = None) -> str:
        if not self.conditions:
            return self.interval_text()
        chosen = [self.conditions[index].text() for index in (group or range(len(self.conditions)))]
        return (" 并且 " if self.combine == "all" else " 或者 ").join(chosen)

    def interval_text(self) -> str:
        """``盘中每 30 分钟分析一次``; empty where nothing is."""
        if self.check_interval is None:
            return ""
        seconds = int(self.check_interval.total_seconds())
        size, unit = next((size, unit) for size, unit in _SPANS if seconds % size == 0)
        return f"盘中每{unit if seconds == size else f' {seconds // size} {unit}'}分析一次"

    def often_text(self) -> str:
        """How often it tells; of several shares each is told of once a day."""
        if not self.conditions:
            return "每次都告诉你" if self.repeat is Repeat.EVERY_TIME else "建议变了或价格接近它的价位才告诉你"
        each = self.repeat is Repeat.DAILY and (self.scope != "symbols" or len(self.symbols) > 1)
        return f"{'每只' * each}{self.repeat.chinese}"

    def manner_text(self) -> tuple[str, ...]:
        """What else was asked for, each in a few words; empty for the usual watch."""
        seconds = 0 if self.escalate_after is None else int(self.escalate_after.total_seconds())
        wait = f"{seconds // 60} 分钟" if seconds % 60 == 0 else f"{seconds} 秒"
        said = (
            self.interval_text() if self.conditions else "",
            f"一次最多列 {self.top} 只" if self.top is not None else "",
            "只在持有时提醒" if self.only_held else "",
            "恢复后也说一声" if self.resolved else "",
            f"{wait}没有回应，就换下一个渠道再提醒" if seconds else "",
            f"离开触发线 {percent_text(self.band)} 后才重新待命" if self.band is not None else "",
        )
        return tuple(one for one in said if one)


class RuleKey(NamedTuple):
    """What is armed and fires: one group of one watch on one symbol."""

    watch_id: str
    symbol: Symbol
    group: int


class Arm(NamedTuple):
    """The memory of one rule; it survives a restart so that a crossing is told once.

    Attributes:
        armed: true while the condition has been false; it fires on the crossing only. None before the first judgement.
        day: market date of the price that turned ``armed``; kept only where each day begins afresh.
        told_at: aware UTC of the last alert that was told.
        told: how often it was told.
        peak: the highest reading since the watch was made, milli-yuan; kept only where something falls from it.
    """

    key: RuleKey
    armed: bool | None = None
    day: date | None = None
    told_at: datetime | None = None
    told: int = 0
    peak: int | None = None

    def turned(self, armed: bool, day: date | None) -> Arm:
        """After a quote that armed or disarmed it."""
        return self._replace(armed=armed, day=day)

    def telling(self, at: datetime) -> Arm:
        """After one more telling."""
        return self._replace(told_at=at, told=self.told + 1)


class Memory(NamedTuple):
    """What is remembered of the rules of one watch, for a start with very many.

    Attributes:
        symbols, groups: of the rules that were never told and remember nothing else.
        armed: of each of them, one character: ``1`` armed, ``0`` not, ``2`` never judged.
        arms: of all others.
    """

    symbols: Sequence[str] = ()
    groups: Sequence[int] = ()
    armed: str = ""
    arms: Sequence[Arm] = ()
