"""The kinds of condition: fields, Chinese text, and the REFERENCE meaning of each.

Every condition about a price comes down to a *zone*: the closed interval of prices in which it holds right now. Whether
it holds, whether it has re-armed, and what the rule book must wake for all follow from the zone, so a new kind is one
class with :meth:`zone` and :meth:`text`.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import Field, TypeAdapter, model_validator

from core.frames import Quote
from core.types import Noun, Price, from_milli, percent_text, price_text, to_milli

FOREVER: Final = 2**62
BAND: Final = Decimal("0.005")
"""A condition re-arms when the price has left its zone by this part of the threshold, or by two ticks where larger."""
BAND_TICKS: Final = 2
HIGHEST: Final = Decimal(100_000)
"""No A-share has ever traded above a few thousand yuan; a threshold beyond this is a typing error."""


class Zone(NamedTuple):
    """Prices in milli-yuan, both ends included. ``low > high`` holds no price."""

    low: int
    high: int

    def __contains__(self, milli: object) -> bool:
        return isinstance(milli, int) and self.low <= milli <= self.high

    def meet(self, other: Zone) -> Zone:
        return Zone(max(self.low, other.low), min(self.high, other.high))

    def widened(self, tick: int) -> Zone:
        """The zone that the price must leave before the condition is armed again."""
        if self.low > self.high:
            return self
        low = self.low if self.low <= -FOREVER else self.low - _band(self.low, tick)
        high = self.high if self.high >= FOREVER else self.high + _band(self.high, tick)
        return Zone(low, high)


NOWHERE: Final = Zone(1, 0)


def _band(threshold: int, tick: int) -> int:
    return max(int(abs(threshold) * BAND), BAND_TICKS * tick)


def at_least(price: Decimal) -> Zone:
    """Prices of ``price`` or more; a threshold between two milli-yuan is rounded up: no price is let in too early."""
    return Zone(int((price * 1000).to_integral_value(ROUND_CEILING)), FOREVER)


def at_most(price: Decimal) -> Zone:
    return Zone(-FOREVER, int((price * 1000).to_integral_value(ROUND_FLOOR)))


class View(NamedTuple):
    """What a condition may look at: the quote, and the average cost of the holder's position if there is one."""

    quote: Quote
    cost: Price | None = None


class Verdict(NamedTuple):
    """How a condition stands.

    Attributes:
        holds: None when it cannot be judged; ``why`` then says what is missing.
        zone: the prices in which it holds.
        why: Chinese, with the numbers that decided.
    """

    holds: bool | None
    zone: Zone | None
    why: str


class Missing(NamedTuple):
    """Why there is no zone: what the quote or the account does not say."""

    what: str


Reference = Literal["preclose", "open", "cost", "last"]
_REFERENCE_TEXT: Final = {"preclose": "昨收", "open": "今开", "cost": "成本", "last": "设置时价格"}


class Kind(Noun):
    """What all conditions share beside ``kind``, ``zone`` and ``text``; see ``Condition`` at the bottom."""

    def rearm(self, zone: Zone, tick: int) -> Zone:
        """The zone that the price must leave, after it held in ``zone``, before the condition is armed again."""
        return zone.widened(tick)

    @property
    def needs_cost(self) -> bool:
        return getattr(self, "reference", None) == "cost"

    @property
    def steady(self) -> bool:
        """Whether the zone hangs on nothing but the condition itself, so that it need not be asked for again."""
        return False

    @property
    def daily(self) -> bool:
        """Whether it is about the day: measured from its previous close, its open or its limits, and new each day."""
        return False


def _in_reason(value: Price | None) -> Price | None:
    if value is not None and not 0 < value <= HIGHEST:
        raise ValueError(f"价格 {price_text(value)} 不合理：应大于 0，不超过 {HIGHEST}。")
    return value


class _OneSided(Kind):
    """A fixed price, or the average cost."""

    value: Price | None = None
    unit: Literal["yuan"] = "yuan"
    reference: Literal["cost"] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.value is None) == (self.reference is None):
            raise ValueError("价格条件需要一个价格，或者写“成本价”。")
        _in_reason(self.value)
        return self

    @property
    def steady(self) -> bool:
        return self.value is not None

    def _price(self, view: View) -> Price | Missing:
        if self.value is not None:
            return self.value
        return view.cost if view.cost is not None else Missing("没有持仓，不知道成本价")

    def _price_text(self) -> str:
        return "成本价" if self.value is None else price_text(self.value)


