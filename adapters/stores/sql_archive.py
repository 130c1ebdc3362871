"""What models said, what it stood on and how it fared: the archive half of the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, Table, select

from adapters.stores import rows
from adapters.stores.opening import Begin
from adapters.stores.tables import Tables, batches, first
from core.analysis import Analysis, Outcome
from core.pack import Pack
from core.types import Symbol

_ANALYSES: Final = rows.table(rows.AnalysisRow)
_PACKS: Final = rows.table(rows.PackRow)
_OUTCOMES: Final = rows.table(rows.OutcomeRow)
_KEYS: Final = {_ANALYSES: ("id",), _OUTCOMES: ("analysis_id", "horizon", "engine")}


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

    async def pack(self, digest: str) -> Pack | None:
        wanted = select(_PACKS).where(_PACKS.c.digest == digest)
        return first(await self._rows(wanted, lambda columns: Pack.model_validate_json(columns["body"])))

    async def save_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        await self._run(Begin.WRITE, lambda connection: self._put(connection, _OUTCOMES, outcomes))

    async def outcomes(self, analysis_ids: Collection[str]) -> Sequence[Outcome]:
        found: list[Outcome] = []
        for ids in batches(sorted(set(analysis_ids))):
            found += await self._nouns(Outcome, select(_OUTCOMES).where(_OUTCOMES.c.analysis_id.in_(ids)))
        return sorted(found, key=lambda one: (one.analysis_id, one.horizon, one.engine))
