"""The offline grammar: a sentence becomes one Request, or is not understood.

A scanner, not a parser. Names, times and figures are marked first (:mod:`bot.language.marks`). Then readers are tried
in a fixed order, each for one family of requests; a reader claims what it understands and gives up when a word is left
that is neither claimed nor a filler. So a sentence that holds anything we do not know is ``unknown`` and is never
guessed at. An order is read by one reader alone, which knows no doubt, no question, no condition and no past tense.

Where the phrases are: conditions in :mod:`bot.language.kinds`, everything else in :mod:`bot.language.phrases`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple

from bot.language import kinds, phrases
from bot.language.answers import answer
from bot.language.building import Found
from bot.language.correcting import bare_word, fallen_back, kept, with_value
from bot.language.favourites import favourites
from bot.language.marks import CLAIMED, LONGEST, Marked, normal, pattern
from bot.language.names import Names
from bot.language.quiet import after_alert, silence
from bot.language.reading import (
    NAMES,
    NO_CONTEXT,
    Context,
    Named,
    Reading,
    Trade,
    alerted,
    conditions_of,
    owed,
    read_account,
    read_manner,
    read_options,
    read_scope,
    read_targets,
    read_top,
    read_trade,
    watched_one,
)
from bot.language.request import (
    ACCOUNT_KINDS,
    UNKNOWN,
    Draft,
    Intent,
    Period,
    Request,
    Setting,
    Slot,
    Task,
    lacks_value,
)
from core.clock import market_time
from core.types import Side, Symbol


def read(
    text: str,
    names: Names,
    *,
    now: datetime,
    context: Context = NO_CONTEXT,
    preferred: Collection[Symbol] = (),
) -> Request:
    """Read one sentence.

    Args:
        now: aware; days and hours are counted in market time.
        preferred: what the person watches or holds; first among candidates to choose from, never a decision.

    Returns:
        ``intent="unknown"`` unless every word was understood. ``missing``, ``ambiguous`` and ``problems`` say what must
        be asked before anything is done.
    """
    plain = normal(text)
    if not plain or len(plain) > LONGEST:
        return UNKNOWN
    said = phrases.chinese(plain)
    if said is not plain:
        said = normal(said)
    sentence = Marked(_numbered(said, context), names, now, preferred)
    if sentence.crowded:
        return UNKNOWN
    reading = Reading(sentence, plain, names, context, market_time(now))
    for reader in READERS:
        sentence.rest = sentence.text
        found = reader(reading)
        if found is not None:
            return found
    return UNKNOWN


_NUMBERED: Final = re.compile(
    r"(?<![#\d月到至])(\d{1,3})号(?=(?:的)?(?:任务|提醒|盯盘|监控|委托|单|$|[,。]|停|删|暂停|恢复|改|取消|撤|静音|为什么|为啥|怎么))"
)
_ONCE_A_DAY: Final = re.compile(
    "(?<![这那近过])[一1](?:天|日)(?=(?:里|内)?(?:之内)?(?:最多|只|就|仅|至多|顶多|能)*(?:提醒|通知|报|说|叫|响|告诉)?(?:我)?[一1][次遍回])"
)
# 暂停3, 把3改成1380: where nothing but a number is managed, it is a number of the list.
_BARE_NUMBER: Final = re.compile(
    r"^(?P<verb>(?:请|帮我)?(?:暂停|停掉|停|恢复|继续|启用|删除|删掉|删|取消)(?:任务|提醒|盯盘)?第?|(?:请|帮我)?把第?)"
    r"(?P<n>\d{1,3}(?:[,、和跟]\d{1,3})*)(?=个?$|号?改|的?(?:价格|提醒)?改)"
)
# 为什么3, 静音3, 3为什么没提醒
_ASKED_NUMBER: Final = re.compile(
    r"(?:(?<=^为什么)|(?<=^为啥)|(?<=^静音)|^(?=\d+号?(?:为什么|为啥|怎么没)))(\d{1,4})(?=$|号|没|不|[,。?的半]|为什么|为啥|怎么没)"
)
# 3号20分钟后再提醒, 静音3号半小时
_NUMBER_THEN_TIME: Final = re.compile(r"^(静音)?(\d{1,3})号(?=半|[\d一二两三四五六七八九十]+个?(?:分|小时|钟头|刻|天))")
_NUMBER_FIRST: Final = re.compile(r"(?P<n>\d{1,3})(?:号)?(?:的?(?:价格|提醒)?)?改")
_MANAGED: Final = re.compile(
    "静音|为什么|为啥|怎么没|再提醒|再说|再通知|再叫|重新|启用|盯|暂停|停|删|恢复|取消|撤|改|任务|继续|启用|关掉|不要"
)


def _numbered(text: str, context: Context) -> str:
    """``3号`` beside a verb that manages watches is a number, not a day; so is the 3 of 3改成, when there is a #3."""
    if (start := _NUMBER_FIRST.match(text)) and any(str(task.get("id")) == start["n"] for task in context.tasks):
        text = f"#{text}"
    text = _ONCE_A_DAY.sub("每天", text)
    text = _ASKED_NUMBER.sub(r"#\1", text)
    if _MANAGED.search(text):
        text = _NUMBER_THEN_TIME.sub(r"\1#\2,", text)
    text = _BARE_NUMBER.sub(lambda found: found["verb"] + re.sub(r"\d+", r"#\g<0>", found["n"]), text)
    return _NUMBERED.sub(r"#\1", text) if "号" in text and _MANAGED.search(text) else text


