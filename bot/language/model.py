"""The second reader: what the grammar cannot read goes to a model, which may propose one request and nothing else.

The model sees the person's own sentence, as quoted material, and today's date. It has no tools that do anything, and
nothing that others wrote (names of shares, memos, news) is in its prompt. What it answers is held against the sentence
by :mod:`bot.language.proposal`; what survives is a request that the person has yet to agree to.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from bot.language.marks import normal
from bot.language.names import Names
from bot.language.proposal import Grounded, Proposal, Unfounded, ground, parse, schema
from bot.language.reading import Context
from bot.language.request import KIND_TEXT, KINDS
from core.allowance import Allowance
from core.clock import Clock, market_time
from core.completions import Prompt, Turn
from core.errors import OutsideError, Refused, Unavailable
from core.ports import Model
from core.types import Symbol

log: Final = logging.getLogger(__name__)

INSTRUCTIONS: Final = Path(__file__).with_name("prompt.txt")
LONGEST: Final = 500
"""Characters of a sentence. People who think aloud need more than the grammar reads."""
ATTEMPTS: Final = 2
MOST_TOKENS: Final = 500
"""Of an answer; a request with several conditions takes about two hundred."""
TIRED: Final = 3
"""Failures in a row after which nobody is kept waiting for a while."""
REST: Final = timedelta(minutes=1)
LONGEST_REST: Final = timedelta(minutes=5)
KEPT_FOR: Final = timedelta(days=1)
MOST_KEPT: Final = 500
AGAIN: Final = '上面的输出不合格：{}只改这一处，重新输出一个 json 对象；改不了就输出 {{"intent":"unknown"}}。'
_WEEKDAYS: Final = "一二三四五六日"


class Tool(NamedTuple):
    """What the house can do, as a model is told.

    Attributes:
        intent: of the sentence schema.
        help, example: as people are told.
    """

    intent: str
    help: str
    example: str


class Unread(StrEnum):
    """Why there is no reading. The value is what the person is told; empty where there is nothing to say."""

    UNCLEAR = ""
    BUSY = "上一句还在请模型理解，请等它答完。"
    SPENT = "今天的模型额度用完了，常用的说法照样听得懂。"
    FAILED = "模型现在没有回答，常用的说法照样听得懂。"
    OUT = "模型现在用不了，常用的说法照样听得懂。"


class SecondReader:
    """Asks a model about one sentence at a time per person.

    Args:
        tools: what the model may choose from.
        tell: how whoever keeps the house learns, once, that the model will not serve it any more.
    """

    def __init__(
        self,
        model: Model,
        allowance: Allowance,
        clock: Clock,
        tools: Sequence[Tool],
        tell: Callable[[str], Awaitable[None]],
    ) -> None:
        self._model = model
        self._allowance = allowance
        self._clock = clock
        self._intents = frozenset(tool.intent for tool in tools)
        self._instructions = instructions(tools)
        self.version = hashlib.sha256(self._instructions.encode()).hexdigest()[:12]
        self._tell = tell
        self._busy: set[str] = set()
        self._kept: dict[str, tuple[datetime, Proposal]] = {}
        self._refused = ""
        self._told = False
        self._failures = 0
        self._rests_until = clock.now()

    async def read(
        self, person: str, text: str, names: Names, *, context: Context, preferred: Collection[Symbol] = ()
    ) -> Grounded | Unread:
        """Read a sentence that the grammar did not.

        Args:
            person: whose allowance it is.
        """
        plain = normal(text)
        if self._refused:
            await self._tell_refused()
            return Unread.OUT
        if not plain or len(plain) > LONGEST:
            return Unread.UNCLEAR
        if self._clock.now() < self._rests_until:
            return Unread.FAILED
        if person in self._busy:
            return Unread.BUSY
        self._busy.add(person)
        try:
            async with asyncio.timeout(self._allowance.budget.seconds):
                return await self._ask(_Sentence(person, plain, names, self._clock.now(), context, preferred))
        except TimeoutError:
            log.warning("the model did not answer within %s seconds", self._allowance.budget.seconds)
            return self._failed(None)
        except Refused as error:
            self._refused = error.reason
            log.error("%s", error)  # noqa: TRY400 - no traceback: it is their word
            await self._tell_refused()
            return Unread.OUT
        except OutsideError as error:
            log.warning("%s", error)
            return self._failed(error.retry_after if isinstance(error, Unavailable) else None)
        finally:
            self._busy.discard(person)

    async def _tell_refused(self) -> None:
        """Once; what cannot be said now is said at the next sentence."""
        if self._told:
            return
        self._told = True
        try:
            await self._tell(f"模型用不了了：{self._refused}。处理好以后请重新启动，在那之前只用离线语法。")
        except OutsideError as error:
            log.warning("%s", error)
            self._told = False

    def _failed(self, asked_to_wait: timedelta | None) -> Unread:
        """Leave the model alone for as long as it asked for, or for a while after it has failed several times."""
        self._failures += 1
        rest = asked_to_wait or (REST if self._failures >= TIRED else timedelta())
        self._rests_until = self._clock.now() + min(rest, LONGEST_REST)
        return Unread.FAILED

    async def _ask(self, said: _Sentence) -> Grounded | Unread:
        """At most two answers are looked at; the second one knows what was wrong with the first."""
        asked = said.question()
        key = f"{self._model.name} {self.version} {asked}"
        if (kept := self._remembered(key)) is not None:
            with suppress(Unfounded):  # names were learnt since, or 10点半 is another time now: it is asked anew
                return said.ground(kept) or Unread.UNCLEAR
        turns: tuple[Turn, ...] = (Turn(role="user", text=asked),)
        for _ in range(ATTEMPTS):
            prompt = Prompt(instructions=self._instructions, turns=turns, shape=schema(), most_tokens=MOST_TOKENS)
            held = await self._allowance.reserve(said.person, self._model.name, prompt.at_worst)
            if held is None:
                return Unread.SPENT
            answer = await self._model.complete(prompt)
            self._failures = 0
            await self._allowance.settle(held, answer)
            try:
                found = parse(answer.text, self._intents)
                grounded = said.ground(found)
            except Unfounded as error:
                log.info("an answer of %s was not believed: %s", answer.model, error)
                again = AGAIN.format(error)
                shown = answer.text.strip()[:MOST_TOKENS] or "（空）"
                turns = (*turns[:1], Turn(role="assistant", text=shown), Turn(role="user", text=again))
            else:
                self._keep(key, found)
                return grounded or Unread.UNCLEAR
        return Unread.UNCLEAR

    def _remembered(self, key: str) -> Proposal | None:
        at, found = self._kept.get(key, (None, None))
        return found if at is not None and self._clock.now() - at < KEPT_FOR else None

    def _keep(self, key: str, found: Proposal) -> None:
        while len(self._kept) >= MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (self._clock.now(), found)

    async def describe(self) -> str:
        """One line for /about: which model, and what it cost today. Raises Unavailable."""
        day = await self._allowance.today()
        spent, budget = day.everybody, self._allowance.budget
        cost = f"今天问了 {spent.calls} 次，约 {spent.yuan:.4f} 元" if spent.calls else "今天还没有问过"
        who = f"，回答的是 {'、'.join(day.models)}" if set(day.models) - {self._model.name} else ""
        out = f"。现在用不了：{self._refused}" if self._refused else ""
        return f"模型：{self._model.describe()}，{cost}（每人每天最多 {budget.yuan:f} 元）{who}{out}"


class _Sentence(NamedTuple):
    """One sentence with all that it is held against."""

    person: str
    plain: str
    names: Names
    now: datetime
    context: Context
    preferred: Collection[Symbol]

    def question(self) -> str:
        """The changing part of the prompt. Nobody closes the quotation from inside."""
        here = market_time(self.now)
        quoted = self.plain.replace("<", "〈").replace(">", "〉")
        return f"今天是 {here:%Y-%m-%d} 星期{_WEEKDAYS[here.weekday()]}。\n<用户原话>{quoted}</用户原话>"

    def ground(self, found: Proposal) -> Grounded | None:
        """None where the model says that it cannot tell. Raises Unfounded."""
        if found.intent == "unknown":
            return None
        return ground(found, self.plain, self.names, now=self.now, context=self.context, preferred=self.preferred)


def instructions(tools: Sequence[Tool]) -> str:
    """The fixed part of the prompt: our text with the house's own commands as the tools."""
    listed = "\n".join(
        f"- {tool.intent}：{tool.help}" + f"（例如：{tool.example}）" * bool(tool.example) for tool in tools
    )
    kinds = "\n".join(f"- {kind}：{KIND_TEXT[kind]}" for kind in KIND_TEXT if kind in {*KINDS, "price_reach"})
    text = INSTRUCTIONS.read_text(encoding="utf-8")
    return text.replace("{tools}", listed).replace("{kinds}", kinds)
