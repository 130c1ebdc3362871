"""What is said at once about a watch itself, and mended by a tap; and the look over all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.errors import Unavailable
from core.messages import COMMAND_BYTES
from core.types import Symbol
from core.watches import Repeat, Watch
from tests.e2e.theatre import Theatre

MOUTAI = Symbol("600519.SH")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path, positions={MOUTAI: (200, Decimal(1390))}) as stage:
        await stage.tick("600519.SH", "1430", preclose=Decimal(1430))
        yield stage
        assert all(len(each.command.encode()) <= COMMAND_BYTES for each in stage.channel.buttons())


def watches(stage: Theatre) -> list[Watch]:
    return list(stage.app.house.watchlist.of("owner"))


def texts(stage: Theatre) -> list[str]:
    return [one.condition_text() for one in watches(stage)]


async def test_what_holds_already_is_turned_round_by_a_tap_and_a_second_tap_leaves_it(stage: Theatre) -> None:
    made = await stage.say("茅台跌破1450提醒我")
    assert made.text.count("已经满足") == 1
    assert "现价 1430.00，触发区 ≤ 1450.00" in made.text
    assert made.labels() == ("撤销", "暂停", "看图", "改成涨到 1450.00", "改成跌到 1415.70（-1%）", "保持不变")
    tap = stage.button("改成涨到 1450.00").command
    changed = await stage.send_press(tap)
    assert changed.title == "✏️ 已修改 #1"
    assert "已经满足" not in changed.text
    assert "已经是这样了" in (await stage.send_press(tap)).text
    await stage.tick("600519.SH", "1440", "1450")
    assert len(stage.seen("🔔 贵州茅台(600519) 1450.00")) == 1


async def test_what_holds_already_may_stay_or_get_another_price(stage: Theatre) -> None:
    await stage.say("茅台跌破1450提醒我")
    assert "#1 保持不变" in (await stage.press("保持不变")).text
    assert texts(stage) == ["跌到 1450.00 及以下"]
    await stage.press("改成跌到 1415.70（-1%）")
    assert texts(stage) == ["跌到 1415.70 及以下"]
    # a sentence after the tap still corrects the same watch
    assert "跌到 1380.00 及以下" in (await stage.say("改成1380")).text


async def test_a_mend_works_after_a_kill(stage: Theatre) -> None:
    await stage.say("茅台止损1450")
    tap = stage.button("改成止盈 1450.00").command
    await stage.kill()
    assert "止盈 1450.00" in (await stage.send_press(tap)).text


async def test_what_the_first_quote_shows_to_hold_is_said_with_the_same_offers(stage: Theatre) -> None:
    assert "还没有行情" in (await stage.say("五粮液跌破150提醒我")).text
    await stage.tick("000858.SZ", "140")
    [message] = stage.seen("ℹ️ 盯盘 #1 已经满足条件")
    assert message.labels() == ("改成涨到 150.00", "改成跌到 138.60（-1%）", "保持不变", "删除")
    await stage.press("改成涨到 150.00")
    assert texts(stage) == ["涨到 150.00 及以上"]


async def test_a_contradiction_is_mended_by_a_tap(stage: Theatre) -> None:
    made = await stage.say("茅台跌到1400并且涨到1500提醒我")
    assert "不可能同时成立" in made.text
    changed = await stage.press("改成任一满足就提醒")
    assert "跌到 1400.00 及以下 或者 涨到 1500.00 及以上" in changed.text
    assert "不可能" not in changed.text


async def test_what_todays_limit_forbids_is_given_more_time_or_the_limit(stage: Theatre) -> None:
    made = await stage.say("茅台涨到1600提醒我，今天有效")
    assert "今天最高只能到 1573.00（涨停）" in made.text
    assert "有效：到 2026-11-20 收盘" in (await stage.press("改到本周五（11-20）")).text
    await stage.say("删除1")
    await stage.say("茅台跌到1200提醒我，今天有效")
    assert "跌到 1287.00 及以下" in (await stage.press("改成跌到 1287.00")).text


async def test_a_range_the_wrong_way_round_is_asked_back_with_all_that_was_said(stage: Theatre) -> None:
    question = await stage.say("茅台1500到1440之间提醒我，每次都提醒")
    assert "现在写的是 1500 到 1440" in question.text
    assert watches(stage) == []
    made = await stage.press("1440～1500")
    assert "进入 1440.00 ~ 1500.00" in made.text
    assert watches(stage)[0].repeat is Repeat.EVERY_TIME
    await stage.say("茅台1480到1450之间提醒我")
    assert "进入 1450.00 ~ 1480.00" in (await stage.say("是")).text
    await stage.say("把2改成1490到1460之间")
    assert "进入 1460.00 ~ 1490.00" in (await stage.press("1460～1490")).text
    assert len(watches(stage)) == 2


async def test_the_same_condition_twice_is_merged_into_the_first(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我")
    made = await stage.say("茅台跌破1400买100股")
    assert "和 #1 条件一样（计划、提醒次数不同）" in made.text
    merged = await stage.press("合并到 #1")
    assert merged.title == "✏️ 已修改 #1"
    assert "买入 100 股" in merged.text
    [left] = watches(stage)
    assert (left.number, left.repeat) == (1, Repeat.ONCE)


async def test_a_merge_that_the_database_does_not_take_leaves_both(
    stage: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.say("茅台跌破1400提醒我")
    await stage.say("茅台跌破1400买100股")
    save = stage.app.house.store.save_watch

    async def refuse(watch: Watch, *others: Any) -> None:
        if watch.number == 1:
            raise Unavailable("数据库", "磁盘已满")
        await save(watch, *others)

    monkeypatch.setattr(stage.app.house.store, "save_watch", refuse)
    assert "磁盘已满" in (await stage.press("合并到 #1")).text
    assert [one.number for one in watches(stage)] == [1, 2]


async def test_a_purchase_under_a_stop_loss_is_said_and_the_other_may_be_paused(stage: Theatre) -> None:
    await stage.say("茅台止损1385，到了卖出100股")
    made = await stage.say("茅台跌到1380买100股")
    assert "跌下来会先卖出后买入：1385.00 卖出（#1），1380.00 买入（这个任务）" in made.text
    await stage.press("暂停 #1")
    assert [one.state.value for one in watches(stage)] == ["paused", "active"]


async def test_a_trade_that_cannot_be_is_said_when_it_is_planned(stage: Theatre) -> None:
    made = await stage.say("茅台涨到1500卖出300股")
    assert "只持有 200 股" in made.text
    assert "卖出 全部" in (await stage.press("改成全部卖出")).text
    assert "可用资金不够" in (await stage.say("茅台跌到1400买1000股")).text
    assert "买入 700 股" in (await stage.press("改成 700 股")).text


async def test_two_findings_at_most_stand_under_a_read_back_the_gravest_first(stage: Theatre) -> None:
    await stage.say("五粮液跌破100提醒我")
    await stage.tick("000858.SZ", "140", preclose=Decimal(140))
    await stage.say("五粮液跌破99提醒我")
    made = await stage.say("五粮液涨到14000卖出100股，今天有效")
    assert made.text.count("⚠️") == 2
    assert made.text.index("不可能触发") < made.text.index("没有五粮液(000858)的持仓")


async def test_a_watch_without_anything_odd_says_nothing_more(stage: Theatre) -> None:
    made = await stage.say("茅台跌破1400提醒我")
    assert "⚠️" not in made.text
    assert made.labels() == ("撤销", "暂停", "看图")


async def test_a_mend_of_what_is_gone_or_paused_says_so(stage: Theatre) -> None:
    await stage.say("茅台跌破1450提醒我")
    tap = stage.button("改成涨到 1450.00").command
    await stage.say("暂停1")
    assert "没有在盯" in (await stage.send_press(tap)).text
    await stage.say("删除1")
    assert "已经不在了" in (await stage.send_press(tap)).text
    assert "请点" in (await stage.say("/mend")).text


async def test_a_review_names_what_needs_something_and_counts_the_rest(stage: Theatre) -> None:
    assert (await stage.say("体检")).title == "还没有盯盘任务"
    await stage.say("茅台跌破1400提醒我")
    assert (await stage.say("/review")).title == "🩺 体检：都正常"
    await stage.say("茅台跌破1450提醒我")
    await stage.say("茅台涨到1500提醒我，到明天有效")
    await stage.say("五粮液跌破100提醒我")
    await stage.say("茅台跌破1300提醒我")
    await stage.say("暂停5")
    seen = await stage.say("体检")
    assert seen.title == "🩺 体检：4 个任务要看一下"
    assert "现在已经满足条件" in seen.text
    assert "下一个交易日（11-19）收盘后到期" in seen.text
    assert "还没有收到行情" in seen.text
    assert "已暂停，不会提醒" in seen.text
    assert "✅ 1 个正常" in seen.text
    assert seen.labels() == ("#2 改成涨到 1450.00", "#5 恢复", "#3 改到本周五（11-20）")
    await stage.press("#2 改成涨到 1450.00")
    await stage.press("#3 改到本周五（11-20）")
    assert (await stage.say("/review")).title == "🩺 体检：2 个任务要看一下"


async def test_a_review_says_what_has_long_been_silent(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我")
    stage.clock.advance(timedelta(days=100))
    await stage.tick("600519.SH", "1430")
    assert "三个月没有触发过" in (await stage.say("/review")).text
    await stage.tick("600519.SH", "1399")
    assert "三个月" not in (await stage.say("/review")).text
    await stage.say("静音1小时")
    assert "触发了也不提醒" in (await stage.say("/review")).text


async def test_what_was_told_and_still_holds_is_nothing_odd(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我")
    await stage.tick("600519.SH", "1399")
    assert (await stage.say("/review")).title == "🩺 体检：都正常"


async def test_levels_near_each_other_are_said_when_made_and_not_again(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我")
    made = await stage.say("茅台跌破1390提醒我")
    assert "和 #1（跌到 1400.00 及以下）很近，会先后各提醒一次" in made.text
    assert made.labels()[-2:] == ("暂停 #1", "都留着")
    assert (await stage.say("/review")).title == "🩺 体检：都正常"
