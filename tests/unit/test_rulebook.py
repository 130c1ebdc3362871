"""Edges: what a run of prices fires, what it says once, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from core.conditions import (
    AmountAbove,
    Condition,
    EnterRange,
    LimitDown,
    LimitUp,
    PctDown,
    PctUp,
    PriceAbove,
    PriceBelow,
    QueueShrink,
    Speed,
    StopLoss,
    TakeProfit,
)
from core.frames import Frame, Quote
from core.ladder import Rows
from core.rulebook import RuleBook
from core.steps import Evaluation
from core.types import Price, Symbol
from core.watches import Arm, RuleKey, Watch
from tests.fakes.parts import FUND, MOUTAI, PINGAN, TUESDAY, at, frame, quote, watch

BELOW = PriceBelow(value=Decimal(1420))
KEY = RuleKey("w1", MOUTAI, 0)


def never(_frame: Frame, _rows: object) -> dict[int, str]:
    return {}


class Market:
    """A book, and what each price did to it."""

    def __init__(self, *watches: Watch) -> None:
        self.costs: dict[Symbol, Price] = {}
        self.book = RuleBook(lambda _account, symbol: self.costs.get(symbol))
        for one in watches:
            self.book.put(one)
        self.last: Frame | None = None
        self.asked: list[Symbol] = []

    def see(self, last: str | None, symbol: Symbol = MOUTAI, **changes: Any) -> Evaluation:
        return self.show(quote(symbol, last, **changes))

    def show(self, *quotes: Any, doubtful: str | None = None) -> Evaluation:
        self.last = frame(*quotes, like=self.last)

        def doubts(seen: Frame, rows: Rows) -> dict[int, str]:
            self.asked += [seen.symbols[row] for row in rows]
            return dict.fromkeys(rows.tolist(), doubtful) if doubtful is not None else {}

        return self.book.evaluate(self.last, doubts)

    def fires(self, *prices: str, **changes: Any) -> list[str]:
        """Those of these prices that fire."""
        return [each for each in prices if self.see(each, **changes).triggers]

    def armed(self, group: int = 0) -> bool | None:
        rule = self.book.rule(RuleKey("w1", MOUTAI, group))
        assert rule is not None
        return rule.arm.armed


def market(*conditions: Condition, **changes: Any) -> Market:
    return Market(watch(*conditions, **changes))


@pytest.mark.parametrize(
    ("condition", "prices", "fired"),
    [
        # the crossing fires, staying does not
        (BELOW, "1430 1419 1418 1400", "1419"),
        (BELOW, "1430 1420", "1420"),
        (PriceAbove(value=Decimal(1500)), "1490 1500 1510", "1500"),
        # over the whole zone in one step, from far
        (BELOW, "9999 1", "1"),
        # back over the band (7.10 above 1420) re-arms; up to the band does not
        (BELOW, "1430 1420 1427.10 1419", "1420"),
        (BELOW, "1430 1420 1427.11 1419", "1420 1419"),
        (BELOW, "1430 1420 1421 1419 1427 1419 1425 1418", "1420"),
        # where half a percent is less than two ticks
        (PriceBelow(value=Decimal(2)), "2.10 2.00 2.02 1.99", "2.00"),
        (PriceBelow(value=Decimal(2)), "2.10 2.00 2.03 1.99", "2.00 1.99"),
        # a range, from either side, and jumped over
        (EnterRange(low=Decimal(40), high=Decimal(42)), "39 41 45 42", "41 42"),
        (EnterRange(low=Decimal(40), high=Decimal(42)), "39 45 39", ""),
        (EnterRange(low=Decimal(40), high=Decimal(42)), "39 40 39.90 40 42.10 41", "40"),
        # one that holds at first is not fired, and is armed by leaving
        (BELOW, "1419 1410", ""),
        (BELOW, "1419 1426 1419", ""),
        (BELOW, "1419 1428 1419", "1419"),
        (TakeProfit(value=Decimal(1600), unit="yuan"), "1500 1600", "1600"),
        (StopLoss(value=Decimal(1300), unit="yuan"), "1500 1299", "1299"),
        (PctUp(value=Decimal(1), reference="last", base=Decimal(100)), "100 101", "101"),
    ],
)
def test_a_crossing_fires_once_until_the_band_is_left(condition: Condition, prices: str, fired: str) -> None:
    assert market(condition).fires(*prices.split()) == fired.split()


def test_a_zigzag_within_the_band_is_one_alert() -> None:
    zigzag = ["1419.99", "1420.01"] * 200
    assert len(market(BELOW).fires("1430", *zigzag)) == 1


def test_what_already_holds_is_said_once_and_not_fired() -> None:
    here = market(BELOW)
    first = here.see("1419")
    assert [one.key for one in first.already] == [KEY]
    assert first.triggers == []
    assert here.armed() is False
    later = [here.see(each) for each in ("1418", "1430", "1431")]
    assert not any(one.already for one in later)


def test_a_trigger_says_what_decided() -> None:
    here = market(BELOW)
    here.see("1430")
    (trigger,) = here.see("1419.09").triggers
    assert trigger.key == KEY
    assert trigger.quote.last == Decimal("1419.09")
    assert "1419.09" in trigger.why
    assert "1420.00" in trigger.why


def test_any_fires_each_condition_alone() -> None:
    here = market(BELOW, PriceAbove(value=Decimal(1500)))
    here.see("1450")
    assert [one.key.group for one in here.see("1410").triggers] == [0]
    assert [one.key.group for one in here.see("1510").triggers] == [1]
    assert [one.key.group for one in here.see("1410").triggers] == [0]


def test_two_conditions_of_one_watch_may_fire_at_once() -> None:
    here = market(BELOW, PriceBelow(value=Decimal(1425)))
    here.see("1450")
    assert [one.key.group for one in here.see("1410").triggers] == [0, 1]


def test_all_fires_when_the_last_of_the_conditions_comes_to_hold() -> None:
    here = market(PriceAbove(value=Decimal(1400)), PctUp(value=Decimal(3)), combine="all")
    # 3 % over 1380 is 1421.40
    assert here.fires("1390", "1410", "1421.40", "1430", preclose="1380") == ["1421.40"]
    assert len(here.book) == 1


def test_all_re_arms_past_the_band_of_the_narrower_condition() -> None:
    here = market(PriceAbove(value=Decimal(1400)), PriceAbove(value=Decimal(1420)), combine="all")
    assert here.fires("1390", "1420", "1412.90", "1420", "1412.89", "1420") == ["1420", "1420"]


def test_all_that_can_never_hold_together_never_fires() -> None:
    here = market(PriceAbove(value=Decimal(1500)), BELOW, combine="all")
    assert here.fires("1450", "1400", "1600", "1420", "1500") == []


def test_all_waits_for_what_one_of_them_does_not_know() -> None:
    here = market(PriceAbove(value=Decimal(1400)), StopLoss(value=Decimal(5), unit="pct"), combine="all")
    assert here.fires("1390", "1410") == []
    assert here.armed() is None


def test_each_symbol_of_a_watch_has_its_own_edge() -> None:
    here = market(PriceBelow(value=Decimal(50)), symbols=(MOUTAI, PINGAN))
    here.show(quote(MOUTAI, "60"), quote(PINGAN, "60"))
    assert [one.key.symbol for one in here.show(quote(MOUTAI, "49"), quote(PINGAN, "60")).triggers] == [MOUTAI]
    assert [one.key.symbol for one in here.show(quote(MOUTAI, "48"), quote(PINGAN, "49")).triggers] == [PINGAN]


def test_the_band_of_a_fund_follows_its_finer_tick() -> None:
    here = market(PriceBelow(value=Decimal("0.300")), symbols=(FUND,))
    fired = [each for each in ["0.310", "0.300", "0.302", "0.299", "0.303", "0.300"] if here.see(each, FUND).triggers]
    assert fired == ["0.300", "0.300"]


# -- doubt


def test_a_row_in_doubt_neither_fires_nor_is_remembered_and_is_asked_again() -> None:
    here = market(BELOW)
    here.see("1430")
    for _ in range(2):
        doubtful = here.show(quote(last="1419"), doubtful="坏数据")
        assert doubtful.triggers == []
        assert doubtful.changed == []
        assert doubtful.doubts == [(MOUTAI, "坏数据")]
    assert here.armed() is True
    assert len(here.see("1419").triggers) == 1


def test_only_symbols_that_may_change_something_are_looked_at() -> None:
    here = Market(watch(BELOW), watch(PriceAbove(value=Decimal(90)), id="w2", symbols=(PINGAN,)))
    here.show(quote(MOUTAI, "1430"), quote(PINGAN, "50"), quote(FUND, "4"))
    assert sorted(here.asked) == [MOUTAI, PINGAN]
    here.asked.clear()
    here.show(quote(MOUTAI, "1421"), quote(PINGAN, "89.99"), quote(FUND, "1"))
    assert here.asked == []
    here.show(quote(MOUTAI, "1420"), quote(PINGAN, "89.99"), quote(FUND, "9"))
    assert here.asked == [MOUTAI]
    here.asked.clear()
    here.show(quote(MOUTAI, "1425"), quote(PINGAN, "0.01"), quote(FUND, "9"))
    assert here.asked == []


def test_a_queue_in_doubt_is_not_what_later_ones_are_measured_by() -> None:
    here = market(QueueShrink())
    sealed: dict[str, Any] = {"last": "11", "limit_up": "11", "bid": "11"}
    here.show(quote(when="10:00:01", bid_volume=1_000_000, **sealed), doubtful="行情过旧")
    assert here.see(when="10:00:04", bid_volume=400_000, **sealed).already == []
    assert here.armed() is True
    assert len(here.see(when="10:00:07", bid_volume=190_000, **sealed).triggers) == 1


# -- references that move


def test_what_moved_while_no_rule_looked_at_it_is_known_to_a_later_one() -> None:
    opened = watch(LimitUp(event="open"))
    here = Market(opened)
    sealed: dict[str, Any] = {"limit_up": "11", "high": "11"}
    here.see("11", **sealed)
    here.book.remove("w1")
    here.see("50", PINGAN)
    here.book.put(opened)
    assert here.fires("11", "10.90", **sealed) == ["10.90"]


def test_the_prices_of_a_span_are_forgotten_with_the_last_rule_that_is_measured_over_it() -> None:
    fast = watch(Speed(value=Decimal(3), period_s=60, direction="up"))
    here = Market(fast, fast.model_copy(update={"id": "w2"}))
    past = here.book.tape.past(MOUTAI)
    here.see("100")
    here.book.remove("w1")
    assert past.window(60) == (100_000, 100_000)
    here.book.remove("w2")
    assert past.window(60) is None


def test_a_share_in_two_lists_has_the_references_of_the_newest_frame_of_either() -> None:
    here = market(PctUp(value=Decimal(3)))
    stream = frame(quote(MOUTAI, "100", preclose="100"))
    sweep = frame(quote(MOUTAI, "100", preclose="99"), quote(PINGAN, "50"))
    for one in (stream, sweep):
        here.book.evaluate(one, never)
    again = replace(stream, last=np.array([102_500]))
    assert here.book.evaluate(again, never).triggers == []
    assert len(here.book.evaluate(replace(stream, last=np.array([103_000])), never).triggers) == 1


def test_limits_that_no_source_gives_are_worked_out_once_and_again_when_the_close_is_another() -> None:
    here = market(LimitUp())
    assert here.fires("10.99", "11", "11", preclose="10") == ["11"]
    assert here.fires("11", "11.10", preclose="10.09") == ["11.10"]
    assert here.fires("11.10", when=on(TUESDAY), preclose="10.09") == ["11.10"]


def test_the_next_days_previous_close_judges_again_at_the_same_price() -> None:
    here = market(PctDown(value=Decimal(3)))
    assert here.fires("100", "97", preclose="100") == ["97"]
    assert here.fires("97", "94.10", preclose="97") == []
    assert here.armed() is True
    assert here.fires("94.09", preclose="97") == ["94.09"]


def test_a_reference_that_moves_over_a_still_price_is_a_crossing() -> None:
    here = market(PctDown(value=Decimal(3)))
    here.see("97.50", preclose="100")
    assert len(here.see("97.50", preclose="101").triggers) == 1


def test_an_open_price_that_appears_judges_what_waited_for_it() -> None:
    here = market(PctUp(value=Decimal(2), reference="open"))
    here.see("100")
    assert here.armed() is None
    assert [one.key for one in here.see("100", open="98").already] == [KEY]
    here.see("97", open="98")
    assert len(here.see("100", open="98").triggers) == 1


def test_limits_that_appear_and_change_judge_again() -> None:
    here = market(LimitUp())
    here.see("11")
    assert here.armed() is None
    here.see("10.99", limit_up="11")
    assert here.armed() is True
    assert len(here.see("11", limit_up="11").triggers) == 1
    here.see("11", limit_up="12.10")
    assert here.armed() is True
    assert len(here.see("12.10", limit_up="12.10").triggers) == 1


def test_a_cost_that_moves_judges_again_when_the_book_is_told() -> None:
    here = market(StopLoss(value=Decimal(10), unit="pct"))
    here.see("100")
    assert here.armed() is None
    here.costs[MOUTAI] = Decimal(100)
    here.book.touch([MOUTAI])
    here.see("100")
    assert here.armed() is True
    here.costs[MOUTAI] = Decimal(112)
    here.book.touch([MOUTAI])
    assert len(here.see("100").triggers) == 1
    del here.costs[MOUTAI]
    here.book.touch([MOUTAI])
    assert here.see("50").triggers == []


# -- days


def on(day: str, clock: str = "10:00") -> str:
    return f"{day} {clock}"


@pytest.mark.parametrize(
    ("condition", "first", "second"),
    [
        (PctUp(value=Decimal(3)), ("103", {"preclose": "100"}), ("108", {"preclose": "103"})),
        (PctDown(value=Decimal(3)), ("97", {"preclose": "100"}), ("94", {"preclose": "97"})),
        (PctUp(value=Decimal(2), reference="open"), ("103", {"open": "100"}), ("106", {"open": "103"})),
        (LimitUp(), ("11", {"limit_up": "11"}), ("12.10", {"limit_up": "12.10"})),
        (LimitDown(), ("9", {"limit_down": "9"}), ("8.10", {"limit_down": "8.10"})),
    ],
)
def test_what_is_measured_from_the_day_fires_again_when_the_next_day_opens_in_its_zone(
    condition: Condition, first: tuple[str, dict[str, Any]], second: tuple[str, dict[str, Any]]
) -> None:
    here = market(condition)
    here.see("10" if isinstance(condition, LimitUp | LimitDown) else "100", **first[1])
    assert len(here.see(first[0], **first[1]).triggers) == 1
    assert here.see(first[0], when="14:59", **first[1]).triggers == []
    again = here.see(second[0], when=on(TUESDAY, "09:25:02"), **second[1])
    assert len(again.triggers) == 1
    assert [arm.armed for arm in again.changed] == [False]
    assert here.see(second[0], when=on(TUESDAY), **second[1]).triggers == []


def test_the_next_day_is_another_day_though_no_price_of_reference_has_moved() -> None:
    here = market(PctUp(value=Decimal("0.3")))
    assert here.fires("100", "100.30", "100", preclose="100") == ["100.30"]
    assert here.armed() is False
    here.see("100", when=on(TUESDAY), preclose="100")
    assert here.armed() is True


def test_what_held_already_when_it_was_made_fires_when_the_next_day_opens_in_its_zone() -> None:
    here = market(PctUp(value=Decimal(3)))
    assert len(here.see("105", preclose="100").already) == 1
    assert len(here.see("109", when=on(TUESDAY), preclose="105").triggers) == 1


def test_a_price_of_yesterday_on_the_first_frames_of_a_day_begins_no_day() -> None:
    here = market(PctUp(value=Decimal(3)))
    here.see("105", preclose="100")
    for second in ("01", "02"):
        assert here.see("105", when=on(TUESDAY, f"09:25:{second}"), quoted="15:00", preclose="100").triggers == []
    assert len(here.see("105", when=on(TUESDAY, "09:25:03"), preclose="100").triggers) == 1


def test_a_price_in_yuan_that_stays_over_night_is_no_crossing() -> None:
    here = market(BELOW)
    assert here.fires("1430", "1419") == ["1419"]
    assert here.see("1400", when=on(TUESDAY)).triggers == []
    assert here.armed() is False


def test_all_is_about_the_day_when_one_of_its_conditions_is() -> None:
    here = market(PriceAbove(value=Decimal(100)), PctUp(value=Decimal(3)), combine="all")
    assert here.fires("99", "103", preclose="100") == ["103"]
    assert len(here.see("107", when=on(TUESDAY), preclose="103").triggers) == 1


RICH_AND_HIGH = (AmountAbove(value=Decimal(1_000_000)), PctUp(value=Decimal(3)))
"""Of several conditions, and about the day."""
AS_ON_MONDAY: dict[str, Any] = {"preclose": "100", "amount": "2000000"}
AS_ON_TUESDAY: dict[str, Any] = {"preclose": "104", "amount": "2000000"}


def test_a_rule_of_several_conditions_begins_its_day_when_it_is_first_judged_though_others_were_before() -> None:
    here = Market(watch(*RICH_AND_HIGH, combine="all"), watch(EnterRange(low=Decimal(1), high=Decimal(2)), id="w2"))
    assert here.fires("100", "104", **AS_ON_MONDAY) == ["104"]
    here.see("108", when=on(TUESDAY, "09:25:02"), preclose="104")
    assert here.armed() is False
    assert here.fires("108", "109", when=on(TUESDAY), **AS_ON_TUESDAY) == ["108"]


def test_a_rule_of_several_conditions_that_was_held_when_the_day_began_begins_it_when_it_is_released() -> None:
    here = Market(watch(*RICH_AND_HIGH, combine="all"), watch(EnterRange(low=Decimal(1), high=Decimal(2)), id="w2"))
    assert here.fires("100", "104", **AS_ON_MONDAY) == ["104"]
    here.book.hold("w1")
    assert here.fires("108", when=on(TUESDAY), **AS_ON_TUESDAY) == []
    here.book.release("w1")
    assert here.fires("108", "109", when=on(TUESDAY), **AS_ON_TUESDAY) == ["108"]


def test_a_price_of_yesterday_begins_no_day_of_a_rule_of_several_conditions() -> None:
    here = market(*RICH_AND_HIGH, combine="all")
    assert here.fires("100", "104", **AS_ON_MONDAY) == ["104"]
    here.see("104", when=on(TUESDAY, "09:25:01"), quoted="15:00", **AS_ON_MONDAY)
    assert here.fires("108", "109", when=on(TUESDAY), **AS_ON_TUESDAY) == ["108"]


# -- price limits


def test_a_limit_up_is_told_when_hit_and_again_only_past_the_band() -> None:
    prices = ["10.80", "11", "11", "10.99", "11", "10.94", "11"]
    here = market(LimitUp())
    hit = [index for index, each in enumerate(prices) if here.see(each, limit_up="11").triggers]
    assert hit == [1, 6]


def test_a_limit_that_opens_is_told_each_time_after_it_was_sealed_again() -> None:
    here = market(LimitUp(event="open"))
    steps = [("10.80", "10.80"), ("11", "11"), ("10.99", "11"), ("10.90", "11"), ("11", "11"), ("10.98", "11")]
    fired = [i for i, (last, high) in enumerate(steps) if here.see(last, limit_up="11", high=high).triggers]
    assert fired == [2, 5]


def test_an_opening_between_two_frames_is_seen_by_the_days_high() -> None:
    here = market(LimitUp(event="open"))
    here.see("10.80", limit_up="11", high="10.90")
    assert len(here.see("10.80", limit_up="11", high="11").triggers) == 1


def test_a_limit_down_that_opens_is_told_and_the_next_day_begins_afresh() -> None:
    here = market(LimitDown(event="open"))
    assert here.fires("9.20", limit_down="9", low="9.20") == []
    assert here.fires("9", limit_down="9", low="9") == []
    assert here.fires("9.01", limit_down="9", low="9") == ["9.01"]
    assert here.fires("9.01", limit_down="8.11", low="9") == []
    assert here.armed() is True


# -- keeping rules


def test_a_rule_goes_on_from_the_arm_it_is_given() -> None:
    for armed, fired in ((True, 1), (False, 0), (None, 0)):
        here = Market()
        here.book.put(watch(BELOW), [Arm(key=KEY, armed=armed)])
        assert len(here.see("1419").triggers) == fired


def test_a_removed_watch_fires_nothing_and_leaves_nothing_to_quote() -> None:
    here = market(BELOW)
    here.see("1430")
    here.book.remove("w1")
    here.book.remove("w1")
    assert here.see("1419").triggers == []
    assert here.book.symbols == set()
    assert len(here.book) == 0


def test_a_watch_put_again_replaces_the_earlier_one() -> None:
    here = market(BELOW)
    here.see("1430")
    here.book.put(watch(PriceBelow(value=Decimal(1400)), symbols=(MOUTAI, PINGAN)))
    assert here.fires("1419") == []
    assert here.fires("1399") == ["1399"]
    assert here.book.symbols == {MOUTAI, PINGAN}


def test_the_memory_of_a_rule_that_is_gone_or_means_something_else_is_ignored() -> None:
    here = market(BELOW)
    rule = here.book.rules_of("w1")[0]
    told = rule.arm.telling(at("10:00"))
    here.book.put(watch(PriceBelow(value=Decimal(1400))))
    here.book.remember(rule, told)
    assert here.book.rules_of("w1")[0].arm.told == 0
    here.book.remove("w1")
    here.book.remember(rule, told)
    assert here.book.rule(KEY) is None
    assert len(here.book) == 0


def test_that_a_rule_was_told_is_remembered_of_the_one_that_means_the_same_now() -> None:
    here = market(BELOW)
    rule = here.book.rules_of("w1")[0]
    here.book.put(watch(BELOW, text="the same"), [Arm(key=KEY, armed=True)])
    here.book.remember(rule, rule.arm.telling(at("10:00")))
    assert here.book.rules_of("w1")[0].arm == Arm(key=KEY, armed=True, told=1, told_at=at("10:00"))


def test_a_held_watch_is_watched_and_not_judged_and_the_frame_after_that_judges_it() -> None:
    here = market(BELOW)
    here.see("1430")
    here.book.hold("w1")
    assert here.see("1419").triggers == []
    assert here.book.symbols == {MOUTAI}
    here.book.was_empty()
    assert not here.book.was_empty()
    here.book.release("w1")
    assert len(here.see("1418").triggers) == 1


def test_frames_may_change_their_list_of_symbols() -> None:
    here = market(BELOW)
    here.show(quote(MOUTAI, "1430"), quote(PINGAN, "50"))
    here.show(quote(PINGAN, "50"))
    assert len(here.show(quote(FUND, "4"), quote(MOUTAI, "1419")).triggers) == 1


def test_a_first_judgement_beside_the_stream_takes_nothing_in() -> None:
    book = RuleBook(lambda _account, _symbol: None)
    one = watch(BELOW, symbols=(MOUTAI, PINGAN))
    arms, already = book.judge_first(one, lambda symbol: quote(symbol, "1430" if symbol == MOUTAI else "50"))
    assert [each.key.symbol for each in already] == [PINGAN]
    assert [arm.armed for arm in arms] == [True, False]
    assert len(book) == 0


def test_a_first_judgement_without_a_quote_waits() -> None:
    book = RuleBook(lambda _account, _symbol: None)
    arms, already = book.judge_first(watch(BELOW), lambda _symbol: None)
    assert already == []
    assert [arm.armed for arm in arms] == [None]


def test_the_book_knows_whether_it_was_empty_since_it_was_asked() -> None:
    book = RuleBook(lambda _account, _symbol: None)
    assert book.was_empty()
    book.put(watch(BELOW))
    assert book.was_empty()
    assert not book.was_empty()
    book.put(watch(BELOW))
    assert not book.was_empty()
    book.remove("w1")
    book.put(watch(BELOW))
    assert book.was_empty()
    assert not book.was_empty()


def test_the_same_frames_give_the_same_triggers() -> None:
    prices: Sequence[str] = ["1430", "1419", "1428", "1415", "1500", "1420"]

    def run() -> list[tuple[RuleKey, Quote, str]]:
        here = market(BELOW, PriceAbove(value=Decimal(1450)))
        return [(one.key, one.quote, one.why) for each in prices for one in here.see(each).triggers]

    assert run() == run()
    assert len(run()) == 4
