"""The invented market keeps the rules of the real one, and shows what the tour promises."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from adapters.quotes import demo
from adapters.quotes.demo import CATL, DIP, HALTED, MOUTAI, OPENED, RISE, SEALED, SHARES, SUSPENDED, DemoQuotes, connect
from core.bars import Period
from core.calendar import is_session, previous_trading_day, trading_days
from core.clock import ManualClock, market_time
from core.errors import Invalid
from core.frames import COUNTS, PRICES, RATES, Frame
from core.market import Board, board_of, price_limits, tick
from core.ports import BarFetcher, QuoteSource
from core.types import Symbol, from_milli, to_milli

START = date(2026, 9, 24)
INDEX = Symbol("000001.SH")
ROWS = {share.symbol: row for row, share in enumerate(SHARES)}
A_DAY = 10 + 2 * 241
"""Frames of a day at two a minute: 09:25 to 09:30 without its end, both halves with both ends."""


class Sleeps:
    """Sleeps without sleeping, and remembers for how long."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def a_clock() -> ManualClock:
    return ManualClock(datetime(2000, 1, 1, tzinfo=UTC))


def a_market(*, clock: ManualClock | None = None, seed: int = demo.SEED, speed: float = 60) -> DemoQuotes:
    return connect(clock=clock or a_clock(), seed=seed, speed=speed, start=START, sleep=Sleeps())


async def taken(source: QuoteSource, count: int) -> list[Frame]:
    frames: list[Frame] = []
    async for frame in source.frames():
        frames.append(frame)
        if len(frames) == count:
            break
    return frames


def column(frames: list[Frame], name: str, symbol: Symbol) -> list[int]:
    return [int(getattr(frame, name)[frame.rows[symbol]]) for frame in frames]


def of_day(frames: list[Frame], number: int) -> list[Frame]:
    days = sorted({market_time(frame.at).date() for frame in frames})
    return [frame for frame in frames if market_time(frame.at).date() == days[number]]


def at(frames: list[Frame], clock: time) -> Frame:
    return next(frame for frame in frames if market_time(frame.at).time() >= clock)


@pytest.fixture
async def three_days() -> list[Frame]:
    return await taken(a_market(), 3 * (A_DAY + 2))


def same(one: Frame, other: Frame) -> bool:
    arrays = (*PRICES, *COUNTS, *RATES, "quoted_at", "suspended")
    return one.at == other.at and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)


def test_the_market_has_shares_of_every_board() -> None:
    assert len(SHARES) >= 30
    assert len(ROWS) == len(SHARES)
    boards = {board_of(share.symbol) for share in SHARES}
    assert boards >= {Board.MAIN, Board.CHINEXT, Board.STAR, Board.BSE, Board.FUND, Board.INDEX}
    assert any(share.name.startswith("*ST") for share in SHARES)
    assert all(share.price % tick(board_of(share.symbol)) == 0 for share in SHARES)


async def test_the_same_seed_gives_the_same_frames_and_another_one_does_not(three_days: list[Frame]) -> None:
    again = await taken(a_market(), len(three_days))
    assert all(same(*pair) for pair in zip(three_days, again, strict=True))
    other = await taken(a_market(seed=1), 40)
    assert not any(same(*pair) for pair in zip(three_days, other, strict=False))


async def test_a_faster_market_shows_the_same_prices_at_the_same_time(three_days: list[Frame]) -> None:
    slow = {frame.at: frame for frame in three_days}
    fast = await taken(a_market(speed=600), 60)
    assert all(same(slow[frame.at], frame) for frame in fast)


async def test_frames_come_in_session_time_and_once_after_it_and_the_clock_goes_with_them() -> None:
    clock = a_clock()
    source = a_market(clock=clock)
    assert market_time(clock.now()) == datetime.combine(START, time(9, 25), market_time(clock.now()).tzinfo)
    times = []
    async for frame in source.frames():
        assert clock.now() == frame.at
        assert is_session(frame.at) or market_time(frame.at).time() == time(15, 5)
        times.append(market_time(frame.at))
        if len(times) == 2 * (A_DAY + 3):
            break
    assert times == sorted(set(times))
    # 2026-09-25 is a holiday.
    assert {at.date() for at in times[:-1]} >= {date(2026, 9, 24), date(2026, 9, 28)}
    first = [at.time() for at in times if at.date() == START]
    assert {time(9, 25), time(11, 30), time(13, 0), time(15, 0), time(15, 5)} <= set(first)
    assert not [clock for clock in first if time(11, 30) < clock < time(13, 0)]


