"""What models said, what it stood on and how it fared: the archive half of the memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from core.analysis import Analysis, Outcome
from core.consultations import Consultation, Purpose, Tally, total
from core.errors import Unavailable
from core.pack import Pack
from core.types import Symbol


class MemoryArchive:
    """The port of the same name over dicts."""

    def __init__(self) -> None:
        self._analyses: dict[str, Analysis] = {}
        self._packs: dict[str, Pack] = {}
        self._outcomes: dict[tuple[str, int, int], Outcome] = {}
        self._consultations: dict[str, Consultation] = {}
        self._closed = False

    async def add_analysis(self, analysis: Analysis, pack: Pack) -> None:
        self._open()
        new([analysis.id], self._analyses)
        self._analyses[analysis.id] = analysis
        self._packs.setdefault(analysis.pack, pack)

    async def save_analysis(self, analysis: Analysis) -> None:
        self._open()
        if analysis.id in self._analyses:
            self._analyses[analysis.id] = analysis

    async def analysis(self, analysis_id: str) -> Analysis | None:
        self._open()
        return self._analyses.get(analysis_id)

    async def analyses(
        self,
        owner: str | None = None,
        symbol: Symbol | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Sequence[Analysis]:
        self._open()
        wanted = [
            one
            for one in self._analyses.values()
            if owner in {None, one.owner}
            and symbol in {None, one.symbol}
            and (since is None or one.at >= since)
            and (until is None or one.at < until)
        ]
        return sorted(wanted, key=lambda one: one.at)[::-1][:limit]

    async def advisers(self, owner: str) -> Collection[str]:
        self._open()
        mine = [one for one in self._analyses.values() if one.owner == owner]
        return {name for one in mine for name in (one.model, one.model_asked, one.prompt) if name}

    async def pack(self, digest: str) -> Pack | None:
        self._open()
        return self._packs.get(digest)

    async def forget_packs(self, before: datetime) -> int:
        self._open()
        kept = {one.pack for one in self._analyses.values() if one.at >= before or one.ticket_id is not None}
        gone = [digest for digest in self._packs if digest not in kept]
        for digest in gone:
            del self._packs[digest]
        return len(gone)

    async def save_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        self._open()
        self._outcomes.update({(one.analysis_id, one.horizon, one.engine): one for one in outcomes})

    async def outcomes(self, analysis_ids: Collection[str]) -> Sequence[Outcome]:
        self._open()
        return [one for key, one in sorted(self._outcomes.items()) if key[0] in analysis_ids]

    async def save_consultation(self, consultation: Consultation) -> None:
        self._open()
        self._consultations[consultation.id] = consultation

    async def consultations(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        person: str | None = None,
        about: str | None = None,
        limit: int | None = None,
    ) -> Sequence[Consultation]:
        self._open()
        wanted = [
            one
            for one in self._consultations.values()
            if person in {None, one.person}
            and about in {None, one.about}
            and (since is None or one.at >= since)
            and (until is None or one.at < until)
        ]
        return sorted(wanted, key=lambda one: one.at)[::-1][:limit]

    async def tallies(self, since: datetime) -> Sequence[Tally]:
        alike: dict[tuple[str, Purpose, str], list[Consultation]] = {}
        for one in await self.consultations(since=since):
            alike.setdefault((one.person, one.purpose, one.model), []).append(one)
        return [Tally(*key, total(one.spent for one in lines)) for key, lines in sorted(alike.items())]

    async def forget_consultations(self, before: datetime) -> int:
        self._open()
        kept = {key: one for key, one in self._consultations.items() if one.at >= before}
        gone, self._consultations = len(self._consultations) - len(kept), kept
        return gone

    def _open(self) -> None:
        if self._closed:
            raise Unavailable("数据库", "已经关闭，程序正在退出。")


def new(ids: Sequence[str], known: Collection[str]) -> None:
    if len(set(ids)) < len(ids) or any(each in known for each in ids):
        raise conflict()


def conflict() -> Unavailable:
    return Unavailable("数据库", "与已有的记录冲突，这一步没有保存。请再试一次；反复出现时请查看日志。")
