"""What must outlive a crash of the program beside miniQMT: which orders were handed over, and what was told of them.

The terminal knows the orders of today alone, and may lose one between our call and its list. So an order is written
here before the SDK is called, and a report before anybody is told; a second order with the same id is then seen to be
one. The file belongs to one terminal and one process. If it is lost, today's orders are still recognised by their
remarks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from adapters.brokers.ledger import transaction, translated
from core.calendar import trading_date
from core.errors import Malformed, Unavailable
from core.orders import Order, Report

_VERSION: Final = 1
_TABLES: Final = """
CREATE TABLE intents (id TEXT PRIMARY KEY, account TEXT NOT NULL, day TEXT NOT NULL, at TEXT NOT NULL,
                      is_over INTEGER NOT NULL DEFAULT 0, body TEXT NOT NULL);
CREATE INDEX intents_by_account ON intents (account, is_over, day);
CREATE TABLE reports (seq INTEGER PRIMARY KEY, order_id TEXT NOT NULL REFERENCES intents (id), key TEXT NOT NULL,
                      body TEXT NOT NULL, UNIQUE (order_id, key));
CREATE TABLE sessions (id INTEGER PRIMARY KEY, used_at TEXT NOT NULL);
"""

SESSIONS: Final = range(7101, 7121)
"""Every number that was ever used leaves a file in the terminal's folder, so they are few and come round."""
SESSION_RESTS: Final = timedelta(seconds=3)
"""Source: the vendor's FAQ; two connections with one number need more than 3 s between them."""


class Intent(NamedTuple):
    """An order that was, or may have been, handed over.

    Attributes:
        at: aware UTC, before the SDK was called; ``day`` the market date of it.
        is_over: nothing more is to be looked for.
    """

    order: Order
    day: date
    at: datetime
    is_over: bool


class Book:
    """One terminal in one file. Every method raises Unavailable when the file cannot be read or written."""

    def __init__(self, db: sqlite3.Connection, source: str) -> None:
        self._db = db
        self._source = source

    def close(self) -> None:
        self._db.close()

    def intent(self, order_id: str) -> Intent | None:
        rows = self._rows("SELECT body, day, at, is_over FROM intents WHERE id = ?", order_id)
        return _intent(*rows[0]) if rows else None

    def open(self, account: str) -> list[Intent]:
        """The orders that are not over, oldest first."""
        query = "SELECT body, day, at, is_over FROM intents WHERE account = ? AND NOT is_over ORDER BY at, id"
        return [_intent(*row) for row in self._rows(query, account)]

    def of_day(self, account: str, day: date) -> list[Intent]:
        """The orders that were handed over on a market date, oldest first."""
        query = "SELECT body, day, at, is_over FROM intents WHERE account = ? AND day = ? ORDER BY at, id"
        return [_intent(*row) for row in self._rows(query, account, str(day))]

    @contextmanager
    def batch(self) -> Iterator[None]:
        """All that is written inside is on the disk at the end, or none of it."""
        with translated(self._source), transaction(self._db):
            yield

    def intend(self, order: Order, at: datetime) -> None:
        """Before the SDK is called."""
        with self.batch():
            self._db.execute(
                "INSERT INTO intents (id, account, day, at, body) VALUES (?, ?, ?, ?, ?)",
                (order.id, order.account, str(trading_date(at)), at.isoformat(), order.model_dump_json()),
            )

    def record(self, key: str, report: Report) -> None:
        """Before anybody is told; inside a batch.

        Args:
            key: what is the same when the same thing is reported again; nothing is recorded twice.
        """
        self._db.execute(
            "INSERT INTO reports (order_id, key, body) VALUES (?, ?, ?)",
            (report.order_id, key, report.model_dump_json()),
        )

    def finish(self, order_id: str) -> None:
        """Nothing more is to be looked for; inside a batch."""
        self._db.execute("UPDATE intents SET is_over = 1 WHERE id = ?", (order_id,))

    def told(self, order_id: str) -> dict[str, Report]:
        """All that was told of an order by its key, in order."""
        rows = self._rows("SELECT key, body FROM reports WHERE order_id = ? ORDER BY seq", order_id)
        return {key: Report.model_validate_json(body) for key, body in rows}

    def next_session(self, now: datetime) -> tuple[int, timedelta]:
        """The number that has rested longest, taken; and how long it must still rest."""
        used = dict(self._rows("SELECT id, used_at FROM sessions"))
        number = min(SESSIONS, key=lambda one: used.get(one, ""))
        rested = now - datetime.fromisoformat(used[number]) if number in used else SESSION_RESTS
        wait = max(SESSION_RESTS - rested, timedelta())
        with self.batch():
            values = (number, (now + wait).isoformat())
            self._db.execute("INSERT OR REPLACE INTO sessions (id, used_at) VALUES (?, ?)", values)
        return number, wait

    def _rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with translated(self._source):
            return self._db.execute(query, values).fetchall()


def open_book(path: Path | None, source: str) -> Book:
    """Open the file, or begin it.

    Args:
        path: None keeps it in memory.
        source: what errors call it.

    Raises:
        Unavailable: it cannot be opened, or another process has it.
        Malformed: it is no book of ours.
    """
    with translated(source):
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(":memory:" if path is None else path, timeout=0, isolation_level=None)
        except OSError as error:
            raise Unavailable(source, f"打不开记录文件 {path}：{error.strerror}。请检查文件夹和权限。") from error
        try:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            is_new = not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if not is_new and db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                raise Malformed(source, f"{path} 不是本程序能读的记录文件，请换一个文件名，或升级程序。")
            db.execute("PRAGMA journal_mode = WAL")
            # What is written before an order is sent must be on the disk when it is sent.
            db.execute("PRAGMA synchronous = FULL")
            with transaction(db):
                for statement in _TABLES.split(";\n") if is_new else ():
                    if statement.strip():
                        db.execute(statement)
                db.execute(f"PRAGMA user_version = {_VERSION}")
        except BaseException:
            db.close()
            raise
        return Book(db, source)


def _intent(body: str, day: str, at: str, is_over: int) -> Intent:  # as SQLite has it
    return Intent(Order.model_validate_json(body), date.fromisoformat(day), datetime.fromisoformat(at), bool(is_over))
