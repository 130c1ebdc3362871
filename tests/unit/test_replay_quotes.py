"""Past bars come out as frames, in the promised order and with nothing invented."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from adapters.quotes.replay import ReplayQuotes, connect
from core.bars import Bar, path_of, read_bars
from core.clock import ManualClock
from core.errors import Invalid
from core.frames import COUNTS, PRICES, RATES, Frame
from core.ports import QuoteSource
from core.types import Symbol, from_milli, to_milli
from tests.shared import SHARED, needs_shared

MOUTAI = Symbol("600519.SH")
PINGAN = Symbol("000001.SZ")
DAY_ONE = datetime(2026, 3, 23, 1, 31, tzinfo=UTC)
DAY_TWO = datetime(2026, 3, 24, 1, 31, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
REAL = "data/bars/minute1/600519.SH_2026-03-23_2026-03-27.csv"


def a_bar(symbol: Symbol, at: datetime, prices: str, volume: int = 100, amount: str | None = "1000") -> Bar:
    opened, high, low, close = (Decimal(price) for price in prices.split())
    return Bar(symbol, at, opened, high, low, close, volume, None if amount is None else Decimal(amount))


def a_clock() -> ManualClock:
    return ManualClock(datetime(2000, 1, 1, tzinfo=UTC))


async def played(source: ReplayQuotes) -> list[Frame]:
    return [frame async for frame in source.frames()]


def column(frames: Sequence[Frame], name: str, symbol: Symbol = MOUTAI) -> list[int]:
    return [int(getattr(frame, name)[frame.rows[symbol]]) for frame in frames if symbol in frame.rows]


async def test_a_bar_is_four_frames_at_its_own_time() -> None:
    clock = a_clock()
    frames = await played(connect([a_bar(MOUTAI, DAY_ONE, "10 11 9.5 10.5")], clock))
    assert column(frames, "last") == [10_000, 9_500, 11_000, 10_500]
    assert column(frames, "open") == [10_000] * 4
    assert column(frames, "high") == [10_000, 10_000, 11_000, 11_000]
    assert column(frames, "low") == [10_000, 9_500, 9_500, 9_500]
    assert column(frames, "volume") == [0, 0, 0, 100]
    assert column(frames, "amount") == [0, 0, 0, 1000]
    assert {frame.at for frame in frames} == {DAY_ONE}
    assert set(column(frames, "quoted_at")) == {round(DAY_ONE.timestamp() * 1000)}
    assert clock.now() == DAY_ONE


async def test_the_clock_stands_at_the_bar_when_its_frame_is_handed_out() -> None:
    clock = a_clock()
    source = connect([a_bar(MOUTAI, DAY_ONE + n * MINUTE, "10 11 9 10") for n in range(3)], clock)
    async for frame in source.frames():
        assert clock.now() == frame.at


async def test_the_day_begins_anew_and_knows_the_close_before_it() -> None:
    bars = [
        a_bar(MOUTAI, DAY_ONE, "10 12 9 10"),
        a_bar(MOUTAI, DAY_ONE + MINUTE, "10 11 10 10.50", 200),
        a_bar(MOUTAI, DAY_TWO, "10.4 10.6 10.3 10.5", 300),
    ]
    frames = await played(connect(bars, a_clock()))
    first, second = frames[:8], frames[8:]
    for name in ("preclose", "limit_up", "limit_down"):
        assert set(column(first, name)) == {0}
    assert first[0].quote_at(0).preclose is None
    assert column(first, "volume")[-1] == 300
    assert set(column(second, "preclose")) == {10_500}
    assert set(column(second, "limit_up")) == {11_550}
    assert set(column(second, "limit_down")) == {9_450}
    assert set(column(second, "open")) == {10_400}
    assert (column(second, "high")[-1], column(second, "low")[-1]) == (10_600, 10_300)
    assert column(second, "volume") == [0, 0, 0, 300]


async def test_a_risk_warning_in_the_name_narrows_the_limits() -> None:
    bars = [a_bar(MOUTAI, DAY_ONE, "10 10 10 10"), a_bar(MOUTAI, DAY_TWO, "10 10 10 10")]
    [*_, frame] = await played(connect(bars, a_clock(), {MOUTAI: "*ST茅台"}))
    assert frame.limit_up[0] == 10_500
    assert frame.names == ("*ST茅台",)


async def test_symbols_of_one_time_share_a_frame_and_equal_lists_are_one_object() -> None:
    times = [DAY_ONE + n * MINUTE for n in range(4)]
    bars = [a_bar(MOUTAI, at, "10 11 9 10") for at in times] + [
        a_bar(PINGAN, at, "5 6 4 5", 1000) for at in times if at != times[2]
    ]
    frames = await played(connect(bars, a_clock()))
    assert [frame.symbols for frame in frames[::4]] == [(PINGAN, MOUTAI), (PINGAN, MOUTAI), (MOUTAI,), (PINGAN, MOUTAI)]
    assert len({id(frame.symbols) for frame in frames}) == 2
    assert len({id(frame.rows) for frame in frames}) == 2
    assert column(frames, "volume", PINGAN)[-1] == 3000
    assert column(frames, "volume")[-1] == 400
    assert column(frames, "low", PINGAN)[-1] == 4000
    assert [len(frame.names) for frame in frames[::4]] == [2, 2, 1, 2]


async def test_a_symbol_that_starts_later_has_its_own_open_and_low() -> None:
    bars = [
        a_bar(MOUTAI, DAY_ONE, "10 11 9 10"),
        a_bar(MOUTAI, DAY_ONE + MINUTE, "10 11 9 10"),
        a_bar(PINGAN, DAY_ONE + MINUTE, "5 6 4 5"),
    ]
    frames = await played(connect(bars, a_clock()))
    assert column(frames, "open", PINGAN) == [5000] * 4
    assert column(frames, "low", PINGAN)[0] == 5000


async def test_an_amount_that_is_not_always_told_is_not_told_at_all() -> None:
    bars = [a_bar(MOUTAI, DAY_ONE, "10 11 9 10"), a_bar(MOUTAI, DAY_ONE + MINUTE, "10 11 9 10", amount=None)]
    frames = await played(connect(bars, a_clock()))
    assert set(column(frames, "amount")) == {0}
    assert frames[-1].quote_at(0).amount is None


async def test_fetch_answers_from_what_was_played() -> None:
    source = connect([a_bar(MOUTAI, DAY_ONE, "10 11 9 10.5"), a_bar(PINGAN, DAY_TWO, "5 6 4 5")], a_clock())
    source.watch([PINGAN])
    assert await source.fetch([MOUTAI]) == {}
    frames = source.frames()
    await anext(frames)
    assert (await source.fetch([MOUTAI, PINGAN]))[MOUTAI].last == Decimal(10)
    async for _ in frames:
        pass
    quotes = await source.fetch([MOUTAI, PINGAN, Symbol("000002.SZ")])
    assert {symbol: quote.last for symbol, quote in quotes.items()} == {MOUTAI: Decimal("10.5"), PINGAN: Decimal(5)}
    assert quotes[MOUTAI].quoted_at == DAY_ONE


async def test_a_second_reader_goes_on_where_the_first_one_stopped() -> None:
    source = connect([a_bar(MOUTAI, DAY_ONE, "10 11 9.5 10.5")], a_clock())
    assert column([await anext(source.frames())], "last") == [10_000]
    assert column(await played(source), "last") == [9_500, 11_000, 10_500]
    assert await played(source) == []


@pytest.mark.parametrize(
    ("offsets", "interval"),
    [((0,), 1), ((0, 5, 10, 15, 105), 5), ((0, 1, 2, 3, 8), 1), ((0, 1440, 2880, 7200), 1440), ((0, 1, 6), 1)],
)
def test_the_interval_is_the_most_common_distance(offsets: tuple[int, ...], interval: int) -> None:
    bars = [a_bar(MOUTAI, DAY_ONE + n * MINUTE, "10 11 9 10") for n in offsets]
    source: QuoteSource = connect(bars, a_clock())
    assert source.interval == interval * MINUTE


def test_no_bars_and_repeated_bars_are_refused() -> None:
    bar = a_bar(MOUTAI, DAY_ONE, "10 11 9 10")
    with pytest.raises(Invalid, match="没有一根K线"):
        connect([], a_clock())
    with pytest.raises(Invalid, match="有两根K线"):
        connect([bar, bar], a_clock())


def same(one: Frame, other: Frame) -> bool:
    arrays = all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in (*PRICES, *COUNTS, *RATES, "quoted_at")
    )
    return arrays and (one.at, one.symbols, one.names) == (other.at, other.symbols, other.names)


@needs_shared
async def test_moutai_first_trades_at_1420_at_09_38() -> None:
    frames = await played(connect(read_bars(SHARED / REAL), a_clock(), {MOUTAI: "贵州茅台"}))
    first = next(frame for frame in frames if frame.last[0] <= 1_420_000)
    assert first.at == datetime(2026, 3, 23, 1, 38, tzinfo=UTC)
    assert first.quote_at(0).low == Decimal("1419.09")


@needs_shared
async def test_every_price_played_is_one_of_its_bar() -> None:
    bars = read_bars(SHARED / REAL)
    frames = await played(connect(bars, a_clock()))
    assert len(frames) == 4 * len(bars)
    for number, frame in enumerate(frames):
        bar = bars[number // 4]
        assert from_milli(frame.last[0]) == path_of(bar)[number % 4]
        assert frame.at == bar.time
        assert frame.low[0] <= frame.last[0] <= frame.high[0]


@needs_shared
async def test_two_replays_are_the_same_frames() -> None:
    paths = sorted((SHARED / "data/bars/minute1").glob("*_from_ticks_*.csv"))
    bars = [bar for path in paths for bar in read_bars(path)]
    one, other = await played(connect(bars, a_clock())), await played(connect(list(reversed(bars)), a_clock()))
    assert len(one) == len(other)
    assert all(same(*pair) for pair in zip(one, other, strict=True))


@needs_shared
async def test_daily_bars_of_many_shares_share_their_frames() -> None:
    paths: list[Path] = sorted((SHARED / "data/bars/daily_2026").glob("*.csv"))
    bars = [bar for path in paths for bar in read_bars(path)]
    source = connect(bars, a_clock())
    frames = await played(source)
    assert source.interval == timedelta(days=1)
    assert len(frames) == 4 * 65
    closes = {(bar.symbol, bar.time): to_milli(bar.close) for bar in bars}
    for frame in frames[3::4]:
        assert [closes[symbol, frame.at] for symbol in frame.symbols] == frame.last.tolist()


async def test_when_the_next_frame_comes_is_known_before_the_clock_moves() -> None:
    clock = a_clock()
    source = connect([a_bar(MOUTAI, DAY_ONE, "10 11 9 10"), a_bar(MOUTAI, DAY_TWO, "10 11 9 10")], clock)
    frames = aiter(source.frames())
    assert clock.now() < DAY_ONE
    promised = []
    while source.next_at is not None:
        promised.append(source.next_at)
        assert (await anext(frames)).at == promised[-1]
    assert promised == [DAY_ONE] * 4 + [DAY_TWO] * 4
