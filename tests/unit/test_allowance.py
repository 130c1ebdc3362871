"""What a person may use of the model in a day: reserved before, settled after, kept over a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from adapters.stores.memory import MemoryStore
from core.allowance import Allowance, Budget, Held, Limit
from core.clock import ManualClock
from core.completions import Completion, Prompt, Spoilt, Turn, TurnedAway, Usage
from core.consultations import UNHEARD, Purpose, Tally
from core.errors import Malformed, OutsideError, Refused, Unavailable
from core.tariffs import TARIFFS, Price, tariff_at
from tests.fakes.market import market_instant

QUESTION = Prompt(instructions="题" * 3998, turns=(), shape={}, most_tokens=500)
WORST = Usage(fresh=4000, out=500)
USED = Usage(fresh=100, cached=900, out=50)
FLASH = "deepseek-flash"


def answer(usage: Usage | None = USED) -> Completion:
    return Completion(text="{}", model="deepseek-flash-1017", usage=usage)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(market_instant("2026-11-18 10:00"))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


async def hold(allowance: Allowance, person: str = "我", purpose: Purpose = Purpose.SENTENCE) -> Held | Limit:
    return await allowance.reserve(person, FLASH, QUESTION, purpose=purpose)


async def spend(
    allowance: Allowance, person: str = "我", usage: Usage | None = USED, purpose: Purpose = Purpose.SENTENCE
) -> bool:
    held = await hold(allowance, person, purpose)
    if isinstance(held, Limit):
        return False
    await allowance.settle(held, answer(usage))
    return True


async def test_the_worst_is_written_down_before_the_call_and_the_truth_after_it(
    store: MemoryStore, clock: ManualClock
) -> None:
    allowance = Allowance(store, clock, Budget())
    held = await hold(allowance)
    assert isinstance(held, Held)
    assert held.line.usage == WORST
    before = (await allowance.today()).of("我")
    assert (before.calls, before.tokens, before.yuan) == (1, 4500, Decimal("0.012"))
    await allowance.settle(held, answer())
    after = (await allowance.today()).of("我")
    assert (after.calls, after.tokens, after.yuan) == (1, 1050, Decimal("0.000636"))


async def test_a_call_of_which_nobody_tells_the_cost_counts_as_the_worst(
    store: MemoryStore, clock: ManualClock
) -> None:
    allowance = Allowance(store, clock, Budget())
    await spend(allowance, usage=None)
    assert (await allowance.today()).of("我").tokens == 4500
    [line] = await store.consultations()
    assert not line.told


async def test_a_restart_forgets_nothing_and_a_new_day_begins_anew(store: MemoryStore, clock: ManualClock) -> None:
    budget = Budget(calls=2)
    assert await spend(Allowance(store, clock, budget))
    assert await spend(Allowance(store, clock, budget))
    assert not await spend(Allowance(store, clock, budget))
    clock.advance(timedelta(hours=14))  # midnight of the market, not of Greenwich
    assert await spend(Allowance(store, clock, budget))


@pytest.mark.parametrize("budget", [Budget(calls=3), Budget(tokens=7000), Budget(yuan=Decimal("0.0135"))])
async def test_every_limit_ends_the_day(store: MemoryStore, clock: ManualClock, budget: Budget) -> None:
    allowance = Allowance(store, clock, budget)
    done = [await spend(allowance) for _ in range(9)]
    assert done == [True] * 3 + [False] * 6


async def test_no_day_costs_more_than_was_allowed_whatever_is_told_of_no_call(
    store: MemoryStore, clock: ManualClock
) -> None:
    allowance = Allowance(store, clock, Budget(yuan=Decimal("0.1")))
    while isinstance(await hold(allowance), Held):
        pass
    assert (await allowance.today()).everybody.yuan <= Decimal("0.1")


class Slow(MemoryStore):
    """A store that lets others in before it answers."""

    async def tallies(self, since: datetime) -> Sequence[Tally]:
        found = await super().tallies(since)
        await asyncio.sleep(0)
        return found


async def test_who_asks_at_the_same_time_does_not_get_what_is_left_twice(clock: ManualClock) -> None:
    allowance = Allowance(Slow(), clock, Budget(yuan=Decimal("0.036")))
    found = await asyncio.gather(*(hold(allowance) for _ in range(9)))
    assert sum(isinstance(one, Held) for one in found) == 3


async def test_each_person_has_a_day_of_their_own(store: MemoryStore, clock: ManualClock) -> None:
    allowance = Allowance(store, clock, Budget(calls=1))
    assert await spend(allowance, "甲")
    assert not await spend(allowance, "甲")
    assert await spend(allowance, "乙")
    assert (await allowance.today()).everybody.calls == 2
    assert (await allowance.today()).models == {"deepseek-flash-1017": 2}


async def test_a_call_over_midnight_is_counted_on_the_day_it_began(store: MemoryStore, clock: ManualClock) -> None:
    allowance = Allowance(store, clock, Budget())
    held = await hold(allowance)
    assert isinstance(held, Held)
    assert held.line.usage == WORST
    clock.advance(timedelta(hours=15))
    await allowance.settle(held, answer())
    assert not (await allowance.today()).tallies
    [line] = await store.consultations()
    assert (line.told, line.usage) == (True, USED)


@pytest.mark.parametrize(
    ("error", "usage", "told"),
    [
        (Refused("模型", "账户余额用完了"), Usage(), True),
        (TurnedAway("模型", "现在很忙"), Usage(), True),
        (Spoilt("模型", "回答的格式不对", USED, "deepseek-flash-1017"), USED, True),
        (Spoilt("模型", "回答的格式不对", None), WORST, False),
        (Unavailable("模型", "中途断了"), WORST, False),
        (Malformed("模型", "读不懂"), WORST, False),
    ],
)
async def test_what_came_to_nothing_costs_what_is_known_of_it_and_else_the_worst(
    store: MemoryStore, clock: ManualClock, error: OutsideError, usage: Usage, told: bool
) -> None:
    allowance = Allowance(store, clock, Budget())
    held = await hold(allowance)
    assert isinstance(held, Held)
    clock.advance(timedelta(seconds=1.5))
    await allowance.fail(held, error)
    [line] = await store.consultations()
    assert (line.usage, line.told, line.error, line.answer) == (usage, told, error.reason, "")
    assert line.yuan == tariff_at(FLASH, line.at).price.of(usage)
    assert line.latency_ms == 1500


async def test_a_request_of_which_nothing_was_heard_is_a_line_that_says_so(
    store: MemoryStore, clock: ManualClock
) -> None:
    allowance = Allowance(store, clock, Budget())
    await hold(allowance)
    [line] = await store.consultations()
    assert (line.usage, line.told, line.error, line.latency_ms, line.model) == (WORST, False, UNHEARD, None, "")
    assert (line.price, line.peak) == ("deepseek-flash 2026-10-17", True)
    assert (line.prompt_version, line.prompt_sha) == (QUESTION.version, QUESTION.sha)


async def test_what_costs_nothing_is_asked_on_a_day_that_is_used_up(store: MemoryStore, clock: ManualClock) -> None:
    allowance = Allowance(store, clock, Budget(yuan=Decimal("0.012")))
    assert isinstance(await hold(allowance), Held)
    assert await hold(allowance, purpose=Purpose.ANALYSIS) is Limit.YUAN
    assert isinstance(await allowance.reserve("我", "scripted", QUESTION, purpose=Purpose.ANALYSIS), Held)


async def test_the_whole_house_has_a_limit_of_its_own(store: MemoryStore, clock: ManualClock) -> None:
    allowance = Allowance(store, clock, Budget(house=Decimal("0.03")))
    assert [isinstance(await hold(allowance, person), Held) for person in ("甲", "乙", "丙")] == [True, True, False]
    assert await hold(allowance, "丙") is Limit.HOUSE
    assert Budget(yuan=Decimal(2)).house_yuan == 10


async def test_the_last_tenth_of_a_day_is_for_sentences(store: MemoryStore, clock: ManualClock) -> None:
    allowance = Allowance(store, clock, Budget(yuan=Decimal("0.12")))
    while isinstance(await hold(allowance, purpose=Purpose.ANALYSIS), Held):
        pass
    assert (await allowance.today()).of("我").yuan == Decimal("0.108")
    assert await hold(allowance, purpose=Purpose.REPORT) is Limit.YUAN
    assert await spend(allowance, purpose=Purpose.SENTENCE)
    day = await allowance.today()
    assert (day.on(Purpose.ANALYSIS).calls, day.on(Purpose.SENTENCE).calls) == (9, 1)


def test_prices_follow_the_hour_the_day_and_the_model() -> None:
    def out(model: str, text: str) -> Decimal:
        return tariff_at(model, market_instant(text)).price.out

    assert out(FLASH, "2026-11-18 10:00") == 8
    assert out(FLASH, "2026-11-18 12:30") == 4
    assert out(FLASH, "2026-11-18 18:00") == 4
    assert out(FLASH, "2026-11-21 10:00") == 4  # a Saturday
    assert out(FLASH, "2026-10-01 10:00") == 27  # before its first row: as the dearest
    assert out("somebody-else", "2026-11-18 20:00") == max(row[3].out for row in TARIFFS)
    assert tariff_at("somebody-else", market_instant("2026-11-18 20:00")).row == "dearest"


def test_what_asks_nobody_costs_nothing_whatever_the_person_said_of_the_model() -> None:
    at = market_instant("2026-11-18 10:00")
    own = Price(Decimal(1), Decimal(1), Decimal(1))
    assert tariff_at("scripted", at).price.of(WORST) == tariff_at("scripted", at, own).price.of(WORST) == 0
    assert tariff_at(FLASH, at, own).row == "own"


def test_a_cost_is_rounded_up_to_what_a_database_can_add_up() -> None:
    assert Price(Decimal(0), Decimal("0.0000001"), Decimal(0)).of(Usage(fresh=1)) == Decimal("1e-12")


async def test_a_price_that_the_person_gives_goes_before_the_table(store: MemoryStore, clock: ManualClock) -> None:
    free = Price(Decimal(0), Decimal(0), Decimal(0))
    allowance = Allowance(store, clock, Budget(yuan=Decimal(0), price=free))
    assert await spend(allowance)


def test_the_worst_counts_the_shape_that_some_providers_are_given() -> None:
    turns = (Turn(role="user", text="茅台"),)
    bare = Prompt(instructions="输出 json", turns=turns, shape={}, most_tokens=500)
    shaped = bare.model_copy(update={"shape": {"type": "object", "description": "长" * 100}})
    assert shaped.at_worst.fresh >= bare.at_worst.fresh + 100
    assert shaped.at_worst.out == 500
