"""What watches of one person do to each other: tell the same twice, or trade against each other at one price."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from core.conditions import Condition
from core.findings import Facts, Fault, Finding, keep, mend, pause_other
from core.kinds import COST
from core.types import Side, Symbol, from_milli, price_text
from core.view import Input
from core.watches import Watch, WatchState
from core.zones import FOREVER, Gauge, Missing, Zone

COMPARED: Final = 100
"""Other watches on a share that one is compared with."""
NEARLY: Final = 2
"""Two thresholds this many percent apart tell nearly the same."""
_MOVING: Final = frozenset({Input.WINDOW, Input.PEAK, Input.QUEUE})
"""What moves by itself: that two of its zones are apart now says nothing of later."""
_DIRECTION: Final = {"kind", "value", "direction", "event"}


def same_measure(one: Condition, other: Condition) -> bool:
    """Whether their zones always lie to each other as they do now: prices in yuan, or measured from one base."""
    if one.gauge is not other.gauge or (one.inputs | other.inputs) & _MOVING:
        return False
    if one.inputs <= COST and other.inputs <= COST:
        return True
    return one.inputs == other.inputs and one.model_dump(exclude=_DIRECTION) == other.model_dump(exclude=_DIRECTION)


def between(watch: Watch, others: Sequence[Watch], facts: Facts) -> Iterator[Finding]:
    """What a watch has to do with the others, on the shares that both are about."""
    for other, symbol in islice(_rivals(watch, others), COMPARED):
        if _alike(watch, other):
            yield _same(watch, other)
            continue
        for pair in _pairs(watch, other, symbol, facts):
            yield from pair.fight()
            yield from pair.nearly()


def _rivals(watch: Watch, others: Sequence[Watch]) -> Iterator[tuple[Watch, Symbol]]:
    """Those that run on a share of this one. What is about the whole market is about no share."""
    mine = set(watch.symbols)
    for other in others:
        if other.id == watch.id or other.state is not WatchState.ACTIVE or "market" in {watch.scope, other.scope}:
            continue
        shared = next((symbol for symbol in other.symbols if symbol in mine), None)
        if shared is not None:
            yield other, shared


def _alike(watch: Watch, other: Watch) -> bool:
    return (watch.conditions, watch.combine) == (other.conditions, other.combine)


def _same(watch: Watch, other: Watch) -> Finding:
    """The same condition twice: what else differs is said, and may be taken over by the one that was there."""
    differs = [
        word
        for word, mine, theirs in (
            ("标的", (watch.scope, watch.symbols), (other.scope, other.symbols)),
            ("计划", watch.plan, other.plan),
            ("账户", watch.account, other.account),
            ("提醒次数", (watch.repeat, watch.cooldown), (other.repeat, other.cooldown)),
            ("有效期", watch.expires_on, other.expires_on),
            ("提醒方式", watch.manner_text(), other.manner_text()),
        )
        if mine != theirs
    ]
    text = f"和 #{other.number} 条件一样（{'、'.join(differs) or '其他'}不同），触发时两个都会提醒。"
    one = (watch.scope, watch.symbols, watch.account) == (other.scope, other.symbols, other.account)
    mine = (mend(f"合并到 #{other.number}", watch, "into", other.id),) if one else ()
    return Finding(Fault.SAME, text, (*mine, keep(watch, "都留着")))


class _Pair(NamedTuple):
    """A condition of each of two watches, with the prices at which they hold on a share."""

    watch: Watch
    other: Watch
    mine: Condition
    theirs: Condition
    zone: Zone
    other_zone: Zone

    def fight(self) -> Iterator[Finding]:
        """One buys where the other sells."""
        plan, rival = self.watch.plan, self.other.plan
        if plan is None or rival is None or plan.side is rival.side or self.watch.account != self.other.account:
            return
        both = self.zone.meet(self.other_zone)
        if both.low > both.high:
            return
        number = self.other.number
        buttons = (pause_other(self.other), keep(self.watch, "都留着"))
        falling = self.mine.rising is False and self.theirs.rising is False
        rising = self.mine.rising is True and self.theirs.rising is True
        if not falling and not rising:
            where = _where_text(both)
            text = f"{where}既会{plan.side.chinese}（这个任务），又会{rival.side.chinese}（#{number}）。"
            yield Finding(Fault.FIGHT, text, buttons)
            return
        mine, theirs = (self.zone.high, self.other_zone.high) if falling else (self.zone.low, self.other_zone.low)
        words = [(mine, plan.side, "这个任务"), (theirs, rival.side, f"#{number}")]
        if mine == theirs:
            at = f"到 {price_text(from_milli(mine))} 时"
            text = f"{at}，这个任务{plan.side.chinese}，#{number} {rival.side.chinese}，方向相反。"
            yield Finding(Fault.FIGHT, text, buttons)
            return
        words.sort(key=lambda one: -one[0] if falling else one[0])
        (first, side, who), (second, then, whose) = words
        text = (
            f"{'跌下来' if falling else '涨上去'}会先{side.chinese}后{then.chinese}："
            f"{price_text(from_milli(first))} {side.chinese}（{who}），"
            f"{price_text(from_milli(second))} {then.chinese}（{whose}）。"
        )
        yield Finding(Fault.FIGHT, text, buttons)

    def nearly(self) -> Iterator[Finding]:
        """Both will tell, one shortly after the other, and neither does more than the other."""
        if self.mine.rising is None or self.mine.rising is not self.theirs.rising:
            return
        one_sentence = bool(self.watch.text) and self.watch.text == self.other.text
        if one_sentence or _side(self.watch) is not _side(self.other):
            return
        mine, theirs = (edge.low if self.mine.rising else edge.high for edge in (self.zone, self.other_zone))
        if abs(mine - theirs) * 100 <= NEARLY * abs(theirs):
            text = f"和 #{self.other.number}（{self.theirs.text()}）很近，会先后各提醒一次。"
            yield Finding(Fault.NEAR, text, (pause_other(self.other), keep(self.watch, "都留着")))


def _side(watch: Watch) -> Side | None:
    return None if watch.plan is None else watch.plan.side


def _where_text(zone: Zone) -> str:
    if zone.low <= -FOREVER:
        return f"{price_text(from_milli(zone.high))} 以下"
    if zone.high >= FOREVER:
        return f"{price_text(from_milli(zone.low))} 以上"
    return f"{price_text(from_milli(zone.low))}～{price_text(from_milli(zone.high))} 之间"


def _pairs(watch: Watch, other: Watch, symbol: Symbol, facts: Facts) -> Iterator[_Pair]:
    """Each condition with each of the other watch; one of several that must hold together says no price alone."""
    view, other_view = facts.view(watch, symbol), facts.view(other, symbol)
    if view is None or other_view is None:
        return
    for mine in _alone(watch):
        zone = mine.zone(view)
        for theirs in _alone(other):
            other_zone = theirs.zone(other_view)
            if isinstance(zone, Missing) or isinstance(other_zone, Missing) or not same_measure(mine, theirs):
                continue
            if mine.gauge is Gauge.PRICE and zone.low <= zone.high and other_zone.low <= other_zone.high:
                yield _Pair(watch, other, mine, theirs, zone, other_zone)


def _alone(watch: Watch) -> Sequence[Condition]:
    return [watch.conditions[group[0]] for group in watch.groups() if len(group) == 1]
