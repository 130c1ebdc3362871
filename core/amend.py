"""Amendments: what comes after an alert (its picture, a comment on it) is added to the message that told it.

The alert is told at once and never waits for them. Several may come, from several sides and at once, so each begins
with the newest version of the message.
"""

from __future__ import annotations

import asyncio
from typing import Final

from core.messages import ALERT_CARD, Chat, Message, Outgoing
from core.notify import Notifier

KEPT: Final = 256
"""Messages whose newest version is known. What is added comes within a minute."""


class Amendments:
    """Knows the newest version of the messages that were added to."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._newest: dict[tuple[Chat, str], Message] = {}
        self._one_by_one = asyncio.Lock()

    async def add(self, row: Outgoing, more: Message) -> None:
        """Add to the message of a row that told alerts, in place where its chat can edit.

        The card of an order is left alone, because it changes with every tap: what is added stands in a message below
        it, with the title of the first that came.

        Raises:
            Unavailable: the store does not answer.
        """
        async with self._one_by_one:
            told = row.message.card or ""
            card, first = (told, row.message) if told.startswith(ALERT_CARD) else (f"{ALERT_CARD}{row.id}", None)
            before = self._newest.get((row.chat, card), first)
            after = more if before is None else before.extended(more)
            after = after.model_copy(update={"card": card, "urgent": False})  # new alerts go first
            await self._notifier.say(row.chat, after)
            self._newest[row.chat, card] = after
            for old in list(self._newest)[:-KEPT]:
                del self._newest[old]
