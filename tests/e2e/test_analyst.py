"""Advice in the chat, over a loopback server that answers what a test puts into its mouth, and misbehaves on demand.

Whatever the server says: no figure of its own reaches a person, and no alert is late or lost.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from core.allowance import Budget
from core.analysis import Action, Analysis
from core.commentary import Wanted
from core.messages import Message
from core.ports import Model
from core.tickets import TicketState
from core.types import Symbol
from core.watches import NO_ACCOUNT
from tests.e2e.test_model import model
from tests.e2e.theatre import CHAT, Theatre
from tests.fakes.openai import FakeOpenAI, Kind

PUFA: Final = Symbol("600000.SH")
ZHAOHANG: Final = Symbol("600036.SH")
NOW: Final = "9.05"
BEFORE: Final = Decimal("9.00")
WATCHED: Final = "浦发银行跌破9.04提醒我"
"""Its limits of the day are 8.10 and 9.90."""


def answer(**changes: Any) -> dict[str, Any]:
    """What a model says of a share that nobody holds."""
    said: dict[str, Any] = {
        "code": PUFA,
        "name": "浦发银行",
        "price": float(NOW),
        "action": "wait",
        "confidence": 62,
        "reasons": [{"facts": ["price", "preclose"], "text": "现价{{price}}，昨收{{preclose}}，没有走出方向。"}],
        "entry": None,
        "take_profit": None,
        "stop_loss": None,
        "size": None,
        "horizon": 5,
        "wrong_if": "放量以后再看。",
    }
    return said | changes


BUY: Final = answer(action="buy", entry=9.05, take_profit=9.5, stop_loss=8.8, size=1000)


__all__ = ["model"]  # a fixture


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as one:
        one.answers(answer())
        yield one


@pytest.fixture
async def stage(tmp_path: Path, model: Model) -> AsyncIterator[Theatre]:
    budget = Budget(yuan=Decimal(5))
    async with Theatre(tmp_path, model=model, comments=True, budget=budget) as stage:
        await quote(stage)
        yield stage


async def quote(stage: Theatre, price: str = NOW) -> None:
    await stage.tick(PUFA, price, preclose=BEFORE, ask=price, ask_volume=100_000, bid=price, bid_volume=100_000)


async def analysed(stage: Theatre, text: str = "分析一下浦发银行") -> Message:
    """The message that the result was put into."""
    await stage.say(text)
    return [message for message in stage.channel.shown if (message.card or "").startswith("analysis:")][-1]


async def kept(stage: Theatre) -> Analysis:
    return (await stage.app.house.store.analyses())[0]


async def tickets(stage: Theatre) -> list[str]:
    return [one.id for one in await stage.app.house.store.tickets(list(TicketState))]


async def refused(stage: Theatre, *figures: str) -> str:
    """An answer is not believed: it is said so, nothing of it is shown, nothing proposed, and an alert is as ever.

    Args:
        figures: of the answer, which nobody may see.
    """
    card = await analysed(stage)
    assert card.title == "⚠️ 浦发银行(600000) 没有分析结果"
    analysis = await kept(stage)
    assert analysis.decision is None
    assert analysis.problem in card.text
    await stage.say(WATCHED)
    await quote(stage, "9.03")
    [told, *_more] = stage.seen("🔔 浦发银行(600000) 9.03")
    assert "💬" not in told.text
    assert await tickets(stage) == []
    for figure in figures:
        assert not re.search(rf"(?<![\d.]){re.escape(figure)}(?![\d])", stage.transcript()), figure
    return analysis.problem


# -- it works


async def test_a_question_is_answered_at_once_and_the_result_is_put_into_that_message(
    stage: Theatre, server: FakeOpenAI
) -> None:
    await stage.say("分析一下浦发银行")
    [begun, done] = [one for one in stage.channel.shown if (one.card or "").startswith("analysis:")]
    assert begun.title == "⏳ 正在分析 浦发银行(600000)"
    assert done.card == begun.card
    assert done.title == "👀 浦发银行(600000) 观望（信心 62%）"
    assert "现价 9.05（测试行情，11-18 10:00:03" in done.text
    assert "1. 现价 9.05 元，昨收 9.00 元，没有走出方向。" in done.text.replace("现价9.05", "现价 9.05").replace(
        "昨收9", "昨收 9"
    )
    assert "看错的标志：放量以后再看。" in done.text
    assert "deepseek-flash-1017" in done.text
    assert "仅供参考" in done.text
    assert len(server.asked) == 1


async def test_what_it_cost_and_who_answered_is_kept_with_its_facts(stage: Theatre) -> None:
    await analysed(stage)
    analysis = await kept(stage)
    [line] = await stage.app.house.store.consultations(about=analysis.id)
    assert (analysis.model, analysis.tokens, analysis.yuan) == ("deepseek-flash-1017", 1050, line.yuan)
    assert analysis.yuan > 0
    pack = await stage.app.house.store.pack(analysis.pack)
    assert pack is not None
    assert pack.price == Decimal(NOW)


async def test_the_facts_are_a_tap_away(stage: Theatre) -> None:
    await analysed(stage)
    shown = await stage.press("看事实")
    assert shown.title == "🔎 浦发银行(600000) 分析依据"
    assert "昨收 9.00 元" in shown.text
    assert "缺失" in shown.text


async def test_nobody_sees_the_facts_of_somebody_else(stage: Theatre) -> None:
    said = await stage.send_press("facts NOTTHERE")
    assert "没有这次分析" in said.text


async def test_the_same_facts_are_asked_about_once(stage: Theatre, server: FakeOpenAI) -> None:
    await analysed(stage)
    first = await kept(stage)
    again = await analysed(stage)
    assert "用的是刚才的回答" in again.text
    second = await kept(stage)
    assert (second.reused, second.tokens, second.yuan) == (first.id, 0, Decimal(0))
    assert len(server.asked) == 1
    await quote(stage, "9.06")
    server.answers(answer(price=9.06))
    await analysed(stage)
    assert len(server.asked) == 2


async def test_ten_who_ask_at_once_for_the_same_facts_cost_one_call(stage: Theatre, server: FakeOpenAI) -> None:
    gate, stage.patient = server.hold(), False
    for person in range(10):
        await stage.app.house.commentary.ask(wanted(f"P{person}", owner=f"member{person}"))
    await server.until(lambda one: len(one.asked) == 1)
    gate.set()
    await stage.app.house.commentary.finished()
    made = await stage.app.house.store.analyses()
    assert [one.decision is not None for one in made] == [True] * 10
    assert sum(one.reused is None for one in made) == 1
    assert len(server.asked) == 1


async def test_a_failure_is_shared_by_those_who_waited_for_it(stage: Theatre, server: FakeOpenAI) -> None:
    gate, stage.patient = server.hold(), False
    server.answers("我觉得可以买。")
    for person in range(3):
        await stage.app.house.commentary.ask(wanted(f"P{person}", owner=f"member{person}"))
    await server.until(lambda one: len(one.asked) == 1)
    gate.set()
    await stage.app.house.commentary.finished()
    made = await stage.app.house.store.analyses()
    assert [bool(one.problem) for one in made] == [True] * 3
    assert len(server.asked) == 2


async def test_the_position_of_another_person_makes_other_facts(stage: Theatre, server: FakeOpenAI) -> None:
    await stage.app.house.commentary.ask(wanted("P1", owner="member1"))
    await stage.app.house.commentary.ask(wanted("P2", owner="owner", account="paper"))
    await stage.settle()
    assert len(server.asked) == 2


def wanted(name: str, *, owner: str, account: str = NO_ACCOUNT) -> Wanted:
    return Wanted(
        ids=(name,), symbols=(PUFA,), names=("浦发银行",), owner=owner, chat=CHAT, account=account, trades=False
    )


# -- no advice


async def test_an_answer_of_no_confidence_is_no_advice_and_no_comment(stage: Theatre, server: FakeOpenAI) -> None:
    server.answers(answer(confidence=0))
    card = await analysed(stage)
    assert card.title == "⚠️ 浦发银行(600000) 没有分析结果"
    assert "数据不够，没有判断：缺 " in card.text
    assert (await kept(stage)).decision is None
    await stage.say(WATCHED)
    server.answers(answer(confidence=0, price=9.03))
    await quote(stage, "9.03")
    assert len(stage.seen("🔔 浦发银行(600000) 9.03")) == 1
    assert not stage.seen("💬")


# -- advice to trade


async def test_an_advice_to_buy_is_a_card_to_tap(stage: Theatre, server: FakeOpenAI) -> None:
    server.answers(BUY)
    card = await analysed(stage)
    assert card.title == "🟢 浦发银行(600000) 买入（信心 62%）"
    assert "买入价 9.05，止盈 9.50，止损 8.80，1000 股" in card.text
    analysis = await kept(stage)
    assert analysis.ticket_id is not None
    assert f"已出一张待确认的委托（{analysis.ticket_id}）" in card.text
    ticket = await stage.app.house.store.ticket(analysis.ticket_id)
    assert ticket is not None
    assert (ticket.analysis_id, ticket.shares, ticket.limit) == (analysis.id, 1000, Decimal("9.05"))
    [shown] = stage.seen("📝 待确认委托·模拟")
    assert "AI 建议（deepseek-flash-1017，信心 62%）" in shown.text
    assert "账户：模拟账户·模拟" in shown.text
    assert not await stage.orders()
    await stage.press("确认")
    [order] = await stage.orders()
    assert order.ticket_id == ticket.id


async def test_while_a_like_card_is_open_no_other_is_made(stage: Theatre, server: FakeOpenAI) -> None:
    server.answers(BUY)
    await analysed(stage)
    again = await analysed(stage)
    assert "已经有一张买入它的卡片在等你确认" in again.text
    assert len(await tickets(stage)) == 1


async def test_what_the_desk_refuses_is_said_and_no_card_comes(stage: Theatre, server: FakeOpenAI) -> None:
    await stage.say("/panic")
    server.answers(BUY)
    card = await analysed(stage)
    assert "没有出委托：" in card.text
    assert "紧急停止" in (await kept(stage)).note
    assert await tickets(stage) == []


async def test_who_may_not_trade_gets_the_advice_and_no_card(stage: Theatre, server: FakeOpenAI) -> None:
    server.answers(answer(action="buy", entry=9.05, take_profit=9.5, stop_loss=8.8, size=None))
    await stage.app.house.commentary.ask(wanted("P1", owner="member1"))
    await stage.settle()
    analysis = await kept(stage)
    assert analysis.decision is not None
    assert analysis.decision.action is Action.BUY
    assert (analysis.ticket_id, analysis.note) == (None, "")


async def test_who_sees_an_account_and_may_not_trade_it_gets_no_card(stage: Theatre, server: FakeOpenAI) -> None:
    server.answers(BUY)
    await stage.app.house.commentary.ask(wanted("P1", owner="owner", account="paper"))
    await stage.settle()
    analysis = await kept(stage)
    assert analysis.decision is not None
    assert (analysis.ticket_id, analysis.note) == (None, "")
    assert await tickets(stage) == []


async def test_what_is_held_is_looked_through_in_one_message(tmp_path: Path, model: Model, server: FakeOpenAI) -> None:
    held = {PUFA: (1000, Decimal(9)), ZHAOHANG: (500, Decimal(40))}
    async with Theatre(tmp_path, model=model, positions=held, budget=Budget(yuan=Decimal(5))) as stage:
        await quote(stage)
        await stage.tick(ZHAOHANG, "41", preclose=Decimal(41), ask="41", bid="40.99")
        holds = {"action": "hold", "take_profit": None, "stop_loss": None}
        bank = holds | {"code": ZHAOHANG, "name": "招商银行", "price": 41}
        server.answers(answer(**holds), answer(**bank, reasons=[{"facts": ["price"], "text": "现价{{price}}，站稳。"}]))
        card = await analysed(stage, "给我的持仓做个体检")
        assert card.title == "🩺 2 只股票的分析"
        assert "✊ 浦发银行(600000) 9.05 持有（信心 62%）" in card.text
        assert "✊ 招商银行(600036) 41.00 持有（信心 62%）" in card.text
        assert card.labels() == ("浦发银行", "招商银行")
        assert stage.seen("🩺 2 只股票的分析（1/2）")
        assert await tickets(stage) == []


# -- nothing wrong reaches a person


async def test_an_invented_price_is_not_shown(stage: Theatre, server: FakeOpenAI) -> None:
    server.answers(answer(price=36, reasons=[{"facts": ["price"], "text": "现价36元，目标价40元。"}]))
    assert "没有通过核对" in await refused(stage, "36", "40")


async def test_a_target_out_of_the_blue_is_not_shown(stage: Theatre, server: FakeOpenAI) -> None:
    server.answers(BUY | {"take_profit": 36})
    assert "止盈价太远" in await refused(stage, "36", "36.00")


async def test_a_figure_in_the_words_is_not_shown(stage: Theatre, server: FakeOpenAI) -> None:
    server.answers(answer(reasons=[{"facts": ["price"], "text": "市盈率只有七倍，目标三十六元。"}]))
    assert "没有通过核对" in await refused(stage)
    assert "三十六" not in stage.transcript()
    assert "七倍" not in stage.transcript()


async def test_another_share_is_not_shown(stage: Theatre, server: FakeOpenAI) -> None:
    server.answers(answer(code="600036.SH", name="招商银行"))
    assert "代码不对" in await refused(stage)
    assert "招商银行" not in stage.transcript()


async def test_the_price_of_yesterday_is_not_taken_for_that_of_now(stage: Theatre, server: FakeOpenAI) -> None:
    server.answers(answer(price=9.00))
    assert "写成了昨收" in await refused(stage)


async def test_shares_of_today_are_not_advised_to_be_sold(stage: Theatre, server: FakeOpenAI) -> None:
    await stage.say("买100股浦发银行 9.05")
    await stage.press("确认")
    await quote(stage)
    server.answers(answer(action="sell", entry=9.05, size=100))
    card = await analysed(stage)
    assert "T+1" in card.text
    assert "没有采用" in card.text
    assert len(await tickets(stage)) == 1


async def test_an_order_above_the_limit_of_the_day_is_not_advised(stage: Theatre, server: FakeOpenAI) -> None:
    server.answers(BUY | {"entry": 9.95, "take_profit": 10.5})
    assert "高于今天的涨停价 9.90" in await refused(stage, "9.95", "10.5", "10.50")


async def test_prose_is_no_advice(stage: Theatre, server: FakeOpenAI) -> None:
    server.answers("强烈建议买入！目标价36元。")
    assert "JSON" in await refused(stage, "36")
    assert "强烈建议" not in stage.transcript()


async def test_nothing_is_no_advice(stage: Theatre, server: FakeOpenAI) -> None:
    server.fail("blank")
    assert "空的" in await refused(stage)


async def test_a_second_answer_that_holds_is_taken(stage: Theatre, server: FakeOpenAI) -> None:
    server.answers("强烈建议买入！目标价36元。", answer())
    card = await analysed(stage)
    assert card.title == "👀 浦发银行(600000) 观望（信心 62%）"
    assert (await kept(stage)).tokens == 2100
    assert len(server.asked) == 2
    assert "没有采用" in str(server.asked[-1].body["messages"])


async def test_a_third_answer_is_not_asked_for(stage: Theatre, server: FakeOpenAI) -> None:
    server.answers("一", "二", answer())
    assert "没有采用" in (await analysed(stage)).text
    assert len(server.asked) == 2


async def test_silence_ends_at_the_deadline(tmp_path: Path, model: Model, server: FakeOpenAI) -> None:
    async with Theatre(tmp_path, model=model, comments=True, budget=Budget(analysis_seconds=0.1)) as stage:
        await quote(stage)
        server.fail("hang")
        assert "模型没有" in await refused(stage)


@pytest.mark.parametrize("kind", [429, 402, 500, "reset", "cut", "html"])
async def test_who_refuses_or_breaks_off_is_said_and_the_alert_goes_out(
    stage: Theatre, server: FakeOpenAI, kind: Kind
) -> None:
    server.fail(kind)
    problem = await refused(stage)
    assert problem
    assert "Insufficient" not in stage.transcript()


async def test_an_account_without_money_is_told_to_its_keeper_once(stage: Theatre, server: FakeOpenAI) -> None:
    server.fail(402)
    await refused(stage)
    assert len(server.asked) == 1


async def test_a_market_that_cannot_be_asked_is_said_in_the_message(stage: Theatre) -> None:
    card = await analysed(stage, "分析一下 600999")
    assert "招商证券" in card.title
    assert card.title.startswith("⚠️")


# -- alerts


async def test_the_comment_is_put_into_the_alert_that_went_out(stage: Theatre, server: FakeOpenAI) -> None:
    await stage.say(WATCHED)
    server.answers(answer(price=9.03))
    await quote(stage, "9.03")
    [told, commented] = stage.seen("🔔 浦发银行(600000) 9.03")
    assert told.card == commented.card
    assert "💬" not in told.text
    assert "💬 观望（信心 62%）" in commented.text
    assert commented.text.startswith(told.text)
    assert (await kept(stage)).alert_id is not None


async def test_an_alert_does_not_wait_for_a_model_that_hangs(stage: Theatre, server: FakeOpenAI) -> None:
    gate, stage.patient = server.hold(), False
    await stage.say(WATCHED)
    await quote(stage, "9.03")
    assert stage.seen("🔔 浦发银行(600000) 9.03")
    await server.until(lambda one: len(one.asked) == 1)
    server.answers(answer(price=9.03))
    gate.set()
    await stage.app.house.commentary.finished()
    await stage.settle()
    assert stage.seen("💬 观望")


async def test_the_card_of_an_order_is_left_alone_and_no_second_one_comes(stage: Theatre, server: FakeOpenAI) -> None:
    await stage.say("浦发银行跌破9.04提醒我，跌破就买100股")
    server.answers(BUY | {"price": 9.03, "entry": 9.03})
    await quote(stage, "9.03")
    [card] = stage.seen("是否买入？·模拟")
    assert "💬" not in card.text
    assert stage.seen("💬 买入（信心 62%）")
    assert len(await tickets(stage)) == 1
    assert (await kept(stage)).note == ""


async def test_comments_can_be_switched_off_and_on(stage: Theatre, server: FakeOpenAI) -> None:
    await stage.say("/analyze off")
    await stage.say(WATCHED)
    await quote(stage, "9.03")
    assert not server.asked
    await stage.kill()
    assert not stage.app.house.commentary.wants("owner")
    await stage.say("/analyze on")
    assert stage.app.house.commentary.wants("owner")


async def test_at_the_limit_alerts_go_on_and_analysis_says_so(tmp_path: Path, model: Model, server: FakeOpenAI) -> None:
    async with Theatre(tmp_path, model=model, comments=True, budget=Budget(calls=1)) as stage:
        await quote(stage)
        await analysed(stage)
        await stage.say(WATCHED)
        await quote(stage, "9.03")
        assert stage.seen("🔔 浦发银行(600000) 9.03")
        card = await analysed(stage)
        assert "已达预算" in card.text
        assert stage.seen("💬 没有点评：")
        assert len(server.asked) == 1


# -- killed


class Stalls:
    """A store that stops for ever before one of its steps, as a process does that is killed there."""

    def __init__(self, store: Any, step: str, nth: int = 1) -> None:
        self._store, self._step, self._left = store, step, nth
        self.reached = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name != self._step:
            return found

        async def stall(*args: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left:
                return await found(*args, **named)
            self.reached.set()
            return await asyncio.Event().wait()

        return stall


async def test_killed_while_it_is_asked_it_says_so_after_the_start(stage: Theatre, server: FakeOpenAI) -> None:
    server.hold()
    stage.patient = False
    await stage.say("分析一下浦发银行")
    await server.until(lambda one: len(one.asked) == 1)
    await stage.kill()
    stage.patient = True
    await stage.settle()
    [said] = stage.seen("程序重启了")
    assert said.title == "⚠️ 浦发银行(600000) 没有分析成"
    await stage.kill()
    assert not stage.seen("程序重启了")


@pytest.mark.parametrize("step", ["add_ticket", "save_analysis", "enqueue"])
async def test_killed_around_its_card_there_is_one_card_and_the_result_is_told(
    tmp_path: Path, model: Model, server: FakeOpenAI, step: str
) -> None:
    server.answers(BUY)
    stores: list[Stalls] = []

    def through(store: Any) -> Any:
        # Of enqueue the first tells that it is under way, the second the result; the next life stalls nowhere.
        stores.append(Stalls(store, step if not stores else "", 2 if step == "enqueue" else 1))
        return stores[-1]

    async with Theatre(tmp_path, model=model, through=through) as stage:
        await quote(stage)
        stage.patient = False
        await stage.say("分析一下浦发银行")
        await stores[0].reached.wait()
        await stage.kill()
        stage.patient = True
        await stage.settle()
        [done] = stage.seen("🟢 浦发银行(600000) 买入")
        made = await tickets(stage)
        assert made == ([] if step == "add_ticket" else [(await kept(stage)).ticket_id])
        assert ("已出一张待确认的委托" in done.text) is bool(made)
        assert len(server.asked) == 1
