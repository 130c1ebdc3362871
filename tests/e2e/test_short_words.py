"""Short words typed back: a yes, a wish to stop, a step taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.theatre import Theatre


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path) as stage:
        await stage.tick("600519.SH", "1430")
        yield stage


async def test_the_only_name_that_a_word_may_mean_is_agreed_to_by_a_word_and_an_order_still_waits(
    stage: Theatre,
) -> None:
    assert (await stage.say("贵洲茅台跌破1400提醒我")).text.endswith("是不是：")
    assert "条件：跌到 1400.00 及以下" in (await stage.say("是的")).text
    await stage.say("买100股贵洲茅台")
    assert "待确认委托" in (await stage.say("对")).title
    assert await stage.orders() == []


async def test_a_changed_watch_says_how_it_is_put_back(stage: Theatre) -> None:
    await stage.say("茅台跌破1400提醒我")
    assert "改错了请说“撤销”。" in (await stage.say("改成1380")).text
    assert "跌到 1400.00 及以下" in (await stage.say("撤销")).text


async def test_a_wish_to_stop_trading_is_no_name_of_a_fund(stage: Theatre) -> None:
    said = await stage.say("停止交易")
    assert "/panic" in said.text
    assert said.buttons == ()
