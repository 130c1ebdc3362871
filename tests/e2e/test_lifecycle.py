"""From the first telling to the last: what a person does about an alert, and what is done when nothing comes back."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from core.types import Symbol
from tests.e2e.theatre import Theatre

MOUTAI = "600519"


async def test_quiet_hours_are_set_in_words_shown_with_their_rule_and_ended(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as house:
        message = await house.say("以后晚上10点到早上8点免打扰")
        assert "每天 22:00-08:00" in message.text
        assert "止损" in message.text
        assert "22:00-08:00" in (await house.say("/why")).text
        await house.kill()
        assert "22:00-08:00" in (await house.say("/quiet")).text
        assert "每天 22:00-08:00 的免打扰还开着" in (await house.say("取消静音")).text
        assert "什么提醒都不发" in (await house.say("/quiet 12:00-13:30 全部")).text
        assert (await house.press("取消免打扰")).title == "🔔 免打扰已取消"
        assert "没有免打扰" in (await house.say("/quiet")).title
        assert "22:00-08:00" in (await house.say("/quiet sometimes")).text


async def test_what_fell_into_quiet_hours_is_told_after_them_and_why_says_so(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as house:
        await house.tick(MOUTAI, "1430")
        await house.say("茅台跌破1420提醒我")
        await house.say("/quiet 10:00-10:30")
        before = len(house.channel.shown)
        await house.tick(MOUTAI, "1425", "1419")
        assert len(house.channel.shown) == before
        assert "免打扰时段" in (await house.say("/why")).text
        await house.kill()
        await house.pass_time("2026-11-18 10:30")
        assert len(house.seen("免打扰期间触发了 1 次")) == 1
        assert "已送达" in (await house.say("/why")).text


async def alerted(house: Theatre, sentence: str = "茅台跌破1420，每次都提醒") -> None:
    await house.tick(MOUTAI, "1430")
    await house.say(sentence)
    await house.tick(MOUTAI, "1425", "1419")


async def test_the_threshold_is_changed_by_a_tap_or_by_typing_the_new_one(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as house:
        await alerted(house)
        question = await house.press("改阈值")
        assert "跌到 1420.00 及以下" in question.text
        assert [len(row) for row in question.buttons] == [2, 2]
        assert question.labels()[0] == "1404.81（-1%）"
        assert question.text.endswith("？"), "a terminal would take the number for a button of another card"
        assert "跌到 1380.00 及以下" in (await house.say("1380")).text
        await house.tick(MOUTAI, "1379")
        await house.press("改阈值")
        changed = await house.press("1365.21（-1%）")
        assert "已修改 #1" in changed.title
        assert "跌到 1365.21 及以下" in changed.text


@pytest.mark.parametrize(
    ("sentence", "prices", "offered", "typed", "now"),
    [
        ("茅台5分钟跌0.3%提醒我", ("1425", "1419"), ["0.2%", "0.4%", "0.6%"], "0.5%", "5 分钟内跌 0.50% 及以上"),
        ("茅台跌2%提醒我", ("1430", "1401"), ["1.5%", "2.5%", "0.5%", "3.5%"], "3%", "比昨收跌 3.00% 及以上"),
    ],
)
async def test_what_is_offered_in_place_of_a_percent_is_of_its_size(
    tmp_path: Path, sentence: str, prices: tuple[str, ...], offered: list[str], typed: str, now: str
) -> None:
    async with Theatre(tmp_path) as house:
        await house.tick(MOUTAI, "1430", preclose=Decimal(1430))
        await house.say(sentence)
        await house.tick(MOUTAI, *prices)
        question = await house.press("改阈值")
        assert list(question.labels()) == offered
        assert f"例如 {offered[0]}" in question.text
        assert now in (await house.say(typed)).text


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("/retune 1", "改成多少"),
        ("/retune 1 第一组", "改成多少"),
        ("/retune 1 0 很低", "“很低”不是数"),
        ("/retune 1 0 inf", "“inf”不是数"),
        ("/retune 1 0 -5", "大于 0"),
        ("/retune 9", "没有 #9"),
        ("/later 一 二 三", "再提醒"),
    ],
)
async def test_what_buttons_say_may_be_typed_wrong(tmp_path: Path, typed: str, answer: str) -> None:
    async with Theatre(tmp_path) as house:
        await alerted(house)
        said = (await house.say(typed)).plain()
        assert answer in said
        assert "内部错误" not in said


async def test_a_condition_without_a_number_of_its_own_says_how_it_is_changed(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as house:
        await alerted(house, "茅台1400到1420之间，每次都提醒")
        assert "把1改成" in (await house.press("改阈值")).text
        assert "跌到 1380.00 及以下" in (await house.say("改成跌破1380")).text


async def test_an_alert_that_is_put_off_comes_again_while_it_holds(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as house:
        await alerted(house, "茅台跌破1420提醒我一次")
        assert "10:10" in (await house.press("10分钟后再提醒")).text
        await house.kill()
        await house.tick(MOUTAI, "1418")
        await house.pass_time("2026-11-18 10:10:30")
        await house.pass_time("2026-11-18 10:30")
        assert [message.title for message in house.seen("仍然满足")] == [
            "⏰ 仍然满足：贵州茅台(600519) 1418.00（-0.84%）"
        ]
        assert "稍后提醒" in (await house.say("/why")).text


async def test_an_alert_that_is_put_off_does_not_come_when_it_holds_no_longer(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as house:
        await alerted(house)
        await house.say("十分钟后再提醒我")
        await house.tick(MOUTAI, "1450")
        await house.pass_time("2026-11-18 10:15")
        assert house.seen("仍然满足") == []


async def test_the_end_of_what_was_told_is_told_once(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as house:
        await alerted(house, "茅台跌破1420提醒我，每次都提醒，解除了也告诉我")
        await house.tick(MOUTAI, "1421")
        assert house.seen("已解除") == []
        await house.kill()
        await house.tick(MOUTAI, "1450", "1460")
        (message,) = house.seen("已解除")
        assert message.text == "贵州茅台(600519) 1450.00（+1.40%），10:00:15\n　不再满足：跌到 1420.00 及以下（#1）"
        assert not message.urgent


async def test_a_stop_loss_that_nobody_answers_is_said_again_also_after_a_kill(tmp_path: Path) -> None:
    held = {Symbol("600519.SH"): (100, Decimal(1500))}
    async with Theatre(tmp_path, positions=held) as house:
        await alerted(house, "茅台止损1420")
        assert house.button("知道了")
        await house.kill()
        await house.pass_time("2026-11-18 10:05:30")
        assert len(house.seen("没有回应")) == 1
        assert "不会再催" in (await house.press("知道了")).text
        await house.pass_time("2026-11-18 10:30")
        assert len(house.seen("没有回应")) == 1
        assert "没有回应，又提醒了 1 次" in (await house.say("/why")).text
