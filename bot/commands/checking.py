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


def facts(ctx: Context, watch: Watch) -> Facts:
    """What may be known beside this watch."""
    house = ctx.house

    def view(of: Watch, symbol: Symbol) -> View | None:
        quote = house.engine.quote(symbol)
        if quote is None:
            return None
        key = RuleKey(of.id, symbol, 0)
        return house.book.view(house.book.rule(key) or Rule(of, key, of.groups()[0], Arm(key=key)), quote)

    return Facts(
        view=view,
        name=lambda symbol: render.name_text(house.name(symbol), symbol),
        account=house.desk.account(watch.account),
        now=house.now(),
    )


def found(ctx: Context, watch: Watch, already: Sequence[Trigger]) -> Sequence[Finding]:
    """What is odd about a watch that was just made or changed."""
    mine = ctx.house.watchlist.of(ctx.person.owner)
    others = [one for one in mine if one.id != watch.id]
    return checks.findings(watch, already, others, facts(ctx, watch))
