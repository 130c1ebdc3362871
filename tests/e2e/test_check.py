"""``dingpan check`` says what works, what does not, and what to do; every kind of trouble has its sentence."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from adapters import fonts
from adapters.gateway_line import Line
from bot import main
from bot.accounts import Behind, child_of
from bot.check import check
from bot.check_miniqmt import connected, look_at_miniqmt
from bot.gateway.hosting import PAPER
from bot.settings import Settings
from core.clock import Clock, ManualClock, SystemClock
from core.securities import Sighting
from core.types import Mode, Symbol
from core.wire import Offer, Right
from tests.contract.test_gateway_pairing import Door
from tests.fakes.brokers import FakeBroker
from tests.fakes.gateway import ALL, Town
from tests.fakes.quotes import FakeQuotes
from tests.fakes.telegram import FakeTelegram


class World:
    """Everything outside, on this machine."""

    def __init__(self, folder: Path, quotes: FakeQuotes, telegram: FakeTelegram) -> None:
        self.folder = folder
        self.quotes = quotes
        self.telegram = telegram

    def settings(self, **given: str) -> Settings:
        usual = {
            "DATA_DIR": str(self.folder / "data"),
            "TENCENT_URL": self.quotes.tencent_url,
            "SINA_URL": self.quotes.sina_url,
            "TELEGRAM_BOT_TOKEN": self.telegram.token,
            "TELEGRAM_BASE_URL": self.telegram.base_url,
            "TELEGRAM_OWNER_IDS": "42",
            "PICTURES": "off",
        }
        return Settings.load({**usual, **given}, file=None)

    async def check(self, clock: Clock | None = None, **given: str) -> tuple[bool, list[str]]:
        lines: list[str] = []
        works = await check(self.settings(**given), json=False, write=lines.append, clock=clock)
        return works, lines


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with FakeQuotes() as quotes, FakeTelegram() as telegram:
        quotes.set("600519", last="1419.83")
        yield World(tmp_path, quotes, telegram)


def about(lines: list[str], what: str) -> list[str]:
    return [line for line in lines if line.split(" ", 1)[-1].startswith(what)]


async def test_a_new_house_works_and_nothing_is_made_by_looking(world: World) -> None:
    works, lines = await world.check()
    assert works, lines
    assert about(lines, "行情（腾讯）") == ["✅ 行情（腾讯）：贵州茅台 1419.83 元"]
    assert about(lines, "Telegram")[0].startswith("✅ Telegram：机器人是 @")
    assert about(lines, "数据库") == ["⚠️ 数据库：还没有，第一次启动时建立。"]
    assert re.search(r"都能用，\d 处要留意", lines[-1])
    assert not (world.folder / "data").exists()


async def test_a_house_at_work_is_left_alone(world: World) -> None:
    settings = world.settings()
    async with AsyncExitStack() as stack:
        main.build(settings, SystemClock(), stack)
        works, lines = await world.check()
        assert works, lines
        assert "盯盘正在运行" in about(lines, "数据文件夹")[0]
        assert about(lines, "模拟账户") == ["✅ 模拟账户：盯盘正在使用它。"]
    _, lines = await world.check()
    assert about(lines, "模拟账户") == ["✅ 模拟账户：账本完好。"]
    assert about(lines, "数据库")[0].startswith("✅ 数据库：SQLite，版本 ")


async def test_json_is_json_alone(world: World) -> None:
    lines: list[str] = []
    assert await check(world.settings(), json=True, write=lines.append)
    [text] = lines
    rows = json.loads(text)
    assert {row["state"] for row in rows} <= {"ok", "note", "bad"}
    assert all(set(row) == {"what", "state", "text"} for row in rows)


async def test_one_source_of_several_is_enough(world: World) -> None:
    world.quotes.fail("tencent", 500)
    works, lines = await world.check()
    assert works
    assert about(lines, "行情（腾讯）")[0].startswith("⚠️")
    world.quotes.fail("sina", 500)
    works, lines = await world.check()
    assert not works
    assert [line[0] for line in about(lines, "行情")] == ["❌", "❌"]


async def test_a_token_that_telegram_does_not_know_and_nobody_allowed_are_said(world: World) -> None:
    works, lines = await world.check(TELEGRAM_BOT_TOKEN="123456:not-this-one")
    assert not works
    assert "请从 @BotFather 重新复制" in about(lines, "Telegram")[0]
    assert "not-this-one" not in "\n".join(lines)
    works, lines = await world.check(TELEGRAM_OWNER_IDS="")
    assert not works
    assert "TELEGRAM_OWNER_IDS 是空的" in about(lines, "Telegram")[1]
    await world.telegram.down()
    _, lines = await world.check()
    assert "连不上" in about(lines, "Telegram")[0]
    assert "TEST-TOKEN" not in "\n".join(lines)
    await world.telegram.up()


async def test_a_broken_book_and_a_newer_database_are_said(world: World) -> None:
    data = world.settings().folder()
    (data / "paper.db").write_bytes(b"rubbish" * 1000)
    with sqlite3.connect(data / "dingpan.db") as db:
        db.execute("CREATE TABLE alembic_version (version_num TEXT)")
        db.execute("INSERT INTO alembic_version VALUES ('9999')")
    db.close()
    works, lines = await world.check()
    assert not works
    assert "请换上备份" in about(lines, "模拟账户")[0]
    assert "请升级盯盘程序" in about(lines, "数据库")[0]


async def test_a_calendar_that_has_run_out_is_said(world: World) -> None:
    late = ManualClock(SystemClock().now() + timedelta(days=3650))
    _, lines = await world.check(late)
    assert "pip install -U chinese_calendar" in about(lines, "交易日历")[0]


async def test_the_font_of_the_pictures_is_said_or_what_brings_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "sources", lambda: iter(()))
    works, lines = await world.check(PICTURES="light")
    assert works, "the words do without"
    assert "pip install 'dingpan[pictures]'" in about(lines, "图")[0]
    assert "不发图" in about((await world.check())[1], "图")[0]


# -- miniQMT on this PC


async def miniqmt(world: World, **given: str) -> list[str]:
    settings = world.settings(MINIQMT_ENABLED="true", **given)
    return [one.line() for one in await look_at_miniqmt(settings, SystemClock(), busy=False)]


async def test_what_is_wrong_with_the_folder_of_miniqmt_is_said(world: World, tmp_path: Path) -> None:
    lines = await miniqmt(world)
    assert about(lines, "MINIQMT_PATH") == [
        "❌ MINIQMT_PATH：没有填。请填 miniQMT 安装文件夹里的 userdata_mini 文件夹。"
    ]
    assert about(lines, "MINIQMT_ACCOUNT_ID")[0].startswith("❌")
    terminal = tmp_path / "国金QMT交易端"
    mini = terminal / "userdata_mini"
    mini.mkdir(parents=True)
    assert "userdata_mini 这一层" in about(await miniqmt(world, MINIQMT_PATH=str(terminal)), "MINIQMT_PATH")[0]
    assert "请核对" in about(await miniqmt(world, MINIQMT_PATH=str(mini / "x")), "MINIQMT_PATH")[0]
    lines = await miniqmt(world, MINIQMT_PATH=str(mini), MINIQMT_ACCOUNT_ID="8880001234")
    assert about(lines, "MINIQMT_PATH")[0].startswith("✅")
    assert "还没有开通 miniQMT 的 API 交易权限" in about(lines, "API 权限")[0]
    assert "QMT1234" in about(lines, "MINIQMT_ACCOUNT_ID")[0]
    assert "8880001234" not in "\n".join(lines)
    (mini / "up_queue_xtquant").touch()
    lines = await miniqmt(world, MINIQMT_PATH=str(mini), MINIQMT_ACCOUNT_ID="8880001234")
    assert about(lines, "API 权限") == ["✅ API 权限：有 up_queue_xtquant"]
    assert "没有解锁" in about(lines, "下单")[0]


@pytest.mark.timeout(180)
async def test_a_gateway_of_our_own_is_started_asked_and_ended(world: World) -> None:
    settings = world.settings()
    settings.folder()
    child = child_of(settings, SystemClock(), paper=True)
    behind = Behind(
        Line("QMT 网关", child.address), [Offer(account=PAPER, name="网关模拟账户", mode=Mode.PAPER)], child
    )
    lines = [one.line() for one in await connected(behind, SystemClock())]
    assert lines == [
        "✅ miniQMT 连接：连上了，1 个账户（模拟）",
        "✅ 网关模拟账户：模拟账户，查得到，0 只持仓",
    ]
    with pytest.raises(Exception, match=r"启动|退出"):
        child.address()


# -- a gateway elsewhere


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    made = Town(tmp_path, SystemClock())
    made.open([FakeBroker(SystemClock(), account="qmt1234", name="QMT1234")])
    yield made
    await made.shut()


async def paired(world: World, town: Town, rights: tuple[Right, ...]) -> str:
    from adapters.gateway_pairing import pair

    door = Door(town, ManualClock(SystemClock().now()), rights)
    made = await pair(door.url, door.code, world.settings().pairing_folder)
    await door.close()
    return made.url


async def test_a_gateway_is_asked_what_it_allows(world: World, town: Town) -> None:
    url = await paired(world, town, (Right.READ,))
    works, lines = await world.check(GATEWAY_URL=url)
    assert works, lines
    assert "--trade 重新配对" in about(lines, "权限")[0]
    assert "没有解锁" in about(lines, "下单")[0]
    assert about(lines, "QMT1234") == ["✅ QMT1234：实盘账户，查得到，0 只持仓"]
    assert about(lines, "时间")[0].startswith("✅")
    town.arm()
    await paired(world, town, ALL)
    _, lines = await world.check(GATEWAY_URL=url)
    assert about(lines, "权限") == ["✅ 权限：查询、下单和撤单"]
    assert about(lines, "下单")[0].startswith("✅ 下单：已解锁到")


class Guide:
    """Knows the market as a whole, and has a calendar of its own."""

    name = "QMT行情"

    def __init__(self) -> None:
        self.differences: Sequence[str] = ()

    async def sightings(self, known: Collection[Symbol]) -> Sequence[Sighting]:
        return [Sighting(symbol, "") for symbol in known]

    async def calendar_differences(self) -> Sequence[str]:
        return self.differences


async def test_a_calendar_of_miniqmt_that_differs_is_said_and_changes_nothing(world: World, town: Town) -> None:
    url = await paired(world, town, ALL)
    _, lines = await world.check(GATEWAY_URL=url)
    assert about(lines, "miniQMT 的交易日历") == []
    await town.close()
    guide = Guide()
    town.open([], guide=guide)
    _, lines = await world.check(GATEWAY_URL=url)
    assert about(lines, "miniQMT 的交易日历") == ["✅ miniQMT 的交易日历：和盯盘的一致"]
    guide.differences = ["miniQMT 有而本程序的交易日历没有的交易日：2026-11-22。"]
    works, lines = await world.check(GATEWAY_URL=url)
    assert works
    assert "2026-11-22。以交易所的公告为准。" in about(lines, "miniQMT 的交易日历")[0]


async def test_clocks_that_differ_and_a_gateway_that_is_down_are_said(world: World, town: Town) -> None:
    url = await paired(world, town, ALL)
    works, lines = await world.check(ManualClock(SystemClock().now() - timedelta(seconds=30)), GATEWAY_URL=url)
    assert not works
    assert re.search(r"时间差 [3-9]\d 秒", about(lines, "时间")[0])  # looking takes its time too
    late = ManualClock(SystemClock().now() + timedelta(days=91))
    _, lines = await world.check(late, GATEWAY_URL=url)
    assert "过期了，请重新配对" in about(lines, "配对")[0]
    town.folder.forget_bot(town.folder.bots()[0].id)
    _, lines = await world.check(GATEWAY_URL=url)
    assert "请重新配对" in about(lines, "网关")[0]
    await town.close()
    works, lines = await world.check(GATEWAY_URL=url)
    assert not works
    assert "看看网关那台电脑" in about(lines, "网关")[0]
    town.open([])


async def test_a_gateway_that_was_never_paired_with_says_how(world: World) -> None:
    works, lines = await world.check(GATEWAY_URL="https://127.0.0.1:1")
    assert not works
    assert "dingpan gateway pair" in about(lines, "网关")[0]
