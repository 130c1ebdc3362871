"""Boxes: the rules that are no single fixed line, judged together by a few operations over arrays.

A box holds while each of its legs lies in its zone: a range, several conditions at once, a zone that moves with every
price. What moves a zone is the rule book's business; here stand the zones as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.frames import Ints
from core.ladder import Rows, Slots, grown
from core.zones import Gauge

GAUGES: Final = tuple(Gauge)
GONE: Final = -1


class Standing(NamedTuple):
    """How boxes stand: rules in their zones, past what must be left, and between the two."""

    inside: Slots
    left: Slots
    between: Slots


class Boxes:
    """All rules of several legs, or of one that moves. Legs of a box stand together, in the order of its conditions."""

    def __init__(self) -> None:
        self.slots: Slots = np.zeros(0, np.int32)
        self._first: Slots = np.zeros(0, np.int32)
        self._boxes = 0
        self.legs = 0
        self._gauge: NDArray[np.int8] = np.zeros(0, np.int8)
        self.row: Slots = np.zeros(0, np.int32)
        self.owner: Slots = np.zeros(0, np.int32)
        """The rule of each leg; GONE where it has been taken out."""
        self.low: Ints = np.zeros(0, np.int64)
        self.high: Ints = np.zeros(0, np.int64)
        self.back_low: Ints = np.zeros(0, np.int64)
        self.back_high: Ints = np.zeros(0, np.int64)
        self.known: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.peak: Ints = np.zeros(0, np.int64)
        self._kept = self.peak
        self._count = 0
        self._gauges: set[int] = set()
        self._rows: Rows | None = None
        self._flat: tuple[int, Rows] | None = None

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        arrays = (self.slots, self._first, self._gauge, self.row, self.owner, self.low, self.high)
        return sum(one.nbytes for one in (*arrays, self.back_low, self.back_high, self.known, self.peak))

    @property
    def gauges(self) -> Sequence[Gauge]:
        """Those that have had a leg."""
        return [GAUGES[place] for place in sorted(self._gauges)]

    def set_zones(
        self, legs: Slots, zones: tuple[Ints, Ints], back: tuple[Ints, Ints], known: NDArray[np.bool_]
    ) -> None:
        """Say where legs hold, and what each must leave before its rule is armed again."""
        self.low[legs], self.high[legs] = zones
        self.back_low[legs], self.back_high[legs] = back
        self.known[legs] = known

    def put(self, slots: Slots, rows: Rows, gauges: Sequence[Gauge]) -> Rows:
        """Take rules of the same conditions in, one per symbol, with no zone known yet.

        Returns:
            Their legs, [rule, condition].
        """
        first, count, size = self.legs, len(gauges), len(slots)
        self._reserve(self._boxes + size, first + count * size)
        legs = (first + np.arange(count * size)).reshape(size, count)
        boxes = slice(self._boxes, self._boxes + size)
        self.slots[boxes], self._first[boxes] = slots, legs[:, 0]
        self._count += size
        self._boxes += size
        self.legs += count * size
        new = slice(first, self.legs)
        self._gauges.update(GAUGES.index(gauge) for gauge in gauges)
        self._gauge[new] = np.tile(np.array([GAUGES.index(gauge) for gauge in gauges], np.int8), size)
        self.row[new], self.owner[new] = np.repeat(rows, count), np.repeat(slots, count)
        self.known[new], self.peak[new] = False, 0
        self._rows = self._flat = None
        return legs

    def drop(self, slot: int) -> range:
        """Take a rule out; the legs that it had."""
        box = self._box(slot)
        legs = self._legs_at(box)
        self._count -= 1
        self.slots[box] = GONE
        self.owner[legs.start : legs.stop] = GONE
        self.known[legs.start : legs.stop] = False
        self._rows = None
        return legs

    @property
    def wasteful(self) -> bool:
        """Whether most of what is kept has been taken out."""
        return self._boxes > 2 * self._count + 16

    def compact(self) -> Slots:
        """Forget what has been taken out; the new number of every leg, by its old one."""
        legs = self.owner[: self.legs] != GONE
        boxes = self.slots[: self._boxes] != GONE
        numbers: Slots = (legs.cumsum() - 1).astype(np.int32)
        self.slots = self.slots[: self._boxes][boxes]
        self._first = numbers[self._first[: self._boxes][boxes]]
        for name in ("_gauge", "row", "owner", "low", "high", "back_low", "back_high", "known", "peak"):
            setattr(self, name, getattr(self, name)[: self.legs][legs])
        self._boxes, self.legs = len(self.slots), len(self.row)
        self._kept = grown(self._kept, len(legs))[: len(legs)][legs]
        self._flat = None
        return numbers

    def legs_of(self, slot: int) -> range:
        return self._legs_at(self._box(slot))

    def _box(self, slot: int) -> int:
        # Asked for when a rule is edited or told, and never for all of them: a table would cost more than it saves.
        return int((self.slots[: self._boxes] == slot).argmax())

    def _legs_at(self, box: int) -> range:
        end = int(self._first[box + 1]) if box + 1 < self._boxes else self.legs
        return range(int(self._first[box]), end)

    def judge(self, readings: Ints, present: NDArray[np.bool_]) -> Standing:
        """How every box stands whose legs can all be judged.

        Args:
            readings: [gauge, row], in the order of :class:`~core.zones.Gauge`.
            present: likewise; False where there is no reading, or one in doubt.
        """
        legs, boxes = slice(0, self.legs), slice(0, self._boxes)
        places = self._places(readings.shape[1])
        at = readings.reshape(-1).take(places)
        inside = (at >= self.low[legs]) & (at <= self.high[legs])
        left = (at < self.back_low[legs]) | (at > self.back_high[legs])
        judged = self.known[legs] & present.reshape(-1).take(places)
        if self.legs != self._boxes:
            first = self._first[boxes]
            inside = np.logical_and.reduceat(inside, first)
            left = np.logical_or.reduceat(left, first)
            judged = np.logical_and.reduceat(judged, first)
        slots = self.slots[boxes]
        inside &= judged
        left &= judged
        left &= ~inside
        return Standing(slots[inside], slots[left], slots[judged & ~inside & ~left])

    def risen(self) -> Slots:
        """The rules whose peak is another one than when this was last asked."""
        peaks = self.peak[: self.legs]
        moved = self.owner[: self.legs][peaks != grown(self._kept, self.legs)[: self.legs]]
        self._kept = peaks.copy()
        return np.unique(moved[moved != GONE])

    def rows(self) -> Rows:
        """The symbols of all boxes."""
        if self._rows is None:
            self._rows = np.unique(self.row[: self.legs][self.owner[: self.legs] != GONE])
        return self._rows

    def _places(self, symbols: int) -> Rows:
        """Where the reading of each leg stands in a table of so many symbols by gauge."""
        if self._flat is None or self._flat[0] != symbols:
            legs = slice(0, self.legs)
            self._flat = symbols, self._gauge[legs].astype(np.intp) * symbols + self.row[legs]
        return self._flat[1]

    def _reserve(self, boxes: int, legs: int) -> None:
        if boxes > len(self.slots):
            self.slots, self._first = grown(self.slots, boxes), grown(self._first, boxes)
        if legs > len(self.row):
            self._gauge, self.row, self.owner = grown(self._gauge, legs), grown(self.row, legs), grown(self.owner, legs)
            self.low, self.high = grown(self.low, legs), grown(self.high, legs)
            self.back_low, self.back_high = grown(self.back_low, legs), grown(self.back_high, legs)
            self.known, self.peak = grown(self.known, legs), grown(self.peak, legs)
