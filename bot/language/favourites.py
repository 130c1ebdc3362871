"""The favourites: 把茅台加入自选, 从自选删除茅台, 我的自选."""

from __future__ import annotations

import re
from typing import Final

from bot.language import phrases
from bot.language.marks import pattern
from bot.language.quiet import EVERYTHING
from bot.language.reading import Reading
from bot.language.request import Intent, Request


def favourites(reading: Reading) -> Request | None:
    """``把茅台加入自选``; a watch on the favourites is read elsewhere."""
    sentence = reading.sentence
    if not _FAVOURITE_WORDS.search(sentence.text) or _NO_FAVOURITE.search(sentence.text):
        return None
    collects = sentence.take(_COLLECT)
    if collects is None and sentence.take(phrases.FAVOURITES) is None:
        return None
    removes = sentence.take(phrases.FAVOURITE_REMOVE)
    adds = collects or (None if removes else sentence.take(phrases.FAVOURITE_ADD))
    if removes and sentence.text.startswith(("清空", "清除")):
        sentence.take_all(EVERYTHING)
    named = reading.named()
    if not (removes or adds):
        sentence.take_all(phrases.FAVOURITE_ASK)
        listed = not named.anything and reading.covered()
        return Request(intent="favourite_list") if listed else None
    if sentence.figures or not reading.covered():
        return None
    everything = removes is not None and not named.anything and removes[0].startswith(("清空", "清除"))
    intent: Intent = "favourite_remove" if removes else "favourite_add"
    return Request.model_validate(
        {
            "intent": intent,
            "symbols": named.symbols,
            "ambiguous": named.ambiguous,
            "targets": ("all",) if everything else (),
            "missing": () if named.anything or everything else ("symbols",),
            "problems": ("unknown_symbol",) if named.unknown else (),
        }
    )


_FAVOURITE_WORDS: Final = re.compile("自选|收藏|关注列表")
_NO_FAVOURITE: Final = re.compile("提醒|通知|告诉|盯|监控|预警|买|卖|分析|行情|任务|跌|涨|怎么样")
_COLLECT: Final = pattern("(?:把)?收藏(?:一下)?(?!夹|列表)(?=<name>)|(?<=<name>)收藏(?:起来|一下)?$")
