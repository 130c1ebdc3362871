"""The manual account: the person places the order in the broker's own program and tells us what came of it.

The book follows what it is told. Free cash is not known until :meth:`ManualBroker.record_cash`, and may fall below 0:
a trade that happened is entered, whatever we believed before. An order does not expire by itself at 15:00, because
only the person knows what happened to it; it stays 已报 until one of the ``record_`` methods says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final

from adapters.brokers.arithmetic import LONG_AGO, held, next_fill
from adapters.brokers.ledger import Ledger, open_ledger
from core.calendar import MORNING_OPENS, is_trading_day, previous_trading_day, trading_date
from core.clock import Clock, market_time
from core.errors import Conflict, Invalid, NotFound, Refused
from core.ex_dates import Entitlement, ExDate
from core.market import board_of
from core.orders import Order, Report, ReportKind
from core.portfolio import Account
from core.statement import Statement
from core.types import Mode, Money, Price, Shares, Side, Symbol, price_text

MOST_PRICE: Final = 10**7
MOST_SHARES: Final = 10**9
MOST_CASH: Final = 10**12
"""What a person can mean; more is a slip, and no book could hold some of it."""


def last_traded_day(now: datetime) -> date:
    """The latest market date on which a trade that somebody tells of now can have happened.

    In the evening it is today; before 09:30, at a weekend and on a holiday it is the last trading day.
    """
    today = trading_date(now)
    if is_trading_day(today) and market_time(now).time() >= MORNING_OPENS:
        return today
    return previous_trading_day(today)


class ManualBroker:
    """A Broker whose exchange is the person. :meth:`reports` has one reader."""

    def __init__(self, ledger: Ledger, account: str, name: str, clock: Clock) -> None:
        self.account = account
        self.name = name
        self.mode = Mode.MANUAL
        self._where = f"（{name}·{self.mode.chinese}）"
        self._ledger = ledger
        self._clock = clock
        self._queue: asyncio.Queue[Report] = asyncio.Queue()

    async def submit(self, order: Order) -> None:
        """Enter the order and ask the person to place it. Nothing is judged: the broker's program will."""
        if self._ledger.line(order.id) is not None:
            return
        if order.account != self.account or order.mode is not self.mode:
            raise Refused(self.name, f"委托属于{order.mode.chinese}账户“{order.account}”，没有记下，请换账户。")
        if order.shares <= 0 or not order.limit.is_finite() or order.limit <= 0:
            raise Refused(self.name, f"{order.shares} 股、{order.limit} 元不是能下的委托，没有记下，请重新填写。")
        now = self._clock.now()
        unit = board_of(order.symbol).unit
        what = f"{order.side.chinese} {order.symbol} {order.shares} {unit}，价格 {price_text(order.limit)} 元"
        note = f"请到券商软件下单：{what}。成交后请告诉我数量和价格。"
        report = Report(kind=ReportKind.ACCEPTED, order_id=order.id, account=self.account, at=now, note=note)
        self._ledger.place(order, report, trading_date(now))
        self._queue.put_nowait(report)

    async def cancel(self, order: Order) -> None:
        """Always refuse: only the person can cancel, and the text says how.

        Raises:
            Refused
        """
        line = self._ledger.line(order.id)
        if line is None:
            raise Refused(self.name, f"没有委托 {order.id}，请先看委托列表。")
        if line.order.state.final:
            raise Refused(self.name, f"委托 {order.id} {line.order.state.chinese}，撤不了。")
        raise Refused(self.name, "请到券商软件里撤单，撤完后告诉我没有成交，我再把它记成已撤单。")

    async def find(self, order_id: str) -> Sequence[Report] | None:
        return self._ledger.reports(order_id)

    async def snapshot(self) -> Account:
        return self._ledger.account(self.account, self.name, self.mode, self._clock.now())

    async def statement(self) -> Statement:
        return self._ledger.statement(self.account, self.name, self.mode, self._clock.now())

    async def record_ex_date(self, ex: ExDate) -> Entitlement | None:
        return self._ledger.record_ex_date(ex)

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

    async def record_fill(
        self, order_id: str, shares: Shares, price: Price, *, after: Shares | None = None, day: date | None = None
    ) -> None:
        """The person says that so many shares were traded; also of an order that was called off before.

        Fees are the usual ones of :mod:`core.market`. Typing it twice counts twice, as two fills of one order may well
        be equal; more than was ordered is refused. A button counts once.

        Args:
            after: what was filled when the button was shown; None when the numbers were typed.
            day: the market date of the trade, from which T+1 counts; by default the last one possible.

        Raises:
            NotFound: no such order.
            Invalid: a number that cannot be.
            Conflict: more than ordered, more sold than the book has, or a button that is not the newest.
        """
        order = self._order(order_id)
        unit = board_of(order.symbol).unit
        if after is not None and (order.filled != after or order.state.final):
            raise Conflict(
                f"这笔成交已经记过了：委托 {order_id} {order.state.chinese}，"
                f"已记成交 {order.filled}/{order.shares} {unit}，没有再记。"
                f"确实还有成交，请发送 /filled {order_id} 成交价 股数。{self._where}"
            )
        rest = order.shares - order.filled
        if not price.is_finite() or price <= 0:
            raise Invalid(f"成交价 {price} 元不对，请写大于 0 的价格。{self._where}")
        if price > MOST_PRICE:
            raise Invalid(f"成交价 {price} 元太大了，请核对。{self._where}")
        if not 0 < shares <= rest:
            told = f"委托 {order.shares} {unit}，已成交 {order.filled} {unit}"
            why = f"{told}，不能再成交 {shares} {unit}，请核对数量。{self._where}"
            raise Conflict(why) if shares > 0 else Invalid(why)
        if order.side is Side.SELL and shares > self._ledger.holding(order.symbol).shares:
            have = self._ledger.holding(order.symbol).shares
            raise Conflict(
                f"账上只有 {order.symbol} {have} {unit}，不够卖 {shares} {unit}，请先用 /hold 更正持仓。{self._where}"
            )
        now = self._clock.now()
        traded_on = day or last_traded_day(now)
        fill = next_fill(order, shares, price, now, traded_on)
        self._record(
            Report(kind=ReportKind.FILL, order_id=order.id, account=self.account, at=now, fill=fill), traded_on
        )

    async def record_nothing(self, order_id: str) -> None:
        """The person says that the order was not placed, or that its rest will not trade any more.

        Raises:
            NotFound, Conflict: no such order, or it is final already.
        """
        order = self._order(order_id)
        if order.state.final:
            raise Conflict(f"委托 {order_id} {order.state.chinese}，不能再改。{self._where}")
        now = self._clock.now()
        note = "你说剩下的没有成交" if order.filled else "你说没有下单"
        self._record(
            Report(kind=ReportKind.CANCELLED, order_id=order_id, account=self.account, at=now, note=note),
            trading_date(now),
        )

    async def record_position(self, symbol: Symbol, shares: Shares, cost: Price) -> None:
        """The person says what is held: it replaces what the book has, and all of it counts as sellable.

        Args:
            shares: 0 says that nothing is held.
            cost: average yuan per share; what the broker's program shows.

        Raises:
            Invalid: a number that cannot be.
        """
        if shares < 0:
            raise Invalid(f"持仓数量不能是 {shares}，请写 0 或更大的数。{self._where}")
        if not cost.is_finite():
            raise Invalid(f"成本 {cost} 不是数，请重新填写。{self._where}")
        if shares > MOST_SHARES or abs(cost) > MOST_PRICE:
            raise Invalid(f"持仓 {shares}、成本 {cost} 太大了，请核对。{self._where}")
        earned = self._ledger.holding(symbol).realized
        today = trading_date(self._clock.now())
        self._ledger.set_holding(held(symbol, shares, cost, realized=earned, day=LONG_AGO), today)

    async def record_cash(self, cash: Money) -> None:
        """The person says what is free to buy with; what open orders tie up is not part of it.

        Raises:
            Invalid: not a number.
        """
        if not cash.is_finite():
            raise Invalid(f"资金 {cash} 不是数，请重新填写。{self._where}")
        if abs(cash) > MOST_CASH:
            raise Invalid(f"资金 {cash} 太大了，请核对。{self._where}")
        self._ledger.set_cash(cash)

    async def close(self) -> None:
        self._ledger.close()

    def _order(self, order_id: str) -> Order:
        line = self._ledger.line(order_id)
        if line is None:
            raise NotFound(f"没有委托 {order_id}，请发送 /orders 查看。{self._where}")
        return line.order

    def _record(self, report: Report, day: date) -> None:
        """Into the book first, then told: after a crash in between :meth:`find` tells it."""
        if self._ledger.record(report, day) is not None:
            self._queue.put_nowait(report)


def connect(*, path: Path | None, account: str, name: str, clock: Clock) -> ManualBroker:
    """Open the book of a manual account; a new one is empty, and its cash is not known.

    Args:
        path: None keeps it in memory.

    Raises:
        ConfigError: the file is the book of another account.
        Unavailable, Malformed: it cannot be opened or read.
    """
    ledger = open_ledger(path, account=account, mode=Mode.MANUAL, source=name, cash=None)
    return ManualBroker(ledger, account, name, clock)
