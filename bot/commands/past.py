"""Questions about what has been: trades, what sales earned, the curve of an account, what was decided."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

from bot.command import Call, Context, Reply, command
from bot.commands import targets
from bot.commands.ask import account_meant, answered, sheet_of
from core import render_answers, render_past
from core.clock import market_time
from core.messages import Role
from core.sheet import Curve, Sheet, span_of
from core.tickets import TicketState
from core.types import Side

_WEEK: Final = timedelta(days=7)
_SOLD: Final = re.compile("卖|抛|实现|落袋|平仓|清仓|兑现|了结")
"""Who asks for what sales earned, and not for what the account did."""
TICKETS: Final = 300
"""The newest so many are looked through."""


@command("trades", "成交记录", "交易记录", help="成交记录", example="/trades 茅台", role=Role.VIEWER)
async def trades(ctx: Context, call: Call) -> Reply:
    """The fills of an account, of some days where days are named."""
    account, call = account_meant(ctx, call)
    symbols = targets.symbols(ctx, call, last=False)
    sheet = await sheet_of(ctx, account)
    span = span_of(sheet, symbols, *days_of(ctx, call), side=_side(ctx))
    about = symbols[0] if len(symbols) == 1 else ""
    message = render_past.trades(sheet, span, symbols)
    return answered(ctx, sheet, message, span=span, about=about)


async def realized(ctx: Context, call: Call) -> Reply:
    """What the sales earned; of some days as a whole, what the account did in them."""
    account, call = account_meant(ctx, call)
    symbols = targets.symbols(ctx, call, last=False)
    sheet = await sheet_of(ctx, account)
    span = span_of(sheet, symbols, *days_of(ctx, call))
    whole = span.asked and not symbols and not _SOLD.search(ctx.dialogue.sentence)
    if whole:
        found = await _worths(ctx, sheet, span.first, span.last, before=True)
        if len(found.points) > 1:
            message = render_past.period(sheet, span, found)
            return answered(ctx, sheet, message, span=span, more=found.facts(), moments=found.moments)
    about = symbols[0] if len(symbols) == 1 else ""
    message = render_past.realized(sheet, span, symbols)
    if whole:
        message = message.model_copy(update={"text": f"没有当时的资产记录，只知道卖出的盈亏\n{message.text}"})
    return answered(ctx, sheet, message, span=span, about=about)


@command("curve", "资产曲线", help="收益曲线：总资产每天的变化", example="/curve", role=Role.VIEWER)
async def curve(ctx: Context, call: Call) -> Reply:
    """What an account was worth day by day, and now."""
    account, call = account_meant(ctx, call)
    first, last = days_of(ctx, call)
    sheet = await sheet_of(ctx, account)
    found = await _worths(ctx, sheet, first, last)
    asked = f"{first:%m-%d} 起" if first is not None else ""
    message = render_past.curve(sheet.account, found, asked)
    moments = [*found.moments, *([first] if first is not None else [])]
    return answered(ctx, sheet, message, more=found.facts(), moments=moments)


async def curves(ctx: Context, call: Call) -> Reply:
    """The curves of all accounts that the person may see, in one picture; of one where one is named or is all."""
    mine = targets.accounts(ctx)
    if call.words or len(mine) < 2:
        return await curve(ctx, call)
    chart = await ctx.house.pictures.curve_of({one.account: one.name for one in mine})
    return render_past.curves([(one.account, one.name, one.mode) for one in mine], chart)


async def _worths(ctx: Context, sheet: Sheet, first: date | None, last: date | None, *, before: bool = False) -> Curve:
    """What an account was worth in those days, and now where they reach so far.

    Args:
        before: begin with the last record before them.
    """
    found = await ctx.house.store.worths(sheet.account.id, None, last)
    inside = [one for one in found if first is None or one.day >= first]
    earlier = [one for one in found if one not in inside and one.total is not None]
    today = market_time(ctx.house.now()).date()
    now = ctx.house.bookkeeper.worth(sheet) if last is None or last >= today else None
    return Curve([*(earlier[-1:] if before else ()), *inside], now)


async def decisions(ctx: Context, call: Call) -> Reply:
    """What was proposed and how it was decided."""
    account, call = account_meant(ctx, call)
    symbols = targets.symbols(ctx, call, last=False)
    first, last = days_of(ctx, call)
    found = [
        ticket
        for ticket in await targets.tickets(ctx, set(TicketState), limit=TICKETS)
        if ticket.account == account
        and (not symbols or ticket.symbol in symbols)
        and (first or date.min) <= market_time(ticket.created_at).date() <= (last or date.max)
    ]
    orders = {order.id: order for order in await targets.orders(ctx, limit=TICKETS)}
    names = "、".join(ctx.house.name(symbol) or symbol for symbol in symbols)
    fresh = await ctx.house.brokerage.refresh(account)
    where = render_answers.where_text(fresh, fresh.as_of)
    return render_past.decisions(found, orders, f"{names}{'：' if names else ''}", where)


def _side(ctx: Context) -> Side | None:
    """Which way, where only one is spoken of: 昨天买了哪些."""
    bought, sold = ("买" in ctx.dialogue.sentence), ("卖" in ctx.dialogue.sentence)
    return None if bought == sold else Side.BUY if bought else Side.SELL


def days_of(ctx: Context, call: Call) -> tuple[date | None, date | None]:
    """The days that are named; a weekday that has not come yet is the one that has been."""
    request = call.request
    if request is None or request.date_from is None:
        return None, None
    first, last = request.date_from, request.date_to
    today = market_time(ctx.house.now()).date()
    while first > today:
        first, last = first - _WEEK, last - _WEEK if last is not None else None
    return first, last
