"""Notifier: takes rows out of the outbox to their channels, in order per chat, until each is sent or refused."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from core.clock import Clock, stamp_text
from core.errors import OutsideError, Unavailable
from core.feed import Feed, Said
from core.messages import ALERT_CARD, Chat, Delivery, Message, Outgoing
from core.ports import Channel, Painter, Store

log: Final = logging.getLogger(__name__)

IN_FLIGHT: Final = 20
"""Requests at the same time over all chats; HTTP pools get slow, not fast, beyond this."""
FIRST_WAIT: Final = timedelta(seconds=1)
LONGEST_WAIT: Final = timedelta(minutes=2)
QUOTED: Final = 300
"""Characters of a message that are repeated elsewhere when it cannot be delivered."""


def wait_before(attempts: int, asked: timedelta | None) -> timedelta:
    """How long to wait before the next attempt: what the other side asked for, else doubling.

    >>> wait_before(1, None), wait_before(3, None), wait_before(1, timedelta(seconds=7))
    (datetime.timedelta(seconds=1), datetime.timedelta(seconds=4), datetime.timedelta(seconds=7))
    """
    if asked is not None:
        return asked
    doublings = min(max(attempts, 1) - 1, 16)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def _dated(message: Message, at: datetime) -> Message:
    """A message of an earlier time, which says so."""
    stamp = f"（{stamp_text(at)} 的消息）"
    where = "title" if message.title else "text"
    return message.model_copy(update={where: stamp + getattr(message, where)})


def _undelivered(row: Outgoing) -> Message:
    what = row.message.plain()
    shown = what if len(what) <= QUOTED else f"{what[:QUOTED]}……"
    text = f"有一条提醒发不到 {row.chat}：{row.error.rstrip('。')}。内容：\n{shown}"
    return Message(title="⚠️ 提醒没有送达", text=text, urgent=row.message.urgent)


class Lane(NamedTuple):
    """What is sent in order.

    Attributes:
        aside: of what is added to alerts (a picture takes a while to send): it waits for everything else of its chat,
            and nothing waits for it.
    """

    chat: Chat
    aside: bool = False


def lane_of(row: Outgoing) -> Lane:
    """An alert itself names its alerts; what is added to it does not."""
    return Lane(row.chat, aside=not row.alert_ids and (row.message.card or "").startswith(ALERT_CARD))


class Notifier:
    """One lane per chat: its messages stay in order, and a chat that cannot be reached holds up no other.

    A row is in the store before it is handed to :meth:`post`, and is marked there after each attempt, so a message may
    arrive twice but never not at all. One that its chat refuses for ever, or whose channel this run does not have, is
    told to another chat of the house.

    Args:
        home: chats of the people who keep the house, in order of preference; nobody by default.
        painter: makes the pictures of messages that have a chart; without one the words go alone.
        footer: a line that every message of a chat ends with; empty for none.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        feed: Feed,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        home: Callable[[], Collection[Chat]] = tuple,
        painter: Painter | None = None,
        footer: Callable[[Chat], str] = lambda _chat: "",
    ) -> None:
        self._painter = painter
        self._footer = footer
        self._store = store
        self._clock = clock
        self._feed = feed
        self._sleep = sleep
        self._home = home
        self._began = clock.now()
        self._channels: Mapping[str, Channel] = {}
        self._lanes: dict[Lane, deque[Outgoing]] = {}
        self._wakes: dict[Lane, asyncio.Event] = {}
        self._busy: set[Lane] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._group: asyncio.TaskGroup | None = None
        # Where cards stand whose sending could not be marked.
        self._unmarked: dict[tuple[Chat, str], str | None] = {}

    def compose(self, chat: Chat, message: Message, alert_ids: tuple[str, ...] = ()) -> Outgoing:
        """A row for the outbox."""
        now = self._clock.now()
        if footer := self._footer(chat):
            # A new version of what was said before has it already, maybe in the middle.
            said = message.model_copy(update={"text": message.text.replace(f"\n{footer}", "")})
            message = said.noted(footer)
        return Outgoing(
            id=self._clock.new_id(), chat=chat, message=message, created_at=now, alert_ids=alert_ids, next_at=now
        )

    async def say(self, chat: Chat, *messages: Message) -> None:
        """Store messages and send them."""
        await self.say_each([(chat, message) for message in messages])

    async def say_each(self, said: Sequence[tuple[Chat, Message]]) -> None:
        """Store messages to several chats in one step, and send them."""
        rows = [self.compose(chat, message) for chat, message in said]
        await self._store.enqueue(rows)
        self.post(rows)

    def post(self, rows: Iterable[Outgoing]) -> None:
        """Send rows that the store already has."""
        for row in rows:
            key = lane_of(row)
            lane = self._lanes.setdefault(key, deque())
            if row.message.urgent:
                # The head of a lane that is being sent stays where it is.
                first = 1 if key in self._busy else 0
                place = next((i for i in range(first, len(lane)) if not lane[i].message.urgent), len(lane))
                lane.insert(place, row)
            else:
                lane.append(row)
            self._idle.clear()
            self._wake(key)

    async def run(self, channels: Mapping[str, Channel]) -> None:
        """Send for ever, beginning with what an earlier process left unsent."""
        self._channels = channels
        self._began = self._clock.now()
        left = await self._unsent()
        # What was posted meanwhile is in the store too; all of it goes in the order in which it was stored.
        known = {row.id for row in left}
        posted = [row for lane in self._lanes.values() for row in lane if row.id not in known]
        for lane in self._lanes.values():
            lane.clear()
        async with asyncio.TaskGroup() as group:
            self._group = group
            self.post([*left, *posted])
            await asyncio.Event().wait()

    async def _unsent(self) -> Sequence[Outgoing]:
        attempts = 0
        while True:
            try:
                return await self._store.unsent()
            except OutsideError as error:
                attempts += 1
                log.warning("the outbox cannot be read: %s", error.reason)
                asked = error.retry_after if isinstance(error, Unavailable) else None
                await self._sleep(wait_before(attempts, asked).total_seconds())

    async def drained(self) -> None:
        """Wait until nothing waits to be sent."""
        await self._idle.wait()

    def _wake(self, key: Lane) -> None:
        if self._group is None:
            return
        if key not in self._wakes:
            self._wakes[key] = asyncio.Event()
            self._group.create_task(self._drive(key), name=f"notify {key.chat}{' aside' if key.aside else ''}")
        self._wakes[key].set()

    async def _drive(self, key: Lane) -> None:
        lane, wake = self._lanes[key], self._wakes[key]
        while True:
            await wake.wait()
            wake.clear()
            while lane and not (key.aside and self._lanes.get(Lane(key.chat))):
                self._busy.add(key)
                row = lane[0]
                done = await self._attempt(row)
                self._busy.discard(key)
                if done.state is Delivery.QUEUED:
                    lane[0] = done
                    await self._sleep((done.next_at - self._clock.now()).total_seconds())
                else:
                    lane.popleft()
            if self._lanes.get(aside := Lane(key.chat, aside=True)) and not key.aside:
                self._wake(aside)
            self._idle_if_empty()

    def _idle_if_empty(self) -> None:
        if not any(self._lanes.values()):
            self._idle.set()

    async def _attempt(self, row: Outgoing) -> Outgoing:
        attempts = row.attempts + 1
        now = self._clock.now()
        if row.chat.channel not in self._channels and (moved := await self._move(row)) is not None:
            return moved
        try:
            async with self._slots:
                ref = await self._deliver(row)
        except Unavailable as error:
            log.warning("%s: %s", row.chat.channel, error.reason)
            next_at = now + wait_before(attempts, error.retry_after)
            done = row.model_copy(update={"attempts": attempts, "error": error.reason, "next_at": next_at})
        except OutsideError as error:
            log.error("%s: %s", row.chat.channel, error.reason)  # noqa: TRY400  the reason is the whole story
            done = row.model_copy(update={"attempts": attempts, "error": error.reason, "state": Delivery.FAILED})
        except Exception:
            # A bug. Tried again it would only end the program at every start, with all other messages unsent.
            log.exception("outbox row %s for %s", row.id, row.chat)
            update = {"attempts": attempts, "error": f"内部错误 {row.id}", "state": Delivery.FAILED}
            done = row.model_copy(update=update)
        else:
            done = row.model_copy(update={"attempts": attempts, "error": "", "state": Delivery.SENT, "ref": ref})
            self._feed.publish(Said(row.chat, row.message, row.alert_ids, now))
        if done.state is Delivery.FAILED:
            await self._tell_elsewhere(done)
        await self._mark(done)
        return done

    async def _mark(self, done: Outgoing) -> None:
        card = (done.chat, done.message.card or "")
        if done.state is Delivery.SENT and done.message.card is not None:
            self._unmarked[card] = done.ref
        try:
            await self._store.delivered(done)
            self._unmarked.pop(card, None)
        except OutsideError as error:
            # It will be sent again after a restart: better twice than never.
            log.warning("outbox row %s not marked: %s", done.id, error.reason)
        except Exception:
            # A bug, or a database in a state nobody foresaw: no reason to end the program, which still can speak.
            log.exception("outbox row %s not marked", done.id)

    def others(self, chat: Chat) -> Sequence[Chat]:
        """The other chats of the house that can be reached in this run, in order of preference."""
        return tuple(one for one in self._home() if one != chat and one.channel in self._channels)

    async def _move(self, row: Outgoing) -> Outgoing | None:
        """Say a message to the house instead, because its channel is not there in this run; None when it must wait."""
        target = next(iter(self.others(row.chat)), None)
        if target is None:
            return None
        message = row.message if row.created_at >= self._began else _dated(row.message, row.created_at)
        moved = self.compose(target, message, row.alert_ids)
        if not await self._enqueue(moved):
            return None
        self.post([moved])
        reason = f"这个渠道没有开启，已改发到 {target}"
        done = row.model_copy(update={"attempts": row.attempts + 1, "error": reason, "state": Delivery.FAILED})
        await self._mark(done)
        return done

    async def _tell_elsewhere(self, row: Outgoing) -> None:
        """Say to the house that an alert or a card did not arrive. What says so is neither, and so never told again."""
        if not row.alert_ids and row.message.card is None:
            return
        target = next(iter(self.others(row.chat)), None)
        if target is None:
            log.error("nobody could be told that %s did not get: %s", row.chat, row.message.plain())
            return
        notice = self.compose(target, _undelivered(row))
        await self._enqueue(notice)
        self.post([notice])  # said even if it could not be stored

    async def _enqueue(self, row: Outgoing) -> bool:
        try:
            await self._store.enqueue([row])
        except OutsideError as error:
            log.warning("outbox row %s for %s not stored: %s", row.id, row.chat, error.reason)
            return False
        except Exception:
            # As when marking: the program still can speak.
            log.exception("outbox row %s for %s not stored", row.id, row.chat)
            return False
        return True

    async def _deliver(self, row: Outgoing) -> str:
        channel = self._channels.get(row.chat.channel)
        if channel is None:
            raise Unavailable(row.chat.channel, "这个渠道没有开启", retry_after=LONGEST_WAIT)
        message, picture = await self._illustrated(row.message)
        # What tells an alert is the first of its card: nothing is looked up before an alert goes out.
        first = bool(row.alert_ids) and row.attempts == 0
        if message.card is not None and not first:
            known = self._unmarked.get((row.chat, message.card))
            ref = known or await self._store.card_ref(row.chat, message.card)
            if ref is not None:
                return await channel.edit(row.chat, ref, message, picture)
        return await channel.send(row.chat, message, picture)

    async def _illustrated(self, message: Message) -> tuple[Message, bytes | None]:
        """The message with the picture of its chart; where that cannot be painted, with a line that says so."""
        if message.chart is None or self._painter is None:
            return message, None
        try:
            return message, await self._painter.paint(message.chart)
        except OutsideError as error:
            log.warning("%s: %s", error.source, error.reason)
            return message.noted(f"（图没有画成：{error.reason.rstrip('。')}。）"), None
        except Exception:
            # A bug of the painter must not take the alert with it.
            log.exception("no picture of %s", message.chart.title)
            return message.noted("（图没有画成：内部错误，详情在日志里。）"), None
