"""The commands of the shell, run as a user runs them: exit codes, plain sentences, nothing lost."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
import typer

from adapters.brokers import paper
from bot import cli, logs
from core.clock import SystemClock
from core.errors import ConfigError, Unavailable
from tests.shared import SHARED, needs_shared

ROOT = Path(__file__).resolve().parents[2]
BARS = SHARED / "data" / "bars" / "minute1" / "600519.SH_2026-03-23_2026-03-27.csv"
HEADER = "symbol,time,open,high,low,close,volume,amount"
OURS = (
    "TELEGRAM_",
    "QUOTES",
    "BROKER",
    "PAPER_",
    "DATABASE_URL",
    "DATA_DIR",
    "LOG_LEVEL",
    "TENCENT_",
    "SINA_URL",
    "LLM_",
    "DEEPSEEK_",
    "FILEDROP_",
)
NOWHERE = "http://127.0.0.1:9"


def environment(**more: str) -> dict[str, str]:
    """A clean environment with no network beyond a closed port."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    nowhere = dict.fromkeys(("TENCENT_URL", "TENCENT_BARS_URL", "SINA_URL"), NOWHERE)
    return clean | nowhere | {"PYTHONPATH": str(ROOT), **more}


@contextmanager
def started(*words: str, folder: Path, stdin: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[bytes]]:
    """The program, running."""
    with subprocess.Popen(
        [sys.executable, "-m", "bot", *words],
        cwd=folder,
        env=environment(),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def dingpan(
    *words: str, folder: Path, said: str = "", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program in ``folder``."""
    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        cwd=folder,
        env=environment(**(env or {})),
        input=said,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def a_file(folder: Path, *lines: str) -> str:
    path = folder / "bars.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def test_the_tour_plays_from_a_sentence_to_a_fill(tmp_path: Path) -> None:
    done = dingpan("demo", "--tour", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "贵州茅台跌破1420提醒我，跌破就买100股" in done.stdout
    assert "🎉 已成交·模拟" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_the_demo_without_a_terminal_is_the_tour(tmp_path: Path) -> None:
    done = dingpan("demo", folder=tmp_path)
    assert (done.returncode, "已成交" in done.stdout) == (0, True)


@needs_shared
def test_a_replay_over_real_bars_is_one_alert_one_ticket_one_order_one_fill(tmp_path: Path) -> None:
    words = ("replay", str(BARS), "--say", "贵州茅台跌破1420提醒我,跌破就买100股", "--press", "确认", "--json")
    done = dingpan(*words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["event"] for event in events]
    for kind in ("alert", "ticket", "order", "fill"):
        assert kinds.count(kind) == 1, kind
    alert = next(event for event in events if event["event"] == "alert")
    assert alert["at"] == "2026-03-23T09:38:00+08:00"
    fill = next(event for event in events if event["event"] == "fill")
    bar = next(line for line in BARS.read_text(encoding="utf-8").splitlines() if "2026-03-23 09:38" in line)
    assert fill["price"] in bar.split(",")
    assert any("跌到 1420.00 及以下" in event.get("text", "") for event in events if event["event"] == "reply")
    assert events[-1]["positions"][0]["shares"] == 100
    assert dingpan(*words, folder=tmp_path).stdout == done.stdout


@needs_shared
def test_what_is_said_at_a_market_time_is_answered_then(tmp_path: Path) -> None:
    done = dingpan("replay", str(BARS), "--say", "2026-03-24 10:00|茅台多少钱", folder=tmp_path)
    assert "03-24 10:00" in done.stdout
    assert "现价 " in done.stdout


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ((HEADER,), "没有"),
        (("",), ""),
        ((HEADER, "600519.SH,2026-03-23 09:31:00,1,nan,1,1,100,100"), "nan"),
        (("time,open", "1,2"), "缺"),
    ],
)
def test_bars_that_cannot_be_played_are_named(tmp_path: Path, lines: tuple[str, ...], sentence: str) -> None:
    done = dingpan("replay", a_file(tmp_path, *lines), folder=tmp_path)
    assert done.returncode == 1
    assert "bars.csv" in done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    done = dingpan("replay", "nosuch.csv", folder=tmp_path)
    assert (done.returncode, "nosuch.csv" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


def test_every_problem_of_the_settings_is_listed_at_once(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "TELEGRAM_BOT_TOKEN=nonsense\nTELEGRAM_OWNER_IDS=me\nQUOTES=yahoo\nPAPER_CASH=-5\nTELEGRAM_PROXY=127.0.0.1\n",
        encoding="utf-8",
    )
    done = dingpan("run", folder=tmp_path)
    assert done.returncode == 2
    for name in ("TELEGRAM_BOT_TOKEN", "TELEGRAM_OWNER_IDS", "QUOTES", "PAPER_CASH", "TELEGRAM_PROXY"):
        assert name in done.stderr
    assert "nonsense" not in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_network_the_chat_still_answers(tmp_path: Path) -> None:
    done = dingpan("run", folder=tmp_path, said="茅台跌破1400提醒我\n列表\n茅台多少钱\n")
    assert done.returncode == 0, done.stderr
    assert "公开行情" in done.stdout
    assert "✅ 已开始盯盘 #1" in done.stdout
    assert "暂时拿不到行情" in done.stdout
    again = dingpan("run", folder=tmp_path, said="列表\n")
    assert "#1 贵州茅台(600519)" in again.stdout


def test_a_locked_database_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    assert dingpan("run", folder=tmp_path, said="茅台跌破1400提醒我\n").returncode == 0
    other = sqlite3.connect(tmp_path / "data" / "dingpan.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    done = dingpan("run", folder=tmp_path, said="茅台跌破1300提醒我\n")
    other.execute("ROLLBACK")
    other.close()
    assert "数据库：正被其他程序占用，这一步没有保存" in done.stdout
    assert "Traceback" not in done.stderr
    after = dingpan("run", folder=tmp_path, said="列表\n").stdout
    assert "跌到 1400.00" in after
    assert "跌到 1300.00" not in after


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("", encoding="utf-8")
    done = dingpan("run", folder=tmp_path, env={"DATA_DIR": str(blocked)}, said="列表\n")
    assert done.returncode == 2
    assert f"DATA_DIR={blocked}" in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_second_program_on_the_same_account_is_refused(tmp_path: Path) -> None:
    first = paper.connect(
        path=tmp_path / "paper.db", account="paper", name="模拟账户", clock=SystemClock(), cash=Decimal(1_000_000)
    )
    done = dingpan("run", folder=tmp_path, env={"DATA_DIR": str(tmp_path)}, said="列表\n")
    await first.close()
    assert done.returncode == 1
    assert "账本正被另一个程序使用" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_database_is_upgraded_on_request(tmp_path: Path) -> None:
    done = dingpan("db", "upgrade", folder=tmp_path)
    assert (done.returncode, "数据库已是最新版本" in done.stdout) == (0, True)


def test_usage_errors_exit_with_two(tmp_path: Path) -> None:
    assert dingpan("nosuch", folder=tmp_path).returncode == 2


def test_a_reader_that_has_seen_enough_ends_a_replay_quietly(tmp_path: Path) -> None:
    rows = [f"600519.SH,2026-03-23 {10 + n // 60}:{n % 60:02},10,11,9,10,100,1000" for n in range(80)]
    words = ["replay", a_file(tmp_path, HEADER, *rows)]
    for n in range(80):
        words += ["--say", f"2026-03-23 {10 + n // 60}:{n % 60:02}|帮助"]
    with started(*words, folder=tmp_path) as program:
        assert program.stdout is not None
        assert program.stdout.readline()
        program.stdout.close()
        assert program.wait(60) == 1
        assert program.stderr is not None
        assert program.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    rows = ("600519.SH,2026-03-23 10:00,10,11,9,10,100,1000",)
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bot", "replay", a_file(tmp_path, HEADER, *rows), "--say", "帮助"],
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "输出：写不下去了（磁盘满了），后面的内容没有写出来。\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("replay", "nosuch.csv", "--say", "昨天|列表"), "--say 的时间“昨天”读不懂"),
        (("replay", "nosuch.csv", "--cash", "inf"), "不是钱数"),
        (("demo", "--tour", "--seed", "-1"), "演示种子"),
        (("run", "--env-file", "nope.env"), "nope.env"),
        (("db", "upgrade", "--env-file", "nope.env"), "nope.env"),
    ],
)
def test_options_that_cannot_be_exit_with_two(tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    done = dingpan(*words, folder=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert sentence in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_data_folder_may_have_any_name(tmp_path: Path) -> None:
    name = "我的 50%20数据"
    done = dingpan("run", folder=tmp_path, env={"DATA_DIR": name}, said="茅台跌破1400提醒我\n")
    assert done.returncode == 0, done.stderr
    assert {"dingpan.db", "paper.db"} <= {file.name for file in (tmp_path / name).iterdir()}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that can be listened for")
def test_sigterm_ends_the_program_as_ctrl_c_does(tmp_path: Path) -> None:
    with started("run", folder=tmp_path, stdin=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline()
        program.terminate()
        assert program.wait(60) == 0
        assert "已退出。" in program.stdout.read().decode()
    assert dingpan("run", folder=tmp_path, said="列表\n").returncode == 0


# -- what ends a program that has a bug


def a_bug() -> None:
    raise LookupError("a bug in the house")


async def buggy() -> None:
    a_bug()


async def both() -> None:
    async def trouble() -> None:
        raise Unavailable("数据库", "打不开。")

    async with asyncio.TaskGroup() as group:
        group.create_task(trouble())
        group.create_task(buggy())


async def misconfigured_and_more() -> None:
    raise ExceptionGroup("", [ConfigError(["甲", "乙"]), Unavailable("数据库", "打不开。")])


@pytest.fixture
def root_log() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield root
    for one in root.handlers:
        if one not in before:
            one.close()
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.parametrize("begin", [buggy, both])
def test_a_bug_leaves_its_trace_in_the_log_and_one_sentence(
    begin: Callable[[], Awaitable[None]],
    root_log: logging.Logger,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root_log.handlers.clear()
    monkeypatch.setattr(sys, "stderr", None)
    logs.start_logging(tmp_path, "WARNING")
    monkeypatch.undo()
    with pytest.raises(typer.Exit) as ended:
        cli._go(begin)
    assert ended.value.exit_code == 1
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("内部错误（LookupError），程序停了。")
    assert str(tmp_path / "dingpan.log") in said[-1]
    assert ("数据库：打不开。" in said) is (begin is both)
    trace = (tmp_path / "dingpan.log").read_text(encoding="utf-8")
    assert "Traceback" in trace
    assert "a bug in the house" in trace


def test_a_bug_without_a_log_gets_a_file_of_its_own(
    root_log: logging.Logger, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root_log.handlers.clear()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(typer.Exit):
        cli._go(buggy)
    [file] = tmp_path.iterdir()
    assert str(file) in capsys.readouterr().err
    assert "a bug in the house" in file.read_text(encoding="utf-8")


def test_settings_that_are_wrong_are_said_with_all_else_that_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        cli._go(misconfigured_and_more)
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err.splitlines()[1:] == ["  · 甲", "  · 乙", "数据库：打不开。"]
