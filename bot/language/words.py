"""One word for many: what is said in other words becomes the word that the patterns know.

To teach a word that means the same as one we know, wherever it is said, add it to its row here. A word that means
something only beside others belongs to the patterns: of conditions in :mod:`bot.language.kinds`, of everything else in
:mod:`bot.language.phrases`. Names were marked before, so that no part of a name is taken for a word.
"""

# ruff: noqa: E501 - a way of speaking stays on one line; Chinese counts double
from __future__ import annotations

import re
from typing import Final

_ROWS: Final[tuple[tuple[str, str], ...]] = (
    # who, when
    ("我", "俺们|俺|咱们|咱|偶(?![尔数然])|本人|鄙人|在下"),
    ("今天", "今儿个|今儿|今个儿?|今日|今朝"),
    ("明天", "明儿个|明儿|明个儿?|明日"),
    ("昨天", "昨儿个|昨儿|昨个儿?|昨日"),
    ("现在", "这会儿|这时候|眼下|如今|而家|现时|现如今|当下|此时此刻|此时|此刻|这阵子?"),
    ("马上", "速速|火速|麻利儿?(?:点儿?|的|地)?|麻溜儿?(?:点儿?|的|地)?|赶早|立马|即刻|即时|第一时间|尽快|抓紧|尽早|快点儿?|赶快|赶紧"),
    # to be told
    ("提醒", "知会|戳(?:一?戳)?|捅|艾特|cue|吼|嚎|吆喝|言语|打个?招呼|招呼|敲打?(?:敲)?|踢|呼叫|呼|通报|禀报|汇报|禀告|告知|告之|告警|警报|预警|示警|闹铃|闹钟|通传|报信|给个?信儿?|来个?信儿?|给个?话|吭(?:一?气)?|吱(?:个)?|提个醒儿?|提一?下醒|提醒儿|@(?=我|一|$|,)|话我知|通风报信|敲黑板"),
    # not
    ("别", "甭|莫要|莫(?!名|非|高)|休要|唔好|勿(?!扰)|不准|别别"),
    ("不用", "毋须|无须|无需|不必|不需要|用不着|犯不着|没必要|免了|唔使"),
    # questions
    ("什么", "啥子|啥玩意儿?|啥(?:个)?|甚么|么子|乜嘢|咩"),
    ("怎么样", "咋样|咋个样|怎样|怎么个样|咋的了?|如何(?!操作|使用|用|设|下单)|点样"),
    ("怎么", "咋个|咋(?!样)|点解"),
    ("为什么", "为啥子?|干嘛要?|咋会|凭啥|因何|为何|为毛"),
    ("哪些", "边啲|哪几个|哪几只|哪几支"),
    ("多少", "几多"),
    ("有没有", "有冇|有木有|有没(?!有)"),
    ("谁", "边个|哪个家伙"),
    # to see
    ("看看", "瞅瞅|瞧瞧|睇睇|望望|瞄瞄|过过目"),
    ("看一下", "瞅一?眼|瞧一?眼|瞄一?眼|睇一?眼|瞟一?眼|看一?眼|瞅一?下|瞧一?下|过个?目"),
    ("看", "瞅|瞧|瞄(?!准)|睇|瞟"),
    ("查", "查阅|调出|翻出|拉出|亮出来?|调取|列(?=出来)"),
    ("分析", "剖析|拆解|诊断诊断|分析分析|聊聊|唠唠|盘一?盘(?!口)|说道说道|给(?:点|个)(?:意见|建议|主意|说法)|出(?:个|出)?主意|支个?招|支支招|把把?脉|掰扯掰扯|评价一?下|评一?评"),
    # how much, how many
    ("至少", "最起码|起码|最少|少说"),
    ("全部", "全数|悉数|统统|通通|一概|尽数|一股脑儿?|一锅端|全体"),
    ("每次", "每一次|每一?回|回回|次次|每一?趟|逐次|每每"),
    ("一次", "一回(?![到落调升撤踩来事])|一趟|一遭|一遍"),
    ("次", "(?<=[几多数两])[回趟遭]"),
    ("一共", "拢共|总共|统共|共计|合计|总计|加一块儿?|加起来|加总|通共"),
    ("价格", "价钱|价儿|价码"),
    ("股票", "(?<![发车门股钞投彩选这那])票(?![据房面])(?:票|子)?"),
    ("手里", "手头上?|手中|手上"),
    ("账户里", "账上|户头上?里?|账面上"),
    ("钱", "银子|钞票|现钱|票子|银两|大洋"),
    # where
    ("以下", r"(?<=[\d块元毛角分点线价轨%万千百十])(?:的)?(?:下面|下头|下边|底下|下方|之下|以内)"),
    ("以上", r"(?<=[\d块元毛角分点线价轨%万千百十])(?:的)?(?:上面|上头|上边|上方|之上|开外)"),
    ("里", "里头|里边|里面|里厢"),
    # what is done to what is watched
    ("删掉", "掐了|掐掉|掐断|踢了|灭了|毙了|划掉|抹掉|干掉|摘掉|摘了|拿下来|去了吧"),
    ("买入", "入手"),
)  # fmt: skip
_ANY: Final = re.compile("|".join(f"({written})" for _, written in _ROWS))
_WORD: Final = tuple(word for word, _ in _ROWS)


def in_our_words(text: str) -> str:
    """The same text in the words that the patterns know.

    >>> in_our_words("今儿个瞅眼仓位,莫戳我")
    '今天看一下仓位,别提醒我'
    """
    return _ANY.sub(lambda found: _WORD[(found.lastindex or 1) - 1], text)
