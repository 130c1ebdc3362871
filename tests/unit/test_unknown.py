"""An order whose fate nobody knows: its card, asking the broker, and the word of a person who has looked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.stores.memory import MemoryStore
from core.clock import ManualClock
from core.errors import Breached, Conflict, NotFound, Unavailable
from core.messages import Message
from core.orders import Order, OrderState, ReportKind
from tests.fakes.brokers import FakeBroker
from tests.fakes.market import MOUTAI
from tests.fakes.office import BUY, ORIGIN, Office, a_clock, a_market, stored, tap


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


async def lost(office: Office, broker: FakeBroker, *, placed: bool) -> Order:
    broker.fail(Unavailable("券商", "超时"), placed=placed)
    order = await tap(office, await office.ticket())
    broker.heal()
    assert order.state is OrderState.UNKNOWN
    return order


async def card_of(office: Office, order: Order) -> Message:
    return [message for message in await office.said() if message.card == f"order:{order.id}"][-1]


async def test_it_has_a_card_of_its_own_with_two_ways_out(office: Office, broker: FakeBroker) -> None:
    order = await lost(office, broker, placed=True)
    card = await card_of(office, order)
    assert card.title == "❓ 委托状态未知·实盘"
    assert card.labels() == ("查询柜台", "我已核对")
    assert "不会重发" in card.text
    assert card.urgent


async def test_the_broker_is_asked_and_what_it_says_stands_in_place_of_the_card(
    office: Office, broker: FakeBroker
) -> None:
    order = await lost(office, broker, placed=True)
    assert (await office.blotter.ask(order.id)).state is OrderState.ACCEPTED
    card = await card_of(office, order)
    assert card.title == "ℹ️ 委托查到了·实盘"
    assert card.labels() == ()


async def test_a_broker_that_cannot_say_leaves_it_as_it_is(office: Office, broker: FakeBroker) -> None:
    order = await lost(office, broker, placed=True)
    broker.deaf = True
    with pytest.raises(Unavailable):
        await office.blotter.ask(order.id)
    assert (await stored(office, order.id)).state is OrderState.UNKNOWN


async def test_a_person_says_that_the_broker_has_it_and_may_trade_again(office: Office, broker: FakeBroker) -> None:
    order = await lost(office, broker, placed=True)
    with pytest.raises(Breached):
        await office.desk.ask(BUY, MOUTAI, "real", ORIGIN)
    after = await office.blotter.checked(order.id, "张三", there=True)
    assert (after.state, after.checked_by) == (OrderState.UNKNOWN, "张三")
    assert "张三 核对过" in (await card_of(office, order)).text
    await office.desk.ask(BUY, MOUTAI, "real", ORIGIN)
    # It is still looked up, over a restart too, and its fills are still counted.
    later = Office(office.store, office.clock, office.market, [broker])
    await later.load()
    broker.fills(order, 100, "1400.00", times=0)
    await later.blotter.look_up()
    assert (await stored(later, order.id)).state is OrderState.FILLED


async def test_what_a_person_has_seen_is_never_called_absent_by_the_program(
    office: Office, broker: FakeBroker, clock: ManualClock
) -> None:
    order = await lost(office, broker, placed=False)
    await office.blotter.checked(order.id, "张三", there=True)
    clock.advance(timedelta(hours=1))
    await office.blotter.look_up()
    assert (await stored(office, order.id)).state is OrderState.UNKNOWN


async def test_a_person_says_that_the_broker_does_not_have_it_and_a_fill_counts_all_the_same(
    office: Office, broker: FakeBroker
) -> None:
    order = await lost(office, broker, placed=True)
    after = await office.blotter.checked(order.id, "张三", there=False)
    assert (after.state, after.note) == (OrderState.REJECTED, "张三 核对过，券商那里没有这笔委托")
    broker.fills(order, 100, "1400.00", times=1)
    async with office.listening():
        await broker.told()
    assert (await stored(office, order.id)).filled == 100


async def test_there_is_nothing_to_check_once_it_is_known(office: Office, broker: FakeBroker) -> None:
    order = await lost(office, broker, placed=True)
    await office.blotter.ask(order.id)
    with pytest.raises(Conflict, match="已经查清"):
        await office.blotter.checked(order.id, "张三", there=True)
    with pytest.raises(NotFound):
        await office.blotter.ask("dp404")


async def test_an_order_of_an_earlier_day_that_nobody_saw_end_asks_the_person_and_is_over_then(
    office: Office, broker: FakeBroker, clock: ManualClock
) -> None:
    order = await tap(office, await office.ticket())
    await office.blotter.look_up()
    assert (await stored(office, order.id)).state is OrderState.ACCEPTED
    clock.advance(timedelta(days=1))
    broker.ends(order, ReportKind.STRANDED, "收盘时程序没有连着")
    await office.blotter.look_up()
    assert (await stored(office, order.id)).state is OrderState.UNKNOWN
    assert "收盘时程序没有连着" in (await card_of(office, order)).text
    assert "券商收到了，已知成交 0/100 股" in (await card_of(office, order)).text
    assert (await card_of(office, order)).labels() == ("查询柜台", "我看过了")
    after = await office.blotter.checked(order.id, "张三", there=True)
    assert (after.state, after.note) == (OrderState.EXPIRED, "张三 核对过；那天成交了多少，以券商为准")
    await office.desk.ask(BUY, MOUTAI, "real", ORIGIN)
