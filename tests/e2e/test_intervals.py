"""A watch that has its shares analysed while the market trades: when, one at a time, and what of it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from core.allowance import Budget
from core.analysis import Occasion
from core.ports import Model
from core.types import Symbol
from tests.e2e.test_analyst import BEFORE, BUY, PUFA, answer, model, server, tickets
from tests.e2e.theatre import Theatre
from tests.fakes.market import market_instant
from tests.fakes.openai import FakeOpenAI

SENTENCE: Final = "每30分钟分析一次浦发银行"
ZHAOHANG: Final = Symbol("600036.SH")


__all__ = ["model", "server"]  # fixtures


@pytest.fixture
async def stage(tmp_path: Path, model: Model) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path, model=model, budget=Budget(yuan=Decimal(5))) as stage:
        await quote(stage, "9.05")
        yield stage


async def quote(stage: Theatre, price: str) -> None:
    fields: dict[str, Any] = {"ask": price, "ask_volume": 100_000, "bid": price, "bid_volume": 100_000}
    await stage.tick(PUFA, price, preclose=BEFORE, **fields)


async def at(stage: Theatre, server: FakeOpenAI, clock: str, price: str = "9.05", **changes: Any) -> int:
    """Let it become that late, at a price at which the model then says something; how often it was asked in all."""
    stage.market.set(PUFA, price, preclose=BEFORE, ask=price, ask_volume=100_000, bid=price, bid_volume=100_000)
    server.answers(answer(price=float(price), **changes))
    await stage.pass_time(f"2026-11-18 {clock}")
    return len(server.asked)


async def test_it_is_read_back_and_listed(stage: Theatre) -> None:
    made = await stage.say(SENTENCE)
    assert made.title == "✅ 已开始盯盘 #1"
    assert made.text == (
        "标的：浦发银行(600000)\n分析：盘中每 30 分钟分析一次\n告诉：建议变了或价格接近它的价位才告诉你"
    )
    listed = await stage.say("列表")
    assert "#1 浦发银行(600000)\n　盘中每 30 分钟分析一次；建议变了" in listed.text


async def test_beside_a_condition_it_stands_on_the_same_watch(stage: Theatre) -> None:
    made = await stage.say("浦发银行跌破8.5提醒我，每小时分析一次")
    assert "条件：跌到 8.50 及以下" in made.text
    assert "盘中每小时分析一次" in made.text
    assert "盘中每小时分析一次" in (await stage.say("列表")).text


async def test_it_looks_when_its_time_has_come_and_the_market_trades(stage: Theatre, server: FakeOpenAI) -> None:
    await stage.say(SENTENCE)
    asked = [
        await at(stage, server, clock, price)
        for clock, price in [
            ("10:01", "9.05"),
            ("10:30", "9.06"),
            ("10:32", "9.07"),
            ("11:02", "9.08"),
            ("11:33", "9.09"),
            ("13:00", "9.10"),
            ("14:58", "9.11"),
            ("15:30", "9.12"),
        ]
    ]
    assert asked == [1, 1, 2, 3, 3, 4, 4, 4]


async def test_on_a_day_off_nothing_is_asked(stage: Theatre, server: FakeOpenAI) -> None:
    await stage.say(SENTENCE)
    await stage.pass_time("2026-11-21 10:30")
    assert not server.asked


async def test_a_paused_or_deleted_watch_does_not_look(stage: Theatre, server: FakeOpenAI) -> None:
    await stage.say(SENTENCE)
    await stage.say("暂停1")
    assert await at(stage, server, "10:01") == 0
    await stage.say("恢复1")
    assert await at(stage, server, "10:02") == 1
    await stage.say("删除1")
    assert await at(stage, server, "11:00", "9.06") == 1


async def test_the_first_is_told_and_then_only_what_is_new(stage: Theatre, server: FakeOpenAI) -> None:
    await stage.say(SENTENCE)
    await at(stage, server, "10:01")
    [first] = stage.seen("定时分析")
    assert first.text.startswith("#1 定时分析：第一次。")
    await at(stage, server, "10:32", "9.06")
    assert len(stage.seen("定时分析")) == 1
    await at(stage, server, "11:03", "9.07", **(BUY_LEVELS | {"entry": 9.07}))
    assert stage.channel.shown[-1].text.startswith("#1 定时分析：建议从观望变成买入")
    assert len(await stage.app.house.store.analyses()) == 3


BUY_LEVELS: Final = {key: BUY[key] for key in ("action", "take_profit", "stop_loss", "size")}


async def test_the_same_advice_to_buy_makes_one_card(stage: Theatre, server: FakeOpenAI) -> None:
    await stage.say(SENTENCE)
    await at(stage, server, "10:01", "9.05", **(BUY_LEVELS | {"entry": 9.05}))
    await at(stage, server, "10:32", "9.06", **(BUY_LEVELS | {"entry": 9.06}))
    assert len(await tickets(stage)) == 1
    assert len(stage.seen("定时分析")) == 1


async def test_who_wants_every_one_gets_every_one(stage: Theatre, server: FakeOpenAI) -> None:
    made = await stage.say("每30分钟分析一次浦发银行，每次都告诉我")
    assert "告诉：每次都告诉你" in made.text
    await at(stage, server, "10:01")
    await at(stage, server, "10:32", "9.06")
    assert len(stage.seen("定时分析")) == 2


async def test_who_is_silent_is_not_analysed(stage: Theatre, server: FakeOpenAI) -> None:
    await stage.say(SENTENCE)
    await stage.say("浦发银行静音2小时")
    assert await at(stage, server, "10:01") == 0


async def test_a_restart_does_not_look_again_before_its_time(stage: Theatre, server: FakeOpenAI) -> None:
    await stage.say(SENTENCE)
    await at(stage, server, "10:01")
    await stage.kill()
    assert await at(stage, server, "10:20", "9.06") == 1
    assert await at(stage, server, "10:33", "9.07") == 2


async def test_of_many_that_are_due_at_the_open_three_come_in_a_minute(stage: Theatre, server: FakeOpenAI) -> None:
    for minutes in (30, 31, 32, 33, 34):
        await stage.say(f"每{minutes}分钟分析一次浦发银行")
    await at(stage, server, "10:01")
    made = await stage.app.house.store.analyses()
    assert len(made) == 3
    await at(stage, server, "10:02", "9.06")
    assert {one.watch_id for one in await stage.app.house.store.analyses()} == {
        one.id for one in stage.app.house.watchlist.everything()
    }
    assert {one.occasion for one in made} == {Occasion.INTERVAL}


async def test_everything_that_manages_watches_takes_it(stage: Theatre) -> None:
    await stage.say(SENTENCE)
    assert "已经有一样的任务 #1" in (await stage.say(SENTENCE)).text
    assert "check_interval: 30m" in (await stage.say("/export")).text
    assert "盘中每 30 分钟分析一次" in (await stage.say("/why 1")).text
    changed = await stage.say("把1改成每小时分析一次")
    assert "盘中每小时分析一次" in changed.text
    assert "盘中每 30 分钟分析一次" in (await stage.say("撤销")).text
    assert "#1" in (await stage.say("暂停1")).text


@pytest.mark.parametrize(
    "words",
    [
        "把1改成不要定时分析",
        "关掉浦发银行定时分析",
        "给浦发银行关掉定时分析",
        "取消#1的定时分析",
        "浦发银行定时分析停掉",
    ],
)
async def test_it_can_be_ended_while_the_condition_stays(stage: Theatre, server: FakeOpenAI, words: str) -> None:
    await stage.say("浦发银行跌破8.5提醒我，每小时分析一次")
    changed = await stage.say(words)
    assert "分析" not in changed.text
    assert "条件：跌到 8.50 及以下" in changed.text
    assert await at(stage, server, "10:01") == 0


async def test_what_does_nothing_else_is_deleted_instead(stage: Theatre) -> None:
    await stage.say(SENTENCE)
    assert "请说“删除1”" in (await stage.say("不要定时分析了")).text
    assert len(list(stage.app.house.watchlist.everything())) == 1


@pytest.mark.parametrize(
    ("said", "then"),
    [
        ("改成每小时", "分析：盘中每小时分析一次"),
        ("改成每2小时分析一次", "分析：盘中每 2 小时分析一次"),
        ("到周五有效", "有效：到 2026-11-20 收盘"),
        ("每次都告诉我", "告诉：每次都告诉你"),
        ("再加一个跌破8.5的", "已开始盯盘 #2"),
    ],
)
async def test_the_next_sentence_may_change_it(stage: Theatre, said: str, then: str) -> None:
    await stage.say(SENTENCE)
    assert then in (await stage.say(said)).plain()


async def test_what_is_deleted_while_the_model_thinks_is_told_no_more(stage: Theatre, server: FakeOpenAI) -> None:
    await stage.say(SENTENCE)
    gate, stage.patient = server.hold(), False
    await stage.pass_time("2026-11-18 10:01")
    await server.until(lambda one: len(one.asked) == 1)
    await stage.say("删除1")
    gate.set()
    await stage.app.house.commentary.finished()
    await stage.settle()
    assert not stage.seen("定时分析：")


@pytest.mark.parametrize("sentence", ["全市场每小时分析一次", "每30分钟分析一次全市场"])
async def test_the_whole_market_is_refused(stage: Theatre, sentence: str) -> None:
    said = await stage.say(sentence)
    assert not list(stage.app.house.watchlist.everything())
    assert "全市场" in said.text


@pytest.mark.parametrize("sentence", ["每30秒分析浦发银行", "浦发银行跌破8.5提醒我，每30秒分析一次"])
async def test_what_comes_too_often_is_refused_in_plain_words(stage: Theatre, sentence: str) -> None:
    assert "定时分析最短 1 分钟。" in (await stage.say(sentence)).text
    assert not list(stage.app.house.watchlist.everything())


async def test_a_number_in_front_is_that_of_a_watch_and_no_price(stage: Theatre) -> None:
    await stage.say("浦发银行跌破8.5提醒我")
    said = await stage.say("1每小时分析一次")
    assert "条件：跌到 8.50 及以下" in said.text
    assert "盘中每小时分析一次" in said.text
    await stage.say("2只提醒一次")
    assert "跌到 8.50 及以下" in (await stage.say("列表")).text


async def test_a_slow_model_piles_nothing_up(stage: Theatre, server: FakeOpenAI) -> None:
    await stage.say("每1分钟分析一次浦发银行")
    gate = server.hold()
    for minute in range(1, 6):
        stage.clock.set(market_instant(f"2026-11-18 10:0{minute}"))
        stage.market.set(PUFA, f"9.0{minute}", preclose=BEFORE)
        await stage.app.house.commentary.look()
        await server.until(lambda one: bool(one.asked))
    gate.set()
    await stage.app.house.commentary.finished()
    made = await stage.app.house.store.analyses()
    assert len(made) == 1
    before = len(server.asked)
    assert await at(stage, server, "10:06") > before
