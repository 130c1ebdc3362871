"""A crossing becomes a stored alert, its ticket and its message: all of it or nothing, grouped, and never lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.stores.memory import MemoryStore
from core.alerts import Alert, Reason, Silence
from core.conditions import PriceAbove, PriceBelow, StopLoss, TrailingStop
from core.dispatch import CHANGED_SINCE
from core.errors import Malformed, Unavailable
from core.feed import Fact, Said
from core.messages import Delivery
from core.render import ALERT_LINES
from core.tickets import Ticket, TicketState
from core.types import Side
from core.watches import Plan, Repeat, Watch, WatchState
from tests.fakes.parts import (
    ACCOUNT,
    CHAT,
    MOUTAI,
    OTHER_CHAT,
    OWNER,
    PINGAN,
    TUESDAY,
    Home,
    ShakyStore,
    at,
    house,
    quote,
    until,
    watch,
)

BELOW = PriceBelow(value=Decimal(1420))
BUY = Plan(side=Side.BUY, shares=100)
EVERY: dict[str, Any] = {"repeat": Repeat.EVERY_TIME, "cooldown": timedelta(0)}


async def cross(home: Home, clock: str = "10:00", **changes: Any) -> None:
    """Down over the threshold, in two frames."""
    await home.tick(f"{clock}:00", "1430", **changes)
    await home.tick(f"{clock}:03", "1419", **changes)


async def reasons(home: Home) -> list[Reason]:
    return [alert.reason for alert in await home.alerts()]


# -- one alert


async def test_an_alert_names_its_watch_and_its_message_names_the_alert() -> None:
    async with house() as home:
        stored, _ = await home.add(watch(BELOW, repeat=Repeat.DAILY))
        await cross(home)
        (alert,) = await home.alerts()
        assert (alert.watch_id, alert.watch_number, alert.owner) == (stored.id, 1, OWNER)
        assert alert.condition == "跌到 1420.00 及以下"
        (row,) = await home.store.deliveries([alert.id])
        assert (row.chat, row.state, row.alert_ids) == (CHAT, Delivery.SENT, (alert.id,))


async def test_a_group_that_fires_as_one_is_one_alert_with_all_conditions_in_words() -> None:
    async with house() as home:
        await home.add(watch(BELOW, PriceAbove(value=Decimal(1400)), combine="all"))
        await cross(home)
        (alert,) = await home.alerts()
        assert alert.condition == "跌到 1420.00 及以下 并且 涨到 1400.00 及以上"


# -- repeats


async def test_once_is_told_once_and_the_watch_is_done() -> None:
    async with house() as home:
        stored, _ = await home.add(watch(BELOW, repeat=Repeat.ONCE))
        assert home.tape.watched == {MOUTAI}
        await cross(home)
        assert home.app.house.watchlist.get(stored.id).state is WatchState.DONE
        assert (await home.store.watches())[0].state is WatchState.DONE
        assert home.tape.watched == set()
        await cross(home, "10:05")
        assert len(await home.alerts()) == 1


async def test_once_with_several_conditions_is_once_whichever_of_them_it_was() -> None:
    async with house() as home:
        stored, _ = await home.add(watch(BELOW, PriceAbove(value=Decimal(1500)), repeat=Repeat.ONCE))
        await cross(home)
        assert home.app.house.watchlist.get(stored.id).state is WatchState.DONE
        await home.tick("10:02:00", "1500")
        assert await reasons(home) == [Reason.FIRST]
        assert len(home.phone.titles()) == 1


async def test_once_over_several_shares_is_once_for_each() -> None:
    async with house() as home:
        stored, _ = await home.add(
            watch(BELOW, PriceAbove(value=Decimal(1500)), symbols=(MOUTAI, PINGAN), repeat=Repeat.ONCE)
        )
        await cross(home)
        assert home.app.house.watchlist.get(stored.id).state is WatchState.ACTIVE
        await home.tick("10:02:00", "1500")
        assert await reasons(home) == [Reason.FIRST, Reason.ONCE_ONLY]


async def test_once_is_not_done_while_it_was_only_silenced() -> None:
    async with house() as home:
        stored, _ = await home.add(watch(BELOW, repeat=Repeat.ONCE))
        await home.app.house.dispatcher.silence(silence(ends_at=at("10:30")))
        await cross(home, "10:00")
        assert home.app.house.watchlist.get(stored.id).state is WatchState.ACTIVE
        await home.tick("10:29:30", "1430")
        await cross(home, "10:30")
        assert await reasons(home) == [Reason.SILENCED, Reason.FIRST]
        assert home.app.house.watchlist.get(stored.id).state is WatchState.DONE


async def test_daily_is_told_once_a_day_over_restarts() -> None:
    store = MemoryStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW, repeat=Repeat.DAILY))
        await cross(home)
    async with house("10:01", store=store) as home:
        await cross(home, "10:01")
        assert home.phone.titles() == []
    async with house(f"{TUESDAY} 09:00", store=store) as home:
        await cross(home, f"{TUESDAY} 10:00")
        assert home.phone.titles() == ["🔔 贵州茅台(600519) 1419.00"]
        assert await reasons(home) == [Reason.FIRST, Reason.TODAY_ALREADY, Reason.REPEAT_DUE]


async def test_every_time_waits_for_its_cooldown_over_a_restart() -> None:
    store = MemoryStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW, repeat=Repeat.EVERY_TIME, cooldown=timedelta(minutes=5)))
        await cross(home, "10:00")
        await cross(home, "10:02")
    async with house("10:04", store=store) as home:
        await cross(home, "10:04")
        await cross(home, "10:05")
        assert await reasons(home) == [Reason.FIRST, Reason.COOLDOWN, Reason.COOLDOWN, Reason.REPEAT_DUE]
        assert len(home.phone.titles()) == 1


async def test_a_watch_whose_last_day_is_over_fires_nothing_though_the_job_that_ends_it_is_late() -> None:
    async with house() as home:
        await home.add(watch(BELOW, expires_on=at("10:00").date(), **EVERY))
        await cross(home, "14:59")
        await cross(home, f"{TUESDAY} 10:00")
        assert len(await home.alerts()) == 1


# -- silences


def silence(**changes: Any) -> Silence:
    return Silence.model_validate(
        {"id": "s1", "owner": OWNER, "starts_at": at("09:00"), "ends_at": at("10:30"), **changes}
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"watch_id": "w1"}, [PINGAN]),
        ({"symbol": PINGAN}, [MOUTAI]),
        ({"owner": "somebody"}, [MOUTAI, PINGAN]),
        ({"ends_at": at("10:00")}, [MOUTAI, PINGAN]),
    ],
)
async def test_a_silence_keeps_quiet_what_it_covers_and_everything_is_recorded(
    changes: dict[str, Any], told: list[str]
) -> None:
    async with house() as home:
        await home.add(watch(PriceBelow(value=Decimal(50))))
        await home.add(watch(PriceBelow(value=Decimal(50)), id="w2", symbols=(PINGAN,)))
        await home.app.house.dispatcher.silence(silence(**changes))
        await home.show(quote(MOUTAI, "60"), quote(PINGAN, "60"))
        await home.show(quote(MOUTAI, "49", "10:00:03"), quote(PINGAN, "49", "10:00:03"))
        alerts = await home.alerts()
        assert sorted(alert.symbol for alert in alerts) == [MOUTAI, PINGAN]
        assert sorted(alert.symbol for alert in alerts if alert.reason.tells) == told
        assert len(home.phone.titles()) == (1 if told else 0)


async def test_a_silence_survives_a_restart_and_can_be_ended() -> None:
    store = MemoryStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW, **EVERY))
        await home.app.house.dispatcher.silence(silence())
    async with house("09:30", store=store) as home:
        dispatcher = home.app.house.dispatcher
        await cross(home, "10:00")
        assert await reasons(home) == [Reason.SILENCED]
        assert len(dispatcher.silences(OWNER)) == 1
        assert dispatcher.silences("somebody") == ()
        assert await dispatcher.unsilence(OWNER) == 1
        assert dispatcher.silences(OWNER) == ()
        await cross(home, "10:01")
        assert await reasons(home) == [Reason.SILENCED, Reason.FIRST]


async def test_ending_silences_leaves_what_has_not_begun_in_memory_as_in_the_store() -> None:
    store = MemoryStore()
    later = silence(id="s2", starts_at=at("11:00"), ends_at=at("12:00"))
    async with house("10:00", store=store) as home:
        dispatcher = home.app.house.dispatcher
        await dispatcher.silence(silence())
        await dispatcher.silence(silence(id="over", ends_at=at("09:30")))
        await dispatcher.silence(silence(id="other", owner="other"))
        await dispatcher.silence(later)
        assert await dispatcher.unsilence(OWNER) == 1
        assert dispatcher.silences(OWNER) == ()
        assert len(dispatcher.silences("other")) == 1
        home.clock.set(at("11:00"))
        assert dispatcher.silences(OWNER) == (later,)
    async with house("11:00", store=store) as home:
        assert home.app.house.dispatcher.silences(OWNER) == (later,)


async def test_a_silenced_watch_proposes_no_order() -> None:
    async with house() as home:
        await home.add(watch(BELOW, plan=BUY))
        await home.app.house.dispatcher.silence(silence())
        await cross(home)
        assert await home.store.tickets({TicketState.OPEN}) == []


# -- held only, and what a stop-loss mutes

STOP = StopLoss(value=Decimal(1420), unit="yuan")


async def test_a_watch_for_holders_is_told_while_the_account_holds_the_share() -> None:
    async with house() as home:
        await home.add(watch(BELOW, only_held=True))
        await cross(home)
        assert await reasons(home) == [Reason.NOT_HELD]
    async with house(positions={MOUTAI: (100, Decimal(1500))}) as home:
        await home.add(watch(BELOW, only_held=True))
        await cross(home)
        assert await reasons(home) == [Reason.FIRST]


async def test_a_stop_loss_mutes_the_lesser_alerts_on_its_share_in_the_same_frame_and_for_ten_minutes() -> None:
    store = MemoryStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW, id="lesser", **EVERY))
        await home.add(watch(BELOW, id="others", owner="somebody", chat=OTHER_CHAT))
        await home.add(watch(BELOW, id="buy", plan=BUY))
        await home.add(watch(STOP, id="stop"))
        await home.add(watch(PriceBelow(value=Decimal(60)), id="another", symbols=(PINGAN,)))
        await home.show(quote(MOUTAI, "1430"), quote(PINGAN, "61"))
        await home.show(quote(MOUTAI, "1419", "10:00:03"), quote(PINGAN, "59", "10:00:03"))
        found = {one.watch_id: one.reason for one in await home.alerts()}
        first = Reason.FIRST
        assert found == {"lesser": Reason.INHIBITED, "buy": first, "stop": first, "another": first}
        assert len(home.phone.titles(OTHER_CHAT)) == 1
        assert [one.watch_id for one in await home.alerts() if one.grave] == ["stop"]
    async with house("10:09", store=store) as home:
        await cross(home, "10:09")
        await cross(home, "10:11")
        lesser = [one.reason for one in await home.alerts() if one.watch_id == "lesser"]
        assert lesser == [Reason.INHIBITED, Reason.INHIBITED, Reason.FIRST]


async def test_a_stop_loss_that_is_not_told_mutes_nothing() -> None:
    async with house() as home:
        await home.add(watch(BELOW, id="lesser"))
        await home.add(watch(STOP, id="stop"))
        await home.app.house.dispatcher.silence(silence(watch_id="stop"))
        await cross(home)
        assert sorted(await reasons(home)) == [Reason.FIRST, Reason.SILENCED]


# -- groups


async def test_what_fires_at_once_for_one_chat_is_one_message() -> None:
    async with house() as home:
        for number in range(3):
            await home.add(watch(PriceBelow(value=Decimal(1420 + number)), id=f"w{number}"))
        await home.add(watch(BELOW, id="other", owner="other", chat=OTHER_CHAT))
        await cross(home)
        assert home.phone.titles() == ["🔔 3 条提醒"]
        assert home.phone.titles(OTHER_CHAT) == ["🔔 贵州茅台(600519) 1419.00"]
        ids = [alert.id for alert in await home.alerts()]
        assert len(ids) == 3
        assert [row.alert_ids for row in await home.store.deliveries(ids)] == [tuple(ids)]


async def test_a_storm_is_summarised_and_nothing_of_it_is_dropped() -> None:
    async with house() as home:
        for number in range(ALERT_LINES + 7):
            await home.add(watch(PriceBelow(value=Decimal(1420)), id=f"w{number}"))
        await cross(home)
        (text,) = home.phone.texts()
        assert text.count("（#") == ALERT_LINES
        assert "另有 7 条" in text
        alerts = await home.alerts()
        assert len(alerts) == ALERT_LINES + 7
        assert all(alert.reason is Reason.FIRST for alert in alerts)
        (row,) = await home.store.deliveries([alerts[-1].id])
        assert len(row.alert_ids) == ALERT_LINES + 7


async def test_what_already_holds_of_one_watch_is_said_in_one_message() -> None:
    async with house() as home:
        await home.add(watch(PriceBelow(value=Decimal(50)), symbols=(MOUTAI, PINGAN)))
        await home.add(watch(PriceBelow(value=Decimal(50)), id="w2"))
        await home.show(quote(MOUTAI, "40"), quote(PINGAN, "40"))
        assert home.phone.titles() == ["ℹ️ 盯盘 #1 已经满足条件", "ℹ️ 盯盘 #2 已经满足条件"]
        assert "贵州茅台" in home.phone.texts()[0]
        assert "中国平安" in home.phone.texts()[0]


async def test_what_already_holds_is_not_said_of_what_is_silenced() -> None:
    async with house() as home:
        await home.add(watch(PriceBelow(value=Decimal(50)), symbols=(MOUTAI, PINGAN)))
        await home.add(watch(PriceBelow(value=Decimal(50)), id="w2"))
        await home.app.house.dispatcher.silence(silence(symbol=MOUTAI))
        await home.show(quote(MOUTAI, "40"), quote(PINGAN, "40"))
        (text,) = home.phone.texts()
        assert "盯盘 #1 已经满足条件" in text
        assert "贵州茅台" not in text


async def test_a_trailing_stop_remembers_over_a_restart_how_high_its_share_was() -> None:
    store = MemoryStore()
    async with house(store=store) as home:
        await home.add(watch(TrailingStop(value=Decimal(3))))
        await home.tick("10:00", "10")
        await home.tick("10:01", "12")
        await home.app.house.dispatcher.keep_peaks()
    async with house("10:02", store=store) as home:
        await home.tick("10:03", "11.64")
        assert [alert.why for alert in await home.alerts()] == ["现价 11.64，触发区 ≤ 11.64"]


# -- tickets


async def test_an_alert_with_a_plan_has_its_own_card_and_the_others_share_one() -> None:
    async with house() as home:
        await home.add(watch(BELOW, id="plain1"))
        await home.add(watch(BELOW, id="plain2"))
        await home.add(watch(BELOW, id="buy1", plan=BUY))
        await home.add(watch(BELOW, id="buy2", plan=BUY))
        await cross(home, ask="1419.5")
        tickets = await home.store.tickets({TicketState.OPEN})
        assert len(tickets) == 2
        shown = home.phone.shown()
        cards = [message for message in shown if (message.card or "").startswith("ticket:")]
        assert sorted(message.card or "" for message in cards) == sorted(one.card for one in tickets)
        assert [message.title for message in shown if message not in cards] == ["🔔 2 条提醒"]
        assert all("确认" in message.labels() for message in cards)
        by_id = {alert.id: alert for alert in await home.alerts()}
        for ticket in tickets:
            assert ticket.alert_id is not None
            assert by_id[ticket.alert_id].ticket_id == ticket.id
            assert (ticket.shares, ticket.account, ticket.price) == (100, ACCOUNT, Decimal(1419))


async def test_a_plan_that_cannot_be_carried_out_still_alerts_and_says_why() -> None:
    async with house() as home:
        await home.add(watch(BELOW, plan=Plan(side=Side.SELL, shares=100)))
        await cross(home)
        (alert,) = await home.alerts()
        assert alert.ticket_id is None
        assert alert.note
        assert alert.note in home.phone.texts()[0]
        assert await home.store.tickets(set(TicketState)) == []


# -- a database that fails


@pytest.mark.parametrize("error", [None, Malformed("数据库", "表不见了。")])
async def test_a_database_that_fails_loses_no_alert_and_tells_it_once(error: Malformed | None) -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        stored, _ = await home.add(watch(BELOW, plan=BUY, repeat=Repeat.ONCE))
        await home.tick("10:00:00", "1430")
        store.fail("fire", 3, error)
        for second in (3, 6, 9):
            await home.tick(f"10:00:{second:02}", "1419")
            assert home.phone.titles() == []
            assert await home.alerts() == []
            assert home.app.house.dispatcher.waiting
        await home.tick("10:00:12", "1450")
        assert len(home.phone.titles()) == 1
        (alert,) = await home.alerts()
        assert alert.price == Decimal(1419)
        assert len(await store.tickets(set(TicketState))) == 1
        assert home.app.house.watchlist.get(stored.id).state is WatchState.DONE
        assert not home.app.house.dispatcher.waiting
        await home.tick("10:00:15", "1419")
        assert len(home.phone.titles()) == 1


async def test_alerts_that_wait_are_told_together_with_the_next() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW))
        await home.add(watch(PriceBelow(value=Decimal(1410)), id="w2"))
        await home.tick("10:00:00", "1430")
        store.fail("fire", 1)
        await home.tick("10:00:03", "1419")
        await home.tick("10:00:06", "1409")
        assert home.phone.titles() == ["🔔 2 条提醒"]


async def test_an_alert_of_the_last_frame_does_not_wait_for_the_next_day() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW, expires_on=at("10:00").date()))
        await home.tick("15:01:50", "1430")
        store.fail("fire", 1)
        await home.tick("15:01:58", "1419")
        await home.tick("15:02:10", "1419")
        assert len(home.phone.titles()) == 1


async def test_a_rule_that_re_armed_while_the_database_failed_is_armed_after_a_restart() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW, **EVERY))
        await cross(home)
        store.fail("save_arms", 1)
        await home.tick("10:00:06", "1450")
        await home.tick("10:00:09", "1450")
    async with house("10:01", store=store) as home:
        await home.tick("10:01:00", "1419")
        assert len(await home.alerts()) == 2


async def test_what_already_holds_is_said_when_the_database_is_back() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW))
        store.fail("enqueue", 2)
        for second in (0, 3, 6, 9):
            await home.tick(f"10:00:0{second}", "1419")
        assert home.phone.titles() == ["ℹ️ 盯盘 #1 已经满足条件"]


async def test_a_waiting_alert_of_a_watch_that_was_deleted_is_dropped() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        stored, _ = await home.add(watch(BELOW))
        await home.tick("10:00:00", "1430")
        store.fail("fire", 1)
        await home.tick("10:00:03", "1419")
        await home.app.house.watchlist.delete(stored)
        await home.tick("10:00:06", "1419")
        assert home.phone.titles() == []
        assert not home.app.house.dispatcher.waiting


async def failed_crossing(home: Home, store: ShakyStore, **changes: Any) -> Watch:
    """A crossing that the database did not take."""
    made, _ = await home.add(watch(BELOW, **changes))
    await home.tick("10:00:00", "1430")
    store.fail("fire", 1)
    await home.tick("10:00:03", "1419")
    assert home.app.house.dispatcher.waiting
    return made


async def test_a_waiting_alert_of_a_changed_watch_is_told_in_the_words_of_then_and_the_new_rule_is_untouched() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        made = await failed_crossing(home, store, plan=BUY, repeat=Repeat.ONCE)
        lower = made.model_copy(update={"conditions": (PriceBelow(value=Decimal(1400)),)})
        await home.app.house.watchlist.change(lower)
        await home.tick("10:00:06", "1418")
        (alert,) = await home.alerts()
        assert (alert.condition, alert.price) == ("跌到 1420.00 及以下", Decimal(1419))
        assert alert.note == CHANGED_SINCE
        assert await home.store.tickets(set(TicketState)) == []
        (rule,) = home.app.house.book.rules_of("w1")
        assert (rule.arm.armed, rule.arm.told) == (True, 0)
        assert await home.store.arms() == [rule.arm]
        assert home.app.house.watchlist.get("w1").state is WatchState.ACTIVE
        await home.tick("10:00:09", "1399")
        assert len(home.phone.titles()) == 2


async def test_a_waiting_alert_of_a_paused_watch_is_told() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        made = await failed_crossing(home, store, repeat=Repeat.ONCE)
        await home.app.house.watchlist.pause(made)
        await home.tick("10:00:06", "1418")
        assert home.phone.titles() == ["🔔 贵州茅台(600519) 1419.00"]
        assert home.app.house.watchlist.get("w1").state is WatchState.PAUSED
        assert store._watches["w1"].state is WatchState.PAUSED


async def test_a_waiting_alert_that_is_told_while_its_watch_is_changed_is_told_once() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        made = await failed_crossing(home, store)
        gate = store.hold("save_watch")
        change = asyncio.create_task(home.app.house.watchlist.change(made.model_copy(update={"text": "改"})))
        await until(lambda: "save_watch" in store.asked)
        await home.tick("10:00:06", "1418")
        assert len(home.phone.titles()) == 1
        gate.set()
        await change
        await home.tick("10:00:09", "1450")
        (rule,) = home.app.house.book.rules_of("w1")
        assert (rule.arm.armed, rule.arm.told) == (True, 1)
        assert await home.store.arms() == [rule.arm]
        assert not home.app.house.dispatcher.waiting


@pytest.mark.parametrize("stored", [True, False])
async def test_a_waiting_alert_of_a_watch_that_is_being_deleted_waits_for_its_fate(stored: bool) -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        made = await failed_crossing(home, store)
        gate = store.hold("save_watch")
        store.fail("save_watch", 0 if stored else 1)
        deletion = asyncio.create_task(home.app.house.watchlist.delete(made))
        await until(lambda: "save_watch" in store.asked)
        await home.tick("10:00:06", "1418")
        assert home.phone.titles() == []
        gate.set()
        await asyncio.wait([deletion])
        assert (deletion.exception() is None) is stored
        await home.tick("10:00:09", "1418")
        assert len(home.phone.titles()) == (0 if stored else 1)


async def test_what_holds_already_of_a_changed_watch_is_said_by_the_change_alone() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        made, _ = await home.add(watch(BELOW))
        store.fail("enqueue")
        await home.tick("10:00:00", "1419")
        await home.app.house.watchlist.change(made.model_copy(update={"conditions": (PriceAbove(value=Decimal(9)),)}))
        await home.tick("10:00:03", "1419")
        assert home.phone.titles() == []


async def test_a_silence_that_is_not_stored_is_not_in_force() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        store.fail("add_silence")
        with pytest.raises(Unavailable):
            await home.app.house.dispatcher.silence(silence())
        assert home.app.house.dispatcher.silences(OWNER) == ()


# -- onlookers


async def test_onlookers_see_the_alert_its_ticket_and_its_message_and_one_that_fails_stops_nothing() -> None:
    async with house() as home:
        seen: list[Fact] = []

        def broken(_fact: Fact) -> None:
            raise RuntimeError("an onlooker's bug")

        home.app.house.feed.subscribe(broken)
        home.app.house.feed.subscribe(seen.append)
        await home.add(watch(BELOW, plan=BUY))
        await cross(home)
        (alert,) = await home.alerts()
        assert [type(fact) for fact in seen] == [Alert, Ticket, Said]
        assert seen[0] == alert
        said = seen[2]
        assert isinstance(said, Said)
        assert said.alert_ids == (alert.id,)
