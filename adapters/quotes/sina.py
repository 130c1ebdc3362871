"""Sina's public quotes: no key, but a Referer, many symbols in one request. No price limits.

One statement per symbol, ``var hq_str_sh600000="浦发银行,6.830,…,2022-11-11,15:00:00,00,";``, in GBK, 33 or 34 fields.
An unknown symbol gets an empty string. Without the Referer the answer is 403 and ``Kinsoku jikou desu!``, and so it is
for many addresses abroad.

Units: volumes count shares, here and in the order book; every row is held against its amount. What an index row counts
is not known, so an index has no volume here.

Source: stored answers of 2019 to 2023, users' reports up to 2025.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from core.clock import Clock
from core.errors import Malformed, Unavailable
from core.frames import Quote
from core.market import Board, board_of
from core.polling import Row, WebQuotes, quote_of
from core.types import Symbol, code_of, exchange_of

if TYPE_CHECKING:
    import httpx

log: Final = logging.getLogger(__name__)

NAME: Final = "新浪行情"
BASE_URL: Final = "https://hq.sinajs.cn"
REFERER: Final = "https://finance.sina.com.cn"
BATCH: Final = 400
TIMEOUT: Final = timedelta(seconds=5)
MOST_BYTES: Final = 1_000_000  # 400 rows have 110,000
BANNED: Final = frozenset({403, 418, 429, 456})
# Source: users report that a ban lifts after minutes to hours.
BAN: Final = timedelta(minutes=30)
REFUSAL: Final = b"Kinsoku jikou desu"
FIELDS: Final = 32  # up to the time; what follows is optional
_STATEMENT: Final = re.compile(r'var hq_str_(sh|sz|bj)(\d{6})="([^"]*)"', re.ASCII)


def parse(body: bytes, received_at: datetime, rejected: list[str] | None = None) -> dict[Symbol, Quote]:
    """The quotes of an answer. A row that cannot be true is left out; it never costs the others.

    Args:
        received_at: aware UTC.
        rejected: gets one Chinese phrase per row that was left out.

    Raises:
        Malformed: nothing in it can be read.
    """
    quotes: dict[Symbol, Quote] = {}
    reasons: list[str] = []
    unknown = False
    # Neither separator can be the second byte of a GBK character, so a row cut inside one cannot swallow the next.
    for piece in re.split(r"[;\r\n]+", body.decode("gb18030", errors="replace")):
        if not piece.strip():
            continue
        statement = _STATEMENT.fullmatch(piece.strip())
        if statement is None:
            reasons.append(f"不是行情：{piece.strip()[:20]}")
        elif not statement[3]:
            unknown = True
        else:
            symbol = Symbol(f"{statement[2]}.{statement[1].upper()}")
            try:
                quotes[symbol] = quote_of(_row(symbol, statement[3]), source=NAME, received_at=received_at)
            except ValueError as error:
                reasons.append(f"{symbol} {error}")
    if not quotes and not unknown:
        raise Malformed(NAME, f"返回的内容读不懂（{reasons[0] if reasons else '空白'}）")
    if rejected is not None:
        rejected.extend(reasons)
    return quotes


def _row(symbol: Symbol, text: str) -> Row:
    fields = text.split(",")
    if len(fields) < FIELDS:
        raise ValueError(f"只有 {len(fields)} 个字段")
    return Row(
        symbol=symbol,
        name=fields[0],
        last=fields[3],
        preclose=fields[2],
        open=fields[1],
        high=fields[4],
        low=fields[5],
        bid=fields[11],
        ask=fields[21],
        volume=fields[8],
        amount=fields[9],
        bid_volume=fields[10],
        ask_volume=fields[20],
        units=() if board_of(symbol) is Board.INDEX else (1, 10, 100),
        book_unit=1,
        at=re.sub(r"[-:]", "", fields[30] + fields[31]),
        # Said to mean suspended; no such row was seen. Rows without any trade are recognised anyway.
        suspended=len(fields) > FIELDS and fields[32] == "03",
    )


class SinaQuotes:
    name = NAME

    def __init__(
        self, client: httpx.AsyncClient, base_url: str, clock: Clock, timeout: timedelta, *, owns_client: bool
    ) -> None:
        self.rejected_rows = 0
        self._client = client
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._timeout = timeout
        self._owns_client = owns_client

    async def fetch(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        wanted = list(dict.fromkeys(symbols))
        found: dict[Symbol, Quote] = {}
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            codes = ",".join(exchange_of(symbol).lower() + code_of(symbol) for symbol in batch)
            body = await self._get(f"{self._base_url}/list={codes}")
            if REFUSAL in body[:200]:
                raise Unavailable(NAME, "拒绝了我们，可能请求太频繁，或本机地址在境外", BAN)
            rejected: list[str] = []
            answer = parse(body, self._clock.now(), rejected)
            found |= {symbol: answer[symbol] for symbol in batch if symbol in answer}
            if rejected:
                self.rejected_rows += len(rejected)
                log.warning("%s: left out %d rows, the first: %s", NAME, len(rejected), rejected[0])
        return found

    async def close(self) -> None:
        if self._owns_client:
            await self._client.aclose()

    async def _get(self, url: str) -> bytes:
        import httpx

        body = bytearray()
        request = self._client.stream("GET", url, headers={"Referer": REFERER})
        try:
            async with asyncio.timeout(self._timeout.total_seconds()), request as response:
                if response.status_code in BANNED:
                    reason = f"拒绝了我们（HTTP {response.status_code}），可能请求太频繁，或本机地址在境外"
                    raise Unavailable(NAME, reason, BAN)
                if response.status_code != 200:
                    raise Unavailable(NAME, f"服务器出错（HTTP {response.status_code}）")
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise Malformed(NAME, "返回的内容太长，不像行情")
        except (TimeoutError, httpx.TimeoutException):
            raise Unavailable(NAME, f"超过 {self._timeout.total_seconds():g} 秒没有回答，请检查网络") from None
        except httpx.ConnectError:
            raise Unavailable(NAME, "连不上，请检查网络") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Unavailable(NAME, f"连接中断（{type(error).__name__}）") from None
        return bytes(body)


def connect(
    *,
    clock: Clock,
    client: httpx.AsyncClient | None = None,
    base_url: str = BASE_URL,
    proxy: str | None = None,
    timeout: timedelta = TIMEOUT,
) -> WebQuotes:
    """Ready to be asked; nothing is sent yet.

    Args:
        client: stays the caller's to close; without one, ``close`` ends our own.
        proxy: for our own client. The proxy variables of the environment are not read: they are set for hosts abroad,
            and this host refuses many addresses abroad.
        timeout: for a whole request.
    """
    import httpx

    ours = client or httpx.AsyncClient(proxy=proxy, trust_env=False, timeout=timeout.total_seconds())
    return SinaQuotes(ours, base_url, clock, timeout, owns_client=client is None)
