"""What an account is worth, by numbers computed by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from core.portfolio import Account, Position, value
from core.types import Mode, Symbol

AT = datetime(2026, 11, 18, 2, 0, tzinfo=UTC)
MOUTAI, BANK, FUND = Symbol("600519.SH"), Symbol("600036.SH"), Symbol("510300.SH")
D = Decimal


def a_position(symbol: Symbol, shares: int, cost: str, *, sellable: int | None = None) -> Position:
    return Position(symbol=symbol, shares=shares, sellable=shares if sellable is None else sellable, cost=D(cost))


def an_account(*positions: Position) -> Account:
    return Account(
        id="paper",
        name="模拟账户",
        mode=Mode.PAPER,
        cash=D("10000.00"),
        frozen=D("2000.50"),
        positions=positions,
        as_of=AT,
    )


def test_profit_is_price_less_cost_times_shares() -> None:
    account = an_account(a_position(MOUTAI, 100, "1400.3640"), a_position(BANK, 1000, "41.2"))
    found = value(account, {MOUTAI: D("1419.09"), BANK: D("40.00")})
    first, second = found.positions
    assert (first.value, first.profit) == (D("141909.00"), D("1872.60"))
    assert first.percent is not None
    assert first.percent.quantize(D("0.0001")) == D("1.3372")
    assert (second.value, second.profit) == (D("40000.00"), D("-1200.00"))
    assert second.percent is not None
    assert second.percent.quantize(D("0.0001")) == D("-2.9126")
    assert found.value == D("181909.00")
    assert found.profit == D("672.60")
    assert found.total == D("193909.50")
    assert found.unpriced == ()


def test_a_position_without_a_price_is_left_out_and_named() -> None:
    found = value(an_account(a_position(MOUTAI, 100, "1400"), a_position(BANK, 1000, "41")), {BANK: D("42")})
    assert found.positions[0].profit is None
    assert found.positions[0].value is None
    assert found.unpriced == (MOUTAI,)
    assert (found.value, found.profit, found.total) == (D("42000.00"), D("1000.00"), D("54000.50"))


def test_what_is_not_held_any_more_needs_no_price() -> None:
    assert value(an_account(a_position(MOUTAI, 0, "0")), {}).unpriced == ()


def test_a_cost_of_nothing_has_a_profit_and_no_percent() -> None:
    (free,) = value(an_account(a_position(MOUTAI, 100, "0")), {MOUTAI: D("10")}).positions
    assert (free.profit, free.percent) == (D("1000.00"), None)


def test_a_cost_below_nothing_has_no_percent_either() -> None:
    (earned,) = value(an_account(a_position(MOUTAI, 100, "-2.5")), {MOUTAI: D("10")}).positions
    assert (earned.profit, earned.percent) == (D("1250.00"), None)


def test_thousandths_are_rounded_to_the_fen_once() -> None:
    (row,) = value(an_account(a_position(FUND, 300, "4.7514")), {FUND: D("4.751")}).positions
    assert (row.value, row.profit) == (D("1425.30"), D("-0.12"))


def test_an_empty_account_is_worth_its_cash() -> None:
    found = value(an_account(), {})
    assert (found.value, found.profit, found.total) == (D(0), D(0), D("12000.50"))


def test_an_account_knows_what_may_be_sold() -> None:
    account = an_account(a_position(MOUTAI, 300, "1400", sellable=100))
    assert account.sellable(MOUTAI) == 100
    assert account.sellable(BANK) == 0
    assert account.position(BANK) is None
