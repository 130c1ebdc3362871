"""A gateway at work: its listener, the pumps of its accounts, its frames, and the renewal of its certificate."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Final

import uvicorn

from bot.gateway.app import Gate, gateway_app
from bot.gateway.certificates import RENEWED_BEFORE, Authority
from bot.gateway.events import pump
from core.clock import Clock
from core.errors import Unavailable

log: Final = logging.getLogger(__name__)

BEAT: Final = 10.0
KEPT_OPEN: Final = 75
"""Seconds; longer than a bot keeps an idle connection, so that it is the bot who closes it."""
BETWEEN_LOOKS: Final = timedelta(hours=6)


class _Listener(uvicorn.Server):
    """Ends when it is told, and leaves the signals to the program around it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # One that is being closed already answers with an error, which would leave the others open.
        for connection in list(self.server_state.connections):
            with suppress(Exception):
                connection.shutdown()
        self.server_state.connections = set()
        await super().shutdown(sockets)


class Server:
    """An application on a socket."""

    def __init__(self, app: Any, place: socket.socket, context: ssl.SSLContext | None) -> None:
        self._place = place
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            http="h11",
            loop="asyncio",
            ws="websockets-sansio",
            ws_ping_interval=BEAT,
            ws_ping_timeout=BEAT,
            ws_per_message_deflate=False,
            ws_max_size=1_000_000,
            timeout_keep_alive=KEPT_OPEN,
            timeout_graceful_shutdown=2,
            server_header=False,
            proxy_headers=False,
            ssl_context_factory=None if context is None else lambda *_: context,
        )
        self._listener = _Listener(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        port = self._place.getsockname()[1]
        assert isinstance(port, int)
        return port

    async def run(self) -> None:
        await self._listener.serve(sockets=[self._place])

    def stop(self) -> None:
        self._listener.should_exit = True
        self._listener.force_exit = True


def bound(host: str, port: int) -> socket.socket:
    """A socket that nobody else has; port 0 is any.

    Raises:
        Unavailable: somebody else has it, or this PC has no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    place = socket.socket(family, socket.SOCK_STREAM)
    # Windows lets a stranger take a port over unless it is told not to; elsewhere a port that was just closed is free.
    alone = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR if alone is None else alone, 1)
    try:
        place.bind((host, port))
        place.listen()  # from now on nobody is turned away, however long the rest takes to start
    except OSError as error:
        place.close()
        raise Unavailable(
            "网关",
            f"不能在 {host}:{port} 等候（{error.strerror}）。端口可能被占用，或者这台电脑没有这个地址；"
            "请改 GATEWAY_HOST 或 GATEWAY_PORT",
        ) from None
    return place


class RunningGateway:
    """A gate, opened."""

    def __init__(
        self,
        gate: Gate,
        place: socket.socket,
        *,
        authority: Authority | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.gate = gate
        self._authority = authority
        self._context = None if authority is None else authority.context()
        self._server = Server(gateway_app(gate), place, self._context)
        self._sleep = sleep
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        return self._server.port

    def start(self) -> None:
        gate = self.gate
        works: list[Coroutine[Any, Any, None]] = [self._server.run()]
        works += [pump(broker, gate.ring, self._sleep) for broker in gate.counter.brokers.values()]
        if gate.ticker is not None:
            works.append(gate.ticker.run())
        if self._authority is not None and self._context is not None:
            works.append(keep_certified(self._authority, self._context, gate.clock, self._sleep))
        self._tasks = [asyncio.create_task(one) for one in works]

    async def wait(self) -> None:
        """Until it is closed, or something that should never end has ended: that is raised."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def close(self) -> None:
        self._server.stop()
        server, *others = self._tasks
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        with suppress(asyncio.CancelledError):
            await server


async def keep_certified(
    authority: Authority, context: ssl.SSLContext, clock: Clock, sleep: Callable[[float], Awaitable[object]]
) -> None:
    """Renew the server's certificate before it ends, for ever."""
    while True:
        try:
            if authority.server_until() - clock.now() < RENEWED_BEFORE:
                authority.sign_server(clock.now())
                authority.load_into(context)
                log.info("the certificate of this gateway was renewed")
        except (OSError, Unavailable) as error:
            log.warning("the certificate of this gateway could not be renewed: %s", error)
        await sleep(BETWEEN_LOOKS.total_seconds())
