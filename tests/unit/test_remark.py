"""A model's sentence on a report: its figures are ours, and it neither advises nor foretells."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from core.completions import Unfounded
from core.editions import Edition
from core.portfolio import Account
from core.remark import facts_of, prompt, read
from core.report import Book, Report, report
from core.sheet import Curve
from core.types import Mode
from tests.unit.test_render_answers import CMB, MOUTAI, NAMES, account, position, quote, sheet
from tests.unit.test_report import CLOSED, alert, known


def book(of: Account) -> Book:
    quotes = [quote(MOUTAI, "1419", "1410", at=CLOSED), quote(CMB, "38", "40", at=CLOSED)]
    return Book(sheet(of, quotes, now=CLOSED), Curve([]))


ONE = account(position(MOUTAI, 100, "1400"), position(CMB, 100, "40"))
WIFE = Account.model_validate(dict(ONE) | {"id": "wife", "name": "老婆账户", "mode": Mode.PAPER})


def found(*accounts: Account, edition: Edition = Edition.CLOSE) -> Report:
    """+900 by Moutai and -200 by the bank: +700 on the day; two alerts."""
    books = [book(one) for one in accounts or (ONE,)]
    return report(known(edition, names=NAMES, books=books, alerts=[alert("10:00"), alert("11:00")]))


def said(text: str, of: Report | None = None) -> str:
    return read(json.dumps({"text": text}, ensure_ascii=False), of or found())


def test_the_figures_of_a_remark_are_filled_in_by_us() -> None:
    text = said("今天盈亏{{gain1}}，主要是贵州茅台赚{{gain1_600519}}，招商银行亏{{gain1_600036}}。")
    assert text == "今天盈亏+700.00 元，主要是贵州茅台赚900.00 元，招商银行亏200.00 元。"
    assert said("今天提醒{{alerts}}，不算多。") == "今天提醒2 次，不算多。"
    assert said("今天平平淡淡。") == "今天平平淡淡。"


@pytest.mark.parametrize(
    "text",
    [
        "今天盈亏700元。",  # a figure of its own, though a true one
        "今天赚了七百元。",
        "今天盈亏{{gain9}}。",  # no such slot
        "贵州茅台盈亏{{gain1_600036}}。",  # another share's
        "今天亏{{gain1}}。",  # it was a gain
        "招商银行赚{{gain1_600036}}。",  # it was a loss
        "贵州茅台可以考虑卖出。",
        "明天有望继续上涨。",
        "建议逢低加仓贵州茅台。",
        "预计后市震荡。",
        "详见 https://example.com",
        "第一行\n第二行",
        "",
        "今天风平浪静" * 20,
    ],
)
def test_a_remark_that_invents_advises_or_foretells_is_not_shown(text: str) -> None:
    with pytest.raises(Unfounded):
        said(text)


@pytest.mark.parametrize("answer", ["今天不错", "[]", '{"text": 3}', '{"text": "好", "more": 1}', "", '{"note": "好"}'])
def test_what_is_no_answer_of_that_shape_is_not_shown(answer: str) -> None:
    with pytest.raises(Unfounded):
        read(answer, found())


def test_of_two_accounts_a_figure_is_whose_it_is_called() -> None:
    both = found(ONE, WIFE)
    assert said("老婆账户盈亏{{gain2}}。", both) == "老婆账户盈亏+700.00 元。"
    for text in ("今天盈亏{{gain1}}。", "模拟账户盈亏{{gain2}}。"):
        with pytest.raises(Unfounded):
            said(text, both)
    # A share that both hold has two gains, which one word cannot tell apart.
    assert not [one for one in facts_of(both).figures if "600519" in one.name]


def test_the_question_holds_the_figures_of_the_report_and_nothing_else() -> None:
    asked = prompt(found())
    assert asked is not None
    [turn] = asked.turns
    assert turn.text.splitlines()[1:5] == [
        "- {{gain1}} 模拟账户 盈亏 +700.00 元",
        "- {{percent1}} 模拟账户 盈亏 +0.07%",
        "- {{gain1_600519}} 贵州茅台 盈亏 +900.00 元",
        "- {{change1_600519}} 贵州茅台 涨跌 +0.64%",
    ]


def test_there_is_no_question_where_there_is_nothing_to_remark_on() -> None:
    assert prompt(report(known())) is None
    assert prompt(found(edition=Edition.NOON)) is None
    assert prompt(found(edition=Edition.MORNING)) is None


def test_a_gain_that_is_not_known_has_no_figure() -> None:
    lost = sheet(account(position(MOUTAI, 100, "1400")), [], now=CLOSED)
    of = report(known(books=[Book(lost, Curve([]))], alerts=[alert("10:00")]))
    assert {one.name for one in facts_of(of).figures} == {"alerts", "untold"}
    assert facts_of(of).figures[0].value == Decimal(1)
