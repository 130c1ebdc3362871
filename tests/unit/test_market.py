"""The rules of the market, each on both sides of the day it changed."""

import csv
from datetime import date
from decimal import ROUND_DOWN, Decimal

import pytest

from core.market import (
    LIMITS,
    LOTS,
    STAMP_DUTY,
    TRANSFER,
    Board,
    PriceLimits,
    board_of,
    clean_name,
    fees,
    has_stamp_duty,
    is_new_listing,
    is_special,
    lot_problem,
    price_limits,
    round_down_lot,
    round_to_tick,
    settles_same_day,
    tick,
    tick_problem,
)
from core.types import Side, Symbol
from tests.shared import SHARED, needs_shared

TODAY = date(2026, 8, 3)
BEFORE_REFORM, REFORM = date(2026, 7, 3), date(2026, 7, 6)


def limits(symbol: str, name: str, preclose: str, day: date = TODAY) -> tuple[str, str] | None:
    found = price_limits(Symbol(symbol), name, Decimal(preclose), day)
    return None if found is None else (str(found.down), str(found.up))


# --- boards and names ---


@pytest.mark.parametrize(
    ("symbol", "board"),
    [
        ("600519.SH", Board.MAIN),
        ("605001.SH", Board.MAIN),
        ("000001.SZ", Board.MAIN),
        ("002594.SZ", Board.MAIN),
        ("300750.SZ", Board.CHINEXT),
        ("301269.SZ", Board.CHINEXT),
        ("302132.SZ", Board.CHINEXT),
        ("688981.SH", Board.STAR),
        ("689009.SH", Board.STAR),
        ("920118.BJ", Board.BSE),
        ("830799.BJ", Board.BSE),
        ("430047.BJ", Board.BSE),
        ("510300.SH", Board.FUND),
        ("159915.SZ", Board.FUND),
        ("161725.SZ", Board.FUND),
        ("113050.SH", Board.BOND),
        ("118000.SH", Board.BOND),
        ("123001.SZ", Board.BOND),
        ("127045.SZ", Board.BOND),
        ("000001.SH", Board.INDEX),
        ("000300.SH", Board.INDEX),
        ("399001.SZ", Board.INDEX),
        ("899050.BJ", Board.INDEX),
        ("900901.SH", Board.B_SHARE),
        ("200011.SZ", Board.B_SHARE),
        ("204001.SH", Board.OTHER),
        ("131810.SZ", Board.OTHER),
        ("600519.SZ", Board.OTHER),
    ],
)
def test_the_code_range_tells_the_board(symbol: str, board: Board) -> None:
    assert board_of(Symbol(symbol)) is board


def test_every_board_has_a_chinese_name() -> None:
    assert len({board.chinese for board in Board}) == len(Board)


@needs_shared
def test_every_listed_symbol_has_a_board_that_can_be_ordered() -> None:
    with (SHARED / "data/symbols/symbols.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    boards = {row["symbol"]: board_of(Symbol(row["symbol"])) for row in rows}
    assert set(boards.values()) == {Board.MAIN, Board.CHINEXT, Board.STAR, Board.BSE, Board.FUND}
    assert all((boards[row["symbol"]] is Board.FUND) is (row["type"] == "etf") for row in rows)
    names = {row["name"] for row in rows}
    assert {name for name in names if is_new_listing(name)} == {"C华新"}
    assert {name for name in names if is_special(name)} == {name for name in names if "ST" in name}
    assert {name for name in names if clean_name(name) != name} == {
        name for name in names if name.startswith(("XD", "C华"))
    }


@pytest.mark.parametrize(
    "name",
    [
        "ST晨鸣",
        "*ST美丽",
        "*st美丽",
        "＊ＳＴ美丽",
        " *ST 美丽",
        "XD*ST海华",
        "DRST晨鸣",
        "S*ST北亚",
        "SST秋林",
        "﹡ST康佳A",
    ],
)
def test_a_risk_warning_is_seen_in_every_spelling(name: str) -> None:
    assert is_special(name)


@pytest.mark.parametrize(
    "name", ["贵州茅台", "S佳通", "退市锦港", "恒久退", "XD伊力特", "TCL科技", "N百瑞吉", "", "科创50ETF"]
)
def test_other_names_bear_no_risk_warning(name: str) -> None:
    assert not is_special(name)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("万  科Ａ", "万科A"),
        ("万科A", "万科A"),
        ("XD贵州茅", "贵州茅"),
        ("XR平安银", "平安银"),
        ("dr五粮液", "五粮液"),
        ("XD*ST海华", "*ST海华"),
        ("C华新", "华新"),
        ("Ｎ百瑞吉", "百瑞吉"),
        ("*ST美丽", "*ST美丽"),
        ("TCL科技", "TCL科技"),
        ("沪深300ETF华泰柏瑞", "沪深300ETF华泰柏瑞"),
        ("XD", "XD"),
        ("N", "N"),
        ("", ""),
    ],
)
def test_the_marks_of_a_day_leave_the_name(name: str, shown: str) -> None:
    assert clean_name(name) == shown


