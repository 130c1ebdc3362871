"""Answers say nothing but facts, and an answer with one wrong number never passes for a right one."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from core.figures import Unit
from core.grounding import Fact, Facts, check_message
from core.messages import Message
from tests.e2e.theatre import Theatre
from tests.evals.oracle import SHARES, facts
from tests.evals.portfolio import answer, play, stage

MUTANTS: Final = 3000
ASKED: Final = Path(__file__).parents[1] / "evals" / "questions.jsonl"
OTHERS: Final = frozenset({"alerts", "decisions", "open", "asked back"})
"""What is told of watches, cards and orders is no figure of an account."""


class Answer(NamedTuple):
    message: Message
    facts: Facts
    about: str


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with stage(tmp_path) as found:
        await play(found)
        yield found


async def answers(house: Theatre) -> list[Answer]:
    """Every different answer to the questions, with the facts of its account as they were worked out independently."""
    found: dict[str, Answer] = {}
    for line in ASKED.read_text(encoding="utf-8").splitlines():
        question = json.loads(line)
        if OTHERS.intersection(question["tags"]):
            continue
        for message in await answer(house, question["text"], question["id"], before=question.get("after", "")):
            account = "wife" if "老婆账户·" in message.text else "paper"
            owners = [symbol for symbol, share in SHARES.items() if share.name in message.title]
            found[message.plain()] = Answer(
                message, facts(account), owners[0] if owners and "最" not in message.title else ""
            )
    return list(found.values())


async def test_every_figure_of_every_answer_is_one_that_was_worked_out_another_way(house: Theatre) -> None:
    shown = await answers(house)
    assert len(shown) > 40
    for one in shown:
        assert check_message(one.message, one.facts, one.about) == [], one.message.plain()


# -- one wrong number


class Mutant(NamedTuple):
    kind: str
    text: str


_NUMBER: Final = re.compile(r"(?<![0-9.,:\-])[+-]?[0-9][0-9,]*(?:\.[0-9]+)?(?![0-9]*[-:][0-9])")
_UNITS: Final = {
    "元": ("万元", "%", "股"),
    "%": (" 元", " 成", " 倍"),
    "股": ("手", "元", "万股"),
    "天": ("次", "元"),
    "只": ("天", "股"),
}
_WORDS: Final = (("亏得", "赚得"), ("赚得", "亏得"), ("亏损", "盈利"), ("涨", "跌"))


def mutants(text: str, others: Sequence[str], chance: random.Random) -> Iterator[Mutant]:
    """The text with one number changed."""
    for match in _NUMBER.finditer(text):
        number = match[0]
        if text[: match.start()].endswith("(") and number.isdecimal() and len(number) == 6:
            continue  # the code of a share
        head, tail = text[: match.start()], text[match.end() :]
        digits = [place for place, char in enumerate(number) if char.isdecimal()]
        place = chance.choice(digits)
        other = chance.choice([char for char in "0123456789" if char != number[place]])
        yield Mutant("digit", f"{head}{number[:place]}{other}{number[place + 1 :]}{tail}")
        yield Mutant("shift", f"{head}{_shifted(number, chance.choice((-1, 1)))}{tail}")
        sign = {"+": "-", "-": "+"}.get(number[0])
        if sign:
            yield Mutant("sign", f"{head}{sign}{number[1:]}{tail}")
        for unit, wrong in _UNITS.items():
            if tail.lstrip().startswith(unit):
                yield Mutant("unit", f"{head}{number}{chance.choice(wrong)}{tail.lstrip().removeprefix(unit)}")
        if others:
            yield Mutant("other", f"{head}{chance.choice(others)}{tail}")
    for word, opposite in _WORDS:
        if word in text and _NUMBER.search(text.partition(word)[2][:8]):
            yield Mutant("word", text.replace(word, opposite, 1))


def _shifted(number: str, places: int) -> str:
    sign = number[0] if number[0] in "+-" else ""
    value = Decimal(number.lstrip("+-").replace(",", "")).scaleb(places)
    decimals = len(number.partition(".")[2])
    return f"{sign}{value:,.{decimals}f}" if "," in number or abs(value) >= 1000 else f"{sign}{value:.{decimals}f}"


def changed(one: Answer, chance: random.Random) -> Iterator[tuple[str, str, Message]]:
    """Wrong versions of an answer: the kind, the line or cell that is wrong, the message."""
    message = one.message
    numbers = _numbers_of_others(one)
    parts = {"title": message.title, "text": message.text}
    for part, text in parts.items():
        lines = text.split("\n")
        for at, line in enumerate(lines):
            if "截至" in line or "测试行情" in line:
                continue  # times are tried below
            for mutant in mutants(line, numbers, chance):
                new = "\n".join([*lines[:at], mutant.text, *lines[at + 1 :]])
                if new != text:
                    yield mutant.kind, mutant.text, message.model_copy(update={part: new})
    for at, row in enumerate(message.table[1:], 1):
        for place, cell in enumerate(row[:-1]):
            for mutant in mutants(cell, numbers, chance):
                if mutant.text != cell:
                    new_row = (*row[:place], mutant.text, *row[place + 1 :])
                    table = (*message.table[:at], new_row, *message.table[at + 1 :])
                    yield mutant.kind, f"{row[-1]} {mutant.text}", message.model_copy(update={"table": table})


def _numbers_of_others(one: Answer) -> list[str]:
    """What other shares, and the other account, have."""
    return [fact.text().split(" ")[0].rstrip("%") for fact in one.facts.figures if fact.owner != one.about]


def is_true(wrong: str, facts: Facts) -> bool:
    """Whether what was changed says another fact of the same share in the same unit: then it is no wrong sentence."""
    said = re.sub(r"\(\d{6}\)", "", wrong)
    written = [Decimal(found.lstrip("+-").replace(",", "")) for found in _NUMBER.findall(said)]
    return all(any(_fits(fact, number, wrong) for fact in facts.figures) for number in written)


def _fits(fact: Fact, number: Decimal, wrong: str) -> bool:
    places = -int(number.as_tuple().exponent)
    scale = (
        10_000
        if "万" in wrong
        else 10**8
        if "亿" in wrong
        else 100
        if "手" in wrong and fact.unit is Unit.SHARES
        else 1
    )
    return abs(abs(fact.value) - number * scale) <= Decimal(1).scaleb(-places) / 2 * scale


async def test_no_answer_with_one_wrong_number_passes(house: Theatre) -> None:
    chance = random.Random(20261118)
    shown = await answers(house)
    tried: Counter[str] = Counter()
    true_too: list[str] = []
    passed: list[str] = []
    while tried.total() < MUTANTS:
        for one in shown:
            for kind, wrong, message in changed(one, chance):
                tried[kind] += 1
                if not check_message(message, one.facts, one.about):
                    (true_too if is_true(wrong, one.facts) else passed).append(f"{kind}: {wrong}")
    print(f"{tried.total()} mutants {dict(tried)}; {len(true_too)} of them are other true facts")
    assert not passed, "\n".join(passed[:20])
    assert len(true_too) < tried.total() / 100, "\n".join(true_too[:20])
    assert set(tried) == {"digit", "shift", "sign", "unit", "other", "word"}


async def test_a_wrong_time_does_not_pass(house: Theatre) -> None:
    for one in await answers(house):
        at = re.search(r"(1[01])-18 (10:30):(\d\d)", one.message.text)
        if at is None:
            continue
        for wrong in ("10-18 10:30:33", "11-19 10:30:33", "11-18 09:30:33", "11-18 10:31:33", "11-18 10:30:05"):
            text = one.message.text.replace(at[0], wrong)
            assert check_message(one.message.model_copy(update={"text": text}), one.facts, one.about), text
