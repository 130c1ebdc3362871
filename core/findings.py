"""Finding: what is odd about a watch itself, and the buttons that mend it.

A mend is written as words (``set 0 value 1573.00``), so that it fits into a button and means the same after a restart.
It names what shall be, never what to flip: tapped twice it changes nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from core.conditions import CONDITION, Condition, Indicator, MaCross
from core.errors import Invalid
from core.market import board_of, round_to_tick
from core.messages import Button, Style
from core.portfolio import Account
from core.types import Price, Symbol
from core.view import View
from core.watches import Plan, Watch


class Fault(StrEnum):
    """What can be odd, the gravest first: the order in which it is said."""

    OVER = "over"
    """No trading time is left before it ends."""
    NEVER = "never"
    """It cannot come true."""
    FIGHT = "fight"
    """Another watch would trade the other way at the same price."""
    ALREADY = "already"
    NOT_HELD = "not_held"
    TOO_MANY = "too_many"
    """It would sell more than there is."""
    CASH = "cash"
    LOSS = "loss"
    """The profit that it takes is a loss."""
    NO_MEASURE = "no_measure"
    """Its measure does not exist for this security."""
    FEW_BARS = "few_bars"
    FAR = "far"
    SAME = "same"
    """Another watch has the same condition."""
    NEAR = "near"
    """Another watch will tell nearly the same."""
    # What only a look over all of them finds.
    BLIND = "blind"
    """It cannot be judged just now."""
    PAUSED = "paused"
    SILENT = "silent"
    ENDS = "ends"
    IDLE = "idle"
    """It has not fired for a long time."""


class Finding(NamedTuple):
    """Something odd. ``text`` is a Chinese sentence; ``mends`` are what may be done about it, the likeliest first."""

    fault: Fault
    text: str
    mends: tuple[Button, ...] = ()


class Facts(NamedTuple):
    """What a check may know beside the watch.

    Attributes:
        view: how a watch sees a symbol right now; None while there is no quote.
        name: a symbol as people read it.
        account: the watch's; None while it is not known.
        now: aware UTC.
    """

    view: Callable[[Watch, Symbol], View | None]
    name: Callable[[Symbol], str]
    account: Account | None
    now: datetime


LOOKED_AT: Final = 20
"""Shares of one watch that are looked at; what is odd about a longer list shows in its first ones."""


def looked_at(watch: Watch) -> Sequence[Symbol]:
    """The shares by which a watch is checked: none of a whole market, where what one cannot do another can."""
    return () if watch.scope == "market" else watch.symbols[:LOOKED_AT]


def first_of_each(found: Sequence[Finding]) -> Sequence[Finding]:
    """One of each fault, the gravest first."""
    firsts: dict[Fault, Finding] = {}
    for one in found:
        firsts.setdefault(one.fault, one)
    return [firsts[fault] for fault in Fault if fault in firsts]


# -- what mends


MEND: Final = "mend"
"""The command of a mend; behind it stand the id of the watch and the words."""
_SETTABLE: Final = frozenset({"kind", "direction", "event", "value", "ma", "days"})


def mend(label: str, watch: Watch, *words: str) -> Button:
    return Button(label, " ".join((MEND, watch.id, *words)))


def keep(watch: Watch, label: str = "保持不变") -> Button:
    return mend(label, watch, "keep")


def pause_other(other: Watch) -> Button:
    return Button(f"暂停 #{other.number}", f"pause {other.id}")


def delete(watch: Watch) -> Button:
    return Button("删除", f"delete {watch.id}", Style.DANGER)


def set_field(watch: Watch, index: int, field: str, value: str, note: str = "") -> Button | None:
    """Change one field of a condition; None where the condition would be none any more."""
    try:
        changed = _with_field(watch.conditions[index], field, value)
    except ValidationError:
        return None
    return mend(f"改成{short_text(changed)}{note}", watch, "set", str(index), field, value)


def only(*buttons: Button | None) -> tuple[Button, ...]:
    return tuple(one for one in buttons if one is not None)


def short_text(condition: Condition) -> str:
    """Without "and above", for a button.

    >>> from core.conditions import PriceBelow
    >>> short_text(PriceBelow(value=Decimal("1450")))
    '跌到 1450.00'
    """
    return condition.text().removesuffix(" 及以上").removesuffix(" 及以下")


_OPPOSITE: Final = {
    "price_above": "price_below",
    "pct_up": "pct_down",
    "take_profit": "stop_loss",
    "golden_cross": "dead_cross",
    "above": "below",
    "touch_upper": "touch_lower",
    "up": "down",
}
_OTHER_WAY: Final = _OPPOSITE | {other: one for one, other in _OPPOSITE.items()}


def other_way(watch: Watch, index: int) -> Button | None:
    """The same condition in the other direction: the commonest slip of the tongue."""
    condition = watch.conditions[index]
    field = "event" if isinstance(condition, Indicator) else "direction" if isinstance(condition, MaCross) else "kind"
    other = _OTHER_WAY.get(getattr(condition, field))
    return None if other is None else set_field(watch, index, field, other)


def set_price(watch: Watch, index: int, symbol: Symbol, price: Price, note: str = "") -> Button | None:
    """Another threshold in yuan, on the grid of the board and not beyond ``price``; None where there is none to set."""
    condition = watch.conditions[index]
    if not has_price(condition) or price <= 0:
        return None
    towards = ROUND_FLOOR if condition.rising else ROUND_CEILING
    return set_field(watch, index, "value", str(round_to_tick(board_of(symbol), price, towards)), note)


def has_price(condition: Condition) -> bool:
    """Whether its threshold is a price that the person wrote."""
    return condition.kind in _PRICED and getattr(condition, "unit", "") == "yuan" and threshold(condition) is not None


_PRICED: Final = frozenset({"price_above", "price_below", "take_profit", "stop_loss"})


def threshold(condition: Condition) -> Decimal | None:
    value: Decimal | None = getattr(condition, "value", None)
    return value


def _with_field(condition: Condition, field: str, value: str) -> Condition:
    return CONDITION.validate_python(condition.model_dump(exclude_none=True) | {field: value})


# -- what a mend does


def changes_of(watch: Watch, words: Sequence[str]) -> dict[str, Any]:
    """The fields of a watch that a mend changes.

    Raises:
        Invalid: the watch has changed since the button was shown, and the mend does not fit any more.
    """
    with suppress(ValueError):  # a validation error is one
        match tuple(words):
            case ("set", place, field, value) if field in _SETTABLE:
                return {"conditions": _with_one(watch.conditions, int(place), field, value)}
            case ("any",):
                return {"combine": "any"}
            case ("until", day):
                return {"expires_on": date.fromisoformat(day)}
            case ("shares", count) if watch.plan is not None:
                return {"plan": Plan(side=watch.plan.side, shares=int(count), price=watch.plan.price)}
            case ("everything",) if watch.plan is not None:
                return {"plan": Plan(side=watch.plan.side, fraction=Decimal(1), price=watch.plan.price)}
    raise Invalid(f"#{watch.number} 已经改过，这个按钮不适用了。请直接说要改成什么，例如：把{watch.number}改成1380")


def _with_one(conditions: Sequence[Condition], place: int, field: str, value: str) -> Sequence[Condition]:
    if place >= len(conditions):
        raise ValueError(f"there is no condition {place}")
    return (*conditions[:place], _with_field(conditions[place], field, value), *conditions[place + 1 :])
