"""Databases of the newest revision that hold no row yet, as copies: to migrate one takes longer than most tests on it.

The first of each kind is made by the migrations in every run; where they lead is asked in tests/unit/test_migrations.py.
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final

from adapters.stores.opening import engine_of, prepare
from tests.fakes import postgres

_PATTERN: Final = "pattern"


def file(place: Path) -> Path:
    """An SQLite database there, where none is yet; its folder is made."""
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(_file())
    return place


def server(main: str) -> str:
    """The URL of a PostgreSQL database beside the default one."""
    _pattern_at(main)
    return postgres.emptied(main, like=_PATTERN)


@cache
def _file() -> bytes:
    with tempfile.TemporaryDirectory(prefix="dingpan-") as folder:
        place = Path(folder) / "dingpan.db"
        _migrate(place)
        return place.read_bytes()


@cache
def _pattern_at(main: str) -> None:
    _migrate(postgres.emptied(main, _PATTERN))


def _migrate(url: str | Path) -> None:
    engine = engine_of(url, timedelta(seconds=20))
    prepare(engine)
    engine.dispose()
