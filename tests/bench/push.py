"""What a push of the whole market costs on its way into a frame, against reading its numbers and nothing else.

The rows are as the SDK hands them over, already decoded: a terminal sends them as BSON, which the SDK decodes in its own
thread, in C on Windows with Python 3.11 and in Python elsewhere. How long the second takes here is told, too. A
superseded push is one that is put aside and replaced before anybody takes it.
"""

from __future__ import annotations

import itertools
import operator
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from adapters.quotes.qmt_rows import facts_of
from adapters.quotes.qmt_sheet import Newest, Sheet
from core.clock import ManualClock
from core.types import Symbol
from tests.fakes.xtdatacenter import Tick, install, tick_of

SYMBOLS: Final = 5400
ROUNDS: Final = 30
DECODED: Final = 3
"""Rounds in which it is decoded, too: that takes ten times as long as everything else."""
START: Final = datetime(2026, 3, 23, 2, 0, tzinfo=UTC)
_NUMBERS: Final = operator.itemgetter(
    *("time", "lastPrice", "lastClose", "open", "high", "low", "amount", "volume", "pvolume", "openInt")
)


def timed(what: Callable[..., object], *given: Any) -> float:
    """Milliseconds."""
    began = time.perf_counter_ns()
    what(*given)
    return (time.perf_counter_ns() - began) / 1e6


def _floor(rows: Mapping[str, Tick]) -> None:
    np.fromiter(itertools.chain.from_iterable(map(_NUMBERS, rows.values())), np.float64, len(rows) * 10)


def measure(rounds: int = ROUNDS, symbols: int = SYMBOLS) -> dict[str, Any]:
    """Everything by turns, so that a busy machine is busy for each of them."""
    from xtquant import xtbson

    clock = ManualClock(START)
    codes = [Symbol(f"{600_000 + place}.SH") for place in range(symbols)]
    newest, sheet = Newest(clock, lambda: None), Sheet("bench")
    newest.wanted = frozenset(codes)
    sheet.watch(codes)
    detail = {"InstrumentName": "测试股份", "PreClose": 10.0, "UpStopPrice": 11.0, "DownStopPrice": 9.0}
    sheet.learn({code: facts for code in codes if (facts := facts_of(code, detail)) is not None})
    times: dict[str, list[float]] = {name: [] for name in ("floor", "superseded", "put", "read", "frame", "decode")}
    for done in range(rounds):
        for kind in ("superseded", "put"):
            clock.advance(timedelta(seconds=1))
            rows = {code: tick_of(code, clock.now(), 9.5 + n % 100 / 100, 10.0) for n, code in enumerate(codes)}
            times[kind].append(timed(newest.put, rows))
        times["floor"].append(timed(_floor, rows))
        times["read"].append(timed(lambda: sheet.put(newest.take(), clock.now())))
        times["frame"].append(timed(sheet.frame, clock.now()))
        if done < DECODED:
            times["decode"].append(timed(xtbson.BSON.decode, bytes(xtbson.BSON.encode(rows))))
    middle = {f"{name}_ms": round(statistics.median(each), 3) for name, each in times.items()}
    everything = sum(middle[f"{name}_ms"] for name in ("put", "read", "frame"))
    return {
        "bench": "push",
        "symbols": symbols,
        "rounds": rounds,
        **middle,
        "push_ms": round(everything, 3),
        "superseded": newest.superseded,
        "ratio": round(everything / middle["floor_ms"], 1),
    }


def run() -> dict[str, Any]:
    install()
    return measure()


def text(result: Mapping[str, Any]) -> str:
    """The result for people."""
    return "\n".join(
        (
            f"push: {result['symbols']} rows into a frame, medians of {result['rounds']} rounds",
            (
                f"{result['push_ms']:.1f} ms: {result['put_ms']:.1f} in the SDK's thread, then on the loop"
                f" {result['read_ms']:.1f} to read and {result['frame_ms']:.1f} to frame"
            ),
            f"{result['ratio']:.1f} x the floor of {result['floor_ms']:.1f} ms: the same numbers read and nothing done",
            f"a push that is superseded costs {result['superseded_ms']:.1f} ms",
            f"decoding it in Python, in the SDK's thread: {result['decode_ms']:.0f} ms",
        )
    )
