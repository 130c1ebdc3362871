"""Answers about an account: the short one first, in bold, then whose and when, then the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from core.clock import market_time
from core.frames import Quote
from core.messages import Button, Message
from core.orders import Order
from core.portfolio import Account, Valued
from core.reckoning import day_of_fill
from core.render import age_text, count_text, name_text, signed
from core.sheet import TOLD, Sheet
from core.types import Mode, Money, Price, Side, Symbol, code_of, money_text, percent_text, price_text

_MANY: Final = 6
"""From more holdings on, the list is a table."""
_WAN: Final = 10_000
_LONG: Final = Decimal(1_000_000)
_SMALL: Final = Decimal(100)
"""Below, the fen are shown in tables too."""

Table = tuple[tuple[str, ...], ...]


# -- what every answer says


def where_text(account: Account, at: datetime) -> str:
    """Whose it is, and as of when, in market time: ``模拟账户·模拟，截至 11-18 10:31:05``."""
    return f"{account.name}·{account.mode.chinese}，截至 {market_time(at):%m-%d %H:%M:%S}"


def _foot(sheet: Sheet, *, quoted: bool = True) -> list[str]:
    """Whose it is, as of when, and what is not in it.

    Args:
        quoted: whether prices are in it; else the broker's own time counts.
    """
    lines = [where_text(sheet.account, sheet.as_of if quoted else sheet.account.as_of)]
    if quoted:
        lines += [
            f"⚠️ 不含 {_name(sheet, symbol)}：{sheet.found[symbol].why if symbol in sheet.found else '没有行情'}"
            for symbol in sheet.valued.unpriced
        ]
        if not sheet.account.cash_known:
            lines.append("⚠️ 可用资金没有登记，总资产未知。登记：/cash 金额")
    return lines


def _name(sheet: Sheet, symbol: Symbol) -> str:
    return name_text(sheet.names.get(symbol, ""), symbol)


def short_name(sheet: Sheet, symbol: Symbol) -> str:
    """A name for a table; the code where others have the same name."""
    return sheet.names[symbol] if sheet.is_alone(symbol) else code_of(symbol)


def yuan(amount: Money | None) -> str:
    """Yuan of a signed amount for a table: ``+6,890``, ``-123.5万``; 未知 where it is not known."""
    if amount is None:
        return "未知"
    if abs(amount) >= _LONG:
        return f"{amount / _WAN:+,.1f}万"
    if abs(amount) < _SMALL:
        return signed(amount)
    return f"{amount.quantize(Decimal(1), ROUND_HALF_UP):+,}"


def _percent(percent: Decimal | None, *, sign: bool = True) -> str:
    return "未知" if percent is None else percent_text(percent, sign=sign)


def _gain(row: Valued) -> str:
    """``+6,890.28 元（+1.63%）``."""
    if row.profit is None:
        return "未知"
    return f"{signed(row.profit)} 元" + (
        f"（{percent_text(row.percent, sign=True)}）" if row.percent is not None else ""
    )


def _today_word(sheet: Sheet) -> str:
    """今天, or the last trading day by its date."""
    return "今天" if market_time(sheet.now).date() == sheet.day else f"{sheet.day:%m-%d} 当日"


def _profit_table(sheet: Sheet, rows: Sequence[Valued]) -> Table:
    """Each share's profit."""
    body = [(yuan(row.profit), _percent(row.percent), short_name(sheet, row.position.symbol)) for row in rows[:TOLD]]
    return (("盈亏", "幅度", ""), *body) if body else ()


def _cut(rows: Sequence[object]) -> list[str]:
    return ["（太多，后面的没有列出）"] if len(rows) > TOLD else []


def _by_profit(rows: Sequence[Valued], *, best_first: bool = True, by_percent: bool = False) -> list[Valued]:
    """Those without a price last."""
    known = [row for row in rows if row.profit is not None]
    known.sort(key=lambda row: (row.percent if by_percent else row.profit) or Decimal(0), reverse=best_first)
    return [*known, *(row for row in rows if row.profit is None)]


def _next(sheet: Sheet) -> tuple[tuple[Button, ...], ...]:
    """What is asked next as a rule."""
    account = sheet.account.id
    return (
        (Button("持仓", f"positions @{account}"), Button("账户资金", f"account @{account}"), Button("委托", "orders")),
        (Button("今天盈亏", f"ask pnl_today @{account}"), Button("总盈亏", f"ask pnl_total @{account}")),
    )


# -- positions


