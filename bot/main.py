"""START HERE. ``assemble`` wires the house; ``run`` owns its long-lived tasks and closes what was opened."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from bot.command import completions, menu, tools
from bot.house import House
from bot.inbox import HOME, Inbox
from bot.language.model import SecondReader
from bot.language.names import Names
from bot.language.proposal import NEVER
from bot.settings import Settings
from core import render
from core.accounts import Accounts
from core.adjust import Adjustments
from core.allowance import Allowance, Budget
from core.backfill import Backfill
from core.bookkeeper import Bookkeeper
from core.calendar import calendar_warning, phase, trading_date
from core.chronicler import Chronicler
from core.clock import Clock, SystemClock, market_time
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
from core.jobs import JOBS, Duties, Job, MarketPaced
from core.listing import ByCode, Listing
from core.messages import Chat, Incoming, Message
from core.notify import Notifier
from core.ports import BarFetcher, Broker, Channel, Model, Painter, QuoteSource, Store
from core.remind import Reminders
from core.rulebook import RuleBook
from core.spending import Spending
from core.sweep import Sweep
from core.tape import Tape
from core.tickets import DRIFT_PERCENT, TIME_TO_LIVE
from core.types import Price, Symbol, is_account
from core.view import Holding
from core.watchlist import Watchlist

log: Final = logging.getLogger(__name__)

FrameStep = Callable[[Frame], Awaitable[None]]
STORE_RETRY: Final = 1.0
"""Seconds before a report that the database did not take is tried again."""
LAST_WORDS: Final = 5.0
"""Seconds for messages under way when the program ends; what is left is sent at the next start."""
HOME_CHAT: Final = Chat("console", "local")
YOU: Final = "你"
"""What the person at the terminal is called on cards."""


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
        await house.desk.load()
        await house.watchlist.load()
        await house.digest.load()
        await house.escalation.load()
        await house.dispatcher.load()
        await house.reminders.load()
        await house.adjustments.load()
        await house.listing.load()
        await self.duties.take_over()
        await house.desk.reconcile()

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
        for broker in house.desk.brokers:
            group.create_task(house.desk.listen(broker, retry), name=f"reports {broker.account}")


def assemble(
    *,
    store: Store,
    clock: Clock,
    source: QuoteSource,
    brokers: Sequence[Broker],
    names: Names,
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
    bars: BarFetcher | None = None,
    market: Callable[[], tuple[Symbol, ...]] | None = None,
    finds_shares: bool = False,
    model: Model | None = None,
    budget: Budget | None = None,
) -> App:
    """Wire a house of its parts. Opens nothing and starts nothing.

    Args:
        owners: vendor ids of the people who may talk to us, per channel.
        home: where notices go while nobody has a live watch, and what is not delivered or answered elsewhere is told.
        matching: called with each frame before it is judged, as the paper account needs it.
        bars: where past bars are asked for; without it history is what was stored, and what the frames show.
        market: all shares that there are; without it those of ``names``.
        finds_shares: the source can be asked which other ones there are.
        painter: makes the pictures of messages; without one the words go alone, as in a replay, where nobody looks.
        model: reads what the grammar cannot; without one that is simply not understood.
        budget: what a person may use of it.
        market_paced: the jobs follow the market's clock (demo, replay) and not the computer's.
        jobs: what the market's clock runs; without them the whole table.
    """
    feed = Feed()
    # The terminal comes last: where there is one, it is another way to a person whom nothing else reaches.
    reachable = tuple(dict.fromkeys((*home, HOME_CHAT)))
    notifier = Notifier(store, clock, feed, sleep, home=lambda: reachable, painter=painter)

    # Book, desk, watchlist and engine need each other: these functions tie the knot, and are called when all exist.
    def cost_of(account: str, symbol: Symbol) -> Price | None:
        return desk.cost_of(account, symbol)

    def newest(symbol: Symbol) -> Quote | None:
        return engine.traded_quote(symbol)

    def holding_of(account: str, symbol: Symbol) -> Holding | None:
        return desk.holding_of(account, symbol, engine.quote)

    book = RuleBook(cost_of, Tape(), holding_of)

    def streamed() -> set[Symbol]:
        wanted = book.symbols | desk.symbols | accounts.symbols
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

    spending = Spending(store, clock, price_of=lambda symbol: one.worth if (one := engine.quote(symbol)) else None)
    desk = Desk(
        store,
        notifier,
        source,
        brokers,
        clock,
        feed,
        spending,
        name_of=lambda symbol: names.name_of(symbol) if symbol in names else "",
        time_to_live=time_to_live,
        drift_percent=drift_percent,
        on_quote=seen_by_paper,
        on_change=accounts_changed,
    )
    watchlist = Watchlist(
        store,
        book,
        clock,
        quote=newest,
        on_symbols=lambda _symbols: resubscribe(),
    )
    following = Following(watchlist, desk, notifier, names.name_of)
    digest = Digest(store, notifier, clock)
    escalation = Escalation(store, notifier, watchlist, clock)
    history = History(store, bars, clock)
    adjustments = Adjustments(store, watchlist, book, history, notifier, clock, names.name_of)
    dispatcher = Dispatcher(
        store, book, watchlist, desk, notifier, digest, escalation, clock, feed, remark=adjustments.remark
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
    history.on_ex_date += [backfill.on_ex_date, adjustments.on_ex_date]

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
        before=(*matching, following.on_frame, history.on_frame, backfill.on_frame, adjustments.on_frame),
        after=(weigh, pace) if market_paced else (weigh,),
        beside=(history.on_frame, backfill.on_frame),
    )
    gathering = Gathering(history, backfill, watchlist, clock)
    listing = Listing(store, ByCode(source, sleep) if finds_shares else None, clock, names, market=market)
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
    accounts = Accounts(store, desk, engine, book, clock, on_symbols=resubscribe)
    bookkeeper = Bookkeeper(store, desk, engine, source, clock)

    async def tell_home(text: str) -> None:
        await notifier.say_each([(chat, Message(title="⚠️ 模型", text=text)) for chat in home])

    reader = None
    if model is not None:
        reader = SecondReader(model, Allowance(store, clock, budget or Budget()), clock, tools(NEVER), tell_home)
    duties = Duties(
        store=store,
        clock=clock,
        engine=engine,
        desk=desk,
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
        spending=spending,
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
        reader=reader,
        about=about,
        about_quotes=about_quotes,
        about_pictures=painter.describe() if painter is not None else "",
    )
    return App(house, Inbox(house, owners or {}), duties, paced)


def build(settings: Settings, clock: Clock, stack: AsyncExitStack) -> tuple[App, dict[str, Channel]]:
    """The real thing, of what the settings name. What must be closed is put on ``stack``.

    Raises:
        ConfigError, Unavailable: the database or the account's book cannot be opened.
    """
    from adapters.quotes import sina, tencent
    from adapters.stores import sql
    from core.polling import PolledQuotes

    store = sql.connect(_database(settings))
    stack.push_async_callback(store.close)
    fetchers = []
    for name in settings.quotes:
        module, url = {"tencent": (tencent, settings.tencent_url), "sina": (sina, settings.sina_url)}[name]
        options: dict[str, Any] = {"base_url": url} if url else {}
        fetcher = module.connect(clock=clock, proxy=settings.quotes_proxy, **options)
        stack.push_async_callback(fetcher.close)
        fetchers.append(fetcher)
    interval = timedelta(seconds=settings.quotes_interval)
    source = PolledQuotes(fetchers, clock=clock, interval=interval, on_trouble=log.warning)
    broker, matching = _broker(settings, clock, stack)
    painter = _painter(settings, stack)
    owners = {"telegram": [str(user) for user in settings.telegram_owner_ids]}
    app = assemble(
        store=store,
        clock=clock,
        source=source,
        brokers=[broker],
        names=Names.seed(),
        about=_about(settings),
        about_quotes=source.describe,
        owners=owners,
        matching=matching,
        home=_home(settings),
        painter=painter,
        bars=_bars(settings, clock, stack),
        finds_shares=True,
        model=model_of(settings, stack),
        budget=settings.budget,
    )
    stack.push_async_callback(app.rest)
    return app, _channels(settings, app, clock)


def _bars(settings: Settings, clock: Clock, stack: AsyncExitStack) -> BarFetcher | None:
    """Past bars come from where quotes may come from."""
    from adapters.quotes import tencent_bars

    if "tencent" not in settings.quotes:
        return None
    fetcher = tencent_bars.connect(clock=clock, proxy=settings.quotes_proxy, base_url=settings.tencent_bars_url)
    stack.push_async_callback(fetcher.close)
    return fetcher


def model_of(settings: Settings, stack: AsyncExitStack) -> Model | None:
    """The model that the settings name; None without a key."""
    if settings.deepseek_api_key is None:
        return None
    from adapters.models import openai  # takes a second to load

    key = settings.deepseek_api_key.get_secret_value()
    model = openai.connect(key=key, base_url=settings.llm_base_url, name=settings.llm_model)
    stack.push_async_callback(model.close)
    return model


def _home(settings: Settings) -> Sequence[Chat]:
    """A private chat of Telegram has the id of its person."""
    if settings.telegram_bot_token is None:
        return (HOME_CHAT,)
    return tuple(Chat("telegram", str(user)) for user in settings.telegram_owner_ids)


def _database(settings: Settings) -> str | Path:
    return settings.database_url or settings.folder() / "dingpan.db"


def _broker(settings: Settings, clock: Clock, stack: AsyncExitStack) -> tuple[Broker, Sequence[FrameStep]]:
    from adapters.brokers import manual, paper

    if settings.broker == "manual":
        by_hand = manual.connect(path=settings.data_dir / "manual.db", account="manual", name="手动账户", clock=clock)
        stack.push_async_callback(by_hand.close)
        return by_hand, ()
    simulated = paper.connect(
        path=settings.data_dir / "paper.db", account="paper", name="模拟账户", clock=clock, cash=settings.paper_cash
    )
    stack.push_async_callback(simulated.close)
    return simulated, (simulated.on_frame,)


def _painter(settings: Settings, stack: AsyncExitStack) -> Painter | None:
    from adapters import painter

    if settings.pictures == "off":
        return None
    made = painter.connect(dark=settings.pictures == "dark")
    stack.callback(made.close)
    return made


def _channels(settings: Settings, app: App, clock: Clock) -> dict[str, Channel]:
    from adapters.channels import console

    channels: dict[str, Channel] = {}
    if settings.telegram_bot_token is not None:
        from adapters.channels import telegram

        channels["telegram"] = telegram.connect(
            token=settings.telegram_bot_token.get_secret_value(),
            base_url=settings.telegram_base_url,
            proxy=settings.telegram_proxy,
            clock=clock,
            commands=menu(),
        )
    terminal = console.connect(
        clock=clock,
        completions=lambda: completions(app.house.names),
        history=settings.data_dir / "history.txt",
        pictures=settings.data_dir / "pictures",
        status=lambda: status(app.house),
        user=YOU,
    )
    # A service without a terminal talks through Telegram alone; without Telegram, what is piped in is the chat.
    if terminal.interactive or not channels:
        channels[terminal.name] = terminal
    return channels


def _about(settings: Settings) -> str:
    quotes = "、".join({"tencent": "腾讯", "sina": "新浪"}[name] for name in settings.quotes)
    account = "模拟账户（不动真钱）" if settings.broker == "paper" else "手动账户（你自己下单）"
    if settings.telegram_bot_token is None:
        chat = "本机终端（没有设置 TELEGRAM_BOT_TOKEN）"
    elif settings.telegram_owner_ids:
        chat = "Telegram"
    else:
        chat = "Telegram（TELEGRAM_OWNER_IDS 是空的，没有人能使用；给机器人发一句话就能看到自己的编号）"
    return f"行情：{quotes}公开行情　账户：{account}　聊天：{chat}"


def status(house: House) -> str:
    """The line under the terminal's input."""
    now = house.now()
    modes = "、".join(f"{broker.name}" for broker in house.desk.brokers)
    panic = "　🛑 紧急停止中" if house.desk.panicked else ""
    # Watches as /list numbers them, and not their rules: one on the whole market has thousands of these.
    watches = sum(one.live_at(now) for one in house.watchlist.everything())
    return f" {market_time(now):%m-%d %H:%M:%S} {phase(now).chinese}　{modes}　盯盘 {watches} 个{panic}"


