"""miniQMT's bars: downloaded by the terminal first, then read from what it has on its disk.

It stores ticks, 1-minute, 5-minute and daily bars; longer ones are made of those of 5 minutes. Days are adjusted by
ratios, as everything here is. The bar of today is made of the newest tick where the terminal has not written it yet.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from adapters.quotes.qmt_link import NAME, PATIENT, Link
from adapters.quotes.qmt_rows import Facts, bars_of, download_start, facts_of, read, step_of, with_today
from core.bars import Bar, Period, day_label
from core.clock import Clock, market_time
from core.errors import Malformed
from core.types import Money, Price, Symbol, from_milli

log: Final = logging.getLogger(__name__)

WITHIN: Final = timedelta(seconds=60)
"""A download and a read, the wait for others included."""
MOST: Final = 5000
_PERIODS: Final[Mapping[Period, str]] = {
    "day": "1d", "1m": "1m", "5m": "5m", "15m": "15m", "30m": "30m", "60m": "60m",
}  # fmt: skip
_STORED: Final[Mapping[Period, str]] = {"day": "1d", "1m": "1m"}
_FIELDS: Final = ("time", "open", "high", "low", "close", "volume", "amount", "suspendFlag")


class QmtBars:
    """A BarFetcher. One symbol at a time, behind whoever wants a price."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self.name = f"{NAME}K线"
        self.rejected_rows = 0
        self._link = link
        self._clock = clock

    async def bars(self, symbol: Symbol, period: Period, count: int) -> Sequence[Bar]:
        """See :class:`core.ports.BarFetcher`."""
        now, most = self._clock.now(), min(count, MOST)
        start = f"{download_start(period, most, market_time(now).date()):%Y%m%d}"
        # Filler is dropped afterwards, so more is read than is wanted.
        many = most + most // 5 + 10

        def read_all(xtdata: Any) -> tuple[Any, Any, Any]:
            detail = xtdata.get_instrument_detail(symbol)
            if detail is None:
                return None, None, None
            xtdata.download_history_data2([symbol], _STORED.get(period, "5m"), start, "", None, True)
            table = xtdata.get_market_data_ex(
                list(_FIELDS),
                [symbol],
                _PERIODS[period],
                count=many,
                dividend_type="front_ratio" if period == "day" else "none",
                fill_data=False,
            )
            return detail, table.get(symbol), xtdata.get_full_tick([symbol]).get(symbol)

        detail, table, tick = await self._link.ask("下载K线", read_all, within=WITHIN, rank=PATIENT)
        facts = facts_of(symbol, detail)
        if facts is None:
            return ()
        why: list[str] = []
        found = self._read(symbol, period, table, why)
        if period == "day":
            found = with_today(found, *_today(symbol, facts, tick or {}, now, why))
        if why:
            self.rejected_rows += len(why)
            log.info("%s: left out %d rows, the first: %s", self.name, len(why), why[0])
        return found[-count:]

    def _read(self, symbol: Symbol, period: Period, table: Any, why: list[str]) -> list[Bar]:
        if table is None or not len(table):
            return []
        try:
            columns = {name: table[name].tolist() for name in _FIELDS}
        except (KeyError, AttributeError) as error:
            raise Malformed(self.name, f"miniQMT 返回的K线读不懂（缺 {error}）") from None
        found = bars_of(symbol, period, columns, why)
        if why and not found:
            raise Malformed(self.name, f"miniQMT 返回的K线读不懂（{why[0]}）")
        return found


def _today(
    symbol: Symbol, facts: Facts, tick: Mapping[str, Any], now: datetime, why: list[str]
) -> tuple[Bar | None, Price | None]:
    """The bar of today as far as it has come, and the previous close that it stands on."""
    rows = read([symbol], [tick], [facts.step or step_of(symbol)], now)
    why += rows.why
    row = {name: values.item(0) for name, values in rows.columns.items()}
    day = market_time(now).date()
    quoted_on = market_time(datetime.fromtimestamp(row["quoted_at"] / 1000, now.tzinfo)).date()
    if not rows.good.item(0) or not row["last"] or not row["open"] or not row["volume"] or quoted_on != day:
        return None, None
    opened, high, low, close = (from_milli(row[name]) for name in ("open", "high", "low", "last"))
    bar = Bar(symbol, day_label(day), opened, high, low, close, row["volume"], Money(row["amount"]))
    return bar, from_milli(row["preclose"]) if row["preclose"] else None
