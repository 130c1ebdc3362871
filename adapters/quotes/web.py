"""What the public quote sites have in common: batches over HTTP, a deadline, a size limit, and what a failure means."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from core.clock import Clock
from core.errors import Malformed, Unavailable
from core.frames import Quote
from core.polling import Row, quote_of
from core.types import Symbol, code_of, exchange_of

if TYPE_CHECKING:
    import httpx

log: Final = logging.getLogger(__name__)

TIMEOUT: Final = timedelta(seconds=5)
MOST_BYTES: Final = 1_000_000  # a full batch has about 110,000
# Source: users report that a ban lifts after minutes to hours.
BANNED: Final = frozenset({403, 418, 429, 456})
BAN: Final = timedelta(minutes=30)

Parse = Callable[[bytes, datetime, list[str]], dict[Symbol, Quote]]


@dataclass(frozen=True)
class Site:
    """One public site.

    Attributes:
        query: what stands between the address and the comma-separated codes.
        batch: symbols in one request.
        ban_note: added to what a person is told of a refusal.
        refusal: bytes near the beginning of a body that says no with status 200.
        parse: body, time of arrival and a list for the reasons of left-out rows; raises Malformed.
    """

    name: str
    base_url: str
    query: str
    batch: int
    parse: Parse
    headers: Mapping[str, str] = field(default_factory=dict)
    ban_note: str = ""
    refusal: bytes | None = None


class Web:
    """Asks one public site, and says what a failure means.

    Args:
        name: what the site is called when it fails.
        ours: the client is to be closed with this.
        ban_note, refusal: see :class:`Site`.
    """

    def __init__(
        self,
        name: str,
        client: httpx.AsyncClient,
        timeout: timedelta,
        *,
        ours: bool,
        headers: Mapping[str, str],
        ban_note: str = "",
        refusal: bytes | None = None,
    ) -> None:
        self.name = name
        self._client = client
        self._timeout = timeout
        self._ours = ours
        self._headers = dict(headers)
        self._ban_note = ban_note
        self._refusal = refusal

    async def get(self, url: str) -> bytes:
        """The body of an answer.

        Raises:
            Unavailable, Malformed
        """
        import httpx

        body = bytearray()
        request = self._client.stream("GET", url, headers=self._headers)
        try:
            async with asyncio.timeout(self._timeout.total_seconds()), request as response:
                if response.status_code in BANNED:
                    raise self.banned(f"拒绝了我们（HTTP {response.status_code}），可能请求太频繁")
                if response.status_code != 200:
                    raise Unavailable(self.name, f"服务器出错（HTTP {response.status_code}）")
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        raise Malformed(self.name, "返回的内容太长，不像行情")
        except (TimeoutError, httpx.TimeoutException):
            raise Unavailable(self.name, f"超过 {self._timeout.total_seconds():g} 秒没有回答，请检查网络") from None
        except httpx.ConnectError:
            raise Unavailable(self.name, "连不上，请检查网络") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Unavailable(self.name, f"连接中断（{type(error).__name__}）") from None
        if self._refusal is not None and self._refusal in body[:200]:
            raise self.banned("拒绝了我们，可能请求太频繁")
        return bytes(body)

    def banned(self, reason: str) -> Unavailable:
        return Unavailable(self.name, reason + self._ban_note, BAN)

    async def close(self) -> None:
        if self._ours:
            await self._client.aclose()


class WebQuotes:
    """A QuoteFetcher over a site; the batches of one call go one after the other."""

    def __init__(self, site: Site, web: Web, base_url: str, clock: Clock) -> None:
        self.name = site.name
        self.rejected_rows = 0
        self._site = site
        self._web = web
        self._base_url = base_url.rstrip("/")
        self._clock = clock

    async def fetch(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        wanted = list(dict.fromkeys(symbols))
        found: dict[Symbol, Quote] = {}
        for start in range(0, len(wanted), self._site.batch):
            batch = wanted[start : start + self._site.batch]
            codes = ",".join(map(web_code, batch))
            body = await self._web.get(f"{self._base_url}{self._site.query}{codes}")
            rejected: list[str] = []
            answer = self._site.parse(body, self._clock.now(), rejected)
            found |= {symbol: answer[symbol] for symbol in batch if symbol in answer}
            if rejected:
                self.rejected_rows += len(rejected)
                log.warning("%s: left out %d rows, the first: %s", self.name, len(rejected), rejected[0])
        return found

    async def close(self) -> None:
        await self._web.close()


def web_code(symbol: Symbol) -> str:
    """``sh600519``, as these sites write it."""
    return exchange_of(symbol).lower() + code_of(symbol)


def read_rows(
    body: bytes,
    received_at: datetime,
    rejected: list[str] | None,
    *,
    source: str,
    statement: Callable[[str], tuple[str, str] | None],
    row: Callable[[Symbol, str], Row],
    empty_is_answer: bool = False,
) -> dict[Symbol, Quote]:
    """The quotes of an answer of statements in GBK. A row that cannot be true is left out; it never costs the others.

    Args:
        received_at: aware UTC.
        rejected: gets one Chinese phrase per row that was left out.
        statement: takes one apart into the code as ``sh600519`` and the row, either empty where the site knows no such
            symbol; None for what is no statement.
        row: reads the row; raises ValueError.
        empty_is_answer: an empty body says that the site knows none of the symbols.

    Raises:
        Malformed: nothing in it can be read.
    """
    quotes: dict[Symbol, Quote] = {}
    reasons: list[str] = []
    unknown = empty_is_answer and not body.strip()
    # Neither separator can be the second byte of a GBK character, so a row cut inside one cannot swallow the next.
    for piece in re.split(r"[;\r\n]+", body.decode("gb18030", errors="replace")):
        if not piece.strip():
            continue
        found = statement(piece.strip())
        if found is None:
            reasons.append(f"不是行情：{piece.strip()[:20]}")
        elif not all(found):
            unknown = True
        else:
            code, text = found
            symbol = Symbol(f"{code[2:]}.{code[:2].upper()}")
            try:
                quotes[symbol] = quote_of(row(symbol, text), source=source, received_at=received_at)
            except ValueError as error:
                reasons.append(f"{symbol} {error}")
    if not quotes and not unknown:
        raise Malformed(source, f"返回的内容读不懂（{reasons[0] if reasons else '空白'}）")
    if rejected is not None:
        rejected.extend(reasons)
    return quotes


def open_site(
    site: Site,
    *,
    clock: Clock,
    client: httpx.AsyncClient | None = None,
    base_url: str | None = None,
    proxy: str | None = None,
    timeout: timedelta = TIMEOUT,
) -> WebQuotes:
    """Ready to be asked; nothing is sent yet.

    Args:
        client: stays the caller's to close; without one, ``close`` ends our own.
        base_url: of a forwarding server; None is the site itself.
        proxy: for our own client. The proxy variables of the environment are not read: they are set for hosts abroad,
            and these sites refuse many addresses abroad.
        timeout: for a whole request.
    """
    web = open_web(
        site.name,
        client=client,
        proxy=proxy,
        timeout=timeout,
        headers=site.headers,
        ban_note=site.ban_note,
        refusal=site.refusal,
    )
    return WebQuotes(site, web, base_url or site.base_url, clock)


def open_web(
    name: str,
    *,
    headers: Mapping[str, str],
    client: httpx.AsyncClient | None = None,
    proxy: str | None = None,
    timeout: timedelta = TIMEOUT,
    ban_note: str = "",
    refusal: bytes | None = None,
) -> Web:
    """Ready to be asked; for the arguments see :func:`open_site` and :class:`Site`."""
    import httpx

    used = client or httpx.AsyncClient(proxy=proxy, trust_env=False, timeout=timeout.total_seconds())
    return Web(name, used, timeout, ours=client is None, headers=headers, ban_note=ban_note, refusal=refusal)
