"""How each kind of condition is said: one row per way of saying it, tried from top to bottom.

To teach a new phrase, add a row (or a word to one of the word lists above the table) and a sentence with what it means
to ``tests/evals/sentences.jsonl``. Rows that are more exact stand above rows that would also match a part of them.
"""

# ruff: noqa: E501 - a way of speaking stays on one line; Chinese counts double
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from bot.language.marks import Marked, pattern
from bot.language.request import Direction, Draft
from core.types import Symbol

Side = Literal["up", "down", "reach"]


class Found(NamedTuple):
    """Conditions read at one place; several where one phrase means several (leaving a range)."""

    start: int
    end: int
    drafts: tuple[Draft, ...]


class _Hit(NamedTuple):
    match: re.Match[str]
    sentence: Marked

    def number(self, group: str = "v") -> Decimal:
        return self.sentence.figures[self.match[group]].value

    def unit(self, group: str = "v") -> str:
        return self.sentence.figures[self.match[group]].unit

    def is_percent(self, group: str = "v") -> bool:
        """成 and points of a share count as percent; points of an index are a level."""
        return self.unit(group) in ("pct", "tenths") or (
            self.unit(group) == "point" and not self.sentence.is_index() and self.number(group) <= 30
        )

    def seconds(self, group: str) -> int:
        return self.sentence.moments[self.match[group]].seconds


_Build = Callable[[_Hit], tuple[Draft, ...] | None]

# --- words ---

_ADVERB = "(?:一(?![旦])|又|再次?|一旦|突然|如果|要是|只要|万一|快速|直接|有效)*"
_DID = "(?:了|过)?(?:到|至)?了?"
_UP = (
    rf"(?:{_ADVERB}(?:上?涨|升|冲|拉升?|反弹|弹|摸高?|爬|飙升?|拉抬|回升|回涨|站回?|上|走高|摸|打)(?:回|到|至|破|过|穿|上|稳|超过?|高到|高过|回到)+了?"
    r"|上(?=<price>)|(?:有效|放量|向上|一举)?突破了?|上破|上穿|破位上行|收复|(?:不)?(?:高|大|多)(?:于|过)|不低于|不小于|超过?了?|(?<![低少小跌])过了?|[>≥]=?|越过|上看)"
)
_DOWN = (
    rf"(?:{_ADVERB}(?:下?跌|掉|降|落|回落|回调|回踩|回撤|下探|探|下挫|下滑|滑|砸|杀|跳水|跌落|下|缩|走低|下行|回吐)(?:回|到|至|破|穿|下|低到|低过|回到|下到)+了?"
    r"|(?:有效|放量|向下)?跌破了?|失守了?|跌穿了?|击穿了?|下破|下穿|(?:低|小|少)(?:于|过)|不高于|不大于|不到|不足|[<≤]=?|破位)"
)
_REACH = r"(?:一?到达?了?|达到了?|触及了?|碰到了?|摸到了?|触到|等于|到价|来到了?|回到了?|变成|为|破了?|=|见)"
_PRICE_NOUN = "(?:股?价格?|现价|最新价|价位|点位|指数|收盘价?)?(?:一?旦|如果|要是)?"
_NEAR = "(?:附近|左右|上下|一线|大?关口?|整数关口?|整|的?价位|的价格|这个?价格?|位置)?"
_ABOVE_TAIL = "(?:及?以上|上方|之上|往上|朝上)"
_BELOW_TAIL = "(?:及?以下|下方|之下|往下|朝下|以内)"

