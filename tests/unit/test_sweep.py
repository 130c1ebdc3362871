"""Watches on the whole market: swept once a minute beside the stream, told in one message, never in a flood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from adapters.stores.memory import MemoryStore
from core.bars import Bar, Period, day_label
from core.calendar import previous_trading_day
from core.clock import market_time
from core.conditions import MaCross, PctUp, PriceBelow
from core.errors import Unavailable
from core.jobs import JOBS, perform
from core.types import Symbol
from core.watches import Repeat, Watch
from tests.fakes.parts import MONDAY, MOUTAI, TUESDAY, Home, Naps, at, house, quote, watch

SHARES = tuple(Symbol(f"{600_000 + number}.SH") for number in range(300))
UP = PctUp(value=Decimal(5))


def everywhere(*conditions: MaCross | PctUp, **changes: Any) -> Watch:
    return watch(*(conditions or (UP,)), **{"symbols": SHARES, "scope": "market", "account": "paper", **changes})


def market() -> tuple[Symbol, ...]:
    return SHARES


class Sky:
    """The prices of a whole market, by percent of the previous close of 10 yuan; the later a share, the busier."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.percents: dict[Symbol, float] = dict.fromkeys(SHARES, 0.0)
        self.preclose = dict.fromkeys(SHARES, "10")

    async def sweep(self, when: str, changes: Mapping[Symbol, float] | None = None) -> None:
        """A minute later: these shares stand elsewhere, and the job does its work."""
        self.percents |= changes or {}
        self._home.clock.set(at(when))
        self._home.tape.known = {
            symbol: quote(
                symbol,
                f"{10 + percent / 10:.2f}",
                when,
                preclose=self.preclose[symbol],
                open="10",
                high=f"{10 + max(percent, 0) / 10:.2f}",
                low=f"{10 + min(percent, 0) / 10:.2f}",
                amount=1_000_000 * (1 + SHARES.index(symbol)),
                volume=100_000,
            )
            for symbol, percent in self.percents.items()
        }
        await work(self._home, "sweep")


async def work(home: Home, *names: str) -> None:
    for job in JOBS:
        if job.name in names:
            await perform(job, home.app.duties, home.clock.now())
    await home.app.house.notifier.drained()


async def test_the_stream_is_not_asked_for_the_whole_market_and_the_sweep_for_nothing_else() -> None:
    async with house("10:00", market=market) as home:
        await home.add(everywhere())
        assert home.tape.watched == set()
        await home.add(watch(PriceBelow(value=Decimal(9)), id="w2", symbols=(SHARES[7],)))
        assert home.tape.watched == {SHARES[7]}
        await Sky(home).sweep("10:01")
        [asked] = home.tape.fetched
        assert set(asked) == set(SHARES) - {SHARES[7]}


async def test_what_holds_at_first_is_one_line_and_what_fires_later_one_message_of_the_busiest() -> None:
    async with house("10:00", market=market) as home:
        sky = Sky(home)
        made, already = await home.add(everywhere())
        assert already == []
        await sky.sweep("10:01", dict.fromkeys(SHARES[:37], 6.0))
        [said] = home.phone.shown()
        assert "现在已有 37 只满足，不逐个提醒" in said.text
        await sky.sweep("10:02", dict.fromkeys(SHARES[100:125], 6.0))
        [_, found] = home.phone.shown()
        assert found.title == "🔔 全市场：25 只满足"
        assert SHARES[124] in found.text.splitlines()[1]
        assert "10. " in found.text
        assert "11. " not in found.text
        assert "另有 15 只" in found.text
        assert found.labels() == ("静音1小时", "今日不再提醒", "看第1只", "删除")
        assert len(await home.alerts()) == 25
        assert all(row.reason.tells for row in await home.alerts())
        # Away and back on the same day: each share once.
        await sky.sweep("10:03", dict.fromkeys(SHARES[100:125], 0.0))
        await sky.sweep("10:09", dict.fromkeys(SHARES[100:126], 6.0))
        assert home.phone.titles()[2:] == ["🔔 全市场：1 只满足"]
        assert made.repeat is Repeat.DAILY


async def test_a_storm_over_the_whole_market_is_one_message_too_and_everything_is_stored_with_it() -> None:
    async with house("10:00", market=market) as home:
        sky = Sky(home)
        await home.add(everywhere(top=3))
        await sky.sweep("10:01")
        await sky.sweep("10:02", dict.fromkeys(SHARES, 6.0))
        [found] = home.phone.shown()
        assert found.title == "🔔 全市场：300 只满足"
        assert "另有 297 只" in found.text
        assert SHARES[299][:6] in found.text
        stored = await home.alerts()
        assert len(stored) == 300
        [row] = await home.store.deliveries([stored[0].id])
        assert len(row.alert_ids) == 300


