"""What holds of every outcome: whatever the prices, the order, and the dividends after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.analysis import HORIZONS, Action, Analysis, Outcome, Standing, Touched
from core.bars import Bar, day_label
from core.calendar import trading_days
from core.score import Basis, Series, anchor_of, answered_at, end_of, score
from core.tally import tally
from tests.fakes.advice import MAOTAI, analysis, decision

DAYS = trading_days(date(2026, 2, 2), date(2026, 3, 31))
WHEN = ("2026-02-27 10:00", "2026-02-27 09:00", "2026-02-27 20:00", "2026-02-28 12:00", "2026-03-02 14:57")


@st.composite
def histories(draw: st.DrawFn, least: int = -4) -> Sequence[Bar]:
    """Days that never come near a limit: each opens, moves and closes within 4 % of the close before."""
    close, found = Decimal(draw(st.integers(50_00, 2000_00))) / 100, []
    for day in DAYS:
        moves = [Decimal(draw(st.integers(least * 100, 400))) / 10_000 for _ in range(4)]
        opened, end, *others = ((close * (1 + move)).quantize(Decimal("0.01")) for move in moves)
        prices = (opened, end, *others)
        found.append(Bar(MAOTAI, day_label(day), opened, max(prices), min(prices), end, 100))
        close = end
    return found


def advices() -> st.SearchStrategy[Analysis]:
    return st.builds(
        lambda when, action, target, stop: analysis(
            when, decision=decision(action, take_profit=Decimal(target), stop_loss=Decimal(stop))
        ),
        st.sampled_from(WHEN),
        st.sampled_from(Action),
        st.integers(40, 2200),
        st.integers(40, 2200),
    )


def outcome(one: Analysis, bars: Sequence[Bar], horizon: int, basis: Basis | None = None) -> Outcome:
    assert one.decision is not None
    return score(one, one.decision, horizon, Series(bars), index=Series(bars), basis=basis)


def scaled(bars: Sequence[Bar], factor: Decimal) -> list[Bar]:
    return [
        replace(bar, open=bar.open * factor, high=bar.high * factor, low=bar.low * factor, close=bar.close * factor)
        for bar in bars
    ]


@given(advices(), histories(), st.sampled_from(HORIZONS), st.sampled_from(["0.5", "0.9", "2", "0.125"]))
@settings(deadline=None, max_examples=50)
def test_a_dividend_after_it_changes_no_outcome(one: Analysis, bars: Sequence[Bar], horizon: int, factor: str) -> None:
    basis = Basis(DAYS[15], bars[15].close)
    before = outcome(one, bars, horizon, basis)
    after = outcome(one, scaled(bars, Decimal(factor)), horizon, basis)
    assert before.anchor is not None
    assert after == before.model_copy(update={"anchor": before.anchor * Decimal(factor)})


@given(advices(), histories(), st.sampled_from(HORIZONS), st.randoms())
@settings(deadline=None, max_examples=50)
def test_it_looks_at_no_day_but_those_between(one: Analysis, bars: Sequence[Bar], horizon: int, random: object) -> None:
    anchor = anchor_of(answered_at(one))
    end = end_of(anchor.day, horizon)
    first, last = DAYS.index(anchor.day), DAYS.index(end)
    few = [*bars[first - 1 : last + 1]]
    random.shuffle(few)  # type: ignore[attr-defined]
    assert outcome(one, few, horizon) == outcome(one, bars, horizon)


@given(advices(), histories(), st.sampled_from(HORIZONS))
@settings(deadline=None, max_examples=50)
def test_an_outcome_agrees_with_itself(one: Analysis, bars: Sequence[Bar], horizon: int) -> None:
    found = outcome(one, bars, horizon, Basis(DAYS[15], bars[15].close))
    assert found.percent is not None
    assert found.highest is not None
    assert found.lowest is not None
    assert found.lowest <= found.percent <= found.highest
    assert found.excess == 0
    assert (found.touched is None) == (not found.hit_target and not found.hit_stop)
    assert found.hit_target or found.touched is not Touched.TARGET
    assert found.hit_stop or found.touched is not Touched.STOP
    assert (found.hit_target and found.hit_stop) or found.touched is not Touched.SAME_DAY


@pytest.mark.parametrize("when", WHEN)
@given(histories(least=0))
@settings(deadline=None, max_examples=20)
def test_while_every_day_rises_nobody_who_bought_is_wrong(when: str, bars: Sequence[Bar]) -> None:
    rising = sorted(bar.close for bar in bars)
    days = [
        replace(bar, open=close, high=close, low=close, close=close) for bar, close in zip(bars, rising, strict=True)
    ]
    moves = []
    for horizon in HORIZONS:
        bought, sold, held, waited = (outcome(analysis(when, action=action), days, horizon) for action in Action)
        assert bought.standing in (Standing.HIT, Standing.NEUTRAL)
        assert sold.standing in (Standing.MISS, Standing.NEUTRAL)
        assert held.standing is Standing.HIT
        assert (waited.standing is Standing.HIT) == (bought.standing is Standing.NEUTRAL)
        moves.append(bought.percent)
    assert moves == sorted(move for move in moves if move is not None)


@given(st.permutations(range(12)), histories())
@settings(deadline=None, max_examples=20)
def test_the_tally_does_not_depend_on_the_order(order: Sequence[int], bars: Sequence[Bar]) -> None:
    made = [
        analysis(f"{DAYS[10 + number // 2]} 1{number % 2}:00", f"A{number}", action=action, horizon=horizon)
        for number, (action, horizon) in enumerate((action, horizon) for action in Action for horizon in (1, 3, 5))
    ]
    outcomes = [outcome(one, bars, horizon) for one in made for horizon in (1, 3, 5)]
    shuffled = [made[place] for place in order]
    assert tally(shuffled, [outcomes[-place - 1] for place in range(len(outcomes))], {}) == tally(made, outcomes, {})
