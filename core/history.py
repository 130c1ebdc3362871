"""History: the past bars of what is watched, from the store, from a source of bars, and from the frames as they come.

The rule of adjustment: all bars of a symbol, of every period, in memory and in the store, stand on the prices of its
newest day (forward adjusted, 前复权). Frames are on those prices by themselves. On an ex-date the exchange gives out a
previous close other than the one that was traded; then everything before that day is multiplied by their ratio, in the
store with one statement per symbol, before anything newer is saved. Fetched and imported bars are joined to what is
stored at the newest bar that both have: where its closes differ, the side that ends earlier is multiplied; a side that
cannot be held against the other is given up. Bars of minutes, which sources give as traded, are brought to the close of
their day's bar first. What was traded is never changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from typing import Final, NamedTuple

import numpy as np

from core.bars import MINUTES, Bar, Period, Rescale, day_label, joined, label, scaled
from core.calendar import (
    AFTERNOON_OPENS,
    MORNING_ENDS,
    MORNING_OPENS,
    is_trading_day,
    previous_trading_day,
    session_close,
    trading_date,
)
from core.clock import MARKET_ZONE, Clock, market_time, midnight, time_text
from core.errors import OutsideError, Unavailable
from core.forming import CLOSE, OPEN, Block, First, Forming, add_up, bar_of, numbers_of
from core.frames import Frame, Ints
from core.ports import BarFetcher, Store
from core.types import Price, Symbol, from_milli

log: Final = logging.getLogger(__name__)

KEPT: Final = 260
"""Bars of each symbol and period in memory: a year of days, a day of minutes."""
MOST_SYMBOLS: Final = 500
"""Of more symbols than this, bars of minutes are kept only for those that were asked for."""
RETRY: Final = timedelta(minutes=10)
KEEP: Final[Mapping[Period, timedelta]] = {"day": timedelta(days=3 * 365), **dict.fromkeys(MINUTES, timedelta(days=60))}
"""How long bars stay in the store."""
_FULL: Final = 320
"""As many as the sources give at once."""
_AT_ONCE: Final = 50
"""Symbols read from the store in one step, or looked through at a stretch: what is urgent comes in between."""

OnClose = Callable[[Period, datetime, Mapping[Symbol, Bar]], None]
OnExDate = Callable[[Symbol, Price, Price, date], None]
Key = tuple[Symbol, Period]


class Trouble(NamedTuple):
    """Why bars could not be had, and when they may be asked for again."""

    why: str
    retry_at: datetime


class _Shelf:
    """The bars of one period in memory: per symbol what was loaded, and after that what frames made, of all at once."""

    def __init__(self) -> None:
        self._loaded: dict[Symbol, tuple[Ints, Ints]] = {}
        self._blocks: deque[Block] = deque(maxlen=KEPT)
        self._dropped = 0

    def load(self, symbol: Symbol, bars: Sequence[Bar]) -> None:
        seconds = np.array([round(bar.time.timestamp()) for bar in bars], dtype=np.int64)
        self._loaded[symbol] = seconds, numbers_of(bars)

    def has(self, symbol: Symbol) -> bool:
        """Whether it was loaded, be it without a single bar."""
        return symbol in self._loaded

    def add(self, block: Block) -> None:
        if len(self._blocks) == KEPT:
            self._dropped = round(self._blocks[0].at.timestamp())
        self._blocks.append(block)

    def rows(self, symbol: Symbol) -> tuple[Ints, Ints]:
        times, numbers = self._loaded.get(symbol, _NOTHING)
        if len(times) and times[-1] < self._dropped:  # between these and the oldest block there is a hole now
            times, numbers = _NOTHING
        since = times[-1] if len(times) else 0
        later = [block for block in self._blocks if symbol in block.rows and block.at.timestamp() > since]
        if later:
            times = np.append(times, [round(block.at.timestamp()) for block in later])
            columns = [block.numbers[:, block.rows[symbol]] for block in later]
            numbers = np.concatenate([numbers, np.stack(columns, axis=1)], axis=1)
        return times[-KEPT:], numbers[:, -KEPT:].copy()

    def rescale(self, change: Rescale) -> None:
        times, numbers = self._loaded.get(change.symbol, _NOTHING)
        prices = numbers[OPEN : CLOSE + 1]
        earlier = times < change.before.timestamp()
        prices[:, earlier] = _scaled(prices[:, earlier], change)
        for block in self._blocks:
            if change.symbol in block.rows and block.at < change.before:
                prices = block.numbers[OPEN : CLOSE + 1, block.rows[change.symbol]]
                prices[:] = _scaled(prices, change)


_NOTHING: Final = np.zeros(0, dtype=np.int64), np.zeros((6, 0), dtype=np.int64)


def _scaled(prices: Ints, change: Rescale) -> Ints:
    """As :func:`core.bars.scaled_milli`."""
    return (2 * prices * change.numerator + change.denominator) // (2 * change.denominator)


class History:
    """Past bars, and those that frames make.

    Args:
        fetcher: None where there is nobody to ask: then history is what was stored, and what the frames show.
    """

    def __init__(self, store: Store, fetcher: BarFetcher | None, clock: Clock) -> None:
        self._store = store
        self._fetcher = fetcher
        self._clock = clock
        self._forming = Forming(MOST_SYMBOLS)
        self._shelves: dict[Period, _Shelf] = {"day": _Shelf(), **{period: _Shelf() for period in MINUTES}}
        self._heads: dict[Key, tuple[datetime, Ints]] = {}
        self._asked: dict[Key, datetime] = {}
        self._troubles: dict[Key, Trouble] = {}
        self._fetching = asyncio.Lock()
        self._saving = asyncio.Lock()
        self._unsaved: deque[Block] = deque(maxlen=KEPT * len(self._shelves))
        self._changes: list[Rescale] = []
        self._day: date | None = None
        self._precloses: dict[Symbol, int] = {}
        self._unchecked: set[Symbol] = set()
        self.listeners: list[OnClose] = []
        """Told of every bar that is finished, all symbols of a period at once and shorter periods first."""
        self.on_ex_date: list[OnExDate] = []
        """Told of an ex-date: symbol, the close as traded, the previous close as the exchange gives it, the day."""

    # -- what is asked for

    def daily(self, symbol: Symbol) -> Sequence[Bar]:
        """The finished days, oldest first, at most :data:`KEPT`; today is among them once it is over."""
        return self._bars(symbol, "day")

    def minutes(self, symbol: Symbol, period: Period) -> Sequence[Bar]:
        """The finished bars of minutes, oldest first, at most :data:`KEPT`."""
        return self._bars(symbol, period)

    async def since(self, symbol: Symbol, period: Period, at: datetime) -> Sequence[Bar]:
        """Every finished bar from this instant on that is at hand, oldest first; nobody is asked for more.

        Raises:
            Unavailable: the store cannot be read.
        """
        async with self._saving:
            stored = (await self._store.bars([symbol], period, at)).get(symbol, ())
            changes = [change for change in self._changes if change.symbol == symbol]
            bars = [_changed(bar, changes) for bar in stored]
        newest = bars[-1].time if bars else at - timedelta(seconds=1)
        return [*bars, *(bar for bar in self._bars(symbol, period) if bar.time > newest)]

    def forming(self, symbol: Symbol, period: Period) -> Bar | None:
        """The bar that is not finished yet; None where no frame has shown any of it."""
        bar = self._forming.bar(symbol, period)
        at, head = self._heads.get((symbol, period), (None, None))
        if bar is None or at != bar.time or head is None:
            return bar
        return bar_of(symbol, bar.time, add_up(head, numbers_of([bar])[:, 0]))

    def rows(self, symbol: Symbol, period: Period) -> tuple[Ints, Ints]:
        """The same as :meth:`daily` and :meth:`minutes`, for those who reckon in arrays.

        Returns:
            Seconds since 1970 of the labels, and numbers of shape (6, bars), see :data:`core.forming.OPEN`.
        """
        return self._shelves[period].rows(symbol)

    def trouble(self, symbol: Symbol) -> str | None:
        """Why the history of a symbol is not complete; None when it is, as far as we know."""
        for (troubled, _), trouble in self._troubles.items():
            if troubled == symbol:
                return trouble.why
        return None

    async def ensure(self, symbols: Collection[Symbol], period: Period, count: int = KEPT) -> None:
        """Have the newest ``count`` bars of these in memory: as stored, else fetched. What cannot be had is a trouble.

        A source is asked for one symbol after the other, so that many symbols take a while.

        Raises:
            Unavailable: the store cannot be read.
        """
        if period != "day":
            # What minutes are held against; and from now on they are kept.
            await self.ensure(symbols, "day", 1)
            self._forming.ask(symbols)
        wanted = list(dict.fromkeys(symbols))
        await self.recall(wanted, period)
        for place, symbol in enumerate(wanted):
            if self.lacks(symbol, period, count):
                await self._fetch(symbol, period, count)
            if place % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)

    async def recall(self, symbols: Collection[Symbol], period: Period) -> None:
        """Have in memory what is stored of these; nobody is asked for the rest.

        Raises:
            Unavailable: the store cannot be read.
        """
        shelf = self._shelves[period]
        unknown = [symbol for symbol in dict.fromkeys(symbols) if not shelf.has(symbol)]
        for start in range(0, len(unknown), _AT_ONCE):
            some = unknown[start : start + _AT_ONCE]
            stored = await self._store.bars(some, period, limit=KEPT)
            for symbol in some:
                self._load(symbol, period, stored.get(symbol, ()))

    def keep_minutes(self, symbols: Collection[Symbol]) -> None:
        """Make bars of minutes of these, also while the frames show a whole market."""
        self._forming.ask(symbols)

    # -- what comes in

    async def on_frame(self, frame: Frame) -> None:
        """Follow one frame. Costs no more than a look at its arrays: nothing is stored here."""
        ended, firsts = self._forming.take(frame)
        for block in ended:
            self._add(block)
        if firsts:
            self._begin(firsts)

    async def close_day(self) -> None:
        """After the close: the day's bars are finished and stored, whether or not another frame comes."""
        day = self._forming.day
        if day is not None and self._clock.now() >= session_close(day):
            for block in self._forming.finish():
                self._add(block)
        await self.save()

    async def save(self) -> None:
        """Store what has become finished since the last time.

        Raises:
            Unavailable: then it is kept for the next time.
        """
        async with self._saving:
            await self._check_stored()
            await self._rescale_stored()
            while self._unsaved:
                block = self._unsaved.popleft()
                try:
                    await self._store.save_bars(block.period, list(block.values()), block.source)
                except OutsideError:
                    self._unsaved.appendleft(block)
                    raise

    async def take(self, period: Period, bars: Iterable[Bar], source: str) -> None:
        """Store bars from elsewhere, joined to what is stored of their symbols.

        Raises:
            Unavailable
        """
        for symbol, own in groupby(sorted(bars, key=lambda bar: (bar.symbol, bar.time)), lambda bar: bar.symbol):
            await self._join(symbol, period, list(own), source, is_whole=False)

    async def forget(self) -> None:
        """Delete from the store what is older than :data:`KEEP`."""
        now = self._clock.now()
        for period, span in KEEP.items():
            await self._store.forget_bars(period, now - span)

    # -- how it is done

    def _bars(self, symbol: Symbol, period: Period) -> Sequence[Bar]:
        times, numbers = self.rows(symbol, period)
        return [
            bar_of(symbol, datetime.fromtimestamp(at, UTC), column)
            for at, column in zip(times.tolist(), numbers.T, strict=True)
        ]

    def _load(self, symbol: Symbol, period: Period, bars: Sequence[Bar]) -> None:
        """Take over bars as they are in the store."""
        changes = [change for change in self._changes if change.symbol == symbol]
        self._shelves[period].load(symbol, [_changed(bar, changes) for bar in bars[-KEPT:]])
        if period == "day" and symbol in self._precloses:
            self._check(symbol)

    async def _join(self, symbol: Symbol, period: Period, new: Sequence[Bar], source: str, *, is_whole: bool) -> None:
        """Store bars together with what is stored already.

        Args:
            is_whole: there is no hole in the new ones, so that they are the better ones wherever both have bars.
        """
        async with self._saving:
            stored: Sequence[Bar] = ()
            is_settled = False
            while not is_settled:
                await self._rescale_stored()
                stored = (await self._store.bars([symbol], period)).get(symbol, ())
                is_settled = all(change.symbol != symbol for change in self._changes)
            is_newer = is_whole or not stored or new[-1].time >= stored[-1].time
            bars = joined(new, stored) if is_newer else joined(stored, new)
            # First in memory: an ex-date that is found from now on is one of these bars, and comes after them.
            if self._shelves[period].has(symbol):
                self._load(symbol, period, bars)
            await self._store.save_bars(period, bars, source, replace=True)

    async def _rescale_stored(self) -> None:
        changes = len(self._changes)
        await self._store.rescale_bars(self._changes[:changes])
        del self._changes[:changes]

    def _add(self, block: Block) -> None:
        for symbol, period in [key for key in self._heads if key[1] == block.period]:
            at, head = self._heads[symbol, period]
            if at <= block.at:
                del self._heads[symbol, period]
            if at == block.at and symbol in block.rows:
                column = block.rows[symbol]
                block.numbers[:, column] = add_up(head, block.numbers[:, column])
        self._shelves[block.period].add(block)
        self._unsaved.append(block)
        for listener in self.listeners:
            listener(block.period, block.at, block)

    # -- ex-dates

    def _begin(self, firsts: Sequence[First]) -> None:
        """The first rows of these symbols today."""
        if self._day != self._forming.day:
            self._day = self._forming.day
            self._precloses.clear()
            self._unchecked.clear()
        for symbol, preclose in firsts:
            self._precloses[symbol] = preclose
            self._check(symbol)

    def _check(self, symbol: Symbol) -> None:
        times, numbers = self.rows(symbol, "day")
        earlier = np.flatnonzero(times < midnight(self._day or date.max).timestamp())
        if len(earlier):
            self._unchecked.discard(symbol)
            newest = earlier[-1]
            self._compare(symbol, datetime.fromtimestamp(times[newest], UTC), int(numbers[CLOSE, newest]))
        else:
            self._unchecked.add(symbol)  # the store may have something

    async def _check_stored(self) -> None:
        """Hold the previous close of those that nobody asked for against what is stored of them."""
        if self._day is None or not self._unchecked:
            return
        symbols, day = sorted(self._unchecked), self._day
        found = await self._store.bars(symbols, "day", since=day_label(previous_trading_day(day)))
        if day != self._day:
            return
        for symbol, (bar, *_) in found.items():
            if symbol in self._unchecked:  # else it was loaded meanwhile
                self._compare(symbol, bar.time, int(numbers_of([bar])[CLOSE, 0]))
        self._unchecked.difference_update(symbols)

    def _compare(self, symbol: Symbol, at: datetime, close: int) -> None:
        """Whether today is an ex-date, from the bar of the day before; an older one says nothing."""
        day, preclose = self._day, self._precloses.get(symbol)
        if day is None or not preclose or preclose == close or trading_date(at) != previous_trading_day(day):
            return
        change = Rescale(symbol, midnight(day), preclose, close)
        self._changes.append(change)
        for shelf in self._shelves.values():
            shelf.rescale(change)
        for tell in self.on_ex_date:
            tell(symbol, from_milli(close), from_milli(preclose), day)

    # -- fetching

    def lacks(self, symbol: Symbol, period: Period, count: int) -> bool:
        """Whether the newest ``count`` bars are not all there, and the source is to be asked now."""
        now, key = self._clock.now(), (symbol, period)
        asked, trouble = self._asked.get(key), self._troubles.get(key)
        if trouble is not None and now < trouble.retry_at:
            return False
        if asked is not None:
            is_again = trading_date(asked) != trading_date(now) if period == "day" else now - asked >= RETRY
            if not is_again:
                return False
        times = self.rows(symbol, period)[0][-count:]
        labels = [datetime.fromtimestamp(at, UTC) for at in times.tolist()]
        return len(labels) < count or _is_stale(labels, period, now) or _has_hole(labels, period)

    async def _fetch(self, symbol: Symbol, period: Period, count: int) -> None:
        async with self._fetching:
            if not self.lacks(symbol, period, count):
                return  # somebody else has asked meanwhile
            now, key = self._clock.now(), (symbol, period)
            try:
                if self._fetcher is None:
                    raise Unavailable("历史K线", "没有来源，只有开始盯以后看到的行情")
                found = await self._fetcher.bars(symbol, period, _FULL)
                if not found:
                    raise Unavailable(self._fetcher.name, f"没有 {symbol} 的K线")
            except OutsideError as error:
                rest = (error.retry_after if isinstance(error, Unavailable) else None) or RETRY
                retry_at = now + max(rest, RETRY)
                again = "" if self._fetcher is None else f"，{time_text(retry_at)} 以后再取"
                self._troubles[key] = Trouble(f"{error}{again}", retry_at)
                log.info("%s %s: %s", symbol, period, error)
                return
            self._troubles.pop(key, None)
            self._asked[key] = now
            source = self._fetcher.name
        finished = [bar for bar in found if _is_finished(bar, period, now)]
        if period != "day":
            self._keep_head(key, found[len(finished) :])
            finished = _fitted(finished, self.daily(symbol))
        if finished:
            await self._join(symbol, period, finished, source, is_whole=True)

    def _keep_head(self, key: Key, rest: Sequence[Bar]) -> None:
        """The part of the forming bar that was traded before the first frame."""
        if rest and self._forming.bar(*key) is None:
            self._heads[key] = rest[0].time, numbers_of(rest[:1])[:, 0]


