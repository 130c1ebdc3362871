"""The main job in Telegram: the real program, the real library, a strict Bot API and quote sites on loopback."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fakes import migrated
from tests.fakes.market import ShiftedClock, market_instant
from tests.fakes.quotes import FakeQuotes
from tests.fakes.telegram import FakeTelegram, Message

ROOT = Path(__file__).resolve().parents[2]
HOUR = "2026-11-18T10:00"
LATER = "2026-11-18T10:06"
"""After the five minutes of a ticket."""
ME = 42
STRANGER = 666
SENTENCE = "贵州茅台跌破1420提醒我，跌破就买100股"


class Town:
    """Telegram, the quote sites and one program that can be killed."""

    def __init__(self, telegram: FakeTelegram, quotes: FakeQuotes, folder: Path) -> None:
        self.telegram = telegram
        self.quotes = quotes
        self.folder = folder
        self._program: asyncio.subprocess.Process | None = None

    async def start(self, hour: str = HOUR) -> None:
        """Start the program on the same folder as before, at this hour of the market."""
        self.quotes.clock = ShiftedClock(market_instant(hour))
        env = os.environ | {
            "TELEGRAM_BOT_TOKEN": self.telegram.token,
            "TELEGRAM_BASE_URL": self.telegram.base_url,
            "TELEGRAM_OWNER_IDS": str(ME),
            "TENCENT_URL": self.quotes.tencent_url,
            "TENCENT_BARS_URL": self.quotes.tencent_url,
            "SINA_URL": self.quotes.sina_url,
            "QUOTES_INTERVAL": "1",
            "DATA_DIR": str(self.folder),
            "PYTHONUTF8": "1",
        }
        self._program = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.e2e.child",
            hour,
            cwd=ROOT,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
        )
        await self.telegram.until(lambda server: server.polling, timeout=30)

    async def kill(self) -> None:
        """SIGKILL: no goodbye, no flush."""
        if self._program is not None:
            with suppress(ProcessLookupError):
                self._program.kill()
            await self._program.wait()
            self._program = None

    async def reads(self, text: str, *, after: int = 0) -> Message:
        return await self.telegram.message(text, ME, after=after, timeout=30)

    async def card(self) -> Message:
        """Have a watch with a plan cross, and return the card that proposes the order."""
        self.telegram.say(SENTENCE, ME, ME)
        await self.reads("已开始盯盘")
        self.quotes.set("600519.SH", last="1419.00")
        return await self.reads("是否买入")

    def fills(self) -> list[Message]:
        return [message for message in self.telegram.chat(ME) if message.from_bot and "已成交" in message.text]


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    clock = ShiftedClock(market_instant(HOUR))
    async with FakeTelegram() as telegram, FakeQuotes(clock) as quotes:
        quotes.set("600519.SH", name="贵州茅台", last="1430.00", preclose="1433.00")
        telegram.meet(ME)
        migrated.file(tmp_path / "dingpan.db")
        town = Town(telegram, quotes, tmp_path)
        await town.start()
        try:
            yield town
        finally:
            await town.kill()


async def test_a_sentence_becomes_an_alert_a_tap_an_order_and_a_fill(town: Town) -> None:
    card = await town.card()
    assert card.labels[:2] == ["确认", "拒绝"]
    assert [button.style for button in card.buttons[:2]] == ["success", "danger"]
    town.telegram.press("确认", ME, ME)
    fill = await town.reads("已成交")
    assert "100 股" in fill.text
    assert "模拟" in fill.text
    after = next(message for message in town.telegram.chat(ME) if message.id == card.id)
    assert after.edited >= 1
    assert "确认" in after.text
    assert "小林" in after.text
    assert after.labels == []
    town.telegram.say("我的持仓", ME, ME)
    await town.reads("贵州茅台(600519)", after=fill.id)
    assert town.telegram.refusals == []


async def test_two_taps_are_one_order(town: Town) -> None:
    await town.card()
    town.telegram.press("确认", ME, ME)
    town.telegram.press("确认", ME, ME)
    await town.reads("已成交")
    await town.reads("这笔委托不能再操作")
    assert len(town.fills()) == 1


async def test_a_strangers_tap_is_refused_with_a_notice_and_changes_nothing(town: Town) -> None:
    card = await town.card()
    query = town.telegram.press("确认", ME, STRANGER)
    await town.telegram.until(lambda server: any(one.query_id == query for one in server.answers))
    [answer] = [one for one in town.telegram.answers if one.query_id == query]
    assert "没有使用权限" in answer.text
    assert str(STRANGER) in answer.text
    unchanged = next(message for message in town.telegram.chat(ME) if message.id == card.id)
    assert unchanged.labels[:2] == ["确认", "拒绝"]
    assert town.fills() == []


async def test_a_tap_after_a_kill_and_a_restart_places_the_order_once(town: Town) -> None:
    await town.card()
    await town.kill()
    await town.start()
    town.telegram.press("确认", ME, ME)
    await town.reads("已成交")
    town.telegram.press("确认", ME, ME, stale=True)
    await town.reads("这笔委托不能再操作")
    assert len(town.fills()) == 1


async def test_a_tap_while_the_program_is_dead_waits_for_it(town: Town) -> None:
    await town.card()
    await town.kill()
    town.telegram.press("确认", ME, ME)
    await town.start()
    await town.reads("已成交")
    assert len(town.fills()) == 1


async def test_a_watch_made_before_a_kill_still_fires(town: Town) -> None:
    town.telegram.say(SENTENCE, ME, ME)
    await town.reads("已开始盯盘")
    await town.kill()
    town.quotes.set("600519.SH", last="1419.00")
    await town.start()
    await town.reads("是否买入")


async def test_an_alert_is_sent_when_telegram_is_back(town: Town) -> None:
    town.telegram.say(SENTENCE, ME, ME)
    await town.reads("已开始盯盘")
    town.telegram.fail("sendMessage", times=3, kind="reset")
    town.quotes.set("600519.SH", last="1419.00")
    await town.reads("是否买入")
    cards = [message for message in town.telegram.chat(ME) if "是否买入" in message.text]
    assert len(cards) == 1


async def test_a_tap_after_expiry_places_nothing_and_the_card_says_so(town: Town) -> None:
    card = await town.card()
    town.telegram.say("列表", ME, ME)
    await town.reads("盯盘任务")  # what came before it in this chat is known to be sent, or the card would come twice
    await town.kill()
    await town.start(LATER)
    town.telegram.press("确认", ME, ME, stale=True)
    await town.reads("过期未确认，没有下单", after=card.id)
    await town.telegram.until(
        lambda server: "过期未确认" in next(one for one in server.chat(ME) if one.id == card.id).text, timeout=30
    )
    after = next(message for message in town.telegram.chat(ME) if message.id == card.id)
    assert after.labels == ["重新报价"]
    assert town.fills() == []


async def test_advice_is_put_into_the_message_that_said_it_begins(town: Town) -> None:
    town.telegram.say("分析一下茅台", ME, ME)
    done = await town.reads("数据不够，没有判断")
    assert done.edited >= 1
    assert "现价 1430.00" in done.text
    assert "内置规则（没有接模型）" in done.text
    assert not [one for one in town.telegram.chat(ME) if "正在分析" in one.text]
    town.telegram.press("看事实", ME, ME)
    facts = await town.reads("分析依据", after=done.id)
    assert "昨收 1433.00" in facts.text
