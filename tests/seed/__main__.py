"""Writes the table of names that comes with the program: ``python -m tests.seed SYMBOLS.csv``.

``SYMBOLS.csv`` has the columns symbol, name, type (stock, etf) of all that is listed. What stands in
``bot/language/aliases.csv``, which is written by hand, comes first in the result, in its order, and wins. Readings need
pypinyin, and which short forms are words of every day is asked of jieba's dictionary (the extra ``seed``): neither is
needed to run.
"""

from __future__ import annotations

import csv
import itertools
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from bot.language.marks import normal
from bot.language.name_words import ELSEWHERE, ORDINARY
from bot.language.names import ALIASES, SEED, forms, plain
from core.market import clean_name, is_share
from core.types import Symbol, code_of

COLUMNS: Final = ("symbol", "name", "forms", "short", "initials", "was")

# What may be left off a name: 天齐锂业 is called 天齐.
_TAILS: Final = sorted(
    str.split(
        "股份 科技 集团 控股 实业 电子 技术 生物 医药 药业 制药 能源 环保 智能 材料 新材 化工 化学 电气 机械"
        " 传媒 文化 信息 软件 通信 通讯 银行 证券 保险 汽车 食品 发展 投资 电器 光电 精密 重工 装备 高科 新能"
        " 锂业 锂能 钴业 钼业 矿业 铝业 铜业 锡业 稀土 水泥 玻璃 钢铁 物流 航空 建设 建筑 工程 地产 置业 高速"
        " 医疗 生态 环境 国际 网络 数据 数码 激光 微电 半导 电路 电力 电源 电缆 光学 家居 服饰 酒业 农业 牧业"
        " 纸业 包装 机电 动力 轴承 阀门 仪器 检测 威视 时代 味业 绿能 纺织 医学 眼科"
    ),
    key=len,
    reverse=True,
)
# Characters with two readings in names. Only these: with all readings of all characters there are false keys.
_READINGS: Final = {
    "长": "cz",
    "重": "zc",
    "藏": "zc",
    "朝": "cz",
    "乐": "ly",
    "厦": "xs",
    "参": "sc",
    "朴": "pb",
    "单": "ds",
    "曾": "zc",
    "传": "cz",
}
# Two characters that meet inside an ordinary sentence, though neither dictionary has them as a word.
_MEET: Final = frozenset(
    str.split(
        "新能 今创 天能 天新 日上 日久 以岭 建投 电投 上实 上能 可川 快可 好利 会通 会稽 华是 海看 我乐 我武"
        " 达实 一鸣 一博 中一 当升 上大 上港 立高 新美 新天 新元 中力 中能 万和 万德 万东 万凯 万方 均普 能科"
        " 能特 分众 久量 日科 日海 日丰 日盈 日辰 日播 天利 天准 天宜 天健 天永 天奇 三力 三变 三全 双一 百大"
        " 百洋 千红 千方 亿能 亿利 开普 开能 高能 高测 盈新 利和 利民 应流 力合 电连 线上 交易 新高 新低 大有"
        " 大为 有方 如通 如意 同有 同为 同享 再升 必得 久吾 久其 和展 和而 和元 和顺 而泰 元成 元利 元力 元道"
        " 元祖 城投 中证 上证 深证 国证 红利 消费 医疗 芯片 黄金 原油 发展 标准 美丽 春天 应急 立方 长方 高科"
        " 金刚 起步 路通 四通 开元 未名 加加 中路 美联 中密"
    )
)


# The six with which it was tried out, whose old codes the table of today does not tell. Source: BSE, 2025-04-11.
_TRIED: Final = {
    "颖泰生物": "833819",
    "艾融软件": "830799",
    "龙竹科技": "831445",
    "佳先股份": "430489",
    "同享科技": "839167",
    "球冠电缆": "834682",
}


class Fact(NamedTuple):
    symbol: Symbol
    name: str
    was: str = ""


def main(arguments: Sequence[str]) -> int:
    source = Path(arguments[0])
    rows = list(table(source, ALIASES))
    assert not any(sign in cell for row in rows for cell in row for sign in ',"\n')
    SEED.write_text("".join(f"{','.join(row)}\n" for row in (COLUMNS, *rows)), encoding="utf-8", newline="\n")
    print(f"{len(rows)} securities, {sum(bool(row[3]) for row in rows)} with a short form -> {SEED}")
    return 0


