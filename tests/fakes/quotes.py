"""A loopback server that speaks Tencent's and Sina's formats from tables that a test changes as it goes.

It refuses what Sina refuses (no Referer), gives units as the vendors do (lots, but shares on STAR), and fails on
demand. Nothing in it waits on seconds. ::

    async with FakeQuotes() as server:                 # give server.tencent_url and server.sina_url to the sources
        server.set("600519.SH", name="贵州茅台", last="1419.09", preclose="1430")
        server.fail("tencent", "html")                 # until server.heal("tencent"), or with times=2 for two requests
        server.fail("sina", 403, times=2)
        gate = server.hold("tencent")                  # answers wait until gate.set()
        await server.until(lambda s: len(s.asked("sina")) >= 2)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, Self

from core.bars import Bar
from core.clock import Clock, SystemClock, market_time
from core.market import Board, board_of
from core.types import FEN, Symbol, code_of, exchange_of, parse_symbol

Site = Literal["tencent", "sina", "bars"]
Kind = int | Literal["cut", "cut-unsized", "drop", "empty", "garbage", "html", "huge", "kinsoku"]

_MARKETS: Final = {"SH": "1", "SZ": "51", "BJ": "62"}
_BODIES: Final[dict[str, bytes]] = {
    "empty": b"",
    "garbage": bytes(range(256)) * 4,
    "html": "<!DOCTYPE html>\n<html><head><title>登录</title></head><body>请先登录; 谢谢</body></html>".encode("gbk"),
    "huge": b"0" * 3_000_000,
    "kinsoku": b"Kinsoku jikou desu!",
}


@dataclass(frozen=True)
class Listed:
    """What the market knows of one symbol, in our units: shares and yuan. 0 where there is nothing.

    Attributes:
        traded: False before the first trade of the day.
        at: None means the clock's now.
    """

    symbol: Symbol
    name: str = "测试股份"
    last: Decimal = Decimal("10.00")
    preclose: Decimal = Decimal("10.00")
    open: Decimal = Decimal("10.00")
    high: Decimal = Decimal("10.00")
    low: Decimal = Decimal("10.00")
    limit_up: Decimal = Decimal(0)
    limit_down: Decimal = Decimal(0)
    bid: Decimal = Decimal(0)
    ask: Decimal = Decimal(0)
    volume: int = 10_000
    amount: Decimal | None = None
    bid_volume: int = 1_000
    ask_volume: int = 1_000
    traded: bool = True
    suspended: bool = False
    at: datetime | None = None


@dataclass(frozen=True)
class Request:
    site: str
    symbols: tuple[Symbol, ...]
    headers: dict[str, str]


@dataclass
class _Fault:
    kind: Kind
    times: int | None

    def strikes(self) -> bool:
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


@dataclass
class FakeQuotes:
    """See the module's text. ``requests`` has every request in order, also the refused ones."""

    clock: Clock = field(default_factory=SystemClock)
    requests: list[Request] = field(default_factory=list)
    bars: dict[tuple[Symbol, str], list[Bar]] = field(default_factory=dict)
    """What Tencent's bars answer, by symbol and ``day``, ``m1``, ``m5``, …"""
    _listed: dict[Symbol, Listed] = field(default_factory=dict)
    _faults: dict[str, _Fault] = field(default_factory=dict)
    _gates: dict[str, asyncio.Event] = field(default_factory=dict)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _talks: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _port: int = 0

    # --- the market ---

    def set(self, symbol: str, **changes: Any) -> Listed:
        """List a symbol or change it. Numbers may be text; a new ``last`` widens the day's range and moves the book."""
        key = parse_symbol(symbol)
        new = key not in self._listed
        values: dict[str, Any] = {
            name: Decimal(str(value)) if name in _DECIMALS and value is not None else value
            for name, value in changes.items()
        }
        if "last" in values:
            last = values["last"]
            before = Listed(key, preclose=last, open=last, high=last, low=last) if new else self._listed[key]
            values.setdefault("high", max(before.high, last))
            values.setdefault("low", min(before.low, last))
            values.setdefault("bid", last)
            values.setdefault("ask", last + FEN)
        else:
            before = self._listed.get(key, Listed(key))
        self._listed[key] = replace(before, **values)
        return self._listed[key]

    def remove(self, symbol: str) -> None:
        """From now on nobody knows it."""
        self._listed.pop(parse_symbol(symbol), None)

    # --- faults ---

    def fail(self, site: Site, kind: Kind, times: int | None = None) -> None:
        """Answer so instead; a number is an HTTP status. ``times`` None means until :meth:`heal`."""
        self._faults[site] = _Fault(kind, times)

    def heal(self, site: Site) -> None:
        self._faults.pop(site, None)

    def hold(self, site: Site) -> asyncio.Event:
        """Keep every answer of this site until the event is set."""
        self._gates[site] = asyncio.Event()
        return self._gates[site]

    # --- what was asked ---

    def asked(self, site: Site) -> list[Request]:
        return [request for request in self.requests if request.site == site]

    async def until(self, condition: Callable[[Self], bool], *, at_most: float = 20) -> None:
        """Wait until it holds; it is looked at after every request. ``at_most`` seconds end a test that hangs."""
        async with asyncio.timeout(at_most), self._news:
            await self._news.wait_for(lambda: condition(self))

    # --- the server ---

    @property
    def tencent_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/tencent"

    @property
    def sina_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/sina"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the other side went away, or the test ended
        finally:
            self._talks.discard(talk)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; False when the connection must end."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split(" ")[1]
        headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in head[1:]) if key}
        site, _, query = path.removeprefix("/").partition("/")
        asks_bars = query.startswith("appstock/")
        if asks_bars:
            site, codes = "bars", [query.partition("param=")[2].partition(",")[0]]
        else:
            codes = query.removeprefix("q=").removeprefix("list=").split(",")
        symbols = tuple(parse_symbol(code) for code in codes)
        self.requests.append(Request(site, symbols, headers))
        async with self._news:
            self._news.notify_all()
        if site in self._gates:
            await self._gates[site].wait()

        fault = self._faults.get(site)
        kind = fault.kind if fault is not None and fault.strikes() else None
        if kind == "drop":
            return False
        if kind is None and site == "sina" and "finance.sina.com.cn" not in headers.get("referer", ""):
            return await _answer(writer, 403, _BODIES["kinsoku"])
        if isinstance(kind, int):
            return await _answer(writer, kind, _BODIES["kinsoku"] if kind == 403 else b"no")
        if kind in _BODIES:
            return await _answer(writer, 200, _BODIES[kind])
        if asks_bars:
            body = self.bars_body(symbols[0], query)
        else:
            body = self.tencent_body(symbols) if site == "tencent" else self.sina_body(symbols)
        if kind == "cut":
            return await _answer(writer, 200, body[: len(body) // 2], size=len(body))
        if kind == "cut-unsized":
            return await _answer(writer, 200, body[: len(body) * 3 // 4], size=None)
        return await _answer(writer, 200, body)

    # --- the formats ---

    def tencent_body(self, symbols: tuple[Symbol, ...]) -> bytes:
        rows = [_tencent(listed, self.clock.now()) for listed in self._known(symbols)]
        return ("".join(rows) or 'v_pv_none_match="1";\n').encode("gbk")

    def sina_body(self, symbols: tuple[Symbol, ...]) -> bytes:
        rows = {listed.symbol: _sina(listed, self.clock.now()) for listed in self._known(symbols)}
        text = (f'var hq_str_{_web(symbol)}="{rows.get(symbol, "")}";\n' for symbol in symbols)
        return "".join(text).encode("gbk")

    def bars_body(self, symbol: Symbol, query: str) -> bytes:
        """``appstock/app/fqkline/get?param=sh600519,day,,,320,qfq`` or ``…/kline/mkline?param=sh600519,m5,,320``."""
        words = query.partition("param=")[2].split(",")
        period, count = words[1], int(words[4 if words[1] == "day" else 3])
        known = self.bars.get((symbol, period))
        if known is None:
            return b'{"code":0,"msg":"","data":[]}'
        rows = [_bar_row(bar, period) for bar in known[-count:]]
        key = "qfqday" if period == "day" and exchange_of(symbol) != "BJ" else period
        return json.dumps({"code": 0, "msg": "", "data": {_web(symbol): {key: rows}}}).encode()

    def _known(self, symbols: tuple[Symbol, ...]) -> list[Listed]:
        return [self._listed[symbol] for symbol in symbols if symbol in self._listed]


_DECIMALS: Final = frozenset(
    ("last", "preclose", "open", "high", "low", "limit_up", "limit_down", "bid", "ask", "amount")
)


async def _answer(writer: asyncio.StreamWriter, status: int, body: bytes, size: int | None = -1) -> bool:
    """Send it. ``size`` is the promised length: -1 the true one, None no promise (the end of the connection ends it)."""
    promised = len(body) if size == -1 else size
    length = "" if promised is None else f"Content-Length: {promised}\r\n"
    writer.write(
        f"HTTP/1.1 {status} X\r\nContent-Type: application/javascript; charset=GBK\r\n{length}\r\n".encode() + body
    )
    await writer.drain()
    return promised == len(body)


def _web(symbol: Symbol) -> str:
    return exchange_of(symbol).lower() + code_of(symbol)


def _tencent(listed: Listed, now: datetime) -> str:
    fields = [""] * 88
    at = market_time(listed.at or now)
    traded = listed.traded and not listed.suspended
    # Before the first trade this source repeats the previous close.
    last = listed.last if traded else listed.preclose
    shares = listed.volume if traded else 0
    amount = _amount(listed) if traded else Decimal(0)
    volume = shares if board_of(listed.symbol) is Board.STAR else shares // 100
    fields[0:7] = [
        _MARKETS[exchange_of(listed.symbol)],
        listed.name,
        code_of(listed.symbol),
        f"{last}",
        f"{listed.preclose}",
        f"{listed.open if traded else 0:.2f}",
        f"{volume}",
    ]
    fields[9:29] = ["0.00", "0"] * 10
    if not listed.suspended:
        fields[9:11] = [f"{listed.bid}", f"{listed.bid_volume // 100 if listed.bid else 0}"]
        fields[19:21] = [f"{listed.ask}", f"{listed.ask_volume // 100 if listed.ask else 0}"]
    fields[30] = f"{at:%Y%m%d%H%M%S}"
    fields[33:38] = [
        f"{listed.high if traded else 0}",
        f"{listed.low if traded else 0}",
        f"{last}/{volume}/{amount:.0f}",
        f"{volume}",
        f"{amount / 10000:.0f}",
    ]
    fields[47:49] = [f"{listed.limit_up or -1}", f"{listed.limit_down or -1}"]
    return f'v_{_web(listed.symbol)}="{"~".join(fields)}";\n'


def _sina(listed: Listed, now: datetime) -> str:
    at = market_time(listed.at or now)
    traded = listed.traded and not listed.suspended
    book = not listed.suspended
    day = (listed.open, listed.preclose, listed.last, listed.high, listed.low)
    prices = day if traded else (Decimal(0), listed.preclose, Decimal(0), Decimal(0), Decimal(0))
    bid, ask = (listed.bid, listed.ask) if book else (Decimal(0), Decimal(0))
    return ",".join(
        [
            listed.name,
            *(f"{price:.3f}" for price in (*prices, bid, ask)),
            f"{listed.volume if traded else 0}",
            f"{_amount(listed) if traded else 0:.3f}",
            *(f"{listed.bid_volume if bid else 0}", f"{bid:.3f}"),
            *(["0", "0.000"] * 4),
            *(f"{listed.ask_volume if ask else 0}", f"{ask:.3f}"),
            *(["0", "0.000"] * 4),
            f"{at:%Y-%m-%d}",
            f"{at:%H:%M:%S}",
            "03" if listed.suspended else "00",
            "",
        ]
    )


def _bar_row(bar: Bar, period: str) -> list[object]:
    volume = bar.volume if board_of(bar.symbol) is Board.STAR else bar.volume // 100
    prices = [f"{price:.2f}" for price in (bar.open, bar.close, bar.high, bar.low)]
    if period != "day":
        return [f"{market_time(bar.time):%Y%m%d%H%M}", *prices, f"{volume}.00", {}, "0.12"]
    amount = [] if bar.amount is None else ["1.23", f"{bar.amount / 10000:.2f}", ""]
    return [f"{market_time(bar.time):%Y-%m-%d}", *prices, f"{volume}.00", {}, *amount]


def _amount(listed: Listed) -> Decimal:
    return listed.last * listed.volume if listed.amount is None else listed.amount
