"""A strict Bot API server on loopback, with a person on the other side: tests talk to the real python-telegram-bot.

It refuses what Telegram refuses, in Telegram's words, and fails on demand. Nothing in it waits on seconds except the
long poll, whose seconds the bot chooses. Bots come and go (kill one, start another); the chats and the queue of
unconfirmed updates stay. ::

    async with FakeTelegram() as server:              # give server.base_url and server.token to the bot
        server.say("茅台跌到1400提醒我")
        card = await server.message(containing="1400")
        server.press("撤销")
        await server.until(lambda s: not s.chat()[-1].rows)
        server.fail("sendMessage", kind=429, retry_after=3)

Where it is narrower than Telegram: HTML is the only parse mode, updates come by long poll only, of media it knows PNG photos alone.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime
from email import message_from_bytes
from typing import Any, Final, Literal, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit

from core.clock import Clock, SystemClock

T = TypeVar("T")
Params = dict[str, Any]
Kind = int | Literal["html502", "reset", "hang", "truncate", "slow"]

BOT: Final = {"id": 123456, "is_bot": True, "first_name": "盯盘", "username": "dingpan_test_bot"}
TEXT_LIMIT: Final = 4096
CAPTION_LIMIT: Final = 1024
DATA_LIMIT: Final = 64  # bytes of callback_data
BUTTON_LIMIT: Final = 100
ROW_LIMIT: Final = 8
STYLES: Final = ("primary", "success", "danger")
DEFAULT_UPDATES: Final = ("message", "edited_message", "callback_query")


@dataclass(frozen=True)
class Button:
    text: str
    data: str = ""
    style: str = ""
    link: str = ""
    copy: str = ""


@dataclass(frozen=True)
class Message:
    """A message as it stands now; an edit replaces it."""

    id: int
    chat_id: int
    sender_id: int
    date: datetime
    text: str
    """What the person sees: without tags. Under a photo it is the caption."""
    html: str = ""
    """What was sent, as it was sent."""
    entities: tuple[Params, ...] = ()
    rows: tuple[tuple[Button, ...], ...] = ()
    edited: int = 0
    silent: bool = False
    reply_to: int = 0
    photo: bytes = b""

    @property
    def from_bot(self) -> bool:
        return self.sender_id == BOT["id"]

    @property
    def buttons(self) -> tuple[Button, ...]:
        return tuple(button for row in self.rows for button in row)

    @property
    def labels(self) -> list[str]:
        return [button.text for button in self.buttons]


@dataclass(frozen=True)
class Call:
    """One request of the bot, as it arrived: text stays text, ids are integers, nested values are decoded."""

    method: str
    params: Params
    at: datetime


@dataclass(frozen=True)
class Answer:
    """What a press was answered with: the small notice at the top of the chat."""

    query_id: str
    text: str
    alert: bool


@dataclass
class Fault:
    """What to do to the next ``times`` calls of a method. ``release`` lets the calls held by "slow" go."""

    method: str
    kind: Kind
    times: int
    chat_id: int | None
    description: str
    retry_after: int
    hits: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def strikes(self, method: str, params: Params) -> bool:
        named = self.method.lower() in (method.lower(), "*")
        return named and self.hits < self.times and self.chat_id in (None, params.get("chat_id"))


@dataclass
class _Chat:
    id: int
    type: str
    name: str
    messages: dict[int, Message] = field(default_factory=dict)
    blocked: bool = False

    def as_json(self) -> Params:
        return {"id": self.id, "type": self.type, ("first_name" if self.type == "private" else "title"): self.name}


class _Refusal(Exception):
    """An answer with ``ok`` false."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


def _unknown(_: Params) -> Any:
    raise _Refusal(404, "Not Found: method not found")


def _bad(description: str) -> _Refusal:
    return _Refusal(400, f"Bad Request: {description}")


