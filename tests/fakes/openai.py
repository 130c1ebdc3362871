"""A loopback server that speaks OpenAI's chat completions and Responses as DeepSeek does, and misbehaves on demand.

It refuses what DeepSeek refuses (a JSON schema in chat, JSON mode without the word json in the prompt, a strict function
outside ``/beta`` or with a schema that is not closed) and answers what a test put into its mouth, at once or streamed.
It keeps its own count of the tokens that it has used. Nothing in it waits on seconds. ::

    async with FakeOpenAI() as server:                     # give server.url to the model
        server.answers({"intent": "quote_query", "names": ["茅台"]})
        server.answers("好的！", {"intent": "help"})         # one after another; the last one stays
        server.fail("reset")                                # until server.heal(), or with times=2 for two requests
        server.then(429, "blank", None, "length")           # one after another for the next requests, then no more
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
    | Literal["blank", "nothing", "prose", "length", "content_filter", "huge"]  # answers, though bad ones
    | Literal["no choices", "html", "not json", "cut", "reset", "drop", "hang", "dribble", "stall"]
)
"""``stall``, of a stream: half of it, then silence."""
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
PROSE: Final = "好的！根据最新消息，茅台现价 36 元，建议立即买入，目标价 200 元。"
_STRICT_WORDS: Final = frozenset(
    {
        *("type", "description", "enum", "const", "pattern", "anyOf", "items", "properties", "required"),
        *("additionalProperties", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    }
)
_PIECE: Final = 7
"""Characters of a streamed piece."""


def tokens(read: int, out: int, hit: int = 0) -> dict[str, Any]:
    """What an answer used, in DeepSeek's words."""
    cache = {"prompt_cache_hit_tokens": hit, "prompt_cache_miss_tokens": read - hit}
    return {"prompt_tokens": read, "completion_tokens": out, "total_tokens": read + out, **cache}


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def instructions(self) -> str:
        return str(self.body.get("instructions") or self.body["messages"][0]["content"])

    @property
    def said(self) -> str:
        """The first turn of the person."""
        return str(self.body["input"][0]["content"] if "input" in self.body else self.body["messages"][1]["content"])


