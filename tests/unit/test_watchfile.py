"""The file of watches: how it looks, what one change does to it, and what is said of a file that is wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.watchfile import House, Problem, Reading, compare, difference, read, summary, write
from core.conditions import PctDown, PctUp, PriceBelow, StopLoss
from core.messages import Chat
from core.types import Side, Symbol
from core.watches import Plan, Repeat, Watch, WatchState
from tests.fakes.parts import ACCOUNT, CHAT, MOUTAI, NAMES, OWNER, PINGAN, watch

NOW = datetime(2026, 3, 23, 2, 0, tzinfo=UTC)
BELOW = PriceBelow(value=Decimal("1420.00"))
ONE = watch(
    BELOW,
    number=3,
    plan=Plan(side=Side.BUY, shares=100),
    repeat=Repeat.ONCE,
    cooldown=timedelta(minutes=10),
    expires_on=date(2026, 4, 30),
    text="茅台跌破1420提醒我，跌破就买100股",
)
TWO = watch(
    PctUp(value=Decimal(3)),
    PctDown(value=Decimal(3)),
    id="w2",
    number=7,
    symbols=(MOUTAI, PINGAN),
    state=WatchState.PAUSED,
    repeat=Repeat.EVERY_TIME,
)
PAGE = """\
# 盯盘任务。可以手工修改，再用 dingpan import 导入；# 后面的字只给人看，导入时不读。
# 有编号（number）的改那个任务；没有编号的是新任务。没写的项目取默认值。
watches:
- number: 3
  symbols:
  - 600519.SH  # 贵州茅台
  conditions:
  - {kind: price_below, value: 1420}  # 跌到 1420.00 及以下
  plan: {side: buy, shares: 100}  # 买入 100 股，按触发时的对手价
  chat: phone:1
  account: paper
  cooldown: 10m
  expires: 2026-04-30
  text: 茅台跌破1420提醒我，跌破就买100股

- number: 7
  symbols:
  - 600519.SH  # 贵州茅台
  - 601318.SH  # 中国平安
  conditions:
  - {kind: pct_up, value: 3}  # 比昨收涨 3.00% 及以上
  - {kind: pct_down, value: 3}  # 比昨收跌 3.00% 及以上
  chat: phone:1
  account: paper
  repeat: every_time  # 每次穿越都提醒
  state: paused
