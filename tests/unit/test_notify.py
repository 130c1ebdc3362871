"""Messages leave in order, each chat for itself, until each is sent or refused; a restart sends what is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from adapters.stores.memory import MemoryStore
from core.clock import ManualClock
from core.errors import Malformed, Refused, Unavailable
from core.feed import Fact, Feed, Said
from core.messages import Chart, Chat, Delivery, Message, Outgoing
from core.notify import IN_FLIGHT, LONGEST_WAIT, Notifier, wait_before
from core.ports import Channel, Painter
from tests.fakes.parts import CHAT, MOUTAI, OTHER_CHAT, Naps, Phone, ShakyStore, at, quiet, until


class Post:
    """A notifier at work over one phone."""

    def __init__(
        self, store: MemoryStore | None = None, home: Sequence[Chat] = (), painter: Painter | None = None
    ) -> None:
        self.store = store or MemoryStore()
        # A later process gives out other ids.
        self.clock = ManualClock(at("10:00"), first_id=1000 * (1 + len(self.store._outbox)))
        self.phone = Phone()
        self.naps = Naps()
        self.feed = Feed()
        self.facts: list[Fact] = []
        self.feed.subscribe(self.facts.append)
        self.notifier = Notifier(self.store, self.clock, self.feed, self.naps, home=lambda: home, painter=painter)

    async def say(self, *titles: str, chat: Chat = CHAT, urgent: bool = False, card: str | None = None) -> None:
        await self.notifier.say(chat, *(Message(title=title, urgent=urgent, card=card) for title in titles))

    async def rows(self, *ids: str) -> list[Outgoing]:
        return [row for row in self.store._outbox.values() if not ids or row.id in ids]

    @asynccontextmanager
    async def running(self, channels: Mapping[str, Channel] | None = None) -> AsyncIterator[None]:
        task = asyncio.create_task(self.notifier.run(channels if channels is not None else {"phone": self.phone}))
        try:
            yield
            assert not task.done(), "the notifier must not end"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


# -- order


async def test_messages_of_a_chat_arrive_in_order_and_are_marked_sent() -> None:
    post = Post()
    async with post.running():
        await post.say("一", "二")
        await post.say("三")
        await post.notifier.drained()
    assert post.phone.titles() == ["一", "二", "三"]
    assert [(row.state, row.attempts, row.ref) for row in await post.rows()] == [
        (Delivery.SENT, 1, "1"),
        (Delivery.SENT, 1, "2"),
        (Delivery.SENT, 1, "3"),
    ]
    assert [fact.message.title for fact in post.facts if isinstance(fact, Said)] == ["一", "二", "三"]


async def test_an_urgent_message_goes_before_what_waits_and_behind_what_is_under_way() -> None:
    post = Post()
    gate = post.phone.hold()
    async with post.running():
        await post.say("一", "二", "三")
        await until(lambda: bool(post.phone.tried))
        await post.say("急一", urgent=True)
        await post.say("急二", urgent=True)
        gate.set()
        await post.notifier.drained()
    assert post.phone.titles() == ["一", "急一", "急二", "二", "三"]


async def test_an_urgent_message_goes_before_one_that_failed_and_waits_for_its_next_try() -> None:
    post = Post()
    post.naps.gate.clear()
    post.phone.fail(Unavailable("phone", "网络不通"))
    async with post.running():
        await post.say("一")
        await until(lambda: bool(post.naps.taken))
        await post.say("急", urgent=True)
        post.naps.gate.set()
        await post.notifier.drained()
    assert post.phone.titles() == ["急", "一"]


async def test_the_order_is_kept_over_failures() -> None:
    post = Post()
    post.phone.fail(*[Unavailable("phone", "网络不通")] * 3)
    async with post.running():
        await post.say("一", "二", "三")
        await post.notifier.drained()
    assert post.phone.titles() == ["一", "二", "三"]


# -- failures


async def test_what_is_unavailable_is_tried_again_with_growing_waits() -> None:
    post = Post()
    post.phone.fail(*[Unavailable("phone", "网络不通")] * 10)
    async with post.running():
        await post.say("一")
        await post.notifier.drained()
    assert post.phone.titles() == ["一"]
    assert post.naps.taken == [1, 2, 4, 8, 16, 32, 64, 120, 120, 120]
    (row,) = await post.rows()
    assert (row.state, row.attempts, row.error) == (Delivery.SENT, 11, "")


async def test_the_wait_that_the_other_side_asks_for_is_kept() -> None:
    post = Post()
    post.phone.fail(Unavailable("phone", "太快了", retry_after=timedelta(seconds=37)))
    async with post.running():
        await post.say("一")
        await post.notifier.drained()
    assert post.naps.taken == [37]


async def test_a_message_that_waits_says_in_the_store_why_and_until_when() -> None:
    post = Post()
    post.naps.gate.clear()
    post.phone.fail(Unavailable("phone", "网络不通"))
    async with post.running():
        await post.say("一")
        await until(lambda: bool(post.naps.taken))
        (row,) = await post.store.unsent()
        assert (row.state, row.attempts, row.error) == (Delivery.QUEUED, 1, "网络不通")
        assert row.next_at == at("10:00:01")


@pytest.mark.parametrize("error", [Refused("phone", "被拉黑了"), Malformed("phone", "看不懂")])
async def test_what_is_refused_has_failed_and_the_next_message_goes_on(error: Exception) -> None:
    post = Post()
    post.phone.fail(error)
    async with post.running():
        await post.say("一", "二")
        await post.notifier.drained()
    assert post.phone.titles() == ["二"]
    assert post.naps.taken == []
    assert [(row.state, row.attempts) for row in await post.rows()] == [(Delivery.FAILED, 1), (Delivery.SENT, 1)]
    assert (await post.rows())[0].error in {"被拉黑了", "看不懂"}


async def test_a_bug_in_a_channel_fails_its_message_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It would end the program at every start otherwise, because the row would be sent again."""
    post = Post()
    post.phone.fail(KeyError("a bug"))
    async with post.running():
        await post.say("一", "二")
        await post.notifier.drained()
    failed, sent = await post.rows()
    assert (failed.state, failed.error) == (Delivery.FAILED, f"内部错误 {failed.id}")
    assert sent.state is Delivery.SENT
    assert "a bug" in caplog.text


