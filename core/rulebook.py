"""The rule book: the meaning of :mod:`core.conditions`, kept so that a snapshot costs two compares over its symbols.

Each symbol with rules has a *quiet* interval: while the price stays inside, no rule of it can change its state. Only
the symbols whose price has left it are judged, by the reference meaning, so book and reference cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Final, NamedTuple

import numpy as np

from core.alerts import Trigger
from core.clock import MARKET_ZONE, market_time
from core.conditions import FOREVER, Missing, View, Zone, zone_text
from core.frames import Frame, Ints, Quote
from core.market import board_of, tick
from core.types import Price, Symbol, price_text, to_milli
from core.watches import Arm, RuleKey, Watch

ALWAYS_QUIET: Final = Zone(-FOREVER, FOREVER)
NEVER_QUIET: Final = Zone(1, 0)
_NO_DAY: Final = (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC))

CostOf = Callable[[str, Symbol], Price | None]
"""Average cost of a symbol in an account; None without a position."""

Doubt = Callable[[Frame, int], str | None]
"""Why a row of a frame must not be judged, in Chinese; None when it is fit to be judged."""


@dataclass(slots=True)
class Rule:
    """One group of conditions of one watch on one symbol, and what is remembered of it."""

    watch: Watch
    key: RuleKey
    conditions: tuple[int, ...]
    tick: int
    arm: Arm
    held: bool = False
    """Not judged just now, because its watch is being changed in the store. The next frame after that judges it."""

    restless: bool = field(init=False)
    """The zone follows the day's extremes, which may move without the price."""
    daily: bool = field(init=False)
    """What was told on an earlier day is told again: the zone is another one each day."""
    _steady: bool = field(init=False)
    _known: tuple[Zone, Zone] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        chosen = [self.watch.conditions[index] for index in self.conditions]
        self.restless = any(getattr(condition, "event", None) == "open" for condition in chosen)
        self.daily = any(condition.daily for condition in chosen)
        self._steady = all(condition.steady for condition in chosen)

    def means(self, other: Rule) -> bool:
        """Whether the other rule is about the same, so that what is remembered of one is true of the other."""
        if self is other:  # the common case, on the way of every alert
            return True
        mine, others = ([rule.watch.conditions[i] for i in rule.conditions] for rule in (self, other))
        return self.key == other.key and mine == others

    def zones(self, view: View) -> tuple[Zone, Zone] | Missing:
        """Where all conditions of the group hold, and what must be left before it is armed again."""
        if self._known is not None:
            return self._known
        zone = rearm = ALWAYS_QUIET
        for index in self.conditions:
            condition = self.watch.conditions[index]
            found = condition.zone(view)
            if isinstance(found, Missing):
                return found
            zone, rearm = zone.meet(found), rearm.meet(condition.rearm(found, self.tick))
        if self._steady:
            self._known = zone, rearm
        return zone, rearm


class Judged(NamedTuple):
    """What one quote did to one rule.

    Attributes:
        fired: the crossing, if there was one.
        already: it held when it was judged for the first time; said to the person, not fired.
        arm: the memory afterwards, when it changed.
        quiet: prices between which nothing can happen to this rule.
        zone: where the conditions hold, or what was missing to say so.
        last: the price it was judged by.
    """

    fired: bool
    already: bool
    arm: Arm | None
    quiet: Zone
    zone: Zone | Missing
    last: Price | None

    @property
    def why(self) -> str:
        """The numbers that decided, in Chinese."""
        if isinstance(self.zone, Missing):
            return self.zone.what
        return "没有现价" if self.last is None else f"现价 {price_text(self.last)}，{zone_text(self.zone)}"


def judge(rule: Rule, view: View) -> Judged:
    """Move a rule on by one quote: armed while false, fired on the crossing, re-armed past the band.

    A rule about the day is also re-armed by the first price of a later market date: a share that opens in the zone has
    crossed from its previous close. The same prices in yuan overnight are no crossing.
    """
    zones = rule.zones(view)
    if isinstance(zones, Missing):
        return Judged(False, False, None, ALWAYS_QUIET, zones, view.quote.last)
    zone, rearm = zones
    if view.quote.last is None:
        return Judged(False, False, None, NEVER_QUIET, zone, None)
    last = to_milli(view.quote.last)
    inside = last in zone
    armed = rule.arm.armed
    day = market_time(view.quote.quoted_at).date() if rule.daily else None
    begun = armed is False and day is not None and rule.arm.day is not None and day > rule.arm.day
    if begun:
        armed = True
    fired = armed is True and inside
    if inside:
        now_armed = False
    elif armed is False:
        now_armed = last not in rearm
    else:
        now_armed = True
    quiet = NEVER_QUIET if rule.restless else _quiet(zone if now_armed else rearm, last, now_armed)
    arm = None if now_armed is armed and not begun else rule.arm.turned(now_armed, day)
    return Judged(fired, armed is None and inside, arm, quiet, zone, view.quote.last)