class FakeTelegram:
    """The server, the chats, and the hands of the people in them."""

    def __init__(self, token: str = "123456:TEST-TOKEN", *, clock: Clock | None = None) -> None:
        self.token = token
        self.calls: list[Call] = []
        self.refusals: list[tuple[str, str]] = []
        """(method, description) of every call that strictness refused; faults are not among them."""
        self.answers: list[Answer] = []
        self.commands: dict[str, list[Params]] = {}
        """Menu by scope type: ``default``, ``chat`` …"""
        self._clock = clock or SystemClock()
        self._chats: dict[int, _Chat] = {}
        self._names: dict[int, str] = {}
        self._shown: dict[int, dict[str, Button]] = {}  # every button a message ever had
        self._updates: list[Params] = []
        self._allowed: tuple[str, ...] = DEFAULT_UPDATES
        self._open_queries: set[str] = set()
        self._faults: list[Fault] = []
        self._revoked = False
        self._poll: object | None = None
        self._last_id = 0
        self._changed = asyncio.Event()
        self._port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._bugs: list[BaseException] = []
        answers: dict[str, Callable[[Params], Any]] = {
            "getMe": lambda _: BOT,
            "getUpdates": self._get_updates,
            "deleteWebhook": self._delete_webhook,
            "sendMessage": self._send_message,
            "sendPhoto": self._send_photo,
            "editMessageText": self._edit_text,
            "editMessageCaption": self._edit_caption,
            "editMessageMedia": self._edit_media,
            "editMessageReplyMarkup": self._edit_markup,
            "deleteMessage": self._delete_message,
            "answerCallbackQuery": self._answer_query,
            "setMyCommands": self._set_commands,
            "getMyCommands": lambda params: self.commands.get(_scope(params), []),
            "sendChatAction": self._chat_action,
            "getChat": self._get_chat,
        }
        self._methods = {name.lower(): answer for name, answer in answers.items()}  # Telegram ignores case too

    # --- its life ---

    @property
    def base_url(self) -> str:
        """What python-telegram-bot calls ``base_url``: it appends the token."""
        return f"http://127.0.0.1:{self._port}/bot"

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()
        self._raise_bug()

    async def up(self) -> None:
        """Listen; after :meth:`down` on the same port as before."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Drop every connection and refuse new ones. Chats, queue and menu stay."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = [connection.task for connection in self._connections if connection.task is not None]
        for connection in tuple(self._connections):
            connection.reset()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while self._connections:  # until the loop has told each of them
            await self._next_change()

    async def restart(self) -> None:
        await self.down()
        await self.up()

    # --- the person's side ---

    def meet(self, chat_id: int = 42, *, name: str = "小林", chat_type: str = "private") -> None:
        """The chat exists (Start was pressed some day), so that the bot may write first."""
        self._chats.setdefault(chat_id, _Chat(chat_id, chat_type, name))

    def say(
        self, text: str, chat_id: int = 42, user_id: int = 42, name: str = "小林", chat_type: str = "private"
    ) -> Message:
        self._names[user_id] = name
        self.meet(chat_id, name=name if chat_type == "private" else "盯盘群", chat_type=chat_type)
        message = self._store(self._chats[chat_id], sender_id=user_id, text=text, entities=_command_entity(text))
        self._queue("message", self._message_json(message))
        return message

    def edit_by_person(self, message_id: int, text: str, chat_id: int = 42) -> Message:
        """The person corrects a message of theirs."""
        message = self._chats[chat_id].messages[message_id]
        assert not message.from_bot, "a person can edit only what a person said"
        edited = self._change(replace(message, text=text, entities=_command_entity(text)))
        self._queue("edited_message", self._message_json(edited))
        return edited

    def press(
        self, label: str, chat_id: int = 42, user_id: int = 42, *, message_id: int = 0, stale: bool = False
    ) -> str:
        """Press the button with this label on the newest message that has it; the id of the callback query.

        Args:
            message_id: press on this message instead.
            stale: also buttons that an edit has removed since, as a phone that is behind still shows them.
        """
        for message in reversed(self.chat(chat_id)):
            shown = self._shown.get(message.id, {}) if stale else {b.text: b for b in reversed(message.buttons)}
            button = shown.get(label)
            if button is not None and message_id in (0, message.id):
                assert button.data, f"“{label}” opens a link or copies text; no callback comes of it"
                return self._press(message, button, user_id)
        raise AssertionError(f"no button “{label}” in chat {chat_id}:\n{self.transcript(chat_id)}")

    def raw_update(self, update: Params) -> int:
        """Queue anything, parsable or not, whatever the bot allows; the update id, given if absent."""
        update = {"update_id": self._new_id(), **update}
        self._updates.append(update)
        self._notify()
        return int(update["update_id"])

    def block(self, chat_id: int = 42) -> None:
        """The person blocks the bot (a group removes it)."""
        self._chats[chat_id].blocked = True

    def unblock(self, chat_id: int = 42) -> None:
        self._chats[chat_id].blocked = False

    # --- what can be seen ---

    def chat(self, chat_id: int = 42) -> list[Message]:
        """Both sides, oldest first, as the chat stands now."""
        chat = self._chats.get(chat_id)
        return list(chat.messages.values()) if chat else []

    def transcript(self, chat_id: int | None = None) -> str:
        """The chats as text, for a failing test."""
        lines = [f"chat {chat.id}:" for chat in self._chats.values() if not chat.messages]
        for message in (m for c in self._chats.values() if chat_id in (None, c.id) for m in c.messages.values()):
            buttons = "".join(f" [{label}]" for label in message.labels)
            lines.append(f"{message.chat_id} {'bot' if message.from_bot else 'person'}: {message.text}{buttons}")
        return "\n".join(lines) or "(nothing was said)"

    def called(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method.lower() == method.lower()]

    @property
    def polling(self) -> bool:
        """A getUpdates is waiting now."""
        return self._poll is not None

    @property
    def unconfirmed(self) -> int:
        """Updates that the bot has not confirmed by asking for a later one."""
        return len(self._updates)

    async def until(self, condition: Callable[[FakeTelegram], T], timeout: float = 10) -> T:
        """Wait for the condition, judged at each change; its value. ``timeout`` (seconds) only ends a failing test."""
        try:
            async with asyncio.timeout(timeout):
                while not (value := condition(self)):
                    self._raise_bug()
                    await self._next_change()
        except TimeoutError:
            last = ", ".join(call.method for call in self.calls[-10:])
            raise AssertionError(
                f"waited {timeout} s in vain\n{self.transcript()}\nlast calls: {last}\nrefusals: {self.refusals}"
            ) from None
        return value

    async def message(self, containing: str, chat_id: int = 42, *, after: int = 0, timeout: float = 10) -> Message:
        """Wait for the bot's newest message with this in its visible text and an id above ``after``."""

        def newest(_: FakeTelegram) -> Message | None:
            found = [m for m in self.chat(chat_id) if m.from_bot and m.id > after and containing in m.text]
            return found[-1] if found else None

        message = await self.until(newest, timeout)
        assert message is not None
        return message

    # --- trouble ---

    def fail(
        self,
        method: str,
        times: int = 1,
        chat_id: int | None = None,
        *,
        kind: Kind,
        description: str = "",
        retry_after: int = 0,
    ) -> Fault:
        """The next ``times`` calls of ``method`` ("*": any) go wrong; a poll that waits ends, so the next one meets it.

        Args:
            kind: an HTTP status in Telegram's envelope (429 takes ``retry_after`` seconds); ``html502`` a proxy's page;
                ``reset`` RST; ``hang`` no answer. These do nothing to the chat. But ``truncate`` and ``slow`` do what
                was asked: the first cuts the answer in half, the second holds it until ``fault.release.set()``.
        """
        fault = Fault(method, kind, times, chat_id, description, retry_after)
        self._faults.append(fault)
        self._notify()
        return fault

    def heal(self) -> None:
        """Forget all faults and let held answers go."""
        for fault in self._faults:
            fault.release.set()
        self._faults.clear()

    def revoke(self) -> None:
        """The owner took the token back: everything is 401 from now on."""
        self._revoked = True
        self._notify()

    def restore(self) -> None:
        """The revoked token is good again."""
        self._revoked = False

    def expire_queries(self) -> None:
        """Every press so far is too old to be answered."""
        self._open_queries.clear()

    # --- one call ---

    async def _answer(self, connection: _Connection, path: str, content_type: str, body: bytes) -> None:
        """Judge the token, then the faults, then do what is asked."""
        match = re.fullmatch(r"/bot([^/]+)/(\w+)", urlsplit(path).path)
        if match is None:
            return connection.reply(404, _envelope(404, "Not Found"))
        token, method = match.groups()
        if token != self.token or self._revoked:
            return connection.reply(401, _envelope(401, "Unauthorized"))
        params = _decode(urlsplit(path).query, content_type, body)
        self.calls.append(Call(method, params, self._clock.now()))
        fault = next((fault for fault in self._faults if fault.strikes(method, params)), None)
        self._notify()
        if fault is not None:
            fault.hits += 1
            if isinstance(fault.kind, int):
                return connection.reply(fault.kind, _fault_envelope(fault.kind, fault))
            if fault.kind == "html502":
                page = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
                return connection.reply(502, page, content_type="text/html")
            if fault.kind == "reset":
                return connection.reset()
            if fault.kind == "hang":
                await asyncio.Event().wait()
        code, answer = await self._perform(method, params)
        self._notify()
        if fault is not None and fault.kind == "slow":
            await fault.release.wait()
        connection.reply(code, answer, cut=fault is not None and fault.kind == "truncate")
        return None

    async def _perform(self, method: str, params: Params) -> tuple[int, bytes]:
        try:
            result = self._methods.get(method.lower(), _unknown)(params)
            if isinstance(result, Coroutine):
                result = await result
        except _Refusal as refusal:
            self.refusals.append((method, refusal.description))
            return refusal.code, _envelope(refusal.code, refusal.description, **refusal.parameters)
        return 200, json.dumps({"ok": True, "result": result}, ensure_ascii=False).encode()

    # --- the methods ---

    async def _get_updates(self, params: Params) -> list[Params]:
        """Confirm what lies before ``offset``, then wait; a second poller ends the first one with 409."""
        if "allowed_updates" in params:
            self._allowed = tuple(params["allowed_updates"]) or DEFAULT_UPDATES
        offset = int(params.get("offset", 0))
        if offset < 0:
            self._updates = self._updates[offset:]
        self._updates = [update for update in self._updates if update["update_id"] >= offset]
        mine = self._poll = object()
        self._notify()
        try:
            async with asyncio.timeout(float(params.get("timeout", 0))):
                while not (self._updates or self._poll is not mine or self._disturbed()):
                    await self._next_change()
        except TimeoutError:
            pass
        finally:
            taken_over = self._poll is not mine
            if not taken_over:
                self._poll = None
                self._notify()
        if taken_over:
            words = "terminated by other getUpdates request; make sure that only one bot instance is running"
            raise _Refusal(409, f"Conflict: {words}")
        return self._updates[: int(params.get("limit", 100))]

    def _disturbed(self) -> bool:
        return self._revoked or any(fault.strikes("getUpdates", {}) for fault in self._faults)

    def _delete_webhook(self, params: Params) -> bool:
        if _true(params.get("drop_pending_updates")):
            self._updates.clear()
        return True

    def _send_message(self, params: Params) -> Params:
        return self._send(params, _written(params))

    def _send_photo(self, params: Params) -> Params:
        photo = _png(params.get("photo"))
        return self._send(params, {**_written(params, "caption"), "photo": photo})

    def _send(self, params: Params, content: Params) -> Params:
        chat = self._chat_of(params)
        if chat.blocked:
            private = chat.type == "private"
            who = "bot was blocked by the user" if private else f"bot was kicked from the {chat.type} chat"
            raise _Refusal(403, f"Forbidden: {who}")
        reply = params.get("reply_parameters") or {}
        reply_to = int(reply.get("message_id", 0))
        if reply_to and reply_to not in chat.messages:
            if not reply.get("allow_sending_without_reply"):
                raise _bad("message to be replied not found")
            reply_to = 0
        silent = _true(params.get("disable_notification"))
        message = self._store(chat, sender_id=BOT["id"], silent=silent, reply_to=reply_to, **content)
        return self._message_json(message)

    def _edit_text(self, params: Params) -> Params:
        old = self._own_message(params, "edit")
        if old.photo:
            raise _bad("there is no text in the message to edit")
        return self._edit(old, replace(old, **_written(params)))

    def _edit_caption(self, params: Params) -> Params:
        old = self._own_message(params, "edit")
        if not old.photo:
            raise _bad("there is no caption in the message to edit")
        return self._edit(old, replace(old, **_written(params, "caption")))

    def _edit_media(self, params: Params) -> Params:
        """Also makes a photo of a message of text."""
        old = self._own_message(params, "edit")
        media = params.get("media") or {}
        if media.get("type") != "photo":
            raise _bad("unsupported media type")
        photo = _png(params.get(str(media.get("media", "")).removeprefix("attach://")))
        written = _written({**media, "reply_markup": params.get("reply_markup")}, "caption")
        return self._edit(old, replace(old, photo=photo, **written))

    def _edit_markup(self, params: Params) -> Params:
        old = self._own_message(params, "edit")
        return self._edit(old, replace(old, rows=_keyboard(params)))

    def _edit(self, old: Message, new: Message) -> Params:
        if (old.text, old.entities, old.rows, old.photo) == (new.text, new.entities, new.rows, new.photo):
            words = "specified new message content and reply markup are exactly the same as a current content"
            raise _bad(f"message is not modified: {words} and reply markup of the message")
        return self._message_json(self._change(new))

    def _delete_message(self, params: Params) -> bool:
        message = self._own_message(params, "delete")
        del self._chats[message.chat_id].messages[message.id]
        return True

    def _answer_query(self, params: Params) -> bool:
        query_id = str(params.get("callback_query_id", ""))
        if query_id not in self._open_queries:
            raise _bad("query is too old and response timeout expired or query ID is invalid")
        text = str(params.get("text", ""))
        if len(text) > 200:
            raise _bad("MESSAGE_TOO_LONG")
        self._open_queries.remove(query_id)
        self.answers.append(Answer(query_id, text, _true(params.get("show_alert"))))
        return True

    def _set_commands(self, params: Params) -> bool:
        commands = params.get("commands") or []
        if len(commands) > 100:
            raise _bad("BOT_COMMANDS_TOO_MUCH")
        for command in commands:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", command["command"]):
                raise _bad("BOT_COMMAND_INVALID")
            if not 1 <= len(command["description"]) <= 256:
                raise _bad("BOT_COMMAND_DESCRIPTION_INVALID")
        self.commands[_scope(params)] = commands
        return True

    def _chat_action(self, params: Params) -> bool:
        self._chat_of(params)
        if not re.fullmatch(r"typing|(upload|record)_\w+|choose_sticker|find_location", params.get("action", "")):
            raise _bad("wrong parameter action in request")
        return True

    def _get_chat(self, params: Params) -> Params:
        gifts = dict.fromkeys(
            ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
        )
        more = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": gifts}
        return {**self._chat_of(params).as_json(), **more}

    # --- state ---

    def _chat_of(self, params: Params) -> _Chat:
        if params.get("chat_id") in (None, ""):
            raise _bad("chat_id is empty")
        chat = self._chats.get(params["chat_id"])
        if chat is None:
            raise _bad("chat not found")
        return chat

    def _own_message(self, params: Params, what: str) -> Message:
        chat = self._chat_of(params)
        if "message_id" not in params:
            raise _bad("message identifier is not specified")
        message = chat.messages.get(params["message_id"])
        if message is None:
            raise _bad(f"message to {what} not found")
        if not message.from_bot:
            raise _bad(f"message can't be {what}ed" if what == "edit" else "message can't be deleted")
        return message

    def _store(self, chat: _Chat, **fields: Any) -> Message:
        message = Message(self._new_id(), chat.id, date=self._clock.now(), **fields)
        chat.messages[message.id] = message
        self._shown[message.id] = {button.text: button for button in message.buttons}
        self._notify()
        return message

    def _change(self, message: Message) -> Message:
        message = replace(message, edited=message.edited + 1)
        self._chats[message.chat_id].messages[message.id] = message
        self._shown[message.id].update({button.text: button for button in message.buttons})
        self._notify()
        return message

    def _press(self, message: Message, button: Button, user_id: int) -> str:
        query_id = str(self._new_id())
        self._open_queries.add(query_id)
        self._queue(
            "callback_query",
            {
                "id": query_id,
                "from": self._user_json(user_id),
                "message": self._message_json(message),
                "chat_instance": str(message.chat_id),
                "data": button.data,
            },
        )
        return query_id

    def _queue(self, kind: str, payload: Params) -> None:
        """Telegram does not keep for later what the bot said it does not want."""
        if kind in self._allowed:
            self._updates.append({"update_id": self._new_id(), kind: payload})
        self._notify()

    def _user_json(self, user_id: int) -> Params:
        if user_id == BOT["id"]:
            return BOT
        return {"id": user_id, "is_bot": False, "first_name": self._names.get(user_id, "路人")}

    def _message_json(self, message: Message) -> Params:
        chat = self._chats[message.chat_id]
        answer: Params = {
            "message_id": message.id,
            "from": self._user_json(message.sender_id),
            "chat": chat.as_json(),
            "date": int(message.date.timestamp()),
            **_content_json(message),
        }
        if message.edited:
            answer["edit_date"] = int(self._clock.now().timestamp())
        if message.rows:
            answer["reply_markup"] = {"inline_keyboard": [[_button_json(b) for b in row] for row in message.rows]}
        if message.reply_to in chat.messages:
            answer["reply_to_message"] = self._message_json(replace(chat.messages[message.reply_to], reply_to=0))
        return answer

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _next_change(self) -> None:
        await self._changed.wait()

    def _raise_bug(self) -> None:
        if self._bugs:
            raise self._bugs[0]


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, one request at a time; a client that goes away takes its request with it."""

    transport: asyncio.Transport

    def __init__(self, server: FakeTelegram) -> None:
        self.server = server
        self.task: asyncio.Task[None] | None = None
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.task is not None:
            self.task.cancel()
        self.server._connections.discard(self)
        self.server._notify()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self._take_request()

    def _take_request(self) -> None:
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found or self.task is not None:
            return
        request_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        path = request_line.split(" ")[1]
        self.task = asyncio.get_running_loop().create_task(
            self.server._answer(self, path, headers.get("content-type", ""), rest[:length])
        )
        self.task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.task = None
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:  # a bug of this file: the bot gets no answer, the test gets the traceback
            self.server._bugs.append(error)
            self.server._notify()
            self.transport.abort()
            return
        self._take_request()

    def reply(self, code: int, body: bytes, *, content_type: str = "application/json", cut: bool = False) -> None:
        head = f"HTTP/1.1 {code} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + (body[: len(body) // 2] if cut else body))
        if cut:
            self.transport.close()

    def reset(self) -> None:
        if self.transport.is_closing():
            return
        # Lingering for no time makes the close an RST; Windows has a narrower struct for it.
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()


# --- reading a request ---

_NESTED: Final = frozenset(
    [
        "media",
        "reply_markup",
        "allowed_updates",
        "commands",
        "scope",
        "entities",
        "reply_parameters",
        "link_preview_options",
    ]
)
_INTEGERS: Final = {"chat_id", "message_id", "offset", "limit"}


def _decode(query: str, content_type: str, body: bytes) -> Params:
    """Query, JSON, form or multipart: the same parameters. Only the fields that are JSON are read as JSON."""
    params: Params = dict(parse_qsl(query, keep_blank_values=True))
    if content_type.startswith("application/json"):
        params |= json.loads(body or b"{}")
    elif content_type.startswith("multipart/form-data"):
        for part in message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body).walk():
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                name = str(part.get_param("name", header="content-disposition"))
                params[name] = content if part.get_filename() else content.decode()
    else:
        params |= parse_qsl(body.decode(), keep_blank_values=True)
    for name, value in params.items():
        if name in _NESTED and isinstance(value, str):
            params[name] = _json_or_text(value)
        elif name in _INTEGERS and re.fullmatch(r"-?\d+", str(value)):
            params[name] = int(value)
    return params


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _true(value: object) -> bool:
    return value in (True, "true", "True", "1")


def _scope(params: Params) -> str:
    return str((params.get("scope") or {}).get("type", "default"))


def _envelope(code: int, description: str, **parameters: int) -> bytes:
    answer: Params = {"ok": False, "error_code": code, "description": description}
    if parameters:
        answer["parameters"] = parameters
    return json.dumps(answer, ensure_ascii=False).encode()


def _fault_envelope(code: int, fault: Fault) -> bytes:
    if code == 429:
        seconds = fault.retry_after or 1
        return _envelope(code, fault.description or f"Too Many Requests: retry after {seconds}", retry_after=seconds)
    usual = {400: "Bad Request", 403: "Forbidden", 409: "Conflict", 502: "Bad Gateway", 504: "Gateway Timeout"}
    return _envelope(code, fault.description or usual.get(code, "Internal Server Error"))


# --- what Telegram accepts as text and keyboard ---


def _written(params: Params, field: Literal["text", "caption"] = "text") -> Params:
    """Text, HTML, entities and keyboard of a message, or the refusal."""
    html, mode = str(params.get(field, "")), str(params.get("parse_mode", ""))
    if mode.lower() not in ("", "html"):
        raise _bad("unsupported parse_mode")
    text, entities = _trim(*(read_html(html) if mode else (html, params.get("entities") or [])))
    if not text and field == "text":
        raise _bad("message text is empty")
    # Counted in UTF-16 units, the stricter reading of "characters".
    if _units(text) > (TEXT_LIMIT if field == "text" else CAPTION_LIMIT):
        raise _bad("message is too long" if field == "text" else "message caption is too long")
    return {"text": text, "html": html, "entities": tuple(entities), "rows": _keyboard(params)}


def _png(content: object) -> bytes:
    """A photo as Telegram takes it: sides of at most 10000 pixels together, neither 20 times the other."""
    if not isinstance(content, bytes) or not content:
        raise _bad("there is no photo in the request")
    if not content.startswith(b"\x89PNG\r\n\x1a\n") or not content.endswith(b"IEND\xaeB`\x82"):
        raise _bad("IMAGE_PROCESS_FAILED")
    width, height = struct.unpack(">II", content[16:24])
    if width + height > 10000 or max(width, height) > 20 * min(width, height):
        raise _bad("PHOTO_INVALID_DIMENSIONS")
    return content


def _content_json(message: Message) -> Params:
    if not message.photo:
        return {"text": message.text, "entities": message.entities}
    width, height = struct.unpack(">II", message.photo[16:24])
    size = {"file_id": f"photo-{message.id}", "file_unique_id": f"{message.id}", "width": width, "height": height}
    return {"photo": [size], "caption": message.text, "caption_entities": message.entities}


def _keyboard(params: Params) -> tuple[tuple[Button, ...], ...]:
    markup = params.get("reply_markup") or {}
    if not isinstance(markup, dict):
        raise _bad("object expected as reply markup")
    rows = tuple(tuple(_button(button) for button in row) for row in markup.get("inline_keyboard", ()) if row)
    too_many = sum(map(len, rows)) > BUTTON_LIMIT or any(len(row) > ROW_LIMIT for row in rows)
    if too_many or len(json.dumps(markup, ensure_ascii=False).encode()) > 10240:
        raise _bad("reply markup is too long")
    return rows


def _button(raw: Params) -> Button:
    wrong = "can't parse inline keyboard button: "
    if not raw.get("text"):
        raise _bad(f'{wrong}Can\'t find field "text"')
    data, style, link = raw.get("callback_data", ""), raw.get("style", ""), raw.get("url", "")
    copy = (raw.get("copy_text") or {}).get("text", "")
    if not (data or link or copy):
        raise _bad(f"{wrong}Text buttons are unallowed in the inline keyboard")
    if len(data.encode()) > DATA_LIMIT:
        raise _bad("BUTTON_DATA_INVALID")
    if len(copy) > 256:
        raise _bad("BUTTON_COPY_TEXT_INVALID")
    if style and style not in STYLES:
        raise _bad(f"{wrong}Invalid button style specified")
    return Button(raw["text"], data, style, link, copy)


def _button_json(button: Button) -> Params:
    copy_text = {"text": button.copy} if button.copy else None
    fields = {"callback_data": button.data, "style": button.style, "url": button.link, "copy_text": copy_text}
    return {"text": button.text, **{name: value for name, value in fields.items() if value}}


_TAGS: Final = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "code": "code", "pre": "pre",
    "a": "text_link", "blockquote": "blockquote", "span": "spoiler", "tg-spoiler": "spoiler",
    "tg-emoji": "custom_emoji", "tg-time": "date_time",
}  # fmt: skip
_NAME: Final = re.compile(r"</?([^\s>]*)(?=[\s>])")
_ATTRIBUTE: Final = re.compile(r"""\s+([^\s=>]+)(?:\s*=\s*("[^"]*"|'[^']*'|[\w.-]+))?""")
_CLOSE: Final = re.compile(r"\s*>")
_REFERENCE: Final = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|(lt|gt|amp|quot)(?![A-Za-z]));?")
_TEXT: Final = re.compile(r"[^<]+")