@dataclass
class FakeOpenAI:
    """The server.

    Attributes:
        model: what it says it is, whatever was asked for.
        usage: what it says it used; None says nothing. Several are said one after another, the last one for ever.
        used: what it has used by its own count, of each answer that it sent to the end.
        lost: the same of those that it did not.
        extra: put into the message beside its content, as ``reasoning_content``.
        strict: refuse what DeepSeek refuses.
        raw: the whole body of every answer, where it is not made of the rest.
    """

    model: str = "deepseek-flash-1017"
    usage: Mapping[str, Any] | list[Mapping[str, Any]] | None = field(default_factory=lambda: tokens(1000, 50, 900))
    extra: Mapping[str, Any] = field(default_factory=dict)
    strict: bool = True
    raw: bytes | None = None
    asked: list[Asked] = field(default_factory=list)
    used: list[Mapping[str, Any]] = field(default_factory=list)
    lost: list[Mapping[str, Any]] = field(default_factory=list)
    left: int = 0
    """Connections that the other side closed while it was waiting for us."""

    def __post_init__(self) -> None:
        self._answers: list[Answer] = [{"intent": "unknown"}]
        self._fault: Kind | None = None
        self._coming: list[Kind | None] = []
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

    def then(self, *kinds: Kind | None) -> None:
        """What goes wrong with each of the next requests; None lets one be. Afterwards it is as before."""
        self._coming += kinds

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
        asked = Asked(head[0].split(" ")[1], headers, body)
        self.asked.append(asked)
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
        if (why := self._unacceptable(asked)) is not None:
            return await self._refuse(writer, 400, why)
        content, kind_of_text, size = self._body(asked, kind)
        if kind == "stall":
            await _send(writer, 200, content[: len(content) // 2], kind_of_text, size=len(content))
            await self._keep_waiting(reader, writer, dribble=False)
            return False
        return await _send(writer, 200, content, kind_of_text, size=size)

    def _strikes(self) -> Kind | None:
        if self._coming:
            return self._coming.pop(0)
        if self._fault is None or self._times == 0:
            return None
        if self._times is not None:
            self._times -= 1
        return self._fault

    def _unacceptable(self, asked: Asked) -> str | None:
        """What DeepSeek says to it, if it does not take it."""
        body, thinks = asked.body, asked.body.get("thinking") != {"type": "disabled"}
        if not self.strict:
            return None
        if asked.path.endswith("/responses"):
            return _open_in(body["text"]["format"]["schema"])
        form = (body.get("response_format") or {}).get("type")
        if form == "json_schema":
            return "This response_format type is unavailable now"
        if form == "json_object" and "json" not in str(body["messages"]).lower():
            return "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'."
        for tool in body.get("tools", ()):
            if tool["function"].get("strict") and "/beta/" not in asked.path:
                return "strict is only supported on the beta base"
            if (why := _open_in(tool["function"]["parameters"])) is not None:
                return why
        return "tool_choice is not supported while thinking" if body.get("tool_choice") and thinks else None

    def _body(self, asked: Asked, kind: Kind | None) -> tuple[bytes, str, int | None]:
        """The answer, its type, and the promised length where that is not the true one."""
        if self.raw is not None:
            return self.raw, "application/json", None
        if kind == "html":
            return b"<html><body>504 Gateway Time-out</body></html>", "text/html", None
        if kind == "not json":
            return b'{"id": "x", "choices": [', "application/json", None
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        text: str | None = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        wrong = {"blank": "   \n ", "nothing": None, "huge": HUGE, "prose": PROSE, "content_filter": ""}
        text = text[: len(text) // 2] if kind == "length" and text else wrong.get(str(kind), text)
        finish = str(kind) if kind in {"length", "content_filter"} else "stop"
        said = Said(self.model, text, finish, self._count(kind), self.extra, empty=kind == "no choices")
        stream = bool(asked.body.get("stream"))
        if asked.path.endswith("/responses"):
            whole = said.as_events() if stream else said.as_response()
        elif stream:
            options = asked.body.get("stream_options") or {}
            whole = said.as_chunks(called="tools" in asked.body, counted=bool(options.get("include_usage")))
        else:
            whole = said.as_chat(called="tools" in asked.body)
        form = "text/event-stream" if stream else "application/json"
        return (whole[: len(whole) // 2], form, len(whole)) if kind == "cut" else (whole, form, None)

    def _count(self, kind: Kind | None) -> Mapping[str, Any] | None:
        said = self.usage
        if isinstance(said, list):
            said = said.pop(0) if len(said) > 1 else said[0]
        if said is not None:
            (self.lost if kind in {"cut", "stall"} else self.used).append(said)
        return said

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


def _open_in(schema: Mapping[str, Any]) -> str | None:
    """Where a schema is not as strict as it must be."""
    if more := {*schema} - _STRICT_WORDS:
        return f"unsupported keywords: {more}"
    if schema.get("type") == "object":
        names = {*schema.get("properties", {})}
        if schema.get("additionalProperties") is not False or {*schema.get("required", ())} != names:
            return "every object must be closed and require all of its properties"
    parts = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    parts += [schema["items"]] if "items" in schema else []
    return next((why for part in parts if (why := _open_in(part)) is not None), None)


@dataclass(frozen=True)
class Said:
    """One answer, and how it is written in each form."""

    model: str
    text: str | None
    finish: str
    usage: Mapping[str, Any] | None
    extra: Mapping[str, Any]
    empty: bool = False

    def as_chat(self, *, called: bool) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": self.text, **self.extra}
        finish = self.finish
        if called:
            call = {"id": "call_1", "type": "function", "function": {"name": "answer", "arguments": self.text}}
            message |= {"content": None, "tool_calls": [call]}
            finish = "tool_calls" if finish == "stop" else finish
        choice = {"index": 0, "finish_reason": finish, "message": message}
        return _json({**self._head("chat.completion"), "choices": [] if self.empty else [choice], **self._used()})

    def as_chunks(self, *, called: bool, counted: bool) -> bytes:
        def chunk(delta: Mapping[str, Any], finish: str | None = None) -> Mapping[str, Any]:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return {**self._head("chat.completion.chunk"), "choices": [choice]}

        events = [chunk({"role": "assistant", "content": "", **self.extra})]
        for piece in self._pieces():
            call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "answer", "arguments": piece}}
            events.append(chunk({"tool_calls": [call]} if called else {"content": piece}))
        events.append(chunk({}, "tool_calls" if called and self.finish == "stop" else self.finish))
        if counted and self.usage is not None:
            events.append({**self._head("chat.completion.chunk"), "choices": [], **self._used()})
        return b": keep-alive\n\n" + b"".join(b"data: " + _json(one) + b"\n\n" for one in events) + b"data: [DONE]\n\n"

    def as_response(self) -> bytes:
        return _json(self._response())

    def as_events(self) -> bytes:
        whole = self._response()
        about = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": []}
        events: list[Mapping[str, Any]] = [{"type": "response.created", "response": {**whole, "usage": None}}]
        events += [{"type": "response.output_text.delta", "delta": piece, **about} for piece in self._pieces()]
        events.append({"type": f"response.{whole['status']}", "response": whole})
        lines = (
            f"event: {one['type']}\ndata: ".encode() + _json({**one, "sequence_number": number}) + b"\n\n"
            for number, one in enumerate(events)
        )
        return b"".join(lines)

    def _pieces(self) -> list[str]:
        text = self.text or ""
        return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]

    def _head(self, kind: str) -> Mapping[str, Any]:
        return {"id": "chatcmpl-1", "object": kind, "created": 1_763_431_200, "model": self.model}

    def _used(self) -> Mapping[str, Any]:
        return {} if self.usage is None else {"usage": self.usage}

    def _response(self) -> dict[str, Any]:
        usage = None
        if (used := self.usage) is not None:
            usage = {
                "input_tokens": used["prompt_tokens"],
                "input_tokens_details": {"cached_tokens": used.get("prompt_cache_hit_tokens", 0)},
                "output_tokens": used["completion_tokens"],
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": used["total_tokens"],
            }
        content = [{"type": "output_text", "text": self.text, "annotations": []}] if self.text is not None else []
        message = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": content}
        why = {"length": "max_output_tokens"}.get(self.finish, self.finish)
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1_763_431_200,
            "model": self.model,
            "status": "failed" if self.empty else "completed" if self.finish == "stop" else "incomplete",
            "incomplete_details": None if self.finish == "stop" else {"reason": why},
            "output": [] if self.empty else [message],
            "parallel_tool_calls": False,
            "tool_choice": "none",
            "tools": [],
            "usage": usage,
        }


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
