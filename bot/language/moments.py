"""Days, times of day, spans and durations as people write them: 月底, 下周五, 明早九点半, 上周, 半小时.

Nothing is resolved here that needs more than ``now``; what a day is for (expiry, a question) the grammar says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Final, Literal, NamedTuple

from bot.language.numerals import NUMBER, number
from core.calendar import next_trading_day
from core.clock import market_time

MomentKind = Literal["dur", "day", "at", "span", "ma"]


class Moment(NamedTuple):
    """A piece of time in a text.

    Attributes:
        kind: ``dur`` (seconds), ``day``, ``at`` (an instant), ``span`` (first, last day), ``ma`` (days of an average
            or of a new high, in ``seconds``).
        day: of ``day``; the first day of a span; the last day that a duration reaches.
        last: of a span: its last day.
        clock: of ``at``: the time of day was written without a day.
    """

    start: int
    end: int
    kind: MomentKind
    seconds: int = 0
    day: date | None = None
    last: date | None = None
    at: datetime | None = None
    clock: bool = False


class _Found(NamedTuple):
    """A match with what stands around it: one character before, two after."""

    match: re.Match[str]
    now: datetime
    before: str
    after: str


_WEEKDAY: Final = {char: index for index, chars in enumerate(("一1", "二2", "三3", "四4", "五5", "六6", "日天7"))
                   for char in chars}  # fmt: skip
_PART: Final = "上午|早上|早晨|清晨|凌晨|中午|午后|下午|傍晚|晚上|夜里|夜间|半夜|早|晚"
_DAY: Final = "今天|今日|今儿|今晚|今早|明天|明日|明早|明晚|后天|大后天|昨天|昨日|昨晚|前天|当天|当日"
_OFFSET: Final = {"今": 0, "当": 0, "明": 1, "后": 2, "大": 3, "昨": -1, "前": -2}
_UNIT: Final = {"秒": 1, "秒钟": 1, "分钟": 60, "分": 60, "刻钟": 900, "小时": 3600, "钟头": 3600, "天": 86400, "日": 86400,  # noqa: E501 - one list
                "周": 604800, "星期": 604800, "礼拜": 604800}  # fmt: skip

_MOMENT: Final = re.compile(
    # an average line: 20日均线, 20均线, ma20, 年线
    rf"(?P<ma>(?P<ma_days>{NUMBER})(?:[日天](?:移动)?(?:平均|均)?|周期均|(?:移动)?(?:平均|均))线|ma(?P<ma_latin>\d{{1,3}})(?!\d)(?:均?线)?|(?:半年|年)线)"
    rf"|(?P<volume>(?P<volume_days>{NUMBER})[日天](?:平均|均)(?:成交)?量)"
    # the days that a new high beats: 20日新高, 近三个月的最高价
    rf"|(?P<beaten>(?:最近|近|过去|前期?)?(?P<beaten_count>{NUMBER}|半)个?(?P<beaten_unit>交易日|日|天|周|星期|月|年)"
    r"(?=(?:以?来|之?内|里|期)?的?(?:股价)?(?:新[高低]|最[高低][点价位]|[高低][点位](?!\d))))"
    # a time of day: 14:30, 下午两点半, 明早九点
    rf"|(?P<clock>(?P<clock_day>{_DAY})?(?P<part>{_PART})?(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}})(?!\d)"
    rf"|(?P<said_day>{_DAY})?(?P<said_part>{_PART})?(?P<said_hour>\d{{1,2}}|[一二两三四五六七八九十]{{1,3}})点"
    rf"(?!\d*[个%])(?P<said_minute>半|一刻|钟|整|[一二三四五十]{{1,3}}分?|\d{{1,2}}分?)?)"
    rf"|(?P<date>(?:(?<![\d.])(?P<year>20\d{{2}})[年\-/.])(?P<ymonth>\d{{1,2}})[月\-/.](?P<yday>\d{{1,2}})(?![\d.])[号日]?"
    rf"|(?P<month>\d{{1,2}}|[一二三四五六七八九十]{{1,2}})月(?P<mday>\d{{1,2}}|[一二三四五六七八九十]{{1,3}})[号日]?"
    r"|(?<![#\d])(?P<only_day>\d{1,2}|[一二三四五六七八九十]{1,3})号(?!任务|提醒|盯|单|委托|条|的?任务))"
    r"|(?P<of_month>(?:去年)?(?P<named_month>1[0-2]|[1-9]|十[一二]?|[一二三四五六七八九])月(?:份|(?=以来|的?(?:成交|交易|赚|亏|盈|买|卖|提醒|操作|收益))))"
    rf"|(?P<recent>(?:最近|近|过去|这|前)(?P<recent_count>{NUMBER}|几)?个?(?P<recent_unit>天|日|周|星期|礼拜|月|年))(?!线|[一二三四五六日末底])"
    rf"|(?P<week_day>(?P<which>这个?|本|下下个?|下个?|上个?)?(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天1-6](?!个|天|年|\d)))"
    r"|(?P<month_end>(?P<which_month>这个?|本|下个?)?月[底末])|(?P<year_end>今?年[底末])|(?P<weekend>(?:这个?|本)?周末)"
    r"|(?P<week>(?P<which_week>这个?|本|下个?|上个?)(?:周|星期|礼拜))"
    r"|(?P<whole_month>这个?月|本月|当月|上个?月|下个?月)"
    r"|(?P<whole_year>今年以?来?|去年|本年|年初至今|今年)"
    r"|(?P<day>明天|明日|后天|大后天|昨天|昨日|前天|明早|明晚|昨晚)"
    rf"|(?P<trading>(?P<trading_count>{NUMBER})个交易日)"
    rf"|(?P<months>(?P<months_count>{NUMBER}|半)个月)"
    rf"|(?P<dur>(?P<whole_and_half>{NUMBER})个半(?P<unit_h>小时|钟头|星期)"
    r"|半个?(?P<unit_half>小时|钟头|分钟)"
    rf"|(?P<minute_and_half>{NUMBER})分半(?!数)"
    rf"|(?P<count>{NUMBER})个?半?(?P<unit>秒钟?|分钟|刻钟|小时|钟头|天|周(?!线)|星期|礼拜|分(?=内|之内|后|涨|跌|看|查|一次|检|拉|急|直|快|闪|k|macd|kdj|rsi|boll|级)|日(?=内|之内|有效)))"
    r"|(?<=每)(?P<each>秒钟?|分钟|小时|刻钟|钟头)"
    r"|(?<![a-z\d])(?P<short>\d+)(?P<short_unit>[smh])(?:in)?(?![a-z])"
)


def moments(text: str, now: datetime) -> tuple[Moment, ...]:
    """Every piece of time in ``text`` (half-width, names already marked), in order. A bare 今天 stays a word.

    Args:
        now: aware; days are counted in market time.
    """
    here = market_time(now)
    found = []
    at = 0
    while (match := _MOMENT.search(text, at)) is not None:
        read = _read(match, text, here)
        if read is None:
            at = match.start() + 1
            continue
        found.append(read._replace(start=match.start(), end=match.end()))
        at = match.end()
    return tuple(found)


def _read(match: re.Match[str], text: str, now: datetime) -> Moment | None:
    for name, read in _READERS:
        if match[name] is not None:
            before = text[match.start() - 1] if match.start() else ""
            return read(_Found(match, now, before, text[match.end() : match.end() + 2]))
    return None


def _of_average(it: _Found) -> Moment | None:
    days = it.match["ma_days"] or it.match["ma_latin"]
    if days is None:
        return Moment(0, 0, "ma", seconds=120 if it.match[0].startswith("半") else 250)
    count = number(days)
    return Moment(0, 0, "ma", seconds=int(count)) if count else None


def _of_volume(it: _Found) -> Moment | None:
    count = number(it.match["volume_days"])
    return Moment(0, 0, "ma", seconds=int(count)) if count else None


_TRADING_DAYS: Final = {"周": 5, "星期": 5, "月": 20, "年": 250}


def trading_days(count: str, unit: str) -> int | None:
    """Trading days, as they are counted in the market: a week is 5, a month 20, a year 250; 日 are trading days.

    >>> trading_days("三", "月"), trading_days("半", "年"), trading_days("20", "日"), trading_days("52", "周")
    (60, 120, 20, 250)
    """
    one = _TRADING_DAYS.get(unit, 1)
    if count == "半":
        return {250: 120, 20: 10}.get(one)
    # 百日新高 leaves its 一 out.
    days = 100 * one if count == "百" else int((number(count) or 0) * one)
    # 52 weeks are the year that everybody means.
    return 250 if days == 52 * 5 else days or None


def _of_beaten(it: _Found) -> Moment | None:
    days = trading_days(it.match["beaten_count"], it.match["beaten_unit"])
    return Moment(0, 0, "ma", seconds=days) if days else None


_UNTIL: Final = re.compile("(?:静音?|扰|响|吵我?|叫我?|提醒我?|持续|直|等|歇|停)到$|\\d点(?:钟|半)?[到至-]$")
"""What lasts until a time of day, so that a number after it is no price."""


def _of_clock(it: _Found) -> Moment | None:
    day, part = it.match["clock_day"] or it.match["said_day"], it.match["part"] or it.match["said_part"]
    if it.match["hour"] is not None:
        hour, minute = int(it.match["hour"]), int(it.match["minute"])
    else:
        said = it.match["said_minute"]
        # "涨3点" is three percent: an hour needs something that says it is one.
        if not (
            day
            or part
            or said in ("半", "一刻", "钟", "整")
            or it.after.startswith(("前", "之", "以", "再", "后", "到", "至", "-"))
            or _UNTIL.search(it.match.string[: it.match.start()])
        ):
            return None
        until = _UNTIL.search(it.match.string[: it.match.start()]) is not None
        if it.before in "涨跌破到了超过" and it.before and not (day or part or said in ("半", "钟") or until):
            return None
        counted = number(it.match["said_hour"])
        if counted is None:
            return None
        hour = int(counted)
        minute = {"半": 30, "一刻": 15}.get(said or "", 0)
        if said and said not in ("半", "一刻", "钟", "整"):
            written = number(said.removesuffix("分"))
            if written is None:
                return None
            minute = int(written)
    if hour > 24 or minute > 59:
        return None
    late = (part or "") in ("下午", "晚上", "傍晚", "午后", "夜里", "夜间", "晚") or (day or "").endswith("晚")
    if late and hour < 12:
        hour += 12
    if part == "中午" and hour < 3:
        hour += 12
    base = it.now.date() + timedelta(days=_OFFSET[day[0]] if day else 0)
    at = datetime.combine(base, time(hour % 24, minute), it.now.tzinfo) + timedelta(days=hour // 24)
    if day is None and at <= it.now:
        # 早上九点 said at ten is tomorrow's; 两点 said at ten is this afternoon's.
        at = (
            at + timedelta(hours=12)
            if part is None and it.match["hour"] is None and hour < 8 and at + timedelta(hours=12) > it.now
            else at + timedelta(days=1)
        )
    return Moment(0, 0, "at", at=at, day=at.date(), clock=day is None)


def _of_date(it: _Found) -> Moment | None:
    year = int(it.match["year"]) if it.match["year"] else it.now.year
    month_text, day_text = (
        it.match["ymonth"] or it.match["month"],
        it.match["yday"] or it.match["mday"] or it.match["only_day"],
    )
    month, day = number(month_text) if month_text else None, number(day_text)
    if day is None or (month_text and month is None):
        return None
    try:
        found = date(year, int(month) if month is not None else it.now.month, int(day))
    except ValueError:
        return None
    return Moment(0, 0, "day", day=found)


def _of_recent(it: _Found) -> Moment | None:
    if it.match[0] == "前天":
        return Moment(0, 0, "day", day=it.now.date() - timedelta(days=2))
    written, unit = it.match["recent_count"], it.match["recent_unit"]
    if written is None and it.match[0][0] == "这":
        return (
            _week_span(it.now, 0)
            if unit in ("周", "星期", "礼拜")
            else _month_span(it.now, 0)
            if unit == "月"
            else None
        )
    if it.match[0][0] in "前这" and written is None:
        return None
    count = 3 if written == "几" else int(number(written) or 0) if written else 1
    days = count * {"天": 1, "日": 1, "月": 30, "年": 365}.get(unit, 7)
    if not days:
        return None
    first = _months_on(it.now.date(), -count) if unit == "月" else it.now.date() - timedelta(days=days)
    return Moment(0, 0, "span", seconds=days * 86400, day=first, last=it.now.date())


def _of_week_day(it: _Found) -> Moment | None:
    index, which = _WEEKDAY[it.match["weekday"]], (it.match["which"] or "").removesuffix("个")
    monday = it.now.date() - timedelta(days=it.now.weekday())
    day = monday + timedelta(days=index + 7 * {"下": 1, "下下": 2, "上": -1}.get(which, 0))
    if not which and day < it.now.date():
        day += timedelta(days=7)
    return Moment(0, 0, "day", day=day)


def _of_month_end(it: _Found) -> Moment | None:
    months = 1 if (it.match["which_month"] or "").startswith("下") else 0
    return Moment(0, 0, "day", day=_month_span(it.now, months).last)


def _of_year_end(it: _Found) -> Moment | None:
    return Moment(0, 0, "day", day=date(it.now.year, 12, 31))


def _of_weekend(it: _Found) -> Moment | None:
    return Moment(0, 0, "day", day=it.now.date() + timedelta(days=6 - it.now.weekday()))


def _week_span(now: datetime, weeks: int) -> Moment:
    monday = now.date() - timedelta(days=now.weekday()) + timedelta(weeks=weeks)
    return Moment(0, 0, "span", day=monday, last=monday + timedelta(days=6))


def _month_span(now: datetime, months: int) -> Moment:
    first = _months_on(now.date().replace(day=1), months)
    return Moment(0, 0, "span", day=first, last=_months_on(first, 1) - timedelta(days=1))


def _months_on(day: date, months: int) -> date:
    total = day.year * 12 + day.month - 1 + months
    year, month = divmod(total, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


def _of_week(it: _Found) -> Moment | None:
    return _week_span(it.now, {"下": 1, "上": -1}.get(it.match["which_week"][0], 0))


def _of_whole_month(it: _Found) -> Moment | None:
    return _month_span(it.now, {"下": 1, "上": -1}.get(it.match["whole_month"][0], 0))


def _of_named_month(it: _Found) -> Moment | None:
    """10月份: the last one that has begun."""
    month = int(number(it.match["named_month"]) or 0)
    if not 1 <= month <= 12:
        return None
    back = (it.now.month - month) % 12 + 12 * it.match[0].startswith("去年")
    return _month_span(it.now, -back)


def _of_whole_year(it: _Found) -> Moment | None:
    year = it.now.year - (it.match["whole_year"][0] == "去")
    return Moment(0, 0, "span", day=date(year, 1, 1), last=date(year, 12, 31))


def _of_day(it: _Found) -> Moment | None:
    return Moment(0, 0, "day", day=it.now.date() + timedelta(days=_OFFSET[it.match["day"][0]]))


def _of_trading(it: _Found) -> Moment | None:
    count = int(number(it.match["trading_count"]) or 0)
    if not 0 < count <= 250:
        return None
    day = it.now.date()
    for _ in range(count):
        day = next_trading_day(day)
    return Moment(0, 0, "dur", seconds=count * 86400, day=day)


def _of_months(it: _Found) -> Moment | None:
    if it.match["months_count"] == "半":
        return Moment(0, 0, "dur", seconds=15 * 86400, day=it.now.date() + timedelta(days=15))
    count = int(number(it.match["months_count"]) or 0)
    if not 0 < count <= 120:
        return None
    return Moment(0, 0, "dur", seconds=count * 30 * 86400, day=_months_on(it.now.date(), count))


def _of_duration(it: _Found) -> Moment | None:
    if it.before == "每" and it.match["unit"] == "天" and it.match["count"] == "一":
        return None
    if it.match["unit_half"]:
        seconds = _UNIT[it.match["unit_half"]] // 2
    elif it.match["minute_and_half"]:
        seconds = int((number(it.match["minute_and_half"]) or 0) * 60) + 30
    elif it.match["whole_and_half"]:
        whole = number(it.match["whole_and_half"])
        if whole is None:
            return None
        seconds = int(whole * _UNIT[it.match["unit_h"]]) + _UNIT[it.match["unit_h"]] // 2
    else:
        count = number(it.match["count"])
        if not count:
            return None
        seconds = int(count * _UNIT[it.match["unit"]])
        if it.match[0].endswith(("半小时", "半天", "半钟头")):
            seconds += _UNIT[it.match["unit"]] // 2
    return _lasting(seconds, it.now)


def _of_each(it: _Found) -> Moment | None:
    """每分钟: once in one of it."""
    return _lasting(_UNIT[it.match["each"]], it.now)


def _of_short(it: _Found) -> Moment | None:
    return _lasting(int(it.match["short"]) * {"s": 1, "m": 60, "h": 3600}[it.match["short_unit"]], it.now)


def _lasting(seconds: int, now: datetime) -> Moment | None:
    if not 0 < seconds <= 10 * 365 * 86400:
        return None
    return Moment(0, 0, "dur", seconds=seconds, day=(now + timedelta(seconds=seconds)).date())


_Reader = Callable[[_Found], Moment | None]
_READERS: Final[tuple[tuple[str, _Reader], ...]] = (
    ("ma", _of_average),
    ("volume", _of_volume),
    ("beaten", _of_beaten),
    ("clock", _of_clock),
    ("date", _of_date),
    ("recent", _of_recent),
    ("week_day", _of_week_day),
    ("month_end", _of_month_end),
    ("year_end", _of_year_end),
    ("weekend", _of_weekend),
    ("week", _of_week),
    ("of_month", _of_named_month),
    ("whole_month", _of_whole_month),
    ("whole_year", _of_whole_year),
    ("day", _of_day),
    ("trading", _of_trading),
    ("months", _of_months),
    ("dur", _of_duration),
    ("each", _of_each),
    ("short", _of_short),
)
