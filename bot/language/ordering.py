"""A trade and nothing else, and its cancelling. The only way to an order."""

from __future__ import annotations

import re
from typing import Final

from bot.language import phrases
from bot.language.marks import pattern
from bot.language.reading import (
    Reading,
    owed,
    read_account,
    read_targets,
    read_trade,
)
from bot.language.request import (
    Request,
    Slot,
)
from core.types import Side


def order(reading: Reading) -> Request | None:
    """A trade and nothing else. The only way to an order."""
    sentence = reading.sentence
    if not phrases.TRADE.search(sentence.text):
        return None
    if (
        phrases.NEGATED_TRADE.search(sentence.text)
        or phrases.QUESTIONED.search(reading.plain)
        or phrases.QUESTIONED.search(sentence.text)
        or phrases.NO_ORDER.search(reading.plain)
    ):
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
    "(?:卖|出|抛|甩|清|砍|割|丢|扔|买|补|加|吃|接|收|扫|追|入|沽)了(?=<shares>|<yuan>|<tenths>|一半)|(?:买入?|买进|加仓|卖出|建仓|补仓|减仓|抄底)(?:了|过)(?!吧)|[进接收]<name><shares>了|(?:卖|抛|出|清)完了|(?:买入?|买进|卖出?|卖掉|抛|割|清|进)的$|已经|刚才|刚刚|之前|<day>|^我(?:把)?.*(?:卖|清|抛|出)(?:掉|光|仓)?了$"
)


_CANCEL_WORDS: Final = re.compile("撤|收回|抽回|委托|挂单|订单|买单|卖单|下单|单子")


_PLEASE: Final = re.compile("^((?:帮我|请|给我|把).*?)[?]+$")
"""帮我把6号委托撤回?: a request with a mark of a question, which takes back and buys nothing."""
_GIVEN_UP: Final = re.compile("我?不要了?(?=,|$)")
_UNFILLED: Final = re.compile("(?:还|尚)?(?:没有?|未)成交?的?")
_OF_WATCHES: Final = re.compile("提醒|任务|监控|盯|条件单|静音")
_OF_ORDERS: Final = re.compile("委托|挂单|订单|买单|卖单|下单|(?<!条件)单子")


def order_cancel(reading: Reading) -> Request | None:
    sentence = reading.sentence
    if not _CANCEL_WORDS.search(sentence.text):
        return None
    if _OF_WATCHES.search(sentence.text) and not _OF_ORDERS.search(sentence.text):
        return None
    account = read_account(reading)
    targets = read_targets(reading)
    match = sentence.take(phrases.CANCEL_ORDER)
    if match is None and _OF_ORDERS.search(sentence.text):
        match = sentence.take(phrases.DELETE)
    asked = _PLEASE.sub(r"\1", sentence.text)
    if match is None or phrases.QUESTIONED.search(asked):
        return None
    if any(word in sentence.text for word in ("所有", "全部", "全撤", "都撤", "全都")):
        targets = ("all",)
    sentence.take_all(phrases.ORDER_OBJECT)
    sentence.take(_GIVEN_UP)
    sentence.take(_UNFILLED)
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
