"""Every kind of condition: where it holds, what it needs to know, how it reads, and how far a price must leave it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from core.conditions import (
    CONDITION,
    Condition,
    EnterRange,
    LimitDown,
    LimitUp,
    PctDown,
    PctUp,
    PriceAbove,
    PriceBelow,
    StopLoss,
    TakeProfit,
    evaluate,
)
from core.types import from_milli
from core.view import View
from core.zones import FOREVER, NOWHERE, Missing, Zone, at_least, at_most, zone_text
from tests.fakes.parts import quote

YUAN: Any = "yuan"
PCT: Any = "pct"
COST = Decimal("100.00")

KINDS: list[Condition] = [
    PriceAbove(value=Decimal(1500)),
    PriceAbove(reference="cost"),
    PriceBelow(value=Decimal(1420)),
    PriceBelow(reference="cost"),
    EnterRange(low=Decimal(40), high=Decimal(42)),
    PctUp(value=Decimal(3)),
    PctUp(value=Decimal(3), reference="last", base=Decimal(10)),
    PctDown(value=Decimal(5), reference="open"),
    PctDown(value=Decimal(5), reference="cost"),
    TakeProfit(value=Decimal(1600), unit="yuan"),
    TakeProfit(value=Decimal(20), unit="pct"),
    StopLoss(value=Decimal(1300), unit="yuan"),
    StopLoss(value=Decimal(8), unit="pct", reference="cost"),
    LimitUp(),
    LimitUp(event="open"),
    LimitDown(),
    LimitDown(event="open"),
]


def test_what_is_measured_from_the_day_is_new_each_day() -> None:
    daily = [one.text() for one in KINDS if one.daily]
    assert daily == ["比昨收涨 3.00% 及以上", "比今开跌 5.00% 及以上", "涨停", "涨停打开", "跌停", "跌停打开"]


def holds(condition: Condition, last: str, cost: Decimal | None = None, **changes: Any) -> bool | None:
    return evaluate(condition, View(quote(last=last, **changes), cost)).holds


@pytest.mark.parametrize(
    ("condition", "inside", "outside", "reference"),
    [
        (PriceAbove(value=Decimal(1500)), "1500.00", "1499.99", {}),
        (PriceAbove(reference="cost"), "100.00", "99.99", {}),
        (PriceBelow(value=Decimal(1420)), "1420.00", "1420.01", {}),
        (PriceBelow(reference="cost"), "100.00", "100.01", {}),
        (EnterRange(low=Decimal(40), high=Decimal(42)), "40.00", "39.99", {}),
        (EnterRange(low=Decimal(40), high=Decimal(42)), "42.00", "42.01", {}),
        (PctUp(value=Decimal(3)), "10.30", "10.29", {"preclose": "10"}),
        (PctUp(value=Decimal(3), reference="open"), "20.60", "20.59", {"preclose": "10", "open": "20"}),
        (PctUp(value=Decimal(3), reference="cost"), "103.00", "102.99", {}),
        (PctUp(value=Decimal(3), reference="last", base=Decimal(50)), "51.50", "51.49", {"preclose": "10"}),
        (PctDown(value=Decimal(5)), "9.50", "9.51", {"preclose": "10"}),
        (PctDown(value=Decimal(5), reference="open"), "19.00", "19.01", {"open": "20"}),
        (TakeProfit(value=Decimal(110), unit="yuan"), "110.00", "109.99", {}),
        (TakeProfit(value=Decimal(20), unit="pct"), "120.00", "119.99", {}),
        (StopLoss(value=Decimal(90), unit="yuan"), "90.00", "90.01", {}),
        (StopLoss(value=Decimal(8), unit="pct"), "92.00", "92.01", {}),
        (LimitUp(), "11.00", "10.99", {"limit_up": "11"}),
        (LimitDown(), "9.00", "9.01", {"limit_down": "9"}),
        (LimitUp(event="open"), "10.99", "11.00", {"limit_up": "11", "high": "11"}),
        (LimitDown(event="open"), "9.01", "9.00", {"limit_down": "9", "low": "9"}),
    ],
)
def test_a_touch_counts_and_one_tick_less_does_not(
    condition: Condition, inside: str, outside: str, reference: dict[str, str]
) -> None:
    assert holds(condition, inside, COST, **reference) is True
    assert holds(condition, outside, COST, **reference) is False


def test_a_threshold_between_two_prices_lets_none_in_too_early() -> None:
    up, down = PctUp(value=Decimal(3)), PctDown(value=Decimal(3))
    # 3 % of 10.01 is 0.3003: 10.3103 upwards, 9.7097 downwards.
    assert holds(up, "10.310", preclose="10.01") is False
    assert holds(up, "10.311", preclose="10.01") is True
    assert holds(down, "9.710", preclose="10.01") is False
    assert holds(down, "9.709", preclose="10.01") is True


def test_a_limit_has_opened_only_where_it_was_touched_today() -> None:
    assert holds(LimitUp(event="open"), "10.50", limit_up="11", high="10.80") is False
    assert holds(LimitUp(event="open"), "10.50", limit_up="11") is False
    assert holds(LimitDown(event="open"), "9.50", limit_down="9", low="9.20") is False


@pytest.mark.parametrize(
    ("condition", "known", "says"),
    [
        (PctUp(value=Decimal(3)), {}, "昨收"),
        (PctUp(value=Decimal(3)), {"preclose": "0"}, "昨收"),
        (PctDown(value=Decimal(3), reference="open"), {"preclose": "10"}, "开盘价"),
        (PctDown(value=Decimal(3), reference="cost"), {"preclose": "10"}, "成本"),
        (PctUp(value=Decimal(3), reference="last"), {"preclose": "10"}, "起点"),
        (PriceBelow(reference="cost"), {}, "成本"),
        (TakeProfit(value=Decimal(3), unit="pct"), {}, "成本"),
        (StopLoss(value=Decimal(3), unit="pct"), {}, "成本"),
        (LimitUp(), {"limit_down": "9"}, "涨停"),
        (LimitDown(event="open"), {"limit_up": "11"}, "跌停"),
    ],
)
def test_what_is_missing_is_named_and_not_taken_for_false(
    condition: Condition, known: dict[str, Any], says: str
) -> None:
    view = View(quote(last="10", **known))
    assert isinstance(condition.zone(view), Missing)
    verdict = evaluate(condition, view)
    assert verdict.holds is None
    assert says in verdict.why


def test_without_a_price_nothing_is_judged_and_the_reason_is_told() -> None:
    condition = PriceBelow(value=Decimal(1420))
    assert evaluate(condition, View(quote(last=None)))[::2] == (None, "今天还没有成交")
    assert evaluate(condition, View(quote(last=None, suspended=True)))[::2] == (None, "停牌")


def test_a_verdict_names_the_numbers_that_decided() -> None:
    verdict = evaluate(PriceBelow(value=Decimal(1420)), View(quote(last="1419.09")))
    assert "1419.09" in verdict.why
    assert "1420.00" in verdict.why


@pytest.mark.parametrize(
    ("threshold", "tick", "band"),
    [
        ("1420", 10, "7.10"),  # half a percent
        ("4", 10, "0.02"),  # where half a percent is two ticks
        ("2", 10, "0.02"),  # two ticks are more
        ("0.50", 10, "0.02"),
        ("4.000", 1, "0.020"),  # a fund's tick is a tenth
        ("0.300", 1, "0.002"),
    ],
)
def test_the_band_is_half_a_percent_or_two_ticks_where_larger(threshold: str, tick: int, band: str) -> None:
    price = Decimal(threshold)
    assert from_milli(at_most(price).widened(tick).high) == price + Decimal(band)
    assert from_milli(at_least(price).widened(tick).low) == price - Decimal(band)


def test_a_range_has_a_band_on_both_sides_and_an_open_end_has_none() -> None:
    assert at_least(Decimal(40)).meet(at_most(Decimal(42))).widened(10) == Zone(39_800, 42_210)
    assert at_least(Decimal(40)).widened(10).high == FOREVER
    assert at_most(Decimal(40)).widened(10).low == -FOREVER
    assert NOWHERE.widened(10) == NOWHERE


def test_a_limit_that_is_sealed_again_counts_as_left() -> None:
    """No price lies beyond the limit: with a band an opening would be told once a day and never again."""
    sealed = quote(last="11", limit_up="11", high="11", limit_down="9", low="9")
    for condition, price in ((LimitUp(event="open"), 11_000), (LimitDown(event="open"), 9_000)):
        zone = condition.zone(View(sealed))
        assert isinstance(zone, Zone)
        assert price not in condition.rearm(zone, 10)
    hit = LimitUp().zone(View(sealed))
    assert isinstance(hit, Zone)
    assert 10_990 in LimitUp().rearm(hit, 10)


@pytest.mark.parametrize("condition", KINDS, ids=lambda one: one.text())
def test_every_kind_survives_being_written_and_read(condition: Condition) -> None:
    assert CONDITION.validate_json(condition.model_dump_json()) == condition
    assert CONDITION.validate_python(condition.model_dump(mode="json")) == condition


def test_every_kind_reads_differently() -> None:
    texts = [condition.text() for condition in KINDS]
    assert len(set(texts)) == len(texts)


def test_only_conditions_on_cost_need_a_position() -> None:
    assert [one.text() for one in KINDS if one.needs_cost] == [
        "涨到 成本价 及以上",
        "跌到 成本价 及以下",
        "比成本跌 5.00% 及以上",
        "止盈 成本+20.00%",
        "止损 成本-8.00%",
    ]


@pytest.mark.parametrize(
    "made",
    [
        PriceAbove,
        lambda: PriceAbove(value=Decimal(10), reference="cost"),
        lambda: PriceAbove(value=Decimal(0)),
        lambda: PriceBelow(value=Decimal(-5)),
        lambda: PriceBelow(value=Decimal(10**9)),
        lambda: EnterRange(low=Decimal(42), high=Decimal(40)),
        lambda: EnterRange(low=Decimal(40), high=Decimal(40)),
        lambda: EnterRange(low=Decimal(0), high=Decimal(40)),
        lambda: PctUp(value=Decimal(0)),
        lambda: PctUp(value=Decimal(1001)),
        lambda: PctDown(value=Decimal(100)),
        lambda: StopLoss(value=Decimal(100), unit=PCT),
        lambda: StopLoss(value=Decimal(10**9), unit=YUAN),
        lambda: TakeProfit(value=Decimal(0), unit=YUAN),
        lambda: CONDITION.validate_python({"kind": "moon"}),
        lambda: CONDITION.validate_python({"kind": "price_above", "value": "NaN"}),
        lambda: CONDITION.validate_python({"kind": "pct_up", "value": "Infinity"}),
        lambda: CONDITION.validate_python({"kind": "pct_up", "value": "5", "valeu": "6"}),
    ],
)
def test_what_cannot_be_meant_is_refused(made: Any) -> None:
    with pytest.raises(ValidationError):
        made()


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        (at_most(Decimal(1420)), "触发区 ≤ 1420.00"),
        (at_least(Decimal("4.751")), "触发区 ≥ 4.751"),
        (Zone(40_000, 42_000), "触发区 40.00 ~ 42.00"),
        (NOWHERE, "现在任何价格都不满足"),
    ],
)
def test_a_zone_reads_as_a_person_would_say_it(zone: Zone, text: str) -> None:
    assert zone_text(zone) == text
