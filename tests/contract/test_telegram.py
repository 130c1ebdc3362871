"""The Telegram channel against a strict Bot API on loopback: what people say gets in, what we say gets out, whatever
happens on the way.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.channels.telegram import Limits, Rate, TelegramChannel, connect
from adapters.channels.telegram_text import addressed, compose, units
from core.clock import ManualClock
from core.errors import ConfigError, Refused, Unavailable
from core.messages import Button, Chat, Incoming, Message, Style
from core.ports import Channel
from tests.fakes.telegram import BOT, FakeTelegram, Kind

NOW = datetime(2026, 3, 23, 1, 38, tzinfo=UTC)
HOME = Chat("telegram", "42")
GROUP = Chat("telegram", "-100")
SECRET = "TEST-TOKEN"
UNHURRIED = Limits(private=Rate(100, 1))
CARD = Message(
    title="贵州茅台 600519.SH 跌破 1420.00",
    text="现价 1419.09",
    buttons=(
        (Button("确认", "approve 7F3K", Style.CONFIRM), Button("拒绝", "reject 7F3K", Style.DANGER)),
        (Button("为什么", "why 600519"),),
    ),
)


class Hall:
    """A receiver that remembers. ``held`` chats are slow until released."""

    def __init__(self) -> None:
        self.welcome = {"42", "43"}
        self.heard: list[Incoming] = []
        self.held: dict[str, asyncio.Event] = {}
        self.broken_by = ""
        self._arrived: asyncio.Queue[Incoming] = asyncio.Queue()

    async def refusal(self, incoming: Incoming) -> str | None:
        return None if incoming.user in self.welcome else "你不在允许名单里。"

    def urgent(self, incoming: Incoming) -> bool:
        return incoming.text == "急停"

    async def receive(self, incoming: Incoming) -> None:
        if incoming.chat.id in self.held and not self.urgent(incoming):
            await self.held[incoming.chat.id].wait()
        if self.broken_by and self.broken_by in incoming.text:
            raise LookupError("a bug in the house")
        self.heard.append(incoming)
        self._arrived.put_nowait(incoming)

    async def next(self) -> Incoming:
        async with asyncio.timeout(10):
            return await self._arrived.get()


class HandTime:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, float, asyncio.Future[None]]] = []
        self._changed = asyncio.Event()

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, seconds, future))
        self._changed.set()
        await future

    def sleeping(self) -> list[float]:
        return sorted(seconds for _, seconds, future in self._sleepers if not future.done())

    async def until_asleep(self, seconds: float) -> None:
        """Wait until somebody sleeps for so long."""
        async with asyncio.timeout(10):
            while seconds not in self.sleeping():
                self._changed.clear()
                await self._changed.wait()

    async def pass_when(self, seconds: float) -> None:
        """The same, and then let so much time pass."""
        await self.until_asleep(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for until, _, future in self._sleepers:
            if until <= self.now and not future.done():
                future.set_result(None)


class Bench:
    def __init__(self, server: FakeTelegram) -> None:
        self.server, self.hall, self.time, self.clock = server, Hall(), HandTime(), ManualClock(NOW)

    def channel(self, **settings: Any) -> TelegramChannel:
        given: dict[str, Any] = {"base_url": self.server.base_url, "token": self.server.token, "clock": self.clock}
        return connect(monotonic=self.time.monotonic, sleep=self.time.sleep, **(given | settings))

    @asynccontextmanager
    async def running(self, **settings: Any) -> AsyncIterator[Channel]:
        channel = self.channel(**settings)
        task = asyncio.create_task(channel.run(self.hall))
        try:
            yield channel
            assert not task.done(), "the channel must listen for ever"
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def server() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(f"123456:{SECRET}") as server:
        server.meet()
        yield server


@pytest.fixture
def bench(server: FakeTelegram) -> Bench:
    return Bench(server)


@pytest.fixture
async def channel(bench: Bench, server: FakeTelegram) -> AsyncIterator[Channel]:
    async with bench.running() as channel:
        await server.until(lambda s: s.polling and s.called("getMe"))
        yield channel


def said_by(user_id: int, chat: dict[str, Any], **more: Any) -> dict[str, Any]:
    sender = {"id": user_id, "is_bot": False, "first_name": "小林"}
    return {"message": {"message_id": 900, "date": 1, "chat": chat, "from": sender, **more}}


@asynccontextmanager
async def answering(answer: Callable[[str], tuple[int, str]]) -> AsyncIterator[str]:
    """The address of a server that answers each request (as text) with a status and a body."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line.split(":")[1]) for line in head.lower().splitlines() if "content-length" in line)
        code, body = answer(head + (await reader.readexactly(length)).decode())
        content = body.encode()
        writer.write(f"HTTP/1.1 {code} X\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n".encode())
        writer.write(content)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


