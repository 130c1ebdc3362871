"""Rule, and what one quote does to it: the REFERENCE that the rule book must agree with."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from core.clock import market_time
from core.conditions import Condition, standing_text
from core.market import board_of, tick
from core.types import to_milli
from core.view import View
from core.watches import Arm, RuleKey, Watch
from core.zones import BAND, Gauge, Missing, Zone


class Rule(NamedTuple):
    """One group of conditions of one watch on one symbol, and what is remembered of it just now.

    Attributes:
        held: not judged just now, because its watch is being changed in the store. The next frame after that judges it.
    """

    watch: Watch
    key: RuleKey
    conditions: tuple[int, ...]
    arm: Arm
    held: bool = False

    @property
    def chosen(self) -> Sequence[Condition]:
        return [self.watch.conditions[index] for index in self.conditions]

    @property
    def daily(self) -> bool:
        """Whether what was told on an earlier day is told again: the zone is another one each day."""
        return any(condition.daily for condition in self.chosen)

    def means(self, other: Rule) -> bool:
        """Whether the other rule is about the same, so that what is remembered of one is true of the other."""
        if self is other or (self.watch is other.watch and self.key == other.key):
            return True
        return self.key == other.key and self.chosen == other.chosen


class Leg(NamedTuple):
    """One condition of a rule, held against a view.

    Attributes:
        shown: the zone in steps of the price, for people.
        usual: the lots of a usual day, where people are told times of them.
    """

    gauge: Gauge
    reading: int | Missing
    zone: Zone
    rearm: Zone
    shown: Zone
    usual: Decimal | None

    @property
    def holds(self) -> bool:
        return self.reading in self.zone


class Judged(NamedTuple):
    """What one quote did to one rule.

    Attributes:
        fired: the crossing, if there was one.
        already: it held when it was judged for the first time; said to the person, not fired.
        arm: the memory afterwards, when it changed.
        holds: None when it could not be judged.
        why: the numbers that decided, or what was missing, in Chinese.
    """

    fired: bool
    already: bool
    arm: Arm | None
    holds: bool | None
    why: str


def judge(rule: Rule, view: View) -> Judged:
    """Move a rule on by one quote: armed while false, fired on the crossing, re-armed past the band. The REFERENCE.

    A rule about the day is also re-armed by the first price of a later market date: a share that opens in the zone has
    crossed from its previous close. The same prices in yuan overnight are no crossing.
    """
    legs = legs_of(rule, view)
    if isinstance(legs, Missing):
        return Judged(False, False, None, None, legs.what)
    for leg in legs:
        if isinstance(leg.reading, Missing):
            return Judged(False, False, None, None, leg.reading.what)
    inside = all(leg.holds for leg in legs)
    left = any(leg.reading not in leg.rearm for leg in legs)
    armed = rule.arm.armed
    day = market_time(view.quote.quoted_at).date() if rule.daily else None
    begun = armed is False and day is not None and rule.arm.day is not None and day > rule.arm.day
    if begun:
        armed = True
    now_armed = False if inside else left if armed is False else True
    arm = None if now_armed is armed and not begun else rule.arm.turned(now_armed, day)
    return Judged(armed is True and inside, armed is None and inside, arm, inside, _why(legs))


def legs_of(rule: Rule, view: View) -> Sequence[Leg] | Missing:
    """The conditions of a rule, held against a view; what is missing where one of them has no zone."""
    size = to_milli(tick(board_of(rule.key.symbol)))
    band = rule.watch.band if rule.watch.band is not None else BAND
    legs = []
    for condition in rule.chosen:
        zone = condition.zone(view)
        if isinstance(zone, Missing):
            return zone
        gauge = condition.gauge
        shown = zone.on_grid(size) if gauge.has_ticks else zone
        legs.append(
            Leg(gauge, view.reading(gauge), zone, condition.rearm(zone, size, band), shown, condition.usual(zone))
        )
    return legs


def why(rule: Rule, view: View) -> str:
    """The numbers that decide on a rule, or what is missing, in Chinese."""
    legs = legs_of(rule, view)
    return legs.what if isinstance(legs, Missing) else _why(legs)


def _why(legs: Sequence[Leg]) -> str:
    """What the gauges show, and where they would have to be."""
    met: dict[Gauge, tuple[int | Missing, Zone, Decimal | None]] = {}
    for leg in legs:
        zone = met[leg.gauge][1].meet(leg.shown) if leg.gauge in met else leg.shown
        met[leg.gauge] = leg.reading, zone, leg.usual
    return "；".join(
        reading.what if isinstance(reading, Missing) else standing_text(gauge, reading, zone, usual)
        for gauge, (reading, zone, usual) in met.items()
    )
