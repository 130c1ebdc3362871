"""People who are told apart, in private chats and groups: what each says and taps, and what each gets to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from adapters.channels.script import ScriptChannel
from core.journal import Event, differences, problem
from core.messages import Chat, Incoming, Message
from core.orders import Order
from core.tickets import Ticket, TicketState
from tests.e2e.theatre import Theatre

OWNER = "1"
GROUP = "-100"


class Mailbox(ScriptChannel):
    """Keeps who was shown what."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[Chat, Message]] = []

    async def send(self, chat: Chat, message: Message, picture: bytes | None = None) -> str:
        self.told.append((chat, message))
        return await super().send(chat, message, picture)

    async def edit(self, chat: Chat, ref: str, message: Message, picture: bytes | None = None) -> str:
        self.told.append((chat, message))
        return await super().edit(chat, ref, message, picture)


class Street:
    """A house with one owner (user 1) on a channel like Telegram: an incoming is judged first and then received.

    Attributes:
        alerts: what was refused before it was received, as Telegram shows it over a button.
    """

    def __init__(self, folder: Path, **stage: Any) -> None:
        self.mail = Mailbox()
        self.theatre = Theatre(folder, owners={"telegram": [OWNER]}, others={"telegram": self.mail}, **stage)
        self.alerts: list[tuple[str, str]] = []
        self._names: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        await self.theatre.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.theatre.__aexit__(*error)

    async def say(self, user: str, text: str, *, chat: str = "", name: str = "") -> str:
        """What was answered in the chat; empty where nothing was."""
        return await self._hand_in(user, chat, name, text=text)

    async def press(self, user: str, command: str, *, chat: str = "", name: str = "") -> str:
        """Tap a button that carries this command."""
        return await self._hand_in(user, chat, name, press=command)

    async def _hand_in(self, user: str, chat: str, name: str, **what: str) -> str:
        where = Chat("telegram", chat or user)
        at = self.theatre.clock.now()
        known = self._names[user] = name or self._names.get(user, f"用户{user}")
        incoming = Incoming(chat=where, user=user, name=known, at=at, **what)
        before = len(self.mail.told)
        refusal = await self.theatre.app.inbox.refusal(incoming)
        if refusal is None:
            await self.theatre.app.inbox.receive(incoming)
        else:
            self.alerts.append((user, refusal))
        await self.theatre.settle()
        said = [message.plain() for to, message in self.mail.told[before:] if to == where]
        return refusal or "\n".join(said)

    async def invite(self, what: str, *, user: str, name: str = "") -> str:
        """Let somebody in; what he was told."""
        return await self.say(user, f"/join {await self.code(what)}", name=name)

    async def code(self, what: str) -> str:
        said = await self.say(OWNER, f"/invite {what}")
        [line] = [line for line in said.splitlines() if line.startswith("/join ")]
        return line.removeprefix("/join ")

    def buttons(self, user: str) -> list[str]:
        """The commands on the newest message of a chat that has buttons."""
        shown = [message for to, message in self.mail.told if to.id == user and message.buttons]
        return [button.command for row in shown[-1].buttons for button in row] if shown else []

    def read(self, user: str, text: str) -> list[str]:
        """The messages in a chat that contain this."""
        return [message.plain() for to, message in self.mail.told if to.id == user and text in message.plain()]

    # -- what is written down

    async def orders(self) -> Sequence[Order]:
        return await self.theatre.orders()

    async def tickets(self, *states: TicketState) -> Sequence[Ticket]:
        return await self.theatre.app.house.store.tickets(set(states or TicketState))

    async def refusals(self) -> list[Event]:
        """What the journal holds of refusals; it is whole, and agrees with what is stored."""
        store = self.theatre.app.house.store
        events = await store.journal()
        assert problem(events) is None
        tickets = await store.tickets(set(TicketState), limit=1000)
        assert differences(events, tickets, await store.orders(limit=1000), await store.members()) == []
        return [event for event in events if event.kind == "people.refused"]
