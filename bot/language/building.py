"""What a way of speaking builds: the condition that stands behind the words that a row of the table has matched.

A builder returns None where the words matched and their meaning does not: a percent that is no percent, a share where
the whole account is meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from bot.language.marks import Marked
from bot.language.request import BarPeriod, Direction, Draft, KindName

Side = Literal["up", "down", "reach"]


class Found(NamedTuple):
    """Conditions read at one place; several where one phrase means several (leaving a range)."""

    start: int
    end: int
    drafts: tuple[Draft, ...]


class Hit(NamedTuple):
    match: re.Match[str]
    sentence: Marked

    def number(self, group: str = "v") -> Decimal:
        return self.sentence.figures[self.match[group]].value

    def unit(self, group: str = "v") -> str:
        return self.sentence.figures[self.match[group]].unit

    def is_percent(self, group: str = "v") -> bool:
        """成 and points of a share count as percent; points of an index are a level."""
        return self.unit(group) in ("pct", "tenths") or (
            self.unit(group) == "point" and not self.sentence.is_index() and self.number(group) <= 30
        )

    def seconds(self, group: str) -> int:
        return self.seconds_of(self.match[group])

    def seconds_of(self, char: str) -> int:
        return self.sentence.moments[char].seconds

    def period(self) -> BarPeriod | Literal[False] | None:
        """The bars that were spoken of: None is the day, False is a length that no bars have."""
        groups = self.match.groupdict()
        said = [char for name in ("p", "q") if (char := groups.get(name))]
        return BARS.get(self.seconds_of(said[0]), False) if said else None


BARS: Final[Mapping[int, BarPeriod]] = {60: "1m", 300: "5m", 900: "15m", 1800: "30m", 3600: "60m"}
Build = Callable[[Hit], tuple[Draft, ...] | None]


def _reference(text: str | None) -> Literal["open", "cost", "last"] | None:
    if not text:
        return None
    if "开" in text and "现" not in text and not text.startswith(("从这", "从当", "从目")):
        return "open"
    if "成本" in text or "买" in text or "进货" in text or "建仓" in text:
        return "cost"
    if "现" in text or "当前" in text or "这" in text or "目前" in text or text == "再":
        return "last"
    return None


def price(side: Side) -> Build:
    kinds: Mapping[Side, Literal["price_above", "price_below", "price_reach"]] = {
        "up": "price_above",
        "down": "price_below",
        "reach": "price_reach",
    }

    def build(hit: Hit) -> tuple[Draft, ...] | None:
        if hit.is_percent():
            value = abs(hit.number())
            if side == "reach":
                return None
            return (Draft(kind="pct_up" if side == "up" else "pct_down", value=value, unit="pct"),)
        return (Draft(kind=kinds[side], value=hit.number(), unit="yuan"),)

    return build


def percent(side: Literal["up", "down"], reference: Literal["cost", "last"] | None = None) -> Build:
    def build(hit: Hit) -> tuple[Draft, ...] | None:
        if not hit.is_percent():
            return None
        said = reference or _reference(hit.match.groupdict().get("ref"))
        kind: Literal["pct_up", "pct_down"] = "pct_up" if side == "up" else "pct_down"
        return (Draft(kind=kind, value=abs(hit.number()), unit="pct", reference=said),)

    return build


def doubled(hit: Hit) -> tuple[Draft, ...] | None:
    """比成本翻一倍: only what it cost says from where."""
    if _reference(hit.match["ref"]) != "cost" or (hit.match["v"] and hit.number() != 1):
        return None
    return (Draft(kind="pct_up", value=Decimal(100), unit="pct", reference="cost"),)


def percent_either(hit: Hit) -> tuple[Draft, ...] | None:
    if not hit.is_percent():
        return None
    said = _reference(hit.match.groupdict().get("ref"))
    value = abs(hit.number())
    return (
        Draft(kind="pct_up", value=value, unit="pct", reference=said),
        Draft(kind="pct_down", value=value, unit="pct", reference=said),
    )


def signed_percent(hit: Hit) -> tuple[Draft, ...] | None:
    """涨跌幅到 -3 % says its side with the sign."""
    if not hit.is_percent() or hit.number() >= 0:
        return None
    return (Draft(kind="pct_down", value=-hit.number(), unit="pct"),)


def signed(hit: Hit) -> tuple[Draft, ...] | None:
    """-3%, +5%, ±3%: a percent of which nothing is said has its side from its sign, or none."""
    value, sign = hit.number(), hit.match["sign"]
    if not hit.is_percent() or (sign is None and value >= 0):
        return None
    if sign == "±":
        return tuple(Draft(kind=kind, value=abs(value), unit="pct") for kind in ("pct_up", "pct_down"))
    said = _reference(hit.match["ref"])
    return (Draft(kind="pct_down" if value < 0 else "pct_up", value=abs(value), unit="pct", reference=said),)


def unsaid_move(kind: KindName) -> Build:
    """The direction was said and the number was not: it is asked for."""
    return lambda _hit: (Draft(kind=kind),)


def unsaid_name(event: Literal["golden_cross", "dead_cross"]) -> Build:
    """金叉 of what? It is asked for."""

    def build(hit: Hit) -> tuple[Draft, ...] | None:
        period = hit.period()
        return None if period is False else (Draft(kind="indicator", event=event, period=period),)

    return build


def bare_move(side: Literal["up", "down"]) -> Build:
    """``跌1400``: a price where it cannot be a percent, else nobody knows which."""

    def build(hit: Hit) -> tuple[Draft, ...] | None:
        if hit.unit() == "" and hit.number() >= 50:
            return (Draft(kind="price_above" if side == "up" else "price_below", value=hit.number(), unit="yuan"),)
        if hit.unit() == "":
            return (Draft(kind="pct_up" if side == "up" else "pct_down"),)
        return None

    return build


def exit_at(kind: Literal["take_profit", "stop_loss"]) -> Build:
    def build(hit: Hit) -> tuple[Draft, ...] | None:
        if hit.is_percent():
            return (Draft(kind=kind, value=abs(hit.number()), unit="pct", reference="cost"),)
        return (Draft(kind=kind, value=hit.number(), unit="yuan"),)

    return build


def at_cost(kind: Literal["price_above", "price_below"]) -> Build:
    return lambda _hit: (Draft(kind=kind, unit="yuan", reference="cost"),)


def price_range(hit: Hit) -> tuple[Draft, ...] | None:
    return (Draft(kind="enter_range", low=hit.number("low"), high=hit.number("high"), unit="yuan"),)


def leave(hit: Hit) -> tuple[Draft, ...] | None:
    return (
        Draft(kind="price_below", value=hit.number("low"), unit="yuan"),
        Draft(kind="price_above", value=hit.number("high"), unit="yuan"),
    )


def limit(kind: Literal["limit_up", "limit_down"], event: Literal["hit", "open"]) -> Build:
    return lambda _hit: (Draft(kind=kind, event=event),)


def any_limit(_hit: Hit) -> tuple[Draft, ...] | None:
    return Draft(kind="limit_up", event="hit"), Draft(kind="limit_down", event="hit")


def speed(direction: Direction) -> Build:
    def build(hit: Hit) -> tuple[Draft, ...] | None:
        if not hit.is_percent():
            return None
        found = hit.match.groupdict().get("t")
        if found and hit.seconds("t") == _DAY_S:
            return _within_the_day(hit, direction)
        return (
            Draft(
                kind="speed",
                value=abs(hit.number()),
                unit="pct",
                direction=direction,
                period_s=hit.seconds("t") if found else None,
            ),
        )

    return build


def _within_the_day(hit: Hit, direction: Direction) -> tuple[Draft, ...]:
    """一天之内涨4%: the change of the day."""
    kinds: Mapping[Direction, tuple[Literal["pct_up", "pct_down"], ...]] = {
        "up": ("pct_up",),
        "down": ("pct_down",),
        "either": ("pct_up", "pct_down"),
    }
    return tuple(Draft(kind=kind, value=abs(hit.number()), unit="pct") for kind in kinds[direction])


_DAY_S: Final = 86_400


def extreme(kind: Literal["new_high", "new_low"]) -> Build:
    def build(hit: Hit) -> tuple[Draft, ...] | None:
        groups = hit.match.groupdict()
        days = groups.get("m") or groups.get("n")
        return (Draft(kind=kind, days=hit.seconds_of(days) if days else None),)

    return build


def percents(kind: KindName) -> Build:
    """A percent that is no change of the price; the bare number of 换手率到8 is one."""

    def build(hit: Hit) -> tuple[Draft, ...] | None:
        if hit.match["v"] == "一半":
            return (Draft(kind=kind, value=Decimal(50), unit="pct"),)
        value = hit.number()
        if not 0 < value <= 100 or not (hit.is_percent() or hit.unit() == ""):
            return None
        return (Draft(kind=kind, value=value, unit="pct"),)

    return build


def gaps(hit: Hit) -> tuple[Draft, ...] | None:
    if not hit.is_percent():
        return None
    return tuple(Draft(kind=kind, value=abs(hit.number()), unit="pct") for kind in _BOTH_GAPS)


_BOTH_GAPS: Final[tuple[KindName, ...]] = ("gap_up", "gap_down")


def _yuan(hit: Hit) -> Decimal | None:
    """Yuan; a small bare number could be percent, yuan or 亿, so it is none."""
    return hit.number() if hit.unit() == "yuan" or (hit.unit() == "" and hit.number() >= _SURELY_YUAN) else None


_SURELY_YUAN: Final = 100
_SURELY_AMOUNT: Final = 10_000


def amount(hit: Hit) -> tuple[Draft, ...] | None:
    value = _yuan(hit)
    if value is None or value < _SURELY_AMOUNT:
        return None
    return (Draft(kind="amount_above", value=value, unit="yuan"),)


def shrink(hit: Hit) -> tuple[Draft, ...] | None:
    groups = hit.match.groupdict()
    side: Literal["up", "down"] = "down" if groups["side"] == "跌停" else "up"
    gone, left = groups.get("v"), groups.get("left")
    value: Decimal | None = None
    if gone:
        value = _half_or(hit, "v")
    elif left:
        value = 100 - _half_or(hit, "left")
    elif "减半" in hit.match[0]:
        value = Decimal(50)
    if value is not None and not 0 < value < 100:
        return None
    return (Draft(kind="queue_shrink", value=value, unit=None if value is None else "pct", side=side),)


def _half_or(hit: Hit, group: str) -> Decimal:
    return Decimal(50) if hit.match[group] == "一半" else hit.number(group)


def profit(kind: Literal["position_profit", "position_loss"]) -> Build:
    """The floating profit of a position in yuan. Today's alone is not known for one share."""

    def build(hit: Hit) -> tuple[Draft, ...] | None:
        value = None if hit.is_percent() else _yuan(hit)
        if value is None or _TODAY.search(hit.sentence.text[: hit.match.start()]):
            return None
        return (Draft(kind=kind, value=value, unit="yuan"),)

    return build


