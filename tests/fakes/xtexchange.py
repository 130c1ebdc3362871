"""A small exchange with its counter behind a fake terminal: orders, trades, cash, T+1, for several accounts.

It does what a test tells it, and nothing by itself: an order waits until :meth:`Exchange.trade`, :meth:`Exchange.cancel`
or :meth:`Exchange.reject`. The money follows the arithmetic of our own books, which other tests hold against sums made
by hand. Safe from any thread: the terminal calls from its own.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from adapters.brokers.arithmetic import Holding, Line, fee_of_fill, held, settled, step, tied_up
from core.calendar import trading_date
from core.clock import Clock
from core.orders import Fill, Order, Report, ReportKind
from core.types import Mode, Money, Price, Shares, Side, Symbol

REPORTED: Final = 50
CANCELLED: Final = 54
PART_CANCELLED: Final = 53
PART_FILLED: Final = 55
FILLED: Final = 56
JUNK: Final = 57


@dataclass
class Filing:
    """An order at the counter."""

    number: str
    order_id: int
    symbol: Symbol
    side: Side
    shares: Shares
    price: Price
    remark: str
    strategy: str
    at: datetime
    day: date
    status: int = REPORTED
    text: str = ""
    filled: Shares = 0
    amount: Money = Decimal(0)

    @property
    def is_open(self) -> bool:
        return self.status not in {PART_CANCELLED, CANCELLED, FILLED, JUNK}


@dataclass(frozen=True)
class Deal:
    """A trade at the counter."""

    filing: Filing
    trade_id: str
    shares: Shares
    price: Price
    fee: Money
    at: datetime
    day: date


@dataclass
class Book:
    """The money of one account."""

    cash: Money
    holdings: dict[Symbol, Holding]
    lines: dict[int, Line] = field(default_factory=dict)


class Exchange:
    """All accounts at one broker. ``placed`` counts what really arrived, by remark."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.books: dict[str, Book] = {}
        self.filings: list[Filing] = []
        self.deals: list[Deal] = []
        self.placed: Counter[str] = Counter()
        self.on_order: Callable[[Filing], None] = lambda _: None
        self.on_deal: Callable[[Deal], None] = lambda _: None
        self.lock = threading.RLock()
        self._order_ids = itertools.count(1001)
        self._trade_ids = itertools.count(1)

    def open_account(
        self, number: str, cash: Money, positions: Mapping[Symbol, tuple[Shares, Price]] | None = None
    ) -> None:
        holdings = {symbol: held(symbol, shares, cost) for symbol, (shares, cost) in (positions or {}).items()}
        self.books[number] = Book(cash, holdings)

    # --- what arrives ---

    def place(
        self,
        number: str,
        symbol: str,
        side: Side,
        shares: Shares,
        price: Price,
        *,
        remark: str = "",
        strategy: str = "",
    ) -> Filing:
        """Take an order in; the counter refuses what cannot be paid for or is not there to be sold."""
        with self.lock:
            now = self.clock.now()
            day = trading_date(now)
            self.placed[remark] += 1
            filing = Filing(
                number, next(self._order_ids), Symbol(symbol), side, shares, price, remark, strategy, now, day
            )
            book = self.books[number]
            order = _order(filing)
            frozen = tied_up(order, day)
            if frozen > book.cash:
                filing.status, filing.text = JUNK, "[120141][可用资金不足]"
            elif side is Side.SELL and shares > self.sellable(number, filing.symbol):
                filing.status, filing.text = JUNK, "[120142][可用股份不足]"
            else:
                book.lines[filing.order_id] = Line(order=order, day=day, frozen=frozen)
                book.cash -= frozen
            self.filings.append(filing)
            return filing

    def place_elsewhere(
        self, number: str, symbol: str, side: Side, shares: Shares, price: Price, *, remark: str = ""
    ) -> Filing:
        """An order that a person types into the broker's own program."""
        filing = self.place(number, symbol, side, shares, price, remark=remark, strategy="手动")
        self.on_order(filing)
        return filing

    # --- what happens ---

    def filing(self, remark: str) -> Filing:
        """The newest order with this remark."""
        return next(one for one in reversed(self.filings) if one.remark == remark)

    def trade(self, filing: Filing, shares: Shares, price: Price) -> Deal:
        with self.lock:
            now = self.clock.now()
            line = self.books[filing.number].lines[filing.order_id]
            fee = fee_of_fill(line.order, shares, price, trading_date(now))
            deal = Deal(filing, f"{next(self._trade_ids):04d}", shares, price, fee, now, trading_date(now))
            fill = Fill(
                id=deal.trade_id,
                order_id=line.order.id,
                account=filing.number,
                symbol=filing.symbol,
                side=filing.side,
                shares=shares,
                price=price,
                fee=fee,
                at=now,
            )
            self._step(filing, self._report(filing, ReportKind.FILL).model_copy(update={"fill": fill}))
            filing.filled += shares
            filing.amount += price * shares
            if filing.is_open or filing.filled == filing.shares:
                filing.status = FILLED if filing.filled == filing.shares else PART_FILLED
            self.deals.append(deal)
        self.on_deal(deal)
        self.on_order(filing)
        return deal

    def cancel(self, filing: Filing) -> None:
        with self.lock:
            self._step(filing, self._report(filing, ReportKind.CANCELLED))
            filing.status = PART_CANCELLED if filing.filled else CANCELLED
        self.on_order(filing)

    def reject(self, filing: Filing, text: str) -> None:
        """The counter refuses what the terminal has taken."""
        with self.lock:
            self._step(filing, self._report(filing, ReportKind.REJECTED))
            filing.status, filing.text = JUNK, text
        self.on_order(filing)

    # --- what can be asked ---

    def orders(self, number: str) -> list[Filing]:
        with self.lock:
            today = trading_date(self.clock.now())
            return [one for one in self.filings if one.number == number and one.day == today]

    def trades(self, number: str) -> list[Deal]:
        with self.lock:
            today = trading_date(self.clock.now())
            return [one for one in self.deals if one.filing.number == number and one.day == today]

    def sellable(self, number: str, symbol: Symbol) -> Shares:
        book = self.books[number]
        selling = sum(
            line.order.open_shares
            for line in book.lines.values()
            if line.order.symbol == symbol and line.order.side is Side.SELL
        )
        return settled(book.holdings.get(symbol, Holding(symbol)), trading_date(self.clock.now())) - selling

    def frozen(self, number: str) -> Money:
        return sum((line.frozen for line in self.books[number].lines.values()), Decimal(0))

    def _step(self, filing: Filing, report: Report) -> None:
        book = self.books[filing.number]
        line = book.lines[filing.order_id]
        holding = book.holdings.get(filing.symbol, Holding(filing.symbol))
        line, book.cash, holding = step(line, report, book.cash, holding, trading_date(self.clock.now()))
        book.lines[filing.order_id], book.holdings[filing.symbol] = line, holding

    def _report(self, filing: Filing, kind: ReportKind) -> Report:
        return Report(kind=kind, order_id=str(filing.order_id), account=filing.number, at=self.clock.now())


def _order(filing: Filing) -> Order:
    return Order(
        id=str(filing.order_id),
        ticket_id="",
        account=filing.number,
        mode=Mode.LIVE,
        symbol=filing.symbol,
        side=filing.side,
        shares=filing.shares,
        limit=filing.price,
        created_at=filing.at,
        updated_at=filing.at,
    )
