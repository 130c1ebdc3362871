"""Kinds of condition about the day: how it opened, how much was traded, and the queue at its limit."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field

from core.kinds import REFERENCES, Kind, Move
from core.types import Money, percent_text, to_milli
from core.view import Input, View, Way
from core.zones import (
    Gauge,
    Missing,
    Zone,
    at_least,
    yuan_text,
)


class _Gap(Move):
    """Today's open against the previous close, in percent."""

    value: Decimal = Field(gt=0, lt=100, max_digits=9, decimal_places=4)
    unit: Literal["pct"] = "pct"

    @property
    def gauge(self) -> Gauge:
        return Gauge.OPEN

    @property
    def inputs(self) -> frozenset[Input]:
        return REFERENCES

    @property
    def daily(self) -> bool:
        return True

    def _preclose(self, view: View) -> int | Missing:
        return to_milli(view.quote.preclose) if view.quote.preclose else Missing("行情里没有昨收价")


class GapUp(_Gap):
    """
    >>> GapUp(value=Decimal("3")).text()
    '跳空高开 3.00% 及以上'
    """

    kind: Literal["gap_up"] = "gap_up"

    @property
    def rising(self) -> bool:
        return True

    def zone(self, view: View) -> Zone | Missing:
        base = self._preclose(view)
        return base if isinstance(base, Missing) else self._up(base, self.value)

    def text(self) -> str:
        return f"跳空高开 {percent_text(self.value)} 及以上"


class GapDown(_Gap):
    kind: Literal["gap_down"] = "gap_down"

    @property
    def rising(self) -> bool:
        return False

    def zone(self, view: View) -> Zone | Missing:
        base = self._preclose(view)
        return base if isinstance(base, Missing) else self._down(base, self.value)

    def text(self) -> str:
        return f"跳空低开 {percent_text(self.value)} 及以上"


class Turnover(Kind):
    """So many percent of the float were traded today.

    >>> Turnover(value=Decimal("5")).text()
    '换手率达到 5.00%'
    """

    kind: Literal["turnover"] = "turnover"
    value: Decimal = Field(gt=0, le=1000, max_digits=7, decimal_places=3)
    unit: Literal["pct"] = "pct"

    @property
    def gauge(self) -> Gauge:
        return Gauge.TURNOVER

    @property
    def daily(self) -> bool:
        return True

    @property
    def rising(self) -> bool:
        return True

    def zone(self, view: View) -> Zone | Missing:
        return at_least(self.value)

    def text(self) -> str:
        return f"换手率达到 {percent_text(self.value)}"


class AmountAbove(Kind):
    """So many yuan were traded today.

    >>> AmountAbove(value=Decimal(1_000_000_000)).text()
    '成交额达到 10亿元'
    """

    kind: Literal["amount_above"] = "amount_above"
    value: Money = Field(ge=1000, le=10**12)
    unit: Literal["yuan"] = "yuan"

    @property
    def gauge(self) -> Gauge:
        return Gauge.AMOUNT

    @property
    def daily(self) -> bool:
        return True

    @property
    def rising(self) -> bool:
        return True

    def zone(self, view: View) -> Zone | Missing:
        return at_least(self.value / 1000, scale=1)

    def text(self) -> str:
        return f"成交额达到 {yuan_text(self.value)}"


class QueueShrink(Move):
    """The queue that seals a share at its limit is ``value`` percent smaller than its largest of today.

    >>> QueueShrink().text()
    '涨停封单比今天最多时减少 50.00% 及以上'
    """

    kind: Literal["queue_shrink"] = "queue_shrink"
    value: Decimal = Field(default=Decimal(50), gt=0, lt=100, max_digits=9, decimal_places=4)
    unit: Literal["pct"] = "pct"
    side: Way = "up"

    @property
    def gauge(self) -> Gauge:
        return Gauge.QUEUE_UP if self.side == "up" else Gauge.QUEUE_DOWN

    @property
    def inputs(self) -> frozenset[Input]:
        return frozenset({Input.REFERENCES, Input.QUEUE})

    @property
    def daily(self) -> bool:
        return True

    @property
    def rising(self) -> bool:
        return False

    def zone(self, view: View) -> Zone | Missing:
        peak = view.past.queue_peak(self.side) if view.past is not None else 0
        return self._down(peak, self.value) if peak else Missing("今天还没有封过板")

    def text(self) -> str:
        word = "涨停" if self.side == "up" else "跌停"
        return f"{word}封单比今天最多时减少 {percent_text(self.value)} 及以上"
