"""Answers about what has been: trades, what sales earned, the curve of an account, what was proposed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from core.charts import worth_curve
from core.clock import market_time
from core.columns import WIDTH
from core.messages import Button, Chart, Message
from core.orders import Fill, Order
from core.portfolio import Account
from core.render import name_text, signed
from core.render_answers import Table, short_name, where_text, yuan
from core.sheet import TOLD, Curve, Sheet, Span
from core.tickets import Ticket
from core.types import Mode, Side, Symbol, money_text, percent_text, price_text

_BARS: Final = "▁▂▃▄▅▆▇█"
_LINES: Final = 15
WHEN: Final = "每个交易日收盘后都会记下总资产，下个交易日起就画得出曲线。"
_DAYS_NAMED: Final = 3


def _rest(count: int) -> list[str]:
    return ["（太多，更早的没有列出）"] if count > TOLD else []


def _whose(sheet: Sheet, symbols: Sequence[Symbol]) -> str:
    names = "、".join(name_text(sheet.names.get(symbol, ""), symbol) for symbol in symbols)
    return f"{names} " if names else ""


def trades(sheet: Sheet, span: Span, symbols: Sequence[Symbol]) -> Message:
    """The fills of some days, newest first."""
    whose = _whose(sheet, symbols)
    foot = where_text(sheet.account, sheet.account.as_of)
    when = f"{span.text} " if span.asked else ""
    if not span.fills:
        return Message(title=f"🧾 {whose}{when}没有成交", text=foot)
    sums = [
        f"{word} {money_text(amount)} 元" for word, amount in (("买入", span.bought), ("卖出", span.sold)) if amount
    ]
    text = "\n".join(["，".join([*sums, f"费用 {money_text(span.fees)} 元"]), foot, *_rest(len(span.fills))])
    table = _fills(sheet, span.fills, one_day=span.first == span.last)
    return Message(title=f"🧾 {whose}{when}成交 {len(span.fills)} 笔", text=text, table=table)


def _fills(sheet: Sheet, fills: Sequence[Fill], *, one_day: bool) -> Table:
    rows = []
    for fill in list(reversed(fills))[:TOLD]:
        at = market_time(fill.at)
        side = "买" if fill.side is Side.BUY else "卖"
        name = short_name(sheet, fill.symbol)
        rows.append((f"{at:%H:%M}" if one_day else f"{at:%m-%d}", f"{side}{fill.shares}", price_text(fill.price), name))
    return (("时间" if one_day else "日期", "股数", "成交价", ""), *rows)


def realized(sheet: Sheet, span: Span, symbols: Sequence[Symbol]) -> Message:
    """What the sales earned, each at the average cost of what was held then."""
    whose = _whose(sheet, symbols)
    foot = where_text(sheet.account, sheet.account.as_of)
    total = span.gained
    if not symbols and not span.asked:
        total = sheet.account.realized  # the broker's own word, also of what was sold elsewhere
    elif not span.sales:
        return Message(title=f"💵 {whose}{span.text} 没有卖出", text=foot)
    when = f"{span.text} " if span.asked else ""
    left_out = f"，不含 {span.unknown} 笔" if span.unknown and total is span.gained else ""
    known = span.unknown < len(span.sales) or not (symbols or span.asked)
    title = f"💵 {whose}{when}已实现盈亏 {signed(total)} 元{left_out}" if known else f"💵 {whose}{when}已实现盈亏未知"
    lines = ["已扣费用，成本按当时的持仓均价"] if span.sales else []
    if span.unknown:
        lines.append(f"⚠️ {span.unknown} 笔不知道成本：买入不在记录里")
    elif any(not sale.exact for sale in span.sales):
        lines.append("买入不全在记录里的，成本按现在的持仓成本倒推")
    rows = []
    for sale in list(reversed(span.sales))[:TOLD]:
        name = short_name(sheet, sale.fill.symbol)
        rows.append((f"{market_time(sale.fill.at):%m-%d}", yuan(sale.gain), name))
    table = (("日期", "已实现", ""), *rows) if rows else ()
    return Message(title=title, text="\n".join([*lines, foot, *_rest(len(span.sales))]), table=table)


def curve(account: Account, found: Curve, asked: str) -> Message:
    """What an account was worth, newest first, with its chart.

    Args:
        asked: the days that were named, in words; empty where none were.
    """
    points = found.points
    if not points:
        text = f"还没有记录。{WHEN}现在的总资产请说“总资产”。"
        return Message(
            title=f"📈 {asked}没有资产记录".replace("  ", " "), text=f"{text}\n{where_text(account, account.as_of)}"
        )
    last = points[-1]
    foot = where_text(account, last.as_of)
    if found.whole is None or found.percent is None:
        title = f"📈 {last.day:%m-%d} 总资产 {money_text(last.total or Decimal(0))} 元"
        return Message(title=title, text=f"{WHEN}\n{foot}")
    days = f"{points[0].day:%m-%d} 至 {last.day:%m-%d}"
    title = f"📈 {days} 增减 {signed(found.whole)} 元（{percent_text(found.percent, sign=True)}）"
    lines = [_spark([one.total or Decimal(0) for one in points[-WIDTH // 2 :]]), "转入转出不算增减", foot]
    if found.missing:
        gone = "、".join(f"{day:%m-%d}" for day in found.missing[-_DAYS_NAMED:])
        lines.append(f"⚠️ 缺 {len(found.missing)} 天的记录（{gone}）：程序当时没有运行，或行情不全")
    chart = worth_curve({account.name: points})
    return Message(title=title, text="\n".join(lines), table=_days(found), chart=chart)


def curves(accounts: Sequence[tuple[str, str, Mode]], chart: Chart | None) -> Message:
    """How several accounts have grown; each has a button to its own curve.

    Args:
        accounts: id, name and mode of each.
    """
    rows = tuple((Button(f"看{name}", f"curve @{account}"),) for account, name, _mode in accounts)
    if chart is None:
        return Message(title="📈 还画不出收益曲线", text=WHEN, buttons=rows)
    grown = {track.name: track for track in chart.tracks}
    lines = []
    for _account, name, mode in accounts:
        track = grown.get(name)
        if track is None:
            lines.append(f"{name}·{mode.chinese}：不到两天的记录")
            continue
        fall = f"，最大回撤 {_thousandths(track.fall.percent)}" if track.fall is not None else ""
        since = market_time(datetime.fromtimestamp(track.days[0].at, UTC))
        lines.append(f"{name}·{mode.chinese}：{_thousandths(track.days[-1].grown)}{fall}（{since:%m-%d} 起）")
    return Message(
        title=f"📈 收益对比 {chart.subtitle}",
        text="\n".join([*lines, "按当时的本金算，转入转出不算收益"]),
        buttons=rows,
        chart=chart,
    )


def _thousandths(percent: int) -> str:
    return percent_text(Decimal(percent) / 1000, sign=True)


def _days(found: Curve) -> Table:
    """Day by day, newest first."""
    rows = []
    shown = found.points[-_LINES - 1 :]
    for before, after in zip([None, *shown], shown, strict=False):
        step = "" if before is None else yuan(found.gain(before, after))
        rows.append((money_text(after.total or Decimal(0)), step, f"{after.day:%m-%d}"))
    if len(found.points) > len(shown):
        rows = rows[1:]
    return (("总资产", "增减", ""), *reversed(rows))


def period(sheet: Sheet, span: Span, found: Curve) -> Message:
    """What an account brought in some days, by what it was worth before them and after.

    Args:
        found: with at least two points, from the last record before those days on, where there is one.
    """
    whole, percent = found.whole or Decimal(0), found.percent or Decimal(0)
    first = found.points[0].day
    lines = [f"从 {first:%m-%d} 收盘算起，转入转出不算"]
    if first >= span.first:
        lines[0] = f"更早没有资产记录，只能{lines[0]}"
    if span.sales:
        left_out = f"，不含 {span.unknown} 笔" if span.unknown else ""
        lines.append(f"其中已实现盈亏 {signed(span.gained)} 元{left_out}")
    lines.append(where_text(sheet.account, found.points[-1].as_of))
    title = f"📈 {span.text} 期间盈亏 {signed(whole)} 元（{percent_text(percent, sign=True)}）"
    return Message(title=title, text="\n".join(lines), table=_days(found))


def _spark(values: Sequence[Decimal]) -> str:
    """A line of blocks, the lowest and the highest at their ends."""
    low, high = min(values), max(values)
    size = high - low
    return "".join(_BARS[int((one - low) / size * (len(_BARS) - 1)) if size else 0] for one in values)


def decisions(tickets: Sequence[Ticket], orders: dict[str, Order], asked: str, where: str) -> Message:
    """What was proposed and how it was decided."""
    if not tickets:
        return Message(title=f"🗂 {asked}没有决定过委托", text=where)
    lines = []
    for ticket in tickets[:TOLD]:
        order = orders.get(ticket.order_id)
        came = f"，{order.state.chinese}" if order is not None else ""
        lines.append(
            f"{market_time(ticket.created_at):%m-%d %H:%M} {ticket.side.chinese}{ticket.name} {ticket.shares} 股，"
            f"限价 {price_text(ticket.limit)}：{ticket.state.chinese}{came}"
        )
        if ticket.reason:
            lines.append(f"　{ticket.reason.splitlines()[0]}")
    lines += [*_rest(len(tickets)), where]
    return Message(
        title=f"🗂 {asked}出过 {len(tickets)} 张委托卡片",
        text="\n".join(lines),
        buttons=((Button("待确认", "tickets"), Button("分析建议", "analyses")),),
    )
