"""Each rule alone, at its edge: what it lets through, what it refuses, and the number it names."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.frames import Quote
from core.market import fees
from core.portfolio import Account, Position
from core.risk import Draft, affordable, cage_of, check, into_cage, limits_of, not_now, unchecked
from core.types import Mode, Side, Symbol
from tests.fakes.market import market_instant

MOUTAI, STAR, BANK = Symbol("600519.SH"), Symbol("688981.SH"), Symbol("600036.SH")
TEN = market_instant("2026-11-18 10:00")
D = Decimal


def a_draft(**changes: Any) -> Draft:
    return Draft(MOUTAI, "贵州茅台", Side.BUY, 100, D("1400.00"))._replace(**changes)


def a_quote(**changes: Any) -> Quote:
    words: dict[str, Any] = {
        "symbol": MOUTAI,
        "name": "贵州茅台",
        "last": D("1400.00"),
        "preclose": D("1400.00"),
        "source": "测试行情",
        "quoted_at": TEN,
        "received_at": TEN,
    }
    return Quote(**(words | changes))


def an_account(cash: str = "1000000", *positions: Position) -> Account:
    return Account(id="paper", name="模拟账户", mode=Mode.PAPER, cash=D(cash), positions=positions, as_of=TEN)


def held(shares: int, sellable: int) -> Account:
    return an_account("0", Position(symbol=MOUTAI, shares=shares, sellable=sellable, cost=D(1300)))


def refusals(
    draft: Draft, account: Account | None = None, quote: Quote | None = None, now: datetime = TEN
) -> dict[str, str]:
    return {one.rule: one.text for one in check(draft, account or an_account(), quote or a_quote(), now)}


def sell(shares: int) -> Draft:
    return a_draft(side=Side.SELL, shares=shares)


def test_a_lawful_order_is_not_objected_to() -> None:
    assert check(a_draft(), an_account(), a_quote(), TEN) == ()


# -- session and suspension


@pytest.mark.parametrize(
    ("at", "name"),
    [
        ("2026-11-18 09:14", "盘前"),
        ("2026-11-18 15:00", "已收盘"),
        ("2026-11-18 15:10", "盘后"),
        ("2026-11-18 20:00", "已收盘"),
        ("2026-11-21 10:00", "休市"),
        ("2026-10-01 10:00", "休市"),
    ],
)
def test_outside_the_hours_nothing_is_taken_and_the_hours_are_named(at: str, name: str) -> None:
    found = refusals(a_draft(), now=market_instant(at))
    assert set(found) == {"session"}
    assert name in found["session"]
    assert "9:15–15:00" in found["session"]


@pytest.mark.parametrize("clock", ["09:15", "09:25", "09:30", "11:30", "12:59", "13:00", "14:57", "14:59"])
def test_inside_the_hours_orders_are_taken(clock: str) -> None:
    assert refusals(a_draft(), now=market_instant(f"2026-11-18 {clock}")) == {}


def test_a_suspended_share_is_not_ordered() -> None:
    found = refusals(a_draft(), quote=a_quote(suspended=True))
    assert set(found) == {"suspended"}
    assert "贵州茅台今天停牌" in found["suspended"]


def test_what_stands_against_any_order_is_told_without_a_draft() -> None:
    closed = not_now(MOUTAI, "贵州茅台", a_quote(suspended=True), market_instant("2026-11-18 20:00"))
    assert [one.rule for one in closed] == ["suspended", "session"]


# -- lot and tick


def test_an_odd_buy_names_the_lot_and_what_would_work() -> None:
    found = refusals(a_draft(shares=37))
    assert set(found) == {"lot"}
    assert "100" in found["lot"]
    assert "37" in found["lot"]


def test_a_star_share_begins_at_two_hundred_and_goes_by_one() -> None:
    star = {"symbol": STAR, "name": "中芯国际", "limit": D("80.00")}
    quote = a_quote(symbol=STAR, name="中芯国际", last=D(80), preclose=D(80))
    assert "200" in refusals(a_draft(shares=199, **star), quote=quote)["lot"]
    assert refusals(a_draft(shares=201, **star), quote=quote) == {}


def test_a_price_off_the_grid_names_the_step_and_its_neighbours() -> None:
    found = refusals(a_draft(limit=D("1400.005")))
    assert set(found) == {"tick"}
    for number in ("0.01", "1400.005", "1400.00", "1400.01"):
        assert number in found["tick"]


@pytest.mark.parametrize("limit", ["0", "-1", "NaN", "Infinity"])
def test_a_price_that_is_none_is_refused_and_does_not_crash(limit: str) -> None:
    assert "tick" in refusals(a_draft(limit=D(limit)))


# -- price limits


def test_the_limits_of_the_day_are_themselves_allowed() -> None:
    auction = market_instant("2026-11-18 09:20")
    assert refusals(a_draft(limit=D("1540.00")), now=auction) == {}
    assert refusals(a_draft(limit=D("1260.00")), now=auction) == {}


def test_a_price_above_the_upper_limit_names_it() -> None:
    found = refusals(a_draft(limit=D("1540.01")))
    assert set(found) == {"limit_up"}
    assert "1540.01" in found["limit_up"]
    assert "1540.00" in found["limit_up"]


def test_a_price_below_the_lower_limit_names_it() -> None:
    found = refusals(a_draft(limit=D("1259.99")))
    assert set(found) == {"limit_down"}
    assert "1259.99" in found["limit_down"]
    assert "1260.00" in found["limit_down"]


def test_the_limits_of_the_source_are_believed_before_ours() -> None:
    quote = a_quote(limit_up=D("1450.00"), limit_down=D("1350.00"))
    assert "1450.00" in refusals(a_draft(limit=D("1450.01")), quote=quote)["limit_up"]
    assert "1350.00" in refusals(a_draft(limit=D("1349.99")), quote=quote)["limit_down"]


def test_a_name_with_a_warning_has_the_limit_of_its_date() -> None:
    quote = a_quote(symbol=BANK, name="*ST测试", preclose=D("10.00"), last=D("10.00"))
    before, after = market_instant("2026-07-03 10:00"), market_instant("2026-07-06 10:00")
    assert limits_of(quote, "*ST测试", before) == (D("9.50"), D("10.50"))
    assert limits_of(quote, "*ST测试", after) == (D("9.00"), D("11.00"))


def test_without_a_previous_close_no_limit_is_invented() -> None:
    assert limits_of(a_quote(preclose=None), "贵州茅台", TEN) == (None, None)


# -- cash


def test_a_buy_needs_its_fees_too_and_names_what_is_missing() -> None:
    # 140,000.00 + commission 35.00 + transfer 1.40
    assert refusals(a_draft(), an_account("140036.40")) == {}
    found = refusals(a_draft(), an_account("140036.39"))
    assert set(found) == {"cash"}
    for number in ("140,036.40", "36.40", "140,036.39", "0.01"):
        assert number in found["cash"]


def test_a_sale_needs_no_cash() -> None:
    assert refusals(sell(100), held(100, 100)) == {}


@given(
    cash=st.decimals(min_value=0, max_value=5_000_000, places=2),
    limit=st.decimals(min_value="0.01", max_value=2000, places=2),
)
def test_what_is_affordable_fits_and_a_lot_more_does_not(cash: Decimal, limit: Decimal) -> None:
    def cost(shares: int) -> Decimal:
        return limit * shares + fees(MOUTAI, Side.BUY, shares, limit, TEN.date()).total

    shares = affordable(MOUTAI, cash, limit, TEN)
    assert shares == 0 or cost(shares) <= cash
    assert cost(shares + 100) > cash


# -- what may be sold


def test_what_is_not_held_is_not_sold() -> None:
    found = refusals(sell(100), an_account())
    assert set(found) == {"no_position"}
    assert "模拟账户没有贵州茅台的持仓" in found["no_position"]


def test_what_was_bought_today_is_not_sold_and_the_rule_is_named() -> None:
    found = refusals(sell(200), held(300, 100))
    assert set(found) == {"sellable"}
    for part in ("300 股", "可卖 100 股", "200 股", "T+1"):
        assert part in found["sellable"]


def test_an_odd_rest_is_sold_whole() -> None:
    assert refusals(sell(137), held(137, 137)) == {}
    assert set(refusals(sell(50), held(137, 137))) == {"lot"}


# -- several at once


def test_everything_that_is_wrong_is_told_at_once_the_gravest_first() -> None:
    found = check(
        a_draft(shares=37, limit=D("1600.005")),
        an_account("5"),
        a_quote(suspended=True),
        market_instant("2026-11-18 20:00"),
    )
    assert [one.rule for one in found] == ["suspended", "session", "lot", "tick", "limit_up", "cash"]
    for one in found:
        assert one.text.endswith("。")


def test_the_date_of_the_rules_is_the_market_s_and_not_utc_s() -> None:
    quote = a_quote(symbol=BANK, name="*ST测试", preclose=D("10.00"))
    first_minutes = datetime(2026, 7, 5, 16, 30, tzinfo=UTC)  # 00:30 of the sixth in Shanghai
    assert limits_of(quote, "*ST测试", first_minutes) == (D("9.00"), D("11.00"))


def test_cash_that_is_not_known_refuses_no_buy_and_the_card_is_told() -> None:
    unknown = an_account("0").model_copy(update={"cash_known": False, "mode": Mode.MANUAL})
    assert refusals(a_draft(), unknown) == {}
    assert "没有登记资金，未检查可用资金" in unchecked(Side.BUY, unknown)
    assert unchecked(Side.SELL, unknown) == ""
    assert unchecked(Side.BUY, an_account("0")) == ""


def test_what_was_never_told_of_an_account_kept_by_hand_is_asked_for() -> None:
    by_hand = an_account().model_copy(update={"mode": Mode.MANUAL})
    assert "/hold 登记" in refusals(sell(100), by_hand)["no_position"]
    assert "/hold" not in refusals(sell(100))["no_position"]


# --- the cage ---


@pytest.mark.parametrize(
    ("symbol", "day", "ask", "highest", "bid", "lowest"),
    [
        ("600519.SH", "2026-11-18", "1400.00", "1428.00", "1399.00", "1371.02"),
        ("600036.SH", "2026-11-18", "3.00", "3.10", "2.99", "2.89"),  # ten steps are more than 2 %
        ("300750.SZ", "2026-11-18", "400.00", "408.00", "399.00", "391.02"),
        ("688981.SH", "2026-11-18", "3.00", "3.06", "2.99", "2.93"),  # no ten steps
        ("920118.BJ", "2026-11-18", "10.00", "10.50", "9.99", "9.49"),
        ("300750.SZ", "2023-04-07", "3.00", "3.06", "2.99", "2.93"),
        ("300750.SZ", "2023-04-10", "3.00", "3.10", "2.99", "2.89"),
        ("600519.SH", "2023-04-07", "1400.00", None, "1399.00", None),
        ("600519.SH", "2023-04-10", "1400.00", "1428.00", "1399.00", "1371.02"),
        ("510300.SH", "2026-11-18", "4.000", None, "3.999", None),
    ],
)
def test_in_continuous_trading_a_price_stands_near_the_best_one(
    symbol: str, day: str, ask: str, highest: str | None, bid: str, lowest: str | None
) -> None:
    now = market_instant(f"{day} 10:00")
    quote = a_quote(symbol=Symbol(symbol), last=D(ask), preclose=D(ask), ask=D(ask), bid=D(bid), quoted_at=now)
    for side, bound in ((Side.BUY, highest), (Side.SELL, lowest)):
        found = cage_of(Symbol(symbol), side, quote, now)
        assert found == (None if bound is None else D(bound))
        if found is None:
            continue
        step = D("0.01") if side is Side.BUY else D("-0.01")
        at, beyond = (a_draft(symbol=Symbol(symbol), side=side, limit=found + more) for more in (D(0), step))
        account = an_account("10000000", Position(symbol=Symbol(symbol), shares=200, sellable=200, cost=D(1)))
        assert "cage" not in refusals(at, account, quote, now)
        assert str(found) in refusals(beyond, account, quote, now)["cage"]
        assert into_cage(beyond, quote, now) == found


def test_without_the_other_side_the_cage_is_measured_from_what_there_is() -> None:
    def highest(**changes: Any) -> Decimal | None:
        return cage_of(MOUTAI, Side.BUY, a_quote(**changes), TEN)

    assert highest(ask=D(1410), bid=D(1405)) == D("1438.20")
    assert highest(bid=D(1405)) == D("1433.10")
    assert highest() == D("1428.00")
    assert highest(last=None, preclose=D(1390)) == D("1417.80")


@pytest.mark.parametrize("clock", ["09:20", "09:27", "12:00", "14:58"])
def test_outside_continuous_trading_there_is_no_cage(clock: str) -> None:
    now = market_instant(f"2026-11-18 {clock}")
    assert refusals(a_draft(limit=D("1500.00")), now=now) == {}


def test_a_slip_beyond_the_limits_of_the_day_is_refused_and_not_put_right() -> None:
    slip = a_draft(limit=D("14000.00"))
    assert into_cage(slip, a_quote(), TEN) == D("14000.00")
    assert "limit_up" in refusals(slip, an_account("100000000"))


def test_of_a_share_with_a_warning_no_more_than_the_cap_is_bought_in_a_day() -> None:
    rich = an_account("100000000")
    draft = a_draft(symbol=BANK, name="*ST海华", limit=D("3.00"))
    quote = a_quote(symbol=BANK, last=D("3.00"), preclose=D("3.00"))

    def rules(shares: int, bought: int, **changes: Any) -> set[str]:
        wanted = draft._replace(shares=shares, **changes)
        return {one.rule for one in check(wanted, rich, quote, TEN, bought)}

    assert rules(500_000, 0) == set()
    assert rules(100, 500_000) == {"warned"}
    assert rules(500_100, 0) == {"warned"}
    assert rules(500_100, 0, name="海华科技") == set()
