"""How long a bar of the whole market takes, against TA-Lib asked anew for every symbol over the bars that are kept.

A step takes one closed bar of every symbol and reads every indicator afterwards; a peek reads them with a forming bar.
TA-Lib computes the same ones (STOCH in place of KDJ, whose Chinese form it does not have) over 250 bars a symbol. All is
measured by turns, so that a busy machine is busy for each of them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import talib

from core.indicators import (
    ATR_BARS,
    BOLL,
    KDJ_BARS,
    KEPT,
    MA_LENGTHS,
    MACD,
    RSI_LENGTHS,
    VOLUME_BARS,
    Floats,
    Indicators,
)
from tests.fakes import oracle

SYMBOLS: Final = 5400
ROUNDS: Final = 30
WARM_UP: Final = 5
STEPS_A_ROUND: Final = 5
GOAL_RATIO: Final = 200
GOAL_ERROR: Final = 1e-9

Bars = tuple[Floats, Floats, Floats, Floats]


def market(bars: int, symbols: int) -> Bars:
    """[bars, symbols] of close, high, low and volume: a walk from 20 yuan, 2 % a bar, on the grid of prices."""
    chance = np.random.default_rng(7)
    shape = (bars, symbols)
    close: Floats = np.round(20 * np.exp(np.cumsum(chance.normal(0, 0.02, shape), axis=0)), 2)
    high: Floats = np.round(close * (1 + np.abs(chance.normal(0, 0.01, shape))), 2)
    low: Floats = np.round(close * (1 - np.abs(chance.normal(0, 0.01, shape))), 2)
    return close, high, low, chance.integers(10**5, 10**7, shape).astype(np.float64)


def by_symbol(bars: Bars, stretch: slice) -> list[Bars]:
    """The same bars as TA-Lib wants them: one contiguous series per symbol."""
    close, high, low, volume = (np.ascontiguousarray(values[stretch].T) for values in bars)
    return list(zip(close, high, low, volume, strict=True))


def ask_talib(series: list[Bars]) -> None:
    """Every indicator over the whole history of every symbol, and nothing but TA-Lib."""
    for close, high, low, volume in series:
        for n in MA_LENGTHS:
            talib.SMA(close, n)
        for n in RSI_LENGTHS:
            talib.RSI(close, n)
        talib.MACD(close, *MACD)
        talib.BBANDS(close, BOLL[0], BOLL[1], BOLL[1])
        talib.STOCH(high, low, close, KDJ_BARS, slowk_period=3, slowd_period=3)
        talib.ATR(high, low, close, ATR_BARS)
        talib.SMA(volume, VOLUME_BARS)


def largest_error(state: Indicators, series: list[Bars]) -> float:
    """Of every indicator that both have, at the last bar of every symbol, TA-Lib started as ours."""
    ours, worst = oracle.as_named(state.values()), 0.0
    for row, (close, *others) in enumerate(series):
        for name, theirs in oracle.by_talib(close, *others).items():
            worst = max(worst, oracle.error(name, ours[name][row : row + 1], theirs[-1:], close[-1:]))
    return worst


def timed(what: Callable[..., object], *given: Any) -> float:
    """Milliseconds."""
    began = time.perf_counter_ns()
    what(*given)
    return (time.perf_counter_ns() - began) / 1e6


def measure(rounds: int = ROUNDS, symbols: int = SYMBOLS) -> dict[str, Any]:
    """Everything by turns."""
    bars = market(KEPT + (WARM_UP + rounds) * STEPS_A_ROUND, symbols)
    state = Indicators(symbols)
    close, high, low, volume = (values[:KEPT] for values in bars)
    rows = np.arange(symbols)
    seed = timed(lambda: state.load(rows, close=close, high=high, low=low, volume=volume))
    commits: list[float] = []
    peeks: list[float] = []
    steps: list[float] = []
    asked: list[float] = []
    for done in range(KEPT, len(bars[0])):
        newest = [values[done] for values in bars]
        peeks.append(timed(state.peek, *newest))
        commits.append(timed(state.commit, *newest))
        steps.append(commits[-1] + timed(state.values))
        if len(steps) % STEPS_A_ROUND == 0:
            asked.append(timed(ask_talib, by_symbol(bars, slice(done + 1 - KEPT, done + 1))))
    early = WARM_UP * STEPS_A_ROUND
    step, full = statistics.median(steps[early:]), statistics.median(asked[WARM_UP:])
    return {
        "bench": "indicators",
        "symbols": symbols,
        "rounds": rounds,
        "step_ms": round(step, 4),
        "commit_ms": round(statistics.median(commits[early:]), 4),
        "peek_ms": round(statistics.median(peeks[early:]), 4),
        "talib_full_ms": round(full, 2),
        "ratio": round(full / step, 1),
        "max_rel_error": largest_error(state, by_symbol(bars, slice(None))),
        "bytes_per_symbol": round(state.nbytes / symbols),
        "seed_s": round(seed / 1000, 4),
        "goal_ratio": GOAL_RATIO,
        "goal_error": GOAL_ERROR,
    }


def run() -> dict[str, Any]:
    return measure()


def text(result: Mapping[str, Any]) -> str:
    """The result for people."""
    fast = "within" if result["ratio"] >= result["goal_ratio"] else "BELOW"
    close = "within" if result["max_rel_error"] < result["goal_error"] else "ABOVE"
    return "\n".join(
        (
            f"indicators: one bar of {result['symbols']} symbols, medians of {result['rounds']} rounds",
            (
                f"step {result['step_ms']:.3f} ms (commit {result['commit_ms']:.3f}, then read all),"
                f" peek {result['peek_ms']:.3f} ms"
            ),
            (
                f"TA-Lib over {KEPT} bars of every symbol: {result['talib_full_ms']:.1f} ms,"
                f" {result['ratio']:.0f} x a step, {fast} the goal of {result['goal_ratio']}"
            ),
            f"largest relative error {result['max_rel_error']:.1e}, {close} the goal of {result['goal_error']:.0e}",
            f"{result['bytes_per_symbol']} bytes a symbol; seeded with {KEPT} bars each in {result['seed_s']:.3f} s",
        )
    )