# --- readers: each reads one family of requests, or gives up ---

_Reader = Callable[[Reading], Request | None]


def _settings(reading: Reading) -> Request | None:
    sentence = reading.sentence
    if not _SETTING_WORDS.search(sentence.text):
        return None
    account = next((name for written, name in phrases.ACCOUNTS if sentence.take(written)), None)
    channel = next((name for written, name in phrases.CHANNELS if sentence.take(written)), None)
    for key, written in phrases.SETTINGS:
        match = sentence.take(written)
        if match is None:
            continue
        value: str | Decimal | None
        if key == "approval_mode":
            value = "always"
        elif key == "quiet_hours":
            begin, end = sentence.moments[match["from"]].at, sentence.moments[match["to"]].at
            value = f"{begin:%H:%M}-{end:%H:%M}" if begin and end else None
        elif key == "default_interval_s":
            value = Decimal(sentence.moments[match["v"]].seconds)
        elif key == "default_account":
            value = account
        elif key == "default_channel":
            value = channel if account is None else None
        else:
            value = reading.value(match)
        if value is not None and not reading.named().anything and reading.covered():
            return Request(intent="settings", setting=Setting.model_validate({"key": key, "value": value}))
        break
    return None


_SETTING_WORDS: Final = pattern("以后|今后|默认|每笔|单笔|一笔|单次|每单|每一笔|每次|确认|审批|批准|最大|最高|免打扰|<at>|切换|换到|间隔|频率|渠道|方式|提醒都|通知都|任何|所有|从现在起|改成|改到|换成|改用|改走|封顶")  # noqa: E501 - one list  # fmt: skip


_CANCEL_WORDS: Final = re.compile("撤|委托|挂单|订单|买单|卖单|下单|单子")


def _order_cancel(reading: Reading) -> Request | None:
    sentence = reading.sentence
    if not _CANCEL_WORDS.search(sentence.text):
        return None
    account = read_account(reading)
    targets = read_targets(reading)
    match = sentence.take(phrases.CANCEL_ORDER)
    if match is None or phrases.QUESTIONED.search(reading.plain):
        return None
    if any(word in sentence.text for word in ("所有", "全部", "全撤", "都撤", "全都")):
        targets = ("all",)
    sentence.take_all(phrases.ORDER_OBJECT)
    if phrases.TRADE.search(sentence.rest) or not reading.covered():
        return None
    named = reading.named()
    nothing = not (named.anything or targets)
    if nothing and len(reading.context.orders) == 1:
        targets, nothing = (f"#{reading.context.orders[0].get('id', 1)}",), False
    return Request.model_validate(
        {
            "intent": "order_cancel",
            "symbols": named.symbols,
            "ambiguous": named.ambiguous,
            "targets": targets,
            "account": account,
            "missing": ("targets",) if nothing else (),
            "problems": ("unknown_symbol",) if named.unknown else (),
        }
    )


_MANAGE_WORDS: Final = re.compile("停|不盯|别盯|不看|恢复|继续|重新|启用|打开|开启|激活|接着|启动|删|去掉|移除|去除|取消|撤销|清空|清除|拿掉|不用|不要|不必|不需要|别|不想|改|调|换|更新|放宽|收紧|提高|降低|延长|缩短|关")  # noqa: E501 - one list  # fmt: skip


