"""A day with miniQMT: trades, cancels, the close, restarts, and lists that are no answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.brokers import qmt
from adapters.brokers.qmt_terminal import Login
from core.clock import ManualClock, market_time
from core.errors import ConfigError, OutsideError, Refused, Unavailable
from core.orders import OrderState, ReportKind
from core.types import Side
from tests.contract.test_brokers import GOLD, market
from tests.fakes.xtbench import NUMBER, QmtBench
from tests.fakes.xtcases import after, an_order, heard, kinds, made, outcome
from tests.fakes.xtnative import SILENT

D = Decimal
R = ReportKind


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(market("2026-03-23", "10:00"))


@pytest.fixture
async def bench(tmp_path: Path, clock: ManualClock) -> AsyncIterator[QmtBench]:
    bench = made(tmp_path, clock)
    await bench.ready()
    yield bench
    await bench.close()


# --- trades ---


async def test_everything_told_twice_counts_once(bench: QmtBench) -> None:
    bench.terminal.twice |= {"answer", "order", "trade"}
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    await bench.trade(order, 400, D("10.00"))
    await bench.trade(order, 600, D("9.99"))
    await bench.patience.settle()
    done = after(order, await heard(bench, 3))
    assert (done.state, done.filled, done.filled_amount) == (OrderState.FILLED, 1000, D("9994.00"))
    assert await kinds(bench.broker) == [R.ACCEPTED, R.FILL, R.FILL]


async def test_trades_whose_pushes_are_lost_are_found(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    bench.terminal.lose |= {"trade", "order"}
    await bench.trade(order, 1000, D("10.00"))
    assert after(order, await heard(bench, 2)).state is OrderState.FILLED


async def test_a_trade_before_the_acknowledgement_counts(bench: QmtBench) -> None:
    bench.terminal.hold |= {"answer", "order"}
    order = an_order(bench)
    task = asyncio.create_task(bench.broker.submit(order))
    await bench.patience.settle()
    await bench.trade(order, 1000, D("10.00"))
    assert await outcome(bench, task) is None
    bench.terminal.release()
    await bench.patience.settle()
    reports = await heard(bench, 2)
    assert [report.kind for report in reports] == [R.ACCEPTED, R.FILL]
    assert after(order, reports).state is OrderState.FILLED


async def test_a_push_from_before_moves_nothing_back(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    await bench.trade(order, 400, D("10.00"))
    await bench.call_off(order)
    await bench.patience.settle()
    bench.terminal.push_again(bench.filing(order), order_status=50, traded_volume=0)
    await bench.patience.settle()
    assert await kinds(bench.broker) == [R.ACCEPTED, R.FILL, R.CANCELLED]
    seen = (await bench.broker.statement()).orders[0]
    assert (seen.state, seen.filled) == (OrderState.CANCELLED, 400)


async def test_a_late_trade_after_the_cancel_counts(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    bench.terminal.hold.add("trade")
    bench.terminal.answers["trades"] = []
    await bench.trade(order, 400, D("10.00"))
    await bench.call_off(order)
    assert await kinds(bench.broker) == [R.ACCEPTED, R.CANCELLED]
    bench.terminal.release()
    late = after(order, await heard(bench, 3))
    assert (late.state, late.filled) == (OrderState.CANCELLED, 400)


async def test_the_fee_is_the_brokers_where_it_says_one(bench: QmtBench) -> None:
    bench.terminal.fee = D("1.23")
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    await bench.trade(order, 1000, D("10.00"))
    assert after(order, list(await bench.broker.find(order.id) or ())).fees == D("1.23")
    assert [one.fee for one in (await bench.broker.statement()).trades] == [D("1.23")]


# --- cancelling ---


async def test_a_cancel_that_is_only_asked_for_is_no_cancel(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    for status in (51, 52):
        bench.terminal.push_again(bench.filing(order), order_status=status)
    await bench.patience.settle()
    assert await kinds(bench.broker) == [R.ACCEPTED]


async def test_a_refused_cancel_says_why(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    bench.terminal.cancel_refused = "当前时段不能撤单"
    error = await outcome(bench, bench.broker.cancel(order))
    assert isinstance(error, Refused)
    assert "当前时段不能撤单" in error.reason


async def test_a_cancel_without_an_answer_is_not_known_to_have_left(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    bench.terminal.lose.add("cancel")
    error = await outcome(bench, bench.broker.cancel(order))
    assert isinstance(error, Unavailable)
    assert "不知道送到了没有" in error.reason
    assert await kinds(bench.broker) == [R.ACCEPTED, R.CANCELLED]


async def test_an_order_that_nobody_has_seen_cannot_be_cancelled(bench: QmtBench) -> None:
    bench.terminal.swallows = True
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    assert isinstance(await outcome(bench, bench.broker.cancel(order)), Unavailable)
    assert bench.terminal.calls["cancel"] == 0


# --- the day ---


async def test_an_open_order_expires_when_the_day_is_over(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    await bench.trade(order, 400, D("10.00"))
    bench.clock.set(market("2026-03-23", "15:30:30"))
    assert await kinds(bench.broker) == [R.ACCEPTED, R.FILL]
    bench.clock.set(market("2026-03-23", "15:31"))
    expired = after(order, list(await bench.broker.find(order.id) or ()))
    assert (expired.state, expired.filled) == (OrderState.EXPIRED, 400)
    assert "还有 600 股没有成交" in expired.note
    assert market_time(expired.updated_at).hour == 15
    bench.clock.set(market("2026-03-24", "10:00"))
    assert await kinds(bench.broker) == [R.ACCEPTED, R.FILL, R.EXPIRED]


async def test_an_order_does_not_expire_before_all_its_trades_are_known(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    bench.terminal.lose.add("trade")
    bench.terminal.answers["trades"] = []
    await bench.trade(order, 400, D("10.00"))
    bench.clock.set(market("2026-03-23", "15:31"))
    assert await kinds(bench.broker) == [R.ACCEPTED]
    del bench.terminal.answers["trades"]
    assert await kinds(bench.broker) == [R.ACCEPTED, R.FILL, R.EXPIRED]


async def test_the_trades_of_an_order_that_is_over_are_looked_for_until_they_are_there(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    bench.terminal.lose.add("trade")
    bench.terminal.answers["trades"] = []
    await bench.trade(order, 400, D("10.00"))
    await bench.call_off(order)
    assert await kinds(bench.broker) == [R.ACCEPTED, R.CANCELLED]
    del bench.terminal.answers["trades"]
    late = after(order, await heard(bench, 3))
    assert (late.state, late.filled) == (OrderState.CANCELLED, 400)


async def test_an_order_of_the_evening_is_one_of_tomorrow(bench: QmtBench) -> None:
    bench.clock.set(market("2026-03-23", "20:00"))
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    bench.clock.set(market("2026-03-23", "23:00"))
    assert await kinds(bench.broker) == [R.ACCEPTED]
    bench.clock.set(market("2026-03-24", "09:00"))
    assert await kinds(bench.broker) == [R.ACCEPTED]


async def test_an_order_whose_end_nobody_saw_is_said_to_be_lost(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    assert await kinds(bench.broker) == [R.ACCEPTED]
    bench.clock.set(market("2026-03-24", "10:00"))
    assert await kinds(bench.broker) == [R.ACCEPTED, R.STRANDED]


async def test_yesterdays_reports_are_told_today(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    await bench.trade(order, 1000, D("10.00"))
    before = await bench.broker.find(order.id)
    bench.clock.set(market("2026-03-24", "10:00"))
    await bench.reopen()
    assert await bench.broker.find(order.id) == before


# --- what was placed elsewhere ---


async def test_what_a_person_trades_in_the_brokers_program_is_listed_and_not_reported(bench: QmtBench) -> None:
    filing = bench.exchange.place_elsewhere(NUMBER, GOLD, Side.BUY, 1000, D("5.000"), remark="手动")
    bench.exchange.trade(filing, 600, D("4.990"))
    seen = await bench.broker.statement()
    assert [
        (one.id, one.broker_id, one.symbol, one.shares, one.limit, one.filled, one.state) for one in seen.orders
    ] == [("", "1001", GOLD, 1000, D("5.00"), 600, OrderState.PARTIAL)]
    assert [(one.order_id, one.symbol, one.shares, one.price, one.fee) for one in seen.trades] == [
        ("", GOLD, 600, D("4.99"), None)
    ]
    assert bench.broker._queue.empty()  # type: ignore[attr-defined]  # of our broker


async def test_an_account_without_anything_is_empty_and_not_unknown(tmp_path: Path, clock: ManualClock) -> None:
    bench = QmtBench(tmp_path / "book.db", clock, cash=D("0.00"))
    await bench.ready()
    seen = await bench.broker.statement()
    assert (seen.account.cash, seen.account.positions, seen.orders, seen.trades) == (D("0.00"), (), (), ())
    await bench.close()


async def test_a_share_of_hong_kong_stands_in_nobodys_way(bench: QmtBench) -> None:
    bench.exchange.place_elsewhere(NUMBER, "00700.HK", Side.BUY, 100, D("9.00"))
    assert (await bench.broker.statement()).orders == ()


# --- restarts ---


async def test_a_crash_in_the_middle_of_sending_places_nothing_twice(bench: QmtBench) -> None:
    bench.terminal.lose |= {"answer", "order"}
    order = an_order(bench)
    task = asyncio.create_task(bench.broker.submit(order))
    await bench.patience.settle()
    assert bench.exchange.placed == {order.id: 1}
    await bench.reopen()
    task.cancel()
    assert await outcome(bench, bench.broker.submit(order)) is None
    assert await kinds(bench.broker) == [R.ACCEPTED]
    assert bench.exchange.placed == {order.id: 1}


async def test_a_lost_book_places_nothing_twice_either(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    await bench.trade(order, 400, D("10.00"))
    bench.path = bench.path.with_name("another.db")
    await bench.reopen()
    assert [one.id for one in (await bench.broker.statement()).orders] == [order.id]
    assert await outcome(bench, bench.broker.submit(order)) is None
    assert await kinds(bench.broker) == [R.ACCEPTED, R.FILL]
    assert bench.exchange.placed == {order.id: 1}


async def test_a_book_that_another_process_has_is_not_opened(bench: QmtBench) -> None:
    with pytest.raises(Unavailable, match="正被另一个程序使用"):
        qmt.connect(bench.folder, bench.logins, book=bench.path, clock=bench.clock)


async def test_what_cannot_be_written_down_is_not_sent(bench: QmtBench) -> None:
    bench.qmt._book._db.execute("PRAGMA query_only = ON")
    order = an_order(bench)
    error = await outcome(bench, bench.broker.submit(order))
    assert isinstance(error, Refused)
    assert "只读" in error.reason
    assert bench.terminal.calls["order"] == 0
    bench.qmt._book._db.execute("PRAGMA query_only = OFF")
    assert await bench.broker.find(order.id) is None


async def test_what_could_not_be_written_down_is_told_later_and_once(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    assert [report.kind for report in await heard(bench, 1)] == [R.ACCEPTED]
    bench.qmt._book._db.execute("PRAGMA query_only = ON")
    await bench.trade(order, 1000, D("10.00"))
    await bench.patience.settle()
    assert isinstance(await outcome(bench, bench.broker.find(order.id)), Unavailable)
    assert bench.broker._queue.empty()  # type: ignore[attr-defined]  # of our broker
    bench.qmt._book._db.execute("PRAGMA query_only = OFF")
    assert [report.kind for report in await heard(bench, 1)] == [R.FILL]
    assert await kinds(bench.broker) == [R.ACCEPTED, R.FILL]


async def test_what_was_written_half_is_not_told_at_all_until_it_is_whole(bench: QmtBench) -> None:
    bench.terminal.lose |= {"order", "trade"}
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    await bench.trade(order, 400, D("10.00"))
    db = bench.qmt._book._db
    db.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON reports WHEN new.key != 'accepted'"
        " BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
    )
    assert isinstance(await outcome(bench, bench.broker.find(order.id)), Unavailable)
    assert bench.broker._queue.empty()  # type: ignore[attr-defined]  # of our broker
    db.execute("DROP TRIGGER full")
    assert await kinds(bench.broker) == [R.ACCEPTED, R.FILL]
    assert [report.kind for report in await heard(bench, 2)] == [R.ACCEPTED, R.FILL]


async def test_an_order_that_is_filled_is_known_without_the_terminal(bench: QmtBench) -> None:
    bench.terminal.lose.add("order")
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    await bench.trade(order, 1000, D("10.00"))
    await bench.patience.settle()
    bench.terminal.cut(tells=True)
    await bench.patience.settle()
    assert await kinds(bench.broker) == [R.ACCEPTED, R.FILL]


@pytest.mark.parametrize("numbers", [[], ["10001", "10001"], [""]])
async def test_accounts_are_named_once(tmp_path: Path, clock: ManualClock, numbers: list[str]) -> None:
    with pytest.raises(ConfigError, match="MINIQMT_ACCOUNT_ID"):
        qmt.connect("", [Login(one, one, one) for one in numbers], book=None, clock=clock)


# --- what is not known ---


@pytest.mark.parametrize("cut", [None, [], SILENT])
async def test_a_cut_terminal_has_no_empty_account(bench: QmtBench, cut: Any) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    bench.terminal.when_cut = cut
    bench.terminal.cut(tells=False)
    for ask in (bench.broker.snapshot, bench.broker.statement, lambda: bench.broker.find(order.id)):
        assert isinstance(await outcome(bench, ask()), Unavailable)


@pytest.mark.parametrize("cut", [None, [], SILENT])
async def test_a_cut_terminal_does_not_say_that_an_order_never_came(bench: QmtBench, cut: Any) -> None:
    bench.terminal.when_cut = cut
    bench.terminal.cut(tells=False)
    assert isinstance(await outcome(bench, bench.broker.find("dp404")), Unavailable)


@pytest.mark.parametrize("query", ["orders", "trades", "asset"])
async def test_a_list_that_was_not_given_is_not_empty(bench: QmtBench, query: str) -> None:
    bench.terminal.answers[query] = None
    assert isinstance(await outcome(bench, bench.broker.statement()), Unavailable)


async def test_no_positions_beside_their_worth_are_not_believed(bench: QmtBench) -> None:
    bench.terminal.answers["positions"] = []
    error = await outcome(bench, bench.broker.snapshot())
    assert isinstance(error, Unavailable)
    assert "市值有 9,000.00 元" in error.reason


async def test_a_row_that_cannot_be_read_is_no_answer(bench: QmtBench) -> None:
    bench.terminal.answers["orders"] = [object()]
    error = await outcome(bench, bench.broker.find("dp404"))
    assert isinstance(error, OutsideError)
    assert "xtquant 的版本和本程序不合" in error.reason
