"""The promises about money, one by one: a ticket is frozen, an order is placed once, what is unknown is said to be so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.stores import sql
from adapters.stores.memory import MemoryStore
from adapters.stores.memory import connect as in_memory
from core.blotter import SETTLES
from core.clock import ManualClock
from core.errors import (
    Breached,
    Conflict,
    DingpanError,
    Malformed,
    NotFound,
    OutsideError,
    Refused,
    Unavailable,
)
from core.frames import Quote
from core.messages import Outgoing
from core.orders import Fill, Order, OrderState, ReportKind
from core.ports import Store
from core.tickets import REASONS, Ticket, TicketState
from core.types import Mode, Side, Symbol
from core.watches import Plan
from tests.fakes import migrated
from tests.fakes.brokers import FakeBroker
from tests.fakes.market import MOUTAI, market_instant
from tests.fakes.office import BUY, MINUTE, ORIGIN, SELL, Market, Office, a_clock, a_market, refused, stored, tap

S = OrderState
BANK = Symbol("600036.SH")
TIMEOUT = Unavailable("测试账户", "8 秒没有回答")


@pytest.fixture
def clock() -> ManualClock:
    return a_clock()


@pytest.fixture
def market(clock: ManualClock) -> Market:
    return a_market(clock)


@pytest.fixture
def broker(clock: ManualClock) -> FakeBroker:
    broker = FakeBroker(clock)
    broker.hold_shares(MOUTAI, 500, 500)
    return broker


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = in_memory() if request.param == "memory" else sql.connect(migrated.file(tmp_path / "dingpan.db"))
    yield store
    await store.close()


@pytest.fixture
async def office(store: Store, clock: ManualClock, market: Market, broker: FakeBroker) -> Office:
    office = Office(store, clock, market, [broker])
    await office.load()
    return office


def restarted(office: Office) -> Office:
    """Another process over what is stored, with the same broker behind it."""
    return Office(office.store, office.clock, office.market, office.brokerage.brokers)


async def ticket_of(office: Office, ticket: Ticket) -> Ticket:
    found = await office.store.ticket(ticket.id)
    assert found is not None
    return found


def nothing_sent(broker: FakeBroker) -> None:
    assert not broker.asked
    assert not broker.placed


async def outcome(work: Any) -> Any:
    """A result or the error, for two that run at once."""
    try:
        return await work
    except DingpanError as error:
        return error


# -- 1. a ticket is frozen


async def test_a_ticket_keeps_what_the_card_shows(office: Office, clock: ManualClock) -> None:
    ticket = await office.ticket()
    assert (ticket.account, ticket.mode, ticket.symbol, ticket.side) == ("real", Mode.LIVE, MOUTAI, Side.BUY)
    assert (ticket.shares, ticket.limit, ticket.price) == (100, Decimal("1400.00"), Decimal("1400.00"))
    assert (ticket.quoted_at, ticket.source) == (clock.now(), "测试行情")
    assert ticket.expires_at == clock.now() + timedelta(minutes=5)
    card = await office.last_card(ticket)
    for part in ("贵州茅台(600519)", "100 股", "1400.00", "140,000.00", "测试账户·实盘", "10:05:00"):
        assert part in card.text


async def test_a_tap_places_exactly_what_the_card_showed(office: Office, broker: FakeBroker, market: Market) -> None:
    ticket = await office.ticket()
    market.set(MOUTAI, "1405.00", ask="1405.00")
    order = await tap(office, ticket)
    assert (order.shares, order.limit, order.side, order.symbol) == (100, Decimal("1400.00"), Side.BUY, MOUTAI)
    assert (order.account, order.mode, order.ticket_id) == (ticket.account, ticket.mode, ticket.id)
    assert order.id == ticket.order_id
    assert order.state is S.SUBMITTED
    assert broker.placed == {order.id: 1}


async def test_a_button_of_another_card_is_refused_and_the_ticket_stays_open(
    office: Office, broker: FakeBroker
) -> None:
    ticket = await office.ticket()
    with pytest.raises(Conflict, match="对不上，没有下单"):
        await office.desk.approve(ticket.id, "00000000", "我")
    with pytest.raises(Conflict, match="对不上"):
        await office.desk.reject(ticket.id, "00000000", "我")
    nothing_sent(broker)
    assert (await ticket_of(office, ticket)).state is TicketState.OPEN


async def test_a_ticket_changed_behind_our_back_does_not_fit_its_button(
    clock: ManualClock, market: Market, broker: FakeBroker
) -> None:
    store = MemoryStore()
    office = Office(store, clock, market, [broker])
    ticket = await office.ticket()
    store._tickets[ticket.id] = ticket.model_copy(update={"shares": 10_000})
    assert "对不上" in await refused(office, ticket)
    nothing_sent(broker)


async def test_a_typed_number_needs_no_stamp(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket()
    await office.desk.approve(ticket.id, None, "我")
    assert sum(broker.placed.values()) == 1


async def test_a_number_that_does_not_exist_is_said(office: Office) -> None:
    for work in (
        office.desk.approve("ZZZZZZZZ", None, "我"),
        office.desk.reject("ZZZZZZZZ", None, "我"),
        office.desk.requote("ZZZZZZZZ", ORIGIN),
        office.blotter.cancel("dpZZZZZZZZ"),
        office.blotter.record_fill("dpZZZZZZZZ", 100, Decimal(1)),
    ):
        with pytest.raises(NotFound, match="ZZZZZZZZ"):
            await work


async def test_a_tap_at_the_instant_of_expiry_sends_nothing_and_the_card_says_so(
    office: Office, broker: FakeBroker, clock: ManualClock
) -> None:
    ticket = await office.ticket()
    clock.set(ticket.expires_at)
    assert "过期未确认，没有下单" in await refused(office, ticket)
    nothing_sent(broker)
    card = await office.last_card(ticket)
    assert "过期未确认，没有下单" in card.text
    assert card.labels() == ("重新报价",)
    assert (await ticket_of(office, ticket)).state is TicketState.EXPIRED


async def test_a_tap_just_before_expiry_counts(office: Office, clock: ManualClock) -> None:
    ticket = await office.ticket()
    clock.set(ticket.expires_at - timedelta(milliseconds=1))
    assert (await tap(office, ticket)).state is S.SUBMITTED


async def test_a_ticket_that_runs_out_while_the_price_is_asked_for_sends_nothing(
    office: Office, broker: FakeBroker, market: Market, clock: ManualClock
) -> None:
    ticket = await office.ticket()
    market.gate = asyncio.Event()
    market.asked.clear()
    tapping = asyncio.create_task(tap(office, ticket))
    await market.asked.wait()
    clock.set(ticket.expires_at)
    market.gate.set()
    with pytest.raises(Conflict, match="过期"):
        await tapping
    nothing_sent(broker)


@pytest.mark.parametrize("price", ["1414.01", "1385.99"])
async def test_a_price_past_the_drift_limit_on_either_side_sends_nothing(
    office: Office, broker: FakeBroker, market: Market, price: str
) -> None:
    ticket = await office.ticket()
    market.set(MOUTAI, price)
    why = await refused(office, ticket)
    assert "没有下单" in why
    for part in ("1400.00", price, "超过 1.00%"):
        assert part in why
    nothing_sent(broker)
    card = await office.last_card(ticket)
    assert card.labels() == ("重新报价",)
    assert price in card.text
    assert "实盘" in card.title
    assert (await ticket_of(office, ticket)).state is TicketState.WITHDRAWN


@pytest.mark.parametrize("price", ["1414.00", "1386.00"])
async def test_a_price_at_the_drift_limit_is_still_the_one_that_was_shown(
    office: Office, market: Market, price: str
) -> None:
    ticket = await office.ticket()
    market.set(MOUTAI, price)
    assert (await tap(office, ticket)).state is S.SUBMITTED


async def test_a_price_that_stands_still_is_not_taken_for_a_fresh_one(
    office: Office, broker: FakeBroker, market: Market, clock: ManualClock
) -> None:
    ticket = await office.ticket()
    market.frozen = True
    clock.advance(timedelta(seconds=61))
    assert "61 秒前" in await refused(office, ticket)
    nothing_sent(broker)
    market.set(MOUTAI, "1400.00")
    assert (await tap(office, ticket)).state is S.SUBMITTED


async def test_without_a_price_the_ticket_stays_open(office: Office, broker: FakeBroker, market: Market) -> None:
    ticket = await office.ticket()
    market.down = True
    assert "连不上" in await refused(office, ticket)
    nothing_sent(broker)
    market.down = False
    assert (await tap(office, ticket)).state is S.SUBMITTED


async def test_a_price_that_does_not_come_in_time_sends_nothing(
    office: Office, broker: FakeBroker, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = await office.ticket()
    monkeypatch.setattr("core.desk.QUOTE_PATIENCE", 0.01)
    market.gate = asyncio.Event()
    assert "没有拿到最新价，没有下单" in await refused(office, ticket)
    nothing_sent(broker)
    assert (await ticket_of(office, ticket)).state is TicketState.OPEN


async def test_an_account_that_does_not_answer_sends_nothing(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket()
    broker.deaf = True
    assert "没有回答" in await refused(office, ticket)
    nothing_sent(broker)
    assert (await ticket_of(office, ticket)).state is TicketState.OPEN


# -- 5. the rules again at the tap, each with its name and number


async def withdrawn_for(office: Office, ticket: Ticket, broker: FakeBroker, *parts: str) -> None:
    why = await refused(office, ticket)
    for part in ("没有下单", *parts):
        assert part in why
    nothing_sent(broker)
    card = await office.last_card(ticket)
    assert card.labels() == ("重新报价",)
    for part in ("没有下单", *parts):
        assert part in card.text


async def test_cash_that_is_gone_at_the_tap(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket()
    broker.cash = Decimal("140036.39")
    await withdrawn_for(office, ticket, broker, "可用资金不够", "140,036.40", "0.01")


async def test_shares_that_are_not_sellable_at_the_tap(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket(SELL)
    broker.hold_shares(MOUTAI, 500, 0)
    await withdrawn_for(office, ticket, broker, "可卖 0 股", "T+1")


async def test_a_position_that_is_gone_at_the_tap(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket(SELL)
    broker.positions.clear()
    await withdrawn_for(office, ticket, broker, "没有贵州茅台的持仓")


async def test_a_limit_price_outside_the_day_s_limits_at_the_tap(
    office: Office, broker: FakeBroker, market: Market
) -> None:
    ticket = await office.ticket()
    market.set(MOUTAI, "1400.00", limit_up=Decimal("1399.99"), limit_down=Decimal("1200.00"))
    await withdrawn_for(office, ticket, broker, "涨停价 1399.99", "1400.00")


async def test_a_market_that_has_closed_by_the_tap(office: Office, broker: FakeBroker, clock: ManualClock) -> None:
    clock.set(market_instant("2026-11-18 14:58"))
    ticket = await office.ticket()
    clock.set(market_instant("2026-11-18 15:00"))
    await withdrawn_for(office, ticket, broker, "已收盘", "9:15–15:00")


async def test_a_share_that_is_suspended_by_the_tap(office: Office, broker: FakeBroker, market: Market) -> None:
    """A source has no price for it and no time of today: the refusal must not speak of the feed."""
    ticket = await office.ticket()
    market.set(MOUTAI, None, suspended=True, quoted_at=market_instant("2026-11-17 15:00"))
    market.frozen = True
    await withdrawn_for(office, ticket, broker, "今天停牌")


async def test_an_account_that_has_become_another_kind_is_not_used(office: Office, broker: FakeBroker) -> None:
    """Live never becomes paper, or paper live, by itself."""
    broker.mode = Mode.PAPER
    ticket = await office.ticket()
    broker.mode = Mode.LIVE
    await withdrawn_for(office, ticket, broker, "模拟", "实盘")


async def test_an_account_that_is_not_configured_any_more_is_not_used(
    office: Office, clock: ManualClock, market: Market, broker: FakeBroker
) -> None:
    ticket = await office.ticket()
    other = Office(office.store, clock, market, [FakeBroker(clock, account="other", name="别的账户")])
    assert "没有账户“real”" in await refused(other, ticket)
    nothing_sent(broker)


# -- and before every card


async def no_card(office: Office, plan: Plan = BUY) -> str:
    with pytest.raises(Breached) as caught:
        await office.desk.ask(plan, MOUTAI, "real", ORIGIN)
    assert await office.said() == []
    assert await office.store.tickets(set(TicketState)) == []
    return str(caught.value)


async def test_a_card_that_could_not_be_approved_is_not_shown(office: Office, broker: FakeBroker) -> None:
    assert "100 股的整数倍" in await no_card(office, Plan(side=Side.BUY, shares=37))
    assert "1540.00" in await no_card(office, Plan(side=Side.BUY, shares=100, price=Decimal("1540.01")))
    assert "0.01" in await no_card(office, Plan(side=Side.BUY, shares=100, price=Decimal("1400.001")))
    assert "不够卖 600 股" in await no_card(office, Plan(side=Side.SELL, shares=600))
    broker.cash = Decimal(1)
    assert "可用资金不够" in await no_card(office)
    assert "买不到一手" in await no_card(office, Plan(side=Side.BUY, fraction=Decimal("0.5")))
    assert "买不到一手" in await no_card(office, Plan(side=Side.BUY, amount=Decimal(1000)))
    broker.positions.clear()
    assert "没有贵州茅台的持仓" in await no_card(office, Plan(side=Side.SELL, fraction=Decimal(1)))


async def test_in_the_evening_the_session_is_named_and_not_the_age_of_the_price(
    office: Office, market: Market, clock: ManualClock
) -> None:
    market.frozen = True
    clock.set(market_instant("2026-11-18 20:00"))
    assert "已收盘" in await no_card(office)


async def test_a_suspended_share_is_named_as_such(office: Office, market: Market) -> None:
    market.set(MOUTAI, None, suspended=True, quoted_at=market_instant("2026-11-17 15:00"))
    market.frozen = True
    assert "今天停牌" in await no_card(office)


async def test_a_share_without_a_price_gets_no_card(office: Office, market: Market) -> None:
    market.set(MOUTAI, None)
    with pytest.raises(Unavailable, match="拿不到贵州茅台的最新价"):
        await office.desk.ask(BUY, MOUTAI, "real", ORIGIN)


@pytest.mark.parametrize(
    ("plan", "shares"),
    [
        (Plan(side=Side.BUY, amount=Decimal(300_000)), 200),
        (Plan(side=Side.BUY, fraction=Decimal("0.5")), 300),
        (Plan(side=Side.BUY, fraction=Decimal(1)), 700),
        (Plan(side=Side.SELL, fraction=Decimal("0.5")), 200),
        (Plan(side=Side.SELL, fraction=Decimal(1)), 537),
    ],
)
async def test_how_many_shares_a_wish_is(office: Office, broker: FakeBroker, plan: Plan, shares: int) -> None:
    broker.hold_shares(MOUTAI, 600, 537)
    assert (await office.ticket(plan)).shares == shares


async def test_the_limit_is_the_best_price_of_the_other_side(office: Office, market: Market) -> None:
    market.set(MOUTAI, "1400.00", bid=Decimal("1399.90"), ask=Decimal("1400.10"))
    assert (await office.ticket(BUY)).limit == Decimal("1400.10")
    assert (await office.ticket(SELL)).limit == Decimal("1399.90")


# -- 2. once


async def test_the_order_is_written_before_the_broker_is_called(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket()
    gate = broker.hold()
    tapping = asyncio.create_task(tap(office, ticket))
    await broker.arrived.wait()
    order = await stored(office, ticket.order_id)
    assert order.state is S.NEW
    assert (await ticket_of(office, ticket)).state is TicketState.APPROVED
    gate.set()
    assert (await tapping).state is S.SUBMITTED


async def test_two_taps_at_once_place_one_order(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket()
    results = await asyncio.gather(*(outcome(tap(office, ticket, by)) for by in ("甲", "乙", "丙")))
    orders = [one for one in results if isinstance(one, Order)]
    losers = [one for one in results if isinstance(one, Conflict)]
    assert (len(orders), len(losers)) == (1, 2)
    assert broker.asked == broker.placed == {ticket.order_id: 1}
    for loser in losers:
        assert "不能再操作" in str(loser)
        assert (await ticket_of(office, ticket)).decided_by in str(loser)


async def test_a_second_tap_while_the_broker_still_answers_places_nothing(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket()
    gate = broker.hold()
    tapping = asyncio.create_task(tap(office, ticket))
    await broker.arrived.wait()
    assert "不能再操作" in await refused(office, ticket)
    gate.set()
    await tapping
    assert broker.asked == {ticket.order_id: 1}


async def test_two_desks_on_one_database_place_one_order(
    tmp_path: Path, clock: ManualClock, market: Market, broker: FakeBroker
) -> None:
    file = migrated.file(tmp_path / "dingpan.db")
    stores = [sql.connect(file), sql.connect(file)]
    # Two processes do not count their ids from the same one.
    clocks = [clock, a_clock(first_id=1000)]
    desks = [Office(store, one, market, [broker]) for store, one in zip(stores, clocks, strict=True)]
    try:
        ticket = await desks[0].ticket()
        results = await asyncio.gather(*(outcome(tap(office, ticket)) for office in desks for _ in range(2)))
        assert [isinstance(one, Order) for one in results].count(True) == 1
        assert [isinstance(one, Conflict) for one in results].count(True) == 3
        assert broker.asked == {ticket.order_id: 1}
        assert len(await stores[1].orders()) == 1
    finally:
        for store in stores:
            await store.close()


async def test_after_a_reject_nothing_can_be_approved(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket()
    await office.desk.reject(ticket.id, ticket.stamp, "张三")
    why = await refused(office, ticket)
    assert "张三" in why
    assert "拒绝，没有下单" in why
    nothing_sent(broker)
    card = await office.last_card(ticket)
    assert "张三" in card.text
    assert set(card.labels()) == set(REASONS.values())


async def test_after_an_approval_nothing_can_be_rejected(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket()
    order = await tap(office, ticket, "张三")
    with pytest.raises(Conflict, match="确认"):
        await office.desk.reject(ticket.id, ticket.stamp, "李四")
    assert "张三" in (await office.last_card(ticket)).text
    assert broker.placed == {order.id: 1}


async def test_an_approval_and_a_rejection_at_once_have_one_winner(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket()
    approved, rejected = await asyncio.gather(
        outcome(tap(office, ticket, "甲")), outcome(office.desk.reject(ticket.id, ticket.stamp, "乙"))
    )
    state = (await ticket_of(office, ticket)).state
    assert [isinstance(approved, Conflict), isinstance(rejected, Conflict)].count(True) == 1
    assert len(broker.placed) == (1 if state is TicketState.APPROVED else 0)
    assert isinstance(approved, Order) == (state is TicketState.APPROVED)


async def test_a_tap_and_the_job_that_expires_have_one_winner(
    office: Office, broker: FakeBroker, market: Market, clock: ManualClock
) -> None:
    ticket = await office.ticket()
    market.gate = asyncio.Event()
    market.asked.clear()
    tapping = asyncio.create_task(outcome(tap(office, ticket)))
    await market.asked.wait()
    clock.set(ticket.expires_at)
    await office.desk.expire()
    market.gate.set()
    assert isinstance(await tapping, Conflict)
    nothing_sent(broker)


async def test_two_different_tickets_are_two_orders(office: Office, broker: FakeBroker) -> None:
    first = await office.ticket()
    second = await office.ticket()
    await tap(office, first)
    await tap(office, second)
    assert broker.placed == {first.order_id: 1, second.order_id: 1}


async def test_a_refused_order_was_certainly_not_placed(office: Office, broker: FakeBroker) -> None:
    broker.fail(Refused("测试账户", "资金账户已冻结"))
    ticket = await office.ticket()
    order = await tap(office, ticket)
    assert (order.state, order.note) == (S.REJECTED, "资金账户已冻结")
    assert not broker.placed
    [news] = [one for one in await office.said() if "没有成功" in one.title]
    assert "实盘" in news.title
    assert "资金账户已冻结" in news.text


# -- restart between any two steps


async def an_order_left_new(office: Office, broker: FakeBroker) -> Order:
    """A process that died between writing the order and hearing from the broker."""
    ticket = await office.ticket()
    broker.hold()
    tapping = asyncio.create_task(tap(office, ticket))
    await broker.arrived.wait()
    tapping.cancel()
    await asyncio.gather(tapping, return_exceptions=True)
    broker.heal()
    order = await stored(office, ticket.order_id)
    assert order.state is S.NEW
    return order


async def test_an_order_that_was_written_and_not_sent_is_looked_up_and_never_sent(
    office: Office, broker: FakeBroker, clock: ManualClock
) -> None:
    order = await an_order_left_new(office, broker)
    broker._known.clear()
    broker.asked.clear()
    clock.advance(MINUTE)
    after = restarted(office)
    await after.load()
    await after.blotter.look_up()
    assert (await stored(after, order.id)).state is S.REJECTED
    assert not broker.asked
    assert "没有下单" in (await after.said())[-1].text
    assert "实盘" in (await after.said())[-1].title


async def test_an_order_that_was_placed_before_the_crash_is_taken_over(office: Office, broker: FakeBroker) -> None:
    order = await an_order_left_new(office, broker)
    broker.fills(order, 100, "1399.90", times=0)
    after = restarted(office)
    await after.load()
    await after.blotter.look_up()
    found = await stored(after, order.id)
    assert (found.state, found.filled) == (S.FILLED, 100)
    assert len(await after.store.fills()) == 1
    assert broker.asked == broker.placed == {order.id: 1}
    await after.blotter.look_up()
    assert [title for title in await after.titles() if "已成交" in title] == ["🎉 已成交·实盘"]


async def test_so_soon_after_sending_not_found_does_not_mean_not_placed(
    office: Office, broker: FakeBroker, clock: ManualClock
) -> None:
    order = await an_order_left_new(office, broker)
    broker._known.clear()
    after = restarted(office)
    await after.load()
    await after.blotter.look_up()
    assert (await stored(after, order.id)).state is S.NEW
    clock.advance(SETTLES - timedelta(seconds=1))
    broker.arrives(order)
    await after.blotter.look_up()
    assert (await stored(after, order.id)).state is S.ACCEPTED


async def test_a_broker_that_cannot_be_asked_after_a_crash_leaves_the_order_unknown(
    office: Office, broker: FakeBroker, clock: ManualClock
) -> None:
    order = await an_order_left_new(office, broker)
    broker.deaf = True
    clock.advance(MINUTE)
    after = restarted(office)
    await after.load()
    await after.blotter.look_up()
    assert (await stored(after, order.id)).state is S.UNKNOWN
    await after.blotter.look_up()
    assert (await stored(after, order.id)).state is S.UNKNOWN
    assert (await after.titles()).count("❓ 委托状态未知·实盘") == 1
    broker.heal()
    await after.blotter.look_up()
    assert (await stored(after, order.id)).state is S.ACCEPTED


async def test_reconciling_does_not_judge_an_order_that_is_just_being_sent(
    office: Office, broker: FakeBroker, clock: ManualClock
) -> None:
    ticket = await office.ticket()
    gate = broker.hold()
    tapping = asyncio.create_task(tap(office, ticket))
    await broker.arrived.wait()
    broker._known.clear()  # the counter has not entered it yet
    clock.advance(10 * MINUTE)
    await office.blotter.look_up()
    assert (await stored(office, ticket.order_id)).state is S.NEW
    broker.deaf = True
    await office.blotter.look_up()
    assert (await stored(office, ticket.order_id)).state is S.NEW
    gate.set()
    assert (await tapping).state is S.SUBMITTED


async def test_what_is_heard_while_the_broker_looks_counts_more_than_that_it_found_nothing(
    office: Office, broker: FakeBroker, clock: ManualClock
) -> None:
    order = await tap(office, await office.ticket())
    broker._known.clear()
    clock.advance(MINUTE)
    late = broker._report(order, ReportKind.ACCEPTED)
    broker.on_find = lambda: office.blotter.on_report(late)
    await office.blotter.look_up()
    assert (await stored(office, order.id)).state is S.ACCEPTED


async def test_a_tap_after_a_restart_finds_the_ticket_decided(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket()
    await tap(office, ticket)
    after = restarted(office)
    await after.load()
    assert "不能再操作" in await refused(after, ticket)
    assert broker.asked == {ticket.order_id: 1}


async def test_a_tap_after_a_restart_on_an_open_ticket_works(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket()
    after = restarted(office)
    await after.load()
    await tap(after, ticket)
    assert broker.placed == {ticket.order_id: 1}


# -- 3. unknown is a state


async def a_lost_order(office: Office, broker: FakeBroker, *, placed: bool) -> Order:
    broker.fail(TIMEOUT, placed=placed)
    order = await tap(office, await office.ticket())
    broker.heal()
    return order


@pytest.mark.parametrize("placed", [False, True])
async def test_a_lost_answer_is_said_to_be_unknown(office: Office, broker: FakeBroker, placed: bool) -> None:
    order = await a_lost_order(office, broker, placed=placed)
    assert (order.state, order.note) == (S.UNKNOWN, "8 秒没有回答")
    card = (await office.said())[-1]
    assert card.title == "❓ 委托状态未知·实盘"
    for part in ("买入贵州茅台(600519) 100 股", "8 秒没有回答", "不会重发", "核对", order.id):
        assert part in card.text


@pytest.mark.parametrize(
    "error",
    [Malformed("测试账户", "看不懂的回答"), KeyError("order_sys_id")],
    ids=["malformed", "bug"],
)
async def test_whatever_goes_wrong_in_the_middle_of_sending_is_unknown(
    office: Office, broker: FakeBroker, error: Exception
) -> None:
    broker.fail(error, placed=True)
    order = await tap(office, await office.ticket())
    assert order.state is S.UNKNOWN
    assert broker.asked == {order.id: 1}


async def test_an_unknown_order_locks_its_symbol_and_side(office: Office, broker: FakeBroker, market: Market) -> None:
    waiting = await office.ticket()
    lost = await a_lost_order(office, broker, placed=False)
    with pytest.raises(Breached, match=f"委托 {lost.id} 状态未知，查清之前不再买入它"):
        await office.desk.ask(BUY, MOUTAI, "real", ORIGIN)
    assert f"{lost.id} 状态未知" in await refused(office, waiting)
    assert (await ticket_of(office, waiting)).state is TicketState.OPEN
    quote = (await market.fetch([MOUTAI]))[MOUTAI]
    proposal = office.desk.propose(BUY, MOUTAI, "real", quote, ORIGIN)
    assert proposal.ticket is None
    assert [one.rule for one in proposal.breaches] == ["unknown"]
    assert broker.asked == {lost.id: 1}


async def test_an_unknown_order_locks_neither_the_other_side_nor_other_symbols_nor_other_accounts(
    store: Store, clock: ManualClock, market: Market, broker: FakeBroker
) -> None:
    second = FakeBroker(clock, account="second", name="第二账户")
    office = Office(store, clock, market, [broker, second])
    lost = await a_lost_order(office, broker, placed=False)
    market.set(BANK, "41.20", preclose="41.00")
    for order in (
        await tap(office, await office.ticket(SELL)),
        await tap(office, await office.ticket(BUY, BANK)),
        await tap(office, await office.ticket(BUY, MOUTAI, "second")),
    ):
        assert order.state is S.SUBMITTED
        assert order.id != lost.id


async def test_the_lock_survives_a_restart(office: Office, broker: FakeBroker, market: Market) -> None:
    await a_lost_order(office, broker, placed=True)
    after = restarted(office)
    await after.load()
    with pytest.raises(Breached, match="状态未知"):
        await after.desk.ask(BUY, MOUTAI, "real", ORIGIN)
    quote = (await market.fetch([MOUTAI]))[MOUTAI]
    assert after.desk.propose(BUY, MOUTAI, "real", quote, ORIGIN).ticket is None


async def test_an_unknown_order_is_resolved_by_what_the_broker_finds(office: Office, broker: FakeBroker) -> None:
    lost = await a_lost_order(office, broker, placed=True)
    broker.fills(lost, 100, "1399.90", times=0)
    await office.blotter.look_up()
    found = await stored(office, lost.id)
    assert (found.state, found.filled, found.note) == (S.FILLED, 100, "")
    assert broker.placed == {lost.id: 1}
    await office.ticket()  # the lock is gone


async def test_an_unknown_order_is_resolved_by_a_late_report(office: Office, broker: FakeBroker) -> None:
    lost = await a_lost_order(office, broker, placed=False)
    broker.arrives(lost)
    broker.accepts(lost)
    async with office.listening():
        await broker.told()
    assert (await stored(office, lost.id)).state is S.ACCEPTED
    await office.ticket()


async def test_an_unknown_order_that_never_arrived_is_closed_when_that_is_certain(
    office: Office, broker: FakeBroker, clock: ManualClock
) -> None:
    lost = await a_lost_order(office, broker, placed=False)
    await office.blotter.look_up()
    assert (await stored(office, lost.id)).state is S.UNKNOWN
    clock.advance(SETTLES)
    await office.blotter.look_up()
    found = await stored(office, lost.id)
    assert (found.state, found.note) == (S.REJECTED, "券商那里没有这笔委托，没有下单")
    assert broker.asked == {lost.id: 1}
    await office.ticket()


async def test_a_broker_that_stays_silent_resolves_nothing(
    office: Office, broker: FakeBroker, clock: ManualClock
) -> None:
    lost = await a_lost_order(office, broker, placed=True)
    broker.deaf = True
    clock.advance(10 * MINUTE)
    await office.blotter.look_up()
    assert (await stored(office, lost.id)).state is S.UNKNOWN


# -- the database fails in the middle


class Brittle(MemoryStore):
    """Fails in the methods that a test names."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: dict[str, int] = {}
        self.after_decide: Callable[[], Any] | None = None

    def _maybe(self, method: str) -> None:
        if self.broken.get(method, 0) > 0:
            self.broken[method] -= 1
            raise Unavailable("数据库", "磁盘已满。")

    async def set_value(self, key: str, value: str | None) -> None:
        self._maybe("set_value")
        await super().set_value(key, value)

    async def save_order(self, order: Order, fill: Fill | None, outgoing: Sequence[Outgoing]) -> None:
        self._maybe("save_order")
        await super().save_order(order, fill, outgoing)

    async def decide(self, ticket: Ticket, order: Order | None, outgoing: Sequence[Outgoing]) -> bool:
        self._maybe("decide")
        decided = await super().decide(ticket, order, outgoing)
        if self.after_decide is not None:
            await self.after_decide()
        return decided

    async def add_ticket(self, ticket: Ticket, outgoing: Sequence[Outgoing] = ()) -> None:
        self._maybe("add_ticket")
        await super().add_ticket(ticket, outgoing)


