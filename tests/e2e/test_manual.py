"""An account without a connection: the person places the orders, and the bot keeps the book."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from core.orders import OrderState
from tests.e2e.theatre import Theatre


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path, by_hand=True) as stage:
        await stage.tick("600519.SH", "1430", preclose=Decimal(1433))
        yield stage


async def test_a_plan_is_proposed_placed_by_hand_and_told(stage: Theatre) -> None:
    await stage.say("茅台跌破1420提醒我，跌破就买100股")
    await stage.tick("600519.SH", "1419")
    card = stage.channel.shown[-1]
    assert "手动" in card.text
    await stage.press("确认")
    [ask] = stage.seen("请手动下单")
    assert "请在券商软件里下单" in ask.text
    await stage.press("已按限价成交")
    [order] = await stage.orders()
    assert (order.state, order.average) == (OrderState.FILLED, Decimal(1419))
    assert "100 股" in (await stage.say("我的持仓")).text


async def test_a_fill_at_another_price_is_typed_and_counted_once(stage: Theatre) -> None:
    await stage.say("买入茅台200股 价格1430")
    await stage.press("确认")
    [order] = await stage.orders()
    tap = stage.button("已按限价成交").command
    await stage.say(f"/filled {order.id} 1429.5 100")
    assert (await stage.orders())[0].filled == 100
    answer = await stage.send_press(tap)
    assert "已经记过" in answer.text, answer
    assert (await stage.orders())[0].filled == 100


async def test_cash_and_holdings_are_told(stage: Theatre) -> None:
    assert "50,000.00" in (await stage.say("/cash 50000")).text
    held = await stage.say("/hold 茅台 200 1399.5")
    assert "200 股" in held.text
    assert "成本 1399.500" in held.text
    refused = await stage.say("买入茅台100股 价格1430")
    assert "可用资金不够" in refused.text


@pytest.mark.parametrize("text", ["/cash", "/cash abc", "/cash -5", "/hold 茅台", "/hold 茅台 x 1", "/hold 茅台 -1 5"])
async def test_what_cannot_be_is_answered(stage: Theatre, text: str) -> None:
    assert (await stage.say(text)).text.startswith("请写")


async def test_a_number_that_no_book_could_hold_is_answered(stage: Theatre) -> None:
    await stage.say("买入茅台100股 价格1430")
    await stage.press("确认")
    [order] = await stage.orders()
    for text in ("/cash 1e30", "/hold 茅台 1e20 3", "/hold 茅台 200 1e400", f"/filled {order.id} 1e20 100"):
        assert "太大了" in (await stage.say(text)).text, text
    assert (await stage.orders())[0].filled == 0
