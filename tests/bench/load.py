"""A thousand tickets approved by a hundred people within a minute: how long from the tap to the order at the broker?

The house is the real one, over SQLite and over a PostgreSQL that the bench starts. Every person is a member with one
account of their own, in which an exchange that counts takes every order. The taps come at random instants of the minute,
whatever the house is doing (``minute``), and then as many again all at once (``burst``). What is measured ends when the
broker is called with the order. The floor is the bare transaction that the tap must wait for: the decided ticket, its
order and its card in the same database, one after another on an idle machine.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np

from adapters.models import scripted
from adapters.stores import sql
from bot.assembly import App, assemble
from bot.language.names import Names
from core.messages import Chat, Incoming, Role
from core.orders import Order
from core.people import Invitation, Member
from core.ports import Store
from core.render_ticket import ticket_card
from core.tickets import Ticket, TicketState
from core.types import Mode, Side, Symbol
from tests.fakes import postgres
from tests.fakes.brokers import FakeBroker
from tests.fakes.market import HandMarket, ShiftedClock, market_instant
from tests.fakes.parts import Phone

TICKETS: Final = 1_000
PEOPLE: Final = 100
WINDOW: Final = 60.0
"""Seconds over which the taps are spread."""
FLOOR_ROUNDS: Final = 100
SEED: Final = 7
PRICE: Final = Decimal("10.00")
_FIRST: Final = 600_000


class CountingBroker(FakeBroker):
    """An account that takes everything, trades it at once, and remembers when it was asked."""

    def __init__(self, clock: ShiftedClock, account: str, at: dict[str, float]) -> None:
        super().__init__(clock, account=account, name=account, mode=Mode.LIVE, cash="10000000")
        self._at = at

    async def submit(self, order: Order) -> None:
        self._at.setdefault(order.ticket_id, time.perf_counter())
        await super().submit(order)
        self.accepts(order)
        self.fills(order, order.shares, str(order.limit))


def _tickets(clock: ShiftedClock, people: int, first: int, count: int) -> list[Ticket]:
    """So many, dealt out among the people, each of another share of its account."""
    now = clock.now()
    return [
        Ticket(
            id=clock.new_id(),
            owner=f"phone:{place % people}",
            chat=Chat("phone", str(place % people)),
            account=f"a{place % people}",
            mode=Mode.LIVE,
            symbol=Symbol(f"{_FIRST + place // people:06d}.SH"),
            name="测试",
            side=Side.BUY,
            shares=100,
            limit=PRICE,
            price=PRICE,
            quoted_at=now,
            source="bench",
            created_at=now,
            expires_at=now + timedelta(hours=1),
        )
        for place in range(first, first + count)
    ]


async def _join(store: Store, clock: ShiftedClock, people: int) -> None:
    for number in range(people):
        now, account = clock.now(), (f"a{number}",)
        invitation = Invitation(
            digest=f"{number}",
            role=Role.TRADER,
            trades=account,
            invited_by="bench",
            created_at=now,
            expires_at=now + timedelta(hours=1),
        )
        await store.add_invitation(invitation)
        member = Member(
            channel="phone",
            user_id=str(number),
            name=f"人{number}",
            role=Role.TRADER,
            trades=account,
            invited_by="bench",
            since=now,
        )
        await store.accept(invitation.digest, member, now)


async def _floor(app: App, tickets: Sequence[Ticket]) -> float:
    """Milliseconds of the bare transaction."""
    house, took = app.house, []
    for ticket in tickets:
        await house.store.add_ticket(ticket)
        now = house.now()
        decided = ticket.model_copy(update={"state": TicketState.APPROVED, "decided_by": "bench", "decided_at": now})
        row = house.notifier.compose(ticket.chat, ticket_card(decided, ticket.account))
        began = time.perf_counter()
        assert await house.store.decide(decided, ticket.order(now), [row])
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


async def _tapped(
    app: App, tickets: Sequence[Ticket], at: Sequence[float], reached: Mapping[str, float]
) -> list[float]:
    """Milliseconds from each tap to its order at the broker; those that never came there are left out.

    Args:
        at: seconds from now, one for each ticket.
    """
    began = time.perf_counter()
    tapped: dict[str, float] = {}

    async def tap(ticket: Ticket, after: float) -> None:
        await asyncio.sleep(max(began + after - time.perf_counter(), 0))
        tapped[ticket.id] = time.perf_counter()
        press = f"approve {ticket.id} {ticket.stamp}"
        user = ticket.chat.id
        await app.inbox.receive(
            Incoming(chat=ticket.chat, user=user, name=f"人{user}", press=press, at=app.house.now())
        )

    async with asyncio.TaskGroup() as group:
        for ticket, after in zip(tickets, at, strict=True):
            group.create_task(tap(ticket, after))
    return [(reached[one] - when) * 1000 for one, when in tapped.items() if one in reached]


def _summary(took: Sequence[float], placed: Counter[str], tickets: Sequence[Ticket], floor: float) -> dict[str, Any]:
    p50 = statistics.median(took)
    return {
        "p50_ms": round(p50, 2),
        "p99_ms": round(float(np.percentile(took, 99)), 2),
        "ratio": round(p50 / floor, 2),
        "lost": sum(placed[one.order_id] == 0 for one in tickets),
        "doubled": sum(placed[one.order_id] > 1 for one in tickets),
    }


async def loaded(url: str | Path, tickets: int, people: int, window: float) -> dict[str, Any]:
    """One database."""
    async with AsyncExitStack() as stack:
        clock = ShiftedClock(market_instant("2026-11-18 10:00"))
        store = sql.connect(url)
        stack.push_async_callback(store.close)
        reached: dict[str, float] = {}
        brokers = [CountingBroker(clock, f"a{number}", reached) for number in range(people)]
        market = HandMarket(clock)
        for number in range(2 * tickets // people + 2):
            market.set(f"{_FIRST + number:06d}.SH", str(PRICE), ask=PRICE, bid=PRICE, ask_volume=10**6)
        await _join(store, clock, people)
        app = assemble(
            store=store,
            clock=clock,
            source=market,
            brokers=brokers,
            names=Names.seed(),
            adviser=scripted.connect(),
            about="",
        )
        await app.load()
        phone = Phone()

        async def live() -> None:
            async with asyncio.TaskGroup() as group:
                app.start(group, {phone.name: phone})

        floor = await _floor(app, _tickets(clock, people, 2 * tickets + people, min(FLOOR_ROUNDS, tickets)))
        living = asyncio.create_task(live())
        stack.push_async_callback(asyncio.wait, [living])
        stack.callback(living.cancel)
        dice = random.Random(SEED)
        result: dict[str, Any] = {"floor_ms": round(floor, 2)}
        for number, (case, spread) in enumerate((("minute", window), ("burst", 0.0))):
            dealt = _tickets(clock, people, number * tickets, tickets)
            for ticket in dealt:
                await store.add_ticket(ticket)
            began = time.perf_counter()
            took = await _tapped(app, dealt, [dice.uniform(0, spread) for _ in dealt], reached)
            seconds = time.perf_counter() - began
            for broker in brokers:
                await broker.told()
            await app.house.notifier.drained()
            placed = sum((broker.placed for broker in brokers), Counter[str]())
            filled = {one.id for one in await store.orders(limit=10 * tickets) if one.filled == one.shares}
            result[case] = _summary(took, placed, dealt, floor) | {
                "seconds": round(seconds, 1),
                "unfilled": sum(one.order_id not in filled for one in dealt),
            }
        return result


async def measure(
    tickets: int = TICKETS, people: int = PEOPLE, window: float = WINDOW, server: str | None = None
) -> dict[str, Any]:
    """Over SQLite, and over PostgreSQL where there is one.

    Args:
        server: the URL of an empty database there.
    """
    with tempfile.TemporaryDirectory(prefix="dingpan-bench-") as folder:
        found = {"sqlite": await loaded(Path(folder) / "bench.db", tickets, people, window)}
    if server is not None:
        found["postgresql"] = await loaded(server, tickets, people, window)
    return {"bench": "load", "tickets": tickets, "people": people, "window_s": window, **found}


def run() -> dict[str, Any]:
    if (why := postgres.missing()) is not None:
        return asyncio.run(measure()) | {"skipped": why}
    with postgres.running() as main:
        return asyncio.run(measure(server=postgres.emptied(main)))


def text(result: Mapping[str, Any]) -> str:
    """The result for people."""
    what = f"{result['tickets']} tickets approved by {result['people']} people in {result['window_s']:.0f} s"
    lines = [f"load: {what}, from the tap to the order at the broker"]
    for kind in ("sqlite", "postgresql"):
        if kind not in result:
            continue
        found = result[kind]
        lines.append(f"  {kind}: floor (the bare transaction) {found['floor_ms']:.2f} ms")
        for case in ("minute", "burst"):
            one = found[case]
            lines.append(
                f"    {case}: p50 {one['p50_ms']:.1f} ms ({one['ratio']:.1f} times the floor), p99 {one['p99_ms']:.1f} ms,"
                f" {one['lost']} lost, {one['doubled']} doubled, {one['unfilled']} without their fill,"
                f" all done in {one['seconds']:.1f} s"
            )
    if "skipped" in result:
        lines.append(f"  {result['skipped']}")
    return "\n".join(lines)
