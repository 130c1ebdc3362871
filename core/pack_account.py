"""What a person has to do with a share: position and money, watches, what fired. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from core.alerts import Alert
from core.clock import stamp_text
from core.known import Known, Watched
from core.market import RISK_WARNING_CAP, Board, board_of, is_special, round_down_lot, settles_same_day
from core.pack import Given, Section
from core.pack_market import price_of
from core.portfolio import Account, Position
from core.risk import affordable
from core.slots import SLOTS, given, watch_slots
from core.types import Price, Shares, from_milli
from core.watches import WatchState
from core.zones import FOREVER, Gauge, Missing, Zone

MOST_ALERTS: Final = 8
MOST_WATCHES: Final = 8


# -- position and money


def position_section(known: Known) -> Section:
    """What the account holds of it, and what it could still buy."""
    account = known.account
    if not known.looked:
        return Section(title="持仓与资金", lines=("没有看账户：不知道持仓和资金。",))
    if isinstance(account, Missing):
        names = [name for name in SLOTS if name in _OF_ACCOUNT]
        figures = tuple(given(name, account) for name in names)
        return Section(title="持仓与资金", given=figures, lines=(f"账户缺失：{account.what}。",))
    figures = (*_position(known, account), *_money(known, account))
    return Section(title="持仓与资金", given=figures, lines=tuple(_about(known, account)))


_OF_ACCOUNT: Final = (
    *("held", "sellable", "locked", "bought_today", "cost", "position_value", "profit", "profit_percent", "weight"),
    *("cash", "total", "most"),
)


def _position(known: Known, account: Account) -> Iterator[Given]:
    position, unit, held = account.position(known.symbol), board_of(known.symbol).unit, held_of(known)
    sellable = position.sellable if position is not None else 0
    yield given("held", held, counter=unit)
    yield given("sellable", sellable, counter=unit)
    yield given("locked", held - sellable, counter=unit)
    yield given("bought_today", known.bought, counter=unit)
    if position is None or not held:
        for name in ("cost", "position_value", "profit", "profit_percent", "weight"):
            yield given(name, Missing("没有持仓"))
        return
    yield given("cost", position.cost)
    yield from _worth(known, position)


def held_of(known: Known) -> Shares:
    """The whole position, with what was bought today."""
    position = known.account.position(known.symbol) if isinstance(known.account, Account) else None
    return 0 if position is None else position.shares


def _worth(known: Known, position: Position) -> Iterator[Given]:
    quote = known.seen
    price = quote.worth if quote is not None and known.doubt is None else None
    if price is None:
        for name in ("position_value", "profit", "profit_percent", "weight"):
            yield given(name, Missing("没有现价"))
        return
    worth = price * position.shares
    yield given("position_value", worth)
    yield given("profit", (price - position.cost) * position.shares)
    at_cost = Missing("成本价不大于 0") if position.cost <= 0 else (price - position.cost) / position.cost * 100
    yield given("profit_percent", at_cost)
    total = known.total
    if isinstance(total, Missing):
        yield given("weight", total)
    else:
        yield given("weight", worth / total * 100 if total > 0 else Missing("总资产不大于 0"))


def _money(known: Known, account: Account) -> Iterator[Given]:
    unknown = Missing("没有登记可用资金")
    yield given("cash", account.cash if account.cash_known else unknown)
    yield given("total", known.total)
    yield given("most", most_of(known), counter=board_of(known.symbol).unit)
    if known.room.amount is not None:
        yield given("room", known.room.amount)


def most_of(known: Known) -> Shares | Missing:
    """How many shares free cash and limits still allow to buy now, in whole lots, at the best price of the sellers."""
    account, price = known.account, price_of(known)
    if isinstance(account, Missing):
        return account
    if isinstance(price, Missing):
        return price
    if not account.cash_known:
        return Missing("没有登记可用资金")
    quote = known.seen
    limit: Price = (quote.ask if quote is not None else None) or price
    shares = affordable(known.symbol, account.cash, limit, known.now)
    if known.room.amount is not None:
        shares = min(shares, int(known.room.amount / limit))
    board = board_of(known.symbol)
    if board is Board.MAIN and is_special(known.name):
        shares = min(shares, max(RISK_WARNING_CAP - known.room.ordered, 0))
    return round_down_lot(board, shares)


def _about(known: Known, account: Account) -> Iterator[str]:
    yield f"账户：{known.where}。"
    position, unit = account.position(known.symbol), board_of(known.symbol).unit
    if position is None or not position.shares:
        yield "没有持仓。"
    elif position.sellable < position.shares:
        rest = position.shares - position.sellable
        bought = "" if settles_same_day(known.symbol) else "今天买入的下一个交易日才能卖（T+1），"
        yield f"持仓里有 {rest} {unit}今天不能卖：{bought}或者已经在卖出委托里。"
    for text in known.room.texts:
        yield f"限额：{text}。"


# -- watches


def watch_section(known: Known) -> Section:
    """The person's watches on it, with the prices that they wait for."""
    figures: list[Given] = []
    for one in known.watches[:MOST_WATCHES]:
        figures += _thresholds(known, one)
    lines = [_watch_line(one) for one in known.watches[:MOST_WATCHES]]
    more = len(known.watches) - MOST_WATCHES
    if more > 0:
        lines.append(f"另有 {more} 个盯盘任务没有列出。")
    return Section(title="盯盘", given=tuple(figures), lines=tuple(lines) or ("没有盯这只股票的任务。",))


