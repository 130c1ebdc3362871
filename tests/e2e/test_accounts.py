"""A whole account is watched like a share: what it lost today, what it gained in all, how far it has come down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from core.types import Symbol
from tests.e2e.theatre import Theatre

MOUTAI = Symbol("600519.SH")
BANK = Symbol("000001.SZ")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    """200 shares at 1400 and 10,000 at 10, beside 620,000 in cash: a million at yesterday's prices."""
    held = {MOUTAI: (200, Decimal(1350)), BANK: (10_000, Decimal(10))}
    async with Theatre(tmp_path, cash="620000", positions=held) as found:
        await found.tick("600519.SH", "1400", preclose=Decimal(1400))
        await found.tick("000001.SZ", "10", preclose=Decimal(10))
        yield found


async def test_falling_prices_tell_once_what_the_account_has_lost_today(stage: Theatre) -> None:
    made = await stage.say("账户今天亏损超过2%提醒我")
    assert made.title == "✅ 已开始盯盘 #1"
    assert made.text.splitlines() == [
        "账户：模拟账户·模拟",
        "条件：账户今天亏损达到 2.00%",
        "提醒：每天最多一次",
        "按现在算：触发区 ≤ 980,000.00 元（昨收时总资产 1,000,000.00 元），距触发 2.00%",
    ]
    await stage.tick("600519.SH", "1350")  # -10,000
    await stage.tick("000001.SZ", "9.01")  # -9,900
    assert stage.seen("🔔") == []
    await stage.tick("000001.SZ", "9.00")
    await stage.tick("600519.SH", "1340", "1330", "1320")
    [told] = stage.seen("🔔")
    assert told.title == "🔔 模拟账户 总资产 980,000.00 元"
    assert "条件：账户今天亏损达到 2.00%（#1）" in told.text


async def test_it_begins_anew_each_day(stage: Theatre) -> None:
    await stage.say("账户今天亏损超过2%提醒我")
    await stage.tick("600519.SH", "1290")
    stage.clock.set(stage.clock.now().replace(day=19))
    await stage.tick("600519.SH", "1285", preclose=Decimal(1290))
    assert len(stage.seen("🔔")) == 1
    await stage.tick("600519.SH", "1180", preclose=Decimal(1290))
    assert len(stage.seen("🔔")) == 2


async def test_the_profit_of_all_is_what_the_account_shows(stage: Theatre) -> None:
    made = await stage.say("总盈亏到2万告诉我")
    assert "条件：账户总盈利达到 2万元" in made.text
    assert "（投入本金 990,000.00 元，盈亏含已实现的），距触发 1.00%" in made.text
    await stage.tick("600519.SH", "1449.9")
    assert stage.seen("🔔") == []
    await stage.tick("600519.SH", "1450")
    assert stage.seen("🔔")[0].title == "🔔 模拟账户 总资产 1,010,000.00 元"
    assert "浮动盈亏 +20,000.00 元" in (await stage.say("/account")).text


async def test_a_fall_from_the_highest_survives_a_restart(stage: Theatre) -> None:
    await stage.say("账户回撤5%提醒我")
    await stage.tick("600519.SH", "1500")  # 1,020,000
    await stage.pass_time("2026-11-18 10:05")
    await stage.kill()
    await stage.tick("000001.SZ", "10")
    await stage.tick("600519.SH", "1250")  # 970,000
    assert "触发区 ≤ 969,000.00 元（最高 1,020,000.00 元），距触发 0.10%" in (await stage.say("/list")).text
    assert stage.seen("🔔") == []
    await stage.tick("600519.SH", "1245")  # 969,000
    assert [message.title for message in stage.seen("🔔")] == ["🔔 模拟账户 总资产 969,000.00 元"]


async def test_what_was_traded_today_is_no_profit_and_no_loss_of_the_day(stage: Theatre) -> None:
    await stage.say("账户今天亏损超过2%提醒我")
    await stage.say("买茅台200股 价格1450")
    await stage.press("确认")
    await stage.tick("600519.SH", "1450")
    assert "200 股，成交价 1400.00" in stage.seen("已成交")[0].text
    listed = await stage.say("/list")
    assert "总资产 1,019,927.20 元，触发区 ≤ 980,000.00 元（昨收时总资产 1,000,000.00 元）" in listed.text


async def test_bad_prices_make_nobody_poorer(stage: Theatre) -> None:
    await stage.say("账户今天亏损超过2%提醒我")
    await stage.tick("600519.SH", "1200", limit_down=Decimal(1260))
    assert "的价格超出涨跌停，疑为坏数据，不知道账户的总资产" in (await stage.say("/why 1")).text
    await stage.tick("600519.SH", None)
    assert stage.seen("🔔") == []
    assert "没有成交价（价格为 0），不知道账户的总资产" in (await stage.say("/why 1")).text
    await stage.tick("600519.SH", "1299")
    assert len(stage.seen("🔔")) == 1


