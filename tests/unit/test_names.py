"""Which securities a text names."""

import contextlib
import csv
import json
import re
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.language.grammar import read
from bot.language.marks import normal
from bot.language.name_words import LATIN
from bot.language.names import ALIASES, SEED, Names, known, plain
from core.errors import Invalid
from core.market import is_share
from core.securities import Former, Security
from core.types import Symbol, parse_symbol
from tests.evals.__main__ import NOW, SENTENCES, WAYS, load, wanted
from tests.seed.__main__ import table
from tests.shared import SHARED, needs_shared

EVALS = Path(__file__).parents[1] / "evals"

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
     ("闻泰科技", "600745.SH"), ("三七互娱", "002555.SZ"), ("830799", "920799.BJ"), ("832000.BJ", "920000.BJ"), ("bj920000", "920000.BJ"),
     ("000300", "000300.SH"), ("000688", "000688.SZ"), ("康佳", "000016.SZ"), ("st康佳", "000016.SZ"), ("柳工", "000528.SZ")],
)  # fmt: skip
def test_nicknames_codes_and_indexes(text: str, symbol: str) -> None:
    assert known().candidates(text) == (symbol,)


@pytest.mark.parametrize(
    ("text", "among"),
    [("平安", {"601318.SH", "000001.SZ"}), ("招商", {"600036.SH", "600999.SH"}), ("中信", {"600030.SH", "601998.SH", "601066.SH"}),
     ("长电", {"600900.SH", "600584.SH"}), ("紫光", {"000938.SZ", "002049.SZ"}), ("药茅", {"600276.SH", "600436.SH"}),
     ("300ETF", {"510300.SH", "159919.SZ"}), ("沪深300ETF", {"510300.SH", "510330.SH"}), ("创业板ETF", {"159915.SZ", "159952.SZ"}),
     ("科创50ETF", {"588000.SH", "588080.SH"}), ("zgsh", {"600028.SH", "601088.SH"})],
)  # fmt: skip
def test_a_short_name_of_several_is_a_choice(text: str, among: set[str]) -> None:
    assert among <= set(known().candidates(text))


def test_what_is_held_stands_first_and_decides_nothing() -> None:
    assert known().candidates("平安", preferred={PING_AN}) == (PING_AN, PING_AN_BANK)
    assert known().candidates("平安", preferred={PING_AN_BANK}) == (PING_AN_BANK, PING_AN)


def test_a_short_form_of_the_large_one_is_asked_about_when_only_its_namesake_is_held() -> None:
    mine, bank = Symbol("601899.SH"), Symbol("601860.SH")
    assert known().candidates("紫金") == (mine,)
    assert known().candidates("紫金", preferred={bank}) == (bank, mine)
    assert known().candidates("紫金", preferred={bank, mine}) == (mine,)
    assert known().candidates("紫金矿业", preferred={bank}) == (mine,)


def test_candidates_stand_by_turnover_where_it_is_known_and_else_by_how_well_they_are_known() -> None:
    names = Names.seed()
    assert names.candidates("科创50ETF")[0] == "588000.SH"
    assert names.candidates("平安")[0] == PING_AN
    names.rank([PING_AN_BANK, PING_AN])
    assert names.candidates("平安") == (PING_AN_BANK, PING_AN)
    assert names.candidates("平安", preferred={PING_AN}) == (PING_AN, PING_AN_BANK)
    assert known().candidates("平安")[0] == PING_AN


def test_one_word_for_several_names_each_of_them() -> None:
    found = known().find("两桶油跌破8提醒我")
    assert [mention.symbols for mention in found] == [("601857.SH",), ("600028.SH",)]
    assert len(known().candidates("四大行")) == 4


def test_a_short_form_that_nobody_has_looked_at_counts_only_where_a_name_stands() -> None:
    assert [mention.text for mention in known().find("润达跌破20")] == ["润达"]
    assert [mention.text for mention in known().find("帮我盯润达")] == ["润达"]
    assert known().find("浸润达到") == ()
    held = known().find("我的润达怎么样", preferred={Symbol("603108.SH")})
    assert [mention.symbols for mention in held] == [("603108.SH",)]


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
    assert [mention.text for mention in known().find("买100股机器人")] == ["机器人"]
    assert [mention.text for mention in known().find("如果老百姓涨停了")] == ["老百姓"]
    assert known().find("现在值得买吗") == ()
    assert known().find("听说今天国际油价涨了") == ()


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


