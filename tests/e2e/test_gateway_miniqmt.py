"""What the settings name is hosted: both halves of the real SDK, over native halves of ours, behind one gateway."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.brokers import gateway
from adapters.gateway_line import Address, Line
from adapters.quotes import gateway as gateway_quotes
from adapters.quotes.qmt import HEARTBEAT
from bot.gateway.folder import Bot, digest_of
from bot.gateway.hosting import attend, host_miniqmt, open_gateway
from bot.settings import Settings
from core.clock import SystemClock
from core.errors import ConfigError
from core.orders import Order, ReportKind
from core.types import Mode, Side
from core.wire import About, Bounds, Right
from tests.fakes import xtnative
from tests.fakes.market import ShiftedClock, market_instant
from tests.fakes.qmt_house import BANK, MAOTAI
from tests.fakes.xtdatacenter import Terminal as Datacenter
from tests.fakes.xtexchange import Exchange
from tests.fakes.xtnative import Terminal

NUMBER = "8880001234"


@pytest.mark.timeout(60)
async def test_accounts_and_prices_of_one_terminal_come_through_one_gateway(tmp_path: Path) -> None:
    clock = ShiftedClock(market_instant("2026-11-18 10:00"))
    path = str(tmp_path / "国金QMT" / "userdata_mini")
    settings = Settings.load(
        {"DATA_DIR": str(tmp_path / "data"), "MINIQMT_PATH": path, "MINIQMT_ACCOUNT_ID": NUMBER}, file=None
    )
    settings.gateway_folder.mkdir(parents=True)
    xtnative.install()
    exchange = Exchange(clock)
    exchange.open_account(NUMBER, Decimal(200_000), {BANK: (1000, Decimal(9))})
    Terminal(path, exchange, [NUMBER])
    market = Datacenter(clock)
    market.have(MAOTAI, name="贵州茅台", last=1419.09, preclose=1430.0)
    market.have(BANK, name="浦发银行", last=10.0, preclose=9.9)
    for index in HEARTBEAT:
        market.have(index, name="指数", last=3345.678, preclose=3351.756)
    me = Bot(id="me", name="me", rights=(Right.READ, Right.TRADE), digest=digest_of("secret"), paired_at=clock.now())
    async with AsyncExitStack() as stack:
        stack.enter_context(market.running())
        hosted = host_miniqmt(settings, clock, stack)
        running = open_gateway(settings, hosted, clock, stack, host="127.0.0.1", port=0, fixed=[me])
        working = asyncio.create_task(attend(running, hosted.works))
        line = Line("QMT 网关", lambda: Address(f"http://127.0.0.1:{running.port}", "secret"))
        stack.push_async_callback(line.close)
        about = await line.ask("about", None, About)
        while about.troubles:
            about = await line.ask("about", None, About)
        assert [(one.account, one.name, one.mode) for one in about.accounts] == [("qmt1234", "QMT1234", Mode.LIVE)]
        assert NUMBER not in about.model_dump_json()
        quotes = gateway_quotes.connect(line, clock)
        assert (await quotes.fetch([MAOTAI]))[MAOTAI].last == Decimal("1419.09")
        broker = gateway.connect(line, about.accounts[0], clock)
        assert (await broker.snapshot()).sellable(BANK) == 1000
        running.gate.folder.set_bounds(Bounds())
        running.gate.folder.arm(clock.now().replace(year=2030))
        order = Order(
            id="dp00000001",
            ticket_id="00000001",
            account="qmt1234",
            mode=Mode.LIVE,
            symbol=BANK,
            side=Side.BUY,
            shares=1000,
            limit=Decimal("10.00"),
            created_at=clock.now(),
            updated_at=clock.now(),
        )
        await broker.submit(order)
        stream = broker.reports()
        assert (await anext(stream)).kind is ReportKind.ACCEPTED
        exchange.trade(exchange.filing(order.id), 1000, Decimal("9.99"))
        assert (await anext(stream)).kind is ReportKind.FILL
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_what_is_missing_is_said_all_at_once(tmp_path: Path) -> None:
    settings = Settings.load({"DATA_DIR": str(tmp_path)}, file=None)
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigError) as caught:
            host_miniqmt(settings, SystemClock(), stack)
    assert len(caught.value.problems) == 2
    assert "MINIQMT_PATH" in caught.value.problems[0]
    assert "MINIQMT_ACCOUNT_ID" in caught.value.problems[1]
