"""What is asked of a language model and what comes back: data, so that it can be counted, kept and compared."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final, Literal

from core.errors import Malformed, Unavailable
from core.types import Noun


class Turn(Noun):
    """One message of a conversation with a model."""

    role: Literal["user", "assistant"]
    text: str


class Prompt(Noun):
    """One question.

    Attributes:
        instructions: the same in every prompt of a kind and first in it, so that a provider can keep it.
        turns: what changes.
        shape: the JSON schema of the answer, for providers that can hold a model to one.
        most_tokens: of the answer.
        named: what the writer of the instructions calls their version; empty takes their digest.
    """

    instructions: str
    turns: tuple[Turn, ...]
    shape: dict[str, Any]
    most_tokens: int
    named: str = ""

    @property
    def at_worst(self) -> Usage:
        """The dearest that one call can become: a token for every character, nothing of it kept, the longest answer.

        A provider that is given the shape counts it too.
        """
        texts = (self.instructions, json.dumps(self.shape), *(turn.text for turn in self.turns))
        return Usage(fresh=sum(map(len, texts)), out=self.most_tokens)

    @property
    def version(self) -> str:
        """Of the instructions: answers of one version may be compared."""
        return self.named or digest(self.instructions)

    @property
    def sha(self) -> str:
        """Of the whole question: two with the same one are the same question."""
        return digest(json.dumps(self.model_dump()))


def digest(text: str) -> str:
    """Twelve hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]


class Usage(Noun):
    """Tokens of one call: read anew, read from the provider's cache, written."""

    fresh: int = 0
    cached: int = 0
    out: int = 0

    @property
    def total(self) -> int:
        return self.fresh + self.cached + self.out


NOTHING_USED: Final = Usage()


class Completion(Noun):
    """An answer as it came; nobody has judged it yet.

    Attributes:
        text: may be blank, cut off, or prose where JSON was asked for.
        model: who answered, by the provider's word: what a name stands for changes without notice.
        usage: None where the provider did not say.
        finish_reason: the provider's word for why it ended there: ``stop``, ``length`` (cut off at ``most_tokens``),
            ``content_filter``, …; empty where it did not say.
    """

    text: str
    model: str
    usage: Usage | None = None
    finish_reason: str = ""


class TurnedAway(Unavailable):
    """Asked too often: they did not even read the question, and it cost nothing."""


class Spoilt(Malformed):
    """What we asked, or what they answered, cannot be read.

    Args:
        usage: what they say it used all the same; None where they do not.
    """

    def __init__(self, source: str, reason: str, usage: Usage | None, model: str = "") -> None:
        super().__init__(source, reason)
        self.usage = usage
        self.model = model


class Unfounded(ValueError):
    """An answer that is not believed; the text says why, to people and to the model that is asked again."""
