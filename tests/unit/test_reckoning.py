"""What a day, a sale and a holding brought, by the account, its trades and the quotes alone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from core.orders import Fill
from core.reckoning import Earned, earned_on, held_since, sales, seen, withdrawable
from core.types import Side, Symbol
from tests.unit.test_render_answers import account, fill, position, quote

MOUTAI = Symbol("600519.SH")
DAY = date(2026, 11, 18)
NOW = datetime(2026, 11, 18, 2, 31, tzinfo=UTC)


def at(day: int, hour: int = 2) -> datetime:
    return datetime(2026, 11, day, hour, 0, tzinfo=UTC)


def bought(shares: int, price: str, day: int, fee: str = "5", hour: int = 2) -> Fill:
    return fill(Side.BUY, MOUTAI, shares, price, fee, at(day, hour), key="B")


def sold(shares: int, price: str, day: int, fee: str = "5", hour: int = 3) -> Fill:
    return fill(Side.SELL, MOUTAI, shares, price, fee, at(day, hour), key="S")


def gain(shares: int, fills: list[Fill], *, last: str | None = "11", preclose: str | None = "10") -> Earned:
    held = account(position(MOUTAI, shares, "10")) if shares else account()
    [found] = earned_on(DAY, held, fills, {MOUTAI: seen(quote(MOUTAI, last, preclose, at=NOW))})
    return found


@pytest.mark.parametrize(
    ("shares", "fills", "expected"),
    [
        (100, [], "100.00"),  # from 10 to 11
        (300, [bought(200, "10.50", 18)], "195.00"),  # 100 of yesterday, and 200 × 0.5 less the fee
        (200, [bought(200, "10.50", 17)], "200.00"),  # yesterday's purchase is yesterday's matter
        (0, [sold(100, "10.80", 18)], "75.00"),
        (0, [bought(100, "10", 18), sold(100, "10.80", 18)], "70.00"),  # bought and sold on one day
        (100, [bought(100, "12", 18)], "-105.00"),
    ],
)
def test_a_day_brings_what_prices_and_trades_of_the_day_brought(shares: int, fills: list[Fill], expected: str) -> None:
    assert gain(shares, fills).gain == Decimal(expected)


def test_a_share_bought_today_needs_no_previous_close() -> None:
    assert gain(100, [bought(100, "10.50", 18)], preclose=None).gain == Decimal("45.00")


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (gain(100, [], preclose=None), "没有昨收价"),
        (gain(100, [bought(300, "10", 18)]), "成交记录和持仓对不上"),
        (earned_on(DAY, account(position(MOUTAI, 100, "10")), [], {})[0], "没有行情"),
        (
            earned_on(DAY, account(position(MOUTAI, 1, "1")), [], {MOUTAI: seen(quote(MOUTAI, "1", "1", at=at(17)))})[
                0
            ],
            "行情停在 11-17",
        ),
        (
            earned_on(
                DAY,
                account(position(MOUTAI, 1, "1")),
                [],
                {MOUTAI: seen(quote(MOUTAI, "9", "1", at=NOW), trusted=False)},
            )[0],
            "价格超出涨跌停，疑为坏数据",
        ),
    ],
)
def test_what_is_missing_is_said_and_not_guessed(found: Earned, why: str) -> None:
    assert found.gain is None
    assert found.why == why


def test_a_share_that_has_not_traded_today_is_worth_its_previous_close() -> None:
    assert gain(100, [], last=None).gain == 0


def test_a_sale_is_measured_at_the_average_of_what_was_bought_before() -> None:
    fills = [bought(100, "10", 16), bought(100, "12", 17), sold(100, "13", 17), sold(50, "9", 18)]
    found = sales(account(position(MOUTAI, 50, "11.05")), fills)
    # (1000 + 5 + 1200 + 5) / 200 = 11.05 a share
    assert [sale.gain for sale in found] == [Decimal("190.00"), Decimal("-107.50")]
    assert all(sale.exact for sale in found)


def test_all_that_was_sold_earned_all_that_it_brought_above_its_cost() -> None:
    fills = [bought(300, "10", 16), sold(100, "11", 17), sold(200, "11", 18)]
    assert sum((sale.gain or 0 for sale in sales(account(), fills)), Decimal(0)) == 300 - 5 - 10


def test_the_cost_of_what_was_there_before_is_worked_back_from_what_is_left() -> None:
    [sale] = sales(account(position(MOUTAI, 100, "8")), [sold(100, "10", 17)])
    assert sale.gain == Decimal("195.00")
    assert not sale.exact


def test_a_sale_of_shares_that_nobody_saw_being_bought_is_unknown() -> None:
    assert [sale.gain for sale in sales(account(), [sold(100, "10", 17)])] == [None]
    # Sold out and bought again: what is held now says nothing of what was sold then.
    fills = [sold(100, "10", 16), bought(100, "9", 17)]
    assert [sale.gain for sale in sales(account(position(MOUTAI, 100, "9.05")), fills)] == [None]
    # Fewer are held than the trades leave: something happened elsewhere.
    assert [sale.gain for sale in sales(account(), [bought(200, "9", 16), sold(100, "10", 17)])] == [None]


def test_holding_begins_with_the_first_purchase_after_nothing_was_held() -> None:
    fills = [bought(100, "10", 12), sold(100, "11", 13), bought(100, "10", 16), bought(100, "10", 17)]
    assert held_since(MOUTAI, account(position(MOUTAI, 200, "10")), fills) == date(2026, 11, 16)
    assert held_since(MOUTAI, account(position(MOUTAI, 300, "10")), fills) is None, "100 were there before"
    assert held_since(MOUTAI, account(position(MOUTAI, 100, "10")), []) is None


def test_what_todays_sales_brought_can_be_taken_out_tomorrow() -> None:
    fills = [sold(100, "10", 17), sold(100, "10", 18)]
    assert withdrawable(Decimal(5000), fills, DAY) == 5000 - 995
    assert withdrawable(Decimal(500), fills, DAY) == 0
