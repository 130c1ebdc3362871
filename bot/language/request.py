"""Request: what a sentence asks for, before anybody acts on it.

The words are those of the sentence schema that the evaluation speaks, so a request can be written out and compared as
it stands. A request may be incomplete: ``missing``, ``ambiguous`` and ``problems`` say what must still be asked.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import AfterValidator, PlainSerializer, ValidationError, model_validator

from core.clock import MARKET_ZONE
from core.conditions import CONDITION, Condition
from core.errors import Invalid
from core.types import Noun, Side, Symbol
from core.watches import Plan


def _as_number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


Number = Annotated[Decimal, PlainSerializer(_as_number, return_type=int | float, when_used="json")]
"""Exact inside, a plain number in JSON."""

Minute = Annotated[
    datetime,
    AfterValidator(lambda at: at if at.tzinfo is not None else at.replace(tzinfo=MARKET_ZONE)),
    PlainSerializer(lambda at: at.strftime("%Y-%m-%dT%H:%M"), return_type=str, when_used="json"),
]
"""An aware instant in market time, written to the minute and read back as it was written."""

Intent = Literal[
    "watch_create",
    "watch_update",
    "watch_pause",
    "watch_resume",
    "watch_delete",
    "watch_list",
    "silence",
    "positions_query",
    "account_query",
    "quote_query",
    "history_query",
    "orders_query",
    "analyze",
    "chart",
    "order_buy",
    "order_sell",
    "order_cancel",
    "settings",
    "help",
    "favourite_add",
    "favourite_remove",
    "favourite_list",
    "report",
    "ack",
    "snooze",
    "unknown",
    "draft_confirm",
    "draft_cancel",
]
KindName = Literal[
    "price_above",
    "price_below",
    "price_reach",
    "enter_range",
    "pct_up",
    "pct_down",
    "speed",
    "volume_ratio",
    "ma_cross",
    "indicator",
    "take_profit",
    "stop_loss",
    "trailing_stop",
    "limit_up",
    "limit_down",
    "new_high",
    "new_low",
    "gap_up",
    "gap_down",
    "turnover",
    "amount_above",
    "queue_shrink",
    "position_weight",
    "position_profit",
    "position_loss",
    "account_profit",
    "account_loss",
    "account_drawdown",
]
Ask = Literal[
    # positions
    "list",
    "pnl_total",
    "pnl_today",
    "best",
    "worst",
    "largest",
    "losers",
    "weight",
    "cost",
    "quantity",
    "sellable",
    "holding_days",
    # account
    "available_cash",
    "total_asset",
    "position_ratio",
    "frozen_cash",
    "withdrawable",
    # quote
    "price",
    "change_pct",
    "high",
    "limit_up_price",
    "turnover",
    # history
    "trades",
    "alerts",
    "decisions",
    "score",
    "realized_pnl",
    "asset_curve",
    # orders
    "open",
    "filled",
]
Slot = Literal["symbols", "conditions", "value", "price", "quantity", "targets"]
Scope = Literal["holdings", "watchlist", "market"]
Period = Literal["minute", "5m", "15m", "30m", "60m", "day", "week", "month"]
Direction = Literal["up", "down", "either"]
EditionName = Literal["morning", "noon", "close", "week"]
BarPeriod = Literal["day", "1m", "5m", "15m", "30m", "60m"]


class Draft(Noun):
    """A condition as it was said; :func:`condition_of` makes the real one. Without its value it must be asked for.

    Attributes:
        value: yuan for price kinds, amounts and profits in yuan, percent for others, times for ``volume_ratio``.
        reference: what a percent is of; for the profit of the account whether it is ``today``'s or the ``total``.
        period_s: the time within which a ``speed`` happens.
        ma: bars of the average that the price crosses; ``fast`` and ``slow`` where two averages cross.
        period: of the bars that an average or an indicator is made of; None is the day.
        n: the length of an RSI; ``line``: the line of a KDJ that reaches a level.
        days: how many trading days before today a high or low must beat.
        side: of the queue at the limit: ``up`` stands at the upper one.
    """

    kind: KindName
    value: Number | None = None
    unit: Literal["yuan", "pct", "x"] | None = None
    reference: Literal["preclose", "open", "cost", "last", "today", "total"] | None = None
    low: Number | None = None
    high: Number | None = None
    direction: Direction | None = None
    period_s: int | None = None
    ma: int | None = None
    fast: int | None = None
    slow: int | None = None
    base_days: int | None = None
    name: Literal["macd", "kdj", "rsi", "boll"] | None = None
    event: (
        Literal["golden_cross", "dead_cross", "above", "below", "touch_upper", "touch_lower", "hit", "open"] | None
    ) = None
    period: BarPeriod | None = None
    n: int | None = None
    line: Literal["k", "d", "j"] | None = None
    days: int | None = None
    side: Literal["up", "down"] | None = None


class Action(Noun):
    """The trade as it was said. Without a quantity or a price it must be asked for.

    Attributes:
        price: yuan, or ``last`` (现价) or ``market`` (市价).
    """

    side: Side
    shares: int | None = None
    amount: Number | None = None
    fraction: Number | None = None
    price: Number | Literal["market", "last"] | None = None

    @property
    def has_quantity(self) -> bool:
        return self.shares is not None or self.amount is not None or self.fraction is not None


class Task(Noun):
    """One of several watches in one sentence."""

    symbols: tuple[Symbol, ...] = ()
    conditions: tuple[Draft, ...] = ()
    combine: Literal["any", "all"] | None = None


class Choice(Noun):
    """A short name that fits several securities: the person must choose."""

    text: str
    candidates: tuple[Symbol, ...]


class Setting(Noun):
    key: Literal[
        "default_channel",
        "default_account",
        "default_interval_s",
        "quiet_hours",
        "alert_pictures",
        "alert_comments",
        "max_order_amount",
        "approval_threshold",
        "approval_mode",
    ]
    value: str | Number

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        if isinstance(self.value, Decimal) is not (self.key in _IN_NUMBERS):
            raise ValueError("要写数字" if self.key in _IN_NUMBERS else "要写文字")
        return self


_IN_NUMBERS: Final = frozenset({"default_interval_s", "max_order_amount", "approval_threshold"})


class Request(Noun):
    """What a sentence asks for.

    Attributes:
        tasks: where one sentence makes watches with different conditions; ``symbols`` and ``conditions`` are then
            empty, and an ``action`` belongs to the last task.
        targets: which watches or orders: ``all``, ``last``, ``#3``.
        until: aware, market time; 23:59 is the rest of that day.
        date_to: inclusive; None is today.
        account: as in the sentence; None is the default account.
        missing: what must still be asked, in the order in which to ask.
        ambiguous: choices to offer; ``symbols`` is then neither filled nor missing.
        top: of a watch on the whole market, how many shares one message names.
        band: percent that the measure must leave its threshold by before the watch is armed again.
        only_held: told only for shares that are held. resolved: the end of it is told too.
        escalate_s: how long it may stay unanswered before it goes out by the next channel.
        edition: which report; None is what fits the hour, or all of them.
        analyze_s: how often the shares of a watch are analysed while the market trades; 0 is no more.
        unheard: words that nobody knows; the rest is what it seems to be, and is asked back before it is done.
    """

    intent: Intent
    symbols: tuple[Symbol, ...] = ()
    scope: Scope | None = None
    conditions: tuple[Draft, ...] = ()
    combine: Literal["any", "all"] | None = None
    tasks: tuple[Task, ...] = ()
    interval_s: int | None = None
    session_only: bool | None = None
    repeat: Literal["once", "every_time", "daily"] | None = None
    cooldown_s: int | None = None
    top: int | None = None
    band: Number | None = None
    only_held: bool | None = None
    resolved: bool | None = None
    escalate_s: int | None = None
    analyze_s: int | None = None
    expiry: date | None = None
    channels: tuple[Literal["chat", "email", "webhook"], ...] = ()
    action: Action | None = None
    targets: tuple[str, ...] = ()
    duration_s: int | None = None
    until: Minute | None = None
    off: bool | None = None
    ask: Ask | None = None
    date_from: date | None = None
    date_to: date | None = None
    account: Literal["real", "paper", "wife"] | None = None
    chart_period: Period | None = None
    edition: EditionName | None = None
    setting: Setting | None = None
    missing: tuple[Slot, ...] = ()
    ambiguous: tuple[Choice, ...] = ()
    problems: tuple[Literal["lot_size", "unknown_symbol"], ...] = ()
    unheard: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The written form of the schema: numbers as numbers, nothing that was not said."""
        said = self.model_dump(mode="json", exclude_none=True, exclude={"unheard"})
        return {key: value for key, value in said.items() if value != []}