def _changed(bar: Bar, changes: Iterable[Rescale]) -> Bar:
    """The bar after the ex-dates that the store does not know of yet."""
    for change in changes:
        if bar.time < change.before:
            bar = scaled(bar, change.numerator, change.denominator)
    return bar


def _fitted(minutes: Sequence[Bar], days: Sequence[Bar]) -> list[Bar]:
    """Bars of minutes on the prices of the days: multiplied where the last one of a day closed differently."""
    closes = {trading_date(bar.time): bar for bar in days}
    fitted: list[Bar] = []
    for day, own in groupby(minutes, lambda bar: trading_date(bar.time)):
        bars = list(own)
        is_whole = bars[-1].time == session_close(day) and day in closes
        if is_whole and closes[day].close != bars[-1].close:
            numerator, denominator = numbers_of([closes[day], bars[-1]])[CLOSE].tolist()
            bars = [scaled(bar, numerator, denominator) for bar in bars]
        fitted += bars
    return fitted


def _is_finished(bar: Bar, period: Period, now: datetime) -> bool:
    return now >= (session_close(trading_date(bar.time)) if period == "day" else bar.time)


def _is_stale(labels: Sequence[datetime], period: Period, now: datetime) -> bool:
    """Whether bars are missing at the end: a day before today, or more than the last bar of minutes."""
    if period == "day":
        return trading_date(labels[-1]) < previous_trading_day(trading_date(now))
    return labels[-1] < _newest(now - timedelta(minutes=MINUTES[period] + 1), MINUTES[period])


