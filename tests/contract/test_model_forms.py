"""The four forms in which a server is held to JSON: one answer from all of them, at once or piece by piece."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from typing import Any, get_args

import pytest

from adapters.models import openai
from adapters.models.forms import Capability
from adapters.models.strict import loosened, strict, without_nulls
from bot.language.proposal import schema
from core.completions import Completion, Prompt, Spoilt, Turn, Usage
from core.errors import Malformed, OutsideError, Refused, Unavailable
from core.ports import StreamingModel
from tests.fakes.openai import PROSE, FakeOpenAI, Kind, Said, tokens

FORMS: tuple[Capability, ...] = get_args(Capability)
SHAPE: dict[str, Any] = {
    "$defs": {"Reason": {"type": "object", "properties": {"text": {"type": "string", "maxLength": 80}}}},
    "type": "object",
    "title": "Advice",
    "properties": {
        "action": {"enum": ["buy", "hold"], "type": "string"},
        "entry": {"type": "number", "default": None, "minimum": 0},
        "reasons": {"type": "array", "items": {"$ref": "#/$defs/Reason"}, "maxItems": 5},
    },
    "required": ["action"],
}
PROMPT = Prompt(instructions="输出 json", turns=(Turn(role="user", text="茅台"),), shape=SHAPE, most_tokens=300)
ADVICE = {"action": "buy", "entry": 1405.1, "reasons": [{"text": "站上 20 日均线"}]}
WHOLE = json.dumps(ADVICE, ensure_ascii=False)


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as one:
        yield one


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Capability:
    found: Capability = request.param
    return found


@pytest.fixture
async def model(server: FakeOpenAI, form: Capability) -> AsyncIterator[openai.OpenAIModel]:
    # Only a server that is not DeepSeek takes a schema in chat.
    server.strict = form != "chat_schema"
    one = openai.connect(key="sk-secret", base_url=server.url, provider=openai.PROVIDERS["api.deepseek.com"], told=form)
    assert isinstance(one, openai.OpenAIModel)
    yield one
    await one.close()


async def heard(model: openai.OpenAIModel) -> tuple[str, Completion]:
    """What was said piece by piece, and the answer at the end."""
    pieces: list[str] = []
    async with aclosing(model.stream(PROMPT)) as coming:
        async for piece in coming:
            if isinstance(piece, Completion):
                return "".join(pieces), piece
            pieces.append(piece)
    raise AssertionError("a stream without an end")


async def test_every_form_gives_the_same_answer(server: FakeOpenAI, model: openai.OpenAIModel) -> None:
    server.answers(ADVICE)
    found = await model.complete(PROMPT)
    assert json.loads(found.text) == ADVICE
    assert found.model == "deepseek-flash-1017"
    assert found.usage == Usage(fresh=100, cached=900, out=50)
    assert found.finish_reason == "stop"


async def test_a_stream_gives_the_same_answer_as_no_stream(server: FakeOpenAI, model: openai.OpenAIModel) -> None:
    assert isinstance(model, StreamingModel)
    server.answers(ADVICE)
    said, found = await heard(model)
    assert found == await model.complete(PROMPT)
    assert json.loads(said) == ADVICE


async def test_how_each_form_asks(server: FakeOpenAI, model: openai.OpenAIModel, form: Capability) -> None:
    await model.complete(PROMPT)
    [asked] = server.asked
    assert asked.instructions == "输出 json"
    assert asked.said == "茅台"
    body = asked.body
    assert body["temperature"] == 0
    if form == "responses_schema":
        assert asked.path == "/responses"
        assert body["reasoning"] == {"effort": "none"}
        assert body["max_output_tokens"] == 300
        assert body["store"] is False
        assert body["text"]["format"]["strict"] is True
        return
    assert body["thinking"] == {"type": "disabled"}
    assert body["max_tokens"] == 300
    if form == "strict_tools":
        assert asked.path == "/beta/chat/completions"
        assert body["tool_choice"] == {"type": "function", "function": {"name": "answer"}}
        assert "response_format" not in body
    else:
        assert asked.path == "/chat/completions"
        assert body["response_format"]["type"] == {"chat_schema": "json_schema", "json_object": "json_object"}[form]
        assert "tools" not in body


async def test_what_a_strict_server_must_write_as_null_was_left_out(
    server: FakeOpenAI, model: openai.OpenAIModel, form: Capability
) -> None:
    server.answers({"action": "hold", "entry": None, "reasons": None})
    found = json.loads((await model.complete(PROMPT)).text)
    if form in {"strict_tools", "responses_schema"}:
        assert found == {"action": "hold"}
    else:
        assert found == {"action": "hold", "entry": None, "reasons": None}


@pytest.mark.parametrize(
    ("kind", "text", "finish"),
    [
        ("blank", "   \n ", "stop"),
        ("nothing", "", "stop"),
        ("prose", PROSE, "stop"),
        ("length", WHOLE[: len(WHOLE) // 2], "length"),
        ("content_filter", "", "content_filter"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_bad_answer_is_an_answer_with_what_it_cost(
    server: FakeOpenAI, model: openai.OpenAIModel, kind: Kind, text: str, finish: str, streamed: bool
) -> None:
    server.answers(WHOLE)
    server.usage = tokens(1234, 300, 1000)
    server.fail(kind)
    found = (await heard(model))[1] if streamed else await model.complete(PROMPT)
    assert (found.text, found.finish_reason) == (text, finish)
    assert found.usage == Usage(fresh=234, cached=1000, out=300)


@pytest.mark.parametrize("kind", [429, 500, 503, "reset", "drop", "cut", 402, 401, 400, 422, "html"])
@pytest.mark.parametrize("streamed", [False, True])
async def test_what_goes_wrong_is_one_of_the_three_errors(
    server: FakeOpenAI, model: openai.OpenAIModel, kind: Kind, streamed: bool
) -> None:
    server.fail(kind)
    wanted: type[OutsideError] = Unavailable
    if kind in {401, 402}:
        wanted = Refused
    elif kind in {400, 422} or (kind == "html" and not streamed):  # in a stream, a page is one that never began
        wanted = Malformed
    with pytest.raises(wanted) as caught:
        await (heard(model) if streamed else model.complete(PROMPT))
    assert "sk-secret" not in repr(caught.value)
    assert len(server.asked) == 1


async def test_an_answer_without_an_answer_costs_what_they_say(server: FakeOpenAI, model: openai.OpenAIModel) -> None:
    server.fail("no choices")
    with pytest.raises(Spoilt) as caught:
        await model.complete(PROMPT)
    assert caught.value.usage == Usage(fresh=100, cached=900, out=50)
    assert caught.value.model == "deepseek-flash-1017"


async def test_a_server_that_does_not_count_leaves_that_unknown_in_a_stream_too(
    server: FakeOpenAI, model: openai.OpenAIModel
) -> None:
    server.usage = None
    assert (await model.complete(PROMPT)).usage is None
    assert (await heard(model))[1].usage is None


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_count_that_cannot_be_is_not_believed(
    server: FakeOpenAI, model: openai.OpenAIModel, streamed: bool
) -> None:
    for said in (tokens(10**30, 5), tokens(5, 10**30), tokens(-1, 5), tokens(5, -1)):
        server.usage = said
        assert ((await heard(model))[1] if streamed else await model.complete(PROMPT)).usage is None


async def test_whoever_listens_may_leave_in_the_middle(server: FakeOpenAI, model: openai.OpenAIModel) -> None:
    server.answers({"action": "hold", "reasons": [{"text": "长" * 200}]})
    server.fail("stall")
    begun = asyncio.Event()

    async def listen() -> None:
        async with aclosing(model.stream(PROMPT)) as pieces:
            async for _ in pieces:
                begun.set()

    listening = asyncio.create_task(listen())
    await asyncio.wait_for(begun.wait(), 20)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    await server.until(lambda s: s.left == 1)


async def test_a_function_that_was_not_asked_for_is_not_an_answer(server: FakeOpenAI) -> None:
    server.raw = json.dumps(
        {
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls",
                    "message": {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [
                            {"id": "1", "type": "function", "function": {"name": "buy", "arguments": '{"a": 1}'}}
                        ],
                    },
                }
            ],
        }
    ).encode()
    model = openai.connect(key="k", base_url=server.url, told="json_object")
    assert (await model.complete(PROMPT)).text == ""
    await model.close()


async def test_strict_functions_are_asked_for_where_deepseek_takes_them(server: FakeOpenAI) -> None:
    deepseek = openai.PROVIDERS["api.deepseek.com"]
    for url in (server.url, f"{server.url}/", f"{server.url}/beta"):
        model = openai.connect(key="k", base_url=url, provider=deepseek, told="strict_tools")
        await model.complete(PROMPT)
        await model.close()
    model = openai.connect(key="k", base_url=f"{server.url}/v1", told="strict_tools")
    with pytest.raises(Spoilt):
        await model.complete(PROMPT)  # another host has no such path, and this one minds
    await model.close()
    assert [one.path for one in server.asked] == ["/beta/chat/completions"] * 3 + ["/v1/chat/completions"]


async def test_deepseek_may_be_at_another_address(server: FakeOpenAI) -> None:
    model = openai.connect(key="k", base_url=server.url, told="deepseek")
    await model.complete(PROMPT)
    await model.close()
    assert server.asked[0].body["thinking"] == {"type": "disabled"}
    assert server.asked[0].body["response_format"] == {"type": "json_object"}


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place inside a JSON value."""
    steps: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        steps = value.items()
    elif isinstance(value, list):
        steps = enumerate(value)
    for step, inner in steps:
        yield (*path, step)
        yield from places(inner, (*path, step))


