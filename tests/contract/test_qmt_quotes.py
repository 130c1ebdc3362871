"""miniQMT's stream: the SDK's real Python over a native half of ours that does to it what terminals do."""

from __future__ import annotations

import csv
import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.quotes.qmt import HEARTBEAT, MANY
from core.clock import MARKET_ZONE
from core.engine import doubt, misses_nothing
from core.errors import Malformed
from core.types import Symbol
from tests.fakes.qmt_house import BANK, MAOTAI, MORNING, PINGAN, at, house
from tests.fakes.streams import until
from tests.fakes.xtdatacenter import Tick, milliseconds, tick_of
from tests.shared import SHARED, needs_shared

INDEX, FUND, BOND = Symbol("000001.SH"), Symbol("510300.SH"), Symbol("113050.SH")


# --- what a row becomes ---


async def test_a_quote_is_in_our_units_and_rounded_once() -> None:
    async with house() as our:
        our.terminal.trade(PINGAN, 11.370000000000001, high=11.4, low=11.31, open_=11.39, lots=758_613)
        our.terminal.set(PINGAN, pvolume=75_861_284, amount=862_127_800.0, bidPrice=[11.36], askPrice=[11.38])
        quote = (await our.quotes.fetch([PINGAN]))[PINGAN]
    assert (quote.last, quote.open, quote.high, quote.low) == (
        Decimal("11.37"),
        Decimal("11.39"),
        Decimal("11.40"),
        Decimal("11.31"),
    )
    assert (quote.bid, quote.ask, quote.bid_volume, quote.ask_volume) == (
        Decimal("11.36"),
        Decimal("11.38"),
        3400,
        1200,
    )
    assert (quote.volume, quote.amount, quote.name) == (75_861_284, Decimal(862_127_800), "平安银行")
    assert (quote.limit_up, quote.limit_down) == (Decimal("12.52"), Decimal("10.24"))
    assert quote.turnover == Decimal("6.068")
    assert (quote.quoted_at, quote.received_at, quote.source) == (MORNING, MORNING, "QMT行情")


@pytest.mark.parametrize(
    ("symbol", "lots", "raw", "price", "shares"),
    [
        (MAOTAI, 1000, 100_007, 1400.0, 100_007),
        (MAOTAI, 1000, 0, 1400.0, 100_000),
        (MAOTAI, 1000, 1000, 1400.0, 100_000),
        (Symbol("688981.SH"), 1000, 1000, 120.0, 1000),
        (BOND, 1000, 10_000, 120.0, 10_000),
        (BOND, 1000, 1000, 120.0, 10_000),
        (INDEX, 1000, 100_000, 3345.0, 100_000),
    ],
)
async def test_the_volume_counts_shares_whatever_the_source_counts(
    symbol: Symbol, lots: int, raw: int, price: float, shares: int
) -> None:
    async with house() as our:
        our.terminal.have(symbol, last=price, preclose=price, lots=lots, amount=price * shares)
        our.terminal.set(symbol, pvolume=raw)
        assert (await our.quotes.fetch([symbol]))[symbol].volume == shares


async def test_a_volume_that_fits_no_amount_is_unknown() -> None:
    async with house() as our:
        our.terminal.set(MAOTAI, amount=5.0)
        assert (await our.quotes.fetch([MAOTAI]))[MAOTAI].volume == 0


async def test_a_fund_moves_by_a_thousandth_and_an_index_freely() -> None:
    async with house() as our:
        our.terminal.have(FUND, last=4.7510000001, preclose=4.7)
        quotes = await our.quotes.fetch([FUND, INDEX])
        assert (quotes[FUND].last, quotes[INDEX].last) == (Decimal("4.751"), Decimal("3345.678"))


async def test_before_the_first_trade_there_is_no_price() -> None:
    async with house(at(9, 20)) as our:
        our.terminal.have(BANK, last=9.9, preclose=9.8, open_=0.0, lots=0, amount=0.0, bid=9.9, ask=9.9, status=12)
        quote = (await our.quotes.fetch([BANK]))[BANK]
        assert (quote.last, quote.high, quote.volume) == (None, None, 0)
        assert (quote.bid, quote.preclose, quote.suspended) == (Decimal("9.90"), Decimal("9.80"), False)


