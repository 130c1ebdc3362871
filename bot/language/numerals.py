"""Numbers as people write them: 一千四, 9块8, 两成, 3个点, 1.5万股, 十手.

A number that is not certain is no number: 两三百 and 几块 are left in the text, so that the sentence is asked about.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, Literal, NamedTuple

Unit = Literal["", "yuan", "pct", "point", "tenths", "fraction", "shares", "times"]
"""What a figure counts. ``""`` is a bare number; ``tenths`` is 成 (value 20 for 两成); ``point`` is a bare 点:
a percent for shares and a level for an index."""

_WRITTEN: Final = ("零〇", "一壹", "二两贰", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
_DIGITS: Final = {char: value for value, chars in enumerate(_WRITTEN) for char in chars}
_SMALL: Final = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_LARGE: Final = {"万": 10_000, "亿": 100_000_000}
_LETTERS: Final = {"k": 1000, "w": 10_000, "千": 1000, "百": 100, "万": 10_000, "亿": 100_000_000}

_CHINESE: Final = r"[零〇一二两三四五六七八九十百千万亿壹贰叁肆伍陆柒捌玖拾佰仟]"
_ARABIC: Final = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"
NUMBER: Final = (
    rf"(?:{_ARABIC}(?:[百千万]*个?亿|[百千万亿]+|[wk](?![a-z]))?(?:(?<=[百千万])\d(?!\d))?"
    rf"|{_CHINESE}+(?:个亿)?(?:点[零一二三四五六七八九]+)?)"
)
"""A number without its unit, as a regular expression without groups."""

_MIXED: Final = re.compile(rf"({_ARABIC})([百千万亿wk]+)(\d)?$")


class Figure(NamedTuple):
    """A number in a text, in the unit's own measure: shares for 手, percent for 成 and 点."""

    start: int
    end: int
    value: Decimal
    unit: Unit


def number(text: str) -> Decimal | None:
    """Read one number without a unit, or None where it is not certain.

    >>> [str(number(text)) for text in ("一千四", "一百二", "两百六", "十五", "一万零五百")]
    ['1400', '120', '260', '15', '10500']
    >>> [str(number(text)) for text in ("1.5万", "三点五", "1,400", "两三百")]
    ['15000', '3.5', '1400', 'None']
    """
    if not text:
        return None
    text = text.replace("个亿", "亿")
    if text[0].isdigit() and text.isascii():
        plain = text.replace(",", "")
        if plain[-1] not in "wk":
            return Decimal(plain)
    if mixed := _MIXED.match(text):
        value = Decimal(mixed[1].replace(",", ""))
        scale = Decimal(1)
        for char in mixed[2]:
            scale *= _LETTERS[char]
        value *= scale
        return _tidy(value + int(mixed[3]) * scale / 10 if mixed[3] else value)
    whole, _, decimals = text.partition("点")
    found = _chinese(whole)
    if found is None or not decimals:
        return None if found is None else Decimal(found)
    return Decimal(f"{found}.{''.join(str(_DIGITS[char]) for char in decimals)}")


def _tidy(value: Decimal) -> Decimal:
    return Decimal(int(value)) if value == value.to_integral_value() else value.normalize()


