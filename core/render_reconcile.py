"""What people read of a look at an account: in accord, or what differs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from datetime import datetime

from core.accord import Accord, Moved, Recost
from core.clock import time_text
from core.market import board_of
from core.messages import Button, Message
from core.render import name_text
from core.statement import Statement, Trade
from core.types import Symbol, price_text

MANY = 10
"""Lines of one kind; the rest is counted."""

NameOf = Callable[[Symbol], str]


def reconciled(
    statement: Statement, found: Accord, locked: Collection[Symbol], where: str, name_of: NameOf, now: datetime
) -> Message:
    """One account, in one message.

    Args:
        locked: what differs now or did before, and that nobody has acknowledged.
    """
    outside = sum(not one.order_id for one in statement.trades)
    held = sum(1 for one in statement.account.positions if one.shares)
    by_others = f"（外部 {outside} 笔）" if outside else ""
    today = f"今天的委托 {len(statement.orders)} 笔、成交 {len(statement.trades)} 笔{by_others}"
    lines = [f"{time_text(now)} 核对了持仓 {held} 只、{today}。"]
    lines += _part("外部成交，不是从这里下的单，已计入持仓：", [_trade(one, name_of) for one in found.outside])
    lines += _part("成本变了，没有成交：", [_recost(one, name_of) for one in found.recosted])
    lines += _part("持仓对不上：", [_moved(one, name_of) for one in found.moved if not one.is_new])
    lines += _part(
        "新增的持仓，没有成交记录（中签、转股、配股、转托管等）：",
        [
            f"{name_text(name_of(one.symbol), one.symbol)} {one.actual} {board_of(one.symbol).unit}"
            for one in found.moved
            if one.is_new
        ],
    )
    lines += _part("券商有、这里还没有收到的成交：", [_trade(one, name_of) for one in found.unheard])
    lines += _part(
        "这里记了、券商没有列出的成交：",
        [f"{name_text(name_of(one.symbol), one.symbol)} {one.side.chinese} {one.shares}" for one in found.unlisted],
    )
    lines += _part(
        "券商没有列出的委托：",
        [f"{one.id} {one.side.chinese}{name_text(name_of(one.symbol), one.symbol)}" for one in found.missing],
    )
    lines += _part(
        "别处下的、还没成交完的委托：",
        [
            f"{one.side.chinese}{name_text(name_of(one.symbol), one.symbol)} {one.filled}/{one.shares}"
            for one in found.strange
        ],
    )
    buttons: tuple[tuple[Button, ...], ...] = ()
    if locked:
        names = "、".join(name_of(symbol) or symbol for symbol in sorted(locked)[:MANY])
        lines += ["", f"对不上的 {names}，点“我知道了”之前，提醒触发时不出委托卡片；你自己下单不受影响。"]
        buttons = ((Button("我知道了", f"accord {statement.account.id} {stamp_of(locked)}"),),)
    title = f"⚠️ 对账有出入·{where}" if locked else f"📒 对账一致·{where}"
    return Message(title=title, text="\n".join(lines), buttons=buttons, urgent=bool(locked))


def stamp_of(symbols: Collection[Symbol]) -> str:
    """What differed when a message was written, in a few letters."""
    return hashlib.sha256(" ".join(sorted(symbols)).encode()).hexdigest()[:8]


def _part(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    more = [f"　…还有 {len(lines) - MANY} 条"] if len(lines) > MANY else []
    return [title, *(f"　{line}" for line in lines[:MANY]), *more]


def _trade(trade: Trade, name_of: NameOf) -> str:
    what = f"{trade.side.chinese}{name_text(name_of(trade.symbol), trade.symbol)}"
    return f"{time_text(trade.at)} {what} {trade.shares} {board_of(trade.symbol).unit}，{price_text(trade.price)}"


def _moved(one: Moved, name_of: NameOf) -> str:
    unit = board_of(one.symbol).unit
    name = name_text(name_of(one.symbol), one.symbol)
    return f"{name} 按成交算应有 {one.expected} {unit}，券商有 {one.actual} {unit}；程序没开时可能买卖过"


def _recost(one: Recost, name_of: NameOf) -> str:
    unit = board_of(one.symbol).unit
    why = "除权除息，不是亏损" if one.ex is not None else "多半是分红、送转或费用调整，不是亏损"
    shares = f"{one.before} → {one.shares} {unit}" if one.before != one.shares else f"{one.shares} {unit}"
    name = name_text(name_of(one.symbol), one.symbol)
    return f"{name} {shares}，成本 {price_text(one.was)} → {price_text(one.now)}（{why}）"


def silent(where: str, why: str) -> Message:
    """The broker cannot say."""
    text = f"{where} 这次没有核对成：{why}\n下一次在 9:25、11:35 或 15:05，也可以发送 /reconcile。"
    return Message(title="⚠️ 没能对账", text=text)


def ex_dated(name: str, symbol: Symbol, parts: Collection[str], where: str) -> Message:
    """What an account that keeps its own book has entered on an ex-date."""
    text = f"{name_text(name, symbol)}今天除权除息：\n" + "\n".join(f"　{part}" for part in parts)
    note = "按交易所的除权参考价折算，总资产不变，没有扣红利税。和券商的数字不同时，以券商为准。"
    return Message(title=f"💰 除权除息已入账·{where}", text=f"{text}\n{note}")


def acknowledged(names: Collection[str], where: str) -> Message:
    listed = "、".join(names)
    return Message(text=f"好的，以券商现在的数字为准：{listed} 恢复出委托卡片。（{where}）")
