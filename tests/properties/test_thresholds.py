"""A threshold says of every close what the plain definition says with that close as the newest bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.indicators import Floats, Indicators, Rows
from core.thresholds import (
    Line,
    extremes,
    kdj_rsv,
    mean_volume,
    rsv_price,
    solve_boll,
    solve_ma,
    solve_ma_cross,
    solve_macd,
    solve_rsi,
)
from tests.fakes import oracle

NEAR: Final = 1e-9
ONE: Final = np.array([0])


@dataclass(frozen=True)
class History:
    closes: list[float]
    highs: list[float]
    lows: list[float]

    def state(self) -> Indicators:
        state = Indicators(1)
        columns = {"close": self.closes, "high": self.highs, "low": self.lows, "volume": [100.0] * len(self.closes)}
        state.load(ONE, **{name: np.array(values)[:, None] for name, values in columns.items()})
        return state


@st.composite
def histories(draw: st.DrawFn) -> History:
    """40 to 90 bars on the grid of prices; some lie still for long, some jump."""
    start = draw(st.sampled_from([1_000, 10_000, 1_400_000]))
    step = draw(st.sampled_from([0, 10, 30, 400]))
    bars = draw(st.integers(40, 90))
    steps = draw(st.lists(st.integers(-step, step), min_size=bars, max_size=bars))
    tail = draw(st.lists(st.integers(0, step // 2), min_size=2 * bars, max_size=2 * bars))
    milli, closes = start, []
    for change in steps:
        milli = max(milli + change, 500)
        closes.append(milli)
    highs = [close + more for close, more in zip(closes, tail[:bars], strict=True)]
    lows = [max(close - less, 500) for close, less in zip(closes, tail[bars:], strict=True)]
    return History(*([value / 1000 for value in values] for values in (closes, highs, lows)))


# A step away from the threshold, in parts of it; tiny ones find an inequality that is the wrong way round.
STEPS: Final = st.sampled_from([1e-8, 1e-6, 1e-3, 0.02, 0.3]).flatmap(lambda step: st.sampled_from([step, -step]))


def judged(history: History, threshold: float, step: float, holds: Callable[[list[float]], bool], above: bool) -> None:
    """The plain definition at a close beside the threshold, or at the last close where the threshold is no price."""
    x = threshold * (1 + step) if np.isfinite(threshold) else history.closes[-1] * (1 + step)
    assume(x > 0)
    assume(abs(x - threshold) > NEAR)
    assert holds([*history.closes, x]) == (x >= threshold if above else x <= threshold)


@given(histories(), STEPS, st.integers(2, 40))
def test_price_and_line(history: History, step: float, n: int) -> None:
    threshold = solve_ma(history.state(), ONE, n)[0]
    judged(history, threshold, step, lambda closes: closes[-1] >= oracle.ma(closes, n), above=True)
    judged(history, threshold, step, lambda closes: closes[-1] <= oracle.ma(closes, n), above=False)


@given(histories(), STEPS, st.integers(1, 20), st.integers(1, 20))
def test_line_and_line(history: History, step: float, fast: int, more: int) -> None:
    threshold = solve_ma_cross(history.state(), ONE, fast, fast + more)[0]

    def apart(closes: list[float]) -> float:
        return oracle.ma(closes, fast) - oracle.ma(closes, fast + more)

    judged(history, threshold, step, lambda closes: apart(closes) >= 0, above=True)
    judged(history, threshold, step, lambda closes: apart(closes) <= 0, above=False)


@given(histories(), STEPS, st.none() | st.sampled_from([-1.0, -0.1, 0.0, 0.05, 2.0]))
def test_macd(history: History, step: float, value: float | None) -> None:
    threshold = solve_macd(history.state(), ONE, value)[0]

    def beyond(closes: list[float], sign: int) -> bool:
        dif, dea = oracle.macd(closes)
        return sign * (dif - (dea if value is None else value)) >= 0

    judged(history, threshold, step, lambda closes: beyond(closes, 1), above=True)
    judged(history, threshold, step, lambda closes: beyond(closes, -1), above=False)


@given(
    histories(), STEPS, st.sampled_from([2, 6, 9, 14, 24]), st.sampled_from([0.0, 5.0, 20.0, 50.0, 70.0, 99.0, 100.0])
)
def test_rsi(history: History, step: float, n: int, value: float) -> None:
    # A price that has never moved is judged by whether it moves at all, and no price moves by less than a step.
    assume(len(set(history.closes)) > 1 or abs(step) >= 1e-3)
    threshold = solve_rsi(history.state(), ONE, n, value)[0]
    if 0 < value < 100:
        judged(history, threshold, step, lambda closes: oracle.rsi(closes, n) >= value, above=True)
        judged(history, threshold, step, lambda closes: oracle.rsi(closes, n) <= value, above=False)
    else:
        assert threshold == (-np.inf if value == 0 else np.inf)


@given(histories(), STEPS, st.sampled_from([3, 10, 20, 26]), st.sampled_from([0.5, 1.0, 2.0]), st.booleans())
def test_boll(history: History, step: float, n: int, width: float, sample: bool) -> None:
    state, by = history.state(), n - 1 if sample else n
    upper, lower = (
        solve_boll(state, ONE, side, n, width, "sample" if sample else "population")[0] for side in ("upper", "lower")
    )
    judged(history, upper, step, lambda closes: closes[-1] >= oracle.boll(closes, n, width, by)[0], above=True)
    judged(history, lower, step, lambda closes: closes[-1] <= oracle.boll(closes, n, width, by)[1], above=False)


@given(
    histories(),
    st.sampled_from(["k", "d", "j"]),
    st.none() | st.sampled_from([-10.0, 5.0, 20.0, 50.0, 80.0, 101.0]),
    st.integers(0, 500),
    st.integers(0, 500),
    st.floats(0, 1),
)
def test_kdj(history: History, line: Line, value: float | None, up: int, down: int, part: float) -> None:
    state = history.state()
    high, low = history.closes[-1] + up / 1000, max(history.closes[-1] - down / 1000, 0.4)
    x = round(low + part * (high - low), 3)
    assume(low <= x <= high)
    before = extremes(state, ONE)
    threshold = rsv_price(kdj_rsv(state, ONE, line, value), np.maximum(before[0], high), np.minimum(before[1], low))[0]
    assume(abs(x - threshold) > NEAR)
    k, d, j = oracle.kdj([*history.closes, x], [*history.highs, high], [*history.lows, low])
    stands, level = (k, d) if value is None else ({"k": k, "d": d, "j": j}[line], value)
    if abs(stands - level) > NEAR:
        assert (stands >= level) == (x >= threshold)
        assert (stands <= level) == (x <= threshold)


SOLVERS: Final[list[Callable[[Indicators, Rows], Floats]]] = [
    lambda state, rows: solve_ma(state, rows, 20),
    lambda state, rows: solve_ma(state, rows, 250),
    lambda state, rows: solve_ma_cross(state, rows, 5, 60),
    solve_macd,
    lambda state, rows: solve_macd(state, rows, 0.1),
    lambda state, rows: solve_rsi(state, rows, 6, 80),
    lambda state, rows: solve_rsi(state, rows, 9, 20),
    lambda state, rows: solve_boll(state, rows, "upper"),
    lambda state, rows: solve_boll(state, rows, "lower", 60),
    kdj_rsv,
    lambda state, rows: kdj_rsv(state, rows, "j", 100),
    lambda state, rows: rsv_price(kdj_rsv(state, rows), *extremes(state, rows)),
    lambda state, rows: extremes(state, rows, 60)[1],
    lambda state, rows: mean_volume(state, rows, 5),
]


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 300))
def test_a_row_alone_is_bit_for_bit_the_row_among_many(seed: int, size: int, bars: int) -> None:
    chance = np.random.default_rng(seed)
    state = Indicators(size)
    close = chance.integers(9_000, 11_000, (bars, size)) / 1000
    state.load(np.arange(size), close=close, high=close + 0.1, low=close - 0.1, volume=chance.random((bars, size)))
    for solve in SOLVERS:
        together = solve(state, np.arange(size))
        alone = [solve(state, np.array([row]))[0] for row in range(size)]
        np.testing.assert_array_equal(together, alone)
