"""The desk with the shipped accounts behind it: the paper account, and the one that the person keeps by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.brokers import manual, paper
from adapters.stores import sql
from adapters.stores.memory import connect as in_memory
from core.clock import ManualClock
from core.errors import Breached, Conflict, Invalid, NotFound
from core.messages import Message
from core.orders import OrderState
from core.ports import Store
from core.types import Side
from core.watches import Plan
from tests.fakes import migrated
from tests.fakes.brokers import FakeBroker
from tests.fakes.market import MOUTAI, market_instant
from tests.fakes.office import ORIGIN, SELL, Market, Office, a_clock, a_market, refused, stored, tap, until

S = OrderState


@pytest.fixture
def clock() -> ManualClock:
    return a_clock()


@pytest.fixture
def market(clock: ManualClock) -> Market:
    return a_market(clock)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = in_memory() if request.param == "memory" else sql.connect(migrated.file(tmp_path / "dingpan.db"))
    yield store
    await store.close()


@pytest.fixture
async def office(store: Store, clock: ManualClock, market: Market) -> Office:
    """An office whose account is at a broker."""
    office = Office(store, clock, market, [FakeBroker(clock)])
    await office.load()
    return office


async def test_the_paper_account_fills_and_the_position_comes_back(
    store: Store, clock: ManualClock, market: Market
) -> None:
    simulated = paper.connect(path=None, account="paper", name="模拟账户", clock=clock, cash=Decimal(1_000_000))
    office = Office(store, clock, market, [simulated])
    await office.load()
    await simulated.on_frame(market.frame())
    order = await tap(office, await office.ticket())
    async with office.listening():
        await simulated.told()
    found = await stored(office, order.id)
    assert (found.state, found.average) == (S.FILLED, Decimal("1400.00"))
    seen = office.brokerage.account("paper")
    assert seen is not None
    assert seen.cash == Decimal("859963.60")
    position = seen.position(MOUTAI)
    assert position is not None
    assert (position.shares, position.sellable, position.cost) == (100, 0, Decimal("1400.3640"))
    with pytest.raises(Breached, match="T\\+1"):
        await office.desk.ask(SELL, MOUTAI, "paper", ORIGIN)
    clock.set(market_instant("2026-11-19 10:00"))
    assert (await office.ticket(SELL)).shares == 100
    await simulated.close()


async def test_the_manual_account_records_what_the_person_says(
    store: Store, clock: ManualClock, market: Market
) -> None:
    by_hand = manual.connect(path=None, account="manual", name="手动账户", clock=clock)
    await by_hand.record_cash(Decimal(1_000_000))
    office = Office(store, clock, market, [by_hand])
    await office.load()
    order = await tap(office, await office.ticket(Plan(side=Side.BUY, shares=300)))
    async with office.listening():
        await until(lambda: office.blotter._open[order.id].state is S.ACCEPTED)
        card = (await office.said())[-1]
        assert "请手动下单" in card.title
        assert card.labels() == ("已按限价成交", "没有成交")
        await office.blotter.record_fill(order.id, 100, Decimal("1399.50"))
        await office.blotter.record_nothing(order.id)
        await until(lambda: order.id not in office.blotter._open)
    found = await stored(office, order.id)
    assert (found.state, found.filled, found.average) == (S.CANCELLED, 100, Decimal("1399.50"))
    await by_hand.close()


async def test_the_card_of_a_manual_order_offers_only_what_may_still_be_said(
    store: Store, clock: ManualClock, market: Market
) -> None:
    by_hand = manual.connect(path=None, account="manual", name="手动账户", clock=clock)
    await by_hand.record_cash(Decimal(1_000_000))
    office = Office(store, clock, market, [by_hand])
    await office.load()
    order = await tap(office, await office.ticket(Plan(side=Side.BUY, shares=300)))

    async def the_card() -> Message:
        return [one for one in await office.said() if one.card == f"order:{order.id}"][-1]

    async with office.listening():
        await until(lambda: office.blotter._open[order.id].state is S.ACCEPTED)
        first = await the_card()
        assert first.buttons[0][0].command == f"filled {order.id} 1400.00 300 0"
        await office.blotter.record_fill(order.id, 100, Decimal("1399.50"), after=0)
        await until(lambda: office.blotter._open[order.id].state is S.PARTIAL)
        second = await the_card()
        assert second.title == "⏳ 部分成交·手动"
        assert second.buttons[0][0].command == f"filled {order.id} 1400.00 200 100"
        with pytest.raises(Conflict, match="已经记过了"):
            await office.blotter.record_fill(order.id, 300, Decimal("1400.00"), after=0)
        await office.blotter.record_nothing(order.id)
        await until(lambda: order.id not in office.blotter._open)
        assert (await the_card()).labels() == ()
        with pytest.raises(Conflict, match="已经记过了"):
            await office.blotter.record_fill(order.id, 200, Decimal("1400.00"), after=100)
        cost = office.brokerage.cost_of("manual", MOUTAI)
        await office.blotter.record_fill(order.id, 200, Decimal("1399.80"))
        await until(lambda: office.brokerage.cost_of("manual", MOUTAI) != cost)
    last = await the_card()
    assert (last.title, last.labels()) == ("🎉 已成交·手动", ())
    await by_hand.close()


@pytest.fixture
async def by_hand(store: Store, clock: ManualClock, market: Market) -> AsyncIterator[Office]:
    """An office with an account kept by hand of which nothing was told yet."""
    broker = manual.connect(path=None, account="manual", name="手动账户", clock=clock)
    office = Office(store, clock, market, [broker])
    await office.load()
    yield office
    await broker.close()


async def test_cash_that_nobody_told_is_not_checked_and_the_card_says_so(by_hand: Office) -> None:
    ticket = await by_hand.ticket()
    assert "没有登记资金，未检查可用资金；用 /cash 登记" in (await by_hand.last_card(ticket)).text
    await tap(by_hand, ticket)
    assert "没有登记资金" in (await by_hand.last_card(ticket)).text
    with pytest.raises(Breached, match=r"没有登记资金.*/cash 登记"):
        await by_hand.desk.ask(Plan(side=Side.BUY, fraction=Decimal("0.5")), MOUTAI, "manual", ORIGIN)
    assert (await by_hand.ticket(Plan(side=Side.BUY, amount=Decimal(300_000)))).shares == 200


async def test_cash_that_was_told_is_checked(by_hand: Office) -> None:
    waiting = await by_hand.ticket()
    account = await by_hand.brokerage.set_cash("manual", Decimal(200_000))
    assert (account.cash, account.cash_known) == (Decimal(200_000), True)
    assert by_hand.brokerage.account("manual") == account
    assert "没有登记资金" not in (await by_hand.ticket()).caution
    await by_hand.brokerage.set_cash("manual", Decimal(1000))
    assert "可用资金不够" in await refused(by_hand, waiting)


async def test_a_position_is_told_before_it_is_sold(by_hand: Office) -> None:
    for plan in (SELL, Plan(side=Side.SELL, fraction=Decimal(1))):
        with pytest.raises(Breached, match=r"没有登记贵州茅台的持仓.*/hold 登记"):
            await by_hand.desk.ask(plan, MOUTAI, "manual", ORIGIN)
    await by_hand.brokerage.set_position("manual", MOUTAI, 200, Decimal("1399.5"))
    assert by_hand.brokerage.cost_of("manual", MOUTAI) == Decimal("1399.5")
    assert by_hand.blotter.symbols == {MOUTAI}
    assert (await by_hand.ticket(Plan(side=Side.SELL, fraction=Decimal(1)))).shares == 200
    await by_hand.brokerage.set_position("manual", MOUTAI, 0, Decimal(0))
    assert by_hand.blotter.symbols == set()


async def test_only_an_account_kept_by_hand_is_told(office: Office, by_hand: Office) -> None:
    with pytest.raises(Conflict, match=r"测试账户·实盘.*不能手动记账"):
        await office.brokerage.set_cash("real", Decimal(1))
    with pytest.raises(Conflict, match="不能手动记账"):
        await office.brokerage.set_position("real", MOUTAI, 100, Decimal(1))
    with pytest.raises(NotFound, match="没有账户“nowhere”"):
        await by_hand.brokerage.set_cash("nowhere", Decimal(1))
    with pytest.raises(Invalid, match="资金 NaN"):
        await by_hand.brokerage.set_cash("manual", Decimal("NaN"))
    with pytest.raises(Invalid, match="-1"):
        await by_hand.brokerage.set_position("manual", MOUTAI, -1, Decimal(1))


async def test_what_a_broker_reports_is_not_recorded_by_hand(office: Office) -> None:
    order = await tap(office, await office.ticket())
    with pytest.raises(Conflict, match="不能手动记账"):
        await office.blotter.record_fill(order.id, 100, Decimal(1400))
    with pytest.raises(Conflict, match="不能手动记账"):
        await office.blotter.record_nothing(order.id)
