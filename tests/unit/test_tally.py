"""Many outcomes in a few figures: what counts once, from when on there is a rate, and what it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from core.analysis import Action, Analysis, Occasion, Outcome, Standing
from core.calendar import trading_days
from core.orders import Order, OrderState
from core.score import ENGINE, standing
from core.tally import LEAST, Fate, Rate, Tally, tally, wilson
from core.tickets import Ticket, TicketState
from core.types import Mode, Side, Symbol
from tests.fakes.advice import MAOTAI, analysis
from tests.fakes.market import market_instant

START = market_instant("2026-01-05 10:00")
DAYS = trading_days(date(2020, 1, 2), date(2025, 12, 31))


def moved(one: Analysis, percent: str, *, horizon: int = 1, engine: int = ENGINE, **changes: Any) -> Outcome:
    assert one.decision is not None
    move = Decimal(percent)
    found = standing(one.decision.action, move, horizon)
    given = {"analysis_id": one.id, "horizon": horizon, "engine": engine, "standing": found, "percent": move}
    return Outcome.model_validate(given | changes)


def unable(one: Analysis, horizon: int = 1) -> Outcome:
    return Outcome(analysis_id=one.id, horizon=horizon, engine=ENGINE, standing=Standing.UNABLE, why="停牌")


def told(*moves: str, **changes: Any) -> tuple[list[Analysis], list[Outcome]]:
    """One advice a day, each with the move after it."""
    made = []
    for _ in moves:
        number = next(_numbers)
        made.append(analysis(f"{DAYS[number]} 10:00", f"A{number}", **changes))
    return made, [moved(one, move) for one, move in zip(made, moves, strict=True)]


_numbers = count()


def score_of(
    *parts: tuple[list[Analysis], list[Outcome]], tickets: Sequence[Ticket] = (), orders: Sequence[Order] = ()
) -> Tally:
    analyses = [one for part, _ in parts for one in part]
    outcomes = [one for _, part in parts for one in part]
    return tally(analyses, outcomes, {one.id: one for one in tickets}, {one.ticket_id: one for one in orders})


# -- a rate


def test_what_moved_too_little_is_neither_hit_nor_miss() -> None:
    rate = score_of(told("2", "2", "-2", "0.5")).whole.trades
    assert (rate.hits, rate.misses, rate.neutral, rate.decided) == (2, 1, 1, 3)


def test_there_is_no_rate_of_few() -> None:
    few = Rate(LEAST - 1, 0, 100, Decimal(20))
    assert (few.percent, few.chance, few.interval) == (None, None, None)
    enough = Rate(20, 10, 0, Decimal(15))
    assert (enough.percent, enough.chance, enough.interval) == (Decimal("66.7"), Decimal("50.0"), wilson(20, 30))


@pytest.mark.parametrize(
    ("hits", "decided", "interval"),
    # Source: Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81/263, 15/148, 0/20, 1/29
    [(81, 263, ("25.5", "36.6")), (15, 148, ("6.2", "16.0")), (0, 20, ("0.0", "16.1")), (1, 29, ("0.6", "17.2"))],
)
def test_the_interval_is_wilsons(hits: int, decided: int, interval: tuple[str, str]) -> None:
    assert wilson(hits, decided) == tuple(map(Decimal, interval))


def test_to_hold_and_to_wait_are_counted_apart() -> None:
    whole = score_of(told("2", action=Action.BUY), told("0", "0", action=Action.HOLD)).whole
    assert (whole.trades.hits, whole.trades.decided) == (1, 1)
    assert (whole.stays.hits, whole.stays.decided) == (2, 2)


def test_chance_is_the_same_advice_on_all_the_days() -> None:
    # Five days: 3 rose, 1 fell, 1 did neither. To buy on all of them hits 3 of 4, to sell 1 of 4.
    rate = score_of(told("2", "2", "2"), told("-2", "0", action=Action.SELL)).whole.trades
    assert (rate.hits, rate.decided) == (4, 4)
    assert rate.expected == 3 * Decimal("0.75") + Decimal("0.25")


# -- what counts


def test_the_same_advice_counts_once_a_day() -> None:
    first = analysis(id_="A1", at=START, confidence=60)
    again = analysis(id_="A2", at=START + timedelta(hours=1), confidence=90, occasion=Occasion.ALERT)
    other = analysis(id_="A3", at=START + timedelta(hours=1), action=Action.SELL)
    longer = analysis(id_="A5", at=START + timedelta(hours=1), horizon=10)
    later = analysis(id_="A4", at=START + timedelta(hours=6))  # anchored at the next open
    made = [later, other, again, first, longer]
    found = tally(made, [moved(one, "2") for one in made], {})
    assert (found.made, found.advices, found.pending) == (5, 4, 1)
    assert found.whole.trades == Rate(2, 1, 0, Decimal(2))
    assert [group.name for group in found.occasions] == ["asked"]  # the first of them counts


def test_different_models_are_asked_apart() -> None:
    made = [analysis(id_="A1", model="a"), analysis(id_="A2", model="b"), analysis(id_="A3", prompt="v2", model="b")]
    found = tally(made, [moved(one, "2") for one in made], {})
    assert [(group.name, group.trades.hits) for group in found.models] == [("b", 2), ("a", 1)]
    assert [(group.name, group.trades.hits) for group in found.prompts] == [("v1", 2), ("v2", 1)]


def test_without_an_advice_nothing_is_counted_but_its_cost() -> None:
    failed = analysis(id_="A1", decision=None, problem="没有通过核对", tokens=10, yuan=Decimal("0.01"))
    fine = analysis(id_="A2", tokens=20, yuan=Decimal("0.02"))
    found = tally([failed, fine], [], {})
    assert (found.made, found.dropped, found.advices, found.pending) == (2, 1, 1, 1)
    assert (found.tokens, found.yuan) == (30, Decimal("0.03"))
    assert found.whole.percent is None
    assert found.followed is None


def test_an_advice_is_judged_after_the_days_that_it_spoke_of() -> None:
    one = analysis(id_="A1", horizon=5)
    outcomes = [moved(one, "2"), moved(one, "-4", horizon=5), moved(one, "9", horizon=3)]
    found = tally([one], outcomes, {})
    assert (found.whole.trades.misses, found.whole.percent) == (1, Decimal("-4.00"))
    assert [(group.name, group.percent) for group in found.horizons] == [
        ("1", Decimal("2.00")),
        ("3", Decimal("9.00")),
        ("5", Decimal("-4.00")),
        ("10", None),
    ]
    assert tally([one], outcomes[:1], {}).pending == 1


def test_the_newest_rules_count() -> None:
    one = analysis(id_="A1")
    newer = moved(one, "-2", engine=ENGINE + 1)
    assert tally([one], [newer, moved(one, "2")], {}).whole.trades.misses == 1


def test_what_cannot_be_scored_is_counted_as_that() -> None:
    one, two = analysis(id_="A1", model="a"), analysis(id_="A2", model="b")
    found = tally([one, two], [unable(one), unable(one, 3), moved(two, "2")], {})
    assert (found.whole.unable, found.whole.scored, found.pending) == (1, 1, 0)
    assert [(group.name, group.unable, group.scored) for group in found.models] == [("a", 1, 0), ("b", 0, 1)]
    assert [group.unable for group in found.horizons] == [1, 1, 0, 0]


def test_averages_are_those_of_what_was_scored() -> None:
    one, two = analysis(id_="A1", model="a"), analysis(id_="A2", model="b")
    whole = tally([one, two], [moved(one, "2", excess=Decimal("0.5")), moved(two, "-1")], {}).whole
    assert (whole.percent, whole.excess) == (Decimal("0.50"), Decimal("0.50"))


def test_groups_are_by_share_action_and_occasion_the_largest_first() -> None:
    found = score_of(
        told("2", symbol=Symbol("000001.SZ"), occasion=Occasion.REPORT),
        told("2", "-2", action=Action.SELL),
    )
    assert [(one.name, one.scored) for one in found.shares] == [(MAOTAI, 2), ("000001.SZ", 1)]
    assert [(one.name, one.percent) for one in found.actions] == [("sell", Decimal(0)), ("buy", Decimal(2))]
    assert [one.name for one in found.occasions] == ["asked", "report"]


# -- what it would have brought


def test_to_do_as_advised_is_held_against_holding_always() -> None:
    found = score_of(
        told("4", action=Action.BUY),
        told("2", action=Action.HOLD),
        told("-3", action=Action.SELL),
        told("5", action=Action.WAIT),
    )
    assert found.followed is not None
    assert found.followed == (Decimal("1.50"), Decimal("2.00"), 4)


# -- calibration


def test_confidence_is_held_against_what_came_of_it() -> None:
    found = score_of(told("2", "-2", confidence=62), told("2", confidence=68), told("2", "0", confidence=95))
    assert [(one.low, one.high, one.said, one.rate.hits, one.rate.decided) for one in found.calibration] == [
        (60, 69, Decimal("64.0"), 2, 3),
        (90, 100, Decimal("95.0"), 1, 1),
    ]


def test_what_is_held_or_waited_for_calibrates_nothing() -> None:
    assert not score_of(told("0", "0", action=Action.HOLD)).calibration


def test_the_brier_score_needs_as_many_as_a_rate() -> None:
    assert score_of(told(*["2"] * (LEAST - 1), confidence=80)).brier is None
    hits = told(*["2"] * 20, confidence=80)
    misses = told(*["-2"] * 10, confidence=60)
    # (20 * 0.2² + 10 * 0.6²) / 30
    assert score_of(hits, misses).brier == Decimal("0.147")


# -- what the person did


def ticket(id_: str, state: TicketState, side: Side = Side.BUY) -> Ticket:
    return Ticket(
        id=id_,
        owner="script:local",
        chat=analysis().chat,
        account="paper",
        mode=Mode.PAPER,
        symbol=MAOTAI,
        name="贵州茅台",
        side=side,
        shares=100,
        limit=Decimal(50),
        price=Decimal(50),
        quoted_at=START,
        source="测试",
        created_at=START,
        expires_at=START + timedelta(minutes=5),
        state=state,
    )


def order(ticket_id: str, state: OrderState = OrderState.FILLED, filled: int = 100, price: str = "50") -> Order:
    """What became of an approved card of 100 shares at 50."""
    return Order(
        id=f"O{ticket_id}",
        ticket_id=ticket_id,
        account="paper",
        mode=Mode.PAPER,
        symbol=MAOTAI,
        side=Side.BUY,
        shares=100,
        limit=Decimal(50),
        state=state,
        filled=filled,
        filled_amount=filled * Decimal(price),
        created_at=START,
        updated_at=START,
    )


def test_an_approved_card_counts_by_what_was_filled() -> None:
    """In full at a better price, in part, refused, expired, still at work, and never sent."""
    orders = [
        order("T0", price="49"),
        order("T1", OrderState.CANCELLED, 40),
        order("T2", OrderState.REJECTED, 0),
        order("T3", OrderState.EXPIRED, 0),
        order("T4", OrderState.UNKNOWN, 0),
    ]
    parts = [told(move, ticket_id=f"T{place}") for place, move in enumerate(["4", "-2", "9", "9", "9", "9"])]
    cards = [ticket(f"T{place}", TicketState.APPROVED) for place in range(6)]
    [found] = score_of(*parts, tickets=cards, orders=orders).fates
    assert (found.cards, found.scored, found.unfilled) == (6, 2, 3)
    assert found.percent == Decimal("1.00")
    assert found.earned == Decimal("156.00")  # 4 % of 4900, less 2 % of 2000
    assert (found.rate.hits, found.rate.misses) == (1, 1)


def test_approved_rejected_and_ignored_cards_are_compared() -> None:
    approved, approvals = told("4", ticket_id="T1")
    policy, by_policy = told("-2", ticket_id="T2", by_policy=True)
    rejected, rejections = told("3", ticket_id="T3", action=Action.SELL)
    ignored = [analysis(id_="I1", at=START, ticket_id="T4"), analysis(id_="I2", at=START, ticket_id="T5")]
    tickets = [
        ticket("T1", TicketState.APPROVED),
        ticket("T2", TicketState.APPROVED),
        ticket("T3", TicketState.REJECTED, Side.SELL),
        ticket("T4", TicketState.EXPIRED),
        ticket("T5", TicketState.EXPIRED),
        ticket("T6", TicketState.OPEN),
        ticket("T7", TicketState.WITHDRAWN),
    ]
    left = [analysis(id_="O1", ticket_id="T6"), analysis(id_="O2", ticket_id="T7")]
    found = score_of(
        (approved, approvals),
        (policy, by_policy),
        (rejected, rejections),
        (ignored, [moved(one, "1") for one in ignored]),
        (left, [moved(one, "9") for one in left]),
        tickets=tickets,
        orders=[order("T1"), order("T2")],
    )
    assert [(one.fate, one.cards, one.scored, one.percent, one.earned) for one in found.fates] == [
        (Fate.TAPPED, 1, 1, Decimal("4.00"), Decimal("200.00")),
        (Fate.POLICY, 1, 1, Decimal("-2.00"), Decimal("-100.00")),
        (Fate.REJECTED, 1, 1, Decimal("-3.00"), Decimal("-150.00")),
        # two cards of one advice are two cards
        (Fate.IGNORED, 2, 2, Decimal("1.00"), Decimal("100.00")),
    ]
    assert [(one.rate.hits, one.rate.misses, one.rate.neutral) for one in found.fates] == [
        (1, 0, 0),
        (0, 1, 0),
        (0, 1, 0),
        (0, 0, 2),
    ]


def test_a_card_that_may_not_be_looked_at_says_nothing() -> None:
    assert tally([analysis(ticket_id="T1", by_policy=True)], [], {}).fates == []


def test_cards_whose_days_are_not_over_are_counted_only() -> None:
    one = analysis(id_="A1", ticket_id="T1")
    [fated] = score_of(([one], []), tickets=[ticket("T1", TicketState.APPROVED)], orders=[order("T1")]).fates
    assert (fated.cards, fated.scored, fated.percent, fated.earned) == (1, 0, None, Decimal("0.00"))
    assert fated.unfilled == 0


# -- order


def test_the_order_in_which_things_are_given_changes_nothing() -> None:
    made, outcomes = told("2", "-2", "0", "3", "1.2", confidence=70)
    more, others = told("-3", "1", action=Action.SELL)
    forth = score_of((made, outcomes), (more, others))
    back = tally([*more[::-1], *made[::-1]], [*others, *outcomes][::-1], {})
    assert forth == back
