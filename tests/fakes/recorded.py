"""Recorded markets as a source of snapshots would have shown them: real ticks and real minute points become frames.

A recording tells trades alone. The book is left empty, which makes nothing sealed and nothing bid; the day's range,
volume and amount are added up, and the limits are those of the dated table.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from core.bars import Bar, day_label
from core.calendar import AFTERNOON_OPENS, MORNING_OPENS
from core.clock import MARKET_ZONE
from core.frames import Frame, Quote, frame_of
from core.market import price_limits
from core.types import Price, Shares, Symbol, parse_symbol

STEP: Final = timedelta(seconds=3)
MINUTE: Final = timedelta(minutes=1)
NAMES: Final = {
    Symbol("000001.SZ"): "平安银行",
    Symbol("000002.SZ"): "万科A",
    Symbol("000004.SZ"): "国农科技",
    Symbol("000005.SZ"): "世纪星源",
    Symbol("600000.SH"): "浦发银行",
    Symbol("600004.SH"): "白云机场",
    Symbol("000001.SH"): "上证指数",
}
"""As they were called in the winter of 2018: two of them have borne risk warnings since, with other limits."""


_OF_TICKS: Final = (
    (time(9, 25, 3), time(9, 25, 3)),
    (MORNING_OPENS, time(11, 30, 3)),
    (AFTERNOON_OPENS, time(15, 0, 3)),
)
"""When snapshots come; the last print of a session comes some seconds after its bell."""


class Trade(NamedTuple):
    """What was traded up to ``at`` (aware, market time) since the row before."""

    symbol: Symbol
    at: datetime
    price: Price
    shares: Shares


def read(path: Path, late: timedelta = timedelta()) -> list[Trade]:
    """The rows of a file of ticks or minute points, in order of time.

    Args:
        late: how long after its label a row is known: a minute point bears the beginning of its minute.
    """
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Trade(
                parse_symbol(row["symbol"].removesuffix("(index)")),
                datetime.fromisoformat(row["time"]).replace(tzinfo=MARKET_ZONE) + late,
                Decimal(row["price"]),
                int(row["volume"]),
            )
            for row in csv.DictReader(file)
        ]


@dataclass
class _Day:
    """What a snapshot says of one symbol's day so far."""

    symbol: Symbol
    day: date
    preclose: Price | None
    last: Price | None = None
    open: Price | None = None
    high: Price | None = None
    low: Price | None = None
    volume: Shares = 0
    amount: Decimal = Decimal(0)

    def trade(self, one: Trade) -> None:
        self.last = one.price
        self.open = self.open or one.price
        self.high = max(self.high or one.price, one.price)
        self.low = min(self.low or one.price, one.price)
        self.volume += one.shares
        self.amount += one.price * one.shares

    def quote(self, at: datetime) -> Quote:
        limits = None
        if self.preclose is not None:
            limits = price_limits(self.symbol, NAMES[self.symbol], self.preclose, self.day)
        return Quote(
            symbol=self.symbol,
            name=NAMES[self.symbol],
            last=self.last,
            preclose=self.preclose,
            open=self.open,
            high=self.high,
            low=self.low,
            limit_up=limits and limits.up,
            limit_down=limits and limits.down,
            volume=self.volume,
            amount=self.amount,
            source="录下的行情",
            quoted_at=at,
            received_at=at,
        )


def snapshots(trades: Sequence[Trade], closes: Mapping[Symbol, Price]) -> Iterator[Frame]:
    """A frame every three seconds of trading, each after the opening auction's, as a source of snapshots gives them."""
    return _frames(trades, closes, _every_three_seconds)


def minutes(trades: Sequence[Trade], closes: Mapping[Symbol, Price]) -> Iterator[Frame]:
    """A frame for each minute of the recording."""
    return _frames(trades, closes, lambda today: sorted({one.at for one in today}))


def _frames(
    trades: Sequence[Trade], closes: Mapping[Symbol, Price], times_of: Callable[[Sequence[Trade]], Sequence[datetime]]
) -> Iterator[Frame]:
    closed = dict(closes)
    before: Frame | None = None
    for day, rows in groupby(sorted(trades, key=lambda one: one.at), lambda one: one.at.date()):
        today = list(rows)
        known = {one: _Day(one, day, closed.get(one)) for one in dict.fromkeys(sorted(each.symbol for each in today))}
        coming = iter([*today, None])
        trade = next(coming)
        for at in times_of(today):
            while trade is not None and trade.at <= at:
                known[trade.symbol].trade(trade)
                trade = next(coming)
            frame = frame_of([each.quote(at) for each in known.values()], at=at, source="录下的行情", like=before)
            before = frame
            yield frame
        assert trade is None, "every trade is shown"
        closed |= {one: each.last for one, each in known.items() if each.last is not None}


def _every_three_seconds(today: Sequence[Trade]) -> Sequence[datetime]:
    found = []
    for opens, closes in _OF_TICKS:
        at, end = (datetime.combine(today[0].at.date(), clock, MARKET_ZONE) for clock in (opens, closes))
        while at <= end:
            found.append(at)
            at += STEP
    return found


def days(trades: Sequence[Trade]) -> list[Bar]:
    """The bars of the days of a recording."""
    bars = []
    for (symbol, day), rows in groupby(sorted(trades), lambda one: (one.symbol, one.at.date())):
        own = list(rows)
        prices = [one.price for one in own]
        volume = sum(one.shares for one in own)
        bars.append(Bar(symbol, day_label(day), prices[0], max(prices), min(prices), prices[-1], volume, None))
    return bars