async def test_outside_the_session_nothing_is_judged(stage: Theatre) -> None:
    await stage.say("账户今天亏损超过2%提醒我")
    await stage.pass_time("2026-11-18 12:00")
    await stage.tick("600519.SH", "1290")
    assert stage.seen("🔔") == []


async def test_its_buttons_mean_the_account(stage: Theatre) -> None:
    await stage.say("账户今天亏损超过2%提醒我")
    await stage.tick("600519.SH", "1290")
    assert "模拟账户 到" in (await stage.press("静音1小时")).text
    assert "已提醒" in (await stage.press("为什么")).text
    retuned = await stage.press("改阈值")
    assert "账户今天亏损达到 2.00%" in retuned.text
    assert "账户今天亏损达到 3.00%" in (await stage.say("3%")).text


async def test_it_is_no_matter_of_a_share_and_trades_nothing(stage: Theatre) -> None:
    await stage.say("账户今天亏损超过2%提醒我")
    refused = await stage.say("把1改成跌破1400")
    assert "账户的条件要单独成一个任务" in refused.text
    assert stage.market.watched == {MOUTAI, BANK}


async def test_an_account_whose_cash_nobody_knows_is_not_judged(tmp_path: Path) -> None:
    async with Theatre(tmp_path, by_hand=True) as stage:
        await stage.tick("600519.SH", "1400")
        await stage.say("/hold 茅台 100 1380")
        made = await stage.say("账户今天亏损超过2%提醒我")
        assert "现在还判断不了：账户的可用资金没有登记" in made.text
        await stage.tick("600519.SH", "1300")
        assert stage.seen("🔔") == []
        assert "用 /cash 登记后就能判断" in (await stage.say("/why 1")).text
        await stage.say("/cash 10000")
        await stage.tick("600519.SH", "1299")
        assert "已经满足条件" in stage.transcript()


async def test_a_weight_is_crossed_by_the_price_of_the_share(stage: Theatre) -> None:
    made = await stage.say("茅台仓位超过29%提醒我")
    assert "按现在算：触发区 ≥ 1470.43，距触发 5.03%" in made.text
    await stage.tick("600519.SH", "1470.42")
    assert stage.seen("🔔") == []
    await stage.tick("600519.SH", "1470.43", "1471", "1480")
    assert [message.title for message in stage.seen("🔔")] == ["🔔 贵州茅台(600519) 1470.43（+5.03%）"]


async def test_a_weight_is_crossed_by_the_price_of_another_share_alone(stage: Theatre) -> None:
    await stage.say("茅台仓位超过29%提醒我")
    await stage.tick("600519.SH", "1460")
    assert stage.seen("🔔") == []
    await stage.tick("000001.SZ", "9.50", "9.00", "8.90")  # the rest is worth 710,000: from 1450.00 on
    assert [message.title for message in stage.seen("🔔")] == ["🔔 贵州茅台(600519) 1460.00（+4.29%）"]


async def test_the_list_says_how_far_each_condition_is_from_firing(stage: Theatre) -> None:
    await stage.say("茅台跌破1380或者涨到1500提醒我")
    await stage.say("茅台和平安银行跌5%提醒我")
    await stage.say("平安银行MACD金叉提醒我")
    await stage.say("茅台从高点回落8%提醒我")
    assert (await stage.say("/list")).text.splitlines()[:-2] == [
        "#1 贵州茅台(600519)",
        "　跌到 1380.00 及以下 或者 涨到 1500.00 及以上；每天最多一次",
        "　现价 1400.00",
        "　跌到 1380.00 及以下：触发区 ≤ 1380.00，距触发 1.43%",
        "　涨到 1500.00 及以上：触发区 ≥ 1500.00，距触发 7.14%",
        "#2 贵州茅台(600519)、平安银行(000001)",
        "　比昨收跌 5.00% 及以上；每只每天最多一次",
        "　最近的是贵州茅台(600519)，现价 1400.00，触发区 ≤ 1330.00，距触发 5.00%",
        "#3 平安银行(000001)",
        "　MACD 金叉；每天最多一次",
        "　现价 10.00，现在还判断不了，日K线还不够：需要 33 根，现有 0 根",
        "#4 贵州茅台(600519)",
        "　从最高价回落 8.00% 及以上；每天最多一次",
        "　现价 1400.00，触发区 ≤ 1288.00（最高 1400.00），距触发 8.00%",
    ]
