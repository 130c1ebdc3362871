"""Whatever is typed or tapped is answered, breaks nothing, and changes nothing that it does not name."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from bot.command import REGISTRY
from core.messages import Message
from core.tickets import TicketState
from core.types import Symbol
from tests.e2e.theatre import Theatre

HELD: Final = Symbol("600036.SH")
LONGEST_ANSWER: Final = 4096
"""Characters that a message may have in Telegram."""
ALPHABETS: Final = (
    "".join(map(chr, range(0x20, 0x7F))),
    "".join(map(chr, range(0x4E00, 0x9FA6, 7))),
    "0123456789.,-+%/#@:;()[]{}<>|\\'\"`*_~^",
    "".join(map(chr, range(0x1F300, 0x1F700))),
    "".join(map(chr, (*range(0x20), 0x7F, *range(0x80, 0xA0), 0x200B, 0x200E, 0x202E, 0x2066, 0xFEFF, 0xFFFD))),
    "".join(map(chr, range(0xE000, 0xE420))) + "\uf8ff",
    "".join(map(chr, range(0xFF01, 0xFF5F))),
    "的了吗呢吧啊，。！？、；：“”‘’（）《》　",
    "\u0301\u0300\u036f\u0488a\u0e31ก็",
)
HOSTILE: Final = (
    "'; DROP TABLE watches; --",
    "1 OR 1=1",
    "<script>alert(1)</script>",
    "<b>茅台</b><a href='tg://user?id=1'>x</a>",
    "**茅台** _跌破_ `1400` [确认](approve)",
    "{{7*7}} ${7*7} %s %d %n {0} {name}",
    "../../etc/passwd\x00",
    "\\u0000\\n\\r",
    "🀄️" * 300,
    "买" * 5000,
    "1" * 5000,
    "茅台跌破" * 2000,
    "(" * 3000 + ")" * 3000,
    "9" * 400 + "元",
    "茅台跌破" + "9" * 300 + "提醒我",
    "茅台跌破" + "9" * 40 + "提醒我",
    "茅台涨到" + "1" * 29 + ".5提醒我",
    "茅台跌破" + "9" * 40 + "万提醒我",
    "五粮液,1到" + "9" * 40 + "之间提醒",
    "买100股茅台 价格" + "9" * 40,
    "茅台跌破1e308",
    "茅台跌破-1",
    "茅台跌破0",
    "茅台跌破NaN",
    "茅台涨∞%",
    "٠١٢٣٤٥٦٧٨٩",
    "一千万亿亿亿亿亿亿亿亿",
    "零零零零零点零零零零",
    "每0秒看一次茅台",
    "静音99999999999999999999小时",
    "静音茅台0分钟",
    "到9999年12月31日有效",
    "2月30号以前茅台跌破1",
    "25:99以前别吵我",
    "#0 #-1 #99999999999999999",
    "/",
    "//",
    "/ watch",
    "/watch@otherbot 茅台",
    "／ｗａｔｃｈ　茅台",
    "x" * 100_000,
    "茅" * 34_000,
    "\n" * 100_000,
    " \t\r\n ",
)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with Theatre(tmp_path, positions={HELD: (500, Decimal(40))}) as stage:
        await stage.tick("600519.SH", "1410", preclose=Decimal(1433))
        await stage.tick("600036.SH", "41", preclose=Decimal(41))
        await stage.say("茅台跌破1300提醒我")
        await stage.say("买100股茅台 价格1390")
        yield stage


async def state(stage: Theatre) -> object:
    """What must not change by nonsense: whatever could tell, stay silent or trade."""
    house = stage.app.house
    return (
        house.watchlist.of("owner"),
        house.dispatcher.silences("owner"),
        house.digest.quiet_hours("owner"),
        await house.store.tickets(set(TicketState)),
        await house.store.orders(),
        house.switch.panicked,
        await house.store.value("favourites:owner"),
    )


def garbage(chance: random.Random) -> str:
    parts = []
    for _ in range(chance.randint(1, 4)):
        alphabet = chance.choice(ALPHABETS)
        parts.append("".join(chance.choices(alphabet, k=chance.randint(1, 40))))
    return "".join(parts)


def answered(before: int, stage: Theatre, what: str) -> list[Message]:
    shown = stage.channel.shown[before:]
    assert not [one for one in shown if "内部错误" in one.plain()], (what, stage.channel.shown[-1].plain())
    assert all(len(one.plain()) <= LONGEST_ANSWER for one in shown), what
    return shown


async def test_what_is_hostile_gets_an_answer_and_changes_nothing(stage: Theatre) -> None:
    before = await state(stage)
    for text in HOSTILE:
        seen = len(stage.channel.shown)
        await stage.say(text)
        assert answered(seen, stage, text) or not text.strip(), repr(text[:40])
        assert await state(stage) == before, repr(text[:40])


@pytest.mark.parametrize("seed", range(3))
async def test_random_text_gets_an_answer_and_changes_nothing(stage: Theatre, seed: int) -> None:
    chance = random.Random(seed)
    before = await state(stage)
    for _ in range(120):
        text, seen = garbage(chance), len(stage.channel.shown)
        await stage.say(text)
        assert answered(seen, stage, text) or not text.strip(), repr(text)
        assert await state(stage) == before, repr(text)


async def test_random_text_in_the_middle_of_a_question_leaves_it_open(stage: Theatre) -> None:
    chance = random.Random(11)
    before = await state(stage)
    await stage.say("招行跌破提醒我")
    for _ in range(100):
        text = "".join(chance.choices(chance.choice(ALPHABETS[1:2] + ALPHABETS[3:6]), k=12))
        await stage.say(text)
        assert await state(stage) == before, repr(text)
    assert "标的：招商银行(600036)\n条件：跌到 39.50 及以下" in (await stage.say("39.5")).text


def _slash(name: str, words: str) -> tuple[str, str | None]:
    return f"/{name} {words}", None


def _tap(name: str, words: str) -> tuple[str, str | None]:
    return "", f"{name} {words}"


@pytest.mark.parametrize("way", [_slash, _tap], ids=["typed", "tapped"])
async def test_every_command_survives_any_words(
    stage: Theatre, way: Callable[[str, str], tuple[str, str | None]]
) -> None:
    words = ("1", "#1", "0", "-1", "99999999", "茅台", "600519.SH", "all", "全部", "off", "last", "sure", "00000001")
    for name in sorted(REGISTRY):
        chance = random.Random(name)
        orders = len(await stage.orders())
        for _ in range(20):
            given = " ".join(
                chance.choice(words) if chance.random() < 0.6 else garbage(chance) for _ in range(chance.randint(0, 4))
            )
            text, press = way(name, given)
            seen = len(stage.channel.shown)
            await (stage.say(text) if press is None else stage.send_press(press))
            answered(seen, stage, f"{name} {given!r}")
        assert len(await stage.orders()) == orders or name == "approve"