_PCT_UP = "(?:涨幅|上?涨|升幅?|拉升|反弹|拉高|冲高|飙升?|大涨|暴涨|急涨|走高|上升|高开)"
_PCT_DOWN = "(?:跌幅|下?跌|回落|回调|下挫|跳水|大跌|暴跌|急跌|走低|下降|(?<![卖抛减清出])掉|缩水|杀跌|低开)"
_PCT_EITHER = "(?:涨跌幅?|涨幅?或者?跌幅?|波动幅?度?|振荡|震荡|上下波动|上下|异动|变动|涨或跌|涨或者跌)"
_PCT_MUCH = "(?:度)?(?:了|幅)?(?:达到了?|达|超过了?|超出|超|大于|高于|突破|到了?|至|有|过了?|够|满|至少|不低于|[>≥]=?|在|掉|去)?了?"
_PCT_TAIL = "(?:及?以上|及以上|之多|多)?"
_REF = (
    r"(?P<ref>从?现在(?:起|开始|的?价格?|这个价)?(?:算起?|开始)?|从?(?:现价|当前价格?|这个价[格位]?|这里|这个位置|当前位置|目前价?格?)(?:起|开始|算起?|往上|往下)*|(?:比|较|相对)(?:现价|现在|当前价?格?|目前)"
    r"|在(?:现价|现在|当前价)(?:的?基础上)?|再|(?:比|较|从|相对|相比|对比)?(?:今天|今日|今)?的?开盘(?:价格?)?(?:以?后|以来|起|算起?)?|(?:比|较|从|对比)今开"
    r"|(?:比|较|从|相对|相比|按|跟)?(?:于)?(?:我的?|持仓|持股)?(?:的)?(?:成本|买入|持仓成本|买的|进货|建仓)(?:价格?|线|时候?|的时候)?(?:之?上|基础上|算|来算|起)?"
    r"|(?:比|较)我买的?(?:时候?|价格?)?"
    r"|(?:比|较)(?:<day>|昨|前一天|上一交易日)(?:的?收盘价?|收价?|收)?|(?:今天|今日|当天|当日|日内|全天|单日|盘中?)(?:内|里)?)?(?:又|再)?(?:如果|要是|一旦|累计|继续|接着|往上|往下|最多|至少)*"
)


def _reference(text: str | None) -> Literal["open", "cost", "last"] | None:
    if not text:
        return None
    if "开" in text and "现" not in text and not text.startswith(("从这", "从当", "从目")):
        return "open"
    if "成本" in text or "买" in text or "进货" in text or "建仓" in text:
        return "cost"
    if "现" in text or "当前" in text or "这" in text or "目前" in text or text == "再":
        return "last"
    return None


# --- what a row builds ---


def _price(side: Side) -> _Build:
    kinds: Mapping[Side, Literal["price_above", "price_below", "price_reach"]] = {
        "up": "price_above",
        "down": "price_below",
        "reach": "price_reach",
    }

    def build(hit: _Hit) -> tuple[Draft, ...] | None:
        if hit.is_percent():
            value = abs(hit.number())
            if side == "reach":
                return None
            return (Draft(kind="pct_up" if side == "up" else "pct_down", value=value, unit="pct"),)
        return (Draft(kind=kinds[side], value=hit.number(), unit="yuan"),)

    return build


def _percent(side: Literal["up", "down"], reference: Literal["cost", "last"] | None = None) -> _Build:
    def build(hit: _Hit) -> tuple[Draft, ...] | None:
        if not hit.is_percent():
            return None
        said = reference or _reference(hit.match.groupdict().get("ref"))
        kind: Literal["pct_up", "pct_down"] = "pct_up" if side == "up" else "pct_down"
        return (Draft(kind=kind, value=abs(hit.number()), unit="pct", reference=said),)

    return build


def _percent_either(hit: _Hit) -> tuple[Draft, ...] | None:
    if not hit.is_percent():
        return None
    said = _reference(hit.match.groupdict().get("ref"))
    value = abs(hit.number())
    return (
        Draft(kind="pct_up", value=value, unit="pct", reference=said),
        Draft(kind="pct_down", value=value, unit="pct", reference=said),
    )


def _signed_percent(hit: _Hit) -> tuple[Draft, ...] | None:
    """涨跌幅到 -3 % says its side with the sign."""
    if not hit.is_percent() or hit.number() >= 0:
        return None
    return (Draft(kind="pct_down", value=-hit.number(), unit="pct"),)


def _unsaid(kind: Literal["pct_up", "pct_down", "stop_loss", "take_profit"]) -> _Build:
    """The direction was said and the number was not: it is asked for."""
    return lambda _hit: (Draft(kind=kind),)