class PriceAbove(_OneSided):
    """Holds at ``value`` and above.

    >>> PriceAbove(value=Decimal("1600")).text()
    '涨到 1600.00 及以上'
    """

    kind: Literal["price_above"] = "price_above"

    def zone(self, view: View) -> Zone | Missing:
        price = self._price(view)
        return price if isinstance(price, Missing) else at_least(price)

    def text(self) -> str:
        return f"涨到 {self._price_text()} 及以上"


class PriceBelow(_OneSided):
    """Holds at ``value`` and below: a touch counts.

    >>> PriceBelow(value=Decimal("1420")).text()
    '跌到 1420.00 及以下'
    """

    kind: Literal["price_below"] = "price_below"

    def zone(self, view: View) -> Zone | Missing:
        price = self._price(view)
        return price if isinstance(price, Missing) else at_most(price)

    def text(self) -> str:
        return f"跌到 {self._price_text()} 及以下"


class EnterRange(Kind):
    """Holds from ``low`` to ``high``, both included.

    >>> EnterRange(low=Decimal("40"), high=Decimal("42")).text()
    '进入 40.00 ~ 42.00'
    """

    kind: Literal["enter_range"] = "enter_range"
    low: Price
    high: Price
    unit: Literal["yuan"] = "yuan"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _in_reason(self.low)
        _in_reason(self.high)
        if self.low >= self.high:
            raise ValueError(f"区间写反了：{price_text(self.low)} 不低于 {price_text(self.high)}。请把小的写在前面。")
        return self

    @property
    def steady(self) -> bool:
        return True

    def zone(self, view: View) -> Zone | Missing:
        return at_least(self.low).meet(at_most(self.high))

    def text(self) -> str:
        return f"进入 {price_text(self.low)} ~ {price_text(self.high)}"


class _Percent(Kind):
    """A change in percent of a reference price.

    Attributes:
        base: the price at which the watch was made; needed, and only used, with reference ``last``.
    """

    value: Decimal = Field(gt=0, le=1000)
    unit: Literal["pct"] = "pct"
    reference: Reference = "preclose"
    base: Price | None = None

    @property
    def steady(self) -> bool:
        return self.reference == "last"

    @property
    def daily(self) -> bool:
        return self.reference in {"preclose", "open"}

    def _base(self, view: View) -> Price | Missing:
        found = {
            "preclose": view.quote.preclose,
            "open": view.quote.open,
            "cost": view.cost,
            "last": self.base,
        }[self.reference]
        if found:
            return found
        return Missing(
            {
                "preclose": "行情里没有昨收价",
                "open": "今天还没有开盘价",
                "cost": "没有持仓，不知道成本价",
                "last": "设置时还没有行情，不知道起点价格",
            }[self.reference]
        )

    def _reference_text(self) -> str:
        if self.reference == "last" and self.base is not None:
            return f"从 {price_text(self.base)} 起"
        return f"比{_REFERENCE_TEXT[self.reference]}"


class PctUp(_Percent):
    """Holds when the price is at least ``value`` percent above the reference.

    >>> PctUp(value=Decimal("3"), reference="open").text()
    '比今开涨 3.00% 及以上'
    """

    kind: Literal["pct_up"] = "pct_up"

    def zone(self, view: View) -> Zone | Missing:
        base = self._base(view)
        return base if isinstance(base, Missing) else at_least(base * (100 + self.value) / 100)

    def text(self) -> str:
        return f"{self._reference_text()}涨 {percent_text(self.value)} 及以上"


class PctDown(_Percent):
    """Holds when the price is at least ``value`` percent under the reference."""

    kind: Literal["pct_down"] = "pct_down"

    @model_validator(mode="after")
    def _above_zero(self) -> Self:
        if self.value >= 100:
            raise ValueError(f"跌幅 {percent_text(self.value)} 不可能达到，请写小于 100 的百分数。")
        return self

    def zone(self, view: View) -> Zone | Missing:
        base = self._base(view)
        return base if isinstance(base, Missing) else at_most(base * (100 - self.value) / 100)

    def text(self) -> str:
        return f"{self._reference_text()}跌 {percent_text(self.value)} 及以上"


class _Exit(Kind):
    """Take-profit and stop-loss: yuan, or percent of the average cost."""

    value: Decimal = Field(gt=0)
    unit: Literal["yuan", "pct"]
    reference: Literal["cost"] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.unit == "yuan":
            _in_reason(self.value)
        return self

    @property
    def needs_cost(self) -> bool:
        return self.unit == "pct"

    @property
    def steady(self) -> bool:
        return self.unit == "yuan"

    def _level(self, view: View, sign: int) -> Price | Missing:
        if self.unit == "yuan":
            return self.value
        if view.cost is None:
            return Missing("没有持仓，不知道成本价")
        return view.cost * (100 + sign * self.value) / 100

    def _text(self, word: str, sign: str) -> str:
        if self.unit == "yuan":
            return f"{word} {price_text(self.value)}"
        return f"{word} 成本{sign}{percent_text(self.value)}"


