"""Which securities there are and what they are called: looked for twice a trading day, kept, and told to the table."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest

from adapters.stores.memory import MemoryStore
from core.clock import ManualClock
from core.errors import Unavailable
from core.listing import LISTED, ByCode, FirstThatCan, Listing
from core.securities import Former, Security, Sighting
from core.types import Symbol
from tests.fakes.parts import MOUTAI, PINGAN, Naps, Tape, at, quote

NEW = Symbol("603999.SH")
LEFT = Symbol("600001.SH")
SILENT = Symbol("600002.SH")
OLD_CODE = Symbol("831152.BJ")


class Table:
    """A table of names that remembers what it was told."""

    def __init__(self) -> None:
        self.names = {MOUTAI: "贵州茅台", PINGAN: "中国平安"}
        self.ranked: Sequence[Symbol] = ()

    def __contains__(self, symbol: Symbol) -> bool:
        return symbol in self.names

    def name_of(self, symbol: Symbol) -> str:
        return self.names.get(symbol, symbol)

    def shares(self) -> Sequence[Symbol]:
        return tuple(self.names)

    def learn(self, security: Security) -> None:
        self.names[security.symbol] = security.name

    def rank(self, symbols: Sequence[Symbol]) -> None:
        self.ranked = symbols


def source() -> Tape:
    tape = Tape()
    tape.known = {
        MOUTAI: quote(MOUTAI, "1430", preclose="1430", name="贵州茅台", amount=Decimal(900)),
        PINGAN: quote(PINGAN, "11", preclose="11", name="中国平安", amount=Decimal(700)),
        NEW: quote(NEW, "10", preclose="10", name="N读者传", amount=Decimal(800)),
        LEFT: quote(LEFT, "1", preclose="1", name="邯钢退"),
        SILENT: quote(SILENT, None, name="没有价格"),
    }
    return tape


class Room:
    def __init__(self, tape: Tape, *, now: str = "2026-01-05 10:00", store: MemoryStore | None = None) -> None:
        self.tape = tape
        self.store = store or MemoryStore()
        self.clock = ManualClock(at(now))
        self.naps = Naps()
        self.table = Table()
        self.listing = Listing(self.store, ByCode(tape, self.naps), self.clock, self.table)

    async def again(self, now: str) -> Room:
        """After a restart."""
        other = Room(self.tape, now=now, store=self.store)
        await other.listing.load()
        return other


async def test_all_shares_are_found_and_those_that_left_are_not_among_them() -> None:
    room = Room(source())
    assert (room.listing.shares(), room.listing.is_complete) == ((MOUTAI, PINGAN), False)
    assert await room.listing.run()
    assert room.listing.shares() == (MOUTAI, PINGAN, NEW)
    asked = [symbol for piece in room.tape.fetched for symbol in piece]
    assert len(asked) == len(set(asked)) > 10_000
    assert {"000001.SH", "510300.SH"}.isdisjoint(asked)
    assert len(room.naps.taken) == len(room.tape.fetched) - 1
    again = await room.again("2026-01-05 10:05")
    assert (set(again.listing.shares()), again.listing.is_complete) == ({MOUTAI, PINGAN, NEW}, True)
    assert again.table.names[NEW] == "读者传"


async def test_they_are_looked_for_before_the_open_and_after_the_close_of_trading_days() -> None:
    room = Room(source(), now="2026-01-05 09:00")
    looked = []
    assert await room.listing.run()
    for _ in range(7 * 24):
        room.clock.advance(timedelta(hours=1))
        if await room.listing.run():
            looked.append(f"{room.clock.now().astimezone(at('10:00').tzinfo):%a %H}")
    days = ("Mon", "Tue", "Wed", "Thu", "Fri")
    assert len(looked) == 10
    assert [one[:3] for one in looked] == [day for day in days for _ in range(2)]


async def test_a_source_that_fails_is_asked_again_later_and_what_was_found_before_stays() -> None:
    room = Room(source())
    await room.store.set_value(LISTED, json.dumps({"at": at("2025-12-05 10:00").isoformat(), "symbols": [NEW]}))
    room.tape.fault = Unavailable("腾讯行情", "连不上，请检查网络")
    await room.listing.load()
    assert not await room.listing.run()
    assert room.listing.shares() == (MOUTAI, PINGAN, NEW)
    assert not await room.listing.run()
    assert len(room.tape.fetched) == 1
    room.tape.fault = None
    room.clock.advance(timedelta(minutes=30))
    assert await room.listing.run()


async def test_a_market_that_is_made_up_has_the_shares_that_it_has() -> None:
    one = Listing(MemoryStore(), None, ManualClock(at("10:00")), Table(), market=lambda: (MOUTAI,))
    assert await one.run() is None
    assert (one.shares(), one.is_complete) == ((MOUTAI,), True)
    assert one.lacks(PINGAN)


async def test_a_share_that_is_called_otherwise_keeps_its_former_name_and_the_day() -> None:
    room = Room(source())
    await room.listing.run()
    room.tape.known[PINGAN] = quote(PINGAN, "11", preclose="11", name="*ST平安")
    room.clock.set(at("2026-01-06 09:10"))
    looked = await room.listing.run()
    assert looked is not None
    assert [(one.before, one.after.name) for one in looked.changes] == [("中国平安", "*ST平安")]
    assert room.table.names[PINGAN] == "*ST平安"
    [stored] = [one for one in await room.store.securities() if one.symbol == PINGAN]
    assert stored.former == (Former(name="中国平安", until=date(2026, 1, 6)),)
    assert stored.since == date(2026, 1, 6)
    again = await room.again("2026-01-06 10:00")
    assert again.table.names[PINGAN] == "*ST平安"
    assert PINGAN in again.listing.shares()


async def test_the_marks_of_a_day_rename_nobody_and_a_name_that_was_cut_is_completed() -> None:
    room = Room(source())
    await room.listing.run()
    room.tape.known[MOUTAI] = quote(MOUTAI, "1430", preclose="1430", name="XD贵州茅")
    room.tape.known[NEW] = quote(NEW, "10", preclose="10", name="读者传媒")
    room.clock.set(at("2026-01-06 09:10"))
    await room.listing.run()
    assert room.table.names[MOUTAI] == "贵州茅台"
    assert room.table.names[NEW] == "读者传媒"
    stored = {one.symbol: one for one in await room.store.securities()}
    assert MOUTAI not in stored
    assert (stored[NEW].former, stored[NEW].since) == ((), date(2026, 1, 5))


async def test_who_is_no_longer_shown_has_gone_and_may_come_back() -> None:
    room = Room(source())
    room.table.names |= {Symbol(f"{600_100 + one}.SH"): f"公司{one}" for one in range(20)}
    for symbol, name in room.table.names.items():
        room.tape.known.setdefault(symbol, quote(symbol, "10", preclose="10", name=name))
    await room.listing.run()
    gone = room.tape.known.pop(PINGAN)
    room.clock.set(at("2026-01-06 09:10"))
    await room.listing.run()
    assert PINGAN not in room.listing.shares()
    left = room.listing.gone(PINGAN)
    assert left is not None
    assert (left.name, left.gone_on) == ("中国平安", date(2026, 1, 6))
    again = await room.again("2026-01-06 10:00")
    assert again.listing.gone(PINGAN) is not None
    room.tape.known[PINGAN] = gone
    room.clock.set(at("2026-01-07 09:10"))
    await room.listing.run()
    assert room.listing.gone(PINGAN) is None
    assert PINGAN in room.listing.shares()


async def test_a_source_that_has_forgotten_half_of_the_market_takes_nobody_off_the_list() -> None:
    room = Room(source())
    await room.listing.run()
    del room.tape.known[PINGAN]
    room.clock.set(at("2026-01-06 09:10"))
    await room.listing.run()
    assert room.listing.gone(PINGAN) is None
    assert PINGAN in room.listing.shares()


async def test_a_code_that_beijing_gave_up_is_neither_asked_for_nor_missed() -> None:
    room = Room(source())
    room.table.names[OLD_CODE] = "昆工科技"
    await room.listing.run()
    assert OLD_CODE not in {symbol for piece in room.tape.fetched for symbol in piece}
    assert room.listing.gone(OLD_CODE) is None


async def test_candidates_are_ordered_by_turnover_and_before_the_open_by_that_of_the_day_before() -> None:
    room = Room(source())
    await room.listing.run()
    assert list(room.table.ranked) == [MOUTAI, NEW, PINGAN]
    for symbol in (MOUTAI, NEW, PINGAN):
        room.tape.known[symbol] = room.tape.known[symbol].model_copy(update={"amount": None})
    room.clock.set(at("2026-01-06 09:10"))
    await room.listing.run()
    assert list(room.table.ranked) == [MOUTAI, NEW, PINGAN]
    again = await room.again("2026-01-06 10:00")
    assert list(again.table.ranked) == [MOUTAI, NEW, PINGAN]


async def test_what_a_person_asks_for_by_its_code_is_learnt_on_the_way() -> None:
    room = Room(source())
    fund = Symbol("159999.SZ")
    await room.listing.saw([quote(fund, "1", name="火箭ETF"), quote(MOUTAI, "1430", name="别的名字")])
    assert room.table.names[fund] == "火箭ETF"
    assert room.table.names[MOUTAI] == "贵州茅台"
    assert [one.symbol for one in await room.store.securities()] == [fund]


async def test_codes_in_their_order_are_no_order_of_candidates() -> None:
    room = Room(source())
    for symbol in (MOUTAI, NEW, PINGAN):
        room.tape.known[symbol] = room.tape.known[symbol].model_copy(update={"amount": None})
    await room.listing.run()
    assert list(room.table.ranked) == []
    again = await room.again("2026-01-05 10:05")
    assert list(again.table.ranked) == []


class Told:
    """A roster that says what it was told to say."""

    def __init__(self, name: str, *symbols: Symbol) -> None:
        self.name = name
        self.asked = 0
        self._symbols = symbols

    async def sightings(self, known: Collection[Symbol]) -> Sequence[Sighting]:
        self.asked += 1
        if not self._symbols:
            raise Unavailable(self.name, "没有列表")
        return [Sighting(symbol, "") for symbol in self._symbols]


async def test_of_several_lists_the_first_that_there_is_counts() -> None:
    silent, first, second = Told("空"), Told("甲", MOUTAI), Told("乙", PINGAN)
    both = FirstThatCan([silent, first, second])
    assert both.name == "空/甲/乙"
    assert [one.symbol for one in await both.sightings([])] == [MOUTAI]
    assert (silent.asked, first.asked, second.asked) == (1, 1, 0)


async def test_when_no_list_can_be_had_the_last_one_says_why() -> None:
    with pytest.raises(Unavailable, match="乙"):
        await FirstThatCan([Told("甲"), Told("乙")]).sightings([])
