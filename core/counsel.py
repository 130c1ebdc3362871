"""Counsel: the one way by which anything in this house asks a language model.

It sends what failed again, keeps the deadline and the purse, leaves a server that fails alone for a while, and stops
for good when the account is not served any more. What an answer is worth is judged by whoever asked.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from datetime import timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from core import render_counsel as words
from core.allowance import Allowance, Budget, Held, Limit
from core.clock import Clock
from core.completions import Completion, Prompt
from core.consultations import Purpose
from core.errors import Malformed, OutsideError, Refused, Unavailable
from core.ports import Model, StreamingModel

log: Final = logging.getLogger(__name__)

TRIES: Final = {Purpose.SENTENCE: 1, Purpose.ANALYSIS: 3, Purpose.REPORT: 3}
"""Requests for one question. A person who waits for a sentence has the grammar's answer instead of another try."""
AT_ONCE: Final = {Purpose.SENTENCE: 4, Purpose.ANALYSIS: 3, Purpose.REPORT: 1}
"""Requests under way. Each purpose has its own, so that no sentence stands behind analyses."""
FIRST_PAUSE: Final = 1.0
"""Seconds before the second try; doubled for each further one, and up to half as much again by chance."""
A_HAIR: Final = 0.01
"""Seconds by which the clock of the loop and that of the wall may differ."""
TIRED: Final = 3
"""Failures in a row after which nobody is kept waiting for a while."""
REST: Final = timedelta(minutes=1)
LONGEST_REST: Final = timedelta(minutes=5)

Hear = Callable[[str], Awaitable[None]]
"""Called with the answer as far as it has come, again and again; a new try begins with less."""


class Why(StrEnum):
    """Why there is no answer."""

    SPENT = "spent"
    LATE = "late"
    FAILED = "failed"
    OUT = "out"


class Unanswered(NamedTuple):
    """No answer.

    Attributes:
        text: for people: what happened and what to do.
    """

    why: Why
    text: str


