"""Scorer: holds every advice against the market once its days are over, and adds up what came of them."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from core.analysis import HORIZONS, Analysis, Decision, Outcome, Standing
from core.calendar import previous_trading_day, session_close, trading_date, trading_days
from core.clock import Clock
from core.history import KEPT, History
from core.orders import Order
from core.ports import Store
from core.score import ENGINE, INDEX, MISSING, Basis, Series, due_at, score
from core.tally import Case, Tally, cases_of, tally
from core.tickets import Ticket, TicketState
from core.types import Symbol

log: Final = logging.getLogger(__name__)

SCORED: Final = "scored"
"""Under this key the store keeps by which rules, and up to when, everything is scored for good."""
LATE: Final = timedelta(days=1)
"""An analysis may be stored so much after the time that it bears."""
TRIED: Final = timedelta(days=30)
"""Bars that did not come in this time do not come any more."""
BEFORE: Final = timedelta(days=20)
"""Days before an advice of which a close is needed: for the limits of its day, and to know its prices by."""
TICKETS: Final = 100_000
"""Cards, and orders, that are read: all of them."""


class _Owed(NamedTuple):
    """One outcome that is due, and what is known of it so far."""

    analysis: Analysis
    decision: Decision
    horizon: int
    known: Outcome | None


class Scorer:
    """Scores what is due; may be called as often as one likes."""

    def __init__(self, store: Store, history: History, clock: Clock) -> None:
        self._store = store
        self._history = history
        self._clock = clock
        self._scoring = asyncio.Lock()

    async def score(self) -> int:
        """Store the outcome of everything that has become due since the last time; how many there were.

        After a change of the rules everything is due again.

        Raises:
            Unavailable: the store does not answer; what is scored by then is stored.
        """
        async with self._scoring:
            now = self._clock.now()
            analyses = await self._store.analyses(since=await self._since())
            found = await self._store.outcomes([one.id for one in analyses])
            newest = {(one.analysis_id, one.horizon): one for one in found}  # by engine, so that the newest stays
            owed: defaultdict[Symbol, list[_Owed]] = defaultdict(list)
            unsettled = now - LATE
            for one in analyses:
                for horizon in HORIZONS if one.decision is not None else ():
                    known, due = newest.get((one.id, horizon)), due_at(one, horizon)
                    if _is_settled(known, due, now):
                        continue
                    unsettled = min(unsettled, one.at)
                    if due <= now and one.decision is not None:
                        owed[one.symbol].append(_Owed(one, one.decision, horizon, known))
            stored = await self._score_all(owed, now) if owed else 0
            await self._store.set_value(SCORED, f"{ENGINE} {unsettled.isoformat()}")
            return stored

    async def _since(self) -> datetime | None:
        """Before this everything is scored by the rules of today; None where nothing is."""
        engine, _, until = (await self._store.value(SCORED) or "").partition(" ")
        return datetime.fromisoformat(until) if engine == str(ENGINE) else None

    async def _score_all(self, owed: Mapping[Symbol, Sequence[_Owed]], now: datetime) -> int:
        earliest = min(one.analysis.at for some in owed.values() for one in some)
        days = len(trading_days(trading_date(earliest - BEFORE), trading_date(now)))
        await self._history.ensure([INDEX, *owed], "day", min(days, KEPT))
        index = Series(await self._history.since(INDEX, "day", earliest - BEFORE))
        stored = 0
        for symbol, some in owed.items():
            first = min(one.analysis.at for one in some)
            share = Series(await self._history.since(symbol, "day", first - BEFORE))
            bases = await self._bases(some)
            scored = []
            for one in some:
                outcome = score(
                    one.analysis, one.decision, one.horizon, share, index=index, basis=bases.get(one.analysis.pack)
                )
                if outcome != one.known and not _is_worse(outcome, one, now):
                    scored.append(outcome)
            await self._store.save_outcomes(scored)
            stored += len(scored)
        return stored

    async def _bases(self, owed: Iterable[_Owed]) -> Mapping[str, Basis]:
        """By pack, the newest close that it knew; only of advices that named levels."""
        found = {}
        for digest in {one.analysis.pack for one in owed if one.decision.take_profit or one.decision.stop_loss}:
            pack = await self._store.pack(digest)
            if pack is not None and pack.days:
                found[digest] = Basis(pack.days[-1].day, pack.days[-1].close)
        return found

    # -- what is asked for

    async def tally(
        self,
        owner: str | None = None,
        *,
        symbols: Collection[Symbol] = (),
        model: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        sees: Callable[[str], bool] = lambda _account: True,
    ) -> Tally:
        """The score of what was advised in this span.

        Args:
            owner: None is everybody.
            symbols: of these shares; without them of all.
            model: of what was asked or answered by this name, or by this version of the prompt.
            sees: whose cards may be looked at, by account; without it all.

        Raises:
            Unavailable
        """
        analyses = await self._found(owner, symbols, model, since, until)
        outcomes = await self._store.outcomes([one.id for one in analyses])
        tickets, orders = await self._cards(analyses, sees)
        # Of years it takes seconds, in which prices must go on being judged.
        return await asyncio.to_thread(tally, analyses, outcomes, tickets, orders)

    async def cases(
        self,
        owner: str | None = None,
        *,
        symbols: Collection[Symbol] = (),
        model: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        sees: Callable[[str], bool] = lambda _account: True,
    ) -> Sequence[Case]:
        """The advices themselves with all that is known of them, newest first. Raises Unavailable."""
        analyses = [one for one in await self._found(owner, symbols, model, since, until) if one.decision][:limit]
        outcomes = await self._store.outcomes([one.id for one in analyses])
        tickets, orders = await self._cards(analyses, sees)
        return await asyncio.to_thread(cases_of, analyses, outcomes, tickets, orders)

    async def _found(
        self,
        owner: str | None,
        symbols: Collection[Symbol],
        model: str,
        since: datetime | None,
        until: datetime | None,
    ) -> Sequence[Analysis]:
        only = next(iter(symbols)) if len(symbols) == 1 else None
        return [
            one
            for one in await self._store.analyses(owner, only, since=since, until=until)
            if (not symbols or one.symbol in symbols) and (not model or _is_by(one, model))
        ]

    async def _cards(
        self, analyses: Iterable[Analysis], sees: Callable[[str], bool]
    ) -> tuple[Mapping[str, Ticket], Mapping[str, Order]]:
        """The cards by id, and the orders that they became by the id of the card."""
        wanted = {one.ticket_id for one in analyses if one.ticket_id is not None}
        if not wanted:
            return {}, {}
        found = await self._store.tickets(set(TicketState), TICKETS)
        tickets = {one.id: one for one in found if one.id in wanted and sees(one.account)}
        orders = await self._store.orders(limit=TICKETS)
        return tickets, {one.ticket_id: one for one in orders if one.ticket_id in tickets}


def _is_by(analysis: Analysis, model: str) -> bool:
    names = (analysis.model, analysis.model_asked, analysis.prompt)
    return any(name.casefold() == model.casefold() for name in names)


def _is_settled(known: Outcome | None, due: datetime, now: datetime) -> bool:
    """Whether nothing better can come any more."""
    if known is None or known.engine != ENGINE:
        return False
    return known.why != MISSING or now - due >= TRIED


def _is_worse(outcome: Outcome, owed: _Owed, now: datetime) -> bool:
    """Whether it is better not stored: bars that are missing today may come by tomorrow, and old ones are forgotten."""
    if outcome.why != MISSING:
        return False
    fresh = session_close(previous_trading_day(trading_date(now))) < due_at(owed.analysis, owed.horizon)
    return fresh or (owed.known is not None and owed.known.standing is not Standing.UNABLE)
