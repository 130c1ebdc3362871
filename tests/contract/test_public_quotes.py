"""The public quote sources: what they make of real answers, and of a server that misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.quotes import sina, tencent
from adapters.quotes.web import WebQuotes
from core.clock import MARKET_ZONE, ManualClock
from core.errors import Malformed, Unavailable
from core.frames import PRICES, Quote
from core.polling import PolledQuotes
from core.types import Symbol
from tests.fakes.quotes import FakeQuotes, Kind, Site
from tests.shared import SHARED, needs_shared

MAOTAI, SMIC, BSE, INDEX = Symbol("600519.SH"), Symbol("688981.SH"), Symbol("920118.BJ"), Symbol("000001.SH")
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # Tuesday, 10:00 market time
LATER = datetime(2026, 12, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Vendor:
    site: Site
    name: str
    parse: Callable[..., dict[Symbol, Quote]]
    connect: Callable[..., WebQuotes]

    def url(self, server: FakeQuotes) -> str:
        return server.tencent_url if self.site == "tencent" else server.sina_url

    def body(self, server: FakeQuotes, *symbols: Symbol) -> bytes:
        return server.tencent_body(symbols) if self.site == "tencent" else server.sina_body(symbols)


TENCENT = Vendor("tencent", "腾讯行情", tencent.parse, tencent.connect)
SINA = Vendor("sina", "新浪行情", sina.parse, sina.connect)
vendors = pytest.mark.parametrize("vendor", [TENCENT, SINA], ids=["tencent", "sina"])


def real(name: str) -> bytes:
    """A stored answer, as the vendor sends it."""
    return (SHARED / "data" / "quotes" / name).read_text(encoding="utf-8").encode("gbk")


def market(hour: int, minute: int, second: int, day: str) -> datetime:
    year, month, number = (int(part) for part in day.split("-"))
    return datetime(year, month, number, hour, minute, second, tzinfo=MARKET_ZONE).astimezone(UTC)


def listed() -> FakeQuotes:
    """A table of rows of every kind, without a server."""
    server = FakeQuotes(ManualClock(NOW))
    server.set(
        "600519.SH", name="贵州茅台", last="1419.09", preclose="1430.00", limit_up="1573.00", limit_down="1287.00"
    )
    server.set("688981.SH", name="中芯国际", last="119.98", volume=1_234)
    server.set("920118.BJ", name="N太湖远大", last="16.91")
    server.set("159915.SZ", name="创业板ETF", last="2.345")
    server.set("000002.SZ", name="万  科Ａ", preclose="6.00", traded=False, bid="5.99", ask="6.01")
    server.set("600000.SH", name="浦发银行", preclose="7.00", suspended=True)
    return server


# --- real answers ---


@needs_shared
def test_a_real_tencent_row_in_the_middle_of_the_day() -> None:
    quote = tencent.parse(real("tencent_full_600519_20260806_intraday.txt"), LATER)[MAOTAI]
    assert quote == Quote(
        symbol=MAOTAI,
        name="贵州茅台",
        last=Decimal("1301.50"),
        preclose=Decimal("1306.45"),
        open=Decimal("1310.00"),
        high=Decimal("1314.40"),
        low=Decimal("1300.01"),
        limit_up=Decimal("1437.10"),
        limit_down=Decimal("1175.81"),
        bid=Decimal("1301.52"),
        ask=Decimal("1301.95"),
        volume=1_113_100,
        amount=Decimal(1451334748),
        bid_volume=100,
        ask_volume=300,
        turnover=Decimal("0.09"),
        source="腾讯行情",
        quoted_at=market(10, 43, 33, "2026-08-06"),
        received_at=LATER,
    )


@needs_shared
def test_a_real_star_row_counts_its_volume_in_shares() -> None:
    quote = tencent.parse(real("tencent_full_star688981_20260924_close.txt"), LATER)[SMIC]
    assert quote.volume == 18_660_976
    assert quote.amount is not None
    assert quote.low is not None
    assert quote.high is not None
    assert quote.low <= quote.amount / quote.volume <= quote.high
    assert quote.bid_volume == 50_600
    assert (quote.limit_up, quote.limit_down) == (Decimal("145.67"), Decimal("97.11"))


@needs_shared
@pytest.mark.parametrize(
    ("file", "symbol", "volume", "limit_up"),
    [
        ("tencent_full_001216_20260924_close.txt", "001216.SZ", 42_858_000, "31.14"),
        ("tencent_full_etf510300_20260807_close.txt", "510300.SH", 943_535_600, "5.180"),
        ("tencent_full_lof161725_20260807_close.txt", "161725.SZ", 118_916_700, "0.616"),
        ("tencent_bj920118_20260723_38fields.txt", "920118.BJ", 324_000, None),
    ],
)
def test_other_real_rows_count_their_volume_in_lots(file: str, symbol: str, volume: int, limit_up: str | None) -> None:
    quote = tencent.parse(real(file), LATER)[Symbol(symbol)]
    assert quote.volume == volume
    assert quote.limit_up == (None if limit_up is None else Decimal(limit_up))
    assert quote.amount is not None
    assert quote.low is not None
    assert quote.high is not None
    assert quote.low <= quote.amount / quote.volume <= quote.high


@needs_shared
def test_a_real_share_sealed_at_its_upper_limit_has_no_ask() -> None:
    quote = tencent.parse(real("tencent_limitup_600396_20260723_close_53fields.txt"), LATER)[Symbol("600396.SH")]
    assert quote.last == quote.bid == quote.limit_up == Decimal("16.41")
    assert (quote.ask, quote.ask_volume) == (None, 0)
    assert quote.bid_volume == 6_409_200


@needs_shared
def test_a_real_index_row_has_neither_limits_nor_a_book() -> None:
    quote = tencent.parse(real("tencent_full_index000001_20260924_close.txt"), LATER)[INDEX]
    assert quote.last == Decimal("3888.37")
    assert (quote.limit_up, quote.limit_down, quote.bid, quote.ask) == (None, None, None, None)
    assert quote.volume == 43_853_041_200
    assert not quote.suspended


@needs_shared
def test_a_real_answer_about_an_unknown_symbol_is_empty() -> None:
    assert tencent.parse(real("tencent_unknown_symbol.txt"), LATER) == {}
    assert tencent.parse(b"", LATER) == {}  # what a symbol with the wrong exchange gets


@needs_shared
def test_real_sina_rows() -> None:
    quote = sina.parse(real("sina_600000_20221111_close.txt"), LATER)[Symbol("600000.SH")]
    assert quote == Quote(
        symbol=Symbol("600000.SH"),
        name="浦发银行",
        last=Decimal("6.94"),
        preclose=Decimal("6.78"),
        open=Decimal("6.83"),
        high=Decimal("6.98"),
        low=Decimal("6.83"),
        bid=Decimal("6.94"),
        ask=Decimal("6.95"),
        volume=40_237_053,
        amount=Decimal(277525770),
        bid_volume=71_208,
        ask_volume=283_009,
        source="新浪行情",
        quoted_at=market(15, 0, 0, "2022-11-11"),
        received_at=LATER,
    )
    fund = sina.parse(real("sina_lof162411_20190312_close.txt"), LATER)[Symbol("162411.SZ")]
    assert (fund.last, fund.volume) == (Decimal("0.491"), 133_819_867)


@needs_shared
def test_a_real_sina_row_before_the_first_trade_has_no_price_and_is_not_suspended() -> None:
    quotes = sina.parse(real("sina_no_trade_yet_and_empty_20190408.txt"), market(9, 41, 50, "2019-04-08"))
    assert list(quotes) == ["160922.SZ"]  # the other one is unknown: an empty string
    quote = quotes[Symbol("160922.SZ")]
    assert (quote.last, quote.open, quote.high, quote.low, quote.volume) == (None, None, None, None, 0)
    assert (quote.preclose, quote.bid, quote.ask) == (Decimal("1.074"), Decimal("1.053"), Decimal("1.11"))
    assert not quote.suspended


@needs_shared
@pytest.mark.parametrize(
    "file", ["tencent_smartbox_search_shape.txt", "tencent_minute_query_001216_20260924_excerpt.json"]
)
def test_a_real_answer_of_another_kind_is_malformed(file: str) -> None:
    with pytest.raises(Malformed, match="腾讯行情：返回的内容读不懂"):
        tencent.parse(real(file), LATER)


@needs_shared
def test_a_real_refusal_is_no_quote() -> None:
    with pytest.raises(Malformed, match="Kinsoku"):
        sina.parse(real("sina_error_body_without_referer.txt"), LATER)


# --- rows ---


@vendors
def test_every_kind_of_row_reads_the_same_from_both(vendor: Vendor) -> None:
    server = listed()
    symbols = [Symbol(text) for text in ("600519.SH", "688981.SH", "920118.BJ", "159915.SZ", "000002.SZ", "600000.SH")]
    quotes = vendor.parse(vendor.body(server, *symbols), NOW)
    assert list(quotes) == symbols
    maotai, smic, bse, fund, waiting, suspended = quotes.values()
    assert (maotai.last, maotai.preclose, maotai.volume) == (Decimal("1419.09"), Decimal("1430.00"), 10_000)
    assert (maotai.bid, maotai.ask, maotai.bid_volume) == (Decimal("1419.09"), Decimal("1419.10"), 1_000)
    assert (smic.volume, bse.volume) == (1_234, 10_000)
    assert bse.name == "N太湖远大"
    assert fund.last == Decimal("2.345")
    assert (waiting.name, waiting.last, waiting.suspended) == ("万科A", None, False)
    assert (suspended.last, suspended.bid, suspended.suspended) == (None, None, True)
    assert {quote.source for quote in quotes.values()} == {vendor.name}
    assert {quote.quoted_at for quote in quotes.values()} == {NOW}


@pytest.mark.parametrize(
    ("vendor", "old", "new"),
    [
        (TENCENT, b"1419.09", b"14I9.09"),
        (TENCENT, b"1419.09", b"1519.09"),  # the first of its places; the day's range stays
        (TENCENT, b"1419.09", b"NaN"),
        (TENCENT, b"1419.09", b"-1419.09"),
        (TENCENT, "贵州茅台".encode("gbk"), b"\xb9"),  # half a character, which swallows the separator
        (TENCENT, b'";', b""),  # cut in the middle of the list
        (TENCENT, b"2026", b"2027"),
        (TENCENT, b"20261124100000", b"20261124250000"),
        (SINA, b"1419.090", b"14I9.090"),
        (SINA, b"1430.000,1419.090", b"1430.000,1519.090"),
        (SINA, b"1430.000,1419.090", b"1430.000,NaN"),
        (SINA, b"1430.000,1419.090", b"1430.000,-1419.090"),
        (SINA, b'";', b""),
        (SINA, b"2026", b"2027"),
        (SINA, b"10:00:00", b"25:00:00"),
    ],
)
def test_one_bad_row_never_costs_the_others(vendor: Vendor, old: bytes, new: bytes) -> None:
    server = listed()
    body = vendor.body(server, MAOTAI)
    assert old in body
    spoiled = body.replace(old, new, 1)
    rejected: list[str] = []
    assert list(vendor.parse(spoiled + vendor.body(server, SMIC), NOW, rejected)) == [SMIC]
    assert len(rejected) == 1
    with pytest.raises(Malformed, match="返回的内容读不懂"):
        vendor.parse(spoiled, NOW)


def test_a_row_about_another_symbol_than_it_says_is_left_out() -> None:
    body = TENCENT.body(listed(), MAOTAI).replace(b"v_sh600519", b"v_sh600518")
    with pytest.raises(Malformed, match="写着另一个代码"):
        tencent.parse(body, NOW)


def test_a_row_with_too_few_fields_is_left_out() -> None:
    with pytest.raises(Malformed, match="只有 3 个字段"):
        tencent.parse('v_sh600519="1~贵州茅台~600519";'.encode("gbk"), NOW)
    with pytest.raises(Malformed, match="只有 2 个字段"):
        sina.parse('var hq_str_sh600519="贵州茅台,1.0";'.encode("gbk"), NOW)


def test_an_empty_body_is_an_answer_of_tencent_alone() -> None:
    assert tencent.parse(b" \r\n", NOW) == {}
    with pytest.raises(Malformed, match="空白"):
        sina.parse(b" \r\n", NOW)


def test_tencents_price_before_the_first_trade_is_yesterdays_and_not_taken() -> None:
    body = TENCENT.body(listed(), Symbol("000002.SZ"))
    assert body.split(b"~")[3] == b"6.00"
    quote = tencent.parse(body, NOW)[Symbol("000002.SZ")]
    assert (quote.last, quote.preclose) == (None, Decimal("6.00"))


def test_a_status_that_says_suspended_is_believed() -> None:
    server = listed()
    fields = TENCENT.body(server, MAOTAI).split(b"~")
    fields[40] = b"S"
    assert tencent.parse(b"~".join(fields), NOW)[MAOTAI].suspended
    assert sina.parse(SINA.body(server, MAOTAI).replace(b",00,", b",03,"), NOW)[MAOTAI].suspended


def test_a_sina_index_has_no_volume_because_its_unit_is_not_known() -> None:
    server = FakeQuotes(ManualClock(NOW))
    server.set("000001.SH", name="上证指数", last="3888.37", bid=0, ask=0, volume=438_530_412, amount=783_613_001_376)
    quote = sina.parse(SINA.body(server, INDEX), NOW)[INDEX]
    assert (quote.last, quote.volume, quote.suspended) == (Decimal("3888.37"), 0, False)


# --- arbitrary bytes ---


def _seeds() -> list[bytes]:
    server = listed()
    symbols = tuple(Symbol(text) for text in ("600519.SH", "688981.SH", "000002.SZ", "600000.SH"))
    stored = sorted((SHARED / "data" / "quotes").glob("*.txt")) if SHARED.is_dir() else []
    return [server.tencent_body(symbols), server.sina_body(symbols), *(real(path.name) for path in stored)]


SEEDS = _seeds()
SNIPPETS = [
    b"~",
    b",",
    b'"',
    b";",
    b"\n",
    b"-1",
    b"0",
    b"0.00",
    b"NaN",
    b"inf",
    b"1e400",
    b"9" * 40,
    b"\xb9",
    b"\x00",
    b"",
]


def _promises(parse: Callable[..., dict[Symbol, Quote]], body: bytes) -> None:
    rejected: list[str] = []
    try:
        quotes = parse(body, NOW, rejected)
    except Malformed:
        return
    for symbol, quote in quotes.items():
        assert quote.symbol == symbol
        prices = [getattr(quote, name) for name in PRICES]
        assert all(price is None or Decimal("0.001") <= price < 10_000_000 for price in prices)
        assert quote.last is None or (quote.low is not None and quote.high is not None)
        if quote.last is not None and quote.low is not None and quote.high is not None:
            assert quote.low <= quote.last <= quote.high
        assert quote.volume >= 0
        assert quote.bid_volume >= 0
        assert quote.ask_volume >= 0
        assert quote.quoted_at <= NOW + timedelta(minutes=5)


@vendors
@given(body=st.binary(max_size=400))
def test_arbitrary_bytes_are_read_or_malformed(vendor: Vendor, body: bytes) -> None:
    _promises(vendor.parse, body)


@vendors
@given(data=st.data())
def test_spoiled_answers_never_yield_an_impossible_price(vendor: Vendor, data: st.DataObject) -> None:
    body = data.draw(st.sampled_from(SEEDS))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, min(start + 12, len(body))))
        body = body[:start] + data.draw(st.sampled_from(SNIPPETS) | st.binary(max_size=6)) + body[end:]
    _promises(vendor.parse, body)


@given(data=st.data())
def test_any_spoiled_field_costs_that_row_alone(data: st.DataObject) -> None:
    vendor, separator = data.draw(st.sampled_from([(TENCENT, b"~"), (SINA, b",")]))
    server = listed()
    fields = vendor.body(server, MAOTAI).split(separator)
    field = data.draw(st.integers(1, len(fields) - 2))
    fields[field] = data.draw(st.sampled_from([b"-1", b"0", b"NaN", b"x", b"", b"99999999999", b"1e9", b"\xb9"]))
    quotes = vendor.parse(separator.join(fields) + vendor.body(server, SMIC), NOW)
    assert quotes[SMIC].last == Decimal("119.98")
    _promises(vendor.parse, separator.join(fields))


# --- over the wire ---


@asynccontextmanager
async def wired(
    vendor: Vendor, timeout: timedelta = timedelta(seconds=20)
) -> AsyncIterator[tuple[FakeQuotes, WebQuotes]]:
    clock = ManualClock(NOW)
    async with FakeQuotes(clock) as server:
        server.set("600519.SH", name="贵州茅台", last="1419.09", preclose="1430")
        server.set("920118.BJ", name="太湖远大", last="16.91")
        source = vendor.connect(clock=clock, base_url=vendor.url(server), timeout=timeout)
        try:
            yield server, source
        finally:
            await source.close()


@vendors
async def test_quotes_arrive_and_an_unknown_symbol_is_absent(vendor: Vendor) -> None:
    async with wired(vendor) as (server, source):
        quotes = await source.fetch([MAOTAI, Symbol("600001.SH"), BSE])
        assert source.name == vendor.name
        assert {symbol: quote.last for symbol, quote in quotes.items()} == {
            MAOTAI: Decimal("1419.09"),
            BSE: Decimal("16.91"),
        }
        server.remove("920118.BJ")
        assert await source.fetch([BSE]) == {}
        server.set("600519.SH", last="1400")
        assert (await source.fetch([MAOTAI]))[MAOTAI].last == Decimal("1400.00")
        assert await source.fetch([]) == {}
        assert len(server.requests) == 3


async def test_sina_is_told_where_we_come_from() -> None:
    async with wired(SINA) as (server, source):
        await source.fetch([MAOTAI])
        assert server.requests[0].headers["referer"] == "https://finance.sina.com.cn"


async def test_sina_without_the_referer_would_be_refused() -> None:
    async with FakeQuotes() as server, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{server.sina_url}/list=sh600519")
        assert (answer.status_code, answer.content) == (403, b"Kinsoku jikou desu!")


@vendors
async def test_many_symbols_are_asked_in_batches_one_after_the_other(vendor: Vendor) -> None:
    batch = (tencent if vendor is TENCENT else sina).SITE.batch
    async with wired(vendor) as (server, source):
        symbols = [Symbol(f"{600000 + n}.SH") for n in range(2 * batch + 1)]
        for symbol in symbols:
            server.set(symbol, last="10.00")
        quotes = await source.fetch(symbols)
        assert list(quotes) == symbols
        assert [len(request.symbols) for request in server.requests] == [batch, batch, 1]


@vendors
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (403, "拒绝了我们（HTTP 403）"),
        (456, "拒绝了我们（HTTP 456）"),
        (500, "服务器出错（HTTP 500）"),
        (302, "服务器出错（HTTP 302）"),
        ("cut", "连接中断"),
        ("drop", "连接中断"),
    ],
)
async def test_what_may_work_later_is_unavailable(vendor: Vendor, kind: Kind, reason: str) -> None:
    async with wired(vendor) as (server, source):
        server.fail(vendor.site, kind)
        with pytest.raises(Unavailable) as raised:
            await source.fetch([MAOTAI])
        assert reason in raised.value.reason
        assert raised.value.source == vendor.name
        assert raised.value.retry_after == (timedelta(minutes=30) if kind in (403, 456) else None)
        server.heal(vendor.site)
        assert MAOTAI in await source.fetch([MAOTAI])


@vendors
@pytest.mark.parametrize("kind", ["garbage", "html", "huge"])
async def test_what_cannot_be_read_is_malformed(vendor: Vendor, kind: Kind) -> None:
    async with wired(vendor) as (server, source):
        server.fail(vendor.site, kind)
        with pytest.raises(Malformed) as raised:
            await source.fetch([MAOTAI])
        assert raised.value.source == vendor.name
        server.heal(vendor.site)
        assert MAOTAI in await source.fetch([MAOTAI])


async def test_sinas_refusal_is_recognised_whatever_its_status() -> None:
    async with wired(SINA) as (server, source):
        server.fail("sina", "kinsoku")
        with pytest.raises(Unavailable) as raised:
            await source.fetch([MAOTAI])
        assert raised.value.retry_after == timedelta(minutes=30)


async def test_an_empty_answer() -> None:
    async with wired(TENCENT) as (server, source):
        server.fail("tencent", "empty")
        assert await source.fetch([MAOTAI]) == {}
    async with wired(SINA) as (server, source):
        server.fail("sina", "empty")
        with pytest.raises(Malformed):
            await source.fetch([MAOTAI])


@vendors
async def test_an_answer_cut_without_a_trace_gives_its_whole_rows(
    vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    async with wired(vendor) as (server, source):
        server.fail(vendor.site, "cut-unsized")
        assert list(await source.fetch([MAOTAI, BSE])) == [MAOTAI]
        assert "left out 1 rows" in caplog.text


@vendors
async def test_a_late_answer_is_unavailable(vendor: Vendor) -> None:
    async with wired(vendor, timeout=timedelta(milliseconds=50)) as (server, source):
        gate = server.hold(vendor.site)
        with pytest.raises(Unavailable, match=r"超过 0\.05 秒没有回答"):
            await source.fetch([MAOTAI])
        gate.set()


@vendors
async def test_a_late_answer_within_the_timeout_is_taken(vendor: Vendor) -> None:
    async with wired(vendor) as (server, source):
        gate = server.hold(vendor.site)
        fetching = asyncio.ensure_future(source.fetch([MAOTAI]))
        await server.until(lambda s: len(s.requests) == 1)
        assert not fetching.done()
        gate.set()
        assert MAOTAI in await fetching


@vendors
async def test_no_server_is_unavailable(vendor: Vendor) -> None:
    async with wired(vendor) as (server, source):
        await server.__aexit__()
        with pytest.raises(Unavailable, match="连不上，请检查网络"):
            await source.fetch([MAOTAI])


@vendors
async def test_a_client_of_ours_stays_open_when_the_source_is_closed(vendor: Vendor) -> None:
    clock = ManualClock(NOW)
    async with FakeQuotes(clock) as server, httpx.AsyncClient(trust_env=False) as client:
        server.set("600519.SH", last="1419.09")
        source = vendor.connect(clock=clock, client=client, base_url=vendor.url(server) + "/")
        assert MAOTAI in await source.fetch([MAOTAI])
        await source.close()
        assert not client.is_closed


async def test_both_together_survive_a_ban_of_the_first() -> None:
    clock = ManualClock(NOW)
    told: list[str] = []

    async def sleep(seconds: float) -> None:
        clock.advance(timedelta(seconds=seconds))

    async with FakeQuotes(clock) as server:
        server.set("600519.SH", name="贵州茅台", last="1419.09", preclose="1430")
        fetchers = [
            tencent.connect(clock=clock, base_url=server.tencent_url),
            sina.connect(clock=clock, base_url=server.sina_url),
        ]
        source = PolledQuotes(fetchers, clock=clock, sleep=sleep, on_trouble=told.append)
        source.watch([MAOTAI])
        frames = source.frames()
        seen: dict[str, Mapping[Symbol, int]] = {}
        try:
            frame = await anext(frames)
            seen[frame.source] = {MAOTAI: int(frame.last[0])}
            server.fail("tencent", 403, times=1)
            server.set("600519.SH", last="1420.00")
            frame = await anext(frames)
            seen[frame.source] = {MAOTAI: int(frame.last[0])}
            assert seen == {"腾讯行情": {MAOTAI: 1_419_090}, "新浪行情": {MAOTAI: 1_420_000}}
            banned = len(server.asked("tencent"))
            while (frame := await anext(frames)).source == "新浪行情":
                assert len(server.asked("tencent")) == banned
            assert frame.at - NOW >= timedelta(minutes=30)
        finally:
            for fetcher in fetchers:
                await fetcher.close()
    assert told == [
        "腾讯行情不可用：拒绝了我们（HTTP 403），可能请求太频繁。已改用新浪行情。",
        "腾讯行情已恢复。",
    ]
