"""SQLite or PostgreSQL, by the URL.

All work is done on one thread of the store's own, one transaction per method, so that a locked database keeps nobody
waiting but those who asked it. Statements are SQLAlchemy Core over the tables of rows.py: an ORM session would cost
more than the transaction on the way of an alert.

SQLite runs in WAL mode. Steps about money and settings wait for the disk (``synchronous = FULL``): an approved order
is there after a power cut. Alerts and the outbox do not (``NORMAL``): they survive the death of the process, and a
power cut loses at most the last moment, which is then told again. A later step that waits brings all earlier ones to
disk with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Select,
    String,
    and_,
    cast,
    delete,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    text,
    update,
)

from adapters.stores import rows
from adapters.stores.faults import CONFLICT, SOURCE
from adapters.stores.migrations import HEAD
from adapters.stores.opening import Begin, engine_of, prepare
from adapters.stores.sql_archive import SqlArchive
from adapters.stores.tables import batches, first
from core.alerts import Alert, Reason, Silence
from core.bars import Bar, Period, Rescale
from core.chronicle import STRETCHES, Entry, Kind
from core.errors import Unavailable
from core.journal import Event, Record, of_invitation, of_member, of_order, of_refusal, of_ticket, of_value, seal
from core.messages import PASSING_CARDS, Chat, Delivery, Outgoing
from core.orders import Fill, Order, OrderState
from core.people import Invitation, Member, Refusal
from core.portfolio import Worth
from core.ports import Store
from core.securities import Security
from core.tickets import Ticket, TicketState
from core.types import Symbol
from core.watches import Arm, Memory, Watch, WatchState

BUSY_TIMEOUT: Final = timedelta(seconds=5)

_WATCHES: Final = rows.table(rows.WatchRow)
_ARMS: Final = rows.table(rows.ArmRow)
_ALERTS: Final = rows.table(rows.AlertRow)
_SILENCES: Final = rows.table(rows.SilenceRow)
_TICKETS: Final = rows.table(rows.TicketRow)
_ORDERS: Final = rows.table(rows.OrderRow)
_FILLS: Final = rows.table(rows.FillRow)
_WORTHS: Final = rows.table(rows.WorthRow)
_OUTBOX: Final = rows.table(rows.OutgoingRow)
_TELLINGS: Final = rows.table(rows.TellingRow)
_BARS: Final = rows.table(rows.BarRow)
_CHRONICLE: Final = rows.table(rows.EntryRow)
_SECURITIES: Final = rows.table(rows.SecurityRow)
_MEMBERS: Final = rows.table(rows.MemberRow)
_INVITATIONS: Final = rows.table(rows.InvitationRow)
_SETTINGS: Final = rows.table(rows.SettingRow)
_JOURNAL: Final = rows.table(rows.EventRow)
_OLDEST: Final = (_ALERTS.c.at, _ALERTS.c.seq)
_KEYS: Final = {
    _WATCHES: ("id",),
    _ARMS: ("watch_id", "symbol", "group"),
    _ORDERS: ("id",),
    _OUTBOX: ("id",),
    _BARS: ("symbol", "period", "time"),
    _CHRONICLE: ("subject", "at", "kind", "symbol", "group"),
    _SECURITIES: ("symbol",),
    _MEMBERS: ("channel", "user_id"),
    _SETTINGS: ("key",),
    _WORTHS: ("account", "day"),
}


class SqlStore(SqlArchive):
    """The store port over one database. Made by :func:`connect`."""

    def __init__(self, engine: Engine, thread: ThreadPoolExecutor) -> None:
        added = (_ALERTS, _INVITATIONS, _OUTBOX, _SILENCES, _TELLINGS, _TICKETS, _WATCHES)
        super().__init__(engine, thread, _KEYS, added)

    # watches
    async def add_watch(self, watch: Watch, arms: Sequence[Arm], entries: Sequence[Entry] = ()) -> Watch:
        def step(connection: Connection) -> Watch:
            if connection.dialect.name == "postgresql":
                # SQLite has one writer at a time anyway.
                connection.execute(text("LOCK TABLE watches IN SHARE ROW EXCLUSIVE MODE"))
            mine = _WATCHES.c.owner == watch.owner
            taken = select(_WATCHES.c.id).where(mine, _WATCHES.c.number == watch.number)
            numbered = watch
            if watch.number <= 0 or connection.scalar(taken) is not None:
                highest = connection.scalar(select(func.max(_WATCHES.c.number)).where(mine))
                numbered = watch.model_copy(update={"number": (highest or 0) + 1})
            self._add(connection, _WATCHES, [numbered])
            self._put(connection, _ARMS, arms)
            self._note(connection, entries)
            return numbered

        return await self._run(Begin.DURABLE, step)

    async def save_watch(self, watch: Watch, arms: Sequence[Arm] = (), entries: Sequence[Entry] = ()) -> None:
        def step(connection: Connection) -> None:
            self._put(connection, _WATCHES, [watch])
            if arms:
                connection.execute(delete(_ARMS).where(_ARMS.c.watch_id == watch.id))
                self._put(connection, _ARMS, arms)
            self._note(connection, entries)

        await self._run(Begin.DURABLE, step)

    async def watches(self) -> Sequence[Watch]:
        kept = await self._nouns(Watch, select(_WATCHES).where(_WATCHES.c.state != WatchState.DELETED))
        # Sorted here: databases disagree on the order of letters.
        return sorted(kept, key=lambda watch: (watch.owner, watch.number))

    async def arms(self) -> Sequence[Arm]:
        # Sorted here: databases disagree on the order of letters.
        return sorted(await self._rows(select(_ARMS), rows.arm), key=lambda arm: arm.key)

    async def memories(self) -> Mapping[str, Memory]:
        bare = and_(_ARMS.c.told == 0, *(_ARMS.c[name].is_(None) for name in ("told_at", "day", "peak")))
        joined = func.group_concat if self._engine.dialect.name == "sqlite" else func.string_agg
        armed = func.coalesce(cast(_ARMS.c.armed, Integer), 2)
        parts = ((_ARMS.c.symbol, ","), (cast(_ARMS.c.group, String), ","), (cast(armed, String), ""))
        columns = (joined(column, literal_column(f"'{between}'")) for column, between in parts)
        # Joined by the database itself: a million rows would take longer to fetch than everything else together.
        packed = select(_ARMS.c.watch_id, *columns).where(bare).group_by(_ARMS.c.watch_id)
        others = select(_ARMS).where(not_(bare))

        def step(connection: Connection) -> dict[str, Memory]:
            found = {row[0]: rows.memory(*row[1:]) for row in connection.execute(packed)}
            told: dict[str, list[Arm]] = {}
            for columns in connection.execute(others).mappings():
                told.setdefault(columns["watch_id"], []).append(rows.arm(columns))
            return found | {one: found.get(one, Memory())._replace(arms=arms) for one, arms in told.items()}

        return await self._run(Begin.READ, step)

    async def save_arms(self, arms: Sequence[Arm]) -> None:
        if arms:
            await self._run(Begin.WRITE, lambda connection: self._put(connection, _ARMS, arms))

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
        def step(connection: Connection) -> None:
            self._add(connection, _ALERTS, alerts)
            self._put(connection, _ARMS, arms)
            self._put(connection, _WATCHES, _still_there(connection, watches))
            self._add(connection, _TICKETS, tickets)
            _write(connection, *map(of_ticket, tickets))
            self._enqueue(connection, outgoing)
            self._note(connection, entries)

        if alerts or arms or watches or tickets or outgoing:
            await self._run(Begin.WRITE, step)

    async def alerts(
        self,
        owner: str,
        symbol: Symbol | None = None,
        limit: int = 20,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[Alert]:
        wanted = select(_ALERTS).where(_ALERTS.c.owner == owner)
        if symbol is not None:
            wanted = wanted.where(_ALERTS.c.symbol == symbol)
        if since is not None:
            wanted = wanted.where(_ALERTS.c.at >= since)
        if until is not None:
            wanted = wanted.where(_ALERTS.c.at < until)
        return await self._nouns(Alert, wanted.order_by(_ALERTS.c.at.desc(), _ALERTS.c.seq.desc()).limit(limit))

    async def alerts_since(self, since: datetime) -> Sequence[Alert]:
        return await self._nouns(Alert, select(_ALERTS).where(_ALERTS.c.at >= since).order_by(*_OLDEST))

    async def untold(self, reasons: Collection[Reason], since: datetime) -> Sequence[Alert]:
        told = exists().where(_TELLINGS.c.alert_id == _ALERTS.c.id)
        wanted = select(_ALERTS).where(_ALERTS.c.at >= since, _ALERTS.c.reason.in_(sorted(reasons)), ~told)
        return await self._nouns(Alert, wanted.order_by(*_OLDEST))

    async def unacknowledged(self) -> Sequence[Alert]:
        waiting = and_(_ALERTS.c.escalate_at.is_not(None), _ALERTS.c.acked_at.is_(None))
        return await self._nouns(Alert, select(_ALERTS).where(waiting).order_by(*_OLDEST))

    async def acknowledge(self, alert_ids: Collection[str], by: str, at: datetime) -> int:
        def step(connection: Connection) -> int:
            done = 0
            for ids in batches(sorted(set(alert_ids))):
                fresh = and_(_ALERTS.c.id.in_(ids), _ALERTS.c.acked_at.is_(None))
                done += connection.execute(update(_ALERTS).where(fresh).values(acked_at=at, acked_by=by)).rowcount
            return done

        return await self._run(Begin.WRITE, step)

    async def escalate(self, alerts: Sequence[Alert], outgoing: Sequence[Outgoing]) -> None:
        def step(connection: Connection) -> None:
            for one in alerts:
                again = update(_ALERTS).where(_ALERTS.c.id == one.id)
                connection.execute(again.values(escalate_at=one.escalate_at, escalated=one.escalated))
            self._enqueue(connection, outgoing)

        await self._run(Begin.WRITE, step)

    async def add_silence(self, silence: Silence) -> None:
        await self._run(Begin.DURABLE, lambda connection: self._add(connection, _SILENCES, [silence]))

    async def end_silences(self, owner: str, now: datetime, ids: Collection[str] | None = None) -> int:
        active = and_(_SILENCES.c.owner == owner, _SILENCES.c.starts_at <= now, _SILENCES.c.ends_at > now)
        if ids is not None:
            active = and_(active, _SILENCES.c.id.in_(ids))
        ended = update(_SILENCES).where(active).values(ends_at=now)
        return await self._run(Begin.DURABLE, lambda connection: connection.execute(ended).rowcount)

    async def silences(self, now: datetime) -> Sequence[Silence]:
        wanted = select(_SILENCES).where(_SILENCES.c.ends_at > now)
        return await self._nouns(Silence, wanted.order_by(_SILENCES.c.starts_at, _SILENCES.c.id))

    # tickets and orders
    async def add_ticket(self, ticket: Ticket, outgoing: Sequence[Outgoing] = ()) -> None:
        def step(connection: Connection) -> None:
            self._add(connection, _TICKETS, [ticket])
            _write(connection, of_ticket(ticket))
            self._enqueue(connection, outgoing)

        await self._run(Begin.DURABLE, step)

    async def ticket(self, ticket_id: str) -> Ticket | None:
        return first(await self._nouns(Ticket, select(_TICKETS).where(_TICKETS.c.id == ticket_id)))

    async def tickets(self, states: Collection[TicketState], limit: int = 50) -> Sequence[Ticket]:
        wanted = select(_TICKETS).where(_TICKETS.c.state.in_(sorted(states)))
        newest = wanted.order_by(_TICKETS.c.created_at.desc(), _TICKETS.c.seq.desc())
        return await self._nouns(Ticket, newest.limit(limit))

    async def decide(self, ticket: Ticket, order: Order | None, outgoing: Sequence[Outgoing]) -> bool:
        decided = (
            update(_TICKETS)
            .where(_same_edition(ticket, TicketState.OPEN, ticket.edition))
            # The rest of a ticket is frozen.
            .values(state=ticket.state, decided_by=ticket.decided_by, decided_at=ticket.decided_at, note=ticket.note)
        )

        def step(connection: Connection) -> bool:
            if connection.execute(decided).rowcount != 1:
                return False
            if order is not None and not self._add_new(connection, _ORDERS, order):
                connection.rollback()
                return False
            _write(connection, of_ticket(ticket), *(() if order is None else (of_order(order),)))
            self._enqueue(connection, outgoing)
            return True

        return await self._run(Begin.DURABLE, step)

    async def amend(self, ticket: Ticket, outgoing: Sequence[Outgoing]) -> bool:
        amended = update(_TICKETS).where(_same_edition(ticket, ticket.state, ticket.edition - 1))

        def step(connection: Connection) -> bool:
            if connection.execute(amended.values(rows.values(ticket))).rowcount != 1:
                return False
            _write(connection, of_ticket(ticket))
            self._enqueue(connection, outgoing)
            return True

        return await self._run(Begin.DURABLE, step)

    async def order(self, order_id: str) -> Order | None:
        return first(await self._nouns(Order, select(_ORDERS).where(_ORDERS.c.id == order_id)))

    async def orders(self, *, open_only: bool = False, limit: int = 50) -> Sequence[Order]:
        wanted = select(_ORDERS)
        if open_only:
            wanted = wanted.where(_ORDERS.c.state.in_([state for state in OrderState if not state.final]))
        newest = wanted.order_by(_ORDERS.c.created_at.desc(), _ORDERS.c.seq.desc())
        return await self._nouns(Order, newest.limit(limit))

    async def save_order(self, order: Order, fill: Fill | None, outgoing: Sequence[Outgoing]) -> None:
        def step(connection: Connection) -> None:
            self._put(connection, _ORDERS, [order])
            if fill is not None:
                self._count(connection, fill)
            _write(connection, of_order(order, fill))
            self._enqueue(connection, outgoing)

        await self._run(Begin.DURABLE, step)

    async def fills(self, account: str | None = None, limit: int = 50) -> Sequence[Fill]:
        wanted = select(_FILLS)
        if account is not None:
            wanted = wanted.where(_FILLS.c.account == account)
        return await self._nouns(Fill, wanted.order_by(_FILLS.c.at.desc(), _FILLS.c.seq.desc()).limit(limit))

    # the curve of an account
    async def save_worths(self, worths: Sequence[Worth]) -> None:
        await self._run(Begin.WRITE, lambda connection: self._put(connection, _WORTHS, worths))

    async def worths(self, account: str, since: date | None = None, until: date | None = None) -> Sequence[Worth]:
        wanted = select(_WORTHS).where(_WORTHS.c.account == account)
        if since is not None:
            wanted = wanted.where(_WORTHS.c.day >= since)
        if until is not None:
            wanted = wanted.where(_WORTHS.c.day <= until)
        return await self._nouns(Worth, wanted.order_by(_WORTHS.c.day))

    # messages
    async def enqueue(self, outgoing: Sequence[Outgoing]) -> None:
        if outgoing:
            await self._run(Begin.WRITE, lambda connection: self._enqueue(connection, outgoing))

    async def unsent(self) -> Sequence[Outgoing]:
        return await self._messages(select(_OUTBOX).where(_OUTBOX.c.state == Delivery.QUEUED))

    async def delivered(self, outgoing: Outgoing) -> None:
        attempt = (
            update(_OUTBOX)
            .where(_OUTBOX.c.id == outgoing.id)
            .values(
                state=outgoing.state,
                attempts=outgoing.attempts,
                next_at=outgoing.next_at,
                ref=outgoing.ref,
                error=outgoing.error,
            )
        )

        def step(connection: Connection) -> None:
            if connection.execute(attempt).rowcount != 1:
                self._enqueue(connection, [outgoing])
            if outgoing.state is Delivery.SENT and outgoing.message.card is not None:
                own = select(_OUTBOX.c.seq).where(_OUTBOX.c.id == outgoing.id).scalar_subquery()
                earlier = and_(
                    _OUTBOX.c.chat == outgoing.chat,
                    _OUTBOX.c.card == outgoing.message.card,
                    _OUTBOX.c.state == Delivery.QUEUED,
                    _OUTBOX.c.seq < own,
                )
                connection.execute(update(_OUTBOX).where(earlier).values(state=Delivery.SENT, ref=outgoing.ref))

        await self._run(Begin.WRITE, step)

    async def card_ref(self, chat: Chat, card: str) -> str | None:
        sent = and_(_OUTBOX.c.chat == chat, _OUTBOX.c.card == card, _OUTBOX.c.state == Delivery.SENT)
        newest = select(_OUTBOX.c.ref).where(sent).order_by(_OUTBOX.c.created_at.desc(), _OUTBOX.c.seq.desc()).limit(1)

        def step(connection: Connection) -> str | None:
            return connection.scalar(newest)

        return await self._run(Begin.READ, step)

    async def deliveries(self, alert_ids: Collection[str]) -> Sequence[Outgoing]:
        told = select(_TELLINGS.c.outgoing_id).where(_TELLINGS.c.alert_id.in_(sorted(alert_ids)))
        return await self._messages(select(_OUTBOX).where(_OUTBOX.c.id.in_(told)))

    async def forget(self, before: datetime, states: Collection[Delivery]) -> int:
        old = and_(
            _OUTBOX.c.created_at < before,
            _OUTBOX.c.state.in_(sorted(states)),
            or_(
                _OUTBOX.c.card.is_(None),
                *(_OUTBOX.c.card.startswith(begin) for begin in PASSING_CARDS),
                # A card's newest try may have failed while an earlier version of it still stands in the chat.
                and_(_OUTBOX.c.seq.not_in(_newest()), _OUTBOX.c.seq.not_in(_newest(Delivery.SENT))),
            ),
        )
        return await self._run(Begin.WRITE, lambda connection: connection.execute(delete(_OUTBOX).where(old)).rowcount)

    # bars
    async def save_bars(self, period: Period, bars: Sequence[Bar], source: str = "", *, replace: bool = False) -> None:
        def step(connection: Connection) -> None:
            if replace:
                symbols = sorted({bar.symbol for bar in bars})
                connection.execute(delete(_BARS).where(_BARS.c.symbol.in_(symbols), _BARS.c.period == period))
            self._upserts[_BARS].execute(connection, [rows.bar_values(bar, period, source) for bar in bars])

        if bars:
            await self._run(Begin.WRITE, step)

    async def bars(
        self, symbols: Collection[Symbol], period: Period, since: datetime | None = None, limit: int | None = None
    ) -> Mapping[Symbol, Sequence[Bar]]:
        kept = and_(_BARS.c.symbol.in_(sorted(symbols)), _BARS.c.period == period)
        if since is not None:
            kept = and_(kept, _BARS.c.time >= since)
        wanted = select(_BARS).where(kept)
        if limit is not None:
            place = func.row_number().over(partition_by=_BARS.c.symbol, order_by=_BARS.c.time.desc())
            ranked = select(_BARS, place.label("place")).where(kept).subquery()
            wanted = select(ranked).where(ranked.c.place <= limit)
        found: dict[Symbol, list[Bar]] = {}
        for bar in await self._rows(wanted.order_by(text("symbol"), text("time")), rows.bar):
            found.setdefault(bar.symbol, []).append(bar)
        return found

    async def bars_until(self, period: Period) -> Mapping[Symbol, datetime]:
        newest = select(_BARS.c.symbol, func.max(_BARS.c.time).label("time")).where(_BARS.c.period == period)
        found = await self._rows(newest.group_by(_BARS.c.symbol), lambda columns: (columns["symbol"], columns["time"]))
        return dict(found)

    async def rescale_bars(self, changes: Sequence[Rescale]) -> None:
        def step(connection: Connection) -> None:
            for symbol, before, numerator, denominator in changes:
                earlier = update(_BARS).where(_BARS.c.symbol == symbol, _BARS.c.time < before)
                prices = {name: _scaled(_BARS.c[name], numerator, denominator) for name in rows.BAR_PRICES}
                connection.execute(earlier.values(prices))

        if changes:
            await self._run(Begin.WRITE, step)

    async def forget_bars(self, period: Period, before: datetime) -> int:
        old = delete(_BARS).where(_BARS.c.period == period, _BARS.c.time < before)
        return await self._run(Begin.WRITE, lambda connection: connection.execute(old).rowcount)

    # what /why remembers
    async def save_entries(self, entries: Sequence[Entry]) -> None:
        if entries:
            await self._run(Begin.WRITE, lambda connection: self._note(connection, entries))

    async def entries(
        self,
        subjects: Collection[str] | None,
        *,
        kinds: Collection[Kind] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Sequence[Entry]:
        wanted, row = select(_CHRONICLE), _CHRONICLE.c
        if subjects is not None:
            wanted = wanted.where(row.subject.in_(sorted(subjects)))
        if kinds is not None:
            wanted = wanted.where(row.kind.in_(sorted(kinds)))
        if since is not None:
            wanted = wanted.where(or_(row.at >= since, and_(row.kind.in_(sorted(STRETCHES)), row.stamp >= since)))
        if until is not None:
            wanted = wanted.where(row.at < until)
        newest = wanted.order_by(*(column.desc() for column in (row.at, row.subject, row.kind, row.symbol, row.group)))
        return await self._rows(newest.limit(limit), rows.entry)

    async def forget_entries(self, before: datetime) -> int:
        old = delete(_CHRONICLE).where(_CHRONICLE.c.at < before)
        return await self._run(Begin.WRITE, lambda connection: connection.execute(old).rowcount)

    # names
    async def securities(self) -> Sequence[Security]:
        return await self._nouns(Security, select(_SECURITIES).order_by(_SECURITIES.c.symbol))

    async def save_securities(self, securities: Sequence[Security]) -> None:
        if securities:
            await self._run(Begin.WRITE, lambda connection: self._put(connection, _SECURITIES, securities))

    # people
    async def members(self) -> Sequence[Member]:
        # Sorted here: databases disagree on the order of letters.
        return sorted(await self._nouns(Member, select(_MEMBERS)), key=lambda one: one.key)

    async def member(self, channel: str, user_id: str) -> Member | None:
        mine = and_(_MEMBERS.c.channel == channel, _MEMBERS.c.user_id == user_id)
        return first(await self._nouns(Member, select(_MEMBERS).where(mine)))

    async def save_member(self, member: Member, at: datetime, outgoing: Sequence[Outgoing] = ()) -> bool:
        mine = and_(_MEMBERS.c.channel == member.channel, _MEMBERS.c.user_id == member.user_id)
        changed = update(_MEMBERS).where(mine, _MEMBERS.c.ended_at.is_(None)).values(rows.values(member))

        def step(connection: Connection) -> bool:
            if connection.execute(changed).rowcount != 1:
                return False
            _write(connection, of_member(member, "changed" if member.ended_at is None else "removed", at))
            self._enqueue(connection, outgoing)
            return True

        return await self._run(Begin.DURABLE, step)

    async def add_invitation(self, invitation: Invitation) -> None:
        def step(connection: Connection) -> None:
            self._add(connection, _INVITATIONS, [invitation])
            _write(connection, of_invitation(invitation))

        await self._run(Begin.DURABLE, step)

    async def invitations(self, since: datetime) -> Sequence[Invitation]:
        wanted = select(_INVITATIONS).where(_INVITATIONS.c.created_at >= since)
        return await self._nouns(Invitation, wanted.order_by(_INVITATIONS.c.created_at, _INVITATIONS.c.digest))

    async def accept(self, digest: str, member: Member, at: datetime, outgoing: Sequence[Outgoing] = ()) -> bool:
        unused = and_(_INVITATIONS.c.used_by.is_(None), _INVITATIONS.c.expires_at > at)
        taken = update(_INVITATIONS).where(_INVITATIONS.c.digest == digest, unused)

        def step(connection: Connection) -> bool:
            if connection.execute(taken.values(used_by=member.key, used_at=at)).rowcount != 1:
                return False
            self._put(connection, _MEMBERS, [member])
            _write(connection, of_member(member, "joined", at))
            self._enqueue(connection, outgoing)
            return True

        return await self._run(Begin.DURABLE, step)

    async def refuse(self, refusal: Refusal, outgoing: Sequence[Outgoing] = ()) -> bool:
        earlier = exists(select(_JOURNAL.c.seq).where(_JOURNAL.c.subject == refusal.subject))

        def step(connection: Connection) -> bool:
            _lock_journal(connection)
            first = not connection.scalar(select(earlier))
            _write(connection, of_refusal(refusal))
            self._enqueue(connection, outgoing if first else ())
            return first

        return await self._run(Begin.WRITE, step)

    # small things
    async def value(self, key: str) -> str | None:
        wanted = select(_SETTINGS.c.value).where(_SETTINGS.c.key == key)

        def step(connection: Connection) -> str | None:
            return connection.scalar(wanted)

        return await self._run(Begin.READ, step)

    async def journal(self, subject: str | None = None) -> Sequence[Event]:
        wanted = select(_JOURNAL) if subject is None else select(_JOURNAL).where(_JOURNAL.c.subject == subject)
        return await self._rows(wanted.order_by(_JOURNAL.c.seq), rows.event)

    async def set_value(self, key: str, value: str | None) -> None:
        def step(connection: Connection) -> None:
            _write(connection, *of_value(key, value))
            if value is None:
                connection.execute(delete(_SETTINGS).where(_SETTINGS.c.key == key))
            else:
                self._upserts[_SETTINGS].execute(connection, [{"key": key, "value": value}])

        await self._run(Begin.DURABLE, step)

    # how it is done
    def _note(self, connection: Connection, entries: Sequence[Entry]) -> None:
        if entries:
            self._upserts[_CHRONICLE].execute(connection, [rows.entry_values(entry) for entry in entries])

    def _enqueue(self, connection: Connection, outgoing: Sequence[Outgoing]) -> None:
        self._add(connection, _OUTBOX, outgoing)
        tellings = [telling for message in outgoing for telling in rows.tellings(message)]
        if tellings:
            self._inserts[_TELLINGS].execute(connection, tellings)

    def _count(self, connection: Connection, fill: Fill) -> None:
        """Store a fill once; another order's fill under the same id is a conflict."""
        if self._add_new(connection, _FILLS, fill):
            return
        known = select(_FILLS.c.order_id).where(_FILLS.c.account == fill.account, _FILLS.c.id == fill.id)
        if connection.scalar(known) != fill.order_id:
            raise Unavailable(SOURCE, CONFLICT)

    async def _messages(self, wanted: Select[Any]) -> Sequence[Outgoing]:
        return await self._nouns(Outgoing, wanted.order_by(_OUTBOX.c.created_at, _OUTBOX.c.seq))


