"""Polling several quote sources: fallback, rest, recovery and pace."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, cast

import pytest

from core.clock import MARKET_ZONE, ManualClock
from core.errors import Malformed, OutsideError, Unavailable
from core.frames import Frame, Quote
from core.polling import PolledQuotes, Row, out_of_hours, quote_of, shares_traded
from core.types import Symbol

MAOTAI, PINGAN, BANK = Symbol("600519.SH"), Symbol("000001.SZ"), Symbol("600000.SH")
MORNING = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # Tuesday, 10:00 market time


def at(hour: int, minute: int, second: int = 0, day: int = 24) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, tzinfo=MARKET_ZONE).astimezone(UTC)


# --- polling ---


class Source:
    """A source that knows ``prices`` and fails with ``error``."""

    def __init__(self, name: str, clock: ManualClock, **prices: str) -> None:
        self.name = name
        self.clock = clock
        self.prices = {Symbol(key.replace("_", ".")): value for key, value in prices.items()}
        self.error: OutsideError | None = None
        self.asked: list[list[Symbol]] = []
        self.asked_at: list[datetime] = []
        self.gate: asyncio.Event | None = None
        self.entered = asyncio.Event()
        self.inside = 0
        self.most_inside = 0

    async def fetch(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        self.asked.append(list(symbols))
        self.asked_at.append(self.clock.now())
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        self.entered.set()
        try:
            if self.gate is not None:
                await self.gate.wait()
            if self.error is not None:
                raise self.error
            now = self.clock.now()
            return {
                symbol: Quote(symbol=symbol, last=Decimal(price), source=self.name, quoted_at=now, received_at=now)
                for symbol, price in self.prices.items()
                if symbol in symbols
            }
        finally:
            self.inside -= 1


class House:
    """Two sources, a clock that moves when somebody sleeps, and what was told."""

    def __init__(self, start: datetime = MORNING, slow: Callable[[datetime], bool] = lambda _: False) -> None:
        self.clock = ManualClock(start)
        self.first = Source("甲行情", self.clock, **{"600519_SH": "1400", "000001_SZ": "10"})
        self.second = Source("乙行情", self.clock, **{"600519_SH": "1401", "000001_SZ": "11", "600000_SH": "7"})
        self.slept: list[float] = []
        self.told: list[str] = []
        self.source = PolledQuotes(
            [self.first, self.second], clock=self.clock, slow=slow, sleep=self.sleep, on_trouble=self.told.append
        )
        self.frames: AsyncIterator[Frame] = self.source.frames()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(timedelta(seconds=seconds))
        await asyncio.sleep(0)

    async def next(self) -> Frame:
        async with asyncio.timeout(20):
            return await anext(self.frames)

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(10_000):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError("it never came true")


def prices(frame: Frame) -> dict[str, int]:
    return {symbol: int(frame.last[frame.rows[symbol]]) for symbol in frame.symbols}


async def test_frames_come_at_the_interval_from_the_first_source_alone() -> None:
    house = House()
    house.source.watch([MAOTAI, PINGAN])
    frames = [await house.next() for _ in range(3)]
    assert prices(frames[0]) == {PINGAN: 10_000, MAOTAI: 1_400_000}
    assert [frame.at - MORNING for frame in frames] == [timedelta(seconds=3 * n) for n in range(3)]
    assert {frame.source for frame in frames} == {"甲行情"}
    assert house.second.asked == []
    assert house.told == []
    assert house.source.name == "甲行情/乙行情"
    assert house.source.interval == timedelta(seconds=3)


async def test_the_symbols_stay_the_same_object_while_the_list_does_not_change() -> None:
    house = House()
    house.source.watch([MAOTAI, PINGAN])
    one, two = await house.next(), await house.next()
    assert one.symbols is two.symbols
    house.source.watch({PINGAN, MAOTAI})
    assert (await house.next()).symbols is one.symbols
    house.source.watch([MAOTAI])
    assert (await house.next()).symbols == (MAOTAI,)


async def test_nothing_is_asked_while_nothing_is_watched() -> None:
    house = House()
    waiting = asyncio.ensure_future(house.next())
    for _ in range(20):
        await asyncio.sleep(0)
    assert house.first.asked == []
    assert house.slept == []
    house.source.watch([MAOTAI])
    assert (await waiting).symbols == (MAOTAI,)
    house.source.watch([])
    waiting = asyncio.ensure_future(house.next())
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(house.first.asked) == 1
    house.source.watch([PINGAN])
    assert (await waiting).symbols == (PINGAN,)


async def test_what_the_first_does_not_know_is_asked_of_the_second() -> None:
    house = House()
    house.source.watch([MAOTAI, BANK])
    frame = await house.next()
    assert prices(frame) == {BANK: 7_000, MAOTAI: 1_400_000}
    assert house.second.asked == [[BANK]]
    assert frame.source == "甲行情+乙行情"
    assert house.source.describe() == "正在用甲行情（11-24 10:00 起）。"


async def test_a_vanished_symbol_does_not_keep_its_old_price() -> None:
    house = House()
    house.source.watch([MAOTAI, PINGAN])
    await house.next()
    del house.first.prices[PINGAN], house.second.prices[PINGAN]
    frame = await house.next()
    assert frame.symbols == (MAOTAI,)
    assert frame.quote(PINGAN) is None


async def test_a_symbol_that_was_dropped_during_the_request_is_not_in_the_frame() -> None:
    house = House()
    house.first.gate = asyncio.Event()
    house.source.watch([MAOTAI, PINGAN])
    waiting = asyncio.ensure_future(house.next())
    await house.first.entered.wait()
    house.source.watch([MAOTAI])
    house.first.gate.set()
    assert (await waiting).symbols == (MAOTAI,)


async def test_a_failure_falls_back_within_the_same_tick_and_recovers_after_the_rest() -> None:
    house = House()
    house.source.watch([MAOTAI])
    house.first.error = Unavailable("甲行情", "连不上，请检查网络")
    frame = await house.next()
    assert (frame.at, frame.source) == (MORNING, "乙行情")
    assert house.told == ["甲行情不可用：连不上，请检查网络。已改用乙行情。"]
    assert house.source.describe() == (
        "正在用乙行情（11-24 10:00 起）；甲行情不可用：连不上，请检查网络，10:00:10 后再试。"
    )

    house.first.error = None
    for _ in range(3):
        assert (await house.next()).source == "乙行情"
    assert len(house.first.asked) == 1  # at 3, 6 and 9 seconds it rested
    assert (await house.next()).source == "甲行情"
    assert house.told[1:] == ["甲行情已恢复。"]
    assert house.source.describe() == "正在用甲行情（11-24 10:00 起）。"


async def test_the_rest_doubles_up_to_five_minutes() -> None:
    house = House()
    house.source.watch([MAOTAI])
    house.first.error = Unavailable("甲行情", "连不上")
    tries: list[datetime] = []
    while len(tries) < 8:
        await house.next()
        if len(house.first.asked) > len(tries):
            tries.append(house.clock.now())
    rests = [(later - earlier).total_seconds() for earlier, later in pairwise(tries)]
    # Rounded up to the next tick of three seconds.
    assert rests == [12, 21, 42, 81, 162, 300, 300]
    assert house.told == ["甲行情不可用：连不上。已改用乙行情。"]


async def test_a_source_is_left_alone_for_as_long_as_it_wants() -> None:
    house = House()
    house.source.watch([MAOTAI])
    house.first.error = Unavailable("甲行情", "拒绝了我们", timedelta(minutes=30))
    await house.next()
    house.first.error = None
    while (await house.next()).source == "乙行情":
        assert len(house.first.asked) == 1
    assert house.clock.now() - MORNING == timedelta(minutes=30)


async def test_when_all_fail_no_frame_comes_and_the_next_try_waits() -> None:
    house = House()
    house.source.watch([MAOTAI])
    house.first.error = Unavailable("甲行情", "连不上")
    house.second.error = Malformed("乙行情", "返回的内容读不懂")
    waiting = asyncio.ensure_future(house.next())
    await house.until(lambda: len(house.first.asked) == 3)
    assert not waiting.done()
    assert [(when - MORNING).total_seconds() for when in house.first.asked_at] == [0, 10, 30]
    assert house.told == ["行情中断。甲行情：连不上；乙行情：返回的内容读不懂。10 秒后自动重试。"]
    assert house.source.describe() == (
        "行情中断（11-24 10:00 起）；甲行情不可用：连不上，10:01:10 后再试；"
        "乙行情不可用：返回的内容读不懂，10:01:10 后再试。"
    )
    house.second.error = None
    assert (await waiting).source == "乙行情"
    assert house.told[1:] == ["甲行情不可用：连不上。已改用乙行情。"]


async def test_frames_come_back_with_the_same_symbols_after_a_gap() -> None:
    house = House()
    house.source.watch([MAOTAI])
    before = await house.next()
    house.first.error = house.second.error = Unavailable("行情", "连不上")
    waiting = asyncio.ensure_future(house.next())
    await house.until(lambda: len(house.first.asked) == 2)
    house.first.error = house.second.error = None
    after = await waiting
    assert after.symbols is before.symbols
    assert after.at - before.at == timedelta(seconds=13)
    assert house.told[1:] == ["甲行情已恢复。"]


async def test_a_source_that_knows_none_of_several_known_symbols_is_not_well() -> None:
    house = House()
    house.source.watch([MAOTAI, PINGAN])
    house.first.prices.clear()
    assert (await house.next()).source == "乙行情"
    assert house.told == ["甲行情不可用：没有给出任何所问代码的行情。已改用乙行情。"]


async def test_one_strange_symbol_is_nobodys_fault() -> None:
    house = House()
    assert set(await house.source.fetch([BANK])) == {BANK}
    assert set(await house.source.fetch([Symbol("999999.SH")])) == set()
    assert house.told == []


async def test_before_the_first_answer_there_is_nothing_to_describe() -> None:
    assert House().source.describe() == "还没有取过行情。"


async def test_fetch_fills_from_the_next_source() -> None:
    house = House()
    found = await house.source.fetch([MAOTAI, BANK, MAOTAI])
    assert {symbol: quote.source for symbol, quote in found.items()} == {MAOTAI: "甲行情", BANK: "乙行情"}
    assert house.first.asked == [[MAOTAI, BANK]]
    assert await house.source.fetch([]) == {}


async def test_fetch_says_what_is_wrong_with_every_source() -> None:
    house = House()
    house.first.error = Unavailable("甲行情", "连不上", timedelta(seconds=40))
    house.second.error = Malformed("乙行情", "返回的内容读不懂")
    with pytest.raises(Unavailable) as raised:
        await house.source.fetch([MAOTAI])
    assert raised.value.reason == "甲行情：连不上；乙行情：返回的内容读不懂"
    assert raised.value.retry_after == timedelta(seconds=10)
    with pytest.raises(Unavailable):
        await house.source.fetch([MAOTAI])
    assert len(house.first.asked) == len(house.second.asked) == 1


async def test_fetch_is_malformed_only_when_every_source_is() -> None:
    house = House()
    house.first.error, house.second.error = Malformed("甲行情", "网页"), Malformed("乙行情", "乱码")
    with pytest.raises(Malformed, match="甲行情：网页；乙行情：乱码"):
        await house.source.fetch([MAOTAI])


async def test_a_source_never_has_two_requests_in_flight() -> None:
    house = House()
    house.first.gate = asyncio.Event()
    house.source.watch([MAOTAI])
    waiting = [asyncio.ensure_future(house.next())]
    fetches = [asyncio.ensure_future(house.source.fetch([PINGAN])) for _ in range(5)]
    await house.first.entered.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(house.first.asked) == 1
    house.first.gate.set()
    await asyncio.gather(*waiting, *fetches)
    assert house.first.most_inside == 1
    assert len(house.first.asked) == 6


async def test_those_who_queued_behind_a_failure_do_not_repeat_it() -> None:
    house = House()
    house.first.gate = asyncio.Event()
    house.first.error = Unavailable("甲行情", "超过 5 秒没有回答")
    fetches = [asyncio.ensure_future(house.source.fetch([PINGAN])) for _ in range(3)]
    await house.first.entered.wait()
    house.first.gate.set()
    answers = await asyncio.gather(*fetches)
    assert [answer[PINGAN].source for answer in answers] == ["乙行情"] * 3
    assert len(house.first.asked) == 1


async def test_a_slow_reader_gets_the_newest_frame_and_misses_the_others() -> None:
    house = House()
    house.source.watch([MAOTAI])
    await house.next()
    house.clock.advance(timedelta(seconds=60))
    house.first.prices[MAOTAI] = "1500"
    frame = await house.next()
    assert prices(frame) == {MAOTAI: 1_500_000}
    assert frame.at - MORNING == timedelta(seconds=60)
    assert sum(house.slept) == 0


async def test_outside_hours_the_pace_is_slow() -> None:
    house = House(at(20, 0), slow=out_of_hours)
    house.source.watch([MAOTAI])
    one, two = await house.next(), await house.next()
    assert two.at - one.at == timedelta(seconds=30)


async def test_the_opening_is_not_slept_through() -> None:
    house = House(at(12, 59, 20), slow=out_of_hours)
    house.source.watch([MAOTAI])
    times = [(await house.next()).at for _ in range(14)]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert gaps == [30.0] + [3.0] * 12
    assert at(13, 0) <= next(time for time in times if time >= at(13, 0)) < at(13, 0, 3)


async def test_a_new_symbol_is_not_kept_waiting_outside_hours() -> None:
    house = House(at(20, 0), slow=out_of_hours)
    long = asyncio.Event()
    lengths: list[float] = []

    async def sleep(seconds: float) -> None:
        lengths.append(seconds)
        if seconds > 3:
            long.set()
            await asyncio.Event().wait()

    house.source = PolledQuotes([house.first], clock=house.clock, slow=out_of_hours, sleep=sleep)
    house.frames = house.source.frames()
    house.source.watch([MAOTAI])
    await house.next()
    waiting = asyncio.ensure_future(house.next())
    await long.wait()
    assert lengths == [3.0, 27.0]
    house.source.watch([MAOTAI, PINGAN])
    assert (await waiting).symbols == (PINGAN, MAOTAI)


async def test_a_cancelled_reader_leaves_nothing_behind() -> None:
    house = House(at(20, 0), slow=out_of_hours)
    asleep = asyncio.Event()

    async def sleep(seconds: float) -> None:
        if seconds > 3:
            asleep.set()
            await asyncio.Event().wait()

    source = PolledQuotes([house.first], clock=house.clock, slow=out_of_hours, sleep=sleep)
    source.watch([MAOTAI])

    async def read() -> None:
        async for _ in source.frames():
            pass

    before = asyncio.all_tasks()
    reading = asyncio.ensure_future(read())
    await asleep.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert asyncio.all_tasks() == before


async def test_a_bug_in_a_source_is_not_swallowed() -> None:
    house = House()
    house.source.watch([MAOTAI])
    house.first.error = cast("OutsideError", KeyError("bug"))
    with pytest.raises(KeyError):
        await house.next()


async def test_a_clock_that_was_set_back_does_not_stretch_the_pause() -> None:
    class Jumping(ManualClock):
        offset = timedelta()

        def now(self) -> datetime:
            return super().now() + self.offset

    house = House()
    clock = Jumping(MORNING)
    source = PolledQuotes([house.first], clock=clock, slow=lambda _: False, sleep=house.sleep)
    source.watch([MAOTAI])
    frames = source.frames()
    await anext(frames)
    clock.offset = timedelta(hours=-1)
    await anext(frames)
    assert house.slept == [3.0]


@pytest.mark.parametrize(
    ("instant", "slow"),
    [
        (at(9, 14, 59), True),
        (at(9, 15), False),
        (at(9, 27), False),
        (at(11, 30, 30), False),
        (at(11, 31), True),
        (at(13, 0), False),
        (at(15, 1), False),
        (at(15, 10), True),
        (at(10, 0, day=22), True),  # Sunday
    ],
)
def test_prices_stand_still_outside_sessions_and_auctions(instant: datetime, slow: bool) -> None:
    assert out_of_hours(instant) is slow


# --- rows ---


def row(**changes: Any) -> Row:
    fields: dict[str, Any] = {
        "symbol": MAOTAI,
        "name": "贵州茅台",
        "last": "1400.00",
        "preclose": "1390.00",
        "open": "1395.00",
        "high": "1405.00",
        "low": "1394.00",
        "bid": "1399.99",
        "ask": "1400.01",
        "volume": "100",
        "amount": "14000000",
        "bid_volume": "2",
        "ask_volume": "3",
        "units": (100, 1),
        "book_unit": 100,
        "at": "20261124100000",
    }
    return Row(**{**fields, **changes})


def read(**changes: Any) -> Quote:
    return quote_of(row(**changes), source="甲行情", received_at=MORNING)


def test_a_row_becomes_a_quote_in_shares_yuan_and_utc() -> None:
    quote = read()
    assert (quote.last, quote.volume, quote.bid_volume, quote.ask_volume) == (Decimal("1400.00"), 10_000, 200, 300)
    assert quote.quoted_at == MORNING
    assert quote.quoted_at.tzinfo is UTC
    assert not quote.suspended


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"last": "abc"}, "最新价“abc”不是数字"),
        ({"last": ""}, "最新价“”不是数字"),
        ({"last": "NaN"}, "最新价“NaN”不是数字"),
        ({"last": "Infinity"}, "不是数字"),
        ({"last": "1e9"}, "不是数字"),
        ({"last": "１４００"}, "不是数字"),
        ({"last": "-1400"}, "最新价“-1400”不可能"),
        ({"last": "10000000"}, "不可能"),
        ({"last": "0"}, "不在最低价"),
        ({"last": "1405.01"}, "最新价 1405.01 不在最低价 1394.00 和最高价 1405.00 之间"),
        ({"last": "1393.99"}, "不在最低价"),
        ({"high": "0", "low": "0"}, "不在最低价"),
        ({"preclose": "-1"}, "昨收“-1”不可能"),
        ({"bid": "-0.01"}, "买一价“-0.01”不可能"),
        ({"volume": "-5"}, "成交量“-5”不可能"),
        ({"volume": "9999999999999999"}, "成交量“9999999999999999”不可能"),
        ({"amount": "x"}, "成交额“x”不是数字"),
        ({"amount": "-1"}, "成交额“-1”不可能"),
        ({"limit_up": "?"}, "涨停价“?”不是数字"),
        ({"at": ""}, "报价时间“”读不懂"),
        ({"at": "20261324100000"}, "报价时间“20261324100000”读不懂"),
        ({"at": "00010101000000"}, "读不懂"),
        ({"at": "20261124100501"}, "报价时间 10:05:01 在未来，请校对电脑时间"),
    ],
)
def test_a_row_that_cannot_be_true_says_why(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        read(**changes)


def test_a_clock_that_is_a_little_slow_is_forgiven() -> None:
    assert read(at="20261124100500").last == Decimal("1400.00")


def test_a_previous_close_before_the_first_trade_is_no_last_price() -> None:
    quote = read(last="1390.00", open="0.00", high="0.00", low="0.00", volume="0", amount="0")
    assert (quote.last, quote.open, quote.high, quote.low, quote.amount) == (None, None, None, None, None)
    assert quote.preclose == Decimal("1390.00")
    assert not quote.suspended  # there is a bid


def test_no_trade_no_bid_and_no_ask_in_session_means_suspended() -> None:
    nothing = {
        "last": "1390",
        "open": "0",
        "high": "0",
        "low": "0",
        "volume": "0",
        "amount": "0",
        "bid": "0",
        "ask": "0",
    }
    assert read(**nothing).suspended
    before = quote_of(row(**nothing, at="20261124091400"), source="甲行情", received_at=at(9, 14, 30))
    assert not before.suspended
    index = read(**nothing, symbol=Symbol("000001.SH"))
    assert not index.suspended
    assert index.last is None


def test_a_source_that_says_suspended_is_believed() -> None:
    assert read(suspended=True).suspended


def test_a_doubtful_opening_price_is_dropped_and_the_row_stays() -> None:
    quote = read(open="1300.00")
    assert (quote.open, quote.last) == (None, Decimal("1400.00"))


@pytest.mark.parametrize(("up", "down"), [("-1", "-1"), ("0.00", "0.00"), ("", ""), ("9", "10"), ("99999999", "-1")])
def test_limits_that_are_none_are_none(up: str, down: str) -> None:
    quote = read(limit_up=up, limit_down=down)
    assert (quote.limit_up, quote.limit_down) == (None, None)


def test_names_lose_spaces_and_width_but_keep_their_marks() -> None:
    assert read(name="万  科Ａ").name == "万科A"
    assert read(name="XD贵州茅").name == "XD贵州茅"
    assert read(name="N百瑞吉").name == "N百瑞吉"
    assert read(name="贵州\ufffd台").name == ""


def test_an_empty_side_of_the_book_has_neither_price_nor_volume() -> None:
    quote = read(ask="0.00", ask_volume="0")
    assert (quote.ask, quote.ask_volume, quote.bid_volume) == (None, 0, 200)


def test_the_unit_of_the_volume_is_proved_by_the_amount() -> None:
    assert read(volume="10000").volume == 10_000  # shares where lots were expected
    assert read(volume="100").volume == 10_000
    assert read(volume="5").volume == 0  # fits nothing
    assert read(volume="100", amount="").volume == 0  # cannot be proved
    assert shares_traded(0, Decimal(0), 1000, 1000, (100, 1)) == 0


def test_one_odd_lot_does_not_disprove_the_unit() -> None:
    assert shares_traded(1, Decimal(1990), 10_000, 10_000, (100, 1)) == 100


def test_an_index_counts_in_its_expected_unit_without_proof() -> None:
    assert read(symbol=Symbol("000001.SH"), units=(100,), volume="7").volume == 700
    assert read(symbol=Symbol("000001.SH"), units=(), volume="7").volume == 0
