"""A market made up from a seed: no account, no key, no network.

Names and price levels are those of real shares; what happens to them is invented and says nothing about them. A day is
drawn whole when it begins, one row every three market seconds as the exchanges publish them, so a frame depends on the
seed and the market time alone, never on the wall clock. The first day keeps a script, so that a newcomer sees
something within a minute: :data:`DIP`, :data:`RISE`, shares sealed at their limits, one that opens again, two halts.
The days before the first one are made up too, as bars: they end at its previous closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.quotes.demo_bars import Past
from core.bars import MINUTES, Bar, Period, day_label, end_minute, merged
from core.calendar import (
    AFTERNOON_OPENS,
    AUCTION_ENDS,
    CLOSE,
    CLOSING_AUCTION_OPENS,
    MORNING_ENDS,
    MORNING_OPENS,
    is_trading_day,
    next_trading_day,
)
from core.clock import MARKET_ZONE, ManualClock, market_time, midnight
from core.errors import Invalid
from core.forming import bar_of
from core.frames import Frame, Ints, Quote
from core.market import Board, board_of, price_limits, tick
from core.types import Price, Symbol, from_milli, to_milli

NAME: Final = "演示行情"
SEED: Final = 20260323

Floats = NDArray[np.float64]
Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Share:
    """One line of the demo market.

    Attributes:
        price: its previous close on the first day.
        swing: how far a usual day carries it, in percent.
        lots: of 100, usually traded in three seconds.
    """

    symbol: Symbol
    name: str
    price: Price
    swing: float
    lots: int


def _share(symbol: str, name: str, price: str, swing: float, lots: int) -> Share:
    return Share(Symbol(symbol), name, Decimal(price), swing, lots)


SHARES: Final = (
    _share("000001.SH", "上证指数", "3888.37", 0.05, 90_000),
    _share("600519.SH", "贵州茅台", "1430.00", 1.2, 7),
    _share("300750.SZ", "宁德时代", "262.50", 1.9, 55),
    _share("000858.SZ", "五粮液", "118.40", 1.5, 40),
    _share("601318.SH", "中国平安", "53.35", 1.3, 150),
    _share("600036.SH", "招商银行", "38.90", 1.0, 140),
    _share("601398.SH", "工商银行", "7.77", 0.8, 560),
    _share("000001.SZ", "平安银行", "11.41", 1.1, 190),
    _share("600000.SH", "浦发银行", "9.05", 1.0, 110),
    _share("600030.SH", "中信证券", "27.12", 1.6, 165),
    _share("300059.SZ", "东方财富", "23.60", 2.2, 480),
    _share("002594.SZ", "比亚迪", "90.47", 1.7, 40),
    _share("000333.SZ", "美的集团", "84.30", 1.2, 38),
    _share("000651.SZ", "格力电器", "41.24", 1.1, 90),
    _share("600900.SH", "长江电力", "27.96", 0.7, 130),
    _share("601088.SH", "中国神华", "46.41", 1.1, 40),
    _share("601857.SH", "中国石油", "11.20", 1.2, 290),
    _share("601899.SH", "紫金矿业", "34.74", 2.1, 600),
    _share("600276.SH", "恒瑞医药", "47.74", 1.6, 260),
    _share("600887.SH", "伊利股份", "25.40", 0.9, 90),
    _share("002415.SZ", "海康威视", "34.40", 1.6, 95),
    _share("002475.SZ", "立讯精密", "54.65", 2.3, 200),
    _share("002230.SZ", "科大讯飞", "39.19", 2.2, 80),
    _share("601012.SH", "隆基绿能", "12.42", 2.0, 110),
    _share("601127.SH", "赛力斯", "50.50", 2.4, 30),
    _share("601888.SH", "中国中免", "52.29", 1.8, 35),
    _share("000002.SZ", "万科A", "3.08", 1.6, 210),
    _share("000725.SZ", "京东方A", "6.00", 1.7, 2_700),
    _share("000016.SZ", "*ST康佳A", "2.33", 2.0, 30),
    _share("688981.SH", "中芯国际", "119.98", 2.2, 40),
    _share("920185.BJ", "贝特瑞", "26.80", 2.5, 8),
    _share("510300.SH", "沪深300ETF", "4.751", 0.9, 2_000),
)

MOUTAI: Final = Symbol("600519.SH")
CATL: Final = Symbol("300750.SZ")
SEALED: Final = Symbol("002230.SZ")
"""Reaches its upper limit on the first morning and stays there."""
OPENED: Final = Symbol("601012.SH")
"""Reaches its upper limit on the first morning and comes back before lunch."""
SUSPENDED: Final = Symbol("601888.SH")
"""Does not trade on the first day."""
HALTED: Final = Symbol("300059.SZ")
"""Halted from 09:50 to 10:10 of the first day."""

DIP: Final = Decimal("1420.00")
"""With every seed 贵州茅台 opens above this on the first day, falls through it between 09:34 and 09:37, stays below
until 10:00, and is above it again from 10:20 on."""
RISE: Final = Decimal("269.00")
"""With every seed 宁德时代 opens below this on the first day, rises through it between 09:40 and 09:45, and stays above
until the close."""


@dataclass(frozen=True, slots=True)
class _Script:
    """Where a share stands on the first day, in percent of the previous close.

    Attributes:
        knots: trading minutes since 09:30 and percent; in between in a straight line.
        bound: the noise around the line stays below this, in percent.
    """

    knots: tuple[tuple[float, float], ...]
    bound: float


_SCRIPTS: Final = {
    MOUTAI: _Script(
        (
            (0, 0.2),
            (3, -0.1),
            (6, -0.75),
            (9, -1.15),
            (13, -1.25),
            (20, -1.15),
            (35, -0.8),
            (60, -0.3),
            (120, 0.05),
            (180, 0.3),
            (240, 0.45),
        ),
        0.18,
    ),
    CATL: _Script(((0, 0.35), (5, 0.9), (10, 2.1), (15, 2.9), (25, 3.2), (60, 3.0), (120, 3.4), (240, 3.1)), 0.25),
    SEALED: _Script(((0, 3.2), (8, 5.0), (18, 8.2), (24, 10.8), (30, 13.0), (240, 13.0)), 0.5),
    OPENED: _Script(((0, 2.0), (10, 5.0), (16, 9.0), (20, 11.5), (45, 11.5), (52, 9.2), (75, 7.6), (240, 6.1)), 0.5),
    Symbol("000016.SZ"): _Script(((0, -1.7), (30, -6.0), (50, -11.5), (240, -11.5)), 0.8),
}
_HALTS: Final = {SUSPENDED: (-5, 240), HALTED: (20, 40)}
"""Trading minutes of the first day, both ends included."""

_MINUTES: Final = 240
_ROW: Final = 3
_LIVELY: Final = 1.6
"""The swing that a share must have to run to its limit on a later day; no fund and no index has it."""
_OUTSIDE: Final = 10.0
"""How far beyond the limit a runner of a later day would like to go, in percent: it keeps the limit sealed."""


def _seconds(clock: time) -> int:
    return clock.hour * 3600 + clock.minute * 60


_MORNING: Final = np.arange(_seconds(MORNING_OPENS) + _ROW, _seconds(MORNING_ENDS) + 1, _ROW)
_AFTERNOON: Final = np.arange(_seconds(AFTERNOON_OPENS) + _ROW, _seconds(CLOSING_AUCTION_OPENS) + 1, _ROW)
_SETTLED: Final = time(15, 5)
"""Prices go on being shown for a while after the close, so that a day is summed up before it is tomorrow."""

# The opening auction's result stands until 09:30, the last trade before 14:57 until the closing auction's at 15:00.
_TIMES: Final[Ints] = np.concatenate(
    [[_seconds(AUCTION_ENDS)], _MORNING, _AFTERNOON, [_seconds(CLOSE)]], dtype=np.int64
)
_PASSED: Final[Floats] = (
    np.concatenate(
        [
            [0],
            _MORNING - _seconds(MORNING_OPENS),
            _AFTERNOON - _seconds(AFTERNOON_OPENS) + _MINUTES * 30,
            [_MINUTES * 60],
        ]
    )
    / 60.0
)
"""Trading minutes that have passed at each row."""
_BUSY: Final[Floats] = 0.7 + 1.3 * np.exp(-_PASSED / 25) + 0.6 * np.exp((_PASSED - _MINUTES) / 12)
"""A day is busiest after the open and before the close."""
_LABELS: Final[Ints] = np.array([end_minute(-(-second // 60)) for second in _TIMES.tolist()], dtype=np.int64)
"""The 1-minute bar that each row belongs to, in minutes since midnight."""
_INDEX_SHARE: Final = 17_800
"""A share of the index costs what an average share does, not what the index shows; milli-yuan."""


class _Day:
    """One drawn day: a row per :data:`_TIMES`, a column per share."""

    def __init__(self, day: date, preclose: Ints, chance: np.random.Generator, *, is_first: bool) -> None:
        self.day = day
        self.preclose = preclose
        self._limits(day)
        self._draw(chance, is_first=is_first)
        self._book(chance)

    def _limits(self, day: date) -> None:
        found = [
            price_limits(share.symbol, share.name, from_milli(preclose), day)
            for share, preclose in zip(SHARES, self.preclose.tolist(), strict=True)
        ]
        self.limit_up = _ints([0 if limit is None else to_milli(limit.up) for limit in found])
        self.limit_down = _ints([0 if limit is None else to_milli(limit.down) for limit in found])

    def _draw(self, chance: np.random.Generator, *, is_first: bool) -> None:
        percent = _percent(chance, self._runner(chance), _SCRIPTS if is_first else {})
        milli = self.preclose * (1 + percent / 100)
        last = np.rint(milli / _TICK).astype(np.int64) * _TICK
        most = np.where(self.limit_up > 0, self.limit_up, np.iinfo(np.int64).max)
        last = np.clip(last, np.maximum(self.limit_down, _TICK), most)
        self.suspended = np.zeros(last.shape, dtype=np.bool_)
        self.quoted = np.repeat(_TIMES, len(SHARES)).reshape(last.shape)
        minutes = _PASSED
        for symbol, (begins, ends) in _HALTS.items() if is_first else ():
            column = _COLUMN[symbol]
            halted = (minutes >= begins) & (minutes <= ends)
            self.suspended[halted, column] = True
            before = max(int(np.argmax(halted)) - 1, 0)
            last[halted, column] = self.preclose[column] if begins < 0 else last[before, column]
            self.quoted[halted, column] = _TIMES[int(np.argmax(halted))]
        self.shown = last
        self.close = last[-1]
        traded = ~self.suspended.all(axis=0)
        self.open = np.where(traded, last[0], 0)
        self.high = np.where(traded, np.maximum.accumulate(last), 0)
        self.low = np.where(traded, np.minimum.accumulate(last), 0)
        self._count(chance, last)
        self.last = np.where(self.suspended, 0, last)

    def _runner(self, chance: np.random.Generator) -> tuple[int, float]:
        """The share that runs to its upper limit on a day without a script, and where it would like to go."""
        column = int(chance.choice(np.flatnonzero(_SWING >= _LIVELY)))
        return column, float(self.limit_up[column] / self.preclose[column] - 1) * 100 + _OUTSIDE

    def _count(self, chance: np.random.Generator, last: Ints) -> None:
        is_sealed = (last == self.limit_up) | (last == self.limit_down)
        eagerness = np.exp(0.6 * chance.standard_normal(last.shape)) * _BUSY[:, None] * np.where(is_sealed, 0.08, 1.0)
        # Each auction trades what a minute or two of the day would.
        eagerness[[0, -1]] *= 30
        lots = np.where(self.suspended, 0, chance.poisson(eagerness * _LOTS))
        self.volume = np.cumsum(lots * 100, axis=0)
        # A hundred usual days turn the whole float over; an index has none.
        self.turnover = np.where(_IS_INDEX, 0, self.volume * 1000 // (_LOTS * 100 * _MINUTES * 20))
        price = np.where(_IS_INDEX, _INDEX_SHARE, last)
        self.amount = np.cumsum(lots * price // 10, axis=0)

    def _book(self, chance: np.random.Generator) -> None:
        shape = self.last.shape
        is_at_ask = chance.random(shape) < 0.5
        bid = np.where(is_at_ask, self.last - _TICK, self.last)
        ask = bid + _TICK
        is_up, is_down = self.last == self.limit_up, self.last == self.limit_down
        is_closed = self.suspended | _IS_INDEX
        self.bid = np.where(is_up, self.limit_up, np.where(is_down | is_closed, 0, bid))
        self.ask = np.where(is_down, self.limit_down, np.where(is_up | is_closed, 0, ask))
        waiting = 1 + chance.poisson(_LOTS * np.exp(0.8 * chance.standard_normal((2, *shape))))
        queue = 1 + (_LOTS * 1500 * (1.2 - _PASSED[:, None] / _MINUTES)).astype(np.int64)
        self.bid_volume = np.where(self.bid > 0, np.where(is_up, queue, waiting[0]) * 100, 0)
        self.ask_volume = np.where(self.ask > 0, np.where(is_down, queue, waiting[1]) * 100, 0)

    def whole(self, row: int) -> Ints:
        """The bars of the day as far as this row; shape (6, shares), 0 where a share did not trade."""
        close = np.where(self.high[row] > 0, self.shown[row], 0)
        return np.stack([self.open, self.high[row], self.low[row], close, self.volume[row], self.amount[row]])

    def minutes(self, symbol: Symbol, row: int) -> list[Bar]:
        """The 1-minute bars of a share as far as this row."""
        column = _COLUMN[symbol]
        rows = np.flatnonzero(self.last[: row + 1, column])
        if not len(rows):
            return []
        last, labels = self.last[rows, column], _LABELS[rows]
        begins = np.flatnonzero(np.diff(labels, prepend=-1))
        ends = np.append(begins[1:], len(rows)) - 1
        traded = [np.diff(counted[rows[ends], column], prepend=0) for counted in (self.volume, self.amount)]
        numbers = np.stack(
            [
                last[begins],
                np.maximum.reduceat(last, begins),
                np.minimum.reduceat(last, begins),
                last[ends],
                *traded,
            ]
        )
        since = midnight(self.day).astimezone(UTC)
        return [
            bar_of(symbol, since + timedelta(minutes=label), numbers[:, place])
            for place, label in enumerate(labels[begins].tolist())
        ]

    def row(self, at: datetime) -> int:
        """The newest row at this instant."""
        local = market_time(at)
        seconds = local.hour * 3600 + local.minute * 60 + local.second
        return int(np.searchsorted(_TIMES, seconds, side="right")) - 1


def _percent(chance: np.random.Generator, runner: tuple[int, float], scripts: Mapping[Symbol, _Script]) -> Floats:
    """Where every share stands in percent of its previous close, one row per :data:`_TIMES`."""
    rows, width = len(_PASSED), len(SHARES)
    way = _PASSED / _MINUTES
    # Calm and nervous spells: they last about twenty minutes and hit each share on its own.
    spells = np.zeros((_MINUTES + 1, width))
    shocks = chance.standard_normal(spells.shape)
    for minute in range(1, _MINUTES + 1):
        spells[minute] = 0.95 * spells[minute - 1] + 0.15 * shocks[minute]
    nerves = np.exp(spells[_PASSED.astype(np.int64)])
    steps = chance.standard_normal((rows, width)) * _SWING / np.sqrt(rows) * (0.3 + 0.7 * _BUSY[:, None]) * nerves
    steps[0] = 0
    walk = np.cumsum(steps, axis=0)

    market_gap, market_close = 0.2 * chance.standard_normal(), 0.6 * chance.standard_normal()
    market_walk = np.cumsum(chance.standard_normal(rows)) * 0.5 / np.sqrt(rows)
    market = market_gap + market_close * way + market_walk - way * market_walk[-1]
    gap = 0.3 * _SWING * chance.standard_normal(width)
    target = 0.7 * _SWING * chance.standard_normal(width)
    own = gap + (target - gap) * way[:, None] + walk - way[:, None] * walk[-1]
    percent: Floats = own + market[:, None] * _BETA

    if not scripts:
        column, goal = runner
        sealed_at = chance.uniform(40, 200)
        line = np.interp(_PASSED, [0, sealed_at, _MINUTES], [1.0, goal, goal])
        percent[:, column] = line + 0.5 * np.tanh(2 * own[:, column])
    for symbol, script in scripts.items():
        column = _COLUMN[symbol]
        minutes, percents = zip(*script.knots, strict=True)
        drift = np.interp(_PASSED, minutes, walk[np.searchsorted(_PASSED, minutes), column])
        noise = script.bound * np.tanh((walk[:, column] - drift) / script.bound)
        percent[:, column] = np.interp(_PASSED, minutes, percents) + noise
    return percent


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)


_COLUMN: Final = {share.symbol: column for column, share in enumerate(SHARES)}
_SWING: Final = np.array([share.swing for share in SHARES])
_LOTS: Final = _ints([share.lots for share in SHARES])
_TICK: Final = _ints([to_milli(tick(board_of(share.symbol))) for share in SHARES])
_IS_INDEX: Final = np.array([board_of(share.symbol) is Board.INDEX for share in SHARES])
_BETA: Final = np.where(_IS_INDEX, 1.0, np.clip(_SWING / 1.5, 0.5, 1.3))


class _Part:
    """The watched part of the market; frames share its objects while it does not change."""

    def __init__(self, symbols: Collection[Symbol]) -> None:
        wanted = set(symbols)
        columns = [column for column, share in enumerate(SHARES) if share.symbol in wanted]
        self.symbols = tuple(SHARES[column].symbol for column in columns)
        self.rows = {symbol: row for row, symbol in enumerate(self.symbols)}
        self.names = tuple(SHARES[column].name for column in columns)
        self.pick: slice | NDArray[np.intp] = slice(None)
        if len(columns) < len(SHARES):
            self.pick = np.array(columns, dtype=np.intp)


class DemoQuotes:
    """A quote source that also moves the clock: from 09:25 to soon after the close, over lunch and night at a jump."""

    name = NAME

    def __init__(
        self,
        *,
        clock: ManualClock,
        seed: int,
        speed: float,
        start: date,
        step: float,
        pause: float,
        sleep: Sleep,
    ) -> None:
        self.interval = timedelta(seconds=speed * step)
        self._clock = clock
        self._seed = seed
        self._step = step
        self._pause = pause
        self._sleep = sleep
        self._part = self._whole = _Part(_COLUMN)
        self._days = 0
        self._is_new = True
        first = start if is_trading_day(start) else next_trading_day(start)
        price = _ints([to_milli(share.price) for share in SHARES])
        self._past = Past(
            seed=seed,
            first=first,
            close=price,
            swing=np.where(_IS_INDEX, 1.0, _SWING),
            usual=_LOTS * 100,
            tick=_TICK,
            worth=np.where(_IS_INDEX, _INDEX_SHARE, 0),
        )
        self._begin(first, price)

    @property
    def next_at(self) -> datetime:
        """When the next frame comes; the clock has not been moved there yet."""
        bell, close = self._instant(MORNING_ENDS), self._instant(CLOSE)
        if self._is_new:
            return self._at
        if self._at == self._instant(_SETTLED):
            return self._instant(AUCTION_ENDS, next_trading_day(self._day.day))
        if self._at == close:
            return self._instant(_SETTLED)
        if self._at == bell:
            return self._instant(AFTERNOON_OPENS)
        return min(self._at + self.interval, bell if self._at < bell else close)

    def watch(self, symbols: Collection[Symbol]) -> None:
        """From now on stream exactly these, as far as they are in :data:`SHARES`; before the first call all.

        With none, empty frames go on coming: the clock moves with them.
        """
        part = _Part(symbols)
        if part.symbols != self._part.symbols:
            self._part = part

    async def frames(self) -> AsyncIterator[Frame]:
        """The first at once, then one every step, for ever. The market waits for a slow reader: no frame is dropped."""
        while True:
            if not self._is_new:
                await self._move()
            self._is_new = False
            yield self._frame(self._part)

    async def fetch(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        """What the market shows now."""
        frame = self._frame(self._whole)
        found = ((symbol, frame.quote(symbol)) for symbol in symbols)
        return {symbol: quote for symbol, quote in found if quote is not None}

    async def bars(self, symbol: Symbol, period: Period, count: int) -> Sequence[Bar]:
        """What happened so far, made up where nothing was played; the bar that is forming is the last one."""
        column, row = _COLUMN.get(symbol), self._day.row(self._at)
        if column is None:
            return []
        if period == "day":
            past = self._past.daily(symbol, column, count)
            today = self._day.whole(row)[:, column]
            return [*past, bar_of(symbol, day_label(self._day.day), today)][-count:] if today[0] else past
        today_too = merged(self._day.minutes(symbol, row), MINUTES[period])
        return [*self._past.minutes(symbol, column, period), *today_too][-count:]

    def _begin(self, day: date, preclose: Ints) -> None:
        # Each day has a seed of its own, so that it does not depend on how many numbers the days before it drew.
        chance = np.random.default_rng([self._seed, self._days])
        self._day = _Day(day, preclose, chance, is_first=self._days == 0)
        self._days += 1
        self._set(self._instant(AUCTION_ENDS))

    async def _move(self) -> None:
        is_over = self._at == self._instant(_SETTLED)
        following = self.next_at
        await self._sleep(self._pause if is_over or self._at == self._instant(MORNING_ENDS) else self._step)
        if is_over:
            self._past.add(self._day.day, self._day.whole(-1))
            self._begin(next_trading_day(self._day.day), self._day.close)
        else:
            self._set(following)

    def _instant(self, clock: time, day: date | None = None) -> datetime:
        return datetime.combine(day or self._day.day, clock, MARKET_ZONE).astimezone(UTC)

    def _set(self, at: datetime) -> None:
        self._at = at
        self._clock.set(at)

    def _frame(self, part: _Part) -> Frame:
        day, pick, row = self._day, part.pick, self._day.row(self._at)
        # A share that trades has just been quoted, a halted one was when the halt began.
        since = round(self._instant(time()).timestamp() * 1000)
        halted_at = since + day.quoted[row, pick] * 1000
        suspended = day.suspended[row, pick]
        return Frame(
            at=self._at,
            source=NAME,
            symbols=part.symbols,
            rows=part.rows,
            last=day.last[row, pick],
            preclose=day.preclose[pick],
            open=day.open[pick],
            high=day.high[row, pick],
            low=day.low[row, pick],
            limit_up=day.limit_up[pick],
            limit_down=day.limit_down[pick],
            bid=day.bid[row, pick],
            ask=day.ask[row, pick],
            volume=day.volume[row, pick],
            amount=day.amount[row, pick],
            bid_volume=day.bid_volume[row, pick],
            ask_volume=day.ask_volume[row, pick],
            turnover=day.turnover[row, pick],
            quoted_at=np.where(suspended, halted_at, round(min(self._at, self._instant(CLOSE)).timestamp() * 1000)),
            suspended=suspended,
            names=part.names,
        )


def connect(
    *,
    clock: ManualClock,
    start: date,
    seed: int = SEED,
    speed: float = 60,
    step: float = 0.5,
    pause: float = 3,
    sleep: Sleep = asyncio.sleep,
) -> DemoQuotes:
    """A QuoteSource over an invented market. It sets ``clock`` to 09:25 of the first day at once.

    Up to ``speed * step`` of 1200 market seconds every seed shows :data:`DIP` and :data:`RISE` in its frames.

    Args:
        clock: must not be ahead of that 09:25.
        start: the first day; the next trading day where it is none.
        speed: market seconds per real second.
        step: real seconds between two frames.
        pause: real seconds that lunch and night take.

    Raises:
        Invalid: a number that no market can run at.
    """
    if not 0 < speed <= 36_000:
        raise Invalid(f"演示速度必须大于 0，不超过 36000，现在是 {speed}，请改成例如 60（一秒演一分钟）。")
    if not (0 < step <= 60 and 0 <= pause <= 3600):
        raise Invalid(f"演示的间隔 {step} 秒或停顿 {pause} 秒不合理，请改成例如 0.5 秒和 3 秒。")
    if seed < 0:
        raise Invalid(f"演示种子必须是不小于 0 的整数，现在是 {seed}，请改正。")
    return DemoQuotes(clock=clock, seed=seed, speed=speed, start=start, step=step, pause=pause, sleep=sleep)
