"""What a report holds, against tables worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.alerts import Alert, Reason
from core.chronicle import Entry, Kind
from core.conditions import Condition, PctUp, PriceAbove, PriceBelow
from core.editions import Edition
from core.frames import Quote
from core.judging import Rule
from core.orders import Fill, Order, OrderState
from core.portfolio import Worth
from core.reckoning import seen
from core.report import (
    Book,
    Known,
    Near,
    at_rest,
    earned_in_week,
    earned_since,
    fired,
    freed,
    missed,
    near_of,
    report,
    told_by_watch,
)
from core.sheet import Curve
from core.tickets import Ticket, TicketState
from core.types import Mode, Price, Side, Symbol
from core.view import View
from core.watches import Arm, RuleKey, Watch
from core.zones import Gauge
from tests.fakes.parts import at, watch
from tests.unit.test_render_answers import CMB, MOUTAI, account, position, quote, sheet
from tests.unit.test_render_answers import fill as a_fill

WEDNESDAY = date(2026, 11, 18)
MONDAY = date(2026, 11, 16)
NOON = at("2026-11-18 11:40")
CLOSED = at("2026-11-18 15:10")


def alert(
    when: str, *, watch_id: str = "w1", reason: Reason = Reason.FIRST, symbol: Symbol = MOUTAI, **more: Any
) -> Alert:
    moment = at(f"2026-11-18 {when}" if " " not in when else when)
    given: dict[str, Any] = {
        "id": f"A{watch_id}{moment:%d%H%M%S}",
        "watch_id": watch_id,
        "watch_number": int(watch_id[1:]),
        "owner": "local",
        "symbol": symbol,
        "name": "贵州茅台",
        "group": 0,
        "condition": "跌到 1400.00 及以下",
        "price": Decimal(1400),
        "why": "",
        "source": "测试",
        "quoted_at": moment,
        "at": moment,
        "reason": reason,
    }
    return Alert.model_validate(given | more)


def ticket(when: str = "10:00", state: TicketState = TicketState.REJECTED, **more: Any) -> Ticket:
    moment = at(f"2026-11-18 {when}" if " " not in when else when)
    given: dict[str, Any] = {
        "id": f"T{moment:%H%M}",
        "owner": "owner",
        "chat": ("script", "local"),
        "account": "paper",
        "mode": Mode.PAPER,
        "symbol": MOUTAI,
        "name": "贵州茅台",
        "side": Side.BUY,
        "shares": 200,
        "limit": Decimal(1400),
        "price": Decimal(1400),
        "quoted_at": moment,
        "source": "测试",
        "created_at": moment,
        "expires_at": moment + timedelta(minutes=5),
        "state": state,
    }
    return Ticket.model_validate(given | more)


def order(state: OrderState, when: str = "10:00", **more: Any) -> Order:
    moment = at(f"2026-11-18 {when}" if " " not in when else when)
    given: dict[str, Any] = {
        "id": f"dp{moment:%d%H%M}",
        "ticket_id": "T",
        "account": "paper",
        "mode": Mode.PAPER,
        "symbol": MOUTAI,
        "side": Side.BUY,
        "shares": 100,
        "limit": Decimal(1400),
        "state": state,
        "created_at": moment,
        "updated_at": moment,
    }
    return Order.model_validate(given | more)


def day_quote(last: str, *, low: str = "1390", high: str = "1420", preclose: str = "1400") -> Quote:
    found = quote(MOUTAI, last, preclose, at=at("2026-11-18 15:00"))
    return found.model_copy(update={"low": Decimal(low), "high": Decimal(high)})


def known(edition: Edition = Edition.CLOSE, now: datetime = CLOSED, **more: Any) -> Known:
    return Known(edition, now, **more)


# -- near


def near(condition: Condition, last: str, *, resting: bool = False) -> Near | None:
    task = watch(condition, number=3)
    key = RuleKey(task.id, MOUTAI, 0)
    rule = Rule(task, key, (0,), Arm(key))
    shown = quote(MOUTAI, last, "1400")
    return near_of(rule, View(at_rest(shown) if resting else shown), resting=resting)


def test_how_far_a_price_is_from_its_line_is_told_with_its_way() -> None:
    found = near(PriceBelow(value=Decimal(1400)), "1428")
    assert found is not None
    assert (found.number, found.gauge, found.reading, found.bound) == (3, Gauge.PRICE, 1_428_000, 1_400_000)
    assert round(found.percent, 4) == Decimal("-1.9608")  # 1400 / 1428 - 1
    up = near(PriceAbove(value=Decimal(1450)), "1428")
    assert up is not None
    assert round(up.percent, 4) == Decimal("1.5406")  # 1450 / 1428 - 1


def test_a_line_between_two_steps_is_the_first_step_behind_it() -> None:
    found = near(PctUp(value=Decimal("2.003")), "1410")  # 1428.042
    assert found is not None
    assert found.bound == 1_428_050


def test_what_is_measured_from_the_day_says_nothing_before_it() -> None:
    assert near(PctUp(value=Decimal(2)), "1410") is not None
    assert near(PctUp(value=Decimal(2)), "1410", resting=True) is None
    assert near(PriceBelow(value=Decimal(1400)), "1410", resting=True) is not None


def test_what_holds_already_is_not_near() -> None:
    assert near(PriceBelow(value=Decimal(1400)), "1400") is None


def a_near(percent: str, number: int = 1) -> Near:
    return Near(number, MOUTAI, "", Gauge.PRICE, 1_400_000, 1_380_000, Decimal(percent))


def test_near_lines_come_nearest_first_and_far_ones_only_where_there_is_no_nearer() -> None:
    several = [a_near("-3", 1), a_near("0.5", 2), a_near("-7", 3), a_near("-5", 4)]
    assert [one.number for one in report(known(nears=several)).nears] == [2, 1, 4]
    assert [one.number for one in report(known(nears=[a_near("-9", 1), a_near("8", 2)])).nears] == [2]
    assert report(known()).nears == ()


# -- what fired


def test_alerts_of_one_rule_are_one_line_with_their_number() -> None:
    alerts = [alert("14:00"), alert("13:00", watch_id="w2"), alert("10:00"), alert("09:40", reason=Reason.SILENCED)]
    found = fired(alerts)
    assert [(one.last.watch_number, f"{one.last.at:%H:%M}", one.times) for one in found] == [
        (1, "14:00", 2),
        (2, "13:00", 1),
    ]


def test_what_was_not_told_is_counted_by_its_reason() -> None:
    reasons = [Reason.SILENCED, Reason.COOLDOWN, Reason.SILENCED, Reason.FIRST]
    alerts = [alert(f"10:0{place}", reason=reason) for place, reason in enumerate(reasons)]
    assert report(known(alerts=alerts)).untold == {Reason.SILENCED: 2, Reason.COOLDOWN: 1}


def test_a_watch_that_spoke_five_times_without_an_answer_is_noise() -> None:
    silent = [alert(f"10:0{place}") for place in range(5)]
    [found] = told_by_watch(silent, [])
    assert (found.told, found.answered, found.is_noise) == (5, 0, True)
    [fewer] = told_by_watch(silent[:4], [])
    assert not fewer.is_noise
    [seen_once] = told_by_watch([silent[0].model_copy(update={"acked_at": CLOSED}), *silent[1:]], [])
    assert (seen_once.answered, seen_once.is_noise) == (1, False)
    [decided] = told_by_watch(silent, [ticket(alert_id=silent[2].id)])
    assert not decided.is_noise
    [expired] = told_by_watch(silent, [ticket(state=TicketState.EXPIRED, alert_id=silent[2].id)])
    assert expired.is_noise


def test_the_loudest_watch_comes_first_and_what_was_not_told_is_counted_beside() -> None:
    alerts = [alert("10:00", watch_id="w1"), *(alert(f"11:0{n}", watch_id="w2") for n in range(3))]
    alerts.append(alert("11:09", watch_id="w1", reason=Reason.COOLDOWN, symbol=CMB))
    found = told_by_watch(alerts, [])
    assert [(one.last.watch_number, one.told, one.hushed, one.several) for one in found] == [
        (2, 3, 0, False),
        (1, 1, 1, True),
    ]


# -- what came to nothing


@pytest.mark.parametrize(
    ("side", "limit", "last", "gain", "why"),
    [
        (Side.BUY, "1400", "1410", "2000.00", ""),  # 200 × 10
        (Side.BUY, "1400", "1395.5", "-900.00", ""),
        (Side.SELL, "1400", "1390", "2000.00", ""),  # sold at 1400 instead of holding at 1390
        (Side.SELL, "1400", "1410", "-2000.00", ""),
        (Side.BUY, "1389.99", "1410", None, "当天没到这个价"),  # the low was 1390
        (Side.BUY, "1390", "1410", "4000.00", ""),
        (Side.SELL, "1420.01", "1410", None, "当天没到这个价"),  # the high was 1420
    ],
)
def test_what_a_rejected_card_would_have_earned_at_its_limit(
    side: Side, limit: str, last: str, gain: str | None, why: str
) -> None:
    found = missed([ticket(side=side, limit=Decimal(limit))], {MOUTAI: seen(day_quote(last))}, CLOSED)
    assert [(one.gain, one.why) for one in found] == [(Decimal(gain) if gain is not None else None, why)]


def test_only_cards_that_were_rejected_or_ignored_are_held_against_the_close() -> None:
    states = [TicketState.REJECTED, TicketState.EXPIRED, TicketState.WITHDRAWN, TicketState.OPEN]
    cards = [ticket(f"10:0{place}", state) for place, state in enumerate(states)]
    found = missed(cards, {MOUTAI: seen(day_quote("1410"))}, CLOSED)
    assert [one.ticket.id for one in found] == ["T1000", "T1001", "T1003"]  # an open one has expired by the close
    assert missed([cards[3]], {}, at("2026-11-18 10:04")) == ()


def test_a_card_whose_like_was_approved_later_was_not_missed() -> None:
    cards = [ticket("10:00", TicketState.EXPIRED), ticket("10:10", TicketState.APPROVED)]
    assert missed(cards, {}, CLOSED) == ()
    other_side = [cards[0], ticket("10:10", TicketState.APPROVED, side=Side.SELL)]
    assert len(missed(other_side, {}, CLOSED)) == 1
    earlier = [ticket("09:50", TicketState.APPROVED), cards[0]]
    assert len(missed(earlier, {}, CLOSED)) == 1


def test_a_card_without_a_price_is_unknown() -> None:
    assert [(one.gain, one.why) for one in missed([ticket()], {}, CLOSED)] == [(None, "没有行情")]


# -- what was earned


def bought(shares: int, price: str, when: str, symbol: Symbol = MOUTAI) -> Fill:
    return a_fill(Side.BUY, symbol, shares, price, "5", at(when), key=f"B{symbol[:6]}")


def sold(shares: int, price: str, when: str, symbol: Symbol = MOUTAI) -> Fill:
    return a_fill(Side.SELL, symbol, shares, price, "5", at(when), key=f"S{symbol[:6]}")


def book(
    held: int,
    fills: Sequence[Fill] = (),
    worths: Sequence[tuple[str, str | None]] = (),
    closes: Mapping[Symbol, Price] | None = None,
    cash: str = "1000",
) -> Book:
    """An account that holds so many Moutai at 11, of 10 yesterday, on Wednesday after the close."""
    having = account(*([position(MOUTAI, held, "10")] if held else []), cash=Decimal(cash), frozen=Decimal(0))
    priced = quote(MOUTAI, "11", "10", at=at("2026-11-18 15:00"))
    found = sheet(having, [priced], fills, now=CLOSED, day=WEDNESDAY)
    recorded = [
        Worth(
            account="paper",
            day=date.fromisoformat(day),
            mode=Mode.PAPER,
            total=None if total is None else Decimal(total),
            paid_in=Decimal(2000),
            realized=Decimal(0),
            as_of=at(f"{day} 15:00"),
        )
        for day, total in worths
    ]
    return Book(found, Curve(recorded), closes or {})


@pytest.mark.parametrize(
    ("held", "fills", "close", "expected"),
    [
        (100, [], "9", "200.00"),  # from 9 to 11
        (100, [bought(100, "10.50", "2026-11-17 10:00")], None, "45.00"),  # 100 × 0.5 less the fee
        (0, [sold(100, "12", "2026-11-16 10:00")], "9", "295.00"),  # 100 × 3 less the fee
        (100, [bought(100, "10", "2026-11-16 10:00"), sold(100, "12", "2026-11-17 10:00")], "9", "390.00"),
        (100, [bought(100, "1", "2026-11-13 10:00")], "9", "200.00"),  # last week's purchase is last week's matter
    ],
)
def test_what_a_share_brought_since_the_close_before_monday(
    held: int, fills: list[Fill], close: str | None, expected: str
) -> None:
    one = book(held, fills)
    [found] = earned_since(MONDAY, one.sheet, {} if close is None else {MOUTAI: Decimal(close)})
    assert found.gain == Decimal(expected)


def test_a_share_without_last_weeks_close_is_unknown_and_not_guessed() -> None:
    [found] = earned_since(MONDAY, book(100).sheet, {})
    assert (found.gain, found.why) == (None, "没有上周的收盘价")
    [odd] = earned_since(MONDAY, book(100, [bought(300, "10", "2026-11-17 10:00")]).sheet, {})
    assert (odd.gain, odd.why) == (None, "成交记录和持仓对不上")


def test_the_week_is_measured_from_the_last_record_before_it() -> None:
    worths = [("2026-11-12", "1500"), ("2026-11-13", "2000"), ("2026-11-16", "1900"), ("2026-11-18", "2100")]
    found = earned_in_week(book(100, worths=worths), MONDAY)
    assert found.gain == Decimal(100)  # 2100 - 2000
    assert found.percent == Decimal(5)
    assert found.since is None


def test_without_such_a_record_the_week_is_the_sum_of_its_shares() -> None:
    found = earned_in_week(book(100, worths=[("2026-11-17", "1")], closes={MOUTAI: Decimal(9)}), MONDAY)
    assert found.gain == Decimal("200.00")
    assert found.percent is not None
    assert round(found.percent, 4) == Decimal("10.5263")  # of 2100 - 200


def test_where_a_share_is_unknown_too_the_week_begins_with_its_first_record() -> None:
    found = earned_in_week(book(100, worths=[("2026-11-16", "1900"), ("2026-11-18", "2100")]), MONDAY)
    assert (found.gain, found.since) == (Decimal(200), MONDAY)
    nothing = earned_in_week(book(100), MONDAY)
    assert (nothing.gain, nothing.percent, nothing.since) == (None, None, None)


def test_records_that_end_before_today_are_not_the_week() -> None:
    worths = [("2026-11-13", "2000"), ("2026-11-16", "1900"), ("2026-11-17", None), ("2026-11-18", None)]
    by_shares = earned_in_week(book(100, worths=worths, closes={MOUTAI: Decimal(9)}), MONDAY)
    assert (by_shares.gain, by_shares.until) == (Decimal("200.00"), None)
    unknown = earned_in_week(book(100, worths=worths), MONDAY)
    assert (unknown.gain, unknown.since, unknown.until) == (Decimal(-100), None, MONDAY)


def test_the_day_is_what_its_shares_brought_the_largest_first() -> None:
    having = account(position(MOUTAI, 100, "10"), position(CMB, 100, "40"))
    quotes = [quote(MOUTAI, "11", "10", at=CLOSED), quote(CMB, "38", "40", at=CLOSED)]
    found = report(known(books=[Book(sheet(having, quotes, now=CLOSED), Curve([]))]))
    [row] = found.earnings
    assert [(one.symbol, one.gain) for one in row.rows] == [(CMB, Decimal("-200.00")), (MOUTAI, Decimal("100.00"))]
    assert row.gain == Decimal("-100.00")


def test_an_account_with_nothing_in_it_is_not_told() -> None:
    assert report(known(books=[Book(sheet(account(), now=CLOSED), Curve([]))])).earnings == ()


@pytest.mark.parametrize(
    ("held", "fills", "expected"),
    [
        (300, [bought(200, "10", "2026-11-17 10:00")], 200),
        (300, [bought(200, "10", "2026-11-17 10:00"), bought(100, "10", "2026-11-17 11:00")], 300),
        (100, [bought(200, "10", "2026-11-17 10:00")], 100),  # the rest is gone
        (300, [bought(200, "10", "2026-11-16 10:00")], 0),  # free since yesterday
        (300, [bought(200, "10", "2026-11-18 10:00")], 0),
    ],
)
def test_what_was_bought_on_the_last_day_may_be_sold(held: int, fills: list[Fill], expected: int) -> None:
    found = freed(book(held, fills).sheet, WEDNESDAY)
    assert sum(one.shares for one in found) == expected


def test_what_settles_on_the_same_day_was_free_before() -> None:
    bond = Symbol("511010.SH")
    having = account(position(bond, 100, "120"), position(MOUTAI, 100, "10"))
    fills = [bought(100, "120", "2026-11-17 10:00", bond), bought(100, "10", "2026-11-17 10:00")]
    assert [one.symbol for one in freed(sheet(having, [], fills), WEDNESDAY)] == [MOUTAI]


# -- the whole


def a_watch(number: int, expires: str | None) -> Watch:
    ends = None if expires is None else date.fromisoformat(expires)
    return watch(PriceBelow(value=Decimal(1)), id=f"w{number}", number=number, expires_on=ends)


@pytest.mark.parametrize(
    ("edition", "now", "expected"),
    [
        (Edition.MORNING, "2026-11-20 09:00", [1]),
        (Edition.CLOSE, "2026-11-20 15:10", [1, 2]),  # Friday, and the next trading day
        (Edition.WEEK, "2026-11-20 15:20", [1, 2, 3]),  # until Sunday after next week
    ],
)
def test_watches_that_end_soon_are_named(edition: Edition, now: str, expected: list[int]) -> None:
    ends = ["2026-11-20", "2026-11-23", "2026-11-29", "2026-11-30", None, "2026-11-19"]
    watches = [a_watch(number, day) for number, day in enumerate(ends, 1)]
    found = report(known(edition, at(now), watches=watches))
    assert [one.number for one in found.expiring] == expected


def test_the_morning_looks_ahead_and_tells_nothing_of_yesterday() -> None:
    found = report(known(Edition.MORNING, at("2026-11-18 09:00"), alerts=[alert("10:00")], books=[book(100)]))
    assert (found.fired, found.earnings) == ((), ())


def test_cards_are_counted_by_their_end_and_open_ones_wait() -> None:
    cards = [ticket("11:38", TicketState.OPEN), ticket("10:00", TicketState.OPEN), ticket("10:01"), ticket("10:02")]
    found = report(known(Edition.NOON, NOON, tickets=[*cards, ticket("2026-11-17 10:00")]))
    assert [one.id for one in found.open_tickets] == ["T1138"]
    assert found.decided == {TicketState.EXPIRED: 1, TicketState.REJECTED: 2}


def test_orders_of_other_days_count_only_while_they_are_open() -> None:
    orders = [
        order(OrderState.FILLED),
        order(OrderState.UNKNOWN, "2026-11-17 10:00"),
        order(OrderState.CANCELLED, "2026-11-17 11:00"),
    ]
    found = report(known(orders=orders))
    assert [one.state for one in found.orders] == [OrderState.FILLED]
    assert [one.state for one in found.open_orders] == [OrderState.UNKNOWN]


def test_gaps_are_told_after_the_close_and_not_at_noon() -> None:
    since = at("2026-11-18 10:00")
    blind = Entry("", since, Kind.BLIND, stamp=since + timedelta(minutes=7))
    brief = Entry(MOUTAI, since, Kind.DOUBT, stamp=since + timedelta(minutes=1), note="停牌")
    longer = Entry(CMB, since, Kind.DOUBT, stamp=since + timedelta(minutes=9), note="行情过旧")
    entries = [blind, brief, longer]
    found = report(known(entries=entries))
    assert found.blind == (blind,)
    assert [one.subject for one in found.doubts] == [CMB, MOUTAI]
    assert report(known(Edition.NOON, NOON, entries=entries)).blind == ()


def test_the_first_day_after_a_holiday_knows_it_and_the_last_one_before() -> None:
    after = report(known(Edition.MORNING, at("2026-10-08 09:00")))
    assert after.closed is not None
    assert (after.closed.days, after.closed.before) == (7, date(2026, 9, 30))
    before = report(known(Edition.CLOSE, at("2026-09-30 15:10")))
    assert before.closure is not None
    assert before.closure.opens == date(2026, 10, 8)
    assert report(known(Edition.MORNING, at("2026-11-23 09:00"))).closed is None  # a weekend is none
