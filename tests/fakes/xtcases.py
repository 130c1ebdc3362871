"""What the tests of miniQMT share: an account that holds one share, an order for it, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from adapters.brokers.qmt_terminal import Login
from core.clock import ManualClock
from core.errors import OutsideError
from core.orders import Order, Report, ReportKind, apply
from core.ports import Broker
from core.types import Mode, Side, Symbol
from tests.fakes.xtbench import NUMBER, OTHER, QmtBench

D = Decimal
BANK: Final = Symbol("600000.SH")
CASH: Final = D("200000.00")
HELD: Final = 1000
COST: Final = D("9.00")
TWO: Final = (Login("sim", NUMBER, "实盘账户"), Login("second", OTHER, "另一个账户"))


def made(tmp_path: Path, clock: ManualClock, **options: Any) -> QmtBench:
    """Not started yet."""
    return QmtBench(tmp_path / "book.db", clock, cash=CASH, positions={BANK: (HELD, COST)}, **options)


def an_order(bench: QmtBench, order_id: str = "dp7F3KQ2ZX", **changes: Any) -> Order:
    now = bench.clock.now()
    order = Order(
        id=order_id,
        ticket_id=order_id[2:],
        account="sim",
        mode=Mode.LIVE,
        symbol=BANK,
        side=Side.BUY,
        shares=1000,
        limit=D("10.00"),
        created_at=now,
        updated_at=now,
    )
    return order.model_copy(update=changes)


async def outcome(bench: QmtBench, what: Awaitable[Any]) -> Any:
    """Its result, or the error it ends with, after as much time as it takes."""
    task = asyncio.ensure_future(what)
    await bench.patience.until(task.done)
    error = task.exception()
    assert error is None or isinstance(error, OutsideError), error
    return error or task.result()


async def kinds(broker: Broker, order_id: str = "dp7F3KQ2ZX") -> list[ReportKind]:
    return [report.kind for report in await broker.find(order_id) or ()]


async def heard(bench: QmtBench, count: int) -> list[Report]:
    """The next reports, after as much time as it takes."""
    stream = bench.broker.reports()
    return [await outcome(bench, anext(stream)) for _ in range(count)]


def after(order: Order, reports: list[Report]) -> Order:
    for report in reports:
        order = apply(order, report)
    return order
