"""What is asked of a language model and what comes back: data, so that it can be counted, kept and compared."""

from __future__ import annotations

import json
from typing import Any, Literal

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
    """

    instructions: str
    turns: tuple[Turn, ...]
    shape: dict[str, Any]
    most_tokens: int

    @property
    def at_worst(self) -> Usage:
        """The dearest that one call can become: a token for every character, nothing of it kept, the longest answer.

        A provider that is given the shape counts it too.
        """
        texts = (self.instructions, json.dumps(self.shape), *(turn.text for turn in self.turns))
        return Usage(fresh=sum(map(len, texts)), out=self.most_tokens)


class Usage(Noun):
    """Tokens of one call: read anew, read from the provider's cache, written."""

    fresh: int = 0
    cached: int = 0
    out: int = 0

    @property
    def total(self) -> int:
        return self.fresh + self.cached + self.out


class Completion(Noun):
    """An answer as it came; nobody has judged it yet.

    Attributes:
        text: may be blank, cut off, or prose where JSON was asked for.
        model: who answered, by the provider's word: what a name stands for changes without notice.
        usage: None where the provider did not say.
    """

    text: str
    model: str
    usage: Usage | None = None
