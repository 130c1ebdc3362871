"""What a file of bars may look like, and what is said about one that cannot be used."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.bars import Bar, in_order, joined, merged, path_of, period_of, read_bars
from core.clock import MARKET_ZONE, market_time
from core.errors import Invalid
from core.types import Symbol
from tests.shared import SHARED, needs_shared

HEADER = "symbol,time,open,high,low,close,volume,amount"
GOOD = "600519.SH,2026-03-23 09:38:00,1422.9,1422.9,1419.09,1419.99,63600,90352647.0"


def a_file(folder: Path, *lines: str) -> Path:
    path = folder / "bars.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def a_bar(opened: str, high: str, low: str, close: str) -> Bar:
    prices = (Decimal(opened), Decimal(high), Decimal(low), Decimal(close))
    return Bar(Symbol("600519.SH"), datetime(2026, 3, 23, 1, 38, tzinfo=UTC), *prices, 100)


def test_a_row_becomes_a_bar_with_a_utc_instant(tmp_path: Path) -> None:
    [bar] = read_bars(a_file(tmp_path, HEADER, GOOD))
    assert bar == Bar(
        Symbol("600519.SH"),
        datetime(2026, 3, 23, 1, 38, tzinfo=UTC),
        Decimal("1422.9"),
        Decimal("1422.9"),
        Decimal("1419.09"),
        Decimal("1419.99"),
        63600,
        Decimal("90352647.0"),
    )
    assert bar.time.tzinfo is UTC


def test_a_byte_order_mark_blank_lines_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f"{HEADER}\r\n{GOOD}\r\n\r\n,,,,,,,\r\n".encode())
    assert len(read_bars(path)) == 1


def test_a_daily_bar_is_stamped_shortly_before_the_close(tmp_path: Path) -> None:
    [bar] = read_bars(a_file(tmp_path, HEADER, "000001.SZ,2024-01-02,8.14,8.17,7.99,7.99,115836645,"))
    assert bar.time == datetime(2024, 1, 2, 6, 55, tzinfo=UTC)
    assert bar.amount is None


def test_seconds_may_be_left_out_and_codes_written_in_any_form(tmp_path: Path) -> None:
    [bar] = read_bars(a_file(tmp_path, HEADER, "sh600519, 2026-03-23 09:38 ,2,3,1,2,100.0,"))
    assert (bar.symbol, bar.volume, bar.time.minute) == ("600519.SH", 100, 38)


def test_an_index_may_be_marked_as_one(tmp_path: Path) -> None:
    [bar] = read_bars(a_file(tmp_path, HEADER, "000001.SH(index),2020-07-01 09:31,2,3,1,2,720858300.0,"))
    assert (bar.symbol, bar.volume) == ("000001.SH", 720_858_300)


def test_columns_may_stand_in_any_order_and_amount_may_be_missing(tmp_path: Path) -> None:
    [bar] = read_bars(
        a_file(tmp_path, "time,name,Symbol,close,low,high,open,volume", "2026-03-23,茅台,600519,2,1,4,3,5")
    )
    assert [str(price) for price in (bar.open, bar.high, bar.low, bar.close)] == ["3", "4", "1", "2"]
    assert (bar.volume, bar.amount) == (5, None)


def test_rows_are_put_in_order(tmp_path: Path) -> None:
    rows = [f"{symbol},2026-03-{day},2,3,1,2,100," for day in (25, 23, 24) for symbol in ("600519", "000001")]
    bars = read_bars(a_file(tmp_path, HEADER, *rows))
    assert [(bar.time.day, bar.symbol) for bar in bars] == [
        (day, symbol) for day in (23, 24, 25) for symbol in ("000001.SZ", "600519.SH")
    ]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("600519,2026-03-23,NaN,3,1,2,100,", "open 是“NaN”，不是有限的数"),
        ("600519,2026-03-23,2,inf,1,2,100,", "high 是“inf”，不是有限的数"),
        ("600519,2026-03-23,2,3,sNaN,2,100,", "low 是“sNaN”，不是有限的数"),
        ("600519,2026-03-23,2,3,1,,100,", "close 是空的"),
        ("600519,2026-03-23,2,3,1,2,,", "volume 是空的"),
        ("600519,2026-03-23,2,3,1,2,nan,", "volume 是“nan”，不是有限的数"),
        ("600519,2026-03-23,2,3,1,2,100,NaN", "amount 是“NaN”，不是有限的数"),
        ("600519,2026-03-23,2,3,1,2,-100,", "volume 是“-100”，不能小于 0"),
        ("600519,2026-03-23,2,3,1,2,1e300,", "大得不合理"),
        ("600519,2026-03-23,2,3,1,2,100.5,", "成交量要写整数股"),
        ("600519,2026-03-23,2,3,1,两块,100,", "close 是“两块”，不是数字"),
        ("600519,2026-03-23,0,3,0,2,100,", "open 是“0”，价格必须大于 0"),
        ("600519,2026-03-23,2,3,-1,2,100,", "low 是“-1”，价格必须大于 0"),
        ("600519,2026-03-23,2,1e300,1,2,100,", "high 是“1e300”，价格大得不合理"),
        ("600519,2026-03-23,2,1,3,2,100,", "最高价 1 低于最低价 3"),
        ("600519,2026-03-23,4,3,1,2,100,", "开盘价 4 不在最低价 1 和最高价 3 之间"),
        ("600519,2026-03-23,2,3,1,0.5,100,", "收盘价 0.5 不在最低价 1 和最高价 3 之间"),
        ("600519,23/03/2026,2,3,1,2,100,", "时间“23/03/2026”读不懂"),
        ("600519,2026-02-30,2,3,1,2,100,", "时间“2026-02-30”读不懂"),
        ("600519,2026-03-23 25:00,2,3,1,2,100,", "读不懂"),
        ("600519,0001-01-01 00:00,2,3,1,2,100,", "读不懂"),
        ("600519,,2,3,1,2,100,", "时间“”读不懂"),
        ("茅台,2026-03-23,2,3,1,2,100,", "“茅台”不是股票代码"),
        (",2026-03-23,2,3,1,2,100,", "不是股票代码"),
        ("999999,2026-03-23,2,3,1,2,100,", "没有以 999 开头的"),
        ("600519,2026-03-23,2,3", "只有 4 个字段"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(tmp_path: Path, row: str, says: str) -> None:
    path = a_file(tmp_path, HEADER, GOOD, row)
    with pytest.raises(Invalid) as caught:
        read_bars(path)
    text = str(caught.value)
    assert says in text
    assert "第 3 行：" in text
    assert str(path) in text
    assert text.endswith("。")


def test_two_rows_of_the_same_time_are_refused_and_both_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"第 3 行：600519.SH 的时间与第 2 行重复"):
        read_bars(a_file(tmp_path, HEADER, GOOD, GOOD))


def test_missing_columns_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="缺少这些列：low、volume"):
        read_bars(a_file(tmp_path, "symbol,time,open,high,close", "600519,2026-03-23,2,3,2"))


@pytest.mark.parametrize("lines", [(), (HEADER,), (HEADER, "", "")])
def test_a_file_without_a_bar_says_so(tmp_path: Path, lines: tuple[str, ...]) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(Invalid, match="没有一根K线"):
        read_bars(path)


def test_a_missing_file_a_folder_and_a_foreign_encoding_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"找不到文件.*请核对"):
        read_bars(tmp_path / "nothing.csv")
    with pytest.raises(Invalid, match="请"):
        read_bars(tmp_path)
    path = tmp_path / "gbk.csv"
    path.write_bytes("symbol,time,名称\n".encode("gbk"))
    with pytest.raises(Invalid, match="不是 UTF-8 编码，请另存为"):
        read_bars(path)


@pytest.mark.parametrize(
    ("bar", "path"),
    [
        (("10", "11", "9.5", "10.5"), "10 9.5 11 10.5"),
        (("10", "10.5", "9", "9.5"), "10 10.5 9 9.5"),
        (("10", "11", "9", "10.5"), "10 9 11 10.5"),
        (("10", "11", "9", "10"), "10 9 11 10"),
        (("10", "11", "9", "9.5"), "10 11 9 9.5"),
        (("10", "10", "10", "10"), "10 10 10 10"),
    ],
)
def test_the_nearer_extreme_is_played_first_and_a_tie_takes_the_shorter_way(
    bar: tuple[str, str, str, str], path: str
) -> None:
    assert " ".join(str(price) for price in path_of(a_bar(*bar))) == path


def test_bars_of_several_files_are_ordered_and_a_repeated_one_is_refused() -> None:
    bar = a_bar("10", "11", "9", "10")
    other = Bar(Symbol("000001.SZ"), bar.time, bar.open, bar.high, bar.low, bar.close, 0)
    assert in_order([bar, other]) == [other, bar]
    with pytest.raises(Invalid, match=r"600519\.SH 在 2026-03-23 09:38 有两根K线"):
        in_order([bar, other, bar])
    with pytest.raises(Invalid, match="没有一根K线"):
        in_order([])


@needs_shared
def test_every_real_file_is_read_whole() -> None:
    for path in sorted((SHARED / "data" / "bars").rglob("*.csv")):
        with path.open(encoding="utf-8") as file:
            rows = sum(1 for _ in file) - 1
        bars = read_bars(path)
        assert len(bars) == rows
        assert all(set(path_of(bar)) == {bar.open, bar.high, bar.low, bar.close} for bar in bars)


@needs_shared
def test_moutai_first_trades_at_1420_in_the_bar_of_09_38() -> None:
    bars = read_bars(SHARED / "data" / "bars" / "minute1" / "600519.SH_2026-03-23_2026-03-27.csv")
    first = next(bar for bar in bars if bar.low <= 1420)
    assert first.time == datetime(2026, 3, 23, 1, 38, tzinfo=UTC)


# -- longer bars


def minute(when: str, close: str = "10", **changes: Any) -> Bar:
    price = Decimal(close)
    at = datetime.fromisoformat(f"2026-03-23 {when}").replace(tzinfo=MARKET_ZONE).astimezone(UTC)
    return replace(Bar(Symbol("600519.SH"), at, price, price, price, price, 100, Decimal(1000)), **changes)


def clock(bar: Bar) -> str:
    return f"{market_time(bar.time):%H:%M}"


def test_bars_of_minutes_make_longer_ones() -> None:
    bars = [minute("09:30", "10"), minute("09:31", "12"), minute("09:35", "9"), minute("09:36", "11")]
    first, second = merged(bars, 5)
    assert (first.open, first.high, first.low, first.close) == (Decimal(10), Decimal(12), Decimal(9), Decimal(9))
    assert (clock(first), first.volume, first.amount) == ("09:35", 300, Decimal(3000))
    assert (clock(second), second.close) == ("09:40", Decimal(11))


@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
def test_a_longer_bar_spans_neither_lunch_nor_night(minutes: int) -> None:
    bars = [minute("11:30"), minute("13:00"), minute("13:01"), minute("15:00"), minute("15:01"), minute("15:10")]
    labels = [clock(bar) for bar in merged(bars, minutes)]
    first = {5: "13:05", 15: "13:15", 30: "13:30", 60: "14:00"}[minutes]
    assert labels == ["11:30", first, "15:00"]
    night = minute("09:31", time=minute("09:31").time + timedelta(days=1))
    assert len(merged([minute("15:00"), night], minutes)) == 2


def test_an_amount_that_one_of_the_bars_does_not_tell_is_not_told() -> None:
    [bar] = merged([minute("09:31"), minute("09:32", amount=None)], 5)
    assert bar.amount is None
    assert merged([], 5) == []


@needs_shared
def test_real_minutes_make_the_real_bars_of_five() -> None:
    folder = SHARED / "data" / "bars"
    ours = merged(read_bars(folder / "minute1" / "600519.SH_2026-03-23_2026-03-27.csv"), 5)
    theirs = {bar.time: bar for bar in read_bars(folder / "minute5" / "600519.SH_2026.csv")}
    same = [bar for bar in ours if bar.time in theirs]
    assert len(same) == len(ours)
    # Other numbers may differ a little: the two files were drawn up by different people.
    assert all(bar.close == theirs[bar.time].close for bar in same)


@pytest.mark.parametrize(
    ("labels", "period"),
    [
        (("09:31", "09:32", "09:34", "09:33"), "1m"),
        (("09:35", "09:40", "13:05", "13:10"), "5m"),
        (("10:30", "11:30", "14:00", "15:00"), "60m"),
        (("14:55",), "day"),
    ],
)
def test_the_period_is_told_from_the_distance_of_times(labels: tuple[str, ...], period: str) -> None:
    bars = [minute(when) for when in labels]
    other = [replace(bar, symbol=Symbol("000001.SZ"), time=bar.time + timedelta(days=1)) for bar in bars]
    assert period_of([*bars, *other]) == period


def test_bars_of_a_period_that_is_not_kept_are_refused() -> None:
    with pytest.raises(Invalid, match="大多相隔 3 分钟"):
        period_of([minute("09:33"), minute("09:36"), minute("09:39")])


def test_two_histories_are_joined_on_the_prices_of_the_chosen_one() -> None:
    old = [minute("09:31", "20"), minute("09:32", "20"), minute("09:33", "22"), minute("09:36", "13")]
    new = [minute("09:33", "11"), minute("09:34", "12")]
    assert [(clock(bar), bar.close) for bar in joined(new, old)] == [
        ("09:31", Decimal(10)),
        ("09:32", Decimal(10)),
        ("09:33", Decimal(11)),
        ("09:34", Decimal(12)),
        ("09:36", Decimal(13)),
    ]
    assert joined(new, old[:2]) == new
    assert joined([], old) == old
    assert joined(new, []) == new
