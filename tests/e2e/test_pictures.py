"""Pictures in chat: alerts that bring one, and the curve of what a person's accounts were worth."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.models import openai
from core.clock import MARKET_ZONE
from core.messages import ChartPeriod, Message
from core.portfolio import Worth
from core.types import Mode
from tests.e2e.test_analyst import BUY, quote
from tests.e2e.theatre import Theatre
from tests.fakes.market import market_instant
from tests.fakes.openai import FakeOpenAI

MOUTAI = "600519.SH"
ALERT = "🔔 贵州茅台(600519) 1399.00"


async def crossed(house: Theatre) -> list[Message]:
    """What was shown of an alert, every version of it."""
    await house.tick(MOUTAI, "1410", "1399")
    return [message for message in house.channel.shown if message.title.startswith("🔔")]


async def test_alerts_bring_a_picture_when_asked_for_and_no_longer_when_not(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as house:
        await house.say("茅台跌破1400提醒我，每次都提醒")
        assert (await house.say("/pictures")).title == "🖼 提醒带图没有打开"
        assert (await house.say("提醒带图")).title == "🖼 提醒带图已打开"
        assert (await house.say("/pictures")).title == "🖼 提醒带图已打开"
        first, again = await crossed(house)
        assert first.chart is None
        assert again.chart is not None
        assert again.chart.period is ChartPeriod.MINUTE
        assert [mark.label for mark in again.chart.marks] == ["#1 触发"]
        assert "#1 跌到" in [level.label for level in again.chart.levels]
        await house.kill()
        assert (await house.say("提醒不要图")).title == "🖼 提醒带图已关闭"
        house.clock.set(market_instant("2026-11-18 10:40"))
        assert len(await crossed(house)) == 1
        shown = await house.press("看图")
        assert shown.chart is not None
        assert shown.title == "📈 贵州茅台 600519 分时"


async def test_the_change_can_be_taken_back_and_a_word_that_is_none_changes_nothing(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as house:
        await house.say("/pictures on")
        assert (await house.say("撤销")).title == "↩️ 已撤销：提醒带图的修改"
        assert (await house.say("/pictures")).title == "🖼 提醒带图没有打开"
        await house.press("提醒带图")
        assert (await house.say("/pictures 也许")).text == "请写 /pictures on（提醒带图）或 /pictures off（不带）。"
        assert (await house.say("/pictures")).title == "🖼 提醒带图已打开"


async def test_who_wants_pictures_where_none_are_painted_is_told_so(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as house:
        house.app.house.illustrator.possible = False
        assert "PICTURES=off" in (await house.say("提醒带图")).text


async def test_an_advice_has_its_levels_on_a_picture_which_its_words_do_not_wait_for(tmp_path: Path) -> None:
    async with FakeOpenAI() as server, AsyncExitStack() as stack:
        server.answers(BUY)
        model = openai.connect(key="sk", base_url=server.url, provider=openai.PROVIDERS["api.deepseek.com"])
        stack.push_async_callback(model.close)
        house = await stack.enter_async_context(Theatre(tmp_path, model=model))
        await quote(house)
        for wanted in (False, True):
            if wanted:
                await house.say("提醒带图")
            await house.say("分析一下浦发银行")
            shown = [one for one in house.channel.shown if (one.card or "").startswith("analysis:")]
            assert [one.chart is not None for one in shown[-3:]] == [False, False, wanted][-len(shown) :]
        chart = shown[-1].chart
        assert chart is not None
        assert shown[-1].text == shown[-2].text
        assert [level.label for level in chart.levels] == ["建议买入", "建议止盈", "建议止损"]
        assert [level.price for level in chart.levels] == [9050, 9500, 8800]
        await house.press("看图")


@pytest.mark.parametrize("said", ["收益曲线", "/chart 收益", "/chart 账户", "/curve", "我的收益图"])
async def test_a_curve_of_two_days_is_drawn_and_one_of_fewer_says_when_there_will_be_one(
    tmp_path: Path, said: str
) -> None:
    async with Theatre(tmp_path, at="2026-11-16 10:00") as house:
        alone = await house.say(said)
        assert alone.chart is None
        assert "下个交易日起就画得出曲线" in alone.text
        await house.pass_time("2026-11-16 15:06")
        house.clock.set(market_instant("2026-11-17 10:00"))
        shown = await house.say(said)
        assert shown.chart is not None
        assert [day.place for day in shown.chart.tracks[0].days] == [0, 1]
        assert shown.title == "📈 11-16 至 11-17 增减 0.00 元（+0.00%）"


async def test_several_accounts_are_compared_and_each_is_a_tap_away(tmp_path: Path) -> None:
    async with Theatre(tmp_path, wife={}) as house:
        assert (await house.say("/chart 账户")).title == "📈 还画不出收益曲线"
        days = (date(2026, 11, 16), date(2026, 11, 17))
        await house.app.house.store.save_worths(
            [
                worth(account, day, total)
                for account, totals in WORTH.items()
                for day, total in zip(days, totals, strict=True)
            ]
        )
        shown = await house.say("/chart 账户")
        assert shown.title == "📈 收益对比 2026-11-17"
        assert shown.text.splitlines()[:2] == [
            "模拟账户·模拟：+2.00%（11-16 起）",
            "老婆账户·模拟：-5.00%，最大回撤 -5.00%（11-16 起）",
        ]
        assert shown.chart is not None
        assert [track.name for track in shown.chart.tracks] == ["模拟账户", "老婆账户"]
        hers = await house.press("看老婆账户")
        assert hers.chart is not None
        assert hers.chart.title == "老婆账户 收益曲线"
        assert (await house.say("/chart 收益 @wife")).title == hers.title


WORTH = {"paper": ("1000000", "1020000"), "wife": ("200000", "190000")}


def worth(account: str, day: date, total: str) -> Worth:
    return Worth(
        account=account,
        day=day,
        mode=Mode.PAPER,
        total=Decimal(total),
        paid_in=Decimal(200_000 if account == "wife" else 1_000_000),
        realized=Decimal(0),
        as_of=market_instant(f"{day} 15:05").astimezone(MARKET_ZONE),
    )
