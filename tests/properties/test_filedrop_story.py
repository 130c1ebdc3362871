"""Whatever a counter's list shows, in whatever order: a story only grows, and no order is filled beyond its shares."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from adapters.brokers.filedrop_story import Request, Step, Story, reports_of
from core.orders import Order, ReportKind, apply
from core.types import Mode, Side, Symbol

AT = 1774231200.0
CODE = {"m_strInstrumentID": "600000", "m_strExchangeID": "SH", "m_nOffsetFlag": "48"}
REQUEST = Request(
    id="dp1", account="1", symbol="600000.SH", side=Side.BUY, shares=500, limit="10", created_at=AT, not_after=AT + 15
)

statuses = st.sampled_from([48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 86, 255, 999]).map(
    lambda status: Step(
        at=AT,
        order={**CODE, "m_nOrderStatus": str(status), "m_nVolumeTraded": "0", "m_strOrderSysID": "7"},
    )
)
# Five trades of a hundred shares each, told as often and as late as it comes.
deals = st.integers(1, 5).map(
    lambda number: Step(
        at=AT + number,
        deal={
            **CODE,
            "m_strTradeID": str(number),
            "m_strOrderSysID": "7",
            "m_dPrice": "9.99",
            "m_nVolume": "100",
            "m_strTradeDate": "20260323",
            "m_strTradeTime": f"10000{number}",
        },
    )
)
others = st.sampled_from([Step(at=AT, error="没有资金"), Step(at=AT, closed="2026-03-23")])


@given(st.lists(statuses | deals | others, max_size=12), st.integers(0, 12))
def test_a_longer_story_begins_with_the_same_reports_and_fills_no_more_than_was_ordered(
    steps: list[Step], cut: int
) -> None:
    whole = reports_of(Story(id="dp1", request=REQUEST, state="sent", why="", steps=tuple(steps)), "real")
    begun = reports_of(Story(id="dp1", request=REQUEST, state="sent", why="", steps=tuple(steps[:cut])), "real")
    assert whole[: len(begun)] == begun
    now = datetime.fromtimestamp(AT, UTC)
    order = Order(
        id="dp1",
        ticket_id="1",
        account="real",
        mode=Mode.LIVE,
        symbol=Symbol("600000.SH"),
        side=Side.BUY,
        shares=500,
        limit=Decimal(10),
        created_at=now,
        updated_at=now,
    )
    for report in (*whole, *whole):
        order = apply(order, report)
    told = {step.deal["m_strTradeID"] for step in steps if step.deal}
    assert order.filled == 100 * len(told)
    kinds = [report.kind for report in whole]
    assert all(kinds.count(kind) <= 1 for kind in ReportKind if kind is not ReportKind.FILL)
