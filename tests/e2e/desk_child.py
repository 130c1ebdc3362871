"""A desk in a process of its own that approves a ticket and stops dead at one step: ``python -m tests.e2e.desk_child FOLDER STEP``.

It says ``stopped TICKET STAMP`` and then waits to be killed. It ends by itself when its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from adapters.brokers import paper
from adapters.stores import sql
from adapters.stores.sql import SqlStore
from core.messages import Outgoing
from core.orders import Fill, Order
from core.tickets import Ticket
from tests.fakes.office import Office, a_clock, a_market


class Step(StrEnum):
    """Where it dies."""

    CARD_SHOWN = "card-shown"
    BEFORE_DECIDE = "before-decide"
    BEFORE_SUBMIT = "before-submit"
    BEFORE_SUBMITTED_IS_STORED = "before-submitted-is-stored"
    BEFORE_FILL_IS_STORED = "before-fill-is-stored"
    BEFORE_FILL_IS_SENT = "before-fill-is-sent"


class StoppingStore(SqlStore):
    """A database whose owner dies at a step."""

    step: Step
    shown: Ticket | None = None

    def reach(self, step: Step) -> None:
        if step is self.step:
            assert self.shown is not None
            print(f"stopped {self.shown.id} {self.shown.stamp}", flush=True)
            sys.stdin.read()
            sys.exit(1)

    async def decide(self, ticket: Ticket, order: Order | None, outgoing: Sequence[Outgoing]) -> bool:
        self.reach(Step.BEFORE_DECIDE)
        decided = await super().decide(ticket, order, outgoing)
        self.reach(Step.BEFORE_SUBMIT)
        return decided

    async def save_order(self, order: Order, fill: Fill | None, outgoing: Sequence[Outgoing]) -> None:
        self.reach(Step.BEFORE_SUBMITTED_IS_STORED)
        if fill is not None:
            self.reach(Step.BEFORE_FILL_IS_STORED)
        await super().save_order(order, fill, outgoing)
        if fill is not None:
            self.reach(Step.BEFORE_FILL_IS_SENT)


async def main(folder: Path, step: Step) -> None:
    clock = a_clock()
    market = a_market(clock)
    opened = sql.connect(f"sqlite:///{folder / 'dingpan.db'}")
    assert isinstance(opened, SqlStore)
    store = StoppingStore(opened._engine, opened._thread)
    store.step = step
    broker = paper.connect(
        path=folder / "paper.db", account="paper", name="模拟账户", clock=clock, cash=Decimal(1_000_000)
    )
    office = Office(store, clock, market, [broker])
    await office.load()
    await broker.on_frame(market.frame())
    store.shown = await office.ticket()
    store.reach(Step.CARD_SHOWN)
    await office.desk.approve(store.shown.id, store.shown.stamp, "张三")
    async with office.listening():
        await broker.told()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Step(sys.argv[2])))