def _thresholds(known: Known, one: Watched) -> Iterator[Given]:
    if isinstance(one.legs, Missing):
        return
    edges = [(edge, leg.holds) for leg in one.legs if leg.gauge is Gauge.PRICE for edge in _edges(leg.shown)]
    price = price_of(known)
    for place, (edge, holds) in enumerate(edges, start=1):
        (name, slot), (gap, gap_slot) = watch_slots(one.watch.number, place).items()
        level = from_milli(edge)
        yield given(name, level, slot)
        if isinstance(price, Missing):
            yield given(gap, price, gap_slot)
        else:
            yield given(gap, Decimal(0) if holds else (level - price) / price * 100, gap_slot)


def _edges(zone: Zone) -> Iterator[int]:
    """The prices at which a condition turns."""
    if zone.low <= zone.high:
        yield from (edge for edge in (zone.low, zone.high) if 0 < edge < FOREVER)


def _watch_line(one: Watched) -> str:
    watch = one.watch
    parts = [f"盯盘 #{watch.number}：{watch.condition_text()}"]
    if watch.plan is not None:
        parts.append(f"计划{watch.plan.text()}")
    if watch.state is not WatchState.ACTIVE:
        parts.append("现在没有在盯")
    elif isinstance(one.legs, Missing):
        parts.append(one.legs.what)
    elif one.why:
        parts.append(one.why)
    return "；".join(parts) + "。"


# -- what fired


def alert_section(known: Known) -> Section:
    """What fired in the last days, and what it is about now."""
    figures: list[Given] = []
    lines = []
    alert = known.alert
    if alert is not None:
        figures.append(given("alert_price", alert.price))
        percent = Missing("当时不知道涨跌幅") if alert.percent is None else alert.percent
        figures.append(given("alert_percent", percent))
        lines.append(f"这次要点评的提醒：{_alert_line(alert)}")
    if isinstance(known.alerts, Missing):
        lines.append(f"提醒记录缺失：{known.alerts.what}。")
    else:
        lines += [_alert_line(one) for one in known.alerts[:MOST_ALERTS] if alert is None or one.id != alert.id]
    return Section(title="最近提醒", given=tuple(figures), lines=tuple(lines) or ("最近几天没有触发过。",))


def _alert_line(alert: Alert) -> str:
    told = alert.reason.chinese
    late = "，行情中断后才看到" if alert.after_gap else ""
    return f"{stamp_text(alert.at)} 盯盘 #{alert.watch_number} {alert.condition}：{alert.why}（{told}{late}）"
