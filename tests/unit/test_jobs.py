"""What runs when: the table, a clock that jumps, and jobs that fail."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest

from adapters.stores.memory import MemoryStore
from core import jobs
from core.conditions import PriceBelow
from core.consultations import Consultation, Purpose
from core.errors import Unavailable
from core.jobs import JOBS, KEEP_CONSULTATIONS, KEEP_MESSAGES, At, Duties, Every, Job, MarketPaced, due, perform
from core.messages import Delivery
from core.tickets import TicketState
from core.types import Side
from core.watches import Plan, WatchState
from tests.fakes.parts import CHAT, MONDAY, MOUTAI, TUESDAY, Home, ShakyStore, at, house, watch

BELOW = PriceBelow(value=Decimal(1420))
FRIDAY = "2026-03-27"
SATURDAY = "2026-03-28"
NEXT_MONDAY = "2026-03-30"
BLIND = "⚠️ 行情中断"


async def nothing(_duties: Duties) -> None:
    return None


def daily(clock: str, *, trading_days: bool = True) -> Job:
    return Job("daily", At(time.fromisoformat(clock), trading_days), nothing)


def every(seconds: int) -> Job:
    return Job("every", Every(timedelta(seconds=seconds)), nothing)


@pytest.mark.parametrize(
    ("job", "since", "until", "expected"),
    [
        (daily("09:10"), at("09:09:59"), at("09:10"), True),
        (daily("09:10"), at("09:10"), at("09:10:01"), False),
        (daily("09:10"), at("09:00"), at("09:09:59"), False),
        (daily("09:10"), at("09:00"), at("15:00"), True),
        (daily("09:10"), at("10:00"), at("09:09:59", TUESDAY), False),
        (daily("09:10"), at("10:00"), at("09:10", TUESDAY), True),
        # over a weekend: Saturday's hour is none, Monday's has not come
        (daily("09:10"), at("15:00", FRIDAY), at("23:59", SATURDAY), False),
        (daily("09:10"), at("15:00", FRIDAY), at("09:00", NEXT_MONDAY), False),
        (daily("09:10"), at("15:00", FRIDAY), at("09:10", NEXT_MONDAY), True),
        (daily("15:05"), at("15:00", FRIDAY), at("09:00", NEXT_MONDAY), True),
        (daily("03:30", trading_days=False), at("15:00", FRIDAY), at("04:00", SATURDAY), True),
        # over the National Day holidays
        (daily("09:10"), at("2026-09-30 15:00"), at("2026-10-07 23:59"), False),
        (daily("09:10"), at("2026-09-30 15:00"), at("2026-10-08 09:10"), True),
        # the clock of the market has no summer time: London's changes on 2026-03-29, New York's on 2026-03-08
        (daily("09:10"), at("2026-03-30 09:09:59"), at("2026-03-30 09:10"), True),
        (daily("09:10"), at("2026-03-09 09:09:59"), at("2026-03-09 09:10"), True),
        (every(5), at("10:00:00"), at("10:00:04"), False),
        (every(5), at("10:00:04"), at("10:00:05"), True),
        (every(5), at("10:00:05"), at("10:00:05"), False),
        (every(60), at("11:30"), at("13:00"), True),
        # a clock that is set back does nothing
        (every(60), at("13:00"), at("11:30"), False),
        (daily("09:10"), at("13:00"), at("09:00"), False),
    ],
)
def test_a_job_is_due_when_its_time_has_passed(job: Job, since: datetime, until: datetime, expected: bool) -> None:
    assert due(job, since, until) is expected


def test_the_hour_of_a_job_is_that_of_the_market_in_summer_and_winter() -> None:
    for day in ("2026-01-12", "2026-07-13"):
        utc = at("09:10", day).astimezone(tz=None).timestamp()
        assert datetime.fromtimestamp(utc, tz=at("09:10").tzinfo).time() == time(9, 10)
        assert due(daily("09:10"), at("09:09:59", day), at("09:10", day))


def test_the_table_has_each_job_once_and_what_must_happen_before_the_open_does() -> None:
    names = [job.name for job in JOBS]
    assert len(set(names)) == len(names)
    clocks = {job.name: job.when.clock for job in JOBS if isinstance(job.when, At)}
    assert clocks["open_day"] < time(9, 15)
    assert clocks["close_day"] > time(15, 0)


# -- performing


async def test_a_job_for_trading_days_rests_on_the_others() -> None:
    async with house() as home:
        ran: list[str] = []

        async def note(_duties: Duties) -> None:
            ran.append("ran")

        weekday = Job("weekday", At(time(9, 10)), note)
        any_day = Job("any", At(time(9, 10), trading_days=False), note)
        for job in (weekday, any_day):
            await perform(job, home.app.duties, at("09:10", SATURDAY))
        assert ran == ["ran"]
        await perform(weekday, home.app.duties, at("09:10", MONDAY))
        assert ran == ["ran", "ran"]


@pytest.mark.parametrize("error", [Unavailable("数据库", "被锁住了"), RuntimeError("a bug")])
async def test_a_job_that_fails_is_logged_and_stops_no_other(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[str] = []

    async def broken(_duties: Duties) -> None:
        ran.append("broken")
        raise error

    async def fine(_duties: Duties) -> None:
        ran.append("fine")

    minute = Every(timedelta(minutes=1))
    monkeypatch.setattr(jobs, "JOBS", (Job("broken", minute, broken), Job("fine", minute, fine)))
    async with house() as home:
        paced = MarketPaced(home.app.duties, at("10:00"))
        await paced.catch_up(at("10:01"))
        await paced.catch_up(at("10:02"))
    assert ran == ["broken", "fine", "broken", "fine"]
    assert "broken" in caplog.text


async def test_a_clock_that_jumps_runs_each_job_once_and_never_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def noting(name: str, when: Every | At) -> Job:
        async def note(_duties: Duties) -> None:
            ran.append(name)

        return Job(name, when, note)

    table = (noting("second", Every(timedelta(seconds=1))), noting("open", At(time(9, 10))))
    monkeypatch.setattr(jobs, "JOBS", table)
    async with house() as home:
        paced = MarketPaced(home.app.duties, at("15:00", FRIDAY))
        await paced.catch_up(at("15:00", FRIDAY))
        assert ran == []
        await paced.catch_up(at("09:30", NEXT_MONDAY))
        await paced.catch_up(at("09:30", NEXT_MONDAY))
        await paced.catch_up(at("09:00", NEXT_MONDAY))
        await paced.catch_up(at("09:30", NEXT_MONDAY))
    assert ran == ["second", "open"]


async def test_a_clock_that_jumps_is_told_where_to_stop_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_duties: Duties) -> None:
        pass

    table = (
        Job("minute", Every(timedelta(minutes=1)), nothing),
        Job("close", At(time(15, 5)), nothing),
        Job("also", At(time(15, 5)), nothing),
        Job("night", At(time(3, 30), trading_days=False), nothing),
    )
    monkeypatch.setattr(jobs, "JOBS", table)
    async with house() as home:
        paced = MarketPaced(home.app.duties, at("15:00", FRIDAY))
        nights = [at("03:30", day) for day in (SATURDAY, "2026-03-29", NEXT_MONDAY)]
        assert list(paced.stops(at("09:30", NEXT_MONDAY))) == [at("15:05", FRIDAY), *nights]
        await paced.catch_up(at("15:05", FRIDAY))
        assert list(paced.stops(at("09:30", NEXT_MONDAY))) == nights


# -- the duties


async def blind(home: Home, clock: str) -> list[str]:
    home.clock.set(at(clock))
    await home.app.duties.check_feed()
    await home.app.house.notifier.drained()
    return home.phone.titles()


async def test_silence_of_the_feed_is_told_once_and_again_after_it_was_back() -> None:
    async with house() as home:
        await home.add(watch(BELOW))
        await home.tick("10:00", "1430")
        assert await blind(home, "10:03") == []
        assert await blind(home, "10:03:01") == [BLIND]
        assert await blind(home, "10:05") == [BLIND]
        assert "10:00" in home.phone.texts()[0]
        await home.tick("10:06", "1430")
        assert (await blind(home, "10:06:30"))[1:] == ["⚠️ 行情中断已恢复"]
        assert (await blind(home, "10:20"))[2:] == [BLIND]


async def test_a_feed_that_never_began_is_told() -> None:
    async with house("10:00") as home:
        await home.add(watch(BELOW))
        assert await blind(home, "10:03:01") == [BLIND]
        assert "启动以来" in home.phone.texts()[0]


@pytest.mark.parametrize("clock", ["12:00", "13:02", "15:10", "20:00", f"{TUESDAY} 09:20", f"{TUESDAY} 09:27"])
async def test_a_market_that_rests_is_no_silence(clock: str) -> None:
    async with house() as home:
        await home.add(watch(BELOW))
        await home.tick("11:29:59", "1430")
        assert await blind(home, clock) == []


async def test_nothing_is_missed_while_nothing_is_watched_and_a_new_watch_gets_its_time() -> None:
    async with house() as home:
        made, _ = await home.add(watch(BELOW))
        await home.tick("10:00", "1430")
        await home.app.house.watchlist.delete(made)
        assert await blind(home, "10:30") == []
        await home.add(watch(BELOW, id="w2"))
        assert await blind(home, "10:30:30") == []
        assert await blind(home, "10:33:31") == [BLIND]


async def test_a_silence_that_could_not_be_told_is_told_at_the_next_look() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW))
        await home.tick("10:00", "1430")
        store.fail("enqueue")
        home.clock.set(at("10:05"))
        with pytest.raises(Unavailable):
            await home.app.duties.check_feed()
        assert await blind(home, "10:05:30") == [BLIND]


async def test_the_day_opens_by_ending_what_is_over_and_telling_its_owner_once() -> None:
    async with house() as home:
        for number in (1, 2):
            await home.add(watch(BELOW, id=f"w{number}", expires_on=date(2026, 3, 23)))
        await home.add(watch(BELOW, id="w3"))
        home.clock.set(at("09:10", TUESDAY))
        await home.app.duties.open_day()
        await home.app.duties.open_day()
        await home.app.house.notifier.drained()
        assert home.phone.titles() == ["⌛ 盯盘任务已到期"]
        assert "#1" in home.phone.texts()[0]
        assert "#2" in home.phone.texts()[0]
        assert [one.state for one in await home.store.watches()] == [
            WatchState.DONE,
            WatchState.DONE,
            WatchState.ACTIVE,
        ]


async def test_the_calendar_warns_before_it_ends() -> None:
    async with house("2026-12-01 09:00") as home:
        await home.add(watch(BELOW))
        home.clock.set(at("2026-12-01 09:10"))
        await home.app.duties.open_day()
        await home.app.house.notifier.drained()
        assert home.phone.titles(CHAT) == ["📅 交易日历"]


async def test_tickets_expire_on_time() -> None:
    async with house() as home:
        await home.add(watch(BELOW, plan=Plan(side=Side.BUY, shares=100)))
        await home.tick("10:00:00", "1430")
        await home.tick("10:00:03", "1419")
        (ticket,) = await home.store.tickets({TicketState.OPEN})
        home.clock.set(ticket.expires_at - timedelta(seconds=1))
        await home.app.duties.expire_tickets()
        assert len(await home.store.tickets({TicketState.OPEN})) == 1
        home.clock.set(ticket.expires_at)
        await home.app.duties.expire_tickets()
        await home.app.house.notifier.drained()
        assert [one.id for one in await home.store.tickets({TicketState.EXPIRED})] == [ticket.id]
        assert [how for how, *_ in home.phone.calls] == ["send", "edit"]


async def test_old_messages_are_forgotten_and_what_is_unsent_or_an_alert_is_kept() -> None:
    store = MemoryStore()
    async with house(store=store) as home:
        await home.add(watch(BELOW))
        await home.tick("10:00:00", "1430")
        await home.tick("10:00:03", "1419")
        (alert,) = await home.alerts()
        home.clock.set(at("10:00") + KEEP_MESSAGES)
        await home.app.duties.clean()
        assert len(await store.deliveries([alert.id])) == 1
        home.clock.advance(timedelta(minutes=1))
        await home.app.duties.clean()
        assert await store.deliveries([alert.id]) == []
        assert await home.alerts() == [alert]
        assert {row.state for row in store._outbox.values()} <= {Delivery.QUEUED}


async def test_what_models_cost_is_forgotten_after_more_than_a_year() -> None:
    store = MemoryStore()
    async with house(store=store) as home:
        line = Consultation(
            id="C1", at=home.clock.now(), person="owner", purpose=Purpose.ANALYSIS, model_asked="deepseek-flash"
        )
        await store.save_consultation(line)
        home.clock.advance(KEEP_CONSULTATIONS)
        await home.app.duties.clean()
        assert await store.consultations() == [line]
        home.clock.advance(timedelta(days=1))
        await home.app.duties.clean()
        assert not await store.consultations()


# -- bars


async def test_bars_that_frames_made_are_stored_within_a_minute_and_forgotten_in_time() -> None:
    store = MemoryStore()
    by_name = {job.name: job for job in JOBS}
    async with house("10:00", store=store) as home:
        for when in ("10:00:30", "10:01:30", "10:02:30"):
            await home.tick(when, "1430", preclose="1425")
        await perform(by_name["save_bars"], home.app.duties, home.clock.now())
        assert len((await store.bars([MOUTAI], "1m"))[MOUTAI]) == 2
        home.clock.set(at("15:05"))
        await perform(by_name["close_bars"], home.app.duties, home.clock.now())
        assert len((await store.bars([MOUTAI], "day"))[MOUTAI]) == 1
        home.clock.set(at("2026-06-01 03:30"))
        await perform(by_name["forget_bars"], home.app.duties, home.clock.now())
        assert await store.bars([MOUTAI], "1m") == {}
        assert len((await store.bars([MOUTAI], "day"))[MOUTAI]) == 1


async def test_at_the_end_the_last_bars_are_kept_whatever_the_database_says() -> None:
    store = MemoryStore()
    async with house("10:00", store=store) as home:
        for when in ("10:00:30", "10:01:30"):
            await home.tick(when, "1430")
        await home.app.rest()
        assert len((await store.bars([MOUTAI], "1m"))[MOUTAI]) == 1
        await home.tick("10:02:30", "1430")
        await store.close()
        await home.app.rest()
