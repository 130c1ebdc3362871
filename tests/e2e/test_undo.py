"""撤销 takes back the last thing that can be taken back, once, and never an order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from core.watches import Watch, WatchState
from tests.e2e.theatre import Theatre


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path) as stage:
        await stage.tick("600519.SH", "1410", preclose=Decimal(1433))
        await stage.tick("600036.SH", "41", preclose=Decimal(41))
        yield stage


def watches(stage: Theatre) -> list[Watch]:
    return list(stage.app.house.watchlist.of("owner"))


async def test_a_new_watch_goes_with_all_that_its_sentence_made(stage: Theatre) -> None:
    await stage.say("茅台跌破1380提醒我，招行跌破40提醒我")
    assert len(watches(stage)) == 2
    undone = await stage.say("撤销")
    assert undone.title == "↩️ 已撤销：新建 #1、#2"
    assert not watches(stage)
    assert "没有可以撤销的" in (await stage.say("撤销")).text


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("改成1350", "修改 #1"),
        ("暂停1", "暂停 #1"),
        ("删除1", "删除 #1"),
        ("把1改成每次都提醒", "修改 #1"),
    ],
)
async def test_what_was_done_to_a_watch_is_taken_back(stage: Theatre, step: str, text: str) -> None:
    await stage.say("茅台跌破1380提醒我")
    before = watches(stage)
    await stage.say(step)
    assert watches(stage) != before
    assert (await stage.say("/undo")).title == f"↩️ 已撤销：{text}"
    assert watches(stage) == before
    # It watches again, as it did.
    await stage.tick("600519.SH", "1379")
    assert stage.seen("🔔")


async def test_a_pause_that_was_ended_is_a_pause_again(stage: Theatre) -> None:
    await stage.say("茅台跌破1380提醒我")
    await stage.say("暂停1")
    await stage.say("恢复1")
    await stage.say("撤销")
    assert [one.state for one in watches(stage)] == [WatchState.PAUSED]
    await stage.tick("600519.SH", "1379")
    assert not stage.seen("🔔")


async def test_all_that_were_deleted_at_once_come_back_after_a_restart_too(stage: Theatre) -> None:
    await stage.say("茅台跌破1380提醒我")
    await stage.say("招行涨到45提醒我")
    before = watches(stage)
    await stage.say("删除所有提醒")
    await stage.press("删除这 2 个")
    await stage.kill()
    assert (await stage.say("撤销")).title == "↩️ 已撤销：删除 #1、#2"
    assert watches(stage) == before
    await stage.kill()
    assert watches(stage) == before


async def test_what_has_changed_since_is_left_as_it_is(stage: Theatre) -> None:
    await stage.say("茅台跌破1380提醒我，只提醒一次")
    await stage.say("改成1400")
    await stage.tick("600519.SH", "1399")
    assert [one.state for one in watches(stage)] == [WatchState.DONE]
    assert "后来又有变化，没有撤销" in (await stage.say("撤销")).text
    assert [one.conditions[0].text() for one in watches(stage)] == ["跌到 1400.00 及以下"]


async def test_what_holds_already_when_it_comes_back_is_said(stage: Theatre) -> None:
    await stage.say("茅台跌破1380提醒我")
    await stage.say("删除1")
    await stage.tick("600519.SH", "1379")
    undone = await stage.say("撤销")
    assert "现在已经满足" in undone.text
    assert not stage.seen("🔔")


async def test_a_merge_comes_apart_again(stage: Theatre) -> None:
    await stage.say("茅台跌破1380提醒我")
    await stage.say("茅台跌破1380提醒我，到周五有效")
    before = watches(stage)
    [label] = {label for message in stage.channel.shown for label in message.labels() if label.startswith("合并")}
    await stage.press(label)
    assert len(watches(stage)) == 1
    await stage.say("撤销")
    assert watches(stage) == before


async def test_a_silence_ends_and_only_that_one(stage: Theatre) -> None:
    await stage.say("静音招行1小时")
    await stage.say("静音茅台1小时")
    assert (await stage.say("撤销")).title == "↩️ 已撤销：静音贵州茅台(600519)"
    [left] = stage.app.house.dispatcher.silences("owner")
    assert left.symbol == "600036.SH"


async def test_favourites_are_as_they_were_and_what_follows_them_too(stage: Theatre) -> None:
    await stage.say("把茅台加入自选")
    await stage.say("自选股跌3%提醒我")
    await stage.say("把招行加入自选")
    assert [len(one.symbols) for one in watches(stage)] == [2]
    assert (await stage.say("撤销")).title == "↩️ 已撤销：自选股的修改"
    assert [one.symbols for one in watches(stage)] == [("600519.SH",)]


async def test_quiet_hours_are_as_they_were(stage: Theatre) -> None:
    await stage.say("/quiet 22:00-08:00 全部")
    await stage.say("/quiet off")
    await stage.say("撤销")
    hours = stage.app.house.digest.quiet_hours("owner")
    assert hours is not None
    assert (str(hours), hours.strict) == ("22:00-08:00", True)


async def test_who_has_an_order_lying_there_is_asked_which_is_meant(stage: Theatre) -> None:
    await stage.say("茅台跌破1380提醒我")
    await stage.say("买100股茅台 价格1300")
    await stage.press("确认")
    [order] = await stage.orders()
    asked = await stage.say("撤销")
    assert "上一步是：新建 #1。要撤单的话" in asked.text
    assert len(watches(stage)) == 1
    await stage.press("撤销上一步")
    assert not watches(stage)
    assert [one.state for one in await stage.orders()] == [order.state]


async def test_a_whole_market_comes_back_whole(stage: Theatre) -> None:
    await stage.say("全市场涨停的提醒我")
    before = watches(stage)
    await stage.say("删除1")
    await stage.say("撤销")
    assert watches(stage) == before
    assert len(before[0].symbols) > 100


@pytest.mark.parametrize(
    ("mine", "theirs", "look"),
    [
        ("/limits 单笔 50000", "/limits 单日 100000", "/limits"),
        ("/quiet 22:00-08:00", "/quiet 12:00-13:00", "/quiet"),
        ("把茅台加入自选", "把招行加入自选", "自选股"),
    ],
)
async def test_what_somebody_else_has_set_since_is_left_as_it_is(
    stage: Theatre, mine: str, theirs: str, look: str
) -> None:
    await stage.say(mine, user="a")
    await stage.say(theirs, user="b")
    before = (await stage.say(look, user="b")).plain()
    assert "后来又有变化，没有撤销" in (await stage.say("撤销", user="a")).text
    assert (await stage.say(look, user="b")).plain() == before
