"""Prices through a gateway: the newest, exactly those that are wanted, and again after a cut."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from adapters.gateway_line import Address, Line
from adapters.quotes import gateway
from adapters.quotes.gateway import GatewayQuotes
from core.bars import Bar, Period
from core.clock import ManualClock
from core.errors import Unavailable
from core.frames import Frame, Quote, frame_of
from core.types import Symbol, parse_symbol
from core.wire import _COLUMNS, pack, unpack
from tests.fakes.cable import Cable
from tests.fakes.gateway import Town, at_once
from tests.fakes.market import MOUTAI, HandMarket, market_instant

PAB = Symbol("000001.SZ")
NOW = market_instant("2026-11-18 10:00")


class Stream(HandMarket):
    """A market whose frames come when a test shows them."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.set("600519", "1400.00", name="贵州茅台", bid="1399.99", ask="1400.00", volume=100, amount="140000")
        self.set("000001", "11.41", turnover="0.512", suspended=True)
        self._shown: asyncio.Queue[Frame] = asyncio.Queue()
        self._now_watched = asyncio.Event()
        self.seen = 0

    def watch(self, symbols: object) -> None:
        super().watch(symbols)  # type: ignore[arg-type]  # as the port says
        self._now_watched.set()

    async def until_watched(self, *symbols: Symbol) -> None:
        while self.watched != set(symbols):
            self._now_watched.clear()
            await self._now_watched.wait()

    def show(self) -> None:
        self._shown.put_nowait(self.frame())

    async def frames(self) -> AsyncIterator[Frame]:
        while True:
            frame = await self._shown.get()
            self.seen += 1
            yield frame


class SomeBars:
    name = "K 线"

    async def bars(self, symbol: Symbol, period: Period, count: int) -> Sequence[Bar]:
        assert (period, count) == ("day", 2)
        one = Decimal("1400.12")
        return [Bar(symbol, NOW, one, one, one, one, 100, Decimal(5)), Bar(symbol, NOW, one, one, one, one, 0)]


class House:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOW)
        self.market = Stream(self.clock)
        self.town = Town(folder, self.clock)
        self.town.open([], self.market, SomeBars())
        self.paired = self.town.admit()

    def quotes(self, line: Line | None = None) -> GatewayQuotes:
        return gateway.connect(line or self.town.line(self.paired), self.clock)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    yield made
    await made.town.shut()


async def test_what_is_shown_there_is_seen_here(house: House) -> None:
    quotes = house.quotes()
    quotes.watch({MOUTAI, PAB})
    stream = quotes.frames()
    coming = asyncio.ensure_future(anext(stream))
    await house.market.until_watched(MOUTAI, PAB)
    house.market.show()
    frame = await coming
    for symbol in (MOUTAI, PAB):
        assert frame.quote(symbol) == house.market.frame().quote(symbol)
    house.market.show()
    assert (await anext(stream)).symbols is frame.symbols


async def test_exactly_what_is_wanted_comes_also_when_that_changes(house: House) -> None:
    quotes, others = house.quotes(), house.quotes()
    quotes.watch({MOUTAI})
    others.watch({PAB})
    stream, theirs = quotes.frames(), others.frames()
    both = [asyncio.ensure_future(anext(one)) for one in (stream, theirs)]
    await house.market.until_watched(MOUTAI, PAB)
    house.market.show()
    assert [frame.symbols for frame in await asyncio.gather(*both)] == [(MOUTAI,), (PAB,)]
    quotes.watch({PAB})
    await house.market.until_watched(PAB)
    house.market.show()
    assert (await anext(stream)).symbols == (PAB,)


async def test_who_reads_slowly_gets_the_newest(house: House) -> None:
    quotes = house.quotes()
    quotes.watch({MOUTAI})
    stream = quotes.frames()
    coming = asyncio.ensure_future(anext(stream))
    await house.market.until_watched(MOUTAI)
    for price in range(1400, 1500):
        house.market.set("600519", str(price))
        house.market.show()
    seen = [await coming]
    while seen[-1].quote_at(0).last != 1499:
        seen.append(await anext(stream))
    assert len(seen) < 100
    assert house.market.seen == 100


