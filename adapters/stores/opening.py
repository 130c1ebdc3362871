"""Opening a database: its engine, how a transaction begins on it, and its schema."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from adapters.stores.faults import SOURCE, vendor_errors
from adapters.stores.migrations import HEAD, to_head, version
from core.errors import ConfigError, Unavailable

_CONNECT_SECONDS: Final = 10
# Any number will do, as long as every version of the program uses the same.
_MIGRATION_LOCK: Final = 20_260_323


class Begin(StrEnum):
    """How a transaction begins."""

    READ = "read"
    WRITE = "write"
    DURABLE = "durable"


def engine_of(url: str | Path, busy_timeout: timedelta) -> Engine:
    """An engine for a URL; touches no database yet.

    Raises:
        ConfigError: no such kind of database, or its driver is missing.
        Unavailable: the folder cannot be made.
    """
    example = "例如 sqlite:///data/dingpan.db 或 postgresql://用户:密码@主机/库名。"
    try:
        # In the text of a URL the characters ? and % of a file's name would mean something else.
        place = URL.create("sqlite", database=str(url)) if isinstance(url, Path) else make_url(url)
    except ArgumentError as error:
        raise ConfigError([f"DATABASE_URL 看不懂。请写成数据库地址，{example}"]) from error
    if place.drivername in {"postgres", "postgresql"}:
        place = place.set(drivername="postgresql+psycopg")
    dialect = place.get_backend_name()
    arguments: dict[str, Any]
    if dialect == "sqlite":
        arguments = {"timeout": busy_timeout.total_seconds()}
        if place.database and place.database != ":memory:" and not place.database.startswith("file:"):
            _make_folder(Path(place.database).parent)
    elif dialect == "postgresql":
        milliseconds = busy_timeout // timedelta(milliseconds=1)
        arguments = {"connect_timeout": _CONNECT_SECONDS, "options": f"-c lock_timeout={milliseconds}"}
    else:
        raise ConfigError([f"DATABASE_URL 里的“{dialect}”不支持。请用 SQLite 或 PostgreSQL，{example}"])
    try:
        # Parameters are the person's trades: they stay out of error texts and so out of logs.
        engine = create_engine(
            place, connect_args=arguments, hide_parameters=True, pool_pre_ping=dialect == "postgresql"
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ConfigError(
            [
                f"没有安装 {place.drivername} 的驱动。PostgreSQL 请运行 pip install 'dingpan[postgres]'，地址写成 postgresql://…"
            ]
        ) from error
    if dialect == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(SOURCE, f"建不了文件夹 {folder}。请检查路径和权限。") from error


def _set_up_sqlite(connection: sqlite3.Connection, _: object) -> None:
    # Transactions begin in _begin_sqlite; the driver would begin them late and without the write lock.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    # Asked first: a read-only file that is in this mode already can still be read.
    if connection.execute("PRAGMA journal_mode").fetchone() == ("delete",):
        connection.execute("PRAGMA journal_mode = WAL")


def _begin_sqlite(connection: Connection) -> None:
    how = connection.get_execution_options().get("begin", Begin.DURABLE)
    if how is Begin.READ:
        connection.exec_driver_sql("BEGIN")
        return
    connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if how is Begin.DURABLE else 'NORMAL'}")
    # The write lock at once: a transaction that reads first and then finds itself outrun could not wait for it.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def prepare(engine: Engine) -> None:
    """Bring the schema to the newest revision."""
    with vendor_errors():
        with engine.execution_options(begin=Begin.READ).begin() as connection:
            if version(connection) == HEAD:
                return
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            # Somebody else may have done it meanwhile; Alembic looks again.
            to_head(connection)


def look(url: str | Path) -> str | None:
    """What a database is, in words, making and changing nothing; None where there is none yet.

    Raises:
        ConfigError, Unavailable
    """
    if _is_new(url):
        return None
    engine = engine_of(url, timedelta(seconds=2))
    try:
        with vendor_errors(), engine.execution_options(begin=Begin.READ).begin() as connection:
            found = version(connection)
            kind = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(connection.dialect.name, "")
    finally:
        engine.dispose()
    if found is None:
        return None
    return f"{kind}，版本 {found}" + ("" if found == HEAD else f"，启动时会升级到 {HEAD}")


def _is_new(url: str | Path) -> bool:
    """Whether it is a file that is not there: to open it would make it."""
    try:
        place = url if isinstance(url, Path) else make_url(url)
    except ArgumentError:
        return False  # it will be told
    if not isinstance(place, Path):
        if place.get_backend_name() != "sqlite" or not place.database:
            return False
        place = Path(place.database)
    return not place.exists()
