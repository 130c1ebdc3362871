"""A loopback server that speaks OpenAI's chat completions as DeepSeek does, and misbehaves on demand.

It refuses what DeepSeek refuses (a JSON schema, JSON mode without the word json in the prompt) and answers what a test
put into its mouth. Nothing in it waits on seconds. ::

    async with FakeOpenAI() as server:                     # give server.url to the model
        server.answers({"intent": "quote_query", "names": ["茅台"]})
        server.answers("好的！", {"intent": "help"})         # one after another; the last one stays
        server.fail("reset")                                # until server.heal(), or with times=2 for two requests
        gate = server.hold()                                # answers wait until gate.set()
        assert "茅台" in server.asked[-1].said
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

Kind = (
    int
    | Literal["blank", "nothing", "no choices", "html", "not json", "cut", "reset", "drop", "hang", "dribble", "huge"]
)
Answer = str | Mapping[str, Any]

_WORDS: Final = {
    402: "Insufficient Balance",
    429: "Rate limit reached",
    401: "Authentication Fails",
    503: "Server is busy",
}
ASIDE: Final = "唉呀" * 100
"""Put behind a sentence it leaves it to the model: the grammar reads nothing as long as that, however much it learns."""
HUGE: Final = "很" * 1_000_000


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def instructions(self) -> str:
        return str(self.body["messages"][0]["content"])

    @property
    def said(self) -> str:
        """The first turn of the person."""
        return str(self.body["messages"][1]["content"])


@dataclass
class FakeOpenAI:
    """The server.

    Attributes:
        model: what it says it is, whatever was asked for.
        usage: what it says it used; None says nothing.
        extra: put into the message beside its content, as ``reasoning_content``.
        strict: refuse what DeepSeek refuses.
        raw: the whole body of every answer, where it is not made of the rest.
    """

    model: str = "deepseek-flash-1017"
    usage: Mapping[str, Any] | None = field(
        default_factory=lambda: {
            "prompt_tokens": 1000,
            "completion_tokens": 50,
            "total_tokens": 1050,
            "prompt_cache_hit_tokens": 900,
            "prompt_cache_miss_tokens": 100,
        }
    )
    extra: Mapping[str, Any] = field(default_factory=dict)
    strict: bool = True
    raw: bytes | None = None
    asked: list[Asked] = field(default_factory=list)
    left: int = 0
    """Connections that the other side closed while it was waiting for us."""

    def __post_init__(self) -> None:
        self._answers: list[Answer] = [{"intent": "unknown"}]
        self._fault: Kind | None = None
        self._times: int | None = None
        self._retry_after: str | None = None
        self._gate: asyncio.Event | None = None
        self._news = asyncio.Condition()
        self._talks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._port = 0

    # --- what it does ---

    def answers(self, *answers: Answer) -> None:
        """Say these, one after another, then the last one for ever. A mapping is written as JSON."""
        self._answers = list(answers)

    def fail(self, kind: Kind, times: int | None = None, *, retry_after: str | None = None) -> None:
        self._fault, self._times, self._retry_after = kind, times, retry_after

    def heal(self) -> None:
        self._fault = None

    def hold(self) -> asyncio.Event:
        """Keep every answer until the event is set."""
        self._gate = asyncio.Event()
        return self._gate

    async def until(self, condition: Callable[[Self], bool], *, at_most: float = 20) -> None:
        """Wait until it holds; looked at after every request and every connection that ends."""
        async with asyncio.timeout(at_most), self._news:
            await self._news.wait_for(lambda: condition(self))

    # --- the server ---

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

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
        headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in head[1:]) if key}
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        self.asked.append(Asked(head[0].split(" ")[1], headers, body))
        await self._tell()
        if self._gate is not None:
            await self._gate.wait()
        kind = self._strikes()
        if kind in {"hang", "dribble"}:
            await self._keep_waiting(reader, writer, dribble=kind == "dribble")
            return False
        if kind == "reset":
            # A lingering time of nothing makes the end of the connection a reset.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if kind == "drop":
            return False
        if isinstance(kind, int):
            return await self._refuse(writer, kind, _WORDS.get(kind, "no"))
        if (why := self._unacceptable(body)) is not None:
            return await self._refuse(writer, 400, why)
        content, kind_of_text, size = self._body(kind)
        return await _send(writer, 200, content, kind_of_text, size=size)

    def _strikes(self) -> Kind | None:
        if self._fault is None or self._times == 0:
            return None
        if self._times is not None:
            self._times -= 1
        return self._fault

    def _unacceptable(self, body: Mapping[str, Any]) -> str | None:
        """What DeepSeek says to it, if it does not take it."""
        form = (body.get("response_format") or {}).get("type")
        if not self.strict:
            return None
        if form == "json_schema":
            return "This response_format type is unavailable now"
        if form == "json_object" and "json" not in str(body["messages"]).lower():
            return "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'."
        return None

    def _body(self, kind: Kind | None) -> tuple[bytes, str, int | None]:
        if self.raw is not None:
            return self.raw, "application/json", None
        if kind == "html":
            return b"<html><body>504 Gateway Time-out</body></html>", "text/html", None
        if kind == "not json":
            return b'{"id": "x", "choices": [', "application/json", None
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        text: str | None = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        text = {"blank": "   \n ", "nothing": None, "huge": HUGE}.get(str(kind), text)
        completion: dict[str, Any] = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_763_431_200,
            "model": self.model,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": text, **self.extra},
                }
            ],
        }
        if kind == "no choices":
            completion["choices"] = []
        if self.usage is not None:
            completion["usage"] = self.usage
        whole = json.dumps(completion, ensure_ascii=False).encode()
        return (
            (whole[: len(whole) // 2], "application/json", len(whole))
            if kind == "cut"
            else (whole, "application/json", None)
        )

    async def _refuse(self, writer: asyncio.StreamWriter, status: int, why: str) -> bool:
        body = json.dumps({"error": {"message": why, "type": "error", "code": None, "param": None}}).encode()
        more = f"Retry-After: {self._retry_after}\r\n" if self._retry_after else ""
        return await _send(writer, status, body, "application/json", more=more)

    async def _keep_waiting(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, dribble: bool) -> None:
        """Until the other side has had enough; with blank lines, as DeepSeek sends them under load."""
        gone = asyncio.create_task(reader.read())
        if dribble:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not gone.done():
            if dribble:
                writer.write(b"1\r\n\n\r\n")
                await writer.drain()
            await asyncio.wait((gone,), timeout=0.01)
        self.left += 1
        await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


async def _send(
    writer: asyncio.StreamWriter, status: int, body: bytes, form: str, *, size: int | None = None, more: str = ""
) -> bool:
    """Send it. ``size`` is the promised length where it is not the true one."""
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {form}\r\nContent-Length: {len(body) if size is None else size}\r\n{more}\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    return size is None
