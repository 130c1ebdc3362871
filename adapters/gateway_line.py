"""The line to a gateway, which its accounts and its quotes share: questions over HTTP, events over a WebSocket.

Every failure becomes one of the three outside errors here. What tells a lost wish from one that never left is
:class:`NotSent`: the connection was not made, so nobody can have read anything.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import ValidationError

from core.errors import Malformed, OutsideError, Refused, Unavailable
from core.types import Noun
from core.wire import MOST_BYTES, Event, Fault, Hello, Listen

if TYPE_CHECKING:
    import httpx
    from websockets.asyncio.client import ClientConnection

log: Final = logging.getLogger(__name__)

PATIENCE: Final = timedelta(seconds=10)
BEAT: Final = 10.0
"""Seconds between two signs of life on the WebSocket, and how long the other side may take to answer one."""
FIRST_REST: Final = 1.0
LONGEST_REST: Final = 30.0
KEPT_OPEN: Final = 30.0
"""Seconds that an idle connection is kept; the gateway keeps it longer, so that none breaks just when it is used."""
FORBIDDEN: Final = 4403

N = TypeVar("N", bound=Noun)
Sleep = Callable[[float], Awaitable[object]]


class NotSent(Unavailable):
    """The gateway could not be reached; nothing was sent."""


@dataclass(frozen=True)
class Address:
    """Where the gateway is now.

    Attributes:
        url: ``https://host:port``, or ``http://`` on loopback.
        context: how it proves itself, and we ourselves; None on loopback.
    """

    url: str
    token: str
    context: ssl.SSLContext | None = None


class Line:
    """Asks one gateway.

    Args:
        name: what it is called when it fails.
        where: asked before every question; raises Unavailable while there is no gateway.
        before: done before every question, such as renewing a certificate; its failure is only logged.
    """

    def __init__(
        self,
        name: str,
        where: Callable[[], Address],
        *,
        sleep: Sleep = asyncio.sleep,
        patience: timedelta = PATIENCE,
        before: Callable[[Line], Awaitable[None]] | None = None,
    ) -> None:
        self.name = name
        self.sleep = sleep
        self._where = where
        self._patience = patience
        self._before = before
        self._client: httpx.AsyncClient | None = None
        self._address: Address | None = None
        self._closed = False

    async def ask(self, path: str, question: Noun | None, answer: type[N], *, patience: timedelta | None = None) -> N:
        """Post a question.

        Raises:
            NotSent, Unavailable, Refused, Malformed
        """
        if self._before is not None:
            try:
                await self._before(self)
            except OutsideError as error:
                log.warning("%s: %s", error.source, error.reason)
        body = await self._post(path, question, (patience or self._patience).total_seconds())
        try:
            return answer.model_validate_json(body)
        except ValidationError as error:
            log.warning("%s: an answer to %s that cannot be read: %s", self.name, path, error.errors()[:1])
            raise Malformed(self.name, "网关的回答读不懂，两边的程序版本可能不同，请都更新") from None

    async def _post(self, path: str, question: Noun | None, seconds: float) -> bytes:
        import httpx

        try:
            address = self._find()
            client = await self._open(address)
        except Unavailable as error:
            raise NotSent(self.name, error.reason) from None
        content = b"{}" if question is None else question.model_dump_json().encode()
        headers = {"authorization": f"Bearer {address.token}", "content-type": "application/json"}
        try:
            async with asyncio.timeout(seconds):
                response = await client.post(f"{address.url}/v1/{path}", content=content, headers=headers)
        except httpx.ConnectError as error:
            raise NotSent(self.name, why_not(error)) from None
        except httpx.ConnectTimeout:
            raise NotSent(self.name, "连不上网关，请检查网络和网关那台电脑") from None
        except TimeoutError:
            raise Unavailable(self.name, f"网关 {seconds:.0f} 秒没有回答，请检查网络和网关那台电脑") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError) as error:
            raise Unavailable(self.name, f"和网关的连接中断（{type(error).__name__}）") from None
        if response.status_code == 200:
            return response.content
        raise self._fault(response.status_code, response.content)

    def _fault(self, status: int, body: bytes) -> OutsideError:
        try:
            fault = Fault.model_validate_json(body)
        except ValidationError:
            return Malformed(self.name, f"那个地址上的不是盯盘网关（HTTP {status}），请核对 GATEWAY_URL")
        kinds: dict[str, type[OutsideError]] = {"Refused": Refused, "Malformed": Malformed}
        return kinds.get(fault.error, Unavailable)(self.name, fault.reason)

    def _find(self) -> Address:
        if self._closed:
            raise Unavailable(self.name, "程序正在退出")
        return self._where()

    async def _open(self, address: Address) -> httpx.AsyncClient:
        import httpx

        if self._client is None or address != self._address:
            before, self._address = self._client, address
            self._client = httpx.AsyncClient(
                verify=address.context or False,
                trust_env=False,  # a proxy for hosts abroad must not stand between us and the gateway
                timeout=None,  # noqa: S113  every question has its own deadline
                limits=httpx.Limits(keepalive_expiry=KEPT_OPEN),
            )
            client = self._client
            if before is not None:
                await before.aclose()
            return client
        return self._client

    @asynccontextmanager
    async def listen(self, listen: Listen) -> AsyncIterator[Listening]:
        """Open the stream of events.

        Raises:
            Unavailable, Refused, Malformed: also while it is read. Try again later from where you were.
        """
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidURI

        address = self._find()
        try:
            async with connect(
                address.url.replace("http", "ws", 1) + "/v1/events",
                ssl=address.context,
                additional_headers={"authorization": f"Bearer {address.token}"},
                proxy=None,
                open_timeout=self._patience.total_seconds(),
                ping_interval=BEAT,
                ping_timeout=BEAT,
                close_timeout=1,
                max_size=MOST_BYTES,
                logger=log,
            ) as socket:
                await socket.send(listen.model_dump_json())
                async with asyncio.timeout(self._patience.total_seconds()):
                    hello = Hello.model_validate_json(await socket.recv())
                yield Listening(hello, socket)
        except ConnectionClosed as error:
            if error.rcvd is not None and error.rcvd.code == FORBIDDEN:
                raise Refused(self.name, "网关不认识这个机器人了，请重新配对") from None
            raise Unavailable(self.name, "和网关的连接中断，正在重连") from None
        except (ValidationError, json.JSONDecodeError, ValueError) as error:
            log.warning("%s: an event that cannot be read: %s", self.name, error)
            raise Malformed(self.name, "网关发来的事件读不懂，两边的程序版本可能不同，请都更新") from None
        except InvalidMessage as error:  # it hung up: without a certificate that it knows, at once
            raise Unavailable(self.name, why_not(error)) from None
        except (InvalidHandshake, InvalidURI):
            raise Malformed(self.name, "那个地址上的不是盯盘网关，请核对 GATEWAY_URL") from None
        except (OSError, TimeoutError) as error:
            raise Unavailable(self.name, why_not(error)) from None

    async def rest(self, tries: int) -> None:
        """Wait before the next try, longer every time."""
        await self.sleep(min(FIRST_REST * 2 ** min(tries, 10), LONGEST_REST))

    async def close(self) -> None:
        self._closed = True
        if self._client is not None:
            await self._client.aclose()


class Listening:
    """An open stream."""

    def __init__(self, hello: Hello, socket: ClientConnection) -> None:
        self.hello = hello
        self._socket = socket

    async def want(self, listen: Listen) -> None:
        """Change whose frames are wanted."""
        await self._socket.send(listen.model_dump_json())

    async def next(self) -> Event | bytes:
        """The next event, or a packed frame."""
        message = await self._socket.recv()
        return message if isinstance(message, bytes) else Event.model_validate_json(message)


def why_not(error: BaseException) -> str:
    """Why there is no connection, and what to do, as far as the error tells."""
    text = f"{error} {error.__cause__ or ''} {error.__context__ or ''}".lower()
    if "expired" in text:
        return "证书过期了，请重新配对（先核对电脑的时间）"
    if "certificate" in text or "ssl" in text or "alert" in text:
        return "网关的证书对不上，连的可能不是配对过的那台电脑；如果网关重装过，请重新配对"
    return "连不上网关，请看看网关那台电脑是不是开着、网关是不是在运行"