def test_n_and_c_before_a_chinese_name_say_new() -> None:
    assert is_new_listing("N百瑞吉")
    assert is_new_listing("C华新")
    assert not is_new_listing("华新水泥")
    assert not is_new_listing("C919")


# --- lots ---


@pytest.mark.parametrize(
    ("board", "shares"),
    [
        (Board.MAIN, 100),
        (Board.MAIN, 1_000_000),
        (Board.CHINEXT, 300),
        (Board.FUND, 100),
        (Board.STAR, 200),
        (Board.STAR, 201),
        (Board.BSE, 100),
        (Board.BSE, 137),
        (Board.BOND, 10),
    ],
)
def test_a_buy_in_lots_is_fine(board: Board, shares: int) -> None:
    assert lot_problem(board, Side.BUY, shares, 0) is None
    assert round_down_lot(board, shares) == shares


@pytest.mark.parametrize(
    ("board", "shares", "words"),
    [
        (Board.MAIN, 37, ["主板", "100 股的整数倍", "37 股", "改成 100 股。"]),
        (Board.MAIN, 150, ["改成 100 股或 200 股。"]),
        (Board.MAIN, 201, ["改成 200 股或 300 股。"]),
        (Board.FUND, 150, ["基金", "150 份"]),
        (Board.STAR, 199, ["科创板", "至少买 200 股", "199 股"]),
        (Board.BSE, 99, ["北交所", "至少买 100 股"]),
        (Board.BOND, 15, ["10 张", "改成 10 张或 20 张。"]),
        (Board.MAIN, 0, ["大于 0"]),
        (Board.MAIN, -100, ["大于 0"]),
        (Board.STAR, 100_001, ["一笔最多 100000 股", "分成几笔"]),
        (Board.INDEX, 100, ["指数不能"]),
        (Board.OTHER, 100, ["不能"]),
    ],
)
def test_a_buy_out_of_lots_is_refused_with_the_rule_and_a_number_that_works(
    board: Board, shares: int, words: list[str]
) -> None:
    problem = lot_problem(board, Side.BUY, shares, 0)
    assert problem is not None
    assert problem.endswith("。")
    for word in words:
        assert word in problem


@pytest.mark.parametrize(
    ("board", "shares", "sellable"),
    [
        (Board.MAIN, 100, 237),
        (Board.MAIN, 37, 237),
        (Board.MAIN, 137, 237),
        (Board.MAIN, 237, 237),
        (Board.MAIN, 137, 137),
        (Board.MAIN, 37, 37),
        (Board.FUND, 50, 250),
        (Board.STAR, 200, 1000),
        (Board.STAR, 250, 300),
        (Board.STAR, 50, 50),
        (Board.STAR, 199, 199),
        (Board.BSE, 101, 500),
        (Board.BSE, 7, 7),
        (Board.BOND, 3, 23),
    ],
)
def test_a_sell_in_lots_or_with_the_whole_odd_lot_is_fine(board: Board, shares: int, sellable: int) -> None:
    assert lot_problem(board, Side.SELL, shares, sellable) is None


