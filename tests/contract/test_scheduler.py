"""The table of jobs on the real APScheduler."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from typing import cast

import pytest
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from adapters import scheduler
from core.clock import MARKET_ZONE, SystemClock
from core.errors import Unavailable
from core.jobs import JOBS, At, Duties, Every, Job

NOBODY = cast("Duties", None)
SOON = Every(timedelta(milliseconds=10))


def a_job(run: Callable[[Duties], Awaitable[None]], when: Every | At = SOON) -> Job:
    return Job("test", when, run)


async def runs(job: Job, enough: asyncio.Event) -> None:
    """Let APScheduler run a job until it has had enough; a job that never comes fails the test."""
    live = scheduler.connect([job], NOBODY, SystemClock())
    live.start()
    try:
        async with asyncio.timeout(20):
            await enough.wait()
    finally:
        live.close()


async def test_a_job_comes_again_and_again() -> None:
    enough, count = asyncio.Event(), 0

    async def work(_duties: Duties) -> None:
        nonlocal count
        count += 1
        if count == 3:
            enough.set()

    await runs(a_job(work), enough)


@pytest.mark.parametrize("error", [Unavailable("数据库", "正忙"), RuntimeError("a bug")])
async def test_a_job_that_fails_comes_again(error: Exception) -> None:
    enough, failed = asyncio.Event(), False

    async def work(_duties: Duties) -> None:
        nonlocal failed
        if failed:
            enough.set()
        failed = True
        raise error

    await runs(a_job(work), enough)


async def test_a_job_never_overlaps_with_itself() -> None:
    enough, inside, overlaps, starts = asyncio.Event(), False, 0, 0

    async def work(_duties: Duties) -> None:
        nonlocal inside, overlaps, starts
        overlaps += inside
        inside, starts = True, starts + 1
        if starts == 1:
            for _ in range(200):
                await asyncio.sleep(0)
        else:
            enough.set()
        inside = False

    await runs(a_job(work), enough)
    assert overlaps == 0


def test_every_job_of_the_table_gets_the_trigger_that_it_asks_for() -> None:
    for job in JOBS:
        trigger = scheduler.trigger_of(job)
        if isinstance(job.when, Every):
            assert isinstance(trigger, IntervalTrigger)
            assert trigger.interval == job.when.interval
        else:
            assert isinstance(trigger, CronTrigger)
            midnight = datetime(2026, 11, 18, tzinfo=MARKET_ZONE)
            due = trigger.get_next_fire_time(None, midnight)
            assert due.astimezone(UTC) == datetime.combine(midnight.date(), job.when.clock, MARKET_ZONE).astimezone(UTC)


def test_a_daily_job_is_in_market_time_whatever_the_computers_zone() -> None:
    async def nothing(_duties: Duties) -> None: ...

    trigger = scheduler.trigger_of(a_job(nothing, At(time(9, 10))))
    due = trigger.get_next_fire_time(None, datetime(2026, 11, 18, 0, 0, tzinfo=UTC))
    assert due.astimezone(UTC) == datetime(2026, 11, 18, 1, 10, tzinfo=UTC)