@pytest.fixture
def brittle() -> Brittle:
    return Brittle()


@pytest.fixture
async def shaky(brittle: Brittle, clock: ManualClock, market: Market, broker: FakeBroker) -> Office:
    office = Office(brittle, clock, market, [broker])
    await office.load()
    return office


async def test_a_decision_that_cannot_be_stored_sends_nothing(
    shaky: Office, brittle: Brittle, broker: FakeBroker
) -> None:
    ticket = await shaky.ticket()
    brittle.broken["decide"] = 1
    assert "磁盘已满" in await refused(shaky, ticket)
    nothing_sent(broker)
    assert (await tap(shaky, ticket)).state is S.SUBMITTED


async def test_an_order_that_was_sent_and_could_not_be_noted_is_not_denied(
    shaky: Office, brittle: Brittle, broker: FakeBroker
) -> None:
    ticket = await shaky.ticket()
    brittle.broken["save_order"] = 1
    why = await refused(shaky, ticket)
    for part in ("已经交给测试账户", "磁盘已满", "不要重复下单", ticket.order_id):
        assert part in why
    with pytest.raises(Breached, match=f"{ticket.order_id} 待报"):
        await shaky.desk.ask(BUY, MOUTAI, "real", ORIGIN)
    await shaky.blotter.look_up()
    assert (await stored(shaky, ticket.order_id)).state is S.ACCEPTED
    assert broker.asked == {ticket.order_id: 1}