UNKNOWN: Final = Request(intent="unknown")


def lacks_value(draft: Draft) -> bool:
    """Whether the number that makes it a condition was not said; the average cost stands for a number of a price."""
    if draft.kind in NEED_DAYS:
        return draft.days is None
    if draft.kind == "indicator":
        return draft.name is None
    costs = draft.reference == "cost" and draft.kind in {"price_above", "price_below", "price_reach"}
    return draft.kind in NEED_VALUE and draft.value is None and not costs


def condition_of(draft: Draft) -> Condition:
    """The condition that a draft means.

    Raises:
        Invalid: its value is still missing, out of reason, or the kind cannot be watched yet.
    """
    if draft.kind == "price_reach":
        raise Invalid("还不知道是从上面跌到还是从下面涨到这个价格，请写“涨到”或“跌到”。")
    if draft.kind not in KINDS:
        raise Invalid(f"暂时还不能盯“{KIND_TEXT[draft.kind]}”。可以盯的种类请看 /help watch。")
    if lacks_value(draft):
        raise Invalid(f"“{KIND_TEXT[draft.kind]}”还缺一个数值，请补上。")
    words = draft.model_dump(exclude_none=True)
    try:
        return CONDITION.validate_python(words)
    except ValidationError as error:
        raise Invalid(_reason(error, draft)) from error


