"""Grounding: an answer says no figure but those of the facts it was given. Pure.

A text is read clause by clause. Each number in it, however it is written, must be a fact of the share that the clause
names, in its unit and within the rounding that is shown, with the sign that the words give it, and called by a name of
that fact where the clause calls it anything. What cannot be read is a problem: the net fails closed, and the plain
sentence is always there. The figures of a table are checked cell by cell, under the heading of their column.

Text with ``{{name}}`` in place of figures is filled by :func:`fill`, which binds the meaning too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from core.clock import market_time
from core.figures import (
    CLAUSE_ENDS,
    GAIN,
    LOSS,
    MAY_FOLLOW,
    NEUTRAL,
    SENTENCE_ENDS,
    SLOT,
    SPANS,
    Clause,
    Number,
    Reader,
    Sentence,
    Token,
    Unit,
    number_of,
    pieces,
    plain,
    sentences,
    sign_of,
    without_items,
)
from core.messages import Message
from core.types import money_text, percent_text, price_text

_RELATIVE: Final = Decimal("0.05")
"""How far a figure shown without decimals may be from the fact, as a part of it: 三成 is no 27 %."""
_WAN: Final = Decimal(10_000)
_YI: Final = Decimal(100_000_000)


class Fact(NamedTuple):
    """A figure that an answer may say.

    Attributes:
        name: its slot.
        value: yuan, percent (5 is 5 %), shares, days, as ``unit`` says.
        owner: the symbol it belongs to; empty for the account as a whole.
        words: what it is called. A clause that calls a figure by a word of other facts does not mean this one.
        when: words one of which must stand in the clause, and which make the clause mean this one (今天).
        signed: gains are above 0 and losses below; others never bear a sign.
        tolerance: how far a text may be off beside its own rounding.
        counter: what is counted, for COUNT; for SHARES in place of 股.
        rough: shown in 万 or 亿 where it is long.
    """

    name: str
    value: Decimal
    unit: Unit
    owner: str = ""
    words: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    signed: bool = False
    tolerance: Decimal = Decimal(0)
    counter: str = ""
    rough: bool = False

    def text(self, *, sign: bool = True) -> str:
        """As people read it.

        Args:
            sign: whether a signed one shows it; without, a word before it does.
        """
        number, unit = self.parts(sign=sign)
        return f"{number}{unit}" if self.unit is Unit.PERCENT else f"{number} {unit}".rstrip()

    def parts(self, *, sign: bool = True) -> tuple[str, str]:
        """The number as people read it, and its unit: ``("-1,234.50", "元")``."""
        value = self.value if sign or not self.signed else abs(self.value)
        plus = "+" if self.signed and sign and value > 0 else ""
        match self.unit:
            case Unit.YUAN | Unit.SHARES if self.rough and abs(value) >= _WAN:
                step, word = (_YI, "亿") if abs(value) >= _YI else (_WAN, "万")
                return f"{plus}{value / step:.2f}", word + ("元" if self.unit is Unit.YUAN else self.counter or "股")
            case Unit.YUAN:
                return f"{plus}{money_text(value)}", "元"
            case Unit.PRICE:
                return price_text(value), "元"
            case Unit.PERCENT:
                return f"{plus}{percent_text(value)}".removesuffix("%"), "%"
            case Unit.TIMES:
                return f"{value:.2f}", "倍"
            case Unit.POINTS:
                return f"{plus}{price_text(value)}", ""
            case _:
                usual = {Unit.SHARES: "股", Unit.DAYS: "天"}.get(self.unit, "")
                return f"{value:.0f}", self.counter or usual


class Unknown(NamedTuple):
    """A figure that is not known. A text may say so, and must call no other figure by its name.

    Attributes:
        words, when: as of a :class:`Fact`.
    """

    words: tuple[str, ...]
    when: tuple[str, ...] = ()


class Facts(NamedTuple):
    """All that an answer may say.

    Attributes:
        names: whom a text means by a word: full names, short names and codes of shares, each with its symbol. Names
            hide the numerals in them (五粮液).
        moments: days and instants that may be named.
        literals: what may stand as it is although there are figures in it: ``#3``, ``20日均线``.
    """

    figures: tuple[Fact, ...]
    names: Mapping[str, str] = {}
    moments: tuple[date | datetime, ...] = ()
    literals: tuple[str, ...] = ()
    unknown: tuple[Unknown, ...] = ()


class Problem(NamedTuple):
    """Why a sentence does not stand.

    Attributes:
        place: how many sentences stand before it, as :func:`core.figures.pieces` counts them.
    """

    sentence: str
    figure: str
    why: str
    place: int = 0


class Filled(NamedTuple):
    text: str
    problems: Sequence[Problem]


# -- what a text says


class _Said(NamedTuple):
    """A figure, or the slot for one, with what the text makes of it.

    Attributes:
        owner: whom it belongs to; empty for the account.
        named_here: whether the clause itself names a share.
        called: the word it is called by; empty where it has none.
        sign: of the words: 1, -1, 0 where they give none; None where they are unclear.
        rest: what follows at once and is no word that is known; a unit that nobody knows would stand there.
    """

    token: Token
    owner: str
    named_here: bool
    called: str
    when: frozenset[str]
    sign: int | None
    rest: str


def _read(
    reader: Reader, sentence: Sentence, clauses: Sequence[Clause], about: str
) -> Iterator[_Said | tuple[Token, str]]:
    """Every figure of a sentence as it is meant; a token with a reason where it can be no fact."""
    owner, when, before = about, frozenset[str](), ""
    for clause in clauses:
        named = [token for token in clause.tokens if token.kind in {"owner", "code"}]
        figures = [token for token in clause.tokens if token.kind in {"figure", "slot"}]
        distinct = list(dict.fromkeys(reader.owner(token) for token in named))
        for token in clause.tokens:
            if token.kind == "wild":
                yield token, "不是数据里的写法"
            if token.kind in {"date", "time"}:
                yield token, ""
        words = frozenset(one.text for one in clause.tokens if one.kind == "word")
        # 今天盈亏 5 元（1%）: what calls its figures by no name of its own goes on about the same.
        when = words or when
        in_order = len(distinct) > 1 and len(distinct) == len(figures) and named[-1].start < figures[0].start
        for place, token in enumerate(figures):
            if in_order:
                whose = distinct[place]
            else:
                ahead = [one for one in named if one.start < token.start]
                nearest = ahead[-1] if ahead else named[0] if named else None
                whose = owner if nearest is None else reader.owner(nearest)
            earlier = [one for one in clause.tokens if one.start < token.start]
            later = [one for one in clause.tokens if one.start > token.start]
            called = _called(reader, earlier) or ("" if figures[place + 1 :] else _called(reader, later[::-1]))
            # 盈亏 5 元（1%）: what stands behind a figure is about the same.
            called = called or (before if sentence.text[clause.start - 1 : clause.start] in {"（", "("} else "")
            upto = later[0].start if later else clause.end
            rest = sentence.text[token.end : upto].strip()
            yield _Said(token, whose, bool(named), called, when, sign_of(sentence.text, earlier, later), rest)
        before = _called(reader, clause.tokens) if clause.tokens else before
        if distinct:
            owner = distinct[-1]


def _called(reader: Reader, tokens: Sequence[Token]) -> str:
    """The last word of these that calls a figure anything."""
    return next((one.text for one in reversed(tokens) if reader.is_word(one) and one.text not in SPANS), "")


# -- judging


class _Bench(NamedTuple):
    """Facts, laid out to judge by.

    Attributes:
        of: the facts of each share; under an empty text those of the account.
        spans: words for times of which nothing is known.
    """

    facts: Facts
    reader: Reader
    of: Mapping[str, Sequence[Fact]]
    spans: frozenset[str]


def _bench(facts: Facts) -> _Bench:
    of: dict[str, list[Fact]] = {}
    for fact in facts.figures:
        of.setdefault(fact.owner, []).append(fact)
    known = {word for fact in facts.figures for word in fact.when}
    spans = {word for one in facts.unknown for word in one.when} - known
    words = known | spans | {word for fact in facts.figures for word in fact.words}
    words |= {word for one in facts.unknown for word in (*one.words, *one.when)}
    return _Bench(facts, Reader(facts.names, words, facts.literals), of, frozenset(spans))


def _meant(bench: _Bench, said: _Said) -> list[Fact]:
    """The facts that a text may mean: by whom, what and when it speaks of."""
    owners = [said.owner]
    if said.called and not said.named_here:
        owners.append("")  # 总资产 in a sentence on a share: the account's own words call it by name
    for owner in owners:
        meant = [fact for fact in bench.of.get(owner, ()) if not said.called or said.called in fact.words]
        if meant:
            dated = [fact for fact in meant if said.when.intersection(fact.when)]
            if dated or said.when & bench.spans:  # of a time that is not known no other time's figure is said
                return dated
            return [fact for fact in meant if not fact.when]
    return []


def _agrees(fact: Fact, sign: int, words: int | None) -> bool:
    """Whether the sign that is written and the words are the fact's."""
    if not fact.signed:
        return sign == (-1 if fact.value < 0 else 0)  # a cost below 0 is written so, whatever it is called
    if words is None:
        return False
    if sign and words and sign != words:
        return False
    shown = sign or words or 1
    return fact.value == 0 or (fact.value > 0) == (shown > 0)


