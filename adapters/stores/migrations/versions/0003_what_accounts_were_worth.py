"""What every account was worth after the close of each day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "worths",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("total", sa.String(), nullable=True),
        sa.Column("paid_in", sa.String(), nullable=False),
        sa.Column("realized", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "day"),
    )


def downgrade() -> None:
    op.drop_table("worths")
