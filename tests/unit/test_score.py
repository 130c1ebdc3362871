"""What became of an advice: its anchor, its end, hit or miss, its levels, and when nothing can be said."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.analysis import Action, Analysis, Outcome, Standing, Touched
from core.score import (
    CLOSED_DOWN,
    CLOSED_UP,
    MISSING,
    SEALED_DOWN,
    SEALED_UP,
    SUSPENDED,
    Anchor,
    Basis,
    Series,
    anchor_of,
    due,
    due_at,
    score,
)
from core.types import Symbol
from tests.fakes.advice import analysis, bars
from tests.fakes.market import market_instant

MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
FRIDAY = date(2026, 2, 27)


def outcome(
    one: Analysis, *prices: str, horizon: int = 1, index: Series | None = None, basis: Basis | None = None
) -> Outcome:
    """Scored by these days, from Friday 2026-02-27 on."""
    assert one.decision is not None
    return score(one, one.decision, horizon, Series(bars("2026-02-27", *prices)), index=index, basis=basis)


# -- the anchor


@pytest.mark.parametrize(
    ("answered", "anchor"),
    [
        ("2026-03-02 09:24", Anchor(MONDAY, opens=True)),
        ("2026-03-02 09:25", Anchor(MONDAY, opens=False)),
        ("2026-03-02 12:00", Anchor(MONDAY, opens=False)),
        ("2026-03-02 14:56", Anchor(MONDAY, opens=False)),
        ("2026-03-02 14:57", Anchor(TUESDAY, opens=True)),
        ("2026-03-02 23:00", Anchor(TUESDAY, opens=True)),
        ("2026-02-28 10:00", Anchor(MONDAY, opens=True)),  # a Saturday
        ("2026-02-27 15:00", Anchor(MONDAY, opens=True)),
    ],
)
def test_the_anchor_is_the_first_price_after_the_answer(answered: str, anchor: Anchor) -> None:
    assert anchor_of(market_instant(answered)) == anchor


def test_an_answer_that_took_long_is_anchored_where_it_came() -> None:
    late = analysis("2026-03-02 14:56", took=timedelta(minutes=2))
    scored = outcome(late, "100", "100", "101 105 101 105", "107")
    assert (scored.anchor_on, scored.anchor) == (TUESDAY, Decimal(101))


def test_the_price_in_the_facts_is_no_anchor() -> None:
    scored = outcome(analysis("2026-03-02 10:00", price=Decimal(90)), "100", "98 103 97 102", "103.02")
    assert scored.anchor == Decimal(102)
    assert scored.percent == Decimal("1.00")


# -- when


def test_it_is_due_at_the_close_of_its_last_day() -> None:
    one = analysis("2026-03-02 10:00")
    assert due_at(one, 1) == market_instant("2026-03-03 15:00")
    assert due_at(one, 10) == market_instant("2026-03-16 15:00")
    assert due(one, market_instant("2026-03-03 14:59")) == []
    assert due(one, market_instant("2026-03-09 15:00")) == [1, 3, 5]


def test_the_day_of_the_anchor_does_not_count_even_from_its_open() -> None:
    scored = outcome(analysis("2026-03-02 08:00"), "100", "100 120 100 120", "110")
    assert (scored.anchor_on, scored.ended_on, scored.percent) == (MONDAY, TUESDAY, Decimal("10.00"))


@pytest.mark.parametrize(("horizon", "percent"), [(1, "1.00"), (3, "3.00"), (5, "5.00"), (10, "10.00")])
def test_each_horizon_ends_so_many_days_later(horizon: int, percent: str) -> None:
    days = ["100", "100", *(f"{100 + n}" for n in range(1, 11))]
    assert outcome(analysis("2026-03-02 10:00"), *days, horizon=horizon).percent == Decimal(percent)


# -- hit or miss

UP, BIT_UP, BIT_DOWN, DOWN = "101.01", "101.00", "99.00", "98.99"
HIT, MISS, NEUTRAL, UNABLE = Standing.HIT, Standing.MISS, Standing.NEUTRAL, Standing.UNABLE


@pytest.mark.parametrize(
    ("action", "found"),
    [
        (Action.BUY, (HIT, NEUTRAL, NEUTRAL, MISS)),
        (Action.SELL, (MISS, NEUTRAL, NEUTRAL, HIT)),
        (Action.HOLD, (HIT, HIT, HIT, MISS)),
        (Action.WAIT, (MISS, HIT, HIT, HIT)),
    ],
)
def test_what_hits_depends_on_the_action(action: Action, found: tuple[Standing, ...]) -> None:
    one = analysis("2026-03-02 10:00", action=action)
    assert tuple(outcome(one, "100", "100", end).standing for end in (UP, BIT_UP, BIT_DOWN, DOWN)) == found


@pytest.mark.parametrize(("horizon", "band"), [(3, "1.73"), (5, "2.24"), (10, "3.16")])
def test_more_days_need_a_larger_move(horizon: int, band: str) -> None:
    one = analysis("2026-03-02 10:00")
    flat = ["100"] * (horizon + 1)
    inside, outside = (Decimal(100) + Decimal(band) + more for more in (Decimal(0), Decimal("0.01")))
    assert outcome(one, *flat, str(inside), horizon=horizon).standing is NEUTRAL
    assert outcome(one, *flat, str(outside), horizon=horizon).standing is HIT


# -- on the way


def test_the_highest_and_lowest_count_from_the_anchor_on() -> None:
    days = ("100", "100 150 50 100", "100 104 99 100", "100 102 97 101", "101")
    scored = outcome(analysis("2026-03-02 10:00"), *days, horizon=3)
    assert (scored.highest, scored.lowest) == (Decimal("4.00"), Decimal("-3.00"))
    scored = outcome(analysis("2026-02-28 10:00"), "100", "100 106 95 100", "100", horizon=1)
    assert (scored.highest, scored.lowest) == (Decimal("6.00"), Decimal("-5.00"))


AS_KNOWN = Basis(FRIDAY, Decimal(100))


def levels(*prices: str, basis: Basis | None = AS_KNOWN, **changes: Any) -> Outcome:
    one = analysis("2026-03-02 10:00", take_profit=Decimal(105), stop_loss=Decimal(95), **changes)
    return outcome(one, "100", "100", *prices, horizon=3, basis=basis)


@pytest.mark.parametrize(
    ("days", "target", "stop", "touched"),
    [
        (("100 104.99 95.01 100", "100", "100"), False, False, None),
        (("100 105 99 100", "100", "100"), True, False, Touched.TARGET),
        (("100 101 95 100", "100", "100"), False, True, Touched.STOP),
        (("100 105 99 100", "100 101 94 100", "100"), True, True, Touched.TARGET),
        (("100 101 94 100", "100", "100 106 99 100"), True, True, Touched.STOP),
        (("100", "100 106 94 100", "100"), True, True, Touched.SAME_DAY),
    ],
)
def test_its_own_levels_are_looked_for(
    days: tuple[str, ...], target: bool, stop: bool, touched: Touched | None
) -> None:
    scored = levels(*days)
    assert (scored.hit_target, scored.hit_stop, scored.touched) == (target, stop, touched)


@pytest.mark.parametrize(
    ("action", "symbol", "touched"),
    [
        (Action.BUY, "600519.SH", Touched.STOP),
        (Action.HOLD, "600519.SH", Touched.TARGET),
        (Action.BUY, "518880.SH", Touched.TARGET),  # gold settles on the same day
    ],
)
def test_what_was_bought_at_the_open_cannot_be_sold_that_day(action: Action, symbol: str, touched: Touched) -> None:
    one = analysis(
        "2026-02-28 10:00", action=action, symbol=Symbol(symbol), take_profit=Decimal(105), stop_loss=Decimal(95)
    )
    scored = outcome(one, "100", "100 106 100 100", "100 101 94 100", basis=AS_KNOWN)
    assert (scored.anchor_on, scored.touched, scored.highest) == (MONDAY, touched, Decimal("6.00"))


def test_levels_move_with_a_dividend() -> None:
    # 100 that day is 90 in the bars of today: so 105 was 94.5, and 95 was 85.5.
    one = analysis("2026-03-02 10:00", take_profit=Decimal(105), stop_loss=Decimal(95))
    assert outcome(one, "90", "90", "90 94.5 86 90", basis=AS_KNOWN).touched is Touched.TARGET
    assert outcome(one, "90", "90", "90 94.49 85.5 90", basis=AS_KNOWN).touched is Touched.STOP


def test_levels_are_not_judged_when_nobody_knows_on_which_prices_they_stand() -> None:
    assert levels("100 200 1 100", "100", "100", basis=None).touched is None
    assert levels("100 200 1 100", "100", "100", basis=Basis(date(2026, 2, 1), Decimal(100))).touched is None


def test_levels_of_what_is_sold_say_nothing() -> None:
    assert levels("100 200 1 100", "100", "100", action=Action.SELL).touched is None
    assert levels("100 101 94 100", "100", "100", action=Action.HOLD).touched is Touched.STOP


# -- against the index


def test_the_excess_is_over_the_index_between_the_same_prices() -> None:
    index = Series(bars("2026-02-27", "3000", "3000 3100 3000 3100", "3131 3131 3131 3131", symbol=Symbol("000001.SH")))
    by_close = outcome(analysis("2026-03-02 10:00"), "100", "100 104 100 104", "109.2", index=index)
    assert (by_close.percent, by_close.excess) == (Decimal("5.00"), Decimal("4.00"))
    by_open = outcome(analysis("2026-03-02 09:00"), "100", "100 104 100 104", "109.2", index=index)
    assert (by_open.percent, by_open.excess) == (Decimal("9.20"), Decimal("4.83"))


def test_without_the_index_there_is_no_excess() -> None:
    days = ("100", "100", "105")
    short = Series(bars("2026-02-27", "3000", "3000", symbol=Symbol("000001.SH")))
    assert outcome(analysis("2026-03-02 10:00"), *days).excess is None
    assert outcome(analysis("2026-03-02 10:00"), *days, index=short).excess is None


# -- when nothing can be said


def refused(one: Analysis, *days: str, horizon: int = 1) -> str:
    found = outcome(one, *days, horizon=horizon)
    assert (found.standing is UNABLE) == bool(found.why)
    if found.why:
        assert (found.anchor, found.percent, found.excess, found.highest, found.touched) == (None,) * 5
        assert found.anchor_on is not None
        assert found.ended_on is not None
    return found.why


def test_a_suspended_share_cannot_be_scored() -> None:
    one = analysis("2026-03-02 10:00")
    assert refused(one, "100", "-", "100") == SUSPENDED
    assert refused(one, "100", "100", "-", "100") == SUSPENDED
    assert refused(one, "100", "100", "-", "100", "103", horizon=3) == ""


def test_a_bar_without_trades_is_a_suspension() -> None:
    one = analysis("2026-03-02 10:00")
    [friday, monday, tuesday] = bars("2026-02-27", "100", "100", "105")
    still = type(tuesday)(tuesday.symbol, tuesday.time, *(tuesday.close,) * 4, 0)
    assert one.decision is not None
    assert score(one, one.decision, 1, Series([friday, monday, still])).why == SUSPENDED


def test_bars_that_are_not_at_hand_are_no_suspension() -> None:
    one = analysis("2026-03-02 10:00")
    assert refused(one, "100", "100") == MISSING
    assert refused(one) == MISSING
    assert refused(analysis("2026-02-26 10:00"), "100", "100") == MISSING


def test_a_share_sealed_at_its_upper_limit_cannot_be_bought() -> None:
    one = analysis("2026-02-28 10:00")  # by the open
    assert refused(one, "100", "110", "115") == SEALED_UP
    assert refused(one, "100", "110 110 109.99 110", "115") == SEALED_UP  # a rounding of adjusted prices
    assert refused(one, "100", "110 110 108 110", "115") == ""
    assert refused(one, "100", "109", "115") == ""
    assert refused(one, "100", "110") == SEALED_UP  # whatever is missing beside
    assert refused(one, "110", "115") == MISSING  # the end: nothing before it to tell the limit from
    for action in (Action.SELL, Action.HOLD, Action.WAIT):
        assert refused(analysis("2026-02-28 10:00", action=action), "100", "110", "115") == ""


def test_a_share_sealed_at_its_lower_limit_cannot_be_sold() -> None:
    one = analysis("2026-02-28 10:00", action=Action.SELL)
    assert refused(one, "100", "90", "85") == SEALED_DOWN
    assert refused(one, "100", "90 92 90 90", "85") == ""
    for action in (Action.BUY, Action.HOLD, Action.WAIT):
        assert refused(analysis("2026-02-28 10:00", action=action), "100", "90", "85") == ""


def test_a_close_at_the_limit_is_no_price_to_be_had() -> None:
    one = analysis("2026-03-02 10:00")  # by the close
    assert refused(one, "100", "100 110 100 110", "115") == CLOSED_UP
    assert refused(one, "100", "110", "115") == SEALED_UP
    assert refused(one, "100", "100 110 100 109.5", "115") == ""
    sell = analysis("2026-03-02 10:00", action=Action.SELL)
    assert refused(sell, "100", "100 100 90 90", "85") == CLOSED_DOWN
    assert refused(sell, "100", "100 100 90 91", "85") == ""
    by_open = analysis("2026-02-28 10:00")
    assert refused(by_open, "100", "100 110 100 110", "115") == ""


def test_the_limit_is_that_of_its_board() -> None:
    growth = analysis("2026-02-28 10:00", symbol=Symbol("300750.SZ"), name="宁德时代")
    assert refused(growth, "100", "110", "115") == ""
    assert refused(growth, "100", "120", "125") == SEALED_UP
    warned = analysis("2026-02-28 10:00", name="*ST某某")
    assert refused(warned, "100", "105", "106") == SEALED_UP
