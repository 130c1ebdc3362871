"""Frame: one snapshot of many symbols as arrays, the unit that flows. Quote: one row of it, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from core.clock import market_time
from core.market import price_limits
from core.types import Money, Noun, Price, Shares, Symbol, from_milli, to_milli

Ints = NDArray[np.int64]
PRICES: Final = ("last", "preclose", "open", "high", "low", "limit_up", "limit_down", "bid", "ask")
COUNTS: Final = ("volume", "amount", "bid_volume", "ask_volume")
RATES: Final = ("turnover",)


class Quote(Noun):
    """What is known of one symbol at one instant. None means the source does not say.

    Attributes:
        last: the last trade; None before the first trade of the day or when suspended.
        bid, ask: best prices; None where the side is empty, as the ask side of a share sealed at its upper limit.
        volume: shares traded today; ``amount`` yuan.
        bid_volume, ask_volume: shares waiting at the best prices.
        turnover: percent of the float that was traded today.
        limit_up, limit_down: the day's price limits as the source gives them.
        quoted_at: aware UTC, the source's own time of this price, not of its arrival.
        received_at: aware UTC.
    """

    symbol: Symbol
    name: str = ""
    last: Price | None = None
    preclose: Price | None = None
    open: Price | None = None
    high: Price | None = None
    low: Price | None = None
    limit_up: Price | None = None
    limit_down: Price | None = None
    bid: Price | None = None
    ask: Price | None = None
    volume: Shares = 0
    amount: Money | None = None
    bid_volume: Shares = 0
    ask_volume: Shares = 0
    turnover: Decimal | None = None
    suspended: bool = False
    source: str
    quoted_at: datetime
    received_at: datetime

    @property
    def percent(self) -> Price | None:
        """The day's change in percent of the previous close."""
        if self.last is None or not self.preclose:
            return None
        return (self.last - self.preclose) / self.preclose * 100

    @property
    def worth(self) -> Price | None:
        """What a share is worth: the last price, or the previous close where it has not traded today."""
        return self.last or (None if self.open or self.volume else self.preclose)

    def limit(self, side: Literal["up", "down"], name: str = "", day: date | None = None) -> Price | None:
        """A price limit of the day: the source's own where it gives it, else from the dated table; None without one.

        Args:
            name: used where the source writes none; a name tells special treatment.
            day: market date; None is the day of the quote.
        """
        own = self.limit_up if side == "up" else self.limit_down
        if own is not None or self.preclose is None:
            return own
        found = price_limits(self.symbol, self.name or name, self.preclose, day or market_time(self.quoted_at).date())
        return None if found is None else found.up if side == "up" else found.down


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One snapshot. Every array has one entry per symbol; prices are int64 milli-yuan, 0 where unknown.

    Attributes:
        at: aware UTC, when the snapshot was received (in a replay: the market's instant).
        symbols: a source hands out the same tuple object while its list does not change, so that readers can keep what
            they derived from it.
        rows: row of each symbol.
        amount: yuan, rounded.
        turnover: thousandths of a percent.
        quoted_at: milliseconds since 1970, UTC, per symbol.
        names: as the source writes them; empty strings where it does not.
    """

    at: datetime
    source: str
    symbols: tuple[Symbol, ...]
    rows: Mapping[Symbol, int]
    last: Ints
    preclose: Ints
    open: Ints
    high: Ints
    low: Ints
    limit_up: Ints
    limit_down: Ints
    bid: Ints
    ask: Ints
    volume: Ints
    amount: Ints
    bid_volume: Ints
    ask_volume: Ints
    turnover: Ints
    quoted_at: Ints
    suspended: NDArray[np.bool_]
    names: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.symbols)

    def quote(self, symbol: Symbol) -> Quote | None:
        """The row of ``symbol`` for people; None when the frame does not have it."""
        row = self.rows.get(symbol)
        return None if row is None else self.quote_at(row)

    def quote_at(self, row: int) -> Quote:
        """The quote of a row."""
        # ``item`` gives plain numbers in half the time of an index, and this stands on the way of an alert.
        amount = self.amount.item(row)
        return Quote(
            symbol=self.symbols[row],
            name=self.names[row] if self.names else "",
            last=_price(self.last.item(row)),
            preclose=_price(self.preclose.item(row)),
            open=_price(self.open.item(row)),
            high=_price(self.high.item(row)),
            low=_price(self.low.item(row)),
            limit_up=_price(self.limit_up.item(row)),
            limit_down=_price(self.limit_down.item(row)),
            bid=_price(self.bid.item(row)),
            ask=_price(self.ask.item(row)),
            volume=self.volume.item(row),
            amount=Money(amount) if amount else None,
            bid_volume=self.bid_volume.item(row),
            ask_volume=self.ask_volume.item(row),
            turnover=_price(self.turnover.item(row)),
            suspended=self.suspended.item(row),
            source=self.source,
            quoted_at=datetime.fromtimestamp(self.quoted_at.item(row) / 1000, UTC),
            received_at=self.at,
        )


def _price(milli: int) -> Price | None:
    return from_milli(milli) if milli else None


def frame_of(quotes: Sequence[Quote], *, at: datetime, source: str, like: Frame | None = None) -> Frame:
    """Make a frame of quotes, in their order.

    Args:
        like: an earlier frame of the same source; its ``symbols`` and ``rows`` are taken over when the list is equal.
    """
    symbols = tuple(quote.symbol for quote in quotes)
    if like is not None and like.symbols == symbols:
        symbols, rows = like.symbols, like.rows
    else:
        rows = {symbol: row for row, symbol in enumerate(symbols)}
    arrays: dict[str, Ints] = {
        name: np.array([_milli(getattr(quote, name)) for quote in quotes], dtype=np.int64) for name in (*PRICES, *RATES)
    }
    for name in COUNTS:
        arrays[name] = np.array([round(getattr(quote, name) or 0) for quote in quotes], dtype=np.int64)
    return Frame(
        at=at,
        source=source,
        symbols=symbols,
        rows=rows,
        **arrays,
        quoted_at=np.array([round(quote.quoted_at.timestamp() * 1000) for quote in quotes], dtype=np.int64),
        suspended=np.array([quote.suspended for quote in quotes], dtype=np.bool_),
        names=tuple(quote.name for quote in quotes),
    )


def merged(parts: Sequence[Frame], *, like: Frame | None = None) -> Frame:
    """One frame of several that have no symbol in common; it was received when the last of them was.

    Args:
        like: as in :func:`frame_of`.
    """
    symbols = tuple(symbol for part in parts for symbol in part.symbols)
    if like is not None and like.symbols == symbols:
        symbols, rows = like.symbols, like.rows
    else:
        rows = {symbol: row for row, symbol in enumerate(symbols)}
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in (*PRICES, *RATES, *COUNTS, "quoted_at", "suspended")
    }
    return Frame(
        at=parts[-1].at,
        source="+".join(dict.fromkeys(part.source for part in parts)),
        symbols=symbols,
        rows=rows,
        **arrays,
        names=tuple(name for part in parts for name in part.names),
    )


def _milli(price: Price | None) -> int:
    return 0 if price is None else to_milli(price)


class LatestQuotes:
    """The newest quote of every symbol seen, looked up when asked for: adding a frame costs nothing per symbol."""

    def __init__(self) -> None:
        self._frames: list[Frame] = []

    def add(self, frame: Frame) -> None:
        kept = [old for old in self._frames if old.symbols is not frame.symbols and not _covers(frame, old)]
        self._frames = [frame, *kept]

    def get(self, symbol: Symbol) -> Quote | None:
        frame = self.frame(symbol)
        return None if frame is None else frame.quote_at(frame.rows[symbol])

    def frame(self, symbol: Symbol) -> Frame | None:
        """The newest frame that has this symbol."""
        return next((frame for frame in self._frames if symbol in frame.rows), None)


def _covers(new: Frame, old: Frame) -> bool:
    return len(old) <= len(new) and all(symbol in new.rows for symbol in old.symbols)
