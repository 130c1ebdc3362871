"""Digest: what was held back for a while, told in one message per chat when quiet hours or a storm are over.

An alert that is held back is stored like any other; that no message tells it yet is how it is found, so that nothing is
lost over a restart.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from core import render
from core.alerts import Alert, QuietHours, Reason
from core.clock import Clock
from core.messages import Chat, Outgoing
from core.notify import Notifier
from core.ports import Store

MOST: Final = 10
"""Messages with alerts for one chat in one minute. Cards of orders always come, and are not counted."""
MINUTE: Final = timedelta(minutes=1)
LOOK_BACK: Final = timedelta(days=3)
"""How far back a new process looks for what an earlier one still held."""
QUIET_HOURS: Final = "quiet_hours"
_TOLD: Final = frozenset(reason for reason in Reason if reason.tells)


class Digest:
    """Keeps the quiet hours of everybody and the pace of every chat."""

    def __init__(self, store: Store, notifier: Notifier, clock: Clock) -> None:
        self._store = store
        self._notifier = notifier
        self._clock = clock
        self._hours: dict[str, QuietHours] = {}
        # Of whom something is held back since when; for which chats, and when that is to be told.
        self._held: dict[str, datetime] = {}
        self._due: dict[Chat, tuple[datetime, datetime]] = {}
        # When the present minute of a chat began, and its messages so far.
        self._minutes: dict[Chat, tuple[datetime, int]] = {}
        # Frames, the clock and people ask for it, maybe at once; what one of them tells the next must not tell again.
        self._telling = asyncio.Lock()

    async def load(self) -> None:
        stored = await self._store.value(QUIET_HOURS)
        for owner, (text, strict) in json.loads(stored or "{}").items():
            self._hours[owner] = QuietHours.parse(text, strict=strict)
        now = self._clock.now()
        for alert in await self._store.untold({*_TOLD, Reason.QUIET_HOURS}, now - LOOK_BACK):
            if alert.reason is Reason.QUIET_HOURS:
                self.hold(alert)
            elif alert.chat is not None:
                self._due.setdefault(alert.chat, (alert.at, now))

    # -- quiet hours

    def quiet_hours(self, owner: str) -> QuietHours | None:
        return self._hours.get(owner)

    async def set_quiet_hours(self, owner: str, hours: QuietHours | None) -> None:
        """None ends them; what they held back is told by the next :meth:`tell_due`."""
        after = {**self._hours, owner: hours} if hours is not None else {**self._hours}
        if hours is None:
            after.pop(owner, None)
        rows = {each: (str(one), one.strict) for each, one in after.items() if one is not None}
        await self._store.set_value(QUIET_HOURS, json.dumps(rows) if rows else None)
        self._hours = {each: one for each, one in after.items() if one is not None}

    def hold(self, alert: Alert) -> None:
        """Quiet hours keep this one back; it is stored."""
        self._held.setdefault(alert.owner, alert.at)

    def is_quiet(self, owner: str) -> bool:
        """Whether a person is not to be disturbed now."""
        return self._quiet(owner, self._clock.now())

    # -- storms

    def admits(self, chat: Chat) -> bool:
        """Whether another message with alerts may go to this chat now."""
        _, count = self._minute(chat)
        return count < MOST

    def count(self, chat: Chat) -> None:
        """One more message with alerts went to this chat."""
        began, count = self._minute(chat)
        self._minutes[chat] = began, count + 1

    def overflow(self, chat: Chat, since: datetime) -> None:
        """Stored alerts that no message tells: told at once while the chat takes more, else when its minute ends."""
        now = self._clock.now()
        due = now if self.admits(chat) else self._minute(chat)[0] + MINUTE
        first, _ = self._due.get(chat, (since, due))
        self._due[chat] = min(first, since), due

    def _minute(self, chat: Chat) -> tuple[datetime, int]:
        now = self._clock.now()
        began, count = self._minutes.get(chat, (now, 0))
        return (began, count) if now - began < MINUTE else (now, 0)

    # -- telling

    async def tell_due(self) -> None:
        """Tell what need not be held back any longer. Raises Unavailable; then it is told the next time."""
        async with self._telling:
            await self._tell_due()

    async def _tell_due(self) -> None:
        now = self._clock.now()
        owners = {owner: since for owner, since in self._held.items() if not self._quiet(owner, now)}
        chats = {chat: (since, due) for chat, (since, due) in self._due.items() if due <= now}
        if not owners and not chats:
            return
        # Taken out first: what is held back while the store works is another matter, and is told the next time.
        for owner in owners:
            del self._held[owner]
        for chat in chats:
            del self._due[chat]
        try:
            oldest = min((*owners.values(), *(since for since, _due in chats.values())))
            found = await self._store.untold({*_TOLD, Reason.QUIET_HOURS}, oldest)
            rows = self._summaries(found, owners, chats)
            await self._store.enqueue(rows)
        except BaseException:
            self._held |= owners
            self._due |= chats
            raise
        for chat in chats:
            self.count(chat)
        self._notifier.post(rows)

    def _quiet(self, owner: str, now: datetime) -> bool:
        hours = self._hours.get(owner)
        return hours is not None and hours.covers(now)

    def _summaries(self, found: Collection[Alert], owners: Collection[str], chats: Collection[Chat]) -> list[Outgoing]:
        quiet: dict[Chat, list[Alert]] = {}
        stormy: dict[Chat, list[Alert]] = {}
        for alert in found:
            if alert.chat is None:
                continue
            if alert.reason is Reason.QUIET_HOURS:
                if alert.owner in owners:
                    quiet.setdefault(alert.chat, []).append(alert)
            elif alert.chat in chats:
                stormy.setdefault(alert.chat, []).append(alert)
        said = [(chat, alerts, render.after_quiet(alerts)) for chat, alerts in quiet.items()]
        said += [(chat, alerts, render.after_storm(alerts)) for chat, alerts in stormy.items()]
        return [
            self._notifier.compose(chat, message, tuple(alert.id for alert in alerts)) for chat, alerts, message in said
        ]
