"""What a broker has, held against what we have: each way in which the two can differ, and what explains it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from core.accord import Baseline, Moved, Recost, accord, baseline
from core.clock import MARKET_ZONE
from core.ex_dates import ExDate
from core.orders import Fill, Order, OrderState
from core.portfolio import Account, Position
from core.statement import Placed, Statement, Trade
from core.types import Mode, Price, Shares, Side, Symbol

D = Decimal
MOUTAI = Symbol("600519.SH")
BANK = Symbol("600036.SH")
NOW = datetime(2026, 6, 26, 11, 35, tzinfo=MARKET_ZONE)
TODAY = date(2026, 6, 26)
YESTERDAY = date(2026, 6, 25)


def position(symbol: Symbol, shares: Shares, cost: str = "1400") -> Position:
    return Position(symbol=symbol, shares=shares, sellable=shares, cost=D(cost))


def statement(*positions: Position, trades: tuple[Trade, ...] = (), orders: tuple[Placed, ...] = ()) -> Statement:
    account = Account(id="real", name="甲", mode=Mode.LIVE, cash=D(0), positions=positions, as_of=NOW)
    return Statement(account=account, trades=trades, orders=orders)


def trade(trade_id: str, shares: Shares, *, side: Side = Side.BUY, order_id: str = "", price: str = "1400") -> Trade:
    return Trade(
        id=trade_id, order_id=order_id, broker_id="B1", symbol=MOUTAI, side=side, shares=shares, price=D(price), at=NOW
    )


def order(order_id: str = "dp1", *, state: OrderState = OrderState.ACCEPTED, broker_id: str | None = "B1") -> Order:
    return Order(
        id=order_id,
        ticket_id=order_id[2:],
        account="real",
        mode=Mode.LIVE,
        symbol=MOUTAI,
        side=Side.BUY,
        shares=100,
        limit=D(1400),
        state=state,
        broker_id=broker_id,
        created_at=NOW,
        updated_at=NOW,
    )


def fill(fill_id: str = "T1") -> Fill:
    return Fill(
        id=fill_id, order_id="dp1", account="real", symbol=MOUTAI, side=Side.BUY, shares=100, price=D(1400), at=NOW
    )


def placed(order_id: str = "dp1", state: OrderState = OrderState.ACCEPTED) -> Placed:
    return Placed(
        id=order_id,
        broker_id="B1",
        symbol=MOUTAI,
        side=Side.BUY,
        shares=100,
        limit=D(1400),
        state=state,
        at=NOW,
    )


def before(
    shares: dict[Symbol, Shares], costs: dict[Symbol, Price] | None = None, *, day: date = YESTERDAY, counted: str = ""
) -> Baseline:
    return Baseline(
        day=day, shares=shares, costs=costs or dict.fromkeys(shares, D(1400)), counted=tuple(counted.split())
    )


def test_what_agrees_says_nothing() -> None:
    now = statement(
        position(MOUTAI, 200), trades=(trade("T1", 100, order_id="dp1"),), orders=(placed(state=OrderState.FILLED),)
    )
    found = accord(now, [order(state=OrderState.FILLED)], [fill()], before({MOUTAI: 100}), {})
    assert not found.says_something
    assert not found.differs


def test_a_trade_made_elsewhere_is_told_once_and_explains_the_shares() -> None:
    now = statement(position(MOUTAI, 100), trades=(trade("X1", 100, side=Side.SELL),))
    found = accord(now, [], [], before({MOUTAI: 200}), {})
    assert [one.id for one in found.outside] == ["X1"]
    assert not found.differs
    again = accord(now, [], [], baseline(now), {})
    assert not again.says_something


def test_a_remark_of_somebody_elses_program_is_not_ours() -> None:
    now = statement(position(MOUTAI, 100), trades=(trade("X1", 100, order_id="other-bot"),))
    assert [one.id for one in accord(now, [order()], [], before({}), {}).outside] == ["X1"]


def test_fills_of_ours_since_the_last_look_explain_the_shares_of_another_day() -> None:
    yesterday = fill().model_copy(update={"at": NOW - timedelta(days=1)})
    now = statement(position(MOUTAI, 100))
    assert not accord(now, [], [yesterday], before({}), {}).differs
    # What that look had counted is not counted again.
    assert not accord(
        statement(position(MOUTAI, 100)), [], [yesterday], before({MOUTAI: 100}, counted="T1"), {}
    ).differs


def test_what_a_broker_still_lists_of_yesterday_is_not_looked_at() -> None:
    old = trade("T1", 100, order_id="dp1").model_copy(update={"at": NOW - timedelta(days=1)})
    gone = placed(state=OrderState.FILLED).model_copy(update={"at": NOW - timedelta(days=1)})
    now = statement(position(MOUTAI, 100), trades=(old,), orders=(gone,))
    assert not accord(now, [], [], before({MOUTAI: 100}, counted="T1"), {}).says_something
    assert baseline(now).counted == ()


def test_new_shares_are_told_and_lock_nothing_and_a_repo_is_no_holding() -> None:
    repo = Symbol("204001.SH")
    lent = trade("R1", 10, side=Side.SELL).model_copy(update={"symbol": repo})
    found = accord(statement(position(MOUTAI, 500), trades=(lent,)), [], [], before({}), {})
    assert found.moved == (Moved(MOUTAI, 0, 500, is_new=True),)
    assert not found.differs


def test_an_order_whose_fate_is_unknown_has_a_card_of_its_own_and_is_no_difference() -> None:
    stranded = order(state=OrderState.UNKNOWN)
    old = order().model_copy(update={"created_at": NOW - timedelta(days=1)})
    assert not accord(statement(), [stranded, old], [], before({}), {}).says_something


def test_shares_that_no_trade_explains_differ() -> None:
    found = accord(statement(position(MOUTAI, 100)), [], [], before({MOUTAI: 200, BANK: 300}), {})
    assert found.moved == (Moved(BANK, 300, 0), Moved(MOUTAI, 200, 100))
    assert found.differs == {BANK, MOUTAI}


def test_a_trade_that_was_counted_is_not_counted_again_on_the_same_day() -> None:
    now = statement(position(MOUTAI, 200), trades=(trade("T1", 100, order_id="dp1"),))
    assert not accord(
        now, [order(state=OrderState.FILLED)], [fill()], before({MOUTAI: 200}, day=TODAY, counted="T1"), {}
    )[5]
    # The next day a broker may begin its numbers anew.
    assert accord(now, [order(state=OrderState.FILLED)], [fill()], before({MOUTAI: 200}, counted="T1"), {}).moved


def test_an_account_that_was_never_seen_differs_in_nothing_but_what_was_done_today() -> None:
    found = accord(statement(position(MOUTAI, 500), trades=(trade("X1", 100),)), [], [], None, {})
    assert (found.moved, found.recosted) == ((), ())
    assert [one.id for one in found.outside] == ["X1"]


def test_a_trade_of_ours_that_we_have_not_heard_of_differs() -> None:
    now = statement(position(MOUTAI, 100), trades=(trade("T1", 100, order_id="dp1"),), orders=(placed(),))
    found = accord(now, [order()], [], before({}), {})
    assert [one.id for one in found.unheard] == ["T1"]
    assert not found.outside
    assert found.differs == {MOUTAI}


def test_a_fill_of_ours_that_the_broker_does_not_list_differs() -> None:
    found = accord(statement(), [order(state=OrderState.FILLED)], [fill()], before({}), {})
    assert [one.id for one in found.unlisted] == ["T1"]
    assert found.differs == {MOUTAI}


def test_an_open_order_that_the_broker_took_and_does_not_list_differs_and_one_it_never_took_does_not() -> None:
    found = accord(statement(), [order(), order("dp2", state=OrderState.UNKNOWN, broker_id=None)], [], before({}), {})
    assert [one.id for one in found.missing] == ["dp1"]


def test_open_orders_placed_elsewhere_are_told_and_lock_nothing() -> None:
    found = accord(statement(orders=(placed(""), placed("", OrderState.FILLED))), [], [], before({}), {})
    assert len(found.strange) == 1
    assert not found.differs


def test_a_dividend_is_a_changed_cost_and_no_difference() -> None:
    ex = ExDate(symbol=MOUTAI, day=TODAY, close=D(1430), preclose=D("1402.05"))
    now = statement(position(MOUTAI, 100, "1372.05"))
    found = accord(now, [], [], before({MOUTAI: 100}), {MOUTAI: ex})
    assert found.recosted == (Recost(MOUTAI, 100, 100, D(1400), D("1372.05"), ex),)
    assert not found.differs
    assert accord(now, [], [], before({MOUTAI: 100}), {}).recosted[0].ex is None


def test_bonus_shares_on_an_ex_date_are_no_difference_and_on_another_day_they_are() -> None:
    ex = ExDate(symbol=MOUTAI, day=TODAY, close=D(1430), preclose=D("1021.43"))
    now = statement(position(MOUTAI, 140, "1000"))
    found = accord(now, [], [], before({MOUTAI: 100}), {MOUTAI: ex})
    assert not found.differs
    assert found.recosted == (Recost(MOUTAI, 100, 140, D(1400), D(1000), ex),)
    assert accord(now, [], [], before({MOUTAI: 100}), {}).moved == (Moved(MOUTAI, 100, 140),)
    sold_some = statement(position(MOUTAI, 60, "1000"))
    assert accord(sold_some, [], [], before({MOUTAI: 100}), {MOUTAI: ex}).moved


def test_a_cost_that_a_fee_corrects_is_not_worth_a_word() -> None:
    assert not accord(statement(position(MOUTAI, 100, "1400.31")), [], [], before({MOUTAI: 100}), {}).says_something