def _bare_move(side: Literal["up", "down"]) -> _Build:
    """``跌1400``: a price where it cannot be a percent, else nobody knows which."""

    def build(hit: _Hit) -> tuple[Draft, ...] | None:
        if hit.unit() == "" and hit.number() >= 50:
            return (Draft(kind="price_above" if side == "up" else "price_below", value=hit.number(), unit="yuan"),)
        if hit.unit() == "":
            return (Draft(kind="pct_up" if side == "up" else "pct_down"),)
        return None

    return build


def _exit(kind: Literal["take_profit", "stop_loss"]) -> _Build:
    def build(hit: _Hit) -> tuple[Draft, ...] | None:
        if hit.is_percent():
            return (Draft(kind=kind, value=abs(hit.number()), unit="pct", reference="cost"),)
        return (Draft(kind=kind, value=hit.number(), unit="yuan"),)

    return build


def _at_cost(kind: Literal["price_above", "price_below"]) -> _Build:
    return lambda _hit: (Draft(kind=kind, unit="yuan", reference="cost"),)


def _range(hit: _Hit) -> tuple[Draft, ...] | None:
    return (Draft(kind="enter_range", low=hit.number("low"), high=hit.number("high"), unit="yuan"),)


def _leave(hit: _Hit) -> tuple[Draft, ...] | None:
    return (
        Draft(kind="price_below", value=hit.number("low"), unit="yuan"),
        Draft(kind="price_above", value=hit.number("high"), unit="yuan"),
    )


def _limit(kind: Literal["limit_up", "limit_down"], event: Literal["hit", "open"]) -> _Build:
    return lambda _hit: (Draft(kind=kind, event=event),)


def _any_limit(_hit: _Hit) -> tuple[Draft, ...] | None:
    return Draft(kind="limit_up", event="hit"), Draft(kind="limit_down", event="hit")


def _speed(direction: Direction) -> _Build:
    def build(hit: _Hit) -> tuple[Draft, ...] | None:
        if not hit.is_percent():
            return None
        found = hit.match.groupdict().get("t")
        return (
            Draft(
                kind="speed",
                value=abs(hit.number()),
                unit="pct",
                direction=direction,
                period_s=hit.seconds("t") if found else None,
            ),
        )

    return build


def _trailing(hit: _Hit) -> tuple[Draft, ...] | None:
    return (Draft(kind="trailing_stop", value=abs(hit.number()), unit="pct"),) if hit.is_percent() else None


def _volume(hit: _Hit) -> tuple[Draft, ...] | None:
    groups = hit.match.groupdict()
    days = hit.seconds("m") if groups.get("m") else None
    value = hit.number() if groups.get("v") else None
    return (Draft(kind="volume_ratio", value=value, unit=None if value is None else "x", base_days=days),)


def _double_volume(hit: _Hit) -> tuple[Draft, ...] | None:
    days = hit.seconds("m") if hit.match.groupdict().get("m") else None
    return (Draft(kind="volume_ratio", value=Decimal(2), unit="x", base_days=days),)


def _average(direction: Direction) -> _Build:
    return lambda hit: (Draft(kind="ma_cross", ma=hit.seconds("m"), direction=direction),)


def _averages(direction: Direction) -> _Build:
    def build(hit: _Hit) -> tuple[Draft, ...] | None:
        first, second = hit.seconds("a"), hit.seconds("b")
        # 10日线下穿... said of the longer line is the shorter one going up; 5日线和10日线金叉 has no first.
        fast, slow = (first, second) if first < second else (second, first)
        turned: Direction = (
            direction if first < second or "和" in hit.match[0] or "与" in hit.match[0] else _OPPOSITE[direction]
        )
        return (Draft(kind="ma_cross", fast=fast, slow=slow, direction=turned),)

    return build


_OPPOSITE: Final[Mapping[Direction, Direction]] = {"up": "down", "down": "up", "either": "either"}
_INDICATOR: Final[Mapping[str, Literal["macd", "kdj", "rsi", "boll"]]] = {
    "macd": "macd", "kdj": "kdj", "rsi": "rsi", "boll": "boll", "布": "boll", "保": "boll", "指": "macd", "随": "kdj", "相": "rsi",
}  # fmt: skip


