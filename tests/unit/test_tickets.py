"""A ticket is frozen, and its hash covers all that a person saw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.stores import memory, sql
from core.messages import Chat
from core.tickets import Ticket, TicketState
from core.types import Mode, Side, Symbol
from tests.fakes import migrated

AT = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
DECISION = {"state", "approvals", "decided_by", "decided_at", "note"}


def a_ticket(**changes: Any) -> Ticket:
    words: dict[str, Any] = {
        "id": "00000001",
        "owner": "owner",
        "chat": Chat("telegram", "42"),
        "account": "real",
        "mode": Mode.LIVE,
        "symbol": Symbol("600519.SH"),
        "name": "贵州茅台",
        "side": Side.BUY,
        "shares": 100,
        "limit": Decimal("1400.00"),
        "price": Decimal("1399.90"),
        "quoted_at": AT,
        "source": "腾讯",
        "created_at": AT,
        "expires_at": AT + timedelta(minutes=5),
        "watch_id": "W1",
        "alert_id": "A1",
    }
    return Ticket(**(words | changes))


CHANGES: dict[str, Any] = {
    "id": "00000002",
    "owner": "somebody",
    "chat": Chat("telegram", "43"),
    "account": "paper",
    "mode": Mode.PAPER,
    "symbol": Symbol("600036.SH"),
    "name": "招商银行",
    "side": Side.SELL,
    "shares": 200,
    "limit": Decimal("1400.01"),
    "limit_given": True,
    "price": Decimal("1399.91"),
    "quoted_at": AT + timedelta(seconds=1),
    "source": "新浪",
    "created_at": AT + timedelta(seconds=1),
    "expires_at": AT + timedelta(minutes=6),
    "watch_id": None,
    "alert_id": "A2",
    "analysis_id": "N1",
    "reason": "条件：现价 ≤ 1400.00（#1）",
    "caution": "没有登记资金",
    "edition": 2,
    "approvers": 2,
}


def test_every_field_is_either_frozen_or_says_how_it_was_decided() -> None:
    assert set(CHANGES) | DECISION == set(Ticket.model_fields)


@pytest.mark.parametrize("field", sorted(CHANGES))
def test_another_value_in_any_frozen_field_is_another_ticket(field: str) -> None:
    assert a_ticket(**{field: CHANGES[field]}).digest() != a_ticket().digest()
    assert a_ticket(**{field: CHANGES[field]}).stamp != a_ticket().stamp


def test_all_these_digests_differ_from_each_other() -> None:
    digests = {a_ticket(**{field: changed}).digest() for field, changed in CHANGES.items()}
    assert len(digests) == len(CHANGES)


def test_how_it_was_decided_is_not_part_of_what_was_shown() -> None:
    decided = a_ticket(state=TicketState.APPROVED, decided_by="我", decided_at=AT, note="好")
    assert decided.digest() == a_ticket().digest()


def test_the_digest_does_not_depend_on_the_zone_of_its_instants() -> None:
    shanghai = timezone(timedelta(hours=8))
    moved = {name: getattr(a_ticket(), name).astimezone(shanghai) for name in ("quoted_at", "created_at", "expires_at")}
    assert a_ticket(**moved).digest() == a_ticket().digest()


def test_what_is_said_of_one_field_cannot_be_moved_to_the_next() -> None:
    one, other = a_ticket(name="甲", source="乙丙"), a_ticket(name="甲乙", source="丙")
    assert one.digest() != other.digest()


def test_the_stamp_is_the_head_of_the_digest_and_the_order_id_fits_a_remark() -> None:
    ticket = a_ticket()
    assert ticket.digest().startswith(ticket.stamp)
    assert len(ticket.stamp) == 8
    assert ticket.order_id == "dp00000001"
    assert ticket.order_id.isascii()
    assert len(ticket.order_id) <= 20


@pytest.mark.parametrize(
    "numbers",
    [
        {"limit": Decimal(1400), "price": Decimal("1400.0")},
        {"limit": Decimal("4.751"), "price": Decimal("0.010")},
        {"limit": Decimal("1E+3"), "price": Decimal("1000.00")},
    ],
    ids=["whole", "fund", "exponent"],
)
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_stored_ticket_has_the_stamp_that_its_button_carries(
    kind: str, numbers: dict[str, Decimal], tmp_path: Path
) -> None:
    store = memory.connect() if kind == "memory" else sql.connect(migrated.file(tmp_path / "a.db"))
    ticket = a_ticket(**numbers, quoted_at=AT.replace(microsecond=123_456))
    try:
        await store.add_ticket(ticket)
        stored = await store.ticket(ticket.id)
    finally:
        await store.close()
    assert stored is not None
    assert stored.stamp == ticket.stamp


def test_it_is_open_until_the_instant_it_expires() -> None:
    ticket = a_ticket()
    assert ticket.open_at(ticket.expires_at - timedelta(microseconds=1))
    assert not ticket.open_at(ticket.expires_at)


@pytest.mark.parametrize("state", [state for state in TicketState if state is not TicketState.OPEN])
def test_a_decided_ticket_is_not_open_however_early_it_is(state: TicketState) -> None:
    assert not a_ticket(state=state).open_at(AT)


def test_the_same_instant_in_another_zone_does_not_change_when_it_expires() -> None:
    shanghai = timezone(timedelta(hours=8))
    ticket = a_ticket(expires_at=(AT + timedelta(minutes=5)).astimezone(shanghai))
    assert ticket.open_at(AT + timedelta(minutes=4, seconds=59))
    assert not ticket.open_at(AT + timedelta(minutes=5))
