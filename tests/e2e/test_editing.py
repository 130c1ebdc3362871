"""A card is changed where it stands: by its buttons, and by what is typed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from core.tickets import TicketState
from tests.e2e.theatre import Theatre


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path) as made:
        yield made


async def test_the_shares_and_the_limit_are_changed_by_buttons_in_the_card(stage: Theatre) -> None:
    await stage.tick("600519.SH", "1400.00", preclose=Decimal(1400), ask="1400.00", ask_volume=10_000)
    card = await stage.say("买100股茅台 价格1400")
    offers = await stage.press("改数量")
    assert offers.card == card.card
    assert offers.labels() == ("200 股", "不改了")
    doubled = await stage.press("200 股")
    assert "数量：200 股" in doubled.text
    prices = await stage.press("改价格")
    assert "1393.00" in prices.labels()
    cheaper = await stage.press("1393.00")
    assert "限价：1393.00" in cheaper.text
    assert "数量：200 股" in cheaper.text
    assert (await stage.press("改价格")).card == card.card
    assert (await stage.press("不改了")).labels() == cheaper.labels()
    done = await stage.press("确认")
    assert "确认" in done.text
    [order] = await stage.app.house.store.orders()
    assert (order.shares, str(order.limit)) == (200, "1393.00")
    story = await stage.say("/audit")
    assert "改成 200 股，限价 1393.00" in story.text
    assert "🔒 日志完整" in story.text


async def test_a_button_of_an_earlier_edition_does_nothing(stage: Theatre) -> None:
    await stage.tick("600519.SH", "1400.00", preclose=Decimal(1400), ask="1400.00", ask_volume=10_000)
    card = await stage.say("买100股茅台 价格1400")
    old = card.buttons[0][0].command
    await stage.press("改数量")
    await stage.press("200 股")
    answer = await stage.send_press(old)
    assert "对不上" in answer.text
    assert not await stage.app.house.store.orders()


async def test_a_card_is_changed_by_typed_words_and_what_cannot_be_is_said(stage: Theatre) -> None:
    await stage.tick("600519.SH", "1400.00", preclose=Decimal(1400), ask="1400.00", ask_volume=10_000)
    await stage.say("买100股茅台 价格1400")
    [ticket] = await stage.app.house.store.tickets({TicketState.OPEN})
    assert "数量：300 股" in (await stage.say(f"/edit {ticket.id} 数量 300")).text
    assert "100 股的整数倍" in (await stage.say(f"/edit {ticket.id} 数量 150")).text
    assert "请写：/edit" in (await stage.say(f"/edit {ticket.id} 数量 三")).text
    assert "请写：/edit" in (await stage.say("/edit")).text
    assert "没有编号" in (await stage.say("/edit 0000 数量 300")).text


async def test_a_reason_is_typed_behind_the_number(stage: Theatre) -> None:
    await stage.tick("600519.SH", "1400.00", preclose=Decimal(1400), ask="1400.00", ask_volume=10_000)
    await stage.say("买100股茅台 价格1400")
    [ticket] = await stage.app.house.store.tickets({TicketState.OPEN})
    card = await stage.say(f"/reject {ticket.id} 等财报 再说")
    assert "没有下单：等财报 再说" in card.text
    assert card.buttons == ()
