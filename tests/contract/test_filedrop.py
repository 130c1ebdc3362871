"""The file-drop account and the script inside big QMT: one order or none, whatever is killed, late, torn or forged.

The script is the real one. Most tests run it in this process, in the fake client of ``tests/fakes/bigqmt_host.py``;
those that kill it, in ``test_filedrop_killed.py``, run it in a process of its own, on Python 3.6 where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.brokers import filedrop
from adapters.brokers.filedrop_folder import Purpose, sealed
from core.errors import Refused, Unavailable
from core.orders import OrderState, ReportKind
from tests.contract.test_brokers import market
from tests.fakes.bigqmt_host import Context
from tests.fakes.filedrop import BANK, KEY, NUMBER, ORDER, EnoughError, World, enough

D = Decimal


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- the way of an order ---


async def test_an_order_reaches_the_exchange_once_and_its_fate_comes_back(world: World) -> None:
    order = world.order()
    await world.broker.submit(order)
    await world.broker.submit(order)
    world.exchange.trade(ORDER, 400, 9.98)
    world.exchange.trade(ORDER, 500, 9.99, commission=5.31)
    world.exchange.trade(ORDER, 100, 9.99)
    world.tick()
    done = await world.after(order)
    assert (done.state, done.filled, done.filled_amount) == (OrderState.FILLED, 1000, D("9986.00"))
    assert done.fees == D("5.04") + D("5.31")  # computed where the client says nothing yet, and never below nothing
    assert done.broker_id == "9001"
    assert world.exchange.placed(ORDER) == 1
    assert world.files("taken") == [f"{ORDER}.json"]
    seen = await world.broker.statement()
    assert [(one.id, one.filled, one.limit) for one in seen.orders] == [(ORDER, 1000, D("10.00"))]
    assert [(one.id, one.order_id) for one in seen.trades] == [(one, ORDER) for one in done.fill_ids]


async def test_an_order_placed_by_hand_is_listed_as_one_from_elsewhere(world: World) -> None:
    world.exchange.passorder(23, 1101, NUMBER, BANK, 11, 9.5, 300, "", 2, "", None)
    world.exchange.trade("", 300, 9.5)
    world.tick()
    seen = await world.broker.statement()
    assert [(one.id, one.broker_id, one.shares) for one in seen.orders] == [("", "9001", 300)]
    assert [(one.order_id, one.shares) for one in seen.trades] == [("", 300)]


async def test_what_the_counter_refuses_is_rejected_with_its_reason(world: World) -> None:
    world.exchange.refuses = "资金可用余额不足"
    order = world.order()
    await world.broker.submit(order)
    done = await world.after(order)
    assert (done.state, done.note) == (OrderState.REJECTED, "资金可用余额不足")


async def test_what_the_client_itself_refuses_is_rejected_with_its_reason(world: World) -> None:
    world.exchange.errors = "账号未登录"
    order = world.order()
    await world.broker.submit(order)
    done = await world.after(order)
    assert (done.state, done.note) == (OrderState.REJECTED, "账号未登录")


async def test_a_late_fill_after_a_cancel_counts(world: World) -> None:
    order = world.order()
    await world.broker.submit(order)
    await world.broker.cancel(order)
    world.tick()
    world.exchange.trade(ORDER, 300, 9.9)
    world.tick()
    assert await world.kinds() == [ReportKind.ACCEPTED, ReportKind.CANCELLED, ReportKind.FILL]
    assert (await world.after(order)).filled == 300


async def test_an_order_that_is_open_at_the_close_expires(world: World) -> None:
    order = world.order()
    await world.broker.submit(order)
    world.exchange.trade(ORDER, 300, 9.9)
    world.clock.set(market("2026-03-23", "15:05"))
    world.tick(2)
    assert (await world.after(order)).state is OrderState.PARTIAL
    world.clock.set(market("2026-03-23", "15:31"))
    world.tick(2)
    done = await world.after(order)
    assert (done.state, done.filled) == (OrderState.EXPIRED, 300)


async def test_deals_that_are_told_again_count_once(world: World) -> None:
    order = world.order()
    await world.broker.submit(order)
    world.exchange.trade(ORDER, 300, 9.9)
    world.tick()
    world.exchange.deal_again(m_dComssion=5.0)
    world.tick()
    assert await world.kinds() == [ReportKind.ACCEPTED, ReportKind.FILL]


async def test_the_stream_tells_what_an_earlier_process_was_not_told(world: World) -> None:
    order = world.order()
    await world.broker.submit(order)
    await world.broker.close()
    world.exchange.trade(ORDER, 1000, 9.9)
    world.tick()
    stream = world.connect().reports()
    assert [(await anext(stream)).kind for _ in range(2)] == [ReportKind.ACCEPTED, ReportKind.FILL]


async def test_the_stream_outlives_a_folder_that_is_gone_for_a_while(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    order = world.order()
    await world.broker.submit(order)
    stream = world.broker.reports()
    assert (await anext(stream)).kind is ReportKind.ACCEPTED
    away = world.drop.rename(world.folder / "away")
    looks = 0

    async def sleep(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            away.rename(world.drop)
            world.exchange.trade(ORDER, 1000, 9.9)
            world.tick()

    world.broker._sleep = sleep
    assert (await anext(stream)).kind is ReportKind.FILL
    assert len([one for one in caplog.records if "打不开" in one.message]) == 1


# --- nobody there ---


@pytest.mark.parametrize(
    ("seconds", "says"), [(16, "16 秒没有动静"), (-16, "时钟差得太多")], ids=["an old one", "one from the future"]
)
async def test_without_a_pulse_nothing_is_written(world: World, seconds: int, says: str) -> None:
    world.script = False
    beat = {"at": world.clock.now().timestamp() - seconds, "version": 1, "account": NUMBER, "online": True}
    pulse = sealed(KEY, Purpose.HEARTBEAT, {**beat, "copy": "x", "strangers": 0})
    (world.drop / "heartbeat.json").write_text(pulse, encoding="ascii")
    with pytest.raises(Refused, match=f"{says}.*没有下单"):
        await world.broker.submit(world.order())
    assert world.files("requests") == []
    assert await world.broker.find(ORDER) is None


async def test_a_client_that_has_lost_its_broker_gets_no_order(world: World) -> None:
    world.exchange.offline = True
    world.tick()
    with pytest.raises(Refused, match="没有连上券商"):
        await world.broker.submit(world.order())
    assert world.files("requests") == []


async def test_a_script_for_another_account_gets_no_order(world: World) -> None:
    with pytest.raises(Refused, match="FILEDROP_ACCOUNT"):
        await world.connect(number="990000000000").submit(world.order())


async def test_a_stopped_strategy_says_so_at_once(world: World) -> None:
    world.host.call("stop")
    world.script = False
    with pytest.raises(Refused, match="没有动静"):
        await world.broker.submit(world.order())


async def test_a_request_that_nobody_takes_is_withdrawn_and_never_placed(world: World) -> None:
    world.script = False
    with pytest.raises(Refused, match="已经收回，没有下单"):
        await world.broker.submit(world.order())
    assert world.files("withdrawn") == [f"{ORDER}.json"]
    world.tick(5)
    assert world.exchange.placed(ORDER) == 0
    assert await world.kinds() == [ReportKind.REJECTED]


async def test_an_order_that_was_approved_long_ago_is_not_placed(world: World) -> None:
    order = world.order()
    world.tick(16)
    with pytest.raises(Refused, match="等了太久"):
        await world.broker.submit(order)


@pytest.mark.parametrize("number", ["dp1/../../x", "盯盘1", "dp" + "0" * 19])
async def test_a_number_that_fits_no_remark_is_refused(world: World, number: str) -> None:
    with pytest.raises(Refused, match="备注"):
        await world.broker.submit(world.order(number))


# --- nobody knows ---


async def test_an_order_that_never_shows_is_unknown_and_never_none(world: World) -> None:
    world.exchange.swallows = True
    with pytest.raises(Unavailable, match="不知道有没有下单"):
        await world.broker.submit(world.order())
    with pytest.raises(Unavailable, match="不知道有没有下单"):
        await world.broker.find(ORDER)
    with pytest.raises(Unavailable):
        await world.broker.cancel(world.order())


async def test_an_order_whose_call_raised_is_found_by_its_remark(world: World) -> None:
    world.exchange.raises = "timeout"
    world.exchange.lags = 8
    order = world.order()
    await world.broker.submit(order)
    assert (await world.after(order)).state is OrderState.ACCEPTED
    assert world.exchange.placed(ORDER) == 1


@pytest.mark.parametrize("kept", [0, 4])
async def test_a_cut_remark_is_shown_and_not_believed(world: World, kept: int) -> None:
    world.exchange.remark = kept
    with pytest.raises(Unavailable, match="合同编号 9001"):
        await world.broker.submit(world.order())
    with pytest.raises(Unavailable, match="合同编号 9001"):
        await world.broker.find(ORDER)
    assert (await world.broker.statement()).orders[0].id == ""


@pytest.mark.parametrize("switch", ["silent", "offline"])
async def test_an_account_that_cannot_be_seen_is_never_empty(world: World, switch: str) -> None:
    setattr(world.exchange, switch, True)
    world.tick()
    with pytest.raises(Unavailable):
        await world.broker.snapshot()
    with pytest.raises(Unavailable):
        await world.broker.statement()


async def test_value_without_positions_is_a_list_that_has_not_come(world: World) -> None:
    shown: Callable[..., object] = world.exchange.get_trade_detail_data
    world.host.names["get_trade_detail_data"] = lambda account, kind, what: (
        [] if what == "position" else shown(account, kind, what)
    )
    world.tick()
    with pytest.raises(Unavailable, match="没有给出持仓"):
        await world.broker.snapshot()


async def test_an_old_statement_says_nothing(world: World) -> None:
    world.script = False
    world.clock.advance(timedelta(seconds=30))
    with pytest.raises(Unavailable, match="秒没有更新"):
        await world.broker.snapshot()


# --- what the client is like ---


def test_an_older_client_that_wants_a_market_for_its_timer_gets_one(world: World) -> None:
    class Older(Context):
        def run_time(self, function: str, period: str, start: str, market: str) -> None:  # type: ignore[override]
            self.timers.append(f"{function} {market}")

    older: Callable[[], Context] = Older
    world.host.context = older()
    world.host.call("init")
    assert world.host.context.timers == ["dingpan_timer SH"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("m_dPrice", "nan"), ("m_nVolume", "1e400"), ("m_strTradeID", ""), ("m_nOffsetFlag", 9), ("m_dPrice", -1.0)],
)
async def test_a_row_that_cannot_be_is_told_and_ends_nothing(
    world: World, field: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    order = world.order()
    await world.broker.submit(order)
    world.exchange.callback = lambda *_: None
    world.exchange.trade(ORDER, 300, 9.9)
    right = {**world.exchange.newest_deal()}
    world.exchange.change_deal(**{field: value, "m_nDirection": 0})
    world.tick()
    with pytest.raises(Unavailable, match="读不懂"):
        await world.broker.find(ORDER)
    with pytest.raises(Unavailable, match="读不懂"):
        await world.broker.statement()
    with pytest.raises(Unavailable, match="读不懂"):
        await world.broker.cancel(order)
    world.broker._sleep = enough
    with pytest.raises(EnoughError):
        await anext(world.broker.reports())
    assert "读不懂" in caplog.text
    world.exchange.change_deal(**right)
    world.tick()
    assert await world.kinds() == [ReportKind.ACCEPTED, ReportKind.FILL]


async def test_half_a_character_in_the_reason_of_a_refusal_can_be_stored(world: World) -> None:
    world.exchange.refuses = "资金\ud8bf不足"
    order = world.order()
    await world.broker.submit(order)
    assert (await world.after(order)).note == "资金?不足"


@pytest.mark.parametrize(("looks", "times"), [(filedrop.THOROUGH - 1, 1), (filedrop.THOROUGH + 1, 2)])
async def test_an_answer_that_has_not_changed_is_read_again_once_in_a_while(
    world: World, looks: int, times: int
) -> None:
    await world.broker.submit(world.order())
    read: list[str] = []
    answer = world.broker._folder.answer

    def counted(number: str) -> dict[str, object] | None:
        read.append(number)
        return answer(number)

    left = looks

    async def sleep(_seconds: float) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise EnoughError

    setattr(world.broker._folder, "answer", counted)  # noqa: B010  mypy takes no method for a name
    world.broker._sleep = sleep
    stream = world.broker.reports()
    assert (await anext(stream)).kind is ReportKind.ACCEPTED
    with pytest.raises(EnoughError):
        await anext(stream)
    assert read == [ORDER] * times
