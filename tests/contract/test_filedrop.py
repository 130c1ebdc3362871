"""The file-drop account and the script inside big QMT: one order or none, whatever is killed, late, torn or forged.

The script is the real one. Most tests run it in this process, in the fake client of ``tests/fakes/bigqmt_host.py``;
those that kill it, in ``test_filedrop_killed.py``, run it in a process of its own, on Python 3.6 where there is one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.brokers.filedrop_folder import Purpose, sealed
from core.errors import Malformed, Refused, Unavailable
from core.orders import OrderState, ReportKind
from core.types import Side
from tests.contract.test_brokers import market
from tests.fakes.bigqmt_host import Context
from tests.fakes.filedrop import BANK, HOST, KEY, NUMBER, ORDER, SCRIPT, Client, World, old_python

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
    world.exchange.trade(ORDER, 600, 9.99, commission=5.31)
    world.tick()
    done = await world.after(order)
    assert (done.state, done.filled, done.filled_amount) == (OrderState.FILLED, 1000, D("9986.00"))
    assert done.fees == D("5.04") + D("5.31")  # computed where the client says nothing yet
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


# --- what the script refuses by itself ---


async def test_a_request_that_comes_late_is_refused(world: World) -> None:
    world.hand_in(world.order())
    world.clock.advance(timedelta(seconds=16))
    world.tick()
    assert world.exchange.placed(ORDER) == 0
    (report,) = await world.broker.find(ORDER) or ()
    assert report.note == "送到大 QMT 时已经超过有效时间，没有下单"


async def test_a_request_from_the_future_is_refused(world: World) -> None:
    at = world.clock.now().timestamp() + 40
    world.hand_in(world.order(), created_at=at, not_after=at + 15)
    world.tick()
    assert (await world.kinds(), world.exchange.placed(ORDER)) == ([ReportKind.REJECTED], 0)


async def test_a_request_for_another_account_is_refused(world: World) -> None:
    world.hand_in(world.order(), account="990000000000")
    world.tick()
    assert (await world.kinds(), world.exchange.placed(ORDER)) == ([ReportKind.REJECTED], 0)


async def test_a_request_while_the_broker_is_lost_is_refused(world: World) -> None:
    world.hand_in(world.order())
    world.exchange.offline = True
    world.tick()
    (report,) = await world.broker.find(ORDER) or ()
    assert report.note == "大 QMT 没有连上券商，请在客户端里重新登录，没有下单"
    assert world.exchange.placed(ORDER) == 0


async def test_a_cancel_that_comes_late_is_not_carried_out(world: World) -> None:
    order = world.order()
    await world.broker.submit(order)
    world.script = False

    async def sleep(_seconds: float) -> None:
        world.clock.advance(timedelta(seconds=16))
        world.host.tick()

    world.broker._sleep = sleep
    with pytest.raises(Refused, match="超过有效时间.*没有撤单"):
        await world.broker.cancel(order)
    world.tick()
    assert await world.kinds() == [ReportKind.ACCEPTED]


async def test_a_cancel_that_nobody_takes_is_withdrawn(world: World) -> None:
    order = world.order()
    await world.broker.submit(order)
    world.script = False
    with pytest.raises(Refused, match="没有来取，没有撤单"):
        await world.broker.cancel(order)
    world.tick(3)
    assert await world.kinds() == [ReportKind.ACCEPTED]


async def test_looking_an_order_up_does_not_take_it_back_while_somebody_waits_for_it(world: World) -> None:
    looks: list[str] = []

    async def sleep(seconds: float) -> None:
        if not looks:
            with pytest.raises(Unavailable):
                await world.broker.find(ORDER)
        looks.append("look")
        await world.sleep(seconds)

    world.broker._sleep = sleep
    await world.broker.submit(world.order())
    assert world.exchange.placed(ORDER) == 1


@pytest.mark.parametrize(
    ("limits", "earlier", "side", "says"),
    [
        ({"MAX_YUAN_PER_ORDER": 9999}, 0, Side.BUY, "单笔上限 9999 元"),
        ({"MAX_BUY_YUAN_PER_DAY": 29999}, 2, Side.BUY, "当日买入上限 29999 元"),
        ({"MAX_ORDERS_PER_DAY": 2}, 2, Side.BUY, "当日委托上限 2 笔"),
        ({"ALLOW_BUY": False}, 0, Side.BUY, "ALLOW_BUY"),
        ({"ALLOW_SELL": False}, 0, Side.SELL, "ALLOW_SELL"),
    ],
)
async def test_limits_of_the_script_hold_over_restarts(
    tmp_path: Path, limits: dict[str, object], earlier: int, side: Side, says: str
) -> None:
    world = World(tmp_path, **limits)
    for number in range(earlier):
        await world.broker.submit(world.order(f"dp{number}"))
    world.restart()
    with pytest.raises(Refused, match=f"{says}.*没有下单"):
        await world.broker.submit(world.order(side=side))
    assert world.exchange.placed(ORDER) == 0


async def test_what_was_refused_uses_up_no_limit(tmp_path: Path) -> None:
    world = World(tmp_path, MAX_YUAN_PER_ORDER=10_000, MAX_ORDERS_PER_DAY=1)
    with pytest.raises(Refused):
        await world.broker.submit(world.order("dp1", shares=2000))
    await world.broker.submit(world.order())
    assert world.exchange.placed(ORDER) == 1


# --- other programs that can write into the folder ---


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_request_that_is_put_back_is_not_placed_again(world: World, restarted: bool) -> None:
    await world.broker.submit(world.order())
    if restarted:
        world.restart()
    shutil.copy(world.drop / "taken" / f"{ORDER}.json", world.drop / "requests")
    (world.drop / "answers" / f"{ORDER}.json").unlink()
    world.tick(3)
    assert world.exchange.placed(ORDER) == 1
    assert world.files("requests") == []


@pytest.mark.parametrize("how", ["another key", "more shares", "another name", "another purpose"])
async def test_an_order_of_another_program_is_put_aside_and_told(
    world: World, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = world.hand_in(world.order())
    text = path.read_text(encoding="ascii")
    body = json.loads(json.loads(text)["body"])
    forged = {
        "another key": sealed("00" * 32, Purpose.REQUEST, body),
        "more shares": text.replace("1000", "9000"),
        "another name": text,
        "another purpose": sealed(KEY, Purpose.ANSWER, body),
    }[how]
    path.unlink()
    path = path.with_name("dp0000000B.json") if how == "another name" else path
    path.write_text(forged, encoding="ascii")
    world.host.names["TORN"] = -1e18  # it has lain there for long
    world.tick(3)
    assert world.exchange.state["asked"] == []
    assert world.files("requests") == []
    stream = world.broker.reports()
    world.broker._sleep = _once
    with pytest.raises(_EnoughError):
        await anext(stream)
    assert "不是盯盘写的委托" in caplog.text


class _EnoughError(Exception):
    pass


async def _once(_seconds: float) -> None:
    raise _EnoughError


@pytest.mark.parametrize("answer", ["heartbeat", "statement", "answers/dp0000000A"])
async def test_a_forged_answer_is_not_believed(world: World, answer: str) -> None:
    order = world.order()
    await world.broker.submit(order)
    path = world.drop / f"{answer}.json"
    text = path.read_text(encoding="ascii")
    path.write_text(text.replace('\\"at\\"', '\\"as\\"'), encoding="ascii")
    world.script = False
    if answer == "heartbeat":
        with pytest.raises(Refused, match="签名不对"):
            await world.broker.submit(world.order("dp2"))
    else:
        with pytest.raises(Malformed, match="签名不对"):
            await (world.broker.snapshot() if answer == "statement" else world.broker.find(ORDER))


async def test_a_request_is_ignored_until_it_is_complete(world: World) -> None:
    path = world.hand_in(world.order())
    text = path.read_text(encoding="ascii")
    now = world.clock.now
    world.host.names["os"].utime(path, (now().timestamp(),) * 2)
    path.write_text(text[:60], encoding="ascii")
    world.tick()
    assert (world.files("requests"), world.exchange.placed(ORDER)) == ([path.name], 0)
    path.write_text(text, encoding="ascii")
    world.tick()
    assert world.exchange.placed(ORDER) == 1


async def test_a_torn_answer_is_read_when_it_is_whole(world: World) -> None:
    looks = 0
    whole = b""
    path = world.drop / "answers" / f"{ORDER}.json"

    async def sleep(seconds: float) -> None:
        nonlocal looks, whole
        looks += 1
        world.script = looks < 3
        await world.sleep(seconds)
        if looks == 2:
            whole = path.read_bytes()
            path.write_bytes(whole[:50])
        elif looks == 5:
            path.write_bytes(whole)

    world.broker._sleep = sleep
    await world.broker.submit(world.order())
    assert looks == 5


# --- two scripts ---


async def test_of_two_copies_of_the_script_one_works(world: World) -> None:
    first = world.host
    second = world.start()
    second.names["G"].me = "second"
    for _ in range(4):
        second.tick()
        world.tick()
    world.hand_in(world.order())
    second.tick()
    assert world.exchange.placed(ORDER) == 0
    first.tick()
    assert world.exchange.placed(ORDER) == 1
    world.clock.advance(timedelta(seconds=11))  # the first one has died
    second.tick()
    second.tick()
    world.hand_in(world.order("dp2"))
    second.tick()
    assert world.exchange.placed("dp2") == 1
    assert world.exchange.placed(ORDER) == 1


async def test_two_scripts_that_both_believe_to_be_alone_place_one_order(world: World) -> None:
    second = world.start()
    second.names["is_ours"] = lambda: True
    world.hand_in(world.order())
    shutil.copy(world.drop / "requests" / f"{ORDER}.json", world.folder / "copy")
    world.tick()
    shutil.copy(world.folder / "copy", world.drop / "requests" / f"{ORDER}.json")
    second.tick()
    assert world.exchange.placed(ORDER) == 1


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_what_was_taken_and_not_noted_is_certain_only_where_it_was_taken(world: World, elsewhere: bool) -> None:
    order = world.order()
    world.hand_in(order).rename(world.drop / "taken" / f"{ORDER}.json")
    world.restart(records="other" if elsewhere else "records")
    if elsewhere:
        with pytest.raises(Unavailable, match="不知道有没有下单"):
            await world.broker.find(ORDER)
    else:
        assert await world.kinds() == [ReportKind.REJECTED]
    assert world.exchange.placed(ORDER) == 0


async def test_a_script_that_moves_to_another_computer_goes_on_telling(world: World) -> None:
    order = world.order()
    await world.broker.submit(order)
    world.restart(records="other")
    world.exchange.trade(ORDER, 1000, 9.9)
    world.tick()
    assert await world.kinds() == [ReportKind.ACCEPTED, ReportKind.FILL]
    assert world.exchange.placed(ORDER) == 1


async def test_an_order_whose_files_were_tidied_away_is_never_none(world: World) -> None:
    await world.broker.submit(world.order())
    for name in ("taken", "answers"):
        (world.drop / name / f"{ORDER}.json").unlink()
    world.script = False
    with pytest.raises(Unavailable, match=r"文件不见了.*9001"):
        await world.broker.find(ORDER)
    world.tick()  # the script still knows, and writes it again
    assert await world.kinds() == [ReportKind.ACCEPTED]
    world.script = False
    world.clock.advance(timedelta(minutes=1))
    with pytest.raises(Unavailable):
        await world.broker.find("dp404")


# --- where it runs ---


def test_the_script_runs_on_the_python_of_the_client(tmp_path: Path) -> None:
    client = Client(tmp_path, market("2026-03-23", "10:00").timestamp())
    if old_python() is not None:
        assert client.python.startswith("3.6.")
    at = market("2026-03-23", "10:00").timestamp()
    client.do("tick", at=at)
    said = client.do("tick", at=at + 1)["said"]
    client.close()
    assert not said, said
    assert (tmp_path / "drop" / "statement.json").exists()


def test_the_script_is_plain_ascii_and_says_its_coding() -> None:
    text = SCRIPT.read_bytes()
    assert text.isascii()
    assert text.startswith(b"# coding:gbk\n")
    assert HOST.read_bytes().isascii()


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
    world.broker._sleep = _once
    with pytest.raises(_EnoughError):
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
