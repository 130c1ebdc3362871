"""The chat in the terminal, typed into through prompt_toolkit's own pipe and read back as text."""

from __future__ import annotations

import asyncio
import io
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.output.vt100 import Vt100_Output

from adapters.channels.console import HINT, ConsoleChannel, Word, cells, completions_of, connect, fold
from core.clock import ManualClock
from core.errors import Refused
from core.messages import Button, Chart, Chat, Incoming, Message, Style
from core.ports import Channel
from core.types import Symbol

CHAT = Chat("console", "local")
NOW = datetime(2026, 3, 23, 1, 38, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
WORDS: tuple[Word, ...] = (
    ("/list", "列表"),
    ("/limit", "涨跌停"),
    ("列表", "看盯盘任务"),
    ("贵州茅台", "600519.SH", ("gzmt", "茅台")),
    ("宁德时代", "300750.SZ", ("ndsd",)),
)


class Ears:
    """A receiver that keeps what it hears."""

    def __init__(self, *, refusal: str | None = None) -> None:
        self.heard: asyncio.Queue[Incoming] = asyncio.Queue()
        self._refusal = refusal

    async def refusal(self, incoming: Incoming) -> str | None:
        return self._refusal

    def urgent(self, incoming: Incoming) -> bool:
        return False

    async def receive(self, incoming: Incoming) -> None:
        self.heard.put_nowait(incoming)

    async def next(self) -> Incoming:
        async with asyncio.timeout(10):
            return await self.heard.get()

    def texts(self) -> list[str]:
        return [self.heard.get_nowait().text for _ in range(self.heard.qsize())]


def ticket(text: str = "买入 贵州茅台 100 股，限价 1420.00。", key: str | None = "ticket:A") -> Message:
    buttons = (Button("确认", "approve A", Style.CONFIRM), Button("拒绝", "reject A", Style.DANGER))
    return Message(title="待确认委托", text=text, buttons=(buttons,), card=key)


# Plain text: a pipe, a file, a test.


def piped(typed: str = "") -> tuple[ConsoleChannel, io.StringIO]:
    sink = io.StringIO()
    return connect(clock=ManualClock(NOW), input=io.StringIO(typed), output=sink), sink


async def said(typed: str, *cards: Message) -> tuple[list[Incoming], str]:
    """What is heard when this is typed after these cards, and what stands on the screen after them."""
    channel, sink = piped(typed)
    for message in cards:
        await channel.send(CHAT, message)
    before = len(sink.getvalue())
    ears = Ears()
    await channel.run(ears)
    return [ears.heard.get_nowait() for _ in range(ears.heard.qsize())], sink.getvalue()[before:]


async def test_a_card_is_readable() -> None:
    channel, sink = piped()
    port: Channel = channel
    await port.send(
        CHAT,
        Message(
            title="贵州茅台 600519.SH 跌破 1420.00",
            text="09:38:00 现价 1419.09 元，今日 -0.63%。\n\n建议委托：买入 100 股，限价 1420.00，模拟账户。",
            buttons=(
                (Button("确认", "approve A", Style.CONFIRM), Button("拒绝", "reject A", Style.DANGER)),
                (Button("今天不再提醒", "silence 1 today"),),
            ),
        ),
    )
    await port.send(CHAT, Message(text="好的，已暂停 1 号。\n要恢复就说“恢复 1”。"))
    await port.send(CHAT, Message(title="持仓"))
    assert sink.getvalue() == dedent("""\
        ┌─ 贵州茅台 600519.SH 跌破 1420.00
        │  09:38:00 现价 1419.09 元，今日 -0.63%。
        │
        │  建议委托：买入 100 股，限价 1420.00，模拟账户。
        │
        │  [1] 确认  [2] 拒绝
        │  [3] 今天不再提醒
        └─
        │  好的，已暂停 1 号。
        │  要恢复就说“恢复 1”。
        ┌─ 持仓
        └─
        """)


async def test_an_edited_card_is_printed_again_with_new_numbers_and_keeps_its_ref() -> None:
    channel, sink = piped()
    ref = await channel.send(CHAT, ticket())
    sink.truncate(0)
    sink.seek(0)
    again = Message(title="价格变了", buttons=((Button("重新报价", "requote A"),),), card="ticket:A")
    assert await channel.edit(CHAT, ref, again) == ref
    assert sink.getvalue() == "┌─ （更新）价格变了\n│  [3] 重新报价\n└─\n"


async def test_a_ref_of_an_earlier_session_gets_a_new_one_and_touches_no_card_of_this_session() -> None:
    clock = ManualClock(NOW)
    earlier = connect(clock=clock, input=io.StringIO(), output=io.StringIO())
    old = await earlier.send(CHAT, ticket())
    sink = io.StringIO()
    channel = connect(clock=clock, input=io.StringIO("1"), output=sink)
    ref = await channel.send(CHAT, ticket(key="ticket:B"))
    assert await channel.edit(CHAT, old, Message(title="已过期", card="ticket:A")) not in (old, ref)
    assert "（更新）已过期" in sink.getvalue()
    ears = Ears()
    await channel.run(ears)
    assert ears.heard.get_nowait().press == "approve A"


ILLUSTRATED = Message(title="回看", chart=Chart(title="贵州茅台 600519 日线", symbol=Symbol("600519.SH")))


def saved(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def test_a_picture_is_saved_and_its_file_is_named(tmp_path: Path) -> None:
    folder, sink = tmp_path / "data" / "pictures", io.StringIO()
    channel = connect(clock=ManualClock(NOW), input=io.StringIO(), output=sink, pictures=folder)
    ref = await channel.send(CHAT, ILLUSTRATED, b"png 1")
    await channel.edit(CHAT, ref, ILLUSTRATED, b"png 2")
    first, second = saved(folder)
    assert [first.read_bytes(), second.read_bytes()] == [b"png 1", b"png 2"]
    assert first.name.startswith("20260323-093800-600519.SH-day-")
    assert f"🖼 图：贵州茅台 600519 日线：{first}" in sink.getvalue()


async def test_only_the_newest_pictures_are_kept(tmp_path: Path) -> None:
    for number in range(120):
        (tmp_path / f"20250101-{number:06}.png").touch()
    (tmp_path / "notes.txt").touch()
    channel = connect(clock=ManualClock(NOW), input=io.StringIO(), output=io.StringIO(), pictures=tmp_path)
    await channel.send(CHAT, ILLUSTRATED, b"png")
    kept = saved(tmp_path)
    assert (len(kept), kept[0].name) == (101, "20250101-000021.png")


async def test_a_picture_that_cannot_be_saved_leaves_the_words(tmp_path: Path) -> None:
    in_the_way, sink = tmp_path / "pictures", io.StringIO()
    in_the_way.touch()
    channel = connect(clock=ManualClock(NOW), input=io.StringIO(), output=sink, pictures=in_the_way)
    await channel.send(CHAT, ILLUSTRATED, b"png")
    assert "回看" in sink.getvalue()
    assert "图没有存成" in sink.getvalue()


async def test_lines_are_heard_until_the_input_ends() -> None:
    heard, shown = await said("列表\n\n   \n 盯 茅台 跌破1400 \n持仓")
    assert [incoming.text for incoming in heard] == ["列表", "盯 茅台 跌破1400", "持仓"]
    assert heard[0] == Incoming(chat=CHAT, user="local", name="local", text="列表", at=NOW)
    assert shown == "> 列表\n> 盯 茅台 跌破1400\n> 持仓\n"


@pytest.mark.parametrize("word", ["退出", "exit", "QUIT", "/quit", " 退出 "])
async def test_a_word_of_farewell_ends_the_chat(word: str) -> None:
    heard, _ = await said(f"列表\n{word}\n持仓\n")
    assert [incoming.text for incoming in heard] == ["列表"]


@pytest.mark.parametrize("typed", ["2", " 2 ", "２", "#2", "[2]", "【2】", "＃2"])
async def test_a_number_presses_its_button(typed: str) -> None:
    heard, _ = await said(typed, ticket())
    assert [(incoming.press, incoming.text) for incoming in heard] == [("reject A", "拒绝")]


@pytest.mark.parametrize("typed", ["600519", "000001", "001", "12", "2股", "2.5", "买2手", "-1"])
async def test_other_numbers_are_just_said(typed: str) -> None:
    heard, _ = await said(typed, ticket())
    assert [(incoming.press, incoming.text) for incoming in heard] == [(None, typed)]


async def test_a_number_that_was_never_shown_is_not_pressed() -> None:
    heard, shown = await said("#7", ticket())
    assert heard == []
    assert "没有编号 7 的按钮" in shown


async def test_numbers_of_older_cards_keep_their_meaning() -> None:
    other = Message(title="提醒", buttons=((Button("静默", "silence 1"),),))
    heard, _ = await said("1\n3", ticket(), other)
    assert [incoming.press for incoming in heard] == ["approve A", "silence 1"]


async def test_buttons_of_an_earlier_version_do_nothing_and_say_so() -> None:
    requote = Message(title="价格变了", buttons=((Button("重新报价", "requote A"),),), card="ticket:A")
    heard, shown = await said("1\n3", ticket(), requote)
    assert [incoming.press for incoming in heard] == ["requote A"]
    assert "这张卡片已更新，请用新的编号：[3] 重新报价" in shown
    heard, shown = await said("1", ticket(), Message(title="已确认", card="ticket:A"))
    assert heard == []
    assert "这张卡片已更新，上面的按钮不再有效。" in shown


async def test_a_bare_number_after_a_question_never_presses_another_card() -> None:
    question = Message(text="跌破以后买多少？", buttons=((Button("100 股", "buy 100"),),))
    heard, shown = await said("1\n1手\n1", ticket(), question)
    assert "“1”可以是按钮 [1] 确认，也可以是对问题的回答。按按钮请输入 #1" in shown
    assert [(incoming.press, incoming.text) for incoming in heard] == [(None, "1手"), ("approve A", "确认")]
    heard, _ = await said("#1", ticket(), question)
    assert [incoming.press for incoming in heard] == ["approve A"]
    heard, _ = await said("3\n1", ticket(), question)
    assert [incoming.press for incoming in heard] == ["buy 100", "approve A"]
    heard, _ = await said("1", ticket(), Message(title="已确认", card="ticket:A"), question)
    assert [(incoming.press, incoming.text) for incoming in heard] == [(None, "1")]


async def test_whoever_is_not_welcome_is_told_why() -> None:
    channel, sink = piped("列表")
    ears = Ears(refusal="请先在设置里允许自己。")
    await channel.run(ears)
    assert ears.heard.empty()
    assert "请先在设置里允许自己。" in sink.getvalue()


async def test_text_from_outside_cannot_steer_the_terminal() -> None:
    channel, sink = piped("看\x1b[2J茅台\n")
    await channel.send(
        CHAT, Message(title="\x1b[2J标题\x07", text="a\tb\r\nc\x9b1m\u202e", buttons=((Button("好\n的", "ok"),),))
    )
    ears = Ears()
    await channel.run(ears)
    assert ears.texts() == ["看[2J茅台"]
    assert sink.getvalue() == "┌─ [2J标题\n│  a    b\n│  c1m\n│\n│  [1] 好 的\n└─\n> 看[2J茅台\n"


async def test_a_stream_that_lacks_characters_shows_the_rest() -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as sink:
        await connect(clock=ManualClock(NOW), input=io.StringIO(), output=sink).send(CHAT, Message(text="茅台 1420"))
        assert raw.getvalue() == b"?  ?? 1420\n"


async def test_a_screen_that_is_gone_refuses() -> None:
    sink = io.StringIO()
    channel = connect(clock=ManualClock(NOW), input=io.StringIO(), output=sink)
    sink.close()
    with pytest.raises(Refused, match="屏幕已经关闭"):
        await channel.send(CHAT, ticket())


@pytest.mark.parametrize(
    "raw",
    [
        "列表\n持仓\n".encode(),
        "列表\r\n持仓".encode(),
        "\ufeff列表\n持仓\n\x1a\n账户".encode(),
        "列表\n持仓\n".encode("gb18030"),
    ],
    ids=["utf-8", "crlf without an end", "bom and ctrl-z", "gb18030"],
)
async def test_a_pipe_is_read_in_whatever_the_console_writes(raw: bytes) -> None:
    reader, writer = os.pipe()
    os.write(writer, raw)
    os.close(writer)
    ears = Ears()
    with os.fdopen(reader, encoding="utf-8") as source:
        await connect(clock=ManualClock(NOW), input=source, output=io.StringIO()).run(ears)
    assert ears.texts() == ["列表", "持仓"]


def run_python(code: str, *, typed: bytes | None = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    plain = {name: value for name, value in os.environ.items() if name not in {"PYTHONUTF8", "PYTHONIOENCODING"}}
    return subprocess.run(
        [sys.executable, "-c", dedent(code)],
        input=typed,
        capture_output=True,
        cwd=ROOT,
        env={**plain, **environment},
        timeout=60,
        check=False,
    )


def test_a_program_without_a_terminal_talks_over_its_pipes() -> None:
    done = run_python(
        """
        import asyncio
        from adapters.channels.console import connect
        from bot.stdio import use_utf8
        from core.clock import SystemClock
        from core.messages import Message

        class Echo:
            async def refusal(self, incoming): return None
            def urgent(self, incoming): return False
            async def receive(self, incoming): await channel.send(channel.chat, Message(text="听到：" + incoming.text))

        use_utf8()
        channel = connect(clock=SystemClock())
        asyncio.run(channel.run(Echo()))
        """,
        typed="列表\n".encode(),
        PYTHONIOENCODING="cp1252",
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert done.stdout.decode().split() == [">", "列表", "│", "听到：列表"]


def test_a_program_ends_while_its_input_stays_open() -> None:
    code = """
        import asyncio
        from adapters.channels.console import connect
        from core.clock import SystemClock

        async def main():
            task = asyncio.create_task(connect(clock=SystemClock()).run(None))
            await asyncio.sleep(0)
            task.cancel()

        asyncio.run(main())
        """
    with subprocess.Popen(
        [sys.executable, "-c", dedent(code)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_output_is_utf8_whatever_the_code_page() -> None:
    done = run_python(
        """
        import sys
        from bot.stdio import use_utf8
        use_utf8()
        print("盯盘", "\\ud800")
        print("出错了", file=sys.stderr)
        sys.stdout = sys.stderr = None
        use_utf8()
        """,
        PYTHONIOENCODING="cp1252",
    )
    assert done.returncode == 0
    assert done.stdout.decode().strip() == "盯盘 ?"
    assert done.stderr.decode().strip() == "出错了"


def test_prompt_toolkit_is_loaded_only_when_used() -> None:
    code = "import sys, adapters.channels.console; sys.exit('prompt_toolkit' in sys.modules)"
    assert run_python(code).returncode == 0


# Folding and completing.


@pytest.mark.parametrize("room", [10, 17, 18, 33])
def test_no_line_is_wider_than_its_room_and_nothing_is_lost(room: int) -> None:
    text = "09:38 贵州茅台（600519.SH）现价 1419.09 元，“跌破”1420.00。https://example.com/a/very/long/address 完。"
    lines = fold(text, room)
    assert max(map(cells, lines)) <= room
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not any(line.startswith(("，", "。", "）", "”")) for line in lines)


def test_indentation_survives_folding() -> None:
    assert fold("  甲 乙丙丁", 8) == ["  甲 乙", "丙丁"]
    assert fold("", 4) == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", ["/list", "/limit"]),
        ("/li", ["/list", "/limit"]),
        ("/LIS", ["/list"]),
        ("盯 /li", []),
        ("列", ["列表"]),
        ("盯贵州", ["贵州茅台"]),
        ("盯一下茅", ["贵州茅台"]),
        ("盯GZ", ["贵州茅台"]),
        ("盯 nd", ["宁德时代"]),
        ("and", []),
        ("贵州茅台", []),
        ("贵州茅台 ", []),
    ],
)
def test_tab_offers_what_the_sentence_could_go_on_with(typed: str, words: list[str]) -> None:
    assert [word for word, _, _ in completions_of(typed, WORDS)] == words


# A person at a keyboard.


class Screen(Vt100_Output):
    """A terminal of 60 columns whose bytes are kept."""

    def __init__(self) -> None:
        self.sink = io.StringIO()
        super().__init__(self.sink, lambda: Size(rows=24, columns=60), term="xterm")

    def get_rows_below_cursor_position(self) -> int:
        return 20  # what a terminal would answer; the bottom line is drawn only when it is known

    def text(self) -> str:
        """What was written, without styles."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.sink.getvalue()).replace("\r", "")


class Seat:
    """A person in front of the chat."""

    def __init__(self, channel: ConsoleChannel, keys: PipeInput, ears: Ears, task: asyncio.Task[None]) -> None:
        self.channel = channel
        self.keys = keys
        self.ears = ears
        self.task = task

    async def types(self, keys: str) -> str:
        """Type up to and with Enter; what was heard."""
        self.keys.send_text(keys)
        return (await self.ears.next()).text

    async def ended(self) -> None:
        async with asyncio.timeout(10):
            await self.task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - prompt_toolkit has no event for what it has drawn
            await asyncio.sleep(0.001)


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as keys:
        yield keys


@asynccontextmanager
async def seated(
    keys: PipeInput,
    output: DummyOutput | Screen,
    *,
    history: Path | None = None,
    status: Callable[[], str] | None = None,
) -> AsyncIterator[Seat]:
    with create_app_session(keys, output):
        channel = connect(
            clock=ManualClock(NOW), completions=lambda: WORDS, history=history, status=status, input=keys, output=output
        )
        ears = Ears()
        task = asyncio.create_task(channel.run(ears))
        try:
            yield Seat(channel, keys, ears, task)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_typed_lines_and_numbers_are_heard(keys: PipeInput) -> None:
    async with seated(keys, DummyOutput()) as seat:
        assert seat.channel.interactive
        assert await seat.types("列表\r") == "列表"
        await seat.channel.send(CHAT, ticket())
        keys.send_text("1\r")
        assert (await seat.ears.next()).press == "approve A"


@pytest.mark.parametrize(
    "end", ["\x03", "\x04", "退出\r", "半句话\x03"], ids=["ctrl-c", "ctrl-d", "farewell", "half a line"]
)
async def test_the_person_ends_the_chat(keys: PipeInput, end: str) -> None:
    async with seated(keys, DummyOutput()) as seat:
        keys.send_text(end)
        await seat.ended()
        assert seat.ears.heard.empty()


async def test_a_card_arriving_while_one_types_does_not_break_the_line(keys: PipeInput) -> None:
    screen = Screen()
    async with seated(keys, screen) as seat:
        keys.send_text("列")
        await until(lambda: "列" in screen.text())
        await seat.channel.send(CHAT, ticket())
        assert await seat.types("表\r") == "列表"
        shown = screen.text()
    assert HINT[:20] in shown
    assert "┌─ 待确认委托\n│  买入 贵州茅台 100 股，限价 1420.00。\n│\n│  [1] 确认  [2] 拒绝\n└─\n" in shown
    assert shown.index("└─") < shown.rindex("列"), "the line is drawn again below the card"


async def test_what_others_print_stands_above_the_line(keys: PipeInput) -> None:
    screen = Screen()
    async with seated(keys, screen) as seat:
        keys.send_text("列")
        await until(lambda: "列" in screen.text())
        print("别处打印的一行")
        await until(lambda: "别处打印的一行" in screen.text())
        assert await seat.types("表\r") == "列表"


async def test_tab_completes_names_and_commands(keys: PipeInput) -> None:
    screen = Screen()
    async with seated(keys, screen) as seat:
        keys.send_text("盯gzm\t")
        await until(lambda: "贵州茅台" in screen.text())
        assert await seat.types("跌破1400\r") == "盯贵州茅台跌破1400"
        keys.send_text("/li\t")
        await until(lambda: "/limit" in screen.text() and "涨跌停" in screen.text())
        assert await seat.types("\t\r") == "/list"


async def test_history_is_found_again_in_the_next_session(keys: PipeInput, tmp_path: Path) -> None:
    path = tmp_path / "盯盘" / "history"
    async with seated(keys, DummyOutput(), history=path) as seat:
        assert await seat.types("列表\r") == "列表"
    with create_pipe_input() as later:
        async with seated(later, DummyOutput(), history=path) as seat:
            await until(lambda: path.stat().st_size > 0)
            assert await seat.types("\x1b[A\r") == "列表"


async def test_a_history_that_cannot_be_written_is_done_without(keys: PipeInput, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with seated(keys, DummyOutput(), history=tmp_path / "file" / "history") as seat:
        assert await seat.types("列表\r") == "列表"


async def test_the_bottom_line_shows_the_status(keys: PipeInput) -> None:
    screen = Screen()
    async with seated(keys, screen, status=lambda: "10:31 连续竞价 模拟"):
        await until(lambda: "10:31 连续竞价 模拟" in screen.text())


@pytest.mark.parametrize(("no_color", "coloured"), [(None, True), ("1", False)])
async def test_confirm_is_green_and_danger_red_unless_colours_are_unwanted(
    keys: PipeInput, monkeypatch: pytest.MonkeyPatch, no_color: str | None, coloured: bool
) -> None:
    monkeypatch.delenv("PROMPT_TOOLKIT_COLOR_DEPTH", raising=False)
    if no_color is None:
        monkeypatch.delenv("NO_COLOR", raising=False)
    else:
        monkeypatch.setenv("NO_COLOR", no_color)
    screen = Screen()
    async with seated(keys, screen) as seat:
        await seat.channel.send(CHAT, ticket())
    shown = screen.sink.getvalue()
    assert (re.search(r"\x1b\[[0-9;]*\b32\b[0-9;]*m\[1\] 确认", shown) is not None) == coloured
    assert (re.search(r"\x1b\[[0-9;]*\b31\b[0-9;]*m\[2\] 拒绝", shown) is not None) == coloured


async def test_a_long_card_is_folded_to_the_terminal(keys: PipeInput) -> None:
    screen = Screen()
    async with seated(keys, screen) as seat:
        await seat.channel.send(CHAT, ticket("贵州茅台现价 1419.09 元，跌破 1420.00。" * 8))
        shown = screen.text()
    body = [line for line in shown.splitlines() if line.startswith("│")]
    assert len(body) > 4
    assert max(map(cells, body)) <= 60
