"""Telegram through python-telegram-bot: long poll in, HTML out.

Of the library we use the Bot and its types. The poll is a loop of our own, because the library's Updater ends without
a word on a 401, spins on an update that it cannot parse, and sleeps through a stop: here every trouble ends one life
of the listening bot, is said once in the log, and the next life starts with fresh connections.

An update is confirmed (by the next poll's offset) only when it and all before it have been dealt with: what was said
while we were away, or waited while we were killed, is heard. What was dealt with in the instant of a crash may be heard
twice, never not at all: a press then finds its card decided, a sentence can make a second watch.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from adapters.channels.telegram_line import line
from adapters.channels.telegram_text import CAPTION_LIMIT, TEXT_LIMIT, Json, Part, addressed, compose, units
from core.clock import Clock
from core.errors import ConfigError, OutsideError, Refused, Unavailable
from core.messages import Chat, Incoming, Message
from core.ports import Receiver

if TYPE_CHECKING:
    from telegram import CallbackQuery, Update, User
    from telegram import Message as Said
    from telegram.error import TelegramError
    from telegram.request import HTTPXRequest

LOG: Final = logging.getLogger(__name__)
SOURCE: Final = "Telegram"
API: Final = "https://api.telegram.org/bot"

NOTICE_LIMIT: Final = 200  # Source: Bot API, answerCallbackQuery
DESCRIPTION_LIMIT: Final = 256
WANTED: Final = ("message", "callback_query")

ONLY_TEXT: Final = "我只看得懂文字，请把要求打成字发给我。"
NO_PICTURE: Final = "（这条消息的图没能发出来。）"
PICTURE_FILE: Final = "chart.png"


class Rate(NamedTuple):
    """``burst`` messages at once, then one in ``every`` seconds."""

    burst: int
    every: float


# Source: Telegram's bots FAQ, "My bot is hitting limits": about one a second per chat, twenty a minute per group.
PRIVATE_RATE: Final = Rate(3, 1)
GROUP_RATE: Final = Rate(20, 3)


@dataclass(frozen=True)
class Limits:
    """How long and how often, in seconds.

    Attributes:
        poll: how long Telegram may hold a getUpdates.
        answer: connecting, and each silence between two bytes of an answer.
        silence: a poll that has not ended by then is given up, whatever its connection says.
        slow: between attempts with a token that Telegram does not know.
        patience: while something is being dealt with, the next poll waits for it, but no longer. Telegram answers a
            poll at once as long as an update is not confirmed, so this is also the pace of the polls meanwhile.
        incident: the same trouble is not logged again before it was absent for so long.
        warm: an unused connection is used after so long, or the next alert would wait for TCP, TLS and the proxy.
        refusal, hint: a stranger, or somebody who sends pictures, is not answered more often.
        private, group: pace per chat.
    """

    poll: int = 30
    answer: float = 10
    silence: float = 60
    slow: float = 60
    longest_wait: float = 30
    patience: float = 1
    incident: float = 600
    warm: float = 45
    refusal: float = 3600
    hint: float = 60
    private: Rate = PRIVATE_RATE
    group: Rate = GROUP_RATE


# --- errors ---


def _outside(error: TelegramError, redact: Callable[[str], str]) -> OutsideError:
    """What a failed call means for the message.

    A token that is not known any more is Unavailable: the message is fine and goes out once the token is mended, while
    Refused would throw away every alert of the meantime.
    """
    from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError, RetryAfter, TimedOut

    words = redact(str(error))
    known = words.lower()
    if isinstance(error, RetryAfter):
        wait = _wait_of(error)
        return Unavailable(SOURCE, f"发得太快，对方要求等 {wait.total_seconds():.0f} 秒。", wait)
    if isinstance(error, TimedOut):
        return Unavailable(SOURCE, "没有及时回应，消息不一定送到了，稍后会再试。")
    if isinstance(error, InvalidToken):
        return Unavailable(
            SOURCE, "token 无效或已被撤销，请到 @BotFather 核对 TELEGRAM_BOT_TOKEN。", timedelta(minutes=1)
        )
    if isinstance(error, Forbidden):
        if "kicked" in known or "not a member" in known:
            return Refused(SOURCE, "机器人已不在这个群里，请重新拉它进群。")
        if "deactivated" in known:
            return Refused(SOURCE, "对方的账号已注销。")
        if "initiate" in known:
            return Refused(SOURCE, "对方还没有和机器人说过话，请对方先点“开始”。")
        return Refused(SOURCE, "对方停用了机器人，请对方在 Telegram 里重新点“开始”。")
    if isinstance(error, BadRequest):  # before NetworkError, of which the library makes it a kind
        if "chat not found" in known:
            return Refused(SOURCE, "找不到这个会话，请对方先给机器人发一次 /start。")
        if "rights" in known:
            return Refused(SOURCE, "机器人在这个群里没有发言权限，请群主放开。")
        return Refused(SOURCE, f"不接受这条消息（{words}）。")
    if isinstance(error, NetworkError):
        return Unavailable(SOURCE, f"网络不通（{words}），稍后会再试。")
    return Unavailable(SOURCE, f"暂时无法使用（{words}），稍后会再试。")


def _wait_of(error: TelegramError) -> timedelta:
    wait: int | timedelta = getattr(error, "retry_after", 1)
    return wait if isinstance(wait, timedelta) else timedelta(seconds=wait)


class _Trouble(NamedTuple):
    """Why a life of the listening bot ended."""

    kind: str
    text: str
    wait: float
    """Seconds until the next life."""


def _diagnose(error: TelegramError | TimeoutError, failures: int, limits: Limits) -> _Trouble:
    from telegram.error import Conflict, InvalidToken, RetryAfter

    wait = min(limits.longest_wait, 2.0 ** min(failures, 10))
    if isinstance(error, InvalidToken):
        text = (
            "Telegram 不认这个 token，可能已被撤销。请到 @BotFather 核对 TELEGRAM_BOT_TOKEN 并重新启动；"
            f"在那之前每 {limits.slow:.0f} 秒再试一次。"
        )
        return _Trouble("token", text, limits.slow)
    if isinstance(error, Conflict):
        return _Trouble(
            "conflict", "另一个程序正在用同一个 token 收消息，消息可能被它收走。请停掉其中一个。", max(wait, 5)
        )
    if isinstance(error, RetryAfter):
        return _Trouble("pace", "Telegram 要求放慢收消息的速度，已照办。", _wait_of(error).total_seconds())
    what = "没有回应" if isinstance(error, TimeoutError) else str(error)
    text = f"连不上 Telegram（{what}），会一直重试。中国大陆一般要设置 TELEGRAM_PROXY 或 TELEGRAM_BASE_URL。"
    return _Trouble("network", text, wait)


# --- secrets ---


class _Secrets:
    """Strikes secrets out of what the libraries and this room log, whichever logger it is and whoever reads."""

    WRITERS: Final = ("telegram", "httpx", "httpcore", "asyncio", "adapters")

    def __init__(self) -> None:
        self._known: set[str] = set()

    def keep(self, secrets: Iterable[str]) -> None:
        if not self._known:
            written = logging.getLogRecordFactory()
            logging.setLogRecordFactory(lambda *args, **more: self._struck(written(*args, **more)))
        self._known |= {secret for secret in secrets if len(secret) > 3}
        for name in ("httpx", "httpcore"):  # they write every URL, and the token is in it
            logger = logging.getLogger(name)
            logger.setLevel(max(logger.level, logging.WARNING))

    def strike(self, text: str) -> str:
        for secret in self._known:
            text = text.replace(secret, "***")
        return text

    def _struck(self, record: logging.LogRecord) -> logging.LogRecord:
        if record.name.partition(".")[0] in self.WRITERS:
            message = record.getMessage()
            clean = self.strike(message)
            if clean != message:
                record.msg, record.args = clean, None
            if record.exc_info:
                trace = logging.Formatter().formatException(record.exc_info)
                record.exc_text = self.strike(trace)
                if record.exc_text != trace:
                    record.exc_info = None
        return record


_SECRETS: Final = _Secrets()


# --- the channel ---


class TelegramChannel:
    """One bot. ``send`` and ``edit`` have connections of their own, so that no trouble of the poll delays them."""

    name: str = "telegram"

    def __init__(
        self,
        *,
        token: str,
        base_url: str,
        open_line: Callable[[], HTTPXRequest],
        clock: Clock,
        commands: Sequence[tuple[str, str]],
        limits: Limits,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        from telegram import Bot

        self._token, self._base_url, self._open_line = token, base_url, open_line
        self._clock, self._limits, self._monotonic, self._sleep = clock, limits, monotonic, sleep
        self._menu = [menu for menu in commands if re.fullmatch(r"[a-z][a-z0-9_]{0,31}", menu[0])]
        self._out = open_line()
        self._bot = Bot(token, base_url, request=self._out, get_updates_request=self._out)
        self._used_at = monotonic()
        self._pace = _Pace(limits)
        self._moved: dict[str, str] = {}  # groups that became supergroups
        self._offset: int | None = None
        self._failures = 0  # lives in a row that ended without an answered poll
        self._told: dict[str, float] = {}
        self._broken = False
        self._menu_shown = False
        self._username = ""

    def start_link(self, code: str) -> str:
        """What sends ``/start CODE`` when it is tapped; empty until Telegram has said what the bot is called."""
        return f"https://t.me/{self._username}?start={code}" if self._username else ""

    async def run(self, receiver: Receiver) -> None:
        await self._out.initialize()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._stay_warm())
                reception = _Reception(
                    self._bot, receiver, tasks, self._clock, self._monotonic, self._sleep, self._limits
                )
                while True:
                    trouble = await self._live(reception, tasks)
                    self._failures += 1
                    self._tell(trouble)
                    await self._sleep(trouble.wait)
        finally:
            await self.close()

    async def close(self) -> None:
        """Let the connections go; ``run`` does it at its end."""
        await self._out.shutdown()

    async def send(self, chat: Chat, message: Message, picture: bytes | None = None) -> str:
        return await self._deliver_all(chat, None, message, picture)

    async def edit(self, chat: Chat, ref: str, message: Message, picture: bytes | None = None) -> str:
        """Replace an earlier message; what does not fit into it follows as new ones, with the buttons on the last."""
        return await self._deliver_all(chat, ref, message, picture)

    # --- out ---

    async def _deliver_all(self, chat: Chat, ref: str | None, message: Message, picture: bytes | None) -> str:
        under = picture is not None or _is_photo(ref)
        first, *rest = compose(message, CAPTION_LIMIT - units(NO_PICTURE) - 1 if under else TEXT_LIMIT)
        ref = await self._deliver(chat, first, ref, picture)
        for part in rest:
            ref = await self._deliver(chat, part)
        return ref

    async def _deliver(self, chat: Chat, part: Part, ref: str | None = None, picture: bytes | None = None) -> str:
        from telegram.error import NetworkError, TelegramError

        wait = self._pace.reserve(chat.id, self._monotonic())
        if wait > 0:
            await self._sleep(wait)
        self._used_at = self._monotonic()
        try:
            if picture is None:
                return await self._show_somehow(chat, part, ref, None)
            try:
                return await self._show_somehow(chat, part, ref, picture)
            except NetworkError as error:  # a refused picture (BadRequest) is one kind of it
                LOG.warning("图没有发出去（%s），只发文字。", _SECRETS.strike(str(error)))
                return await self._show_somehow(chat, part.noted(NO_PICTURE), ref, None)
        except TelegramError as error:
            raise _outside(error, _SECRETS.strike) from None  # the cause may hold the token

    async def _show_somehow(self, chat: Chat, part: Part, ref: str | None, picture: bytes | None) -> str:
        """Show it, if need be in a group that has moved, without tags, or as a new message."""
        from telegram.error import BadRequest, ChatMigrated

        try:
            return await self._show(chat, part.html, "HTML", part.keyboard, ref, picture)
        except ChatMigrated as moved:
            self._moved[chat.id] = str(moved.new_chat_id)
            return await self._show(chat, part.html, "HTML", part.keyboard, None, picture)
        except BadRequest as error:
            words = str(error).lower()
            if ref is not None and "not modified" in words:
                return ref
            if "can't parse entities" in words:
                LOG.warning("Telegram 读不懂这条消息的格式，改用纯文本再发。")
                return await self._show(chat, part.plain, None, part.keyboard, ref, picture)
            if ref is not None and any(gone in words for gone in _GONE):
                return await self._show(chat, part.html, "HTML", part.keyboard, None, picture)
            raise

    async def _show(
        self, chat: Chat, text: str, mode: str | None, keyboard: Json | None, ref: str | None, picture: bytes | None
    ) -> str:
        """Under a picture the text is a caption; a message that has one keeps it when the new version has none."""
        from telegram import InputMediaPhoto

        more: Json = {"parse_mode": mode, "reply_markup": keyboard}
        chat_id = self._moved.get(chat.id, chat.id)
        if ref is None:
            if picture is not None:
                sent = await self._bot.send_photo(chat_id, picture, text, api_kwargs=more, filename=PICTURE_FILE)
                return f"{sent.message_id}{_PHOTO}"
            more["link_preview_options"] = {"is_disabled": True}
            return str((await self._bot.send_message(chat_id, text, api_kwargs=more)).message_id)
        number = int(ref.removesuffix(_PHOTO))
        if picture is not None:
            # Source: Bot API, editMessageMedia also adds a picture to a message of text.
            media = InputMediaPhoto(picture, text, mode, filename=PICTURE_FILE)
            await self._bot.edit_message_media(media, chat_id, number, api_kwargs={"reply_markup": keyboard})
            return f"{number}{_PHOTO}"
        if _is_photo(ref):
            await self._bot.edit_message_caption(chat_id, number, caption=text, api_kwargs=more)
            return ref
        more["link_preview_options"] = {"is_disabled": True}
        await self._bot.edit_message_text(text, chat_id, number, api_kwargs=more)
        return ref

    async def _stay_warm(self) -> None:
        while True:
            await self._sleep(self._limits.warm)
            if self._monotonic() - self._used_at >= self._limits.warm:
                await _try(self._bot.get_me())

    async def _show_menu(self) -> None:
        """Set the menu, which also opens the first connection."""
        from telegram import BotCommand

        commands = [BotCommand(name, text[:DESCRIPTION_LIMIT]) for name, text in self._menu]
        if not commands:
            await _try(self._bot.get_me())
        elif not await _try(self._bot.set_my_commands(commands)):
            LOG.warning("没能设置 Telegram 的命令菜单，不影响使用，下次连接时再试。")
            return
        self._menu_shown = True

    # --- in ---

    async def _live(self, reception: _Reception, tasks: asyncio.TaskGroup) -> _Trouble:
        """One life of the listening bot: it ends with the first trouble."""
        from telegram import Bot
        from telegram.error import TelegramError

        line = self._open_line()
        bot = Bot(self._token, self._base_url, request=line, get_updates_request=line)
        try:
            async with asyncio.timeout(self._limits.silence):
                await bot.initialize()
                await bot.delete_webhook(drop_pending_updates=False)
            reception.me = bot.bot
            self._username = bot.bot.username or ""
            if not self._menu_shown:
                tasks.create_task(self._show_menu())
            while True:
                # The connection's own limit is silence between two bytes; this one is the watchdog over the whole.
                async with asyncio.timeout(self._limits.silence):
                    updates = await bot.get_updates(self._offset, timeout=self._limits.poll, allowed_updates=WANTED)
                self._failures = 0
                if self._broken:
                    self._broken = False
                    LOG.info("Telegram 已恢复连接。")
                for update in updates:
                    reception.take(update)
                await reception.settled(self._limits.patience)
                self._offset = reception.unfinished(self._offset)
        except (TelegramError, TimeoutError) as error:
            return _diagnose(error, self._failures, self._limits)
        except Exception:
            # The library may trip over a strange answer with any error, and a bot that ends here goes silent.
            LOG.exception("内部错误：读不懂 Telegram 的回应，稍后重新连接。")
            return _Trouble("bug", "Telegram 的连接已重建。", self._limits.longest_wait)
        finally:
            await line.shutdown()

    def _tell(self, trouble: _Trouble) -> None:
        """Once per incident, however many attempts it lasts."""
        now = self._monotonic()
        last = self._told.get(trouble.kind)
        self._told[trouble.kind] = now
        if last is None or now - last > self._limits.incident + trouble.wait:
            LOG.warning("%s", _SECRETS.strike(trouble.text))
            self._broken = True


async def _try(call: Awaitable[object]) -> bool:
    """Do a courtesy. Where it is too late or too broken the work itself goes on."""
    from telegram.error import TelegramError

    try:
        await call
    except TelegramError as error:
        LOG.debug("Telegram: %s", _SECRETS.strike(str(error)))
        return False
    except Exception:
        # Any error of the library, as when receiving; nothing may end over a courtesy.
        LOG.exception("内部错误：读不懂 Telegram 的回应。")
        return False
    return True


_PHOTO: Final = ":photo"
"""Ends the ref of a message with a picture: its text is a caption, which is edited in another way."""
# The last is a picture whose ref was not stored as one: we ended after the edit and before that.
_GONE: Final = ("message to edit not found", "can't be edited", "message_id_invalid", "no text in the message")


def _is_photo(ref: str | None) -> bool:
    return ref is not None and ref.endswith(_PHOTO)


class _Pace:
    """When the next message of a chat may leave. Slots are given in the order in which they are asked for."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._full_at: dict[str, float] = {}  # when the chat will have its whole burst again

    def reserve(self, chat_id: str, now: float) -> float:
        """Take the next slot; how many seconds until it."""
        rate = self._limits.group if chat_id.startswith("-") else self._limits.private
        full_at = max(self._full_at.get(chat_id, now), now) + rate.every
        self._full_at[chat_id] = full_at
        return full_at - now - rate.burst * rate.every


