"""Zone: the closed interval in which a condition holds; Gauge: what it is an interval of.

All numbers are whole: what is compared is compared exactly, here and in the arrays of the rule book.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from core.types import Price, from_milli, money_text, price_text

FOREVER: Final = 2**62
BAND: Final = Decimal("0.5")
"""A condition re-arms when its gauge has left the zone by this percent of the threshold, or by two ticks if larger."""
BAND_TICKS: Final = 2
MEASURED: Final = 2
"""Digits behind the point of a large reading."""


class Gauge(StrEnum):
    """What a condition measures, and in which unit."""

    PRICE = "price"
    """Milli-yuan."""
    OPEN = "open"
    """Milli-yuan: today's first trade."""
    VOLUME = "volume"
    """Lots of 100 shares traded today."""
    PACE = "pace"
    """Lots that the whole day will have if it goes on as it went so far."""
    AMOUNT = "amount"
    """Thousands of yuan traded today."""
    TURNOVER = "turnover"
    """Thousandths of a percent of the float traded today."""
    QUEUE_UP = "queue_up"
    """Lots that wait to buy at the upper limit, while nobody sells there."""
    QUEUE_DOWN = "queue_down"
    """Lots that wait to sell at the lower limit, while nobody buys there."""

    TOTAL = "total"
    """Milli-yuan: what a whole account is worth."""

    @property
    def has_ticks(self) -> bool:
        return self is Gauge.PRICE

    @property
    def chinese(self) -> str:
        return _CHINESE[self]

    def number_text(self, value: int, usual: Decimal | None = None) -> str:
        """A reading for people: ``1419.09``, ``1.25万手``, ``3.21%``.

        Args:
            usual: lots of a usual day, where the volume of the day is said in times of it.
        """
        if usual is not None:
            times = round(Decimal(value) / usual, 4).quantize(Decimal("0.01"), ROUND_FLOOR)
            return f"{plain_text(times)} 倍"
        if self in {Gauge.PRICE, Gauge.OPEN}:
            return price_text(from_milli(value))
        if self is Gauge.TOTAL:
            return f"{money_text(from_milli(value))} 元"
        if self is Gauge.TURNOVER:
            return f"{value / 1000:.2f}%"
        if self is Gauge.AMOUNT:
            return large_text(Decimal(value) * 1000, "元", MEASURED)
        return large_text(Decimal(value), "手", MEASURED)


_CHINESE: Final = {
    Gauge.PRICE: "现价",
    Gauge.OPEN: "今开",
    Gauge.VOLUME: "成交量",
    Gauge.PACE: "折算全天成交量",
    Gauge.AMOUNT: "成交额",
    Gauge.TURNOVER: "换手率",
    Gauge.QUEUE_UP: "涨停封单",
    Gauge.QUEUE_DOWN: "跌停封单",
    Gauge.TOTAL: "总资产",
}


def large_text(number: Decimal, unit: str, digits: int = 4) -> str:
    """A large number with the Chinese unit that fits, without zeros that say nothing.

    Args:
        digits: behind the point; what was measured needs fewer than what a person wrote.

    >>> large_text(Decimal(1_250_000_000), "元"), large_text(Decimal(50_000), "手"), large_text(Decimal(800), "手")
    ('12.5亿元', '5万手', '800手')
    """
    for step, word in ((Decimal(10) ** 8, "亿"), (Decimal(10) ** 4, "万")):
        if abs(number) >= step:
            return f"{plain_text(round(number / step, digits))}{word}{unit}"
    return f"{plain_text(number)}{unit}"


def plain_text(number: Decimal) -> str:
    """Without zeros behind the point.

    >>> plain_text(Decimal("2.50")), plain_text(Decimal("100"))
    ('2.5', '100')
    """
    return f"{number.normalize():f}"


class Zone(NamedTuple):
    """In units of its gauge, both ends included. ``low > high`` holds nothing."""

    low: int
    high: int

    def __contains__(self, reading: object) -> bool:
        return isinstance(reading, int) and self.low <= reading <= self.high

    def meet(self, other: Zone) -> Zone:
        return Zone(max(self.low, other.low), min(self.high, other.high))

    def on_grid(self, tick: int) -> Zone:
        """The same zone from the first to the last step in it, as people trade in steps.

        >>> Zone(-FOREVER, 1_379_908).on_grid(10).high, Zone(1_430_156, FOREVER).on_grid(10).low
        (1379900, 1430160)
        """
        low = self.low if self.low <= -FOREVER else -(-self.low // tick) * tick
        high = self.high if self.high >= FOREVER else self.high // tick * tick
        return self if low > high else Zone(low, high)

    def widened(self, tick: int, band: Decimal = BAND) -> Zone:
        """The zone that the gauge must leave before the condition is armed again.

        Args:
            tick: the smallest step of the gauge; two of them are the least band.
            band: percent of the threshold.
        """
        if self.low > self.high:
            return self
        low = self.low if self.low <= -FOREVER else self.low - band_of(self.low, tick, band)
        high = self.high if self.high >= FOREVER else self.high + band_of(self.high, tick, band)
        return Zone(low, high)


NOWHERE: Final = Zone(1, 0)
EVERYWHERE: Final = Zone(-FOREVER, FOREVER)


def band_of(threshold: int, tick: int, band: Decimal = BAND) -> int:
    return max(int(abs(threshold) * band / 100), BAND_TICKS * tick)


def at_least(price: Decimal, scale: int = 1000) -> Zone:
    """Readings of ``price`` or more; a threshold between two whole ones is rounded up: none is let in too early."""
    return Zone(int((price * scale).to_integral_value(ROUND_CEILING)), FOREVER)


def at_most(price: Decimal, scale: int = 1000) -> Zone:
    return Zone(-FOREVER, int((price * scale).to_integral_value(ROUND_FLOOR)))


def zone_text(zone: Zone, gauge: Gauge = Gauge.PRICE, usual: Decimal | None = None) -> str:
    """The zone in words: ``触发区 ≤ 1420.00``; with ``usual`` in times of that many lots."""
    if zone.low > zone.high:
        return "现在任何价格都不满足" if gauge is Gauge.PRICE else "现在不可能满足"
    if zone.low <= -FOREVER and zone.high >= FOREVER:
        return "现在任何价格都满足" if gauge is Gauge.PRICE else "现在总是满足"
    if zone.low <= -FOREVER:
        return f"触发区 ≤ {gauge.number_text(zone.high, usual)}"
    if zone.high >= FOREVER:
        return f"触发区 ≥ {gauge.number_text(zone.low, usual)}"
    return f"触发区 {gauge.number_text(zone.low, usual)} ~ {gauge.number_text(zone.high, usual)}"


class Missing(NamedTuple):
    """Why there is no zone or no reading: what the quote, the account or the history does not say."""

    what: str


def yuan_text(value: Price) -> str:
    """``5000元``, ``1.5亿元``."""
    return large_text(value, "元")
