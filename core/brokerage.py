"""Brokerage: the accounts as their brokers last showed them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from core.errors import Conflict, NotFound, OutsideError
from core.frames import Quote
from core.portfolio import Account, value
from core.ports import Broker, HandKept
from core.types import Money, Price, Shares, Symbol, account_of, is_account
from core.view import Holding

log: Final = logging.getLogger(__name__)


class Brokerage:
    """All accounts.

    Args:
        brokers: the first is the default account.
        name_of: the name of a symbol in our table; empty when it is not there.
        on_change: told which symbols have a new cost, so that conditions on cost are judged again.
    """

    def __init__(
        self,
        brokers: Sequence[Broker],
        *,
        name_of: Callable[[Symbol], str],
        on_change: Callable[[Sequence[Symbol]], None] = lambda _symbols: None,
    ) -> None:
        self._brokers: Mapping[str, Broker] = {broker.account: broker for broker in brokers}
        self._name_of = name_of
        self._on_change = on_change
        self._accounts: dict[str, Account] = {}

    @property
    def brokers(self) -> Sequence[Broker]:
        return tuple(self._brokers.values())

    @property
    def default_account(self) -> str:
        return next(iter(self._brokers))

    def find(self, account: str) -> Broker | None:
        return self._brokers.get(account)

    def broker(self, account: str) -> Broker:
        """Raises NotFound for an account that is not configured (any more)."""
        found = self._brokers.get(account)
        if found is None:
            names = "、".join(broker.name for broker in self._brokers.values())
            raise NotFound(f"没有账户“{account}”。现有账户：{names}。")
        return found

    def where(self, account: str) -> str:
        """``模拟账户·模拟``: what stands on every message about money."""
        broker = self._brokers.get(account)
        return f"{broker.name}·{broker.mode.chinese}" if broker else account

    def account(self, account: str) -> Account | None:
        """As last seen; None when it was never seen."""
        return self._accounts.get(account)

    def cost_of(self, account: str, symbol: Symbol) -> Price | None:
        seen = self._accounts.get(account)
        position = seen.position(symbol) if seen else None
        return position.cost if position is not None and position.shares > 0 else None

    def holding_of(self, account: str, symbol: Symbol, quote: Callable[[Symbol], Quote | None]) -> Holding | None:
        """A position, and what the account is worth beside it at these quotes; None without a position."""
        seen = self._accounts.get(account)
        position = seen.position(symbol) if seen else None
        if seen is None or position is None or position.shares <= 0:
            return None
        others = [one.symbol for one in seen.positions if one.symbol != symbol and one.shares]
        prices = {one: price for one in others if (found := quote(one)) is not None and (price := found.worth)}
        known = seen.cash_known and len(prices) == len(others)
        rest = value(seen, prices).total if known else None
        return Holding(position.shares, position.cost, rest)

    def holds(self, account: str, symbol: Symbol) -> bool:
        """Whether an account holds a share. One that was never seen may: silence needs a reason."""
        return account not in self._accounts or self.cost_of(account, symbol) is not None

    async def refresh(self, account: str) -> Account:
        """Ask the broker. Raises Unavailable; an unanswered question is never an empty account."""
        after = await self.broker(account).snapshot()
        self.saw(after)
        return after

    def saw(self, after: Account) -> None:
        """An account as its broker has just shown it."""
        before = self._accounts.get(after.id)
        self._accounts[after.id] = after
        moved = _costs_moved(before, after)
        if moved:
            self._on_change(moved)

    @property
    def held(self) -> set[Symbol]:
        """What the accounts hold."""
        return {one.symbol for account in self._accounts.values() for one in account.positions if one.shares}

    def name(self, symbol: Symbol, said: str = "") -> str:
        """The name for a card: our table's, because a quote's may be cut or bear XD; else ``said``, else the code."""
        if is_account(symbol):
            return self.account_name(account_of(symbol))
        return self._name_of(symbol) or said or symbol

    def account_name(self, account: str) -> str:
        broker = self._brokers.get(account)
        return broker.name if broker else account

    async def look(self) -> None:
        """See every account. A silent broker is reported, not fatal."""
        for broker in self.brokers:
            try:
                await self.refresh(broker.account)
            except OutsideError as error:
                log.warning("%s: %s", error.source, error.reason)

    # -- accounts that are kept by hand

    async def set_cash(self, account: str, cash: Money) -> Account:
        """Enter what an account kept by hand is free to buy with.

        Raises:
            NotFound, Conflict, Invalid: no such account, it is not kept by hand, or that is no amount.
        """
        await self.kept_by_hand(account).record_cash(cash)
        return await self.refresh(account)

    async def set_position(self, account: str, symbol: Symbol, shares: Shares, cost: Price) -> Account:
        """Enter what an account kept by hand holds of a symbol, in place of what it had. Raises as :meth:`set_cash`."""
        await self.kept_by_hand(account).record_position(symbol, shares, cost)
        return await self.refresh(account)

    def kept_by_hand(self, account: str) -> HandKept:
        """Raises NotFound or Conflict: it is not."""
        """Raises NotFound or Conflict: it is not."""
        broker = self.broker(account)
        if not isinstance(broker, HandKept):
            raise Conflict(f"{self.where(account)}：它的资金、持仓和成交由它自己回报，不能手动记账。")
        return broker


def _costs_moved(before: Account | None, after: Account) -> list[Symbol]:
    old = {one.symbol: (one.cost, one.shares > 0) for one in before.positions} if before else {}
    new = {one.symbol: (one.cost, one.shares > 0) for one in after.positions}
    return [symbol for symbol in old.keys() | new.keys() if old.get(symbol) != new.get(symbol)]