@pytest.mark.parametrize(
    ("board", "shares", "sellable", "words"),
    [
        (Board.MAIN, 150, 237, ["可卖 237 股", "现在是 150 股", "改成 137 股或 200 股。"]),
        (Board.MAIN, 36, 237, ["改成 37 股。"]),
        (Board.MAIN, 50, 100, ["改成 100 股。"]),
        (Board.MAIN, 250, 237, ["改成 237 股。"]),
        (Board.MAIN, 37, 0, ["可卖 0 股", "请先核对持仓"]),
        (Board.STAR, 150, 300, ["至少卖 200 股", "改成 200 股或 300 股。"]),
        (Board.STAR, 50, 150, ["一次卖完", "改成 150 股。"]),
        (Board.BSE, 99, 200, ["改成 100 股或 200 股。"]),
        (Board.BSE, 5, 0, ["请先核对持仓"]),
    ],
)
def test_a_sell_that_splits_an_odd_lot_is_refused(board: Board, shares: int, sellable: int, words: list[str]) -> None:
    problem = lot_problem(board, Side.SELL, shares, sellable)
    assert problem is not None
    for word in words:
        assert word in problem


@pytest.mark.parametrize("board", list(LOTS))
@pytest.mark.parametrize("sellable", [0, 7, 99, 100, 137, 199, 200, 237, 1050])
def test_every_position_can_be_sold_whole(board: Board, sellable: int) -> None:
    assert sellable == 0 or lot_problem(board, Side.SELL, sellable, sellable) is None


@pytest.mark.parametrize("board", list(LOTS))
def test_what_is_rounded_down_can_be_bought(board: Board) -> None:
    for shares in (*range(1050), 99_999, 2_000_000):
        rounded = round_down_lot(board, shares)
        assert rounded <= shares
        assert rounded == 0 or lot_problem(board, Side.BUY, rounded, 0) is None


def test_nothing_is_bought_of_an_index() -> None:
    assert round_down_lot(Board.INDEX, 1000) == 0


# --- prices ---


def test_a_tick_is_a_fen_for_shares_and_a_tenth_of_it_for_funds_and_bonds() -> None:
    assert {tick(board) for board in (Board.MAIN, Board.CHINEXT, Board.STAR, Board.BSE)} == {Decimal("0.01")}
    assert {tick(board) for board in (Board.FUND, Board.BOND)} == {Decimal("0.001")}


def test_a_price_on_the_grid_is_fine() -> None:
    assert tick_problem(Board.MAIN, Decimal(1420)) is None
    assert tick_problem(Board.MAIN, Decimal("10.010")) is None
    assert tick_problem(Board.FUND, Decimal("4.751")) is None


@pytest.mark.parametrize(
    ("board", "price", "words"),
    [
        (Board.MAIN, "10.005", ["0.01 元", "10.005 元", "改成 10.00 或 10.01 元"]),
        (Board.FUND, "4.7515", ["0.001 元", "改成 4.751 或 4.752 元"]),
        (Board.MAIN, "0.004", ["改成 0.01 元"]),
        (Board.MAIN, "0", ["大于 0"]),
        (Board.MAIN, "-1", ["大于 0"]),
        (Board.MAIN, "NaN", ["大于 0"]),
        (Board.MAIN, "Infinity", ["大于 0"]),
    ],
)
def test_a_price_off_the_grid_is_refused_with_its_neighbours(board: Board, price: str, words: list[str]) -> None:
    problem = tick_problem(board, Decimal(price))
    assert problem is not None
    for word in words:
        assert word in problem


def test_rounding_to_the_tick_is_half_up_unless_told() -> None:
    assert round_to_tick(Board.MAIN, Decimal("16.415")) == Decimal("16.42")
    assert round_to_tick(Board.MAIN, Decimal("16.419"), ROUND_DOWN) == Decimal("16.41")


@pytest.mark.parametrize(
    ("symbol", "name", "preclose", "expected"),
    [
        # As real quotes print them: 2026-07-23, 2026-08-06, 2026-09-24, 2026-08-07.
        ("600396.SH", "华电辽能", "14.92", ("13.43", "16.41")),
        ("600519.SH", "贵州茅台", "1306.45", ("1175.81", "1437.10")),
        ("001216.SZ", "华瓷股份", "28.31", ("25.48", "31.14")),
        ("688981.SH", "中芯国际", "121.39", ("97.11", "145.67")),
        ("510300.SH", "沪深300ETF华泰柏瑞", "4.709", ("4.238", "5.180")),
        ("161725.SZ", "白酒基金LOF", "0.560", ("0.504", "0.616")),
    ],
)
def test_limits_are_those_of_real_quotes(symbol: str, name: str, preclose: str, expected: tuple[str, str]) -> None:
    assert limits(symbol, name, preclose) == expected


