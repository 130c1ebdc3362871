"""Questions about quotes, positions and accounts. Every figure comes from an account or a quote, never from words."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Final

from bot.command import Call, Context, Reply, command
from bot.commands import favourites, targets
from core import render, render_answers
from core.errors import Invalid, NotFound, UserError
from core.grounding import Fact, held_to
from core.messages import Button, Message, Role
from core.orders import Order
from core.risk import limits_of
from core.sheet import Sheet, Span, facts_of
from core.types import Symbol

log: Final = logging.getLogger(__name__)

MANY_QUOTES: Final = 10
_TODAY: Final = ("今天", "今日", "今儿", "当日")
_BY_PERCENT: Final = re.compile("[涨跌幅率]|百分|比例|个点")
"""Who asks for the largest by percent, and not by yuan."""
_ALL_ACCOUNTS: Final = re.compile("(?:所有|全部|每个|各个?|两个|几个)账户")
_FLOATING: Final = ("浮盈", "浮亏", "浮动")
_OF_ACCOUNT: Final = frozenset({"available_cash", "total_asset", "position_ratio", "frozen_cash", "withdrawable"})
_OF_EACH: Final = frozenset({"cost", "quantity", "sellable", "holding_days", "weight"})


# -- quotes


@command(
    "quote",
    "行情",
    "价格",
    help="查现价",
    example="/quote 茅台",
    role=Role.VIEWER,
    intents=("quote_query",),
)
async def quote(ctx: Context, call: Call) -> Reply:
    symbols = await _quoted(ctx, call)
    if not symbols:
        raise Invalid("请写股票名或代码，例如：/quote 茅台")
    found = await ctx.house.look(symbols[:MANY_QUOTES])
    now = ctx.house.now()
    ask = call.request.ask if call.request is not None else None
    cards = []
    for symbol in symbols[:MANY_QUOTES]:
        name = ctx.house.name(symbol)
        seen = found.get(symbol)
        if seen is None:
            cards.append(Message(title=render.name_text(name, symbol), text="暂时拿不到行情，请稍后再试。"))
        elif ask is None:
            cards.append(render.quote_card(seen, name, limits_of(seen, name, now), now))
        else:
            cards.append(render_answers.quote_answer(seen, name, ask, now))
    if len(symbols) > MANY_QUOTES:
        cards.append(Message(text=f"一共 {len(symbols)} 只，一次只报前 {MANY_QUOTES} 只。其余的请直接写股票名。"))
    return cards


async def _quoted(ctx: Context, call: Call) -> Sequence[Symbol]:
    """What is named; or all that is followed or held, where that was said."""
    request = call.request
    if request is None or request.scope is None:
        return targets.symbols(ctx, call)
    if request.scope == "watchlist":
        chosen = await favourites.of(ctx)
        if not chosen:
            raise Invalid("自选股里还没有股票。先说“把茅台加入自选”，再问行情。")
        return chosen
    held = ctx.house.brokerage.account(targets.account(ctx, request))
    shares = tuple(position.symbol for position in held.positions if position.shares) if held else ()
    if not shares:
        raise Invalid("现在没有持仓。请直接写股票名，例如：茅台多少钱")
    return shares


# -- accounts


def account_meant(ctx: Context, call: Call) -> tuple[str, Call]:
    """Which account, and the call without the word for it; a button writes it as ``@wife``."""
    named = next((word for word in call.words if word.startswith("@")), None)
    if named is None:
        return targets.account(ctx, call.request), call
    rest = tuple(word for word in call.words if word != named)
    return targets.broker(ctx, named[1:]).account, Call(rest, call.request)


async def sheet_of(ctx: Context, account: str) -> Sheet:
    """An account with the newest quotes; what the stream does not have is asked for."""
    bookkeeper = ctx.house.bookkeeper
    sheet = await bookkeeper.take(await ctx.house.brokerage.refresh(account))
    unseen = [symbol for symbol, one in sheet.found.items() if one.quote is None]
    if unseen:
        with suppress(UserError):  # a share that nobody knows has no quote, and that is said
            await ctx.house.look(unseen)
        sheet = bookkeeper.again(sheet)
    return sheet


def answered(
    ctx: Context,
    sheet: Sheet,
    message: Message,
    *,
    orders: Collection[Order] = (),
    span: Span | None = None,
    more: Collection[Fact] = (),
    moments: Collection[date | datetime] = (),
    about: str = "",
) -> Message:
    """The answer as it may be shown: each of its figures held against the facts once more, by another way."""
    facts = facts_of(sheet, orders=orders, span=span, more=more, moments=moments, literals=("/hold", "/cash"))
    shown, problems = held_to(message, facts, about)
    for problem in problems:
        log.error("an answer did not stand: %s (%s, %s)", problem.sentence, problem.figure, problem.why)
    others = [one for one in targets.accounts(ctx) if one.account != sheet.account.id]
    if not others or not shown.buttons:
        return shown
    rows = tuple(Button(f"看{one.name}", f"positions @{one.account}") for one in others[:3])
    return shown.model_copy(update={"buttons": (*shown.buttons, rows)})


@command(
    "positions",
    "持仓",
    help="持仓、成本和盈亏",
    example="/positions",
    role=Role.VIEWER,
    intents=("positions_query",),
)
async def positions(ctx: Context, call: Call) -> Reply:
    ask = call.request.ask if call.request is not None else None
    if _every_account(ctx, call):
        return [one for broker in targets.accounts(ctx) for one in await _positions(ctx, broker.account, ask, ())]
    account, call = account_meant(ctx, call)
    return await _positions(ctx, account, ask, targets.symbols(ctx, call, last=False))


def _every_account(ctx: Context, call: Call) -> bool:
    """Whether a sentence speaks of all accounts, where there are several."""
    return (
        call.request is not None
        and len(targets.accounts(ctx)) > 1
        and not call.request.symbols
        and _ALL_ACCOUNTS.search(ctx.dialogue.sentence) is not None
    )


async def _positions(ctx: Context, account: str, ask: str | None, symbols: Sequence[Symbol]) -> Sequence[Message]:
    sheet = await sheet_of(ctx, account)
    if symbols:
        return [_of_share(ctx, sheet, symbol, ask) for symbol in symbols]
    return [answered(ctx, sheet, _of_all(ctx, sheet, ask))]


def _of_all(ctx: Context, sheet: Sheet, ask: str | None) -> Message:
    if ask == "pnl_total":
        return render_answers.profit(sheet, floating=any(word in ctx.dialogue.sentence for word in _FLOATING))
    if ask == "pnl_today":
        return render_answers.today(sheet)
    if not sheet.held:
        return render_answers.nothing_held(sheet)
    if ask in _OF_EACH:
        return render_answers.each_share(sheet, ask)
    if ask in {"best", "worst"}:
        said = ctx.dialogue.sentence
        ranked = render_answers.extreme_today if any(word in said for word in _TODAY) else render_answers.extreme
        return ranked(sheet, ask, by_percent=_BY_PERCENT.search(said) is not None)
    if ask == "largest":
        return render_answers.largest(sheet)
    return render_answers.losers(sheet) if ask == "losers" else render_answers.positions(sheet)


def _of_share(ctx: Context, sheet: Sheet, symbol: Symbol, ask: str | None) -> Message:
    row = sheet.row(symbol)
    if row is not None:
        return answered(ctx, sheet, render_answers.one_share(sheet, row, ask), about=symbol)
    named = {**sheet.names, symbol: ctx.house.name(symbol)}
    raise NotFound(render_answers.not_held(sheet.account, named[symbol], symbol))


@command(
    "account",
    "账户",
    "资金",
    help="资金和总资产",
    example="/account",
    role=Role.VIEWER,
    intents=("account_query",),
)
async def account(ctx: Context, call: Call) -> Reply:
    ask = call.request.ask if call.request is not None else None
    every = [broker.account for broker in targets.accounts(ctx)]
    if every and ((call.request is None and not call.words) or _every_account(ctx, call)):
        return [one for account in every for one in await _money(ctx, account, ask)]
    meant, call = account_meant(ctx, call)
    return await _money(ctx, meant, ask)


async def _money(ctx: Context, account: str, ask: str | None) -> Sequence[Message]:
    if ask in {"pnl_total", "pnl_today"}:
        return await _positions(ctx, account, ask, ())
    if ask not in _OF_ACCOUNT:
        return [await _card(ctx, account)]
    sheet = await sheet_of(ctx, account)
    waiting = [one for one in await targets.orders(ctx, open_only=True, limit=200) if one.account == account]
    return [answered(ctx, sheet, render_answers.money(sheet, ask, waiting), orders=waiting)]


async def _card(ctx: Context, account: str) -> Message:
    sheet = await sheet_of(ctx, account)
    return answered(ctx, sheet, render_answers.account_card(sheet))


@command("ask", help="按钮：再问一个数", listed=False, role=Role.VIEWER)
async def ask(ctx: Context, call: Call) -> Reply:
    """``ask pnl_today @wife``: what a button under an answer asks next."""
    meant, call = account_meant(ctx, call)
    return await _positions(ctx, meant, call.words[0] if call.words else None, ())
