"""The gateway on the network: FastAPI in front of the counter, the ring and the ticker. It decides nothing itself."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.exceptions import RequestValidationError
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.gateway.counter import NAME, Counter
from bot.gateway.events import Ring
from bot.gateway.folder import Bot, Folder, digest_of
from bot.gateway.ticker import Reader, Ticker
from core.clock import Clock
from core.errors import Malformed, OutsideError, Refused, Unavailable
from core.portfolio import Account
from core.ports import BarFetcher, MarketGuide
from core.statement import Statement
from core.types import Noun
from core.wire import (
    PLACING,
    About,
    Answer,
    Bars,
    CalendarSaid,
    Fault,
    Found,
    Hello,
    Listen,
    Offer,
    Quotes,
    Sightings,
    WhichAccount,
    WhichBars,
    WhichOrder,
    WhichSymbols,
    Wish,
    pack,
)

log: Final = logging.getLogger(__name__)

SLOW: Final = timedelta(seconds=10)
"""Whoever takes longer to read one message is cut off, and asks again from where it was."""
BARS_PATIENCE: Final = 60.0
ROSTER_PATIENCE: Final = 300.0
"""A terminal that has to download its lists and is asked for each of seven thousand names."""
FORBIDDEN: Final = 4403
TOO_SLOW: Final = 4408
UNREADABLE: Final = 4400
T = TypeVar("T")
_STATUS: Final[Mapping[type[OutsideError], int]] = {Unavailable: 503, Refused: 403, Malformed: 502}


@dataclass(frozen=True)
class Gate:
    """Everything a gateway has.

    Attributes:
        fixed: bots that are in no file: the one that started this process.
        sessions: the bots that listen now.
        renew: signs a new certificate for a paired bot; None on loopback, where there are none.
    """

    clock: Clock
    counter: Counter
    ring: Ring
    folder: Folder
    ticker: Ticker | None = None
    bars: BarFetcher | None = None
    guide: MarketGuide | None = None
    fixed: Sequence[Bot] = ()
    renew: Callable[[Bot, str], str] | None = None
    certificate_until: Callable[[], datetime | None] = lambda: None
    slow: timedelta = SLOW
    troubles: Callable[[], Sequence[str]] = tuple
    sessions: set[object] = field(default_factory=set)

    def bot(self, header: str) -> Bot | None:
        """Who this is, by the ``Authorization`` header."""
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer" or not token:
            return None
        digest = digest_of(token.strip())
        known = next((bot for bot in self.fixed if hmac.compare_digest(bot.digest, digest)), None)
        return known or self.folder.bot_of(token.strip())

    def about(self, bot: Bot) -> About:
        now, ticker = self.clock.now(), self.ticker
        return About(
            at=now,
            accounts=tuple(
                Offer(account=broker.account, name=broker.name, mode=broker.mode)
                for broker in self.counter.brokers.values()
            ),
            rights=bot.rights,
            armed_until=self.counter.armed_until(now),
            stopped=self.folder.stopped(),
            bounds=self.folder.bounds(),
            quotes="" if ticker is None else ticker.source.name,
            interval=3 if ticker is None else ticker.source.interval.total_seconds(),
            bars=self.bars is not None,
            roster=self.guide is not None,
            certificate_until=self.certificate_until(),
            troubles=tuple(map(self.counter.plain, self.troubles())),
        )


class Signing(Noun):
    """A request for a certificate, or the certificate; PEM."""

    pem: str


async def _gate(connection: HTTPConnection) -> Gate:
    gate = connection.app.state.gate
    assert isinstance(gate, Gate)
    return gate


Its = Annotated[Gate, Depends(_gate)]


async def _paired(request: Request, gate: Its) -> Bot:
    bot = gate.bot(request.headers.get("authorization", ""))
    if bot is None:
        raise Refused(NAME, "不认识这个机器人（令牌不对，或者已被网关移除），请重新配对")
    return bot


Who = Annotated[Bot, Depends(_paired)]
router: Final = APIRouter(prefix="/v1")


def gateway_app(gate: Gate) -> FastAPI:
    """The routes. No documentation is served: whoever may ask knows the questions."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.gate = gate
    app.include_router(router)

    @app.exception_handler(OutsideError)
    async def outside(_: Request, error: OutsideError) -> JSONResponse:
        kind = next((one for one in _STATUS if isinstance(error, one)), Unavailable)
        return _fault(_STATUS[kind], kind.__name__, gate.counter.plain(error.reason))

    @app.exception_handler(RequestValidationError)
    async def unreadable(_: Request, __: RequestValidationError) -> JSONResponse:
        return _fault(422, "Malformed", "网关读不懂这个请求，两边的程序版本可能不同，请都更新")

    @app.exception_handler(404)
    async def nowhere(_: Request, __: Exception) -> JSONResponse:
        return _fault(404, "Malformed", "网关没有这个功能，两边的程序版本可能不同，请都更新")

    app.add_middleware(_Plainly)
    return app


