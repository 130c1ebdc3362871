"""The picture of an alert comes after it, for those who want one, and nothing about it can hold an alert up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core import illustrate
from core.account_kinds import AccountLoss
from core.alerts import Reason
from core.bars import Bar, Period
from core.conditions import PriceBelow
from core.errors import Unavailable
from core.messages import Chart, ChartPeriod
from core.portfolio import Worth
from core.types import Mode, Side, Symbol, account_symbol
from core.watches import Plan, Repeat
from tests.fakes.parts import ACCOUNT, MOUTAI, OWNER, PINGAN, Home, at, house, quote, watch

BELOW = PriceBelow(value=Decimal(1420))
EVERY: dict[str, Any] = {"repeat": Repeat.EVERY_TIME, "cooldown": timedelta(0)}
TITLE = "🔔 贵州茅台(600519) 1419.00"


async def settled(home: Home) -> None:
    await home.app.house.illustrator.drained()
    await home.app.house.notifier.drained()


async def cross(home: Home, clock: str = "10:00") -> None:
    await home.tick(f"{clock}:00", "1430", ask="1430")
    await home.tick(f"{clock}:03", "1419", ask="1419.5")


def how(home: Home) -> list[tuple[str, bool]]:
    return [(how, message.chart is not None) for how, _, _, message in home.phone.calls]


async def test_nobody_gets_a_picture_who_did_not_ask() -> None:
    async with house() as home:
        await home.add(watch(BELOW))
        await cross(home)
        await settled(home)
        assert how(home) == [("send", False)]


async def test_the_picture_is_added_to_the_alert_with_the_trigger_and_the_line_on_it() -> None:
    async with house(positions={MOUTAI: (100, Decimal("1399.5"))}) as home:
        await home.app.house.illustrator.want(OWNER, wanted=True)
        await home.add(watch(BELOW))
        await cross(home)
        await settled(home)
        assert how(home) == [("send", False), ("edit", True)]
        first, last = home.phone.shown()
    assert (last.title, last.text, last.buttons) == (first.title, first.text, first.buttons)
    assert last.chart is not None
    assert last.chart.period is ChartPeriod.MINUTE
    assert last.chart.marks == ((int(at("10:00:03").timestamp()), 1_419_000, "#1 触发"),)
    assert [level.label for level in last.chart.levels] == ["#1 跌到", "成本"]


class SlowSource:
    """A source of bars that does not answer until it is let go."""

    name = "慢K线"

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()

    async def bars(self, symbol: Symbol, period: Period, count: int) -> Sequence[Bar]:
        self.asked.set()
        await self.gate.wait()
        return []


async def test_an_alert_does_not_wait_for_a_picture_nor_does_the_next_one() -> None:
    source = SlowSource()
    async with house(bars=source) as home:
        await home.app.house.illustrator.want(OWNER, wanted=True)
        await home.add(watch(BELOW, **EVERY))
        await cross(home)
        await source.asked.wait()
        await cross(home, "10:01")
        assert home.phone.titles() == [TITLE, TITLE]
        assert how(home) == [("send", False), ("send", False)]
        source.gate.set()
        await settled(home)
        assert how(home)[2:] == [("edit", True), ("edit", True)]


async def test_what_people_want_survives_a_restart_and_is_each_ones_own() -> None:
    async with house() as home:
        await home.app.house.illustrator.want(OWNER, wanted=True)
        await home.app.house.illustrator.want("wife", wanted=True)
        await home.app.house.illustrator.want("wife", wanted=False)
        store = home.store
    async with house(store=store) as home:
        assert home.app.house.illustrator.wanted(OWNER)
        assert not home.app.house.illustrator.wanted("wife")


async def test_the_card_of_an_order_stays_as_it_is_and_the_picture_follows_it() -> None:
    async with house() as home:
        await home.app.house.illustrator.want(OWNER, wanted=True)
        await home.add(watch(BELOW, plan=Plan(side=Side.BUY, shares=100)))
        await cross(home)
        await settled(home)
        assert how(home) == [("send", False), ("send", True)]
        card, picture = home.phone.shown()
    assert "确认" in card.labels()
    assert (picture.title, picture.labels()) == ("📈 贵州茅台 600519 分时", ())


async def test_of_several_alerts_at_once_one_is_drawn() -> None:
    async with house() as home:
        await home.app.house.illustrator.want(OWNER, wanted=True)
        await home.add(watch(BELOW))
        await home.add(watch(PriceBelow(value=Decimal(60)), id="w2", symbols=(PINGAN,)))
        await home.show(quote(MOUTAI, "1430"), quote(PINGAN, "61"))
        await home.show(quote(MOUTAI, "1419", "10:00:03"), quote(PINGAN, "59", "10:00:03"))
        await settled(home)
        assert how(home) == [("send", False), ("edit", True)]
        chart = home.phone.shown()[-1].chart
    assert chart is not None
    assert chart.symbol == MOUTAI


async def test_a_picture_that_cannot_be_drawn_is_left_out_and_the_next_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with house() as home:
        faults: list[Exception] = [Unavailable("数据库", "锁住了"), RuntimeError("a bug")]
        pictures = home.app.house.pictures
        drawn = pictures.chart_of

        async def chart_of(*asked: Any, **more: Any) -> Chart | None:
            if faults:
                raise faults.pop()
            return await drawn(*asked, **more)

        monkeypatch.setattr(pictures, "chart_of", chart_of)
        await home.app.house.illustrator.want(OWNER, wanted=True)
        await home.add(watch(BELOW, **EVERY))
        for clock in ("10:00", "10:01", "10:02"):
            await cross(home, clock)
            await settled(home)
        assert how(home) == [("send", False)] * 3 + [("edit", True)]


async def test_a_picture_that_comes_too_late_is_not_added() -> None:
    source = SlowSource()
    async with house(bars=source) as home:
        await home.app.house.illustrator.want(OWNER, wanted=True)
        await home.add(watch(BELOW))
        await cross(home)
        await source.asked.wait()
        home.clock.set(at("10:02:04"))
        source.gate.set()
        await settled(home)
        assert how(home) == [("send", False)]


async def test_more_pictures_than_anybody_looks_at_are_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(illustrate, "MOST", 1)
    source = SlowSource()
    async with house(bars=source) as home:
        await home.app.house.illustrator.want(OWNER, wanted=True)
        await home.add(watch(BELOW, **EVERY))
        await cross(home)
        await source.asked.wait()  # the first one is being drawn, the second waits, the third finds no room
        await cross(home, "10:01")
        await cross(home, "10:02")
        source.gate.set()
        await settled(home)
        assert [one.reason for one in await home.alerts()] == [Reason.FIRST, Reason.REPEAT_DUE, Reason.REPEAT_DUE]
        assert how(home).count(("edit", True)) == 2


async def test_an_alert_on_an_account_brings_its_curve() -> None:
    async with house(positions={MOUTAI: (100, Decimal(1430))}) as home:
        await home.store.save_worths([worth("2026-03-19"), worth("2026-03-20")])
        await home.app.house.illustrator.want(OWNER, wanted=True)
        loss = AccountLoss(value=Decimal(500), unit="yuan", reference="total")
        await home.add(watch(loss, symbols=(account_symbol(ACCOUNT),)))
        await cross(home)
        await settled(home)
        message = home.phone.shown()[-1]
    assert message.chart is not None
    assert message.chart.title == "模拟账户 收益曲线"
    assert next(button.command for row in message.buttons for button in row if button.label == "看图") == "curve @paper"


def worth(day: str) -> Worth:
    return Worth(
        account=ACCOUNT,
        day=at("15:00", day).date(),
        mode=Mode.PAPER,
        total=Decimal(1_143_000),
        paid_in=Decimal(1_143_000),
        realized=Decimal(0),
        as_of=at("15:00", day),
    )


async def test_where_no_pictures_are_painted_none_is_added() -> None:
    async with house() as home:
        home.app.house.illustrator.possible = False
        await home.app.house.illustrator.want(OWNER, wanted=True)
        await home.add(watch(BELOW))
        await cross(home)
        await settled(home)
        assert how(home) == [("send", False)]
