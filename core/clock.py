"""The only reader of time and chance: everything else is told what time it is and which id to use."""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

MARKET_ZONE: Final = ZoneInfo("Asia/Shanghai")
# Crockford's base 32: no I, L, O, U, so that an id can be read aloud and typed on a phone.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_BITS: Final = 40


class Clock(Protocol):
    """Where instants and ids come from."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...

    def new_id(self) -> str:
        """Eight characters of Crockford's base 32 (40 bits): short enough for a button, unique enough for one house."""
        ...


def _spell(number: int) -> str:
    """The low 40 bits in base 32, two digits at a time: ids are made on the way of an alert."""
    return "".join(_PAIRS[number >> shift & 1023] for shift in (30, 20, 10, 0))


class SystemClock:
    """The wall clock and the system's randomness."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def new_id(self) -> str:
        return _spell(secrets.randbits(_BITS))


class ManualClock:
    """A clock that is told the time: replay, demo and tests. It never goes back, and its ids count up from one.

    The same calls give the same ids, which is what makes two replays the same bytes.
    """

    def __init__(self, start: datetime, *, first_id: int = 1) -> None:
        self._now = start.astimezone(UTC)
        self._next_id = first_id

    def now(self) -> datetime:
        return self._now

    def set(self, at: datetime) -> None:
        """Move on to ``at``; an earlier instant is ignored."""
        self._now = max(self._now, at.astimezone(UTC))

    def advance(self, step: timedelta) -> None:
        self.set(self._now + step)

    def new_id(self) -> str:
        number, self._next_id = self._next_id, self._next_id + 1
        return _spell(number)


def market_time(at: datetime) -> datetime:
    """The same instant on the exchange's wall clock."""
    return at.astimezone(MARKET_ZONE)


def midnight(day: date) -> datetime:
    """When a market date begins.

    >>> midnight(date(2026, 3, 24)).isoformat()
    '2026-03-24T00:00:00+08:00'
    """
    return datetime.combine(day, time(), MARKET_ZONE)


def time_text(at: datetime) -> str:
    """``10:31:05`` in market time."""
    return f"{market_time(at):%H:%M:%S}"


def stamp_text(at: datetime) -> str:
    """``03-23 10:31`` in market time."""
    return f"{market_time(at):%m-%d %H:%M}"
