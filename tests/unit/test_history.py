"""Bars made of frames, kept, stored, fetched and brought to the prices of an ex-date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from adapters.quotes import replay
from adapters.stores.memory import MemoryStore
from core.bars import Bar, Period, day_label, merged, read_bars
from core.calendar import previous_trading_day, trading_days
from core.clock import ManualClock, market_time
from core.errors import OutsideError, Unavailable
from core.history import KEPT, MOST_SYMBOLS, RETRY, History
from core.types import Price, Symbol
from tests.fakes.parts import MONDAY, MOUTAI, PINGAN, TUESDAY, ShakyStore, at, frame, quote
from tests.shared import SHARED, needs_shared

FRIDAY = date(2026, 3, 20)


class Ticker:
    """A history that is shown one frame after the other, by a clock that goes with them."""

    def __init__(self, store: MemoryStore | None = None, fetcher: Bars | None = None, start: str = "09:00") -> None:
        self.store = store or MemoryStore()
        self.clock = ManualClock(at(start))
        self.history = History(self.store, fetcher, self.clock)
        self.closed: list[tuple[Period, str, Mapping[Symbol, Bar]]] = []
        self.history.listeners.append(
            lambda period, when, bars: self.closed.append((period, f"{market_time(when):%m-%d %H:%M}", bars))
        )
        self.ex_dates: list[tuple[Symbol, Price, Price, date]] = []
        self.history.on_ex_date.append(lambda *told: self.ex_dates.append(told))

    async def tick(self, when: str, last: str | None, symbol: Symbol = MOUTAI, **changes: object) -> None:
        price = {"high": last, "low": last, "open": last} if last is not None else {}
        shown = frame(quote(symbol, last, when, **{**price, **changes}))
        self.clock.set(shown.at)
        await self.history.on_frame(shown)

    def labels(self, period: Period) -> list[str]:
        return [when for closed, when, _ in self.closed if closed == period]


class Bars:
    """A BarFetcher that gives what it was given."""

    name = "测试K线"

    def __init__(self, *bars: Bar, error: OutsideError | None = None) -> None:
        self.given: dict[tuple[Symbol, Period], list[Bar]] = {}
        self.error = error
        self.asked: list[tuple[Symbol, Period]] = []
        self.give("day", *bars)

    def give(self, period: Period, *bars: Bar) -> None:
        for one in bars:
            self.given.setdefault((one.symbol, period), []).append(one)

    async def bars(self, symbol: Symbol, period: Period, count: int) -> Sequence[Bar]:
        self.asked.append((symbol, period))
        if self.error is not None:
            raise self.error
        return self.given.get((symbol, period), [])[-count:]


def bar(when: datetime, close: str = "1430.00", symbol: Symbol = MOUTAI, volume: int = 100) -> Bar:
    price = Decimal(close)
    return Bar(symbol, when.astimezone(UTC), price, price, price, price, volume)


def days(count: int, until: date = FRIDAY, close: str = "1430.00", symbol: Symbol = MOUTAI) -> list[Bar]:
    known = trading_days(until - timedelta(days=2 * count + 20), until)[-count:]
    return [bar(day_label(day), close, symbol) for day in known]


def minute(when: str, close: str = "1430.00") -> Bar:
    return bar(at(when), close)


def whole(when: str, opened: str, high: str, low: str, close: str, *, volume: int, amount: int) -> Bar:
    prices = Decimal(opened), Decimal(high), Decimal(low), Decimal(close)
    return Bar(MOUTAI, at(when).astimezone(UTC), *prices, volume, Decimal(amount))


def closes(bars: Sequence[Bar]) -> list[str]:
    return [str(one.close) for one in bars]


def times(bars: Sequence[Bar]) -> list[str]:
    return [f"{market_time(one.time):%H:%M}" for one in bars]


# -- bars of frames


async def test_the_frames_of_a_minute_are_one_bar() -> None:
    one = Ticker()
    for when, last, volume, amount in (
        ("09:25:02", "1430", 1000, 1_430_000),
        ("09:30:03", "1431", 1200, 1_716_000),
        ("09:30:30", "1428", 1300, 1_859_000),
        ("09:31:00", "1429", 1400, 2_002_000),
        ("09:31:03", "1440", 1500, 2_146_000),
    ):
        await one.tick(when, last, volume=volume, amount=str(amount))
    auction, first = one.history.minutes(MOUTAI, "1m")
    assert auction == replace(minute("09:30"), volume=1000, amount=Decimal(1_430_000))
    assert first == whole("09:31", "1431.00", "1431.00", "1428.00", "1429.00", volume=400, amount=572_000)
    forming = one.history.forming(MOUTAI, "1m")
    assert forming is not None
    assert (forming.close, forming.volume, times([forming])) == (Decimal("1440.00"), 100, ["09:32"])


async def test_a_high_between_two_frames_is_in_the_bar() -> None:
    one = Ticker()
    await one.tick("09:31:30", "1430", high="1430", low="1430")
    await one.tick("09:31:33", "1430", high="1435", low="1427")
    await one.tick("09:32:03", "1430", high="1435", low="1427")
    [bar] = one.history.minutes(MOUTAI, "1m")
    assert (bar.high, bar.low) == (Decimal("1435.00"), Decimal("1427.00"))
    forming = one.history.forming(MOUTAI, "1m")
    assert forming is not None
    assert (forming.high, forming.low) == (Decimal("1430.00"), Decimal("1430.00"))


async def test_longer_bars_end_at_lunch_and_count_the_auction_to_the_first() -> None:
    one = Ticker()
    for when in (
        "09:25:02",
        "09:31:00",
        "09:35:00",
        "09:35:01",
        "11:26:00",
        "11:30:00",
        "13:00:03",
        "13:05:00",
        "13:06",
    ):
        await one.tick(when, "1430")
    assert one.labels("5m") == ["03-23 09:35", "03-23 09:40", "03-23 11:30", "03-23 13:05"]
    assert one.labels("60m") == ["03-23 10:30", "03-23 11:30"]
    [closed] = [bars for period, when, bars in one.closed if (period, when) == ("5m", "03-23 09:35")]
    assert (list(closed), closed[MOUTAI].time) == ([MOUTAI], at("09:35"))


async def test_a_price_that_is_none_or_outside_the_session_makes_no_bar() -> None:
    one = Ticker()
    await one.tick("09:20", "1430")
    await one.tick("09:31", None)
    await one.tick("09:32", "1430", suspended=True)
    await one.tick("09:33", "1430", quoted="2026-03-20 15:00:00")
    await one.tick("12:00", "1430")
    await one.tick("2026-03-22 10:00", "1430")
    assert one.history.forming(MOUTAI, "1m") is None
    await one.history.close_day()
    assert one.closed == []


async def test_what_stands_still_at_lunch_and_after_the_close_is_added_to_no_minute() -> None:
    one = Ticker()
    await one.tick("12:00", "1430", quoted="11:30:02")
    await one.tick("16:00", "1431", quoted="15:00:02")
    assert one.labels("1m") == []
    assert closes(one.history.daily(MOUTAI)) == ["1431.00"]


async def test_after_a_gap_a_minute_has_only_what_was_traded_in_it() -> None:
    one = Ticker()
    await one.tick("10:00:30", "1430", volume=1000)
    await one.tick("10:08:03", "1431", volume=9000)
    await one.tick("10:08:33", "1431", volume=9100)
    await one.tick("10:09:03", "1431", volume=9500)
    await one.tick("10:10:03", "1431", volume=9500)
    assert [bar.volume for bar in one.history.minutes(MOUTAI, "1m")] == [0, 100, 400]
    assert times(one.history.minutes(MOUTAI, "1m")) == ["10:01", "10:09", "10:10"]


async def test_the_day_is_the_newest_row_of_the_frames() -> None:
    one = Ticker(start="10:00")  # a restart in the morning loses nothing of it
    await one.tick("10:00", "1431", open="1429", high="1440", low="1420", volume=5000, amount="7150000")
    today = one.history.forming(MOUTAI, "day")
    assert today is not None
    assert today.time == at("14:55")
    await one.tick("15:00:02", "1432", open="1429", high="1441", low="1420", volume=9000, amount="12870000")
    assert one.history.daily(MOUTAI) == []
    await one.tick(
        "15:05", "1432", open="1429", high="1441", low="1420", volume=9000, amount="12870000", quoted="15:00:02"
    )
    [day] = one.history.daily(MOUTAI)
    assert day == whole("14:55", "1429.00", "1441.00", "1420.00", "1432.00", volume=9000, amount=12_870_000)
    assert one.history.forming(MOUTAI, "day") is None
    assert one.closed[-1][:2] == ("day", "03-23 14:55")


async def test_a_day_whose_end_nobody_saw_ends_with_the_next_one() -> None:
    one = Ticker()
    await one.tick("14:59:57", "1430")
    await one.tick(f"{TUESDAY} 09:25:02", "1433", preclose="1430")
    assert closes(one.history.daily(MOUTAI)) == ["1430.00"]
    assert one.labels("1m") == ["03-23 15:00"]
    assert one.labels("60m") == ["03-23 15:00"]


async def test_the_job_after_the_close_ends_the_day_and_stores_it() -> None:
    one = Ticker()
    await one.tick("14:59:57", "1430")
    await one.history.close_day()
    assert one.labels("day") == []
    one.clock.set(at("15:05"))
    await one.history.close_day()
    assert one.labels("day") == ["03-23 14:55"]
    assert (await one.store.bars([MOUTAI], "day"))[MOUTAI] == one.history.daily(MOUTAI)
    await one.tick("15:06", "1430", quoted="15:00:02")
    assert one.labels("day") == ["03-23 14:55"]


async def test_symbols_come_and_go() -> None:
    one = Ticker()
    await one.tick("09:31", "1430")
    shown = frame(quote(PINGAN, "53.35", "09:31:30"), quote(MOUTAI, "1431", "09:31:30"))
    await one.history.on_frame(shown)
    await one.tick("09:32:03", "53.36", PINGAN)
    await one.tick("09:33:03", "53.37", PINGAN)
    assert times(one.history.minutes(PINGAN, "1m")) == ["09:32", "09:33"]
    assert closes(one.history.minutes(MOUTAI, "1m")) == ["1430.00", "1431.00"]


async def test_of_a_whole_market_only_the_minutes_that_were_asked_for_are_kept() -> None:
    one = Ticker()
    market = [Symbol(f"{number:06d}.SZ") for number in range(1, MOST_SYMBOLS + 2)]
    await one.history.ensure([market[7]], "5m")
    for when in ("09:31", "09:32", "09:36"):
        await one.history.on_frame(frame(*(quote(symbol, "10", when) for symbol in market)))
    assert {tuple(bars) for period, _, bars in one.closed if period in {"1m", "5m"}} == {(market[7],)}
    one.clock.set(at("15:05"))
    await one.history.close_day()
    assert len(one.closed[-1][2]) == len(market)


@needs_shared
async def test_real_bars_played_as_frames_come_out_as_they_went_in() -> None:
    played = read_bars(SHARED / "data" / "bars" / "minute1" / "600519.SH_2026-03-23_2026-03-27.csv")
    one = Ticker()
    source = replay.connect(played, ManualClock(at("09:00")))
    async for shown in source.frames():
        one.clock.set(shown.at)
        await one.history.on_frame(shown)
    one.clock.set(played[-1].time + timedelta(minutes=5))
    await one.history.close_day()
    assert one.history.minutes(MOUTAI, "1m") == [
        replace(bar, open=bar.open + 0, amount=Decimal(round(bar.amount or 0))) for bar in played[-KEPT:]
    ]
    for period, minutes in (("5m", 5), ("30m", 30), ("60m", 60)):
        ours = [bars[MOUTAI] for closed, _, bars in one.closed if closed == period]
        expected = merged(played, minutes)
        assert [(bar.time, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in ours] == [
            (bar.time, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in expected
        ]
    assert len(one.history.daily(MOUTAI)) == 5


# -- stored and fetched


async def test_what_is_stored_is_not_fetched() -> None:
    store, fetcher = MemoryStore(), Bars(*days(30))
    await store.save_bars("day", days(30, close="1431"))
    one = Ticker(store, fetcher)
    await one.history.ensure([MOUTAI], "day", 30)
    assert len(one.history.daily(MOUTAI)) == 30
    assert (fetcher.asked, one.history.trouble(MOUTAI)) == ([], None)


@pytest.mark.parametrize("kept", [days(20), days(30)[:-1], [*days(30)[:20], *days(30)[21:]]])
async def test_too_few_or_old_bars_or_bars_with_a_hole_are_fetched_once_a_day(kept: list[Bar]) -> None:
    store, fetcher = MemoryStore(), Bars(*days(30))
    await store.save_bars("day", kept)
    one = Ticker(store, fetcher)
    for _ in range(2):
        await one.history.ensure([MOUTAI], "day", 30)
    assert one.history.daily(MOUTAI) == days(30)
    assert (await store.bars([MOUTAI], "day"))[MOUTAI] == days(30)
    assert fetcher.asked == [(MOUTAI, "day")]


async def test_what_is_older_than_the_fetched_bars_is_brought_to_their_prices() -> None:
    store, fetcher = MemoryStore(), Bars(*days(10, close="715"))
    await store.save_bars("day", days(20)[:-1])
    one = Ticker(store, fetcher)
    await one.history.ensure([MOUTAI], "day", 20)
    assert {bar.close for bar in one.history.daily(MOUTAI)} == {Decimal(715)}
    assert len(one.history.daily(MOUTAI)) == 20


async def test_the_bar_of_a_day_that_is_not_over_is_no_history() -> None:
    fetcher = Bars(*days(5, until=date(2026, 3, 23)))
    one = Ticker(fetcher=fetcher, start="10:00")
    await one.history.ensure([MOUTAI], "day", 3)
    assert len(one.history.daily(MOUTAI)) == 4
    after = Ticker(fetcher=fetcher, start="15:30")
    await after.history.ensure([MOUTAI], "day", 3)
    assert len(after.history.daily(MOUTAI)) == 5


async def test_a_failure_is_told_and_tried_again_later() -> None:
    fetcher = Bars(*days(30), error=Unavailable("测试K线", "连不上，请检查网络"))
    one = Ticker(fetcher=fetcher, start="10:00")
    for _ in range(2):
        await one.history.ensure([MOUTAI], "day", 30)
    assert fetcher.asked == [(MOUTAI, "day")]
    assert one.history.trouble(MOUTAI) == "测试K线：连不上，请检查网络，10:10:00 以后再取"
    assert one.history.trouble(PINGAN) is None
    fetcher.error = None
    one.clock.advance(RETRY)
    await one.history.ensure([MOUTAI], "day", 30)
    assert one.history.trouble(MOUTAI) is None
    assert len(one.history.daily(MOUTAI)) == 30


async def test_a_symbol_without_bars_and_a_house_without_a_source_say_so() -> None:
    one = Ticker(fetcher=Bars(), start="10:00")
    await one.history.ensure([MOUTAI], "day", 30)
    assert one.history.trouble(MOUTAI) == "测试K线：没有 600519.SH 的K线，10:10:00 以后再取"
    alone = Ticker()
    await alone.history.ensure([MOUTAI], "day", 30)
    assert alone.history.trouble(MOUTAI) == "历史K线：没有来源，只有开始盯以后看到的行情"


async def test_minutes_go_on_where_the_fetched_ones_end() -> None:
    fetcher = Bars(*days(2))
    fetcher.give("5m", *(minute(f"{FRIDAY} {when}") for when in ("14:55", "15:00")))
    fetcher.give("5m", *(minute(when, "1428") for when in ("09:35", "09:40")), minute("09:45", "1427"))
    one = Ticker(fetcher=fetcher, start="09:42")
    await one.history.ensure([MOUTAI], "5m", 4)
    assert times(one.history.minutes(MOUTAI, "5m")) == ["14:55", "15:00", "09:35", "09:40"]
    for when in ("09:42:03", "09:45", "09:45:03", "09:50", "09:51"):
        await one.tick(when, "1429", volume=1000)
    bars = one.history.minutes(MOUTAI, "5m")
    assert times(bars)[3:] == ["09:40", "09:45", "09:50"]
    # The bar that was forming has the part that was traded before the first frame.
    assert (bars[4].open, bars[4].low, bars[4].close, bars[4].volume) == (
        Decimal("1427.00"),
        Decimal("1427.00"),
        Decimal("1429.00"),
        100,
    )
    one.clock.set(at("09:55"))
    await one.history.ensure([MOUTAI], "5m", 4)
    assert fetcher.asked.count((MOUTAI, "5m")) == 1


async def test_minutes_of_before_an_ex_date_are_brought_to_the_prices_of_the_days() -> None:
    fetcher = Bars(*days(3, close="715"))
    fetcher.give("60m", *(minute(f"{FRIDAY} {when}", "1430") for when in ("10:30", "11:30", "14:00", "15:00")))
    one = Ticker(fetcher=fetcher)
    await one.history.ensure([MOUTAI], "60m", 4)
    assert closes(one.history.minutes(MOUTAI, "60m")) == ["715.00"] * 4


async def test_stored_minutes_are_there_after_a_restart() -> None:
    one = Ticker()
    for when in ("10:00:30", "10:01:30", "10:02:30"):
        await one.tick(when, "1430")
    await one.history.save()
    again = Ticker(one.store, start="10:03")
    await again.history.ensure([MOUTAI], "1m")
    assert times(again.history.minutes(MOUTAI, "1m")) == ["10:01", "10:02"]
    await again.tick("10:03:30", "1431")
    await again.tick("10:04:30", "1431")
    assert times(again.history.minutes(MOUTAI, "1m")) == ["10:01", "10:02", "10:04"]


async def test_what_the_store_does_not_take_is_kept_for_the_next_time() -> None:
    class Full(ShakyStore):
        async def save_bars(
            self, period: Period, bars: Sequence[Bar], source: str = "", /, *, replace: bool = False
        ) -> None:
            await self._strike("save_bars")
            await super().save_bars(period, bars, source, replace=replace)

    store = Full()
    one = Ticker(store)
    await one.tick("10:00:30", "1430")
    await one.tick("10:01:30", "1430")
    store.fail("save_bars")
    with pytest.raises(Unavailable):
        await one.history.save()
    assert await store.bars([MOUTAI], "1m") == {}
    await one.history.save()
    assert times((await store.bars([MOUTAI], "1m"))[MOUTAI]) == ["10:01"]


async def test_no_more_than_a_year_of_days_is_in_memory_and_old_bars_are_forgotten() -> None:
    store = MemoryStore()
    await store.save_bars("day", days(800))
    await store.save_bars("1m", [minute("2026-01-05 10:00"), minute(f"{FRIDAY} 10:00")])
    one = Ticker(store)
    await one.history.ensure([MOUTAI], "day")
    assert len(one.history.daily(MOUTAI)) == KEPT
    await one.history.forget()
    assert 700 < len((await store.bars([MOUTAI], "day"))[MOUTAI]) < 760
    assert len((await store.bars([MOUTAI], "1m"))[MOUTAI]) == 1


# -- ex-dates


async def test_on_an_ex_date_everything_before_it_is_multiplied() -> None:
    store = MemoryStore()
    await store.save_bars("day", days(30))
    await store.save_bars("1m", [minute(f"{FRIDAY} 15:00")])
    one = Ticker(store)
    await one.history.ensure([MOUTAI], "1m", 1)
    await one.tick("09:25:02", "1405", preclose="1402.35")
    assert one.ex_dates == [(MOUTAI, Decimal("1430.00"), Decimal("1402.35"), date(2026, 3, 23))]
    assert set(closes(one.history.daily(MOUTAI))) == {"1402.35"}
    assert closes(one.history.minutes(MOUTAI, "1m")) == ["1402.35"]
    assert set(closes((await store.bars([MOUTAI], "day"))[MOUTAI])) == {"1430.00"}
    await one.tick("09:31", "1406", preclose="1402.35")
    one.clock.set(at("15:05"))
    await one.history.close_day()
    assert closes((await store.bars([MOUTAI], "day"))[MOUTAI][-3:]) == ["1402.35", "1402.35", "1406.00"]
    assert closes((await store.bars([MOUTAI], "1m"))[MOUTAI]) == ["1402.35", "1405.00", "1406.00"]
    again = Ticker(store, start=f"{MONDAY} 15:30")
    await again.tick("15:30", "1406", preclose="1402.35", quoted="15:00:02")
    await again.history.ensure([MOUTAI], "day", 30)
    assert again.ex_dates == []
    assert len(one.ex_dates) == 1


async def test_an_ex_date_is_found_however_late_the_history_is_asked_for() -> None:
    store = MemoryStore()
    await store.save_bars("day", days(30))
    one = Ticker(store)
    await one.tick("10:00", "1405", preclose="1402.35")
    assert one.ex_dates == []
    await one.history.ensure([MOUTAI], "day", 30)
    assert len(one.ex_dates) == 1
    await one.history.save()
    assert set(closes((await store.bars([MOUTAI], "day"))[MOUTAI])) == {"1402.35"}


async def test_stored_bars_that_nobody_asked_for_follow_an_ex_date_too() -> None:
    store = MemoryStore()
    await store.save_bars("day", days(30))
    one = Ticker(store)
    await one.tick("10:00", "1405", preclose="1402.35")
    await one.history.save()
    assert set(closes((await store.bars([MOUTAI], "day"))[MOUTAI])) == {"1402.35"}
    await one.history.ensure([MOUTAI], "day", 30)
    assert set(closes(one.history.daily(MOUTAI))) == {"1402.35"}
    assert len(one.ex_dates) == 1


async def test_a_source_that_has_already_taken_the_dividend_off_is_believed() -> None:
    store, fetcher = MemoryStore(), Bars(*days(30, close="1402.35"))
    await store.save_bars("day", days(40)[:-2])
    one = Ticker(store, fetcher)
    await one.tick("09:25:02", "1405", preclose="1402.35")
    await one.history.ensure([MOUTAI], "day", 30)
    await one.history.save()
    assert one.ex_dates == []
    assert {Decimal(close) for close in closes((await store.bars([MOUTAI], "day"))[MOUTAI])} == {Decimal("1402.35")}


async def test_bars_of_longer_ago_than_yesterday_tell_no_ex_date() -> None:
    store = MemoryStore()
    await store.save_bars("day", days(30, until=previous_trading_day(FRIDAY)))
    one = Ticker(store)
    await one.history.ensure([MOUTAI], "day", 30)
    await one.tick("09:25:02", "1405", preclose="1402.35")
    await one.history.save()
    assert one.ex_dates == []


# -- imported


async def test_imported_bars_are_joined_to_what_is_stored() -> None:
    store = MemoryStore()
    await store.save_bars("day", days(10, close="715"))
    history = History(store, None, ManualClock(at("09:00")))
    await history.take("day", [*days(20)[:-5], *days(3, symbol=PINGAN)], "导入")
    kept = (await store.bars([MOUTAI], "day"))[MOUTAI]
    assert [bar.time for bar in kept] == [bar.time for bar in days(20)]
    assert {bar.close for bar in kept} == {Decimal(715)}
    assert (await store.bars([PINGAN], "day"))[PINGAN] == days(3, symbol=PINGAN)


async def test_imported_bars_that_touch_nothing_stored_are_not_mixed_with_it() -> None:
    store = MemoryStore()
    await store.save_bars("day", days(10))
    await History(store, None, ManualClock(at("09:00"))).take("day", days(30, close="715")[:5], "导入")
    assert (await store.bars([MOUTAI], "day"))[MOUTAI] == days(10)


async def test_all_that_is_at_hand_since_a_day_is_more_than_is_kept_in_memory() -> None:
    store = MemoryStore()
    await store.save_bars("day", days(KEPT + 20))
    one = Ticker(store)
    await one.history.ensure([MOUTAI], "day")
    assert len(one.history.daily(MOUTAI)) == KEPT
    assert len(await one.history.since(MOUTAI, "day", at("09:00") - timedelta(days=900))) == KEPT + 20
    assert await one.history.since(MOUTAI, "day", at("09:00")) == []


async def test_what_is_at_hand_holds_what_is_not_stored_yet_on_the_prices_of_the_newest_day() -> None:
    store = MemoryStore()
    await store.save_bars("day", days(3))
    one = Ticker(store)
    await one.history.ensure([MOUTAI], "day")
    await one.tick("09:30:03", "1401", preclose="1402.35")  # an ex-date, of which the store does not know yet
    await one.tick("15:05:10", "1403", quoted=f"{MONDAY} 15:00:00")
    assert closes(await one.history.since(MOUTAI, "day", at("09:00") - timedelta(days=30))) == [
        *["1402.35"] * 3,
        "1403.00",
    ]
