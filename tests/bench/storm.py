"""What ten thousand alerts in one snapshot do: is anything lost, how many messages come, how long is the loop kept.

The house is the real one over one SQLite file. A ticker asks for a turn every millisecond; the longest time it had to
wait beyond that is how long nobody else would have been served. Its first wait begins with the snapshot and holds the
judging of all rules at once.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from adapters.brokers import paper
from adapters.models import scripted
from adapters.stores import sql
from bot.assembly import App, assemble
from bot.language.names import Names
from bot.main import spare_the_living
from core.conditions import PriceAbove
from core.messages import Chat
from core.watches import Repeat, Watch
from tests.bench.path import START, THRESHOLD, Clock, Market, Silent
from tests.fakes.parts import Phone

ALERTS: Final = 10_000
PEOPLE: Final = 1_000
GOAL_MS: Final = 50.0
TICK: Final = 0.001


class Ticker:
    """Records how long it waited for each of its turns, in milliseconds."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def run(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(TICK)
            now = time.perf_counter()
            self.waits.append((now - last - TICK) * 1000)
            last = now


def _watches(clock: Clock, market: Market, alerts: int, people: int) -> list[Watch]:
    """So many watches, one share each, dealt out among the people."""
    return [
        Watch(
            id=clock.new_id(),
            number=place // people + 1,
            owner=f"person{place % people}",
            chat=Chat("phone", str(place % people)),
            account="paper",
            symbols=(market.symbols[place % len(market.symbols)],),
            conditions=(PriceAbove(value=THRESHOLD),),
            repeat=Repeat.EVERY_TIME,
            cooldown=timedelta(0),
            created_at=START,
        )
        for place in range(alerts)
    ]


async def _count(app: App) -> tuple[int, int]:
    """Stored alerts, and those of them that a message tells."""
    alerts = await app.house.store.alerts_since(START)
    told: set[str] = set()
    for start in range(0, len(alerts), 1000):
        rows = await app.house.store.deliveries([one.id for one in alerts[start : start + 1000]])
        told.update(each for row in rows for each in row.alert_ids)
    return len(alerts), len(told & {one.id for one in alerts})


async def storm(alerts: int, people: int) -> dict[str, Any]:
    """One snapshot in which every watch fires, until the last message is out."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dingpan-bench-")))
        clock = Clock()
        market = Market(clock)
        store = sql.connect(f"sqlite:///{folder / 'bench.db'}")
        stack.push_async_callback(store.close)
        broker = paper.connect(
            path=folder / "paper.db", account="paper", name="模拟账户", clock=clock, cash=Decimal(1_000_000)
        )
        stack.push_async_callback(broker.close)
        app = assemble(
            store=store,
            clock=clock,
            source=Silent(),
            brokers=[broker],
            names=Names.seed(),
            adviser=scripted.connect(),
            about="",
        )
        await store.fire([], [], _watches(clock, market, alerts, people), [], [])
        await app.load()
        spare_the_living()
        phone = Phone()

        async def live() -> None:
            async with asyncio.TaskGroup() as group:
                app.start(group, {phone.name: phone})

        living = asyncio.create_task(live())
        stack.push_async_callback(asyncio.wait, [living])
        stack.callback(living.cancel)
        await app.house.engine.on_frame(market.frame())
        ticker = Ticker()
        ticking = asyncio.create_task(ticker.run())
        stack.callback(ticking.cancel)
        await asyncio.sleep(10 * TICK)
        ticker.waits.clear()
        high = market.frame(slice(None))
        began = time.perf_counter()
        await app.house.engine.on_frame(high)
        stored = time.perf_counter() - began
        await app.house.notifier.drained()
        everything = time.perf_counter() - began
        waits = list(ticker.waits)
        ticking.cancel()
        kept, told = await _count(app)
        return {
            "alerts": alerts,
            "people": people,
            "stored": kept,
            "told": told,
            "lost": alerts - min(kept, told),
            "messages": len(phone.calls),
            "stored_s": round(stored, 3),
            "sent_s": round(everything, 3),
            "judging_block_ms": round(waits[0], 1),
            "longest_block_ms": round(max(waits), 1),
            "longest_block_after_judging_ms": round(max(waits[1:]), 1),
        }


async def measure(alerts: int = ALERTS, people: int = PEOPLE) -> dict[str, Any]:
    """The same storm over one person and over many."""
    thresholds = gc.get_threshold()
    try:
        one, many = await storm(alerts, 1), await storm(alerts, people)
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
    return {"bench": "storm", "goal_block_ms": GOAL_MS, "one": one, "many": many}


def run() -> dict[str, Any]:
    return asyncio.run(measure())


def text(result: Mapping[str, Any]) -> str:
    """The result for people."""
    lines = []
    for case in (result["one"], result["many"]):
        within = "within" if case["longest_block_ms"] <= result["goal_block_ms"] else "ABOVE"
        lines += [
            (
                f"storm: {case['alerts']} alerts in one snapshot for {case['people']} people: {case['lost']} lost,"
                f" {case['messages']} messages, stored in {case['stored_s']:.2f} s, sent in {case['sent_s']:.2f} s"
            ),
            (
                f"    the loop was kept for {case['longest_block_ms']:.1f} ms at most, {within} the goal of"
                f" {result['goal_block_ms']:.0f} (judging all at once {case['judging_block_ms']:.1f},"
                f" afterwards {case['longest_block_after_judging_ms']:.1f})"
            ),
        ]
    return "\n".join(lines)
