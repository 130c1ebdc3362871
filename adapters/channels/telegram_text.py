"""What Telegram shows and hears, as text: HTML in parts that fit, keyboards, and what of a group is meant for us.

Pure, without the vendor's types; :mod:`adapters.channels.telegram` carries it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

from core.columns import columns
from core.messages import Message, Style

# Source: Bot API, https://core.telegram.org/bots/api and /bots/features; text is counted in UTF-16 units.
TEXT_LIMIT: Final = 4096
CAPTION_LIMIT: Final = 1024
DATA_LIMIT: Final = 64
ROW_LIMIT: Final = 8
STYLES: Final = {Style.CONFIRM: "success", Style.DANGER: "danger"}

Json = dict[str, Any]


class Part(NamedTuple):
    """One message as Telegram takes it."""

    html: str
    plain: str
    keyboard: Json | None = None

    def noted(self, line: str) -> Part:
        """The same, with one more line."""
        return self._replace(html=f"{self.html}\n{escape(line, quote=False)}", plain=f"{self.plain}\n{line}")


def compose(message: Message, first: int = TEXT_LIMIT) -> tuple[Part, ...]:
    """The parts of a message, in order; the buttons are on the last one.

    It is split between lines; only a line that is too long by itself is cut.

    Args:
        first: how long the first part may be, where it stands under a picture.

    Raises:
        ValueError: there is nothing to show, or a button's command is empty or over 64 bytes: our bug.

    >>> compose(Message(title="*ST国华 <000004>", text="现价 3.20 & 跌停"))[0].html.splitlines()
    ['<b>*ST国华 &lt;000004&gt;</b>', '现价 3.20 &amp; 跌停']
    """
    keyboard = keyboard_of(message)
    lines = [(line, "b") for line in _lines(message.title)] + [(line, "") for line in _lines(message.text)]
    lines += [(_clean(line), "pre") for line in columns(message.table)]
    parts = [_part(chunk) for chunk in _chunks(lines, first)] if lines else []
    parts = [part for part in parts if part.plain.strip()]
    if not parts:
        raise ValueError("a message without any text")
    parts[-1] = parts[-1]._replace(keyboard=keyboard)
    return tuple(parts)


def keyboard_of(message: Message) -> Json | None:
    """The inline keyboard of a message, as JSON; a row that is too long for Telegram goes on in the next."""
    rows: list[list[Json]] = []
    for row in message.buttons:
        for start in range(0, len(row), ROW_LIMIT):
            rows.append([])
            for label, command, style in row[start : start + ROW_LIMIT]:
                if not 0 < len(command.encode()) <= DATA_LIMIT:
                    raise ValueError(f"the command of button {label!r} has {len(command.encode())} bytes: {command!r}")
                colour = {"style": STYLES[style]} if style in STYLES else {}
                rows[-1].append({"text": _clean(label), "callback_data": command, **colour})
    return {"inline_keyboard": rows} if rows else None


def units(text: str) -> int:
    """Length as Telegram counts it.

    >>> units("涨"), units("🚀")
    (1, 2)
    """
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def _clean(text: str) -> str:
    """Without lone surrogates, which no encoder takes: one of them would block the outbox for ever."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _lines(text: str) -> list[str]:
    return _clean(text).split("\n") if text else []


def _part(lines: Sequence[tuple[str, str]]) -> Part:
    """Lines that follow each other under one tag are one piece of HTML."""
    html = []
    for tag, group in groupby(lines, key=itemgetter(1)):
        inner = "\n".join(escape(line, quote=False) for line, _ in group)
        html.append(f"<{tag}>{inner}</{tag}>" if tag else inner)
    return Part("\n".join(html), "\n".join(line for line, _ in lines))


def _chunks(lines: Iterable[tuple[str, str]], room: int) -> Iterator[list[tuple[str, str]]]:
    chunk: list[tuple[str, str]] = []
    used = 0
    for line, tag in lines:
        for piece in _cut(line, room if not chunk else TEXT_LIMIT):
            size = units(piece) + 1  # and the line's end
            if chunk and used + size - 1 > room:
                yield chunk
                chunk, used, room = [], 0, TEXT_LIMIT
            chunk.append((piece, tag))
            used += size
    yield chunk


def _cut(line: str, room: int) -> Iterator[str]:
    """Pieces that fit, the first into this room; never through the middle of a character."""
    start = used = 0
    for at, character in enumerate(line):
        size = 2 if ord(character) > 0xFFFF else 1
        if used + size > room:
            yield line[start:at]
            start, used, room = at, 0, TEXT_LIMIT
        used += size
    yield line[start:]


def addressed(text: str, username: str, *, private: bool, replied: bool) -> str | None:
    """What of this was said to us; None when it was said to somebody else.

    Args:
        private: nobody else is there.
        replied: it answers a message of ours.

    >>> addressed("@Dingpan_bot 茅台跌到1400提醒我", "dingpan_bot", private=False, replied=False)
    '茅台跌到1400提醒我'
    >>> addressed("/list@dingpan_bot 全部", "dingpan_bot", private=False, replied=False)
    '/list 全部'
    >>> addressed("中午吃什么", "dingpan_bot", private=False, replied=False) is None
    True
    """
    command = re.match(r"(/\w+)@(\w+)", text)
    if command and command[2].lower() == username.lower():
        return command[1] + text[command.end() :]
    if private:
        return text
    if text.startswith("/"):
        return None if command else text
    # Telegram's names are ASCII, so a Chinese character ends one.
    rest, mentions = re.subn(
        rf"(?<![A-Za-z0-9_])@{re.escape(username)}(?![A-Za-z0-9_])", " ", text, flags=re.IGNORECASE
    )
    if mentions:
        return rest.strip() or None
    return text if replied else None
