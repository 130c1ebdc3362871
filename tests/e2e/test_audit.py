"""The journal from the chat and from the shell: the story of an order, and who touched it is found."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.test_cli import dingpan
from tests.e2e.theatre import Theatre


async def traded(folder: Path) -> str:
    """A watch whose alert became an order; what /audit says of it."""
    async with Theatre(folder) as stage:
        await stage.tick("600519.SH", "1430", preclose=Decimal(1433), ask="1430", ask_volume=10_000)
        await stage.say("茅台跌破1420提醒我，跌破就买100股")
        await stage.tick("600519.SH", "1419.5", ask="1419.5", ask_volume=10_000)
        await stage.press("确认")
        await stage.kill()
        told = await stage.say("/audit")
        return told.plain()


async def test_the_story_of_an_order_is_told_from_the_sentence_to_the_fill(tmp_path: Path) -> None:
    told = await traded(tmp_path)
    steps = [
        "🧾 委托的经过",
        "由盯盘 #1 引起。原话：茅台跌破1420提醒我，跌破就买100股",
        "出卡片，因为",
        "由 我 确认",
        "准备报送",
        "已报",
        "成交 100 股，价格 1419.50",
        "🔒 日志完整，没有被改过。",
    ]
    places = [told.find(step) for step in steps]
    assert -1 not in places, told
    assert places == sorted(places)


async def test_without_an_order_there_is_nothing_to_tell(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as stage:
        assert "还没有过委托" in (await stage.say("/audit")).text
        assert "没有编号 XYZ 的委托" in (await stage.say("/audit XYZ")).text


async def test_the_shell_says_that_the_journal_is_whole(tmp_path: Path) -> None:
    await traded(tmp_path)
    done = dingpan("audit", "verify", folder=tmp_path, env={"DATA_DIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert "日志完整" in done.stdout


@pytest.mark.parametrize(
    ("deed", "found"),
    [
        ("UPDATE journal SET body = replace(body, '1419.5', '1300') WHERE seq = 2", "第 2 条的内容被改过"),
        ("DELETE FROM journal WHERE seq = 3", "第 3 条不见了"),
        ("DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)", "和日志里的不一样"),
        ("DELETE FROM journal", "日志是空的"),
        ("UPDATE orders SET shares = 1000", "和日志里的不一样"),
        ("UPDATE tickets SET \"limit\" = '1'", "和日志里的不一样"),
    ],
)
async def test_who_goes_behind_our_back_is_found(tmp_path: Path, deed: str, found: str) -> None:
    await traded(tmp_path)
    with closing(sqlite3.connect(tmp_path / "dingpan.db")) as database:
        if "journal" in deed:
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                database.execute(deed)
            for trigger in ("journal_no_update", "journal_no_delete"):
                database.execute(f"DROP TRIGGER {trigger}")
        database.execute(deed)
        database.commit()
    done = dingpan("audit", "verify", folder=tmp_path, env={"DATA_DIR": str(tmp_path)})
    assert done.returncode == 1, done.stdout
    assert found in done.stderr
