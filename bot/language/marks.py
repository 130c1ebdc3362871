"""A sentence with its names, times and figures marked, and patterns over such a sentence.

Each thing found is replaced by one private character that stands for it, so that the 五 of 五粮液 can no longer be read
as a number and a pattern says ``跌破<price>`` instead of how prices are written. What a pattern has read is claimed;
what nobody claims decides whether the sentence was understood.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final

from bot.language.moments import Moment, moments
from bot.language.names import Mention, Names
from bot.language.numerals import Figure, figures
from core.market import Board, board_of
from core.types import Symbol

LONGEST: Final = 200
"""A request is a sentence. Anything longer is not read."""

CLAIMED: Final = "\uf8ff"
_ROOM: Final = 0x40
_CLASSES: Final = (
    "name",
    "num",
    "yuan",
    "point",
    "pct",
    "tenths",
    "fraction",
    "shares",
    "times",
    "dur",
    "day",
    "at",
    "span",
    "ma",
)
_BASE: Final = {name: 0xE000 + index * _ROOM for index, name in enumerate(_CLASSES)}
_MACROS: Final = {name: f"[{chr(base)}-{chr(base + _ROOM - 1)}]" for name, base in _BASE.items()} | {
    "price": f"[{chr(_BASE['num'])}-{chr(_BASE['point'] + _ROOM - 1)}]",
    "percent": f"[{chr(_BASE['point'])}-{chr(_BASE['tenths'] + _ROOM - 1)}]",
    "gone": CLAIMED,
}
_MACRO: Final = re.compile("(?<!P)<(" + "|".join(_MACROS) + ")>")

_TRADITIONAL: Final = str.maketrans(
    "貴臺寧時漲買賣漲價單損盤個點銀證醫藥電億萬兩開發調關設為與過幫註請對當還進現實賬帳戶餘額號動態圖線幾賺虧錢總產說叫響給權訊達東馬國際業際聯華軍龍陽長飛車門問題樣麼哪讓從後際傳媒義紅歷報歲內歸億態劃檢測監視聽無會議導創鋼鐵鋰礦銅鋁陰陝滬圳漢煙養風險風觀選條開關閉撤銷掛轉債暫復刪確認據復鐘頭極處標級區間穩觸擊穿離盈餘較誰倉現靜誒啓啟",
    "贵台宁时涨买卖涨价单损盘个点银证医药电亿万两开发调关设为与过帮注请对当还进现实账账户余额号动态图线几赚亏钱总产说叫响给权讯达东马国际业际联华军龙阳长飞车门问题样么哪让从后际传媒义红历报岁内归亿态划检测监视听无会议导创钢铁锂矿铜铝阴陕沪圳汉烟养风险风观选条开关闭撤销挂转债暂复删确认据复钟头极处标级区间稳触击穿离盈余较谁仓现静诶启启",
)
_TIDY: Final = str.maketrans({"。": ".", "、": "、", "“": "", "”": "", "「": "", "」": "", "『": "", "』": "", "《": "", "》": "",  # noqa: E501 - one list
                              "~": "-", "～": "-", "—": "-", "–": "-", "−": "-", "\u200b": "", "\ufeff": "", "¥": "", "￥": ""})  # noqa: E501 - one list  # fmt: skip
_SPACE: Final = re.compile(r"(?<![0-9a-z])\s+|\s+(?![0-9a-z])")


def normal(text: str) -> str:
    """Half-width, simplified, lower case, without spaces between Chinese characters.

    >>> normal("貴州茅臺 跌破１４００，提醒我")
    '贵州茅台跌破1400,提醒我'
    """
    half = unicodedata.normalize("NFKC", text).translate(_TRADITIONAL).translate(_TIDY).lower()
    # A private character of the person's would be taken for one of our marks.
    return _SPACE.sub("", _PRIVATE.sub("\ufffd", half))


_PRIVATE: Final = re.compile("[\ue000-\uf8ff]")


def pattern(written: str) -> re.Pattern[str]:
    """Compile a pattern whose ``<price>``, ``<name>`` … stand for marks."""
    return re.compile(_MACRO.sub(lambda macro: _MACROS[macro[1]], written))


class Marked:
    """A sentence being read.

    Attributes:
        said: as it was before anything in it was marked.
    """

    def __init__(self, text: str, names: Names, now: datetime, preferred: Collection[Symbol] = ()) -> None:
        self.said = text
        self.mentions: dict[str, Mention] = {}
        self.figures: dict[str, Figure] = {}
        self.moments: dict[str, Moment] = {}
        self._used = dict.fromkeys(_CLASSES, 0)
        self.text = self._mark(text, ((m.start, m.end, self._name(m)) for m in names.find(text, preferred)))
        self.text = self._mark(self.text, ((m.start, m.end, self._moment(m)) for m in moments(self.text, now)))
        self.text = self._mark(self.text, ((f.start, f.end, self._figure(f)) for f in figures(self.text)))
        self.text = self.text.replace(" ", "")
        self.rest = self.text

    def _mark(self, text: str, found: Iterator[tuple[int, int, str]]) -> str:
        parts: list[str] = []
        at = 0
        for start, end, char in found:
            parts += (text[at:start], char)
            at = end
        return "".join((*parts, text[at:]))

    def _char(self, kind: str) -> str:
        used = self._used[kind]
        self._used[kind] = min(used + 1, _ROOM - 1)
        return chr(_BASE[kind] + used)

    def _name(self, mention: Mention) -> str:
        char = self._char("name")
        self.mentions[char] = mention
        return char

    def _moment(self, moment: Moment) -> str:
        char = self._char(moment.kind)
        self.moments[char] = moment
        return char

    def _figure(self, figure: Figure) -> str:
        char = self._char(figure.unit or "num")
        self.figures[char] = figure
        return char

    def claim(self, match: re.Match[str]) -> None:
        """Nobody else may read this part."""
        start, end = match.span()
        self.rest = f"{self.rest[:start]}{CLAIMED * (end - start)}{self.rest[end:]}"

    def take(self, written: re.Pattern[str]) -> re.Match[str] | None:
        """Find a pattern in what is left and claim it."""
        match = written.search(self.rest)
        if match is not None:
            self.claim(match)
        return match

    def take_all(self, written: re.Pattern[str]) -> list[re.Match[str]]:
        found = []
        while (match := self.take(written)) is not None:
            found.append(match)
            if match.end() == match.start():
                break
        return found

    def is_index(self) -> bool:
        """Whether the sentence names an index, where a point is a level and no percent."""
        return any(board_of(symbol) is Board.INDEX for mention in self.mentions.values() for symbol in mention.symbols)

    @property
    def crowded(self) -> bool:
        """More marks of a kind than there are characters for: no sentence."""
        return any(used >= _ROOM - 1 for used in self._used.values())
