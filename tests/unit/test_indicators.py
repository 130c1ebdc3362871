"""Indicators against TA-Lib and against the formula, and what the state does with bars that are missing or bad."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest

from core.bars import read_bars
from core.indicators import KEPT, Floats, Indicators
from core.thresholds import extremes, mean_volume, solve_boll, solve_macd, solve_rsi
from tests.fakes import oracle
from tests.fakes.oracle import Bars, loaded, walk
from tests.shared import SHARED, needs_shared

NEAR: Final = 1e-9
ROWS: Final = 3
ONE: Final = np.array([0])


def same(one: Indicators, other: Indicators) -> None:
    """Whatever can be read of them is the same."""
    assert one.count.tolist() == other.count.tolist()
    mine, others = one.values(), other.values()
    for name in ("dif", "dea", "hist", "k", "d", "j", "upper", "mid", "lower", "atr", "volume_ratio"):
        np.testing.assert_allclose(getattr(mine, name), getattr(others, name), rtol=1e-12, atol=1e-12, err_msg=name)
    for name in ("ma", "rsi"):
        for length, line in getattr(mine, name).items():
            np.testing.assert_allclose(line, getattr(others, name)[length], rtol=1e-12, err_msg=f"{name}{length}")
    rows = np.arange(len(one))
    for n in (8, KEPT):
        np.testing.assert_array_equal(extremes(one, rows, n), extremes(other, rows, n))
    np.testing.assert_allclose(mean_volume(one, rows, 100), mean_volume(other, rows, 100), rtol=1e-12)


def every_bar(bars: Bars) -> dict[str, Floats]:
    """[bars, rows] of every indicator, read after each commit."""
    state = Indicators(bars.close.shape[1])
    said: list[dict[str, Floats]] = []
    for bar in zip(*bars, strict=True):
        state.commit(*bar)
        values = state.values()
        said.append(oracle.as_named(values) | {"k": values.k, "d": values.d, "j": values.j})
    return {name: np.array([values[name] for values in said]) for name in said[0]}


def agrees_with_the_oracle(bars: Bars) -> None:
    ours = every_bar(bars)
    for row in range(bars.close.shape[1]):
        series = [np.ascontiguousarray(values[:, row]) for values in bars]
        for name, theirs in oracle.by_talib(*series).items():
            mine = ours[name][:, row]
            assert not np.isnan(mine[KEPT:]).any(), name
            assert oracle.error(name, mine, theirs, series[0]) < NEAR, name
        close, high, low = (values.tolist() for values in series[:3])
        for last in range(8, len(close), 17):
            k, d, j = oracle.kdj(close[: last + 1], high[: last + 1], low[: last + 1])
            assert ours["k"][last, row] == pytest.approx(k, rel=NEAR)
            assert ours["d"][last, row] == pytest.approx(d, rel=NEAR)
            assert ours["j"][last, row] == pytest.approx(j, rel=NEAR, abs=NEAR)


def test_every_indicator_agrees_with_the_oracle_at_every_bar() -> None:
    agrees_with_the_oracle(walk(400))


@needs_shared
@pytest.mark.parametrize("name", ["daily/000001.SZ", "daily/600519.SH", "minute5/300766.SZ_2026"])
def test_every_indicator_agrees_with_the_oracle_on_real_bars(name: str) -> None:
    agrees_with_the_oracle(real(name))


def real(name: str) -> Bars:
    bars = read_bars(SHARED / "data" / "bars" / f"{name}.csv")
    columns = [[bar.close, bar.high, bar.low, bar.volume] for bar in bars]
    return Bars(*np.array(columns, np.float64).T[:, :, None])


def test_the_bar_that_is_peeked_at_is_the_bar_that_is_committed() -> None:
    bars = walk(300)
    state = bars.part(slice(0, 299)).feed(Indicators(ROWS))
    last = [values[299] for values in bars]
    seen = state.peek(*last)
    state.commit(*last)
    kept = state.values()
    for name, line in oracle.as_named(seen).items():
        np.testing.assert_array_equal(line, oracle.as_named(kept)[name], err_msg=name)
    np.testing.assert_array_equal([seen.k, seen.d, seen.j], [kept.k, kept.d, kept.j])


def test_peeking_changes_nothing() -> None:
    bars = walk(60)
    state, other = bars.feed(Indicators(ROWS)), bars.feed(Indicators(ROWS))
    state.peek(*(values[0] for values in bars))
    same(state, other)


def test_loading_is_committing_bar_by_bar() -> None:
    bars = walk(320)
    same(loaded(bars), bars.feed(Indicators(ROWS)))


def test_rows_may_be_loaded_in_any_order_into_a_state_that_is_on_its_way() -> None:
    bars = walk(100, rows=5)
    state = bars.part(slice(0, 37)).feed(Indicators(5))
    state.load(np.array([4, 1]), **Bars(*(values[:, [4, 1]] for values in bars))._asdict())
    same_rows = np.array([4, 1])
    fresh = loaded(bars)
    np.testing.assert_array_equal(solve_macd(state, same_rows), solve_macd(fresh, same_rows))
    np.testing.assert_array_equal(solve_boll(state, same_rows, "upper"), solve_boll(fresh, same_rows, "upper"))
    assert state.count.tolist() == [37, 100, 37, 37, 100]


def test_a_share_listed_later_has_only_its_own_bars() -> None:
    bars = walk(90)
    for values in bars:
        values[:50, 1] = np.nan
    state = loaded(bars)
    assert state.count.tolist() == [90, 40, 90]
    alone = loaded(bars.part(slice(50, None), slice(1, 2)))
    assert state.values().rsi[6][1] == pytest.approx(alone.values().rsi[6][0], rel=1e-12)
    assert np.isnan(state.values().ma[60][1])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_symbol_that_misses_bars_stands_as_if_they_had_not_been(share: float) -> None:
    rows = 12
    bars, chance = walk(600, rows), np.random.default_rng(3)
    state = Indicators(rows)
    masks = chance.random((600, rows)) < share
    for at, mask in enumerate(masks):
        close, high, low, volume = (values[at] for values in bars)
        assert state.commit(close, high, low, volume, mask).tolist() == mask.tolist()
    for row in range(rows):
        its = Bars(*(values[masks[:, row], row : row + 1] for values in bars))
        alone = its.feed(Indicators(1))
        one, only = np.array([row]), np.array([0])
        np.testing.assert_array_equal(state.window("close", one, KEPT), alone.window("close", only, KEPT))
        for mine, others in zip(
            oracle.as_named(state.values()).values(), oracle.as_named(alone.values()).values(), strict=True
        ):
            np.testing.assert_allclose(mine[row], others[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("field", "value"),
    [("close", np.nan), ("close", 0.0), ("high", np.inf), ("low", -1.0), ("low", 1e6), ("volume", np.nan)],
)
def test_a_bar_that_is_none_is_passed_over(field: str, value: float) -> None:
    bars = walk(40)
    state, other = (bars.feed(Indicators(ROWS)) for _ in range(2))
    nothing = np.full(ROWS, np.nan)
    assert not state.commit(nothing, nothing, nothing, nothing).any()
    last = Bars(*(values[-1].copy() for values in bars))
    getattr(last, field)[1] = value
    assert state.commit(*last).tolist() == [True, False, True]
    assert np.isnan(state.peek(*last).ma[5]).tolist() == [False, True, False]
    assert state.values().dif[1] == other.values().dif[1]
    assert state.count.tolist() == [41, 40, 41]


def test_a_state_grows_and_keeps_what_it_has() -> None:
    bars = walk(80)
    state = bars.feed(Indicators(ROWS))
    solve_rsi(state, np.array([0]), 9, 50)
    before = state.values()
    for size in (5, 6, 400):
        state.grow(size)
        assert len(state) == size
    np.testing.assert_array_equal(state.values().rsi[9][:ROWS], before.rsi[9])
    np.testing.assert_array_equal(state.values().k[:ROWS], before.k)
    assert state.count[ROWS:].sum() == 0
    assert np.isnan(state.values().ma[5][ROWS:]).all()
    late = np.array([5])
    state.load(late, **bars.part(slice(None), slice(1, 2))._asdict())
    assert solve_macd(state, late) == solve_macd(state, np.array([1]))
    assert solve_rsi(state, late, 9, 60)[0] == pytest.approx(solve_rsi(state, np.array([1]), 9, 60)[0], rel=1e-12)
    with pytest.raises(ValueError, match="cannot become"):
        state.grow(10)


def test_a_state_without_symbols_is_asked_in_vain() -> None:
    state, nothing = Indicators(), np.empty(0)
    assert state.commit(nothing, nothing, nothing, nothing).size == 0
    assert state.peek(nothing, nothing, nothing, nothing).dif.size == state.values().dif.size == len(state) == 0


def test_rescaled_history_is_the_history_of_rescaled_prices() -> None:
    bars = walk(300)
    state = loaded(bars)
    state.rescale(np.array([2, 0]), np.array([0.9, 0.5]))
    factors = np.array([0.5, 1.0, 0.9])
    scaled = loaded(Bars(bars.close * factors, bars.high * factors, bars.low * factors, bars.volume))
    same(state, scaled)


def test_a_row_without_bars_can_be_rescaled() -> None:
    state = Indicators(1)
    state.rescale(np.array([0]), 0.5)
    same(state, Indicators(1))


def test_volume_is_compared_with_the_five_bars_before_and_with_nothing_where_nothing_was_traded() -> None:
    line = np.full((6, 2), 10.0)
    volume = np.array([[100, 0]] * 5 + [[250, 7]], np.float64)
    state = loaded(Bars(line, line, line, volume))
    np.testing.assert_array_equal(state.values().volume_ratio, [2.5, np.nan])
    np.testing.assert_array_equal(mean_volume(state, np.array([0, 1]), 6), [125, 7 / 6])


@pytest.mark.parametrize("bars", [2, 5, 100, 400])
def test_an_unusual_length_of_rsi_is_made_up_from_the_kept_closes(bars: int) -> None:
    history = walk(bars)
    state = history.feed(Indicators(ROWS))
    solve_rsi(state, ONE, 9, 50)
    gain, loss = state.smoothed(np.arange(ROWS), 9)
    for row in range(ROWS):
        plain = oracle.rsi(history.close[-KEPT:, row].tolist(), 9)
        assert 100 * gain[row] / (gain[row] + loss[row]) == pytest.approx(plain, rel=NEAR)


def test_an_unusual_length_of_rsi_goes_on_like_the_others() -> None:
    bars = walk(200)
    early, late = (bars.part(slice(0, 100)).feed(Indicators(ROWS)) for _ in range(2))
    solve_rsi(early, ONE, 9, 50)
    bars.part(slice(100, None)).feed(early)
    bars.part(slice(100, None)).feed(late)
    solve_rsi(late, ONE, 9, 50)
    np.testing.assert_allclose(early.values().rsi[9], late.values().rsi[9], rtol=1e-12)
