"""Analyze: what somebody who asks for an opinion is told as long as nobody here gives one."""

from __future__ import annotations

from bot.command import Call, Context, Reply, command
from bot.commands import targets
from core.messages import Button, Message, Role

MANY = 3


@command("analyze", "分析", help="看一只股票的行情和 K 线", role=Role.VIEWER, intents=("analyze",), listed=False)
async def analyze(ctx: Context, call: Call) -> Reply:
    """The facts that are at hand, a tap away; no word of what to do."""
    of_all = call.request is not None and call.request.scope is not None
    rows = [
        (
            Button(f"{ctx.house.name(symbol)}行情", f"quote {symbol}"),
            Button("K线", f"chart {symbol}"),
        )
        for symbol in targets.symbols(ctx, call, last=not of_all)[:MANY]
    ]
    next_ = "可以先看：" if rows else "可以问：茅台多少钱、茅台日线图、我的持仓。"
    return Message(text=f"我还不会分析行情，也不给买卖建议。{next_}", buttons=tuple(rows))
