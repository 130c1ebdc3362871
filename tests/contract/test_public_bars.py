"""The public source of bars: what it makes of real answers, and of a server that misbehaves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.quotes import tencent_bars
from adapters.quotes.tencent_bars import TencentBars, parse
from core.bars import Bar, day_label
from core.clock import MARKET_ZONE, ManualClock, market_time
from core.errors import Malformed, Unavailable
from core.ports import BarFetcher
from core.types import Symbol
from tests.fakes.parts import Naps
from tests.fakes.quotes import FakeQuotes, Kind
from tests.shared import SHARED, needs_shared

MAOTAI, SMIC, BSE = Symbol("600519.SH"), Symbol("688981.SH"), Symbol("920118.BJ")
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # Tuesday, 10:00 market time


def real(name: str) -> bytes:
    """A stored answer."""
    return (SHARED / "data" / "quotes" / name).read_bytes()


def day(number: int, symbol: Symbol = MAOTAI, close: str = "10.00", amount: int | None = 1_010_000) -> Bar:
    """A bar of 100,000 shares in the middle of November."""
    prices = Decimal("10.00"), Decimal("10.50"), Decimal("9.90"), Decimal(close)
    told = None if amount is None else Decimal(amount)
    return Bar(symbol, day_label(date(2026, 11, number)), *prices, 100_000, told)


def minute(clock: str, symbol: Symbol = MAOTAI) -> Bar:
    at = datetime.fromisoformat(f"2026-11-24 {clock}").replace(tzinfo=MARKET_ZONE).astimezone(UTC)
    return Bar(symbol, at, Decimal("10.00"), Decimal("10.10"), Decimal("9.90"), Decimal("10.05"), 12_300)


def answer(*rows: str, code: str = "sh600519", key: str = "qfqday") -> bytes:
    return f'{{"code":0,"msg":"","data":{{"{code}":{{"{key}":[{",".join(rows)}]}}}}}}'.encode()


# --- real answers ---


@needs_shared
def test_a_real_answer_of_days() -> None:
    first, second = parse(real("tencent_fqkline_001216_20260924_excerpt.json"), Symbol("001216.SZ"), "day")
    assert second == Bar(
        Symbol("001216.SZ"),
        day_label(date(2026, 9, 24)),
        Decimal("28.05"),
        Decimal("29.50"),
        Decimal("27.80"),
        Decimal("28.40"),
        42_858_000,
        Decimal(1_222_641_500),
    )
    assert first.time < second.time


@needs_shared
def test_a_real_answer_that_is_not_adjusted() -> None:
    [bar] = parse(real("tencent_fqkline_bj920047_20260924_excerpt.json"), Symbol("920047.BJ"), "day")
    assert (bar.close, bar.high, bar.volume) == (Decimal("15.30"), Decimal("15.80"), 3_426_700)


@needs_shared
def test_a_real_answer_of_another_kind_holds_no_bars_of_it() -> None:
    body = real("tencent_minute_query_001216_20260924_excerpt.json")
    assert parse(body, Symbol("001216.SZ"), "day") == []


# --- rows ---


def test_the_volume_counts_shares_whatever_the_source_counts() -> None:
    server = FakeQuotes(ManualClock(NOW))
    for symbol in (MAOTAI, SMIC, BSE):
        server.bars[symbol, "day"] = [day(23, symbol), day(24, symbol)]
        body = server.bars_body(symbol, f"x?param={symbol},day,,,320,qfq")
        assert [bar.volume for bar in parse(body, symbol, "day")] == [100_000, 100_000]


def test_old_rows_whose_prices_are_adjusted_do_not_decide_the_unit() -> None:
    bars = parse(
        answer(
            '["2025-11-24","5.00","5.00","5.10","4.90","1000.00",{},"1.0","101.00"]',
            '["2026-11-24","10.00","10.00","10.10","9.90","1000.00",{},"1.0","101.00"]',
        ),
        MAOTAI,
        "day",
    )
    assert [bar.volume for bar in bars] == [100_000, 100_000]


def test_a_volume_that_fits_no_amount_is_unknown() -> None:
    [bar] = parse(answer('["2026-11-24","10","10","10.1","9.9","1000.00",{},"1.0","7.00"]'), MAOTAI, "day")
    assert bar.volume == 0


def test_a_row_may_have_no_amount() -> None:
    [bar] = parse(answer('["2026-11-24","10","10","10.1","9.9","1000.00"]'), MAOTAI, "day")
    assert (bar.volume, bar.amount) == (100_000, None)


def test_the_four_prices_of_an_adjusted_row_are_rounded_each_by_itself() -> None:
    [bar] = parse(answer('["2026-11-24","10.001","10.12","10.11","10.01","1000.00"]'), MAOTAI, "day")
    assert (bar.open, bar.high, bar.low, bar.close) == (
        Decimal("10.001"),
        Decimal("10.12"),
        Decimal("10.001"),
        Decimal("10.12"),
    )


def test_minutes_are_labelled_by_their_end_and_after_hours_is_left_out() -> None:
    rows = [f'["20261124{clock}","10","10","10.1","9.9","12.00",{{}},"0.1"]' for clock in ("1500", "1457", "1506")]
    bars = parse(answer(*rows, key="m1"), MAOTAI, "1m")
    assert [f"{market_time(bar.time):%H:%M}" for bar in bars] == ["14:57", "15:00"]
    assert bars[0].volume == 1200


@pytest.mark.parametrize(
    "row",
    [
        '["2026-11-24","10","10","9.9","10.1","1000.00"]',
        '["2026-11-24","0","10","10.1","9.9","1000.00"]',
        '["2026-11-24","-3","10","10.1","9.9","1000.00"]',
        '["2026-11-24","NaN","10","10.1","9.9","1000.00"]',
        '["2026-11-24","10","10","1e400","9.9","1000.00"]',
        '["2026-11-24","10","10","10.1","9.9","-1"]',
        '["2026-11-34","10","10","10.1","9.9","1000.00"]',
        '["2026-11-24","10"]',
        "7",
        "null",
    ],
)
def test_one_bad_row_never_costs_the_others(row: str) -> None:
    good = '["2026-11-23","10","10","10.1","9.9","1000.00"]'
    rejected: list[str] = []
    assert len(parse(answer(row, good), MAOTAI, "day", rejected)) == 1
    assert len(rejected) == 1
    with pytest.raises(Malformed, match="返回的内容读不懂"):
        parse(answer(row), MAOTAI, "day")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"code":1,"msg":"bad params","data":[]}', b"[" * 90_000]
)
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed, match="腾讯K线"):
        parse(body, MAOTAI, "day")


def test_a_symbol_that_the_source_does_not_know_has_no_bars() -> None:
    assert parse(b'{"code":0,"msg":"","data":[]}', MAOTAI, "day") == []
    assert parse(b'{"code":0,"msg":"","data":{"sh600519":{"qt":{}}}}', MAOTAI, "day") == []


@given(data=st.data())
def test_spoiled_answers_never_yield_an_impossible_bar(data: st.DataObject) -> None:
    body = answer('["2026-11-23","10","10","10.1","9.9","1000.00",{},"1.0","101.00"]')
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, min(start + 12, len(body))))
        body = (
            body[:start]
            + data.draw(st.sampled_from([b"9" * 40, b"NaN", b"-1", b'"', b"]"]) | st.binary(max_size=6))
            + body[end:]
        )
    try:
        bars = parse(body, MAOTAI, "day")
    except Malformed:
        return
    for bar in bars:
        assert Decimal("0.001") <= bar.low <= min(bar.open, bar.close)
        assert max(bar.open, bar.close) <= bar.high < 10_000_000
        assert 0 <= bar.volume < 10**17


# --- over the wire ---


@asynccontextmanager
async def wired(
    sleep: Callable[[float], Awaitable[object]] | None = None,
) -> AsyncIterator[tuple[FakeQuotes, TencentBars, ManualClock]]:
    clock = ManualClock(NOW)
    async with FakeQuotes(clock) as server:
        server.bars[MAOTAI, "day"] = [day(number) for number in (20, 23, 24)]
        server.bars[MAOTAI, "m5"] = [minute("09:35"), minute("09:40")]
        source = tencent_bars.connect(
            clock=clock, base_url=server.tencent_url, sleep=sleep or Naps(), timeout=timedelta(seconds=20)
        )
        try:
            yield server, source, clock
        finally:
            await source.close()


async def test_bars_arrive_oldest_first() -> None:
    async with wired() as (server, source, _):
        fetcher: BarFetcher = source
        assert await fetcher.bars(MAOTAI, "day", 320) == server.bars[MAOTAI, "day"]
        assert await fetcher.bars(MAOTAI, "day", 2) == server.bars[MAOTAI, "day"][1:]
        assert await fetcher.bars(MAOTAI, "5m", 320) == server.bars[MAOTAI, "m5"]
        assert await fetcher.bars(SMIC, "day", 320) == []
        assert {request.headers["referer"] for request in server.requests} == {"https://gu.qq.com/"}


async def test_requests_keep_their_distance() -> None:
    naps = Naps()
    async with wired(naps) as (_, source, clock):
        await source.bars(MAOTAI, "day", 320)
        await source.bars(MAOTAI, "5m", 320)
        clock.advance(timedelta(seconds=0.15))
        await source.bars(MAOTAI, "day", 320)
        clock.advance(timedelta(seconds=1))
        await source.bars(MAOTAI, "day", 320)
    assert [round(seconds, 3) for seconds in naps.taken] == [0.2, 0.05]


@pytest.mark.parametrize("kind", [403, "empty"])
async def test_after_a_refusal_nothing_is_asked_for_half_an_hour(kind: Kind) -> None:
    async with wired() as (server, source, clock):
        server.fail("bars", kind, times=1)
        for reason in ("可能请求太频繁", "10:30:00 以后再问"):
            with pytest.raises(Unavailable, match=reason) as raised:
                await source.bars(MAOTAI, "day", 320)
            assert raised.value.retry_after == timedelta(minutes=30)
        assert len(server.requests) == 1
        clock.advance(timedelta(minutes=30))
        assert len(await source.bars(MAOTAI, "day", 320)) == 3


@pytest.mark.parametrize(
    ("kind", "error"), [(500, Unavailable), ("drop", Unavailable), ("html", Malformed), ("huge", Malformed)]
)
async def test_a_failure_is_told_and_does_not_rest(kind: Kind, error: type[Exception]) -> None:
    async with wired() as (server, source, _):
        server.fail("bars", kind, times=1)
        with pytest.raises(error, match="腾讯K线"):
            await source.bars(MAOTAI, "day", 320)
        assert len(await source.bars(MAOTAI, "day", 320)) == 3
