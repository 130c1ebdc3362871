"""The tables. Rows stay in this folder: what leaves it is a noun.

A row has a column for every field of its noun, under the same name, so that reading and writing are two small functions
and the types of its columns do the rest. Money and prices are TEXT of the Decimal exactly as given (the hash of a
ticket depends on ``1420`` not coming back as ``1420.00``), instants are microseconds since 1970 in UTC, frozen things
inside a noun are JSON text.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    Index,
    Integer,
    RowMapping,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from adapters.stores.columns import (
    ApprovalsJson,
    ChatText,
    ConditionsJson,
    DecisionJson,
    Exact,
    FormerJson,
    Instant,
    MessageJson,
    Millis,
    Pico,
    PlanJson,
    Span,
    TextsJson,
    Word,
)
from core.analysis import Decision
from core.bars import Bar
from core.chronicle import Entry, Kind
from core.conditions import Condition
from core.journal import Event
from core.messages import Chat, Message, Outgoing
from core.securities import Former
from core.tickets import Approval
from core.types import Noun, Symbol, from_milli, to_milli
from core.watches import Arm, Memory, Plan, RuleKey

N = TypeVar("N", bound=Noun)


_WAITING: Final = text("escalate_at IS NOT NULL")
# SQLite counts only its own INTEGER up by itself.
_COUNT: Final = BigInteger().with_variant(Integer, "sqlite")


class Row(SQLModel, registry=registry()):
    """A table of ours; its own registry keeps other people's SQLModel tables out of the schema."""


class _Counted(Row):
    """A row that knows what came before it: ids are random, and two rows may bear the same instant."""

    seq: int | None = Field(default=None, primary_key=True, sa_type=cast("Any", _COUNT))


class WatchRow(Row, table=True):
    """Never deleted, so that a number is never given twice."""

    __tablename__ = "watches"
    __table_args__ = (UniqueConstraint("owner", "number", name="uq_watches_owner_number"),)

    id: str = Field(primary_key=True)
    number: int
    owner: str
    chat: Chat = Field(sa_type=ChatText)
    account: str
    symbols: tuple[str, ...] = Field(sa_type=TextsJson)
    conditions: tuple[Condition, ...] = Field(sa_type=ConditionsJson)
    combine: str
    plan: Plan | None = Field(sa_type=PlanJson)
    repeat: str = Field(sa_type=Word)
    cooldown: timedelta = Field(sa_type=Span)
    expires_on: date | None
    scope: str
    top: int | None
    band: Decimal | None = Field(sa_type=Exact)
    only_held: bool
    resolved: bool
    escalate_after: timedelta | None = Field(sa_type=Span)
    check_interval: timedelta | None = Field(sa_type=Span)
    state: str = Field(sa_type=Word)
    text: str
    created_at: datetime = Field(sa_type=Instant)


class ArmRow(Row, table=True):
    __tablename__ = "arms"

    watch_id: str = Field(primary_key=True)
    symbol: str = Field(primary_key=True)
    group: int = Field(primary_key=True)
    armed: bool | None
    day: date | None
    told_at: datetime | None = Field(sa_type=Instant)
    told: int
    peak: int | None = Field(sa_type=BigInteger)


class AlertRow(_Counted, table=True):
    __tablename__ = "alerts"
    __table_args__ = (
        UniqueConstraint("id", name="uq_alerts_id"),
        Index("ix_alerts_owner_at", "owner", "at"),
        Index("ix_alerts_owner_symbol_at", "owner", "symbol", "at"),
        Index("ix_alerts_at", "at"),
        Index("ix_alerts_escalate_at", "escalate_at", sqlite_where=_WAITING, postgresql_where=_WAITING),
    )

    id: str
    watch_id: str
    watch_number: int
    owner: str
    symbol: str
    name: str
    group: int
    condition: str
    price: Decimal = Field(sa_type=Exact)
    why: str
    source: str
    quoted_at: datetime = Field(sa_type=Instant)
    at: datetime = Field(sa_type=Instant)
    after_gap: bool
    reason: str = Field(sa_type=Word)
    ticket_id: str | None
    note: str
    chat: Chat | None = Field(sa_type=ChatText)
    grave: bool
    escalate_at: datetime | None = Field(sa_type=Instant)
    escalated: int
    acked_at: datetime | None = Field(sa_type=Instant)
    acked_by: str
    percent: Decimal | None = Field(sa_type=Exact)


