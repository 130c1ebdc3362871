"""What people ask for that cannot be watched: said plainly, with what comes nearest."""

from __future__ import annotations

import re
from typing import Final

_TRADES: Final = (
    "白酒|银行|券商|证券|保险|医药|半导体|芯片|新能源|光伏|锂电|军工|地产|煤炭|钢铁|有色|消费|汽车|人工智能|科技"
)
_ROWS: Final = (
    ("缩量|地量|量缩", "缩量", "可以盯放量或量比，例如：茅台放量2倍、茅台量比超过3"),
    ("振幅", "振幅", "可以盯涨跌幅或快速涨跌，例如：茅台涨跌3%、茅台5分钟涨1%"),
    (
        r"[连接][续着]?(?:上?涨|下?跌|阳|阴|红|绿|板).{0,4}[天日个根]|[\d一二两三四五六七八九十]+连[阳阴板涨跌]",
        "连涨连跌几天",
        "可以盯新高新低或均线，例如：茅台创5日新高、茅台跌破10日线",
    ),
    (
        rf"板块|概念|行业|(?:{_TRADES})(?:类|龙头)?(?:股|指数)",
        "一个板块或行业",
        "可以把这些股票加入自选，再说“自选股跌3%”；也可以盯一只指数，例如：上证指数跌破3300",
    ),
    ("周线|月线|周k|月k", "周线和月线", "可以用日线和 1、5、15、30、60 分钟线，例如：茅台站上60日线"),
    ("主力|资金流|净流入|净流出|北向|大单|龙虎榜", "资金流向", "可以盯成交额、换手率和量比，例如：茅台成交额超过50亿"),
    ("市盈率|市净率|市值|估值|股息", "估值", "可以盯价格，例如：茅台跌破1400"),
    ("公告|新闻|财报|业绩|研报|利好|利空|分红|消息面", "公告和新闻", "可以盯价格的异动，例如：茅台5分钟涨1%"),
)
_TABLE: Final = tuple((re.compile(written, re.IGNORECASE), what, instead) for written, what, instead in _ROWS)


def beyond(text: str) -> str:
    """Why a sentence that was not understood cannot be watched yet, and what can; empty where nobody knows.

    >>> beyond("茅台缩量提醒我")
    '暂时还不能盯缩量。可以盯放量或量比，例如：茅台放量2倍、茅台量比超过3'
    """
    found = next((row for row in _TABLE if row[0].search(text)), None)
    return "" if found is None else f"暂时还不能盯{found[1]}。{found[2]}"
