"""Reconciling on demand: what the brokers have against what we have."""

from __future__ import annotations

from bot.command import Call, Context, Reply, command
from bot.commands import targets
from core import render_reconcile
from core.errors import Invalid
from core.messages import Role


@command("reconcile", "对账", help="核对券商和这里的持仓、委托、成交", example="/reconcile", role=Role.VIEWER)
async def reconcile(ctx: Context, call: Call) -> Reply:
    """One message per account."""
    wanted = set(call.words)
    await ctx.house.blotter.look_up()
    chosen = [one for one in targets.accounts(ctx) if not wanted or wanted & {one.account, one.name}]
    if not chosen:
        raise Invalid(f"没有账户“{call.rest}”。发送 /mode 看现有的账户。")
    return [await ctx.house.reconciler.reconcile(broker) for broker in chosen]


@command("accord", "以券商为准", help="确认对账的出入", example="/accord 账户", role=Role.TRADER, listed=False)
async def accord(ctx: Context, call: Call) -> Reply:
    """Somebody has seen what differs."""
    if not 1 <= len(call.words) <= 2:
        raise Invalid("请点对账消息里的“我知道了”。")
    stamp = call.words[1] if len(call.words) > 1 else ""
    account = targets.broker(ctx, call.words[0], trading=True).account
    symbols = await ctx.house.reconciler.acknowledge(account, stamp)
    names = [ctx.house.name(symbol) or symbol for symbol in sorted(symbols)]
    return render_reconcile.acknowledged(names, ctx.house.brokerage.where(account))
