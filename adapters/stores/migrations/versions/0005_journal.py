"""The journal of what concerns money, append-only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.journal import beginning, seal

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_REFUSED = "the journal is append-only"


def upgrade() -> None:
    journal = op.create_table(
        "journal",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("ix_journal_subject", "journal", ["subject"])
    connection = op.get_bind()
    tickets, orders = (
        [str(one) for one in connection.scalars(sa.select(sa.column("id", sa.String)).select_from(sa.table(name)))]
        for name in ("tickets", "orders")
    )
    op.bulk_insert(journal, [seal(beginning(tickets, orders), None)._asdict()])
    if connection.dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER journal_no_{what.lower()} BEFORE {what} ON journal"
                f" BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
            )
    else:
        op.execute(
            "CREATE FUNCTION journal_refuse() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON journal"
            " FOR EACH ROW EXECUTE FUNCTION journal_refuse()"
        )


def downgrade() -> None:
    op.drop_table("journal")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION journal_refuse()")