async def test_lunch_and_night_take_one_pause_each_and_every_other_frame_one_step() -> None:
    sleeps = Sleeps()
    source = connect(clock=a_clock(), start=START, speed=600, step=0.5, pause=7, sleep=sleeps)
    assert source.interval == timedelta(minutes=5)
    await taken(source, 53)
    assert sleeps.seconds == [0.5] * 25 + [7] + [0.5] * 25 + [7]


async def test_a_first_day_that_is_none_becomes_the_next_trading_day() -> None:
    clock = a_clock()
    connect(clock=clock, start=date(2026, 10, 3))
    assert market_time(clock.now()).date() == date(2026, 10, 8)


def test_prices_keep_the_limits_the_tick_and_their_order(three_days: list[Frame]) -> None:
    ticks = np.array([to_milli(tick(board_of(share.symbol))) for share in SHARES])
    for frame in three_days:
        for name in PRICES:
            assert not (getattr(frame, name) % ticks).any()
        trading = frame.last > 0
        assert (trading == ~frame.suspended).all()
        limited = trading & (frame.limit_up > 0)
        for name in ("last", "high", "low", "open"):
            price = getattr(frame, name)
            assert (price[limited] <= frame.limit_up[limited]).all()
            assert (price[limited] >= frame.limit_down[limited]).all()
        assert (frame.low <= frame.last)[trading].all()
        assert (frame.last <= frame.high)[trading].all()
        assert (frame.low <= frame.open).all()
        assert (frame.open <= frame.high).all()
        both = (frame.bid > 0) & (frame.ask > 0)
        assert (frame.ask - frame.bid == ticks)[both].all()
        assert ((frame.last == frame.bid) | (frame.last == frame.ask))[both].all()
        assert (frame.bid[frame.bid > 0] >= np.maximum(frame.limit_down, 1)[frame.bid > 0]).all()
        assert (frame.ask <= frame.limit_up)[frame.ask > 0].all()
        assert ((frame.bid_volume > 0) == (frame.bid > 0)).all()
        assert ((frame.ask_volume > 0) == (frame.ask > 0)).all()


def test_limits_are_those_of_the_market_rules(three_days: list[Frame]) -> None:
    for number in range(2):
        frame = of_day(three_days, number)[0]
        for row, share in enumerate(SHARES):
            limits = price_limits(
                share.symbol, share.name, from_milli(frame.preclose[row]), market_time(frame.at).date()
            )
            expected = (0, 0) if limits is None else (to_milli(limits.up), to_milli(limits.down))
            assert (frame.limit_up[row], frame.limit_down[row]) == expected
    assert three_days[0].limit_up[ROWS[INDEX]] == 0


def test_the_day_only_adds_to_volume_amount_and_range_and_keeps_its_open(three_days: list[Frame]) -> None:
    for number in range(2):
        for one, following in pairwise(of_day(three_days, number)):
            for name in ("volume", "amount", "high"):
                assert (getattr(following, name) >= getattr(one, name)).all()
            assert (following.low <= one.low).all()
            assert (following.open == one.open).all()
            assert not (following.volume % 100).any()
    end = of_day(three_days, 0)[-1]
    assert (end.volume > 0).tolist() == (end.open > 0).tolist()


def test_a_day_opens_with_a_jump_from_the_close_before_it(three_days: list[Frame]) -> None:
    end, begin = of_day(three_days, 0)[-1], of_day(three_days, 1)[0]
    traded = ~end.suspended
    assert (begin.preclose[traded] == end.last[traded]).all()
    assert begin.preclose[ROWS[SUSPENDED]] == end.preclose[ROWS[SUSPENDED]]
    assert (begin.open != begin.preclose).sum() > len(SHARES) / 2
    assert not begin.suspended.any()


def test_the_suspended_share_has_no_price_all_day(three_days: list[Frame]) -> None:
    frames = of_day(three_days, 0)
    for name in ("last", "open", "high", "low", "bid", "ask", "volume", "amount"):
        assert set(column(frames, name, SUSPENDED)) == {0}
    assert all(frame.suspended[ROWS[SUSPENDED]] for frame in frames)
    assert len(set(column(frames, "quoted_at", SUSPENDED))) == 1
    quote = frames[5].quote(SUSPENDED)
    assert quote is not None
    assert (quote.last, quote.preclose, quote.suspended) == (None, Decimal("52.29"), True)


def test_the_halted_share_stops_for_twenty_minutes(three_days: list[Frame]) -> None:
    frames = of_day(three_days, 0)
    halted = [frame for frame in frames if frame.suspended[ROWS[HALTED]]]
    times = [market_time(frame.at).time() for frame in halted]
    assert (times[0], times[-1]) == (time(9, 50), time(10, 10))
    assert len(set(column(halted, "volume", HALTED))) == 1
    assert len(set(column(halted, "high", HALTED))) == 1
    assert set(column(halted, "last", HALTED)) == {0}
    assert column([at(frames, time(10, 11))], "last", HALTED)[0] > 0


