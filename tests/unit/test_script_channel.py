"""The chat without a person keeps what it is shown."""

from __future__ import annotations

import asyncio

import pytest

from adapters.channels.script import connect
from core.messages import Button, Chat, Incoming, Message
from core.ports import Channel

CHAT = Chat("script", "local")


class Deaf:
    async def refusal(self, incoming: Incoming) -> str | None:
        return None

    def urgent(self, incoming: Incoming) -> bool:
        return False

    async def receive(self, incoming: Incoming) -> None:
        raise AssertionError("nobody speaks in a script channel")


def card(title: str, *buttons: Button, key: str | None = None) -> Message:
    return Message(title=title, buttons=(buttons,) if buttons else (), card=key)


async def test_it_is_a_channel_whose_refs_count_up() -> None:
    channel: Channel = connect()
    assert channel.name == "script"
    assert [await channel.send(CHAT, card(title)) for title in "甲乙丙"] == ["1", "2", "3"]


async def test_everything_shown_is_kept_in_order() -> None:
    channel = connect()
    ref = await channel.send(CHAT, card("甲"))
    await channel.send(CHAT, card("乙"))
    assert await channel.edit(CHAT, ref, card("甲二")) == ref
    assert [message.title for message in channel.shown] == ["甲", "乙", "甲二"]


async def test_an_edit_takes_the_buttons_of_the_earlier_version_away() -> None:
    channel = connect()
    ref = await channel.send(CHAT, card("委托", Button("确认", "approve 1"), Button("拒绝", "reject 1")))
    await channel.send(CHAT, card("提醒", Button("静默", "silence 1")))
    assert [button.label for button in channel.buttons()] == ["确认", "拒绝", "静默"]
    await channel.edit(CHAT, ref, card("委托", Button("重新报价", "requote 1")))
    assert [button.label for button in channel.buttons()] == ["重新报价", "静默"]
    await channel.edit(CHAT, ref, card("已成交"))
    assert [button.command for button in channel.buttons()] == ["silence 1"]


async def test_a_message_with_the_key_of_an_earlier_card_replaces_it() -> None:
    channel = connect()
    ref = await channel.send(CHAT, card("委托", Button("确认", "approve 1"), key="ticket:1"))
    assert await channel.send(CHAT, card("已确认", key="ticket:1")) == ref
    assert channel.buttons() == ()
    assert await channel.send(Chat("script", "other"), card("委托", key="ticket:1")) != ref


async def test_a_ref_from_before_a_restart_is_not_given_out_again() -> None:
    channel = connect()
    assert await channel.edit(CHAT, "1", card("旧卡片")) == "1"
    assert await channel.send(CHAT, card("新卡片")) == "2"


async def test_it_runs_until_cancelled() -> None:
    task = asyncio.create_task(connect().run(Deaf()))
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
