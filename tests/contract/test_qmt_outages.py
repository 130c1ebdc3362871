"""miniQMT's stream when the terminal goes, comes back, falls silent or hangs. Over the SDK's real Python."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from core.errors import Unavailable
from core.types import Symbol
from tests.contract.test_xt import run
from tests.fakes.qmt_house import BANK, MAOTAI, MORNING, PINGAN, at, house
from tests.fakes.streams import Stream, until

INDEX = Symbol("000001.SH")
ROOT: Final = Path(__file__).resolve().parents[2]


# --- outages ---


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize(
    "how", [{}, {"resumes": False}, {"deaf_after_cut": True}], ids=["comes back", "is another", "comes back deaf"]
)
async def test_after_an_outage_the_frames_resume_by_themselves(how: dict[str, Any], tells: bool) -> None:
    async with house(tells=tells, **how) as our, our.watching(MAOTAI) as stream:
        our.terminal.cut()
        await until(lambda: our.told)
        assert our.told == ["QMT行情中断：连不上 miniQMT。请看它是否开着、是否以极简模式登录。会自动重试。"]
        assert (
            our.quotes.describe() == "QMT行情中断（10:00:00 起）：连不上 miniQMT。请看它是否开着、是否以极简模式登录。"
        )
        with pytest.raises(Unavailable, match="连不上 miniQMT"):
            await our.quotes.fetch([MAOTAI])
        our.clock.advance(timedelta(seconds=5))
        before = stream.frames
        our.terminal.restore()
        await until(lambda: len(our.told) == 2)
        assert our.told[1] == "QMT行情已恢复。"
        assert stream.frames >= before
        our.trade(MAOTAI, 1402)
        await stream.until(lambda frame: 1_402_000 in frame.last)
        assert (await our.quotes.fetch([MAOTAI]))[MAOTAI].last == Decimal("1402.00")
        assert our.quotes.describe() == "正在用QMT行情，1 只，最近一次推送 10:00:06。"


async def test_no_frame_comes_while_the_terminal_is_away() -> None:
    async with house() as our, our.watching(MAOTAI) as stream:
        our.terminal.cut()
        await until(lambda: our.told)
        await our.pauses(0)
        before = stream.frames
        quiet = our.pauses.count(3.0)
        await until(lambda: our.pauses.count(3.0) > quiet + 5)
        assert stream.frames == before


async def test_a_link_that_came_back_unnoticed_is_subscribed_anew_when_it_says_so() -> None:
    async with house(deaf_after_cut=True) as our, our.watching(MAOTAI) as stream:
        our.terminal.cut()  # both within one step of the loop: the source sees the same client, connected
        our.terminal.restore()
        our.trade(MAOTAI, 1402)
        await stream.until(lambda frame: 1_402_000 in frame.last)  # by the snapshot of the new subscription
        assert our.quotes.subscribed == 2


async def test_a_terminal_that_starts_after_us_is_found() -> None:
    async with house(up=False) as our:
        our.quotes.watch([MAOTAI])
        async with Stream(our.quotes).reading() as stream:
            await until(lambda: our.told)
            our.terminal.up = True
            await stream.until(lambda frame: MAOTAI in frame.rows)
        assert our.told[-1] == "QMT行情已恢复。"


async def test_of_several_terminals_one_is_asked_and_no_other() -> None:
    async with house(port=58612) as our, our.watching(MAOTAI):
        our.terminal.cut()
        await until(lambda: our.told)
        assert set(our.terminal.asked("connect")) == {"127.0.0.1:58612", "localhost:58612"}


async def test_a_mistake_of_ours_is_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house() as our:

        async def mistaken() -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(our.quotes, "_compare", mistaken)
        our.quotes.watch([MAOTAI])
        with pytest.raises(ZeroDivisionError):
            async for _ in our.quotes.frames():
                pass


async def test_a_refused_subscription_is_told_and_tried_again() -> None:
    async with house(refuses=True) as our:
        our.quotes.watch([MAOTAI])
        async with Stream(our.quotes).reading() as stream:
            await until(lambda: our.told)
            assert "订阅行情被 miniQMT 拒绝（返回 -1）" in our.told[0]
            our.terminal.refuses = False
            await stream.until(lambda frame: MAOTAI in frame.rows)


async def test_an_old_number_is_never_given_to_another_client() -> None:
    async with house(resumes=False) as our, our.watching(MAOTAI) as stream:
        our.terminal.cut()
        await until(lambda: our.told)
        our.terminal.restore()
        our.trade(MAOTAI, 1402)
        await stream.until(lambda frame: 1_402_000 in frame.last)
        assert our.terminal.asked("unsubscribe_quote") == []


async def test_a_silent_death_is_noticed_while_the_market_is_open() -> None:
    async with house() as our, our.watching(MAOTAI) as stream:
        our.terminal.deafen()
        our.clock.advance(timedelta(seconds=19))
        await our.checks(3)
        assert our.quotes.subscribed == 1
        our.clock.advance(timedelta(seconds=2))
        await until(lambda: our.quotes.subscribed == 2)
        our.trade(MAOTAI, 1402)
        await stream.until(lambda frame: 1_402_000 in frame.last)
        assert our.told == []


@pytest.mark.parametrize(
    ("begin", "minutes"),
    [(at(12, 0), 50), (at(11, 29, 50), 0.5), (at(9, 26), 4), (at(20, 0), 300), (at(10, 0, day=22), 90)],
)
async def test_silence_means_nothing_while_the_market_rests(begin: datetime, minutes: float) -> None:
    async with house(begin) as our, our.watching(MAOTAI):
        our.terminal.deafen()
        our.clock.advance(timedelta(minutes=minutes))
        await our.checks(3)
        assert our.quotes.subscribed == 1


async def test_silence_that_lasts_is_told_and_gets_another_connection() -> None:
    async with house(snapshots=False) as our:
        our.quotes.watch([MAOTAI])
        async with Stream(our.quotes).reading():
            await our.checks(2)
            our.clock.advance(timedelta(seconds=21))
            await until(lambda: our.quotes.subscribed == 2)
            assert our.told == []
            our.clock.advance(timedelta(seconds=41))
            await until(lambda: our.quotes.subscribed == 3)
            await until(lambda: our.told)
            assert our.told == ["QMT行情中断：还没有推送。会自动重试。"]
            assert len(our.terminal.clients) == 2
            our.trade(MAOTAI, 1402)
            await until(lambda: our.told[1:] == ["QMT行情已恢复。"])


async def test_a_terminal_that_repeats_what_it_had_is_not_alive() -> None:
    async with house() as our, our.watching(MAOTAI):
        for seconds in (21, 41):  # its own source is dead: each subscription is answered with the rows of before
            our.clock.advance(timedelta(seconds=seconds))
            subscribed = our.quotes.subscribed
            await until(lambda: our.quotes.subscribed > subscribed)  # noqa: B023  it is called here
        await until(lambda: our.told)
        assert our.told == ["QMT行情中断：10:00:00 起没有新的推送。会自动重试。"]
        assert our.quotes.trouble == "10:00:00 起没有新的推送"
        our.trade(INDEX, 3350.0)
        await until(lambda: our.told[1:] == ["QMT行情已恢复。"])
        assert our.quotes.trouble == ""


@pytest.mark.parametrize("begin", [at(9, 16), at(14, 57, 30)])
async def test_in_an_auction_what_is_missed_is_noticed_and_silence_is_none(begin: datetime) -> None:
    async with house(begin) as our, our.watching(MAOTAI) as stream:
        our.clock.advance(timedelta(seconds=80))
        await our.checks(3)
        assert our.quotes.subscribed == 1
        our.terminal.trade(MAOTAI, 1402)  # and nobody is told
        our.clock.advance(timedelta(seconds=31))
        await stream.until(lambda frame: 1_402_000 in frame.last)
        await until(lambda: our.quotes.subscribed == 2)


async def test_asking_all_the_time_does_not_hide_that_the_stream_is_alive() -> None:
    async with house() as our, our.watching(MAOTAI):
        for price in range(1400, 1410):
            our.clock.advance(timedelta(seconds=5))
            our.terminal.trade(MAOTAI, price)
            await our.quotes.fetch([MAOTAI])  # it is asked before it is pushed
            our.terminal.push(MAOTAI)
            await our.checks(1)
        assert our.quotes.subscribed == 1


async def test_the_indexes_keep_a_list_of_quiet_shares_alive() -> None:
    async with house() as our, our.watching(MAOTAI):
        for second in range(10):
            our.trade(INDEX, 3345.0 + second, after=5)
            await our.checks(1)
        assert our.quotes.subscribed == 1


async def test_a_code_that_fell_out_of_the_stream_is_noticed() -> None:
    async with house() as our, our.watching(MAOTAI, PINGAN) as stream:
        for price in range(1400, 1410):
            our.trade(MAOTAI, price, after=10)
            our.terminal.trade(PINGAN, 11.5)  # and nobody is told
            await our.checks(1)
        await stream.until(lambda frame: 11_500 in frame.last)
        await until(lambda: our.quotes.subscribed == 2)
        assert our.quotes.missed >= 1


# --- calls that hang ---


async def test_a_hung_read_ends_at_its_deadline_and_holds_up_no_frame() -> None:
    async with house(within=0.1) as our, our.watching(MAOTAI) as stream:
        gate = our.terminal.hold("get_full_tick")
        with pytest.raises(Unavailable, match=r"读取快照超过 0.1 秒没有回答"):
            await our.quotes.fetch([BANK])
        assert our.quotes.link.stuck_since == MORNING
        with pytest.raises(Unavailable, match=r"从 10:00:00 起没有回答（读取快照）"):
            await our.quotes.fetch([BANK])
        our.trade(MAOTAI, 1402)
        await stream.until(lambda frame: 1_402_000 in frame.last)
        # What is pushed is as fresh as what would be read.
        assert (await our.quotes.fetch([MAOTAI]))[MAOTAI].last == Decimal("1402.00")
        assert our.told == []
        assert "它从 10:00:00 起不回答，一直这样就要重启网关和 miniQMT" in our.quotes.describe()
        our.clock.advance(timedelta(seconds=21))
        with pytest.raises(Unavailable, match="没有回答"):
            await our.quotes.fetch([MAOTAI])
        await until(lambda: our.told)
        gate.set()
        await until(lambda: our.quotes.link.stuck_since is None)
        assert "不回答" not in our.quotes.describe()
        assert (await our.quotes.fetch([MAOTAI]))[MAOTAI].last == Decimal("1402.00")


async def test_a_price_is_asked_before_everything_that_waits() -> None:
    async with house() as our:
        gate = our.terminal.hold("supply_history_data2")
        bars = [asyncio.create_task(our.data.bars.bars(one, "day", 5)) for one in (MAOTAI, PINGAN)]
        await until(lambda: our.terminal.asked("supply_history_data2"))
        price = asyncio.create_task(our.quotes.fetch([MAOTAI]))
        await asyncio.sleep(0)
        gate.set()
        assert (await price)[MAOTAI].last == Decimal("1419.09")
        await asyncio.gather(*bars)
        asked = [name for name, _ in our.terminal.calls if name in {"supply_history_data2", "get_full_tick"}]
        assert asked[:3] == ["supply_history_data2", "get_full_tick", "get_full_tick"]  # of the bars, then the price


async def test_a_question_that_nobody_waits_for_any_more_is_not_asked() -> None:
    async with house(within=0.1) as our:
        gate = our.terminal.hold("get_trading_dates_by_market")
        days = asyncio.create_task(our.data.roster.calendar_differences())
        await until(lambda: our.terminal.asked("get_trading_dates_by_market"))
        with pytest.raises(Unavailable, match=r"0.1 秒没有轮到读取快照（前面的请求是读取交易日）"):
            await our.quotes.fetch([MAOTAI])
        gate.set()
        await days
        await our.quotes.fetch([PINGAN])
        assert our.terminal.asked("get_full_tick") == [[PINGAN]]


async def test_all_is_asked_on_one_thread() -> None:
    async with house() as our, our.watching(MAOTAI):
        await asyncio.gather(
            our.quotes.fetch([MAOTAI]), our.data.bars.bars(MAOTAI, "day", 5), our.quotes.fetch([PINGAN])
        )
        assert set(our.terminal.threads) == {"xtdata"}


async def test_what_the_sdk_raises_is_unavailable() -> None:
    async with house() as our:
        our.terminal.fail("get_full_tick", "request timeout", times=1)
        with pytest.raises(Unavailable, match="读取快照失败：request timeout"):
            await our.quotes.fetch([MAOTAI])
        assert MAOTAI in await our.quotes.fetch([MAOTAI])


async def test_closing_leaves_the_terminal_even_when_nobody_ever_asked() -> None:
    async with house() as our:
        await our.data.close()
        assert our.terminal.calls == []
    async with house() as our:
        async with our.watching(MAOTAI):
            pass
        await our.data.close()
        assert our.terminal.subscriptions == []
        assert [client.is_connected() for client in our.terminal.clients] == [False]
        with pytest.raises(Unavailable, match="已经关闭"):
            await our.quotes.fetch([MAOTAI])


# --- other processes ---

SETUP: Final = """
import asyncio
from datetime import UTC, datetime, timedelta
from adapters.quotes import qmt
from core.clock import ManualClock
from core.types import Symbol
from tests.fakes.xtdatacenter import Terminal
MAOTAI = Symbol("600519.SH")
clock = ManualClock(datetime(2026, 11, 24, 2, 0, tzinfo=UTC))
terminal = Terminal(clock)
terminal.have(MAOTAI, name="name", last=1419.09, preclose=1430.0)
terminal.history[MAOTAI, "1d"] = [(datetime(2026, 11, 23, 7, 0, tzinfo=UTC), 1420, 1440, 1410, 1430, 100, 14.3e6)]
terminal.history[MAOTAI, "1m"] = [(datetime(2026, 11, 24, 1, 31, tzinfo=UTC), 1420, 1440, 1410, 1430, 100, 14.3e6)]
terminal.knows_its_days(20251124, 20261124)
"""
ZONES: Final = """
async def main():
    with terminal.running():
        data = qmt.connect(clock=clock)
        quote = (await data.quotes.fetch([MAOTAI]))[MAOTAI]
        days = await data.bars.bars(MAOTAI, "day", 5)
        minutes = await data.bars.bars(MAOTAI, "1m", 5)
        print(quote.quoted_at, [bar.time for bar in (*days, *minutes)])
        print(len(await data.roster.calendar_differences()))
        await data.close()
