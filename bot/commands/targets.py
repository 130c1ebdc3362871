"""Which watches, shares or account a call means: ``3``, ``#3``, ``茅台``, ``600519``, ``全部``, or the only one.

What is found here is what the person may see, or trade: commands look accounts, tickets and orders up nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from bot.command import Call, Context
from bot.language.request import Request
from core import people
from core.errors import Forbidden, Invalid, NotFound
from core.orders import Order
from core.ports import Broker
from core.render import name_text
from core.tickets import Ticket, TicketState
from core.types import Mode, Symbol, parse_symbol
from core.watches import Watch

_NUMBER = re.compile(r"#?(\d{1,5})号?$")
_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{8}$")
_ALL = {"all", "全部", "所有"}


def accounts(ctx: Context, *, trading: bool = False) -> Sequence[Broker]:
    """The accounts that the person may see, or trade, in the order of the house."""
    may = ctx.person.may_trade if trading else ctx.person.may_see
    return [broker for broker in ctx.house.brokerage.brokers if may(broker.account)]


def broker(ctx: Context, account: str, *, trading: bool = False) -> Broker:
    """The account of this name.

    Raises:
        Forbidden: the person may not see it, or trade it.
        NotFound: there is none.
    """
    found = ctx.house.brokerage.broker(account)
    where = ctx.house.brokerage.where(account)
    if (why := people.why_not_account(ctx.person, account, where, trading=trading)) is not None:
        raise Forbidden(why, of_account=True)
    return found


def account(ctx: Context, request: Request | None, *, trading: bool = False) -> str:
    """The account that a request means; when it names none the first one that the person may see, or trade.

    Raises:
        NotFound: it names one that is not configured, or 实盘 where there is none: the mode never changes by itself.
        Forbidden: the person may not see it, or trade it, or has none at all.
    """
    if request is None or request.account is None or request.account == "real":
        chosen = next(iter(accounts(ctx, trading=trading)), None)
        if chosen is None:
            why = people.why_no_account(ctx.person, trading=trading) or people.NO_ACCOUNT
            raise Forbidden(why, of_account=True)
        if request is not None and "实盘" in ctx.dialogue.sentence and chosen.mode is not Mode.LIVE:
            raise NotFound(f"现在没有实盘账户，只有{chosen.name}（{chosen.mode.chinese}）。没有做任何操作。")
        return chosen.account
    return broker(ctx, request.account, trading=trading).account


async def tickets(ctx: Context, states: Collection[TicketState], limit: int = 50) -> Sequence[Ticket]:
    """Those of the accounts that the person may see, newest first."""
    found = await ctx.house.store.tickets(states, limit)
    return [one for one in found if ctx.person.may_see(one.account)]


async def orders(ctx: Context, *, open_only: bool = False, limit: int = 50, trading: bool = False) -> Sequence[Order]:
    """Those of the accounts that the person may see, or trade, newest first."""
    may = ctx.person.may_trade if trading else ctx.person.may_see
    found = await ctx.house.store.orders(open_only=open_only, limit=limit)
    return [one for one in found if may(one.account)]


def watch(ctx: Context, watch_id: str) -> Watch:
    """The person's own watch with this id, as a button names it. Raises NotFound."""
    found = ctx.house.watchlist.current(watch_id)
    if found is not None and found.owner != ctx.person.owner:
        raise NotFound("这是别人的任务，没有改动。你自己的任务：/list")
    return ctx.house.watchlist.get(watch_id)


def refuse_without_right(ctx: Context, watch: Watch) -> None:
    """Raises Forbidden where a watch looks at, or would trade, an account on which the person has no such right."""
    if watch.account:
        broker(ctx, watch.account, trading=watch.plan is not None)


def symbols(ctx: Context, call: Call, *, last: bool = True) -> tuple[Symbol, ...]:
    """The shares that a call names; with ``last`` the ones spoken of last when it names none.

    Raises:
        Invalid: a word that fits several shares; the text lists them.
        NotFound: a word that is no share; the text offers what is near.
    """
    request = call.request
    if request is not None and request.symbols:
        return request.symbols
    if call.words and request is None:
        return tuple(_symbol(ctx, word) for word in call.words)
    return ctx.dialogue.last_symbols if last else ()


def _symbol(ctx: Context, word: str) -> Symbol:
    found = ctx.house.names.candidates(word)
    if len(found) == 1:
        return found[0]
    if found:
        raise Invalid(ambiguous_text(ctx, word, found))
    if re.fullmatch(r"[A-Za-z.]{0,3}\d{6}[A-Za-z.]{0,3}", word):
        return parse_symbol(word)
    raise NotFound(unknown_text(ctx, word))


def ambiguous_text(ctx: Context, word: str, candidates: Sequence[Symbol]) -> str:
    names = "、".join(name_text(ctx.house.name(symbol), symbol) for symbol in candidates)
    return f"“{word}”有好几只：{names}。请写全名或代码。"


def unknown_text(ctx: Context, word: str) -> str:
    near = ctx.house.names.suggest(word)
    offer = "、".join(name_text(ctx.house.name(symbol), symbol) for symbol in near[:3])
    return f"没有找到“{word}”。" + (f"是不是：{offer}？" if offer else "请写全名或六位代码。")


def watches(ctx: Context, call: Call) -> Sequence[Watch]:
    """The watches that a call means, at least one.

    Raises:
        Invalid: it does not say which.
        NotFound: there is none like that.
    """
    house, owner = ctx.house, ctx.person.owner
    words = call.request.targets if call.request is not None else call.words
    if any(word in _ALL for word in words):
        return _some(house.watchlist.of(owner), "还没有盯盘任务。")
    found: list[Watch] = []
    for word in words:
        number = _NUMBER.match(word)
        if number is not None:
            found.append(house.watchlist.numbered(owner, int(number[1])))
        elif word == "last" and ctx.dialogue.watch_id is not None:
            found.append(watch(ctx, ctx.dialogue.watch_id))
        elif _ID.match(word):
            found.append(watch(ctx, word))
    if found:
        return found
    named = symbols(ctx, call, last=False)
    if named:
        text = "、".join(name_text(house.name(symbol), symbol) for symbol in named)
        on_them = house.watchlist.on(owner, named)
        # 暂停茅台 does not stop the one on all favourites, among which it is, while another one names it.
        by_name = [watch for watch in on_them if watch.scope == "symbols"]
        return _some(by_name or on_them, f"没有盯着{text}的任务。")
    mine = house.watchlist.of(owner)
    if len(mine) == 1 and not words:
        return mine
    raise Invalid("请说明是哪一个，例如“暂停3”或“暂停茅台”。发送 /list 看编号。")


def one_watch(ctx: Context, call: Call) -> Watch:
    """Exactly one watch. Raises like :func:`watches`, and Invalid when it could be several."""
    found = watches(ctx, call)
    if len(found) > 1:
        numbers = "、".join(f"#{watch.number}" for watch in found)
        raise Invalid(f"这样的任务有 {len(found)} 个：{numbers}。请写编号，例如“把{found[0].number}改成1380”。")
    return found[0]


def _some(found: Sequence[Watch], otherwise: str) -> Sequence[Watch]:
    if not found:
        raise NotFound(f"{otherwise}发送 /list 查看现有的。")
    return found
