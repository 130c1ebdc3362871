"""Does the history of the schema end in the tables that rows.py describes?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from adapters.stores import sql
from adapters.stores.migrations import HEAD, REVISIONS, configuration, version
from adapters.stores.rows import METADATA
from core.errors import ConfigError, Unavailable

ROOT = Path(__file__).parents[2]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'dingpan.db'}"


def test_the_migrations_make_the_tables_of_the_rows(url: str) -> None:
    sql.upgrade(url)
    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_an_upgrade_says_where_it_ended_and_may_be_repeated(url: str) -> None:
    assert sql.upgrade(url) == HEAD
    assert sql.upgrade(url) == HEAD
    engine = create_engine(url)
    with engine.connect() as connection:
        assert version(connection) == HEAD
    engine.dispose()


def test_an_empty_database_has_no_version() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        assert version(connection) is None
    engine.dispose()


def test_every_revision_is_named_after_its_file_and_follows_the_one_before() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        scripts = ScriptDirectory.from_config(configuration(connection))
    engine.dispose()
    assert scripts.get_heads() == [HEAD]
    assert [script.revision for script in scripts.walk_revisions()] == list(reversed(REVISIONS))


def test_a_downgrade_leaves_nothing_behind() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "head")
        command.downgrade(configuration(connection), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    engine.dispose()


def test_a_downgrade_keeps_no_watch_that_an_older_program_cannot_read() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        command.upgrade(configuration(connection), "head")
        names = [column["name"] for column in inspect(connection).get_columns("watches")]
        for number, conditions in enumerate(("[]", '[{"kind": "limit_up"}]')):
            row = dict.fromkeys(names, 0) | {"id": str(number), "number": number, "conditions": conditions}
            places = ", ".join(f":{name}" for name in names)
            connection.execute(text(f"INSERT INTO watches VALUES ({places})"), row)
        command.downgrade(configuration(connection), "0007")
        assert connection.execute(text("SELECT id FROM watches")).scalars().all() == ["1"]
    engine.dispose()


def test_a_migration_that_fails_leaves_the_database_as_it_was(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE watches (mine TEXT)")
    with pytest.raises(Unavailable):
        sql.upgrade(url)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["watches"]
    engine.dispose()


def test_an_upgrade_of_nonsense_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        sql.upgrade("nonsense")


def test_a_database_at_the_newest_revision_is_opened_without_alembic(url: str) -> None:
    sql.upgrade(url)
    program = "import sys; from adapters.stores import sql; sql.connect(sys.argv[1]); print('alembic' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program, url], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert ran.stdout.strip() == "False"
