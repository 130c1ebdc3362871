"""What a gateway hosts, of what the settings name: the accounts and quotes of miniQMT, or a paper account to try it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from bot.gateway.app import Gate
from bot.gateway.certificates import Authority
from bot.gateway.counter import Counter, Rules
from bot.gateway.events import Ring
from bot.gateway.folder import Bot, Folder
from bot.gateway.record import open_record
from bot.gateway.server import RunningGateway, bound
from bot.gateway.ticker import Ticker
from bot.logins import names_of
from bot.settings import Settings
from bot.sources import open_quotes
from core.clock import Clock
from core.errors import ConfigError, Unavailable
from core.frames import Frame, Quote, frame_of
from core.ports import BarFetcher, Broker, MarketGuide, QuoteSource
from core.types import Symbol
from core.wire import Bounds

log: Final = logging.getLogger(__name__)

PAPER: Final = "gwpaper"
MOST_STUCK: Final = timedelta(minutes=2)
"""A native call of the quotes that hangs longer is not coming back: only a new process helps."""
LOOK_EVERY: Final = 15.0


@dataclass(frozen=True)
class Hosted:
    """What is behind a gateway.

    Attributes:
        works: what has to run beside it, for ever; what one of them raises ends the gateway.
        troubles: what does not work now, in words for people.
    """

    brokers: Sequence[Broker]
    quotes: QuoteSource | None
    bars: BarFetcher | None = None
    guide: MarketGuide | None = None
    works: Sequence[Callable[[], Awaitable[None]]] = ()
    troubles: Callable[[], Sequence[str]] = field(default=tuple)


def host_miniqmt(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Hosted:
    """Raises ConfigError: what is missing, all of it."""
    from adapters.brokers import qmt
    from adapters.brokers.qmt_terminal import Login
    from adapters.quotes import qmt as qmt_quotes

    problems = []
    if not settings.miniqmt_path:
        problems.append("请在 MINIQMT_PATH 填写 miniQMT 的 userdata_mini 文件夹。")
    if not settings.miniqmt_account_id:
        problems.append("请在 MINIQMT_ACCOUNT_ID 填写资金账号，多个用逗号隔开。")
    if problems or not settings.miniqmt_path:
        raise ConfigError(problems)
    names = names_of(settings.miniqmt_account_id)
    terminal = qmt.connect(
        settings.miniqmt_path,
        [Login(one.account, one.number, one.name) for one in names],
        book=settings.gateway_folder / "qmt.db",
        clock=clock,
    )
    stack.push_async_callback(terminal.close)
    data = qmt_quotes.connect(clock=clock)
    stack.push_async_callback(data.close)

    def troubles() -> Sequence[str]:
        locked = [(one.name, terminal.terminal.why_locked(one.number)) for one in names]
        told = [f"{name}：{why}" for name, why in locked if why]
        return [*told, f"{data.quotes.name}：{data.quotes.trouble}"] if data.quotes.trouble else told

    async def not_stuck() -> None:
        while True:
            since: datetime | None = data.quotes.link.stuck_since
            if since is not None and clock.now() - since > MOST_STUCK:
                raise Unavailable("QMT 行情", "一个调用一直没有返回，要重新启动网关才能恢复")
            await asyncio.sleep(LOOK_EVERY)

    return Hosted(terminal.brokers, data.quotes, data.bars, data.roster, (terminal.run, not_stuck), troubles)


class _Seen:
    """A quote source whose prices a paper account trades at, before anybody else sees them."""

    def __init__(self, source: QuoteSource, seen: Callable[[Frame], Awaitable[None]]) -> None:
        self.name = source.name
        self.interval = source.interval
        self._source = source
        self._seen = seen
        self._asked: set[Symbol] = set()

    def watch(self, symbols: Collection[Symbol]) -> None:
        self._source.watch({*symbols, *self._asked})

    async def frames(self) -> AsyncIterator[Frame]:
        async for frame in self._source.frames():
            await self._seen(frame)
            yield frame

    async def fetch(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        found = await self._source.fetch(symbols)
        if found:
            quotes = list(found.values())
            await self._seen(frame_of(quotes, at=quotes[0].received_at, source=self.name))
        return found


def host_paper(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Hosted:
    """A paper account at public prices: everything is as with miniQMT, but for the money."""
    from adapters.brokers import paper

    broker = paper.connect(
        path=settings.gateway_folder / "paper.db",
        account=PAPER,
        name="网关模拟账户",
        clock=clock,
        cash=settings.paper_cash,
    )
    stack.push_async_callback(broker.close)
    public = settings.model_copy(
        update={"quotes": tuple(one for one in settings.quotes if one != "qmt") or ("tencent", "sina")}
    )
    return Hosted([broker], _Seen(open_quotes(public, clock, stack), broker.on_frame))


class AlwaysArmed:
    """The rules of a gateway with nothing real behind it: the limits hold, and no lock."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def bounds(self) -> Bounds:
        return self._folder.bounds()

    def armed_until(self, now: datetime) -> datetime | None:
        return now + timedelta(days=1)

    def stopped(self) -> bool:
        return self._folder.stopped()


def log_to(folder: Path) -> None:
    """What happened to orders is kept, whatever the level of the rest."""
    folder.mkdir(parents=True, exist_ok=True)
    file = RotatingFileHandler(folder / "gateway.log", maxBytes=2_000_000, backupCount=5, encoding="utf-8", delay=True)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s", handlers=[file])
    logging.getLogger("bot.gateway").setLevel(logging.INFO)


def open_gateway(
    settings: Settings,
    hosted: Hosted,
    clock: Clock,
    stack: AsyncExitStack,
    *,
    host: str,
    port: int,
    fixed: Sequence[Bot] = (),
    authority: Authority | None = None,
    always_armed: bool = False,
) -> RunningGateway:
    """Put a gateway in front of what is hosted, not started yet.

    Args:
        authority: None only on loopback.

    Raises:
        ConfigError, Unavailable: the folder, the record or the port cannot be had.
    """
    folder = Folder(settings.gateway_folder)
    folder.make()
    record = open_record(folder.path / "passed.db")
    stack.callback(record.close)
    rules: Rules = AlwaysArmed(folder) if always_armed else folder
    counter = Counter(hosted.brokers, hosted.quotes, rules, record, clock)
    gate = Gate(
        clock=clock,
        counter=counter,
        ring=Ring(clock),
        folder=folder,
        ticker=None if hosted.quotes is None else Ticker(hosted.quotes, asyncio.sleep),
        bars=hosted.bars,
        guide=hosted.guide,
        fixed=fixed,
        renew=None if authority is None else lambda bot, pem: authority.sign_bot(pem, bot.id, clock.now()),
        certificate_until=(lambda: None) if authority is None else authority.server_until,
        troubles=hosted.troubles,
    )
    return RunningGateway(gate, bound(host, port), authority=authority)


async def attend(running: RunningGateway, works: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Run it until something ends that should not: that is raised."""
    running.start()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(running.wait())
            for work in works:
                group.create_task(_for_ever(work))
    finally:
        await running.close()


async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
    await work()
