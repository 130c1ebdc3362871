"""The journal of what concerns money and people: append-only, each event sealed with the hash of the one before it.

Stores write it themselves, in the transaction that changes a ticket, an order, a member, the kill switch or a limit, so
that nothing of that kind can happen without its event. Who changes or removes an event breaks the chain, and who
changes a ticket, an order or a member behind our back is found by comparing it with its newest event.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from core.orders import Fill, Order
from core.people import Invitation, Member, Refusal
from core.tickets import Ticket
from core.types import Noun

BEGINNING: Final = "0" * 64
"""What stands before the first event."""
_BEGIN: Final = "begin"
VALUES: Final = frozenset({"panic", "limits", "auto_trade"})
"""Settings whose every change is an event."""


class Record(NamedTuple):
    """What is to be written.

    Attributes:
        kind: ``ticket.`` or ``order.`` with the state, ``people.`` with what happened, or the name of a setting.
        subject: the ticket; of a setting its name; of people who it is, or the kind of attempt that was refused.
        at: aware UTC; None where the body itself says when.
        body: JSON.
    """

    kind: str
    subject: str
    at: datetime | None
    body: str


class Event(NamedTuple):
    """A record in its place.

    Attributes:
        seq: counts from 1 without a gap.
        before: the hash of the event before.
    """

    seq: int
    kind: str
    subject: str
    at: datetime | None
    body: str
    before: str
    hash: str


def beginning(tickets: Sequence[str] = (), orders: Sequence[str] = ()) -> Record:
    """The first event. It names the tickets and orders that are older and have none."""
    return Record(_BEGIN, _BEGIN, None, _json({"orders": [*orders], "tickets": [*tickets]}))


def of_ticket(ticket: Ticket) -> Record:
    """A ticket was made or decided."""
    changed_at = ticket.approvals[-1].at if ticket.approvals else ticket.quoted_at if ticket.edition > 1 else None
    at = ticket.decided_at or changed_at or ticket.created_at
    return Record(f"ticket.{ticket.state}", ticket.id, at, _json(_plain(ticket)))


def of_order(order: Order, fill: Fill | None = None) -> Record:
    """An order was written down or has moved on."""
    body = {"order": _plain(order)} | ({} if fill is None else {"fill": _plain(fill)})
    return Record(f"order.{order.state}", order.ticket_id, order.updated_at, _json(body))


def of_value(key: str, value: str | None) -> tuple[Record, ...]:
    """A setting was changed; nothing where that is none of ours."""
    return (Record(key, key, None, _json({"value": value})),) if key in VALUES else ()


def of_invitation(invitation: Invitation) -> Record:
    """Somebody was invited."""
    return Record("people.invited", f"code:{invitation.digest[:12]}", invitation.created_at, _json(_plain(invitation)))


def of_member(member: Member, what: str, at: datetime) -> Record:
    """A member ``joined``, was ``changed`` or ``removed``."""
    return Record(f"people.{what}", member.key, at, _json(_plain(member)))


def of_refusal(refusal: Refusal) -> Record:
    """Somebody tried something and was refused."""
    return Record("people.refused", refusal.subject, refusal.at, _json(_plain(refusal)))


def _plain(noun: Noun) -> dict[str, object]:
    """Instants count, not zones: what comes back from a database bears another one."""
    instants = {name: at.astimezone(UTC) for name, at in vars(noun).items() if isinstance(at, datetime)}
    return noun.model_copy(update=instants).model_dump(mode="json")


def _json(body: Mapping[str, object]) -> str:
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def seal(record: Record, last: Event | None) -> Event:
    """The record as the event after ``last``."""
    seq, before = (1, BEGINNING) if last is None else (last.seq + 1, last.hash)
    return Event(seq, *record, before, _hash(seq, record, before))


def _hash(seq: int, record: Record, before: str) -> str:
    at = None if record.at is None else record.at.astimezone(UTC).isoformat()
    text = json.dumps([seq, record.kind, record.subject, at, record.body, before], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def problem(events: Iterable[Event]) -> str | None:
    """The first place where the chain is broken, in Chinese; None when it is whole.

    Args:
        events: all of them, in order.
    """
    last: Event | None = None
    for event in events:
        expected = 1 if last is None else last.seq + 1
        if event.seq != expected:
            return f"第 {expected} 条不见了，接下来是第 {event.seq} 条。"
        if event.before != (BEGINNING if last is None else last.hash):
            return f"第 {event.seq} 条和前一条接不上：中间有记录被改过或删过。"
        if event.hash != _hash(event.seq, Record(event.kind, event.subject, event.at, event.body), event.before):
            return f"第 {event.seq} 条的内容被改过（{event.kind} {event.subject}）。"
        last = event
    return "日志是空的，第 1 条就不见了。" if last is None else None


def differences(
    events: Iterable[Event], tickets: Iterable[Ticket], orders: Iterable[Order], members: Iterable[Member] = ()
) -> list[str]:
    """Tickets, orders and members that are not as their newest events say, in Chinese.

    What is older than the journal has no events and is not compared as long as nothing happens to it.
    """
    newest: dict[tuple[str, str], Event] = {}
    older: set[str] = set()
    for event in events:
        newest[event.subject, event.kind.partition(".")[0]] = event
        if event.kind == _BEGIN:
            older |= {one for ids in json.loads(event.body).values() for one in ids}
    found = []
    for member in members:
        known = newest.get((member.key, "people"))
        if known is None:
            found.append(f"成员 {member.signature} 在日志里没有：他的权限不是主人给的。")
        elif known.body != _json(_plain(member)):
            found.append(f"成员 {member.signature} 的权限和日志里的不一样，可能被改过。")
    for what, name, record in [
        *(("委托卡片", one.id, of_ticket(one)) for one in tickets),
        *(("委托", one.id, of_order(one)) for one in orders),
    ]:
        subject = record.subject
        known = newest.get((subject, record.kind.partition(".")[0]))
        if known is None and name not in older:
            found.append(f"{what} {subject} 在日志里没有。")
        elif known is not None and not _same(known, record):
            found.append(f"{what} {subject} 和日志里的不一样：日志里是 {known.kind}，现在是 {record.kind}。")
    return found


def _same(event: Event, record: Record) -> bool:
    """Whether the event says the same; what an earlier version did not know yet is as that version had it."""
    then, now = json.loads(event.body), json.loads(record.body)
    if record.kind.startswith("order."):
        # The event of a fill holds the fill beside the order.
        return Order.model_validate(then["order"]) == Order.model_validate(now["order"])
    return Ticket.model_validate(then) == Ticket.model_validate(now)
