"""Thresholds that can be checked by hand, from which bar on they are given, and which lengths are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest

from core.indicators import KEPT, RSI_LONGEST, Floats, Indicators, Rows, needed
from core.thresholds import (
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
from tests.fakes.oracle import Bars, loaded, walk

ROWS: Final = 3
ONE: Final = np.array([0])


@pytest.mark.parametrize(
    ("need", "solve"),
    [
        (needed("ma", 20), lambda state, rows: solve_ma(state, rows, 20)),
        (needed("ma", 10), lambda state, rows: solve_ma_cross(state, rows, 5, 10)),
        (needed("macd"), solve_macd),
        (needed("rsi", 14), lambda state, rows: solve_rsi(state, rows, 14, 70)),
        (needed("rsi", 14), lambda state, rows: solve_rsi(state, rows, 14, 0)),
        (needed("boll"), lambda state, rows: solve_boll(state, rows, "upper")),
        (needed("boll", 26), lambda state, rows: solve_boll(state, rows, "lower", 26)),
        (needed("kdj"), kdj_rsv),
        (needed("extremes", 60), lambda state, rows: extremes(state, rows, 60)[0]),
        (needed("volume", 5), lambda state, rows: mean_volume(state, rows, 5)),
    ],
)
def test_a_threshold_is_given_from_the_bar_on_that_is_said(
    need: int, solve: Callable[[Indicators, Rows], Floats]
) -> None:
    bars, state, rows = walk(70), Indicators(ROWS), np.arange(ROWS)
    for at, bar in enumerate(zip(*bars, strict=True)):
        assert np.isnan(solve(state, rows)).tolist() == [at < need] * ROWS
        state.commit(*bar)


def of_closes(*closes: float) -> Indicators:
    line = np.array(closes)[:, None]
    return loaded(Bars(line, line, line, np.full_like(line, 100)))


def test_the_price_meets_its_line_at_the_mean_of_the_closed_bars() -> None:
    state = of_closes(99, 10, 11, 12, 13)
    assert solve_ma(state, ONE, 5) == (10 + 11 + 12 + 13) / 4
    assert solve_ma(state, ONE, 2) == 13


def test_two_lines_meet_where_their_means_are_equal() -> None:
    state = of_closes(10, 11, 12, 13)
    x = solve_ma_cross(state, ONE, 2, 5)[0]
    assert (13 + x) / 2 == pytest.approx((10 + 11 + 12 + 13 + x) / 5)


def test_rsi_of_a_price_that_never_moved_is_fifty_until_it_moves() -> None:
    state = of_closes(*[100.0] * 30)
    assert state.values().rsi[6] == 50
    high, low = solve_rsi(state, ONE, 6, 70)[0], solve_rsi(state, ONE, 6, 30)[0]
    assert 100 < high < 100.001
    assert 99.999 < low < 100
    assert solve_rsi(state, ONE, 6, 50)[0] == 100


def test_rsi_never_crosses_its_ends() -> None:
    state = walk(60).feed(Indicators(ROWS))
    assert solve_rsi(state, ONE, 6, 0) == -np.inf
    assert solve_rsi(state, ONE, 6, 100) == np.inf


def test_a_band_that_outruns_the_price_is_never_touched() -> None:
    state = walk(60).feed(Indicators(ROWS))
    assert solve_boll(state, ONE, "upper", 5, 2.0) == np.inf
    assert solve_boll(state, ONE, "lower", 5, 2.0) == -np.inf
    assert np.isfinite(solve_boll(state, ONE, "upper", 20, 2.0))


def test_kdj_of_a_price_that_never_moved_stays_in_the_middle() -> None:
    state = of_closes(*[100.0] * 30)
    values = state.values()
    assert [values.k[0], values.d[0], values.j[0]] == [50, 50, 50]
    highest, lowest = extremes(state, ONE)
    for level, price in ((20.0, -np.inf), (50.0, 100.0), (80.0, np.inf)):
        assert rsv_price(kdj_rsv(state, ONE, "k", level), highest, lowest) == price


def test_the_price_of_an_rsv_lies_between_the_extremes() -> None:
    assert rsv_price(np.array([25.0]), np.array([12.0]), np.array([8.0])) == 9


@pytest.mark.parametrize(
    "solve",
    [
        lambda state: solve_ma(state, ONE, 1),
        lambda state: solve_ma(state, ONE, KEPT + 2),
        lambda state: solve_ma_cross(state, ONE, 20, 5),
        lambda state: solve_ma_cross(state, ONE, 0, 5),
        lambda state: solve_rsi(state, ONE, 1, 50),
        lambda state: solve_rsi(state, ONE, RSI_LONGEST + 1, 50),
        lambda state: solve_boll(state, ONE, "upper", 2),
        lambda state: extremes(state, ONE, KEPT + 1),
        lambda state: mean_volume(state, ONE, 0),
    ],
)
def test_a_length_that_is_not_kept_is_refused(solve: Callable[[Indicators], Floats]) -> None:
    with pytest.raises(ValueError, match="it must be"):
        solve(of_closes(10, 11))


def test_a_band_without_width_is_refused() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        solve_boll(of_closes(10, 11), ONE, "upper", width=0)
