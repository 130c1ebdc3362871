"""What a forming bar shows is what it leaves behind when it closes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.indicators import Floats, Indicators
from tests.fakes import oracle


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(0, 60))
def test_what_is_peeked_is_what_is_read_after_the_commit(seed: int, size: int, bars: int) -> None:
    chance = np.random.default_rng(seed)
    state = Indicators(size)

    def bar() -> tuple[Floats, Floats, Floats, Floats]:
        close = chance.integers(9_990, 10_010, size) / 1000
        return close, close + chance.integers(0, 3) / 1000, close, chance.integers(0, 3, size).astype(np.float64)

    for _ in range(bars):
        state.commit(*bar(), mask=chance.random(size) < 0.8)
    newest = bar()
    seen = state.peek(*newest)
    state.commit(*newest)
    kept = state.values()
    for name, line in oracle.as_named(seen).items():
        np.testing.assert_array_equal(line, oracle.as_named(kept)[name], err_msg=name)
    np.testing.assert_array_equal([seen.k, seen.d, seen.j], [kept.k, kept.d, kept.j])
