"""Favourites and what a watch may ask for, from the sentence to what is kept and read back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.types import Symbol
from tests.e2e.theatre import Theatre
from tests.fakes.market import MOUTAI


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path, positions={Symbol("600036.SH"): (1000, Decimal(40))}) as stage:
        await stage.tick("600519.SH", "1430", preclose=Decimal(1433))
        await stage.tick("600036.SH", "41", preclose=Decimal(41))
        yield stage


async def test_favourites_are_added_shown_and_removed(stage: Theatre) -> None:
    assert "还是空的" in (await stage.say("我的自选")).title
    assert "已加入自选：贵州茅台(600519)、招商银行(600036)" in (await stage.say("把茅台和招行加入自选")).title
    await stage.kill()
    assert (await stage.say("自选股有哪些")).title == "⭐ 自选股（2）"
    assert "现在共 1 只" in (await stage.say("从自选删除茅台")).text
    assert "没有贵州茅台" in (await stage.say("从自选删除茅台")).text
    assert "已清空" in (await stage.say("清空自选")).title


async def test_a_watch_on_the_favourites_follows_them_and_what_stays_keeps_its_memory(stage: Theatre) -> None:
    assert "还没有股票" in (await stage.say("自选股里跌5%的提醒我")).text
    await stage.say("把茅台加入自选")
    assert "自选股（现在 1 只：贵州茅台(600519)）" in (await stage.say("自选股里跌5%的提醒我")).text
    [before] = [rule.arm for rule in stage.app.house.book.rules_of(stage.app.house.watchlist.of("owner")[0].id)]
    assert "#1 已跟着改变" in (await stage.say("把招行加入自选")).text
    [watch] = stage.app.house.watchlist.of("owner")
    assert (watch.scope, watch.symbols) == ("watchlist", (MOUTAI, "600036.SH"))
    assert before in [rule.arm for rule in stage.app.house.book.rules_of(watch.id)]
    await stage.kill()
    assert stage.app.house.watchlist.of("owner") == (watch,)
    assert "还盯着原来的股票" in (await stage.say("清空自选")).text


async def test_all_favourites_are_quoted_at_once(stage: Theatre) -> None:
    assert "还没有股票" in (await stage.say("自选股都给报个价")).text
    await stage.say("把茅台和招行加入自选")
    before = len(stage.transcript())
    await stage.say("自选股都给报个价")
    said = stage.transcript()[before:]
    assert "贵州茅台" in said
    assert "招商银行" in said


async def test_a_watch_on_the_market_is_about_every_share_and_about_no_index(stage: Theatre) -> None:
    said = await stage.say("全市场涨停的告诉我 前10只")
    [watch] = stage.app.house.watchlist.of("owner")
    assert (watch.scope, watch.top) == ("market", 10)
    assert MOUTAI in watch.symbols
    assert "000001.SH" not in watch.symbols
    assert f"全市场（{len(watch.symbols)} 只）" in said.text
    assert "一次最多列 10 只" in said.text


async def test_the_options_of_a_sentence_are_kept_and_read_back(stage: Theatre) -> None:
    said = await stage.say("茅台跌破1400提醒我，恢复了也告诉我，5分钟没看就再提醒，有持仓才提醒")
    [watch] = stage.app.house.watchlist.of("owner")
    assert (watch.resolved, watch.only_held, watch.escalate_after) == (True, True, timedelta(minutes=5))
    assert all(word in said.text for word in ("恢复后也说一声", "只在持有时提醒", "没有回应"))
    changed = await stage.say("重新待命幅度1%")
    assert "离开触发线 1.00% 后才重新待命" in changed.text
    [watch] = stage.app.house.watchlist.of("owner")
    assert (watch.band, watch.resolved) == (Decimal(1), True)


async def test_a_new_high_without_its_days_is_asked_for_them(stage: Theatre) -> None:
    said = await stage.say("茅台创历史新高提醒我")
    assert "多少个交易日的新高？" in said.text
    assert "最近 250 个交易日" in said.text


async def test_a_watch_is_silenced_and_explained_by_its_number(stage: Theatre) -> None:
    await stage.say("茅台跌破1420提醒我")
    await stage.say("招行跌破38提醒我")
    assert "盯盘 #2 到" in (await stage.say("静音2")).text
    why = await stage.say("为什么1")
    assert "#1 跌到 1420.00" in why.text
    assert "#2" not in why.text
    assert "#2 跌到 38.00" in (await stage.say("2号为什么没提醒")).text
