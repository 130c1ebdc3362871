"""What was said last in a chat: the draft that still lacks something, the question asked, what "it" means."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from bot.language.reading import Context
from bot.language.request import Request
from core.types import Noun, Price, Symbol

QUESTION_LIVES: Final = timedelta(minutes=30)
CORRECTABLE: Final = timedelta(minutes=5)
"""How long a bare sentence (买200股) is about the watch just made, and not an order of its own."""


class Dialogue(Noun):
    """Kept per chat, over a restart.

    Attributes:
        draft: the request that the open question is about, or the last watch made, which a sentence may correct.
        asked: the slot that was asked for; None when nothing is asked.
        choices: symbols offered, in their order.
        watch_id: the watch made or changed last.
        said: the sentence that the open question is about.
        at: aware UTC, when the draft was set.
        offered: the button that a typed 是 presses, where the last message asked a question of yes or no.
    """

    draft: Request | None = None
    asked: str | None = None
    choices: tuple[Symbol, ...] = ()
    watch_id: str | None = None
    last_intent: str | None = None
    last_ask: str | None = None
    last_symbols: tuple[Symbol, ...] = ()
    last_text: str = ""
    said: str = ""
    at: datetime | None = None
    offered: str = ""
    offered_at: datetime | None = None

    def asking(self, draft: Request, asked: str, now: datetime, choices: tuple[Symbol, ...] = ()) -> Dialogue:
        """After a question."""
        said = self.said if self.asked is not None else self.last_text
        return self.model_copy(update={"draft": draft, "asked": asked, "choices": choices, "said": said, "at": now})

    def made(self, draft: Request, watch_id: str, now: datetime) -> Dialogue:
        """After a watch was made or changed: the next sentence may correct it."""
        return self.model_copy(update={"draft": draft, "asked": None, "choices": (), "watch_id": watch_id, "at": now})

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

    def closed(self) -> Dialogue:
        """After the question was answered or dropped."""
        return self.model_copy(update={"draft": None, "asked": None, "choices": ()})

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
