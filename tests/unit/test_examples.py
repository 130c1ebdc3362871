"""What is offered where nothing was understood: sentences that are, near to what was typed."""

from __future__ import annotations

import pytest

from bot.language.examples import OTHERS, SENTENCES, USUAL, nearest
from bot.language.grammar import read
from bot.language.names import known
from tests.evals.__main__ import NOW

ALL = (*(one for group in SENTENCES.values() for one in group), *OTHERS, *USUAL)


@pytest.mark.parametrize("sentence", ALL)
def test_every_sentence_that_is_offered_is_understood_and_complete(sentence: str) -> None:
    request = read(sentence, known(), now=NOW)
    assert request.intent != "unknown"
    assert not request.missing
    assert not request.problems


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("茅台金叉的时候叫醒我成不", "金叉"),
        ("帮我卖一些茅台吧行情不好", "卖"),
        ("茅台给我割肉", "卖出"),
        ("我想抄底茅台来着", "买"),
        ("放巨量就喊", "放量"),
        ("封死涨停板", "涨停"),
        ("别吵了行不行", "静音"),
        ("账上还有几个子儿，现金", "资金"),
        ("走势给我瞅瞅", "图"),
        ("我这把亏到姥姥家了", "亏"),
        ("撤了撤了单子", "撤单"),
        ("创历史以来的新低没", "新低"),
    ],
)
def test_what_is_offered_is_near_to_what_was_typed(typed: str, word: str) -> None:
    assert word in nearest(typed)[0]


@pytest.mark.parametrize("typed", ["", "hello", "🤔🤔🤔", "1234567", "今天", "x" * 1000])
def test_where_nothing_is_near_the_usual_ones_are_offered(typed: str) -> None:
    assert nearest(typed) == USUAL


def test_no_more_are_offered_than_are_asked_for() -> None:
    assert len(nearest("茅台跌破1400并且放量2倍就卖出一半", 2)) == 2
