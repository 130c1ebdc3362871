"""A desk is killed between any two steps of an order. Afterwards there is one order or none, and the person knows which."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from adapters.brokers import paper
from adapters.brokers.paper import PaperBroker
from adapters.stores import sql
from core.errors import Conflict
from core.orders import OrderState
from core.tickets import TicketState
from tests.e2e.desk_child import Step
from tests.fakes import migrated
from tests.fakes.market import MOUTAI
from tests.fakes.office import Office, a_clock, a_market

ROOT = Path(__file__).parents[2]
S, T = OrderState, TicketState


class Tapped(NamedTuple):
    """The button that the person still has on the screen."""

    ticket_id: str
    stamp: str


def killed_at(step: Step, folder: Path) -> Tapped:
    """Let a process run into a step and kill it there, without a chance to tidy up."""
    migrated.file(folder / "dingpan.db")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.desk_child", str(folder), step.value],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.kill()
    word, ticket_id, stamp = line.split()
    assert word == "stopped"
    return Tapped(ticket_id, stamp)


@dataclass
class NextLife:
    """The process that comes after."""

    office: Office
    broker: PaperBroker

    async def placed(self) -> int:
        """How many orders ever reached the exchange."""
        return self.broker._ledger.count()

    async def held(self) -> int:
        position = (await self.broker.snapshot()).position(MOUTAI)
        return position.shares if position else 0

    async def news(self) -> list[str]:
        """Titles of what was told of the order, without its card."""
        return [message.title for message in await self.office.said() if message.card is None]


@asynccontextmanager
async def restarted(folder: Path, at: str = "2026-11-18 10:01", first_id: int = 1000) -> AsyncIterator[NextLife]:
    """As the program starts: look at what is there, reconcile, listen."""
    clock = a_clock(at, first_id=first_id)
    market = a_market(clock)
    store = sql.connect(f"sqlite:///{folder / 'dingpan.db'}")
    broker = paper.connect(
        path=folder / "paper.db", account="paper", name="模拟账户", clock=clock, cash=Decimal(1_000_000)
    )
    office = Office(store, clock, market, [broker])
    try:
        await office.load()
        await office.blotter.look_up()
        await broker.on_frame(market.frame())
        async with office.listening():
            yield NextLife(office, broker)
    finally:
        await broker.close()
        await store.close()


class After(NamedTuple):
    """What must be found after a restart.

    Attributes:
        order: None when there is none.
        told: of the order, each once.
    """

    ticket: TicketState
    order: OrderState | None
    placed: int
    told: tuple[str, ...]


FILLED = After(T.APPROVED, S.FILLED, 1, ("🎉 已成交·模拟",))
AFTERWARDS = {
    Step.CARD_SHOWN: After(T.OPEN, None, 0, ()),
    Step.BEFORE_DECIDE: After(T.OPEN, None, 0, ()),
    Step.BEFORE_SUBMIT: After(T.APPROVED, S.REJECTED, 0, ("❌ 委托没有成功·模拟",)),
    Step.BEFORE_SUBMITTED_IS_STORED: FILLED,
    Step.BEFORE_FILL_IS_STORED: FILLED,
    Step.BEFORE_FILL_IS_SENT: FILLED,
}


def test_every_step_has_an_expectation() -> None:
    assert set(AFTERWARDS) == set(Step)


@pytest.mark.parametrize("step", list(Step), ids=str)
async def test_after_a_kill_there_is_one_order_or_none_and_the_card_tells_which(step: Step, tmp_path: Path) -> None:
    tapped = killed_at(step, tmp_path)
    expected = AFTERWARDS[step]
    async with restarted(tmp_path) as life:
        ticket = await life.office.store.ticket(tapped.ticket_id)
        assert ticket is not None
        assert ticket.stamp == tapped.stamp
        assert ticket.state is expected.ticket
        assert [order.state for order in await life.office.store.orders()] == (
            [expected.order] if expected.order else []
        )
        assert await life.placed() == expected.placed
        assert await life.held() == 100 * expected.placed
        assert len(await life.office.store.fills()) == expected.placed
        assert tuple(await life.news()) == expected.told
        card = await life.office.last_card(ticket)
        if expected.ticket is T.OPEN:
            assert "待确认委托·模拟" in card.title
            assert "确认" in card.labels()
        else:
            assert "张三" in card.text
            assert "10:00:00" in card.text
            assert "已确认·模拟" in card.title
            assert card.labels() == ()


@pytest.mark.parametrize("step", list(Step), ids=str)
async def test_the_same_button_tapped_again_after_a_kill_never_makes_a_second_order(step: Step, tmp_path: Path) -> None:
    tapped = killed_at(step, tmp_path)
    expected = AFTERWARDS[step]
    async with restarted(tmp_path) as life:
        if expected.ticket is T.OPEN:
            await life.office.desk.approve(*tapped, "张三")
            await life.broker.told()
        for _ in range(2):
            with pytest.raises(Conflict, match="不能再操作"):
                await life.office.desk.approve(*tapped, "李四")
        await life.office.blotter.look_up()
        never_sent = expected.order is S.REJECTED
        [order] = await life.office.store.orders()
        assert order.state is (S.REJECTED if never_sent else S.FILLED)
        assert await life.placed() == (0 if never_sent else 1)
        assert await life.held() == (0 if never_sent else 100)
        assert len(await life.news()) == 1


async def test_killed_once_more_while_it_takes_over_it_still_books_the_fill_once(tmp_path: Path) -> None:
    killed_at(Step.BEFORE_FILL_IS_STORED, tmp_path)
    for life_number in range(3):
        async with restarted(tmp_path, f"2026-11-18 10:0{life_number + 1}", 1000 * (life_number + 1)) as life:
            assert await life.placed() == 1
            assert await life.news() == ["🎉 已成交·模拟"]
            assert len(await life.office.store.fills()) == 1


async def test_an_open_ticket_that_ran_out_while_nobody_was_there_places_nothing(tmp_path: Path) -> None:
    tapped = killed_at(Step.CARD_SHOWN, tmp_path)
    async with restarted(tmp_path, "2026-11-18 10:05") as life:
        with pytest.raises(Conflict, match="过期未确认，没有下单"):
            await life.office.desk.approve(*tapped, "张三")
        ticket = await life.office.store.ticket(tapped.ticket_id)
        assert ticket is not None
        assert "过期未确认，没有下单" in (await life.office.last_card(ticket)).text
        assert await life.placed() == 0


async def test_an_order_that_was_never_sent_can_be_asked_for_anew(tmp_path: Path) -> None:
    killed_at(Step.BEFORE_SUBMIT, tmp_path)
    async with restarted(tmp_path) as life:
        ticket = await life.office.ticket()
        await life.office.desk.approve(ticket.id, ticket.stamp, "张三")
        await life.broker.told()
        assert await life.placed() == 1
        assert await life.held() == 100
