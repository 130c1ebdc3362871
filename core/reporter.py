"""Reporter: gathers what a report is made of, and sends each one once, at its hour, to the chats that asked for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

from pydantic import Field, TypeAdapter

from core import remark, render_report
from core.adjust import Adjustments
from core.bookkeeper import Bookkeeper
from core.brokerage import Brokerage
from core.calendar import trading_date
from core.chronicle import MANY, Entry, Kind
from core.chronicler import Chronicler
from core.clock import MARKET_ZONE, Clock, midnight, stamp_text
from core.completions import Unfounded
from core.consultations import Purpose, total
from core.counsel import Counsel, Unanswered
from core.digest import Digest
from core.dispatch import Dispatcher
from core.editions import HOURS, Edition, day_of, due, first_day, under_way
from core.engine import Engine
from core.errors import OutsideError
from core.ex_dates import ExDate
from core.history import History
from core.membership import Membership
from core.messages import Chat, Message
from core.notify import Notifier
from core.people import Person, is_member
from core.ports import Store
from core.report import MANY_ALERTS, Book, ExDay, Known, Near, Report, at_rest, near_of, report
from core.rulebook import RuleBook
from core.scorer import Scorer
from core.sheet import Curve, Sheet
from core.switch import KillSwitch
from core.tariffs import SCRIPTED
from core.tickets import TicketState
from core.types import Noun, Price, Symbol, is_account
from core.watches import Watch
from core.watchlist import Watchlist

log: Final = logging.getLogger(__name__)

REPORTS: Final = "reports"
"""Under this key the store keeps who wants which, and which were sent for which day."""
LATE: Final = timedelta(minutes=10)
"""After its hour by so much a report says why it comes late."""
CURVE: Final = 60
"""Days of a curve."""
LOOKED_AT: Final = 500
"""Cards and orders, the newest."""
ENTRIES: Final = 300
RULES: Final = 5000
"""Rules whose lines are looked at for the nearest; of a person with more, the first of them."""
SCORED: Final = timedelta(days=365)
"""How far back the score of a week's report goes."""
BREATH: Final = 200
"""After so many of them others have their turn."""
PATIENCE: Final = 20.0
"""Seconds to wait for past bars."""
_ONE_DAY: Final = timedelta(days=1)
_GAPS: Final = frozenset({Kind.BLIND, Kind.DOUBT, Kind.UNJUDGED})


class Wish(Noun):
    """What is sent to one chat.

    Attributes:
        owner: whose reports these are; ``user`` who asked for them, by the channel's own id.
        sent: for which day each was sent last.
    """

    chat: Chat
    owner: str
    user: str
    editions: tuple[Edition, ...] = ()
    sent: Mapping[Edition, date] = Field(default_factory=dict)


_WISHES: Final[TypeAdapter[tuple[Wish, ...]]] = TypeAdapter(tuple[Wish, ...])


class Reader(NamedTuple):
    """For whom a report is: whose watches, and which accounts may be shown."""

    owner: str
    sees: Callable[[str], bool]


class _Sent(NamedTuple):
    """A report that went out and may get a remark."""

    chat: Chat
    owner: str
    message: Message
    found: Report


