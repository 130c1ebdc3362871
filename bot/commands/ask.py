"""Questions about quotes, positions and accounts. Every figure comes from an account or a quote, never from words."""

from __future__ import annotations

from decimal import Decimal

from bot.command import Call, Context, Reply, command
from bot.commands import targets
from core import render
from core.errors import Invalid, NotFound
from core.messages import Message, Role
from core.portfolio import Account, Valuation, Valued, value
from core.risk import limits_of
from core.types import Price, Symbol, money_text, percent_text, price_text

MANY_QUOTES = 10


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
    symbols = targets.symbols(ctx, call)
    if not symbols:
        raise Invalid("请写股票名或代码，例如：/quote 茅台")
    found = await ctx.house.look(symbols[:MANY_QUOTES])
    now = ctx.house.now()
    cards = []
    for symbol in symbols[:MANY_QUOTES]:
        name = ctx.house.name(symbol)
        seen = found.get(symbol)
        if seen is None:
            cards.append(Message(title=render.name_text(name, symbol), text="暂时拿不到行情，请稍后再试。"))
        else:
            cards.append(render.quote_card(seen, name, limits_of(seen, name, now), now))
    return cards


async def _valued(ctx: Context, account: str) -> tuple[Account, Valuation]:
    fresh = await ctx.house.desk.refresh(account)
    held = [position.symbol for position in fresh.positions if position.shares]
    prices = {symbol: price for symbol in held if (price := _last(ctx, symbol)) is not None}
    unseen = [symbol for symbol in held if symbol not in prices]
    if unseen:
        found = await ctx.house.look(unseen)
        prices |= {symbol: price for symbol, one in found.items() if (price := one.worth) is not None}
    return fresh, value(fresh, prices)


def _last(ctx: Context, symbol: Symbol) -> Price | None:
    seen = ctx.house.engine.quote(symbol)
    return seen.worth if seen is not None else None


@command(
    "positions",
    "持仓",
    help="持仓、成本和盈亏",
    example="/positions",
    role=Role.VIEWER,
    intents=("positions_query",),
)
async def positions(ctx: Context, call: Call) -> Reply:
    account, valued = await _valued(ctx, targets.account(ctx, call.request))
    names = {position.symbol: ctx.house.name(position.symbol) for position in account.positions}
    ask = call.request.ask if call.request is not None else None
    symbols = targets.symbols(ctx, call, last=False)
    if symbols:
        return [_one(account, valued, symbol, names.get(symbol) or ctx.house.name(symbol)) for symbol in symbols]
    rows = [row for row in valued.positions if row.position.shares and row.profit is not None]
    if ask in {"best", "worst", "largest"} and rows:
        return _one(account, valued, _extreme(rows, ask).position.symbol, names[_extreme(rows, ask).position.symbol])
    if ask == "pnl_today":
        raise Invalid("当天的盈亏我还不会算。浮动盈亏和已实现盈亏请说“总盈亏”，每只的请说“我的持仓”。")
    if ask == "pnl_total":
        return _totals(account, valued)
    return render.positions(account, valued, names)


def _extreme(rows: list[Valued], ask: str) -> Valued:
    if ask == "largest":
        return max(rows, key=lambda row: row.value or Decimal(0))
    return (max if ask == "best" else min)(rows, key=lambda row: row.profit or Decimal(0))


def _one(account: Account, valued: Valuation, symbol: Symbol, name: str) -> Message:
    row = next((one for one in valued.positions if one.position.symbol == symbol and one.position.shares), None)
    if row is None:
        raise NotFound(f"{account.name}没有{render.name_text(name, symbol)}的持仓。")
    position = row.position
    lines = [f"{position.shares} 股，可卖 {position.sellable}，成本 {position.cost:.3f}"]
    if row.last is None or row.value is None or row.profit is None:
        lines.append("暂无行情，市值和盈亏未知")
    else:
        percent = f"（{percent_text(row.percent, sign=True)}）" if row.percent is not None else ""
        lines.append(f"现价 {price_text(row.last)}，市值 {money_text(row.value)} 元")
        lines.append(f"盈亏 {render.signed(row.profit)} 元{percent}")
        if valued.total:
            lines.append(f"占总资产 {percent_text(row.value / valued.total * 100)}")
    lines.append(f"{account.name}·{account.mode.chinese}")
    return Message(title=f"💼 {render.name_text(name, symbol)}", text="\n".join(lines))


def _totals(account: Account, valued: Valuation) -> Message:
    text = f"浮动盈亏 {render.signed(valued.profit)} 元\n已实现盈亏 {render.signed(account.realized)} 元\n"
    return Message(title="📈 盈亏", text=f"{text}{account.name}·{account.mode.chinese}")


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
    if call.request is None and not call.words and len(ctx.house.desk.brokers) > 1:
        return [render.account_card(*await _valued(ctx, broker.account)) for broker in ctx.house.desk.brokers]
    return render.account_card(*await _valued(ctx, targets.account(ctx, call.request)))
