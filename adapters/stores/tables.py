"""How a step is done in a database: one transaction on the store's own thread, statements written once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Dialect, Engine, Insert, RowMapping, Select, Table
from sqlalchemy.dialects import postgresql, sqlite

from adapters.stores import rows
from adapters.stores.faults import SOURCE, vendor_errors
from adapters.stores.opening import Begin
from core.errors import Unavailable
from core.types import Noun
from core.watches import Arm

MOST_IDS: Final = 500
"""In one statement: databases limit the parameters that it may have."""

T = TypeVar("T")
N = TypeVar("N", bound=Noun)


class _Bulk:
    """A statement written once and run by the driver itself for many rows.

    SQLAlchemy's own way through an execution takes three times as long, and this stands on the way of an alert.
    """

    def __init__(self, statement: Insert, table: Table, dialect: Dialect) -> None:
        columns = [column for column in table.c if column.name != "seq"]
        compiled = statement.compile(dialect=dialect, column_keys=[column.name for column in columns])
        binders = {column.name: column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns}
        self._text = str(compiled)
        self._positional = compiled.positional
        names = compiled.positiontup if compiled.positional else None
        self._binders = [(name, binders[name]) for name in names or binders]

    def execute(self, connection: Connection, values: Sequence[Mapping[str, Any]]) -> None:
        bound = (
            [(name, value[name] if binder is None else binder(value[name])) for name, binder in self._binders]
            for value in values
        )
        if self._positional:
            connection.exec_driver_sql(self._text, [tuple(cell for _name, cell in row) for row in bound])
        else:
            connection.exec_driver_sql(self._text, [dict(row) for row in bound])


@cache
def _upsert(dialect: Callable[[], Dialect], table: Table, key: tuple[str, ...]) -> _Bulk:
    """The same for every database of a kind, so it is compiled once."""
    made = dialect()
    statement = _insert_of(made)(table)
    rest = {c.name: statement.excluded[c.name] for c in table.c if c.name not in {*key, "seq"}}
    return _Bulk(statement.on_conflict_do_update(index_elements=key, set_=rest), table, made)


@cache
def _plain_insert(dialect: Callable[[], Dialect], table: Table) -> _Bulk:
    made = dialect()
    return _Bulk(_insert_of(made)(table), table, made)


def _insert_of(dialect: Dialect) -> Any:
    return sqlite.insert if dialect.name == "sqlite" else postgresql.insert


class Tables:
    """One database.

    Args:
        keys: of the tables that rows are put into, in place of earlier ones with the same key.
        added: the tables that rows are only added to.
    """

    def __init__(
        self,
        engine: Engine,
        thread: ThreadPoolExecutor,
        keys: Mapping[Table, tuple[str, ...]],
        added: Collection[Table],
    ) -> None:
        self._engine = engine
        self._thread = thread
        self._closed = False
        self._begin = {how: engine.execution_options(begin=how) for how in Begin}
        self._insert = _insert_of(engine.dialect)
        dialect: Callable[[], Dialect] = type(engine.dialect)
        self._upserts = {table: _upsert(dialect, table, key) for table, key in keys.items()}
        self._inserts = {table: _plain_insert(dialect, table) for table in added}

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=False)

    def _put(self, connection: Connection, table: Table, nouns: Sequence[Noun | Arm]) -> None:
        """Insert or replace."""
        if nouns:
            self._upserts[table].execute(connection, [rows.values(noun) for noun in nouns])

    def _add(self, connection: Connection, table: Table, nouns: Sequence[Noun]) -> None:
        if nouns:
            self._inserts[table].execute(connection, [rows.values(noun) for noun in nouns])

    def _add_new(self, connection: Connection, table: Table, noun: Noun) -> bool:
        """Insert unless something unique is there already; False when it is."""
        # What came back is asked for: the row count of such an insert is not the same everywhere.
        added = self._insert(table).on_conflict_do_nothing().returning(table.c.seq)
        return connection.scalar(added, rows.values(noun)) is not None

    async def _nouns(self, kind: type[N], wanted: Select[Any]) -> list[N]:
        return await self._rows(wanted, lambda columns: rows.noun(kind, columns))

    async def _rows(self, wanted: Select[Any], read: Callable[[RowMapping], T]) -> list[T]:
        return await self._run(
            Begin.READ, lambda connection: [read(columns) for columns in connection.execute(wanted).mappings()]
        )

    async def _run(self, how: Begin, step: Callable[[Connection], T]) -> T:
        if self._closed:
            raise Unavailable(SOURCE, "已经关闭，程序正在退出。")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, how, step)

    def _transact(self, how: Begin, step: Callable[[Connection], T]) -> T:
        with vendor_errors(), self._begin[how].connect() as connection:
            transaction = connection.begin()
            with transaction:
                return step(connection)


def batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + MOST_IDS] for start in range(0, len(ids), MOST_IDS))


def first(found: Sequence[N]) -> N | None:
    return found[0] if found else None
