"""Whatever people, the market, the calendar and restarts do to the desk and the paper account, the promises hold.

The desk is the real one over a store that outlives it; the account keeps its book in a file. The model beside them knows
the fills alone, counts in whole thousandths of a yuan, and has the fee formula of :mod:`tests.properties.test_paper`.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Coroutine
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.brokers import paper
from adapters.brokers.paper import PaperBroker
from adapters.stores.memory import MemoryStore
from core.clock import MARKET_ZONE, ManualClock, market_time
from core.errors import DingpanError
from core.frames import frame_of
from core.journal import differences, problem
from core.orders import Order, OrderState, Report
from core.tickets import Ticket, TicketState
from core.types import Shares, Side, Symbol
from core.watches import Plan
from tests.fakes.office import ORIGIN, Market, Office
from tests.properties.test_paper import CASH, DAYS, FUND, PRECLOSE, SESSION, SHARE, TICK, milli, model_fee, yuan

EVERY = set(TicketState)
HELD = {SHARE: 137, FUND: 300}


class DeskAndAccount(RuleBasedStateMachine):
    """People ask and answer, prices move, days pass, the process ends and begins again, reports come once more."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.clock = ManualClock(datetime(2026, 9, 17, 9, 31, tzinfo=MARKET_ZONE))
        self.market = Market(self.clock)
        self.store = MemoryStore()
        self.placed_in_panic = 0
        self.connect()
        for symbol in (SHARE, FUND):
            self.frame(symbol, 0, 0, (10_000, 10_000), 0)

    def connect(self) -> None:
        """A process begins."""
        self.broker: PaperBroker = paper.connect(
            path=self.folder / "book.db",
            account="paper",
            name="模拟账户",
            clock=self.clock,
            cash=Decimal(CASH) / 1000,
            positions={symbol: (shares, yuan(PRECLOSE[symbol])) for symbol, shares in HELD.items()},
        )
        self.office = Office(self.store, self.clock, self.market, [self.broker])
        self.runner.run(self.office.load())
        self.do(self.office.blotter.look_up())

    def show(self) -> None:
        """The account sees the prices as they are now."""
        now = self.clock.now()
        quotes = [one.model_copy(update={"quoted_at": now, "received_at": now}) for one in self.market._quotes.values()]
        if quotes:
            self.do(self.broker.on_frame(frame_of(quotes, at=now, source="test")))

    def teardown(self) -> None:
        if hasattr(self, "broker"):
            self.runner.run(self.broker.close())
            self.runner.close()
            shutil.rmtree(self.folder)

    def do(self, *calls: Coroutine[Any, Any, object]) -> None:
        """Do these at the same time, take in every report of them; what is refused is refused in our own words."""

        async def done() -> None:
            async with self.office.listening():
                for found in await asyncio.gather(*calls, return_exceptions=True):
                    if isinstance(found, BaseException) and not isinstance(found, DingpanError):
                        raise found
                await self.broker.told()

        before = self.broker._ledger.count()
        panicked = self.office.switch.panicked is not None
        self.runner.run(done())
        if panicked:
            self.placed_in_panic += self.broker._ledger.count() - before

    def tickets(self) -> list[Ticket]:
        return list(self.runner.run(self.all_tickets()))

    async def all_tickets(self) -> list[Ticket]:
        return [*await self.store.tickets(EVERY, limit=10_000)]

    async def all_orders(self) -> list[Order]:
        return [*await self.store.orders(limit=10_000)]

    async def reports_of(self, order: Order) -> list[Report]:
        return [*(await self.broker.find(order.id) or ())]

    # --- what can happen ---

    @rule(
        symbol=st.sampled_from([SHARE, SHARE, FUND]),
        side=st.sampled_from(Side),
        shares=st.sampled_from([37, 100, 100, 200, 300, 1_000, 1_050]),
        steps=st.sampled_from([None, None, None, -3, -1, 0, 1, 3, 60]),
        answered=st.sampled_from([True, True, True, False]),
    )
    def ask(self, symbol: Symbol, side: Side, shares: Shares, steps: int | None, answered: bool) -> None:
        limit = None if steps is None else yuan(PRECLOSE[symbol] + steps * TICK[symbol])
        plan = Plan(side=side, shares=shares, price=limit)
        known = len(self.tickets())
        self.do(self.office.desk.ask(plan, symbol, "paper", ORIGIN))
        if answered and len(tickets := self.tickets()) > known:
            self.do(self.office.desk.approve(tickets[0].id, tickets[0].stamp, "张三"))

    @rule(symbol=st.sampled_from([SHARE, FUND]), shares=st.sampled_from([200, 500]))
    def buy_and_want_to_sell_at_once(self, symbol: Symbol, shares: Shares) -> None:
        self.ask(symbol, Side.BUY, shares, None, answered=True)
        self.show()
        self.ask(symbol, Side.SELL, shares, None, answered=True)

    @precondition(lambda self: self.tickets())
    @rule(data=st.data(), taps=st.integers(1, 3), stamped=st.booleans())
    def approve(self, data: st.DataObject, taps: int, stamped: bool) -> None:
        ticket = data.draw(st.sampled_from(self.tickets()[:6]))
        stamp = ticket.stamp if stamped else None
        self.do(*(self.office.desk.approve(ticket.id, stamp, "张三") for _ in range(taps)))

    @precondition(lambda self: self.tickets())
    @rule(data=st.data())
    def approve_what_is_not_on_the_card(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(self.tickets()))
        before = self.broker._ledger.count()
        self.do(self.office.desk.approve(ticket.id, "00000000", "张三"))
        assert self.broker._ledger.count() == before

    @precondition(lambda self: self.tickets())
    @rule(data=st.data(), how=st.sampled_from(["reject", "requote", "both"]))
    def answer_otherwise(self, data: st.DataObject, how: str) -> None:
        ticket = data.draw(st.sampled_from(self.tickets()[:6]))
        desk = self.office.desk
        calls: list[Coroutine[Any, Any, object]] = []
        if how != "requote":
            calls.append(desk.reject(ticket.id, ticket.stamp, "李四"))
        if how != "reject":
            calls.append(desk.requote(ticket.id, ORIGIN))
        self.do(*calls)

    @precondition(lambda self: self.runner.run(self.all_orders()))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self.runner.run(self.all_orders())))
        self.do(self.office.blotter.cancel(order.id))

    @rule(
        symbol=st.sampled_from([SHARE, FUND]),
        steps=st.sampled_from([-40, -4, -2, -1, 0, 0, 1, 2, 4, 40]),
        spread=st.integers(0, 2),
        volumes=st.tuples(*[st.sampled_from([1, 37, 100, 500, 10_000])] * 2),
        seconds=st.sampled_from([3, 3, 3, 40, 90]),
    )
    def frame(self, symbol: Symbol, steps: int, spread: int, volumes: tuple[int, int], seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        bid = PRECLOSE[symbol] + steps * TICK[symbol]
        self.market.set(
            symbol,
            str(yuan(bid)),
            preclose=yuan(PRECLOSE[symbol]),
            bid=yuan(bid),
            ask=yuan(bid + (spread + 1) * TICK[symbol]),
            bid_volume=volumes[0],
            ask_volume=volumes[1],
        )
        self.show()

    @rule(when=st.sampled_from(SESSION), days=st.sampled_from([0, 0, 1]))
    def time_passes(self, when: tuple[int, int], days: int) -> None:
        today = market_time(self.clock.now()).date()
        later = [day for day in DAYS if day >= today][days : days + 1]
        if later:
            hour, minute = when
            self.clock.set(datetime(later[0].year, later[0].month, later[0].day, hour, minute, tzinfo=MARKET_ZONE))
        self.do(self.office.desk.expire(), self.office.blotter.look_up())
        self.show()

    @rule(on=st.sampled_from([True, False, False]))
    def switch(self, on: bool) -> None:
        self.do(self.office.switch.panic("张三") if on else self.office.switch.calm())

    @rule()
    def restart(self) -> None:
        before = self.runner.run(self.broker.snapshot()), self.office.switch.panicked
        self.runner.run(self.broker.close())
        self.connect()
        assert (self.runner.run(self.broker.snapshot()), self.office.switch.panicked) == before
        self.show()

    @precondition(lambda self: self.runner.run(self.all_orders()))
    @rule(data=st.data())
    def everything_is_told_once_more(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self.runner.run(self.all_orders())))
        reports = data.draw(st.permutations(self.runner.run(self.reports_of(order))))
        before = self.runner.run(self.all_orders())

        async def tell() -> None:
            for report in reports:
                await self.office.blotter.on_report(report)

        self.do(tell())
        assert self.runner.run(self.all_orders()) == before

    # --- what always holds ---

    @invariant()
    def one_ticket_has_one_order_at_most(self) -> None:
        if not hasattr(self, "office"):
            return
        approved = {one.order_id for one in self.tickets() if one.state is TicketState.APPROVED}
        orders = self.runner.run(self.all_orders())
        assert len({one.ticket_id for one in orders}) == len(orders)
        assert {one.id for one in orders} == approved
        placed = [row[0] for row in self.broker._ledger._rows("SELECT id FROM orders")]
        assert set(placed) <= approved
        assert len(placed) == len(set(placed))

    @invariant()
    def nothing_is_placed_in_a_panic(self) -> None:
        assert getattr(self, "placed_in_panic", 0) == 0

    @invariant()
    def cash_and_shares_are_those_that_follow_from_the_fills(self) -> None:
        if not hasattr(self, "office"):
            return
        fills = list(reversed(self.runner.run(self.store.fills(limit=10_000))))
        orders = {one.id: one for one in self.runner.run(self.all_orders())}
        money = CASH
        traded: dict[str, int] = defaultdict(int)
        shares: dict[str, int] = defaultdict(int)
        paid: dict[str, int] = defaultdict(int)
        held = dict(HELD)
        today: dict[tuple[str, str], int] = defaultdict(int)
        for fill in fills:
            amount = milli(fill.price) * fill.shares
            traded[fill.order_id] += amount
            shares[fill.order_id] += fill.shares
            fee = model_fee(fill.symbol, fill.side, traded[fill.order_id]) - paid[fill.order_id]
            paid[fill.order_id] += fee
            assert milli(fill.fee) == fee
            day = (fill.symbol, str(market_time(fill.at).date()))
            if fill.side is Side.BUY:
                money -= amount + fee
                held[fill.symbol] += fill.shares
                today[day] += fill.shares
            else:
                money += amount - fee
                settled = held[fill.symbol] - (0 if fill.symbol == FUND else today[day])
                assert fill.shares <= settled, "sold on the day it was bought"
                held[fill.symbol] -= fill.shares
        for order in orders.values():
            assert order.filled == shares[order.id] <= order.shares
            assert (order.state is OrderState.FILLED) == (order.filled == order.shares)
        account = self.runner.run(self.broker.snapshot())
        assert milli(account.cash) + milli(account.frozen) == money
        assert account.cash >= 0
        assert {one.symbol: one.shares for one in account.positions} == {one: n for one, n in held.items() if n}
        assert all(0 <= one.sellable <= one.shares for one in account.positions)

    @invariant()
    def the_journal_is_whole(self) -> None:
        if not hasattr(self, "office"):
            return
        events = self.runner.run(self.store.journal())
        assert problem(events) is None
        assert differences(events, self.tickets(), self.runner.run(self.all_orders())) == []


DeskAndAccount.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestTheDeskKeepsItsPromises = DeskAndAccount.TestCase
