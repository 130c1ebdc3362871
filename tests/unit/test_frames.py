"""Frames and quotes: two forms of the same facts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np

from core.frames import LatestQuotes, frame_of
from tests.fakes.parts import FUND, MOUTAI, PINGAN, at, frame, quote


def test_a_quote_comes_out_of_a_frame_as_it_went_in() -> None:
    one = quote(
        MOUTAI,
        "1419.09",
        "10:00:03",
        preclose="1430",
        open="1425.5",
        high="1431",
        low="1418",
        limit_up="1573",
        limit_down="1287",
        bid="1419.09",
        ask="1419.10",
        volume=123_400,
        amount="175000000",
        bid_volume=100,
        ask_volume=200,
    )
    two = quote(FUND, "4.751", "10:00:03", quoted="10:00:01")
    made = frame(one, two)
    assert made.quote(MOUTAI) == one
    assert made.quote(FUND) == two
    assert len(made) == 2


def test_what_the_source_does_not_say_stays_unknown() -> None:
    blank = quote(MOUTAI, None, suspended=True)
    assert frame(blank).quote(MOUTAI) == blank
    assert frame(blank).last[0] == 0


def test_a_symbol_that_is_not_in_a_frame_has_no_quote() -> None:
    assert frame(quote(MOUTAI)).quote(PINGAN) is None


def test_the_amount_of_a_frame_is_rounded_to_the_yuan() -> None:
    assert frame(quote(amount="99.9")).amount[0] == 100


def test_an_equal_list_of_symbols_stays_the_same_object() -> None:
    """Readers keep what they derived from it as long as it is the same."""
    first = frame(quote(MOUTAI), quote(PINGAN))
    second = frame(quote(MOUTAI), quote(PINGAN), like=first)
    third = frame(quote(PINGAN), quote(MOUTAI), like=second)
    assert second.symbols is first.symbols
    assert second.rows is first.rows
    assert third.symbols is not first.symbols
    assert dict(third.rows) == {PINGAN: 0, MOUTAI: 1}


def test_an_empty_frame_is_a_frame() -> None:
    empty = frame_of((), at=at("10:00"), source="测试行情")
    assert len(empty) == 0
    assert empty.last.dtype == np.int64


def test_the_newest_quote_wins_whichever_frame_brought_it() -> None:
    latest = LatestQuotes()
    assert latest.get(MOUTAI) is None
    assert latest.frame(MOUTAI) is None
    latest.add(frame(quote(MOUTAI, "10"), quote(PINGAN, "20")))
    latest.add(frame(quote(MOUTAI, "11", "10:01")))
    moutai, pingan = latest.get(MOUTAI), latest.get(PINGAN)
    assert moutai is not None
    assert pingan is not None
    assert (moutai.last, pingan.last) == (Decimal(11), Decimal(20))
    both = frame(quote(MOUTAI, "12", "10:02"), quote(PINGAN, "22", "10:02"))
    latest.add(both)
    assert latest.frame(MOUTAI) is both
    assert latest.frame(PINGAN) is both


def test_the_change_of_the_day_needs_a_previous_close() -> None:
    assert quote(last="103", preclose="100").percent == Decimal(3)
    assert quote(last="103").percent is None
    assert quote(last="103", preclose="0").percent is None
    assert quote(last=None, preclose="100").percent is None


def test_a_price_keeps_its_own_time_beside_that_of_its_arrival() -> None:
    found = frame(quote(when="10:00:05", quoted="10:00:02")).quote(MOUTAI)
    assert found is not None
    assert found.received_at - found.quoted_at == timedelta(seconds=3)
