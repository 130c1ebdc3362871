"""miniQMT on a bench: the real SDK and our adapter over a fake terminal, and a time that a test lets pass.

The SDK works in threads of its own. :meth:`Patience.settle` waits until none of them has anything to do; only then is
it right to say that nothing happened, or that a deadline has passed. ::

    task = asyncio.create_task(bench.broker.submit(order))
    await bench.patience.until(task.done)       # as many seconds as it takes, none of them real
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import timedelta
from pathlib import Path
from typing import Final

from adapters.brokers import qmt
from adapters.brokers.qmt_terminal import Login
from core.clock import ManualClock
from core.orders import Order
from core.ports import Broker
from core.types import Money, Price, Shares, Symbol
from tests.fakes import xtnative
from tests.fakes.xtexchange import Exchange, Filing
from tests.fakes.xtnative import Terminal

NUMBER: Final = "10001"
OTHER: Final = "10002"
_ERRANDS: Final = "qmt-"
_GLANCE: Final = 0.0005
_TURNS: Final = 20
_LONGEST: Final = 1000
"""Steps of time that a test may need; more of them is a wait that will never end."""


class Patience:
    """The sleep that the adapter is given. Time passes when a test says so."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.terminals: list[Terminal] = []
        self.pools: Callable[[], Sequence[Executor]] = tuple
        """Where the SDK calls back now."""
        self.seconds: list[float] = []
        """What was asked for, in order."""

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self._clock.now().timestamp() + seconds
        heapq.heappush(self._sleepers, (due, next(self._order), future))
        await future

    async def settle(self) -> None:
        """Wait until no thread of the SDK, the terminal or the adapter has anything to do."""
        calm, seen = 0, -1
        while calm < 3:
            # What a thread hands over wakes one task after another.
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            await asyncio.sleep(_GLANCE if calm else 0)
            # What was handed to a pool before this is done after this.
            for pool in self.pools():
                with contextlib.suppress(RuntimeError):  # it is shut down
                    await asyncio.wrap_future(pool.submit(int))
            # Everything that the adapter does in a thread has a deadline, so it has asked for a sleep.
            steps = len(self.seconds) + sum(terminal.calls.total() for terminal in self.terminals)
            calm = 0 if self._is_busy() or steps != seen else calm + 1
            seen = steps

    async def until(self, condition: Callable[[], object]) -> None:
        """Let time pass, from one end of a sleep to the next, until it holds."""
        for _ in range(_LONGEST):
            await self.settle()
            if condition():
                return
            self._wake_next()
        raise AssertionError("it never comes true")

    async def let_pass(self, seconds: float) -> None:
        end = self._clock.now().timestamp() + seconds
        await self.settle()
        while (due := self._next()) is not None and due <= end:
            self._wake_next()
            await self.settle()
        self._clock.advance(timedelta(seconds=end - self._clock.now().timestamp()))

    def _is_busy(self) -> bool:
        alive = sum(thread.name.startswith(_ERRANDS) for thread in threading.enumerate())
        if alive > sum(terminal.stuck for terminal in self.terminals):
            return True
        return any(terminal.is_busy for terminal in self.terminals)

    def _next(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _wake_next(self) -> None:
        due = self._next()
        if due is None:
            raise AssertionError("nobody waits for anything")
        wait = due - self._clock.now().timestamp()
        self._clock.advance(timedelta(seconds=max(wait, 0)))
        heapq.heappop(self._sleepers)[2].set_result(None)


class QmtBench:
    """One terminal, an exchange behind it, and our broker over it."""

    def __init__(
        self,
        path: Path,
        clock: ManualClock,
        *,
        cash: Money,
        positions: Mapping[Symbol, tuple[Shares, Price]] | None = None,
        logins: Sequence[Login] = (Login("sim", NUMBER, "实盘账户"),),
    ) -> None:
        xtnative.install()
        self.path, self.clock = path, clock
        self.folder = str(path.parent / "国金QMT" / "userdata_mini")
        self.exchange = Exchange(clock)
        for login in logins:
            self.exchange.open_account(login.number, cash, positions)
        self.terminal = Terminal(self.folder, self.exchange, [login.number for login in logins])
        self.patience = Patience(clock)
        self.patience.terminals.append(self.terminal)
        self.patience.pools = self._pools
        self.logins = logins
        self.qmt = self._connect()
        self.broker: Broker = self.qmt.brokers[0]
        self._run: asyncio.Task[None] | None = None

    def _connect(self) -> qmt.Qmt:
        return qmt.connect(self.folder, self.logins, book=self.path, clock=self.clock, sleep=self.patience.sleep)

    def _pools(self) -> list[Executor]:
        line = self.qmt.terminal._line
        trader = None if line is None else line.trader
        pools = [] if trader is None else [trader.executor, trader.relaxed_resp_executor]
        return [pool for pool in pools if pool is not None]

    def start(self) -> asyncio.Task[None]:
        self._run = asyncio.create_task(self.qmt.run())
        return self._run

    async def ready(self) -> None:
        """Connected and reconciled."""
        if self._run is None:
            self.start()
        await self.patience.until(lambda: self.may_trade() or self._has_ended())

    def _has_ended(self) -> bool:
        """Raises what the adapter ended with."""
        assert self._run is not None
        return self._run.done() and self._run.result() is None

    def may_trade(self) -> bool:
        return all(self.qmt.terminal.why_locked(login.number) is None for login in self.logins)

    async def reopen(self) -> Broker:
        await self.close()
        self.qmt = self._connect()
        self.broker = self.qmt.brokers[0]
        self._run = None
        await self.ready()
        return self.broker

    async def quiet(self) -> None:
        pass

    def filing(self, order: Order) -> Filing:
        return self.exchange.filing(order.id)

    async def trade(self, order: Order, shares: Shares, price: Price) -> None:
        self.clock.advance(timedelta(seconds=3))
        self.exchange.trade(self.filing(order), shares, price)

    async def call_off(self, order: Order) -> None:
        await self.broker.cancel(order)

    async def close(self) -> None:
        self.terminal.let_go()
        if self._run is not None:
            self._run.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._run
        await self.qmt.close()
        await self.patience.settle()
