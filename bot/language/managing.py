"""Watches that exist: paused, resumed, deleted, changed, listed."""

from __future__ import annotations

import re
from typing import Any, Final

from bot.language import kinds, phrases
from bot.language.building import Found
from bot.language.correcting import bare_word, fallen_back, kept, with_value
from bot.language.marks import pattern
from bot.language.reading import (
    Named,
    Reading,
    alerted,
    conditions_of,
    read_manner,
    read_options,
    read_targets,
    watched_one,
)
from bot.language.request import (
    Draft,
    Intent,
    Request,
    Slot,
)

_MANAGE_WORDS: Final = re.compile("移走|勾|退订|没用|放放|中断|重开|可以盯|那条|那个|#|剔|拔|冻|抽|挂起|抬|重启|放一|缓一|延|推迟|续|唤醒|解|开工|复工|放开|休|按住|压|打住|缓|清零|抹|扔|丢|终止|卸|销|消|拿|去|掐|踢|停|不盯|别盯|不看|恢复|继续|重新|启用|打开|开启|激活|接着|启动|删|去掉|移除|去除|取消|撤销|清空|清除|拿掉|不用|不要|不必|不需要|别|不想|改|调|换|更新|放宽|收紧|提高|降低|延长|缩短|关|撤|歇|搁|管|掐|废")  # noqa: E501 - one list  # fmt: skip


_OF_ORDERS: Final = re.compile("委托|挂单|订单|买单|卖单")


def manage(reading: Reading) -> Request | None:
    sentence, context = reading.sentence, reading.context
    if not _MANAGE_WORDS.search(sentence.text) or _OF_ORDERS.search(sentence.text):
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
    if sentence.take(phrases.PAUSED) and not targets and _ALL.search(sentence.rest):
        targets = ("all",) if not reading.named().anything else ()
    verbs: tuple[tuple[Intent, re.Pattern[str]], ...] = (
        ("watch_resume", phrases.RESUME),  # 取消暂停 is no 取消
        ("watch_delete", phrases.DELETE),
        ("watch_pause", phrases.PAUSE),
    )
    found = [(match.start(), intent, match) for intent, written in verbs if (match := written.search(sentence.rest))]
    if not found:
        return None
    _, intent, match = min(found, key=lambda one: one[0])
    sentence.claim(match)
    while (again := dict(verbs)[intent].search(sentence.rest)) is not None and again.end() > again.start():
        sentence.claim(again)
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
        return _options_said(reading)
    # 冷却改成半小时 and 有效期延长到月底 are said with the verb inside.
    slots = read_options(reading)
    inside = not slots.keys() & {"escalate_s", "resolved", "only_held", "band"}
    match = sentence.take(phrases.CHANGE) or (phrases.CHANGE.search(sentence.text) if inside else None)
    if match is None:
        return None
    sentence.take(_FROM_OLD)
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


_THAT_WATCH: Final = pattern(r"<name>(?:的)?(?:那[个条只]|这[个条只])?(?:的)?(?:提醒|盯盘|监控|任务|条件单)|#\d")


def _options_said(reading: Reading) -> Request | None:
    """``茅台那条提醒,以后每次都说``: how a watch that exists tells, without a word of changing."""
    sentence, context = reading.sentence, reading.context
    watched = {symbol for task in context.tasks for symbol in task.get("symbols", ())}
    named = watched_one(reading, reading.named())
    said = _THAT_ONE.search(sentence.text) or (set(named.symbols) & watched and _THAT_WATCH.search(sentence.text))
    said = said or _NUMBER_SAID.match(sentence.text) or phrases.ANALYSIS_AT_TIMES.search(sentence.text)
    if not said or phrases.TRADE.search(sentence.text):
        return None
    slots = read_options(reading)
    targets = read_targets(reading)
    sentence.take_all(phrases.OBJECT)
    sentence.take_all(phrases.ALERT)
    sentence.take(_FROM_NOW)
    if not slots or not (named.symbols or targets) or not reading.covered():
        return None
    return Request.model_validate({"intent": "watch_update", "symbols": named.symbols, "targets": targets, **slots})


_ALL: Final = re.compile("都|全部|所有|统统")
_THAT_ONE: Final = pattern("<name>(?:的)?那[个条只](?:(?:的)?(?:提醒|盯盘|监控|任务|条件单)|,)")
_NUMBER_SAID: Final = re.compile(r"(?:把)?#\d")
_FROM_NOW: Final = re.compile("以后|今后|往后|从现在起|之后")


_FROM_OLD: Final = pattern("从(?:<price>|<percent>)(?=<gone>)")
"""从1400改到1380: what it was."""


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


_LIST_GATE: Final = re.compile("盯|任务|提醒|监控|预警|列表|清单|条件单|关注|监视|看")


_OTHER_WISH: Final = re.compile(
    "接着|重开|解除|开回|开起来|可以盯|移走|勾掉|退订|禁用|关一下|先关|搁着|放放|中断|重启|恢复|暂停|删|取消|停掉|停了|启用|唤醒|改成"
)


def watch_list(reading: Reading) -> Request | None:
    sentence = reading.sentence
    if not _LIST_GATE.search(sentence.text) or re.search("持仓|委托|订单|成交|过(?!一)", sentence.text):
        return None
    if _OTHER_WISH.search(sentence.text) or sentence.take(phrases.LIST) is None:
        return None
    sentence.take_all(phrases.OBJECT)
    if not reading.covered():
        return None
    named = reading.named()
    return Request(intent="watch_list", symbols=named.symbols, ambiguous=named.ambiguous)
