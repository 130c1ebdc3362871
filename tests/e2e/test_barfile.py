"""`dingpan import` of bars as a person uses it, on a database of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from adapters.brokers import paper
from adapters.stores import sql
from bot.cli import BarPeriod
from core.bars import Bar, Period, read_bars
from core.clock import SystemClock, market_time
from core.types import Symbol
from tests.e2e.test_cli import dingpan
from tests.shared import SHARED, needs_shared

HEADER = "symbol,time,open,high,low,close,volume,amount"
MOUTAI = Symbol("600519.SH")


def a_file(folder: Path, *rows: str, name: str = "bars.csv") -> str:
    (folder / name).write_text("\n".join((HEADER, *rows)), encoding="utf-8")
    return name


def stored(folder: Path, period: Period, symbol: Symbol = MOUTAI) -> Sequence[Bar]:
    async def look() -> Sequence[Bar]:
        store = sql.connect(folder / "data" / "dingpan.db")
        try:
            return (await store.bars([symbol], period)).get(symbol, [])
        finally:
            await store.close()

    return asyncio.run(look())


def test_the_periods_of_the_command_are_those_of_the_bars() -> None:
    assert [period.value for period in BarPeriod] == list(get_args(Period))


def test_days_and_minutes_are_taken_and_told_in_one_line(tmp_path: Path) -> None:
    days = a_file(
        tmp_path,
        "600519.SH,2026-03-20,10,11,9,10,100,1000",
        "600519.SH,2026-03-23 15:00,10,11,9,10.5,100,",
        name="d.csv",
    )
    minutes = a_file(
        tmp_path,
        *(f"600519.SH,2026-03-23 {clock},10,11,9,10,100,1000" for clock in ("09:35", "09:40", "09:45")),
        *(f"000001.SZ,2026-03-23 {clock},10,11,9,10,100,1000" for clock in ("09:35", "09:40")),
        name="m.csv",
    )
    for _ in range(2):
        done = dingpan("import", days, minutes, folder=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == (
            "导入好了：1 只证券的日线 2 根，2026-03-20 至 2026-03-23；"
            "2 只证券的5 分钟线 5 根，2026-03-23 至 2026-03-23。\n"
        )
    assert [f"{market_time(bar.time):%m-%d %H:%M}" for bar in stored(tmp_path, "day")] == ["03-20 14:55", "03-23 14:55"]
    assert len(stored(tmp_path, "5m")) == 3


def test_what_the_person_says_of_the_period_counts(tmp_path: Path) -> None:
    file = a_file(tmp_path, "600519.SH,2026-03-23 09:31,10,11,9,10,100,")
    assert "日线 1 根" in dingpan("import", file, "--dry-run", folder=tmp_path).stdout
    done = dingpan("import", file, "--period", "1m", folder=tmp_path)
    assert done.stdout == "导入好了：1 只证券的1 分钟线 1 根，2026-03-23 至 2026-03-23。\n"
    assert len(stored(tmp_path, "1m")) == 1
    assert stored(tmp_path, "day") == []


def test_a_trial_changes_nothing(tmp_path: Path) -> None:
    file = a_file(tmp_path, "600519.SH,2026-03-23,10,11,9,10,100,")
    done = dingpan("import", file, "--dry-run", folder=tmp_path)
    assert done.stdout.startswith("试运行，什么也没有改：1 只证券的日线 1 根")
    assert stored(tmp_path, "day") == []


@needs_shared
def test_real_files_are_taken_whole(tmp_path: Path) -> None:
    path = SHARED / "data" / "bars" / "daily" / "600519.SH.csv"
    done = dingpan("import", str(path), folder=tmp_path)
    assert done.stdout == "导入好了：1 只证券的日线 488 根，2024-01-02 至 2026-01-07。\n"
    assert [bar.close for bar in stored(tmp_path, "day")] == [bar.close for bar in read_bars(path)]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("good.csv", "bad.csv"), 1, "bad.csv”第 2 行"),
        (("good.csv", "good.csv"), 1, "有两根K线"),
        (("three.csv",), 1, "大多相隔 3 分钟"),
        (("nosuch.csv",), 1, "nosuch.csv"),
        (("good.csv", "--period", "2m"), 2, ""),
        (("good.csv", "--prune"), 2, "只用于盯盘任务"),
        (("good.csv", "watches.yaml"), 2, "一次只导入一种"),
        (("watches.yaml", "--period", "1m"), 2, "只用于 K 线"),
        (("bars.txt",), 2, "K 线的以 .csv 结尾"),
        (("good.csv", "--env-file", "nosuch.env"), 2, "nosuch.env"),
    ],
)
def test_what_cannot_be_taken_is_said_and_nothing_is_stored(
    tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    a_file(tmp_path, "600519.SH,2026-03-23,10,11,9,10,100,", name="good.csv")
    a_file(tmp_path, "600519.SH,2026-03-23,10,9,11,10,100,", name="bad.csv")
    a_file(tmp_path, *(f"600519.SH,2026-03-23 09:{m},10,11,9,10,1," for m in (33, 36, 39)), name="three.csv")
    done = dingpan("import", *words, folder=tmp_path)
    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (code, True, False), done.stderr
    assert done.stdout == ""
    assert stored(tmp_path, "day") == []


async def test_no_bars_are_imported_while_the_assistant_is_at_work(tmp_path: Path) -> None:
    file = a_file(tmp_path, "600519.SH,2026-03-23,10,11,9,10,100,")
    (tmp_path / "data").mkdir()
    book = paper.connect(
        path=tmp_path / "data" / "paper.db", account="paper", name="模拟账户", clock=SystemClock(), cash=Decimal(1000)
    )
    done = await asyncio.to_thread(dingpan, "import", file, folder=tmp_path)
    await book.close()
    assert (done.returncode, "盯盘正在运行" in done.stderr) == (1, True)
