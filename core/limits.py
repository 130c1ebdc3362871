"""Limits: what a person allows an assistant to buy, and what two people must approve.

No amount holds selling back, or a stop-loss could not be sold.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, NamedTuple, Self

from pydantic import Field, model_validator

from core.orders import Order
from core.types import FEN, Money, Noun, Side, Symbol, money_text, percent_text


class Limits(Noun):
    """Each is None where nothing is said.

    Attributes:
        order_amount: yuan of one order.
        day_amount: yuan of all orders of one market day, filled or still open.
        day_orders: how many orders of one market day.
        symbol_amount: yuan that one share may be worth after the order.
        symbol_weight: the same as percent of the total assets.
        second_above: yuan of an order, to buy or to sell, above which two people must approve it.
    """

    order_amount: Money | None = Field(default=None, gt=0, le=10**12)
    day_amount: Money | None = Field(default=None, gt=0, le=10**12)
    day_orders: int | None = Field(default=None, gt=0, le=10_000)
    symbol_amount: Money | None = Field(default=None, gt=0, le=10**12)
    symbol_weight: Decimal | None = Field(default=None, gt=0, le=100)
    second_above: Money | None = Field(default=None, gt=0, le=10**12)

    @model_validator(mode="after")
    def _order_within_day(self) -> Self:
        if self.order_amount is not None and self.day_amount is not None and self.order_amount > self.day_amount:
            raise ValueError("单笔上限不能高于单日上限，请先改单日上限。")
        return self

    def texts(self) -> tuple[str, ...]:
        """One short line for each that is set."""
        said = (
            None if self.order_amount is None else f"单笔：最多 {money_text(self.order_amount)} 元",
            None if self.day_amount is None else f"单日：合计最多 {money_text(self.day_amount)} 元",
            None if self.day_orders is None else f"次数：每天最多 {self.day_orders} 笔",
            None if self.symbol_amount is None else f"单只：市值最多 {money_text(self.symbol_amount)} 元",
            None if self.symbol_weight is None else f"仓位：单只最多占总资产 {percent_text(self.symbol_weight)}",
            None if self.second_above is None else f"双人：超过 {money_text(self.second_above)} 元的买卖要两个人确认",
        )
        return tuple(one for one in said if one is not None)

    def approvers(self, amount: Money) -> int:
        """How many people must approve an order of so many yuan.

        >>> Limits(second_above=Decimal(200_000)).approvers(Decimal("200000.01")), Limits().approvers(Decimal(10**9))
        (2, 1)
        """
        return 2 if self.second_above is not None and amount > self.second_above else 1


NO_LIMITS: Final = Limits()


class Used(NamedTuple):
    """What the orders to buy of a market day come to so far.

    Attributes:
        amount: yuan, without fees: what was traded, and what is still open at its limit.
        orders: how many, without those that came to nothing.
    """

    amount: Money
    orders: int


def used_by(orders: Iterable[Order]) -> Used:
    """Sells do not count."""
    amounts = [amount for one in orders if one.side is Side.BUY and (amount := tied_up(one))]
    return Used(sum(amounts, Decimal(0)), len(amounts))


def tied_up(order: Order) -> Money:
    """Yuan, without fees: what was traded, and what is still open at its limit."""
    return (order.filled_amount + order.open_shares * order.limit).quantize(FEN)


class Standing(NamedTuple):
    """How an account stands before an order to buy.

    Attributes:
        used: of this market day.
        symbol_amount: yuan that the share is worth already, with what is still open to buy.
        total: yuan of the whole account; None where not every price is known.
    """

    used: Used
    symbol_amount: Money
    total: Money | None


def room(limits: Limits, standing: Standing) -> Money | None:
    """Yuan that one more order to buy may come to, without fees; None where no limit stands against any.

    >>> before = Standing(Used(Decimal(30_000), 1), symbol_amount=Decimal(0), total=Decimal(100_000))
    >>> room(Limits(day_amount=Decimal(50_000), symbol_weight=Decimal(10)), before), room(NO_LIMITS, before)
    (Decimal('10000'), None)
    """
    found: list[Money] = []
    if limits.order_amount is not None:
        found.append(limits.order_amount)
    if limits.day_amount is not None:
        found.append(limits.day_amount - standing.used.amount)
    if limits.day_orders is not None and standing.used.orders >= limits.day_orders:
        found.append(Decimal(0))
    if limits.symbol_amount is not None:
        found.append(limits.symbol_amount - standing.symbol_amount)
    if limits.symbol_weight is not None:
        # Without the total nothing is bought, because nobody can say what part of it that would be.
        total = standing.total or Decimal(0)
        found.append(total * limits.symbol_weight / 100 - standing.symbol_amount)
    return max(min(found), Decimal(0)) if found else None


def symbol_open(orders: Iterable[Order], account: str, symbol: Symbol) -> Money:
    """Yuan that open orders of an account would still buy of a share, at their limits."""
    mine = (one for one in orders if one.account == account and one.symbol == symbol and one.side is Side.BUY)
    return sum((one.open_shares * one.limit for one in mine), Decimal(0))
