"""Reconciler: looks at what the brokers have, tells what differs, and holds back what nobody has acknowledged."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Collection
from datetime import date, timedelta
from typing import Final

from core import render_reconcile
from core.accord import Accord, Baseline, accord, baseline, of_today
from core.blotter import Blotter
from core.brokerage import Brokerage
from core.calendar import trading_date
from core.clock import Clock
from core.errors import Conflict, NotFound, OutsideError
from core.ex_dates import ExDate
from core.frames import Frame
from core.messages import Message
from core.ports import Broker, OwnBook, Store
from core.risk import Breach
from core.statement import Statement
from core.types import Mode, Price, Symbol

log: Final = logging.getLogger(__name__)

BASELINE: Final = "reconciled:"
"""Under this key and the account the store keeps what the next look is held against."""
DIFFERS: Final = "differs"
"""Under this key the store keeps what differs and was not acknowledged."""
MANY: Final = 1000
KEPT: Final = timedelta(days=10)
"""How long an ex-date may explain a changed cost: an account may not have been looked at meanwhile."""


class Reconciler:
    """One for all accounts.

    Args:
        tell: says something to whom the accounts belong.
    """

    def __init__(
        self,
        store: Store,
        brokerage: Brokerage,
        blotter: Blotter,
        clock: Clock,
        *,
        tell: Callable[[Message], Awaitable[None]],
    ) -> None:
        self._store = store
        self._brokerage = brokerage
        self._blotter = blotter
        self._clock = clock
        self._tell = tell
        self._differs: dict[str, frozenset[Symbol]] = {}
        self._ex_dates: dict[Symbol, ExDate] = {}
        self._found: list[ExDate] = []
        # Two looks at once would tell the same thing twice.
        self._looking = asyncio.Lock()

    async def load(self) -> None:
        stored = json.loads(await self._store.value(DIFFERS) or "{}")
        self._differs = {account: frozenset(map(Symbol, symbols)) for account, symbols in stored.items()}

    def breach(self, account: str, symbol: Symbol) -> Breach | None:
        """What stands against an order that no person asked for."""
        if symbol not in self._differs.get(account, ()):
            return None
        name = self._brokerage.name(symbol)
        return Breach(
            "differs", f"{name}的持仓和券商对不上，没有出委托卡片。发送 /reconcile 核对，点“我知道了”后恢复。"
        )

    # -- looking

    async def look(self, *, routine: bool = False) -> None:
        """At every account; what is new or differs is told.

        Args:
            routine: real accounts are told of even when all is well.
        """
        for broker in self._brokerage.brokers:
            try:
                await self.reconcile(broker, routine=routine, tell=self._tell)
            except OutsideError as error:
                # The database: what was not kept is looked at again, and told then.
                log.warning("%s: %s", error.source, error.reason)

    async def reconcile(
        self,
        broker: Broker,
        *,
        routine: bool = True,
        tell: Callable[[Message], Awaitable[None]] | None = None,
    ) -> Message:
        """At one account: what is to be read of it.

        Args:
            tell: handed the message where it says something new, or is routine; before the next look is held against
                what was seen now, so that it may be told twice and never not at all.

        Raises:
            Unavailable: the database.
        """
        async with self._looking:
            where = self._brokerage.where(broker.account)
            live = broker.mode is Mode.LIVE
            try:
                statement, found = await self._compared(broker)
            except OutsideError as error:
                log.warning("%s: %s", error.source, error.reason)
                message = render_reconcile.silent(where, error.reason)
                if tell is not None and live:
                    await tell(message)
                return message
            await self._lock(broker.account, self._differs.get(broker.account, frozenset()) | found.differs)
            locked = self._differs.get(broker.account, frozenset())
            name_of, now = self._brokerage.name, self._clock.now()
            message = render_reconcile.reconciled(of_today(statement), found, locked, where, name_of, now)
            self._brokerage.saw(statement.account)
            if tell is not None and (found.says_something or (routine and live)):
                await tell(message)
            # What only somebody who asked has read is still to be told at the next hour.
            if tell is not None or not found.says_something:
                await self._store.set_value(BASELINE + broker.account, baseline(statement).model_dump_json())
            return message

    async def _compared(self, broker: Broker) -> tuple[Statement, Accord]:
        statement, found = await self._once(broker)
        # Trades arrive while an account is read: only what differs twice differs.
        if found.differs:
            for order_id in {one.order_id for one in found.unheard}:
                await self._blotter.ask(order_id)
            statement, found = await self._once(broker)
        return statement, found

    async def _once(self, broker: Broker) -> tuple[Statement, Accord]:
        statement = await broker.statement()
        today = trading_date(statement.account.as_of)
        stored = await self._store.value(BASELINE + broker.account)
        # What an account's own book holds is what it holds; a person may have corrected it.
        compares = stored is not None and not isinstance(broker, OwnBook)
        before = Baseline.model_validate_json(stored or "") if compares else None
        since = before.day if before is not None else today
        fills = [one for one in await self._store.fills(broker.account, limit=MANY) if trading_date(one.at) >= since]
        named = {one.order_id for one in fills} | {one.order_id for one in statement.trades}
        orders = [one for one in await self._store.orders(limit=MANY) if one.account == broker.account]
        orders = [
            one for one in orders if not one.state.final or trading_date(one.created_at) == today or one.id in named
        ]
        ex_dates = {symbol: ex for symbol, ex in self._ex_dates.items() if ex.day >= since}
        return statement, accord(statement, orders, fills, before, ex_dates)

    async def acknowledge(self, account: str, stamp: str = "") -> Collection[Symbol]:
        """A person has seen what differs, and goes by the broker's numbers from now on.

        Args:
            stamp: of what the message listed whose button was tapped; empty when it was typed.

        Raises:
            NotFound: nothing differs.
            Conflict: more has come since that message.
        """
        async with self._looking:
            locked, where = self._differs.get(account, frozenset()), self._brokerage.where(account)
            if not locked:
                raise NotFound(f"没有等你确认的出入。（{where}）")
            if stamp and stamp != render_reconcile.stamp_of(locked):
                raise Conflict(f"后来又有变化，请看最新的对账消息，或者再发一次 /reconcile。（{where}）")
            await self._lock(account, frozenset())
            return locked

    async def _lock(self, account: str, symbols: frozenset[Symbol]) -> None:
        if symbols == self._differs.get(account, frozenset()):
            return
        after = {**self._differs, account: symbols}
        rows = {each: sorted(found) for each, found in after.items() if found}
        await self._store.set_value(DIFFERS, json.dumps(rows) if rows else None)
        self._differs = after

    # -- ex-dates

    def on_ex_date(self, symbol: Symbol, close: Price, preclose: Price, day: date) -> None:
        """The exchange gives another previous close than was traded."""
        ex = ExDate(symbol=symbol, day=day, close=close, preclose=preclose)
        if ex.matters and self._ex_dates.get(symbol) != ex:
            self._ex_dates = {one.symbol: one for one in self._ex_dates.values() if one.day >= day - KEPT} | {
                symbol: ex
            }
            self._found.append(ex)

    async def on_frame(self, _frame: Frame) -> None:
        """Have the accounts that keep their own book enter what an ex-date brings, before anything is judged.

        Raises:
            Unavailable: a book does not take it; the next frame brings another try.
        """
        while self._found:
            ex = self._found[0]
            for broker in self._brokerage.brokers:
                if isinstance(broker, OwnBook) and (booked := await broker.record_ex_date(ex)) is not None:
                    await self._brokerage.refresh(broker.account)
                    where = self._brokerage.where(broker.account)
                    name = self._brokerage.name(ex.symbol)
                    await self._tell(render_reconcile.ex_dated(name, ex.symbol, booked.texts(), where))
            self._found.pop(0)
