"""The chain of the journal: whole as it was written, broken wherever somebody touches it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.journal import BEGINNING, Event, Record, beginning, differences, of_order, of_ticket, of_value, problem, seal
from core.messages import Chat
from core.orders import Fill, Order, OrderState
from core.tickets import Ticket, TicketState
from core.types import Mode, Side, Symbol

NOW = datetime(2026, 11, 18, 2, tzinfo=UTC)
MOUTAI = Symbol("600519.SH")


def ticket(state: TicketState = TicketState.OPEN) -> Ticket:
    decided = {} if state is TicketState.OPEN else {"decided_by": "我", "decided_at": NOW + timedelta(seconds=9)}
    return Ticket(
        id="T1",
        owner="me",
        chat=Chat("script", "local"),
        account="paper",
        mode=Mode.PAPER,
        symbol=MOUTAI,
        name="贵州茅台",
        side=Side.BUY,
        shares=100,
        limit=Decimal(1400),
        price=Decimal(1400),
        quoted_at=NOW,
        source="测试",
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=5),
        state=state,
        **decided,
    )


def order(state: OrderState = OrderState.NEW, filled: int = 0) -> Order:
    made = ticket().order(NOW + timedelta(seconds=9))
    return made.model_copy(update={"state": state, "filled": filled, "filled_amount": Decimal(1400) * filled})


FILL = Fill(
    id="F1", order_id="dpT1", account="paper", symbol=MOUTAI, side=Side.BUY, shares=100, price=Decimal(1400), at=NOW
)


def chain(*records: Record) -> list[Event]:
    events: list[Event] = []
    for record in records:
        events.append(seal(record, events[-1] if events else None))
    return events


def story() -> list[Event]:
    return chain(
        beginning(["T0"], ["dpT0"]),
        of_ticket(ticket()),
        of_ticket(ticket(TicketState.APPROVED)),
        of_order(order()),
        *of_value("panic", "停了"),
        of_order(order(OrderState.FILLED, 100), FILL),
    )


def test_what_was_written_is_whole() -> None:
    events = story()
    assert problem(events) is None
    assert [one.seq for one in events] == [1, 2, 3, 4, 5, 6]
    assert events[0].before == BEGINNING
    assert "是空的" in (problem([]) or "")


@pytest.mark.parametrize("at", range(1, 6))
@pytest.mark.parametrize(
    "touch",
    [
        lambda event: event._replace(body=event.body.replace("1400", "1300").replace("停", "开")),
        lambda event: event._replace(kind="ticket.rejected"),
        lambda event: event._replace(subject="T2"),
        lambda event: event._replace(at=NOW + timedelta(days=1)),
        lambda event: event._replace(before="f" * 64),
        lambda event: event._replace(hash="f" * 64),
        lambda event: seal(Record(event.kind, event.subject, event.at, "{}"), None)._replace(
            seq=event.seq, before=event.before
        ),
    ],
    ids=["body", "kind", "subject", "at", "before", "hash", "sealed anew"],
)
def test_whoever_touches_an_event_breaks_the_chain(at: int, touch: object) -> None:
    events = story()
    assert callable(touch)
    events[at] = touch(events[at])
    found = problem(events)
    assert found is not None
    assert str(at + 1) in found or str(at + 2) in found


@pytest.mark.parametrize("gone", range(5))
def test_an_event_that_is_gone_is_missed(gone: int) -> None:
    events = story()
    del events[gone]
    assert f"第 {gone + 1} 条不见了" in (problem(events) or "")


def test_two_events_that_changed_places_are_noticed() -> None:
    events = story()
    events[1], events[2] = events[2], events[1]
    assert problem(events) is not None


def test_tickets_and_orders_are_as_their_newest_events_say() -> None:
    approved, filled = ticket(TicketState.APPROVED), order(OrderState.FILLED, 100)
    assert differences(story(), [approved], [filled]) == []
    assert "现在是 ticket.open" in differences(story(), [ticket()], [filled])[0]
    [wrong] = differences(story(), [approved], [filled.model_copy(update={"filled_amount": Decimal(1)})])
    assert wrong.startswith("委托 T1 和日志里的不一样")
    # The end of the journal was cut off.
    assert "委托 T1" in differences(story()[:4], [approved], [filled])[0]
    assert differences(story()[:2], [approved], []) == [
        "委托卡片 T1 和日志里的不一样：日志里是 ticket.open，现在是 ticket.approved。"
    ]


def test_what_is_older_than_the_journal_is_not_compared_and_what_is_newer_is_missed() -> None:
    old, new = (ticket().model_copy(update={"id": name}) for name in ("T0", "T9"))
    assert differences(story(), [old], [order().model_copy(update={"id": "dpT0", "ticket_id": "T0"})]) == []
    assert differences(story(), [new], []) == ["委托卡片 T9 在日志里没有。"]


def test_only_settings_about_money_are_events() -> None:
    assert of_value("favourites:me", "[]") == ()
    [record] = of_value("panic", None)
    assert record == Record("panic", "panic", None, '{"value":null}')