def _indicator(event: Literal["golden_cross", "dead_cross", "above", "below", "touch_upper", "touch_lower"]) -> _Build:
    def build(hit: _Hit) -> tuple[Draft, ...] | None:
        said = hit.match["name"]
        name = _INDICATOR.get(said) or _INDICATOR[said[0]]
        value = hit.number() if hit.match.groupdict().get("v") else None
        return (Draft(kind="indicator", name=name, event=event, value=value),)

    return build


_JOIN = "(?:到|至|-|和|与|跟|、)"
_IN = "(?:进入?到?了?|回到了?|落入|落到|跌入|跌到|涨到|走到|运行到|来到|处于|介于|位于|在|到了?|跌回|涨进|跌进|站在|回落到|回调到|徘徊在)?"
_WITHIN = "(?:之?间|这?个?的?价?格?区间|这?个?的?范围)(?:之?内|里面?|之?间)?|内|之内|里"
_TWO = rf"(?P<low><price>){_JOIN}(?P<high><price>)"
_NAME = "(?:触及|碰到?|触碰|突破|跌破|到达?|摸到?|站上|打到|涨到|涨破|上穿|下穿|跌到|触到?|回到)?了?(?P<name>macd|kdj|rsi|boll|布林带?线?|保利加通道|指数平滑|随机指标|相对强弱)(?:指标|值|线|的?[jkd]值?)*(?:日线|周线|的|出现了?|形成了?|发生了?|产生|走出|来个|,|一旦)*"
_COST = "(?:我的?)?(?:持仓|持股|买入)?的?(?:成本(?:价格?|线)?|买入价格?|建仓价|买的价格?)"
_HIGH = "(?:从|自|离|距|较|比)?(?:我的?)?(?:持有期?间?的?|阶段|盘中|日内|今天|近期|期间)?(?:最高(?:点|价|位|处)?|高点|高位|峰值|顶部?|前高)(?:算起?|起|往下|开始|处|位置)*"
_STOP_SET = "(?:的)?(?:目标)?(?:价格?|价位|位|线|点位?|幅度?|比例)?(?:先)?(?:设置?|定|放|改|调|挂|摆)?(?:在|为|到|成|是|:|=|个)*(?:成本的?|亏损?|亏|跌|赚|涨)?(?:到|了|过|破)*"

