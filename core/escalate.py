"""Escalation: what cannot wait and nobody answers is said again, in another chat of the house."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from core import render
from core.alerts import Alert, escalates_after
from core.clock import Clock
from core.errors import OutsideError
from core.messages import Chat
from core.notify import Notifier
from core.people import is_member
from core.ports import Store
from core.watchlist import Watchlist

log: Final = logging.getLogger(__name__)


class Escalation:
    """Keeps the alerts that wait for an answer, as the store does.

    Anything that a person does in a chat answers what was said there. Without an answer the next chat of the house is
    told, one after the other; where there is no other, the same chat is told once more.
    """

    def __init__(self, store: Store, notifier: Notifier, watchlist: Watchlist, clock: Clock) -> None:
        self._store = store
        self._notifier = notifier
        self._watchlist = watchlist
        self._clock = clock
        self._waiting: dict[str, Alert] = {}

    async def load(self) -> None:
        self._waiting = {alert.id: alert for alert in await self._store.unacknowledged()}

    def begin(self, alerts: Collection[Alert]) -> None:
        """These were just stored; those that ask for an answer are waited for."""
        self._waiting.update((alert.id, alert) for alert in alerts if alert.escalate_at is not None)

    # -- answers

    async def acknowledge(self, alert_ids: Collection[str], by: str) -> int:
        """Somebody has seen these; how many nobody had answered before."""
        done = await self._store.acknowledge(alert_ids, by, self._clock.now())
        for each in alert_ids:
            self._waiting.pop(each, None)
        return done

    async def seen(self, chat: Chat, by: str, at: datetime) -> None:
        """Somebody did something in this chat at ``at``, and so has seen what was said there before."""
        ids = [one.id for one in self._waiting.values() if one.at <= at and chat in self._told_in(one)]
        if not ids:
            return
        try:
            await self.acknowledge(ids, by)
        except OutsideError as error:
            # It may be said again; what the person asked for goes first.
            log.warning("an answer was not stored: %s", error)

    def _told_in(self, alert: Alert) -> Sequence[Chat]:
        return () if alert.chat is None else (alert.chat, *self._others(alert)[: alert.escalated])

    def _others(self, alert: Alert) -> Sequence[Chat]:
        """Where else it may be said: what a member watches is not the owners' business."""
        return () if alert.chat is None or is_member(alert.owner) else self._notifier.others(alert.chat)

    # -- saying it again

    async def tell_due(self) -> None:
        """Say again what has waited long enough. Raises Unavailable; then it is said the next time."""
        now = self._clock.now()
        due = [one for one in self._waiting.values() if one.escalate_at is not None and one.escalate_at <= now]
        if not due:
            return
        said: dict[tuple[Chat, Chat], list[Alert]] = {}
        after: list[Alert] = []
        for alert in due:
            watch = self._watchlist.current(alert.watch_id)
            others = self._others(alert)
            again = alert.model_copy(update={"escalate_at": None, "escalated": alert.escalated + 1})
            # A watch that was deleted has been dealt with.
            if watch is not None and alert.chat is not None:
                target = others[alert.escalated] if alert.escalated < len(others) else alert.chat
                said.setdefault((alert.chat, target), []).append(alert)
                if again.escalated < len(others):
                    wait = escalates_after(watch.escalate_after, grave=alert.grave)
                    again = again.model_copy(update={"escalate_at": None if wait is None else now + wait})
            after.append(again)
        rows = []
        for (chat, target), alerts in said.items():
            message = render.escalated(alerts, now, where=str(chat), moved=target != chat)
            rows.append(self._notifier.compose(target, message, tuple(alert.id for alert in alerts)))
        await self._store.escalate(after, rows)
        for alert in after:
            if alert.id in self._waiting:  # nobody has answered meanwhile
                self._waiting[alert.id] = alert
                if alert.escalate_at is None:
                    del self._waiting[alert.id]
        self._notifier.post(rows)
