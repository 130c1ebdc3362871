"""Ticket: the frozen order proposal, its hash, its time to live, and how it was decided."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from core.market import board_of
from core.messages import Chat
from core.orders import Order
from core.types import Mode, Noun, Price, Shares, Side, Symbol

TIME_TO_LIVE: Final = timedelta(minutes=5)
DRIFT_PERCENT: Final = Decimal("1.0")
HASH_ON_BUTTON: Final = 8


REASONS: Final = {
    "price": "价格不合适",
    "size": "数量不合适",
    "view": "不看好了",
    "wrong": "点错了、说错了",
}
"""Why people reject, for the buttons; any other words can be typed."""


class TicketState(StrEnum):
    """Stored states. That an open ticket has expired follows from time; see :meth:`Ticket.open_at`."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"

    @property
    def chinese(self) -> str:
        return {
            "open": "待确认",
            "approved": "已确认",
            "rejected": "已拒绝",
            "expired": "已过期",
            "withdrawn": "已作废",
        }[self.value]


class Approval(Noun):
    """One person's word for a ticket that needs two.

    Attributes:
        who: the person, whatever they call themselves today; ``name`` as shown on the card.
    """

    who: str
    name: str
    at: datetime


class Ticket(Noun):
    """What a tap approves. Everything above ``state`` is frozen and covered by :meth:`digest`.

    An edit makes another edition of it, with another digest: no button of an earlier edition does anything.

    Attributes:
        limit_given: the limit is the person's own, and not the best price of the other side.
        price: the price it was made from, and ``quoted_at`` and ``source`` of that quote.
        analysis_id: of the advice that it follows.
        reason: the alert that it answers, in words; empty when a person asked. Every state of the card shows it.
        caution: what could not be checked when it was made; the card says so.
        edition: counts the changes, from 1.
        approvers: how many people must approve it.
        approvals: of those who have so far, while more are needed.
        decided_by: the person's name and id as shown on the card.
        note: why it was refused or withdrawn.
    """

    id: str
    owner: str
    chat: Chat
    account: str
    mode: Mode
    symbol: Symbol
    name: str
    side: Side
    shares: Shares
    limit: Price
    limit_given: bool = False
    price: Price
    quoted_at: datetime
    source: str
    created_at: datetime
    expires_at: datetime
    watch_id: str | None = None
    alert_id: str | None = None
    analysis_id: str | None = None
    reason: str = ""
    caution: str = ""
    edition: int = 1
    approvers: int = 1
    approvals: tuple[Approval, ...] = ()
    state: TicketState = TicketState.OPEN
    decided_by: str = ""
    decided_at: datetime | None = None
    note: str = ""

    def digest(self) -> str:
        """SHA-256 over the frozen fields: what the person saw is what gets approved. Instants count, not zones."""
        instants = {name: at.astimezone(UTC) for name, at in vars(self).items() if isinstance(at, datetime)}
        in_utc = self.model_copy(update=instants)
        frozen = in_utc.model_dump(mode="json", exclude={"state", "approvals", "decided_by", "decided_at", "note"})
        text = json.dumps(frozen, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def stamp(self) -> str:
        """The part of the digest that a button carries."""
        return self.digest()[:HASH_ON_BUTTON]

    @property
    def order_id(self) -> str:
        """At most 20 ASCII characters, so that it fits the remark field of QMT."""
        return f"dp{self.id}"

    def order(self, now: datetime) -> Order:
        """The one order that it may become."""
        return Order(
            id=self.order_id,
            ticket_id=self.id,
            account=self.account,
            mode=self.mode,
            symbol=self.symbol,
            side=self.side,
            shares=self.shares,
            limit=self.limit,
            created_at=now,
            updated_at=now,
        )

    @property
    def card(self) -> str:
        return f"ticket:{self.id}"

    def open_at(self, now: datetime) -> bool:
        return self.state is TicketState.OPEN and now < self.expires_at


def beside(ticket: Ticket, others: Iterable[Ticket]) -> Ticket:
    """A ticket that is about to be shown, with a word of caution where a like one is open already."""
    wish = (ticket.account, ticket.symbol, ticket.side)
    like = [
        one
        for one in others
        if one.id != ticket.id and (one.account, one.symbol, one.side) == wish and one.open_at(ticket.created_at)
    ]
    if not like:
        return ticket
    listed = "、".join(f"{one.id} {one.shares} {board_of(one.symbol).unit}" for one in like)
    said = f"还有 {len(like)} 张{ticket.side.chinese}它的卡片在等你确认（{listed}），都确认就各下一笔"
    return ticket.model_copy(update={"caution": "；".join(filter(None, (ticket.caution, said)))})
