"""Accounts are looked at: what is told and when, what is held back, and what an ex-date brings a paper account."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.brokers import manual, paper
from adapters.stores.memory import MemoryStore
from core.clock import ManualClock
from core.desk import Origin
from core.errors import Conflict, NotFound
from core.ex_dates import ExDate
from core.frames import Frame, frame_of
from core.messages import Message
from core.orders import OrderState
from core.ports import Store
from core.reconcile import Reconciler
from core.statement import Trade
from core.types import Side, Symbol
from tests.fakes.brokers import FakeBroker
from tests.fakes.market import MOUTAI
from tests.fakes.office import BUY, CHAT, ORIGIN, Office, a_clock, a_market, stored, tap

D = Decimal


class Bench:
    def __init__(self, clock: ManualClock, store: Store, broker: FakeBroker) -> None:
        self.broker = broker
        self.clock = clock
        self.office = Office(store, clock, a_market(clock), [broker])
        self.told: list[Message] = []
        self.reconciler = Reconciler(store, self.office.brokerage, self.office.blotter, clock, tell=self._tell)
        self.office.desk._differs = self.reconciler.breach

    async def _tell(self, message: Message) -> None:
        self.told.append(message)

    async def look(self, *, routine: bool = False) -> list[Message]:
        before = len(self.told)
        await self.reconciler.look(routine=routine)
        return self.told[before:]

    def by_hand(self, trade_id: str, shares: int, side: Side = Side.SELL) -> None:
        self.broker.trades.append(
            Trade(
                id=trade_id,
                broker_id="H1",
                symbol=MOUTAI,
                side=side,
                shares=shares,
                price=D("1401.00"),
                at=self.clock.now(),
            )
        )


@pytest.fixture
def clock() -> ManualClock:
    return a_clock()


@pytest.fixture
async def bench(clock: ManualClock) -> Bench:
    broker = FakeBroker(clock)
    broker.hold_shares(MOUTAI, 200, 200)
    made = Bench(clock, MemoryStore(), broker)
    await made.office.load()
    await made.reconciler.load()
    return made


async def test_a_real_account_in_accord_is_told_of_at_the_usual_hours_alone(bench: Bench) -> None:
    assert await bench.look() == []
    [message] = await bench.look(routine=True)
    assert message.title == "📒 对账一致·测试账户·实盘"
    assert "持仓 1 只、今天的委托 0 笔、成交 0 笔" in message.text


async def test_a_trade_by_hand_is_told_once_as_made_elsewhere(bench: Bench) -> None:
    await bench.look()
    bench.by_hand("X1", 100)
    bench.broker.hold_shares(MOUTAI, 100, 100)
    [message] = await bench.look()
    assert "外部成交" in message.text
    assert "10:00:00 卖出贵州茅台(600519) 100 股，1401.00" in message.text
    assert message.buttons == ()
    assert await bench.look() == []


async def test_what_differs_takes_no_order_of_a_watch_until_acknowledged_over_a_restart(bench: Bench) -> None:
    await bench.look()
    bench.broker.hold_shares(MOUTAI, 100, 100)
    [message] = await bench.look()
    assert message.title == "⚠️ 对账有出入·测试账户·实盘"
    assert "按成交算应有 200 股，券商有 100 股" in message.text
    assert message.labels() == ("我知道了",)
    assert message.urgent
    later = Bench(bench.clock, bench.office.store, bench.broker)
    await later.office.load()
    await later.reconciler.load()
    quote = (await later.office.market.fetch([MOUTAI]))[MOUTAI]
    of_watch = Origin("owner", CHAT, "w1", "a1", "跌破")
    refused = later.office.desk.propose(BUY, MOUTAI, "real", quote, of_watch)
    assert refused.ticket is None
    assert "对不上" in refused.why_not
    # A person may: who asks has looked.
    assert later.office.desk.propose(BUY, MOUTAI, "real", quote, ORIGIN).ticket is not None
    [again] = await later.look(routine=True)
    assert again.labels() == ("我知道了",)
    assert await later.reconciler.acknowledge("real") == {MOUTAI}
    assert later.office.desk.propose(BUY, MOUTAI, "real", quote, of_watch).ticket is not None
    with pytest.raises(NotFound):
        await later.reconciler.acknowledge("real")


async def test_a_fill_that_was_never_told_is_asked_for_and_is_no_difference(bench: Bench) -> None:
    await bench.look()
    order = await tap(bench.office, await bench.office.ticket())
    bench.broker.fills(order, 100, "1400.00", times=0)
    bench.broker.hold_shares(MOUTAI, 300, 200)
    assert await bench.look() == []
    assert (await stored(bench.office, order.id)).state is OrderState.FILLED


async def test_a_broker_that_does_not_answer_is_told_and_nothing_is_taken_for_empty(bench: Bench) -> None:
    await bench.look()
    bench.broker.deaf = True
    [message] = await bench.look()
    assert message.title == "⚠️ 没能对账"
    bench.broker.deaf = False
    assert await bench.look() == []


async def test_a_trade_that_arrives_while_the_account_is_read_is_no_difference(bench: Bench) -> None:
    await bench.look()
    looks = 0
    plain = bench.broker.statement

    async def statement() -> object:
        nonlocal looks
        looks += 1
        seen = await plain()
        if looks == 1:  # the position has it already, the list of trades not yet
            bench.by_hand("X1", 100, Side.BUY)
        return seen

    bench.broker.hold_shares(MOUTAI, 300, 200)
    bench.broker.statement = statement  # type: ignore[method-assign,assignment]
    [message] = await bench.look()
    assert "持仓对不上" not in message.text
    assert "外部成交" in message.text


# -- ex-dates

EX_DAY = date(2026, 11, 19)


async def on_paper(tmp_path: Path, clock: ManualClock) -> tuple[paper.PaperBroker, Reconciler, Office, list[Message]]:
    broker = paper.connect(
        path=tmp_path / "paper.db",
        account="paper",
        name="模拟账户",
        clock=clock,
        cash=D(100_000),
        positions={MOUTAI: (100, D("1400.00"))},
    )
    store = MemoryStore()
    office = Office(store, clock, a_market(clock), [broker])
    await office.load()
    told: list[Message] = []

    async def tell(message: Message) -> None:
        told.append(message)

    return broker, Reconciler(store, office.brokerage, office.blotter, clock, tell=tell), office, told


def frame(clock: ManualClock) -> Frame:
    return frame_of([], at=clock.now(), source="test")


@pytest.mark.parametrize(
    ("preclose", "shares", "cash", "cost"),
    [("1402.05", 100, "102795.00", "1372.0500"), ("1021.43", 140, "100000.00", "1000.0000")],
)
async def test_a_dividend_is_cash_and_a_split_is_shares_and_neither_is_a_loss(
    tmp_path: Path, clock: ManualClock, preclose: str, shares: int, cash: str, cost: str
) -> None:
    broker, reconciler, _office, told = await on_paper(tmp_path, clock)
    clock.set(clock.now() + timedelta(days=1))
    worth = D(100_000) + 100 * D(1430)
    for _ in range(2):  # a second frame, and a second start, change nothing
        reconciler.on_ex_date(MOUTAI, D(1430), D(preclose), EX_DAY)
        await reconciler.on_frame(frame(clock))
        await broker.close()
        broker, reconciler, _office, more = await on_paper(tmp_path, clock)
        told += more
    account = await broker.snapshot()
    position = account.position(MOUTAI)
    assert position is not None
    assert (position.shares, position.sellable, position.cost) == (shares, shares, D(cost))
    assert account.cash == D(cash)
    assert abs(account.cash + position.shares * D(preclose) - worth) < 1
    assert account.realized == 0
    await broker.close()


async def test_what_was_entered_is_told_with_its_numbers(tmp_path: Path, clock: ManualClock) -> None:
    broker, reconciler, _office, told = await on_paper(tmp_path, clock)
    reconciler.on_ex_date(MOUTAI, D(1430), D("1402.05"), date(2026, 11, 18))
    await reconciler.on_frame(frame(clock))
    [message] = told
    assert message.title == "💰 除权除息已入账·模拟账户·模拟"
    assert "现金 2,795.00 元" in message.text
    assert "成本 1400.00 → 1372.05" in message.text
    await broker.close()


async def test_an_account_kept_by_hand_enters_it_as_well_and_a_share_that_is_not_held_brings_nothing(
    tmp_path: Path, clock: ManualClock
) -> None:
    broker = manual.connect(path=tmp_path / "hand.db", account="manual", name="手动账户", clock=clock)
    await broker.record_position(MOUTAI, 100, D(1400))
    ex = ExDate(symbol=MOUTAI, day=EX_DAY, close=D(1430), preclose=D("1402.05"))
    booked = await broker.record_ex_date(ex)
    assert booked is not None
    assert booked.cash == D(2795)
    assert await broker.record_ex_date(ex) is None
    assert await broker.record_ex_date(ex.model_copy(update={"symbol": Symbol("600036.SH")})) is None
    await broker.close()


async def test_a_button_of_an_earlier_message_lifts_nothing_that_came_since(bench: Bench) -> None:
    await bench.look()
    bench.broker.hold_shares(MOUTAI, 100, 100)
    [message] = await bench.look()
    stamp = message.buttons[0][0].command.split()[-1]
    bank = Symbol("600036.SH")
    bench.broker.hold_shares(bank, 300, 300)
    await bench.look()
    bench.broker.hold_shares(bank, 200, 200)
    await bench.look()
    with pytest.raises(Conflict, match="最新的对账消息"):
        await bench.reconciler.acknowledge("real", stamp)
    assert await bench.reconciler.acknowledge("real") == {MOUTAI, bank}


async def test_what_somebody_else_has_read_on_demand_is_still_told_at_the_next_hour(bench: Bench) -> None:
    await bench.look()
    bench.by_hand("X1", 100)
    bench.broker.hold_shares(MOUTAI, 100, 100)
    message = await bench.reconciler.reconcile(bench.broker)
    assert "外部成交" in message.text
    assert len(await bench.look()) == 1
    assert await bench.look() == []


async def test_what_a_person_enters_on_an_ex_date_has_it_in_already(tmp_path: Path, clock: ManualClock) -> None:
    broker = manual.connect(path=tmp_path / "hand.db", account="manual", name="手动账户", clock=clock)
    await broker.record_position(MOUTAI, 100, D(1372))
    ex = ExDate(symbol=MOUTAI, day=date(2026, 11, 18), close=D(1430), preclose=D("1402.05"))
    assert await broker.record_ex_date(ex) is None
    await broker.close()
