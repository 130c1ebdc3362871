"""What is offered where nothing was understood: sentences that are, near to what was typed."""

from __future__ import annotations

import pytest

from bot.language.beyond import not_here
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


@pytest.mark.parametrize("typed", ["st康美", "stop", "好的", "只提醒一次就行", "1490那个不要了"])
def test_a_letter_or_a_word_of_every_sentence_makes_no_neighbour(typed: str) -> None:
    assert nearest(typed) == USUAL


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("停止交易", "/panic"),
        ("恢复交易", "/panic off"),
        ("融资买入茅台", "没有融资融券"),
        ("恒生科技指数", "没有港股"),
        ("帮我转账", "券商的 App"),
        ("打新", "券商的 App"),
        ("每周定投茅台", "一个价位的买卖"),
        ("满仓茅台", "用三成资金买茅台"),
        ("交了多少印花税", "成交记录"),
        ("推荐一只股票", "不荐股"),
        ("你觉得明天涨吗", "不预测"),
        ("今天哪些股票涨停", "全市场涨停"),
        ("下午两点半提醒我看盘", "不会到点提醒"),
        ("你是真人吗", "一个程序"),
        ("谢谢啦", "不客气"),
        ("哦", "没有等你回答的问题"),
    ],
)
def test_what_is_not_done_here_is_said(typed: str, word: str) -> None:
    assert word in not_here(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "明天涨到1500提醒我",
        "上证股指跌破3000",
        "恒生电子跌破30喊我",
        "人工智能ETF跌3%",
        "明早茅台跌破1400叫我",
        "卖掉一半仓位走人",
        "推荐" * 20,
    ],
)
def test_what_can_be_watched_is_not_sent_away(typed: str) -> None:
    assert not_here(typed) == ""


def test_no_more_are_offered_than_are_asked_for() -> None:
    assert len(nearest("茅台跌破1400并且放量2倍就卖出一半", 2)) == 2
