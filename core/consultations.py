"""Consultation: one request to a language model, as the ledger of what models cost keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import reduce
from typing import Final, NamedTuple

from core.completions import Usage
from core.types import Noun

MOST_KEPT: Final = 8000
"""Characters of an answer that are kept; an analysis takes about two thousand."""
_MOST_NAMED: Final = 200
UNHEARD: Final = "没有等到回答"


class Purpose(StrEnum):
    """What a model is asked for."""

    SENTENCE = "sentence"
    ANALYSIS = "analysis"
    REPORT = "report"

    @property
    def chinese(self) -> str:
        return {"sentence": "听话", "analysis": "分析", "report": "报告"}[self.value]


class Consultation(Noun):
    """One request, written down before it is sent and again when its fate is known.

    Attributes:
        at: when it was asked.
        person: whose allowance it is.
        about: what it concerns, by the asker's own key: a symbol, a watch, an alert.
        model_asked, model: what was asked for, and who answered by the provider's word; empty where nobody did.
        prompt_version, prompt_sha: of the instructions, and of the whole question.
        attempt: of the same question: what failed on the way is sent again.
        fresh, cached, out: tokens.
        told: the tokens are the provider's own count. Otherwise they are the worst that it could have been.
        yuan: what these tokens cost, to a millionth of a millionth.
        price: by which row: the model and the day it is from; ``own`` is the person's, ``dearest`` stands for no row.
        peak: at the provider's busy hours.
        latency_ms: None where no answer was heard.
        finish_reason: the provider's word.
        error: what became of it where that was no answer; empty with an answer.
        answer: as it came, at most :data:`MOST_KEPT` characters.
    """

    id: str
    at: datetime
    person: str
    purpose: Purpose
    about: str = ""
    model_asked: str
    model: str = ""
    prompt_version: str = ""
    prompt_sha: str = ""
    attempt: int = 1
    fresh: int = 0
    cached: int = 0
    out: int = 0
    told: bool = False
    yuan: Decimal = Decimal(0)
    price: str = ""
    peak: bool = False
    latency_ms: int | None = None
    finish_reason: str = ""
    error: str = UNHEARD
    answer: str = ""

    @property
    def usage(self) -> Usage:
        return Usage(fresh=self.fresh, cached=self.cached, out=self.out)

    @property
    def spent(self) -> Spent:
        return Spent(1, self.usage.total, self.yuan)

    def ended(
        self,
        usage: Usage | None,
        yuan: Decimal,
        at: datetime,
        *,
        model: str = "",
        finish_reason: str = "",
        error: str = "",
        answer: str = "",
    ) -> Consultation:
        """With what became of it.

        Args:
            usage: None keeps the worst, and what it costs.
            yuan: of that usage.
        """
        known = {"told": True, "yuan": yuan, **usage.model_dump()} if usage is not None else {}
        return self.model_copy(
            update={
                **known,
                "latency_ms": (at - self.at) // timedelta(milliseconds=1),
                "model": _storable(model, _MOST_NAMED),
                "finish_reason": _storable(finish_reason, _MOST_NAMED),
                "error": error,
                "answer": _storable(answer, MOST_KEPT),
            }
        )


def _storable(text: str, most: int) -> str:
    """What others wrote, so that every database takes it: some refuse a zero, all refuse half a character."""
    return text[:most].replace("\0", "�").encode("utf-8", "replace").decode()


class Spent(NamedTuple):
    """What was used."""

    calls: int = 0
    tokens: int = 0
    yuan: Decimal = Decimal(0)

    def plus(self, other: Spent) -> Spent:
        return Spent(self.calls + other.calls, self.tokens + other.tokens, self.yuan + other.yuan)


class Tally(NamedTuple):
    """The lines of the ledger that agree in these, added up.

    Attributes:
        model: who answered; empty where nobody did.
    """

    person: str
    purpose: Purpose
    model: str
    spent: Spent


def total(parts: Iterable[Spent]) -> Spent:
    return reduce(Spent.plus, parts, Spent())
