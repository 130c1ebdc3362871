"""The order machine under every sequence of reports: repeated, late, out of order, impossible."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.orders import MOVES, Fill, Order, OrderState, Report, ReportKind, apply
from core.types import Mode, Side, Symbol

AT = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
MOUTAI = Symbol("600519.SH")
ORDERED = 300
STATES = [kind for kind in ReportKind if kind is not ReportKind.FILL]


def an_order(state: OrderState = OrderState.NEW, filled: int = 0) -> Order:
    return Order(
        id="dp1",
        ticket_id="1",
        account="real",
        mode=Mode.LIVE,
        symbol=MOUTAI,
        side=Side.BUY,
        shares=ORDERED,
        limit=Decimal(1400),
        state=state,
        filled=filled,
        created_at=AT,
        updated_at=AT,
    )


def a_report(kind: ReportKind, fill: Fill | None = None) -> Report:
    return Report(kind=kind, order_id="dp1", account="real", at=AT + timedelta(seconds=1), fill=fill)


def a_fill(number: int, shares: int) -> Report:
    fill = Fill(
        id=f"T{number}",
        order_id="dp1",
        account="real",
        symbol=MOUTAI,
        side=Side.BUY,
        shares=shares,
        price=Decimal(1399),
        fee=Decimal("1.25"),
        at=AT,
    )
    return a_report(ReportKind.FILL, fill)


fills = st.builds(a_fill, st.integers(1, 6), st.integers(-50, ORDERED + 50))
reports = st.one_of(st.sampled_from(STATES).map(a_report), fills)


def taken(order: Order, report: Report) -> Order:
    """As the desk does it: what cannot be is told and not booked."""
    try:
        return apply(order, report)
    except ValueError:
        return order


@given(st.lists(reports, max_size=25))
def test_the_machine_holds_its_promises_whatever_comes(sequence: list[Report]) -> None:
    order = an_order()
    counted: dict[str, Fill] = {}
    for report in sequence:
        before, order = order, taken(order, report)
        if len(order.fill_ids) > len(before.fill_ids):
            assert report.fill is not None
            counted[report.fill.id] = report.fill
        assert before.filled <= order.filled <= order.shares
        assert (order.state is OrderState.FILLED) == (order.filled == order.shares)
        if before.state.final:
            assert order.state is before.state or order.state is OrderState.FILLED
            assert order.open_shares == 0
    assert set(order.fill_ids) == set(counted)
    assert len(order.fill_ids) == len(counted)
    assert order.filled == sum(fill.shares for fill in counted.values())
    assert order.filled_amount == sum(fill.shares * fill.price for fill in counted.values())
    assert order.fees == sum(fill.fee for fill in counted.values())


@given(st.lists(reports, max_size=15))
def test_everything_told_twice_is_the_same_as_told_once(sequence: list[Report]) -> None:
    once = twice = an_order()
    for report in sequence:
        once = taken(once, report)
        twice = taken(taken(twice, report), report)
    assert twice == once


@given(st.permutations([a_fill(1, 100), a_fill(2, 50), a_fill(3, 150), a_report(ReportKind.CANCELLED)]))
def test_fills_and_a_cancel_in_any_order_end_filled_with_the_same_money(sequence: list[Report]) -> None:
    order = an_order(OrderState.ACCEPTED)
    for report in sequence:
        order = apply(order, report)
    assert (order.state, order.filled, order.fees) == (OrderState.FILLED, 300, Decimal("3.75"))


@given(st.permutations([a_fill(1, 100), a_report(ReportKind.ACCEPTED), a_report(ReportKind.CANCELLED)]))
def test_a_partial_fill_and_a_cancel_in_any_order_end_cancelled(sequence: list[Report]) -> None:
    order = an_order(OrderState.SUBMITTED)
    for report in sequence:
        order = apply(order, report)
    assert (order.state, order.filled, order.open_shares) == (OrderState.CANCELLED, 100, 0)


PAIRS = list(itertools.product(OrderState, STATES))


@pytest.mark.parametrize(("state", "kind"), PAIRS, ids=lambda one: str(one.value))
def test_every_state_answers_every_report(state: OrderState, kind: ReportKind) -> None:
    """The whole table: what is listed moves, all else is the very same object, and a final state is never left."""
    order = an_order(state, ORDERED if state is OrderState.FILLED else 0)
    after = apply(order, a_report(kind))
    if (state, kind) in MOVES:
        assert after.state is MOVES[state, kind]
        assert after.state is not state
    else:
        assert after is order
    if state.final:
        assert after is order


@pytest.mark.parametrize("state", [state for state in OrderState if state is not OrderState.FILLED])
@given(parts=st.lists(st.integers(1, 100), min_size=1, max_size=3))
def test_real_trades_count_in_every_state(state: OrderState, parts: list[int]) -> None:
    order = an_order(state)
    for number, shares in enumerate(parts):
        order = apply(order, a_fill(number, shares))
    assert order.filled == sum(parts)
    if order.filled < ORDERED:
        assert order.state is (state if state.final else OrderState.PARTIAL)


@pytest.mark.parametrize("kind", [ReportKind.CANCELLED, ReportKind.EXPIRED, ReportKind.REJECTED])
@pytest.mark.parametrize("state", [OrderState.NEW, OrderState.SUBMITTED, OrderState.ACCEPTED, OrderState.UNKNOWN])
def test_an_order_of_which_nothing_traded_can_end_in_each_way(state: OrderState, kind: ReportKind) -> None:
    assert apply(an_order(state), a_report(kind)).state.final
