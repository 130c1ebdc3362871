"""Advice: what a model is asked about a share, and what of its answer is believed. Pure.

A model answers one JSON object of the shape below and writes no figure of ours: its texts name slots, which we fill.
Its own levels are held to the day's limits, to the account and to the price they were made from. Nothing is mended,
guessed or read out of prose: an answer stands as a whole or is refused with the reason, which the model is told once.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from core.analysis import HORIZONS, Action, Decision, Occasion, Reason
from core.bounds import Levels, bounds_of, breaches, why_not
from core.completions import Prompt, Turn, Unfounded, digest
from core.errors import Invalid
from core.figures import SLOT, Unit
from core.grounding import Fact, Facts, fill
from core.market import clean_name
from core.pack import Pack
from core.packing import text as facts_text
from core.relations import reversed_in, unnamed_in
from core.types import Symbol, parse_symbol, price_text

INSTRUCTIONS: Final = (Path(__file__).parent / "prompts" / "analysis_v1.txt").read_text(encoding="utf-8")
VERSION: Final = f"analysis_v1-{digest(INSTRUCTIONS)[:8]}"
"""Of the prompt: answers of one version may be compared."""
MOST_TOKENS: Final = 1500
"""Of an answer; five long reasons take about a thousand."""
LONGEST: Final = 8000
"""Characters of an answer that are looked at."""
LONGEST_TEXT: Final = 200
MOST_REASONS: Final = 5
MOST_FACTS: Final = 12
"""That one reason stands on."""
MOST_TOLD: Final = 4
"""Problems that are told at once; an answer with more has gone astray altogether."""
AGAIN: Final = (
    "上面的回答没有采用：{}请改正这些地方，其余的规则不变，重新只输出一个 json 对象；改不了就写 wait（没有持有）或 hold"
    "（持有）。"
)
LEVELS: Final = ("entry", "take_profit", "stop_loss", "size")
"""Slots that the answer itself fills."""


# -- what is asked

_NUMBER: Final[Mapping[str, Any]] = {"anyOf": [{"type": "number"}, {"type": "null"}]}
_REASON: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"facts": {"type": "array", "items": {"type": "string"}}, "text": {"type": "string"}},
    "required": ["facts", "text"],
    "additionalProperties": False,
}
_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "code": {"type": "string"},
    "name": {"type": "string"},
    "price": {"type": "number"},
    "action": {"type": "string", "enum": [str(action) for action in Action]},
    "confidence": {"type": "integer"},
    "reasons": {"type": "array", "items": _REASON},
    "entry": _NUMBER,
    "take_profit": _NUMBER,
    "stop_loss": _NUMBER,
    "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    "horizon": {"type": "integer", "enum": list(HORIZONS)},
    "wrong_if": {"type": "string"},
}
SHAPE: Final[dict[str, Any]] = {
    "type": "object",
    "properties": _FIELDS,
    "required": list(_FIELDS),
    "additionalProperties": False,
}
"""The JSON schema of an answer: closed, everything required, no more than what strict servers take."""


def prompt(pack: Pack, occasion: Occasion) -> Prompt:
    """The question: what is always the same first, then the facts."""
    asked = f"{facts_text(pack)}\n\n缘由：{occasion.chinese}。请对 {pack.name}（{pack.symbol}）给出你的 json。"
    return Prompt(
        instructions=INSTRUCTIONS,
        turns=(Turn(role="user", text=asked),),
        shape=SHAPE,
        most_tokens=MOST_TOKENS,
        named=VERSION,
    )


def again(asked: Prompt, answer: str, why: str) -> Prompt:
    """The same question with the answer that was refused and the reason."""
    shown = answer.strip()[:LONGEST] or "（空）"
    turns = (*asked.turns, Turn(role="assistant", text=shown), Turn(role="user", text=AGAIN.format(why)))
    return asked.model_copy(update={"turns": turns})


# -- what is answered


class _Written(NamedTuple):
    """A reason as the model wrote it."""

    facts: Sequence[str]
    text: str


class _Answer(NamedTuple):
    """An answer of the right shape; whether it holds is another question."""

    code: str
    name: str
    price: Decimal
    confidence: int
    reasons: Sequence[_Written]
    levels: Levels
    wrong_if: str


Named = Callable[[str], Mapping[str, Symbol]]
"""Which shares a text names, by the words that it calls them."""


def _nobody(_text: str) -> Mapping[str, Symbol]:
    return {}


def read(text: str, pack: Pack, named: Named = _nobody) -> Decision:
    """The advice that an answer holds, as JSON and nothing else.

    Args:
        named: finds other shares in a text: no figure of this one may stand under their names.

    Raises:
        Unfounded: it is none, or does not agree with the facts.
    """
    if why := why_not(pack):
        raise Unfounded(why)
    answer = _answer(_parsed(text))
    bounds = bounds_of(pack)
    problems = [*_identity(answer, pack), *breaches(answer.levels, bounds), *_counted(answer, pack)]
    facts = _facts(answer.levels, pack)

    def shown(place: str, written: str) -> _Shown:
        others = named(_SLOT.sub(" ", written))
        return _text(place, written, facts._replace(names={**others, **facts.names}), pack)

    texts = [shown(f"理由 {place} ", one.text) for place, one in enumerate(answer.reasons, 1)]
    texts.append(shown("wrong_if ", answer.wrong_if))
    problems += [problem for one in texts for problem in one.problems]
    if problems:
        raise Unfounded("".join(problems[:MOST_TOLD]))
    *filled, wrong_if = (one.text for one in texts)
    return Decision(
        action=answer.levels.action,
        confidence=answer.confidence,
        reasons=tuple(
            Reason(facts=tuple(one.facts), text=told) for one, told in zip(answer.reasons, filled, strict=True)
        ),
        entry=answer.levels.entry,
        take_profit=answer.levels.take_profit,
        stop_loss=answer.levels.stop_loss,
        shares=answer.levels.shares,
        horizon=answer.levels.horizon,
        wrong_if=wrong_if,
    )


# -- its shape

_FENCED: Final = re.compile(r"```(?:json)?\s*\n(?P<inside>.*)\n\s*```", re.DOTALL | re.IGNORECASE)
_LONGEST_NUMBER: Final = 20


def _parsed(text: str) -> object:
    if not text.strip():
        raise Unfounded("回答是空的。")
    if len(text) > LONGEST:
        raise Unfounded("回答太长。")
    fenced = _FENCED.fullmatch(text.strip())
    try:
        return json.loads(
            fenced["inside"] if fenced else text,
            parse_int=_integer,
            parse_float=_decimal,
            parse_constant=_no_number,
            object_pairs_hook=_once,
        )
    except (json.JSONDecodeError, RecursionError):
        raise Unfounded("回答不是一个 json 对象，前后也不能有别的话。") from None


def _integer(written: str) -> int:
    return int(_short(written))


def _decimal(written: str) -> Decimal:
    """Written out: an exponent makes a long number of a short one."""
    if "e" in written.lower():
        raise Unfounded("数字不要用科学记数法。")
    return Decimal(_short(written))


def _short(written: str) -> str:
    if len(written) > _LONGEST_NUMBER:
        raise Unfounded("数字写得太长。")
    return written


def _no_number(_written: str) -> object:
    raise Unfounded("NaN 和 Infinity 不是数字。")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unfounded("同一项写了两次。")
    return found


def _answer(found: object) -> _Answer:
    misfit = _misfit(found, SHAPE)
    if misfit is not None:
        raise Unfounded(f"{misfit}。")
    assert isinstance(found, dict)
    levels = Levels(
        action=Action(found["action"]),
        entry=_price(found["entry"]),
        take_profit=_price(found["take_profit"]),
        stop_loss=_price(found["stop_loss"]),
        shares=found["size"],
        horizon=found["horizon"],
    )
    return _Answer(
        code=found["code"],
        name=found["name"],
        price=Decimal(found["price"]),
        confidence=found["confidence"],
        reasons=[_Written(one["facts"], one["text"]) for one in found["reasons"]],
        levels=levels,
        wrong_if=found["wrong_if"],
    )


def _price(found: int | Decimal | None) -> Decimal | None:
    return None if found is None else Decimal(found)


_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "number": (int, Decimal),
    "integer": (int,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
_CHINESE: Final = {
    "string": "文字",
    "number": "数字",
    "integer": "整数",
    "null": " null",
    "array": "列表",
    "object": "对象",
}


def _misfit(found: object, shape: Mapping[str, Any], place: str = "回答") -> str | None:
    """What does not have this shape, the first of it."""
    kinds = [one["type"] for one in shape.get("anyOf", [shape])]
    if isinstance(found, bool) or not isinstance(found, tuple(one for kind in kinds for one in _KINDS[kind])):
        return f"{place}：要写{'或'.join(_CHINESE[kind] for kind in kinds)}"
    if "enum" in shape and found not in shape["enum"]:
        return f"{place}：只能是 {'、'.join(map(str, shape['enum']))}"
    if isinstance(found, list):
        inside = (_misfit(one, shape["items"], f"{place} 第 {count} 项") for count, one in enumerate(found, 1))
        return next((one for one in inside if one is not None), None)
    if isinstance(found, dict):
        if set(found) - set(shape["properties"]):
            return f"{place}：有不认识的项"
        missing = next((name for name in shape["required"] if name not in found), None)
        if missing is not None:
            return f"{place}：缺少 {missing} 这一项"
        inside = (_misfit(found[name], one, name) for name, one in shape["properties"].items())
        return next((one for one in inside if one is not None), None)
    return None


# -- whether it holds


def _identity(answer: _Answer, pack: Pack) -> Iterator[str]:
    """It speaks of this share, at this price."""
    try:
        symbol = parse_symbol(answer.code)
    except Invalid:
        symbol = None
    if symbol != pack.symbol:
        yield f"code 不对，这次分析的是 {pack.symbol}。"
    if pack.name and clean_name(answer.name) != clean_name(pack.name):
        yield f"name 不对，{pack.symbol} 的名称是 {pack.name}。"
    if answer.price != pack.price:
        assert pack.price is not None, "read asks first"
        was = "写成了昨收，" if answer.price == pack.value("preclose") else ""
        yield f"price 不对，{was}现价是 {price_text(pack.price)}。"


def _counted(answer: _Answer, pack: Pack) -> Iterator[str]:
    if not 0 <= answer.confidence <= 100:
        yield "confidence 要在 0 到 100 之间。"
    if not 1 <= len(answer.reasons) <= MOST_REASONS:
        yield f"reasons 要写 1 到 {MOST_REASONS} 条。"
    known = {one.name for one in pack.given() if one.value is not None}
    missing = {one.name for one in pack.given()} - known
    cited = {one.id for one in pack.materials}
    for place, reason in enumerate(answer.reasons, 1):
        yield from _stands_on(place, reason, known, missing, cited)
    if answer.reasons and not any(known.intersection(reason.facts) for reason in answer.reasons):
        yield "至少要有一条理由依据数据。"


def _stands_on(place: int, reason: _Written, known: set[str], missing: set[str], cited: set[str]) -> Iterator[str]:
    if not 1 <= len(reason.facts) <= MOST_FACTS:
        yield f"理由 {place} 的 facts 要写 1 到 {MOST_FACTS} 个名字。"
    for name in reason.facts:
        if name in missing:
            yield f"理由 {place} 依据的 {name} 是缺失的。"
        elif name in LEVELS:
            yield f"理由 {place} 的 facts 里不写你自己的价位 {name}。"
        elif name not in known | cited:
            yield f"理由 {place} 的 facts 里有不存在的名字。"
    used = {match["name"] for match in re.finditer(SLOT, reason.text)}
    for name in sorted((used & known) - {*reason.facts}):
        yield f"理由 {place} 的文字用了 {name}，facts 里没有列出。"


_LEVEL_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "entry": ("委托价", "买入价", "卖出价", "挂单价", "入场价"),
    "take_profit": ("止盈价", "止盈位", "止盈", "目标价", "目标位"),
    "stop_loss": ("止损价", "止损位", "止损线", "止损"),
    "size": ("数量", "委托数量"),
}


def _facts(levels: Levels, pack: Pack) -> Facts:
    """The facts with the answer's own levels among them."""
    own = (levels.entry, levels.take_profit, levels.stop_loss, levels.shares)
    figures = tuple(
        Fact(name, Decimal(value), Unit.SHARES if name == "size" else Unit.PRICE, pack.symbol, _LEVEL_WORDS[name])
        for name, value in zip(LEVELS, own, strict=True)
        if value is not None
    )
    facts = pack.facts()
    return facts._replace(figures=(*facts.figures, *figures))


