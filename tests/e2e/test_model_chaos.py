"""A model that answers anything at all, and a person who taps whatever it makes: no internal error, no order."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from adapters.models import openai
from bot.language.proposal import NEVER
from bot.language.request import Ask, Intent
from core.allowance import Budget
from core.types import Symbol
from tests.e2e.theatre import Theatre
from tests.fakes.openai import ASIDE, FakeOpenAI
from tests.unit.test_proposal import proposals

INTENTS = sorted(set(get_args(Intent)) - NEVER)
ENDLESS = Budget(calls=10**9, tokens=10**12, yuan=Decimal(10**9))


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_it_answers_and_whatever_is_tapped(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    sentences = list(proposals())
    tapped = 0
    async with FakeOpenAI() as server:
        model = openai.connect(key="k", base_url=server.url, provider=openai.PROVIDERS["api.deepseek.com"])
        maotai = Symbol("600519.SH")
        async with Theatre(tmp_path, model=model, budget=ENDLESS, positions={maotai: (300, Decimal(1390))}) as stage:
            await stage.tick(maotai, "1450")
            for turn in range(60):
                text, body, _ = chance.choice(sentences)
                answer = dict(body)
                if chance.random() < 0.5:
                    answer["intent"] = chance.choice(INTENTS)
                if chance.random() < 0.3:
                    _, other, _ = chance.choice(sentences)
                    answer |= {key: other[key] for key in chance.sample(sorted(other), 1) if key != "intent"}
                if chance.random() < 0.1:
                    answer["ask"] = chance.choice(get_args(Ask))
                server.answers(answer)
                await stage.say(f"{text}{'啊' * (turn % 9)}{ASIDE}")
                cards = [one for one in stage.channel.buttons() if one.command.startswith("agree")]
                if cards:
                    tapped += 1
                    await stage.send_press(cards[-1].command)
                await stage.say(chance.choice(("确认", "是", "取消", "不对，改成1380", "买100股")))
                assert not await stage.orders(), answer
            assert not stage.seen("内部错误")
        await model.close()
    assert tapped > 10, "too few cards were made for this to mean anything"
