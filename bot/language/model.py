"""The second reader: what the grammar cannot read goes to a model, which may propose one request and nothing else.

The model sees the person's own sentence, as quoted material, and today's date. It has no tools that do anything, and
nothing that others wrote (names of shares, memos, news) is in its prompt. What it answers is held against the sentence
by :mod:`bot.language.proposal`; what survives is a request that the person has yet to agree to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from bot.language.marks import normal
from bot.language.names import Names
from bot.language.proposal import Grounded, Proposal, ground, parse, schema
from bot.language.reading import Context
from bot.language.request import KIND_TEXT, KINDS
from core.clock import Clock, market_time
from core.completions import Prompt, Turn, Unfounded, digest
from core.consultations import Purpose
from core.counsel import Counsel, Unanswered, Why
from core.types import Symbol

log: Final = logging.getLogger(__name__)

INSTRUCTIONS: Final = Path(__file__).with_name("prompt.txt")
LONGEST: Final = 500
"""Characters of a sentence. People who think aloud need more than the grammar reads."""
ATTEMPTS: Final = 2
MOST_TOKENS: Final = 500
"""Of an answer; a request with several conditions takes about two hundred."""
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


_UNANSWERED: Final = {
    Why.SPENT: Unread.SPENT,
    Why.LATE: Unread.FAILED,
    Why.FAILED: Unread.FAILED,
    Why.OUT: Unread.OUT,
}


class SecondReader:
    """Asks a model about one sentence at a time per person.

    Args:
        tools: what the model may choose from.
    """

    def __init__(self, counsel: Counsel, clock: Clock, tools: Sequence[Tool]) -> None:
        self._counsel = counsel
        self._clock = clock
        self._intents = frozenset(tool.intent for tool in tools)
        self._instructions = instructions(tools)
        self.version = digest(self._instructions)
        self._busy: set[str] = set()
        self._kept: dict[str, tuple[datetime, Proposal]] = {}

    async def read(
        self, person: str, text: str, names: Names, *, purse: str, context: Context, preferred: Collection[Symbol] = ()
    ) -> Grounded | Unread:
        """Read a sentence that the grammar did not.

        Args:
            person: who says it: one sentence at a time.
            purse: whose allowance it is. The owners of a house share one, as they share their watches.
        """
        plain = normal(text)
        if not plain or len(plain) > LONGEST:
            return Unread.UNCLEAR
        if person in self._busy:
            return Unread.BUSY
        self._busy.add(person)
        try:
            return await self._ask(_Sentence(purse, plain, names, self._clock.now(), context, preferred))
        finally:
            self._busy.discard(person)

    async def _ask(self, said: _Sentence) -> Grounded | Unread:
        """At most two answers are looked at; the second one knows what was wrong with the first."""
        asked = said.question()
        key = f"{self._counsel.model} {self.version} {asked}"
        if (kept := self._remembered(key)) is not None:
            with suppress(Unfounded):  # names were learnt since, or 10点半 is another time now: it is asked anew
                return said.ground(kept) or Unread.UNCLEAR
        turns: tuple[Turn, ...] = (Turn(role="user", text=asked),)
        time = asyncio.get_running_loop().time
        until = time() + self._counsel.budget.seconds
        for _ in range(ATTEMPTS):
            prompt = Prompt(instructions=self._instructions, turns=turns, shape=schema(), most_tokens=MOST_TOKENS)
            answer = await self._counsel.ask(
                said.purse, prompt, purpose=Purpose.SENTENCE, seconds=max(until - time(), 0)
            )
            if isinstance(answer, Unanswered):
                return _UNANSWERED[answer.why]
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


class _Sentence(NamedTuple):
    """One sentence with all that it is held against."""

    purse: str
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
