"""An order under every report that can come: what moves it, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.orders import MOVES, Fill, Order, OrderState, Report, ReportKind, apply
from core.types import Mode, Side, Symbol

AT = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
MOUTAI = Symbol("600519.SH")
S, R = OrderState, ReportKind


def an_order(state: OrderState = S.SUBMITTED, *, note: str = "", shares: int = 300) -> Order:
    return Order(
        id="dp1",
        ticket_id="1",
        account="real",
        mode=Mode.LIVE,
        symbol=MOUTAI,
        side=Side.BUY,
        shares=shares,
        limit=Decimal(1400),
        state=state,
        note=note,
        created_at=AT,
        updated_at=AT,
    )


def a_report(kind: ReportKind, *, note: str = "", broker_id: str | None = None, order_id: str = "dp1") -> Report:
    return Report(
        kind=kind, order_id=order_id, account="real", at=AT + timedelta(seconds=1), note=note, broker_id=broker_id
    )


def a_fill(shares: int, price: str = "1399.50", fill_id: str = "T1", **changes: object) -> Report:
    fill = Fill(
        id=fill_id,
        order_id="dp1",
        account="real",
        symbol=MOUTAI,
        side=Side.BUY,
        shares=shares,
        price=Decimal(price),
        fee=Decimal("5.00"),
        at=AT,
    )
    return a_report(R.FILL).model_copy(update={"fill": fill.model_copy(update=changes)})


def test_an_order_goes_its_usual_way() -> None:
    order = an_order(S.NEW)
    states = []
    for report in (
        a_report(R.SUBMITTED),
        a_report(R.ACCEPTED, broker_id="B7"),
        a_fill(100),
        a_fill(200, "1400", "T2"),
    ):
        order = apply(order, report)
        states.append(order.state)
    assert states == [S.SUBMITTED, S.ACCEPTED, S.PARTIAL, S.FILLED]
    assert order.broker_id == "B7"
    assert order.filled == 300
    assert order.filled_amount == Decimal("419950.00")
    assert order.fees == Decimal("10.00")
    assert order.average is not None
    assert order.average.quantize(Decimal("0.0001")) == Decimal("1399.8333")
    assert order.open_shares == 0


def test_a_fill_that_overtakes_the_acceptance_counts_and_the_acceptance_changes_nothing() -> None:
    order = apply(an_order(S.NEW), a_fill(100))
    assert order.state is S.PARTIAL
    later = apply(order, a_report(R.ACCEPTED))
    assert later is order
    assert apply(later, a_report(R.SUBMITTED)) is order


def test_a_fill_reported_twice_counts_once() -> None:
    order = apply(an_order(), a_fill(100))
    assert apply(order, a_fill(100)) is order
    assert order.filled == 100


def test_two_equal_fills_with_different_ids_count_twice() -> None:
    order = apply(apply(an_order(), a_fill(100)), a_fill(100, fill_id="T2"))
    assert order.filled == 200


@pytest.mark.parametrize("state", [S.CANCELLED, S.EXPIRED, S.REJECTED])
def test_a_late_fill_of_an_order_that_is_over_counts_and_does_not_open_it(state: OrderState) -> None:
    order = apply(an_order(state), a_fill(100))
    assert (order.state, order.filled, order.open_shares) == (state, 100, 0)


def test_a_late_fill_after_a_cancel_that_completes_the_order_makes_it_filled() -> None:
    order = apply(apply(an_order(), a_fill(200)), a_report(R.CANCELLED))
    assert order.state is S.CANCELLED
    assert apply(order, a_fill(100, fill_id="T2")).state is S.FILLED


def test_more_than_was_ordered_is_not_booked() -> None:
    order = apply(an_order(), a_fill(250))
    with pytest.raises(ValueError, match="350 filled of 300 ordered"):
        apply(order, a_fill(100, fill_id="T2"))


@pytest.mark.parametrize("shares", [0, -100])
def test_a_fill_of_nothing_or_less_is_not_booked(shares: int) -> None:
    with pytest.raises(ValueError, match="filled at"):
        apply(an_order(), a_fill(shares))


def test_a_fill_at_no_price_is_not_booked() -> None:
    with pytest.raises(ValueError, match="filled at"):
        apply(an_order(), a_fill(100, "0"))


@pytest.mark.parametrize(
    "changes", [{"order_id": "dp2"}, {"symbol": Symbol("600036.SH")}, {"side": Side.SELL}], ids=str
)
def test_a_fill_of_something_else_under_our_order_id_is_not_booked(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="reported as a fill of dp1"):
        apply(an_order(), a_fill(100, **changes))


def test_a_report_of_another_order_is_our_bug() -> None:
    with pytest.raises(ValueError, match="dp2"):
        apply(an_order(), a_report(R.ACCEPTED, order_id="dp2"))


def test_a_fill_report_without_a_fill_is_a_bug() -> None:
    with pytest.raises(ValueError, match="without a fill"):
        apply(an_order(), a_report(R.FILL))


@pytest.mark.parametrize(
    ("kind", "state"),
    [(R.ACCEPTED, S.ACCEPTED), (R.CANCELLED, S.CANCELLED), (R.REJECTED, S.REJECTED), (R.EXPIRED, S.EXPIRED)],
)
def test_an_unknown_order_is_resolved_by_whatever_the_broker_says_of_it(kind: ReportKind, state: OrderState) -> None:
    unknown = apply(an_order(S.NEW), a_report(R.LOST, note="8 秒没有回答"))
    assert (unknown.state, unknown.note) == (S.UNKNOWN, "8 秒没有回答")
    resolved = apply(unknown, a_report(kind))
    assert (resolved.state, resolved.note) == (state, "")


def test_an_unknown_order_is_resolved_by_a_fill_and_its_doubt_is_gone() -> None:
    resolved = apply(an_order(S.UNKNOWN, note="8 秒没有回答"), a_fill(300))
    assert (resolved.state, resolved.note) == (S.FILLED, "")


def test_an_answer_that_is_lost_after_the_broker_took_the_order_leaves_no_doubt() -> None:
    for state in (S.ACCEPTED, S.PARTIAL, S.FILLED, S.CANCELLED):
        order = an_order(state)
        assert apply(order, a_report(R.LOST, note="超时")) is order


def test_the_reason_of_a_refusal_stays() -> None:
    order = apply(an_order(), a_report(R.REJECTED, note="资金不足"))
    assert apply(order, a_report(R.REJECTED)).note == "资金不足"


def test_a_repetition_that_brings_the_brokers_number_keeps_it() -> None:
    order = apply(an_order(S.ACCEPTED), a_report(R.ACCEPTED, broker_id="B7"))
    assert (order.state, order.broker_id) == (S.ACCEPTED, "B7")
    assert apply(order, a_report(R.ACCEPTED)).broker_id == "B7"


def test_no_move_leaves_a_final_state() -> None:
    assert not [pair for pair in MOVES if pair[0].final]


def test_every_state_has_a_chinese_name() -> None:
    assert len({state.chinese for state in OrderState}) == len(OrderState)