async def test_a_sweep_is_no_heartbeat_and_the_account_does_not_trade_by_it() -> None:
    async with house("10:00", market=market) as home:
        await home.add(everywhere())
        await Sky(home).sweep("10:01")
        engine = home.app.house.engine
        assert engine.last_good_at is None
        assert engine.last_frame_at is None
        await home.add(watch(PriceBelow(value=Decimal(1000)), id="w2"))
        await home.tick("10:20", "1430")
        assert list(engine.gaps) == []
        assert engine.quote(SHARES[0]) is not None
        assert home.phone.titles() == []


async def test_a_share_that_is_also_named_is_judged_by_the_stream() -> None:
    async with house("10:00", market=lambda: (*SHARES, MOUTAI)) as home:
        await home.add(everywhere(symbols=(*SHARES, MOUTAI)))
        await home.add(watch(PriceBelow(value=Decimal(1000)), id="w2"))
        await home.tick("10:01", "1430", preclose="1430")
        await home.tick("10:01:03", "1510", preclose="1430")
        assert home.phone.titles() == ["🔔 全市场：1 只满足"]


async def test_nothing_is_swept_while_the_market_rests_or_nobody_watches_it() -> None:
    async with house("10:00", market=market) as home:
        await Sky(home).sweep("10:01")
        await home.add(everywhere())
        await Sky(home).sweep("12:10")
        assert home.tape.fetched == []


async def test_a_market_that_cannot_be_had_is_told_once_and_so_is_its_return() -> None:
    async with house("10:00", market=market) as home:
        sky = Sky(home)
        await home.add(everywhere())
        await sky.sweep("10:01")
        home.tape.fault = Unavailable("腾讯行情", "连不上，请检查网络")
        for minute in range(2, 9):
            await sky.sweep(f"10:0{minute}")
        [said] = home.phone.shown()
        assert said.title == "⚠️ 全市场的行情取不到"
        assert "连不上" in said.text
        home.tape.fault = None
        await sky.sweep("10:09", {SHARES[3]: 6.0})
        assert home.phone.titles()[1:] == ["🔔 全市场：1 只满足", "✅ 全市场的行情已恢复"]
        assert "实际穿越可能更早" in home.phone.shown()[1].text


async def test_a_large_market_is_asked_for_in_pieces_with_a_rest_between_them() -> None:
    many = tuple(Symbol(f"{600_000 + number}.SH") for number in range(1000))
    naps = Naps()
    async with house("10:00", market=lambda: many, sleep=naps) as home:
        await home.add(everywhere(symbols=many))
        home.clock.set(at("10:01"))
        await work(home, "sweep")
        assert [len(asked) for asked in home.tape.fetched] == [400, 400, 200]
        assert naps.taken == [0.3, 0.3]


async def test_the_memory_of_a_whole_market_outlives_a_restart() -> None:
    store = MemoryStore()
    async with house("10:00", store=store, market=market) as home:
        sky = Sky(home)
        await home.add(everywhere())
        await sky.sweep("10:01", {SHARES[1]: 6.0})
        await sky.sweep("10:02", {SHARES[2]: 6.0})
    async with house("10:03", store=store, market=market) as home:
        sky = Sky(home)
        await sky.sweep("10:04", {SHARES[1]: 6.0, SHARES[2]: 6.0, SHARES[3]: 6.0})
        assert home.phone.titles() == ["🔔 全市场：1 只满足"]


async def test_a_watch_that_is_changed_forgets_what_it_remembered_also_after_a_restart() -> None:
    store = MemoryStore()
    async with house("10:00", store=store, market=market) as home:
        made, _ = await home.add(everywhere())
        await Sky(home).sweep("10:01")
        changed = made.model_copy(update={"conditions": (PctUp(value=Decimal(3)),)})
        await home.app.house.watchlist.change(changed, before=made)
        assert {arm.armed for arm in await store.arms()} == {None}


async def test_the_watch_follows_the_table_of_shares_every_morning() -> None:
    known = [*SHARES]
    async with house("10:00", market=lambda: tuple(known)) as home:
        sky = Sky(home)
        made, _ = await home.add(everywhere())
        await sky.sweep("10:01", {SHARES[0]: 6.0})
        before = {rule.key.symbol: rule.arm for rule in home.app.house.book.rules_of(made.id)}
        known[:] = [*SHARES[:-1], MOUTAI]
        home.clock.set(at("09:10", TUESDAY))
        await work(home, "open_day")
        after = {rule.key.symbol: rule.arm for rule in home.app.house.book.rules_of(made.id)}
        assert set(after) == set(known)
        assert after[MOUTAI].armed is None
        assert all(after[symbol] == before[symbol] for symbol in SHARES[:-1])


