"""The one way to ask a model: deadline, tries, turns, rest, the purse, and the end of it all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.stores.memory import MemoryStore
from core.allowance import Allowance, Budget
from core.clock import ManualClock
from core.completions import Completion, Prompt, Spoilt, Turn, TurnedAway, Usage
from core.consultations import UNHEARD, Consultation, Purpose
from core.counsel import AT_ONCE, Counsel, Unanswered, Why
from core.errors import Malformed, OutsideError, Refused, Unavailable
from tests.fakes.market import market_instant

PROMPT = Prompt(
    instructions="输出 json", turns=(Turn(role="user", text="茅台"),), shape={}, most_tokens=300, named="v1"
)
USED = Usage(fresh=100, cached=900, out=50)
ANSWER = Completion(text="{}", model="deepseek-flash-1017", usage=USED, finish_reason="stop")
BUSY = Unavailable("模型", "现在很忙（503）")

Said = Completion | OutsideError | Callable[[], Awaitable[Completion]]


class Oracle:
    """A model that says what it was told to, one after another; the last one for ever."""

    name = "deepseek-flash"

    def __init__(self, *said: Said) -> None:
        self.said = list(said)
        self.asked = 0
        self.under_way = 0
        self.most = 0
        self._news = asyncio.Condition()

    async def until_asked(self, times: int) -> None:
        async with self._news:
            await self._news.wait_for(lambda: self.asked >= times)

    async def complete(self, prompt: Prompt) -> Completion:
        async with self._news:
            self.asked += 1
            self._news.notify_all()
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            said = self.said.pop(0) if len(self.said) > 1 else self.said[0]
            if isinstance(said, OutsideError):
                raise said
            return said if isinstance(said, Completion) else await said()
        finally:
            self.under_way -= 1

    async def close(self) -> None: ...

    def describe(self) -> str:
        return "预言"


class Room:
    """A counsel with everything around it."""

    def __init__(self, model: Oracle, *, budget: Budget | None = None, store: MemoryStore | None = None) -> None:
        self.model = model
        self.clock = ManualClock(market_instant("2026-11-18 10:00"))
        self.store = store or MemoryStore()
        self.told: list[str] = []
        self.pauses: list[float] = []
        self.unreachable = False
        self.moves = False
        """The clock goes on with every pause."""
        allowance = Allowance(self.store, self.clock, budget or Budget())
        self.counsel = Counsel(model, allowance, self.clock, self._tell, sleep=self._sleep, chance=lambda: 0.5)

    async def _tell(self, text: str) -> None:
        if self.unreachable:
            raise Unavailable("Telegram", "连不上")
        self.told.append(text)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if self.moves:
            self.clock.advance(timedelta(seconds=seconds))
        await asyncio.sleep(0)

    async def ask(
        self, purpose: Purpose = Purpose.ANALYSIS, seconds: float = 60, person: str = "我", about: str = "A1"
    ) -> Completion | Unanswered:
        return await self.counsel.ask(person, PROMPT, purpose=purpose, seconds=seconds, about=about)

    async def why(self, purpose: Purpose = Purpose.ANALYSIS, seconds: float = 60) -> Why | None:
        found = await self.ask(purpose, seconds)
        return found.why if isinstance(found, Unanswered) else None

    async def lines(self) -> list[Consultation]:
        """Oldest first."""
        return [*(await self.store.consultations())][::-1]


async def for_ever() -> Completion:
    await asyncio.Event().wait()
    raise AssertionError


async def test_an_answer_comes_as_it_was_with_its_line_in_the_ledger() -> None:
    room = Room(Oracle(ANSWER))
    found = await room.ask()
    [line] = await room.lines()
    assert found == ANSWER
    assert (line.person, line.purpose, line.about, line.attempt) == ("我", Purpose.ANALYSIS, "A1", 1)
    assert (line.model_asked, line.model, line.usage, line.told) == ("deepseek-flash", ANSWER.model, USED, True)
    assert (line.prompt_version, line.prompt_sha, line.finish_reason, line.error) == ("v1", PROMPT.sha, "stop", "")


@pytest.mark.parametrize("text", ["", "   \n", "好的！", '{"action": "bu'])
async def test_what_an_answer_is_worth_is_judged_by_whoever_asked(text: str) -> None:
    room = Room(Oracle(ANSWER.model_copy(update={"text": text, "finish_reason": "length"})))
    found = await room.ask()
    assert isinstance(found, Completion)
    assert found.text == text
    [line] = await room.lines()
    assert (line.answer, line.finish_reason, line.error) == (text, "length", "")


async def test_what_may_work_later_is_sent_again_and_every_try_is_a_line() -> None:
    room = Room(Oracle(BUSY, TurnedAway("模型", "现在很忙（429）", timedelta(seconds=7)), ANSWER))
    assert isinstance(await room.ask(), Completion)
    assert room.pauses == [1.25, 7]
    lines = await room.lines()
    assert [line.attempt for line in lines] == [1, 2, 3]
    assert [line.error for line in lines] == ["现在很忙（503）", "现在很忙（429）", ""]
    assert [line.usage for line in lines] == [PROMPT.at_worst, Usage(), USED]
    assert [line.told for line in lines] == [False, True, True]


async def test_it_is_sent_three_times_at_most_and_the_pauses_grow() -> None:
    room = Room(Oracle(BUSY))
    found = await room.ask()
    assert isinstance(found, Unanswered)
    assert found == Unanswered(Why.FAILED, "模型现在没有回答（现在很忙（503）），请过一会儿再试。")
    assert room.model.asked == 3
    assert room.pauses == [1.25, 2.5]


async def test_a_person_who_waits_for_a_sentence_is_not_kept_for_another_try() -> None:
    room = Room(Oracle(BUSY))
    assert await room.why(Purpose.SENTENCE) is Why.FAILED
    assert room.model.asked == 1


@pytest.mark.parametrize("error", [Malformed("模型", "读不懂"), Spoilt("模型", "不接受这个请求（400）", Usage())])
async def test_what_cannot_be_read_is_not_sent_again(error: Malformed) -> None:
    room = Room(Oracle(error))
    assert await room.why() is Why.FAILED
    assert room.model.asked == 1


async def test_a_pause_that_is_longer_than_the_deadline_is_not_begun() -> None:
    room = Room(Oracle(TurnedAway("模型", "现在很忙（429）", timedelta(seconds=90))))
    assert await room.why(seconds=60) is Why.FAILED
    assert not room.pauses
    assert room.model.asked == 1


async def test_the_deadline_is_for_all_tries_together_and_the_line_says_that_nothing_was_heard() -> None:
    room = Room(Oracle(BUSY, for_ever))
    assert await room.why(seconds=0.05) is Why.FAILED  # no time for the pause
    room = Room(Oracle(for_ever))
    found = await room.ask(seconds=0.02)
    assert found == Unanswered(Why.LATE, "等了 1 秒，模型没有答完，请过一会儿再试。")
    [line] = await room.lines()
    assert (line.error, line.told, line.usage) == (UNHEARD, False, PROMPT.at_worst)
    assert room.model.under_way == 0


async def test_whoever_waits_for_a_turn_waits_on_the_same_deadline() -> None:
    gate = asyncio.Event()

    async def when_told() -> Completion:
        await gate.wait()
        return ANSWER

    room = Room(Oracle(when_told))
    most = AT_ONCE[Purpose.ANALYSIS]
    asking = [asyncio.create_task(room.ask()) for _ in range(most + 2)]
    await room.model.until_asked(most)
    assert await room.why(seconds=0.02) is Why.LATE
    assert room.model.asked == most
    assert len(await room.lines()) == most, "whoever did not get a turn has sent nothing"
    gate.set()
    assert all(isinstance(one, Completion) for one in await asyncio.gather(*asking))
    assert room.model.most == most


async def test_a_sentence_does_not_stand_behind_analyses() -> None:
    room = Room(Oracle(*[for_ever] * AT_ONCE[Purpose.ANALYSIS], ANSWER))
    asking = [asyncio.create_task(room.ask()) for _ in range(AT_ONCE[Purpose.ANALYSIS] + 2)]
    await room.model.until_asked(AT_ONCE[Purpose.ANALYSIS])
    assert isinstance(await room.ask(Purpose.SENTENCE), Completion)
    for one in asking:
        one.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


async def test_who_waited_for_a_turn_when_a_late_one_ended_is_not_blamed_on_the_server() -> None:
    room = Room(Oracle(*[for_ever] * AT_ONCE[Purpose.ANALYSIS], ANSWER))
    hanging = [asyncio.create_task(room.ask()) for _ in range(AT_ONCE[Purpose.ANALYSIS])]
    await room.model.until_asked(AT_ONCE[Purpose.ANALYSIS])
    for _ in range(3):
        assert await room.why(seconds=0.01) is Why.LATE
    for one in hanging:
        one.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
    assert isinstance(await room.ask(), Completion), "nobody is tired of a server that was not asked"


async def test_a_server_that_keeps_failing_is_left_alone_for_a_minute_by_everybody() -> None:
    room = Room(Oracle(BUSY, BUSY, BUSY, ANSWER))
    assert await room.why() is Why.FAILED
    for purpose in Purpose:
        found = await room.ask(purpose)
        assert found == Unanswered(Why.FAILED, "模型刚才没有回答，10:01:00 以前先不问它，请过一会儿再试。")
    assert room.model.asked == 3
    room.clock.advance(timedelta(minutes=1))
    assert isinstance(await room.ask(), Completion)


async def test_an_answer_makes_up_for_the_failures_before_it() -> None:
    room = Room(Oracle(BUSY, BUSY, ANSWER, BUSY, BUSY, ANSWER))
    found = [await room.why(Purpose.SENTENCE) for _ in range(6)]
    assert found == [Why.FAILED, Why.FAILED, None] * 2


async def test_what_has_failed_for_others_meanwhile_is_not_sent_again() -> None:
    room = Room(Oracle(BUSY))
    found = await asyncio.gather(*(room.ask() for _ in range(3)))
    assert {one.why for one in found if isinstance(one, Unanswered)} == {Why.FAILED}
    assert room.model.asked == 3


async def test_who_has_no_time_left_begins_nothing() -> None:
    room = Room(Oracle(ANSWER))
    for seconds in (0, -1):
        assert await room.why(seconds=seconds) is Why.LATE
    assert not room.model.asked
    assert not await room.lines()


async def test_three_silences_are_three_failures() -> None:
    room = Room(Oracle(for_ever))
    for _ in range(3):
        assert await room.why(seconds=0.01) is Why.LATE
    assert await room.why(seconds=0.01) is Why.FAILED
    assert room.model.asked == 3


async def test_a_server_that_asks_for_a_pause_has_it_at_most_five_minutes() -> None:
    room = Room(Oracle(TurnedAway("模型", "现在很忙（429）", timedelta(hours=1)), ANSWER))
    assert await room.why(Purpose.SENTENCE) is Why.FAILED
    room.clock.advance(timedelta(minutes=4, seconds=59))
    assert await room.why() is Why.FAILED
    room.clock.advance(timedelta(seconds=1))
    assert isinstance(await room.ask(), Completion)


async def test_who_has_the_time_comes_back_when_the_server_wishes() -> None:
    room = Room(Oracle(TurnedAway("模型", "现在很忙（429）", timedelta(seconds=20)), ANSWER))
    assert await room.why(Purpose.SENTENCE, 6) is Why.FAILED
    assert await room.why(Purpose.SENTENCE, 6) is Why.FAILED
    assert await room.why(seconds=15) is Why.FAILED
    assert room.model.asked == 1
    assert not room.pauses
    room.moves = True
    assert isinstance(await room.ask(seconds=60), Completion)
    assert room.pauses == [20.01]


async def test_an_account_that_is_not_served_ends_it_for_everybody_and_is_told_once() -> None:
    gate = asyncio.Event()

    async def refuses() -> Completion:
        await gate.wait()
        raise Refused("模型", "账户余额用完了，请充值")

    room = Room(Oracle(refuses))
    asking = [asyncio.create_task(room.ask(purpose)) for purpose in [*Purpose] * 5]
    await room.model.until_asked(sum(AT_ONCE.values()))
    gate.set()
    found = await asyncio.gather(*asking)
    assert {one.why for one in found if isinstance(one, Unanswered)} == {Why.OUT}
    assert len(found) == 15
    assert room.model.asked == sum(AT_ONCE.values()), "who stood in line asks nothing any more"
    assert await room.ask() == Unanswered(Why.OUT, "模型现在用不了：账户余额用完了，请充值。处理好以后请重新启动。")
    assert len(room.told) == 1
    assert "账户余额用完了" in room.told[0]
    assert all(line.told and not line.usage.total for line in await room.lines())


async def test_what_could_not_be_told_is_told_with_the_next_question() -> None:
    room = Room(Oracle(Refused("模型", "密钥不对")))
    room.unreachable = True
    assert await room.why() is Why.OUT
    room.unreachable = False
    for _ in range(2):
        assert await room.why() is Why.OUT
    assert len(room.told) == 1
    assert room.model.asked == 1


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        (Budget(yuan=Decimal(0)), "每人每天最多 0 元，其中 10% 只用来听懂话"),
        (Budget(house=Decimal(0)), "所有人一天最多 0 元"),
        (Budget(calls=0), "每人每天最多问 0 次"),
        (Budget(tokens=0), "每人每天最多 0 个 token"),
    ],
)
async def test_a_day_that_is_used_up_says_so_and_nothing_is_asked(budget: Budget, text: str) -> None:
    room = Room(Oracle(ANSWER), budget=budget)
    found = await room.ask()
    assert isinstance(found, Unanswered)
    assert found.why is Why.SPENT
    assert "已达预算" in found.text
    assert text in found.text
    assert not room.model.asked
    assert not await room.lines()


async def test_a_cost_that_cannot_be_written_down_is_not_run_into() -> None:
    room = Room(Oracle(ANSWER))
    await room.store.close()
    found = await room.ask()
    assert isinstance(found, Unanswered)
    assert "没有去问模型" in found.text
    assert not room.model.asked


async def test_an_answer_is_as_good_when_its_cost_cannot_be_written_down() -> None:
    room = Room(Oracle(ANSWER))

    async def closes() -> Completion:
        await room.store.close()
        return ANSWER

    room.model.said = [closes]
    assert isinstance(await room.ask(), Completion)


class Slow(MemoryStore):
    """A store that takes its time to write down what was told."""

    async def save_consultation(self, consultation: Consultation) -> None:
        if consultation.told:
            await asyncio.sleep(0.05)
        await super().save_consultation(consultation)


@pytest.mark.parametrize("said", [ANSWER, Spoilt("模型", "回答的格式不对", USED)])
async def test_what_is_known_is_written_down_however_late_it_is(said: Said) -> None:
    room = Room(Oracle(said), store=Slow())
    await room.ask(seconds=0.02)
    [line] = await room.lines()
    assert (line.usage, line.told) == (USED, True)


async def test_whoever_stops_waiting_leaves_a_line_with_the_worst_and_blames_nobody() -> None:
    room = Room(Oracle(*[for_ever] * 3, ANSWER))
    for times in range(1, 4):
        asking = asyncio.create_task(room.ask())
        await room.model.until_asked(times)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert [line.told for line in await room.lines()] == [False] * 3
    assert isinstance(await room.ask(), Completion)


class Talker(Oracle):
    """An oracle that can be heard while it speaks."""

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Completion]:
        for piece in ("现价 ", "1405.10", " 元"):
            yield piece
        yield await self.complete(prompt)


async def test_an_answer_can_be_heard_while_it_comes() -> None:
    room = Room(Talker(ANSWER))
    heard: list[str] = []

    async def hear(text: str) -> None:
        heard.append(text)
        raise Unavailable("Telegram", "太快了")  # of whoever shows it

    found = await room.counsel.ask("我", PROMPT, purpose=Purpose.ANALYSIS, seconds=60, hear=hear)
    assert heard == ["现价 ", "现价 1405.10", "现价 1405.10 元"]
    assert isinstance(found, Completion)
    [line] = await room.lines()
    assert line.usage == USED


async def test_who_cannot_be_heard_while_it_speaks_is_heard_at_the_end() -> None:
    room = Room(Oracle(ANSWER))

    async def hear(text: str) -> None:
        raise AssertionError(text)

    found = await room.counsel.ask("我", PROMPT, purpose=Purpose.ANALYSIS, seconds=60, hear=hear)
    assert isinstance(found, Completion)