async def test_after_a_cut_frames_come_again(house: House) -> None:
    address = house.paired.address()
    async with Cable(house.town.port) as cable:
        there = Address(f"https://127.0.0.1:{cable.port}", address.token, address.context)
        quotes = house.quotes(house.town.lined(Line("QMT 网关", lambda: there, sleep=at_once)))
        quotes.watch({MOUTAI})
        stream = quotes.frames()
        coming = asyncio.ensure_future(anext(stream))
        await house.market.until_watched(MOUTAI)
        house.market.show()
        await coming
        again = asyncio.ensure_future(anext(stream))
        await cable.cut()
        await house.market.until_watched()
        with pytest.raises(Unavailable, match="网关"):
            await quotes.fetch([MOUTAI])
        cable.mend()
        await house.market.until_watched(MOUTAI)
        house.market.set("600519", "1401")
        house.market.show()
        assert (await again).quote_at(0).last == 1401


async def test_who_asks_is_answered(house: House) -> None:
    quotes = house.quotes()
    found = await quotes.fetch([MOUTAI, parse_symbol("600000")])
    assert found == {MOUTAI: house.market._quotes[MOUTAI].model_copy(update={"received_at": house.clock.now()})}
    assert await quotes.bars(MOUTAI, "day", 2) == tuple(await SomeBars().bars(MOUTAI, "day", 2))
    house.market.down = True
    with pytest.raises(Unavailable):
        await quotes.fetch([MOUTAI])


async def test_a_gateway_without_quotes_says_so(tmp_path: Path) -> None:
    town = Town(tmp_path, ManualClock(NOW))
    town.open([])
    quotes = gateway.connect(town.line(), ManualClock(NOW))
    with pytest.raises(Unavailable, match="没有行情"):
        await quotes.fetch([MOUTAI])
    with pytest.raises(Unavailable, match="没有历史"):
        await quotes.bars(MOUTAI, "day", 2)
    await town.shut()


# -- frames as bytes

prices = some.none() | some.decimals("0.001", "99999", places=3)
symbols = some.sampled_from([f"{code:06d}.SH" for code in range(600000, 600020)]).map(Symbol)


@some.composite
def quotes_of(draw: some.DrawFn) -> list[Quote]:
    return [
        Quote(
            symbol=symbol,
            name=draw(some.text(max_size=4)),
            last=draw(prices),
            preclose=draw(prices),
            bid=draw(prices),
            limit_up=draw(prices),
            volume=draw(some.integers(0, 10**12)),
            suspended=draw(some.booleans()),
            source="test",
            quoted_at=NOW + timedelta(milliseconds=draw(some.integers(0, 10**6))),
            received_at=NOW,
        )
        for symbol in draw(some.lists(symbols, unique=True))
    ]


@given(quotes_of(), some.none() | some.sets(symbols))
def test_a_frame_is_the_same_after_it_was_packed(quotes: list[Quote], wanted: set[Symbol] | None) -> None:
    frame = frame_of(quotes, at=NOW, source="test")
    seen = unpack(pack(frame, wanted), at=NOW)
    kept = [quote.symbol for quote in quotes if wanted is None or quote.symbol in wanted]
    assert list(seen.symbols) == kept
    assert [seen.quote(symbol) for symbol in kept] == [frame.quote(symbol) for symbol in kept]
    assert all(getattr(seen, name).dtype == "int64" for name in _COLUMNS)


@given(some.binary() | some.binary().map(zlib.compress))
def test_what_is_no_frame_is_an_error_and_nothing_else(body: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(body, at=NOW)


@given(quotes_of(), some.integers(0, 200))
def test_a_frame_that_was_cut_is_an_error(quotes: list[Quote], missing: int) -> None:
    whole = zlib.decompress(pack(frame_of(quotes, at=NOW, source="test")))
    cut = whole[: max(len(whole) - missing - 1, 0)]
    with pytest.raises(ValueError):
        unpack(zlib.compress(cut), at=NOW)
