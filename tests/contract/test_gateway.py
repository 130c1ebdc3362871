"""Who may ask a gateway, what it lets through, and that nothing is lost or doubled when the line breaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from adapters.brokers import gateway
from adapters.brokers.gateway import GatewayBroker
from adapters.gateway_line import Address, Line
from adapters.gateway_pairing import Paired, trusting
from bot.gateway.certificates import Authority
from bot.gateway.folder import STOP
from core.clock import ManualClock, SystemClock
from core.errors import Malformed, Refused, Unavailable
from core.orders import Order, ReportKind
from core.types import Mode, Side
from core.wire import About, Bounds, Listen, Right
from tests.fakes.brokers import FakeBroker
from tests.fakes.cable import Cable
from tests.fakes.gateway import Town, at_once, offer_of
from tests.fakes.market import MOUTAI, market_instant
from tests.fakes.office import Market

NUMBER = "8881234567"
D = Decimal


class House:
    """A gateway with one account, whose counter does what the test says, and a bot that is paired with it."""

    def __init__(self, folder: Path, clock: ManualClock, **town: object) -> None:
        self.clock = clock
        self.exchange = FakeBroker(clock, account=NUMBER, name="QMT 实盘")
        self.market = Market(clock)
        self.market.set("600519", "1400.00")
        self.town = Town(folder, clock, **town)  # type: ignore[arg-type]  # its own words
        self.town.open([self.exchange], self.market)
        self.town.arm()
        self.paired = self.town.admit()
        self.line = self.town.line(self.paired)
        self.broker = self.behind(self.line)

    def behind(self, line: Line, clock: ManualClock | None = None) -> GatewayBroker:
        return gateway.connect(line, offer_of(self.exchange), clock or self.clock)

    def bot(self, bot_id: str, *rights: Right) -> GatewayBroker:
        return self.behind(self.town.line(self.town.admit(bot_id, rights)))

    @asynccontextmanager
    async def through_a_cable(self) -> AsyncIterator[tuple[Cable, GatewayBroker]]:
        async with Cable(self.town.port) as cable:
            address = self.paired.address()
            there = Address(f"https://127.0.0.1:{cable.port}", address.token, address.context)
            yield cable, self.behind(self.reaching(there))

    def order(self, order_id: str = "dp1", *, shares: int = 100, limit: str = "10", side: Side = Side.BUY) -> Order:
        now = self.clock.now()
        return Order(
            id=order_id,
            ticket_id=order_id[2:],
            account=NUMBER,
            mode=Mode.LIVE,
            symbol=MOUTAI,
            side=side,
            shares=shares,
            limit=D(limit),
            created_at=now,
            updated_at=now,
        )

    def reaching(self, address: Address) -> Line:
        return self.town.lined(Line("QMT 网关", lambda: address, sleep=at_once))

    async def restart(self) -> None:
        await self.town.close()
        self.town.open([self.exchange], self.market)

    async def close(self) -> None:
        await self.town.shut()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(market_instant("2026-11-18 10:00"))


@pytest.fixture
async def house(tmp_path: Path, clock: ManualClock) -> AsyncIterator[House]:
    made = House(tmp_path, clock)
    yield made
    await made.close()


# -- who may ask


async def ask(line: Line) -> About:
    return await line.ask("about", None, About)


async def listened(line: Line, listen: Listen | None = None) -> int:
    """Listen until it breaks off; how many events came."""
    read = 0
    async with line.listen(listen or Listen()) as stream:
        while True:
            await stream.next()
            read += 1


async def test_who_is_paired_is_told_what_there_is(house: House) -> None:
    about = await ask(house.line)
    assert [(one.account, one.mode) for one in about.accounts] == [(NUMBER, Mode.LIVE)]
    assert about.rights == (Right.READ, Right.TRADE)
    assert about.quotes == "测试行情"
    assert about.certificate_until is not None


async def test_nobody_gets_in_without_a_certificate(house: House) -> None:
    address = house.paired.address()
    bare = trusting(house.town.authority.pem.decode())
    with pytest.raises(Unavailable):
        await ask(house.reaching(Address(address.url, address.token, bare)))
    with pytest.raises(Unavailable):
        await listened(house.reaching(Address(address.url, address.token, bare)))


async def test_a_certificate_of_another_authority_opens_nothing(house: House, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    other.make(SystemClock().now())
    with pytest.raises(Unavailable):
        await ask(house.town.line(house.town.admit("THIEF", authority=other)))


async def test_a_gateway_of_another_authority_is_told_nothing(house: House, tmp_path: Path, clock: ManualClock) -> None:
    stranger = Town(tmp_path / "stranger", clock)
    stranger.open([house.exchange])
    address = house.paired.address()
    line = house.reaching(Address(f"https://127.0.0.1:{stranger.port}", address.token, address.context))
    with pytest.raises(Refused, match=r"证书对不上.*没有下单"):
        await house.behind(line).submit(house.order())
    await stranger.close()
    assert not house.exchange.asked


async def test_a_wrong_token_is_refused(house: House) -> None:
    address = house.paired.address()
    for wrong in (
        Address(address.url, "guessed", address.context),
        Address(address.url, address.token + "x", address.context),
    ):
        line = house.reaching(wrong)
        with pytest.raises(Refused, match="重新配对"):
            await house.behind(line).submit(house.order())
        with pytest.raises(Refused, match="重新配对"):
            await listened(line)
    assert not house.exchange.asked


async def test_a_bot_that_was_removed_is_refused_at_once(house: House) -> None:
    await ask(house.line)
    house.town.folder.forget_bot("BOT")
    with pytest.raises(Refused, match="重新配对"):
        await ask(house.line)


async def test_what_is_no_gateway_is_called_so(house: House) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nhi")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Malformed, match="GATEWAY_URL"):
            await ask(house.reaching(Address(f"http://127.0.0.1:{port}", "x")))


async def test_our_certificate_is_renewed_before_it_ends(house: House) -> None:
    late = ManualClock(SystemClock().now() + timedelta(days=61))
    paired = Paired(house.paired.folder, late)
    line = Line("QMT 网关", paired.address, sleep=at_once, before=paired.renew_if_due)
    first = paired.until()
    key = (paired.folder / "bot.pem").read_bytes()
    await ask(line)
    assert paired.until() > first or (paired.folder / "bot.pem").read_bytes() != key
    assert (paired.folder / "bot.pem").read_bytes().split(b"-----END")[0] != key.split(b"-----END")[0]
    await ask(line)
    await line.close()


# -- what is let through


async def refused(house: House, order: Order, broker: GatewayBroker | None = None) -> str:
    with pytest.raises(Refused) as caught:
        await (broker or house.broker).submit(order)
    assert order.id not in house.exchange.asked
    return caught.value.reason


@pytest.mark.parametrize("off", [-6, 6])
async def test_a_request_from_another_time_is_refused(house: House, off: int) -> None:
    there = ManualClock(house.clock.now() + timedelta(seconds=off))
    broker = house.behind(house.line, there)
    assert "请核对两台电脑的时间" in await refused(house, house.order(), broker)
    with pytest.raises(Refused, match="请核对两台电脑的时间"):
        await broker.cancel(house.order())
    assert not house.exchange.cancels


async def test_a_bot_that_may_only_read_reads_only(house: House) -> None:
    broker = house.bot("READER", Right.READ)
    assert "只能查询" in await refused(house, house.order(), broker)
    with pytest.raises(Refused, match="只有查询的权限"):
        await broker.cancel(house.order())
    assert (await broker.snapshot()).id == NUMBER


async def test_a_gateway_is_locked_until_somebody_there_unlocks_it(house: House) -> None:
    house.town.folder.disarm()
    assert "dingpan gateway arm" in await refused(house, house.order())
    house.town.folder.arm(house.clock.now() + timedelta(minutes=1))
    await house.broker.submit(house.order("dp2"))
    house.clock.advance(timedelta(minutes=1))
    assert "dingpan gateway arm" in await refused(house, house.order("dp3"))
    await house.broker.cancel(house.order("dp2"))
    assert house.exchange.cancels == ["dp2"]


async def test_a_stop_file_stops_orders_and_cancels(house: House) -> None:
    (house.town.folder.path / STOP).touch()
    assert "STOP" in await refused(house, house.order())
    with pytest.raises(Refused, match="STOP"):
        await house.broker.cancel(house.order())
    assert (await ask(house.line)).stopped


async def test_what_the_rules_say_is_unreadable_lets_nothing_through(house: House) -> None:
    (house.town.folder.path / "limits.json").write_text("{", encoding="utf-8")
    assert "没有下单" in await refused(house, house.order())


TIGHT = Bounds(order=D(3000), day=D(5000), symbol=D(4000), band=None, cancels=2)


async def test_no_order_is_larger_than_allowed(house: House) -> None:
    house.town.folder.set_bounds(TIGHT)
    text = await refused(house, house.order(limit="30.01"))
    assert "单笔上限是 3,000.00 元" in text
    assert "3,001.00" in text
    await house.broker.submit(house.order(limit="30"))


async def test_no_share_and_no_day_gets_more_than_allowed_also_after_a_restart(house: House) -> None:
    house.town.folder.set_bounds(TIGHT)
    await house.broker.submit(house.order("dp1", limit="30"))
    await house.restart()
    assert "600519.SH 当日累计上限是 4,000.00 元，已用 3,000.00 元" in await refused(
        house, house.order("dp2", limit="11")
    )
    house.town.folder.set_bounds(TIGHT.model_copy(update={"symbol": D(9000)}))
    assert "当日累计上限是 5,000.00 元，已用 3,000.00 元" in await refused(house, house.order("dp3", limit="21"))
    sell = house.order("dp4", limit="20", side=Side.SELL)
    await house.broker.submit(sell)
    assert "已用 5,000.00 元" in await refused(house, house.order("dp5", limit="0.01", side=Side.SELL))
    house.clock.set(market_instant("2026-11-19 10:00"))
    await house.broker.submit(house.order("dp6", limit="30"))


async def test_what_the_broker_refuses_uses_nothing_up_and_what_is_unknown_does(house: House) -> None:
    house.town.folder.set_bounds(TIGHT)
    house.exchange.fail(Refused("券商", f"资金账号 {NUMBER} 资金不足"))
    with pytest.raises(Refused, match=r"资金账号 \*\*\*567 资金不足"):
        await house.broker.submit(house.order("dp1", limit="30"))
    house.exchange.fail(Unavailable("券商", "超时"), placed=True)
    with pytest.raises(Unavailable, match="超时"):
        await house.broker.submit(house.order("dp2", limit="30"))
    house.exchange.heal()
    assert "已用 3,000.00 元" in await refused(house, house.order("dp3", limit="30"))


async def test_many_orders_at_once_cannot_use_the_same_yuan(house: House) -> None:
    house.town.folder.set_bounds(TIGHT)
    orders = [house.order(f"dp{n}", limit="20") for n in range(8)]
    done = await asyncio.gather(*(house.broker.submit(one) for one in orders), return_exceptions=True)
    assert sum(one is None for one in done) == 2
    assert sum(house.exchange.placed.values()) == 2


@pytest.mark.parametrize(
    ("side", "limit", "fine"),
    [
        (Side.BUY, "1428.00", True),
        (Side.BUY, "1428.01", False),
        (Side.BUY, "1300.00", True),
        (Side.SELL, "1372.00", True),
        (Side.SELL, "1371.99", False),
        (Side.SELL, "1500.00", True),
    ],
)
async def test_no_price_gives_money_away(house: House, side: Side, limit: str, *, fine: bool) -> None:
    house.town.folder.set_bounds(Bounds(order=D(10**6), day=D(10**6), symbol=D(10**6), band=D(2)))
    order = house.order(limit=limit, side=side)
    if fine:
        await house.broker.submit(order)
        return
    assert "最新价 1400.00 元" in await refused(house, order)


async def test_without_a_price_of_today_nothing_is_let_through(house: House) -> None:
    house.town.folder.set_bounds(Bounds(order=D(10**6), day=D(10**6), symbol=D(10**6), band=D(2)))
    house.market.down = True
    assert "没有 600519.SH 今天的行情" in await refused(house, house.order("dp1", limit="1400"))
    house.market.down, house.market.frozen = False, True
    house.clock.set(market_instant("2026-11-19 09:31"))
    house.town.arm()
    assert "没有 600519.SH 今天的行情" in await refused(house, house.order("dp2", limit="1400"))


async def test_cancels_are_counted_by_the_minute(house: House) -> None:
    house.town.folder.set_bounds(TIGHT)
    for _ in range(2):
        await house.broker.cancel(house.order())
    with pytest.raises(Refused, match="每分钟最多撤 2 笔"):
        await house.broker.cancel(house.order())
    house.clock.advance(timedelta(minutes=1))
    await house.broker.cancel(house.order())
    assert len(house.exchange.cancels) == 3


async def test_an_order_for_a_paper_account_never_reaches_a_real_one(house: House) -> None:
    with pytest.raises(Refused, match="请换账户"):
        await house.broker.submit(house.order().model_copy(update={"mode": Mode.PAPER}))
    assert not house.exchange.asked


# -- once


async def test_one_id_from_two_connections_at_once_is_one_order(house: House) -> None:
    gate = house.exchange.hold()
    other = house.behind(house.town.line(house.paired))
    both = [asyncio.create_task(one.submit(house.order())) for one in (house.broker, other)]
    await house.exchange.arrived.wait()
    third = asyncio.create_task(other.submit(house.order()))
    gate.set()
    await asyncio.gather(*both, third)
    await house.broker.submit(house.order())
    assert house.exchange.asked == {"dp1": 1}
    assert house.exchange.placed == {"dp1": 1}


async def test_one_id_twice_while_the_price_is_looked_up_is_one_order_and_neither_is_refused(house: House) -> None:
    house.town.folder.set_bounds(Bounds(order=D(10**6), day=D(10**6), symbol=D(10**6), band=D(2)))
    house.market.gate = asyncio.Event()
    order = house.order(limit="1400")
    first = asyncio.create_task(house.broker.submit(order))
    await house.market.asked.wait()
    second = asyncio.create_task(house.behind(house.town.line(house.paired)).submit(order))
    await house.broker.snapshot()
    house.market.gate.set()
    await asyncio.gather(first, second)
    assert house.exchange.placed == {"dp1": 1}


async def test_one_id_after_a_restart_of_the_gateway_is_one_order(house: House) -> None:
    await house.broker.submit(house.order())
    await house.restart()
    await house.broker.submit(house.order())
    assert house.exchange.asked == {"dp1": 1}


async def test_a_broker_that_does_not_answer_in_time_is_unknown_and_not_refused(
    tmp_path: Path, clock: ManualClock
) -> None:
    house = House(tmp_path, clock, patience=timedelta(milliseconds=50))
    gate = house.exchange.hold()
    with pytest.raises(Unavailable, match="请不要重复下单"):
        await house.broker.submit(house.order())
    with pytest.raises(Unavailable, match="还在报送"):
        await house.broker.find("dp1")
    gate.set()
    house.exchange.heal()
    await house.broker.submit(house.order())
    found = await house.broker.find("dp1")
    assert found is not None
    assert house.exchange.placed == {"dp1": 1}
    await house.close()


async def test_an_answer_that_is_lost_is_unknown_and_found_later(house: House) -> None:
    gate = house.exchange.hold()
    async with house.through_a_cable() as (cable, broker):
        sending = asyncio.create_task(broker.submit(house.order()))
        await house.exchange.arrived.wait()
        await cable.cut()
        with pytest.raises(Unavailable, match="连接中断"):
            await sending
        with pytest.raises(Refused, match="没有下单"):
            await broker.submit(house.order("dp2"))
        gate.set()
        cable.mend()
        found = await broker.find("dp1")
        assert found is not None
        assert [report.kind for report in found] == [ReportKind.ACCEPTED]
        await broker.submit(house.order())
    assert house.exchange.placed == {"dp1": 1}


async def test_an_order_that_was_not_found_is_never_placed_later(house: House) -> None:
    assert await house.broker.find("dp1") is None
    assert "不再接受" in await refused(house, house.order())
    await house.broker.submit(house.order("dp2"))


async def test_an_order_is_not_placed_while_somebody_asks_for_it(house: House) -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        asked.set()
        await go.wait()

    house.exchange.on_find = slowly
    finding = asyncio.create_task(house.broker.find("dp1"))
    await asked.wait()
    assert "不再接受" in await refused(house, house.order())
    go.set()
    assert await finding is None


# -- events


async def test_after_a_cut_it_goes_on_where_it_was(house: House) -> None:
    order = house.order()
    await house.broker.submit(order)
    async with house.through_a_cable() as (cable, broker):
        stream = broker.reports()
        assert (await anext(stream)).kind is ReportKind.ACCEPTED
        house.exchange.fills(order, 30, "10")
        assert (await anext(stream)).kind is ReportKind.FILL
        await cable.cut()
        meanwhile = [house.exchange.fills(order, 30, "10"), house.exchange.fills(order, 40, "10")]
        cable.mend()
        assert [await anext(stream) for _ in meanwhile] == meanwhile
        last = house.exchange.ends(order, ReportKind.CANCELLED)
        assert await anext(stream) == last


async def test_when_too_much_happened_meanwhile_it_asks_for_everything(tmp_path: Path, clock: ManualClock) -> None:
    house = House(tmp_path, clock, kept=2)
    order = house.order()
    await house.broker.submit(order)
    async with house.through_a_cable() as (cable, broker):
        stream = broker.reports()
        assert (await anext(stream)).kind is ReportKind.ACCEPTED
        await cable.cut()
        told = [house.exchange.fills(order, 10, "10") for _ in range(6)]
        await house.exchange.told()
        cable.mend()
        found = [await anext(stream) for _ in range(7)]
        assert found[0].kind is ReportKind.ACCEPTED
        assert found[1:] == told
    await house.close()


async def test_after_a_restart_of_the_gateway_nothing_is_missed(house: House) -> None:
    order = house.order()
    await house.broker.submit(order)
    stream = house.broker.reports()
    assert (await anext(stream)).kind is ReportKind.ACCEPTED
    await house.town.close()
    meanwhile = house.exchange.fills(order, 100, "10", times=0)
    house.town.open([house.exchange], house.market)
    assert (await anext(stream)).kind is ReportKind.ACCEPTED
    assert await anext(stream) == meanwhile


async def test_what_is_told_to_one_account_is_not_told_to_another(tmp_path: Path, clock: ManualClock) -> None:
    house = House(tmp_path, clock)
    await house.town.close()
    other = FakeBroker(clock, account="9990000000", name="另一个")
    house.town.open([house.exchange, other])
    theirs = gateway.connect(house.line, offer_of(other), clock)
    order = house.order("dp2").model_copy(update={"account": other.account})
    await theirs.submit(order)
    stream = theirs.reports()
    assert (await anext(stream)).kind is ReportKind.ACCEPTED
    house.exchange.accepts(house.order())
    fill = other.fills(order, 100, "10")
    assert await anext(stream) == fill
    await house.close()


async def test_who_reads_too_slowly_is_cut_off_and_loses_nothing(tmp_path: Path, clock: ManualClock) -> None:
    house = House(tmp_path, clock, slow=timedelta(milliseconds=200), kept=100_000)
    gate, sent = house.town.running.gate, 2000

    async def read(listen: Listen) -> tuple[str, int]:
        """Read nothing until we are cut off, and then what is left; the epoch, and how much that was."""
        count = 0
        async with house.line.listen(listen) as stream:
            for _ in range(sent):
                # More than the system keeps for a connection on its way.
                gate.ring.add(house.exchange._report(house.order(), ReportKind.ACCEPTED, note="x" * 30_000))
            await until(lambda: not gate.sessions)
            try:
                while True:
                    await stream.next()
                    count += 1
            except ConnectionClosed:
                return stream.hello.epoch, count

    epoch, count = await read(Listen(accounts=(NUMBER,)))
    assert 0 < count < sent
    async with house.line.listen(Listen(epoch=epoch, after=count, accounts=(NUMBER,))) as again:
        assert not again.hello.reset
        event = await again.next()
        assert not isinstance(event, bytes)
        assert event.number == count + 1
    await house.close()


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  it happens in the same loop, and nothing else tells of it
        await asyncio.sleep(0)


# -- what is not said


async def test_no_answer_holds_a_path_a_traceback_or_an_account(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise ValueError(rf"C:\qmt\userdata_mini {NUMBER}")

    monkeypatch.setattr(house.exchange, "snapshot", broken)
    with pytest.raises(Unavailable) as caught:
        await house.broker.snapshot()
    assert caught.value.reason == "网关内部出错，已记入网关的日志"
    monkeypatch.setattr(house.exchange, "submit", broken)
    with pytest.raises(Unavailable, match="已记入网关的日志"):
        await house.broker.submit(house.order())


async def test_every_wish_is_written_down_without_the_account(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "bot.gateway.audit"):
        await house.broker.submit(house.order())
        house.town.folder.disarm()
        await refused(house, house.order("dp2"))
    lines = [one.getMessage() for one in caplog.records if one.name == "bot.gateway.audit"]
    assert ["taken" in lines[0], "refused" in lines[1]] == [True, True]
    assert "order dp1 by BOT in ***567: buy 600519.SH 100 at 10" in lines[0]
    assert not any(NUMBER in line for line in lines)
