"""Reports: 今天总结一下, 周报, 盘前看什么; and that they be sent by the clock, or no more. Read whole or not at all."""

from __future__ import annotations

import re
from typing import Final

from bot.language.marks import pattern
from bot.language.reading import Reading
from bot.language.request import EditionName, Request

_NOUN: Final = "(?:总结|小结|汇总|报告|简报|复盘)"
_MENDED: Final = "(?:一?下|下子)?"
_WHAT: Final = (
    rf"(?P<morning>早报|晨报|(?:盘前|开盘前|早盘)的?(?:{_NOUN}|提示|看点|计划))"
    rf"|(?P<noon>午报|(?:午间|中午|午盘|上午)的?{_NOUN}{_MENDED})"
    rf"|(?P<week>周报|(?:本周|这周|这一周|这个?星期|一周|周)的?{_NOUN}{_MENDED}"
    rf"|(?:总结|复盘|汇总){_MENDED}(?:本周|这周|这一周|这个?星期))"
    rf"|(?P<close>(?:盘后|收盘|每日)?日报|(?:盘后|收盘后?|收市后?|今天|今日|当天|当日|全天|每日)的?{_NOUN}{_MENDED}"
    rf"|(?:总结|复盘|汇总){_MENDED}(?:今天|今日|当天)(?:的?(?:情况|操作|交易))?)"
)
_LOOK: Final = (
    "(?:(?:今天|明天|今日|明日|今早|明早|下个交易日|盘前|开盘前|早盘|开盘)的?)+"
    "(?:我)?(?:要|该|应该|需要|得|有)?(?:看|注意|留意|关注)(?:些|点)?(?:什么|啥|哪些)(?:的|东西|事)?"
)
_LEAD: Final = (
    "(?:请|麻烦|帮忙?|给|让|我|你|想|要|来|发|看看?|看一下|出|写|做|生成|查|一?[份个张条篇]|的|今天|今日|现在|最新)*"
)
_TAIL: Final = "(?:一下|看看|看一下|给我|发?我|发来|来|呢|吧|怎么样|呗|啊)*[?。.!]*"
_EVERY: Final = (
    "(?:以后|今后|从(?:今天|明天|现在)(?:起|开始))?(?:每天|每日|天天|每个?交易日|每周(?:五|末)?|每个?星期(?:五)?)"
)
_HOUR: Final = (
    "(?:(?P<at_morning>早上|早晨|上午|开盘之?前|盘前)|(?P<at_noon>中午|午间|午休)"
    "|(?P<at_close>下午|晚上|收盘之?后?|收市后?|盘后|3点))"
)
_GIVES: Final = (
    "(?:的?时候)?(?:都|就|自动|按时|准时)*(?:给|帮|为|向|跟)?我?"
    "(?:发送?|推送?|来|送|出|写|做|报|要)?(?:一?[份个条篇])?我?的?"
)
_TO_ME: Final = "(?:发?给我|发我|推送给我)?(?:吧|呢|啊)?[。.!]*"
_NOT: Final = "(?:不要|别|不用|不必|不想要?|不需要|无需|取消|关掉?|关闭|关了|退订|停掉?|停止|停发|不再)"
_ANY: Final = rf"(?:{_WHAT}|(?P<every>(?:所有|全部)?的?(?:定时)?报告))"
_SENT: Final = "(?:再|给我|给|我|发送?|推送?|收到?|看|这些?|那个|每天|每周|收盘|的|了)*"

_ASKED: Final = pattern(f"{_LEAD}(?:{_WHAT}){_TAIL}")
_LOOKED: Final = pattern(f"(?:帮我|给我|请)?(?:看看)?{_LOOK}(?:呢|吧|啊)?[?。.!]*")
_WANTED: Final = (
    pattern(f"(?:{_EVERY})(?:{_HOUR})?{_GIVES}(?:{_WHAT}){_TO_ME}"),
    pattern(f"(?:以后)?{_HOUR}(?:的?时候)?(?:都|就|自动)*(?:给我|帮我)?(?:发送?|推送?)(?:我|给我)?(?:{_WHAT}){_TO_ME}"),
    pattern(f"{_EVERY}{_HOUR}(?:都|就|自动)*(?:给我|帮我|跟我)?(?:做个?|来个?)?{_NOUN}(?:一下)?{_TO_ME}"),
    pattern(f"(?:请|帮我|给我|我要|我想|把)*(?:打开|开启|订阅?|开通|恢复)(?:一下)?(?:{_WHAT})(?:吧)?[。.!]*"),
    pattern(f"(?:请|帮我|给我|把)*(?:{_WHAT})(?:打开|开启|开通|恢复)(?:一下|吧)*[。.!]*"),
)
_UNWANTED: Final = (
    pattern(f"(?:请|帮我|给我|以后|我)*{_NOT}{_SENT}{_ANY}(?:了|吧|啊)*[。.!]*"),
    pattern(f"(?:请|帮我|以后|把)*{_ANY}(?:都|也|就|以后)*{_NOT}{_SENT}(?:吧|啊)*[。.!]*"),
)
_WORD: Final = re.compile("报|总结|提示|看点|计划|小结|汇总|复盘|什么|啥|哪些")
_NAMES: Final[tuple[EditionName, ...]] = ("morning", "noon", "close", "week")


def reports(reading: Reading) -> Request | None:
    """A report, now or from now on."""
    plain = reading.plain
    if not _WORD.search(plain):
        return None
    for written in _UNWANTED:
        if match := written.fullmatch(plain):
            return Request(intent="report", edition=_edition(match), off=True)
    for written in _WANTED:
        if match := written.fullmatch(plain):
            return Request(intent="report", edition=_edition(match), repeat="every_time")
    if match := _ASKED.fullmatch(plain):
        return Request(intent="report", edition=_edition(match))
    return Request(intent="report", edition="morning") if _LOOKED.fullmatch(plain) else None


def _edition(match: re.Match[str]) -> EditionName | None:
    """Which one is named, or else belongs to the hour that is named; None is all of them."""
    said = match.groupdict()
    return next((name for name in _NAMES if said.get(name) or said.get(f"at_{name}")), None)
