"""What a counter says comes late, twice, never and out of order, around every answer to the order itself."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import pytest

from adapters.stores.memory import MemoryStore
from core.errors import Conflict, Unavailable
from core.journal import differences, problem
from core.orders import Order, OrderState, Report, ReportKind
from core.tickets import TicketState
from tests.fakes.brokers import FakeBroker
from tests.fakes.office import Office, a_clock, a_market, until

S = OrderState


class Ending(NamedTuple):
    """What really happened to an order after it was taken in.

    Attributes:
        trades: shares of each.
        ended: None when everything was traded.
    """

    trades: tuple[int, ...]
    ended: ReportKind | None
    state: OrderState


FILLED: Final = Ending((60, 40), None, S.FILLED)
CANCELLED: Final = Ending((60,), ReportKind.CANCELLED, S.CANCELLED)
REJECTED: Final = Ending((), ReportKind.REJECTED, S.REJECTED)
TIMES: Final = (0, 1, 2)
"""How often each report is told."""
ENDS: Final = {"🎉 已成交", "↩️ 已撤单", "❌ 委托没有成功"}
ANSWERS: Final = ("at once", "after the reports", "lost")


def happened(broker: FakeBroker, order: Order, ending: Ending) -> list[Report]:
    """Everything that there is to tell, and nobody has been told."""
    told = [broker.accepts(order, times=0)]
    told += [broker.fills(order, shares, "1400", times=0) for shares in ending.trades]
    if ending.ended is not None:
        told.append(broker.ends(order, ending.ended, times=0))
    return told


async def lived(ending: Ending, answer: str, told: Sequence[tuple[int, int]]) -> None:
    """One order from its ticket to its end.

    Args:
        told: which report, how often, in this order.
    """
    clock = a_clock()
    broker = FakeBroker(clock)
    office = Office(MemoryStore(), clock, a_market(clock), [broker])
    await office.load()
    ticket = await office.ticket()
    order = ticket.order(clock.now())
    gate = broker.hold() if answer == "after the reports" else None
    if answer == "lost":
        broker.fail(Unavailable("券商", "超时"), placed=True)
    async with office.listening():
        tap = asyncio.create_task(office.desk.approve(ticket.id, ticket.stamp, "张三"))
        await broker.arrived.wait()
        if gate is None:
            await tap
        reports = happened(broker, order, ending)
        for which, times in told:
            broker.tells(reports[which], times=times)
        await broker.told()
        if gate is not None:
            gate.set()
            await tap
        with pytest.raises(Conflict):
            await office.desk.approve(ticket.id, ticket.stamp, "李四")
        clock.advance(timedelta(seconds=45))
        await office.blotter.look_up()
        await broker.told()
    [stored] = await office.store.orders()
    assert (stored.state, stored.filled) == (ending.state, sum(ending.trades))
    assert broker.placed == {order.id: 1}
    assert sorted(fill.shares for fill in await office.store.fills()) == sorted(ending.trades)
    news = [message for message in await office.said() if not (message.card or "").startswith("ticket:")]
    assert sum("成交价" in message.text for message in news) == len(ending.trades), "each trade is told once"
    ends = [message for message in news if message.title.removesuffix("·实盘") in ENDS]
    assert len(ends) == 1, "the end is told once"
    events, tickets = await office.store.journal(), await office.store.tickets(set(TicketState))
    assert problem(events) is None
    assert differences(events, tickets, [stored]) == []


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("ending", [FILLED, CANCELLED, REJECTED], ids=lambda one: str(one.state.value))
async def test_in_every_order_and_number_the_reports_come_to_the_same(ending: Ending, answer: str) -> None:
    count = 1 + len(ending.trades) + (ending.ended is not None)
    for order in itertools.permutations(range(count)):
        for times in itertools.product(TIMES, repeat=count):
            try:
                await lived(ending, answer, tuple(zip(order, times, strict=True)))
            except AssertionError as error:
                raise AssertionError(f"told {order}, so often each: {times}") from error


async def test_a_counter_that_never_answers_keeps_the_order_unresolved_until_it_says_something() -> None:
    clock = a_clock()
    broker = FakeBroker(clock)
    office = Office(MemoryStore(), clock, a_market(clock), [broker])
    await office.load()
    ticket = await office.ticket()
    gate = broker.hold()
    async with office.listening():
        tap = asyncio.create_task(office.desk.approve(ticket.id, ticket.stamp, "张三"))
        await broker.arrived.wait()
        for _ in range(3):
            clock.advance(timedelta(seconds=45))
            await office.blotter.look_up()
        [waiting] = await office.store.orders()
        assert waiting.state is S.NEW
        tap.cancel()
        await until(tap.done)
        # The process is gone with its answer; the next one asks.
        await office.blotter.look_up()
        await broker.told()
    gate.set()
    [found] = await office.store.orders()
    assert found.state is S.ACCEPTED
    assert broker.placed == {found.id: 1}