def nothing_held(sheet: Sheet) -> Message:
    account = sheet.account
    title = f"💼 {account.name}没有持仓"
    if account.mode is Mode.MANUAL:
        text = "登记持仓：/hold 股票 股数 成本价"
    else:
        text = f"可用资金 {money_text(account.cash)} 元"
    return Message(title=title, text="\n".join([text, *_foot(sheet, quoted=False)]))


def positions(sheet: Sheet) -> Message:
    """What is held, with cost and profit. A share without a price says so instead of showing zero."""
    held = sorted(sheet.held, key=lambda row: row.value or Decimal(0), reverse=True)
    title = f"💼 持仓 {len(held)} 只，浮动盈亏 {signed(sheet.valued.profit)} 元"
    foot = _foot(sheet)
    if len(held) > _MANY:
        text = "\n".join([f"市值 {money_text(sheet.valued.value)} 元", *foot, *_cut(held)])
        return Message(title=title, text=text, table=_profit_table(sheet, held), buttons=_next(sheet))
    lines = []
    for row in held:
        lines.append(_name(sheet, row.position.symbol))
        lines += _block(row)
    lines += ["", f"市值 {money_text(sheet.valued.value)} 元", *foot]
    return Message(title=title, text="\n".join(lines), buttons=_next(sheet))


def _block(row: Valued) -> list[str]:
    """A position in two lines that fit a phone."""
    position = row.position
    lines = [f"　持仓 {position.shares} 股，可卖 {position.sellable} 股，成本 {position.cost:.3f}"]
    if row.last is None or row.profit is None:
        return [*lines, "　现价、市值和盈亏未知"]
    return [*lines, f"　现价 {price_text(row.last)}，盈亏 {_gain(row)}"]


def not_held(account: Account, name: str, symbol: Symbol) -> str:
    """Said where a share is asked for that is not there."""
    return f"{account.name}没有{name_text(name, symbol)}的持仓。"


def one_share(sheet: Sheet, row: Valued, ask: str | None) -> Message:
    """What was asked of one share in the title, all that is known of it below."""
    symbol = row.position.symbol
    lines = _block(row)
    if row.value is not None:
        weight = sheet.weight(row)
        part = f"，占总资产 {percent_text(weight)}" if weight is not None else ""
        lines.append(f"　市值 {money_text(row.value)} 元{part}")
    earned = sheet.earned.get(symbol)
    if ask != "pnl_today" and earned is not None and earned.gain is not None:
        lines.append(f"　{_today_word(sheet)}盈亏 {signed(earned.gain)} 元")
    if ask == "holding_days" and sheet.since(symbol) is None:
        lines.append("　买入在有记录之前，或者不是通过这里买的")
    return Message(
        title=f"{_name(sheet, symbol)}　{_said(sheet, row, ask)}",
        text="\n".join([line.strip("　") for line in lines] + _foot(sheet)),
        buttons=((Button("K线", f"chart {symbol}"), Button("全部持仓", f"positions @{sheet.account.id}")),),
    )


def _said(sheet: Sheet, row: Valued, ask: str | None) -> str:
    """The short answer about one share."""
    position, symbol = row.position, row.position.symbol
    match ask:
        case "weight":
            weight = sheet.weight(row)
            return "占比未知" if weight is None else f"占总资产 {percent_text(weight)}"
        case "cost":
            return f"成本 {position.cost:.3f} 元"
        case "quantity":
            hands = f" = {position.shares // 100} 手" if position.shares and position.shares % 100 == 0 else ""
            return f"持仓 {position.shares} 股{hands}"
        case "sellable":
            bought = position.shares - position.sellable
            return f"可卖 {position.sellable} 股" + ("" if not bought else "（其余今天买的或在卖单里）")
        case "holding_days":
            since, days = sheet.since(symbol), sheet.days(symbol)
            if since is None or days is None:
                return "买入日期没有记录"
            return f"持有 {days} 天，{since:%m-%d} 买入，第 {sheet.sessions(symbol)} 个交易日"
        case "pnl_today":
            earned = sheet.earned.get(symbol)
            word = _today_word(sheet)
            if earned is None or earned.gain is None:
                return f"{word}盈亏未知：{earned.why if earned is not None else '没有持仓'}"
            return f"{word}盈亏 {signed(earned.gain)} 元"
        case "list" | None:
            return f"持仓 {position.shares} 股，盈亏 {_gain(row)}"
        case _:
            return f"盈亏 {_gain(row)}"


