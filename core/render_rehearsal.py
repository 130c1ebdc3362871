"""What a rehearsal says: in one line under a new watch, and at length with the days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from core.bars import MINUTES, Period
from core.clock import market_time
from core.messages import Button, Chart, Message
from core.rehearsal import Crossing, Rehearsal
from core.render import name_text
from core.types import Symbol, price_text
from core.view import PERIODS
from core.watches import Watch

FEW: Final = 5
"""Crossings that are named in one line; of more, the newest :data:`NEWEST`."""
NEWEST: Final = 3
LINES: Final = 30
"""Crossings written out in one message."""
_DAY: Final[Period] = "day"

NameOf = Callable[[Symbol], str]


def rehearsal_line(watch: Watch, seen: Rehearsal, name: NameOf) -> str:
    """How often it would have told something: ``过去 20 个交易日会触发 2 次：03-12 10:31、03-20（……）。``"""
    if not seen.days:
        which = "这只" if len(watch.symbols) == 1 else "这些股票"
        return f"手上没有{which}的历史，说不出过去会触发几次。"
    if len(_unseen(seen)) == len(watch.groups()):
        return f"过去会触发几次说不出来：{'；'.join(dict.fromkeys(one for _, one in _unseen(seen)))}。"
    until = f"（历史只到 {seen.last:%m-%d}）" if seen.last is not None and seen.last < seen.until else ""
    line = (
        f"过去 {seen.days} 个交易日{until}{_part(watch, seen)}{_count_text(seen, name)}（{_bars_text(seen, watch)}）。"
    )
    if seen.quiet:
        line += f"另有 {seen.quiet} 次按规则不重复提醒。"
    return line + "".join(_gaps(watch, seen))


def rehearsed(watch: Watch, seen: Rehearsal, name: NameOf, chart: Chart | None) -> Message:
    """The same at length, on a picture where there is one."""
    lines = [f"条件：{watch.condition_text()}", rehearsal_line(watch, seen, name)]
    told = seen.told
    if told:
        lines.append("")
        lines += [_crossing_text(watch, one, name) for one in told[-LINES:]]
    if len(told) > LINES:
        lines.append(f"……更早还有 {len(told) - LINES} 次。")
    buttons = ((Button("改阈值", f"retune {watch.id} 0"),),)
    return Message(title=f"⏪ 试演 #{watch.number}", text="\n".join(lines), buttons=buttons, chart=chart)


def too_many(watch: Watch) -> str:
    return f"这个任务有 {len(watch.symbols)} 只，太多了，试演不了。"


def takes_long() -> str:
    return "过去会触发几次要多算一会儿，点“看图”再看。"


def _unseen(seen: Rehearsal) -> Sequence[tuple[int, str]]:
    """What bars never tell: group and reason."""
    return [(one.group, one.why) for one in seen.blind if not one.days]


def _part(watch: Watch, seen: Rehearsal) -> str:
    """How much of it could be looked at, where no condition could be seen on every day."""
    if len(seen.blind) < len(watch.groups()) or len(seen.shares) > 1:
        return ""
    return f"里看得出的 {max(one.days for one in seen.blind)} 天"


def _count_text(seen: Rehearsal, name: NameOf) -> str:
    told = seen.told
    shares = len(seen.shares)
    of_all = f" {shares} 只" if shares > 1 else ""
    if not told:
        return f"{of_all}一次也不会触发"
    if shares > 1:
        symbol, most = Counter(one.symbol for one in told).most_common(1)[0]
        return f"{of_all}共会触发 {len(told)} 次，最多的是{name_text(name(symbol), symbol)} {most} 次"
    if len(told) <= FEW:
        return f"会触发 {len(told)} 次：{'、'.join(map(_when, told))}"
    return f"会触发 {len(told)} 次，最近的是 {'、'.join(map(_when, told[-NEWEST:]))}"


def _when(one: Crossing) -> str:
    at = market_time(one.at)
    return f"{at:%m-%d}" if one.period == "day" else f"{at:%m-%d %H:%M}"


def _crossing_text(watch: Watch, one: Crossing, name: NameOf) -> str:
    share = f" {name_text(name(one.symbol), one.symbol)}" if len(watch.symbols) > 1 else ""
    groups = watch.groups()
    condition = f" {watch.condition_text(groups[one.group])}" if len(groups) > 1 else ""
    return f"{_when(one)}{share}{condition}，价格 {price_text(one.price)}"


def _bars_text(seen: Rehearsal, watch: Watch) -> str:
    return "，".join(
        [
            _played_text(seen.played, many=len(seen.shares) > 1),
            *(["成本按现在的算"] if any(one.needs_cost for one in watch.conditions) else ()),
        ]
    )


def _played_text(played: Mapping[Period, int], *, many: bool) -> str:
    """``按日线推算``, ``5 天按5分钟线、15 天按日线推算``."""
    known = [(PERIODS[period], played[period]) for period in (*MINUTES, _DAY) if period in played]
    if len(known) == 1 or many:
        return f"按{'和'.join(word for word, _ in known)}线推算"
    return "、".join(f"{days} 天按{word}线" for word, days in known) + "推算"


def _gaps(watch: Watch, seen: Rehearsal) -> Sequence[str]:
    """What the numbers leave out."""
    groups = watch.groups()
    said = [
        f"“{watch.condition_text(groups[one.group])}”"
        + (f"只看了有数据的 {one.days} 天：{one.why}。" if one.days else f"没有算在内：{one.why}。")
        for one in seen.blind
    ]
    if seen.without:
        said.append(f"另有 {len(seen.without)} 只手上没有历史，没有算。")
    return said
