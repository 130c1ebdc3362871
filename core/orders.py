"""Order, Fill, Report, and the table that says which report moves an order where."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from core.types import Mode, Money, Noun, Price, Shares, Side, Symbol


class OrderState(StrEnum):
    """Where an order stands.

    NEW is written before the broker is called; SUBMITTED says that the call returned; UNKNOWN says that it did not and
    nobody knows whether the order lives. UNKNOWN is never sent again.
    """

    NEW = "new"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNKNOWN = "unknown"

    @property
    def final(self) -> bool:
        return self in {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED}

    @property
    def chinese(self) -> str:
        return _CHINESE[self]


_CHINESE: Final = {
    OrderState.NEW: "待报",
    OrderState.SUBMITTED: "已报送",
    OrderState.ACCEPTED: "已报",
    OrderState.PARTIAL: "部分成交",
    OrderState.FILLED: "已成交",
    OrderState.CANCELLED: "已撤单",
    OrderState.REJECTED: "被拒绝",
    OrderState.EXPIRED: "已失效",
    OrderState.UNKNOWN: "状态未知",
}


class Fill(Noun):
    """A trade of ours.

    Attributes:
        id: the broker's id of the trade, unique within the account; a second report with it is ignored.
        fee: yuan, all fees of this fill together.
    """

    id: str
    order_id: str
    account: str
    symbol: Symbol
    side: Side
    shares: Shares
    price: Price
    fee: Money = Decimal(0)
    at: datetime


class Order(Noun):
    """An order. Its id is ours, derived from the ticket: one ticket can have one order and no second one.

    Attributes:
        limit: yuan per share.
        filled: shares; ``filled_amount`` yuan without fees.
        fill_ids: the fills counted so far.
        broker_id: the broker's own number, once known.
        note: why it was refused, or why it is unknown.
        checked_by: who has said, while it was unknown, that the broker has it: then it locks nothing any more.
    """

    id: str
    ticket_id: str
    account: str
    mode: Mode
    symbol: Symbol
    side: Side
    shares: Shares
    limit: Price
    state: OrderState = OrderState.NEW
    filled: Shares = 0
    filled_amount: Money = Decimal(0)
    fees: Money = Decimal(0)
    fill_ids: tuple[str, ...] = ()
    broker_id: str | None = None
    note: str = ""
    checked_by: str = ""
    created_at: datetime
    updated_at: datetime

    @property
    def average(self) -> Price | None:
        """Yuan per share of what was filled."""
        return self.filled_amount / self.filled if self.filled else None

    @property
    def open_shares(self) -> Shares:
        return 0 if self.state.final else self.shares - self.filled


class ReportKind(StrEnum):
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    FILL = "fill"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    LOST = "lost"
    STRANDED = "stranded"


class Report(Noun):
    """What a broker says of an order. It may come twice, late, or out of order.

    Attributes:
        order_id: our id.
        kind: LOST says that nobody knows whether the order arrived, and STRANDED that its day is over and nobody saw
            how it ended.
        fill: only for FILL.
    """

    kind: ReportKind
    order_id: str
    account: str
    at: datetime
    broker_id: str | None = None
    fill: Fill | None = None
    note: str = ""


_S = OrderState
_R = ReportKind

MOVES: Final[dict[tuple[OrderState, ReportKind], OrderState]] = {
    (_S.NEW, _R.SUBMITTED): _S.SUBMITTED,
    (_S.NEW, _R.ACCEPTED): _S.ACCEPTED,
    (_S.NEW, _R.REJECTED): _S.REJECTED,
    (_S.NEW, _R.LOST): _S.UNKNOWN,
    (_S.SUBMITTED, _R.ACCEPTED): _S.ACCEPTED,
    (_S.SUBMITTED, _R.CANCELLED): _S.CANCELLED,
    (_S.SUBMITTED, _R.REJECTED): _S.REJECTED,
    (_S.SUBMITTED, _R.EXPIRED): _S.EXPIRED,
    (_S.SUBMITTED, _R.LOST): _S.UNKNOWN,
    (_S.ACCEPTED, _R.CANCELLED): _S.CANCELLED,
    (_S.ACCEPTED, _R.REJECTED): _S.REJECTED,  # the counter may refuse what the terminal took
    (_S.ACCEPTED, _R.EXPIRED): _S.EXPIRED,
    (_S.PARTIAL, _R.CANCELLED): _S.CANCELLED,
    (_S.PARTIAL, _R.EXPIRED): _S.EXPIRED,
    # The broker found it after all.
    (_S.UNKNOWN, _R.ACCEPTED): _S.ACCEPTED,
    (_S.UNKNOWN, _R.CANCELLED): _S.CANCELLED,
    (_S.UNKNOWN, _R.REJECTED): _S.REJECTED,
    (_S.UNKNOWN, _R.EXPIRED): _S.EXPIRED,
    # What was placed for certain has an end that the broker does not tell any more: a person must look.
    (_S.NEW, _R.STRANDED): _S.UNKNOWN,
    (_S.SUBMITTED, _R.STRANDED): _S.UNKNOWN,
    (_S.ACCEPTED, _R.STRANDED): _S.UNKNOWN,
    (_S.PARTIAL, _R.STRANDED): _S.UNKNOWN,
    # A broker that reports the order as gone before we heard that it was taken.
    (_S.NEW, _R.CANCELLED): _S.CANCELLED,
    (_S.NEW, _R.EXPIRED): _S.EXPIRED,
}
"""State after a report. A pair that is not listed changes nothing: it is a repetition or comes too late.

