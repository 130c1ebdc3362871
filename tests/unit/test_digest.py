"""What is held back by quiet hours or in a storm comes later, once, in one message; and nothing of it is lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.stores.memory import MemoryStore
from core.alerts import QuietHours, Reason
from core.conditions import PriceBelow, StopLoss
from core.digest import MOST
from core.dispatch import SLICE
from core.messages import Message
from core.tickets import TicketState
from core.types import Side
from core.watches import Plan, Repeat
from tests.fakes.parts import CHAT, MOUTAI, OTHER_CHAT, OWNER, Home, ShakyStore, at, house, until, watch

BELOW = PriceBelow(value=Decimal(1420))
EVERY: dict[str, Any] = {"repeat": Repeat.EVERY_TIME, "cooldown": timedelta(0)}
MORNING = QuietHours.parse("09:00-10:30")


async def cross(home: Home, clock: str = "10:00") -> None:
    await home.tick(f"{clock}:00", "1430")
    await home.tick(f"{clock}:03", "1419")


async def later(home: Home, clock: str) -> None:
    """The market's clock moves on, and the job that looks runs."""
    home.clock.set(at(clock))
    await home.app.duties.tell_held_back()
    await home.app.house.notifier.drained()


def summaries(home: Home) -> list[Message]:
    """Those of quiet hours that the person saw."""
    return [message for message in home.phone.shown() if message.title.startswith("🌙")]


def ids_told(home: Home) -> list[str]:
    """The alerts of every message that was stored, with repetitions."""
    return [each for row in home.store._outbox.values() for each in row.alert_ids]


# -- quiet hours


async def test_what_is_held_back_while_the_store_takes_the_summary_is_told_by_the_next_one() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        digest = home.app.house.digest
        await home.add(watch(BELOW, **EVERY))
        await digest.set_quiet_hours(OWNER, MORNING)
        await cross(home, "10:29")
        home.clock.set(at("10:30"))
        gate = store.hold("enqueue")
        telling = [asyncio.create_task(digest.tell_due()) for _ in range(2)]
        await until(lambda: "enqueue" in store.asked)
        await digest.set_quiet_hours(OWNER, QuietHours.parse("10:30-10:40"))
        crossing = asyncio.create_task(cross(home, "10:30"))
        await until(lambda: store.asked.count("fire") == 2)
        gate.set()
        await asyncio.gather(*telling, crossing)
        await later(home, "10:40")
        assert [message.title for message in summaries(home)] == ["🌙 免打扰期间触发了 1 次"] * 2
        assert sorted(ids_told(home)) == sorted(one.id for one in await home.alerts())


async def test_what_quiet_hours_held_back_is_told_once_when_they_end_also_over_a_restart() -> None:
    store = MemoryStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW, **EVERY))
        await home.app.house.digest.set_quiet_hours(OWNER, MORNING)
        await cross(home, "10:00")
        await cross(home, "10:05")
        await later(home, "10:29:59")
        assert summaries(home) == []
    async with house("10:29", store=store) as home:
        await later(home, "10:29:59")
        assert summaries(home) == []
        await later(home, "10:30")
        await later(home, "10:31")
        (message,) = summaries(home)
        assert message.title == "🌙 免打扰期间触发了 2 次"
        assert "跌到 1420.00 及以下（#1）" in message.text
        alerts = await home.alerts()
        assert [one.reason for one in alerts] == [Reason.QUIET_HOURS, Reason.QUIET_HOURS]
        assert ids_told(home) == [one.id for one in alerts]
        await cross(home, "10:32")
        assert home.phone.titles()[-1] == "🔔 贵州茅台(600519) 1419.00"


async def test_what_cannot_wait_comes_through_quiet_hours_unless_they_are_strict() -> None:
    positions = {MOUTAI: (100, Decimal(1500))}
    stop = StopLoss(value=Decimal(1420), unit="yuan")
    for hours, told in ((MORNING, 2), (MORNING._replace(strict=True), 0)):
        async with house(positions=positions) as home:
            await home.app.house.digest.set_quiet_hours(OWNER, hours)
            await home.add(watch(stop, id="stop"))
            await home.add(watch(BELOW, id="buy", plan=Plan(side=Side.BUY, shares=100)))
            await cross(home)
            assert len(home.phone.titles()) == told
            assert len(await home.store.tickets({TicketState.OPEN})) == told // 2


async def test_ended_quiet_hours_tell_what_they_held_back() -> None:
    async with house() as home:
        await home.add(watch(BELOW))
        digest = home.app.house.digest
        await digest.set_quiet_hours(OWNER, MORNING)
        await cross(home)
        await digest.set_quiet_hours(OWNER, None)
        assert digest.quiet_hours(OWNER) is None
        await later(home, "10:00:05")
        assert home.phone.titles() == ["🌙 免打扰期间触发了 1 次"]


async def test_quiet_hours_are_those_of_their_owner() -> None:
    async with house() as home:
        await home.app.house.digest.set_quiet_hours("somebody", MORNING)
        await home.add(watch(BELOW))
        await cross(home)
        assert len(home.phone.titles()) == 1