_COLUMNS: Final[dict[str, tuple[str, str]]] = {
    "cost": ("每只的成本", "成本"),
    "quantity": ("每只的股数", "持有"),
    "sellable": ("每只的可卖股数", "可卖"),
    "holding_days": ("每只持有多少天", "天数"),
    "weight": ("每只占总资产多少", "占比"),
}


def each_share(sheet: Sheet, ask: str) -> Message:
    """The same of all of them, as a table."""
    title, head = _COLUMNS[ask]
    held = list(sheet.held)
    if ask == "weight":
        held.sort(key=lambda row: row.value or Decimal(0), reverse=True)
    cell: dict[str, Callable[[Valued], str]] = {
        "cost": lambda row: f"{row.position.cost:.3f}",
        "quantity": lambda row: f"{row.position.shares}股",
        "sellable": lambda row: f"{row.position.sellable}股",
        "holding_days": lambda row: "没有记录" if (days := sheet.days(row.position.symbol)) is None else f"{days}天",
        "weight": lambda row: _percent(sheet.weight(row), sign=False),
    }
    body = [(cell[ask](row), short_name(sheet, row.position.symbol)) for row in held[:TOLD]]
    quoted = ask == "weight"
    text = "\n".join([*_foot(sheet, quoted=quoted), *_cut(held)])
    return Message(title=f"💼 {title}", text=text, table=((head, ""), *body))


def extreme(sheet: Sheet, ask: str, *, by_percent: bool = False) -> Message:
    """The best or the worst by what it brought so far, in yuan or in percent of its cost."""
    rows = _by_profit(sheet.held, best_first=ask == "best", by_percent=by_percent)
    first = rows[0]
    if first.profit is None:
        return positions(sheet)
    name, gain = _name(sheet, first.position.symbol), _gain(first)
    before, most = _most(ask, first.profit, "赚", "亏")
    if by_percent and first.percent is not None:
        most, gain = f"按比例{most}", f"{percent_text(first.percent, sign=True)}（{signed(first.profit)} 元）"
    text = "\n".join([*_foot(sheet), *_cut(rows)])
    return Message(title=f"{before}{name} {most}：{gain}", text=text, table=_profit_table(sheet, rows))


def _most(ask: str, gain: Decimal, up: str, down: str) -> tuple[str, str]:
    """What is said before the name, and what of it: the best of losers has not gained."""
    best = ask == "best"
    if gain > 0 if best else gain < 0:
        return "", f"{up if best else down}得最多"
    return f"没有在{up if best else down}的；", f"{down if best else up}得最少"


def extreme_today(sheet: Sheet, ask: str, *, by_percent: bool = False) -> Message:
    """The same by what it brought today, or by how far its price moved."""
    brought = {one.symbol: one.gain for one in sheet.earned.values() if one.gain is not None}
    moved = {symbol: change for symbol in brought if (change := sheet.change(symbol)) is not None}
    ranked = moved if by_percent else brought
    if not ranked:
        return today(sheet)
    symbol = (max if ask == "best" else min)(ranked, key=lambda one: ranked[one])
    word, name = _today_word(sheet), _name(sheet, symbol)
    before, most = _most(ask, ranked[symbol], *("涨跌" if by_percent else "赚亏"))
    said = f"{signed(brought[symbol])} 元"
    if by_percent:
        said = f"{percent_text(moved[symbol], sign=True)}（{word}盈亏 {said}）"
    before = f"{word}{before}" if before else ""
    return today(sheet).model_copy(update={"title": f"{before}{name} {word}{most}：{said}"})


def largest(sheet: Sheet) -> Message:
    """Which share the most money is in."""
    rows = sorted(sheet.held, key=lambda row: row.value or Decimal(0), reverse=True)
    first = rows[0]
    if first.value is None:
        return positions(sheet)
    weight = sheet.weight(first)
    part = f"，占总资产 {percent_text(weight)}" if weight is not None else ""
    body = [
        (_amount(row.value), _percent(sheet.weight(row), sign=False), short_name(sheet, row.position.symbol))
        for row in rows[:TOLD]
    ]
    return Message(
        title=f"{_name(sheet, first.position.symbol)} 最重：市值 {money_text(first.value)} 元{part}",
        text="\n".join([*_foot(sheet), *_cut(rows)]),
        table=(("市值", "占比", ""), *body),
    )


def _amount(amount: Money | None) -> str:
    """An amount without a sign, for a table."""
    return "未知" if amount is None else yuan(amount).removeprefix("+")