Fills are not in the table: :func:`apply` counts every new one in every state, because the exchange traded the shares
whatever we believed before (a late fill after a cancel is real).
"""


def apply(order: Order, report: Report) -> Order:
    """The order after ``report``; the very same object when the report says nothing new.

    Raises:
        ValueError: the report is for another order, fills nothing, or fills more than was ordered: our bug or the
            broker's.
    """
    if report.order_id != order.id:
        raise ValueError(f"report for {report.order_id} applied to {order.id}")
    if report.kind is ReportKind.FILL:
        return _apply_fill(order, report)
    state = MOVES.get((order.state, report.kind))
    broker_id = report.broker_id or order.broker_id
    if state is None:
        if broker_id == order.broker_id:
            return order
        return order.model_copy(update={"broker_id": broker_id, "updated_at": report.at})
    return order.model_copy(
        update={
            "state": state,
            "broker_id": broker_id,
            "note": report.note or _note_after(order),
            "updated_at": report.at,
        }
    )


def _apply_fill(order: Order, report: Report) -> Order:
    fill = report.fill
    if fill is None:
        raise ValueError(f"a fill report without a fill for {order.id}")
    if (fill.order_id, fill.symbol, fill.side) != (order.id, order.symbol, order.side):
        raise ValueError(f"{fill.side} {fill.symbol} of {fill.order_id} reported as a fill of {order.id}")
    if fill.shares <= 0 or fill.price <= 0:
        raise ValueError(f"{order.id}: {fill.shares} filled at {fill.price}")
    if fill.id in order.fill_ids:
        return order
    filled = order.filled + fill.shares
    if filled > order.shares:
        raise ValueError(f"{order.id}: {filled} filled of {order.shares} ordered")
    if filled == order.shares:
        state = OrderState.FILLED
    elif order.state.final:
        state = order.state
    else:
        state = OrderState.PARTIAL
    return order.model_copy(
        update={
            "state": state,
            "filled": filled,
            "filled_amount": order.filled_amount + fill.price * fill.shares,
            "fees": order.fees + fill.fee,
            "fill_ids": (*order.fill_ids, fill.id),
            "broker_id": report.broker_id or order.broker_id,
            "note": _note_after(order),
            "updated_at": report.at,
        }
    )


def _note_after(order: Order) -> str:
    """Why it was unknown says nothing any more once it is known."""
    return "" if order.state is OrderState.UNKNOWN else order.note
