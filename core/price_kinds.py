"""Kinds of condition about the price itself, and about what is held at that price."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from core.kinds import COST, EXTREMES, NONE, REFERENCES, Kind, Move
from core.types import Money, Price, percent_text, price_text, to_milli
from core.view import Input, View, Way
from core.zones import (
    BAND,
    FOREVER,
    NOWHERE,
    Missing,
    Zone,
    at_least,
    at_most,
    yuan_text,
)

HIGHEST: Final = Decimal(100_000)
"""No A-share has ever traded above a few thousand yuan; a threshold beyond this is a typing error."""
Reference = Literal["preclose", "open", "cost", "last"]
_REFERENCE_TEXT: Final = {"preclose": "昨收", "open": "今开", "cost": "成本", "last": "设置时价格"}


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
    def inputs(self) -> frozenset[Input]:
        return COST if self.value is None else NONE

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

    @property
    def rising(self) -> bool:
        return True

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

    @property
    def rising(self) -> bool:
        return False

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

    def zone(self, view: View) -> Zone | Missing:
        return at_least(self.low).meet(at_most(self.high))

    def text(self) -> str:
        return f"进入 {price_text(self.low)} ~ {price_text(self.high)}"


class _Percent(Kind):
    """A change in percent of a reference price.

    Attributes:
        base: the price at which the watch was made; needed, and only used, with reference ``last``.
    """

    value: Decimal = Field(gt=0, le=1000, decimal_places=4)
    unit: Literal["pct"] = "pct"
    reference: Reference = "preclose"
    base: Price | None = None

    @property
    def inputs(self) -> frozenset[Input]:
        return {"last": NONE, "cost": COST}.get(self.reference, REFERENCES)

    @property
    def daily(self) -> bool:
        return self.reference in {"preclose", "open"}

    def _base(self, view: View) -> Price | Missing:
        quote = view.quote
        known = {"preclose": quote.preclose, "open": quote.open, "cost": view.cost, "last": self.base}
        found = known[self.reference]
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

    @property
    def rising(self) -> bool:
        return True

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

    @property
    def rising(self) -> bool:
        return False

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
    def inputs(self) -> frozenset[Input]:
        return COST if self.unit == "pct" else NONE

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

    @property
    def rising(self) -> bool:
        return True

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

    @property
    def rising(self) -> bool:
        return False

    def zone(self, view: View) -> Zone | Missing:
        level = self._level(view, -1)
        return level if isinstance(level, Missing) else at_most(level)

    def text(self) -> str:
        return self._text("止损", "-")


class _Limit(Kind):
    event: Literal["hit", "open"] = "hit"

    @property
    def inputs(self) -> frozenset[Input]:
        return REFERENCES if self.event == "hit" else EXTREMES

    @property
    def daily(self) -> bool:
        return True

    def rearm(self, zone: Zone, tick: int, band: Decimal = BAND) -> Zone:
        # No price lies beyond the limit, so a band there would never be left: sealed again is armed again.
        return zone if self.event == "open" else zone.widened(tick, band)


class LimitUp(_Limit):
    """``hit``: the price stands at the day's upper limit. ``open``: it stood there today and has come off."""

    kind: Literal["limit_up"] = "limit_up"

    @property
    def rising(self) -> bool | None:
        return True if self.event == "hit" else None

    def zone(self, view: View) -> Zone | Missing:
        limit = view.quote.limit("up")
        if limit is None:
            return Missing("没有涨停价（新股、指数，或行情没有昨收价）")
        if self.event == "hit":
            return at_least(limit)
        high = view.quote.high
        return Zone(-FOREVER, to_milli(limit) - 1) if high is not None and high >= limit else NOWHERE

    def text(self) -> str:
        return "涨停" if self.event == "hit" else "涨停打开"


class LimitDown(_Limit):
    kind: Literal["limit_down"] = "limit_down"

    @property
    def rising(self) -> bool | None:
        return False if self.event == "hit" else None

    def zone(self, view: View) -> Zone | Missing:
        limit = view.quote.limit("down")
        if limit is None:
            return Missing("没有跌停价（新股、指数，或行情没有昨收价）")
        if self.event == "hit":
            return at_most(limit)
        low = view.quote.low
        return Zone(to_milli(limit) + 1, FOREVER) if low is not None and low <= limit else NOWHERE

    def text(self) -> str:
        return "跌停" if self.event == "hit" else "跌停打开"


