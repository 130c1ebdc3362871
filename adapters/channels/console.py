"""The chat in the terminal: prompt_toolkit where a person sits, plain lines where a pipe does.

Buttons are pressed by typing their number. Numbers count on over the whole session, so an old card's number still means
that card's button; an edited card is printed again with new numbers, and its old ones stop working.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from core.charts import described
from core.clock import Clock, market_time
from core.columns import columns
from core.errors import Refused
from core.messages import Chat, Incoming, Message, Style
from core.ports import Receiver

if TYPE_CHECKING:
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.history import History
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

Word = tuple[str, str] | tuple[str, str, Sequence[str]]
"""What Tab may write: the word, its meaning in a few characters, and other ways to begin it (gzmt for 贵州茅台)."""

Fragments = list[tuple[str, str]]
"""Text with the style of each piece, as prompt_toolkit takes it."""

HINT: Final = "输入方括号里的编号，就是按下那个按钮。Tab 补全命令和名称，↑ 找回说过的话，输入“退出”结束。"
_UPDATED: Final = "（更新）"
_FAREWELLS: Final = frozenset({"退出", "exit", "quit"})
_WIDEST: Final = 100
_NARROWEST: Final = 20
_LONGEST_LINE: Final = 65536
_MOST_COMPLETIONS: Final = 40
_MOST_PICTURES: Final = 100

_FRAME: Final = "ansibrightblack"
_BUTTON: Final = {Style.PLAIN: "bold ansicyan", Style.CONFIRM: "bold ansigreen", Style.DANGER: "bold ansired"}
# No leading zero: 000001 is a share.
_PRESS: Final = re.compile(r"(?P<mark>[#\[【]?)\s*(?P<number>[1-9][0-9]{0,5})\s*[\]】]?")
# A piece that stays on one line: a word or one Chinese character, with the punctuation that may not leave it.
_PIECE: Final = re.compile(r"\s|[（“《【「(]*(?:[!-~]+|[^\s（“《【「])[，。：；！？、）”》】」％]*|.")
_IN_WORD: Final = re.compile(r"[0-9A-Za-z]")


def card(message: Message, first: int, width: int | None, *, updated: bool = False) -> Fragments:
    """A message as it stands in the terminal.

    There is no right edge: terminals disagree on how wide some characters are, and a crooked frame is worse than none.

    Args:
        first: the number of the first button; the others count on.
        width: cells of a line; None folds nothing.
        updated: it replaces an earlier version.
    """
    room = None if width is None else width - 3
    title = _clean(_UPDATED * updated + message.title).strip()
    framed = bool(title or message.buttons)
    rows: list[Fragments] = []
    if framed:
        head = fold(title, room) or [""]
        rows.append([(_FRAME, "┌─ "), ("bold", head[0])])
        rows += [[(_FRAME, "│  "), ("bold", line)] for line in head[1:]]
    for paragraph in _clean(message.text).strip("\n").splitlines():
        rows += [[(_FRAME, "│  "), ("", line)] for line in fold(paragraph, room) or [""]]
    rows += [[(_FRAME, "│  "), ("", line)] for line in map(_clean, columns(message.table))]
    if message.buttons:
        if message.text or message.table:
            rows.append([(_FRAME, "│")])
        rows += [[(_FRAME, "│  "), *row] for row in _keyboard(message, first, room)]
    if framed:
        rows.append([(_FRAME, "└─")])
    return [piece for row in rows for piece in (*_trimmed(row), ("", "\n"))]


def _trimmed(row: Fragments) -> Fragments:
    """An empty line of a card has no blanks behind its edge."""
    return [(style, text.rstrip() if not "".join(rest for _, rest in row[1:]) else text) for style, text in row]


def _keyboard(message: Message, first: int, room: int | None) -> list[Fragments]:
    rows: list[Fragments] = []
    number = first
    for buttons in message.buttons:
        row: Fragments = []
        used = 0
        for button in buttons:
            label = f"[{number}] {' '.join(_clean(button.label).split())}"
            if row and room is not None and used + 2 + cells(label) > room:
                rows.append(row)
                row, used = [], 0
            if row:
                row.append(("", "  "))
                used += 2
            row.append((_BUTTON[button.style], label))
            used += cells(label)
            number += 1
        rows.append(row)
    return rows


def cells(text: str) -> int:
    """How many columns it takes; a Chinese character takes two."""
    from prompt_toolkit.utils import get_cwidth

    return get_cwidth(text)


def fold(text: str, room: int | None) -> list[str]:
    """Break a paragraph into lines of at most ``room`` cells, between words or Chinese characters.

    >>> fold("现价 1419.09，跌破 1420.00。", 18)
    ['现价 1419.09，跌破', '1420.00。']
    """
    if room is None or cells(text) <= room:
        return [text] if text else []
    lines: list[str] = []
    line, used = "", 0
    for piece in _PIECE.findall(text):
        wide = cells(piece)
        if line and used + wide > room:
            lines.append(line.rstrip())
            line, used = "", 0
            if piece.isspace():
                continue
        for part in [piece] if wide <= room else piece:
            wide = cells(part)
            if used + wide > room:
                lines.append(line)
                line, used = "", 0
            line += part
            used += wide
    return [*lines, line.rstrip()] if line.strip() else lines


def completions_of(text: str, words: Iterable[Word]) -> list[tuple[str, str, int]]:
    """What Tab offers after ``text``: word, meaning, and how many characters of the text it replaces.

    A Chinese word may begin anywhere in the sentence, for there are no blanks between words; one in Latin letters only
    where such a word begins; a slash command only at the start of the line.

    >>> completions_of("盯一下贵州", [("贵州茅台", "600519.SH", ["gzmt"]), ("/list", "列表")])
    [('贵州茅台', '600519.SH', 2)]
    >>> completions_of("盯gz", [("贵州茅台", "600519.SH", ["gzmt"])])
    [('贵州茅台', '600519.SH', 2)]
    """
    found: list[tuple[str, str, int]] = []
    typed = text.lower()
    for item in words:
        word, meaning = item[0], item[1]
        aliases = item[2] if len(item) == 3 else ()
        if word.startswith("/"):
            line = typed.lstrip()
            overlap = len(line) if word.lower().startswith(line) else -1
        else:
            overlap = max((_overlap(typed, start.lower()) for start in (word, *aliases)), default=0) or -1
        if overlap >= 0 and not text.endswith(word):
            found.append((word, meaning, overlap))
    found.sort(key=lambda match: -match[2])
    return found[:_MOST_COMPLETIONS]


def _overlap(text: str, word: str) -> int:
    """The longest end of the text with which the word begins."""
    for length in range(min(len(text), len(word)), 0, -1):
        start = len(text) - length
        inside = start > 0 and _IN_WORD.match(text[start]) and _IN_WORD.match(text[start - 1])
        if not inside and word.startswith(text[start:]):
            return length
    return 0


def _clean(text: str) -> str:
    """Without control characters: what came from outside must not steer the terminal."""
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    return "".join(char for char in text if char == "\n" or not unicodedata.category(char).startswith("C"))


def _asks(message: Message) -> bool:
    """Whether the next thing typed may be its answer."""
    return message.card is None and message.plain().rstrip().endswith(("？", "?"))


class _Screen(Protocol):
    """Where lines come from and cards go."""

    interactive: bool

    @property
    def width(self) -> int | None: ...

    def open(self) -> AbstractContextManager[None]: ...

    async def line(self) -> str | None:
        """The next line typed; None at the end."""
        ...

    async def show(self, fragments: Fragments) -> None: ...


class _Terminal:
    """A person at a keyboard: what arrives is printed above the line being typed."""

    interactive = True

    def __init__(
        self,
        words: Callable[[], Iterable[Word]],
        history: History,
        status: Callable[[], str] | None,
        source: Input | None,
        sink: Output | None,
    ) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.output import ColorDepth

        self._colours = ColorDepth.from_env()  # knows NO_COLOR
        self._session: PromptSession[str] = PromptSession(
            [("bold", "> ")],
            history=history,
            completer=_completer(words),
            complete_while_typing=False,
            bottom_toolbar=None if status is None else lambda: f" {_clean(status())} ",
            refresh_interval=0 if status is None else 1,
            color_depth=self._colours,
            # A KeyboardInterrupt inside a task would tear the event loop down with it.
            interrupt_exception=EOFError,
            input=source,
            output=sink,
        )

    @property
    def width(self) -> int:
        return max(_NARROWEST, min(self._session.app.output.get_size().columns, _WIDEST))

    def open(self) -> AbstractContextManager[None]:
        from prompt_toolkit.patch_stdout import patch_stdout

        return patch_stdout()

    async def line(self) -> str | None:
        try:
            return await self._session.prompt_async()
        except EOFError:
            return None

    async def show(self, fragments: Fragments) -> None:
        from prompt_toolkit.application import run_in_terminal

        await run_in_terminal(lambda: self._print(fragments))

    def _print(self, fragments: Fragments) -> None:
        from prompt_toolkit.formatted_text import FormattedText
        from prompt_toolkit.renderer import print_formatted_text
        from prompt_toolkit.styles import default_ui_style

        try:
            output, text = self._session.app.output, FormattedText(fragments)
            print_formatted_text(output, text, default_ui_style(), color_depth=self._colours)
        except OSError as error:
            raise _closed() from error


def _completer(words: Callable[[], Iterable[Word]]) -> Completer:
    from prompt_toolkit.completion import Completer, Completion

    class Names(Completer):
        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002
            for word, meaning, overlap in completions_of(document.text_before_cursor, words()):
                yield Completion(word, start_position=-overlap, display_meta=meaning)

    return Names()


class _Pipe:
    """No person: lines until the end of the input, text without colours or folding."""

    interactive = False
    width = None

    def __init__(self, source: TextIO | None, sink: TextIO | None) -> None:
        self._source = source
        self._sink = sink
        self._read_ahead = b""

    def open(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def line(self) -> str | None:
        loop = asyncio.get_running_loop()
        line: asyncio.Future[str | None] = loop.create_future()

        def hand_over(text: str | None) -> None:
            if not line.done():
                line.set_result(text)

        def read() -> None:
            text = self._read()
            with suppress(RuntimeError):  # the loop ended meanwhile
                loop.call_soon_threadsafe(hand_over, text)

        # A daemon, for nothing can interrupt a read: the program must be able to end while it waits.
        threading.Thread(target=read, name="console-input", daemon=True).start()
        return await line

    def _read(self) -> str | None:
        if self._source is None:
            return None
        try:
            try:
                number = self._source.fileno()
            except io.UnsupportedOperation:
                return self._source.readline() or None
            # Past the stream's buffer: its lock, held by a waiting thread, would stop the interpreter from ending.
            while b"\n" not in self._read_ahead and len(self._read_ahead) < _LONGEST_LINE:
                more = os.read(number, _LONGEST_LINE)
                if not more:
                    break
                self._read_ahead += more
        except (OSError, ValueError):
            return None
        if not self._read_ahead:
            return None
        raw, _, self._read_ahead = self._read_ahead.partition(b"\n")
        text = _decoded(raw)
        return None if text.startswith("\x1a") else text  # Ctrl-Z, the end of input on Windows

    async def show(self, fragments: Fragments) -> None:
        if self._sink is None:
            raise _closed()
        encoding = self._sink.encoding or "utf-8"
        text = "".join(piece for _, piece in fragments).encode(encoding, "replace").decode(encoding)
        try:
            self._sink.write(text)
            self._sink.flush()
        except (OSError, ValueError) as error:
            raise _closed() from error


def _decoded(raw: bytes) -> str:
    """UTF-8, or what a Chinese Windows console pipes."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030", errors="replace")


