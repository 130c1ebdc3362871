"""The paper account: behaves like the exchange as far as public quotes can tell.

An order is judged when it comes in, waits in the book, and trades against the frames of the session. What it does not
do: the two call auctions and the trading after hours. An order entered before 09:30 or at lunch waits for continuous
trading; one that is still open at 14:57 cannot trade any more and expires at 15:00.

A frame tells the best price and what waits there, so an order gets at most that many shares of one quote, and the next
quote may give more. Where a source has no depth, an order trades whole at the last price; at the day's limit it then
does not trade at all, because a sealed share looks just like that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from adapters.brokers.arithmetic import fee_of_amount, next_fill
from adapters.brokers.ledger import Ledger, open_ledger
from core.calendar import TAKES_ORDERS, Phase, phase, session_close, trading_date
from core.clock import Clock, market_time
from core.errors import Refused
from core.ex_dates import Entitlement, ExDate
from core.frames import Frame, LatestQuotes, Quote
from core.market import Board, board_of, lot_problem, tick_problem
from core.orders import Order, Report, ReportKind
from core.portfolio import Account
from core.statement import Statement
from core.types import Mode, Money, Price, Shares, Side, Symbol, money_text, price_text

FILLS_WITHIN: Final = timedelta(seconds=60)
"""An older quote trades nothing: a feed that stands still must not sell us yesterday's price."""

# Source: trading rules of SSE and SZSE: the host takes no cancels 09:20-09:25 and 14:57-15:00.
_NO_CANCEL_FROM: Final = time(9, 20)


# --- decisions ---


def objection(
    order: Order, quote: Quote | None, now: datetime, *, cash: Money, sellable: Shares, held: Shares
) -> str | None:
    """Why the exchange would refuse this order, as a sentence with the rule and its number; None when it would not.

    Args:
        quote: the newest one.
        sellable: what may be sold today and is in no other order; ``held`` all there is.
    """
    board = board_of(order.symbol)
    if board is Board.B_SHARE:
        return "B股用外币结算，模拟账户只有人民币，请换成A股。"
    return (
        _hours_problem(now, board)
        or _quote_problem(order, quote, now)
        or tick_problem(board, order.limit)
        or (None if quote is None else _limit_problem(order, quote))
        or (
            _sell_problem(order, board, sellable, held)
            if order.side is Side.SELL
            else _buy_problem(order, board, cash, trading_date(now))
        )
    )


def _hours_problem(now: datetime, board: Board) -> str | None:
    current = phase(now, board)
    if current in TAKES_ORDERS:
        return None
    return f"现在{current.chinese}（{market_time(now):%H:%M}），只在交易日 09:15–15:00 接受委托，请到时再下单。"


def _quote_problem(order: Order, quote: Quote | None, now: datetime) -> str | None:
    if quote is None:
        return f"没有 {order.symbol} 的行情，模拟账户不能撮合，请核对代码，或稍后再试。"
    if quote.suspended:
        return f"{order.symbol} 今天停牌，不能委托，请复牌后再试。"
    if trading_date(quote.quoted_at) != trading_date(now):
        return f"{order.symbol} 还没有今天的行情，无法知道今天的涨跌停价，请稍后再试。"
    return None


def _limit_problem(order: Order, quote: Quote) -> str | None:
    up, down = quote.limit("up"), quote.limit("down")
    if up is not None and order.limit > up:
        return f"价格 {price_text(order.limit)} 元高于涨停价 {price_text(up)} 元，请改成不超过涨停价。"
    if down is not None and order.limit < down:
        return f"价格 {price_text(order.limit)} 元低于跌停价 {price_text(down)} 元，请改成不低于跌停价。"
    return None


def _buy_problem(order: Order, board: Board, cash: Money, today: date) -> str | None:
    problem = lot_problem(board, Side.BUY, order.shares, 0)
    if problem:
        return problem
    amount = order.limit * order.shares
    fee = fee_of_amount(order.symbol, Side.BUY, amount, today)
    if amount + fee <= cash:
        return None
    return (
        f"可用资金 {money_text(cash)} 元，这笔要 {money_text(amount + fee)} 元（含费用 {money_text(fee)} 元），"
        "请减少数量，或先撤掉别的买单。"
    )


