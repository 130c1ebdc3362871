"""The built-in rules are believed like any model, whatever the facts are."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from adapters.models import scripted
from core.advice import prompt, read
from core.analysis import Action, Decision, Occasion
from core.bars import Bar, read_bars
from core.frames import Quote
from core.known import Known
from core.market import Board, price_limits, tick
from core.pack import Pack
from core.packing import pack as packed
from core.portfolio import Account, Position
from core.types import Mode, Symbol, parse_symbol
from tests.fakes.packs import pack
from tests.shared import SHARED, needs_shared

PACKS: Final = 600


def believed(facts: Pack) -> Decision:
    """What the built-in rules make of a pack, through the prompt and the same reading as any model."""
    answer = asyncio.run(scripted.connect().complete(prompt(facts, Occasion.ASKED)))
    return read(answer.text, facts)


BOARDS: Final = {
    Board.MAIN: "600396.SH",
    Board.CHINEXT: "300750.SZ",
    Board.STAR: "688981.SH",
    Board.BSE: "920118.BJ",
    Board.FUND: "510300.SH",
    Board.BOND: "113050.SH",
    Board.INDEX: "000001.SH",
}


def any_pack(chance: random.Random) -> Pack:
    """A pack of whatever can be, on any board, with figures missing, at the limits, with and without an account."""
    board = chance.choice([*BOARDS])
    step = tick(board)
    before = (
        Decimal(chance.choice((chance.randrange(1, 60), chance.randrange(60, 3000), chance.randrange(3000, 200_000))))
        * step
        * 10
    )
    symbol = Symbol(BOARDS[board])
    limits = price_limits(symbol, "甲", before, date(2026, 3, 24)) if chance.random() < 0.9 else None
    low, high = (limits.down, limits.up) if limits else (before / 2, before * 2)
    steps = int((high - low) / step)
    price = low + step * chance.choice((0, steps, chance.randrange(steps + 1)))

    def near(spread: float) -> Decimal:
        return (price * Decimal(str(1 + chance.uniform(-spread, spread)))).quantize(step)

    figures: dict[str, Decimal | str | None] = {
        "price": price,
        "preclose": before,
        "upper": limits.up if limits else None,
        "lower": limits.down if limits else None,
        "ma20": near(0.3),
        "ma60": near(0.5),
        "macd_bar": str(round(chance.uniform(-2, 2), 3)),
        "rsi12": str(round(chance.uniform(0, 100), 2)),
        "atr14": (price * Decimal(str(chance.uniform(0, 0.2)))).quantize(Decimal("0.001")),
        "high20": near(0.2),
        "low20": near(0.2),
    }
    for name in chance.sample([*figures][4:], chance.choice((0, 0, 0, 1, 3))):
        figures[name] = None
    held = chance.choice((0, 0, 1, 37, 100, 250, 1000, 123_456))
    sellable = chance.choice((0, held, chance.randrange(held + 1)))
    profit = str(round(chance.uniform(-40, 40), 2))
    position: dict[str, Decimal | str | None] = {"held": str(held), "sellable": str(sellable), "profit_percent": profit}
    looked = chance.random() < 0.8
    sealed = limits and looked and chance.random() < 0.5 and price in {low, high}
    if sealed:
        figures["sealed_shares"] = "10000"
    return pack(
        figures,
        position if looked else None,
        symbol=symbol,
        name="甲",
        most=chance.choice((0, 10, 99, 100, 199, 300, 5000, 10**7)) if looked else 0,
        account="paper" if looked else "",
        sealed=None if not sealed else "up" if price == high else "down",
    )


def test_the_built_in_rules_are_believed_on_any_pack() -> None:
    chance = random.Random(20261130)
    done = Counter(believed(any_pack(chance)).action for _ in range(PACKS))
    print(dict(done))
    assert set(done) == set(Action)


def real_packs() -> Iterator[Pack]:
    """Every share of the real daily bars, every sixty-first day, in the last minutes of its session."""
    for place, path in enumerate(sorted((SHARED / "data" / "bars" / "daily").glob("*.csv"))):
        symbol = parse_symbol(path.stem)
        bars = read_bars(path)
        for at in range(5 + place, len(bars), 61):
            yield packed(known_at(symbol, bars, at, held=1000 * (at % 2)))


def known_at(symbol: Symbol, bars: Sequence[Bar], at: int, held: int) -> Known:
    """What can be known of a share at the label of a day's bar, with so many of it held since three days."""
    bar, now = bars[at], bars[at].time
    cost = bars[at - 3].close
    positions = (Position(symbol=symbol, shares=held, sellable=held, cost=cost),) if held else ()
    quote = Quote(
        symbol=symbol,
        name="甲",
        last=bar.close,
        preclose=bars[at - 1].close,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        bid=bar.close,
        ask=bar.close,
        volume=bar.volume,
        source="测试行情",
        quoted_at=now,
        received_at=now,
    )
    return Known(
        symbol=symbol,
        name="甲",
        now=now,
        quote=quote,
        days=bars[max(0, at - 250) : at],
        looked="paper",
        account=Account(
            id="paper", name="模拟", mode=Mode.PAPER, cash=Decimal(500_000), positions=positions, as_of=now
        ),
        total=Decimal(1_000_000),
        bought=0,
    )


@needs_shared
def test_the_built_in_rules_are_believed_on_real_days() -> None:
    done = Counter(believed(facts).action for facts in real_packs())
    print(dict(done))
    assert set(done) == set(Action)
