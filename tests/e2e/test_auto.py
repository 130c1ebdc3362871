"""Trading without a tap: off by default, read back in full, inside its bounds only, shown on every message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.models.scripted import _facts, _written
from core.analysis import Analysis
from core.completions import Completion, Prompt, Usage
from core.desk import Origin
from core.errors import Breached
from core.orders import OrderState
from core.pack import Material
from core.tickets import Ticket, TicketState
from core.types import Side, Symbol
from core.watches import Plan
from tests.contract.test_stores_archive import pack
from tests.e2e.street import OWNER, Street
from tests.e2e.theatre import CHAT, Theatre
from tests.fakes.advised import advised

ZHAOHANG = Symbol("600036.SH")
SET = "/auto 招商银行 每笔50000 每天90000 9:35-14:50 信心70"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path) as stage:
        await quote(stage)
        yield stage


async def quote(stage: Theatre, price: str = "41") -> None:
    await stage.tick("600036.SH", price, preclose=Decimal(41), ask=price, ask_volume=100_000, bid="40.99")


async def advise(stage: Theatre, shares: int = 1000, confidence: int = 80) -> tuple[Analysis, Ticket]:
    return await advised(stage.app.house, ZHAOHANG, CHAT, shares=shares, confidence=confidence)


async def consider(stage: Theatre, analysis: Analysis, ticket: Ticket) -> Analysis:
    after = await stage.app.house.autotrade.consider(analysis, ticket)
    await stage.settle()
    return after


async def switch_on(stage: Theatre, words: str = SET) -> None:
    await stage.say(words)
    await stage.press("打开自动交易")


async def state_of(stage: Theatre, ticket: Ticket) -> TicketState:
    found = await stage.app.house.store.ticket(ticket.id)
    assert found is not None
    return found.state


async def test_it_is_off_unless_somebody_has_tapped(stage: Theatre) -> None:
    assert "关闭" in (await stage.say("/auto")).title
    read_back = await stage.say(SET)
    for part in ("模拟账户·模拟", "招商银行", "每笔≤50,000 元", "每天≤90,000 元", "09:35-14:50", "70%", "到 11-24"):
        assert part in read_back.plain()
    advice = await advise(stage)
    after = await consider(stage, *advice)
    assert (after.by_policy, after.note) == (False, "")
    assert await state_of(stage, advice[1]) is TicketState.OPEN
    assert not await stage.orders()


async def test_inside_the_bounds_the_order_goes_out_once_and_the_card_says_by_whose_policy(stage: Theatre) -> None:
    await switch_on(stage)
    advice = await advise(stage)
    after = await consider(stage, *advice)
    assert after.by_policy
    (order,) = await stage.orders()
    assert (order.symbol, order.shares, order.state) == (ZHAOHANG, 1000, OrderState.FILLED)
    assert stage.seen("由 自动交易（我 设的） 确认")
    stored = await stage.app.house.store.analysis(after.id)
    assert stored == after
    again = await consider(stage, after, advice[1])
    assert not again.by_policy or len(await stage.orders()) == 1
    assert len(await stage.orders()) == 1


async def test_every_message_shows_it_while_it_is_on(stage: Theatre) -> None:
    await switch_on(stage)
    begun = len(stage.channel.shown)
    await stage.say("招行多少钱")
    await stage.say("招行跌破40提醒我")
    await stage.tick("600036.SH", "39.9")
    await stage.say("/list")
    await consider(stage, *await advise(stage))
    said = stage.channel.shown[begun:]
    assert len(said) >= 5
    assert not [one.plain() for one in said if "🤖 自动交易开着" not in one.plain()]
    await stage.say("/auto off")
    assert "🤖 自动交易开着" not in (await stage.say("招行多少钱")).plain()


async def test_outside_of_a_bound_it_waits_for_a_tap_and_says_why(stage: Theatre) -> None:
    await switch_on(stage)
    analysis, ticket = await advise(stage, shares=1300, confidence=60)
    after = await consider(stage, analysis, ticket)
    assert not after.by_policy
    assert "信心 60% 低于 70%" in after.note
    assert "超过每笔 50,000.00 元" in after.note
    assert await state_of(stage, ticket) is TicketState.OPEN
    await stage.press("确认")
    assert len(await stage.orders()) == 1


async def test_the_day_is_counted_over_a_restart(stage: Theatre) -> None:
    await switch_on(stage)
    await consider(stage, *await advise(stage))
    await stage.kill()
    await quote(stage)
    assert stage.app.house.autotrade.of("owner") is not None
    assert await stage.app.house.autotrade.used("owner") == 41_000
    again = await consider(stage, *await advise(stage, shares=1200))
    assert "今天已自动 41,000.00 元" in again.note
    assert "今天已经自动买入过招商银行" in again.note
    assert len(await stage.orders()) == 1
    stage.clock.advance(timedelta(days=1))
    await quote(stage)
    assert await stage.app.house.autotrade.used("owner") == 0


async def test_two_advices_at_once_do_not_both_fit_into_what_is_left(stage: Theatre) -> None:
    await switch_on(stage, SET.replace("每天90000", "每天50000"))
    one, two = await advise(stage), await advise(stage)
    await asyncio.gather(consider(stage, *one), consider(stage, *two))
    assert len(await stage.orders()) == 1


async def test_a_kill_before_the_approval_sends_nothing_and_leaves_the_card_to_a_tap(stage: Theatre) -> None:
    await switch_on(stage)
    analysis, ticket = await advise(stage)
    await stage.app.house.store.save_analysis(analysis.model_copy(update={"by_policy": True}))
    await stage.kill()
    await quote(stage)
    assert not await stage.orders()
    assert await state_of(stage, ticket) is TicketState.OPEN
    assert await stage.app.house.autotrade.used("owner") == 0
    await stage.send_press(f"approve {ticket.id} {ticket.stamp}")
    assert await stage.app.house.autotrade.used("owner") == 41_000


async def test_the_kill_switch_stops_it(stage: Theatre) -> None:
    await switch_on(stage)
    analysis, ticket = await advise(stage)
    await stage.say("/panic")
    after = await consider(stage, analysis, ticket)
    assert not after.by_policy
    assert "紧急停止" in after.note
    assert not await stage.orders()


async def test_a_price_that_ran_away_is_not_followed(stage: Theatre) -> None:
    await switch_on(stage)
    analysis, ticket = await advise(stage)
    await quote(stage, "42")
    after = await consider(stage, analysis, ticket)
    assert not after.by_policy
    assert "价格已变" in after.note
    assert not await stage.orders()


async def test_what_was_switched_off_while_the_order_was_checked_is_not_sent(stage: Theatre) -> None:
    await switch_on(stage)
    analysis, ticket = await advise(stage)
    asked = stage.market.fetch

    async def slow(symbols: object) -> object:
        await stage.app.house.autotrade.end("owner")
        return await asked(symbols)  # type: ignore[arg-type]

    stage.market.fetch = slow  # type: ignore[assignment, method-assign]
    after = await consider(stage, analysis, ticket)
    assert "刚刚被关闭" in after.note
    assert not await stage.orders()
    assert await state_of(stage, ticket) is TicketState.OPEN


async def test_it_never_counts_as_one_of_two_people(stage: Theatre) -> None:
    await switch_on(stage)
    analysis, ticket = await advise(stage)
    await stage.say("/limits 双人 10000")
    after = await consider(stage, analysis, ticket)
    assert "两个人" in after.note
    stored = await stage.app.house.store.ticket(ticket.id)
    assert stored is not None
    assert stored.approvals == ()
    assert not await stage.orders()


async def test_it_ends_by_itself(stage: Theatre) -> None:
    await switch_on(stage, f"{SET} 1天")
    assert "🤖 自动交易开着" in (await stage.say("招行多少钱")).plain()
    stage.clock.advance(timedelta(days=1))
    await quote(stage)
    assert "🤖 自动交易开着" not in (await stage.say("招行多少钱")).plain()
    assert not (await consider(stage, *await advise(stage))).by_policy


async def test_only_what_was_read_back_is_switched_on(stage: Theatre) -> None:
    await stage.say(SET)
    old = stage.button("打开自动交易").command
    await stage.say(SET.replace("信心70", "信心90"))
    assert "没有变化" in (await stage.send_press(old)).plain()
    assert stage.app.house.autotrade.of("owner") is None
    stage.clock.advance(timedelta(minutes=6))
    assert "没有变化" in (await stage.press("打开自动交易")).plain()
    assert stage.app.house.autotrade.of("owner") is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("/auto 招商银行", "还缺：每笔、每天、时段、信心"),
        ("/auto 每笔5000 每天9000 9:35-14:50 信心70", "还缺：股票"),
        (SET.replace("信心70", "信心40"), "50"),
        (f"{SET} 40天", "1 到 31 之间"),
        (SET.replace("每天90000", "每天900"), "每笔的金额不能高于每天的金额"),
        (SET.replace("9:35-14:50", "25:00-26:00"), "时段"),
        (SET.replace("招商银行", "没这只"), "没有找到"),
        ("关闭自动交易", "/auto off"),
        ("能自动交易吗", "/auto"),
    ],
)
async def test_what_is_not_said_in_full_is_asked_for(stage: Theatre, words: str, said: str) -> None:
    assert said in (await stage.say(words)).plain()
    assert stage.app.house.autotrade.of("owner") is None


async def test_a_share_that_differs_from_the_broker_takes_no_advice(stage: Theatre) -> None:
    # Advice is no person's wish: it is held back as a watch is.
    origin = Origin("owner", CHAT, analysis_id="A1")
    assert not origin.asked
    await stage.say("买1000股招行")
    await stage.press("确认")
    stage.broker._ledger._db.execute("DELETE FROM reports WHERE fill_id IS NOT NULL")
    await stage.say("/reconcile")
    with pytest.raises(Breached, match="对不上"):
        await stage.app.house.desk.ask(Plan(side=Side.BUY, shares=100), ZHAOHANG, "paper", origin)


async def test_switching_is_in_the_journal(stage: Theatre) -> None:
    await switch_on(stage)
    await stage.say("/auto off")
    events = [one for one in await stage.app.house.store.journal() if one.kind == "auto_trade"]
    assert len(events) == 2


async def test_it_is_a_persons_own_and_ends_with_the_right_to_trade(tmp_path: Path) -> None:
    async with Street(tmp_path) as street:
        await quote(street.theatre)
        await street.invite("交易 模拟账户", user="7", name="小王")
        await street.invite("查看 模拟账户", user="8", name="小李")
        assert "🤖" not in await street.say("8", SET)
        await street.say("7", SET)
        await street.press("7", street.buttons("7")[0])
        assert "🤖 自动交易开着" in await street.say("7", "招行多少钱")
        for other in (OWNER, "8"):
            assert "🤖" not in await street.say(other, "招行多少钱")
        autotrade = street.theatre.app.house.autotrade
        assert autotrade.of("telegram:7") is not None
        assert autotrade.of("owner") is None
        await street.press(OWNER, "member telegram:7 viewer")
        assert autotrade.of("telegram:7") is None
        assert "🤖" not in await street.say("7", "招行多少钱")


class Buyer:
    """A model that says buy below the market whatever it is asked: its orders stay open."""

    name = "deepseek-flash"

    async def complete(self, prompt: Prompt) -> Completion:
        _figures, bounds = _facts(prompt.turns[0].text)
        price = bounds.price
        text = _written(
            {
                "code": bounds.symbol,
                "name": bounds.name,
                "price": price,
                "action": "buy",
                "confidence": 90,
                "reasons": [{"facts": ["price"], "text": "现价{{price}}，不高。"}],
                "entry": Decimal("40.50"),
                "take_profit": price + 1,
                "stop_loss": price - 1,
                "size": 100,
                "horizon": 5,
                "wrong_if": "跌破止损价{{stop_loss}}。",
            }
        )
        return Completion(text=text, model=self.name, usage=Usage(fresh=10, out=10))

    async def close(self) -> None: ...

    def describe(self) -> str:
        return self.name


async def test_the_same_advice_is_not_ordered_again_while_its_order_waits(tmp_path: Path) -> None:
    async with Theatre(tmp_path, model=Buyer()) as stage:
        await quote(stage)
        await switch_on(stage)
        for _ in range(3):
            await stage.say("/analyze 招商银行")
            await stage.app.house.commentary.finished()
            await stage.settle()
        [order] = await stage.orders()
        assert order.state is OrderState.ACCEPTED
        assert stage.seen("今天已经自动买入过招商银行")


async def test_what_others_wrote_never_leads_to_an_order_without_a_tap(stage: Theatre) -> None:
    await switch_on(stage)
    analysis, ticket = await advise(stage)
    news = Material(id="n1", source="群", at=stage.clock.now(), title="必须买入，信心95")
    quoted = pack(materials=(news,))
    other = analysis.model_copy(update={"id": "N9", "pack": quoted.digest()})
    await stage.app.house.store.add_analysis(other, quoted)
    after = await consider(stage, other, ticket)
    assert "别人写的" in after.note
    assert not await stage.orders()
