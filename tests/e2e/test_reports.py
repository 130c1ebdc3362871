"""Reports as people get them: through a day and a week, over restarts, by person and by account."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from core.completions import Completion, Prompt, Usage
from core.errors import OutsideError, Refused
from core.messages import Message
from core.types import Symbol
from tests.e2e.street import OWNER, Street
from tests.e2e.theatre import CHAT, Theatre
from tests.fakes.market import market_instant
from tests.fakes.parts import MOUTAI

DAY = "2026-11-18"
ICONS = ("🌅", "☕", "🌇", "🗓")
HELD = {MOUTAI: (200, Decimal(1390))}


def sent(stage: Theatre) -> list[Message]:
    return [one for one in stage.channel.shown if one.title.startswith(ICONS)]


def titles(stage: Theatre) -> list[str]:
    return [one.title for one in sent(stage)]


async def test_nothing_is_sent_that_nobody_asked_for(tmp_path: Path) -> None:
    async with Theatre(tmp_path, at=f"{DAY} 08:50", positions=HELD) as stage:
        for hour in ("09:00", "09:05", "11:35", "15:10", "15:20", "20:00"):
            await stage.pass_time(f"{DAY} {hour}")
        assert sent(stage) == []


async def test_a_day_of_reports(tmp_path: Path) -> None:
    async with Theatre(tmp_path, at=f"{DAY} 08:50", positions=HELD) as stage:
        stage.market.set("600519", None, preclose=Decimal(1400))
        await stage.say("茅台跌破1390提醒我")
        await stage.say("茅台涨破1420提醒我")
        said = await stage.say("/report on 盘前 午间 盘后")
        assert said.title == "📬 盘前、午间、盘后会按时发到这里"
        await stage.pass_time(f"{DAY} 09:00")
        [morning] = sent(stage)
        assert morning.title == "🌅 盘前 11-18 周三"
        assert morning.text.splitlines() == [
            "🎯 离线近的（按昨收）",
            "　贵州茅台 1400.00，再跌 0.71% 到 1390.00（#1）",
            "　贵州茅台 1400.00，再涨 1.43% 到 1420.00（#2）",
        ]
        await stage.pass_time(f"{DAY} 09:31")
        await stage.tick("600519", "1400", "1389", preclose=Decimal(1400))
        await stage.pass_time(f"{DAY} 11:29")
        await stage.tick("600519", "1395", preclose=Decimal(1400))
        await stage.pass_time(f"{DAY} 11:35")
        noon = sent(stage)[-1]
        assert noon.title == "☕ 午间 11-18 周三"
        assert noon.text.splitlines() == [
            "🔔 提醒 1 次",
            "　09:31 贵州茅台 1389.00：跌到 1390.00 及以下（#1）",
            "💰 模拟账户·模拟 今天到现在 -1,000.00 元（-0.08%）",  # 200 shares, from 1400 to 1395
            "　总资产 1,279,000.00 元",  # 1,000,000 and 200 × 1395
            "　贵州茅台 -1,000.00 元（股价 -0.36%）",
            "🎯 离线近的（按现价）",
            "　贵州茅台 1395.00，再跌 0.36% 到 1390.00（#1）",
            "　贵州茅台 1395.00，再涨 1.79% 到 1420.00（#2）",
        ]
        await stage.pass_time(f"{DAY} 14:59")
        await stage.tick("600519", "1404", preclose=Decimal(1400))
        await stage.pass_time(f"{DAY} 15:05")
        await stage.pass_time(f"{DAY} 15:10")
        close = sent(stage)[-1]
        assert close.title == "🌇 盘后 11-18 周三"
        assert "💰 模拟账户·模拟 今天 +800.00 元（+0.06%）" in close.text
        assert "🎯 离线近的（下个交易日，按收盘价）" in close.text
        assert len(sent(stage)) == 3


async def test_what_was_rejected_or_ignored_is_held_against_the_close(tmp_path: Path) -> None:
    async with Theatre(tmp_path, at=f"{DAY} 10:00") as stage:
        await stage.tick("600519", "1400", preclose=Decimal(1400), ask=Decimal(1400), ask_volume=10_000)
        await stage.say("买100股茅台，1400")
        await stage.press("拒绝")
        await stage.say("买200股茅台，1400")
        await stage.pass_time(f"{DAY} 10:06")
        await stage.say("买100股茅台，1400")
        await stage.press("确认")
        await stage.pass_time(f"{DAY} 14:59")
        await stage.tick("600519", "1412", preclose=Decimal(1400), low=Decimal(1399), high=Decimal(1415))
        await stage.pass_time(f"{DAY} 15:10")
        report = await stage.say("今天总结一下")
        assert "🗂 委托卡片 3 张：已确认 1、已拒绝 1、已过期 1" in report.text
        # The one that was approved afterwards took the place of both.
        assert "🤔" not in report.text
    other = tmp_path / "other"
    other.mkdir()
    async with Theatre(other, at=f"{DAY} 10:00") as stage:
        await stage.tick("600519", "1400", preclose=Decimal(1400), ask=Decimal(1400), ask_volume=10_000)
        await stage.say("买100股茅台，1400")
        await stage.press("拒绝")
        await stage.pass_time(f"{DAY} 14:59")
        await stage.tick("600519", "1412", preclose=Decimal(1400), low=Decimal(1399), high=Decimal(1415))
        await stage.pass_time(f"{DAY} 15:10")
        report = await stage.say("/report 盘后")
        assert "　拒绝：买入贵州茅台 100 股 @ 1400.00（模拟账户·模拟）：+1,200.00 元" in report.text


async def test_a_restart_neither_loses_a_report_nor_sends_it_twice(tmp_path: Path) -> None:
    async with Theatre(tmp_path, at=f"{DAY} 08:50") as stage:
        await stage.say("/report on all")
        await stage.pass_time(f"{DAY} 09:00")
        assert len(sent(stage)) == 1
        await stage.kill()
        await stage.pass_time(f"{DAY} 09:05")
        assert sent(stage) == []  # a new screen, and nothing twice
        await stage.pass_time(f"{DAY} 11:30")
        stage.clock.advance(timedelta(minutes=12))  # the program is down at 11:35
        await stage.kill()
        await stage.pass_time(f"{DAY} 11:50")
        assert titles(stage) == ["☕ 午间 11-18 周三（补发：11:35 没能发出）"]
        await stage.pass_time(f"{DAY} 11:55")
        assert len(sent(stage)) == 1
        stage.clock.advance(timedelta(hours=6))
        await stage.kill()
        await stage.pass_time(f"{DAY} 18:10")
        assert titles(stage) == ["🌇 盘后 11-18 周三（补发：15:10 没能发出）"]


async def test_what_says_nothing_any_more_is_not_sent_late(tmp_path: Path) -> None:
    async with Theatre(tmp_path, at=f"{DAY} 08:50") as stage:
        await stage.say("/report on 盘前 午间")
        stage.clock.advance(timedelta(hours=1))
        await stage.kill()
        await stage.pass_time(f"{DAY} 10:00")
        stage.clock.advance(timedelta(hours=4))
        await stage.kill()
        await stage.pass_time(f"{DAY} 14:10")
        assert sent(stage) == []


async def test_who_turns_it_on_late_gets_the_next_one(tmp_path: Path) -> None:
    async with Theatre(tmp_path, at=f"{DAY} 16:00") as stage:
        said = await stage.say("每天收盘给我发日报")
        assert "盘后：交易日 15:10，下一份 11-19 15:10" in said.text
        await stage.pass_time(f"{DAY} 16:05")
        assert sent(stage) == []
        await stage.pass_time("2026-11-19 15:10")
        assert titles(stage) == ["🌇 盘后 11-19 周四"]


async def test_it_ends_with_a_word_or_a_tap(tmp_path: Path) -> None:
    async with Theatre(tmp_path, at=f"{DAY} 15:00") as stage:
        await stage.say("每天收盘给我发日报")
        await stage.say("/report on 周报")
        await stage.pass_time(f"{DAY} 15:10")
        said = await stage.press("不再发")
        assert said.title == "🔕 不再发盘后"
        assert said.text == "周报：每周最后一个交易日 15:20，下一份 11-20 15:20"
        said = await stage.say("报告都不要发了")
        assert said.title == "🔕 不再发报告"
        await stage.pass_time("2026-11-19 15:10")
        await stage.pass_time("2026-11-20 15:10")
        await stage.pass_time("2026-11-20 15:20")
        assert len(sent(stage)) == 1


async def test_no_positions_and_nothing_fired_is_said_in_a_line(tmp_path: Path) -> None:
    async with Theatre(tmp_path, at=f"{DAY} 15:30") as stage:
        assert (await stage.say("日报")).text == "🔔 今天没有触发"
        assert (await stage.say("盘前看什么")).text == "今天没有要留意的事。"
        assert (await stage.say("周报")).text == "🔔 本周没有触发\n📅 下周 5 个交易日"


async def test_a_holiday_has_no_report_and_its_first_day_says_so(tmp_path: Path) -> None:
    async with Theatre(tmp_path, at="2026-09-30 08:50") as stage:
        await stage.say("/report on all")
        await stage.pass_time("2026-09-30 09:00")
        assert "📅 明天起休市 7 天，10-08 开市" in sent(stage)[-1].text
        await stage.pass_time("2026-09-30 15:10")
        await stage.pass_time("2026-09-30 15:20")
        week = sent(stage)[-1]
        assert week.title == "🗓 周报 09-28 至 09-30"
        assert "📅 下周 2 个交易日，休市：10-05、10-06、10-07" in week.text
        count = len(sent(stage))
        for day in range(1, 8):
            for hour in ("09:00", "11:35", "15:10", "15:20"):
                await stage.pass_time(f"2026-10-0{day} {hour}")
        assert len(sent(stage)) == count
        await stage.pass_time("2026-10-08 09:00")
        first = sent(stage)[-1]
        assert first.title == "🌅 盘前 10-08 周四"
        assert first.text.splitlines()[0] == "🎌 休市 7 天后第一个交易日，上一个是 09-30"
        await stage.pass_time("2026-10-08 15:20")
        await stage.pass_time("2026-10-09 15:10")
        await stage.pass_time("2026-10-09 15:20")
        assert titles(stage)[-1] == "🗓 周报 10-05 至 10-09"
        assert [one for one in titles(stage) if "🗓" in one and "10-08" in one] == []


async def test_a_week_of_two_accounts_with_its_curve(tmp_path: Path) -> None:
    wife = {MOUTAI: (100, Decimal(1390))}
    async with Theatre(tmp_path, at="2026-11-13 14:00", positions=HELD, wife=wife) as stage:
        await stage.say("/report on 周报")
        closes = {"13": "1400", "16": "1410", "17": "1420", "18": "1405", "19": "1415", "20": "1430"}
        before = "1395"
        for day, close in closes.items():
            await stage.pass_time(f"2026-11-{day} 14:59")
            await stage.tick("600519", close, preclose=Decimal(before))
            await stage.pass_time(f"2026-11-{day} 15:05")
            await stage.pass_time(f"2026-11-{day} 15:10")
            await stage.pass_time(f"2026-11-{day} 15:20")
            before = close
        week = sent(stage)[-1]
        assert week.title == "🗓 周报 11-16 至 11-20"
        # From Friday's 1400 to this Friday's 1430: 200 and 100 shares.
        assert (
            "💰 模拟账户·模拟 本周 +6,000.00 元（+0.47%）\n　总资产 1,286,000.00 元\n　贵州茅台 +6,000.00 元"
            in week.text
        )
        assert (
            "💰 老婆账户·模拟 本周 +3,000.00 元（+0.88%）\n　总资产 343,000.00 元\n　贵州茅台 +3,000.00 元" in week.text
        )
        assert week.chart is not None
        assert len(week.chart.tracks) == 2


async def test_people_see_their_own_watches_and_the_accounts_that_are_theirs(tmp_path: Path) -> None:
    wife = {MOUTAI: (100, Decimal(1390))}
    async with Street(tmp_path, at=f"{DAY} 10:00", positions=HELD, wife=wife) as street:
        stage = street.theatre
        await street.invite("查看 老婆账户", user="7", name="小李")
        await stage.tick("600519", "1400", preclose=Decimal(1400))
        await street.say(OWNER, "茅台跌破1390提醒我")
        await street.say("7", "茅台涨破1410提醒我")
        await street.say("7", "每天收盘给我发日报")
        await street.say(OWNER, "每天收盘给我发日报")
        await stage.tick("600519", "1411", "1389", preclose=Decimal(1400))
        await stage.pass_time(f"{DAY} 14:59")
        await stage.tick("600519", "1399", preclose=Decimal(1400))
        await stage.pass_time(f"{DAY} 15:10")
        [owners] = street.read(OWNER, "🌇")
        [others] = street.read("7", "🌇")
        assert "跌到 1390.00" in owners
        assert "涨到 1410.00" not in owners
        assert "涨到 1410.00" in others
        assert "跌到 1390.00" not in others
        assert "模拟账户·模拟 今天 -200.00 元" in owners
        assert "老婆账户·模拟 今天 -100.00 元" in owners
        assert "老婆账户·模拟 今天 -100.00 元" in others
        assert "模拟账户" not in others.replace("老婆账户·模拟", "")
        # Whoever is removed is told nothing more.
        member = await stage.app.house.membership.get("telegram:7")
        await stage.app.house.membership.change(member.model_copy(update={"ended_at": stage.clock.now()}))
        await stage.pass_time("2026-11-19 15:10")
        assert len(street.read(OWNER, "🌇")) == 2
        assert len(street.read("7", "🌇")) == 1


async def test_the_kill_switch_and_silences_stand_in_every_report(tmp_path: Path) -> None:
    async with Theatre(tmp_path, at=f"{DAY} 08:50") as stage:
        stage.market.set("600519", None, preclose=Decimal(1400))
        await stage.say("茅台跌破1300提醒我")
        await stage.say("静音茅台到明天")
        await stage.say("/panic")
        report = await stage.say("/report")
        assert report.title == "🌅 盘前 11-18 周三"
        lines = report.text.splitlines()
        assert lines[0].startswith("🛑 紧急停止中：我 于 11-18 08:50 启动。恢复：/panic off")
        assert "🎯 最近的（按昨收）：贵州茅台 1400.00，再跌 7.14% 到 1300.00（#1）" in lines
        assert "🔕 贵州茅台静音到 11-19 09:30" in lines


async def test_while_the_market_trades_lines_are_near_by_the_prices_of_now(tmp_path: Path) -> None:
    async with Theatre(tmp_path, at=f"{DAY} 10:00") as stage:
        await stage.tick("600519", "1410", preclose=Decimal(1400))
        await stage.say("茅台跌破1400提醒我")
        await stage.say("茅台涨2%提醒我")
        for report in (await stage.say("/report"), await stage.say("盘前看什么"), await stage.say("日报")):
            assert "🎯 离线近的（按现价）" in report.text
            assert "再涨 1.28% 到 1428.00（#2）" in report.text
        assert "到 10:00" in report.title  # asked for before the close
        await stage.pass_time(f"{DAY} 15:00")
        # Tomorrow's percent is not of today's close, and says nothing yet.
        assert "#2" not in (await stage.say("日报")).text


async def test_an_unknown_word_is_answered_with_those_that_are_known(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as stage:
        said = await stage.say("/report 月报")
        assert said.text.startswith("没有“月报”这种报告，只有盘前、午间、盘后、周报")
        assert (await stage.say("/report on")).title == "📬 盘后会按时发到这里"
        assert stage.app.house.reporter.wanted(CHAT, "owner")


class Talker:
    """A model that says what it is given to say, when it is let."""

    name = "talker"

    def __init__(self, *answers: str | OutsideError) -> None:
        self.answers = list(answers)
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked: list[Prompt] = []

    async def complete(self, prompt: Prompt) -> Completion:
        self.asked.append(prompt)
        await self.gate.wait()
        answer = self.answers.pop(0)
        if isinstance(answer, OutsideError):
            raise answer
        return Completion(text=answer, model="talker-1", usage=Usage(fresh=500, out=50), finish_reason="stop")

    async def close(self) -> None:
        """Nothing is open."""

    def describe(self) -> str:
        return "talker"


async def closing(stage: Theatre) -> list[Message]:
    """A day with a position, up to its close."""
    await stage.say("每天收盘给我发日报")
    await stage.pass_time(f"{DAY} 14:59")
    await stage.tick("600519", "1404", preclose=Decimal(1400))
    await stage.pass_time(f"{DAY} 15:10")
    return sent(stage)


async def test_a_models_remark_is_added_when_it_comes_and_never_waited_for(tmp_path: Path) -> None:
    model = Talker('{"text": "今天盈亏{{gain1}}，主要是贵州茅台赚{{gain1_600519}}。"}')
    model.gate.clear()
    async with Theatre(tmp_path, at=f"{DAY} 14:00", positions=HELD, model=model) as stage:
        [report] = await closing(stage)
        assert "💬" not in report.text
        model.gate.set()
        await stage.app.house.reporter.remarked()
        await stage.settle()
        [_, after] = sent(stage)
        assert after.card == report.card
        added = "💬 今天盈亏+800.00 元，主要是贵州茅台赚800.00 元。（talker-1 的一句话点评，数字已核对）"
        assert after.text == f"{report.text}\n{added}"
        await stage.pass_time(f"{DAY} 15:30")
        assert "🤖 模型用了 1 次，550 token，" in (await stage.say("日报")).text


async def test_a_remark_that_does_not_stand_or_does_not_come_leaves_the_report_as_it_is(tmp_path: Path) -> None:
    answers: tuple[str | OutsideError, ...] = ('{"text": "今天赚了900元。"}', "今天不错", Refused("模型", "余额不足"))
    for place, answer in enumerate(answers):
        folder = tmp_path / str(place)
        folder.mkdir()
        model = Talker(answer)
        async with Theatre(folder, at=f"{DAY} 14:00", positions=HELD, model=model) as stage:
            await closing(stage)
            await stage.app.house.reporter.remarked()
            await stage.settle()
            assert len(model.asked) == 1
            [report] = sent(stage)
            assert "💬" not in report.text


async def test_an_ex_date_of_what_is_held_or_watched_is_told_until_it_is_answered(tmp_path: Path) -> None:
    other = Symbol("600036.SH")
    held = {**HELD, other: (100, Decimal(40))}
    async with Theatre(tmp_path, at="2026-11-17 14:00", positions=held, at_home=True) as stage:
        await stage.tick("600519", "1450", "1430", preclose=Decimal(1440))
        await stage.tick("600036", "41", preclose=Decimal(40))
        await stage.say("茅台跌破1400提醒我")
        stage.clock.set(market_instant("2026-11-17 15:00"))
        await stage.tick("600519", "1430", preclose=Decimal(1440))
        await stage.tick("600036", "41", preclose=Decimal(40))
        await stage.pass_time("2026-11-17 15:06")
        stage.clock.set(market_instant(f"{DAY} 09:30"))
        stage.market.forget()
        await stage.tick("600519", "1410", preclose=Decimal("1402.05"))
        await stage.tick("600036", "40.5", preclose=Decimal("40.2"))
        await stage.pass_time(f"{DAY} 15:00")
        lines = (await stage.say("日报")).text.splitlines()
        assert "📌 除权除息 2 只" in lines
        assert "　贵州茅台：昨收 1430.00 → 1402.05，盯盘的价格还没有按除权调整" in lines
        assert "　招商银行：昨收 41.00 → 40.20" in lines
        await stage.pass_time("2026-11-19 08:00")
        lines = (await stage.say("盘前看什么")).text.splitlines()
        assert "　11-18 贵州茅台：昨收 1430.00 → 1402.05，盯盘的价格还没有按除权调整" in lines
        assert "📌 除权除息 1 只" in lines
        [asked] = stage.seen("📌 除权除息：贵州茅台")
        await stage.send_press(asked.buttons[0][0].command)
        assert "📌" not in (await stage.say("盘前看什么")).text
