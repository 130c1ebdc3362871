"""One wish has one open card, whatever was said, asked and tapped before it stood as it was meant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from core.tickets import Ticket, TicketState
from core.types import Symbol
from tests.e2e.theatre import Theatre

MAOTAI: Final = Symbol("600519.SH")
PINGAN: Final = Symbol("601318.SH")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path, wife={}) as stage:
        await stage.tick("601318.SH", "50", preclose=Decimal(50))
        await maotai(stage, "1450")
        yield stage


async def maotai(stage: Theatre, price: str) -> None:
    await stage.tick(MAOTAI, price, preclose=Decimal(1433), ask=price, ask_volume=10_000, bid=price, bid_volume=10_000)


async def opened(stage: Theatre) -> Sequence[Ticket]:
    return await stage.app.house.store.tickets({TicketState.OPEN})


async def quoted_anew(stage: Theatre) -> None:
    await stage.say("买200股茅台")
    await maotai(stage, "1480")
    await stage.press("确认")
    await stage.press("重新报价")


async def test_a_sentence_corrects_the_card_that_was_quoted_anew(stage: Theatre) -> None:
    await quoted_anew(stage)
    await stage.say("改成100股")
    assert [(one.shares, one.limit) for one in await opened(stage)] == [(100, Decimal(1480))]


async def test_a_typed_no_takes_back_the_card_that_was_quoted_anew(stage: Theatre) -> None:
    await quoted_anew(stage)
    await stage.say("取消")
    assert not await opened(stage)


async def test_a_card_that_was_quoted_anew_and_approved_is_not_corrected(stage: Theatre) -> None:
    await quoted_anew(stage)
    await stage.press("确认")
    assert "已经确认过了" in (await stage.say("改成100股")).text
    assert not await opened(stage)


async def test_a_correction_that_must_be_asked_about_still_takes_the_place_of_its_card(stage: Theatre) -> None:
    await stage.say("买200股茅台")
    assert "是哪一只？" in (await stage.say("不对，是平安")).text
    await stage.press("中国平安(601318)")
    assert [(one.symbol, one.shares) for one in await opened(stage)] == [("601318.SH", 200)]


async def test_a_new_wish_that_must_be_asked_about_leaves_the_card_before_it(stage: Theatre) -> None:
    await stage.say("买200股茅台")
    await stage.say("买100股平安")
    await stage.press("中国平安(601318)")
    assert {(one.symbol, one.shares) for one in await opened(stage)} == {(MAOTAI, 200), ("601318.SH", 100)}


async def test_cancelling_in_one_account_leaves_the_orders_of_the_other(stage: Theatre) -> None:
    for account in ("", "用老婆账户"):
        await stage.say(f"{account}买100股茅台 价格1400")
        await stage.press("确认")
    await stage.say("把老婆账户的单子全撤了")
    await stage.settle()
    assert {one.account: one.state for one in await stage.orders()} == {"paper": "accepted", "wife": "cancelled"}


async def test_an_order_filled_while_another_waits_for_its_price_counts_against_the_limit(
    stage: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    taps = []
    for user in "ab":
        await stage.say("买100股茅台", user=user)
        taps.append(stage.button("确认").command)
    await stage.say("/limits 单只 200000")
    fetch, gate, asked = stage.market.fetch, asyncio.Event(), asyncio.Event()

    async def late(symbols: Sequence[Symbol]) -> object:
        if not asked.is_set():
            asked.set()
            await gate.wait()
        return await fetch(symbols)

    monkeypatch.setattr(stage.market, "fetch", late)
    waiting = asyncio.create_task(stage.send_press(taps[0], user="a"))
    await asked.wait()
    await stage.send_press(taps[1], user="b")
    assert [one.filled for one in await stage.orders()] == [100]
    gate.set()
    await waiting
    assert len(await stage.orders()) == 1
    assert "买入后贵州茅台约 290,000.00 元" in stage.transcript()


async def test_a_button_under_a_question_to_somebody_else_answers_nothing(tmp_path: Path) -> None:
    async with Theatre(tmp_path, positions={MAOTAI: (300, Decimal(1390)), PINGAN: (300, Decimal(50))}) as stage:
        await stage.tick(PINGAN, "50", preclose=Decimal(50))
        await maotai(stage, "1450")
        await stage.say("卖出茅台 价格1450", user="a")
        theirs = stage.button("全部").command
        await stage.say("卖出中国平安 价格50", user="b")
        assert "没有做任何事" in (await stage.send_press(theirs, user="b")).text
        assert not await opened(stage)
        await stage.press("全部", user="b")
        assert [one.symbol for one in await opened(stage)] == [PINGAN]


async def test_a_second_card_for_the_same_share_says_that_there_is_a_first_one(stage: Theatre) -> None:
    assert "还有" not in (await stage.say("买200股茅台")).text
    [first] = await opened(stage)
    assert (
        f"还有 1 张买入它的卡片在等你确认（{first.id} 200 股），都确认就各下一笔"
        in (await stage.say("买100股茅台")).text
    )
    assert "还有" not in (await stage.say("买100股中国平安")).text
    await stage.pass_time("2026-11-18 10:10")
    await maotai(stage, "1450")
    assert "还有" not in (await stage.say("买100股茅台")).text


async def test_a_typed_no_while_the_card_of_an_alert_is_open_shows_that_card(stage: Theatre) -> None:
    await stage.say("茅台跌破1440买200股")
    await maotai(stage, "1439")
    [card] = await opened(stage)
    shown = await stage.say("取消")
    assert card.id in shown.plain()
    await stage.press("拒绝")
    assert not await opened(stage)
    assert "没有待确认的内容" in (await stage.say("取消")).text


async def test_a_typed_no_after_a_new_watch_is_about_that_watch(stage: Theatre) -> None:
    await stage.say("茅台跌破1440买200股")
    await maotai(stage, "1439")
    await maotai(stage, "1438")
    await stage.say("茅台跌破1300提醒我")
    assert "刚才的盯盘已经在运行" in (await stage.say("取消")).text