def _sell_problem(order: Order, board: Board, sellable: Shares, held: Shares) -> str | None:
    unit = board.unit
    if order.shares <= sellable:
        return lot_problem(board, Side.SELL, order.shares, sellable)
    if not held:
        return f"没有持有 {order.symbol}，不能卖出，请核对代码。"
    why = "当日买入的下一交易日才能卖，已在卖单里的要先撤单"
    return f"持有 {held} {unit}，可卖 {sellable} {unit}，少于委托的 {order.shares} {unit}：{why}。请减少数量。"


def trades_now(quote: Quote, now: datetime) -> bool:
    """Whether this quote can fill anything: continuous trading, both when it was quoted and now, and fresh."""
    board = board_of(quote.symbol)
    return (
        not quote.suspended
        and phase(now, board) is Phase.CONTINUOUS
        and phase(quote.quoted_at, board) is Phase.CONTINUOUS
        and now - quote.quoted_at <= FILLS_WITHIN
    )


def offered(order: Order, quote: Quote) -> tuple[Price, Shares | None] | None:
    """The price at which this order trades now and how many shares wait there; None when it does not trade.

    One empty side beside a full one is a share sealed at its limit; both empty is a source that shows no depth.

    Returns:
        The count is None where the source does not show it.
    """
    buying = order.side is Side.BUY
    price, volume = (quote.ask, quote.ask_volume) if buying else (quote.bid, quote.bid_volume)
    if price is None:
        if quote.bid is not None or quote.ask is not None or quote.last is None:
            return None
        sealed = quote.limit("up" if buying else "down")
        if sealed is not None and (quote.last >= sealed if buying else quote.last <= sealed):
            return None
        price, volume = quote.last, 0
    if price > order.limit if buying else price < order.limit:
        return None
    return price, volume or None


# --- the account ---


