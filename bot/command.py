"""@command: a function becomes a command. Slash name, Chinese names, help, menu, role and button target follow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from bot.house import House
from bot.language.dialogue import Dialogue
from bot.language.model import Tool
from bot.language.names import Names
from bot.language.request import Intent, Request
from core.messages import Chat, Message, Role
from core.people import Person


class Call(NamedTuple):
    """What a command was given.

    Attributes:
        words: what stood behind a slash command or a button, split at spaces.
        request: what the grammar read, where the person wrote a sentence.
        corrects: the sentence means this only together with what was said before: it changes that.
    """

    words: tuple[str, ...] = ()
    request: Request | None = None
    corrects: bool = False

    @property
    def rest(self) -> str:
        return " ".join(self.words)


@dataclass
class Context:
    """Who asks, where, and what may be used. A command changes ``dialogue`` by assigning a new one."""

    house: House
    person: Person
    chat: Chat
    dialogue: Dialogue


Reply = Message | Sequence[Message] | None
Run = Callable[[Context, Call], Awaitable[Reply]]
About = Literal["ticket", "order"]


@dataclass(frozen=True)
class Command:
    """A command as people see it.

    Attributes:
        names: Chinese names; the first one is shown in help.
        intents: requests of the grammar that it answers.
        optional: slots that it can do without; what else a request lacks is asked before the command runs.
        steers: words behind it that only an owner may say: ``off`` of the kill switch.
        about: what its first word names, whose account the person must be allowed to trade.
        phrase: how the grammar reads what stands behind the slash; ``{}`` is the place. Empty: words only.
        listed: whether help and the chat's menu show it; the targets of buttons are not shown.
    """

    name: str
    names: tuple[str, ...]
    help: str
    example: str
    role: Role
    intents: tuple[Intent, ...]
    optional: tuple[str, ...]
    phrase: str
    listed: bool
    run: Run
    steers: frozenset[str]
    about: About | None

    def role_for(self, call: Call) -> Role:
        """What a person must be for this call of it."""
        return Role.OWNER if self.steers & {*call.words} else self.role


REGISTRY: Final[dict[str, Command]] = {}
"""By slash name. Filled by importing :mod:`bot.commands`."""


def command(
    name: str,
    *names: str,
    help: str = "",  # noqa: A002  the word of the field
    example: str = "",
    role: Role = Role.TRADER,
    intents: Sequence[Intent] = (),
    optional: Sequence[str] = (),
    phrase: str = "",
    listed: bool = True,
    steers: Sequence[str] = (),
    about: About | None = None,
) -> Callable[[Run], Run]:
    """Register a function as a command."""

    def register(run: Run) -> Run:
        if name in REGISTRY:
            raise ValueError(f"two commands are called {name}")
        REGISTRY[name] = Command(
            name,
            names,
            help,
            example,
            role,
            tuple(intents),
            tuple(optional),
            phrase,
            listed,
            run,
            frozenset(steers),
            about,
        )
        return run

    return register


def by_name(word: str) -> Command | None:
    """The command with this slash name or Chinese name."""
    found = REGISTRY.get(word.lower())
    return found or next((one for one in REGISTRY.values() if word in one.names), None)


def by_intent(intent: str) -> Command | None:
    return next((one for one in REGISTRY.values() if intent in one.intents), None)


def menu() -> list[tuple[str, str]]:
    """The commands for a chat's menu."""
    return [(one.name, one.help) for one in REGISTRY.values() if one.listed]


def completions(names: Names) -> list[tuple[str, str, tuple[str, ...]]]:
    """What Tab offers in the terminal: commands, their Chinese names, and shares by name, code or initials."""
    words = [(f"/{one.name}", one.help, ()) for one in REGISTRY.values() if one.listed]
    words += [(word, one.help, ()) for one in REGISTRY.values() if one.listed for word in one.names[:1]]
    return [*words, *names.completions()]


def tools(without: Collection[Intent]) -> list[Tool]:
    """The commands as a model is told of them: what a sentence can ask for."""
    return [
        Tool(intent, one.help, one.example)
        for one in REGISTRY.values()
        for intent in one.intents
        if intent not in without
    ]
