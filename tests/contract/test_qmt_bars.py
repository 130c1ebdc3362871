"""What miniQMT knows beside the stream: past bars, the list of securities, trading days. Over the SDK's real Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest

from adapters.quotes import qmt
from adapters.quotes.qmt import QmtData
from core.bars import Bar, Period, merged, read_bars
from core.calendar import previous_trading_day
from core.clock import MARKET_ZONE, ManualClock, market_time
from core.errors import Malformed, Unavailable
from core.securities import Sighting
from core.types import Money, Symbol
from tests.fakes.xtdatacenter import BarRow, Terminal
from tests.shared import SHARED, needs_shared

MAOTAI, PINGAN, INDEX, FUND = Symbol("600519.SH"), Symbol("000001.SZ"), Symbol("000300.SH"), Symbol("510300.SH")
BSE, GONE = Symbol("920118.BJ"), Symbol("600001.SH")


def at(hour: int, minute: int, day: int = 24, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=MARKET_ZONE).astimezone(UTC)


EVENING: Final = at(20, 0)
"""Of a Tuesday."""


@contextmanager
def terminal_of(now: datetime = EVENING) -> Iterator[tuple[Terminal, QmtData]]:
    clock = ManualClock(now)
    terminal = Terminal(clock)
    terminal.have(MAOTAI, name="贵州茅台", last=10.2, preclose=10.0, at=at(15, 0, day=23))
    with terminal.running():
        yield terminal, qmt.connect(clock=clock)


def row(when: datetime, close: float, lots: int = 1000, *, unit: int = 100) -> BarRow:
    return when, close, close + 0.1, close - 0.1, close, lots, close * lots * unit


def rows_of(bars: Sequence[Bar]) -> list[BarRow]:
    return [
        (bar.time, float(bar.open), float(bar.high), float(bar.low), float(bar.close), bar.volume // 100,
         float(bar.amount or bar.close * bar.volume))
        for bar in bars
    ]  # fmt: skip


# --- bars ---


async def test_days_are_downloaded_first_and_forward_adjusted() -> None:
    with terminal_of() as (terminal, data):
        terminal.history[MAOTAI, "1d"] = [row(at(15, 0, day=day), 10 + day / 100) for day in (19, 20, 23)]
        bars = await data.bars.bars(MAOTAI, "day", 2)
        assert [f"{market_time(bar.time):%m-%d %H:%M}" for bar in bars] == ["11-20 14:55", "11-23 14:55"]
        assert bars[1] == Bar(
            MAOTAI,
            at(14, 55, day=23),
            Decimal("10.23"),
            Decimal("10.33"),
            Decimal("10.13"),
            Decimal("10.23"),
            100_000,
            Money(1_023_000),
        )
        [download] = terminal.asked("supply_history_data2")
        assert download == ([MAOTAI], "1d", "20261107", {"incrementally": True})
        assert terminal.asked("get_market_data3") == [((MAOTAI,), "1d", 12, "front_ratio", False)]
        await data.close()


@pytest.mark.parametrize(
    ("period", "stored"), [("1m", "1m"), ("5m", "5m"), ("15m", "5m"), ("30m", "5m"), ("60m", "5m")]
)
async def test_longer_minutes_are_made_of_those_that_are_stored_and_are_as_traded(period: Period, stored: str) -> None:
    with terminal_of() as (terminal, data):
        terminal.history[MAOTAI, period] = [row(at(10, 30), 10), row(at(11, 30), 10.1), row(at(15, 10), 10.2)]
        bars = await data.bars.bars(MAOTAI, period, 100)
        assert [f"{market_time(bar.time):%H:%M}" for bar in bars] == ["10:30", "11:30"]  # none after hours
        assert terminal.asked("supply_history_data2")[0][1] == stored
        assert terminal.asked("get_market_data3")[0][3] == "none"
        await data.close()


@pytest.mark.parametrize("period", ["day", "5m"])
async def test_filler_of_a_window_that_was_never_downloaded_is_no_bar(period: Period) -> None:
    with terminal_of() as (terminal, data):
        terminal.history[MAOTAI, "1d" if period == "day" else "5m"] = [row(at(10, 0, day=day), 10) for day in (20, 23)]
        terminal.download_error = "网络繁忙"
        with pytest.raises(Unavailable, match="下载K线失败：下载数据失败：网络繁忙"):
            await data.bars.bars(MAOTAI, period, 10)
        terminal.download_error = ""
        original, terminal.downloads = terminal.downloads, False
        assert await data.bars.bars(MAOTAI, period, 10) == []
        terminal.downloads = original
        assert len(await data.bars.bars(MAOTAI, period, 10)) == 2
        await data.close()


async def test_suspended_days_and_days_without_a_trade_are_left_out_but_quiet_minutes_are_bars() -> None:
    with terminal_of() as (terminal, data):
        flat: BarRow = (at(15, 0, day=20), 10.0, 10.0, 10.0, 10.0, 0, 0.0)
        nan = float("nan")
        hole: BarRow = (at(15, 0, day=21), nan, nan, nan, nan, 0, nan)
        terminal.history[MAOTAI, "1d"] = [row(at(15, 0, day=19), 10), flat, hole, row(at(15, 0, day=23), 10)]
        bars = await data.bars.bars(MAOTAI, "day", 10)
        assert [market_time(bar.time).day for bar in bars] == [19, 23]
        quiet: BarRow = (at(10, 1), 10.0, 10.0, 10.0, 10.0, 0, 0.0)
        untouched: BarRow = (at(10, 1, day=23), 10.0, 10.0, 10.0, 10.0, 0, 0.0)
        terminal.history[MAOTAI, "1m"] = [untouched, row(at(10, 0), 10), quiet, row(at(10, 2), 10)]
        minutes = await data.bars.bars(MAOTAI, "1m", 10)
        assert [(market_time(bar.time).minute, bar.volume) for bar in minutes] == [(0, 100_000), (1, 0), (2, 100_000)]
        terminal.halted = {at(10, 1)}
        assert [market_time(bar.time).minute for bar in await data.bars.bars(MAOTAI, "1m", 10)] == [0, 2]
        assert data.bars.rejected_rows == 0
        await data.close()


@pytest.mark.parametrize(("symbol", "unit"), [(MAOTAI, 100), (Symbol("688981.SH"), 1), (Symbol("113050.SH"), 10)])
async def test_the_volume_of_bars_counts_shares_whatever_the_source_counts(symbol: Symbol, unit: int) -> None:
    with terminal_of() as (terminal, data):
        terminal.have(symbol, at=at(15, 0, day=23))
        terminal.history[symbol, "1d"] = [row(at(15, 0, day=23), 10, unit=unit)]
        assert [bar.volume for bar in await data.bars.bars(symbol, "day", 5)] == [1000 * unit]
        await data.close()


async def test_the_day_that_is_forming_is_made_of_the_newest_tick() -> None:
    with terminal_of(at(10, 30)) as (terminal, data):
        terminal.history[MAOTAI, "1d"] = [row(at(15, 0, day=20), 9.9), row(at(15, 0, day=23), 10.0)]
        assert len(await data.bars.bars(MAOTAI, "day", 5)) == 2  # nothing was traded yet
        terminal.trade(MAOTAI, 10.2, high=10.3, low=10.1, open_=10.1, lots=50)
        today = (await data.bars.bars(MAOTAI, "day", 5))[-1]
        assert today == Bar(
            MAOTAI,
            at(14, 55),
            Decimal("10.10"),
            Decimal("10.30"),
            Decimal("10.10"),
            Decimal("10.20"),
            5007,
            Money(round(10.2 * 5007)),
        )
        terminal.history[MAOTAI, "1d"].append(row(at(15, 0), 10.21))
        written = await data.bars.bars(MAOTAI, "day", 5)
        assert (len(written), written[-1].close) == (3, Decimal("10.21"))
        await data.close()


async def test_on_an_ex_date_the_days_before_stand_on_the_prices_of_today() -> None:
    with terminal_of(at(10, 30)) as (terminal, data):
        terminal.history[MAOTAI, "1d"] = [row(at(15, 0, day=20), 20.0), row(at(15, 0, day=23), 20.0)]
        terminal.trade(MAOTAI, 10.2)
        assert [bar.close for bar in await data.bars.bars(MAOTAI, "day", 5)] == [10, 10, Decimal("10.2")]
        # Where yesterday is absent, nobody can say what the difference means.
        terminal.history[MAOTAI, "1d"].pop()
        assert [bar.close for bar in await data.bars.bars(MAOTAI, "day", 5)] == [20, Decimal("10.2")]
        await data.close()


async def test_there_are_no_bars_of_an_unknown_code() -> None:
    with terminal_of() as (terminal, data):
        assert await data.bars.bars(GONE, "day", 5) == ()
        assert terminal.asked("supply_history_data2") == []
        await data.close()


async def test_a_bar_that_cannot_be_true_costs_no_other() -> None:
    with terminal_of() as (terminal, data):
        wrong: BarRow = (at(15, 0, day=20), 10.0, 9.0, 11.0, 10.0, 5, 1.0)
        terminal.history[MAOTAI, "1d"] = [wrong, row(at(15, 0, day=23), 10)]
        assert len(await data.bars.bars(MAOTAI, "day", 5)) == 1
        assert data.bars.rejected_rows == 1
        terminal.history[MAOTAI, "1d"] = [wrong]
        with pytest.raises(Malformed, match="K线读不懂"):
            await data.bars.bars(MAOTAI, "day", 5)
        await data.close()


@needs_shared
async def test_real_days_and_minutes_come_back_as_they_are() -> None:
    days = [bar for bar in read_bars(SHARED / "data" / "bars" / "daily_2026" / "600519.SH.csv") if bar.volume]
    minutes = read_bars(SHARED / "data" / "bars" / "minute1" / "600519.SH_2026-03-23_2026-03-27.csv")
    with terminal_of(days[-1].time + timedelta(hours=6)) as (terminal, data):
        terminal.history[MAOTAI, "1d"] = rows_of(days)
        terminal.history[MAOTAI, "1m"] = rows_of(minutes)
        terminal.history[MAOTAI, "5m"] = rows_of(merged(minutes, 5))
        for period, real in (("day", days), ("1m", minutes), ("5m", merged(minutes, 5))):
            found = await data.bars.bars(MAOTAI, period, len(real))  # type: ignore[arg-type]
            assert [(bar.time, bar.open, bar.high, bar.low, bar.close) for bar in found] == [
                (bar.time, bar.open, bar.high, bar.low, bar.close) for bar in real
            ]
            assert [bar.volume // 100 for bar in found] == [bar.volume // 100 for bar in real]
        await data.close()


# --- the list of securities ---


@contextmanager
def market() -> Iterator[tuple[Terminal, QmtData]]:
    with terminal_of() as (terminal, data):
        terminal.have(BSE, name="太湖远大", lots=5, last=16.91, amount=8455.0)
        terminal.have(FUND, name="300ETF", last=4.7, preclose=4.7)
        terminal.have(INDEX, name="沪深300", last=4000.0, preclose=4000.0)
        terminal.sectors = {
            "沪深A股": [MAOTAI, PINGAN],
            "京市A股": [BSE],
            "沪深ETF": [FUND],
            "沪深指数": [INDEX, "930050.CSI"],
        }
        yield terminal, data


async def test_the_list_is_that_of_the_sectors_with_names_and_turnover() -> None:
    with market() as (terminal, data):
        found = {one.symbol: one for one in await data.roster.sightings([])}
        assert set(found) == {MAOTAI, PINGAN, BSE, FUND, INDEX}
        assert found[BSE] == Sighting(BSE, "太湖远大", Money(8455))
        assert found[PINGAN] == Sighting(PINGAN, "", None)  # listed, and the terminal says nothing of it
        [download] = terminal.asked("supply_history_data2")
        assert download[0] == []  # sectors are downloaded before they are read
        await data.close()


async def test_what_is_known_and_in_no_sector_is_looked_for_by_its_code() -> None:
    bond = Symbol("113050.SH")
    with market() as (terminal, data):
        terminal.have(bond, name="南银转债")
        terminal.have(GONE, name="邯郸钢铁")
        terminal.instruments[GONE]["IsTrading"] = False
        found = {one.symbol for one in await data.roster.sightings([MAOTAI, bond, GONE, Symbol("600002.SH")])}
        assert bond in found
        assert GONE not in found
        assert Symbol("600002.SH") not in found
        await data.close()


@pytest.mark.parametrize("sector", ["沪深A股", "京市A股"])
async def test_a_list_that_is_not_whole_is_no_list(sector: str) -> None:
    with market() as (terminal, data):
        del terminal.sectors[sector]
        with pytest.raises(Unavailable, match=f"板块“{sector}”是空的，请在 miniQMT 里补充板块数据"):
            await data.roster.sightings([])
        terminal.download_error = "没有权限"
        with pytest.raises(Unavailable, match="下载板块失败：下载数据失败：没有权限"):
            await data.roster.sightings([])
        await data.close()


# --- trading days ---


async def test_a_calendar_that_agrees_has_nothing_to_say() -> None:
    with terminal_of() as (terminal, data):
        terminal.knows_its_days(20250701, 20261124)
        assert await data.roster.calendar_differences() == []
        assert [name for name, _ in terminal.calls if "calendar" in name] == []
        await data.close()


async def test_a_calendar_that_differs_is_told_and_not_taken_over() -> None:
    with terminal_of() as (terminal, data):
        terminal.knows_its_days(20251201, 20261124, but=[20260303, 20261120])
        terminal.traded.append(20261122)
        terminal.holidays.append(20261231)
        assert await data.roster.calendar_differences() == [
            "miniQMT 没有而本程序的交易日历有的交易日：2026-03-03、2026-11-20。",
            "miniQMT 有而本程序的交易日历没有的交易日：2026-11-22。",
            "miniQMT 当作假日而本程序当作开市的：2026-12-31。",
        ]
        await data.close()


async def test_a_day_that_has_not_ended_is_not_missing_yet() -> None:
    with terminal_of(at(8, 30)) as (terminal, data):
        yesterday = previous_trading_day(market_time(at(8, 30)).date())
        terminal.knows_its_days(20251201, int(f"{yesterday:%Y%m%d}"))
        assert await data.roster.calendar_differences() == []
        await data.close()


async def test_a_terminal_without_days_or_holidays_says_nothing_of_them() -> None:
    with terminal_of() as (_, data):
        assert await data.roster.calendar_differences() == []
        await data.close()
