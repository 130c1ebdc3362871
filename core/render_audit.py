"""The story of an order, from its journal: what was shown, who decided, what the broker reported."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from core.clock import market_time
from core.journal import Event
from core.messages import Message
from core.orders import Fill, Order, OrderState
from core.tickets import Ticket, TicketState
from core.types import money_text, price_text
from core.watches import Watch

_DECIDED: Final = {
    TicketState.APPROVED: "确认",
    TicketState.REJECTED: "拒绝",
    TicketState.EXPIRED: "过期，没有人确认",
    TicketState.WITHDRAWN: "作废",
}


def story(ticket: Ticket, events: Sequence[Event], watch: Watch | None, where: str, broken: str | None) -> Message:
    """One line for each event.

    Args:
        watch: whose alert it came of, while that is still there.
        broken: where the chain of the journal is broken.
    """
    lines = [f"{ticket.side.chinese}{ticket.name} {ticket.shares} 股，限价 {price_text(ticket.limit)}（{where}）"]
    if watch is not None:
        lines.append(f"由盯盘 #{watch.number} 引起。原话：{watch.text}")
    lines += [line for event in events if (line := _line(event))]
    if not events:
        lines.append("日志里没有它：它比日志还早。")
    lines.append(f"⚠️ 日志不完整：{broken}" if broken else "🔒 日志完整，没有被改过。")
    return Message(title=f"🧾 委托的经过 {ticket.id}", text="\n".join(lines))


def _line(event: Event) -> str:
    body = json.loads(event.body)
    at = "" if event.at is None else f"{market_time(event.at):%m-%d %H:%M:%S} "
    if event.kind.startswith("ticket."):
        return f"{at}{_of_ticket(Ticket.model_validate(body))}"
    return f"{at}{_of_order(Order.model_validate(body['order']), body.get('fill'))}"


def _of_ticket(ticket: Ticket) -> str:
    if ticket.state is TicketState.OPEN and ticket.approvals:
        return f"{ticket.approvals[-1].name} 确认，还要另一个人"
    if ticket.state is TicketState.OPEN and ticket.edition > 1:
        changed = f"改成 {ticket.shares} 股，限价 {price_text(ticket.limit)}"
        return f"{changed}；依据 {price_text(ticket.price)}，指纹 {ticket.stamp}"
    if ticket.state is TicketState.OPEN:
        why = f"，因为{ticket.reason}" if ticket.reason else "，按你的话"
        return f"出卡片{why}；依据 {price_text(ticket.price)}（{ticket.source}），指纹 {ticket.stamp}"
    by = f"由 {ticket.decided_by} " if ticket.decided_by else ""
    note = f"：{ticket.note}" if ticket.note else ""
    return f"{by}{_DECIDED[ticket.state]}{note}"


def _of_order(order: Order, fill: dict[str, Any] | None) -> str:
    if fill is not None:
        traded = Fill.model_validate(fill)
        return (
            f"成交 {traded.shares} 股，价格 {price_text(traded.price)}，费用 {money_text(traded.fee)} 元；"
            f"累计 {order.filled}/{order.shares} 股"
        )
    if order.state is OrderState.NEW:
        return f"记下委托 {order.id}，准备报送"
    note = f"：{order.note}" if order.note else ""
    number = f"，券商编号 {order.broker_id}" if order.broker_id else ""
    return f"{order.state.chinese}{number}{note}"
