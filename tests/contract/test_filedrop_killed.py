"""The file-drop account while things are killed: at every step of the script, and at every step of the bot."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import Refused, Unavailable
from core.orders import Order, ReportKind
from tests.fakes.bigqmt_host import Exchange
from tests.fakes.filedrop import ORDER, ROOT, Client, World


@pytest.fixture
def clients() -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(folder: Path, at: float, **limits: Any) -> Client:
        made.append(Client(folder, at, **limits))
        return made[-1]

    yield make
    for client in made:
        client.kill()


async def steps_of_an_order(folder: Path, make: Callable[..., Client], hang: int) -> tuple[Client, str, World]:
    """Let an order be approved while the client hangs before this step."""
    world = World(folder)
    world.exchange.forget()
    client = make(folder, world.clock.now().timestamp() + 20)
    world.clock.advance(timedelta(seconds=20))
    for _ in range(2):
        client.do("tick", at=world.clock.now().timestamp())
    client.do("hang", at=hang)

    async def sleep(seconds: float) -> None:
        world.clock.advance(timedelta(seconds=seconds))
        client.do("tick", at=world.clock.now().timestamp())

    world.broker = world.connect(sleep=sleep)
    try:
        await world.broker.submit(world.order())
    except (Refused, Unavailable) as error:
        return client, type(error).__name__, world
    return client, "sent", world


async def test_a_script_killed_at_any_step_has_placed_one_order_or_none(
    tmp_path: Path, clients: Callable[..., Client]
) -> None:
    came_to: dict[str, set[tuple[str, int]]] = {}
    hang = 0
    while True:
        hang += 1
        folder = tmp_path / str(hang)
        folder.mkdir()
        client, said, world = await steps_of_an_order(folder, clients, hang)
        hangs = client.hangs
        client.kill()
        if said == "Unavailable":
            with pytest.raises(Unavailable, match="不知道有没有下单"):
                await world.broker.find(ORDER)
        world.clock.advance(timedelta(seconds=12))
        anew = clients(folder, world.clock.now().timestamp())
        for _ in range(3):
            world.clock.advance(timedelta(seconds=1))
            anew.do("tick", at=world.clock.now().timestamp())
        placed = Exchange(str(folder / "exchange.json")).placed(ORDER)
        assert placed <= 1, hangs
        try:
            kinds = await world.kinds()
        except Unavailable:
            kinds = []
        if said == "Refused":
            assert (placed, kinds) == (0, [ReportKind.REJECTED]), hangs
        if placed:
            assert kinds == [ReportKind.ACCEPTED], hangs
        else:
            # What was not noted was never sent; what was noted and does not show may live.
            assert kinds == ([ReportKind.REJECTED] if said == "Refused" or hangs in {"makedirs", "open"} else []), hangs
        came_to.setdefault(hangs or "nothing", set()).add((said, placed))
        anew.close()
        if not hangs:
            break
    assert hang > 12
    assert ("Unavailable", 0) in came_to["passorder"]
    assert came_to["nothing"] == {("sent", 1)}


@pytest.fixture
def bots() -> Iterator[Callable[[World, Order, int], subprocess.Popen[str]]]:
    made: list[subprocess.Popen[str]] = []

    def make(world: World, order: Order, step: int) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "tests.fakes.filedrop_bot",
            str(world.drop),
            order.model_dump_json(),
            str(step),
        ]
        made.append(
            subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
            )
        )
        return made[-1]

    yield make
    for bot in made:
        bot.kill()
        bot.wait()
        for pipe in (bot.stdin, bot.stdout):
            assert pipe is not None
            pipe.close()


async def test_a_bot_killed_at_any_step_finds_one_order_or_none(
    tmp_path: Path, bots: Callable[[World, Order, int], subprocess.Popen[str]]
) -> None:
    came_to: dict[str, tuple[int, list[ReportKind]]] = {}
    step = 0
    while True:
        step += 1
        (tmp_path / str(step)).mkdir()
        world = World(tmp_path / str(step))
        bot = bots(world, world.order(), step)
        assert bot.stdin is not None
        assert bot.stdout is not None
        said = "wait"
        while said == "wait":
            said = bot.stdout.readline().strip()
            if said == "wait":
                world.host.tick()
                bot.stdin.write("\n")
                bot.stdin.flush()
        bot.kill()
        try:
            first = await world.kinds()
        except Unavailable:  # it was taken, and the list does not show it yet
            first = [ReportKind.ACCEPTED]
        world.tick(5)
        kinds = await world.kinds()
        assert kinds == first, said
        placed = world.exchange.placed(ORDER)
        assert placed == (1 if ReportKind.ACCEPTED in kinds else 0), said
        came_to[said] = (placed, kinds)
        if not said.startswith("hangs"):
            break
    assert came_to["hangs after prepare"] == (0, [])
    assert came_to["hangs after hand_in"] == (0, [ReportKind.REJECTED])
    assert came_to["sent"] == (1, [ReportKind.ACCEPTED])
