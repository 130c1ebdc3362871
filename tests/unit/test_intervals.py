"""A watch that has its shares analysed again and again: how it is said, what it may be, and what of it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from bot.language.grammar import read
from bot.language.names import known
from bot.language.request import Request
from core.conditions import PriceBelow
from core.messages import Chat
from core.types import Side, Symbol, account_symbol
from core.watches import Plan, Repeat, Watch
from tests.evals.__main__ import NOW

MOUTAI = Symbol("600519.SH")


def said(text: str) -> Request:
    return read(text, known(), now=NOW)


def a_watch(**fields: Any) -> Watch:
    words: dict[str, Any] = {
        "id": "W1",
        "number": 1,
        "owner": "me",
        "chat": Chat("telegram", "1"),
        "account": "paper",
        "symbols": (MOUTAI,),
        "check_interval": timedelta(minutes=30),
        "created_at": datetime(2026, 11, 18, 2, 0, tzinfo=UTC),
    }
    return Watch(**(words | fields))


@pytest.mark.parametrize(
    "text",
    [
        "每30分钟分析一次茅台",
        "每半小时帮我分析一下茅台",
        "茅台每30分钟分析一次",
        "每隔三十分钟让AI分析一下茅台",
        "盘中每 30 分钟分析一次 贵州茅台",
    ],
)
def test_a_share_is_analysed_again_and_again(text: str) -> None:
    request = said(text)
    assert (request.intent, request.symbols, request.analyze_s) == ("watch_create", (MOUTAI,), 1800)
    assert not request.conditions
    assert not request.missing


def test_beside_a_condition_it_is_one_watch() -> None:
    request = said("茅台跌破1400提醒我，每小时分析一次")
    assert (request.intent, request.symbols, request.analyze_s) == ("watch_create", (MOUTAI,), 3600)
    [condition] = request.conditions
    assert condition.kind == "price_below"


def test_what_is_held_is_analysed_as_a_whole() -> None:
    request = said("持仓每小时分析一次")
    assert (request.intent, request.scope, request.analyze_s) == ("watch_create", "holdings", 3600)


def test_every_one_can_be_asked_for() -> None:
    assert said("每30分钟分析一次茅台，每次都告诉我").repeat == "every_time"


def test_without_a_share_it_is_asked_for() -> None:
    assert said("每小时分析一次").missing == ("symbols",)


def test_once_is_no_watch() -> None:
    assert said("分析一下茅台").intent == "analyze"


def test_a_watch_without_a_condition_only_analyses() -> None:
    watch = a_watch()
    assert watch.groups() == ()
    assert watch.condition_text() == "盘中每 30 分钟分析一次"
    assert watch.manner_text() == ()
    assert a_watch(combine="all").groups() == ()


def test_a_watch_with_a_condition_says_the_interval_beside_it() -> None:
    watch = a_watch(conditions=(PriceBelow(value=1400),), check_interval=timedelta(hours=2))
    assert watch.condition_text() == "跌到 1400.00 及以下"
    assert watch.manner_text() == ("盘中每 2 小时分析一次",)


@pytest.mark.parametrize(
    "fields",
    [
        {"check_interval": None},
        {"plan": Plan(side=Side.BUY, shares=100)},
        {"scope": "market"},
        {"symbols": (account_symbol("paper"),)},
        {"check_interval": timedelta(seconds=30)},
    ],
)
def test_what_can_be_no_watch(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        a_watch(**fields)


def test_how_often_a_watch_without_a_condition_tells() -> None:
    assert a_watch().often_text() == "建议变了或价格接近它的价位才告诉你"
    assert a_watch(repeat=Repeat.EVERY_TIME).often_text() == "每次都告诉你"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("提醒带点评", "on"),
        ("以后提醒都带上点评", "on"),
        ("打开提醒点评", "on"),
        ("提醒不要点评", "off"),
        ("提醒后面别加点评了", "off"),
        ("不要点评了", "off"),
        ("关闭提醒的点评", "off"),
    ],
)
def test_comments_are_switched_by_a_sentence(text: str, value: str) -> None:
    request = said(text)
    assert request.intent == "settings"
    assert request.setting is not None
    assert (request.setting.key, request.setting.value) == ("alert_comments", value)


@pytest.mark.parametrize("text", ["点评一下茅台", "茅台点评", "给茅台做个点评"])
def test_a_comment_on_a_share_is_an_analysis(text: str) -> None:
    assert (said(text).intent, said(text).symbols) == ("analyze", (MOUTAI,))
