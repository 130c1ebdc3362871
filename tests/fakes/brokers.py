"""A broker whose counter does what a test tells it: late answers, refusals, lost answers, reports in any order.

It counts how often each order id was really placed, and does not forgive a second time as the shipped brokers do. ::

    broker = FakeBroker(clock)
    gate = broker.hold()                    # the next orders are placed, but the answer waits for gate.set()
    broker.fail(Unavailable("券商", "超时"), placed=True)     # placed, and then the answer is lost
    broker.fail(Refused("券商", "资金不足"))
    broker.deaf = True                      # find and snapshot raise Unavailable
    assert broker.placed["dp00000001"] == 1
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal

from core.clock import Clock
from core.errors import Refused, Unavailable
from core.orders import Fill, Order, OrderState, Report, ReportKind
from core.portfolio import Account, Position
from core.statement import Placed, Statement, Trade
from core.types import Mode, Money, Shares, Symbol


class FakeBroker:
    """A Broker without a market: what happens to an order is what the test says of it."""

    def __init__(
        self,
        clock: Clock,
        *,
        account: str = "real",
        name: str = "测试账户",
        mode: Mode = Mode.LIVE,
        cash: str = "1000000",
    ) -> None:
        self.account = account
        self.name = name
        self.mode = mode
        self.cash: Money = Decimal(cash)
        self.positions: dict[Symbol, Position] = {}
        self.asked: Counter[str] = Counter()
        """How often :meth:`submit` was called, per order id."""
        self.placed: Counter[str] = Counter()
        """How often an order reached the exchange, per order id."""
        self.cancels: list[str] = []
        self.orders: dict[str, Placed] = {}
        """What a statement lists, by the broker's number."""
        self.trades: list[Trade] = []
        self.deaf = False
        self.on_find: Callable[[], Awaitable[object]] | None = None
        """Happens while :meth:`find` is looking."""
        self.arrived = asyncio.Event()
        """Set when :meth:`submit` has begun."""
        self._clock = clock
        self._error: Exception | None = None
        self._places = True
        self._gate: asyncio.Event | None = None
        self._known: dict[str, list[Report]] = {}
        self._queue: asyncio.Queue[Report] = asyncio.Queue()
        self._trades = 0

    # -- what a test says

    def hold(self) -> asyncio.Event:
        """From now on an order is placed and the answer waits for the event."""
        self._gate = asyncio.Event()
        return self._gate

    def fail(self, error: Exception, *, placed: bool = False) -> None:
        """From now on :meth:`submit` raises this, having placed the order before or not."""
        self._error, self._places = error, placed

    def heal(self) -> None:
        self._error, self._places, self._gate, self.deaf = None, True, None, False

    def hold_shares(self, symbol: Symbol, shares: Shares, sellable: Shares, cost: str = "1400") -> None:
        self.positions[symbol] = Position(symbol=symbol, shares=shares, sellable=sellable, cost=Decimal(cost))

    def arrives(self, order: Order) -> None:
        """An order that was under way reaches the exchange after all."""
        self._place(order)

    def accepts(self, order: Order, *, times: int = 1) -> Report:
        return self.tells(self._report(order, ReportKind.ACCEPTED), times=times)

    def fills(self, order: Order, shares: Shares, price: str, *, fee: str = "5", times: int = 1) -> Report:
        """A trade at the exchange, told so many times (0: it happened, and nobody was told)."""
        self._trades += 1
        fill = Fill(
            id=f"T{self._trades}",
            order_id=order.id,
            account=self.account,
            symbol=order.symbol,
            side=order.side,
            shares=shares,
            price=Decimal(price),
            fee=Decimal(fee),
            at=self._clock.now(),
        )
        self.trades.append(
            Trade(
                **fill.model_dump(include={"id", "order_id", "symbol", "side", "shares", "price", "fee", "at"}),
                broker_id=f"B-{order.id}",
            )
        )
        return self.tells(self._report(order, ReportKind.FILL, fill), times=times)

    def ends(self, order: Order, kind: ReportKind, note: str = "", *, times: int = 1) -> Report:
        return self.tells(self._report(order, kind, note=note), times=times)

    def tells(self, report: Report, *, times: int = 1) -> Report:
        """Make a report part of what is known, and put it on the line."""
        known = self._known.setdefault(report.order_id, [])
        if report not in known:
            known.append(report)
        for _ in range(times):
            self._queue.put_nowait(report)
        return report

    def _report(self, order: Order, kind: ReportKind, fill: Fill | None = None, note: str = "") -> Report:
        return Report(
            kind=kind,
            order_id=order.id,
            account=self.account,
            at=self._clock.now(),
            broker_id=f"B-{order.id}",
            fill=fill,
            note=note,
        )

    def _place(self, order: Order) -> None:
        self.placed[order.id] += 1
        self.orders[f"B-{order.id}"] = Placed(
            **order.model_dump(include={"id", "symbol", "side", "shares", "limit"}),
            broker_id=f"B-{order.id}",
            state=OrderState.ACCEPTED,
            at=self._clock.now(),
        )
        self._known.setdefault(order.id, [self._report(order, ReportKind.ACCEPTED)])

    # -- what the desk calls

    async def submit(self, order: Order) -> None:
        self.asked[order.id] += 1
        self.arrived.set()
        if self._places and not isinstance(self._error, Refused):
            self._place(order)
        if self._gate is not None:
            await self._gate.wait()
        if self._error is not None:
            raise self._error

    async def cancel(self, order: Order) -> None:
        self.cancels.append(order.id)

    async def find(self, order_id: str) -> Sequence[Report] | None:
        self._listen()
        found = self._known.get(order_id)
        if self.on_find is not None:
            await self.on_find()
        return found

    async def snapshot(self) -> Account:
        self._listen()
        return Account(
            id=self.account,
            name=self.name,
            mode=self.mode,
            cash=self.cash,
            positions=tuple(self.positions.values()),
            as_of=self._clock.now(),
        )

    async def statement(self) -> Statement:
        account = await self.snapshot()
        return Statement(account=account, orders=tuple(self.orders.values()), trades=tuple(self.trades))

    async def reports(self) -> AsyncIterator[Report]:
        while True:
            report = await self._queue.get()
            try:
                yield report
            finally:
                self._queue.task_done()

    async def told(self) -> None:
        """Wait until the reader has dealt with every report so far."""
        await self._queue.join()

    def _listen(self) -> None:
        if self.deaf:
            raise Unavailable(self.name, "没有回答，请检查网络")
