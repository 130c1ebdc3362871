"""The models: what they make of a server that answers, refuses, and misbehaves. The real library over a loopback."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from adapters.models import openai
from core.completions import Prompt, Turn, Usage
from core.errors import Malformed, OutsideError, Refused, Unavailable
from core.ports import Model
from tests.fakes.openai import FakeOpenAI, Kind

PROMPT = Prompt(
    instructions="输出 json", turns=(Turn(role="user", text="茅台"),), shape={"type": "object"}, most_tokens=300
)
DEEPSEEK = openai.PROVIDERS["api.deepseek.com"]


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as one:
        yield one


@pytest.fixture
async def model(server: FakeOpenAI) -> AsyncIterator[Model]:
    one = openai.connect(key="sk-secret", base_url=server.url, provider=DEEPSEEK)
    yield one
    await one.close()


async def test_an_answer_comes_back_with_who_gave_it_and_what_it_used(server: FakeOpenAI, model: Model) -> None:
    server.answers('{"intent": "help"}')
    found = await model.complete(PROMPT)
    assert found.text == '{"intent": "help"}'
    assert found.model == "deepseek-flash-1017"
    assert found.usage == Usage(fresh=100, cached=900, out=50)


async def test_deepseek_is_asked_as_its_pages_say(server: FakeOpenAI, model: Model) -> None:
    await model.complete(PROMPT)
    body = server.asked[0].body
    assert server.asked[0].path == "/chat/completions"
    assert server.asked[0].headers["authorization"] == "Bearer sk-secret"
    assert body["model"] == "deepseek-flash"
    assert body["thinking"] == {"type": "disabled"}
    assert body["response_format"] == {"type": "json_object"}
    assert body["max_tokens"] == 300
    assert body["messages"] == [{"role": "system", "content": "输出 json"}, {"role": "user", "content": "茅台"}]
    assert "tools" not in body


async def test_a_server_on_this_machine_is_given_the_schema(server: FakeOpenAI) -> None:
    server.strict = False
    model = openai.connect(key="none", base_url=server.url, name="qwen")
    await model.complete(PROMPT)
    await model.close()
    assert server.asked[0].body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert "thinking" not in server.asked[0].body
    assert model.describe() == "qwen（127.0.0.1）"


async def test_openai_tells_its_cache_in_other_words(server: FakeOpenAI, model: Model) -> None:
    server.usage = {
        "prompt_tokens": 1000,
        "completion_tokens": 50,
        "total_tokens": 1050,
        "prompt_tokens_details": {"cached_tokens": 800},
    }
    assert (await model.complete(PROMPT)).usage == Usage(fresh=200, cached=800, out=50)


async def test_a_server_that_does_not_say_what_it_used_leaves_that_unknown(server: FakeOpenAI, model: Model) -> None:
    server.usage = None
    assert (await model.complete(PROMPT)).usage is None


async def test_thoughts_are_no_part_of_the_answer(server: FakeOpenAI, model: Model) -> None:
    server.extra = {"reasoning_content": "用户想买入，我应该直接下单"}
    server.answers('{"intent": "unknown"}')
    assert (await model.complete(PROMPT)).text == '{"intent": "unknown"}'


@pytest.mark.parametrize("kind", ["blank", "nothing"])
async def test_an_empty_answer_is_an_answer_without_a_word(server: FakeOpenAI, model: Model, kind: Kind) -> None:
    server.fail(kind)
    assert not (await model.complete(PROMPT)).text.strip()


async def test_a_huge_answer_is_only_text(server: FakeOpenAI, model: Model) -> None:
    server.fail("huge")
    assert len((await model.complete(PROMPT)).text) == 1_000_000


@pytest.mark.parametrize("kind", [429, 500, 502, 503, "reset", "drop", "cut"])
async def test_what_may_work_later_is_unavailable_and_was_asked_once(
    server: FakeOpenAI, model: Model, kind: Kind
) -> None:
    server.fail(kind)
    with pytest.raises(Unavailable):
        await model.complete(PROMPT)
    assert len(server.asked) == 1


async def test_how_long_they_ask_us_to_wait_is_handed_on(server: FakeOpenAI, model: Model) -> None:
    server.fail(429, retry_after="30")
    with pytest.raises(Unavailable) as caught:
        await model.complete(PROMPT)
    assert caught.value.retry_after == timedelta(seconds=30)
    server.fail(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
    with pytest.raises(Unavailable) as caught:
        await model.complete(PROMPT)
    assert caught.value.retry_after is None


@pytest.mark.parametrize(("status", "word"), [(401, "密钥"), (402, "余额"), (403, "权限"), (404, "LLM_MODEL")])
async def test_what_only_the_owner_can_mend_is_refused(
    server: FakeOpenAI, model: Model, status: int, word: str
) -> None:
    server.fail(status)
    with pytest.raises(Refused, match=word) as caught:
        await model.complete(PROMPT)
    assert "sk-secret" not in str(caught.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize("kind", [400, 422, "html", "not json", "no choices"])
async def test_what_cannot_be_read_is_malformed(server: FakeOpenAI, model: Model, kind: Kind) -> None:
    server.fail(kind)
    with pytest.raises(Malformed):
        await model.complete(PROMPT)


@pytest.mark.parametrize("kind", ["hang", "dribble"])
async def test_whoever_asks_may_stop_waiting_at_any_time(server: FakeOpenAI, model: Model, kind: Kind) -> None:
    server.fail(kind)
    asking = asyncio.create_task(model.complete(PROMPT))
    await server.until(lambda s: len(s.asked) == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await server.until(lambda s: s.left == 1)


async def test_the_key_is_in_no_log_and_in_no_error(
    server: FakeOpenAI, model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await model.complete(PROMPT)
        for kind in (401, 500, 400):
            server.fail(kind)
            with pytest.raises(OutsideError) as caught:
                await model.complete(PROMPT)
            assert "sk-secret" not in repr(caught.value)
    assert caplog.text
    assert "sk-secret" not in caplog.text
    assert "sk-secret" not in model.describe()


def broken() -> Iterator[tuple[str, object]]:
    """An answer in which one place holds something else."""
    message = {"role": "assistant", "content": "{}"}
    usage = {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}
    choices = [{"index": 0, "finish_reason": "stop", "message": message}]
    whole = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": usage}
    places: list[tuple[str | int, ...]] = [(key,) for key in whole]
    places += [("choices", 0), ("choices", 0, "message"), ("choices", 0, "message", "content")]
    places += [("usage", key) for key in usage] + [("usage", "prompt_tokens_details", "cached_tokens")]
    for place in places:
        for value in (None, 0, -5, 10**30, "x", "12", 1.5, [], [1], {}, {"a": 1}, True):
            answer: Any = copy.deepcopy(whole)
            holder = answer
            for step in place[:-1]:
                holder = holder[step]
            holder[place[-1]] = value
            yield f"{place} {value!r}", answer


async def test_an_answer_of_any_shape_is_read_or_malformed_and_never_a_gift(server: FakeOpenAI, model: Model) -> None:
    for what, answer in broken():
        server.raw = json.dumps(answer).encode()
        try:
            found = await model.complete(PROMPT)
        except OutsideError:
            continue
        assert found.usage is None or min(found.usage.fresh, found.usage.cached, found.usage.out) >= 0, what
