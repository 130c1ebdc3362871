"""Commentary: analyses that run beside everything else, and are put into messages that went out already.

A person who asks is answered at once, and the answer is edited into that message. An alert goes out as if there were no
model, and the comment follows. A watch with an interval has its shares analysed while the market trades.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

from core import render_analysis
from core.alerts import Alert
from core.amend import Amendments
from core.analysis import Action, Analysis, Occasion
from core.analyst import Analyst
from core.calendar import Phase, phase
from core.clock import Clock
from core.dispatch import Told
from core.errors import OutsideError, UserError
from core.messages import Chart, Chat, Message, Outgoing
from core.notify import Notifier
from core.pack import Pack
from core.ports import Store
from core.render_analysis import Made
from core.types import Noun, Symbol, is_account
from core.watches import NO_ACCOUNT, Repeat, Watch
from core.watchlist import Watchlist

log: Final = logging.getLogger(__name__)

MOST_WAITING: Final = 20
"""Messages that wait for a comment; in a storm the rest goes without."""
MOST_COMMENTED: Final = 3
"""Shares of one message that are commented on; one that tells more is a summary."""
MOST_AT_ONCE: Final = 3
"""Watches whose turn comes in one minute: at the open all are due at once."""
LONGEST_STORM: Final = 30.0
"""Seconds that a comment waits for alerts to be sent; a chat that cannot be reached keeps no other waiting."""
NEAR: Final = Decimal(1)
"""Percent between the price and a level of the advice, within which it is told."""
COMMENTS: Final = "comments"
"""Under this key the store keeps who wants comments on alerts, and who does not."""
UNDER_WAY: Final = "analyses_under_way"
"""Under this key the store keeps which messages wait for their analysis, so that none waits for ever."""


class Wanted(Noun):
    """What a person asked for, and the message that waits for it.

    Attributes:
        ids: of the analyses to be made, one for each share.
        names: of the shares; empty where nobody knows.
        trades: the person may trade the account. Nothing is proposed for several shares at once.
    """

    ids: tuple[str, ...]
    symbols: tuple[Symbol, ...]
    names: tuple[str, ...]
    owner: str
    chat: Chat
    account: str
    trades: bool

    @property
    def id(self) -> str:
        """By which its message is known."""
        return self.ids[0]


class Commentary:
    """One for the house.

    Args:
        may_trade, may_see: whether an owner of watches may trade an account, or know what it holds.
        quiet: whether nothing of a watch would be told now.
        by_default: whether alerts are commented on where a person has not said.
        picture: of an advice, for a person who wants one.
    """

    def __init__(
        self,
        store: Store,
        analyst: Analyst,
        notifier: Notifier,
        amendments: Amendments,
        watchlist: Watchlist,
        clock: Clock,
        *,
        may_trade: Callable[[str, str], bool],
        may_see: Callable[[str, str], bool],
        quiet: Callable[[Watch, Symbol], bool],
        by_default: bool,
        picture: Callable[[Analysis], Awaitable[Chart | None]],
    ) -> None:
        self._store = store
        self._analyst = analyst
        self._notifier = notifier
        self._amendments = amendments
        self._watchlist = watchlist
        self._clock = clock
        self._may_trade = may_trade
        self._may_see = may_see
        self._quiet = quiet
        self._by_default = by_default
        self._picture = picture
        self._comments: dict[str, bool] = {}
        self._under_way: dict[str, Wanted] = {}
        self._looked: dict[str, datetime] = {}
        self._turn = asyncio.Semaphore(1)
        # Of looks at intervals, which keep no comment on an alert waiting.
        self._looks = asyncio.Semaphore(1)
        self._looking: set[str] = set()
        self._waiting = 0
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._later: list[Callable[[], Awaitable[None]]] = []
        self._group: asyncio.TaskGroup | None = None

    # -- beginning and end

    async def load(self) -> None:
        """Take over what an earlier process left: who wants comments, and messages that wait for their analysis."""
        self._comments = json.loads(await self._store.value(COMMENTS) or "{}")
        for left in json.loads(await self._store.value(UNDER_WAY) or "[]"):
            wanted = Wanted.model_validate(left)
            self._under_way[wanted.id] = wanted
            self._spawn(partial(self._take_up, wanted))

    async def run(self) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for step in self._later:
                group.create_task(self._step(step))
            self._later.clear()
            await asyncio.Event().wait()

    async def finished(self) -> None:
        """Wait until nothing is under way."""
        await self._idle.wait()

    def _spawn(self, step: Callable[[], Awaitable[None]]) -> None:
        self._busy += 1
        self._idle.clear()
        if self._group is None:
            self._later.append(step)
        else:
            self._group.create_task(self._step(step))

    async def _step(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await self._step_of(step)
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    async def _step_of(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except OutsideError as error:
            log.warning("%s: %s", error.source, error.reason)
        except Exception:
            # A bug in one analysis must not end the others, and the house with them.
            log.exception("an analysis failed")

    # -- a person asks

    async def ask(self, wanted: Wanted) -> None:
        """Say that it begins, and begin: the result is put into that message, so nothing may come before it.

        Raises:
            Unavailable: nothing can be stored; then nothing is asked.
        """
        self._under_way[wanted.id] = wanted
        await self._keep_under_way()
        begins = render_analysis.under_way(wanted.id, wanted.names, wanted.symbols, self._analyst.model)
        await self._notifier.say(wanted.chat, begins)
        self._spawn(partial(self._answer, wanted))

    async def _answer(self, wanted: Wanted) -> None:
        made: list[Made] = []
        for analysis_id, symbol in zip(wanted.ids, wanted.symbols, strict=True):
            made.append(await self._made(wanted, analysis_id, symbol))
            await self._notifier.say(wanted.chat, self._message(wanted, made))
        # The words are there; the picture of the one advice is put above them.
        if len(made) == 1 and not isinstance(made[0], str) and (chart := await self._picture(made[0][0])) is not None:
            message = self._message(wanted, made).model_copy(update={"chart": chart})
            await self._notifier.say(wanted.chat, message)
        await self._answered(wanted)

    async def _made(self, wanted: Wanted, analysis_id: str, symbol: Symbol) -> Made:
        """What came of it, whatever that is."""
        try:
            analysis = await self._analyst.analyse(
                symbol,
                owner=wanted.owner,
                chat=wanted.chat,
                account=wanted.account,
                occasion=Occasion.ASKED,
                trades=wanted.trades and len(wanted.symbols) == 1,
                analysis_id=analysis_id,
            )
            return analysis, await self._pack(analysis)
        except OutsideError as error:
            log.warning("%s: %s", error.source, error.reason)
            return f"{error.source}：{error.reason}"
        except UserError as error:
            return str(error)
        except Exception:
            log.exception("analysis %s failed", analysis_id)
            return f"内部错误 {analysis_id}。这是程序的问题，已记入日志。"

    def _message(self, wanted: Wanted, made: Sequence[Made]) -> Message:
        return render_analysis.result(wanted.id, wanted.names, wanted.symbols, made)

    async def _take_up(self, wanted: Wanted) -> None:
        """Put into a message what an earlier process left of its analysis. A model is not asked a second time."""
        made: list[Made] = []
        for analysis_id in wanted.ids:
            found = await self._store.analysis(analysis_id)
            if found is None:
                made.append(render_analysis.INTERRUPTED)
            else:
                found = await self._analyst.found_ticket(found)
                made.append((found, await self._pack(found)))
        await self._notifier.say(wanted.chat, self._message(wanted, made))
        await self._answered(wanted)

    async def _answered(self, wanted: Wanted) -> None:
        del self._under_way[wanted.id]
        await self._keep_under_way()

    async def _keep_under_way(self) -> None:
        rows = [one.model_dump(mode="json") for one in self._under_way.values()]
        await self._store.set_value(UNDER_WAY, json.dumps(rows) if rows else None)

    async def _pack(self, analysis: Analysis) -> Pack:
        pack = await self._store.pack(analysis.pack)
        assert pack is not None, "stored with its analysis"
        return pack

    # -- alerts

    def wants(self, owner: str) -> bool:
        """Whether alerts of a person are commented on."""
        return self._comments.get(owner, self._by_default)

    async def want(self, owner: str, *, on: bool) -> None:
        comments = {**self._comments, owner: on}
        await self._store.set_value(COMMENTS, json.dumps(comments))
        self._comments = comments

    def told(self, items: Sequence[Told], row: Outgoing) -> None:
        """Comment on alerts that have just gone out. Costs the alerts nothing: all is done later."""
        wanted = [one for one in items if self.wants(one.watch.owner) and not is_account(one.alert.symbol)]
        shares = {one.alert.symbol: one for one in wanted}
        if not 0 < len(shares) <= MOST_COMMENTED:
            return
        if self._waiting >= MOST_WAITING:
            log.info("no comment on %s: %d wait already", row.id, self._waiting)
            return
        self._waiting += 1
        self._spawn(partial(self._comment, list(shares.values()), row))

    async def _comment(self, items: Sequence[Told], row: Outgoing) -> None:
        """When everything that is to be told is on its way: no alert shares the machine with a comment."""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_STORM):
                    await self._notifier.drained()
            async with self._turn:
                made = [await self._on_alert(one.watch, one.alert, row.chat) for one in items]
        finally:
            self._waiting -= 1
        said = [one for one in made if not render_analysis.is_undecided(one)]
        if said:
            await self._amendments.add(row, render_analysis.comment(said))

    async def _on_alert(self, watch: Watch, alert: Alert, chat: Chat) -> Analysis:
        return await self._analyst.analyse(
            alert.symbol,
            owner=alert.owner,
            chat=chat,
            account=self._account(watch),
            occasion=Occasion.ALERT,
            watch=watch,
            alert=alert,
            trades=self._may_trade(watch.owner, watch.account),
        )

    def _account(self, watch: Watch) -> str:
        return watch.account if watch.account and self._may_see(watch.owner, watch.account) else NO_ACCOUNT

    # -- at intervals

    async def look(self) -> None:
        """Analyse the shares of the watches whose time has come. While nothing is traded, none has."""
        now = self._clock.now()
        if phase(now) is not Phase.CONTINUOUS:
            return
        regular = [
            one
            for one in self._watchlist.everything()
            # A slow model piles nothing up: while one look is under way, no other begins.
            if one.check_interval is not None and one.live_at(now) and one.id not in self._looking
        ]
        due = [(since, watch) for watch in regular if (since := await self._due(watch, now))]
        for _since, watch in sorted(due, key=lambda one: (one[0], one[1].id))[:MOST_AT_ONCE]:
            self._looked[watch.id] = now
            self._looking.add(watch.id)
            self._spawn(partial(self._look_over, watch))

    async def _due(self, watch: Watch, now: datetime) -> datetime | None:
        """Since when it is due; None where it is not yet."""
        assert watch.check_interval is not None, "of the others nobody asks"
        if watch.id not in self._looked:
            self._looked[watch.id] = await self._last(watch) or watch.created_at - watch.check_interval
        since = self._looked[watch.id] + watch.check_interval
        return since if since <= now else None

    async def _last(self, watch: Watch) -> datetime | None:
        """When an earlier process last looked."""
        since = self._clock.now() - (watch.check_interval or timedelta())
        made = await self._store.analyses(watch.owner, since=since)
        return next((one.at for one in made if one.watch_id == watch.id and one.occasion is Occasion.INTERVAL), None)

    async def _look_over(self, watch: Watch) -> None:
        """All its shares, one after the other."""
        try:
            for symbol in watch.symbols:
                if not self._quiet(watch, symbol):
                    await self._step_of(partial(self._look_at, watch, symbol))
        finally:
            self._looking.discard(watch.id)

    async def _look_at(self, watch: Watch, symbol: Symbol) -> None:
        async with self._looks:
            if not self._still(watch):
                return
            before = await self._before(watch, symbol)
            analysis = await self._analyst.analyse(
                symbol,
                owner=watch.owner,
                chat=watch.chat,
                account=self._account(watch),
                occasion=Occasion.INTERVAL,
                watch=watch,
                trades=self._may_trade(watch.owner, watch.account),
                unlike=_action(before),
            )
        why = why_told(analysis, before, always=watch.repeat is Repeat.EVERY_TIME)
        if why and self._still(watch):
            pack = await self._pack(analysis)
            message = render_analysis.on_interval(analysis, pack, watch.number, why)
            chart = await self._picture(analysis)
            await self._notifier.say(watch.chat, message.model_copy(update={"chart": chart}))

    def _still(self, watch: Watch) -> bool:
        """Whether it goes on: a person may have ended it meanwhile."""
        current = self._watchlist.current(watch.id)
        return current is not None and current.live_at(self._clock.now())

    async def _before(self, watch: Watch, symbol: Symbol) -> Analysis | None:
        made = await self._store.analyses(watch.owner, symbol, limit=50)
        mine = (one for one in made if one.watch_id == watch.id and one.occasion is Occasion.INTERVAL)
        return next(mine, None)


def _action(analysis: Analysis | None) -> Action | None:
    return analysis.decision.action if analysis is not None and analysis.decision is not None else None


_FOLLOWS: Final = frozenset(
    {
        (Action.BUY, Action.HOLD),
        (Action.SELL, Action.WAIT),
        (Action.WAIT, Action.HOLD),
        (Action.HOLD, Action.WAIT),
    }
)
"""What the same view is called after the person has traded: no news."""


def why_told(analysis: Analysis, before: Analysis | None, *, always: bool) -> str:
    """Why an analysis of a watch is told; empty where it says what was said before.

    Args:
        before: the one before it, of the same watch and share.
    """
    if before is None:
        return "第一次" if always else "第一次。以后建议变了，或价格接近它的价位时再告诉你"
    if analysis.decision is None or before.decision is None:
        if (analysis.decision is None) == (before.decision is None):
            return "每次都告诉你" if always else ""
        return "这次没有结果" if analysis.decision is None else "又有结果了"
    was, now_is = before.decision.action, analysis.decision.action
    if was is not now_is and (was, now_is) not in _FOLLOWS:
        return f"建议从{was.chinese}变成{now_is.chinese}"
    now, then = near(analysis), near(before)
    if now and now != then:
        return f"价格接近{now}"
    return "每次都告诉你" if always else ""


def near(analysis: Analysis) -> str:
    """The level of an advice that the price is near to; empty where it is near to none."""
    if analysis.decision is None or analysis.price is None:
        return ""
    levels = {"止盈": analysis.decision.take_profit, "止损": analysis.decision.stop_loss}
    for label, level in levels.items():
        if level is not None and abs(level - analysis.price) * 100 <= NEAR * analysis.price:
            return label
    return ""