def _equals(fact: Fact, number: Number) -> bool:
    off = abs(abs(fact.value) - number.value)
    room = number.step / 2
    if not number.fine:
        room = min(room, _RELATIVE * abs(fact.value))
    if fact.unit in {Unit.SHARES, Unit.DAYS, Unit.COUNT} and not number.scaled:
        room = Decimal(0)
    return off <= room + fact.tolerance


def _judge(bench: _Bench, said: _Said) -> str:
    """Why a figure is no fact; empty where it is one."""
    number = number_of(said.token.match)
    if isinstance(number, str):
        return number
    if number.units is None:
        if not MAY_FOLLOW.match(said.rest):
            return "单位不认识"
        if not said.called and not (number.fine and not number.scaled):
            return "没有单位的数"
    fitting = [
        fact
        for fact in _meant(bench, said)
        if (number.units is None or fact.unit in number.units)
        and not (number.units is None and fact.unit is Unit.COUNT)
    ]
    equal = [fact for fact in fitting if _equals(fact, number)]
    if not equal:
        return "不是数据里的数"
    if not any(_agrees(fact, number.sign, said.sign) for fact in equal):
        return "正负和数据相反"
    return ""


def _moment_known(facts: Facts, token: Token) -> bool:
    match = token.match
    for moment in facts.moments:
        local = market_time(moment) if isinstance(moment, datetime) else None
        if token.kind == "time":
            if local is None or (local.hour, local.minute) != (int(match["hour"]), int(match["minute"])):
                continue
            if match["second"] is None or int(match["second"]) == local.second:
                return True
            continue
        day = local.date() if local is not None else moment
        same = (day.month, day.day) == (int(match["month"]), int(match["day"] or match["day2"]))
        if same and (match["year"] is None or int(match["year"]) == day.year):
            return True
    return False


