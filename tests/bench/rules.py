"""How long a snapshot of 5,400 symbols takes to be judged, with 60 % of the prices changed, and what the book costs.

Everything is measured by turns over the same walk of prices, so that a busy machine is busy for each of them:

- the floor: two compares over the symbols, and which of them differ;
- the book with prices alone, and mixed: 70 % prices, the rest spread evenly over all other kinds;
- the loop over the reference meaning, rule by rule, measured on a sample and scaled;
- a plain loop over rules as a quick program would have them: whole numbers, a level, a method that says where the
  edge lies now, a flag; nothing is counted of what such a program needs to know its averages and windows;
- one thread per symbol that asks a server on loopback every three seconds, as the first draft of this program did.
"""

from __future__ import annotations

import asyncio
import gc
import http.client
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np

from adapters.stores import sql
from core.bars import Bar
from core.clock import MARKET_ZONE
from core.conditions import (
    AmountAbove,
    Condition,
    EnterRange,
    GapDown,
    GapUp,
    Indicator,
    LimitDown,
    LimitUp,
    MaCross,
    NewHigh,
    NewLow,
    PctDown,
    PctUp,
    PriceAbove,
    PriceBelow,
    QueueShrink,
    Speed,
    StopLoss,
    TakeProfit,
    TrailingStop,
    Turnover,
    VolumeRatio,
)
from core.engine import doubts
from core.frames import COUNTS, PRICES, RATES, Frame, Ints
from core.judging import Rule, judge
from core.messages import Chat
from core.rulebook import RuleBook
from core.types import Symbol, from_milli
from core.watches import Arm, Memory, RuleKey, Watch

RULES: Final = 1_000_000
SYMBOLS: Final = 5_400
CHANGED: Final = 0.6
PRICE_PART: Final = 0.7
ROUNDS: Final = 40
WARM_UP: Final = 5
SAMPLE: Final = 100_000
LOOPS_EVERY: Final = 10
"""Rounds between two turns of the loops, which are slow and steady."""
REFERENCE_SAMPLE: Final = 5_000
BARS: Final = 60
PER_WATCH: Final = 20
"""Conditions of one watch in the price book, each a rule of its own."""
WIDE: Final = 500
"""Shares of one watch of another kind."""
EDITS: Final = 500
THREADS: Final = 2_000
THREAD_SECONDS: Final = 9.0
THREAD_INTERVAL: Final = 3.0
LATE: Final = 1.0
START: Final = datetime(2026, 11, 18, 10, 0, tzinfo=MARKET_ZONE)
CHAT: Final = Chat("bench", "1")
GOALS: Final = {"price": 500, "mixed": 100, "floor": 6, "growth": 3, "bytes": 40, "load_s": 1}


