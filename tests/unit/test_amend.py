"""What comes after an alert is added to its message, whoever adds it and in whatever order."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.stores.memory import MemoryStore
from core import amend
from core.alerts import Silence
from core.amend import Amendments
from core.clock import ManualClock
from core.conditions import PriceBelow
from core.feed import Feed
from core.messages import Button, Chart, Chat, Message, Outgoing
from core.notify import Notifier
from core.ports import Receiver
from core.tickets import TicketState
from core.types import Side
from core.watches import Plan, Repeat
from tests.fakes.parts import CHAT, MOUTAI, OWNER, Home, ShakyStore, at, house, watch

EVERY: dict[str, Any] = {"repeat": Repeat.EVERY_TIME, "cooldown": timedelta(0)}
BELOW = PriceBelow(value=Decimal(1420))
BUY = Plan(side=Side.BUY, shares=100)
PICTURE = Message(title="📈 分时", chart=Chart(title="分时", symbol=MOUTAI))
COMMENT = Message(title="分析", text="💬 放量下跌", buttons=((Button("展开", "why 1"),),))


async def cross(home: Home, clock: str = "10:00", **changes: Any) -> None:
    """Down over the threshold, in two frames."""
    await home.tick(f"{clock}:00", "1430", **changes)
    await home.tick(f"{clock}:03", "1419", **changes)


async def told(home: Home, *, plan: Plan | None = None) -> Outgoing:
    """The row of an alert that has just gone out."""
    rows: list[Outgoing] = []
    home.app.house.dispatcher.told.append(lambda _items, row: rows.append(row))
    await home.add(watch(BELOW, plan=plan))
    await cross(home, ask="1419.5")
    return rows[0]


@pytest.mark.parametrize("several", [(PICTURE, COMMENT), (COMMENT, PICTURE)], ids=["picture first", "comment first"])
async def test_what_is_added_from_two_sides_at_once_stands_in_one_message(several: tuple[Message, ...]) -> None:
    async with house() as home:
        row = await told(home)
        amendments = Amendments(home.app.house.notifier)
        await asyncio.gather(*(amendments.add(row, more) for more in several))
        await home.app.house.notifier.drained()
        assert [(how, ref) for how, _, ref, _ in home.phone.calls] == [("send", None), ("edit", "1"), ("edit", "1")]
        last = home.phone.shown()[-1]
    assert last.title == row.message.title
    assert last.text == f"{row.message.text}\n💬 放量下跌"
    assert last.chart == PICTURE.chart
    assert last.labels() == (*row.message.labels(), "展开")
    assert not last.urgent, "a new alert goes before it"


async def test_the_card_of_an_order_is_left_alone_and_what_is_added_stands_below() -> None:
    async with house() as home:
        row = await told(home, plan=BUY)
        amendments = Amendments(home.app.house.notifier)
        for more in (PICTURE, COMMENT):
            await amendments.add(row, more)
            await home.app.house.notifier.drained()
        assert [(how, ref) for how, _, ref, _ in home.phone.calls] == [("send", None), ("send", None), ("edit", "2")]
        card, _, below = home.phone.shown()
    assert "确认" in card.labels()
    assert (below.title, below.text, below.chart) == (PICTURE.title, COMMENT.text, PICTURE.chart)


class Slow:
    """A phone that takes long over pictures, or over words."""

    name = "phone"

    def __init__(self, *, holds_words: bool = False) -> None:
        self._holds_words = holds_words
        self.edited: list[str] = []
        self.shown: list[tuple[str, bool]] = []
        self.asked, self.gate, self.two = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run(self, receiver: Receiver) -> None: ...

    async def send(self, chat: Chat, message: Message, picture: bytes | None = None) -> str:
        return await self._show(str(len(self.shown)), message)

    async def edit(self, chat: Chat, ref: str, message: Message, picture: bytes | None = None) -> str:
        self.edited.append(ref)
        return await self._show(ref, message)

    async def _show(self, ref: str, message: Message) -> str:
        if (message.chart is not None) is not self._holds_words:
            self.asked.set()
            await self.gate.wait()
        self.shown.append((message.text, message.chart is not None))
        if len(self.shown) == 2:
            self.two.set()
        return ref


async def test_a_new_alert_does_not_wait_for_the_picture_of_the_last_one() -> None:
    phone, store, clock = Slow(), MemoryStore(), ManualClock(at("10:00"))
    notifier = Notifier(store, clock, Feed())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(notifier.run({phone.name: phone}))
        rows = [notifier.compose(CHAT, Message(text=text, card=f"alert:{text}"), (text,)) for text in "12"]
        await store.enqueue(rows[:1])
        await Amendments(notifier).add(rows[0], PICTURE)
        await phone.asked.wait()
        await store.enqueue(rows[1:])
        notifier.post(rows[1:])
        await phone.two.wait()
        assert phone.shown == [("1", False), ("2", False)]
        phone.gate.set()
        await notifier.drained()
        running.cancel()
    assert phone.shown[2:] == [("1", True)]


async def test_what_is_added_waits_for_the_alert_itself() -> None:
    phone, store, clock = Slow(holds_words=True), MemoryStore(), ManualClock(at("10:00"))
    notifier = Notifier(store, clock, Feed())
    async with asyncio.TaskGroup() as group:
        running = group.create_task(notifier.run({phone.name: phone}))
        row = notifier.compose(CHAT, Message(text="1", card="alert:1"), ("1",))
        await store.enqueue([row])
        notifier.post([row])
        await phone.asked.wait()
        await Amendments(notifier).add(row, PICTURE)
        for _ in range(20):
            await asyncio.sleep(0)
        assert phone.shown == []
        phone.gate.set()
        await notifier.drained()
        running.cancel()
    assert phone.shown == [("1", False), ("1", True)]
    assert phone.edited == ["0"]


async def test_a_line_that_stands_under_every_message_stands_once_and_last() -> None:
    notifier = Notifier(MemoryStore(), ManualClock(at("10:00")), Feed(), footer=lambda _chat: "🤖 自动交易开着")
    row = notifier.compose(CHAT, Message(text="跌了", card="alert:1"), ("1",))
    again = notifier.compose(CHAT, row.message.extended(COMMENT))
    assert again.message.text == "跌了\n💬 放量下跌\n🤖 自动交易开着"


async def test_only_the_newest_messages_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amend, "KEPT", 2)
    async with house() as home:
        notifier = home.app.house.notifier
        amendments = Amendments(notifier)
        rows = [notifier.compose(CHAT, Message(text="跌了", card=f"alert:{number}")) for number in range(3)]
        for row in rows:
            await amendments.add(row, Message(text="一"))
        for row in (rows[0], rows[2]):
            await amendments.add(row, Message(text="二"))
        await notifier.drained()
        assert [message.text for message in home.phone.shown()[3:]] == ["跌了\n二", "跌了\n一\n二"]


# -- who listens


async def test_a_listener_hears_of_what_was_told_with_its_message_and_of_nothing_else() -> None:
    async with house() as home:
        heard: list[tuple[list[str], str | None]] = []
        home.app.house.dispatcher.told.append(
            lambda items, row: heard.append(([one.alert.condition for one in items], row.message.card))
        )
        await home.add(watch(BELOW, id="plain1", **EVERY))
        await home.add(watch(PriceBelow(value=Decimal(1425)), id="plain2"))
        await home.add(watch(BELOW, id="buy", plan=BUY))
        await cross(home, ask="1419.5")
        assert sorted(heard, key=lambda one: len(one[0])) == [
            (["跌到 1420.00 及以下"], next(iter(await home.store.tickets({TicketState.OPEN}))).card),
            (["跌到 1420.00 及以下", "跌到 1425.00 及以下"], f"alert:{(await home.alerts())[0].id}"),
        ]
        now = home.clock.now()
        silence = Silence(id="s1", owner=OWNER, starts_at=now, ends_at=now + timedelta(hours=1))
        await home.app.house.dispatcher.silence(silence)
        heard.clear()
        await cross(home, "10:10")
        assert heard == []


async def test_a_listener_that_breaks_takes_no_alert_and_no_other_listener_with_it() -> None:
    async with house() as home:
        heard: list[str] = []

        def broken(*_: object) -> None:
            raise RuntimeError("a bug")

        home.app.house.dispatcher.told += [broken, lambda _items, row: heard.append(row.id)]
        await home.add(watch(BELOW, **EVERY))
        await cross(home)
        await cross(home, "10:10")
        assert home.phone.titles().count("🔔 贵州茅台(600519) 1419.00") == 2
        assert len(heard) == 2


async def test_nothing_is_looked_up_before_an_alert_goes_out() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW))
        await home.add(watch(BELOW, id="buy", plan=BUY))
        store.hold("card_ref")
        await cross(home, ask="1419.5")
        assert len(home.phone.shown()) == 2
        assert "card_ref" not in store.asked
