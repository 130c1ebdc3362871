"""What the script inside big QMT tells, read: the story of an order as reports, the rows of the counter as our nouns.

The script passes the client's rows on as they are, every value as text. Field names and status codes are those of the
client's own Python (dict.thinktrader.net, innerApi/data_structure and enum_constants); a deal's fee has two spellings
there. All functions are pure and raise ValueError where a row cannot be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from core.calendar import trading_date
from core.clock import MARKET_ZONE
from core.errors import Invalid
from core.market import fees
from core.orders import Fill, OrderState, Report, ReportKind
from core.portfolio import Account, Position
from core.statement import Placed, Trade
from core.types import Mode, Money, Shares, Side, Symbol, parse_symbol

Row = Mapping[str, str]
_MOST: Final = Decimal(10**15)
"""More is a slip of the client's."""
_COST_STEP: Final = Decimal("0.0001")

# Source: EEntrustStatus. Bold there: 53, 54, 56 and 57 are final; the numbers are no order of progress.
_STATES: Final = {
    48: OrderState.SUBMITTED,  # not reported yet
    49: OrderState.SUBMITTED,  # waiting to be
    50: OrderState.ACCEPTED,
    51: OrderState.ACCEPTED,  # a cancel is under way
    52: OrderState.PARTIAL,  # the same
    53: OrderState.CANCELLED,  # in part
    54: OrderState.CANCELLED,
    55: OrderState.PARTIAL,
    56: OrderState.FILLED,
    57: OrderState.REJECTED,
    86: OrderState.ACCEPTED,
}
_TAKEN: Final = frozenset({OrderState.ACCEPTED, OrderState.PARTIAL, OrderState.FILLED, OrderState.CANCELLED})


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Request(_File):
    """What we asked for. Times are Unix seconds."""

    kind: Literal["order"] = "order"
    id: str
    account: str
    symbol: str
    side: Side
    shares: Shares
    limit: str
    created_at: float
    not_after: float


class Step(_File):
    """One thing that was seen of an order, at a Unix time by the script's clock; one of the four is there."""

    at: float
    order: dict[str, str] | None = None
    deal: dict[str, str] | None = None
    error: str | None = None
    closed: str | None = None


class Story(_File):
    """An order as the script knows it.

    Attributes:
        state: refused, and never passed on; sent; unknown: the script died, or the client raised, in the middle of it.
        why: a word of the script's own, with a number where it is a limit.
        steps: only ever added to.
    """

    id: str
    request: Request | None
    state: Literal["refused", "sent", "unknown"]
    why: str
    steps: tuple[Step, ...]

    @property
    def seen(self) -> bool:
        """Whether its fate is known: refused, or the counter's list shows it."""
        return self.state == "refused" or any(step.order or step.error is not None for step in self.steps)


class Pulse(_File):
    """The heartbeat."""

    at: float
    version: int
    account: str
    online: bool
    strangers: int


class Seen(_File):
    """The client's four lists at one moment; ``why`` says why they are missing."""

    at: float
    account: str
    why: str
    accounts: tuple[dict[str, str], ...] = ()
    positions: tuple[dict[str, str], ...] = ()
    orders: tuple[dict[str, str], ...] = ()
    deals: tuple[dict[str, str], ...] = ()


