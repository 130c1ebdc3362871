"""What two watches do to each other, on both sides of each border."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from core.clashes import between
from core.conditions import Condition, EnterRange, MaCross, PctDown, PriceAbove, PriceBelow, StopLoss, TrailingStop
from core.findings import Fault, Finding
from core.types import Side
from core.watches import Plan, Repeat, WatchState
from tests.fakes.parts import PINGAN, watch
from tests.unit.test_checks import SEEN, above, below, facts, held

BUYS = Plan(side=Side.BUY, shares=100)
SELLS = Plan(side=Side.SELL, shares=100)


def found(mine: dict[str, Any], theirs: dict[str, Any], one: Condition, other: Condition) -> Sequence[Finding]:
    known = facts(SEEN, positions=[held(100)])
    return list(between(watch(one, number=2, **mine), [watch(other, id="w2", number=1, **theirs)], known))


def faults(
    one: Condition, other: Condition, mine: dict[str, Any] | None = None, theirs: dict[str, Any] | None = None
) -> list[Fault]:
    return [each.fault for each in found(mine or {}, theirs or {}, one, other)]


STOP = StopLoss(value=Decimal(1385), unit="yuan")


@pytest.mark.parametrize(
    ("buy", "sell", "fights"),
    [
        (below("1380"), STOP, True),
        (below("1390"), STOP, True),
        (below("1380"), above("1500"), False),
        (below("1380"), above("1380.01"), False),
        (below("1380"), above("1380"), True),
        (above("1500"), above("1510"), True),
        (EnterRange(low=Decimal(1300), high=Decimal(1390)), STOP, True),
        (EnterRange(low=Decimal(1390), high=Decimal(1400)), STOP, False),
        (below("1380"), StopLoss(value=Decimal(8), unit="pct"), True),
        (below("1380"), TrailingStop(value=Decimal(8)), False),
        (below("1380"), MaCross(ma=20, direction="down"), False),
    ],
)
def test_a_purchase_where_another_sells_is_found_from_either_side(
    buy: Condition, sell: Condition, fights: bool
) -> None:
    expected = [Fault.FIGHT] if fights else []
    assert faults(buy, sell, {"plan": BUYS}, {"plan": SELLS}) == expected
    assert faults(sell, buy, {"plan": SELLS}, {"plan": BUYS}) == expected


def test_it_is_said_which_comes_first() -> None:
    (finding,) = found({"plan": BUYS}, {"plan": SELLS}, below("1380"), STOP)
    assert finding.text == "跌下来会先卖出后买入：1385.00 卖出（#1），1380.00 买入（这个任务）。"
    assert [button.label for button in finding.mends] == ["暂停 #1", "都留着"]
    (finding,) = found({"plan": BUYS}, {"plan": SELLS}, above("1500"), above("1510"))
    assert finding.text == "涨上去会先买入后卖出：1500.00 买入（这个任务），1510.00 卖出（#1）。"
    (finding,) = found({"plan": BUYS}, {"plan": SELLS}, below("1385"), STOP)
    assert finding.text == "到 1385.00 时，这个任务买入，#1 卖出，方向相反。"
    (finding,) = found({"plan": BUYS}, {"plan": SELLS}, below("1380"), above("1370"))
    assert finding.text == "1370.00～1380.00 之间既会买入（这个任务），又会卖出（#1）。"


def test_two_of_one_side_or_of_two_accounts_do_not_fight() -> None:
    assert faults(below("1380"), STOP, {"plan": SELLS}, {"plan": SELLS}) == [Fault.NEAR]
    assert faults(below("1380"), STOP, {"plan": BUYS, "account": "other"}, {"plan": SELLS}) == []


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        (below("1400"), below("1410"), True),
        (below("1410"), below("1400"), True),
        (below("1400"), below("1428.57"), True),
        (below("1400"), below("1428.58"), False),
        (above("1500"), above("1510"), True),
        (below("1400"), above("1400"), False),
        (PctDown(value=Decimal(3)), PctDown(value=Decimal(4)), True),
        (PctDown(value=Decimal(3)), below("1387"), False),
    ],
)
def test_two_that_tell_nearly_the_same_are_found(one: Condition, other: Condition, near: bool) -> None:
    assert faults(one, other) == ([Fault.NEAR] if near else [])


def test_two_levels_of_one_sentence_and_a_trade_behind_an_alert_are_meant() -> None:
    assert faults(below("1400"), below("1410"), {"text": "茅台"}, {"text": "茅台"}) == []
    assert faults(below("1400"), below("1410"), {"plan": BUYS}) == []


def test_the_same_condition_twice_is_said_with_what_differs_and_may_be_merged() -> None:
    (finding,) = found({"plan": BUYS, "repeat": Repeat.ONCE}, {}, below("1400"), below("1400"))
    assert finding.fault is Fault.SAME
    assert "和 #1 条件一样（计划、提醒次数不同）" in finding.text
    assert [button.command for button in finding.mends] == ["mend w1 into w2", "mend w1 keep"]
    (finding,) = found({"symbols": (SEEN.symbol, PINGAN)}, {}, below("1400"), below("1400"))
    assert [button.command for button in finding.mends] == ["mend w1 keep"]


@pytest.mark.parametrize("theirs", [{"state": WatchState.PAUSED}, {"symbols": (PINGAN,)}, {"scope": "market"}])
def test_what_does_not_run_on_the_share_is_no_rival(theirs: dict[str, Any]) -> None:
    assert faults(below("1400"), below("1400"), {}, theirs) == []


def test_without_a_quote_nothing_is_compared() -> None:
    pair = watch(PriceBelow(value=Decimal(1400))), watch(PriceAbove(value=Decimal(1300)), id="w2", plan=SELLS)
    assert list(between(pair[0], [pair[1]], facts())) == []
