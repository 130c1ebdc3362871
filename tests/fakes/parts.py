"""Small parts for tests about watching: quotes, frames, watches, a chat that can fail, a store that can, a whole house.

The house is the real one (``bot.assembly.assemble``) over the memory store and the paper account; only the market and the
phone are played. ::

    async with house() as home:
        await home.add(watch(PriceBelow(value=Decimal(1420))))
        await home.tick("10:00", "1430")
        await home.tick("10:01", "1419")
        assert home.phone.titles() == ["🔔 贵州茅台(600519) 1419.00"]
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from adapters.brokers import paper
from adapters.brokers.paper import PaperBroker
from adapters.models import scripted
from adapters.stores.memory import MemoryStore
from bot.assembly import HOME_CHAT, App, assemble
from bot.language.names import Names
from core.alerts import Alert, Silence, Trigger
from core.chronicle import Entry
from core.clock import MARKET_ZONE, ManualClock
from core.conditions import Condition
from core.errors import OutsideError, Unavailable
from core.frames import Frame, Quote, frame_of
from core.messages import Chat, Message, Outgoing
from core.ports import BarFetcher, Receiver
from core.tickets import Ticket
from core.types import Price, Shares, Symbol
from core.watches import Arm, Watch

MOUTAI: Final = Symbol("600519.SH")
PINGAN: Final = Symbol("601318.SH")
FUND: Final = Symbol("510300.SH")
NAMES: Final = {MOUTAI: "贵州茅台", PINGAN: "中国平安", FUND: "沪深300ETF"}
CHAT: Final = Chat("phone", "1")
OTHER_CHAT: Final = Chat("phone", "2")
OWNER: Final = "local"
ACCOUNT: Final = "paper"
MONDAY: Final = "2026-03-23"
TUESDAY: Final = "2026-03-24"


def at(clock: str, day: str = MONDAY) -> datetime:
    """``at("10:00")``, ``at("10:00:03", TUESDAY)`` or ``at("2026-03-24 10:00")``: an instant in market time."""
    return datetime.fromisoformat(clock if " " in clock else f"{day} {clock}").replace(tzinfo=MARKET_ZONE)


def price(value: str | float | Decimal | None) -> Price | None:
    return None if value is None else Decimal(str(value))


def quote(symbol: Symbol = MOUTAI, last: str | float | None = "1430", when: str = "10:00", **changes: Any) -> Quote:
    """A quote of that market time. Other prices may be given as text; ``quoted`` is the price's own time."""
    prices = {name: price(value) for name, value in changes.items() if name in {*_PRICES}}
    rest = {name: value for name, value in changes.items() if name not in {*_PRICES, "quoted"}}
    moment = at(when)
    return Quote.model_validate(
        {
            "symbol": symbol,
            "name": NAMES.get(symbol, ""),
            "last": price(last),
            "source": "测试行情",
            "quoted_at": at(changes["quoted"]) if "quoted" in changes else moment,
            "received_at": moment,
            **prices,
            **rest,
        }
    )


_PRICES: Final = ("preclose", "open", "high", "low", "limit_up", "limit_down", "bid", "ask", "amount")


def frame(*quotes: Quote, like: Frame | None = None) -> Frame:
    """A frame of these, received when the last of them was."""
    return frame_of(quotes, at=quotes[-1].received_at, source=quotes[-1].source, like=like)


def watch(*conditions: Condition, id: str = "w1", **changes: Any) -> Watch:  # noqa: A002 - the field's name
    return Watch.model_validate(
        {
            "id": id,
            "number": 0,
            "owner": OWNER,
            "chat": CHAT,
            "account": ACCOUNT,
            "symbols": (MOUTAI,),
            "conditions": conditions,
            "created_at": at("09:00"),
            **changes,
        }
    )


class Naps:
    """An injected sleep that takes no time; it says how long it was asked to wait.

    Attributes:
        gate: while it is not set, whoever sleeps stays asleep.
    """

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        await asyncio.sleep(0)
        await self.gate.wait()