def instant(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


# --- the script's words ---

_WHY: Final = {
    "account": "脚本里的资金账号和这里设置的不一样，请核对 FILEDROP_ACCOUNT",
    "late": "送到大 QMT 时已经超过有效时间",
    "clock": "两台电脑的时钟差得太多，请校准时间",
    "order": "数量或价格不是能下的委托",
    "not_allowed": "大 QMT 里的脚本设置了不许做这个方向（ALLOW_BUY、ALLOW_SELL）",
    "yuan_per_order": "超过脚本里单笔上限 {} 元（MAX_YUAN_PER_ORDER）",
    "buy_yuan_per_day": "超过脚本里当日买入上限 {} 元（MAX_BUY_YUAN_PER_DAY）",
    "orders_per_day": "超过脚本里当日委托上限 {} 笔（MAX_ORDERS_PER_DAY）",
    "offline": "大 QMT 没有连上券商，请在客户端里重新登录",
    "interrupted": "脚本在取走这笔委托后中断了",
    "passorder": "大 QMT 在下单时出错（{}）",
    "not_seen": "大 QMT 的委托列表里还没有这笔委托",
    "cancel": "大 QMT 没有接受撤单 {}",
}


def explained(why: str) -> str:
    """A word of the script as a Chinese clause.

    >>> explained("yuan_per_order 50000")
    '超过脚本里单笔上限 50000 元（MAX_YUAN_PER_ORDER）'
    """
    word, _, rest = why.partition(" ")
    return _WHY[word].format(rest).rstrip() if word in _WHY else f"大 QMT 说：{why}"


# --- rows ---


def _number(row: Row, name: str) -> Decimal:
    try:
        value = Decimal(row[name])
    except (KeyError, InvalidOperation):
        raise ValueError(f"{name} 不是数") from None
    if not value.is_finite() or abs(value) > _MOST:
        raise ValueError(f"{name} 不是数")
    return value


def _price(row: Row, name: str) -> Decimal:
    """Floats of the client carry noise behind the third decimal."""
    return Decimal(f"{_number(row, name):.3f}").normalize() + Decimal("0.00")


def symbol_of(row: Row) -> Symbol:
    code, market = row.get("m_strInstrumentID", ""), row.get("m_strExchangeID", "")
    try:
        return parse_symbol(f"{code}.{market}" if market in {"SH", "SZ", "BJ"} else code)
    except Invalid as error:
        raise ValueError(str(error)) from None


def is_elsewhere(row: Row) -> bool:
    """Whether it is of a market that is not ours, such as Hong Kong's through Shanghai."""
    return row.get("m_strExchangeID", "") not in {"", "SH", "SZ", "BJ"}


def side_of(row: Row) -> Side:
    for name in ("m_nOffsetFlag", "m_nDirection"):
        if row.get(name) in {"48", "49"}:
            return Side.BUY if row[name] == "48" else Side.SELL
    raise ValueError("看不出是买还是卖")


def state_of(row: Row) -> OrderState:
    try:
        return _STATES.get(int(row.get("m_nOrderStatus", "")), OrderState.UNKNOWN)
    except ValueError:
        return OrderState.UNKNOWN


def at_of(row: Row, kind: Literal["Insert", "Trade"], otherwise: float) -> datetime:
    """``20261130`` and ``093106``, with or without signs between, on the exchange's clock."""
    day = re.sub(r"\D", "", row.get(f"m_str{kind}Date", ""))
    hour = re.sub(r"\D", "", row.get(f"m_str{kind}Time", ""))[-6:]
    try:
        return datetime.strptime(f"{day} {hour:0>6}", "%Y%m%d %H%M%S").replace(tzinfo=MARKET_ZONE).astimezone(UTC)
    except ValueError:
        return instant(otherwise)


def fee_of(row: Row) -> Money | None:
    """What the client says; None where it says nothing, or nothing yet."""
    for name in ("m_dComssion", "m_dCommission"):
        if name in row and (fee := _number(row, name)) > 0:
            return fee.quantize(Decimal("0.01"))
    return None


def trade_of(row: Row, seen: float) -> Trade:
    """A deal; whose order it belongs to is not known here.

    Args:
        seen: a Unix time for a row that bears none.
    """
    number, at = row.get("m_strOrderSysID", ""), at_of(row, "Trade", seen)
    shares, price = int(_number(row, "m_nVolume")), _price(row, "m_dPrice")
    if not row.get("m_strTradeID") or shares <= 0 or price <= 0:
        raise ValueError("成交没有编号、数量或价格")
    return Trade(
        # Exchanges number their trades each day anew, and each for itself.
        id=f"{trading_date(at):%Y%m%d}-{number}-{row['m_strTradeID']}",
        broker_id=number,
        symbol=symbol_of(row),
        side=side_of(row),
        shares=shares,
        price=price,
        fee=fee_of(row),
        at=at,
    )


def _legible(text: str) -> str:
    """Half a GBK character, as the client may pass it on, can be stored and sent nowhere."""
    return text.encode("utf-8", "replace").decode()


# --- the story of an order ---


def reports_of(story: Story, account: str) -> tuple[Report, ...]:
    """What the story says, in the order in which it was seen; a longer story begins with the same reports.

    Raises:
        ValueError: a row cannot be.
    """
    return tuple(_Telling(story, account).reports())


class _Telling:
    def __init__(self, story: Story, account: str) -> None:
        self._story = story
        self._account = account
        self._accepted = self._ended = False
        self._filled: Shares = 0
        self._traded: Shares = 0
        self._amount = self._fees = Decimal(0)
        self._trades: set[str] = set()

    def reports(self) -> list[Report]:
        story, told = self._story, list[Report]()
        unread: ValueError | None = None
        if story.state == "refused":
            at = story.request.created_at if story.request else 0
            return [self._report(ReportKind.REJECTED, at, note=f"{explained(story.why)}，没有下单")]
        for step in story.steps:
            if step.order is not None:
                told += self._order(step.order, step.at)
            elif step.deal is not None:
                try:
                    told += self._deal(step.deal, step.at)
                except ValueError as error:  # the next row may show it as it is
                    unread = error
            elif step.error is not None and not self._accepted:
                told += self._end(ReportKind.REJECTED, step.at, _legible(step.error))
            elif step.closed and story.request and self._filled < story.request.shares:
                told += self._end(ReportKind.EXPIRED, step.at, "到收盘没有（全部）成交，委托失效")
        if unread is not None and self._filled < self._traded:
            raise unread
        return told

    def _order(self, row: Row, at: float) -> list[Report]:
        state, broker_id = state_of(row), row.get("m_strOrderSysID") or None
        self._traded = max(self._traded, int(_number(row, "m_nVolumeTraded")))
        told = self._accept(at, broker_id) if state in _TAKEN else []
        why = _legible(row.get("m_strCancelInfo") or row.get("m_strErrorMsg") or "")
        if state is OrderState.REJECTED:
            # What was traded was traded, whatever the counter calls the rest.
            kind = ReportKind.CANCELLED if self._traded else ReportKind.REJECTED
            return told + self._end(kind, at, why, broker_id)
        if state is OrderState.CANCELLED:
            return told + self._end(ReportKind.CANCELLED, at, why, broker_id)
        return told

    def _deal(self, row: Row, seen: float) -> list[Report]:
        trade = trade_of(row, seen)
        if trade.id in self._trades:
            return []
        self._trades.add(trade.id)
        self._filled += trade.shares
        self._amount += trade.shares * trade.price
        # The minimum commission is per order: each fill costs what the order has cost more since.
        fee = trade.fee
        if fee is None:
            whole = fees(trade.symbol, trade.side, 1, self._amount, trading_date(trade.at)).total
            fee = max(whole - self._fees, Decimal(0))
        self._fees += fee
        fields = trade.model_dump(include={"id", "symbol", "side", "shares", "price", "at"})
        fill = Fill(**fields, order_id=self._story.id, account=self._account, fee=fee)
        told = self._accept(seen, trade.broker_id)
        return [*told, self._report(ReportKind.FILL, seen, trade.broker_id).model_copy(update={"fill": fill})]

    def _accept(self, at: float, broker_id: str | None) -> list[Report]:
        if self._accepted:
            return []
        self._accepted = True
        return [self._report(ReportKind.ACCEPTED, at, broker_id)]

    def _end(self, kind: ReportKind, at: float, note: str, broker_id: str | None = None) -> list[Report]:
        if self._ended:
            return []
        self._ended = True
        return [self._report(kind, at, broker_id, note)]

    def _report(self, kind: ReportKind, at: float, broker_id: str | None = None, note: str = "") -> Report:
        return Report(
            kind=kind,
            order_id=self._story.id,
            account=self._account,
            at=instant(at),
            broker_id=broker_id,
            note=note,
        )


# --- the account ---


def account_of(seen: Seen, account: str, name: str) -> Account:
    """The account as the client shows it.

    Raises:
        ValueError: it shows none, or securities of value and no positions: a list that has not come yet.
    """
    if not seen.accounts:
        raise ValueError("客户端没有给出资金")
    money = seen.accounts[0]
    listed = [_position(row) for row in seen.positions if not is_elsewhere(row)]
    positions = tuple(one for one in listed if one.shares)
    if not seen.positions and "m_dInstrumentValue" in money and _number(money, "m_dInstrumentValue") > 0:
        raise ValueError("客户端说有市值，却没有给出持仓")
    return Account(
        id=account,
        name=name,
        mode=Mode.LIVE,
        cash=_money(money, "m_dAvailable"),
        frozen=_money(money, "m_dFrozenCash") if "m_dFrozenCash" in money else Decimal(0),
        positions=positions,
        as_of=instant(seen.at),
    )


def _money(row: Row, name: str) -> Money:
    return _number(row, name).quantize(Decimal("0.01"))


def _position(row: Row) -> Position:
    return Position(
        symbol=symbol_of(row),
        shares=int(_number(row, "m_nVolume")),
        sellable=int(_number(row, "m_nCanUseVolume")),
        cost=_number(row, "m_dOpenPrice").quantize(_COST_STEP),
    )


Ours = Mapping[tuple[str, str], str]
"""Our ids by the counter's numbers and codes: two exchanges may give out the same number."""


def key_of(row: Row) -> tuple[str, str]:
    return row.get("m_strOrderSysID", ""), row.get("m_strInstrumentID", "")


def orders_of(seen: Seen, ours: Ours) -> tuple[Placed, ...]:
    """Today's orders."""
    return tuple(
        Placed(
            id=ours.get(key_of(row), ""),
            broker_id=row.get("m_strOrderSysID", ""),
            symbol=symbol_of(row),
            side=side_of(row),
            shares=int(_number(row, "m_nVolumeTotalOriginal")),
            limit=_price(row, "m_dLimitPrice") if _number(row, "m_dLimitPrice") > 0 else None,
            filled=int(_number(row, "m_nVolumeTraded")),
            state=state_of(row),
            at=at_of(row, "Insert", seen.at),
        )
        for row in seen.orders
        if not is_elsewhere(row)
    )


def trades_of(seen: Seen, ours: Ours) -> tuple[Trade, ...]:
    """Today's trades, oldest first."""
    found = [
        trade_of(row, seen.at).model_copy(update={"order_id": ours.get(key_of(row), "")})
        for row in seen.deals
        if not is_elsewhere(row)
    ]
    return tuple(sorted(found, key=lambda trade: trade.at))


def look_alikes(seen: Seen, request: Request) -> Sequence[str]:
    """The counter's numbers of orders with a cut remark that may be this one: shown to a person, never believed."""
    return [
        row.get("m_strOrderSysID", "")
        for row in seen.orders
        if request.id.startswith(row.get("m_strRemark", ""))
        and row.get("m_strRemark", "") != request.id
        and (symbol_of(row), side_of(row)) == (request.symbol, request.side)
        and int(_number(row, "m_nVolumeTotalOriginal")) == request.shares
        and at_of(row, "Insert", seen.at).timestamp() >= int(request.created_at) - 1
    ]