class Counsel:
    """One for each model.

    Args:
        tell: how whoever keeps the house learns, once, that the model will not serve it any more.
        chance: between 0 and 1.
    """

    def __init__(
        self,
        model: Model,
        allowance: Allowance,
        clock: Clock,
        tell: Callable[[str], Awaitable[None]],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._model = model
        self._allowance = allowance
        self._clock = clock
        self._tell = tell
        self._sleep = sleep
        self._chance = chance
        self._turns = {purpose: asyncio.Semaphore(most) for purpose, most in AT_ONCE.items()}
        self._refused = ""
        self._told = False
        self._failures = 0
        self._rests_until = clock.now()

    @property
    def model(self) -> str:
        """The name that is asked for."""
        return self._model.name

    @property
    def budget(self) -> Budget:
        return self._allowance.budget

    async def ask(
        self,
        person: str,
        prompt: Prompt,
        *,
        purpose: Purpose,
        seconds: float,
        about: str = "",
        hear: Hear | None = None,
    ) -> Completion | Unanswered:
        """One answer, as it came, or why there is none. Raises nothing that others could mend.

        Args:
            person: whose allowance it is.
            seconds: for all of it: waiting for its turn, every try, and the pauses between them.
            about: what it concerns, for the ledger.
            hear: hears the answer while it comes, where the model can do that.
        """
        asked = _Question(person, prompt, purpose, about, hear)
        try:
            async with asyncio.timeout(seconds) as deadline, self._turns[purpose]:
                await asyncio.sleep(0)  # who has no time left begins nothing
                return await self._try(asked, deadline)
        except TimeoutError:
            log.warning("the model did not answer within %s seconds", seconds)
            return Unanswered(Why.LATE, words.late(seconds))

    async def describe(self) -> str:
        """One line for /about: which model, and what it cost today. Raises Unavailable."""
        day = await self._allowance.today()
        return words.about_model(self._model.describe(), self.model, day, self.budget, self._refused)

    async def _try(self, asked: _Question, deadline: asyncio.Timeout) -> Completion | Unanswered:
        until, tries = deadline.when(), TRIES[asked.purpose]
        assert until is not None
        rest = (self._rests_until - self._clock.now()).total_seconds()
        if tries > 1 and 0 < rest < until - asyncio.get_running_loop().time():
            await self._sleep(rest + A_HAIR)  # who has the time comes back when the server wishes
        for attempt in range(1, tries + 1):
            if (no := await self._unwilling(again=attempt > 1)) is not None:
                return no
            held = await self._reserve(asked, attempt)
            if isinstance(held, Unanswered):
                return held
            try:
                answer = await self._send(asked)
            except asyncio.CancelledError:
                if deadline.expired():
                    self._rest(None)
                raise
            except OutsideError as error:
                _hold(deadline)  # what is known is written down, however late it is
                await self._record(self._allowance.fail(held, error))
                if isinstance(error, Refused):
                    return await self._out(error)
                log.warning("%s", error)
                asked_to_wait = error.retry_after if isinstance(error, Unavailable) else None
                self._rest(asked_to_wait)
                pause = self._pause(attempt, asked_to_wait)
                left = until - asyncio.get_running_loop().time()
                if attempt == tries or not isinstance(error, Unavailable) or pause >= left:
                    return Unanswered(Why.FAILED, words.failed(error.reason))
                deadline.reschedule(until)
                await self._sleep(pause)
            else:
                _hold(deadline)
                self._failures = 0
                await self._record(self._allowance.settle(held, answer))
                return answer
        raise AssertionError("the last try returns")

    async def _unwilling(self, *, again: bool) -> Unanswered | None:
        """Why nothing is asked now.

        Args:
            again: the pause that the server asked for was kept by whoever asks.
        """
        if self._refused:
            await self._tell_refused()
            return Unanswered(Why.OUT, words.out(self._refused))
        resting = self._failures >= TIRED if again else self._clock.now() < self._rests_until
        return Unanswered(Why.FAILED, words.resting(self._rests_until)) if resting else None

    async def _reserve(self, asked: _Question, attempt: int) -> Held | Unanswered:
        try:
            held = await self._allowance.reserve(
                asked.person, self.model, asked.prompt, purpose=asked.purpose, about=asked.about, attempt=attempt
            )
        except OutsideError as error:
            log.warning("%s", error)
            return Unanswered(Why.FAILED, words.unrecorded(error.reason))
        if isinstance(held, Limit):
            return Unanswered(Why.SPENT, words.spent(held, self.budget, asked.purpose))
        return held

    async def _send(self, asked: _Question) -> Completion:
        hear = asked.hear
        if hear is None or not isinstance(self._model, StreamingModel):
            return await self._model.complete(asked.prompt)
        text = ""
        async with aclosing(self._model.stream(asked.prompt)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Completion):
                    return piece
                text += piece
                with suppress(OutsideError):  # of whoever shows it; the whole answer is still to come
                    await hear(text)
        raise Malformed("模型", "回答没有结尾")

    async def _record(self, written: Awaitable[None]) -> None:
        """What cannot be written down leaves the worst in the ledger; the answer is as good."""
        try:
            await written
        except OutsideError as error:
            log.warning("what a request cost was not written down: %s", error)

    async def _out(self, error: Refused) -> Unanswered:
        self._refused = error.reason
        log.error("%s", error)
        await self._tell_refused()
        return Unanswered(Why.OUT, words.out(self._refused))

    async def _tell_refused(self) -> None:
        """Once; what cannot be said now is said at the next question."""
        if self._told:
            return
        self._told = True
        try:
            await self._tell(words.out_notice(self._refused))
        except OutsideError as error:
            log.warning("%s", error)
            self._told = False

    def _rest(self, asked_to_wait: timedelta | None) -> None:
        """Leave the model alone for as long as it asked for, or for a while after it has failed several times."""
        self._failures += 1
        rest = asked_to_wait or (REST if self._failures >= TIRED else timedelta())
        self._rests_until = self._clock.now() + min(rest, LONGEST_REST)

    def _pause(self, attempt: int, asked_to_wait: timedelta | None) -> float:
        """Seconds before the next try."""
        if asked_to_wait is not None:
            return asked_to_wait.total_seconds()
        return FIRST_PAUSE * (1 << attempt - 1) * (1 + self._chance() / 2)


class _Question(NamedTuple):
    person: str
    prompt: Prompt
    purpose: Purpose
    about: str
    hear: Hear | None


def _hold(deadline: asyncio.Timeout) -> None:
    """Let what follows be done to its end."""
    if not deadline.expired():
        deadline.reschedule(None)
