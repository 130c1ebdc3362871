"""A gateway process for tests of being killed: its exchange is a file, so that every order that reached it is counted.

It prints its port. An order whose id begins with ``before`` or ``after`` is stopped in the middle, before or after it
has reached the exchange, and says so.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from core.clock import SystemClock
from core.errors import Unavailable
from core.orders import Order, Report, ReportKind
from core.portfolio import Account
from core.statement import Statement
from core.types import Mode, Money
from tests.fakes.gateway import Town

ACCOUNT = "8881234567"


class FileExchange:
    """A Broker whose exchange outlives it, and that does not notice when an order comes twice."""

    account, name, mode = ACCOUNT, "QMT 实盘", Mode.LIVE

    def __init__(self, file: Path) -> None:
        self._file = file
        self._clock = SystemClock()

    async def submit(self, order: Order) -> None:
        if order.id.startswith("before"):
            await self._stop()
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{order.id}\n")
        if order.id.startswith("after"):
            await self._stop()

    async def _stop(self) -> None:
        print("stopped", flush=True)
        await asyncio.Event().wait()

    async def cancel(self, order: Order) -> None:
        raise Unavailable(self.name, f"{order.id} 撤不了")

    async def find(self, order_id: str) -> Sequence[Report] | None:
        if order_id not in self._file.read_text(encoding="utf-8").split():
            return None
        return [Report(kind=ReportKind.ACCEPTED, order_id=order_id, account=ACCOUNT, at=self._clock.now())]

    async def snapshot(self) -> Account:
        return Account(id=ACCOUNT, name=self.name, mode=self.mode, cash=Money(0), as_of=self._clock.now())

    async def statement(self) -> Statement:
        return Statement(account=await self.snapshot())

    async def reports(self) -> AsyncIterator[Report]:
        nothing: asyncio.Queue[Report] = asyncio.Queue()
        while True:
            yield await nothing.get()


async def main(folder: Path) -> None:
    exchange = folder / "exchange.txt"
    exchange.touch()
    town = Town(folder, SystemClock())
    town.open([FileExchange(exchange)])
    town.arm()
    print(town.port, flush=True)
    await town.running.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
