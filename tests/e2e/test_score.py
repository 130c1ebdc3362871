"""What a person is told of how good the advice was: by command, by sentence, of a share, of a model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.analysis import Action
from core.tickets import TicketState
from core.types import Symbol
from tests.e2e.theatre import Theatre
from tests.fakes.advice import analysis, bars, last_known
from tests.unit.test_tally import ticket

PINGAN = Symbol("000001.SZ")


class Play(Theatre):
    """A house that has advised something on 2026-11-18."""

    async def advise(self, id_: str, when: str = "2026-11-18 10:00", **changes: Any) -> None:
        one = analysis(when, id_, **changes)
        assert one.price is not None
        pack = last_known(one, "2026-11-17", one.price)
        await self.app.house.store.add_analysis(one.model_copy(update={"pack": pack.digest()}), pack)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Play]:
    async with Play(tmp_path) as theatre:
        prices = ("100", "100", "102", "101", "103", "103", "99", "99", "99", "99", "99", "106")
        await theatre.app.house.history.take("day", bars("2026-11-17", *prices), "测试K线")
        await theatre.app.house.history.take("day", bars("2026-11-17", *["50"] * 20, symbol=PINGAN), "测试K线")
        yield theatre


async def test_without_any_advice_it_says_how_to_get_one(stage: Play) -> None:
    assert (await stage.say("AI准不准")).plain() == (
        "🎯 还没有可以评分的建议\n还没有做过分析。问“茅台怎么看”就会有一条，过 1、3、5、10 个交易日自动评分。"
    )
    assert (await stage.say("/analyses")).title == "🗒 没有分析建议"


async def test_an_advice_is_scored_when_its_days_are_over(stage: Play) -> None:
    await stage.advise("A1")
    assert (await stage.say("胜率多少")).title == "🎯 还看不出准不准"
    await stage.pass_time("2026-11-19 15:31")
    [one] = await stage.app.house.store.outcomes(["A1"])
    assert (one.horizon, str(one.percent)) == (1, "2.00")
    said = await stage.say("胜率多少")
    assert said.title == "🎯 买卖 1 对 0 错"
    assert "买卖建议：1 对 0 错，样本太少（满 30 条对错才算命中率）" in said.text
    assert "%，" not in said.title


async def test_advice_is_listed_with_what_was_done_and_what_came_of_it(stage: Play) -> None:
    await stage.app.house.store.add_ticket(ticket("T1", TicketState.REJECTED))
    await stage.advise("A1", ticket_id="T1", horizon=5, confidence=62, take_profit=104, stop_loss=99)
    await stage.advise("A2", "2026-11-18 10:05", symbol=PINGAN, name="平安银行", action=Action.WAIT, note="没有持仓")
    await stage.pass_time("2026-11-30 15:31")
    said = await stage.say("AI之前给茅台的建议有哪些")
    assert said.plain() == (
        "🗒 贵州茅台(600519)：分析建议\n"
        "11-18 10:00 贵州茅台 买入，信心 62%，看 5 天（deepseek-flash-1017）\n"
        "　你拒绝了\n"
        "　1天 +2.00% 对；3天 +3.00% 对；5天 -1.00% 平\n"
        "　途中先到了它说的止损价\n"
        "涨跌从看到建议之后第一个能成交的价算起，前复权。"
    )
    whole = await stage.say("/analyses")
    assert (
        "11-18 10:05 平安银行 观望，信心 60%，看 1 天（deepseek-flash-1017）\n　没有持仓\n　1天 +0.00% 对" in whole.text
    )
    assert (await stage.press("准不准")).title == "🎯 持有观望 1 对 0 错"


async def test_the_score_of_a_share_a_model_or_some_days(stage: Play) -> None:
    await stage.advise("A1")
    await stage.advise("A2", symbol=PINGAN, name="平安银行", model="kimi-k3", prompt="v2")
    await stage.pass_time("2026-11-30 15:31")
    assert "分析 2 次" in (await stage.say("/score")).text
    assert (await stage.say("/score 茅台")).title == "🎯 贵州茅台(600519)：买卖 1 对 0 错"
    assert (await stage.say("你对平安银行的建议准吗")).title == "🎯 平安银行(000001)：还看不出准不准"
    assert (await stage.say("/score Kimi-K3")).title == "🎯 Kimi-K3：还看不出准不准"
    assert (await stage.say("/准不准 v1")).title == "🎯 v1：买卖 1 对 0 错"
    assert (await stage.say("上个月AI准不准")).title == "🎯 10-01 至 10-31：还没有可以评分的建议"
    assert (await stage.say("11月18号AI准不准")).title == "🎯 11-18：买卖 1 对 0 错"
    assert "没有找到“gpt-9”" in (await stage.say("/score gpt-9")).text
    listed = await stage.say("/analyses kimi-k3")
    assert "贵州茅台" not in listed.text
    assert "平安银行" in listed.text


async def test_the_built_in_rules_are_called_what_they_are(stage: Play) -> None:
    await stage.advise("A1", model="scripted", model_asked="scripted")
    assert (await stage.say("/score 内置规则")).title == "🎯 内置规则：还看不出准不准"
    assert "（内置规则）" in (await stage.press("每一条建议")).text


async def test_older_advice_is_a_tap_away(stage: Play) -> None:
    for number in range(12):
        await stage.advise(f"A{number}", f"2026-11-18 10:{number:02}")
    first = await stage.say("/analyses 茅台")
    assert "10:11" in first.text
    assert "10:01" not in first.text
    second = await stage.press("更早的")
    assert second.title == "🗒 贵州茅台(600519)：分析建议，第 2 页"
    assert "10:01" in second.text
    assert "更早的" not in second.labels()


async def test_how_it_is_reckoned_is_a_tap_away(stage: Play) -> None:
    await stage.advise("A1")
    await stage.say("/score")
    said = await stage.press("怎么算的")
    assert "1 天 1.00%、3 天 1.73%、5 天 2.24%、10 天 3.16%" in said.text


async def test_nobody_sees_the_advice_of_another(stage: Play) -> None:
    await stage.advise("A1", owner="telegram:2")
    assert (await stage.say("/score")).title == "🎯 还没有可以评分的建议"
    assert (await stage.say("/analyses")).title == "🗒 没有分析建议"


async def test_what_was_decided_is_still_told(stage: Play) -> None:
    said = await stage.say("我批准过哪些")
    assert said.title == "🗂 没有决定过委托"
