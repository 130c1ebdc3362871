"""The whole house on a stage: a test says, ticks and presses, and reads what the person would read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.brokers import manual, paper
from adapters.channels import script
from adapters.channels.script import ScriptChannel
from adapters.models import scripted
from adapters.stores import sql
from bot.assembly import HOME_CHAT, App, assemble
from bot.language.names import Names
from core.allowance import Budget
from core.clock import ManualClock
from core.messages import Button, Chat, Incoming, Message
from core.orders import Order
from core.ports import Channel, Model, Roster, Store
from core.types import Price, Shares, Symbol
from tests.fakes import migrated
from tests.fakes.market import HandMarket, market_instant

CHAT = Chat("script", "local")


async def at_once(_seconds: float) -> None:
    """No pause between the questions to a source."""
    await asyncio.sleep(0)


class Theatre:
    """A house over SQLite and a paper account in a folder, with a market that the test moves.

    With ``wife`` there is a second account, 老婆账户, with 200,000 yuan and these positions. With ``owners`` there is a
    second channel beside the script, for people who are told apart; see :mod:`tests.e2e.street`. ``accounts`` is where
    the accounts lie, where two houses share one database.
    With ``at_home`` what is said to the owner of the house is said here. ``comments`` is whether alerts are commented
    on. Who is not ``patient`` does not wait for what is analysed: a model that hangs would keep him for ever. The house gets
    its store ``through`` what may fail.

    :meth:`kill` drops everything as a killed process would and builds the house anew from what is on the disk.
    """

    def __init__(
        self,
        folder: Path,
        *,
        at: str = "2026-11-18 10:00",
        cash: str = "1000000",
        positions: dict[Symbol, tuple[Shares, Price]] | None = None,
        by_hand: bool = False,
        wife: dict[Symbol, tuple[Shares, Price]] | None = None,
        model: Model | None = None,
        budget: Budget | None = None,
        finds_shares: bool = False,
        owners: Mapping[str, Sequence[str]] | None = None,
        others: Mapping[str, Channel] | None = None,
        at_home: bool = False,
        roster: Roster | None = None,
        accounts: Path | None = None,
        comments: bool = False,
        patient: bool = True,
        through: Callable[[Store], Store] = lambda store: store,
    ) -> None:
        self.folder = folder
        self.clock = ManualClock(market_instant(at))
        self.market = HandMarket(self.clock)
        self._cash = Decimal(cash)
        self._positions = positions or {}
        self._by_hand = by_hand
        self._wife = wife
        self._model, self._budget = model, budget
        self._finds_shares = finds_shares
        self._owners, self._channels = owners or {}, others or {}
        self._at_home = at_home or model is not None
        self._roster = roster
        self._accounts = accounts or folder
        self._comments, self.patient = comments, patient
        self._through = through
        self._lives = AsyncExitStack()
        self._life: asyncio.Task[None] | None = None
        self.app: App
        self.channel: ScriptChannel
        self.broker: paper.PaperBroker
        self.hand: manual.ManualBroker | None = None
        self.others: list[paper.PaperBroker] = []

    async def __aenter__(self) -> Self:
        await self._live()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._die()

    async def _live(self) -> None:
        store = sql.connect(migrated.file(self.folder / "dingpan.db"), busy_timeout=timedelta(milliseconds=100))
        self._lives.push_async_callback(store.close)
        self.broker = paper.connect(
            path=self._accounts / "paper.db",
            account="paper",
            name="模拟账户",
            clock=self.clock,
            cash=self._cash,
            positions=self._positions,
        )
        self._lives.push_async_callback(self.broker.close)
        if self._by_hand:
            self.hand = manual.connect(
                path=self.folder / "manual.db", account="manual", name="手动账户", clock=self.clock
            )
            self._lives.push_async_callback(self.hand.close)
        self.others = []
        if self._wife is not None:
            second = paper.connect(
                path=self.folder / "wife.db",
                account="wife",
                name="老婆账户",
                clock=self.clock,
                cash=Decimal(200_000),
                positions=self._wife,
            )
            self._lives.push_async_callback(second.close)
            self.others.append(second)
        self.app = assemble(
            store=self._through(store),
            clock=self.clock,
            source=self.market,
            brokers=[self.hand or self.broker, *self.others],
            names=Names.seed(),
            adviser=self._model or scripted.connect(),
            about="测试",
            matching=(self.broker.on_frame, *(one.on_frame for one in self.others)),
            market_paced=True,
            reads=self._model is not None,
            owners=self._owners,
            home=self._home(),
            budget=self._budget,
            comments=self._comments,
            finds_shares=self._finds_shares,
            roster=self._roster,
            sleep=at_once if self._finds_shares or self._model is not None else asyncio.sleep,
        )
        self.channel = script.connect()
        await self.app.load()
        started = asyncio.Event()

        async def life() -> None:
            async with asyncio.TaskGroup() as group:
                self.app.start(group, {"script": self.channel, **self._channels})
                started.set()

        self._life = asyncio.create_task(life())
        await started.wait()
        await self.settle()

    def _home(self) -> Sequence[Chat]:
        if self._owners:
            return [Chat(channel, user) for channel, users in self._owners.items() for user in users]
        return (CHAT,) if self._at_home else (HOME_CHAT,)

    async def _die(self) -> None:
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        await self._lives.aclose()

    async def kill(self) -> None:
        """End the process without a word and start another one on the same folder."""
        await self._die()
        self._lives = AsyncExitStack()
        await self._live()

    # -- the person

    async def say(self, text: str, *, user: str = "local") -> Message:
        """Type a line; the last message it brought."""
        return await self._hand_in(Incoming(chat=CHAT, user=user, name="我", text=text, at=self.clock.now()))

    async def press(self, label: str, *, user: str = "local") -> Message:
        """Tap the newest button with this label."""
        return await self.send_press(self.button(label).command, user=user)

    async def send_press(self, command: str, *, user: str = "local") -> Message:
        """A tap on a button that may be gone from the screen."""
        return await self._hand_in(Incoming(chat=CHAT, user=user, name="我", press=command, at=self.clock.now()))

    def button(self, label: str) -> Button:
        found = [button for button in self.channel.buttons() if button.label == label]
        assert found, f"no button {label!r} in:\n{self.transcript()}"
        return found[-1]

    async def _hand_in(self, incoming: Incoming) -> Message:
        await self.app.inbox.receive(incoming)
        await self.settle()
        assert self.channel.shown, "nothing was answered"
        return self.channel.shown[-1]

    # -- the market

    async def tick(
        self, code: str, *prices: str | None, step: timedelta = timedelta(seconds=3), **fields: object
    ) -> None:
        """One frame per price, ``step`` of market time apart."""
        for price in prices:
            self.clock.advance(step)
            self.market.set(code, price, **fields)
            await self.app.house.engine.on_frame(self.market.frame())
            await self.settle()

    async def pass_time(self, text: str) -> None:
        """Let the market's clock move on to this instant, and its jobs with it, without a frame of prices."""
        self.clock.set(market_instant(text))
        await self.app.paced.catch_up(self.clock.now())
        await self.settle()

    async def settle(self) -> None:
        await (self.hand or self.broker).told()
        for other in self.others:
            await other.told()
        if self.patient:
            await self.app.house.commentary.finished()
            await (self.hand or self.broker).told()
        await self.app.house.notifier.drained()
        await self.app.house.illustrator.drained()
        await self.app.house.notifier.drained()

    # -- what can be seen

    def transcript(self) -> str:
        return "\n\n".join(message.plain() for message in self.channel.shown)

    def seen(self, text: str) -> list[Message]:
        """The messages with ``text`` in them."""
        return [message for message in self.channel.shown if text in message.plain()]

    async def orders(self) -> Sequence[Order]:
        return await self.app.house.store.orders()