async def test_a_report_that_cannot_be_stored_is_not_dropped(
    shaky: Office, brittle: Brittle, broker: FakeBroker
) -> None:
    order = await tap(shaky, await shaky.ticket())
    brittle.broken["save_order"] = 3
    broker.fills(order, 100, "1399.90")
    async with shaky.listening():
        await broker.told()
    assert (await stored(shaky, order.id)).filled == 100
    assert len(await shaky.store.fills()) == 1
    assert [title for title in await shaky.titles() if "已成交" in title] == ["🎉 已成交·实盘"]


async def test_a_card_that_cannot_be_stored_is_not_shown(shaky: Office, brittle: Brittle) -> None:
    brittle.broken["add_ticket"] = 1
    with pytest.raises(Unavailable):
        await shaky.ticket()
    assert await shaky.said() == []


# -- 6. the kill switch


async def test_panic_stops_cards_and_taps_and_leaves_the_ticket_open(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket()
    await office.switch.panic("张三")
    why = await refused(office, ticket)
    for part in ("紧急停止中", "张三", "11-18 10:00", "/panic off"):
        assert part in why
    with pytest.raises(Breached, match="紧急停止中"):
        await office.desk.ask(SELL, MOUTAI, "real", ORIGIN)
    nothing_sent(broker)
    assert (await ticket_of(office, ticket)).state is TicketState.OPEN
    await office.switch.calm()
    assert (await tap(office, ticket)).state is S.SUBMITTED


async def test_panic_stops_what_an_alert_would_propose(office: Office, market: Market) -> None:
    await office.switch.panic("张三")
    quote = (await market.fetch([MOUTAI]))[MOUTAI]
    proposal = office.desk.propose(BUY, MOUTAI, "real", quote, ORIGIN)
    assert proposal.ticket is None
    assert "紧急停止中" in proposal.why_not


async def test_panic_survives_restarts_until_somebody_ends_it(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket()
    await office.switch.panic("张三")
    after = restarted(office)
    await after.load()
    assert after.switch.panicked is not None
    assert "张三" in await refused(after, ticket)
    nothing_sent(broker)
    await after.switch.calm()
    later = restarted(after)
    await later.load()
    assert later.switch.panicked is None


async def test_panic_holds_when_it_cannot_be_written_down(shaky: Office, brittle: Brittle, broker: FakeBroker) -> None:
    ticket = await shaky.ticket()
    brittle.broken["set_value"] = 1
    with pytest.raises(Unavailable):
        await shaky.switch.panic("张三")
    assert "紧急停止中" in await refused(shaky, ticket)
    nothing_sent(broker)


async def test_an_end_of_panic_that_cannot_be_written_down_is_none(shaky: Office, brittle: Brittle) -> None:
    await shaky.switch.panic("张三")
    brittle.broken["set_value"] = 1
    with pytest.raises(Unavailable):
        await shaky.switch.calm()
    assert shaky.switch.panicked is not None


async def test_panic_needs_neither_quotes_nor_broker(office: Office, market: Market, broker: FakeBroker) -> None:
    market.down = True
    broker.deaf = True
    await office.switch.panic("张三")
    assert office.switch.panicked is not None


async def test_panic_while_the_price_is_asked_for_sends_nothing(
    office: Office, market: Market, broker: FakeBroker
) -> None:
    ticket = await office.ticket()
    market.gate = asyncio.Event()
    market.asked.clear()
    tapping = asyncio.create_task(tap(office, ticket))
    await market.asked.wait()
    await office.switch.panic("张三")
    market.gate.set()
    with pytest.raises(Breached, match="紧急停止中"):
        await tapping
    nothing_sent(broker)
    assert (await ticket_of(office, ticket)).state is TicketState.OPEN


async def test_panic_at_the_last_step_sends_nothing_and_says_so(
    shaky: Office, brittle: Brittle, broker: FakeBroker
) -> None:
    ticket = await shaky.ticket()
    brittle.after_decide = lambda: shaky.switch.panic("张三")
    order = await tap(shaky, ticket)
    assert order.state is S.REJECTED
    assert "紧急停止中" in order.note
    nothing_sent(broker)
    assert "没有送出" in (await shaky.said())[-1].text


async def test_panic_does_not_forbid_to_cancel_and_to_hear(office: Office, broker: FakeBroker) -> None:
    order = await tap(office, await office.ticket())
    await office.switch.panic("张三")
    await office.blotter.cancel(order.id)
    assert broker.cancels == [order.id]
    broker.ends(order, ReportKind.CANCELLED)
    async with office.listening():
        await broker.told()
    assert (await stored(office, order.id)).state is S.CANCELLED


# -- reports: twice, late, out of order, impossible


async def test_everything_told_twice_is_booked_and_said_once(office: Office, broker: FakeBroker) -> None:
    order = await tap(office, await office.ticket(Plan(side=Side.BUY, shares=300)))
    broker.accepts(order, times=2)
    broker.fills(order, 100, "1399.90", times=3)
    broker.fills(order, 200, "1399.95", times=2)
    async with office.listening():
        await broker.told()
    found = await stored(office, order.id)
    assert (found.state, found.filled, found.fees) == (S.FILLED, 300, Decimal(10))
    assert len(await office.store.fills()) == 2
    assert [title for title in await office.titles() if "成交" in title] == ["⏳ 部分成交·实盘", "🎉 已成交·实盘"]


async def test_reports_out_of_order_end_the_same(office: Office, broker: FakeBroker) -> None:
    order = await tap(office, await office.ticket())
    fill = broker.fills(order, 100, "1399.90", times=0)
    accepted = broker.accepts(order, times=0)
    broker.tells(fill)
    broker.tells(accepted)
    async with office.listening():
        await broker.told()
    assert (await stored(office, order.id)).state is S.FILLED


async def test_a_fill_that_overtakes_the_answer_is_counted(office: Office, broker: FakeBroker) -> None:
    ticket = await office.ticket()
    gate = broker.hold()
    tapping = asyncio.create_task(tap(office, ticket))
    await broker.arrived.wait()
    broker.fills(await stored(office, ticket.order_id), 100, "1399.90")
    async with office.listening():
        await broker.told()
    gate.set()
    assert (await tapping).state is S.FILLED


async def test_a_late_fill_after_cancel_counts(office: Office, broker: FakeBroker) -> None:
    order = await tap(office, await office.ticket(Plan(side=Side.BUY, shares=300)))
    broker.fills(order, 100, "1399.90")
    broker.ends(order, ReportKind.CANCELLED)
    broker.fills(order, 100, "1399.80")
    async with office.listening():
        await broker.told()
    found = await stored(office, order.id)
    assert (found.state, found.filled) == (S.CANCELLED, 200)
    assert len(await office.store.fills()) == 2
    news = [one for one in await office.said() if "成交" in one.title]
    assert "累计 200/300" in news[-1].text


async def test_more_than_was_ordered_is_told_once_and_not_booked(office: Office, broker: FakeBroker) -> None:
    order = await tap(office, await office.ticket(Plan(side=Side.BUY, shares=300)))
    broker.fills(order, 200, "1399.90")
    broker.fills(order, 200, "1399.90", times=2)
    async with office.listening():
        await broker.told()
    await office.blotter.look_up()
    await office.blotter.look_up()
    found = await stored(office, order.id)
    assert (found.state, found.filled) == (S.PARTIAL, 200)
    assert len(await office.store.fills()) == 1
    [warning] = [one for one in await office.said() if "对不上" in one.title]
    for part in (order.id, "300", "200", "没有记账", "核对"):
        assert part in warning.text


async def test_a_report_of_an_order_that_is_not_ours_changes_nothing(office: Office, broker: FakeBroker) -> None:
    order = await tap(office, await office.ticket())
    said = len(await office.said())
    broker.fills(order.model_copy(update={"id": "dpZZZZZZZZ"}), 100, "1399.90")
    async with office.listening():
        await broker.told()
    assert len(await office.store.orders()) == 1
    assert await office.store.fills() == []
    assert len(await office.said()) == said


async def test_a_fill_brings_the_account_up_to_date(office: Office, broker: FakeBroker) -> None:
    order = await tap(office, await office.ticket())
    assert office.brokerage.cost_of("real", BANK) is None
    broker.hold_shares(MOUTAI, 600, 500, "1399.99")
    broker.fills(order, 100, "1399.90")
    async with office.listening():
        await broker.told()
    assert office.brokerage.cost_of("real", MOUTAI) == Decimal("1399.99")


async def test_a_broker_that_falls_silent_after_a_fill_loses_nothing(office: Office, broker: FakeBroker) -> None:
    order = await tap(office, await office.ticket())
    broker.deaf = True
    broker.fills(order, 100, "1399.90")
    async with office.listening():
        await broker.told()
    assert (await stored(office, order.id)).state is S.FILLED
    seen = office.brokerage.account("real")
    assert seen is not None
    assert seen.positions


async def test_what_is_held_or_ordered_is_quoted(office: Office, broker: FakeBroker, market: Market) -> None:
    market.set(BANK, "41.20", preclose="41.00")
    assert office.blotter.symbols == {MOUTAI}
    gate = broker.hold()
    tapping = asyncio.create_task(tap(office, await office.ticket(BUY, BANK)))
    await broker.arrived.wait()
    assert office.blotter.symbols == {MOUTAI, BANK}
    gate.set()
    order = await tapping
    assert office.blotter.symbols == {MOUTAI, BANK}
    assert (restarted(office)).blotter.symbols == set()
    broker.ends(order, ReportKind.EXPIRED)
    async with office.listening():
        await broker.told()
    assert office.blotter.symbols == {MOUTAI}


async def test_an_order_that_is_over_cannot_be_cancelled(office: Office, broker: FakeBroker) -> None:
    order = await tap(office, await office.ticket())
    broker.fills(order, 100, "1399.90")
    async with office.listening():
        await broker.told()
    with pytest.raises(Conflict, match="已成交，撤不了"):
        await office.blotter.cancel(order.id)
    assert broker.cancels == []


# -- requote and expiry


async def test_a_requote_is_a_new_ticket_at_the_new_price(
    office: Office, broker: FakeBroker, market: Market, clock: ManualClock
) -> None:
    old = await office.ticket()
    clock.advance(MINUTE)
    market.set(MOUTAI, "1450.00", ask=Decimal("1450.10"))
    await office.desk.requote(old.id, ORIGIN)
    [new] = await office.store.tickets({TicketState.OPEN})
    assert (new.shares, new.side, new.limit, new.price) == (100, Side.BUY, Decimal("1450.10"), Decimal("1450.00"))
    assert new.id != old.id
    assert "请看新的卡片" in (await office.last_card(old)).text
    assert "不能再操作" in await refused(office, old)
    nothing_sent(broker)
    await tap(office, new)
    assert broker.placed == {new.order_id: 1}


async def test_a_requote_keeps_the_limit_that_the_person_gave(
    office: Office, market: Market, clock: ManualClock
) -> None:
    old = await office.ticket(Plan(side=Side.BUY, shares=100, price=Decimal("1380.00")))
    for _ in range(2):
        clock.advance(MINUTE)
        market.set(MOUTAI, "1410.00", ask=Decimal("1410.10"))
        await office.desk.requote(old.id, ORIGIN)
        [new] = await office.store.tickets({TicketState.OPEN})
        assert (new.limit, new.limit_given, new.price) == (Decimal("1380.00"), True, Decimal("1410.00"))
        old = new


async def test_the_alert_stands_on_the_card_of_its_order_in_every_state(office: Office, market: Market) -> None:
    async def proposed() -> Ticket:
        quote = (await market.fetch([MOUTAI]))[MOUTAI]
        origin = ORIGIN._replace(watch_id="W1", alert_id="A1", reason="条件：现价跌破 1420.00（#1）")
        ticket = office.desk.propose(BUY, MOUTAI, "real", quote, origin).ticket
        assert ticket is not None
        await office.store.add_ticket(ticket)
        return ticket

    approved, rejected, requoted = [await proposed() for _ in range(3)]
    await tap(office, approved)
    await office.desk.reject(rejected.id, rejected.stamp, "我")
    await office.desk.requote(requoted.id, ORIGIN)
    [new] = await office.store.tickets({TicketState.OPEN})
    for ticket in (approved, rejected, requoted, new):
        assert (await office.last_card(ticket)).text.startswith("条件：现价跌破 1420.00（#1）\n\n买入 贵州茅台")
    market.set(MOUTAI, "1300.00")
    await refused(office, new)
    assert "跌破 1420.00（#1）" in (await office.last_card(new)).text


async def test_a_requote_keeps_the_chain_to_its_cause(office: Office, market: Market) -> None:
    quote = (await market.fetch([MOUTAI]))[MOUTAI]
    origin = ORIGIN._replace(watch_id="W1", alert_id="A1")
    proposal = office.desk.propose(BUY, MOUTAI, "real", quote, origin)
    assert proposal.ticket is not None
    await office.store.add_ticket(proposal.ticket)
    await office.desk.requote(proposal.ticket.id, ORIGIN)
    [new] = await office.store.tickets({TicketState.OPEN})
    assert (new.watch_id, new.alert_id) == ("W1", "A1")


async def test_a_requote_that_fails_leaves_the_old_card_as_it_is(
    office: Office, market: Market, broker: FakeBroker
) -> None:
    old = await office.ticket()
    market.down = True
    with pytest.raises(Unavailable):
        await office.desk.requote(old.id, ORIGIN)
    market.down = False
    broker.cash = Decimal(1)
    with pytest.raises(Breached, match="可用资金"):
        await office.desk.requote(old.id, ORIGIN)
    assert (await ticket_of(office, old)).state is TicketState.OPEN
    assert len(await office.said()) == 1


class Unhurried(MemoryStore):
    """Answers a moment after it looked, as a database does that is asked by several at once."""

    async def tickets(self, states: Collection[TicketState], limit: int = 50) -> Sequence[Ticket]:
        found = await super().tickets(states, limit)
        await asyncio.sleep(0)
        return found


@pytest.mark.parametrize("expired", [False, True])
async def test_two_taps_on_requote_at_once_show_one_card(
    clock: ManualClock, market: Market, broker: FakeBroker, expired: bool
) -> None:
    office = Office(Unhurried(), clock, market, [broker])
    old = await office.ticket()
    clock.set(old.expires_at if expired else clock.now() + MINUTE)
    await office.desk.expire()
    results = await asyncio.gather(*(outcome(office.desk.requote(old.id, ORIGIN)) for _ in range(3)))
    assert [isinstance(one, Conflict) for one in results].count(True) == 2
    assert sum(isinstance(one, Ticket) for one in results) == 1
    waiting = [one for one in await office.store.tickets({TicketState.OPEN}) if one.open_at(clock.now())]
    assert len(waiting) == 1


async def test_a_card_that_another_process_showed_meanwhile_is_enough(
    office: Office, market: Market, clock: ManualClock
) -> None:
    old = await office.ticket()
    clock.set(old.expires_at)
    market.gate = asyncio.Event()
    market.asked.clear()
    requoting = asyncio.create_task(outcome(office.desk.requote(old.id, ORIGIN)))
    await market.asked.wait()
    other = old.model_copy(update={"id": "OTHERONE", "created_at": clock.now(), "expires_at": clock.now() + 5 * MINUTE})
    await office.store.add_ticket(other)
    market.gate.set()
    why = await requoting
    assert isinstance(why, Conflict)
    assert "OTHERONE" in str(why)


async def test_an_expired_or_withdrawn_ticket_can_be_requoted_and_an_approved_one_cannot(
    office: Office, clock: ManualClock
) -> None:
    expired = await office.ticket()
    clock.set(expired.expires_at)
    await office.desk.requote(expired.id, ORIGIN)
    [new] = await office.store.tickets({TicketState.OPEN})
    await tap(office, new)
    with pytest.raises(Conflict, match="已经确认过"):
        await office.desk.requote(new.id, ORIGIN)


async def test_the_job_closes_what_has_run_out_and_nothing_else(office: Office, clock: ManualClock) -> None:
    old = await office.ticket()
    clock.advance(3 * MINUTE)
    young = await office.ticket()
    clock.set(old.expires_at)
    await office.desk.expire()
    assert (await ticket_of(office, old)).state is TicketState.EXPIRED
    assert (await ticket_of(office, young)).state is TicketState.OPEN
    card = await office.last_card(old)
    assert "已过期" in card.title
    assert "没有下单" in card.text
    said = len(await office.said())
    await office.desk.expire()
    assert len(await office.said()) == said


# -- what the person is told


async def test_the_mode_stands_on_every_message_about_money(office: Office, broker: FakeBroker) -> None:
    """Everything that one order can bring: card, decision, unknown, partial fill, fill, cancel, refusal."""
    first = await tap(office, await office.ticket(Plan(side=Side.BUY, shares=300)))
    broker.fills(first, 100, "1399.90")
    broker.ends(first, ReportKind.CANCELLED)
    async with office.listening():
        await broker.told()
    broker.fail(Refused("测试账户", "资金账户已冻结"))
    await tap(office, await office.ticket())
    broker.heal()
    await a_lost_order(office, broker, placed=True)
    said = await office.said()
    assert len(said) >= 9
    for message in said:
        assert "实盘" in message.title, message.plain()


async def test_the_mode_stands_on_every_refusal(
    office: Office, broker: FakeBroker, market: Market, clock: ManualClock
) -> None:
    said: list[Any] = []

    async def ask(plan: Plan = BUY) -> None:
        said.append(await outcome(office.desk.ask(plan, MOUTAI, "real", ORIGIN)))

    ticket = await office.ticket()
    second = await office.ticket()
    said.append(await outcome(office.desk.approve(ticket.id, "00000000", "我")))
    await ask(Plan(side=Side.BUY, shares=37))
    await ask(Plan(side=Side.SELL, shares=10_000))
    market.set(MOUTAI, None)
    await ask()
    market.set(MOUTAI, "1450.00")
    said.append(await outcome(tap(office, ticket)))
    said.append(await outcome(tap(office, ticket)))
    market.set(MOUTAI, "1400.00")
    await office.switch.panic("我")
    said.append(await outcome(tap(office, second)))
    await ask()
    await office.switch.calm()
    order = await tap(office, second)
    said.append(await outcome(office.desk.requote(second.id, ORIGIN)))
    broker.ends(order, ReportKind.CANCELLED)
    async with office.listening():
        await broker.told()
    said.append(await outcome(office.blotter.cancel(order.id)))
    clock.set(market_instant("2026-11-18 20:00"))
    await ask()
    assert len(said) == 11
    for error in said:
        assert isinstance(error, DingpanError)
        assert str(error).endswith("实盘）"), str(error)


async def test_every_broker_error_at_start_is_survived(
    store: Store, clock: ManualClock, market: Market, broker: FakeBroker
) -> None:
    broker.deaf = True
    office = Office(store, clock, market, [broker])
    await office.load()
    assert office.brokerage.account("real") is None
    quote: Quote = (await market.fetch([MOUTAI]))[MOUTAI]
    assert "连不上" in office.desk.propose(BUY, MOUTAI, "real", quote, ORIGIN).why_not
    with pytest.raises(OutsideError):
        await office.desk.ask(BUY, MOUTAI, "real", ORIGIN)
