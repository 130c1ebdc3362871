"""miniQMT: a real account at a real broker, through the terminal that runs on the same Windows PC.

An order carries our id in its remark, and everything that comes back is joined by that remark: never by the number
that the terminal answers, which arrives in another thread, sometimes after the fill, and never by a request number. An
order that nobody can find is unknown, and is looked for until the market has closed on it. It is never sent again.

The SDK must run in a process of its own that can be killed: its native calls may hang for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from adapters.brokers import qmt_words as words
from adapters.brokers.qmt_book import Book, Intent, open_book
from adapters.brokers.qmt_tally import Tally, refusal
from adapters.brokers.qmt_terminal import Login, Terminal
from adapters.brokers.qmt_threads import Sleep, within
from core.clock import Clock
from core.errors import ConfigError, OutsideError, Refused, Unavailable
from core.orders import Order, Report, ReportKind
from core.portfolio import Account, Position
from core.statement import Statement
from core.types import Mode, money_text

log: Final = logging.getLogger(__name__)

ANSWER: Final = 5.0
"""Seconds to wait for the first word about an order before it is looked for."""
LOOKS: Final = (0.0, 1.0, 3.0, 6.0, 10.0, 20.0, 30.0)
"""When it is looked for, in seconds after that. Source: where the counter does not push, the terminal is 1 to 6 s
behind it, says the vendor."""
CANCEL_ANSWER: Final = 5.0


@dataclass
class Signs:
    """What was heard of an order that is being placed."""

    any: asyncio.Event = field(default_factory=asyncio.Event)
    is_taken: bool = False
    refusal: str | None = None


class QmtBroker:
    """A Broker over one account of a terminal. :meth:`reports` has one reader."""

    def __init__(self, login: Login, terminal: Terminal, book: Book, clock: Clock, sleep: Sleep) -> None:
        self.account = login.account
        self.name = login.name
        self.mode = Mode.LIVE
        self._number = login.number
        self._terminal = terminal
        self._book = book
        self._clock = clock
        self._sleep = sleep
        self._queue: asyncio.Queue[Report] = asyncio.Queue()
        self._tally = Tally(login.account, login.name, book, clock, self._queue.put_nowait)
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._signs: dict[str, Signs] = {}
        self._cancelling: dict[int, asyncio.Future[words.CancelAnswer]] = {}
        self._looking = asyncio.Lock()
        terminal.listen(login.number, self)

    # --- the port ---

    async def submit(self, order: Order) -> None:
        """Send an order, and wait until something is known of it.

        Several calls with one id wait for the same answer. A caller that is cancelled takes nothing back.
        """
        task = self._sending.get(order.id)
        if task is None:
            if self._intent(order.id) is not None:
                await self._submitted_before(order.id)
                return
            task = self._sending[order.id] = asyncio.create_task(self._place(order), name=f"place {order.id}")
            task.add_done_callback(lambda done: self._placed(order.id, done))
        await asyncio.shield(task)

    async def cancel(self, order: Order) -> None:
        """Ask for a cancel. Returning says that the terminal sent the wish on, and no more.

        Raises:
            Refused: there is nothing to cancel, or the terminal said no.
            Unavailable: it is not known whether the wish was sent on.
        """
        await self._look_for(order.id)
        row = self._tally.row(order.id)
        if row is None:
            if self._intent(order.id) is None:
                raise Refused(self.name, f"没有委托 {order.id}，撤不了，请刷新委托列表。")
            raise Unavailable(self.name, f"今天的委托里没有查到 {order.id}，撤不了，请到券商软件里查看。")
        if row.stands.state.final:
            raise Refused(self.name, f"委托 {order.id} {row.stands.state.chinese}，撤不了。")
        answer = self._cancelling.get(row.order_id)
        if answer is None:
            answer = self._cancelling[row.order_id] = asyncio.get_running_loop().create_future()
        try:
            await self._terminal.cancel(self._number, row.order_id)
            heard = await within(asyncio.shield(answer), CANCEL_ANSWER, self._sleep)
        except TimeoutError:
            raise Unavailable(self.name, f"撤单 {order.id} 没有回音，不知道送到了没有，请刷新委托列表。") from None
        finally:
            self._cancelling.pop(row.order_id, None)
        if not heard.is_sent:
            raise Refused(self.name, f"撤单没有被接受：{heard.text or '没有说明原因'}。请刷新委托列表。")

    async def find(self, order_id: str) -> Sequence[Report] | None:
        """What is known of an order.

        Raises:
            Unavailable: the terminal does not answer, or the order was handed over, was not seen, and its day is not
                over: it may still turn up.
        """
        intent = self._intent(order_id)
        if intent is None or not intent.is_over:
            await self._look_for(order_id)
            intent = self._intent(order_id)
        if intent is None:
            return None
        reports = tuple(self._book.told(order_id).values())
        if not reports:
            if intent.is_over:
                return None
            raise Unavailable(self.name, self._tally.unseen(intent))
        if self._tally.is_stranded(intent):
            note = "收盘时程序没有连着 miniQMT，不知道后来有没有成交，请到券商软件核对历史成交。"
            lost = Report(
                kind=ReportKind.STRANDED, order_id=order_id, account=self.account, at=self._clock.now(), note=note
            )
            return (*reports, lost)
        return reports

    async def snapshot(self) -> Account:
        positions = [row for row in await self._terminal.positions(self._number) if row.shares > 0]
        asset = await self._terminal.asset(self._number)
        if not positions and asset.value > 0:
            worth = money_text(asset.value)
            raise Unavailable(self.name, f"终端说持仓市值有 {worth} 元，却没有列出持仓，还没有恢复完整。")
        return Account(
            id=self.account,
            name=self.name,
            mode=self.mode,
            cash=asset.cash,
            frozen=asset.frozen,
            positions=tuple(
                Position(symbol=row.symbol, shares=row.shares, sellable=row.sellable, cost=row.cost)
                for row in sorted(positions, key=lambda row: row.symbol)
            ),
            as_of=self._clock.now(),
        )

    async def statement(self) -> Statement:
        trades = await self._look()
        account = await self.snapshot()
        return Statement(account=account, orders=self._tally.placed(), trades=self._tally.trades(trades))

    async def reports(self) -> AsyncIterator[Report]:
        while True:
            yield await self._queue.get()

    # --- placing ---

    async def _place(self, order: Order) -> None:
        """Raises as :meth:`submit`. From the checks to the hand-over nothing else can happen."""
        self._refuse_unsendable(order)
        if self._tally.adopt(order.id):
            await self._submitted_before(order.id)
            return
        try:
            self._tally.intend(order)
        except OutsideError as error:
            raise Refused(self.name, f"{error.reason}没有记下就不送出，委托没有送出。") from error
        signs = self._signs[order.id] = Signs()
        try:
            try:
                await self._terminal.send(self._number, order)
            except Unavailable as error:
                log.warning("%s: %s may have left or not: %s", self.name, order.id, error.reason)
            else:
                await self._hear_of(signs, ANSWER)
            await self._find_out(order, signs)
        finally:
            del self._signs[order.id]

    def _refuse_unsendable(self, order: Order) -> None:
        if order.account != self.account or order.mode is not self.mode:
            raise Refused(self.name, f"委托属于{order.mode.chinese}账户“{order.account}”，没有送出，请换账户。")
        if not order.id.isascii() or not 0 < len(order.id) <= words.MOST_ID:
            raise Refused(self.name, f"委托编号 {order.id} 写不进委托备注，没有送出。")
        if order.shares <= 0 or not order.limit.is_finite() or order.limit <= 0:
            raise Refused(self.name, f"{order.shares} 股、{order.limit} 元不是能下的委托，没有送出，请重新填写。")
        if self._book.intent(order.id) is not None:
            raise Refused(self.name, f"委托编号 {order.id} 已经用于另一个账户，没有送出。")
        reason = self._terminal.why_locked(self._number)
        if reason is not None:
            raise Refused(self.name, f"{reason}，委托没有送出。恢复以后请重新报价再确认。")

    async def _submitted_before(self, order_id: str) -> None:
        """The same id again: nothing is placed, and the caller hears what is known."""
        reports = await self.find(order_id)
        if reports is None:
            raise Refused(self.name, f"委托 {order_id} 以前交给过 miniQMT，没有到达柜台，不会再送。")
        reason = refusal(reports)
        if reason is not None:
            raise Refused(self.name, reason)

    async def _find_out(self, order: Order, signs: Signs) -> None:
        """Look for an order until something is known of it. Raises as :meth:`submit`."""
        waited = 0.0
        for at in LOOKS:
            await self._hear_of(signs, at - waited)
            waited = at
            if signs.is_taken:
                return
            try:
                await self._look()
            except OutsideError as error:
                log.info("%s: looking for %s: %s", self.name, order.id, error.reason)
            if self._tally.row(order.id) is not None:
                return
            if signs.refusal is not None:
                self._tally.refuse(order, signs.refusal)
                raise Refused(self.name, signs.refusal)
        intent = self._intent(order.id)
        assert intent is not None
        raise Unavailable(self.name, self._tally.unseen(intent))

    async def _hear_of(self, signs: Signs, seconds: float) -> None:
        if signs.any.is_set() or seconds <= 0:
            return
        with suppress(TimeoutError):
            await within(signs.any.wait(), seconds, self._sleep)

    def _placed(self, order_id: str, done: asyncio.Task[None]) -> None:
        del self._sending[order_id]
        # Whoever waited has it too; a caller that was cancelled has not.
        if not done.cancelled() and (error := done.exception()) is not None:
            log.warning("%s: %s: %s", self.name, order_id, error)

    # --- hearing and looking ---

    def _intent(self, order_id: str) -> Intent | None:
        """An order that was handed over for this account; the book is that of all accounts of the terminal."""
        intent = self._book.intent(order_id)
        return intent if intent is not None and intent.order.account == self.account else None

    def hear(self, heard: words.Heard) -> None:
        """Something came without being asked for. What cannot be written now is found by a later look."""
        try:
            match heard:
                case words.OrderRow():
                    self._sign(self._tally.take(heard))
                case words.TradeRow():
                    self._sign(self._tally.take_trade(heard))
                case words.Answer() if heard.order_id > 0:
                    self._sign(heard.remark)
                case words.Answer() | words.Complaint():
                    if not self._sign(heard.remark, refusal=heard.text) and isinstance(heard, words.Answer):
                        self._refused_late(heard)
                case words.CancelAnswer():
                    waiting = self._cancelling.get(heard.order_id)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(heard)
        except OutsideError as error:
            log.warning("%s: %s", self.name, error)

    def _sign(self, remark: str | None, *, refusal: str | None = None) -> bool:
        """Wake whoever waits for news of an order; False when nobody does."""
        signs = self._signs.get(remark or "")
        if signs is None:
            return False
        if refusal is None:
            signs.is_taken = True
        elif refusal or signs.refusal is None:
            signs.refusal = _not_taken(refusal)
        signs.any.set()
        return True

    def _refused_late(self, answer: words.Answer) -> None:
        """An order that was given up as unknown was not taken: now that is known."""
        intent = self._intent(answer.remark)
        if intent is not None and not intent.is_over and not self._book.told(answer.remark):
            self._tally.refuse(intent.order, _not_taken(answer.text))

    async def reconcile(self) -> None:
        await self._look()
        await self.snapshot()

    async def keep_looking(self) -> None:
        if self._book.open(self.account):
            await self._look()

    async def _look_for(self, order_id: str) -> None:
        await self._look()
        if self._tally.adopt(order_id):
            await self._look()

    async def _look(self) -> list[words.TradeRow]:
        """See all orders and trades of today and tell what is new of ours; the trades.

        Raises:
            Unavailable, Malformed: not everything could be seen.
        """
        async with self._looking:
            orders = await self._terminal.orders(self._number)
            trades = await self._terminal.trades(self._number)
            # An account may have no orders, but not no asset: without one, the lists were not answers.
            await self._terminal.asset(self._number)
            self._tally.take_all(orders, trades)
            return trades


def _not_taken(text: str) -> str:
    return f"委托没有被接受：{text or '终端没有说明原因'}"


class Qmt:
    """One terminal with a broker for each account. Whoever makes it runs :meth:`run`, and at the end :meth:`close`."""

    def __init__(self, terminal: Terminal, book: Book, brokers: Sequence[QmtBroker]) -> None:
        self.brokers = tuple(brokers)
        self.terminal = terminal
        self._book = book

    async def run(self) -> None:
        """Keep the line to the terminal up, for ever; raises as :meth:`Terminal.run`."""
        await self.terminal.run()

    async def close(self) -> None:
        """Stop, and forget nothing: what is being placed now is found at the next start."""
        await self.terminal.close()
        self._book.close()


def connect(
    path: str,
    logins: Sequence[Login],
    *,
    book: Path | None,
    clock: Clock,
    sleep: Sleep = asyncio.sleep,
) -> Qmt:
    """The accounts of one terminal. Nothing is connected before :meth:`Qmt.run`.

    Args:
        path: the terminal's ``userdata_mini`` folder.
        book: where it is kept which orders were handed over; None keeps it in memory.

    Raises:
        ConfigError: no account, or one of them twice.
        Unavailable, Malformed: the book cannot be opened or read.
    """
    numbers = [one.number for one in logins]
    if not numbers or len(set(numbers)) != len(numbers) or not all(numbers):
        raise ConfigError(["请在 MINIQMT_ACCOUNT_ID 填写 miniQMT 里登录的资金账号，多个用逗号隔开，不要重复。"])
    kept = open_book(book, words.SOURCE)
    terminal = Terminal(path, logins, kept, clock, sleep)
    return Qmt(terminal, kept, [QmtBroker(one, terminal, kept, clock, sleep) for one in logins])