def _manage(reading: Reading) -> Request | None:
    sentence, context = reading.sentence, reading.context
    if not _MANAGE_WORDS.search(sentence.text):
        return None
    changed = _change(reading)
    if changed is not None:
        return changed
    sentence.rest = sentence.text
    if read_manner(reading):
        # 恢复了也告诉我 belongs to the watch that the sentence makes.
        return None
    sentence.rest = sentence.text
    targets = read_targets(reading)
    scope = "watchlist" if not targets and sentence.take(phrases.SCOPES[1][0]) else None
    sentence.take(phrases.PAUSED)
    verbs: tuple[tuple[Intent, re.Pattern[str]], ...] = (
        ("watch_delete", phrases.DELETE),
        ("watch_pause", phrases.PAUSE),
        ("watch_resume", phrases.RESUME),
    )
    found = [(match.start(), intent, match) for intent, written in verbs if (match := written.search(sentence.rest))]
    if not found:
        return None
    _, intent, match = min(found, key=lambda one: one[0])
    sentence.claim(match)
    object_said = bool(sentence.take_all(phrases.OBJECT))
    # A watch may be told by what it waits for: 删掉茅台跌破1400的提醒.
    told = kinds.conditions(sentence)
    if told and sentence.text[: match.start()].endswith(("就", "后", "了")):
        # 涨3%提醒,提醒一次就取消: an option of a new watch.
        return None
    named = watched_one(reading, reading.named())
    if phrases.TRADE.search(sentence.rest) or not reading.covered():
        return None
    if not (named.anything or targets or object_said or scope or "盯" in match[0]):
        if context.tasks and (pronoun := alerted(reading)):
            return Request(intent=intent, symbols=pronoun)
        return None
    missing: tuple[Slot, ...] = ()
    symbols = named.symbols
    if not (named.anything or targets or scope or told):
        symbols = alerted(reading)
        if not symbols:
            missing = ("targets",)
    return Request.model_validate(
        {
            "intent": intent,
            "symbols": symbols,
            "scope": scope,
            "targets": targets,
            "conditions": tuple(draft for one in told for draft in one.drafts),
            "ambiguous": named.ambiguous,
            "missing": missing,
            "problems": ("unknown_symbol",) if named.unknown else (),
        }
    )


def _change(reading: Reading) -> Request | None:
    """``把茅台的提醒改成1380``: a change of a watch that exists."""
    sentence = reading.sentence
    if phrases.CHANGE.search(sentence.rest) is None:
        return None
    # 冷却改成半小时 and 有效期延长到月底 are said with the verb inside.
    slots = read_options(reading)
    inside = not slots.keys() & {"escalate_s", "resolved", "only_held", "band"}
    match = sentence.take(phrases.CHANGE) or (phrases.CHANGE.search(sentence.text) if inside else None)
    if match is None:
        return None
    named = watched_one(reading, reading.named())
    targets = read_targets(reading)
    said_object = bool(targets)
    found = [one for one in kinds.conditions(sentence) if one.start >= match.start() or True]
    said_object = bool(sentence.take_all(phrases.OBJECT)) or said_object
    if not found:
        found, meant = _new_value(reading, named, targets)
        targets = targets or meant
    if not (found or slots) or phrases.TRADE.search(sentence.rest) or not reading.covered():
        return None
    # Only what stands after 改成 is new; 把跌破1400改成跌破1380 tells the old value first.
    later = [one for one in found if one.start >= match.start()] or found
    if not (named.anything or targets or said_object):
        return None
    if not named.anything and not targets:
        targets = ("last",)
    old = [draft for task in _meant(reading, named, targets) for draft in conditions_of(task)]
    return Request.model_validate(
        {
            "intent": "watch_update",
            "symbols": named.symbols,
            "ambiguous": named.ambiguous,
            "targets": targets,
            "conditions": tuple(fallen_back(draft, old, reading.plain) for one in later for draft in one.drafts),
            "problems": ("unknown_symbol",) if named.unknown else (),
            **slots,
        }
    )


