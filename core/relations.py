"""Relations: what a text with slots says of its figures beside their names is so. Pure.

Grounding refuses a figure that is called by the name of another one. It does not know the names of what we do not have:
a return on equity, say, would pass with any figure behind it. So each slot has to stand right behind a name of its own.

And of two figures the one that is called higher has to be the higher one. Only what is plain is judged: two slots of
one unit with a word of comparison between them, or around the second one. What is denied, asked or supposed is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from core.figures import SENTENCE_ENDS, Unit
from core.grounding import Facts

_ABOVE: Final = "高于|大于|高过|超过|强于|站上|升破|突破|涨破"
_BELOW: Final = "低于|小于|弱于|不及|不到|跌破|失守"
_UPPER: Final = "上方|之上|以上"
_LOWER: Final = "下方|之下|以下"
_SLOT: Final = r"\{\{\s*([a-z0-9_]+)\s*\}\}"
_FILLER: Final = "[^{}，,]{0,12}?"
_BETWEEN: Final = re.compile(rf"(?={_SLOT}[^{{}}]{{0,12}}?(?:({_ABOVE})|({_BELOW})){_FILLER}{_SLOT})")
_AROUND: Final = re.compile(
    rf"(?={_SLOT}[^{{}}]{{0,8}}?[在处位]于?{_FILLER}{_SLOT}(?:的|附近)?(?:({_UPPER})|({_LOWER})))"
)
_NOT_SO: Final = re.compile(
    "如果|若|一旦|要是|假如|只要|除非|等到|可能|或许|会|能否|是否|吗|没|未|不|别|尚|曾|之前|此前|以前|之后|以后|随后"
)


_FILLERS: Final = 3
"""Characters between a name and its figure: 是, 约为, 仍然在."""
_CROSSED: Final = ("跌破", "站上", "突破", "升破", "涨破", "守住", "失守", "跌到", "涨到", "回到", "回落到", "触及")
"""What only a price does with a price; that one needs no name then."""


def unnamed_in(text: str, facts: Facts) -> Iterator[str]:
    """Every slot of a text that does not stand right behind a name of its own."""
    by_name = {fact.name: fact for fact in facts.figures}
    for match in re.finditer(_SLOT, text):
        fact = by_name.get(match[1])
        if fact is None:
            continue  # grounding says so
        names = (*fact.words, *_CROSSED) if fact.unit is Unit.PRICE else fact.words
        before = text[: match.start()]
        if not any(before[: len(before) - far].endswith(names) for far in range(_FILLERS + 1)):
            yield fact.name


class Reversed(NamedTuple):
    """Two slots whose figures lie the other way than a text says."""

    left: str
    right: str


def reversed_in(text: str, facts: Facts) -> Iterator[Reversed]:
    """Every comparison of a text with slots that its figures do not bear out."""
    by_name = {fact.name: fact for fact in facts.figures}
    for sentence in SENTENCE_ENDS.split(text):
        for left, right, above in _said(sentence):
            one, other = by_name.get(left), by_name.get(right)
            if one is None or other is None or one.unit is not other.unit:
                continue
            if one.value == other.value or (one.value > other.value) is not above:
                yield Reversed(left, right)


def _said(sentence: str) -> Iterator[tuple[str, str, bool]]:
    """Left, right, and whether the left one is called the higher."""
    if _NOT_SO.search(sentence.replace("不及", "").replace("不到", "")):
        return
    for match in _BETWEEN.finditer(sentence):
        yield match[1], match[4], match[2] is not None
    for match in _AROUND.finditer(sentence):
        yield match[1], match[2], match[3] is not None
