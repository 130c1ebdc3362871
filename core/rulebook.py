"""The rule book: the meaning of :mod:`core.conditions` over a million rules, in a few operations per snapshot.

A rule of one condition with a fixed level is two lines on a ladder (:mod:`core.ladder`); every other one is a box
(:mod:`core.boxes`). Their zones come from the array form of each kind (:mod:`core.compiled`), or from the condition
itself where only an account knows. What fired is explained by :func:`judge`, the reference, one rule at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.alerts import Trigger
from core.bars import Period
from core.boxes import GAUGES, Boxes, Standing
from core.clock import MARKET_ZONE, market_time
from core.compiled import MARKET_MS, Solvable, Zones, alike, family_of, readings, solve, widened
from core.conditions import Condition, LimitDown, LimitUp, Speed
from core.families import Family, band_parts, has_lines
from core.frames import Frame, Ints, Quote
from core.judging import Rule, judge, why
from core.ladder import FIRST, MOST, Crossed, Ladder, Lines, Rows, Slots, grown
from core.market import board_of, tick
from core.tape import Doubts, Tape
from core.types import Price, Symbol, to_milli
from core.view import Holding, Input, View
from core.watches import Arm, RuleKey, Watch
from core.zones import Gauge

_NO_DAY: Final = (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC))
_RISING, _DAILY, _HELD, _PARKED, _MARKET = 1, 2, 4, 8, 16
_UNJUDGED: Final = -1
_MANY: Final = 16
_EPOCH: Final = date(1970, 1, 1)
_DAY_MS: Final = 86_400_000
_ACCOUNT_ONLY: Final = Quote(
    symbol=Symbol(""),
    source="",
    quoted_at=datetime.min.replace(tzinfo=UTC),
    received_at=datetime.min.replace(tzinfo=UTC),
)
"""What a condition is shown that only looks at the account."""
_ZERO_IS_NONE: Final = frozenset(Gauge) - {Gauge.VOLUME, Gauge.PACE}

_NO_ROWS: Final[Rows] = np.zeros(0, np.intp)
_NO_SLOTS: Final[Slots] = np.zeros(0, np.int32)
_NO_PEAKS: Final[Ints] = np.zeros(0, np.int64)

CostOf = Callable[[str, Symbol], Price | None]
"""Average cost of a symbol in an account; None without a position."""
HoldingOf = Callable[[str, Symbol], Holding | None]


class Evaluation(NamedTuple):
    """What one frame did.

    Attributes:
        changed: arms to be stored, those of the triggers included.
        doubts: symbols that would have been judged and were not, with the reason.
        met: of watches on the whole market, how many shares already hold; they are not among ``already``, because
            thousands of sentences would keep everybody waiting.
    """

    triggers: list[Trigger]
    already: list[Trigger]
    changed: list[Arm]
    doubts: list[tuple[Symbol, str]]
    met: Mapping[str, int]


class Step(NamedTuple):
    """The same in numbers of rules."""

    fired: Slots
    already: Slots
    changed: Slots
    doubts: Mapping[int, str]


class _Block(NamedTuple):
    """The rules of one watch: symbol by symbol, group by group, one after the other."""

    watch: Watch
    start: int
    groups: int
    places: Mapping[Symbol, int] | None = None
    """Where each symbol stands, of a watch on many: to look through them all would take long."""

    @property
    def stop(self) -> int:
        return self.start + len(self.watch.symbols) * self.groups

    def slot(self, key: RuleKey) -> int | None:
        symbols = self.watch.symbols
        if self.places is not None:
            place = self.places.get(key.symbol)
        else:
            place = symbols.index(key.symbol) if key.symbol in symbols else None
        if key.group >= self.groups or place is None:
            return None
        return self.start + place * self.groups + key.group


class _Found:
    """What a step has found so far."""

    def __init__(self) -> None:
        self.fired: list[Slots] = []
        self.already: list[Slots] = []
        self.changed: list[Slots] = []
        self.doubts: dict[int, str] = {}

    def step(self, row: Slots, place: Rows) -> Step:
        """In the order of the frame, and of the rules of each symbol."""
        seen = np.zeros(int(place.max()) + 1 if place.size else 0, np.int64)
        seen[place] = np.arange(place.size)

        def ordered(parts: list[Slots]) -> Slots:
            if not parts:
                return _NO_SLOTS
            slots = np.unique(np.concatenate(parts))
            return slots[seen[row[slots]].argsort(kind="stable")]

        return Step(ordered(self.fired), ordered(self.already), ordered(self.changed), self.doubts)


class RuleBook:
    """All live rules. Not thread-safe: it belongs to the loop.

    Args:
        holding_of: what an account holds; without it no rule about a position can be judged.
    """

    def __init__(self, cost_of: CostOf, tape: Tape | None = None, holding_of: HoldingOf | None = None) -> None:
        self._cost_of = cost_of
        self._holding_of = holding_of or (lambda _account, _symbol: None)
        self.tape = Tape() if tape is None else tape
        self._blocks: dict[str, _Block] = {}
        self._listed: list[_Block | None] = []
        self._unlisted: list[int] = []
        self._free: dict[int, list[int]] = {}
        self._end = FIRST
        self._count = 0
        # By rule.
        self._lines = Lines()
        self._watch: Slots = np.zeros(FIRST, np.int32)
        self._row: Slots = np.zeros(FIRST, np.int32)
        self._group: NDArray[np.int16] = np.zeros(FIRST, np.int16)
        self._flags: NDArray[np.int8] = np.zeros(FIRST, np.int8)
        self._armed: NDArray[np.int8] = np.zeros(FIRST, np.int8)
        self._day: NDArray[np.uint16] = np.zeros(FIRST, np.uint16)
        self._told: dict[int, tuple[datetime, int]] = {}
        # By symbol.
        self._tick: Ints = np.zeros(0, np.int64)
        self._quote_day: NDArray[np.uint16] = np.zeros(0, np.uint16)
        self._unseen: NDArray[np.bool_] = np.zeros(0, np.bool_)
        """No quote of today has been seen."""
        self._unopened: NDArray[np.bool_] = np.zeros(0, np.bool_)
        """Its boxes have not been judged today."""
        self._rules_on: Counter[Symbol] = Counter()
        self._ladders: dict[Gauge, Ladder] = {}
        self._boxes = Boxes()
        self._families: dict[tuple[Solvable, int], Family] = {}
        self._asked: dict[int, set[int]] = {}
        """Rules whose zones the account decides, by symbol."""
        self._weighed: set[int] = set()
        """Those of them that move with every price."""
        self._touched: set[int] = set()
        self._held = 0
        self._emptied = True
        self._frame: Frame | None = None
        # From when to when the day of the newest frame lasts; UTC, because that compares fastest.
        self._today = _NO_DAY

    # -- keeping the rules

    def put(self, watch: Watch, arms: Iterable[Arm] = ()) -> None:
        """Take a watch in, or replace it. Rules without an arm start unjudged."""
        self._drop(watch.id)
        for gauge, rows, slots in self._take(watch, arms):
            ladder = self._ladder(gauge)
            for row, slot in zip(rows.tolist(), slots, strict=True):
                ladder.put(row, slot)
        self.touch(watch.symbols)

    def fill(self, watches: Iterable[tuple[Watch, Iterable[Arm]]]) -> None:
        """Take very many watches in at once, as after a start. Faster than one by one, and only for an empty book."""
        assert not self._blocks, "a book that has rules is added to one by one"
        found: dict[Gauge, tuple[list[Rows], list[Slots]]] = {}
        for watch, arms in watches:
            for gauge, rows, slots in self._take(watch, arms):
                every = found.setdefault(gauge, ([], []))
                every[0].append(rows)
                every[1].append(slots)
        for gauge, (rows_, slots_) in found.items():
            self._ladder(gauge).fill(np.concatenate(rows_), np.concatenate(slots_), len(self.tape))

    def remove(self, watch_id: str) -> None:
        self._drop(watch_id)
        self._emptied = self._emptied or not self._rules_on

    def hold(self, watch_id: str) -> None:
        """Judge a watch no more until it is put again, removed or released; it still counts as watched."""
        block = self._blocks.get(watch_id)
        if block is not None and not self._is_held(block):
            self._flags[block.start : block.stop] |= _HELD
            self._held += 1

    def release(self, watch_id: str) -> None:
        """Go on judging a watch as if it had not been held."""
        block = self._blocks.get(watch_id)
        if block is not None and self._is_held(block):
            self._flags[block.start : block.stop] &= ~_HELD
            self._held -= 1
            self.touch(block.watch.symbols)

    def _is_held(self, block: _Block) -> bool:
        return bool(self._flags[block.start] & _HELD)

    def was_empty(self) -> bool:
        """Whether there was a moment without symbols since this was last asked: then nothing was to be seen."""
        emptied, self._emptied = self._emptied, not self._rules_on
        return emptied

    def touch(self, symbols: Collection[Symbol]) -> None:
        """Judge these again on the next frame: a rule or a cost has changed."""
        for symbol in symbols:
            self._touch(self.tape.row(symbol))

    def _touch(self, row: int) -> None:
        self._touched.add(row)
        for ladder in self._ladders.values():
            ladder.touch(row)

    def remember(self, rule: Rule, arm: Arm) -> None:
        """Remember of a rule that it was told; of one that is gone, or means something else now, nothing is."""
        slot = self._slot(rule.key)
        if slot is None or arm.told_at is None:
            return
        current = self._rule(slot)
        if current.means(rule):
            self._told[slot] = arm.told_at, arm.told

    def rule(self, key: RuleKey) -> Rule | None:
        slot = self._slot(key)
        return None if slot is None else self._rule(slot)

    def rules_of(self, watch_id: str) -> Sequence[Rule]:
        block = self._blocks.get(watch_id)
        return () if block is None else tuple(self._rule(slot) for slot in range(block.start, block.stop))

    def risen(self) -> Sequence[Rule]:
        """Rules whose peak is another one than when this was last asked."""
        return tuple(self._rule(slot) for slot in self._boxes.risen().tolist())

    @property
    def symbols(self) -> set[Symbol]:
        """What somebody named; that which only watches on the whole market look at is not among them."""
        return set(self._rules_on)

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        """Of everything that grows with the rules, the watches themselves left out."""
        arrays = (self._watch, self._row, self._group, self._flags, self._armed, self._day)
        members = [each for family in self._families.values() for each in (family.slots, family.legs)]
        return (
            sum(array.nbytes for array in (*arrays, self._lines.up, self._lines.down))
            + sum(ladder.nbytes for ladder in self._ladders.values())
            + self._boxes.nbytes
            + sum(each.nbytes for each in members)
            + 64 * (len(self._told) + len(self._boxes) + len(self._asked))
        )

    def view(self, rule: Rule, quote: Quote) -> View:
        account, symbol = rule.watch.account, rule.key.symbol
        return View(
            quote,
            self._cost_of(account, symbol),
            self._holding_of(account, symbol),
            self.tape.past(symbol),
            rule.arm.peak,
        )

    # -- how a watch becomes rules

    def _take(self, watch: Watch, arms: Iterable[Arm]) -> list[tuple[Gauge, Rows, Slots]]:
        """Give the rules of a watch their places; returns those that belong on ladders, with their symbols."""
        groups = watch.groups()
        rows = self.tape.rows(watch.symbols)
        start = self._allot(len(rows) * len(groups))
        many = len(rows) > _MANY
        block = _Block(watch, start, len(groups), dict(zip(watch.symbols, count())) if many else None)
        self._blocks[watch.id] = block
        self._count += block.stop - start
        if watch.scope != "market":
            self._rules_on.update(dict.fromkeys(watch.symbols, len(groups)))
        self._know_symbols(watch, rows)
        place = slice(start, block.stop)
        self._watch[place] = self._enlist(block)
        self._row[place] = np.repeat(rows, len(groups))
        self._group[place] = np.tile(np.arange(len(groups), dtype=np.int16), len(rows))
        self._armed[place], self._day[place] = _UNJUDGED, 0
        laddered = []
        for group, conditions in enumerate(groups):
            slots = np.arange(start + group, block.stop, len(groups), dtype=np.int32)
            chosen = [watch.conditions[index] for index in conditions]
            flags = _DAILY * any(condition.daily for condition in chosen) | _MARKET * (watch.scope == "market")
            for condition in chosen:
                self._prepare(condition)
            if has_lines(chosen):
                self._flags[slots] = flags | _RISING * bool(chosen[0].rising)
                self._draw_first(watch, chosen[0], rows, slots)
                laddered.append((chosen[0].gauge, rows, slots))
            else:
                self._flags[slots] = flags
                self._box(watch, chosen, rows, slots)
        for arm in arms:
            slot = block.slot(arm.key)
            if slot is not None:
                self._recall(slot, arm)
        return laddered

    def _draw_first(self, watch: Watch, condition: Condition, rows: Rows, slots: Slots) -> None:
        """Give rules their lines before they are sorted in by them."""
        band = band_parts(watch)
        if not condition.inputs:
            self._draw(slots, alike(condition.zone(View(_ACCOUNT_ONLY)), len(slots)), band, condition.gauge)
        elif condition.needs_cost:
            for row, slot in zip(rows.tolist(), slots.tolist(), strict=True):
                self._asked.setdefault(row, set()).add(slot)
                self._ask(slot)
        else:
            family, value = self._family(condition, band)
            values = family.slots.add(slots, value)
            self._draw(slots, self._solve(family, rows, values), band, condition.gauge)

    def _box(self, watch: Watch, conditions: Sequence[Condition], rows: Rows, slots: Slots) -> None:
        self.tape.follow_prices()
        legs = self._boxes.put(slots, rows, [condition.gauge for condition in conditions])
        band = band_parts(watch)
        for at, condition in enumerate(conditions):
            column = legs[:, at].astype(np.int32)
            if not condition.inputs:
                self._enclose(column, alike(condition.zone(View(_ACCOUNT_ONLY)), len(column)), band, condition)
            elif condition.needs_cost:
                for row, slot in zip(rows.tolist(), slots.tolist(), strict=True):
                    self._asked.setdefault(row, set()).add(slot)
            else:
                family, value = self._family(condition, band)
                values = family.legs.add(column, value)
                self._enclose(column, self._solve(family, rows, values, self._boxes.peak[column]), band, condition)
        if any(condition.needs_cost for condition in conditions):
            for slot in slots.tolist():
                self._ask(slot)
        if any(Input.ACCOUNT in condition.inputs for condition in conditions):
            self._weighed.update(slots.tolist())

    def _prepare(self, condition: Condition) -> None:
        """Let the tape remember what the condition looks at."""
        if isinstance(condition, Speed):
            self.tape.watch_window(condition.period_s)
        if condition.bars is not None:
            self.tape.watch_bars(condition.bars)

    def _know_symbols(self, watch: Watch, rows: Rows) -> None:
        self._know_rows(len(self.tape))
        for symbol, row in zip(watch.symbols, rows.tolist(), strict=True):
            if not self._tick[row]:
                self._tick[row] = to_milli(tick(board_of(symbol)))

    def _allot(self, size: int) -> int:
        free = self._free.get(size)
        if free:
            return free.pop()
        start, self._end = self._end, self._end + size
        end = self._end
        if end > len(self._watch):
            self._watch, self._row = grown(self._watch, end), grown(self._row, end)
            self._group, self._flags = grown(self._group, end), grown(self._flags, end)
            self._armed, self._day = grown(self._armed, end), grown(self._day, end)
            self._lines.grow(end)
        return start

    def _enlist(self, block: _Block) -> int:
        if self._unlisted:
            number = self._unlisted.pop()
            self._listed[number] = block
            return number
        self._listed.append(block)
        return len(self._listed) - 1

    def _recall(self, slot: int, arm: Arm) -> None:
        self._armed[slot] = _UNJUDGED if arm.armed is None else int(arm.armed)
        self._day[slot] = 0 if arm.day is None else (arm.day - _EPOCH).days
        if arm.told_at is not None:
            self._told[slot] = arm.told_at, arm.told
        if arm.peak is not None and slot in self._boxes:
            self._boxes.peak[self._boxes.legs_of(slot)] = arm.peak

    def _drop(self, watch_id: str) -> None:
        block = self._blocks.pop(watch_id, None)
        if block is None:
            return
        watch, band = block.watch, band_parts(block.watch)
        self._held -= self._is_held(block)
        self._count -= block.stop - block.start
        for symbol in () if watch.scope == "market" else watch.symbols:
            self._rules_on[symbol] -= block.groups
            if not self._rules_on[symbol]:
                del self._rules_on[symbol]
        rows = self.tape.rows(watch.symbols)
        for group, conditions in enumerate(watch.groups()):
            slots = np.arange(block.start + group, block.stop, block.groups, dtype=np.int32)
            chosen = [watch.conditions[index] for index in conditions]
            if has_lines(chosen):
                ladder = self._ladders[chosen[0].gauge]
                for row, slot in zip(rows.tolist(), slots, strict=True):
                    ladder.drop(row, slot)
                if chosen[0].inputs and not chosen[0].needs_cost:
                    self._family(chosen[0], band)[0].slots.drop(slots)
            else:
                legs = np.array([self._boxes.drop(slot) for slot in slots.tolist()], np.int32)
                for at, condition in enumerate(chosen):
                    if condition.inputs and not condition.needs_cost:
                        self._family(condition, band)[0].legs.drop(legs[:, at])
        for number, row in zip(
            range(block.start, block.stop), self._row[block.start : block.stop].tolist(), strict=True
        ):
            self._told.pop(number, None)
            if row in self._asked:
                self._asked[row].discard(number)
            self._weighed.discard(number)
        listed = int(self._watch[block.start])
        self._listed[listed] = None
        self._unlisted.append(listed)
        self._free.setdefault(block.stop - block.start, []).append(block.start)

    def _slot(self, key: RuleKey) -> int | None:
        block = self._blocks.get(key.watch_id)
        return None if block is None else block.slot(key)

    def _rule(self, slot: int) -> Rule:
        block = self._listed[int(self._watch[slot])]
        assert block is not None, "a rule lives as long as its watch"
        group = int(self._group[slot])
        key = RuleKey(block.watch.id, self.tape.symbols[int(self._row[slot])], group)
        held = bool(self._flags[slot] & _HELD)
        return Rule(block.watch, key, block.watch.groups()[group], self._arm(slot, key), held)

    def _arm(self, slot: int, key: RuleKey) -> Arm:
        armed, day = int(self._armed[slot]), int(self._day[slot])
        told_at, told = self._told.get(slot, (None, 0))
        peak = int(self._boxes.peak[self._boxes.legs_of(slot)].max()) if slot in self._boxes else 0
        return Arm(
            key=key,
            armed=None if armed == _UNJUDGED else bool(armed),
            day=_EPOCH + timedelta(days=day) if day else None,
            told_at=told_at,
            told=told,
            peak=peak or None,
        )

    # -- zones

    def _ladder(self, gauge: Gauge) -> Ladder:
        if gauge not in self._ladders:
            self._ladders[gauge] = Ladder(self._lines)
        return self._ladders[gauge]

    def _family(self, condition: Condition, band: int) -> tuple[Family, int]:
        """The family of a condition, and its own value."""
        shared, value = family_of(condition)
        key = shared, band
        if key not in self._families:
            self._families[key] = Family(shared, band)
        return self._families[key], value

    def _solve(self, family: Family, rows: Rows | Slots, values: Slots, peaks: Ints | None = None) -> Zones:
        none = _NO_PEAKS if peaks is None else peaks
        return solve(family.condition, self.tape, self._frame, rows.astype(np.intp), values.astype(np.int64), none)

    def _draw(self, slots: Slots, zones: Zones, band: int, gauge: Gauge) -> None:
        """Put the lines of rules where their zones end; those without a zone are parked where nothing comes."""
        ticks = self._tick[self._row[slots]] if gauge.has_ticks else np.zeros(len(slots), np.int64)
        back_low, back_high = widened(zones.low, zones.high, ticks, band)
        rising = (self._flags[slots] & _RISING) > 0
        up = np.where(rising, zones.low, back_high + 1)
        down = np.where(rising, back_low, zones.high + 1)
        nowhere = zones.low > zones.high
        # Past every reading, so that it never holds and is armed.
        up = np.where(nowhere, np.where(rising, MOST, -MOST), up)
        down = np.where(nowhere, np.where(rising, MOST, -MOST), down)
        self._lines.up[slots] = np.where(zones.known, up.clip(-MOST, MOST), MOST)
        self._lines.down[slots] = np.where(zones.known, down.clip(-MOST, MOST), -MOST)
        self._flags[slots] = np.where(zones.known, self._flags[slots] & ~_PARKED, self._flags[slots] | _PARKED)

    def _enclose(self, legs: Slots, zones: Zones, band: int, condition: Condition) -> None:
        """Give legs of boxes their zones."""
        boxes = self._boxes
        ticks = self._tick[boxes.row[legs]] if condition.gauge.has_ticks else np.zeros(len(legs), np.int64)
        boxes.low[legs], boxes.high[legs], boxes.known[legs] = zones
        bare = isinstance(condition, LimitUp | LimitDown) and condition.event == "open"
        back = (zones.low, zones.high) if bare else widened(zones.low, zones.high, ticks, band)
        boxes.back_low[legs], boxes.back_high[legs] = back

    def _ask(self, slot: int) -> None:
        """Let the account say where a rule holds now."""
        rule = self._rule(slot)
        account, symbol = rule.watch.account, rule.key.symbol
        view = View(_ACCOUNT_ONLY, self._cost_of(account, symbol), self._holding_of(account, symbol))
        band = band_parts(rule.watch)
        boxed = slot in self._boxes
        for at, condition in enumerate(rule.chosen):
            if condition.needs_cost:
                zones = alike(condition.zone(view), 1)
                if boxed:
                    self._enclose(np.array([self._boxes.legs_of(slot)[at]], np.int32), zones, band, condition)
                else:
                    self._draw(np.array([slot], np.int32), zones, band, condition.gauge)

    def _follow(self) -> None:
        """Move the zones that the newest frame, a closed bar or an account has moved."""
        unsorted: dict[Gauge, list[Rows]] = {}
        moved = self.tape.moved
        changed: dict[Period, Rows] = {period: self.tape.changed(period) for period in self.tape.periods}
        for family in self._families.values():
            if family.every_frame:
                self._resolve_legs(family, family.legs.which, family.legs.values)
                continue
            by_bars = _NO_ROWS if family.period is None else changed[family.period]
            for rows in (moved if family.by_reference else _NO_ROWS, by_bars):
                if rows.size:
                    self._resolve(family, rows, unsorted)
        for row in self._touched:
            for slot in self._asked.get(row, ()):
                self._ask(slot)
                if slot not in self._boxes:
                    [condition] = self._rule(slot).chosen
                    unsorted.setdefault(condition.gauge, []).append(np.array([row]))
        self._touched.clear()
        for slot in self._weighed:
            self._ask(slot)
        for gauge, found in unsorted.items():
            self._ladders[gauge].sort(np.unique(np.concatenate(found)))

    def _resolve(self, family: Family, rows: Rows, unsorted: dict[Gauge, list[Rows]]) -> None:
        concerned = np.zeros(len(self.tape), np.bool_)
        concerned[rows] = True
        chosen = np.flatnonzero(concerned[self._row[family.slots.which]])
        if chosen.size:
            slots = family.slots.which[chosen]
            of = self._row[slots]
            zones = self._solve(family, of, family.slots.values[chosen])
            self._draw(slots, zones, family.band, family.condition.gauge)
            unsorted.setdefault(family.condition.gauge, []).append(of.astype(np.intp))
        chosen = np.flatnonzero(concerned[self._boxes.row[family.legs.which]])
        if chosen.size:
            self._resolve_legs(family, family.legs.which[chosen], family.legs.values[chosen])

    def _resolve_legs(self, family: Family, legs: Slots, values: Slots) -> None:
        if not len(legs):
            return
        boxes = self._boxes
        rows = boxes.row[legs]
        if Input.PEAK in family.condition.inputs:
            boxes.peak[legs] = np.maximum(boxes.peak[legs], self.tape.prices[rows])
        self._enclose(legs, self._solve(family, rows, values, boxes.peak[legs]), family.band, family.condition)

    # -- judging

    def evaluate(self, frame: Frame, doubts: Doubts, *, after_gap: bool = False) -> Evaluation:
        """Judge a frame.

        Args:
            doubts: asked for every row that would be judged; a row in doubt is asked again on the next frame.
            after_gap: put on the triggers.
        """
        step = self.step(frame, doubts)
        triggers = [self._trigger(slot, frame, after_gap) for slot in step.fired.tolist()]
        wide = (self._flags[step.already] & _MARKET) > 0
        already = [self._trigger(slot, frame, after_gap) for slot in step.already[~wide].tolist()]
        changed = [self._rule(slot).arm for slot in step.changed.tolist()]
        unfit = [(frame.symbols[row], why) for row, why in step.doubts.items()]
        return Evaluation(triggers, already, changed, unfit, self._shares_of(step.already[wide]))

    def _shares_of(self, slots: Slots) -> Mapping[str, int]:
        """How many shares these rules are about, watch by watch."""
        pairs = set(zip(self._watch[slots].tolist(), self._row[slots].tolist(), strict=True))
        blocks = [self._listed[number] for number, _row in pairs]
        return Counter(block.watch.id for block in blocks if block is not None)

    def step(self, frame: Frame, doubts: Doubts) -> Step:
        """The same in numbers: everything but the words."""
        self.tape.add(frame, doubts)
        self._frame = frame
        place = self.tape.place(frame)
        self._know_rows(len(self.tape))
        late = self._open_day(frame, place)
        self._follow()
        found = _Found()
        for gauge, ladder in self._ladders.items():
            ladder.align(place)
            shown = readings(gauge, frame)
            woken = ladder.woken(shown)
            if not woken.size:
                continue
            doubtful = doubts(frame, woken)
            if doubtful:
                found.doubts |= doubtful
                woken = woken[~np.isin(woken, list(doubtful))]
            at = shown[woken]
            if gauge in _ZERO_IS_NONE and not at.all():
                woken, at = woken[at > 0], at[at > 0]
            if woken.size:
                self._switch(ladder.walk(woken, at), found)
        if len(self._boxes):
            self._judge_boxes(frame, place, doubts, found)
        for row in late.tolist():
            self._touch(row)
        return found.step(self._row, place)

    def _switch(self, crossed: Crossed, found: _Found) -> None:
        """Turn the rules whose lines were crossed."""
        for slots, upward in ((crossed.up, True), (crossed.down, False)):
            if slots.size:
                judged = slots[(self._flags[slots] & _HELD) == 0] if self._held else slots
                enters = ((self._flags[judged] & _RISING) > 0) == upward
                self._turn(judged[enters], judged[~enters], _NO_SLOTS, found)
        if crossed.anew.size:
            fit = (self._flags[crossed.anew] & (_HELD | _PARKED)) == 0
            slots, at = crossed.anew[fit], crossed.at[fit]
            self._open_rules(slots, found)
            over, under = at >= self._lines.up[slots], at < self._lines.down[slots]
            rising = (self._flags[slots] & _RISING) > 0
            inside, left = np.where(rising, over, under), np.where(rising, under, over)
            self._turn(slots[inside], slots[left & ~inside], slots[~(inside | left)], found)

    def _turn(self, inside: Slots, left: Slots, between: Slots, found: _Found) -> None:
        """Armed while false, fired on the crossing, armed again once it has been left."""
        armed = self._armed
        was = armed[inside]
        fired, already = inside[was == 1], inside[was == _UNJUDGED]
        armed[inside] = 0
        left = left[armed[left] != 1]
        armed[left] = 1
        if between.size:
            between = between[armed[between] == _UNJUDGED]
            armed[between] = 1
        for slots in (fired, already, left, between):
            if slots.size:
                self._day[slots] = np.where(
                    self._flags[slots] & _DAILY, self._quote_day[self._row[slots]], self._day[slots]
                )
                found.changed.append(slots)
        if fired.size:
            found.fired.append(fired)
        if already.size:
            found.already.append(already)

    def _open_rules(self, slots: Slots, found: _Found) -> None:
        """Arm what is about the day and was told on an earlier one."""
        day = self._day[slots]
        begun = slots[
            ((self._flags[slots] & _DAILY) > 0)
            & (self._armed[slots] == 0)
            & (day > 0)
            & (day < self._quote_day[self._row[slots]])
        ]
        if begun.size:
            self._armed[begun] = 1
            self._day[begun] = self._quote_day[self._row[begun]]
            found.changed.append(begun)

    def _judge_boxes(self, frame: Frame, place: Rows, doubts: Doubts, found: _Found) -> None:
        boxes = self._boxes
        shape = len(GAUGES), len(self.tape)
        shown, present = np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
        fit = self.tape.prices > 0
        for gauge in boxes.gauges:
            if gauge in {Gauge.QUEUE_UP, Gauge.QUEUE_DOWN}:
                values = self.tape.sealed["up" if gauge is Gauge.QUEUE_UP else "down"]
            else:
                values = np.zeros(shape[1], np.int64)
                values[place] = readings(gauge, frame)
            at = GAUGES.index(gauge)
            shown[at] = values
            present[at] = fit & (values > 0) if gauge in _ZERO_IS_NONE else fit
        unfit = np.flatnonzero(~fit[place])
        if unfit.size:
            watched = np.zeros(shape[1], np.bool_)
            watched[boxes.rows()] = True
            found.doubts |= doubts(frame, unfit[watched[place[unfit]]])
        standing = boxes.judge(shown, present)
        if self._held:
            standing = Standing(*(slots[(self._flags[slots] & _HELD) == 0] for slots in standing))
        if self._unopened[boxes.rows()].any():
            judged = np.concatenate(standing)
            self._open_rules(judged, found)
            self._unopened[self._row[judged]] = False
        self._turn(*standing, found)

    def _open_day(self, frame: Frame, place: Rows) -> Rows:
        """Judge everything again on the first frame of a market day, even where no reference price has moved.

        Returns:
            Symbols whose quote is of another day than the frame: what it decides says nothing about the prices of this
            day, so that they are judged again.
        """
        begins, ends = self._today
        if not begins <= frame.at < ends:
            midnight = datetime.combine(market_time(frame.at).date(), time(), MARKET_ZONE).astimezone(UTC)
            self._today = midnight, midnight + timedelta(days=1)
            self._unseen[:] = self._unopened[:] = True
            for ladder in self._ladders.values():
                ladder.touch_all()
        unseen = np.flatnonzero(self._unseen[place])
        if not unseen.size:
            return _NO_ROWS
        rows = place[unseen]
        days = (frame.quoted_at[unseen] + MARKET_MS) // _DAY_MS
        self._quote_day[rows] = days
        today = (market_time(frame.at).date() - _EPOCH).days
        self._unseen[rows] = days != today
        other: Rows = rows[days != today]
        return other

    def _know_rows(self, size: int) -> None:
        if size > len(self._unseen):
            self._tick, self._quote_day = grown(self._tick, size), grown(self._quote_day, size)
            self._unseen, self._unopened = grown(self._unseen, size, True), grown(self._unopened, size, True)

    def judge_first(self, watch: Watch, quotes: Callable[[Symbol], Quote | None]) -> tuple[list[Arm], list[Trigger]]:
        """The first arms of a watch by the quotes at hand, and what of it already holds. It is not taken in."""
        for condition in watch.conditions:
            self._prepare(condition)
        arms, already = [], []
        for symbol in watch.symbols:
            quote = quotes(symbol)
            for group, conditions in enumerate(watch.groups()):
                key = RuleKey(watch.id, symbol, group)
                rule = Rule(watch, key, conditions, Arm(key=key))
                judged = judge(rule, self.view(rule, quote)) if quote is not None else None
                arms.append(judged.arm if judged is not None and judged.arm is not None else rule.arm)
                if quote is not None and judged is not None and judged.already:
                    already.append(Trigger(key, quote, judged.why))
        return arms, already

    def _trigger(self, slot: int, frame: Frame, after_gap: bool) -> Trigger:
        rule = self._rule(slot)
        quote = frame.quote(rule.key.symbol)
        assert quote is not None, "only what is in a frame can fire"
        return Trigger(rule.key, quote, why(rule, self.view(rule, quote)), after_gap)