asyncio.run(main())
"""
HANG: Final = """
async def main():
    terminal.hold("get_full_tick")
    data = qmt.connect(clock=clock, within=timedelta(seconds=0.1))
    try:
        await data.quotes.fetch([MAOTAI])
    except Exception as error:
        print(type(error).__name__)
    await data.close()
    print("ends")
context = terminal.running()
context.__enter__()
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there a process cannot be given another zone")
def test_the_zone_of_the_machine_changes_nothing() -> None:
    said = []
    for zone in ("UTC", "America/New_York", "Asia/Shanghai"):
        path = {"PYTHONPATH": str(ROOT), "TZ": zone}
        done = subprocess.run(
            [sys.executable, "-c", SETUP + ZONES], env=path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert len(set(said)) == 1
    assert "2026-11-24 02:00:00+00:00" in said[0]
    assert "datetime.datetime(2026, 11, 23, 6, 55, tzinfo=datetime.timezone.utc)" in said[0]
    assert said[0].endswith("\n0\n")


def test_a_hung_call_does_not_keep_the_process_from_ending() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + SETUP + HANG],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (0, ["Slow", "ends"]), done.stderr


def test_importing_the_market_data_asks_nobody(tmp_path: Path) -> None:
    said = run(tmp_path, "from tests.fakes.xtdatacenter import install\nprint(install().enable_hello)")
    assert said.split() == ["True"]
