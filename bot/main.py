"""START HERE. ``build`` makes the house that the settings name; ``run`` owns its tasks and closes what was opened."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final

from bot import restored
from bot.accounts import Behind, about_accounts, gateway_of, open_accounts, own_book, usual_account
from bot.assembly import HOME_CHAT, App, assemble
from bot.command import completions, menu
from bot.house import House
from bot.inbox import HOME
from bot.language.names import Names
from bot.settings import Settings
from bot.sources import open_bars, open_quotes
from core.calendar import calendar_warning, phase, trading_date
from core.clock import Clock, SystemClock, market_time
from core.jobs import JOBS
from core.messages import Chat, Incoming
from core.news import NewsSource
from core.ports import Broker, Channel, Model, Painter, Store

log: Final = logging.getLogger(__name__)

LAST_WORDS: Final = 5.0
"""Seconds for messages under way when the program ends; what is left is sent at the next start."""
YOU: Final = "你"
"""What the person at the terminal is called on cards."""


def build(
    settings: Settings, clock: Clock, stack: AsyncExitStack, behind: Behind | None = None
) -> tuple[App, dict[str, Channel]]:
    """The real thing, of what the settings name. What must be closed is put on ``stack``.

    Args:
        behind: the gateway that the settings name, opened; without it it is there and does not answer.

    Raises:
        ConfigError, Unavailable: the database or the account's book cannot be opened.
    """
    from adapters.models import scripted
    from adapters.stores import sql

    store = sql.connect(_whole_database(settings))
    stack.push_async_callback(store.close)
    behind = behind or gateway_of(settings, clock)
    miniqmt = None if behind is None else behind.quotes(clock)
    source = open_quotes(settings, clock, stack, miniqmt)
    brokers, matching = open_accounts(settings, clock, stack, behind)
    painter = _painter(settings, stack)
    model = model_of(settings, stack)
    owners = {"telegram": [str(user) for user in settings.telegram_owner_ids]}
    app = assemble(
        store=store,
        clock=clock,
        source=source,
        brokers=brokers,
        names=Names.seed(),
        about=_about(settings, brokers),
        about_quotes=source.describe,
        owners=owners,
        matching=matching,
        home=_home(settings),
        painter=painter,
        draws=painter is not None,
        bars=open_bars(settings, clock, stack, miniqmt),
        finds_shares=True,
        roster=miniqmt if "qmt" in settings.quotes else None,
        news=_news(settings),
        adviser=model or scripted.connect(),
        reads=model is not None,
        budget=settings.budget,
        comments=model is not None,
    )
    stack.push_async_callback(app.rest)
    return app, _channels(settings, app, clock)


def model_of(settings: Settings, stack: AsyncExitStack) -> Model | None:
    """The model that the settings name; None without a key."""
    if settings.deepseek_api_key is None:
        return None
    from adapters.models import openai  # takes a second to load

    key = settings.deepseek_api_key.get_secret_value()
    model = openai.connect(key=key, base_url=settings.llm_base_url, name=settings.llm_model, told=settings.llm_provider)
    stack.push_async_callback(model.close)
    return model


def _news(settings: Settings) -> NewsSource | None:
    from adapters.news import folder

    return None if settings.news_dir is None else folder.connect(settings.news_dir)


def _home(settings: Settings) -> Sequence[Chat]:
    """A private chat of Telegram has the id of its person."""
    if settings.telegram_bot_token is None:
        return (HOME_CHAT,)
    return tuple(Chat("telegram", str(user)) for user in settings.telegram_owner_ids)


def database_of(settings: Settings) -> str | Path:
    """Where everything is kept."""
    return settings.database_url or settings.folder() / "dingpan.db"


def _whole_database(settings: Settings) -> str | Path:
    """The same, after a restore that was interrupted has been carried to its end."""
    if restored.pending(settings.data_dir):
        from bot.backup import finish

        finish(settings)
    return database_of(settings)


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

        chat = telegram.connect(
            token=settings.telegram_bot_token.get_secret_value(),
            base_url=settings.telegram_base_url,
            proxy=settings.telegram_proxy,
            clock=clock,
            commands=menu(),
        )
        app.house.membership.links.append(chat.start_link)
        channels["telegram"] = chat
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


def _about(settings: Settings, brokers: Sequence[Broker]) -> str:
    public = "、".join({"tencent": "腾讯", "sina": "新浪"}[name] for name in settings.quotes if name != "qmt")
    quotes = "，".join((["QMT 行情"] if "qmt" in settings.quotes else []) + ([f"{public}公开行情"] if public else []))
    if settings.telegram_bot_token is None:
        chat = "本机终端（没有设置 TELEGRAM_BOT_TOKEN）"
    elif settings.telegram_owner_ids:
        chat = "Telegram"
    else:
        chat = "Telegram（TELEGRAM_OWNER_IDS 是空的，没有人能使用；给机器人发一句话就能看到自己的编号）"
    return f"行情：{quotes}　账户：{about_accounts(settings, brokers)}　聊天：{chat}"


def status(house: House) -> str:
    """The line under the terminal's input."""
    now = house.now()
    modes = "、".join(f"{broker.name}" for broker in house.brokerage.brokers)
    panic = "　🛑 紧急停止中" if house.switch.panicked else ""
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
        behind = gateway_of(settings, clock)
        if behind is not None:
            await behind.open(stack)
        app, channels = build(settings, clock, stack, behind)
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

    return sql.connect(_whole_database(settings))


def usual_place(settings: Settings) -> tuple[str, Chat]:
    """The account and the chat of a watch that names none."""
    return usual_account(settings), next(iter(_home(settings)), HOME_CHAT)


def is_running(settings: Settings) -> bool:
    """Whether an assistant with these settings is at work: it holds its account's book for as long as it lives."""
    from adapters.brokers import held

    return held.in_use(own_book(settings))


def script_for_big_qmt(*, folder: str, number: str, key: str) -> str:
    """What the person runs inside big QMT."""
    from adapters.brokers import filedrop

    return filedrop.script(folder=folder, number=number, key=key)


def upgrade_database(settings: Settings) -> str:
    """Bring the configured database to the newest schema; what was done, in words."""
    from adapters.stores import sql

    revision = sql.upgrade(database_of(settings))
    return f"数据库已是最新版本（{revision}）。"