_TODAY: Final = re.compile("(?:今天|今日|当日|当天)(?:我|的|一共|总共)*$")


def account(kind: Literal["account_profit", "account_loss"]) -> Build:
    """The profit of the whole account: said of it, of today, or of all together, and of no share."""

    def build(hit: Hit) -> tuple[Draft, ...] | None:
        groups = hit.match.groupdict()
        today = groups["day"] or groups["later"]
        whole = groups["whole"] and _says_account(groups["whole"], hit)
        if hit.sentence.mentions or not (today or whole or groups["all"]):
            return None
        percent = hit.is_percent()
        value = abs(hit.number()) if percent else _yuan(hit)
        if value is None:
            return None
        reference: Literal["today", "total"] = "today" if today else "total"
        return (Draft(kind=kind, value=value, unit="pct" if percent else "yuan", reference=reference),)

    return build


_ACCOUNT_SAID: Final = re.compile("账户|账号|资产|净值|组合|整体|总体")
_ACCOUNTS_SAID: Final = re.compile("模拟|老婆|媳妇|太太|妻子|爱人|实盘|主账|真实账|真仓")


def _says_account(part: str, hit: Hit) -> bool:
    """Whether a part speaks of the account; words that were read before may have named it, or something else."""
    return _ACCOUNT_SAID.search(part) is not None or _ACCOUNTS_SAID.search(hit.sentence.text) is not None