def _closed() -> Refused:
    return Refused("终端", "屏幕已经关闭，这条消息没有显示出来。")


class ConsoleChannel:
    """One person's chat with the assistant in the terminal.

    Attributes:
        chat: the only chat there is.
        interactive: whether a person sits there. Where not, the end of the input says little about when to stop.
    """

    name = "console"

    def __init__(self, screen: _Screen, clock: Clock, user: str, pictures: Path | None) -> None:
        self._pictures = pictures
        self.chat = Chat(self.name, "local")
        self.interactive = screen.interactive
        self._screen = screen
        self._clock = clock
        self._user = user
        self._session = clock.new_id()  # an earlier session's refs must not be mistaken for ours
        self._last = 0
        self._buttons: dict[int, tuple[str, str, str]] = {}
        self._numbers: dict[str, range] = {}
        self._refs: dict[str, str] = {}
        self._question: str | None = None

    async def run(self, receiver: Receiver) -> None:
        """Hear what is typed until the person says goodbye or the input ends."""
        with self._screen.open():
            if self.interactive:
                await self._say(_FRAME, HINT)
            while (line := await self._screen.line()) is not None:
                text = _clean(line).strip()
                if not text:
                    continue
                if text.lower().removeprefix("/") in _FAREWELLS:
                    return
                if not self.interactive:
                    await self._say("", f"> {text}")
                heard = self._hear(text)
                problem = heard if isinstance(heard, str) else await receiver.refusal(heard)
                if problem is not None:
                    await self._say("ansiyellow", problem)
                elif isinstance(heard, Incoming):
                    await receiver.receive(heard)

    async def send(self, chat: Chat, message: Message, picture: bytes | None = None) -> str:  # noqa: ARG002 - there is one chat
        ref = self._refs.get(message.card) if message.card else None
        return await self._show(ref, self._with_file(message, picture), updated=ref is not None)

    async def edit(self, chat: Chat, ref: str, message: Message, picture: bytes | None = None) -> str:  # noqa: ARG002 - there is one chat
        """Print it again: what a terminal has shown stays. The ref stays too, unless it is an earlier session's."""
        shown = self._with_file(message, picture)
        return await self._show(ref if ref in self._numbers else None, shown, updated=True)

    def _with_file(self, message: Message, picture: bytes | None) -> Message:
        """The message, with the place of its picture: a terminal shows none, but other programs open the file."""
        if message.chart is None or picture is None or self._pictures is None:
            return message
        at = market_time(self._clock.now())
        name = f"{at:%Y%m%d-%H%M%S}-{message.chart.symbol}-{message.chart.period}-{self._clock.new_id()}.png"
        try:
            self._pictures.mkdir(parents=True, exist_ok=True)
            (self._pictures / name).write_bytes(picture)
            for old in sorted(self._pictures.glob("*.png"))[:-_MOST_PICTURES]:
                old.unlink(missing_ok=True)
        except OSError as error:
            return message.noted(f"（图没有存成：{error.strerror or type(error).__name__}，请检查 {self._pictures}。）")
        return message.noted(f"🖼 {described(message.chart)}：{self._pictures / name}")

    async def _show(self, ref: str | None, message: Message, *, updated: bool) -> str:
        ref = ref or f"{self._session}-{len(self._numbers) + 1}"
        first = self._last + 1
        for row in message.buttons:
            for button in row:
                self._last += 1
                self._buttons[self._last] = (ref, button.label, button.command)
        self._numbers[ref] = range(first, self._last + 1)
        if message.card:
            self._refs[message.card] = ref
        if _asks(message):
            self._question = ref
        elif self._question == ref:
            self._question = None
        await self._screen.show(card(message, first, self._screen.width, updated=updated))
        return ref

    def _hear(self, text: str) -> Incoming | str:
        """What a typed line means; a sentence for the person where it must not be guessed."""
        match = _PRESS.fullmatch(unicodedata.normalize("NFKC", text))
        if match is None:
            return self._said(text)
        number = int(match["number"])
        if number not in self._buttons:
            return f"没有编号 {number} 的按钮，请看卡片上的编号。" if match["mark"] else self._said(text)
        ref, label, command = self._buttons[number]
        pressable = number in self._numbers[ref]
        if self._question not in (None, ref) and not match["mark"]:
            if not pressable:
                return self._said(text)
            # A bare number may answer the question asked last. Pressing the wrong button can cost money.
            return (
                f"“{number}”可以是按钮 [{number}] {label}，也可以是对问题的回答。"
                f"按按钮请输入 #{number}，回答请带上单位，例如“{number}股”“{number}元”。"
            )
        if not pressable:
            now = "  ".join(f"[{other}] {self._buttons[other][1]}" for other in self._numbers[ref])
            return f"这张卡片已更新，请用新的编号：{now}" if now else "这张卡片已更新，上面的按钮不再有效。"
        if self._question == ref:
            self._question = None
        return self._incoming(label, command)

    def _said(self, text: str) -> Incoming:
        self._question = None
        return self._incoming(text, None)

    def _incoming(self, text: str, press: str | None) -> Incoming:
        return Incoming(chat=self.chat, user=self._user, name=self._user, text=text, press=press, at=self._clock.now())

    async def _say(self, style: str, sentence: str) -> None:
        """Something the channel itself has to say."""
        width = self._screen.width
        await self._screen.show([piece for line in fold(sentence, width) for piece in ((style, line), ("", "\n"))])