def _still_there(connection: Connection, watches: Sequence[Watch]) -> Sequence[Watch]:
    """Those that were not deleted meanwhile: an alert under way brings no watch back."""
    if not watches:
        return watches
    wanted = select(_WATCHES.c.id).where(_WATCHES.c.id.in_([watch.id for watch in watches]))
    gone = set(connection.scalars(wanted.where(_WATCHES.c.state == WatchState.DELETED)))
    return [watch for watch in watches if watch.id not in gone]


def _scaled(price: Column[Any], numerator: int, denominator: int) -> ColumnElement[Any]:
    """As :func:`core.bars.scaled_milli`."""
    return (price * (2 * numerator) + denominator) // (2 * denominator)


def _newest(state: Delivery | None = None) -> Select[Any]:
    """The newest row of every card in every chat."""
    place = func.row_number().over(
        partition_by=(_OUTBOX.c.chat, _OUTBOX.c.card), order_by=(_OUTBOX.c.created_at.desc(), _OUTBOX.c.seq.desc())
    )
    cards = select(_OUTBOX.c.seq, place.label("place")).where(_OUTBOX.c.card.is_not(None))
    if state is not None:
        cards = cards.where(_OUTBOX.c.state == state)
    ranked = cards.subquery()
    return select(ranked.c.seq).where(ranked.c.place == 1)


