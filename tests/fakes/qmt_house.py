"""miniQMT's market data over a terminal of ours, on a Tuesday morning, with everything that a test wants at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from adapters.quotes import qmt
from adapters.quotes.qmt import HEARTBEAT, QmtData, QmtQuotes
from core.clock import MARKET_ZONE, ManualClock
from core.ports import BarFetcher, MarketGuide, QuoteSource
from core.types import Symbol
from tests.fakes.streams import Pauses, Stream, until
from tests.fakes.xtdatacenter import Terminal

MAOTAI, PINGAN, BANK = Symbol("600519.SH"), Symbol("000001.SZ"), Symbol("600000.SH")
CHECK: Final = qmt.CHECK.total_seconds()


def at(hour: int, minute: int, second: int = 0, day: int = 24) -> datetime:
    return datetime(2026, 11, day, hour, minute, second, tzinfo=MARKET_ZONE).astimezone(UTC)


MORNING: Final = at(10, 0)  # a Tuesday


@dataclass
class House:
    clock: ManualClock
    terminal: Terminal
    data: QmtData
    pauses: Pauses
    told: list[str]

    @property
    def quotes(self) -> QmtQuotes:
        return self.data.quotes

    async def checks(self, count: int) -> None:
        """Wait until the source has looked after itself so many times more."""
        enough = self.pauses.count(CHECK) + count
        await until(lambda: self.pauses.count(CHECK) >= enough)

    def trade(self, symbol: Symbol, last: float, after: float = 1) -> None:
        """A new price some seconds later, pushed."""
        self.clock.advance(timedelta(seconds=after))
        self.terminal.trade(symbol, last)
        self.terminal.push(symbol)

    @asynccontextmanager
    async def watching(self, *symbols: Symbol) -> AsyncIterator[Stream]:
        """A reader that has seen all of them."""
        self.quotes.watch(symbols)
        async with Stream(self.quotes).reading() as stream:
            await stream.until(lambda frame: set(frame.symbols) == set(symbols))
            yield stream


@asynccontextmanager
async def house(
    now: datetime = MORNING, within: float = 20, port: int | None = None, **switches: Any
) -> AsyncIterator[House]:
    clock = ManualClock(now)
    terminal, pauses = Terminal(clock, **switches), Pauses()
    told: list[str] = []
    terminal.have(MAOTAI, name="贵州茅台", last=1419.09, preclose=1430.0)
    terminal.have(PINGAN, name="平安银行", last=11.370000000000001, preclose=11.38)
    for index in HEARTBEAT:
        terminal.have(index, name="指数", last=3345.678, preclose=3351.756)
    with terminal.running():
        data = qmt.connect(
            clock=clock, port=port, within=timedelta(seconds=within), sleep=pauses, on_trouble=told.append
        )
        source: QuoteSource = data.quotes
        fetcher: BarFetcher = data.bars
        roster: MarketGuide = data.roster
        assert {source.name, roster.name} == {"QMT行情"}
        assert fetcher.name == "QMT行情K线"
        try:
            yield House(clock, terminal, data, pauses, told)
        finally:
            await data.close()
