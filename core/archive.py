"""Archive: the half of the store that keeps what models said, what it stood on, and how it fared."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from core.analysis import Analysis, Outcome
from core.consultations import Consultation, Tally
from core.pack import Pack
from core.types import Symbol


class Archive(Protocol):
    """As every step of the store: each method is one transaction, and raises Unavailable."""

    async def add_analysis(self, analysis: Analysis, pack: Pack) -> None:
        """Store one with the facts it stands on; the same facts are kept once."""
        ...

    async def save_analysis(self, analysis: Analysis) -> None:
        """Store what came of it: the card, or why there is none."""
        ...

    async def analysis(self, analysis_id: str) -> Analysis | None: ...

    async def analyses(
        self,
        owner: str | None = None,
        symbol: Symbol | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Sequence[Analysis]:
        """Newest first.

        Args:
            owner: None is everybody.
            since, until: made in this span, its end left out.
        """
        ...

    async def advisers(self, owner: str) -> Collection[str]:
        """What a person's analyses go by: what was asked, what answered, and the versions of the prompt."""
        ...

    async def pack(self, digest: str) -> Pack | None: ...

    async def forget_packs(self, before: datetime) -> int:
        """Delete facts that only analyses made earlier, and without a card, stand on; how many those were."""
        ...

    async def save_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Store many; one of the same analysis, horizon and engine is replaced."""
        ...

    async def outcomes(self, analysis_ids: Collection[str]) -> Sequence[Outcome]:
        """By analysis, horizon and engine."""
        ...

    async def save_consultation(self, consultation: Consultation) -> None:
        """Store what is asked of a model, or what became of it: one of the same id is replaced."""
        ...

    async def consultations(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        person: str | None = None,
        about: str | None = None,
        limit: int | None = None,
    ) -> Sequence[Consultation]:
        """Newest first.

        Args:
            since, until: asked in this span, its end left out.
        """
        ...

    async def tallies(self, since: datetime) -> Sequence[Tally]:
        """What was asked then or later, added up by person, purpose and who answered, in their order."""
        ...

    async def forget_consultations(self, before: datetime) -> int:
        """Delete earlier ones; how many there were."""
        ...