class Reporter:
    """Nothing is sent that nobody asked for.

    Args:
        keeps: whether somebody, by channel and id, is still one of the owners.
        counsel: who is asked for a remark on what was sent; None where no model is set up.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        notifier: Notifier,
        watchlist: Watchlist,
        book: RuleBook,
        engine: Engine,
        dispatcher: Dispatcher,
        digest: Digest,
        switch: KillSwitch,
        brokerage: Brokerage,
        bookkeeper: Bookkeeper,
        chronicler: Chronicler,
        history: History,
        adjustments: Adjustments,
        membership: Membership,
        scorer: Scorer,
        keeps: Callable[[str, str], bool],
        counsel: Counsel | None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._notifier = notifier
        self._watchlist = watchlist
        self._book = book
        self._engine = engine
        self._dispatcher = dispatcher
        self._digest = digest
        self._switch = switch
        self._brokerage = brokerage
        self._bookkeeper = bookkeeper
        self._chronicler = chronicler
        self._history = history
        self._adjustments = adjustments
        self._membership = membership
        self._scorer = scorer
        self._keeps = keeps
        self._counsel = counsel
        self._sent: asyncio.Queue[_Sent] = asyncio.Queue()
        self._wishes: tuple[Wish, ...] = ()
        self._ex_dates: dict[Symbol, ExDate] = {}
        # The hour and the look for missed ones may come at once; each report goes once.
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        stored = await self._store.value(REPORTS)
        self._wishes = _WISHES.validate_json(stored) if stored is not None else ()

    def on_ex_date(self, symbol: Symbol, close: Price, preclose: Price, day: date) -> None:
        """The exchange gives another previous close than was traded: of what is held nobody else keeps it."""
        ex = ExDate(symbol=symbol, day=day, close=close, preclose=preclose)
        if ex.matters:
            self._ex_dates[symbol] = ex

    # -- who wants which

    def wanted(self, chat: Chat, owner: str) -> tuple[Edition, ...]:
        """Which ones are sent to this chat."""
        wish = self._wish(chat, owner)
        return () if wish is None else wish.editions

    def _wish(self, chat: Chat, owner: str) -> Wish | None:
        return next((one for one in self._wishes if (one.chat, one.owner) == (chat, owner)), None)

    async def want(self, chat: Chat, person: Person, editions: Collection[Edition], *, on: bool) -> tuple[Edition, ...]:
        """Send these from their next hour on, or no more; which ones are sent then. Raises Unavailable."""
        owner = person.owner
        async with self._turn:
            now = self._clock.now()
            before = self._wish(chat, owner) or Wish(chat=chat, owner=owner, user=person.id)
            kept = {*before.editions, *editions} if on else {*before.editions} - {*editions}
            # What was due before it was asked for is not sent after all.
            passed = {one: trading_date(now) for one in editions if on and due(one, now)}
            after = before.model_copy(
                update={
                    "user": person.id,
                    "editions": tuple(one for one in Edition if one in kept),
                    "sent": {**before.sent, **passed} if on else before.sent,
                }
            )
            await self._keep(before, after)
            return after.editions

    async def _keep(self, before: Wish, after: Wish) -> None:
        others = [one for one in self._wishes if (one.chat, one.owner) != (before.chat, before.owner)]
        wishes = (*others, after) if after.editions else tuple(others)
        await self._store.set_value(REPORTS, _WISHES.dump_json(wishes).decode() if wishes else None)
        self._wishes = wishes

    # -- sending

    async def send_due(self) -> None:
        """Send what is due and was not sent; what fails is tried again by the next call, while it still is due."""
        async with self._turn:
            now, today = self._clock.now(), trading_date(self._clock.now())
            waiting = [
                (wish, edition)
                for wish in self._wishes
                for edition in wish.editions
                if due(edition, now) and wish.sent.get(edition) != today
            ]
            if any(edition in {Edition.CLOSE, Edition.WEEK} for _, edition in waiting):
                with suppress(OutsideError):  # it is tried again in the evening
                    await self._bookkeeper.note()
            for wish, edition in waiting:
                try:
                    await self._send(wish, edition, today)
                except OutsideError as error:
                    log.warning("no report for %s: %s: %s", wish.chat, error.source, error.reason)
                except Exception:
                    # A bug in one report must not keep the others back, now and at every later look.
                    log.exception("no report for %s", wish.chat)

    async def _send(self, wish: Wish, edition: Edition, today: date) -> None:
        reader = await self._reader(wish)
        if reader is None:  # he does not belong to the house any more
            await self._keep(wish, wish.model_copy(update={"editions": ()}))
            return
        hour = datetime.combine(today, HOURS[edition].at, MARKET_ZONE)
        late = self._clock.now() - hour > LATE
        found = report(await self._known(edition, reader, late=late))
        # With a key that the day makes: killed before it is noted as sent, the next process replaces it in place.
        card = f"report:{edition}:{today}"
        message = render_report.report(found, sent=True).model_copy(update={"card": card})
        await self._notifier.say(wish.chat, message)
        self._sent.put_nowait(_Sent(wish.chat, wish.owner, message, found))
        current = self._wish(wish.chat, wish.owner) or wish
        await self._keep(current, current.model_copy(update={"sent": {**current.sent, edition: today}}))

    async def run(self) -> None:
        """Ask for a remark on each report that went out, for ever, and add it in place; nobody waits for it."""
        while True:
            sent = await self._sent.get()
            try:
                await self._remark_on(sent)
            except OutsideError as error:
                log.warning("no remark on a report: %s: %s", error.source, error.reason)
            except Exception:
                # The report has gone out; a bug here must not stop the next one.
                log.exception("no remark on a report")
            finally:
                self._sent.task_done()

    async def remarked(self) -> None:
        """Wait until nothing is left to remark on."""
        await self._sent.join()

    async def _remark_on(self, sent: _Sent) -> None:
        asked = remark.prompt(sent.found) if self._counsel is not None else None
        if self._counsel is None or asked is None:
            return
        seconds, about = self._counsel.budget.analysis_seconds, sent.message.card or ""
        answer = await self._counsel.ask(sent.owner, asked, purpose=Purpose.REPORT, seconds=seconds, about=about)
        if isinstance(answer, Unanswered):
            log.info("no remark on a report: %s", answer.text)
            return
        try:
            said = remark.read(answer.text, sent.found)
        except Unfounded as error:
            log.warning("a remark on a report was not shown: %s", error)
            return
        await self._notifier.say(sent.chat, render_report.remarked(sent.message, said, answer.model))

    async def _reader(self, wish: Wish) -> Reader | None:
        if not is_member(wish.owner):
            kept = self._keeps(wish.chat.channel, wish.user)
            return Reader(wish.owner, lambda _account: True) if kept else None
        channel, _, user = wish.owner.partition(":")
        member = await self._membership.find(channel, user)
        return None if member is None else Reader(wish.owner, member.person().may_see)

    # -- writing

    async def write(self, edition: Edition, reader: Reader) -> Message:
        """A report as of now. Raises Unavailable."""
        return render_report.report(report(await self._known(edition, reader, late=False)), sent=False)

    async def _known(self, edition: Edition, reader: Reader, *, late: bool) -> Known:
        now = self._clock.now()
        day = day_of(edition, now)
        first = first_day(edition, day)
        since, until = midnight(first), midnight(day) + _ONE_DAY
        watches = self._watchlist.of(reader.owner)
        with suppress(OutsideError):  # what is stored already is still worth telling
            await self._chronicler.save()
        tickets = [one for one in await self._store.tickets(set(TicketState), LOOKED_AT) if reader.sees(one.account)]
        recent = await self._store.orders(limit=LOOKED_AT)
        orders = {one.id: one for one in [*await self._store.orders(open_only=True, limit=LOOKED_AT), *recent]}
        seeing = [broker.account for broker in self._brokerage.brokers if reader.sees(broker.account)]
        books = [one for account in seeing if (one := await self._book_of(account, edition, first)) is not None]
        held = {one.symbol for book in books for one in book.sheet.account.positions if one.shares}
        nears = await self._nears(watches, now)
        alerts = await self._store.alerts(reader.owner, limit=MANY_ALERTS, since=since, until=until)
        entries = await self._entries(watches, held, since, until)
        seen = {one.symbol: self._bookkeeper.seen(one.symbol) for one in tickets if one.created_at >= since}
        hours = self._digest.quiet_hours(reader.owner)
        named = {*held, *seen, *(one.symbol for one in nears), *(one.symbol for one in orders.values())}
        named |= {fill.symbol for book in books for fill in book.sheet.fills}
        named |= {Symbol(text) for one in entries for text in (one.subject, one.symbol) if "." in text}
        ex_dates = self._ex_days(reader.owner, held, first)
        named |= {one.ex.symbol for one in ex_dates}
        person = reader.owner if is_member(reader.owner) else None  # the owners pay for everybody
        asked = await self._store.consultations(since=since, until=until, person=person)
        score, analysed = None, 0
        if edition is Edition.WEEK:
            score = await self._scorer.tally(reader.owner, since=now - SCORED)
            analysed = len(await self._store.analyses(reader.owner, since=since, until=until))
        silences = self._dispatcher.silences(reader.owner)
        named |= {one.symbol for one in silences if one.symbol is not None}
        named |= {one.symbol for one in alerts}
        return Known(
            edition=edition,
            now=now,
            names={symbol: self._brokerage.name(symbol) for symbol in named},
            watches=watches,
            nears=nears,
            alerts=alerts,
            tickets=tickets,
            orders=[one for one in orders.values() if reader.sees(one.account)],
            books=books,
            seen=seen,
            entries=entries,
            silences=silences,
            quiet=str(hours) if hours is not None and hours.covers(now) else "",
            panicked=self._switch.panicked,
            ex_dates=ex_dates,
            cost=total(one.spent for one in asked if one.model_asked != SCRIPTED),
            score=score,
            analysed=analysed,
            late=late,
        )

    async def _book_of(self, account_id: str, edition: Edition, first: date) -> Book | None:
        """An account with its curve; None where it was never seen and does not answer."""
        note = ""
        try:
            account = await self._brokerage.refresh(account_id)
        except OutsideError as error:
            last = self._brokerage.account(account_id)
            if last is None:
                return None
            account, note = last, f"账户现在查不到（{error.reason}），按 {stamp_text(last.as_of)} 的持仓算"
        sheet = await self._bookkeeper.take(account)
        unseen = [symbol for symbol, one in sheet.found.items() if one.quote is None]
        if unseen:
            await self._bookkeeper.ask(unseen)
            sheet = self._bookkeeper.again(sheet)
        worths = await self._store.worths(account_id)
        today = next((one for one in worths if one.day == sheet.day), None)
        if not note and today is not None and today.total is None and edition in {Edition.CLOSE, Edition.WEEK}:
            note = f"没有记下 {today.day:%m-%d} 的总资产：{today.note}"
        now = self._bookkeeper.worth(sheet) if edition is not Edition.MORNING else None
        closes = await self._closes(sheet, first) if edition is Edition.WEEK else {}
        return Book(sheet, Curve(worths[-CURVE:], now), closes, note)

    async def _closes(self, sheet: Sheet, first: date) -> dict[Symbol, Price]:
        """The last closes before a day of what is held or was traded since."""
        symbols = {one.symbol for one in sheet.account.positions if one.shares}
        symbols |= {one.symbol for one in sheet.fills if trading_date(one.at) >= first}
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._history.ensure(symbols, "day")
        found = {}
        for symbol in symbols:
            earlier = [bar for bar in self._history.daily(symbol) if trading_date(bar.time) < first]
            if earlier:
                found[symbol] = earlier[-1].close
        return found

    async def _nears(self, watches: Sequence[Watch], now: datetime) -> list[Near]:
        """How near the rules of price are, of watches on few shares."""
        living = (one for one in watches if one.live_at(now) and one.scope != "market" and len(one.symbols) <= MANY)
        rules = list(islice((rule for watch in living for rule in self._book.rules_of(watch.id)), RULES))
        symbols = {rule.key.symbol for rule in rules}
        unseen = [one for one in symbols if not is_account(one) and self._engine.quote(one) is None]
        await self._bookkeeper.ask(unseen)
        trading = under_way(now)
        found = []
        for place, rule in enumerate(rules, 1):
            if place % BREATH == 0:
                await asyncio.sleep(0)
            quote = self._engine.quote(rule.key.symbol)
            if quote is None or quote.suspended:
                continue
            shown = quote if trading or is_account(rule.key.symbol) else at_rest(quote)
            near = near_of(rule, self._book.view(rule, shown), resting=not trading)
            if near is not None:
                found.append(near)
        return found

    async def _entries(
        self, watches: Sequence[Watch], held: Collection[Symbol], since: datetime, until: datetime
    ) -> Sequence[Entry]:
        """What could not be judged, oldest first: for everybody, and of what the person watches."""
        shares = {symbol for one in watches if len(one.symbols) <= MANY for symbol in one.symbols}
        subjects = {"", *shares, *held, *(one.id for one in watches)}
        found = await self._store.entries(subjects, kinds=_GAPS, since=since, until=until, limit=ENTRIES)
        return found[::-1]

    def _ex_days(self, owner: str, held: Collection[Symbol], first: date) -> list[ExDay]:
        found = {
            ex.symbol: ExDay(ex, is_open) for ex, is_open in self._adjustments.told(owner) if is_open or ex.day >= first
        }
        for symbol, ex in self._ex_dates.items():
            if symbol in held and ex.day >= first:
                found.setdefault(symbol, ExDay(ex))
        return sorted(found.values(), key=lambda one: (one.ex.day, one.ex.symbol))
