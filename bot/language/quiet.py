"""Sentences about being told: quiet for a while, seen, and not now but later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from bot.language import kinds, phrases
from bot.language.marks import pattern
from bot.language.reading import THIS_ONE, Reading, alerted, read_targets, watched_one
from bot.language.request import Request
from core.calendar import is_trading_day, next_trading_day


def after_alert(reading: Reading) -> Request | None:
    """What is typed back at an alert: 知道了, or 十分钟后再提醒."""
    sentence = reading.sentence
    if phrases.ACK.fullmatch(reading.plain):
        return Request(intent="ack")
    for written in phrases.SNOOZE:
        match = sentence.take(written)
        if match is None:
            continue
        named, targets = reading.named(), read_targets(reading)
        if not reading.covered():
            return None
        slots = _snoozed(reading, match)
        return Request(intent="snooze", symbols=named.symbols, ambiguous=named.ambiguous, targets=targets, **slots)
    return None


def _snoozed(reading: Reading, match: re.Match[str]) -> dict[str, Any]:
    groups, now = match.groupdict(), reading.now
    if char := groups.get("t"):
        return {"duration_s": reading.sentence.moments[char].seconds}
    said = groups.get("at")
    if said is None:
        return {}
    if said in _HOURS:
        return {"until": _at(now, now.date(), _HOURS[said])}
    moment = reading.sentence.moments[said]
    return {"until": moment.at or _opening(now, moment.day or now.date())}


_HOURS: Final[Mapping[str, time]] = {"收盘": time(15), "下午开盘": time(13), "午后": time(13)}


def silence(reading: Reading) -> Request | None:
    """``静音半小时``: everything, a share, or a watch by its number; and the end of it."""
    sentence = reading.sentence
    off = next(iter(sentence.take_all(phrases.SILENCE_OFF)), None)
    match = off or sentence.take(phrases.SILENCE)
    if match is None or kinds.conditions(sentence):
        return None
    named = reading.named()
    if off and named.anything and not _QUIETENED.search(off[0]):
        return None  # 恢复茅台的提醒 is about a watch
    targets = () if named.anything else _numbers(reading)
    if off:
        return Request(intent="silence", off=True, symbols=named.symbols) if reading.covered() else None
    slots = _quiet_time(reading)
    if slots:
        sentence.take(_LUNCH)
    if not named.anything:
        sentence.take_all(EVERYTHING)
        if alerted(reading):
            sentence.take(THIS_ONE)
    if not reading.covered():
        return None
    if targets:
        return Request(intent="silence", targets=targets, **slots)
    if not slots:
        muted = _MUTED.match(match[0]) is not None
        if not muted and (named.anything or match[0].startswith(("暂停", "停止"))):
            # 别再提醒茅台 has no end: the watch rests until it is resumed.
            named = watched_one(reading, named)
            known = named.symbols or named.ambiguous
            return Request(intent="watch_pause", symbols=named.symbols, ambiguous=named.ambiguous) if known else None
        if context := alerted(reading):
            return Request(intent="silence", symbols=context)
    return Request(intent="silence", symbols=named.symbols, ambiguous=named.ambiguous, **slots)


_LUNCH: Final = re.compile("午休|午间|午饭|吃饭|开会|睡觉")
_QUIETENED: Final = re.compile("静音|静默|免打扰|勿扰|消音")
_NUMBER_ALONE: Final = pattern(r"(?:第)?(?P<n>\d{1,4}|<num>)(?:号|个)?(?=$|[,。]|<dur>|到|的)")
EVERYTHING: Final = pattern("(?:所有|全部|一切|全体)(?:的)?(?:提醒|任务|盯盘|消息|通知)?|全都?")


def _numbers(reading: Reading) -> tuple[str, ...]:
    """#3, 任务3, and the bare 3 of 静音3."""
    found = tuple(one for one in read_targets(reading) if one.startswith("#"))
    if found or (match := reading.sentence.take(_NUMBER_ALONE)) is None:
        return found
    figure = reading.sentence.figures.get(match["n"])
    value = figure.value if figure else Decimal(match["n"])
    return (f"#{int(value)}",) if value == int(value) and value > 0 else ()


_MUTED: Final = re.compile(r"(?:开启|打开|进入|设置?|开|设为)?(?:静音|静默|免打扰|勿扰)")


_QUIET: Final = (
    pattern(r"(?:到|直到|在|至)?(?P<at><at>)(?:之前|以前|前|为止)?(?:都)?"),
    pattern(r"(?:到|直到|在|至)?(?P<midday>(?:今天)?(?:中午|晌午))(?:之前|以前|前|为止)?(?:都)?(?!收盘)"),
    pattern(r"(?P<today>今天|今日|今儿|今晚|今夜|当天)(?:之?内|一整?天|<dur>|全天|都|整天|剩下的?时间|剩余时间)?"),
    pattern(r"(?:接下来|未来|往后|先|这|持续)?(?:的)?(?P<t><dur>)(?:之?内|以内|里)?"),
    pattern(r"(?:到|直到|至|在)?(?P<close>(?:今天|今日|下午)?收盘)(?:之前|以前|前|为止|后)?"),
    pattern(r"(?:到|直到|至|在)?(?P<lunch>(?:中午|上午)收盘|午休)(?:之前|以前|前|为止)?"),
    pattern(r"(?:到|直到|至|在)?(?P<noon>下午开盘|午盘开始)(?:之前|以前|前|为止)?"),
    pattern(r"(?:到|直到|至|在)?(?P<open><day>?开盘)(?:之前|以前|前|为止)?"),
    pattern(r"(?:到|直到|至|在)?(?P<d><day>|<span>)(?:早上|上午|一早|早晨)?(?:之前|以前|前|为止|之?内)?(?:都)?"),
)


def _quiet_time(reading: Reading) -> dict[str, Any]:
    now, sentence = reading.now, reading.sentence
    for written in _QUIET:
        match = sentence.take(written)
        if match is None:
            continue
        kind = match.lastgroup
        if kind == "t":
            return {"duration_s": sentence.moments[match["t"]].seconds}
        if kind == "at":
            return {"until": sentence.moments[match["at"]].at}
        if kind == "midday":
            return {"until": _at(now, now.date() + timedelta(days=now.hour >= 12), time(12, 0))}
        if kind == "close":
            return {"until": _at(now, now.date(), time(15, 0))}
        if kind == "lunch":
            return {"until": _at(now, now.date(), time(11, 30))}
        if kind == "noon":
            return {"until": _at(now, now.date(), time(13, 0))}
        if kind == "open":
            moment = sentence.moments.get(match["open"][0])
            day = moment.day if moment and moment.day else next_trading_day(now.date())
            return {"until": _at(now, day, time(9, 30))}
        if kind == "today":
            return {"until": _at(now, now.date(), time(23, 59))}
        first, last = reading.day(match)
        if first == last and first > now.date() and _UP_TO.match(match[0]):
            # 静音到明天: quiet until that day's session begins.
            return {"until": _opening(now, first)}
        before = match[0].endswith(("之前", "以前", "前"))
        return {"until": _at(now, first - timedelta(days=1) if before else last, time(23, 59))}
    return {}


_UP_TO: Final = pattern("(?:到|直到|至)<day>(?:早上|上午|一早|早晨)?(?:都)?$")


def _opening(now: datetime, day: date) -> datetime:
    """The morning of that day, or of the first trading day after it."""
    trades = day if is_trading_day(day) else next_trading_day(day)
    return _at(now, trades, time(9, 30))


def _at(now: datetime, day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, now.tzinfo)
