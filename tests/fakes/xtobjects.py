"""What the native half of xtquant's trader hands out and takes: its objects and requests, with its names and types."""

from __future__ import annotations

from typing import Any, ClassVar, Final

# --- objects ---


class Native:
    """An object of the native half: its fields, and nothing that Python adds to its own."""

    FIELDS: ClassVar[tuple[str, ...]] = ()
    __slots__ = ("_values",)

    def __init__(self, **values: Any) -> None:
        unknown = values.keys() - set(self.FIELDS)
        assert not unknown, unknown
        object.__setattr__(self, "_values", values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(name) from None

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle {type(self).__name__}")


class XtAsset(Native):
    FIELDS = ("account_type", "account_id", "cash", "frozen_cash", "market_value", "total_asset", "fetch_balance")
    __slots__ = ()


class XtOrder(Native):
    FIELDS = (
        *("account_type", "account_id", "stock_code", "order_id", "order_sysid", "order_time", "order_type"),
        *("order_volume", "price_type", "price", "traded_volume", "traded_price", "order_status", "status_msg"),
        *("strategy_name", "order_remark", "direction", "offset_flag"),
    )
    __slots__ = ()


class XtTrade(Native):
    FIELDS = (
        *("account_type", "account_id", "stock_code", "order_type", "traded_id", "traded_time", "traded_price"),
        *("traded_volume", "traded_amount", "order_id", "order_sysid", "strategy_name", "order_remark"),
        *("offset_flag", "commission"),
    )
    __slots__ = ()


class XtPosition(Native):
    FIELDS = (
        *("account_type", "account_id", "stock_code", "volume", "can_use_volume", "open_price", "avg_price"),
        *("market_value", "frozen_volume", "on_road_volume", "yesterday_volume"),
    )
    __slots__ = ()


class XtOrderError(Native):
    FIELDS = ("account_id", "order_id", "error_id", "error_msg", "strategy_name", "order_remark", "seq")
    __slots__ = ()


class XtCancelError(Native):
    FIELDS = ("account_id", "order_id", "market", "order_sysid", "error_id", "error_msg")
    __slots__ = ()


class XtAccountStatus(Native):
    FIELDS = ("account_type", "account_id", "status", "m_strAccountID", "m_nAccountType", "m_nStatus")
    __slots__ = ()


class OrderStockResp(Native):
    FIELDS = ("m_strAccountID", "m_nOrderID", "m_strStrategyName", "m_strOrderRemark", "m_strErrorMsg")
    __slots__ = ()


class CancelOrderStockResp(Native):
    FIELDS = ("m_strAccountID", "m_nCancelResult", "m_nOrderID", "m_strOrderSysID", "m_strErrorMsg")
    __slots__ = ()


OBJECTS: Final = (
    *(XtAsset, XtOrder, XtTrade, XtPosition, XtOrderError, XtCancelError, XtAccountStatus),
    *(OrderStockResp, CancelOrderStockResp),
)


# --- requests ---

_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "m_n": (int,),
    "m_d": (int, float),
    "m_b": (bool,),
    "m_s": (str,),
}


class Request:
    """A request as the native half takes it: fields of fixed types, as a binding to C++ would insist."""

    FIELDS: ClassVar[tuple[str, ...]] = ("m_nAccountType", "m_strAccountID")

    def __init__(self) -> None:
        for name in self.FIELDS:
            object.__setattr__(self, name, _KINDS[name[:3]][0]())

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.FIELDS:
            raise AttributeError(name)
        if not isinstance(value, _KINDS[name[:3]]):
            raise TypeError(f"{name} cannot be {value!r}")
        object.__setattr__(self, name, value)


class SubscribeReq(Request):
    pass


class UnsubscribeReq(Request):
    pass


class OrderStockReq(Request):
    FIELDS = (
        *Request.FIELDS,
        *("m_strStockCode", "m_strStockCode1", "m_strAccountID1", "m_nOrderType", "m_nOrderVolume", "m_nPriceType"),
        *("m_dPrice", "m_dOrderAmount", "m_strStrategyName", "m_strOrderRemark", "m_strOrderRemarkNew"),
    )


class CancelOrderStockReq(Request):
    FIELDS = (*Request.FIELDS, "m_nOrderID", "m_nMarket", "m_strMarket", "m_strOrderSysID")


class QueryStockAssetReq(Request):
    pass


class QueryStockOrdersReq(Request):
    FIELDS = (*Request.FIELDS, "m_nOrderID", "m_bCanCancel")


class QueryStockTradesReq(Request):
    pass


class QueryStockPositionsReq(Request):
    FIELDS = (*Request.FIELDS, "m_strStockCode", "m_strStockCode1")


class QueryAccountStatusReq(Request):
    FIELDS = ()


REQUESTS: Final = (
    *(SubscribeReq, UnsubscribeReq, OrderStockReq, CancelOrderStockReq, QueryStockAssetReq, QueryStockOrdersReq),
    *(QueryStockTradesReq, QueryStockPositionsReq, QueryAccountStatusReq),
)
