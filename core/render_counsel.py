"""Why a model gave no answer, and what to do about it."""

from __future__ import annotations

from datetime import datetime
from math import ceil

from core.allowance import KEPT_FOR_SENTENCES, Budget, Day, Limit
from core.clock import market_time
from core.consultations import Purpose


def spent(limit: Limit, budget: Budget, purpose: Purpose) -> str:
    """What is used up, and how it comes back."""
    kept = "" if purpose is Purpose.SENTENCE else f"，其中 {KEPT_FOR_SENTENCES:.0%} 只用来听懂话"
    what, setting = {
        Limit.YUAN: (f"每人每天最多 {budget.yuan:f} 元{kept}", "，要多用请改 LLM_DAILY_BUDGET"),
        Limit.HOUSE: (f"所有人一天最多 {budget.house_yuan:f} 元{kept}", "，要多用请改 LLM_HOUSE_BUDGET"),
        Limit.CALLS: (f"每人每天最多问 {budget.calls} 次", ""),
        Limit.TOKENS: (f"每人每天最多 {budget.tokens} 个 token", ""),
    }[limit]
    return f"今天的模型费用已达预算（{what}），零点以后恢复{setting}。"


def late(seconds: float) -> str:
    return f"等了 {ceil(seconds)} 秒，模型没有答完，请过一会儿再试。"


def failed(reason: str) -> str:
    return f"模型现在没有回答（{reason}），请过一会儿再试。"


def resting(until: datetime) -> str:
    return f"模型刚才没有回答，{market_time(until):%H:%M:%S} 以前先不问它，请过一会儿再试。"


def unrecorded(reason: str) -> str:
    return f"花费记不下来（{reason}），所以没有去问模型，请过一会儿再试。"


def out(reason: str) -> str:
    return f"模型现在用不了：{reason}。处理好以后请重新启动。"


def out_notice(reason: str) -> str:
    """For whoever keeps the house, once."""
    return f"模型用不了了：{reason}。处理好以后请重新启动；在那之前提醒照常，听不懂的话只用离线语法，分析停下。"


def about_model(described: str, asked: str, day: Day, budget: Budget, refused: str) -> str:
    """One line for /about: which model, and what it cost today.

    Args:
        described, asked: the model in words, and its name.
        refused: why it serves us no more; empty while it does.
    """
    used = day.everybody
    parts = [f"{purpose.chinese} {on.calls} 次" for purpose in Purpose if (on := day.on(purpose)).calls]
    split = f"（{'、'.join(parts)}）" if len(parts) > 1 else ""
    cost = f"今天问了 {used.calls} 次{split}，约 {used.yuan:.4f} 元" if used.calls else "今天还没有问过"
    limits = f"（每人每天最多 {budget.yuan:f} 元）"
    who = f"，回答的是 {'、'.join(day.models)}" if set(day.models) - {asked} else ""
    gone = f"。现在用不了：{refused}" if refused else ""
    return f"模型：{described}，{cost}{limits}{who}{gone}"
