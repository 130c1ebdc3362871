"""Questions: about positions, the account, quotes, history and orders; charts, analyses, and a name alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from bot.language import phrases
from bot.language.marks import CLAIMED, pattern
from bot.language.reading import (
    NAMES,
    Named,
    Reading,
    read_account,
    read_scope,
    read_targets,
)
from bot.language.request import (
    Intent,
    Period,
    Request,
)

_PERIODS: Final[Mapping[int, Period]] = {
    300: "5m",
    900: "15m",
    1800: "30m",
    3600: "60m",
    60: "minute",
    86400: "day",
    604800: "week",
}


def chart(reading: Reading) -> Request | None:
    sentence = reading.sentence
    if (other := _other_bars(reading)) is not None:
        return other
    if not _CHART_WORDS.search(sentence.text):
        return None
    period: Period | None = None
    said = False
    for written, fixed in phrases.CHARTS:
        if match := sentence.take(written):
            said = True
            if fixed is not None:
                period = period or fixed
            elif "t" in match.groupdict():
                period = _PERIODS.get(sentence.moments[match["t"]].seconds)
                if period is None:
                    return None
    sentence.take(phrases.PRONOUN)
    if not said or not reading.covered(_CHART_FILLER):
        return None
    return _about(reading, "chart", {"chart_period": period})


def _other_bars(reading: Reading) -> Request | None:
    """换成五分钟的, after a chart: the same share's."""
    context = reading.context
    match = _BARS_ALONE.match(reading.sentence.text) if context.last_intent == "chart" and context.at_hand() else None
    if match is None:
        return None
    period = (
        _LONG_BARS.get(match["long"]) if match["long"] else _PERIODS.get(reading.sentence.moments[match["t"]].seconds)
    )
    return None if period is None else Request(intent="chart", symbols=context.at_hand(), chart_period=period)


_BARS_ALONE: Final = pattern(
    "^(?:那|再)?(?:换成?|改成?|切成?到?|看看?|来|要)?(?:一?[个张])?(?:(?P<t><dur>)|(?P<long>[日周月]))(?:k?线|k|级别|图){0,3}的?(?:图|看看)?(?:呢|吧)?$"
)
_LONG_BARS: Final[Mapping[str, Period]] = {"日": "day", "周": "week", "月": "month"}
_CHART_WORDS: Final = re.compile("图|线|分时|k|画")
_CHART_FILLER: Final = re.compile(phrases.FILLER.pattern + "|画|张|甩|过来|发|出|图|走势|最近|给我看看|调")


def _about(reading: Reading, intent: Intent, slots: dict[str, Any], *, needs_symbol: bool = True) -> Request:
    named = reading.named()
    symbols = named.symbols
    if needs_symbol and not named.anything:
        symbols = reading.context.at_hand()
    lacking = needs_symbol and not symbols and not named.ambiguous and not named.unknown
    return Request.model_validate(
        {
            "intent": intent,
            "symbols": symbols,
            "ambiguous": named.ambiguous,
            "missing": ("symbols",) if lacking else (),
            "problems": ("unknown_symbol",) if named.unknown else (),
            **slots,
        }
    )


_ANALYZE_FILLER: Final = re.compile(
    "这个?位置|这个?价位?|走势|行情|后市|趋势|前景|后面|接下来|未来|挨个|逐个|逐一|一个个|值不值|表现|这么|这样|"
    + phrases.ASK_FILLER.pattern
)


def analyze(reading: Reading) -> Request | None:
    sentence = reading.sentence
    if phrases.NOT_ANALYSED.search(sentence.text) or sentence.take(phrases.ANALYZE) is None:
        return None
    sentence.take_all(phrases.ANALYZE)
    scope = None if reading.named().anything else read_scope(reading)
    pronoun = sentence.take(phrases.PRONOUN)
    if not reading.covered(_ANALYZE_FILLER):
        return None
    if scope:
        return Request.model_validate({"intent": "analyze", "scope": scope})
    if (
        not reading.named().anything
        and not pronoun
        and not reading.context.at_hand()
        and not sentence.text.startswith("分析")
    ):
        return None
    return _about(reading, "analyze", {})