class TakeProfit(_Exit):
    """Holds at the target and above.

    >>> TakeProfit(value=Decimal("20"), unit="pct").text()
    '止盈 成本+20.00%'
    """

    kind: Literal["take_profit"] = "take_profit"

    def zone(self, view: View) -> Zone | Missing:
        level = self._level(view, +1)
        return level if isinstance(level, Missing) else at_least(level)

    def text(self) -> str:
        return self._text("止盈", "+")


class StopLoss(_Exit):
    """Holds at the stop and below.

    >>> StopLoss(value=Decimal("8"), unit="pct").text()
    '止损 成本-8.00%'
    """

    kind: Literal["stop_loss"] = "stop_loss"

    @model_validator(mode="after")
    def _above_zero(self) -> Self:
        if self.unit == "pct" and self.value >= 100:
            raise ValueError(f"止损 {percent_text(self.value)} 不可能达到，请写小于 100 的百分数。")
        return self

    def zone(self, view: View) -> Zone | Missing:
        level = self._level(view, -1)
        return level if isinstance(level, Missing) else at_most(level)

    def text(self) -> str:
        return self._text("止损", "-")


class _Limit(Kind):
    @property
    def daily(self) -> bool:
        return True


class LimitUp(_Limit):
    """``hit``: the price stands at the day's upper limit. ``open``: it stood there today and has come off."""

    kind: Literal["limit_up"] = "limit_up"
    event: Literal["hit", "open"] = "hit"

    def zone(self, view: View) -> Zone | Missing:
        limit = view.quote.limit("up")
        if limit is None:
            return Missing("没有涨停价（新股、指数，或行情没有昨收价）")
        if self.event == "hit":
            return at_least(limit)
        high = view.quote.high
        return Zone(-FOREVER, to_milli(limit) - 1) if high is not None and high >= limit else NOWHERE

    def rearm(self, zone: Zone, tick: int) -> Zone:
        # No price lies beyond the limit, so a band there would never be left: sealed again is armed again.
        return zone if self.event == "open" else zone.widened(tick)

    def text(self) -> str:
        return "涨停" if self.event == "hit" else "涨停打开"


class LimitDown(_Limit):
    kind: Literal["limit_down"] = "limit_down"
    event: Literal["hit", "open"] = "hit"

    def zone(self, view: View) -> Zone | Missing:
        limit = view.quote.limit("down")
        if limit is None:
            return Missing("没有跌停价（新股、指数，或行情没有昨收价）")
        if self.event == "hit":
            return at_most(limit)
        low = view.quote.low
        return Zone(to_milli(limit) + 1, FOREVER) if low is not None and low <= limit else NOWHERE

    def rearm(self, zone: Zone, tick: int) -> Zone:
        return zone if self.event == "open" else zone.widened(tick)

    def text(self) -> str:
        return "跌停" if self.event == "hit" else "跌停打开"


Condition = Annotated[
    PriceAbove | PriceBelow | EnterRange | PctUp | PctDown | TakeProfit | StopLoss | LimitUp | LimitDown,
    Field(discriminator="kind"),
]
CONDITION: Final[TypeAdapter[Condition]] = TypeAdapter(Condition)
"""Reads a condition from the words of the schema: ``{"kind": "price_below", "value": "1420", "unit": "yuan"}``."""


def evaluate(condition: Condition, view: View) -> Verdict:
    """Judge one condition on one quote: the reference meaning that the rule book must agree with."""
    zone = condition.zone(view)
    if isinstance(zone, Missing):
        return Verdict(None, None, zone.what)
    if view.quote.last is None:
        return Verdict(None, zone, "今天还没有成交" if not view.quote.suspended else "停牌")
    holds = to_milli(view.quote.last) in zone
    return Verdict(holds, zone, f"现价 {price_text(view.quote.last)}，{zone_text(zone)}")


def zone_text(zone: Zone) -> str:
    """The zone in words: ``触发区 ≤ 1420.00``."""
    if zone.low > zone.high:
        return "今天还不可能触发"
    if zone.low <= -FOREVER:
        return f"触发区 ≤ {price_text(from_milli(zone.high))}"
    if zone.high >= FOREVER:
        return f"触发区 ≥ {price_text(from_milli(zone.low))}"
    return f"触发区 {price_text(from_milli(zone.low))} ~ {price_text(from_milli(zone.high))}"
