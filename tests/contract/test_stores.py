"""Does every store keep the promises of its port? One suite over memory, SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import create_engine, text

from adapters.stores import memory, sql
from core.alerts import Alert, Reason, Silence
from core.bars import Bar, Rescale
from core.chronicle import Entry, Kind
from core.conditions import EnterRange, LimitUp, PctUp, PriceBelow, StopLoss
from core.errors import ConfigError, Malformed, Unavailable
from core.journal import differences, problem
from core.messages import Button, Chat, Delivery, Message, Outgoing, Style
from core.orders import Fill, Order, OrderState
from core.portfolio import Worth
from core.ports import Store
from core.securities import Former, Security
from core.tickets import Approval, Ticket, TicketState
from core.types import Mode, Side, Symbol
from core.watches import Arm, Plan, Repeat, RuleKey, Watch, WatchState
from tests.fakes import migrated, postgres

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 23, 1, 38, 0, 123456, UTC)
MAOTAI = Symbol("600519.SH")
WANKE = Symbol("000002.SZ")
CHAT = Chat("telegram", "-100123")
GROUP = Chat("wechaty", "room:7@chatroom")
SHORT = timedelta(milliseconds=50)


# What is stored


def watch(key: str = "WATCH001", **changes: Any) -> Watch:
    given = {
        "id": key,
        "number": 0,
        "owner": "me",
        "chat": CHAT,
        "account": "paper",
        "symbols": (MAOTAI, WANKE),
        "conditions": (
            PriceBelow(value=Decimal("1420.0")),
            EnterRange(low=Decimal(40), high=Decimal("42.000")),
            PctUp(value=Decimal(3), reference="last", base=Decimal("1400.10")),
            StopLoss(value=Decimal(8), unit="pct"),
            LimitUp(event="open"),
        ),
        "plan": Plan(side=Side.BUY, amount=Decimal("50000.00"), price=Decimal("1E+3")),
        "repeat": Repeat.EVERY_TIME,
        "cooldown": timedelta(minutes=7, microseconds=1),
        "expires_on": date(2026, 4, 30),
        "text": "贵州茅台跌破1420提醒我 😀 <b>*ST</b>",
        "created_at": NOW,
    }
    return Watch.model_validate(given | changes)


def arm(watch_id: str = "WATCH001", symbol: Symbol = MAOTAI, group: int = 0, **changes: Any) -> Arm:
    return Arm(key=RuleKey(watch_id, symbol, group), **changes)


def alert(key: str = "ALERT001", **changes: Any) -> Alert:
    given = {
        "id": key,
        "watch_id": "WATCH001",
        "watch_number": 1,
        "owner": "me",
        "symbol": MAOTAI,
        "name": "贵州茅台",
        "group": 0,
        "condition": "跌到 1420.00 及以下",
        "price": Decimal("1419.0900"),
        "why": "现价 1419.09,触发区 ≤ 1420.00",
        "source": "腾讯行情",
        "quoted_at": NOW - timedelta(seconds=3),
        "at": NOW,
        "after_gap": True,
        "reason": Reason.FIRST,
        "ticket_id": "TICKET01",
        "percent": Decimal("-1.2345"),
    }
    return Alert.model_validate(given | changes)


def ticket(key: str = "TICKET01", **changes: Any) -> Ticket:
    given = {
        "id": key,
        "owner": "me",
        "chat": GROUP,
        "account": "paper",
        "mode": Mode.PAPER,
        "symbol": MAOTAI,
        "name": "贵州茅台",
        "side": Side.BUY,
        "shares": 100,
        "limit": Decimal(1420),
        "price": Decimal("1419.90"),
        "quoted_at": NOW.replace(microsecond=0),
        "source": "腾讯行情",
        "created_at": NOW,
        "expires_at": NOW + timedelta(minutes=5),
        "watch_id": "WATCH001",
        "alert_id": "ALERT001",
    }
    return Ticket.model_validate(given | changes)


def approved(open_ticket: Ticket, by: str = "小王(42)") -> Ticket:
    return open_ticket.model_copy(
        update={"state": TicketState.APPROVED, "decided_by": by, "decided_at": NOW + timedelta(seconds=9)}
    )


def order_of(decided: Ticket, **changes: Any) -> Order:
    given = {
        "id": decided.order_id,
        "ticket_id": decided.id,
        "account": decided.account,
        "mode": decided.mode,
        "symbol": decided.symbol,
        "side": decided.side,
        "shares": decided.shares,
        "limit": decided.limit,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Order.model_validate(given | changes)


def fill(key: str = "F1", **changes: Any) -> Fill:
    given = {
        "id": key,
        "order_id": "dpTICKET01",
        "account": "paper",
        "symbol": MAOTAI,
        "side": Side.BUY,
        "shares": 100,
        "price": Decimal("1419.880"),
        "fee": Decimal("5.00"),
        "at": NOW,
    }
    return Fill.model_validate(given | changes)


def message(key: str = "OUT00001", *, card: str | None = None, **changes: Any) -> Outgoing:
    given = {
        "id": key,
        "chat": CHAT,
        "message": Message(
            title="贵州茅台 跌破 1420",
            text="现价 1419.09\n“*ST”<&>\x00\u2028",
            buttons=((Button("确认", "approve 7F3K", Style.CONFIRM), Button("拒绝", "reject 7F3K")), ()),
            card=card,
            urgent=True,
        ),
        "created_at": NOW,
        "next_at": NOW,
    }
    return Outgoing.model_validate(given | changes)


def bar(minute: int = 0, symbol: Symbol = MAOTAI, close: str = "1419.09", amount: str | None = "90352647") -> Bar:
    prices = (Decimal("1420.00"), Decimal("1425.50"), Decimal("1410.005"), Decimal(close))
    time = NOW.replace(second=0, microsecond=0) + timedelta(minutes=minute)
    return Bar(symbol, time, *prices, 63_600, None if amount is None else Decimal(amount))


def sent(row: Outgoing, ref: str) -> Outgoing:
    return row.model_copy(update={"state": Delivery.SENT, "attempts": row.attempts + 1, "ref": ref})


# Where it is stored


@dataclass
class Place:
    """A database that can be opened again, and twice."""

    kind: str
    url: str
    opened: list[Store] = field(default_factory=list)

    def open(self, busy_timeout: timedelta = timedelta(seconds=20)) -> Store:
        store = sql.connect(self.url, busy_timeout=busy_timeout)
        self.opened.append(store)
        return store

    async def close(self) -> None:
        for store in self.opened:
            await store.close()


def a_database(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of a database that holds no row yet."""
    if kind == "sqlite":
        return file_url(migrated.file(folder / "data" / "dingpan.db"))
    return migrated.server(request.getfixturevalue("postgresql"))