def question(reading: Reading) -> Request | None:
    sentence, context = reading.sentence, reading.context
    account = read_account(reading)
    asks_why = _WHY.search(sentence.text) is not None
    targets = read_targets(reading) if asks_why else ()
    if (same := _the_same_of(reading, account)) is not None:
        return same
    # 为什么昨天没提醒我: a day may stand in the middle of what asks.
    day = _dates(reading, been=True) if asks_why else {}
    base = sentence.rest
    named = reading.named()
    for intent, ask, written in phrases.QUESTION_TABLE:
        match = written.search(base)
        if match is None or match.end() == match.start() or (targets and ask != "alerts"):
            continue
        if intent == "quote_query" and not (
            named.anything
            or _OF_ALL.search(sentence.text)
            or _PRONOUN_OR_LAST.search(sentence.text)
            or context.at_hand()
        ):
            continue
        if intent == "quote_query" and _WISH.search(sentence.text):
            # 茅台涨几个点提醒我 is a wish without its number, no question.
            continue
        if intent == "help" and named.anything:
            continue
        if intent != "help" and _OF_ITSELF.search(sentence.text) and not named.anything:
            continue
        if intent == "orders_query" and _HENCEFORTH.search(sentence.text):
            continue
        if intent == "quote_query" and _FORECAST.search(sentence.text):
            continue
        if ask == "alerts" and "ai" in sentence.text:
            continue
        if intent == "quote_query" and ask is None and _OPINION.search(sentence.text):
            continue
        if ask == "position_ratio" and named.anything:
            continue
        if ask == "score" and not _of_adviser(sentence.text, match):
            continue
        sentence.rest = base
        sentence.claim(match)
        while (again := written.search(sentence.rest)) is not None and again.end() > again.start():
            sentence.claim(again)
        dates = day or _dates(reading, been=intent == "history_query")
        sentence.take(phrases.PRONOUN)
        scope = None if named.anything else read_scope(reading)
        if not reading.covered(phrases.ASK_FILLER):
            continue
        slots: dict[str, Any] = {"ask": ask, "account": account, "targets": targets}
        if intent == "quote_query" and scope:
            return Request.model_validate({"intent": intent, "scope": scope, **slots})
        asked = _asked(intent, ask, named, dates, reading)
        if asked is None:
            continue
        slots |= asked
        intent = slots.pop("intent", intent)  # noqa: PLW2901 - the same question about a past month is history
        return _about(reading, intent, slots, needs_symbol=intent == "quote_query")
    return _of_other_days(reading, base)


def _of_adviser(text: str, match: re.Match[str]) -> bool:
    """Whether it is the AI whose rate is asked for."""
    return (
        phrases.OF_ADVISER.search(match[0]) is not None
        or phrases.BEFORE_A_RATE.fullmatch(text, 0, match.start()) is not None
    )


_THE_SAME: Final = pattern(
    "^(?:那么?|换成?|再看看?)?<name>(?:的|那边|那个)?(?:又|也|它)(?:是)?(?:怎么样|如何|什么情况|多少(?:钱)?)(?:呢|啊|呀|了)?$"
    "|^(?:那)?(?:换成?|再看看?)<name>(?:的|那边|那个)?(?:看看|看一下|呢|怎么样|如何){1,2}$"
    "|^(?:那么?)?<name>(?:的)?那(?:边|头)(?:呢|怎么样|如何)$"
)
"""比亚迪的又是多少, after a question: the same of another share."""


def _the_same_of(reading: Reading, account: str | None) -> Request | None:
    context = reading.context
    if account or context.last_intent not in _GOES_ON or not _THE_SAME.match(reading.sentence.text):
        return None
    ask = context.last_ask if context.last_intent in ("quote_query", "positions_query", "history_query") else None
    return _about(reading, context.last_intent, {"ask": ask})


_GOES_ON: Final[frozenset[Intent]] = frozenset({"quote_query", "positions_query", "analyze", "chart", "history_query"})


def _of_other_days(reading: Reading, base: str) -> Request | None:
    """上个月的呢, after a question: the same one about other days."""
    sentence, context = reading.sentence, reading.context
    intent, ask = context.last_intent, context.last_ask
    if intent not in ("history_query", "positions_query", "account_query", "orders_query"):
        return None
    sentence.rest = base
    dates = _dates(reading, been=True)
    if not dates or not reading.covered(phrases.ASK_FILLER):
        return None
    asked = _asked(intent, ask, reading.named(), dates, reading)
    if asked is None:
        return None
    slots: dict[str, Any] = {"ask": ask, **asked}
    intent = slots.pop("intent", intent)
    return _about(reading, intent, slots, needs_symbol=False)


_WHY: Final = re.compile("为什么|为啥|怎么没")
_OF_ITSELF: Final = re.compile("功能|服务|指令|命令|用法")
_HENCEFORTH: Final = re.compile("^(?:以后|今后|默认)")
_FORECAST: Final = re.compile("会(?:不会)?(?:继续|再|大|一直|突然)?(?:涨|跌|反弹|回调)|能(?:涨|跌)到|估计|预计|预测")
_OPINION: Final = re.compile("觉得|认为|看好|怎么看|看法")
_WISH: Final = re.compile("(?:提醒|通知|叫|喊|报警)(?:一下)?我")
_OF_ALL: Final = re.compile("自选|关注的|持仓股|持股|手里的|持有的")
_PRONOUN_OR_LAST: Final = pattern("它|这只|这个|那只|该股")


