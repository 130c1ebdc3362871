"""What a person said last in a chat: the draft that still lacks something, the question asked, what "it" means."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from bot.language.reading import Context
from bot.language.request import Request
from core.limits import Limits
from core.types import Noun, Price, Symbol
from core.watches import Watch

QUESTION_LIVES: Final = timedelta(minutes=30)
CORRECTABLE: Final = timedelta(minutes=5)
"""How long a bare sentence (买200股) is about the watch just made, and not an order of its own."""


class Change(NamedTuple):
    """A watch before and after something was done to it; without the one it was made, without the other deleted."""

    before: Watch | None
    after: Watch | None


class Step(Noun):
    """What was done last and can be taken back.

    Attributes:
        text: what it was, for the person.
        watches: empty where nothing was done to a watch.
        silences: the ids of those that began.
        favourites: before and after; None where they were not touched.
        quiet_hours: the same, as they are written; empty where there were none. limits: the same.
        alert_pictures: whether alerts brought pictures before; None where that was not touched.
    """

    text: str
    watches: tuple[Change, ...] = ()
    silences: tuple[str, ...] = ()
    favourites: tuple[tuple[Symbol, ...], tuple[Symbol, ...]] | None = None
    quiet_hours: tuple[str, str] | None = None
    limits: tuple[Limits, Limits] | None = None
    alert_pictures: bool | None = None


class Guess(Noun):
    """A reading that the person has yet to agree to.

    Attributes:
        id: on the buttons of its card, so that an old card answers for nothing new.
        text: the sentence.
        unused: figures and words of the sentence that the request does not hold.
        half: the grammar's, but for these words; where it is wrong, a model may still know better.
    """

    id: str
    request: Request
    text: str
    unused: tuple[str, ...] = ()
    half: bool = False
    at: datetime


class Dialogue(Noun):
    """Kept per person and chat, over a restart.

    Attributes:
        draft: the request that the open question is about, or the last watch made, which a sentence may correct.
        asked: the slot that was asked for; None when nothing is asked.
        choices: symbols offered, in their order.
        watch_id: the watch made or changed last.
        ticket_id: the card of the order that the draft stands for.
        said: the sentence that the open question is about.
        at: aware UTC, when the draft was set.
        turn: on the buttons of the open question, so that those of an earlier one, or of another person in the same
            group, answer nothing.
        offered: the button that a typed 是 presses, where the last message asked a question of yes or no.
        done: what 撤销 takes back.
        guess: what a model made of a sentence, until the person says whether it is right.
    """

    draft: Request | None = None
    asked: str | None = None
    choices: tuple[Symbol, ...] = ()
    watch_id: str | None = None
    ticket_id: str | None = None
    last_intent: str | None = None
    last_ask: str | None = None
    last_symbols: tuple[Symbol, ...] = ()
    last_text: str = ""
    said: str = ""
    at: datetime | None = None
    offered: str = ""
    offered_at: datetime | None = None
    turn: str = ""
    done: Step | None = None
    guess: Guess | None = None

    def asking(
        self, draft: Request, asked: str, turn: str, now: datetime, choices: tuple[Symbol, ...] = ()
    ) -> Dialogue:
        """After a question."""
        said = self.said if self.asked is not None else self.last_text
        update = {"draft": draft, "asked": asked, "choices": choices, "said": said, "at": now}
        return self.model_copy(update=update | {"turn": turn, "ticket_id": None})

    def answer(self, text: str) -> str:
        """The button that answers the question asked last."""
        return f"answer {self.turn} {text}"

    def asks(self, turn: str, now: datetime) -> bool:
        """Whether the question of a button is still the open one."""
        return turn == self.turn and self.asked is not None and not self.outlived(now)

    def outlived(self, now: datetime) -> bool:
        """Whether a question was asked and waits no more."""
        return self.asked is not None and self.at is not None and now - self.at > QUESTION_LIVES

    def made(self, draft: Request, watch_id: str, now: datetime) -> Dialogue:
        """After a watch was made or changed: the next sentence may correct it."""
        update = {"draft": draft, "asked": None, "choices": (), "watch_id": watch_id, "ticket_id": None, "at": now}
        return self.model_copy(update=update)

    def proposed(self, draft: Request, ticket_id: str, now: datetime) -> Dialogue:
        """After the card of an order was shown: the next sentence may correct it."""
        update = {"draft": draft, "asked": None, "choices": (), "ticket_id": ticket_id, "at": now}
        return self.model_copy(update=update)

    @property
    def sentence(self) -> str:
        """What the person said to begin with, before any question."""
        return self.said if self.asked is not None else self.last_text

    def offering(self, press: str, now: datetime) -> Dialogue:
        """After any reply: a question of yes or no is open until the next one."""
        return self.model_copy(update={"offered": press, "offered_at": now if press else None})

    def on_offer(self, now: datetime) -> str:
        """What a typed 是 presses now; empty when nothing was asked, or too long ago."""
        return self.offered if self.offered_at is not None and now - self.offered_at <= QUESTION_LIVES else ""

    def did(self, text: str, *watches: Change, **what: object) -> Dialogue:
        """After something that can be taken back; ``what`` are the other fields of its :class:`Step`."""
        changes = tuple(Change(_slim(before), _slim(after)) for before, after in watches)
        return self.model_copy(update={"done": Step.model_validate({"text": text, "watches": changes, **what})})

    def guessing(self, guess: Guess) -> Dialogue:
        """After a card that asks whether a reading is right. A correction can no longer mean an earlier watch."""
        return self.closed().model_copy(update={"guess": guess, "watch_id": None})

    def on_guess(self, now: datetime) -> Guess | None:
        """The reading that the person may still agree to."""
        return self.guess if self.guess is not None and now - self.guess.at <= QUESTION_LIVES else None

    def decided(self) -> Dialogue:
        """After the person has said whether a reading is right."""
        return self.model_copy(update={"guess": None})

    def closed(self) -> Dialogue:
        """After the question was answered or dropped."""
        return self.model_copy(update={"draft": None, "asked": None, "choices": (), "ticket_id": None})

    def spoke(self, text: str, request: Request) -> Dialogue:
        """After any sentence: what it was about."""
        return self.model_copy(
            update={
                "last_text": text,
                "last_intent": request.intent,
                "last_ask": request.ask,
                "last_symbols": request.symbols or self.last_symbols,
            }
        )

    def context(self, now: datetime, prices: dict[Symbol, Price], tasks: tuple[dict[str, object], ...] = ()) -> Context:
        """For the grammar. An old draft is forgotten."""
        lives = CORRECTABLE if self.asked is None else QUESTION_LIVES
        fresh = self.at is not None and now - self.at <= lives
        return Context.model_validate(
            {
                "draft": self.draft.model_dump(exclude_none=True) if fresh and self.draft else None,
                "asked": self.asked if fresh else None,
                "choices": self.choices if fresh else (),
                "last_intent": self.last_intent,
                "last_ask": self.last_ask,
                "last_symbols": self.last_symbols,
                "last_price": prices,
                "tasks": tasks,
            }
        )


def _slim(watch: Watch | None) -> Watch | None:
    """Of a watch on the whole market only the first share is kept: what there is then is looked up again."""
    whole = watch is not None and watch.scope == "market"
    return watch.model_copy(update={"symbols": watch.symbols[:1]}) if watch is not None and whole else watch