def drawdown(hit: Hit) -> tuple[Draft, ...] | None:
    if not hit.is_percent() or hit.sentence.mentions or not _says_account(hit.match[0], hit):
        return None
    return (Draft(kind="account_drawdown", value=abs(hit.number()), unit="pct"),)


def trailing(hit: Hit) -> tuple[Draft, ...] | None:
    return (Draft(kind="trailing_stop", value=abs(hit.number()), unit="pct"),) if hit.is_percent() else None


def volume(hit: Hit) -> tuple[Draft, ...] | None:
    groups = hit.match.groupdict()
    days = hit.seconds("m") if groups.get("m") else None
    value = hit.number() if groups.get("v") else None
    return (Draft(kind="volume_ratio", value=value, unit=None if value is None else "x", base_days=days),)


def double_volume(hit: Hit) -> tuple[Draft, ...] | None:
    days = hit.seconds("m") if hit.match.groupdict().get("m") else None
    return (Draft(kind="volume_ratio", value=Decimal(2), unit="x", base_days=days),)


def average(direction: Direction) -> Build:
    def build(hit: Hit) -> tuple[Draft, ...] | None:
        period = hit.period()
        if period is False:
            return None
        return (Draft(kind="ma_cross", ma=hit.seconds("m"), direction=direction, period=period),)

    return build


