"""Ladder: lines of very many rules on one gauge, kept so that a snapshot looks only at those it crosses.

A rule of one condition is a switch with two lines, ``down < up``: at ``up`` and above it is in one state, under
``down`` in the other, and between them it stays as it was. A rule that holds *above* a level fires at ``up`` and is
armed again under ``down``; one that holds *below* fires under ``down`` and is armed again at ``up``.

Every symbol has a segment of rules sorted by either line, and remembers how many of them lie at or under its reading.
The nearest line on either side is all that a snapshot is compared with; from there the pointers walk over what was
crossed. Lines that are passed back and forth between two such walks need no attention: to matter again, a rule's other
line must have been crossed, and that one wakes the symbol.

The lines stand in the order in which they are walked over, so that a step goes to a neighbour in memory; both orders
lie in one array, so that symbols that rise and symbols that fall walk in the same few operations.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.frames import Ints

Slots = NDArray[np.int32]
"""Numbers of rules."""
Rows = NDArray[np.intp]
Number = TypeVar("Number", bound=np.generic)

MOST: Final = 2**31 - 1
"""No reading lies beyond this, in either direction."""
_STEPS: Final = 2
"""Nearly all pointers move so few steps; those that go on do so by strides."""
_STRIDE: Final = np.arange(16)
_SPARE: Final = 8
_BIG: Final = 2**62


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
        rules: whose line was crossed.
        upward: of each, whether it was its upper line that was reached, and not the lower one that was left.
        anew: what must be judged whole, because something about its symbol has changed.
    """

    rules: Slots
    upward: NDArray[np.bool_]
    anew: Lying | None


class Lying(NamedTuple):
    """Rules at or above their upper line, under their lower one, and neither above the upper one nor judged yet."""

    over: Slots
    under: Slots
    not_over: Slots


