"""Rights: may this person use this command, and on this account? Asked in one place before any command runs.

A button and a typed number name a ticket or an order: whose account that is, is looked up here. Where a sentence names
an account, :mod:`bot.commands.targets` asks the same.
"""

from __future__ import annotations

from bot.command import Call, Command, Context
from bot.house import House
from core import people
from core.errors import Forbidden
from core.people import Attempt, Person
from core.tickets import Ticket, TicketState

_ALL = frozenset({"all", "全部"})


async def barred(house: House, person: Person, found: Command, call: Call) -> Forbidden | None:
    """Why this may not be done by this person; None where it may."""
    why = people.why_not(person, found.role_for(call), f"/{found.name}")
    if why is not None:
        return Forbidden(why)
    if found.about is None or call.request is not None or not call.words:
        return None
    many = found.name == "cancel"
    if many and _ALL & {*call.words}:  # all of those that he may
        return None
    for word in call.words if many else call.words[:1]:
        account = await _account_of(house, found, word)
        if account is not None and (why := _not_this(house, person, account)) is not None:
            return Forbidden(why, of_account=True)
    return None


def _not_this(house: House, person: Person, account: str) -> str | None:
    return people.why_not_account(person, account, house.brokerage.where(account), trading=True)


async def _account_of(house: House, found: Command, word: str) -> str | None:
    """The account of the ticket or order that a word names; None where there is no such, which the command says."""
    if found.about == "ticket":
        ticket = await house.store.ticket(word.upper())
        return None if ticket is None else ticket.account
    order = await house.store.order(order_id(word))
    return None if order is None else order.account


def order_id(word: str) -> str:
    """Ids are made to be typed on a phone: in any case, with or without the dp before them."""
    digits = word.upper().removeprefix("DP")
    return f"dp{digits}"


async def odd(house: House, found: Command | None, call: Call) -> Attempt | None:
    """What is odd about a press that came to nothing: it was answered before, or no card of ours carries it."""
    if found is None:
        return Attempt.FORGED
    if found.about != "ticket" or not call.words:
        return None
    ticket = await house.store.ticket(call.words[0].upper())
    if ticket is None:
        return Attempt.FORGED
    stamp = call.words[1] if len(call.words) > 1 else ticket.stamp
    if stamp != ticket.stamp and found.name != "explain":
        # The journal knows every edition that was ever shown.
        shown = [event for event in await house.store.journal(ticket.id) if event.kind.startswith("ticket.")]
        earlier = any(Ticket.model_validate_json(event.body).stamp == stamp for event in shown)
        return Attempt.REPLAYED if earlier else Attempt.FORGED
    # A reason is given for what is decided.
    return Attempt.REPLAYED if ticket.state is not TicketState.OPEN and found.name != "explain" else None


async def note(ctx: Context, error: Forbidden, what: str) -> None:
    """Write down what was refused to somebody who belongs to the house, and tell the owners once."""
    kind = Attempt.ACCOUNT if error.of_account else Attempt.ROLE
    await ctx.house.membership.refused(kind, ctx.person, ctx.chat, what, str(error))
