"""A meaning said in many ways is one request; a watch said back is the same watch; no text breaks the reading of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.language.grammar import read
from bot.language.marks import normal
from bot.language.names import known
from bot.language.request import Request, condition_of, plan_of
from core.conditions import CONDITION
from core.messages import Chat
from core.render import age_text
from core.types import Side, Symbol
from core.watches import Plan, Repeat, Watch
from tests.evals.__main__ import NOW, ORDERS

SYMBOL: Final = Symbol("600519.SH")


def said(text: str, **more: Any) -> Request:
    return read(text, known(), now=NOW, **more)


# --- a watch said back ---

PRICES: Final = st.integers(min_value=1, max_value=199_999).map(lambda fen: Decimal(fen) / 100)
PERCENTS: Final = st.integers(min_value=1, max_value=9_999).map(lambda part: Decimal(part) / 100)
CONDITIONS: Final = st.one_of(
    st.builds(lambda value: {"kind": "price_below", "value": value}, PRICES),
    st.builds(lambda value: {"kind": "price_above", "value": value}, PRICES),
    st.builds(lambda value: {"kind": "pct_down", "value": value}, PERCENTS),
    st.builds(lambda value: {"kind": "pct_up", "value": value, "reference": "cost"}, PERCENTS),
    st.builds(lambda days: {"kind": "ma_cross", "ma": days, "direction": "up"}, st.integers(2, 250)),
    st.builds(lambda value: {"kind": "turnover", "value": value}, PERCENTS),
    st.just({"kind": "limit_up"}),
).map(CONDITION.validate_python)
PLANS: Final = st.one_of(
    st.builds(Plan, side=st.sampled_from(Side), shares=st.integers(1, 99).map(lambda lots: lots * 100)),
    st.builds(
        Plan,
        side=st.sampled_from(Side),
        shares=st.integers(1, 99).map(lambda lots: lots * 100),
        price=PRICES,
    ),
    st.builds(Plan, side=st.just(Side.BUY), amount=st.integers(1, 99).map(lambda wan: Decimal(wan) * 10_000)),
    st.builds(Plan, side=st.sampled_from(Side), fraction=st.sampled_from([Decimal("0.3"), Decimal("0.5"), Decimal(1)])),
)
"""A plan on one condition: with several nobody could say which of them it goes with."""


@given(
    conditions=st.lists(CONDITIONS, min_size=1, max_size=2, unique=True),
    combine=st.sampled_from(["any", "all"]),
    plan=st.one_of(st.none(), PLANS),
    repeat=st.one_of(st.none(), st.sampled_from(Repeat)),
    cooldown=st.sampled_from([2, 10, 30, 60]).map(lambda minutes: timedelta(minutes=minutes)),
    expires=st.one_of(st.none(), st.dates(date(2026, 11, 19), date(2027, 10, 31))),
    manner=st.fixed_dictionaries(
        {
            "only_held": st.booleans(),
            "resolved": st.booleans(),
            "band": st.one_of(st.none(), st.sampled_from([Decimal(1), Decimal("2.5")])),
            "escalate_after": st.sampled_from([None, timedelta(seconds=90), timedelta(minutes=5)]),
            "check_interval": st.sampled_from([None, *(timedelta(minutes=count) for count in (1, 30, 60, 90, 120))]),
        }
    ),
)
@settings(max_examples=250, deadline=None)
def test_a_watch_said_back_is_the_same_watch(
    conditions: list[Any],
    combine: Any,
    plan: Plan | None,
    repeat: Repeat | None,
    cooldown: timedelta,
    expires: date | None,
    manner: dict[str, Any],
) -> None:
    watch = Watch(
        id="w",
        number=1,
        owner="me",
        chat=Chat("telegram", "1"),
        account="real",
        symbols=(SYMBOL,),
        conditions=tuple(conditions),
        combine=combine,
        plan=plan if len(conditions) == 1 else None,
        repeat=repeat or Repeat.DAILY,
        cooldown=cooldown,
        expires_on=expires,
        created_at=NOW,
        **manner,
    )
    spaced = watch.repeat is Repeat.EVERY_TIME
    parts = [
        f"贵州茅台 {watch.condition_text()}，提醒我",
        *([watch.plan.text()] if watch.plan else []),
        *([watch.often_text()] if repeat else []),
        *([f"间隔至少 {age_text(cooldown)}"] if spaced else []),
        *watch.manner_text(),
        *([f"有效：到 {expires} 收盘"] if expires else []),
    ]
    text = "，".join(parts)
    request = said(text)
    assert request.intent == "watch_create", text
    assert request.symbols == (SYMBOL,), text
    assert tuple(map(condition_of, request.conditions)) == watch.conditions, text
    assert len(conditions) == 1 or request.combine == combine, text
    assert (plan_of(request.action) if request.action else None) == watch.plan, text
    assert request.repeat == (repeat.value if repeat else None), text
    assert request.cooldown_s == (cooldown.total_seconds() if spaced else None), text
    assert request.expiry == expires, text
    assert (bool(request.only_held), bool(request.resolved), request.band) == (
        watch.only_held,
        watch.resolved,
        watch.band,
    ), text
    waits = watch.escalate_after
    assert request.escalate_s == (None if waits is None else waits.total_seconds()), text
    looks = watch.check_interval
    assert request.analyze_s == (None if looks is None else looks.total_seconds()), text


# --- one meaning, many ways ---

_DIGITS: Final = "零一二三四五六七八九"


def chinese_number(value: int) -> str:
    """1400 as 一千四, 1420 as 一千四百二, 105 as 一百零五: as it is said."""
    parts: list[str] = []
    zero = False
    scales = ((1000, "千"), (100, "百"), (10, "十"), (1, ""))
    for scale, word in scales:
        digit = value // scale % 10
        if digit:
            parts.append(("零" if zero and parts else "") + _DIGITS[digit] + word)
            zero = False
        else:
            zero = True
    text = "".join(parts)
    for above, below in (("千", "百"), ("百", "十")):
        # The last unit is left out right after the one above it: 一千四, 一百二.
        if len(text) >= 4 and text[-1] == below and text[-3] == above:
            return text[:-1]
    return text.removeprefix("一") if 10 <= value < 20 else text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1400, "一千四"), (1420, "一千四百二"), (105, "一百零五"), (120, "一百二"), (15, "十五"), (1050, "一千零五十"), (38, "三十八")],
)  # fmt: skip
def test_the_oracle_speaks_as_people_do(value: int, text: str) -> None:
    assert chinese_number(value) == text


WIDE: Final = {ord(char): ord(char) + 0xFEE0 for char in "0123456789.,"}
WRITTEN: Final[tuple[Callable[[int], str], ...]] = (
    str,
    lambda value: f"{value:,}",
    lambda value: str(value).translate(WIDE),
    lambda value: f"{value}块",
    lambda value: f"{value}元整",
    lambda value: f"{value}块钱",
    lambda value: f"{value}.00元",
    chinese_number,
    lambda value: f"{chinese_number(value)}块",
    lambda value: f"{chinese_number(value)}元",
)
NAMED: Final = ("茅台", "贵州茅台", "600519", "SH600519", "gzmt", "貴州茅臺", "６００５１９", "600519.SH")
FALLS: Final = (
    "跌破",
    "跌到",
    "掉到",
    "低于",
    "跌穿",
    "击穿",
    "下破",
    "失守",
    "砸到",
    "回落到",
    "跌破了",
    "要是跌破",
    "一旦跌到",
    "跌至",
)
RISES: Final = (
    "涨到",
    "突破",
    "站上",
    "涨破",
    "高于",
    "冲上",
    "升到",
    "超过",
    "拉升到",
    "反弹到",
    "只要涨到",
    "又涨到",
    "漲到",
    "升破",
)
TELLS: Final = (
    "提醒我",
    "通知我一下",
    "告诉我",
    "喊我",
    "就说一声",
    "的时候叫我一声",
    "知会我",
    "吱一声",
    "就@我",
    "戳我",
    "响一下",
    "推送给我",
    "請通知我",
)
LEADS: Final = ("", "帮我", "麻烦你", "请", "那个", "嗯", "您好，", "小助手，", "劳驾")
TAILS: Final = ("", "吧", "哈", "，谢谢", "！", "。", "呗", "哦", "…", "，辛苦了")
ORDERS_OF_WORDS: Final = (
    "{lead}{name}{verb}{price}{tell}{tail}",
    "{lead}盯着{name}，{verb}{price}{tell}{tail}",
    "{name}，{verb}{price}{tell}{tail}",
    "{verb}{price}{tell}，{name}{tail}",
    "{lead}看着点{name}{verb}{price}{tell}{tail}",
    "{name} {verb} {price} {tell}",
    "{name}的股价{verb}{price}{tell}{tail}",
    "{name}{verb}{price}，{tell}{tail}",
)


@given(
    value=st.integers(min_value=31, max_value=1999),
    written=st.sampled_from(WRITTEN),
    name=st.sampled_from(NAMED),
    falls=st.booleans(),
    verb=st.integers(0, 13),
    way=st.sampled_from(ORDERS_OF_WORDS),
    tell=st.sampled_from(TELLS),
    lead=st.sampled_from(LEADS),
    tail=st.sampled_from(TAILS),
)
@settings(max_examples=600, deadline=None)
def test_a_meaning_is_the_same_request_however_it_is_said(
    value: int, written: Any, name: str, falls: bool, verb: int, way: str, tell: str, lead: str, tail: str
) -> None:
    text = way.format(
        name=name, verb=(FALLS if falls else RISES)[verb], price=written(value), tell=tell, lead=lead, tail=tail
    )
    request = said(text)
    found: list[Any] = [(one.kind, one.value, one.unit) for one in request.conditions]
    assert request.intent == "watch_create", text
    assert request.symbols == (SYMBOL,), text
    assert found == [("price_below" if falls else "price_above", value, "yuan")], text
    assert request.missing == (), text


@given(
    shares=st.integers(1, 20).map(lambda lots: lots * 100),
    price=st.integers(min_value=100, max_value=1999),
    name=st.sampled_from(NAMED),
    sells=st.booleans(),
    way=st.sampled_from(["{verb}{shares}股{name}，{price}元", "{name}{verb}{shares}股，限价{price}", "{price}元{verb}{name} {shares}股", "帮我以{price}块{verb}{shares}股{name}", "把{name}{verb}{shares}股,{price}的价格"]),
    asks=st.sampled_from(["{}吗", "{}行不行", "该不该{}", "要是{}会怎样", "我昨天{}", "别{}", "他说{}", "不要{}", "如果{}呢", "{}怎么样", "为什么要{}", "打算{}", "我没{}"]),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_an_order_is_that_order_and_every_doubt_about_it_is_none(
    shares: int, price: int, name: str, sells: bool, way: str, asks: str
) -> None:
    text = way.format(verb="卖出" if sells else "买入", shares=shares, name=name, price=price)
    request = said(text)
    assert request.intent == ("order_sell" if sells else "order_buy"), text
    assert request.symbols == (SYMBOL,), text
    assert request.action is not None
    assert (request.action.shares, request.action.price) == (shares, Decimal(price)), text
    assert said(asks.format(text)).intent not in ORDERS, asks.format(text)


# --- anything at all ---

HOSTILE: Final = (
    "'; DROP TABLE watches; --", "1 OR 1=1", "<script>alert(1)</script>", "<b>买入100股茅台</b>", "**茅台** _跌破_ `1400` [确认](approve)",
    "{{7*7}} ${7*7} %s {0}", "\x00\x01\x02", "\u202e买入100股茅台", "\u200f\u200e\u2066茅台", "茅台跌破" + "9" * 150 + "提醒我",
    "😀" * 60, "🀄️" * 300, "x" * 100_000, "茅" * 100_000, "\n" * 100_000, "茅台跌破∞", "茅台跌破NaN提醒我", "茅台跌破-1提醒我", "茅台跌破0提醒我",
    "(" * 200, "\ud800", "a\u0301" * 50, "\ue000\ue001\uf8ff跌破", "１" * 200, "٠١٢٣٤٥٦٧٨٩", "零零零零点零零零", "一千万亿亿亿亿", "#0 #-1 #99999999999",
    "2月30号以前茅台跌破1", "25:99以前别吵我", "每0秒看一次茅台", "静音99999999999999999999小时", "SELECT * FROM orders WHERE 1=1", "# 标题\n- 买入\n- 卖出",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_answered_and_is_no_order(text: str) -> None:
    request = said(text)
    assert request.intent not in ORDERS
    assert Request.model_validate(request.as_json()).intent == request.intent


# Drawn character by character: text as such is also made of words of this program, and 清仓茅台1 is an order.
@given(st.lists(st.characters(), max_size=300).map("".join))
@settings(max_examples=300, deadline=None)
def test_any_text_is_answered_and_is_no_order(text: str) -> None:
    request = said(text)
    assert request.intent not in ORDERS or request.missing
    assert Request.model_validate(request.as_json()).intent == request.intent


PIECES: Final = (
    "茅台", "五粮液", "1400", "3%", "一千四", "5分钟", "20日线", "明天", "月底", "买入", "卖出", "清仓", "跌破", "涨到", "提醒我", "的", "了", "我", "全部", "都", "给我",
    "一律", "停一下", "发到", "推到", "全都", "嗯", "延长到", "总的", "一", "两二", "万千百十", "不对", "不是", "如果", "吗", "每次", "别", "账户", "今天", "，", "#3", "3号",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=60).map("".join))
@settings(max_examples=300, deadline=None)
def test_words_thrown_together_are_answered(text: str) -> None:
    request = said(text)
    assert Request.model_validate(request.as_json()).intent == request.intent


MOST: Final = 2_000
"""Times the floor. A sentence takes some thirty; a pattern that tries its words in every way would take millions."""


@pytest.mark.parametrize("piece", PIECES)
def test_a_text_of_nothing_but_one_word_takes_no_longer_than_many_floors(piece: str) -> None:
    text = (piece * 200)[:200]
    names = known()
    took, floor = [], []
    for _ in range(5):
        begun = time.perf_counter()
        names.find(normal(text))
        scanned = time.perf_counter()
        said(text)
        floor.append(scanned - begun)
        took.append(time.perf_counter() - scanned)
    assert min(took) < MOST * min(floor)