async def test_a_chat_that_hangs_holds_up_no_other() -> None:
    post = Post()
    gate = post.phone.hold(CHAT)
    async with post.running():
        await post.say("一")
        await post.say("二", chat=OTHER_CHAT)
        await until(lambda: post.phone.titles(OTHER_CHAT) == ["二"])
        assert post.phone.titles(CHAT) == []
        gate.set()
        await post.notifier.drained()
    assert post.phone.titles(CHAT) == ["一"]


async def test_a_chat_that_waits_for_its_next_try_holds_up_no_other() -> None:
    post = Post()
    post.naps.gate.clear()
    post.phone.fail(Unavailable("phone", "网络不通"))
    async with post.running():
        await post.say("一")
        await post.say("二", chat=OTHER_CHAT)
        await until(lambda: post.phone.titles(OTHER_CHAT) == ["二"])
        assert post.phone.titles(CHAT) == []


async def test_no_more_than_so_many_requests_are_under_way() -> None:
    post = Post()
    chats = [Chat("phone", str(number)) for number in range(IN_FLIGHT + 5)]
    gates = [post.phone.hold(chat) for chat in chats]
    async with post.running():
        for chat in chats:
            await post.say("一", chat=chat)
        await quiet()
        assert len(post.phone.tried) == IN_FLIGHT
        for gate in gates:
            gate.set()
        await post.notifier.drained()
        assert len(post.phone.calls) == IN_FLIGHT + 5


async def test_a_channel_that_is_not_switched_on_keeps_its_messages() -> None:
    post = Post()
    post.naps.gate.clear()
    async with post.running({}):
        await post.say("一")
        await until(lambda: bool(post.naps.taken))
        assert post.naps.taken == [LONGEST_WAIT.total_seconds()]
        (row,) = await post.store.unsent()
        assert row.error == "这个渠道没有开启"
    again = Post(post.store)
    async with again.running():
        await until(lambda: again.phone.titles() == ["一"])


HOME = Chat("terminal", "local")
UNDELIVERED = "⚠️ 提醒没有送达"


async def alert(post: Post, title: str, chat: Chat = CHAT) -> Outgoing:
    """A message that tells an alert."""
    row = post.notifier.compose(chat, Message(title=title), ("A1",))
    await post.store.enqueue([row])
    post.notifier.post([row])
    return row


