"""What a person may use of the model in a day: reserved before, settled after, kept over a restart."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.stores.memory import MemoryStore
from core.allowance import KEY, Allowance, Budget
from core.clock import ManualClock
from core.completions import Completion, Prompt, Turn, Usage
from core.tariffs import TARIFFS, Price, price_at
from tests.fakes.market import market_instant

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


async def spend(allowance: Allowance, person: str = "我", usage: Usage | None = USED) -> bool:
    held = await allowance.reserve(person, FLASH, WORST)
    if held is None:
        return False
    await allowance.settle(held, answer(usage))
    return True


async def test_the_worst_is_written_down_before_the_call_and_the_truth_after_it(
    store: MemoryStore, clock: ManualClock
) -> None:
    allowance = Allowance(store, clock, Budget())
    held = await allowance.reserve("我", FLASH, WORST)
    assert held is not None
    before = (await allowance.today()).people["我"]
    assert (before.calls, before.tokens, before.yuan) == (1, 4500, Decimal("0.012"))
    await allowance.settle(held, answer())
    after = (await allowance.today()).people["我"]
    assert (after.calls, after.tokens, after.yuan) == (1, 1050, Decimal("0.000636"))


async def test_a_call_of_which_nobody_tells_the_cost_counts_as_the_worst(
    store: MemoryStore, clock: ManualClock
) -> None:
    allowance = Allowance(store, clock, Budget())
    await spend(allowance, usage=None)
    assert (await allowance.today()).people["我"].tokens == 4500


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
    while await allowance.reserve("我", FLASH, WORST) is not None:
        pass
    assert (await allowance.today()).everybody.yuan <= Decimal("0.1")


async def test_each_person_has_a_day_of_their_own(store: MemoryStore, clock: ManualClock) -> None:
    allowance = Allowance(store, clock, Budget(calls=1))
    assert await spend(allowance, "甲")
    assert not await spend(allowance, "甲")
    assert await spend(allowance, "乙")
    assert (await allowance.today()).everybody.calls == 2
    assert (await allowance.today()).models == {"deepseek-flash-1017": 2}


async def test_a_call_over_midnight_is_counted_on_the_day_it_began(store: MemoryStore, clock: ManualClock) -> None:
    allowance = Allowance(store, clock, Budget())
    held = await allowance.reserve("我", FLASH, WORST)
    assert held is not None
    clock.advance(timedelta(hours=15))
    await allowance.settle(held, answer())
    assert not (await allowance.today()).people


async def test_a_record_that_cannot_be_read_begins_anew(store: MemoryStore, clock: ManualClock) -> None:
    await store.set_value(KEY, "{")
    assert await spend(Allowance(store, clock, Budget()))


def test_prices_follow_the_hour_the_day_and_the_model() -> None:
    def out(model: str, text: str) -> Decimal:
        return price_at(model, market_instant(text)).out

    assert out(FLASH, "2026-11-18 10:00") == 8
    assert out(FLASH, "2026-11-18 12:30") == 4
    assert out(FLASH, "2026-11-18 18:00") == 4
    assert out(FLASH, "2026-11-21 10:00") == 4  # a Saturday
    assert out(FLASH, "2026-10-01 10:00") == 27  # before its first row: as the dearest
    assert out("somebody-else", "2026-11-18 20:00") == max(row[3].out for row in TARIFFS)


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
