"""What is known of one account's orders: whose each one is, and what must be told of ours.

Rows come as pushes and as lists, twice, late, and in any order. Each is merged into what was known, joined with one of
our orders by its remark, and what it says that is new is written into the book and then told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from adapters.brokers import qmt_words as words
from adapters.brokers.arithmetic import fee_of_fill
from adapters.brokers.qmt_book import Book, Intent
from core.calendar import session_close, trading_date
from core.clock import Clock, market_time, time_text
from core.errors import Unavailable
from core.orders import Fill, Order, OrderState, Report, ReportKind
from core.statement import Placed, Trade
from core.types import Mode, Shares, price_text

log: Final = logging.getLogger(__name__)

_ACCEPTED: Final = "accepted"
_REFUSED: Final = "refused"


@dataclass
class Story:
    """An order of ours and all that was told of it: what the book has, without asking it for every row of a list."""

    intent: Intent
    told: dict[str, Report]
    is_over: bool

    @property
    def order(self) -> Order:
        return self.intent.order

    @property
    def fills(self) -> list[Fill]:
        return [report.fill for report in self.told.values() if report.fill is not None]

    @property
    def filled(self) -> Shares:
        return sum(fill.shares for fill in self.fills)


class Tally:
    """The orders of today. ``tell`` is called with each report, once, after it was written."""

    def __init__(self, account: str, name: str, book: Book, clock: Clock, tell: Callable[[Report], None]) -> None:
        self._account = account
        self._name = name
        self._book = book
        self._clock = clock
        self._tell_them = tell
        # Of one day: the terminal may use its numbers again tomorrow.
        self._day: date | None = None
        self._rows: dict[int, words.OrderRow] = {}
        self._ours: dict[int, str] = {}
        self._stories: dict[str, Story | None] = {}
        self._news: list[Report] = []

    # --- asking ---

    def row(self, order_id: str) -> words.OrderRow | None:
        """What the terminal shows of an order of ours today; None when it was not seen."""
        self._turn_day()
        number = next((number for number, ours in self._ours.items() if ours == order_id), None)
        return None if number is None else self._rows.get(number)

    def placed(self) -> tuple[Placed, ...]:
        """All orders of today as a statement lists them."""
        return tuple(
            Placed(
                id=self._id_of(row),
                broker_id=str(number),
                symbol=row.symbol,
                side=row.side,
                shares=row.shares,
                limit=row.limit,
                filled=row.filled,
                state=row.stands.state,
                at=row.at or self._clock.now(),
            )
            for number, row in sorted(self._rows.items())
        )

    def trades(self, rows: Iterable[words.TradeRow]) -> tuple[Trade, ...]:
        """Trades as a statement lists them, oldest first; ours with the fee that was told of them."""
        listed: dict[str, Trade] = {}
        for row in rows:
            trade_id, order_id = self._trade_id(row), self._owner(row)
            story = self._story(order_id)
            told = {one.id: one.fee for one in story.fills} if story else {}
            if not order_id and row.order_id in self._rows:
                order_id = self._id_of(self._rows[row.order_id])
            listed[trade_id] = Trade(
                id=trade_id,
                order_id=order_id,
                broker_id=row.trade_id,
                symbol=row.symbol,
                side=row.side,
                shares=row.shares,
                price=row.price,
                fee=told.get(trade_id, row.fee),
                at=row.at or self._clock.now(),
            )
        return tuple(sorted(listed.values(), key=lambda trade: trade.at))

    def unseen(self, intent: Intent) -> str:
        """What to say of an order that was handed over and cannot be found."""
        order = intent.order
        what = f"{order.side.chinese} {order.symbol} {order.shares} 股，{price_text(order.limit)} 元"
        text = f"委托 {order.id}（{what}）交给了 miniQMT，但在柜台还没有查到，不知道有没有报出，请不要重复下单。"
        alike = self._alike(intent)
        if not alike:
            return text + "请到券商软件核对。"
        listed = "、".join(f"编号 {row.order_id}（{time_text(row.at) if row.at else '时间不明'}）" for row in alike)
        return text + f"柜台有 {len(alike)} 笔一样但备注不同的委托：{listed}，其中可能有它，请到券商软件核对。"

    def is_stranded(self, intent: Intent) -> bool:
        """Whether its day ended while nobody looked: the terminal does not show it any more."""
        return not intent.is_over and words.order_day(intent.at) < trading_date(self._clock.now())

    # --- taking in ---

    def intend(self, order: Order) -> None:
        """An order is about to be handed over."""
        self._book.intend(order, self._clock.now())
        self._stories.pop(order.id, None)

    def take(self, row: words.OrderRow) -> str | None:
        """An order was pushed; whose it is, when it is ours."""
        self._turn_day()
        row = self._rows[row.order_id] = words.merged(self._rows.get(row.order_id), row)
        self._join([row])
        if row.order_id not in self._ours:
            return None
        with self._writing():
            self._tell_taken(row)
            self._tell_end(row)
        return self._ours[row.order_id]

    def take_trade(self, row: words.TradeRow) -> str | None:
        """A trade was pushed; whose it is, when it is ours."""
        self._turn_day()
        with self._writing():
            return self._take_trade(row)

    def take_all(self, orders: Sequence[words.OrderRow], trades: Sequence[words.TradeRow]) -> None:
        """All orders and trades of today were listed.

        Raises:
            Unavailable: an order that was there is missing, so the list is not whole.
        """
        self._turn_day()
        for row in orders:
            self._rows[row.order_id] = words.merged(self._rows.get(row.order_id), row)
        self._join(list(self._rows.values()))
        listed = {row.order_id for row in orders}
        missing = [ours for number, ours in self._ours.items() if number not in listed]
        if missing:
            raise Unavailable(self._name, f"终端的委托列表里缺了 {'、'.join(missing)}，还没有恢复完整。")
        with self._writing():
            # The trades stand between: a report of the end is the last one where nothing came late.
            for row in self._rows.values():
                self._tell_taken(row)
            for trade in trades:
                self._take_trade(trade)
            for row in self._rows.values():
                self._tell_end(row)
            self._end_the_day()

    def adopt(self, order_id: str) -> bool:
        """Take up an order that the terminal shows under this id and the book does not have: the book was lost.

        Raises:
            Unavailable: it cannot be one of ours.
        """
        row = next((row for row in self._rows.values() if row.remark == order_id), None)
        if row is None or self._book.intent(order_id) is not None:
            return False
        if row.limit is None:
            raise Unavailable(self._name, f"柜台有一笔备注也是 {order_id} 的市价委托，不是本程序的，请到券商软件核对。")
        at = row.at or self._clock.now()
        order = Order(
            id=order_id,
            ticket_id=order_id.removeprefix("dp"),
            account=self._account,
            mode=Mode.LIVE,
            symbol=row.symbol,
            side=row.side,
            shares=row.shares,
            limit=row.limit,
            created_at=at,
            updated_at=at,
        )
        log.warning("%s: %s was not in the book and is at the counter", self._name, order_id)
        self._book.intend(order, at)
        self._stories.pop(order_id, None)
        self._join([row])
        return True

    def refuse(self, order: Order, note: str) -> None:
        """The terminal did not take it."""
        story = self._story(order.id)
        assert story is not None
        with self._writing():
            self._tell(story, _REFUSED, self._report(ReportKind.REJECTED, order, note=note))
            self._finish(story)

    # --- whose is it ---

    def _turn_day(self) -> None:
        day = trading_date(self._clock.now())
        if day == self._day:
            return
        self._day = day
        self._rows.clear()
        self._ours.clear()
        self._stories.clear()
        for intent in self._book.of_day(self._account, day):
            story = self._story(intent.order.id)
            told = (report.broker_id for report in story.told.values()) if story else ()
            number = next((one for one in told if one is not None), None)
            if number is not None:
                self._ours[int(number)] = intent.order.id

    def _story(self, order_id: str) -> Story | None:
        """None when it is not ours."""
        if order_id not in self._stories:
            intent = self._book.intent(order_id) if order_id else None
            is_ours = intent is not None and intent.order.account == self._account
            self._stories[order_id] = (
                Story(intent, self._book.told(order_id), intent.is_over) if intent and is_ours else None
            )
        return self._stories[order_id]

    def _join(self, rows: Iterable[words.OrderRow]) -> None:
        """Find whose the rows are. What was joined by its remark stays joined where the remark is gone later."""
        for row in rows:
            known, number = self._ours.get(row.order_id), row.order_id
            if known is not None and not self._is(known, row):
                log.error("%s: number %d is not %s any more", self._name, number, known)
                del self._ours[number]
            if number in self._ours or not row.remark or not self._is(row.remark, row):
                continue
            before = next((one for one, ours in self._ours.items() if ours == row.remark), None)
            if before is None:
                self._ours[number] = row.remark
            else:
                log.error("%s: %s is both number %d and %d", self._name, row.remark, before, number)

    def _is(self, order_id: str, row: words.OrderRow) -> bool:
        story = self._story(order_id)
        return (
            story is not None
            and (row.remark == order_id or not words.is_our_id(row.remark))
            and words.is_same(story.order, row)
        )

    def _owner(self, row: words.TradeRow) -> str:
        """Our id of a trade's order; empty when it is not ours."""
        # Some terminals may leave the remark out of a trade; its order, joined by the remark, has it.
        order_id = self._ours.get(row.order_id) or row.remark
        story = self._story(order_id)
        return order_id if story is not None and words.is_same(story.order, row) else ""

    def _id_of(self, row: words.OrderRow) -> str:
        """The id in a statement: also of an order of ours that the book does not have any more."""
        ours = self._ours.get(row.order_id, "")
        if ours or not words.is_our_id(row.remark) or row.remark in self._ours.values():
            return ours
        return row.remark if self._book.intent(row.remark) is None else ""

    def _alike(self, intent: Intent) -> list[words.OrderRow]:
        rows = [row for number, row in self._rows.items() if number not in self._ours]
        return words.candidates(intent.order, intent.at, rows)

    # --- telling ---

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """What is told inside is written first, all of it, and then told."""
        self._news = []
        try:
            with self._book.batch():
                yield
        except BaseException:
            # The book has none of it.
            self._stories.clear()
            raise
        for report in self._news:
            self._tell_them(report)

    def _tell(self, story: Story, key: str, report: Report) -> None:
        if key not in story.told:
            self._book.record(key, report)
            story.told[key] = report
            self._news.append(report)

    def _finish(self, story: Story) -> None:
        if not story.is_over:
            self._book.finish(story.order.id)
            story.is_over = True

    def _report(self, kind: ReportKind, order: Order, *, broker_id: int | None = None, note: str = "") -> Report:
        return Report(
            kind=kind,
            order_id=order.id,
            account=self._account,
            at=self._clock.now(),
            broker_id=None if broker_id is None else str(broker_id),
            note=note,
        )

    def _tell_taken(self, row: words.OrderRow) -> None:
        stands, story = row.stands, self._story(self._ours.get(row.order_id, ""))
        is_taken = row.filled or (stands.report is not None and stands.state is not OrderState.REJECTED)
        if story is not None and is_taken and _ACCEPTED not in story.told:
            self._tell(story, _ACCEPTED, self._report(ReportKind.ACCEPTED, story.order, broker_id=row.order_id))

    def _take_trade(self, row: words.TradeRow) -> str | None:
        story, trade_id = self._story(self._owner(row)), self._trade_id(row)
        if story is None:
            return None
        order = story.order
        if trade_id not in story.told:
            self._tell(story, _ACCEPTED, self._report(ReportKind.ACCEPTED, order, broker_id=row.order_id))
            fill = self._fill(story, row)
            report = self._report(ReportKind.FILL, order, broker_id=row.order_id)
            self._tell(story, trade_id, report.model_copy(update={"fill": fill, "at": fill.at}))
            if story.filled >= order.shares:
                self._finish(story)
        return order.id

    def _tell_end(self, row: words.OrderRow) -> None:
        """Say that an order is cancelled or refused; it is over when all its trades are known too."""
        kind = row.stands.report
        story = self._story(self._ours.get(row.order_id, "")) if row.stands.state.final else None
        if story is None:
            return
        if kind in {ReportKind.CANCELLED, ReportKind.REJECTED} and kind.value not in story.told:
            note = row.text if kind is ReportKind.REJECTED else ""
            self._tell(story, kind.value, self._report(kind, story.order, broker_id=row.order_id, note=note))
        if story.filled >= row.filled:
            self._finish(story)

    def _end_the_day(self) -> None:
        """After a whole list, when nothing can trade any more today."""
        now = self._clock.now()
        if market_time(now).time() < words.DAY_ENDS:
            return
        for intent in self._book.open(self._account):
            order, story = intent.order, self._story(intent.order.id)
            if story is None or words.order_day(intent.at) != trading_date(now):
                continue
            row = self.row(order.id)
            if row is None:
                if not self._alike(intent):
                    self._finish(story)
            elif story.filled >= row.filled:
                note = f"到收盘还有 {order.shares - row.filled} 股没有成交，委托失效。"
                report = self._report(ReportKind.EXPIRED, order, broker_id=row.order_id, note=note)
                closed = session_close(trading_date(now))
                self._tell(story, ReportKind.EXPIRED.value, report.model_copy(update={"at": closed}))
                self._finish(story)

    def _fill(self, story: Story, row: words.TradeRow) -> Fill:
        order, at, fee = story.order, row.at or self._clock.now(), row.fee
        if fee is None:
            paid = {
                "filled_amount": sum((one.price * one.shares for one in story.fills), Decimal(0)),
                "fees": sum((one.fee for one in story.fills), Decimal(0)),
            }
            fee = fee_of_fill(order.model_copy(update=paid), row.shares, row.price, trading_date(at))
        return Fill(
            id=self._trade_id(row),
            order_id=order.id,
            account=self._account,
            symbol=row.symbol,
            side=row.side,
            shares=row.shares,
            price=row.price,
            fee=fee,
            at=at,
        )

    def _trade_id(self, row: words.TradeRow) -> str:
        """The counter numbers its trades from one again tomorrow, and maybe per order."""
        day = trading_date(row.at or self._clock.now())
        return f"{day:%Y%m%d}-{row.order_id}-{row.trade_id}"


def refusal(reports: Iterable[Report]) -> str | None:
    """Why the terminal did not take an order; None when it did, or when that is not known."""
    kinds = [report.kind for report in reports]
    if kinds[:1] != [ReportKind.REJECTED]:
        return None
    return next(report.note for report in reports)
