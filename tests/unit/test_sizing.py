"""What a plan comes to: its limit on the grid and within the day's limits, and its shares in whole lots."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from core.frames import Quote
from core.portfolio import Account, Position
from core.sizing import nothing_to_do, opposite_price, shares_of
from core.types import Mode, Side, Symbol
from core.watches import Plan

NOW = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
MOUTAI = Symbol("600519.SH")


def a_quote(**prices: str) -> Quote:
    words = {"last": "1400", "preclose": "1400"} | prices
    return Quote.model_validate({"symbol": MOUTAI, "source": "test", "quoted_at": NOW, "received_at": NOW} | words)


def an_account(cash: str = "1000000", *positions: Position) -> Account:
    return Account(id="a", name="甲", mode=Mode.PAPER, cash=Decimal(cash), positions=positions, as_of=NOW)


@pytest.mark.parametrize(
    ("side", "prices", "limit"),
    [
        (Side.BUY, {"ask": "1400.02", "bid": "1400.00"}, "1400.02"),
        (Side.SELL, {"ask": "1400.02", "bid": "1399.98"}, "1399.98"),
        (Side.BUY, {"last": "1399.50"}, "1399.50"),
        (Side.BUY, {"last": "1348.976"}, "1348.98"),
        (Side.SELL, {"last": "1348.976"}, "1348.97"),
        (Side.BUY, {"ask": "1600", "limit_up": "1540", "limit_down": "1260"}, "1540"),
        (Side.SELL, {"bid": "1200", "limit_up": "1540", "limit_down": "1260"}, "1260"),
    ],
)
def test_the_limit_is_the_other_sides_best_on_the_grid_and_within_the_day(
    side: Side, prices: dict[str, str], limit: str
) -> None:
    assert opposite_price(side, a_quote(**prices), "贵州茅台", NOW) == Decimal(limit)


@pytest.mark.parametrize(
    ("plan", "shares"),
    [
        (Plan(side=Side.BUY, shares=137), 137),
        (Plan(side=Side.BUY, amount=Decimal(300_000)), 200),
        (Plan(side=Side.BUY, amount=Decimal(100_000)), 0),
        (Plan(side=Side.BUY, fraction=Decimal("0.5")), 300),
        (Plan(side=Side.SELL, fraction=Decimal("0.5")), 100),
        (Plan(side=Side.SELL, fraction=Decimal(1)), 237),
    ],
)
def test_shares_are_as_named_or_whole_lots(plan: Plan, shares: int) -> None:
    account = an_account("1000000", Position(symbol=MOUTAI, shares=300, sellable=237, cost=Decimal(1300)))
    assert shares_of(plan, MOUTAI, Decimal(1400), account, NOW) == shares


def test_what_comes_to_nothing_says_why() -> None:
    held = an_account("0", Position(symbol=MOUTAI, shares=100, sellable=50, cost=Decimal(1300)))
    half = Plan(side=Side.SELL, fraction=Decimal("0.5"))
    assert "可卖 50 股" in nothing_to_do(half, "贵州茅台", Decimal(1400), held, MOUTAI).text
    assert "没有贵州茅台的持仓" in nothing_to_do(half, "贵州茅台", Decimal(1400), an_account(), MOUTAI).text
    few = Plan(side=Side.BUY, amount=Decimal(1000))
    assert (
        "买不到一手贵州茅台（最少 100 股，约 140,000.00 元）"
        in nothing_to_do(few, "贵州茅台", Decimal(1400), held, MOUTAI).text
    )
