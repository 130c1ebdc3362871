"""Which securities a text names: 茅台, gzmt, SH600519, 宁王 -> Symbol, or the candidates to choose from.

A plain scan for the longest known term at each position. Two files are loaded: ``symbols.csv``, the whole market as of
the day it was written, in the order of how well it is known (``python -m tests.seed`` writes it), and ``aliases.csv``,
nicknames and former names, written by hand: a short form that stands there means what stands there and nothing else.
What has been renamed or listed since is learnt at run time, and kept in the store (:mod:`core.listing`).
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, Self

from bot.language.name_words import ELSEWHERE, LATIN, NOT_HERE, ORDINARY, TOGETHER
from bot.language.spelling import apart, gb2312_letter, letters_said
from core.errors import Invalid
from core.market import clean_name, is_share
from core.securities import Security
from core.types import Symbol, parse_symbol

SEED: Final = Path(__file__).with_name("symbols.csv")
ALIASES: Final = Path(__file__).with_name("aliases.csv")


_LEADS: Final = frozenset(" ,.。;:、!?(\"'“”盯看买卖着只把下有给让仓进出和与跟及或，在查于是对撤抛清持加补")
_NOT_AFTER_ORDINARY: Final = re.compile("[吗么嘛]")
# Before and after such words stands a name, whatever else it means.
_BEFORE_NAME: Final = re.compile(r"(?:股|手|一半|[\d.]+[元块份]|提醒我?|通知我?)$")
_AFTER_NAME: Final = re.compile(
    r"涨(?![价势])|跌(?!价)|突破|站[上稳]|[升跌]?破|止[损盈]|多少钱|现价|股价|行情|走势|赚|亏|持仓|成本|回落|反弹|封板|炸板|量比|换手|创[新\d]"
)
_TERM: Final = re.compile(r"[a-z][a-z0-9]*")
_CODE: Final = re.compile(
    r"(?<![\d.a-z])(?:(?:sh|sz|bj)\.?)?\d{6}(?:\.(?:sh|sz|bj|ss))?(?![\d元块股手份万千百成%]|\.\d|个点|[a-z])"
)
_FOREIGN_CODE: Final = re.compile(r"(?<![\d.a-z])(?:\d{4,5}\.hk|[a-z]{1,5}\.us)(?![a-z\d])")
_AFTER_NUMBER_NAME: Final = re.compile(r"[\d.,%元块股手份万千百点个成倍天日]")
_CLASS_A: Final = re.compile(r"(?<=[\u3400-\u9fff])a$")
_CUT: Final = re.compile(r"^\*?st|-[uwdv]+$")


class Mention(NamedTuple):
    """A place in the text that names a security.

    Attributes:
        symbols: one when it is certain, several to choose from, none when it is no security that we know.
    """

    start: int
    end: int
    text: str
    symbols: tuple[Symbol, ...]


class Near(NamedTuple):
    """A security with a name that is near to what was written.

    Attributes:
        distance: in characters.
    """

    symbol: Symbol
    distance: float
    name: str


def plain(text: str) -> str:
    """The form in which names are compared: half-width, lower case, no spaces.

    >>> plain("万  科Ａ")
    '万科a'
    """
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lower()


def forms(name: str) -> tuple[str, ...]:
    """The same name without what the exchange has put to it.

    >>> forms("*ST康佳A"), forms("寒武纪-U"), forms("贵州茅台")
    (('st康佳a', 'st康佳', '康佳a', '康佳'), ('寒武纪',), ())
    """
    key = plain(name)
    cut = _CUT.sub("", key)
    found = [whole for one in (key.removeprefix("*"), cut) for whole in (one, _CLASS_A.sub("", one))]
    return tuple(form for form in dict.fromkeys(found) if form != key and len(form) >= 2)


class Names:
    """The known securities by every name they go by. Grows at run time; reading it never blocks."""

    def __init__(self) -> None:
        self._name: dict[Symbol, str] = {}
        self._terms: dict[str, tuple[Symbol, ...]] = {}
        self._shy: set[str] = set()
        self._kin: dict[str, tuple[Symbol, ...]] = {}
        self._initials: dict[str, tuple[Symbol, ...]] = {}
        self._lengths: dict[str, tuple[int, ...]] = {}
        self._moved: dict[Symbol, Symbol] = {}
        self._order: dict[Symbol, int] = {}
        self._traded: dict[Symbol, int] = {}
        self._letters: dict[str, str] = {}

    @classmethod
    def seed(cls) -> Self:
        """The table that comes with the program, for an assistant of its own: it may learn more."""
        read, made = known(), cls()
        for name, table in vars(read).items():
            setattr(made, name, table.copy())
        return made

    def load(self, listed: Path = SEED, by_hand: Path = ALIASES) -> None:
        """Read both files.

        A short form that stands in the one written by hand means what stands there; full names always count.
        """
        with by_hand.open(encoding="utf-8", newline="") as file:
            hand = [(Symbol(symbol), aliases.split("|")) for symbol, _, aliases, _ in csv.reader(file) if aliases]
        told = {alias for _, aliases in hand[1:] for alias in aliases}
        terms, initials, names = self._terms, self._initials, self._name
        shorts: list[tuple[str, tuple[Symbol, ...]]] = []
        # Written by us, without quotes: a reader of every kind of CSV would take twice as long.
        for line in listed.read_text(encoding="utf-8").splitlines()[1:]:
            symbol, name, others, short, letters, was = line.split(",")
            names[Symbol(symbol)] = name
            one: tuple[Symbol, ...] = (Symbol(symbol),)
            for term in (name.lower(), *others.split("|")) if others else (name.lower(),):
                terms[term] = terms[term] + one if term in terms else one
            if short:
                shorts += [(term, one) for term in short.split("|")]
            if letters:
                for term in letters.split("|"):
                    initials[term] = initials[term] + one if term in initials else one
            if was:
                self._moved[Symbol(f"{was}.BJ")] = one[0]
        for symbol, aliases in hand[1:]:
            for alias in aliases:
                if symbol not in terms.get(alias, ()):
                    terms[alias] = (*terms.get(alias, ()), symbol)
        for term, one in shorts:
            if term not in told and (term in self._shy or term not in terms):
                self._shy.add(term)
                terms[term] = terms.get(term, ()) + one
        for word in ELSEWHERE:
            terms.setdefault(word, ())
        begin: dict[str, list[Symbol]] = {}
        for symbol, shown in names.items():
            begin.setdefault(shown[:2], []).append(symbol)
        for alias in told:
            same, known_as = begin.get(alias[:2], ()), terms[alias]
            if namesakes := [one for one in same if one not in known_as and names[one].startswith(alias)]:
                self._kin[alias] = tuple(namesakes)
        terms.update(TOGETHER)
        lengths: dict[str, set[int]] = {}
        for term in terms:
            lengths.setdefault(term[0], set()).add(len(term))
        self._lengths = {first: tuple(sorted(known, reverse=True)) for first, known in lengths.items()}
        self._order = {symbol: place for place, symbol in enumerate(names)}

    def __len__(self) -> int:
        return len(self._name)

    def __contains__(self, symbol: Symbol) -> bool:
        return symbol in self._name

    def add(self, symbol: Symbol, name: str) -> None:
        """Learn a security, or another name of one. The newest name is the one that is shown, all of them are known."""
        from bot.language.marks import normal  # which knows this module

        shown = clean_name(name)
        if self._name.get(symbol) == shown:
            return
        if symbol.endswith(".BJ"):
            self._take_over(symbol, shown)
        self._order.setdefault(symbol, len(self._order))
        self._name[symbol] = shown
        key = plain(shown)
        for term in (key, *forms(shown)):
            if len(term) >= 2:
                self._put(term, symbol, shy=len(term) == 2 and term != key)
        # A sentence is read in simplified characters, 昇 as 升.
        self._put(normal(shown), symbol)
        if (term := self.initials(shown)) and symbol not in self._initials.get(term, ()):
            self._initials[term] = (*self._initials.get(term, ()), symbol)

    def learn(self, security: Security) -> None:
        """Take over what was seen of a security: the name it bears now, and those it bore."""
        symbol, shown = security.symbol, self._name.get(security.symbol, "")
        if not security.former and not set(plain(shown)) & set(plain(security.name)):
            # The table had another company under this code: that one's names lead here no longer.
            self._forget(symbol)
        for name in (*(former.name for former in security.former), security.name):
            self.add(symbol, name)

    def _forget(self, symbol: Symbol) -> None:
        for tables in (self._terms, self._initials):
            for term, symbols in list(tables.items()):
                if symbol in symbols and term not in TOGETHER:
                    tables[term] = tuple(one for one in symbols if one != symbol)
                    if not tables[term]:
                        del tables[term]
        self._moved = {old: new for old, new in self._moved.items() if new != symbol}

    def _take_over(self, symbol: Symbol, name: str) -> None:
        """A share of Beijing of the same name, under a code given up in 2025, is this one."""
        for old in self._terms.get(plain(name), ()):
            if old != symbol and old.endswith(".BJ") and not old.startswith("92"):
                self._moved[old] = symbol
                self._order[symbol] = self._order[old]
                for tables in (self._terms, self._initials):
                    for term, symbols in list(tables.items()):
                        if old in symbols:
                            tables[term] = tuple(symbol if one == old else one for one in symbols)
                self._name.pop(old, None)

    def _put(self, term: str, symbol: Symbol, *, shy: bool = False) -> None:
        known = self._terms.get(term, ())
        if symbol in known:
            return
        if shy and not known:
            self._shy.add(term)
        elif not shy:
            self._shy.discard(term)
        self._terms[term] = (*known, symbol)
        lengths = self._lengths.get(term[0], ())
        if len(term) not in lengths:
            self._lengths[term[0]] = tuple(sorted((*lengths, len(term)), reverse=True))

    def name_of(self, symbol: Symbol) -> str:
        """The name to show; the code itself where the table has none."""
        return self._name.get(symbol, symbol)

    def shares(self) -> tuple[Symbol, ...]:
        """All A-shares of the table."""
        return tuple(symbol for symbol in self._name if is_share(symbol))

    def completions(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Every name with its symbol, and the initials by which a terminal may complete it."""
        by_symbol: dict[Symbol, list[str]] = {}
        for initials, symbols in self._initials.items():
            for symbol in symbols:
                by_symbol.setdefault(symbol, []).append(initials)
        return [(name, symbol, tuple(by_symbol.get(symbol, ()))) for symbol, name in self._name.items()]

    def find(self, text: str, preferred: Collection[Symbol] = ()) -> tuple[Mention, ...]:
        """Every mention in ``text``, in order, the longest at each place.

        Args:
            text: half-width and lower case, as :func:`bot.language.grammar.normal` makes it.
            preferred: what the person watches or holds; they stand first among candidates, and decide nothing.
        """
        found: list[Mention] = []
        codes = {match.start(): match for match in _CODE.finditer(text)}
        at = 0
        while at < len(text):
            mention = self._code_at(text, at, codes) or self._term_at(text, at, preferred)
            if mention is None:
                at += 1
                continue
            at = mention.end
            if mention.text in TOGETHER:
                # Several securities at one place: the others take no room.
                first, *others = TOGETHER[mention.text]
                found.append(mention._replace(symbols=(first,)))
                found += [Mention(at, at, mention.text, (one,)) for one in others]
                continue
            symbols = self._with_kin(mention, preferred)
            if len(symbols) > 1:
                found.append(mention._replace(symbols=self.ranked(symbols, preferred)))
            else:
                found.append(mention)
        return tuple(found)

    def _with_kin(self, mention: Mention, preferred: Collection[Symbol]) -> tuple[Symbol, ...]:
        """紫金 is 紫金矿业, unless the person holds 紫金银行 and not that one: then nobody knows."""
        kin = self._kin.get(mention.text, ())
        if not kin or not preferred or any(one in preferred for one in mention.symbols):
            return mention.symbols
        return (*mention.symbols, *(one for one in kin if one in preferred))

    def ranked(self, symbols: Iterable[Symbol], preferred: Collection[Symbol] = ()) -> tuple[Symbol, ...]:
        """The same, most likely meant first: what is watched or held, then by turnover, then how well it is known."""
        traded, known_as = self._traded, self._order
        last = len(known_as)
        return tuple(
            sorted(symbols, key=lambda one: (one not in preferred, traded.get(one, last), known_as.get(one, last)))
        )

    def rank(self, symbols: Sequence[Symbol]) -> None:
        """Let candidates stand in this order, the most traded first; what is not among them comes after."""
        self._traded = {symbol: place for place, symbol in enumerate(symbols)}

    def candidates(self, text: str, preferred: Collection[Symbol] = ()) -> tuple[Symbol, ...]:
        """What ``text`` as a whole may name: one when certain, none when unknown."""
        whole = plain(text)
        if whole in TOGETHER:
            return TOGETHER[whole]
        for mention in self.find(whole, preferred):
            if mention.start == 0 and mention.end == len(whole):
                return mention.symbols
        return ()

    def suggest(self, text: str, most: int = 3, preferred: Collection[Symbol] = ()) -> tuple[Symbol, ...]:
        """Securities whose names look or sound like ``text``, nearest first. A guess: only ever a question."""
        return tuple(found.symbol for found in self.near(text, preferred, most))

    def near(self, text: str, preferred: Collection[Symbol] = (), most: int = 3) -> list[Near]:
        """The same, with the name that is near, and how near.

        One character that is wrong, missing or too many, two that are swapped, several that sound alike, and the
        beginning of a name. Takes a few milliseconds: asked after a sentence was not understood.
        """
        word = plain(text)
        if not 2 <= len(word) <= _LONGEST_NAME:
            return []
        shared = Counter(term for char in set(word) for term in self._terms if char in term)
        near: dict[Symbol, Near] = {}
        enough = 1 if len(word) < 4 else 2
        for term, count in shared.items():
            distance = apart(word, term, self.letter) if count >= enough else None
            if distance is not None:
                for symbol in self._terms[term]:
                    if symbol not in near or distance < near[symbol].distance:
                        near[symbol] = Near(symbol, distance, term)
        ranked = [near[symbol] for symbol in self.ranked(near, preferred)]
        return sorted(ranked, key=lambda found: found.distance)[:most]

    def letter(self, char: str) -> str:
        """With which letter a character is typed; empty where that is not known.

        The names of the table tell it for each of their characters.
        """
        if char.isascii():
            return char
        if not self._letters:
            self._letters = letters_said(self._read_as())
        return self._letters.get(char) or gb2312_letter(char)

    def _read_as(self) -> Iterator[tuple[str, str]]:
        """Names with their initials, letter by character."""
        for letters, symbols in self._initials.items():
            for symbol in symbols:
                shown = self._name.get(symbol, "")
                if len(shown) == len(letters):
                    yield shown.lower(), letters
                else:
                    yield from ((form, letters) for form in forms(shown) if len(form) == len(letters))

    def initials(self, name: str) -> str:
        """The letters by which a name that is learnt may be typed; empty where a character's is not known.

        >>> known().initials("沐曦股份"), known().initials("摩尔线程-U")
        ('mxgf', 'mexc')
        """
        found = [self.letter(char) for char in (*forms(name), plain(name))[0]]
        letters = "".join(found)
        return letters if all(found) and len(letters) >= 3 and letters[0].isalpha() else ""

    def _code_at(self, text: str, at: int, codes: dict[int, re.Match[str]]) -> Mention | None:
        match = codes.get(at) or (_FOREIGN_CODE.match(text, at) if text[at].isascii() else None)
        if match is None:
            return None
        written = match[0]
        if match.re is _FOREIGN_CODE:
            return Mention(at, match.end(), written, ())
        if written.isdigit():
            listed = [one for exchange in _EXCHANGES if (one := Symbol(written + exchange)) in self._name]
            if len(listed) == 1:
                return Mention(at, match.end(), written, (listed[0],))
        try:
            symbol = parse_symbol(written)
        except Invalid:
            return Mention(at, match.end(), written, ())
        return Mention(at, match.end(), written, (self._moved.get(symbol, symbol),))

    def _term_at(self, text: str, at: int, preferred: Collection[Symbol]) -> Mention | None:
        first = text[at]
        if first.isascii() and not first.isalnum() and first != "*":
            return None
        latin = first.isascii()
        if latin and at and text[at - 1].isascii() and text[at - 1].isalnum():
            return None
        for length in self._lengths.get(first, ()):
            end = at + length
            term = text[at:end]
            if end <= len(text) and term in self._terms and self._fits(text, at, end, term, preferred):
                return Mention(at, end, term, self._terms[term])
        if latin and (match := _TERM.match(text, at)):
            word = match[0]
            if word in self._initials and word not in LATIN:
                return Mention(at, match.end(), word, self._initials[word])
        return None

    def _fits(self, text: str, at: int, end: int, term: str, preferred: Collection[Symbol]) -> bool:
        after = text[end] if end < len(text) else " "
        before = text[at - 1] if at else " "
        if term[-1].isascii() and after.isascii() and after.isalnum() and not (term[-1].isalpha() and after.isdigit()):
            return False
        if term.isdigit():
            return before in _LEADS and not _AFTER_NUMBER_NAME.match(after)
        if (other := NOT_HERE.get(term)) and other.search(text, at - 1 if at else 0, end + 2):
            return False
        if term in ORDINARY or term in self._shy:
            stands = before in _LEADS and not _NOT_AFTER_ORDINARY.match(after)
            if not stands and term not in self._shy:
                around = _BEFORE_NAME.search(text, max(0, at - 8), at) or _AFTER_NAME.match(text, end)
                stands = around is not None
            return stands or any(symbol in preferred for symbol in self._terms[term])
        return True


_EXCHANGES: Final = (".SH", ".SZ", ".BJ")
_LONGEST_NAME: Final = 20


@cache
def known() -> Names:
    """The seed, read once: for tests, evals and `dingpan parse`, which learn nothing. An assistant has its own copy."""
    names = Names()
    names.load()
    return names
