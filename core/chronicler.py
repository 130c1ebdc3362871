"""Chronicler: gathers what ``/why`` is asked about later, and stores it beside the way of the alerts.

It is told what was judged when the alerts of a frame are stored and under way, keeps lines in memory, and stores them
once a minute. What a person did to a watch does not pass through here: that is stored with the watch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Final

from core.calendar import session_close, trading_date
from core.chronicle import (
    MANY,
    STARTS,
    Approach,
    Entry,
    Kind,
    Reach,
    Stretch,
    begun,
    cause,
    nearest,
    nearest_first,
    stood,
    unjudged,
)
from core.clock import Clock, midnight
from core.errors import OutsideError
from core.forming import HIGH, LOW
from core.frames import Frame, Ints, Quote
from core.history import History
from core.judging import Rule
from core.ports import Store
from core.rulebook import RuleBook
from core.steps import Evaluation
from core.types import Symbol, to_milli
from core.watches import Watch
from core.watchlist import Watchlist
from core.zones import Missing

KEEP: Final = timedelta(days=400)
UNSTORED: Final = 20_000
"""Lines that wait for a database that is away; the oldest are lost first."""
AT_ONCE: Final = 500
"""Lines stored in one step, and rules looked through at a stretch: what is urgent comes in between."""
A_FRAME: Final = 1000
"""Rules armed by one frame that are noted; some 2 ms of work. Where the whole market turns, the rest is left out."""
AGAIN: Final = timedelta(minutes=10)
"""How often a doubt that goes on is stored anew."""
_MINUTE: Final = timedelta(minutes=1)


class Chronicler:
    """Remembers what changed, what could not be judged, and at the close how near everything came.

    Args:
        quote: the newest quote of a symbol.
    """

    def __init__(
        self,
        store: Store,
        book: RuleBook,
        watchlist: Watchlist,
        history: History,
        clock: Clock,
        *,
        quote: Callable[[Symbol], Quote | None],
    ) -> None:
        self._store = store
        self._book = book
        self._watchlist = watchlist
        self._history = history
        self._clock = clock
        self._quote = quote
        self._unstored: deque[Entry] = deque(maxlen=UNSTORED)
        # By symbol and reason, with the end that is stored.
        self._doubts: dict[tuple[Symbol, str], tuple[Stretch, datetime | None]] = {}

    # -- what is told

    def saw(self, judged: Evaluation, frame: Frame) -> None:
        """A frame armed rules, found some that held from the beginning, or left symbols in doubt."""
        armed = (arm for arm in judged.changed if arm.armed and self._follows(arm.key.watch_id))
        for arm in islice(armed, A_FRAME):
            row = frame.rows.get(arm.key.symbol)
            if row is not None:
                quoted_at = datetime.fromtimestamp(frame.quoted_at.item(row) / 1000, UTC)
                self._unstored.append(stood(arm, frame.at, frame.last.item(row), quoted_at, frame.source))
        for one in judged.already[:A_FRAME]:
            key, quote = one.key, one.quote
            if quote.last is not None and self._follows(key.watch_id):
                price = to_milli(quote.last)
                told = Entry(key.watch_id, frame.at, Kind.ALREADY, key.symbol, key.group, quote.quoted_at, price)
                self._unstored.append(told._replace(note=quote.source))
        # What only watches on the whole market look at is suspended by the hundred, day by day.
        named = self._book.symbols if judged.doubts else ()
        for symbol, why in judged.doubts:
            if symbol in named:
                self._doubt(symbol, why, frame.at)

    def blind(self, since: datetime, until: datetime) -> None:
        """No quotes came in this time. Told twice it is one line."""
        self.note(Entry("", since, Kind.BLIND, stamp=until))

    def note(self, entry: Entry) -> None:
        """A line from elsewhere."""
        self._unstored.append(entry)

    def _follows(self, watch_id: str) -> bool:
        watch = self._watchlist.current(watch_id)
        return watch is not None and len(watch.symbols) <= MANY

    def _doubt(self, symbol: Symbol, why: str, at: datetime) -> None:
        key = symbol, cause(why)
        stretch, stored = self._doubts.get(key, (None, None))
        if stretch is not None and stretch.over_at(at):
            self._end(key)
            stretch = stored = None
        longer = Stretch(symbol, why, at, at) if stretch is None else stretch.longer(why, at)
        self._doubts[key] = longer, stored

    def _end(self, key: tuple[Symbol, str]) -> None:
        stretch, stored = self._doubts.pop(key)
        if stretch.counts and stored != stretch.until:
            self._unstored.append(stretch.entry())

    # -- what is stored

    async def save(self) -> None:
        """Store what waits. Raises Unavailable; then it waits on."""
        now = self._clock.now()
        for key, (stretch, stored) in list(self._doubts.items()):
            if stretch.over_at(now):
                self._end(key)
            elif stretch.counts and (stored is None or stretch.until - stored >= AGAIN):
                self._unstored.append(stretch.entry())
                self._doubts[key] = stretch, stretch.until
        while self._unstored:
            batch = [self._unstored.popleft() for _ in range(min(AT_ONCE, len(self._unstored)))]
            try:
                await self._store.save_entries(batch)
            except OutsideError:
                self._unstored = deque([*batch, *self._unstored], maxlen=UNSTORED)
                raise

    async def forget(self) -> None:
        await self._store.forget_entries(self._clock.now() - KEEP)

    async def close_day(self) -> None:
        """Note how near every rule came today; of a watch on very many shares the nearest of them."""
        day = trading_date(self._clock.now())
        begins = midnight(day)
        started = begun(await self._store.entries(None, kinds=STARTS, since=begins), day)
        for watch in list(self._watchlist.everything()):
            found = await self._approaches(watch, day, started)
            kept = nearest_first(found) if len(watch.symbols) > MANY else [entry for entry, _ in found]
            self._unstored.extend(kept)
        await self.save()

    async def _approaches(self, watch: Watch, day: date, started: Mapping[str, datetime]) -> list[tuple[Entry, float]]:
        found = []
        at, many = session_close(day), len(watch.symbols) > MANY
        for place, rule in enumerate(self._book.rules_of(watch.id), 1):
            near = self.nearest(rule, day, started.get(watch.id), timed=not many)
            if isinstance(near, Approach):
                found.append((near.entry(rule, at), near.apart))
            elif not many:
                found.append((unjudged(rule, at, near), 0.0))
            if place % AT_ONCE == 0:
                await asyncio.sleep(0)
        return found

    # -- how near

    def nearest(self, rule: Rule, day: date, since: datetime | None, *, timed: bool = True) -> Approach | Missing:
        """How near a rule came on the day of the newest quotes, so far.

        Args:
            since: when it began to be judged, where that was within the day.
            timed: look up when it was, in the bars of minutes.
        """
        quote = self._quote(rule.key.symbol)
        if quote is None or trading_date(quote.quoted_at) != day:
            return Missing("当天没有收到它的行情")
        view = self._book.view(rule, quote)
        return nearest(rule, view, self._reach(quote, day, since, timed=timed))

    def _reach(self, quote: Quote, day: date, since: datetime | None, *, timed: bool) -> Reach | None:
        """What was reached that day; None where that is not known, or cannot be true."""
        if quote.low is None or quote.high is None:
            return None
        low, high = to_milli(quote.low), to_milli(quote.high)
        low_at = high_at = None
        if timed:
            times, numbers = self._history.rows(quote.symbol, "1m")
            begins = midnight(day) if since is None else since + _MINUTE
            seen = times >= begins.timestamp()
            times, lows, highs = times[seen], numbers[LOW][seen], numbers[HIGH][seen]
            if since is not None and len(times):
                low, high, since = int(lows.min()), int(highs.max()), None
            low_at, high_at = _first(times, lows == low), _first(times, highs == high)
        limits = [to_milli(limit) if limit is not None else 0 for limit in (quote.limit_down, quote.limit_up)]
        false = low < limits[0] or (limits[1] and high > limits[1])
        return None if since is not None or false else Reach(low, high, low_at, high_at)


def _first(times: Ints, there: Ints) -> datetime | None:
    """The label of the first of these bars."""
    found = times[there]
    return datetime.fromtimestamp(found.item(0), UTC) if len(found) else None
