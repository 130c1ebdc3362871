"""Which securities a text names: 茅台, gzmt, SH600519, 宁王 -> Symbol, or the candidates to choose from.

A plain scan for the longest known term at each position; nothing is loaded but ``symbols.csv``. That file is the start
for an empty store: the current name, aliases and former names, and the initials (``长`` and the like with both
readings). A short name that several securities share stands as an alias at each of them, and gives the candidates.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, Self

from core.errors import Invalid
from core.market import clean_name, is_share
from core.types import Symbol, code_of, parse_symbol

SEED: Final = Path(__file__).with_name("symbols.csv")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.lower().split())


# Names of securities that are ordinary words. They count at the start of a clause, after a verb of ours, or when the
# person watches or holds them.
ORDINARY: Final = _words(
    "机器人 太阳能 农产品 老百姓 太平洋 新华网 指南针 大智慧"
    " 小商品城 完美世界 同花顺 深科技 移动 电信 民生 春秋 新希望"
    " 中铁 海控 芒果 东方明珠 王府井 白云山"
)
_LEADS: Final = frozenset(" ,。;:、!?(\"'“”盯看买卖着只把下有给让仓进出和与跟及或，在查于是对撤抛清持加补")

# Well-known companies that are listed elsewhere. They are named back, never matched to something similar.
ELSEWHERE: Final = _words(
    "腾讯控股 腾讯 阿里巴巴 阿里 苹果 特斯拉 英伟达 微软 谷歌 亚马逊 美团 小米集团 小米 京东 百度 网易"
    " 拼多多 快手 台积电 奈飞 脸书 高通 英特尔 甲骨文 哔哩哔哩 蔚来 小鹏汽车 小鹏 理想汽车 港交所 泡泡玛特 星巴克 可口可乐 波音"  # noqa: E501 - one list
    " 辉瑞 伯克希尔 恒大 中国恒大 比特币 以太坊 狗狗币 贵州茅台b tesla apple nvidia tencent alibaba tsla aapl nvda btc eth bitcoin"  # noqa: E501 - one list
    " 纳斯达克 道琼斯 标普500 恒生指数 恒指 恒生科技"
)

# Latin words of the domain or of every day that are not initials of a name.
_LATIN: Final = _words("macd kdj rsi boll etf ma ema vol atr dif dea buy sell stop help list ok yes no the and for")
_TERM: Final = re.compile(r"[a-z][a-z0-9]*")
_CODE: Final = re.compile(
    r"(?<![\d.a-z])(?:(?:sh|sz|bj)\.?)?\d{6}(?:\.(?:sh|sz|bj|ss))?(?![\d元块股手份万千百成%]|\.\d|个点|[a-z])"
)
_FOREIGN_CODE: Final = re.compile(r"(?<![\d.a-z])(?:\d{4,5}\.hk|[a-z]{1,5}\.us)(?![a-z\d])")
_AFTER_NUMBER_NAME: Final = re.compile(r"[\d.,%元块股手份万千百点个成倍天日]")
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


class Security(NamedTuple):
    """One row of the symbol table; ``initials`` may hold several readings, parted by ``|``."""

    symbol: Symbol
    name: str
    aliases: str = ""
    initials: str = ""
    kind: str = "stock"


def plain(text: str) -> str:
    """The form in which names are compared: half-width, lower case, no spaces.

    >>> plain("万  科Ａ")
    '万科a'
    """
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lower()


class Names:
    """The known securities by every name they go by. Grows at run time; reading it never blocks."""

    def __init__(self, securities: Iterable[Security] = ()) -> None:
        self._name: dict[Symbol, str] = {}
        self._terms: dict[str, tuple[Symbol, ...]] = {}
        self._initials: dict[str, tuple[Symbol, ...]] = {}
        self._lengths: dict[str, tuple[int, ...]] = {}
        self._codes: dict[str, tuple[Symbol, ...]] = {}
        for word in ELSEWHERE:
            self._put(plain(word), None)
        for security in securities:
            self.add(security.symbol, security.name, security.aliases.split("|"), security.initials.split("|"))

    @classmethod
    def seed(cls, path: Path = SEED) -> Self:
        """The table that comes with the program: well-known shares, funds and the main indexes."""
        with path.open(encoding="utf-8", newline="") as file:
            return cls(
                Security(Symbol(row["symbol"]), row["name"], row["aliases"], row["initials"], row["kind"])
                for row in csv.DictReader(file)
            )

    def __len__(self) -> int:
        return len(self._name)

    def __contains__(self, symbol: Symbol) -> bool:
        return symbol in self._name

    def add(self, symbol: Symbol, name: str, aliases: Iterable[str] = (), initials: Iterable[str] = ()) -> None:
        """Learn a security, or another name of one. The newest name is the one that is shown."""
        shown = clean_name(name)
        self._name[symbol] = shown
        code = code_of(symbol)
        if symbol not in self._codes.get(code, ()):
            self._codes[code] = (*self._codes.get(code, ()), symbol)
        key = plain(shown)
        for term in {key, _CUT.sub("", key), key.removesuffix("a"), *map(plain, aliases)}:
            if len(term) >= 2 and not (term != key and term.isascii() and term.isdigit() and term != "360"):
                self._put(term, symbol)
        for term in initials:
            if len(term) >= 3 and symbol not in self._initials.get(term, ()):
                self._initials[term] = (*self._initials.get(term, ()), symbol)

    def _put(self, term: str, symbol: Symbol | None) -> None:
        known = self._terms.get(term, ())
        if symbol is not None and symbol not in known:
            known = (*known, symbol)
        self._terms[term] = known
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
            found.append(mention._replace(symbols=_ordered(mention.symbols, preferred)))
            at = mention.end
        return tuple(found)

    def candidates(self, text: str, preferred: Collection[Symbol] = ()) -> tuple[Symbol, ...]:
        """What ``text`` as a whole may name: one when certain, none when unknown."""
        whole = plain(text)
        for mention in self.find(whole, preferred):
            if mention.start == 0 and mention.end == len(whole):
                return mention.symbols
        return ()

    def suggest(self, text: str, most: int = 3) -> tuple[Symbol, ...]:
        """Securities whose names look like ``text``, nearest first. A guess: only ever offered as a question."""
        # Asked rarely, after a sentence was not understood.
        from difflib import get_close_matches

        near = get_close_matches(plain(text), [term for term, known in self._terms.items() if known], most, 0.6)
        return tuple(dict.fromkeys(symbol for term in near for symbol in self._terms[term]))[:most]

    def _code_at(self, text: str, at: int, codes: dict[int, re.Match[str]]) -> Mention | None:
        match = codes.get(at) or (_FOREIGN_CODE.match(text, at) if text[at].isascii() else None)
        if match is None:
            return None
        written = match[0]
        if match.re is _FOREIGN_CODE:
            return Mention(at, match.end(), written, ())
        if written.isdigit():
            known = self._codes.get(written, ())
            if len(known) == 1:
                return Mention(at, match.end(), written, known)
        try:
            return Mention(at, match.end(), written, (parse_symbol(written),))
        except Invalid:
            return Mention(at, match.end(), written, ())

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
            if word in self._initials and word not in _LATIN:
                return Mention(at, match.end(), word, self._initials[word])
        return None

    def _fits(self, text: str, at: int, end: int, term: str, preferred: Collection[Symbol]) -> bool:
        after = text[end] if end < len(text) else " "
        before = text[at - 1] if at else " "
        if term[-1].isascii() and after.isascii() and after.isalnum() and not (term[-1].isalpha() and after.isdigit()):
            return False
        if term.isdigit():
            return before in _LEADS and not _AFTER_NUMBER_NAME.match(after)
        if term == "移动" and text.startswith(("止", "平均", "均线"), end):
            return False
        if term in ORDINARY:
            return before in _LEADS or any(symbol in preferred for symbol in self._terms[term])
        return True


def _ordered(symbols: tuple[Symbol, ...], preferred: Collection[Symbol]) -> tuple[Symbol, ...]:
    if len(symbols) < 2 or not preferred:
        return symbols
    return tuple(sorted(symbols, key=lambda symbol: symbol not in preferred))


@cache
def known() -> Names:
    """The seed, read once: for tests, evals and `dingpan parse`. A running assistant builds its own from the store."""
    return Names.seed()
