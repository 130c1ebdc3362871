"""How long from a frame to the request that tells the alert, and how that compares to the least that it can be.

The floor is two compares over the symbols and one bare POST with httpx, answered by the same server as the alerts. All
is measured by turns, so that a busy machine is busy for each of them. The frame's arrays are ready beforehand; the clock
runs from the moment the engine is handed the frame to the first byte of the request at the server, or of the last
request where the alerts need several.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, cast

import httpx
import numpy as np

from adapters.brokers import paper
from adapters.channels import telegram
from adapters.models import scripted
from adapters.stores import sql
from bot.assembly import App, assemble
from bot.command import menu
from bot.language.names import Names
from core.clock import MARKET_ZONE, ManualClock, SystemClock
from core.completions import Completion, Prompt
from core.conditions import PriceAbove
from core.frames import COUNTS, PRICES, RATES, Frame, Ints, Quote
from core.messages import Chat
from core.ports import Model, Store
from core.types import Symbol
from core.watches import Repeat, Watch

SYMBOLS: Final = 5400
MANY: Final = 100
WARM_UP: Final = 10
ROUNDS: Final = 100
FLOORS_A_ROUND: Final = 3
CHAT: Final = Chat("telegram", "42")
START: Final = datetime(2026, 11, 18, 10, 0, tzinfo=MARKET_ZONE)
LOW: Final = 10_000
HIGH: Final = 10_600
THRESHOLD: Final = Decimal("10.50")
GOAL: Final = 3.0
AT_ONCE: Final = telegram.Rate(1_000_000, 1e-9)
"""Telegram's own pace would be measured otherwise."""


@dataclass
class Samples:
    """Durations of one case in nanoseconds: the whole, and its parts in order."""

    whole: list[int] = field(default_factory=list)
    judged: list[int] = field(default_factory=list)
    stored: list[int] = field(default_factory=list)
    requested: list[int] = field(default_factory=list)
    requests: int = 0

    def result(self, floor: float, floor_sent: float) -> dict[str, Any]:
        p50 = _ms(statistics.median(self.whole))
        return {
            "p50_ms": p50,
            "p99_ms": _ms(float(np.percentile(self.whole, 99))),
            "ratio": round(p50 / _ms(floor), 2),
            "ratio_to_first_byte": round(p50 / _ms(floor_sent), 2),
            "requests": self.requests,
            "split_ms": {
                "judge_and_render": _ms(statistics.median(self.judged)),
                "store": _ms(statistics.median(self.stored)),
                "request": _ms(statistics.median(self.requested)),
            },
        }


class Clock:
    """The market's time is set, ids come from chance as in earnest."""

    def __init__(self) -> None:
        self.market = ManualClock(START)
        self.new_id = SystemClock().new_id

    def now(self) -> datetime:
        return self.market.now()


