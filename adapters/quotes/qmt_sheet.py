"""The newest tick of every security on its way from the threads of the SDK into a frame of the loop.

:class:`Newest` is what those threads write into, and :class:`Sheet` the arrays that frames are copies of. Only rows
that changed are read anew, so a quiet market costs little and a slow reader costs nothing but the ticks in between.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np

from adapters.quotes.qmt_rows import Facts, Flags, Rows, Tick, read, step_of
from core.calendar import phase
from core.clock import Clock
from core.frames import COUNTS, PRICES, Frame, Ints
from core.polling import FUTURE, NOT_YET
from core.types import Symbol

log: Final = logging.getLogger(__name__)

_READ: Final = ("last", "preclose", "open", "high", "low", "bid", "ask", *COUNTS, "quoted_at")
_TOLD: Final = ("told_preclose", "told_up", "told_down", "floating")
_FLAGS: Final = ("suspended", "silent")


class Newest:
    """The newest tick per code, written by any number of threads at once and taken by one.

    What arrives out of order is left out: an older time, or the same one with less traded.

    Args:
        on_arrival: called in the thread of the SDK when there is something to take; raises nothing.
    """

    def __init__(self, clock: Clock, on_arrival: Callable[[], None]) -> None:
        self.wanted: Collection[str] = frozenset()
        """Others are not kept: whoever asks for whole markets is told of all that is in them."""
        self.moved_at: datetime | None = None
        """When the last push came that was newer than everything before it. One that only repeats, as the answer to a
        new subscription may, is no sign of life."""
        self.superseded = 0
        """Ticks that a newer one has replaced before anybody took them."""
        self.late = 0
        self.broken = 0
        self._clock = clock
        self._on_arrival = on_arrival
        self._lock = threading.Lock()
        self._fresh: dict[str, Tick] = {}
        self._seen: dict[str, tuple[int, float]] = {}
        self._latest = 0

    def on_push(self, rows: Any) -> None:
        """The callback of a subscription. The SDK swallows what a callback raises, so nothing leaves it unsaid."""
        try:
            time = self.put(rows)
            with self._lock:
                # Measured by what was pushed alone: what was asked for may be ahead of it.
                if time > self._latest:
                    self._latest, self.moved_at = time, self._clock.now()
        except Exception:
            self.broken += 1
            log.exception("what was pushed cannot be read")

    def put(self, rows: Mapping[str, Tick]) -> int:
        """Keep what is not older than what was there; the newest time of it, 0 where there is none."""
        newest = 0
        latest = round((self._clock.now() + FUTURE).timestamp() * 1000)
        wanted = self.wanted
        with self._lock:
            waiting = bool(self._fresh)
            for code, tick in rows.items():
                if code not in wanted:
                    continue
                try:
                    order = (int(tick["time"]), float(tick.get("volume", 0)))
                except (KeyError, TypeError, ValueError, AttributeError):
                    self.broken += 1
                    continue
                # A time in the future would keep out everything after it.
                if order < self._seen.get(code, order) or order[0] > latest:
                    self.late += 1
                    continue
                self._seen[code] = order
                newest = max(newest, order[0])
                self.superseded += code in self._fresh
                self._fresh[code] = tick
            arrived = bool(self._fresh) and not waiting
        if arrived:
            self._on_arrival()
        return newest

    def take(self) -> dict[str, Tick]:
        """What has come since the last time."""
        with self._lock:
            taken, self._fresh = self._fresh, {}
        return taken

    def time_of(self, code: str) -> int:
        """Milliseconds since 1970 of the newest tick; 0 without one."""
        return self._seen.get(code, (0, 0.0))[0]

    def forget(self, kept: Collection[str]) -> None:
        """Leave out all but these."""
        with self._lock:
            self._fresh = {code: tick for code, tick in self._fresh.items() if code in kept}
            self._seen = {code: order for code, order in self._seen.items() if code in kept}


class Sheet:
    """One row per watched security that was quoted, as arrays."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._watched: frozenset[Symbol] = frozenset()
        self._facts: dict[Symbol, Facts] = {}
        self._symbols: tuple[Symbol, ...] = ()
        self._rows: dict[Symbol, int] = {}
        self._names: tuple[str, ...] = ()
        self._data: dict[str, Ints] = {name: np.zeros(0, np.int64) for name in (*_READ, *_TOLD, *_FLAGS)}

    def watch(self, symbols: Collection[Symbol]) -> None:
        """Have rows of these and no others; those that stay keep what they hold."""
        self._watched = frozenset(symbols)
        kept = [row for row, symbol in enumerate(self._symbols) if symbol in self._watched]
        if len(kept) < len(self._symbols):
            self._index([self._symbols[row] for row in kept])
            self._data = {name: values[kept] for name, values in self._data.items()}

    def learn(self, told: Mapping[Symbol, Facts]) -> None:
        """Know the facts of a day."""
        self._facts |= told
        for symbol in told:
            if symbol in self._rows:
                self._tell(self._rows[symbol], told[symbol])
        self._names = tuple(self._facts[symbol].name if symbol in self._facts else "" for symbol in self._symbols)

    def put(self, ticks: Mapping[str, Tick], received_at: datetime) -> list[str]:
        """Take over ticks of watched securities; why others of them were left out, one Chinese phrase for each."""
        symbols = [symbol for code in ticks if (symbol := Symbol(code)) in self._watched]
        if not symbols:
            return []
        facts = self._facts
        steps = [known.step if (known := facts.get(one)) is not None else step_of(one) for one in symbols]
        rows = read(symbols, [ticks[one] for one in symbols], steps, received_at)
        self._write(symbols, rows)
        return rows.why

    def _write(self, symbols: Sequence[Symbol], rows: Rows) -> None:
        good = rows.good.tolist()
        new = [symbol for symbol, fits in zip(symbols, good, strict=True) if fits and symbol not in self._rows]
        if new:
            begin = len(self._symbols)
            self._index([*self._symbols, *new])
            self._data = {name: np.append(values, np.zeros(len(new), np.int64)) for name, values in self._data.items()}
            for row, symbol in enumerate(new, begin):
                if symbol in self._facts:
                    self._tell(row, self._facts[symbol])
        places = np.array([self._rows[symbol] for symbol, fits in zip(symbols, good, strict=True) if fits], np.int64)
        for name in _READ:
            self._data[name][places] = rows.columns[name][rows.good]
        self._data["suspended"][places] = rows.suspended[rows.good]
        self._data["silent"][places] = rows.silent[rows.good]

    def _index(self, symbols: Sequence[Symbol]) -> None:
        self._symbols = tuple(symbols)
        self._rows = {symbol: row for row, symbol in enumerate(symbols)}
        self._names = tuple(self._facts[symbol].name if symbol in self._facts else "" for symbol in symbols)

    def _tell(self, row: int, facts: Facts) -> None:
        numbers = (facts.preclose, facts.limit_up, facts.limit_down, facts.floating)
        for name, number in zip(_TOLD, numbers, strict=True):
            self._data[name][row] = number

    def another_day(self) -> list[Symbol]:
        """Those whose facts are of another day than their row: the previous close is not the same."""
        told, seen = self._data["told_preclose"], self._data["preclose"]
        rows = np.flatnonzero((told != seen) & (told > 0) & (seen > 0))
        return [self._symbols[row] for row in rows.tolist()]

    def frame(self, at: datetime) -> Frame | None:
        """All rows as they are; None while there is none.

        A share that nobody has traded, bid for or offered since the opening is suspended, whether or not the source
        says so.
        """
        if not self._symbols:
            return None
        data = self._data
        same_day = data["told_preclose"] == data["preclose"]
        floating = data["floating"]
        turnover = np.where(floating > 0, data["volume"] * 100_000 // np.maximum(floating, 1), 0)
        suspended: Flags = data["suspended"] > 0
        if phase(at) not in NOT_YET:
            suspended |= data["silent"] > 0
        limits = {
            "limit_up": np.where(same_day, data["told_up"], 0),
            "limit_down": np.where(same_day, data["told_down"], 0),
        }
        columns = {name: limits[name] if name in limits else data[name].copy() for name in (*PRICES, *COUNTS)}
        return Frame(
            at=at,
            source=self._source,
            symbols=self._symbols,
            rows=self._rows,
            **columns,
            turnover=turnover,
            quoted_at=data["quoted_at"].copy(),
            suspended=suspended,
            names=self._names,
        )
