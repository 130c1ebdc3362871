"""Does every store keep what models said? The same stores as in test_stores.py."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.analysis import Action, Analysis, Decision, Occasion, Outcome, Reason, Standing, Touched
from core.errors import Unavailable
from core.figures import Unit
from core.pack import Day, Given, Minute, Pack, Section
from core.ports import Store
from core.types import Symbol
from tests.contract.test_stores import CHAT, NOW, Place, place, store

__all__ = ["place", "store"]  # fixtures
MAOTAI = Symbol("600519.SH")


def pack(**changes: Any) -> Pack:
    price = Given(name="last", label="现价", value=Decimal("1405.10"), unit=Unit.PRICE)
    missing = Given(name="rsi6", label="RSI6", value=None, unit=Unit.COUNT, why="日线不足")
    given = {
        "symbol": MAOTAI,
        "name": "贵州茅台",
        "at": NOW,
        "quoted_at": NOW,
        "source": "腾讯",
        "phase": "连续竞价",
        "forming": True,
        "tick": Decimal("0.01"),
        "lot": 100,
        "price": Decimal("1405.10"),
        "sections": (Section(title="行情", given=(price, missing), lines=("今天没有停牌",)),),
        "days": (Day(date(2026, 3, 23), *(Decimal(1400),) * 4, 100),),
        "line": (Minute("09:31", Decimal("1400.5"), None),),
    }
    return Pack.model_validate(given | changes)


def analysis(id_: str = "A1", **changes: Any) -> Analysis:
    decision = Decision(
        action=Action.BUY,
        confidence=62,
        reasons=(Reason(facts=("last", "ma20"), text="现价 1405.10 元站上 20 日均线"),),
        entry=Decimal("1405.00"),
        take_profit=Decimal(1450),
        stop_loss=Decimal("1380.50"),
        shares=100,
        wrong_if="跌破 1380.50 元",
    )
    given = {
        "id": id_,
        "at": NOW,
        "owner": "telegram:1",
        "chat": CHAT,
        "account": "paper",
        "symbol": MAOTAI,
        "name": "贵州茅台",
        "occasion": Occasion.ALERT,
        "watch_id": "W1",
        "alert_id": "L1",
        "pack": pack().digest(),
        "price": Decimal("1405.10"),
        "quoted_at": NOW,
        "prompt": "v1",
        "model_asked": "deepseek-flash",
        "model": "deepseek-flash-1017",
        "decision": decision,
        "tokens": 1234,
        "yuan": Decimal("0.0123"),
        "took": timedelta(seconds=2.5),
    }
    return Analysis.model_validate(given | changes)


def outcome(analysis_id: str = "A1", **changes: Any) -> Outcome:
    given = {
        "analysis_id": analysis_id,
        "horizon": 5,
        "engine": 1,
        "standing": Standing.HIT,
        "anchor_on": date(2026, 3, 24),
        "anchor": Decimal(1406),
        "ended_on": date(2026, 3, 30),
        "percent": Decimal("3.20"),
        "excess": Decimal("-0.1"),
        "highest": Decimal(4),
        "lowest": Decimal(-1),
        "hit_target": True,
        "hit_stop": True,
        "touched": Touched.SAME_DAY,
    }
    return Outcome.model_validate(given | changes)


async def test_an_analysis_comes_back_as_it_was_with_its_facts(store: Store) -> None:
    await store.add_analysis(analysis(), pack())
    assert await store.analysis("A1") == analysis()
    assert await store.pack(pack().digest()) == pack()
    assert await store.analysis("A2") is None
    assert await store.pack("nothing") is None


async def test_the_same_facts_are_kept_once_and_the_first_time_counts(store: Store) -> None:
    await store.add_analysis(analysis(), pack())
    later = pack(at=NOW + timedelta(minutes=1))
    assert later.digest() == pack().digest()
    await store.add_analysis(analysis("A2"), later)
    assert await store.pack(pack().digest()) == pack()


async def test_an_analysis_is_stored_once(store: Store) -> None:
    await store.add_analysis(analysis(), pack())
    with pytest.raises(Unavailable):
        await store.add_analysis(analysis(problem="again"), pack(name="别的"))
    assert await store.analysis("A1") == analysis()
    assert await store.pack(pack(name="别的").digest()) is None


async def test_what_came_of_an_analysis_is_added(store: Store) -> None:
    await store.add_analysis(analysis(), pack())
    changed = analysis(ticket_id="T1", by_policy=True)
    await store.save_analysis(changed)
    await store.save_analysis(analysis("A9"))
    assert await store.analyses() == [changed]


async def test_analyses_are_found_newest_first(store: Store) -> None:
    minute = timedelta(minutes=1)
    made = [
        analysis("A1"),
        analysis("A2", at=NOW + minute, decision=None, problem="没有通过核对"),
        analysis("A3", at=NOW + minute, owner="telegram:2", symbol=Symbol("000001.SZ"), price=None, quoted_at=None),
    ]
    for one in made:
        await store.add_analysis(one, pack())
    assert [one.id for one in await store.analyses()] == ["A3", "A2", "A1"]
    assert await store.analyses("telegram:1") == [made[1], made[0]]
    named = {name for one in made[:2] for name in (one.model, one.model_asked, one.prompt)} - {""}
    assert set(await store.advisers("telegram:1")) == named
    assert not await store.advisers("telegram:9")
    assert await store.analyses(symbol=Symbol("000001.SZ")) == [made[2]]
    assert await store.analyses(until=NOW + minute) == [made[0]]
    assert await store.analyses(since=NOW + minute, limit=1) == [made[2]]


async def test_old_facts_are_forgotten_unless_a_card_stands_on_them(store: Store) -> None:
    day = timedelta(days=1)
    facts = [pack(name=name) for name in ("甲", "乙", "丙")]
    old, carded, new = (one.digest() for one in facts)
    await store.add_analysis(analysis("A1", pack=old), facts[0])
    await store.add_analysis(analysis("A2", pack=carded, ticket_id="T1"), facts[1])
    await store.add_analysis(analysis("A3", pack=new, at=NOW + day), facts[2])
    assert await store.forget_packs(NOW) == 0
    assert await store.forget_packs(NOW + day) == 1
    assert [await store.pack(one) is None for one in (old, carded, new)] == [True, False, False]
    assert len(await store.analyses()) == 3


async def test_an_outcome_replaces_an_earlier_one(store: Store) -> None:
    unable = outcome(standing=Standing.UNABLE, why="停牌", anchor_on=None, anchor=None, percent=None, excess=None)
    await store.save_outcomes([outcome(), outcome(horizon=1), outcome("A2"), unable])
    await store.save_outcomes([])
    assert await store.outcomes(["A1"]) == [outcome(horizon=1), unable]
    assert await store.outcomes([]) == []


async def test_analyses_survive_a_restart(place: Place) -> None:
    first = place.open()
    await first.add_analysis(analysis(), pack())
    await first.save_outcomes([outcome()])
    await first.close()
    again = place.open()
    assert await again.analyses() == [analysis()]
    assert await again.pack(pack().digest()) == pack()
    assert await again.outcomes(["A1"]) == [outcome()]
    await again.close()
