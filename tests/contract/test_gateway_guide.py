"""miniQMT's market data through a gateway: prices, the list of securities, the calendar, from the SDK to the bot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.quotes import gateway
from adapters.quotes.gateway import GatewayQuotes
from core.errors import Unavailable
from core.ports import MarketGuide
from core.securities import Sighting
from core.types import Money, Symbol
from tests.fakes.gateway import Town
from tests.fakes.qmt_house import MAOTAI, PINGAN, House, at, house
from tests.fakes.streams import Stream, until

BSE = Symbol("920118.BJ")


@asynccontextmanager
async def guided(tmp_path: Path, *, with_guide: bool = True) -> AsyncIterator[tuple[House, GatewayQuotes]]:
    async with house() as our:
        our.terminal.have(BSE, name="太湖远大", last=16.91, lots=5, amount=8455.0)
        our.terminal.sectors = {"沪深A股": [MAOTAI, PINGAN], "京市A股": [BSE]}
        town = Town(tmp_path, our.clock)
        town.open([], our.quotes, our.data.bars, our.data.roster if with_guide else None)
        try:
            yield our, gateway.connect(town.line(), our.clock)
        finally:
            await town.shut()


async def test_the_whole_list_comes_over_the_line(tmp_path: Path) -> None:
    async with guided(tmp_path) as (our, quotes):
        guide: MarketGuide = quotes
        many = [Symbol(f"{600_000 + number}.SH") for number in range(5000)]
        for symbol in many:
            our.terminal.instruments.setdefault(symbol, {"InstrumentName": "测试股份", "IsTrading": True})
        found = {one.symbol: one for one in await guide.sightings(many)}
        assert found[BSE] == Sighting(BSE, "太湖远大", Money(8455))
        assert set(many) <= set(found)


async def test_why_there_is_no_list_is_told(tmp_path: Path) -> None:
    async with guided(tmp_path) as (our, quotes):
        our.terminal.sectors.clear()
        with pytest.raises(Unavailable, match="请在 miniQMT 里补充板块数据"):
            await quotes.sightings([])
    async with guided(tmp_path / "other", with_guide=False) as (_, quotes):
        with pytest.raises(Unavailable, match="这个网关没有证券列表和交易日历"):
            await quotes.sightings([])
        with pytest.raises(Unavailable, match="这个网关没有证券列表和交易日历"):
            await quotes.calendar_differences()


async def test_what_the_calendars_differ_in_comes_over_the_line(tmp_path: Path) -> None:
    async with guided(tmp_path) as (our, quotes):
        our.terminal.knows_its_days(20251201, 20261123)
        assert await quotes.calendar_differences() == ()
        our.terminal.knows_its_days(20251201, 20261123, but=[20261120])
        assert await quotes.calendar_differences() == ("miniQMT 没有而本程序的交易日历有的交易日：2026-11-20。",)


async def test_what_the_terminal_pushes_arrives_with_its_limits_also_after_an_outage(tmp_path: Path) -> None:
    async with guided(tmp_path) as (our, quotes):
        quotes.watch([MAOTAI])
        async with Stream(quotes).reading() as stream:
            await stream.until(lambda frame: frame.limit_up.tolist() == [1_573_000])
            our.trade(MAOTAI, 1402)
            frame = await stream.until(lambda frame: 1_402_000 in frame.last)
            assert (frame.symbols, frame.names) == ((MAOTAI,), ("贵州茅台",))
            our.terminal.cut()
            await until(lambda: our.told)
            with pytest.raises(Unavailable, match="连不上 miniQMT"):
                await quotes.fetch([MAOTAI])
            our.terminal.restore()
            await until(lambda: len(our.told) == 2)
            our.trade(MAOTAI, 1403)
            await stream.until(lambda frame: 1_403_000 in frame.last)
        assert (await quotes.fetch([MAOTAI]))[MAOTAI].limit_down == Decimal("1287.00")


async def test_past_bars_come_over_the_line(tmp_path: Path) -> None:
    async with guided(tmp_path) as (our, quotes):
        our.terminal.history[MAOTAI, "1d"] = [(at(15, 0, day=23), 1430.0, 1440.0, 1420.0, 1430.0, 100, 14.3e6)]
        assert [bar.close for bar in await quotes.bars(MAOTAI, "day", 5)] == [Decimal(1430), Decimal("1419.09")]