def test_one_share_seals_its_limit_and_another_one_opens_again(three_days: list[Frame]) -> None:
    frames = of_day(three_days, 0)
    for symbol in (SEALED, OPENED):
        noon = at(frames, time(9, 59)).quote(symbol)
        assert noon is not None
        assert noon.last == noon.limit_up == noon.bid
        assert (noon.ask, noon.ask_volume) == (None, 0)
        assert noon.bid_volume > 1_000_000
    end_of_sealed, end_of_opened = frames[-1].quote(SEALED), frames[-1].quote(OPENED)
    assert end_of_sealed is not None
    assert end_of_opened is not None
    assert end_of_sealed.last == end_of_sealed.limit_up
    assert end_of_opened.high == end_of_opened.limit_up
    assert end_of_opened.last is not None
    assert end_of_opened.limit_up is not None
    assert end_of_opened.last < end_of_opened.limit_up * Decimal("0.98")


def test_a_later_day_has_a_runner_too(three_days: list[Frame]) -> None:
    end = of_day(three_days, 1)[-1]
    assert (end.last[end.limit_up > 0] == end.limit_up[end.limit_up > 0]).any()


@pytest.mark.parametrize("seed", [demo.SEED, 0, 1, 2, 3, 4, 5])
async def test_moutai_dips_early_and_recovers_with_every_seed(seed: int) -> None:
    frames = await taken(a_market(seed=seed), A_DAY)
    level = to_milli(DIP)
    prices = column(frames, "last", MOUTAI)
    below = [number for number, price in enumerate(prices) if price < level]
    times = [market_time(frames[number].at).time() for number in below]
    assert time(9, 34) <= times[0] <= time(9, 37, 30)
    assert below[0] < 26, "within 13 seconds at the usual speed"
    plateau = [price for price, frame in zip(prices, frames, strict=True) if market_time(frame.at).time() < time(10, 0)]
    assert max(plateau[below[0] + 3 :]) < level
    assert times[-1] < time(10, 21)
    fall = Decimal(min(prices)) / prices[0] - 1
    assert Decimal("-0.017") < fall < Decimal("-0.012")
    steps = [abs(later - earlier) / earlier for earlier, later in pairwise(prices)]
    assert max(steps) < 0.005, "no jump"


@pytest.mark.parametrize("seed", [demo.SEED, 0, 1, 2, 3])
async def test_catl_rises_and_stays_up_with_every_seed(seed: int) -> None:
    frames = of_day(await taken(a_market(seed=seed), A_DAY), 0)
    prices = column(frames, "last", CATL)
    first = next(number for number, price in enumerate(prices) if price > to_milli(RISE))
    assert time(9, 40) <= market_time(frames[first].at).time() <= time(9, 45)
    end = frames[-1].quote(CATL)
    assert end is not None
    assert end.percent is not None
    assert Decimal("2.7") < end.percent < Decimal("3.5")
    assert min(column([frame for frame in frames if market_time(frame.at).time() > time(9, 45)], "last", CATL)) > (
        to_milli(RISE)
    )


async def test_shares_move_together_with_the_market(three_days: list[Frame]) -> None:
    frames = of_day(three_days, 1)
    last = np.array([frame.last for frame in frames[::10]], dtype=np.float64)
    moves = np.diff(np.log(last), axis=0)
    ordinary = [ROWS[share.symbol] for share in SHARES if share.symbol != INDEX and share.price > 10]
    correlations = [np.corrcoef(moves[:, ROWS[INDEX]], moves[:, row])[0, 1] for row in ordinary]
    assert np.median(correlations) > 0.1


async def test_only_the_watched_are_streamed_and_their_list_is_one_object() -> None:
    source = a_market()
    frames = source.frames()
    assert len(await anext(frames)) == len(SHARES)
    source.watch([CATL, MOUTAI, Symbol("000004.SZ")])
    one = await anext(frames)
    source.watch([MOUTAI, CATL])
    other = await anext(frames)
    assert set(one.symbols) == {MOUTAI, CATL}
    assert one.symbols is other.symbols
    assert one.names == tuple(SHARES[ROWS[symbol]].name for symbol in one.symbols)
    source.watch([])
    empty = await anext(frames)
    assert len(empty) == len(empty.last) == 0
    assert empty.at > other.at


async def test_fetch_shows_the_market_as_it_is_now() -> None:
    source = a_market()
    source.watch([])
    before = await source.fetch([MOUTAI, Symbol("000004.SZ")])
    assert list(before) == [MOUTAI]
    assert before[MOUTAI].name == "贵州茅台"
    assert before[MOUTAI].preclose == Decimal("1430.00")
    await taken(source, 20)
    now = (await source.fetch([MOUTAI]))[MOUTAI]
    assert now.volume > before[MOUTAI].volume
    assert now.quoted_at == now.received_at > before[MOUTAI].received_at


