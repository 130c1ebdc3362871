"""Whatever is known of a share: its pack can be stored and read, and each figure stands under its own name alone."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.grounding import fill
from core.known import Known, Room
from core.pack import Pack
from core.packing import pack, text
from core.portfolio import Position
from core.types import Symbol
from core.zones import Missing
from tests.fakes import facts
from tests.fakes.parts import FUND, MOUTAI, at

PRICES = st.decimals(min_value=Decimal("0.5"), max_value=3000, places=2)


@st.composite
def everything(draw: Any) -> Known:
    """A share in any state: rising, falling, still, new, suspended, unquoted, of any account."""
    symbol = draw(st.sampled_from([MOUTAI, FUND, Symbol("300750.SZ"), Symbol("000001.SZ")]))
    closes = draw(st.lists(PRICES, max_size=40))
    last, before = draw(st.none() | PRICES), draw(st.none() | PRICES)
    high = None if last is None else last + draw(st.decimals(0, 10, places=2))
    low = None if last is None else max(last - draw(st.decimals(0, 10, places=2)), Decimal("0.01"))
    seen = facts.today(
        last,
        symbol=symbol,
        preclose=before,
        open=last,
        high=high,
        low=low,
        bid=draw(st.none() | st.just(last)),
        ask=draw(st.none() | st.just(last)),
        volume=draw(st.integers(0, 10**10)),
        amount=draw(st.none() | st.decimals(1, 10**12, places=0)),
        suspended=draw(st.booleans()),
        turnover=draw(st.none() | st.decimals(0, 100, places=3)),
    )
    shares = draw(st.integers(0, 10**7))
    position = Position(
        symbol=symbol,
        shares=shares,
        sellable=draw(st.integers(0, shares)),
        cost=draw(st.decimals(-10, 3000, places=3)),
    )
    return facts.known(
        symbol=symbol,
        quote=draw(st.just(seen) | st.just(Missing("没有回答"))),
        days=draw(st.just(facts.days(closes, symbol=symbol)) | st.just(Missing("没有日线"))),
        minutes=[],
        account=draw(
            st.just(facts.account(position, cash=draw(st.decimals(0, 10**9, places=2)))) | st.just(Missing("没有账户"))
        ),
        total=draw(st.decimals(0, 10**10, places=2)),
        bought=draw(st.integers(0, 10**6)),
        room=Room(draw(st.none() | st.decimals(0, 10**9, places=2))),
        doubt=draw(st.none() | st.just("行情过旧")),
        now=at("10:00", "2026-03-24") + timedelta(minutes=draw(st.integers(0, 2000))),
    )


@settings(max_examples=20, deadline=None)
@given(everything())
def test_each_figure_stands_under_its_own_label(known: Known) -> None:
    packed = pack(known)
    facts_of = packed.facts()
    for one in packed.given():
        said = fill(f"{one.label}{{{{{one.name}}}}}。", facts_of, packed.symbol)
        assert bool(said.problems) == (one.value is None), (one, said.problems)


@settings(max_examples=20, deadline=None)
@given(everything(), st.integers(1, 40))
def test_no_figure_stands_under_the_label_of_another(known: Known, apart: int) -> None:
    packed = pack(known)
    facts_of, figures = packed.facts(), list(packed.given())
    for place, one in enumerate(figures):
        other = figures[(place + apart) % len(figures)]
        if one.name != other.name:
            assert fill(f"{one.label}{{{{{other.name}}}}}。", facts_of, packed.symbol).problems, (one, other)


@settings(max_examples=20, deadline=None)
@given(everything())
def test_what_a_model_reads_is_what_is_stored(known: Known) -> None:
    packed = pack(known)
    assert Pack.model_validate_json(packed.model_dump_json()).digest() == packed.digest()
    found = re.fullmatch(r"<事实>\n(.*)\n</事实>", text(packed))
    assert found is not None
    rows = {row["槽"]: row for group in json.loads(found[1])["分组"] for row in group["数据"]}
    for one in packed.given():
        row = rows[one.name]
        if one.value is None:
            assert row["缺失"]
            assert "值" not in row
            continue
        assert one.value.is_finite()
        assert not (one.value == 0 and one.value.is_signed()), "-0.00 is no figure"
        scale = {"亿": 10**8, "万": 10**4}.get(row["单位"][:1], 1)
        assert abs(Decimal(row["值"]) * scale - one.value) <= Decimal("0.005") * scale
