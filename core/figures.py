"""Figures as texts write them: numbers with unit and sign, dates, times, lists, and the words around them. Pure.

What is read is closed: everything that looks like a number is a token, or the sentence has something that cannot be
read. :mod:`core.grounding` judges what was read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from core.written import spoken_number


class Unit(StrEnum):
    """What a figure counts. Yuan of an amount and yuan per share are told apart by what they are called."""

    YUAN = "yuan"
    PRICE = "price"
    PERCENT = "percent"
    SHARES = "shares"
    DAYS = "days"
    COUNT = "count"
    TIMES = "times"
    POINTS = "points"
    """A number that bears no unit: RSI, the level of an index."""


# -- the words


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GAIN: Final = _words("赚 挣 盈利 净赚 获利 浮盈 盈余 涨 上涨 大涨 上升 升 增加 增长 多出 涨幅 高出 回升 反弹 跑赢")
LOSS: Final = _words(
    "亏 亏损 净亏 浮亏 赔 套 套牢 损失 倒亏 跌 下跌 大跌 下降 减少 缩水 回撤 跌幅 回落 低于 少了 蒸发 跑输"
)
NEUTRAL: Final = _words(
    "盈亏 涨跌 涨跌幅 涨停 跌停 涨停价 跌停价 止盈 止损 扭亏为盈 涨到 跌到 涨至 跌至 跌破 涨破 收益 收益率"
)
"""Words with a gain or a loss inside that say neither."""
SPANS: Final = _words("今天 今日 当日 本周 这周 本月 昨天 上周 上月 今年")
_NOT: Final = re.compile("(?:不|没|没有|未|无|并非|不是|别)$")
_IDIOMS: Final = _words(
    "一些 一直 一般 一样 一定 一起 一下 一旦 另一 统一 唯一 进一步 第一时间 之一 万一 十分 百分点 一致 一律 一共 一路 "
    "一度 一时 一边 一方面 同一 单一 一点点 有一点 一向 一味 一面 一切 一并 一贯 千万别 千万不要 三思 一一 逐一 再一次 "
    "零轴 十字星 一字板 一字涨停 一字跌停 二次探底 "
    "二级市场 一级市场 四舍五入 两者 两地 两市 不一 如一 一来 二来 万分 百般"
)
"""Numerals that count nothing."""
_WILD: Final = re.compile(
    "翻倍|翻番|翻一番|腰斩|归零|减半|过半|大半|小半|对半|[几数好上][十百千万亿]+|几(?=[只次笔个天元块手股成倍])|"
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|thousand|"
    r"million|billion|percent|half|double|twice)\b"
)
"""Figures without a numeral: no fact is written like that."""
_UNITS: Final[dict[str, tuple[frozenset[Unit], Decimal]]] = {
    **dict.fromkeys(("元", "块钱", "块", "人民币"), (frozenset({Unit.YUAN, Unit.PRICE}), Decimal(1))),
    **dict.fromkeys(("元/股", "元每股"), (frozenset({Unit.PRICE}), Decimal(1))),
    **dict.fromkeys(("%", "个百分点", "个点"), (frozenset({Unit.PERCENT}), Decimal(1))),
    **dict.fromkeys(("成仓", "成"), (frozenset({Unit.PERCENT}), Decimal(10))),
    **dict.fromkeys(("股", "份"), (frozenset({Unit.SHARES}), Decimal(1))),
    "手": (frozenset({Unit.SHARES}), Decimal(100)),
    **dict.fromkeys(("个交易日", "天", "日"), (frozenset({Unit.DAYS}), Decimal(1))),
    **dict.fromkeys(("只", "次", "笔", "条", "张", "个"), (frozenset({Unit.COUNT}), Decimal(1))),
    "倍": (frozenset({Unit.TIMES}), Decimal(1)),
}
_SCALES: Final = {"千": Decimal(1000), "万": Decimal(10**4), "百万": Decimal(10**6), "亿": Decimal(10**8)}
# 成交, 成本 and 日线 count nothing.
_UNIT: Final = (
    f"(?:{'|'.join(sorted(map(re.escape, _UNITS), key=len, reverse=True))})(?<!成(?=[交本功为立长]))(?<!日(?=[均线]))"
)
_HAN: Final = "零〇一二两三四五六七八九十百千万亿壹贰叁肆伍陆柒捌玖拾佰仟廿卅"
_ARABIC: Final = r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?"
# A sign belongs to a number unless it stands between two: 1380-1420 is a span.
_FIGURE: Final = (
    rf"(?P<figure>(?P<sign>(?<![0-9A-Za-z%元股])[+-])?(?:(?P<number>{_ARABIC})|百分之(?P<percent>{_ARABIC}|[{_HAN}点]+)"
    rf"|(?P<below>[{_HAN}]+|[0-9]+)分之(?P<above>[{_HAN}]+|[0-9]+)|(?P<half>一半|半仓)|(?P<han>[{_HAN}]+(?:点[{_HAN}]+)?))"
    rf"(?P<vague>[多余来几]?)(?:\s?(?P<scale>亿|百万|万|千))?(?:\s?(?P<unit>{_UNIT})(?:(?<=成)(?P<tenth>[一二三四五六七八九半]))?)?)"
)
_DATE: Final = (
    r"(?P<date>(?:(?P<year>20[0-9]{2})[-/年])?(?<![0-9.])(?P<month>[01]?[0-9])(?:月(?P<day2>[0-3]?[0-9])[日号]"
    rf"|[-/](?P<day>[0-3]?[0-9])(?![0-9.%,]|\s?(?:{_UNIT}|[万亿]))))"
)
_TIME: Final = (
    r"(?P<time>(?<![0-9:])(?P<hour>[0-2]?[0-9]):(?P<minute>[0-5][0-9])(?::(?P<second>[0-5][0-9]))?(?![0-9:.]))"
)
SLOT: Final = r"(?P<slot>\{\{\s*(?P<name>[^{}]*?)\s*\}\})"
_CODE_ENDS: Final = rf"(?:\.(?:SH|SZ|BJ))?(?![0-9.]*[0-9]|\s?(?:{_UNIT}|[万亿千]))"
_KEPT: Final = frozenset("，：；（）。！？、")
SENTENCE_ENDS: Final = re.compile("[。！？!?；;\n]")
CLAUSE_ENDS: Final = re.compile(r"[，、,（()）|]")
_ITEM: Final = re.compile(r"\s*([0-9]{1,2})[.、)）](?![0-9])")
MAY_FOLLOW: Final = re.compile(
    r"$|[，,、:：（）()/~～\-—–|=]|至|到|和|与|的|在|之[上下]|[上下]方|以[上下]|附近|高于|低于|大于|小于|接近|超过|[上下]穿|仍|还|已|略|偏"
)
"""What may stand behind a figure without a unit: no unit begins like that."""


def plain(text: str) -> str:
    """Full width, compatibility forms and invisible characters as they are read; Chinese punctuation stays."""
    shown = (char for char in text if char in _KEPT or char == "\n" or unicodedata.category(char) not in {"Cf", "Cc"})
    folded = "".join(char if char in _KEPT else unicodedata.normalize("NFKC", char) for char in shown)
    return folded.translate(_DASHES)


_DASHES: Final = str.maketrans("−–—﹣", "----")


# -- pieces of a text


class Token(NamedTuple):
    """A piece of a clause that matters: whom it is about, what it is called, which way, or a figure."""

    kind: str
    text: str
    start: int
    end: int
    match: re.Match[str]


@lru_cache(maxsize=64)
def _scanner(names: tuple[str, ...], words: frozenset[str], literals: tuple[str, ...]) -> re.Pattern[str]:
    """One pattern for all that matters, what is longer or surer first."""

    def either(group: str, found: Sequence[str], *, ends: str = "") -> str:
        longest = sorted(set(found), key=len, reverse=True)
        return f"(?P<{group}>{'|'.join(map(re.escape, longest))}){ends}" if longest else f"(?P<{group}>(?!))"

    codes = [name for name in names if name.isdecimal()]
    called = words | GAIN | LOSS | NEUTRAL | SPANS
    parts = (
        SLOT,
        either("owner", [name for name in names if not name.isdecimal()]),
        rf"(?<![0-9.+-]){either('code', codes)}{_CODE_ENDS}",
        either("literal", literals, ends=rf"(?![0-9]|[.,][0-9]|\s?(?:{_UNIT}|[万亿]))"),
        either("idiom", sorted(_IDIOMS)),
        f"(?P<wild>{_WILD.pattern})",
        either("word", sorted(called)),
        _DATE,
        _TIME,
        _FIGURE,
    )
    return re.compile("|".join(parts), re.IGNORECASE)


class Clause(NamedTuple):
    tokens: Sequence[Token]
    start: int
    end: int


class Sentence(NamedTuple):
    """A sentence of a text.

    Attributes:
        place: how many stand before it.
        indented: it goes on about what the line before was about.
    """

    text: str
    place: int
    indented: bool


def sentences(text: str) -> Iterator[Sentence]:
    start = 0
    for place, end in enumerate([*(match.start() for match in SENTENCE_ENDS.finditer(text)), len(text)]):
        piece = text[start:end]
        if piece.strip():
            yield Sentence(piece, place, piece[:1].isspace() and start > 0 and text[start - 1] == "\n")
        start = end + 1


def pieces(text: str) -> list[str]:
    """The same sentences with what ends them, blank ones too: the place of a sentence is its index here."""
    ends = [match.end() for match in SENTENCE_ENDS.finditer(text)]
    return [text[start:end] for start, end in pairwise([0, *ends, len(text)])]


class Reader:
    """Finds what matters in a text.

    Args:
        names: whom it may speak of, as it is written, with the symbol.
        words: what figures are called.
        literals: what stands as it is.
    """

    def __init__(self, names: Mapping[str, str], words: Collection[str], literals: Collection[str]) -> None:
        folded = {plain(name): owner for name, owner in names.items()}
        self._owners = {name.lower(): owner for name, owner in folded.items()}
        self._words = frozenset(words)
        self._scanner = _scanner(tuple(folded), self._words, tuple(map(plain, literals)))

    def clauses(self, sentence: str) -> list[Clause]:
        tokens = []
        for match in self._scanner.finditer(sentence):
            kind = next(
                kind
                for kind in ("slot", "owner", "code", "literal", "idiom", "wild", "word", "date", "time", "figure")
                if match[kind] is not None
            )
            tokens.append(Token(kind, match[kind], match.start(), match.end(), match))
        taken = {at for token in tokens for at in range(token.start, token.end)}
        cuts = [match.start() for match in CLAUSE_ENDS.finditer(sentence) if match.start() not in taken]
        bounds = [-1, *cuts, len(sentence)]
        return [
            Clause([one for one in tokens if first < one.start < last], first + 1, last)
            for first, last in pairwise(bounds)
        ]

    def owner(self, token: Token) -> str:
        return self._owners[token.text.lower()]

    def is_word(self, token: Token) -> bool:
        return token.kind == "word" and token.text in self._words


def sign_of(text: str, earlier: Sequence[Token], later: Sequence[Token]) -> int | None:
    """Which way the words before a figure go; those right behind it where there are none (4000元的亏损)."""
    told = [one for one in earlier if one.kind == "word" and one.text in GAIN | LOSS | NEUTRAL]
    if not told:
        told = [one for one in later[:1] if one.kind == "word" and one.text in GAIN | LOSS]
    if not told or told[-1].text in NEUTRAL:
        return 0
    nearest = told[-1]
    if _NOT.search(text[: nearest.start]):
        return None
    return 1 if nearest.text in GAIN else -1


# -- numbers


class Number(NamedTuple):
    """A figure as it is written.

    Attributes:
        value: without its sign.
        step: of its last digit.
        units: None where no unit is written.
        fine: whether it is written to hundredths or finer.
    """

    value: Decimal
    step: Decimal
    sign: int
    units: frozenset[Unit] | None
    fine: bool
    scaled: bool


def number_of(match: re.Match[str]) -> Number | str:
    """Reads a figure; a text is why it cannot be."""
    if match["vague"]:
        return "含糊的数"
    sign = {"+": 1, "-": -1}.get(match["sign"] or "", 0)
    scale = _SCALES[match["scale"]] if match["scale"] else Decimal(1)
    units, factor = _UNITS[match["unit"]] if match["unit"] else (None, Decimal(1))
    if match["percent"] or match["below"] or match["half"]:
        if match["unit"] or match["scale"]:
            return "单位重复"
        return _part(match, sign)
    written = match["number"] or match["han"]
    value = _value(written)
    if value is None:
        return "读不懂的数"
    places = len(written.partition(".")[2]) if match["number"] else len(written.partition("点")[2])
    step = Decimal(1).scaleb(-places)
    if match["han"] and not places and value:
        # 一千四 says nothing below the hundreds.
        step = Decimal(1)
    if match["tenth"]:  # 三成六
        value += (Decimal(5) if match["tenth"] == "半" else _value(match["tenth"]) or Decimal(0)) / 10
        step = Decimal("0.1")
    return Number(value * scale * factor, step * scale * factor, sign, units, places >= 2, scale > 1)


def _part(match: re.Match[str], sign: int) -> Number | str:
    """百分之五, 三分之一, 一半: percent."""
    percent = frozenset({Unit.PERCENT})
    if match["half"]:
        return Number(Decimal(50), Decimal(10), sign, percent, fine=False, scaled=False)
    if match["percent"]:
        value = _value(match["percent"])
        places = len(re.split("[.点]", match["percent"])[1]) if re.search("[.点]", match["percent"]) else 0
        if value is None:
            return "读不懂的数"
        return Number(value, Decimal(1).scaleb(-places), sign, percent, places >= 2, scaled=False)
    below, above = _value(match["below"]), _value(match["above"])
    if not below or above is None:
        return "读不懂的数"
    return Number(above / below * 100, Decimal(10), sign, percent, fine=False, scaled=False)


def _value(written: str) -> Decimal | None:
    return Decimal(written.replace(",", "")) if written[0].isdecimal() else spoken_number(written)


def without_items(text: str) -> str:
    """Without the numbers of a list (1. 2. 3.), where they count up from one."""
    count, lines = 0, []
    for line in text.split("\n"):
        item = _ITEM.match(line)
        if item is not None and int(item[1]) == count + 1:
            count += 1
            line = " " * item.end() + line[item.end() :]  # noqa: PLW2901  the line without its number
        lines.append(line)
    return "\n".join(lines)
