"""Sentences about reports, and those that only sound like one."""

from __future__ import annotations

import pytest

from bot.language.grammar import ORDERS, read
from bot.language.names import Names
from tests.fakes.parts import at

NAMES = Names.seed()
NOW = at("2026-11-18 10:15")


def heard(text: str) -> dict[str, object]:
    found = read(text, NAMES, now=NOW).as_json()
    return found if found.pop("intent") == "report" else {"no report": found}


@pytest.mark.parametrize(
    ("edition", "sentences"),
    [
        (
            "close",
            "日报 今日总结 今天总结一下 总结一下今天 总结一下今天的情况 帮我总结一下今天 收盘总结 盘后小结一下 今天复盘",
        ),
        ("close", "给我看看日报 发个日报 请给我今天的日报 给我发日报 每日报告"),
        ("week", "周报 本周总结 这周复盘一下 我要看周报 来一份周报吧 总结一下本周"),
        ("morning", "盘前看什么 今天看什么 开盘前看什么 今天要留意什么？ 明天要注意什么 早报 盘前提示 盘前报告"),
        ("noon", "午间小结 上午总结一下 午报"),
    ],
)
def test_a_report_is_asked_for_in_many_words(edition: str, sentences: str) -> None:
    for text in sentences.split():
        assert heard(text) == {"edition": edition}, text


@pytest.mark.parametrize(
    ("edition", "sentences"),
    [
        (
            "close",
            "每天收盘给我发日报 每天发日报 每天收盘后发日报给我 以后每天收盘都给我发一份日报 收盘发我日报 打开日报 日报打开",
        ),
        ("close", "每天收盘给我总结一下"),
        ("week", "每周五给我发周报 每周发周报给我 订阅周报"),
        ("morning", "每天盘前给我发早报 每天早上给我发早报"),
    ],
)
def test_reports_are_asked_for_from_now_on(edition: str, sentences: str) -> None:
    for text in sentences.split():
        assert heard(text) == {"edition": edition, "repeat": "every_time"}, text


@pytest.mark.parametrize(
    ("edition", "sentences"),
    [
        ("close", "不要发日报 别发日报 别再给我发日报了 日报不要发了 取消日报 退订日报 以后别发日报了"),
        ("week", "不用发周报了 周报别发了"),
        (None, "报告都不要发了 停发所有报告 不要发报告了"),
    ],
)
def test_reports_are_asked_for_no_more(edition: str | None, sentences: str) -> None:
    for text in sentences.split():
        assert heard(text) == {"off": True} | ({} if edition is None else {"edition": edition}), text


@pytest.mark.parametrize(
    "text",
    [
        *("帮我复盘一下持仓", "今天盈亏多少", "今天买了什么", "看看盯盘", "不要提醒了", "今天盯什么", "今天触发了什么"),
        *("这周赚了多少", "分析一下今天", "日线", "周线图", "今天有什么提醒", "茅台日报", "今天买什么", "总结一下茅台"),
        *("收盘前卖出茅台100股", "收盘总结完卖出茅台100股", "看完日报买100股茅台", "不要发日报了，卖出茅台100股"),
        *("日报里的茅台都卖了", "每天收盘给我买100股茅台"),
    ],
)
def test_what_only_sounds_like_a_report_is_none(text: str) -> None:
    assert "no report" in heard(text)


@pytest.mark.parametrize("text", ["收盘总结完卖出茅台100股", "看完日报买100股茅台", "每天收盘给我买100股茅台"])
def test_no_order_is_read_out_of_words_about_reports(text: str) -> None:
    assert read(text, NAMES, now=NOW).intent not in ORDERS
