"""What a model costs: dated prices with their peak hours, in yuan per million tokens."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import ROUND_UP, Decimal
from typing import Final, NamedTuple

from core.calendar import is_trading_day
from core.clock import market_time
from core.completions import Usage

MILLION: Final = 1_000_000
_SMALLEST: Final = Decimal("1e-12")


class Price(NamedTuple):
    """Yuan per million tokens: read from the provider's cache, read anew, written."""

    cached: Decimal
    fresh: Decimal
    out: Decimal

    def of(self, usage: Usage) -> Decimal:
        """Yuan of one call, to a millionth of a millionth, and never less than it costs."""
        exact = (self.cached * usage.cached + self.fresh * usage.fresh + self.out * usage.out) / MILLION
        return exact.quantize(_SMALLEST, ROUND_UP).normalize()


class Tariff(NamedTuple):
    """The price that counts, and where it was read.

    Attributes:
        row: ``deepseek-flash 2026-10-17``; ``own`` where the person said it, ``dearest`` where no row is known.
        peak: at the provider's busy hours.
    """

    price: Price
    row: str
    peak: bool


def _price(cached: str, fresh: str, out: str) -> Price:
    return Price(Decimal(cached), Decimal(fresh), Decimal(out))


SCRIPTED: Final = "scripted"
"""The name of the model that is rules of our own: it asks nobody."""
TARIFFS: Final = (
    # model,             from,              off-peak,                 peak.  Source: DeepSeek's price page, 2026-11
    ("deepseek-flash", date(2026, 10, 17), _price("0.02", "1", "4"), _price("0.04", "2", "8")),
    ("deepseek-v4-flash", date(2026, 10, 17), _price("0.02", "1", "4"), _price("0.04", "2", "8")),
    ("deepseek-v4-pro", date(2026, 10, 17), _price("0.15", "4.5", "13.5"), _price("0.30", "9", "27")),
    (SCRIPTED, date.min, _price("0", "0", "0"), _price("0", "0", "0")),
)
"""The newest row of a model that is not in the future counts. A model without a row costs as much as the dearest."""
PEAK: Final = ((time(9), time(12)), (time(14), time(18)))
"""In market time, on working days; weekends and holidays are off-peak. Source: as above."""


def tariff_at(model: str, at: datetime, own: Price | None = None) -> Tariff:
    """What a model costs at an instant.

    Args:
        own: what the person says that it costs; what asks nobody costs nothing all the same.

    >>> at = datetime.fromisoformat("2026-11-18T10:15:00+08:00")
    >>> noon = tariff_at("deepseek-flash", at.replace(hour=12))
    >>> noon.row, noon.peak, noon.price.out, tariff_at("deepseek-flash", at).price.out
    ('deepseek-flash 2026-10-17', False, Decimal('4'), Decimal('8'))
    """
    here = market_time(at)
    peak = is_trading_day(here.date()) and any(begin <= here.time() < end for begin, end in PEAK)
    if own is not None and model != SCRIPTED:
        return Tariff(own, "own", peak)
    rows = [row for row in TARIFFS if row[0] == model and row[1] <= here.date()]
    if rows:
        _, since, quiet, busy = max(rows, key=lambda row: row[1])
        return Tariff(busy if peak else quiet, model if since == date.min else f"{model} {since}", peak)
    return Tariff(max((row[3] for row in TARIFFS), key=lambda price: price.out), "dearest", peak)
