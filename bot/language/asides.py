"""What people add that asks for nothing: 我白天没空看盘, 我要出差几天, 开会中.

A clause of its own that holds no name, no number and no word of the domain is left out, and the rest is read again. An
order is never read that way: what is said beside an order may take it back.
"""

from __future__ import annotations

import re
from typing import Final

from bot.language.names import Names
from bot.language.numerals import figures

_CLAUSE: Final = re.compile("[,.;!…]+|(?<=[了呢啊吧])(?:那就|那)")
_CONTENT: Final = re.compile(
    r"\d|[?%<>=]|跌|涨|破|停(?!车|电)|板|盯(?!盘)|提醒|通知|告诉|知会|喊|叫|报|响|戳|买|卖|仓|撤|删|取消|改|恢复|继续|接着|其他|其它|其余|剩下|除了|别的|启用|打开|关|静音|别|勿|不要|不用|不许|邮|微信|渠道|webhook|成本|止[损盈]|盈|亏|赚|量|线|叉|轨"
    "|如果|要是|只要|除非|一旦|假如|当|等到|或者|并且|而且|同时|才|账户|模拟|次|每|有效|期|价|元|块|点|成|手|股|新高|新低|开盘|收盘|盘中|交易时|委托|单|确认|资金|持有|自选|抄底|抛|清|割|减|加|为什么|多少|哪|谁|什么|怎么|吗|开玩笑|骗|逗|假装|算了|不是|不对|作废|月|周|明天|今天|昨天|以后|默认"
)
_ASIDE: Final = re.compile(
    "(?:具体)?(?:的)?(?:价钱|价格|价位|数字|点位|多少)(?:我)?(?:还|先|暂时)?没有?(?:想好|定|确定|决定|定下来)(?:呢|下来)?|(?:我)?(?:好|想|要|得|再|先|打算|准备|也好)*(?:看看|看一看|考虑考虑|考虑一?下?|研究研究|研究一?下?|琢磨琢磨|琢磨一?下?|想想|决定|合计)(?:要不要|是否|该不该|是不是|怎么)?(?:补仓|加仓|减仓|止损|止盈|卖|买|走|跑|操作|处理|办)?(?:了|掉)?"
    "|(?:我)?(?:白天|平时|上班|最近|这几天|今天|下午|上午|现在|等会儿?)*(?:都|也)?(?:没空|没时间|没法|没办法|不方便|顾不上|来不及|走不开)(?:看盘|盯盘|盯着?|看着?|看手机|操作)?(?:了|的|呢)?"
    "|(?:它|这只)?(?:现在|目前|今天|已经)(?:正|还)?(?:涨停|跌停|封板|停牌|亏着|套着|涨着|跌着)(?:了|着|中)*呢?"
    "|(?:我)?(?:也)?好(?:及时|赶紧|早点)?(?:减仓|加仓|补仓|卖|买|走|跑|操作|处理|决定)(?:掉|了)?|(?:千万|可)?(?:别|不要|不能)(?:漏|忘|错过|忘记)(?:了|掉)?(?:我)?|(?:别的|其他的?|其它的?|其余的?|剩下的)(?:都|就|先|全)*(?:不用管|不管|无所谓|随便|不要|留着|不动|别动|照旧|照常|不变|保留|保持)(?:了)?"
    "|(?:我)?先睡了|(?:让)?(?:我)?(?:也)?好?(?:有个|做个?)(?:思想)?准备|(?:好让)?(?:我)?心里有数|懒得看|我在外面|免得错过了?|省得我?(?:老|一直|总)(?:看|盯)(?:着)?|我好(?:跑路|走人)|别没完没了|(?:然后)?(?:就)?(?:拉倒|完事|得了|行了)"
    "|(?:回头|以后|过几天|到时候|过阵子|改天|晚点儿?)(?:我)?(?:再)?(?:开|说|恢复|弄|看|设|讲)(?:吧|了)?"
    "|(?:我)?(?:刚|才)?(?:开完会|出差回来|忙完|睡醒|休息好|吃完饭|下班|起床)了?"
    "|(?:我)?(?:要|得|先|正|去|在)*(?:出差|开会|睡觉|睡一?会儿?|休息|午休|午睡|上班|上课|开车|看病|坐飞机|坐车|出门|忙|吃饭|做手术|考试)(?:中|去|了|几天|两天|一下|一会儿?|一阵子?)*"
)
_FEW: Final = 10
_LONGEST: Final = 16
"""Characters of a clause that may be left out unread."""


def without_asides(plain: str, names: Names) -> str | None:
    """The sentence without the clauses that ask for nothing; None where there are none, or nothing else.

    >>> without_asides("我白天没空看盘,茅台跌破1400提醒我", Names())
    '茅台跌破1400提醒我'
    """
    clauses = [clause for clause in _CLAUSE.split(plain) if clause]
    kept = [_without_what_was(clause, names) for clause in clauses if not _is_aside(clause, names)]
    wishes = any(clause in clauses for clause in kept)
    return ",".join(kept) if wishes and kept != clauses else None


def _without_what_was(clause: str, names: Names) -> str:
    """茅台已经跌了2%: of what has been only the name is kept."""
    if not _TOLD.search(clause) or _WISHED.search(clause):
        return clause
    return "".join(mention.text for mention in names.find(clause))


_TOLD: Final = re.compile(
    r"已经?(?=[跌涨破到站回])|刚才|刚刚|昨天|前天|上周|上个?月|早上|(?:现在|目前|当前|现价)(?:的?价格)?(?:是|在|才)?\d"
)
_WISHED: Final = re.compile("提醒|通知|告诉|说|喊|叫|买|卖|清仓|加仓|减仓|暂停|恢复|删|取消|撤|改|多少|吗|什么|哪")


def _is_aside(clause: str, names: Names) -> bool:
    if _ASIDE.fullmatch(clause):
        return True
    # 一个人在外面 counts nothing, 一千三以下 does.
    counts = any(one.unit or one.value >= _FEW for one in figures(clause))
    return len(clause) <= _LONGEST and not counts and not _CONTENT.search(clause) and not names.find(clause)
