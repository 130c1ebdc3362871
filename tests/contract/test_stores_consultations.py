"""Does every store keep the ledger of what models cost? The same stores as in test_stores.py."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.stores import dump, sql
from core.completions import Usage
from core.consultations import MOST_KEPT, Consultation, Purpose, Spent, Tally
from core.ports import Store
from tests.contract.test_stores import NOW, Place, place, store

__all__ = ["place", "store"]  # fixtures
MINUTE = timedelta(minutes=1)


def line(id_: str = "C1", **changes: Any) -> Consultation:
    given = {
        "id": id_,
        "at": NOW,
        "person": "telegram:1",
        "purpose": Purpose.ANALYSIS,
        "about": "A1",
        "model_asked": "deepseek-flash",
        "prompt_version": "v1",
        "prompt_sha": "0123456789ab",
        "fresh": 4000,
        "out": 500,
        "yuan": Decimal("0.012"),
        "price": "deepseek-flash 2026-10-17",
        "peak": True,
    }
    return Consultation.model_validate(given | changes)


def answered(id_: str = "C1", **changes: Any) -> Consultation:
    return line(id_, **changes).ended(
        Usage(fresh=100, cached=900, out=50),
        Decimal("0.000636000001"),
        NOW + timedelta(seconds=2),
        model="deepseek-flash-1017",
        finish_reason="stop",
        answer='{"action": "hold"} 😀',
    )


async def test_a_line_comes_back_as_it_was(store: Store) -> None:
    await store.save_consultation(line())
    assert await store.consultations() == [line()]
    [found] = await store.consultations()
    assert found.model_dump_json() == line().model_dump_json()


async def test_what_became_of_a_request_takes_the_place_of_its_line(store: Store) -> None:
    for one in (line("C1"), line("C2"), answered("C1"), line("C3")):
        await store.save_consultation(one)
    assert await store.consultations() == [line("C3"), line("C2"), answered("C1")]


async def test_lines_are_found_newest_first(store: Store) -> None:
    made = [line("C1"), line("C2", at=NOW + MINUTE, about="A2"), line("C3", at=NOW + MINUTE, person="web:2")]
    for one in made:
        await store.save_consultation(one)
    assert [one.id for one in await store.consultations()] == ["C3", "C2", "C1"]
    assert await store.consultations(about="A1") == [made[2], made[0]]
    assert await store.consultations(person="telegram:1") == [made[1], made[0]]
    assert await store.consultations(until=NOW + MINUTE) == [made[0]]
    assert await store.consultations(since=NOW + MINUTE, limit=1) == [made[2]]


async def test_a_day_is_added_up_exactly_and_by_who_asked_what_for(store: Store) -> None:
    assert await store.tallies(NOW) == []
    tiny = Decimal("1e-12")
    made = [
        line("C0", at=NOW - MINUTE),
        *(answered(f"C{n}", at=NOW + n * MINUTE) for n in range(1, 4)),
        line("C4", yuan=tiny),
        line("C5", yuan=Decimal(1_000_000)),
        answered("C6", purpose=Purpose.SENTENCE),
        answered("C7", person="telegram:0"),
    ]
    for one in made:
        await store.save_consultation(one)
    cost = Decimal("0.000636000001")
    assert await store.tallies(NOW) == [
        Tally("telegram:0", Purpose.ANALYSIS, "deepseek-flash-1017", Spent(1, 1050, cost)),
        Tally("telegram:1", Purpose.ANALYSIS, "", Spent(2, 9000, Decimal(1_000_000) + tiny)),
        Tally("telegram:1", Purpose.ANALYSIS, "deepseek-flash-1017", Spent(3, 3150, 3 * cost)),
        Tally("telegram:1", Purpose.SENTENCE, "deepseek-flash-1017", Spent(1, 1050, cost)),
    ]


async def test_whatever_a_model_writes_can_be_kept(store: Store) -> None:
    wild = line().ended(
        None, Decimal(0), NOW, model="模" * 10_000, finish_reason="\0\ud800", answer="\0\ud83d" + "很" * 1_000_000
    )
    await store.save_consultation(wild)
    assert await store.consultations() == [wild]
    assert len(wild.answer) == MOST_KEPT


async def test_old_lines_are_forgotten(store: Store) -> None:
    for one in (line("C1", at=NOW - MINUTE), line("C2")):
        await store.save_consultation(one)
    assert await store.forget_consultations(NOW) == 1
    assert await store.consultations() == [line("C2")]


async def test_the_ledger_is_in_a_backup(place: Place, tmp_path: Path) -> None:
    first = place.open()
    await first.save_consultation(answered())
    await first.save_consultation(line("C2"))
    await first.close()
    lines: list[str] = []
    revision = dump.dump(place.url, lines.append).revision
    dump.load(tmp_path / "again.db", lines, revision or "")
    again = sql.connect(tmp_path / "again.db")
    assert await again.consultations() == [line("C2"), answered()]
    await again.close()
