"""`dingpan export` and `dingpan import` as a person uses them, on a database of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.brokers import paper
from adapters.stores import sql
from core.clock import SystemClock
from core.ports import Store
from core.watches import Arm, Repeat, Watch
from tests.e2e.test_cli import dingpan

SAID = "贵州茅台跌破1420提醒我，跌破就买100股\n宁德时代涨3%或者跌3%告诉我\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder in which two watches have been made in the chat."""
    assert dingpan("run", folder=tmp_path, said=SAID).returncode == 0
    return tmp_path


def exported(folder: Path) -> str:
    done = dingpan("export", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def edited(folder: Path, change: Callable[[str], str]) -> str:
    """The exported file, changed."""
    (folder / "watches.yaml").write_text(change(exported(folder)), encoding="utf-8")
    return "watches.yaml"


def imported(*words: str, folder: Path, said: str = "") -> list[str]:
    done = dingpan("import", *words, folder=folder, said=said)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


async def stored(folder: Path) -> tuple[list[Watch], list[Arm]]:
    store: Store = sql.connect(folder / "data" / "dingpan.db")
    try:
        return list(await store.watches()), list(await store.arms())
    finally:
        await store.close()


def test_watches_move_to_another_house_through_a_file(home: Path) -> None:
    done = dingpan("export", "watches.yaml", folder=home)
    assert (done.returncode, done.stdout) == (0, "写好了 2 个盯盘任务：watches.yaml\n")
    assert [one.name for one in home.iterdir() if "watches" in one.name] == ["watches.yaml"]
    text = (home / "watches.yaml").read_bytes()
    assert text.decode() == exported(home)
    other = home / "other"
    other.mkdir()
    (other / "watches.yaml").write_bytes(text)
    lines = imported("watches.yaml", folder=other)
    assert lines[-1] == "导入好了：新建 2 个，修改 0 个，没有变化 0 个，文件里没有而保留 0 个。"
    assert imported("watches.yaml", folder=other)[-1].startswith("没有要改的：")
    assert exported(other).encode() == text
    first, _ = (asyncio.run(stored(other)))[0]
    assert (first.number, first.repeat, first.text) == (1, Repeat.ONCE, "贵州茅台跌破1420提醒我，跌破就买100股")
    assert {arm.armed for arm in (asyncio.run(stored(other)))[1]} == {None}
    assert "跌到 1420.00 及以下" in dingpan("run", folder=other, said="列表\n").stdout


async def test_a_changed_line_changes_the_watch_and_its_rules_start_unjudged(home: Path) -> None:
    before = (await stored(home))[0][0]
    store = sql.connect(home / "data" / "dingpan.db")
    await store.save_arms([arm.turned(False, None) for arm in await store.arms()])
    await store.close()
    file = edited(home, lambda text: text.replace("value: 1420", "value: 1400"))
    shown = imported(file, "--dry-run", folder=home)
    assert shown[0] == "~ 修改 #1 贵州茅台：跌到 1400.00 及以下"
    assert shown[-1].startswith("试运行，什么也没有改：")
    assert (await stored(home))[0][0] == before
    assert imported(file, folder=home)[-1].startswith("导入好了：新建 0 个，修改 1 个，没有变化 1 个")
    (after, other), arms = await stored(home)
    assert after == before.model_copy(update={"conditions": after.conditions})
    assert after.condition_text() == "跌到 1400.00 及以下"
    assert [arm.armed for arm in arms if arm.key.watch_id == after.id] == [None]
    assert {arm.armed for arm in arms if arm.key.watch_id == other.id} == {False}


async def test_what_is_only_told_otherwise_is_not_judged_anew(home: Path) -> None:
    store = sql.connect(home / "data" / "dingpan.db")
    await store.save_arms([arm.turned(False, None) for arm in await store.arms()])
    await store.close()
    file = edited(home, lambda text: text.replace("shares: 100}", "shares: 200}"))
    imported(file, folder=home)
    watches, arms = await stored(home)
    assert [one.plan.shares for one in watches if one.plan] == [200]
    assert {arm.armed for arm in arms} == {False}


async def test_what_the_file_lacks_is_kept_or_deleted_after_asking(home: Path) -> None:
    file = edited(home, lambda text: text.partition("\n- number: 2")[0])
    assert imported(file, folder=home)[-1] == "没有要改的：新建 0 个，修改 0 个，没有变化 1 个，文件里没有而保留 1 个。"
    for answer in ("", "n\n"):
        refused = dingpan("import", file, "--prune", folder=home, said=answer)
        assert refused.returncode == 1
        assert "- 删除 #2 宁德时代" in refused.stdout
        assert "没有导入，什么也没有改。" in refused.stderr
        assert len((await stored(home))[0]) == 2
    assert imported(file, "--prune", folder=home, said="y\n")[-1].endswith("删除 1 个。")
    assert [one.number for one in (await stored(home))[0]] == [1]


async def test_a_number_is_never_given_twice(home: Path) -> None:
    file = edited(home, str)
    empty = home / "none.yml"
    empty.write_text("watches: []\n", encoding="utf-8")
    imported(str(empty), "--prune", "--yes", folder=home)
    lines = imported(file, folder=home)
    assert "  #1 这个编号用过，编号是 #3：跌到 1420.00 及以下" in lines
    assert [one.number for one in (await stored(home))[0]] == [3, 4]
    assert imported(file, folder=home)[-1].startswith("没有要改的：")


async def test_a_file_with_problems_changes_nothing(home: Path) -> None:
    before = await stored(home)
    file = edited(home, lambda text: text.replace("1420}", "-1}").replace("pct_up", "pct_upp").replace("1420", "1400"))
    done = dingpan("import", file, folder=home)
    assert (done.returncode, done.stdout) == (1, "")
    said = done.stderr.splitlines()
    assert said[0] == "watches.yaml 有 2 处不对，什么也没有导入："
    assert said[1] == "  第 8 行：价格 -1.00 不合理：应大于 0，不超过 100000。"
    assert said[2].startswith("  第 18 行：没有 pct_upp 这种条件，是不是 pct_up。")
    assert await stored(home) == before


@pytest.mark.parametrize(
    ("name", "content", "code", "sentence"),
    [
        ("nosuch.yaml", None, 1, "nosuch.yaml 读不了（没有这个文件）"),
        ("other.yaml", "watches: []  # 贵州".encode("gbk"), 1, "不是 UTF-8 编码"),
        ("watches.txt", b"", 2, "盯盘任务的文件名以 .yaml 结尾"),
    ],
)
def test_a_file_that_cannot_be_read_is_said(
    tmp_path: Path, name: str, content: bytes | None, code: int, sentence: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = dingpan("import", name, folder=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert sentence in done.stderr


def test_one_file_of_watches_at_a_time(tmp_path: Path) -> None:
    assert dingpan("import", "a.yaml", "b.yml", folder=tmp_path).returncode == 2


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    done = dingpan("export", "nosuch/watches.yaml", folder=tmp_path)
    assert done.returncode == 1
    assert "写不了" in done.stderr
    assert "Traceback" not in done.stderr


async def test_nothing_is_imported_while_the_assistant_is_at_work(home: Path) -> None:
    file = edited(home, lambda text: text.replace("value: 1420", "value: 1400"))
    at_work = paper.connect(
        path=home / "data" / "paper.db", account="paper", name="模拟账户", clock=SystemClock(), cash=Decimal(1)
    )
    refused = dingpan("import", file, folder=home)
    shown = imported(file, "--dry-run", folder=home)
    text = exported(home)
    await at_work.close()
    assert refused.returncode == 1
    assert "盯盘正在运行" in refused.stderr
    assert shown[-1] == "盯盘正在运行，真正导入前要先停掉它。"
    assert "value: 1420" in text
    assert imported(file, folder=home)[-1].startswith("导入好了：")


def test_the_chat_shows_the_same_file(home: Path) -> None:
    shown = dingpan("run", folder=home, said="/export\n").stdout
    assert "📄 2 个盯盘任务" in shown
    assert "- {kind: price_below, value: 1420}  # 跌到 1420.00 及以下" in shown
