"""What a watch may ask for beside its conditions, past bars, and what /why remembers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("watches") as table:
        table.add_column(sa.Column("scope", sa.String(), nullable=False, server_default="symbols"))
        table.add_column(sa.Column("top", sa.Integer(), nullable=True))
        table.add_column(sa.Column("band", sa.String(), nullable=True))
        table.add_column(sa.Column("only_held", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("resolved", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("escalate_after", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("watches") as table:
        # The defaults were for the rows that were there.
        for name in ("scope", "only_held", "resolved"):
            table.alter_column(name, server_default=None)
    with op.batch_alter_table("arms") as table:
        table.add_column(sa.Column("peak", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("alerts") as table:
        table.add_column(sa.Column("chat", sa.String(), nullable=True))
        table.add_column(sa.Column("grave", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("escalate_at", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("escalated", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("acked_at", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("acked_by", sa.String(), nullable=False, server_default=""))
        table.add_column(sa.Column("percent", sa.String(), nullable=True))
    with op.batch_alter_table("alerts") as table:
        for name in ("grave", "escalated", "acked_by"):
            table.alter_column(name, server_default=None)
    waiting = sa.text("escalate_at IS NOT NULL")
    op.create_index("ix_alerts_at", "alerts", ["at"])
    op.create_index("ix_alerts_escalate_at", "alerts", ["escalate_at"], sqlite_where=waiting, postgresql_where=waiting)

    op.create_table(
        "bars",
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.BigInteger(), nullable=False),
        sa.Column("high", sa.BigInteger(), nullable=False),
        sa.Column("low", sa.BigInteger(), nullable=False),
        sa.Column("close", sa.BigInteger(), nullable=False),
        sa.Column("volume", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("symbol", "period", "time"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "chronicle",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("group", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=True),
        sa.Column("reading", sa.BigInteger(), nullable=True),
        sa.Column("bound", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "at", "kind", "symbol", "group"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("chronicle")
    op.drop_table("bars")
    op.drop_index("ix_alerts_escalate_at", "alerts")
    op.drop_index("ix_alerts_at", "alerts")
    with op.batch_alter_table("alerts") as table:
        for name in ("percent", "acked_by", "acked_at", "escalated", "escalate_at", "grave", "chat"):
            table.drop_column(name)
    with op.batch_alter_table("arms") as table:
        table.drop_column("peak")
    with op.batch_alter_table("watches") as table:
        for name in ("escalate_after", "resolved", "only_held", "band", "top", "scope"):
            table.drop_column(name)
