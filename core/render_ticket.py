"""The card of a ticket, in every state that it can be in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from core.alerts import Alert
from core.clock import market_time, stamp_text, time_text
from core.market import LOTS, board_of, round_down_lot, round_to_tick, tick
from core.messages import Button, Message, Style
from core.render import age_text, headline, name_text
from core.tickets import REASONS, Ticket, TicketState
from core.types import Price, money_text, price_text

EDIT_SHARES: Final = "数量"
EDIT_LIMIT: Final = "价格"
EDIT_BEST: Final = "对手价"
"""What the buttons of a card say that they change."""


def caged(wish: Price, limit: Price) -> str:
    """What a card says where the price asked for lies outside of what the exchange takes; empty where it does not."""
    if wish == limit:
        return ""
    return f"{price_text(wish)} 超出价格笼子（交易所不收），限价改为 {price_text(limit)}"


def ticket_card(ticket: Ticket, account: str, edits: tuple[tuple[Button, ...], ...] = ()) -> Message:
    """The card of a ticket in whatever state it is; it replaces the earlier one in place.

    Args:
        edits: what to offer in place of an answer, of an open one.
    """
    lines = [ticket.reason, ""] if ticket.reason else []
    lines += [
        f"{ticket.side.chinese} {name_text(ticket.name, ticket.symbol)}",
        f"数量：{ticket.shares} {board_of(ticket.symbol).unit}",
        f"限价：{price_text(ticket.limit)}",
        f"金额：约 {money_text(ticket.limit * ticket.shares)} 元",
        f"账户：{account}·{ticket.mode.chinese}",
        f"依据：{ticket.source} {price_text(ticket.price)}，{time_text(ticket.quoted_at)}",
    ]
    if ticket.caution:
        lines.append(f"⚠️ {ticket.caution}")
    if ticket.approvers > 1 and ticket.state is TicketState.OPEN:
        so_far = "，".join(f"{one.name} {time_text(one.at)} 已确认" for one in ticket.approvals)
        lines.append(f"👥 要 {ticket.approvers} 个人确认{f'：{so_far}，等另一个人' if so_far else ''}")
    if ticket.state is TicketState.OPEN:
        lines += [f"有效：到 {_until_text(ticket)}，过期作废", f"编号：{ticket.id}"]
        buttons = edits or (_answers(ticket), _changes(ticket))
        return Message(
            title=f"📝 待确认委托·{ticket.mode.chinese}",
            text="\n".join(lines),
            buttons=buttons,
            card=ticket.card,
            urgent=True,
        )
    lines.append(decision_text(ticket))
    again = ticket.state in {TicketState.EXPIRED, TicketState.WITHDRAWN}
    buttons_after = ((Button("重新报价", f"requote {ticket.id}"),),) if again else _reasons(ticket)
    icon = {TicketState.APPROVED: "✅", TicketState.REJECTED: "🚫"}.get(ticket.state, "⌛")
    return Message(
        title=f"{icon} {ticket.side.chinese}{ticket.name} {ticket.state.chinese}·{ticket.mode.chinese}",
        text="\n".join(lines),
        buttons=buttons_after,
        card=ticket.card,
        urgent=True,
    )


def _answers(ticket: Ticket, which: str = "") -> tuple[Button, ...]:
    return (
        Button(f"确认{which}", f"approve {ticket.id} {ticket.stamp}", Style.CONFIRM),
        Button(f"拒绝{which}", f"reject {ticket.id} {ticket.stamp}", Style.DANGER),
    )


def _changes(ticket: Ticket) -> tuple[Button, ...]:
    return (
        Button("重新报价", f"requote {ticket.id}"),
        Button("改数量", f"edit {ticket.id} {ticket.stamp} {EDIT_SHARES}"),
        Button("改价格", f"edit {ticket.id} {ticket.stamp} {EDIT_LIMIT}"),
    )


def share_offers(ticket: Ticket) -> tuple[tuple[Button, ...], ...]:
    """Other numbers of shares for a card, as buttons that each bear the number: a second tap changes nothing more."""
    board = board_of(ticket.symbol)
    step = LOTS[board].minimum if board in LOTS else 1
    wanted = [
        ticket.shares - step,
        ticket.shares + step,
        round_down_lot(board, ticket.shares // 2),
        ticket.shares * 2,
    ]
    numbers = [number for number in dict.fromkeys(wanted) if 0 < number != ticket.shares]
    return _offers(ticket, EDIT_SHARES, [(f"{number} {board.unit}", str(number)) for number in numbers])


def limit_offers(ticket: Ticket) -> tuple[tuple[Button, ...], ...]:
    """Other limits for a card: a tick, half a percent and one percent to either side, and the other side's best."""
    board = board_of(ticket.symbol)
    moves = [Decimal(-1), Decimal("-0.5"), Decimal("0.5"), Decimal(1)]
    prices = [round_to_tick(board, ticket.limit * (100 + percent) / 100) for percent in moves]
    prices[2:2] = [ticket.limit - tick(board), ticket.limit + tick(board)]
    offers = [(price_text(price), str(price)) for price in dict.fromkeys(prices) if 0 < price != ticket.limit]
    return _offers(ticket, EDIT_LIMIT, [*offers, ("跟着对手价", EDIT_BEST)])


