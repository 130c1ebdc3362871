"""Watches are made, changed, paused and ended, in the store and in the rule book at the same time."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from adapters.stores.memory import MemoryStore
from core.conditions import EnterRange, PriceBelow
from core.errors import Conflict, NotFound, Unavailable
from core.judging import Rule
from core.watches import Arm, Repeat, RuleKey, Watch, WatchState
from core.watchlist import Watchlist
from tests.fakes.parts import MONDAY, MOUTAI, OWNER, PINGAN, TUESDAY, Home, ShakyStore, at, house, quote, until, watch

BELOW = PriceBelow(value=Decimal(1420))
LOWER = PriceBelow(value=Decimal(1400))


def rules(home: Home, watch_id: str = "w1") -> list[Rule]:
    return list(home.app.house.book.rules_of(watch_id))


def listed(home: Home) -> Watchlist:
    return home.app.house.watchlist


async def stored(home: Home) -> list[Watch]:
    return list(await home.store.watches())


def know(home: Home, last: str, **changes: Any) -> None:
    """A price that was seen before the watch is made."""
    home.app.house.engine.learn([quote(last=last, **changes)])


# -- making


async def test_a_new_watch_gets_the_next_number_of_its_owner_and_is_quoted() -> None:
    async with house() as home:
        first, _ = await home.add(watch(BELOW))
        second, _ = await home.add(watch(BELOW, id="w2", symbols=(PINGAN,)))
        others, _ = await home.add(watch(BELOW, id="w3", owner="other"))
        assert (first.number, second.number, others.number) == (1, 2, 1)
        assert home.tape.watched == {MOUTAI, PINGAN} == listed(home).symbols
        assert [rule.watch.number for rule in rules(home, "w2")] == [2]


async def test_what_already_holds_is_returned_when_it_is_made_and_not_said_again() -> None:
    async with house() as home:
        know(home, "1419")
        _, already = await home.add(watch(BELOW))
        assert [one.key for one in already] == [RuleKey("w1", MOUTAI, 0)]
        assert [arm.armed for arm in await home.store.arms()] == [False]
        await home.tick("10:00:03", "1419")
        assert home.phone.titles() == []


async def test_a_watch_made_between_two_frames_sees_the_crossing_of_the_next() -> None:
    async with house() as home:
        know(home, "1430")
        await home.add(watch(BELOW))
        await home.tick("10:00:03", "1419")
        assert len(await home.alerts()) == 1


async def test_a_watch_that_could_not_be_stored_is_not_watched() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        know(home, "1430")
        store.fail("add_watch")
        with pytest.raises(Unavailable):
            await home.add(watch(BELOW))
        assert rules(home) == []
        assert listed(home).of(OWNER) == ()
        await home.tick("10:00:03", "1419")
        assert await home.alerts() == []


class MeanwhileStore(MemoryStore):
    """Lets a frame come while a watch is being stored, as a database on its own thread does."""

    def __init__(self) -> None:
        super().__init__()
        self.home: Home | None = None
        self.last = ""

    async def _frame(self) -> None:
        if self.home is not None:
            home, self.home = self.home, None
            await home.tick("10:00:03", self.last)

    async def add_watch(self, watch: Watch, arms: Any, entries: Any = ()) -> Watch:
        await self._frame()
        return await super().add_watch(watch, arms, entries)

    async def save_watch(self, watch: Watch, arms: Any = (), entries: Any = ()) -> None:
        await self._frame()
        await super().save_watch(watch, arms, entries)


async def test_a_frame_that_comes_while_a_watch_is_stored_fires_nothing_that_is_not_stored() -> None:
    store = MeanwhileStore()
    async with house(store=store) as home:
        know(home, "1430")
        store.home, store.last = home, "1419"
        made, _ = await home.add(watch(BELOW, repeat=Repeat.ONCE))
        assert await home.alerts() == []
        await home.tick("10:00:06", "1418")
        (alert,) = await home.alerts()
        assert alert.watch_number == made.number == 1
        assert [one.number for one in await stored(home)] == [1]


async def test_a_frame_that_comes_while_a_watch_is_changed_is_not_told_twice() -> None:
    store = MeanwhileStore()
    async with house(store=store) as home:
        made, _ = await home.add(watch(BELOW, repeat=Repeat.EVERY_TIME))
        await home.tick("10:00:00", "1430")
        store.home, store.last = home, "1419"
        await listed(home).change(made.model_copy(update={"expires_on": date(2026, 3, 27)}))
        await home.tick("10:00:06", "1418")
        assert len(await home.alerts()) == 1


# -- looking


async def test_numbers_are_found_and_an_unknown_one_names_those_there_are() -> None:
    async with house() as home:
        await home.add(watch(BELOW))
        await home.add(watch(BELOW, id="w2", symbols=(PINGAN,)))
        here = listed(home)
        assert here.numbered(OWNER, 2).id == "w2"
        with pytest.raises(NotFound, match="#1、#2"):
            here.numbered(OWNER, 3)
        with pytest.raises(NotFound, match="还没有"):
            here.numbered("stranger", 1)
        with pytest.raises(NotFound):
            here.get("gone")
        assert [one.id for one in here.on(OWNER, [PINGAN])] == ["w2"]
        assert here.on("stranger", [PINGAN]) == ()


# -- changing


async def test_a_changed_condition_is_judged_anew_and_what_holds_is_returned() -> None:
    async with house() as home:
        made, _ = await home.add(watch(LOWER))
        await home.tick("10:00", "1410")
        changed, already = await listed(home).change(made.model_copy(update={"conditions": (BELOW,)}))
        assert changed.number == 1
        assert len(already) == 1
        assert [rule.arm.armed for rule in rules(home)] == [False]
        assert await home.store.arms() == [rule.arm for rule in rules(home)]


async def test_a_change_that_leaves_the_conditions_keeps_what_was_told() -> None:
    async with house() as home:
        made, _ = await home.add(watch(BELOW, repeat=Repeat.DAILY))
        await home.tick("10:00:00", "1430")
        await home.tick("10:00:03", "1419")
        before = rules(home)[0].arm
        assert before.told == 1
        await listed(home).change(made.model_copy(update={"expires_on": date(2026, 3, 27)}))
        assert rules(home)[0].arm == before
        await listed(home).change(made.model_copy(update={"repeat": Repeat.ONCE}))
        assert (rules(home)[0].arm.told, rules(home)[0].arm.armed) == (0, False)


async def test_a_change_with_other_symbols_drops_the_memory_of_the_old_ones() -> None:
    async with house() as home:
        made, _ = await home.add(watch(BELOW))
        await home.tick("10:00", "1430")
        await listed(home).change(made.model_copy(update={"symbols": (PINGAN,)}))
        assert home.tape.watched == {PINGAN}
        assert {arm.key.symbol for arm in await home.store.arms()} == {PINGAN}


@pytest.mark.parametrize("conditions", [(LOWER,), (BELOW,)])
async def test_a_change_that_could_not_be_stored_leaves_the_watch_as_it_was(conditions: tuple[PriceBelow]) -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        made, _ = await home.add(watch(BELOW))
        await home.tick("10:00", "1430")
        store.fail("save_watch")
        with pytest.raises(Unavailable):
            await listed(home).change(made.model_copy(update={"conditions": conditions, "repeat": Repeat.ONCE}))
        assert listed(home).get("w1") == made
        await home.tick("10:00:03", "1419")
        assert len(await home.alerts()) == 1, "it was armed before, and still is"


async def test_a_change_that_leaves_the_conditions_keeps_what_was_told_while_it_was_stored() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        made, _ = await home.add(watch(BELOW, repeat=Repeat.DAILY))
        await home.tick("10:00:00", "1430")
        firing, changing = store.hold("fire"), store.hold("save_watch")
        crossing = asyncio.create_task(home.tick("10:00:03", "1419"))
        await until(lambda: "fire" in store.asked)
        change = asyncio.create_task(listed(home).change(made.model_copy(update={"text": "改"}), before=made))
        await until(lambda: "save_watch" in store.asked)
        firing.set()
        await crossing
        changing.set()
        await change
        assert [(rule.arm.armed, rule.arm.told) for rule in rules(home)] == [(False, 1)]
        assert await home.store.arms() == [rule.arm for rule in rules(home)]


@pytest.mark.parametrize("what", ["finished", "paused", "changed", "deleted"])
async def test_what_happened_to_a_watch_since_it_was_read_is_not_changed_back(what: str) -> None:
    async with house() as home:
        read, _ = await home.add(watch(BELOW, repeat=Repeat.ONCE))
        await home.tick("10:00:00", "1430")
        if what == "finished":
            await home.tick("10:00:03", "1419")
        elif what == "paused":
            await listed(home).pause(read)
        elif what == "deleted":
            await listed(home).delete(read)
        else:
            await listed(home).change(read.model_copy(update={"text": "先改"}), before=read)
        before = await stored(home)
        with pytest.raises(NotFound if what == "deleted" else Conflict):
            await listed(home).change(read.model_copy(update={"text": "后改"}), before=read)
        assert await stored(home) == before


async def test_a_watch_that_is_just_being_finished_cannot_be_changed() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        read, _ = await home.add(watch(BELOW, repeat=Repeat.ONCE))
        await home.tick("10:00:00", "1430")
        gate = store.hold("fire")
        crossing = asyncio.create_task(home.tick("10:00:03", "1419"))
        await until(lambda: "fire" in store.asked)
        with pytest.raises(Conflict, match="刚刚有变化"):
            await listed(home).change(read.model_copy(update={"text": "改"}))
        gate.set()
        await crossing
        assert [one.state for one in await stored(home)] == [WatchState.DONE]


async def test_changing_the_only_watch_hides_no_blind_time() -> None:
    async with house() as home:
        made, _ = await home.add(watch(LOWER))
        await home.tick("10:00", "1430")
        home.clock.set(at("10:08"))
        await listed(home).change(made.model_copy(update={"conditions": (BELOW,)}))
        await home.tick("10:10", "1430")
        assert home.phone.titles() == ["⚠️ 行情中断已恢复"]


async def test_a_change_waits_for_the_database_and_hides_no_blind_time() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        made, _ = await home.add(watch(LOWER))
        await home.tick("10:00", "1430")
        gate = store.hold("save_watch")
        change = asyncio.create_task(listed(home).change(made.model_copy(update={"conditions": (BELOW,)})))
        await until(lambda: "save_watch" in store.asked)
        await home.tick("10:10", "1430")
        gate.set()
        await change
        assert home.phone.titles() == ["⚠️ 行情中断已恢复"]
        await home.tick("10:10:03", "1419")
        assert len(await home.alerts()) == 1


# -- pausing


async def test_a_paused_watch_fires_nothing_and_begins_unjudged_when_it_is_resumed() -> None:
    async with house() as home:
        made, _ = await home.add(watch(BELOW))
        await home.tick("10:00:00", "1430")
        paused = await listed(home).pause(made)
        assert home.tape.watched == set()
        await home.tick("10:00:03", "1419")
        assert await home.alerts() == []
        _, already = await listed(home).resume(paused)
        assert len(already) == 1
        await home.tick("10:00:06", "1418")
        assert await home.alerts() == []
        assert [one.state for one in await stored(home)] == [WatchState.ACTIVE]


async def test_a_pause_outlives_a_restart() -> None:
    store = MemoryStore()
    async with house(store=store) as home:
        made, _ = await home.add(watch(BELOW))
        await listed(home).pause(made)
    async with house(store=store) as home:
        assert rules(home) == []
        assert listed(home).numbered(OWNER, 1).state is WatchState.PAUSED


async def test_a_done_watch_that_is_resumed_tells_again() -> None:
    async with house() as home:
        await home.add(watch(BELOW, repeat=Repeat.ONCE))
        for second, last in enumerate(["1430", "1419"]):
            await home.tick(f"10:00:0{second}", last)
        done = listed(home).get("w1")
        assert done.state is WatchState.DONE
        await listed(home).resume(done)
        for second, last in enumerate(["1450", "1419"]):
            await home.tick(f"10:00:1{second}", last)
        assert len(home.phone.titles()) == 2


async def test_a_resume_that_could_not_be_stored_leaves_it_paused() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        made, _ = await home.add(watch(BELOW))
        paused = await listed(home).pause(made)
        store.fail("save_watch")
        with pytest.raises(Unavailable):
            await listed(home).resume(paused)
        assert rules(home) == []
        assert listed(home).get("w1").state is WatchState.PAUSED


async def test_resuming_what_runs_does_not_lose_it_when_the_database_fails() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        made, _ = await home.add(watch(BELOW))
        await home.tick("10:00", "1430")
        store.fail("save_watch")
        with pytest.raises(Unavailable):
            await listed(home).resume(made)
        await home.tick("10:00:03", "1419")
        assert len(await home.alerts()) == 1


# -- ending


async def test_a_deleted_watch_is_gone() -> None:
    async with house() as home:
        made, _ = await home.add(watch(BELOW))
        gone = await listed(home).delete(made)
        assert rules(home) == []
        assert await stored(home) == []
        with pytest.raises(NotFound):
            listed(home).get("w1")
        with pytest.raises(NotFound):
            await listed(home).resume(gone)


@pytest.mark.parametrize("repeat", list(Repeat))
async def test_a_watch_that_fires_while_it_is_deleted_stays_deleted(repeat: Repeat) -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        made, _ = await home.add(watch(BELOW, repeat=repeat))
        await home.tick("10:00:00", "1430")
        firing = store.hold("fire")
        crossing = asyncio.create_task(home.tick("10:00:03", "1419"))
        await until(lambda: "fire" in store.asked)
        await listed(home).delete(made)
        firing.set()
        await crossing
        assert listed(home).of(OWNER) == ()
        assert rules(home) == []
        assert await stored(home) == []


@pytest.mark.parametrize("state", [WatchState.DELETED, WatchState.PAUSED])
async def test_a_price_that_crosses_while_a_watch_is_taken_away_fires_nothing(state: WatchState) -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        made, _ = await home.add(watch(BELOW, repeat=Repeat.ONCE))
        await home.tick("10:00:00", "1430")
        gate = store.hold("save_watch")
        here = listed(home)
        ending = asyncio.create_task(here.delete(made) if state is WatchState.DELETED else here.pause(made))
        await until(lambda: "save_watch" in store.asked)
        await home.tick("10:00:03", "1419")
        gate.set()
        await ending
        assert await home.alerts() == []
        assert store._watches["w1"].state is state


async def test_a_watch_that_could_not_be_deleted_goes_on_and_misses_nothing() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        made, _ = await home.add(watch(BELOW))
        await home.tick("10:00:00", "1430")
        gate = store.hold("save_watch")
        store.fail("save_watch")
        ending = asyncio.create_task(listed(home).delete(made))
        await until(lambda: "save_watch" in store.asked)
        await home.tick("10:00:03", "1419")
        gate.set()
        with pytest.raises(Unavailable):
            await ending
        assert listed(home).of(OWNER) == (made,)
        await home.tick("10:00:06", "1418")
        assert len(await home.alerts()) == 1


async def test_a_finished_watch_whose_end_could_not_be_stored_goes_on() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        made, _ = await home.add(watch(BELOW, repeat=Repeat.ONCE))
        await home.tick("10:00:00", "1430")
        store.fail("fire")
        await home.tick("10:00:03", "1419")
        assert listed(home).get("w1") == made
        await home.tick("10:00:06", "1419")
        assert listed(home).get("w1").state is WatchState.DONE


@pytest.mark.parametrize(("day", "over"), [(f"{MONDAY} 23:59:59", False), (f"{TUESDAY} 00:00:00", True)])
async def test_a_watch_ends_after_its_last_market_day(day: str, over: bool) -> None:
    async with house() as home:
        await home.add(watch(BELOW, expires_on=date(2026, 3, 23)))
        await home.add(watch(BELOW, id="w2"))
        home.clock.set(at(day))
        ended = await listed(home).expire()
        assert [one.id for one in ended] == (["w1"] if over else [])
        assert len(rules(home)) == (0 if over else 1)
        assert await listed(home).expire() == []


async def test_an_expired_watch_is_not_judged_after_a_restart_and_resuming_takes_its_end_away() -> None:
    store = MemoryStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW, expires_on=date(2026, 3, 23)))
    async with house(f"{TUESDAY} 09:00", store=store) as home:
        assert rules(home) == []
        active, _ = await listed(home).resume(listed(home).get("w1"))
        assert active.expires_on is None
        assert len(rules(home)) == 1


# -- restarting


async def test_a_restart_takes_over_watches_and_what_is_remembered_of_them() -> None:
    store = MemoryStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW, EnterRange(low=Decimal(1300), high=Decimal(1390)), symbols=(MOUTAI, PINGAN)))
        await home.show(quote(MOUTAI, "1430"), quote(PINGAN, "50"))
        before: list[Arm] = [rule.arm for rule in rules(home)]
        assert [arm.armed for arm in before] == [True, True, False, True]
    async with house(store=store) as home:
        assert [rule.arm for rule in rules(home)] == before
        assert home.tape.watched == {MOUTAI, PINGAN}