PRIVATE = {"id": 42, "type": "private", "first_name": "小林"}
IN_GROUP = {"id": -100, "type": "supergroup", "title": "盯盘群"}


# --- in ---


async def test_a_sentence_gets_in_with_who_where_and_when(server: FakeTelegram, bench: Bench, channel: Channel) -> None:
    server.say("茅台跌到1400提醒我")
    assert await bench.hall.next() == Incoming(
        chat=HOME, user="42", name="小林", text="茅台跌到1400提醒我", press=None, at=NOW
    )


async def test_a_press_gets_in_as_the_command_and_is_answered(
    server: FakeTelegram, bench: Bench, channel: Channel
) -> None:
    await channel.send(HOME, CARD)
    server.press("确认")
    incoming = await bench.hall.next()
    assert (incoming.press, incoming.text, incoming.user) == ("approve 7F3K", "确认", "42")
    await server.until(lambda s: s.answers)
    assert (server.answers[0].text, server.answers[0].alert) == ("", False)


async def test_a_press_is_heard_although_its_answer_comes_too_late(
    server: FakeTelegram, bench: Bench, channel: Channel
) -> None:
    await channel.send(HOME, CARD)
    server.press("拒绝")
    server.expire_queries()
    assert (await bench.hall.next()).press == "reject 7F3K"


async def test_the_button_of_a_bot_that_was_restarted_still_means_the_same(server: FakeTelegram, bench: Bench) -> None:
    async with bench.running() as first:
        await first.send(HOME, CARD)
    server.press("确认")
    async with bench.running():
        assert (await bench.hall.next()).press == "approve 7F3K"


async def test_a_stranger_is_told_once_an_hour_and_nothing_gets_in(
    server: FakeTelegram, bench: Bench, channel: Channel
) -> None:
    for text in ("你好", "买1万股", "在吗"):
        server.say(text, chat_id=7, user_id=7)
    server.say("我在")
    assert (await bench.hall.next()).text == "我在"
    await server.message(containing="你不在允许名单里。", chat_id=7)
    bench.time.advance(3600)
    server.say("在吗", chat_id=7, user_id=7)
    await server.until(lambda s: len([m for m in s.chat(7) if m.from_bot]) == 2)
    assert [incoming.user for incoming in bench.hall.heard] == ["42"]


async def test_a_strangers_press_is_refused_with_a_notice(server: FakeTelegram, bench: Bench, channel: Channel) -> None:
    server.meet(-100, chat_type="group")
    await channel.send(GROUP, CARD)
    server.press("确认", chat_id=-100, user_id=7)
    server.press("确认", chat_id=-100, user_id=43)
    assert (await bench.hall.next()).user == "43"
    await server.until(lambda s: len(s.answers) == 2)
    assert {(answer.text, answer.alert) for answer in server.answers} == {("你不在允许名单里。", True), ("", False)}


async def test_a_press_is_answered_although_the_chat_is_busy_with_something_else(
    server: FakeTelegram, bench: Bench, channel: Channel
) -> None:
    bench.hall.held["42"] = asyncio.Event()
    await channel.send(HOME, CARD)
    server.say("一句要想很久的话")
    server.press("确认", user_id=7)
    server.press("确认")
    await server.until(lambda s: len(s.answers) == 2)
    assert bench.hall.heard == []
    bench.hall.held["42"].set()
    assert [(await bench.hall.next()).press for _ in range(2)] == [None, "approve 7F3K"]


async def test_a_group_does_not_read_one_refusal_after_the_other(
    server: FakeTelegram, bench: Bench, channel: Channel
) -> None:
    for user in (7, 8, 9):
        server.say("/list", chat_id=-100, user_id=user, chat_type="group")
    server.say("/list", chat_id=-100, user_id=43, chat_type="group")
    assert (await bench.hall.next()).user == "43"
    await server.message(containing="你不在允许名单里。", chat_id=-100)
    assert len([one for one in server.chat(-100) if one.from_bot]) == 1


