"""What miniQMT alone promises: the real Python half of the SDK over a native half with every habit that it may have.

Nobody has seen how the native half behaves, so each promise is kept under every guess. Time is the bench's; the threads
are the SDK's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.brokers import qmt
from adapters.brokers import qmt_words as words
from core.clock import ManualClock
from core.errors import Refused, Unavailable
from core.orders import OrderState, ReportKind
from core.types import Side
from tests.contract.test_brokers import market
from tests.fakes.xtbench import NUMBER, QmtBench
from tests.fakes.xtcases import BANK, after, an_order, heard, kinds, made, outcome

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


# --- an order on its way ---


@pytest.mark.parametrize("returns_late", [False, True])
@pytest.mark.parametrize("answers_first", [False, True])
async def test_whether_the_answer_or_the_push_comes_first_is_all_the_same(
    bench: QmtBench, answers_first: bool, returns_late: bool
) -> None:
    bench.terminal.answers_first, bench.terminal.returns_late = answers_first, returns_late
    order = an_order(bench)
    assert await outcome(bench, bench.broker.submit(order)) is None
    assert await kinds(bench.broker) == [R.ACCEPTED]
    assert bench.exchange.placed == {order.id: 1}


async def test_an_answer_alone_is_enough_to_know_that_it_was_taken(bench: QmtBench) -> None:
    bench.terminal.lose.add("order")
    bench.terminal.answers["orders"] = []
    started = bench.clock.now()
    assert await outcome(bench, bench.broker.submit(an_order(bench))) is None
    assert bench.clock.now() == started


async def test_a_lost_answer_is_made_good_by_the_push(bench: QmtBench) -> None:
    bench.terminal.lose.add("answer")
    started = bench.clock.now()
    assert await outcome(bench, bench.broker.submit(an_order(bench))) is None
    assert bench.clock.now() == started
    assert await kinds(bench.broker) == [R.ACCEPTED]


async def test_a_lost_answer_and_lost_pushes_are_made_good_by_looking(bench: QmtBench) -> None:
    bench.terminal.lose |= {"answer", "order"}
    started = bench.clock.now()
    assert await outcome(bench, bench.broker.submit(an_order(bench))) is None
    assert (bench.clock.now() - started).total_seconds() == qmt.ANSWER
    assert [report.kind for report in await heard(bench, 1)] == [R.ACCEPTED]


async def test_an_order_that_the_list_shows_late_is_found_when_it_does(bench: QmtBench) -> None:
    bench.terminal.lose |= {"answer", "order"}
    bench.terminal.answers["orders"] = []
    task = asyncio.create_task(bench.broker.submit(an_order(bench)))
    await bench.patience.let_pass(qmt.ANSWER + 6)
    assert not task.done()
    del bench.terminal.answers["orders"]
    assert await outcome(bench, task) is None
    assert bench.exchange.placed.total() == 1


async def test_an_order_that_never_left_is_unknown_and_is_not_sent_again(bench: QmtBench) -> None:
    bench.terminal.swallows = True
    order = an_order(bench)
    started = bench.clock.now()
    error = await outcome(bench, bench.broker.submit(order))
    assert isinstance(error, Unavailable)
    assert "不知道有没有报出，请不要重复下单" in error.reason
    assert (bench.clock.now() - started).total_seconds() == qmt.ANSWER + qmt.LOOKS[-1]
    bench.terminal.swallows = False
    for _ in range(2):
        assert isinstance(await outcome(bench, bench.broker.submit(order)), Unavailable)
        assert isinstance(await outcome(bench, bench.broker.find(order.id)), Unavailable)
        await bench.reopen()
    assert bench.terminal.calls["order"] == 1
    assert not bench.exchange.placed


async def test_what_never_arrived_is_known_when_the_market_has_closed_on_it(bench: QmtBench) -> None:
    bench.terminal.swallows = True
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    bench.clock.set(market("2026-03-23", "15:30:30"))
    assert isinstance(await outcome(bench, bench.broker.find(order.id)), Unavailable)
    bench.clock.set(market("2026-03-23", "15:31"))
    assert await bench.broker.find(order.id) is None
    bench.terminal.swallows = False
    assert isinstance(await outcome(bench, bench.broker.submit(order)), Refused)
    assert not bench.exchange.placed


async def test_what_never_arrived_stays_unknown_where_nobody_looked_after_the_close(bench: QmtBench) -> None:
    bench.terminal.swallows = True
    await outcome(bench, bench.broker.submit(an_order(bench)))
    bench.clock.set(market("2026-03-24", "10:00"))
    assert isinstance(await outcome(bench, bench.broker.find("dp7F3KQ2ZX")), Unavailable)


async def test_an_order_that_turns_up_late_is_told(bench: QmtBench) -> None:
    bench.terminal.delays = True
    order = an_order(bench)
    assert isinstance(await outcome(bench, bench.broker.submit(order)), Unavailable)
    bench.terminal.lose |= {"answer", "order"}
    bench.terminal.release()
    unknown = order.model_copy(update={"state": OrderState.UNKNOWN})
    assert after(unknown, await heard(bench, 1)).state is OrderState.ACCEPTED
    assert bench.exchange.placed == {order.id: 1}


async def test_twenty_tasks_with_one_id_make_one_order(bench: QmtBench) -> None:
    bench.terminal.hold.add("answer")
    order = an_order(bench)
    tasks = [asyncio.create_task(bench.broker.submit(order)) for _ in range(20)]
    await bench.patience.settle()
    bench.terminal.release()
    await bench.patience.until(lambda: all(task.done() for task in tasks))
    assert [task.exception() for task in tasks] == [None] * 20
    assert bench.exchange.placed == {order.id: 1}


async def test_a_caller_that_is_cancelled_takes_nothing_back(bench: QmtBench) -> None:
    bench.terminal.hold |= {"answer", "order"}
    order = an_order(bench)
    task, other = (asyncio.create_task(bench.broker.submit(order)) for _ in range(2))
    await bench.patience.settle()
    task.cancel()
    bench.terminal.release()
    assert await outcome(bench, other) is None
    assert [report.kind for report in await heard(bench, 1)] == [R.ACCEPTED]
    assert await outcome(bench, bench.broker.submit(order)) is None
    assert bench.exchange.placed == {order.id: 1}


async def test_a_call_that_hangs_is_given_up_and_its_order_looked_for(bench: QmtBench) -> None:
    bench.terminal.hang.add("order")
    order = an_order(bench)
    assert isinstance(await outcome(bench, bench.broker.submit(order)), Unavailable)
    assert bench.qmt.terminal.lost_calls == 1
    bench.terminal.let_go()
    assert [report.kind for report in await heard(bench, 1)] == [R.ACCEPTED]
    assert bench.qmt.terminal.lost_calls == 0
    assert bench.exchange.placed == {order.id: 1}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"id": "dp" + "7" * 19}, "写不进委托备注"),
        ({"id": "委托一"}, "写不进委托备注"),
        ({"shares": 0}, "不是能下的委托"),
        ({"limit": D(0)}, "不是能下的委托"),
        ({"limit": D("NaN")}, "不是能下的委托"),
    ],
)
async def test_what_cannot_be_an_order_is_not_sent(bench: QmtBench, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        await bench.broker.submit(an_order(bench).model_copy(update=changes))
    assert bench.terminal.calls["order"] == 0


# --- refusals ---


@pytest.mark.parametrize("error_first", [False, True])
async def test_what_the_terminal_does_not_take_is_refused_with_its_words(bench: QmtBench, error_first: bool) -> None:
    bench.terminal.refuses, bench.terminal.error_first = "价格超出涨停", error_first
    order = an_order(bench)
    error = await outcome(bench, bench.broker.submit(order))
    assert isinstance(error, Refused)
    assert "价格超出涨停" in error.reason
    bench.terminal.refuses = None
    assert isinstance(await outcome(bench, bench.broker.submit(order)), Refused)
    reports = await bench.broker.find(order.id)
    assert reports is not None
    assert [(report.kind, report.note) for report in reports] == [(R.REJECTED, error.reason)]
    assert not bench.exchange.placed


async def test_the_words_of_a_refusal_are_not_forgotten_for_an_error_without_any(bench: QmtBench) -> None:
    bench.terminal.refuses = "价格超出涨停"
    bench.terminal.lose.add("error")
    bench.terminal.silent.add("orders")
    order = an_order(bench)
    task = asyncio.create_task(bench.broker.submit(order))
    await bench.patience.settle()
    silent = words.Complaint(number=NUMBER, remark=order.id, order_id=-1, text="")
    bench.qmt.brokers[0].hear(silent)
    bench.terminal.silent.clear()
    error = await outcome(bench, task)
    assert isinstance(error, Refused)
    assert "价格超出涨停" in error.reason


async def test_the_words_of_one_refusal_are_not_told_of_the_next(bench: QmtBench) -> None:
    # The SDK answers the second refusal with the error of the first, and then with its own.
    bench.terminal.error_first = True
    for order_id, text in (("dp1", "资金不足"), ("dp2", "价格不对")):
        bench.terminal.refuses = text
        error = await outcome(bench, bench.broker.submit(an_order(bench, order_id)))
        assert isinstance(error, Refused)
        assert text in error.reason


async def test_a_refusal_that_comes_late_ends_the_doubt(bench: QmtBench) -> None:
    bench.terminal.refuses = "非交易时间"
    bench.terminal.hold.add("answer")
    bench.terminal.lose.add("error")
    order = an_order(bench)
    assert isinstance(await outcome(bench, bench.broker.submit(order)), Unavailable)
    bench.terminal.release()
    unknown = order.model_copy(update={"state": OrderState.UNKNOWN})
    rejected = after(unknown, await heard(bench, 1))
    assert rejected.state is OrderState.REJECTED
    assert "非交易时间" in rejected.note


async def test_what_the_counter_refuses_after_all_is_rejected_with_its_words(bench: QmtBench) -> None:
    bench.terminal.junks = "[120141][可用资金不足]"
    order = an_order(bench)
    assert await outcome(bench, bench.broker.submit(order)) is None
    rejected = after(order, await heard(bench, 2))
    assert (rejected.state, rejected.note) == (OrderState.REJECTED, "[120141][可用资金不足]")


async def test_a_complaint_about_an_order_that_lives_does_not_bury_it(bench: QmtBench) -> None:
    bench.terminal.lose.add("answer")
    bench.terminal.hold.add("order")
    order = an_order(bench)
    task = asyncio.create_task(bench.broker.submit(order))
    await bench.patience.settle()
    bench.terminal.complain(bench.filing(order), "系统繁忙")
    assert await outcome(bench, task) is None
    assert await kinds(bench.broker) == [R.ACCEPTED]


# --- the remark ---


@pytest.mark.parametrize("cut", [lambda text: text[:24], lambda text: text.encode()[:24].decode()])
async def test_our_ids_are_short_enough_for_the_remark(bench: QmtBench, cut: Any) -> None:
    bench.terminal.remark = cut
    order = an_order(bench, "dp" + "Z" * 18)
    assert await outcome(bench, bench.broker.submit(order)) is None
    assert await kinds(bench.broker, order.id) == [R.ACCEPTED]


async def test_an_order_whose_remark_was_changed_is_shown_and_never_taken(bench: QmtBench) -> None:
    bench.terminal.remark = lambda text: f"[{text}]"
    bench.terminal.lose.add("answer")
    order = an_order(bench)
    error = await outcome(bench, bench.broker.submit(order))
    assert isinstance(error, Unavailable)
    assert "1 笔一样但备注不同的委托：编号 1001（10:00:00）" in error.reason
    bench.exchange.place_elsewhere(NUMBER, BANK, Side.BUY, 1000, D("10.00"))
    bench.exchange.place_elsewhere(NUMBER, BANK, Side.BUY, 900, D("10.00"))
    bench.exchange.place_elsewhere(NUMBER, BANK, Side.BUY, 1000, D("9.99"))
    error = await outcome(bench, bench.broker.find(order.id))
    assert isinstance(error, Unavailable)
    assert "2 笔一样但备注不同" in error.reason
    # Not even when its day is over: it may have been one of them.
    bench.clock.set(market("2026-03-23", "15:31"))
    assert isinstance(await outcome(bench, bench.broker.find(order.id)), Unavailable)
    assert bench.exchange.placed["[dp7F3KQ2ZX]"] == 1


async def test_a_second_order_with_our_remark_is_not_ours(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    stranger = bench.exchange.place_elsewhere(NUMBER, BANK, Side.BUY, 1000, D("10.00"), remark=order.id)
    other = bench.exchange.place_elsewhere(NUMBER, BANK, Side.SELL, 100, D("10.00"), remark=order.id)
    bench.exchange.trade(other, 100, D("10.00"))
    bench.exchange.cancel(stranger)
    await bench.patience.settle()
    assert await kinds(bench.broker) == [R.ACCEPTED]
    seen = await bench.broker.statement()
    assert [one.id for one in seen.orders] == [order.id, "", ""]
    assert [one.order_id for one in seen.trades] == [""]


async def test_another_order_with_the_remark_of_one_that_is_in_doubt_is_not_it(bench: QmtBench) -> None:
    bench.terminal.swallows = True
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    bench.exchange.place_elsewhere(NUMBER, BANK, Side.SELL, 1000, D("10.00"), remark=order.id)
    assert isinstance(await outcome(bench, bench.broker.find(order.id)), Unavailable)
    assert [one.id for one in (await bench.broker.statement()).orders] == [""]


async def test_a_trade_without_the_remark_belongs_to_its_order(bench: QmtBench) -> None:
    bench.terminal.trade_remark = lambda _: ""
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    await bench.trade(order, 1000, D("10.00"))
    assert await kinds(bench.broker) == [R.ACCEPTED, R.FILL]


async def test_an_order_that_loses_its_remark_later_stays_ours(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    assert await kinds(bench.broker) == [R.ACCEPTED]
    bench.filing(order).remark = ""
    await bench.reopen()
    filing = bench.exchange.filings[0]
    bench.exchange.trade(filing, 400, D("10.00"))
    assert await kinds(bench.broker) == [R.ACCEPTED, R.FILL]
    assert [one.id for one in (await bench.broker.statement()).orders] == [order.id]


async def test_a_number_that_the_terminal_uses_again_is_another_order(bench: QmtBench) -> None:
    order = an_order(bench)
    await outcome(bench, bench.broker.submit(order))
    assert await kinds(bench.broker) == [R.ACCEPTED]
    filing = bench.filing(order)
    bench.terminal.push_again(filing, order_remark="", order_type=24, order_status=54)
    await bench.patience.settle()
    assert await kinds(bench.broker) == [R.ACCEPTED]