def _history(path: Path | None) -> History:
    """What was typed in earlier sessions; only of this one where the file cannot be written."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    if path is not None:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.open("ab").close()
            return FileHistory(path)
    return InMemoryHistory()


def _person_present() -> bool:
    # Both are None in a program that Windows started without a console.
    return bool(sys.stdin and sys.stdout and sys.stdin.isatty() and sys.stdout.isatty())


def connect(
    *,
    clock: Clock,
    completions: Callable[[], Iterable[Word]] = tuple,
    history: Path | None = None,
    user: str = "local",
    pictures: Path | None = None,
    status: Callable[[], str] | None = None,
    output: TextIO | Output | None = None,
    input: TextIO | Input | None = None,  # noqa: A002
) -> ConsoleChannel:
    """Open the chat in the terminal.

    Args:
        completions: what Tab offers; asked at each Tab.
        history: file of what was typed; made, with its folder, where absent.
        pictures: folder for pictures; made where absent, and only the newest are kept. Without it none are saved.
        status: the line at the bottom, asked every second: market time, phase, mode.
        output: a text stream is written plainly; a prompt_toolkit Output is drawn on; None means stdout.
        input: a text stream is read plainly; a prompt_toolkit Input is typed into; None means stdin.
    """
    if input is None and output is None and not _person_present():
        return ConsoleChannel(_Pipe(sys.stdin, sys.stdout), clock, user, pictures)

    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

    if isinstance(input, Input | None) and isinstance(output, Output | None):
        return ConsoleChannel(_Terminal(completions, _history(history), status, input, output), clock, user, pictures)
    source = sys.stdin if input is None or isinstance(input, Input) else input
    sink = sys.stdout if output is None or isinstance(output, Output) else output
    return ConsoleChannel(_Pipe(source, sink), clock, user, pictures)