class PaperBroker:
    """A Broker whose exchange is the frames handed to :meth:`on_frame`.

    Time passes when it is looked at: every call first expires the orders whose day has ended, so a process that was
    not there at 15:00 finds them expired at its next start. :meth:`reports` has one reader.
    """

    def __init__(self, ledger: Ledger, account: str, name: str, clock: Clock) -> None:
        self.account = account
        self.name = name
        self.mode = Mode.PAPER
        self._ledger = ledger
        self._clock = clock
        self._quotes = LatestQuotes()
        self._queue: asyncio.Queue[Report] = asyncio.Queue()
        # What our orders took of the newest quote: a source that repeats it does not offer the same shares twice.
        self._taken: dict[tuple[Symbol, Side], tuple[datetime, Shares]] = {}
        self._expire(clock.now())

    async def submit(self, order: Order) -> None:
        now = self._clock.now()
        self._expire(now)
        if self._ledger.line(order.id) is not None:
            return
        if order.account != self.account or order.mode is not self.mode:
            raise Refused(self.name, f"委托属于{order.mode.chinese}账户“{order.account}”，没有送出，请换账户。")
        day = trading_date(now)
        reason = objection(
            order,
            self._quotes.get(order.symbol),
            now,
            cash=self._ledger.cash,
            sellable=self._ledger.sellable(order.symbol, day),
            held=self._ledger.holding(order.symbol).shares,
        )
        report = Report(
            kind=ReportKind.REJECTED if reason else ReportKind.ACCEPTED,
            order_id=order.id,
            account=self.account,
            at=now,
            broker_id=f"P{self._ledger.count() + 1}",
            note=reason or "",
        )
        self._ledger.place(order, report, day)
        self._queue.put_nowait(report)
        self._match((order.symbol,), now)

    async def cancel(self, order: Order) -> None:
        """Cancel at once.

        Raises:
            Refused: unknown, final already, or in the minutes of an auction that takes no cancels.
        """
        now = self._clock.now()
        self._expire(now)
        line = self._ledger.line(order.id)
        if line is None:
            raise Refused(self.name, f"没有委托 {order.id}，撤不了，请刷新委托列表。")
        if line.order.state.final:
            raise Refused(self.name, f"委托 {order.id} {line.order.state.chinese}，撤不了。")
        if _cancel_closed(now):
            raise Refused(self.name, "09:20–09:25 和 14:57–15:00 的集合竞价不能撤单，请稍后再试。")
        self._record(Report(kind=ReportKind.CANCELLED, order_id=order.id, account=self.account, at=now), now)

    async def find(self, order_id: str) -> Sequence[Report] | None:
        self._expire(self._clock.now())
        return self._ledger.reports(order_id)

    async def snapshot(self) -> Account:
        now = self._clock.now()
        self._expire(now)
        return self._ledger.account(self.account, self.name, self.mode, now)

    async def statement(self) -> Statement:
        now = self._clock.now()
        self._expire(now)
        return self._ledger.statement(self.account, self.name, self.mode, now)

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

    async def on_frame(self, frame: Frame) -> None:
        """Let the waiting orders trade against a frame.

        Raises:
            Unavailable: the book cannot be written. Nothing is lost: what was not filled waits for the next frame.
        """
        self._quotes.add(frame)
        now = max(self._clock.now(), frame.at)
        self._expire(now)
        self._match(frame.rows, now)

    async def close(self) -> None:
        self._ledger.close()

    def _match(self, symbols: Collection[Symbol] | Mapping[Symbol, int], now: datetime) -> None:
        lines = [line for line in self._ledger.open.values() if line.order.symbol in symbols]
        # Price first, then time: the sort keeps the order of entry.
        for line in sorted(lines, key=lambda line: _eagerness(line.order)):
            quote = self._quotes.get(line.order.symbol)
            if quote is not None and trades_now(quote, now):
                self._trade(line.order, quote, now)

    def _trade(self, order: Order, quote: Quote, now: datetime) -> None:
        found = offered(order, quote)
        if found is None:
            return
        price, volume = found
        seen, taken = self._taken.get((order.symbol, order.side), (quote.quoted_at, 0))
        if seen != quote.quoted_at:
            taken = 0
        shares = order.open_shares if volume is None else min(order.open_shares, volume - taken)
        if shares <= 0:
            return
        fill = next_fill(order, shares, price, now, trading_date(now))
        self._record(Report(kind=ReportKind.FILL, order_id=order.id, account=self.account, at=now, fill=fill), now)
        self._taken[order.symbol, order.side] = (quote.quoted_at, taken + shares)

    def _expire(self, now: datetime) -> None:
        for line in [line for line in self._ledger.open.values() if now >= session_close(line.day)]:
            order, closed_at = line.order, session_close(line.day)
            note = f"到 15:00 收盘还有 {order.open_shares} {board_of(order.symbol).unit}没有成交，委托失效。"
            self._record(
                Report(kind=ReportKind.EXPIRED, order_id=order.id, account=self.account, at=closed_at, note=note), now
            )

    def _record(self, report: Report, now: datetime) -> None:
        """Into the book first, then told: after a crash in between :meth:`find` tells it."""
        if self._ledger.record(report, trading_date(now)) is not None:
            self._queue.put_nowait(report)


def _eagerness(order: Order) -> Decimal:
    return -order.limit if order.side is Side.BUY else order.limit


def _cancel_closed(now: datetime) -> bool:
    current = phase(now)
    late = current is Phase.CALL_AUCTION and market_time(now).time() >= _NO_CANCEL_FROM
    return late or current is Phase.CLOSING_AUCTION


_NOTHING: Final[Mapping[Symbol, tuple[Shares, Price]]] = {}


def connect(
    *,
    path: Path | None,
    account: str,
    name: str,
    clock: Clock,
    cash: Decimal,
    positions: Mapping[Symbol, tuple[Shares, Price]] = _NOTHING,
) -> PaperBroker:
    """Open the paper account.

    Args:
        path: its book; None keeps it in memory.
        cash: yuan at the very beginning; a book that exists keeps what it has. So with ``positions``: shares and
            average cost.

    Raises:
        ConfigError: the file is the book of another account.
        Unavailable, Malformed: it cannot be opened or read.
    """
    ledger = open_ledger(path, account=account, mode=Mode.PAPER, source=name, cash=cash, positions=positions)
    return PaperBroker(ledger, account, name, clock)
