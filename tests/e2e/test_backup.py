"""The whole state goes into one file while the assistant works, and comes back: no order is sent again, nothing is mixed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import sys
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

import pytest

from adapters.brokers import held
from adapters.brokers.held import hold, in_use
from adapters.stores import dump, sql
from bot import backup, restored
from bot.backup import DATABASE, ENV, MANIFEST, back_up, finish, restore
from bot.settings import Settings
from core.errors import Conflict, Invalid
from core.orders import OrderState
from tests.e2e.test_cli import dingpan
from tests.e2e.theatre import Theatre
from tests.fakes import postgres

NOW: Final = datetime(2026, 11, 18, 3, 0, tzinfo=UTC)
WATCHED: Final = frozenset(module.__file__ for module in (backup, restored, dump, held))
"""Files whose lines are counted."""
POINTS: Final = 14
MOUTAI: Final = "600519"
TOKEN: Final = "123456789:AAEsecretsecret"

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="BACKUPS WERE NOT KILLED: this system cannot fork")


def settings_of(folder: Path, url: str = "") -> Settings:
    return Settings(data_dir=folder, database_url=url)


def quiet(_line: str) -> None:
    """Nobody reads."""


def backed_up(folder: Path, file: Path, *, with_secrets: bool = False, env: Path | None = None) -> list[str]:
    said: list[str] = []
    back_up(settings_of(folder), file, env or folder / ".env", NOW, with_secrets=with_secrets, write=said.append)
    return said


def put_back(folder: Path, file: Path, *, force: bool = False, url: str = "") -> list[str]:
    said: list[str] = []
    restore(settings_of(folder, url), file, folder / ".env", NOW, force=force, write=said.append)
    return said


async def traded(folder: Path, *, say: Sequence[str] = ("买200股茅台 价格1380", "买100股茅台 价格1430")) -> None:
    """A day with a watch, an order that is filled and one that waits."""
    async with Theatre(folder) as house:
        await play(house, say)


async def play(house: Theatre, say: Sequence[str]) -> None:
    await house.tick(MOUTAI, "1430", ask="1430", bid="1429.99", ask_volume=10_000, bid_volume=10_000, preclose="1430")
    await house.say("茅台跌破1000提醒我")
    for sentence in say:
        await house.say(sentence)
        await house.press("确认")
    await house.tick(MOUTAI, "1430", ask="1430", bid="1429.99", ask_volume=10_000, bid_volume=10_000)


class Found(NamedTuple):
    """What a state holds.

    Attributes:
        orders: in the database, with their states.
        booked: in the book of the paper account.
    """

    orders: dict[str, str]
    booked: dict[str, str]


def found_in(folder: Path) -> Found:
    """Read from the files alone."""
    return Found(
        _pairs(folder / "dingpan.db", "SELECT id, state FROM orders"),
        _pairs(folder / "paper.db", "SELECT id, json_extract(body, '$.state') FROM orders"),
    )


def _pairs(file: Path, query: str) -> dict[str, str]:
    if not file.exists():
        return {}
    db = sqlite3.connect(file)
    try:
        return dict(db.execute(query).fetchall())
    finally:
        db.close()


async def test_a_backup_of_a_working_house_comes_back_whole_and_sends_nothing_again(tmp_path: Path) -> None:
    before, after, file = tmp_path / "before", tmp_path / "after", tmp_path / "dingpan.zip"
    before.mkdir()
    async with Theatre(before) as house:
        await play(house, ["买200股茅台 价格1380", "买100股茅台 价格1430"])
        assert in_use(before / "paper.db")
        said = await asyncio.to_thread(backed_up, before, file)
        assert "盯盘任务 1" in said[1]
        assert "委托 2" in said[1]
        account = await house.broker.snapshot()
        events = await house.app.house.store.journal()
        orders = await house.orders()
        assert house.broker._ledger.count() == 2
    said = await asyncio.to_thread(put_back, after, file)
    assert any("有 1 笔委托没有结束" in line for line in said)
    assert "不会重发" in said[-1]
    async with Theatre(after) as house:
        assert await house.orders() == orders
        assert (await house.broker.snapshot()).positions == account.positions
        assert (await house.broker.snapshot()).cash == account.cash
        assert house.broker._ledger.count() == 2
        assert await house.app.house.store.journal() == events
        assert {order.state for order in orders} == {OrderState.ACCEPTED, OrderState.FILLED}
        assert "跌到 1000.00" in (await house.say("/list")).plain()
        # What waits goes on from there.
        await house.tick(MOUTAI, "1380", ask="1380", bid="1379.99", ask_volume=10_000, bid_volume=10_000)
        assert {order.state for order in await house.orders()} == {OrderState.FILLED}


async def test_what_was_sqlite_comes_back_as_postgresql_and_the_other_way_round(
    tmp_path: Path, postgresql: str
) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    await traded(tmp_path / "one")
    url = postgres.emptied(postgresql)
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    backed_up(tmp_path / "one", first)
    await asyncio.to_thread(put_back, tmp_path / "two", first, url=url)
    with pytest.raises(Conflict, match="已经有数据"):
        await asyncio.to_thread(put_back, tmp_path / "two", first, url=url)
    await asyncio.to_thread(put_back, tmp_path / "two", first, url=url, force=True)
    store = sql.connect(url)
    assert len(await store.orders()) == 2
    await store.set_value("panic", "试一下")  # one more event of the journal, after those that came back
    await store.set_value("panic", None)
    await store.close()
    back_up(settings_of(tmp_path / "two", url), second, tmp_path / "none", NOW, with_secrets=False, write=quiet)
    await asyncio.to_thread(put_back, tmp_path / "three", second)
    assert found_in(tmp_path / "three") == found_in(tmp_path / "one")


def lines_of(url: str | Path) -> list[str]:
    lines: list[str] = []
    dump.dump(url, lines.append)
    return lines


async def test_a_dump_that_was_loaded_is_the_same_dump_again(tmp_path: Path) -> None:
    await traded(tmp_path)
    lines = lines_of(tmp_path / "dingpan.db")
    dump.load(tmp_path / "again.db", lines, dump.dump(tmp_path / "dingpan.db", quiet).revision or "")
    assert lines_of(tmp_path / "again.db") == lines
    store = sql.connect(tmp_path / "again.db")
    await store.close()
    db = sqlite3.connect(tmp_path / "again.db")
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("DELETE FROM journal")
    db.close()


async def test_secrets_stay_out_unless_they_are_asked_for(tmp_path: Path) -> None:
    folder, env = tmp_path / "data", tmp_path / ".env"
    (folder / "pairing").mkdir(parents=True)
    await traded(folder)
    (folder / "filedrop.key").write_text("topsecretkey", encoding="utf-8")
    (folder / "pairing" / "client.pem").write_text("topsecretpem", encoding="utf-8")
    env.write_text(f"BROKER=paper\nTELEGRAM_BOT_TOKEN={TOKEN}\nDEEPSEEK_API_KEY=sk-topsecret\n", encoding="utf-8")
    said = backed_up(folder, tmp_path / "open.zip", env=env)
    assert any("TELEGRAM_BOT_TOKEN、DEEPSEEK_API_KEY" in line for line in said)
    with zipfile.ZipFile(tmp_path / "open.zip") as zipped:
        everything = b"".join(zipped.read(name) for name in zipped.namelist())
        assert zipped.read(ENV) == b"BROKER=paper\n"
    assert b"topsecret" not in everything
    assert TOKEN.encode() not in everything
    backed_up(folder, tmp_path / "closed.zip", env=env, with_secrets=True)
    new = tmp_path / "new"
    said = await asyncio.to_thread(put_back, new, tmp_path / "closed.zip")
    assert any("请像密码一样保管" in line for line in said)
    assert (new / ".env").read_text(encoding="utf-8") == env.read_text(encoding="utf-8")
    assert (new / "filedrop.key").read_text(encoding="utf-8") == "topsecretkey"
    assert (new / "pairing" / "client.pem").read_text(encoding="utf-8") == "topsecretpem"


async def test_a_running_house_and_a_state_that_is_not_empty_are_left_alone(tmp_path: Path) -> None:
    one, two, file = tmp_path / "one", tmp_path / "two", tmp_path / "one.zip"
    one.mkdir()
    two.mkdir()
    await traded(one)
    backed_up(one, file)
    with pytest.raises(Conflict, match="已经有了"):
        backed_up(one, file)
    await traded(two, say=["买100股茅台 价格1430"])
    was = found_in(two)
    with pytest.raises(Conflict, match="--force"):
        await asyncio.to_thread(put_back, two, file)
    lock = hold(two / "paper.db")
    with pytest.raises(Conflict, match="正在运行"):
        await asyncio.to_thread(put_back, two, file, force=True)
    lock.close()
    assert found_in(two) == was
    said = await asyncio.to_thread(put_back, two, file, force=True)
    assert found_in(two) == found_in(one)
    [kept] = two.glob("before-restore-*.zip")
    assert any(str(kept) in line for line in said)
    await asyncio.to_thread(put_back, tmp_path / "old", kept)
    assert found_in(tmp_path / "old") == was


def changed(file: Path, target: Path, edit: Callable[[dict[str, bytes]], object]) -> Path:
    """The same backup with other contents."""
    with zipfile.ZipFile(file) as zipped:
        contents = {name: zipped.read(name) for name in zipped.namelist()}
    edit(contents)
    with zipfile.ZipFile(target, "w") as zipped:
        for name, content in contents.items():
            zipped.writestr(name, content)
    return target


def forged(contents: dict[str, bytes]) -> None:
    """An order of the database is another one, and the list of the files knows it."""
    contents[DATABASE] = contents[DATABASE].replace(b'"accepted"', b'"rejected"')
    manifest: dict[str, Any] = json.loads(contents[MANIFEST])
    manifest["files"][DATABASE] = hashlib.sha256(contents[DATABASE]).hexdigest()
    contents[MANIFEST] = json.dumps(manifest).encode()


def elsewhere(contents: dict[str, bytes]) -> None:
    """A file that would be written beside the data, and the list knows it."""
    name = "keys//tmp/dingpan-elsewhere"
    contents[name] = b"x"
    manifest: dict[str, Any] = json.loads(contents[MANIFEST])
    manifest["files"][name] = hashlib.sha256(b"x").hexdigest()
    contents[MANIFEST] = json.dumps(manifest).encode()


async def test_a_file_that_is_damaged_or_forged_changes_nothing(tmp_path: Path) -> None:
    one, two, file = tmp_path / "one", tmp_path / "two", tmp_path / "one.zip"
    one.mkdir()
    two.mkdir()
    await traded(one)
    backed_up(one, file)
    (tmp_path / "cut.zip").write_bytes(file.read_bytes()[:-100])
    (tmp_path / "other.zip").write_bytes(b"not a backup")
    with pytest.raises(Invalid, match="对不上"):
        await asyncio.to_thread(put_back, two, changed(file, tmp_path / "elsewhere.zip", elsewhere))
    bad = {
        "打不开": tmp_path / "other.zip",
        "不是备份文件": tmp_path / "cut.zip",
        "不是盯盘的备份": changed(file, tmp_path / "no-list.zip", lambda found: found.pop(MANIFEST)),
        "对不上": changed(file, tmp_path / "missing.zip", lambda found: found.pop("books/paper.db")),
        "被改过": changed(file, tmp_path / "edited.zip", lambda found: found.update({DATABASE: b"[]\n"})),
        "日志不对": changed(file, tmp_path / "forged.zip", forged),
    }
    for why, each in bad.items():
        with pytest.raises(Invalid, match=why):
            await asyncio.to_thread(put_back, two, each)
        assert not (two / "dingpan.db").exists()
        assert not (two / "paper.db").exists()
        assert not restored.pending(two)


async def test_the_commands_say_what_is_in_it_and_end_with_the_right_code(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "data").mkdir(parents=True)
    new.mkdir()
    await traded(old / "data")
    made = await asyncio.to_thread(dingpan, "backup", "copy.zip", folder=old)
    assert (made.returncode, made.stderr) == (0, "")
    assert "委托 2、成交 1" in made.stdout
    again = await asyncio.to_thread(dingpan, "backup", "copy.zip", folder=old)
    assert again.returncode == 1
    assert "已经有了" in again.stderr
    back = await asyncio.to_thread(dingpan, "restore", str(old / "copy.zip"), folder=new)
    assert (back.returncode, back.stderr) == (0, "")
    assert "✅ 恢复好了" in back.stdout
    assert found_in(new / "data") == found_in(old / "data")
    verified = await asyncio.to_thread(dingpan, "audit", "verify", folder=new)
    assert "日志完整" in verified.stdout
    over = await asyncio.to_thread(dingpan, "restore", str(old / "copy.zip"), folder=new)
    assert over.returncode == 1
    assert "--force" in over.stderr


# --- killed in the middle ---


class Countdown:
    """Ends the process by SIGKILL at the n-th line of the code under test."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, frame: FrameType, event: str, _arg: object) -> Countdown | None:
        if frame.f_code.co_filename not in WATCHED:  # asked at every call of any function
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def run_until(at: int, action: Callable[[], object]) -> str:
    """Do something in a process of its own that is killed at its n-th line; how it ended."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            sys.settrace(Countdown(at))
            action()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "killed"
    return "lived" if os.WEXITSTATUS(status) == 0 else "failed"


def lines_run(action: Callable[[], object]) -> int:
    counting = Countdown(0)
    sys.settrace(counting)
    try:
        action()
    finally:
        sys.settrace(None)
    return -counting.left


@forks
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_backup_killed_at_any_line_is_whole_or_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    asyncio.run(traded(folder))
    total = lines_run(lambda: backed_up(folder, tmp_path / "whole.zip"))
    file = tmp_path / "killed.zip"
    for number in range(POINTS):
        ended = run_until(1 + number * total // POINTS, lambda: backed_up(folder, file))
        assert ended == "killed"
        if file.exists():
            put_back(tmp_path / f"from{number}", file)
            file.unlink()
    backed_up(folder, file)
    put_back(tmp_path / "last", file)
    assert found_in(tmp_path / "last") == found_in(folder)


@forks
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_restore_killed_at_any_line_leaves_the_old_state_or_the_new_one(tmp_path: Path) -> None:
    old, new, file = tmp_path / "old", tmp_path / "new", tmp_path / "new.zip"
    old.mkdir()
    new.mkdir()
    asyncio.run(traded(old, say=["买100股茅台 价格1430"]))
    asyncio.run(traded(new))
    backed_up(new, file)
    before, after = found_in(old), found_in(new)
    assert before != after

    def copy(name: str) -> Path:
        return Path(shutil.copytree(old, tmp_path / name))

    whole = copy("whole")
    total = lines_run(lambda: put_back(whole, file, force=True))
    seen = set()
    for number in range(2 * POINTS):
        # The second half looks closely at the end, where files change places.
        at = 1 + number * total // POINTS if number < POINTS else total - 4 * (number - POINTS)
        folder = copy(f"killed{number}")
        assert run_until(at, lambda folder=folder: put_back(folder, file, force=True)) == "killed"  # type: ignore[misc]
        finish(settings_of(folder))
        found = found_in(folder)
        assert found in (before, after), f"line {at} of {total}"
        seen.add(found == after)
        put_back(folder, file, force=True)
        assert found_in(folder) == after
        shutil.rmtree(folder)
    assert seen == {True, False}