class SilenceRow(Row, table=True):
    __tablename__ = "silences"
    __table_args__ = (Index("ix_silences_ends_at", "ends_at"),)

    id: str = Field(primary_key=True)
    owner: str
    watch_id: str | None
    symbol: str | None
    starts_at: datetime = Field(sa_type=Instant)
    ends_at: datetime = Field(sa_type=Instant)


class TicketRow(_Counted, table=True):
    __tablename__ = "tickets"
    __table_args__ = (
        UniqueConstraint("id", name="uq_tickets_id"),
        Index("ix_tickets_state_created_at", "state", "created_at"),
    )

    id: str
    owner: str
    chat: Chat = Field(sa_type=ChatText)
    account: str
    mode: str = Field(sa_type=Word)
    symbol: str
    name: str
    side: str = Field(sa_type=Word)
    shares: int = Field(sa_type=BigInteger)
    limit: Decimal = Field(sa_type=Exact)
    limit_given: bool
    price: Decimal = Field(sa_type=Exact)
    quoted_at: datetime = Field(sa_type=Instant)
    source: str
    created_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    watch_id: str | None
    alert_id: str | None
    analysis_id: str | None
    reason: str
    caution: str
    edition: int
    approvers: int
    approvals: tuple[Approval, ...] = Field(sa_type=ApprovalsJson)
    state: str = Field(sa_type=Word)
    decided_by: str
    decided_at: datetime | None = Field(sa_type=Instant)
    note: str


class OrderRow(_Counted, table=True):
    """The two unique columns are the last wall against a second order for one ticket."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("id", name="uq_orders_id"),
        UniqueConstraint("ticket_id", name="uq_orders_ticket_id"),
        Index("ix_orders_created_at", "created_at"),
        Index("ix_orders_state", "state"),
    )

    id: str
    ticket_id: str
    account: str
    mode: str = Field(sa_type=Word)
    symbol: str
    side: str = Field(sa_type=Word)
    shares: int = Field(sa_type=BigInteger)
    limit: Decimal = Field(sa_type=Exact)
    state: str = Field(sa_type=Word)
    filled: int = Field(sa_type=BigInteger)
    filled_amount: Decimal = Field(sa_type=Exact)
    fees: Decimal = Field(sa_type=Exact)
    fill_ids: tuple[str, ...] = Field(sa_type=TextsJson)
    broker_id: str | None
    note: str
    checked_by: str
    created_at: datetime = Field(sa_type=Instant)
    updated_at: datetime = Field(sa_type=Instant)


class FillRow(_Counted, table=True):
    __tablename__ = "fills"
    __table_args__ = (
        UniqueConstraint("account", "id", name="uq_fills_account_id"),
        Index("ix_fills_at", "at"),
    )

    id: str
    order_id: str
    account: str
    symbol: str
    side: str = Field(sa_type=Word)
    shares: int = Field(sa_type=BigInteger)
    price: Decimal = Field(sa_type=Exact)
    fee: Decimal = Field(sa_type=Exact)
    at: datetime = Field(sa_type=Instant)


class WorthRow(Row, table=True):
    __tablename__ = "worths"

    account: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    mode: str = Field(sa_type=Word)
    total: Decimal | None = Field(sa_type=Exact)
    paid_in: Decimal = Field(sa_type=Exact)
    realized: Decimal = Field(sa_type=Exact)
    note: str
    as_of: datetime = Field(sa_type=Instant)


class AnalysisRow(_Counted, table=True):
    __tablename__ = "analyses"
    __table_args__ = (
        UniqueConstraint("id", name="uq_analyses_id"),
        Index("ix_analyses_at", "at"),
        Index("ix_analyses_owner_at", "owner", "at"),
    )

    id: str
    at: datetime = Field(sa_type=Instant)
    owner: str
    chat: Chat = Field(sa_type=ChatText)
    account: str
    symbol: str
    name: str
    occasion: str = Field(sa_type=Word)
    watch_id: str | None
    alert_id: str | None
    pack: str
    price: Decimal | None = Field(sa_type=Exact)
    quoted_at: datetime | None = Field(sa_type=Instant)
    prompt: str
    model_asked: str
    model: str
    decision: Decision | None = Field(sa_type=DecisionJson)
    problem: str
    tokens: int
    yuan: Decimal = Field(sa_type=Exact)
    took: timedelta = Field(sa_type=Span)
    reused: str | None
    ticket_id: str | None
    note: str
    by_policy: bool


class PackRow(Row, table=True):
    """What analyses stand on; never changed."""

    __tablename__ = "packs"

    digest: str = Field(primary_key=True)
    body: str = Field(sa_type=Text)


class OutcomeRow(Row, table=True):
    __tablename__ = "outcomes"

    analysis_id: str = Field(primary_key=True)
    horizon: int = Field(primary_key=True)
    engine: int = Field(primary_key=True)
    standing: str = Field(sa_type=Word)
    why: str
    anchor_on: date | None
    anchor: Decimal | None = Field(sa_type=Exact)
    ended_on: date | None
    percent: Decimal | None = Field(sa_type=Exact)
    excess: Decimal | None = Field(sa_type=Exact)
    highest: Decimal | None = Field(sa_type=Exact)
    lowest: Decimal | None = Field(sa_type=Exact)
    hit_target: bool
    hit_stop: bool
    touched: str | None = Field(sa_type=Word)


class ConsultationRow(_Counted, table=True):
    """The ledger of what models cost: a line for every request."""

    __tablename__ = "consultations"
    __table_args__ = (
        UniqueConstraint("id", name="uq_consultations_id"),
        Index("ix_consultations_at", "at"),
        Index("ix_consultations_about", "about"),
    )

    id: str
    at: datetime = Field(sa_type=Instant)
    person: str
    purpose: str = Field(sa_type=Word)
    about: str
    model_asked: str
    model: str
    prompt_version: str
    prompt_sha: str
    attempt: int
    fresh: int = Field(sa_type=BigInteger)
    cached: int = Field(sa_type=BigInteger)
    out: int = Field(sa_type=BigInteger)
    told: bool
    yuan: Decimal = Field(sa_type=Pico)
    price: str
    peak: bool
    latency_ms: int | None = Field(sa_type=BigInteger)
    finish_reason: str
    error: str
    answer: str = Field(sa_type=Text)


class OutgoingRow(_Counted, table=True):
    """The outbox. ``card`` repeats the key inside the message, to be found by."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("id", name="uq_outbox_id"),
        Index("ix_outbox_state_created_at", "state", "created_at"),
        Index("ix_outbox_chat_card_created_at", "chat", "card", "created_at"),
    )

    id: str
    chat: Chat = Field(sa_type=ChatText)
    card: str | None
    message: Message = Field(sa_type=MessageJson)
    created_at: datetime = Field(sa_type=Instant)
    alert_ids: tuple[str, ...] = Field(sa_type=TextsJson)
    state: str = Field(sa_type=Word)
    attempts: int
    next_at: datetime = Field(sa_type=Instant)
    ref: str | None
    error: str


