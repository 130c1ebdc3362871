"""Relations: a figure stands behind its own name, and of two the one that is called higher is the higher."""

from __future__ import annotations

import pytest

from core.relations import Reversed, reversed_in, unnamed_in
from tests.fakes.packs import FIGURES, POSITION, pack

FACTS = pack(FIGURES, POSITION).facts()  # price 9.00, ma20 8.80, ma60 8.50, cost 8.20, preclose 8.90


@pytest.mark.parametrize(
    "text",
    [
        "现价{{price}}，高于20日均线{{ma20}}。",
        "现价{{price}}站上20日均线{{ma20}}。",
        "20日均线{{ma20}}低于现价{{price}}。",
        "现价{{price}}在20日均线{{ma20}}上方。",
        "60日均线{{ma60}}位于20日均线{{ma20}}之下。",
        "成本价{{cost}}小于昨收{{preclose}}，现价{{price}}大于昨收{{preclose}}。",
        "昨收{{preclose}}，今天低于昨收，现价{{price}}。",  # the comparison is with something else
        "现价{{price}}超过MACD柱{{macd_bar}}。",  # of another unit: nonsense, but no comparison
        "如果现价{{price}}跌破20日均线{{ma20}}，就看错了。",
        "现价{{price}}没有跌破20日均线{{ma20}}。",
        "现价{{price}}，低于{{nothing}}。",
    ],
)
def test_what_is_so_or_not_said_plainly_stands(text: str) -> None:
    assert [*reversed_in(text, FACTS)] == []


@pytest.mark.parametrize(
    ("text", "left", "right"),
    [
        ("现价{{price}}，低于20日均线{{ma20}}。", "price", "ma20"),
        ("现价{{ price }}跌破20日均线{{ma20}}。", "price", "ma20"),
        ("当前价{{price}}低于20日均线{{ma20}}。", "price", "ma20"),
        ("昨收{{preclose}}。20日均线{{ma20}}高于现价{{price}}，趋势好。", "ma20", "price"),
        ("现价{{price}}在20日均线{{ma20}}下方。", "price", "ma20"),
        ("60日均线{{ma60}}处于20日均线{{ma20}}之上。", "ma60", "ma20"),
        ("现价{{price}}高于20日均线{{ma20}}，20日均线{{ma20}}低于60日均线{{ma60}}。", "ma20", "ma60"),
        ("现价{{price}}不及20日均线{{ma20}}。", "price", "ma20"),
        ("持仓{{held}}，低于可卖{{sellable}}。", "held", "sellable"),
        ("现价{{price}}高于现价{{price}}。", "price", "price"),
    ],
)
def test_what_the_figures_do_not_bear_out_is_found(text: str, left: str, right: str) -> None:
    assert [*reversed_in(text, FACTS)] == [Reversed(left, right)]


@pytest.mark.parametrize(
    "text",
    [
        "现价{{price}}，20日均线是{{ma20}}，60日均线大约在{{ma60}}。",
        "跌破{{ma20}}，就走。",
        "价格跌到了{{ma20}}。",
        "亏{{profit}}，量比：{{volume_ratio}}",
        "{{nothing}}",
    ],
)
def test_a_figure_behind_its_own_name_stands(text: str) -> None:
    assert [*unnamed_in(text, FACTS)] == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{{price}}", "price"),
        ("市盈率{{price}}", "price"),
        ("现价和市净率{{price}}", "price"),
        ("现价约等于是{{price}}", "price"),
        ("跌破{{volume_ratio}}", "volume_ratio"),  # no price
        ("20日均线{{ ma60 }}", "ma60"),
        ("现价{{price}}、{{ma20}}", "ma20"),
    ],
)
def test_a_figure_behind_another_name_or_none_is_found(text: str, name: str) -> None:
    assert [*unnamed_in(text, FACTS)] == [name]