def losers(sheet: Sheet) -> Message:
    rows = sheet.losing
    foot = _foot(sheet)
    if not rows:
        return Message(title=f"持仓 {len(sheet.held)} 只，没有亏损的", text="\n".join(foot))
    title = f"持仓 {len(sheet.held)} 只，亏损的有 {len(rows)} 只"
    text = "\n".join([f"加起来亏损 {money_text(-sheet.lost)} 元", *foot, *_cut(rows)])
    return Message(title=title, text=text, table=_profit_table(sheet, rows))


# -- profit


def profit(sheet: Sheet, *, floating: bool = False) -> Message:
    """All that was earned: by what is held, and by what was sold.

    Args:
        floating: what is held alone was asked for.
    """
    percent = sheet.profit_percent
    part = f"（投入的 {percent_text(percent, sign=True)}）" if percent is not None else ""
    whole = f"总盈亏 {signed(sheet.profit)} 元{part}"
    held = f"浮动盈亏 {signed(sheet.valued.profit)} 元"
    first, second = (held, whole) if floating else (whole, held)
    lines = [second, f"已实现盈亏 {signed(sheet.account.realized)} 元", *_foot(sheet), *_cut(sheet.held)]
    return Message(
        title=f"📈 {first}",
        text="\n".join(lines),
        table=_profit_table(sheet, _by_profit(sheet.held)),
        buttons=(
            (
                Button("今天盈亏", f"ask pnl_today @{sheet.account.id}"),
                Button("持仓", f"positions @{sheet.account.id}"),
            ),
        ),
    )


def today(sheet: Sheet) -> Message:
    """What the day brought, share by share; what is not known is named and left out."""
    earned = sorted(sheet.earned.values(), key=lambda one: (one.gain is None, -(one.gain or Decimal(0))))
    known = [one for one in earned if one.gain is not None]
    unknown = [one for one in earned if one.gain is None]
    word = _today_word(sheet)
    percent = sheet.today_percent
    part = f"（{percent_text(percent, sign=True)}）" if percent is not None else ""
    if earned and not known:
        title = f"📅 {word}盈亏未知"
    else:
        left_out = f"，不含 {len(unknown)} 只" if unknown else ""
        title = f"📅 {word}盈亏 {signed(sheet.today)} 元{part}{left_out}"
    traded = any(day_of_fill(fill) == sheet.day for fill in sheet.fills)
    lines = ["按昨收算" + ("，当天的买卖按成交价，费用已扣" if traded else "")]
    if sheet.account.mode is Mode.MANUAL:
        lines.append("今天才登记的持仓，按昨天就持有算")
    lines.append(where_text(sheet.account, sheet.as_of))
    lines += [f"⚠️ 不含 {_name(sheet, one.symbol)}：{one.why}" for one in unknown]
    body = [
        (yuan(one.gain), _percent(sheet.change(one.symbol)), short_name(sheet, one.symbol)) for one in earned[:TOLD]
    ]
    return Message(
        title=title,
        text="\n".join([*lines, *_cut(earned)]),
        table=((f"{'今天' if word == '今天' else '当日'}盈亏", "涨跌", ""), *body) if body else (),
        buttons=(
            (Button("总盈亏", f"ask pnl_total @{sheet.account.id}"), Button("持仓", f"positions @{sheet.account.id}")),
        ),
    )


# -- money


def account_card(sheet: Sheet) -> Message:
    """The money of an account; what is not known says so."""
    account, valued = sheet.account, sheet.valued
    known = account.cash_known
    left_out = f"（不含 {len(valued.unpriced)} 只）" if valued.unpriced else ""
    lines = [
        f"总资产 {money_text(valued.total)} 元{left_out}" if known else "总资产 未知",
        f"可用 {money_text(account.cash)} 元" if known else "可用 未登记，用 /cash 登记",
        f"冻结 {money_text(account.frozen)} 元",
        f"市值 {money_text(valued.value)} 元" + (f"，仓位 {percent_text(sheet.ratio)}" if sheet.ratio else ""),
        f"浮动盈亏 {signed(valued.profit)} 元",
        f"已实现 {signed(account.realized)} 元",
        *_foot(sheet),
    ]
    return Message(title=f"💰 账户·{account.name}·{account.mode.chinese}", text="\n".join(lines), buttons=_next(sheet))


