"""What miniQMT says, in our words: its objects copied into frozen rows, its codes as tables.

The objects that it hands out are native ones, valid for who knows how long, so their fields are copied at once, in the
thread in which they arrive. A field with several names in the SDK is read by the one in its own Python classes.

Sources: xttype.py and xtconstant.py of xtquant 250807.1.2; what people saw in production says the comment beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite
from typing import Any, Final, NamedTuple

from core.calendar import is_trading_day, next_trading_day, trading_date
from core.clock import market_time
from core.errors import Invalid, Malformed
from core.orders import Order, OrderState, ReportKind
from core.types import FEN, Money, Price, Shares, Side, Symbol, parse_symbol

SOURCE: Final = "miniQMT"

BUY: Final = 23
SELL: Final = 24
LIMIT: Final = 11
"""The price type of a limit order when it is sent; when it is read the limit has another number."""
# Source: comments in vnpy_xt, the map in easytrader's miniqmt_trader.py.
_WITHOUT_LIMIT: Final = frozenset({5, 12, *range(42, 50), *range(84, 90)})
"""Market orders, by their numbers when sent and when read."""
_OFFSETS: Final = {48: Side.BUY, 49: Side.SELL}
"""What kinds of order other than a plain buy and sell amount to, such as those of a margin account."""

MOST_ID: Final = 20
"""The terminal keeps 24 bytes of a remark and drops the rest without a word. Source: the vendor's FAQ."""
_OUR_ID: Final = re.compile(r"dp[0-9A-Z]{1,18}")


class Status(NamedTuple):
    """An order status: where an order with it stands, and what it lets us report."""

    state: OrderState
    report: ReportKind | None


_S = OrderState
_R = ReportKind
STATUS: Final = {
    48: Status(_S.SUBMITTED, None),  # not reported
    49: Status(_S.SUBMITTED, None),  # waiting to be reported
    50: Status(_S.ACCEPTED, _R.ACCEPTED),
    51: Status(_S.ACCEPTED, _R.ACCEPTED),  # a cancel is asked for, and no more than that
    52: Status(_S.PARTIAL, _R.ACCEPTED),  # the same, partly filled
    53: Status(_S.CANCELLED, _R.CANCELLED),  # partly filled, the rest cancelled
    54: Status(_S.CANCELLED, _R.CANCELLED),
    55: Status(_S.PARTIAL, _R.ACCEPTED),
    56: Status(_S.FILLED, _R.ACCEPTED),  # its trades tell the rest
    57: Status(_S.REJECTED, _R.REJECTED),  # the counter refused what the terminal had taken
    255: Status(_S.UNKNOWN, None),
}
"""The numbers are no order of progress: 55 follows 50, and 53 ends what 55 began."""
_NOTHING_SAID: Final = STATUS[255]

ACCOUNT_STATUS: Final = {
    -1: "无效",
    0: "正常",
    1: "连接中",
    2: "登录中",
    3: "登录失败",
    4: "初始化中",
    5: "数据刷新校正中",
    6: "已收盘",
    7: "副链接断开",
    8: "被系统停用",
    9: "被用户停用",
}
FINE: Final = 0

# Native fields that nobody has set hold the largest double.
_MOST: Final = 1e15
_PRICE_STEP: Final = Decimal("0.001")
_COST_STEP: Final = Decimal("0.0001")


