"""Advice: what of a model's answer is believed, each refusal by name."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest

from bot.language.marks import normal
from bot.language.names import known
from core import advice
from core.advice import LEVELS, SHAPE, again, prompt, read
from core.analysis import Action, Decision, Occasion, Reason
from core.bounds import why_not
from core.completions import Unfounded
from core.pack import Material, Pack
from core.types import Symbol
from tests.fakes.packs import FIGURES, POSITION, pack

NINE: Final = pack()
"""A share at nine yuan of which nothing is held."""
HELD: Final = pack(position=POSITION)
"""The same, a thousand of it held, of which six hundred may be sold."""
TODAY: Final = pack(position=POSITION | {"sellable": "0"})
"""The same, all of it bought today."""

TREND: Final = {"facts": ["price", "ma20"], "text": "现价{{price}}，高于20日均线{{ma20}}。"}
BUY: Final[dict[str, Any]] = {
    "code": "600396.SH",
    "name": "华电辽能",
    "price": 9.00,
    "action": "buy",
    "confidence": 65,
    "reasons": [TREND, {"facts": ["macd_bar"], "text": "MACD柱{{macd_bar}}，动能向上。"}],
    "entry": 9.00,
    "take_profit": 9.80,
    "stop_loss": 8.60,
    "size": 1000,
    "horizon": 5,
    "wrong_if": "跌破止损价{{stop_loss}}，说明看错了。",
}
NOTHING: Final = {"entry": None, "take_profit": None, "stop_loss": None, "size": None, "wrong_if": "放量大涨。"}
WAIT: Final = BUY | NOTHING | {"action": "wait"}
HOLD: Final = BUY | {"action": "hold", "entry": None, "size": None}
SELL: Final = BUY | {"action": "sell", "size": 600}


def written(answer: Any) -> str:
    return json.dumps(answer, ensure_ascii=False)


def refused(answer: Any, why: str, facts: Pack = NINE) -> None:
    with pytest.raises(Unfounded, match=re.escape(why)):
        read(answer if isinstance(answer, str) else written(answer), facts)


def saying(text: str, *facts: str) -> dict[str, Any]:
    """An answer whose reason is this text."""
    return BUY | {"reasons": [{"facts": [*facts] or ["price"], "text": text}]}


# --- what stands


def test_an_advice_that_holds_is_a_decision_with_its_figures_filled_in() -> None:
    assert read(written(BUY), NINE) == Decision(
        action=Action.BUY,
        confidence=65,
        reasons=(
            Reason(facts=("price", "ma20"), text="现价9.00 元，高于20日均线8.80 元。"),
            Reason(facts=("macd_bar",), text="MACD柱0.05，动能向上。"),
        ),
        entry=Decimal("9.0"),
        take_profit=Decimal("9.8"),
        stop_loss=Decimal("8.6"),
        shares=1000,
        horizon=5,
        wrong_if="跌破止损价8.60 元，说明看错了。",
    )


@pytest.mark.parametrize(
    ("answer", "facts"),
    [
        (WAIT, NINE),
        (HOLD, HELD),
        (HOLD | {"take_profit": None, "stop_loss": None, "wrong_if": "大跌。"}, HELD),
        (HOLD, TODAY),
        (SELL, HELD),
        (BUY | {"size": 500}, HELD),  # more of it
        (BUY | {"size": None}, pack(account="", most=0)),
        (BUY | {"code": "600396"}, NINE),
        (BUY | {"price": 9}, NINE),
        (BUY | {"confidence": 0}, NINE),
        (BUY | {"confidence": 100}, NINE),
        (BUY | {"entry": 9.79, "take_profit": 10.50}, NINE),  # at the limit
        (BUY | {"entry": 8.10, "stop_loss": 8.01}, NINE),  # as far as it may be
        (BUY | {"entry": 8.50, "stop_loss": 8.40}, pack(FIGURES | {"lower": "8.50", "upper": "9.50"})),
        (BUY | {"take_profit": 11.70, "stop_loss": 6.30}, NINE),
        (BUY | {"size": 5000}, NINE),
        (SELL | {"size": 1000, "take_profit": None, "stop_loss": None, "wrong_if": "大涨。"}, pack(position=POSITION | {"sellable": "1000"})),
    ],
)  # fmt: skip
def test_every_kind_of_advice_can_stand(answer: dict[str, Any], facts: Pack) -> None:
    assert read(written(answer), facts).action == answer["action"]


@pytest.mark.parametrize(
    "text",
    [
        "MA250缺失，看不了长期。",
        "MA250 还算不出来，现价{{price}}。",
        "现价是{{price}}，仍然在高位。",
        "现价（{{price}}），量比 {{volume_ratio}}倍。",
        "今天涨跌幅{{change_percent}}，没有追高的必要。",
        "涨了{{change_percent}}，离止损价还远。",
        "只要守住{{ma20}}，就还在上升。",
        "T+1，买了要下个交易日才能卖。",
        "委托价{{entry}}，止盈价{{take_profit}}，止损价{{stop_loss}}，数量{{size}}。",
        "华电辽能(600396)现价{{price}}元，一直没有大跌。",
        "MACD 柱状线没有背离，KDJ 还在中间。",
        "MACD柱{{macd_bar}}仍在走高。",
        "涨" * 200,
    ],
)
def test_texts_as_analysts_write_them_can_stand(text: str) -> None:
    read(written(saying(text, "price", "ma20", "macd_bar", "volume_ratio", "change_percent")), pack(literals=("T+1",)))


def test_a_fence_around_the_json_is_taken_off() -> None:
    for fence in ("```json\n{}\n```", "```\n{}\n```", "  ```JSON\n{}\n```\n"):
        assert read(fence.replace("{}", written(BUY)), NINE).action is Action.BUY


def test_a_name_that_ends_in_a_digit_does_not_run_into_its_figure() -> None:
    decision = read(written(saying("MA20{{ma20}}，在现价之下。", "ma20")), NINE)
    assert decision.reasons[0].text == "MA20 8.80 元，在现价之下。"


# --- the named cases: what users complain of


def test_36_for_a_share_at_9_yuan_is_refused_wherever_it_stands() -> None:
    refused(BUY | {"entry": 36.00}, "entry 高于今天的涨停价 9.79")
    refused(BUY | {"entry": 36.00, "take_profit": 40.00, "stop_loss": 34.00}, "entry 高于今天的涨停价 9.79")
    refused(BUY | {"take_profit": 36.00}, "take_profit 太远，5 个交易日里最高只写到 11.70")
    refused(BUY | {"price": 36.00}, "price 不对，现价是 9.00")
    refused(saying("目标价36元。"), "36元")
    refused(saying("目标价三十六元。"), "三十六元")
    refused(saying("目标价３６元。"), "36元")
    free = pack({name: value for name, value in FIGURES.items() if name not in {"upper", "lower"}})
    refused(BUY | {"entry": 36.00, "take_profit": 40.00, "stop_loss": 34.00}, "entry 离现价 9.00 超过 10%", free)


def test_a_wrong_code_or_name_is_refused() -> None:
    refused(BUY | {"code": "600519.SH"}, "code 不对，这次分析的是 600396.SH")
    refused(BUY | {"code": "600396.SZ"}, "code 不对")
    refused(BUY | {"code": "华电辽能"}, "code 不对")
    refused(BUY | {"code": ""}, "code 不对")
    refused(BUY | {"name": "贵州茅台"}, "name 不对，600396.SH 的名称是 华电辽能")
    refused(saying("600519，现价{{price}}。"), "600519")


def test_yesterday_s_price_as_now_is_refused() -> None:
    refused(BUY | {"price": 8.90}, "price 不对，写成了昨收，现价是 9.00")
    refused(BUY | {"price": 9.01}, "price 不对，现价是 9.00")
    refused(saying("现价{{preclose}}，还在低位。", "preclose"), "{{preclose}}”：不是这里说的那个数")


def test_what_was_bought_today_is_not_sold_today() -> None:
    refused(SELL | {"size": 100}, "今天买入的要下一个交易日才能卖（T+1）", TODAY)
    refused(SELL | {"size": 800}, "size 超过可卖的 600 股：今天买入的要下一个交易日才能卖（T+1）", HELD)
    refused(SELL | {"size": 1000}, "size 超过可卖的 600 股：今天买入的要下一个交易日才能卖（T+1）", HELD)
    refused(SELL | {"size": 1100}, "size 超过可卖的 600 股：只能卖可卖的部分", HELD)


def test_an_order_beyond_the_price_limits_is_refused() -> None:
    refused(BUY | {"entry": 9.80, "take_profit": 10.50}, "entry 高于今天的涨停价 9.79")
    refused(BUY | {"entry": 8.00, "stop_loss": 7.50}, "entry 低于今天的跌停价 8.01")
    refused(SELL | {"entry": 9.80}, "entry 高于今天的涨停价 9.79", HELD)
    refused(SELL | {"entry": 8.00}, "entry 低于今天的跌停价 8.01", HELD)


@pytest.mark.parametrize(
    "answer",
    [
        "建议买入，目标价36元，止损8元。",
        "买入",
        f"好的，这是我的分析：\n{written(BUY)}",
        f"{written(BUY)}\n以上仅供参考。",
        f"```json\n{written(BUY)}\n```\n希望有帮助",
        f"<think>涨</think>{written(BUY)}",
        written(BUY)[:-1],
        written(BUY).replace('"', "'"),
        f"[{written(BUY)[:-1]}",
        "[" * 8000,
        '{"a":' * 1600,
    ],
)
def test_prose_in_place_of_json_is_refused_and_never_read_for_words(answer: str) -> None:
    refused(answer, "回答不是一个 json 对象")


@pytest.mark.parametrize("answer", ["", " ", "\n\n  \t\n", "\u3000"])
def test_a_blank_answer_is_refused_in_its_own_words(answer: str) -> None:
    refused(answer, "回答是空的。")


# --- the shape


@pytest.mark.parametrize("field", [*BUY])
def test_nothing_that_is_missing_is_filled_in(field: str) -> None:
    refused({name: value for name, value in BUY.items() if name != field}, f"回答：缺少 {field} 这一项")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"auto": True}, "回答：有不认识的项"),
        ({"code": 600396}, "code：要写文字"),
        ({"price": "9.00"}, "price：要写数字"),
        ({"price": None}, "price：要写数字"),
        ({"action": "买入"}, "action：只能是 buy、sell、hold、wait"),
        ({"action": "BUY"}, "action：只能是"),
        ({"confidence": 65.5}, "confidence：要写整数"),
        ({"confidence": "高"}, "confidence：要写整数"),
        ({"confidence": True}, "confidence：要写整数"),
        ({"confidence": None}, "confidence：要写整数"),
        ({"reasons": "涨"}, "reasons：要写列表"),
        ({"reasons": ["涨"]}, "reasons 第 1 项：要写对象"),
        ({"reasons": [TREND, {"facts": ["price"]}]}, "reasons 第 2 项：缺少 text 这一项"),
        ({"reasons": [TREND | {"weight": 3}]}, "reasons 第 1 项：有不认识的项"),
        ({"reasons": [TREND | {"facts": "price"}]}, "facts：要写列表"),
        ({"reasons": [TREND | {"facts": [20]}]}, "facts 第 1 项：要写文字"),
        ({"entry": "9.00"}, "entry：要写数字或 null"),
        ({"entry": "现价"}, "entry：要写数字或 null"),
        ({"entry": [9.0]}, "entry：要写数字或 null"),
        ({"size": 1000.0}, "size：要写整数或 null"),
        ({"horizon": 7}, "horizon：只能是 1、3、5、10"),
        ({"horizon": "5"}, "horizon：要写整数"),
        ({"wrong_if": None}, "wrong_if：要写文字"),
    ],
)
def test_what_has_another_shape_is_refused(changed: dict[str, Any], why: str) -> None:
    refused(BUY | changed, why)


@pytest.mark.parametrize("answer", ["[]", "null", "1", '"buy"', "true", f"[{written(BUY)}]"])
def test_json_that_is_no_object_is_refused(answer: str) -> None:
    refused(answer, "回答：要写对象")


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("NaN", "NaN"),
        ("Infinity", "NaN"),
        ("-Infinity", "NaN"),
        ("9e0", "科学记数法"),
        ("1e999999999", "科学记数法"),
        ("9.0000000000000000000000001", "数字写得太长"),
        ("9.0000000000000000000", "数字写得太长"),  # one digit more than is read
        ("9" * 5000, "数字写得太长"),
    ],
)
def test_numbers_that_are_none_are_refused(number: str, why: str) -> None:
    refused(written(BUY).replace('"entry": 9.0', f'"entry": {number}'), why)


def test_a_figure_is_read_to_its_last_digit() -> None:
    read(written(BUY).replace('"entry": 9.0', '"entry": 9.000000000000000000'), NINE)
    refused(written(BUY).replace('"entry": 9.0', '"entry": 9.0000000000000001'), "entry 要正好落在最小价位 0.01 元上")


def test_a_field_that_is_written_twice_is_refused() -> None:
    refused(written(BUY)[:-1] + ', "action": "sell"}', "同一项写了两次")


def test_an_endless_answer_is_refused() -> None:
    refused(written(BUY | {"wrong_if": "跌" * 8000}), "回答太长")


def test_the_shape_is_closed_and_leaves_nothing_open() -> None:
    def closed(shape: Any) -> None:
        if isinstance(shape, dict):
            if shape.get("type") == "object":
                assert shape["additionalProperties"] is False
                assert sorted(shape["required"]) == sorted(shape["properties"])
            for part in shape.values():
                closed(part)
        elif isinstance(shape, list):
            for part in shape:
                closed(part)

    closed(json.loads(json.dumps(SHAPE)))
    assert set(SHAPE["properties"]) == set(BUY)


# --- levels


@pytest.mark.parametrize(
    ("changed", "why", "facts"),
    [
        ({"entry": 9.005}, "entry 要正好落在最小价位 0.01 元上", NINE),
        ({"take_profit": 9.801}, "take_profit 要正好落在", NINE),
        ({"stop_loss": 8.6001}, "stop_loss 要正好落在", NINE),
        ({"entry": 0}, "entry 要大于 0", NINE),
        ({"stop_loss": -8.6}, "stop_loss 要大于 0", NINE),
        ({"entry": None}, "买入要写 entry、take_profit 和 stop_loss", NINE),
        ({"take_profit": None}, "买入要写 entry、take_profit 和 stop_loss", NINE),
        ({"stop_loss": None}, "买入要写 entry、take_profit 和 stop_loss", NINE),
        ({"stop_loss": 9.00}, "stop_loss 要低于 entry", NINE),
        ({"stop_loss": 9.10}, "stop_loss 要低于 entry", NINE),
        ({"take_profit": 9.00}, "take_profit 要高于 entry", NINE),
        ({"take_profit": 11.71}, "take_profit 太远", NINE),
        ({"stop_loss": 6.29}, "stop_loss 太远", NINE),
        ({"take_profit": 10.90, "horizon": 1}, "take_profit 太远，1 个交易日里最高只写到 10.77", NINE),
        ({"stop_loss": 7.10, "horizon": 1}, "stop_loss 太远，1 个交易日里最低只写到 7.21", NINE),
        ({"size": None}, "买入要写 size", NINE),
        ({"size": 0}, "委托数量必须大于 0", NINE),
        ({"size": -100}, "委托数量必须大于 0", NINE),
        ({"size": 150}, "100 股的整数倍", NINE),
        ({"size": 5100}, "size 超过最多可买的 5000 股", NINE),
        ({}, "现在一股也买不了", pack(most=0)),
        ({}, "没有资金账号，size 要写 null", pack(account="", most=0)),
        ({}, "已经封死涨停", pack(FIGURES | {"price": "9.00", "upper": "9.00"}, sealed="up")),
        ({"confidence": 101}, "confidence 要在 0 到 100 之间", NINE),
        ({"confidence": -1}, "confidence 要在 0 到 100 之间", NINE),
        ({"reasons": []}, "reasons 要写 1 到 5 条", NINE),
        ({"reasons": [TREND] * 6}, "reasons 要写 1 到 5 条", NINE),
    ],
)
def test_a_buy_is_held_to_the_day_the_account_and_sense(changed: dict[str, Any], why: str, facts: Pack) -> None:
    refused(BUY | changed, why, facts)


@pytest.mark.parametrize(
    ("changed", "why", "facts"),
    [
        ({}, "没有持有这只股票，不能写 sell", NINE),
        ({}, "没有持有这只股票，不能写 sell", pack(account="", most=0)),
        ({"entry": None}, "卖出要写 entry", HELD),
        ({"entry": 9.005}, "entry 要正好落在", HELD),
        ({"size": None}, "卖出要写 size", HELD),
        ({"size": 0}, "委托数量必须大于 0", HELD),
        ({"size": 550}, "卖出要按 100 股的整数倍", HELD),
        ({}, "已经封死跌停", pack(position=POSITION, sealed="down")),
        ({"take_profit": 9.00}, "take_profit 要高于现价 9.00", HELD),
        ({"stop_loss": 9.00}, "stop_loss 要低于现价 9.00", HELD),
        ({"take_profit": 11.71}, "take_profit 太远", HELD),
        ({"size": 1000}, "全部卖出以后没有止盈止损", pack(position=POSITION | {"sellable": "1000"})),
    ],
)
def test_a_sell_is_held_to_the_position_too(changed: dict[str, Any], why: str, facts: Pack) -> None:
    refused(SELL | changed, why, facts)


def test_where_what_is_bought_may_be_sold_at_once_nobody_speaks_of_t_plus_1() -> None:
    gold = pack(symbol="518880.SH", name="黄金ETF", position=POSITION | {"sellable": "0"})
    with pytest.raises(Unfounded) as error:
        read(written(SELL | {"code": "518880.SH", "name": "黄金ETF"}), gold)
    assert "T+1" not in str(error.value)
    assert "可卖 0 股" in str(error.value)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"entry": 9.00}, "entry 和 size 写 null"),
        ({"size": 100}, "entry 和 size 写 null"),
        ({"take_profit": 8.99}, "take_profit 要高于现价"),
        ({"stop_loss": 9.01}, "stop_loss 要低于现价"),
        ({"stop_loss": 6.29}, "stop_loss 太远"),
    ],
)
def test_what_is_held_keeps_levels_around_the_price(changed: dict[str, Any], why: str) -> None:
    refused(HOLD | changed, why, HELD)


def test_only_what_is_held_is_kept_and_only_what_is_not_is_waited_for() -> None:
    refused(HOLD, "没有持有这只股票，不能写 hold；不买就写 wait", NINE)
    refused(WAIT, "现在持有 1000 股，不动要写 hold，不是 wait", HELD)


@pytest.mark.parametrize("field", LEVELS)
def test_who_waits_orders_nothing(field: str) -> None:
    refused(WAIT | {field: 900}, "观望不用委托")


def test_an_index_is_neither_bought_nor_sold() -> None:
    index = pack(symbol="000001.SH", name="上证指数", account="", most=0)
    refused(BUY | {"code": "000001.SH", "name": "上证指数", "size": None}, "指数不能在这里买卖", index)
    assert read(written(WAIT | {"code": "000001.SH", "name": "上证指数"}), index).action is Action.WAIT


def test_without_a_price_or_while_suspended_nothing_is_advised() -> None:
    refused(WAIT, "没有现价，不给建议", pack(FIGURES | {"price": None}))
    refused(WAIT | {"price": 0}, "没有现价，不给建议", pack(price=Decimal(0)))
    refused(WAIT, "今天停牌", pack(suspended=True))
    assert why_not(NINE) == ""


# --- what it stands on


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ({"facts": []}, "理由 1 的 facts 要写 1 到 12 个名字"),
        ({"facts": ["price", "ma20", *["rsi12"] * 11]}, "理由 1 的 facts 要写 1 到 12 个名字"),
        ({"facts": ["price", "ma20", "roe"]}, "理由 1 的 facts 里有不存在的名字"),
        ({"facts": ["price", "ma20", "ma250"]}, "理由 1 依据的 ma250 是缺失的"),
        ({"facts": ["price", "ma20", "stop_loss"]}, "facts 里不写你自己的价位 stop_loss"),
        ({"facts": ["price"]}, "理由 1 的文字用了 ma20，facts 里没有列出"),
        ({"text": ""}, "理由 1 是空的"),
        ({"text": " \u3000"}, "理由 1 是空的"),
        ({"text": "涨" * 201}, "理由 1 太长"),
        ({"text": "好\n坏"}, "理由 1 里有换行或看不见的字符"),
        ({"text": "好\u200b"}, "看不见的字符"),
        ({"text": "好\ud800"}, "看不见的字符"),
        ({"text": "详见 https://example.com/x"}, "理由 1 里不要写链接"),
        ({"text": "详见 example.com"}, "理由 1 里不要写链接"),
        ({"text": "联系 @someone"}, "理由 1 里不要写链接"),
        ({"text": "{{roe}}很好。"}, "“{{roe}}”：没有这个数据"),
        ({"text": "MA250{{ma250}}。"}, "“{{ma250}}”：没有这个数据"),
        ({"text": "现价{{ma20}}。"}, "“{{ma20}}”：不是这里说的那个数"),
        ({"text": "20日均线{{ma60}}。"}, "“{{ma60}}”"),
        ({"text": "止损价{{take_profit}}。"}, "“{{take_profit}}”：不是这里说的那个数"),
        ({"text": "现价9.00元。"}, "“9.00元”：数字要由程序填"),
        ({"text": "涨了百分之五。"}, "“百分之五”"),
        ({"text": "成交翻倍。"}, "“翻倍”"),
        ({"text": "今年一季度好。"}, "“一”"),
        ({"text": "3月24日公布。"}, "“3月24日”"),
        ({"text": "跌了{{change_percent}}。"}, "“{{change_percent}}”：正负和数据相反"),
        ({"text": "②好。"}, "理由 1 "),
        ({"text": "MA250{{price}}。"}, "“{{price}}”：不是这里说的那个数"),  # another figure for what is missing
        ({"text": "年线即250日均线{{ma20}}。"}, "“{{ma20}}”：不是这里说的那个数"),
        ({"text": "MA250是1000000000000000000000000000000元。"}, "数字要由程序填"),
        ({"text": "ROE{{price}}。"}, "理由 1 里的 {{price}} 前面要紧跟着写它的叫法"),
        ({"text": "现价和市盈率{{price}}。"}, "理由 1 里的 {{price}} 前面要紧跟着写它的叫法"),
        ({"text": "{{price}}是现价。"}, "理由 1 里的 {{price}} 前面要紧跟着写它的叫法"),
        ({"text": "现价{{price}}，低于20日均线{{ma20}}。"}, "理由 1 里 price 和 ma20 谁高谁低，和数据相反"),
        ({"text": "现价{price}。"}, "理由 1 里有花括号没有写对"),
        ({"text": "现价{{price}}}。"}, "理由 1 里有花括号没有写对"),
        ({"text": "现价｛｛price｝｝。"}, "理由 1 里有花括号没有写对"),
        ({"text": "现价{{pri。ce}}。"}, "理由 1 里有花括号没有写对"),
    ],
)
def test_a_reason_stands_on_figures_that_are_known_and_writes_none_itself(reason: dict[str, Any], why: str) -> None:
    refused(BUY | {"reasons": [TREND | reason]}, why)


def test_what_would_prove_it_wrong_is_held_to_the_same() -> None:
    refused(BUY | {"wrong_if": ""}, "wrong_if 是空的")
    refused(BUY | {"wrong_if": "跌破8.5元。"}, "wrong_if 里的“8.5元”：数字要由程序填")
    refused(BUY | {"wrong_if": "跌破止损价{{take_profit}}。"}, "wrong_if 里的“{{take_profit}}”")


def test_what_others_wrote_is_cited_by_its_number_alone() -> None:
    news = Material(id="n1", source="公告", at=datetime(2026, 3, 24, tzinfo=UTC), title="业绩预增 50%", text="")
    facts = pack(materials=(news,))
    said = {"facts": ["n1"], "text": "公告说业绩预增。"}
    assert read(written(BUY | {"reasons": [TREND, said]}), facts).reasons[1].facts == ("n1",)
    refused(BUY | {"reasons": [TREND, said | {"text": "业绩预增50%。"}]}, "50%", facts)
    refused(BUY | {"reasons": [TREND, said | {"text": "业绩预增{{n1}}。"}]}, "没有这个数据", facts)
    refused(BUY | {"reasons": [said]}, "至少要有一条理由依据数据", facts)
    refused(BUY | {"reasons": [TREND, said | {"facts": ["n2"]}]}, "理由 2 的 facts 里有不存在的名字", facts)


def test_several_faults_are_told_at_once_but_not_endlessly() -> None:
    with pytest.raises(Unfounded) as error:
        read(written(BUY | {"code": "600519.SH", "price": 36, "entry": 36, "size": 1, "confidence": 300}), NINE)
    assert str(error.value).count("。") == advice.MOST_TOLD


# --- the question


def test_a_question_has_what_is_always_the_same_first_and_the_facts_last() -> None:
    asked, other = prompt(NINE, Occasion.ASKED), prompt(HELD, Occasion.ALERT)
    assert asked.instructions == other.instructions
    assert asked.shape == other.shape == SHAPE
    assert asked.version == advice.VERSION
    assert "600396" not in asked.instructions
    assert "<事实>" in asked.turns[0].text
    assert "提醒后点评" in other.turns[0].text


def test_the_instructions_speak_of_every_field_and_give_no_figure_away() -> None:
    text = advice.INSTRUCTIONS
    assert "json" in text
    assert all(field in text for field in BUY)
    assert all(f"{{{{{name}}}}}" in text for name in LEVELS)
    # The only numbers are rules: confidence, horizons, and the names of slots.
    assert set(re.findall(r"(?<![a-z0-9])[0-9]+(?:[.][0-9]+)?", text)) <= {"0", "100", "1", "3", "5", "10", "20"}


def test_the_one_retry_shows_the_answer_and_what_was_wrong_with_it() -> None:
    asked = prompt(NINE, Occasion.ASKED)
    retry = again(asked, "买入！", "回答不是一个 json 对象，前后也不能有别的话。")
    assert retry.instructions == asked.instructions
    assert retry.turns[0] == asked.turns[0]
    assert (retry.turns[1].role, retry.turns[1].text) == ("assistant", "买入！")
    assert "回答不是一个 json 对象" in retry.turns[2].text
    assert again(asked, "  ", "回答是空的。").turns[1].text == "（空）"
    assert len(again(asked, "x" * 100_000, "回答太长。").turns[1].text) <= advice.LONGEST


def named(text: str) -> dict[str, Symbol]:
    """As the house's table of names does it."""
    return {one.text: one.symbols[0] for one in known().find(normal(text)) if len(one.symbols) == 1}


@pytest.mark.parametrize("text", ["比亚迪现价{{price}}", "同行的比亚迪，现价{{price}}。", "002594 现价{{price}}"])
def test_no_figure_stands_under_the_name_of_another_share(text: str) -> None:
    with pytest.raises(Unfounded, match=r"不是这里说的那个数|数字要由程序填"):
        read(written(saying(text)), NINE, named)


def test_another_share_may_be_named_where_no_figure_is_its() -> None:
    text = "比亚迪走弱拖累人气，但是华电辽能现价{{price}}，高于20日均线{{ma20}}。"
    assert read(written(saying(text, "price", "ma20")), NINE, named).action is Action.BUY
    assert read(written(BUY), NINE, named) == read(written(BUY), NINE)
