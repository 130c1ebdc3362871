"""Ex-dates: the arithmetic, what counts as one, and which prices of a watch follow."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from core.conditions import (
    Condition,
    EnterRange,
    PctDown,
    PctUp,
    PriceAbove,
    PriceBelow,
    StopLoss,
    TakeProfit,
    TrailingStop,
)
from core.ex_dates import ExDate, adjusted, adjusted_condition, has_prices, is_concerned, stamp
from core.types import Side, Symbol
from core.watches import Plan
from tests.fakes.parts import FUND, MOUTAI, PINGAN, watch

DAY = date(2026, 6, 26)


def ex(close: str, preclose: str, symbol: Symbol = MOUTAI) -> ExDate:
    return ExDate(symbol=symbol, day=DAY, close=Decimal(close), preclose=Decimal(preclose))


@pytest.mark.parametrize(
    ("close", "preclose", "symbol", "matters"),
    [
        ("1430.00", "1402.05", MOUTAI, True),
        ("1430.00", "1430.00", MOUTAI, False),
        # a fen of a high price is rounding, and so is less than a twentieth of a percent
        ("1430.00", "1429.99", MOUTAI, False),
        ("1430.00", "1429.30", MOUTAI, False),
        ("1430.00", "1429.28", MOUTAI, True),
        # a fen of a low price is a dividend
        ("3.08", "3.07", PINGAN, True),
        ("3.080", "3.075", PINGAN, False),
        # a fund has three decimals
        ("4.751", "4.750", FUND, False),
        ("4.751", "4.748", FUND, True),
        # two old shares become one
        ("5.00", "10.00", PINGAN, True),
    ],
)
def test_an_ex_date_is_more_than_rounding(close: str, preclose: str, symbol: Symbol, matters: bool) -> None:
    assert ex(close, preclose, symbol).matters is matters


@pytest.mark.parametrize(
    ("price", "symbol", "expected"),
    [
        ("1400", MOUTAI, "1372.64"),
        ("1430", MOUTAI, "1402.05"),
        ("0.01", MOUTAI, "0.01"),
        ("4.751", FUND, "4.658"),
    ],
)
def test_an_adjusted_price_is_on_the_tick_of_its_share(price: str, symbol: Symbol, expected: str) -> None:
    assert ex("1430", "1402.05", symbol).adjusted(Decimal(price)) == Decimal(expected)


HALF = ex("20", "10")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PriceAbove(value=Decimal(30)), PriceAbove(value=Decimal(15))),
        (PriceBelow(value=Decimal("18.01")), PriceBelow(value=Decimal("9.01"))),
        (EnterRange(low=Decimal(18), high=Decimal(19)), EnterRange(low=Decimal(9), high=Decimal("9.50"))),
        (
            EnterRange(low=Decimal("0.01"), high=Decimal("0.02")),
            EnterRange(low=Decimal("0.01"), high=Decimal("0.02")),
        ),
        (TakeProfit(value=Decimal(30), unit="yuan"), TakeProfit(value=Decimal(15), unit="yuan")),
        (StopLoss(value=Decimal(16), unit="yuan"), StopLoss(value=Decimal(8), unit="yuan")),
        (
            PctUp(value=Decimal(5), reference="last", base=Decimal(21)),
            PctUp(value=Decimal(5), reference="last", base=Decimal("10.50")),
        ),
    ],
)
def test_a_price_in_yuan_follows(before: Condition, after: Condition) -> None:
    assert has_prices(before)
    assert adjusted_condition(before, HALF) == after


@pytest.mark.parametrize(
    "condition",
    [
        PriceBelow(reference="cost"),
        PctDown(value=Decimal(5)),
        PctDown(value=Decimal(5), reference="cost"),
        StopLoss(value=Decimal(8), unit="pct", reference="cost"),
        TrailingStop(value=Decimal(8)),
    ],
)
def test_what_follows_the_market_or_the_account_takes_care_of_itself(condition: Condition) -> None:
    assert not has_prices(condition)
    assert adjusted_condition(condition, HALF) is condition


def test_the_limit_of_a_plan_follows_and_its_number_of_shares_does_not() -> None:
    plan = Plan(side=Side.BUY, shares=100, price=Decimal("17.99"))
    before = watch(PctDown(value=Decimal(5)), plan=plan)
    after = adjusted(before, HALF)
    assert after.plan == plan.model_copy(update={"price": Decimal("9.00")})
    assert after.conditions == before.conditions
    assert stamp(after) != stamp(before)
    assert stamp(before) == stamp(before.model_copy(update={"text": "别的话"}))


def test_prices_that_several_shares_have_in_common_stay() -> None:
    before = watch(PriceBelow(value=Decimal(18)), symbols=(MOUTAI, PINGAN))
    assert adjusted(before, HALF) is before


@pytest.mark.parametrize(
    ("changes", "concerned"),
    [
        ({}, True),
        ({"symbols": (MOUTAI, PINGAN)}, True),
        ({"symbols": (MOUTAI, PINGAN), "scope": "market"}, False),
        ({"conditions": (TrailingStop(value=Decimal(8)),)}, True),
        ({"conditions": (PctDown(value=Decimal(8)),)}, False),
        ({"conditions": (PctDown(value=Decimal(8)),), "plan": Plan(side=Side.SELL, fraction=Decimal(1))}, False),
    ],
)
def test_only_watches_with_prices_of_their_own_are_concerned(changes: dict[str, Any], concerned: bool) -> None:
    one = watch(PriceBelow(value=Decimal(18))).model_copy(update=changes)
    assert is_concerned(one) is concerned
