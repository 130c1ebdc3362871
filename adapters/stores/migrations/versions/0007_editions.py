"""Tickets have editions and may need two people; an unknown order may be checked by a person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NEW = {
    "tickets": (("edition", sa.Integer(), "1"), ("approvers", sa.Integer(), "1"), ("approvals", sa.Text(), "[]")),
    "orders": (("checked_by", sa.String(), ""),),
}


def upgrade() -> None:
    for table, columns in _NEW.items():
        with op.batch_alter_table(table) as batch:
            for name, kind, value in columns:
                batch.add_column(sa.Column(name, kind, nullable=False, server_default=value))
        with op.batch_alter_table(table) as batch:
            for name, kind, _value in columns:
                batch.alter_column(name, existing_type=kind, existing_nullable=False, server_default=None)


def downgrade() -> None:
    for table, columns in _NEW.items():
        with op.batch_alter_table(table) as batch:
            for name, _kind, _value in columns:
                batch.drop_column(name)
