"""Sentences that are understood, every one: what ``/help watch`` shows, and what is offered for one that is not."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

SENTENCES: Final[Mapping[str, tuple[str, ...]]] = {
    "价格": ("茅台跌破1400", "茅台涨到1500", "茅台进入1400到1420"),
    "涨跌": ("茅台跌3%", "茅台从开盘涨2%", "茅台5分钟涨1%", "茅台高开2%", "茅台低开2%"),
    "持仓": (
        "茅台止损1380",
        "茅台止盈20%",
        "茅台从高点回落8%",
        "茅台仓位超过30%",
        "茅台浮盈超过5000元",
        "茅台浮亏超过3000元",
    ),
    "均线和新高": ("茅台站上20日均线", "茅台5日线上穿10日线", "茅台创60日新高", "茅台创60日新低"),
    "指标": ("茅台MACD金叉", "茅台15分钟KDJ死叉", "茅台RSI低于20", "茅台触及布林下轨"),
    "量能": ("茅台放量2倍", "茅台成交量超过5日均量的1.5倍", "茅台换手率超过5%", "茅台成交额超过50亿"),
    "涨跌停": ("茅台涨停", "茅台涨停打开", "茅台跌停", "茅台封单减少50%"),
    "账户": ("账户今天亏损超过2%", "总盈亏到5万", "账户回撤超过5%"),
    "一批": ("我的持仓跌3%", "自选股5分钟涨2%", "全市场涨停", "上证指数跌破3300"),
    "同时满足": ("茅台跌破1400并且放量2倍",),
}
MANNERS: Final = (
    "每天一次",
    "只提醒一次",
    "每次都提醒，间隔10分钟",
    "到周五为止",
    "只在持有时提醒",
    "恢复了也告诉我",
    "跌破就买100股",
)
USUAL: Final = ("茅台跌破1400提醒我", "茅台多少钱", "我的持仓")
"""What is offered where nothing is near."""
OTHERS: Final = (
    "茅台跌破1400提醒我，跌破就买100股",
    "平安银行涨到13卖出一半",
    "招商银行止损8个点，到了全部卖出",
    "买100股茅台 价格1400",
    "卖出茅台一半 现价",
    "清仓茅台 现价",
    "全部撤单",
    "茅台撤单",
    "我的委托",
    "茅台多少钱",
    "茅台今天涨了多少",
    "我的持仓",
    "茅台成本多少",
    "茅台可以卖多少股",
    "持仓里哪只亏得最多",
    "持仓里哪只赚得最多",
    "总盈亏",
    "可用资金",
    "总资产",
    "看看茅台日线图",
    "茅台分时图",
    "为什么没提醒我茅台",
    "静音一小时",
    "今天别提醒了",
    "取消静音",
    "以后晚上10点到早上8点免打扰",
    "我的盯盘任务",
    "暂停3",
    "恢复3",
    "删除3",
    "把3改成1380",
    "把茅台加入自选",
    "从自选删除茅台",
    "我的自选股",
)
"""Everything that is no watch, and watches with a trade."""
_SAME: Final = re.compile(
    "(?:[零一二两三四五六七八九十百千万亿](?!半))+|[\\d.%％]+|茅台|平安银行|招商银行|股票|提醒我?|帮我|请|一下|的话|时候|我的?|以上|以下|一声|[了吗吧呢就的个只不在有是要]|今天|现在|这会儿"
)
"""What says nothing of what is wanted."""
_SYNONYMS: Final = (
    (re.compile("掉|落|低于|以下|下跌"), "跌破"),
    (re.compile("冲|升|高于|以上|上涨"), "涨到"),
    (re.compile("抛|出掉|出手|割肉|离场|减仓|走人|甩"), "卖出"),
    (re.compile("建仓|加仓|抄底|上车|进场|补仓|整点|来点"), "买"),
    (re.compile("价格|现价|几块|报价|啥价|股价"), "多少钱"),
    (re.compile("赔|亏"), "亏得最多 盈亏"),
    (re.compile("赚|盈利|收益"), "赚得最多 盈亏"),
    (re.compile("吵|闭嘴|安静|别响|消停"), "静音别提醒"),
    (re.compile("钱|余额|现金"), "资金"),
    (re.compile("走势|曲线|k线|K线"), "日线图"),
)
"""Words that people use, with those of the examples."""


FAR: Final = 0.4
"""Of the score of the nearest one: what has less is no neighbour."""


def nearest(text: str, most: int = 3) -> tuple[str, ...]:
    """The examples that have most in common with a sentence; rare words count more. Usual ones where nothing is near.

    >>> nearest("茅台金叉的时候买点啥好")[0], nearest("把茅台给我抛了")[0]
    ('茅台MACD金叉', '卖出茅台一半 现价')
    """
    weights, known = _weights()
    wanted = set(_pieces(_spoken(text)))
    scores = {
        example: sum(weights[piece] for piece in wanted & pieces) / math.sqrt(len(pieces))
        for example, pieces in known.items()
    }
    near = sorted(scores, key=lambda one: -scores[one])[:most]
    return tuple(one for one in near if scores[one] > scores[near[0]] * FAR) or USUAL


def _spoken(text: str) -> str:
    for written, meant in _SYNONYMS:
        text = written.sub(lambda match, meant=meant: f"{match[0]} {meant} ", text)  # type: ignore[misc]
    return text


def _pieces(text: str) -> Iterator[str]:
    """One, two and three characters that stand together, without what every sentence has and letters alone."""
    for part in _SAME.sub(" ", text.lower()).split():
        for size in (1, 2, 3):
            pieces = (part[at : at + size] for at in range(len(part) - size + 1))
            yield from (piece for piece in pieces if size > 1 or not piece.isascii())


@cache
def _weights() -> tuple[Mapping[str, float], Mapping[str, frozenset[str]]]:
    """How telling each piece is, and the pieces of each example."""
    sentences = (*(one for group in SENTENCES.values() for one in group), *OTHERS)
    known = {one: frozenset(_pieces(one)) for one in sentences}
    seen = Counter(piece for pieces in known.values() for piece in pieces)
    return Counter({piece: math.log(len(known) / count) * len(piece) for piece, count in seen.items()}), known
