"""A desk with its store, broker and market, without chat: what tests of money stand on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal

import pytest

from core.blotter import Blotter
from core.brokerage import Brokerage
from core.clock import Clock, ManualClock
from core.desk import Desk, Origin
from core.errors import DingpanError
from core.feed import Feed
from core.frames import Quote
from core.messages import Chat, Message
from core.notify import Notifier
from core.orders import Order
from core.ports import Broker, Store
from core.spending import Spending
from core.switch import KillSwitch
from core.tickets import Ticket, TicketState
from core.types import Price, Side, Symbol
from core.watches import Plan
from tests.fakes.market import MOUTAI, HandMarket, market_instant

CHAT = Chat("script", "local")
ORIGIN = Origin("owner", CHAT)
NAMES = {MOUTAI: "贵州茅台", Symbol("600036.SH"): "招商银行"}
BUY = Plan(side=Side.BUY, shares=100)
SELL = Plan(side=Side.SELL, shares=100)
MINUTE = timedelta(minutes=1)


class Market(HandMarket):
    """A HandMarket that a test can hold up, and whose quotes can grow old. ``freeze`` keeps the time they have."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.frozen = False
        self.asked = asyncio.Event()
        self.gate: asyncio.Event | None = None

    async def fetch(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        found = await super().fetch(symbols)
        return {symbol: self._quotes[symbol] for symbol in found} if self.frozen else found


def a_clock(at: str = "2026-11-18 10:00", *, first_id: int = 1) -> ManualClock:
    return ManualClock(market_instant(at), first_id=first_id)


def a_market(clock: ManualClock, price: str = "1400.00") -> Market:
    market = Market(clock)
    market.set(MOUTAI, price, preclose="1400.00", ask=price, bid=price, ask_volume=10_000, bid_volume=10_000)
    return market


class Office:
    """One process: a desk over a store that may outlive it. Nothing is sent: the outbox is what the person reads."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        market: HandMarket,
        brokers: Sequence[Broker],
        *,
        drift_percent: Decimal = Decimal("1.0"),
    ) -> None:
        self.store = store
        self.clock = clock
        self.market = market
        self.feed = Feed()
        self.notifier = Notifier(store, clock, self.feed)
        self.spending = Spending(store, clock, price_of=self._price)
        self.brokerage = Brokerage(brokers, name_of=lambda symbol: NAMES.get(symbol, ""))
        self.switch = KillSwitch(store, clock)
        self.blotter = Blotter(store, self.notifier, self.brokerage, self.switch, clock, self.feed, self.spending)
        self.desk = Desk(
            store,
            self.notifier,
            market,
            self.brokerage,
            self.blotter,
            self.switch,
            clock,
            self.feed,
            self.spending,
            drift_percent=drift_percent,
        )

    async def load(self) -> None:
        """What a process does at its start."""
        await self.switch.load()
        await self.spending.load()
        await self.blotter.load()
        await self.brokerage.look()

    def _price(self, symbol: Symbol) -> Price | None:
        quote = self.market._quotes.get(symbol)
        return quote.worth if quote is not None else None

    async def ticket(self, plan: Plan = BUY, symbol: Symbol = MOUTAI, account: str | None = None) -> Ticket:
        """Ask for an order as a person does; the newest open ticket."""
        await self.desk.ask(plan, symbol, account or self.brokerage.default_account, ORIGIN)
        return (await self.store.tickets({TicketState.OPEN}))[0]

    async def said(self) -> list[Message]:
        """Everything that the person was told, oldest first."""
        return [row.message for row in await self.store.unsent()]

    async def last_card(self, ticket: Ticket) -> Message:
        """What stands on the card of a ticket now."""
        return [message for message in await self.said() if message.card == ticket.card][-1]

    async def titles(self) -> list[str]:
        return [message.title for message in await self.said()]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Reports are taken in meanwhile. A report that cannot be stored is tried again at once."""

        async def retry() -> None:
            await asyncio.sleep(0)

        tasks = [asyncio.create_task(self.blotter.listen(broker, retry)) for broker in self.brokerage.brokers]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def stored(office: Office, order_id: str) -> Order:
    order = await office.store.order(order_id)
    assert order is not None
    return order


async def tap(office: Office, ticket: Ticket, by: str = "我") -> Order:
    order = await office.desk.approve(ticket.id, ticket.stamp, by)
    assert order is not None
    return order


async def refused(office: Office, ticket: Ticket) -> str:
    """A tap that must not send an order; why it did not."""
    with pytest.raises(DingpanError) as caught:
        await tap(office, ticket)
    return str(caught.value)


async def until(holds: Callable[[], bool]) -> None:
    """Let everything else run until it holds."""
    for _ in range(100_000):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")
