"""What a sentence does to the watch made just before it: corrects it, adds to it, or leaves it as it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import pytest

from bot.language.grammar import Context, read
from bot.language.names import known
from bot.language.request import Request, condition_of
from core.conditions import PriceBelow
from core.types import Side
from tests.evals.__main__ import NOW


def said(text: str, **context: Any) -> Request:
    return read(text, known(), now=NOW, context=Context.model_validate(context))


BUYS: Final[dict[str, Any]] = {
    "draft": {
        "intent": "watch_create",
        "symbols": ["600519.SH"],
        "conditions": [{"kind": "price_below", "value": 1380, "unit": "yuan"}],
        "action": {"side": "buy", "shares": 100},
    },
    "last_symbols": ["600519.SH"],
}
"""A watch with a plan to buy was made just now."""


@pytest.mark.parametrize("text", ["再加一个跌破1370的", "再盯一个跌破1370的", "再设一条跌破1370提醒我"])
def test_one_more_is_a_watch_of_its_own(text: str) -> None:
    request = said(text, **BUYS)
    assert (request.intent, request.symbols) == ("watch_create", ("600519.SH",))
    assert [condition_of(draft) for draft in request.conditions] == [PriceBelow(value=Decimal(1370))]
    assert request.action is None


def test_one_more_condition_belongs_to_the_watch() -> None:
    request = said("再加一个条件，量比大于2", **BUYS)
    assert (request.intent, request.combine) == ("watch_update", "all")
    assert [draft.kind for draft in request.conditions] == ["price_below", "volume_ratio"]


@pytest.mark.parametrize("text", ["涨到1500也提醒我", "再跌一个点提醒我"])
def test_who_wishes_to_be_told_buys_nothing_more(text: str) -> None:
    request = said(text, **BUYS)
    assert (request.intent, len(request.conditions), request.action) == ("watch_create", 1, None)


@pytest.mark.parametrize("text", ["清仓", "全部卖出"])
def test_a_sale_is_no_correction_of_a_plan_to_buy(text: str) -> None:
    assert said(text, **BUYS).intent == "order_sell"


def test_a_plan_is_turned_round_by_who_says_that_it_was_wrong() -> None:
    request = said("不对，是卖出100股", **BUYS)
    assert request.intent == "watch_update"
    assert request.action is not None
    assert request.action.side is Side.SELL


STOP: Final[dict[str, Any]] = {
    "draft": {
        "intent": "watch_create",
        "symbols": ["600519.SH"],
        "conditions": [{"kind": "stop_loss", "value": 1385, "unit": "yuan"}],
    },
    "last_symbols": ["600519.SH"],
}


@pytest.mark.parametrize("text", ["止盈1500", "涨到1500提醒我", "止损1350提醒我", "涨停了说一声", "跌破1390买100股"])
def test_a_condition_said_without_a_word_of_correction_gives_up_no_watch(text: str) -> None:
    request = said(text, **STOP)
    assert (request.intent, request.symbols, request.missing) == ("watch_create", ("600519.SH",), ())


@pytest.mark.parametrize("text", ["止损1350", "改成止盈1500", "不对，是跌破1390", "改成1350"])
def test_a_correction_still_means_the_watch_just_made(text: str) -> None:
    assert said(text, **STOP).intent == "watch_update"


def test_another_watch_is_on_what_the_last_one_is_on() -> None:
    held = {"intent": "watch_create", "scope": "holdings", "conditions": [{"kind": "pct_down", "value": 5}]}
    for text in ("涨5%提醒我", "再加一个涨5%的"):
        request = said(text, draft=held, last_symbols=["600519.SH"])
        assert (request.intent, request.scope, request.symbols) == ("watch_create", "holdings", ())
    assert said("账户今天亏损超过2%告诉我", draft=held).scope is None


@pytest.mark.parametrize("text", ["跌破就买100股", "跌破了就买100股", "到了就买100股", "触发了就买100股"])
def test_the_plan_is_said_after_the_watch_that_it_belongs_to(text: str) -> None:
    watch = {key: value for key, value in BUYS["draft"].items() if key != "action"}
    request = said(text, draft=watch, last_symbols=["600519.SH"])
    assert request.intent == "watch_update"
    assert [one.value for one in request.conditions] == [Decimal(1380)]
    assert request.action is not None
    assert request.action.shares == 100


@pytest.mark.parametrize("text", ["涨到了就卖100股", "突破就买100股"])
def test_a_plan_for_a_rise_is_not_hung_on_a_fall(text: str) -> None:
    watch = {key: value for key, value in BUYS["draft"].items() if key != "action"}
    assert said(text, draft=watch, last_symbols=["600519.SH"]).intent != "watch_update"
