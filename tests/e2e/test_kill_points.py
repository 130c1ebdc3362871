"""Killed by SIGKILL at any step from the sentence to the last message, the house places one order or none, and says which.

See :mod:`tests.e2e.killed_life` for what a step is. Each life goes on from an empty database; after the kill
another process takes over, is sometimes killed as well, and the person answers what is on the screen, taps the old
buttons again, and reads. Then the exchange is asked.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, NamedTuple

import pytest

from core.orders import OrderState
from core.tickets import TicketState
from tests.e2e.killed_life import DATABASE, FACTS, STEPS, STORIES
from tests.fakes import migrated

ROOT: Final = Path(__file__).parents[2]
POINTS: Final = 44
"""Kills per story; there are five stories."""
KILLED_AGAIN: Final = 4
"""Of so many kills one is followed by another, in the life that takes over."""
STOPPED: Final = ("INSERT INTO orders", "placed, not answered", "a report comes in")
"""Where a process that nobody forked is killed from outside."""
STOPPED_STORY: Final = "bought in two parts"
HOUSES: Final = 2
SEED: Final = 20_261_118
O, T = OrderState, TicketState  # noqa: E741

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="KILL POINTS WERE NOT TRIED: this system cannot fork")


class House:
    """A process that makes lives."""

    def __init__(self, *words: str) -> None:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.killed_life", *words],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        assert self._heard() == "ready"

    def _heard(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def live(self, folder: Path, story: str, at: int, life: int) -> str:
        assert self._process.stdin is not None
        asked = {"folder": str(folder), "story": story, "at": at, "life": life}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._heard().strip('"')

    def kill(self) -> None:
        self._process.kill()
        self.close()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


class Kill(NamedTuple):
    """Where to kill.

    Attributes:
        at: the step; what it is called is only for whoever reads a failure.
        again: the step of the next life at which that one is killed too; 0 lets it live.
        back: the number of the life that takes over, which says how soon it does.
    """

    story: str
    at: int
    what: str
    again: int
    back: int


@pytest.fixture(scope="module")
def houses() -> Iterator[SimpleQueue[House]]:
    made = [House() for _ in range(HOUSES)]
    free: SimpleQueue[House] = SimpleQueue()
    for house in made:
        free.put(house)
    yield free
    for house in made:
        house.close()


def begun(folder: Path) -> Path:
    """A folder with a database in which nothing has happened yet."""
    migrated.file(folder / DATABASE)
    return folder


def facts_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return found


_DECIDED: Final = re.compile("由 (?:我|自动交易（我 设的）) 确认")


def wrong(facts: dict[str, Any], kills: int = 1) -> list[str]:
    """Every promise that is not kept, in words; the facts are those of :meth:`Life.facts`.

    A kill between the sending of a message and the note that it was sent makes it come once more. An older copy of a
    card then stays on the screen as it was; its buttons were tapped too.
    """
    tickets, orders, placed = facts["tickets"], facts["orders"], facts["placed"]
    rules = {
        "an order was placed twice": max(placed.values(), default=0) <= 1,
        "an order was placed that nobody approved": set(placed) <= set(orders),
        "one sentence made several tickets or none": len(tickets) == 1,
        "a card was shown whose ticket is lost": set(facts["ever"]) <= set(tickets),
        "a ticket was not decided": all(state == T.APPROVED for state in tickets.values()),
        "an approved ticket has no order": set(facts["order_of"]) == set(tickets),
        "an order is not over": all(O(state).final for state in orders.values()),
        "an order is not as the exchange has it": all(orders[one] == state for one, state in facts["exchange"].items()),
        "an order is said to be there that is not": all(
            one in placed or state == O.REJECTED for one, state in orders.items()
        ),
        "a fill is lost or made up": facts["fills"] == facts["trades"],
        "the account is not as it was last seen": facts["cash"] == facts["cash seen"],
        "a message waits for ever": facts["unsent"] == 0,
        "the journal is broken": facts["journal"] is None and facts["differences"] == [],
        "a card stands too often or not at all": all(1 <= len(cards) <= 1 + kills for cards in facts["cards"].values()),
        "a card can still be answered": all("确认'" not in cards[-1] for cards in facts["cards"].values()),
        "a card does not say who decided": all(_DECIDED.search(cards[-1]) for cards in facts["cards"].values()),
        "what went without a tap is not counted": all(
            facts["by policy"] or "由 自动交易" not in cards[-1] for cards in facts["cards"].values()
        ),
    }
    return [rule for rule, kept in rules.items() if not kept] + untold(facts, kills)


TITLES: Final = {
    O.FILLED: "已成交·实盘",
    O.CANCELLED: "已撤单·实盘",
    O.REJECTED: "委托没有成功·实盘",
}


def untold(facts: dict[str, Any], kills: int) -> list[str]:
    """What was not told of the orders, or told otherwise than it is."""
    found = []
    for order_id, state in facts["orders"].items():
        news = [text for text in facts["told"] if order_id in text and "·实盘" in text.splitlines()[0]]
        ends = [text for text in news if any(title in text.splitlines()[0] for title in TITLES.values())]
        if not ends or any(TITLES[O(state)] not in text.splitlines()[0] for text in ends):
            found.append(f"the end of an order that is {state} was told as {ends}")
        if any(news.count(text) > 1 + kills for text in news):
            found.append(f"something was told too often: {news}")
        trades = sum(news.index(text) == place and "成交价" in text for place, text in enumerate(news))
        if trades != len(facts["trades"]):
            found.append(f"{trades} trades were told of {facts['trades']}")
    return found


def first_life(house: House, folder: Path, story: str) -> list[str]:
    """The steps of a life that nobody ends."""
    assert house.live(folder, story, 0, 0) == "lived"
    steps: list[str] = json.loads((folder / STEPS).read_text(encoding="utf-8"))
    return steps


def chosen(story: str, steps: Sequence[str], count: int) -> list[Kill]:
    """Seeded kills, spread over all steps."""
    dice = random.Random(f"{SEED} {story}")
    kills = []
    for number in range(count):
        first, last = number * len(steps) // count, (number + 1) * len(steps) // count
        at = dice.randrange(first, max(last, first + 1))
        again = dice.randrange(1, 120) if number % KILLED_AGAIN == 0 else 0
        kills.append(Kill(story, at + 1, steps[at], again, dice.choice([1, 2])))
    return kills


def killed(houses: SimpleQueue[House], folder: Path, kill: Kill) -> list[str]:
    """Kill one life, let another one take over, and say what is wrong then."""
    house = houses.get()
    try:
        if (ended := house.live(folder, kill.story, kill.at, 0)) != "killed":
            return [f"it should have been killed, and {ended}"]
        if kill.again:
            house.live(folder, kill.story, kill.again, kill.back)
        if (ended := house.live(folder, kill.story, 0, 3 if kill.again else kill.back)) != "lived":
            return [f"the life after it {ended}"]
        return wrong(facts_of(folder), 2 if kill.again else 1)
    finally:
        houses.put(house)


@forks
@pytest.mark.timeout(600)
@pytest.mark.parametrize("story", STORIES)
def test_killed_at_any_step_it_places_one_order_or_none_and_says_which(
    story: str, houses: SimpleQueue[House], tmp_path: Path
) -> None:
    house = houses.get()
    steps = first_life(house, begun(tmp_path / "whole"), story)
    houses.put(house)
    kills = chosen(story, steps, POINTS)
    folders = [begun(tmp_path / str(number)) for number in range(len(kills))]
    with ThreadPoolExecutor(HOUSES) as pool:
        found = list(pool.map(killed, [houses] * len(kills), folders, kills))
    broken = {kill: faults for kill, faults in zip(kills, found, strict=True) if faults}
    assert not broken, "\n".join(f"{kill}: {faults}" for kill, faults in broken.items())


@pytest.fixture(scope="module")
def whole_life(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The steps of a process that nobody forked."""
    house = House("--stop")
    try:
        return first_life(house, begun(tmp_path_factory.mktemp("whole") / "life"), STOPPED_STORY)
    finally:
        house.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("where", STOPPED)
def test_a_process_of_its_own_is_killed_from_outside_on_every_system(
    where: str, whole_life: list[str], tmp_path: Path
) -> None:
    at = next(number for number, what in enumerate(whole_life, 1) if what.startswith(where))
    folder = begun(tmp_path / "killed")
    victim, heir = House("--stop"), House("--stop")
    assert victim.live(folder, STOPPED_STORY, at, 0) == "stopped"
    victim.kill()
    assert heir.live(folder, STOPPED_STORY, 0, 2) == "lived"
    heir.close()
    assert wrong(facts_of(folder)) == []


def test_at_least_two_hundred_points_are_tried() -> None:
    assert POINTS * len(STORIES) >= 200
