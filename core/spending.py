"""Spending: keeps the limits of everybody and what was ordered today, and says what stands against one more order."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Final

from core.calendar import trading_date
from core.clock import Clock
from core.limits import NO_LIMITS, Limits, Standing, Used, room, symbol_open, used_by
from core.orders import Order
from core.people import HOUSE
from core.portfolio import Account, value
from core.ports import Store
from core.risk import Breach, Draft, over_limits
from core.types import Mode, Money, Price, Shares, Side, Symbol

LIMITS: Final = "limits"
"""Under this key the store keeps the limits of all owners."""
_LOOKED_BACK: Final = 1000
"""Orders that are read at the start to find those of today."""


class Spending:
    """One for all accounts.

    Args:
        price_of: the newest price of a share; None where there is none to go by.
    """

    def __init__(self, store: Store, clock: Clock, *, price_of: Callable[[Symbol], Price | None]) -> None:
        self._store = store
        self._clock = clock
        self._price_of = price_of
        self._limits: dict[str, Limits] = {}
        self._orders: dict[str, Order] = {}
        self._day: date | None = None

    async def load(self) -> None:
        stored = json.loads(await self._store.value(LIMITS) or "{}")
        self._limits = {owner: Limits.model_validate(one) for owner, one in stored.items()}
        for order in await self._store.orders(limit=_LOOKED_BACK):
            self.note(order)

    def of(self, owner: str) -> Limits:
        return self._limits.get(owner, NO_LIMITS)

    async def set(self, owner: str, limits: Limits) -> None:
        after = {**self._limits, owner: limits}
        kept = {each: one.model_dump(mode="json", exclude_none=True) for each, one in after.items()}
        rows = {each: one for each, one in kept.items() if one}
        await self._store.set_value(LIMITS, json.dumps(rows) if rows else None)
        self._limits = after

    def note(self, order: Order) -> None:
        """An order was placed or has moved on. Those of earlier days are forgotten."""
        self._today()
        if trading_date(order.created_at) == self._day:
            self._orders[order.id] = order

    def _today(self) -> list[Order]:
        today = trading_date(self._clock.now())
        if today != self._day:
            # Once a day: with a thousand orders it would take longer at every tap than all the rest of it.
            self._day = today
            self._orders = {id_: one for id_, one in self._orders.items() if trading_date(one.created_at) == today}
        return [*self._orders.values()]

    def used(self, mode: Mode) -> Used:
        """By orders of today with this kind of money: what is played with does not count against what is real."""
        return used_by(one for one in self._today() if one.mode is mode)

    def bought(self, account: str, symbol: Symbol) -> Shares:
        """Shares of a symbol that an account has bought today or has in open orders to buy."""
        mine = (one for one in self._today() if (one.account, one.symbol) == (account, symbol))
        return sum(one.filled + one.open_shares for one in mine if one.side is Side.BUY)

    def filled(self, account: str, symbol: Symbol) -> Shares:
        """Shares of a symbol that an account has bought today by orders of ours."""
        mine = (one for one in self._today() if (one.account, one.symbol) == (account, symbol))
        return sum(one.filled for one in mine if one.side is Side.BUY)

    def approvers(self, owner: str, amount: Money) -> int:
        """How many people must approve an order of so many yuan: what the house asks for holds for everybody."""
        return max(self.of(each).approvers(amount) for each in (owner, HOUSE))

    def breaches(self, draft: Draft, owner: str, account: Account) -> tuple[Breach, ...]:
        """What of the person's own limits, and of the house's, which hold for everybody, stands against an order."""
        limits = [one for each in dict.fromkeys((owner, HOUSE)) if (one := self.of(each)) != NO_LIMITS]
        if not limits:
            return ()
        standing = self._standing(draft.symbol, draft.limit, account)
        return tuple(dict.fromkeys(breach for one in limits for breach in over_limits(draft, one, standing)))

    def room(self, owner: str, account: Account, symbol: Symbol, price: Price) -> Money | None:
        """Yuan that one more order to buy this share may come to, without fees; None where nobody has set a limit.

        Args:
            price: of the share, where the newest is not known.
        """
        standing = self._standing(symbol, price, account)
        found = [room(self.of(each), standing) for each in dict.fromkeys((owner, HOUSE))]
        return min((one for one in found if one is not None), default=None)

    def texts(self, owner: str) -> tuple[str, ...]:
        """The limits that hold for a person, in words."""
        return tuple(dict.fromkeys(text for each in (owner, HOUSE) for text in self.of(each).texts()))

    def _standing(self, symbol: Symbol, limit: Price, account: Account) -> Standing:
        held = [one.symbol for one in account.positions if one.shares and one.symbol != symbol]
        prices = {one: price for one in held if (price := self._price_of(one)) is not None}
        prices[symbol] = self._price_of(symbol) or limit
        known = account.cash_known and len(prices) == len(held) + 1
        position = account.position(symbol)
        shares = position.shares if position is not None else 0
        return Standing(
            used=self.used(account.mode),
            symbol_amount=shares * prices[symbol] + symbol_open(self._orders.values(), account.id, symbol),
            total=value(account, prices).total if known else None,
        )
