"""What must be true of an order: pure checks from dated tables, made before every card and again before every order."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from core.calendar import TAKES_ORDERS, Phase, phase, trading_date
from core.frames import Quote
from core.limits import Limits, Standing
from core.market import RISK_WARNING_CAP, Board, board_of, cage, fees, is_special, lot_problem, tick_problem
from core.portfolio import Account
from core.types import Mode, Price, Shares, Side, Symbol, money_text, percent_text, price_text


class Draft(NamedTuple):
    """An order that somebody thinks of."""

    symbol: Symbol
    name: str
    side: Side
    shares: Shares
    limit: Price


class Breach(NamedTuple):
    """A rule that forbids it.

    Attributes:
        rule: short name, stable, for the journal and the tests.
        text: a Chinese sentence with the rule's number and what to do.
    """

    rule: str
    text: str


def check(draft: Draft, account: Account, quote: Quote, now: datetime, bought: Shares = 0) -> tuple[Breach, ...]:
    """Everything that stands against an order, the gravest first; empty when nothing does.

    Args:
        quote: as fresh as it can be had; its own limit prices are believed before ours.
        now: aware UTC.
        bought: shares of this symbol that the account has ordered to buy on this day already.
    """
    found = list(not_now(draft.symbol, draft.name, quote, now))
    board = board_of(draft.symbol)
    lot = lot_problem(board, draft.side, draft.shares, account.sellable(draft.symbol))
    if lot is not None:
        found.append(Breach("lot", lot))
    tick = tick_problem(board, draft.limit)
    if tick is not None:
        found.append(Breach("tick", tick))
    if not draft.limit.is_finite() or draft.limit <= 0:  # no number to compare with the rest
        return tuple(found)
    found.extend(_limit_price(draft, quote, now) or _outside_cage(draft, quote, now))
    found.extend(_warned_too_much(draft, bought))
    found.extend(_cash(draft, account, now) if draft.side is Side.BUY else _sellable(draft, account))
    return tuple(found)


def not_now(symbol: Symbol, name: str, quote: Quote, now: datetime) -> tuple[Breach, ...]:
    """What stands against any order for this symbol now, whatever its number and price."""
    found = []
    if quote.suspended:
        found.append(Breach("suspended", f"{name}今天停牌，不能委托。复牌后再试。"))
    where = phase(now, board_of(symbol))
    if where not in TAKES_ORDERS:
        found.append(Breach("session", f"现在{where.chinese}，不接受委托（交易日 9:15–15:00 可以委托）。"))
    return tuple(found)


def limits_of(quote: Quote, name: str, now: datetime) -> tuple[Price | None, Price | None]:
    """Lower and upper price limit of today: the source's own where it gives them, else from the dated table."""
    today = trading_date(now)
    return quote.limit("down", name, today), quote.limit("up", name, today)


def _limit_price(draft: Draft, quote: Quote, now: datetime) -> tuple[Breach, ...]:
    down, up = limits_of(quote, draft.name, now)
    if up is not None and draft.limit > up:
        return (Breach("limit_up", f"委托价 {price_text(draft.limit)} 高于今天的涨停价 {price_text(up)}，请改低。"),)
    if down is not None and draft.limit < down:
        return (
            Breach("limit_down", f"委托价 {price_text(draft.limit)} 低于今天的跌停价 {price_text(down)}，请改高。"),
        )
    return ()


def over_limits(draft: Draft, limits: Limits, standing: Standing) -> tuple[Breach, ...]:
    """What the person's own limits say against an order to buy; nothing against one to sell."""
    if draft.side is Side.SELL:
        return ()
    amount, found = draft.limit * draft.shares, []

    def refuse(rule: str, what: str, most: str, would: str) -> None:
        text = f"超过你设的{what}上限 {most}：{would}。请减少数量，或发送 /limits 修改上限。"
        found.append(Breach(rule, text))

    if limits.order_amount is not None and amount > limits.order_amount:
        refuse("order_amount", "单笔", f"{money_text(limits.order_amount)} 元", f"这笔约 {money_text(amount)} 元")
    day, used = standing.used.amount + amount, money_text(standing.used.amount)
    if limits.day_amount is not None and day > limits.day_amount:
        would = f"今天已用 {used} 元，加上这笔是 {money_text(day)} 元"
        refuse("day_amount", "单日", f"{money_text(limits.day_amount)} 元", would)
    if limits.day_orders is not None and standing.used.orders >= limits.day_orders:
        refuse("day_orders", "每天", f"{limits.day_orders} 笔", f"今天已经有 {standing.used.orders} 笔买入")
    worth = standing.symbol_amount + amount
    if limits.symbol_amount is not None and worth > limits.symbol_amount:
        would = f"买入后{draft.name}约 {money_text(worth)} 元"
        refuse("symbol_amount", "单只", f"{money_text(limits.symbol_amount)} 元", would)
    if limits.symbol_weight is not None:
        if not standing.total:
            why = "有持仓没有行情，或没有登记资金"
            text = f"设了单只仓位上限，但现在算不出总资产（{why}），没有下单。请稍后再试，或发送 /limits 修改上限。"
            found.append(Breach("symbol_weight", text))
        elif (weight := worth / standing.total * 100) > limits.symbol_weight:
            would = f"买入后{draft.name}约占 {percent_text(weight)}"
            refuse("symbol_weight", "单只仓位", percent_text(limits.symbol_weight), would)
    return tuple(found)


