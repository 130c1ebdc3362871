"""Watches on holdings follow, whatever people do to them meanwhile."""

from __future__ import annotations

import asyncio

from core.conditions import PctDown
from tests.fakes.parts import MOUTAI, ShakyStore, house, until, watch

HALF = PctDown.model_validate({"value": 5})


async def test_a_watch_that_is_deleted_while_another_follows_ends_nothing() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        await home.add(watch(HALF, id="a", scope="holdings", symbols=(MOUTAI,)))
        gone, _ = await home.add(watch(HALF, id="b", scope="holdings", symbols=(MOUTAI,)))
        gate = store.hold("save_watch")
        judging = asyncio.create_task(home.tick("10:00", "1430"))
        await until(lambda: "save_watch" in store.asked)
        deleting = asyncio.create_task(home.app.house.watchlist.delete(gone))
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(judging, deleting)
        assert [one.symbols for one in home.app.house.watchlist.everything()] == [()]
