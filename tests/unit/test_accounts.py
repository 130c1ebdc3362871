"""What an account is worth, was worth at the previous close, and had put into it; and the conditions on that."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from core.accounts import worth_at_close
from core.conditions import AccountDrawdown, AccountLoss, AccountProfit, Condition, PriceBelow, evaluate
from core.errors import Invalid
from core.market import Board, board_of
from core.orders import Fill
from core.portfolio import Account, Position, paid_in
from core.types import Mode, Side, account_symbol, is_account, parse_symbol
from core.view import View
from core.watches import Plan
from core.zones import Missing
from tests.fakes.parts import ACCOUNT, MOUTAI, PINGAN, at, quote, watch

WHOLE = account_symbol(ACCOUNT)
TODAY: Any = {"reference": "today"}
PCT: Any = {"unit": "pct"}


def account(cash: int, *positions: Position, **changes: Any) -> Account:
    known = {"id": ACCOUNT, "name": "模拟账户", "mode": Mode.PAPER, "as_of": at("10:00")}
    return Account.model_validate(known | {"cash": cash, "positions": positions} | changes)


def held(shares: int, cost: str, symbol: Any = MOUTAI) -> Position:
    return Position(symbol=symbol, shares=shares, sellable=shares, cost=Decimal(cost))


def fill(side: Side, shares: int, price: str, fee: str = "0", symbol: Any = MOUTAI) -> Fill:
    return Fill(
        id="f1",
        order_id="o1",
        account=ACCOUNT,
        symbol=symbol,
        side=side,
        shares=shares,
        price=Decimal(price),
        fee=Decimal(fee),
        at=at("10:00"),
    )


def test_what_was_paid_in_is_the_worth_without_all_profit() -> None:
    assert paid_in(account(1000, held(100, "12"), frozen=50, realized=250)) == 2000


def test_at_the_previous_close_nothing_of_today_had_been_bought() -> None:
    now = account(1000, held(100, "12.05"))
    assert worth_at_close(now, (), {MOUTAI: Decimal(11)}) == 2100
    bought = (fill(Side.BUY, 100, "12", "5"),)
    assert worth_at_close(now, bought, {MOUTAI: Decimal(11)}) == 2205, "cash alone"


def test_what_was_sold_today_was_still_there_at_the_previous_close() -> None:
    sold = (fill(Side.SELL, 100, "12", "6"),)
    assert worth_at_close(account(1194), sold, {MOUTAI: Decimal(11)}) == 1100


def test_without_a_previous_close_nothing_is_guessed() -> None:
    assert worth_at_close(account(1000, held(100, "12")), (), {PINGAN: Decimal(1)}) is None
    assert worth_at_close(account(1000), (fill(Side.SELL, 100, "12"),), {}) is None


@pytest.mark.parametrize(
    ("condition", "inside", "outside"),
    [
        (AccountLoss(value=Decimal(2), **PCT, **TODAY), "980000", "980000.01"),
        (AccountLoss(value=Decimal(20_000), **TODAY), "980000", "980000.01"),
        (AccountProfit(value=Decimal("0.5"), **PCT, **TODAY), "1005000", "1004999.99"),
        (AccountProfit(value=Decimal(50_000)), "950000", "949999.99"),
        (AccountProfit(value=Decimal(10), **PCT), "990000", "989999.99"),
        (AccountLoss(value=Decimal(5), **PCT), "855000", "855000.01"),
    ],
    ids=lambda one: one.text() if isinstance(one, AccountLoss | AccountProfit) else "",
)
def test_a_profit_is_measured_from_the_previous_close_or_from_what_was_paid_in(
    condition: Condition, inside: str, outside: str
) -> None:
    def holds(total: str) -> bool | None:
        return evaluate(condition, View(quote(WHOLE, total, preclose="1000000", open="900000"))).holds

    assert holds(inside) is True
    assert holds(outside) is False


def test_a_fall_is_measured_from_the_most_that_it_was_worth() -> None:
    falls = AccountDrawdown(value=Decimal(5))
    assert evaluate(falls, View(quote(WHOLE, "1000000"), peak=1_050_000_000)).holds is False
    assert evaluate(falls, View(quote(WHOLE, "997500"), peak=1_050_000_000)).holds is True
    assert evaluate(falls, View(quote(WHOLE, "997500"))).holds is False, "it begins at the top"


@pytest.mark.parametrize("reference", ["today", "total"])
def test_without_what_it_is_measured_from_nothing_holds(reference: Any) -> None:
    verdict = evaluate(AccountProfit(value=Decimal(1), reference=reference), View(quote(WHOLE, "1000")))
    assert verdict.holds is None
    assert verdict.why.startswith("还不知道账户")
    assert isinstance(AccountDrawdown(value=Decimal(5)).zone(View(quote(WHOLE, None))), Missing)


def test_its_numbers_are_those_of_an_account() -> None:
    loss = AccountLoss(value=Decimal(2), **PCT, **TODAY)
    verdict = evaluate(loss, View(quote(WHOLE, "1000000", preclose="1000000")))
    assert verdict.why == "总资产 1,000,000.00 元，触发区 ≤ 980,000.00 元"
    assert (loss.daily, AccountLoss(value=Decimal(2)).daily) == (True, False)


@pytest.mark.parametrize("made", [(AccountLoss, 100), (AccountProfit, 1001)])
def test_a_percent_that_cannot_be_is_refused(made: Any) -> None:
    kind, value = made
    with pytest.raises(ValidationError, match="账户"):
        kind(value=Decimal(value), unit="pct")


@pytest.mark.parametrize(
    "wrong",
    [
        {"symbols": (MOUTAI,)},
        {"symbols": (account_symbol("another"),)},
        {"symbols": (WHOLE, MOUTAI)},
        {"symbols": (WHOLE,), "scope": "holdings"},
        {"symbols": (WHOLE,), "only_held": True},
        {"symbols": (WHOLE,), "plan": Plan(side=Side.SELL, shares=100)},
        {"symbols": (WHOLE,), "conditions": (AccountDrawdown(value=Decimal(5)), PriceBelow(value=Decimal(9)))},
        {"symbols": (WHOLE,), "conditions": (PriceBelow(value=Decimal(9)),)},
    ],
)
def test_an_account_is_watched_alone_and_trades_nothing(wrong: Any) -> None:
    good = watch(AccountDrawdown(value=Decimal(5)), symbols=(WHOLE,))
    assert good.of_account
    with pytest.raises(ValidationError, match="账户的条件"):
        watch(*wrong.pop("conditions", good.conditions), **wrong)


def test_an_account_is_no_security() -> None:
    assert is_account(WHOLE)
    assert not is_account(MOUTAI)
    assert board_of(WHOLE) is Board.OTHER
    with pytest.raises(Invalid, match="是账户，不是股票代码"):
        parse_symbol(WHOLE)
