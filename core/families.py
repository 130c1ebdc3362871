"""Families: conditions that differ in nothing but their value, and so are solved together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from core.compiled import WHOLE, Solvable
from core.conditions import Condition
from core.frames import Ints
from core.ladder import Rows, Slots, grown
from core.types import Symbol
from core.view import Input
from core.watches import RuleKey, Watch
from core.zones import BAND, Gauge

_EVERY_FRAME: Final = frozenset({Input.WINDOW, Input.EXTREMES, Input.QUEUE, Input.PEAK})


class Members:
    """Numbers with a value each, in no order."""

    def __init__(self) -> None:
        self._which: Slots = np.zeros(8, np.int32)
        self._values: Slots = np.zeros(8, np.int32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def which(self) -> Slots:
        return self._which[: self._count]

    @property
    def values(self) -> Slots:
        return self._values[: self._count]

    @property
    def nbytes(self) -> int:
        return self._which.nbytes + self._values.nbytes

    def add(self, which: Slots, value: int) -> Slots:
        """Returns the value for each."""
        end = self._count + len(which)
        self._which, self._values = grown(self._which, end), grown(self._values, end)
        self._which[self._count : end], self._values[self._count : end] = which, value
        self._count = end
        return self._values[end - len(which) : end]

    def drop(self, which: Slots) -> None:
        keep = self.which != which[0] if len(which) == 1 else ~np.isin(self.which, which)
        kept = int(keep.sum())
        self._which[:kept], self._values[:kept] = self.which[keep], self.values[keep]
        self._count = kept

    def renumber(self, numbers: Slots) -> None:
        """Give each its new number, by its old one."""
        self._which[: self._count] = numbers[self.which]


class Family:
    """Conditions that are solved together."""

    def __init__(self, condition: Solvable, band: int) -> None:
        self.condition = condition
        self.band = band
        self.slots = Members()
        """Rules on a ladder."""
        self.legs = Members()
        """Legs of boxes."""
        inputs = condition.inputs
        self.every_frame = bool(inputs & _EVERY_FRAME)
        self.by_reference = Input.REFERENCES in inputs and not self.every_frame
        self.period = condition.bars
        self._seen: list[Ints] = []

    def moved(self, inputs: Sequence[Ints], size: int) -> Rows:
        """Which of so many symbols have other inputs than when this was last asked."""
        changed = np.zeros(size, np.bool_)
        for place, values in enumerate(inputs):
            if place == len(self._seen):
                self._seen.append(np.full(size, -1, np.int64))
            seen = self._seen[place] = grown(self._seen[place], size, -1)
            changed |= seen[:size] != values[:size]
            seen[:size] = values[:size]
        return changed.nonzero()[0]


def has_lines(conditions: Sequence[Condition]) -> bool:
    """Whether it is one condition whose level stays where it is from one price to the next."""
    moving = {*_EVERY_FRAME, Input.ACCOUNT, Input.MINUTES}
    return len(conditions) == 1 and conditions[0].rising is not None and not conditions[0].inputs & moving


def band_parts(watch: Watch) -> int:
    """The band of a watch, percent in parts of WHOLE."""
    return int((BAND if watch.band is None else watch.band) * WHOLE)


class New(NamedTuple):
    """Rules for a ladder: of which symbols, their numbers and their lines."""

    gauge: Gauge
    rows: Rows
    slots: Slots
    up: Slots
    down: Slots


class Block(NamedTuple):
    """The rules of one watch: symbol by symbol, group by group, one after the other."""

    watch: Watch
    start: int
    parts: Sequence[tuple[int, ...]]
    """The conditions of each group."""
    trailing: Sequence[bool]
    """Whether a group has a stop that trails the price."""
    places: Mapping[Symbol, int] | None = None
    """Where each symbol stands, of a watch on many: to look through them all would take long."""

    @property
    def groups(self) -> int:
        return len(self.parts)

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