async def test_an_alert_that_its_chat_refuses_is_told_to_the_house_once() -> None:
    post = Post(home=[CHAT, HOME])
    terminal = Phone("terminal")
    post.phone.fail(Refused("phone", "被拉黑了。"))
    async with post.running({"phone": post.phone, "terminal": terminal}):
        row = await alert(post, "茅台 1419")
        await post.notifier.drained()
    (message,) = terminal.shown(HOME)
    assert message.title == UNDELIVERED
    assert message.text == "有一条提醒发不到 phone:1：被拉黑了。内容：\n茅台 1419"
    assert [each.state for each in await post.rows()] == [Delivery.FAILED, Delivery.SENT]
    assert [each.id for each in await post.store.deliveries(["A1"])] == [row.id]


async def test_a_card_that_is_refused_is_told_to_the_house_and_small_talk_is_not() -> None:
    post = Post(home=[HOME])
    terminal = Phone("terminal")
    post.phone.fail(Refused("phone", "被拉黑了"), Refused("phone", "被拉黑了"))
    async with post.running({"phone": post.phone, "terminal": terminal}):
        await post.say("你好")
        await post.say("待确认" + "长" * 500, card="ticket:1")
        await post.notifier.drained()
    (message,) = terminal.shown(HOME)
    assert "待确认" in message.text
    assert len(message.text) < 400


async def test_a_house_that_refuses_too_is_not_told_of_that() -> None:
    post = Post(home=[HOME, CHAT])
    terminal = Phone("terminal")
    post.phone.fail(*[Refused("phone", "被拉黑了")] * 5)
    terminal.fail(*[Refused("terminal", "关了")] * 5, chat=HOME)
    async with post.running({"phone": post.phone, "terminal": terminal}):
        await alert(post, "一")
        await alert(post, "二", chat=HOME)
        await post.notifier.drained()
        await quiet()
    assert len(post.phone.tried) == 2
    assert len(terminal.tried) == 2


@pytest.mark.parametrize("home", [(), (CHAT,), (Chat("elsewhere", "1"),)])
async def test_without_another_chat_a_refused_alert_stands_in_the_log(
    home: Sequence[Chat], caplog: pytest.LogCaptureFixture
) -> None:
    post = Post(home=home)
    post.phone.fail(Refused("phone", "被拉黑了"))
    async with post.running():
        await alert(post, "茅台 1419")
        await post.notifier.drained()
    assert len(await post.rows()) == 1
    assert "茅台 1419" in caplog.text


async def test_the_house_is_told_of_a_refused_alert_though_the_database_fails() -> None:
    store = ShakyStore()
    post = Post(store, home=[HOME])
    terminal = Phone("terminal")
    post.phone.fail(Refused("phone", "被拉黑了"))
    async with post.running({"phone": post.phone, "terminal": terminal}):
        row = post.notifier.compose(CHAT, Message(title="一"), ("A1",))
        await store.enqueue([row])
        store.fail("enqueue")
        post.notifier.post([row])
        await post.notifier.drained()
    assert terminal.titles(HOME) == [UNDELIVERED]


async def test_what_is_left_for_a_channel_that_this_run_does_not_have_is_said_at_home() -> None:
    before = Post()
    await alert(before, "茅台 1419")
    await before.notifier.say(CHAT, Message(text="没有标题"))
    after = Post(before.store, home=[CHAT, HOME])
    after.clock.advance(timedelta(hours=1))
    terminal = Phone("terminal")
    async with after.running({"terminal": terminal}):
        await until(lambda: len(terminal.calls) == 2)
        await alert(after, "茅台 1418")
        await after.notifier.drained()
    assert terminal.texts(HOME) == ["（03-23 10:00 的消息）茅台 1419", "（03-23 10:00 的消息）没有标题", "茅台 1418"]
    assert await after.store.unsent() == []
    told = await after.store.deliveries(["A1"])
    assert [(row.chat, row.state) for row in told] == [
        (CHAT, Delivery.FAILED),
        (HOME, Delivery.SENT),
        (CHAT, Delivery.FAILED),
        (HOME, Delivery.SENT),
    ]
    assert told[0].error == "这个渠道没有开启，已改发到 terminal:local"


async def test_what_could_not_be_stored_for_home_keeps_waiting_for_its_own_channel() -> None:
    store = ShakyStore()
    post = Post(store, home=[HOME])
    await post.say("一")
    store.fail("enqueue")
    terminal = Phone("terminal")
    async with post.running({"terminal": terminal}):
        await until(lambda: terminal.titles(HOME) == ["一"])
        await post.notifier.drained()
    assert post.naps.taken == [LONGEST_WAIT.total_seconds()]


