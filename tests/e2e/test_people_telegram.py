"""People in Telegram: the real program and library, private chats and a group, and buttons that nobody was given."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final

from tests.e2e.test_telegram import ME, ROOT, Town, town
from tests.fakes.telegram import Answer, Message

__all__ = ["town"]  # a fixture
GROUP: Final = -1001
TRADER: Final = 7
VIEWER: Final = 8
NOBODY: Final = 666


async def code(town: Town, what: str) -> str:
    """A new code, as the link under the invitation bears it."""
    before = town.telegram.chat(ME)[-1].id if town.telegram.chat(ME) else 0
    town.telegram.say(f"/invite {what}", ME, ME)
    shown = await town.reads("邀请码", after=before)
    return shown.text.split("https://t.me/dingpan_test_bot?start=")[1].split()[0]


async def join(town: Town, user: int, what: str) -> None:
    town.telegram.say(f"/start {await code(town, what)}", user, user, name=f"用户{user}")
    await town.telegram.message("已加入", user, timeout=30)


async def card_in_group(town: Town) -> Message:
    town.telegram.say("/watch 贵州茅台跌破1420提醒我，跌破就买100股", GROUP, ME, chat_type="supergroup")
    await town.telegram.message("已开始盯盘", GROUP, timeout=30)
    town.quotes.set("600519.SH", last="1419.00")
    return await town.telegram.message("是否买入", GROUP, timeout=30)


async def answered(town: Town, seen: int) -> Answer:
    """How a press is answered, after so many answers."""
    await town.telegram.until(lambda server: len(server.answers) > seen)
    return town.telegram.answers[-1]


async def verified(town: Town) -> str:
    """What ``dingpan audit verify`` says of the program's database."""
    env = os.environ | {"DATA_DIR": str(town.folder), "PYTHONUTF8": "1"}
    asked = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "audit", "verify", cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asked.communicate()
    assert asked.returncode == 0, said.decode()
    return said.decode()


async def test_in_a_group_only_who_may_trade_the_account_answers_its_card(town: Town) -> None:
    await join(town, TRADER, "交易 模拟账户")
    await join(town, VIEWER, "查看 模拟账户")
    card = await card_in_group(town)
    before = len(town.telegram.chat(GROUP))
    for user in (NOBODY, VIEWER):
        seen = len(town.telegram.answers)
        town.telegram.press("确认", GROUP, user, message_id=card.id)
        answer = await answered(town, seen)
        assert answer.alert
        assert "没有" in answer.text
    await town.reads("陌生人")
    await town.reads("超出角色")
    assert len(town.telegram.chat(GROUP)) == before, "the group reads nothing of it"
    town.telegram.press("确认", GROUP, TRADER, message_id=card.id)
    await town.telegram.message("已成交", GROUP, timeout=30)
    after = next(one for one in town.telegram.chat(GROUP) if one.id == card.id)
    assert "用户7" in after.text or "(7)" in after.text
    assert "没有被改过" in await verified(town)


async def test_a_button_that_nobody_was_given_does_nothing(town: Town) -> None:
    await join(town, TRADER, "交易 模拟账户")
    card = await card_in_group(town)
    data = next(one.data for one in card.buttons if one.text == "确认")
    word, ticket, stamp = data.split()
    for forged in (f"{word} {ticket} {'0' * len(stamp)}", f"{word} 0000000Z {stamp}", f"sudo {ticket}"):
        town.telegram.raw_update(
            {
                "callback_query": {
                    "id": f"forged-{forged}",
                    "from": {"id": TRADER, "is_bot": False, "first_name": "用户7"},
                    "chat_instance": "1",
                    "data": forged,
                    "message": {
                        "message_id": card.id,
                        "date": 1,
                        "chat": {"id": GROUP, "type": "supergroup", "title": "盯盘群"},
                        "text": card.text,
                    },
                }
            }
        )
    await town.reads("伪造的按钮")
    await town.telegram.until(lambda server: server.unconfirmed == 0)
    town.telegram.press("确认", GROUP, TRADER, message_id=card.id)
    await town.telegram.message("已成交", GROUP, timeout=30)
    town.telegram.press("确认", GROUP, TRADER, message_id=card.id, stale=True)
    await town.reads("重复或过时的按钮")
    told = [one for one in town.telegram.chat(ME) if one.from_bot and "已拒绝" in one.text]
    assert len(told) == 2
    assert len([one for one in town.telegram.chat(GROUP) if "已成交" in one.text and one.from_bot]) == 1
    assert "没有被改过" in await verified(town)


async def test_who_is_removed_is_a_stranger_at_once_and_after_a_kill(town: Town) -> None:
    await join(town, TRADER, "交易 模拟账户")
    card = await card_in_group(town)
    town.telegram.say("/members", ME, ME)
    await town.reads("成员（1）")
    town.telegram.press("用户7", ME, ME)
    await town.reads("10:00 加入")
    town.telegram.press("移出", ME, ME)
    await town.reads("移出 用户7")
    town.telegram.press("移出", ME, ME)
    await town.reads("已移出")
    await town.telegram.message("你已被移出", TRADER, timeout=30)
    for again in (False, True):
        if again:
            await town.kill()
            await town.start()
        seen = len(town.telegram.answers)
        town.telegram.press("确认", GROUP, TRADER, message_id=card.id, stale=True)
        assert "没有使用权限" in (await answered(town, seen)).text
    assert not [one for one in town.telegram.chat(GROUP) if one.from_bot and "已成交" in one.text]
