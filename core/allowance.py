"""Allowance: what a person may still ask of a model today, in calls, tokens and yuan. It outlives the process.

The worst that a call can cost is written down before the call, and what it did cost afterwards. A call whose cost
nobody told keeps the worst: a day never costs more than was allowed, whatever dies in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from pydantic import Field, ValidationError

from core.clock import Clock, market_time
from core.completions import Completion, Usage
from core.ports import Store
from core.tariffs import Price, price_at
from core.types import Noun

log: Final = logging.getLogger(__name__)

KEY: Final = "model_spent"


class Budget(Noun):
    """What one person may use of the model.

    Attributes:
        yuan, calls, tokens: of one day.
        seconds: how long a person waits for an answer, all attempts together.
        price: yuan per million tokens, where the person told us; None looks it up.
    """

    yuan: Decimal = Decimal(1)
    calls: int = 300
    tokens: int = 1_000_000
    seconds: float = 6
    price: Price | None = None


class Spent(Noun):
    """What was used of one day."""

    calls: int = 0
    tokens: int = 0
    yuan: Decimal = Decimal(0)

    def plus(self, tokens: int, yuan: Decimal, calls: int = 0) -> Spent:
        return Spent(calls=self.calls + calls, tokens=self.tokens + tokens, yuan=self.yuan + yuan)


class Day(Noun):
    """The record of one market date.

    Attributes:
        people: by person.
        models: how many answers came from which model, by the provider's own word.
    """

    day: date
    people: Mapping[str, Spent] = Field(default_factory=dict)
    models: Mapping[str, int] = Field(default_factory=dict)

    @property
    def everybody(self) -> Spent:
        return Spent(
            calls=sum(one.calls for one in self.people.values()),
            tokens=sum(one.tokens for one in self.people.values()),
            yuan=sum((one.yuan for one in self.people.values()), Decimal(0)),
        )


class Reserved(NamedTuple):
    """The worst that a call under way can cost."""

    day: date
    person: str
    usage: Usage
    yuan: Decimal
    price: Price


class Allowance:
    """Keeps the record in the store and nowhere else: a second process of the same house counts with it."""

    def __init__(self, store: Store, clock: Clock, budget: Budget) -> None:
        self._store = store
        self._clock = clock
        self.budget = budget
        self._turn = asyncio.Lock()

    async def reserve(self, person: str, model: str, worst: Usage) -> Reserved | None:
        """Write down the worst that a call can cost; None when the person's day is used up.

        Raises:
            Unavailable: it cannot be written down. Then nothing may be asked.
        """
        now = self._clock.now()
        price = self.budget.price or price_at(model, now)
        held = Reserved(market_time(now).date(), person, worst, price.of(worst), price)
        async with self._turn:
            day = await self.today()
            mine = day.people.get(person, Spent()).plus(worst.total, held.yuan, calls=1)
            if mine.calls > self.budget.calls or mine.tokens > self.budget.tokens or mine.yuan > self.budget.yuan:
                return None
            await self._keep(day, person, mine)
        return held

    async def settle(self, held: Reserved, answer: Completion) -> None:
        """Replace the worst by what the call did cost, where the provider says so.

        Raises:
            Unavailable: it cannot be written down; the worst stays.
        """
        used = answer.usage or held.usage
        yuan = held.price.of(used)
        log.info("%s answered: %d+%d in, %d out, %.6f yuan", answer.model, used.fresh, used.cached, used.out, yuan)
        async with self._turn:
            day = await self.today()
            if day.day != held.day:
                return
            mine = day.people.get(held.person, Spent())
            mine = mine.plus(used.total - held.usage.total, yuan - held.yuan)
            models = {**day.models, answer.model: day.models.get(answer.model, 0) + 1}
            await self._keep(day.model_copy(update={"models": models}), held.person, mine)

    async def today(self) -> Day:
        """The record of this day. Raises Unavailable."""
        today = market_time(self._clock.now()).date()
        stored = await self._store.value(KEY)
        if stored is not None:
            try:
                day = Day.model_validate_json(stored)
            except ValidationError:
                log.warning("the record of what the model cost cannot be read and begins anew")
            else:
                if day.day == today:
                    return day
        return Day(day=today)

    async def _keep(self, day: Day, person: str, mine: Spent) -> None:
        kept = day.model_copy(update={"people": {**day.people, person: mine}})
        await self._store.set_value(KEY, kept.model_dump_json())