def _quiet(zone: Zone, last: int, armed: bool) -> Zone:
    if not armed:
        return zone
    if zone.low > zone.high:
        return ALWAYS_QUIET
    return Zone(-FOREVER, zone.low - 1) if last < zone.low else Zone(zone.high + 1, FOREVER)


def _rules_of(watch: Watch) -> Iterator[Rule]:
    """The rules of a watch, unjudged."""
    for symbol in watch.symbols:
        size = to_milli(tick(board_of(symbol)))
        for group, conditions in enumerate(watch.groups()):
            key = RuleKey(watch.id, symbol, group)
            yield Rule(watch, key, conditions, size, Arm(key=key))


class Evaluation(NamedTuple):
    """What one frame did.

    Attributes:
        changed: arms to be stored, those of the triggers included.
        doubts: symbols that would have been judged and were not, with the reason.
    """

    triggers: list[Trigger]
    already: list[Trigger]
    changed: list[Arm]
    doubts: list[tuple[Symbol, str]]


class RuleBook:
    """All live rules. Not thread-safe: it belongs to the loop."""

    def __init__(self, cost_of: CostOf) -> None:
        self._cost_of = cost_of
        self._rules: dict[Symbol, dict[RuleKey, Rule]] = {}
        self._by_watch: dict[str, list[RuleKey]] = {}
        self._emptied = True
        # What was derived for the rows of the frames seen last, and which references it was derived from.
        self._symbols: tuple[Symbol, ...] = ()
        self._low: Ints = np.empty(0, np.int64)
        self._high: Ints = np.empty(0, np.int64)
        self._references: tuple[Ints, ...] = ()
        # From when to when the day of the newest frame lasts; UTC, because that compares fastest.
        self._day = _NO_DAY

    # -- keeping the rules

    def put(self, watch: Watch, arms: Iterable[Arm] = ()) -> None:
        """Take a watch in, or replace it. Rules without an arm start unjudged."""
        self._drop(watch.id)
        known = {arm.key: arm for arm in arms}
        keys = []
        for rule in _rules_of(watch):
            rule.arm = known.get(rule.key, rule.arm)
            self._rules.setdefault(rule.key.symbol, {})[rule.key] = rule
            keys.append(rule.key)
        self._by_watch[watch.id] = keys
        self.touch(watch.symbols)

    def remove(self, watch_id: str) -> None:
        self._drop(watch_id)
        self._emptied = self._emptied or not self._rules

    def hold(self, watch_id: str) -> None:
        """Judge a watch no more until it is put again, removed or released; it still counts as watched."""
        for rule in self.rules_of(watch_id):
            rule.held = True

    def release(self, watch_id: str) -> None:
        """Go on judging a watch as if it had not been held."""
        rules = self.rules_of(watch_id)
        for rule in rules:
            rule.held = False
        self.touch({rule.key.symbol for rule in rules})

    def was_empty(self) -> bool:
        """Whether there was a moment without rules since this was last asked: then nothing was to be seen."""
        emptied, self._emptied = self._emptied, not self._rules
        return emptied

    def _drop(self, watch_id: str) -> None:
        for key in self._by_watch.pop(watch_id, ()):
            rules = self._rules[key.symbol]
            del rules[key]
            if not rules:
                del self._rules[key.symbol]

    def touch(self, symbols: Collection[Symbol]) -> None:
        """Judge these again on the next frame: a rule or a cost has changed."""
        if not symbols or not self._symbols:
            return
        wanted = set(symbols)
        for row, symbol in enumerate(self._symbols):
            if symbol in wanted:
                self._set_quiet(row, NEVER_QUIET)

    def remember(self, rule: Rule, arm: Arm) -> None:
        """Remember of a rule that it was told; of one that is gone, or means something else now, nothing is."""
        current = self.rule(rule.key)
        if current is rule:
            rule.arm = arm
        elif current is not None and current.means(rule):
            current.arm = current.arm.model_copy(update={"told_at": arm.told_at, "told": arm.told})

    def rule(self, key: RuleKey) -> Rule | None:
        return self._rules.get(key.symbol, {}).get(key)

    def rules_of(self, watch_id: str) -> Sequence[Rule]:
        return tuple(self._rules[key.symbol][key] for key in self._by_watch.get(watch_id, ()))

    @property
    def symbols(self) -> set[Symbol]:
        return set(self._rules)

    def __len__(self) -> int:
        return sum(len(rules) for rules in self._rules.values())

    def view(self, rule: Rule, quote: Quote) -> View:
        return View(quote, self._cost_of(rule.watch.account, rule.key.symbol))

    # -- judging

    def evaluate(self, frame: Frame, doubt: Doubt, *, after_gap: bool = False) -> Evaluation:
        """Judge a frame.

        Args:
            doubt: asked for every row that would be judged; a row in doubt is asked again on the next frame.
            after_gap: put on the triggers.
        """
        self._align(frame)
        self._begin_day(frame.at)
        result = Evaluation([], [], [], [])
        woken = (frame.last < self._low) | (frame.last > self._high)
        for row in np.flatnonzero(woken).tolist():
            symbol = frame.symbols[row]
            why_not = doubt(frame, row)
            if why_not is not None:
                result.doubts.append((symbol, why_not))
                continue
            self._judge_row(row, frame.quote_at(row), after_gap, result)
        return result

    def judge_first(self, watch: Watch, quotes: Callable[[Symbol], Quote | None]) -> tuple[list[Arm], list[Trigger]]:
        """The first arms of a watch by the quotes at hand, and what of it already holds. It is not taken in."""
        arms, already = [], []
        for rule in _rules_of(watch):
            quote = quotes(rule.key.symbol)
            judged = judge(rule, self.view(rule, quote)) if quote is not None else None
            arms.append(judged.arm if judged is not None and judged.arm is not None else rule.arm)
            if quote is not None and judged is not None and judged.already:
                already.append(Trigger(rule.key, quote, judged.why))
        return arms, already

    def _judge_row(self, row: int, quote: Quote, after_gap: bool, result: Evaluation) -> None:
        quiet = ALWAYS_QUIET
        for rule in self._rules.get(quote.symbol, {}).values():
            if rule.held:
                quiet = NEVER_QUIET
                continue
            judged = judge(rule, self.view(rule, quote))
            quiet = quiet.meet(judged.quiet)
            if judged.arm is not None:
                rule.arm = judged.arm
                result.changed.append(judged.arm)
            if judged.fired:
                result.triggers.append(Trigger(rule.key, quote, judged.why, after_gap))
            elif judged.already:
                result.already.append(Trigger(rule.key, quote, judged.why, after_gap))
        # A price of another day than the frame's decides nothing about the prices of this day.
        begins, ends = self._day
        self._set_quiet(row, quiet if begins <= quote.quoted_at < ends else NEVER_QUIET)

    def _begin_day(self, at: datetime) -> None:
        """Judge everything again on the first frame of a market day, even where no reference price has moved."""
        begins, ends = self._day
        if not begins <= at < ends:
            midnight = datetime.combine(market_time(at).date(), time(), MARKET_ZONE).astimezone(UTC)
            self._day = midnight, midnight + timedelta(days=1)
            self.touch(self.symbols)

    def _set_quiet(self, row: int, quiet: Zone) -> None:
        self._low[row], self._high[row] = quiet

    def _align(self, frame: Frame) -> None:
        """Make the quiet intervals fit this frame: its rows, and the reference prices the zones hang on."""
        references = (frame.preclose, frame.open, frame.limit_up, frame.limit_down)
        if frame.symbols is not self._symbols:
            self._symbols = frame.symbols
            self._low = np.full(len(frame), -FOREVER, np.int64)
            self._high = np.full(len(frame), FOREVER, np.int64)
            self.touch(self.symbols)
        elif any(new is not old for new, old in zip(references, self._references, strict=True)):
            moved = np.zeros(len(frame), np.bool_)
            for new, old in zip(references, self._references, strict=True):
                moved |= new != old
            for row in np.flatnonzero(moved).tolist():
                if frame.symbols[row] in self._rules:
                    self._set_quiet(row, NEVER_QUIET)
        self._references = references
