"""Whatever happens to a paper account, money and shares are neither made nor lost.

The model beside it is independent and simple: it knows the fills, counts in whole thousandths of a yuan, and has its
own fee formula in integers.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Coroutine
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.brokers.paper import PaperBroker, connect
from core.clock import MARKET_ZONE, ManualClock, market_time
from core.errors import Refused
from core.frames import Quote, frame_of
from core.orders import Fill, Order, OrderState, Report, ReportKind, apply
from core.types import Mode, Price, Shares, Side, Symbol

T = TypeVar("T")

SHARE = Symbol("600000.SH")
FUND = Symbol("518880.SH")
"""A gold fund: sellable on the day it is bought, no duty."""

PRECLOSE = {SHARE: 10_000, FUND: 5_000}
TICK = {SHARE: 10, FUND: 1}
CASH = 60_000_000
HELD = {SHARE: 1_050, FUND: 300}
# Thursday, Friday, Monday; then the two days around the seven of the National Day.
DAYS = [date(2026, 9, 17), date(2026, 9, 18), date(2026, 9, 21), date(2026, 9, 30), date(2026, 10, 8)]
SESSION = [(9, 15), (9, 22), (9, 30), (10, 0), (11, 29), (11, 45), (13, 0), (14, 56), (14, 58), (15, 1)]


def milli(amount: Decimal) -> int:
    whole = amount * 1000
    assert whole == int(whole), f"{amount} is no whole number of thousandths"
    return int(whole)


def model_fee(symbol: Symbol, side: Side, amount: int) -> int:
    """Thousandths of a yuan for an order that traded ``amount`` thousandths; each kind is rounded to the fen."""
    if not amount:
        return 0
    commission = max((amount * 25 + 500_000) // 1_000_000, 500)
    duty = (amount * 5 + 50_000) // 100_000 if symbol == SHARE and side is Side.SELL else 0
    transfer = (amount + 500_000) // 1_000_000 if symbol == SHARE else 0
    return (commission + duty + transfer) * 10


def yuan(price: int) -> Price:
    return Decimal(price) / 1000


class PaperAccount(RuleBasedStateMachine):
    """Frames, orders, cancels, nights and restarts in any order."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.clock = ManualClock(datetime(2026, 9, 17, 9, 31, tzinfo=MARKET_ZONE))
        self.broker = self.connect()
        self.placed: dict[str, Order] = {}
        self.entered_on: dict[str, date] = {}
        # The model: money, and shares by the day they were bought; None is before the first day.
        self.money = CASH
        self.lots: dict[Symbol, dict[date | None, Shares]] = {
            symbol: defaultdict(int, {None: shares}) for symbol, shares in HELD.items()
        }
        self.counted: set[str] = set()
        self.traded: dict[str, int] = defaultdict(int)
        self.paid: dict[str, int] = defaultdict(int)

    def connect(self) -> PaperBroker:
        return connect(
            path=self.folder / "book.db",
            account="sim",
            name="模拟账户",
            clock=self.clock,
            cash=Decimal(CASH) / 1000,
            positions={symbol: (shares, yuan(PRECLOSE[symbol])) for symbol, shares in HELD.items()},
        )

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(call)

    def teardown(self) -> None:
        if hasattr(self, "broker"):
            self.run(self.broker.close())
            self.runner.close()
            shutil.rmtree(self.folder)

    # --- what can happen ---

    @rule(
        symbol=st.sampled_from([SHARE, FUND]),
        steps=st.integers(-120, 120),
        spread=st.integers(0, 3),
        volumes=st.tuples(*[st.sampled_from([0, 1, 37, 100, 500, 10_000])] * 2),
        shape=st.sampled_from(["both", "both", "both", "no ask", "no bid", "no depth", "suspended"]),
        seconds=st.sampled_from([0, 3, 90]),
    )
    def frame(
        self, symbol: Symbol, steps: int, spread: int, volumes: tuple[int, int], shape: str, seconds: int
    ) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        now = self.clock.now()
        bid = max(PRECLOSE[symbol] * 9 // 10, min(PRECLOSE[symbol] * 11 // 10, PRECLOSE[symbol] + steps * TICK[symbol]))
        ask = bid + (spread + 1) * TICK[symbol]
        has_bid, has_ask = shape in {"both", "no ask"}, shape in {"both", "no bid"}
        quote = Quote(
            symbol=symbol,
            last=yuan(bid),
            preclose=yuan(PRECLOSE[symbol]),
            bid=yuan(bid) if has_bid else None,
            ask=yuan(ask) if has_ask else None,
            bid_volume=volumes[0] if has_bid else 0,
            ask_volume=volumes[1] if has_ask else 0,
            suspended=shape == "suspended",
            source="test",
            quoted_at=now,
            received_at=now,
        )
        self.run(self.broker.on_frame(frame_of([quote], at=now, source="test")))
        self.count_fills(quote)

    @rule(
        symbol=st.sampled_from([SHARE, SHARE, FUND]),
        side=st.sampled_from(Side),
        shares=st.sampled_from([0, 37, 50, 100, 100, 300, 300, 1_000, 1_050, 5_000]),
        steps=st.integers(-120, 120),
    )
    def submit(self, symbol: Symbol, side: Side, shares: Shares, steps: int) -> None:
        now = self.clock.now()
        order = Order(
            id=f"dp{len(self.placed)}",
            ticket_id=str(len(self.placed)),
            account="sim",
            mode=Mode.PAPER,
            symbol=symbol,
            side=side,
            shares=shares,
            limit=yuan(PRECLOSE[symbol] + steps * TICK[symbol]),
            created_at=now,
            updated_at=now,
        )
        self.placed[order.id] = order
        self.entered_on[order.id] = market_time(now).date()
        self.run(self.broker.submit(order))
        self.count_fills()

    @precondition(lambda self: self.placed)
    @rule(data=st.data())
    def submit_again(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(sorted(self.placed)))
        before = self.run(self.broker.find(order)), self.run(self.broker.snapshot())
        self.run(self.broker.submit(self.placed[order]))
        assert (self.run(self.broker.find(order)), self.run(self.broker.snapshot())) == before

    @precondition(lambda self: self.placed)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order = self.placed[data.draw(st.sampled_from(sorted(self.placed)))]
        was_final = self.state(order.id).state.final
        try:
            self.run(self.broker.cancel(order))
        except Refused:
            assert was_final or not self.in_continuous_trading() or self.state(order.id).state.final
        else:
            assert not was_final
            assert self.state(order.id).state is OrderState.CANCELLED

    @rule(when=st.sampled_from(SESSION), days=st.sampled_from([0, 0, 0, 1]))
    def time_passes(self, when: tuple[int, int], days: int) -> None:
        today = market_time(self.clock.now()).date()
        later = [day for day in DAYS if day >= today][days : days + 1]
        if later:
            hour, minute = when
            self.clock.set(datetime(later[0].year, later[0].month, later[0].day, hour, minute, tzinfo=MARKET_ZONE))

    @rule()
    def restart(self) -> None:
        before = self.run(self.broker.snapshot())
        self.run(self.broker.close())
        self.broker = self.connect()
        assert self.run(self.broker.snapshot()) == before

    # --- what always holds ---

    @invariant()
    def money_and_shares_are_those_of_the_model(self) -> None:
        if not hasattr(self, "broker"):
            return
        account = self.run(self.broker.snapshot())
        assert milli(account.cash) + milli(account.frozen) == self.money
        assert account.cash >= 0
        assert milli(account.frozen) == sum(self.needed(order_id) for order_id in self.placed)
        held = {symbol: sum(lots.values()) for symbol, lots in self.lots.items() if sum(lots.values())}
        assert {position.symbol: position.shares for position in account.positions} == held
        today = market_time(self.clock.now()).date()
        for position in account.positions:
            settled = self.settled(position.symbol, today)
            assert position.sellable == settled - self.selling(position.symbol)
            assert 0 <= position.sellable <= position.shares

    @invariant()
    def nothing_is_filled_beyond_what_was_ordered(self) -> None:
        if not hasattr(self, "broker"):
            return
        for order_id in self.placed:
            order = self.state(order_id)
            assert order.filled <= order.shares
            if self.clock.now() >= self.close_of(order_id):
                assert order.state.final

    # --- the model ---

    def state(self, order_id: str) -> Order:
        order = self.placed[order_id]
        for report in self.told(order_id):
            order = apply(order, report)
        return order

    def told(self, order_id: str) -> list[Report]:
        reports = self.run(self.broker.find(order_id))
        assert reports
        kinds = [report.kind for report in reports]
        assert kinds[0] in {ReportKind.ACCEPTED, ReportKind.REJECTED}
        assert kinds.count(ReportKind.ACCEPTED) + kinds.count(ReportKind.REJECTED) == 1
        return list(reports)

    def count_fills(self, quote: Quote | None = None) -> None:
        fills = [report.fill for order_id in self.placed for report in self.told(order_id) if report.fill]
        new = [fill for fill in fills if fill.id not in self.counted]
        for fill in new:
            self.count(fill)
        if quote is None:
            return
        for side, shown in ((Side.BUY, quote.ask_volume), (Side.SELL, quote.bid_volume)):
            taken = sum(fill.shares for fill in new if fill.side is side)
            assert not shown or taken <= shown

    def count(self, fill: Fill) -> None:
        assert self.in_continuous_trading()
        order, amount = self.placed[fill.order_id], milli(fill.price) * fill.shares
        assert fill.price <= order.limit if fill.side is Side.BUY else fill.price >= order.limit
        assert fill.shares > 0
        self.counted.add(fill.id)
        self.traded[order.id] += amount
        fee = model_fee(order.symbol, order.side, self.traded[order.id]) - self.paid[order.id]
        self.paid[order.id] += fee
        assert milli(fill.fee) == fee
        today = market_time(fill.at).date()
        lots = self.lots[order.symbol]
        if fill.side is Side.BUY:
            self.money -= amount + fee
            lots[today] += fill.shares
            return
        self.money += amount - fee
        assert fill.shares <= self.settled(order.symbol, today), "sold before it was settled"
        left = fill.shares
        for day in sorted(lots, key=lambda day: day or date.min):
            gone = min(lots[day], left)
            lots[day] -= gone
            left -= gone

    def settled(self, symbol: Symbol, today: date) -> Shares:
        # Every day of DAYS is a trading day, so "bought earlier" is "settled" here.
        return sum(shares for day, shares in self.lots[symbol].items() if symbol == FUND or day is None or day < today)

    def selling(self, symbol: Symbol) -> Shares:
        orders = [self.state(order_id) for order_id in self.placed]
        return sum(order.open_shares for order in orders if order.symbol == symbol and order.side is Side.SELL)

    def needed(self, order_id: str) -> int:
        order = self.state(order_id)
        if order.side is Side.SELL or not order.open_shares:
            return 0
        rest = milli(order.limit) * order.open_shares
        return rest + model_fee(order.symbol, order.side, self.traded[order_id] + rest) - self.paid[order_id]

    def in_continuous_trading(self) -> bool:
        now = market_time(self.clock.now())
        minute = now.hour * 60 + now.minute
        return 570 <= minute < 690 or 780 <= minute < 897

    def close_of(self, order_id: str) -> datetime:
        day = self.entered_on[order_id]
        return datetime(day.year, day.month, day.day, 15, tzinfo=MARKET_ZONE)


PaperAccount.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestAPaperAccountLosesNothing = PaperAccount.TestCase
