"""Sentences that answer: a yes, a choice, the value that was asked for, a correction of the card on the table.

They are read only while the conversation has something open; a sentence that stands on its own is left to the other
readers. What was changed comes back as the whole request, so whoever shows it needs no merging. It is a
``watch_update`` where the card stands for a watch that already exists.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from bot.language import kinds, phrases
from bot.language.correcting import Bare, bare_word, fallen_back, kept, revised, with_value
from bot.language.marks import pattern
from bot.language.moments import trading_days
from bot.language.names import plain as plain_name
from bot.language.numerals import NUMBER, number
from bot.language.reading import (
    Named,
    Reading,
    conditions_of,
    read_account,
    read_options,
    read_targets,
    read_trade,
    still_owed,
)
from bot.language.request import ACCOUNT_KINDS, NEED_DAYS, Action, Draft, KindName, Request, lacks_value
from bot.language.watching import watch
from core.types import Side, Symbol

_ONE_VALUE: Final = pattern(
    r"^(?:就|那就|那|到|在|是|改成|改为|按|用|填|大概|价格|跌到|涨到|跌|涨|目标价?|跌幅|涨幅|设|设成|设为)*(?P<v><price>|<percent>)(?:吧|就行|好了|左右|以上|以下|就好|的时候)*[.!。]*$"
)
_DAYS_ALONE: Final = re.compile(
    rf"(?:就|那就|近|前|过去|最近|创)*(?P<count>{NUMBER}|半)个?(?P<unit>交易日|日|天|周|星期|月|年)(?:的|吧|新高|新低|内|以来)*[。.!]?"
)
"""60日, 一年: the answer to how many days a new high must beat."""
_QUANTITY_ALONE: Final = pattern(
    r"^(?:就|那就|那|是|改成|改为|要|数量|买|卖|先|来|换成|加到|减到|减为|加成)*(?P<v><shares>|<tenths>|<fraction>|<num>|<yuan>|<pct>)(?:的)?(?:仓位?|股|持仓|资金)?(?:吧|就行|好了|就好)*[.!。]*$"
)
_AND: Final = re.compile("也|再|还|另外|加|同时|或者|并且")
_NEGATED_OLD: Final = pattern(
    r"(?:不是|不要|别|不)(?P<old><price>|<percent>|<shares>|<name>)[,]?(?:而?是|要|改成|应该是)?"
)


def answer(reading: Reading) -> Request | None:
    """Read the sentence as an answer to what is open, or give up."""
    context = reading.context
    if context.draft is None and context.asked is None and not context.choices:
        return None
    return _decision(reading) or _choice(reading) or _asked_for(reading) or _correction(reading)


def _decision(reading: Reading) -> Request | None:
    if reading.sentence.mentions or reading.sentence.figures:
        return None
    if reading.context.draft is not None and (
        phrases.CONFIRM.match(reading.plain) or phrases.CONFIRM.match(reading.sentence.text)
    ):
        return Request(intent="draft_confirm")
    if phrases.CANCEL.match(reading.plain) or phrases.CANCEL.match(reading.sentence.text):
        return Request(intent="draft_cancel")
    return None


# --- choices ---

_FIRST: Final = {
    "前面": 0,
    "前者": 0,
    "前一": 0,
    "头一": 0,
    "上面": 0,
    "后面": 1,
    "后者": 1,
    "后一": -1,
    "最后一": -1,
    "下面": -1,
}


def _choice(reading: Reading) -> Request | None:
    choices = reading.context.choices
    if not choices:
        return None
    chosen = _chosen(reading, choices)
    if chosen is None:
        return None
    draft = reading.context.draft
    if draft is None:
        ask = reading.context.last_ask
        return Request.model_validate(
            {"intent": reading.context.last_intent or "quote_query", "symbols": (chosen,), "ask": ask}
        )
    return changed(draft, {"symbols": (chosen,), "ambiguous": ()})


def _chosen(reading: Reading, choices: tuple[Symbol, ...]) -> Symbol | None:
    if match := phrases.ORDINAL.match(reading.plain):
        count = number(match["n"])
        return choices[int(count) - 1] if count and 1 <= count <= len(choices) else None
    if match := phrases.LAST_ONE.match(reading.plain):
        index = _FIRST[match["n"]]
        return choices[index] if -len(choices) <= index < len(choices) else None
    named = reading.named()
    if len(named.symbols) == 1 and named.symbols[0] in choices and reading.covered():
        return named.symbols[0]
    part = re.sub("的|那个|那只|这个|我要|我说|是|选|吧|就|[,.!]", "", reading.plain)
    if len(part) >= 2 and not reading.sentence.figures:
        fitting = [symbol for symbol in choices if plain_name(part) in plain_name(reading.name_of(symbol))]
        if len(fitting) == 1:
            return fitting[0]
    return None


# --- the slot that was asked for ---


def _asked_for(reading: Reading) -> Request | None:
    draft, asked = reading.context.draft, reading.context.asked
    if draft is None or asked is None:
        return None
    reading.sentence.rest = reading.sentence.text
    if asked == "symbols":
        named = reading.named()
        reading.sentence.take(phrases.WATCH)
        reading.sentence.take(_IT_IS)
        if not named.anything or reading.sentence.figures or not reading.covered():
            return None
        return changed(draft, {"symbols": named.symbols, "ambiguous": named.ambiguous})
    if asked == "targets":
        targets = read_targets(reading)
        return changed(draft, {"targets": targets}) if targets and reading.covered() else None
    if asked in ("value", "conditions"):
        return _value_given(reading, draft)
    return _trade_given(reading, draft, asked)


def _value_given(reading: Reading, draft: Request) -> Request | None:
    if reading.named().anything:
        return None
    if span := _DAYS_ALONE.fullmatch(reading.plain):
        days = trading_days(span["count"], span["unit"])
        if days and any(one.kind in NEED_DAYS and lacks_value(one) for one in draft.conditions):
            given = [
                one.model_copy(update={"days": days}) if one.kind in NEED_DAYS else one for one in draft.conditions
            ]
            return changed(draft, {"conditions": tuple(given)})
    match = _ONE_VALUE.match(reading.sentence.rest)
    if match is not None and draft.conditions:
        figure = reading.sentence.figures[match["v"]]
        filled = tuple(
            with_value(one, figure.value, figure.unit) if lacks_value(one) else one for one in draft.conditions
        )
        if None in filled or filled == draft.conditions:
            return None
        return changed(draft, {"conditions": filled})
    found = [one for read in kinds.conditions(reading.sentence) for one in read.drafts]
    if not found and (word := bare_word(reading.sentence, price=False)) is not None:
        # 站上 is answered with 20日线 as well as with a price, 金叉 with the name of the indicator.
        lacking = next((one for one in draft.conditions if lacks_value(one)), None)
        turned = None if lacking is None else word.turn(lacking)
        if lacking is None or turned is None or not reading.covered():
            return None
        return changed(draft, {"conditions": tuple(turned if one is lacking else one for one in draft.conditions)})
    if not found and match is not None:
        found = [one for read in kinds.bare_price(reading.sentence) for one in read.drafts]
    options = read_options(reading)
    if not found or not reading.covered():
        return None
    sided = tuple(kinds.sided(one, draft.symbols, reading.context.last_price) for one in found)
    return changed(draft, {"conditions": sided, "combine": "any" if len(sided) > 1 else None, **options})


def _trade_given(reading: Reading, draft: Request, asked: str) -> Request | None:
    sentence, action = reading.sentence, draft.action
    if action is None or reading.named().anything:
        return None
    slots: dict[str, Any] = {}
    for written, price in phrases.AT_PRICE:
        if sentence.take(written):
            slots["price"] = price
            break
    if action.side is Side.BUY and _SOLD.search(reading.plain):
        return None  # 清仓 is no amount to buy
    if asked == "quantity":
        slots |= _quantity(reading)
    if "price" not in slots and (asked == "price" or slots):
        match = sentence.take(phrases.LIMIT_PRICE)
        if match is not None:
            slots["price"] = reading.value(match)
    if asked == "price" and not slots.keys() - {"price"}:
        slots |= _quantity(reading)
    if "price" in slots:
        sentence.take(_SOLD_AT if action.side is Side.SELL else _BOUGHT_AT)
    if not slots or not reading.covered():
        return None
    return changed(draft, {"action": _changed_action(action, slots)})


_IT_IS: Final = re.compile("^(?:我)?(?:说的是|要的是|是|就|选|盯)(?!否)")
_SOLD_AT: Final = pattern("(?<=<gone>)(?:卖|出|走|抛|挂)(?:吧|掉|了)?$")
_BOUGHT_AT: Final = pattern("(?<=<gone>)(?:买|进|接|收|入|挂)(?:吧|入|进)?$")
"""按14块零5出: what the card already says."""


def _quantity(reading: Reading) -> dict[str, Any]:
    sentence = reading.sentence
    for written, value in phrases.QUANTITY_WORDS:
        if sentence.take(written):
            return {"fraction": Decimal(value)}
    match = _QUANTITY_ALONE.match(sentence.rest) or phrases.SHARES.search(sentence.rest)
    if match is None:
        return {}
    figure = sentence.figures[match["v"]]
    sentence.claim(match)
    if figure.unit == "shares":
        return {"shares": int(figure.value)}
    if figure.unit == "fraction":
        return {"fraction": figure.value}
    if figure.unit in ("tenths", "pct"):
        return {"fraction": figure.value / 100}
    if figure.unit == "yuan" or figure.value >= 10_000:
        return {"amount": figure.value}
    # 数量？ 200: shares were asked for.
    return {"shares": int(figure.value)} if figure.value == int(figure.value) and figure.value > 0 else {}


def _changed_action(action: Action, slots: dict[str, Any]) -> Action:
    quantity = {"shares", "amount", "fraction"}
    cleared: dict[str, Any] = dict.fromkeys(quantity) if quantity & slots.keys() else {}
    return Action.model_validate(action.model_dump(exclude_none=True) | cleared | slots)


# --- corrections ---

_ONE_MORE: Final = pattern("再(?:给我|帮我)?(?:加|来|盯|设|建|弄|添|挂|开)上?一?[个条](?!条件|交易)")
"""再加一个跌破1380的: a watch beside the last one, which stays as it is; 再加一个条件 belongs to it."""


def _correction(reading: Reading) -> Request | None:
    draft, sentence = reading.context.draft, reading.sentence
    if draft is None or draft.intent not in ("watch_create", "watch_update", "order_buy", "order_sell"):
        return None
    sentence.rest = sentence.text
    said = phrases.CORRECTION_SAID.search(sentence.text) is not None
    if draft.intent.startswith("watch") and not said and reading.context.asked is None and sentence.take(_ONE_MORE):
        return _another(reading, draft)
    adds = phrases.ADDITION_SAID.search(sentence.text) is not None
    sentence.take(_NEGATED_OLD)
    named = reading.named(sentence.rest)
    if said:
        sentence.take(phrases.CORRECTION)
    if not said and not adds and named.anything:
        return None
    if draft.intent.startswith("order"):
        return _corrected_order(reading, draft, named, said=said)
    return _corrected_watch(reading, draft, named, adds=adds, said=said)


def _corrected_order(reading: Reading, draft: Request, named: Named, *, said: bool) -> Request | None:
    sentence, action = reading.sentence, draft.action
    if action is None:
        return None
    changes: dict[str, Any] = {}
    slots: dict[str, Any] = {}
    side = action.side
    sentence.take(_LESS)
    if phrases.TRADE.search(sentence.rest):
        trade = read_trade(reading)
        if trade is None:
            return None
        slots = trade.action.model_dump(exclude_none=True, exclude={"side"})
        side = trade.action.side
        if not said and side is not action.side:
            return None
    else:
        for written, price in phrases.AT_PRICE:
            if sentence.take(written):
                slots["price"] = price
        sentence.take(_AMOUNT_WORD)
        if match := sentence.take(phrases.SHARES):
            slots["shares"] = int(reading.value(match))
        elif found := _fraction(reading):
            slots |= found
        if "price" not in slots and (match := sentence.take(phrases.LIMIT_PRICE)):
            slots["price"] = reading.value(match)
    account = read_account(reading)
    sentence.take(_AMOUNT_WORD)
    sentence.take_all(phrases.CORRECTION)
    sentence.take_all(phrases.CHANGE)
    if named.symbols or named.ambiguous:
        if not said:
            return None
        changes = {"symbols": named.symbols, "ambiguous": named.ambiguous}
    if account:
        changes["account"] = account
    if not (slots or changes) or not reading.covered():
        return None
    changes["action"] = _changed_action(action, slots | {"side": side})
    changes["intent"] = "order_buy" if side is Side.BUY else "order_sell"
    return changed(draft, changes)


_AMOUNT_WORD: Final = pattern(
    "(?:股数|数量|仓位|量|价格|限价|价钱|价位|单价|价)?(?:减|加|降|升|提|抬|挪|拉|调|放|改|下调|上调|压|缩)(?:到|至|成|为)|股数|数量|(?<!成交)量"
)


_LESS: Final = re.compile("^[少多](?:买|卖|出|进|抛|来|挂)(?:一?点儿?|些)(?=,)")
"""少出点,四百股好了: the number says how many."""


def _fraction(reading: Reading) -> dict[str, Any]:
    sentence = reading.sentence
    for written, value in phrases.QUANTITY_WORDS:
        if sentence.take(written):
            return {"fraction": Decimal(value)}
    if match := sentence.take(phrases.TENTHS):
        return {"fraction": reading.value(match) / 100}
    if match := sentence.take(phrases.FRACTION):
        figure = sentence.figures[match["v"]]
        return {"fraction": figure.value if figure.unit == "fraction" else figure.value / 100}
    return {}


# On a phone a lone 4 is a button's number or a slip; it must not become the price of a watch that stands.
_ONLY_A_NUMBER: Final = re.compile(r"[\d.]+")
_LEADS: Final = pattern("(?:请|帮我|把|任务|提醒)*<num>")
"""1每小时分析一次, without a word of a price: it may be the number of a watch."""
_SOLD: Final = re.compile("清仓|清掉|卖|抛|割肉")


def _turned(reading: Reading, draft: Request, word: Bare, *, said: bool) -> tuple[Draft, ...] | None:
    """The conditions of the card with a bare word in them; None where it is about something else."""
    if word.telling and not (said or reading.context.asked):
        # 15分钟 alone may mean anything.
        return None
    if word.telling and kept(draft.conditions, word) is None:
        others = (conditions_of(task) for task in reading.context.tasks)
        if any(kept(conditions, word) is not None for conditions in others):
            # 改成30日线 is about the last watch of an average, not about the price just spoken of.
            return None
    return revised(draft.conditions, word) or _price_instead(reading, draft, word)


def _price_instead(reading: Reading, draft: Request, word: Bare) -> tuple[Draft, ...] | None:
    """A price in place of a condition that has none, such as the limit; its side follows from the present price."""
    if word.telling or len(draft.conditions) != 1:
        return None
    price = with_value(Draft(kind="price_reach"), word.value, word.unit)
    return None if price is None else (kinds.sided(price, draft.symbols, reading.context.last_price),)


_REVERSED: Final = re.compile(
    "(?:说|搞|弄|写|设)?反了|(?:是|要)(?:涨[,]?不是跌|跌[,]?不是涨)|不是(?:[上往]?涨[破到停]?[,]?(?:而)?是[下往]?跌[破到停]?|[下往]?跌[破到停]?[,]?(?:而)?是[上往]?涨[破到停]?)"
)
_OTHER_WAY: Final[dict[str, KindName]] = {
    "pct_up": "pct_down",
    "pct_down": "pct_up",
    "price_above": "price_below",
    "price_below": "price_above",
    "new_high": "new_low",
    "new_low": "new_high",
    "limit_up": "limit_down",
    "limit_down": "limit_up",
}


def _turned_round(reading: Reading, draft: Request) -> Request | None:
    """说反了,是涨不是跌: the one condition, the other way."""
    if len(draft.conditions) != 1 or not _REVERSED.search(reading.plain):
        return None
    old = draft.conditions[0]
    rest = _REVERSED.sub("", reading.plain)
    if old.kind not in _OTHER_WAY or phrases.FILLER.sub("", rest.replace("不对", "").replace("错了", "")).strip():
        return None
    return changed(draft, {"conditions": (old.model_copy(update={"kind": _OTHER_WAY[old.kind]}),)})


def _corrected_watch(reading: Reading, draft: Request, named: Named, *, adds: bool, said: bool) -> Request | None:
    sentence = reading.sentence
    if (other := _turned_round(reading, draft)) is not None:
        return other.model_copy(update={"intent": "watch_update", "targets": ("last",)})
    changes: dict[str, Any] = {}
    if (same := sentence.take(phrases.SAME)) is not None and not _same_way(same[0], draft.conditions):
        return None
    found = [one for read in kinds.conditions(sentence) for one in read.drafts]
    options = read_options(reading)
    account = read_account(reading)
    if adds:
        sentence.take(phrases.ADDITION_SAID)
    sentence.take_all(phrases.OBJECT)
    sentence.take_all(phrases.ALERT)
    sentence.take_all(phrases.WATCH)
    if phrases.TRADE.search(sentence.rest):
        trade = read_trade(reading)
        if trade is None or (draft.action is not None and not said and trade.action.side is not draft.action.side):
            return None  # 清仓, after a plan to buy, is no correction of it
        changes["action"] = (
            trade.action
            if draft.action is None
            else _changed_action(draft.action, trade.action.model_dump(exclude_none=True))
        )
    elif draft.action is not None and (match := sentence.take(phrases.SHARES)):
        changes["action"] = _changed_action(draft.action, {"shares": int(reading.value(match))})
    sentence.take_all(phrases.CORRECTION)
    sentence.take_all(phrases.CHANGE)
    alone = reading.context.asked is None and _ONLY_A_NUMBER.fullmatch(reading.plain) is not None
    if not found and not alone and (word := bare_word(sentence)):
        bare = not (said or word.telling or word.unit or reading.context.asked)
        turned = None if bare and _LEADS.match(sentence.text) else _turned(reading, draft, word, said=said)
        if turned is None:
            return None
        changes["conditions"] = turned
    if found and not said and _of_account(found) != _of_account(draft.conditions):
        # 账户今天亏损超过2%, after a watch on a share, is another matter.
        return None
    if found:
        found = [fallen_back(one, draft.conditions, reading.plain) for one in found]
        added = adds or bool(_AND.search(reading.plain))
        if reading.context.asked is None and not said and _stands_alone(reading, draft, found, added=added):
            sentence.rest = sentence.text
            return _another(reading, draft)
        changes["conditions"] = _replaced(draft.conditions, tuple(found), added=added)
        if len(changes["conditions"]) > 1:
            changes["combine"] = draft.combine or (
                "all"
                if phrases.ALL_OF.search(reading.plain) and ("同时" not in reading.plain or "同时要" in reading.plain)
                else "any"
            )
    if named.symbols or named.ambiguous:
        symbols = tuple(dict.fromkeys((*draft.symbols, *named.symbols))) if adds and not found else named.symbols
        changes |= {"symbols": symbols, "ambiguous": named.ambiguous}
    changes |= options
    if account:
        changes["account"] = account
    if not changes or not reading.covered():
        return None
    if (named.symbols or named.ambiguous) and found and adds:
        # 再加一个五粮液跌破100 is a watch of its own.
        return None
    whole = changed(draft, changes)
    if reading.context.asked is not None:
        return whole
    # Nothing was asked, so the card shows a watch that stands: it is changed, not made a second time.
    return whole.model_copy(update={"intent": "watch_update", "targets": ("last",)})


def _same_way(said: str, conditions: Sequence[Draft]) -> bool:
    """Whether 跌破就 can mean these conditions; 到了就 means any."""
    against = (
        _DOWNWARDS if re.search("涨|突", said) else _UPWARDS if re.search("跌|破", said) else frozenset[KindName]()
    )
    return not all(one.kind in against for one in conditions)


_DOWNWARDS: Final = frozenset[KindName]({"price_below", "pct_down", "new_low", "limit_down", "stop_loss", "gap_down"})
_UPWARDS: Final = frozenset[KindName]({"price_above", "pct_up", "new_high", "limit_up", "take_profit", "gap_up"})


def _another(reading: Reading, draft: Request) -> Request | None:
    """A watch beside the last one, on what that is on where nothing else is named."""
    request = watch(reading)
    if request is None or request.tasks or request.scope or reading.named().anything:
        return request
    if _of_account(request.conditions) or _of_account(draft.conditions):
        return request
    return changed(request, {"symbols": draft.symbols, "ambiguous": draft.ambiguous, "scope": draft.scope})


def _stands_alone(reading: Reading, draft: Request, found: Sequence[Draft], *, added: bool) -> bool:
    """Whether conditions said without a word of correction are a watch of their own.

    A watch that stands is never given up for them: 止盈1500, said after a stop loss was set, leaves the stop loss.
    """
    wished = phrases.ALERT.search(reading.sentence.text) is not None
    if added:
        # 涨到1500也提醒我, after a plan to buy lower: at 1500 nothing is to be bought.
        return wished and draft.action is not None
    if tuple(found) == draft.conditions or any(map(lacks_value, found)):
        return False
    traded = phrases.TRADE.search(reading.sentence.text) is not None
    return wished or traded or [one.kind for one in found] != [one.kind for one in draft.conditions]


def _of_account(drafts: Sequence[Draft]) -> bool:
    return any(draft.kind in ACCOUNT_KINDS for draft in drafts)


def _replaced(old: tuple[Draft, ...], new: tuple[Draft, ...], *, added: bool) -> tuple[Draft, ...]:
    if added:
        return tuple(dict.fromkeys((*old, *new)))
    if len(old) <= 1:
        return new
    kinds_new = {one.kind for one in new}
    kept = tuple(one for one in old if one.kind not in kinds_new)
    return (*kept, *new) if len(kept) < len(old) else new


def changed(draft: Request, changes: dict[str, Any]) -> Request:
    """The request with these slots changed, and what it then still lacks."""
    merged = draft.model_copy(update=changes)
    return merged.model_copy(update=still_owed(merged))