def _dates(reading: Reading, *, been: bool = False) -> dict[str, Any]:
    """The days of a question.

    Args:
        been: a weekday that is asked about has been: on a Wednesday 周二 was yesterday.
    """
    sentence, today = reading.sentence, reading.now.date()
    match = sentence.take(phrases.DATES)
    if match is None:
        said = _TODAY.search(sentence.rest)
        return {"date_from": today} if said else {}
    first, last = reading.day(match)
    if match["e"]:
        last = reading.day(match, "e")[1]
    while been and first > today:
        first, last = first - timedelta(days=7), last - timedelta(days=7)
    slots: dict[str, Any] = {"date_from": first}
    if last < today and not _ONWARDS.search(match[0]):
        slots["date_to"] = last
    return slots


_ONWARDS: Final = re.compile("(?:起|开始|以来|至今|算起)(?:里|内|的)?$")
_HELD: Final = re.compile("买了些?(?:什么|哪些)")
_TODAY: Final = pattern("今天|今日|当日|当天")


def _asked(
    intent: Intent, ask: str | None, named: Named, dates: dict[str, Any], reading: Reading
) -> dict[str, Any] | None:
    """The slots of a question, or None when the question does not fit what else was said."""
    past = "date_to" in dates or (bool(dates) and dates["date_from"] != reading.now.date())
    if intent == "history_query":
        if (
            ask == "trades"
            and not (dates or _TODAY.search(reading.sentence.text))
            and _HELD.search(reading.sentence.text)
        ):
            # 买了什么, of no day, is what is held.
            return {"intent": "positions_query", "ask": "list"}
        if ask == "alerts" and not past and not _TODAY.search(reading.sentence.text):
            return {}
        if _TODAY.search(reading.sentence.text):
            return dates or {"date_from": reading.now.date()}
        return dates
    if ask == "pnl_total" and not past and _TODAY.search(reading.sentence.text):
        return {"ask": "pnl_today"}
    if past:
        if ask in ("pnl_total", "pnl_today"):
            return {"intent": "history_query", "ask": "realized_pnl", **dates}
        if intent == "orders_query":
            return dates
        return None
    if intent == "positions_query" and ask == "weight" and not named.anything and not reading.context.at_hand():
        return {"intent": "account_query", "ask": "position_ratio"}
    if ask == "quantity" and not (named.anything or reading.context.at_hand()):
        return None
    if ask in ("sellable", "cost", "holding_days", "weight", "quantity") and not named.anything:
        return {"symbols": reading.context.at_hand()}
    return {}


_ACCOUNT_ALONE: Final = re.compile(
    r"^(?:看看|查询|查看?|看一?下|查一下|查下|显示)?(?:我的?)?(?:的)?(?:资金)?(?:账户|账号|资金)(?:情况|信息|概况|状态|怎么样|概览)?$"
)
_FOLLOWING: Final = re.compile("[那呢么嘛吗?,.!]")
_QUOTE_VERB: Final = re.compile(r"^(?:看看|查看?|看一?下|查一下|查下|看|瞅瞅|瞄一眼|看一眼|报一下)?$")


def bare(reading: Reading) -> Request | None:
    """A name alone asks for its quote; 账户 alone for the account; 确认 and 取消 answer a card that may be gone."""
    if _ACCOUNT_ALONE.match(reading.plain):
        return Request(intent="account_query")
    if phrases.CONFIRM_BARE.match(reading.plain):
        return Request(intent="draft_confirm")
    if phrases.CANCEL_BARE.match(reading.plain):
        return Request(intent="draft_cancel")
    sentence = reading.sentence
    account = read_account(reading)
    if account and not _FOLLOWING.sub("", sentence.rest.replace(CLAIMED, "")):
        last, ask = reading.context.last_intent, reading.context.last_ask
        asked = last if last in ("positions_query", "account_query", "history_query", "orders_query") else None
        slots = {"ask": ask} if asked else {}
        return Request.model_validate({"intent": asked or "account_query", "account": account, **slots})
    named = reading.named()
    if not named.anything:
        return None
    follow = phrases.FOLLOW_UP.match(sentence.text)
    intent, ask = reading.context.last_intent, reading.context.last_ask
    if follow and intent in _GOES_ON:
        slots = {"ask": ask} if ask and intent in ("quote_query", "positions_query", "history_query") else {}
        return _about(reading, intent, slots)
    rest = NAMES.sub("", sentence.rest)
    rest = phrases.QUERY_TAIL.sub("", re.sub("[、,和与跟及]", "", rest)).replace("以及", "")
    if not _QUOTE_VERB.match(rest):
        return None
    return _about(reading, "quote_query", {})