def _meant(reading: Reading, named: Named, targets: tuple[str, ...]) -> list[dict[str, Any]]:
    """The watches that may be meant, the newest first."""
    tasks = sorted(reading.context.tasks, key=lambda task: int(task.get("id", 0)), reverse=True)
    if not (named.anything or targets):
        return tasks
    return [
        task
        for task in tasks
        if f"#{task.get('id')}" in targets or set(task.get("symbols", ())) & set(named.symbols) or len(tasks) == 1
    ]


def _new_value(reading: Reading, named: Named, targets: tuple[str, ...]) -> tuple[list[Found], tuple[str, ...]]:
    """A bare new value or word takes its kind from the watch that it changes.

    Returns:
        What is found, and the number of the watch where the word itself says which: the last one of its kind.
    """
    word = bare_word(reading.sentence)
    if word is None:
        return [], ()
    said = bool(named.anything or targets)
    fitting = [
        (task, new)
        for task in _meant(reading, named, targets)
        if (said or word.telling) and (new := kept(conditions_of(task), word)) is not None
    ]
    if len(fitting) == 1 or (fitting and not said):
        task, new = fitting[0]
        alone = said and len(_meant(reading, named, targets)) == 1
        return [Found(word.start, word.end, new)], () if alone else (f"#{task.get('id')}",)
    price = None if word.telling else with_value(Draft(kind="price_reach"), word.value, word.unit)
    return ([] if price is None else [Found(word.start, word.end, (price,))]), ()


class Group(NamedTuple):
    """Names and the conditions said about them."""

    chars: str
    found: list[Found]


def _watch(reading: Reading) -> Request | None:
    """A condition, a wish to be told, or both; with a trade it becomes the plan."""
    sentence = reading.sentence
    if not _WATCH_WORDS.search(sentence.text):
        return None
    if phrases.NEGATED_TRADE.search(sentence.text):
        return None
    account = read_account(reading)
    manner = read_manner(reading)
    named = reading.named().anything
    market = not named and not any(written.search(sentence.rest) for written, _ in phrases.SCOPES)
    everywhere = market and sentence.take(phrases.MARKET) is not None
    found = kinds.conditions(sentence)
    scope = "market" if everywhere else None if named else read_scope(reading)
    if everywhere:
        manner["top"] = read_top(reading)
    slots = manner | read_options(reading)
    same = bool(found) and sentence.take(phrases.SAME) is not None
    adds = bool(sentence.take(phrases.ADD)) or bool(sentence.take(phrases.TO_WATCHLIST))
    alerts = [match.start() for match in sentence.take_all(phrases.ALERT)]
    watches = bool(sentence.take_all(phrases.WATCH))
    wished = bool(alerts or watches or adds)
    trade = read_trade(reading) if phrases.TRADE.search(sentence.rest) else None
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
    if found and sentence.take(phrases.SINCE_NOW):
        found = [one._replace(drafts=tuple(map(_since_now, one.drafts))) for one in found]
    if trade is not None and alerts:
        sentence.take(phrases.CONFIRM_FIRST)
    if not reading.named().anything:
        sentence.take(phrases.PRONOUN)
    also = sentence.take(phrases.ALSO)
    everything = bool(sentence.take(_BOTH))
    if not reading.covered():
        return None
    if not found and slots.keys() - {"channels", "account"} and not reading.named().anything:
        return None
    groups = _grouped(reading, found, also=also is not None)
    if groups is None:
        return None
    several = sum(len(one.drafts) for one in found) > 1
    if (len(groups) > 1 and _ACROSS.search(reading.plain)) or (several and len(_TRADED.findall(reading.plain)) > 1):
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


_TRADED: Final = re.compile("买|卖|清仓|平仓|割肉|抛")
_ACROSS: Final = re.compile("并且|而且|都满足|同时满足")
_WATCH_WORDS: Final = pattern("破|失守|穿|站|突|到$|<price>|<percent>|<times>|<ma>|叉|轨|停|板|成本|本|套|提醒|通知|告诉|喊|叫|说|报|提示|警|响|盯|监|关注|留意|看着|跟踪|观察|守|自选|打平|量|损|盈")  # noqa: E501 - one list  # fmt: skip
_BOTH: Final = pattern(
    "(?:两个|几个|这些)?(?:条件)?(?:都|同时)(?:满足|成立|达到|符合)(?:了|时|的时候|才)?|同时满足|同时达到"
)


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


