"""How the rooms are wired: ``assemble`` makes an App of its parts, opens nothing and starts nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from bot.command import tools
from bot.house import House
from bot.inbox import HOME, Inbox
from bot.language.marks import normal
from bot.language.model import SecondReader
from bot.language.names import Names
from bot.language.proposal import NEVER
from core import render
from core.accounts import Accounts
from core.adjust import Adjustments
from core.allowance import Allowance, Budget
from core.amend import Amendments
from core.analyst import Analyst
from core.autotrade import AutoTrade
from core.backfill import Backfill
from core.blotter import Blotter
from core.bookkeeper import Bookkeeper
from core.brokerage import Brokerage
from core.chronicler import Chronicler
from core.clock import Clock
from core.commentary import Commentary
from core.counsel import Counsel
from core.desk import Desk
from core.digest import Digest
from core.dispatch import Dispatcher
from core.engine import Engine, Gap
from core.errors import OutsideError
from core.escalate import Escalation
from core.feed import Feed
from core.follow import Following
from core.frames import Frame, Quote, frame_of
from core.gather import Gathering
from core.history import History
from core.illustrate import Illustrator
from core.jobs import Duties, Job, MarketPaced
from core.listing import ByCode, FirstThatCan, Listing
from core.membership import Membership
from core.messages import Chat, Message
from core.news import NewsSource
from core.notify import Notifier
from core.people import HOUSE
from core.pictures import Pictures
from core.ports import BarFetcher, Broker, Channel, Model, Painter, QuoteSource, Roster, Store
from core.reconcile import Reconciler
from core.remind import Reminders
from core.reporter import Reporter
from core.research import Research
from core.rulebook import RuleBook
from core.scorer import Scorer
from core.spending import Spending
from core.sweep import Sweep
from core.switch import KillSwitch
from core.tape import Tape
from core.tickets import DRIFT_PERCENT, TIME_TO_LIVE
from core.types import Price, Symbol, is_account
from core.view import Holding
from core.watchlist import Watchlist

log: Final = logging.getLogger(__name__)

FrameStep = Callable[[Frame], Awaitable[None]]
STORE_RETRY: Final = 1.0
"""Seconds before a report that the database did not take is tried again."""
HOME_CHAT: Final = Chat("console", "local")


@dataclass(frozen=True)
class App:
    """Everything that runs.

    Attributes:
        paced: runs the jobs by the market's clock, where the computer's is not the right one.
    """

    house: House
    inbox: Inbox
    duties: Duties
    paced: MarketPaced

    async def load(self) -> None:
        """Take over what an earlier process left, and look up what became of its orders."""
        house = self.house
        await house.switch.load()
        await house.spending.load()
        await house.autotrade.load()
        await house.blotter.load()
        await house.brokerage.look()
        await house.watchlist.load()
        await house.digest.load()
        await house.escalation.load()
        await house.illustrator.load()
        await house.dispatcher.load()
        await house.reminders.load()
        await house.adjustments.load()
        await house.listing.load()
        await house.membership.load()
        await house.reporter.load()
        await self.duties.take_over()
        await house.blotter.look_up()
        await house.reconciler.load()
        await house.reconciler.look()
        await house.commentary.load()

    async def rest(self) -> None:
        """Keep what is only in memory, at the end."""
        house = self.house
        last = (
            ("bars", house.history.save),
            ("peaks", house.dispatcher.keep_peaks),
            ("entries", house.chronicler.save),
        )
        for what, save in last:
            try:
                await save()
            except OutsideError as error:
                log.warning("the last %s were not stored: %s", what, error)

    def start(self, group: asyncio.TaskGroup, channels: Mapping[str, Channel]) -> None:
        """Start the tasks that run until the end: messages out, reports in. Frames are driven by the caller."""
        house = self.house

        async def retry() -> None:
            await asyncio.sleep(STORE_RETRY)

        group.create_task(house.notifier.run(channels), name="notifier")
        group.create_task(house.illustrator.run(), name="illustrator")
        group.create_task(house.commentary.run(), name="commentary")
        group.create_task(house.reporter.run(), name="remarks")
        for broker in house.brokerage.brokers:
            group.create_task(house.blotter.listen(broker, retry), name=f"reports {broker.account}")


def assemble(
    *,
    store: Store,
    clock: Clock,
    source: QuoteSource,
    brokers: Sequence[Broker],
    names: Names,
    adviser: Model,
    about: str,
    about_quotes: Callable[[], str] = str,
    owners: Mapping[str, Sequence[str]] | None = None,
    matching: Sequence[FrameStep] = (),
    home: Sequence[Chat] = (HOME_CHAT,),
    market_paced: bool = False,
    jobs: Sequence[Job] | None = None,
    time_to_live: timedelta = TIME_TO_LIVE,
    drift_percent: Decimal = DRIFT_PERCENT,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    painter: Painter | None = None,
    draws: bool = True,
    bars: BarFetcher | None = None,
    market: Callable[[], tuple[Symbol, ...]] | None = None,
    finds_shares: bool = False,
    roster: Roster | None = None,
    news: NewsSource | None = None,
    reads: bool = False,
    budget: Budget | None = None,
    comments: bool = False,
) -> App:
    """Wire a house of its parts. Opens nothing and starts nothing.

    Args:
        owners: vendor ids of the people who may talk to us, per channel.
        home: where notices go while nobody has a live watch, and what is not delivered or answered elsewhere is told.
        matching: called with each frame before it is judged, as the paper account needs it.
        draws: whether pictures are wanted at all; without them none is added to an alert.
        bars: where past bars are asked for; without it history is what was stored, and what the frames show.
        market: all shares that there are; without it those of ``names``.
        finds_shares: the source can be asked which other ones there are.
        roster: who knows it without being asked for every code; asked first.
        news: what others wrote about a share, for its analysis.
        painter: makes the pictures of messages; without one the words go alone, as in a replay, where nobody looks.
        adviser: makes analyses; where nobody has set up a model, one that follows rules.
        reads: the adviser also reads what the grammar cannot, which is else simply not understood.
        budget: what a person may use of it.
        comments: alerts are commented on where a person has not said otherwise.
        market_paced: the jobs follow the market's clock (demo, replay) and not the computer's.
        jobs: what the market's clock runs; without them the whole table.
    """
    feed = Feed()
    # The terminal comes last: where there is one, it is another way to a person whom nothing else reaches.
    reachable = tuple(dict.fromkeys((*home, HOME_CHAT)))

    def footer(chat: Chat) -> str:
        return autotrade.footer(chat)

    notifier = Notifier(store, clock, feed, sleep, home=lambda: reachable, painter=painter, footer=footer)

    # Book, desk, watchlist and engine need each other: these functions tie the knot, and are called when all exist.
    def cost_of(account: str, symbol: Symbol) -> Price | None:
        return brokerage.cost_of(account, symbol)

    def newest(symbol: Symbol) -> Quote | None:
        return engine.traded_quote(symbol)

    def holding_of(account: str, symbol: Symbol) -> Holding | None:
        return brokerage.holding_of(account, symbol, engine.quote)

    book = RuleBook(cost_of, Tape(), holding_of)

    def streamed() -> set[Symbol]:
        wanted = book.symbols | blotter.symbols | accounts.symbols
        return {symbol for symbol in wanted if not is_account(symbol)}

    def resubscribe() -> None:
        wanted = streamed()
        source.watch(wanted)
        history.keep_minutes(wanted)

    async def seen_by_paper(quote: Quote) -> None:
        for step in matching:
            await step(frame_of([quote], at=quote.received_at, source=quote.source))

    def accounts_changed(symbols: Sequence[Symbol]) -> None:
        book.touch(symbols)
        resubscribe()
        following.moved()

    def barred(owner: str, account: str) -> str | None:
        return membership.barred(owner, account)

    def lost(who: str, account: str) -> str | None:
        return membership.lost(who, account)

    def named(symbol: Symbol) -> str:
        return names.name_of(symbol) if symbol in names else ""

    def shares_in(text: str) -> Mapping[str, Symbol]:
        return {one.text: one.symbols[0] for one in names.find(normal(text)) if len(one.symbols) == 1}

    def spoken_to(owner: str) -> set[Chat]:
        mine = {watch.chat for watch in watchlist.of(owner)}
        return mine | set(home) if owner == HOUSE else mine

    spending = Spending(store, clock, price_of=lambda symbol: one.worth if (one := engine.quote(symbol)) else None)
    brokerage = Brokerage(brokers, name_of=named, on_change=accounts_changed)
    switch = KillSwitch(store, clock)
    blotter = Blotter(store, notifier, brokerage, switch, clock, feed, spending, on_change=lambda: accounts_changed(()))

    async def tell_home(message: Message) -> None:
        await notifier.say_each([(chat, message) for chat in home])

    async def tell_of_model(text: str) -> None:
        await tell_home(Message(title="⚠️ 模型", text=text))

    reconciler = Reconciler(store, brokerage, blotter, clock, tell=tell_home)
    desk = Desk(
        store,
        notifier,
        source,
        brokerage,
        blotter,
        switch,
        clock,
        feed,
        spending,
        time_to_live=time_to_live,
        drift_percent=drift_percent,
        on_quote=seen_by_paper,
        barred=barred,
        lost=lost,
        differs=reconciler.breach,
    )
    watchlist = Watchlist(
        store,
        book,
        clock,
        quote=newest,
        on_symbols=lambda _symbols: resubscribe(),
    )
    autotrade = AutoTrade(store, desk, brokerage, clock, name_of=named, chats=spoken_to, barred=barred)
    membership = Membership(store, notifier, brokerage, desk, watchlist, clock, home=home)
    following = Following(watchlist, brokerage, notifier, names.name_of, sees=membership.sees)
    digest = Digest(store, notifier, clock)
    escalation = Escalation(store, notifier, watchlist, clock)
    history = History(store, bars, clock)
    adjustments = Adjustments(store, watchlist, book, history, notifier, clock, names.name_of)
    dispatcher = Dispatcher(
        store, book, watchlist, desk, brokerage, notifier, digest, escalation, clock, feed, remark=adjustments.remark
    )
    reminders = Reminders(store, watchlist, dispatcher, clock)

    def chats() -> set[Chat]:
        live = {watch.chat for watch in watchlist.everything() if watch.live_at(clock.now())}
        return live or set(home)

    async def on_gap(gap: Gap) -> None:
        chronicler.blind(gap.since, gap.until)
        for chat in chats():
            await notifier.say(chat, render.blind(gap.since, gap.until))

    async def weigh(frame: Frame) -> None:
        await accounts.on_frame(frame)

    async def pace(frame: Frame) -> None:
        await paced.catch_up(frame.at)

    backfill = Backfill(book.tape, history, clock)
    history.listeners.append(backfill.on_close)
    history.on_ex_date += [reconciler.on_ex_date, backfill.on_ex_date, adjustments.on_ex_date]

    def latest(symbol: Symbol) -> Quote | None:
        return engine.quote(symbol)

    chronicler = Chronicler(store, book, watchlist, history, clock, quote=latest)
    engine = Engine(
        source,
        book,
        dispatcher,
        clock,
        on_gap=on_gap,
        on_judged=chronicler.saw,
        # What an ex-date brings is entered before a share can be sold on it.
        before=(
            *(history.on_frame, reconciler.on_frame, *matching),
            *(following.on_frame, backfill.on_frame, adjustments.on_frame),
        ),
        after=(weigh, pace) if market_paced else (weigh,),
        beside=(history.on_frame, backfill.on_frame),
    )
    gathering = Gathering(history, backfill, watchlist, clock)
    finding: Roster | None = ByCode(source, sleep) if finds_shares else None
    if finding is not None and roster is not None:
        finding = FirstThatCan([roster, finding])
    listing = Listing(store, finding, clock, names, market=market)
    sweep = Sweep(
        source,
        engine,
        watchlist,
        dispatcher,
        gathering,
        notifier,
        clock,
        listing=listing,
        streamed=streamed,
        sleep=sleep,
    )
    accounts = Accounts(store, brokerage, engine, book, clock, on_symbols=resubscribe)
    bookkeeper = Bookkeeper(store, brokerage, engine, source, clock)
    scorer = Scorer(store, history, clock)
    research = Research(
        store,
        clock,
        source,
        engine,
        history,
        brokerage,
        spending,
        watchlist,
        book,
        membership,
        named,
        news,
    )

    async def look(symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        return await house.look(symbols)

    pictures = Pictures(store, history, watchlist, brokerage, clock, look=look, name_of=named)
    amendments = Amendments(notifier)
    illustrator = Illustrator(store, pictures, amendments, brokerage, clock, possible=draws)
    dispatcher.told.append(illustrator.hear)

    # Whoever advises also reads, where he can: one account at a provider, one purse, one who is tired.
    advising = Counsel(adviser, Allowance(store, clock, budget or Budget()), clock, tell_of_model, sleep=sleep)
    counsel = advising if reads else None
    reader = SecondReader(advising, clock, tools(NEVER)) if reads else None
    analyst = Analyst(store, research, advising, desk, clock, consider=autotrade.consider, named=shares_in)
    commentary = Commentary(
        store,
        analyst,
        notifier,
        amendments,
        watchlist,
        clock,
        may_trade=lambda owner, account: bool(account) and membership.barred(owner, account) is None,
        may_see=membership.sees,
        quiet=lambda watch, symbol: dispatcher.silenced(watch, symbol) or digest.is_quiet(watch.owner),
        by_default=comments,
        picture=illustrator.of_advice,
    )
    dispatcher.told.append(commentary.told)
    reporter = Reporter(
        store=store,
        clock=clock,
        notifier=notifier,
        watchlist=watchlist,
        book=book,
        engine=engine,
        dispatcher=dispatcher,
        digest=digest,
        switch=switch,
        brokerage=brokerage,
        bookkeeper=bookkeeper,
        chronicler=chronicler,
        history=history,
        adjustments=adjustments,
        membership=membership,
        scorer=scorer,
        keeps=lambda channel, user: channel in HOME or user in (owners or {}).get(channel, ()),
        counsel=counsel,
    )
    history.on_ex_date.append(reporter.on_ex_date)
    duties = Duties(
        store=store,
        clock=clock,
        engine=engine,
        desk=desk,
        brokerage=brokerage,
        blotter=blotter,
        reconciler=reconciler,
        dispatcher=dispatcher,
        watchlist=watchlist,
        notifier=notifier,
        digest=digest,
        escalation=escalation,
        reminders=reminders,
        history=history,
        backfill=backfill,
        sweep=sweep,
        gathering=gathering,
        chronicler=chronicler,
        bookkeeper=bookkeeper,
        scorer=scorer,
        membership=membership,
        reporter=reporter,
        commentary=commentary,
        chats=chats,
    )
    paced = MarketPaced(duties, clock.now(), jobs)
    house = House(
        clock=clock,
        store=store,
        feed=feed,
        names=names,
        quotes=source,
        book=book,
        engine=engine,
        desk=desk,
        brokerage=brokerage,
        blotter=blotter,
        switch=switch,
        reconciler=reconciler,
        spending=spending,
        autotrade=autotrade,
        accounts=accounts,
        dispatcher=dispatcher,
        digest=digest,
        escalation=escalation,
        reminders=reminders,
        notifier=notifier,
        watchlist=watchlist,
        history=history,
        backfill=backfill,
        sweep=sweep,
        adjustments=adjustments,
        listing=listing,
        chronicler=chronicler,
        bookkeeper=bookkeeper,
        scorer=scorer,
        membership=membership,
        research=research,
        pictures=pictures,
        illustrator=illustrator,
        commentary=commentary,
        counsel=counsel,
        reporter=reporter,
        reader=reader,
        about=about,
        about_quotes=about_quotes,
        about_pictures=painter.describe() if painter is not None else "",
    )
    return App(house, Inbox(house, owners or {}), duties, paced)
