"""Whether a gateway may pass an order on: pure, and every refusal names the limit and its number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from core.calendar import trading_date
from core.clock import Clock, market_time
from core.errors import Invalid
from core.frames import Quote
from core.orders import Order
from core.types import Money, Noun, Side, Symbol, money_text, price_text
from core.wire import STALE, Bounds

ORDER_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,20}", re.ASCII)
_HOW: Final = "要改请在网关那台电脑上运行 dingpan gateway limits"


class Use(Noun):
    """An order that was passed on today."""

    id: str
    account: str
    symbol: Symbol
    yuan: Money


def order_yuan(order: Order) -> Money:
    return order.limit * order.shares


def shape_problem(order: Order) -> str | None:
    """What is wrong with an order whatever the market does."""
    if not ORDER_ID.fullmatch(order.id):
        return "委托编号不对（最多 20 个字母、数字），请更新程序。"
    if order.shares <= 0 or order.limit <= 0:
        return "数量和限价要大于 0。"
    return None


def stale_problem(sent_at: datetime, now: datetime) -> str | None:
    """A request that was long under way must not place anything any more."""
    late = (now - sent_at).total_seconds()
    if abs(late) <= STALE.total_seconds():
        return None
    what = f"晚到了 {late:.0f} 秒" if late > 0 else f"的时间在 {-late:.0f} 秒以后"
    return f"请求{what}（最多 {STALE.total_seconds():.0f} 秒），没有下单。请核对两台电脑的时间，再看网络。"


def bounds_problem(order: Order, bounds: Bounds, used: Sequence[Use]) -> str | None:
    """Which amount it would exceed.

    Args:
        used: what was passed on today, of all accounts.
    """
    yuan = order_yuan(order)
    day = sum((one.yuan for one in used), Decimal(0))
    symbol = sum((one.yuan for one in used if one.symbol == order.symbol), Decimal(0))
    for what, before, most in (
        ("单笔", Decimal(0), bounds.order),
        ("当日累计", day, bounds.day),
        (f"{order.symbol} 当日累计", symbol, bounds.symbol),
    ):
        if before + yuan > most:
            already = f"，已用 {money_text(before)} 元" if before else ""
            return (
                f"网关的{what}上限是 {money_text(most)} 元{already}，"
                f"这笔 {money_text(yuan)} 元超过了，没有下单。{_HOW}。"
            )
    return None


def band_problem(order: Order, band: Decimal | None, quote: Quote | None, now: datetime) -> str | None:
    """Whether the price gives money away. Without a price of today nobody can know, so it is refused."""
    if band is None:
        return None
    last = None if quote is None else quote.worth
    if quote is None or last is None or trading_date(quote.quoted_at) != trading_date(now):
        return f"网关没有 {order.symbol} 今天的行情，不能核对价格，没有下单，请稍后再试。"
    buying = order.side is Side.BUY
    edge = last * (1 + band / 100) if buying else last * (1 - band / 100)
    if order.limit <= edge if buying else order.limit >= edge:
        return None
    return (
        f"网关只允许{order.side.chinese}价比最新价 {price_text(last)} 元"
        f"{'高' if buying else '低'} {band.normalize():f}% 以内，"
        f"限价 {price_text(order.limit)} 元超过了，没有下单。{_HOW}。"
    )


def arm_until(word: str, clock: Clock, close: datetime) -> datetime:
    """When arming ends: ``close`` or a time of today, never after the close.

    Args:
        close: of today's session.

    Raises:
        Invalid: the word says no time, or one that is over.
    """
    now = clock.now()
    if word.strip().lower() in {"close", "收盘"}:
        until = close
    else:
        match = re.fullmatch(r"(\d{1,2})[:：](\d{2})", word.strip())
        if match is None or int(match[1]) > 23 or int(match[2]) > 59:
            raise Invalid(f"“{word}”不是时间，请写 close（到收盘）或例如 11:30。")
        local = market_time(now)
        until = local.replace(hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0).astimezone(now.tzinfo)
    until = min(until, close)
    if until <= now:
        raise Invalid("这个时间已经过了，请在下一个交易日收盘前再解锁。")
    return until
