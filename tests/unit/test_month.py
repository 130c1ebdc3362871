"""A month of trades on the paper account against a table computed by hand, to the fen.

Rates: commission 0.025 % and at least 5 yuan per order; stamp duty 0.05 % on sales of shares; transfer fee 0.001 % on
shares both ways; funds pay the commission alone. Each kind is rounded half up to the fen. A sale takes its part of the
whole cost, fees of buying included; what it earned is what came in after fees, less that part.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from adapters.brokers.paper import PaperBroker, connect
from core.clock import ManualClock
from core.ex_dates import ExDate
from core.frames import Quote, frame_of
from core.orders import Fill, Order, OrderState, apply
from core.portfolio import value
from core.types import Mode, Price, Shares, Side, Symbol
from tests.fakes.market import market_instant

D = Decimal
BANK: Final = Symbol("600036.SH")
CHIP: Final = Symbol("688981.SH")  # STAR: at least 200, then any number
SPECIAL: Final = Symbol("600525.SH")  # under special treatment
INDEX_FUND: Final = Symbol("510300.SH")  # T+1
GOLD_FUND: Final = Symbol("518880.SH")  # T+0
NAMES: Final = {SPECIAL: "ST长园"}
PRECLOSE: Final = {BANK: D(40), CHIP: D(92), SPECIAL: D(5), INDEX_FUND: D("4.000"), GOLD_FUND: D("9.000")}
BUY, SELL = Side.BUY, Side.SELL


class Row(NamedTuple):
    """An order, what it meets, and what the account must be after it.

    Attributes:
        offers: price and shares at the other side, one quote after another.
        fees: of each fill.
        realized: of this symbol, all in all.
        left: shares of it and what they have cost, fees of buying included.
        ends: how the order ends; PARTIAL is what 15:00 makes EXPIRED.
    """

    at: str
    side: Side
    symbol: Symbol
    shares: Shares
    limit: Price
    offers: Sequence[tuple[Price, Shares]]
    fees: Sequence[Decimal]
    cash: Decimal
    realized: Decimal
    left: tuple[Shares, Decimal]
    ends: OrderState = OrderState.FILLED


class Refusal(NamedTuple):
    """An order that the exchange would not take; the account stays as it is."""

    at: str
    side: Side
    symbol: Symbol
    shares: Shares
    limit: Price
    why: str


BEGAN: Final = D("200000.00")
MONTH: Final[Sequence[Row | Refusal]] = (
    # 40,000.00: commission 10.00, transfer 0.40. Cash 200,000.00 - 40,010.40.
    Row(
        "2026-06-22 10:00", BUY, BANK, 1000, D("40.00"), [(D("40.00"), 5000)],
        fees=[D("10.00") + D("0.40")],
        cash=D("200000.00") - D("40000.00") - D("10.40"),
        realized=D("0.00"), left=(1000, D("40010.40")),
    ),
    Refusal("2026-06-22 13:30", SELL, BANK, 1000, D("40.50"), "可卖 0 股"),  # T+1
    # 200 x 40.90 = 8,180.00: commission 2.045, so 5.00; transfer 0.0818: 0.08. Then 100 x 41.00 = 4,100.00; of the whole
    # 12,280.00 commission 3.07, still 5.00; transfer 0.1228: 0.12. The second fill adds 0.04.
    Row(
        "2026-06-23 10:00", BUY, BANK, 300, D("41.00"), [(D("40.90"), 200), (D("41.00"), 5000)],
        fees=[D("5.00") + D("0.08"), D("0.12") - D("0.08")],
        cash=D("159989.60") - D("8180.00") - D("5.08") - D("4100.00") - D("0.04"),
        realized=D("0.00"), left=(1300, D("40010.40") + D("8185.08") + D("4100.04")),
    ),
    # 500 x 42.00 = 21,000.00: commission 5.25, duty 10.50, transfer 0.21. Its cost 52,295.52 x 500/1300 = 20,113.66.
    Row(
        "2026-06-24 10:00", SELL, BANK, 500, D("42.00"), [(D("42.00"), 5000)],
        fees=[D("5.25") + D("10.50") + D("0.21")],
        cash=D("147704.48") + D("21000.00") - D("15.96"),
        realized=D("21000.00") - D("15.96") - D("20113.66"), left=(800, D("52295.52") - D("20113.66")),
    ),
    # A fund, with the money of the sale: commission 10.00 alone.
    Row(
        "2026-06-24 10:10", BUY, INDEX_FUND, 10_000, D("4.000"), [(D("4.000"), 50_000)],
        fees=[D("10.00")],
        cash=D("168688.52") - D("40000.00") - D("10.00"),
        realized=D("0.00"), left=(10_000, D("40010.00")),
    ),
    Refusal("2026-06-24 10:20", SELL, INDEX_FUND, 10_000, D("4.000"), "可卖 0 份"),
    # 1000 x 9.000 = 9,000.00: commission 2.25, so 5.00; sold on the same day at 9,020.00, again 5.00.
    Row(
        "2026-06-24 13:10", BUY, GOLD_FUND, 1000, D("9.000"), [(D("9.000"), 5000)],
        fees=[D("5.00")],
        cash=D("128678.52") - D("9005.00"),
        realized=D("0.00"), left=(1000, D("9005.00")),
    ),
    Row(
        "2026-06-24 14:10", SELL, GOLD_FUND, 1000, D("9.020"), [(D("9.020"), 5000)],
        fees=[D("5.00")],
        cash=D("119673.52") + D("9020.00") - D("5.00"),
        realized=D("9015.00") - D("9005.00"), left=(0, D("0.00")),
    ),
    Refusal("2026-06-29 10:00", BUY, CHIP, 150, D("90.00"), "200"),
    # 350 x 90.00 = 31,500.00: commission 7.875: 7.88; transfer 0.315: 0.32.
    Row(
        "2026-06-29 10:10", BUY, CHIP, 350, D("90.00"), [(D("90.00"), 5000)],
        fees=[D("7.88") + D("0.32")],
        cash=D("128688.52") - D("31500.00") - D("8.20"),
        realized=D("0.00"), left=(350, D("31508.20")),
    ),
    # Until 2026-07-05 a share under special treatment moves 5 % a day, from 2026-07-06 on 10 %.
    Refusal("2026-07-03 10:00", BUY, SPECIAL, 1000, D("5.40"), "涨停价 5.25"),
    # 5,400.00: commission 1.35, so 5.00; transfer 0.054: 0.05.
    Row(
        "2026-07-06 10:00", BUY, SPECIAL, 1000, D("5.40"), [(D("5.40"), 5000)],
        fees=[D("5.00") + D("0.05")],
        cash=D("97180.32") - D("5400.00") - D("5.05"),
        realized=D("0.00"), left=(1000, D("5405.05")),
    ),
    # 200 x 95.00 = 19,000.00: commission 4.75, so 5.00; duty 9.50; transfer 0.19. Cost 31,508.20 x 200/350 = 18,004.69.
    Row(
        "2026-07-08 10:00", SELL, CHIP, 200, D("95.00"), [(D("95.00"), 5000)],
        fees=[D("5.00") + D("9.50") + D("0.19")],
        cash=D("91775.27") + D("19000.00") - D("14.69"),
        realized=D("18985.31") - D("18004.69"), left=(150, D("31508.20") - D("18004.69")),
    ),
    # What is left of a STAR share below 200 is sold at once or not at all.
    Refusal("2026-07-08 10:10", SELL, CHIP, 100, D("94.00"), "150"),
    # 150 x 94.00 = 14,100.00: commission 3.525, so 5.00; duty 7.05; transfer 0.141: 0.14. Cost: all that is left.
    Row(
        "2026-07-08 10:20", SELL, CHIP, 150, D("94.00"), [(D("94.00"), 5000)],
        fees=[D("5.00") + D("7.05") + D("0.14")],
        cash=D("110760.58") + D("14100.00") - D("12.19"),
        realized=D("980.62") + D("14087.81") - D("13503.51"), left=(0, D("0.00")),
    ),
    # 300 of 800 are traded until 15:00. 12,900.00: commission 3.225, so 5.00; duty 6.45; transfer 0.129: 0.13. Cost
    # 32,181.86 x 300/800 = 12,068.20.
    Row(
        "2026-07-13 10:00", SELL, BANK, 800, D("43.00"), [(D("43.00"), 300)],
        fees=[D("5.00") + D("6.45") + D("0.13")],
        cash=D("124848.39") + D("12900.00") - D("11.58"),
        realized=D("870.38") + D("12888.42") - D("12068.20"), left=(500, D("32181.86") - D("12068.20")),
        ends=OrderState.EXPIRED,
    ),
    # 5000 x 4.100 = 20,500.00: commission 5.125: 5.13. Half of the cost, 20,005.00.
    Row(
        "2026-07-20 10:00", SELL, INDEX_FUND, 5000, D("4.100"), [(D("4.100"), 50_000)],
        fees=[D("5.13")],
        cash=D("137736.81") + D("20500.00") - D("5.13"),
        realized=D("20494.87") - D("20005.00"), left=(5000, D("20005.00")),
    ),
)  # fmt: skip


class Exchange:
    """The paper account and its market."""

    def __init__(self) -> None:
        self.clock = ManualClock(market_instant("2026-06-22 09:30"))
        self.broker: PaperBroker = connect(path=None, account="sim", name="模拟账户", clock=self.clock, cash=BEGAN)
        self.orders: list[Order] = []

    async def quote(self, symbol: Symbol, side: Side, price: Price, shares: Shares) -> None:
        now = self.clock.now()
        bought = side is BUY
        quote = Quote(
            symbol=symbol,
            name=NAMES.get(symbol, ""),
            last=price,
            preclose=PRECLOSE[symbol],
            ask=price if bought else None,
            bid=None if bought else price,
            ask_volume=shares if bought else 0,
            bid_volume=0 if bought else shares,
            source="test",
            quoted_at=now,
            received_at=now,
        )
        await self.broker.on_frame(frame_of([quote], at=now, source="test"))

    async def submit(self, row: Row | Refusal) -> Order:
        order = Order(
            id=f"dp{len(self.orders)}",
            ticket_id=f"{len(self.orders)}",
            account="sim",
            mode=Mode.PAPER,
            symbol=row.symbol,
            side=row.side,
            shares=row.shares,
            limit=row.limit,
            created_at=self.clock.now(),
            updated_at=self.clock.now(),
        )
        self.orders.append(order)
        await self.broker.submit(order)
        return order

    async def now(self, order: Order) -> tuple[Order, list[Fill]]:
        """The order as the broker tells it, and its fills."""
        reports = await self.broker.find(order.id)
        assert reports is not None
        for report in reports:
            order = apply(order, report)
        return order, [report.fill for report in reports if report.fill]


def offered(row: Row | Refusal) -> Sequence[tuple[Price, Shares]]:
    return row.offers if isinstance(row, Row) else [(PRECLOSE[row.symbol], 0)]


async def played(exchange: Exchange, row: Row | Refusal) -> tuple[Order, list[Fill]]:
    """One row, from its order to the last of its quotes; where it did not trade whole, to the close."""
    exchange.clock.set(market_instant(row.at))
    first, *later = offered(row)
    await exchange.quote(row.symbol, row.side, *first)
    order = await exchange.submit(row)
    for price, shares in later:
        exchange.clock.set(market_instant(f"{row.at}:30"))
        await exchange.quote(row.symbol, row.side, price, shares)
    if isinstance(row, Row) and row.ends is OrderState.EXPIRED:
        exchange.clock.set(market_instant(f"{row.at[:10]} 15:00"))
    return await exchange.now(order)


async def test_a_month_of_trades_is_that_of_the_table() -> None:
    exchange = Exchange()
    for row in MONTH:
        before = await exchange.broker.snapshot()
        order, fills = await played(exchange, row)
        account = await exchange.broker.snapshot()
        holding = exchange.broker._ledger.holding(row.symbol)
        if isinstance(row, Refusal):
            assert order.state is OrderState.REJECTED, row
            assert row.why in order.note, row
            assert (account.cash, account.frozen) == (before.cash, before.frozen)
            continue
        assert order.state is row.ends, row
        assert [fill.fee for fill in fills] == row.fees, row
        assert account.cash == row.cash, row
        assert account.frozen == 0, row
        assert (holding.shares, holding.cost) == row.left, row
        assert holding.realized == row.realized, row


async def test_after_the_month_cash_cost_and_profit_add_up() -> None:
    exchange = Exchange()
    fees = D(0)
    for row in MONTH:
        _, fills = await played(exchange, row)
        fees += sum((fill.fee for fill in fills), D(0))
    account = await exchange.broker.snapshot()
    assert {one.symbol: (one.shares, one.cost) for one in account.positions} == {
        BANK: (500, D("40.2273")),  # 20,113.66 / 500
        INDEX_FUND: (5000, D("4.0010")),  # 20,005.00 / 5000
        SPECIAL: (1000, D("5.4051")),  # 5,405.05 / 1000
    }
    assert account.cash == D("158231.68")
    # 1,690.60 of the bank, 489.87 and 10.00 of the funds, 1,564.92 of the chips.
    assert account.realized == D("1690.60") + D("489.87") + D("10.00") + D("1564.92") == D("3755.39")
    # Whatever was traded: cash and cost are what there was and what was earned.
    assert account.cash + D("20113.66") + D("20005.00") + D("5405.05") == BEGAN + D("3755.39")
    assert fees == D("108.32")
    # At 43.00, 4.100 and 5.30 it is worth 21,500.00 + 20,500.00 + 5,300.00.
    worth = value(account, {BANK: D("43.00"), INDEX_FUND: D("4.100"), SPECIAL: D("5.30")})
    assert worth.value == D("47300.00")
    assert worth.total == D("205531.68")
    # Against average costs of four decimals: 2.7727 x 500 + 0.0990 x 5000 - 0.1051 x 1000.
    assert worth.profit == D("1386.35") + D("495.00") - D("105.10")


async def test_a_dividend_after_the_month_is_cash_and_a_lower_cost_and_no_profit() -> None:
    exchange = Exchange()
    for row in MONTH:
        await played(exchange, row)
    before = await exchange.broker.snapshot()
    # 10 yuan for 10 shares: 500 x 1.00 = 500.00 are paid out, and the cost falls by it: 20,113.66 - 500.00.
    ex = ExDate(symbol=BANK, day=date(2026, 7, 21), close=D("43.00"), preclose=D("42.00"))
    found = await exchange.broker.record_ex_date(ex)
    assert found is not None
    assert await exchange.broker.record_ex_date(ex) is None, "once"
    account = await exchange.broker.snapshot()
    assert account.cash == before.cash + D("500.00")
    assert exchange.broker._ledger.holding(BANK).cost == D("19613.66")
    assert account.realized == before.realized
    # 19,613.66 / 500 = 39.2273. At 42.00 it is worth what it was at 43.00, with the cash.
    position = account.position(BANK)
    assert position is not None
    assert (position.shares, position.cost) == (500, D("39.2273"))
    assert D("42.00") * 500 + account.cash == D("43.00") * 500 + before.cash


async def test_what_was_sold_is_what_had_been_held_for_a_night() -> None:
    """T+1 over the whole month: no fill of a sale exceeds what was there on the evening before, but for the gold fund."""
    exchange = Exchange()
    held: dict[tuple[str, Symbol], int] = {}
    for row in MONTH:
        _, fills = await played(exchange, row)
        for fill in fills:
            day = row.at[:10]
            earlier = sum(shares for (when, symbol), shares in held.items() if symbol == row.symbol and when < day)
            today = sum(shares for (when, symbol), shares in held.items() if symbol == row.symbol and when == day)
            if fill.side is SELL and row.symbol != GOLD_FUND:
                assert fill.shares <= earlier + min(today, 0)
            way = 1 if fill.side is BUY else -1
            held[day, row.symbol] = held.get((day, row.symbol), 0) + way * fill.shares