def table(source: Path, by_hand: Path) -> Iterable[tuple[str, ...]]:
    """The rows of the seed, the well-known first."""
    with by_hand.open(encoding="utf-8", newline="") as file:
        hand = {Symbol(row["symbol"]): row for row in csv.DictReader(file)}
    facts = {fact.symbol: fact for fact in _facts(source, {symbol: row["name"] for symbol, row in hand.items()})}
    order = [symbol for symbol in hand if symbol in facts] + [symbol for symbol in facts if symbol not in hand]
    words = _words()
    told = {plain(alias) for row in hand.values() for alias in row["aliases"].split("|")}
    unfit = words | _MEET | ORDINARY | ELSEWHERE
    shorts = {
        symbol: [short for short in _shorts(facts[symbol].name, unfit) if short not in told]
        for symbol in order
        if is_share(symbol)
    }
    for symbol in order:
        fact = facts[symbol]
        initials = (
            hand[symbol]["initials"] if symbol in hand and hand[symbol]["initials"] else "|".join(_initials(fact.name))
        )
        others = [form for form in forms(fact.name) if len(form) > 2] if is_share(symbol) else _fund_forms(fact.name)
        # A sentence is read in simplified characters, 昇 as 升.
        others += [form for one in (fact.name, *others) if (form := normal(one)) not in (plain(one), *others)]
        yield (symbol, fact.name, "|".join(others), "|".join(dict.fromkeys(shorts.get(symbol, ()))), initials, fact.was)


def _facts(source: Path, named: Mapping[Symbol, str]) -> Iterable[Fact]:
    """What is listed, under the codes that hold today."""
    with source.open(encoding="utf-8", newline="") as file:
        rows = [(Symbol(row["symbol"]), row["name"]) for row in csv.DictReader(file)]
    later = Counter(_new_code(symbol) for symbol, _ in rows)
    seen = set()
    for old, written in rows:
        new = _new_code(old)
        # Two that end alike have got other codes, which only the exchange's own list tells.
        symbol = new if later[new] == 1 else old
        name = named.get(symbol) or clean_name(written)
        if re.match(r"XD|XR|DR|[NC][\u4e00-\u9fff]", written) and not named.get(symbol):
            raise SystemExit(f"{symbol} {written}: a marked name may be cut; write the whole one into aliases.csv")
        if name.endswith("退") or name.startswith("退市") or symbol[:3] in {"900", "200"}:
            continue
        seen.add(symbol)
        yield Fact(symbol, name, code_of(old) if symbol != old else _TRIED.get(name, ""))
    for symbol, name in named.items():
        if symbol not in seen:
            if not name:
                raise SystemExit(f"{symbol} stands in aliases.csv without a name and is not listed")
            yield Fact(symbol, name)


def _new_code(symbol: Symbol) -> Symbol:
    """Source: BSE, code change of 2025-10-09: the last three digits stay, 920 stands before them."""
    return Symbol(f"920{symbol[3:]}") if symbol.endswith(".BJ") and symbol[:2] in {"43", "83", "87"} else symbol


def _shorts(name: str, unfit: Collection[str]) -> Iterable[str]:
    """What a name may be called in short: without ST, and without a tail that says what the company does."""
    bare = (plain(name), *forms(name))[-1]
    if len(bare) == 2 and bare != plain(name) and bare not in _MEET:
        yield bare
    stem = next((bare.removesuffix(tail) for tail in _TAILS if bare.endswith(tail)), "")
    if len(stem) >= 2 and stem not in unfit:
        yield stem


def _fund_forms(name: str) -> list[str]:
    """沪深300ETF华泰柏瑞 -> 沪深300etf, 300etf"""
    key = plain(name)
    if "etf" not in key:
        return []
    base = key[: key.index("etf") + 3]
    found = [base]
    if number := re.fullmatch(r"(?:中证|沪深|上证|国证|深证)(a?\d+etf)", base):
        found.append(number[1])
    if re.fullmatch(r"a\d+etf", base):
        found.append(f"中证{base}")
    return [form for form in dict.fromkeys(found) if form != key and len(form) > 3]


def _initials(name: str) -> list[str]:
    found = []
    for form in dict.fromkeys((plain(name), *forms(name))):
        letters: list[str] = []
        for char, letter in zip(form, _letters(form), strict=True):
            if char == "行" and "银行" not in form:
                letters.append("hx" if letter == "h" else "xh")
            else:
                letters.append("".join(dict.fromkeys(letter + _READINGS.get(char, ""))))
        readings = itertools.product(*letters)
        found += ["".join(one) for one in itertools.islice(readings, 4)]
    return [
        one
        for one in dict.fromkeys(re.sub(r"[^0-9a-z]", "", one) for one in found)
        if len(one) >= 3 and one[0].isalpha()
    ]


def _letters(text: str) -> list[str]:
    from pypinyin import Style, lazy_pinyin

    # One letter per character: Latin letters and digits stand for themselves.
    return [
        piece[:1]
        for run in re.findall(r"[\u3400-\u9fff]+|.", text)
        for piece in lazy_pinyin(run, style=Style.FIRST_LETTER)
    ]


def _words() -> frozenset[str]:
    spec = find_spec("jieba")
    if spec is None or spec.origin is None:
        raise SystemExit("pip install -c constraints.txt -e '.[seed]'")
    lines = Path(spec.origin).with_name("dict.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line.split(" ", 1)[0] for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
