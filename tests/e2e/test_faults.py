"""The database fails at every write, the counter is cut off at every call: one order or none, and the person knows which."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from sqlalchemy import Connection

from adapters.stores.opening import Begin
from bot import assembly
from bot.language.names import Names
from core.errors import Unavailable
from core.orders import Order, Report
from core.portfolio import Account
from tests.e2e.killed_life import STORIES, Fuse, Life, SteppingStore, Story
from tests.e2e.test_kill_points import begun, wrong
from tests.fakes.exchange import ExchangeBroker

T = TypeVar("T")
NAMES: Final = Names.seed()
TOLD_STORIES: Final = ("bought in two parts", "sold in part and cancelled")


class FailingStore(SteppingStore):
    """A database that fails at one of its writes: ``before`` it is done, or ``after``, when only the answer is lost.

    Attributes:
        fails_at: counts from 1.
        times: so many writes in a row.
    """

    fails_at = 0
    times = 1
    how = "before"
    writes = 0
    failed = 0

    def _transact(self, how: Begin, step: Callable[[Connection], T]) -> T:
        if how is Begin.READ:
            return super()._transact(how, step)
        self.writes += 1
        fails = self.fails_at <= self.writes < self.fails_at + self.times
        self.failed += fails
        lost = Unavailable("数据库", "连接断了。请稍后再试。")
        if fails and self.how == "before":
            raise lost
        done = super()._transact(how, step)
        if fails:
            raise lost
        return done


class CutBroker(ExchangeBroker):
    """A counter whose line is cut at one of its calls: before the question gets there, or before the answer comes back.

    Attributes:
        cut_at: counts from 1.
        times: so many calls in a row.
    """

    cut_at = 0
    times = 1
    how = "before"
    calls = 0
    failed = 0

    def _cut(self, how: str) -> None:
        if how == "before":
            self.calls += 1
        if how == self.how and self.cut_at <= self.calls < self.cut_at + self.times:
            self.failed += 1
            raise Unavailable(self.name, "连接断了")

    async def submit(self, order: Order) -> None:
        self._cut("before")
        await super().submit(order)
        self._cut("after")

    async def cancel(self, order: Order) -> None:
        self._cut("before")
        await super().cancel(order)
        self._cut("after")

    async def find(self, order_id: str) -> Sequence[Report] | None:
        self._cut("before")
        found = await super().find(order_id)
        self._cut("after")
        return found

    async def snapshot(self) -> Account:
        self._cut("before")
        found = await super().snapshot()
        self._cut("after")
        return found


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the database did not take is tried again without a pause."""
    monkeypatch.setattr(assembly, "STORE_RETRY", 0.0)


@asynccontextmanager
async def house(folder: Path, story: Story, number: int = 0) -> AsyncIterator[Life]:
    if number == 0:
        begun(folder)
    life = Life(folder, story, Fuse(), number, NAMES, over=FailingStore, counter=CutBroker)
    async with life.lived():
        yield life


async def lived_with(life: Life, prepare: Callable[[Life], None]) -> None:
    """The whole story while something fails, and what the person does then."""
    prepare(life)
    await life.begin()
    life.clock.advance(timedelta(seconds=45))
    await life.finish(at_once=True)


async def came_back(folder: Path, story: Story) -> dict[str, Any]:
    """The facts after a restart in which nothing fails."""
    async with house(folder, story, 3) as life:
        await life.finish(at_once=True)
        return await life.facts()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("story", TOLD_STORIES)
async def test_a_database_that_fails_at_any_write_makes_no_second_order_and_loses_none(
    story: str, times: int, how: str, tmp_path: Path
) -> None:
    broken = {}
    for number in count(1):
        folder = tmp_path / str(number)
        async with house(folder, STORIES[story]) as life:
            store = life.store
            assert isinstance(store, FailingStore)

            def prepare(_life: Life, store: FailingStore = store, number: int = number) -> None:
                store.fails_at, store.times, store.how = store.writes + number, times, how

            await lived_with(life, prepare)
            failed = store.failed
        facts = await came_back(folder, STORIES[story])
        if faults := wrong(facts, times):
            broken[number] = faults
        if not failed:
            break
    assert not broken
    assert number > 10


@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("story", TOLD_STORIES)
async def test_a_counter_cut_off_at_any_call_makes_no_second_order_and_loses_none(
    story: str, times: int, how: str, tmp_path: Path
) -> None:
    broken = {}
    for number in count(1):
        folder = tmp_path / str(number)
        async with house(folder, STORIES[story]) as life:
            broker = life.broker
            assert isinstance(broker, CutBroker)

            def prepare(_life: Life, broker: CutBroker = broker, number: int = number) -> None:
                broker.cut_at, broker.times, broker.how = broker.calls + number, times, how

            await lived_with(life, prepare)
            failed = broker.failed
        facts = await came_back(folder, STORIES[story])
        if faults := wrong(facts, times):
            broken[number] = faults
        if not failed:
            break
    assert not broken
    assert number > 5