@router.post("/about")
async def about(gate: Its, bot: Who) -> About:
    return gate.about(bot)


@router.post("/submit")
async def submit(wish: Wish, gate: Its, bot: Who) -> Answer:
    return await gate.counter.submit(wish.order, wish.sent_at, bot)


@router.post("/cancel")
async def cancel(wish: Wish, gate: Its, bot: Who) -> Answer:
    return await gate.counter.cancel(wish.order, wish.sent_at, bot)


@router.post("/find")
async def find(which: WhichOrder, gate: Its, _: Who) -> Found:
    found = await gate.counter.find(which.account, which.order_id)
    return Found(reports=None if found is None else tuple(found))


@router.post("/snapshot")
async def snapshot(which: WhichAccount, gate: Its, _: Who) -> Account:
    return await _within(gate.counter.broker(which.account).snapshot())


@router.post("/statement")
async def statement(which: WhichAccount, gate: Its, _: Who) -> Statement:
    return await _within(gate.counter.broker(which.account).statement())


@router.post("/quotes")
async def quotes(which: WhichSymbols, gate: Its, _: Who) -> Quotes:
    if gate.ticker is None:
        raise Refused(NAME, "这个网关没有行情")
    return Quotes(quotes=tuple((await _within(gate.ticker.source.fetch(which.symbols))).values()))


@router.post("/bars")
async def bars(which: WhichBars, gate: Its, _: Who) -> Bars:
    if gate.bars is None:
        raise Refused(NAME, "这个网关没有历史 K 线")
    return Bars(bars=tuple(await _within(gate.bars.bars(which.symbol, which.period, which.count), BARS_PATIENCE)))


@router.post("/sightings")
async def sightings(which: WhichSymbols, gate: Its, _: Who) -> Sightings:
    return Sightings(sightings=tuple(await _within(_guide(gate).sightings(which.symbols), ROSTER_PATIENCE)))


@router.post("/calendar")
async def calendar(gate: Its, _: Who) -> CalendarSaid:
    return CalendarSaid(differences=tuple(await _within(_guide(gate).calendar_differences(), BARS_PATIENCE)))


def _guide(gate: Gate) -> MarketGuide:
    if gate.guide is None:
        raise Refused(NAME, "这个网关没有证券列表和交易日历")
    return gate.guide


@router.post("/renew")
async def renew(request: Signing, gate: Its, bot: Who) -> Signing:
    if gate.renew is None:
        raise Refused(NAME, "这个网关不用证书")
    return Signing(pem=gate.renew(bot, request.pem))


@router.websocket("/events")
async def events(socket: WebSocket, gate: Its) -> None:
    bot = gate.bot(socket.headers.get("authorization", ""))
    await socket.accept()
    if bot is None:
        await socket.close(FORBIDDEN)
        return
    session = _Session(gate, socket)
    gate.sessions.add(session)
    try:
        with suppress(WebSocketDisconnect, RuntimeError):  # the latter says that the other side has gone
            await session.run()
    finally:
        gate.sessions.discard(session)


