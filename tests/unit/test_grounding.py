"""Grounding: what stands as a fact, and what never does, however it is written."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from core.figures import Unit
from core.grounding import LEFT_OUT, Fact, Facts, Unknown, check, check_message, fill, grounded, held_to
from core.messages import Message

M, N = "600519.SH", "300750.SZ"
GAIN = ("盈亏", "浮盈", "浮亏", "赚", "亏", "盈利", "亏损")
FACTS = Facts(
    figures=(
        Fact("moutai_profit", Decimal("6890.28"), Unit.YUAN, M, GAIN, signed=True),
        Fact("moutai_percent", Decimal("1.6325"), Unit.PERCENT, M, GAIN, signed=True),
        Fact("moutai_last", Decimal(1430), Unit.PRICE, M, ("现价",)),
        Fact("moutai_cost", Decimal("1407.0324"), Unit.PRICE, M, ("成本",)),
        Fact("moutai_shares", Decimal(300), Unit.SHARES, M, ("持仓",)),
        Fact("moutai_weight", Decimal("36.04"), Unit.PERCENT, M, ("占总资产", "占")),
        Fact("catl_profit", Decimal(-7000), Unit.YUAN, N, GAIN, signed=True),
        Fact("catl_last", Decimal(392), Unit.PRICE, N, ("现价",)),
        Fact("catl_part", Decimal("33.4"), Unit.PERCENT, N, ("占",)),
        Fact("total", Decimal("1190285.01"), Unit.YUAN, words=("总资产",)),
        Fact("floating", Decimal("6129.44"), Unit.YUAN, words=("浮动盈亏", "盈亏"), signed=True),
        Fact("today", Decimal("5953.8"), Unit.YUAN, words=("盈亏", "赚"), when=("今天",), signed=True),
        Fact("held", Decimal(5), Unit.COUNT, words=("持仓",), counter="只"),
        Fact("days", Decimal(12), Unit.DAYS, M, ("持有",)),
        Fact("times", Decimal("2.5"), Unit.TIMES, M, ("量比",)),
    ),
    names={"贵州茅台": M, "茅台": M, "600519": M, "宁德时代": N, "300750": N, "五粮液": "000858.SZ"},
    moments=(datetime(2026, 11, 18, 2, 31, tzinfo=UTC),),
    literals=("#3", "20日均线"),
)


@pytest.mark.parametrize(
    "text",
    [
        "贵州茅台(600519)　+6,890.28 元（+1.63%）",
        "茅台赚了 6890 元，成本 1407.032，现价 1,430.00 元",
        "茅台赚了六千八百九十元",
        "茅台占三成六",
        "茅台占百分之三十六",
        "茅台占总资产 ３６．０４％",
        "宁德时代亏了7千元，总资产 119.03 万元",
        "宁德时代占了三分之一",
        "总资产 119 万，浮动盈亏 +6,129.44 元",
        "今天赚了 5,953.80 元，截至 11-18 10:31",
        "截至2026年11月18日10:31:00",
        "茅台站上20日均线，持仓 300 股（3 手），见 #3",
        "茅台和宁德时代现价分别是1430.00和392.00元",
        "1. 茅台现价 1430.00\n2. 宁德时代现价 392.00\n3）持仓 5 只",
        "茅台持有 12 天，量比 2.50 倍",
        "五粮液一直没有动，大家都一样",
        "贵州茅台(600519)\n　现价 1430.00，盈亏 +6,890.28 元",
        "600519.SH 现价 1430.00",
        "茅台现价 1430.00在成本 1407.03之上",
    ],
)
def test_what_is_a_fact_stands(text: str) -> None:
    assert check(text, FACTS) == []


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        # three mistakes that are easily made
        ("目标价1550", "1550"),  # a Chinese character is no part of a number
        ("茅台赚了257730元", "257730元"),  # six digits are not always a code
        ("1234.56", "1234.56"),  # nor is what ends in a dot always the number of a list
        # a number from nowhere, in every way of writing
        ("茅台现价 1431.00", "1431.00"),
        ("茅台现价 １４３１．００ 元", "1431.00 元"),
        ("茅台现价一千四百三十一元", "一千四百三十一元"),
        ("茅台现价 14\u200b31.00 元", "1431.00 元"),
        ("茅台占百分之三十", "百分之三十"),
        ("茅台赚了好几千元", "好几千"),
        ("茅台赚了六千多元", "六千多元"),
        ("茅台已经翻倍", "翻倍"),
        ("it is up by half", "half"),
        ("②", "2"),
        ("茅台现价 ١٤٣٠ 元", "١"),
        # a number that exists, of something else
        ("茅台成本 1,430.00 元", "1,430.00 元"),
        ("宁德时代现价 1430.00", "1430.00"),
        ("茅台现价 1430.00，宁德时代也是 1430.00", "1430.00"),
        ("总资产 1430.00 元", "1430.00 元"),
        ("今天赚了 6129.44 元", "6129.44 元"),
        ("茅台和宁德时代现价分别是392.00和1430.00元", "392.00"),
        # another unit, place or sign
        ("茅台占 3.604%", "3.604%"),
        ("总资产 119.03 亿元", "119.03 亿元"),
        ("茅台持仓 300 手", "300 手"),
        ("茅台现价 1430.00 港元", "1430.00"),
        ("茅台赚了 6,890.28 多", "6,890.28"),
        ("茅台亏了 6890.28 元", "6890.28 元"),
        ("茅台盈亏 -6,890.28 元", "-6,890.28 元"),
        ("宁德时代赚 7000 元", "7000 元"),
        ("宁德时代亏损 +7000 元", "+7000 元"),
        ("茅台没有亏 6890.28 元", "6890.28 元"),
        ("茅台没赚 6890.28 元", "6890.28 元"),
        # rounded away, or too much
        ("茅台占四成", "四成"),
        ("总资产 1 百万元", "1 百万元"),
        ("茅台赚了 1 万元", "1 万元"),
        # a bare number, another share, another time, a list that does not count up
        ("大约 300", "300"),
        ("三一重工 19 块", "三一"),
        ("截至 11-19", "11-19"),
        ("截至 10:32", "10:32"),
        ("1. 茅台\n3. 宁德时代", "3"),
        ("见 #35", "35"),
        ("站上 120日均线", "120"),
    ],
)
def test_what_is_no_fact_does_not_stand(text: str, figure: str) -> None:
    found = check(text, FACTS)
    assert found, text
    assert figure.removesuffix(" 元") in found[0].figure or found[0].figure in figure


def test_what_a_text_is_about_is_meant_where_no_share_is_named() -> None:
    assert check("现价 1430.00", FACTS, about=M) == []
    assert check("现价 1430.00", FACTS, about=N)
    assert check("现价 1430.00，总资产 119 万元", FACTS, about=M) == []


def test_a_cell_is_read_under_its_heading_for_the_share_of_its_row() -> None:
    rows = (("盈亏", "占", ""), ("+6,890", "36.04%", "贵州茅台"), ("-7,000", "33.40%", "宁德时代"))
    assert check_message(Message(title="持仓 5 只", table=rows), FACTS) == []
    swapped = (rows[0], ("-7,000", *rows[1][1:]), ("+6,890", *rows[2][1:]))
    assert len(check_message(Message(title="持仓 5 只", table=swapped), FACTS)) == 2
    assert check_message(Message(table=(("占", "盈亏", ""), *rows[1:])), FACTS)


def test_a_message_is_shown_without_what_does_not_stand() -> None:
    wrong = Message(
        title="茅台现价 1430.00", text="宁德时代现价 1430.00\n总资产 119 万元", table=(("占", ""), ("9%", "茅台"))
    )
    shown, problems = held_to(wrong, FACTS)
    assert shown.title == wrong.title
    assert shown.text == f"{LEFT_OUT}总资产 119 万元"
    assert shown.table == ()
    assert len(problems) == 2
    assert held_to(Message(title="茅台现价 1430.00"), FACTS) == (Message(title="茅台现价 1430.00"), [])


def test_a_wrong_sentence_of_a_model_gives_way_to_the_plain_one() -> None:
    said = "茅台赚了 6890 元。宁德时代亏 9 元。目标价1550。"
    assert grounded(said, FACTS, "宁德时代盈亏 -7,000.00 元。") == "茅台赚了 6890 元。宁德时代盈亏 -7,000.00 元。"
    assert grounded("茅台赚了 6890 元。", FACTS, "-") == "茅台赚了 6890 元。"


def test_what_leaned_on_a_wrong_sentence_goes_with_it() -> None:
    said = "宁德时代亏 9 元。现价 1430.00。"
    assert grounded(said, FACTS, "盈亏未知。", about=N) == "盈亏未知。"


# -- slots


def test_slots_are_filled_in_the_house_s_own_writing() -> None:
    filled = fill(
        "茅台赚了{{moutai_profit}}，占{{moutai_weight}}。宁德时代亏损{{ catl_profit }}元，总资产{{total}}", FACTS
    )
    assert filled.problems == []
    assert filled.text == "茅台赚了6,890.28 元，占36.04%。宁德时代亏损7,000.00 元，总资产1,190,285.01 元"


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        ("茅台赚了{{nothing}}", "{{nothing}}"),
        ("茅台赚了{{moutai。profit}}", "{{moutai。profit}}"),
        ("茅台赚了{{catl_profit}}", "{{catl_profit}}"),  # another share's
        ("宁德时代赚了{{catl_profit}}", "{{catl_profit}}"),  # the other way
        ("茅台成本{{moutai_last}}", "{{moutai_last}}"),  # another figure of the share
        ("茅台赚了{{moutai_profit}}，约 7000 元", "7000 元"),
        ("茅台赚了{{moutai_profit}}，约七千", "七千"),
        ("茅台占百分之三十六，总资产{{total}}", "百分之三十六"),
        ("截至 10:31，总资产{{total}}", "10:31"),
        ("翻倍，总资产{{total}}", "翻倍"),
    ],
)
def test_a_slot_is_bound_to_its_meaning_and_no_figure_stands_outside(text: str, figure: str) -> None:
    filled = fill(text, FACTS)
    assert filled.text == ""
    assert filled.problems[0].figure == figure


@pytest.mark.parametrize(
    ("fact", "text"),
    [
        (Fact("a", Decimal("-0.5"), Unit.PERCENT, signed=True), "-0.50%"),
        (Fact("a", Decimal("2.5"), Unit.TIMES), "2.50 倍"),
        (Fact("a", Decimal(3), Unit.COUNT, counter="笔"), "3 笔"),
        (Fact("a", Decimal(300), Unit.SHARES), "300 股"),
        (Fact("a", Decimal("4.751"), Unit.PRICE), "4.751 元"),
        (Fact("a", Decimal(1234), Unit.YUAN, signed=True), "+1,234.00 元"),
    ],
)
def test_a_fact_is_written_with_its_unit(fact: Fact, text: str) -> None:
    assert fact.text() == text


@pytest.mark.parametrize(
    "text", ["", "\n\n", "😀" * 500, "(" * 3000, "1" * 5000, "一" * 3000, "{{" * 2000, "<b>1</b>' OR 1=1"]
)
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    assert isinstance(check(text, FACTS), list)
    assert isinstance(fill(text, FACTS).text, str)


def test_what_is_not_known_may_be_named_and_names_nothing_else() -> None:
    facts = FACTS._replace(unknown=(Unknown(("250日均线", "年线")), Unknown(("20日盈亏", "盈亏"), ("近20日",))))
    assert check("250日均线缺失，茅台现价 1430.00", facts) == []
    assert [one.figure for one in check("茅台年线 1430.00 元", facts)] == ["1430.00 元"]
    assert fill("茅台年线{{moutai_last}}", facts).problems
    assert fill("茅台近20日盈亏{{moutai_profit}}", facts).problems
    assert not fill("茅台盈亏{{moutai_profit}}", facts).problems


def test_a_number_without_a_unit_is_shown_and_checked_without_one() -> None:
    facts = Facts(
        figures=(
            Fact("rsi", Decimal("-5.2"), Unit.POINTS, M, ("J值",)),
            Fact("dif", Decimal("-0.523"), Unit.POINTS, M, ("DIF",)),
        )
    )
    assert fill("J值{{rsi}}，DIF{{dif}}，低于零轴", facts, M).text == "J值-5.20，DIF -0.523，低于零轴"
    assert fill("现在低于J值{{rsi}}点", facts, M).text == "现在低于J值-5.20"
    assert check("J值 -5.20 元", facts, M)
    assert check("J值 5.20", facts, M)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        ("1425000000", Unit.YUAN, "14.25 亿元"),
        ("-123456", Unit.YUAN, "-12.35 万元"),
        ("9999", Unit.YUAN, "9,999.00 元"),
        ("2613700", Unit.SHARES, "261.37 万股"),
        ("300", Unit.SHARES, "300 股"),
        ("150000", Unit.PRICE, "150000.00 元"),
    ],
)
def test_a_long_number_is_shown_in_ten_thousands_and_still_stands(value: str, unit: Unit, text: str) -> None:
    facts = Facts(figures=(Fact("it", Decimal(value), unit, M, ("成交",), rough=True),))
    assert fill("成交{{it}}", facts, M) == (f"成交{text}", [])
