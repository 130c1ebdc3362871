"""Slots: the names of the figures that a pack may hold, what they are called, and how they are shown.

A slot keeps its name and its meaning: prompts, stored packs and the rules of the scripted model refer to it.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from core.figures import Unit
from core.market import board_of, tick
from core.pack import ACCOUNT, Given
from core.types import FEN, Symbol
from core.zones import Missing

RISES: Final = ("涨跌幅", "涨幅", "跌幅", "上涨", "下跌", "涨", "跌")
GAINS: Final = ("盈亏", "浮盈", "浮亏", "盈利", "亏损", "赚", "亏")


class Slot(NamedTuple):
    """What is always the same of a figure; for the rest see :class:`core.pack.Given`.

    Attributes:
        digits: behind the point.
    """

    label: str
    unit: Unit
    words: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    digits: int = 2
    signed: bool = False
    rough: bool = False
    of: str = ""


def _average(length: int) -> Slot:
    return Slot(f"MA{length}", Unit.PRICE, (f"{length}日均线", f"{length}日线", f"{length}日均价"))


def _strength(length: int) -> Slot:
    return Slot(f"RSI{length}", Unit.POINTS, (f"RSI({length})", f"{length}日RSI"))


def _extreme(length: int, word: str, short: str) -> Slot:
    days = f"{length}日"
    words = (f"{days}{word}", f"近{days}{word}价", f"{days}{short}", f"近{days}{short}")
    return Slot(f"{days}{word}价", Unit.PRICE, words, digits=3)


def _change(length: int) -> Slot:
    named = tuple(f"{length}日{word}" for word in RISES[:3])
    span = (*named, f"近{length}日", f"近{length}个交易日", f"最近{length}日")
    return Slot(span[0], Unit.PERCENT, (*span[1:], *RISES), span, signed=True)


def _distance(line: str, days: str) -> Slot:
    words = tuple(f"{way}{name}" for way in ("比", "较", "相对", "偏离", "距", "距离") for name in (line, days))
    return Slot(f"现价比{line}", Unit.PERCENT, (f"现价比{days}", *words), signed=True)


SLOTS: Final[dict[str, Slot]] = {
    # the quote
    "price": Slot("现价", Unit.PRICE, ("最新价", "当前价", "当前股价", "目前股价", "股价", "最新股价"), digits=3),
    "preclose": Slot("昨收", Unit.PRICE, ("昨收价", "昨日收盘价", "昨日收盘", "前收盘价"), digits=3),
    "open": Slot("今开", Unit.PRICE, ("开盘价", "今日开盘价", "今日开盘"), digits=3),
    "high": Slot("最高价", Unit.PRICE, ("今日最高价", "今日最高", "日内最高价", "日内高点", "盘中高点"), digits=3),
    "low": Slot("最低价", Unit.PRICE, ("今日最低价", "今日最低", "日内最低价", "日内低点", "盘中低点"), digits=3),
    "change": Slot("涨跌额", Unit.YUAN, signed=True),
    "change_percent": Slot("涨跌幅", Unit.PERCENT, ("今日涨跌幅", *RISES[1:]), signed=True),
    "amplitude": Slot("振幅", Unit.PERCENT, ("今日振幅",)),
    "volume": Slot("成交量", Unit.SHARES, ("今日成交量",), digits=0, rough=True),
    "amount": Slot("成交额", Unit.YUAN, ("今日成交额", "成交金额"), rough=True),
    "turnover": Slot("换手率", Unit.PERCENT, ("换手",)),
    "vwap": Slot("今日均价", Unit.PRICE, ("当日均价", "分时均价", "均价线", "VWAP")),
    "bid": Slot("买一价", Unit.PRICE, ("买一",), digits=3),
    "ask": Slot("卖一价", Unit.PRICE, ("卖一",), digits=3),
    "sealed_shares": Slot("封单", Unit.SHARES, ("封单量",), digits=0, rough=True),
    "upper": Slot("涨停价", Unit.PRICE, ("涨停价格",), digits=3),
    "lower": Slot("跌停价", Unit.PRICE, ("跌停价格",), digits=3),
    "to_upper": Slot("距涨停", Unit.PERCENT, ("距涨停价", "距离涨停", "距离涨停价", "离涨停", "离涨停价")),
    "to_lower": Slot("距跌停", Unit.PERCENT, ("距跌停价", "距离跌停", "距离跌停价", "离跌停", "离跌停价")),
    # the daily bars
    **{f"ma{length}": _average(length) for length in (5, 10, 20, 30, 60, 120, 250)},
    "price_vs_ma20": _distance("MA20", "20日均线"),
    "price_vs_ma60": _distance("MA60", "60日均线"),
    "macd_dif": Slot("DIF", Unit.POINTS, ("MACD的DIF", "DIF线", "MACD快线"), digits=3),
    "macd_dea": Slot("DEA", Unit.POINTS, ("MACD的DEA", "DEA线", "MACD慢线"), digits=3),
    "macd_bar": Slot("MACD柱", Unit.POINTS, ("MACD", "MACD柱状线", "MACD红柱", "MACD绿柱", "红柱", "绿柱"), digits=3),
    **{f"rsi{length}": _strength(length) for length in (6, 12, 24)},
    "kdj_k": Slot("K值", Unit.POINTS, ("KDJ的K值", "KDJ的K")),
    "kdj_d": Slot("D值", Unit.POINTS, ("KDJ的D值", "KDJ的D")),
    "kdj_j": Slot("J值", Unit.POINTS, ("KDJ的J值", "KDJ的J")),
    "boll_upper": Slot("布林上轨", Unit.PRICE, ("布林线上轨", "布林带上轨", "BOLL上轨", "上轨")),
    "boll_mid": Slot("布林中轨", Unit.PRICE, ("布林线中轨", "布林带中轨", "BOLL中轨", "中轨")),
    "boll_lower": Slot("布林下轨", Unit.PRICE, ("布林线下轨", "布林带下轨", "BOLL下轨", "下轨")),
    "atr14": Slot("ATR14", Unit.PRICE, ("ATR", "ATR(14)", "平均真实波幅")),
    "volume_ratio": Slot("量比", Unit.TIMES),
    "high20": _extreme(20, "最高", "高点"),
    "low20": _extreme(20, "最低", "低点"),
    "high60": _extreme(60, "最高", "高点"),
    "low60": _extreme(60, "最低", "低点"),
    "change5": _change(5),
    "change20": _change(20),
    # the position
    "held": Slot("持仓", Unit.SHARES, ("持有", "持股", "持仓数量", "持股数"), digits=0),
    "sellable": Slot("可卖", Unit.SHARES, ("可卖数量", "可卖股数", "今日可卖", "可卖出"), digits=0),
    "locked": Slot("不可卖", Unit.SHARES, ("今日不可卖", "暂不可卖"), digits=0),
    "bought_today": Slot("今日买入", Unit.SHARES, ("今天买入", "今日已买"), digits=0),
    "cost": Slot("成本价", Unit.PRICE, ("成本", "持仓成本", "持仓成本价"), digits=3),
    "position_value": Slot("持仓市值", Unit.YUAN, ("市值",)),
    "profit": Slot("浮动盈亏", Unit.YUAN, GAINS, signed=True),
    "profit_percent": Slot("盈亏比例", Unit.PERCENT, ("盈亏率", "收益率", *GAINS), signed=True),
    "weight": Slot("仓位", Unit.PERCENT, ("占总资产", "仓位占比", "持仓占比")),
    "most": Slot("最多可买", Unit.SHARES, ("最多还能买", "还能买", "最多能买"), digits=0),
    # the account
    "cash": Slot("可用资金", Unit.YUAN, ("可用现金", "账户可用资金"), of=ACCOUNT),
    "total": Slot("总资产", Unit.YUAN, ("账户总资产",), of=ACCOUNT),
    "room": Slot("剩余买入额度", Unit.YUAN, ("买入额度", "剩余额度"), of=ACCOUNT),
    # the alert that it is about
    "alert_price": Slot("提醒时价格", Unit.PRICE, ("触发时价格", "提醒价"), digits=3),
    "alert_percent": Slot("提醒时涨跌幅", Unit.PERCENT, ("触发时涨跌幅",), signed=True),
}
"""Beside them there are those of the indexes (:func:`index_slots`) and of the watches (:func:`watch_slot`)."""


def index_slots(prefix: str, name: str, symbol: Symbol) -> dict[str, Slot]:
    """``index_last``, ``index_change``: a text calls them by the name of the index and these words."""
    return {
        f"{prefix}_last": Slot(f"{name}点位", Unit.POINTS, ("点位", "指数点位"), of=symbol),
        f"{prefix}_change": Slot(f"{name}涨跌幅", Unit.PERCENT, RISES, signed=True, of=symbol),
    }


def watch_slots(number: int, place: int) -> dict[str, Slot]:
    """``watch3_1``, ``watch3_1_gap``: a price of a watch, and how far the price is from it.

    Args:
        place: which of its prices, from 1.
    """
    name = f"盯盘#{number}触发价" + (f"{place}" if place > 1 else "")
    return {
        f"watch{number}_{place}": Slot(name, Unit.PRICE, digits=3),
        f"watch{number}_{place}_gap": Slot(f"距{name}", Unit.PERCENT, (f"距离{name}",), signed=True),
    }


def given(
    name: str, value: Decimal | int | Missing, slot: Slot | None = None, *, counter: str = "", digits: int | None = None
) -> Given:
    """A figure, rounded as it is shown; or that it is missing, and why.

    Args:
        digits: in place of those of the slot, for a price that was reckoned out.
    """
    kind = slot or SLOTS[name]
    places = kind.digits if digits is None else digits
    return Given(
        name=name,
        label=kind.label,
        value=None if isinstance(value, Missing) else _rounded(Decimal(value), places),
        unit=kind.unit,
        words=kind.words,
        when=kind.when,
        signed=kind.signed,
        rough=kind.rough,
        counter=counter,
        why=value.what if isinstance(value, Missing) else "",
        of=kind.of,
    )


def digits_of(symbol: Symbol) -> int:
    """Behind the point of a price of it.

    >>> digits_of(Symbol("600519.SH")), digits_of(Symbol("510300.SH"))
    (2, 3)
    """
    return 3 if tick(board_of(symbol)) < FEN else 2


def _rounded(value: Decimal, digits: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP) + 0  # there is no -0.00
