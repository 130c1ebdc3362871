"""A sentence with a few words that nobody knows is asked back, and nothing is done before the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.theatre import Theatre


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path) as stage:
        await stage.tick("600519.SH", "1410", preclose=Decimal(1433))
        yield stage


HALF = "茅台跌破1380噗叽我"


def numbers(stage: Theatre) -> list[int]:
    return [watch.number for watch in stage.app.house.watchlist.of("owner")]


@pytest.mark.parametrize("said", [HALF, f"/watch {HALF}"])
async def test_it_is_asked_back_with_the_words_that_were_not_used(stage: Theatre, said: str) -> None:
    card = await stage.say(said)
    assert card.title == "🤔 我理解为"
    assert "盯 贵州茅台(600519)：跌到 1380.00 及以下" in card.text
    assert "噗叽 没有用上" in card.text
    assert not numbers(stage)
    made = await stage.press("对，就这样")
    assert "条件：跌到 1380.00 及以下" in made.text
    assert numbers(stage) == [1]


async def test_a_typed_yes_agrees_and_a_typed_no_does_not(stage: Theatre) -> None:
    await stage.say(HALF)
    await stage.say("不对")
    assert not numbers(stage)
    await stage.say(HALF)
    await stage.say("对")
    assert numbers(stage) == [1]


async def test_an_old_card_makes_nothing_and_a_second_tap_makes_no_second_watch(stage: Theatre) -> None:
    await stage.say(HALF)
    tap = stage.button("对，就这样").command
    stage.clock.advance(timedelta(minutes=31))
    await stage.send_press(tap)
    assert not numbers(stage)
    await stage.say(HALF)
    tap = stage.button("对，就这样").command
    await stage.send_press(tap)
    await stage.send_press(tap)
    assert numbers(stage) == [1]


async def test_a_question_is_answered_with_how_it_was_understood(stage: Theatre) -> None:
    answer = await stage.say("给瞧瞧茅台的价儿哟嚯")
    assert "按我的理解：查行情 贵州茅台(600519) 现价" in answer.text


@pytest.mark.parametrize(
    "said",
    [
        "噗叽买100股茅台",
        "买100股茅台噗叽",
        "把茅台噗叽全卖了",
        "茅台除非跌破1380噗叽我",
        "茅台跌破1380可能噗叽",
        "茅台跌破1380噗叽我吗",
        "茅台跌破1380噗叽三回",
        "茅台跌破1380噗叽到周末咕噜",
    ],
)
async def test_what_trades_or_turns_a_sentence_round_is_not_half_heard(stage: Theatre, said: str) -> None:
    answer = await stage.say(said)
    assert answer.title != "🤔 我理解为" or "噗叽" in answer.text
    assert not numbers(stage)
    assert not await stage.app.house.store.tickets({"open"})  # type: ignore[arg-type]


async def test_what_cannot_be_watched_is_said_and_not_left_out(stage: Theatre) -> None:
    assert "暂时还不能盯振幅" in (await stage.say("茅台振幅超过5%提醒我")).text


async def test_a_correction_leaves_the_words_that_were_not_used(stage: Theatre) -> None:
    await stage.say(HALF)
    card = await stage.say("改成1370")
    assert "跌到 1370.00 及以下" in card.text
    assert "噗叽 没有用上" in card.text