def _problems(
    bench: _Bench, sentence: Sentence, clauses: Sequence[Clause], about: str, *, slots: bool
) -> Iterator[Problem]:
    shown = sentence.text.strip()
    for found in _read(bench.reader, sentence, clauses, about):
        if isinstance(found, _Said) and found.token.kind == "slot":
            why = _slot_problem(bench, found) if slots else "没有填的数"
        elif slots:
            why = "数字要由程序填"
        elif isinstance(found, _Said):
            why = _judge(bench, found)
        else:
            why = found[1] or ("" if _moment_known(bench.facts, found[0]) else "不是数据里的时间")
        if why:
            token = found.token if isinstance(found, _Said) else found[0]
            yield Problem(shown, token.text, why, sentence.place)
    covered = {at for clause in clauses for token in clause.tokens for at in range(token.start, token.end)}
    strange = next((char for at, char in enumerate(sentence.text) if char.isnumeric() and at not in covered), None)
    if strange is not None:
        yield Problem(shown, strange, "读不懂的数", sentence.place)


def _slot_problem(bench: _Bench, said: _Said) -> str:
    name = said.token.match["name"]
    fact = next((one for one in bench.facts.figures if one.name == name), None)
    if fact is None:
        return "没有这个数据"
    if fact not in _meant(bench, said):
        return "不是这里说的那个数"
    # What has no gains and losses is shown as it is, whatever it is compared with: 现价低于 {{ma20}}.
    return "" if not fact.signed or _agrees(fact, 0, said.sign) or not said.sign else "正负和数据相反"