async def test_a_summary_that_could_not_be_stored_comes_with_the_next_look() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW))
        await home.app.house.digest.set_quiet_hours(OWNER, MORNING)
        await cross(home)
        home.clock.set(at("10:30"))
        store.fail("enqueue")
        with pytest.raises(Exception, match="数据库"):
            await home.app.duties.tell_held_back()
        await later(home, "10:30:05")
        assert len(home.phone.titles()) == 1


# -- storms


async def crossings(home: Home, times: int) -> None:
    """So many messages' worth of alerts within one minute, a second apart."""
    for second in range(times):
        await home.tick(f"10:00:{2 * second:02}", "1430")
        await home.tick(f"10:00:{2 * second + 1:02}", "1419")


async def test_more_than_ten_messages_in_a_minute_are_one_summary_at_its_end() -> None:
    async with house() as home:
        await home.add(watch(BELOW, **EVERY))
        await crossings(home, MOST + 5)
        assert len(home.phone.titles()) == MOST
        await later(home, "10:00:59")
        assert len(home.phone.titles()) == MOST
        await later(home, "10:01:02")
        await later(home, "10:01:10")
        assert home.phone.titles()[MOST:] == ["🔔 又有 5 条提醒"]
        assert "/why" in home.phone.texts()[-1]
        alerts = await home.alerts()
        assert len(alerts) == MOST + 5
        assert sorted(ids_told(home)) == sorted(one.id for one in alerts)


async def test_a_restart_loses_no_summary() -> None:
    store = MemoryStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW, **EVERY))
        await crossings(home, MOST + 3)
    async with house("10:00:40", store=store) as home:
        await later(home, "10:00:40")
        assert home.phone.titles() == ["🔔 又有 3 条提醒"]
        assert len(set(ids_told(home))) == len(ids_told(home)) == MOST + 3


async def test_another_chat_has_its_own_minute() -> None:
    async with house() as home:
        await home.add(watch(BELOW, **EVERY))
        await home.add(watch(PriceBelow(value=Decimal(1400)), id="w2", chat=OTHER_CHAT))
        await crossings(home, MOST + 1)
        await home.tick("10:00:40", "1399")
        assert len(home.phone.titles(OTHER_CHAT)) == 1


async def test_a_card_comes_whatever_the_storm() -> None:
    async with house() as home:
        await home.add(watch(BELOW, **EVERY))
        await home.add(watch(PriceBelow(value=Decimal(1400)), id="buy", plan=Plan(side=Side.BUY, shares=100)))
        await crossings(home, MOST + 1)
        await home.tick("10:00:40", "1399")
        assert "是否买入" in home.phone.titles()[-1]


async def test_more_than_a_slice_for_one_chat_is_one_message_and_the_rest_of_it() -> None:
    many = 3 * SLICE + 7
    async with house() as home:
        for number in range(many):
            await home.add(watch(BELOW, id=f"w{number}"))
        await cross(home)
        assert home.phone.titles() == [f"🔔 {SLICE} 条提醒", f"🔔 又有 {many - SLICE} 条提醒"]
        alerts = await home.alerts()
        assert len(alerts) == many
        assert sorted(ids_told(home)) == sorted(one.id for one in alerts)


async def test_a_slice_ends_where_a_chat_ends() -> None:
    async with house() as home:
        for number in range(SLICE - 1):
            await home.add(watch(BELOW, id=f"a{number}"))
        for number in range(5):
            await home.add(watch(BELOW, id=f"b{number}", owner="other", chat=OTHER_CHAT))
        await cross(home)
        assert home.phone.titles(CHAT) == [f"🔔 {SLICE - 1} 条提醒"]
        assert home.phone.titles(OTHER_CHAT) == ["🔔 5 条提醒"]


@pytest.mark.parametrize("failing", [1, 2, 3])
async def test_a_slice_that_fails_loses_neither_itself_nor_the_others(failing: int) -> None:
    many = 2 * SLICE + 1
    store = ShakyStore()
    async with house(store=store) as home:
        for number in range(many):
            await home.add(watch(BELOW, id=f"w{number}", repeat=Repeat.ONCE))
        await home.tick("10:00:00", "1430")
        store.fail_after("fire", failing - 1)
        await home.tick("10:00:03", "1419")
        assert len(await home.alerts()) == (failing - 1) * SLICE
        assert home.app.house.dispatcher.waiting
        await home.tick("10:00:06", "1419")
        await later(home, "10:02:00")
        alerts = await home.alerts()
        assert len({one.watch_id for one in alerts}) == len(alerts) == many
        assert sorted(ids_told(home)) == sorted(one.id for one in alerts)
        assert not home.app.house.dispatcher.waiting


async def test_a_watch_deleted_between_two_slices_is_not_told() -> None:
    many = 2 * SLICE
    store = ShakyStore()
    async with house(store=store) as home:
        made = [(await home.add(watch(BELOW, id=f"w{number}")))[0] for number in range(many)]
        await home.tick("10:00:00", "1430")
        store.fail_after("fire", 1)
        await home.tick("10:00:03", "1419")
        last = {one.id for one in made} - {one.watch_id for one in await home.alerts()}
        assert len(last) == SLICE
        gone = min(last)
        await home.app.house.watchlist.delete(home.app.house.watchlist.get(gone))
        await home.tick("10:00:06", "1419")
        assert len(await home.alerts()) == many - 1
        assert gone not in {one.watch_id for one in await home.alerts()}
