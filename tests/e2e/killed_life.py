"""The whole house over files, until it is killed at one of its steps: ``python -m tests.e2e.killed_life`` makes lives.

A step is every statement and every commit of the database, every call of the broker, and every message at the phone,
each before and after. The process imports everything once and then reads requests, one JSON object per line. Each life
runs in a process forked for it, which ends itself by SIGKILL at the wanted step: ``{"file": ..., "status": "killed"}``.
With ``--stop`` there is one life, in this process itself: it says ``stopped`` at the step and waits to be killed.

The exchange and the phone have files of their own beside the database, as the real ones have.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sqlite3
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple, Self, TypeVar

from sqlalchemy import Connection, event

from adapters.models import scripted
from adapters.stores import sql
from adapters.stores.sql import SqlStore
from bot.assembly import App, assemble
from bot.language.names import Names
from core.clock import ManualClock
from core.journal import differences, problem
from core.messages import Chat, Incoming, Message
from core.orders import ReportKind
from core.ports import Receiver, Store
from core.tickets import TicketState
from tests.fakes.advised import advised
from tests.fakes.exchange import Ended, Exchange, ExchangeBroker, Happening, Traded
from tests.fakes.market import MOUTAI, HandMarket, market_instant
from tests.fakes.office import until

T = TypeVar("T")

CHAT: Final = Chat("script", "local")
DATABASE: Final = "dingpan.db"
EXCHANGE: Final = "exchange.db"
PHONE: Final = "phone.jsonl"
FACTS: Final = "facts.json"
STEPS: Final = "steps.json"


class Story(NamedTuple):
    """What a person wants, and what the exchange makes of it.

    Attributes:
        falls: a price that the market falls to after the sentence, where that is what makes the ticket.
        advised: an advice makes the ticket, and what the sentence switches on approves it.
        cancels: the person cancels after the first trade.
    """

    sentence: str
    script: tuple[Happening, ...]
    falls: str | None = None
    advised: bool = False
    cancels: bool = False


_FILLED: Final = (Traded(60), Traded(40))
STORIES: Final = {
    "bought in two parts": Story("买100股茅台 价格1400", _FILLED),
    "bought after an alert": Story("茅台跌破1390就买100股", _FILLED, falls="1385.00"),
    "sold in part and cancelled": Story(
        "卖100股茅台 价格1400", (Traded(60), Ended(ReportKind.CANCELLED)), cancels=True
    ),
    "bought by a policy": Story("/auto 茅台 每笔150000 每天150000 9:35-14:50 信心70", _FILLED, advised=True),
    "refused by the counter": Story("买100股茅台 价格1400", (Ended(ReportKind.REJECTED),)),
}


class Fuse:
    """Counts the steps and ends the process at one of them.

    Args:
        at: counts from 1; 0 is never.
    """

    def __init__(self, at: int = 0, burn: Callable[[], None] = lambda: os.kill(os.getpid(), signal.SIGKILL)) -> None:
        self._at = at
        self._burn = burn
        self.steps: list[str] = []

    def step(self, what: str) -> None:
        self.steps.append(what)
        if len(self.steps) == self._at:
            self._burn()


class SteppingStore(SqlStore):
    """A database that says what it does."""

    fuse: Fuse

    @classmethod
    def over(cls, opened: Store, fuse: Fuse) -> Self:
        """The same store, without writing all its statements anew."""
        store = cls.__new__(cls)
        vars(store).update(vars(opened), fuse=fuse)
        event.listen(store._engine, "before_cursor_execute", store._statement)
        event.listen(store._engine, "commit", store._commit)
        return store

    def _statement(self, _connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        self.fuse.step(" ".join(statement.split())[:60])

    def _commit(self, _connection: Connection) -> None:
        self.fuse.step("commit")

    def _transact(self, how: Any, step: Callable[[Connection], T]) -> T:
        done = super()._transact(how, step)
        self.fuse.step("committed")
        return done


class Phone:
    """A chat whose messages are in a file of its own, one JSON object per line."""

    name = CHAT.channel

    def __init__(self, file: Path, fuse: Fuse) -> None:
        self._file = file
        self._fuse = fuse
        file.touch()

    async def run(self, receiver: Receiver) -> None:
        await asyncio.Event().wait()

    async def send(self, chat: Chat, message: Message, picture: bytes | None = None) -> str:
        return self._show(str(len(self.shown()) + 1), message)

    async def edit(self, chat: Chat, ref: str, message: Message, picture: bytes | None = None) -> str:
        return self._show(ref, message)

    def _show(self, ref: str, message: Message) -> str:
        self._fuse.step(f"not shown yet: {message.title}")
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"ref": ref, "message": message.model_dump(mode="json")}, ensure_ascii=False) + "\n")
        self._fuse.step(f"shown: {message.title}")
        return ref

    def shown(self) -> list[tuple[str, Message]]:
        """Everything, oldest first, with the place it stands at."""
        lines = [json.loads(line) for line in self._file.read_text(encoding="utf-8").splitlines()]
        return [(line["ref"], Message.model_validate(line["message"])) for line in lines]

    def screen(self) -> dict[str, Message]:
        """What stands there now."""
        return dict(self.shown())

    def presses(self, label: str) -> list[str]:
        """What the buttons with this label do that can be pressed now."""
        every = (button for message in self.screen().values() for row in message.buttons for button in row)
        return [button.command for button in every if button.label == label]

    def ever(self, label: str) -> list[str]:
        """The same of all buttons that were ever shown."""
        every = (button for _, message in self.shown() for row in message.buttons for button in row)
        return [button.command for button in every if button.label == label]


class Life:
    """One process of the house, and the person and the market around it."""

    def __init__(
        self,
        folder: Path,
        story: Story,
        fuse: Fuse,
        number: int,
        names: Names,
        *,
        over: type[SteppingStore] | None = None,
        counter: type[ExchangeBroker] = ExchangeBroker,
        url: str | None = None,
    ) -> None:
        self.story = story
        # Ids of another life must not come again, as those of the real clock do not.
        self.clock = ManualClock(market_instant("2026-11-18 10:00"), first_id=1 + 100_000 * number)
        self.clock.advance(timedelta(seconds=(0, 5, 50, 100)[number]))
        self.market = HandMarket(self.clock)
        self.exchange = Exchange(folder / EXCHANGE, story.script, {MOUTAI: 300})
        self.broker = counter(self.exchange, self.clock, fuse.step)
        self.phone = Phone(folder / PHONE, fuse)
        self.store = (over or SteppingStore).over(sql.connect(url or folder / DATABASE), fuse)
        self._outbox = sqlite3.connect(folder / DATABASE, isolation_level=None)
        self.set_price("1400.00" if number == 0 else story.falls or "1400.00")
        self.app: App = assemble(
            store=self.store,
            clock=self.clock,
            source=self.market,
            brokers=[self.broker],
            names=names,
            adviser=scripted.connect(),
            about="测试",
            market_paced=True,
            home=(CHAT,),
        )

    @asynccontextmanager
    async def lived(self) -> AsyncIterator[None]:
        """From the start of the process to its orderly end."""
        await self.app.load()
        started = asyncio.Event()

        async def life() -> None:
            async with asyncio.TaskGroup() as group:
                self.app.start(group, {self.phone.name: self.phone})
                started.set()

        living = asyncio.create_task(life())
        await started.wait()
        try:
            # Asked of the file and not of the notifier, which has nothing to send before it has read what was left.
            await until(lambda: not self._queued())
            await self.settled()
            yield
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            await self.store.close()
            self.exchange.close()
            self._outbox.close()

    def set_price(self, price: str) -> None:
        self.market.set(MOUTAI, price, preclose="1400.00", ask=price, bid=price, ask_volume=10_000, bid_volume=10_000)

    async def tick(self, price: str) -> None:
        self.clock.advance(timedelta(seconds=3))
        self.set_price(price)
        await self.app.house.engine.on_frame(self.market.frame())
        await self.settled()

    async def settled(self) -> None:
        """Every report is taken in and every message is out."""
        await self.broker.told()
        await self.app.house.notifier.drained()

    def _queued(self) -> int:
        return int(self._outbox.execute("SELECT count(*) FROM outbox WHERE state = 'queued'").fetchone()[0])

    async def say(self, text: str) -> None:
        await self.app.inbox.receive(Incoming(chat=CHAT, user="local", name="我", text=text, at=self.clock.now()))
        await self.settled()

    async def press(self, command: str) -> None:
        await self.app.inbox.receive(Incoming(chat=CHAT, user="local", name="我", press=command, at=self.clock.now()))
        await self.settled()

    # -- the story

    async def ask(self) -> None:
        """Say what is wanted, until there is a card."""
        if self.story.advised:
            await self._be_advised()
            return
        if self.story.falls is None:
            await self.say(self.story.sentence)
            return
        await self.tick("1400.00")
        if not self.app.house.watchlist.everything():
            await self.say(self.story.sentence)
        await self.tick(self.story.falls)

    async def _be_advised(self) -> None:
        house = self.app.house
        if house.autotrade.of("owner") is None:
            await self.say(self.story.sentence)
            await self.press(self.phone.presses("打开自动交易")[-1])
        account = house.brokerage.brokers[0].account
        advice = await advised(house, MOUTAI, CHAT, account=account, shares=100)
        await house.autotrade.consider(*advice)
        await self.settled()

    async def approve(self) -> None:
        """Tap the buttons that are on the screen."""
        for command in self.phone.presses("确认"):
            await self.press(command)

    async def trade(self) -> None:
        """What the exchange does is told as it happens."""
        for _ in self.story.script:
            for report in self.exchange.go_on(self.clock.now()):
                self.broker.tell(report)
            await self.settled()
            if self.story.cancels and any(not one.state.final for one in self.exchange.orders()):
                await self.say("/cancel all")

    async def begin(self) -> None:
        """The whole way, as if nothing could happen."""
        await self.ask()
        await self.approve()
        await self.trade()

    async def finish(self, *, at_once: bool) -> None:
        """What a person does who comes back: says it again where nothing is there, answers the cards that wait.

        Args:
            at_once: the process was back before the broker must know every order.
        """
        if at_once:
            self.clock.advance(timedelta(seconds=45))
            await self.app.house.blotter.look_up()
            await self.settled()
        if not await self.store.tickets(set(TicketState)):
            await self.ask()
        await self.approve()
        # A button of an old screen, tapped twice.
        for command in self.phone.ever("确认") * 2:
            await self.press(command)
        await self.trade()
        await self.app.house.blotter.look_up()
        await self.settled()

    async def facts(self) -> dict[str, Any]:
        """What is true at the end, for the test to judge."""
        tickets = await self.store.tickets(set(TicketState))
        orders = await self.store.orders()
        events = await self.store.journal()
        screen = self.phone.screen()
        account = await self.broker.snapshot()
        seen = self.app.house.brokerage.account(account.id)
        return {
            "tickets": {one.id: one.state for one in tickets},
            "orders": {one.id: one.state for one in orders},
            "order_of": {one.ticket_id: one.id for one in orders},
            "filled": {one.id: one.filled for one in orders},
            "fills": sorted(one.id for one in await self.store.fills()),
            "placed": self.exchange.placed(),
            "exchange": {one.id: one.state for one in self.exchange.orders()},
            "trades": sorted(one.id for one in self.exchange.trades()),
            "cards": {
                one.card: [f"{shown.plain()} {shown.labels()}" for shown in screen.values() if shown.card == one.card]
                for one in tickets
            },
            "ever": sorted({command.split()[1] for command in self.phone.ever("确认")}),
            "told": [one.plain() for _, one in self.phone.shown() if not (one.card or "").startswith("ticket:")],
            "by policy": sum(one.by_policy for one in await self.store.analyses()),
            "unsent": len(await self.store.unsent()),
            "cash seen": str(seen.cash if seen else None),
            "cash": str(account.cash),
            "journal": problem(events),
            "differences": differences(events, tickets, orders),
        }


async def live(folder: Path, story: Story, fuse: Fuse, number: int, names: Names) -> None:
    """One life.

    Args:
        number: 0 is the first; the others come back to what it left, every second one at once.
    """
    life = Life(folder, story, fuse, number, names)
    if number and number % 2 == 0:
        life.exchange.run_out(life.clock.now())
    async with life.lived():
        if number:
            await life.finish(at_once=number % 2 == 1)
            (folder / FACTS).write_text(json.dumps(await life.facts(), ensure_ascii=False), encoding="utf-8")
        else:
            await life.begin()
    (folder / STEPS).write_text(json.dumps(fuse.steps, ensure_ascii=False), encoding="utf-8")


def forked(folder: Path, story: Story, fuse: Fuse, number: int, names: Names) -> str:
    """Live in a process of its own; how it ended."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(live(folder, story, fuse, number, names))
            code = 0
        except BaseException:  # noqa: BLE001 - the process ends here, whatever it was
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "killed" if os.WTERMSIG(status) == signal.SIGKILL else f"signal {os.WTERMSIG(status)}"
    return "lived" if os.WEXITSTATUS(status) == 0 else "failed"


def stop() -> None:
    """Wait to be killed by whoever started us. Ends when that one has gone."""
    print("stopped", flush=True)
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    names = Names.seed()
    here = "--stop" in sys.argv
    if not here:
        with TemporaryDirectory() as folder:
            # What is made at the first use is made here, once for all lives.
            asyncio.run(live(Path(folder), STORIES["bought in two parts"], Fuse(), 0, names))
        gc.collect()
        gc.freeze()
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        place, story = Path(asked["folder"]), STORIES[asked["story"]]
        if here:
            asyncio.run(live(place, story, Fuse(asked["at"], stop), asked["life"], names))
            print("lived", flush=True)
            return
        print(json.dumps(forked(place, story, Fuse(asked["at"]), asked["life"], names)), flush=True)


if __name__ == "__main__":
    main()
