"""Audit: the story of an order, and whether its journal is whole."""

from __future__ import annotations

from bot.command import Call, Context, Reply, command
from bot.commands import targets
from core.errors import NotFound
from core.journal import problem
from core.messages import Role
from core.render_audit import story
from core.tickets import TicketState


@command("audit", "经过", "审计", help="一笔委托的经过", example="/audit 编号", role=Role.VIEWER)
async def audit(ctx: Context, call: Call) -> Reply:
    """Of the ticket or order named, or the newest one."""
    store = ctx.house.store
    if call.words:
        ticket = await store.ticket(call.words[0].upper().removeprefix("DP"))
        if ticket is None or not ctx.person.may_see(ticket.account):
            raise NotFound(f"没有编号 {call.words[0]} 的委托。发送 /orders 查看编号。")
    else:
        found = await targets.tickets(ctx, set(TicketState))
        if not found:
            raise NotFound("还没有过委托，没有可查的经过。")
        ticket = found[0]
    watch = ctx.house.watchlist.current(ticket.watch_id) if ticket.watch_id is not None else None
    everything = await store.journal()
    events = [event for event in everything if event.subject == ticket.id]
    return story(ticket, events, watch, ctx.house.brokerage.where(ticket.account), problem(everything))