def money(sheet: Sheet, ask: str, waiting: Sequence[Order]) -> Message:
    """One figure of the account in the title.

    Args:
        waiting: its open orders.
    """
    account = sheet.account
    lines: list[str] = []
    if ask in {"available_cash", "frozen_cash", "withdrawable"} and not account.cash_known:
        return Message(title="💰 可用资金未知", text="\n".join(["没有登记。登记：/cash 金额", *_foot(sheet)]))
    match ask:
        case "available_cash":
            title = f"💰 可用资金 {money_text(account.cash)} 元"
            if account.frozen:
                lines.append(f"另有冻结 {money_text(account.frozen)} 元")
        case "frozen_cash":
            title = f"🧊 冻结 {money_text(account.frozen)} 元"
            buys = [order for order in waiting if order.side is Side.BUY]
            lines += [
                f"{_name(sheet, one.symbol)} 买入 {one.open_shares} 股，限价 {price_text(one.limit)}" for one in buys
            ]
            if account.frozen and not buys:
                lines.append("不是这里的委托占用的，请在券商软件里看。")
        case "withdrawable":
            title = f"🏧 至少可取 {money_text(sheet.withdrawable)} 元"
            if sheet.withdrawable != account.cash:
                later = account.cash - sheet.withdrawable
                lines.append(f"可用 {money_text(account.cash)} 元")
                lines.append(f"今天卖出的 {money_text(later)} 元要下个交易日才能取")
            lines.append("按交收规则估算，以券商为准" if account.mode is not Mode.PAPER else "模拟账户，不是真钱")
        case "position_ratio":
            title = f"📊 仓位 {percent_text(sheet.ratio)}" if sheet.ratio is not None else "📊 仓位未知"
            lines.append(f"市值 {money_text(sheet.valued.value)} 元")
            if sheet.total is not None:
                lines.append(f"总资产 {money_text(sheet.total)} 元")
        case _:
            title = f"💰 总资产 {money_text(sheet.valued.total)} 元" if account.cash_known else "💰 总资产未知"
            if sheet.valued.unpriced and account.cash_known:
                title += f"（不含 {len(sheet.valued.unpriced)} 只）"
            lines.append(f"市值 {money_text(sheet.valued.value)} 元")
            if account.cash_known:
                frozen = f"，冻结 {money_text(account.frozen)} 元" if account.frozen else ""
                lines.append(f"可用 {money_text(account.cash)} 元{frozen}")
    quoted = ask in {"position_ratio", "total_asset"}
    return Message(
        title=title,
        text="\n".join([*lines, *_foot(sheet, quoted=quoted)]),
        buttons=((Button("持仓", f"positions @{account.id}"), Button("账户资金", f"account @{account.id}")),),
    )


# -- quotes


def quote_answer(quote: Quote, name: str, ask: str, now: datetime) -> Message:
    """What was asked of a quote, in one line, and when that was."""
    title = name_text(name, quote.symbol)
    price = quote.last
    match ask:
        case "change_pct":
            change = quote.percent
            said = "今天还没有成交" if change is None else f"{_percent(change)}，现价 {_price(price)}"
        case "high":
            said = f"今天最高 {_price(quote.high)}，最低 {_price(quote.low)}"
        case "limit_up_price":
            up, down = quote.limit("up", name), quote.limit("down", name)
            left = f"（还差 {percent_text((up / price - 1) * 100)}）" if up is not None and price and up > price else ""
            said = "没有涨跌停价" if up is None else f"涨停价 {_price(up)}{left}，跌停价 {_price(down)}"
        case "turnover":
            amount = "未知" if quote.amount is None else f"{count_text(quote.amount)}元"
            rate = "未知" if quote.turnover is None else percent_text(quote.turnover)
            shares = f"，成交量 {count_text(quote.volume)}股" if quote.volume else ""
            said = f"成交额 {amount}{shares}，换手率 {rate}"
        case _:
            change = quote.percent
            said = f"现价 {_price(price)}" + (f"（{_percent(change)}）" if change is not None else "")
    if quote.suspended:
        said = f"停牌，昨收 {_price(quote.preclose)}" if ask != "limit_up_price" else said
    elif price is None and ask != "limit_up_price":
        said = f"今天还没有成交，昨收 {_price(quote.preclose)}"
    age = now - quote.quoted_at
    late = f"（{age_text(age)}前）" if age > _STALE else ""
    return Message(
        title=title,
        text=f"{said}\n{quote.source} {market_time(quote.quoted_at):%m-%d %H:%M:%S}{late}",
        buttons=((Button("详情", f"quote {quote.symbol}"), Button("K线", f"chart {quote.symbol}")),),
    )


_STALE: Final = timedelta(seconds=60)


def _price(price: Price | None) -> str:
    return "未知" if price is None else price_text(price)
