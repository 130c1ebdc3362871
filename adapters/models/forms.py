"""The forms in which a server is held to JSON: how a question is put in each, and how its answer is read.

Whatever the form, the answer is the same Completion, and nothing in it is believed: that a server enforces a schema
does not make the figures true.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai.types.chat.chat_completion_chunk import ChoiceDelta
from openai.types.responses import Response

from adapters.models.strict import loosened, strict, without_nulls
from core.completions import Completion, Prompt, Spoilt, Usage
from core.errors import Unavailable

Capability = Literal["json_object", "chat_schema", "responses_schema", "strict_tools"]
"""``json_object``: some JSON, whose shape the instructions tell; ``chat_schema``: JSON of a schema that the server
enforces; ``responses_schema``: the same in Responses; ``strict_tools``: the arguments of the function it must call."""

SOURCE: Final = "模型"
UNREADABLE: Final = "回答的格式不对"
CUT: Final = "连不上，或者中途断了"
_NAME: Final = "answer"
_CALLED: Final = "tool_calls"
_TOO_LONG: Final = "max_output_tokens"
_ABSURD: Final = 10**9
"""Tokens of one answer: a thousand times what any model can hold."""


def request(form: Capability, model: str, prompt: Prompt, extra: Mapping[str, object]) -> dict[str, Any]:
    """The body, but for streaming."""
    said = [{"role": turn.role, "content": turn.text} for turn in prompt.turns]
    common = {"model": model, "temperature": 0, "extra_body": dict(extra)}
    if form == "responses_schema":
        shape = {"type": "json_schema", "name": _NAME, "schema": strict(prompt.shape), "strict": True}
        return {
            **common,
            "instructions": prompt.instructions,
            "input": said,
            "text": {"format": shape},
            "max_output_tokens": prompt.most_tokens,
            "store": False,
        }
    turns = [{"role": "system", "content": prompt.instructions}, *said]
    chat = {**common, "messages": turns, "max_tokens": prompt.most_tokens}
    if form == "strict_tools":
        function = {"name": _NAME, "strict": True, "parameters": strict(prompt.shape)}
        chosen = {"type": "function", "function": {"name": _NAME}}
        return {**chat, "tools": [{"type": "function", "function": function}], "tool_choice": chosen}
    if form == "chat_schema":
        shape = {"name": _NAME, "schema": prompt.shape}
        return {**chat, "response_format": {"type": "json_schema", "json_schema": shape}}
    return {**chat, "response_format": {"type": "json_object"}}


def read(form: Capability, answer: object, asked: str, prompt: Prompt) -> Completion:
    """Raises whatever comes of it where the server sent something else."""
    found = _response(answer, asked) if form == "responses_schema" else _chat(answer, asked, called=_calls(form))
    return _plain(form, found, prompt)


def _calls(form: Capability) -> bool:
    return form == "strict_tools"


def _plain(form: Capability, found: Completion, prompt: Prompt) -> Completion:
    if form in {"responses_schema", "strict_tools"}:
        return found.model_copy(update={"text": without_nulls(found.text, loosened(prompt.shape))})
    return found


def _chat(answer: object, asked: str, *, called: bool) -> Completion:
    if not isinstance(answer, ChatCompletion):
        raise Spoilt(SOURCE, UNREADABLE, None)
    usage, model = _usage(answer.usage), _text(answer.model) or asked
    if not answer.choices:
        raise Spoilt(SOURCE, UNREADABLE, usage, model)
    first = answer.choices[0]
    return Completion(
        text=_said(first.message, called=called), model=model, usage=usage, finish_reason=_finish(first.finish_reason)
    )


def _said(message: ChatCompletionMessage | ChoiceDelta | None, *, called: bool) -> str:
    """What a message, or a piece of one, says: the arguments of a call only where one was asked for."""
    if message is None:
        return ""
    if called and message.tool_calls:
        return _text(getattr(getattr(message.tool_calls[0], "function", None), "arguments", None))
    return _text(message.content)


def _response(answer: object, asked: str) -> Completion:
    if not isinstance(answer, Response):
        raise Spoilt(SOURCE, UNREADABLE, None)
    told, model = answer.usage, _text(answer.model) or asked
    usage = None
    if told:
        usage = _counted(told.input_tokens, told.output_tokens, getattr(told.input_tokens_details, "cached_tokens", 0))
    if answer.status not in {"completed", "incomplete"}:
        raise Spoilt(SOURCE, UNREADABLE, usage, model)
    why = answer.incomplete_details.reason if answer.incomplete_details else None
    ended = "stop" if answer.status == "completed" else _text(why)
    return Completion(
        text=_text(answer.output_text),
        model=model,
        usage=usage,
        finish_reason="length" if ended == _TOO_LONG else ended,
    )


def _text(said: object) -> str:
    """JSON may escape half a character, which no text that goes on from here can hold."""
    return said.encode("utf-8", "replace").decode() if isinstance(said, str) else ""


def _finish(said: object) -> str:
    return "stop" if said == _CALLED else _text(said)


def _usage(told: object) -> Usage | None:
    """None where it was not told, or cannot be: the worst stays in the books then."""
    if not isinstance(told, CompletionUsage):
        return None
    cached = (told.model_extra or {}).get("prompt_cache_hit_tokens")
    if cached is None and told.prompt_tokens_details is not None:
        cached = told.prompt_tokens_details.cached_tokens
    return _counted(told.prompt_tokens, told.completion_tokens, cached)


def _counted(read: object, out: object, cached: object) -> Usage | None:
    if not isinstance(read, int) or not isinstance(out, int) or not (0 <= read < _ABSURD and 0 <= out < _ABSURD):
        return None
    kept = min(max(cached, 0), read) if isinstance(cached, int) else 0
    return Usage(fresh=read - kept, cached=kept, out=out)


class _Heard(NamedTuple):
    """What one piece of a stream adds."""

    text: str = ""
    model: str = ""
    finish: str = ""
    usage: Usage | None = None


async def hear(
    form: Capability, events: AsyncIterator[Any], asked: str, prompt: Prompt
) -> AsyncGenerator[str | Completion]:
    """The pieces of a stream, then the answer. Raises as :func:`read`, and Unavailable where the end is missing."""
    whole = _Heard()
    async for event in events:
        if form == "responses_schema":
            if event.type == "response.output_text.delta":
                yield _text(event.delta)
            elif event.type in {"response.completed", "response.incomplete", "response.failed"}:
                yield read(form, event.response, asked, prompt)
                return
            continue
        one = _piece(event, called=_calls(form))
        whole = _Heard(
            whole.text + one.text, one.model or whole.model, one.finish or whole.finish, one.usage or whole.usage
        )
        if one.text:
            yield one.text
    if not whole.finish:
        raise Unavailable(SOURCE, CUT)
    found = Completion(text=whole.text, model=whole.model or asked, usage=whole.usage, finish_reason=whole.finish)
    yield _plain(form, found, prompt)


def _piece(event: object, *, called: bool) -> _Heard:
    if not isinstance(event, ChatCompletionChunk):
        raise Spoilt(SOURCE, UNREADABLE, None)
    usage, model = _usage(event.usage), _text(event.model)
    if not event.choices:
        return _Heard(model=model, usage=usage)
    first = event.choices[0]
    return _Heard(_said(first.delta, called=called), model, _finish(first.finish_reason), usage)
