"""Packs of facts as tests need them: an ordinary share on an ordinary day, with what they change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from core.market import board_of, tick
from core.pack import Given, Pack, Section
from core.slots import given
from core.types import Mode, Symbol
from core.zones import Missing

NOW: Final = datetime(2026, 3, 24, 2, 0, tzinfo=UTC)
FIGURES: Final[dict[str, str | None]] = {
    "price": "9.00",
    "preclose": "8.90",
    "change_percent": "1.12",
    "upper": "9.79",
    "lower": "8.01",
    "ma5": "8.95",
    "ma20": "8.80",
    "ma60": "8.50",
    "ma250": None,
    "macd_bar": "0.05",
    "rsi12": "55",
    "atr14": "0.20",
    "high20": "9.30",
    "low20": "8.40",
    "volume_ratio": "1.5",
}
"""Of a share at nine yuan that goes up."""
POSITION: Final[dict[str, str | None]] = {
    "held": "1000",
    "sellable": "600",
    "cost": "8.20",
    "profit": "800",
    "profit_percent": "9.76",
}


def _given(name: str, value: str | Decimal | None) -> Given:
    return given(name, Missing("日线太少") if value is None else Decimal(value))


def pack(
    figures: Mapping[str, str | Decimal | None] = FIGURES,
    position: Mapping[str, str | Decimal | None] | None = None,
    **changed: Any,
) -> Pack:
    """A pack of these figures.

    Args:
        position: what the account holds; None for an account without any of it.
        changed: fields of the pack.
    """
    symbol = Symbol(changed.pop("symbol", "600396.SH"))
    board = board_of(symbol)
    held = position or {}
    values = {name: None if figures.get(name) is None else Decimal(figures[name] or 0) for name in figures}
    sections = [Section(title="行情和日线", given=tuple(_given(name, value) for name, value in figures.items()))]
    if held:
        sections.append(Section(title="持仓", given=tuple(_given(name, value) for name, value in held.items())))
    fields: dict[str, Any] = {
        "symbol": symbol,
        "name": "华电辽能",
        "at": NOW,
        "quoted_at": NOW,
        "source": "测试行情",
        "phase": "连续竞价",
        "forming": True,
        "tick": tick(board),
        "lot": 100,
        "price": values.get("price"),
        "lower": values.get("lower"),
        "upper": values.get("upper"),
        "held": int(held.get("held") or 0),
        "sellable": int(held.get("sellable") or 0),
        "most": 5000,
        "account": "paper",
        "mode": Mode.PAPER,
        "sections": tuple(sections),
    }
    return Pack(**(fields | changed))