class TellingRow(Row, table=True):
    """Which message told which alert."""

    __tablename__ = "tellings"

    alert_id: str = Field(primary_key=True)
    outgoing_id: str = Field(primary_key=True, foreign_key="outbox.id", ondelete="CASCADE", index=True)


class BarRow(Row, table=True):
    """Prices in thousandths of a yuan, the amount in yuan. A table that is its key is half as large."""

    __tablename__ = "bars"
    __table_args__ = ({"sqlite_with_rowid": False},)

    symbol: str = Field(primary_key=True)
    period: str = Field(primary_key=True)
    time: datetime = Field(sa_type=Instant, primary_key=True)
    open: int = Field(sa_type=BigInteger)
    high: int = Field(sa_type=BigInteger)
    low: int = Field(sa_type=BigInteger)
    close: int = Field(sa_type=BigInteger)
    volume: int = Field(sa_type=BigInteger)
    amount: int | None = Field(sa_type=BigInteger)
    source: str


class EntryRow(Row, table=True):
    """The memory behind /why. A subject and a span of time are asked for: a table in that order needs no index."""

    __tablename__ = "chronicle"
    __table_args__ = ({"sqlite_with_rowid": False},)

    subject: str = Field(primary_key=True)
    at: datetime = Field(sa_type=Millis, primary_key=True)
    kind: int = Field(primary_key=True, sa_type=SmallInteger)
    symbol: str = Field(primary_key=True)
    group: int = Field(primary_key=True)
    stamp: datetime | None = Field(sa_type=Millis)
    reading: int | None = Field(sa_type=BigInteger)
    bound: int | None = Field(sa_type=BigInteger)
    detail: int
    note: str


class SecurityRow(Row, table=True):
    """What was learnt of names: what the table that comes with the program does not say."""

    __tablename__ = "securities"

    symbol: str = Field(primary_key=True)
    name: str
    since: date
    former: tuple[Former, ...] = Field(sa_type=FormerJson)
    gone_on: date | None


