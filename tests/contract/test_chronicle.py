"""Does every store remember what /why is asked about?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.stores import sql
from core.chronicle import Entry, Kind, turned
from core.clock import SystemClock
from core.errors import Unavailable
from core.ports import Store
from tests.contract.test_stores import MAOTAI, NOW, WANKE, Place, alert, arm, message, place, store, watch

__all__ = ["Place", "place", "store"]

MINUTE = timedelta(minutes=1)
MIDNIGHT = datetime(2026, 3, 23, tzinfo=UTC)


def entry(subject: str = "WATCH001", minute: int = 0, kind: Kind = Kind.ARMED, **changes: Any) -> Entry:
    return Entry(subject, MIDNIGHT + minute * MINUTE, kind, **changes)


FULL = entry(
    symbol=MAOTAI,
    group=2,
    stamp=MIDNIGHT - timedelta(milliseconds=1),
    reading=1_419_090,
    bound=-(2**62),
    detail=7,
    note="腾讯 😀",
)


async def test_an_entry_comes_back_as_it_went_in(store: Store) -> None:
    await store.save_entries([FULL, entry("", kind=Kind.BLIND)])
    assert await store.entries(["WATCH001"]) == [FULL]
    [blind] = await store.entries([""])
    assert blind == entry("", kind=Kind.BLIND)
    assert isinstance(blind.kind, Kind)


async def test_an_entry_with_the_key_of_another_takes_its_place(store: Store) -> None:
    longer = FULL._replace(stamp=MIDNIGHT + MINUTE, detail=8)
    await store.save_entries([FULL])
    await store.save_entries([longer, FULL._replace(group=3)])
    assert await store.entries(["WATCH001"]) == [FULL._replace(group=3), longer]


async def test_entries_come_newest_first_of_the_subjects_and_kinds_that_are_asked_for(store: Store) -> None:
    paused, resumed = entry(minute=1, kind=Kind.PAUSED), entry(minute=1, kind=Kind.RESUMED)
    other, later = entry("OTHER", 2), entry(minute=3)
    await store.save_entries([later, paused, other, resumed])
    assert await store.entries(["WATCH001"]) == [later, resumed, paused]
    assert await store.entries(["WATCH001", "OTHER"], limit=2) == [later, other]
    assert await store.entries(None, kinds={Kind.PAUSED, Kind.RESUMED}) == [resumed, paused]
    assert await store.entries([]) == []


async def test_what_lasted_into_a_span_belongs_to_it_and_its_end_does_not(store: Store) -> None:
    doubt = entry(MAOTAI, 1, Kind.DOUBT, stamp=MIDNIGHT + 5 * MINUTE)
    quoted = entry(MAOTAI, 2, stamp=MIDNIGHT + 5 * MINUTE)
    await store.save_entries([doubt, quoted])
    assert await store.entries([MAOTAI], since=MIDNIGHT + 4 * MINUTE, until=MIDNIGHT + 6 * MINUTE) == [doubt]
    assert await store.entries([MAOTAI], since=MIDNIGHT + 6 * MINUTE) == []
    assert await store.entries([MAOTAI], until=MIDNIGHT + MINUTE) == []
    assert await store.entries([MAOTAI], until=MIDNIGHT + 2 * MINUTE) == [doubt]


async def test_old_entries_are_forgotten(store: Store) -> None:
    await store.save_entries([entry(minute=1), entry(minute=2), entry(WANKE, 1)])
    assert await store.forget_entries(MIDNIGHT + 2 * MINUTE) == 2
    assert await store.entries(None) == [entry(minute=2)]


async def test_what_became_of_a_watch_is_stored_with_it_or_not_at_all(store: Store) -> None:
    made = await store.add_watch(watch(), [arm()], [turned(watch(), Kind.MADE, MIDNIGHT)])
    await store.save_watch(made, [], [turned(made, Kind.PAUSED, MIDNIGHT + MINUTE)])
    await store.fire([alert()], [], [], [], [message()], [turned(made, Kind.DONE, MIDNIGHT + 2 * MINUTE)])
    told = [one.kind for one in await store.entries(["WATCH001"])]
    assert told == [Kind.DONE, Kind.PAUSED, Kind.MADE]
    with pytest.raises(Unavailable):
        await store.fire([alert()], [], [], [], [], [turned(made, Kind.DONE, MIDNIGHT + 3 * MINUTE)])
    with pytest.raises(Unavailable):
        await store.save_watch(watch("B", number=1), [], [turned(watch("B"), Kind.PAUSED, MIDNIGHT)])
    assert [one.kind for one in await store.entries(None)] == told


async def test_many_thousands_of_entries_are_one_step(store: Store) -> None:
    await store.save_entries([entry(f"W{number}") for number in range(5000)])
    assert len(await store.entries(None)) == 5000


async def test_alerts_of_a_span_of_time_leave_out_its_end(store: Store) -> None:
    rows = [alert(f"A{minute}", at=NOW + minute * MINUTE) for minute in range(3)]
    await store.fire(rows, [], [], [], [])
    assert await store.alerts("me", since=NOW + MINUTE, until=NOW + 2 * MINUTE) == [rows[1]]
    assert await store.alerts("me", MAOTAI, since=NOW + 2 * MINUTE) == [rows[2]]


async def test_a_year_of_a_hundred_watches_is_a_megabyte_and_a_half(tmp_path: Path) -> None:
    file = tmp_path / "dingpan.db"
    store = sql.connect(file)
    clock = SystemClock()
    watches = [(clock.new_id(), f"{600000 + number}.SH") for number in range(100)]

    def pages() -> int:
        with closing(sqlite3.connect(file)) as other:
            return int(other.execute("PRAGMA page_count").fetchone()[0]) * 4096

    before, days = pages(), 60
    for day in range(days):
        close = MIDNIGHT + timedelta(days=day, hours=7)
        reached = 0, close - 91 * MINUTE, 1_402_100 + day, 1_400_000, 1
        await store.save_entries([Entry(one, close, Kind.NEAREST, symbol, *reached) for one, symbol in watches])
    await store.close()
    assert (pages() - before) / days * 250 < 1_700_000
