"""What models said, what it stood on and how it fared: the archive half of the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, RowMapping, Table, delete, func, select

from adapters.stores import rows
from adapters.stores.opening import Begin
from adapters.stores.tables import Tables, batches, first
from core.analysis import Analysis, Outcome
from core.consultations import Consultation, Purpose, Spent, Tally
from core.pack import Pack
from core.types import Symbol

_ANALYSES: Final = rows.table(rows.AnalysisRow)
_PACKS: Final = rows.table(rows.PackRow)
_OUTCOMES: Final = rows.table(rows.OutcomeRow)
_CONSULTATIONS: Final = rows.table(rows.ConsultationRow)
_KEYS: Final = {
    _ANALYSES: ("id",),
    _OUTCOMES: ("analysis_id", "horizon", "engine"),
    _CONSULTATIONS: ("id",),
}


class SqlArchive(Tables):
    """The port of the same name over one database."""

    def __init__(
        self,
        engine: Engine,
        thread: ThreadPoolExecutor,
        keys: Mapping[Table, tuple[str, ...]],
        added: Collection[Table],
    ) -> None:
        super().__init__(engine, thread, {**keys, **_KEYS}, {*added, _ANALYSES})

    async def add_analysis(self, analysis: Analysis, pack: Pack) -> None:
        kept = self._insert(_PACKS).on_conflict_do_nothing()

        def step(connection: Connection) -> None:
            self._add(connection, _ANALYSES, [analysis])
            connection.execute(kept, {"digest": analysis.pack, "body": pack.model_dump_json()})

        await self._run(Begin.WRITE, step)

    async def save_analysis(self, analysis: Analysis) -> None:
        changed = _ANALYSES.update().where(_ANALYSES.c.id == analysis.id).values(rows.values(analysis))
        await self._run(Begin.WRITE, lambda connection: connection.execute(changed) and None)

    async def analysis(self, analysis_id: str) -> Analysis | None:
        return first(await self._nouns(Analysis, select(_ANALYSES).where(_ANALYSES.c.id == analysis_id)))

    async def analyses(
        self,
        owner: str | None = None,
        symbol: Symbol | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Sequence[Analysis]:
        wanted = select(_ANALYSES)
        if owner is not None:
            wanted = wanted.where(_ANALYSES.c.owner == owner)
        if symbol is not None:
            wanted = wanted.where(_ANALYSES.c.symbol == symbol)
        if since is not None:
            wanted = wanted.where(_ANALYSES.c.at >= since)
        if until is not None:
            wanted = wanted.where(_ANALYSES.c.at < until)
        newest = wanted.order_by(_ANALYSES.c.at.desc(), _ANALYSES.c.seq.desc())
        return await self._nouns(Analysis, newest.limit(limit))

    async def advisers(self, owner: str) -> Collection[str]:
        names = (_ANALYSES.c.model, _ANALYSES.c.model_asked, _ANALYSES.c.prompt)
        wanted = select(*names).where(_ANALYSES.c.owner == owner).distinct()
        found = await self._rows(wanted, lambda columns: [str(name) for name in columns.values()])
        return {name for some in found for name in some if name}

    async def pack(self, digest: str) -> Pack | None:
        wanted = select(_PACKS).where(_PACKS.c.digest == digest)
        return first(await self._rows(wanted, lambda columns: Pack.model_validate_json(columns["body"])))

    async def forget_packs(self, before: datetime) -> int:
        kept = select(_ANALYSES.c.pack).where((_ANALYSES.c.at >= before) | _ANALYSES.c.ticket_id.is_not(None))
        gone = delete(_PACKS).where(_PACKS.c.digest.not_in(kept))
        return await self._run(Begin.WRITE, lambda connection: connection.execute(gone).rowcount)

    async def save_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        await self._run(Begin.WRITE, lambda connection: self._put(connection, _OUTCOMES, outcomes))

    async def outcomes(self, analysis_ids: Collection[str]) -> Sequence[Outcome]:
        found: list[Outcome] = []
        for ids in batches(sorted(set(analysis_ids))):
            found += await self._nouns(Outcome, select(_OUTCOMES).where(_OUTCOMES.c.analysis_id.in_(ids)))
        return sorted(found, key=lambda one: (one.analysis_id, one.horizon, one.engine))

    async def save_consultation(self, consultation: Consultation) -> None:
        await self._run(Begin.DURABLE, lambda connection: self._put(connection, _CONSULTATIONS, [consultation]))

    async def consultations(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        person: str | None = None,
        about: str | None = None,
        limit: int | None = None,
    ) -> Sequence[Consultation]:
        wanted = select(_CONSULTATIONS)
        if since is not None:
            wanted = wanted.where(_CONSULTATIONS.c.at >= since)
        if until is not None:
            wanted = wanted.where(_CONSULTATIONS.c.at < until)
        if person is not None:
            wanted = wanted.where(_CONSULTATIONS.c.person == person)
        if about is not None:
            wanted = wanted.where(_CONSULTATIONS.c.about == about)
        newest = wanted.order_by(_CONSULTATIONS.c.at.desc(), _CONSULTATIONS.c.seq.desc())
        return await self._nouns(Consultation, newest.limit(limit))

    async def tallies(self, since: datetime) -> Sequence[Tally]:
        line = _CONSULTATIONS.c
        alike = (line.person, line.purpose, line.model)
        sums = (
            func.count().label("calls"),
            func.sum(line.fresh + line.cached + line.out).label("tokens"),
            func.sum(line.yuan).label("yuan"),
        )
        # Sorted here: databases disagree on the order of letters.
        return sorted(await self._rows(select(*alike, *sums).where(line.at >= since).group_by(*alike), _tally))

    async def forget_consultations(self, before: datetime) -> int:
        gone = delete(_CONSULTATIONS).where(_CONSULTATIONS.c.at < before)
        return await self._run(Begin.WRITE, lambda connection: connection.execute(gone).rowcount)


def _tally(columns: RowMapping) -> Tally:
    # PostgreSQL adds integers up to a Decimal.
    spent = Spent(columns["calls"], int(columns["tokens"]), columns["yuan"])
    return Tally(columns["person"], Purpose(columns["purpose"]), columns["model"], spent)
