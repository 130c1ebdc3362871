"""Engine.run: frames in, triggers out. Live, demo and replay go through the same few lines."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from core.calendar import is_session, trading_time
from core.clock import Clock, time_text
from core.dispatch import Dispatcher
from core.errors import OutsideError
from core.frames import Frame, LatestQuotes, Quote, frame_of
from core.ladder import Rows
from core.ports import QuoteSource
from core.rulebook import RuleBook
from core.steps import Evaluation
from core.types import Symbol, from_milli, price_text, to_milli

log: Final = logging.getLogger(__name__)

STALE: Final = timedelta(minutes=3)
"""A price whose own time is older than this fires nothing."""
_STALE_MS: Final = round(STALE.total_seconds() * 1000)
_NO_DOUBT: Final[Mapping[int, str]] = {}
SHORTEST_GAP: Final = timedelta(seconds=90)
GAPS_KEPT: Final = 20


class Gap(NamedTuple):
    """A time in which the market traded and nothing could be judged: no frame came, or only old prices. Aware UTC."""

    since: datetime
    until: datetime


def doubt(frame: Frame, row: int) -> str | None:
    """Why this row must not fire anything: bad data never fires."""
    last = int(frame.last[row])
    if last <= 0:
        return "停牌" if frame.suspended[row] else "没有成交价（价格为 0）"
    if frame.suspended[row]:
        return "停牌"
    age = frame.at.timestamp() - int(frame.quoted_at[row]) / 1000
    if age > STALE.total_seconds():
        return f"行情过旧（{age / 60:.0f} 分钟前的价格）"
    quoted_at = datetime.fromtimestamp(int(frame.quoted_at[row]) / 1000, UTC)
    if not is_session(quoted_at):
        return f"{time_text(quoted_at)} 的价格不是交易时段内的成交"
    return _beyond_limits(last, int(frame.limit_up[row]), int(frame.limit_down[row]))


def doubts(frame: Frame, rows: Rows) -> Mapping[int, str]:
    """Which of these rows must not fire anything, and why: :func:`doubt` for many."""
    last, quoted_at = frame.last.take(rows), frame.quoted_at.take(rows)
    up = frame.limit_up.take(rows)
    oldest = round(frame.at.timestamp() * 1000) - _STALE_MS
    # All that is usual is told by a few operations; only where they find something, that row is asked.
    old = quoted_at < oldest
    unusual = frame.suspended.take(rows) | old
    unusual |= (last <= 0) | (last < frame.limit_down.take(rows)) | ((last > up) & (up > 0))
    fresh = quoted_at[~old]
    asked = rows
    if not fresh.size or _all_trade(int(fresh.min()), int(fresh.max())):
        if not unusual.any():
            return _NO_DOUBT
        asked = rows[unusual]
    return {row: why for row in asked.tolist() if (why := doubt(frame, row)) is not None}


def _all_trade(first: int, latest: int) -> bool:
    """Whether all prices of so short a time may be judged; milliseconds since 1970."""
    return latest - first < _STALE_MS and _trades(first // 60_000) and _trades(latest // 60_000)


@lru_cache(maxsize=64)
def _trades(minute: int) -> bool:
    """Whether prices of this minute since 1970 may be judged: the hours begin and end with a minute."""
    return is_session(datetime.fromtimestamp(minute * 60, UTC))


def misses_nothing(frame: Frame) -> bool:
    """Whether a frame shows the market as it is: one price of it is fresh, or none of its symbols trades today.

    A source that hangs goes on sending frames, with the prices of the moment at which it stopped. A symbol that has not
    traded yet today is alive when somebody bids for it.
    """
    since = int(frame.at.timestamp() * 1000) - _STALE_MS
    # The first row nearly always tells, and this stands on the way of an alert.
    if len(frame) and frame.quoted_at.item(0) >= since and frame.last.item(0) > 0 and not frame.suspended.item(0):
        return True
    alive = (frame.quoted_at >= since) & ~frame.suspended & ((frame.last | frame.bid | frame.ask) > 0)
    return bool(alive.any() or frame.suspended.all())


def _beyond_limits(last: int, up: int, down: int) -> str | None:
    if up and last > up:
        return f"价格 {price_text(from_milli(last))} 超过涨停价 {price_text(from_milli(up))}，疑为坏数据"
    if down and last < down:
        return f"价格 {price_text(from_milli(last))} 低于跌停价 {price_text(from_milli(down))}，疑为坏数据"
    return None


class Engine:
    """Judges every frame of a source.

    Args:
        before: called with each frame before it is judged (a paper account matches its orders there).
        beside: called with each frame that is judged beside the stream.
        on_gap: told of a blind period when the first good frame after it has come.
        on_judged: told what a frame changed or left in doubt, after its alerts are under way.
    """

    def __init__(
        self,
        source: QuoteSource,
        book: RuleBook,
        dispatcher: Dispatcher,
        clock: Clock,
        *,
        on_gap: Callable[[Gap], Awaitable[None]],
        on_judged: Callable[[Evaluation, Frame], None],
        before: Collection[Callable[[Frame], Awaitable[None]]] = (),
        after: Collection[Callable[[Frame], Awaitable[None]]] = (),
        beside: Collection[Callable[[Frame], Awaitable[None]]] = (),
    ) -> None:
        self._source = source
        self._book = book
        self._dispatcher = dispatcher
        self._clock = clock
        self._on_gap = on_gap
        self._on_judged = on_judged
        self._before = tuple(before)
        self._after = tuple(after)
        self._beside = tuple(beside)
        self._latest = LatestQuotes()
        self._swept: Frame | None = None
        # One frame at a time: what fires is stored and told before the next one is judged.
        self._judging = asyncio.Lock()
        self._last_frame_at: datetime | None = None
        self._last_good_at: datetime | None = None
        self._after_gap = False
        self._begins = False
        """The newest frame is the first one after a gap."""
        self._untold: list[Gap] = []
        self.gaps: deque[Gap] = deque(maxlen=GAPS_KEPT)

    async def run(self) -> None:
        """Until the source ends; live sources never do."""
        async for frame in self._source.frames():
            await self.on_frame(frame)

    async def on_frame(self, frame: Frame) -> None:
        """Judge one frame."""
        self._latest.add(frame)
        await _take(self._before, frame)
        gap = self._gap_before(frame)
        if gap is not None:
            self.gaps.append(gap)
            self._untold.append(gap)
            self._after_gap = True
        if is_session(frame.at):
            self._begins, self._after_gap = self._after_gap, False
            await self._judge(frame, after_gap=self._begins)
        elif self._dispatcher.waiting:
            async with self._judging:
                await self._dispatcher.fire((), (), ())
        await self._tell_gaps()
        await _take(self._after, frame)

    async def on_accounts(self, frame: Frame) -> None:
        """Judge what accounts are worth by the prices of the frame that was judged last."""
        self._latest.add(frame)
        if is_session(frame.at):
            await self._judge(frame, after_gap=self._begins)

    async def on_sweep(self, frame: Frame, *, after_gap: bool = False) -> None:
        """Judge what the stream does not show. It is no sign of life: whether the stream is well is another matter."""
        self._swept = frame
        await _take(self._beside, frame)
        if is_session(frame.at):
            await self._judge(frame, after_gap=after_gap)

    async def _judge(self, frame: Frame, *, after_gap: bool) -> None:
        async with self._judging:
            judged = self._book.evaluate(frame, doubts, after_gap=after_gap)
            self._dispatcher.meet(judged.met)
            if judged.triggers or judged.already or judged.changed or self._dispatcher.waiting:
                await self._dispatcher.fire(judged.triggers, judged.already, judged.changed, frame)
            if judged.changed or judged.doubts:
                self._on_judged(judged, frame)

    def resume_after(self, at: datetime) -> None:
        """Go on from the last good frame of an earlier process, so that the time between counts as a gap.

        Called when the watches have been loaded: what nobody watched is no gap.
        """
        self._last_good_at = self._last_good_at or at
        self._book.was_empty()

    def quote(self, symbol: Symbol) -> Quote | None:
        """The newest quote seen."""
        frame = self._newest(symbol)
        return None if frame is None else frame.quote(symbol)

    def _newest(self, symbol: Symbol) -> Frame | None:
        frame, swept = self._latest.frame(symbol), self._swept
        if swept is None or symbol not in swept.rows:
            return frame
        return swept if frame is None or frame.at < swept.at else frame

    def learn(self, quotes: Collection[Quote]) -> None:
        """Remember quotes that were asked for beside the stream. They judge nothing."""
        if quotes:
            known = tuple(quotes)
            self._latest.add(frame_of(known, at=self._clock.now(), source=known[0].source))

    def traded_quote(self, symbol: Symbol) -> Quote | None:
        """The newest quote, if it has a price to begin from: a new watch is compared with it, whatever the hour."""
        quote = self.quote(symbol)
        if quote is None or quote.last is None or quote.suspended:
            return None
        limits = (to_milli(limit) if limit is not None else 0 for limit in (quote.limit_up, quote.limit_down))
        return None if _beyond_limits(to_milli(quote.last), *limits) else quote

    def doubt_now(self, symbol: Symbol) -> str | None:
        """Why nothing would be judged by the newest row of this symbol; None when it is fit, or the market rests."""
        now = self._clock.now()
        frame = self._newest(symbol)
        if frame is None or not is_session(now):
            return None
        return doubt(replace(frame, at=max(frame.at, now)), frame.rows[symbol])

    @property
    def last_frame_at(self) -> datetime | None:
        """When the newest frame came, whatever it was worth."""
        return self._last_frame_at

    @property
    def last_good_at(self) -> datetime | None:
        """When the newest frame came by which the market could be judged; aware UTC."""
        return self._last_good_at

    def _gap_before(self, frame: Frame) -> Gap | None:
        """The blind period that this frame ends, if there was one while the market traded and something was watched."""
        self._last_frame_at = frame.at
        if not misses_nothing(frame):
            return None
        before, self._last_good_at = self._last_good_at, frame.at
        unwatched = self._book.was_empty()
        if before is None or unwatched:
            return None
        longest = max(SHORTEST_GAP, 3 * self._source.interval)
        if frame.at - before <= longest:  # the calendar need not be asked
            return None
        return Gap(before, frame.at) if trading_time(before, frame.at) > longest else None

    async def _tell_gaps(self) -> None:
        try:
            while self._untold:
                await self._on_gap(self._untold[0])
                self._untold.pop(0)
        except OutsideError as error:
            log.warning("a gap could not be told yet: %s", error)


async def _take(steps: Collection[Callable[[Frame], Awaitable[None]]], frame: Frame) -> None:
    """What outside fails in a step beside the judging must not end the judging; the step sees the next frame."""
    for step in steps:
        try:
            await step(frame)
        except OutsideError as error:
            log.warning("%s", error)