def either_average(direction: Direction) -> Build:
    """跌破5日线或者10日线: each of the two."""

    def build(hit: Hit) -> tuple[Draft, ...] | None:
        period = hit.period()
        if period is False:
            return None
        return tuple(
            Draft(kind="ma_cross", ma=hit.seconds(group), direction=direction, period=period) for group in ("a", "b")
        )

    return build


def averages(direction: Direction) -> Build:
    def build(hit: Hit) -> tuple[Draft, ...] | None:
        first = hit.seconds("a") if hit.match["a"] in hit.sentence.moments else int(hit.number("a"))
        second = hit.seconds("b")
        period = hit.period()
        if period is False or first == second:
            return None
        # 10日线下穿... said of the longer line is the shorter one going up; 5日线和10日线金叉 has no first.
        fast, slow = (first, second) if first < second else (second, first)
        turned: Direction = (
            direction if first < second or "和" in hit.match[0] or "与" in hit.match[0] else _OPPOSITE[direction]
        )
        return (Draft(kind="ma_cross", fast=fast, slow=slow, direction=turned, period=period),)

    return build


_OPPOSITE: Final[Mapping[Direction, Direction]] = {"up": "down", "down": "up", "either": "either"}
_INDICATOR: Final[Mapping[str, Literal["macd", "kdj", "rsi", "boll"]]] = {
    "macd": "macd", "kdj": "kdj", "rsi": "rsi", "boll": "boll", "dif": "macd", "diff": "macd",
    "布": "boll", "保": "boll", "指": "macd", "随": "kdj", "相": "rsi",
}  # fmt: skip


def indicator(event: Literal["golden_cross", "dead_cross", "above", "below", "touch_upper", "touch_lower"]) -> Build:
    def build(hit: Hit) -> tuple[Draft, ...] | None:
        groups = hit.match.groupdict()
        said = hit.match["name"]
        line = groups.get("line") or (said[0] if said.endswith("值") else None)
        name = _INDICATOR.get(said) or ("kdj" if line else _INDICATOR[said[0]])
        length = hit.number("n") if groups.get("n") else hit.number("o") if groups.get("o") else None
        period = hit.period()
        if period is False and name == "rsi" and groups["p"] and hit.seconds("p") % _DAY_S == 0:
            # 14天RSI is its length, no bars.
            length, period = Decimal(hit.seconds("p") // _DAY_S), None
        level = event in {"above", "below"}
        if period is False or (length is not None and name != "rsi") or (line and (name != "kdj" or not level)):
            return None
        return (
            Draft.model_validate(
                {
                    "kind": "indicator",
                    "name": name,
                    "event": event,
                    "value": hit.number() if groups.get("v") else None,
                    "period": period,
                    "n": None if length is None else int(length),
                    "line": line,
                }
            ),
        )

    return build
