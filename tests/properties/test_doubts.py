"""Many rows at once are doubted as each of them is alone."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.engine import doubt, doubts
from core.frames import Quote
from tests.fakes.parts import MOUTAI, at, frame, quote

NOW = st.sampled_from(["09:24:50", "09:25:02", "10:00", "11:30:01", "11:31", "13:00:01", "14:59:59", "15:00:02"])
AGES = st.sampled_from([0, 1, 3, 59, 60, 179, 180, 181, 3600, 86_400, -5])
LASTS = st.sampled_from([None, "1430", "1430", "1430", "1287", "1286.99", "1573", "1573.01"])


@st.composite
def quotes(draw: st.DrawFn) -> list[Quote]:
    now = at(draw(NOW))
    return [
        quote(
            MOUTAI,
            draw(LASTS),
            limit_up=draw(st.sampled_from([None, "1573"])),
            limit_down=draw(st.sampled_from([None, "1287"])),
            suspended=draw(st.sampled_from([False, False, False, True])),
        ).model_copy(update={"quoted_at": now - timedelta(seconds=draw(AGES)), "received_at": now})
        for _ in range(draw(st.integers(1, 6)))
    ]


@given(quotes())
def test_many_rows_are_doubted_as_each_alone(rows: list[Quote]) -> None:
    seen = frame(*rows)
    alone = {row: why for row in range(len(rows)) if (why := doubt(seen, row)) is not None}
    assert doubts(seen, np.arange(len(rows))) == alone


def test_no_row_is_in_doubt_where_there_is_none() -> None:
    assert doubts(frame(quote()), np.zeros(0, np.intp)) == {}
