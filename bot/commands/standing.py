"""How far watches are from firing: each rule is held against the newest quote, as the rule book would."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from bot.house import House
from core.conditions import Condition
from core.render import name_text
from core.render_watch import at_the_price_said, nearness, reading_now, standing_now
from core.types import Symbol
from core.view import View
from core.watches import Watch
from core.zones import Missing

MANY: Final = 50
"""A watch on more symbols is not looked through while a person waits."""
FEW: Final = 3
"""Of so many symbols the read-back speaks of each."""


class _Seen(NamedTuple):
    """A condition of a watch on one symbol, with what it looks at."""

    condition: Condition
    view: View


def _seen(house: House, watch: Watch, symbol: Symbol) -> Sequence[_Seen]:
    """In the order of the conditions; nothing of what is not judged, or has no quote."""
    quote = house.engine.quote(symbol)
    if quote is None:
        return ()
    return [
        _Seen(condition, house.book.view(rule, quote))
        for rule in house.book.rules_of(watch.id)
        if rule.key.symbol == symbol
        for condition in rule.chosen
    ]


def after_change(house: House, watch: Watch) -> str:
    """What the read-back of a watch adds: the prices that its conditions come to now, or why they are not known."""
    if not watch.conditions or not 0 < len(watch.symbols) <= MANY:
        return ""
    if any(house.engine.quote(symbol) is None for symbol in watch.symbols):
        unfit = house.unfit(watch.symbols[0])
        return f"现在还判断不了：{unfit}。" if unfit else "还没有行情，收到后开始判断。"
    if all(map(at_the_price_said, watch.conditions)):
        return ""
    if len(watch.symbols) > FEW:
        return _unjudged(house, watch)
    lines = []
    for symbol in watch.symbols:
        lead = f"{name_text(house.name(symbol), symbol)} " if len(watch.symbols) > 1 else ""
        seen = _seen(house, watch, symbol)
        lines += [f"{lead}{standing_now(one, view, named=len(seen) > 1)}" for one, view in seen]
    return "按现在算：" + ("\n　" + "\n　".join(lines) if len(lines) > 1 else "".join(lines))


def _unjudged(house: House, watch: Watch) -> str:
    """Of how many symbols something is missing, with the first of it."""
    missing = []
    for symbol in watch.symbols:
        zones = [one.zone(view) for one, view in _seen(house, watch, symbol)]
        missing += [zone.what for zone in zones if isinstance(zone, Missing)][:1]
    return f"其中 {len(missing)} 只现在还判断不了：{missing[0]}。" if missing else ""


def in_list(house: House, watch: Watch) -> str:
    """The lines of ``/list`` about what is measured now and how far that is; of several symbols the nearest one's."""
    if not watch.live_at(house.now()) or not watch.conditions or not 0 < len(watch.symbols) <= MANY:
        return ""
    near: tuple[Decimal, Symbol] | None = None
    for symbol in watch.symbols if len(watch.symbols) > 1 else ():
        seen = _seen(house, watch, symbol)
        for away in [away for one, view in seen if (away := nearness(one, view)) is not None]:
            if near is None or away < near[0]:
                near = away, symbol
    if len(watch.symbols) > 1 and near is None:
        return ""
    symbol = watch.symbols[0] if near is None else near[1]
    seen = _seen(house, watch, symbol)
    if not seen:
        return house.unfit(symbol) or "暂无行情"
    conditions = [one for one, _ in seen]
    lead = "" if near is None else f"最近的是{name_text(house.name(symbol), symbol)}，"
    now = lead + reading_now(conditions, seen[0].view)
    lines = [standing_now(one, view, named=len(seen) > 1) for one, view in seen]
    if len(lines) == 1:
        return "，".join(part for part in (now, *lines) if part)
    return "\n".join(part for part in (now, *lines) if part)
