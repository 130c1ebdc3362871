"""Two taps, two chats, two processes on one database: one order."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import pytest

from bot.language.names import Names
from core.messages import Chat, Incoming
from core.orders import OrderState
from tests.e2e.killed_life import STEPS, STORIES, Fuse, Life
from tests.e2e.test_kill_points import House, begun, facts_of, forks
from tests.fakes import migrated

STORY: Final = "bought in two parts"
CHATS: Final = (Chat("script", "local"), Chat("console", "local"))
ROUNDS: Final = 8
NAMES: Final = Names.seed()


async def tapped(life: Life, chat: Chat, command: str) -> None:
    await life.app.inbox.receive(Incoming(chat=chat, user="local", name="我", press=command, at=life.clock.now()))


@pytest.mark.parametrize("taps", [2, 5])
async def test_taps_in_two_chats_of_one_process_make_one_order(taps: int, tmp_path: Path) -> None:
    life = Life(begun(tmp_path / "one"), STORIES[STORY], Fuse(), 0, NAMES)
    async with life.lived():
        await life.ask()
        [command] = life.phone.presses("确认")
        await asyncio.gather(*(tapped(life, chat, command) for chat in CHATS * taps))
        await life.settled()
        [order] = await life.store.orders()
        assert life.exchange.placed() == {order.id: 1}
        await life.trade()
        [order] = await life.store.orders()
        assert order.state is OrderState.FILLED


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_taps_in_two_houses_over_one_database_make_one_order(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = migrated.server(request.getfixturevalue("postgresql")) if kind == "postgresql" else None
    folder = begun(tmp_path / "shared")
    lives = [Life(folder, STORIES[STORY], Fuse(), number, NAMES, url=url) for number in range(2)]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(lives[0].lived())
        await lives[0].ask()
        await stack.enter_async_context(lives[1].lived())
        [command] = lives[0].phone.presses("确认")
        await asyncio.gather(*(tapped(life, chat, command) for life in lives for chat in CHATS))
        [order] = await lives[1].store.orders()
        assert lives[1].exchange.placed() == {order.id: 1}
        for life in lives:
            await life.app.house.blotter.look_up()
            await life.settled()
        lives[0].exchange.run_out(lives[0].clock.now())
        for life in reversed(lives):
            await life.app.house.blotter.look_up()
            await life.settled()
        [order] = await lives[0].store.orders()
        assert (order.state, order.filled) == (OrderState.FILLED, 100)
        assert len(await lives[0].store.fills()) == 2


@pytest.fixture
def houses() -> Iterator[tuple[House, House]]:
    pair = House(), House()
    yield pair
    for house in pair:
        house.close()


@forks
@pytest.mark.timeout(600)
def test_two_processes_that_wake_up_over_the_same_card_place_it_once(
    houses: tuple[House, House], tmp_path: Path
) -> None:
    folder = begun(tmp_path / "whole")
    assert houses[0].live(folder, STORY, 0, 0) == "lived"
    steps = json.loads((folder / STEPS).read_text(encoding="utf-8"))
    shown = next(number for number, what in enumerate(steps, 1) if what.startswith("shown: 📝"))
    for number in range(ROUNDS):
        folder = begun(tmp_path / str(number))
        assert houses[0].live(folder, STORY, shown + number, 0) == "killed"
        with ThreadPoolExecutor(2) as pool:
            ended = list(pool.map(House.live, houses, [folder] * 2, [STORY] * 2, [0, 0], [1, 2]))
        assert ended == ["lived", "lived"]
        assert houses[0].live(folder, STORY, 0, 3) == "lived"
        facts = facts_of(folder)
        assert list(facts["placed"].values()) == [1]
        assert list(facts["orders"].values()) == [OrderState.FILLED]
        assert facts["fills"] == facts["trades"]
        assert facts["journal"] is None
        assert facts["differences"] == []
        shutil.rmtree(folder)
