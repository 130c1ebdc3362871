"""The ledger of what models cost agrees with the server's own count, to the token, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest

from adapters.models import openai
from adapters.models.forms import Capability
from adapters.stores import sql
from core.allowance import Allowance, Budget
from core.clock import ManualClock
from core.completions import Completion, Prompt, Turn, Usage
from core.consultations import UNHEARD, Consultation, Purpose, total
from core.counsel import Counsel, Unanswered, Why
from core.people import HOUSE
from core.tariffs import tariff_at
from core.types import Symbol
from tests.e2e.theatre import Theatre
from tests.fakes.market import market_instant
from tests.fakes.openai import ASIDE, FakeOpenAI, Kind, tokens

MAOTAI = Symbol("600519.SH")
ENDLESS = Budget(calls=10**9, tokens=10**12, yuan=Decimal(10**6))
WATCH = {
    "intent": "watch_create",
    "names": ["茅台"],
    "conditions": [{"kind": "price_below", "value": 1400, "unit": "yuan"}],
}
SHAPE = {"type": "object", "properties": {"action": {"type": "string"}}, "required": ["action"]}
BAD: tuple[Kind | None, ...] = (
    *(None, None, None, "blank", "nothing", "prose", "length", "content_filter", "no choices"),
    *(429, 500, 503, 400, "reset", "drop", "cut", "html", "not json"),
)


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as one:
        yield one


def counted(said: Iterable[Mapping[str, Any]]) -> Usage:
    """The server's own count."""
    counts = list(said)
    hit = sum(one["prompt_cache_hit_tokens"] for one in counts)
    read, out = (sum(one[key] for one in counts) for key in ("prompt_tokens", "completion_tokens"))
    return Usage(fresh=read - hit, cached=hit, out=out)


def summed(lines: Sequence[Consultation]) -> Usage:
    return Usage(
        fresh=sum(one.fresh for one in lines),
        cached=sum(one.cached for one in lines),
        out=sum(one.out for one in lines),
    )


def assert_agrees(lines: Sequence[Consultation], server: FakeOpenAI) -> None:
    """Every request has one line; the told lines are the server's count, the others are never less."""
    assert len(lines) == len(server.asked)
    assert summed([line for line in lines if line.told]) == counted(server.used)
    untold = [line for line in lines if not line.told]
    assert all(line.error for line in untold), "what was not told says so"
    lost = counted(server.lost)
    assert summed(untold).total >= lost.total
    for line in lines:
        tariff = tariff_at(line.model_asked, line.at)
        assert (line.yuan, line.price, line.peak) == (tariff.price.of(line.usage), tariff.row, tariff.peak)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("form", get_args(Capability))
async def test_whatever_goes_wrong_the_ledger_is_the_servers_count(
    tmp_path: Path, server: FakeOpenAI, form: Capability, streamed: bool
) -> None:
    chance = random.Random(f"{form} {streamed}")
    server.strict = form != "chat_schema"
    # No more than the prompt has room for, as a server counts.
    server.usage = [
        tokens(read := chance.randint(50, 400), chance.randint(0, 300), chance.randint(0, read)) for _ in range(400)
    ]
    kinds = [chance.choice(BAD) for _ in range(300)]
    if streamed:
        kinds = [kind if kind not in {"no choices", "not json"} else None for kind in kinds]
    server.then(*kinds)
    deepseek = openai.PROVIDERS["api.deepseek.com"]
    model = openai.connect(key="k", base_url=server.url, provider=deepseek, told=form)
    store = sql.connect(tmp_path / "dingpan.db")
    clock = ManualClock(market_instant("2026-11-18 11:30"))

    async def pause(seconds: float) -> None:
        clock.advance(timedelta(seconds=seconds))

    async def hear(_text: str) -> None:
        pass

    async def tell(text: str) -> None:
        raise AssertionError(text)

    allowance = Allowance(store, clock, ENDLESS)
    counsel = Counsel(model, allowance, clock, tell, sleep=pause, chance=chance.random)
    answers = 0

    async def question(number: int) -> None:
        nonlocal answers
        prompt = Prompt(
            instructions="输出 json。" + "规" * 400,
            turns=(Turn(role="user", text=f"第 {number} 问"),),
            shape=SHAPE,
            most_tokens=300,
        )
        purpose = chance.choice([*Purpose])
        found = await counsel.ask(
            f"人{number % 3}", prompt, purpose=purpose, seconds=60, hear=hear if streamed else None
        )
        answers += isinstance(found, Completion)

    for number in range(0, 120, 3):
        await asyncio.gather(*(question(number + one) for one in range(3)))
        clock.advance(timedelta(minutes=5))  # a server that kept failing has rested
    lines = await store.consultations()
    assert_agrees(lines, server)
    assert answers > 40
    assert len({line.error for line in lines}) > 5, "too little went wrong for this to mean anything"
    assert sum(line.attempt > 1 for line in lines) > 5
    assert {line.peak for line in lines} == {True, False}
    day = await allowance.today()
    assert day.everybody == total(line.spent for line in lines)
    for one in range(3):
        assert day.of(f"人{one}") == total(line.spent for line in lines if line.person == f"人{one}")
    await model.close()
    await store.close()


