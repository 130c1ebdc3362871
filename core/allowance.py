"""Allowance: what may still be asked of a model today, per person and by the whole house. It outlives the process.

The ledger of consultations is the record: the worst that a request can cost is a line of it before the request is sent,
and what it did cost replaces the worst afterwards. A request whose cost nobody told keeps the worst: no day costs more
than was allowed, whatever dies in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from core.clock import Clock, market_time, midnight
from core.completions import NOTHING_USED, Completion, Prompt, Spoilt, TurnedAway, Usage
from core.consultations import Consultation, Purpose, Spent, Tally, total
from core.errors import OutsideError, Refused
from core.ports import Store
from core.tariffs import Price, tariff_at
from core.types import Noun

log: Final = logging.getLogger(__name__)

KEPT_FOR_SENTENCES: Final = Decimal("0.1")
"""This part of a day's yuan is for sentences alone: who lets a model analyse all day is still understood."""


class Budget(Noun):
    """What may be used of the model.

    Attributes:
        yuan: of one person and day.
        house: yuan of everybody together and day; None is five times that of one person.
        calls, tokens: of one person and day. They are what holds where a model costs nothing.
        seconds: how long a person waits for a sentence to be read, all attempts together.
        analysis_seconds: the same for an analysis.
        price: yuan per million tokens, where the person told us; None looks it up.
    """

    yuan: Decimal = Decimal(1)
    house: Decimal | None = None
    calls: int = 5000
    tokens: int = 50_000_000
    seconds: float = 6
    analysis_seconds: float = 60
    price: Price | None = None

    @property
    def house_yuan(self) -> Decimal:
        return self.yuan * 5 if self.house is None else self.house


class Limit(StrEnum):
    """What is used up."""

    YUAN = "yuan"
    HOUSE = "house"
    CALLS = "calls"
    TOKENS = "tokens"


class Day(NamedTuple):
    """What one market date has cost so far."""

    day: date
    tallies: Sequence[Tally]

    def of(self, person: str) -> Spent:
        return total(one.spent for one in self.tallies if one.person == person)

    def on(self, purpose: Purpose) -> Spent:
        return total(one.spent for one in self.tallies if one.purpose is purpose)

    @property
    def everybody(self) -> Spent:
        return total(one.spent for one in self.tallies)

    @property
    def models(self) -> Mapping[str, int]:
        """How many answers came from which model, by the provider's own word."""
        found: dict[str, int] = {}
        for one in self.tallies:
            if one.model:
                found[one.model] = found.get(one.model, 0) + one.spent.calls
        return found


class Held(NamedTuple):
    """The line of a request that may be sent now, and the price that will count for it."""

    line: Consultation
    price: Price


class Allowance:
    """Keeps the record in the store and nowhere else: a second process of the same house counts with it."""

    def __init__(self, store: Store, clock: Clock, budget: Budget) -> None:
        self._store = store
        self._clock = clock
        self.budget = budget
        self._turn = asyncio.Lock()

    async def reserve(
        self, person: str, model: str, prompt: Prompt, *, purpose: Purpose, about: str = "", attempt: int = 1
    ) -> Held | Limit:
        """Write down the worst that a request can cost, or say what of the day is used up.

        Raises:
            Unavailable: it cannot be written down. Then nothing may be asked.
        """
        now = self._clock.now()
        worst = prompt.at_worst
        price, row, peak = tariff_at(model, now, self.budget.price)
        line = Consultation(
            id=self._clock.new_id(),
            at=now,
            person=person,
            purpose=purpose,
            about=about,
            model_asked=model,
            prompt_version=prompt.version,
            prompt_sha=prompt.sha,
            attempt=attempt,
            **worst.model_dump(),
            yuan=price.of(worst),
            price=row,
            peak=peak,
        )
        async with self._turn:
            if (over := self._over(await self.today(), line)) is not None:
                return over
            await self._store.save_consultation(line)
        return Held(line, price)

    def _over(self, day: Day, line: Consultation) -> Limit | None:
        budget = self.budget
        mine = day.of(line.person).plus(line.spent)
        house = day.everybody.yuan + line.yuan
        part = 1 if line.purpose is Purpose.SENTENCE else 1 - KEPT_FOR_SENTENCES
        if line.yuan and mine.yuan > budget.yuan * part:
            return Limit.YUAN
        if line.yuan and house > budget.house_yuan * part:
            return Limit.HOUSE
        if mine.calls > budget.calls:
            return Limit.CALLS
        return Limit.TOKENS if mine.tokens > budget.tokens else None

    async def settle(self, held: Held, answer: Completion) -> None:
        """Replace the worst by what the request did cost, where the provider says so.

        Raises:
            Unavailable: it cannot be written down; the worst stays.
        """
        told = {"model": answer.model, "finish_reason": answer.finish_reason, "answer": answer.text}
        await self._end(held, answer.usage, **told)

    async def fail(self, held: Held, error: OutsideError) -> None:
        """Note that a request came to nothing, and what that cost: nothing where they did not serve it.

        Raises:
            Unavailable: as above.
        """
        if isinstance(error, Spoilt):
            await self._end(held, error.usage, model=error.model, error=error.reason)
        else:
            unserved = isinstance(error, Refused | TurnedAway)
            await self._end(held, NOTHING_USED if unserved else None, error=error.reason)

    async def _end(self, held: Held, usage: Usage | None, **told: str) -> None:
        line = held.line.ended(usage, held.price.of(usage or held.line.usage), self._clock.now(), **told)
        log.info("%s: %s", line.id, line.error or f"{line.model}, {line.usage}, {line.yuan:f} yuan")
        await self._store.save_consultation(line)

    async def today(self) -> Day:
        """The record of this day. Raises Unavailable."""
        here = market_time(self._clock.now()).date()
        return Day(here, await self._store.tallies(midnight(here)))