async def test_in_a_group_only_what_is_said_to_the_bot_gets_in(
    server: FakeTelegram, bench: Bench, channel: Channel
) -> None:
    ours = {"message_id": 1, "date": 1, "chat": IN_GROUP, "from": BOT, "text": "几股?"}
    theirs = {**ours, "from": {"id": 43, "is_bot": False, "first_name": "甲"}}
    server.raw_update(said_by(42, IN_GROUP, text="中午吃什么"))
    server.raw_update(said_by(42, IN_GROUP, text="问题", reply_to_message=theirs))
    server.raw_update(said_by(42, IN_GROUP, text="/list@another_bot"))
    server.raw_update(said_by(42, IN_GROUP, text="@dingpan_test_bot_too 你好"))
    server.raw_update(said_by(42, IN_GROUP, new_chat_members=[BOT]))
    server.raw_update(said_by(42, IN_GROUP, text="茅台@Dingpan_Test_Bot 跌到1400提醒我"))
    server.raw_update(said_by(42, IN_GROUP, text="/list@dingpan_test_bot 全部"))
    server.raw_update(said_by(42, IN_GROUP, text="/panic"))
    server.raw_update(said_by(42, IN_GROUP, text="一百股", reply_to_message=ours))
    heard = [(await bench.hall.next()).text for _ in range(4)]
    assert heard == ["茅台  跌到1400提醒我", "/list 全部", "/panic", "一百股"]
    assert {incoming.chat for incoming in bench.hall.heard} == {GROUP}


def test_alone_with_the_bot_everything_is_said_to_it() -> None:
    assert addressed("你好", "b", private=True, replied=False) == "你好"
    assert addressed("/list@b", "b", private=True, replied=False) == "/list"
    assert addressed("@b", "b", private=False, replied=False) is None


async def test_pictures_get_one_polite_line_and_comings_and_goings_none(
    server: FakeTelegram, bench: Bench, channel: Channel
) -> None:
    photo = [{"file_id": "a", "file_unique_id": "b", "width": 1, "height": 1}]
    server.raw_update(said_by(42, PRIVATE, pinned_message={"message_id": 1, "date": 0, "chat": PRIVATE}))
    for _ in range(3):
        server.raw_update(said_by(42, PRIVATE, photo=photo, caption="看图"))
    server.raw_update(said_by(42, IN_GROUP, photo=photo))
    said = server.say("好吧")
    assert (await bench.hall.next()).text == "好吧"
    await server.message(containing="只看得懂文字")
    server.edit_by_person(said.id, "好吧?")  # edits are not asked for
    assert [m.text for m in server.chat() if m.from_bot] == ["我只看得懂文字，请把要求打成字发给我。"]


async def test_a_slow_chat_keeps_its_order_and_holds_up_no_other(
    server: FakeTelegram, bench: Bench, channel: Channel
) -> None:
    bench.hall.held["42"] = asyncio.Event()
    for text in "一二三":
        server.say(text)
    server.say("四", chat_id=43, user_id=43)
    await bench.time.pass_when(1)
    assert (await bench.hall.next()).text == "四"
    bench.hall.held.pop("42").set()
    assert [(await bench.hall.next()).text for _ in range(3)] == ["一", "二", "三"]


async def test_the_kill_switch_waits_behind_nothing(server: FakeTelegram, bench: Bench, channel: Channel) -> None:
    bench.hall.held["42"] = asyncio.Event()
    server.say("慢")
    server.say("急停")
    assert (await bench.hall.next()).text == "急停"
    bench.hall.held.pop("42").set()
    assert (await bench.hall.next()).text == "慢"
    await server.until(lambda s: s.polling and s.unconfirmed == 0)


