"""What is scored, when, once; what is caught up, tried again, and scored anew by newer rules."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from adapters.stores.memory import MemoryStore
from core.analysis import Analysis, Outcome, Standing, Touched
from core.bars import Bar, Period
from core.clock import ManualClock
from core.errors import Unavailable
from core.history import History
from core.score import ENGINE, INDEX, MISSING, SUSPENDED
from core.scorer import SCORED, Scorer
from core.tally import cases_of, tally
from core.tickets import TicketState
from core.types import Symbol
from tests.fakes.advice import MAOTAI, analysis, bars, last_known
from tests.fakes.market import market_instant
from tests.unit.test_tally import order, ticket

PINGAN = Symbol("000001.SZ")
RISING = [f"{100 + n}" for n in range(20)]


class Source:
    """A BarFetcher that gives what lies before its day; what it was asked is kept."""

    name = "测试K线"

    def __init__(self, clock: ManualClock, *given: Bar) -> None:
        self.clock = clock
        self.given = list(given)
        self.asked: list[Symbol] = []
        self.error: Unavailable | None = None

    async def bars(self, symbol: Symbol, period: Period, count: int) -> Sequence[Bar]:
        self.asked.append(symbol)
        if self.error is not None:
            raise self.error
        now = self.clock.now()
        return [one for one in self.given if one.symbol == symbol and one.time <= now][-count:]


class House:
    """A scorer with all that it needs, at 15:30 of a day."""

    def __init__(self, *given: Bar) -> None:
        self.clock = ManualClock(market_instant("2026-03-02 15:30"))
        self.store = MemoryStore()
        self.source = Source(self.clock, *given)
        self.start()

    def start(self) -> None:
        self.history = History(self.store, self.source, self.clock)
        self.scorer = Scorer(self.store, self.history, self.clock)

    async def add(self, one: Analysis, *, close: str = "100", on: str = "2026-02-27") -> None:
        pack = last_known(one, on, Decimal(close))
        await self.store.add_analysis(one.model_copy(update={"pack": pack.digest()}), pack)

    async def at(self, when: str) -> int:
        self.clock.set(market_instant(when))
        return await self.scorer.score()

    async def outcomes(self, id_: str = "A1") -> list[tuple[int, str, Decimal | None]]:
        found = await self.store.outcomes([id_])
        return [(one.horizon, one.why or one.standing.value, one.percent) for one in found if one.engine == ENGINE]


def rising(since: str = "2026-02-27", **changes: Any) -> Sequence[Bar]:
    return bars(since, *RISING, **changes)


async def test_each_horizon_is_scored_when_it_is_over_and_once() -> None:
    house = House(*rising())
    await house.add(analysis("2026-03-02 10:00"))
    assert await house.at("2026-03-02 15:30") == 0
    assert await house.at("2026-03-03 15:30") == 1
    assert await house.outcomes() == [(1, "neutral", Decimal("0.99"))]
    assert await house.at("2026-03-03 20:00") == 0
    assert await house.at("2026-03-05 15:30") == 1
    assert await house.at("2026-03-16 15:30") == 2
    assert [horizon for horizon, _, _ in await house.outcomes()] == [1, 3, 5, 10]


async def test_what_was_missed_is_caught_up_after_a_restart() -> None:
    house = House(*rising())
    await house.add(analysis("2026-03-02 10:00"))
    await house.at("2026-03-03 15:30")
    house.start()
    assert await house.at("2026-03-20 15:30") == 3
    assert await house.outcomes() == [
        (1, "neutral", Decimal("0.99")),
        (3, "hit", Decimal("2.97")),
        (5, "hit", Decimal("4.95")),
        (10, "hit", Decimal("9.90")),
    ]


async def test_nothing_is_asked_of_anybody_while_nothing_is_due() -> None:
    house = House(*rising())
    await house.add(analysis("2026-03-02 10:00"))
    await house.at("2026-03-02 20:00")
    assert house.source.asked == []
    await house.at("2026-03-20 15:30")
    house.source.asked.clear()
    await house.at("2026-03-23 15:30")
    assert house.source.asked == []


async def test_without_an_advice_nothing_is_scored() -> None:
    house = House(*rising())
    await house.add(analysis("2026-03-02 10:00", decision=None))
    assert await house.at("2026-03-20 15:30") == 0
    assert await house.outcomes() == []


async def test_an_analysis_that_was_stored_late_is_not_forgotten() -> None:
    house = House(*rising())
    await house.at("2026-03-02 10:01")
    await house.add(analysis("2026-03-02 10:00"))
    assert await house.at("2026-03-20 15:30") == 4


async def test_bars_that_come_a_day_late_are_waited_for_in_silence() -> None:
    given = rising()
    house = House(*given[:2])
    await house.add(analysis("2026-03-02 10:00"))
    assert await house.at("2026-03-03 15:30") == 0
    assert await house.outcomes() == []
    house.source.given = list(given[:3])
    assert await house.at("2026-03-04 09:05") == 1
    assert await house.outcomes() == [(1, "neutral", Decimal("0.99"))]


async def test_bars_that_stay_missing_are_told_and_tried_again() -> None:
    house = House(*rising()[:2])
    await house.add(analysis("2026-03-02 10:00"))
    assert await house.at("2026-03-04 15:30") == 1
    assert await house.outcomes() == [(1, MISSING, None)]
    assert await house.at("2026-03-04 20:00") == 0
    house.source.given = list(rising())
    assert await house.at("2026-03-05 15:30") == 2
    assert [why for _, why, _ in await house.outcomes()] == ["neutral", "hit"]


async def test_one_day_nobody_asks_for_missing_bars_any_more() -> None:
    house = House(*rising()[:2])
    await house.add(analysis("2026-03-02 10:00"))
    await house.at("2026-03-20 15:30")
    house.source.asked.clear()
    await house.at("2026-05-29 15:30")
    assert house.source.asked == []


async def test_a_source_that_is_down_is_asked_again_the_next_time() -> None:
    house = House(*rising())
    await house.add(analysis("2026-03-02 10:00"))
    house.source.error = Unavailable("测试K线", "断线")
    assert await house.at("2026-03-04 15:30") == 1
    house.source.error = None
    assert await house.at("2026-03-05 15:30") == 2
    assert [why for _, why, _ in await house.outcomes()] == ["neutral", "hit"]


async def test_a_suspension_stays() -> None:
    house = House(*bars("2026-02-27", "100", "100", "-", "101"))
    await house.add(analysis("2026-03-02 10:00"))
    assert await house.at("2026-03-04 15:30") == 1
    assert await house.outcomes() == [(1, SUSPENDED, None)]
    house.source.asked.clear()
    assert await house.at("2026-03-04 20:00") == 0


async def test_newer_rules_score_everything_anew_and_keep_what_the_old_ones_said() -> None:
    house = House(*rising())
    await house.add(analysis("2026-03-02 10:00"))
    await house.at("2026-03-20 15:30")
    known = await house.store.outcomes(["A1"])
    old = [one.model_copy(update={"engine": ENGINE - 1, "standing": Standing.MISS}) for one in known]
    fresh = House(*rising())
    await fresh.add(analysis("2026-03-02 10:00"))
    await fresh.store.save_outcomes(old)
    await fresh.store.set_value(SCORED, f"{ENGINE - 1} {market_instant('2026-03-20 15:30').isoformat()}")
    assert await fresh.at("2026-03-23 15:30") == 4
    assert await fresh.store.outcomes(["A1"]) == sorted([*old, *known], key=lambda one: (one.horizon, one.engine))


async def test_newer_rules_leave_what_they_have_no_bars_for_any_more() -> None:
    house = House()
    await house.add(analysis("2026-03-02 10:00"))
    old = Outcome(analysis_id="A1", horizon=1, engine=ENGINE - 1, standing=Standing.HIT, percent=Decimal(3))
    await house.store.save_outcomes([old])
    await house.at("2026-03-04 15:30")
    assert await house.store.outcomes(["A1"]) == [old]


async def test_the_index_and_the_levels_are_held_against_the_same_days() -> None:
    days = bars("2026-02-27", "90", "90", "90 95 89 91")
    house = House(*days, *bars("2026-02-27", "3000", "3000", "3030", symbol=INDEX))
    await house.add(analysis("2026-03-02 14:56", take_profit=Decimal(105), stop_loss=Decimal(95)), close="100")
    await house.at("2026-03-03 15:30")
    [one] = await house.store.outcomes(["A1"])
    assert (one.percent, one.excess, one.touched) == (Decimal("1.11"), Decimal("0.11"), Touched.TARGET)


async def test_each_share_is_scored_by_its_own_bars() -> None:
    house = House(*rising(), *bars("2026-02-27", *["50"] * 20, symbol=PINGAN))
    await house.add(analysis("2026-03-02 10:00"))
    await house.add(analysis("2026-03-02 10:00", "A2", symbol=PINGAN, name="平安银行"))
    await house.at("2026-03-03 15:30")
    assert await house.outcomes("A2") == [(1, "neutral", Decimal("0.00"))]


async def test_a_dividend_between_is_no_loss() -> None:
    house = House(*rising())
    await house.add(analysis("2026-03-02 10:00"))
    await house.at("2026-03-02 15:30")
    await house.history.ensure([MAOTAI], "day", 2)
    # The next day the exchange gives out a previous close of half: everything before it is halved.
    halved = [
        replace(one, **{name: getattr(one, name) / 2 for name in ("open", "high", "low", "close")}) for one in rising()
    ]
    house.source.given = halved
    await house.at("2026-03-03 15:30")
    await house.at("2026-03-04 09:05")
    assert await house.outcomes() == [(1, "neutral", Decimal("0.99"))]


async def test_a_store_that_fails_loses_nothing() -> None:
    house = House(*rising())
    await house.add(analysis("2026-03-02 10:00"))
    save = house.store.save_outcomes

    async def broken(outcomes: Sequence[Outcome]) -> None:
        raise Unavailable("数据库", "满了")

    house.store.save_outcomes = broken  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await house.at("2026-03-03 15:30")
    house.store.save_outcomes = save  # type: ignore[method-assign]
    assert await house.at("2026-03-03 15:40") == 1


# -- what is asked for


async def test_the_score_of_one_person_share_model_or_span() -> None:
    house = House(*rising())
    await house.add(analysis("2026-03-02 10:00", "A1"))
    await house.add(analysis("2026-03-03 10:00", "A2", owner="script:other", prompt="v2"))
    await house.add(analysis("2026-03-04 10:00", "A3", symbol=PINGAN, model="Kimi-K3"))
    await house.at("2026-03-20 15:30")
    tally = house.scorer.tally
    assert (await tally()).made == 3
    assert (await tally("owner")).made == 2
    assert (await tally(symbols=[MAOTAI])).made == 2
    assert (await tally(symbols=[MAOTAI, PINGAN])).made == 3
    assert (await tally(model="kimi-k3")).made == 1
    assert (await tally(model="deepseek-flash")).made == 3
    assert (await tally(model="v2")).made == 1
    assert (await tally(since=market_instant("2026-03-03 10:00"))).made == 2
    assert (await tally(until=market_instant("2026-03-03 10:00"))).made == 1


async def test_advices_come_newest_first_with_their_cards() -> None:
    house = House(*rising())
    card = ticket("T1", TicketState.REJECTED)
    await house.store.add_ticket(card, [])
    await house.add(analysis("2026-03-02 10:00", "A1", ticket_id="T1"))
    await house.add(analysis("2026-03-03 10:00", "A2"))
    await house.add(analysis("2026-03-04 10:00", "A3", decision=None))
    await house.at("2026-03-04 15:30")
    newest, oldest = await house.scorer.cases("owner")
    assert (newest.analysis.id, newest.ticket, list(newest.outcomes)) == ("A2", None, [1])
    assert (oldest.analysis.id, oldest.ticket, list(oldest.outcomes)) == ("A1", card, [1])
    assert [one.analysis.id for one in await house.scorer.cases(limit=1)] == ["A2"]
    assert [one.ticket for one in await house.scorer.cases(sees=lambda account: account != "paper")] == [None, None]
    assert (await house.scorer.tally()).fates
    assert not (await house.scorer.tally(sees=lambda account: account != "paper")).fates


async def test_an_approved_card_is_scored_with_its_order() -> None:
    house = House(*rising())
    await house.store.add_ticket(ticket("T1", TicketState.OPEN), [])
    await house.store.decide(ticket("T1", TicketState.APPROVED), order("T1", filled=40), [])
    await house.add(analysis("2026-03-02 10:00", "A1", ticket_id="T1"))
    await house.at("2026-03-04 15:30")
    [case] = await house.scorer.cases("owner")
    assert case.order == order("T1", filled=40)
    [fated] = (await house.scorer.tally()).fates
    assert fated.earned == Decimal("19.80")  # 0.99 % of 2000


async def test_prices_go_on_while_years_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(*rising())
    await house.add(analysis("2026-03-02 10:00"))
    threads: set[int] = set()

    def told(add: Callable[..., Any]) -> Callable[..., Any]:
        def adding(*given: Any) -> Any:
            threads.add(threading.get_ident())
            return add(*given)

        return adding

    monkeypatch.setattr("core.scorer.tally", told(tally))
    monkeypatch.setattr("core.scorer.cases_of", told(cases_of))
    assert (await house.scorer.tally()).made == 1
    assert len(await house.scorer.cases()) == 1
    assert threads
    assert threading.get_ident() not in threads