class Speed(Move):
    """Holds when the price is ``value`` percent away from its lowest, or highest, of the last ``period_s`` seconds.

    >>> Speed(value=Decimal("2"), direction="down").text()
    '5 分钟内跌 2.00% 及以上'
    """

    kind: Literal["speed"] = "speed"
    value: Decimal = Field(gt=0, le=100, max_digits=9, decimal_places=4)
    unit: Literal["pct"] = "pct"
    period_s: int = Field(default=300, ge=5, le=3600)
    direction: Way

    @property
    def inputs(self) -> frozenset[Input]:
        return frozenset({Input.WINDOW})

    @property
    def rising(self) -> bool:
        return self.direction == "up"

    def zone(self, view: View) -> Zone | Missing:
        window = view.past.window(self.period_s) if view.past is not None else None
        if window is None:
            return Missing("刚开始记录这段时间的价格")
        low, high = window
        return self._up(low, self.value) if self.direction == "up" else self._down(high, self.value)

    def text(self) -> str:
        word = "涨" if self.direction == "up" else "跌"
        return f"{_span_text(self.period_s)}内{word} {percent_text(self.value)} 及以上"


def _span_text(seconds: int) -> str:
    if seconds % 3600 == 0:
        return f"{seconds // 3600} 小时"
    return f"{seconds // 60} 分钟" if seconds % 60 == 0 else f"{seconds} 秒"


class TrailingStop(Move):
    """Holds when the price is ``value`` percent under its highest since the watch was made.

    >>> TrailingStop(value=Decimal("8")).text()
    '从最高价回落 8.00% 及以上'
    """

    kind: Literal["trailing_stop"] = "trailing_stop"
    value: Decimal = Field(gt=0, lt=100, max_digits=9, decimal_places=4)
    unit: Literal["pct"] = "pct"

    @property
    def inputs(self) -> frozenset[Input]:
        return frozenset({Input.PEAK})

    @property
    def rising(self) -> bool:
        return False

    def zone(self, view: View) -> Zone | Missing:
        last = None if view.quote.last is None else to_milli(view.quote.last)
        known = [milli for milli in (view.peak, last) if milli is not None]
        return self._down(max(known), self.value) if known else Missing("还没有行情，不知道最高价")

    def text(self) -> str:
        return f"从最高价回落 {percent_text(self.value)} 及以上"


class PositionWeight(Kind):
    """The position is ``value`` percent of what the account is worth.

    >>> PositionWeight(value=Decimal("30")).text()
    '仓位达到账户的 30.00%'
    """

    kind: Literal["position_weight"] = "position_weight"
    value: Decimal = Field(gt=0, lt=100, max_digits=9, decimal_places=4)
    unit: Literal["pct"] = "pct"

    @property
    def inputs(self) -> frozenset[Input]:
        return frozenset({Input.COST, Input.ACCOUNT})

    @property
    def rising(self) -> bool:
        return True

    def zone(self, view: View) -> Zone | Missing:
        held = view.holding
        if held is None or not held.shares:
            return Missing("没有持仓")
        if held.rest is None:
            return Missing("还不知道账户的总资产")
        return at_least(held.rest * self.value / (100 - self.value) / held.shares)

    def text(self) -> str:
        return f"仓位达到账户的 {percent_text(self.value)}"


class _PositionResult(Kind):
    """What the position has gained or lost so far, in yuan, before the fees of selling."""

    value: Money = Field(gt=0, le=10**10)
    unit: Literal["yuan"] = "yuan"

    @property
    def inputs(self) -> frozenset[Input]:
        return COST

    def _level(self, view: View, sign: int) -> Price | Missing:
        held = view.holding
        if held is None or not held.shares:
            return Missing("没有持仓")
        return held.cost + sign * self.value / held.shares


class PositionProfit(_PositionResult):
    """
    >>> PositionProfit(value=Decimal(5000)).text()
    '浮盈达到 5000元'
    """

    kind: Literal["position_profit"] = "position_profit"

    @property
    def rising(self) -> bool:
        return True

    def zone(self, view: View) -> Zone | Missing:
        level = self._level(view, +1)
        return level if isinstance(level, Missing) else at_least(level)

    def text(self) -> str:
        return f"浮盈达到 {yuan_text(self.value)}"


class PositionLoss(_PositionResult):
    kind: Literal["position_loss"] = "position_loss"

    @property
    def rising(self) -> bool:
        return False

    def zone(self, view: View) -> Zone | Missing:
        level = self._level(view, -1)
        return level if isinstance(level, Missing) else at_most(level)

    def text(self) -> str:
        return f"浮亏达到 {yuan_text(self.value)}"
