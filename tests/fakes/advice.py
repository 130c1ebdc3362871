"""Analyses and bars of days for tests of the score, made of what matters in each test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from core.analysis import Action, Analysis, Decision, Occasion
from core.bars import Bar, day_label
from core.calendar import trading_days
from core.messages import Chat
from core.pack import Day, Pack
from core.types import Symbol
from tests.fakes.market import market_instant

MAOTAI = Symbol("600519.SH")


def decision(action: Action = Action.BUY, **changes: Any) -> Decision:
    given = {"action": action, "confidence": 60, "reasons": (), "horizon": 1}
    return Decision.model_validate(given | changes)


def analysis(when: str = "2026-03-02 16:00", id_: str = "A1", **changes: Any) -> Analysis:
    """An advice given at this market time; what is no field of an analysis is one of its decision."""
    own = {name: changes.pop(name) for name in list(changes) if name in Decision.model_fields}
    given = {
        "id": id_,
        "at": market_instant(when),
        "owner": "owner",
        "chat": Chat("script", "local"),
        "account": "paper",
        "symbol": MAOTAI,
        "name": "贵州茅台",
        "occasion": Occasion.ASKED,
        "pack": "P1",
        "price": Decimal(100),
        "quoted_at": market_instant(when),
        "prompt": "v1",
        "model_asked": "deepseek-flash",
        "model": "deepseek-flash-1017",
        "decision": decision(**own),
    }
    return Analysis.model_validate(given | changes)


def bar(day: date, prices: str, symbol: Symbol = MAOTAI, volume: int = 100) -> Bar:
    """``open high low close``, or one price for all four."""
    opened, high, low, close = ([Decimal(text) for text in prices.split()] * 4)[:4]
    return Bar(symbol, day_label(day), opened, high, low, close, volume)


def bars(since: str, *prices: str, symbol: Symbol = MAOTAI) -> Sequence[Bar]:
    """One bar for each trading day from this one on; ``-`` leaves its day out."""
    first = date.fromisoformat(since)
    days = trading_days(first, date.fromordinal(first.toordinal() + 3 * len(prices) + 30))
    return [bar(day, price, symbol) for day, price in zip(days, prices, strict=False) if price != "-"]


def last_known(one: Analysis, day: str, close: Decimal) -> Pack:
    """The facts of an analysis as far as a score looks at them: the newest close that they knew."""
    return Pack(
        symbol=one.symbol,
        name=one.name,
        at=one.at,
        quoted_at=None,
        source="测试",
        phase="连续竞价",
        forming=False,
        tick=Decimal("0.01"),
        lot=100,
        price=None,
        days=(Day(date.fromisoformat(day), *(close,) * 4, 100),),
    )