class EventRow(Row, table=True):
    """The journal of what concerns money and people; triggers keep it append-only."""

    __tablename__ = "journal"
    __table_args__ = (Index("ix_journal_subject", "subject"),)

    seq: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    kind: str
    subject: str
    at: datetime | None = Field(sa_type=Instant)
    body: str = Field(sa_type=Text)
    before: str
    hash: str


class MemberRow(Row, table=True):
    __tablename__ = "members"

    channel: str = Field(primary_key=True)
    user_id: str = Field(primary_key=True)
    name: str
    role: str = Field(sa_type=Word)
    trades: tuple[str, ...] = Field(sa_type=TextsJson)
    sees: tuple[str, ...] = Field(sa_type=TextsJson)
    invited_by: str
    since: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(sa_type=Instant)


class InvitationRow(Row, table=True):
    __tablename__ = "invitations"
    __table_args__ = (Index("ix_invitations_created_at", "created_at"),)

    digest: str = Field(primary_key=True)
    role: str = Field(sa_type=Word)
    trades: tuple[str, ...] = Field(sa_type=TextsJson)
    sees: tuple[str, ...] = Field(sa_type=TextsJson)
    invited_by: str
    created_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    used_by: str | None
    used_at: datetime | None = Field(sa_type=Instant)


class SettingRow(Row, table=True):
    """Small values set in chat."""

    __tablename__ = "settings"

    key: str = Field(primary_key=True)
    value: str


METADATA: Final = Row.metadata
BAR_PRICES: Final = ("open", "high", "low", "close")


def table(row: type[Row]) -> Table:
    return cast("Table", vars(row)["__table__"])


def values(noun: Noun | Arm) -> dict[str, Any]:
    """The columns of a noun."""
    if isinstance(noun, Arm):
        columns = noun._asdict()
        columns |= columns.pop("key")._asdict()
        return columns
    # dict(noun) would take three times as long, and this stands on the way of an alert.
    columns = vars(noun).copy()
    if isinstance(noun, Outgoing):
        columns["card"] = noun.message.card
    return columns


def noun(kind: type[N], columns: RowMapping) -> N:
    """The noun of a row.

    Raises:
        pydantic.ValidationError: the row holds what this version of the program cannot read.
    """
    return kind.model_validate({name: columns[name] for name in kind.model_fields})


def arm(columns: RowMapping) -> Arm:
    key = RuleKey(columns["watch_id"], columns["symbol"], columns["group"])
    return Arm(
        key=key,
        armed=columns["armed"],
        day=columns["day"],
        told_at=columns["told_at"],
        told=columns["told"],
        peak=columns["peak"],
    )


def memory(symbols: str, groups: str, armed: str) -> Memory:
    """What is remembered of one watch, of columns that the database has joined."""
    split = symbols.split(",")
    # Nearly every watch has one group, and most of the time goes into numbers.
    numbers = [0] * len(split) if len(groups) == 2 * len(split) - 1 and not groups.strip("0,") else None
    return Memory(split, numbers if numbers is not None else [int(group) for group in groups.split(",")], armed)


def tellings(outgoing: Outgoing) -> list[dict[str, str]]:
    return [{"alert_id": alert_id, "outgoing_id": outgoing.id} for alert_id in dict.fromkeys(outgoing.alert_ids)]


def bar_values(bar: Bar, period: str, source: str) -> dict[str, Any]:
    return {
        "symbol": bar.symbol,
        "period": period,
        "time": bar.time,
        "open": to_milli(bar.open),
        "high": to_milli(bar.high),
        "low": to_milli(bar.low),
        "close": to_milli(bar.close),
        "volume": bar.volume,
        "amount": None if bar.amount is None else round(bar.amount),
        "source": source,
    }


def bar(columns: RowMapping) -> Bar:
    return Bar(
        Symbol(columns["symbol"]),
        columns["time"],
        from_milli(columns["open"]),
        from_milli(columns["high"]),
        from_milli(columns["low"]),
        from_milli(columns["close"]),
        columns["volume"],
        None if columns["amount"] is None else Decimal(columns["amount"]),
    )


def entry_values(entry: Entry) -> dict[str, Any]:
    # A driver may store the name of a member.
    return entry._asdict() | {"kind": int(entry.kind)}


def entry(columns: RowMapping) -> Entry:
    return Entry(**{name: columns[name] for name in Entry._fields} | {"kind": Kind(columns["kind"])})


def event(columns: RowMapping) -> Event:
    return Event(**{name: columns[name] for name in Event._fields})
