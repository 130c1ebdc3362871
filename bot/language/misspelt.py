"""A sentence that is understood as soon as one of its words is taken for a name that looks or sounds like it.

Only ever offered as a question: whoever reads money out of a guess has lost somebody's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from bot.language.names import Names
from bot.language.request import Choice, Request
from core.types import Symbol

# What stands around names in a sentence.
_AROUND: Final = re.compile(
    r"[\d.]+[股手块元万千百亿%个点次天日号分]*|一半|[一两二三半]手|全部|帮我|请|麻烦|盯着|盯住|盯一下|盯|看着|看看|看一下|看下|看|关注|监控|留意"
    "|提醒|通知|告诉|叫我|查一下|查查|查|买入|买进|买点|买|卖出|卖掉|卖|清仓|加仓|减仓|建仓|加入|加到|自选|止损|止盈|涨停|跌停|打开|涨|跌|突破"
    "|站上|站稳|回落|反弹|破|多少钱|多少|现价|股价|价格|行情|现在|今天|昨天|我|成本|持仓|仓位|走势|怎么样|如何|为什么|为啥|均线|日线|金叉|死叉"
    "|放量|量比|换手|创新|新高|新低|高开|低开|超过|达到|到|分钟|止|暂停|恢复|删除|删掉|静音|别再|不要"
)
_RUN: Final = re.compile(r"[\u3400-\u9fffA-Za-z]{2,}")
_PARTICLES: Final = "的和跟与及或都把给对在了就若如果当"
_PART: Final = re.compile(f"[^{_PARTICLES}]{{2,}}")
_ASKS_PRICE: Final = re.compile("多少|现价|股价|行情|价格")
_LONGEST: Final = 8
_NEAR: Final = 0.75
"""How far a word that is the whole sentence may be from a name: nobody has said yet that it is one."""


class Guess(NamedTuple):
    """What a sentence may have meant.

    Attributes:
        word: as it was written.
        candidates: nearest first.
        sentences: the sentence with each of them in place of the word.
        request: the sentence as a request that asks which of them; None where it is about others as well.
    """

    word: str
    candidates: tuple[Symbol, ...]
    sentences: tuple[str, ...]
    request: Request | None


def misspelt(
    text: str, names: Names, read: Callable[[str], Request], preferred: Collection[Symbol] = ()
) -> Guess | None:
    """The first word of a sentence that was not understood in whose place a name makes it understood.

    Args:
        read: reads a sentence as if it had been said.
    """
    for start, end in _words(text):
        word = text[start:end]
        if names.candidates(word):
            continue
        far = _NEAR if not (text[:start] + text[end:]).strip("。，,.!！?？ ") else None
        fitting: dict[Symbol, tuple[str, Request]] = {}
        for symbol, distance, name in names.near(word, preferred):
            # A character that is no part of the name may be a word of its own: 别, 不, 股.
            if (far is not None and distance > far) or (len(word) > len(name) and not set(word) <= set(name)):
                continue
            said = f"{text[:start]}{names.name_of(symbol)}{text[end:]}"
            request = read(said)
            # 天气怎么样 asks for no share.
            vague = len(word) == 2 and request.intent == "quote_query" and not _ASKS_PRICE.search(text)
            if request.intent != "unknown" and symbol in _about(request) and not vague:
                fitting[symbol] = said, request
        if fitting:
            request = next(iter(fitting.values()))[1]
            choice = Choice(text=word, candidates=tuple(fitting))
            asks = request.model_copy(update={"symbols": (), "ambiguous": (choice,)})
            alone = len(_about(request)) == 1 and not request.tasks
            return Guess(word, tuple(fitting), tuple(said for said, _ in fitting.values()), asks if alone else None)
    return None


def _words(text: str) -> list[tuple[int, int]]:
    """Where a name may stand."""
    bare = _AROUND.sub(lambda found: " " * len(found[0]), text)
    found: list[tuple[int, int]] = []
    for run in _RUN.finditer(bare):
        start, end = run.span()
        parts = [(start + part.start(), start + part.end()) for part in _PART.finditer(run[0])]
        found += dict.fromkeys(((start, end), *parts))
    return [(start, end) for start, end in found if 2 <= end - start <= _LONGEST]


def _about(request: Request) -> set[Symbol]:
    return {*request.symbols, *(symbol for task in request.tasks for symbol in task.symbols)}
