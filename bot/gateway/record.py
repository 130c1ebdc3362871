"""What a gateway passed on, written to the disk before it is: the only thing that it must remember over a restart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

from bot.gateway.limits import Use
from core.errors import Unavailable
from core.types import Symbol

NAME: Final = "网关的委托记录"
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS passed (account TEXT NOT NULL, id TEXT NOT NULL, day TEXT NOT NULL, symbol TEXT NOT NULL,
                                   yuan TEXT NOT NULL, bot TEXT NOT NULL, PRIMARY KEY (account, id))
"""


class Passed:
    """Orders that were handed to a broker, or were about to be when the process ended."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def has(self, account: str, order_id: str) -> bool:
        with _told():
            row = self._db.execute("SELECT 1 FROM passed WHERE account = ? AND id = ?", (account, order_id)).fetchone()
        return row is not None

    def add(self, use: Use, day: date, bot: str) -> None:
        """Raises Unavailable: it could not be written, so it must not be sent."""
        with _told():
            self._db.execute(
                "INSERT INTO passed VALUES (?, ?, ?, ?, ?, ?)",
                (use.account, use.id, day.isoformat(), use.symbol, str(use.yuan), bot),
            )

    def give_back(self, account: str, order_id: str) -> None:
        """It was certainly not placed, and used nothing up."""
        with _told():
            self._db.execute("UPDATE passed SET yuan = '0' WHERE account = ? AND id = ?", (account, order_id))

    def used(self, day: date) -> Sequence[Use]:
        with _told():
            rows = self._db.execute(
                "SELECT id, account, symbol, yuan FROM passed WHERE day = ?", (day.isoformat(),)
            ).fetchall()
        return [
            Use(id=one, account=account, symbol=Symbol(code), yuan=Decimal(yuan)) for one, account, code, yuan in rows
        ]

    def close(self) -> None:
        self._db.close()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(NAME, f"读写不了（{type(error).__name__}），请检查网关那台电脑的磁盘") from None


def open_record(path: Path | None) -> Passed:
    """Open the record; None keeps it in memory.

    Raises:
        Unavailable: it cannot be opened.
    """
    with _told():
        db = sqlite3.connect(path or ":memory:", isolation_level=None, timeout=5)
        db.execute("PRAGMA synchronous = FULL")
        db.execute(_TABLE)
    return Passed(db)
