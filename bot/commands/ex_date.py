"""The answer to an ex-date: the buttons under the question."""

from __future__ import annotations

from datetime import datetime

from bot.command import Call, Context, Reply, command
from core import render_ex_date
from core.clock import MARKET_ZONE
from core.errors import Invalid
from core.messages import Role
from core.types import parse_symbol


@command("exdate", "除权调整", help="除权日：按除权调整价格，或者不用", listed=False, role=Role.VIEWER)
async def exdate(ctx: Context, call: Call) -> Reply:
    """``exdate SYMBOL DAY yes|no``: all watches of the person on this share at once."""
    try:
        code, written, choice = call.words
        day = datetime.strptime(written, "%Y%m%d").replace(tzinfo=MARKET_ZONE).date()
    except ValueError:
        raise Invalid("除权时会发来一条提示，请点它下面的“按除权调整”或“不用”。") from None
    adjust = choice == "yes"
    ex, outcomes = await ctx.house.adjustments.answer(ctx.person.owner, parse_symbol(code), day, adjust=adjust)
    return render_ex_date.answered(ex, ctx.house.name(ex.symbol), outcomes, adjust=adjust)