# -- restarts and the store


async def test_a_restart_sends_what_was_left_unsent_in_order_and_nothing_else() -> None:
    before = Post()
    before.naps.gate.clear()
    async with before.running():
        await before.say("零")
        await before.notifier.drained()
        before.phone.fail(Unavailable("phone", "网络不通"))
        await before.say("一", "二")
        await before.say("三", chat=OTHER_CHAT)
        await until(lambda: bool(before.naps.taken) and bool(before.phone.titles(OTHER_CHAT)))
    after = Post(before.store)
    async with after.running():
        await until(lambda: len(after.phone.calls) == 2)
        await after.notifier.drained()
    assert after.phone.titles() == ["一", "二"]
    assert after.phone.titles(OTHER_CHAT) == []


async def test_what_is_said_before_the_start_comes_after_what_was_left_and_only_once() -> None:
    before = Post()
    await before.say("旧")
    after = Post(before.store)
    after.clock.advance(timedelta(minutes=1))
    await after.say("新")
    async with after.running():
        await until(lambda: len(after.phone.calls) == 2)
        await after.notifier.drained()
    assert after.phone.titles() == ["旧", "新"]


class SlowStore(MemoryStore):
    """Answers what is unsent when it is let to; what is said meanwhile is part of the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    async def unsent(self) -> list[Outgoing]:
        self.asked.set()
        await self.answer.wait()
        return list(await super().unsent())


async def test_what_is_said_while_the_outbox_is_read_is_sent_once() -> None:
    store = SlowStore()
    post = Post(store)
    async with post.running():
        await store.asked.wait()
        await post.say("一")
        store.answer.set()
        await until(lambda: bool(post.phone.calls))
        await post.notifier.drained()
        await quiet()
    assert post.phone.titles() == ["一"]


@pytest.mark.parametrize("error", [None, Malformed("数据库", "表不见了。")])
async def test_an_outbox_that_cannot_be_read_at_the_start_is_read_later(error: Malformed | None) -> None:
    store = ShakyStore()
    post = Post(store)
    await post.say("一")
    store.fail("unsent", 3, error)
    async with post.running():
        await until(lambda: post.phone.titles() == ["一"])
    assert post.naps.taken == [1, 2, 4]


async def test_a_row_that_could_not_be_marked_is_sent_again_after_a_restart() -> None:
    store = ShakyStore()
    post = Post(store)
    async with post.running():
        store.fail("delivered")
        await post.say("一")
        await post.notifier.drained()
    assert post.phone.titles() == ["一"]
    again = Post(store)
    async with again.running():
        await until(lambda: again.phone.titles() == ["一"])


class BrokenStore(MemoryStore):
    """Fails in a way that nobody foresaw."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def delivered(self, outgoing: Outgoing) -> None:
        raise self._error


@pytest.mark.parametrize("error", [Malformed("数据库", "表不见了"), KeyError("a bug")])
async def test_a_database_that_fails_in_any_other_way_ends_nothing_either(error: Exception) -> None:
    post = Post(BrokenStore(error))
    async with post.running():
        await post.say("一", "二")
        await post.notifier.drained()
    assert post.phone.titles() == ["一", "二"]


async def test_a_message_that_could_not_be_stored_is_not_sent() -> None:
    store = ShakyStore()
    post = Post(store)
    async with post.running():
        store.fail("enqueue")
        with pytest.raises(Unavailable):
            await post.say("一")
        await quiet()
    assert post.phone.calls == []


# -- cards


async def test_the_next_version_of_a_card_replaces_it_in_place() -> None:
    post = Post()
    async with post.running():
        await post.say("待确认", card="ticket:1")
        await post.say("别的")
        await post.say("已确认", card="ticket:1")
        await post.notifier.drained()
    assert [(how, ref, message.title) for how, _, ref, message in post.phone.calls] == [
        ("send", None, "待确认"),
        ("send", None, "别的"),
        ("edit", "1", "已确认"),
    ]


async def test_a_card_is_replaced_after_a_restart_too_and_only_in_its_own_chat() -> None:
    before = Post()
    async with before.running():
        await before.say("待确认", card="ticket:1")
        await before.notifier.drained()
    after = Post(before.store)
    async with after.running():
        await after.say("已确认", card="ticket:1")
        await after.say("已确认", card="ticket:1", chat=OTHER_CHAT)
        await after.notifier.drained()
    assert sorted((how, ref or "", chat.id) for how, chat, ref, _ in after.phone.calls) == [
        ("edit", "1", CHAT.id),
        ("send", "", OTHER_CHAT.id),
    ]


