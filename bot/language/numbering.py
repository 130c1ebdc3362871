"""Bare numbers that are numbers of the list: 暂停3, 3号, 为什么3, 把3改成1380."""

from __future__ import annotations

import re
from typing import Final

from bot.language.reading import (
    Context,
)

_NUMBERED: Final = re.compile(
    r"(?<![#\d月到至])(\d{1,3})号(?=(?:的)?(?:[那嗰]条|任务|提醒|盯盘|监控|委托|单|$|[,。]|停|删|暂停|恢复|改|取消|撤|静音|提醒|[和跟、,]|那个|不对|延|推迟|续|调|换|价格|提醒价|触发|条件|目标|有效|冷却|间隔|启用|继续|先|别|不|每|隔|加|只提醒|为什么|为啥|怎么))"
)
_ONCE_A_DAY: Final = re.compile(
    "(?<![这那近过])[一1](?:天|日)(?=(?:里|内)?(?:之内)?(?:最多|只|就|仅|至多|顶多|撑死|能|别超过)*(?:提醒|通知|报|说|叫|响|告诉|闹|喊|戳|弹|推)?(?:我)?[一1][次遍回趟])"
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
# 1每小时分析一次, 1只提醒一次: an option, said of the watch with that number.
_NUMBER_THEN_OPTION: Final = re.compile(
    r"^(?:请|帮我)?(?:把|任务|提醒)?(?P<n>\d{1,4})[,、:]?(?=每|隔|只|就|仅|最多|至少|冷却|有效|到期|也|都|发|用|走|不要|别|不用|取消|定[时期]|提醒|通知|恢复了|反复|重复|一直|盘后|盘中|收盘|持有|没)"
)  # fmt: skip
_DIGIT: Final = "零一二三四五六七八九十"
_SPELLED: Final = re.compile("(?<![月十到至一二三四五六七八九])([一二三四五六七八九十])号(?!公司)")
_MANAGED: Final = re.compile(
    "[每隔][^,]{1,8}分析|每天|每次|只提醒|加|延期|延长|顺延|推迟|续|调|换|静音|为什么|为啥|怎么没|再提醒|再说|再通知|再叫|重新|启用|盯|暂停|停|删|恢复|取消|撤|改|任务|继续|启用|关掉|不要"
)


def numbered(text: str, context: Context) -> str:
    """``3号`` beside a verb that manages watches is a number, not a day; so is the 3 of 3改成, when there is a #3."""
    if (start := _NUMBER_FIRST.match(text)) and any(str(task.get("id")) == start["n"] for task in context.tasks):
        text = f"#{text}"
    option = _NUMBER_THEN_OPTION.match(text)
    if option and any(str(task.get("id")) == option["n"] for task in context.tasks):
        text = f"#{option['n']}{text[option.end() :]}"
    if _MANAGED.search(text):
        text = _SPELLED.sub(lambda found: str(_DIGIT.index(found[1])) + "号", text)
    text = _ONCE_A_DAY.sub("每天", text)
    text = _ASKED_NUMBER.sub(r"#\1", text)
    if _MANAGED.search(text):
        text = _NUMBER_THEN_TIME.sub(r"\1#\2,", text)
    text = _BARE_NUMBER.sub(lambda found: found["verb"] + re.sub(r"\d+", r"#\g<0>", found["n"]), text)
    return _NUMBERED.sub(r"#\1", text) if "号" in text and _MANAGED.search(text) else text
