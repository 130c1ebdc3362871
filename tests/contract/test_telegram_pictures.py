"""Pictures in Telegram: the words stand under them, edits keep to their kind, and no trouble with one costs the words."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from adapters import painter
from adapters.channels.telegram import NO_PICTURE, Limits, Rate, TelegramChannel, connect
from adapters.channels.telegram_text import CAPTION_LIMIT, compose, units
from adapters.fonts import Face
from adapters.stores import sql
from core.amend import Amendments
from core.clock import ManualClock
from core.errors import Refused, Unavailable
from core.feed import Feed
from core.messages import Button, Candle, Chart, Chat, Message
from core.notify import Notifier
from core.types import Symbol
from tests.fakes.telegram import FakeTelegram, Kind

HOME = Chat("telegram", "42")
CARD = Message(
    title="贵州茅台(600519) 1419.83",
    text="跌到 1420.00 及以下 <今天第一次>",
    buttons=((Button("看图", "chart 600519"),),),
)


def png(colour: str = "white", size: tuple[int, int] = (99, 66)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
async def server() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as server:
        server.meet()
        yield server


@pytest.fixture
async def channel(server: FakeTelegram) -> AsyncIterator[TelegramChannel]:
    channel = connect(
        token=server.token,
        base_url=server.base_url,
        clock=ManualClock(datetime(2026, 3, 23, 1, 38, tzinfo=UTC)),
        limits=Limits(private=Rate(100, 1), answer=5),
    )
    yield channel
    await channel.close()


async def test_a_picture_is_sent_with_its_words_and_buttons_under_it(
    server: FakeTelegram, channel: TelegramChannel
) -> None:
    ref = await channel.send(HOME, CARD, png())
    [shown] = server.chat()
    assert (shown.photo, shown.text, shown.labels) == (png(), CARD.plain(), ["看图"])
    assert shown.html.startswith("<b>贵州茅台(600519) 1419.83</b>")
    assert ref != str(shown.id), "the ref says that it is a picture"
    assert not server.refusals


async def test_words_that_are_too_long_for_a_caption_go_on_in_a_message_with_the_buttons(
    server: FakeTelegram, channel: TelegramChannel
) -> None:
    lines = [f"第{number}行：现价 1419.09 & 买一 1419.08" for number in range(100)]
    ref = await channel.send(HOME, CARD.model_copy(update={"text": "\n".join(lines)}), png())
    first, second = server.chat()
    assert first.photo
    assert units(first.text) <= CAPTION_LIMIT
    assert [second.labels, first.labels] == [["看图"], []]
    assert f"{first.text}\n{second.text}".splitlines() == [CARD.title, *lines]
    assert ref == str(second.id)


@pytest.mark.parametrize("length", [900, 1000, 1024, 1100, 6000])
def test_one_line_without_any_break_is_cut_where_the_caption_ends(length: int) -> None:
    parts = compose(Message(text="涨" * length), first=1000)
    assert "".join(part.plain for part in parts) == "涨" * length
    assert units(parts[0].plain) <= 1000
    assert all(units(part.plain) <= 4096 for part in parts)


async def test_a_new_version_brings_a_new_picture_in_place(server: FakeTelegram, channel: TelegramChannel) -> None:
    ref = await channel.send(HOME, CARD, png())
    assert await channel.edit(HOME, ref, CARD.model_copy(update={"buttons": ()}), png("black")) == ref
    [shown] = server.chat()
    assert (shown.photo, shown.labels, shown.edited) == (png("black"), [], 1)


async def test_a_new_version_without_a_picture_keeps_the_old_one_above_its_words(
    server: FakeTelegram, channel: TelegramChannel
) -> None:
    ref = await channel.send(HOME, CARD, png())
    assert await channel.edit(HOME, ref, Message(title="已成交")) == ref
    [shown] = server.chat()
    assert (shown.photo, shown.text, shown.labels) == (png(), "已成交", [])


async def test_a_message_of_words_gets_its_picture_in_place(server: FakeTelegram, channel: TelegramChannel) -> None:
    ref = await channel.send(HOME, CARD)
    with_picture = await channel.edit(HOME, ref, CARD, png())
    assert await channel.edit(HOME, with_picture, Message(title="到期")) == with_picture
    [shown] = server.chat()
    assert (shown.photo, shown.text) == (png(), "到期")


async def test_an_edit_that_changes_nothing_is_fine(server: FakeTelegram, channel: TelegramChannel) -> None:
    ref = await channel.send(HOME, CARD, png())
    assert await channel.edit(HOME, ref, CARD, png()) == ref
    assert await channel.edit(HOME, ref, CARD) == ref


async def test_a_picture_that_is_gone_is_sent_anew(server: FakeTelegram, channel: TelegramChannel) -> None:
    ref = await channel.send(HOME, CARD, png())
    server._chats[42].messages.clear()
    assert await channel.edit(HOME, ref, CARD, png("black")) != ref
    assert [message.photo for message in server.chat()] == [png("black")]


async def test_a_picture_whose_ref_was_not_stored_is_sent_anew_as_words(
    server: FakeTelegram, channel: TelegramChannel
) -> None:
    ref = await channel.send(HOME, CARD)
    await channel.edit(HOME, ref, CARD, png())
    await channel.edit(HOME, ref, Message(title="已成交"))
    assert [message.text for message in server.chat()] == [CARD.plain(), "已成交"]


@pytest.mark.parametrize(
    "picture", [b"GIF89a", png()[:-5], png(size=(9000, 2000)), png(size=(1, 30))], ids=["no-png", "cut", "big", "thin"]
)
async def test_a_picture_that_telegram_does_not_take_leaves_the_words_and_a_note(
    server: FakeTelegram, channel: TelegramChannel, picture: bytes
) -> None:
    ref = await channel.send(HOME, CARD, picture)
    [shown] = server.chat()
    assert shown.text == f"{CARD.plain()}\n{NO_PICTURE}"
    assert (shown.labels, ref) == (["看图"], str(shown.id))


@pytest.mark.parametrize("kind", ["reset", "html502", 500, 413])
async def test_a_line_that_fails_under_a_picture_still_takes_the_words(
    server: FakeTelegram, channel: TelegramChannel, kind: Kind
) -> None:
    server.fail("sendPhoto", kind=kind)
    await channel.send(HOME, CARD, png())
    assert [message.text for message in server.chat()] == [f"{CARD.plain()}\n{NO_PICTURE}"]


async def test_an_edit_whose_picture_fails_changes_the_words_of_the_old_one(
    server: FakeTelegram, channel: TelegramChannel
) -> None:
    full = CARD.model_copy(update={"text": "涨" * 2000})
    ref = await channel.send(HOME, CARD, png())
    server.fail("editMessageMedia", kind="html502")
    await channel.edit(HOME, ref, full, png("black"))
    first, *rest = server.chat()
    assert first.photo == png()
    assert first.text.endswith(NO_PICTURE)
    assert rest
    assert not server.refusals, "the note fits under the picture too"


async def test_a_line_that_fails_altogether_is_unavailable(server: FakeTelegram, channel: TelegramChannel) -> None:
    server.fail("*", kind="reset", times=2)
    with pytest.raises(Unavailable, match="网络不通"):
        await channel.send(HOME, CARD, png())
    assert not server.chat()


async def test_too_fast_is_unavailable_and_no_words_are_pressed_after_the_picture(
    server: FakeTelegram, channel: TelegramChannel
) -> None:
    server.fail("sendPhoto", kind=429, retry_after=7)
    with pytest.raises(Unavailable, match="7 秒"):
        await channel.send(HOME, CARD, png())
    assert not server.called("sendMessage")


async def test_a_person_who_stopped_the_bot_is_refused(server: FakeTelegram, channel: TelegramChannel) -> None:
    server.block()
    with pytest.raises(Refused):
        await channel.send(HOME, CARD, png())


async def test_html_that_telegram_cannot_read_goes_out_plain_under_its_picture(
    server: FakeTelegram, channel: TelegramChannel
) -> None:
    server.fail("sendPhoto", kind=400, description="Bad Request: can't parse entities: Unsupported start tag")
    await channel.send(HOME, CARD, png())
    [shown] = server.chat()
    assert (shown.text, shown.entities, bool(shown.photo)) == (CARD.plain(), (), True)


async def test_a_chart_comes_out_of_the_database_and_is_painted_on_its_way_to_the_phone(
    server: FakeTelegram, channel: TelegramChannel, tmp_path: Path
) -> None:
    store = sql.connect(tmp_path / "dingpan.db")
    artist = painter.connect(face=Face(None))
    candle = Candle(1_774_335_300, 1_420_000, 1_430_000, 1_410_000, 1_425_000, 100)
    chart = Chart(title="贵州茅台 600519 日线", symbol=Symbol("600519.SH"), candles=(candle,), dark=True)
    clock = ManualClock(datetime(2026, 3, 23, 1, 38, tzinfo=UTC))
    before = Notifier(store, clock, Feed())
    await store.enqueue([before.compose(HOME, CARD.model_copy(update={"chart": chart, "card": "a"}))])
    notifier = Notifier(store, clock, Feed(), painter=artist)
    sending = asyncio.create_task(notifier.run({"telegram": channel}))
    await server.message(containing="1419.83")
    await notifier.say(HOME, Message(title="已成交", card="a"))
    await notifier.drained()
    sending.cancel()
    [shown] = server.chat()
    assert (shown.photo, shown.text) == (await artist.paint(chart), "已成交")
    artist.close()
    await store.close()


async def test_the_picture_of_an_alert_comes_into_the_message_that_told_it(
    server: FakeTelegram, channel: TelegramChannel, tmp_path: Path
) -> None:
    store = sql.connect(tmp_path / "dingpan.db")
    artist = painter.connect(face=Face(None))
    notifier = Notifier(store, ManualClock(datetime(2026, 3, 23, 1, 38, tzinfo=UTC)), Feed(), painter=artist)
    sending = asyncio.create_task(notifier.run({"telegram": channel}))
    alert = notifier.compose(HOME, CARD.model_copy(update={"card": "alert:1"}), ("1",))
    await store.enqueue([alert])
    notifier.post([alert])
    candle = Candle(1_774_335_300, 1_420_000, 1_430_000, 1_410_000, 1_425_000, 100)
    chart = Chart(title="贵州茅台 600519 日线", symbol=Symbol("600519.SH"), candles=(candle,))
    amendments = Amendments(notifier)
    await amendments.add(alert, Message(title="📈", chart=chart))
    await notifier.drained()
    await amendments.add(alert, Message(text="💬 放量下跌"))
    await notifier.drained()
    sending.cancel()
    [shown] = server.chat()
    assert (shown.photo, shown.text) == (await artist.paint(chart), f"{CARD.plain()}\n💬 放量下跌")
    artist.close()
    await store.close()
