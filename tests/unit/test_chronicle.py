"""How near a rule came, what is one stretch of doubt, when a watch lived, and what waits for a database."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from core.chronicle import (
    MANY,
    Approach,
    Entry,
    Kind,
    Reach,
    Stretch,
    approach_of,
    begun,
    live_between,
    nearest,
    turned,
)
from core.conditions import AmountAbove, Condition, EnterRange, GapUp, PriceAbove, PriceBelow, Speed, TrailingStop
from core.errors import Unavailable
from core.judging import Rule
from core.types import Symbol
from core.view import View
from core.watches import Arm, RuleKey
from core.zones import Gauge, Missing
from tests.fakes.parts import MONDAY, MOUTAI, TUESDAY, ShakyStore, at, house, quote, watch

DAY = at("10:00").date()


def rule(*conditions: Condition, combine: str = "any") -> Rule:
    key = RuleKey("w1", MOUTAI, 0)
    return Rule(watch(*conditions, combine=combine), key, tuple(range(len(conditions))), Arm(key=key, armed=True))


def below(price: str) -> PriceBelow:
    return PriceBelow(value=Decimal(price))


def above(price: str) -> PriceAbove:
    return PriceAbove(value=Decimal(price))


def near(one: Rule, low: int, high: int, **quoted: Any) -> Approach:
    found = nearest(one, View(quote(**quoted)), Reach(low, high, at("10:31"), at("14:02")))
    assert isinstance(found, Approach), found
    return found


# -- how near


@pytest.mark.parametrize(
    ("condition", "low", "high", "reading", "bound", "apart", "when"),
    [
        (below("1400"), 1_402_100, 1_440_000, 1_402_100, 1_400_000, 0.0015, "10:31"),
        (above("1450"), 1_402_100, 1_440_000, 1_440_000, 1_450_000, 0.006897, "14:02"),
        (below("1400"), 1_399_990, 1_440_000, 1_399_990, 1_400_000, 0, "10:31"),
        (above("1450"), 1_402_100, 1_450_000, 1_450_000, 1_450_000, 0, "14:02"),
        (EnterRange(low=Decimal(1380), high=Decimal(1400)), 1_402_000, 1_440_000, 1_402_000, 1_400_000, 0.001429, "10:31"),
        (EnterRange(low=Decimal(1450), high=Decimal(1460)), 1_402_000, 1_440_000, 1_440_000, 1_450_000, 0.006897, "14:02"),
    ],
)  # fmt: skip
def test_from_above_the_lowest_price_came_nearest_and_from_below_the_highest(
    condition: Condition, low: int, high: int, reading: int, bound: int, apart: float, when: str
) -> None:
    found = near(rule(condition), low, high)
    assert (found.gauge, found.reading, found.bound, found.at) == (Gauge.PRICE, reading, bound, at(when))
    assert found.apart == pytest.approx(apart, abs=1e-6)
    assert (found.inside, found.last) == (apart == 0, False)


def test_of_conditions_that_must_hold_together_the_farthest_counts() -> None:
    together = rule(below("1400"), AmountAbove(value=Decimal(2_000_000_000)), combine="all")
    found = near(together, 1_399_000, 1_440_000, amount="1000000000")
    assert (found.gauge, found.reading, found.bound, found.apart) == (Gauge.AMOUNT, 1_000_000, 2_000_000, 0.5)
    assert found.last


@pytest.mark.parametrize("condition", [Speed(value=Decimal(2), direction="down"), TrailingStop(value=Decimal(5))])
def test_a_zone_that_moves_within_the_day_is_held_against_the_last_price(condition: Condition) -> None:
    class Calm:
        def lines(self, _period: object) -> None:
            return None

        def window(self, _seconds: int) -> tuple[int, int]:
            return 1_430_000, 1_430_000

        def queue_peak(self, _side: object) -> int:
            return 0

    found = nearest(rule(condition), View(quote(), past=Calm(), peak=1_430_000), Reach(1, 2_000_000))
    assert isinstance(found, Approach)
    assert (found.reading, found.last) == (1_430_000, True)


def test_what_cannot_be_judged_says_why() -> None:
    assert nearest(rule(below("1400")), View(quote(last=None)), None) == Missing("今天还没有成交")
    without = nearest(rule(GapUp(value=Decimal(3))), View(quote()), None)
    assert isinstance(without, Missing)


def test_an_approach_comes_back_from_its_entry() -> None:
    for found in (near(rule(below("1400")), 1_399_000, 1_440_000), near(rule(above("1450")), 1_399_000, 1_440_000)):
        assert approach_of(found.entry(rule(below("1400")), at("15:00"))) == found
    amount = Approach(Gauge.AMOUNT, 1, 2, inside=False, last=True, at=at("15:00"))
    assert approach_of(amount.entry(rule(below("1400")), at("15:00"))) == amount


# -- stretches


def stretch(since: str, until: str) -> Stretch:
    return Stretch(MOUTAI, "停牌", at(since), at(until))


@pytest.mark.parametrize(
    ("since", "until", "counts"),
    [
        ("13:00:00", "13:00:09", False),
        ("09:25:02", "09:25:50", False),
        ("09:30:30", "09:31:30", True),
        ("10:00:00", "10:00:00", True),
        ("13:01:00", "13:01:00", True),
    ],
)
def test_what_is_over_as_soon_as_a_session_has_begun_is_no_doubt(since: str, until: str, counts: bool) -> None:
    assert stretch(since, until).counts is counts


def test_lunch_parts_no_stretch_and_an_hour_of_trading_does() -> None:
    assert not stretch("11:00", "11:29").over_at(at("13:05"))
    assert stretch("10:00", "10:01").over_at(at("11:01"))


# -- lives


def turn(clock: str, kind: Kind, day: str = MONDAY) -> Entry:
    return turned(watch(below("1400")), kind, at(clock, day))


@pytest.mark.parametrize(
    ("turns", "since"),
    [
        ([turn("09:00", Kind.MADE)], "09:25"),
        ([turn("10:00", Kind.MADE)], "10:00"),
        ([turn("09:00", Kind.MADE), turn("10:00", Kind.PAUSED)], "09:25"),
        ([turn("08:00", Kind.MADE), turn("09:00", Kind.PAUSED), turn("11:00", Kind.RESUMED)], "11:00"),
        ([turn("08:00", Kind.MADE), turn("09:00", Kind.DONE)], None),
        ([turn("08:00", Kind.MADE), turn("09:00", Kind.EXPIRED)], None),
        ([turn("10:00", Kind.PAUSED)], "09:25"),
        ([turn("10:00", Kind.PAUSED, TUESDAY)], "09:25"),
        ([turn("10:00", Kind.RESUMED, TUESDAY)], None),
        ([], "09:25"),
    ],
)
def test_when_a_watch_lived_follows_from_its_turns(turns: list[Entry], since: str | None) -> None:
    lived = live_between(turns[::-1], at("09:25"), at("15:00"), now_live=True)
    assert lived == (None if since is None else at(since))


def test_a_watch_that_nobody_noted_and_that_does_not_live_now_did_not_live_then() -> None:
    assert live_between([], at("09:25"), at("15:00"), now_live=False) is None


def test_a_day_begins_for_a_watch_when_it_was_last_made_changed_or_resumed_in_it() -> None:
    turns = [turn("10:00", Kind.MADE), turn("11:00", Kind.CHANGED), turn("11:10", Kind.PAUSED)]
    assert begun(turns, DAY) == {"w1": at("11:00")}
    assert begun([turn("09:00", Kind.MADE)], DAY) == {}


# -- what is kept


async def test_what_the_database_does_not_take_waits_and_keeps_its_order() -> None:
    store = ShakyStore()
    async with house(store=store) as home:
        chronicler = home.app.house.chronicler
        for minute in range(3):
            chronicler.note(Entry("me", at(f"10:0{minute}"), Kind.QUIET))
        store.fail("save_entries")
        with pytest.raises(Unavailable):
            await chronicler.save()
        chronicler.note(Entry("me", at("10:03"), Kind.QUIET))
        await chronicler.save()
        assert [one.at for one in await store.entries(["me"])] == [at(f"10:0{minute}") for minute in (3, 2, 1, 0)]


async def test_a_doubt_that_goes_on_is_stored_now_and_then_and_at_its_end() -> None:
    async with house() as home:
        await home.tick("09:31", "1430")
        await home.add(watch(below("1400")))
        chronicler = home.app.house.chronicler
        ends: list[datetime | None] = []
        for minute in range(30):
            await home.tick(f"10:{minute:02}", None)
            await chronicler.save()
            [doubt] = await home.store.entries([MOUTAI])
            ends.append(doubt.stamp)
        assert sorted({one for one in ends if one is not None}) == [at("10:00"), at("10:10"), at("10:20")]
        await home.tick("10:30", "1430")
        home.clock.set(at("10:45"))
        await chronicler.save()
        [doubt] = await home.store.entries([MOUTAI])
        assert (doubt.at, doubt.stamp, doubt.detail) == (at("10:00"), at("10:29"), 30)


async def test_of_a_watch_on_very_many_shares_the_nearest_are_noted() -> None:
    symbols = tuple(Symbol(f"{600000 + number}.SH") for number in range(MANY + 10))
    async with house() as home:
        quotes = [
            quote(symbol, str(1430 + place), "10:00", high=1500, low=1430 + place)
            for place, symbol in enumerate(symbols)
        ]
        await home.show(*quotes)
        await home.add(watch(below("1400"), symbols=symbols))
        await home.show(*quotes)
        home.clock.set(at("15:05"))
        await home.app.duties.sum_up()
        noted = await home.store.entries(["w1"], kinds={Kind.ARMED, Kind.NEAREST})
        assert {one.symbol for one in noted} == set(symbols[:MANY])


async def test_what_was_stored_more_than_a_year_ago_is_forgotten() -> None:
    async with house() as home:
        await home.add(watch(below("1400")))
        home.clock.set(at("2027-04-20 03:30"))
        await home.app.duties.forget_chronicle()
        assert [one.kind for one in await home.store.entries(["w1"])] == [Kind.MADE]
        home.clock.set(at("2027-04-29 03:30"))
        await home.app.duties.forget_chronicle()
        assert await home.store.entries(["w1"]) == []