def _chinese(text: str) -> int | None:
    """A whole number in Chinese characters."""
    if not text:
        return None
    if all(char in _DIGITS for char in text):
        # 一四零零 is read digit by digit; 两三 is "two or three".
        if len(text) == 2 and "零" not in text and "〇" not in text:
            return None
        return int("".join(str(_DIGITS[char]) for char in text))
    total = section = 0
    digit: int | None = None
    last_scale = 0
    for char in text:
        if char in _DIGITS:
            if digit:
                return None
            digit = _DIGITS[char]
            if digit == 0:
                last_scale = 0
        elif char in _SMALL:
            if digit is None and _SMALL[char] != 10 and section == 0 and total == 0:
                return None
            section += (1 if digit is None else digit) * _SMALL[char]
            last_scale, digit = _SMALL[char], None
        elif char in _LARGE:
            section += digit or 0
            if section == 0 and total == 0:
                return None
            total = (total + section) * _LARGE[char]
            section, digit, last_scale = 0, None, _LARGE[char]
        else:
            return None
    # 一百二 is 120, 一万二 is 12000, but 一百零二 is 102 and 十二 is 12.
    tail = 0 if digit is None else digit * (last_scale // 10 if last_scale >= 100 else 1)
    return total + section + tail


# Words that begin with a numeral and are none. The scanner steps over them.
_IDIOM: Final = (
    r"(?P<twice>[停看等想试问静歇缓压放搁查聊算瞧])一(?P=twice)|静一静|歇一歇|缓一缓|压一压|一份(?![股额])|一(?:下子?|旦|直|起|共|些|样|般|会儿?|声|嗓|眼|看|定|点点|点(?![零一二三四五六七八九])|边|路|律|切|堆|群|键|批|口气|带|字|脚)"
    r"|一(?=[跌涨到破触碰回掉击突站冲失砸摸进过达下打开炸撬松封变动出现有见落升拉跳跑窜蹿飙够扎滑翻崩闪])|停一停|看一看|等一等|想一想|试一试|问一问|万一|千万|统一|十分|[三四]季度|百分百|第一时间|两市"
)
_END: Final = r"(?![\d.]*\d*[股手份成倍%万千百])"
# One alternative per way of writing; longer ones first. The names of the groups say how the value is made.
_FIGURE: Final = re.compile(
    rf"(?P<idiom>{_IDIOM})"
    rf"|百分之(?P<percent_of>{NUMBER})(?P<percent_of_half>半)?"
    rf"|(?P<parts>{NUMBER})分之(?P<part>{NUMBER})"
    r"|(?<![\d/])(?P<above>\d)/(?P<below>\d{1,2})(?![\d/])"
    rf"|(?P<halves>{NUMBER})个半(?:百分)?点"
    rf"|(?P<half_more>{NUMBER})个半(?![小点钟星月])"
    r"|(?P<half_point>半个?(?:百分)?点)"
    rf"|(?P<percent>-?{NUMBER})(?:%|个?百分点|个点|个?巴仙)"
    rf"|(?P<tenths>{NUMBER})成(?:(?P<tenths_half>半)|(?P<tenths_more>[1-9一二三四五六七八九])(?![\d十百千万%手股个块元]))?(?!交|本|功|立|长|份)"
    rf"|(?P<times>{NUMBER})倍(?P<times_half>半)?"
    rf"|(?P<lots>{NUMBER})手"
    rf"|(?P<shares>{NUMBER})[股份](?!票|东|本|价(?!格?[\d一二三四五六七八九十])|额)"
    rf"|(?P<yuan>{NUMBER})(?:块|元)钱?"
    rf"(?:(?P<half>半)|(?P<zero>零|0)(?P<cent>[\d一二三四五六七八九])分?{_END}|(?P<jiao>[\d一二两三四五六七八九])(?:毛|角)?"
    rf"(?P<fen>[\d一二三四五六七八九](?:分|(?!\d)))?{_END})?钱?"
    rf"|(?P<only_jiao>{NUMBER})(?:毛|角)(?P<only_fen>[\d一二三四五六七八九])?分?钱?"
    rf"|(?P<point>{NUMBER})点(?!半|钟)"
    # A count of things (一次, 三只, 第2个, #3) is no figure of the market.
    rf"|(?P<bare>(?:(?<![\d\-#第])-)?(?<![#第\d.]){NUMBER})(?!只(?![在有要当提能说用让])|[次笔条遍半个家支张种档项回件位\d])"
)


def figures(text: str) -> tuple[Figure, ...]:
    """Every figure in ``text`` (already half-width), in order.

    >>> [(str(f.value), f.unit) for f in figures("跌破九块三,卖两成,买1.5万股,涨3个点,亏两个半点,36块25")]
    [('9.3', 'yuan'), ('20', 'tenths'), ('15000', 'shares'), ('3', 'pct'), ('2.5', 'pct'), ('36.25', 'yuan')]
    >>> [(str(f.value), f.unit) for f in figures("三块零8分 十手 百分之五 1/3 38块5买300股")]
    [('3.08', 'yuan'), ('1000', 'shares'), ('5', 'pct'), ('0.3333', 'fraction'), ('38.5', 'yuan'), ('300', 'shares')]
    """
    found = []
    for match in _FIGURE.finditer(text):
        read = _read(match)
        if read is not None:
            found.append(Figure(match.start(), match.end(), _plain(read[0]), read[1]))
    return tuple(found)


def _plain(value: Decimal) -> Decimal:
    return value if value.as_tuple().exponent == 0 else Decimal(f"{value.normalize():f}")


_HALF: Final = Decimal("0.5")


def _read(match: re.Match[str]) -> tuple[Decimal, Unit] | None:
    kind = match.lastgroup
    group = match.groupdict()
    if kind == "idiom":
        return None
    if kind == "half_point":
        return _HALF, "pct"
    if kind == "half_more":
        whole = number(match["half_more"])
        return None if whole is None else (whole + _HALF, "yuan")
    if kind == "below":
        below = int(match["below"])
        return (_ratio(int(match["above"]), below), "fraction") if below else None
    if kind == "part":
        whole, part = number(match["parts"]), number(match["part"])
        return (_ratio(part, whole), "fraction") if whole and part is not None and part <= whole else None
    if group["yuan"] is not None:
        return _yuan(match)
    if group["only_jiao"] is not None:
        jiao = number(match["only_jiao"])
        return None if jiao is None else (jiao / 10 + Decimal(_digit(match["only_fen"])) / 100, "yuan")
    for name, unit, scale, half in _PLAIN:
        if (written := group[name]) is not None:
            value = _signed(written)
            if value is None:
                return None
            if half and group.get(half) is not None:
                value += _HALF
            if more := group.get("tenths_more") if name == "tenths" else None:
                value += Decimal(_digit(more)) / 10
            if name == "halves":
                value += _HALF
            return value * scale, unit
    return None


_PLAIN: Final[tuple[tuple[str, Unit, int, str], ...]] = (
    # group,      unit,     scale, group of a half added
    ("percent_of", "pct", 1, "percent_of_half"),
    ("halves", "pct", 1, ""),
    ("percent", "pct", 1, ""),
    ("tenths", "tenths", 10, "tenths_half"),
    ("times", "times", 1, "times_half"),
    ("lots", "shares", 100, ""),
    ("shares", "shares", 1, ""),
    ("point", "point", 1, ""),
    ("bare", "", 1, ""),
)


def _signed(text: str) -> Decimal | None:
    value = number(text.removeprefix("-"))
    return -value if value is not None and text.startswith("-") else value


def _ratio(part: Decimal | int, whole: Decimal | int) -> Decimal:
    return (Decimal(part) / Decimal(whole)).quantize(Decimal("0.0001"))


def _digit(text: str | None) -> int:
    if not text:
        return 0
    return int(text[0]) if text[0].isdigit() else _DIGITS[text[0]]


def _yuan(match: re.Match[str]) -> tuple[Decimal, Unit] | None:
    value = number(match["yuan"])
    if value is None:
        return None
    if match["half"]:
        value += _HALF
    elif match["cent"]:
        value += Decimal(_digit(match["cent"])) / 100
    elif match["jiao"]:
        value += Decimal(_digit(match["jiao"])) / 10 + Decimal(_digit(match["fen"])) / 100
    return value, "yuan"
