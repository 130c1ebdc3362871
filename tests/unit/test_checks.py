"""What is odd about one watch, on both sides of each border."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.bars import Bar, Period
from core.checks import already_true, days_left, findings, week_end
from core.conditions import (
    AmountAbove,
    Condition,
    EnterRange,
    GapUp,
    Indicator,
    LimitDown,
    LimitUp,
    MaCross,
    NewHigh,
    PctDown,
    PctUp,
    PriceAbove,
    PriceBelow,
    Speed,
    StopLoss,
    TakeProfit,
    Turnover,
    VolumeRatio,
)
from core.errors import Invalid
from core.findings import Facts, Fault, Finding, changes_of, set_price
from core.frames import Quote
from core.messages import COMMAND_BYTES
from core.portfolio import Account, Position
from core.rulebook import RuleBook
from core.tape import Tape
from core.types import Mode, Price, Side, Symbol
from core.view import View
from core.watches import Plan, Watch
from tests.fakes.parts import ACCOUNT, MOUTAI, PINGAN, at, quote, watch

NOW = at("10:00")
TODAY = NOW.date()
INDEX = Symbol("000001.SH")
SEEN = quote(last="1430", preclose="1430", open="1430")


def below(value: str) -> PriceBelow:
    return PriceBelow(value=Decimal(value))


def above(value: str) -> PriceAbove:
    return PriceAbove(value=Decimal(value))


def account(*positions: Position, cash: str = "1000000", known: bool = True) -> Account:
    return Account(
        id=ACCOUNT,
        name="模拟账户",
        mode=Mode.PAPER,
        cash=Decimal(cash),
        cash_known=known,
        positions=positions,
        as_of=NOW,
    )


def held(shares: int, cost: str = "1400", symbol: Symbol = MOUTAI) -> Position:
    return Position(symbol=symbol, shares=shares, sellable=shares, cost=Decimal(cost))


def facts(
    *quotes: Quote,
    positions: Sequence[Position] = (),
    tape: Tape | None = None,
    now: datetime = NOW,
    **of_account: Any,
) -> Facts:
    seen = {one.symbol: one for one in quotes}
    costs = {one.symbol: one.cost for one in positions}

    def view(_watch: Watch, symbol: Symbol) -> View | None:
        if symbol not in seen:
            return None
        return View(seen[symbol], costs.get(symbol), None, tape.past(symbol) if tape is not None else None)

    return Facts(view, lambda symbol: f"名({symbol[:6]})", account(*positions, **of_account), now)


def holding(made: Watch, *quotes: Quote) -> Sequence[Any]:
    seen = {one.symbol: one for one in quotes}
    return RuleBook(lambda _account, _symbol: None).judge_first(made, seen.get)[1]


def check(made: Watch, known: Facts, others: Sequence[Watch] = ()) -> list[Fault]:
    return [one.fault for one in findings(made, (), others, known)]


def one(made: Watch, known: Facts, others: Sequence[Watch] = ()) -> Finding:
    (found,) = findings(made, (), others, known)
    return found


def mended(made: Watch, finding: Finding, place: int = 0) -> Watch:
    """The watch after a tap on one of the offers."""
    words = finding.mends[place].command.split()
    assert words[:2] == ["mend", made.id]
    assert len(finding.mends[place].command.encode()) <= COMMAND_BYTES
    return made.model_copy(update=changes_of(made, words[2:]))


# -- it holds already


@pytest.mark.parametrize(
    ("condition", "label", "other"),
    [
        (below("1450"), "改成涨到 1450.00", above("1450")),
        (above("1400"), "改成跌到 1400.00", below("1400")),
        (StopLoss(value=Decimal(1450), unit="yuan"), "改成止盈 1450.00", TakeProfit(value=Decimal(1450), unit="yuan")),
        (PctUp(value=Decimal(1)), "改成比昨收跌 1.00%", PctDown(value=Decimal(1))),
    ],
)
def test_what_holds_already_offers_the_other_direction(condition: Condition, label: str, other: Condition) -> None:
    made = watch(condition)
    seen = quote(last="1430", preclose="1400")
    found = already_true(made, holding(made, seen), str)
    assert "现在已经满足条件（现价 1430.00，" in found.text
    assert found.mends[0].label == label
    assert mended(made, found).conditions == (other,)


def test_what_holds_already_offers_a_threshold_a_percent_away_on_the_grid() -> None:
    made = watch(below("1450"))
    found = already_true(made, holding(made, SEEN), str)
    assert [each.label for each in found.mends] == ["改成涨到 1450.00", "改成跌到 1415.70（-1%）", "保持不变"]
    rising = watch(above("1400.01"))
    found = already_true(rising, holding(rising, quote(last="1430.01")), str)
    assert found.mends[1].label == "改成涨到 1444.31（+1%）"


def test_a_stop_loss_over_the_price_is_called_that() -> None:
    made = watch(StopLoss(value=Decimal(1450), unit="yuan"))
    assert already_true(made, holding(made, SEEN), str).text.startswith("止损价高于现价：")


def test_of_several_that_hold_each_is_named_and_no_threshold_is_guessed() -> None:
    made = watch(below("1450"), symbols=(MOUTAI, PINGAN))
    found = already_true(made, holding(made, SEEN, quote(PINGAN, "52")), str)
    assert "　600519.SH 现价 1430.00" in found.text
    assert "　601318.SH 现价 52.00" in found.text
    assert found.mends == ()


def test_a_second_tap_changes_nothing_more() -> None:
    made = watch(below("1450"))
    found = already_true(made, holding(made, SEEN), str)
    again = mended(made, found)
    assert mended(again, found) == again


# -- it can never come true


@pytest.mark.parametrize(
    ("condition", "text", "offer"),
    [
        (above("1573.01"), "今天最高只能到 1573.00（涨停）", above("1573.00")),
        (below("1286.99"), "今天最低只能到 1287.00（跌停）", below("1287.00")),
        (EnterRange(low=Decimal(1580), high=Decimal(1600)), "今天最高只能到 1573.00（涨停）", None),
        (PctUp(value=Decimal(11), reference="open"), "今天最高只能到 1573.00（涨停）", None),
    ],
)
def test_beyond_the_limit_of_the_only_day_it_never_comes(
    condition: Condition, text: str, offer: Condition | None
) -> None:
    made = watch(condition, expires_on=TODAY)
    found = one(made, facts(SEEN))
    assert found.fault is Fault.NEVER
    assert text in found.text
    assert found.mends[0].label == "改到本周五（03-27）"
    assert mended(made, found).expires_on == date(2026, 3, 27)
    if offer is not None:
        assert mended(made, found, 1).conditions == (offer,)


@pytest.mark.parametrize("condition", [above("1573"), below("1287"), LimitUp(), LimitDown(), LimitUp(event="open")])
def test_at_the_limit_it_may_come(condition: Condition) -> None:
    assert check(watch(condition, expires_on=TODAY), facts(SEEN)) == []


def test_without_an_end_what_is_beyond_todays_limit_may_come_later() -> None:
    assert check(watch(above("1573.01")), facts(SEEN)) == []


@pytest.mark.parametrize(("value", "found"), [("1730.30", []), ("1730.31", [Fault.NEVER])])
def test_the_limits_of_all_days_that_are_left_count(value: str, found: list[Fault]) -> None:
    made = watch(above(value), expires_on=date(2026, 3, 24))
    assert check(made, facts(SEEN)) == found


def test_the_days_that_are_left_are_named() -> None:
    text = one(watch(below("900"), expires_on=date(2026, 3, 25)), facts(SEEN)).text
    assert "到 03-25 还有 3 个交易日，天天跌停也只到 1042.47" in text


def test_a_quote_of_yesterday_stands_for_todays_previous_close() -> None:
    made = watch(above("1600"), expires_on=TODAY)
    yesterday = quote(last="1500", preclose="1430", when="2026-03-20 15:00")
    assert check(made, facts(yesterday, now=at("08:00"))) == []
    assert check(watch(above("1651"), expires_on=TODAY), facts(yesterday, now=at("08:00"))) == [Fault.NEVER]


def test_what_has_no_limit_is_not_called_impossible() -> None:
    index = quote(INDEX, "3900", preclose="3900")
    assert check(watch(above("4500"), symbols=(INDEX,), expires_on=TODAY), facts(index)) == []


@pytest.mark.parametrize(("clock", "found"), [("14:59", []), ("15:00", [Fault.OVER])])
def test_after_the_close_a_watch_of_today_is_over(clock: str, found: list[Fault]) -> None:
    assert check(watch(below("1400"), expires_on=TODAY), facts(SEEN, now=at(clock))) == found


def test_a_watch_that_ends_on_a_weekend_with_no_trading_before_it_is_over() -> None:
    saturday = at("2026-03-21 10:00")
    made = watch(below("1400"), expires_on=date(2026, 3, 22))
    found = one(made, facts(SEEN, now=saturday))
    assert found.fault is Fault.OVER
    assert found.mends[0].label == "改到下周五（03-27）"


def test_the_end_of_the_week_is_before_the_holidays_and_of_the_next_one_on_a_friday() -> None:
    assert week_end(at("2026-03-27 10:00")) == date(2026, 4, 3)
    # 2026-10-01 is a Thursday, and a holiday.
    assert week_end(at("2026-09-28 10:00")) == date(2026, 9, 30)
    assert days_left(date(2026, 10, 7), at("2026-09-30 15:00")) == []


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (PctUp(value=Decimal("10.01")), [Fault.NEVER]),
        (PctUp(value=Decimal(10)), []),
        (PctDown(value=Decimal("10.01")), [Fault.NEVER]),
        (PctDown(value=Decimal(10)), []),
        (GapUp(value=Decimal(12)), [Fault.NEVER]),
        (GapUp(value=Decimal(3)), []),
        (PctUp(value=Decimal(15), reference="last", base=Decimal(1430)), []),
    ],
)
def test_more_than_a_day_can_bring_never_comes(condition: Condition, found: list[Fault]) -> None:
    assert check(watch(condition), facts(SEEN)) == found


def test_more_than_a_day_can_bring_offers_what_it_can() -> None:
    made = watch(PctUp(value=Decimal(15)))
    finding = one(made, facts(SEEN))
    assert "一天最多涨到 1573.00（涨停）" in finding.text
    assert mended(made, finding).conditions == (PctUp(value=Decimal("10.0")),)


def test_the_star_board_may_bring_twenty_percent() -> None:
    star = quote(Symbol("688981.SH"), "100", preclose="100")
    assert check(watch(PctUp(value=Decimal(15)), symbols=(star.symbol,)), facts(star)) == []


def test_a_gap_of_today_is_over_when_the_day_has_opened() -> None:
    made = watch(GapUp(value=Decimal(3)), expires_on=TODAY)
    assert "今天已经开盘（1430.00）" in one(made, facts(SEEN)).text
    assert check(made, facts(quote(last=None, preclose="1430", when="09:20"), now=at("09:20"))) == []
    assert check(watch(GapUp(value=Decimal(3)), expires_on=date(2026, 3, 24)), facts(SEEN)) == []


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ((below("1400"), above("1500")), [Fault.NEVER]),
        ((above("1400"), below("1500")), []),
        ((above("1400"), below("1400")), []),
        ((PctUp(value=Decimal(3)), PctDown(value=Decimal(3))), [Fault.NEVER]),
        ((PctUp(value=Decimal(3)), PctDown(value=Decimal(3), reference="open")), []),
        ((Speed(value=Decimal(2), direction="up"), Speed(value=Decimal(2), direction="down")), []),
        ((LimitUp(), LimitDown()), [Fault.NEVER]),
        ((below("1400"), AmountAbove(value=Decimal(10**9))), []),
        ((below("1400"), PctUp(value=Decimal(3))), []),
    ],
)
def test_two_that_cannot_hold_at_once_are_found(conditions: Sequence[Condition], found: list[Fault]) -> None:
    assert check(watch(*conditions, combine="all"), facts(SEEN)) == found


def test_a_contradiction_needs_no_quote_and_is_mended_by_either() -> None:
    made = watch(below("1400"), above("1500"), combine="all")
    finding = one(made, facts())
    assert "“跌到 1400.00 及以下”和“涨到 1500.00 及以上”不可能同时成立" in finding.text
    assert mended(made, finding).combine == "any"
    assert check(watch(below("1400"), above("1500")), facts()) == []
    empty = watch(below("1400"), above("1500"), combine="all", symbols=(), scope="holdings")
    assert check(empty, facts()) == [Fault.NEVER]


# -- far, or not there at all


@pytest.mark.parametrize(("value", "found"), [("2303.03", []), ("2303.04", [Fault.FAR])])
def test_further_than_five_days_at_the_limit_is_far(value: str, found: list[Fault]) -> None:
    # 1430 ten percent up five times, each rounded to the fen
    assert check(watch(above(value)), facts(SEEN)) == found


def test_a_digit_too_many_or_too_few_is_offered_right() -> None:
    for said, meant in ((above("15000"), above("1500")), (below("140"), below("1400"))):
        made = watch(said)
        assert mended(made, one(made, facts(SEEN))).conditions == (meant,)
    assert [each.label for each in one(watch(above("9000")), facts(SEEN)).mends] == ["保持不变"]


def test_a_far_threshold_of_an_index_is_found_too() -> None:
    index = quote(INDEX, "3900", preclose="3900")
    assert "连续 5 天每天涨 10% 也到不了" in one(watch(above("39000"), symbols=(INDEX,)), facts(index)).text
    assert check(watch(above("4500"), symbols=(INDEX,)), facts(index)) == []


@pytest.mark.parametrize(
    ("condition", "volume", "found"),
    [
        (Turnover(value=Decimal(5)), 1000, [Fault.NO_MEASURE]),
        (VolumeRatio(), 0, [Fault.NO_MEASURE]),
        (VolumeRatio(), 1000, []),
        (PctUp(value=Decimal(2)), 0, []),
    ],
)
def test_an_index_has_not_all_measures(condition: Condition, volume: int, found: list[Fault]) -> None:
    index = quote(INDEX, "3900", preclose="3900", volume=volume)
    assert check(watch(condition, symbols=(INDEX,)), facts(index)) == found


def tape_of(bars: int, period: Period = "day") -> Tape:
    tape = Tape()
    tape.watch_bars(period)
    first, flat = at("15:00", "2025-01-02"), Decimal(1400)
    made = [Bar(MOUTAI, first + timedelta(days=day), flat, flat, flat, flat, 10_000) for day in range(bars)]
    tape.load(period, {MOUTAI: made})
    return tape


@pytest.mark.parametrize(
    ("condition", "bars", "found"),
    [
        (MaCross(ma=60, direction="up"), 58, [Fault.FEW_BARS]),
        (MaCross(ma=60, direction="up"), 59, []),
        (NewHigh(days=60), 59, [Fault.FEW_BARS]),
        (NewHigh(days=60), 60, []),
        (Indicator(name="macd", event="golden_cross"), 32, [Fault.FEW_BARS]),
        (Indicator(name="macd", event="golden_cross"), 33, []),
        # While none have come they may be on their way; the read-back says that it cannot be judged yet.
        (MaCross(ma=60, direction="up"), 0, []),
    ],
)
def test_a_share_may_be_listed_too_short(condition: Condition, bars: int, found: list[Fault]) -> None:
    assert check(watch(condition), facts(SEEN, tape=tape_of(bars))) == found


def test_a_share_listed_too_short_offers_a_shorter_line() -> None:
    made = watch(MaCross(ma=250, direction="up"))
    finding = one(made, facts(SEEN, tape=tape_of(40)))
    assert "需要 249 根，现有 40 根" in finding.text
    assert mended(made, finding).conditions == (MaCross(ma=30, direction="up"),)
    made = watch(NewHigh(days=250))
    assert mended(made, one(made, facts(SEEN, tape=tape_of(40)))).conditions == (NewHigh(days=30),)


# -- its trade


def sells(shares: int | None = None, **plan: Any) -> Plan:
    return Plan(side=Side.SELL, shares=shares, **plan)


def buys(shares: int | None = None, **plan: Any) -> Plan:
    return Plan(side=Side.BUY, shares=shares, **plan)


def test_what_is_not_held_cannot_be_sold_unless_it_is_bought_before() -> None:
    made = watch(above("1500"), plan=sells(100))
    assert check(made, facts(SEEN)) == [Fault.NOT_HELD]
    assert check(made, facts(SEEN, positions=[held(100)])) == []
    bought = watch(below("1300"), id="w2", plan=buys(100))
    assert check(made, facts(SEEN), [bought]) == []
    assert check(made, facts(SEEN), [watch(below("1300"), id="w2")]) == [Fault.NOT_HELD]


def test_more_than_is_held_is_mended_to_what_is_there() -> None:
    made = watch(above("1500"), plan=sells(300))
    finding = one(made, facts(SEEN, positions=[held(200)]))
    assert "计划卖 300 股，但名(600519)只持有 200 股" in finding.text
    assert mended(made, finding).plan == sells(fraction=Decimal(1))
    assert mended(made, finding, 1).plan == sells(200)
    assert check(made, facts(SEEN, positions=[held(300)])) == []


def test_what_was_bought_today_is_not_sold_by_a_watch_of_today() -> None:
    fresh = Position(symbol=MOUTAI, shares=200, sellable=100, cost=Decimal(1400))
    made = watch(above("1500"), plan=sells(200), expires_on=TODAY)
    finding = one(made, facts(SEEN, positions=[fresh]))
    assert "现在可卖 100 股，不够卖 200 股" in finding.text
    assert mended(made, finding).expires_on == date(2026, 3, 27)
    assert check(watch(above("1500"), plan=sells(100), expires_on=TODAY), facts(SEEN, positions=[fresh])) == []
    assert check(watch(above("1500"), plan=sells(200)), facts(SEEN, positions=[fresh])) == []
    locked = Position(symbol=MOUTAI, shares=200, sellable=0, cost=Decimal(1400))
    everything = watch(above("1500"), plan=sells(fraction=Decimal(1)), expires_on=TODAY)
    assert "可卖 0 股" in one(everything, facts(SEEN, positions=[locked])).text


def test_too_little_cash_is_said_with_what_it_buys() -> None:
    made = watch(below("1400"), plan=buys(300))
    finding = one(made, facts(SEEN, cash="300000"))
    assert finding.fault is Fault.CASH
    assert "按 1400.00 算，可用资金不够：需要 420," in finding.text
    assert mended(made, finding).plan == buys(200)
    assert check(made, facts(SEEN, cash="421000")) == []
    assert check(made, facts(SEEN, cash="0", known=False)) == []


def test_an_amount_that_buys_no_lot_is_said() -> None:
    assert "买不到一手" in one(watch(below("1400"), plan=buys(amount=Decimal(1000))), facts(SEEN)).text


def test_the_price_of_the_plan_counts_before_that_of_the_condition() -> None:
    made = watch(below("1400"), plan=buys(100, price=Decimal(1000)))
    assert check(made, facts(SEEN, cash="101000")) == []


@pytest.mark.parametrize(("value", "found"), [("1399.99", [Fault.LOSS]), ("1400", [])])
def test_a_profit_under_the_cost_is_a_loss(value: str, found: list[Fault]) -> None:
    made = watch(TakeProfit(value=Decimal(value), unit="yuan"))
    assert check(made, facts(SEEN, positions=[held(100)])) == found


def test_a_profit_under_the_cost_offers_one_above_it() -> None:
    made = watch(TakeProfit(value=Decimal(1300), unit="yuan"))
    finding = one(made, facts(SEEN, positions=[held(100)]))
    assert mended(made, finding).conditions == (TakeProfit(value=Decimal("1470.00"), unit="yuan"),)


# -- order and mends


def test_the_gravest_comes_first_and_each_kind_once() -> None:
    made = watch(above("15000"), above("16000"), plan=sells(100))
    assert check(made, facts(SEEN)) == [Fault.NOT_HELD, Fault.FAR]


def test_of_several_shares_the_one_is_named_and_gets_no_price_of_its_own() -> None:
    made = watch(above("1600"), symbols=(PINGAN, MOUTAI), expires_on=TODAY)
    finding = one(made, facts(SEEN, quote(PINGAN, "1600", preclose="1600")))
    assert finding.text.startswith("名(600519)：今天最高")
    assert len(finding.mends) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("set", "9", "value", "1"),
        ("set", "0", "low", "1"),
        ("set", "0", "kind", "nothing"),
        ("set", "0", "value", "-5"),
        ("shares", "100"),
        ("everything",),
        ("until", "soon"),
        ("fly",),
    ],
)
def test_a_mend_that_does_not_fit_any_more_says_so(words: Sequence[str]) -> None:
    with pytest.raises(Invalid, match="已经改过"):
        changes_of(watch(below("1400")), words)


def test_a_price_is_offered_only_where_the_person_wrote_one() -> None:
    assert set_price(watch(PctUp(value=Decimal(3))), 0, MOUTAI, Price(1500)) is None
    assert set_price(watch(PriceBelow(reference="cost")), 0, MOUTAI, Price(1500)) is None
    assert set_price(watch(below("1400")), 0, MOUTAI, Price(0)) is None
