"""Who holds a book: one process, by a lock on a file beside it. The book itself can be read by anybody meanwhile."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def lock_of(path: Path) -> Path:
    """The file whose lock says that the book is open. It holds nothing."""
    return path.with_name(f"{path.name}-held")


def hold(path: Path) -> sqlite3.Connection:
    """Hold a book until the connection is closed or the process dies.

    Raises:
        sqlite3.OperationalError: SQLITE_BUSY: somebody else holds it.
    """
    db = sqlite3.connect(lock_of(path), timeout=0, isolation_level=None)
    try:
        db.execute("BEGIN EXCLUSIVE")
    except BaseException:
        db.close()
        raise
    return db


def in_use(path: Path) -> bool:
    """Whether a running program holds this book; one that does not exist is held by nobody, and stays so."""
    lock = lock_of(path)
    return (lock.exists() and _busy(lock, "BEGIN EXCLUSIVE")) or (
        path.exists() and _busy(path, "SELECT count(*) FROM sqlite_master")
    )


def _busy(path: Path, statement: str) -> bool:
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as db:
        try:
            db.execute(statement)
        except sqlite3.DatabaseError as error:  # what else is wrong with it is told to whoever opens it
            return error.sqlite_errorname == "SQLITE_BUSY"
    return False


def copy(path: Path, target: Path) -> None:
    """A book as it is at one moment, also while it is open, as one file without a journal beside it.

    Raises:
        sqlite3.Error: it cannot be read, or the target not be written.
    """
    with closing(sqlite3.connect(path)) as book, closing(sqlite3.connect(target)) as db:
        book.backup(db)
        db.execute("PRAGMA journal_mode = DELETE")


def flaw(path: Path) -> str | None:
    """What is wrong with a book, in SQLite's words; None when it is whole."""
    try:
        with closing(sqlite3.connect(path)) as db:
            found = db.execute("PRAGMA integrity_check").fetchone()[0]
            db.execute("SELECT cash FROM book").fetchone()
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if found == "ok" else str(found)
