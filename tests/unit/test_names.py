"""Which securities a text names."""

import contextlib
import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.language.names import SEED, Names, known
from core.errors import Invalid
from core.types import Symbol, parse_symbol
from tests.shared import SHARED, needs_shared

MOUTAI, PING_AN, PING_AN_BANK = Symbol("600519.SH"), Symbol("601318.SH"), Symbol("000001.SZ")


@pytest.mark.parametrize(
    "text", ["茅台", "贵州茅台", "gzmt", "600519", "SH600519", "sh.600519", "600519.SH", "６００５１９"]
)
def test_one_share_goes_by_many_names(text: str) -> None:
    assert known().candidates(text) == (MOUTAI,)


@pytest.mark.parametrize(
    ("text", "symbol"),
    [("宁王", "300750.SZ"), ("招行", "600036.SH"), ("东财", "300059.SZ"), ("万科", "000002.SZ"), ("大盘", "000001.SH"),
     ("000001", "000001.SZ"), ("000001.SH", "000001.SH"), ("CATL", "300750.SZ"), ("平安银行", "000001.SZ"), ("920118", "920118.BJ"),
     ("闻泰科技", "600745.SH"), ("300ETF", "510300.SH")],
)  # fmt: skip
def test_nicknames_codes_and_indexes(text: str, symbol: str) -> None:
    assert known().candidates(text) == (symbol,)


@pytest.mark.parametrize(
    ("text", "among"),
    [("平安", {"601318.SH", "000001.SZ"}), ("招商", {"600036.SH", "600999.SH"}), ("中信", {"600030.SH", "601998.SH", "601066.SH"}),
     ("长电", {"600900.SH", "600584.SH"}), ("紫光", {"000938.SZ", "002049.SZ"})],
)  # fmt: skip
def test_a_short_name_of_several_is_a_choice(text: str, among: set[str]) -> None:
    assert among <= set(known().candidates(text))


def test_what_is_held_stands_first_and_decides_nothing() -> None:
    assert known().candidates("平安", preferred={PING_AN}) == (PING_AN, PING_AN_BANK)
    assert known().candidates("平安", preferred={PING_AN_BANK}) == (PING_AN_BANK, PING_AN)


def test_the_longest_name_wins() -> None:
    (mention,) = known().find("平安银行跌破10")
    assert mention.symbols == (PING_AN_BANK,)


def test_a_number_inside_a_longer_number_is_no_code() -> None:
    assert known().find("资金257730元") == ()
    assert known().find("1600519") == ()
    assert known().find("买100000股") == ()


def test_digits_that_are_a_name_are_a_number_after_a_verb_of_price() -> None:
    assert [mention.symbols for mention in known().find("360跌破12")] == [(Symbol("601360.SH"),)]
    assert known().find("涨到360") == ()


def test_an_ordinary_word_is_a_name_only_where_a_name_stands() -> None:
    assert known().find("我家太阳能坏了") == ()
    assert [mention.text for mention in known().find("盯着太阳能")] == ["太阳能"]
    assert known().find("移动止损5%") == ()


def test_a_company_listed_elsewhere_is_named_and_unknown() -> None:
    (mention,) = known().find("特斯拉跌到200")
    assert (mention.text, mention.symbols) == ("特斯拉", ())


def test_a_code_that_is_not_in_the_table_is_still_a_code() -> None:
    assert known().candidates("605090") == ("605090.SH",)
    (mention,) = known().find("999999")
    assert mention.symbols == ()


def test_a_guess_is_only_a_suggestion() -> None:
    assert known().candidates("贵洲茅台") == ()
    assert known().suggest("贵洲茅台")[0] == MOUTAI
    assert known().suggest("完全不像的东西") == ()


def test_a_name_learned_at_run_time_is_known() -> None:
    names = Names()
    names.add(Symbol("688795.SH"), "Ｎ摩尔线程-U")
    assert names.name_of(Symbol("688795.SH")) == "摩尔线程-U"
    assert names.candidates("摩尔线程") == ("688795.SH",)
    assert names.name_of(MOUTAI) == "600519.SH"


def test_every_row_of_the_seed_is_well_formed() -> None:
    with SEED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 300
    assert len({row["symbol"] for row in rows}) == len(rows)
    for row in rows:
        assert parse_symbol(row["symbol"]) == row["symbol"]
        assert row["symbol"] in known().candidates(row["name"]), row["name"]


@needs_shared
def test_the_seed_agrees_with_the_listed_names() -> None:
    with (SHARED / "data/symbols/symbols.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["symbol"]: row["name"] for row in csv.DictReader(file)}
    with SEED.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] != "index"]
    assert [row["symbol"] for row in rows if row["symbol"] not in listed] == []
    # A name may have been cut or marked on the day of the table (XD, -U), never be another company's.
    strange = [row["name"] for row in rows if not set(row["name"]) & set(listed[row["symbol"]])]
    assert strange == []


@needs_shared
def test_every_name_of_the_sentence_schema_is_known() -> None:
    with (SHARED / "data/language/nl_symbols.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for text in (row["name"], row["symbol"], row["pinyin_initials"], *filter(None, row["aliases"].split("|"))):
                assert row["symbol"] in known().candidates(text), text


@given(st.text(max_size=40))
def test_no_text_breaks_the_search(text: str) -> None:
    for mention in known().find(text.lower()):
        assert 0 <= mention.start < mention.end <= len(text.lower())
    with contextlib.suppress(Invalid):
        parse_symbol(text)