def _base(side: Side, quote: Quote) -> Price | None:
    """What the cage is measured from."""
    best, own = (quote.ask, quote.bid) if side is Side.BUY else (quote.bid, quote.ask)
    return best or own or quote.last or quote.preclose


def cage_of(symbol: Symbol, side: Side, quote: Quote, now: datetime) -> Price | None:
    """The highest price of a buy, or the lowest of a sell, that the exchange takes now; None where any is taken."""
    board, base = board_of(symbol), _base(side, quote)
    if base is None or phase(now, board) is not Phase.CONTINUOUS:
        return None
    return cage(board, side, base, trading_date(now))


def into_cage(draft: Draft, quote: Quote, now: datetime) -> Price:
    """The limit, or the nearest one that the exchange takes: it buys no dearer and sells no cheaper than the wish.

    A limit outside those of the day is no wish but a slip, and stays as it is.
    """
    bound = cage_of(draft.symbol, draft.side, quote, now)
    if bound is None or _limit_price(draft, quote, now):
        return draft.limit
    return min(draft.limit, bound) if draft.side is Side.BUY else max(draft.limit, bound)


def _outside_cage(draft: Draft, quote: Quote, now: datetime) -> tuple[Breach, ...]:
    bound = cage_of(draft.symbol, draft.side, quote, now)
    if bound is None or draft.limit == into_cage(draft, quote, now):
        return ()
    far, most = ("高于", "最高") if draft.side is Side.BUY else ("低于", "最低")
    what = f"委托价 {price_text(draft.limit)} {far}价格笼子"
    return (Breach("cage", f"{what}：现在{draft.side.chinese}{most} {price_text(bound)}，请改价或重新报价。"),)


def _warned_too_much(draft: Draft, bought: Shares) -> tuple[Breach, ...]:
    warned = draft.side is Side.BUY and board_of(draft.symbol) is Board.MAIN and is_special(draft.name)
    if not warned or bought + draft.shares <= RISK_WARNING_CAP:
        return ()
    text = (
        f"风险警示股票一天最多买入 {RISK_WARNING_CAP} 股：今天已委托 {bought} 股，这笔 {draft.shares} 股，"
        f"还能买 {max(RISK_WARNING_CAP - bought, 0)} 股。"
    )
    return (Breach("warned", text),)


def unchecked(side: Side, account: Account) -> str:
    """What :func:`check` could not judge, for the card; empty when there is nothing."""
    if side is Side.BUY and not account.cash_known:
        return "没有登记资金，未检查可用资金；用 /cash 登记"
    return ""


def no_position(name: str, account: Account) -> Breach:
    """Nothing to sell; of an account kept by hand we only know what was told."""
    if account.mode is Mode.MANUAL:
        text = f"{account.name}没有登记{name}的持仓，不能卖出。如果有，请先用 /hold 登记。"
    else:
        text = f"{account.name}没有{name}的持仓，不能卖出。"
    return Breach("no_position", text)


def _cash(draft: Draft, account: Account, now: datetime) -> tuple[Breach, ...]:
    if not account.cash_known:  # :func:`unchecked` says so on the card
        return ()
    cost = fees(draft.symbol, Side.BUY, draft.shares, draft.limit, trading_date(now)).total
    needed = draft.limit * draft.shares + cost
    if needed <= account.cash:
        return ()
    return (
        Breach(
            "cash",
            f"可用资金不够：需要 {money_text(needed)} 元（含费用 {money_text(cost)}），"
            f"可用 {money_text(account.cash)} 元，还差 {money_text(needed - account.cash)} 元。",
        ),
    )


def _sellable(draft: Draft, account: Account) -> tuple[Breach, ...]:
    position = account.position(draft.symbol)
    if position is None or position.shares == 0:
        return (no_position(draft.name, account),)
    if draft.shares <= position.sellable:
        return ()
    locked = position.shares - position.sellable
    return (
        Breach(
            "sellable",
            f"{draft.name}持有 {position.shares} 股，现在可卖 {position.sellable} 股，不够卖 {draft.shares} 股"
            f"（其余 {locked} 股是今天买入的，T+1 下一交易日可卖，或已在委托中）。",
        ),
    )


def affordable(symbol: Symbol, cash: Decimal, limit: Price, now: datetime) -> Shares:
    """How many shares ``cash`` yuan buy at ``limit`` with all fees; not yet rounded to lots."""
    if limit <= 0:
        return 0
    shares = int(cash / limit)
    while shares > 0:
        cost = fees(symbol, Side.BUY, shares, limit, trading_date(now)).total
        short = limit * shares + cost - cash
        if short <= 0:
            return shares
        shares -= max(1, int(short / limit))
    return 0
