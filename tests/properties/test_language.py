"""A condition said back to a person can be said by that person: its text, in a sentence, is that condition again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.language.grammar import read
from bot.language.names import known
from bot.language.request import Draft, KindName, condition_of
from core.conditions import CONDITION, Condition
from tests.evals.__main__ import NOW

PRICES: Final = st.integers(min_value=1, max_value=199_999).map(lambda fen: Decimal(fen) / 100)
PERCENTS: Final = st.integers(min_value=1, max_value=9_999).map(lambda part: Decimal(part) / 100)
"""Two decimals: what the text shows."""
TIMES: Final = st.integers(min_value=11, max_value=500).map(lambda part: Decimal(part) / 10)
YUAN: Final = st.one_of(
    st.integers(min_value=100, max_value=9_999),
    st.integers(min_value=1, max_value=9_999).map(lambda count: count * 10_000),
    st.integers(min_value=1, max_value=100).map(lambda count: count * 100_000_000),
).map(Decimal)
AMOUNTS: Final = st.integers(min_value=1, max_value=9_999).map(lambda count: Decimal(count) * 10_000)
DAYS: Final = st.integers(min_value=2, max_value=250)
BARS: Final = st.sampled_from(["day", "1m", "5m", "15m", "30m", "60m"])
WAYS: Final = st.sampled_from(["up", "down"])

FIELDS: Final[dict[KindName, dict[str, st.SearchStrategy[Any]]]] = {
    "price_above": {"value": PRICES},
    "price_below": {"value": PRICES},
    "enter_range": {"low": PRICES, "high": PRICES},
    "pct_up": {"value": PERCENTS, "reference": st.sampled_from(["preclose", "open", "cost"])},
    "pct_down": {"value": PERCENTS, "reference": st.sampled_from(["preclose", "open", "cost"])},
    "take_profit": {"value": PRICES, "unit": st.just("yuan")},
    "stop_loss": {"value": PERCENTS, "unit": st.just("pct"), "reference": st.just("cost")},
    "limit_up": {"event": st.sampled_from(["hit", "open"])},
    "limit_down": {"event": st.sampled_from(["hit", "open"])},
    "speed": {"value": PERCENTS, "direction": WAYS, "period_s": st.sampled_from([30, 60, 300, 3600])},
    "volume_ratio": {"value": TIMES, "base_days": st.one_of(st.none(), DAYS)},
    "ma_cross": {"ma": DAYS, "direction": WAYS, "period": BARS},
    "indicator": {"name": st.sampled_from(["macd", "kdj"]), "event": st.sampled_from(["golden_cross", "dead_cross"]), "period": BARS},
    "trailing_stop": {"value": PERCENTS},
    "new_high": {"days": DAYS},
    "new_low": {"days": DAYS},
    "gap_up": {"value": PERCENTS},
    "gap_down": {"value": PERCENTS},
    "turnover": {"value": PERCENTS},
    "amount_above": {"value": AMOUNTS},
    "queue_shrink": {"value": PERCENTS, "side": WAYS},
    "position_weight": {"value": PERCENTS},
    "position_profit": {"value": YUAN},
    "position_loss": {"value": YUAN},
    "account_profit": {"value": PERCENTS, "unit": st.just("pct"), "reference": st.sampled_from(["today", "total"])},
    "account_loss": {"value": YUAN, "unit": st.just("yuan"), "reference": st.sampled_from(["today", "total"])},
    "account_drawdown": {"value": PERCENTS},
}  # fmt: skip
"""What each kind may be given; the kinds that core does not have are left out below."""
OTHERS: Final[dict[str, tuple[KindName, dict[str, st.SearchStrategy[Any]]]]] = {
    "the price at cost": ("price_below", {"reference": st.just("cost")}),
    "two averages": ("ma_cross", {"fast": st.integers(2, 20), "slow": st.integers(21, 250), "direction": WAYS, "period": BARS}),
    "an RSI": ("indicator", {"name": st.just("rsi"), "event": st.sampled_from(["above", "below"]), "value": st.integers(1, 99).map(Decimal), "n": st.sampled_from([6, 12, 14, 24]), "period": BARS}),
    "a line of KDJ": ("indicator", {"name": st.just("kdj"), "event": st.sampled_from(["above", "below"]), "value": st.integers(1, 99).map(Decimal), "line": st.sampled_from(["k", "d", "j"]), "period": BARS}),
    "a level of MACD": ("indicator", {"name": st.just("macd"), "event": st.sampled_from(["above", "below"]), "value": st.integers(0, 99).map(Decimal), "period": BARS}),
    "a band": ("indicator", {"name": st.just("boll"), "event": st.sampled_from(["touch_upper", "touch_lower"]), "period": BARS}),
}  # fmt: skip
"""Further shapes of a kind."""
KINDS: Final = frozenset(get_args(one.model_fields["kind"].annotation)[0] for one in get_args(get_args(Condition)[0]))
SHAPES: Final = {kind: (kind, fields) for kind, fields in FIELDS.items()} | OTHERS


@pytest.mark.parametrize("shape", [name for name, (kind, _) in SHAPES.items() if kind in KINDS])
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_the_text_of_a_condition_is_read_as_that_condition(shape: str, data: st.DataObject) -> None:
    kind, fields = SHAPES[shape]
    words = {name: data.draw(values, label=name) for name, values in fields.items()}
    if kind == "enter_range":
        words["low"], words["high"] = min(words.values()), max(words.values()) + Decimal("0.01")
    condition = CONDITION.validate_python(
        {"kind": kind} | {name: one for name, one in words.items() if one is not None}
    )
    account = kind.startswith("account")
    text = f"{condition.text()}的话提醒我" if account else f"茅台{condition.text()}的话提醒我"
    request = read(text, known(), now=NOW)
    drafts = request.conditions
    assert request.symbols == (() if account else ("600519.SH",)), text
    assert [condition_of(draft) for draft in drafts] == [condition], (text, drafts)


def test_every_kind_of_core_is_said_here() -> None:
    assert FIELDS.keys() >= KINDS
    assert FIELDS.keys() <= set(get_args(KindName))
    assert {Draft(kind=kind).kind for kind in FIELDS} == FIELDS.keys()