class Ladder:
    """All one-line rules on one gauge."""

    def __init__(self) -> None:
        # By symbol: where its segment begins, how long it is and may become, and how many of its upper and lower lines
        # lie at or under its reading. Segments of both orders begin at the same place of either half.
        self._start: Slots = np.zeros(0, np.int32)
        self._size: Slots = np.zeros(0, np.int32)
        self._room: Slots = np.zeros(0, np.int32)
        self._below: Slots = np.zeros((2, 0), np.int32)
        self._stale: NDArray[np.bool_] = np.zeros(0, np.bool_)
        # By place: every line and its rule. A segment lies between a floor and a ceiling, which end every walk.
        self._lines: Slots = np.array([[-MOST, MOST]] * 2, np.int32)
        self._rules: Slots = np.zeros((2, 2), np.int32)
        self._end = 2
        """Where the next segment may begin, with a floor before it; the first two places are that of nobody."""
        # By the rows of the frames seen last.
        self._place: Rows = np.zeros(0, np.intp)
        self._next_up: Ints = np.zeros(0, np.int64)
        self._next_down: Ints = np.zeros(0, np.int64)
        self._aimed = True

    @property
    def nbytes(self) -> int:
        arrays = (self._start, self._size, self._room, self._below, self._stale, self._lines, self._rules)
        return sum(array.nbytes for array in (*arrays, self._next_up, self._next_down))

    # -- keeping

    def put(self, row: int, slot: int, up: int, down: int) -> None:
        """Take a rule in. Its symbol is to be touched before the next snapshot."""
        self._widen(row + 1)
        if self._size[row] == self._room[row]:
            self._move(row, int(self._size[row]) + 1)
        start, size = int(self._start[row]), int(self._size[row])
        end = start + size
        for side, line in enumerate((up, down)):
            lines, rules = self._lines[side], self._rules[side]
            at = start + int(lines[start:end].searchsorted(line))
            lines[at + 1 : end + 2] = lines[at : end + 1]
            rules[at + 1 : end + 1] = rules[at:end]
            lines[at], rules[at] = line, slot
        self._size[row] += 1

    def drop(self, row: int, slot: int) -> None:
        """Take a rule out. Its symbol is to be touched before the next snapshot."""
        start = int(self._start[row])
        end = start + int(self._size[row])
        for lines, rules in zip(self._lines, self._rules, strict=True):
            at = start + int((rules[start:end] == slot).argmax())
            lines[at:end] = lines[at + 1 : end + 1]
            rules[at : end - 1] = rules[at + 1 : end]
        self._size[row] -= 1

    def fill(self, rows: Rows, slots: Slots, up: Slots, down: Slots, symbols: int) -> None:
        """Take very many rules into an empty ladder at once.

        Args:
            rows: the symbol of each rule.
            symbols: how many symbols there are.
        """
        self._widen(symbols)
        size = np.bincount(rows, minlength=len(self._size)).astype(np.int32)
        room = size + size // 32 + 2
        ends = 2 + np.cumsum(room + 2, dtype=np.int64)
        self._start[:], self._size[:], self._room[:] = ends - room - 1, size, room
        self._end = int(ends[-1])
        self._lines = np.full((2, self._end), MOST, np.int32)
        self._rules = np.zeros((2, self._end), np.int32)
        self._lines[:, self._start - 1] = self._lines[:, 0] = -MOST
        places = spread(self._start, size)
        for side, lines in enumerate((up, down)):
            order = _order(rows.astype(np.int64), lines)
            self._lines[side, places], self._rules[side, places] = lines[order], slots[order]
        self._stale[:] = True
        self._aimed = False

    def redraw(self, rows: Rows, slots: Slots, up: Slots, down: Slots) -> None:
        """Move the lines of rules that are there.

        Args:
            rows: the symbol of each.
        """
        concerned = np.unique(rows)
        size = self._size[concerned]
        places = spread(self._start[concerned], size)
        owner = np.repeat(np.arange(concerned.size, dtype=np.int64), size)
        by_slot = slots.argsort()
        wanted = slots[by_slot]
        for side, moved in enumerate((up, down)):
            rules, lines = self._rules[side, places], self._lines[side, places]
            at = wanted.searchsorted(rules).clip(None, wanted.size - 1)
            found = (wanted[at] == rules).nonzero()[0]
            lines[found] = moved[by_slot[at[found]]]
            order = _order(owner, lines)
            self._rules[side, places], self._lines[side, places] = rules[order], lines[order]
        self._stale[concerned] = True
        self._aimed = False

    def touch(self, rows: Rows) -> None:
        """Judge the rules of these symbols whole at the next snapshot."""
        rows = rows[rows < len(self._stale)]
        if rows.size:
            self._stale[rows] = True
            self._aimed = False

    def touch_all(self) -> None:
        self._stale[:] = True
        self._aimed = False

    def _widen(self, symbols: int) -> None:
        if symbols <= len(self._size):
            return
        self._start = grown(self._start, symbols, 1)
        self._size, self._room = grown(self._size, symbols), grown(self._room, symbols)
        self._stale = grown(self._stale, symbols)
        self._below = _wider(self._below, len(self._size))

    def _move(self, row: int, size: int) -> None:
        """Give a segment more room, at the end of all."""
        room = size + size // 4 + _SPARE
        start, old, count = self._end + 1, int(self._start[row]), int(self._size[row])
        self._end = start + room + 1
        if self._end > self._lines.shape[1]:
            size = self._end + self._end // 16 + 16
            self._lines, self._rules = _wider(self._lines, size), _wider(self._rules, size)
        for lines, rules in zip(self._lines, self._rules, strict=True):
            lines[start - 1] = -MOST
            lines[start : start + count] = lines[old : old + count]
            lines[start + count : self._end] = MOST
            rules[start : start + count] = rules[old : old + count]
        self._start[row], self._room[row] = start, room

    # -- judging

    def align(self, place: Rows) -> None:
        """Be ready for frames whose rows are these symbols."""
        if place is not self._place:
            self._widen(int(place.max()) + 1 if place.size else 0)
            self._place = place
            self._aimed = False

    def _aim(self) -> None:
        """Look up the nearest lines of all symbols of the frames, once for all that was done since the last one."""
        self._aimed = True
        place = self._place
        if not place.size:
            return
        has, stale, start = self._size[place] > 0, self._stale[place], self._start[place]
        up = self._lines[0, start + self._below[0, place]].astype(np.int64)
        down = self._lines[1, start + self._below[1, place] - 1].astype(np.int64)
        self._next_up = np.where(has, np.where(stale, -_BIG, up), _BIG)
        self._next_down = np.where(has & ~stale, down, -_BIG)

    def woken(self, readings: Ints) -> Rows:
        """The rows of a frame in which a line was crossed."""
        if not self._aimed:
            self._aim()
        return ((readings >= self._next_up) | (readings < self._next_down)).nonzero()[0]

    def walk(self, woken: Rows, readings: Ints) -> Crossed:
        """Move the pointers of these rows of the frame; what they crossed.

        Args:
            readings: of each of ``woken``.
        """
        rows = self._place.take(woken)
        rising = readings >= self._next_up.take(woken)
        # Both orders in one: first all rows in the upper one, then all in the lower one.
        half, symbols, count = self._lines.shape[1], self._below.shape[1], rows.size
        start = self._start.take(rows)
        start = np.concatenate((start, start + half))
        both = np.concatenate((rows, rows + symbols))
        below = self._below.reshape(-1)
        stale = self._stale.take(rows)
        anew = None
        if stale.any():
            fresh = stale.nonzero()[0]
            # They stand where they would after a walk from nowhere, so that this crosses nothing.
            self._below[:, rows[fresh]] = found = self._seek(rows[fresh], readings[fresh])
            anew = self._lying(rows[fresh], found)
            self._stale[rows[fresh]] = False
        was = start + below.take(both)
        now = self._walk_on(was, np.concatenate((readings, readings)), np.concatenate((rising, rising)))
        below[both] = now - start
        lines = self._lines.reshape(-1)
        self._next_up[woken] = lines.take(now[:count])
        self._next_down[woken] = lines.take(now[count:] - 1)
        # Who rises has crossed upper lines, who falls lower ones.
        first = np.where(rising, was[:count], now[count:])
        crossed = np.where(rising, now[:count], was[count:]) - first
        moved = (crossed > 0).nonzero()[0]
        if not moved.size:
            return Crossed(_NO_SLOTS, _NO_WAYS, anew)
        crossed = crossed.take(moved)
        places = spread(first.take(moved), crossed)
        return Crossed(self._rules.reshape(-1).take(places), rising.take(moved).repeat(crossed), anew)

    def _lying(self, rows: Rows, below: Slots) -> Lying:
        start, size = self._start[rows], self._size[rows]
        upper, lower = self._rules
        return Lying(
            upper[spread(start, below[0])],
            lower[spread(start + below[1], size - below[1])],
            upper[spread(start + below[0], size - below[0])],
        )

    def _walk_on(self, was: Slots, limit: Ints, rising: NDArray[np.bool_]) -> Slots:
        """From these places over all lines at or under the limit, or, where it falls, back over all above it."""
        lines = self._lines.reshape(-1)
        back = (~rising).view(np.int8)
        now = was.copy()
        moving = ((lines.take(now - back) <= limit) == rising).nonzero()[0]
        for _ in range(_STEPS):
            if not moving.size:
                return now
            ahead = back.take(moving)
            at = now.take(moving) + 1 - 2 * ahead
            now[moving] = at
            on = (lines.take(at - ahead) <= limit.take(moving)) == rising.take(moving)
            moving = moving[on]
        while moving.size:
            ahead, way, at = back.take(moving)[:, None], rising.take(moving)[:, None], now.take(moving)
            # Over a floor or a ceiling nothing is looked at: the first line that ends the walk counts.
            probes = at[:, None] + (1 - 2 * ahead) * _STRIDE - ahead
            on = (lines.take(probes, mode="clip") <= limit.take(moving)[:, None]) == way
            steps = np.where(on.all(axis=1), _STRIDE.size, on.argmin(axis=1))
            now[moving] = at + (1 - 2 * ahead[:, 0]) * steps
            moving = moving[steps == _STRIDE.size]
        return now

    def _seek(self, rows: Rows, readings: Ints) -> Slots:
        """The same by halving, from nowhere."""
        start = self._start[rows]
        low = np.zeros((2, rows.size), np.int32)
        high = np.stack((self._size[rows], self._size[rows]))
        side = np.array([[0], [1]])
        while True:
            open_ = low < high
            if not open_.any():
                return low
            middle = (low + high) >> 1
            under = self._lines[side, start + middle] <= readings
            low = np.where(open_ & under, middle + 1, low)
            high = np.where(open_ & ~under, middle, high)


_NO_SLOTS: Final[Slots] = np.zeros(0, np.int32)
_NO_WAYS: Final[NDArray[np.bool_]] = np.zeros(0, np.bool_)


def _order(owner: Ints, lines: Slots) -> Rows:
    """By owner, then by line."""
    return (owner * 2**32 + lines + 2**31).argsort()


def _wider(array: Slots, size: int) -> Slots:
    wider = np.zeros((2, size), array.dtype)
    wider[:, : array.shape[1]] = array
    return wider


def spread(starts: NDArray[np.integer], counts: NDArray[np.integer]) -> Rows:
    """The places ``start .. start + count - 1`` of every segment, one after the other."""
    ends = counts.cumsum()
    total = int(ends[-1]) if ends.size else 0
    if total == counts.size and int(counts.min()) == 1:
        return starts.astype(np.intp)
    places: Rows = (starts - (ends - counts)).repeat(counts) + np.arange(total)
    return places
