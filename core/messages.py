"""What channels carry: Incoming from a person, Message to a chat, and the outbox row that keeps it until it is sent."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from core.types import Noun


class Chat(NamedTuple):
    """Where a conversation takes place. ``channel`` is the adapter's file name; ``id`` is the vendor's chat id."""

    channel: str
    id: str

    def __str__(self) -> str:
        return f"{self.channel}:{self.id}"


class Role(StrEnum):
    """What a person may do: a viewer asks, a trader also makes watches and answers tickets, an owner also steers."""

    VIEWER = "viewer"
    TRADER = "trader"
    OWNER = "owner"

    def covers(self, needed: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Incoming(Noun):
    """Something a person did in a chat. A press is a command that somebody typed for the person.

    Attributes:
        user: the vendor's id of the person, not of the chat: in a group they differ.
        name: how the person is called there; shown on decided cards, never trusted.
        press: the command of the button, where a button was tapped; ``text`` is then its label if known.
        at: aware UTC, when it reached us.
    """

    chat: Chat
    user: str
    name: str = ""
    text: str = ""
    press: str | None = None
    at: datetime


class Style(StrEnum):
    PLAIN = "plain"
    CONFIRM = "confirm"
    DANGER = "danger"


COMMAND_BYTES: Final = 64
"""What Telegram lets a button carry."""


class Button(NamedTuple):
    """A command under a label. ``command`` has at most COMMAND_BYTES and means the same after a restart."""

    label: str
    command: str
    style: Style = Style.PLAIN


class Message(Noun):
    """What is said, without any markup: a channel makes the title bold, escapes everything and splits what is too long.

    Attributes:
        buttons: rows of buttons.
        card: a message with the key of an earlier one in the same chat replaces it in place.
        urgent: goes before what is waiting for the same chat.
    """

    title: str = ""
    text: str = ""
    buttons: tuple[tuple[Button, ...], ...] = ()
    card: str | None = None
    urgent: bool = False

    def plain(self) -> str:
        """Title and text as lines."""
        return "\n".join(part for part in (self.title, self.text) if part)

    def labels(self) -> tuple[str, ...]:
        return tuple(button.label for row in self.buttons for button in row)


class Delivery(StrEnum):
    """How far an outbox row has come."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


class Outgoing(Noun):
    """A row of the outbox.

    Attributes:
        alert_ids: the alerts this message tells, so that /why can show how their delivery went.
        next_at: aware UTC; not tried before.
        ref: the vendor's id of the sent message.
        error: why the last attempt failed, in words without secrets.
    """

    id: str
    chat: Chat
    message: Message
    created_at: datetime
    alert_ids: tuple[str, ...] = ()
    state: Delivery = Delivery.QUEUED
    attempts: int = 0
    next_at: datetime
    ref: str | None = None
    error: str = ""