class _Shown(NamedTuple):
    text: str
    problems: Sequence[str]


_LINK: Final = re.compile(r"://|@\w|\b[a-z0-9-]+\.[a-z]{2,}\b", re.IGNORECASE)
_GLUED: Final = re.compile(r"(?<=[0-9A-Za-z])(?=\{\{)")
"""Where a name that ends in a digit would run into its figure: MA20 and 8.80."""
_SLOT: Final = re.compile(r"\{\{\s*[a-z0-9_]+\s*\}\}")
_BRACE: Final = re.compile("[{}｛｝]")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def _text(place: str, written: str, facts: Facts, pack: Pack) -> _Shown:
    """A text as people read it, or what is wrong with it."""
    if not written.strip():
        return _Shown("", [f"{place}是空的。"])
    if len(written) > LONGEST_TEXT:
        return _Shown("", [f"{place}太长，最多 {LONGEST_TEXT} 个字。"])
    if any(unicodedata.category(char) in _UNSEEN for char in written):
        return _Shown("", [f"{place}里有换行或看不见的字符。"])
    if _LINK.search(written.replace(pack.symbol, "")):
        return _Shown("", [f"{place}里不要写链接。"])
    if _BRACE.search(_SLOT.sub("", written)):
        return _Shown("", [f"{place}里有花括号没有写对，数据的名字写成 {{{{名字}}}}。"])
    filled = fill(_GLUED.sub(" ", written), facts, pack.symbol)
    problems = [f"{place}里的“{one.figure[:20]}”：{one.why}。" for one in filled.problems]
    problems += [f"{place}里的 {{{{{name}}}}} 前面要紧跟着写它的叫法。" for name in unnamed_in(written, facts)]
    problems += [f"{place}里 {one.left} 和 {one.right} 谁高谁低，和数据相反。" for one in reversed_in(written, facts)]
    return _Shown(filled.text.strip(), problems)
