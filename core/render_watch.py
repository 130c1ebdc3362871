"""How far a watch is from firing, in words: for the read-back of a new one, and for ``/list``."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from core.calendar import MINUTES_A_DAY, minutes_traded
from core.conditions import (
    AccountDrawdown,
    AccountLoss,
    AccountProfit,
    Condition,
    Indicator,
    MaCross,
    TrailingStop,
    measure_text,
)
from core.market import board_of, tick
from core.types import Price, money_text, percent_text, price_text, to_milli
from core.view import PERIODS, View
from core.zones import FOREVER, Gauge, Missing, Zone, zone_text

_BY_SIZE: Final = frozenset({Gauge.PRICE, Gauge.TOTAL})
"""Gauges that everybody thinks of in percent of what they show."""


def standing_now(condition: Condition, view: View, *, named: bool) -> str:
    """Where a condition holds now, and how far that is.

    ``触发区 ≥ 1412.36（日线，今天未走完），距触发 1.20%``, or what is missing.

    Args:
        named: the condition stands before it, because there are several.
    """
    lead = f"{condition.text()}：" if named else ""
    gauge = condition.gauge
    zone = _zone(condition, view)
    if isinstance(zone, Missing):
        return f"{lead}现在还判断不了，{zone.what}"
    usual = condition.usual(zone)
    what = "" if gauge in _BY_SIZE else measure_text(gauge, usual)
    distance = _distance(gauge, zone, view, usual)
    return f"{lead}{what}{zone_text(zone, gauge, usual)}{_made_of(condition, view)}{distance}"


def _zone(condition: Condition, view: View) -> Zone | Missing:
    """In the steps in which prices are traded."""
    zone = condition.zone(view)
    if isinstance(zone, Missing) or not condition.gauge.has_ticks:
        return zone
    return zone.on_grid(to_milli(tick(board_of(view.quote.symbol))))


def _made_of(condition: Condition, view: View) -> str:
    """What a threshold is measured from, where that is neither written in the condition nor a price of the day."""
    quote = view.quote
    if condition.gauge is Gauge.PACE:
        return "（今天的量按时间折算成全天）"
    if isinstance(condition, AccountProfit | AccountLoss):
        if condition.reference == "today":
            return f"（昨收时总资产 {money_text(quote.preclose)} 元）" if quote.preclose else ""
        return f"（投入本金 {money_text(quote.open)} 元，盈亏含已实现的）" if quote.open else ""
    if isinstance(condition, TrailingStop | AccountDrawdown):
        reading = view.reading(condition.gauge)
        known = [one for one in (view.peak, reading) if isinstance(one, int)]
        return f"（最高 {condition.gauge.number_text(max(known))}）"
    if not isinstance(condition, MaCross | Indicator):
        return ""
    # The bar that is still forming counts.
    open_bar = "今天" if condition.period == "day" else "这一根"
    forming = f"，{open_bar}未走完" if minutes_traded(quote.quoted_at) < MINUTES_A_DAY else ""
    return f"（{PERIODS[condition.period]}线{forming}）"


def _distance(gauge: Gauge, zone: Zone, view: View, usual: Decimal | None) -> str:
    reading = view.reading(gauge)
    if isinstance(reading, Missing):
        return f"，{reading.what}"
    if reading in zone:
        return "，已在触发区"
    away = gap(zone, reading)
    if away is None:
        return ""
    if gauge in _BY_SIZE:
        return f"，距触发 {percent_text(away / reading * 100)}"
    return f"，现在 {gauge.number_text(reading, usual)}，还差 {gauge.number_text(int(away), usual)}"


def gap(zone: Zone, reading: int) -> Decimal | None:
    """How far a reading is from a zone, in units of its gauge; None where the zone cannot be reached."""
    if zone.low > zone.high:
        return None
    edges = [edge for edge in zone if abs(edge) < FOREVER]
    return Decimal(0) if reading in zone else Decimal(min(abs(edge - reading) for edge in edges))


def reading_now(conditions: Sequence[Condition], view: View) -> str:
    """What the conditions measure: ``现价 1419.09``; empty where each says so itself, or nothing is known."""
    for gauge in (Gauge.PRICE, Gauge.TOTAL):
        if any(one.gauge is gauge for one in conditions):
            reading = view.reading(gauge)
            return reading.what if isinstance(reading, Missing) else f"{gauge.chinese} {gauge.number_text(reading)}"
    return ""


def nearness(condition: Condition, view: View) -> Decimal | None:
    """How far it is from holding, as a ratio; None of what is not about a price, cannot be reached or is not known."""
    zone, reading = _zone(condition, view), view.reading(condition.gauge)
    if condition.gauge not in _BY_SIZE or isinstance(zone, Missing) or isinstance(reading, Missing):
        return None
    away = gap(zone, reading)
    return None if away is None else away / reading


def crossed_text(conditions: Sequence[Condition], why: str, price: Price) -> str:
    """What of the numbers that decided on an alert its condition and headline do not say; empty where nothing.

    Args:
        why: as it was stored with the alert.
        price: the one in the headline.
    """
    if all(at_the_price_said(one) or one.kind in _AT_LIMIT for one in conditions):
        return ""
    return why.removeprefix(f"现价 {price_text(price)}，").removeprefix(f"总资产 {money_text(price)} 元，")


_AT_LIMIT: Final = frozenset({"limit_up", "limit_down"})


def at_the_price_said(condition: Condition) -> bool:
    """Whether its text says already at which price it holds."""
    return not condition.inputs and condition.gauge is Gauge.PRICE
