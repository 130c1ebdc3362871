"""The fake is worth what its likeness is worth: every test goes through the real python-telegram-bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from telegram import (
    Bot,
    BotCommand,
    CopyTextButton,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    ReplyParameters,
    Update,
)
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter, TimedOut
from telegram.ext import Application, CallbackQueryHandler, CommandHandler, ContextTypes, MessageHandler, filters
from telegram.request import HTTPXRequest

from tests.fakes.telegram import FakeTelegram, read_html

Context = ContextTypes.DEFAULT_TYPE


@pytest.fixture
async def server() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as server:
        yield server


@asynccontextmanager
async def bot_of(server: FakeTelegram, token: str | None = None, read_timeout: float = 5) -> AsyncIterator[Bot]:
    def request() -> HTTPXRequest:
        return HTTPXRequest(read_timeout=read_timeout, httpx_kwargs={"trust_env": False})

    bot = Bot(token or server.token, server.base_url, request=request(), get_updates_request=request())
    async with bot:
        yield bot


@pytest.fixture
async def bot(server: FakeTelegram) -> AsyncIterator[Bot]:
    server.meet()
    async with bot_of(server) as bot:
        yield bot


def keyboard(*labels: str, data: str = "go", style: Any = None) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton(label, callback_data=data, style=style) for label in labels]])


@asynccontextmanager
async def running(server: FakeTelegram) -> AsyncIterator[list[str]]:
    """A small application as a shipped one would be: long poll, a command, a text, a button. Yields what it heard."""
    heard: list[str] = []

    async def start(update: Update, context: Context) -> None:
        assert update.message
        heard.append("start")
        await update.message.reply_html("<b>你好</b>", reply_markup=keyboard("确认", "取消", style="success"))

    async def text(update: Update, context: Context) -> None:
        message = update.edited_message or update.message
        assert message
        heard.append(f"{'edited ' if update.edited_message else ''}{message.text}")
        await message.reply_text(f"收到 {message.text}")

    async def pressed(update: Update, context: Context) -> None:
        query = update.callback_query
        assert query
        heard.append(f"pressed by {query.from_user.id}")
        await query.answer("好的")
        await query.edit_message_text("已确认")

    def request() -> HTTPXRequest:
        return HTTPXRequest(httpx_kwargs={"trust_env": False})

    builder = Application.builder().token(server.token).base_url(server.base_url).job_queue(None)
    application = builder.request(request()).get_updates_request(request()).build()
    application.add_handler(CommandHandler("start", start))
    application.add_handler(MessageHandler(filters.TEXT, text))
    application.add_handler(CallbackQueryHandler(pressed))
    async with application:
        await application.start()
        assert application.updater
        await application.updater.start_polling(allowed_updates=["message", "edited_message", "callback_query"])
        yield heard
        await application.updater.stop()
        await application.stop()


# --- a conversation ---


async def test_a_command_gets_a_card_and_its_button_is_pressed_and_the_card_is_edited(server: FakeTelegram) -> None:
    async with running(server) as heard:
        server.say("/start")
        card = await server.message(containing="你好")
        assert card.html == "<b>你好</b>"
        assert card.text == "你好"
        assert card.entities == ({"type": "bold", "offset": 0, "length": 2},)
        assert [(button.text, button.style) for button in card.buttons] == [("确认", "success"), ("取消", "success")]

        server.press("确认", user_id=7)
        edited = await server.message(containing="已确认")
        assert (edited.id, edited.edited, edited.labels) == (card.id, 1, [])
        assert [answer.text for answer in server.answers] == ["好的"]
        assert heard == ["start", "pressed by 7"]
        assert server.refusals == []


async def test_a_stock_code_stays_text(server: FakeTelegram) -> None:
    async with running(server) as heard:
        server.say("600519")
        await server.message(containing="收到 600519")
        assert heard == ["600519"]
        assert server.called("sendMessage")[0].params["text"] == "收到 600519"


async def test_the_person_corrects_a_message(server: FakeTelegram) -> None:
    async with running(server) as heard:
        said = server.say("盯茅台")
        await server.message(containing="收到 盯茅台")
        server.edit_by_person(said.id, "盯五粮液")
        await server.message(containing="收到 盯五粮液")
        assert heard == ["盯茅台", "edited 盯五粮液"]


async def test_what_is_said_while_the_bot_is_dead_is_heard_by_the_next_one_and_nothing_twice(
    server: FakeTelegram,
) -> None:
    async with running(server) as first:
        server.say("一")
        await server.message(containing="收到 一")
        await server.until(lambda s: s.unconfirmed == 0)
    server.say("二")
    await server.restart()
    async with running(server) as second:
        await server.message(containing="收到 二")
    assert (first, second) == (["一"], ["二"])


async def test_a_stale_phone_still_presses_what_an_edit_removed(server: FakeTelegram, bot: Bot) -> None:
    card = await bot.send_message(42, "下单?", reply_markup=keyboard("确认", data="approve 7F3K"))
    await card.edit_text("已过期")
    with pytest.raises(AssertionError, match="no button “确认”"):
        server.press("确认")
    server.press("确认", stale=True)
    (update,) = await bot.get_updates()
    assert update.callback_query
    assert update.callback_query.data == "approve 7F3K"


async def test_a_group_knows_who_pressed(server: FakeTelegram, bot: Bot) -> None:
    server.say("大家好", chat_id=-100, user_id=1, name="甲", chat_type="group")
    await bot.send_message(-100, "谁来?", reply_markup=keyboard("我"))
    server.press("我", chat_id=-100, user_id=2)
    said, pressed = await bot.get_updates()
    assert said.effective_chat
    assert said.effective_chat.type == "group"
    assert pressed.effective_user
    assert pressed.effective_user.id == 2


async def test_the_newest_message_with_the_label_is_pressed(server: FakeTelegram, bot: Bot) -> None:
    for data in ("old", "new"):
        await bot.send_message(42, data, reply_markup=keyboard("确认", data=data))
    await bot.send_message(42, "无关")
    server.press("确认")
    (update,) = await bot.get_updates()
    assert update.callback_query
    assert update.callback_query.data == "new"


async def test_menu_chat_deletion_action_and_reply_work(server: FakeTelegram, bot: Bot) -> None:
    assert await bot.set_my_commands([BotCommand("watch", "盯盘")])
    assert [command.command for command in await bot.get_my_commands()] == ["watch"]
    assert (await bot.get_chat(42)).first_name == "小林"
    assert await bot.send_chat_action(42, "typing")
    assert await bot.delete_webhook()
    message = await bot.send_message(
        42, "短暂", disable_notification=True, link_preview_options=LinkPreviewOptions(is_disabled=True)
    )
    assert server.chat()[-1].silent
    reply = await bot.send_message(42, "回复", reply_parameters=ReplyParameters(message.message_id))
    assert reply.reply_to_message
    assert reply.reply_to_message.text == "短暂"
    assert await message.delete()
    assert [m.text for m in server.chat()] == ["回复"]


@pytest.mark.parametrize("body", ["json", "data", "params", "multipart"])
async def test_every_way_to_send_parameters_is_read(server: FakeTelegram, body: str) -> None:
    server.meet()
    params = {"chat_id": "42", "text": "600519", "reply_markup": '{"inline_keyboard":[[{"text":"a","url":"u"}]]}'}
    how: dict[str, Any] = {body: params}
    if body == "multipart":
        how = {"files": {name: (None, value.encode()) for name, value in params.items()}}
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{server.base_url}{server.token}/SENDmessage", **how)
    assert answer.json()["ok"], answer.text
    assert server.chat()[0].text == "600519"
    assert server.chat()[0].buttons[0].link == "u"


# --- the poll ---


async def test_an_update_comes_again_until_a_later_offset_confirms_it(server: FakeTelegram, bot: Bot) -> None:
    server.say("一")
    server.say("二")
    first, second = await bot.get_updates()
    assert await bot.get_updates() == (first, second)
    assert await bot.get_updates(offset=second.update_id) == (second,)
    assert await bot.get_updates(offset=second.update_id + 1) == ()
    assert server.unconfirmed == 0


async def test_a_long_poll_ends_when_something_is_said(server: FakeTelegram, bot: Bot) -> None:
    poll = asyncio.create_task(bot.get_updates(timeout=30))
    await server.until(lambda s: s.polling)
    server.say("醒醒")
    assert [update.effective_message and update.effective_message.text for update in await poll] == ["醒醒"]
    assert not server.polling


async def test_what_the_bot_does_not_want_is_not_kept(server: FakeTelegram, bot: Bot) -> None:
    await bot.get_updates(allowed_updates=["callback_query"])
    server.say("没人听")
    await bot.get_updates(allowed_updates=[])
    server.say("有人听")
    assert [u.effective_message and u.effective_message.text for u in await bot.get_updates()] == ["有人听"]


async def test_a_second_poller_ends_the_first_with_a_conflict(server: FakeTelegram, bot: Bot) -> None:
    async with bot_of(server) as rival:
        first = asyncio.create_task(bot.get_updates(timeout=30))
        await server.until(lambda s: s.polling)
        second = asyncio.create_task(rival.get_updates(timeout=30))
        with pytest.raises(Conflict, match="terminated by other getUpdates request"):
            await first
        server.say("给第二个")
        assert len(await second) == 1


async def test_a_poller_that_is_gone_is_forgotten(server: FakeTelegram, bot: Bot) -> None:
    poll = asyncio.create_task(bot.get_updates(timeout=30))
    await server.until(lambda s: s.polling)
    poll.cancel()
    await server.until(lambda s: not s.polling)


async def test_an_unparsable_update_is_delivered_as_it_is(server: FakeTelegram, bot: Bot) -> None:
    update_id = server.raw_update({"message": {"message_id": "nonsense"}})
    with pytest.raises((TypeError, KeyError)):
        await bot.get_updates()
    assert await bot.get_updates(offset=update_id + 1) == ()


# --- refusals, in Telegram's words (python-telegram-bot capitalises the first letter) ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  \n ", "Message text is empty"),
        ("长" * 4097, "Message is too long"),
        ("<table>", 'Can\'t parse entities: unsupported start tag "table" at byte offset 0'),
        ("价 < 1400", 'Can\'t parse entities: unsupported start tag "" at byte offset 4'),
        ("价<1400", "Can't parse entities: unclosed start tag at byte offset 3"),
        ("<b>粗", "Can't parse entities: can't find end tag corresponding to start tag \"b\""),
        ("<b><i>粗</b></i>", 'unmatched end tag at byte offset 9, expected "</i>", found "</b>"'),
        ("粗</b>", "unexpected end tag at byte offset 3"),
        ('<span class="red">x</span>', 'tag "span" must have class "tg-spoiler"'),
    ],
)
async def test_text_that_telegram_cannot_read_is_refused(server: FakeTelegram, bot: Bot, text: str, words: str) -> None:
    with pytest.raises(BadRequest) as error:
        await bot.send_message(42, text, parse_mode="HTML")
    assert words.lower() in str(error.value).lower()
    assert server.chat() == []


async def test_the_limit_counts_what_is_seen(server: FakeTelegram, bot: Bot) -> None:
    await bot.send_message(42, f"<b>{'&lt;' * 4096}</b>", parse_mode="HTML")
    assert server.chat()[0].text == "<" * 4096


def test_entities_are_counted_in_utf16_units() -> None:
    text, entities = read_html('🚀<blockquote expandable>a<a href="https://x.cn/?a=1&amp;b=2">b</a></blockquote>&nbsp;')
    assert text == "🚀ab&nbsp;"
    assert entities == [
        {"type": "expandable_blockquote", "offset": 2, "length": 2},
        {"type": "text_link", "offset": 3, "length": 1, "url": "https://x.cn/?a=1&b=2"},
    ]


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        (keyboard("a", data="数" * 22), "BUTTON_DATA_INVALID"),
        (keyboard("a", style="green"), "Invalid button style"),
        (InlineKeyboardMarkup([[InlineKeyboardButton("a")]]), "Text buttons are unallowed in the inline keyboard"),
        (InlineKeyboardMarkup([[InlineKeyboardButton("a", copy_text=CopyTextButton("c" * 257))]]), "COPY_TEXT"),
        (InlineKeyboardMarkup(keyboard("a").inline_keyboard * 101), "reply markup is too long"),
        (keyboard(*"123456789"), "reply markup is too long"),
    ],
)
async def test_a_keyboard_that_telegram_would_not_show_is_refused(
    server: FakeTelegram, bot: Bot, markup: InlineKeyboardMarkup, words: str
) -> None:
    with pytest.raises(BadRequest, match=f"(?i){words}"):
        await bot.send_message(42, "x", reply_markup=markup)
    assert server.chat() == []


async def test_an_edit_that_changes_nothing_is_refused_and_one_that_drops_the_buttons_is_not(
    server: FakeTelegram, bot: Bot
) -> None:
    card = await bot.send_message(42, "一样", reply_markup=keyboard("a"))
    with pytest.raises(BadRequest, match="not modified"):
        await card.edit_text("一样", reply_markup=keyboard("a"))
    await card.edit_reply_markup(None)
    assert server.chat()[0].labels == []
    with pytest.raises(BadRequest, match="not modified"):
        await card.edit_reply_markup(None)
    assert [method for method, _ in server.refusals] == ["editMessageText", "editMessageReplyMarkup"]


async def test_messages_that_are_gone_or_not_ours_are_not_touched(server: FakeTelegram, bot: Bot) -> None:
    said = server.say("我说的")
    with pytest.raises(BadRequest, match="Message to edit not found"):
        await bot.edit_message_text("x", 42, 999)
    with pytest.raises(BadRequest, match="Message to delete not found"):
        await bot.delete_message(42, 999)
    with pytest.raises(BadRequest, match="Message can't be edited"):
        await bot.edit_message_text("x", 42, said.id)
    with pytest.raises(BadRequest, match="Message to be replied not found"):
        await bot.send_message(42, "x", reply_parameters=ReplyParameters(999))


async def test_a_press_is_answered_once_and_in_time(server: FakeTelegram, bot: Bot) -> None:
    await bot.send_message(42, "x", reply_markup=keyboard("a"))
    first, second = server.press("a"), server.press("a")
    await bot.answer_callback_query(first)
    server.expire_queries()
    for query_id in (first, second, "unknown"):
        with pytest.raises(BadRequest, match="Query is too old and response timeout expired or query id is invalid"):
            await bot.answer_callback_query(query_id)
    assert len(server.answers) == 1


async def test_strangers_and_those_who_blocked_the_bot_get_nothing(server: FakeTelegram, bot: Bot) -> None:
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(7, "x")
    server.block()
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(42, "x")
    server.unblock()
    await bot.send_message(42, "x")
    assert len(server.chat()) == 1


async def test_a_wrong_or_revoked_token_and_an_unknown_method(server: FakeTelegram, bot: Bot) -> None:
    with pytest.raises(InvalidToken):
        async with bot_of(server, token="1:wrong"):
            pass
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{server.base_url}{server.token}/sendRocket")
        assert answer.status_code == 404
        assert answer.json() == {"ok": False, "error_code": 404, "description": "Not Found: method not found"}
    poll = asyncio.create_task(bot.get_updates(timeout=30))
    await server.until(lambda s: s.polling)
    server.revoke()
    assert await poll == ()
    with pytest.raises(InvalidToken):
        await bot.get_updates()


# --- trouble ---


async def test_too_many_requests_say_how_long_to_wait(
    server: FakeTelegram, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without it python-telegram-bot 22.8 warns about the type of retry_after, and a warning is an error here.
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    server.meet(43)
    server.fail("sendMessage", chat_id=42, kind=429, retry_after=3)
    with pytest.raises(RetryAfter) as error:
        await bot.send_message(42, "x")
    assert error.value.retry_after == timedelta(seconds=3)
    await bot.send_message(43, "x")
    await bot.send_message(42, "x")


@pytest.mark.parametrize(("kind", "words"), [(500, "Internal Server Error"), ("html502", "502"), ("reset", "Read")])
async def test_a_broken_line_is_a_network_error_and_nothing_is_stored(
    server: FakeTelegram, bot: Bot, kind: Any, words: str
) -> None:
    server.fail("sendMessage", times=2, kind=kind)
    for _ in range(2):
        with pytest.raises(NetworkError, match=words) as error:
            await bot.send_message(42, "x")
        assert type(error.value) is NetworkError
    assert server.chat() == []
    await bot.send_message(42, "x")
    assert len(server.chat()) == 1


async def test_a_cut_answer_is_an_error_but_the_message_is_there(server: FakeTelegram, bot: Bot) -> None:
    server.fail("sendMessage", kind="truncate")
    with pytest.raises(NetworkError):
        await bot.send_message(42, "x")
    assert [message.text for message in server.chat()] == ["x"]
    assert (await bot.send_message(42, "y")).text == "y"


async def test_no_answer_is_a_timeout(server: FakeTelegram) -> None:
    server.meet()
    async with bot_of(server, read_timeout=0.05) as bot:
        server.fail("sendMessage", kind="hang")
        with pytest.raises(TimedOut):
            await bot.send_message(42, "x")
    assert server.chat() == []


async def test_a_slow_answer_comes_when_it_is_released(server: FakeTelegram, bot: Bot) -> None:
    fault = server.fail("sendMessage", kind="slow")
    sending = asyncio.create_task(bot.send_message(42, "慢"))
    await server.message(containing="慢")
    await bot.send_chat_action(42, "typing")
    assert not sending.done()
    fault.release.set()
    assert (await sending).text == "慢"
    assert [call.method for call in server.calls] == ["getMe", "sendMessage", "sendChatAction"]
    assert server.calls == sorted(server.calls, key=lambda call: call.at)


async def test_a_fault_for_the_poll_ends_the_poll_that_waits(server: FakeTelegram, bot: Bot) -> None:
    poll = asyncio.create_task(bot.get_updates(timeout=30))
    await server.until(lambda s: s.polling)
    server.fail("*", kind=409, description="Conflict: can't use getUpdates method while webhook is active")
    assert await poll == ()
    with pytest.raises(Conflict, match="webhook is active"):
        await bot.get_updates()


async def test_a_server_that_is_down_comes_back_with_its_chats(server: FakeTelegram, bot: Bot) -> None:
    await bot.send_message(42, "前")
    await server.down()
    with pytest.raises(NetworkError):
        await bot.send_message(42, "x")
    await server.up()
    await bot.send_message(42, "后")
    assert [message.text for message in server.chat()] == ["前", "后"]


async def test_waiting_in_vain_shows_what_was_said(server: FakeTelegram) -> None:
    server.say("有人吗")
    with pytest.raises(AssertionError, match="person: 有人吗"):
        await server.message(containing="在", timeout=0.01)
