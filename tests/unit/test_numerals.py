"""Numbers as people write them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.language.numerals import figures, number

_DIGITS = "零一二三四五六七八九"


def _chinese(value: int) -> str:
    """An independent writer of whole numbers under a hundred million."""
    if value >= 10_000:
        head, tail = divmod(value, 10_000)
        rest = _chinese(tail) if tail else ""
        return f"{_chinese(head)}万{'零' if tail and tail < 1000 else ''}{rest}"
    text, zero = "", False
    for scale, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // scale % 10
        if digit:
            text += ("零" if zero and text else "") + _DIGITS[digit] + unit
            zero = False
        else:
            zero = True
    return text or "零"


@given(st.integers(min_value=1, max_value=99_999_999))
def test_a_number_written_out_is_read_back(value: int) -> None:
    assert number(_chinese(value)) == value


@given(st.decimals(min_value=0, max_value=100_000, places=2))
def test_an_arabic_number_is_itself(value: Decimal) -> None:
    assert number(f"{value:f}") == value
    assert number(f"{value:,f}") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("一千四", "1400"), ("一百二", "120"), ("两百六", "260"), ("一万二", "12000"), ("三千五百", "3500"), ("1.5万", "15000"),
     ("1万2", "12000"), ("5w", "50000"), ("十五", "15"), ("一百零五", "105"), ("一四零零", "1400"), ("三点五", "3.5")],
)  # fmt: skip
def test_short_forms(text: str, value: str) -> None:
    assert number(text) == Decimal(value)


def test_a_number_of_forty_digits_is_a_number() -> None:
    assert number("9" * 40 + "万") == Decimal(10) ** 44


@pytest.mark.parametrize("text", ["两三百", "三五", "百", "万", "", "几", "一二"])
def test_what_is_not_certain_is_no_number(text: str) -> None:
    assert number(text) is None


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("9块8", "9.8", "yuan"),
        ("九块三", "9.3", "yuan"),
        ("三块零8分", "3.08", "yuan"),
        ("9块05", "9.05", "yuan"),
        ("七块二毛五", "7.25", "yuan"),
        ("36块25", "36.25", "yuan"),
        ("十二块半", "12.5", "yuan"),
        ("九毛五", "0.95", "yuan"),
        ("5万块钱", "50000", "yuan"),
        ("两成", "20", "tenths"),
        ("两成半", "25", "tenths"),
        ("3个点", "3", "pct"),
        ("两个半点", "2.5", "pct"),
        ("半个点", "0.5", "pct"),
        ("百分之五", "5", "pct"),
        ("三点五%", "3.5", "pct"),
        ("-5%", "-5", "pct"),
        ("三分之二", "0.6667", "fraction"),
        ("1/3", "0.3333", "fraction"),
        ("十手", "1000", "shares"),
        ("1.5万股", "15000", "shares"),
        ("两千五百股", "2500", "shares"),
        ("1.5倍", "1.5", "times"),
        ("3000点", "3000", "point"),
    ],
)
def test_a_figure_with_its_unit(text: str, value: str, unit: str) -> None:
    (figure,) = figures(text)
    assert (figure.value, figure.unit) == (Decimal(value), unit)
    assert (figure.start, figure.end) == (0, len(text))


def test_two_figures_stand_apart() -> None:
    assert [(str(one.value), one.unit) for one in figures("38块5买300股")] == [("38.5", "yuan"), ("300", "shares")]
    assert [str(one.value) for one in figures("38-42")] == ["38", "42"]


@pytest.mark.parametrize(
    "text", ["看一下", "万一", "第3个", "#3", "一次", "两只", "停一停", "一旦", "几股", "两三百股"]
)
def test_words_that_begin_with_a_numeral_are_no_figures(text: str) -> None:
    assert figures(text) == ()


@given(st.text(max_size=60))
def test_no_text_breaks_the_scanner(text: str) -> None:
    for figure in figures(text):
        assert 0 <= figure.start < figure.end <= len(text)
