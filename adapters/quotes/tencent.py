"""Tencent's public quotes: no key and no header, many symbols in one request, snapshots about every 3 seconds.

One statement per symbol, ``v_sh600519="1~贵州茅台~600519~…~";``, in GBK. Between 38 fields (BSE) and 88 were seen, and
the number grows, so fields are read by position. An unknown symbol gets ``v_pv_none_match="1";``, a symbol with the
wrong exchange an empty body.

Units: the volume counts lots, but shares on STAR; every row is held against its amount. The volumes of the order book
count lots; on STAR this is not confirmed, but the rows seen (34, 56, 42, 2 beside a minimum order of 200 shares) only
make sense so.

Source: stored answers of 2026-07 to 2026-09.
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

NAME: Final = "腾讯行情"
BASE_URL: Final = "https://qt.gtimg.cn"
BATCH: Final = 200
TIMEOUT: Final = timedelta(seconds=5)
MOST_BYTES: Final = 1_000_000  # 200 rows have 110,000
# Nobody saw this source ban anyone; where such sources do, it lasts for hours.
BANNED: Final = frozenset({403, 418, 429, 456})
BAN: Final = timedelta(minutes=30)
FIELDS: Final = 38  # the shortest row seen; the price limits come after it
NONE_MATCH: Final = "pv_none_match"
_STATEMENT: Final = re.compile(r'v_(\w+)="([^"]*)"', re.ASCII)
_CODE: Final = re.compile(r"(sh|sz|bj)(\d{6})", re.ASCII)


def parse(body: bytes, received_at: datetime, rejected: list[str] | None = None) -> dict[Symbol, Quote]:
    """The quotes of an answer. A row that cannot be true is left out; it never costs the others.

    Args:
        received_at: aware UTC.
        rejected: gets one Chinese phrase per row that was left out.

    Raises:
        Malformed: nothing in it can be read. An empty body can: it knows none of the symbols.
    """
    quotes: dict[Symbol, Quote] = {}
    reasons: list[str] = []
    unknown = not body.strip()
    # Neither separator can be the second byte of a GBK character, so a row cut inside one cannot swallow the next.
    for piece in re.split(r"[;\r\n]+", body.decode("gb18030", errors="replace")):
        if not piece.strip():
            continue
        statement = _STATEMENT.fullmatch(piece.strip())
        code = _CODE.fullmatch(statement[1]) if statement else None
        if statement is None or (code is None and statement[1] != NONE_MATCH):
            reasons.append(f"不是行情：{piece.strip()[:20]}")
        elif code is None or not statement[2]:
            unknown = True
        else:
            symbol = Symbol(f"{code[2]}.{code[1].upper()}")
            try:
                quotes[symbol] = quote_of(_row(symbol, statement[2]), source=NAME, received_at=received_at)
            except ValueError as error:
                reasons.append(f"{symbol} {error}")
    if reasons and not quotes and not unknown:
        raise Malformed(NAME, f"返回的内容读不懂（{reasons[0]}）")
    if rejected is not None:
        rejected.extend(reasons)
    return quotes


def _row(symbol: Symbol, text: str) -> Row:
    fields = text.split("~")
    if len(fields) < FIELDS:
        raise ValueError(f"只有 {len(fields)} 个字段")
    if fields[2] != code_of(symbol):
        raise ValueError(f"写着另一个代码“{fields[2][:10]}”")
    board = board_of(symbol)
    lot = 10 if board is Board.BOND else 100
    parts = fields[35].split("/")  # last/volume/amount: the only place with the amount in yuan
    return Row(
        symbol=symbol,
        name=fields[1],
        last=fields[3],
        preclose=fields[4],
        open=fields[5],
        high=fields[33],
        low=fields[34],
        limit_up=_at(fields, 47),
        limit_down=_at(fields, 48),
        bid=fields[9],
        ask=fields[19],
        volume=fields[6],
        amount=parts[2] if len(parts) == 3 else "",
        bid_volume=fields[10],
        ask_volume=fields[20],
        units=(1, lot, 10) if board is Board.STAR else (lot, 1, 10, 100),
        book_unit=lot,
        at=fields[30],
        # Said to mean suspended; no such row was seen. Rows without any trade are recognised anyway.
        suspended=_at(fields, 40) == "S",
    )


def _at(fields: list[str], position: int) -> str:
    return fields[position] if position < len(fields) else ""


class TencentQuotes:
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
            body = await self._get(f"{self._base_url}/q={codes}")
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
        try:
            async with asyncio.timeout(self._timeout.total_seconds()), self._client.stream("GET", url) as response:
                if response.status_code in BANNED:
                    raise Unavailable(NAME, f"拒绝了我们（HTTP {response.status_code}），可能请求太频繁", BAN)
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
    return TencentQuotes(ours, base_url, clock, timeout, owns_client=client is None)