# -- running


def spare_the_living() -> None:
    """Never look through everything that lives for cycles of garbage while the market moves.

    With ten thousand watches that takes half a second, in which nobody is served, and a storm of alerts sets it off.
    What is loaded by now stays; young garbage is collected as ever, and old garbage at night, by the job that cleans.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 5, 1_000_000)


async def run(settings: Settings, clock: Clock | None = None) -> None:
    """The real thing, until the person at the terminal leaves or the program is stopped.

    Args:
        clock: the computer's, unless given.
    """
    from adapters import scheduler

    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        app, channels = build(settings, clock, stack)
        await app.load()
        spare_the_living()
        jobs = scheduler.connect(JOBS, app.duties, clock)
        jobs.start()
        stack.callback(jobs.close)
        warning = calendar_warning(trading_date(clock.now()))
        if warning is not None:
            log.warning("%s", warning)
        await live(app, channels)


async def nothing() -> None:
    """No opening."""


async def live(app: App, channels: Mapping[str, Channel], *, opening: Callable[[], Awaitable[None]] = nothing) -> None:
    """Run a loaded app until its terminal chat ends; without one, until cancelled.

    Args:
        opening: what is said in the terminal after the welcome.
    """

    async def listen(channel: Channel) -> None:
        await channel.run(app.inbox)
        if channel.name in HOME:  # the others return only when they are cancelled
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS):
                    await app.house.notifier.drained()
            raise _LeftError

    try:
        async with asyncio.TaskGroup() as group:
            app.start(group, channels)
            group.create_task(app.house.engine.run(), name="engine")
            if HOME_CHAT.channel in channels:
                await greet(app)
                await opening()
            for channel in channels.values():
                group.create_task(listen(channel), name=channel.name)
    except* _LeftError:
        pass


class _LeftError(Exception):
    """The person left the terminal: everything ends."""


async def greet(app: App) -> None:
    """Show the first card, as if /start had been typed."""
    now = app.house.now()
    await app.inbox.receive(Incoming(chat=HOME_CHAT, user=YOU, press="start", at=now))


# -- the database of a house at rest


def open_store(settings: Settings) -> Store:
    """The configured database, for a command that does one thing with it and closes it.

    Raises:
        ConfigError, Unavailable: it cannot be opened.
    """
    from adapters.stores import sql

    return sql.connect(_database(settings))


def usual_place(settings: Settings) -> tuple[str, Chat]:
    """The account and the chat of a watch that names none."""
    return settings.broker, next(iter(_home(settings)), HOME_CHAT)


def is_running(settings: Settings) -> bool:
    """Whether an assistant with these settings is at work: it holds its account's book for as long as it lives."""
    from adapters.brokers import ledger

    return ledger.in_use(settings.data_dir / f"{settings.broker}.db")


def upgrade_database(settings: Settings) -> str:
    """Bring the configured database to the newest schema; what was done, in words."""
    from adapters.stores import sql

    revision = sql.upgrade(_database(settings))
    return f"数据库已是最新版本（{revision}）。"