class _Plainly:
    """Answers for a bug of ours with a sentence. Nothing of it goes out, and the connection stays as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception:
            log.exception("a request failed")
            if scope["type"] == "http":
                await _fault(500, "Unavailable", "网关内部出错，已记入网关的日志")(scope, receive, send)


def _fault(status: int, error: str, reason: str) -> JSONResponse:
    return JSONResponse(Fault(error=error, reason=reason).model_dump(), status)


async def _within(answer: Awaitable[T], seconds: float = PLACING.total_seconds()) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await answer
    except TimeoutError:
        raise Unavailable(NAME, f"券商软件 {seconds:.0f} 秒没有回答，请看看它是不是还登录着") from None


class _Session:
    """One bot on the WebSocket. Reports go out by number and never out of turn, frames in between, the newest only."""

    def __init__(self, gate: Gate, socket: WebSocket) -> None:
        self._gate = gate
        self._socket = socket
        self._reader: Reader | None = None

    async def run(self) -> None:
        try:
            listen = Listen.model_validate_json(await self._socket.receive_text())
        except (ValidationError, KeyError):
            await self._socket.close(UNREADABLE)
            return
        try:
            if listen.symbols is not None and self._gate.ticker is not None:
                self._reader = self._gate.ticker.enter()
                self._reader.want(listen.symbols)
            talking = [asyncio.create_task(self._tell(listen)), asyncio.create_task(self._hear())]
            try:
                done, _ = await asyncio.wait(talking, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in talking:
                    task.cancel()
                await asyncio.gather(*talking, return_exceptions=True)
            for task in done:
                task.result()
        finally:
            if self._reader is not None and self._gate.ticker is not None:
                self._gate.ticker.leave(self._reader)

    async def _hear(self) -> None:
        """Take in which symbols are wanted now, until the other side leaves."""
        while True:
            try:
                listen = Listen.model_validate_json(await self._socket.receive_text())
            except (ValidationError, KeyError):
                await self._socket.close(UNREADABLE)
                return
            if self._reader is not None and listen.symbols is not None:
                self._reader.want(listen.symbols)

    async def _tell(self, listen: Listen) -> None:
        ring = self._gate.ring
        known = ring.knows(listen.epoch, listen.after)
        cursor = listen.after if known else ring.number
        epoch = ring.epoch
        await self._send(Hello(epoch=epoch, number=cursor, reset=not known).model_dump_json())
        while True:
            more = ring.more
            if not ring.knows(epoch, cursor):
                # It reads more slowly than things happen, or reports were missed: it comes back and is told to ask.
                await self._socket.close(TOO_SLOW)
                return
            for event in ring.since(cursor):
                if event.report.account in listen.accounts:
                    await self._send(event.model_dump_json())
                cursor = event.number
            if self._reader is not None and (frame := self._reader.take()) is not None:
                await self._send(pack(frame, self._reader.wanted))
            if more is ring.more:
                await self._until(more)

    async def _until(self, more: asyncio.Event) -> None:
        """Wait for the next event or frame."""
        wakers = [more.wait()] if self._reader is None else [more.wait(), self._reader.fresh.wait()]
        tasks = [asyncio.ensure_future(one) for one in wakers]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def _send(self, what: str | bytes) -> None:
        try:
            async with asyncio.timeout(self._gate.slow.total_seconds()):
                await (self._socket.send_text(what) if isinstance(what, str) else self._socket.send_bytes(what))
        except TimeoutError:
            with suppress(RuntimeError, TimeoutError):
                async with asyncio.timeout(1):
                    await self._socket.close(TOO_SLOW)
            raise WebSocketDisconnect(TOO_SLOW) from None
