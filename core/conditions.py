"""The kinds of condition: fields, Chinese text, and the REFERENCE meaning of each.

Every condition comes down to a *zone*: the closed interval of its gauge, nearly always the price, in which it holds
right now. Whether it holds, whether it has re-armed, and what the rule book must wake for all follow from the zone, so
a new kind is one class with :meth:`zone` and :meth:`text`.

Indicators are no exception: with the forming bar counted, "MACD crosses" or "RSI is under 20" is true from one price
on, which follows from the closed bars alone (:mod:`core.thresholds`). It is fixed until the next bar closes, and people
can be told it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, NamedTuple

from pydantic import Field, TypeAdapter

from core.account_kinds import AccountDrawdown, AccountLoss, AccountProfit
from core.bar_kinds import Indicator, MaCross, NewHigh, NewLow, VolumeRatio
from core.day_kinds import AmountAbove, GapDown, GapUp, QueueShrink, Turnover
from core.price_kinds import (
    EnterRange,
    LimitDown,
    LimitUp,
    PctDown,
    PctUp,
    PositionLoss,
    PositionProfit,
    PositionWeight,
    PriceAbove,
    PriceBelow,
    Speed,
    StopLoss,
    TakeProfit,
    TrailingStop,
)
from core.view import View
from core.zones import (
    Gauge,
    Missing,
    Zone,
    zone_text,
)


class Verdict(NamedTuple):
    """How a condition stands.

    Attributes:
        holds: None when it cannot be judged; ``why`` then says what is missing.
        zone: where it holds.
        why: Chinese, with the numbers that decided.
    """

    holds: bool | None
    zone: Zone | None
    why: str


Condition = Annotated[
    PriceAbove
    | PriceBelow
    | EnterRange
    | PctUp
    | PctDown
    | TakeProfit
    | StopLoss
    | LimitUp
    | LimitDown
    | Speed
    | VolumeRatio
    | MaCross
    | Indicator
    | TrailingStop
    | NewHigh
    | NewLow
    | GapUp
    | GapDown
    | Turnover
    | AmountAbove
    | QueueShrink
    | PositionWeight
    | PositionProfit
    | PositionLoss
    | AccountProfit
    | AccountLoss
    | AccountDrawdown,
    Field(discriminator="kind"),
]
CONDITION: Final[TypeAdapter[Condition]] = TypeAdapter(Condition)
"""Reads a condition from the words of the schema: ``{"kind": "price_below", "value": "1420", "unit": "yuan"}``."""


def evaluate(condition: Condition, view: View) -> Verdict:
    """Judge one condition on one quote: the reference meaning that the rule book must agree with."""
    zone = condition.zone(view)
    if isinstance(zone, Missing):
        return Verdict(None, None, zone.what)
    reading = view.reading(condition.gauge)
    if isinstance(reading, Missing):
        return Verdict(None, zone, reading.what)
    return Verdict(reading in zone, zone, standing_text(condition.gauge, reading, zone, condition.usual(zone)))


def standing_text(gauge: Gauge, reading: int, zone: Zone, usual: Decimal | None = None) -> str:
    """``现价 1419.09，触发区 ≤ 1420.00``; with the lots of a usual day ``量比 2.31 倍，触发区 ≥ 2 倍``."""
    return f"{measure_text(gauge, usual)} {gauge.number_text(reading, usual)}，{zone_text(zone, gauge, usual)}"


def measure_text(gauge: Gauge, usual: Decimal | None) -> str:
    """What is measured: ``现价``, ``量比``."""
    return gauge.chinese if usual is None else "量比"


__all__ = [
    "CONDITION",
    "AccountDrawdown",
    "AccountLoss",
    "AccountProfit",
    "AmountAbove",
    "Condition",
    "EnterRange",
    "GapDown",
    "GapUp",
    "Indicator",
    "LimitDown",
    "LimitUp",
    "MaCross",
    "NewHigh",
    "NewLow",
    "PctDown",
    "PctUp",
    "PositionLoss",
    "PositionProfit",
    "PositionWeight",
    "PriceAbove",
    "PriceBelow",
    "QueueShrink",
    "Speed",
    "StopLoss",
    "TakeProfit",
    "TrailingStop",
    "Turnover",
    "Verdict",
    "VolumeRatio",
    "evaluate",
    "measure_text",
    "standing_text",
]
