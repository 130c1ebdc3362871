"""What people read of trading without a tap."""

from __future__ import annotations

from core.messages import Button, Message, Style
from core.policy import Policy
from core.types import Money, money_text


def shown(policy: Policy | None, text: str, used: Money, usage: str) -> Message:
    """How it stands."""
    if policy is None:
        return Message(title="🤖 自动交易：关闭", text=f"每一笔都要你点“确认”。\n{usage}")
    # What it is stands under every message, and so under this one.
    return Message(
        title="🤖 自动交易：开着",
        text=(
            f"{text}\n今天已自动 {money_text(used)} 元。分析给出的买卖在这个范围里会直接下单；超出的照样等你点“确认”。"
        ),
        buttons=((Button("关闭自动交易", "auto off", Style.DANGER),),),
    )


def read_back(policy: Policy, text: str, command: str) -> Message:
    """What would be switched on, to be tapped."""
    return Message(
        title=f"🤖 要打开自动交易吗？·{policy.mode.chinese}",
        text=(
            f"{text}\n"
            "打开以后，分析给出的买卖只要在这个范围里，就不经你点“确认”直接下单。"
            "一只股票一天最多自动买一次、卖一次；参考了公告或新闻的建议照样要你点。"
            "涨跌停、T+1、资金、你的限额和紧急停止照样管用；到期自己关闭。5 分钟内点下面才会打开。"
        ),
        buttons=((Button("打开自动交易", command, Style.DANGER), Button("不打开", "auto off")),),
    )


def switched_on(text: str) -> Message:
    return Message(title="🤖 自动交易已打开", text=f"{text}\n随时可以关：/auto off")


def ended(*, was_on: bool) -> Message:
    if not was_on:
        return Message(title="🤖 自动交易：关闭", text="没有打开着的自动交易。每一笔都要你点“确认”。")
    return Message(title="🤖 自动交易已关闭", text="每一笔都要你点“确认”。已经报出去的委托还在：/orders")
