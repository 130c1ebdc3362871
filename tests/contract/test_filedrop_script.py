"""What the script inside big QMT refuses by itself: late, over a limit, forged, taken before, told by two."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.brokers.filedrop_folder import Purpose, sealed
from core.errors import Malformed, Refused, Unavailable
from core.orders import ReportKind
from core.types import Side
from tests.contract.test_brokers import market
from tests.fakes.filedrop import HOST, KEY, ORDER, SCRIPT, Client, EnoughError, World, enough, old_python

D = Decimal


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


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
    with pytest.raises(Refused, match=r"超过有效时间.*没有撤单"):
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
    world.broker._sleep = enough
    with pytest.raises(EnoughError):
        await anext(stream)
    assert "不是盯盘写的委托" in caplog.text


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
