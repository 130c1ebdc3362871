"""How long a sentence takes to be read, over the sentences of the evals, and how long the names take to be loaded.

The floor is what no reading can do without: the text made half-width, and one scan of it for the names. Both are
measured by turns, so that a busy machine is busy for each of them; of a sentence its fastest reading counts.
"""

from __future__ import annotations

import statistics
import time
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

from bot.language.grammar import NO_CONTEXT, Context, read
from bot.language.names import Names, known
from tests.evals.__main__ import NEAR_ORDERS, NOW, SENTENCES, WAYS, load

ROUNDS: Final = 5
LOADS: Final = 5
GOAL_MEDIAN_MS: Final = 0.5
GOAL_P95_MS: Final = 1.0
GOAL_LOAD_MS: Final = 100


def measure(rounds: int = ROUNDS, sentences: int | None = None) -> dict[str, Any]:
    """Read every sentence ``rounds`` times.

    Args:
        sentences: only so many of them; all when None.
    """
    lines = [line for path in (SENTENCES, WAYS, NEAR_ORDERS) for line in load(path)][:sentences]
    names = known()
    said = [
        (line["text"], Context.model_validate(line["context"]) if line.get("context") else NO_CONTEXT) for line in lines
    ]
    reading = [float("inf")] * len(said)
    floor = [float("inf")] * len(said)
    for _ in range(rounds):
        for index, (text, context) in enumerate(said):
            begun = time.perf_counter_ns()
            names.find(unicodedata.normalize("NFKC", text))
            scanned = time.perf_counter_ns()
            read(text, names, now=NOW, context=context)
            done = time.perf_counter_ns()
            floor[index] = min(floor[index], (scanned - begun) / 1e6)
            reading[index] = min(reading[index], (done - scanned) / 1e6)
    return {
        "sentences": len(said),
        "rounds": rounds,
        "median_ms": statistics.median(reading),
        "p95_ms": _share(reading, 0.95),
        "p99_ms": _share(reading, 0.99),
        "longest_ms": max(reading),
        "longest": said[reading.index(max(reading))][0],
        "floor_ms": statistics.median(floor),
        "ratio": sum(reading) / sum(floor),
        "names": len(names),
        "load_ms": min(_load_ms() for _ in range(LOADS)),
        "goal_median_ms": GOAL_MEDIAN_MS,
        "goal_p95_ms": GOAL_P95_MS,
        "goal_load_ms": GOAL_LOAD_MS,
    }


def _share(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def _load_ms() -> float:
    begun = time.perf_counter_ns()
    Names().load()
    return (time.perf_counter_ns() - begun) / 1e6


def run() -> dict[str, Any]:
    return measure()


def text(result: dict[str, Any]) -> str:
    reading = ", ".join(f"{name} {result[f'{name}_ms']:.3f} ms" for name in ("median", "p95", "p99", "longest"))
    return "\n".join(
        (
            f"{result['sentences']} sentences, {result['rounds']} rounds, the fastest of each",
            f"reading: {reading} (goal {result['goal_median_ms']} and {result['goal_p95_ms']}), longest: {result['longest']}",
            f"floor, half-width and a scan for names: {result['floor_ms']:.4f} ms; reading is {result['ratio']:.1f} times it",
            f"{result['names']} names loaded in {result['load_ms']:.1f} ms (goal {result['goal_load_ms']})",
        )
    )
