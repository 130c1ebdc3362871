"""Remark: one sentence of a model on a report, and what of it is believed. Pure.

It has the figures that the report shows, by the names of their slots, and nothing else. What it writes is filled in by
us and held against them; a sentence that advises, foretells or brings a figure of its own is not shown.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from core.completions import Prompt, Turn, Unfounded, digest
from core.editions import Edition
from core.figures import Unit
from core.grounding import Fact, Facts, fill
from core.relations import reversed_in
from core.report import Report
from core.sheet import CHANGE, PROFIT, TODAY
from core.types import Symbol, account_symbol, code_of

INSTRUCTIONS: Final = (Path(__file__).parent / "prompts" / "remark_v1.txt").read_text(encoding="utf-8")
VERSION: Final = f"remark_v1-{digest(INSTRUCTIONS)[:8]}"
EDITIONS: Final = frozenset({Edition.CLOSE, Edition.WEEK})
"""Reports that look back on something."""
MOST_TOKENS: Final = 300
LONGEST: Final = 100
"""Characters, filled in."""
SHARES: Final = 5
"""Of each account, the largest."""
SHAPE: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}
_WHOLE: Final = (*PROFIT, "今天盈亏", "本周盈亏", "期间盈亏")
_ADVISES: Final = re.compile(
    "建议|应该|不妨|可以考虑|最好|务必|值得(?:买|卖|持有|关注)|[买卖抄补加减清建]仓|抄底|追(?:高|涨)|止[损盈]|买入|卖出"
    "|明天|明日|下周|后市|未来|接下来|预计|预期|有望|将(?:会|要)?[涨跌上下反继]|看[涨跌多空]|会[涨跌]|目标价|机会|https?:|www"
)


def facts_of(found: Report) -> Facts:
    """The figures that the report shows."""
    names = {one.symbol: found.known.names.get(one.symbol, "") for row in found.earnings for one in row.rows}
    called = {word: symbol for symbol, name in names.items() for word in (name, code_of(symbol)) if word}
    called |= {row.account.name: account_symbol(row.account.id) for row in found.earnings}
    return Facts(tuple(_figures(found)), called, (found.first, found.day))


def _about(found: Report) -> str:
    """Whose figures a sentence means that names nobody: the only account's."""
    return account_symbol(found.earnings[0].account.id) if len(found.earnings) == 1 else ""


def _figures(found: Report) -> Iterator[Fact]:
    owners = Counter(one.symbol for row in found.earnings for one in row.rows)
    for place, row in enumerate(found.earnings, 1):
        account = account_symbol(row.account.id)
        book = next(one for one in found.known.books if one.sheet.account.id == row.account.id)
        if row.gain is not None:
            yield Fact(f"gain{place}", row.gain, Unit.YUAN, account, _WHOLE, signed=True)
        if row.percent is not None:
            yield Fact(f"percent{place}", row.percent, Unit.PERCENT, account, _WHOLE, signed=True)
        for one in row.rows[:SHARES]:
            code = code_of(one.symbol)
            if owners[one.symbol] > 1:  # whose it is would hang on a word
                continue
            if one.gain is not None:
                yield Fact(f"gain{place}_{code}", one.gain, Unit.YUAN, one.symbol, PROFIT, signed=True)
            change = book.sheet.change(one.symbol) if found.edition is Edition.CLOSE else None
            if change is not None:
                words = (*CHANGE, "股价")
                yield Fact(f"change{place}_{code}", change, Unit.PERCENT, one.symbol, words, TODAY, signed=True)
    told = sum(one.times for one in found.fired)
    yield Fact("alerts", Decimal(told), Unit.COUNT, words=("提醒",), counter="次")
    yield Fact("untold", Decimal(sum(found.untold.values())), Unit.COUNT, words=("没有提醒",), counter="次")
    gains = [one.gain for one in found.missed if one.gain is not None]
    if gains:
        yield Fact("missed", sum(gains, Decimal(0)), Unit.YUAN, words=("假如成交",), signed=True)


def prompt(found: Report) -> Prompt | None:
    """The question; None where the report has nothing to remark on."""
    if found.edition not in EDITIONS or not (found.earnings or found.fired or found.missed):
        return None
    names = {**found.known.names, **{account_symbol(row.account.id): row.account.name for row in found.earnings}}
    lines = [
        " ".join(filter(None, (f"- {{{{{one.name}}}}}", names.get(Symbol(one.owner), ""), one.words[0], one.text())))
        for one in facts_of(found).figures
    ]
    what = "一周" if found.edition is Edition.WEEK else "一天"
    asked = "\n".join(["<事实>", *lines, "</事实>", f"这是{what}的报告。请写你的 json。"])
    return Prompt(
        instructions=INSTRUCTIONS,
        turns=(Turn(role="user", text=asked),),
        shape=SHAPE,
        most_tokens=MOST_TOKENS,
        named=VERSION,
    )


def read(text: str, found: Report) -> str:
    """The sentence that an answer holds, its figures filled in.

    Raises:
        Unfounded: it is none, or not to be shown.
    """
    try:
        answer = json.loads(text)
    except ValueError:
        raise Unfounded("回答不是 json") from None
    if not isinstance(answer, dict) or answer.keys() != {"text"} or not isinstance(answer["text"], str):
        raise Unfounded("回答的样子不对")
    said = answer["text"].strip()
    if not said or "\n" in said:
        raise Unfounded("回答不是一句话")
    if advice := _ADVISES.search(said):
        raise Unfounded(f"有建议或预测：{advice[0]}")
    facts = facts_of(found)
    filled = fill(said, facts, _about(found))
    if filled.problems:
        raise Unfounded("；".join(f"{one.figure}：{one.why}" for one in filled.problems))
    if wrong := next(reversed_in(said, facts), None):
        raise Unfounded(f"比反了：{wrong.left} 和 {wrong.right}")
    if len(filled.text) > LONGEST:
        raise Unfounded("太长")
    return filled.text
