"""What holds for every condition, and for every quote that passes through a frame."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.conditions import CONDITION, Condition, evaluate
from core.frames import COUNTS, PRICES, RATES, Quote, frame_of
from core.types import Price, Symbol, from_milli, to_milli
from core.view import View
from core.zones import Missing
from tests.fakes.parts import FUND, MOUTAI, PINGAN, at
from tests.properties.test_rulebook import CONDITIONS, ROWS, Row, as_quote

MILLI = st.integers(1, 10**9)
COSTS = st.none() | MILLI.map(from_milli)
INSTANTS = st.integers(0, 4 * 10**12).map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC))

QUOTES = st.builds(
    Quote,
    symbol=st.sampled_from([MOUTAI, PINGAN, FUND]),
    name=st.sampled_from(["", "贵州茅台", "*ST海华"]),
    **{name: st.none() | MILLI.map(from_milli) for name in (*PRICES, *RATES)},
    **{name: st.integers(0, 10**15) for name in COUNTS if name != "amount"},
    amount=st.none() | st.integers(1, 10**15).map(Decimal),
    suspended=st.booleans(),
    source=st.just("测试行情"),
    quoted_at=INSTANTS,
    received_at=st.just(at("10:00")),
)


@given(st.lists(QUOTES, max_size=5, unique_by=lambda one: one.symbol))
def test_a_quote_comes_out_of_a_frame_as_it_went_in(quotes: list[Quote]) -> None:
    made = frame_of(quotes, at=at("10:00"), source="测试行情")
    assert [made.quote(one.symbol) for one in quotes] == quotes


@given(CONDITIONS)
def test_a_condition_survives_being_written_and_read(condition: Condition) -> None:
    assert CONDITION.validate_json(condition.model_dump_json()) == condition
    assert condition.text()


@given(CONDITIONS, ROWS, COSTS, st.sampled_from([1, 10]))
def test_the_zone_is_what_holds_and_lies_within_what_must_be_left(
    condition: Condition, row: Row, cost: Price | None, tick: int
) -> None:
    view = View(as_quote(MOUTAI, row), cost)
    verdict = evaluate(condition, view)
    zone = condition.zone(view)
    if isinstance(zone, Missing):
        assert verdict.holds is None
        assert verdict.why == zone.what
        return
    reading = view.reading(condition.gauge)
    assert verdict.holds is (None if isinstance(reading, Missing) else reading in zone)
    wider = condition.rearm(zone, tick)
    assert wider.meet(zone) == zone
    assert zone == zone.meet(wider)


@given(st.sampled_from(["price_above", "price_below", "take_profit", "stop_loss"]), MILLI, MILLI)
def test_a_threshold_is_compared_exactly(kind: str, threshold: int, last: int) -> None:
    """Prices of three decimals are compared as integers, never as floats."""
    threshold %= 100_000_000
    if threshold == 0:
        return
    condition = CONDITION.validate_python({"kind": kind, "value": from_milli(threshold), "unit": "yuan"})
    holds = evaluate(condition, View(as_quote(MOUTAI, Row(last, 0, 0, False, (False, False), True)))).holds
    above = kind in {"price_above", "take_profit"}
    assert holds is (last >= threshold if above else last <= threshold)


@given(
    st.sampled_from(["pct_up", "pct_down"]),
    st.integers(1, 9_999),
    st.integers(1, 10**7),
    st.integers(1, 10**7),
)
def test_a_percentage_agrees_with_fractions(kind: str, hundredths: int, base: int, last: int) -> None:
    value = Decimal(hundredths) / 100
    condition = CONDITION.validate_python({"kind": kind, "value": value, "reference": "preclose"})
    holds = evaluate(condition, View(as_quote(MOUTAI, Row(last, base, 0, False, (False, False), True)))).holds
    # last / base against 1 +- value / 100, in whole numbers
    if kind == "pct_up":
        assert holds is (last * 10_000 >= base * (10_000 + hundredths))
    else:
        assert holds is (last * 10_000 <= base * (10_000 - hundredths))


@given(st.sampled_from([Symbol(MOUTAI), Symbol(FUND)]), MILLI)
def test_a_price_keeps_its_value_in_either_form(symbol: Symbol, milli: int) -> None:
    assert to_milli(from_milli(milli)) == milli
    assert (
        frame_of([as_quote(symbol, Row(milli, 0, 0, False, (False, False), True))], at=at("10:00"), source="t").last[0]
        == milli
    )


def test_the_time_of_a_quote_is_kept_to_the_millisecond() -> None:
    moment = at("10:00:03") + timedelta(milliseconds=7)
    one = as_quote(MOUTAI, Row(1, 0, 0, False, (False, False), True)).model_copy(update={"quoted_at": moment})
    found = frame_of([one], at=moment, source="t").quote(MOUTAI)
    assert found is not None
    assert found.quoted_at == moment
