"""What a model costs: dated prices with their peak hours, in yuan per million tokens."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Final, NamedTuple

from core.calendar import is_trading_day
from core.clock import market_time
from core.completions import Usage

MILLION: Final = 1_000_000


class Price(NamedTuple):
    """Yuan per million tokens: read from the provider's cache, read anew, written."""

    cached: Decimal
    fresh: Decimal
    out: Decimal

    def of(self, usage: Usage) -> Decimal:
        """Yuan of one call."""
        return (self.cached * usage.cached + self.fresh * usage.fresh + self.out * usage.out) / MILLION


def _price(cached: str, fresh: str, out: str) -> Price:
    return Price(Decimal(cached), Decimal(fresh), Decimal(out))


TARIFFS: Final = (
    # model,             from,              off-peak,                 peak.  Source: DeepSeek's price page, 2026-11
    ("deepseek-flash", date(2026, 10, 17), _price("0.02", "1", "4"), _price("0.04", "2", "8")),
    ("deepseek-v4-flash", date(2026, 10, 17), _price("0.02", "1", "4"), _price("0.04", "2", "8")),
    ("deepseek-v4-pro", date(2026, 10, 17), _price("0.15", "4.5", "13.5"), _price("0.30", "9", "27")),
)
"""The newest row of a model that is not in the future counts. A model without a row costs as much as the dearest."""
PEAK: Final = ((time(9), time(12)), (time(14), time(18)))
"""In market time, on working days; weekends and holidays are off-peak. Source: as above."""


def price_at(model: str, at: datetime) -> Price:
    """What a model costs at an instant.

    >>> at = datetime.fromisoformat("2026-11-18T10:15:00+08:00")
    >>> price_at("deepseek-flash", at).out, price_at("deepseek-flash", at.replace(hour=20)).out
    (Decimal('8'), Decimal('4'))
    """
    here = market_time(at)
    busy = is_trading_day(here.date()) and any(begin <= here.time() < end for begin, end in PEAK)
    rows = [row for row in TARIFFS if row[0] == model and row[1] <= here.date()]
    if rows:
        _, _, quiet, peak = max(rows, key=lambda row: row[1])
        return peak if busy else quiet
    return max((row[3] for row in TARIFFS), key=lambda price: price.out)