class Silent:
    """A source whose frames are handed to the engine by hand."""

    name = "bench"
    interval = timedelta(seconds=3)

    def watch(self, symbols: Collection[Symbol]) -> None: ...

    async def frames(self) -> AsyncIterator[Frame]:
        await asyncio.Event().wait()
        yield cast("Frame", None)

    async def fetch(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        return {}


class Hanging:
    """A model that never answers."""

    name = "hanging"

    def __init__(self) -> None:
        self.asked = 0

    async def complete(self, prompt: Prompt) -> Completion:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError("nothing ends the wait")

    async def close(self) -> None: ...

    def describe(self) -> str:
        return "一个从不回答的模型"


class Stamped:
    """The store, and when it was last asked to fire and had done so."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.began = self.ended = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def fire(self, *what: Any) -> None:
        self.began = time.perf_counter_ns()
        await self._store.fire(*what)
        self.ended = time.perf_counter_ns()


class Market:
    """Frames of the whole market, each with arrays of its own, as a source makes them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.symbols = tuple(Symbol(f"{600000 + row:06d}.SH") for row in range(SYMBOLS))
        self._rows = {symbol: row for row, symbol in enumerate(self.symbols)}
        self._names = tuple(f"股份{row}" for row in range(SYMBOLS))
        self._chance = np.random.default_rng(7)

    def frame(self, high: slice | None = None) -> Frame:
        """The next snapshot: everything near 10 yuan, ``high`` rows above the threshold."""
        self._clock.market.advance(timedelta(seconds=3))
        at = self._clock.now()
        last = LOW + self._chance.integers(-20, 20, SYMBOLS) * 10
        if high is not None:
            last[high] = HIGH
        fixed = {"preclose": LOW, "open": LOW, "limit_up": LOW * 11 // 10, "limit_down": LOW * 9 // 10}
        moving = {"last": last, "high": np.maximum(last, LOW + 200), "low": np.minimum(last, LOW - 200)}
        moving |= {"bid": last - 10, "ask": last + 10}
        arrays: dict[str, Ints] = {
            name: np.ascontiguousarray(moving[name], np.int64) if name in moving else np.full(SYMBOLS, fixed[name])
            for name in PRICES
        }
        arrays |= {name: np.zeros(SYMBOLS, np.int64) for name in RATES}
        arrays |= {name: self._chance.integers(1, 10**6, SYMBOLS) * 100 for name in COUNTS}
        return Frame(
            at=at,
            source="bench",
            symbols=self.symbols,
            rows=self._rows,
            **arrays,
            quoted_at=np.full(SYMBOLS, round(at.timestamp() * 1000), np.int64),
            suspended=np.zeros(SYMBOLS, np.bool_),
            names=self._names,
        )


@asynccontextmanager
async def server() -> AsyncIterator[str]:
    """The loopback server in its own process; its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.server", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.stdin.close()
        await process.wait()


class Bench:
    """A running house and the client that measures the floor."""

    def __init__(self, app: App, store: Stamped, market: Market, client: httpx.AsyncClient) -> None:
        self._app, self._store, self.market, self._client = app, store, market, client
        self._low = np.full(SYMBOLS, LOW - 1000, np.int64)
        self._high = np.full(SYMBOLS, LOW + 1000, np.int64)

    async def times(self) -> list[int]:
        """When messages reached the server since it was last asked."""
        answer = await self._client.get("/times")
        return [int(at) for at in answer.json()["result"]]

    async def floor(self) -> tuple[int, int]:
        """Nanoseconds of the least that could be: until the answer is there, and until the request was."""
        last = self.market.frame().last
        body = {"chat_id": CHAT.id, "text": "股份1（600001）现价 10.60，到了 10.50。", "parse_mode": "HTML"}
        began = time.perf_counter_ns()
        np.flatnonzero((last < self._low) | (last > self._high))
        await self._client.post("/bot1:bench/sendMessage", json=body)
        ended = time.perf_counter_ns()
        return ended - began, (await self.times())[0] - began

    async def alerts(self, rows: slice, samples: Samples) -> None:
        """One frame in which ``rows`` cross, and one in which they come back."""
        frame = self.market.frame(rows)
        began = time.perf_counter_ns()
        await self._app.house.engine.on_frame(frame)
        await self._app.house.notifier.drained()
        received = await self.times()
        if not received:
            raise RuntimeError("no alert was sent: the bench does not measure what it should")
        samples.requests = len(received)
        samples.whole.append(received[-1] - began)
        samples.judged.append(self._store.began - began)
        samples.stored.append(self._store.ended - self._store.began)
        samples.requested.append(received[-1] - self._store.ended)
        await self._app.house.engine.on_frame(self.market.frame())
        await self._app.house.notifier.drained()


@asynccontextmanager
async def bench(model: Model | None = None) -> AsyncIterator[Bench]:
    """The house as ``bot.main.build`` makes it, over one SQLite file, with 101 watches of one chat.

    Args:
        model: comments on every alert; without one none is commented on.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dingpan-bench-")))
        url = await stack.enter_async_context(server())
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False))
        clock = Clock()
        plain = sql.connect(f"sqlite:///{folder / 'bench.db'}")
        stack.push_async_callback(plain.close)
        store = Stamped(plain)
        broker = paper.connect(
            path=folder / "paper.db", account="paper", name="模拟账户", clock=clock, cash=Decimal(1_000_000)
        )
        stack.push_async_callback(broker.close)
        app = assemble(
            store=cast("Store", store),
            clock=clock,
            source=Silent(),
            brokers=[broker],
            names=Names.seed(),
            adviser=model or scripted.connect(),
            about="",
            matching=(broker.on_frame,),
            comments=model is not None,
        )
        channel = telegram.connect(
            token="1:benchmark",
            base_url=url,
            clock=clock,
            commands=menu(),
            limits=telegram.Limits(private=AT_ONCE, group=AT_ONCE),
        )
        market = Market(clock)
        await app.load()

        async def live() -> None:
            async with asyncio.TaskGroup() as group:
                app.start(group, {channel.name: channel})
                group.create_task(channel.run(app.inbox))

        living = asyncio.create_task(live())
        await app.house.engine.on_frame(market.frame())
        await watch(app, clock, market.symbols[: MANY + 1])
        try:
            yield Bench(app, store, market, client)
        finally:
            living.cancel()
            await asyncio.wait([living])