@pytest.mark.parametrize(("status", "suspended"), [(1, True), (17, True), (20, True), (13, False), (15, False)])
async def test_a_suspension_is_told_by_the_state_of_the_share(status: int, suspended: bool) -> None:
    async with house() as our:
        our.terminal.set(MAOTAI, openInt=status)
        assert (await our.quotes.fetch([MAOTAI]))[MAOTAI].suspended is suspended


async def test_an_index_is_never_suspended() -> None:
    async with house() as our:
        our.terminal.set(INDEX, openInt=1)
        assert not (await our.quotes.fetch([INDEX]))[INDEX].suspended


@pytest.mark.parametrize("price", ["4.35", "11.37", "0.29", "1.13", "16.91", "2001.01"])
async def test_a_price_between_two_floats_is_the_nearer_step(price: str) -> None:
    async with house() as our:
        for noise in (0.0, 1e-12, -1e-12):
            our.terminal.trade(MAOTAI, float(price) + noise)
            assert (await our.quotes.fetch([MAOTAI]))[MAOTAI].last == Decimal(price)


async def test_a_share_that_nobody_bids_for_after_the_opening_is_suspended() -> None:
    async with house(at(9, 20)) as our:
        our.terminal.have(BANK, last=0.0, preclose=9.8, lots=0, amount=0.0, status=0)
        async with our.watching(BANK, MAOTAI) as stream:
            assert not (await stream.until(lambda frame: True)).suspended.any()
            our.clock.set(at(9, 31))
            our.trade(MAOTAI, 1400)
            frame = await stream.until(lambda frame: frame.at >= at(9, 31))
            assert frame.suspended[frame.rows[BANK]]
            assert not frame.suspended[frame.rows[MAOTAI]]


async def test_an_unknown_code_is_absent_and_so_is_one_that_was_never_quoted() -> None:
    async with house() as our:
        our.terminal.have(BANK)
        our.terminal.set(BANK, time=0)
        assert set(await our.quotes.fetch([Symbol("600001.SH"), MAOTAI, BANK])) == {MAOTAI}
        assert await our.quotes.fetch([]) == {}
        assert our.quotes.rejected == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"lastPrice": 2000.0},
        {"lastPrice": float("nan")},
        {"lastPrice": -1.0},
        {"lastPrice": 1e300},
        {"lastPrice": None},
        {"lastPrice": "贵"},
        {"low": 0.0},
        {"time": milliseconds(at(10, 30))},
    ],
    ids=str,
)
async def test_a_row_that_cannot_be_true_is_left_out_and_costs_no_other(wrong: dict[str, Any]) -> None:
    async with house() as our:
        our.terminal.set(MAOTAI, **wrong)
        assert set(await our.quotes.fetch([MAOTAI, PINGAN])) == {PINGAN}
        assert our.quotes.rejected == 1


async def test_missing_fields_and_empty_books_are_nothing() -> None:
    async with house() as our:
        row = our.terminal.set(MAOTAI, askPrice=[], askVol=[])
        del row["pvolume"], row["bidPrice"], row["openInt"]
        quote = (await our.quotes.fetch([MAOTAI]))[MAOTAI]
        assert (quote.bid, quote.ask, quote.bid_volume, quote.ask_volume) == (None, None, 0, 0)
        assert quote.last == Decimal("1419.09")


async def test_what_is_no_answer_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house() as our:
        monkeypatch.setattr("tests.fakes.xtdatacenter.json.dumps", lambda rows: "<html>")
        with pytest.raises(Malformed, match="读不懂"):
            await our.quotes.fetch([MAOTAI])


# --- facts of the day ---


async def test_details_are_read_once_a_day() -> None:
    async with house(at(9, 31)) as our, our.watching(MAOTAI, PINGAN) as stream:
        await stream.until(lambda frame: frame.limit_up.all())
        await our.checks(5)
        assert sorted(our.terminal.asked("get_instrument_detail")) == [PINGAN, MAOTAI]
        our.terminal.have(MAOTAI, name="XD贵州茅", last=1390.0, preclose=1400.0)
        our.clock.set(at(8, 0, day=25))
        await our.checks(3)
        assert len(our.terminal.asked("get_instrument_detail")) == 2
        our.clock.set(at(9, 31, day=25))
        our.trade(MAOTAI, 1395)
        frame = await stream.until(lambda frame: "XD贵州茅" in frame.names)
        assert frame.limit_up[frame.rows[MAOTAI]] == 1_540_000
        assert len(our.terminal.asked("get_instrument_detail")) == 4


