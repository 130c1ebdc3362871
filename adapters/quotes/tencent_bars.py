"""Tencent's public bars: no key; one symbol, one period and at most 320 bars in one request.

Days, forward adjusted: ``/appstock/app/fqkline/get?param=sh600519,day,,,320,qfq`` answers
``{"code":0,"data":{"sh600519":{"qfqday":[["2026-09-24","28.05","28.40","29.50","27.80","428580.00",{},"17.36",
"122264.15",""],…]}}}``, the key being ``day`` where nothing is adjusted (funds, indexes, BSE). A row is the day, open,
CLOSE, high, low, volume, what was paid out, turnover in percent, amount in 10,000 yuan. Minutes, as traded:
``/appstock/app/kline/mkline?param=sh600519,m5,,320`` answers with rows of ``202609241000``, open, CLOSE, high, low,
volume under ``m5``; they have no amount. The newest row is the bar that is still forming.

Units: the volume counts lots, but shares on STAR. Where there are amounts, the newest rows are held against them, whose
prices are the least adjusted; the volume of minutes is taken to count what that of days does.

Source: stored answers of 2026-09 (days); users' programs (minutes). A program that asked thousands of times in a row
was given empty answers, which we take for a refusal.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from adapters.quotes.web import TIMEOUT, Web, open_web, web_code
from core.bars import MINUTES, Bar, Period, day_label
from core.calendar import session_close
from core.clock import MARKET_ZONE, Clock, time_text
from core.errors import Malformed, Unavailable
from core.market import Board, board_of
from core.polling import shares_traded
from core.types import Money, Price, Symbol, from_milli, to_milli

if TYPE_CHECKING:
    import httpx

log: Final = logging.getLogger(__name__)

NAME: Final = "腾讯K线"
DAYS_URL: Final = "https://web.ifzq.gtimg.cn"
MINUTES_URL: Final = "https://ifzq.gtimg.cn"
REFERER: Final = "https://gu.qq.com/"
PACE: Final = timedelta(seconds=0.2)
MOST: Final = 320
_DECISIVE: Final = 20
"""So many of the newest rows are asked in which unit the volume counts."""
_TEN_THOUSAND: Final = 10_000
# Nothing real is larger, and everything below fits into int64.
_MOST_MILLI: Final = 10**10
_MOST_COUNT: Final = 10**15


def parse(body: bytes, symbol: Symbol, period: Period, rejected: list[str] | None = None) -> list[Bar]:
    """The bars of an answer, oldest first. A row that cannot be true is left out; it never costs the others.

    Args:
        rejected: gets one Chinese phrase per row that was left out.

    Raises:
        Malformed: it cannot be read.
    """
    rows = _rows(body, web_code(symbol), period)
    bars: list[Bar] = []
    reasons: list[str] = []
    for row in rows:
        try:
            bars.append(_bar(symbol, period, row))
        except (ValueError, ArithmeticError, IndexError, TypeError) as error:
            reasons.append(f"{symbol} {str(row)[:40]}（{error or type(error).__name__}）")
    if rows and not bars:
        raise Malformed(NAME, f"返回的内容读不懂（{reasons[0]}）")
    if rejected is not None:
        rejected.extend(reasons)
    unit = _unit(symbol, bars)
    counted = {bar.time: replace(bar, volume=bar.volume * unit) for bar in bars}
    return [counted[at] for at in sorted(counted)]


def _rows(body: bytes, code: str, period: Period) -> Sequence[Any]:
    try:
        answer = json.loads(body)
        data = answer["data"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Malformed(NAME, "返回的内容读不懂，不是K线") from None
    if answer.get("code", 0) != 0:
        raise Malformed(NAME, f"不肯回答（{str(answer.get('msg'))[:40]}）")
    known = data.get(code) if isinstance(data, dict) else None
    if not isinstance(known, dict):
        return ()  # it knows no such symbol
    keys = ("qfqday", "day") if period == "day" else (f"m{MINUTES[period]}",)
    found = next((known[key] for key in keys if key in known), ())
    if not isinstance(found, list | tuple):
        raise Malformed(NAME, "返回的内容读不懂，不是K线")
    return found


def _bar(symbol: Symbol, period: Period, row: Sequence[Any]) -> Bar:
    """A row; its volume still in the unit of the source.

    Raises:
        ValueError, ArithmeticError, IndexError, TypeError
    """
    written = str(row[0])
    if period == "day":
        at = day_label(datetime.strptime(written, "%Y-%m-%d").date())  # noqa: DTZ007 - a date has no zone
    else:
        at = datetime.strptime(written, "%Y%m%d%H%M").replace(tzinfo=MARKET_ZONE).astimezone(UTC)
        if at > session_close(at.astimezone(MARKET_ZONE).date()):
            raise ValueError("盘后")
    opened, close, high, low, volume = (Decimal(str(text)) for text in row[1:6])
    if not (low <= high and 0 <= volume < _MOST_COUNT):
        raise ValueError("价格或成交量不可能")
    # Adjusting rounds each of the four by itself.
    prices = [to_milli(price) for price in (opened, max(opened, high, close), min(opened, low, close), close)]
    if not 0 < min(prices) <= max(prices) < _MOST_MILLI:
        raise ValueError("价格不可能")
    return Bar(symbol, at, *_prices(prices), int(volume), _amount(row) if period == "day" else None)


def _prices(milli: Sequence[int]) -> tuple[Price, Price, Price, Price]:
    opened, high, low, close = (from_milli(price) for price in milli)
    return opened, high, low, close


def _amount(row: Sequence[Any]) -> Money | None:
    try:
        amount = Decimal(str(row[8])) * _TEN_THOUSAND
    except (IndexError, InvalidOperation):
        return None
    return amount if 0 < amount < _MOST_COUNT else None


def _unit(symbol: Symbol, bars: Sequence[Bar]) -> int:
    """Shares per unit of volume; 0 where no unit fits the amounts."""
    board = board_of(symbol)
    lot = 10 if board is Board.BOND else 100
    units = (1, lot, 10) if board is Board.STAR else (lot, 1, 10, 100)
    telling = [bar for bar in bars[-_DECISIVE:] if bar.volume and bar.amount]
    if board is Board.INDEX or not telling:
        return units[0]  # an index is no average of prices
    for bar in reversed(telling):
        assert bar.amount is not None
        shares = shares_traded(bar.volume, bar.amount, to_milli(bar.low), to_milli(bar.high), units)
        if shares:
            return shares // bar.volume
    return 0


class TencentBars:
    """A BarFetcher. One request at a time, and not too soon after the one before; a refusal rests half an hour."""

    def __init__(
        self, web: Web, clock: Clock, sleep: Callable[[float], Awaitable[object]], days_url: str, minutes_url: str
    ) -> None:
        self.name = NAME
        self.rejected_rows = 0
        self._web = web
        self._clock = clock
        self._sleep = sleep
        self._days_url = days_url.rstrip("/")
        self._minutes_url = minutes_url.rstrip("/")
        self._turn = asyncio.Lock()
        self._asked_at: datetime | None = None
        self._rests_until: datetime | None = None

    async def bars(self, symbol: Symbol, period: Period, count: int) -> Sequence[Bar]:
        code, most = web_code(symbol), min(count, MOST)
        if period == "day":
            url = f"{self._days_url}/appstock/app/fqkline/get?param={code},day,,,{most},qfq"
        else:
            url = f"{self._minutes_url}/appstock/app/kline/mkline?param={code},m{MINUTES[period]},,{most}"
        async with self._turn:
            body = await self._ask(url)
        rejected: list[str] = []
        found = parse(body, symbol, period, rejected)
        if rejected:
            self.rejected_rows += len(rejected)
            log.info("%s: left out %d rows, the first: %s", self.name, len(rejected), rejected[0])
        return found[-count:]

    async def close(self) -> None:
        await self._web.close()

    async def _ask(self, url: str) -> bytes:
        now = self._clock.now()
        if self._rests_until is not None and now < self._rests_until:
            raise Unavailable(
                self.name, f"拒绝过我们，{time_text(self._rests_until)} 以后再问", self._rests_until - now
            )
        if self._asked_at is not None and now - self._asked_at < PACE:
            await self._sleep((PACE - max(now - self._asked_at, timedelta())).total_seconds())
        try:
            body = await self._web.get(url)
            if not body.strip():
                raise self._web.banned("没有给出内容，可能请求太频繁")
        except Unavailable as error:
            if error.retry_after is not None:
                self._rests_until = self._clock.now() + error.retry_after
            raise
        finally:
            self._asked_at = self._clock.now()
        return body


def connect(
    *,
    clock: Clock,
    client: httpx.AsyncClient | None = None,
    base_url: str | None = None,
    proxy: str | None = None,
    timeout: timedelta = TIMEOUT,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> TencentBars:
    """Ready to be asked; nothing is sent yet. For the arguments see :func:`~adapters.quotes.web.open_site`.

    Args:
        base_url: of a server that forwards both kinds of request.
    """
    web = open_web(NAME, headers={"Referer": REFERER}, client=client, proxy=proxy, timeout=timeout)
    return TencentBars(web, clock, sleep, base_url or DAYS_URL, base_url or MINUTES_URL)
