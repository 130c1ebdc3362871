"""The quote, its limits, the line of the day and the indexes, as a pack shows them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.clock import MARKET_ZONE
from core.known import Known, indexes_of
from core.pack import Given, Pack
from core.packing import pack
from core.types import Symbol
from core.zones import Missing
from tests.fakes import facts
from tests.fakes.facts import minutes, of
from tests.fakes.parts import FUND, MOUTAI, at

CHINEXT = Symbol("300750.SZ")
PINGAN_BANK = Symbol("000001.SZ")


def shown(packed: Pack, *names: str) -> list[Decimal | None]:
    return [of(packed, name).value for name in names]


def whys(packed: Pack, *names: str) -> set[str]:
    return {of(packed, name).why for name in names}


def lines(packed: Pack, title: str) -> str:
    return "".join(line for section in packed.sections if section.title == title for line in section.lines)


def decimals(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


def test_the_quote_is_reckoned_from_its_own_prices() -> None:
    packed = pack(facts.known())
    names = ("price", "preclose", "open", "high", "low", "change", "change_percent", "amplitude", "turnover")
    # 10 / 1420, (1435 - 1415) / 1420
    assert shown(packed, *names) == decimals(
        "1430.00", "1420.00", "1421.00", "1435.00", "1415.00", "10.00", "0.70", "1.41", "0.08"
    )
    assert shown(packed, "volume", "amount", "vwap", "bid", "ask") == decimals(
        "1000000", "1425000000", "1425.00", "1429.99", "1430.01"
    )


def test_the_limits_are_those_of_the_date_and_so_far_away() -> None:
    packed = pack(facts.known())
    # 1420 times 1.1 and 0.9; 132 / 1430 and 152 / 1430
    assert shown(packed, "upper", "lower", "to_upper", "to_lower") == decimals("1562.00", "1278.00", "9.23", "10.63")
    assert (packed.lower, packed.upper) == (Decimal("1278.00"), Decimal("1562.00"))


@pytest.mark.parametrize(
    ("symbol", "name", "upper"),
    [(CHINEXT, "宁德时代", "12.00"), (Symbol("688981.SH"), "中芯国际", "12.00"), (MOUTAI, "*ST茅台", "10.50")],
)
def test_each_board_and_kind_has_its_own_limit(symbol: Symbol, name: str, upper: str) -> None:
    seen = facts.today(
        "10.10", symbol=symbol, name=name, preclose="10.00", open="10", high="10.2", low="10", amount=None
    )
    assert pack(facts.known(symbol=symbol, name=name, quote=seen)).upper == Decimal(upper)


def test_the_limits_of_the_source_are_believed_first() -> None:
    packed = pack(facts.known(quote=facts.today(limit_up="1500.00", limit_down="1300.00")))
    assert (packed.lower, packed.upper) == (Decimal("1300.00"), Decimal("1500.00"))


def test_a_new_share_without_a_limit_has_none() -> None:
    packed = pack(facts.known(name="N茅台", quote=facts.today("1900", name="N茅台", high="1950", ask=None)))
    assert whys(packed, "upper", "lower", "to_upper", "to_lower") == {"今天没有涨跌停限制"}
    assert (packed.lower, packed.upper, packed.sealed) == (None, None, None)
    assert packed.price == Decimal(1900)


def test_a_new_share_with_three_bars_says_what_it_lacks() -> None:
    packed = pack(facts.known(days=facts.days([1400, 1410, 1420])))
    assert of(packed, "ma5").why == "日线只有 4 根，需要 5 根"
    assert of(packed, "price").value == Decimal("1430.00")


@pytest.mark.parametrize(
    ("changes", "sealed", "word"),
    [
        (
            {"last": "1562.00", "ask": None, "bid": "1562.00", "bid_volume": 1_234_500},
            "up",
            "已封涨停，没有卖盘，买一排队 1.2345万手",
        ),
        (
            {"last": "1278.00", "bid": None, "ask": "1278.00", "ask_volume": 80_000},
            "down",
            "已封跌停，没有买盘，卖一排队 800手",
        ),
        ({"last": "1562.00", "ask": "1562.00", "bid": "1561.99"}, None, ""),
        ({"last": "1561.99", "ask": None, "bid": "1561.99"}, None, ""),
        ({"last": "1562.00", "ask": None, "bid": None, "bid_volume": 0}, None, ""),
    ],
)
def test_a_sealed_limit_is_told_from_a_touched_one(changes: dict[str, Any], sealed: str | None, word: str) -> None:
    packed = pack(facts.known(quote=facts.today(**{"high": "1562.00", "low": "1278.00", **changes})))
    assert packed.sealed == sealed
    queue = [one.value for one in packed.given() if one.name == "sealed_shares"]
    assert bool(queue) == (sealed is not None)
    assert word in lines(packed, "行情")
    assert ("已封" in lines(packed, "行情")) == (sealed is not None)


def test_a_suspended_share_has_no_price_to_go_by() -> None:
    seen = facts.today("1420.00", suspended=True, open=None, high=None, low=None, volume=0, amount=None)
    packed = pack(facts.known(quote=seen))
    assert packed.suspended
    assert packed.price is None
    assert whys(packed, "price", "change", "change_percent", "to_upper", "volume", "amount", "vwap") == {"停牌"}
    assert "今天停牌" in lines(packed, "行情")
    assert of(packed, "upper").value == Decimal("1562.00")


@pytest.mark.parametrize(
    ("bid", "ask", "whys_of"),
    [
        (None, None, ["行情里没有盘口", "行情里没有盘口"]),
        ("1430", None, ["", "卖盘为空"]),
        (None, "1430", ["买盘为空", ""]),
    ],
)
def test_an_empty_side_is_told_from_a_source_without_depth(
    bid: str | None, ask: str | None, whys_of: list[str]
) -> None:
    packed = pack(facts.known(quote=facts.today(bid=bid, ask=ask)))
    assert [of(packed, name).why for name in ("bid", "ask")] == whys_of


def test_before_the_first_trade_there_is_no_price() -> None:
    early = facts.today(None, open=None, high=None, low=None, volume=0, amount=None, turnover=None, when="09:20")
    packed = pack(facts.known(quote=early, now=at("09:20", "2026-03-24")))
    assert packed.price is None
    assert whys(packed, "price", "open", "high", "volume", "turnover", "vwap") == {"今天还没有成交"}
    assert packed.phase == "集合竞价"
    assert not packed.forming


def test_without_a_quote_everything_of_it_is_missing_for_the_same_reason() -> None:
    packed = pack(facts.known(quote=Missing("腾讯行情没有回答")))
    names = ("price", "preclose", "change_percent", "volume", "vwap", "upper", "to_lower", "bid", "ask", "amplitude")
    assert whys(packed, *names) == {"腾讯行情没有回答"}
    assert (packed.price, packed.quoted_at, packed.source, packed.upper) == (None, None, "", None)
    assert {one.name for one in packed.given()} == {one.name for one in pack(facts.known()).given()}


def test_a_doubtful_price_is_none_to_go_by() -> None:
    packed = pack(facts.known(doubt="行情过旧（9 分钟前的价格）"))
    assert packed.price is None
    assert of(packed, "price").why == "行情可疑：行情过旧（9 分钟前的价格）"
    assert "不要按这个价格交易" in lines(packed, "行情")


def test_a_quote_of_another_day_is_called_so() -> None:
    packed = pack(facts.known(now=at("09:00", "2026-03-25")))
    assert "行情是 2026-03-24 的，不是今天的" in lines(packed, "行情")
    assert not packed.forming


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"volume": 0}, "行情里没有成交量或成交额"),
        ({"amount": None}, "行情里没有成交量或成交额"),
        ({"volume": 10_000}, "成交额和成交量对不上"),
        ({"volume": 100_000_000}, "成交额和成交量对不上"),
    ],
)
def test_an_average_outside_of_the_days_range_is_none(changes: dict[str, Any], why: str) -> None:
    assert of(pack(facts.known(quote=facts.today(**changes))), "vwap").why == why


def test_a_fund_has_its_own_unit_and_step() -> None:
    seen = facts.today(
        "4.009", symbol=FUND, preclose="4.005", open="4.005", high="4.011", low="4.001", amount="4007000"
    )
    packed = pack(facts.known(symbol=FUND, quote=seen, days=facts.days(["4.005"], symbol=FUND)))
    assert of(packed, "price").value == Decimal("4.009")
    assert of(packed, "vwap").value == Decimal("4.007")
    assert of(packed, "volume").counter == "份"
    assert packed.tick == Decimal("0.001")


# -- the line of the day


def test_the_line_has_a_point_every_ten_minutes_both_extremes_and_the_newest() -> None:
    closes = [1421, 1422, 1440, 1421, 1421, 1421, 1400, 1421, 1421, 1425, 1426, 1427]
    packed = pack(facts.known(minutes=minutes(closes)))
    assert [(one.at, one.price) for one in packed.line] == [
        ("09:31", Decimal(1421)),
        ("09:33", Decimal(1441)),
        ("09:37", Decimal(1399)),
        ("09:40", Decimal(1425)),
        ("09:42", Decimal(1427)),
    ]
    assert "最高 1441.00 在 09:33，最低 1399.00 在 09:37" in lines(packed, "分时")


def test_the_average_is_that_of_all_trades_until_then() -> None:
    # A thousand shares each: 10, and (10 + 20 + 60) / 3; the lowest stands beside the first, the highest by the last.
    packed = pack(facts.known(minutes=minutes([10, 20, 60])))
    assert [one.price for one in packed.line] == decimals("9", "10", "61", "60")
    assert [one.average for one in packed.line] == decimals("10.00", "10.00", "30.00", "30.00")


def test_without_amounts_there_is_no_average() -> None:
    bare = [
        bar.__class__(bar.symbol, bar.time, bar.open, bar.high, bar.low, bar.close, bar.volume)
        for bar in minutes([10, 20])
    ]
    assert {one.average for one in pack(facts.known(minutes=bare)).line} == {None}


def test_a_whole_day_fits_into_thirty_points() -> None:
    morning, afternoon = minutes(range(1000, 1120)), minutes(range(1120, 1240), start="13:01")
    packed = pack(facts.known(minutes=[*morning, *afternoon], now=at("15:10", "2026-03-24")))
    assert 24 <= len(packed.line) <= 30
    assert packed.line[-1].at == "15:00"


@pytest.mark.parametrize(("bars", "why"), [(Missing("没有来源"), "没有来源"), ([], "今天还没有分钟线")])
def test_a_missing_line_says_so(bars: Any, why: str) -> None:
    packed = pack(facts.known(minutes=bars))
    assert packed.line == ()
    assert f"分时缺失：{why}" in lines(packed, "分时")


# -- the indexes


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("600519.SH", ["000001.SH"]),
        ("688981.SH", ["000001.SH", "000688.SH"]),
        ("000001.SZ", ["000001.SH", "399001.SZ"]),
        ("300750.SZ", ["000001.SH", "399006.SZ"]),
        ("920118.BJ", ["000001.SH", "899050.BJ"]),
        ("510300.SH", ["000001.SH"]),
        ("159915.SZ", ["000001.SH", "399001.SZ"]),
        ("000001.SH", []),
    ],
)
def test_each_board_has_its_index(symbol: str, expected: list[str]) -> None:
    assert list(indexes_of(Symbol(symbol))) == expected


def board(packed: Pack) -> list[Given]:
    return [of(packed, name) for name in ("index_last", "index_change", "board_index_last", "board_index_change")]


def test_the_figures_of_an_index_are_its_own() -> None:
    growth = facts.index("2100.00", "2000.00", Symbol("399006.SZ"))
    known = facts.known(symbol=CHINEXT, indexes={facts.index().symbol: facts.index(), growth.symbol: growth})
    figures = board(pack(known))
    assert [one.value for one in figures] == decimals("3250.12", "1.57", "2100.00", "5.00")
    assert [one.of for one in figures] == ["000001.SH", "000001.SH", "399006.SZ", "399006.SZ"]
    assert figures[2].label == "创业板指点位"


def test_an_index_that_nobody_quotes_is_missing() -> None:
    packed = pack(facts.known(symbol=CHINEXT, indexes={}))
    assert {one.why for one in board(packed)} == {"行情来源没有这个指数"}


def test_the_code_of_ping_an_bank_never_means_the_index() -> None:
    """000001 is both; a text about the bank that names its code is about the bank."""
    from core.grounding import fill

    packed = pack(facts.known(symbol=PINGAN_BANK, name="平安银行"))
    assert not fill("000001现价{{price}}", packed.facts(), PINGAN_BANK).problems
    assert fill("000001涨跌幅{{index_change}}", packed.facts(), PINGAN_BANK).problems
    assert not fill("上证指数涨跌幅{{index_change}}", packed.facts(), PINGAN_BANK).problems


def test_an_index_of_another_day_is_called_so() -> None:
    old = facts.index().model_copy(update={"quoted_at": at("15:00", "2026-03-23").astimezone(MARKET_ZONE)})
    assert "上证指数是 2026-03-23 的" in lines(pack(facts.known(indexes={old.symbol: old})), "大盘")


def test_an_index_has_no_average_price() -> None:
    shanghai = Symbol("000001.SH")
    seen = facts.today("3250.12", symbol=shanghai, preclose="3200", open="3210", high="3260", low="3200")
    known: Known = facts.known(symbol=shanghai, name="上证指数", quote=seen, days=facts.days([3200], symbol=shanghai))
    assert of(pack(known), "vwap").why == "指数没有均价"
