"""A hundred questions about a known portfolio, in many wordings, answered with the right figures; the short one first."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from core.messages import Message
from tests.e2e.theatre import Theatre
from tests.evals.portfolio import answer, play, says, short, stage

QUESTIONS: Final[list[dict[str, Any]]] = [
    json.loads(line) for line in Path(__file__).with_name("questions.jsonl").read_text(encoding="utf-8").splitlines()
]
NOT_SHORT: Final = frozenset(
    {"list", "losers", "trades", "alerts", "asset_curve", "decisions", "open", "filled", "asked back"}
)
"""Questions for several things at once, whose short answer is a count, and those that are asked back."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("portfolio")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with stage(tmp_path) as found:
        await play(found)
        yield found


async def test_every_question_is_answered_with_the_right_figures(
    house: Theatre, caplog: pytest.LogCaptureFixture
) -> None:
    wrong, long = [], []
    for question in QUESTIONS:
        told: list[Message] = await answer(house, question["text"], question["id"], before=question.get("after", ""))
        missing = [one for one in question["must"] if not any(says(message, one) for message in told)]
        if missing:
            said = "\n".join(message.plain() for message in told)
            wrong.append(f"{question['id']} {question['text']}: no {missing} in\n{said}")
        elif not NOT_SHORT.intersection(question["tags"]) and not any(
            says(short(told[0]), one) for one in question["must"]
        ):
            long.append(f"{question['id']} {question['text']}: {told[0].title}")
    assert not wrong, "\n\n".join(wrong)
    assert not long
    assert "did not stand" not in caplog.text
