"""Frames in, alerts out: what must fire, what never may, and what is told about blind times."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.stores.memory import MemoryStore
from core.conditions import LimitUp, PctUp, PriceAbove, PriceBelow, StopLoss
from core.engine import GAPS_KEPT, doubt, misses_nothing
from core.errors import Unavailable
from core.frames import Frame
from core.jobs import LAST_FRAME
from core.types import Symbol
from core.watches import Repeat
from tests.fakes.parts import (
    CHAT,
    MONDAY,
    MOUTAI,
    OTHER_CHAT,
    PINGAN,
    TUESDAY,
    Home,
    ShakyStore,
    at,
    frame,
    house,
    quote,
    watch,
)

BELOW = PriceBelow(value=Decimal(1420))
EVERY: dict[str, Any] = {"repeat": Repeat.EVERY_TIME, "cooldown": timedelta(0)}
ALERT = "🔔 贵州茅台(600519) 1419.00"
GAP = "⚠️ 行情中断已恢复"


def when(clock: str, day: str = MONDAY) -> str:
    return f"{day} {clock}"


async def armed(home: Home, start: str = "10:00") -> None:
    await home.add(watch(BELOW, **EVERY))
    await home.tick(start, "1430")


# -- edges, through the whole house


async def test_a_crossing_is_told_once() -> None:
    async with house() as home:
        await armed(home)
        await home.tick("10:00:03", "1419")
        await home.tick("10:00:06", "1418")
        assert home.phone.titles() == [ALERT]
        (alert,) = await home.alerts()
        assert (alert.price, alert.quoted_at, alert.source) == (Decimal(1419), at("10:00:03"), "测试行情")
        assert not alert.after_gap


async def test_what_already_holds_at_the_first_frame_is_said_once_and_is_no_alert() -> None:
    async with house() as home:
        await home.add(watch(BELOW))
        await home.tick("10:00", "1419")
        await home.tick("10:00:03", "1418")
        assert home.phone.titles() == ["ℹ️ 盯盘 #1 已经满足条件"]
        assert await home.alerts() == []


async def test_run_judges_every_frame_of_the_source() -> None:
    async with house() as home:
        await home.add(watch(BELOW))
        home.tape.queue = [frame(quote(last="1430")), frame(quote(last="1419", when="10:00:03"))]
        await home.app.house.engine.run()
        await home.app.house.notifier.drained()
        assert home.phone.titles() == [ALERT]


# -- bad data never fires

BAD: list[tuple[dict[str, Any], str]] = [
    ({"last": None}, "价格为 0"),
    ({"last": None, "suspended": True}, "停牌"),
    ({"last": "1419", "suspended": True}, "停牌"),
    ({"last": "1419", "quoted": "09:56:59"}, "过旧"),
    ({"last": "1419", "limit_down": "1420"}, "低于跌停价"),
    ({"last": "0.01", "limit_down": "1287"}, "低于跌停价"),
]


@pytest.mark.parametrize(("bad", "why"), BAD)
async def test_a_bad_row_fires_nothing_is_explained_and_the_next_good_one_fires(bad: dict[str, Any], why: str) -> None:
    async with house() as home:
        await armed(home)
        assert home.app.house.engine.doubt_now(MOUTAI) is None
        await home.tick("10:00:03", **bad)
        assert await home.alerts() == []
        assert home.phone.titles() == []
        assert why in (home.app.house.engine.doubt_now(MOUTAI) or "")
        await home.tick("10:00:06", "1419")
        assert home.phone.titles() == [ALERT]


async def test_a_price_beyond_the_upper_limit_fires_nothing() -> None:
    async with house() as home:
        await home.add(watch(PriceAbove(value=Decimal(1500))))
        await home.tick("10:00", "1430", limit_up="1573")
        await home.tick("10:00:03", "1573.01", limit_up="1573")
        assert await home.alerts() == []
        assert "超过涨停价" in (home.app.house.engine.doubt_now(MOUTAI) or "")
        await home.tick("10:00:06", "1573", limit_up="1573")
        assert len(await home.alerts()) == 1


async def test_a_bad_row_does_not_arm_either() -> None:
    async with house() as home:
        await home.add(watch(BELOW, **EVERY))
        await home.tick("10:00", "1419")
        await home.tick("10:00:03", "1500", limit_up="1450")
        await home.tick("10:00:06", "1419")
        assert await home.alerts() == []


async def test_a_price_of_three_minutes_is_just_fresh_enough() -> None:
    assert doubt(frame(quote(when="10:03:00", quoted="10:00:00")), 0) is None
    assert doubt(frame(quote(when="10:03:01", quoted="10:00:00")), 0) is not None


async def test_one_bad_row_does_not_stop_the_others() -> None:
    async with house() as home:
        await home.add(watch(PriceBelow(value=Decimal(50)), symbols=(MOUTAI, PINGAN)))
        await home.show(quote(MOUTAI, "60"), quote(PINGAN, "60"))
        await home.show(quote(MOUTAI, None, "10:00:03"), quote(PINGAN, "49", "10:00:03"))
        assert [alert.symbol for alert in await home.alerts()] == [PINGAN]


@pytest.mark.parametrize("clock", ["09:24:59", "11:31:00", "12:00:00", "15:02:00", "20:00:00"])
async def test_nothing_fires_outside_the_session(clock: str) -> None:
    async with house("08:00") as home:
        await armed(home, "09:24" if clock < "10" else "10:00")
        home_rule = home.app.house.book.rules_of("w1")[0]
        before = home_rule.arm
        await home.tick(clock, "1419")
        assert await home.alerts() == []
        assert home.app.house.book.rules_of("w1")[0].arm == before


async def test_nothing_fires_on_a_holiday() -> None:
    async with house("2026-10-01 08:00") as home:
        await home.add(watch(BELOW))
        await home.tick(when("10:00", "2026-10-01"), "1430")
        await home.tick(when("10:01", "2026-10-01"), "1419")
        assert await home.alerts() == []


async def test_a_price_that_the_auction_only_indicated_fires_nothing() -> None:
    """It arrives after 09:25 and bears a time before: no trade was made at it."""
    async with house() as home:
        await armed(home, when("10:00"))
        await home.tick(when("09:25:02", TUESDAY), "1419", quoted=when("09:24:57", TUESDAY))
        assert await home.alerts() == []
        assert "09:24:57" in (home.app.house.engine.doubt_now(MOUTAI) or "")
        await home.tick(when("09:25:05", TUESDAY), "1419", quoted=when("09:25:02", TUESDAY))
        assert len(await home.alerts()) == 1


async def test_the_close_that_a_source_repeats_after_lunch_or_overnight_fires_nothing() -> None:
    async with house() as home:
        await armed(home, "11:29")
        await home.tick("13:00:01", "1419", quoted="11:30:00")
        await home.tick(when("09:25:01", TUESDAY), "1419", quoted="15:00:00")
        assert await home.alerts() == []


# -- nights, lunch and gaps


async def test_a_gap_in_price_overnight_is_one_crossing_and_no_blind_time() -> None:
    async with house() as home:
        await armed(home, "14:59:57")
        await home.tick(when("09:25:03", TUESDAY), "1400")
        await home.tick(when("09:30:01", TUESDAY), "1399")
        (alert,) = await home.alerts()
        assert not alert.after_gap
        assert GAP not in home.phone.titles()


async def test_a_jump_over_lunch_is_one_crossing_and_no_blind_time() -> None:
    async with house() as home:
        await armed(home, "11:29:58")
        await home.tick("13:00:02", "1400")
        (alert,) = await home.alerts()
        assert not alert.after_gap
        assert home.phone.titles() == ["🔔 贵州茅台(600519) 1400.00"]


async def test_a_crossing_after_a_blind_time_is_marked_and_the_blind_time_is_told() -> None:
    async with house() as home:
        await armed(home, "11:02")
        await home.tick("11:09", "1419")
        (alert,) = await home.alerts()
        assert alert.after_gap
        alert_text, gap_text = home.phone.texts()
        assert "实际穿越可能更早" in alert_text
        assert "11:02–11:09" in gap_text
        assert [(gap.since, gap.until) for gap in home.app.house.engine.gaps] == [(at("11:02"), at("11:09"))]
        await home.tick("11:09:03", "1430")
        await home.tick("11:09:06", "1419")
        assert [one.after_gap for one in await home.alerts()] == [True, False]


async def test_ninety_seconds_of_silence_are_no_blind_time() -> None:
    async with house() as home:
        await armed(home)
        await home.tick("10:01:30", "1430")
        assert home.phone.titles() == []
        await home.tick("10:03:01", "1430")
        assert home.phone.titles() == [GAP]


async def test_a_slow_source_is_given_three_intervals() -> None:
    async with house() as home:
        home.tape.interval = timedelta(minutes=5)
        await armed(home)
        await home.tick("10:15", "1430")
        assert home.phone.titles() == []
        await home.tick("10:31", "1430")
        assert home.phone.titles() == [GAP]


@pytest.mark.parametrize(
    ("until", "blind"),
    [
        (when("13:05"), True),  # blind from 11:00, over lunch
        (when("10:00", TUESDAY), True),  # over the night
        (when("09:40", "2026-03-30"), True),  # over a weekend
    ],
)
async def test_a_blind_time_may_reach_over_a_pause(until: str, blind: bool) -> None:
    async with house() as home:
        await armed(home, "11:00")
        await home.tick(until, "1419")
        assert GAP in home.phone.titles()
        assert [one.after_gap for one in await home.alerts()] == [True]


async def test_a_frame_in_the_pause_shows_nothing_of_the_market_and_the_first_judged_one_is_marked() -> None:
    async with house() as home:
        await armed(home, "11:00")
        await home.tick("12:00", "1419", quoted="11:30:00")
        assert home.phone.titles() == []
        await home.tick("13:00:03", "1419")
        assert [one.after_gap for one in await home.alerts()] == [True]
        assert "11:00–13:00" in "".join(home.phone.texts())


async def frozen(home: Home, since: str, minutes: range, last: str = "1430", **changes: Any) -> None:
    """Frames that go on coming with the prices of one moment, and the look at the feed that follows each."""
    for minute in minutes:
        await home.tick(f"10:{minute:02}", last, quoted=since, **changes)
        await home.app.duties.check_feed()
    await home.app.house.notifier.drained()


async def test_frames_that_repeat_old_prices_are_a_blind_time_and_the_crossing_in_it_is_marked() -> None:
    async with house() as home:
        await armed(home)
        await frozen(home, "10:00", range(1, 12))
        assert home.phone.titles() == ["⚠️ 行情中断"]
        assert "10:03" in home.phone.texts()[0]
        assert home.app.house.engine.last_frame_at == at("10:11")
        assert home.app.house.engine.last_good_at == at("10:03")
        await home.tick("10:12", "1419")
        assert [one.after_gap for one in await home.alerts()] == [True]
        assert home.phone.titles()[1:] == [ALERT, GAP]
        assert "10:03–10:12" in home.phone.texts()[2]


@pytest.mark.parametrize("place", [0, 8, 30])
def test_one_good_price_in_any_row_shows_that_the_source_lives(place: int) -> None:
    old = [quote(Symbol(f"{600000 + row}.SH"), "10", "10:10", quoted="10:00") for row in range(31)]
    assert not misses_nothing(frame(*old))
    old[place] = quote(old[place].symbol, "10", "10:10")
    assert misses_nothing(frame(*old))


async def test_one_fresh_price_shows_that_the_source_lives() -> None:
    async with house() as home:
        await home.add(watch(PriceBelow(value=Decimal(50)), symbols=(MOUTAI, PINGAN)))
        for minute in range(12):
            clock = f"10:{minute:02}"
            await home.show(quote(MOUTAI, "60", clock, quoted="10:00"), quote(PINGAN, "60", clock))
            await home.app.duties.check_feed()
        assert home.phone.titles() == []


@pytest.mark.parametrize(
    "still",
    [
        {"last": None, "suspended": True},  # halted for the day
        {"last": "1430", "suspended": True},
    ],
)
async def test_a_share_that_is_suspended_alone_is_no_blind_time(still: dict[str, Any]) -> None:
    async with house() as home:
        await armed(home)
        await frozen(home, "10:00", range(1, 12), **still)
        await home.tick("10:12", "1430")
        assert home.phone.titles() == []


async def test_a_share_that_has_not_traded_yet_is_alive_by_its_bids() -> None:
    async with house() as home:
        await home.add(watch(BELOW))
        for minute in range(31, 45):
            await home.tick(f"09:{minute}", None, bid="1400")
            await home.app.duties.check_feed()
        assert home.phone.titles() == []


async def test_prices_that_are_all_zero_are_a_blind_time() -> None:
    async with house() as home:
        await armed(home)
        for minute in range(1, 6):
            await home.tick(f"10:{minute:02}", None)
            await home.app.duties.check_feed()
        await home.app.house.notifier.drained()
        assert home.phone.titles() == ["⚠️ 行情中断"]


async def test_prices_that_stand_still_between_the_auction_and_the_open_are_no_blind_time() -> None:
    async with house() as home:
        await armed(home, "09:25:03")
        for minute in range(26, 34):
            await home.tick(f"09:{minute}", "1430", quoted="09:25:02" if minute < 31 else f"09:{minute}")
            await home.app.duties.check_feed()
        assert home.phone.titles() == []


async def test_a_restart_goes_on_from_the_last_good_frame_and_not_from_an_old_price() -> None:
    store = MemoryStore()
    async with house(store=store) as home:
        await armed(home)
        await frozen(home, "10:00", range(1, 6))
    async with house("10:06", store=store) as home:
        await home.tick("10:06", "1419")
        assert [one.after_gap for one in await home.alerts()] == [True]
        assert any("10:03–10:06" in text for text in home.phone.texts())


async def test_a_price_that_is_old_is_doubted_though_it_would_fire_nothing() -> None:
    """It lies between the prices at which something could happen, so that no rule asked."""
    async with house() as home:
        await armed(home)
        engine = home.app.house.engine
        assert engine.doubt_now(MOUTAI) is None
        await home.tick("10:05", "1430", quoted="10:00")
        assert "5 分钟前" in (engine.doubt_now(MOUTAI) or "")
        assert engine.doubt_now(PINGAN) is None
        await home.tick("10:06", "1430")
        assert engine.doubt_now(MOUTAI) is None
        home.clock.set(at("10:12"))
        assert "6 分钟前" in (engine.doubt_now(MOUTAI) or ""), "no frame comes any more"
        home.clock.set(at("20:00"))
        assert engine.doubt_now(MOUTAI) is None, "at night nothing is judged anyway"


async def test_a_time_in_which_nothing_was_watched_is_no_blind_time() -> None:
    """Sources are asked for nothing then, so that no frames come is no failure."""
    async with house() as home:
        stored, _ = await home.add(watch(BELOW))
        await home.tick("10:00", "1430")
        await home.app.house.watchlist.delete(stored)
        home.clock.set(at("11:00"))
        await home.add(watch(BELOW, id="w2"))
        await home.tick("11:00:03", "1430")
        assert home.phone.titles() == []
        await home.tick("11:10", "1430")
        assert home.phone.titles() == [GAP]


async def test_every_chat_with_a_live_watch_is_told_of_a_blind_time_once() -> None:
    async with house() as home:
        await armed(home)
        await home.add(watch(BELOW, id="w2"))
        await home.add(watch(BELOW, id="w3", owner="other", chat=OTHER_CHAT))
        await home.tick("10:30", "1430")
        assert home.phone.titles(CHAT) == [GAP]
        assert home.phone.titles(OTHER_CHAT) == [GAP]


async def test_only_the_newest_gaps_are_kept() -> None:
    async with house() as home:
        await armed(home, "09:30")
        for minute in range(2, 60, 2):
            await home.tick(f"10:{minute:02}", "1430")
        assert len(home.app.house.engine.gaps) == GAPS_KEPT


async def test_a_database_that_fails_when_a_gap_is_told_ends_nothing_and_the_gap_is_told_later() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        await armed(home)
        store.fail("enqueue", 2)
        await home.tick("10:10", "1430")
        await home.tick("10:10:03", "1430")
        assert home.phone.titles() == []
        await home.tick("10:10:06", "1419")
        assert sorted(home.phone.titles()) == [GAP, ALERT]
        (text,) = [each for each in home.phone.texts() if GAP in each]
        assert "10:00–10:10" in text


async def test_a_step_beside_the_judging_that_fails_does_not_stop_the_judging() -> None:
    async with house() as home:
        engine = home.app.house.engine
        seen: list[Frame] = []

        async def broken(_frame: Frame) -> None:
            raise Unavailable("模拟账户", "账本被锁住了。")

        async def fine(each: Frame) -> None:
            seen.append(each)

        engine._before = (broken, fine)
        engine._after = (broken, fine)
        await armed(home)
        await home.tick("10:00:03", "1419")
        assert home.phone.titles() == [ALERT]
        assert len(seen) == 4


# -- restarts


async def restart_with(store: MemoryStore, clock: str, last: str, *, start: str | None = None) -> Home:
    async with house(start or clock, store=store) as home:
        await home.tick(clock, last)
        await home.app.duties.check_feed()
        return home


async def first_run(store: MemoryStore, clock: str = "10:00", last: str = "1430") -> None:
    async with house(store=store) as home:
        await home.add(watch(BELOW, **EVERY))
        await home.tick(clock, last)
        await home.app.duties.check_feed()


async def test_a_crossing_while_the_program_was_down_fires_once_and_is_marked() -> None:
    store = MemoryStore()
    await first_run(store)
    home = await restart_with(store, "10:07", "1419")
    (alert,) = await home.alerts()
    assert alert.after_gap
    assert any("10:00–10:07" in text for text in home.phone.texts())
    again = await restart_with(store, "10:07:30", "1418")
    assert len(await again.alerts()) == 1
    assert again.phone.titles() == []


async def test_a_quick_restart_is_no_gap() -> None:
    store = MemoryStore()
    await first_run(store)
    home = await restart_with(store, "10:00:45", "1419")
    assert [one.after_gap for one in await home.alerts()] == [False]
    assert home.phone.titles() == [ALERT]


async def test_a_program_that_was_off_over_night_saw_everything() -> None:
    store = MemoryStore()
    await first_run(store, "15:00:02")
    home = await restart_with(store, when("09:25:03", TUESDAY), "1400", start=when("08:50", TUESDAY))
    assert [one.after_gap for one in await home.alerts()] == [False]
    assert GAP not in home.phone.titles()


async def test_what_was_told_before_a_restart_is_not_told_again() -> None:
    store = MemoryStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW, repeat=Repeat.DAILY))
        await home.tick("10:00", "1430")
        await home.tick("10:00:03", "1419")
        assert home.phone.titles() == [ALERT]
    async with house("10:01", store=store) as home:
        for second, last in enumerate(["1418", "1440", "1418"]):
            await home.tick(f"10:01:0{second}", last)
        assert home.phone.titles() == []
        assert [one.reason.value for one in await home.alerts()] == ["first", "today_already"]


async def test_a_first_start_remembers_no_earlier_frame() -> None:
    async with house() as home:
        await home.app.duties.check_feed()
        assert await home.store.value(LAST_FRAME) is None
        assert home.app.house.engine.last_frame_at is None
        assert home.app.house.engine.last_good_at is None


# -- what the engine knows


async def test_quotes_that_were_asked_for_are_remembered_under_their_own_source_and_judge_nothing() -> None:
    async with house() as home:
        await armed(home)
        engine = home.app.house.engine
        engine.learn([quote(last="1400", when="10:00:01", source="腾讯")])
        found = engine.quote(MOUTAI)
        assert found is not None
        assert (found.last, found.source) == (Decimal(1400), "腾讯")
        assert await home.alerts() == []
        engine.learn([])


@pytest.mark.parametrize(
    "bad",
    [{"last": None}, {"suspended": True}, {"limit_up": "1400"}, {"limit_down": "1500"}],
)
async def test_a_new_watch_is_not_compared_with_bad_data(bad: dict[str, Any]) -> None:
    """Else a bad price would arm it, and the next good one would fire what had held all the time."""
    async with house() as home:
        engine = home.app.house.engine
        engine.learn([quote(**{"last": "1430", **bad})])
        assert engine.traded_quote(MOUTAI) is None
        _, already = await home.add(watch(BELOW))
        assert already == []
        await home.tick("10:00:03", "1419")
        assert await home.alerts() == []
        assert home.phone.titles() == ["ℹ️ 盯盘 #1 已经满足条件"]


async def test_a_watch_made_at_night_is_compared_with_the_last_close() -> None:
    async with house("20:00") as home:
        home.app.house.engine.learn([quote(last="1430", when="15:00", limit_up="1573", limit_down="1287")])
        _, already = await home.add(watch(BELOW))
        assert already == []
        await home.tick(when("09:25:03", TUESDAY), "1400")
        assert len(await home.alerts()) == 1


# -- references


async def test_a_cost_that_moves_fires_what_it_makes_true() -> None:
    async with house(positions={MOUTAI: (100, Decimal(1500))}) as home:
        await home.add(watch(StopLoss(value=Decimal(10), unit="pct")))
        await home.tick("10:00", "1400")
        await home.tick("10:00:03", "1350")
        (alert,) = await home.alerts()
        assert "1350.00" in alert.why


async def test_every_opening_of_a_sealed_limit_is_told() -> None:
    async with house() as home:
        await home.add(watch(LimitUp(event="open"), **EVERY))
        day = [("10.9", "10.9"), ("11", "11"), ("10.99", "11"), ("11", "11"), ("10.98", "11"), ("10.97", "11")]
        for second, (last, high) in enumerate(day):
            await home.tick(f"10:00:0{second}", last, limit_up="11", high=high)
        assert home.phone.titles() == ["🔔 贵州茅台(600519) 10.99", "🔔 贵州茅台(600519) 10.98"]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_rise_of_so_many_percent_is_told_each_day_though_it_never_left_its_zone(restarted: bool) -> None:
    store = MemoryStore()
    async with house(store=store) as home:
        await home.add(watch(PctUp(value=Decimal(3))))
        await home.tick("14:00", "1000", preclose="1000")
        await home.tick("14:00:03", "1030", preclose="1000")
        await home.tick("15:00", "1040", preclose="1000")
        if not restarted:
            await home.tick(when("09:25:02", TUESDAY), "1083", preclose="1040")
    async with house(when("09:20", TUESDAY), store=store) as home:
        if restarted:
            await home.tick(when("09:25:02", TUESDAY), "1083", preclose="1040")
        await home.tick(when("09:30:03", TUESDAY), "1084", preclose="1040")
        assert [alert.price for alert in await home.alerts()] == [Decimal(1030), Decimal(1083)]
        assert all(alert.reason.tells for alert in await home.alerts())


async def test_the_next_day_judges_by_its_own_previous_close() -> None:
    async with house() as home:
        await home.add(watch(PctUp(value=Decimal(3))))
        await home.tick("14:00", "1000", preclose="1000")
        await home.tick("14:00:03", "1030", preclose="1000")
        await home.tick(when("09:30:03", TUESDAY), "1030", preclose="1030")
        await home.tick(when("09:30:06", TUESDAY), "1061", preclose="1030")
        assert [alert.price for alert in await home.alerts()] == [Decimal(1030), Decimal(1061)]
