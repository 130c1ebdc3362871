"""What cannot wait and nobody answers is said again: elsewhere in order, or once more in the same chat, over restarts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.stores.memory import MemoryStore
from bot.assembly import HOME_CHAT
from core.conditions import PriceBelow, StopLoss
from core.errors import Unavailable
from core.messages import Chat, Incoming
from core.watches import Repeat, Watch
from tests.fakes.parts import CHAT, MOUTAI, Home, ShakyStore, at, house, quiet, watch

STOP = StopLoss(value=Decimal(1420), unit="yuan")
BELOW = PriceBelow(value=Decimal(1420))
HELD = {MOUTAI: (100, Decimal(1500))}


def stop(**changes: Any) -> Watch:
    return watch(STOP, id="stop", repeat=Repeat.DAILY, **changes)


async def cross(home: Home) -> None:
    await home.tick("10:00:00", "1430")
    await home.tick("10:00:03", "1419")


async def later(home: Home, clock: str) -> None:
    home.clock.set(at(clock))
    await home.app.duties.escalate()
    await home.app.house.notifier.drained()


def again(home: Home, chat: Chat) -> list[str]:
    return [message.text for message in home.phone.shown(chat) if message.title.startswith("🚨")]


async def press(home: Home, command: str, chat: Chat = HOME_CHAT) -> None:
    await home.app.inbox.receive(Incoming(chat=chat, user="local", name="我", press=command, at=home.clock.now()))
    await home.app.house.notifier.drained()


async def test_a_stop_loss_that_nobody_answers_goes_to_the_next_chat_of_the_house_once() -> None:
    async with house(positions=HELD) as home:
        await home.add(stop())
        await cross(home)
        await later(home, "10:05:02")
        assert again(home, HOME_CHAT) == []
        await later(home, "10:05:03")
        await later(home, "10:05:18")
        await later(home, "10:20:00")
        (text,) = again(home, HOME_CHAT)
        assert "没有人回应" in text
        assert str(CHAT) in text
        assert again(home, CHAT) == []
        (alert,) = await home.alerts()
        assert (alert.escalated, alert.escalate_at, alert.acked_at) == (1, None, None)
        assert [row.chat for row in await home.store.deliveries([alert.id])] == [CHAT, HOME_CHAT]


async def test_it_survives_a_restart_between_the_alert_and_its_escalation() -> None:
    store = MemoryStore()
    async with house(store=store, positions=HELD) as home:
        await home.add(stop())
        await cross(home)
    async with house("10:04", store=store, positions=HELD) as home:
        await quiet()  # the notifier learns which channels there are
        await later(home, "10:04:30")
        assert again(home, HOME_CHAT) == []
        await later(home, "10:05:03")
        assert len(again(home, HOME_CHAT)) == 1


async def test_where_there_is_no_other_chat_the_same_one_is_told_once_more() -> None:
    async with house(positions=HELD) as home:
        await home.add(stop(chat=HOME_CHAT))
        await cross(home)
        await later(home, "10:05:03")
        await later(home, "10:30:00")
        (text,) = again(home, HOME_CHAT)
        assert "再提醒一次" in text


async def test_whatever_is_pressed_in_its_chat_is_an_answer() -> None:
    async with house(positions=HELD) as home:
        await home.add(stop(chat=HOME_CHAT))
        await cross(home)
        home.clock.set(at("10:01"))
        await press(home, "list")
        await later(home, "10:06:00")
        assert again(home, HOME_CHAT) == []
        (alert,) = await home.alerts()
        assert (alert.acked_at, alert.acked_by) == (at("10:01"), "我")


async def test_what_was_said_before_the_alert_is_no_answer_to_it() -> None:
    async with house(positions=HELD) as home:
        await home.add(stop(chat=HOME_CHAT))
        early = Incoming(chat=HOME_CHAT, user="local", name="我", press="list", at=at("09:59"))
        await cross(home)
        await home.app.inbox.receive(early)
        await later(home, "10:05:03")
        assert len(again(home, HOME_CHAT)) == 1


async def test_an_alert_named_by_its_button_is_answered_from_another_chat() -> None:
    async with house(positions=HELD) as home:
        await home.add(stop())
        await cross(home)
        (alert,) = await home.alerts()
        await press(home, f"ack {alert.id}")
        await later(home, "10:06:00")
        assert again(home, HOME_CHAT) == []


async def test_a_watch_may_ask_for_an_answer_and_for_its_own_patience() -> None:
    async with house() as home:
        await home.add(watch(BELOW, id="plain"))
        await home.add(watch(BELOW, id="urgent", escalate_after=timedelta(minutes=1)))
        await cross(home)
        assert "知道了" in home.phone.shown()[0].labels()
        await later(home, "10:01:03")
        (text,) = again(home, HOME_CHAT)
        assert "#2" in text
        assert "#1" not in text


async def test_several_that_are_due_are_one_message() -> None:
    async with house(positions=HELD) as home:
        for number in range(3):
            await home.add(watch(STOP, id=f"s{number}"))
        await cross(home)
        await later(home, "10:05:03")
        assert len(again(home, HOME_CHAT)) == 1
        assert [message.title for message in home.phone.shown(HOME_CHAT)] == ["🚨 没有回应：3 条提醒"]


async def test_a_watch_that_was_deleted_is_not_said_again() -> None:
    async with house(positions=HELD) as home:
        made, _ = await home.add(stop())
        await cross(home)
        await home.app.house.watchlist.delete(made)
        await later(home, "10:05:03")
        assert again(home, HOME_CHAT) == []
        assert await home.store.unacknowledged() == []


async def test_a_database_that_fails_only_delays_the_escalation() -> None:
    store = ShakyStore()
    async with house(store=store, positions=HELD) as home:
        await home.add(stop())
        await cross(home)
        store.fail("escalate")
        home.clock.set(at("10:05:03"))
        with pytest.raises(Unavailable):
            await home.app.duties.escalate()
        await later(home, "10:05:18")
        assert len(again(home, HOME_CHAT)) == 1