# -- what others call


def check(text: str, facts: Facts, about: str = "") -> list[Problem]:
    """Every figure of a text that is none of the facts.

    Args:
        about: the symbol that the text as a whole is about.
    """
    return _check(_bench(facts), text, about)


def _check(bench: _Bench, text: str, about: str, *, slots: bool = False) -> list[Problem]:
    found: list[Problem] = []
    owner = about
    for sentence in sentences(without_items(plain(text))):
        mine = owner if sentence.indented else about
        clauses = bench.reader.clauses(sentence.text)
        found += _problems(bench, sentence, clauses, mine, slots=slots)
        named = [token for clause in clauses for token in clause.tokens if token.kind in {"owner", "code"}]
        if named:
            owner = bench.reader.owner(named[-1])
        elif not sentence.indented:
            owner = about
    return found


def check_message(message: Message, facts: Facts, about: str = "") -> list[Problem]:
    """The same of a message; a cell of its table is read behind the heading of its column, for the share of its row."""
    return held_to(message, facts, about)[1]


def _cells(message: Message) -> Iterator[str]:
    heads, *rows = message.table or ((),)
    for row in rows:
        for head, cell in zip(heads[:-1], row[:-1], strict=True):
            yield f"{row[-1]} {head} {cell}"


LEFT_OUT: Final = "（这句话的数字没有通过核对，没有显示）"


def held_to(message: Message, facts: Facts, about: str = "") -> tuple[Message, list[Problem]]:
    """A message without the sentences that do not stand, and without its table where a cell of that does not."""
    bench = _bench(facts)
    found: list[Problem] = []
    parts: dict[str, str] = {}
    for name, text in (("title", message.title), ("text", message.text)):
        problems = _check(bench, text, about)
        wrong = {problem.place for problem in problems}
        shown = (LEFT_OUT if place in wrong else one for place, one in enumerate(pieces(plain(text))))
        parts[name] = "".join(shown) if wrong else text
        found += problems
    cells = [problem for cell in _cells(message) for problem in _check(bench, cell, about)]
    found += cells
    return message.model_copy(update={**parts, "table": () if cells else message.table}), found


def grounded(text: str, facts: Facts, instead: str, about: str = "") -> str:
    """A text with every sentence that does not stand taken out, and the plain one in the place of the first of them."""
    bench = _bench(facts)
    wrong = sorted({problem.place for problem in _check(bench, text, about)})
    if not wrong:
        return text
    kept = [one for place, one in enumerate(pieces(plain(text))) if place not in wrong]
    if _check(bench, "".join(kept), about):
        return instead  # what is left leaned on what went
    kept.insert(wrong[0], instead if instead.endswith(("。", "\n")) else f"{instead}\n")
    return "".join(kept).strip()


def fill(text: str, facts: Facts, about: str = "") -> Filled:
    """A text with ``{{name}}`` for its figures, filled.

    Nothing is filled in that is no slot of these facts, belongs to another share than the clause names, is called by
    another name or goes the other way; and no figure may stand outside of the slots.
    """
    bench = _bench(facts)
    by_name = {fact.name: fact for fact in facts.figures}
    problems = _check(bench, text, about, slots=True)
    # One that the end of a sentence cuts in two is not seen by the check.
    cut = (match[0] for match in re.finditer(SLOT, text) if match["name"] not in by_name)
    problems = problems or [Problem(text, slot, "没有这个数据") for slot in cut]
    if problems:
        return Filled("", problems)

    def shown(match: re.Match[str]) -> str:
        fact = by_name[match["name"]]
        before = CLAUSE_ENDS.split(SENTENCE_ENDS.split(text[: match.start()])[-1])[-1]
        told = [word for word in GAIN | LOSS if word in before]
        neutral = any(word in before for word in NEUTRAL)
        written = fact.text(sign=not told or neutral)
        # Behind a letter a sign would be read as a dash: DIF-0.52.
        return f" {written}" if written[0] in "+-" and before[-1:].isascii() and before[-1:].isalnum() else written

    filled = re.sub(rf"{SLOT}(?:\s?(?:元|%|股|份|天|倍|点(?![0-9位半])))?", shown, text)
    problems = _check(bench, filled, about)
    return Filled("" if problems else filled, problems)
