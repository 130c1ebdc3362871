"""Nothing is lost between one process and the next: watches of every kind, and what is remembered of their rules."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.stores import sql
from core.conditions import TrailingStop
from core.watches import Arm, Repeat, RuleKey, Watch, WatchState
from tests.fakes import migrated
from tests.fakes.parts import Home, at, house, watch
from tests.properties.test_rulebook import ROWS, SYMBOLS, WATCHES, Row, as_quote

FRAMES = st.lists(st.tuples(ROWS, ROWS, ROWS), max_size=12)
REPEATS = st.sampled_from([*Repeat])


def memory(home: Home) -> tuple[dict[str, Watch], dict[RuleKey, Arm]]:
    watches = {one.id: one for one in home.app.house.watchlist.everything()}
    rules = [rule for one in watches for rule in home.app.house.book.rules_of(one)]
    return watches, {rule.key: rule.arm for rule in rules}


async def live_twice(file: Path, watches: list[Watch], frames: list[tuple[Row, Row, Row]]) -> None:
    store: Any = sql.connect(file)
    now = at("10:00")
    async with house("09:00", store=store) as home:
        for one in watches:
            await home.add(one)
        for rows in frames:
            now += timedelta(seconds=3)
            await home.show(*(as_quote(symbol, row, now) for symbol, row in zip(SYMBOLS, rows, strict=True)))
        await home.app.house.dispatcher.keep_peaks()
        before = memory(home)
    async with house("11:00", store=store) as home:
        assert memory(home) == before
    await store.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[*HealthCheck])
@given(made=st.lists(st.tuples(WATCHES, REPEATS, st.booleans()), min_size=1, max_size=4), frames=FRAMES)
def test_a_restart_forgets_nothing(made: list[tuple[Watch, Repeat, bool]], frames: list[tuple[Row, Row, Row]]) -> None:
    watches = [
        one.model_copy(
            update={
                "id": f"{one.id}{number}",
                "repeat": repeat,
                "state": WatchState.PAUSED if paused else WatchState.ACTIVE,
            }
        )
        for number, (one, repeat, paused) in enumerate(made)
    ]
    # A new high turns no rule, and must be kept all the same.
    watches.append(watch(TrailingStop(value=Decimal(1)), id="trail", symbols=SYMBOLS, repeat=Repeat.EVERY_TIME))
    with TemporaryDirectory() as folder:
        asyncio.run(live_twice(migrated.file(Path(folder) / "dingpan.db"), watches, frames))
