"""Nothing outlives the process: replay, demo and tests.

Same promises as a database otherwise. Nouns are frozen, so they are kept as they are; a step checks before it changes
anything and never waits in between, so it happens whole or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace as changed
from datetime import date, datetime
from typing import TypeVar

from adapters.stores.memory_archive import MemoryArchive, conflict, new
from core.alerts import Alert, Reason, Silence
from core.bars import Bar, Period, Rescale, scaled
from core.chronicle import Entry, Kind
from core.journal import (
    Event,
    Record,
    beginning,
    of_invitation,
    of_member,
    of_order,
    of_refusal,
    of_ticket,
    of_value,
    seal,
)
from core.messages import PASSING_CARDS, Chat, Delivery, Outgoing
from core.orders import Fill, Order
from core.people import Invitation, Member, Refusal
from core.portfolio import Worth
from core.ports import Store
from core.securities import Security
from core.tickets import Ticket, TicketState
from core.types import Money, Symbol
from core.watches import Arm, Memory, RuleKey, Watch, WatchState

T = TypeVar("T")


class MemoryStore(MemoryArchive):
    """The store port over dicts, which keep the order in which things came. Made by :func:`connect`."""

    def __init__(self) -> None:
        super().__init__()
        self._watches: dict[str, Watch] = {}
        self._arms: dict[RuleKey, Arm] = {}
        self._alerts: dict[str, Alert] = {}
        self._silences: dict[str, Silence] = {}
        self._events = [seal(beginning(), None)]
        self._tickets: dict[str, Ticket] = {}
        self._orders: dict[str, Order] = {}
        self._fills: dict[tuple[str, str], Fill] = {}
        self._worths: dict[tuple[str, date], Worth] = {}
        self._outbox: dict[str, Outgoing] = {}
        self._bars: dict[tuple[Symbol, Period], dict[datetime, Bar]] = {}
        self._entries: dict[tuple[str, datetime, Kind, str, int], Entry] = {}
        self._securities: dict[Symbol, Security] = {}
        self._members: dict[str, Member] = {}
        self._invitations: dict[str, Invitation] = {}
        self._values: dict[str, str] = {}

    async def close(self) -> None:
        self._closed = True

    # watches
    async def add_watch(self, watch: Watch, arms: Sequence[Arm], entries: Sequence[Entry] = ()) -> Watch:
        self._open()
        new([watch.id], self._watches)
        used = {other.number for other in self._watches.values() if other.owner == watch.owner}
        kept = watch.number > 0 and watch.number not in used
        numbered = watch if kept else watch.model_copy(update={"number": max(used, default=0) + 1})
        self._watches[numbered.id] = numbered
        self._keep_arms(arms)
        self._note(entries)
        return numbered

    async def save_watch(self, watch: Watch, arms: Sequence[Arm] = (), entries: Sequence[Entry] = ()) -> None:
        self._open()
        self._check_numbers([watch])
        self._watches[watch.id] = watch
        if arms:
            self._arms = {key: arm for key, arm in self._arms.items() if key.watch_id != watch.id}
            self._keep_arms(arms)
        self._note(entries)

    async def watches(self) -> Sequence[Watch]:
        self._open()
        kept = (watch for watch in self._watches.values() if watch.state is not WatchState.DELETED)
        return sorted(kept, key=lambda watch: (watch.owner, watch.number))

    async def arms(self) -> Sequence[Arm]:
        self._open()
        return [self._arms[key] for key in sorted(self._arms)]

    async def memories(self) -> Mapping[str, Memory]:
        found: dict[str, list[Arm]] = {}
        for one in await self.arms():
            found.setdefault(one.key.watch_id, []).append(one)
        return {watch_id: Memory(arms=arms) for watch_id, arms in found.items()}

    async def save_arms(self, arms: Sequence[Arm]) -> None:
        self._open()
        self._keep_arms(arms)

    # alerts
    async def fire(
        self,
        alerts: Sequence[Alert],
        arms: Sequence[Arm],
        watches: Sequence[Watch],
        tickets: Sequence[Ticket],
        outgoing: Sequence[Outgoing],
        entries: Sequence[Entry] = (),
    ) -> None:
        self._open()
        new([alert.id for alert in alerts], self._alerts)
        new([ticket.id for ticket in tickets], self._tickets)
        new([message.id for message in outgoing], self._outbox)
        self._check_numbers(watches)
        self._alerts.update({alert.id: alert for alert in alerts})
        self._keep_arms(arms)
        stored = self._watches
        gone = [one.id for one in watches if one.id in stored and stored[one.id].state is WatchState.DELETED]
        self._watches.update({watch.id: watch for watch in watches if watch.id not in gone})
        self._tickets.update({ticket.id: ticket for ticket in tickets})
        self._write(*map(of_ticket, tickets))
        self._queue(outgoing)
        self._note(entries)

    async def alerts(
        self,
        owner: str,
        symbol: Symbol | None = None,
        limit: int = 20,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[Alert]:
        self._open()
        wanted = (
            alert
            for alert in self._alerts.values()
            if alert.owner == owner
            and symbol in {None, alert.symbol}
            and (since is None or alert.at >= since)
            and (until is None or alert.at < until)
        )
        return _newest_first([(alert.at, alert) for alert in wanted], limit)

    async def alerts_since(self, since: datetime) -> Sequence[Alert]:
        self._open()
        return sorted((one for one in self._alerts.values() if one.at >= since), key=lambda one: one.at)

    async def untold(self, reasons: Collection[Reason], since: datetime) -> Sequence[Alert]:
        told = {alert_id for row in self._outbox.values() for alert_id in row.alert_ids}
        return [one for one in await self.alerts_since(since) if one.reason in reasons and one.id not in told]

    async def unacknowledged(self) -> Sequence[Alert]:
        self._open()
        waiting = (one for one in self._alerts.values() if one.escalate_at is not None and one.acked_at is None)
        return sorted(waiting, key=lambda one: one.at)

    async def acknowledge(self, alert_ids: Collection[str], by: str, at: datetime) -> int:
        self._open()
        known = [self._alerts[each] for each in dict.fromkeys(alert_ids) if each in self._alerts]
        fresh = [one for one in known if one.acked_at is None]
        self._alerts.update({one.id: one.model_copy(update={"acked_at": at, "acked_by": by}) for one in fresh})
        return len(fresh)

    async def escalate(self, alerts: Sequence[Alert], outgoing: Sequence[Outgoing]) -> None:
        self._open()
        new([message.id for message in outgoing], self._outbox)
        for one in alerts:
            if one.id in self._alerts:
                update = {"escalate_at": one.escalate_at, "escalated": one.escalated}
                self._alerts[one.id] = self._alerts[one.id].model_copy(update=update)
        self._queue(outgoing)

    async def add_silence(self, silence: Silence) -> None:
        self._open()
        new([silence.id], self._silences)
        self._silences[silence.id] = silence

    async def end_silences(self, owner: str, now: datetime, ids: Collection[str] | None = None) -> int:
        self._open()
        active = [
            silence
            for silence in self._silences.values()
            if silence.owner == owner
            and silence.starts_at <= now < silence.ends_at
            and (ids is None or silence.id in ids)
        ]
        self._silences.update({silence.id: silence.model_copy(update={"ends_at": now}) for silence in active})
        return len(active)

    async def silences(self, now: datetime) -> Sequence[Silence]:
        self._open()
        kept = (silence for silence in self._silences.values() if silence.ends_at > now)
        return sorted(kept, key=lambda silence: (silence.starts_at, silence.id))

    # tickets and orders
    async def add_ticket(self, ticket: Ticket, outgoing: Sequence[Outgoing] = ()) -> None:
        self._open()
        new([ticket.id], self._tickets)
        new([message.id for message in outgoing], self._outbox)
        self._tickets[ticket.id] = ticket
        self._write(of_ticket(ticket))
        self._queue(outgoing)

    async def ticket(self, ticket_id: str) -> Ticket | None:
        self._open()
        return self._tickets.get(ticket_id)

    async def tickets(self, states: Collection[TicketState], limit: int = 50) -> Sequence[Ticket]:
        self._open()
        wanted = [(ticket.created_at, ticket) for ticket in self._tickets.values() if ticket.state in states]
        return _newest_first(wanted, limit)

    async def decide(self, ticket: Ticket, order: Order | None, outgoing: Sequence[Outgoing]) -> bool:
        self._open()
        stored = self._tickets.get(ticket.id)
        if stored is None or stored.state is not TicketState.OPEN or stored.edition != ticket.edition:
            return False
        if order is not None and (order.id in self._orders or self._ordered(order)):
            return False
        new([message.id for message in outgoing], self._outbox)
        decided = {name: getattr(ticket, name) for name in ("state", "decided_by", "decided_at", "note")}
        self._tickets[ticket.id] = stored.model_copy(update=decided)
        self._write(of_ticket(self._tickets[ticket.id]))
        if order is not None:
            self._orders[order.id] = order
            self._write(of_order(order))
        self._queue(outgoing)
        return True

    async def amend(self, ticket: Ticket, outgoing: Sequence[Outgoing]) -> bool:
        self._open()
        stored = self._tickets.get(ticket.id)
        if stored is None or (stored.state, stored.edition) != (ticket.state, ticket.edition - 1):
            return False
        new([message.id for message in outgoing], self._outbox)
        self._tickets[ticket.id] = ticket
        self._write(of_ticket(ticket))
        self._queue(outgoing)
        return True

    async def order(self, order_id: str) -> Order | None:
        self._open()
        return self._orders.get(order_id)

    async def orders(self, *, open_only: bool = False, limit: int = 50) -> Sequence[Order]:
        self._open()
        wanted = (order for order in self._orders.values() if not (open_only and order.state.final))
        return _newest_first([(order.created_at, order) for order in wanted], limit)

    async def save_order(self, order: Order, fill: Fill | None, outgoing: Sequence[Outgoing]) -> None:
        self._open()
        if self._ordered(order):
            raise conflict()
        known = self._fills.get((fill.account, fill.id)) if fill is not None else None
        if fill is not None and known is not None and known.order_id != fill.order_id:
            raise conflict()
        new([message.id for message in outgoing], self._outbox)
        self._orders[order.id] = order
        self._write(of_order(order, fill))
        if fill is not None and known is None:
            self._fills[fill.account, fill.id] = fill
        self._queue(outgoing)

    async def fills(self, account: str | None = None, limit: int = 50) -> Sequence[Fill]:
        self._open()
        wanted = (fill for fill in self._fills.values() if account in {None, fill.account})
        return _newest_first([(fill.at, fill) for fill in wanted], limit)

    # the curve of an account
    async def save_worths(self, worths: Sequence[Worth]) -> None:
        self._open()
        self._worths.update({(worth.account, worth.day): worth for worth in worths})

    async def worths(self, account: str, since: date | None = None, until: date | None = None) -> Sequence[Worth]:
        self._open()
        wanted = (
            worth
            for worth in self._worths.values()
            if worth.account == account
            and (since is None or worth.day >= since)
            and (until is None or worth.day <= until)
        )
        return sorted(wanted, key=lambda worth: worth.day)

    # messages
    async def enqueue(self, outgoing: Sequence[Outgoing]) -> None:
        self._open()
        new([message.id for message in outgoing], self._outbox)
        self._queue(outgoing)

    async def unsent(self) -> Sequence[Outgoing]:
        self._open()
        return _oldest_first([row for row in self._outbox.values() if row.state is Delivery.QUEUED])

    async def delivered(self, outgoing: Outgoing) -> None:
        self._open()
        self._outbox[outgoing.id] = outgoing
        if outgoing.state is not Delivery.SENT or outgoing.message.card is None:
            return
        for row in list(self._outbox.values()):
            if row.id == outgoing.id:
                break
            if (row.chat, row.message.card, row.state) == (outgoing.chat, outgoing.message.card, Delivery.QUEUED):
                self._outbox[row.id] = row.model_copy(update={"state": Delivery.SENT, "ref": outgoing.ref})

    async def card_ref(self, chat: Chat, card: str) -> str | None:
        self._open()
        sent = [
            row
            for row in self._outbox.values()
            if row.message.card == card and row.chat == chat and row.state is Delivery.SENT
        ]
        return _oldest_first(sent)[-1].ref if sent else None

    async def deliveries(self, alert_ids: Collection[str]) -> Sequence[Outgoing]:
        self._open()
        wanted = set(alert_ids)
        return _oldest_first([row for row in self._outbox.values() if not wanted.isdisjoint(row.alert_ids)])

    async def forget(self, before: datetime, states: Collection[Delivery]) -> int:
        self._open()
        # A card's newest try may have failed while an earlier version of it still stands in the chat.
        newest = [*self._newest_of_cards().values(), *self._newest_of_cards(Delivery.SENT).values()]
        kept_ids = {row.id for row in newest if not (row.message.card or "").startswith(PASSING_CARDS)}
        old = [
            row.id
            for row in self._outbox.values()
            if row.created_at < before and row.state in states and row.id not in kept_ids
        ]
        for row_id in old:
            del self._outbox[row_id]
        return len(old)

    # bars
    async def save_bars(self, period: Period, bars: Sequence[Bar], _source: str = "", *, replace: bool = False) -> None:
        self._open()
        if replace:
            for symbol in {bar.symbol for bar in bars}:
                self._bars.pop((symbol, period), None)
        for bar in bars:
            amount = None if bar.amount is None else Money(round(bar.amount))
            self._bars.setdefault((bar.symbol, period), {})[bar.time] = changed(bar, amount=amount)

    async def bars(
        self, symbols: Collection[Symbol], period: Period, since: datetime | None = None, limit: int | None = None
    ) -> Mapping[Symbol, Sequence[Bar]]:
        self._open()
        found = {}
        for symbol in sorted(symbols):
            kept = self._bars.get((symbol, period), {})
            bars = [kept[time] for time in sorted(kept) if since is None or time >= since]
            if bars:
                found[symbol] = bars[-limit:] if limit is not None else bars
        return found

    async def bars_until(self, period: Period) -> Mapping[Symbol, datetime]:
        self._open()
        return {symbol: max(bars) for (symbol, kept), bars in self._bars.items() if kept == period and bars}

    async def rescale_bars(self, changes: Sequence[Rescale]) -> None:
        self._open()
        for symbol, before, numerator, denominator in changes:
            for (owner, _), bars in self._bars.items():
                if owner == symbol:
                    bars.update(
                        {time: scaled(bar, numerator, denominator) for time, bar in bars.items() if time < before}
                    )

    async def forget_bars(self, period: Period, before: datetime) -> int:
        self._open()
        old = [
            (bars, time) for (_, kept), bars in self._bars.items() if kept == period for time in bars if time < before
        ]
        for bars, time in old:
            del bars[time]
        return len(old)

    # what /why remembers
    async def save_entries(self, entries: Sequence[Entry]) -> None:
        self._open()
        self._note(entries)

    async def entries(
        self,
        subjects: Collection[str] | None,
        *,
        kinds: Collection[Kind] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Sequence[Entry]:
        self._open()
        wanted = (
            entry
            for entry in self._entries.values()
            if (subjects is None or entry.subject in subjects)
            and (kinds is None or entry.kind in kinds)
            and (since is None or max(entry.at, entry.until) >= since)
            and (until is None or entry.at < until)
        )
        return sorted(wanted, key=lambda entry: (entry.at, *entry.key), reverse=True)[:limit]

    async def forget_entries(self, before: datetime) -> int:
        self._open()
        old = [entry.key for entry in self._entries.values() if entry.at < before]
        for key in old:
            del self._entries[key]
        return len(old)

    # small things
    async def securities(self) -> Sequence[Security]:
        self._open()
        return [self._securities[symbol] for symbol in sorted(self._securities)]

    async def save_securities(self, securities: Sequence[Security]) -> None:
        self._open()
        self._securities |= {one.symbol: one for one in securities}

    # people
    async def members(self) -> Sequence[Member]:
        self._open()
        return [self._members[key] for key in sorted(self._members)]

    async def member(self, channel: str, user_id: str) -> Member | None:
        self._open()
        return next((one for one in self._members.values() if (one.channel, one.user_id) == (channel, user_id)), None)

    async def save_member(self, member: Member, at: datetime, outgoing: Sequence[Outgoing] = ()) -> bool:
        self._open()
        stored = self._members.get(member.key)
        if stored is None or stored.ended_at is not None:
            return False
        new([message.id for message in outgoing], self._outbox)
        self._members[member.key] = member
        self._write(of_member(member, "changed" if member.ended_at is None else "removed", at))
        self._queue(outgoing)
        return True

    async def add_invitation(self, invitation: Invitation) -> None:
        self._open()
        new([invitation.digest], self._invitations)
        self._invitations[invitation.digest] = invitation
        self._write(of_invitation(invitation))

    async def invitations(self, since: datetime) -> Sequence[Invitation]:
        self._open()
        wanted = [one for one in self._invitations.values() if one.created_at >= since]
        return sorted(wanted, key=lambda one: (one.created_at, one.digest))

    async def accept(self, digest: str, member: Member, at: datetime, outgoing: Sequence[Outgoing] = ()) -> bool:
        self._open()
        stored = self._invitations.get(digest)
        if stored is None or not stored.open_at(at):
            return False
        new([message.id for message in outgoing], self._outbox)
        self._invitations[digest] = stored.model_copy(update={"used_by": member.key, "used_at": at})
        self._members[member.key] = member
        self._write(of_member(member, "joined", at))
        self._queue(outgoing)
        return True

    async def refuse(self, refusal: Refusal, outgoing: Sequence[Outgoing] = ()) -> bool:
        self._open()
        first = all(event.subject != refusal.subject for event in self._events)
        new([message.id for message in outgoing], self._outbox)
        self._write(of_refusal(refusal))
        self._queue(outgoing if first else ())
        return first

    # small things
    async def value(self, key: str) -> str | None:
        self._open()
        return self._values.get(key)

    async def journal(self, subject: str | None = None) -> Sequence[Event]:
        self._open()
        return [event for event in self._events if subject in {None, event.subject}]

    async def set_value(self, key: str, value: str | None) -> None:
        self._open()
        self._write(*of_value(key, value))
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value

    # how it is done
    def _write(self, *records: Record) -> None:
        for record in records:
            self._events.append(seal(record, self._events[-1] if self._events else None))

    def _check_numbers(self, watches: Sequence[Watch]) -> None:
        for watch in watches:
            if any(
                other.owner == watch.owner and other.number == watch.number and other.id != watch.id
                for other in self._watches.values()
            ):
                raise conflict()

    def _ordered(self, order: Order) -> bool:
        """True when its ticket has another order."""
        return any(other.ticket_id == order.ticket_id and other.id != order.id for other in self._orders.values())

    def _keep_arms(self, arms: Sequence[Arm]) -> None:
        self._arms.update({arm.key: arm for arm in arms})

    def _note(self, entries: Sequence[Entry]) -> None:
        self._entries.update({entry.key: entry for entry in entries})

    def _queue(self, outgoing: Sequence[Outgoing]) -> None:
        self._outbox.update({row.id: row for row in outgoing})

    def _newest_of_cards(self, state: Delivery | None = None) -> dict[tuple[Chat, str], Outgoing]:
        rows = [row for row in self._outbox.values() if state in {None, row.state}]
        return {(row.chat, row.message.card): row for row in _oldest_first(rows) if row.message.card is not None}


def _oldest_first(rows: list[Outgoing]) -> list[Outgoing]:
    # A stable sort: what came first stays first at the same instant.
    return sorted(rows, key=lambda row: row.created_at)


def _newest_first(stamped: list[tuple[datetime, T]], limit: int) -> list[T]:
    # Turned round after a stable sort: what came last stands first at the same instant.
    oldest = sorted(stamped, key=lambda pair: pair[0])
    return [each for _, each in oldest[::-1][:limit]]


def connect() -> Store:
    return MemoryStore()
