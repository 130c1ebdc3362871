"""What a plan comes to when it fires: its limit price, its number of shares, and why it may come to nothing."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from core.frames import Quote
from core.market import LOTS, board_of, round_down_lot, round_to_tick
from core.portfolio import Account
from core.risk import Breach, affordable, limits_of, no_position
from core.types import Price, Shares, Side, Symbol, money_text, price_text
from core.watches import Plan


def opposite_price(side: Side, quote: Quote, name: str, now: datetime) -> Price:
    """The best price of the other side, kept within today's limits; the last price where no depth is known.

    On the grid of the board, towards the other side: adjusted bars of the past have prices between two ticks.
    """
    best = quote.ask if side is Side.BUY else quote.bid
    towards = ROUND_CEILING if side is Side.BUY else ROUND_FLOOR
    price = round_to_tick(board_of(quote.symbol), best or quote.last or Decimal(0), towards)
    down, up = limits_of(quote, name, now)
    if up is not None:
        price = min(price, up)
    if down is not None:
        price = max(price, down)
    return price


def nothing_to_do(plan: Plan, name: str, limit: Price, account: Account, symbol: Symbol) -> Breach:
    if plan.side is Side.SELL:
        held = account.position(symbol)
        if held is None or held.shares == 0:
            return no_position(name, account)
        return Breach(
            "sellable", f"{name}可卖 {held.sellable} 股，按“{plan.quantity_text()}”算不足一手，没有生成委托。"
        )
    if plan.fraction is not None and not account.cash_known:
        return Breach(
            "cash_unknown",
            f"没有登记资金，算不出“{plan.quantity_text()}”是多少，没有生成委托。请先用 /cash 登记，或写明股数。",
        )
    rule = LOTS.get(board_of(symbol))
    least = "" if rule is None else f"（最少 {rule.minimum} 股，约 {money_text(rule.minimum * limit)} 元）"
    short = f"按“{plan.quantity_text()}”在 {price_text(limit)} 买不到一手{name}{least}，没有生成委托。"
    return Breach("cash", short)


def shares_of(plan: Plan, symbol: Symbol, limit: Price, account: Account, now: datetime) -> Shares:
    """How many shares a plan comes to at this limit, in whole lots where it does not name a number; 0 when none."""
    if plan.shares is not None:
        return plan.shares
    board = board_of(symbol)
    if plan.amount is not None:
        return round_down_lot(board, int(plan.amount / limit))
    fraction = plan.fraction or Decimal(0)
    if plan.side is Side.BUY:
        return round_down_lot(board, affordable(symbol, account.cash * fraction, limit, now))
    sellable = account.sellable(symbol)
    return sellable if fraction == 1 else round_down_lot(board, int(sellable * fraction))