async def test_a_card_whose_sending_could_not_be_marked_is_replaced_all_the_same_and_stays_replaced() -> None:
    store = ShakyStore()
    before = Post(store)
    async with before.running():
        store.fail("delivered")
        await before.say("待确认", card="ticket:1")
        await before.notifier.drained()
        await before.say("已确认", card="ticket:1")
        await before.notifier.drained()
    assert [(how, ref) for how, _, ref, _ in before.phone.calls] == [("send", None), ("edit", "1")]
    after = Post(store)
    async with after.running():
        await after.say("新的")
        await until(lambda: after.phone.titles() != [])
        await after.notifier.drained()
    assert after.phone.titles() == ["新的"], "the old version must not take the place of the new one"


async def test_a_card_that_was_refused_is_sent_anew() -> None:
    post = Post()
    post.phone.fail(Refused("phone", "不行"))
    async with post.running():
        await post.say("待确认", card="ticket:1")
        await post.say("已确认", card="ticket:1")
        await post.notifier.drained()
    assert [(how, message.title) for how, _, _, message in post.phone.calls] == [("send", "已确认")]


async def test_an_onlooker_that_fails_holds_up_no_message() -> None:
    post = Post()

    def broken(_fact: Fact) -> None:
        raise RuntimeError("an onlooker's bug")

    post.feed.subscribe(broken)
    async with post.running():
        await post.say("一", "二")
        await post.notifier.drained()
    assert post.phone.titles() == ["一", "二"]


def test_waits_double_up_to_two_minutes_however_often_it_failed() -> None:
    waits = [wait_before(attempts, None) for attempts in (0, 1, 2, 8, 9, 10_000)]
    assert [wait.total_seconds() for wait in waits] == [1, 1, 2, 120, 120, 120]
    assert wait_before(1, timedelta(minutes=9)) == timedelta(minutes=9)


# -- pictures


class Easel:
    """A painter that fails as it is told to."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)

    async def paint(self, chart: Chart) -> bytes:
        if self.faults:
            raise self.faults.pop(0)
        return chart.title.encode()

    def describe(self) -> str:
        return ""


ILLUSTRATED = Message(title="提醒", text="现价 1419.09", chart=Chart(title="日线", symbol=MOUTAI), card="a")


async def test_a_chart_is_painted_when_its_message_is_sent_and_when_it_is_edited() -> None:
    post = Post(painter=Easel())
    async with post.running():
        await post.notifier.say(CHAT, ILLUSTRATED, Message(title="没有图"), ILLUSTRATED)
        await post.notifier.drained()
    assert [how for how, *_ in post.phone.calls] == ["send", "send", "edit"]
    assert post.phone.pictures == ["日线".encode(), None, "日线".encode()]


async def test_without_a_painter_the_words_go_alone() -> None:
    post = Post()
    async with post.running():
        await post.notifier.say(CHAT, ILLUSTRATED)
        await post.notifier.drained()
    assert post.phone.shown() == [ILLUSTRATED]
    assert post.phone.pictures == [None]


@pytest.mark.parametrize(
    ("fault", "words"), [(Unavailable("画图", "字体不见了。"), "字体不见了。）"), (LookupError("bug"), "内部错误")]
)
async def test_a_picture_that_cannot_be_painted_costs_no_alert(fault: Exception, words: str) -> None:
    post = Post(painter=Easel(fault))
    async with post.running():
        await post.notifier.say(CHAT, ILLUSTRATED)
        await post.notifier.drained()
    [shown] = post.phone.shown()
    assert shown.text.startswith("现价 1419.09\n（图没有画成：")
    assert words in shown.text
    assert [row.state for row in await post.rows()] == [Delivery.SENT]
    assert [row.message for row in await post.rows()] == [ILLUSTRATED], "what is stored can be painted another time"


async def test_a_message_that_is_sent_again_has_its_picture_again() -> None:
    post = Post(painter=Easel())
    post.phone.fail(Unavailable("手机", "没有信号"))
    async with post.running():
        await post.notifier.say(CHAT, ILLUSTRATED)
        await post.notifier.drained()
    assert post.phone.pictures == ["日线".encode()]
