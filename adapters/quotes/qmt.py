"""miniQMT's market data: the terminal pushes what changes, and the newest of it becomes a frame.

One subscription holds all that is watched, or whole markets where that is much. The threads of the SDK put the newest
tick of each code aside; the loop takes them a few times a second. What came in between is superseded and counted: that
is how a slow reader is kept from falling behind.

Subscriptions die silently, so their life is proved all the time. Two indexes are subscribed besides, which move every
few seconds while the market trades: when they stand still, the link is dead. What stood still for long is compared now
and then with what the terminal has. Another connection, a link that came back, silence or a missed row: each subscribes
anew.

A share without trade is not pushed, so its newest row may be minutes old and true. Its time is left as it is.

Source: xtquant 250807.1.2; what its native half does was not seen on Windows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from adapters import xt
from adapters.quotes.qmt_bars import QmtBars
from adapters.quotes.qmt_link import NAME, PATIENT, URGENT, Link, Slow
from adapters.quotes.qmt_roster import QmtRoster
from adapters.quotes.qmt_rows import Facts, Tick, facts_of
from adapters.quotes.qmt_sheet import Newest, Sheet
from core.calendar import Phase, phase
from core.clock import Clock, market_time, time_text
from core.errors import OutsideError, Unavailable
from core.frames import Frame, Quote
from core.polling import out_of_hours
from core.types import Symbol, exchange_of, is_account

log: Final = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[object]]

INTERVAL: Final = timedelta(seconds=3)
SLOW_INTERVAL: Final = timedelta(seconds=30)
PACE: Final = timedelta(seconds=0.1)
"""For so long ticks are gathered into one frame."""
CHECK: Final = timedelta(seconds=1)
LONGEST_REST: Final = timedelta(seconds=10)
FETCH_WITHIN: Final = timedelta(seconds=5)
PIECE: Final = 400
"""Codes in one question."""
DETAILS: Final = 100
MANY: Final = 1000
"""With more codes than these, whole markets are subscribed."""
HEARTBEAT: Final = (Symbol("000001.SH"), Symbol("399001.SZ"))
SILENCE: Final = timedelta(seconds=20)
"""Of the continuous auction. In other phases indexes need not move, and silence says nothing."""
LONGEST_SILENCE: Final = timedelta(minutes=5)
COMPARE: Final = timedelta(seconds=30)
"""How often rows that stand still are compared with those of the terminal."""
COMPARED: Final = frozenset({Phase.CALL_AUCTION, Phase.CONTINUOUS, Phase.CLOSING_AUCTION})
STILL: Final = timedelta(seconds=60)
MISSED_MS: Final = 10_000
DAY_BEGINS: Final = timedelta(hours=9, minutes=5)
"""From then on the terminal has the facts of the day."""
ASK_AGAIN: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class _Subscription:
    """What the terminal pushes; its number means nothing to another client."""

    client: object | None
    number: int
    codes: frozenset[str]
    at: datetime


class _Known(NamedTuple):
    facts: Facts | None
    day: date
    at: datetime


class QmtQuotes:
    """A QuoteSource.

    It pushes; nothing is asked while nothing is watched. When the terminal is away no frame comes, and ``fetch`` says
    so; when it is back the frames are, too.

    Args:
        sleep: waits so many seconds.
        on_trouble: told in one Chinese sentence when the stream breaks or mends.
    """

    def __init__(
        self,
        xtdata: Any,
        clock: Clock,
        *,
        port: int | None,
        within: timedelta,
        sleep: Sleep,
        on_trouble: Callable[[str], None],
    ) -> None:
        self.name = NAME
        self.interval = INTERVAL
        self.link = Link(xtdata, clock, port=port, on_drop=self._on_drop)
        self.newest = Newest(clock, self._on_arrival)
        self.missed = 0
        """Rows that the terminal had and did not push."""
        self.rejected = 0
        self.subscribed = 0
        self._clock = clock
        self._within = within
        self._sleep = sleep
        self._on_trouble = on_trouble
        self._watched: frozenset[Symbol] = frozenset()
        self._sheet = Sheet(NAME)
        self._known: dict[Symbol, _Known] = {}
        self._subscription: _Subscription | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = asyncio.Event()
        self._woken = asyncio.Event()
        self._dropped = False
        self._silences = 0
        self._compared_at = clock.now()
        self._failures = 0
        self._trouble = ""
        self._trouble_at = clock.now()

    # --- what others ask of it ---

    def watch(self, symbols: Collection[Symbol]) -> None:
        """From now on stream exactly these. Whole accounts are no securities and are left out."""
        watched = frozenset(symbol for symbol in symbols if not is_account(symbol))
        if watched != self._watched:
            self._watched = watched
            self._sheet.watch(watched)
            self._sheet.learn(self._facts(watched))
            self._woken.set()

    async def frames(self) -> AsyncIterator[Frame]:
        """Snapshots of the watched symbols that were ever quoted, whenever something changes, and as a sign of life."""
        self._loop = asyncio.get_running_loop()
        tending = asyncio.create_task(self._tend())
        try:
            while True:
                await _first_of(self._arrived.wait(), self._sleep(self._quiet_for().total_seconds()), tending)
                if tending.done():
                    tending.result()
                if self._arrived.is_set():
                    await self._sleep(PACE.total_seconds())
                    self._arrived.clear()
                frame = self._drain()
                if frame is not None:
                    yield frame
        finally:
            self._loop = None
            tending.cancel()
            await asyncio.gather(tending, return_exceptions=True)

    def _drain(self) -> Frame | None:
        """All rows as they are now; None while there is none or nobody can say whether they are still true."""
        now = self._clock.now()
        ticks = self.newest.take()
        self._reject(self._sheet.put(ticks, now))
        return self._sheet.frame(now) if ticks or not self._trouble else None

    async def fetch(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        """Fresh quotes now; a symbol that the terminal does not know is absent.

        Where the thread is held by a question and the stream is alive, what was pushed is as fresh.

        Raises:
            Unavailable: the terminal is away, or does not answer in time.
        """
        wanted = [symbol for symbol in dict.fromkeys(symbols) if not is_account(symbol)]
        found: dict[Symbol, Quote] = {}
        for start in range(0, len(wanted), PIECE):
            piece = wanted[start : start + PIECE]
            try:
                ticks = await self._snapshot(piece)
            except Slow:
                pushed = self._pushed(piece)
                if pushed is None:
                    raise
                found |= pushed
                continue
            found |= self._quotes(piece, ticks)
        return found

    async def _snapshot(self, symbols: Sequence[Symbol]) -> Mapping[str, Tick]:
        now = self._clock.now()
        unknown = [symbol for symbol in symbols if self._is_due(symbol, now)]
        ticks, details = await self.link.ask(
            "读取快照",
            lambda xtdata: (xtdata.get_full_tick(list(symbols)), _details(unknown, xtdata)),
            within=self._within,
            rank=URGENT,
        )
        self._learn(details)
        quoted = {code: tick for code, tick in ticks.items() if tick}
        self.newest.put(quoted)
        return quoted

    def _quotes(self, symbols: Sequence[Symbol], ticks: Mapping[str, Tick]) -> dict[Symbol, Quote]:
        sheet = Sheet(NAME)
        sheet.watch(symbols)
        sheet.learn(self._facts(symbols))
        now = self._clock.now()
        self._reject(sheet.put(ticks, now))
        frame = sheet.frame(now)
        return {} if frame is None else {one: frame.quote_at(frame.rows[one]) for one in symbols if one in frame.rows}

    def _pushed(self, symbols: Sequence[Symbol]) -> dict[Symbol, Quote] | None:
        """From what was pushed; None where the stream may be dead or does not have them."""
        now = self._clock.now()
        if not self._is_alive(now):
            return None
        self._reject(self._sheet.put(self.newest.take(), now))
        frame = self._sheet.frame(now)
        if frame is None or any(symbol not in frame.rows for symbol in symbols):
            return None
        return {symbol: frame.quote_at(frame.rows[symbol]) for symbol in symbols}

    def _quiet_for(self) -> timedelta:
        """After how long a frame comes though nothing changed."""
        now = self._clock.now()
        return SLOW_INTERVAL if out_of_hours(now) and out_of_hours(now + SLOW_INTERVAL) else INTERVAL

    @property
    def trouble(self) -> str:
        """Why nothing comes, in Chinese; empty while all is well."""
        return self._trouble

    def describe(self) -> str:
        """How the stream is, in one line for a person."""
        if self._trouble:
            return f"{NAME}中断（{time_text(self._trouble_at)} 起）：{self._trouble}。"
        if self._subscription is None:
            return f"{NAME}还没有订阅。"
        moved = self.newest.moved_at
        last = f"最近一次推送 {time_text(moved)}" if moved is not None else "还没有推送"
        stuck = self.link.stuck_since
        hangs = f"；它从 {time_text(stuck)} 起不回答，一直这样就要重启网关和 miniQMT" if stuck is not None else ""
        return f"正在用{NAME}，{len(self._watched)} 只，{last}{hangs}。"

    async def close(self) -> None:
        """Leave the terminal. Waits for it no longer than two seconds."""
        await self.link.close(timedelta(seconds=2))

    # --- called in threads of the SDK ---

    def _on_arrival(self) -> None:
        self._from_thread(self._arrived)

    def _on_drop(self) -> None:
        self._dropped = True
        self._from_thread(self._woken)

    def _from_thread(self, event: asyncio.Event) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(event.set)

    # --- keeping it alive ---

    async def _tend(self) -> None:
        """Keep the subscription as it must be, for ever."""
        while True:
            self._woken.clear()
            try:
                await self._check()
            except Slow as error:
                self._failures += 1
                # As long as something is pushed, nobody misses anything but what is asked for.
                if self._failures == 1:
                    log.warning("%s", error)
                self._tell("" if self._is_alive(self._clock.now()) else error.reason)
            except OutsideError as error:
                self._failures += 1
                self._tell(error.reason)
            else:
                self._failures = 0
                self._tell("")
            rest = min(CHECK * 2 ** min(self._failures, 5), LONGEST_REST)
            await _first_of(self._woken.wait(), self._sleep(rest.total_seconds()))

    async def _check(self) -> None:
        """One look.

        Raises:
            Unavailable
        """
        codes = self._codes()
        if not codes:
            await self._unsubscribe()
            return
        # Connecting is what every question begins with.
        await self.link.ask("连接", _nothing, within=self._within)
        now, held = self._clock.now(), self._subscription
        moved_at = self.newest.moved_at
        if moved_at is not None and held is not None and moved_at > held.at:
            self._silences = 0
        if held is None or held.client is not self.link.client or held.codes != codes or self._dropped:
            await self._subscribe(codes)
        elif self._is_silent(held, now):
            await self._wake(codes)
        elif self.newest.wanted != self._watched.union(HEARTBEAT):
            await self._take_up()
        await self._read_details()
        await self._compare()
        if self._silences > 1:
            raise Unavailable(NAME, f"{time_text(moved_at)} 起没有新的推送" if moved_at is not None else "还没有推送")

    def _codes(self) -> frozenset[str]:
        if not self._watched:
            return frozenset()
        codes = self._watched.union(HEARTBEAT)
        # Only markets that are needed: a terminal may have no right to another.
        return frozenset(map(exchange_of, codes)) if len(codes) > MANY else codes

    async def _subscribe(self, codes: frozenset[str]) -> None:
        held, self._subscription = self._subscription, None
        self._dropped = False
        self._want()

        def renew(xtdata: Any) -> tuple[object, int]:
            client = self.link.client
            number = xtdata.subscribe_whole_quote(sorted(codes), self.newest.on_push)
            if held is not None and held.client is client:
                # Only now, so that nothing is missed in between. To another client the number means somebody else.
                xtdata.unsubscribe_quote(held.number)
            return client, number

        client, number = await self.link.ask("订阅行情", renew, within=self._within)
        if number <= 0:
            raise Unavailable(NAME, f"订阅行情被 miniQMT 拒绝（返回 {number}），请看它的行情是否已登录")
        self.subscribed += 1
        self._subscription = _Subscription(client, number, codes, self._clock.now())

    def _want(self) -> None:
        self.newest.wanted = wanted = self._watched.union(HEARTBEAT)
        self.newest.forget(wanted)

    async def _take_up(self) -> None:
        """Another list out of the same subscription: what is new in it is asked for, since only changes are pushed."""
        new = sorted(self._watched.difference(self.newest.wanted))
        self._want()
        for start in range(0, len(new), PIECE):
            await self._snapshot(new[start : start + PIECE])

    async def _unsubscribe(self) -> None:
        held, self._subscription = self._subscription, None
        if held is not None and held.client is self.link.client:
            await self.link.ask("退订行情", lambda xtdata: xtdata.unsubscribe_quote(held.number), within=self._within)

    def _is_silent(self, held: _Subscription, now: datetime) -> bool:
        """Whether nothing moved for longer than a living market allows; twice as long after each vain attempt."""
        limit = min(SILENCE * 2 ** min(self._silences, 5), LONGEST_SILENCE)
        since = max(self.newest.moved_at or held.at, held.at)
        return now - since > limit and phase(now) is phase(now - limit) is Phase.CONTINUOUS

    def _is_alive(self, now: datetime) -> bool:
        """Whether the market trades and something new was pushed just now."""
        moved_at = self.newest.moved_at
        return phase(now) is Phase.CONTINUOUS and moved_at is not None and now - moved_at <= SILENCE

    async def _wake(self, codes: frozenset[str]) -> None:
        """Subscribe anew; where that did not help the last time, over another connection."""
        self._silences += 1
        since = self.newest.moved_at
        log.warning("nothing new was pushed since %s, attempt %d", since and time_text(since), self._silences)
        if self._silences > 1:
            await self.link.ask("断开", lambda xtdata: xtdata.disconnect(), within=self._within, connects=False)
        await self._subscribe(codes)

    async def _read_details(self) -> None:
        """Once per trading day and code; again where they turn out to be of another day."""
        now = self._clock.now()
        due = [symbol for symbol in sorted(self._watched) if self._is_due(symbol, now)]
        for start in range(0, len(due), DETAILS):
            piece = due[start : start + DETAILS]
            details = await self.link.ask("读取合约信息", partial(_details, piece), within=self._within, rank=PATIENT)
            self._learn(details)

    def _is_due(self, symbol: Symbol, now: datetime) -> bool:
        known = self._known.get(symbol)
        return known is None or known.day != _day(now) or (known.facts is None and now - known.at > ASK_AGAIN)

    def _learn(self, details: Mapping[Symbol, Mapping[str, Any] | None]) -> None:
        now = self._clock.now()
        for symbol, detail in details.items():
            self._known[symbol] = _Known(facts_of(symbol, detail), _day(now), now)
        self._sheet.learn(self._facts([symbol for symbol in details if symbol in self._watched]))

    def _facts(self, symbols: Collection[Symbol]) -> dict[Symbol, Facts]:
        known = {symbol: self._known[symbol].facts for symbol in symbols if symbol in self._known}
        return {symbol: facts for symbol, facts in known.items() if facts is not None}

    async def _compare(self) -> None:
        """Hold rows that stand still against those of the terminal: a single code may have fallen out of the stream."""
        now = self._clock.now()
        if now - self._compared_at < COMPARE or phase(now) not in COMPARED:
            return
        self._compared_at = now
        for symbol in self._sheet.another_day():
            if now - self._known[symbol].at > ASK_AGAIN:
                del self._known[symbol]
        oldest = round((now - STILL).timestamp() * 1000)
        still = [symbol for symbol in sorted(self._watched) if self.newest.time_of(symbol) < oldest]
        for start in range(0, len(still), PIECE):
            piece = still[start : start + PIECE]
            before = {symbol: self.newest.time_of(symbol) for symbol in piece}
            await self._snapshot(piece)
            late = [one for one in piece if 0 < before[one] < self.newest.time_of(one) - MISSED_MS]
            if late:
                self.missed += len(late)
                log.warning("%d codes fell out of the stream, the first: %s", len(late), late[0])
                self._dropped = True

    # --- what is told ---

    def _reject(self, why: Sequence[str]) -> None:
        if why:
            self.rejected += len(why)
            log.warning("%s: left out %d rows, the first: %s", NAME, len(why), why[0])

    def _tell(self, trouble: str) -> None:
        if bool(trouble) != bool(self._trouble):
            self._trouble_at = self._clock.now()
            self._on_trouble(f"{NAME}中断：{trouble}。会自动重试。" if trouble else f"{NAME}已恢复。")
        self._trouble = trouble


def _day(now: datetime) -> date:
    """The day of whose facts the terminal speaks."""
    return (market_time(now) - DAY_BEGINS).date()


def _details(symbols: Collection[Symbol], xtdata: Any) -> dict[Symbol, Mapping[str, Any] | None]:
    return {symbol: xtdata.get_instrument_detail(symbol) for symbol in symbols}


def _nothing(_: Any) -> None:
    """Asks for nothing but the connection."""


async def _first_of(*waits: Awaitable[object]) -> None:
    """Wait until one of them is done, and leave the others; a task that is somebody else's goes on."""
    tasks = [asyncio.ensure_future(one) for one in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        mine = [task for task, one in zip(tasks, waits, strict=True) if task is not one]
        for task in mine:
            task.cancel()
        await asyncio.gather(*mine, return_exceptions=True)


class QmtData(NamedTuple):
    """What a terminal knows of the market, over one connection."""

    quotes: QmtQuotes
    bars: QmtBars
    roster: QmtRoster

    async def close(self) -> None:
        await self.quotes.close()


def connect(
    *,
    clock: Clock,
    port: int | None = None,
    within: timedelta = FETCH_WITHIN,
    sleep: Sleep = asyncio.sleep,
    on_trouble: Callable[[str], None] = log.warning,
) -> QmtData:
    """Ready to be asked; imports the SDK, which blocks for a moment, and connects with the first question.

    Args:
        port: where the data service of one terminal listens, where several run on this computer.
        within: how long a price may take.

    Raises:
        ConfigError: the SDK is not installed or does not run here.
    """
    quotes = QmtQuotes(xt.load("xtdata"), clock, port=port, within=within, sleep=sleep, on_trouble=on_trouble)
    return QmtData(quotes, QmtBars(quotes.link, clock), QmtRoster(quotes.link, clock))
