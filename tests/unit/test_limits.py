"""What a person allows to be bought: each limit at its edge, and what counts against it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from core.limits import NO_LIMITS, Limits, Standing, Used, symbol_open, used_by
from core.orders import Order, OrderState
from core.risk import Draft, over_limits
from core.types import Mode, Side, Symbol

MOUTAI = Symbol("600519.SH")
NOW = datetime(2026, 11, 18, 2, tzinfo=UTC)
NOTHING = Standing(Used(Decimal(0), 0), Decimal(0), Decimal(1_000_000))
HUNDRED = Draft(MOUTAI, "贵州茅台", Side.BUY, 100, Decimal(1400))
"""140,000 yuan."""


def rules(limits: Limits, draft: Draft = HUNDRED, standing: Standing = NOTHING) -> list[str]:
    return [breach.rule for breach in over_limits(draft, limits, standing)]


def used(amount: int = 0, orders: int = 0, *, held: int = 0, total: int | None = 1_000_000) -> Standing:
    return Standing(Used(Decimal(amount), orders), Decimal(held), None if total is None else Decimal(total))


def order(state: OrderState, *, filled: int = 0, side: Side = Side.BUY, account: str = "paper") -> Order:
    return Order(
        id=f"dp{state}{filled}{side}",
        ticket_id="T",
        account=account,
        mode=Mode.PAPER,
        symbol=MOUTAI,
        side=side,
        shares=200,
        limit=Decimal(1400),
        state=state,
        filled=filled,
        filled_amount=Decimal(1390) * filled,
        created_at=NOW,
        updated_at=NOW,
    )


@pytest.mark.parametrize(
    ("limits", "standing", "rule"),
    [
        (Limits(order_amount=Decimal(139_999)), used(), "order_amount"),
        (Limits(order_amount=Decimal(140_000)), used(), None),
        (Limits(day_amount=Decimal(200_000)), used(60_001), "day_amount"),
        (Limits(day_amount=Decimal(200_000)), used(60_000), None),
        (Limits(day_orders=2), used(orders=2), "day_orders"),
        (Limits(day_orders=2), used(orders=1), None),
        (Limits(symbol_amount=Decimal(300_000)), used(held=160_001), "symbol_amount"),
        (Limits(symbol_amount=Decimal(300_000)), used(held=160_000), None),
        (Limits(symbol_weight=Decimal(30)), used(held=160_001), "symbol_weight"),
        (Limits(symbol_weight=Decimal(30)), used(held=160_000), None),
        (Limits(symbol_weight=Decimal(100)), used(total=None), "symbol_weight"),
        (NO_LIMITS, used(10**9, 1000, held=10**9), None),
    ],
)
def test_each_limit_holds_at_its_edge(limits: Limits, standing: Standing, rule: str | None) -> None:
    assert rules(limits, standing=standing) == ([] if rule is None else [rule])
    assert rules(limits, HUNDRED._replace(side=Side.SELL), standing) == []


def test_a_refusal_names_the_limit_and_the_number() -> None:
    [breach] = over_limits(HUNDRED, Limits(day_amount=Decimal(150_000)), used(20_000))
    assert breach.text.startswith("超过你设的单日上限 150,000.00 元：今天已用 20,000.00 元，加上这笔是 160,000.00 元。")


def test_what_was_traded_and_what_is_open_counts_and_what_came_to_nothing_does_not() -> None:
    orders = [
        order(OrderState.FILLED, filled=200),
        order(OrderState.PARTIAL, filled=100),
        order(OrderState.CANCELLED, filled=100),
        order(OrderState.REJECTED),
        order(OrderState.CANCELLED),
        order(OrderState.UNKNOWN),
        order(OrderState.FILLED, filled=200, side=Side.SELL),
    ]
    assert used_by(orders) == Used(Decimal(1390 * 400 + 1400 * 300), 4)
    assert symbol_open(orders, "paper", MOUTAI) == 1400 * 300
    assert symbol_open(orders, "other", MOUTAI) == 0


@pytest.mark.parametrize(
    "said",
    [
        {"order_amount": 0},
        {"day_orders": -1},
        {"symbol_weight": 101},
        {"order_amount": 2, "day_amount": 1},
        {"day_orders": Decimal("1.5")},
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Limits.model_validate(said)
