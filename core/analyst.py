"""Analyst: the facts of a share and a model make an Analysis, which is held against these facts and kept with them.

Nothing that a model wrote goes further than this unless it was checked. The same facts are asked about once: while an
answer is under way, and as long as nothing has changed. An advice to trade becomes a card for a tap, never an order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from core import advice, bounds, render_analysis
from core.alerts import Alert
from core.analysis import Action, Analysis, Decision, Occasion
from core.clock import Clock
from core.completions import Completion, Prompt, Unfounded
from core.consultations import Purpose, Spent, total
from core.counsel import Counsel, Unanswered
from core.desk import Desk, Origin
from core.errors import OutsideError, UserError
from core.messages import Chat
from core.pack import Pack
from core.ports import Store
from core.research import Research
from core.tickets import Ticket, TicketState
from core.types import Symbol
from core.watches import Plan, Watch

log: Final = logging.getLogger(__name__)

REMEMBERED: Final = timedelta(days=1)
"""How far back an answer to the same facts is looked for: facts say when they are from, and older ones are others."""
LOOKED_THROUGH: Final = 100
OPEN_CARDS: Final = 1000


class Subject(NamedTuple):
    """What is analysed, for whom.

    Attributes:
        account: whose position counts and in which a trade would be proposed; empty where the person looks at none.
        trades: the person who asks may trade that account.
        unlike: what was advised before; the same once more proposes nothing.
        id: of the analysis to be made.
    """

    id: str
    symbol: Symbol
    owner: str
    chat: Chat
    account: str
    occasion: Occasion
    watch: Watch | None = None
    alert: Alert | None = None
    trades: bool = True
    unlike: Action | None = None


class _Answer(NamedTuple):
    """What a model made of a pack.

    Attributes:
        of: the analysis that asked for it.
        used: of all requests for it.
        heard: a model or our rules have spoken, whatever it is worth.
    """

    of: str
    decision: Decision | None
    problem: str
    model: str = ""
    used: Spent = Spent()
    heard: bool = True


class Analyst:
    """One for each model.

    Args:
        consider: handed the card of each advice, which a policy of the person may cover.
        named: finds the shares that a text names.
    """

    def __init__(
        self,
        store: Store,
        research: Research,
        counsel: Counsel,
        desk: Desk,
        clock: Clock,
        *,
        consider: Callable[[Analysis, Ticket], Awaitable[Analysis]],
        named: advice.Named,
    ) -> None:
        self._store = store
        self._research = research
        self._counsel = counsel
        self._desk = desk
        self._clock = clock
        self._consider = consider
        self._named = named
        self._under_way: dict[tuple[str, ...], asyncio.Future[_Answer]] = {}

    @property
    def model(self) -> str:
        """The name that is asked for."""
        return self._counsel.model

    async def analyse(
        self,
        symbol: Symbol,
        *,
        owner: str,
        chat: Chat,
        account: str,
        occasion: Occasion,
        watch: Watch | None = None,
        alert: Alert | None = None,
        trades: bool = True,
        unlike: Action | None = None,
        analysis_id: str | None = None,
    ) -> Analysis:
        """Analyse a share now. What came of it is stored, also where that is nothing.

        Args:
            trades: whether the person may trade that account.
            unlike: what was advised before: the same once more proposes nothing.

        Raises:
            NotFound, Unavailable: the facts cannot be had, or nothing can be stored.
        """
        number = analysis_id or self._clock.new_id()
        subject = Subject(number, symbol, owner, chat, account, occasion, watch, alert, trades, unlike)
        at = self._clock.now()
        pack = await self._research.pack(symbol, owner=owner, account=account, watch=watch, alert=alert)
        answer = await self._answer(subject, pack)
        earlier = answer.of if answer.of != subject.id else None
        analysis = Analysis(
            id=subject.id,
            at=at,
            owner=owner,
            chat=chat,
            account=account,
            symbol=symbol,
            name=pack.name,
            occasion=occasion,
            watch_id=watch.id if watch is not None else None,
            alert_id=alert.id if alert is not None else None,
            pack=pack.digest(),
            price=pack.price,
            quoted_at=pack.quoted_at,
            prompt=advice.VERSION,
            model_asked=self.model,
            model=answer.model,
            decision=answer.decision,
            problem=answer.problem,
            tokens=answer.used.tokens if earlier is None else 0,
            yuan=answer.used.yuan if earlier is None else Decimal(0),
            took=self._clock.now() - at,
            reused=earlier,
        )
        await self._store.add_analysis(analysis, pack)
        return await self._propose(analysis, pack, subject)

    # -- the answer

    async def _answer(self, subject: Subject, pack: Pack) -> _Answer:
        """The answer to these facts: an earlier one, the one that somebody is just waiting for, or a new one."""
        key = (pack.digest(), advice.VERSION, self.model)
        while (waited := self._under_way.get(key)) is not None:
            await asyncio.wait((waited,))
            # What kept somebody else from an answer, his budget or his deadline, keeps nobody but him.
            if not waited.cancelled() and waited.result().heard:
                return waited.result()
        answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._under_way[key] = answer
        try:
            answer.set_result(await self._known(subject, key) or await self._ask(subject, pack))
        finally:
            del self._under_way[key]
            answer.cancel()  # whoever waits for one that never comes asks himself
        return answer.result()

    async def _known(self, subject: Subject, key: tuple[str, ...]) -> _Answer | None:
        since = self._clock.now() - REMEMBERED
        for one in await self._store.analyses(symbol=subject.symbol, since=since, limit=LOOKED_THROUGH):
            if one.decision is not None and one.reused is None and (one.pack, one.prompt, one.model_asked) == key:
                return _Answer(one.id, one.decision, "", one.model)
        return None

    async def _ask(self, subject: Subject, pack: Pack) -> _Answer:
        """Ask, and once more where the answer does not hold; a second bad one is dropped."""
        if why := bounds.why_not(pack):
            return _Answer(subject.id, None, why)
        until = asyncio.get_running_loop().time() + self._counsel.budget.analysis_seconds
        question, decision, problem, model = advice.prompt(pack, subject.occasion), None, "", ""
        silent = False
        for last in (False, True):
            heard = await self._heard(subject, question, until)
            if isinstance(heard, Unanswered):
                silent = not problem
                problem = problem or heard.text  # that an answer was refused says more than that no other came
                break
            model = heard.model
            try:
                decision, problem = advice.read(heard.text, pack, self._named), ""
                break
            except Unfounded as error:
                log.warning("an answer of %s on %s did not hold: %s", model, subject.symbol, error)
                problem = render_analysis.unfounded(str(error))
                if not last:
                    question = advice.again(question, heard.text, str(error))
        if decision is not None and decision.confidence == 0:
            decision, problem = None, render_analysis.undecided(pack)
        spent = total(one.spent for one in await self._store.consultations(about=subject.id))
        return _Answer(subject.id, decision, problem, model, spent, heard=not silent)

    async def _heard(self, subject: Subject, question: Prompt, until: float) -> Completion | Unanswered:
        left = max(until - asyncio.get_running_loop().time(), 0)
        return await self._counsel.ask(
            subject.owner, question, purpose=Purpose.ANALYSIS, seconds=left, about=subject.id
        )

    # -- what comes of it

    async def _propose(self, analysis: Analysis, pack: Pack, subject: Subject) -> Analysis:
        """Make a card of an advice to trade, or note why there is none.

        The analysis is stored before its card, and the card with the number of its analysis: whatever dies in between,
        each is found from the other.
        """
        decision = analysis.decision
        if decision is None or (side := decision.action.side) is None or not subject.trades or not pack.account:
            return analysis
        if decision.action is subject.unlike:
            return analysis
        if subject.watch is not None and subject.watch.plan is not None:
            return analysis  # its own card is there already
        if (why := await self._open_already(analysis, decision)) or decision.shares is None:
            return await self._noted(analysis, why)
        plan = Plan(side=side, shares=decision.shares, price=decision.entry)
        watch_id, alert_id = analysis.watch_id, analysis.alert_id
        reason = render_analysis.reason(analysis)
        origin = Origin(analysis.owner, analysis.chat, watch_id, alert_id, reason, analysis.id)
        try:
            ticket = await self._desk.ask(plan, analysis.symbol, analysis.account, origin)
        except UserError as error:
            return await self._noted(analysis, str(error))
        except OutsideError as error:
            return await self._noted(analysis, error.reason)
        made = analysis.model_copy(update={"ticket_id": ticket.id})
        await self._store.save_analysis(made)
        return await self._consider(made, ticket)

    async def _open_already(self, analysis: Analysis, decision: Decision) -> str:
        """Which card asks for the same already; empty where none does."""
        wish = (analysis.account, analysis.symbol, decision.action.side)
        now = self._clock.now()
        for one in await self._store.tickets({TicketState.OPEN}, limit=OPEN_CARDS):
            if (one.account, one.symbol, one.side) == wish and one.open_at(now):
                return render_analysis.open_already(one)
        return ""

    async def found_ticket(self, analysis: Analysis) -> Analysis:
        """With the card that was made of it, where its number could not be noted any more."""
        if analysis.ticket_id is not None:
            return analysis
        made = [one for one in await self._store.tickets(list(TicketState)) if one.analysis_id == analysis.id]
        if not made:
            return analysis
        found = analysis.model_copy(update={"ticket_id": made[0].id})
        await self._store.save_analysis(found)
        return found

    async def _noted(self, analysis: Analysis, note: str) -> Analysis:
        noted = analysis.model_copy(update={"note": note})
        await self._store.save_analysis(noted)
        return noted
