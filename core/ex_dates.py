"""Ex-dates (除权除息): what becomes of the prices that a watch was given when the price of its share is set anew."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from core.conditions import CONDITION, Condition
from core.market import board_of, round_to_tick, tick
from core.types import FEN, Money, Noun, Price, Shares, Symbol, money_text, price_text
from core.watches import Watch

LEAST: Final = Decimal("0.0005")
"""Part of the close by which the new price must differ: less is rounding, at a fund's three decimals too."""
SPLIT: Final = Decimal("0.15")
HALF_A_CENT: Final = Decimal("0.005")
_PRICES: Final = {
    "price_above": ("value",),
    "price_below": ("value",),
    "enter_range": ("low", "high"),
    "take_profit": ("value",),
    "stop_loss": ("value",),
    "pct_up": ("base",),
    "pct_down": ("base",),
}
"""The fields that are prices in yuan."""


class ExDate(Noun):
    """One share on one day.

    Attributes:
        day: market date from which on prices are the new ones.
        close: of the day before, as traded.
        preclose: the same as the exchange gives it out on the day.
    """

    symbol: Symbol
    day: date
    close: Price
    preclose: Price

    @property
    def matters(self) -> bool:
        """Whether it is more than rounding.

        >>> day = ExDate(
        ...     symbol=Symbol("600519.SH"), day=date(2026, 6, 26), close=Decimal(1430), preclose=Decimal("1402.05")
        ... )
        >>> day.matters, day.model_copy(update={"preclose": Decimal("1429.90")}).matters
        (True, False)
        """
        apart = abs(self.preclose - self.close)
        return apart >= tick(board_of(self.symbol)) and apart >= self.close * LEAST

    def adjusted(self, price: Price) -> Price:
        """A price of before the day as it is from then on, on the tick.

        >>> day = ExDate(
        ...     symbol=Symbol("600519.SH"), day=date(2026, 6, 26), close=Decimal(1430), preclose=Decimal("1402.05")
        ... )
        >>> day.adjusted(Decimal(1400)), day.adjusted(Decimal("0.01"))
        (Decimal('1372.64'), Decimal('0.01'))
        """
        board = board_of(self.symbol)
        return max(round_to_tick(board, price * self.preclose / self.close), tick(board))


class Entitlement(NamedTuple):
    """What shares bring their holder on an ex-date.

    Attributes:
        shares: bonus shares.
        cash: yuan.
        cost: average cost per share before and after.
    """

    held: Shares
    shares: Shares
    cash: Money
    cost: tuple[Price, Price]

    def texts(self) -> tuple[str, ...]:
        was, now = self.cost
        said = (
            f"送转 {self.shares} 股，现有 {self.held + self.shares} 股" if self.shares else "",
            f"现金 {money_text(self.cash)} 元" if self.cash else "",
            f"成本 {price_text(was)} → {price_text(now)}",
        )
        return tuple(filter(None, said))


def entitlement(ex: ExDate, held: Shares) -> tuple[Shares, Money]:
    """Bonus shares and yuan, worth together what the price comes down by.

    The exchange gives out one price, not what it is made of. More than SPLIT of a price has never been paid in cash, so
    that is taken for bonus shares, and what is left of a share is paid out.

    >>> day = ExDate(
    ...     symbol=Symbol("600519.SH"), day=date(2026, 6, 26), close=Decimal(1430), preclose=Decimal("1402.05")
    ... )
    >>> entitlement(day, 100), entitlement(day.model_copy(update={"preclose": Decimal("1021.43")}), 100)
    ((0, Decimal('2795.00')), (40, Decimal('0.00')))
    """
    if ex.preclose >= ex.close:
        return 0, Decimal(0)
    if ex.preclose > ex.close * (1 - SPLIT):
        return 0, ((ex.close - ex.preclose) * held).quantize(FEN)
    # Half a cent of rounding in the price must not cost a share.
    bonus = int(ex.close * held / (ex.preclose - HALF_A_CENT)) - held
    return bonus, max(ex.close * held - ex.preclose * (held + bonus), Decimal(0)).quantize(FEN)


def has_prices(condition: Condition) -> bool:
    """Whether it was given a price in yuan.

    Prices that follow the account or the market (cost, previous close, lines) take care of themselves.
    """
    if condition.kind in {"take_profit", "stop_loss"} and getattr(condition, "unit", None) != "yuan":
        return False
    return any(getattr(condition, field) is not None for field in _PRICES.get(condition.kind, ()))


def adjusted_condition(condition: Condition, ex: ExDate) -> Condition:
    """The condition on the prices after the ex-date; the same one where it has none."""
    if not has_prices(condition):
        return condition
    prices: dict[str, Any] = {
        field: ex.adjusted(price)
        for field in _PRICES[condition.kind]
        if (price := getattr(condition, field)) is not None
    }
    if "low" in prices and prices["low"] >= prices["high"]:  # a span of a tick stays one
        prices["high"] = prices["low"] + tick(board_of(ex.symbol))
    return CONDITION.validate_python(condition.model_dump() | prices)


def adjusted(watch: Watch, ex: ExDate) -> Watch:
    """The watch on the prices after the ex-date. One on several shares stays: its prices are the others' too."""
    if watch.symbols != (ex.symbol,):
        return watch
    plan = watch.plan
    if plan is not None and plan.price is not None:
        plan = plan.model_copy(update={"price": ex.adjusted(plan.price)})
    conditions = tuple(adjusted_condition(one, ex) for one in watch.conditions)
    return watch.model_copy(update={"conditions": conditions, "plan": plan})


def trails(watch: Watch) -> bool:
    """Whether it remembers the highest price since it was made."""
    return any(one.kind == "trailing_stop" for one in watch.conditions)


def is_priced(watch: Watch) -> bool:
    """Whether it was given prices in yuan, in its conditions or in its plan."""
    return any(map(has_prices, watch.conditions)) or (watch.plan is not None and watch.plan.price is not None)


def is_concerned(watch: Watch) -> bool:
    """Whether an ex-date of its share says something of its prices. Those of a whole market are no share's own."""
    return watch.scope != "market" and (is_priced(watch) or trails(watch))


def stamp(watch: Watch) -> str:
    """A few letters for what it waits for and would do: another one when that has been changed."""
    parts = [one.model_dump(mode="json") for one in watch.conditions]
    plan = None if watch.plan is None else watch.plan.model_dump(mode="json")
    said = json.dumps([parts, plan, watch.symbols], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:12]
