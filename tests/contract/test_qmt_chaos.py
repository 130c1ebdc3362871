"""Every habit of the terminal at once, a crash in the middle, and the same order handed over again: one order or none."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from pathlib import Path

import pytest

from core.clock import ManualClock
from core.errors import OutsideError, Refused, Unavailable
from core.orders import OrderState, apply
from tests.contract.test_brokers import left_behind, market
from tests.fakes.xtbench import QmtBench
from tests.fakes.xtcases import an_order, made, outcome
from tests.fakes.xtnative import SILENT

D = Decimal
SEEDS = range(60)


def bewitch(bench: QmtBench, chance: random.Random) -> None:
    """Choose the habits."""
    terminal = bench.terminal
    terminal.answers_first = chance.random() < 0.5
    terminal.returns_late = chance.random() < 0.3
    terminal.when_cut = chance.choice([None, [], SILENT])
    words = ["answer", "order", "trade", "error"]
    for habit in (terminal.lose, terminal.twice, terminal.hold):
        habit |= {word for word in words if chance.random() < 0.3}
    what = chance.random()
    terminal.swallows = what < 0.15
    terminal.delays = 0.15 <= what < 0.3
    terminal.refuses = "不收" if 0.3 <= what < 0.4 else None
    terminal.junks = "柜台拒单" if 0.4 <= what < 0.5 else None
    if chance.random() < 0.15:
        terminal.hang.add(chance.choice(["order", "stop", "orders"]))
    if chance.random() < 0.2:
        terminal.silent.add(chance.choice(["orders", "trades", "asset"]))


def unbewitch(bench: QmtBench) -> None:
    terminal = bench.terminal
    for habit in (terminal.lose, terminal.twice, terminal.hold, terminal.silent):
        habit.clear()
    terminal.swallows = terminal.delays = False
    terminal.refuses = terminal.junks = None
    terminal.let_go()


async def crash(bench: QmtBench, chance: random.Random) -> None:
    """The process is gone: the book is as it lies on the disk, and its connection was never stopped."""
    if chance.random() < 0.2:
        bench.path = bench.path.with_name("lost.db")
    else:
        bench.path = left_behind(bench.path)
    bench.terminal.burnt.add(bench.terminal.sessions[-1])
    if chance.random() < 0.3:
        bench.terminal.restart(tells=chance.random() < 0.5)
    unbewitch(bench)
    bench.terminal.release()
    await bench.reopen()


@pytest.mark.parametrize("seed", SEEDS)
async def test_one_order_or_none_and_no_trade_is_lost(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    bench = made(tmp_path, ManualClock(market("2026-03-23", "10:00")))
    await bench.ready()
    bewitch(bench, chance)
    order = an_order(bench)
    first = asyncio.create_task(bench.broker.submit(order))
    for _ in range(chance.randrange(8)):
        await bench.patience.let_pass(chance.choice([0, 1, 5, 15]))
        if bench.exchange.placed[order.id] and chance.random() < 0.5:
            filing = bench.filing(order)
            if filing.is_open:
                bench.exchange.trade(filing, 100, D("10.00"))
        if chance.random() < 0.1:
            bench.terminal.restart(tells=chance.random() < 0.5)
    if not first.done():
        first.cancel()
    before = None if first.cancelled() or not first.done() else first.exception()
    if isinstance(before, Refused):
        assert not bench.exchange.placed[order.id]
    await crash(bench, chance)
    if chance.random() < 0.8 or bench.exchange.placed[order.id]:
        again = await outcome(bench, bench.broker.submit(order))
        assert again is None or isinstance(again, OutsideError)
    assert bench.exchange.placed[order.id] <= 1
    if bench.exchange.placed[order.id] and bench.filing(order).is_open:
        bench.exchange.trade(bench.filing(order), 100, D("9.99"))
    bench.clock.set(market("2026-03-23", "15:31"))
    await bench.patience.settle()
    await bench.ready()
    found = await outcome(bench, bench.broker.find(order.id))
    assert not isinstance(found, Unavailable)
    for report in found or ():
        order = apply(order, report)
    if bench.exchange.placed[order.id]:
        filing = bench.filing(order)
        assert (order.filled, order.filled_amount) == (filing.filled, filing.amount)
        assert order.state.final
        assert (order.state is OrderState.REJECTED) == (filing.status == 57)
    else:
        assert order.state in {OrderState.NEW, OrderState.REJECTED}
    await bench.close()
