"""The codes of miniQMT are those of its SDK, and what is known of an order only grows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import xt
from adapters.brokers import qmt_words as words
from core.errors import Malformed
from core.orders import OrderState, ReportKind
from core.types import Side, Symbol

D = Decimal
RAW = {
    "account_id": "10001",
    "stock_code": "600000.SH",
    "order_id": 1001,
    "order_remark": "dp7F3KQ2ZX",
    "order_type": 23,
    "order_volume": 1000,
    "price": 10.0,
    "price_type": 50,
    "traded_volume": 0,
    "order_status": 50,
    "status_msg": "",
    "order_time": 1774231200,
}
TRADE = {
    "account_id": "10001",
    "stock_code": "518880.SH",
    "order_type": 24,
    "traded_id": "0001",
    "traded_time": 1774231200,
    "traded_price": 4.9910000000000005,
    "traded_volume": 300,
    "order_id": 1001,
    "order_remark": None,
}


def raw(values: dict[str, Any], **changes: Any) -> Any:
    return SimpleNamespace(**{**values, **changes})


def without(values: dict[str, Any], name: str) -> Any:
    return SimpleNamespace(**{key: value for key, value in values.items() if key != name})


def order(**changes: Any) -> words.OrderRow:
    row = words.order_row(raw(RAW, **changes))
    assert row is not None
    return row


# --- codes ---


def test_every_order_status_of_the_sdk_has_a_meaning() -> None:
    constants = xt.load("xtconstant")
    theirs = {
        "ORDER_UNREPORTED": OrderState.SUBMITTED,
        "ORDER_WAIT_REPORTING": OrderState.SUBMITTED,
        "ORDER_REPORTED": OrderState.ACCEPTED,
        "ORDER_REPORTED_CANCEL": OrderState.ACCEPTED,
        "ORDER_PARTSUCC_CANCEL": OrderState.PARTIAL,
        "ORDER_PART_CANCEL": OrderState.CANCELLED,
        "ORDER_CANCELED": OrderState.CANCELLED,
        "ORDER_PART_SUCC": OrderState.PARTIAL,
        "ORDER_SUCCEEDED": OrderState.FILLED,
        "ORDER_JUNK": OrderState.REJECTED,
        "ORDER_UNKNOWN": OrderState.UNKNOWN,
    }
    assert {getattr(constants, name): state for name, state in theirs.items()} == {
        status: stands.state for status, stands in words.STATUS.items()
    }


def test_what_is_reported_of_a_status_fits_where_the_order_stands() -> None:
    for status, (state, report) in words.STATUS.items():
        match report:
            case ReportKind.CANCELLED:
                assert state is OrderState.CANCELLED
            case ReportKind.REJECTED:
                assert state is OrderState.REJECTED
            case ReportKind.ACCEPTED:
                assert state in {OrderState.ACCEPTED, OrderState.PARTIAL, OrderState.FILLED}
            case _:
                assert status in {48, 49, 255}


def test_the_other_codes_are_those_of_the_sdk() -> None:
    constants = xt.load("xtconstant")
    assert (words.BUY, words.SELL, words.LIMIT) == (
        constants.STOCK_BUY,
        constants.STOCK_SELL,
        constants.FIX_PRICE,
    )
    statuses = {value for name, value in vars(constants).items() if name.startswith("ACCOUNT_STATUS")}
    assert {value for value in statuses if isinstance(value, int)} == set(words.ACCOUNT_STATUS)
    assert constants.ACCOUNT_STATUS_OK == words.FINE


# --- copying ---


def test_an_order_is_copied_with_its_noise_taken_off() -> None:
    assert order(price=9.990000000000002) == words.OrderRow(
        number="10001",
        order_id=1001,
        remark="dp7F3KQ2ZX",
        symbol=Symbol("600000.SH"),
        side=Side.BUY,
        shares=1000,
        limit=D("9.99"),
        filled=0,
        status=50,
        text="",
        at=datetime(2026, 3, 23, 2, tzinfo=UTC),
    )


@pytest.mark.parametrize(("price_type", "price", "limit"), [(50, 10.0, "10.00"), (11, 10.0, "10.00"), (88, 10.0, None)])
def test_a_market_order_has_no_limit(price_type: int, price: float, limit: str | None) -> None:
    assert order(price_type=price_type, price=price).limit == (None if limit is None else D(limit))


def test_a_trade_is_copied_with_the_third_decimal_where_it_says_something() -> None:
    row = words.trade_row(raw(TRADE))
    assert row is not None
    assert (row.price, row.side, row.remark, row.fee) == (D("4.991"), Side.SELL, "", None)


@pytest.mark.parametrize(
    ("commission", "fee"), [(5.1, "5.10"), (0.0, None), (float("nan"), None), (1.7976931348623157e308, None)]
)
def test_a_fee_that_was_never_set_is_no_fee(commission: float, fee: str | None) -> None:
    row = words.trade_row(raw(TRADE, commission=commission))
    assert row is not None
    assert row.fee == (None if fee is None else D(fee))


def test_an_order_of_a_margin_account_is_a_buy_or_a_sell_too() -> None:
    assert order(order_type=27, offset_flag=48).side is Side.BUY
    assert order(order_type=31, offset_flag=49).side is Side.SELL
    assert words.order_row(raw(RAW, order_type=31)) is None


@pytest.mark.parametrize("name", ["account_id", "order_id", "order_remark", "order_volume", "price", "order_status"])
def test_an_order_without_a_field_is_not_understood(name: str) -> None:
    with pytest.raises(Malformed, match=name):
        words.order_row(without(RAW, name))


@pytest.mark.parametrize("value", [None, "x", float("nan"), float("inf")])
def test_a_number_that_is_none_is_not_understood(value: object) -> None:
    with pytest.raises(Malformed):
        words.order_row(raw(RAW, order_volume=value))


def test_a_trade_without_a_price_is_not_understood() -> None:
    with pytest.raises(Malformed, match="没有价格"):
        words.trade_row(raw(TRADE, traded_price=0.0))


def test_an_asset_without_cash_is_not_understood() -> None:
    assert words.asset_row(SimpleNamespace(cash=1.005)).cash == D("1.01")
    with pytest.raises(Malformed, match="可用金额"):
        words.asset_row(SimpleNamespace(cash=float("nan")))


def test_the_cost_of_a_position_is_its_average_or_else_its_opening_price() -> None:
    values = {"stock_code": "600000.SH", "volume": 100, "can_use_volume": 0, "open_price": 9.5}
    first, second = words.position_row(raw(values, avg_price=9.34069)), words.position_row(raw(values))
    assert first is not None
    assert second is not None
    assert (first.cost, second.cost) == (D("9.3407"), D("9.5000"))


# --- merging ---

ROWS = st.builds(
    order,
    order_status=st.sampled_from(sorted(words.STATUS)),
    traded_volume=st.integers(0, 10).map(lambda lots: lots * 100),
    order_remark=st.sampled_from(["", "dp7F3KQ2ZX"]),
)


@given(st.lists(ROWS, min_size=1, max_size=8))
def test_what_was_traded_never_shrinks_and_what_is_final_stays_final(rows: list[words.OrderRow]) -> None:
    known: words.OrderRow | None = None
    for row in rows:
        after = words.merged(known, row)
        if known is not None:
            assert after.filled >= known.filled
            assert after.stands.state.final or not known.stands.state.final
            assert after.remark or not known.remark
        assert after.filled >= row.filled
        known = after


@given(ROWS)
def test_the_same_row_again_says_nothing_new(row: words.OrderRow) -> None:
    assert words.merged(row, row) == row


def test_a_number_given_to_another_order_begins_anew() -> None:
    assert words.merged(order(order_status=54, traded_volume=300), order(order_volume=200)).filled == 0
