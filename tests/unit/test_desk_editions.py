"""A card is changed in place, needs two people, or says why it was rejected: each is another edition with another hash."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from adapters.stores.memory import MemoryStore
from core.clock import ManualClock
from core.errors import Breached, Conflict
from core.limits import Limits
from core.tickets import Ticket, TicketState
from tests.fakes.brokers import FakeBroker
from tests.fakes.market import MOUTAI
from tests.fakes.office import SELL, Office, a_clock, a_market, refused, tap

D = Decimal


@pytest.fixture
def clock() -> ManualClock:
    return a_clock()


@pytest.fixture
def broker(clock: ManualClock) -> FakeBroker:
    return FakeBroker(clock)


@pytest.fixture
async def office(clock: ManualClock, broker: FakeBroker) -> Office:
    made = Office(MemoryStore(), clock, a_market(clock), [broker])
    await made.load()
    return made


async def current(office: Office, ticket: Ticket) -> Ticket:
    found = await office.store.ticket(ticket.id)
    assert found is not None
    return found


async def test_an_edit_is_another_edition_of_the_same_card(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket()
    after = await office.desk.edit(ticket.id, ticket.stamp, shares=200, price=D("1398.00"))
    assert (after.id, after.edition, after.shares, after.limit) == (ticket.id, 2, 200, D("1398.00"))
    assert after.stamp != ticket.stamp
    card = await office.last_card(ticket)
    assert "数量：200 股" in card.text
    assert "限价：1398.00" in card.text
    assert "对不上" in await refused(office, ticket)
    order = await tap(office, after)
    assert (order.shares, order.limit) == (200, D("1398.00"))
    assert broker.placed == {order.id: 1}


async def test_what_breaks_a_rule_changes_nothing(office: Office) -> None:
    ticket = await office.ticket()
    for change in ({"shares": 150}, {"price": D("1398.005")}, {"price": D("1700")}, {"shares": 100_000}):
        with pytest.raises(Breached):
            await office.desk.edit(ticket.id, ticket.stamp, **change)
    assert await current(office, ticket) == ticket
    await tap(office, ticket)


async def test_a_limit_that_nobody_gave_follows_the_market_when_the_shares_are_changed(office: Office) -> None:
    ticket = await office.ticket()
    office.market.set(MOUTAI, "1405.00", preclose="1400.00", ask="1405.00", bid="1404.99", ask_volume=10_000)
    after = await office.desk.edit(ticket.id, ticket.stamp, shares=200)
    assert (after.limit, after.price) == (D("1405.00"), D("1405.00"))
    fixed = await office.desk.edit(after.id, after.stamp, price=D("1401.00"))
    again = await office.desk.edit(fixed.id, fixed.stamp, shares=300)
    assert (again.limit, again.edition) == (D("1401.00"), 4)
    best = await office.desk.edit(again.id, again.stamp, best=True)
    assert (best.limit, best.shares) == (D("1405.00"), 300)


async def test_a_tap_and_an_edit_at_once_end_in_one_order_of_what_its_card_shows(
    office: Office, broker: FakeBroker
) -> None:
    ticket = await office.ticket()
    results = await asyncio.gather(
        tap(office, ticket), office.desk.edit(ticket.id, ticket.stamp, shares=200), return_exceptions=True
    )
    assert sum(isinstance(one, Conflict) for one in results) == 1
    stored = await current(office, ticket)
    for order in await office.store.orders():
        assert (order.shares, stored.state) == (stored.shares, TicketState.APPROVED)
    assert sum(broker.placed.values()) == (stored.state is TicketState.APPROVED)


async def test_an_edit_of_what_is_decided_or_was_edited_is_refused(office: Office) -> None:
    ticket = await office.ticket()
    await office.desk.edit(ticket.id, ticket.stamp, shares=200)
    with pytest.raises(Conflict, match="对不上"):
        await office.desk.edit(ticket.id, ticket.stamp, shares=300)
    await office.desk.reject(ticket.id, None, "张三")
    with pytest.raises(Conflict, match="拒绝"):
        await office.desk.edit(ticket.id, None, shares=300)


async def test_above_the_amount_two_people_must_approve(office: Office, broker: FakeBroker) -> None:
    await office.spending.set("owner", Limits(second_above=D(100_000)))
    ticket = await office.ticket()
    assert "要 2 个人确认" in (await office.last_card(ticket)).text
    assert await office.desk.approve(ticket.id, ticket.stamp, "张三", "telegram:1") is None
    assert not broker.placed
    card = await office.last_card(ticket)
    assert "张三" in card.text
    assert "等另一个人" in card.text
    second = await current(office, ticket)
    # The same person under another name is still the same person.
    with pytest.raises(Conflict, match="另一个人"):
        await office.desk.approve(ticket.id, second.stamp, "张三丰", "telegram:1")
    assert not broker.placed
    order = await office.desk.approve(ticket.id, second.stamp, "李四", "telegram:2")
    assert order is not None
    assert broker.placed == {order.id: 1}
    assert "张三、李四" in (await office.last_card(ticket)).text


async def test_an_edit_takes_the_first_approval_back(office: Office, broker: FakeBroker) -> None:
    await office.spending.set("owner", Limits(second_above=D(100_000)))
    ticket = await office.ticket()
    await office.desk.approve(ticket.id, ticket.stamp, "张三", "telegram:1")
    edited = await office.desk.edit(ticket.id, None, shares=200)
    assert edited.approvals == ()
    assert await office.desk.approve(edited.id, edited.stamp, "李四", "telegram:2") is None
    assert not broker.placed


async def test_two_first_approvals_at_once_are_two_approvals(office: Office, broker: FakeBroker) -> None:
    await office.spending.set("owner", Limits(second_above=D(100_000)))
    ticket = await office.ticket()
    results = await asyncio.gather(
        office.desk.approve(ticket.id, ticket.stamp, "张三", "telegram:1"),
        office.desk.approve(ticket.id, ticket.stamp, "李四", "telegram:2"),
        return_exceptions=True,
    )
    # The one that came second saw the card without the first approval: it is told so, and taps the new card.
    assert sum(isinstance(one, Conflict) for one in results) == 1
    assert len((await current(office, ticket)).approvals) == 1
    assert not broker.placed


async def test_two_people_are_needed_where_that_was_decided_after_the_card_was_shown(
    office: Office, broker: FakeBroker
) -> None:
    ticket = await office.ticket()
    await office.spending.set("owner", Limits(second_above=D(100_000)))
    assert await office.desk.approve(ticket.id, ticket.stamp, "张三", "telegram:1") is None
    assert not broker.placed


async def test_selling_above_the_amount_needs_two_people_as_well(office: Office, broker: FakeBroker) -> None:
    broker.hold_shares(MOUTAI, 100, 100)
    await office.spending.set("owner", Limits(second_above=D(100_000)))
    ticket = await office.ticket(SELL)
    assert await office.desk.approve(ticket.id, ticket.stamp, "张三", "telegram:1") is None
    assert not broker.placed


async def test_a_rejected_card_asks_why_and_keeps_the_answer(office: Office) -> None:
    ticket = await office.ticket()
    with pytest.raises(Conflict, match="只有拒绝了的"):
        await office.desk.explain(ticket.id, "不看好了")
    await office.desk.reject(ticket.id, ticket.stamp, "张三")
    after = await office.desk.explain(ticket.id, "不看好了")
    assert (after.state, after.note) == (TicketState.REJECTED, "不看好了")
    card = await office.last_card(ticket)
    assert "不看好了" in card.text
    assert card.labels() == ()