async def watch(app: App, clock: Clock, symbols: Sequence[Symbol]) -> None:
    """One watch per symbol, told at every crossing."""
    for symbol in symbols:
        await app.house.watchlist.create(
            Watch(
                id=clock.new_id(),
                number=0,
                owner="me",
                chat=CHAT,
                account="paper",
                symbols=(symbol,),
                conditions=(PriceAbove(value=THRESHOLD),),
                repeat=Repeat.EVERY_TIME,
                cooldown=timedelta(0),
                created_at=clock.now(),
            )
        )


async def measure(rounds: int = ROUNDS) -> dict[str, Any]:
    """Everything by turns."""
    floors: list[tuple[int, int]] = []
    one, hundred, hung = Samples(), Samples(), Samples()
    model = Hanging()
    async with bench() as house, bench(model) as commented:
        for done in range(WARM_UP + rounds):
            if done == WARM_UP:
                floors, one, hundred, hung = [], Samples(), Samples(), Samples()
            floors += [await house.floor() for _ in range(FLOORS_A_ROUND)]
            for alerts in (commented.alerts(slice(0, 1), hung), house.alerts(slice(0, 1), one))[:: 1 - done % 2 * 2]:
                await alerts
            await house.alerts(slice(1, MANY + 1), hundred)
    if not model.asked:
        raise RuntimeError("no comment was asked for: the bench does not measure what it should")
    floor, floor_sent = (statistics.median(column) for column in zip(*floors, strict=True))
    return {
        "bench": "path",
        "symbols": SYMBOLS,
        "rounds": rounds,
        "floors": len(floors),
        "floor_ms": _ms(floor),
        "floor_to_first_byte_ms": _ms(floor_sent),
        "one": one.result(floor, floor_sent),
        "one_with_a_model_that_hangs": hung.result(floor, floor_sent),
        "hundred": hundred.result(floor, floor_sent),
        "goal_ratio": GOAL,
    }


def run() -> dict[str, Any]:
    return asyncio.run(measure())


def text(result: Mapping[str, Any]) -> str:
    """The result for people."""
    lines = [
        f"path: a frame of {result['symbols']} symbols to the request that tells the alert, {result['rounds']} rounds",
        (
            f"floor (two compares, one httpx POST), median of {result['floors']}: {result['floor_ms']:.3f} ms"
            f" ({result['floor_to_first_byte_ms']:.3f} ms to its first byte)"
        ),
    ]
    cases = (
        ("one", "1 alert, no model"),
        ("one_with_a_model_that_hangs", "1 alert, a model that hangs"),
        ("hundred", f"{MANY} alerts at once"),
    )
    for key, name in cases:
        case, split = result[key], result[key]["split_ms"]
        verdict = "within" if case["ratio"] < result["goal_ratio"] else "ABOVE"
        lines.append(
            f"{name}: p50 {case['p50_ms']:.3f} ms, p99 {case['p99_ms']:.3f} ms, {case['ratio']:.2f} x floor"
            f" ({case['ratio_to_first_byte']:.2f} x to the first byte), {verdict} the goal of {result['goal_ratio']:.0f}"
        )
        lines.append(
            f"    judge and render {split['judge_and_render']:.3f}, store {split['store']:.3f},"
            f" request {split['request']:.3f} ms, in {case['requests']} request(s)"
        )
    return "\n".join(lines)


def _ms(nanoseconds: float) -> float:
    return round(nanoseconds / 1e6, 4)
