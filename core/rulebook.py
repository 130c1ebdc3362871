"""The rule book: the meaning of :mod:`core.conditions` over a million rules, in a few operations per snapshot.

A rule of one condition with a fixed level is two lines on a ladder (:mod:`core.ladder`); every other one is a box
(:mod:`core.boxes`). Their zones come from the array form of each kind (:mod:`core.compiled`), or from the condition
itself where only an account knows. What fired is explained by :func:`judge`, the reference, one rule at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.alerts import Trigger
from core.boxes import GAUGES, Boxes, Standing
from core.clock import market_time, midnight
from core.compiled import MARKET_MS, Solvable, Zones, alike, family_of, moving, readings, solve, widened
from core.conditions import Condition, LimitDown, LimitUp, Speed
from core.families import Block, Family, New, band_parts, has_lines
from core.frames import Frame, Ints, Quote
from core.judging import Rule, judge, why
from core.ladder import MOST, Crossed, Ladder, Lying, Rows, Slots, grown
from core.market import board_of, tick
from core.steps import Evaluation, Found, Step
from core.tape import Doubts, Tape
from core.types import Price, Symbol, to_milli
from core.view import Holding, Input, View
from core.watches import Arm, Memory, RuleKey, Watch
from core.zones import EVERYWHERE, Gauge, Missing, Zone

_NO_DAY: Final = (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC))
_RISING, _DAILY, _HELD, _PARKED, _BOXED, _MARKET = 1, 2, 4, 8, 16, 32
_UNJUDGED: Final = -1
_NEVER_TOLD: Final[tuple[datetime | None, int]] = (None, 0)
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

_NOT_HELD: Final = Missing("没有持仓")
_NO_ROWS: Final[Rows] = np.zeros(0, np.intp)
_NO_SLOTS: Final[Slots] = np.zeros(0, np.int32)
_NO_PEAKS: Final[Ints] = np.zeros(0, np.int64)

CostOf = Callable[[str, Symbol], Price | None]
"""Average cost of a symbol in an account; None without a position."""
HoldingOf = Callable[[str, Symbol], Holding | None]


class RuleBook:
    """All live rules. Not thread-safe: it belongs to the loop.

    Args:
        holding_of: what an account holds; without it no rule about a position can be judged.
    """

    def __init__(self, cost_of: CostOf, tape: Tape | None = None, holding_of: HoldingOf | None = None) -> None:
        self._cost_of = cost_of
        self._holding_of = holding_of or (lambda _account, _symbol: None)
        self.tape = Tape() if tape is None else tape
        self._blocks: dict[str, Block] = {}
        self._listed: list[Block | None] = []
        self._unlisted: list[int] = []
        self._free: dict[int, list[int]] = {}
        self._end = 0
        self._count = 0
        # By rule.
        self._watch: Slots = np.zeros(0, np.int32)
        self._row: Slots = np.zeros(0, np.int32)
        self._group: NDArray[np.int16] = np.zeros(0, np.int16)
        self._flags: NDArray[np.int8] = np.zeros(0, np.int8)
        self._armed: NDArray[np.int8] = np.zeros(0, np.int8)
        self._day: NDArray[np.uint16] = np.zeros(0, np.uint16)
        self._told: dict[int, tuple[datetime, int]] = {}
        # By symbol.
        self._tick: Ints = np.zeros(0, np.int64)
        self._quote_day: NDArray[np.uint16] = np.zeros(0, np.uint16)
        self._unseen: NDArray[np.bool_] = np.zeros(0, np.bool_)
        """No quote of today has been seen."""
        self._all_seen: Rows = _NO_ROWS
        """The rows of frames of whose every symbol one has."""
        self._named: Slots = np.zeros(0, np.int32)
        """How many rules somebody has on it, watches on the whole market left out."""
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
        for new in self._take(watch, arms):
            ladder = self._ladder(new.gauge)
            for row, slot, up, down in zip(*(each.tolist() for each in new[1:]), strict=True):
                ladder.put(row, slot, up, down)
        self.touch(watch.symbols)

    def fill(self, watches: Iterable[tuple[Watch, Memory]]) -> None:
        """Take very many watches in at once, as after a start. Faster than one by one, and only for an empty book."""
        assert not self._blocks, "a book that has rules is added to one by one"
        found: dict[Gauge, list[New]] = {}
        for watch, memory in watches:
            for new in self._take(watch, memory.arms):
                found.setdefault(new.gauge, []).append(new)
            if memory.armed:
                self._recall_bare(self._blocks[watch.id], memory)
        for gauge, every in found.items():
            rows, slots, up, down = (np.concatenate(each) for each in zip(*(new[1:] for new in every), strict=True))
            self._ladder(gauge).fill(rows, slots, up, down, len(self.tape))

    def remove(self, watch_id: str) -> None:
        self._drop(watch_id)
        self._emptied = self._emptied or not self._named.any()

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

    def _is_held(self, block: Block) -> bool:
        return bool(self._flags[block.start] & _HELD)

    def was_empty(self) -> bool:
        """Whether there was a moment without symbols since this was last asked: then nothing was to be seen."""
        emptied, self._emptied = self._emptied, not self._named.any()
        return emptied

    def touch(self, symbols: Collection[Symbol]) -> None:
        """Judge these again on the next frame: a rule or a cost has changed."""
        self._touch(self.tape.rows(symbols))

    def _touch(self, rows: Rows) -> None:
        self._touched.update(rows.tolist())
        for ladder in self._ladders.values():
            ladder.touch(rows)

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
        return () if block is None else self._rules(range(block.start, block.stop))

    def risen(self) -> Sequence[Rule]:
        """Rules whose peak is another one than when this was last asked."""
        return self._rules(self._boxes.risen().tolist())

    @property
    def symbols(self) -> set[Symbol]:
        """What somebody named; that which only watches on the whole market look at is not among them."""
        return {self.tape.symbols[row] for row in self._named.nonzero()[0].tolist()}

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        """Of everything that grows with the rules, the watches themselves left out."""
        arrays = (self._watch, self._row, self._group, self._flags, self._armed, self._day)
        members = [each for family in self._families.values() for each in (family.slots, family.legs)]
        return (
            sum(array.nbytes for array in arrays)
            + sum(ladder.nbytes for ladder in self._ladders.values())
            + self._boxes.nbytes
            + sum(each.nbytes for each in members)
            + 64 * (len(self._told) + len(self._asked))
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

    def _take(self, watch: Watch, arms: Iterable[Arm]) -> list[New]:
        """Give the rules of a watch their places; returns those that belong on ladders."""
        groups = watch.groups()
        rows = self.tape.rows(watch.symbols)
        start = self._allot(len(rows) * len(groups))
        trailing = [any(Input.PEAK in watch.conditions[index].inputs for index in group) for group in groups]
        places = dict(zip(watch.symbols, count())) if len(rows) > _MANY else None
        block = Block(watch, start, groups, trailing, places)
        self._blocks[watch.id] = block
        self._count += block.stop - start
        self._know_symbols(watch, rows)
        if watch.scope != "market":
            self._named[rows] += len(groups)
        place = slice(start, block.stop)
        self._watch[place] = self._enlist(block)
        self._row[place] = np.repeat(rows, len(groups))
        self._group[place] = np.tile(np.arange(len(groups), dtype=np.int16), len(rows))
        self._armed[place], self._day[place] = _UNJUDGED, 0
        laddered: list[New] = []
        fixed: dict[Gauge, list[tuple[int, bool, Zone | Missing]]] = {}
        market = _MARKET * (watch.scope == "market")
        for group, conditions in enumerate(groups):
            chosen = [watch.conditions[index] for index in conditions]
            first = chosen[0]
            if len(chosen) == 1 and first.rising is not None and not first.inputs and not first.daily:
                fixed.setdefault(first.gauge, []).append((group, first.rising, first.zone(View(_ACCOUNT_ONLY))))
                continue
            slots = np.arange(start + group, block.stop, len(groups), dtype=np.int32)
            flags = _DAILY * any(condition.daily for condition in chosen) | market
            for condition in chosen:
                self._prepare(condition)
            if has_lines(chosen):
                self._flags[slots] = flags | _RISING * bool(first.rising)
                laddered.append(New(first.gauge, rows, slots, *self._draw_first(watch, first, rows, slots)))
            else:
                self._flags[slots] = flags | _BOXED
                self._box(watch, chosen, rows, slots)
        for gauge, every in fixed.items():
            laddered.append(self._draw_fixed(watch, gauge, every, rows, block))
        peaks = False
        for arm in arms:
            slot = block.slot(arm.key)
            if slot is not None:
                self._recall(slot, arm)
                peaks = peaks or arm.peak is not None
        if peaks:
            self._resolve_peaks(block)
        return laddered

    def _draw_fixed(
        self, watch: Watch, gauge: Gauge, every: Sequence[tuple[int, bool, Zone | Missing]], rows: Rows, block: Block
    ) -> New:
        """Draw the lines of all groups that hang on nothing at once: most rules are like that."""
        groups, rising, zones = zip(*every, strict=True)
        slots = (np.arange(block.start, block.stop, block.groups)[:, None] + np.array(groups)).astype(np.int32)
        self._flags[slots] = np.where(rising, _RISING, 0) | _MARKET * (watch.scope == "market")
        known = np.array([not isinstance(zone, Missing) for zone in zones])
        ends = np.array([EVERYWHERE if isinstance(zone, Missing) else zone for zone in zones])
        low, high, known = (np.tile(each, len(rows)) for each in (ends[:, 0], ends[:, 1], known))
        up, down = self._draw(slots.ravel(), Zones(low, high, known), band_parts(watch), gauge)
        return New(gauge, np.repeat(rows, len(groups)), slots.ravel(), up, down)

    def _draw_first(self, watch: Watch, condition: Condition, rows: Rows, slots: Slots) -> tuple[Slots, Slots]:
        """The lines of rules that are about to be taken in."""
        band = band_parts(watch)
        if condition.needs_cost:
            up, down = self._draw(slots, alike(_NOT_HELD, len(slots)), band, condition.gauge)
            for place, (row, slot) in enumerate(zip(rows.tolist(), slots.tolist(), strict=True)):
                self._asked.setdefault(row, set()).add(slot)
                if self._cost_of(watch.account, watch.symbols[place]) is not None:
                    up[place], down[place] = self._ask(slot)
            return up, down
        if not condition.inputs:  # about the day, and yet the same every day
            zones = alike(condition.zone(View(_ACCOUNT_ONLY)), len(slots))
        else:
            family, value = self._family(condition, band)
            values = family.slots.add(slots, value)
            zones = self._solve(family, rows, values)
        return self._draw(slots, zones, band, condition.gauge)

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
        if Input.QUEUE in condition.inputs:
            self.tape.follow_queues()
        if condition.bars is not None:
            self.tape.watch_bars(condition.bars)

    def _know_symbols(self, watch: Watch, rows: Rows) -> None:
        self._know_rows(len(self.tape))
        for place in (self._tick[rows] == 0).nonzero()[0].tolist():
            self._tick[rows[place]] = to_milli(tick(board_of(watch.symbols[place])))

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
        return start

    def _enlist(self, block: Block) -> int:
        if self._unlisted:
            number = self._unlisted.pop()
            self._listed[number] = block
            return number
        self._listed.append(block)
        return len(self._listed) - 1

    def _recall_bare(self, block: Block, memory: Memory) -> None:
        """Remember of many rules whether they are armed, and nothing else."""
        symbols = block.watch.symbols
        if block.groups == 1 and tuple(memory.symbols) == symbols:  # nearly always
            at = np.arange(len(symbols))
        else:
            places = block.places or dict(zip(symbols, count()))
            at = np.array([places.get(Symbol(symbol), -1) for symbol in memory.symbols])
        group = np.array(memory.groups)
        known = (at >= 0) & (group < block.groups)
        armed = np.frombuffer(memory.armed.encode("ascii"), np.int8) - ord("0")
        slots = block.start + at[known] * block.groups + group[known]
        self._armed[slots] = np.where(armed[known] > 1, _UNJUDGED, armed[known])

    def _recall(self, slot: int, arm: Arm) -> None:
        self._armed[slot] = _UNJUDGED if arm.armed is None else int(arm.armed)
        self._day[slot] = 0 if arm.day is None else (arm.day - _EPOCH).days
        if arm.told_at is not None:
            self._told[slot] = arm.told_at, arm.told
        if arm.peak is not None and self._is_boxed(slot):
            self._boxes.peak[self._boxes.legs_of(slot)] = arm.peak

    def _resolve_peaks(self, block: Block) -> None:
        """Let what trails a price begin from the peaks that were recalled."""
        for group, conditions in enumerate(block.parts):
            for at, index in enumerate(conditions):
                condition = block.watch.conditions[index]
                if Input.PEAK in condition.inputs:
                    family, value = self._family(condition, band_parts(block.watch))
                    slots = range(block.start + group, block.stop, block.groups)
                    legs = np.array([self._boxes.legs_of(slot)[at] for slot in slots], np.int32)
                    self._resolve_legs(family, legs, np.full(len(legs), value, np.int32))

    def _drop(self, watch_id: str) -> None:
        block = self._blocks.pop(watch_id, None)
        if block is None:
            return
        watch, band = block.watch, band_parts(block.watch)
        self._held -= self._is_held(block)
        self._count -= block.stop - block.start
        rows = self.tape.rows(watch.symbols)
        if watch.scope != "market":
            self._named[rows] -= block.groups
        for group, conditions in enumerate(watch.groups()):
            slots = np.arange(block.start + group, block.stop, block.groups, dtype=np.int32)
            chosen = [watch.conditions[index] for index in conditions]
            if has_lines(chosen):
                ladder = self._ladders[chosen[0].gauge]
                for row, slot in zip(rows.tolist(), slots.tolist(), strict=True):
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
        # One that nobody belongs to follows no frame, and would know nothing of what has moved meanwhile.
        self._families = {key: family for key, family in self._families.items() if family.slots or family.legs}
        families = (family.condition for family in self._families.values())
        self.tape.keep_windows({one.period_s for one in families if isinstance(one, Speed)})
        if self._boxes.wasteful:
            numbers = self._boxes.compact()
            for family in self._families.values():
                family.legs.renumber(numbers)
        listed = int(self._watch[block.start])
        self._listed[listed] = None
        self._unlisted.append(listed)
        self._free.setdefault(block.stop - block.start, []).append(block.start)
        self._touch(rows)

    def _slot(self, key: RuleKey) -> int | None:
        block = self._blocks.get(key.watch_id)
        return None if block is None else block.slot(key)

    def _rule(self, slot: int) -> Rule:
        return self._rules([slot])[0]

    def _rules(self, slots: Sequence[int]) -> list[Rule]:
        """The rules of these numbers; of many at once, because a storm has ten thousand."""
        which = np.array(slots, np.intp)
        columns = (each[which].tolist() for each in (self._watch, self._row, self._group, self._flags))
        memories = (each[which].tolist() for each in (self._armed, self._day))
        symbols, listed, told_of = self.tape.symbols, self._listed, self._told
        found = []
        for slot, number, row, group, flags, armed, day in zip(slots, *columns, *memories, strict=True):
            block = listed[number]
            assert block is not None, "a rule lives as long as its watch"
            key = RuleKey(block.watch.id, symbols[row], group)
            peak = int(self._boxes.peak[self._boxes.legs_of(slot)].max()) if block.trailing[group] else 0
            arm = Arm(
                key,
                None if armed == _UNJUDGED else bool(armed),
                _EPOCH + timedelta(days=day) if day else None,
                *told_of.get(slot, _NEVER_TOLD),
                peak or None,
            )
            found.append(Rule(block.watch, key, block.parts[group], arm, bool(flags & _HELD)))
        return found

    def _is_boxed(self, slot: int) -> bool:
        return bool(self._flags[slot] & _BOXED)

    # -- zones

    def _ladder(self, gauge: Gauge) -> Ladder:
        if gauge not in self._ladders:
            self._ladders[gauge] = Ladder()
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

    def _draw(self, slots: Slots, zones: Zones, band: int, gauge: Gauge) -> tuple[Slots, Slots]:
        """The upper and lower lines of rules, where their zones end; those without a zone are parked."""
        ticks = self._tick[self._row[slots]] if gauge.has_ticks else np.zeros(len(slots), np.int64)
        back_low, back_high = widened(zones.low, zones.high, ticks, band)
        rising = (self._flags[slots] & _RISING) > 0
        up = np.where(rising, zones.low, back_high + 1)
        down = np.where(rising, back_low, zones.high + 1)
        nowhere = zones.low > zones.high
        # Past every reading, so that it never holds and is armed.
        up = np.where(nowhere, np.where(rising, MOST, -MOST), up)
        down = np.where(nowhere, np.where(rising, MOST, -MOST), down)
        self._flags[slots] = np.where(zones.known, self._flags[slots] & ~_PARKED, self._flags[slots] | _PARKED)
        up = np.where(zones.known, up.clip(-MOST, MOST), MOST)
        down = np.where(zones.known, down.clip(-MOST, MOST), -MOST)
        return up.astype(np.int32), down.astype(np.int32)

    def _enclose(self, legs: Slots, zones: Zones, band: int, condition: Condition) -> None:
        """Give legs of boxes their zones."""
        boxes = self._boxes
        ticks = self._tick[boxes.row[legs]] if condition.gauge.has_ticks else np.zeros(len(legs), np.int64)
        bare = isinstance(condition, LimitUp | LimitDown) and condition.event == "open"
        back = (zones.low, zones.high) if bare else widened(zones.low, zones.high, ticks, band)
        boxes.set_zones(legs, (zones.low, zones.high), back, zones.known)

    def _ask(self, slot: int) -> tuple[int, int]:
        """Let the account say where a rule holds now; the lines of one that has them."""
        rule = self._rule(slot)
        account, symbol = rule.watch.account, rule.key.symbol
        view = View(_ACCOUNT_ONLY, self._cost_of(account, symbol), self._holding_of(account, symbol))
        band = band_parts(rule.watch)
        if not self._is_boxed(slot):
            [condition] = rule.chosen
            up, down = self._draw(np.array([slot], np.int32), alike(condition.zone(view), 1), band, condition.gauge)
            return int(up[0]), int(down[0])
        for at, condition in enumerate(rule.chosen):
            if condition.needs_cost:
                legs = np.array([self._boxes.legs_of(slot)[at]], np.int32)
                self._enclose(legs, alike(condition.zone(view), 1), band, condition)
        return 0, 0

    def _follow(self) -> None:
        """Move the zones that the newest frame, a closed bar or an account has moved."""
        moved = self.tape.moved
        changed = {period: self.tape.changed(period) for period in self.tape.periods}
        for family in self._families.values():
            by_frame = self._moved_by_frame(family) if family.every_frame else _NO_ROWS
            by_bars = _NO_ROWS if family.period is None else changed[family.period]
            for rows in (by_frame, moved if family.by_reference else _NO_ROWS, by_bars):
                if rows.size:
                    self._resolve(family, rows)
        for row in self._touched:
            for slot in self._asked.get(row, ()):
                up, down = self._ask(slot)
                if not self._is_boxed(slot):
                    [condition] = self._rule(slot).chosen
                    lines = (np.array([line], np.int32) for line in (up, down))
                    self._ladders[condition.gauge].redraw(np.array([row]), np.array([slot], np.int32), *lines)
        self._touched.clear()
        for slot in self._weighed:
            self._ask(slot)

    def _moved_by_frame(self, family: Family) -> Rows:
        """The symbols whose zones the newest frame has moved."""
        if Input.PEAK in family.condition.inputs:
            boxes, legs = self._boxes, family.legs.which
            prices = self.tape.prices[boxes.row[legs]]
            higher = (prices > boxes.peak[legs]).nonzero()[0]
            boxes.peak[legs[higher]] = prices[higher]
            return np.unique(boxes.row[legs[higher]])
        assert self._frame is not None, "there is a newest frame when one is followed"
        return family.moved(moving(family.condition, self.tape, self._frame), len(self.tape))

    def _resolve(self, family: Family, rows: Rows) -> None:
        concerned = np.zeros(len(self.tape), np.bool_)
        concerned[rows] = True
        chosen = np.flatnonzero(concerned[self._row[family.slots.which]])
        if chosen.size:
            slots = family.slots.which[chosen]
            of = self._row[slots]
            zones = self._solve(family, of, family.slots.values[chosen])
            gauge = family.condition.gauge
            self._ladders[gauge].redraw(of.astype(np.intp), slots, *self._draw(slots, zones, family.band, gauge))
        chosen = np.flatnonzero(concerned[self._boxes.row[family.legs.which]])
        if chosen.size:
            self._resolve_legs(family, family.legs.which[chosen], family.legs.values[chosen])

    def _resolve_legs(self, family: Family, legs: Slots, values: Slots) -> None:
        if not len(legs):
            return
        boxes = self._boxes
        zones = self._solve(family, boxes.row[legs], values, boxes.peak[legs])
        self._enclose(legs, zones, family.band, family.condition)

    # -- judging

    def evaluate(self, frame: Frame, doubts: Doubts, *, after_gap: bool = False) -> Evaluation:
        """Judge a frame.

        Args:
            doubts: asked for every row that would be judged; a row in doubt is asked again on the next frame.
            after_gap: put on the triggers.
        """
        step = self.step(frame, doubts)
        ordered = self._in_order(step.changed, frame)
        # What fired has changed too, so that each rule is made once.
        rules = dict(zip(ordered, self._rules(ordered), strict=True))
        triggers = self._triggers(step.fired, rules, frame, after_gap)
        wide = (self._flags[step.already] & _MARKET) > 0
        already = self._triggers(step.already[~wide], rules, frame, after_gap)
        changed = [rule.arm for rule in rules.values()]
        unfit = [(frame.symbols[row], why) for row, why in step.doubts.items()]
        return Evaluation(triggers, already, changed, unfit, self._shares_of(step.already[wide]))

    def _triggers(self, slots: Slots, rules: Mapping[int, Rule], frame: Frame, after_gap: bool) -> list[Trigger]:
        chosen = set(slots.tolist())
        return [
            Trigger(rule, partial(self._look, rule, frame), after_gap=after_gap)
            for slot, rule in (rules.items() if chosen else ())
            if slot in chosen
        ]

    def _in_order(self, slots: Slots, frame: Frame) -> list[int]:
        """In the order of the frame, and of the rules of each symbol; each once."""
        if not slots.size:
            return []
        slots = np.unique(slots)
        place = self.tape.place(frame)
        seen = np.zeros(len(self.tape), np.int64)
        seen[place] = np.arange(place.size)
        ordered: list[int] = slots[seen[self._row[slots]].argsort(kind="stable")].tolist()
        return ordered

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
        found = Found()
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
            at = shown.take(woken)
            if gauge in _ZERO_IS_NONE and not at.all():
                woken, at = woken[at > 0], at[at > 0]
            if woken.size:
                self._switch(ladder.walk(woken, at), found)
        if len(self._boxes):
            self._judge_boxes(frame, place, doubts, found)
        self._touch(late)
        return found.step()

    def _switch(self, crossed: Crossed, found: Found) -> None:
        """Turn the rules whose lines were crossed."""
        slots, upward = crossed.rules, crossed.upward
        if slots.size:
            if self._held:
                judged = (self._flags[slots] & _HELD) == 0
                slots, upward = slots[judged], upward[judged]
            self._turn(slots, ((self._flags.take(slots) & _RISING) > 0) == upward, found)
        if crossed.anew is not None:
            self._judge_whole(crossed.anew, found)

    def _judge_whole(self, standing: Lying, found: Found) -> None:
        """Judge every rule of symbols about which something has changed, wherever its lines lie."""
        over, under, not_over = (slots[(self._flags[slots] & (_HELD | _PARKED)) == 0] for slots in standing)
        for slots in (over, not_over):
            self._open_rules(slots, found)
        for slots, upward in ((over, True), (under, False)):
            self._turn(slots, ((self._flags[slots] & _RISING) > 0) == upward, found)
        # Between its two lines a rule that was never judged counts as one that has left.
        fresh = not_over[self._armed[not_over] == _UNJUDGED]
        self._turn(fresh, np.zeros(fresh.size, np.bool_), found)

    def _turn(self, slots: Slots, inside: NDArray[np.bool_], found: Found) -> None:
        """Armed while false, fired on the crossing, armed again once it has been left."""
        was = self._armed.take(slots)
        now = (~inside).view(np.int8)
        changed = (was != now).nonzero()[0]
        if not changed.size:
            return
        slots, was, now = slots.take(changed), was.take(changed), now.take(changed)
        self._armed[slots] = now
        daily = slots[(self._flags.take(slots) & _DAILY) > 0]
        if daily.size:
            self._day[daily] = self._quote_day[self._row[daily]]
        found.changed.append(slots)
        found.fired.append(slots[was > now])
        if was.min() < 0:
            found.already.append(slots[(was == _UNJUDGED) & (now == 0)])

    def _open_rules(self, slots: Slots, found: Found) -> None:
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

    def _judge_boxes(self, frame: Frame, place: Rows, doubts: Doubts, found: Found) -> None:
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
        # Each begins its day when it is first judged itself, whatever else was on its symbol. One that has left what it
        # must leave is armed by that.
        for slots in (standing.inside, standing.between):
            self._open_rules(slots, found)
        self._turn(standing.inside, np.ones(standing.inside.size, np.bool_), found)
        self._turn(standing.left, np.zeros(standing.left.size, np.bool_), found)
        fresh = standing.between[self._armed[standing.between] == _UNJUDGED]
        self._turn(fresh, np.zeros(fresh.size, np.bool_), found)

    def _open_day(self, frame: Frame, place: Rows) -> Rows:
        """Judge everything again on the first frame of a market day, even where no reference price has moved.

        Returns:
            Symbols whose quote is of another day than the frame: what it decides says nothing about the prices of this
            day, so that they are judged again.
        """
        begins, ends = self._today
        if not begins <= frame.at < ends:
            begins = midnight(market_time(frame.at).date()).astimezone(UTC)
            self._today = begins, begins + timedelta(days=1)
            self._unseen[:] = True
            self._all_seen = _NO_ROWS
            for ladder in self._ladders.values():
                ladder.touch_all()
        if place is self._all_seen:
            return _NO_ROWS
        unseen = np.flatnonzero(self._unseen[place])
        if not unseen.size:
            self._all_seen = place
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
            self._named = grown(self._named, size)
            self._unseen = grown(self._unseen, size, True)

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
                    already.append(Trigger(rule, partial(_shown, quote, judged.why)))
        return arms, already

    def _look(self, rule: Rule, frame: Frame) -> tuple[Quote, str]:
        quote = frame.quote(rule.key.symbol)
        assert quote is not None, "only what is in a frame can fire"
        return quote, why(rule, self.view(rule, quote))


def _shown(quote: Quote, said: str) -> tuple[Quote, str]:
    return quote, said