def test_a_half_fen_rounds_up_on_both_sides() -> None:
    assert limits("600000.SH", "浦发银行", "10.05") == ("9.05", "11.06")


def test_the_bse_rounds_towards_the_previous_close() -> None:
    assert limits("920002.BJ", "万达轴承", "84.63") == ("59.25", "110.01")
    assert limits("920090.BJ", "某某", "2.85") == ("2.00", "3.70")


def test_a_limit_is_at_least_one_tick_away_and_never_zero() -> None:
    assert limits("600000.SH", "某某", "0.04") == ("0.03", "0.05")
    assert limits("600000.SH", "某某", "0.01") == ("0.01", "0.02")


@pytest.mark.parametrize(
    ("symbol", "name"), [("000016.SZ", "*ST康佳A"), ("600069.SH", "ST东时"), ("900901.SH", "*ST云赛B")]
)
def test_a_risk_warning_on_the_main_board_has_ten_percent_since_2026_07_06(symbol: str, name: str) -> None:
    for day, ratio in ((BEFORE_REFORM, "0.05"), (REFORM, "0.10")):
        found = price_limits(Symbol(symbol), name, Decimal("10.00"), day)
        assert found == PriceLimits(down=10 * (1 - Decimal(ratio)), up=10 * (1 + Decimal(ratio)))


def test_a_share_without_share_reform_keeps_five_percent() -> None:
    assert limits("600182.SH", "S佳通", "10.00", REFORM) == ("9.50", "10.50")


@pytest.mark.parametrize("name", ["迪威迅", "ST迪威迅", "*ST金刚"])
def test_chinext_has_twenty_percent_since_its_reform_with_a_risk_warning_too(name: str) -> None:
    assert limits("300167.SZ", name, "10.00", date(2020, 8, 24)) == ("8.00", "12.00")
    assert limits("300167.SZ", name, "10.00", date(2020, 8, 21)) == ("9.00", "11.00")


@pytest.mark.parametrize(
    ("symbol", "name", "up"),
    [
        ("159915.SZ", "创业板ETF易方达", "1.200"),
        ("159783.SZ", "科创创业50ETF", "1.200"),
        ("588000.SH", "科创50ETF", "1.200"),
        ("551550.SH", "科创债ETF华夏", "1.100"),
        ("159600.SZ", "科创债ETF嘉实", "1.100"),
        ("510050.SH", "上证50ETF", "1.100"),
    ],
)
def test_funds_of_twenty_percent_shares_have_twenty_percent(symbol: str, name: str, up: str) -> None:
    found = limits(symbol, name, "1.000")
    assert found is not None
    assert found[1] == up


def test_convertible_bonds_have_twenty_percent_since_2022_08_01() -> None:
    assert limits("113050.SH", "南银转债", "120.000", date(2022, 7, 29)) is None
    assert limits("113050.SH", "南银转债", "120.000", date(2022, 8, 1)) == ("96.000", "144.000")


@pytest.mark.parametrize(
    ("symbol", "name", "preclose"),
    [
        ("000001.SH", "上证指数", "3936.52"),
        ("603123.SH", "C华新", "20.00"),
        ("301999.SZ", "N某某", "20.00"),
        ("920201.BJ", "N百瑞吉", "20.00"),
        ("204001.SH", "GC001", "1.500"),
        ("600519.SH", "贵州茅台", "0"),
    ],
)
def test_there_is_no_limit_for_these(symbol: str, name: str, preclose: str) -> None:
    assert limits(symbol, name, preclose) is None


def test_a_bse_share_is_free_on_its_first_day_alone() -> None:
    assert limits("920201.BJ", "C百瑞吉", "20.00") == ("14.00", "26.00")