class _Seldom:
    """Whether something may be said again to the same person."""

    def __init__(self, monotonic: Callable[[], float], every: float, capacity: int = 1000) -> None:
        self._monotonic, self._every, self._capacity = monotonic, every, capacity
        self._said: dict[str, float] = {}

    def __call__(self, who: str) -> bool:
        now = self._monotonic()
        if now - self._said.get(who, now - self._every) < self._every:
            return False
        if len(self._said) >= self._capacity:
            self._said = {key: at for key, at in self._said.items() if now - at < self._every}
        if len(self._said) >= self._capacity:  # so many strangers are no guests
            return False
        self._said[who] = now
        return True


class _Reception:
    """Turns updates into Incoming and hands each chat's over one by one; a slow chat holds up no other.

    What is urgent waits for nothing.
    """

    def __init__(
        self,
        bot: Any,
        receiver: Receiver,
        tasks: asyncio.TaskGroup,
        clock: Clock,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        limits: Limits,
    ) -> None:
        self._bot, self._receiver, self._tasks, self._clock, self._sleep = bot, receiver, tasks, clock, sleep
        self._may_refuse = _Seldom(monotonic, limits.refusal)
        self._may_hint = _Seldom(monotonic, limits.hint)
        self._waiting: dict[Chat, deque[tuple[int, Incoming, asyncio.Task[bool]]]] = {}
        self._seen: set[int] = set()  # updates that are not confirmed
        self._open: set[int] = set()  # those of them that are not dealt with
        self._idle = asyncio.Event()
        self._idle.set()
        self.me: User | None = None

    async def settled(self, patience: float) -> None:
        """Wait until everything that was taken has been dealt with, or so many seconds."""
        await asyncio.sleep(0)
        if self._idle.is_set():
            return
        waits = [asyncio.ensure_future(self._idle.wait()), asyncio.ensure_future(self._sleep(patience))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def unfinished(self, offset: int | None) -> int | None:
        """The offset of the next poll, after that of the one before: what lies before it has been dealt with."""
        if self._seen:
            offset = min(self._open, default=max(self._seen) + 1)
            self._seen = {update_id for update_id in self._seen if update_id >= offset}
        return offset

    def take(self, update: Update) -> None:
        """Begin to deal with an update; one that is known already is let be."""
        if update.update_id in self._seen:
            return
        self._seen.add(update.update_id)
        try:
            if update.callback_query is not None:
                self._pressed(update.update_id, update.callback_query)
            elif update.message is not None and update.message.from_user is not None:
                self._said(update.update_id, update.message, update.message.from_user)
        except Exception:
            # A bug over one update must not keep those behind it from being heard.
            LOG.exception("内部错误：没能处理 Telegram 的更新 %s。", update.update_id)

    def _pressed(self, update_id: int, query: CallbackQuery) -> None:
        if query.data is None or query.message is None:  # a game, or a button somewhere else than in a chat
            self._answer(query.id, None)
            return
        markup = getattr(query.message, "reply_markup", None)
        buttons = [button for row in (markup.inline_keyboard if markup else ()) for button in row]
        incoming = Incoming(
            chat=Chat("telegram", str(query.message.chat.id)),
            user=str(query.from_user.id),
            name=query.from_user.full_name,
            text=next((button.text for button in buttons if button.callback_data == query.data), ""),
            press=query.data,
            at=self._clock.now(),
        )
        self._hand_over(update_id, incoming, query.id)

    def _said(self, update_id: int, message: Said, user: User) -> None:
        assert self.me is not None
        private = message.chat.type == "private"
        answered = message.reply_to_message and message.reply_to_message.from_user
        replied = bool(answered and answered.id == self.me.id)
        if message.text is not None:
            text = addressed(message.text, self.me.username or "", private=private, replied=replied)
        else:  # somebody joined, something was pinned: no media, no answer
            text = "" if private and message.effective_attachment else None
        if text is None:
            return
        incoming = Incoming(
            chat=Chat("telegram", str(message.chat.id)),
            user=str(user.id),
            name=user.full_name,
            text=text,
            at=self._clock.now(),
        )
        self._hand_over(update_id, incoming)

    async def _judge(self, incoming: Incoming, query_id: str | None) -> bool:
        """Whether the house is to hear it. A press is answered at once, whatever is done for the chat before it."""
        try:
            refusal = await self._receiver.refusal(incoming)
        except Exception:
            # A bug; what is heard is judged once more.
            LOG.exception("内部错误：没能判断 %s 里的人能不能做这件事。", incoming.chat)
            refusal = None
        if query_id is not None:
            self._answer(query_id, refusal)
        elif refusal is not None:
            # A group is not to read one refusal after the other.
            group = incoming.chat.id != incoming.user
            if self._may_refuse(incoming.chat.id if group else incoming.user):
                self._reply(incoming.chat, refusal)
        elif not incoming.text and self._may_hint(incoming.user):
            self._reply(incoming.chat, ONLY_TEXT)
        return refusal is None and (query_id is not None or bool(incoming.text))

    def _answer(self, query_id: str, refusal: str | None) -> None:
        """End the little clock on the button; a refusal pops up."""
        text = refusal[:NOTICE_LIMIT] if refusal else None
        self._tasks.create_task(
            _try(self._bot.answer_callback_query(query_id, text=text, show_alert=bool(text) or None))
        )

    def _reply(self, chat: Chat, text: str) -> None:
        self._tasks.create_task(_try(self._bot.send_message(chat.id, text)))

    def _hand_over(self, update_id: int, incoming: Incoming, query_id: str | None = None) -> None:
        judged = self._tasks.create_task(self._judge(incoming, query_id))
        if self._receiver.urgent(incoming):
            self._open.add(update_id)
            self._idle.clear()
            self._tasks.create_task(self._take(update_id, incoming, judged))
            return
        waiting = self._waiting.get(incoming.chat)
        if waiting is None:
            waiting = self._waiting[incoming.chat] = deque()
            self._tasks.create_task(self._work(incoming.chat, waiting))
        waiting.append((update_id, incoming, judged))
        self._open.add(update_id)
        self._idle.clear()

    async def _work(self, chat: Chat, waiting: deque[tuple[int, Incoming, asyncio.Task[bool]]]) -> None:
        while waiting:
            await self._take(*waiting.popleft())
        del self._waiting[chat]

    async def _take(self, update_id: int, incoming: Incoming, judged: asyncio.Task[bool]) -> None:
        try:
            if await judged:
                await self._receiver.receive(incoming)
        except Exception:
            # A bug over one sentence must not end the chat's queue: the next would never be answered.
            LOG.exception("内部错误：没能处理 %s 里的一句话。", incoming.chat)
        self._open.discard(update_id)
        if not self._open:
            self._idle.set()


def connect(
    *,
    token: str,
    base_url: str | None = None,
    proxy: str | None = None,
    clock: Clock,
    commands: Sequence[tuple[str, str]] = (),
    limits: Limits | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> TelegramChannel:
    """A channel over one bot; nothing is asked of the network yet.

    Args:
        base_url: of a reverse proxy or an own Bot API server, with or without the ``/bot`` at its end.
        proxy: http, https, socks5 or socks5h; used for the poll too. Without it the system's proxy settings hold,
            except for a server on this machine.
        commands: (name, what it does) for the menu; only names that Telegram can show are used.
        sleep: for the pace of a chat, the waits between lives and the warmth of the line.

    Raises:
        ConfigError: a setting cannot be what it should be.
    """
    problems = []
    if not re.fullmatch(r"\d+:[A-Za-z0-9_-]{4,}", token):
        problems.append("TELEGRAM_BOT_TOKEN 不像一个 token。请从 @BotFather 复制完整的一行，形如 123456:ABC…。")
    root = (base_url or API).rstrip("/")
    root = root if root.endswith("/bot") else f"{root}/bot"
    if urlsplit(root).scheme not in {"http", "https"} or not urlsplit(root).hostname:
        problems.append("TELEGRAM_BASE_URL 不是网址，请写成 https://… 的形式，或者留空。")
    password = None
    if proxy:
        parts = urlsplit(proxy)
        password = parts.password
        if parts.scheme not in {"http", "https", "socks5", "socks5h"} or not parts.hostname:
            problems.append("TELEGRAM_PROXY 不是代理地址，请写成 http://主机:端口 或 socks5://主机:端口，或者留空。")
    if problems:
        raise ConfigError(problems)
    _SECRETS.keep([token.partition(":")[2], password or "", unquote(password or "")])
    # The library's switch to one type for retry_after; without it each 429 also makes a deprecation warning.
    os.environ.setdefault("PTB_TIMEDELTA", "true")
    limits = limits or Limits()
    trust_env = not _on_this_machine(urlsplit(root).hostname or "")

    def open_line() -> HTTPXRequest:
        return line(proxy=proxy or None, trust_env=trust_env, answer=limits.answer)

    return TelegramChannel(
        token=token,
        base_url=root,
        open_line=open_line,
        clock=clock,
        commands=commands,
        limits=limits,
        monotonic=monotonic,
        sleep=sleep,
    )


def _on_this_machine(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