@pytest.fixture(params=["sqlite", "postgresql"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(request.param, a_database(request.param, request, tmp_path))
    yield place
    await place.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty_place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """The same without any table, and of a file not even the folder."""
    if request.param == "sqlite":
        place = Place(request.param, file_url(tmp_path / "data" / "dingpan.db"))
    else:
        place = Place(request.param, postgres.emptied(request.getfixturevalue("postgresql")))
    yield place
    await place.close()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        opened = memory.connect()
    else:
        opened = sql.connect(a_database(request.param, request, tmp_path))
    yield opened
    await opened.close()


# Watches


async def test_a_watch_comes_back_as_it_went_in(store: Store) -> None:
    stored = await store.add_watch(
        watch(), [arm(), arm(group=1, armed=True, day=date(2026, 3, 23), told_at=NOW, told=3)]
    )
    assert stored == watch(number=1)
    assert await store.watches() == [stored]
    assert [condition.model_dump_json() for condition in (await store.watches())[0].conditions] == [
        condition.model_dump_json() for condition in stored.conditions
    ]
    assert await store.arms() == [arm(), arm(group=1, armed=True, day=date(2026, 3, 23), told_at=NOW, told=3)]


async def test_a_watch_without_a_plan_or_an_end_comes_back(store: Store) -> None:
    plain = watch(plan=None, expires_on=None, combine="all", cooldown=timedelta(0), text="")
    stored = await store.add_watch(plain, [])
    assert await store.watches() == [stored]


async def test_numbers_count_up_per_owner_and_are_never_given_twice(store: Store) -> None:
    first = await store.add_watch(watch("A"), [])
    second = await store.add_watch(watch("B"), [])
    other = await store.add_watch(watch("C", owner="you"), [])
    assert (first.number, second.number, other.number) == (1, 2, 1)
    await store.save_watch(second.model_copy(update={"state": WatchState.DELETED}))
    third = await store.add_watch(watch("D"), [])
    assert third.number == 3
    assert await store.watches() == [first, third, other]


async def test_a_watch_keeps_a_number_that_was_never_used_and_no_other(store: Store) -> None:
    kept = await store.add_watch(watch("A", number=7), [])
    await store.save_watch(kept.model_copy(update={"state": WatchState.DELETED}))
    again = await store.add_watch(watch("B", number=7), [])
    other = await store.add_watch(watch("C", number=7, owner="you"), [])
    below = await store.add_watch(watch("D", number=3), [])
    assert (kept.number, again.number, other.number, below.number) == (7, 8, 7, 3)
    assert await store.watches() == [below, again, other]


async def test_watches_made_at_once_get_different_numbers(store: Store) -> None:
    made = await asyncio.gather(*(store.add_watch(watch(f"W{index}"), []) for index in range(12)))
    assert sorted(each.number for each in made) == list(range(1, 13))


async def test_what_is_remembered_is_given_by_watch_and_says_the_same(store: Store) -> None:
    kept = [
        arm("A", armed=True),
        arm("A", WANKE, armed=False),
        arm("A", group=12),
        arm("B", armed=True),
        arm("B", group=1, armed=False, day=date(2026, 3, 23), told_at=NOW, told=3),
        arm("C", armed=False, peak=1_420_000),
    ]
    await store.save_arms(kept)
    found: list[Arm] = []
    for watch_id, one in (await store.memories()).items():
        found += one.arms
        for symbol, group, armed in zip(one.symbols, one.groups, one.armed, strict=True):
            key = RuleKey(watch_id, Symbol(symbol), group)
            found.append(Arm(key=key, armed={"0": False, "1": True, "2": None}[armed]))
    assert sorted(found, key=lambda kept_arm: kept_arm.key) == await store.arms()


async def test_a_changed_watch_replaces_the_old_one_and_its_arms_when_given(store: Store) -> None:
    first = await store.add_watch(watch("A"), [arm("A"), arm("A", WANKE)])
    await store.add_watch(watch("B"), [arm("B")])
    paused = first.model_copy(update={"state": WatchState.PAUSED})
    await store.save_watch(paused)
    assert (await store.watches())[0] == paused
    assert await store.arms() == [arm("A", WANKE), arm("A"), arm("B")]
    changed = paused.model_copy(update={"symbols": (WANKE,), "state": WatchState.ACTIVE})
    await store.save_watch(changed, [arm("A", WANKE, told=1)])
    assert (await store.watches())[0] == changed
    assert await store.arms() == [arm("A", WANKE, told=1), arm("B")]


async def test_two_watches_of_one_owner_cannot_have_one_number(store: Store) -> None:
    await store.add_watch(watch("A"), [])
    with pytest.raises(Unavailable, match="冲突"):
        await store.save_watch(watch("B", number=1))
    assert [each.id for each in await store.watches()] == ["A"]


async def test_a_watch_that_was_deleted_while_its_alert_was_under_way_stays_deleted(store: Store) -> None:
    stored = await store.add_watch(watch(), [arm()])
    other = await store.add_watch(watch(id="WATCH002"), [])
    await store.save_watch(stored.model_copy(update={"state": WatchState.DELETED}))
    done = [one.model_copy(update={"state": WatchState.DONE}) for one in (stored, other)]
    await store.fire([alert()], [arm(armed=False)], done, [], [])
    assert await store.watches() == [done[1]]
    assert len(await store.alerts(stored.owner)) == 1


async def test_saved_arms_replace_those_of_the_same_rule(store: Store) -> None:
    await store.save_arms([arm(), arm(group=1)])
    await store.save_arms([arm(armed=False, told_at=NOW, told=1)])
    assert await store.arms() == [arm(armed=False, told_at=NOW, told=1), arm(group=1)]


# Alerts


async def test_what_a_frame_caused_is_stored_together(store: Store) -> None:
    stored = await store.add_watch(watch(), [arm()])
    done = stored.model_copy(update={"state": WatchState.DONE})
    told = message(alert_ids=("ALERT001", "ALERT002"))
    await store.fire(
        [alert(), alert("ALERT002", symbol=WANKE, ticket_id=None, note="没有可卖的股票。", reason=Reason.SILENCED)],
        [arm(armed=False, told_at=NOW, told=1)],
        [done],
        [ticket()],
        [told],
    )
    assert await store.alerts("me", MAOTAI) == [alert()]
    assert len(await store.alerts("me")) == 2
    assert (await store.alerts("me", WANKE))[0].note == "没有可卖的股票。"
    assert await store.alerts("you") == []
    assert await store.arms() == [arm(armed=False, told_at=NOW, told=1)]
    assert await store.watches() == [done]
    assert await store.ticket("TICKET01") == ticket()
    assert await store.unsent() == [told]
    assert await store.deliveries(["ALERT002"]) == [told]


@pytest.mark.parametrize("bad", ["alert", "ticket", "message", "watch"])
async def test_a_frame_whose_last_row_fails_stores_nothing(store: Store, bad: str) -> None:
    stored = await store.add_watch(watch(), [arm()])
    await store.fire([alert("OLD")], [], [], [ticket("OLD")], [message("OLD", alert_ids=("OLD",))])
    before = await everything(store)
    with pytest.raises(Unavailable, match="没有保存"):
        await store.fire(
            [alert("NEW"), alert("OLD" if bad == "alert" else "NEW2")],
            [arm(told=1), arm(group=1)],
            [
                stored.model_copy(update={"state": WatchState.DONE}),
                *([watch("WATCH002", number=1)] if bad == "watch" else []),
            ],
            [ticket("NEW"), ticket("OLD" if bad == "ticket" else "NEW2")],
            [message("NEW"), message("OLD" if bad == "message" else "NEW2", alert_ids=("NEW",))],
        )
    assert await everything(store) == before


async def test_a_frame_that_caused_nothing_is_no_step(store: Store) -> None:
    await store.fire([], [], [], [], [])
    await store.enqueue([])
    await store.save_arms([])
    assert await store.unsent() == []


async def test_a_hundred_alerts_are_one_step(store: Store) -> None:
    alerts = [alert(f"A{index}", at=NOW + timedelta(microseconds=index)) for index in range(100)]
    rows = [message(f"O{index}", alert_ids=(f"A{index}",)) for index in range(100)]
    await store.fire(alerts, [arm(f"W{index}") for index in range(100)], [], [], rows)
    assert await store.alerts("me", limit=1000) == alerts[::-1]
    assert await store.unsent() == rows


async def test_alerts_come_newest_first_also_within_one_instant(store: Store) -> None:
    await store.fire([alert("B"), alert("A"), alert("C", at=NOW - timedelta(seconds=1))], [], [], [], [])
    await store.fire([alert("D")], [], [], [], [])
    assert [each.id for each in await store.alerts("me")] == ["D", "A", "B", "C"]
    assert [each.id for each in await store.alerts("me", limit=2)] == ["D", "A"]


# Silences


async def test_silences_follow_from_time(store: Store) -> None:
    hour = timedelta(hours=1)
    over = Silence(id="OVER", owner="me", starts_at=NOW - 2 * hour, ends_at=NOW)
    active = Silence(id="NOW", owner="me", symbol=MAOTAI, starts_at=NOW - hour, ends_at=NOW + hour)
    planned = Silence(id="LATER", owner="me", watch_id="WATCH001", starts_at=NOW + hour, ends_at=NOW + 2 * hour)
    other = Silence(id="OTHER", owner="you", starts_at=NOW, ends_at=NOW + hour)
    for each in (over, planned, active, other):
        await store.add_silence(each)
    assert await store.silences(NOW) == [active, other, planned]
    assert await store.end_silences("me", NOW) == 1
    assert await store.silences(NOW) == [other, planned]
    assert await store.end_silences("me", NOW) == 0


async def test_of_several_silences_one_can_be_ended_alone(store: Store) -> None:
    first, second, other = (
        Silence(id=name, owner=owner, symbol=MAOTAI, starts_at=NOW, ends_at=NOW + timedelta(hours=1))
        for name, owner in (("A", "me"), ("B", "me"), ("C", "you"))
    )
    for each in (first, second, other):
        await store.add_silence(each)
    assert await store.end_silences("me", NOW, ["B", "C"]) == 1
    assert await store.silences(NOW) == [first, other]


# The journal


async def test_every_step_that_concerns_money_is_an_event_and_the_chain_is_whole(store: Store) -> None:
    opened = ticket()
    decided = approved(opened)
    made = order_of(decided)
    traded = made.model_copy(update={"state": OrderState.FILLED, "filled": 100, "filled_amount": Decimal(142_000)})
    await store.fire([], [], [], [ticket("TICKET02")], [])
    await store.add_ticket(opened)
    assert await store.decide(decided, made, [])
    await store.save_order(traded, fill(), [])
    await store.set_value("panic", "停了")
    await store.set_value("panic", None)
    await store.set_value("favourites:me", "[]")
    events = await store.journal()
    assert [event.kind for event in events] == [
        "begin",
        "ticket.open",
        "ticket.open",
        "ticket.approved",
        "order.new",
        "order.filled",
        "panic",
        "panic",
    ]
    assert problem(events) is None
    assert differences(events, await store.tickets(set(TicketState)), await store.orders()) == []
    assert [event.seq for event in await store.journal("TICKET01")] == [3, 4, 5, 6]


async def test_a_step_that_was_not_taken_leaves_no_event(store: Store) -> None:
    opened = ticket()
    await store.add_ticket(opened)
    assert await store.decide(approved(opened), order_of(approved(opened)), [])
    assert not await store.decide(approved(opened, "另一个人"), None, [])
    with pytest.raises(Unavailable):
        await store.add_ticket(opened)
    assert len(await store.journal()) == 4


# Tickets and orders


@pytest.mark.parametrize("price", ["1420", "1420.0", "1420.00", "0.001", "1E+3", "4.751", "0E-8", "99999.99999"])
async def test_a_ticket_keeps_its_hash(store: Store, price: str) -> None:
    made = ticket(limit=Decimal(price), price=Decimal(price))
    await store.add_ticket(made)
    found = await store.ticket(made.id)
    assert found == made
    assert found.digest() == made.digest()


async def test_a_ticket_without_a_watch_keeps_its_hash(store: Store) -> None:
    made = ticket(watch_id=None, alert_id=None, created_at=NOW.replace(microsecond=0))
    await store.add_ticket(made, [message()])
    found = await store.ticket(made.id)
    assert found is not None
    assert found.digest() == made.digest()
    assert await store.unsent() == [message()]
    assert await store.ticket("NOBODY") is None


async def test_tickets_are_found_by_state_newest_first(store: Store) -> None:
    for index, state in enumerate([TicketState.OPEN, TicketState.REJECTED, TicketState.OPEN, TicketState.EXPIRED]):
        await store.add_ticket(ticket(f"T{index}", state=state, created_at=NOW + timedelta(seconds=index)))
    assert [each.id for each in await store.tickets([TicketState.OPEN])] == ["T2", "T0"]
    assert [each.id for each in await store.tickets({TicketState.REJECTED, TicketState.EXPIRED})] == ["T3", "T1"]
    assert [each.id for each in await store.tickets(list(TicketState), limit=1)] == ["T3"]
    assert await store.tickets([]) == []


async def test_a_ticket_is_decided_once(store: Store) -> None:
    await store.add_ticket(ticket())
    yes = approved(ticket())
    assert await store.decide(yes, order_of(yes), [message("ONE")])
    no = ticket(state=TicketState.REJECTED, decided_by="别人", decided_at=NOW, note="不买了")
    assert not await store.decide(no, None, [message("TWO")])
    assert not await store.decide(yes, order_of(yes), [message("THREE")])
    assert await store.ticket("TICKET01") == yes
    assert await store.orders() == [order_of(yes)]
    assert [row.id for row in await store.unsent()] == ["ONE"]


async def test_a_decision_changes_no_frozen_field(store: Store) -> None:
    await store.add_ticket(ticket())
    forged = approved(ticket(shares=10_000))
    assert await store.decide(forged, None, [])
    assert await store.ticket("TICKET01") == approved(ticket())


async def test_the_next_edition_of_a_ticket_replaces_the_one_before_it_alone(store: Store) -> None:
    await store.add_ticket(ticket())
    said = (Approval(who="telegram:1", name="张三", at=NOW),)
    second = ticket(shares=300, edition=2, approvers=2, approvals=said)
    assert await store.amend(second, [message("ONE")])
    assert await store.ticket("TICKET01") == second
    assert not await store.amend(ticket(shares=500, edition=2), [message("TWO")])
    assert not await store.amend(ticket(shares=500, edition=4), [message("TWO")])
    # Who has seen the first edition decides nothing about the second.
    assert not await store.decide(approved(ticket()), order_of(ticket()), [message("TWO")])
    yes = approved(second)
    assert await store.decide(yes, order_of(yes), [])
    assert not await store.amend(ticket(edition=3), [message("TWO")])
    assert await store.amend(yes.model_copy(update={"edition": 3, "note": "后来写的"}), [])
    assert [row.id for row in await store.unsent()] == ["ONE"]
    events = await store.journal()
    assert problem(events) is None
    assert differences(events, await store.tickets(set(TicketState)), await store.orders()) == []


async def test_of_many_edits_at_once_one_is_stored(store: Store) -> None:
    await store.add_ticket(ticket())
    edits = await asyncio.gather(*(store.amend(ticket(shares=100 * at, edition=2), []) for at in range(2, 12)))
    assert edits.count(True) == 1


async def test_a_ticket_that_nobody_stored_cannot_be_decided(store: Store) -> None:
    assert not await store.decide(approved(ticket()), order_of(ticket()), [message()])
    assert await store.orders() == []
    assert await store.unsent() == []


async def test_of_many_taps_at_once_one_decides(store: Store) -> None:
    await store.add_ticket(ticket())
    yes = approved(ticket())
    taps = await asyncio.gather(*(store.decide(yes, order_of(yes), [message(f"O{index}")]) for index in range(10)))
    assert taps.count(True) == 1
    assert len(await store.orders()) == 1
    assert len(await store.unsent()) == 1


async def test_a_ticket_that_has_an_order_gets_no_second_one(store: Store) -> None:
    await store.add_ticket(ticket())
    await store.save_order(order_of(ticket()), None, [])
    yes = approved(ticket())
    assert not await store.decide(yes, order_of(yes, id="dpANOTHER"), [message()])
    assert await store.ticket("TICKET01") == ticket()
    assert await store.unsent() == []
    with pytest.raises(Unavailable, match="冲突"):
        await store.save_order(order_of(yes, id="dpANOTHER"), None, [])
    assert [each.id for each in await store.orders()] == ["dpTICKET01"]


async def test_a_decision_whose_message_cannot_be_stored_decides_nothing(store: Store) -> None:
    await store.add_ticket(ticket(), [message("OLD")])
    yes = approved(ticket())
    with pytest.raises(Unavailable, match="没有保存"):
        await store.decide(yes, order_of(yes), [message("OLD")])
    assert await store.ticket("TICKET01") == ticket()
    assert await store.order("dpTICKET01") is None


async def test_an_order_comes_back_with_its_fills(store: Store) -> None:
    new = order_of(ticket())
    await store.save_order(new, None, [])
    filled = new.model_copy(
        update={
            "state": OrderState.FILLED,
            "filled": 100,
            "filled_amount": Decimal("141988.000"),
            "fees": Decimal("5.00"),
            "fill_ids": ("F1",),
            "broker_id": "券商-1",
            "updated_at": NOW + timedelta(seconds=2),
        }
    )
    await store.save_order(filled, fill(), [message()])
    found = await store.order(new.id)
    assert found == filled
    assert found.model_dump_json() == filled.model_dump_json()
    assert await store.fills() == [fill()]
    assert await store.fills("paper") == [fill()]
    assert await store.fills("live") == []
    assert await store.unsent() == [message()]
    assert await store.order("dpNOBODY") is None


async def test_what_an_account_was_worth_comes_back_by_day(store: Store) -> None:
    days = [worth(day) for day in (18, 16, 17)]
    await store.save_worths([*days, worth(16, account="wife")])
    await store.save_worths([worth(17, total=None, note="茅台没有行情")])
    found = await store.worths("paper")
    assert found == [worth(16), worth(17, total=None, note="茅台没有行情"), worth(18)]
    assert [one.day.day for one in await store.worths("paper", date(2026, 3, 17))] == [17, 18]
    assert [one.day.day for one in await store.worths("paper", date(2026, 3, 16), date(2026, 3, 17))] == [16, 17]
    assert await store.worths("live") == []
    await store.save_worths([])


async def test_a_fill_counts_once_per_account(store: Store) -> None:
    order = order_of(ticket())
    await store.save_order(order, fill(), [])
    await store.save_order(order, fill(shares=200), [])
    await store.save_order(order, fill(account="live"), [])
    assert [(each.account, each.shares) for each in await store.fills()] == [("live", 100), ("paper", 100)]
    other = order_of(ticket("TICKET02"))
    with pytest.raises(Unavailable, match="冲突"):
        await store.save_order(other, fill(order_id=other.id), [message()])
    assert await store.order(other.id) is None
    assert await store.unsent() == []


async def test_open_orders_are_those_whose_fate_is_not_final(store: Store) -> None:
    for index, state in enumerate(OrderState):
        made = ticket(f"T{index}")
        await store.save_order(order_of(made, state=state, created_at=NOW + timedelta(seconds=index)), None, [])
    found = await store.orders(open_only=True)
    assert [each.state for each in found] == [state for state in reversed(OrderState) if not state.final]
    assert len(await store.orders(limit=3)) == 3
    assert (await store.orders(limit=1))[0].state is OrderState.UNKNOWN


# Messages


async def test_a_message_comes_back_as_it_went_in(store: Store) -> None:
    row = message(card="ticket:TICKET01", alert_ids=("ALERT002", "ALERT001"), chat=GROUP, attempts=2, error="超时")
    await store.enqueue([row])
    assert await store.unsent() == [row]
    assert (await store.unsent())[0].message.buttons[0][0] == Button("确认", "approve 7F3K", Style.CONFIRM)


async def test_unsent_messages_come_oldest_first(store: Store) -> None:
    await store.enqueue([message("B"), message("A", created_at=NOW - timedelta(seconds=1)), message("C")])
    await store.enqueue([message("D")])
    await store.delivered(sent(message("C"), "7"))
    await store.delivered(message("D", state=Delivery.FAILED, error="被对方屏蔽"))
    assert [row.id for row in await store.unsent()] == ["A", "B", "D"][:2]


async def test_a_message_waits_after_a_failed_attempt(store: Store) -> None:
    await store.enqueue([message("A"), message("B")])
    later = message("A", attempts=1, next_at=NOW + timedelta(seconds=30), error="Telegram:暂时连不上")
    await store.delivered(later)
    assert await store.unsent() == [later, message("B")]


async def test_an_attempt_at_a_forgotten_message_is_stored_again(store: Store) -> None:
    row = sent(message(card="c"), "9")
    await store.delivered(row)
    assert await store.card_ref(CHAT, "c") == "9"


async def test_deliveries_are_the_messages_that_told_an_alert(store: Store) -> None:
    both = message("BOTH", alert_ids=("A1", "A2", "A1"))
    one = message("ONE", alert_ids=("A2",))
    await store.enqueue([both, one, message("NONE")])
    await store.delivered(sent(both, "3"))
    assert await store.deliveries(["A1"]) == [sent(both, "3")]
    assert await store.deliveries({"A1", "A2"}) == [sent(both, "3"), one]
    assert await store.deliveries(["A3"]) == []
    assert await store.deliveries([]) == []


async def test_alerts_since_are_those_of_everybody_from_that_moment_on(store: Store) -> None:
    later = NOW + timedelta(seconds=1)
    await store.fire([alert("B", at=later), alert("OLD", at=NOW - timedelta(seconds=1))], [], [], [], [])
    await store.fire([alert("A", owner="you"), alert("C", at=later)], [], [], [], [])
    assert [one.id for one in await store.alerts_since(NOW)] == ["A", "B", "C"]


async def test_untold_is_what_has_the_reason_and_no_message(store: Store) -> None:
    quiet = {Reason.QUIET_HOURS}
    alerts = [alert("A", reason=Reason.QUIET_HOURS), alert("B", reason=Reason.QUIET_HOURS), alert("C")]
    await store.fire(alerts, [], [], [], [])
    assert await store.untold(quiet, NOW) == alerts[:2]
    assert await store.untold({Reason.FIRST, Reason.QUIET_HOURS}, NOW) == alerts
    assert await store.untold(quiet, NOW + timedelta(seconds=1)) == []
    await store.enqueue([message("SUMMARY", alert_ids=("A",))])
    assert await store.untold(quiet, NOW) == alerts[1:2]


async def test_an_alert_waits_for_an_answer_until_it_has_one(store: Store) -> None:
    due = NOW + timedelta(minutes=5)
    alerts = [alert("A", escalate_at=due, grave=True, chat=CHAT), alert("B", escalate_at=due), alert("C")]
    await store.fire(alerts, [], [], [], [])
    assert await store.unacknowledged() == alerts[:2]
    assert await store.acknowledge(["A", "C", "A", "NOBODY"], "小王(42)", NOW) == 2
    assert await store.acknowledge(["A"], "小李(43)", due) == 0
    assert await store.unacknowledged() == alerts[1:2]
    (_, _, stored) = await store.alerts("me")
    assert (stored.acked_at, stored.acked_by, stored.chat, stored.grave) == (NOW, "小王(42)", CHAT, True)


async def test_many_answers_are_one_step(store: Store) -> None:
    alerts = [alert(f"A{index}", escalate_at=NOW) for index in range(1200)]
    await store.fire(alerts, [], [], [], [])
    assert await store.acknowledge([one.id for one in alerts], "me", NOW) == 1200


async def test_what_was_said_again_is_stored_with_its_message_or_not_at_all(store: Store) -> None:
    first = alert("A", escalate_at=NOW)
    await store.fire([first], [], [], [], [message("OLD")])
    again = first.model_copy(update={"escalate_at": NOW + timedelta(minutes=5), "escalated": 1})
    with pytest.raises(Unavailable):
        await store.escalate([again], [message("OLD")])
    assert await store.unacknowledged() == [first]
    await store.escalate([again, alert("NOBODY")], [message("NEW", alert_ids=("A",))])
    assert await store.unacknowledged() == [again]
    assert [row.id for row in await store.deliveries(["A"])] == ["NEW"]
    await store.escalate([again.model_copy(update={"escalate_at": None, "escalated": 2})], [])
    assert await store.unacknowledged() == []


async def test_an_earlier_version_of_a_card_does_not_wait_any_more_once_a_later_one_is_sent(store: Store) -> None:
    others = [message("B", card="other"), message("C", card="c", chat=GROUP), message("D")]
    await store.enqueue([message("A", card="c"), *others, message("E", card="c"), message("F", card="c")])
    await store.delivered(sent(message("E", card="c"), "5"))
    assert [row.id for row in await store.unsent()] == ["B", "C", "D", "F"]
    assert await store.card_ref(CHAT, "c") == "5"
    await store.delivered(message("F", card="c", attempts=1))
    assert [row.id for row in await store.unsent()] == ["B", "C", "D", "F"]


async def test_a_card_is_found_by_its_newest_sent_message_in_that_chat(store: Store) -> None:
    await store.enqueue([message(key, card="c") for key in ("A", "B", "C", "D")])
    await store.enqueue([message("E", card="c", chat=GROUP), message("F", card="other"), message("G")])
    assert await store.card_ref(CHAT, "c") is None
    await store.delivered(sent(message("B", card="c"), "22"))
    await store.delivered(sent(message("A", card="c"), "11"))
    await store.delivered(message("C", card="c", state=Delivery.FAILED, error="被拒绝"))
    await store.delivered(sent(message("E", card="c", chat=GROUP), "55"))
    await store.delivered(sent(message("F", card="other"), "66"))
    assert await store.card_ref(CHAT, "c") == "22"
    assert await store.card_ref(GROUP, "c") == "55"
    assert await store.card_ref(GROUP, "other") is None


async def test_old_messages_are_forgotten_but_not_the_newest_of_a_card(store: Store) -> None:
    old = NOW - timedelta(days=40)
    rows = [
        sent(message("A", card="c", created_at=old, alert_ids=("A1",)), "1"),
        sent(message("B", card="c", created_at=old + timedelta(hours=1)), "2"),
        message("C", card="c", created_at=old + timedelta(hours=2), state=Delivery.FAILED),
        sent(message("D", card="c", created_at=old, chat=GROUP), "4"),
        sent(message("E", created_at=old, alert_ids=("A1", "A2")), "5"),
        message("F", created_at=old),
        message("G", created_at=old, state=Delivery.FAILED),
        sent(message("H"), "8"),
        sent(message("I", card="alert:A1", created_at=old), "9"),
        sent(message("J", card="chart:@1", created_at=old), "10"),
    ]
    await store.enqueue(rows)
    assert await store.forget(old, [Delivery.SENT]) == 0
    assert await store.forget(NOW, [Delivery.SENT]) == 4, "where an alert or a picture stood need not be known for ever"
    assert await store.card_ref(CHAT, "c") == "2"
    assert await store.card_ref(GROUP, "c") == "4"
    assert await store.deliveries(["A1", "A2"]) == []
    assert [row.id for row in await store.unsent()] == ["F"]
    assert await store.forget(NOW, [Delivery.SENT, Delivery.FAILED]) == 1
    assert await store.forget(NOW, list(Delivery)) == 1
    assert await store.forget(NOW, []) == 0


# Small things


async def test_values_are_set_changed_and_deleted(store: Store) -> None:
    assert await store.value("panic") is None
    await store.set_value("panic", "开")
    await store.set_value("panic", "关")
    await store.set_value("empty", "")
    assert await store.value("panic") == "关"
    assert await store.value("empty") == ""
    await store.set_value("panic", None)
    await store.set_value("never", None)
    assert await store.value("panic") is None


async def test_a_closed_store_says_so(store: Store) -> None:
    await store.close()
    await store.close()
    with pytest.raises(Unavailable, match="已经关闭"):
        await store.unsent()


# What only a database can promise


async def test_an_instant_comes_back_in_utc(place: Place) -> None:
    store = place.open()
    shanghai = NOW.astimezone(ZoneInfo("Asia/Shanghai"))
    await store.fire([alert(at=shanghai)], [], [], [], [])
    (found,) = await store.alerts("me")
    assert found.at == NOW
    assert found.at.tzinfo is UTC


async def test_an_instant_without_a_zone_is_a_bug_and_not_a_fault_of_the_database(place: Place) -> None:
    store = place.open()
    with pytest.raises(ValueError, match="without a zone"):
        await store.fire([alert(at=NOW.replace(tzinfo=None))], [], [], [], [message()])
    assert await store.unsent() == []


async def test_everything_is_there_after_a_restart(place: Place) -> None:
    store = place.open()
    await fill_with_everything(store)
    before = await everything(store)
    await store.close()
    again = place.open()
    assert await everything(again) == before
    assert (await again.add_watch(watch("NEXT"), [])).number == 2


async def test_of_two_processes_one_decides(place: Place) -> None:
    stores = [place.open(), place.open()]
    for index in range(10):
        made = ticket(f"T{index}")
        await stores[0].add_ticket(made)
        yes = approved(made)
        both = await asyncio.gather(
            *(each.decide(yes, order_of(yes), [message(f"{made.id}-{at}")]) for at, each in enumerate(stores))
        )
        assert sorted(both) == [False, True]
    assert len(await stores[0].orders()) == len(await stores[1].unsent()) == 10


async def test_two_processes_never_give_one_number_twice(place: Place) -> None:
    stores = [place.open(), place.open()]
    made = await asyncio.gather(*(stores[index % 2].add_watch(watch(f"W{index}"), []) for index in range(20)))
    assert sorted(each.number for each in made) == list(range(1, 21))


async def test_two_processes_may_open_an_empty_database_at_once(empty_place: Place) -> None:
    loop = asyncio.get_running_loop()
    stores = await asyncio.gather(*(loop.run_in_executor(None, empty_place.open) for _ in range(3)))
    await stores[0].set_value("a", "b")
    assert [await each.value("a") for each in stores] == ["b"] * 3


async def test_a_locked_database_keeps_nobody_else_waiting_and_loses_nothing(place: Place) -> None:
    store = place.open(SHORT)
    await fill_with_everything(store)
    before = await everything(store)
    engine = create_engine(place.url)
    with engine.connect() as other:
        if place.kind == "sqlite":
            other.exec_driver_sql("BEGIN EXCLUSIVE")
        else:
            other.execute(
                text("LOCK TABLE alerts, outbox, tickets, watches, settings, bars, chronicle IN ACCESS EXCLUSIVE MODE")
            )
        for step in steps(store):
            waiting = asyncio.ensure_future(step())
            await asyncio.sleep(0)
            assert not waiting.done()  # the loop went on meanwhile
            with pytest.raises(Unavailable, match="被其他程序占用"):
                await waiting
        other.rollback()
    engine.dispose()
    assert await everything(store) == before
    for step in steps(store):
        await step()
    assert await everything(store) != before


async def test_a_database_that_was_damaged_by_hand_is_malformed(place: Place) -> None:
    store = place.open()
    await store.add_watch(watch(), [])
    engine = create_engine(place.url)
    with engine.begin() as other:
        other.execute(text('UPDATE watches SET conditions = \'[{"kind": "moon_phase"}]\''))
    engine.dispose()
    with pytest.raises(Malformed, match="读不懂"):
        await store.watches()


async def test_a_database_newer_than_the_program_is_refused(place: Place) -> None:
    await place.open().close()
    engine = create_engine(place.url)
    with engine.begin() as other:
        other.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigError, match=r"9999.*请升级"):
        place.open()
    with pytest.raises(ConfigError, match="请升级"):
        sql.upgrade(place.url)


DECIDE_AND_WAIT = """
import asyncio, sys
from adapters.stores import sql
from tests.contract.test_stores import approved, message, order_of, ticket

async def main() -> None:
    store = sql.connect(sys.argv[1])
    await store.add_ticket(ticket())
    yes = approved(ticket())
    assert await store.decide(yes, order_of(yes), [message()])
    print("decided", flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


async def test_a_decision_outlives_the_death_of_the_process(place: Place) -> None:
    process = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs on this loop
        [sys.executable, "-c", DECIDE_AND_WAIT, place.url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    with process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.kill()
    assert said == "decided\n"
    store = place.open()
    yes = approved(ticket())
    assert await store.ticket("TICKET01") == yes
    assert await store.orders(open_only=True) == [order_of(yes)]
    assert await store.unsent() == [message()]
    assert not await store.decide(yes, order_of(yes), [])


# What only a file can suffer


def file_url(path: Path, mode: str = "") -> str:
    return f"sqlite:///file:{path.as_posix()}?mode={mode}&uri=true" if mode else f"sqlite:///{path}"


async def test_a_read_only_file_is_read_and_refuses_to_be_written(tmp_path: Path) -> None:
    path = tmp_path / "dingpan.db"
    writable = sql.connect(file_url(path))
    await fill_with_everything(writable)
    before = await everything(writable)
    reading = sql.connect(file_url(path, "ro"))
    assert await everything(reading) == before
    for step in steps(reading):
        with pytest.raises(Unavailable, match=r"只读.*权限"):
            await step()
    await reading.close()
    assert await everything(writable) == before
    await writable.close()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user")
async def test_a_file_without_permission_refuses_to_be_written(tmp_path: Path) -> None:
    path = tmp_path / "dingpan.db"
    await sql.connect(file_url(path)).close()
    path.chmod(0o444)
    store = sql.connect(file_url(path))
    with pytest.raises(Unavailable, match="权限"):
        await store.set_value("a", "b")
    await store.close()


async def test_a_full_disk_loses_nothing_and_works_again_when_there_is_room(tmp_path: Path) -> None:
    store = sql.connect(file_url(tmp_path / "dingpan.db"))
    await fill_with_everything(store)
    assert isinstance(store, sql.SqlStore)

    def limit(pages: int) -> None:
        with store._engine.connect() as connection:  # the very connection that the store goes on with
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    before = await everything(store)
    limit(1)  # SQLite takes it as: not one page more
    large = [message(f"L{index}", error="满" * 5000) for index in range(10)]
    yes = approved(ticket("OPEN"))
    with pytest.raises(Unavailable, match=r"磁盘已满.*腾出空间"):
        await store.decide(yes, order_of(yes), large)
    with pytest.raises(Unavailable, match="磁盘已满"):
        await store.fire([alert("NEW")], [arm(told=9)], [], [], large)
    assert await everything(store) == before
    limit(1_000_000)
    assert await store.decide(yes, order_of(yes), large)
    await store.close()


async def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    path = tmp_path / "dingpan.db"
    path.write_text("这不是数据库。" * 1000, encoding="utf-8")
    with pytest.raises(Unavailable, match="损坏"):
        sql.connect(file_url(path))


async def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(Unavailable, match="文件夹"):
        sql.connect(file_url(tmp_path / "file" / "dingpan.db"))


async def test_a_folder_in_place_of_the_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="打不开"):
        sql.connect(file_url(tmp_path))


async def test_a_database_in_memory_works_too() -> None:
    store = sql.connect("sqlite://")
    await fill_with_everything(store)
    assert len(await store.orders()) == 1
    await store.close()


async def test_a_step_behind_a_locked_one_waits_for_its_turn(tmp_path: Path) -> None:
    store = sql.connect(file_url(tmp_path / "dingpan.db"), busy_timeout=timedelta(seconds=20))
    other = sqlite3.connect(tmp_path / "dingpan.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    waiting = [asyncio.ensure_future(store.set_value("a", str(index))) for index in range(3)]
    await asyncio.sleep(0)
    assert not any(each.done() for each in waiting)
    other.execute("COMMIT")
    other.close()
    await asyncio.gather(*waiting)
    assert await store.value("a") == "2"
    await store.close()


# What only a server can suffer


async def test_a_server_that_went_away_is_found_again(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url = a_database("postgresql", request, tmp_path)
    store = sql.connect(url)
    await store.set_value("a", "b")
    engine = create_engine(url)
    with engine.connect() as other:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'one_test' AND pid <> pg_backend_pid()"
        other.execute(text(others))
    engine.dispose()
    assert await store.value("a") == "b"
    await store.close()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("dingpan.db", "看不懂"),
        ("mysql://me:secret@host/name", "不支持"),
        ("postgresql+nosuch://me:secret@host/name", "驱动"),
    ],
)
def test_a_wrong_url_is_a_matter_of_configuration(url: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        sql.connect(url)
    assert "secret" not in str(caught.value)


async def test_a_server_that_is_not_there_says_so(free_port: int) -> None:
    pytest.importorskip("psycopg", reason="PostgreSQL is not tested: install psycopg[binary]")
    with pytest.raises(Unavailable, match="连接失败") as caught:
        sql.connect(f"postgresql://me:secret@127.0.0.1:{free_port}/name")
    assert "secret" not in str(caught.value)


@pytest.fixture
def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# Bars


async def test_what_was_learnt_of_names_comes_back_by_symbol_the_newest_of_each(store: Store) -> None:
    assert list(await store.securities()) == []
    await store.save_securities([])
    plain = Security(symbol=MAOTAI, name="贵州茅台", since=date(2026, 3, 23))
    listed = Security(
        symbol=WANKE, name="*ST万科", since=date(2026, 3, 23), former=(Former(name="万科A", until=date(2026, 3, 23)),)
    )
    await store.save_securities([plain, listed])
    assert list(await store.securities()) == [listed, plain]
    gone = plain.model_copy(update={"gone_on": date(2026, 3, 24)})
    await store.save_securities([gone])
    assert list(await store.securities()) == [listed, gone]


async def test_bars_come_back_as_they_went_in_oldest_first(store: Store) -> None:
    bars = [bar(2), bar(0, amount=None), bar(1), bar(1, WANKE, close="0.001")]
    await store.save_bars("1m", bars, "腾讯行情")
    assert await store.bars([WANKE, MAOTAI], "1m") == {MAOTAI: [bars[1], bars[2], bars[0]], WANKE: [bars[3]]}
    assert await store.bars([MAOTAI], "5m") == {}
    assert await store.bars([], "1m") == {}


async def test_amounts_of_bars_are_kept_to_the_yuan(store: Store) -> None:
    await store.save_bars("day", [bar(amount="90352647.61")])
    assert await store.bars([MAOTAI], "day") == {MAOTAI: [bar(amount="90352648")]}


async def test_a_bar_of_the_same_time_takes_the_place_of_the_old_one(store: Store) -> None:
    await store.save_bars("1m", [bar(0), bar(1)])
    await store.save_bars("1m", [bar(1, close="1411")])
    await store.save_bars("1m", [])
    assert await store.bars([MAOTAI], "1m") == {MAOTAI: [bar(0), bar(1, close="1411")]}


async def test_bars_may_take_the_place_of_all_that_was_stored_of_their_symbols(store: Store) -> None:
    await store.save_bars("1m", [bar(0), bar(1), bar(0, WANKE)])
    await store.save_bars("5m", [bar(0)])
    await store.save_bars("1m", [bar(2)], replace=True)
    assert await store.bars([MAOTAI, WANKE], "1m") == {MAOTAI: [bar(2)], WANKE: [bar(0, WANKE)]}
    assert await store.bars([MAOTAI], "5m") == {MAOTAI: [bar(0)]}


async def test_the_newest_bars_of_each_symbol_may_be_asked_for(store: Store) -> None:
    await store.save_bars("1m", [bar(n) for n in range(5)] + [bar(n, WANKE) for n in range(2)])
    found = await store.bars([MAOTAI, WANKE], "1m", limit=3)
    assert found == {MAOTAI: [bar(2), bar(3), bar(4)], WANKE: [bar(0, WANKE), bar(1, WANKE)]}
    assert await store.bars([MAOTAI, WANKE], "1m", since=bar(3).time) == {MAOTAI: [bar(3), bar(4)]}
    assert await store.bars([MAOTAI, WANKE], "1m", since=bar(1).time, limit=1) == {
        MAOTAI: [bar(4)],
        WANKE: [bar(1, WANKE)],
    }


async def test_a_store_says_how_far_its_bars_reach(store: Store) -> None:
    assert await store.bars_until("1m") == {}
    await store.save_bars("1m", [bar(0), bar(3), bar(1, WANKE)])
    await store.save_bars("day", [bar(9)])
    assert await store.bars_until("1m") == {MAOTAI: bar(3).time, WANKE: bar(1).time}


async def test_an_ex_date_changes_the_prices_of_every_period_before_it(store: Store) -> None:
    await store.save_bars("day", [bar(0), bar(1), bar(0, WANKE)])
    await store.save_bars("5m", [bar(0)])
    await store.rescale_bars([Rescale(MAOTAI, bar(1).time, 1_402_350, 1_430_000)])
    await store.rescale_bars([])
    [changed, kept] = (await store.bars([MAOTAI], "day"))[MAOTAI]
    assert (changed.open, changed.high, changed.low, changed.close) == (
        Decimal("1392.543"),
        Decimal("1397.937"),
        Decimal("1382.742"),
        Decimal("1391.651"),
    )
    assert (changed.volume, changed.amount, kept) == (63_600, Decimal(90_352_647), bar(1))
    assert (await store.bars([MAOTAI], "5m"))[MAOTAI] == [changed]
    assert (await store.bars([WANKE], "day"))[WANKE] == [bar(0, WANKE)]


async def test_old_bars_are_forgotten(store: Store) -> None:
    await store.save_bars("1m", [bar(n) for n in range(4)])
    await store.save_bars("day", [bar(0)])
    assert await store.forget_bars("1m", bar(2).time) == 2
    assert await store.forget_bars("1m", bar(2).time) == 0
    assert await store.bars([MAOTAI], "1m") == {MAOTAI: [bar(2), bar(3)]}
    assert await store.bars([MAOTAI], "day") == {MAOTAI: [bar(0)]}


async def test_many_thousands_of_bars_are_one_step(store: Store) -> None:
    symbols = [Symbol(f"{number:06d}.SZ") for number in range(1, 5401)]
    await store.save_bars("1m", [bar(n, symbol) for n in range(2) for symbol in symbols])
    found = await store.bars(symbols, "1m", limit=1)
    assert len(found) == 5400
    assert found[symbols[7]] == [bar(1, symbols[7])]


# Shared by the tests above


def steps(store: Store) -> list[Callable[[], Awaitable[object]]]:
    """One of each kind of step that writes; they work after :func:`fill_with_everything`."""
    yes = approved(ticket("OPEN"))
    return [
        lambda: store.add_watch(watch("STEP"), [arm("STEP")]),
        lambda: store.fire([alert("STEP")], [], [], [], [message("STEP-1")]),
        lambda: store.decide(yes, order_of(yes), [message("STEP-2")]),
        lambda: store.enqueue([message("STEP-3")]),
        lambda: store.delivered(sent(message("QUEUED"), "77")),
        lambda: store.acknowledge(["ALERT001"], "me", NOW),
        lambda: store.escalate([alert(escalated=1)], [message("STEP-4")]),
        lambda: store.set_value("step", "1"),
        lambda: store.save_bars("day", [bar(9)]),
        lambda: store.rescale_bars([Rescale(MAOTAI, bar(9).time, 2, 1)]),
        lambda: store.forget_bars("day", bar(1).time),
        lambda: store.save_entries([Entry("STEP", NOW, Kind.ARMED)]),
    ]


async def fill_with_everything(store: Store) -> None:
    await store.add_watch(watch(), [arm(), arm(symbol=WANKE, armed=False)])
    await store.fire(
        [alert()], [arm(told_at=NOW, told=1)], [], [ticket()], [message(card="c", alert_ids=("ALERT001",))]
    )
    yes = approved(ticket())
    await store.decide(yes, order_of(yes), [message("QUEUED")])
    partial = order_of(yes, state=OrderState.PARTIAL, filled=50, filled_amount=Decimal("70994.0"), fill_ids=("F1",))
    await store.save_order(partial, fill(shares=50), [])
    await store.add_ticket(ticket("OPEN"))
    await store.delivered(sent(message(card="c", alert_ids=("ALERT001",)), "42"))
    await store.add_silence(Silence(id="S", owner="me", starts_at=NOW, ends_at=NOW + timedelta(hours=1)))
    await store.set_value("panic", "1")
    await store.save_bars("day", [bar(0), bar(1)])
    await store.save_worths([worth()])
    await store.save_entries([Entry("WATCH001", NOW, Kind.MADE)])


def worth(day: int = 23, **changes: Any) -> Worth:
    given = {
        "account": "paper",
        "day": date(2026, 3, day),
        "mode": Mode.PAPER,
        "total": Decimal("1000123.40"),
        "paid_in": Decimal(1_000_000),
        "realized": Decimal("-12.30"),
        "as_of": NOW,
    }
    return Worth.model_validate(given | changes)


async def everything(store: Store) -> list[object]:
    """All that can be read."""
    return [
        await store.watches(),
        await store.arms(),
        await store.alerts("me", limit=1000),
        await store.silences(NOW),
        await store.tickets(list(TicketState)),
        await store.orders(),
        await store.fills(),
        await store.worths("paper"),
        await store.unsent(),
        await store.deliveries(["ALERT001", "OLD", "NEW"]),
        await store.card_ref(CHAT, "c"),
        await store.value("panic"),
        await store.value("step"),
        await store.bars([MAOTAI], "day"),
        await store.entries(None),
    ]


@pytest.mark.parametrize("name", ["数据", "a%20b", "50%", "#1", "what?"])
async def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    if sys.platform == "win32" and "?" in name:
        pytest.skip("Windows allows no ? in a name")
    path = tmp_path / name / "dingpan.db"
    await sql.connect(path).close()
    assert sql.upgrade(path)
    assert path.is_file()
