"""MA, MACD, RSI, KDJ, BOLL, ATR and volume ratio across all symbols.

The formulas are those that Chinese software shows. EMA starts from the first close; the smoothed gains and losses of
RSI from the first change; K and D from 50; BOLL has the sample deviation (n-1); the bar of MACD is ``2 * (DIF - DEA)``.
ATR is Wilder's, started from the mean of the first 14 ranges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
"""Rows of the state; one row is an array of one."""

Kind = Literal["ma", "macd", "rsi", "kdj", "boll", "extremes", "volume"]
Field = Literal["close", "high", "low", "volume"]

KEPT: Final = 250
"""Closed bars that are kept of every symbol: about a year of days."""
MA_LENGTHS: Final = (5, 10, 20, 30, 60, 120, 250)
RSI_LENGTHS: Final = (6, 12, 14, 24)
"""Lengths that are always kept. Any other one up to ``RSI_LONGEST`` is kept from when it is first asked for."""
RSI_LONGEST: Final = 60
"""Of a longer one's start more would be left after ``KEPT`` bars than a person wants to see wrong (1.5 %)."""
MACD: Final = (12, 26, 9)
MACD_PARTS: Final = tuple(2 / (n + 1) for n in MACD)
"""Which part of the way each line moves to the new value: the fast one, the slow one, DEA."""
KDJ_BARS: Final = 9
BOLL: Final = (20, 2.0)
ATR_BARS: Final = 14
VOLUME_BARS: Final = 5

