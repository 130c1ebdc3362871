"""Ladder: lines of very many rules on one gauge, kept so that a snapshot looks only at those it crosses.

A rule of one condition is a switch with two lines, ``down < up``: at ``up`` and above it is in one state, under
``down`` in the other, and between them it stays as it was. A rule that holds *above* a level fires at ``up`` and is
armed again under ``down``; one that holds *below* fires under ``down`` and is armed again at ``up``.

Every symbol has a segment of rules sorted by either line, and remembers how many of them lie at or under its reading.
The nearest line on either side is all that a snapshot is compared with; from there the pointers walk over what was
crossed. Lines that are passed back and forth between two such walks need no attention: to matter again, a rule's other
line must have been crossed, and that one wakes the symbol.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.frames import Ints

Slots = NDArray[np.int32]
"""Numbers of rules."""
Rows = NDArray[np.intp]

MOST: Final = 2**31 - 1
"""No reading lies beyond this, in either direction."""
CEILING: Final = 0
FLOOR: Final = 1
"""Two rules that are none: their lines lie above and below everything and end every walk."""
FIRST: Final = 2
_WALK: Final = 6
"""Steps after which a pointer that still moves is sought instead."""
_SPARE: Final = 8
_BIG: Final = 2**62


class Lines:
    """The two lines of every rule of the book."""

    def __init__(self) -> None:
        self.up = np.array([MOST, -MOST], np.int32)
        self.down = np.array([MOST, -MOST], np.int32)

    def grow(self, size: int) -> None:
        self.up = grown(self.up, size)
        self.down = grown(self.down, size)


Number = TypeVar("Number", bound=np.generic)


def grown(array: NDArray[Number], size: int, fill: int = 0) -> NDArray[Number]:
    """The array with at least ``size`` entries; with some to spare where it has to be copied."""
    if size <= len(array):
        return array
    larger = np.full(size + size // 16 + 16, fill, array.dtype)
    larger[: len(array)] = array
    return larger


class Crossed(NamedTuple):
    """What a snapshot crossed.

    Attributes:
        up: rules whose upper line was reached.
        down: rules under whose lower line the reading fell.
        anew: rules that are to be judged whole, because something about their symbol has changed.
        at: the reading of each of ``anew``.
    """

    up: Slots
    down: Slots
    anew: Slots
    at: Ints


class _Side:
    """One order of the rules: by their upper, or by their lower lines."""

    def __init__(self) -> None:
        self.rules: Slots = np.full(2, CEILING, np.int32)
        self.below: Slots = np.zeros(0, np.int32)
        """How many lines of each symbol lie at or under its reading."""


class Ladder:
    """All one-line rules on one gauge."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._start: Slots = np.zeros(0, np.int32)
        self._size: Slots = np.zeros(0, np.int32)
        self._room: Slots = np.zeros(0, np.int32)
        self._up = _Side()
        self._down = _Side()
        self._end = 1
        """Where the next segment may begin; one place lies free before each."""
        self._stale: NDArray[np.bool_] = np.zeros(0, np.bool_)
        # By the rows of the frames seen last.
        self._place: Rows = np.zeros(0, np.intp)
        self._next_up: Ints = np.zeros(0, np.int64)
        self._next_down: Ints = np.zeros(0, np.int64)

    @property
    def nbytes(self) -> int:
        arrays = (self._start, self._size, self._room, self._stale, self._next_up, self._next_down)
        sides = [array for side in (self._up, self._down) for array in (side.rules, side.below)]
        return sum(array.nbytes for array in (*arrays, *sides))

    # -- keeping

    def put(self, row: int, slot: np.int32) -> None:
        """Take a rule in; its lines are known."""
        self._widen(row + 1)
        if self._size[row] == self._room[row]:
            self._move(row, int(self._size[row]) + 1)
        start, size = int(self._start[row]), int(self._size[row])
        for side, lines in self._sides():
            rules = side.rules
            at = start + int(lines[rules[start : start + size]].searchsorted(lines[slot]))
            rules[at + 1 : start + size + 2] = rules[at : start + size + 1]
            rules[at] = slot
        self._size[row] += 1
        self.touch(row)

    def drop(self, row: int, slot: np.int32) -> None:
        """Take a rule out."""
        start, size = int(self._start[row]), int(self._size[row])
        for side, _ in self._sides():
            rules = side.rules
            at = start + int((rules[start : start + size] == slot).argmax())
            rules[at : start + size] = rules[at + 1 : start + size + 1]
        self._size[row] -= 1
        self.touch(row)

    def fill(self, rows: Rows, slots: Slots, symbols: int) -> None:
        """Take very many rules into an empty ladder at once.

        Args:
            rows: the symbol of each rule.
            symbols: how many symbols there are.
        """
        self._widen(symbols)
        size = np.bincount(rows, minlength=len(self._size)).astype(np.int32)
        room = size + size // 16 + 2
        self._start[:] = np.concatenate(([1], 1 + np.cumsum(room[:-1] + 2, dtype=np.int64)))
        self._size[:], self._room[:] = size, room
        self._end = int(self._start[-1] + room[-1] + 2) if len(room) else 1
        for side, lines in self._sides():
            order = (rows.astype(np.int64) * 2**32 + lines[slots] + 2**31).argsort()
            side.rules = np.full(self._end, CEILING, np.int32)
            side.rules[self._start - 1] = FLOOR
            side.rules[spread(self._start, size)] = slots[order]
            side.below = np.zeros(len(self._size), np.int32)
        self._stale[:] = True
        self._aim_all()

    def sort(self, rows: Rows) -> None:
        """Put segments into order again whose lines have moved."""
        rows = rows[self._known(rows)]
        rows = rows[self._size[rows] > 0]
        if not rows.size:
            return
        size = self._size[rows]
        flat = spread(self._start[rows], size)
        owner = np.repeat(np.arange(rows.size, dtype=np.int64), size)
        for side, lines in self._sides():
            segment = side.rules[flat]
            side.rules[flat] = segment[(owner * 2**32 + lines[segment] + 2**31).argsort()]
        self._stale[rows] = True
        self._aim_all()

    def touch(self, row: int) -> None:
        """Judge the rules of a symbol whole at the next snapshot."""
        if row < len(self._stale):
            self._stale[row] = True
            seen = np.flatnonzero(self._place == row)
            self._next_up[seen] = np.where(self._size[row] > 0, -_BIG, _BIG)
            self._next_down[seen] = -_BIG

    def touch_all(self) -> None:
        self._stale[:] = True
        self._aim_all()

    def _sides(self) -> tuple[tuple[_Side, Slots], tuple[_Side, Slots]]:
        return (self._up, self._lines.up), (self._down, self._lines.down)

    def _known(self, rows: Rows) -> NDArray[np.bool_]:
        return rows < len(self._size)

    def _widen(self, symbols: int) -> None:
        if symbols <= len(self._size):
            return
        # A symbol without rules has its segment between a floor and a ceiling of the last one.
        self._start = grown(self._start, symbols, self._end)
        self._size, self._room = grown(self._size, symbols), grown(self._room, symbols)
        self._stale = grown(self._stale, symbols)
        for side in (self._up, self._down):
            side.below = grown(side.below, symbols)

    def _move(self, row: int, size: int) -> None:
        """Give a segment more room, at the end of all."""
        room = size + size // 4 + _SPARE
        start, old, count = self._end + 1, int(self._start[row]), int(self._size[row])
        self._end = start + room + 1
        for side in (self._up, self._down):
            kept = side.rules[old : old + count].copy()
            side.rules = grown(side.rules, self._end, CEILING)
            side.rules[start - 1] = FLOOR
            side.rules[start : start + count] = kept
            side.rules[start + count : self._end] = CEILING
        self._start[row], self._room[row] = start, room

    # -- judging

    def align(self, place: Rows) -> None:
        """Be ready for frames whose rows are these symbols."""
        if place is not self._place:
            self._widen(int(place.max()) + 1 if place.size else 0)
            self._place = place
            self._aim_all()

    def _aim_all(self) -> None:
        """Look up the nearest lines of all symbols of the frames."""
        place = self._place
        if not place.size:
            return
        has = self._size[place] > 0
        stale = self._stale[place]
        start = self._start[place]
        up = self._lines.up[self._up.rules[start + self._up.below[place]]].astype(np.int64)
        down = self._lines.down[self._down.rules[start + self._down.below[place] - 1]].astype(np.int64)
        self._next_up = np.where(has, np.where(stale, -_BIG, up), _BIG)
        self._next_down = np.where(has & ~stale, down, -_BIG)

    def woken(self, readings: Ints) -> Rows:
        """The rows of a frame in which a line was crossed."""
        return np.flatnonzero((readings >= self._next_up) | (readings < self._next_down))

    def walk(self, woken: Rows, readings: Ints) -> Crossed:
        """Move the pointers of these rows of the frame; what they crossed.

        Args:
            readings: of each of ``woken``.
        """
        rows = self._place[woken]
        stale = self._stale[rows]
        anew, at = _NO_SLOTS, _NO_READINGS
        up, down = self._up, self._down
        start = self._start[rows]
        was_up, was_down = up.below[rows], down.below[rows]
        if stale.any():
            fresh = np.flatnonzero(stale)
            chosen = rows[fresh]
            sizes = self._size[chosen]
            anew = up.rules[spread(self._start[chosen], sizes)]
            at = np.repeat(readings[fresh], sizes)
            # They stand where they would after a walk from nowhere, so that this crosses nothing.
            was_up[fresh] = self._seek(up, self._lines.up, chosen, readings[fresh])
            was_down[fresh] = self._seek(down, self._lines.down, chosen, readings[fresh])
            self._stale[chosen] = False
        now_up = self._walk(up, self._lines.up, rows, start, was_up, readings)
        now_down = self._walk(down, self._lines.down, rows, start, was_down, readings)
        crossed_up = _between(up.rules, start, was_up, now_up)
        crossed_down = _between(down.rules, start, now_down, was_down)
        up.below[rows], down.below[rows] = now_up, now_down
        self._next_up[woken] = self._lines.up[up.rules[start + now_up]]
        self._next_down[woken] = self._lines.down[down.rules[start + now_down - 1]]
        return Crossed(crossed_up, crossed_down, anew, at)

    def _walk(self, side: _Side, lines: Slots, rows: Rows, start: Slots, was: Slots, readings: Ints) -> Slots:
        """How many lines lie at or under the readings now."""
        rules = side.rules
        at = start + was
        moving = np.flatnonzero(lines[rules[at]] <= readings)
        steps = 0
        while moving.size:
            at[moving] += 1
            steps += 1
            if steps > _WALK:
                at[moving] = start[moving] + self._seek(side, lines, rows[moving], readings[moving])
                break
            moving = moving[lines[rules[at[moving]]] <= readings[moving]]
        moving = np.flatnonzero(lines[rules[at - 1]] > readings)
        steps = 0
        while moving.size:
            at[moving] -= 1
            steps += 1
            if steps > _WALK:
                at[moving] = start[moving] + self._seek(side, lines, rows[moving], readings[moving])
                break
            moving = moving[lines[rules[at[moving] - 1]] > readings[moving]]
        return at - start

    def _seek(self, side: _Side, lines: Slots, rows: Rows, readings: Ints) -> Slots:
        """The same by halving."""
        start = self._start[rows]
        low = np.zeros(rows.size, np.int32)
        high = self._size[rows].copy()
        while True:
            open_ = low < high
            if not open_.any():
                return low
            middle = (low + high) >> 1
            under = lines[side.rules[start + middle]] <= readings
            low = np.where(open_ & under, middle + 1, low)
            high = np.where(open_ & ~under, middle, high)


_NO_SLOTS: Final[Slots] = np.zeros(0, np.int32)
_NO_READINGS: Final[Ints] = np.zeros(0, np.int64)


def spread(starts: NDArray[np.integer], counts: NDArray[np.integer]) -> Rows:
    """The places ``start .. start + count - 1`` of every segment, one after the other."""
    total = int(counts.sum())
    if not total:
        return np.zeros(0, np.intp)
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(total)


def _between(rules: Slots, start: Slots, was: Slots, now: Slots) -> Slots:
    """The rules whose lines lie between two pointers, for the rows where the pointer has risen."""
    moved = np.flatnonzero(now > was)
    if not moved.size:
        return _NO_SLOTS
    was = was[moved]
    return rules[spread(start[moved] + was, now[moved] - was)]