def plan_of(action: Action) -> Plan:
    """The plan that an action means; ``last`` and ``market`` leave the price to the moment when it fires.

    Raises:
        Invalid: the quantity or price is missing or out of reason.
    """
    try:
        return Plan(
            side=action.side,
            shares=action.shares,
            amount=action.amount,
            fraction=action.fraction,
            price=action.price if isinstance(action.price, Decimal) else None,
        )
    except ValidationError as error:
        said = [str(one["ctx"]["error"]) for one in error.errors() if one["type"] == "value_error"]
        above = any(one["type"] == "less_than_equal" for one in error.errors())
        size = "数量或价格太大了，请核对后重新写。" if above else "数量和价格都应大于 0，请重新写。"
        raise Invalid(said[0] if said else size) from error


KIND_TEXT: Final[dict[KindName, str]] = {
    "price_above": "涨到",
    "price_below": "跌到",
    "price_reach": "到价",
    "enter_range": "价格区间",
    "pct_up": "涨幅",
    "pct_down": "跌幅",
    "speed": "快速涨跌",
    "volume_ratio": "量比",
    "ma_cross": "均线",
    "indicator": "技术指标",
    "take_profit": "止盈",
    "stop_loss": "止损",
    "trailing_stop": "移动止损",
    "limit_up": "涨停",
    "limit_down": "跌停",
    "new_high": "新高",
    "new_low": "新低",
    "gap_up": "高开",
    "gap_down": "低开",
    "turnover": "换手率",
    "amount_above": "成交额",
    "queue_shrink": "封单减少",
    "position_weight": "仓位占比",
    "position_profit": "持仓浮盈",
    "position_loss": "持仓浮亏",
    "account_profit": "账户盈利",
    "account_loss": "账户亏损",
    "account_drawdown": "账户回撤",
}
"""What a kind is called where a sentence has to speak of it before it is a condition."""

# The kinds that core can judge, read from its union so that a new one there needs no line here.
KINDS: Final = frozenset(
    get_args(member.model_fields["kind"].annotation)[0] for member in get_args(get_args(Condition)[0])
)
NEED_VALUE: Final[frozenset[KindName]] = frozenset(
    {
        "price_above",
        "price_below",
        "price_reach",
        "pct_up",
        "pct_down",
        "take_profit",
        "stop_loss",
        "speed",
        "gap_up",
        "gap_down",
        "turnover",
        "amount_above",
        "position_weight",
        "position_profit",
        "position_loss",
        "account_profit",
        "account_loss",
        "account_drawdown",
    }
)
"""Kinds that mean nothing without their number."""
NEED_DAYS: Final[frozenset[KindName]] = frozenset({"new_high", "new_low"})
ACCOUNT_KINDS: Final[frozenset[KindName]] = frozenset({"account_profit", "account_loss", "account_drawdown"})
"""Kinds about an account as a whole: no share is asked for."""


def _reason(error: ValidationError, draft: Draft) -> str:
    """The Chinese text that core's own checks carry, or one of ours where pydantic speaks English."""
    for one in error.errors():
        if one["type"] == "value_error":
            return str(one["ctx"]["error"])
    if draft.kind in NEED_DAYS:
        return f"“{KIND_TEXT[draft.kind]}”最多往前看 250 个交易日（约一年），请写 250 以内的天数，例如：创一年新高。"
    if error.errors()[0]["type"] in {"greater_than", "less_than_equal"}:
        return f"“{KIND_TEXT[draft.kind]}”的数值 {draft.value} 不合理，请重新写。"
    return f"“{KIND_TEXT[draft.kind]}”没有写完整，请重新写，例如“跌破1420”或“涨3%”。"


__all__ = [
    "ACCOUNT_KINDS",
    "KINDS",
    "KIND_TEXT",
    "NEED_DAYS",
    "UNKNOWN",
    "Action",
    "Ask",
    "BarPeriod",
    "Choice",
    "Draft",
    "Intent",
    "KindName",
    "Number",
    "Request",
    "Setting",
    "Task",
    "condition_of",
    "lacks_value",
    "plan_of",
]