def test_dated_tables_have_their_newest_row_first() -> None:
    for table in (STAMP_DUTY, TRANSFER):
        assert [row[0] for row in table] == sorted((row[0] for row in table), reverse=True)
    for key in {(board, kind) for board, kind, _, _ in LIMITS}:
        since = [first for board, kind, first, _ in LIMITS if (board, kind) == key]
        assert since == sorted(since, reverse=True)


# --- settlement and fees ---


@pytest.mark.parametrize(
    "symbol",
    [
        "511880.SH",
        "513100.SH",
        "518880.SH",
        "520830.SH",
        "551550.SH",
        "159934.SZ",
        "159920.SZ",
        "113050.SH",
        "123001.SZ",
    ],
)
def test_bonds_and_funds_of_bonds_gold_money_and_abroad_settle_the_same_day(symbol: str) -> None:
    assert settles_same_day(Symbol(symbol))


@pytest.mark.parametrize(
    "symbol", ["600519.SH", "688981.SH", "920118.BJ", "510300.SH", "159915.SZ", "517050.SH", "200011.SZ"]
)
def test_shares_and_funds_of_a_shares_settle_the_next_day(symbol: str) -> None:
    assert not settles_same_day(Symbol(symbol))


def cost(symbol: str, side: Side, shares: int, price: str, day: date = TODAY) -> tuple[str, str, str]:
    found = fees(Symbol(symbol), side, shares, Decimal(price), day)
    assert found.total == found.commission + found.stamp_duty + found.transfer
    return str(found.commission), str(found.stamp_duty), str(found.transfer)


def test_a_buy_costs_commission_and_transfer() -> None:
    # 100 x 1419.09 = 141,909.00: x 0.00025 = 35.47725, x 0.00001 = 1.41909
    assert cost("600519.SH", Side.BUY, 100, "1419.09") == ("35.48", "0.00", "1.42")


def test_a_sell_also_costs_stamp_duty() -> None:
    # 141,909.00 x 0.0005 = 70.9545
    assert cost("600519.SH", Side.SELL, 100, "1419.09") == ("35.48", "70.95", "1.42")


def test_stamp_duty_was_halved_on_2023_08_28() -> None:
    assert cost("000001.SZ", Side.SELL, 10_000, "11.20", date(2023, 8, 27))[1] == "112.00"
    assert cost("000001.SZ", Side.SELL, 10_000, "11.20", date(2023, 8, 28))[1] == "56.00"


def test_the_transfer_fee_was_halved_on_2022_04_29() -> None:
    assert cost("000001.SZ", Side.BUY, 10_000, "11.20", date(2022, 4, 28))[2] == "2.24"
    assert cost("000001.SZ", Side.BUY, 10_000, "11.20", date(2022, 4, 29))[2] == "1.12"


def test_a_small_order_pays_the_minimum_commission() -> None:
    # 100 x 3.00 = 300.00: commission 0.075, transfer 0.003
    assert cost("600000.SH", Side.BUY, 100, "3.00") == ("5.00", "0.00", "0.00")


def test_each_item_is_rounded_half_up_by_itself() -> None:
    # 100 x 12.30 = 1,230.00: stamp 0.615, transfer 0.0123
    assert cost("920118.BJ", Side.SELL, 100, "12.30") == ("5.00", "0.62", "0.01")


@pytest.mark.parametrize("symbol", ["510300.SH", "159915.SZ", "113050.SH"])
def test_funds_and_bonds_pay_commission_alone(symbol: str) -> None:
    assert cost(symbol, Side.SELL, 10_000, "4.751") == ("11.88", "0.00", "0.00")
    assert not has_stamp_duty(Symbol(symbol))
    assert has_stamp_duty(Symbol("600519.SH"))


def test_a_broker_without_a_minimum_is_believed() -> None:
    found = fees(
        Symbol("510300.SH"),
        Side.BUY,
        100,
        Decimal("4.751"),
        TODAY,
        commission_rate=Decimal("0.0001"),
        minimum=Decimal(0),
    )
    assert found.total == Decimal("0.05")


def test_nothing_traded_costs_nothing() -> None:
    assert cost("600519.SH", Side.SELL, 0, "1419.09") == ("0.00", "0.00", "0.00")
