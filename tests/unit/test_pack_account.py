"""Position, money, watches and alerts, as a pack shows them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from core.alerts import Alert, Reason
from core.conditions import EnterRange, PriceBelow, Turnover
from core.judging import Rule, legs_of
from core.known import Room, Watched
from core.limits import Limits, Standing, Used, room
from core.pack import Pack
from core.pack_account import MOST_ALERTS, most_of
from core.packing import pack
from core.portfolio import Position
from core.risk import Draft, over_limits
from core.types import Mode, Side, Symbol
from core.view import View
from core.watches import Arm, Plan, RuleKey, Watch, WatchState
from core.zones import Missing
from tests.fakes import facts
from tests.fakes.facts import NOW, of
from tests.fakes.parts import FUND, MOUTAI, watch


def lines(packed: Pack, title: str) -> str:
    return "".join(line for section in packed.sections if section.title == title for line in section.lines)


def shown(packed: Pack, *names: str) -> list[Decimal | None]:
    return [of(packed, name).value for name in names]


def test_the_position_is_reckoned_at_the_price() -> None:
    packed = pack(facts.known())
    assert shown(packed, "held", "sellable", "locked", "bought_today") == [300, 200, 100, 100]
    # 300 * 1430; 300 * (1430 - 1400.123); 29.877 / 1400.123; 429000 / 929000
    assert shown(packed, "cost", "position_value", "profit", "profit_percent", "weight") == [
        Decimal(text) for text in ("1400.123", "429000.00", "8963.10", "2.13", "46.18")
    ]
    assert shown(packed, "cash", "total") == [Decimal("500000.00"), Decimal("929000.00")]
    assert (packed.held, packed.sellable, packed.account, packed.mode) == (300, 200, "paper", Mode.PAPER)


def test_what_was_bought_today_is_not_sold_today() -> None:
    packed = pack(facts.known(account=facts.account(facts.held(300, 0)), bought=300))
    assert shown(packed, "held", "sellable", "locked", "bought_today") == [300, 0, 300, 300]
    assert packed.sellable == 0
    assert "300 股今天不能卖" in lines(packed, "持仓与资金")
    assert "T+1" in lines(packed, "持仓与资金")


def test_a_fund_that_settles_on_the_same_day_is_not_said_to_wait() -> None:
    gold = Symbol("518880.SH")
    position = Position(symbol=gold, shares=1000, sellable=400, cost=Decimal(5))
    packed = pack(facts.known(symbol=gold, account=facts.account(position), quote=facts.today(symbol=gold)))
    assert "600 份今天不能卖" in lines(packed, "持仓与资金")
    assert "T+1" not in lines(packed, "持仓与资金")


def test_without_a_position_0_shares_are_a_fact_and_its_profit_is_missing() -> None:
    packed = pack(facts.known(account=facts.account(), bought=0))
    assert shown(packed, "held", "sellable", "locked") == [0, 0, 0]
    assert {of(packed, name).why for name in ("cost", "profit", "profit_percent", "weight")} == {"没有持仓"}
    assert "没有持仓" in lines(packed, "持仓与资金")


def test_where_no_account_is_looked_at_nothing_of_one_is_said() -> None:
    missing = Missing("没有看账户")
    packed = pack(facts.known(looked="", where="", account=missing, total=missing, bought=missing, room=Room()))
    assert not {"held", "cost", "cash", "total", "most"} & {one.name for one in packed.given()}
    assert (packed.held, packed.sellable, packed.most, packed.account, packed.mode) == (0, 0, 0, "", None)


def test_an_account_that_may_not_be_seen_is_missing_with_all_its_figures() -> None:
    why = Missing("没有查看这个账户的权限")
    packed = pack(facts.known(account=why, total=why, bought=why, room=Room()))
    names = ("held", "sellable", "locked", "bought_today", "cost", "profit", "weight", "cash", "total", "most")
    assert {of(packed, name).why for name in names} == {why.what}
    assert (packed.held, packed.sellable, packed.most) == (0, 0, 0)


def test_an_account_kept_by_hand_without_cash_has_none_and_buys_nothing() -> None:
    account = facts.account(facts.held(), cash=Decimal(0), cash_known=False, mode=Mode.MANUAL)
    packed = pack(facts.known(account=account, total=Missing("没有登记可用资金")))
    assert {of(packed, name).why for name in ("cash", "total", "most", "weight")} == {"没有登记可用资金"}
    assert packed.most == 0


def test_a_cost_below_nothing_has_no_percent() -> None:
    packed = pack(facts.known(account=facts.account(facts.held(cost="-3.000"))))
    assert shown(packed, "cost", "profit") == [Decimal("-3.000"), Decimal("429900.00")]
    assert of(packed, "profit_percent").why == "成本价不大于 0"


def test_a_doubtful_price_values_nothing() -> None:
    packed = pack(facts.known(doubt="行情过旧"))
    assert {of(packed, name).why for name in ("position_value", "profit", "weight")} == {"没有现价"}


# -- how much more may be bought


@pytest.mark.parametrize(
    ("room", "cash", "most"),
    [
        (Room(), "500000", 300),  # 349.6 shares, in lots
        (Room(Decimal(200_000)), "500000", 100),
        (Room(Decimal(143_001)), "500000", 100),  # at 1430.01, the best ask
        (Room(Decimal("143000.99")), "500000", 0),
        (Room(Decimal(0)), "500000", 0),
        (Room(), "143000", 0),  # the fees are short
        (Room(), "143050", 100),
    ],
)
def test_money_and_limits_say_how_much_more_may_be_bought(room: Room, cash: str, most: int) -> None:
    packed = pack(facts.known(room=room, account=facts.account(cash=Decimal(cash))))
    assert packed.most == most
    assert of(packed, "most").value == most


def test_a_share_with_a_risk_warning_has_a_cap_a_day() -> None:
    seen = facts.today("1.00", name="*ST茅台", preclose="1.00", open="1", high="1", low="1", ask="1.00")
    known = facts.known(
        name="*ST茅台", quote=seen, account=facts.account(cash=Decimal(10**7)), room=Room(None, 450_000)
    )
    assert most_of(known) == 50_000


def test_without_a_price_nobody_knows_how_much() -> None:
    packed = pack(facts.known(quote=Missing("没有行情")))
    assert of(packed, "most").why == "没有行情"
    assert packed.most == 0


yuan = st.decimals(min_value=1, max_value=10**6, places=2)


@examples(
    st.builds(
        Limits,
        order_amount=st.none() | yuan,
        day_orders=st.none() | st.integers(1, 5),
        symbol_amount=st.none() | yuan,
        symbol_weight=st.none() | st.decimals(min_value=1, max_value=100, places=1),
    ),
    st.none() | yuan,
    st.builds(
        Standing,
        st.builds(Used, yuan, st.integers(0, 5)),
        yuan,
        st.none() | st.decimals(min_value=1, max_value=10**7, places=2),
    ),
)
def test_the_room_is_what_the_check_of_an_order_allows_and_no_fen_more(
    limits: Limits, day: Decimal | None, standing: Standing
) -> None:
    if day is not None and (limits.order_amount is None or limits.order_amount <= day):
        limits = limits.model_copy(update={"day_amount": day})
    left = room(limits, standing)

    def refused(amount: Decimal) -> bool:
        draft = Draft(MOUTAI, "贵州茅台", Side.BUY, 1, amount)
        return bool(over_limits(draft, limits, standing))

    if left is None:
        assert not refused(Decimal(10**9))
        return
    within = left.quantize(Decimal("0.01"), "ROUND_DOWN")
    assert within == 0 or not refused(within)
    assert refused(left + Decimal("0.02"))


# -- watches


def watched(one: Watch, symbol: Symbol = MOUTAI) -> Watched:
    legs: list[object] = []
    for group, conditions in enumerate(one.groups()):
        rule = Rule(one, RuleKey(one.id, symbol, group), conditions, Arm(RuleKey(one.id, symbol, group)))
        found = legs_of(rule, View(facts.today(symbol=symbol)))
        legs += [] if isinstance(found, Missing) else found
    return Watched(one, legs, "现价 1430.00，触发区 ≤ 1400.00")  # type: ignore[arg-type]


def test_the_price_that_a_watch_waits_for_stands_with_its_distance() -> None:
    one = watch(PriceBelow(value=Decimal(1400)), number=3, plan=Plan(side=Side.BUY, shares=100, price=Decimal(1390)))
    packed = pack(facts.known(watches=[watched(one)]))
    # 1400 / 1430 - 1
    assert shown(packed, "watch3_1", "watch3_1_gap") == [Decimal("1400.000"), Decimal("-2.10")]
    said = lines(packed, "盯盘")
    assert "盯盘 #3" in said
    assert "买入 100 股，限价 1390.00" in said
    assert packed.watches == ("w1",)


def test_both_sides_of_a_range_are_told_and_what_holds_is_0_away() -> None:
    one = watch(EnterRange(low=Decimal(1425), high=Decimal(1440)), PriceBelow(value=Decimal(1400)), number=2)
    packed = pack(facts.known(watches=[watched(one)]))
    names = [f"watch2_{place}{end}" for place in (1, 2, 3) for end in ("", "_gap")]
    assert shown(packed, *names) == [
        Decimal(text) for text in ("1425.000", "0.00", "1440.000", "0.00", "1400.000", "-2.10")
    ]
    assert of(packed, "watch2_2").label == "盯盘#2触发价2"


def test_what_is_no_price_is_told_in_words() -> None:
    one = watch(Turnover(value=Decimal(5)), number=4)
    packed = pack(facts.known(watches=[watched(one)]))
    assert not [each for each in packed.given() if each.name.startswith("watch")]
    assert "盯盘 #4" in lines(packed, "盯盘")


def test_a_watch_of_an_account_that_may_not_be_seen_tells_no_price() -> None:
    one = Watched(watch(PriceBelow(value=Decimal(1400)), number=5), Missing("没有查看它的账户的权限"))
    packed = pack(facts.known(watches=[one]))
    assert not [each for each in packed.given() if each.name.startswith("watch")]
    assert "没有查看它的账户的权限" in lines(packed, "盯盘")


def test_a_paused_watch_is_called_so() -> None:
    one = watch(PriceBelow(value=Decimal(1400)), number=6, state=WatchState.PAUSED)
    assert "现在没有在盯" in lines(pack(facts.known(watches=[Watched(one, Missing("x"))])), "盯盘")


# -- alerts


def alert(number: int = 1, **changes: object) -> Alert:
    return Alert.model_validate(
        {
            "id": f"a{number}",
            "watch_id": "w1",
            "watch_number": 3,
            "owner": "local",
            "symbol": MOUTAI,
            "name": "贵州茅台",
            "group": 0,
            "condition": "跌到 1420.00 及以下",
            "price": Decimal("1419.50"),
            "why": "现价 1419.50，触发区 ≤ 1420.00",
            "source": "测试",
            "quoted_at": NOW - timedelta(hours=number),
            "at": NOW - timedelta(hours=number),
            "reason": Reason.FIRST,
            **changes,
        }
    )


def test_what_fired_lately_is_told_as_it_was() -> None:
    packed = pack(facts.known(alerts=[alert()]))
    assert packed.fired == ("a1",)
    assert "03-24 09:00 盯盘 #3 跌到 1420.00 及以下：现价 1419.50，触发区 ≤ 1420.00（首次触发，已提醒）" in lines(
        packed, "最近提醒"
    )


def test_the_alert_that_it_is_about_stands_first_and_once() -> None:
    one = alert(percent=Decimal("-1.234"))
    packed = pack(facts.known(alerts=[one, alert(2)], alert=one))
    assert shown(packed, "alert_price", "alert_percent") == [Decimal("1419.500"), Decimal("-1.23")]
    said = lines(packed, "最近提醒")
    assert said.startswith("这次要点评的提醒：03-24 09:00")
    assert said.count("03-24 09:00") == 1


def test_only_so_many_alerts_are_told() -> None:
    packed = pack(facts.known(alerts=[alert(number) for number in range(1, 30)]))
    assert lines(packed, "最近提醒").count("盯盘 #3") == MOST_ALERTS


def test_that_alerts_could_not_be_read_is_said() -> None:
    assert "提醒记录缺失：数据库没有回答" in lines(pack(facts.known(alerts=Missing("数据库没有回答"))), "最近提醒")


def test_funds_are_counted_in_their_own_unit() -> None:
    position = Position(symbol=FUND, shares=1000, sellable=1000, cost=Decimal(4))
    packed = pack(facts.known(symbol=FUND, account=facts.account(position), quote=facts.today("4.1", symbol=FUND)))
    assert of(packed, "held").counter == "份"