def _newest(at: datetime, minutes: int) -> datetime:
    """The label of the newest bar that was finished at this instant."""
    day = trading_date(at)
    clock = market_time(at).time()
    if not is_trading_day(day) or clock <= MORNING_OPENS:
        return session_close(previous_trading_day(day))
    forming = label(at, minutes)
    return forming if forming <= at else _before(forming, minutes)


def _before(at: datetime, minutes: int) -> datetime:
    """The label before this one."""
    earlier = at - timedelta(minutes=minutes)
    clock = market_time(earlier).time()
    if clock <= MORNING_OPENS:
        return session_close(previous_trading_day(trading_date(at)))
    if MORNING_ENDS < clock <= AFTERNOON_OPENS:
        return datetime.combine(trading_date(at), MORNING_ENDS, MARKET_ZONE).astimezone(UTC)
    return earlier


def _has_hole(labels: Sequence[datetime], period: Period) -> bool:
    """Whether a bar is missing between others."""
    if period == "day":
        days = [trading_date(at) for at in labels]
        return any(previous_trading_day(later) != earlier for earlier, later in pairwise(days))
    step = timedelta(minutes=MINUTES[period])
    # Most labels follow each other at once; the calendar is asked of the others alone.
    return any(
        later - earlier != step and _before(later, MINUTES[period]) > earlier for earlier, later in pairwise(labels)
    )