@pytest.mark.parametrize(
    ("text", "name"),
    [("宁德时带", "宁德时代"), ("片仔皇", "片仔癀"), ("赛立斯", "赛力斯"), ("比亚笛", "比亚迪"), ("宁德代时", "宁德时代"), ("招商银", "招商银行"),
     ("贵州茅苔", "贵州茅台"), ("矛台", "贵州茅台"), ("药明德康", "药明康德"), ("恒瑞医要", "恒瑞医药"), ("隆基机", "隆基机械"), ("中芯国国际", "中芯国际")],
)  # fmt: skip
def test_a_wrong_missing_or_swapped_character_and_one_that_sounds_alike_are_guessed(text: str, name: str) -> None:
    assert known().name_of(known().suggest(text)[0]) == name


def test_what_is_watched_is_guessed_first() -> None:
    assert known().suggest("平按", preferred={PING_AN_BANK})[0] == PING_AN_BANK


def test_a_name_learned_at_run_time_is_known() -> None:
    names = Names()
    names.add(Symbol("688795.SH"), "Ｎ摩尔线程-U")
    assert names.name_of(Symbol("688795.SH")) == "摩尔线程-U"
    assert names.candidates("摩尔线程") == ("688795.SH",)
    assert names.name_of(MOUTAI) == "600519.SH"


def test_a_share_that_is_renamed_goes_by_all_its_names_and_is_shown_by_the_newest() -> None:
    names = Names.seed()
    share = Symbol("603108.SH")
    former = (Former(name="润达医疗", until=date(2026, 9, 1)), Former(name="ST润达", until=date(2026, 10, 1)))
    names.learn(Security(symbol=share, name="华南健康", since=date(2026, 10, 1), former=former))
    assert names.name_of(share) == "华南健康"
    for text in ("华南健康", "润达医疗", "ST润达", "润达", "hnjk", "rdyl", "603108"):
        assert names.candidates(text) == (share,), text
    assert known().name_of(share) == "润达医疗"


def test_a_new_name_is_found_in_a_sentence_whose_characters_were_simplified() -> None:
    names = Names.seed()
    names.learn(Security(symbol=Symbol("688999.SH"), name="日昇动力", since=date(2026, 9, 1)))
    assert [mention.symbols for mention in names.find(normal("日昇动力跌破10"))] == [("688999.SH",)]


def test_a_code_of_beijing_that_stood_under_another_company_leads_to_it_no_longer() -> None:
    names = Names.seed()
    names.learn(Security(symbol=Symbol("920047.BJ"), name="火星股份", since=date(2026, 9, 1)))
    assert names.name_of(Symbol("920047.BJ")) == "火星股份"
    assert names.candidates("诺思兰德") == ()
    assert names.candidates("430047") == ("430047.BJ",)


def test_a_share_of_beijing_whose_new_code_was_not_known_is_recognised_by_its_name() -> None:
    names = Names.seed()
    old, new = Symbol("831152.BJ"), Symbol("920152.BJ")
    assert names.candidates("昆工科技") == (old,)
    names.learn(Security(symbol=new, name="昆工科技", since=date(2026, 9, 1)))
    for text in ("昆工科技", "kgkj", "831152", "831152.BJ", "920152"):
        assert new in names.candidates(text), text
        assert old not in names.candidates(text), text
    assert old not in names.shares()


def test_the_letters_of_a_new_name_come_from_the_names_that_are_known() -> None:
    assert known().initials("火星银行") == "hxyh"
    assert known().initials("沐曦股份") == "mxgf"
    assert known().initials("绿的谐波") == "ldxb"
    assert known().initials("䶮股份") == ""


def test_every_row_of_the_seed_is_well_formed() -> None:
    with SEED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 6_500
    assert len({row["symbol"] for row in rows}) == len(rows)
    for row in rows:
        assert parse_symbol(row["symbol"]) == row["symbol"]
        assert row["symbol"] in known().candidates(row["name"]), row["name"]