class Phone:
    """A Channel that shows what it is sent, fails as often as it is told to, and hangs until it is let go."""

    def __init__(self, name: str = "phone") -> None:
        self.name = name
        self.calls: list[tuple[str, Chat, str | None, Message]] = []
        """Everything shown: ``send`` or ``edit``, chat, the ref that was replaced, message."""
        self.pictures: list[bytes | None] = []
        """The picture of each of them."""
        self._faults: dict[Chat, list[Exception]] = defaultdict(list)
        self._gates: dict[Chat, asyncio.Event] = {}
        self.tried: list[Chat] = []

    def fail(self, *errors: Exception, chat: Chat = CHAT) -> None:
        """The next calls for this chat raise these, one each."""
        self._faults[chat].extend(errors)

    def hold(self, chat: Chat = CHAT) -> asyncio.Event:
        """Calls for this chat hang until the event is set."""
        self._gates[chat] = asyncio.Event()
        return self._gates[chat]

    async def run(self, receiver: Receiver) -> None:
        await asyncio.Event().wait()

    async def send(self, chat: Chat, message: Message, picture: bytes | None = None) -> str:
        return await self._show("send", chat, None, message, picture)

    async def edit(self, chat: Chat, ref: str, message: Message, picture: bytes | None = None) -> str:
        return await self._show("edit", chat, ref, message, picture)

    async def _show(self, how: str, chat: Chat, ref: str | None, message: Message, picture: bytes | None) -> str:
        self.tried.append(chat)
        if chat in self._gates:
            await self._gates[chat].wait()
        if self._faults[chat]:
            raise self._faults[chat].pop(0)
        self.calls.append((how, chat, ref, message))
        self.pictures.append(picture)
        return ref or str(len(self.calls))

    def shown(self, chat: Chat = CHAT) -> list[Message]:
        return [message for _, where, _, message in self.calls if where == chat]

    def titles(self, chat: Chat = CHAT) -> list[str]:
        return [message.title for message in self.shown(chat)]

    def texts(self, chat: Chat = CHAT) -> list[str]:
        return [message.plain() for message in self.shown(chat)]


class ShakyStore(MemoryStore):
    """A memory store whose steps can be made to fail, or to take long: then nothing of the step is stored yet."""

    def __init__(self) -> None:
        super().__init__()
        self._faults: dict[str, int] = defaultdict(int)
        self._spared: dict[str, int] = defaultdict(int)
        self._error: OutsideError = Unavailable("数据库", "被锁住了，请关闭占用它的程序。")
        self._gates: dict[str, asyncio.Event] = {}
        self.asked: list[str] = []

    def fail(self, step: str, times: int = 1, error: OutsideError | None = None) -> None:
        self._faults[step] = times
        self._error = error or self._error

    def fail_after(self, step: str, times: int) -> None:
        """The step works so many times more and then fails once."""
        self._spared[step] = times
        self._faults[step] = 1

    def hold(self, step: str) -> asyncio.Event:
        """The step waits until the event is set; what is asked of a database meanwhile comes after it."""
        self._gates[step] = asyncio.Event()
        return self._gates[step]

    async def _strike(self, step: str) -> None:
        self.asked.append(step)
        if step in self._gates:
            await self._gates[step].wait()
        if self._faults[step] and self._spared[step]:
            self._spared[step] -= 1
        elif self._faults[step]:
            self._faults[step] -= 1
            raise self._error

    async def add_watch(self, watch: Watch, arms: Collection[Arm], entries: Collection[Entry] = ()) -> Watch:
        await self._strike("add_watch")
        return await super().add_watch(watch, tuple(arms), tuple(entries))

    async def save_watch(self, watch: Watch, arms: Collection[Arm] = (), entries: Collection[Entry] = ()) -> None:
        await self._strike("save_watch")
        await super().save_watch(watch, tuple(arms), tuple(entries))

    async def save_arms(self, arms: Collection[Arm]) -> None:
        await self._strike("save_arms")
        await super().save_arms(tuple(arms))

    async def fire(
        self,
        alerts: Collection[Alert],
        arms: Collection[Arm],
        watches: Collection[Watch],
        tickets: Collection[Ticket],
        outgoing: Collection[Outgoing],
        entries: Collection[Entry] = (),
    ) -> None:
        await self._strike("fire")
        await super().fire(tuple(alerts), tuple(arms), tuple(watches), tuple(tickets), tuple(outgoing), tuple(entries))

    async def save_entries(self, entries: Collection[Entry]) -> None:
        await self._strike("save_entries")
        await super().save_entries(tuple(entries))

    async def enqueue(self, outgoing: Collection[Outgoing]) -> None:
        await self._strike("enqueue")
        await super().enqueue(tuple(outgoing))

    async def unsent(self) -> list[Outgoing]:
        await self._strike("unsent")
        return list(await super().unsent())

    async def delivered(self, outgoing: Outgoing) -> None:
        await self._strike("delivered")
        await super().delivered(outgoing)

    async def card_ref(self, chat: Chat, card: str) -> str | None:
        await self._strike("card_ref")
        return await super().card_ref(chat, card)

    async def escalate(self, alerts: Collection[Alert], outgoing: Collection[Outgoing]) -> None:
        await self._strike("escalate")
        await super().escalate(tuple(alerts), tuple(outgoing))

    async def add_silence(self, silence: Silence) -> None:
        await self._strike("add_silence")
        await super().add_silence(silence)

    async def set_value(self, key: str, value: str | None) -> None:
        await self._strike("set_value")
        await super().set_value(key, value)


