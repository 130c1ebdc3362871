"""JOBS on APScheduler 3.x: the live clock of the house."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from core.clock import MARKET_ZONE, Clock
from core.jobs import Duties, Every, Job, perform

LATEST: Final = 3600
"""Seconds after its time at which a daily job still runs: the computer slept, or was switched on late."""


class Scheduler:
    """Starts inside the running loop and stops with :meth:`close`. A job never overlaps with itself."""

    def __init__(self, jobs: Sequence[Job], duties: Duties, clock: Clock) -> None:
        self._scheduler = AsyncIOScheduler(timezone=MARKET_ZONE)
        self._duties = duties
        self._clock = clock
        for job in jobs:
            self._scheduler.add_job(
                self._run,
                trigger_of(job),
                args=(job,),
                id=job.name,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=LATEST,
            )

    async def _run(self, job: Job) -> None:
        # At the end of the program a job under way is cancelled; APScheduler would log that as a failure.
        with suppress(asyncio.CancelledError):
            await perform(job, self._duties, self._clock.now())

    def start(self) -> None:
        self._scheduler.start()

    def close(self) -> None:
        self._scheduler.shutdown(wait=False)


def trigger_of(job: Job) -> IntervalTrigger | CronTrigger:
    if isinstance(job.when, Every):
        return IntervalTrigger(seconds=job.when.interval.total_seconds(), timezone=MARKET_ZONE)
    return CronTrigger(hour=job.when.clock.hour, minute=job.when.clock.minute, timezone=MARKET_ZONE)


def connect(jobs: Sequence[Job], duties: Duties, clock: Clock) -> Scheduler:
    return Scheduler(jobs, duties, clock)
