"""A new watch says how often it would have told something, and /rehearse shows where."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.bars import Bar, day_label
from core.calendar import previous_trading_day, trading_days
from core.clock import market_time
from core.messages import ChartPeriod, Message
from core.types import Symbol
from tests.e2e.theatre import Theatre
from tests.fakes.parts import MOUTAI, PINGAN

LAST = date(2026, 11, 17)
DAYS = trading_days(LAST - timedelta(days=120), LAST)


def days(dips: dict[int, str], symbol: Symbol = MOUTAI) -> list[Bar]:
    """Days at 1430 up to the day before the play; lows by how many days before that they were."""
    found = []
    for ago, day in enumerate(reversed(DAYS)):
        low = Decimal(dips.get(ago, "1425"))
        found.append(Bar(symbol, day_label(day), Decimal(1430), Decimal(1435), low, Decimal(1430), 1000))
    return found[::-1]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path) as theatre:
        assert previous_trading_day(market_time(theatre.clock.now()).date()) == LAST
        await theatre.tick("600519", "1430")
        yield theatre


async def keep(stage: Theatre, *bars: Bar) -> None:
    await stage.app.house.history.take("day", bars, "测试K线")


async def test_a_new_watch_says_what_it_would_have_told(stage: Theatre) -> None:
    await keep(stage, *days({4: "1399", 9: "1400"}))
    made = await stage.say("茅台跌破1400提醒我")
    last = made.text.splitlines()[-1]
    assert last == "过去 20 个交易日会触发 2 次：11-04、11-11（按日线推算）。"
    assert "看图" in made.labels()


async def test_a_changed_watch_says_it_anew(stage: Theatre) -> None:
    await keep(stage, *days({4: "1399", 9: "1400"}))
    await stage.say("茅台跌破1400提醒我")
    changed = await stage.say("改成1390")
    assert changed.text.splitlines()[-1] == "过去 20 个交易日一次也不会触发（按日线推算）。"
    assert "看图" in changed.labels()


async def test_without_history_that_is_said(stage: Theatre) -> None:
    made = await stage.say("茅台跌破1400提醒我")
    assert made.text.splitlines()[-1] == "手上没有这只的历史，说不出过去会触发几次。"


async def test_the_picture_has_the_days_the_price_and_the_places(stage: Theatre) -> None:
    await keep(stage, *days({4: "1399", 9: "1400"}))
    await stage.say("茅台跌破1400提醒我")
    shown = await stage.press("看图")
    assert shown.title == "⏪ 试演 #1"
    assert "11-04，价格 1400.00\n11-11，价格 1399.00" in shown.text
    assert shown.chart is not None
    assert (shown.chart.symbol, shown.chart.period) == (MOUTAI, ChartPeriod.DAY)
    assert [(mark.price, mark.label) for mark in shown.chart.marks] == [(1_400_000, "#1"), (1_399_000, "#1")]
    assert [(level.price, level.label) for level in shown.chart.levels] == [(1_400_000, "#1 跌到")]


async def test_more_days_can_be_asked_for(stage: Theatre) -> None:
    await keep(stage, *days({4: "1399", 40: "1380"}))
    await stage.say("茅台跌破1400提醒我")
    assert "过去 20 个交易日会触发 1 次" in (await stage.say("/rehearse 1")).text
    assert "过去 60 个交易日会触发 2 次" in (await stage.say("/试演 1 60天")).text
    assert "1 到 250" in (await stage.say("/rehearse 1 900天")).text


async def test_the_picture_is_of_the_share_with_most(stage: Theatre) -> None:
    await stage.tick("601318", "1430")
    await keep(stage, *days({4: "1399"}), *days({4: "1399", 9: "1390"}, PINGAN))
    await stage.say("茅台和中国平安跌破1400提醒我")
    shown = await stage.press("看图")
    assert "最多的是中国平安(601318) 2 次" in shown.text
    assert shown.chart is not None
    assert shown.chart.symbol == PINGAN


async def test_without_history_there_is_no_picture(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我")
    shown: Message = await stage.say("/rehearse 1")
    assert shown.chart is None
    assert "手上没有这只的历史" in shown.text
