"""A conversation over past bars, or over the demo market: the same assistant, played as fast as frames come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import date, datetime, time
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bot.assembly import assemble
from bot.demo import Stage, stage_demo
from bot.language.names import Names
from core.alerts import Alert
from core.bars import in_order, read_bars
from core.charts import described
from core.clock import MARKET_ZONE, ManualClock, market_time, stamp_text, time_text
from core.columns import columns
from core.errors import Invalid
from core.feed import Fact, Said
from core.frames import Frame
from core.jobs import JOBS
from core.market import is_share
from core.messages import Button, Chat, Incoming, Message
from core.orders import Fill, Order, OrderState
from core.portfolio import value
from core.render import name_text, signed
from core.tickets import Ticket, TicketState
from core.types import Symbol, code_of, money_text, price_text

if TYPE_CHECKING:
    from adapters.channels.script import ScriptChannel

CHAT: Final = Chat("script", "local")
PERSON: Final = "我"


class Line(NamedTuple):
    """Something to say; ``at`` None means before the first frame."""

    at: datetime | None
    text: str


def parse_line(text: str) -> Line:
    """Read ``文字`` or ``2026-03-24 10:00|文字`` (market time).

    Raises:
        Invalid: the time cannot be read.
    """
    head, bar, tail = text.partition("|")
    if not bar:
        return Line(None, text)
    try:
        at = datetime.strptime(head.strip(), "%Y-%m-%d %H:%M").replace(tzinfo=MARKET_ZONE)
    except ValueError:
        raise Invalid(f"--say 的时间“{head.strip()}”读不懂，请写成 --say '2026-03-24 10:00|文字'。") from None
    return Line(at, tail)


class Transcript:
    """Notes what happens, as text for people or one JSON object a line, and writes it when told to.

    Args:
        write: takes one line. What it raises comes out of :meth:`flush`, never out of the feed.
    """

    def __init__(self, write: Callable[[str], None], *, as_json: bool) -> None:
        self._lines: list[str] = []
        self._write = self._lines.append
        self._print = write
        self._as_json = as_json
        self.told = 0
        self.quiet = 0
        self.tickets = 0
        self.orders = 0
        self.fills = 0

    def observe(self, fact: Fact) -> None:
        """Take a fact of the feed."""
        match fact:
            case Incoming():
                self._event(fact.at, "said", text=fact.text, press=fact.press)
            case Said():
                if not (self._as_json and fact.alert_ids):
                    self._event(fact.at, "reply", **_message(fact.message))
            case Alert():
                self.told += fact.reason.tells
                self.quiet += not fact.reason.tells
                if fact.reason.tells:
                    self._event(fact.at, "alert", fact.symbol, **_alert(fact))
            case Ticket() if fact.state is TicketState.OPEN:
                self.tickets += 1
                self._event(fact.created_at, "ticket", fact.symbol, **_ticket(fact))
            case Order() if fact.state is OrderState.NEW:
                self.orders += 1
                self._event(fact.created_at, "order", fact.symbol, **_order(fact))
            case Fill():
                self.fills += 1
                self._event(fact.at, "fill", fact.symbol, **_fill(fact))
            case _:
                pass

    def flush(self) -> None:
        """Write down what was noted since the last time."""
        for line in self._lines:
            self._print(line)
        self._lines.clear()

    def _event(self, at: datetime, event: str, symbol: str | None = None, **rest: Any) -> None:
        if self._as_json:
            record = {"at": market_time(at).isoformat(), "event": event, "symbol": symbol, **rest}
            self._write(json.dumps({k: v for k, v in record.items() if v is not None}, ensure_ascii=False))
            return
        clock = f"{stamp_text(at)[:5]} {time_text(at)}"
        if event == "said":
            said = f"［{rest['text']}］" if rest["press"] else rest["text"]
            self._write(f"\n{clock}  {PERSON}：{said}")
        elif event == "reply":
            self._write(f"\n{clock}  盯盘：{rest['title']}".rstrip("：") if rest["title"] else f"\n{clock}  盯盘：")
            for line in rest["text"].splitlines():
                self._write(f"    {line}")
            if rest["chart"]:
                self._write(f"    ［{rest['chart']}］")
            if rest["buttons"]:
                self._write("    " + "  ".join(f"［{label}］" for label in rest["buttons"]))

    async def summary(self, stage: Stage) -> None:
        """What came of it all."""
        house = stage.app.house
        account = await house.brokerage.refresh(house.brokerage.default_account)
        prices = {
            one.symbol: quote.last
            for one in account.positions
            if (quote := house.engine.quote(one.symbol)) is not None and quote.last is not None
        }
        valued = value(account, prices)
        profit = valued.total - stage.started_with
        counts = {
            "alerts": self.told,
            "muted": self.quiet,
            "tickets": self.tickets,
            "orders": self.orders,
            "fills": self.fills,
        }
        held = [row for row in valued.positions if row.position.shares]
        if self._as_json:
            self._event(
                house.now(),
                "summary",
                None,
                **counts,
                positions=[
                    {
                        "symbol": row.position.symbol,
                        "shares": row.position.shares,
                        "cost": str(row.position.cost),
                        "last": str(row.last) if row.last is not None else None,
                        "profit": str(row.profit) if row.profit is not None else None,
                    }
                    for row in held
                ],
                cash=str(account.cash),
                total=str(valued.total),
                profit=str(profit),
            )
            return
        self._write("\n—— 小结 ——")
        muted = f"（另有 {self.quiet} 次触发按规则没有提醒）" if self.quiet else ""
        self._write(
            f"提醒 {self.told} 次{muted}，待确认 {self.tickets} 张，委托 {self.orders} 笔，成交 {self.fills} 笔"
        )
        for row in held:
            position = row.position
            result = (
                f"，现价 {price_text(row.last)}，盈亏 {signed(row.profit)} 元"
                if row.last and row.profit is not None
                else ""
            )
            name = name_text(house.name(position.symbol), position.symbol)
            self._write(f"持仓 {name} {position.shares} 股，成本 {position.cost:.3f}{result}")
        self._write(f"总资产 {money_text(valued.total)} 元，全程盈亏 {signed(profit)} 元（含费用）")


def _message(message: Message) -> dict[str, Any]:
    chart = described(message.chart) if message.chart is not None else None
    return {
        "title": message.title,
        "text": "\n".join([message.text, *columns(message.table)]),
        "chart": chart,
        "buttons": list(message.labels()),
    }


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "watch": alert.watch_number,
        "name": alert.name,
        "condition": alert.condition,
        "price": str(alert.price),
        "why": alert.why,
        "ticket": alert.ticket_id,
        "note": alert.note or None,
    }


def _ticket(ticket: Ticket) -> dict[str, Any]:
    return {
        "id": ticket.id,
        "alert": ticket.alert_id,
        "side": ticket.side.value,
        "shares": ticket.shares,
        "limit": str(ticket.limit),
        "mode": ticket.mode.value,
        "hash": ticket.digest(),
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "ticket": order.ticket_id,
        "side": order.side.value,
        "shares": order.shares,
        "limit": str(order.limit),
        "mode": order.mode.value,
    }


def _fill(fill: Fill) -> dict[str, Any]:
    return {
        "id": fill.id,
        "order": fill.order_id,
        "side": fill.side.value,
        "shares": fill.shares,
        "price": str(fill.price),
        "fee": str(fill.fee),
    }


class _OverError(Exception):
    """The play is over: the tasks that would go on for ever end with it."""


class Player:
    """Says lines at their time and presses labels, frame by frame, waiting for everything that follows from each."""

    def __init__(
        self,
        stage: Stage,
        channel: ScriptChannel,
        lines: Sequence[Line],
        labels: Sequence[str],
        transcript: Transcript,
    ) -> None:
        self._stage = stage
        self._channel = channel
        self._transcript = transcript
        self._first = [line.text for line in lines if line.at is None]
        self._later = sorted(((line.at, line.text) for line in lines if line.at is not None), key=itemgetter(0))
        self._labels = frozenset(labels)
        self._pressed: set[str] = set()

    async def play(self, until: Callable[[Frame], bool] = lambda _frame: False, then: Sequence[str] = ()) -> None:
        """Over all frames, or until one after which enough was seen; at last, say ``then``."""
        try:
            async with asyncio.TaskGroup() as group:
                self._stage.app.start(group, {self._channel.name: self._channel})
                await self._run(until)
                for text in then:
                    await self.say(text)
                raise _OverError
        except* _OverError:
            pass

    async def _run(self, until: Callable[[Frame], bool]) -> None:
        for text in self._first:
            await self.say(text)
        frames = aiter(self._stage.source.frames())
        while True:
            following = self._stage.source.next_at
            await self._say_before(following)
            if following is not None:
                await self._pass_to(following)
            frame = await anext(frames, None)
            if frame is None:
                return
            await self._stage.app.house.engine.on_frame(frame)
            await self._answer()
            if until(frame):
                return

    async def _say_before(self, following: datetime | None) -> None:
        """Say what is due before the next frame, each line at its own time and after the jobs of that time.

        A bar tells what has happened up to its time: what is said at that very time comes after it.
        """
        while self._later and (following is None or self._later[0][0] < following):
            at, text = self._later.pop(0)
            await self._pass_to(at)
            self._stage.clock.set(at)
            await self._stage.app.paced.catch_up(self._stage.clock.now())
            await self.say(text)

    async def _pass_to(self, at: datetime) -> None:
        """Do what the hour of the day asks for on the way to this time, each at its own hour."""
        for stop in self._stage.app.paced.stops(at):
            self._stage.clock.set(stop)
            await self._stage.app.paced.catch_up(stop)
            await self._answer()

    async def say(self, text: str) -> None:
        await self._hand_in(text)
        await self._answer()

    async def _hand_in(self, text: str, press: str | None = None) -> None:
        now = self._stage.clock.now()
        await self._stage.app.inbox.receive(
            Incoming(chat=CHAT, user="local", name=PERSON, text=text, press=press, at=now)
        )

    async def _answer(self) -> None:
        """Let what was caused arrive, and press what is to be pressed; once per button."""
        await self._stage.settle()
        while (button := self._unpressed()) is not None:
            self._pressed.add(button.command)
            await self._hand_in(button.label, button.command)
            await self._stage.settle()
        self._transcript.flush()

    def _unpressed(self) -> Button | None:
        if not self._labels:
            return None
        offered = (button for button in self._channel.buttons() if button.label in self._labels)
        return next((button for button in offered if button.command not in self._pressed), None)


# -- over bars

_NEEDLESS: Final = frozenset({"check_feed", "save_bars", "forget_bars", "sweep"})
"""Jobs that a replay does without: between two bars of a file no feed is silent, nothing of it is kept, and it streams
its whole market."""


def stage_replay(paths: Sequence[Path], cash: Decimal, begin: datetime | None = None) -> Stage:
    """A house over the bars of these files, with a fresh paper account.

    Args:
        begin: when the clock starts, where that is before the first bar.

    Raises:
        Invalid: a file that cannot be played; the text names the line.
    """
    from adapters.brokers import paper
    from adapters.models import scripted
    from adapters.quotes import replay as replay_quotes
    from adapters.stores import memory

    bars = in_order([bar for path in paths for bar in read_bars(path)])
    names = Names.seed()
    market = tuple(symbol for symbol in sorted({bar.symbol for bar in bars}) if is_share(symbol))
    for symbol in {bar.symbol for bar in bars}:
        if symbol not in names:
            names.add(symbol, code_of(symbol))
    clock = ManualClock(min(bars[0].time, begin or bars[0].time))
    source = replay_quotes.connect(bars, clock, {bar.symbol: names.name_of(bar.symbol) for bar in bars})
    broker = paper.connect(path=None, account="paper", name="模拟账户", clock=clock, cash=cash)
    app = assemble(
        store=memory.connect(),
        clock=clock,
        source=source,
        brokers=[broker],
        names=names,
        adviser=scripted.connect(),
        about="历史回放：按过去的 K 线重演，不动真钱。",
        matching=(broker.on_frame,),
        market=lambda: market,
        market_paced=True,
        jobs=[job for job in JOBS if job.name not in _NEEDLESS],
    )
    return Stage(app, clock, source, broker, cash)


async def replay(
    paths: Sequence[Path],
    lines: Sequence[Line],
    labels: Sequence[str],
    *,
    cash: Decimal,
    as_json: bool,
    write: Callable[[str], None],
) -> None:
    """Play bars and write down what happened."""
    from adapters.channels import script

    stage = stage_replay(paths, cash, min((line.at for line in lines if line.at is not None), default=None))
    transcript = Transcript(write, as_json=as_json)
    stage.app.house.feed.subscribe(transcript.observe)
    async with aclosing(stage):
        await stage.app.load()
        await Player(stage, script.connect(), lines, labels, transcript).play()
        await transcript.summary(stage)
    transcript.flush()


# -- the tour

HELD: Final = Symbol("601318.SH")
ASKED_AT: Final = time(9, 32)
"""When the tour asks about a share that it holds, and that the rules advise to sell."""


async def tour(*, seed: int, start: date, write: Callable[[str], None]) -> bool:
    """A short conversation with the demo market: from a sentence to an alert and its fill, and from a question to an
    advice and its fill; False when one of them did not come.
    """
    from adapters.channels import script
    from adapters.quotes import demo as demo_quotes
    from adapters.stores import memory

    async def at_once(_seconds: float) -> None:
        await asyncio.sleep(0)

    stage = stage_demo(store=memory.connect(), start=start, seed=seed, speed=10, sleep=at_once)
    transcript = Transcript(write, as_json=False)
    stage.app.house.feed.subscribe(transcript.observe)
    name = stage.app.house.name(demo_quotes.MOUTAI)
    level = f"{demo_quotes.DIP.normalize():f}"
    held = stage.app.house.name(HELD)
    lines = [
        Line(None, "/start"),
        Line(None, f"{name}跌破{level}提醒我，跌破就买100股"),
        Line(None, "列表"),
        Line(datetime.combine(start, ASKED_AT, MARKET_ZONE), f"分析一下{held}"),
    ]
    async with aclosing(stage):
        await stage.app.load()
        player = Player(stage, script.connect(), lines, ["确认"], transcript)
        await player.play(until=lambda _frame: transcript.fills > 1, then=[f"{name}我有多少", "我的持仓", "/why"])
    write("\n演示结束。想自己试，请在终端里运行：dingpan demo")
    return transcript.fills > 1
