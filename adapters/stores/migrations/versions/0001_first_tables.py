"""The first tables: watches, arms, alerts, silences, tickets, orders, fills, the outbox and small settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("seq", COUNT, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("watch_id", sa.String(), nullable=False),
        sa.Column("watch_number", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("group", sa.Integer(), nullable=False),
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("price", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("quoted_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("after_gap", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("ticket_id", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_alerts_id"),
    )
    op.create_index("ix_alerts_owner_at", "alerts", ["owner", "at"])
    op.create_index("ix_alerts_owner_symbol_at", "alerts", ["owner", "symbol", "at"])

    op.create_table(
        "arms",
        sa.Column("watch_id", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("group", sa.Integer(), nullable=False),
        sa.Column("armed", sa.Boolean(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("watch_id", "symbol", "group"),
    )
    op.create_table(
        "fills",
        sa.Column("seq", COUNT, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("shares", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.String(), nullable=False),
        sa.Column("fee", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("account", "id", name="uq_fills_account_id"),
    )
    op.create_index("ix_fills_at", "fills", ["at"])

    op.create_table(
        "orders",
        sa.Column("seq", COUNT, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("ticket_id", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("shares", sa.BigInteger(), nullable=False),
        sa.Column("limit", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("filled", sa.BigInteger(), nullable=False),
        sa.Column("filled_amount", sa.String(), nullable=False),
        sa.Column("fees", sa.String(), nullable=False),
        sa.Column("fill_ids", sa.Text(), nullable=False),
        sa.Column("broker_id", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_orders_id"),
        sa.UniqueConstraint("ticket_id", name="uq_orders_ticket_id"),
    )
    op.create_index("ix_orders_created_at", "orders", ["created_at"])
    op.create_index("ix_orders_state", "orders", ["state"])

    op.create_table(
        "outbox",
        sa.Column("seq", COUNT, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("chat", sa.String(), nullable=False),
        sa.Column("card", sa.String(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("alert_ids", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("ref", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_outbox_id"),
    )
    op.create_index("ix_outbox_chat_card_created_at", "outbox", ["chat", "card", "created_at"])
    op.create_index("ix_outbox_state_created_at", "outbox", ["state", "created_at"])

    op.create_table(
        "settings",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "silences",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("watch_id", sa.String(), nullable=True),
        sa.Column("symbol", sa.String(), nullable=True),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_silences_ends_at", "silences", ["ends_at"])

    op.create_table(
        "tickets",
        sa.Column("seq", COUNT, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("chat", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("shares", sa.BigInteger(), nullable=False),
        sa.Column("limit", sa.String(), nullable=False),
        sa.Column("limit_given", sa.Boolean(), nullable=False),
        sa.Column("price", sa.String(), nullable=False),
        sa.Column("quoted_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("watch_id", sa.String(), nullable=True),
        sa.Column("alert_id", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("caution", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_tickets_id"),
    )
    op.create_index("ix_tickets_state_created_at", "tickets", ["state", "created_at"])

    op.create_table(
        "watches",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("chat", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("symbols", sa.Text(), nullable=False),
        sa.Column("conditions", sa.Text(), nullable=False),
        sa.Column("combine", sa.String(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("repeat", sa.String(), nullable=False),
        sa.Column("cooldown", sa.BigInteger(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("owner", "number", name="uq_watches_owner_number"),
    )
    op.create_table(
        "tellings",
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("outgoing_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["outgoing_id"], ["outbox.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("alert_id", "outgoing_id"),
    )
    op.create_index("ix_tellings_outgoing_id", "tellings", ["outgoing_id"])


def downgrade() -> None:
    for name in (
        "tellings",
        "watches",
        "tickets",
        "silences",
        "settings",
        "outbox",
        "orders",
        "fills",
        "arms",
        "alerts",
    ):
        op.drop_table(name)
