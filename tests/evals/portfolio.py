"""The portfolio that the questions are about: two accounts, three days, played through the whole house.

The figures in ``questions.jsonl`` were worked out from these trades with a calculation of its own, fees by the tables
of the exchanges (commission 0.025 % and at least 5 yuan, stamp duty 0.05 % of sales, transfer fee 0.001 %).
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Final

from bot.language.request import Action, plan_of
from core.desk import Origin
from core.messages import Chat, Incoming, Message
from core.types import Side, Symbol
from tests.e2e.theatre import CHAT, Theatre
from tests.fakes.market import market_instant

MOUTAI: Final = Symbol("600519.SH")
CATL: Final = Symbol("300750.SZ")
CMB: Final = Symbol("600036.SH")
BYD: Final = Symbol("002594.SZ")
WULIANGYE: Final = Symbol("000858.SZ")
PINGAN: Final = Symbol("601318.SH")

_CLOSES: Final = {
    "2026-11-13": {MOUTAI: "1400", CATL: "380", CMB: "40", BYD: "100", WULIANGYE: "120", PINGAN: "55"},
    "2026-11-16": {MOUTAI: "1402", CATL: "381", CMB: "40.20", BYD: "101", WULIANGYE: "119.50", PINGAN: "54.80"},
    "2026-11-17": {MOUTAI: "1410", CATL: "385", CMB: "40.50", BYD: "100", WULIANGYE: "119", PINGAN: "54.60"},
    "2026-11-18": {MOUTAI: "1430", CATL: "392", CMB: "40.80", BYD: "98", WULIANGYE: "118.50", PINGAN: "54"},
}


def stage(folder: Path) -> Theatre:
    """A theatre with the two accounts, before the first trade."""
    return Theatre(
        folder,
        at="2026-11-16 09:59",
        positions={CMB: (2000, Decimal(38)), BYD: (1000, Decimal(105))},
        wife={PINGAN: (1000, Decimal(55))},
    )


async def play(house: Theatre) -> None:
    """Three days, up to 10:31 on the third."""
    await _open(house, "2026-11-16", "2026-11-13")
    await house.say("茅台跌破1395提醒我")
    await house.say("宁德时代涨到390提醒我")
    await house.say("比亚迪跌破99提醒我")
    await _trade(house, Side.BUY, MOUTAI, 200, "1400")
    await _trade(house, Side.BUY, CATL, 500, "380")
    await _close(house, "2026-11-16")
    await _open(house, "2026-11-17", "2026-11-16")
    await house.tick(MOUTAI, "1394", "1402")
    await _trade(house, Side.SELL, CMB, 500, "40.50")
    await _trade(house, Side.BUY, WULIANGYE, 1000, "120")
    await _trade(house, Side.BUY, WULIANGYE, 500, "120", account="wife")
    await _close(house, "2026-11-17")
    await _open(house, "2026-11-18", "2026-11-17")
    await _trade(house, Side.SELL, CATL, 200, "390")
    await _trade(house, Side.BUY, MOUTAI, 100, "1420")
    await house.tick(MOUTAI, "1436")
    await house.tick(CMB, "40.80")
    await _trade(house, Side.BUY, CMB, 1000, "39", fills=False)
    house.clock.set(market_instant("2026-11-18 10:30:30"))
    for symbol, price in _CLOSES["2026-11-18"].items():
        await house.tick(symbol, price, amount=Decimal(2_860_000_000), volume=2_000_000)


async def _open(house: Theatre, day: str, before: str) -> None:
    """The first prices of a day are those of the close before."""
    await house.pass_time(f"{day} 09:10")
    house.clock.set(market_instant(f"{day} 10:00"))
    house.market.forget()
    for symbol, price in _CLOSES[before].items():
        house.market.set(symbol, price, preclose=Decimal(price))
    await house.tick(MOUTAI, _CLOSES[before][MOUTAI])


async def _close(house: Theatre, day: str) -> None:
    house.clock.set(market_instant(f"{day} 14:59:30"))
    for symbol, price in _CLOSES[day].items():
        await house.tick(symbol, price)
    await house.pass_time(f"{day} 15:06")


async def _trade(
    house: Theatre, side: Side, symbol: Symbol, shares: int, price: str, *, account: str = "paper", fills: bool = True
) -> None:
    """Through a card and a tap, as everything that is traded."""
    if fills:
        await house.tick(symbol, price)
    plan = plan_of(Action(side=side, shares=shares, price=Decimal(price)))
    await house.app.house.desk.ask(plan, symbol, account, Origin("owner", CHAT))
    await house.settle()
    await house.press("确认")
    if fills:
        await house.tick(symbol, price)


async def answer(house: Theatre, text: str, chat: str, *, before: str = "") -> list[Message]:
    """What is said to a question in a chat of its own, after another one where it leans on that."""
    shown: list[Message] = []
    for line in [before, text] if before else [text]:
        count = len(house.channel.shown)
        where = Chat("script", chat)
        await house.app.inbox.receive(Incoming(chat=where, user="local", name="我", text=line, at=house.clock.now()))
        await house.settle()
        shown = list(house.channel.shown[count:])
    return shown


def says(message: Message, figure: str) -> bool:
    """Whether a message says a figure or a word: ``4000`` does not stand in ``14,000``, nor ``+1.5`` in ``+1.52``."""
    text = " ".join([message.plain(), *message.labels()]).replace(",", "")
    wanted = figure.replace(",", "")
    if not re.search("[0-9]", wanted):
        return wanted in text
    return re.search(rf"(?<![0-9.]){re.escape(wanted)}(?![0-9]|\.[0-9])", text) is not None


def short(message: Message) -> Message:
    """The short answer alone: the line in bold and the one below it."""
    return Message(title=message.title, text=message.text.split("\n")[0])
