"""From the first telling to the last: what a person does about an alert, and what is done when nothing comes back."""

from __future__ import annotations

from pathlib import Path

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
