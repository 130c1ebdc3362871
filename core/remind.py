"""Reminders: an alert that a person put off is told again at its time, if the condition then still holds."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Final, NamedTuple

from core.clock import Clock
from core.dispatch import Dispatcher
from core.messages import Chat
from core.ports import Store
from core.types import Symbol
from core.watches import RuleKey, WatchState
from core.watchlist import Watchlist

REMINDERS: Final = "reminders"
"""Under this key the store keeps them."""


class Reminder(NamedTuple):
    """What is told again, where and when."""

    key: RuleKey
    chat: Chat
    at: datetime


class Reminders:
    """Few at a time: a person makes each by hand."""

    def __init__(self, store: Store, watchlist: Watchlist, dispatcher: Dispatcher, clock: Clock) -> None:
        self._store = store
        self._watchlist = watchlist
        self._dispatcher = dispatcher
        self._clock = clock
        self._waiting: tuple[Reminder, ...] = ()
        # One is put off while another is told: neither must write over the other.
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        stored = json.loads(await self._store.value(REMINDERS) or "[]")
        self._waiting = tuple(
            Reminder(RuleKey(watch, Symbol(symbol), group), Chat(channel, chat), datetime.fromisoformat(at))
            for watch, symbol, group, channel, chat, at in stored
        )

    async def put_off(self, reminder: Reminder) -> None:
        """Take one in; a later one of the same rule in the same chat takes its place. Raises Unavailable."""
        async with self._changing:
            others = [one for one in self._waiting if (one.key, one.chat) != (reminder.key, reminder.chat)]
            await self._keep((*others, reminder))

    async def tell_due(self) -> None:
        """Raises Unavailable; then it is looked at again the next time, and may be told twice."""
        now = self._clock.now()
        for reminder in [one for one in self._waiting if one.at <= now]:
            await self._tell(reminder)
            async with self._changing:
                await self._keep(tuple(one for one in self._waiting if one is not reminder))

    async def _tell(self, reminder: Reminder) -> None:
        """One that was told only once is done by now and is reminded of all the same: it was asked for."""
        now, key = self._clock.now(), reminder.key
        watch = self._watchlist.current(key.watch_id)
        if watch is None or watch.state is WatchState.PAUSED or watch.expired_at(now):
            return
        if self._dispatcher.silenced(watch, key.symbol):
            return
        for trigger in self._watchlist.holding(watch, key.symbol):
            if trigger.key == key:
                await self._dispatcher.remind(watch, trigger, reminder.chat)

    async def _keep(self, waiting: tuple[Reminder, ...]) -> None:
        rows = [(*one.key, *one.chat, one.at.isoformat()) for one in waiting]
        await self._store.set_value(REMINDERS, json.dumps(rows) if rows else None)
        self._waiting = waiting