def read_html(html: str) -> tuple[str, list[Params]]:
    """Visible text and entities (offsets in UTF-16 units) of Telegram's HTML.

    >>> read_html("<b>茅台</b> &lt; 1400")
    ('茅台 < 1400', [{'type': 'bold', 'offset': 0, 'length': 2}])
    """
    text, entities, at = "", list[Params](), 0
    stack: list[tuple[str, int, Params]] = []
    while at < len(html):
        plain = _TEXT.match(html, at)
        if plain:
            text += _REFERENCE.sub(_character, plain.group())
            at = plain.end()
            continue
        where = f"at byte offset {len(html[:at].encode())}"
        closing = html.startswith("</", at)
        if closing and not stack:
            raise _unparsable(f"Unexpected end tag {where}")
        name = _NAME.match(html, at)
        if name is None:
            raise _unparsable(f"Unclosed {'end' if closing else 'start'} tag {where}")
        tag, at = name[1].lower(), name.end()
        if not closing and tag not in _TAGS:
            raise _unparsable(f'Unsupported start tag "{tag}" {where}')
        more: dict[str, str] = {}
        while not closing and (attribute := _ATTRIBUTE.match(html, at)):
            more[attribute[1].lower()] = _REFERENCE.sub(_character, (attribute[2] or "").strip("\"'"))
            at = attribute.end()
        end = _CLOSE.match(html, at)
        if end is None:
            raise _unparsable(f"Unclosed {'end' if closing else 'start'} tag {where}")
        at = end.end()
        if not closing:
            if tag == "span" and more.get("class") != "tg-spoiler":
                raise _unparsable(f'Tag "span" must have class "tg-spoiler" {where}')
            stack.append((tag, _units(text), more))
            continue
        opened, start, more = stack.pop()
        if tag not in ("", opened):
            raise _unparsable(f'Unmatched end tag {where}, expected "</{opened}>", found "</{tag}>"')
        if _units(text) > start:
            entities.append(_entity(opened, start, _units(text) - start, more))
    if stack:
        raise _unparsable(f'Can\'t find end tag corresponding to start tag "{stack[-1][0]}"')
    return text, sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))