_ROWS: Final[tuple[tuple[str, _Build], ...]] = (
    # trailing stop
    (
        rf"{_HIGH}(?:回落|回撤|下跌|回调|跌|掉|下来|回吐|缩水)(?:幅度)?(?:超过|达到|达|到|超|满|掉)?了?(?P<v><percent>)(?:以上)?(?:就?(?:止盈|止损))?",
        _trailing,
    ),
    (
        r"(?:移动|跟踪|追踪|浮动|动态|跟随|回撤)(?:式)?(?:止损|止盈)(?:线|比例|幅度|位)?(?:设置?|定|为|在|到|成|是|:|个)*(?P<v><percent>)",
        _trailing,
    ),
    (r"(?P<v><percent>)的?(?:移动|跟踪|追踪|浮动|动态|回撤|跟随)(?:止损|止盈)", _trailing),
    (r"(?:冲高)?(?:回撤|回吐)(?:幅度)?(?:超过|达到|达|到|超)?了?(?P<v><percent>)(?:以上)?", _trailing),
    (r"冲高回落(?:超过|达到|达|到|超)?了?(?P<v><percent>)(?:以上)?", _trailing),
    # speed
    (
        rf"(?P<t><dur>)(?:之?内|以内|里面?|时间内?)?(?:快速|急速|突然|累计|连续)*{_PCT_EITHER}{_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}",
        _speed("either"),
    ),
    (
        rf"(?P<t><dur>)(?:之?内|以内|里面?|时间内?)?(?:快速|急速|突然|累计|连续|直线|涨速)*{_PCT_UP}{_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}",
        _speed("up"),
    ),
    (
        rf"(?P<t><dur>)(?:之?内|以内|里面?|时间内?)?(?:快速|急速|突然|累计|连续|直线)*{_PCT_DOWN}{_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}",
        _speed("down"),
    ),
    (rf"(?P<t><dur>)(?:之?内|的)?涨速{_PCT_MUCH}(?P<v><percent>)", _speed("up")),
    (rf"(?P<t><dur>)(?:之?内|的)?跌速{_PCT_MUCH}(?P<v><percent>)", _speed("down")),
    (rf"{_PCT_UP}{_PCT_MUCH}(?P<v><percent>)(?:以上)?[,(]?(?:在)?(?P<t><dur>)(?:之?内|以内)\)?", _speed("up")),
    (rf"{_PCT_DOWN}{_PCT_MUCH}(?P<v><percent>)(?:以上)?[,(]?(?:在)?(?P<t><dur>)(?:之?内|以内)\)?", _speed("down")),
    # indicators and averages
    (rf"{_NAME}(?:金叉|黄金交叉|上穿)了?", _indicator("golden_cross")),
    (rf"{_NAME}(?:死叉|死亡交叉|下穿)了?", _indicator("dead_cross")),
    (
        rf"{_NAME}(?:触及|碰到?|触碰|突破|到达?|摸到?|站上|打到|涨到|涨破|上穿|触到?)?了?(?:布林带?)?的?上(?:轨|沿|限)道?",
        _indicator("touch_upper"),
    ),
    (
        rf"{_NAME}(?:触及|碰到?|触碰|跌破|到达?|摸到?|跌到|打到|下穿|触到?)?了?(?:布林带?)?的?下(?:轨|沿|限)道?",
        _indicator("touch_lower"),
    ),
    (
        r"(?:触及|碰到?|触碰|突破|到达?|摸到?|站上|打到|涨到|涨破|上穿|触到?)了?(?P<name>boll|布林带?线?)的?上(?:轨|沿)",
        _indicator("touch_upper"),
    ),
    (
        r"(?:触及|碰到?|触碰|跌破|到达?|摸到?|跌到|打到|下穿|触到?)了?(?P<name>boll|布林带?线?)的?下(?:轨|沿)",
        _indicator("touch_lower"),
    ),
    (rf"{_NAME}(?:<num>)?{_UP}(?P<v><num>)(?:以上)?", _indicator("above")),
    (rf"{_NAME}(?:<num>)?{_DOWN}(?P<v><num>)(?:以下)?", _indicator("below")),
    (r"(?P<a><ma>)(?:和|与|跟|向上)?(?:上穿|上破|突破|站上|超过|金叉)了?(?P<b><ma>)", _averages("up")),
    (r"(?P<a><ma>)(?:和|与|跟|向下)?(?:下穿|跌破|下破|死叉)了?(?P<b><ma>)", _averages("down")),
    (r"(?P<a><ma>)(?:和|与|跟|、)(?P<b><ma>)(?:出现|形成|发生)?(?:金叉|黄金交叉)", _averages("up")),
    (r"(?P<a><ma>)(?:和|与|跟|、)(?P<b><ma>)(?:出现|形成|发生)?(?:死叉|死亡交叉)", _averages("down")),
    # volume
    (
        r"量比(?:值)?(?:超过|大于|高于|达到|达|到|上|超|突破|过|[>≥]=?)?了?(?P<v><num>|<times>|<point>)(?:以上|倍)?",
        _volume,
    ),
    (
        r"(?:成交量|量能|交易量|量)(?:放大|超过|达到|大于|是|突破|放)*了?(?:到)?(?P<m><ma>)(?:成交量|均量)?的?(?P<v><times>|<num>)(?:以上)?",
        _volume,
    ),
    (
        r"(?:成交量|量能|交易量)(?:突然|明显)?(?:放大|超过|达到|放出|翻|到|增加|放)*了?(?:平时|平均|前一天|昨天|<day>|均量|往常)?的?(?P<v><times>)(?:以上)?",
        _volume,
    ),
    (
        r"(?:突然)?放(?:巨|大|天)?量(?:超过|达到|到|至|上涨|上攻|下跌)?了?(?:平时|<ma>)?的?(?P<v><times>)(?:以上)?",
        _volume,
    ),
    (
        r"(?:成交量|量能|交易量)(?:超过|大于|放大到|突破)(?P<m><ma>)",
        lambda hit: (Draft(kind="volume_ratio", base_days=hit.seconds("m")),),
    ),
    (r"(?:成交量|量能)(?:翻倍|翻番|翻一番|放大一倍|增加一倍)", _double_volume),
    (r"(?:突然|明显)?(?:放(?:出)?(?:巨|大|天)?量|成交量?(?:突然|明显)?放大|量能放大|爆量|巨量)", _volume),
    (
        r"(?:跌破|跌穿|失守|下穿|击穿|掉到?|(?<!突)破|跌到|跌回|回踩|失去|低于|跌下|回落到|下破|跌落)了?(?P<m><ma>)(?:以下|下方|下面|之下)?",
        _average("down"),
    ),
    (
        r"(?:站回?上|突破|上穿|站稳|收复|涨破|升破|重返|重新站上|涨到|涨过|上破|升穿|冲上|回到|站到|高于|越过|过)了?(?P<m><ma>)(?:以上|上方|上面|之上)?",
        _average("up"),
    ),
    (r"(?:穿越|穿过|触及|碰到|摸到|到达?|穿)了?(?P<m><ma>)", _average("either")),
    # range
    (rf"(?:跌出|离开|脱离|超出|走出|跳出|不在|突破|出了?|超过){_TWO}(?:{_WITHIN}|元)*", _leave),
    (rf"{_PRICE_NOUN}{_IN}{_TWO}(?:{_WITHIN})", _range),
    (rf"(?:进入?到?了?|回到了?|落入|落到|跌入|处于|介于|位于|在|运行到|回落到|跌进)(?:价格)?(?:区间)?{_TWO}", _range),
    (rf"(?:价格)?区间:?{_TWO}", _range),
    # limit up and down
    (r"涨跌停板?了?", _any_limit),
    (
        r"涨停板?(?:被|又|一旦|要是|如果)?(?:打开|开板|开了|炸了?板?|破了?|松动|撬开|掀开|没封住|封不住)了?|炸板了?|开板了?|(?:打开|撬开|炸开)涨停板?",
        _limit("limit_up", "open"),
    ),
    (
        r"跌停板?(?:被|又|一旦|要是|如果)?(?:打开|开板|开了|撬开?板?|破了?|松动|掀开|翘开|翘板)了?|[撬翘]板了?|(?:打开|撬开|翘开)跌停板?",
        _limit("limit_down", "open"),
    ),
    (
        r"(?:触及|封住?死?|打到|碰到?|摸到?|达到|到|冲击?|冲上|涨到|封上|触到?|上)?了?涨停板?(?!价|板)(?:封住|封死|封板)?了?",
        _limit("limit_up", "hit"),
    ),
    (r"(?:触及|打到|碰到|摸到|达到|到|涨到)了?涨停价", _limit("limit_up", "hit")),
    (r"(?:触及|打到|碰到|摸到|达到|到|跌到)了?跌停价", _limit("limit_down", "hit")),
    (r"封板了?", _limit("limit_up", "hit")),
    (
        r"(?:触及|封住?死?|打到|碰到?|摸到?|达到|到|砸到|跌到|封上|触到?|上)?了?跌停板?(?!价|板)(?:封住|封死)?了?",
        _limit("limit_down", "hit"),
    ),
    # the average cost
    (
        rf"(?:跌破|低于|跌到|跌回到?|失守|跌穿|掉到|掉回|回落到|跌下|破|掉下|跌至|击穿)了?{_COST}(?P<v><pct>|<tenths>)",
        _percent("down", "cost"),
    ),
    (rf"(?:涨过|高于|超过|突破|高出|涨破|超出){_COST}(?P<v><pct>|<tenths>)", _percent("up", "cost")),
    (rf"{_COST}(?:价)?(?:下方|以下|之下|下面)(?P<v><pct>|<tenths>)", _percent("down", "cost")),
    (rf"{_COST}(?:价)?(?:上方|以上|之上|上面)(?P<v><pct>|<tenths>)", _percent("up", "cost")),
    (
        rf"(?:跌破|低于|跌到|跌回到?|失守|跌穿|掉到|掉回|回落到|跌下|破|掉下|跌至|击穿)了?{_COST}(?:以下|下方)?(?!<pct>)",
        _at_cost("price_below"),
    ),
    (
        rf"(?:回到|涨回到?|涨到|涨过|高于|突破|站上|超过|反弹到|回升到|升到|到|涨破|达到|站回){_COST}(?:以上|上方)?(?!<pct>)",
        _at_cost("price_above"),
    ),
    (r"(?:能)?(?:回本|解套|打平|保本|不亏)了?", _at_cost("price_above")),
    # stop-loss and take-profit
    (
        rf"{_REF}(?:跌|亏损?|浮亏|下跌|回撤|跌幅|亏掉)(?:了|到|破|超过|达到|达|至)*(?P<v><percent>|<price>)(?:以上|元)?(?:的话|时候?|,|我|帮我|给我)*(?:就|自动)?(?:割肉)?止损(?!卖|清|离|出|就?走)",
        _exit("stop_loss"),
    ),
    (
        rf"{_REF}(?:涨|赚|盈利|浮盈|上涨|收益|涨幅|获利|升)(?:了|到|破|超过|达到|达|至|够)*(?P<v><percent>|<price>)(?:以上|元)?(?:的话|时候?|,|我|帮我|给我)*(?:就|自动)?止盈(?!卖|清|离|出|就?走)",
        _exit("take_profit"),
    ),
    (rf"止损{_STOP_SET}(?P<v><percent>|<price>)", _exit("stop_loss")),
    (rf"止盈{_STOP_SET}(?P<v><percent>|<price>)", _exit("take_profit")),
    (
        r"(?:<gone>)?(?:到|在|跌到|跌破|亏|破|按)?(?P<v><percent>|<price>)(?:的|就|时|处|,)*(?:我)?(?:要)?止损(?:价|位|线|点)?(?!卖|清|离|出)",
        _exit("stop_loss"),
    ),
    (
        r"(?:到|在|涨到|涨破|赚|涨|按)?(?P<v><percent>|<price>)(?:的|就|时|处|,)*(?:我)?(?:要)?止盈(?:价|位|线|点)?(?!卖|清|离|出)",
        _exit("take_profit"),
    ),
    # profit and loss of the position
    (
        r"(?:比我?的?(?:成本价?|买入价))?(?:浮?亏损?|浮亏|亏掉|套牢?|赔)(?:幅度?|比例)?(?:了|到|超过?|达到?|够|满|掉|大于|在|有|[>≥]=?)*(?P<v><percent>)(?:以上)?",
        _percent("down", "cost"),
    ),
    (
        r"(?:比我?的?(?:成本价?|买入价))?(?:浮?赚|盈利|浮盈|收益率?|获利|盈|利润)(?:幅度?|比例)?(?:了|到|超过?|达到?|够|满|大于|在|有|[>≥]=?)*(?P<v><percent>)(?:以上)?",
        _percent("up", "cost"),
    ),
    # percent
    (
        rf"{_REF}{_PCT_EITHER}{_PCT_MUCH}(?P<v><pct>){_PCT_TAIL}",
        lambda hit: _signed_percent(hit) or _percent_either(hit),
    ),
    (rf"{_REF}{_PCT_EITHER}{_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}", _percent_either),
    (rf"{_REF}(?:有)?(?:<gone>)?{_PCT_UP}{_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}", _percent("up")),
    (rf"{_REF}(?:有)?(?:<gone>)?{_PCT_DOWN}{_PCT_MUCH}(?P<v><percent>){_PCT_TAIL}", _percent("down")),
    (rf"{_REF}(?:高|上涨|高出|多出|高了|超出|超过|高于|溢价)了?(?P<v><pct>|<tenths>)(?:以上)?", _percent("up")),
    (rf"{_REF}(?:低|便宜|低了|低于|折价|少)了?(?P<v><pct>|<tenths>)(?:以上)?", _percent("down")),
    # price
    (r"(?P<v><price>)(?:下破|跌破|向下)(?=$|[,提通告喊叫])", _price("down")),
    (r"(?P<v><price>)(?:上破|突破|涨破|向上)(?=$|[,提通告喊叫])", _price("up")),
    (r"(?:涨破|涨到|突破|上破|站上)的?(?:价格?)?(?:应该)?是(?P<v><price>)", _price("up")),
    (r"(?:跌破|跌到|下破)的?(?:价格?)?(?:应该)?是(?P<v><price>)", _price("down")),
    (r"(?P<v><price>)的?(?:上涨|涨破|突破|上破|向上)(?:价格?)?(?:的)?(?=提醒|预警|通知|报警)", _price("up")),
    (r"(?P<v><price>)的?(?:下跌|跌破|下破|向下)(?:价格?)?(?:的)?(?=提醒|预警|通知|报警)", _price("down")),
    (rf"{_PRICE_NOUN}{_UP}(?P<v><price>|<pct>)(?:{_ABOVE_TAIL}|{_NEAR})", _price("up")),
    (rf"{_PRICE_NOUN}{_DOWN}(?P<v><price>|<pct>)(?:{_BELOW_TAIL}|{_NEAR})", _price("down")),
    (rf"{_PRICE_NOUN}(?:在|到|回到|升到|回升到|处于|位于|保持在)?(?P<v><price>){_ABOVE_TAIL}", _price("up")),
    (rf"{_PRICE_NOUN}(?:在|到|回到|降到|回落到|处于|位于)?(?P<v><price>){_BELOW_TAIL}", _price("down")),
    (r"(?:上?涨|升)了?(?P<v><num>)(?!<price>)", _bare_move("up")),
    (r"(?:下?跌|(?<![卖抛减清出])掉)了?(?P<v><num>)(?!<price>)", _bare_move("down")),
    (rf"{_PRICE_NOUN}{_REACH}(?P<v><price>){_NEAR}", _price("reach")),
)
TABLE: Final = tuple((pattern(written), build) for written, build in _ROWS)

