"""The built-in rules in place of a model: what they say, and that they stay out where they know nothing."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

import pytest

from adapters.models import scripted
from adapters.models.scripted import judge
from core.advice import prompt, read
from core.analysis import Action, Occasion
from core.bounds import Bounds
from core.completions import Prompt, Turn, Usage
from core.errors import Malformed
from core.tariffs import tariff_at
from core.types import Symbol
from tests.fakes.packs import FIGURES, NOW, POSITION, pack

UP: Final = {
    "ma20": Decimal("8.80"),
    "ma60": Decimal("8.50"),
    "macd_bar": Decimal("0.05"),
    "rsi12": Decimal(55),
    "atr14": Decimal("0.20"),
    "high20": Decimal("9.30"),
    "low20": Decimal("8.40"),
}
DOWN: Final = UP | {"ma20": Decimal("9.20"), "ma60": Decimal("9.40"), "macd_bar": Decimal("-0.05")}
FREE: Final = Bounds(
    symbol=Symbol("600396.SH"),
    name="华电辽能",
    price=Decimal("9.00"),
    tick=Decimal("0.01"),
    lower=Decimal("8.01"),
    upper=Decimal("9.79"),
    most=5000,
)
OWNED: Final = FREE._replace(held=1000, sellable=1000)


def told(answer: dict[str, Any]) -> str:
    return "".join(reason["text"] for reason in answer["reasons"])


def test_a_trend_that_goes_up_is_bought_with_a_stop_two_atr_below_and_a_target_twice_as_far() -> None:
    answer = judge(UP, FREE)
    assert answer["action"] == "buy"
    assert (answer["entry"], answer["stop_loss"], answer["take_profit"]) == (
        Decimal("9.00"),
        Decimal("8.60"),
        Decimal("9.80"),
    )
    assert answer["size"] == 1600  # a third of what could be bought, in whole lots
    assert answer["confidence"] == 60  # three of five rules


def test_the_20_day_low_is_the_stop_where_it_is_nearer() -> None:
    answer = judge(UP | {"low20": Decimal("8.77")}, FREE)
    assert (answer["stop_loss"], answer["take_profit"]) == (Decimal("8.77"), Decimal("9.46"))
    assert judge(UP | {"low20": Decimal("9.00")}, FREE)["stop_loss"] == Decimal("8.60")


def test_a_stop_is_neither_hit_by_chance_nor_out_of_sight() -> None:
    assert judge(UP | {"atr14": Decimal("0.01")}, FREE)["stop_loss"] == Decimal("8.91")
    assert judge(UP | {"atr14": Decimal("2.00"), "low20": None}, FREE)["stop_loss"] == Decimal("8.10")


def test_confidence_follows_from_how_many_rules_agree() -> None:
    assert judge(UP | {"rsi12": Decimal(25), "high20": Decimal("9.00")}, FREE)["confidence"] == 100
    assert judge(UP | {"rsi12": Decimal(75)}, FREE)["confidence"] == 60
    assert judge(UP | {"rsi12": None, "high20": None}, FREE)["confidence"] == 100
    assert judge(UP | {"ma60": Decimal("8.90"), "macd_bar": Decimal(0)}, FREE)["confidence"] == 100  # of waiting


@pytest.mark.parametrize(
    ("figures", "says"),
    [
        (UP | {"rsi12": Decimal("70.01")}, "超买"),
        (UP | {"rsi12": Decimal(70)}, "不冷不热"),
        (UP | {"rsi12": Decimal(30)}, "不冷不热"),
        (UP | {"rsi12": Decimal("29.99")}, "超卖"),
        (UP | {"high20": Decimal("9.00")}, "到了20日最高价"),
        (UP | {"low20": Decimal("9.00")}, "到了20日最低价"),
        (UP | {"ma20": Decimal("9.00")}, "等于20日均线"),
        (UP | {"macd_bar": Decimal(0)}, "没有方向"),
    ],
)  # fmt: skip
def test_each_rule_says_what_it_sees(figures: dict[str, Decimal], says: str) -> None:
    assert says in told(judge(figures, FREE))


def test_two_rules_against_each_other_are_no_reason_to_trade() -> None:
    assert judge(UP | {"macd_bar": Decimal("-0.05")}, FREE)["action"] == "wait"
    assert judge(DOWN | {"macd_bar": Decimal("0.05")}, OWNED)["action"] == "hold"


def test_why_nothing_is_done_is_said_first() -> None:
    def first(figures: dict[str, Decimal], bounds: Bounds) -> str:
        return str(judge(figures, bounds)["reasons"][0]["text"])

    unsure = UP | {"macd_bar": Decimal("-0.05")}
    assert first(unsure, FREE) == first(unsure, OWNED) == "看涨和看跌的规则差不多，先不动。"
    assert first(UP, OWNED) == "看涨的规则多，继续拿着。"
    assert first(DOWN, FREE) == "看跌的规则多，不买。"
    assert first(DOWN, OWNED._replace(sellable=0)) == "看跌的规则多，可是现在卖不掉。"


def test_what_says_nothing_is_left_out_before_what_does() -> None:
    figures = DOWN | {"ma60": Decimal("9.00"), "profit_percent": Decimal(-9)}
    answer = judge(figures, OWNED._replace(sellable=0))
    assert len(answer["reasons"]) == 5
    assert "亏得多了" in told(answer)


def test_a_veto_takes_nothing_from_the_confidence() -> None:
    assert judge(UP, FREE._replace(most=99))["confidence"] == 40  # three of five agree on what is not done


def test_what_is_held_is_not_bought_again() -> None:
    answer = judge(UP, OWNED)
    assert answer["action"] == "hold"
    assert (answer["entry"], answer["size"]) == (None, None)
    assert answer["stop_loss"] < FREE.price < answer["take_profit"]


def test_a_trend_that_goes_down_is_sold_whole_or_in_half_by_how_many_rules_say_so() -> None:
    assert judge(DOWN, OWNED)["action"] == "sell"
    assert judge(DOWN, OWNED)["size"] == 1000
    assert judge(DOWN, OWNED)["take_profit"] is None
    half = judge(DOWN | {"macd_bar": Decimal(0)}, OWNED)
    assert half["size"] == 500
    assert half["stop_loss"] < FREE.price < half["take_profit"]
    assert judge(DOWN | {"macd_bar": Decimal(0)}, OWNED._replace(held=137, sellable=137))["size"] == 137


def test_one_order_sells_no_more_than_one_order_may_hold() -> None:
    star = OWNED._replace(symbol=Symbol("688981.SH"), held=123_456, sellable=123_456)
    assert judge(DOWN, star)["size"] == 100_000


def test_a_loss_counts_against_a_position_whose_trend_is_bad() -> None:
    unsure = DOWN | {"ma60": Decimal("9.00"), "macd_bar": Decimal("-0.05"), "rsi12": Decimal(25)}
    assert judge(unsure, OWNED)["action"] == "hold"
    assert judge(unsure | {"profit_percent": Decimal("-8.01")}, OWNED)["action"] == "hold"
    worse = unsure | {"rsi12": Decimal(55), "ma60": Decimal("9.20")}
    assert "亏得多了" in told(judge(worse | {"profit_percent": Decimal("-8.01")}, OWNED))
    assert "亏得多了" not in told(judge(worse | {"profit_percent": Decimal("-8.00")}, OWNED))
    assert "亏得多了" not in told(judge(UP | {"profit_percent": Decimal(-20)}, OWNED))


def test_what_cannot_be_sold_is_held() -> None:
    assert judge(DOWN, OWNED._replace(sellable=0))["action"] == "hold"
    assert judge(DOWN, OWNED._replace(sealed="down"))["action"] == "hold"
    assert judge(DOWN, FREE)["action"] == "wait"


@pytest.mark.parametrize(
    ("bounds", "why"),
    [
        (FREE._replace(price=Decimal("9.60"), upper=Decimal("9.79")), "涨停价{{upper}}，离得太近"),
        (FREE._replace(lower=Decimal("8.83")), "跌停价{{lower}}，离得太近"),
        (FREE._replace(most=99), "最多可买{{most}}，不够一笔"),
        (FREE._replace(symbol=Symbol("000001.SH"), most=None), "最多可买{{most}}"),
    ],
)
def test_nothing_is_bought_near_a_limit_or_without_the_money_and_it_is_said(bounds: Bounds, why: str) -> None:
    figures = UP | {"upper": bounds.upper, "lower": bounds.lower, "most": Decimal(bounds.most or 0)}
    answer = judge(figures, bounds)
    assert answer["action"] == "wait"
    assert why in told(answer)
    assert judge(UP, bounds)["reasons"][0]["facts"] == ["price"]


def test_nothing_is_bought_where_the_limits_leave_no_target_worth_the_risk() -> None:
    special = FREE._replace(lower=Decimal("8.55"), upper=Decimal("9.45"))
    assert judge(UP | {"atr14": Decimal("0.50"), "low20": None}, special)["action"] == "buy"
    narrow = special._replace(lower=Decimal("8.81"), upper=Decimal("9.19"))
    assert judge(UP | {"atr14": Decimal("2.00"), "low20": None}, narrow)["action"] == "buy"
    nowhere = judge(UP | {"atr14": Decimal(0)}, FREE)
    assert nowhere["action"] == "wait"
    assert "止盈到不了" in told(nowhere)


def test_a_small_purse_buys_the_smallest_order() -> None:
    assert judge(UP, FREE._replace(most=100))["size"] == 100
    star = FREE._replace(symbol=Symbol("688981.SH"), most=200)
    assert judge(UP, star)["size"] == 200
    assert judge(UP, FREE._replace(most=None))["size"] is None


@pytest.mark.parametrize("name", scripted.NEEDED)
def test_without_trend_momentum_or_range_nothing_is_judged(name: str) -> None:
    for bounds, action in ((FREE, "wait"), (OWNED, "hold")):
        for figures in (UP | {name: None}, {key: value for key, value in UP.items() if key != name}):
            answer = judge(figures, bounds)
            assert (answer["action"], answer["confidence"]) == (action, 0)
            assert "缺失" in told(answer)
            assert answer["stop_loss"] is None


# --- as a model


async def test_it_answers_a_prompt_as_any_model_does_and_costs_nothing() -> None:
    model = scripted.connect()
    answer = await model.complete(prompt(pack(), Occasion.ASKED))
    assert (answer.model, answer.usage) == ("scripted", Usage())
    assert model.describe() == "内置规则（不是大模型）"
    assert tariff_at(model.name, NOW).price.of(Usage(fresh=1000, out=1000)) == 0
    decision = read(answer.text, pack())
    assert decision.action is Action.BUY
    assert decision.reasons[0].text == "现价9.00 元，高于20日均线8.80 元。"
    assert json.loads(answer.text)["entry"] == 9.0
    await model.close()


async def test_it_reads_all_that_binds_it_out_of_the_prompt() -> None:
    down = {**FIGURES, "ma20": "9.20", "ma60": "9.40", "macd_bar": "-0.05"}
    for facts, expected in (
        (pack(down, POSITION), ("sell", 600)),
        (pack(down, POSITION | {"sellable": "0"}), ("hold", None)),
        (pack(down, POSITION, sealed="down"), ("sell", 600)),
        (pack(most=0), ("wait", None)),
        (pack(account="", most=0), ("buy", None)),
    ):
        answer = json.loads((await scripted.connect().complete(prompt(facts, Occasion.ALERT))).text)
        assert (answer["action"], answer["size"]) == expected


@pytest.mark.parametrize("text", ["茅台", "<事实>\n{}\n</事实>", "<事实>\n[1]\n</事实>", "<事实>\nx\n</事实>"])
async def test_another_question_is_none_that_it_can_read(text: str) -> None:
    asked = Prompt(instructions="", turns=(Turn(role="user", text=text),), shape={}, most_tokens=1)
    with pytest.raises(Malformed, match="只会读分析用的事实"):
        await scripted.connect().complete(asked)


async def test_without_a_price_it_says_nothing() -> None:
    with pytest.raises(Malformed):
        await scripted.connect().complete(prompt(pack(FIGURES | {"price": None}), Occasion.ASKED))
