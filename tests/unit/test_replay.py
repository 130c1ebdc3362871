"""A conversation over past bars: every line is said at its own time, and every button is pressed once."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.replay import parse_line, replay

HEADER = "symbol,time,open,high,low,close,volume,amount"
MINUTES = (
    HEADER,
    "600519.SH,2026-03-23 11:29,1430,1431,1429,1430,1000,1430000",
    "600519.SH,2026-03-23 11:30,1430,1431,1428,1429,1000,1430000",
    "600519.SH,2026-03-23 13:01,1429,1430,1415,1416,1000,1430000",
    "600519.SH,2026-03-23 13:02,1416,1417,1410,1412,1000,1430000",
)
DAYS = (
    HEADER,
    "600519.SH,2026-03-20,1430,1435,1425,1430,1000,1430000",
    "600519.SH,2026-03-23,1430,1432,1426,1428,1000,1430000",
    "600519.SH,2026-03-24,1428,1430,1410,1412,1000,1430000",
)


async def played(folder: Path, bars: tuple[str, ...], *said: str, press: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """The events of a replay, but for the summary."""
    file = folder / "bars.csv"
    file.write_text("\n".join(bars), encoding="utf-8")
    written: list[str] = []
    lines = [parse_line(text) for text in said]
    await replay([file], lines, press, cash=Decimal(1_000_000), as_json=True, write=written.append)
    return [json.loads(line) for line in written][:-1]


def times(events: list[dict[str, Any]], kind: str) -> list[str]:
    return [event["at"][5:16].replace("T", " ") for event in events if event["event"] == kind]


async def test_a_line_between_two_bars_is_said_at_its_own_time(tmp_path: Path) -> None:
    events = await played(
        tmp_path, MINUTES, "茅台跌破1420提醒我", "2026-03-23 12:30|静音一小时", "2026-03-23 12:45|茅台多少钱"
    )
    assert times(events, "said") == ["03-23 11:29", "03-23 12:30", "03-23 12:45"]
    assert times(events, "reply") == times(events, "said")
    quoted = events[-1]["text"]
    assert "1429" in quoted, "the price of 11:30 and not of a bar that is still to come"
    assert times(events, "alert") == [], "silent until 13:30"


async def test_a_day_is_summed_up_at_its_close_and_not_when_the_next_one_begins(tmp_path: Path) -> None:
    next_day = "600519.SH,2026-03-24 09:31,1405,1406,1404,1405,1000,1405000"
    events = await played(tmp_path, (*MINUTES, next_day), "茅台跌破1400提醒我", "2026-03-24 09:31|/why")
    told = events[-1]["text"]
    assert "03-23 15:00 #1 贵州茅台(600519) 当天最低 1410.00（13:02），离 1400.00 还差 0.71%" in told
    assert "03-24 15:00" not in told, "that day is not over"


async def test_a_watch_that_has_run_out_is_told_of_in_the_morning_and_not_at_night(tmp_path: Path) -> None:
    next_day = "600519.SH,2026-03-24 09:31,1405,1406,1404,1405,1000,1405000"
    events = await played(tmp_path, (*MINUTES, next_day), "茅台跌破1400提醒我，今天有效")
    [over] = [event for event in events if "到期" in str(event.get("title"))]
    assert over["at"][5:16] == "03-24T09:10"


async def test_lines_of_one_time_are_said_in_the_order_in_which_they_were_given(tmp_path: Path) -> None:
    at = "2026-03-23 12:30"
    events = await played(tmp_path, MINUTES, f"{at}|茅台跌破1400提醒我", f"{at}|列表", f"{at}|茅台多少钱")
    said = [event["text"] for event in events if event["event"] == "said"]
    assert said == ["茅台跌破1400提醒我", "列表", "茅台多少钱"]


@pytest.mark.parametrize("at", ["10:00", "14:00"])
async def test_over_daily_bars_a_line_is_said_at_its_hour_and_nothing_counts_as_a_gap(tmp_path: Path, at: str) -> None:
    events = await played(tmp_path, DAYS, "茅台跌破1400提醒我", f"2026-03-24 {at}|茅台多少钱")
    assert times(events, "said") == ["03-20 14:55", f"03-24 {at}"]
    assert "1428" in events[-1]["text"]
    assert not any("中断" in event.get("text", "") + event.get("title", "") for event in events)


async def test_lines_around_the_bars_are_said_before_the_first_and_after_the_last(tmp_path: Path) -> None:
    events = await played(tmp_path, MINUTES, "2026-03-22 20:00|列表", "2026-03-23 15:30|我的持仓", "帮助")
    assert times(events, "said") == ["03-22 20:00", "03-22 20:00", "03-23 15:30"]


async def test_what_is_said_at_the_time_of_a_bar_comes_after_what_the_bar_tells(tmp_path: Path) -> None:
    events = await played(tmp_path, MINUTES, "2026-03-23 13:01|茅台多少钱")
    assert times(events, "said") == ["03-23 13:01"]
    assert "1416" in events[-1]["text"]


async def test_a_card_expires_at_its_time_although_no_bar_came_until_then(tmp_path: Path) -> None:
    events = await played(tmp_path, MINUTES, "2026-03-23 11:29|买入茅台100股", "2026-03-23 12:30|列表")
    assert times(events, "ticket") == ["03-23 11:29"]
    texts = [
        event.get("title", "") + event.get("text", "") for event in events if "11:30" < event["at"][11:16] <= "12:30"
    ]
    assert any("过期" in text for text in texts), texts


async def test_each_of_many_cards_is_pressed_once(tmp_path: Path) -> None:
    cards = [f"2026-03-23 13:01|买入茅台{100 * (n % 3 + 1)}股" for n in range(30)]
    events = await played(tmp_path, MINUTES, *cards, press=("确认",))
    pressed = [event["press"] for event in events if event["event"] == "said" and event.get("press")]
    assert len(pressed) == len(set(pressed)) == len(times(events, "ticket")) > 1


async def test_advice_is_the_same_every_time_it_is_played(tmp_path: Path) -> None:
    said = ("茅台跌破1420提醒我", "/analyze on", "2026-03-23 12:30|分析一下茅台", "2026-03-23 13:02|茅台能买吗")
    once, again = await played(tmp_path, MINUTES, *said), await played(tmp_path, MINUTES, *said)
    assert once == again
    titles = [event["title"] for event in once if event["event"] == "reply"]
    assert titles.count("⏳ 正在分析 贵州茅台(600519)") == 2
    assert sum("贵州茅台(600519)" in title for title in titles) >= 4, "each is followed by what came of it"
