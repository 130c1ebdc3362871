"""A ticket is approved in an account behind a gateway, and the line does what lines do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.brokers import gateway
from adapters.gateway_line import Address, Line
from adapters.stores import memory
from core.errors import Unavailable
from core.orders import Order, OrderState
from core.types import Mode
from tests.fakes.brokers import FakeBroker
from tests.fakes.cable import Cable
from tests.fakes.gateway import Town, at_once, offer_of
from tests.fakes.office import Office, a_clock, a_market


class Firm:
    """An office whose only account is real money behind a gateway, at the other end of a cable."""

    def __init__(self, folder: Path, cable: Cable, town: Town, exchange: FakeBroker) -> None:
        self.exchange, self.cable, self.town = exchange, cable, town
        address = town.admit().address()
        there = Address(f"https://127.0.0.1:{cable.port}", address.token, address.context)
        line = town.lined(Line("QMT 网关", lambda: there, sleep=at_once))
        broker = gateway.connect(line, offer_of(exchange), exchange._clock)
        self.office = Office(memory.connect(), town.clock, a_market(exchange._clock), [broker])  # type: ignore[arg-type]

    async def order(self) -> Order:
        [order] = await self.office.store.orders()
        return order


@pytest.fixture
async def firm(tmp_path: Path) -> AsyncIterator[Firm]:
    clock = a_clock()
    exchange = FakeBroker(clock, account="qmt1234", name="QMT1234")
    town = Town(tmp_path, clock)
    town.open([exchange])
    town.arm()
    async with Cable(town.port) as cable:
        firm = Firm(tmp_path, cable, town, exchange)
        await firm.office.load()
        yield firm
        await town.shut()


async def test_an_approved_ticket_is_placed_once_and_its_fill_comes_back(firm: Firm) -> None:
    async with firm.office.listening():
        ticket = await firm.office.ticket()
        assert ticket.mode is Mode.LIVE
        await firm.office.desk.approve(ticket.id, ticket.stamp, "张三")
        order = await firm.order()
        firm.exchange.fills(order, 100, "1400")
        while (await firm.order()).state is not OrderState.FILLED:  # noqa: ASYNC110  nothing else tells of it
            await asyncio.sleep(0)
    assert firm.exchange.placed == {order.id: 1}
    assert any("已成交·实盘" in message.title for message in await firm.office.said())


async def test_an_answer_that_is_lost_makes_it_unknown_until_the_gateway_says(firm: Firm) -> None:
    ticket = await firm.office.ticket()
    gate = firm.exchange.hold()
    approving = asyncio.create_task(firm.office.desk.approve(ticket.id, ticket.stamp, "张三"))
    await firm.exchange.arrived.wait()
    await firm.cable.cut()
    await approving
    assert (await firm.order()).state is OrderState.UNKNOWN
    gate.set()
    firm.cable.mend()
    await firm.office.blotter.look_up()
    order = await firm.order()
    assert order.state is OrderState.ACCEPTED
    assert firm.exchange.placed == {order.id: 1}


async def test_while_the_gateway_is_away_nothing_is_ordered_and_the_ticket_stays(firm: Firm) -> None:
    ticket = await firm.office.ticket()
    await firm.cable.cut()
    with pytest.raises(Unavailable, match="连不上网关"):
        await firm.office.desk.approve(ticket.id, ticket.stamp, "张三")
    assert not await firm.office.store.orders()
    firm.cable.mend()
    await firm.office.desk.approve(ticket.id, ticket.stamp, "张三")
    assert sum(firm.exchange.placed.values()) == 1


async def test_a_locked_gateway_says_on_the_card_what_to_do(firm: Firm) -> None:
    firm.town.folder.disarm()
    ticket = await firm.office.ticket()
    await firm.office.desk.approve(ticket.id, ticket.stamp, "张三")
    order = await firm.order()
    assert order.state is OrderState.REJECTED
    assert "dingpan gateway arm" in order.note