def _since_now(draft: Draft) -> Draft:
    """从现在起,比亚迪涨3%: measured from here, unless it says from where."""
    percent = draft.kind in ("pct_up", "pct_down") and draft.reference is None
    return draft.model_copy(update={"reference": "last"}) if percent else draft


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
            drafts = tuple(kinds.sided(draft, own, context.last_price) for one in found for draft in one.drafts)
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


def _manner(reading: Reading) -> Request | None:
    """``3分钟没回应就换个渠道``, said alone: how the last watch tells."""
    if not reading.context.tasks:
        return None
    slots = read_manner(reading)
    if not slots or reading.named().anything or not reading.covered():
        return None
    return Request.model_validate({"intent": "watch_update", "targets": ("last",), **slots})


def _order(reading: Reading) -> Request | None:
    """A trade and nothing else. The only way to an order."""
    sentence = reading.sentence
    if not phrases.TRADE.search(sentence.text):
        return None
    if phrases.NEGATED_TRADE.search(sentence.text) or phrases.QUESTIONED.search(reading.plain):
        return None
    account = read_account(reading)
    past = _PAST.search(sentence.text)
    trade = None if past else read_trade(reading)
    if trade is None:
        return None
    pronoun = sentence.take(phrases.PRONOUN)
    if not reading.covered(phrases.TRADE_FILLER):
        return None
    named = reading.named()
    symbols = named.symbols
    # 清仓 without a name may mean everything held; only an alert or a pronoun says which.
    leans = pronoun or reading.context.last_alert or trade.action.fraction != 1
    if not named.anything and leans:
        symbols = reading.context.at_hand()
    if len(symbols) > 1 or (symbols and named.ambiguous):
        return None
    if not (symbols or named.anything or trade.action.has_quantity or trade.action.price):
        return None
    missing, problems = owed(named._replace(symbols=symbols), trade.action, order=True)
    needs: tuple[Slot, ...] = () if symbols or named.ambiguous or named.unknown else ("symbols",)
    return Request.model_validate(
        {
            "intent": "order_buy" if trade.action.side is Side.BUY else "order_sell",
            "symbols": symbols,
            "action": trade.action,
            "account": account,
            "ambiguous": named.ambiguous,
            "missing": (*needs, *missing),
            "problems": problems,
        }
    )