@needs_shared
def test_the_seed_agrees_with_the_listed_names() -> None:
    with (SHARED / "data/symbols/symbols.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["symbol"]: row["name"] for row in csv.DictReader(file)}
    with SEED.open(encoding="utf-8", newline="") as file:
        rows = [(row["symbol"], row["name"], row["was"]) for row in csv.DictReader(file)]
    assert {symbol for symbol in listed if symbol.endswith(("SH", "SZ")) and "退" not in listed[symbol]} <= {
        row[0] for row in rows
    }
    was = {symbol: f"{was}.BJ" if was else symbol for symbol, _, was in rows}
    # A name may have been cut or marked on the day of the table (XD, -U), never be another company's.
    strange = [name for symbol, name, _ in rows if was[symbol] in listed and not set(name) & set(listed[was[symbol]])]
    assert strange == []


@pytest.mark.skipif(
    find_spec("pypinyin") is None or find_spec("jieba") is None, reason="the extra seed is not installed"
)
@needs_shared
def test_the_seed_is_what_its_builder_writes() -> None:
    built = [",".join(row) for row in table(SHARED / "data/symbols/symbols.csv", ALIASES)]
    assert built == SEED.read_text(encoding="utf-8").splitlines()[1:]


def test_every_share_is_found_by_its_name_its_code_and_its_initials() -> None:
    with SEED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lost = [
        (row["name"], text)
        for row in rows
        for text in (
            row["name"], row["name"].lower(), row["symbol"], f"{row['symbol'][7:]}{row['symbol'][:6]}", row["symbol"].lower().replace(".sh", ".ss"),
            *(row["forms"] + "|" + row["short"] + "|" + row["initials"]).split("|"), *row["was"].split(),
        )
        if text and text not in LATIN and row["symbol"] not in known().candidates(text)
    ]  # fmt: skip
    assert lost == []
    shares = [row for row in rows if is_share(Symbol(row["symbol"]))]
    assert len(shares) > 5_400
    assert all(known().candidates(row["symbol"][:6]) == (row["symbol"],) for row in shares)
    assert all(row["initials"] for row in shares if len(plain(row["name"])) > 2)


@pytest.mark.parametrize("said", ["{}跌破10提醒我", "买100股{}", "如果{}涨停就告诉我", "我的{}赚了多少"])
def test_any_name_of_the_table_makes_the_same_sentence(said: str) -> None:
    names = known()
    meant = read(said.format("东方雨虹"), names, now=NOW).intent
    lost = []
    for symbol in [*names.shares(), Symbol("510300.SH"), Symbol("159915.SZ")]:
        request = read(said.format(names.name_of(symbol)), names, now=NOW)
        about = {*request.symbols, *(one for choice in request.ambiguous for one in choice.candidates)}
        if request.intent != meant or symbol not in about:
            lost.append(names.name_of(symbol))
    assert lost == []


def test_ordinary_sentences_name_nothing() -> None:
    lines = (EVALS / "unnamed.txt").read_text(encoding="utf-8").split("\n")
    found = {line: [mention.text for mention in known().find(normal(line))] for line in lines}
    assert {line: texts for line, texts in found.items() if texts} == {}
    assert len(lines) > 150


def test_the_sentences_of_the_evals_name_what_they_are_expected_to_name_and_nothing_else() -> None:
    strange = []
    for line in (*load(SENTENCES), *load(WAYS)):
        meant = set(re.findall(r"\d{6}\.(?:SH|SZ|BJ)", json.dumps([wanted(line), line.get("context")])))
        unread = any(one["intent"] == "unknown" or "unknown_symbol" in one.get("problems", ()) for one in wanted(line))
        strange += [
            (line["text"], mention.text)
            for mention in known().find(normal(line["text"]))
            if not (meant.intersection(mention.symbols) or unread)
        ]
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
        assert 0 <= mention.start <= mention.end <= len(text.lower())
    with contextlib.suppress(Invalid):
        parse_symbol(text)