# A condition is only possible where one of these stands; anything else skips the table.
_ANY: Final = pattern(
    "<price>|<percent>|<times>|<ma>|叉|轨|停|封板|炸板|开板|撬板|翘板|成本|买入价|回本|解套|打平|保本|放.{0,2}量|放大|爆量|巨量|翻倍|不亏"
)

BARE_PRICE: Final = pattern("(?P<v><price>)(?:的时候|时|左右)?")
"""``茅台1500提醒我``: read last, and only where somebody asks to be told."""

UNSAID: Final = (
    (pattern("止损(?:价|位|线)?"), _unsaid("stop_loss")),
    (pattern("止盈(?:价|位|线)?"), _unsaid("take_profit")),
    (pattern("(?:今天)?(?:大|暴|急|猛)?(?:上涨|涨)(?:了|的时候|起来|太多|多了|太猛|很多|得厉害)*"), _unsaid("pct_up")),
    (
        pattern("(?:今天)?(?:大|暴|急|猛)?(?:下跌|跌)(?:了|的时候|下去|太多|多了|太猛|很多|得厉害)*"),
        _unsaid("pct_down"),
    ),
)
"""A direction without its number."""


def conditions(sentence: Marked) -> list[Found]:
    """Read and claim every condition of a sentence, in the order of the text."""
    found: list[Found] = []
    if _ANY.search(sentence.rest) is None:
        return found
    for written, build in TABLE:
        for match in list(written.finditer(sentence.rest)):
            drafts = build(_Hit(match, sentence))
            if drafts:
                sentence.claim(match)
                found.append(Found(match.start(), match.end(), drafts))
    return sorted(found)


def bare_price(sentence: Marked) -> list[Found]:
    """A price that nothing was said about: it is to be reached."""
    found = []
    for match in sentence.take_all(BARE_PRICE):
        value = sentence.figures[match["v"]].value
        found.append(Found(match.start(), match.end(), (Draft(kind="price_reach", value=value, unit="yuan"),)))
    return found


def unsaid(sentence: Marked) -> list[Found]:
    """A direction whose number is missing."""
    for written, build in UNSAID:
        match = written.search(sentence.rest)
        if match is not None:
            sentence.claim(match)
            drafts = build(_Hit(match, sentence))
            return [Found(match.start(), match.end(), drafts or ())]
    return []


def sided(draft: Draft, symbols: tuple[Symbol, ...], last: Mapping[Symbol, Decimal]) -> Draft:
    """Give 到 X its side where the last price says from where the price must come."""
    if draft.kind != "price_reach" or draft.value is None or len(symbols) != 1 or symbols[0] not in last:
        return draft
    above = draft.value > last[symbols[0]]
    return draft.model_copy(update={"kind": "price_above" if above else "price_below"})
