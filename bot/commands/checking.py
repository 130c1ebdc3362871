"""What the house knows for the checks of a watch: its quotes, its account, and the other watches of the person."""

from __future__ import annotations

from collections.abc import Sequence

from bot.command import Context
from core import checks, render
from core.alerts import Trigger
from core.findings import Facts, Finding
from core.judging import Rule
from core.types import Symbol
from core.view import View
from core.watches import Arm, RuleKey, Watch


def facts(ctx: Context, account: str) -> Facts:
    """What may be known beside the watches of an account. Each is seen once: these are the facts of one moment."""
    house = ctx.house
    seen: dict[tuple[str, Symbol], View | None] = {}

    def view(of: Watch, symbol: Symbol) -> View | None:
        if (of.id, symbol) not in seen:
            seen[of.id, symbol] = _view(ctx, of, symbol)
        return seen[of.id, symbol]

    return Facts(
        view=view,
        name=lambda symbol: render.name_text(house.name(symbol), symbol),
        account=house.brokerage.account(account) if ctx.person.may_see(account) else None,
        now=house.now(),
    )


def _view(ctx: Context, of: Watch, symbol: Symbol) -> View | None:
    book, quote = ctx.house.book, ctx.house.engine.quote(symbol)
    if quote is None or not of.conditions:
        return None
    key = RuleKey(of.id, symbol, 0)
    return book.view(book.rule(key) or Rule(of, key, of.groups()[0], Arm(key=key)), quote)


def found(ctx: Context, watch: Watch, already: Sequence[Trigger]) -> Sequence[Finding]:
    """What is odd about a watch that was just made or changed."""
    mine = ctx.house.watchlist.of(ctx.person.owner)
    others = [one for one in mine if one.id != watch.id]
    return checks.findings(watch, already, others, facts(ctx, watch.account))