def upgrade(url: str | Path) -> str:
    """Bring the schema of a database to the newest revision and return that. :func:`connect` does it as well.

    Raises:
        ConfigError: the URL is wrong, or the database is newer than this program.
        Unavailable
    """
    engine = engine_of(url, BUSY_TIMEOUT)
    try:
        prepare(engine)
    finally:
        engine.dispose()
    return HEAD


def connect(url: str | Path, *, busy_timeout: timedelta = BUSY_TIMEOUT) -> Store:
    """Open a database, making it and its folder where they do not exist.

    Blocks while it does so: it is called before anything runs.

    Args:
        url: ``sqlite:///data/dingpan.db`` or ``postgresql://user:password@host/name``; a path is an SQLite file.
        busy_timeout: how long a step waits for a database that somebody else has locked.

    Raises:
        ConfigError: the URL is wrong, or the database is newer than this program.
        Unavailable
    """
    engine = engine_of(url, busy_timeout)
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dingpan-store")
    try:
        thread.submit(prepare, engine).result()
    except BaseException:
        thread.submit(engine.dispose).result()
        thread.shutdown()
        raise
    return SqlStore(engine, thread)


def _same_edition(ticket: Ticket, state: TicketState, edition: int) -> ColumnElement[bool]:
    return (_TICKETS.c.id == ticket.id) & (_TICKETS.c.state == state) & (_TICKETS.c.edition == edition)


def _write(connection: Connection, *records: Record) -> None:
    """Append to the journal, in the transaction of what it tells."""
    if not records:
        return
    _lock_journal(connection)
    newest = connection.execute(select(_JOURNAL).order_by(_JOURNAL.c.seq.desc()).limit(1)).mappings().first()
    last = None if newest is None else rows.event(newest)
    events = []
    for record in records:
        last = seal(record, last)
        events.append(last._asdict())
    connection.execute(_JOURNAL.insert(), events)


def _lock_journal(connection: Connection) -> None:
    """Nobody else writes into it until the end of this transaction."""
    if connection.dialect.name == "postgresql":
        # SQLite has one writer at a time anyway.
        connection.execute(text("LOCK TABLE journal IN SHARE ROW EXCLUSIVE MODE"))
