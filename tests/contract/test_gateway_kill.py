"""The gateway is killed between taking an order in and answering: at most one order reaches the exchange."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO

import pytest

from adapters.brokers import gateway
from adapters.gateway_line import Address, Line
from core.clock import SystemClock
from core.errors import Unavailable
from core.orders import Order
from core.types import Mode, Side
from core.wire import Offer
from tests.contract.gateway_child import ACCOUNT
from tests.fakes.gateway import Town, at_once
from tests.fakes.market import MOUTAI

ROOT = Path(__file__).parents[2]


@contextmanager
def alive(folder: Path) -> Iterator[tuple[subprocess.Popen[str], IO[str], int]]:
    """A gateway process, its words, and its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.contract.gateway_child", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout, int(process.stdout.readline())
        finally:
            process.kill()


def an_order(order_id: str) -> Order:
    now = SystemClock().now()
    return Order(
        id=order_id,
        ticket_id=order_id,
        account=ACCOUNT,
        mode=Mode.LIVE,
        symbol=MOUTAI,
        side=Side.BUY,
        shares=100,
        limit=Decimal(1400),
        created_at=now,
        updated_at=now,
    )


@pytest.mark.parametrize("step", ["before", "after"])
async def test_a_gateway_killed_in_the_middle_places_an_order_once_or_never(tmp_path: Path, step: str) -> None:
    ports: list[int] = []
    town = Town(tmp_path, SystemClock())
    paired = town.admit().address()
    line = Line(
        "QMT 网关", lambda: Address(f"https://127.0.0.1:{ports[-1]}", paired.token, paired.context), sleep=at_once
    )
    broker = gateway.connect(line, Offer(account=ACCOUNT, name="QMT 实盘", mode=Mode.LIVE), SystemClock())
    order = an_order(f"{step}1")
    with alive(tmp_path) as (process, words, port):
        ports.append(port)
        sending = asyncio.create_task(broker.submit(order))
        assert await asyncio.to_thread(words.readline) == "stopped\n"
        process.kill()
        with pytest.raises(Unavailable):
            await sending
    with alive(tmp_path) as (_, _, port):
        ports.append(port)
        # The bot never does this; and if it did:
        if step == "after":
            await broker.submit(order)
        else:
            with pytest.raises(Unavailable, match="没有再报"):
                await broker.submit(order)
        found = await broker.find(order.id)
        assert (found is not None) == (step == "after")
        await broker.submit(an_order("dp2"))
    await line.close()
    placed = (tmp_path / "exchange.txt").read_text(encoding="utf-8").split()
    assert placed == (["after1", "dp2"] if step == "after" else ["dp2"])
