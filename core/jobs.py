"""JOBS: what runs when, as a table. Live, APScheduler reads it; in a demo or a replay the market's own clock does."""

from __future__ import annotations

import gc
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple

from core import render
from core.backfill import Backfill
from core.blotter import Blotter
from core.bookkeeper import Bookkeeper
from core.brokerage import Brokerage
from core.calendar import calendar_warning, is_trading_day, trading_date, trading_time
from core.chronicler import Chronicler
from core.clock import MARKET_ZONE, Clock, market_time
from core.commentary import Commentary
from core.desk import Desk
from core.digest import Digest
from core.dispatch import Dispatcher
from core.editions import HOURS, Edition
from core.engine import SHORTEST_GAP, Engine
from core.errors import OutsideError
from core.escalate import Escalation
from core.gather import Gathering
from core.history import History
from core.membership import Membership
from core.messages import Chat, Delivery, Message
from core.notify import Notifier
from core.ports import Store
from core.reconcile import Reconciler
from core.remind import Reminders
from core.reporter import Reporter
from core.scorer import Scorer
from core.sweep import Sweep
from core.types import is_account
from core.watches import Watch
from core.watchlist import Watchlist

log: Final = logging.getLogger(__name__)

KEEP_MESSAGES: Final = timedelta(days=30)
KEEP_CONSULTATIONS: Final = timedelta(days=400)
PATIENCE: Final = 2 * SHORTEST_GAP
"""Trading time without a good frame before it is told."""
LAST_FRAME: Final = "last_frame_at"
"""Under this key the store keeps when the last good frame came."""