# -- bars


class Archive:
    """A source of daily bars that close at 10 yuan, and of nothing for the shares that are ``lost``."""

    name = "测试K线"

    def __init__(self) -> None:
        self.asked: list[Symbol] = []
        self.lost: set[Symbol] = set()

    async def bars(self, symbol: Symbol, period: Period, count: int) -> Sequence[Bar]:
        self.asked.append(symbol)
        if symbol in self.lost:
            raise Unavailable(self.name, "连不上，请检查网络")
        day = market_time(at("10:00")).date()
        found: list[Bar] = []
        yuan = Decimal(10)
        while len(found) < min(count, 260):
            day = previous_trading_day(day)
            found.append(Bar(symbol, day_label(day), yuan, yuan, yuan, yuan, 10_000))
        return found[::-1]


OVER = MaCross(ma=20, direction="up")


async def test_bars_of_the_whole_market_are_gathered_at_a_pace_and_a_restart_goes_on_from_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.gather.FETCHED", 120)
    store, archive = MemoryStore(), Archive()
    async with house("10:00", store=store, market=market, bars=archive) as home:
        made, _ = await home.add(everywhere(OVER))
        await work(home, "gather_bars")
        assert len(archive.asked) == 120
        assert "日线还在准备：120/300" in home.app.house.sweep.standing(made)
    async with house("10:05", store=store, market=market, bars=archive) as home:
        await work(home, "gather_bars")
        assert "日线还在准备：240/300" in home.app.house.sweep.standing(made)
        await work(home, "gather_bars")
        assert "日线" not in home.app.house.sweep.standing(made)
        assert sorted(archive.asked) == sorted(SHARES)
        sky = Sky(home)
        await sky.sweep("10:06", dict.fromkeys(SHARES, -1.0))
        await sky.sweep("10:07", {SHARES[5]: 1.0})
        assert home.phone.titles() == ["🔔 全市场：1 只满足"]


async def test_what_holds_already_is_said_when_the_bars_are_there_and_not_bit_by_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.gather.FETCHED", 200)
    async with house("10:00", market=market, bars=Archive()) as home:
        await home.add(everywhere(OVER))
        sky = Sky(home)
        await work(home, "gather_bars")
        await sky.sweep("10:01", dict.fromkeys(SHARES, 1.0))
        assert home.phone.titles() == []
        await work(home, "gather_bars")
        await sky.sweep("10:02")
        assert ["现在已有 300 只满足" in text for text in home.phone.texts()] == [True]


async def test_a_source_of_bars_that_fails_is_left_alone_until_the_next_time_and_named() -> None:
    archive = Archive()
    archive.lost = set(SHARES)
    async with house("10:00", market=market, bars=archive) as home:
        made, _ = await home.add(everywhere(OVER))
        await work(home, "gather_bars")
        assert len(archive.asked) == 3
        assert "日线还在准备：0/300（测试K线" in home.app.house.sweep.standing(made)


async def test_the_sweeps_of_a_day_are_its_bar_on_the_next() -> None:
    archive = Archive()
    async with house("14:00", market=market, bars=archive) as home:
        await home.add(everywhere(OVER))
        await work(home, "gather_bars")
        sky = Sky(home)
        await sky.sweep("14:59", dict.fromkeys(SHARES, -1.0))
        await sky.sweep("15:01", dict.fromkeys(SHARES, -2.0))
        home.clock.set(at("15:05"))
        await work(home, "close_bars")
        newest = home.app.house.history.daily(SHARES[9])[-1]
        assert (market_time(newest.time).date().isoformat(), newest.close) == (MONDAY, Decimal("9.80"))
        stored = await home.store.bars(SHARES, "day", since=at("00:00"))
        assert len(stored) == 300
        # The second share pays a dividend of 0.30 yuan.
        sky.preclose = {**dict.fromkeys(SHARES, "9.80"), SHARES[9]: "9.50"}
        await sky.sweep(f"{TUESDAY} 09:31")
        tape = home.app.house.book.tape
        line = tape.state("day").values().ma[20]
        # Nineteen closes of 10.00 and one of 9.80 lie behind it now.
        assert line[tape.row(SHARES[8])] == pytest.approx(9.99)
        assert line[tape.row(SHARES[9])] == pytest.approx(9.99 * 9.5 / 9.8)
