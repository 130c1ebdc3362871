"""Reconciling as a person meets it: on demand, at its hours, and on an ex-date."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from core.tickets import TicketState
from core.types import Symbol
from tests.e2e.theatre import Theatre
from tests.fakes.market import market_instant

MAOTAI = Symbol("600519.SH")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path, positions={MAOTAI: (200, Decimal(1400))}, at_home=True) as made:
        yield made


async def test_an_account_is_reconciled_on_demand(stage: Theatre) -> None:
    await stage.tick("600519.SH", "1400.00", preclose=Decimal(1400), ask="1400.00", ask_volume=10_000)
    await stage.say("买100股茅台 价格1400")
    await stage.press("确认")
    message = await stage.say("/reconcile")
    assert message.title == "📒 对账一致·模拟账户·模拟"
    assert "持仓 1 只、今天的委托 1 笔、成交 1 笔" in message.text
    assert "没有账户" in (await stage.say("/reconcile 别人的")).text


async def test_what_differs_locks_the_plans_of_watches_until_it_is_acknowledged(stage: Theatre) -> None:
    await stage.tick("600519.SH", "1400.00", preclose=Decimal(1400), ask="1400.00", ask_volume=10_000)
    await stage.say("买100股茅台 价格1400")
    await stage.press("确认")
    await stage.say("茅台跌破1390提醒我，跌破就买100股")
    stage.broker._ledger._db.execute("DELETE FROM reports WHERE fill_id IS NOT NULL")
    message = await stage.say("/reconcile")
    assert message.title == "⚠️ 对账有出入·模拟账户·模拟"
    assert "这里记了、券商没有列出的成交" in message.text
    await stage.kill()
    await stage.tick("600519.SH", "1389.00", preclose=Decimal(1400), ask="1389.00", ask_volume=10_000)
    alert = stage.channel.shown[-1]
    assert "持仓和券商对不上，没有出委托卡片" in alert.text
    assert not await stage.app.house.store.tickets({TicketState.OPEN})
    await stage.say("/reconcile")
    assert "贵州茅台 恢复出委托卡片" in (await stage.press("我知道了")).text
    assert "没有等你确认的出入" in (await stage.say("/accord paper")).text


async def test_a_paper_account_gets_its_dividend_before_anything_is_judged(stage: Theatre) -> None:
    await stage.tick("600519.SH", "1430.00", preclose=Decimal(1430))
    stage.clock.set(market_instant("2026-11-18 14:59:57"))
    await stage.tick("600519.SH", "1430.00", preclose=Decimal(1430))
    stage.clock.set(market_instant("2026-11-18 15:06"))
    await stage.app.duties.close_bars()
    stage.clock.set(market_instant("2026-11-19 09:31"))
    await stage.tick("600519.SH", "1402.00", preclose=Decimal("1402.05"))
    told = [message for message in stage.channel.shown if message.title.startswith("💰")]
    assert len(told) == 1
    assert "现金 5,590.00 元" in told[0].text
    account = await stage.broker.snapshot()
    assert account.cash == Decimal("1005590.00")
    message = await stage.say("/reconcile")
    assert message.title == "📒 对账一致·模拟账户·模拟"
