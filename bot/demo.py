"""The demo: a house whose market is made up. It needs no account, no key and no network."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Final, Protocol

from bot.assembly import HOME_CHAT, App, assemble
from bot.command import completions
from bot.language.names import Names
from bot.main import YOU, live, status
from core.calendar import is_trading_day, previous_trading_day
from core.clock import MARKET_ZONE, ManualClock
from core.market import is_share
from core.messages import Incoming, Message
from core.ports import Broker, Painter, QuoteSource, Store
from core.tickets import TIME_TO_LIVE
from core.types import Price, Shares, Symbol

DEMO_CASH: Final = Decimal(1_000_000)
DEMO_DRIFT: Final = Decimal(3)
"""At many times the market's speed a price moves further while a card is read."""
DEMO_POSITIONS: Final[Mapping[Symbol, tuple[Shares, Price]]] = {
    Symbol("600036.SH"): (1000, Decimal("41.200")),
    Symbol("300750.SZ"): (200, Decimal("255.000")),
    Symbol("601318.SH"): (500, Decimal("53.800")),
}


def demo_day(today: date) -> date:
    """The day the demo shows: the last one on which the market traded."""
    return today if is_trading_day(today) else previous_trading_day(today)


class PlayedQuotes(QuoteSource, Protocol):
    """A market that moves the clock itself, when the next frame is asked for."""

    @property
    def next_at(self) -> datetime | None:
        """When the next frame comes; None when there is none."""
        ...


class PlayedBroker(Broker, Protocol):
    async def told(self) -> None:
        """Wait until all its reports have been taken."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Stage:
    """A house whose market is not the real one, with the parts its player needs.

    Attributes:
        started_with: yuan in the account at the beginning.
    """

    app: App
    clock: ManualClock
    source: PlayedQuotes
    broker: PlayedBroker
    started_with: Decimal

    async def settle(self) -> None:
        """Wait until everything that was caused so far has been dealt with."""
        await self.broker.told()
        await self.app.house.commentary.finished()
        await self.broker.told()  # of what a policy sent without a tap
        await self.app.house.notifier.drained()

    async def aclose(self) -> None:
        """Close the account's book. The store is closed by whoever opened it."""
        await self.broker.close()


def stage_demo(
    *,
    store: Store,
    start: date,
    seed: int,
    speed: float,
    book_path: Path | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    painter: Painter | None = None,
) -> Stage:
    """The demo market with a paper account of a million yuan and a few positions."""
    from adapters.brokers import paper
    from adapters.models import scripted
    from adapters.quotes import demo as demo_quotes

    clock = ManualClock(datetime.combine(start, time(9, 0), MARKET_ZONE))
    source = demo_quotes.connect(clock=clock, start=start, seed=seed, speed=speed, sleep=sleep)
    broker = paper.connect(
        path=book_path, account="paper", name="模拟账户", clock=clock, cash=DEMO_CASH, positions=DEMO_POSITIONS
    )
    names = Names.seed()
    for share in demo_quotes.SHARES:
        names.add(share.symbol, share.name)
    app = assemble(
        store=store,
        clock=clock,
        source=source,
        brokers=[broker],
        names=names,
        adviser=scripted.connect(),
        comments=True,
        about=f"演示：行情是编造的，{speed:g} 倍速；模拟账户 100 万元，不动真钱，不联网。",
        matching=(broker.on_frame,),
        bars=source,
        market=lambda: tuple(one.symbol for one in demo_quotes.SHARES if is_share(one.symbol)),
        market_paced=True,
        time_to_live=TIME_TO_LIVE * max(speed, 1),
        drift_percent=DEMO_DRIFT,
        painter=painter,
    )
    return Stage(app, clock, source, broker, DEMO_CASH)


async def demo(*, seed: int, speed: float, folder: Path) -> None:
    """The demo in the terminal."""
    from adapters import painter
    from adapters.channels import console
    from adapters.stores import sql

    async with AsyncExitStack() as stack:
        store = sql.connect(folder / "demo.db")
        stack.push_async_callback(store.close)
        artist = painter.connect()
        stack.callback(artist.close)
        start = demo_day(date.today())  # noqa: DTZ011
        stage = stage_demo(store=store, start=start, seed=seed, speed=speed, painter=artist)
        stack.push_async_callback(stage.aclose)
        terminal = console.connect(
            clock=stage.clock,
            completions=lambda: completions(stage.app.house.names),
            pictures=folder / "pictures",
            status=lambda: status(stage.app.house),
            user=YOU,
        )
        await stage.app.load()
        await live(stage.app, {terminal.name: terminal}, opening=lambda: show_something(stage.app))


async def show_something(app: App) -> None:
    """Say two sentences for a newcomer, so that an alert and an order to confirm come within a minute."""
    from adapters.quotes import demo as demo_quotes

    moutai, catl = app.house.name(demo_quotes.MOUTAI), app.house.name(demo_quotes.CATL)
    sentences = (
        f"{moutai}跌破{demo_quotes.DIP.normalize():f}提醒我，跌破就买100股",
        f"{catl}涨到{demo_quotes.RISE.normalize():f}提醒我",
    )
    said = "\n".join(f"　{text}" for text in sentences)
    ask = f"开盘后也可以问看法：分析一下{app.house.name(Symbol('601318.SH'))}；给我的持仓做个体检"
    hint = f"先替你说了两句，一分钟内会有动静；你也可以随时自己说：\n{said}\n{ask}"
    await app.house.notifier.say(HOME_CHAT, Message(text=hint))
    for text in sentences:
        await app.inbox.receive(Incoming(chat=HOME_CHAT, user=YOU, text=text, at=app.house.now()))