def _unparsable(why: str) -> _Refusal:
    return _bad(f"can't parse entities: {why}")


def _character(match: re.Match[str]) -> str:
    hexadecimal, decimal, name = match.groups()
    if name:
        return {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}[name]
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    return chr(code) if 0 < code < 0x10FFFF else match.group()


def _entity(tag: str, offset: int, length: int, attributes: dict[str, str]) -> Params:
    entity: Params = {"type": _TAGS[tag], "offset": offset, "length": length}
    if tag == "a":
        entity["url"] = attributes.get("href", "")
    if tag == "tg-emoji":
        entity["custom_emoji_id"] = attributes.get("emoji-id", "")
    if tag == "blockquote" and "expandable" in attributes:
        entity["type"] = "expandable_blockquote"
    if tag == "tg-time":
        entity["unix_time"] = int(attributes.get("unix", 0))
    return entity


def _trim(text: str, entities: list[Params]) -> tuple[str, list[Params]]:
    """Telegram drops white space around a message; entities follow."""
    cut = _units(text) - _units(text.lstrip())
    length = _units(text.strip())
    kept = []
    for entity in entities:
        start = max(entity["offset"] - cut, 0)
        end = min(entity["offset"] + entity["length"] - cut, length)
        if end > start:
            kept.append({**entity, "offset": start, "length": end - start})
    return text.strip(), kept


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _command_entity(text: str) -> tuple[Params, ...]:
    command = re.match(r"/\w+(@\w+)?", text)
    return ({"type": "bot_command", "offset": 0, "length": command.end()},) if command else ()
