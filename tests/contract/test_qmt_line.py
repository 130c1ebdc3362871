"""The line to miniQMT: how it comes up, how its end is noticed, and what must never happen on it."""

from __future__ import annotations

import ast
import asyncio
import gc
import logging
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from adapters.brokers import qmt_terminal
from adapters.brokers.qmt_book import SESSIONS
from core.clock import ManualClock
from core.errors import ConfigError, Refused, Unavailable
from core.orders import ReportKind
from core.types import Side
from tests.contract.test_brokers import market
from tests.fakes.xtbench import NUMBER, OTHER, QmtBench
from tests.fakes.xtcases import BANK, CASH, COST, HELD, TWO, an_order, kinds, made, outcome
from tests.fakes.xtnative import SILENT

D = Decimal
R = ReportKind
ASYNCHRONOUS: Final = {
    *("order_stock_async", "cancel_order_stock_async", "query_account_status_async"),
    *("query_stock_asset_async", "query_stock_orders_async", "query_stock_trades_async", "query_stock_positions_async"),
}
IN_A_THREAD_WITH_A_DEADLINE: Final = {"start", "connect", "subscribe", "stop"}
WAITING_FOR_NOTHING: Final = {"register_callback", "oldloop", "loop"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(market("2026-03-23", "10:00"))


@pytest.fixture
async def cold(tmp_path: Path, clock: ManualClock) -> AsyncIterator[QmtBench]:
    """Not started yet."""
    bench = made(tmp_path, clock)
    yield bench
    await bench.close()


@pytest.fixture
async def bench(cold: QmtBench) -> QmtBench:
    await cold.ready()
    return cold


@pytest.fixture
async def pair(tmp_path: Path, clock: ManualClock) -> AsyncIterator[QmtBench]:
    bench = made(tmp_path, clock, logins=TWO)
    await bench.ready()
    yield bench
    await bench.close()


def threads() -> Counter[str]:
    """Those of the SDK, the native half and the adapter."""
    names = (thread.name for thread in threading.enumerate())
    return Counter(name.split("-")[0] for name in names if name.startswith(("qmt", "native", "ThreadPool")))


async def ended(bench: QmtBench, before: Counter[str]) -> bool:
    """Whether the threads that were not there before come to their end; they may take a moment."""
    for _ in range(1000):
        await bench.patience.settle()
        if threads() <= before:
            return True
    return False


# --- coming up ---


async def test_nothing_is_sent_before_everything_of_today_was_seen(cold: QmtBench) -> None:
    with pytest.raises(Refused, match="还没有连上 miniQMT，委托没有送出"):
        await cold.broker.submit(an_order(cold))
    cold.terminal.answers["trades"] = None
    cold.start()
    await cold.patience.let_pass(60)
    with pytest.raises(Refused, match="正在核对今天的委托、成交、持仓和资金，委托没有送出"):
        await cold.broker.submit(an_order(cold))
    del cold.terminal.answers["trades"]
    await cold.ready()
    assert await outcome(cold, cold.broker.submit(an_order(cold))) is None
    assert cold.terminal.calls["order"] == 1


async def test_a_list_without_an_order_that_was_there_keeps_the_account_locked(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    assert await kinds(bench.broker) == [R.ACCEPTED]
    bench.terminal.answers["orders"] = []
    bench.terminal.restart(tells=True)
    await bench.patience.let_pass(60)
    with pytest.raises(Refused, match="正在核对"):
        await bench.broker.submit(an_order(bench, "dp2"))
    error = await outcome(bench, bench.broker.find(order.id))
    assert isinstance(error, Unavailable)
    assert order.id in error.reason
    del bench.terminal.answers["orders"]
    await bench.ready()
    assert await kinds(bench.broker) == [R.ACCEPTED]


async def test_a_connection_that_fails_is_stopped_and_tried_again_ever_more_slowly(cold: QmtBench) -> None:
    cold.terminal.connect_codes = [-1] * 7
    cold.start()
    started = cold.clock.now()
    await cold.ready()
    # 3 + 6 + 12 + 24 + 48 + 60 + 60
    assert (cold.clock.now() - started).total_seconds() == 213
    assert cold.terminal.calls["connect"] == 8
    assert cold.terminal.calls["stop"] == 7


async def test_after_a_good_connection_the_next_one_is_tried_at_once(cold: QmtBench) -> None:
    cold.terminal.connect_codes = [-1] * 5
    cold.start()
    await cold.ready()
    cold.terminal.restart(tells=True)
    started = cold.clock.now()
    await cold.patience.until(lambda: cold.terminal.calls["connect"] == 7 and cold.may_trade())
    assert (cold.clock.now() - started).total_seconds() == qmt_terminal.FIRST_PAUSE


async def test_at_night_it_is_tried_less_often(tmp_path: Path) -> None:
    bench = made(tmp_path, ManualClock(market("2026-03-23", "20:00")))
    bench.terminal.is_running = False
    bench.start()
    await bench.patience.let_pass(3600)
    assert 12 <= bench.terminal.calls["connect"] <= 20
    await bench.close()


async def test_a_hundred_failed_connections_leave_no_thread_behind(cold: QmtBench) -> None:
    before = threads()
    cold.terminal.connect_codes = [-1] * 100
    cold.start()
    await cold.patience.until(lambda: cold.terminal.calls["stop"] == 100)
    assert await ended(cold, before)
    assert cold.qmt.terminal.lost_calls == 0
    # No number of a connection rests for less than three seconds, nor is any used that is not of the few.
    assert set(cold.terminal.sessions) == set(SESSIONS)


async def test_why_it_does_not_connect_is_said_with_what_to_check(cold: QmtBench) -> None:
    cold.terminal.connect_codes = [-1]
    cold.start()
    await cold.patience.settle()
    reason = cold.qmt.terminal.why_locked(NUMBER)
    assert reason is not None
    assert "返回 -1" in reason
    assert "极简模式" in reason
    assert "MINIQMT_PATH" in reason


async def test_the_number_of_a_killed_process_is_not_used_again_at_once(bench: QmtBench) -> None:
    bench.terminal.burnt |= set(bench.terminal.sessions)
    await bench.reopen()
    first, second = bench.terminal.sessions
    assert first != second


async def test_a_number_rests_three_seconds(bench: QmtBench, clock: ManualClock) -> None:
    book = bench.qmt._book
    taken = [book.next_session(clock.now()) for _ in SESSIONS]
    # The first one is in use since the bench began.
    assert [number for number, _ in taken] == [*SESSIONS[1:], SESSIONS[0]]
    assert [wait.total_seconds() for _, wait in taken] == [0] * (len(SESSIONS) - 1) + [3]


async def test_a_connect_that_hangs_is_given_up_and_counted(cold: QmtBench) -> None:
    cold.terminal.hang.add("connect")
    cold.start()
    await cold.patience.until(lambda: cold.qmt.terminal.lost_calls == 1)
    assert "30 秒没有反应" in str(cold.qmt.terminal.why_locked(NUMBER))
    await cold.patience.settle()
    assert cold.terminal.calls["stop"] == 1
    cold.terminal.let_go()
    await cold.ready()
    assert cold.qmt.terminal.lost_calls == 0


async def test_a_trader_that_comes_to_life_too_late_is_stopped(cold: QmtBench) -> None:
    before = threads()
    cold.terminal.hang.add("start")
    cold.start()
    await cold.patience.until(lambda: cold.qmt.terminal.lost_calls == 1)
    cold.terminal.let_go()
    assert await ended(cold, before)
    assert (cold.terminal.calls["connect"], cold.terminal.calls["stop"]) == (0, 1)
    await cold.ready()


async def test_a_subscription_that_hangs_is_given_up(cold: QmtBench) -> None:
    cold.terminal.silent.add("subscribe")
    cold.start()
    await cold.patience.until(lambda: cold.qmt.terminal.lost_calls == 1)
    cold.terminal.silent.clear()
    await cold.ready()
    assert cold.qmt.terminal.lost_calls == 1
    cold.terminal.let_go()
    await cold.patience.settle()
    assert cold.qmt.terminal.lost_calls == 0


async def test_a_stop_that_hangs_keeps_nobody_from_connecting_again(bench: QmtBench) -> None:
    bench.terminal.hang.add("stop")
    bench.terminal.restart(tells=True)
    await bench.patience.until(lambda: bench.terminal.calls["connect"] == 2)
    await bench.ready()
    assert bench.qmt.terminal.lost_calls == 1


async def test_too_many_calls_that_hang_end_the_process(cold: QmtBench) -> None:
    cold.terminal.hang |= {"connect", "stop"}
    run = cold.start()
    await cold.patience.until(run.done)
    assert isinstance(run.exception(), Unavailable)
    assert "要重新启动本程序" in str(run.exception())
    cold._run = None


async def test_without_the_sdk_it_ends_with_what_to_install(cold: QmtBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xtquant", None)
    run = cold.start()
    await cold.patience.until(run.done)
    assert isinstance(run.exception(), ConfigError)
    assert "请在装 miniQMT 的电脑上运行" in str(run.exception())
    cold._run = None


# --- going down ---


@pytest.mark.parametrize("cut", [None, [], SILENT])
@pytest.mark.parametrize("tells", [True, False])
async def test_a_restart_of_the_terminal_is_noticed_told_or_not(bench: QmtBench, tells: bool, cut: Any) -> None:
    bench.terminal.when_cut = cut
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    bench.terminal.restart(tells=tells)
    await bench.trade(order, 400, D("10.00"))
    started = bench.clock.now()
    await bench.patience.until(lambda: bench.terminal.calls["connect"] == 2 and bench.may_trade())
    took = (bench.clock.now() - started).total_seconds()
    assert took <= (3 if tells else 3 * (qmt_terminal.PROBE + qmt_terminal.CALL) + 3)
    assert bench.terminal.calls["stop"] == 1
    # What was traded in between is there, and told.
    assert bench.broker._queue.qsize() == 2  # type: ignore[attr-defined]  # of our broker
    assert await kinds(bench.broker) == [R.ACCEPTED, R.FILL]
    assert bench.exchange.placed == {order.id: 1}


async def test_while_it_is_cut_nothing_is_sent(bench: QmtBench) -> None:
    bench.terminal.cut(tells=True)
    await bench.patience.settle()
    with pytest.raises(Refused, match="委托没有送出"):
        await bench.broker.submit(an_order(bench))
    assert bench.terminal.calls["order"] == 0


async def test_an_order_into_a_dead_line_is_refused_or_unknown_and_never_sent_again(bench: QmtBench) -> None:
    bench.terminal.cut(tells=False)
    order = an_order(bench)
    error = await outcome(bench, bench.broker.submit(order))
    assert isinstance(error, Refused)
    bench.terminal.restart()
    await bench.patience.until(lambda: bench.terminal.calls["connect"] > 1 and bench.may_trade())
    assert isinstance(await outcome(bench, bench.broker.submit(order)), Refused)
    assert not bench.exchange.placed


async def test_an_order_is_looked_for_over_a_new_line_too(bench: QmtBench) -> None:
    bench.terminal.lose |= {"answer", "order"}
    order = an_order(bench)
    task = asyncio.create_task(bench.broker.submit(order))
    await bench.patience.settle()
    bench.terminal.restart(tells=True)
    assert await outcome(bench, task) is None
    assert bench.exchange.placed == {order.id: 1}
    assert bench.terminal.calls["connect"] == 2


async def test_one_or_two_silent_probes_end_nothing(bench: QmtBench) -> None:
    bench.terminal.silent.add("asset")
    await bench.patience.let_pass(2 * (qmt_terminal.PROBE + qmt_terminal.CALL) + 1)
    bench.terminal.silent.clear()
    await bench.patience.let_pass(120)
    assert bench.terminal.calls["connect"] == 1
    assert bench.may_trade()


async def test_a_late_word_of_an_earlier_line_is_not_heard(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    line = bench.qmt.terminal._line
    assert line is not None
    ear = line.trader.callback
    bench.terminal.restart(tells=True)
    await bench.patience.until(lambda: bench.terminal.calls["connect"] == 2 and bench.may_trade())
    ear.on_disconnected()
    ear.on_account_status(SimpleNamespace(account_id=NUMBER, status=3))
    ear.on_stock_order(bench.terminal._order(bench.filing(order), order_status=54))
    await bench.patience.let_pass(60)
    assert bench.terminal.calls["connect"] == 2
    assert bench.may_trade()
    assert await kinds(bench.broker) == [R.ACCEPTED]


async def test_a_late_answer_of_an_earlier_line_is_no_answer(bench: QmtBench) -> None:
    bench.terminal.hold.add("positions")
    bench.terminal.hang.add("stop")
    task = asyncio.create_task(bench.qmt.terminal.positions(NUMBER))
    await bench.patience.settle()
    bench.terminal.hold.clear()
    bench.terminal.cut(tells=True)
    await bench.patience.settle()
    bench.terminal.release()
    started = bench.clock.now()
    assert isinstance(await outcome(bench, task), Unavailable)
    assert bench.clock.now() == started


@pytest.mark.parametrize("status", [-1, 1, 2, 3, 4, 5, 6, 7, 8, 9])
async def test_an_account_that_is_not_well_is_locked_until_it_is_seen_anew(bench: QmtBench, status: int) -> None:
    bench.terminal.set_status(NUMBER, status)
    await bench.patience.settle()
    with pytest.raises(Refused, match=r"账户“实盘账户”的状态是.*没有送出"):
        await bench.broker.submit(an_order(bench))
    asked = bench.terminal.calls["positions"]
    bench.terminal.set_status(NUMBER, 0)
    await bench.ready()
    assert bench.terminal.calls["positions"] > asked
    assert bench.terminal.calls["connect"] == 1
    assert await outcome(bench, bench.broker.submit(an_order(bench))) is None


async def test_an_account_that_is_not_well_from_the_start_is_locked(cold: QmtBench) -> None:
    cold.terminal.statuses[NUMBER] = 3
    cold.start()
    await cold.patience.let_pass(60)
    with pytest.raises(Refused, match="登录失败"):
        await cold.broker.submit(an_order(cold))


async def test_a_status_that_is_pushed_before_anything_else_counts(cold: QmtBench) -> None:
    cold.terminal.statuses[NUMBER] = 3
    cold.terminal.greets = True
    cold.terminal.answers["statuses"] = None
    cold.start()
    await cold.patience.let_pass(60)
    with pytest.raises(Refused, match="登录失败"):
        await cold.broker.submit(an_order(cold))


async def test_a_status_that_changes_while_all_is_looked_at_counts(cold: QmtBench) -> None:
    cold.terminal.hold.add("positions")
    cold.start()
    await cold.patience.settle()
    cold.terminal.set_status(NUMBER, 5)
    cold.terminal.hold.clear()
    cold.terminal.release()
    await cold.patience.settle()
    with pytest.raises(Refused, match="数据刷新校正中"):
        await cold.broker.submit(an_order(cold))


@pytest.mark.parametrize("answer", [None, [], [object()]])
async def test_a_terminal_that_does_not_tell_statuses_is_used_all_the_same(cold: QmtBench, answer: Any) -> None:
    cold.terminal.answers["statuses"] = answer
    await cold.ready()


async def test_an_order_in_doubt_is_looked_for_while_its_account_is_locked(bench: QmtBench) -> None:
    bench.terminal.delays = True
    order = an_order(bench)
    assert isinstance(await outcome(bench, bench.broker.submit(order)), Unavailable)
    bench.terminal.set_status(NUMBER, 5)
    bench.terminal.lose |= {"answer", "order"}
    bench.terminal.release()
    report = await outcome(bench, anext(bench.broker.reports()))
    assert report.kind is R.ACCEPTED


# --- two accounts ---


async def test_two_accounts_know_nothing_of_each_other(pair: QmtBench) -> None:
    first, second = pair.qmt.brokers
    mine, others = an_order(pair, "dp1"), an_order(pair, "dp2", account="second", side=Side.SELL, shares=300)
    assert await outcome(pair, first.submit(mine)) is None
    assert await outcome(pair, second.submit(others)) is None
    await pair.trade(mine, 400, D("10.00"))
    await pair.trade(others, 300, D("10.00"))
    assert await kinds(first, "dp1") == [R.ACCEPTED, R.FILL]
    assert await kinds(second, "dp2") == [R.ACCEPTED, R.FILL]
    assert [one.id for one in (await first.statement()).orders] == ["dp1"]
    assert [one.id for one in (await second.statement()).trades] != [one.id for one in (await first.statement()).trades]
    assert (await first.snapshot()).position(BANK).shares == HELD + 400  # type: ignore[union-attr]  # it is there
    assert (await second.snapshot()).position(BANK).shares == HELD - 300  # type: ignore[union-attr]
    with pytest.raises(Refused, match="请换账户"):
        await first.submit(others.model_copy(update={"id": "dp3"}))


async def test_an_id_of_the_other_account_is_not_found(pair: QmtBench) -> None:
    first, second = pair.qmt.brokers
    await outcome(pair, first.submit(an_order(pair, "dp1")))
    assert await second.find("dp1") is None
    with pytest.raises(Refused, match="已经用于另一个账户"):
        await second.submit(an_order(pair, "dp1", account="second"))


async def test_an_account_that_is_not_logged_in_keeps_the_other_from_nothing(
    tmp_path: Path, clock: ManualClock
) -> None:
    bench = made(tmp_path, clock, logins=TWO)
    bench.terminal.numbers.remove(OTHER)
    bench.start()
    await bench.patience.until(lambda: bench.qmt.terminal.why_locked(NUMBER) is None)
    assert await outcome(bench, bench.broker.submit(an_order(bench))) is None
    with pytest.raises(Refused, match="没有登录账户“另一个账户”"):
        await bench.qmt.brokers[1].submit(an_order(bench, "dp2", account="second"))
    bench.terminal.numbers.append(OTHER)
    await bench.ready()
    assert bench.terminal.calls["connect"] == 1
    await bench.close()


async def test_an_account_that_alone_falls_silent_is_locked_alone(pair: QmtBench) -> None:
    terminal = pair.qmt.terminal
    pair.terminal.silent.add(f"asset {OTHER}")
    await pair.patience.let_pass(50)
    assert terminal.why_locked(OTHER) is None
    await pair.patience.let_pass(50)
    assert terminal.why_locked(NUMBER) is None
    with pytest.raises(Refused, match="账户“另一个账户”连续 3 次没有回答，委托没有送出"):
        await pair.qmt.brokers[1].submit(an_order(pair, "dp2", account="second"))
    pair.terminal.silent.clear()
    await pair.ready()
    # Two more silences, apart from each other, are no three.
    for _ in range(2):
        pair.terminal.silent.add(f"asset {OTHER}")
        await pair.patience.let_pass(45)
        assert terminal.why_locked(OTHER) is None
        pair.terminal.silent.clear()
        await pair.patience.let_pass(40)
    assert pair.terminal.calls["connect"] == 1


async def test_what_other_accounts_of_the_terminal_do_is_nothing_to_us(bench: QmtBench) -> None:
    bench.exchange.open_account("99999", CASH, {BANK: (HELD, COST)})
    line = bench.qmt.terminal._line
    assert line is not None
    filing = bench.exchange.place("99999", BANK, Side.BUY, 1000, D("10.00"))
    line.trader.callback.on_stock_order(bench.terminal._order(filing))
    await bench.patience.settle()
    assert (await bench.broker.statement()).orders == ()


# --- never ---


def test_of_the_sdk_only_what_cannot_wait_for_ever_is_called() -> None:
    tree = ast.parse(Path(qmt_terminal.__file__).read_text(encoding="utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).rpartition(".")[2] == "trader"
    }
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    named = {text for text in texts if text.startswith(("query_", "order_", "cancel_"))}
    assert used | named == ASYNCHRONOUS | IN_A_THREAD_WITH_A_DEADLINE | WAITING_FOR_NOTHING
    assert not [one for one in named if not one.endswith("_async")]


async def test_the_loop_of_the_main_thread_stays_what_it_was(cold: QmtBench) -> None:
    policy = asyncio.get_event_loop_policy()
    before = policy.get_event_loop()
    await cold.ready()
    assert policy.get_event_loop() is before
    cold.terminal.restart(tells=True)
    await cold.patience.until(lambda: cold.terminal.calls["connect"] == 2 and cold.may_trade())
    gc.collect()
    assert policy.get_event_loop() is before


async def test_a_word_that_is_not_understood_is_logged_and_stops_nothing(
    bench: QmtBench, caplog: pytest.LogCaptureFixture
) -> None:
    line = bench.qmt.terminal._line
    assert line is not None
    ear = line.trader.callback
    with caplog.at_level(logging.ERROR):
        for call in (ear.on_stock_order, ear.on_stock_trade, ear.on_order_error, ear.on_account_status):
            call(object())
    assert [record.getMessage() for record in caplog.records] == ["a word of miniQMT was not understood"] * 4
    assert await outcome(bench, bench.broker.submit(an_order(bench))) is None


async def test_a_word_after_the_loop_is_closed_hurts_nobody(bench: QmtBench) -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    qmt_terminal._cross(loop, lambda: None)
    assert bench.may_trade()


async def test_after_the_end_nothing_is_known(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    await bench.close()
    for ask in (bench.broker.snapshot, bench.broker.statement, lambda: bench.broker.find(order.id)):
        with pytest.raises(Unavailable):
            await ask()
    assert bench.terminal.calls["stop"] == 1