class Tape:
    """A QuoteSource that plays what it is given and ends."""

    name = "测试行情"

    def __init__(self, interval: timedelta = timedelta(seconds=3)) -> None:
        self.interval = interval
        self.watched: set[Symbol] = set()
        self.queue: list[Frame] = []
        self.known: dict[Symbol, Quote] = {}
        self.fetched: list[tuple[Symbol, ...]] = []
        """What was asked for beside the stream, call by call."""
        self.fault: OutsideError | None = None
        """While there is one, every such call fails with it."""

    def watch(self, symbols: Collection[Symbol]) -> None:
        self.watched = set(symbols)

    async def frames(self) -> AsyncIterator[Frame]:
        for each in self.queue:
            yield each

    async def fetch(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        self.fetched.append(tuple(symbols))
        if self.fault is not None:
            raise self.fault
        return {symbol: self.known[symbol] for symbol in symbols if symbol in self.known}


class Home:
    """A running house with a phone, and shortcuts to play its market."""

    def __init__(self, app: App, clock: ManualClock, phone: Phone, store: MemoryStore, tape: Tape) -> None:
        self.app = app
        self.clock = clock
        self.phone = phone
        self.store = store
        self.tape = tape
        self._last: Frame | None = None

    async def add(self, one: Watch) -> tuple[Watch, list[Trigger]]:
        stored, already = await self.app.house.watchlist.create(one)
        return stored, list(already)

    async def tick(self, when: str, last: str | float | None, symbol: Symbol = MOUTAI, **changes: Any) -> None:
        """One frame of one symbol."""
        await self.show(quote(symbol, last, when, **changes))

    async def show(self, *quotes: Quote) -> None:
        """One frame of these quotes, and everything that follows from it."""
        self._last = frame(*quotes, like=self._last)
        self.clock.set(self._last.at)
        await self.app.house.engine.on_frame(self._last)
        await self.app.house.notifier.drained()

    async def alerts(self) -> list[Alert]:
        """Oldest first, told or not."""
        return list(await self.store.alerts(OWNER, limit=1000))[::-1]


@asynccontextmanager
async def house(
    start: str = "09:00",
    *,
    store: MemoryStore | None = None,
    phone: Phone | None = None,
    positions: Mapping[Symbol, tuple[Shares, Price]] | None = None,
    broker: PaperBroker | None = None,
    sleep: Naps | None = None,
    market: Callable[[], tuple[Symbol, ...]] | None = None,
    bars: BarFetcher | None = None,
) -> AsyncIterator[Home]:
    """A house at work. Give the store of an earlier one to restart it."""
    # Ids must differ from those that an earlier house gave out.
    store = store or MemoryStore()
    clock = ManualClock(at(start), first_id=int(at(start).timestamp()) % 2**30)
    account = broker or paper.connect(
        path=None, account=ACCOUNT, name="模拟账户", clock=clock, cash=Decimal(1_000_000), positions=positions or {}
    )
    phone = phone or Phone()
    tape = Tape()
    app = assemble(
        store=store,
        clock=clock,
        source=tape,
        brokers=[account],
        names=Names.seed(),
        adviser=scripted.connect(),
        about="测试",
        matching=(account.on_frame,),
        sleep=sleep or Naps(),
        market=market,
        bars=bars,
    )
    await app.load()
    try:
        async with asyncio.TaskGroup() as group:
            # Notices that concern nobody's watch go to the terminal; the phone shows that chat too.
            app.start(group, {phone.name: phone, HOME_CHAT.channel: phone})
            yield Home(app, clock, phone, store, tape)
            raise _OverError
    except* _OverError:
        pass
    finally:
        if broker is None:
            await account.close()


class _OverError(Exception):
    """The test is over: what would run for ever ends."""


async def until(condition: Callable[[], bool], rounds: int = 1000) -> None:
    """Let other tasks run until it holds; a test that would wait for ever fails instead."""
    for _ in range(rounds):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("what was waited for did not happen")


async def quiet(rounds: int = 50) -> None:
    """Let everything run that can, before it is said that something did not happen."""
    for _ in range(rounds):
        await asyncio.sleep(0)
