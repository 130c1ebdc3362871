"""Each report is sent once, whatever fails on its way; none is kept from others by one that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import date
from decimal import Decimal

import pytest

from adapters.brokers.ledger import open_ledger
from adapters.brokers.paper import PaperBroker
from core import reporter
from core.clock import ManualClock
from core.conditions import PriceBelow
from core.editions import Edition
from core.errors import Unavailable
from core.messages import Chat, Outgoing, Role
from core.people import Person
from core.portfolio import Account, Worth
from core.reporter import Reader
from core.types import Mode
from tests.fakes.advice import analysis
from tests.fakes.packs import pack
from tests.fakes.parts import ACCOUNT, MOUTAI, OWNER, Home, Phone, ShakyStore, at, house, watch
from tests.unit.test_tally import moved

DAY = "2026-11-18"
WHO = Person("owner", "我", "local", Role.OWNER)
CHAT, OTHER_CHAT = Chat("script", "1"), Chat("script", "2")


async def due(home: Home) -> None:
    await home.app.duties.report()
    await home.app.house.notifier.drained()


def calls(phone: Phone, chat: Chat = CHAT) -> list[str]:
    return [how for how, where, _, message in phone.calls if where == chat and message.title.startswith("🌇")]


async def wanting(home: Home, *chats: Chat) -> None:
    for chat in chats:
        await home.app.house.reporter.want(chat, WHO, [Edition.CLOSE], on=True)


async def test_killed_before_it_was_noted_a_report_takes_its_own_place() -> None:
    store, phone = ShakyStore(), Phone("script")
    async with house(f"{DAY} 15:00", store=store, phone=phone) as home:
        await wanting(home, CHAT)
    async with house(f"{DAY} 15:10", store=store, phone=phone) as home:
        store.fail("set_value")  # it is stored and sent, and the process ends before it is noted
        await due(home)
        assert calls(phone) == ["send"]
    async with house(f"{DAY} 15:15", store=store, phone=phone) as home:
        await due(home)
        assert calls(phone) == ["send", "edit"]
        await due(home)
        assert calls(phone) == ["send", "edit"]


async def test_a_report_that_could_not_be_stored_comes_with_the_next_look() -> None:
    store = ShakyStore()
    async with house(f"{DAY} 15:00", store=store, phone=Phone("script")) as home:
        await wanting(home, CHAT)
    async with house(f"{DAY} 15:10", store=store, phone=Phone("script")) as home:
        store.fail("enqueue")
        await due(home)
        assert calls(home.phone) == []
        await due(home)
        assert calls(home.phone) == ["send"]


async def test_one_report_that_fails_keeps_no_other_back() -> None:
    store = ShakyStore()
    async with house(f"{DAY} 15:00", store=store, phone=Phone("script")) as home:
        await wanting(home, CHAT, OTHER_CHAT)
    async with house(f"{DAY} 15:10", store=store, phone=Phone("script")) as home:
        store.fail("enqueue")
        await due(home)
        assert (calls(home.phone), calls(home.phone, OTHER_CHAT)) == ([], ["send"])
        await due(home)
        assert (calls(home.phone), calls(home.phone, OTHER_CHAT)) == (["send"], ["send"])


class Spoiled(ShakyStore):
    """A store in which a bug hides: not what the outside world does, but our own."""

    async def enqueue(self, outgoing: Collection[Outgoing]) -> None:
        if any(one.chat == CHAT for one in outgoing):
            raise KeyError("a bug")
        await super().enqueue(outgoing)


async def test_a_bug_in_one_report_keeps_no_other_back(caplog: pytest.LogCaptureFixture) -> None:
    store = Spoiled()
    async with house(f"{DAY} 15:00", store=store, phone=Phone("script")) as home:
        await wanting(home, CHAT, OTHER_CHAT)
    async with house(f"{DAY} 15:10", store=store, phone=Phone("script")) as home:
        await due(home)
        assert (calls(home.phone), calls(home.phone, OTHER_CHAT)) == ([], ["send"])
    assert any("KeyError" in (one.exc_text or "") for one in caplog.records)


async def test_what_is_turned_off_and_on_again_on_one_day_is_not_sent_again() -> None:
    store = ShakyStore()
    async with house(f"{DAY} 15:00", store=store, phone=Phone("script")) as home:
        await wanting(home, CHAT)
    async with house(f"{DAY} 15:10", store=store, phone=Phone("script")) as home:
        await due(home)
        await home.app.house.reporter.want(CHAT, WHO, list(Edition), on=False)
        await wanting(home, CHAT)
        await due(home)
        assert calls(home.phone) == ["send"]


async def test_who_is_an_owner_no_more_is_sent_nothing_more() -> None:
    store, away = ShakyStore(), Chat("telegram", "9")
    async with house(f"{DAY} 15:00", store=store, phone=Phone("telegram")) as home:
        await home.app.house.reporter.want(away, WHO, [Edition.CLOSE], on=True)
    # In the settings of this house no owner stands for that channel.
    async with house(f"{DAY} 15:10", store=store, phone=Phone("telegram")) as home:
        await due(home)
        assert calls(home.phone, away) == []
        assert home.app.house.reporter.wanted(away, "owner") == ()


class Deaf(PaperBroker):
    """A paper account that can be told not to answer."""

    silent = False

    async def snapshot(self) -> Account:
        if self.silent:
            raise Unavailable(self.name, "没有连上")
        return await super().snapshot()


async def test_an_account_that_does_not_answer_is_told_as_it_was_last_seen() -> None:
    held = {MOUTAI: (100, Decimal(1390))}
    ledger = open_ledger(None, account="paper", mode=Mode.PAPER, source="模拟账户", cash=Decimal(1000), positions=held)
    broker = Deaf(ledger, "paper", "模拟账户", ManualClock(at(f"{DAY} 10:00")))
    async with house(f"{DAY} 10:00", broker=broker) as home:
        await home.tick(f"{DAY} 10:00", "1400", preclose="1395")
        broker.silent = True
        said = await home.app.house.reporter.write(Edition.NOON, Reader("owner", lambda _account: True))
        assert "💰 模拟账户·模拟 今天到现在 +500.00 元（+0.36%）" in said.text
        assert "　⚠️ 账户现在查不到（没有连上），按 11-18 10:00 的持仓算" in said.text.splitlines()
    await broker.close()


async def lines_near(home: Home, breath: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """How many near lines a report names, and how often another had its turn meanwhile."""
    monkeypatch.setattr(reporter, "BREATH", breath)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(other())
    said = await home.app.house.reporter.write(Edition.MORNING, Reader(OWNER, lambda _account: True))
    running.cancel()
    return sum("贵州茅台" in line for line in said.text.splitlines()), turns


async def test_many_lines_let_others_have_their_turn_and_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(f"{DAY} 09:30") as home:
        await home.tick(f"{DAY} 10:00", "1400", preclose="1395")
        for number in range(4):
            await home.add(watch(PriceBelow(value=Decimal(1390 - number)), id=f"w{number}"))
        count, turns = await lines_near(home, 100, monkeypatch)
        assert count == 4
        assert await lines_near(home, 2, monkeypatch) == (4, turns + 2)
        monkeypatch.setattr(reporter, "RULES", 3)
        assert (await lines_near(home, 100, monkeypatch))[0] == 3


async def test_a_week_says_that_its_last_day_was_not_recorded() -> None:
    async with house(f"{DAY} 15:30", positions={MOUTAI: (100, Decimal(1390))}) as home:
        worth = Worth(
            account=ACCOUNT,
            day=date.fromisoformat(DAY),
            mode=Mode.PAPER,
            total=None,
            paid_in=Decimal(0),
            realized=Decimal(0),
            note="1 只持仓的行情是更早的",
            as_of=at(f"{DAY} 15:00"),
        )
        await home.store.save_worths([worth])
        for edition in (Edition.CLOSE, Edition.WEEK):
            said = await home.app.house.reporter.write(edition, Reader("owner", lambda _account: True))
            assert said.text.count("没有记下 11-18 的总资产：1 只持仓的行情是更早的") == 1


async def test_the_score_of_a_week_looks_back_one_year() -> None:
    async with house(f"{DAY} 15:30") as home:
        for id_, when in (("A1", "2025-11-18 15:29"), ("A2", "2026-10-18 10:00"), ("A3", "2026-10-19 10:00")):
            one = analysis(when, id_)
            await home.store.add_analysis(one, pack())
            await home.store.save_outcomes([moved(one, "2")])
        said = await home.app.house.reporter.write(Edition.WEEK, Reader("owner", lambda _account: True))
        place = said.text.splitlines().index("📐 近一年的评分（/score）")
        assert said.text.splitlines()[place + 1].startswith("　买卖建议：2 对 0 错")
