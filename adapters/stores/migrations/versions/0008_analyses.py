"""Analyses with the facts they stand on and how they fared; the watches and tickets that have to do with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "analyses",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("chat", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("occasion", sa.String(), nullable=False),
        sa.Column("watch_id", sa.String(), nullable=True),
        sa.Column("alert_id", sa.String(), nullable=True),
        sa.Column("pack", sa.String(), nullable=False),
        sa.Column("price", sa.String(), nullable=True),
        sa.Column("quoted_at", sa.BigInteger(), nullable=True),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("model_asked", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("yuan", sa.String(), nullable=False),
        sa.Column("took", sa.BigInteger(), nullable=False),
        sa.Column("reused", sa.String(), nullable=True),
        sa.Column("ticket_id", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("by_policy", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name="uq_analyses_id"),
    )
    op.create_index("ix_analyses_at", "analyses", ["at"])
    op.create_index("ix_analyses_owner_at", "analyses", ["owner", "at"])
    op.create_table(
        "packs",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "outcomes",
        sa.Column("analysis_id", sa.String(), nullable=False),
        sa.Column("horizon", sa.Integer(), nullable=False),
        sa.Column("engine", sa.Integer(), nullable=False),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("anchor_on", sa.Date(), nullable=True),
        sa.Column("anchor", sa.String(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("percent", sa.String(), nullable=True),
        sa.Column("excess", sa.String(), nullable=True),
        sa.Column("highest", sa.String(), nullable=True),
        sa.Column("lowest", sa.String(), nullable=True),
        sa.Column("hit_target", sa.Boolean(), nullable=False),
        sa.Column("hit_stop", sa.Boolean(), nullable=False),
        sa.Column("touched", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("analysis_id", "horizon", "engine"),
    )
    with op.batch_alter_table("tickets") as batch:
        batch.add_column(sa.Column("analysis_id", sa.String(), nullable=True))
    with op.batch_alter_table("watches") as batch:
        batch.add_column(sa.Column("check_interval", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    # A watch that only analyses is none to an older program.
    op.execute("DELETE FROM watches WHERE conditions = '[]'")
    with op.batch_alter_table("watches") as batch:
        batch.drop_column("check_interval")
    with op.batch_alter_table("tickets") as batch:
        batch.drop_column("analysis_id")
    op.drop_table("outcomes")
    op.drop_table("packs")
    op.drop_index("ix_analyses_owner_at", "analyses")
    op.drop_index("ix_analyses_at", "analyses")
    op.drop_table("analyses")
