"""Bounds: within which an advice has to stay, by the rules of the day, of the account and of plain sense. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from core.analysis import Action
from core.market import LOTS, board_of, lot_problem, round_to_tick, settles_same_day
from core.pack import Pack
from core.types import Price, Shares, Side, Symbol, price_text

ENTRY_AWAY: Final = Decimal("0.10")
"""Of the last price. An order farther away is no advice for today."""
LEVEL_AWAY: Final = Decimal("0.30")
"""Of the price that one comes in at, or stands at. No level of a few sessions lies farther away."""


class Bounds(NamedTuple):
    """What an advice is held to.

    Attributes:
        lower, upper: the day's price limits, both or neither.
        sealed: the limit that it cannot be traded through.
        most: shares that may be bought; None where there is no account to buy for.
    """

    symbol: Symbol
    name: str
    price: Price
    tick: Price
    lower: Price | None = None
    upper: Price | None = None
    sealed: Literal["up", "down"] | None = None
    held: Shares = 0
    sellable: Shares = 0
    most: Shares | None = None

    def reach(self, sessions: int, start: Price) -> tuple[Price, Price]:
        """The lowest and the highest level that makes sense: what the limits of so many more sessions let it come to,
        and not too far from where one starts.
        """
        low, high = start * (1 - LEVEL_AWAY), start * (1 + LEVEL_AWAY)
        if self.lower is not None and self.upper is not None:
            middle = (self.lower + self.upper) / 2
            ratio = (self.upper - middle) / middle
            low = max(low, self.lower * (1 - ratio) ** sessions)
            high = min(high, self.upper * (1 + ratio) ** sessions)
        board = board_of(self.symbol)
        return round_to_tick(board, low), round_to_tick(board, high)


class Levels(NamedTuple):
    """What an advice would do, in figures."""

    action: Action
    entry: Price | None
    take_profit: Price | None
    stop_loss: Price | None
    shares: Shares | None
    horizon: int


def why_not(pack: Pack) -> str:
    """Why nothing can be advised on these facts; empty where something can."""
    if pack.suspended:
        return "今天停牌，没有价格可以依据，不给建议。"
    if pack.price is None or pack.price <= 0:
        return "没有现价，不给建议。"
    return ""


def bounds_of(pack: Pack) -> Bounds:
    """Of facts on which something can be advised."""
    assert pack.price is not None, "why_not says so first"
    both = pack.lower is not None and pack.upper is not None
    return Bounds(
        symbol=pack.symbol,
        name=pack.name,
        price=pack.price,
        tick=pack.tick,
        lower=pack.lower if both else None,
        upper=pack.upper if both else None,
        sealed=pack.sealed,
        held=pack.held,
        sellable=pack.sellable,
        most=pack.most if pack.account else None,
    )


def breaches(levels: Levels, bounds: Bounds) -> Iterator[str]:
    """Everything that stands against an advice, each a sentence that a model can mend it by."""
    yield from _off_grid(levels, bounds)
    if levels.action.side is not None and board_of(bounds.symbol) not in LOTS:
        yield f"{board_of(bounds.symbol).chinese}不能在这里买卖，写 wait，持有时写 hold。"
        return
    match levels.action:
        case Action.BUY:
            yield from _buy(levels, bounds)
        case Action.SELL:
            yield from _sell(levels, bounds)
        case Action.HOLD:
            yield from _hold(levels, bounds)
        case Action.WAIT:
            yield from _wait(levels, bounds)


def _off_grid(levels: Levels, bounds: Bounds) -> Iterator[str]:
    for label, value in (("entry", levels.entry), ("take_profit", levels.take_profit), ("stop_loss", levels.stop_loss)):
        if value is not None and value <= 0:
            yield f"{label} 要大于 0。"
        elif value is not None and value % bounds.tick:
            yield f"{label} 要正好落在最小价位 {bounds.tick} 元上。"


def _buy(levels: Levels, bounds: Bounds) -> Iterator[str]:
    if bounds.sealed == "up":
        yield "已经封死涨停，买不到，不能写 buy。"
    if levels.entry is None or levels.take_profit is None or levels.stop_loss is None:
        yield "买入要写 entry、take_profit 和 stop_loss。"
    else:
        yield from _order_price(levels.entry, bounds)
        if not levels.stop_loss < levels.entry < levels.take_profit:
            yield "买入时 stop_loss 要低于 entry，take_profit 要高于 entry。"
        yield from _too_far(levels, bounds, levels.entry)
    yield from _bought(levels.shares, bounds)


def _bought(shares: Shares | None, bounds: Bounds) -> Iterator[str]:
    if bounds.most is None:
        if shares is not None:
            yield "没有资金账号，size 要写 null。"
    elif bounds.most <= 0:
        yield "按限额和可用资金，现在一股也买不了，不能写 buy。"
    elif shares is None:
        yield "买入要写 size。"
    elif (problem := lot_problem(board_of(bounds.symbol), Side.BUY, shares, 0)) is not None:
        yield problem
    elif shares > bounds.most:
        yield f"size 超过最多可买的 {bounds.most} 股。"


def _sell(levels: Levels, bounds: Bounds) -> Iterator[str]:
    if bounds.held <= 0:
        yield "没有持有这只股票，不能写 sell；不买就写 wait。"
        return
    if bounds.sealed == "down":
        yield "已经封死跌停，卖不掉，不能写 sell。"
    if levels.entry is None:
        yield "卖出要写 entry。"
    else:
        yield from _order_price(levels.entry, bounds)
    yield from _sold(levels.shares, bounds)
    if levels.shares is not None and levels.shares >= bounds.held and (levels.take_profit or levels.stop_loss):
        yield "全部卖出以后没有止盈止损，take_profit 和 stop_loss 写 null。"
    else:
        yield from _around(levels, bounds)


def _sold(shares: Shares | None, bounds: Bounds) -> Iterator[str]:
    settles = "" if settles_same_day(bounds.symbol) else "今天买入的要下一个交易日才能卖（T+1），"
    if bounds.sellable <= 0:
        yield f"持有 {bounds.held} 股，可卖 0 股：{settles}现在不能写 sell，写 hold。"
    elif shares is None:
        yield "卖出要写 size。"
    elif shares > bounds.sellable:
        why = settles if shares <= bounds.held else ""
        yield f"size 超过可卖的 {bounds.sellable} 股：{why}只能卖可卖的部分。"
    elif (problem := lot_problem(board_of(bounds.symbol), Side.SELL, shares, bounds.sellable)) is not None:
        yield problem


def _hold(levels: Levels, bounds: Bounds) -> Iterator[str]:
    if bounds.held <= 0:
        yield "没有持有这只股票，不能写 hold；不买就写 wait。"
        return
    if levels.entry is not None or levels.shares is not None:
        yield "继续持有不用委托，entry 和 size 写 null。"
    yield from _around(levels, bounds)


def _wait(levels: Levels, bounds: Bounds) -> Iterator[str]:
    if bounds.held > 0:
        yield f"现在持有 {bounds.held} 股，不动要写 hold，不是 wait。"
    if any(one is not None for one in (levels.entry, levels.take_profit, levels.stop_loss, levels.shares)):
        yield "观望不用委托，entry、take_profit、stop_loss 和 size 写 null。"


def _order_price(entry: Price, bounds: Bounds) -> Iterator[str]:
    if bounds.upper is not None and entry > bounds.upper:
        yield f"entry 高于今天的涨停价 {price_text(bounds.upper)}。"
    elif bounds.lower is not None and entry < bounds.lower:
        yield f"entry 低于今天的跌停价 {price_text(bounds.lower)}。"
    elif abs(entry - bounds.price) > bounds.price * ENTRY_AWAY:
        yield f"entry 离现价 {price_text(bounds.price)} 超过 {ENTRY_AWAY:.0%}。"


def _around(levels: Levels, bounds: Bounds) -> Iterator[str]:
    """Levels of a position that is kept stand on both sides of the price."""
    if levels.take_profit is not None and levels.take_profit <= bounds.price:
        yield f"take_profit 要高于现价 {price_text(bounds.price)}。"
    if levels.stop_loss is not None and levels.stop_loss >= bounds.price:
        yield f"stop_loss 要低于现价 {price_text(bounds.price)}。"
    yield from _too_far(levels, bounds, bounds.price)


def _too_far(levels: Levels, bounds: Bounds, start: Price) -> Iterator[str]:
    low, high = bounds.reach(levels.horizon, start)
    if levels.take_profit is not None and levels.take_profit > high:
        yield f"take_profit 太远，{levels.horizon} 个交易日里最高只写到 {price_text(high)}。"
    if levels.stop_loss is not None and levels.stop_loss < low:
        yield f"stop_loss 太远，{levels.horizon} 个交易日里最低只写到 {price_text(low)}。"
