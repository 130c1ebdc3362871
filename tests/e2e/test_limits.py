"""The person's own limits: on every card, at every tap, over a restart, and against two taps at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.theatre import Theatre


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path) as stage:
        await stage.tick("600519.SH", "1410", preclose=Decimal(1433), ask="1410", ask_volume=10_000)
        await stage.tick("600036.SH", "41", preclose=Decimal(41), ask="41", ask_volume=100_000)
        yield stage


async def test_an_order_above_the_limit_gets_no_card_and_one_below_does(stage: Theatre) -> None:
    assert "单笔：最多 50,000.00 元" in (await stage.say("单笔最多5万")).text
    refused = await stage.say("买100股茅台")
    assert "超过你设的单笔上限 50,000.00 元：这笔约 141,000.00 元" in refused.text
    assert "模拟账户·模拟" in refused.text
    assert "买入 招商银行(600036)" in (await stage.say("买1000股招行")).text


async def test_a_limit_that_was_set_after_the_card_holds_at_the_tap(stage: Theatre) -> None:
    await stage.say("买100股茅台")
    await stage.say("/limits 单笔 5万")
    card = await stage.press("确认")
    assert "超过你设的单笔上限" in stage.transcript()
    assert "没有下单" in card.plain()
    assert not await stage.orders()


async def test_the_plan_of_a_watch_is_held_to_the_limits_too(stage: Theatre) -> None:
    await stage.say("/limits 单笔 5万")
    await stage.say("茅台跌破1400买100股")
    await stage.tick("600519.SH", "1399")
    assert "超过你设的单笔上限" in stage.transcript()
    assert not await stage.app.house.store.tickets({"open"})  # type: ignore[arg-type]


async def test_the_limit_of_a_day_counts_over_a_restart_and_begins_anew_the_next_day(stage: Theatre) -> None:
    await stage.say("/limits 次数 1")
    await stage.say("买1000股招行")
    await stage.press("确认")
    assert len(await stage.orders()) == 1
    await stage.kill()
    await stage.tick("600036.SH", "41", preclose=Decimal(41), ask="41", ask_volume=100_000)
    assert "今天已经有 1 笔买入" in (await stage.say("买1000股招行")).text
    stage.clock.advance(timedelta(days=1))
    await stage.tick("600036.SH", "41", preclose=Decimal(41), ask="41", ask_volume=100_000)
    assert "买入 招商银行(600036)" in (await stage.say("买1000股招行")).text


async def test_two_taps_at_once_do_not_both_fit_into_what_is_left(stage: Theatre) -> None:
    await stage.say("/limits 单日 50000")
    await stage.say("买1000股招行")
    first = stage.button("确认").command
    await stage.say("买1000股招行")
    second = stage.button("确认").command
    assert first != second
    await asyncio.gather(stage.send_press(first), stage.send_press(second))
    await stage.settle()
    assert len(await stage.orders()) == 1
    assert "今天已用 41,000.00 元" in stage.transcript()


async def test_a_sale_is_never_held_back(stage: Theatre) -> None:
    await stage.say("买1000股招行")
    await stage.press("确认")
    await stage.say("/limits 单笔 1")
    stage.clock.advance(timedelta(days=1))
    await stage.tick("600036.SH", "41", preclose=Decimal(41), bid="41", bid_volume=100_000)
    assert "卖出 招商银行(600036)\n数量：1000 股" in (await stage.say("卖掉全部招行")).text


async def test_a_share_may_not_outgrow_its_part_of_the_account(stage: Theatre) -> None:
    await stage.say("/limits 仓位 20%")
    assert "买入后贵州茅台约占 28.20%" in (await stage.say("买200股茅台")).text
    assert "买入 贵州茅台(600519)" in (await stage.say("买100股茅台")).text


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("/limits 单笔 很多", "“很多”不是数"),
        ("/limits 单笔 9e999999万", "“9e999999万”不是数"),
        (f"/limits 单笔 {'9' * 40}万", "不能大于"),
        ("/limits 单笔 -5", "大于 0"),
        ("/limits 什么 5", "没有看懂要设哪一项"),
        ("/limits 仓位 120", "100"),
        ("每笔都要我确认", "本来就都要你点“确认”"),
        ("默认账户换成模拟盘", "只有模拟账户·模拟一个账户"),
    ],
)
async def test_what_cannot_be_set_says_why(stage: Theatre, said: str, answer: str) -> None:
    reply = await stage.say(said)
    assert answer in reply.text, reply.text
    assert stage.app.house.spending.of("owner").texts() == ()


async def test_what_a_watch_cannot_do_as_it_was_said_is_told(stage: Theatre) -> None:
    made = await stage.say("茅台跌破1390发邮件通知我")
    assert "邮件和网址通知还没有接上，提醒只发到这里的聊天。" in made.text
    made = await stage.say("每5分钟看一次茅台，跌破1200提醒我")
    assert "行情一到就判断" in made.text


async def test_a_limit_is_taken_back_by_undo(stage: Theatre) -> None:
    await stage.say("/limits 单笔 50000")
    await stage.say("/limits off")
    assert (await stage.say("撤销")).title == "↩️ 已撤销：上限的修改"
    assert stage.app.house.spending.of("owner").order_amount == 50_000


async def test_a_price_outside_the_cage_is_moved_to_its_edge_and_the_card_says_so(stage: Theatre) -> None:
    card = await stage.say("买100股茅台 价格1500")
    assert "限价：1438.20" in card.text
    assert "1500.00 超出价格笼子（交易所不收），限价改为 1438.20" in card.text
    await stage.press("确认")
    [order] = await stage.orders()
    assert order.limit == Decimal("1438.20")


@pytest.mark.parametrize(
    ("written", "shown"), [("5千", "5,000.00"), ("二十万", "200,000.00"), ("1万亿", "1,000,000,000,000.00")]
)
async def test_an_amount_may_be_written_as_one_says_it(stage: Theatre, written: str, shown: str) -> None:
    assert f"最多 {shown} 元" in (await stage.say(f"/limits 单笔 {written}")).text