def _offers(ticket: Ticket, what: str, offers: Sequence[tuple[str, str]]) -> tuple[tuple[Button, ...], ...]:
    buttons = [Button(label, f"edit {ticket.id} {ticket.stamp} {what} {value}") for label, value in offers]
    back = Button("不改了", f"edit {ticket.id} {ticket.stamp}")
    return (*(tuple(buttons[at : at + 2]) for at in range(0, len(buttons), 2)), (back,))


def _reasons(ticket: Ticket) -> tuple[tuple[Button, ...], ...]:
    """Why it was rejected, to tap; what was said can be said anew."""
    if ticket.state is not TicketState.REJECTED or ticket.note:
        return ()
    buttons = [Button(reason, f"explain {ticket.id} {code}") for code, reason in REASONS.items()]
    return (tuple(buttons[:2]), tuple(buttons[2:]))


def _until_text(ticket: Ticket) -> str:
    """The end of its life; with the day where that is another one."""
    same_day = market_time(ticket.expires_at).date() == market_time(ticket.created_at).date()
    return time_text(ticket.expires_at) if same_day else stamp_text(ticket.expires_at)


def decision_text(ticket: Ticket) -> str:
    """Who decided a ticket and when, or why it ended."""
    at = time_text(ticket.decided_at) if ticket.decided_at else ""
    who = f" {ticket.decided_by} " if ticket.decided_by else ""
    texts = {
        TicketState.OPEN: "待确认",
        TicketState.APPROVED: f"✅ {at} 由{who}确认",
        TicketState.REJECTED: f"🚫 {at} 由{who}拒绝，没有下单",
        TicketState.EXPIRED: "⌛ 过期未确认，没有下单",
        TicketState.WITHDRAWN: "⌛ 已作废，没有下单",
    }
    return texts[ticket.state] + (f"：{ticket.note}" if ticket.note else "")


def already_decided(ticket: Ticket) -> str:
    """What a second tap is told."""
    return f"这笔委托不能再操作：{decision_text(ticket).rstrip('。')}。（{ticket.mode.chinese}）"


def ticket_list(tickets: Sequence[Ticket], now: datetime) -> Message:
    waiting = [ticket for ticket in tickets if ticket.open_at(now)]
    if not waiting:
        return Message(title="没有待确认的委托", text="要回答别的问题，请点那张卡片上的按钮。")
    lines = []
    for ticket in waiting:
        left = age_text(ticket.expires_at - now)
        lines.append(
            f"{ticket.id} {ticket.side.chinese}{name_text(ticket.name, ticket.symbol)} "
            f"{ticket.shares} {board_of(ticket.symbol).unit}，"
            f"限价 {price_text(ticket.limit)}·{ticket.mode.chinese}，还剩 {left}"
        )
    rows = tuple(_answers(ticket, f" {ticket.id}") for ticket in waiting[:8])
    return Message(title=f"📝 待确认委托（{len(waiting)}）", text="\n".join(lines), buttons=rows)


def alert_with_ticket(alert: Alert, ticket: Ticket, account: str) -> Message:
    """The alert and the card of the order it proposes; the ticket bears its :func:`reason`."""
    title = f"🔔 {headline(alert)}，是否{ticket.side.chinese}？·{ticket.mode.chinese}"
    return ticket_card(ticket, account).model_copy(update={"title": title})