async def test_a_bug_in_the_house_is_logged_and_the_next_sentence_is_heard(
    server: FakeTelegram, bench: Bench, channel: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    bench.hall.broken_by = "坏"
    server.say("坏")
    server.say("好")
    assert (await bench.hall.next()).text == "好"
    assert "a bug in the house" in caplog.text


async def test_what_was_said_while_the_bot_was_away_is_heard_once(server: FakeTelegram, bench: Bench) -> None:
    server.say("一")
    async with bench.running():
        assert (await bench.hall.next()).text == "一"
        await server.until(lambda s: s.polling and s.unconfirmed == 0)
    async with bench.running():
        server.say("二")
        assert (await bench.hall.next()).text == "二"
    assert len(bench.hall.heard) == 2


async def test_what_was_not_dealt_with_when_the_program_was_killed_is_heard_by_the_next(
    server: FakeTelegram, bench: Bench
) -> None:
    bench.hall.held["42"] = asyncio.Event()
    async with bench.running():
        server.say("一")
        server.say("二")
        await bench.time.until_asleep(1)
        server.say("三", chat_id=43, user_id=43)  # dealt with, but after what is not
        await bench.time.pass_when(1)
        assert (await bench.hall.next()).text == "三"
    bench.hall.held.clear()
    assert server.unconfirmed == 3
    async with bench.running():
        heard = [(await bench.hall.next()).text for _ in range(3)]
        assert sorted(heard) == ["一", "三", "二"]
        assert heard.index("一") < heard.index("二"), "what one chat says is heard in its order"
        await server.until(lambda s: s.polling and s.unconfirmed == 0)


async def test_a_slow_sentence_is_dealt_with_once_and_the_polls_meanwhile_are_paced(
    server: FakeTelegram, bench: Bench, channel: Channel
) -> None:
    bench.hall.held["42"] = asyncio.Event()
    asked = len(server.called("getUpdates"))
    server.say("慢")
    for _ in range(5):
        await bench.time.pass_when(1)
    await bench.time.until_asleep(1)
    assert len(server.called("getUpdates")) <= asked + 6
    assert server.unconfirmed == 1
    bench.hall.held.pop("42").set()
    await server.until(lambda s: s.polling and s.unconfirmed == 0)
    assert [incoming.text for incoming in bench.hall.heard] == ["慢"]


async def test_trouble_with_the_poll_while_a_sentence_waits_deals_with_it_once(
    server: FakeTelegram, bench: Bench, channel: Channel
) -> None:
    bench.hall.held["42"] = asyncio.Event()
    server.say("慢")
    await bench.time.until_asleep(1)
    fault = server.fail("getUpdates", kind=500)
    bench.time.advance(1)
    await server.until(lambda _: fault.hits)
    await bench.time.pass_when(1)
    bench.hall.held.pop("42").set()
    await server.until(lambda s: s.polling and s.unconfirmed == 0)
    assert [incoming.text for incoming in bench.hall.heard] == ["慢"]


# --- out ---


async def test_a_card_has_a_bold_title_and_coloured_buttons(server: FakeTelegram, channel: Channel) -> None:
    ref = await channel.send(HOME, CARD)
    card = server.chat()[-1]
    assert ref == str(card.id)
    assert card.text == "贵州茅台 600519.SH 跌破 1420.00\n现价 1419.09"
    assert card.entities == ({"type": "bold", "offset": 0, "length": 25},)
    assert [[(b.text, b.data, b.style) for b in row] for row in card.rows] == [
        [("确认", "approve 7F3K", "success"), ("拒绝", "reject 7F3K", "danger")],
        [("为什么", "why 600519", "")],
    ]
    assert server.called("sendMessage")[-1].params["link_preview_options"] == {"is_disabled": True}


async def test_whatever_is_said_is_shown_as_it_is(server: FakeTelegram, channel: Channel) -> None:
    message = Message(title="*ST国华 <000004> & _x_", text="<script>alert(1)</script>\n&lt; 1 < 2 > 0 [a](b) `c`")
    await channel.send(HOME, message)
    assert server.chat()[-1].text == message.plain()
    assert server.refusals == []


async def test_half_a_character_does_not_block_the_message(server: FakeTelegram, channel: Channel) -> None:
    await channel.send(HOME, Message(title="涨\ud83d停", text="\udc00"))
    assert server.chat()[-1].text == "涨?停\n?"


async def test_a_long_message_is_split_between_lines_with_the_buttons_on_the_last(
    server: FakeTelegram, bench: Bench
) -> None:
    lines = [f"{at:04d} 🚀{'涨' * 30}" for at in range(400)]
    async with bench.running(limits=UNHURRIED) as channel:
        ref = await channel.send(HOME, Message(title="长单", text="\n".join(lines), buttons=CARD.buttons))
    parts = server.chat()
    assert "\n".join(part.text for part in parts) == "\n".join(["长单", *lines])
    assert len(parts) == 4
    assert all(units(part.text) <= 4096 for part in parts)
    assert [bool(part.rows) for part in parts] == [False, False, False, True]
    assert ref == str(parts[-1].id)


async def test_a_line_that_is_too_long_is_cut_between_characters(server: FakeTelegram, bench: Bench) -> None:
    text = "a" + "🚀" * 5000
    async with bench.running(limits=UNHURRIED) as channel:
        await channel.send(HOME, Message(title="<" * 4096, text=text))
    assert "".join(part.text for part in server.chat()) == "<" * 4096 + text


async def test_a_table_stands_in_letters_of_one_width_in_every_part(server: FakeTelegram, bench: Bench) -> None:
    rows = [("盈亏", "幅度", ""), *[(f"+{number:,}", "-6.67%", "比亚迪<&>") for number in range(10_000, 10_200)]]
    async with bench.running(limits=UNHURRIED) as channel:
        await channel.send(HOME, Message(title="持仓", text="模拟账户·模拟", table=tuple(rows)))
    first, *rest = server.chat()
    assert first.text.splitlines()[:4] == ["持仓", "模拟账户·模拟", "   盈亏    幅度", "+10,000  -6.67%  比亚迪<&>"]
    assert rest
    assert all([entity["type"] for entity in part.entities][-1] == "pre" for part in (first, *rest))


@pytest.mark.parametrize(("title", "text", "parts"), [(2000, 2095, 1), (2000, 2096, 2), (0, 4096, 1), (4096, 0, 1)])
def test_the_limit_is_used_to_the_last_character(title: int, text: int, parts: int) -> None:
    assert len(compose(Message(title="涨" * title, text="跌" * text))) == parts


@pytest.mark.parametrize("command", ["", "x" * 65, "确" * 22])
async def test_a_button_that_telegram_cannot_carry_is_our_bug(
    server: FakeTelegram, channel: Channel, command: str
) -> None:
    with pytest.raises(ValueError, match="the command of button"):
        await channel.send(HOME, Message(text="x", buttons=((Button("a", command),),)))
    with pytest.raises(ValueError, match="without any text"):
        await channel.send(HOME, Message(text=" \n"))
    assert server.called("sendMessage") == []


async def test_a_row_that_is_too_long_goes_on_in_the_next(server: FakeTelegram, channel: Channel) -> None:
    await channel.send(HOME, Message(text="选", buttons=(tuple(Button(str(n), f"pick {n}") for n in range(10)),)))
    assert [len(row) for row in server.chat()[-1].rows] == [8, 2]


async def test_html_that_telegram_cannot_read_goes_out_plain(server: FakeTelegram, channel: Channel) -> None:
    server.fail("sendMessage", kind=400, description="Bad Request: can't parse entities: unsupported start tag")
    await channel.send(HOME, CARD)
    assert server.chat()[-1].text == CARD.plain()
    assert server.chat()[-1].entities == ()
    assert server.chat()[-1].labels == ["确认", "拒绝", "为什么"]


# --- edits ---


async def test_an_edit_replaces_in_place_and_takes_the_buttons_away(server: FakeTelegram, channel: Channel) -> None:
    ref = await channel.send(HOME, CARD)
    assert await channel.edit(HOME, ref, Message(title="已确认", text="小林 09:38")) == ref
    assert [(m.text, m.rows) for m in server.chat()] == [("已确认\n小林 09:38", ())]


async def test_an_edit_that_changes_nothing_is_fine(server: FakeTelegram, channel: Channel) -> None:
    ref = await channel.send(HOME, CARD)
    assert await channel.edit(HOME, ref, CARD) == ref
    assert len(server.chat()) == 1
    assert [method for method, _ in server.refusals] == ["editMessageText"]


async def test_a_card_that_cannot_be_edited_is_sent_anew(server: FakeTelegram, channel: Channel) -> None:
    said = server.say("我说的")
    for ref in ("999", str(said.id)):
        new = await channel.edit(HOME, ref, CARD)
        assert new == str(server.chat()[-1].id) != ref
        assert server.chat()[-1].labels == ["确认", "拒绝", "为什么"]


async def test_an_edit_that_has_grown_too_long_goes_on_in_a_new_message(server: FakeTelegram, channel: Channel) -> None:
    ref = await channel.send(HOME, CARD)
    text = "\n".join("涨" * 99 for _ in range(50))
    new = await channel.edit(HOME, ref, Message(text=text, buttons=CARD.buttons))
    first, second = server.chat()
    assert (str(first.id), str(second.id)) == (ref, new)
    assert f"{first.text}\n{second.text}" == text
    assert (first.rows, len(second.rows)) == ((), 2)


# --- trouble on the way out ---


async def test_too_fast_is_unavailable_for_as_long_as_telegram_says(server: FakeTelegram, channel: Channel) -> None:
    server.fail("sendMessage", kind=429, retry_after=17)
    with pytest.raises(Unavailable, match="17 秒") as error:
        await channel.send(HOME, CARD)
    assert error.value.retry_after == timedelta(seconds=17)


@pytest.mark.parametrize("kind", [500, 502, "html502", "reset"])
async def test_a_broken_line_is_unavailable_and_nothing_is_there(
    server: FakeTelegram, channel: Channel, kind: Kind
) -> None:
    server.fail("sendMessage", kind=kind)
    with pytest.raises(Unavailable, match="稍后会再试"):
        await channel.send(HOME, CARD)
    assert server.chat() == []
    await channel.send(HOME, CARD)
    assert len(server.chat()) == 1


async def test_a_cut_answer_is_unavailable_although_the_message_is_there(
    server: FakeTelegram, channel: Channel
) -> None:
    server.fail("sendMessage", kind="truncate")
    with pytest.raises(Unavailable):
        await channel.send(HOME, CARD)
    assert len(server.chat()) == 1


async def test_no_answer_is_unavailable(server: FakeTelegram, bench: Bench) -> None:
    async with bench.running(limits=Limits(answer=0.2)) as channel:
        server.fail("sendMessage", kind="hang")
        with pytest.raises(Unavailable, match="没有及时回应"):
            await channel.send(HOME, CARD)


async def test_nobody_there_is_unavailable(server: FakeTelegram, channel: Channel) -> None:
    await server.down()
    with pytest.raises(Unavailable, match="网络不通"):
        await channel.send(HOME, CARD)


async def test_a_person_who_stopped_the_bot_is_refused(server: FakeTelegram, channel: Channel) -> None:
    server.block()
    with pytest.raises(Refused, match="对方停用了机器人"):
        await channel.send(HOME, CARD)
    server.meet(-100, chat_type="group")
    server.block(-100)
    with pytest.raises(Refused, match="不在这个群里"):
        await channel.send(GROUP, CARD)
    with pytest.raises(Refused, match="找不到这个会话"):
        await channel.send(Chat("telegram", "555"), CARD)


@pytest.mark.parametrize(
    ("code", "description", "sentence"),
    [
        (403, "Forbidden: user is deactivated", "已注销"),
        (403, "Forbidden: bot can't initiate conversation with a user", "还没有和机器人说过话"),
        (400, "Bad Request: have no rights to send a message", "没有发言权限"),
        (400, "Bad Request: SOMETHING_NEW", "Something_new"),
    ],
)
async def test_each_refusal_says_what_to_do(
    server: FakeTelegram, channel: Channel, code: int, description: str, sentence: str
) -> None:
    server.fail("sendMessage", kind=code, description=description)
    with pytest.raises(Refused, match=sentence):
        await channel.send(HOME, CARD)


async def test_a_revoked_token_keeps_the_message_for_later(server: FakeTelegram, channel: Channel) -> None:
    server.revoke()
    with pytest.raises(Unavailable, match="BotFather"):
        await channel.send(HOME, CARD)


async def test_after_its_end_the_channel_sends_nothing_and_can_run_again(server: FakeTelegram, bench: Bench) -> None:
    channel = bench.channel(limits=UNHURRIED)
    for _ in range(2):
        task = asyncio.create_task(channel.run(bench.hall))
        await server.until(lambda s: s.polling)
        await channel.send(HOME, CARD)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        with pytest.raises(Unavailable):
            await channel.send(HOME, CARD)
    assert len(server.chat()) == 2


# --- pace ---


async def test_a_chat_gets_a_burst_and_then_one_a_second_and_no_other_waits(
    server: FakeTelegram, bench: Bench, channel: Channel
) -> None:
    server.meet(43)
    sending = [asyncio.create_task(channel.send(HOME, Message(text=str(n)))) for n in range(5)]
    await server.until(lambda s: len(s.chat()) == 3)
    await channel.send(Chat("telegram", "43"), CARD)
    assert bench.time.sleeping()[:2] == [1, 2]
    await bench.time.pass_when(1)
    await server.message(containing="3")
    assert not sending[4].done()
    bench.time.advance(1)
    await asyncio.gather(*sending)
    assert [message.text for message in server.chat()] == ["0", "1", "2", "3", "4"]


async def test_a_group_gets_twenty_a_minute(server: FakeTelegram, bench: Bench, channel: Channel) -> None:
    server.meet(-100, chat_type="group")
    sending = [asyncio.create_task(channel.send(GROUP, Message(text=str(n)))) for n in range(21)]
    await server.until(lambda s: len(s.chat(-100)) == 20)
    await bench.time.pass_when(3)
    await asyncio.gather(*sending)


# --- the life of the poll ---


async def test_an_update_that_cannot_be_parsed_holds_up_nothing(
    server: FakeTelegram, bench: Bench, channel: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    server.say("前")
    server.raw_update({"message": {"message_id": "nonsense"}})
    server.raw_update({"from_the_future": {"a": 1}})
    server.say("后")
    assert [(await bench.hall.next()).text for _ in range(2)] == ["前", "后"]
    await server.until(lambda s: s.polling and s.unconfirmed == 0)
    assert len(server.called("getUpdates")) <= 5
    assert caplog.text.count("读不懂 Telegram 的更新") == 1


async def test_telegram_out_of_reach_at_the_start_is_tried_again_for_ever(
    server: FakeTelegram, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await server.down()
    caplog.set_level(logging.INFO)
    async with bench.running():
        for wait in (1, 2, 4, 8, 16, 30, 30):
            await bench.time.pass_when(wait)
        await bench.time.until_asleep(30)
        await server.up()
        await bench.time.pass_when(30)
        server.say("你好")
        assert (await bench.hall.next()).text == "你好"
    assert caplog.text.count("连不上 Telegram") == 1
    assert caplog.text.count("已恢复连接") == 1


async def test_a_revoked_token_is_said_once_and_tried_slowly_until_it_is_good_again(
    server: FakeTelegram, bench: Bench, channel: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    server.revoke()
    for _ in range(3):
        await bench.time.pass_when(60)
    await bench.time.until_asleep(60)
    server.restore()
    await bench.time.pass_when(60)
    server.say("还在吗")
    assert (await bench.hall.next()).text == "还在吗"
    assert caplog.text.count("不认这个 token") == 1


async def test_a_second_program_on_the_token_is_said_once(
    server: FakeTelegram, bench: Bench, channel: Channel, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        server.fail("getUpdates", kind=409, description="Conflict: terminated by other getUpdates request")
        await bench.time.pass_when(5)
        await server.until(lambda s: s.polling)
    server.say("你好")
    assert (await bench.hall.next()).text == "你好"
    assert caplog.text.count("另一个程序正在用同一个 token") == 1


@pytest.mark.parametrize("kind", [500, "html502", "reset", "truncate", 429])
async def test_trouble_with_the_poll_loses_nothing_and_repeats_nothing(
    server: FakeTelegram, bench: Bench, channel: Channel, kind: Kind
) -> None:
    server.say("一")
    assert (await bench.hall.next()).text == "一"
    await server.until(lambda s: s.polling)
    fault = server.fail("getUpdates", kind=kind, retry_after=1)
    await server.until(lambda _: fault.hits)
    server.say("二")
    await bench.time.pass_when(1)
    assert (await bench.hall.next()).text == "二"
    await server.until(lambda s: s.polling and s.unconfirmed == 0)
    assert len(bench.hall.heard) == 2


async def test_a_proxys_own_page_is_no_verdict_on_the_token(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    async with answering(lambda _: (404, "<p>!")) as base_url, bench.running(base_url=base_url) as channel:
        await bench.time.pass_when(1)
        with pytest.raises(Unavailable, match="HTTP 404"):
            await channel.send(HOME, CARD)
    assert "连不上 Telegram（HTTP 404）" in caplog.text
    assert "不认这个 token" not in caplog.text


async def test_a_poll_that_hangs_is_given_up_and_begun_anew(server: FakeTelegram, bench: Bench) -> None:
    fault = server.fail("getUpdates", kind="hang")
    async with bench.running(limits=Limits(silence=1)):
        await server.until(lambda _: fault.hits)
        server.say("醒醒")
        await bench.time.pass_when(1)
        assert (await bench.hall.next()).text == "醒醒"


async def test_the_bot_ends_at_once_although_a_poll_is_waiting(server: FakeTelegram, bench: Bench) -> None:
    task = asyncio.create_task(bench.channel().run(bench.hall))
    await server.until(lambda s: s.polling)
    async with asyncio.timeout(2):  # the poll itself would last 30 s
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.until(lambda s: not s.polling)


async def test_the_poll_asks_for_messages_and_presses_alone_and_drops_nothing(
    server: FakeTelegram, channel: Channel
) -> None:
    await server.until(lambda s: s.called("getUpdates"))
    assert server.called("getUpdates")[0].params["allowed_updates"] == ["message", "callback_query"]
    assert not server.called("deleteWebhook")[0].params.get("drop_pending_updates")


async def test_the_menu_has_the_commands_that_telegram_can_show(server: FakeTelegram, bench: Bench) -> None:
    async with bench.running(commands=[("list", "看盯盘任务"), ("列表", "看盯盘任务"), ("Why", "为什么")]):
        await server.until(lambda s: s.commands)
    assert server.commands["default"] == [{"command": "list", "description": "看盯盘任务"}]


async def test_a_menu_that_cannot_be_set_stops_nothing(
    server: FakeTelegram, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    fault = server.fail("setMyCommands", kind=400, description="Bad Request: BOT_COMMAND_INVALID")
    async with bench.running(commands=[("list", "看盯盘任务")]):
        await server.until(lambda _: fault.hits)
        server.say("你好")
        assert (await bench.hall.next()).text == "你好"
    assert "没能设置 Telegram 的命令菜单" in caplog.text


async def test_an_unused_line_is_kept_warm(server: FakeTelegram, bench: Bench, channel: Channel) -> None:
    await channel.send(HOME, CARD)
    asked = len(server.called("getMe"))
    await bench.time.pass_when(45)
    await server.until(lambda s: len(s.called("getMe")) > asked)


async def test_both_ways_go_through_the_proxy(server: FakeTelegram, bench: Bench) -> None:
    proxy = server.base_url.removesuffix("/bot")  # it reads the absolute URLs that a proxy is asked for
    async with bench.running(base_url="http://telegram.invalid", proxy=proxy) as channel:
        server.say("你好")
        assert (await bench.hall.next()).text == "你好"
        await channel.send(HOME, CARD)
    assert server.chat()[-1].from_bot


# --- secrets and settings ---


async def test_the_token_and_the_proxys_password_are_in_no_log_error_or_repr(
    server: FakeTelegram, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("", "telegram", "telegram.Bot", "telegram.request", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, name)
    shown: list[str] = []

    async def fail_to_send(channel: Channel) -> None:
        with pytest.raises((Unavailable, Refused)) as error:
            await channel.send(HOME, CARD)
        shown.extend([repr(channel), repr(error.value), *traceback.format_exception(error.value)])

    proxy = server.base_url.removesuffix("/bot").replace("//", "//me:p%40ssw0rd@")
    async with bench.running(base_url="http://telegram.invalid", proxy=proxy, limits=UNHURRIED) as channel:
        await server.until(lambda s: s.polling)
        server.revoke()
        await fail_to_send(channel)
        await bench.time.until_asleep(60)
        server.restore()
        server.block()
        await fail_to_send(channel)
        await server.down()
        await fail_to_send(channel)
        await bench.time.pass_when(60)
        await bench.time.until_asleep(2)
        error = ValueError(server.token)
        logging.getLogger("telegram.ext").error("%s p@ssw0rd", server.token, exc_info=error)
    text = caplog.text + "".join(shown)
    assert "ERROR    telegram.ext" in text
    assert "ValueError: 123456:***" in text
    for secret in (SECRET, "p@ssw0rd", "p%40ssw0rd"):
        assert secret not in text


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"token": ""}, "TELEGRAM_BOT_TOKEN"),
        ({"token": "hello world"}, "TELEGRAM_BOT_TOKEN"),
        ({"base_url": "api.telegram.org"}, "TELEGRAM_BASE_URL"),
        ({"proxy": "127.0.0.1:7890"}, "TELEGRAM_PROXY"),
        ({"proxy": "ftp://127.0.0.1"}, "TELEGRAM_PROXY"),
    ],
)
async def test_a_setting_that_cannot_be_is_said_at_once(bench: Bench, settings: dict[str, str], setting: str) -> None:
    with pytest.raises(ConfigError, match=setting) as error:
        bench.channel(**settings)
    assert len(error.value.problems) == 1


async def test_the_systems_proxy_is_not_asked_for_a_server_on_this_machine(
    server: FakeTelegram, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with bench.running() as channel:
        await channel.send(HOME, CARD)
    assert server.chat()


async def test_a_group_that_has_become_a_supergroup_is_followed(bench: Bench) -> None:
    asked: list[str] = []

    def answer(request: str) -> tuple[int, str]:
        asked.append("new" if '"-200"' in request else "old")
        if asked[-1] == "new":
            return (
                200,
                '{"ok":true,"result":{"message_id":5,"date":1,"chat":{"id":-200,"type":"supergroup"},"new":[1]}}',
            )
        words = "Bad Request: group chat was upgraded to a supergroup chat"
        return 400, f'{{"ok":false,"description":"{words}","parameters":{{"migrate_to_chat_id":-200}}}}'

    async with answering(answer) as base_url:
        channel = bench.channel(base_url=base_url)
        assert await channel.send(GROUP, CARD) == "5"
        assert await channel.edit(GROUP, "5", CARD) == "5"
        assert asked == ["old", "new", "new"]
        await channel.close()
