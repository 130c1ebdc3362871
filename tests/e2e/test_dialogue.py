"""One thing asked at a time: likely answers as buttons, questions that end, and whose question it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.messages import Incoming
from core.types import Symbol
from tests.e2e.theatre import CHAT, Theatre

HELD = Symbol("600036.SH")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path, positions={HELD: (500, Decimal(40))}) as stage:
        await stage.tick("600519.SH", "1410", preclose=Decimal(1433))
        await stage.tick("600036.SH", "41", preclose=Decimal(41))
        yield stage


async def test_a_watch_is_made_by_taps_alone_after_its_first_words(stage: Theatre) -> None:
    question = await stage.say("茅台跌破提醒我")
    assert question.labels() == ("1380.00", "1370.00", "1340.00", "1300.00")
    made = await stage.press("1380.00")
    assert "条件：跌到 1380.00 及以下" in made.text


async def test_prices_above_are_offered_for_a_rise(stage: Theatre) -> None:
    assert (await stage.say("茅台突破提醒我")).labels() == ("1440.00", "1450.00", "1480.00", "1520.00")


async def test_what_is_held_is_offered_to_be_sold(stage: Theatre) -> None:
    assert (await stage.say("卖掉一半")).labels() == ("招商银行(600036)",)
    card = await stage.press("招商银行(600036)")
    assert "卖出 招商银行(600036)\n数量：200 股" in card.text


async def test_watches_are_offered_where_one_is_meant(stage: Theatre) -> None:
    await stage.say("茅台跌破1380提醒我")
    await stage.say("招行跌破40提醒我")
    question = await stage.say("删除任务")
    assert question.labels() == ("#1 贵州茅台(600519)　跌到 1380.00 及以下", "#2 招商银行(600036)　跌到 40.00 及以下")
    gone = await stage.press("#2 招商银行(600036)　跌到 40.00 及以下")
    assert gone.title == "🗑 已删除"
    assert [watch.number for watch in stage.app.house.watchlist.of("owner")] == [1]


async def test_a_button_of_an_earlier_question_answers_no_later_one(stage: Theatre) -> None:
    first = await stage.say("买茅台")
    old = stage.button("200股").command
    assert first.labels() == ("100股", "200股", "1000股")
    await stage.say("买招行")
    said = await stage.send_press(old)
    assert "以前的问题" in said.text
    assert not await stage.app.house.store.tickets({"open"})  # type: ignore[arg-type]
    assert "买入 招商银行(600036)\n数量：200 股" in (await stage.press("200股")).text


async def test_a_question_ends_after_half_an_hour_and_is_asked_again_on_a_tap(stage: Theatre) -> None:
    await stage.say("茅台跌破提醒我")
    old = stage.button("1380.00").command
    stage.clock.advance(timedelta(minutes=31))
    late = await stage.say("1380")
    assert "茅台跌破提醒我" in late.text
    assert "已经作废" in late.text
    assert "以前的问题" in (await stage.send_press(old)).text
    assert not stage.app.house.watchlist.of("owner")
    assert (await stage.press("再问一次")).labels()[0] == "1380.00"
    await stage.say("1380")
    assert len(stage.app.house.watchlist.of("owner")) == 1


async def test_an_open_question_outlives_the_process(stage: Theatre) -> None:
    await stage.say("茅台跌破提醒我")
    await stage.kill()
    await stage.tick("600519.SH", "1410", preclose=Decimal(1433))
    assert "跌到 1390.00 及以下" in (await stage.say("1390")).text


async def test_in_a_group_each_answers_their_own_question(stage: Theatre) -> None:
    await stage.say("茅台跌破提醒我", user="wife")
    await stage.say("招行跌破提醒我", user="husband")
    mine = await stage.say("1380", user="wife")
    assert "标的：贵州茅台(600519)" in mine.text
    assert "标的：招商银行(600036)" in (await stage.say("39.5", user="husband")).text


async def test_what_one_has_done_is_not_undone_by_another(stage: Theatre) -> None:
    await stage.say("茅台跌破1380提醒我", user="wife")
    assert "没有可以撤销的" in (await stage.say("撤销", user="husband")).text
    assert len(stage.app.house.watchlist.of("owner")) == 1


# --- cards of orders ---


async def test_a_sentence_corrects_the_card_of_an_order_and_one_card_is_left(stage: Theatre) -> None:
    await stage.say("买100股茅台 价格1400")
    old = stage.button("确认").command
    card = await stage.say("改成200股")
    assert "数量：200 股\n限价：1400.00" in card.text
    assert "数量：200 股\n限价：1395.00" in (await stage.say("价格改成1395")).text
    [left] = [one for one in stage.channel.shown if one.title.startswith("📝") and "1395" in one.text]
    assert left.title == "📝 待确认委托·模拟"
    refused = await stage.send_press(old)
    assert "没有下单" in refused.plain()
    assert not await stage.orders()
    await stage.press("确认")
    [order] = await stage.orders()
    assert (order.shares, order.limit) == (200, Decimal(1395))


async def test_a_whole_sentence_is_another_order_and_corrects_nothing(stage: Theatre) -> None:
    await stage.say("买100股茅台 价格1400")
    await stage.say("买200股茅台 价格1400")
    listed = await stage.say("/tickets")
    assert listed.title == "📝 待确认委托（2）"


async def test_what_is_confirmed_is_corrected_no_more(stage: Theatre) -> None:
    await stage.say("买100股茅台 价格1400")
    await stage.press("确认")
    said = await stage.say("改成200股")
    assert "已经确认过了，不能再改，没有再下单" in said.text
    assert [order.shares for order in await stage.orders()] == [100]


async def test_a_typed_cancel_turns_the_card_down_and_a_typed_yes_only_shows_it(stage: Theatre) -> None:
    await stage.say("买100股茅台 价格1400")
    assert (await stage.say("确认")).title == "📝 待确认委托（1）"
    assert not await stage.orders()
    assert "已拒绝" in (await stage.say("取消")).title
    assert "没有" in (await stage.say("确认")).plain()
    assert not await stage.orders()


async def test_who_asks_for_an_opinion_is_told_what_it_would_take(stage: Theatre) -> None:
    answer = await stage.say("茅台能买吗")
    assert "数据不够，没有判断" in answer.text
    await stage.press("看事实")
    assert stage.seen("缺失")
    assert "招商银行" in (await stage.say("分析一下我的持仓")).plain()


@pytest.mark.parametrize("said", ["清仓", "全部卖出", "卖掉一半"])
async def test_who_wants_to_sell_right_after_an_alert_was_set_is_asked_now_or_then(stage: Theatre, said: str) -> None:
    await stage.say("招行跌破40提醒我")
    asked = await stage.say(said)
    assert "是现在就卖，还是等刚才的条件触发时再卖？现在什么都没有做。" in asked.text
    assert [watch.plan for watch in stage.app.house.watchlist.of("owner")] == [None]
    card = await stage.press("现在就卖")
    assert "卖出 招商银行(600036)" in card.text
    await stage.say("招行跌破39提醒我")
    await stage.say(said)
    assert "计划：触发后" in (await stage.press("触发时再卖")).text


@pytest.mark.parametrize("said", ["茅台收盘价低于1400提醒我", "茅台收盘跌破1400提醒我", "茅台收盘站上20日线提醒我"])
async def test_a_condition_on_the_close_alone_is_not_watched_in_the_middle_of_the_day(
    stage: Theatre, said: str
) -> None:
    assert "暂时还不能盯只看收盘价的条件" in (await stage.say(said)).text
    assert stage.app.house.watchlist.of("owner") == ()


@pytest.mark.parametrize(
    ("said", "urgent"),
    [("/panic", True), ("紧急停止", True), ("panic", True), ("/panic off", False), ("紧急停止吗", False)],
)
async def test_the_kill_switch_alone_is_urgent(stage: Theatre, said: str, urgent: bool) -> None:
    incoming = Incoming(chat=CHAT, user="local", text=said, at=stage.clock.now())
    assert stage.app.inbox.urgent(incoming) is urgent
    assert stage.app.inbox.urgent(incoming.model_copy(update={"text": "", "press": said})) is (
        said == "panic" or said == "紧急停止"
    )