def with_other(value: Any, path: tuple[str | int, ...], other: object) -> Any:
    changed = copy.deepcopy(value)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = other
    return changed


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_of_any_shape_is_read_or_refused_and_never_a_gift(
    server: FakeOpenAI, model: openai.OpenAIModel, form: Capability, streamed: bool
) -> None:
    said = Said("deepseek-flash-1017", '{"action": "hold"}', "stop", tokens(1000, 50, 900), {})
    called = form == "strict_tools"
    if form == "responses_schema":
        written = said.as_events() if streamed else said.as_response()
    else:
        written = said.as_chunks(called=called, counted=True) if streamed else said.as_chat(called=called)
    events = [part.partition(b"data: ") for part in written.split(b"\n\n")] if streamed else [(b"", b"", written)]
    bodies = [json.loads(data) if data.startswith(b"{") else None for _, _, data in events]
    read = 0
    some = {*range(3), *range(len(bodies) - 4, len(bodies))}  # one piece in the middle is as good as another
    for number in sorted(some & {*range(len(bodies))}):
        for path in places(bodies[number]):
            for other in (None, -5, "\ud800", [None], {"a": 1}):
                changed = json.dumps(with_other(bodies[number], path, other)).encode()
                parts = [(*events[number][:2], changed) if at == number else one for at, one in enumerate(events)]
                server.raw = b"\n\n".join(b"".join(part) for part in parts)
                try:
                    found = (await heard(model))[1] if streamed else await model.complete(PROMPT)
                except OutsideError:
                    continue
                read += 1
                assert found.usage is None or min(found.usage.fresh, found.usage.cached, found.usage.out) >= 0, path
                found.text.encode()
    assert read > 50


