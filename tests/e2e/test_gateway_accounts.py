"""The accounts that the settings name: several, the first one usual, and a real one never replaced by a paper one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot import main
from bot.accounts import gateway_of, open_accounts, pair_with
from bot.gateway import commands
from bot.gateway.folder import Folder
from bot.settings import Settings
from core.clock import ManualClock, SystemClock
from core.errors import ConfigError, Invalid, NotFound, Unavailable
from core.types import Mode
from tests.contract.test_gateway_pairing import Door
from tests.fakes.brokers import FakeBroker
from tests.fakes.gateway import ALL, Town
from tests.fakes.market import market_instant

LOCAL = {
    "MINIQMT_ENABLED": "true",
    "MINIQMT_PATH": r"D:\qmt\userdata_mini",
    "MINIQMT_ACCOUNT_ID": "8880001234,8880005678",
}


def settings_of(tmp_path: Path, **given: str) -> Settings:
    return Settings.load({"DATA_DIR": str(tmp_path / "data"), "PICTURES": "off", **given}, file=None)


async def test_miniqmt_on_this_pc_brings_its_accounts_and_leaves_a_paper_one(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, **LOCAL)
    async with AsyncExitStack() as stack:
        app, _ = main.build(settings, SystemClock(), stack)
        brokers = app.house.brokerage.brokers
        assert [(one.account, one.name, one.mode) for one in brokers] == [
            ("qmt1234", "QMT1234", Mode.LIVE),
            ("qmt5678", "QMT5678", Mode.LIVE),
            ("paper", "模拟账户", Mode.PAPER),
        ]
        assert app.house.brokerage.default_account == "qmt1234"
        assert "QMT1234（实盘，动的是真钱）" in app.house.about
        assert "没有指明账户时用QMT1234" in app.house.about
        assert main.usual_place(settings)[0] == "qmt1234"
        assert main.is_running(settings)
        # The gateway is not there: that is said, and nothing takes its place.
        for broker in brokers[:2]:
            with pytest.raises(Unavailable, match="网关"):
                await broker.snapshot()
    assert not main.is_running(settings)


async def test_who_says_paper_keeps_it_as_the_usual_account(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, **LOCAL, BROKER="paper")
    async with AsyncExitStack() as stack:
        app, _ = main.build(settings, SystemClock(), stack)
        assert [one.account for one in app.house.brokerage.brokers] == ["paper", "qmt1234", "qmt5678"]
    assert main.usual_place(settings)[0] == "paper"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"BROKER": "qmt"}, "MINIQMT_ENABLED=true"),
        ({"MINIQMT_ENABLED": "true"}, "MINIQMT_PATH"),
        ({"MINIQMT_ENABLED": "true"}, "MINIQMT_ACCOUNT_ID"),
        ({"GATEWAY_URL": "https://127.0.0.1:1"}, "dingpan gateway pair"),
        ({"QUOTES": "qmt"}, "QUOTES"),
    ],
)
async def test_what_is_missing_is_said_at_the_start(tmp_path: Path, given: dict[str, str], says: str) -> None:
    settings = settings_of(tmp_path, **given)
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigError, match=says):
            main.build(settings, SystemClock(), stack)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    clock = SystemClock()
    made = Town(tmp_path, clock)
    made.open(
        [FakeBroker(clock, account="qmt1234", name="QMT1234"), FakeBroker(clock, account="qmt5678", name="QMT5678")]
    )
    yield made
    await made.shut()


async def test_a_gateway_elsewhere_is_paired_by_a_code_and_brings_its_accounts(town: Town, tmp_path: Path) -> None:
    door = Door(town, ManualClock(SystemClock().now()), ALL)
    said: list[str] = []
    await pair_with(settings_of(tmp_path), door.url, door.code, said.append)
    await door.close()
    [line] = [line for text in said for line in text.splitlines() if line.startswith("GATEWAY_URL=")]
    assert "网关的账户：QMT1234（实盘）、QMT5678（实盘）。" in said
    settings = settings_of(tmp_path, GATEWAY_URL=line.partition("=")[2])
    behind = gateway_of(settings, SystemClock())
    assert behind is not None
    async with AsyncExitStack() as stack:
        await behind.open(stack)
        brokers, _ = open_accounts(settings, SystemClock(), stack, behind)
        assert [one.account for one in brokers] == ["qmt1234", "qmt5678", "paper"]
        assert (await brokers[0].snapshot()).mode is Mode.LIVE
        assert main.usual_place(settings)[0] == "qmt1234"


async def test_a_gateway_that_was_seen_once_keeps_its_accounts_while_it_is_down(town: Town, tmp_path: Path) -> None:
    door = Door(town, ManualClock(SystemClock().now()))
    await pair_with(settings_of(tmp_path), door.url, door.code, list[str]().append)
    await door.close()
    settings = settings_of(tmp_path, GATEWAY_URL=f"https://127.0.0.1:{town.port}")
    await town.close()
    behind = gateway_of(settings, SystemClock())
    assert behind is not None
    async with AsyncExitStack() as stack:
        await behind.open(stack)
        brokers, _ = open_accounts(settings, SystemClock(), stack, behind)
        assert [one.account for one in brokers] == ["qmt1234", "qmt5678", "paper"]
        with pytest.raises(Unavailable, match="连不上网关"):
            await brokers[0].snapshot()
    town.open([])


# -- the commands of the gateway's PC


def test_limits_are_shown_and_changed_on_that_pc_alone(tmp_path: Path) -> None:
    settings, said = settings_of(tmp_path), list[str]()
    commands.limits(settings, order=None, day=None, symbol=None, band=None, cancels=None, write=said.append)
    assert said == [
        "上限：单笔 50,000.00 元，一天 100,000.00 元，一只股票一天 50,000.00 元，价格比最新价差 2% 以内，每分钟撤 20 笔。"
    ]
    commands.limits(settings, order="8,000", day="20000", symbol=None, band="off", cancels=3, write=said.append)
    bounds = Folder(settings.gateway_folder).bounds()
    assert (bounds.order, bounds.day, bounds.band, bounds.cancels) == (Decimal(8000), Decimal(20000), None, 3)
    for wrong in ("-1", "0", "many", "NaN"):
        with pytest.raises(Invalid):
            commands.limits(settings, order=wrong, day=None, symbol=None, band=None, cancels=None, write=said.append)


@pytest.mark.parametrize(
    ("at", "until", "ends"),
    [
        ("2026-11-18 08:50", "close", "15:00"),
        ("2026-11-18 10:00", "11:30", "11:30"),
        ("2026-11-18 10:00", "20:00", "15:00"),
        ("2026-11-18 10:00", "09:00", None),
        ("2026-11-18 15:00", "close", None),
        ("2026-11-21 10:00", "close", None),
        ("2026-11-18 10:00", "tomorrow", None),
    ],
)
def test_what_is_unlocked_is_locked_at_the_close(tmp_path: Path, at: str, until: str, ends: str | None) -> None:
    settings, clock = settings_of(tmp_path), ManualClock(market_instant(at))
    if ends is None:
        with pytest.raises(Invalid):
            commands.arm(settings, until, print, clock)
        return
    commands.arm(settings, until, print, clock)
    folder = Folder(settings.gateway_folder)
    closes = market_instant(f"{at[:10]} {ends}")
    assert folder.armed_until(clock.now()) == closes
    assert folder.armed_until(closes - timedelta(seconds=1)) == closes
    assert folder.armed_until(closes) is None
    commands.arm(settings, until, print, clock)
    commands.disarm(settings, print)
    assert folder.armed_until(clock.now()) is None


async def test_a_gateway_that_all_the_world_can_reach_has_to_be_asked_for(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, GATEWAY_HOST="0.0.0.0")
    with pytest.raises(ConfigError, match="--anywhere"):
        await commands.run(settings, paper=True, anywhere=False, write=print)


async def test_a_gateway_of_its_own_is_made_opened_and_paired_with(tmp_path: Path) -> None:
    settings, said = settings_of(tmp_path, GATEWAY_PORT=str(free_port())), list[str]()
    with pytest.raises(ConfigError, match="dingpan gateway init"):
        await commands.run(settings, paper=True, anywhere=False, write=said.append)
    commands.init(settings, again=False, write=said.append)
    commands.init(settings, again=False, write=said.append)
    serving = asyncio.create_task(commands.run(settings, paper=True, anywhere=False, write=said.append))
    shown: asyncio.Queue[str] = asyncio.Queue()
    asking = asyncio.create_task(commands.invite(settings, name="家里", trade=True, write=shown.put_nowait))
    line = ""
    while "dingpan gateway pair" not in line:
        line = await shown.get()
    _, _, _, url, code = line.split()
    there = settings_of(tmp_path / "bot")
    await pair_with(there, url, code, said.append)
    await asking
    assert "网关的账户：网关模拟账户（模拟）。" in said
    said.clear()
    commands.bots(settings, said.append)
    bot_id = said[0].split()[0]
    commands.forget(settings, bot_id, said.append)
    with pytest.raises(NotFound):
        commands.forget(settings, bot_id, said.append)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


def free_port() -> int:
    """Two in a row that nobody has."""
    from bot.gateway.server import bound

    while True:
        place = bound("127.0.0.1", 0)
        port: int = place.getsockname()[1]
        place.close()
        if 1024 <= port < 65_534:
            return port
