"""What is known of a share, for tests of what is made of it: bars, quotes, an account, a whole ``Known``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from core.bars import Bar, day_label
from core.calendar import previous_trading_day, trading_date
from core.frames import Quote
from core.known import SHANGHAI, Known, Room
from core.pack import Given, Pack
from core.portfolio import Account, Position
from core.types import Mode, Symbol
from tests.fakes.parts import MOUTAI, NAMES, TUESDAY, at, price, quote

NOW: Final = at("10:00:12", TUESDAY).astimezone()
TODAY: Final = date(2026, 3, 24)


def days(
    closes: Sequence[float | str | Decimal], *, symbol: Symbol = MOUTAI, last: date | None = None, **flat: Any
) -> list[Bar]:
    """Daily bars with these closes, that end on the day before today; high and low lie one percent around.

    Args:
        flat: ``spread=0`` for bars whose high and low are the close.
    """
    spread = Decimal(str(flat.get("spread", "0.01")))
    day, found = last or previous_trading_day(TODAY), []
    for close in reversed([Decimal(str(one)) for one in closes]):
        high, low = (close * (1 + spread)).quantize(Decimal("0.01")), (close * (1 - spread)).quantize(Decimal("0.01"))
        found.append(Bar(symbol, day_label(day), close, high, low, close, 1_000_000, close * 1_000_000))
        day = previous_trading_day(day)
    return found[::-1]


def walk(count: int) -> list[Bar]:
    """So many days of a price that goes up and down, the last at 1420."""
    return days([1420 + 40 * ((place * 7) % 11 - 5) / 5 * (place / count) for place in range(count - 1, -1, -1)])


def minutes(closes: Sequence[float | str], symbol: Symbol = MOUTAI, start: str = "09:31") -> list[Bar]:
    """Bars of today's first minutes."""
    begin, found = at(start, TUESDAY), []
    for place, close in enumerate(closes):
        value = Decimal(str(close))
        bar = Bar(symbol, begin + timedelta(minutes=place), value, value + 1, value - 1, value, 1_000, value * 1_000)
        found.append(bar)
    return found


def today(last: str | None = "1430.00", **changes: Any) -> Quote:
    """The share at 10:00 of today."""
    usual = {
        "preclose": "1420.00",
        "open": "1421.00",
        "high": "1435.00",
        "low": "1415.00",
        "bid": "1429.99",
        "ask": "1430.01",
        "amount": "1425000000",
        "volume": 1_000_000,
        "bid_volume": 300,
        "ask_volume": 500,
        "turnover": Decimal("0.08"),
    }
    symbol = changes.pop("symbol", MOUTAI)
    return quote(symbol, last, f"{TUESDAY} {changes.pop('when', '10:00')}", **{**usual, **changes})


def index(last: str | None = "3250.12", preclose: str | None = "3200.00", symbol: Symbol = SHANGHAI) -> Quote:
    return quote(symbol, last, f"{TUESDAY} 10:00", preclose=preclose, name="上证指数")


def account(*positions: Position, **changes: Any) -> Account:
    return Account.model_validate(
        {
            "id": "paper",
            "name": "模拟账户",
            "mode": Mode.PAPER,
            "cash": Decimal(500_000),
            "positions": positions,
            "as_of": NOW,
            **changes,
        }
    )


def held(shares: int = 300, sellable: int = 200, cost: str = "1400.123") -> Position:
    return Position(symbol=MOUTAI, shares=shares, sellable=sellable, cost=Decimal(cost))


def known(**changes: Any) -> Known:
    """A share of which everything is known."""
    symbol = changes.get("symbol", MOUTAI)
    usual = {
        "symbol": symbol,
        "name": NAMES.get(symbol, "测试证券"),
        "now": NOW,
        "quote": today(symbol=symbol),
        "days": walk(260),
        "minutes": minutes([1421 + place for place in range(30)]),
        "indexes": {SHANGHAI: index()},
        "looked": "paper",
        "where": "模拟账户·模拟",
        "account": account(held()),
        "total": Decimal("929000.00"),
        "bought": 100,
        "room": Room(Decimal(200_000), 100, ("单日：合计最多 200,000.00 元",)),
    }
    return Known(**{**usual, **changes})


def of(pack: Pack, name: str) -> Given:
    return next(one for one in pack.given() if one.name == name)


def moment(day: date, clock: str) -> datetime:
    return at(clock, f"{day}")


__all__ = [
    "NOW",
    "TODAY",
    "account",
    "days",
    "held",
    "index",
    "known",
    "minutes",
    "moment",
    "of",
    "price",
    "today",
    "trading_date",
    "walk",
]
