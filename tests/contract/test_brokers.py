"""What every broker promises, and below that what the paper and the manual account promise alone.

A broker joins the first part with a :class:`Bench`: the same file reopened, and a market that trades on demand.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import pytest

from adapters.brokers import filedrop, gateway, manual, paper
from core.clock import MARKET_ZONE, ManualClock
from core.errors import ConfigError, Conflict, Invalid, NotFound, Refused, Unavailable
from core.frames import Frame, Quote, frame_of
from core.orders import Order, OrderState, Report, ReportKind, apply
from core.ports import Broker
from core.types import Mode, Price, Shares, Side, Symbol
from tests.fakes.bigqmt_host import Host
from tests.fakes.filedrop import KEY, NUMBER, SCRIPT, PaperCounter, settings
from tests.fakes.gateway import Town, offer_of
from tests.fakes.xtbench import QmtBench

D = Decimal
BANK = Symbol("600000.SH")
MOUTAI = Symbol("600519.SH")
GOLD = Symbol("518880.SH")
STAR = Symbol("688981.SH")
PRECLOSE = {BANK: D("10.00"), MOUTAI: D("1400.00"), GOLD: D("5.000"), STAR: D("50.00")}
CASH = D("200000.00")
HELD, COST = 1000, D("9.00")
STEP = timedelta(seconds=3)


def market(day: str, clock: str) -> datetime:
    return datetime.fromisoformat(f"{day} {clock}").replace(tzinfo=MARKET_ZONE)


# --- a small market ---


def quoted(
    at: datetime,
    symbol: Symbol = BANK,
    *,
    last: str | None = "10.00",
    bid: str | None = None,
    ask: str | None = None,
    bid_volume: Shares = 0,
    ask_volume: Shares = 0,
    limits: bool = True,
    suspended: bool = False,
) -> Quote:
    preclose = PRECLOSE[symbol]
    return Quote(
        symbol=symbol,
        name="某某股份",
        last=D(last) if last else None,
        preclose=preclose,
        limit_up=preclose * D("1.1") if limits else None,
        limit_down=preclose * D("0.9") if limits else None,
        bid=D(bid) if bid else None,
        ask=D(ask) if ask else None,
        bid_volume=bid_volume,
        ask_volume=ask_volume,
        suspended=suspended,
        source="test",
        quoted_at=at,
        received_at=at,
    )


def framed(*quotes: Quote, at: datetime | None = None) -> Frame:
    return frame_of(quotes, at=at or quotes[0].received_at, source="test")


# --- benches ---


class Bench(Protocol):
    """A broker and the world around it."""

    clock: ManualClock
    broker: Broker

    async def reopen(self) -> Broker:
        """Close the broker and connect to the same account again."""
        ...

    async def crash(self) -> Broker:
        """Lose the process in the middle and connect to what it left behind."""
        ...

    async def quiet(self) -> None:
        """Make the market known without trading anything."""
        ...

    async def trade(self, order: Order, shares: Shares, price: Price) -> None:
        """Let exactly this much of the order trade now at this price."""
        ...

    async def call_off(self, order: Order) -> None:
        """Get the order cancelled, in the way of this broker."""
        ...

    async def close(self) -> None: ...


def left_behind(book: Path) -> Path:
    """The files of an open book as they lie on the disk this moment, in a folder of their own."""
    folder = book.parent / "left behind"
    folder.mkdir()
    for file in book.parent.glob(f"{book.name}*"):
        shutil.copy(file, folder)
    return folder / book.name


class PaperBench:
    def __init__(self, path: Path, clock: ManualClock) -> None:
        self.path, self.clock = path, clock
        self.paper = self._connect()
        self.broker: Broker = self.paper

    def _connect(self) -> paper.PaperBroker:
        return paper.connect(
            path=self.path,
            account="sim",
            name="模拟账户",
            clock=self.clock,
            cash=CASH,
            positions={BANK: (HELD, COST)},
        )

    async def reopen(self) -> Broker:
        await self.paper.close()
        self.paper = self._connect()
        self.broker = self.paper
        return self.broker

    async def crash(self) -> Broker:
        self.path = left_behind(self.path)
        return await self.reopen()

    async def quiet(self) -> None:
        at = self.clock.now()
        await self.paper.on_frame(
            framed(
                *(
                    quoted(at, symbol, last=str(close), bid=str(close * D("0.9")), ask=str(close * D("1.1")))
                    for symbol, close in PRECLOSE.items()
                )
            )
        )

    async def trade(self, order: Order, shares: Shares, price: Price) -> None:
        self.clock.advance(STEP)
        at = self.clock.now()
        up, down = str(PRECLOSE[order.symbol] * D("1.1")), str(PRECLOSE[order.symbol] * D("0.9"))
        if order.side is Side.BUY:
            quote = quoted(at, order.symbol, bid=down, ask=str(price), ask_volume=shares)
        else:
            quote = quoted(at, order.symbol, bid=str(price), ask=up, bid_volume=shares)
        await self.paper.on_frame(framed(quote))

    async def call_off(self, order: Order) -> None:
        await self.paper.cancel(order)

    async def close(self) -> None:
        await self.paper.close()


class ManualBench:
    def __init__(self, path: Path, clock: ManualClock) -> None:
        self.path, self.clock = path, clock
        self.manual = self._connect()
        self.broker: Broker = self.manual

    def _connect(self) -> manual.ManualBroker:
        return manual.connect(path=self.path, account="sim", name="手动账户", clock=self.clock)

    async def reopen(self) -> Broker:
        await self.manual.close()
        self.manual = self._connect()
        self.broker = self.manual
        return self.broker

    async def crash(self) -> Broker:
        self.path = left_behind(self.path)
        return await self.reopen()

    async def quiet(self) -> None:
        pass

    async def trade(self, order: Order, shares: Shares, price: Price) -> None:
        self.clock.advance(STEP)
        await self.manual.record_fill(order.id, shares, price)

    async def call_off(self, order: Order) -> None:
        with pytest.raises(Refused, match="请到券商软件里撤单"):
            await self.manual.cancel(order)
        await self.manual.record_nothing(order.id)

    async def close(self) -> None:
        await self.manual.close()


class GatewayBench(PaperBench):
    """The paper account behind a gateway, over mutual TLS. What the market does is done to the account itself."""

    def __init__(self, path: Path, clock: ManualClock) -> None:
        super().__init__(path, clock)
        self._open()

    def _open(self) -> None:
        self.town = Town(self.path.parent, self.clock)
        self.town.open([self.paper])
        self.town.arm()
        self.line = self.town.line()
        self.broker = gateway.connect(self.line, offer_of(self.paper), self.clock)

    async def reopen(self) -> Broker:
        await self.line.close()
        await self.town.close()
        await super().reopen()
        self._open()
        return self.broker

    async def call_off(self, order: Order) -> None:
        await self.broker.cancel(order)

    async def close(self) -> None:
        await self.line.close()
        await self.town.close()
        await super().close()


async def gateway_bench(path: Path, clock: ManualClock) -> Bench:
    return GatewayBench(path, clock)


class FileDropBench(PaperBench):
    """The paper account as the counter behind a big QMT, which runs the real script."""

    def __init__(self, path: Path, clock: ManualClock) -> None:
        super().__init__(path, clock)
        self._folder = path.parent
        self._host = Host(SCRIPT, PaperCounter(lambda: self.paper, clock), settings(self._folder))
        self._open()

    def _open(self) -> None:
        self._drop = filedrop.connect(
            path=self._folder / "drop",
            key=KEY,
            account="sim",
            number=NUMBER,
            name="大QMT",
            clock=self.clock,
            sleep=self._tick,
        )
        self.broker = self._drop

    async def _tick(self, _seconds: float = 0) -> None:
        self._host.tick()

    async def reopen(self) -> Broker:
        await super().reopen()
        await self._drop.close()
        self._open()
        return self.broker

    async def quiet(self) -> None:
        await super().quiet()
        await self._tick()
        await self._tick()

    async def trade(self, order: Order, shares: Shares, price: Price) -> None:
        await super().trade(order, shares, price)
        await self._tick()

    async def call_off(self, order: Order) -> None:
        await self.broker.cancel(order)
        await self._tick()

    async def close(self) -> None:
        await self._drop.close()
        await super().close()


async def filedrop_bench(path: Path, clock: ManualClock) -> Bench:
    return FileDropBench(path, clock)


class RealBench(QmtBench):
    """miniQMT: the real SDK over a fake terminal."""

    async def crash(self) -> Broker:
        self.path = left_behind(self.path)
        # A process that ends without a stop leaves the number of its connection unusable.
        self.terminal.burnt.add(self.terminal.sessions[-1])
        return await self.reopen()


class FarRealBench(RealBench):
    """The same behind a gateway, over mutual TLS."""

    def _open(self) -> None:
        self.town = Town(self.path.parent, self.clock)
        self.town.open([self.qmt.brokers[0]])
        self.town.arm()
        self.line = self.town.line()
        self.broker = gateway.connect(self.line, offer_of(self.qmt.brokers[0]), self.clock)

    async def ready(self) -> None:
        await super().ready()
        self._open()

    async def call_off(self, order: Order) -> None:
        await self.broker.cancel(order)

    async def close(self) -> None:
        await self.line.close()
        await self.town.close()
        await super().close()


async def paper_bench(path: Path, clock: ManualClock) -> Bench:
    return PaperBench(path, clock)


async def manual_bench(path: Path, clock: ManualClock) -> Bench:
    bench = ManualBench(path, clock)
    await bench.manual.record_cash(CASH)
    await bench.manual.record_position(BANK, HELD, COST)
    return bench


async def real_bench(path: Path, clock: ManualClock) -> Bench:
    bench = RealBench(path, clock, cash=CASH, positions={BANK: (HELD, COST)})
    await bench.ready()
    return bench


async def far_real_bench(path: Path, clock: ManualClock) -> Bench:
    bench = FarRealBench(path, clock, cash=CASH, positions={BANK: (HELD, COST)})
    await bench.ready()
    return bench


MakeBench = Callable[[Path, ManualClock], Awaitable[Bench]]
BENCHES: dict[str, MakeBench] = {
    "paper": paper_bench,
    "manual": manual_bench,
    "gateway": gateway_bench,
    "filedrop": filedrop_bench,
    "qmt": real_bench,
    "qmt behind a gateway": far_real_bench,
}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(market("2026-03-23", "10:00"))


@pytest.fixture(params=BENCHES)
async def bench(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Bench]:
    made = await BENCHES[request.param](tmp_path / "book.db", clock)
    await made.quiet()
    yield made
    await made.close()


def an_order(
    bench: Bench | PaperBench | ManualBench,
    order_id: str = "dp1",
    *,
    side: Side = Side.BUY,
    shares: Shares = 1000,
    limit: str = "10.00",
    symbol: Symbol = BANK,
) -> Order:
    now = bench.clock.now()
    return Order(
        id=order_id,
        ticket_id=order_id[2:],
        account="sim",
        mode=bench.broker.mode,
        symbol=symbol,
        side=side,
        shares=shares,
        limit=D(limit),
        created_at=now,
        updated_at=now,
    )


async def told(broker: Broker, order: Order) -> list[ReportKind]:
    reports = await broker.find(order.id)
    assert reports is not None
    return [report.kind for report in reports]


async def after(broker: Broker, order: Order) -> Order:
    """The order as the desk would have it after everything the broker knows, told twice."""
    reports: Sequence[Report] = await broker.find(order.id) or ()
    for report in (*reports, *reports):
        order = apply(order, report)
    return order


# --- every broker ---


async def test_an_order_is_taken_in_and_reported(bench: Bench) -> None:
    order = an_order(bench)
    await bench.broker.submit(order)
    report = await anext(bench.broker.reports())
    assert (report.kind, report.order_id, report.account) == (ReportKind.ACCEPTED, "dp1", "sim")
    assert (await after(bench.broker, order)).state is OrderState.ACCEPTED


async def test_a_second_submit_places_nothing(bench: Bench) -> None:
    order = an_order(bench)
    await bench.broker.submit(order)
    before = await bench.broker.snapshot()
    await bench.broker.submit(order)
    await bench.broker.submit(order.model_copy(update={"shares": 5000}))
    assert await told(bench.broker, order) == [ReportKind.ACCEPTED]
    assert await bench.broker.snapshot() == before
    assert before.frozen == D("10005.10")


async def test_a_second_submit_after_a_restart_places_nothing(bench: Bench) -> None:
    order = an_order(bench)
    await bench.broker.submit(order)
    await bench.trade(order, 1000, D("10.00"))
    broker = await bench.reopen()
    await broker.submit(order)
    assert await told(broker, order) == [ReportKind.ACCEPTED, ReportKind.FILL]
    assert (await broker.snapshot()).cash == CASH - D("10005.10")


async def test_an_order_never_seen_is_not_found(bench: Bench) -> None:
    assert await bench.broker.find("dp404") is None


async def test_an_order_of_another_account_or_mode_is_certainly_not_placed(bench: Bench) -> None:
    other = Mode.PAPER if bench.broker.mode is Mode.LIVE else Mode.LIVE
    for change in ({"account": "other"}, {"mode": other}):
        with pytest.raises(Refused, match="请换账户"):
            await bench.broker.submit(an_order(bench).model_copy(update=change))
    assert await bench.broker.find("dp1") is None


async def test_a_statement_lists_what_was_ordered_and_traded_today(bench: Bench, clock: ManualClock) -> None:
    order = an_order(bench)
    await bench.broker.submit(order)
    await bench.trade(order, 300, D("10.00"))
    seen = await bench.broker.statement()
    assert seen.account == await bench.broker.snapshot()
    assert [(one.id, one.shares, one.filled, one.state) for one in seen.orders] == [
        ("dp1", 1000, 300, OrderState.PARTIAL)
    ]
    reported = [one.fill for one in await bench.broker.find("dp1") or () if one.fill is not None]
    assert [(one.id, one.order_id, one.shares, one.price, one.fee) for one in seen.trades] == [
        (one.id, "dp1", 300, D("10.00"), one.fee) for one in reported
    ]
    clock.set(market("2026-03-24", "10:00"))
    assert not (await bench.broker.statement()).trades


async def test_partial_fills_add_up(bench: Bench) -> None:
    order = an_order(bench)
    await bench.broker.submit(order)
    await bench.trade(order, 300, D("10.00"))
    await bench.trade(order, 300, D("9.90"))
    partial = await after(bench.broker, order)
    assert (partial.state, partial.filled) == (OrderState.PARTIAL, 600)
    await bench.trade(order, 400, D("9.80"))
    done = await after(bench.broker, order)
    assert (done.state, done.filled, done.filled_amount) == (OrderState.FILLED, 1000, D("9890.00"))
    assert len(set(done.fill_ids)) == 3
    # 5 yuan once, and 0.00001 of 9890.00
    assert done.fees == D("5.10")


async def test_reports_tell_the_same_as_find(bench: Bench) -> None:
    order = an_order(bench)
    await bench.broker.submit(order)
    await bench.trade(order, 300, D("10.00"))
    await bench.call_off(order)
    found = await bench.broker.find(order.id)
    assert found is not None
    stream = bench.broker.reports()
    assert [await anext(stream) for _ in found] == list(found)
    assert [report.kind for report in found] == [ReportKind.ACCEPTED, ReportKind.FILL, ReportKind.CANCELLED]


async def test_a_cancelled_order_frees_its_cash(bench: Bench) -> None:
    order = an_order(bench)
    await bench.broker.submit(order)
    await bench.call_off(order)
    assert (await after(bench.broker, order)).state is OrderState.CANCELLED
    account = await bench.broker.snapshot()
    assert (account.cash, account.frozen) == (CASH, D(0))


async def test_the_rest_of_a_partial_fill_can_be_cancelled(bench: Bench) -> None:
    order = an_order(bench)
    await bench.broker.submit(order)
    await bench.trade(order, 300, D("9.90"))
    await bench.call_off(order)
    cancelled = await after(bench.broker, order)
    assert (cancelled.state, cancelled.filled) == (OrderState.CANCELLED, 300)
    account = await bench.broker.snapshot()
    assert (account.cash, account.frozen) == (CASH - D("2975.03"), D(0))


async def test_a_cancel_after_the_fill_is_refused(bench: Bench) -> None:
    order = an_order(bench)
    await bench.broker.submit(order)
    await bench.trade(order, 1000, D("10.00"))
    with pytest.raises(Refused, match="已成交，撤不了"):
        await bench.broker.cancel(order)
    assert (await after(bench.broker, order)).state is OrderState.FILLED


async def test_a_cancel_of_an_unknown_order_is_refused(bench: Bench) -> None:
    with pytest.raises(Refused, match="没有委托 dp1"):
        await bench.broker.cancel(an_order(bench))


async def test_find_tells_the_same_after_a_restart(bench: Bench) -> None:
    first, second = an_order(bench, "dp1"), an_order(bench, "dp2", side=Side.SELL, shares=300)
    for order in (first, second):
        await bench.broker.submit(order)
    await bench.trade(first, 300, D("9.90"))
    await bench.call_off(second)
    before = [await bench.broker.find(order.id) for order in (first, second)]
    broker = await bench.reopen()
    assert [await broker.find(order.id) for order in (first, second)] == before


async def test_a_restart_keeps_cash_positions_and_open_orders(bench: Bench) -> None:
    order, selling = an_order(bench, "dp1"), an_order(bench, "dp2", side=Side.SELL, shares=300, limit="10.50")
    await bench.broker.submit(order)
    await bench.broker.submit(selling)
    await bench.trade(order, 300, D("9.90"))
    before = await bench.broker.snapshot()
    broker = await bench.reopen()
    assert await broker.snapshot() == before
    await bench.trade(order, 700, D("10.00"))
    assert (await after(broker, order)).state is OrderState.FILLED
    assert (await broker.snapshot()).sellable(BANK) == 700


async def test_a_crash_loses_nothing_that_was_told(bench: Bench) -> None:
    order = an_order(bench)
    await bench.broker.submit(order)
    await bench.trade(order, 300, D("9.90"))
    before = await bench.broker.find(order.id), await bench.broker.snapshot()
    broker = await bench.crash()
    assert (await broker.find(order.id), await broker.snapshot()) == before
    await broker.submit(order)
    assert await told(broker, order) == [ReportKind.ACCEPTED, ReportKind.FILL]


async def test_the_snapshot_is_the_sum_of_what_happened(bench: Bench) -> None:
    buy, sell = an_order(bench, "dp1"), an_order(bench, "dp2", side=Side.SELL, shares=400, limit="9.80")
    await bench.broker.submit(buy)
    await bench.trade(buy, 600, D("9.90"))
    await bench.broker.submit(sell)
    await bench.trade(sell, 400, D("10.10"))
    account = await bench.broker.snapshot()
    # buy 5940.00 + 5.06; its rest 400 x 10.00 + 0.04; sell 4040.00 - 5.00 - 2.02 - 0.04
    assert account.frozen == D("4000.04")
    assert account.cash == CASH - D("5945.06") - D("4000.04") + D("4032.94")
    position = account.position(BANK)
    assert position is not None
    # cost 9000.00 + 5945.06 = 14945.06 for 1600; 400 of them 3736.27 (3736.265)
    assert (position.shares, position.sellable) == (1200, 600)
    assert position.cost == D("9.3407")
    if bench.broker.mode is not Mode.LIVE:  # a real broker does not say
        assert position.realized == D("4032.94") - D("3736.27")


async def test_proceeds_of_a_sale_buy_on_the_same_day(bench: Bench) -> None:
    sell = an_order(bench, "dp1", side=Side.SELL, shares=1000, limit="10.00")
    await bench.broker.submit(sell)
    await bench.trade(sell, 1000, D("10.00"))
    # 10000.00 - 5.00 - 5.00 - 0.10
    assert (await bench.broker.snapshot()).cash == CASH + D("9989.90")
    assert (await bench.broker.snapshot()).positions == ()
    buy = an_order(bench, "dp2", shares=20900)
    await bench.broker.submit(buy)
    assert (await after(bench.broker, buy)).state is OrderState.ACCEPTED


@pytest.mark.parametrize(
    ("bought_on", "still_locked", "free"),
    [
        ("2026-03-23", [], "2026-03-24"),
        ("2026-03-20", ["2026-03-21", "2026-03-22"], "2026-03-23"),
        ("2026-09-30", ["2026-10-01", "2026-10-06", "2026-10-07"], "2026-10-08"),
    ],
)
@pytest.mark.parametrize("make", BENCHES)
async def test_shares_bought_are_sellable_on_the_next_trading_day(
    make: str, tmp_path: Path, bought_on: str, still_locked: list[str], free: str
) -> None:
    bench = await BENCHES[make](tmp_path / "book.db", ManualClock(market(bought_on, "10:00")))
    await bench.quiet()
    order = an_order(bench)
    await bench.broker.submit(order)
    await bench.trade(order, 1000, D("10.00"))
    assert (await bench.broker.snapshot()).sellable(BANK) == HELD
    for day in still_locked:
        bench.clock.set(market(day, "10:00"))
        assert (await bench.broker.snapshot()).sellable(BANK) == HELD
    await bench.reopen()
    bench.clock.set(market(free, "09:00"))
    assert (await bench.broker.snapshot()).sellable(BANK) == HELD + 1000
    await bench.close()


async def test_a_gold_fund_is_sellable_on_the_day_it_was_bought(bench: Bench) -> None:
    order = an_order(bench, symbol=GOLD, limit="5.000")
    await bench.broker.submit(order)
    await bench.trade(order, 1000, D("4.990"))
    account = await bench.broker.snapshot()
    assert account.sellable(GOLD) == 1000
    assert account.cash == CASH - D("4995.00")


async def test_fees_of_a_large_trade_to_the_fen(bench: Bench) -> None:
    buy = an_order(bench, symbol=MOUTAI, shares=100, limit="1400.00")
    await bench.broker.submit(buy)
    assert (await bench.broker.snapshot()).frozen == D("140036.40")
    await bench.trade(buy, 100, D("1400.00"))
    assert (await after(bench.broker, buy)).fees == D("36.40")
    bench.clock.set(market("2026-03-24", "10:00"))
    await bench.quiet()
    sell = an_order(bench, "dp2", symbol=MOUTAI, side=Side.SELL, shares=100, limit="1410.00")
    await bench.broker.submit(sell)
    await bench.trade(sell, 100, D("1410.00"))
    assert (await after(bench.broker, sell)).fees == D("107.16")
    assert (await bench.broker.snapshot()).cash == CASH - D("140036.40") + D("140892.84")


async def test_a_broker_that_cannot_read_its_book_says_so(bench: Bench) -> None:
    await bench.broker.submit(an_order(bench))
    await bench.close()
    with pytest.raises(Unavailable):
        await bench.broker.find("dp1")
    with pytest.raises((Unavailable, Refused)):  # the latter where nothing can have been sent
        await bench.broker.submit(an_order(bench, "dp2"))


async def test_a_paper_book_never_becomes_a_manual_one(tmp_path: Path, clock: ManualClock) -> None:
    await (await paper_bench(tmp_path / "book.db", clock)).close()
    with pytest.raises(ConfigError, match="属于模拟账户“sim”"):
        manual.connect(path=tmp_path / "book.db", account="sim", name="手动账户", clock=clock)


# --- the paper account: what it refuses ---


@pytest.fixture
async def sim(tmp_path: Path, clock: ManualClock) -> AsyncIterator[PaperBench]:
    made = PaperBench(tmp_path / "book.db", clock)
    await made.quiet()
    yield made
    await made.close()


async def refusal(sim: PaperBench, order: Order) -> str:
    """The note of the REJECTED report; the account must not have moved."""
    before = await sim.broker.snapshot()
    await sim.broker.submit(order)
    reports = await sim.broker.find(order.id)
    assert reports is not None
    assert [report.kind for report in reports] == [ReportKind.REJECTED]
    assert await sim.broker.snapshot() == before
    return reports[0].note


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("2026-03-23 09:14:59", "09:15–15:00"),
        ("2026-03-23 15:00:00", "09:15–15:00"),
        ("2026-07-06 15:10:00", "盘后固定价格交易"),
        ("2026-03-22 10:00:00", "休市"),
        ("2026-10-01 10:00:00", "休市"),
    ],
)
async def test_outside_the_hours_an_order_is_rejected(tmp_path: Path, at: str, says: str) -> None:
    sim = PaperBench(tmp_path / "book.db", ManualClock(market(*at.split())))
    await sim.quiet()
    note = await refusal(sim, an_order(sim))
    assert says in note
    assert "请" in note
    await sim.close()


@pytest.mark.parametrize("at", ["09:15:00", "09:27:00", "11:30:00", "12:59:59", "14:58:00", "14:59:59"])
async def test_from_a_quarter_past_nine_to_three_an_order_is_taken(tmp_path: Path, at: str) -> None:
    sim = PaperBench(tmp_path / "book.db", ManualClock(market("2026-03-23", at)))
    await sim.quiet()
    order = an_order(sim)
    await sim.broker.submit(order)
    assert await told(sim.broker, order) == [ReportKind.ACCEPTED]
    await sim.close()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"limit": D("11.01")}, "涨停价 11.00"),
        ({"limit": D("8.99")}, "跌停价 9.00"),
        ({"limit": D("10.005")}, "0.01"),
        ({"limit": D(0)}, "大于 0"),
        ({"shares": 37}, "100"),
        ({"shares": 0}, "大于 0"),
        ({"shares": -100}, "大于 0"),
        ({"shares": 1_000_100}, "1000000"),
        ({"symbol": STAR, "shares": 100, "limit": D("50.00")}, "200"),
        ({"symbol": Symbol("600001.SH")}, "没有 600001.SH 的行情"),
        ({"symbol": Symbol("900901.SH")}, "B股"),
        ({"shares": 20000}, "这笔要 200,052.00 元（含费用 52.00 元）"),
        ({"side": Side.SELL, "shares": 1100}, "可卖 1000 股，少于委托的 1100 股"),
        ({"side": Side.SELL, "shares": 150}, "100"),
        ({"side": Side.SELL, "symbol": MOUTAI, "shares": 100, "limit": D("1400")}, "没有持有 600519.SH"),
    ],
)
async def test_a_breach_is_rejected_with_its_number(sim: PaperBench, changes: dict[str, object], says: str) -> None:
    assert says in await refusal(sim, an_order(sim).model_copy(update=changes))


async def test_limits_are_computed_where_the_source_has_none(sim: PaperBench) -> None:
    await sim.paper.on_frame(framed(quoted(sim.clock.now(), bid="9.99", ask="10.50", limits=False)))
    assert "涨停价 11.00" in await refusal(sim, an_order(sim, limit="11.01"))


async def test_a_suspended_share_is_rejected(sim: PaperBench) -> None:
    await sim.paper.on_frame(framed(quoted(sim.clock.now(), suspended=True)))
    assert "停牌" in await refusal(sim, an_order(sim))


async def test_the_limits_of_yesterday_judge_nothing(sim: PaperBench) -> None:
    sim.clock.set(market("2026-03-24", "09:20"))
    assert "还没有今天的行情" in await refusal(sim, an_order(sim))


async def test_cash_in_open_orders_cannot_be_spent_twice(sim: PaperBench) -> None:
    await sim.broker.submit(an_order(sim, "dp1", shares=19900))
    assert (await sim.broker.snapshot()).cash == D("948.26")  # 199000.00 + 49.75 + 1.99 are frozen
    assert "可用资金 948.26 元，这笔要 1,005.01 元" in await refusal(sim, an_order(sim, "dp2", shares=100))


async def test_shares_in_open_orders_cannot_be_sold_twice(sim: PaperBench) -> None:
    await sim.broker.submit(an_order(sim, "dp1", side=Side.SELL, shares=700, limit="10.50"))
    assert "可卖 300 股" in await refusal(sim, an_order(sim, "dp2", side=Side.SELL, shares=400))


async def test_shares_bought_today_are_not_sold_today(sim: PaperBench) -> None:
    buy = an_order(sim, symbol=MOUTAI, shares=100, limit="1400.00")
    await sim.broker.submit(buy)
    await sim.trade(buy, 100, D("1400.00"))
    sell = an_order(sim, "dp2", symbol=MOUTAI, side=Side.SELL, shares=100, limit="1400.00")
    assert "持有 100 股，可卖 0 股" in await refusal(sim, sell)


# --- the paper account: how it trades ---


async def play(sim: PaperBench, **row: object) -> None:
    """Three seconds later, one new quote."""
    sim.clock.advance(STEP)
    await sim.paper.on_frame(framed(quoted(sim.clock.now(), **row)))  # type: ignore[arg-type]  # a row by its fields


async def test_an_order_trades_at_once_against_a_fresh_quote(sim: PaperBench) -> None:
    await play(sim, bid="9.98", ask="9.99", bid_volume=500, ask_volume=5000)
    order = an_order(sim)
    await sim.broker.submit(order)
    done = await after(sim.broker, order)
    assert (done.state, done.average) == (OrderState.FILLED, D("9.99"))


async def test_a_stale_quote_trades_nothing(sim: PaperBench) -> None:
    await play(sim, bid="9.98", ask="9.99", ask_volume=5000)
    sim.clock.advance(paper.FILLS_WITHIN + STEP)
    order = an_order(sim)
    await sim.broker.submit(order)
    assert await told(sim.broker, order) == [ReportKind.ACCEPTED]
    stale = quoted(sim.clock.now() - paper.FILLS_WITHIN - STEP, bid="9.98", ask="9.99", ask_volume=5000)
    await sim.paper.on_frame(framed(stale, at=sim.clock.now()))
    assert await told(sim.broker, order) == [ReportKind.ACCEPTED]


async def test_a_buy_below_the_ask_waits_for_it(sim: PaperBench) -> None:
    order = an_order(sim, limit="9.95")
    await sim.broker.submit(order)
    await play(sim, last="9.95", bid="9.95", ask="9.96", ask_volume=5000)
    assert await told(sim.broker, order) == [ReportKind.ACCEPTED]
    await play(sim, bid="9.93", ask="9.94", ask_volume=5000)
    assert (await after(sim.broker, order)).average == D("9.94")


async def test_a_sell_trades_at_the_bid(sim: PaperBench) -> None:
    order = an_order(sim, side=Side.SELL, limit="10.05")
    await sim.broker.submit(order)
    await play(sim, bid="10.04", ask="10.05", bid_volume=5000, ask_volume=5000)
    await play(sim, bid="10.06", ask="10.07", bid_volume=600, ask_volume=5000)
    partial = await after(sim.broker, order)
    assert (partial.state, partial.filled, partial.average) == (OrderState.PARTIAL, 600, D("10.06"))


async def test_a_buy_at_a_sealed_limit_up_waits(sim: PaperBench) -> None:
    order = an_order(sim, limit="11.00")
    await play(sim, last="11.00", bid="11.00", bid_volume=9_000_000)
    await sim.broker.submit(order)
    await play(sim, last="11.00", bid="11.00", bid_volume=9_000_000)
    assert await told(sim.broker, order) == [ReportKind.ACCEPTED]
    await play(sim, last="11.00", bid="10.99", ask="11.00", ask_volume=400)
    assert (await after(sim.broker, order)).filled == 400


async def test_a_buy_waits_where_nobody_sells(sim: PaperBench) -> None:
    order = an_order(sim, limit="10.90")
    await sim.broker.submit(order)
    await play(sim, last="10.50", bid="10.50", bid_volume=5000)
    assert await told(sim.broker, order) == [ReportKind.ACCEPTED]


async def test_a_sell_at_a_sealed_limit_down_waits(sim: PaperBench) -> None:
    order = an_order(sim, side=Side.SELL, limit="9.00")
    await play(sim, last="9.00", ask="9.00", ask_volume=9_000_000)
    await sim.broker.submit(order)
    await play(sim, last="9.00", ask="9.00", ask_volume=9_000_000)
    assert await told(sim.broker, order) == [ReportKind.ACCEPTED]


@pytest.mark.parametrize("limits", [True, False])
async def test_without_depth_the_last_price_trades_except_at_the_limit(sim: PaperBench, limits: bool) -> None:
    buy, sell = an_order(sim, "dp1", limit="11.00"), an_order(sim, "dp2", side=Side.SELL, limit="9.00")
    await play(sim, last=None, limits=limits)
    await sim.broker.submit(buy)
    await play(sim, last="11.00", limits=limits)
    assert await told(sim.broker, buy) == [ReportKind.ACCEPTED]
    await play(sim, last="10.95", limits=limits)
    assert (await after(sim.broker, buy)).average == D("10.95")
    await play(sim, last="9.00", limits=limits)
    await sim.broker.submit(sell)
    assert await told(sim.broker, sell) == [ReportKind.ACCEPTED]
    await play(sim, last="9.05", limits=limits)
    assert (await after(sim.broker, sell)).average == D("9.05")


async def test_depth_without_a_count_trades_whole(sim: PaperBench) -> None:
    order = an_order(sim)
    await sim.broker.submit(order)
    await play(sim, bid="9.98", ask="9.99")
    assert (await after(sim.broker, order)).state is OrderState.FILLED


async def test_two_orders_share_what_one_quote_shows_the_better_price_first(sim: PaperBench) -> None:
    first, better = an_order(sim, "dp1", limit="9.99"), an_order(sim, "dp2", limit="10.00")
    await sim.broker.submit(first)
    await sim.broker.submit(better)
    await play(sim, bid="9.98", ask="9.99", ask_volume=1200)
    assert (await after(sim.broker, better)).filled == 1000
    assert (await after(sim.broker, first)).filled == 200


async def test_a_quote_seen_again_offers_nothing_new(sim: PaperBench) -> None:
    await play(sim, bid="9.98", ask="9.99", ask_volume=300)
    order = an_order(sim)
    await sim.broker.submit(order)
    same = quoted(sim.clock.now(), bid="9.98", ask="9.99", ask_volume=300)
    await sim.paper.on_frame(framed(same, at=sim.clock.now() + STEP))
    assert (await after(sim.broker, order)).filled == 300
    await play(sim, bid="9.98", ask="9.99", ask_volume=300)
    assert (await after(sim.broker, order)).filled == 600


async def test_a_suspension_during_the_day_stops_trading(sim: PaperBench) -> None:
    order = an_order(sim)
    await sim.broker.submit(order)
    await play(sim, bid="9.98", ask="9.99", ask_volume=5000, suspended=True)
    assert await told(sim.broker, order) == [ReportKind.ACCEPTED]


async def test_a_frame_without_the_symbol_trades_nothing(sim: PaperBench) -> None:
    order = an_order(sim)
    await sim.broker.submit(order)
    await sim.paper.on_frame(framed(quoted(sim.clock.now(), GOLD, last="5.000")))
    assert await told(sim.broker, order) == [ReportKind.ACCEPTED]


@pytest.mark.parametrize(
    ("at", "trades"),
    [
        ("09:24:00", False),
        ("09:29:59", False),
        ("09:30:00", True),
        ("11:29:59", True),
        ("11:30:00", False),
        ("13:00:00", True),
        ("14:56:59", True),
        ("14:57:00", False),
    ],
)
async def test_an_order_trades_in_continuous_trading_alone(tmp_path: Path, at: str, trades: bool) -> None:
    sim = PaperBench(tmp_path / "book.db", ManualClock(market("2026-03-23", "09:15")))
    await sim.quiet()
    order = an_order(sim)
    await sim.broker.submit(order)
    sim.clock.set(market("2026-03-23", at))
    await sim.paper.on_frame(framed(quoted(sim.clock.now(), bid="9.98", ask="9.99", ask_volume=5000)))
    assert ((await after(sim.broker, order)).state is OrderState.FILLED) is trades
    await sim.close()


@pytest.mark.parametrize(
    ("quoted_at", "seen_at"),
    [
        ("09:29:58", "09:30:01"),  # what the auction left
        ("11:29:58", "11:30:01"),
        ("11:30:00", "13:00:01"),
        ("14:56:58", "14:57:01"),
    ],
)
async def test_a_quote_from_the_other_side_of_a_bell_trades_nothing(
    tmp_path: Path, quoted_at: str, seen_at: str
) -> None:
    sim = PaperBench(tmp_path / "book.db", ManualClock(market("2026-03-23", "09:15")))
    await sim.quiet()
    order = an_order(sim)
    await sim.broker.submit(order)
    sim.clock.set(market("2026-03-23", seen_at))
    old = quoted(market("2026-03-23", quoted_at), bid="9.98", ask="9.99", ask_volume=5000)
    await sim.paper.on_frame(framed(old, at=sim.clock.now()))
    assert await told(sim.broker, order) == [ReportKind.ACCEPTED]
    await sim.close()


@pytest.mark.parametrize("at", ["09:20:00", "09:24:59", "14:57:00", "14:59:59"])
async def test_the_auctions_take_no_cancel(tmp_path: Path, at: str) -> None:
    sim = PaperBench(tmp_path / "book.db", ManualClock(market("2026-03-23", "09:19")))
    await sim.quiet()
    first, second = an_order(sim, "dp1"), an_order(sim, "dp2")
    await sim.broker.submit(first)
    await sim.broker.submit(second)
    await sim.broker.cancel(first)
    sim.clock.set(market("2026-03-23", at))
    with pytest.raises(Refused, match="不能撤单"):
        await sim.broker.cancel(second)
    assert (await after(sim.broker, first)).state is OrderState.CANCELLED
    assert (await after(sim.broker, second)).state is OrderState.ACCEPTED
    await sim.close()


# --- the paper account: the end of the day ---


async def test_an_open_order_expires_at_three_and_frees_its_cash(sim: PaperBench) -> None:
    order = an_order(sim)
    await sim.broker.submit(order)
    await sim.trade(order, 300, D("10.00"))
    sim.clock.set(market("2026-03-23", "14:59:59"))
    assert (await sim.broker.snapshot()).frozen > 0
    at = market("2026-03-23", "15:00:00")
    await sim.paper.on_frame(framed(quoted(at, bid="9.90", ask="9.99", ask_volume=5000)))
    expired = await after(sim.broker, order)
    assert (expired.state, expired.filled) == (OrderState.EXPIRED, 300)
    assert "还有 700 股没有成交" in expired.note
    assert expired.updated_at == at
    account = await sim.broker.snapshot()
    assert (account.cash, account.frozen) == (CASH - D("3005.03"), D(0))


async def test_an_expiry_is_found_at_the_next_start_and_told(sim: PaperBench) -> None:
    order = an_order(sim)
    await sim.broker.submit(order)
    sim.clock.set(market("2026-03-24", "09:00"))
    broker = await sim.reopen()
    report = await anext(broker.reports())
    assert (report.kind, report.at) == (ReportKind.EXPIRED, market("2026-03-23", "15:00"))
    assert (await broker.snapshot()).cash == CASH


async def test_an_expiry_without_frames_is_seen_by_whoever_asks(sim: PaperBench) -> None:
    order = an_order(sim)
    await sim.broker.submit(order)
    sim.clock.set(market("2026-03-23", "15:05"))
    with pytest.raises(Refused, match="已失效"):
        await sim.broker.cancel(order)
    assert await told(sim.broker, order) == [ReportKind.ACCEPTED, ReportKind.EXPIRED]


async def test_what_was_earned_is_kept_when_the_position_is_gone(sim: PaperBench) -> None:
    order = an_order(sim, side=Side.SELL)
    await sim.broker.submit(order)
    await sim.trade(order, 1000, D("10.00"))
    await sim.reopen()
    assert (await sim.paper.snapshot()).realized == D("989.90")


async def test_a_paper_account_in_memory_needs_no_file(clock: ManualClock) -> None:
    broker = paper.connect(path=None, account="sim", name="模拟账户", clock=clock, cash=CASH)
    account = await broker.snapshot()
    assert (account.cash, account.mode, account.positions) == (CASH, Mode.PAPER, ())
    await broker.close()


# --- the manual account ---


@pytest.fixture
async def hand(tmp_path: Path, clock: ManualClock) -> AsyncIterator[ManualBench]:
    made = ManualBench(tmp_path / "book.db", clock)
    yield made
    await made.close()


async def test_the_person_is_told_what_to_place(hand: ManualBench) -> None:
    await hand.broker.submit(an_order(hand))
    report = await anext(hand.broker.reports())
    assert report.note.startswith("请到券商软件下单：买入 600000.SH 1000 股，价格 10.00 元。")


async def test_a_manual_order_stays_open_until_told(hand: ManualBench) -> None:
    order = an_order(hand)
    await hand.broker.submit(order)
    hand.clock.set(market("2026-03-25", "16:00"))
    broker = await hand.reopen()
    assert await told(broker, order) == [ReportKind.ACCEPTED]
    await hand.manual.record_nothing(order.id)
    cancelled = await after(broker, order)
    assert (cancelled.state, cancelled.note) == (OrderState.CANCELLED, "你说没有下单")


async def test_a_new_book_does_not_know_its_cash_until_it_is_told(hand: ManualBench) -> None:
    order = an_order(hand)
    await hand.broker.submit(order)
    await hand.manual.record_fill(order.id, 1000, D("10.00"))
    account = await (await hand.reopen()).snapshot()
    assert (account.cash, account.cash_known) == (D(0), False)
    await hand.manual.record_cash(D("500.00"))
    account = await (await hand.reopen()).snapshot()
    assert (account.cash, account.cash_known) == (D("500.00"), True)


async def test_known_cash_may_fall_below_zero(hand: ManualBench) -> None:
    await hand.manual.record_cash(D(0))
    order = an_order(hand)
    await hand.broker.submit(order)
    await hand.manual.record_fill(order.id, 1000, D("10.00"))
    assert (await hand.broker.snapshot()).cash == D("-10005.10")


async def test_a_fill_told_after_it_was_called_off_counts(hand: ManualBench) -> None:
    await hand.manual.record_cash(CASH)
    order = an_order(hand)
    await hand.broker.submit(order)
    await hand.manual.record_nothing(order.id)
    await hand.manual.record_fill(order.id, 400, D("9.90"))
    late = await after(hand.broker, order)
    assert (late.state, late.filled) == (OrderState.CANCELLED, 400)
    assert (await hand.broker.snapshot()).cash == CASH - D("3965.04")


async def test_a_button_counts_once(hand: ManualBench) -> None:
    order = an_order(hand)
    await hand.broker.submit(order)
    await hand.manual.record_fill(order.id, 500, D("10.00"), after=0)
    with pytest.raises(Conflict, match=r"已经记过了.*已记成交 500/1000 股.*手动账户·手动"):
        await hand.manual.record_fill(order.id, 500, D("10.00"), after=0)
    await hand.manual.record_fill(order.id, 300, D("10.00"), after=500)
    assert (await after(hand.broker, order)).filled == 800


async def test_a_button_does_not_count_after_no_fill_was_told_and_a_typed_fill_does(hand: ManualBench) -> None:
    order = an_order(hand)
    await hand.broker.submit(order)
    await hand.manual.record_nothing(order.id)
    with pytest.raises(Conflict, match="已撤单"):
        await hand.manual.record_fill(order.id, 1000, D("10.00"), after=0)
    await hand.manual.record_fill(order.id, 1000, D("10.00"))
    assert (await after(hand.broker, order)).filled == 1000


@pytest.mark.parametrize(
    ("order_id", "shares", "price", "says"),
    [
        ("dp404", 100, "10.00", "没有委托 dp404"),
        ("dp1", 1100, "10.00", "委托 1000 股，已成交 0 股，不能再成交 1100 股"),
        ("dp1", 0, "10.00", "不能再成交 0 股"),
        ("dp1", -100, "10.00", "不能再成交 -100 股"),
        ("dp1", 100, "0", "大于 0"),
        ("dp1", 100, "NaN", "大于 0"),
    ],
)
async def test_a_fill_that_cannot_be_is_refused(
    hand: ManualBench, order_id: str, shares: Shares, price: str, says: str
) -> None:
    order = an_order(hand)
    await hand.broker.submit(order)
    with pytest.raises((NotFound, Conflict, Invalid), match=f"{says}.*（手动账户·手动）"):
        await hand.manual.record_fill(order_id, shares, D(price))
    assert await told(hand.broker, order) == [ReportKind.ACCEPTED]


async def test_what_the_book_does_not_have_cannot_be_sold(hand: ManualBench) -> None:
    await hand.manual.record_position(BANK, 300, COST)
    order = an_order(hand, side=Side.SELL)
    await hand.broker.submit(order)
    with pytest.raises(Conflict, match="300 股，不够卖 1000 股，请先用 /hold 更正持仓"):
        await hand.manual.record_fill(order.id, 1000, D("10.00"))
    await hand.manual.record_position(BANK, 1000, COST)
    await hand.manual.record_fill(order.id, 1000, D("10.00"))
    assert (await after(hand.broker, order)).state is OrderState.FILLED


async def test_nothing_can_be_called_off_twice(hand: ManualBench) -> None:
    order = an_order(hand)
    await hand.broker.submit(order)
    await hand.manual.record_fill(order.id, 300, D("10.00"))
    await hand.manual.record_nothing(order.id)
    assert (await after(hand.broker, order)).note == "你说剩下的没有成交"
    with pytest.raises(Conflict, match="不能再改"):
        await hand.manual.record_nothing(order.id)


async def test_a_position_told_replaces_the_book_and_keeps_what_was_earned(hand: ManualBench) -> None:
    await hand.manual.record_position(BANK, 1000, COST)
    order = an_order(hand, side=Side.SELL, shares=400)
    await hand.broker.submit(order)
    await hand.manual.record_fill(order.id, 400, D("10.00"))
    await hand.manual.record_position(BANK, 2000, D("9.5512"))
    position = (await hand.broker.snapshot()).position(BANK)
    assert position is not None
    # 4000.00 - 5.00 - 2.00 - 0.04 - 3600.00
    assert (position.shares, position.cost, position.realized) == (2000, D("9.5512"), D("392.96"))
    await hand.manual.record_position(BANK, 0, D(0))
    assert (await hand.broker.snapshot()).positions == ()


@pytest.mark.parametrize(("shares", "limit"), [(0, "10.00"), (-100, "10.00"), (100, "0")])
async def test_an_order_that_cannot_be_is_not_entered(hand: ManualBench, shares: Shares, limit: str) -> None:
    with pytest.raises(Refused, match="不是能下的委托"):
        await hand.broker.submit(an_order(hand, shares=shares, limit=limit))
    assert await hand.broker.find("dp1") is None


async def test_numbers_that_are_none_are_refused(hand: ManualBench) -> None:
    with pytest.raises(Invalid, match="资金 NaN"):
        await hand.manual.record_cash(D("NaN"))
    with pytest.raises(Invalid, match="成本 Infinity"):
        await hand.manual.record_position(BANK, 100, D("Infinity"))
    with pytest.raises(Invalid, match="持仓数量不能是 -1"):
        await hand.manual.record_position(BANK, -1, COST)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-23 21:00", date(2026, 3, 23)),
        ("2026-03-23 09:30", date(2026, 3, 23)),
        ("2026-03-23 08:00", date(2026, 3, 20)),
        ("2026-03-22 12:00", date(2026, 3, 20)),
        ("2026-10-07 12:00", date(2026, 9, 30)),
    ],
)
def test_a_trade_told_late_belongs_to_the_last_day_it_can_have_happened(now: str, expected: date) -> None:
    assert manual.last_traded_day(market(*now.split())) == expected


async def test_a_fill_may_name_its_day(hand: ManualBench) -> None:
    await hand.manual.record_cash(CASH)
    order = an_order(hand)
    await hand.broker.submit(order)
    hand.clock.set(market("2026-03-24", "10:00"))
    await hand.manual.record_fill(order.id, 1000, D("10.00"), day=date(2026, 3, 23))
    assert (await hand.broker.snapshot()).sellable(BANK) == 1000