async def test_limits_of_another_day_are_none() -> None:
    async with house() as our:
        our.terminal.instruments[MAOTAI]["PreClose"] = 1500.0
        quote = (await our.quotes.fetch([MAOTAI]))[MAOTAI]
        assert (quote.limit_up, quote.limit_down) == (None, None)
        async with our.watching(MAOTAI) as stream:
            our.terminal.instruments[MAOTAI]["PreClose"] = 1430.0
            for _ in range(12):
                our.trade(MAOTAI, 1420, after=31)
                await our.checks(2)
            assert (await stream.until(lambda frame: frame.limit_up.all())).limit_up.tolist() == [1_573_000]


async def test_a_new_listing_without_limits_has_none() -> None:
    async with house() as our:
        our.terminal.instruments[MAOTAI] |= {"UpStopPrice": 0.0, "DownStopPrice": 0.0, "PriceTick": None}
        quote = (await our.quotes.fetch([MAOTAI]))[MAOTAI]
        assert (quote.limit_up, quote.limit_down, quote.last) == (None, None, Decimal("1419.09"))


# --- the stream ---


@pytest.mark.parametrize("as_bytes", [True, False])
async def test_what_is_pushed_becomes_a_frame(as_bytes: bool) -> None:
    async with house(as_bytes=as_bytes) as our, our.watching(MAOTAI, PINGAN) as stream:
        our.trade(MAOTAI, 1401.5)
        frame = await stream.until(lambda frame: 1_401_500 in frame.last)
        assert doubt(frame, frame.rows[MAOTAI]) is None
        assert frame.quote(PINGAN) is not None
        assert frame.names == tuple({MAOTAI: "贵州茅台", PINGAN: "平安银行"}[one] for one in frame.symbols)


async def test_ticks_in_between_are_superseded_and_counted() -> None:
    async with house() as our, our.watching(MAOTAI, PINGAN) as stream:
        frames = stream.frames
        for price in range(1400, 1450):  # the loop does not run meanwhile
            our.trade(MAOTAI, price)
        frame = await stream.until(lambda frame: 1_449_000 in frame.last)
        assert our.quotes.newest.superseded >= 49
        assert stream.frames - frames <= 3
        assert our.pauses.count(0.1)  # they are gathered for a moment
        assert frame.last[frame.rows[PINGAN]] == 11_370


async def test_the_list_is_the_same_object_while_it_does_not_change() -> None:
    async with house() as our, our.watching(MAOTAI, PINGAN) as stream:
        first = await stream.until(lambda frame: True)
        our.trade(MAOTAI, 1401.5)
        second = await stream.until(lambda frame: 1_401_500 in frame.last)
        assert second.symbols is first.symbols
        assert first.last[first.rows[MAOTAI]] == 1_419_090  # what was handed out does not change


async def test_an_older_tick_after_a_newer_one_is_left_out() -> None:
    async with house() as our, our.watching(MAOTAI) as stream:
        our.trade(MAOTAI, 1401, after=6)
        old = tick_of(MAOTAI, at(10, 0, 3), 1500.0, 1430.0)
        less = tick_of(MAOTAI, our.clock.now(), 1501.0, 1430.0, lots=999)
        our.terminal.push(rows={MAOTAI: old})
        our.terminal.push(rows={MAOTAI: less})
        await stream.until(lambda frame: 1_401_000 in frame.last)
        our.trade(MAOTAI, 1402)
        await stream.until(lambda frame: 1_402_000 in frame.last)
        assert our.quotes.newest.late == 2


async def test_a_tick_from_the_future_keeps_out_nothing() -> None:
    async with house() as our, our.watching(MAOTAI) as stream:
        our.terminal.push(rows={MAOTAI: tick_of(MAOTAI, at(15, 0), 1500.0, 1430.0)})
        our.trade(MAOTAI, 1402)
        await stream.until(lambda frame: 1_402_000 in frame.last)


async def test_eight_threads_push_at_once_and_the_newest_wins() -> None:
    chance = random.Random(5)
    codes = [Symbol(f"{600000 + n}.SH") for n in range(40)]
    async with house(at(10, 30)) as our:
        for code in codes:
            our.terminal.have(code, last=10.0, at=at(9, 31))
        async with our.watching(*codes) as stream:
            seconds = list(range(1, 801))
            chance.shuffle(seconds)
            parts: list[dict[str, Tick]] = [
                {code: tick_of(code, at(10, 0) + timedelta(seconds=second), second / 100, 10.0) for code in codes}
                for second in seconds[:8]
            ]
            our.terminal.push_together(parts)
            newest = max(seconds[:8]) * 10
            frame = await stream.until(lambda frame: (frame.last == newest).all())
            assert frame.quoted_at.tolist() == [milliseconds(at(10, 0)) + newest * 100] * len(codes)
            assert our.quotes.newest.superseded + our.quotes.newest.late <= 7 * len(codes)


