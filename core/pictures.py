"""Pictures: the chart of a share with what its owner waits for and was told, and the curve of accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import suppress
from typing import Final

from core.bars import Bar, Period
from core.brokerage import Brokerage
from core.calendar import trading_date
from core.charts import candles, day_line, day_of, level_of, mark_of, months, weeks, worth_curve
from core.clock import Clock
from core.conditions import EnterRange, PriceAbove, PriceBelow
from core.frames import Quote
from core.history import History
from core.messages import Chart, ChartPeriod, Level, Mark
from core.ports import Store
from core.types import Symbol
from core.watches import Watch
from core.watchlist import Watchlist

MARKED: Final = 50
"""Alerts that are looked through for marks."""
PATIENCE: Final = 8.0
"""Seconds somebody waits for bars before the picture is made of those that are there."""
_STORED: Final[Mapping[ChartPeriod, Period]] = {
    ChartPeriod.MINUTE: "1m",
    ChartPeriod.M5: "5m",
    ChartPeriod.M15: "15m",
    ChartPeriod.M30: "30m",
    ChartPeriod.M60: "60m",
    ChartPeriod.DAY: "day",
    ChartPeriod.WEEK: "day",
    ChartPeriod.MONTH: "day",
}


class Pictures:
    """Gathers what is drawn. Painting is somebody else's: a chart is data that a message carries.

    Args:
        look: quotes as fresh as can be had, for the day so far of a share that is not watched.
        name_of: what a share is called; empty where that is not known.
    """

    def __init__(
        self,
        store: Store,
        history: History,
        watchlist: Watchlist,
        brokerage: Brokerage,
        clock: Clock,
        *,
        look: Callable[[Collection[Symbol]], Awaitable[Mapping[Symbol, Quote]]],
        name_of: Callable[[Symbol], str],
    ) -> None:
        self._store = store
        self._history = history
        self._watchlist = watchlist
        self._brokerage = brokerage
        self._clock = clock
        self._look = look
        self._name_of = name_of

    async def chart_of(
        self, symbol: Symbol, period: ChartPeriod, owner: str, account: str | None, mark: Mark | None = None
    ) -> Chart | None:
        """A share with its owner's lines and what was told him; None where there are no bars to draw.

        Args:
            account: whose cost is a line; None for none.
            mark: what the picture is about; it stands in place of the stored mark of the same moment and price.

        Raises:
            NotFound: there is no such share.
            Unavailable: the store cannot be read.
        """
        bars = await self._bars(symbol, period)
        if not bars:
            return None
        name = self._name_of(symbol)
        levels = tuple(self._levels(symbol, owner, account))
        marks = await self._marks(symbol, owner, mark)
        if period is not ChartPeriod.MINUTE:
            longer = {ChartPeriod.WEEK: weeks, ChartPeriod.MONTH: months}.get(period, list)
            return candles(longer(bars), name=name, period=period, levels=levels, marks=marks)
        day = trading_date(bars[-1].time)
        closes = [bar.close for bar in self._history.daily(symbol) if trading_date(bar.time) < day]
        return day_line(bars, name=name, preclose=closes[-1] if closes else None, levels=levels, marks=marks)

    async def curve_of(self, accounts: Mapping[str, str]) -> Chart | None:
        """The curve of an account, or of several, by their names; None where none has two days yet.

        Raises:
            Unavailable: the store cannot be read.
        """
        return worth_curve({name: await self._store.worths(account) for account, name in accounts.items()})

    async def _bars(self, symbol: Symbol, period: ChartPeriod) -> list[Bar]:
        """Oldest first; the bar that is still forming is the last one. A share that is not watched shows no frames."""
        past, stored = self._history, _STORED[period]
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await past.ensure([symbol], stored)
        bars = [*(past.daily(symbol) if stored == "day" else past.minutes(symbol, stored))]
        forming = past.forming(symbol, stored)
        if forming is None and stored == "day" and (quote := (await self._look([symbol])).get(symbol)) is not None:
            forming = day_of(quote)
        if forming is not None and (not bars or forming.time > bars[-1].time):
            bars.append(forming)
        return bars

    def _levels(self, symbol: Symbol, owner: str, account: str | None) -> Iterator[Level]:
        """The prices that the person waits for, and the cost."""
        for watch in self._watchlist.on(owner, [symbol]):
            if watch.live_at(self._clock.now()):
                yield from levels_of(watch)
        cost = self._brokerage.cost_of(account, symbol) if account is not None else None
        if cost is not None:
            yield level_of(cost, "成本")

    async def _marks(self, symbol: Symbol, owner: str, about: Mark | None) -> list[Mark]:
        """Where it was told, oldest first; what the picture is about comes last."""
        told = [one for one in await self._store.alerts(owner, symbol, MARKED) if one.reason.tells]
        marks = [mark_of(one.quoted_at, one.price, f"#{one.watch_number}") for one in reversed(told)]
        if about is None:
            return marks
        return [*(one for one in marks if (one.at, one.price) != (about.at, about.price)), about]


def levels_of(watch: Watch) -> Iterator[Level]:
    """The fixed prices of a watch."""
    for condition in watch.conditions:
        if isinstance(condition, PriceAbove | PriceBelow) and condition.value is not None:
            word = "涨到" if isinstance(condition, PriceAbove) else "跌到"
            yield level_of(condition.value, f"#{watch.number} {word}")
        elif isinstance(condition, EnterRange):
            yield level_of(condition.low, f"#{watch.number} 下沿")
            yield level_of(condition.high, f"#{watch.number} 上沿")