class Duties:
    """What the jobs do.

    Args:
        chats: where notices that concern every watcher go.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        engine: Engine,
        desk: Desk,
        brokerage: Brokerage,
        blotter: Blotter,
        reconciler: Reconciler,
        dispatcher: Dispatcher,
        watchlist: Watchlist,
        notifier: Notifier,
        digest: Digest,
        escalation: Escalation,
        reminders: Reminders,
        history: History,
        backfill: Backfill,
        sweep: Sweep,
        gathering: Gathering,
        chronicler: Chronicler,
        bookkeeper: Bookkeeper,
        scorer: Scorer,
        membership: Membership,
        reporter: Reporter,
        commentary: Commentary,
        chats: Callable[[], Collection[Chat]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._engine = engine
        self._desk = desk
        self._brokerage = brokerage
        self._blotter = blotter
        self._reconciler = reconciler
        self._dispatcher = dispatcher
        self._watchlist = watchlist
        self._notifier = notifier
        self._digest = digest
        self._escalation = escalation
        self._reminders = reminders
        self._history = history
        self._backfill = backfill
        self._sweep = sweep
        self._gathering = gathering
        self._chronicler = chronicler
        self._bookkeeper = bookkeeper
        self._scorer = scorer
        self._membership = membership
        self._reporter = reporter
        self._commentary = commentary
        self._chats = chats
        self._watching_since = clock.now()
        self._noted: datetime | None = None
        self._blind = False

    async def take_over(self) -> None:
        """Let the engine go on where an earlier process stopped, so that the time between is told as a gap."""
        noted = await self._store.value(LAST_FRAME)
        if noted is not None:
            self._engine.resume_after(datetime.fromisoformat(noted))

    async def fill_bars(self) -> None:
        """Have the bars that watches look at, also of those that came another way than by a sentence."""
        for watch in list(self._watchlist.everything()):
            if watch.live_at(self._clock.now()) and watch.scope != "market":
                await self._backfill.ensure(watch.symbols, watch.conditions)

    async def gather_bars(self) -> None:
        """Likewise for the whole market, little by little."""
        await self._gathering.run()

    async def list_market(self) -> None:
        """Which shares there are."""
        await self._sweep.list_market()

    async def sweep_market(self) -> None:
        """What only watches on the whole market look at."""
        await self._sweep.run()

    async def expire_tickets(self) -> None:
        await self._desk.expire()

    async def tell_held_back(self) -> None:
        await self._digest.tell_due()

    async def escalate(self) -> None:
        await self._escalation.tell_due()

    async def tell_crowd(self) -> None:
        """Strangers that were too many to be told one by one."""
        await self._membership.sum_up()

    async def analyse(self) -> None:
        """The shares of watches that are analysed again and again, as far as their time has come."""
        await self._commentary.look()

    async def keep_peaks(self) -> None:
        """Store how high what is watched has been, so that a restart does not forget from where it falls."""
        await self._dispatcher.keep_peaks()

    async def remind(self) -> None:
        await self._reminders.tell_due()

    async def check_feed(self) -> None:
        """Say once that no prices come, or only old ones, while they should; the engine says when they are back."""
        now = self._clock.now()
        last = self._engine.last_good_at
        if not self._asks_for_quotes():
            self._watching_since = now  # nothing is asked for, so nothing is missed
        since = max(last or self._watching_since, self._watching_since)
        # The market must have traded all that time: between the auction and the open, prices may well stand still.
        silent = now - since > PATIENCE and trading_time(now - PATIENCE, now) == PATIENCE
        if silent and not self._blind:
            await self._tell(render.blind_now(last))
        self._blind = silent
        if last is not None and last != self._noted:
            await self._store.set_value(LAST_FRAME, last.isoformat())
            self._noted = last

    def _asks_for_quotes(self) -> bool:
        """Whether a watch needs prices: of shares, or of what an account holds."""
        watched = self._watchlist.symbols
        return bool(watched) and not (all(map(is_account, watched)) and not self._blotter.symbols)

    async def open_day(self) -> None:
        """Before the open: end what has expired, look at the accounts and at the calendar."""
        await self._end_watches()
        await self._sweep.follow()
        await self._look_at_accounts()
        warning = calendar_warning(trading_date(self._clock.now()))
        if warning is not None:
            await self._tell(Message(title="📅 交易日历", text=warning))

    async def close_day(self) -> None:
        """After the close: what happened to the orders, and what the accounts hold now."""
        await self._blotter.look_up()
        await self._look_at_accounts()

    async def look_up(self) -> None:
        """Orders whose fate is open are asked for again."""
        await self._blotter.look_up()

    async def reconcile(self) -> None:
        """What the brokers have is held against what we have; real accounts are told of even when all is well."""
        await self._blotter.look_up()
        await self._reconciler.look(routine=True)

    async def reconcile_quietly(self) -> None:
        """The same, told only when something differs or is new."""
        await self._blotter.look_up()
        await self._reconciler.look()

    async def clean(self) -> None:
        """Forget messages that were sent, and models that were asked, long ago; what concerns money is kept."""
        await self._store.forget(self._clock.now() - KEEP_MESSAGES, {Delivery.SENT, Delivery.FAILED})
        await self._store.forget_consultations(self._clock.now() - KEEP_CONSULTATIONS)
        await self._store.forget_packs(self._clock.now() - KEEP_CONSULTATIONS)
        gc.collect()  # at night, because it keeps everybody waiting

    async def save_bars(self) -> None:
        """Bars that have become finished are stored."""
        await self._history.save()

    async def close_bars(self) -> None:
        """After the close: the bars of the day are finished."""
        await self._history.close_day()

    async def forget_bars(self) -> None:
        """Bars of minutes are kept for two months, those of days for three years."""
        await self._history.forget()

    async def save_chronicle(self) -> None:
        """What /why remembers is stored."""
        await self._chronicler.save()

    async def sum_up(self) -> None:
        """After the close: how near every rule came today."""
        await self._chronicler.close_day()

    async def note_worths(self) -> None:
        """After the close: what the accounts are worth, for their curves; in the evening what was missed then."""
        await self._bookkeeper.note()

    async def score_advice(self) -> None:
        """What was advised is held against the market, once its days are over."""
        await self._scorer.score()

    async def report(self) -> None:
        """The reports that are due and were not sent: at their hours, and in between those that were missed."""
        await self._reporter.send_due()

    async def forget_chronicle(self) -> None:
        """What /why remembers is kept for a year and a month."""
        await self._chronicler.forget()

    async def _end_watches(self) -> None:
        over: dict[Chat, list[Watch]] = {}
        for watch in await self._watchlist.expire():
            over.setdefault(watch.chat, []).append(watch)
        for chat, watches in over.items():
            await self._notifier.say(chat, render.watch_over(watches))

    async def _look_at_accounts(self) -> None:
        for broker in self._brokerage.brokers:
            try:
                await self._brokerage.refresh(broker.account)
            except OutsideError as error:
                log.warning("%s: %s", error.source, error.reason)

    async def _tell(self, message: Message) -> None:
        for chat in self._chats():
            await self._notifier.say(chat, message)


class Every(NamedTuple):
    """Again and again, at any hour."""

    interval: timedelta


class At(NamedTuple):
    """Once a day in market time; by default on trading days only."""

    clock: time
    trading_days: bool = True


class Job(NamedTuple):
    name: str
    when: Every | At
    run: Callable[[Duties], Awaitable[None]]


JOBS: Final[Sequence[Job]] = (
    Job("expire_tickets", Every(timedelta(seconds=5)), Duties.expire_tickets),
    Job("tell_held_back", Every(timedelta(seconds=5)), Duties.tell_held_back),
    Job("escalate", Every(timedelta(seconds=15)), Duties.escalate),
    Job("remind", Every(timedelta(seconds=15)), Duties.remind),
    Job("tell_crowd", Every(timedelta(minutes=30)), Duties.tell_crowd),
    Job("analyse", Every(timedelta(minutes=1)), Duties.analyse),
    Job("keep_peaks", Every(timedelta(minutes=1)), Duties.keep_peaks),
    Job("check_feed", Every(timedelta(seconds=30)), Duties.check_feed),
    Job("look_up", Every(timedelta(minutes=1)), Duties.look_up),
    Job("fill_bars", Every(timedelta(minutes=1)), Duties.fill_bars),
    Job("gather_bars", Every(timedelta(minutes=1)), Duties.gather_bars),
    Job("list_market", Every(timedelta(minutes=1)), Duties.list_market),
    Job("sweep", Every(timedelta(minutes=1)), Duties.sweep_market),
    Job("open_day", At(time(9, 10)), Duties.open_day),
    Job("reconcile", At(time(9, 25)), Duties.reconcile),
    Job("reconcile_at_noon", At(time(11, 35)), Duties.reconcile_quietly),
    Job("close_day", At(time(15, 5)), Duties.close_day),
    Job("reconcile_at_close", At(time(15, 5)), Duties.reconcile),
    # What was traded by hand after hours: the next morning no broker lists it any more.
    Job("reconcile_after_hours", At(time(15, 35)), Duties.reconcile_quietly),
    Job("note_worths", At(time(15, 5)), Duties.note_worths),
    Job("note_worths_again", At(time(20, 0)), Duties.note_worths),
    Job("score_advice", At(time(15, 30)), Duties.score_advice),
    # By then the bars of the day before are there of every share.
    Job("score_advice_again", At(time(9, 5)), Duties.score_advice),
    *(Job(f"report_{one}", At(HOURS[one].at), Duties.report) for one in Edition),
    Job("report_missed", Every(timedelta(minutes=5)), Duties.report),
    Job("clean", At(time(3, 30), trading_days=False), Duties.clean),
    Job("save_bars", Every(timedelta(minutes=1)), Duties.save_bars),
    Job("close_bars", At(time(15, 5)), Duties.close_bars),
    Job("forget_bars", At(time(3, 30), trading_days=False), Duties.forget_bars),
    Job("save_chronicle", Every(timedelta(minutes=1)), Duties.save_chronicle),
    Job("sum_up", At(time(15, 5)), Duties.sum_up),
    Job("forget_chronicle", At(time(3, 30), trading_days=False), Duties.forget_chronicle),
)


async def perform(job: Job, duties: Duties, now: datetime) -> None:
    """Run a job; one that fails is logged and comes again at its next time."""
    if isinstance(job.when, At) and job.when.trading_days and not is_trading_day(trading_date(now)):
        return
    try:
        await job.run(duties)
    except OutsideError as error:
        log.warning("job %s: %s", job.name, error)
    except Exception:
        # A bug in one job must not stop the others.
        log.exception("job %s failed", job.name)


def due(job: Job, since: datetime, until: datetime) -> bool:
    """Whether a job's time lies in ``since < t <= until``, for a clock that moves in jumps."""
    if isinstance(job.when, Every):
        step = job.when.interval.total_seconds()
        return until.timestamp() // step > since.timestamp() // step
    return any(True for _ in instants(job.when, since, until))


def instants(when: At, since: datetime, until: datetime) -> Iterator[datetime]:
    """The times of a job of the clock in ``since < t <= until``, in order."""
    day, last = market_time(since).date(), market_time(until).date()
    while day <= last:
        at = datetime.combine(day, when.clock, MARKET_ZONE)
        if since < at <= until and (not when.trading_days or is_trading_day(day)):
            yield at
        day += timedelta(days=1)


class MarketPaced:
    """Runs the jobs that became due whenever the market's clock has moved.

    Args:
        jobs: without them the whole table.
    """

    def __init__(self, duties: Duties, start: datetime, jobs: Sequence[Job] | None = None) -> None:
        self._duties = duties
        self._at = start
        self._jobs = JOBS if jobs is None else jobs

    def stops(self, until: datetime) -> Sequence[datetime]:
        """Where a clock that is about to jump should stop on its way: what is done after a close is about that day."""
        clocks = {job.when for job in self._jobs if isinstance(job.when, At)}
        return sorted({at for when in clocks for at in instants(when, self._at, until)})

    async def catch_up(self, now: datetime) -> None:
        since, self._at = self._at, max(self._at, now)
        for job in self._jobs:
            if due(job, since, now):
                await perform(job, self._duties, now)