"""


def name_of(symbol: Symbol) -> str:
    return NAMES.get(symbol, "")


def written(*watches: Watch) -> str:
    return write(watches, name_of)


def reading(text: str, *stored: Watch) -> Reading:
    ids = iter("abcdefgh")
    return read(text, House(OWNER, stored, ACCOUNT, frozenset({ACCOUNT}), CHAT, NOW, lambda: next(ids)))


def entry(*lines: str) -> str:
    """A file with one watch; its first line is line 4."""
    return "\n".join(["watches:", "- symbols: [600519]", "  conditions: [{kind: price_below, value: 3}]", *lines])


def said(text: str, *stored: Watch) -> list[Problem]:
    found = reading(text, *stored)
    assert found.watches == ()
    return list(found.problems)


# -- writing


def test_a_file_is_what_a_person_would_write() -> None:
    assert written(TWO, ONE) == PAGE


def test_the_whole_market_is_one_word_and_not_thousands_of_lines() -> None:
    whole = ONE.model_copy(update={"scope": "market", "plan": None, "symbols": (MOUTAI, PINGAN)})
    text = written(whole)
    assert "scope: market" in text
    assert "symbols" not in text
    for one in (text, text.replace("number: 3\n  ", "")):
        [kept] = reading(one, whole).watches
        assert (kept.id, kept.symbols) == (whole.id, whole.symbols)
    [fresh] = read(text, House(OWNER, (), ACCOUNT, frozenset({ACCOUNT}), CHAT, NOW, lambda: "a", (PINGAN,))).watches
    assert fresh.symbols == (PINGAN,)


def test_no_watches_are_a_file_too() -> None:
    assert reading(written()) == Reading((), ())
    assert "watches: []" in written()


@pytest.mark.parametrize(
    "changes",
    [
        {"conditions": (PriceBelow(value=Decimal(1400)),)},
        {"conditions": (StopLoss(value=Decimal(1400), unit="yuan"),)},
        {"plan": Plan(side=Side.BUY, shares=200)},
        {"cooldown": timedelta(hours=1)},
        {"expires_on": date(2026, 5, 1)},
        {"symbols": (PINGAN,)},
        {"account": "other"},
        {"chat": Chat("telegram", "42")},
        {"text": "换一句"},
        {"number": 4},
    ],
)
def test_one_changed_value_is_one_changed_line(changes: dict[str, Any]) -> None:
    before, after = written(ONE).splitlines(), written(ONE.model_copy(update=changes)).splitlines()
    assert len(before) == len(after)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


@pytest.mark.parametrize(
    "changes", [{"symbols": (MOUTAI, PINGAN)}, {"conditions": (BELOW, PctUp(value=Decimal(3)))}, {"top": 3}]
)
def test_what_is_added_is_one_more_line(changes: dict[str, Any]) -> None:
    before, after = written(ONE).splitlines(), written(ONE.model_copy(update=changes)).splitlines()
    assert [line for line in after if line in before] == before
    assert len(after) == len(before) + 1


def test_the_same_price_is_written_the_same() -> None:
    other = ONE.model_copy(update={"conditions": (PriceBelow(value=Decimal("1.42E+3")),)})
    assert written(other) == written(ONE)


# -- reading


def test_what_is_left_out_is_what_the_chat_would_take() -> None:
    (found,) = reading(entry()).watches
    assert (found.id, found.number, found.owner, found.account, found.chat) == ("a", 0, OWNER, ACCOUNT, CHAT)
    assert (found.repeat, found.cooldown, found.state, found.created_at) == (
        Repeat.DAILY,
        timedelta(minutes=5),
        WatchState.ACTIVE,
        NOW,
    )
    (planned,) = reading(entry("  plan: {side: sell, fraction: 0.5}")).watches
    assert planned.repeat is Repeat.ONCE


def test_a_code_is_read_as_people_write_it() -> None:
    text = entry().replace("[600519]", "[000001, sh600519, 300750.SZ]")
    assert reading(text).watches[0].symbols == ("000001.SZ", "600519.SH", "300750.SZ")


def test_prices_are_what_was_written_and_no_float() -> None:
    text = entry().replace("value: 3", "value: 0.1")
    assert reading(text).watches[0].conditions == (PriceBelow(value=Decimal("0.1")),)


def test_what_a_known_watch_does_not_name_stays() -> None:
    lines = [line for line in PAGE.splitlines() if not line.lstrip().startswith(("chat", "account", "text"))]
    assert reading("\n".join(lines), ONE, TWO).watches == (ONE, TWO)


def test_a_number_that_nobody_has_is_kept_for_the_new_watch() -> None:
    (found, _) = reading(PAGE).watches
    assert (found.id, found.number) == ("a", 3)


def test_a_watch_that_got_another_number_is_known_by_what_it_says() -> None:
    moved = ONE.model_copy(update={"number": 9})
    assert reading(written(ONE), moved).watches == (moved,)


def test_two_that_say_the_same_stay_two() -> None:
    twin = ONE.model_copy(update={"id": "twin", "number": 4, "state": WatchState.PAUSED})
    text = written(ONE, twin).replace("- number: 3\n  ", "- ").replace("- number: 4\n  ", "- ")
    assert {one.id for one in reading(text, ONE, twin).watches} == {"w1", "twin"}
    assert compare(reading(text, ONE, twin).watches, [ONE, twin]).changed == ()


# -- what is wrong


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("  cooldown: 5 minutes", "cooldown：“5 minutes”不是时长，请写成 5m（分）、90s（秒）、2h（小时）或 1d（天）"),
        ("  repeat: often", "repeat：“often”只能是 'once'、'daily' 或 'every_time'"),
        ("  expires: tomorrow", "expires：“tomorrow”要写日期，例如 2026-03-31"),
        ("  expires_on: 2026-03-31", "不认识 expires_on 这一项，是不是 expires"),
        ("  id: w1", "不认识 id 这一项"),
        ("  number: -1", "number 要写 1 以上的整数；新任务可以不写"),
        ("  chat: 42", "chat：“42”不是会话，要写成 telegram:123456 的样子"),
        ("  account: live", "没有 live 这个账户，现在有的是：paper"),
        ("  state: deleted", "state 不能写 deleted。要删除就把任务从文件里去掉，导入时加 --prune"),
        ("  plan: {side: buy}", "计划需要写明数量：多少股、多少手、多少钱，或者几成仓位"),
        (
            "  plan: {side: buy, shares: 150}",
            "主板买入要按 100 股的整数倍，现在是 150 股，请改成 100 股或 200 股",
        ),
        ("  only_held: maybe", "only_held：“maybe”要写 true 或 false"),
        ("  band: 99", "band：“99”不能大于 50"),
        ("  top: 0", "top：“0”要大于 0"),
        ("  check_interval: 30s", "定时分析最短 1 分钟"),
        ("  text: &a x", ""),
        ("  text: *a", "不支持引用（*a），请把内容写全"),
        ("  symbols: []", "symbols 写了两次"),
        ("  ? [1]\n  : 2", "冒号前面要是一个词"),
        ("  text： 3", "第 10 个字附近不是正确的 YAML，请检查缩进、冒号后面的空格、括号和引号"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(line: str, sentence: str) -> None:
    found = reading(entry(line)).problems
    if not sentence:
        assert found == ()
        return
    assert [one.text for one in found] == [sentence]
    assert found[0].line in {4, 5}


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("{kind: price_below, value: -3}", "价格 -3.00 不合理：应大于 0，不超过 100000"),
        ("{kind: price_below, value: abc}", "value：“abc”要写数字"),
        ("{kind: price_below, value: 3, valu: 4}", "valu：不认识这一项"),
        ("{kind: pct_down, value: 100}", "跌幅 100.00% 不可能达到，请写小于 100 的百分数"),
        ("{kind: pct_down}", "value：缺少这一项"),
        ("{value: 3}", "缺少 kind，要写明是哪种条件，例如 {kind: price_below, value: 1420}"),
        ("price_below", "conditions：“price_below”要写成 {名字: 值} 的样子"),
        (
            "{kind: pct_up, value: 3, reference: last}",
            "reference: last 是从设置时的价格起算，请用 base 写明那个价格，例如 base: 1400",
        ),
    ],
)
def test_a_condition_that_cannot_be_is_said_with_its_line(condition: str, sentence: str) -> None:
    text = f"watches:\n- symbols: [600519]\n  conditions:\n  - {{kind: limit_up}}\n  - {condition}\n"
    assert said(text) == [Problem(5, sentence)]


def test_a_kind_that_is_none_is_answered_with_those_that_are() -> None:
    (problem,) = said(entry().replace("price_below", "price_bellow"))
    assert problem.line == 3
    assert problem.text.startswith("没有 price_bellow 这种条件，是不是 price_below。可以写：price_above、")


def test_every_problem_is_told_at_once_and_nothing_is_read() -> None:
    lines = ["watches:", *(PAGE.splitlines()[3:15])]
    lines[1:1] = ["- number: 3", "  symbols: [600519, 12345, 茅台]", "  conditions: []", "- 3"]
    found = said("\n".join(lines))
    assert [one.line for one in found] == [3, 3, 4, 5, 6]
    assert [one.text for one in found][2:] == [
        "conditions：至少要写一个",
        "这里要是一个任务，例如“- symbols: [600519]”",
        "编号 3 和第 2 行重复",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "开头要有 watches:"),
        ("- 1", "开头要有 watches:"),
        ("watch: []", "开头要有 watches:"),
        ("watches: []\nmore: 1", "不认识 more 这一项"),
        ("watches: 3", "watches 下面要是一个一个的任务"),
        ("watches: []\n---\nwatches: []", "不是正确的 YAML"),
        ("watches: []\n\x07", "有不能显示的字符，请删掉"),
        ("[" * 500 + "]" * 500, "括号套得太多，读不了"),
    ],
)
def test_what_is_no_file_of_watches_is_said(text: str, sentence: str) -> None:
    assert any(sentence in one.text for one in said(text))


# -- comparing


def test_what_a_file_would_do_is_shown_line_by_line() -> None:
    other = watch(BELOW, id="w9", number=9)
    text = written(ONE, TWO).replace("value: 1420", "value: 1400").replace("number: 7", "number: 8")
    changes = compare(reading(text, ONE, other).watches, [ONE, other])
    assert difference(changes, name_of, prune=True) == [
        "+ 新建 #8 贵州茅台、中国平安：比昨收涨 3.00% 及以上 或者 比昨收跌 3.00% 及以上",
        "~ 修改 #3 贵州茅台：跌到 1400.00 及以下",
        "    -   - {kind: price_below, value: 1420}  # 跌到 1420.00 及以下",
        "    +   - {kind: price_below, value: 1400}  # 跌到 1400.00 及以下",
        "- 删除 #9 贵州茅台：跌到 1420.00 及以下",
    ]
    assert summary(changes, prune=False) == "新建 1 个，修改 1 个，没有变化 0 个，文件里没有而保留 1 个"
