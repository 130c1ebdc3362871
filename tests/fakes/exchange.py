"""A counter and exchange with a file of their own: what they have done, no crash of ours undoes.

It counts how often each order id was really placed, and does not forgive a second time as the shipped brokers do. ::

    exchange = Exchange(folder / "exchange.db", script=[Traded(60), Traded(40)])
    broker = ExchangeBroker(exchange, clock)
    ...
    for report in exchange.go_on(clock.now()):      # the next thing of the script happens to every open order
        broker.tell(report)                         # and is told, or is not
    assert exchange.placed() == {"dp00000001": 1}
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from core.clock import Clock
from core.orders import Fill, Order, Report, ReportKind, apply
from core.portfolio import Account, Position
from core.statement import Placed, Statement, Trade
from core.types import Mode, Money, Shares, Side, Symbol

ACCOUNT: Final = "real"
NAME: Final = "测试账户"
CASH: Final = Decimal(1_000_000)
FEE: Final = Decimal(5)


class Traded(NamedTuple):
    """So many shares of an order are traded, at its limit."""

    shares: Shares


class Ended(NamedTuple):
    """An order is over."""

    kind: ReportKind


Happening = Traded | Ended


class Exchange:
    """Orders, what became of them, and the account.

    Args:
        script: what happens to every order after it was taken in, one by one with :meth:`go_on`.
        held: shares at the beginning, all sellable.
    """

    def __init__(
        self, file: Path | str, script: Sequence[Happening] = (), held: Mapping[Symbol, Shares] | None = None
    ) -> None:
        self.script = script
        self.held = held or {}
        # Nobody pulls the plug here: what the operating system was told survives the kill.
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("CREATE TABLE IF NOT EXISTS placed (seq INTEGER PRIMARY KEY, id TEXT, body TEXT)")
        self._db.execute("CREATE TABLE IF NOT EXISTS told (seq INTEGER PRIMARY KEY, id TEXT, body TEXT)")

    def close(self) -> None:
        self._db.close()

    def place(self, order: Order, at: datetime) -> Report:
        """Take an order in, however often it comes."""
        self._db.execute("INSERT INTO placed (id, body) VALUES (?, ?)", (order.id, order.model_dump_json()))
        return self._tell(_report(order, ReportKind.ACCEPTED, at))

    def placed(self) -> Counter[str]:
        """How often an order reached the exchange, per order id."""
        return Counter(order_id for (order_id,) in self._db.execute("SELECT id FROM placed"))

    def history(self, order_id: str) -> list[Report]:
        """Everything that is known of an order, in the order in which it happened."""
        found = self._db.execute("SELECT body FROM told WHERE id = ? ORDER BY seq", (order_id,))
        return [Report.model_validate_json(body) for (body,) in found]

    def orders(self) -> list[Order]:
        """As the exchange has them."""
        found = self._db.execute("SELECT body FROM placed WHERE seq IN (SELECT min(seq) FROM placed GROUP BY id)")
        orders = []
        for (body,) in found:
            order = Order.model_validate_json(body)
            for report in self.history(order.id):
                order = apply(order, report)
            orders.append(order)
        return orders

    def trades(self) -> list[Fill]:
        return [report.fill for order in self.orders() for report in self.history(order.id) if report.fill]

    def go_on(self, at: datetime) -> list[Report]:
        """Let the next thing of the script happen to every order that is not over; what there is to tell of it."""
        reports = []
        # Several processes of ours may move it on.
        self._db.execute("BEGIN IMMEDIATE")
        for order in self.orders():
            happened = len(self.history(order.id)) - 1
            if order.state.final or happened >= len(self.script):
                continue
            what = self.script[happened]
            if isinstance(what, Ended):
                reports.append(self._tell(_report(order, what.kind, at)))
            else:
                reports.append(self._tell(self._trade(order, what.shares, at)))
        self._db.execute("COMMIT")
        return reports

    def run_out(self, at: datetime) -> None:
        """Everything happens that was still to happen, and nobody is told."""
        for _ in self.script:
            self.go_on(at)

    def account(self, at: datetime) -> Account:
        cash, shares = CASH, dict(self.held)
        bought: Counter[Symbol] = Counter()
        for fill in self.trades():
            amount = fill.price * fill.shares
            way = 1 if fill.side is Side.BUY else -1
            cash -= way * amount + fill.fee
            shares[fill.symbol] = shares.get(fill.symbol, 0) + way * fill.shares
            bought[fill.symbol] += fill.shares if fill.side is Side.BUY else 0
        selling: Counter[Symbol] = Counter()
        frozen: Money = Decimal(0)
        for order in self.orders():
            if order.side is Side.SELL:
                selling[order.symbol] += order.open_shares
            else:
                frozen += order.limit * order.open_shares
        positions = tuple(
            Position(
                symbol=symbol,
                shares=count,
                sellable=count - bought[symbol] - selling[symbol],
                cost=Decimal(1400),
            )
            for symbol, count in shares.items()
            if count
        )
        return Account(
            id=ACCOUNT, name=NAME, mode=Mode.LIVE, cash=cash - frozen, frozen=frozen, positions=positions, as_of=at
        )

    def _trade(self, order: Order, shares: Shares, at: datetime) -> Report:
        fill = Fill(
            id=f"T{len(self.trades()) + 1}",
            order_id=order.id,
            account=ACCOUNT,
            symbol=order.symbol,
            side=order.side,
            shares=shares,
            price=order.limit,
            fee=FEE,
            at=at,
        )
        return _report(order, ReportKind.FILL, at, fill)

    def _tell(self, report: Report) -> Report:
        self._db.execute("INSERT INTO told (id, body) VALUES (?, ?)", (report.order_id, report.model_dump_json()))
        return report


def _report(order: Order, kind: ReportKind, at: datetime, fill: Fill | None = None) -> Report:
    return Report(
        kind=kind, order_id=order.id, account=ACCOUNT, at=at, broker_id=f"B-{order.id}", fill=fill, note="交易所说的"
    )


class ExchangeBroker:
    """A Broker in front of an :class:`Exchange`.

    Args:
        step: called before and after each thing that is done at the exchange.
    """

    def __init__(self, exchange: Exchange, clock: Clock, step: Callable[[str], None] = lambda _what: None) -> None:
        self.account = ACCOUNT
        self.name = NAME
        self.mode = Mode.LIVE
        self._exchange = exchange
        self._clock = clock
        self._step = step
        self._queue: asyncio.Queue[Report] = asyncio.Queue()

    def tell(self, report: Report) -> None:
        self._queue.put_nowait(report)

    async def told(self) -> None:
        """Wait until the reader has dealt with every report so far."""
        await self._queue.join()

    async def submit(self, order: Order) -> None:
        self._step("not placed yet")
        report = self._exchange.place(order, self._clock.now())
        self._step("placed, not answered")
        self.tell(report)
        self._step("answered")

    async def cancel(self, order: Order) -> None:
        self._step(f"cancel {order.id}")

    async def find(self, order_id: str) -> Sequence[Report] | None:
        self._step("find")
        return self._exchange.history(order_id) or None

    async def snapshot(self) -> Account:
        self._step("snapshot")
        return self._exchange.account(self._clock.now())

    async def statement(self) -> Statement:
        self._step("statement")
        orders = tuple(
            Placed(
                **order.model_dump(include={"id", "symbol", "side", "shares", "limit", "filled", "state"}),
                broker_id=f"B-{order.id}",
                at=order.created_at,
            )
            for order in self._exchange.orders()
        )
        kept = {"id", "order_id", "symbol", "side", "shares", "price", "fee", "at"}
        trades = tuple(
            Trade(**fill.model_dump(include=kept), broker_id=f"B-{fill.order_id}") for fill in self._exchange.trades()
        )
        return Statement(account=await self.snapshot(), orders=orders, trades=trades)

    async def reports(self) -> AsyncIterator[Report]:
        while True:
            report = await self._queue.get()
            self._step("a report comes in")
            try:
                yield report
            finally:
                self._queue.task_done()
