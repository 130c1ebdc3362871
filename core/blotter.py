"""Blotter: the orders from the moment they are written, what their brokers say of them, and how that is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from core import render_order
from core.brokerage import Brokerage
from core.calendar import trading_date
from core.clock import Clock
from core.errors import Conflict, NotFound, OutsideError, Refused, Unavailable
from core.feed import Feed
from core.messages import Outgoing
from core.notify import Notifier
from core.orders import Order, OrderState, Report, ReportKind, apply
from core.ports import Broker, HandKept, Store
from core.risk import Breach
from core.spending import Spending
from core.switch import KillSwitch
from core.types import Price, Shares, Side, Symbol

log: Final = logging.getLogger(__name__)

SETTLES: Final = timedelta(seconds=30)
"""An order that its broker still does not know so long after we last heard of it never arrived; before, it may be
on its way."""
ENDED_LATELY: Final = timedelta(minutes=10)
"""An order that ended short is asked about so much longer: a trade may be told after the end, or never."""
_LOOKED_BACK: Final = 200
_S: Final = OrderState
_MAY_BE_LOST: Final = frozenset({_S.NEW, _S.SUBMITTED, _S.UNKNOWN})


class Blotter:
    """One for all accounts.

    Args:
        on_change: called when :attr:`symbols` may have changed.
    """

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        brokerage: Brokerage,
        switch: KillSwitch,
        clock: Clock,
        feed: Feed,
        spending: Spending,
        *,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._brokerage = brokerage
        self._switch = switch
        self._clock = clock
        self._feed = feed
        self._spending = spending
        self._on_change = on_change
        self._open: dict[str, Order] = {}
        # Orders that this process is handing to their broker right now: looking up must not judge them.
        self._sending: set[str] = set()
        self._impossible: set[tuple[str, str]] = set()
        # One report at a time: two reports of one order must not both start from the same stored row.
        self._books = asyncio.Lock()

    async def load(self) -> None:
        """Read which orders an earlier process left open."""
        for order in await self._store.orders(open_only=True, limit=1000):
            self._open[order.id] = order

    @property
    def symbols(self) -> set[Symbol]:
        """What must be quoted for the accounts: what they hold, and what they have in open orders."""
        return self._brokerage.held | {order.symbol for order in self._open.values()}

    @property
    def open(self) -> Sequence[Order]:
        """Orders that are not over, as far as this process has heard."""
        return tuple(self._open.values())

    @contextmanager
    def sending(self, order: Order) -> Iterator[None]:
        """While an order is being written and handed over."""
        self._sending.add(order.id)
        try:
            yield
        finally:
            self._sending.discard(order.id)

    def wrote(self, order: Order) -> None:
        """A new order stands in the store."""
        self._open[order.id] = order
        self._spending.note(order)
        self._on_change()

    def unresolved(
        self, orders: Iterable[Order], states: Collection[OrderState], account: str, symbol: Symbol, side: Side
    ) -> tuple[Breach, ...]:
        """What speaks against another order while nobody knows the fate of an earlier one like it."""
        return tuple(
            Breach(
                "unknown",
                f"{self._brokerage.name(symbol)}有一笔{side.chinese}委托 {order.id} {order.state.chinese}，"
                f"查清之前不再{side.chinese}它。请在券商软件里核对，或发送 /orders 查看。",
            )
            for order in orders
            if (order.account, order.symbol, order.side) == (account, symbol, side)
            and order.state in states
            and not order.checked_by
        )

    async def submit(self, order: Order) -> Order:
        """Hand a stored order to its broker. Never called twice for one order, not even after a crash."""
        kind, note = await self._hand_over(order)
        try:
            await self.on_report(self._report(kind, order, note))
            return await self._store.order(order.id) or order
        except Unavailable as error:
            raise Unavailable(
                error.source,
                f"委托 {order.id} 已经交给{self._brokerage.where(order.account)}，但结果没能记下（{error.reason}）"
                "请不要重复下单，程序会查清它的下落；发送 /orders 查看。",
            ) from error

    async def _hand_over(self, order: Order) -> tuple[ReportKind, str]:
        if self._switch.panicked is not None:
            return ReportKind.REJECTED, f"紧急停止中（{self._switch.panicked}），没有送出。"
        try:
            await self._brokerage.broker(order.account).submit(order)
        except Refused as error:
            return ReportKind.REJECTED, error.reason
        except OutsideError as error:
            return ReportKind.LOST, error.reason
        except Exception:
            # A bug of ours in the middle of sending: it may have been placed.
            log.exception("submitting %s failed", order.id)
            return ReportKind.LOST, "程序在报送时出错，已记入日志。"
        return ReportKind.SUBMITTED, ""

    async def cancel(self, order_id: str) -> Order:
        """Ask the broker to cancel.

        Raises:
            NotFound, Conflict: no such order, or it is over.
            Refused, Unavailable: the broker did not take the wish in.
        """
        order = await self._stored(order_id)
        if order.state.final:
            raise Conflict(f"这笔委托{order.state.chinese}，撤不了。（{self._brokerage.where(order.account)}）")
        await self._brokerage.broker(order.account).cancel(order)
        return order

    async def record_fill(self, order_id: str, shares: Shares, price: Price, *, after: Shares | None = None) -> None:
        """Enter a fill that a person tells of.

        Args:
            after: what was filled when the card was drawn whose button was tapped; None when the numbers were typed.

        Raises:
            NotFound, Conflict, Invalid: it cannot have happened, or something was recorded since the card was drawn.
        """
        await (await self._by_hand(order_id)).record_fill(order_id, shares, price, after=after)

    async def record_nothing(self, order_id: str) -> None:
        """Close an order of which, the person says, nothing (more) was traded."""
        await (await self._by_hand(order_id)).record_nothing(order_id)

    async def _by_hand(self, order_id: str) -> HandKept:
        return self._brokerage.kept_by_hand((await self._stored(order_id)).account)

    async def on_report(self, report: Report) -> None:
        """Take in what a broker says of one of our orders; a repetition changes nothing."""
        async with self._books:
            before = await self._store.order(report.order_id)
            if before is None:
                log.warning("%s reports an order that is not ours: %s", report.account, report.order_id)
                return
            try:
                after = apply(before, report)
            except ValueError:
                log.exception("a report that cannot be: %s", report)
                await self._tell_impossible(before, report)
                return
            if after is before:
                return
            fill = report.fill if len(after.fill_ids) > len(before.fill_ids) else None
            ticket = await self._store.ticket(after.ticket_id)
            rows: list[Outgoing] = []
            account, name = self._brokerage.account_name(after.account), self._brokerage.name(after.symbol)
            message = render_order.order_news(after, fill, account, name, was=before.state)
            if message is not None and ticket is not None:
                rows.append(self._notifier.compose(ticket.chat, message))
            await self._store.save_order(after, fill, rows)
        self._feed.publish(after)
        if fill is not None:
            self._feed.publish(fill)
        self._notifier.post(rows)
        if not after.state.final:
            self._open[after.id] = after
        elif self._open.pop(after.id, None) is not None:
            self._on_change()
        if fill is not None or after.state.final:
            try:
                await self._brokerage.refresh(after.account)
            except OutsideError as error:
                log.warning("%s: %s", error.source, error.reason)
        # What was open to buy counts as open until the position has it: for a moment twice, never not at all.
        self._spending.note(after)

    async def _tell_impossible(self, order: Order, report: Report) -> None:
        """Once: a broker that is asked every minute repeats it every minute."""
        key = (order.id, report.fill.id if report.fill else "")
        ticket = await self._store.ticket(order.ticket_id)
        if ticket is not None and key not in self._impossible:
            await self._notifier.say(ticket.chat, render_order.impossible_report(order, report))
        self._impossible.add(key)

    async def listen(self, broker: Broker, retry: Callable[[], Awaitable[None]]) -> None:
        """Take in a broker's reports for ever. A report that cannot be stored now is tried again, never dropped."""
        async for report in broker.reports():
            while True:
                try:
                    await self.on_report(report)
                    break
                except Unavailable as error:
                    log.warning("a report waits for the database: %s", error.reason)
                    await retry()
                except OutsideError:
                    log.exception("a report that cannot be taken in: %s", report)
                    break

    async def look_up(self) -> None:
        """Ask the brokers about every order that is not over: after a crash it is looked up, never sent again.

        And about those that ended lately with something left: no trade of theirs may be missed.
        """
        for order in (*await self._store.orders(open_only=True, limit=1000), *await self._ended_short()):
            if order.id not in self._sending and self._brokerage.find(order.account) is not None:
                try:
                    await self._look_up(order)
                except OutsideError as error:
                    log.warning("%s: %s", error.source, error.reason)

    async def ask(self, order_id: str) -> Order:
        """Ask the broker about one order now; the order as it is known after that.

        Raises:
            NotFound: no such order.
            Unavailable: the broker cannot say.
        """
        order = await self._stored(order_id)
        if not order.state.final and order.id not in self._sending:
            await self._look_up(order)
        return await self._stored(order_id)

    async def _look_up(self, order: Order) -> None:
        try:
            reports = await self._brokerage.broker(order.account).find(order.id)
        except OutsideError as error:
            if order.state is _S.NEW:
                await self._conclude(ReportKind.LOST, order, error.reason)
            raise
        for report in reports or ():
            await self.on_report(report)
        absent = reports is None and order.state in _MAY_BE_LOST and not order.checked_by
        if absent and self._clock.now() - order.updated_at >= SETTLES:
            note = "程序中断前没有送到券商，没有下单" if order.state is _S.NEW else "券商那里没有这笔委托，没有下单"
            await self._conclude(ReportKind.REJECTED, order, note)

    async def checked(self, order_id: str, by: str, *, there: bool) -> Order:
        """What a person has seen in the broker's own program of an order whose fate is unknown.

        Args:
            there: the broker has it: it locks nothing any more, and goes on being asked for. Otherwise it is over;
                should it trade all the same, its fills count.

        Raises:
            NotFound, Conflict: no such order, or its fate is known by now.
        """
        order = await self.unknown(order_id)
        if trading_date(order.created_at) < trading_date(self._clock.now()):
            # Of an earlier day: it can trade no more, and what it traded the person has seen.
            await self._conclude(ReportKind.EXPIRED, order, f"{by} 核对过；那天成交了多少，以券商为准")
            return await self._stored(order_id)
        if not there:
            await self._conclude(ReportKind.REJECTED, order, f"{by} 核对过，券商那里没有这笔委托")
            return await self._stored(order_id)
        async with self._books:
            order = await self._stored(order_id)
            ticket = await self._store.ticket(order.ticket_id)
            after = order.model_copy(update={"checked_by": by, "updated_at": self._clock.now()})
            account, name = self._brokerage.account_name(order.account), self._brokerage.name(order.symbol)
            card = render_order.unknown_card(after, account, name)
            rows = [] if ticket is None else [self._notifier.compose(ticket.chat, card)]
            await self._store.save_order(after, None, rows)
        self._open[after.id] = after
        self._feed.publish(after)
        self._notifier.post(rows)
        return after

    async def unknown(self, order_id: str) -> Order:
        """An order whose fate is unknown. Raises NotFound or Conflict: there is none, or it is known by now."""
        order = await self._stored(order_id)
        if order.state is not _S.UNKNOWN:
            where = self._brokerage.where(order.account)
            raise Conflict(f"这笔委托已经查清：{order.state.chinese}，不用再核对。（{where}）")
        return order

    async def _stored(self, order_id: str) -> Order:
        order = await self._store.order(order_id)
        if order is None:
            raise NotFound(f"没有编号 {order_id} 的委托。发送 /orders 查看现有的。")
        return order

    async def _ended_short(self) -> Sequence[Order]:
        since = self._clock.now() - ENDED_LATELY
        lately = await self._store.orders(limit=_LOOKED_BACK)
        return [one for one in lately if one.state.final and one.filled < one.shares and one.updated_at >= since]

    async def _conclude(self, kind: ReportKind, order: Order, note: str) -> None:
        """Say ourselves what became of an order, unless it has moved since we looked."""
        if await self._store.order(order.id) == order:
            await self.on_report(self._report(kind, order, note))

    def _report(self, kind: ReportKind, order: Order, note: str) -> Report:
        return Report(kind=kind, order_id=order.id, account=order.account, at=self._clock.now(), note=note)