async def test_the_house_counts_every_sentence_that_it_sent(tmp_path: Path, server: FakeOpenAI) -> None:
    server.usage = [tokens(900 + 7 * turn, 40 + turn, 11 * turn) for turn in range(40)]
    server.answers(WATCH, {"intent": "unknown"}, WATCH)
    server.then(None, "blank", "prose", "length", None, 429, "cut", "content_filter", "no choices", 503)
    deepseek = openai.PROVIDERS["api.deepseek.com"]
    model = openai.connect(key="k", base_url=server.url, provider=deepseek)
    async with Theatre(tmp_path, model=model, budget=ENDLESS) as stage:
        await stage.tick(MAOTAI, "1450")
        for turn in range(12):
            await stage.say(f"茅台要是掉到一千四以下就吱我第{'一二三四五六七八九十百千'[turn]}声" + ASIDE)
            stage.clock.advance(timedelta(minutes=5))
        lines = await stage.app.house.store.consultations()
        assert_agrees(lines, server)
        assert {line.person for line in lines} == {HOUSE}
        assert {line.purpose for line in lines} == {Purpose.SENTENCE}
        assert {"现在很忙（429）", "现在很忙（503）", "连不上，或者中途断了", "回答的格式不对", ""} == {
            line.error for line in lines
        }
        spent = total(line.spent for line in lines)
        assert f"今天问了 {spent.calls} 次，约 {spent.yuan:.4f} 元" in (await stage.say("/about")).text
    await model.close()


async def test_a_request_that_was_under_way_when_the_house_was_killed_is_a_line_with_the_worst(
    tmp_path: Path, server: FakeOpenAI
) -> None:
    model = openai.connect(key="k", base_url=server.url, provider=openai.PROVIDERS["api.deepseek.com"])
    async with Theatre(tmp_path, model=model) as stage:
        await stage.tick(MAOTAI, "1450")
        server.hold()
        saying = asyncio.create_task(stage.say("瞅瞅茅台嘞" + ASIDE))
        await server.until(lambda one: len(one.asked) == 1)
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)
        await stage.kill()
        [line] = await stage.app.house.store.consultations()
        assert (line.told, line.error) == (False, UNHEARD)
        assert line.fresh > 1000
        assert (line.out, line.latency_ms) == (500, None)
        assert f"约 {line.yuan:.4f} 元" in (await stage.say("/about")).text
    await model.close()


async def test_a_stream_that_stops_in_the_middle_is_left_at_the_deadline_and_keeps_the_worst(
    tmp_path: Path, server: FakeOpenAI
) -> None:
    server.answers({"action": "观望" * 300})
    server.fail("stall")
    model = openai.connect(key="k", base_url=server.url, told="deepseek")
    store = sql.connect(tmp_path / "dingpan.db")
    clock = ManualClock(market_instant("2026-11-18 10:00"))
    heard: list[str] = []

    async def hear(text: str) -> None:
        heard.append(text)

    async def tell(text: str) -> None:
        raise AssertionError(text)

    counsel = Counsel(model, Allowance(store, clock, ENDLESS), clock, tell)
    prompt = Prompt(instructions="输出 json", turns=(), shape=SHAPE, most_tokens=300)
    found = await counsel.ask("我", prompt, purpose=Purpose.ANALYSIS, seconds=1, hear=hear)
    assert isinstance(found, Unanswered)
    assert found.why is Why.LATE
    assert heard[-1].startswith('{"action": "观望')
    await server.until(lambda one: one.left == 1)
    [line] = await store.consultations()
    assert (line.told, line.error, line.usage) == (False, UNHEARD, prompt.at_worst)
    await model.close()
    await store.close()


async def test_sentences_and_analyses_are_in_one_ledger_and_end_together_when_the_money_does(
    tmp_path: Path, server: FakeOpenAI
) -> None:
    server.usage = [tokens(2000 + 13 * turn, 90 + turn, 7 * turn) for turn in range(40)]
    server.answers({"intent": "unknown"})
    deepseek = openai.PROVIDERS["api.deepseek.com"]
    model = openai.connect(key="k", base_url=server.url, provider=deepseek)
    async with Theatre(tmp_path, model=model, budget=ENDLESS) as stage:
        await stage.tick(MAOTAI, "1450")
        await stage.say("瞅瞅茅台嘞" + ASIDE)
        server.then(503, "blank", "length")  # sent again after the first, asked again after the second
        await stage.say("分析一下茅台")
        lines = await stage.app.house.store.consultations()
        assert [line.purpose for line in lines] == [Purpose.ANALYSIS] * 3 + [Purpose.SENTENCE]
        assert [line.attempt for line in lines] == [1, 2, 1, 1]
        assert_agrees(lines, server)
        [analysis] = await stage.app.house.store.analyses()
        spent = total(line.spent for line in lines[:3])
        assert (analysis.tokens, analysis.yuan) == (spent.tokens, spent.yuan)
        assert "听话 1 次、分析 3 次" in (await stage.say("/about")).text
        server.fail(402)
        await stage.tick(MAOTAI, "1449")
        await stage.say("分析一下茅台")
        assert stage.seen("账户余额用完了")
        asked = len(server.asked)
        assert (await stage.say("瞅瞅宁王嘞" + ASIDE)).text.startswith("模型现在用不了")
        assert len(server.asked) == asked == 5
        assert len(stage.seen("模型用不了了")) == 1
        assert_agrees(await stage.app.house.store.consultations(), server)
    await model.close()
