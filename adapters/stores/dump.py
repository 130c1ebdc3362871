"""A database as lines of JSON, and back: the same for SQLite and PostgreSQL, so that one can be restored as the other.

A line is either ``{"table": name, "columns": [...]}`` or a row of the table that was named last. The values are those
of the columns themselves, read by reflection, so that a database of any revision can be written and read: it is loaded
at its own revision and then brought to the newest one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Date, MetaData, Table, delete, func, inspect, make_url, select, text

from adapters.stores import rows
from adapters.stores.faults import SOURCE, vendor_errors
from adapters.stores.migrations import HEAD, REVISIONS, configuration, to_head, version
from adapters.stores.opening import Begin, engine_of
from core.errors import ConfigError, Malformed

_BATCH: Final = 1000
_PATIENCE: Final = timedelta(seconds=20)
"""How long a database that others work on is waited for."""
_JOURNAL: Final = "journal"
_SETTINGS: Final = "settings"


class Dumped(NamedTuple):
    """What was written.

    Attributes:
        revision: of the schema; None where there is no database yet.
        counts: rows by table.
    """

    revision: str | None
    counts: Mapping[str, int]


def file_of(url: str | Path) -> Path | None:
    """The file of an SQLite database; None for a server."""
    if isinstance(url, Path):
        return url
    place = make_url(url)
    return Path(place.database) if place.get_backend_name() == "sqlite" and place.database else None


def dump(url: str | Path, write: Callable[[str], object]) -> Dumped:
    """Write everything as it is at one moment, whatever others do meanwhile.

    Raises:
        ConfigError: the URL is wrong, or the database is newer than this program.
        Unavailable
    """
    file = file_of(url)
    if file is not None and not file.exists():
        return Dumped(None, {})
    engine = engine_of(url, _PATIENCE)
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    try:
        with vendor_errors(), engine.execution_options(begin=Begin.READ).begin() as connection:
            found = version(connection)
            return Dumped(found, {} if found is None else _written(connection, write))
    finally:
        engine.dispose()


def _written(connection: Connection, write: Callable[[str], object]) -> Mapping[str, int]:
    counts = {}
    for table in _tables(connection):
        write(_line({"table": table.name, "columns": [column.name for column in table.c]}))
        counts[table.name] = 0
        keys = list(table.primary_key) or list(table.c)
        for row in connection.execution_options(yield_per=_BATCH).execute(select(table).order_by(*keys)):
            write(_line(list(row)))
            counts[table.name] += 1
    return counts


def _tables(connection: Connection) -> list[Table]:
    """Our tables as they are, those that others refer to first."""
    ours = [name for name in inspect(connection).get_table_names() if name in rows.METADATA.tables]
    found = MetaData()
    found.reflect(connection, only=ours)
    return list(found.sorted_tables)


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=date.isoformat) + "\n"


def load(url: str | Path, lines: Iterable[str], revision: str, *, mark: tuple[str, str] | None = None) -> None:
    """Put what was dumped in the place of everything that the database holds, in one transaction.

    Args:
        mark: a key and a value of the settings, written with it.

    Raises:
        ConfigError: the URL is wrong, or the dump is of a newer program.
        Malformed: it is no dump.
        Unavailable
    """
    from alembic import command

    if revision not in REVISIONS:
        raise ConfigError([f"备份的数据库版本({revision})比程序认识的({HEAD})新。请先升级盯盘程序。"])
    engine = engine_of(url, _PATIENCE)
    try:
        with vendor_errors(), engine.begin() as connection:
            _drop(connection)
            command.upgrade(configuration(connection), revision)
            with _unguarded(connection):
                _fill(connection, lines)
                if mark is not None:
                    settings = next(table for table in _tables(connection) if table.name == _SETTINGS)
                    connection.execute(delete(settings).where(settings.c.key == mark[0]))
                    connection.execute(settings.insert(), {"key": mark[0], "value": mark[1]})
            to_head(connection)
    finally:
        engine.dispose()


def marked(url: str | Path, key: str) -> str | None:
    """The value of a setting in a database that may not be there."""
    engine = engine_of(url, _PATIENCE)
    try:
        with vendor_errors(), engine.execution_options(begin=Begin.READ).begin() as connection:
            for table in _tables(connection):
                if table.name == _SETTINGS:
                    found = connection.scalar(select(table.c.value).where(table.c.key == key))
                    return None if found is None else str(found)
            return None
    finally:
        engine.dispose()


def counts(url: str | Path) -> Mapping[str, int]:
    """How many rows each table has; nothing where there is no database."""
    file = file_of(url)
    if file is not None and not file.exists():
        return {}
    engine = engine_of(url, _PATIENCE)
    try:
        with vendor_errors(), engine.execution_options(begin=Begin.READ).begin() as connection:
            return {
                table.name: connection.scalar(select(func.count()).select_from(table)) or 0
                for table in _tables(connection)
            }
    finally:
        engine.dispose()


def _drop(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        return  # a new file
    for table in reversed(_tables(connection)):
        connection.execute(text(f'DROP TABLE "{table.name}" CASCADE'))
    connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    connection.execute(text("DROP FUNCTION IF EXISTS journal_refuse() CASCADE"))


class _unguarded:  # noqa: N801 - reads as a statement
    """The journal takes its own lines back; otherwise it only grows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._triggers: list[str] = []

    def __enter__(self) -> None:
        run = self._connection.exec_driver_sql
        if not inspect(self._connection).has_table(_JOURNAL):
            return
        if self._connection.dialect.name == "sqlite":
            found = run("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
            self._triggers = [sql for _, sql in found]
            for name, _ in found:
                run(f'DROP TRIGGER "{name}"')
        else:
            run(f"ALTER TABLE {_JOURNAL} DISABLE TRIGGER USER")
            self._triggers = [f"ALTER TABLE {_JOURNAL} ENABLE TRIGGER USER"]

    def __exit__(self, *_: object) -> None:
        for statement in self._triggers:
            self._connection.exec_driver_sql(statement)


def _fill(connection: Connection, lines: Iterable[str]) -> None:
    tables = {table.name: table for table in _tables(connection)}
    for table in reversed(tables.values()):
        connection.execute(delete(table))
    for table, columns, values in _batches(lines, tables):
        days = [place for place, name in enumerate(columns) if isinstance(table.c[name].type, Date)]
        for row in values:
            for place in days:
                row[place] = row[place] and date.fromisoformat(row[place])
        connection.execute(table.insert(), [dict(zip(columns, row, strict=True)) for row in values])
    if connection.dialect.name == "postgresql":
        for table in tables.values():
            for column in table.c:
                if column.server_default is not None and "nextval" in str(getattr(column.server_default, "arg", "")):
                    newest = select(func.coalesce(func.max(column), 1)).scalar_subquery()
                    sequence = func.pg_get_serial_sequence(table.name, column.name)
                    connection.execute(select(func.setval(sequence, newest)))


def _batches(lines: Iterable[str], tables: Mapping[str, Table]) -> Iterator[tuple[Table, list[str], list[list[Any]]]]:
    table: Table | None = None
    columns: list[str] = []
    batch: list[list[Any]] = []
    try:
        for line in lines:
            found = json.loads(line)
            if isinstance(found, dict) or len(batch) == _BATCH:
                if table is not None and batch:
                    yield table, columns, batch
                batch = []
            if isinstance(found, dict):
                table, columns = tables[found["table"]], found["columns"]
            else:
                batch.append(found)
        if table is not None and batch:
            yield table, columns, batch
    except (ValueError, KeyError) as error:
        raise Malformed(SOURCE, "备份里的数据库读不懂，没有恢复。请换一个备份文件。") from error