_FIELDS: Final[tuple[Field, ...]] = ("close", "high", "low", "volume")
_CLOSE, _HIGH, _LOW, _VOLUME = range(4)
_EMPTY: Final = (0.0, -np.inf, np.inf, 0.0)
"""What stands in the ring where there is no bar: it changes neither a sum nor an extreme."""
_FAST, _SLOW, _DEA, _K, _D, _ATR = range(6)
_START: Final = (0.0, 0.0, 0.0, 50.0, 50.0, 0.0)
_ROOM: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Every indicator of every symbol, one entry per row; NaN where there are too few bars or no price.

    Attributes:
        ma: by length.
        hist: the bar of MACD, ``2 * (dif - dea)``.
        rsi: by length; 50 where the price has never moved.
        volume_ratio: the newest bar's volume in multiples of the mean of the five before it.
    """

    ma: Mapping[int, Floats]
    dif: Floats
    dea: Floats
    hist: Floats
    k: Floats
    d: Floats
    j: Floats
    rsi: Mapping[int, Floats]
    upper: Floats
    mid: Floats
    lower: Floats
    atr: Floats
    volume_ratio: Floats


def needed(kind: Kind, n: int = 0) -> int:
    """How many closed bars must stand before the forming one.

    Args:
        n: the length of the line (of the slower of two), of the RSI or of BOLL; for ``extremes`` and ``volume`` the
            number of closed bars looked at.

    >>> needed("ma", 20), needed("macd"), needed("rsi", 6), needed("kdj"), needed("extremes", 60)
    (19, 33, 6, 8, 60)
    """
    match kind:
        case "ma":
            return n - 1
        case "boll":
            return (n or BOLL[0]) - 1
        case "macd":
            # The slow line's own length, and eight more for DEA; before that TA-Lib is silent too.
            return MACD[1] + MACD[2] - 2
        case "kdj":
            return KDJ_BARS - 1
        case "rsi" | "extremes" | "volume":
            return n


@dataclass(frozen=True, slots=True, eq=False)
class _Ahead:
    """What the state becomes with one more bar."""

    memory: Floats
    """[what is remembered, rows]"""
    sums: Floats
    """[MA length, rows]"""
    wilder: Floats
    """[gain or loss, RSI length, rows]"""


class Indicators:
    """The closed bars of many symbols, and what must be remembered to go on from them.

    Everything lies indicator by indicator, so that a step is a few dozen operations over contiguous rows. The newest
    bar of every symbol stands in the same place of the ring: a symbol that misses a bar has its own turned by one.
    """

    def __init__(self, size: int = 0) -> None:
        self._next = 0
        """The place of the ring that is written next; before that, the oldest."""
        self._lengths: list[int] = list(RSI_LENGTHS)
        self._rings = _blank(size)
        """[field, bar, rows and some to spare]"""
        self._memory = np.tile(np.array(_START)[:, None], (1, size))
        self._sums = np.zeros((len(MA_LENGTHS), size))
        self._wilder = np.zeros((2, len(self._lengths), size))
        self._count = np.zeros(size, np.int64)

    def __len__(self) -> int:
        return self._count.size

    @property
    def count(self) -> NDArray[np.int64]:
        """How many bars each row has been given. Not to be written to."""
        return self._count

    @property
    def nbytes(self) -> int:
        """Bytes of the state."""
        parts = (self._rings, self._memory, self._sums, self._wilder, self._count)
        return sum(part.nbytes for part in parts)

    def grow(self, size: int) -> None:
        """Make room for ``size`` symbols in all. The new rows have no bars.

        Raises:
            ValueError: that would be fewer than there are.
        """
        more = size - len(self)
        if more < 0:
            raise ValueError(f"{len(self)} rows cannot become {size}: a row that is no longer wanted is left unused")
        room = self._rings.shape[-1]
        if size > room:  # with some to spare, so that symbols may come one by one
            self._rings = np.concatenate((self._rings, _blank(max(size, room + room // 8 + _ROOM) - room)), axis=-1)
        blank = Indicators(more)
        self._memory = np.concatenate((self._memory, blank._memory), axis=-1)
        self._sums = np.concatenate((self._sums, blank._sums), axis=-1)
        self._wilder = np.concatenate((self._wilder, np.zeros((*self._wilder.shape[:2], more))), axis=-1)
        self._count = np.concatenate((self._count, blank._count))

    def load(self, rows: Rows, *, close: Floats, high: Floats, low: Floats, volume: Floats) -> None:
        """Give these rows a new history in place of what they had. Many rows at once take little longer than one.

        Args:
            rows: each once.
            close, high, low, volume: [bars, rows], oldest first, yuan and shares. A bar that one of the rows does not
                have is NaN. Bars beyond the last ``KEPT`` still count for what is smoothed.
        """
        fresh = Indicators(rows.size)
        for length in self._lengths[len(RSI_LENGTHS) :]:
            fresh._wilder_of(length)
        for bar in zip(close, high, low, volume, strict=True):
            fresh.commit(*bar)
        turned = np.roll(fresh._rings, self._next - fresh._next, axis=1)
        # One row of the ring at a time: a scatter along the contiguous side.
        for mine, others in zip(self._rings.reshape(4 * KEPT, -1), turned.reshape(4 * KEPT, -1), strict=True):
            mine[rows] = others
        self._memory[:, rows] = fresh._memory
        self._sums[:, rows] = fresh._sums
        self._wilder[:, :, rows] = fresh._wilder
        self._count[rows] = fresh._count

    def commit(
        self, close: Floats, high: Floats, low: Floats, volume: Floats, mask: NDArray[np.bool_] | None = None
    ) -> NDArray[np.bool_]:
        """Take one closed bar of every symbol, or of those in ``mask``.

        A symbol is passed over where its bar is none: a price missing, not positive or not finite, or the close outside
        of high and low. One bad number would otherwise stay in the averages for a year.

        Returns:
            Which rows have taken it.
        """
        taken = _whole(close, high, low, volume)
        if mask is not None:
            taken &= mask
        everyone = bool(taken.all())
        if not everyone and not taken.any():
            return taken
        with np.errstate(invalid="ignore"):  # rows that are passed over may hold anything
            ahead = self._ahead(close, high, low)
        if everyone:
            self._memory, self._sums, self._wilder = ahead.memory, ahead.sums, ahead.wilder
            place = self._next
        else:
            np.copyto(self._memory, ahead.memory, where=taken)
            np.copyto(self._sums, ahead.sums, where=taken)
            np.copyto(self._wilder, ahead.wilder, where=taken)
            place = self._make_place(taken)
        for which, values in enumerate((close, high, low, volume)):
            np.copyto(self._rings[which, place, : len(self)], values, where=True if everyone else taken)
        self._next = (place + 1) % KEPT
        self._count += taken
        return taken

    def peek(self, close: Floats, high: Floats, low: Floats, volume: Floats) -> Values:
        """Every indicator with this forming bar, which is not kept. Rows without a whole bar are NaN."""
        whole = _whole(close, high, low, volume)
        if not whole.all():
            close, high, low, volume = (np.where(whole, values, np.nan) for values in (close, high, low, volume))
        window = np.empty((BOLL[0], len(self)))
        window[0] = close
        for back in range(1, BOLL[0]):
            window[back] = self._back(_CLOSE, back)
        return self._values(self._ahead(close, high, low), window, volume, 0)

    def values(self) -> Values:
        """Every indicator as of the last closed bar."""
        now = _Ahead(self._memory.copy(), self._sums, self._wilder)
        window = self._rings[_CLOSE, self._places(BOLL[0]), : len(self)]
        return self._values(now, window, self._back(_VOLUME, 1), 1)

    def rescale(self, rows: Rows, factor: float | Floats) -> None:
        """Multiply the prices of these rows, as a day without dividend rights asks for. Volumes stay as they were.

        Args:
            factor: the new reference price over the old close, one or one per row.
        """
        self._rings[:_VOLUME, :, rows] *= factor
        for which in (_FAST, _SLOW, _DEA, _ATR):
            self._memory[which, rows] *= factor
        self._sums[:, rows] *= factor
        self._wilder[:, :, rows] *= factor

    # -- what thresholds are made of

    def macd(self, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """The fast line, the slow line and DEA as of the last closed bar."""
        return self._memory[_FAST].take(rows), self._memory[_SLOW].take(rows), self._memory[_DEA].take(rows)

    def kdj(self, rows: Rows) -> tuple[Floats, Floats]:
        """K and D as of the last closed bar."""
        return self._memory[_K].take(rows), self._memory[_D].take(rows)

    def window(self, which: Field, rows: Rows, n: int) -> Floats:
        """[bars, rows]: the last ``n`` closed bars, newest first.

        Raises:
            ValueError: ``n`` is below 1 or more than are kept.
        """
        check_length(n, 1, KEPT, "the stretch")
        found: Floats = self._rings[_FIELDS.index(which)][self._places(n)[:, None], rows]
        return found

    def smoothed(self, rows: Rows, n: int) -> tuple[Floats, Floats]:
        """Wilder's mean gain and mean loss over ``n``.

        Raises:
            ValueError: no RSI of this length is kept.
        """
        gain, loss = self._wilder_of(n)
        return gain.take(rows), loss.take(rows)

    # -- how a step is made

    def _back(self, which: int, bars: int) -> Floats:
        """One contiguous row of the ring: 1 is the last closed bar."""
        found: Floats = self._rings[which, (self._next - bars) % KEPT, : len(self)]
        return found

    def _places(self, n: int) -> Rows:
        return (self._next - 1 - np.arange(n)) % KEPT

    def _ahead(self, close: Floats, high: Floats, low: Floats) -> _Ahead:
        count, memory, wilder = self._count, self._memory, self._wilder
        least = int(count.min()) if count.size else KEPT
        new = np.empty(memory.shape)
        before = self._back(_CLOSE, 1)
        if not least:
            before = np.where(count == 0, close, before)

        for which, part in ((_FAST, MACD_PARTS[0]), (_SLOW, MACD_PARTS[1])):
            old = memory[which] if least else np.where(count == 0, close, memory[which])
            _towards(old, close, part, new[which])
        _towards(memory[_DEA], new[_FAST] - new[_SLOW], MACD_PARTS[2], new[_DEA])

        highest, lowest = np.maximum(high, self._back(_HIGH, 1)), np.minimum(low, self._back(_LOW, 1))
        for back in range(2, KDJ_BARS):
            np.maximum(highest, self._back(_HIGH, back), out=highest)
            np.minimum(lowest, self._back(_LOW, back), out=lowest)
        _towards(memory[_K], _rsv(close, highest, lowest), 1 / 3, new[_K])
        _towards(memory[_D], new[_K], 1 / 3, new[_D])

        true_range = np.maximum(high, before)
        true_range -= np.minimum(low, before)
        seen: float | NDArray[np.int64] = ATR_BARS if least >= ATR_BARS else np.clip(count, 1, ATR_BARS)
        _towards(memory[_ATR], true_range, 1 / seen, new[_ATR])
        if not least:
            new[_ATR][count == 0] = 0.0  # a range needs a close before it

        change = close - before
        moved = np.stack((np.maximum(change, 0.0), np.maximum(-change, 0.0)))[:, None, :]
        parts = (1 / np.array(self._lengths, np.float64))[:, None]
        smooth = np.empty(wilder.shape)
        _towards(wilder, moved, parts if least > 1 else np.where(count <= 1, 1.0, parts), smooth)

        sums = self._sums - self._rings[_CLOSE, self._leaving(), : len(self)]
        sums += close
        return _Ahead(new, sums, smooth)

    def _leaving(self) -> Rows:
        """Where the closes stand that leave each average with the next bar."""
        return (self._next - np.array(MA_LENGTHS)) % KEPT

    def _make_place(self, taken: NDArray[np.bool_]) -> int:
        """Turn the rings of the fewer, those who take the bar or those who do not; the place where it is written."""
        apart = np.flatnonzero(~taken & (self._count > 0))
        takers = np.flatnonzero(taken)
        if apart.size <= takers.size:
            self._turn(apart, 1)
            return self._next
        self._turn(takers, -1)
        return (self._next - 1) % KEPT

    def _turn(self, rows: Rows, by: int) -> None:
        if rows.size:
            self._rings[:, :, rows] = np.roll(self._rings[:, :, rows], by, axis=1)

    def _values(self, now: _Ahead, window: Floats, volume: Floats, closed: int) -> Values:
        """The readable form of a state.

        Args:
            window: the closes of BOLL, newest first.
            closed: 1 where the newest bar stands in the ring already.
        """
        have = self._count + (1 - closed)
        least = int(have.min()) if have.size else KEPT
        memory = now.memory

        def shown(values: Floats, kind: Kind, n: int = 0) -> Floats:
            need = needed(kind, n) + 1
            if least < need:
                values[have < need] = np.nan
            return values

        with np.errstate(divide="ignore", invalid="ignore"):
            mid = window.sum(axis=0)
            mid /= BOLL[0]
            spread = window - mid
            width = np.einsum("ij,ij->j", spread, spread)
            width /= BOLL[0] - 1
            np.sqrt(width, out=width)
            width *= BOLL[1]
            usual = self._back(_VOLUME, closed + 1).copy()
            for back in range(2, VOLUME_BARS + 1):
                usual += self._back(_VOLUME, closed + back)
            usual /= VOLUME_BARS
            usual[usual == 0] = np.nan
            dif, j = memory[_FAST] - memory[_SLOW], 3 * memory[_K] - 2 * memory[_D]
            dea = shown(memory[_DEA], "macd")
            rsi = _rsi(*now.wilder)
            return Values(
                ma={n: shown(now.sums[i] / n, "ma", n) for i, n in enumerate(MA_LENGTHS)},
                dif=shown(dif, "macd"),
                dea=dea,
                hist=2 * (dif - dea),
                k=shown(memory[_K], "kdj"),
                d=shown(memory[_D], "kdj"),
                j=shown(j, "kdj"),
                rsi={n: shown(rsi[i], "rsi", n) for i, n in enumerate(self._lengths)},
                upper=shown(mid + width, "boll"),
                lower=shown(mid - width, "boll"),
                mid=shown(mid, "boll"),
                atr=shown(memory[_ATR], "rsi", ATR_BARS),
                volume_ratio=shown(volume / usual, "volume", VOLUME_BARS),
            )

    def _wilder_of(self, n: int) -> Floats:
        """[gain or loss, rows]; a length that is new is made up from the closes that are kept."""
        if n not in self._lengths:
            check_length(n, 2, RSI_LONGEST, "RSI")
            have = np.minimum(self._count, KEPT)
            made = np.zeros((2, len(self)))
            for back in range(KEPT - 1, 0, -1):
                change = self._back(_CLOSE, back) - self._back(_CLOSE, back + 1)
                moved = np.stack((np.maximum(change, 0.0), np.maximum(-change, 0.0)))
                part = np.where(have == back + 1, 1.0, 1 / n)
                made += np.where(have > back, part, 0.0) * (moved - made)
            self._wilder = np.concatenate((self._wilder, made[:, None]), axis=1)
            self._lengths.append(n)
        found: Floats = self._wilder[:, self._lengths.index(n)]
        return found


# -- arithmetic


def _blank(size: int) -> Floats:
    """Rings of rows that have no bars."""
    return np.tile(np.array(_EMPTY)[:, None, None], (1, KEPT, size))


def _whole(close: Floats, high: Floats, low: Floats, volume: Floats) -> NDArray[np.bool_]:
    """Which rows have a bar. NaN fails every comparison."""
    whole: NDArray[np.bool_] = (low > 0) & (low <= close)
    whole &= close <= high
    whole &= high < np.inf
    whole &= volume >= 0
    whole &= volume < np.inf
    return whole


def _towards(old: Floats, new: Floats, part: Any, out: Floats) -> None:
    """``old`` moved by a part of the way to ``new``."""
    np.subtract(new, old, out=out)
    out *= part
    out += old


def _rsv(close: Floats, highest: Floats, lowest: Floats) -> Floats:
    """Where the close stands between the extremes, in percent; 50 where they are one."""
    span = highest - lowest
    flat = span == 0
    if flat.any():
        span[flat] = np.nan
        return np.where(flat, 50.0, (close - lowest) / span * 100)
    rsv = close - lowest
    rsv /= span
    rsv *= 100
    return rsv


def _rsi(gain: Floats, loss: Floats) -> Floats:
    moved = gain + loss
    rsi = gain / moved
    rsi *= 100
    still = moved == 0
    if still.any():
        rsi[still] = 50.0
    return rsi


def check_length(n: int, least: int, most: int, what: str) -> None:
    """Refuse a length for which no bars are kept.

    Raises:
        ValueError: ``n`` is outside of ``least`` to ``most``; a program's mistake, people are told before.
    """
    if not least <= n <= most:
        raise ValueError(f"{what} of {n} bars is not kept: it must be {least} to {most}")