_PAST: Final = pattern(
    "(?:买入?|买进|加仓|卖出|建仓|补仓|减仓|抄底)(?:了|过)(?!吧)|已经|刚才|刚刚|之前|<day>|^我(?:把)?.*(?:卖|清|抛|出)(?:掉|光|仓)?了$"
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


def _chart(reading: Reading) -> Request | None:
    sentence = reading.sentence
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


_CHART_WORDS: Final = re.compile("图|线|分时|k|画")
_CHART_FILLER: Final = re.compile(phrases.FILLER.pattern + "|画|发|出|图|走势|最近|给我看看|调")


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


def _analyze(reading: Reading) -> Request | None:
    sentence = reading.sentence
    if sentence.take(phrases.ANALYZE) is None:
        return None
    sentence.take_all(phrases.ANALYZE)
    scope = None if reading.named().anything else read_scope(reading)
    pronoun = sentence.take(phrases.PRONOUN)
    if not reading.covered(phrases.ASK_FILLER):
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


def _question(reading: Reading) -> Request | None:
    sentence, context = reading.sentence, reading.context
    account = read_account(reading)
    asks_why = _WHY.search(sentence.text) is not None
    targets = read_targets(reading) if asks_why else ()
    # 为什么昨天没提醒我: a day may stand in the middle of what asks.
    day = _dates(reading, been=True) if asks_why else {}
    base = sentence.rest
    named = reading.named()
    for intent, ask, written in phrases.QUESTION_TABLE:
        match = written.search(base)
        if match is None or match.end() == match.start() or (targets and ask != "alerts"):
            continue
        if intent == "quote_query" and not (
            named.anything or _PRONOUN_OR_LAST.search(sentence.text) or context.at_hand()
        ):
            continue
        if intent == "quote_query" and _WISH.search(sentence.text):
            # 茅台涨几个点提醒我 is a wish without its number, no question.
            continue
        if ask == "position_ratio" and named.anything:
            continue
        sentence.rest = base
        sentence.claim(match)
        dates = day or _dates(reading, been=intent == "history_query")
        sentence.take(phrases.PRONOUN)
        if not named.anything:
            read_scope(reading)
        if not reading.covered(phrases.ASK_FILLER):
            continue
        slots: dict[str, Any] = {"ask": ask, "account": account, "targets": targets}
        asked = _asked(intent, ask, named, dates, reading)
        if asked is None:
            continue
        slots |= asked
        intent = slots.pop("intent", intent)  # noqa: PLW2901 - the same question about a past month is history
        return _about(reading, intent, slots, needs_symbol=intent == "quote_query")
    return None


_WHY: Final = re.compile("为什么|为啥|怎么没")
_WISH: Final = re.compile("(?:提醒|通知|叫|喊|报警)(?:一下)?我")
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
    if last < today:
        slots["date_to"] = last
    return slots


_TODAY: Final = pattern("今天|今日|当日")


def _asked(
    intent: Intent, ask: str | None, named: Named, dates: dict[str, Any], reading: Reading
) -> dict[str, Any] | None:
    """The slots of a question, or None when the question does not fit what else was said."""
    past = "date_to" in dates or (bool(dates) and dates["date_from"] != reading.now.date())
    if intent == "history_query":
        if ask == "alerts" and not past and not _TODAY.search(reading.sentence.text):
            return {}
        if _TODAY.search(reading.sentence.text):
            return dates or {"date_from": reading.now.date()}
        return dates
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


_LIST_GATE: Final = re.compile("盯|任务|提醒|监控|预警|列表|清单|条件单|关注|监视|看")


def _list(reading: Reading) -> Request | None:
    sentence = reading.sentence
    if not _LIST_GATE.search(sentence.text) or re.search("持仓|委托|订单|成交|过", sentence.text):
        return None
    if sentence.take(phrases.LIST) is None:
        return None
    sentence.take_all(phrases.OBJECT)
    if not reading.covered():
        return None
    named = reading.named()
    return Request(intent="watch_list", symbols=named.symbols, ambiguous=named.ambiguous)


_ACCOUNT_ALONE: Final = re.compile(
    r"^(?:看看|查看?|看一?下|查一下|查下|显示)?(?:我的?)?(?:的)?(?:资金)?(?:账户|账号|资金)(?:情况|信息|概况|状态|怎么样|概览)?$"
)
_QUOTE_VERB: Final = re.compile(r"^(?:看看|查看?|看一?下|查一下|查下|看|瞅瞅|瞄一眼|看一眼|报一下)?$")


def _bare(reading: Reading) -> Request | None:
    """A name alone asks for its quote; 账户 alone for the account; 确认 and 取消 answer a card that may be gone."""
    if _ACCOUNT_ALONE.match(reading.plain):
        return Request(intent="account_query")
    if phrases.CONFIRM_BARE.match(reading.plain):
        return Request(intent="draft_confirm")
    if phrases.CANCEL_BARE.match(reading.plain):
        return Request(intent="draft_cancel")
    sentence = reading.sentence
    account = read_account(reading)
    if account and not sentence.rest.replace(CLAIMED, ""):
        return Request.model_validate({"intent": "account_query", "account": account})
    named = reading.named()
    if not named.anything:
        return None
    follow = phrases.FOLLOW_UP.match(sentence.text)
    intent, ask = reading.context.last_intent, reading.context.last_ask
    if follow and intent in ("quote_query", "positions_query", "analyze", "chart", "history_query"):
        slots = {"ask": ask} if ask and intent in ("quote_query", "positions_query", "history_query") else {}
        return _about(reading, intent, slots)
    rest = NAMES.sub("", sentence.rest)
    rest = phrases.QUERY_TAIL.sub("", re.sub("[、,和与跟及]", "", rest)).replace("以及", "")
    if not _QUOTE_VERB.match(rest):
        return None
    return _about(reading, "quote_query", {})


READERS: Final[tuple[_Reader, ...]] = (
    answer,
    after_alert,
    favourites,
    _settings,
    silence,
    _order_cancel,
    _list,
    _manage,
    _watch,
    _manner,
    _order,
    _chart,
    _question,
    _analyze,
    _bare,
)
"""In order: the first one that understands the whole sentence has read it."""

__all__ = ["NO_CONTEXT", "READERS", "Context", "Reading", "read"]
