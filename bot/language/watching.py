"""A watch: conditions, the wish to be told, and the plan that goes with them."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple

from bot.language import kinds, phrases
from bot.language.building import Found
from bot.language.marks import pattern
from bot.language.reading import (
    Reading,
    Trade,
    owed,
    read_account,
    read_manner,
    read_options,
    read_scope,
    read_top,
    read_trade,
)
from bot.language.request import (
    ACCOUNT_KINDS,
    Draft,
    Request,
    Slot,
    Task,
    lacks_value,
)


class Group(NamedTuple):
    """Names and the conditions said about them."""

    chars: str
    found: list[Found]


# A price of the close alone: nothing here waits for it, and an alert in the middle of the day is not what was meant.
_AT_CLOSE: Final = re.compile(
    "(?<!昨)(?<!昨天)(?<!昨日)(?<!前)(?<!前一天)(?<!上一交易日)"
    "(?:收盘价(?!的)|收盘(?:的?时候?|后)?(?:如果|要是|若|能|还|仍|仍然|依然)*"
    "(?:跌|涨|站|低于|高于|大于|小于|突破|失守|破|收))|收(?:盘价?)?(?:在|于)[\\d一二三四五六七八九十百千两]"
)


def watch(reading: Reading) -> Request | None:
    """A condition, a wish to be told, or both; with a trade it becomes the plan."""
    sentence = reading.sentence
    if not _WATCH_WORDS.search(sentence.text):
        return None
    if phrases.NEGATED_TRADE.search(sentence.text) or _AT_CLOSE.search(reading.plain):
        return None
    account = read_account(reading)
    told = read_manner(reading)
    named = reading.named().anything
    market = not named and not any(written.search(sentence.rest) for written, _ in phrases.SCOPES)
    everywhere = market and sentence.take(phrases.MARKET) is not None
    found = kinds.conditions(sentence)
    scope = "market" if everywhere else None if named else read_scope(reading)
    if everywhere:
        told["top"] = read_top(reading)
    slots = told | read_options(reading)
    same = bool(found) and sentence.take(phrases.SAME) is not None
    if found:
        sentence.take(phrases.AGAIN_TOLD)
    adds = bool(sentence.take(phrases.ADD)) or bool(sentence.take(phrases.TO_WATCHLIST))
    alerts = [match.start() for match in sentence.take_all(phrases.ALERT)]
    watches = bool(sentence.take_all(phrases.WATCH))
    if alerts:
        sentence.take(phrases.WHAT_FOR)
    wished = bool(alerts or watches or adds)
    trades = phrases.TRADE.search(sentence.rest) is not None
    trade = read_trade(reading) if trades else None
    if trades and trade is None:
        return None  # a trade that is not clear is not left out
    if found and (word := sentence.take(phrases.EXIT_WORD)):
        turned = _as_exit(found, "stop_loss" if word["stop"] else "take_profit")
        if turned is None:
            return None
        found = turned
    halves = phrases.EXIT_WORD.search(sentence.rest) or kinds.HALF_SAID.search(sentence.rest)
    if not found and trade is None and (wished or halves):
        found = kinds.bare_price(sentence) or kinds.unsaid(sentence)
        wished = True
    if wished:
        sentence.take(phrases.WHEN)
    if not found and (not wished or trade is not None):
        return None
    if not wished and any(_only_told(one, sentence.text, sells=trade is not None) for one in found):
        return None
    if not (wished or trade) and slots.get("expiry", reading.now.date()) < reading.now.date():
        return None  # 昨天高开2% is over
    whole = [draft.kind in ACCOUNT_KINDS for one in found for draft in one.drafts]
    if any(whole) and (scope or reading.named().anything or not all(whole)):
        # What the account earned is no matter of a share.
        return None
    for written, reference in _SINCE:
        if found and sentence.take(written):
            found = [one._replace(drafts=tuple(_since(draft, reference) for draft in one.drafts)) for one in found]
    found = _one_volume(_within(reading, found))
    if trade is not None and alerts:
        sentence.take(phrases.CONFIRM_FIRST)
    sentence.take_all(_LEADS_IN)
    if not reading.named().anything:
        sentence.take(phrases.PRONOUN)
    if scope or len(reading.named().symbols) > 1:
        sentence.take(phrases.ANY_OF)
    also = sentence.take(phrases.ALSO)
    everything = bool(sentence.take(_BOTH)) or _AS_WELL_AS.search(sentence.text) is not None
    if not reading.covered():
        return None
    if not found and slots.keys() - {"channels", "account"} and not reading.named().anything:
        return None
    text = sentence.text
    groups = _grouped(reading, found, also=also is not None)
    if groups is None:
        return None
    if len({group.chars for group in groups}) > 1 and _CHAINED.search(reading.plain) and not _EACH.search(text):
        # 如果大盘跌2%,茅台跌破1400提醒我: one waits for the other, which no watch can.
        return None
    if _AT_ONCE.search(text):
        return None
    if any(_has_been(reading, one) for one in found):
        return None
    several = sum(len(one.drafts) for one in found) > 1
    if (len(groups) > 1 and _ACROSS.search(text)) or (several and len(_TRADED.findall(reading.plain)) > 1):
        # Shares cannot wait for each other, and two trades are two sentences: half of it must not be done.
        return None
    return _watch_request(
        reading,
        groups,
        trade,
        slots | {"account": account, "scope": scope},
        alerts,
        same=same,
        everything=everything,
    )


_LEADS_IN: Final = pattern("(?<=[,:])<num>是(?=<name>)|为(?=<name>)")
"""一是万华跌5%,二是恒瑞涨到70; 为福耀设置止盈."""
_TRADED: Final = re.compile("买|卖|清仓|平仓|割肉|抛")
_CHAINED: Final = re.compile("^.{0,8}?(?:如果|要是|假如|当|只要|一旦|等|在)")
_EACH: Final = re.compile("或|分别|各自|任[意一何]|都|也")
_ACROSS: Final = pattern(
    "并且|而且|都满足|同时满足|(?:且|同时)(?:当)?(?=<name>)|(?:的时候|时|之?后|情况下)[,]?(?=<name>)"
)
_HAS_BEEN: Final = pattern("(?:已经?|刚才|刚刚|早上|(?P<d><day>))[^,]*$")
_CLAUSE_END: Final = re.compile("[,.]|$")


def _has_been(reading: Reading, found: Found) -> bool:
    """茅台已经跌了2%, in a clause that asks for nothing: it tells how things stand."""
    text = reading.sentence.text
    begin = text.rfind(",", 0, found.start) + 1
    match = _HAS_BEEN.search(text, begin, found.start)
    if match is None or begin == 0 == len(text.split(",")[1:]):
        return False
    moment = reading.sentence.moments.get(match["d"] or "")
    if match["d"] and (moment is None or moment.day is None or moment.day >= reading.now.date()):
        return False
    end = _CLAUSE_END.search(text, found.end)
    clause = text[begin : end.start() if end else len(text)]
    return phrases.ALERT.search(clause) is None and phrases.TRADE.search(clause) is None


_AT_ONCE: Final = pattern("<name>(?:同时|一起|一同)(?:都)?(?=[跌涨到破突站升掉满达])")
_WATCH_WORDS: Final = pattern("破|失守|穿|站|突|到$|<price>|<percent>|<times>|<ma>|叉|轨|停|板|成本|本|套|提醒|通知|告诉|喊|叫|说|报|提示|警|响|盯|监|关注|留意|留心|留神|注意|看着|看[住紧好牢]|瞄着|照看|跟踪|观察|守|自选|打平|量|损|盈")  # noqa: E501 - one list  # fmt: skip
_BOTH: Final = pattern(
    "(?:要|得|必须)?满足(?:这?[两几]个|这些|以下|全部|所有)?(?:条件)?(?:了|才|时|后|的时候)*|(?:两个|几个|这些)?(?:条件)?(?:都|同时)(?:满足|成立|达到|符合)(?:了|时|的时候|才)?|同时满足|同时达到"
)


_AS_WELL_AS: Final = re.compile("既[^,.]{0,20}[又还且也]")
_BY_HOW_MUCH: Final = re.compile("超|到|达|满|破|大于|高于|多于|以上|[>≥]")
_TELLABLE: Final = ACCOUNT_KINDS | {"position_profit", "position_loss"}


def _only_told(found: Found, text: str, *, sells: bool) -> bool:
    """亏了2000块, 低开, 创新高了: without a wish these tell what has happened."""
    if sells and _THEN.match(text[found.end :]):
        return False
    if any(lacks_value(draft) for draft in found.drafts):
        return any(draft.kind in _EVENTS for draft in found.drafts)
    said = _BY_HOW_MUCH.search(text[found.start : found.end])
    return said is None and any(draft.kind in _TELLABLE for draft in found.drafts)


_THEN: Final = re.compile(",?(?:我|给我|帮我|的时候|时|之后|后)*(?:就|的话|自动|立刻|马上|直接|全)")
_EVENTS: Final = frozenset({"new_high", "new_low", "gap_up", "gap_down"})


_Reference = Literal["last", "cost", "open"]
_SINCE: Final[tuple[tuple[re.Pattern[str], _Reference], ...]] = (
    (phrases.SINCE_NOW, "last"),
    (phrases.FROM_COST, "cost"),
    (phrases.FROM_OPEN, "open"),
)


def _since(draft: Draft, reference: _Reference) -> Draft:
    """从现在起,比亚迪涨3%: measured from here, unless it says from where."""
    percent = draft.kind in ("pct_up", "pct_down") and draft.reference is None
    return draft.model_copy(update={"reference": reference}) if percent else draft


def _one_volume(found: list[Found]) -> list[Found]:
    """成交明显放大的时候,量比三倍以上: the volume is said twice, once with its number."""
    told = [one for one in found if any(draft.kind == "volume_ratio" and draft.value for draft in one.drafts)]
    if not told:
        return found
    return [one for one in found if not all(draft.kind == "volume_ratio" and not draft.value for draft in one.drafts)]


_SOON: Final = pattern("(?:在)?(?P<t><dur>)(?:之内|以内|内|里)")


def _within(reading: Reading, found: list[Found]) -> list[Found]:
    """半小时内海光跳水3%: a move in a time that stands apart from it."""
    drafts = [draft for one in found for draft in one.drafts]
    match = _SOON.search(reading.sentence.rest)
    if match is None or not drafts or any(d.kind not in _MOVES or d.reference or d.value is None for d in drafts):
        return found
    seconds = reading.sentence.moments[match["t"]].seconds
    if not 0 < seconds < 86_400:
        return found
    reading.sentence.claim(match)
    return [one._replace(drafts=_quick(one.drafts, seconds)) for one in found]


_MOVES: Final = {"pct_up": "up", "pct_down": "down"}


def _quick(drafts: tuple[Draft, ...], seconds: int) -> tuple[Draft, ...]:
    ways = [_MOVES[draft.kind] for draft in drafts]
    if len(drafts) == 2 and set(ways) == {"up", "down"} and drafts[0].value == drafts[1].value:
        ways = ["either"]
    return tuple(
        Draft.model_validate(
            {"kind": "speed", "value": draft.value, "unit": "pct", "direction": way, "period_s": seconds}
        )
        for draft, way in zip(drafts, ways, strict=False)
    )


def _as_exit(found: list[Found], kind: Literal["stop_loss", "take_profit"]) -> list[Found] | None:
    """挂个止盈,涨15%: the condition beside the word is the exit itself; None when it cannot be."""
    if len(found) != 1 or len(found[0].drafts) != 1:
        return None
    draft = found[0].drafts[0]
    side = "pct_up price_above" if kind == "take_profit" else "pct_down price_below"
    if draft.kind not in f"{side} price_reach".split() or draft.value is None or draft.reference not in (None, "cost"):
        return None
    reference: Literal["cost"] | None = "cost" if draft.unit == "pct" else None
    return [found[0]._replace(drafts=(Draft(kind=kind, value=draft.value, unit=draft.unit, reference=reference),))]


def _grouped(reading: Reading, found: list[Found], *, also: bool) -> list[Group] | None:
    """Give each condition to the names before it, or to the names after it when none stand before."""
    text = reading.sentence.text
    starts = {one.start: one for one in found}
    inside = {index for one in found for index in range(one.start, one.end)}
    groups: list[Group] = [Group("", [])]
    for index, char in enumerate(text):
        if char in reading.sentence.mentions and index not in inside:
            if groups[-1].found:
                groups.append(Group("", []))
            groups[-1] = groups[-1]._replace(chars=groups[-1].chars + char)
        elif index in starts:
            groups[-1].found.append(starts[index])
    if len(groups) == 1:
        return groups
    if not groups[0].chars and not groups[-1].found:
        # 跌破1400提醒我,茅台
        if len(groups) != 2:
            return None
        return [Group(groups[1].chars, groups[0].found)]
    if not groups[0].chars:
        # A condition before the first name, and more after it: nobody can say whose it is.
        return None
    if not groups[-1].found:
        if not also:
            return None
        groups[-1] = Group(groups[-1].chars, groups[-2].found)
    return groups


def _combined(reading: Reading, found: list[Found], *, everything: bool) -> str | None:
    """``any`` or ``all`` for two conditions or more; empty when they mix in a way that no watch can hold."""
    count = sum(len(one.drafts) for one in found)
    if count < 2:
        return None
    words = [reading.sentence.text[one.end : two.start] for one, two in pairwise(found)]
    # 放量突破20日线 is one event in two conditions.
    together = everything or any(phrases.ALL_OF.search(word) for word in words)
    together = together or ("" in words and any(draft.kind == "volume_ratio" for one in found for draft in one.drafts))
    if not together:
        return "any"
    if any("或" in word for word in words) or any(len(one.drafts) > 1 for one in found):
        return ""
    return "all"


def _watch_request(
    reading: Reading,
    groups: list[Group],
    trade: Trade | None,
    slots: dict[str, Any],
    alerts: list[int],
    *,
    same: bool,
    everything: bool,
) -> Request | None:
    context = reading.context
    named = reading.named()
    symbols = named.symbols
    about = [draft.kind in ACCOUNT_KINDS for group in groups for one in group.found for draft in one.drafts]
    if not named.anything and slots.get("scope") is None and not any(about):
        symbols = context.at_hand()
    tasks: list[Task] = []
    for index, group in enumerate(groups):
        own = reading.named(group.chars).symbols if len(groups) > 1 else symbols
        for found in _parted(
            group.found, trade, alerts if index == len(groups) - 1 or len(groups) == 1 else [], same=same
        ):
            combine = _combined(reading, found, everything=everything)
            if combine == "":
                return None
            drafts = tuple(
                kinds.sided(_touched(draft, reading, one), own, context.last_price)
                for one in found
                for draft in one.drafts
            )
            tasks.append(Task.model_validate({"symbols": own, "conditions": drafts, "combine": combine}))
    if trade is not None and len(tasks) > 1 and groups[0].found and trade.start < groups[-1].found[-1].start:
        # The plan belongs to the condition before it; by our word the last task carries it.
        if len(tasks) != 2:
            return None
        tasks.reverse()
    action = trade.action if trade is not None else None
    missing, problems = owed(named._replace(symbols=symbols), action, order=False)
    needs: list[Slot] = []
    drafts = tuple(draft for task in tasks for draft in task.conditions)
    whole = bool(drafts) and all(draft.kind in ACCOUNT_KINDS for draft in drafts)
    if not (symbols or named.ambiguous or slots.get("scope") or named.unknown or whole):
        needs.append("symbols")
    if not drafts:
        needs.append("conditions")
    if any(lacks_value(draft) for draft in drafts):
        needs.append("value")
    if named.ambiguous and len(tasks) > 1 and len(groups) > 1:
        return None
    body: dict[str, Any] = {"symbols": symbols}
    merged = _merged(tasks, with_plan=action is not None)
    if len(merged) == 1:
        body |= {"conditions": merged[0].conditions, "combine": merged[0].combine, "symbols": merged[0].symbols}
    else:
        body = {"tasks": tuple(merged), "symbols": ()}
    return Request.model_validate(
        {
            "intent": "watch_create",
            **body,
            **slots,
            "action": action,
            "ambiguous": named.ambiguous,
            "missing": (*needs, *missing),
            "problems": problems,
        }
    )


_TOUCHES: Final = re.compile("(?:摸|够|碰|挨|掂|触)(?:到|着|及)")


def _touched(draft: Draft, reading: Reading, found: Found) -> Draft:
    """摸到21 comes from either side, where the last price is known."""
    if draft.kind != "price_above" or not reading.context.last_price:
        return draft
    said = reading.sentence.text[found.start : found.end]
    return draft.model_copy(update={"kind": "price_reach"}) if _TOUCHES.search(said) else draft


def _parted(found: list[Found], trade: Trade | None, alerts: list[int], *, same: bool) -> list[list[Found]]:
    """``跌破1400提醒我,跌到1380买一手`` are two tasks: one tells, the other also trades."""
    if trade is None or same or len(found) < 2:
        return [found]
    for index, (one, two) in enumerate(pairwise(found)):
        if any(one.end <= at < two.start for at in (*alerts, trade.start)):
            return [found[: index + 1], found[index + 1 :]]
    return [found]


def _merged(tasks: list[Task], *, with_plan: bool) -> list[Task]:
    """Tasks with the same conditions are one on several symbols; tasks on the same symbols are one with ``any``."""
    if len(tasks) < 2:
        return tasks
    if all((task.conditions, task.combine) == (tasks[0].conditions, tasks[0].combine) for task in tasks):
        symbols = tuple(dict.fromkeys(symbol for task in tasks for symbol in task.symbols))
        return [tasks[0].model_copy(update={"symbols": symbols})]
    if not with_plan and all(task.symbols == tasks[0].symbols and task.combine != "all" for task in tasks):
        drafts = tuple(dict.fromkeys(draft for task in tasks for draft in task.conditions))
        return [Task(symbols=tasks[0].symbols, conditions=drafts, combine="any")]
    return tasks


def analyses(reading: Reading) -> Request | None:
    """每30分钟分析一次茅台: a watch without a condition."""
    sentence = reading.sentence
    if phrases.EACH_ANALYSIS.search(sentence.text) is None:
        return None
    slots = read_options(reading)
    scope = None if reading.named().anything else read_scope(reading)
    sentence.take_all(phrases.WATCH)
    told = bool(sentence.take_all(_EVERY_ONE))
    sentence.take_all(phrases.ALERT)
    if "analyze_s" not in slots or not reading.covered():
        return None
    named = reading.named()
    symbols = named.symbols or (() if scope or named.anything else reading.context.at_hand())
    if not (symbols or scope or named.anything) and reading.context.tasks:
        return None  # of the last watch, and no new one
    missing, problems = owed(named._replace(symbols=symbols), None, order=False)
    lacks = not (symbols or scope or named.anything)
    return Request.model_validate(
        {
            "intent": "watch_create",
            "symbols": symbols,
            "scope": scope,
            "ambiguous": named.ambiguous,
            "missing": (*(("symbols",) if lacks else ()), *missing),
            "problems": problems,
            **slots,
            **({"repeat": "every_time"} if told else {}),
        }
    )


_EVERY_ONE: Final = re.compile(
    "(?:每次|每回|次次)(?:都)?(?:要|得)?(?:告诉|发给|通知|提醒|说给|发)我?|不管(?:变没变|有没有变化?)都?(?:告诉|发|说)我?"
)
"""Every one of the analyses is told, whether it says something new or not."""


def manner(reading: Reading) -> Request | None:
    """``3分钟没回应就换个渠道``, said alone: how the last watch tells."""
    if not reading.context.tasks:
        return None
    slots = read_manner(reading)
    if not slots or reading.named().anything or not reading.covered():
        return None
    return Request.model_validate({"intent": "watch_update", "targets": ("last",), **slots})
