"""What a condition may look at: the quote, what the account holds, and what earlier frames and bars have shown."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal, NamedTuple, Protocol

from core.bars import Period
from core.calendar import MINUTES_A_DAY, minutes_traded
from core.frames import Quote
from core.indicators import Indicators, Rows
from core.types import Money, Price, Shares, to_milli
from core.zones import (
    Gauge,
    Missing,
)

PERIODS: Final[Mapping[Period, str]] = {
    "day": "日",
    "1m": "1分钟",
    "5m": "5分钟",
    "15m": "15分钟",
    "30m": "30分钟",
    "60m": "60分钟",
}
"""What bars are of, and what they are called."""
Way = Literal["up", "down"]


class Input(StrEnum):
    """What a zone hangs on beside the condition itself, and so when it may move."""

    COST = "cost"
    """What the account holds of it and has paid for it."""
    ACCOUNT = "account"
    """The worth of the whole account."""
    REFERENCES = "references"
    """Previous close, open and limits of the day."""
    EXTREMES = "extremes"
    """The day's highest and lowest price so far."""
    DAYS = "days"
    """The closed daily bars."""
    MINUTES = "minutes"
    """The closed minute bars."""
    WINDOW = "window"
    """The prices of the last seconds or minutes."""
    QUEUE = "queue"
    """The largest queue at the limit today."""
    PEAK = "peak"
    """The highest price since the watch was made."""


class Lines(NamedTuple):
    """The indicators of one symbol after its last closed bar."""

    state: Indicators
    row: Rows
    """One row, as an array of one."""
    forming: tuple[Price, Price] | None = None
    """Highest and lowest price of the forming bar, of minutes; that of the day stands in the quote."""


class Past(Protocol):
    """What earlier frames and bars have shown of one symbol."""

    def lines(self, period: Period) -> Lines | None:
        """None while nothing is known."""
        ...

    def window(self, seconds: int) -> tuple[int, int] | None:
        """Lowest and highest price of the last seconds, milli-yuan."""
        ...

    def queue_peak(self, side: Way) -> int:
        """The largest queue at the limit today, in lots; 0 before there was one."""
        ...


class Holding(NamedTuple):
    """What an account holds of the symbol.

    Attributes:
        cost: average yuan per share.
        rest: what the account is worth without this position, yuan; None while that is not known.
    """

    shares: Shares
    cost: Price
    rest: Money | None = None


class View(NamedTuple):
    """What a condition may look at.

    Attributes:
        cost: average cost of the holder's position if there is one.
        past: None where nothing but the quote is known.
        peak: the highest price since the watch was made, milli-yuan.
    """

    quote: Quote
    cost: Price | None = None
    holding: Holding | None = None
    past: Past | None = None
    peak: int | None = None

    def reading(self, gauge: Gauge) -> int | Missing:
        """What a gauge shows."""
        quote = self.quote
        if gauge is Gauge.PRICE:
            if quote.last is None:
                return Missing("今天还没有成交" if not quote.suspended else "停牌")
            return to_milli(quote.last)
        if gauge is Gauge.TOTAL:
            return to_milli(quote.last) if quote.last else Missing("还不知道账户的总资产")
        if gauge is Gauge.OPEN:
            return to_milli(quote.open) if quote.open else Missing("今天还没有开盘价")
        if gauge in {Gauge.VOLUME, Gauge.PACE}:
            lots = quote.volume // 100
            return lots if gauge is Gauge.VOLUME else lots * MINUTES_A_DAY // minutes_traded(quote.quoted_at)
        if gauge is Gauge.AMOUNT:
            return int(quote.amount) // 1000 if quote.amount else Missing("行情里没有成交额")
        if gauge is Gauge.TURNOVER:
            return to_milli(quote.turnover) if quote.turnover else Missing("行情里没有换手率")
        return self._queue("up" if gauge is Gauge.QUEUE_UP else "down")

    def _queue(self, side: Way) -> int | Missing:
        quote, limit = self.quote, self.quote.limit(side)
        ours, theirs = (quote.bid_volume, quote.ask) if side == "up" else (quote.ask_volume, quote.bid)
        if limit is None or quote.last != limit or theirs is not None or not ours:
            return Missing("现在没有封板")
        return ours // 100
