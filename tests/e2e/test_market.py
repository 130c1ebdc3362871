"""The whole market, in the chat: what is promised, what is told, and what is refused with a way out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from datetime import date
from pathlib import Path

import pytest

from adapters.channels import script
from adapters.stores import memory
from bot.demo import stage_demo
from bot.replay import Line, Player, Transcript
from core.frames import Frame
from tests.e2e.theatre import Theatre


async def play(lines: Sequence[str], frames: int, then: Sequence[str] = ()) -> str:
    """The transcript of a conversation over so many half minutes of the demo market."""

    async def at_once(_seconds: float) -> None:
        await asyncio.sleep(0)

    shown: list[str] = []
    stage = stage_demo(store=memory.connect(), start=date(2026, 3, 23), seed=1, speed=60, sleep=at_once)
    transcript = Transcript(shown.append, as_json=False)
    stage.app.house.feed.subscribe(transcript.observe)
    seen = 0

    def enough(_frame: Frame) -> bool:
        nonlocal seen
        seen += 1
        return seen >= frames

    async with aclosing(stage):
        await stage.app.load()
        player = Player(stage, script.connect(), [Line(None, text) for text in lines], [], transcript)
        await player.play(enough, then)
    transcript.flush()
    return "\n".join(shown)


async def test_the_whole_market_of_the_demo_is_watched_from_one_sentence() -> None:
    said = await play(["全市场放量突破20日均线的提醒我", "全市场涨停的告诉我"], 80, ["/why 茅台", "删除茅台"])
    assert "标的：全市场（30 只）" in said
    assert "日线还在准备：0/30" in said
    assert "只满足，不逐个提醒" in said
    assert "1. 科大讯飞(002230) 43.11　+10.00%　成交额" in said
    assert "另有 3 只随行情随时判断" in said
    assert "贵州茅台(600519)：量比 " in said
    assert "没有盯着贵州茅台(600519)的任务" in said


async def test_what_the_market_of_the_demo_has_not_is_said_to_be_missing() -> None:
    said = await play(["海天味业多少钱", "海天味业跌破40提醒我"], 1, ["列表"])
    assert said.count("这里的行情不是真的市场，只有 30 只股票，没有海天味业(603288)。") == 2
    assert "还没有盯盘任务" in said


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("全市场跌停就买1000股", "只提醒，不出委托"),
        ("全市场30分钟MACD金叉告诉我", "只能用日线指标"),
        ("全市场1分钟涨3%的提醒我", "至少要看 3 分钟"),
    ],
)
async def test_what_cannot_be_done_for_a_whole_market_is_refused(tmp_path: Path, text: str, answer: str) -> None:
    async with Theatre(tmp_path) as stage:
        assert answer in (await stage.say(text)).text
        assert stage.app.house.watchlist.of("owner") == ()


async def test_a_watch_on_the_market_is_changed_paused_and_resumed_like_any_other(tmp_path: Path) -> None:
    async with Theatre(tmp_path) as stage:
        await stage.say("全市场涨5%的提醒我")
        assert "涨 6.00%" in (await stage.say("改成6%")).text
        await stage.kill()
        await stage.say("暂停1")
        assert "全市场" in (await stage.say("恢复1")).text
        assert stage.market.watched == set()