# --- rows ---


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as a push or a query shows it.

    Attributes:
        number: the account at the broker.
        limit: yuan; None for an order without one.
        text: the counter's words, such as why it refused.
        at: None where it cannot be read.
    """

    number: str
    order_id: int
    remark: str
    symbol: Symbol
    side: Side
    shares: Shares
    limit: Price | None
    filled: Shares
    status: int
    text: str
    at: datetime | None

    @property
    def stands(self) -> Status:
        return STATUS.get(self.status, _NOTHING_SAID)


@dataclass(frozen=True, slots=True)
class TradeRow:
    """A trade as a push or a query shows it. ``fee`` is None where the broker does not say."""

    number: str
    trade_id: str
    order_id: int
    remark: str
    symbol: Symbol
    side: Side
    shares: Shares
    price: Price
    fee: Money | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class AssetRow:
    """Yuan: free, tied up in orders, and what the positions are worth."""

    cash: Money
    frozen: Money
    value: Money


@dataclass(frozen=True, slots=True)
class PositionRow:
    symbol: Symbol
    shares: Shares
    sellable: Shares
    cost: Price


@dataclass(frozen=True, slots=True)
class Answer:
    """What the terminal answers to an order: a number above 0 when it took it, else why not."""

    number: str
    remark: str
    order_id: int
    text: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """An order went wrong, at the terminal or at the counter."""

    number: str
    remark: str
    order_id: int
    text: str


@dataclass(frozen=True, slots=True)
class CancelAnswer:
    """Whether the wish to cancel was sent on. Not whether anything is cancelled."""

    number: str
    order_id: int
    is_sent: bool
    text: str


@dataclass(frozen=True, slots=True)
class AccountStatus:
    number: str
    status: int


Heard = OrderRow | TradeRow | Answer | Complaint | CancelAnswer | AccountStatus
"""What comes without being asked for."""


# --- copying ---


def order_row(raw: Any) -> OrderRow | None:
    """Copy an XtOrder; None for a market or a kind of order that we do not know.

    Raises:
        Malformed: a field is missing or no number.
    """
    with_side = _symbol_and_side(raw)
    if with_side is None:
        return None
    symbol, side = with_side
    price = _amount(_field(raw, "price"), _PRICE_STEP)
    return OrderRow(
        number=str(_field(raw, "account_id")),
        order_id=_whole(_field(raw, "order_id")),
        remark=_text(_field(raw, "order_remark")),
        symbol=symbol,
        side=side,
        shares=_whole(_field(raw, "order_volume")),
        limit=price if price and _whole(_field(raw, "price_type")) not in _WITHOUT_LIMIT else None,
        filled=_whole(_field(raw, "traded_volume")),
        status=_whole(_field(raw, "order_status")),
        text=_text(getattr(raw, "status_msg", "")),
        at=instant(getattr(raw, "order_time", None)),
    )


def trade_row(raw: Any) -> TradeRow | None:
    """Copy an XtTrade; None for a market or a kind of order that we do not know.

    Raises:
        Malformed: a field is missing or no number.
    """
    with_side = _symbol_and_side(raw)
    if with_side is None:
        return None
    symbol, side = with_side
    price = _amount(_field(raw, "traded_price"), _PRICE_STEP)
    if not price:
        raise Malformed(SOURCE, f"成交 {_field(raw, 'traded_id')} 没有价格。")
    return TradeRow(
        number=str(_field(raw, "account_id")),
        trade_id=_text(_field(raw, "traded_id")),
        order_id=_whole(_field(raw, "order_id")),
        remark=_text(getattr(raw, "order_remark", "")),
        symbol=symbol,
        side=side,
        shares=_whole(_field(raw, "traded_volume")),
        price=price,
        # 0 says that the fee is not known yet: no trade is free.
        fee=_amount(getattr(raw, "commission", None), FEN) or None,
        at=instant(getattr(raw, "traded_time", None)),
    )


def asset_row(raw: Any) -> AssetRow:
    """Copy an XtAsset.

    Raises:
        Malformed: a field is missing or no number.
    """
    cash = _amount(_field(raw, "cash"), FEN)
    if cash is None:
        raise Malformed(SOURCE, "资金里没有可用金额。")
    return AssetRow(
        cash=cash,
        frozen=_amount(getattr(raw, "frozen_cash", None), FEN) or Decimal(0),
        value=_amount(getattr(raw, "market_value", None), FEN) or Decimal(0),
    )


def position_row(raw: Any) -> PositionRow | None:
    """Copy an XtPosition; None for a market that we do not know.

    Raises:
        Malformed: a field is missing or no number.
    """
    symbol = _symbol(_field(raw, "stock_code"))
    if symbol is None:
        return None
    cost = _amount(getattr(raw, "avg_price", None), _COST_STEP)
    if cost is None:
        cost = _amount(getattr(raw, "open_price", None), _COST_STEP)
    return PositionRow(
        symbol=symbol,
        shares=_whole(_field(raw, "volume")),
        sellable=_whole(_field(raw, "can_use_volume")),
        cost=cost or Decimal(0),
    )


def answer(raw: Any) -> Answer:
    """Copy an XtOrderResponse."""
    return Answer(
        number=_text(getattr(raw, "account_id", "")),
        remark=_text(_field(raw, "order_remark")),
        order_id=_whole(_field(raw, "order_id")),
        text=_text(getattr(raw, "error_msg", "")),
    )


def complaint(raw: Any) -> Complaint:
    """Copy an XtOrderError."""
    return Complaint(
        number=_text(getattr(raw, "account_id", "")),
        remark=_text(_field(raw, "order_remark")),
        order_id=_whole(_field(raw, "order_id")),
        text=_text(getattr(raw, "error_msg", "")),
    )


def cancel_answer(raw: Any) -> CancelAnswer:
    """Copy an XtCancelOrderResponse."""
    return CancelAnswer(
        number=_text(getattr(raw, "account_id", "")),
        order_id=_whole(_field(raw, "order_id")),
        is_sent=_whole(_field(raw, "cancel_result")) == 0,
        text=_text(getattr(raw, "error_msg", "")),
    )


def cancel_error(raw: Any) -> CancelAnswer:
    """Copy an XtCancelError."""
    return CancelAnswer(
        number=_text(getattr(raw, "account_id", "")),
        order_id=_whole(_field(raw, "order_id")),
        is_sent=False,
        text=_text(getattr(raw, "error_msg", "")),
    )


def account_status(raw: Any) -> AccountStatus:
    """Copy an XtAccountStatus."""
    return AccountStatus(number=str(_field(raw, "account_id")), status=_whole(_field(raw, "status")))


def instant(value: Any) -> datetime | None:
    """Unix seconds, or milliseconds, as aware UTC; None for anything else.

    >>> instant(1774231200), instant(1774231200000) == instant(1774231200), instant(93005), instant(None)
    (datetime.datetime(2026, 3, 23, 2, 0, tzinfo=datetime.timezone.utc), True, None, None)
    """
    if not isinstance(value, int | float) or not isfinite(value):
        return None
    seconds = value / 1000 if value > 1e11 else value
    return datetime.fromtimestamp(seconds, UTC) if 1e9 < seconds < 1e10 else None


def _field(raw: Any, name: str) -> Any:
    try:
        return getattr(raw, name)
    except AttributeError:
        raise Malformed(SOURCE, f"{type(raw).__name__} 没有 {name}，xtquant 的版本和本程序不合。") from None


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise Malformed(SOURCE, f"应该是整数的地方是 {value!r}。") from None


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _amount(value: Any, step: Decimal) -> Decimal | None:
    """A float without its noise; None for one that was never set.

    >>> _amount(9.990000000000002, FEN), _amount(float("nan"), FEN), _amount(1.7976931348623157e308, FEN)
    (Decimal('9.99'), None, None)
    """
    if not isinstance(value, int | float) or not isfinite(value) or abs(value) > _MOST:
        return None
    exact = Decimal(str(value)).quantize(step, ROUND_HALF_UP)
    # Prices have a third decimal only where it says something, as everywhere.
    return exact if step is not _PRICE_STEP or exact != exact.quantize(FEN) else exact.quantize(FEN)


def _symbol(code: Any) -> Symbol | None:
    try:
        return parse_symbol(str(code))
    except Invalid:
        return None  # such as a share of Hong Kong, which we neither watch nor trade


def _symbol_and_side(raw: Any) -> tuple[Symbol, Side] | None:
    symbol = _symbol(_field(raw, "stock_code"))
    side = {BUY: Side.BUY, SELL: Side.SELL}.get(_whole(_field(raw, "order_type")))
    side = side or _OFFSETS.get(getattr(raw, "offset_flag", 0))
    return None if symbol is None or side is None else (symbol, side)


# --- decisions ---


def is_our_id(remark: str) -> bool:
    """Whether a remark looks like an order id of this program.

    >>> is_our_id("dp7F3KQ2ZX"), is_our_id("dp"), is_our_id("网格策略"), is_our_id("")
    (True, False, False, False)
    """
    return _OUR_ID.fullmatch(remark) is not None


def merged(old: OrderRow | None, new: OrderRow) -> OrderRow:
    """What is known of an order after one more row, which may be older than what we had.

    What was traded never shrinks, and what is final stays final.
    """
    if old is None or (old.symbol, old.side, old.shares) != (new.symbol, new.side, new.shares):
        return new  # the terminal gave the number to another order
    filled = max(old.filled, new.filled)
    is_older = old.stands.state.final and not new.stands.state.final
    row = old if is_older or new.filled < old.filled else new
    # A remark that was there does not go away because a later row lacks it.
    return replace(row, filled=filled, remark=row.remark or old.remark, text=row.text or old.text)


def is_same(order: Order, row: OrderRow | TradeRow) -> bool:
    """Whether a row with our remark is about what we ordered."""
    return (order.symbol, order.side) == (row.symbol, row.side) and (
        order.shares == row.shares if isinstance(row, OrderRow) else row.shares <= order.shares
    )


DAY_ENDS: Final = time(15, 31)
"""Orders are for the day, and the last trading after hours ends at 15:30."""


def order_day(at: datetime) -> date:
    """The trading day that an order of this instant is for."""
    day = trading_date(at)
    return day if is_trading_day(day) and market_time(at).time() < DAY_ENDS else next_trading_day(day)


_EARLIER: Final = timedelta(minutes=1)
"""How far the counter's clock may be behind ours."""


def candidates(order: Order, sent_at: datetime, rows: Iterable[OrderRow]) -> list[OrderRow]:
    """Orders that could be ours although their remark is another: for a person to look at, never to be taken.

    Args:
        rows: those that are known to be nobody else's order of ours.
    """
    return [
        row
        for row in rows
        if not is_our_id(row.remark)
        and is_same(order, row)
        and row.limit == order.limit
        and (row.at is None or row.at >= sent_at - _EARLIER)
    ]