async def test_nonsense_in_a_callback_is_counted_and_stops_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    async with house(as_bytes=False) as our, our.watching(MAOTAI) as stream:
        nonsense: Any = {MAOTAI: "nothing", PINGAN: 5}
        our.terminal.push(rows=nonsense)
        our.terminal.push(rows={MAOTAI: {"lastPrice": 5.0}})
        [one] = our.terminal.subscriptions
        one.callback([1, 2])
        one.callback(None)
        our.trade(MAOTAI, 1402)
        await stream.until(lambda frame: 1_402_000 in frame.last)
        assert our.quotes.newest.broken == 4
    assert "subscribe callback error" not in capfd.readouterr().out  # the SDK prints it, and tells nobody


async def test_another_list_is_streamed_from_then_on() -> None:
    async with house() as our, our.watching(MAOTAI) as stream:
        our.quotes.watch([PINGAN, Symbol("live.ACCT")])
        frame = await stream.until(lambda frame: frame.symbols == (PINGAN,))
        assert frame.limit_up.all()
        await until(lambda: len(our.terminal.subscriptions) == 1)
        [one] = our.terminal.subscriptions
        assert one.codes == {PINGAN, *HEARTBEAT}
        our.quotes.watch([])
        await until(lambda: not our.terminal.subscriptions)


async def test_many_codes_are_asked_for_as_whole_markets() -> None:
    codes = [Symbol(f"{600000 + n}.SH") for n in range(MANY + 1)]
    async with house() as our:
        for code in codes:
            our.terminal.have(code)
        async with our.watching(*codes) as stream:
            assert our.terminal.asked("subscribe_whole_quote") == [["SH", "SZ"]]
            our.terminal.push(PINGAN)
            assert our.quotes.newest.time_of(PINGAN) == 0  # nobody wants to know
            our.quotes.watch([*codes, PINGAN])
            await stream.until(lambda frame: PINGAN in frame.rows)  # without a trade, and without subscribing anew
            assert our.quotes.subscribed == 1


async def test_a_frame_comes_as_a_sign_of_life_though_nothing_changes() -> None:
    async with house() as our, our.watching(MAOTAI) as stream:
        await until(lambda: stream.frames >= 5)
        our.clock.advance(timedelta(minutes=4))
        frame = await stream.until(lambda frame: frame.at == our.clock.now())
        assert frame.quoted_at.tolist() == [milliseconds(MORNING)]  # its age is told
        assert not misses_nothing(frame)
        assert our.pauses.count(3.0)
        assert not our.pauses.count(30.0)
        our.clock.set(at(20, 0))
        await until(lambda: our.pauses.count(30.0))


@needs_shared
async def test_a_real_morning_of_ticks_ends_at_its_real_price_and_volume() -> None:
    file = SHARED / "data" / "ticks" / "000001.SZ.csv"
    with file.open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["time"] < "2019-02-01 10:00"]
    async with house(datetime(2019, 2, 1, 9, 25, tzinfo=MARKET_ZONE)) as our:
        volume, amount, prices = 0, 0.0, [float(row["price"]) for row in rows]
        our.terminal.have(PINGAN, preclose=11.1, last=prices[0])
        async with our.watching(PINGAN) as stream:
            for count, row in enumerate(rows, 1):
                traded_at = datetime.fromisoformat(row["time"]).replace(tzinfo=MARKET_ZONE)
                volume, amount = volume + int(row["volume"]), amount + int(row["volume"]) * float(row["price"])
                tick = tick_of(
                    PINGAN, traded_at, prices[count - 1], 11.1, open_=prices[0], high=max(prices[:count]),
                    low=min(prices[:count]), lots=volume // 100, amount=amount,
                ) | {"pvolume": volume}  # fmt: skip
                our.clock.set(traded_at)
                our.terminal.push(rows={PINGAN: tick})
            frame = await stream.until(lambda frame: frame.volume.tolist() == [volume])
    quote = frame.quote(PINGAN)
    assert quote is not None
    assert (quote.last, quote.high) == (Decimal(rows[-1]["price"]), max(Decimal(row["price"]) for row in rows))
