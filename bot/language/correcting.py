"""A bare new value or word takes its kind from the condition that it corrects: 1380, 3倍, 30日线, 15分钟的, RSI(12)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from bot.language.building import BARS, Hit
from bot.language.marks import Marked, pattern
from bot.language.request import NEED_DAYS, Draft

Turn = Callable[[Draft], Draft | None]
"""The condition with what was said put into it; None where it does not fit."""


class Bare(NamedTuple):
    """A value or word that stands alone.

    Attributes:
        value: of a mere number; ``unit`` as it was written, empty where none was.
        telling: it says by itself which kind of condition it belongs to, as 3倍 does and 1380 does not.
    """

    start: int
    end: int
    turn: Turn
    telling: bool
    value: Decimal = Decimal(0)
    unit: str = ""


def bare_word(sentence: Marked, *, price: bool = True) -> Bare | None:
    """Read and claim what is said alone.

    Args:
        price: a mere number, price or percent counts too.
    """
    for written, build in _TABLE:
        if (match := written.search(sentence.rest)) is not None and (turn := build(Hit(match, sentence))) is not None:
            sentence.claim(match)
            return Bare(match.start(), match.end(), turn, telling=True)
    match = sentence.take(_VALUE) if price else None
    if match is None:
        return None
    figure = sentence.figures[match["v"]]
    value, unit = figure.value, figure.unit
    return Bare(match.start(), match.end(), lambda draft: with_value(draft, value, unit), False, value, unit)


def revised(drafts: Sequence[Draft], word: Bare) -> tuple[Draft, ...] | None:
    """The conditions of a watch with the one that the word fits turned; None where none fits, or several do."""
    turned = [(place, new) for place, old in enumerate(drafts) if (new := word.turn(old)) is not None]
    alike = [(place, new) for place, new in turned if new.kind == drafts[place].kind]
    fitting = alike or turned
    if len(fitting) != 1:
        return None
    [(place, new)] = fitting
    return (*drafts[:place], new, *drafts[place + 1 :])


def kept(drafts: Sequence[Draft], word: Bare) -> tuple[Draft, ...] | None:
    """As :func:`revised`, where the condition stays of its kind."""
    new = revised(drafts, word)
    return new if new is not None and [one.kind for one in new] == [one.kind for one in drafts] else None


def fallen_back(said: Draft, old: Sequence[Draft], plain: str) -> Draft:
    """回落2%, said of a trailing stop, is measured from the highest price as before."""
    trails = any(one.kind == "trailing_stop" for one in old)
    if trails and said.kind == "pct_down" and said.reference is None and _FALLS_BACK.search(plain):
        return Draft(kind="trailing_stop", value=said.value, unit="pct")
    if said.kind == "price_reach" and said.value is not None:
        # 价位挪到46块三 says no side: the one it had stays.
        priced = [one for one in old if one.kind in ("price_above", "price_below")]
        if len(priced) == len(old) == 1:
            return with_value(priced[0], said.value, "yuan") or said
    return said


_FALLS_BACK: Final = re.compile("回落|回撤|回调|回吐")


def with_value(draft: Draft, value: Decimal, unit: str) -> Draft | None:
    """A condition with a new value; its kind turns where the unit says so (跌破1400, corrected to 5 %)."""
    value = abs(value)
    percent = unit in ("pct", "tenths", "point")
    if draft.kind in ("take_profit", "stop_loss"):
        asked_percent = percent or (unit == "" and draft.unit == "pct")
        return draft.model_copy(
            update={
                "value": value,
                "unit": "pct" if asked_percent else "yuan",
                "reference": "cost" if asked_percent else None,
            }
        )
    if draft.kind in ("price_above", "price_below", "price_reach") and percent:
        if draft.kind == "price_reach":
            return None
        return Draft(kind="pct_up" if draft.kind == "price_above" else "pct_down", value=value, unit="pct")
    if draft.kind in ("pct_up", "pct_down") and (unit == "yuan" or (unit == "" and draft.value is None and value > 30)):
        return Draft(kind="price_above" if draft.kind == "pct_up" else "price_below", value=value, unit="yuan")
    if draft.kind in NEED_DAYS:
        return draft.model_copy(update={"days": int(value)}) if unit == "" and value == int(value) > 0 else None
    if draft.kind in ("limit_up", "limit_down", "enter_range", "ma_cross"):
        return None
    if draft.kind == "indicator" and (percent or unit == "yuan" or draft.event not in ("above", "below")):
        return None
    if draft.kind in ("account_profit", "account_loss"):
        return draft.model_copy(update={"value": value, "unit": "pct" if percent else "yuan"})
    new_unit = _UNIT_OF.get(draft.kind, "pct")
    if (percent is (draft.kind in _IN_YUAN) and unit != "") or (
        unit == "" and new_unit in ("pct", "x") and value > _PERCENT
    ):
        return None
    return draft.model_copy(
        update={
            "value": value,
            "unit": new_unit,
            **({"reference": None} if draft.reference == "cost" and not draft.kind.startswith("pct") else {}),
        }
    )


_PERCENT: Final = 100
"""A bare number above is neither a percent nor so many times."""
_IN_YUAN: Final = frozenset(
    {"price_above", "price_below", "price_reach", "amount_above", "position_profit", "position_loss"}
)
_UNIT_OF: Final[dict[str, str | None]] = {**dict.fromkeys(_IN_YUAN, "yuan"), "volume_ratio": "x", "indicator": None}
_VALUE: Final = pattern("(?P<v><price>|<percent>)(?:吧|左右|就行)?")


# --- words ---


def _times(hit: Hit) -> Turn:
    value = hit.number()
    return lambda old: (
        old.model_copy(update={"value": value, "unit": "x"}) if old.kind == "volume_ratio" and value > 0 else None
    )


def _average(hit: Hit) -> Turn:
    """30日线: the average that a price crosses, or in place of the price itself."""
    count, of_volume = hit.seconds("m"), "量" in hit.sentence.said

    def turn(old: Draft) -> Draft | None:
        if of_volume:
            return old.model_copy(update={"base_days": count}) if old.kind == "volume_ratio" else None
        if old.kind == "ma_cross":
            return old.model_copy(update={"ma": count}) if old.ma is not None else None
        if old.kind in ("price_above", "price_below"):
            return Draft(kind="ma_cross", ma=count, direction="up" if old.kind == "price_above" else "down")
        return None

    return turn


_DAY_S: Final = 86_400


def _rsi(hit: Hit) -> Turn | None:
    """RSI(12), 12日RSI, 15分钟RSI: its length, or its bars."""
    groups = hit.match.groupdict()
    span = hit.seconds("t") if groups["t"] else 0
    bars = BARS.get(span)
    said = hit.number("n") if groups["n"] else hit.number("o") if groups["o"] else Decimal(span // _DAY_S)
    if (span and bars is None and span % _DAY_S) or (not said and bars is None):
        return None
    update = ({"n": int(said)} if said else {}) | ({"period": bars} if bars is not None else {})
    return lambda old: old.model_copy(update=update) if old.name == "rsi" else None


def _bars(hit: Hit) -> Turn | None:
    """15分钟的: the bars of an average or an indicator; of a quick move the time in which it happens."""
    span = hit.seconds("t")
    bars = BARS.get(span)
    name = hit.match["name"]

    def turn(old: Draft) -> Draft | None:
        if old.kind == "speed" and name is None:
            return old.model_copy(update={"period_s": span})
        fits = old.kind in ("ma_cross", "indicator") and name in (None, old.name) and bars is not None
        return old.model_copy(update={"period": bars}) if fits else None

    return turn


def _days(_hit: Hit) -> Turn:
    return lambda old: old.model_copy(update={"period": None}) if old.kind in ("ma_cross", "indicator") else None


def _named(hit: Hit) -> Turn:
    """MACD: which of two lines cross."""
    name = hit.match[0]
    return lambda old: (
        old.model_copy(update={"name": name})
        if old.kind == "indicator" and old.event in ("golden_cross", "dead_cross")
        else None
    )


def _crossing(event: str) -> Callable[[Hit], Turn]:
    return lambda _hit: (
        lambda old: (
            old.model_copy(update={"event": event})
            if old.kind == "indicator" and old.event in ("golden_cross", "dead_cross")
            else None
        )
    )


def _cost(_hit: Hit) -> Turn:
    return lambda old: (
        Draft(kind=old.kind, unit="yuan", reference="cost") if old.kind in ("price_above", "price_below") else None
    )


_WORDS: Final[tuple[tuple[str, Callable[[Hit], Turn | None]], ...]] = (
    ("(?P<v><times>)(?:量)?(?:以上)?", _times),
    ("(?P<m><ma>)(?:的?成交量)?", _average),
    (r"(?:(?:(?P<n><num>)[日天期]?|(?P<t><dur>))的?)?rsi(?:\(?(?P<o><num>)\)?)?", _rsi),
    ("(?P<t><dur>)的?(?:级别|周期|k线|线|图|k)*(?P<name>macd|kdj|boll)?(?:之?内|以内)?", _bars),
    ("日(?:k线|线|k)(?:级别)?|日级别", _days),
    ("(?:我的?)?(?:持仓|买入)?成本(?:价格?|线)?", _cost),
    ("macd|kdj", _named),
    ("金叉|黄金交叉", _crossing("golden_cross")),
    ("死叉|死亡交叉", _crossing("dead_cross")),
)
_TABLE: Final = tuple((pattern(written), build) for written, build in _WORDS)

__all__ = ["Bare", "bare_word", "fallen_back", "revised", "with_value"]