class Market:
    """A walk of prices: each snapshot moves 60 % of the shares by one to three ticks."""

    def __init__(self, seed: int = 7) -> None:
        self._chance = np.random.default_rng(seed)
        codes = [f"{600000 + n:06d}.SH" for n in range(SYMBOLS // 2)] + [
            f"{n:06d}.SZ" for n in range(1, SYMBOLS // 2 + 1)
        ]
        self.symbols = tuple(Symbol(code) for code in codes)
        self._rows = {symbol: row for row, symbol in enumerate(self.symbols)}
        self.base: Ints = self._chance.integers(300, 10_000, SYMBOLS) * 10
        self._last = self.base.copy()
        self._high, self._low = self.base + 50, self.base - 50
        self._fixed = {
            "preclose": self.base,
            "open": self.base + 10,
            "limit_up": self.base * 11 // 10 // 10 * 10,
            "limit_down": self.base * 9 // 10 // 10 * 10,
        }
        self._volume = np.full(SYMBOLS, 100_000)
        self._zero = np.zeros(SYMBOLS, np.int64)
        self.at = START

    def frame(self) -> Frame:
        self.at += timedelta(seconds=3)
        moved = self._chance.random(SYMBOLS) < CHANGED
        steps = self._chance.integers(1, 4, SYMBOLS) * self._chance.choice([-10, 10], SYMBOLS)
        self._last = np.where(moved, self._last + steps, self._last)
        self._last = np.clip(self._last, self.base * 97 // 100, self.base * 103 // 100)
        self._high, self._low = np.maximum(self._high, self._last), np.minimum(self._low, self._last)
        self._volume = self._volume + moved * 1_000
        moving = {
            "last": self._last,
            "high": self._high,
            "low": self._low,
            "bid": self._last - 10,
            "ask": self._last + 10,
        }
        counts = {"volume": self._volume, "amount": self._volume * self._last // 1000}
        return Frame(
            at=self.at,
            source="bench",
            symbols=self.symbols,
            rows=self._rows,
            **{name: moving.get(name, self._fixed.get(name, self._zero)) for name in PRICES},
            **{name: counts.get(name, self._zero) for name in COUNTS},
            **dict.fromkeys(RATES, self._volume // 100),
            names=(),
            quoted_at=np.full(SYMBOLS, round(self.at.timestamp() * 1000), np.int64),
            suspended=np.zeros(SYMBOLS, np.bool_),
        )

    def bars(self) -> dict[Symbol, list[Bar]]:
        """Days before today for every share, ending at its previous close."""
        walk = np.cumsum(self._chance.integers(-20, 21, (BARS, SYMBOLS)), axis=0) * 10
        closes = np.maximum(self.base + walk - walk[-1], 100)
        first = START - timedelta(days=BARS)
        return {
            symbol: [
                Bar(
                    symbol,
                    first + timedelta(days=day),
                    from_milli(close),
                    from_milli(close + 100),
                    from_milli(close - 50),
                    from_milli(close),
                    20_000_000,
                )
                for day, close in enumerate(closes[:, row].tolist())
            ]
            for row, symbol in enumerate(self.symbols)
        }


def _watch(number: int, symbols: tuple[Symbol, ...], conditions: tuple[Condition, ...]) -> Watch:
    return Watch(
        id=f"{number:08X}",
        number=number,
        owner="bench",
        chat=CHAT,
        account="paper",
        symbols=symbols,
        conditions=conditions,
        created_at=START,
    )


def price_watches(market: Market, rules: int, chance: random.Random) -> Iterator[Watch]:
    """Levels above and below the prices of today, a few percent away to half of the price away."""
    count = max(rules // PER_WATCH, 1)
    base = market.base.tolist()
    for number in range(count):
        row = number % SYMBOLS
        levels = [base[row] * chance.uniform(0.7, 1.3) for _ in range(PER_WATCH)]
        yield _watch(
            number,
            (market.symbols[row],),
            tuple(
                (PriceAbove if chance.random() < 0.5 else PriceBelow)(value=from_milli(int(level) // 10 * 10))
                for level in levels
            ),
        )


def _percent(chance: random.Random, most: float) -> Decimal:
    return Decimal(chance.randint(20, int(most * 100))) / 100


OTHERS: Final[Sequence[Callable[[random.Random], Condition]]] = (
    lambda chance: PctUp(value=_percent(chance, 9)),
    lambda chance: PctDown(value=_percent(chance, 9)),
    lambda chance: PctUp(value=_percent(chance, 9), reference="open"),
    lambda chance: PctDown(value=_percent(chance, 9), reference="open"),
    lambda chance: PctDown(value=_percent(chance, 9), reference="last", base=Decimal(chance.randint(5, 90))),
    lambda chance: EnterRange(low=Decimal(chance.randint(3, 40)), high=Decimal(chance.randint(41, 99))),
    lambda chance: TakeProfit(value=_percent(chance, 30), unit="pct"),
    lambda chance: StopLoss(value=_percent(chance, 30), unit="pct"),
    lambda _chance: LimitUp(),
    lambda _chance: LimitDown(),
    lambda _chance: LimitUp(event="open"),
    lambda _chance: LimitDown(event="open"),
    lambda chance: Speed(value=_percent(chance, 3), direction="up"),
    lambda chance: Speed(value=_percent(chance, 3), direction="down"),
    lambda chance: VolumeRatio(value=_percent(chance, 5)),
    lambda chance: VolumeRatio(value=_percent(chance, 5), base_days=20),
    lambda chance: MaCross(ma=chance.choice([5, 10, 20, 30]), direction="up"),
    lambda chance: MaCross(fast=5, slow=chance.choice([10, 20]), direction="down"),
    lambda _chance: Indicator(name="macd", event="golden_cross"),
    lambda _chance: Indicator(name="kdj", event="dead_cross"),
    lambda chance: Indicator(name="rsi", event="below", value=Decimal(chance.choice([10, 20, 30]))),
    lambda _chance: Indicator(name="boll", event="touch_upper"),
    lambda chance: TrailingStop(value=_percent(chance, 9)),
    lambda chance: NewHigh(days=chance.choice([5, 20, 50])),
    lambda chance: NewLow(days=chance.choice([5, 20, 50])),
    lambda chance: GapUp(value=_percent(chance, 5)),
    lambda chance: GapDown(value=_percent(chance, 5)),
    lambda chance: Turnover(value=_percent(chance, 9)),
    lambda chance: AmountAbove(value=Decimal(chance.randint(1, 9) * 1_000_000)),
    lambda _chance: QueueShrink(),
)


def other_watches(market: Market, rules: int, chance: random.Random) -> Iterator[Watch]:
    """The other kinds, in turn, each watch over many shares."""
    count = max(rules // WIDE, 1)
    for number in range(count):
        symbols = tuple(chance.sample(market.symbols, min(WIDE, max(rules, 1))))
        yield _watch(2**31 + number, symbols, (OTHERS[number % len(OTHERS)](chance),))


def book_of(watches: Iterator[Watch], market: Market, bars: Mapping[Symbol, Sequence[Bar]] | None = None) -> RuleBook:
    book = RuleBook(lambda _account, _symbol: None)
    if bars is not None:
        book.tape.watch_bars("day")
        book.tape.load("day", bars)
    book.fill((watch, Memory()) for watch in watches)
    for _ in range(WARM_UP):
        book.step(market.frame(), doubts)
    return book


@dataclass(slots=True)
class Plain:
    """A rule as a plain program has it: whole numbers, and the zone asked for at every price, as it may have moved."""

    row: int
    above: bool
    level: int
    armed: bool = True

    def edge(self, _base: int, _moving: int) -> int:
        return self.level


class PlainPercent(Plain):
    """So many percent of a reference price."""

    def edge(self, base: int, _moving: int) -> int:
        return base * (1_000_000 + self.level) // 1_000_000


class PlainMoving(Plain):
    """So many percent from something that moves with the price: a window, a peak, an extreme."""

    def edge(self, _base: int, moving: int) -> int:
        return moving * (1_000_000 + self.level) // 1_000_000


def plain_rules(market: Market, count: int, others: float, chance: random.Random) -> list[Plain]:
    """So many rules around the prices of today, a part of them of other kinds."""
    base = market.base.tolist()
    found: list[Plain] = []
    for _ in range(count):
        row, above = chance.randrange(SYMBOLS), chance.random() < 0.5
        if chance.random() < others:
            kind = chance.choice((PlainPercent, PlainMoving))
            found.append(kind(row, above, chance.randint(2_000, 90_000) * (1 if above else -1)))
        else:
            found.append(Plain(row, above, int(base[row] * chance.uniform(0.7, 1.3))))
    return found


def plain_loop(rules: Sequence[Plain], last: Sequence[int], base: Sequence[int], moving: Sequence[int]) -> list[int]:
    """Edge and band, as plainly as it can be done."""
    fired = []
    for number, rule in enumerate(rules):
        row = rule.row
        reading, edge = last[row], rule.edge(base[row], moving[row])
        if (reading >= edge) if rule.above else (reading <= edge):
            if rule.armed:
                fired.append(number)
                rule.armed = False
        elif not rule.armed:
            band = max(edge * 5 // 1000, 20)
            rule.armed = reading < edge - band if rule.above else reading > edge + band
    return fired


def reference_loop(rules: list[Rule], book: RuleBook, frame: Frame) -> int:
    """The reference meaning, rule by rule."""
    fired = 0
    for place, rule in enumerate(rules):
        quote = frame.quote(rule.key.symbol)
        assert quote is not None
        judged = judge(rule, book.view(rule, quote))
        if judged.arm is not None:
            rules[place] = rule._replace(arm=judged.arm)
        fired += judged.fired
    return fired


def rules_from(watches: Iterator[Watch], count: int) -> list[Rule]:
    found = []
    for watch in watches:
        for symbol in watch.symbols[:20]:
            for group, conditions in enumerate(watch.groups()):
                key = RuleKey(watch.id, symbol, group)
                found.append(Rule(watch, key, conditions, Arm(key=key)))
                if len(found) == count:
                    return found
    return found


def timed(what: Callable[[], Any], into: list[float]) -> Any:
    began = time.perf_counter()
    result = what()
    into.append((time.perf_counter() - began) * 1000)
    return result


def measure(
    rules: int = RULES, rounds: int = ROUNDS, threads: int = THREADS, thread_seconds: float = THREAD_SECONDS
) -> dict[str, Any]:
    chance = random.Random(7)
    market = Market()
    bars = market.bars()
    others = rules - int(rules * PRICE_PART)

    def mixed_of(count: int) -> RuleBook:
        part = int(count * PRICE_PART)

        def every() -> Iterator[Watch]:
            yield from price_watches(market, part, chance)
            yield from other_watches(market, count - part, chance)

        return book_of(every(), market, bars)

    price = book_of(price_watches(market, rules, chance), market)
    mixed = mixed_of(rules)
    small = mixed_of(max(rules // 10, 1))
    gc.collect()
    gc.freeze()
    sample = min(rules, SAMPLE)
    plain, plain_mixed = (plain_rules(market, sample, part, chance) for part in (0.0, 1 - PRICE_PART))
    reference = rules_from(price_watches(market, REFERENCE_SAMPLE, chance), min(rules, REFERENCE_SAMPLE))
    reference_mixed = rules_from(other_watches(market, others, chance), min(others, REFERENCE_SAMPLE))
    low, high = market.base * 9 // 10, market.base * 11 // 10
    times: dict[str, list[float]] = {
        name: [] for name in ("floor", "price", "mixed", "small", "loop", "mixed_loop", "reference", "mixed_reference")
    }
    hits, mixed_hits, moved = [], [], []
    before = market.frame()
    for done in range(rounds + WARM_UP):
        if done == WARM_UP:
            for each in times.values():
                each.clear()
        frame = market.frame()
        moved.append(float((frame.last != before.last).mean()))
        before = frame
        timed(lambda frame=frame: np.flatnonzero((frame.last < low) | (frame.last > high)), times["floor"])  # type: ignore[misc]
        step = timed(lambda frame=frame: price.step(frame, doubts), times["price"])  # type: ignore[misc]
        hits.append(len(step.fired))
        step = timed(lambda frame=frame: mixed.step(frame, doubts), times["mixed"])  # type: ignore[misc]
        mixed_hits.append(len(step.fired))
        timed(lambda frame=frame: small.step(frame, doubts), times["small"])  # type: ignore[misc]
        if done < WARM_UP or (done - WARM_UP) % LOOPS_EVERY == 0:
            shown = frame.last.tolist(), frame.preclose.tolist(), frame.high.tolist()
            timed(lambda shown=shown: plain_loop(plain, *shown), times["loop"])  # type: ignore[misc]
            timed(lambda shown=shown: plain_loop(plain_mixed, *shown), times["mixed_loop"])  # type: ignore[misc]
            timed(lambda frame=frame: reference_loop(reference, price, frame), times["reference"])  # type: ignore[misc]
            timed(lambda frame=frame: reference_loop(reference_mixed, mixed, frame), times["mixed_reference"])  # type: ignore[misc]
    gc.unfreeze()
    found = {name: statistics.median(each) for name, each in times.items()}
    part = PRICE_PART
    reference_ms = found["reference"] * rules / len(reference)
    other_ms = found["mixed_reference"] * rules / len(reference_mixed)
    return {
        "bench": "rules",
        "rules": rules,
        "symbols": SYMBOLS,
        "rounds": rounds,
        "floor_ms": round(found["floor"], 4),
        "price_ms": round(found["price"], 4),
        "loop_ms": round(reference_ms, 1),
        "mixed_ms": round(found["mixed"], 4),
        "mixed_loop_ms": round(part * reference_ms + (1 - part) * other_ms, 1),
        "mixed_100k_ms": round(found["small"], 4),
        "loop_sample": len(reference),
        "plain_loop_ms": round(found["loop"] * rules / len(plain), 2),
        "mixed_plain_loop_ms": round(found["mixed_loop"] * rules / len(plain_mixed), 2),
        "plain_loop_sample": len(plain),
        "bytes_per_rule": round(mixed.nbytes / len(mixed), 1),
        "price_bytes_per_rule": round(price.nbytes / len(price), 1),
        "hits": round(statistics.mean(hits), 1),
        "mixed_hits": round(statistics.mean(mixed_hits), 1),
        "moved": round(statistics.mean(moved), 3),
        **edits(mixed, market),
        **asyncio.run(loading(rules, market)),
        "thread_per_symbol": thread_per_symbol(threads, thread_seconds),
    }


def edits(book: RuleBook, market: Market) -> dict[str, float]:
    """One watch of one rule in, and out again."""
    insert: list[float] = []
    remove: list[float] = []
    for number in range(EDITS):
        row = number * 7 % SYMBOLS
        level = from_milli(int(market.base[row]) * 98 // 100 // 10 * 10)
        watch = _watch(2**31 + 2**30 + number, (market.symbols[row],), (PriceAbove(value=level),))
        timed(lambda watch=watch: book.put(watch), insert)  # type: ignore[misc]
        timed(lambda watch=watch: book.remove(watch.id), remove)  # type: ignore[misc]
    return {
        "insert_us": round(statistics.median(insert) * 1000, 1),
        "remove_us": round(statistics.median(remove) * 1000, 1),
    }


async def loading(rules: int, market: Market) -> dict[str, Any]:
    """From an SQLite file to a built book: watches over many shares each, as whole-market ones are."""
    chance = random.Random(11)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dingpan-bench-")))
        store = sql.connect(folder / "rules.db")
        watches = list(other_watches(market, rules, chance))
        for number, watch in enumerate(watches):
            arms = [Arm(key=RuleKey(watch.id, symbol, 0), armed=chance.random() < 0.7) for symbol in watch.symbols]
            await store.add_watch(watch.model_copy(update={"number": number + 1}), arms)
        await store.close()
        gc.collect()
        store = sql.connect(folder / "rules.db")
        began = time.perf_counter()
        book = RuleBook(lambda _account, _symbol: None)
        memories = await store.memories()
        book.fill((watch, memories.get(watch.id, Memory())) for watch in await store.watches())
        seconds = time.perf_counter() - began
        await store.close()
    return {"load_s": round(seconds, 3), "load_watches": len(watches), "loaded": len(book)}


def thread_per_symbol(symbols: int, lasting: float) -> dict[str, Any]:
    """One thread per symbol, each asking a server on loopback every three seconds over a kept connection."""
    import subprocess

    command = [sys.executable, "-m", "tests.bench.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        late, used, seconds = _ask_all(int(server.stdout.readline()), symbols, lasting)
        server.stdin.close()  # which ends it
    return {"symbols": symbols, "cpu_percent": round(100 * used / seconds, 1), "behind": sum(one > 0 for one in late)}


def _ask_all(port: int, symbols: int, lasting: float) -> tuple[list[int], float, float]:
    """How often each was late; seconds of work and of time."""
    over = time.monotonic() + lasting
    late = [0] * symbols
    never = threading.Event()

    def watch(number: int) -> None:
        due = time.monotonic() + THREAD_INTERVAL * number / symbols
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=THREAD_SECONDS)
        while due < over:
            never.wait(max(due - time.monotonic(), 0))
            late[number] += time.monotonic() - due > LATE
            try:
                connection.request("GET", "/quote")
                connection.getresponse().read()
            except OSError:
                connection.close()
                late[number] += 1
            due += THREAD_INTERVAL
        connection.close()

    threads = [threading.Thread(target=watch, args=(number,), daemon=True) for number in range(symbols)]
    before, began = time.process_time(), time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    used, seconds = time.process_time() - before, time.monotonic() - began
    return late, used, seconds


def run(rules: int = RULES) -> dict[str, Any]:
    return measure(rules)


def text(result: Mapping[str, Any]) -> str:
    """The result for people."""

    def ratio(name: str, value: float, goal: float, *, most: bool) -> str:
        kept = value <= goal if most else value >= goal
        return f"{name} {value:.1f} ({'within' if kept else 'MISSES'} the goal of {goal})"

    floor, price, mixed = result["floor_ms"], result["price_ms"], result["mixed_ms"]
    thread = result["thread_per_symbol"]
    faster = ratio("times faster than the loop", result["loop_ms"] / price, GOALS["price"], most=False)
    mixed_faster = ratio("times faster than the loop", result["mixed_loop_ms"] / mixed, GOALS["mixed"], most=False)
    growth = ratio("times the time of a tenth of it", mixed / result["mixed_100k_ms"], GOALS["growth"], most=True)
    head = f"rules: {result['rules']:,} rules, {result['symbols']} symbols, {result['moved']:.0%} of the prices changed"
    to_floor = ratio("times the floor", price / floor, GOALS["floor"], most=True)
    slow = f"{result['loop_ms']:.0f} / {result['mixed_loop_ms']:.0f} ms (scaled from {result['loop_sample']:,})"
    quick = f"{result['plain_loop_ms']:.0f} / {result['mixed_plain_loop_ms']:.0f} ms"
    to_quick = f"{result['plain_loop_ms'] / price:.0f} / {result['mixed_plain_loop_ms'] / mixed:.0f} times slower"
    edits_ = f"one insert {result['insert_us']:.0f} us, one remove {result['remove_us']:.0f} us"
    lines = (
        f"{head}, {result['rounds']} rounds",
        f"floor (two compares): {floor:.4f} ms",
        f"prices alone: {price:.3f} ms, {result['hits']} hits; {to_floor}; {faster}",
        f"mixed: {mixed:.3f} ms, {result['mixed_hits']} hits; {mixed_faster}; {growth}",
        f"the loop over the reference meaning: {slow}",
        f"a plain loop over whole numbers: {quick} (scaled from {result['plain_loop_sample']:,}), {to_quick}",
        ratio("bytes a rule", result["bytes_per_rule"], GOALS["bytes"], most=True),
        f"loaded from the store in {result['load_s']:.2f} s ({result['load_watches']} watches); {edits_}",
        f"a thread per symbol: {thread['symbols']}, {thread['cpu_percent']:.0f} % of a core, {thread['behind']} behind",
    )
    return "\n".join(lines)
