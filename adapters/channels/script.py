"""A chat without a person: it keeps what it is shown. Replay, the tour and the tests read and press it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from core.messages import Button, Chat, Message
from core.ports import Receiver


class ScriptChannel:
    """A Channel that remembers. Nothing in it waits, so the same calls give the same refs and the same order.

    Attributes:
        shown: every message in the order it was shown; an edited one appears again.
    """

    def __init__(self, name: str, on_shown: Callable[[Message, bool], None] | None) -> None:
        self.name = name
        self.shown: list[Message] = []
        self._on_shown = on_shown
        self._count = 0
        self._open: dict[tuple[Chat, str], Message] = {}
        self._refs: dict[tuple[Chat, str], str] = {}

    async def run(self, receiver: Receiver) -> None:  # noqa: ARG002 - nobody speaks here by himself
        """Wait until cancelled: whoever plays the script talks to the receiver directly."""
        await asyncio.Event().wait()

    async def send(self, chat: Chat, message: Message) -> str:
        ref = self._refs.get((chat, message.card)) if message.card else None
        return self._show(chat, ref, message, edited=False)

    async def edit(self, chat: Chat, ref: str, message: Message) -> str:
        """Replace it; a ref from before a restart is taken as it is."""
        return self._show(chat, ref, message, edited=True)

    def buttons(self) -> tuple[Button, ...]:
        """What can be pressed now, oldest card first. A press does not close a card: its next version does."""
        return tuple(button for message in self._open.values() for row in message.buttons for button in row)

    def _show(self, chat: Chat, ref: str | None, message: Message, *, edited: bool) -> str:
        while ref is None:
            self._count += 1
            if (chat, str(self._count)) not in self._open:  # else a ref from before a restart, edited already
                ref = str(self._count)
        self._open[chat, ref] = message
        if message.card:
            self._refs[chat, message.card] = ref
        self.shown.append(message)
        if self._on_shown is not None:
            self._on_shown(message, edited)
        return ref


def connect(*, name: str = "script", on_shown: Callable[[Message, bool], None] | None = None) -> ScriptChannel:
    """Make the chat of a script.

    Args:
        name: the channel's name in a Chat.
        on_shown: called after each message with it and whether it replaced an earlier one.
    """
    return ScriptChannel(name, on_shown)
