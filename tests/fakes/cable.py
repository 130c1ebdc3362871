"""A cable between two ends of a loopback connection, which a test can cut, mend, or hold still."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self


class Cable:
    """Forwards TCP to a port. ::

    async with Cable(port) as cable:      # connect to cable.port
        await cable.cut()                 # every connection breaks, and none comes through
        cable.mend()
        cable.hold_answers()              # what comes back is swallowed until the cable is cut
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self._whole = True
        self._answers = True
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.sent = asyncio.Event()
        """Set when something has been sent to the port since :meth:`hold_answers`."""

    @property
    def port(self) -> int:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        assert isinstance(port, int)
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self.cut()

    async def cut(self) -> None:
        self._whole = False
        for writer in list(self._writers):
            writer.transport.abort()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def mend(self) -> None:
        self._whole, self._answers = True, True

    def hold_answers(self) -> None:
        self._answers = False
        self.sent.clear()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        for one in (
            asyncio.create_task(self._carry(reader, far_writer, up=True)),
            asyncio.create_task(self._carry(far_reader, writer, up=False)),
        ):
            self._tasks.add(one)
            one.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        self._writers.add(writer)
        try:
            with suppress(OSError):
                while data := await reader.read(65536):
                    if up:
                        self.sent.set()
                    elif not self._answers:
                        continue
                    writer.write(data)
                    await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
