"""What miniQMT knows of the market as a whole: which securities there are, and on which days it trades."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

from adapters.quotes.qmt_link import NAME, PATIENT, Link
from core.calendar import is_trading_day, trading_days
from core.clock import MARKET_ZONE, Clock, market_time
from core.errors import Unavailable
from core.securities import Sighting
from core.types import Money, Symbol

SHARES: Final = ("沪深A股", "京市A股")
"""Without these the list would not be whole: what is absent from it counts as gone."""
OTHERS: Final = ("沪深ETF", "沪深指数")
PIECE: Final = 200
DOWNLOAD_WITHIN: Final = timedelta(seconds=120)
PIECE_WITHIN: Final = timedelta(seconds=60)
LOOK_BACK: Final = timedelta(days=366)
_CODE: Final = re.compile(r"\d{6}\.(?:SH|SZ|BJ)", re.ASCII)
_SHOWN: Final = 5


class QmtRoster:
    """A MarketGuide: the terminal's own lists of sectors, renewed before they are read."""

    def __init__(self, link: Link, clock: Clock) -> None:
        self.name = NAME
        self._link = link
        self._clock = clock

    async def sightings(self, known: Collection[Symbol]) -> Sequence[Sighting]:
        """See :class:`core.ports.Roster`. What is known and in no list is asked for by its code."""
        await self._link.ask(
            "下载板块", lambda xtdata: xtdata.download_sector_data(), within=DOWNLOAD_WITHIN, rank=PATIENT
        )
        members = await self._link.ask("读取板块", _members, within=PIECE_WITHIN, rank=PATIENT)
        empty = [sector for sector in SHARES if not members[sector]]
        if empty:
            raise Unavailable(NAME, f"板块“{'、'.join(empty)}”是空的，请在 miniQMT 里补充板块数据")
        listed = {Symbol(code) for codes in members.values() for code in codes if _CODE.fullmatch(code)}
        unlisted = sorted(set(known).difference(listed))
        found: list[Sighting] = []
        for symbols, may_be_gone in ((sorted(listed), False), (unlisted, True)):
            for start in range(0, len(symbols), PIECE):
                piece = symbols[start : start + PIECE]
                details, ticks = await self._link.ask(
                    "读取证券名称", partial(_details_and_ticks, piece), within=PIECE_WITHIN, rank=PATIENT
                )
                seen = [one for one in piece if not may_be_gone or _trades(details[one])]
                found += [_sighting(one, details[one], ticks.get(one)) for one in seen]
        return found

    async def calendar_differences(self) -> Sequence[str]:
        """Where the terminal's trading days differ from ours, one Chinese sentence for each, for ``dingpan check``.

        The days of the past year, and the holidays of those years that it knows. Its own ``get_trading_calendar`` is
        not asked: it reads the zone of the machine, and raises where a holiday list is missing.

        Raises:
            Unavailable, Malformed
        """

        def read_days(xtdata: Any) -> tuple[list[Any], list[Any]]:
            xtdata.download_holiday_data()
            return xtdata.get_trading_dates("SH"), xtdata.get_holidays()

        traded, holidays = await self._link.ask("读取交易日", read_days, within=PIECE_WITHIN, rank=PATIENT)
        today = market_time(self._clock.now()).date()
        days = [datetime.fromtimestamp(at / 1000, MARKET_ZONE).date() for at in traded]
        return differences(days, [_date(text) for text in holidays], today)


def differences(traded: Collection[date], holidays: Collection[date], today: date) -> list[str]:
    """Compare with our calendar; one Chinese sentence for each kind of difference.

    >>> differences([date(2026, 9, 29), date(2026, 10, 8)], [], date(2026, 10, 9))
    ['miniQMT 没有而本程序的交易日历有的交易日：2026-09-30。']
    """
    told = []
    past = {day for day in traded if today - LOOK_BACK <= day <= today}
    if past:
        ours = set(trading_days(min(past), max(past)))
        told.append(_sentence("miniQMT 没有而本程序的交易日历有的交易日", ours - past))
        told.append(_sentence("miniQMT 有而本程序的交易日历没有的交易日", past - ours))
    coming = {day for day in holidays if day > today}
    told.append(_sentence("miniQMT 当作假日而本程序当作开市的", {day for day in coming if is_trading_day(day)}))
    if coming:
        ours_off = {
            day
            for n in range(1, (max(coming) - today).days + 1)
            if (day := today + timedelta(days=n)).weekday() < 5 and not is_trading_day(day)
        }
        told.append(_sentence("miniQMT 当作开市而本程序当作假日的", ours_off - coming))
    return [sentence for sentence in told if sentence]


def _sentence(what: str, days: Collection[date]) -> str:
    shown = "、".join(f"{day}" for day in sorted(days)[:_SHOWN])
    return f"{what}：{shown}{f' 等 {len(days)} 天' if len(days) > _SHOWN else ''}。" if days else ""


def _date(text: Any) -> date:
    return datetime.strptime(str(text), "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone


def _details_and_ticks(symbols: Sequence[Symbol], xtdata: Any) -> tuple[dict[Symbol, Any], Mapping[str, Any]]:
    return {symbol: xtdata.get_instrument_detail(symbol) for symbol in symbols}, xtdata.get_full_tick(list(symbols))


def _members(xtdata: Any) -> dict[str, list[str]]:
    return {sector: list(xtdata.get_stock_list_in_sector(sector)) for sector in (*SHARES, *OTHERS)}


def _trades(detail: Mapping[str, Any] | None) -> bool:
    """Whether the terminal still has it, and not only in its memory."""
    return bool(detail) and detail is not None and bool(detail.get("IsTrading", True))


def _sighting(symbol: Symbol, detail: Mapping[str, Any] | None, tick: Mapping[str, Any] | None) -> Sighting:
    name = (detail or {}).get("InstrumentName")
    written = name.strip() if isinstance(name, str) else ""
    amount = None if not tick else tick.get("amount")
    plain = isinstance(amount, int | float) and 0 < amount < 10**15
    return Sighting(symbol, written, Money(round(amount)) if plain and amount is not None else None)
