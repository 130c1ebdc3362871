"""The bot's own gateway process: it starts, is started anew when it dies or hangs, and never outlives the bot."""

from __future__ import annotations

import asyncio
import json
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
from bot.gateway.hosting import PAPER
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
