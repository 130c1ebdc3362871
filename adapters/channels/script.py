"""A chat without a person: it keeps what it is shown. Replay, the tour and the tests read and press it."""

from __future__ import annotations

import asyncio

from core.messages import Button, Chat, Message
from core.ports import Receiver


class ScriptChannel:
    """A Channel that remembers. Nothing in it waits, so the same calls give the same refs and the same order.

    Attributes:
        shown: every message in the order it was shown; an edited one appears again.
    """

    name = "script"

    def __init__(self) -> None:
        self.shown: list[Message] = []
        self._count = 0
        self._open: dict[tuple[Chat, str], Message] = {}
        self._refs: dict[tuple[Chat, str], str] = {}

    async def run(self, receiver: Receiver) -> None:  # noqa: ARG002 - nobody speaks here by himself
        """Wait until cancelled: whoever plays the script talks to the receiver directly."""
        await asyncio.Event().wait()

    async def send(self, chat: Chat, message: Message, picture: bytes | None = None) -> str:  # noqa: ARG002
        """Nobody looks at the picture; the message has its chart."""
        ref = self._refs.get((chat, message.card)) if message.card else None
        return self._show(chat, ref, message)

    async def edit(self, chat: Chat, ref: str, message: Message, picture: bytes | None = None) -> str:  # noqa: ARG002
        """Replace it; a ref from before a restart is taken as it is."""
        return self._show(chat, ref, message)

    def buttons(self) -> tuple[Button, ...]:
        """What can be pressed now, oldest card first. A press does not close a card: its next version does."""
        return tuple(button for message in self._open.values() for row in message.buttons for button in row)

    def _show(self, chat: Chat, ref: str | None, message: Message) -> str:
        while ref is None:
            self._count += 1
            if (chat, str(self._count)) not in self._open:  # else a ref from before a restart, edited already
                ref = str(self._count)
        self._open[chat, ref] = message
        if message.card:
            self._refs[chat, message.card] = ref
        self.shown.append(message)
        return ref


def connect() -> ScriptChannel:
    """Make the chat of a script."""
    return ScriptChannel()