# --- the strict form of a schema


def test_a_strict_schema_is_closed_and_requires_everything() -> None:
    assert strict(SHAPE) == {
        "type": "object",
        "properties": {
            "action": {"enum": ["buy", "hold"], "type": "string"},
            "entry": {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]},
            "reasons": {
                "anyOf": [
                    {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"text": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
                            "required": ["text"],
                            "additionalProperties": False,
                        },
                    },
                    {"type": "null"},
                ]
            },
        },
        "required": ["action", "entry", "reasons"],
        "additionalProperties": False,
    }
    assert loosened(SHAPE) == {"entry", "reasons", "text"}


async def test_what_a_sentence_can_be_has_a_form_that_deepseek_takes(
    server: FakeOpenAI, model: openai.OpenAIModel
) -> None:
    await model.complete(PROMPT.model_copy(update={"shape": schema()}))
    assert len(server.asked) == 1


def test_an_object_of_any_keys_has_no_strict_form() -> None:
    for part in ({"type": "object"}, {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}}):
        with pytest.raises(ValueError, match="any keys"):
            strict({"type": "object", "properties": {"a": part}})


@pytest.mark.parametrize("text", ["", "好的！", '{"a": nul', "[" * 100_000, "null", '"a"', "3"])
def test_what_is_no_object_stays_as_it_is(text: str) -> None:
    assert without_nulls(text, {"a"}) == text
