"""Sources of news: what they give, what they leave out, and that what cannot be read costs nobody the rest."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from adapters.news import folder
from core.errors import Unavailable
from core.news import NewsSource
from core.types import Symbol
from tests.fakes.parts import MOUTAI, PINGAN, at

SINCE: Final = at("2026-03-20 00:00")
Put = Callable[[str, str | bytes], Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Writes a file into the folder; it was written at noon of 2026-03-23."""

    def write(name: str, body: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body if isinstance(body, bytes) else body.encode())
        stamp = at("2026-03-23 12:00").timestamp()
        os.utime(path, (stamp, stamp))
        return path

    return write


@pytest.fixture
def source(tmp_path: Path) -> NewsSource:
    return folder.connect(tmp_path)


async def titles(source: NewsSource, symbol: Symbol = MOUTAI, since: datetime = SINCE) -> list[str]:
    return [one.title for one in await source.news(symbol, since)]


async def test_an_empty_source_has_nothing(source: NewsSource) -> None:
    assert await titles(source) == []


async def test_each_share_has_its_own_and_the_newest_comes_first(source: NewsSource, put: Put) -> None:
    put("600519 2026-03-21 年报.txt", "贵州茅台年报\n营业收入增长。")
    put("sh600519_2026-03-23_0931.md", "# 回购进展\n已回购。")
    put("601318 2026-03-23.txt", "平安年报")
    assert await titles(source) == ["回购进展", "贵州茅台年报"]
    assert await titles(source, PINGAN) == ["平安年报"]
    first, second = await source.news(MOUTAI, SINCE)
    assert (first.at, first.text) == (at("2026-03-23 09:31"), "已回购。")
    assert second.at == at("2026-03-21 00:00")


async def test_what_was_published_before_is_left_out(source: NewsSource, put: Put) -> None:
    put("600519 2026-03-19.txt", "旧闻")
    put("600519 2026-03-20.txt", "新闻")
    assert await titles(source) == ["新闻"]


async def test_without_a_date_it_is_as_old_as_its_file(source: NewsSource, put: Put) -> None:
    put("600519.txt", "没有日期")
    [one] = await source.news(MOUTAI, SINCE)
    assert one.at == at("2026-03-23 12:00")
    assert one.at.tzinfo is UTC


async def test_a_folder_may_name_the_share(source: NewsSource, put: Put) -> None:
    put("600519.SH/减持公告.md", "股东减持")
    put("随便/600519 摘要.txt", "摘要")
    put("随便/没有代码.txt", "不知道是谁的")
    assert sorted(await titles(source)) == ["摘要", "股东减持"]


async def test_another_program_may_write_json(source: NewsSource, put: Put) -> None:
    rows = [
        {"symbol": "600519", "at": "2026-03-23 09:00", "source": "交易所", "title": "第一条", "text": "正文"},
        {"symbol": "600519.SH", "at": "2026-03-23T02:00:00+00:00", "title": "第二条"},
        {"symbol": "601318", "title": "别家的"},
        {"title": "不知道是谁的"},
        "不是对象",
    ]
    put("今天.json", json.dumps(rows, ensure_ascii=False))
    second, first = await source.news(MOUTAI, SINCE)
    assert (first.title, first.source, first.at, first.text) == ("第一条", "交易所", at("2026-03-23 09:00"), "正文")
    assert (second.title, second.at) == ("第二条", at("2026-03-23 10:00"))


async def test_ids_differ_and_stay(source: NewsSource, put: Put) -> None:
    put("600519.json", json.dumps([{"title": "一"}, {"title": "二"}]))
    put("600519 三.txt", "三")
    ids = [one.id for one in await source.news(MOUTAI, SINCE)]
    assert len(set(ids)) == 3
    assert ids == [one.id for one in await source.news(MOUTAI, SINCE)]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("600519 坏.json", b'{"title": '),
        ("600519 深.json", b"[" * 60_000),
        ("600519 大.json", b'[{"title":"' + b"x" * 70_000 + b'"}]'),
        ("600519 空.txt", b"  \n\n "),
        ("600519 图.png", b"title"),
        (".600519.txt", "隐藏".encode()),
        ("6005199.txt", "七位数".encode()),
        ("600519 数.json", b"12"),
        ("600519 码.json", b'{"symbol": 600519}'),
    ],
)
async def test_what_cannot_be_read_costs_nobody_the_rest(source: NewsSource, put: Put, name: str, body: bytes) -> None:
    put(name, body)
    put("600519 好.txt", "好的")
    assert await titles(source) == ["好的"]


async def test_a_long_text_is_read_from_its_beginning_also_within_a_character(source: NewsSource, put: Put) -> None:
    put("600519 长.txt", "长文\n" + "字" * 60_000)
    [one] = await source.news(MOUTAI, SINCE)
    assert set(one.text) == {"字"}
    assert 20_000 < len(one.text) < 60_000


async def test_chinese_windows_may_have_written_it(source: NewsSource, put: Put) -> None:
    put("600519 记事本.txt", "减持公告\n持股百分之五以上股东".encode("gb18030"))
    [one] = await source.news(MOUTAI, SINCE)
    assert (one.title, one.text) == ("减持公告", "持股百分之五以上股东")


async def test_a_link_is_not_followed(source: NewsSource, put: Put, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.txt"
    secret.write_text("不该看到", encoding="utf-8")
    inside = put("600519 好.txt", "好的").parent
    try:
        (inside / "600519 链接.txt").symlink_to(secret)
        (inside / "600519").symlink_to(secret.parent, target_is_directory=True)
    except OSError:
        pytest.skip("LINKS CANNOT BE MADE HERE")
    assert await titles(source) == ["好的"]


async def test_a_folder_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    source = folder.connect(tmp_path / "没有")
    with pytest.raises(Unavailable, match="资讯文件夹"):
        await source.news(MOUTAI, SINCE)


async def test_a_date_that_does_not_exist_is_none(source: NewsSource, put: Put) -> None:
    put("600519 2026-13-45.txt", "日期不对")
    [one] = await source.news(MOUTAI, SINCE)
    assert one.at == at("2026-03-23 12:00")


async def test_it_says_where_it_comes_from(source: NewsSource, tmp_path: Path) -> None:
    assert str(tmp_path) in source.describe()