@pytest.mark.parametrize(
    ("speed", "step", "pause"),
    [(0, 0.5, 3), (float("nan"), 0.5, 3), (-1, 0.5, 3), (1e9, 0.5, 3), (60, 0, 3), (60, 0.5, -1)],
)
def test_a_speed_that_makes_no_sense_is_refused(speed: float, step: float, pause: float) -> None:
    with pytest.raises(Invalid, match="请改成"):
        connect(clock=a_clock(), start=START, speed=speed, step=step, pause=pause)


async def test_when_the_next_frame_comes_is_known_before_the_clock_moves_over_lunch_and_night_too() -> None:
    clock = a_clock()
    market = a_market(clock=clock, speed=1200)
    frames = aiter(market.frames())
    for _ in range(60):
        promised = market.next_at
        assert clock.now() <= promised
        assert (await anext(frames)).at == promised == clock.now()


# -- past bars


async def test_the_days_before_the_first_one_are_made_up_and_end_at_its_previous_closes() -> None:
    source: BarFetcher = a_market()
    for share in SHARES:
        bars = [bar for bar in await source.bars(share.symbol, "day", 320) if market_time(bar.time).date() < START]
        assert len(bars) == 260
        assert bars[-1].close == share.price
        days = [market_time(bar.time).date() for bar in bars]
        assert days == list(trading_days(days[0], previous_trading_day(START)))
        grid = tick(board_of(share.symbol))
        for before, bar in pairwise(bars):
            assert 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
            assert bar.close % grid == 0
            assert abs(bar.close / before.close - 1) < Decimal("0.1")
            assert bar.volume > 0
            assert bar.amount


async def test_the_same_seed_makes_up_the_same_past() -> None:
    one, other, different = a_market(seed=1), a_market(seed=1), a_market(seed=2)
    assert await one.bars(MOUTAI, "5m", 320) == await other.bars(MOUTAI, "5m", 320)
    assert await one.bars(MOUTAI, "day", 320) != await different.bars(MOUTAI, "day", 320)
    assert await one.bars(Symbol("000004.SZ"), "day", 320) == []


async def test_the_bar_of_today_is_what_the_frames_have_shown_and_nothing_of_what_comes() -> None:
    source = a_market()
    frames = await taken(source, 100)
    [today] = await source.bars(MOUTAI, "day", 1)
    row = frames[-1].rows[MOUTAI]
    shown = frames[-1]
    assert (to_milli(today.high), to_milli(today.low), to_milli(today.close), today.volume) == (
        shown.high[row],
        shown.low[row],
        shown.last[row],
        shown.volume[row],
    )
    periods: tuple[Period, ...] = ("1m", "5m", "60m")
    for period in periods:
        bars = await source.bars(MOUTAI, period, 320)
        assert to_milli(bars[-1].close) == shown.last[row]
        assert bars[-2].time <= shown.at
        assert [bar.time for bar in bars] == sorted({bar.time for bar in bars})
        of_today = [bar for bar in bars if market_time(bar.time).date() == START]
        assert sum(bar.volume for bar in of_today) == shown.volume[row]


async def test_days_that_were_played_are_past_days_too_and_one_without_trade_is_none() -> None:
    source = a_market()
    frames = await taken(source, A_DAY + 5)
    before, today = await source.bars(MOUTAI, "day", 2)
    last = of_day(frames, 0)[-1]
    assert to_milli(before.close) == last.last[last.rows[MOUTAI]]
    assert market_time(today.time).date() == of_day(frames, 1)[0].at.date()
    assert START not in {market_time(bar.time).date() for bar in await source.bars(SUSPENDED, "day", 320)}


async def test_bars_of_minutes_of_a_past_day_begin_and_end_as_the_day() -> None:
    source = a_market()
    counts: dict[Period, int] = {"1m": 240, "15m": 16, "60m": 4}
    for period, count in counts.items():
        days = {market_time(bar.time).date(): bar for bar in await source.bars(MOUTAI, "day", 320)}
        minutes = [bar for bar in await source.bars(MOUTAI, period, 10_000) if market_time(bar.time).date() < START]
        assert len(minutes) == 20 * count
        last = [bar for bar in minutes if bar.time.date() == minutes[-1].time.date()]
        day = days[last[0].time.date()]
        assert (last[0].open, last[-1].close) == (day.open, day.close)
        assert day.low <= min(bar.low for bar in last) <= max(bar.high for bar in last) <= day.high
        assert all(is_session(bar.time) for bar in last)
