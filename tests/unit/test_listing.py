"""The list of all shares: looked for code by code, kept, and looked for again in time."""

from __future__ import annotations

import json
from datetime import timedelta

from adapters.stores.memory import MemoryStore
from core.clock import ManualClock
from core.errors import Unavailable
from core.listing import LISTED, Listing
from core.types import Symbol
from tests.fakes.parts import MOUTAI, Naps, Tape, at, quote

KNOWN = (MOUTAI, Symbol("000001.SZ"))
NEW = Symbol("603999.SH")
LEFT = Symbol("600001.SH")
SILENT = Symbol("600002.SH")


def source() -> Tape:
    tape = Tape()
    tape.known = {
        MOUTAI: quote(MOUTAI, "1430", preclose="1430"),
        NEW: quote(NEW, "10", preclose="10", name="读者传媒"),
        LEFT: quote(LEFT, None, preclose="1", name="邯钢退"),
        SILENT: quote(SILENT, None, name="没有价格"),
    }
    return tape


def listing(tape: Tape | None, store: MemoryStore, clock: ManualClock, naps: Naps | None = None) -> Listing:
    return Listing(store, tape, clock, known=lambda: KNOWN, sleep=naps or Naps())


async def test_all_shares_are_found_and_those_that_left_are_not_among_them() -> None:
    tape, store, naps = source(), MemoryStore(), Naps()
    clock = ManualClock(at("10:00"))
    one = listing(tape, store, clock, naps)
    assert (one.shares(), one.is_complete) == (KNOWN, False)
    assert await one.run()
    assert one.shares() == (*KNOWN, NEW)
    asked = [symbol for piece in tape.fetched for symbol in piece]
    assert len(asked) == len(set(asked)) > 10_000
    assert {"000001.SH", "510300.SH"}.isdisjoint(asked)
    assert len(naps.taken) == len(tape.fetched) - 1
    again = listing(tape, store, clock)
    await again.load()
    assert (again.shares(), again.is_complete) == ((*KNOWN, NEW), True)


async def test_they_are_looked_for_again_once_a_week() -> None:
    tape, clock = source(), ManualClock(at("10:00"))
    one = listing(tape, MemoryStore(), clock)
    assert await one.run()
    clock.advance(timedelta(days=6))
    assert not await one.run()
    clock.advance(timedelta(days=1))
    assert await one.run()


async def test_a_source_that_fails_is_asked_again_later_and_what_was_found_before_stays() -> None:
    store, clock = MemoryStore(), ManualClock(at("10:00"))
    await store.set_value(LISTED, json.dumps({"at": at("2026-01-05 10:00").isoformat(), "symbols": [NEW]}))
    tape = source()
    tape.fault = Unavailable("腾讯行情", "连不上，请检查网络")
    one = listing(tape, store, clock)
    await one.load()
    assert not await one.run()
    assert one.shares() == (*KNOWN, NEW)
    assert not await one.run()
    assert len(tape.fetched) == 1
    tape.fault = None
    clock.advance(timedelta(minutes=30))
    assert await one.run()


async def test_a_market_that_is_made_up_has_the_shares_that_it_has() -> None:
    one = listing(None, MemoryStore(), ManualClock(at("10:00")))
    assert not await one.run()
    assert (one.shares(), one.is_complete) == (KNOWN, True)
