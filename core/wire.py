"""What a gateway and its bot say to each other: every question and answer as a frozen record, and frames as bytes.

Questions are posted as JSON to ``/v1/<path>``, answers are JSON, and a failure is a :class:`Fault` with an HTTP status.
One WebSocket, ``/v1/events``, carries :class:`Listen` up and :class:`Hello`, :class:`Event` and packed frames down.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

import numpy as np
from pydantic import Field

from core.bars import Bar, Period
from core.frames import COUNTS, PRICES, RATES, Frame, Ints, Quote
from core.orders import Order, Report
from core.securities import Sighting
from core.types import Mode, Money, Noun, Symbol

VERSION: Final = 1
STALE: Final = timedelta(seconds=5)
"""A wish about money that is older, or comes from a clock that far away, is refused."""
PATIENCE: Final = timedelta(seconds=10)
"""How long a bot waits for the answer to such a wish: twice :data:`STALE`, so that when it stops waiting none that is
still under way can be accepted, whichever of the two clocks is ahead."""
PLACING: Final = timedelta(seconds=8)
"""How long the gateway waits for its broker before it says that it does not know."""


class Right(StrEnum):
    READ = "read"
    TRADE = "trade"

    @property
    def chinese(self) -> str:
        return "查询" if self is Right.READ else "下单和撤单"


class Bounds(Noun):
    """What a bot may do at most, whatever it asks for; buying and selling count alike.

    Attributes:
        order, day, symbol: yuan of one order, of all orders of a day, of all orders of a day in one share.
        band: how many percent worse than the last price an order may be, a buy above it or a sell below; None is any.
        cancels: a minute.
    """

    order: Money = Field(default=Decimal(50_000), gt=0)
    day: Money = Field(default=Decimal(100_000), gt=0)
    symbol: Money = Field(default=Decimal(50_000), gt=0)
    band: Decimal | None = Field(default=Decimal(2), gt=0)
    cancels: int = Field(default=20, ge=0)


class Offer(Noun):
    """An account of the gateway."""

    account: str
    name: str
    mode: Mode


class About(Noun):
    """What a gateway is and allows.

    Attributes:
        at: its clock.
        armed_until: None while it takes no orders.
        stopped: the file that stops everything is there.
        quotes: the name of its quote source; empty without one. ``interval`` is that of its frames, in seconds.
        roster: it can say which securities there are, and on which days they trade.
        certificate_until: of the gateway's own certificate; None where it has none, on loopback.
        troubles: what does not work there, in words for people.
    """

    version: int = VERSION
    at: datetime
    accounts: tuple[Offer, ...]
    rights: tuple[Right, ...]
    armed_until: datetime | None
    stopped: bool
    bounds: Bounds
    quotes: str = ""
    interval: float = 3
    bars: bool = False
    roster: bool = False
    certificate_until: datetime | None = None
    troubles: tuple[str, ...] = ()


class Wish(Noun):
    """An order to place, or to cancel."""

    order: Order
    sent_at: datetime


class Outcome(StrEnum):
    """TAKEN: handed to the broker. REFUSED: certainly not placed. UNKNOWN: nobody knows."""

    TAKEN = "taken"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Answer(Noun):
    outcome: Outcome
    reason: str = ""


class WhichAccount(Noun):
    account: str


class WhichOrder(Noun):
    account: str
    order_id: str


class Found(Noun):
    """None: the broker never saw it, and the gateway will never place it."""

    reports: tuple[Report, ...] | None


class WhichSymbols(Noun):
    symbols: tuple[Symbol, ...]


class Quotes(Noun):
    quotes: tuple[Quote, ...]


class Sightings(Noun):
    """All securities that there are, as :meth:`core.ports.Roster.sightings` says them."""

    sightings: tuple[Sighting, ...]


class CalendarSaid(Noun):
    """Where the trading days of the source differ from ours, one sentence for each difference."""

    differences: tuple[str, ...]


class WhichBars(Noun):
    symbol: Symbol
    period: Period
    count: int = Field(gt=0, le=20_000)


class Bars(Noun):
    bars: tuple[Bar, ...]


class Fault(Noun):
    """Why there is no answer.

    Attributes:
        error: the name of the error that the bot is to raise.
    """

    error: str
    reason: str


class Listen(Noun):
    """The first words of a bot on the WebSocket; later ones change ``symbols`` alone.

    Attributes:
        epoch, after: of the last event that it has dealt with; empty at the beginning.
        accounts: whose reports it wants.
        symbols: whose frames it wants; None is no frames.
    """

    epoch: str = ""
    after: int = 0
    accounts: tuple[str, ...] = ()
    symbols: tuple[Symbol, ...] | None = None


class Hello(Noun):
    """The first words of the gateway.

    Attributes:
        epoch: another one is another life of the gateway, with numbers of its own.
        number: of the newest event that does not follow now.
        reset: what happened since ``after`` is not known here any more: ask :meth:`core.ports.Broker.find`.
    """

    epoch: str
    number: int
    reset: bool


class Event(Noun):
    """A report, numbered without a gap over all accounts."""

    number: int
    report: Report


# --- frames ---

_COLUMNS: Final = (*PRICES, *COUNTS, *RATES, "quoted_at")
_LENGTH: Final = struct.Struct("<I")
MOST_BYTES: Final = 16_000_000


def pack(frame: Frame, wanted: Collection[Symbol] | None = None) -> bytes:
    """A frame as bytes: its words as JSON, its columns as little-endian int64, compressed.

    Args:
        wanted: only these rows; None is all.
    """
    rows = [row for row, symbol in enumerate(frame.symbols) if wanted is None or symbol in wanted]
    words = {
        "source": frame.source,
        "symbols": [frame.symbols[row] for row in rows],
        "names": [frame.names[row] for row in rows] if frame.names else [],
    }
    head = json.dumps(words, ensure_ascii=False, separators=(",", ":")).encode()
    columns = [getattr(frame, name)[rows].astype("<i8").tobytes() for name in _COLUMNS]
    return zlib.compress(
        b"".join((_LENGTH.pack(len(head)), head, *columns, frame.suspended[rows].astype("u1").tobytes())), 1
    )


def unpack(body: bytes, *, at: datetime, like: Frame | None = None) -> Frame:
    """The frame that :func:`pack` made.

    Args:
        at: aware UTC, when it was received.
        like: an earlier one, whose ``symbols`` and ``rows`` are taken over when the list is equal.

    Raises:
        ValueError: it is none.
    """
    try:
        whole = zlib.decompressobj().decompress(body, MOST_BYTES)
        (length,) = _LENGTH.unpack_from(whole)
        words = json.loads(whole[4 : 4 + length])
        symbols, names, source = tuple(map(Symbol, words["symbols"])), tuple(words["names"]), str(words["source"])
    except (zlib.error, struct.error, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    count, start = len(symbols), 4 + length
    size = count * 8
    if len(whole) != start + size * len(_COLUMNS) + count or (names and len(names) != count):
        raise ValueError(f"{len(whole)} bytes for {count} symbols")
    if like is not None and like.symbols == symbols:
        symbols, rows = like.symbols, like.rows
    else:
        rows = {symbol: row for row, symbol in enumerate(symbols)}
    arrays: dict[str, Ints] = {}
    for place, name in enumerate(_COLUMNS):
        raw = np.frombuffer(whole, "<i8", count, start + place * size)
        arrays[name] = raw.astype(np.int64)
    suspended = np.frombuffer(whole, "u1", count, start + size * len(_COLUMNS)).astype(np.bool_)
    return Frame(at=at, source=source, symbols=symbols, rows=rows, **arrays, suspended=suspended, names=names)
