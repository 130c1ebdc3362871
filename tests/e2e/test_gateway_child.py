"""The bot's own gateway process: it starts, is started anew when it dies or hangs, and never outlives the bot."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from adapters.brokers import gateway
from adapters.gateway_line import Line
from bot.accounts import child_of
from bot.child import GatewayChild
from bot.gateway import commands
from bot.gateway.hosting import PAPER
from bot.gateway.parent import AGAIN, keep_running
from bot.settings import Settings
from core.clock import SystemClock
from core.errors import Unavailable
from core.types import Mode
from core.wire import About, Offer, Right

ROOT = Path(__file__).parents[2]


async def soon(_: float) -> None:
    """A pause long enough for the other process and no longer."""
    await asyncio.to_thread(lambda: None)


@pytest.fixture
async def child(tmp_path: Path) -> AsyncIterator[GatewayChild]:
    settings = Settings.load({"DATA_DIR": str(tmp_path)}, file=None)
    settings.folder()
    made = child_of(settings, SystemClock(), paper=True)
    made.start()
    yield made
    await made.close()


async def about(child: GatewayChild) -> About:
    line = Line("QMT 网关", child.address)
    try:
        return await line.ask("about", None, About)
    finally:
        await line.close()


@pytest.mark.timeout(180)
async def test_it_starts_is_replaced_when_it_is_killed_and_ends_when_told(child: GatewayChild) -> None:
    with pytest.raises(Unavailable, match="正在启动"):
        child.address()
    await child.up.wait()
    first = child.pid
    assert first is not None
    seen = await about(child)
    assert [(one.account, one.mode) for one in seen.accounts] == [(PAPER, Mode.PAPER)]
    assert seen.rights == (Right.READ, Right.TRADE)

    line = Line("QMT 网关", child.address)
    broker = gateway.connect(line, Offer(account=PAPER, name="网关模拟账户", mode=Mode.PAPER), SystemClock())
    before = await broker.snapshot()
    psutil.Process(first).kill()
    while child.up.is_set():
        await soon(0)
    with pytest.raises(Unavailable, match="正在重新启动"):
        await broker.snapshot()
    await child.up.wait()
    second = child.pid
    assert second not in {None, first}
    assert (await broker.snapshot()).cash == before.cash
    await line.close()

    await child.close()
    assert second is not None
    assert not psutil.pid_exists(second)


@pytest.mark.timeout(180)
async def test_one_that_hangs_is_replaced(child: GatewayChild, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.child.BEAT", 0.2)
    monkeypatch.setattr(child._line, "_patience", timedelta(milliseconds=500))
    await child.up.wait()
    first = child.pid
    assert first is not None
    psutil.Process(first).suspend()
    while child.up.is_set():
        await soon(0)
    await child.up.wait()
    assert child.pid != first
    assert not psutil.pid_exists(first)


_PARENT = """
import asyncio, sys
from bot.accounts import child_of
from bot.settings import Settings
from core.clock import SystemClock

async def main():
    child = child_of(Settings.load({"DATA_DIR": sys.argv[1]}, file=None), SystemClock(), paper=True)
    child.start()
    await child.up.wait()
    print(child.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.timeout(180)
def test_it_ends_when_the_bot_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8"
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
    child.wait(timeout=60)


@pytest.mark.timeout(180)
def test_the_secret_is_on_no_command_line_and_opens_nothing_else(tmp_path: Path) -> None:
    words = {"settings": {"DATA_DIR": str(tmp_path)}, "paper": True, "token": "s3cret"}
    with subprocess.Popen(
        [sys.executable, "-m", "bot.gateway"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(words) + "\n")
        process.stdin.flush()
        port = json.loads(process.stdout.readline())["port"]
        running = psutil.Process(process.pid)
        assert "s3cret" not in " ".join(running.cmdline())
        assert "s3cret" not in " ".join(running.environ().values())
        assert [one.laddr.ip for one in running.net_connections() if one.laddr.port == port] == ["127.0.0.1"]
        process.stdin.close()
        process.wait(timeout=60)


@pytest.mark.timeout(180)
async def test_one_that_cannot_start_says_why(tmp_path: Path) -> None:
    settings = Settings.load({"DATA_DIR": str(tmp_path), "MINIQMT_ENABLED": "true"}, file=None)
    child = child_of(settings, SystemClock())
    child.start()
    line = Line("QMT 网关", child.address)
    while True:
        with pytest.raises(Unavailable) as caught:
            await line.ask("about", None, About)
        if "正在启动" not in caught.value.reason:
            break
        await soon(0)
    assert "MINIQMT_PATH" in caught.value.reason
    await line.close()
    await child.close()


_TWICE = """
import pathlib, sys
file = pathlib.Path(sys.argv[1])
count = len(file.read_text()) if file.exists() else 0
file.write_text("x" * (count + 1))
sys.exit(75 if count < 2 else 3)
"""


async def test_a_gateway_that_asks_for_a_successor_gets_one(tmp_path: Path) -> None:
    said: list[str] = []
    code = await keep_running([sys.executable, "-c", _TWICE, str(tmp_path / "lives")], said.append, soon)
    assert code == 3
    assert (tmp_path / "lives").read_text(encoding="ascii") == "xxx"
    assert said == ["网关有调用卡住了，正在重新启动。"] * 2


@pytest.mark.timeout(120)
def test_a_gateway_in_a_window_says_what_is_missing_and_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "gateway"],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(tmp_path), "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 2, done.stderr
    assert "dingpan gateway init" in done.stderr


_STUCK = """
import sys
from bot.cli import main
from bot.gateway import commands
from bot.gateway.hosting import Hosted
from core.errors import Unavailable

async def stuck():
    raise Unavailable("miniQMT", "有 51 个调用一直没有返回")

commands.host_miniqmt = lambda *_: Hosted([], None, works=(stuck,))
sys.argv = ["dingpan", "gateway", "--watched"]
main()
"""


@pytest.mark.timeout(120)
def test_a_gateway_whose_calls_hang_asks_for_a_successor(tmp_path: Path) -> None:
    commands.init(Settings.load({"DATA_DIR": str(tmp_path)}, file=None), again=False, write=print)
    with subprocess.Popen(
        [sys.executable, "-c", _STUCK],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(tmp_path), "PYTHONUTF8": "1", "GATEWAY_PORT": "18765"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait() == AGAIN
    assert "有 51 个调用一直没有返回" in said
