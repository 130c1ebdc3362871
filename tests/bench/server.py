"""A Bot API that answers everything at once and remembers when each message reached it. Runs in a process of its own.

It prints its port, and ends when its input ends. Its instants are ``perf_counter_ns``, which on Linux and Windows all
processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from typing import Final

HELD: Final = 25.0
"""Seconds for which a getUpdates is kept waiting."""
BOT: Final = {"id": 1, "is_bot": True, "first_name": "盯盘", "username": "dingpan_bot"}
SENT: Final = {"message_id": 7, "date": 0, "chat": {"id": 42, "type": "private"}}
RESULTS: Final = {b"getMe": BOT, b"sendMessage": SENT, b"editMessageText": SENT, b"getUpdates": []}


def _response(result: object) -> bytes:
    body = json.dumps({"ok": True, "result": result}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


ANSWERS: Final = {method: _response(result) for method, result in RESULTS.items()}
DONE: Final = _response(True)


class Connection(asyncio.Protocol):
    """Reads requests one after another. ``/times`` tells when the messages since the last asking came."""

    times: Final[list[int]] = []

    def __init__(self) -> None:
        self._received = b""
        self._began = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._received:
            self._began = time.perf_counter_ns()
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
        if len(rest) < int(length or 0):
            return
        self._received = b""
        self._answer(head.split(b" ", 2)[1].rsplit(b"/", 1)[-1])

    def _answer(self, method: bytes) -> None:
        if method == b"times":
            self._transport.write(_response(self.times))
            self.times.clear()
        elif method == b"getUpdates":
            asyncio.get_running_loop().call_later(HELD, self._transport.write, ANSWERS[method])
        else:
            self._transport.write(ANSWERS.get(method, DONE))
            if method == b"sendMessage":
                self.times.append(self._began)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    await over.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
