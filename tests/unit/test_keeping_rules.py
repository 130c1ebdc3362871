"""Rules come and go, lists of symbols take turns: nothing of one is left to another, and none is judged twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.bars import Bar
from core.conditions import (
    EnterRange,
    MaCross,
    PctUp,
    PriceBelow,
    StopLoss,
    TrailingStop,
    VolumeRatio,
)
from core.frames import Frame
from core.rulebook import RuleBook
from core.types import Symbol
from core.watches import Arm, RuleKey
from tests.fakes.parts import FUND, MOUTAI, PINGAN, TUESDAY, at, frame, quote, watch

COSTS = {MOUTAI: Decimal(100)}


def never(_frame: Frame, _rows: object) -> dict[int, str]:
    return {}


class Lists:
    """A book, and frames of several lists of symbols, each of which stays the same object."""

    def __init__(self) -> None:
        self.book = RuleBook(lambda _account, symbol: COSTS.get(symbol))
        self._last: dict[tuple[Symbol, ...], Frame] = {}

    def see(self, when: str, /, preclose: str = "100", **prices: str) -> list[RuleKey]:
        """What fires at these prices, by ``moutai``, ``pingan`` and ``fund``."""
        named = {"moutai": MOUTAI, "pingan": PINGAN, "fund": FUND}
        quotes = [quote(named[name], last, when, preclose=preclose) for name, last in prices.items()]
        key = tuple(one.symbol for one in quotes)
        self._last[key] = frame(*quotes, like=self._last.get(key))
        return [one.key for one in self.book.evaluate(self._last[key], never).triggers]

    def arms(self, watch_id: str = "w1") -> list[Arm]:
        return [rule.arm for rule in self.book.rules_of(watch_id)]


def test_a_rule_about_the_day_fires_once_a_day_though_lists_take_turns() -> None:
    here = Lists()
    here.book.put(watch(PctUp(value=Decimal(3)), symbols=(MOUTAI, PINGAN, FUND)))
    fired: list[RuleKey] = []
    for day, preclose in (("2026-03-23", "100"), (TUESDAY, "110")):
        for second in range(5):
            when = f"{day} 10:00:{second:02d}"
            last = "100" if day != TUESDAY and second == 0 else f"{Decimal(preclose) * Decimal('1.04'):.2f}"
            fired += here.see(when, preclose, moutai=last, pingan=last)
            fired += here.see(when, preclose, fund=last)
            fired += here.see(when, preclose, moutai=last)
    assert sorted(fired) == sorted(2 * [RuleKey("w1", symbol, 0) for symbol in (MOUTAI, PINGAN, FUND)])


def test_lists_that_take_turns_are_looked_up_once() -> None:
    here = Lists()
    here.book.put(watch(PriceBelow(value=Decimal(90)), symbols=(MOUTAI, PINGAN, FUND)))
    found = []
    for second in range(3):
        for names in (("moutai", "pingan"), ("fund",), ("pingan",)):
            here.see(f"10:00:{second:02d}", **dict.fromkeys(names, "100"))
            key = tuple({"moutai": MOUTAI, "pingan": PINGAN, "fund": FUND}[name] for name in names)
            found.append(here.book.tape.place(here._last[key]))
    assert [one is other for one, other in zip(found, found[3:], strict=False)] == [True] * 6


@pytest.mark.parametrize(
    "condition",
    [
        TrailingStop(value=Decimal(5)),
        StopLoss(value=Decimal(5), unit="pct"),
        EnterRange(low=Decimal(10), high=Decimal(20)),
    ],
)
def test_the_place_of_a_rule_that_is_gone_remembers_nothing(condition: Any) -> None:
    here = Lists()
    here.book.put(watch(condition), [Arm(RuleKey("w1", MOUTAI, 0), False, None, at("09:00"), 3, 120_000)])
    here.see("10:00", moutai="119")
    here.book.remove("w1")
    here.book.put(watch(PriceBelow(value=Decimal(90)), id="w2"))
    [arm] = here.arms("w2")
    assert arm == Arm(RuleKey("w2", MOUTAI, 0))
    here.book.touch([MOUTAI])
    assert here.see("10:00:03", moutai="91") == []
    assert here.see("10:00:06", moutai="89") == [RuleKey("w2", MOUTAI, 0)]
    here.book.put(watch(TrailingStop(value=Decimal(5)), id="w2"))
    assert here.see("10:00:09", moutai="100") == []
    assert here.see("10:00:12", moutai="95") == [RuleKey("w2", MOUTAI, 0)]
    assert here.arms("w2")[0].peak == 100_000


def test_what_is_left_after_most_have_gone_is_judged_by_its_own_zones_and_peaks() -> None:
    here = Lists()
    for number in range(60):
        low = Decimal(50 + number)
        here.book.put(watch(EnterRange(low=low, high=low + Decimal("0.5")), id=f"r{number}"))
        here.book.put(watch(TrailingStop(value=Decimal(number + 1)), id=f"t{number}"))
    here.see("10:00", moutai="200")
    for number in range(58):
        here.book.remove(f"r{number}")
        here.book.remove(f"t{number}")
    assert here.book._boxes.legs < 60
    assert [arm.peak for name in ("t58", "t59") for arm in here.arms(name)] == [200_000, 200_000]
    assert here.see("10:00:03", moutai="108.2") == [RuleKey("r58", MOUTAI, 0)]
    assert here.see("10:00:06", moutai="109.2") == [RuleKey("r59", MOUTAI, 0)]
    assert here.see("10:00:09", moutai="81.9") == [RuleKey("t58", MOUTAI, 0)]


@pytest.mark.parametrize(
    ("prices", "fired"),
    [
        # two ticks are left of a band of nothing
        (("101", "100", "100.02", "99.99"), ["100"]),
        (("101", "100", "100.03", "99.99"), ["100", "99.99"]),
    ],
)
def test_a_band_of_nothing_is_two_ticks(prices: tuple[str, ...], fired: list[str]) -> None:
    here = Lists()
    here.book.put(watch(PriceBelow(value=Decimal(100)), band=Decimal(0)))
    assert [each for each in prices if here.see("10:00", moutai=each)] == fired


def test_lines_that_move_are_found_where_their_symbol_has_been_moved_to() -> None:
    here = Lists()
    for number in range(40):  # by turns, so that each outgrows its room again and again
        here.book.put(watch(PctUp(value=Decimal(number + 1) / 10), id=f"m{number}"))
        here.book.put(watch(PctUp(value=Decimal(number + 1) / 10), id=f"p{number}", symbols=(PINGAN,)))
        here.see("10:00", moutai="100", pingan="100")
    fired = here.see("10:00:03", preclose="99", moutai="100", pingan="100")
    # 1 % up from 99 is 99.99, 1.1 % is 100.089
    assert sorted(fired) == sorted(
        RuleKey(f"{kind}{n}", s, 0) for kind, s in (("m", MOUTAI), ("p", PINGAN)) for n in range(10)
    )


def days(closes: list[str]) -> list[Bar]:
    first: datetime = at("15:00", "2026-01-05")
    made = []
    for number, close in enumerate(closes):
        price = Decimal(close)
        made.append(Bar(MOUTAI, first + timedelta(days=number), price, price, price, price, 1_000_000))
    return made


def test_bars_that_come_later_than_the_watch_are_judged_by_the_next_frame() -> None:
    here = Lists()
    cross, both = MaCross(ma=5, direction="up"), (MaCross(ma=5, direction="up"), VolumeRatio(value=Decimal("0.001")))
    here.book.put(watch(cross))
    here.book.put(watch(*both, id="w2", combine="all"))
    here.see("10:00", moutai="99")
    assert [arm.armed for arm in (*here.arms(), *here.arms("w2"))] == [None, None]
    here.book.tape.load("day", {MOUTAI: days(["100"] * 30)})
    assert here.see("10:00:03", moutai="99") == []
    assert [arm.armed for arm in (*here.arms(), *here.arms("w2"))] == [True, True]
    assert RuleKey("w1", MOUTAI, 0) in here.see("10:00:06", moutai="101")
