"""Whatever happens to a watch and around it, it is told only when it may be, and nothing that may be told is lost."""

from __future__ import annotations

import asyncio
import itertools
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.alerts import QuietHours, Reason, Silence
from core.conditions import PriceBelow
from core.watches import Repeat, Watch, WatchState
from tests.fakes.parts import MOUTAI, OWNER, Home, at, house, quote, watch

BELOW = PriceBelow(value=Decimal(1420))
DAYS = ("2026-03-23", "2026-03-24", "2026-03-25")
# One minute of the session each; the third day comes after the last day of the watch.
TIMES = [at(f"{10 + minute // 60}:{minute % 60:02}", day) for day in DAYS for minute in range(0, 80, 5)]

steps = st.lists(
    st.one_of(
        st.tuples(st.just("tick"), st.sampled_from(["1430", "1421", "1419", "1400"])),
        st.tuples(st.just("silence"), st.sampled_from([1, 10, 40])),
        st.tuples(st.just("unsilence"), st.none()),
        st.tuples(st.just("pause"), st.none()),
        st.tuples(st.just("resume"), st.none()),
        st.tuples(st.just("expire"), st.none()),
        st.tuples(st.just("quiet"), st.sampled_from(["10:00-10:30", "10:40-10:10", None])),
        st.tuples(st.just("jobs"), st.none()),
    ),
    max_size=len(TIMES),
)


async def take(home: Home, what: str, value: Any, now: datetime) -> None:
    """One step of the story."""
    parts = home.app.house
    current = parts.watchlist.current("w1")
    assert current is not None
    home.clock.set(now)
    match what:
        case "tick":
            await home.show(quote(MOUTAI, value, f"{now:%Y-%m-%d %H:%M}"))
        case "silence":
            ends = now + timedelta(minutes=value)
            await parts.dispatcher.silence(Silence(id=home.clock.new_id(), owner=OWNER, starts_at=now, ends_at=ends))
        case "unsilence":
            await parts.dispatcher.unsilence(OWNER)
        case "pause" if current.state is WatchState.ACTIVE:
            await parts.watchlist.pause(current)
        case "resume" if current.state is not WatchState.ACTIVE:
            await parts.watchlist.resume(current)
        case "expire":
            await parts.watchlist.expire()
        case "quiet":
            await parts.digest.set_quiet_hours(OWNER, None if value is None else QuietHours.parse(value))
        case "jobs":
            await home.app.duties.tell_held_back()
    await parts.notifier.drained()


def may_be_told(home: Home, current: Watch, now: datetime) -> bool:
    hours = home.app.house.digest.quiet_hours(OWNER)
    quiet = hours is not None and hours.covers(now)
    return current.live_at(now) and not quiet and not home.app.house.dispatcher.silences(OWNER)


async def story(repeat: Repeat, told: list[tuple[str, Any]]) -> None:
    async with house() as home:
        made = watch(BELOW, repeat=repeat, cooldown=timedelta(minutes=7), expires_on=at(f"{DAYS[1]} 10:00").date())
        await home.add(made)
        known = 0
        tellings: list[datetime] = []
        for now, (what, value) in zip(TIMES, told, strict=False):
            before = home.app.house.watchlist.current("w1")
            assert before is not None
            allowed = may_be_told(home, before, now)
            await take(home, what, value, now)
            alerts = await home.alerts()
            fresh, known = alerts[known:], len(alerts)
            assert not fresh or before.live_at(now), "a watch that rests fired"
            for alert in fresh:
                assert not alert.reason.tells or allowed, f"told though {before.state} or quiet"
                if alert.reason.tells:
                    tellings.append(alert.at)
        if repeat is Repeat.EVERY_TIME:
            assert all(later - first >= timedelta(minutes=7) for first, later in itertools.pairwise(tellings))
        # When everything is over, every alert that was to be told has its message, and each just one.
        await home.app.house.digest.set_quiet_hours(OWNER, None)
        home.clock.set(TIMES[-1] + timedelta(hours=1))
        await home.app.duties.tell_held_back()
        wanted = {one.id for one in await home.alerts() if one.reason.tells or one.reason is Reason.QUIET_HOURS}
        rows = [each for row in home.store._outbox.values() for each in row.alert_ids]
        assert sorted(rows) == sorted(wanted)


@settings(max_examples=60)
@given(st.sampled_from(Repeat), steps)
def test_a_watch_that_rests_or_is_silenced_tells_nothing_and_no_telling_is_lost(
    repeat: Repeat, told: list[tuple[str, Any]]
) -> None:
    asyncio.run(story(repeat, told))
