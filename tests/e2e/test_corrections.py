"""What is said in half sentences: a new value alone, a condition without its end, and what cannot be watched at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from core.bars import Bar, day_label
from core.calendar import trading_days
from tests.e2e.theatre import Theatre
from tests.fakes.market import MOUTAI


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path) as stage:
        days = [day_label(day) for day in trading_days(date(2026, 9, 1), date(2026, 11, 17))]
        price = Decimal(1433)
        bars = [Bar(MOUTAI, day, price, price, price, price, 24_000_000) for day in days]
        await stage.app.house.history.take("day", bars, "测试")
        await stage.tick("600519.SH", "1430", preclose=Decimal(1433), volume=200_000)
        await stage.tick("600036.SH", "41", preclose=Decimal(41))
        yield stage


@pytest.mark.parametrize(
    ("watch", "correction", "condition"),
    [
        ("茅台从高点回落5%提醒我", "把1改成回落2%", "从最高价回落 2.00% 及以上"),
        ("茅台从高点回落5%提醒我", "把1改成2%", "从最高价回落 2.00% 及以上"),
        ("茅台涨停打开提醒我", "把1改成1280", "跌到 1280.00 及以下"),
        ("茅台涨停打开提醒我", "改成1480", "涨到 1480.00 及以上"),
        ("茅台放量2倍提醒我", "改成3倍", "量比达到 3 倍"),
        ("茅台站上20日均线提醒我", "改成30日线", "站上 30 日均线"),
        ("茅台站上20日均线提醒我", "改成15分钟的", "15分钟线：站上 20 均线"),
        ("茅台RSI低于20提醒我", "改成RSI(12)", "RSI(12) 低于 20"),
        ("茅台RSI低于20提醒我", "改成12日RSI", "RSI(12) 低于 20"),
        ("茅台MACD金叉提醒我", "改成死叉", "MACD 死叉"),
        ("茅台跌破1400并且放量2倍提醒我", "改成3倍", "跌到 1400.00 及以下 并且 量比达到 3 倍"),
        ("茅台跌破1400并且放量2倍提醒我", "把1改成1380", "跌到 1380.00 及以下 并且 量比达到 2 倍"),
    ],
)
async def test_a_new_value_alone_takes_its_kind_from_the_watch(
    stage: Theatre, watch: str, correction: str, condition: str
) -> None:
    await stage.say(watch)
    changed = await stage.say(correction)
    assert changed.title == "✏️ 已修改 #1", changed.plain()
    assert f"条件：{condition}\n" in changed.text


@pytest.mark.parametrize(
    ("correction", "number"),
    [("改成3倍", 1), ("改成30日线", 2), ("改成12日RSI", 3), ("改成60分钟的", 3), ("招行的改成3倍", 5), ("改成1390", 4)],
)
async def test_a_word_that_tells_its_kind_corrects_the_last_watch_of_that_kind(
    stage: Theatre, correction: str, number: int
) -> None:
    for sentence in ("茅台放量2倍", "茅台站上20日均线", "茅台RSI低于20", "茅台跌破1400"):
        await stage.say(f"{sentence}提醒我")
    if number == 5:
        await stage.say("招行放量2倍提醒我")
        await stage.say("招行跌破40提醒我")
    assert (await stage.say(correction)).title == f"✏️ 已修改 #{number}"


async def test_a_bare_drawdown_on_paper_is_the_accounts(stage: Theatre) -> None:
    assert "条件：账户从最高点回撤 5.00%" in (await stage.say("模拟盘回撤5%提醒我")).text


async def test_a_crossing_without_its_indicator_is_asked_for_with_buttons(stage: Theatre) -> None:
    asked = await stage.say("茅台金叉提醒")
    assert "是哪个指标？" in asked.text
    assert asked.labels() == ("MACD", "KDJ")
    assert "条件：KDJ 金叉\n" in (await stage.press("KDJ")).text


@pytest.mark.parametrize(
    ("sentence", "answer", "condition"),
    [
        ("茅台跌破", "1400", "跌到 1400.00 及以下"),
        ("茅台跌破", "3%", "比昨收跌 3.00% 及以上"),
        ("茅台站上", "20日线", "站上 20 日均线"),
        ("茅台跌破提醒我", "30日均线", "跌破 30 日均线"),
    ],
)
async def test_a_condition_without_its_end_is_asked_for(
    stage: Theatre, sentence: str, answer: str, condition: str
) -> None:
    assert "什么价格，或者哪条均线？" in (await stage.say(sentence)).text
    assert f"条件：{condition}\n" in (await stage.say(answer)).text


async def test_how_long_to_wait_for_an_answer_may_be_said_afterwards(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我")
    assert "3 分钟" in (await stage.say("3分钟没回应就打我另一个渠道")).text


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("茅台缩量提醒我", ("不能盯缩量", "可以盯放量或量比")),
        ("/watch 茅台缩量", ("不能盯缩量", "可以盯放量或量比")),
        ("茅台振幅超过5%提醒我", ("不能盯振幅", "涨跌幅")),
        ("茅台连涨三天提醒我", ("不能盯连涨连跌几天", "新高")),
        ("茅台三连阴告诉我", ("不能盯连涨连跌几天", "新高")),
        ("银行股跌3%提醒我", ("不能盯一个板块或行业", "自选股跌3%")),
        ("茅台周线金叉提醒我", ("不能盯周线和月线", "60 分钟线")),
        ("茅台主力流出提醒我", ("不能盯资金流向", "量比")),
        ("茅台市盈率低于20提醒我", ("不能盯估值", "价格")),
        ("茅台有公告告诉我", ("不能盯公告和新闻", "异动")),
    ],
)
async def test_what_cannot_be_watched_is_said_with_what_can(
    stage: Theatre, sentence: str, words: tuple[str, ...]
) -> None:
    answer = (await stage.say(sentence)).text
    assert all(word in answer for word in words), answer


async def test_a_trade_that_was_not_understood_is_not_taken_for_a_watch(stage: Theatre) -> None:
    assert "暂时还不能盯" not in (await stage.say("把银行股都买了")).text


async def test_an_alert_names_the_line_that_was_crossed_and_the_change_of_the_day(stage: Theatre) -> None:
    await stage.say("茅台站上20日均线提醒我")
    await stage.tick("600519.SH", "1434")
    [told] = stage.seen("🔔")
    assert told.title == "🔔 贵州茅台(600519) 1434.00（+0.07%）"
    assert told.text.splitlines()[:2] == ["条件：站上 20 日均线（#1）", "触发区 ≥ 1433.00"]


async def test_an_alert_at_a_price_that_was_said_does_not_repeat_it(stage: Theatre) -> None:
    await stage.say("茅台跌破1420提醒我")
    await stage.tick("600519.SH", "1419")
    [told] = stage.seen("🔔")
    assert told.text.splitlines()[0] == "条件：跌到 1420.00 及以下（#1）"
    assert "触发区" not in told.text


async def test_a_ratio_of_volume_is_told_in_times(stage: Theatre) -> None:
    await stage.say("茅台放量2倍提醒我")
    await stage.tick("600519.SH", "1431", volume=9_000_000)
    [told] = stage.seen("🔔")
    times, zone = told.text.splitlines()[1].split("，")
    assert times.startswith("量比 ")
    assert times.endswith(" 倍")
    assert zone == "触发区 ≥ 2 倍"
    assert "触发区 ≥ 2 倍" in (await stage.say("/why 1")).text


async def test_what_the_account_loses_is_told_in_quiet_hours_and_again_unless_answered(tmp_path: Path) -> None:
    async with Theatre(tmp_path, positions={MOUTAI: (100, Decimal(1433))}) as stage:
        await stage.tick("600519.SH", "1430", preclose=Decimal(1433))
        await stage.say("账户总亏损超过2000元提醒我")
        assert "账户亏损和回撤" in (await stage.say("/quiet 10:00-11:00")).text
        await stage.tick("600519.SH", "1400")
        [told] = stage.seen("🔔 模拟账户 总资产")
        assert told.labels()[0] == "知道了"
        await stage.pass_time("2026-11-18 10:06")
        assert len(stage.seen("🚨 没有回应：模拟账户")) == 1
