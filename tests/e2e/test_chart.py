"""/chart: the picture that is asked for, with the person's own prices and what was told; its buttons turn the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.command import Call, Context
from bot.commands.chart import chart
from bot.language.dialogue import Dialogue
from bot.language.request import Request
from bot.main import status
from core.bars import MINUTES, Bar, Period, day_label, merged
from core.calendar import previous_trading_day, trading_days
from core.charts import day_of
from core.conditions import EnterRange, PriceBelow
from core.errors import Invalid, NotFound, Unavailable
from core.history import History
from core.messages import COMMAND_BYTES, ChartPeriod, Message, Role
from core.people import Person
from core.pictures import Pictures
from core.types import Symbol
from tests.fakes.parts import CHAT, MOUTAI, OWNER, PINGAN, Home, at, house, quote, watch


class Archive:
    """A source of bars, which may have none and say why."""

    name = "测试K线"

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble
        self.asked: list[Period] = []
        last = previous_trading_day(at("09:00").date())
        self.given = {
            "day": [bar(day_label(day)) for day in trading_days(last - timedelta(days=120), last)],
            "1m": [bar(at("09:31") + timedelta(minutes=step)) for step in range(60)],
        }

    async def bars(self, symbol: Symbol, period: Period, count: int) -> Sequence[Bar]:
        self.asked.append(period)
        if self.trouble:
            raise Unavailable(self.name, self.trouble)
        short = merged(self.given["1m"], MINUTES[period]) if period != "day" else self.given["day"]
        return [replace(one, symbol=symbol) for one in short]


def bar(when: datetime) -> Bar:
    return Bar(MOUTAI, when.astimezone(UTC), Decimal(1420), Decimal(1425), Decimal(1415), Decimal(1422), 1000)


async def ask(home: Home, source: Archive | None, *words: str, request: Request | None = None) -> list[Message]:
    person = Person(OWNER, "小林", "42", Role.VIEWER)
    past, old = History(home.store, source, home.clock), home.app.house
    pictures = Pictures(
        home.store, past, old.watchlist, old.brokerage, home.clock, look=old.look, name_of=old.names.name_of
    )
    ctx = Context(replace(old, history=past, pictures=pictures), person, CHAT, Dialogue())
    found = await chart(ctx, Call(words, request))
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("words", "period", "stored"),
    [
        (("茅台",), ChartPeriod.DAY, "day"),
        (("贵州茅台", "日线"), ChartPeriod.DAY, "day"),
        (("周线", "600519"), ChartPeriod.WEEK, "day"),
        (("茅台", "月K"), ChartPeriod.MONTH, "day"),
        (("茅台", "分时"), ChartPeriod.MINUTE, "1m"),
        (("茅台", "5分钟"), ChartPeriod.M5, "5m"),
        (("茅台", "60m"), ChartPeriod.M60, "60m"),
    ],
)
async def test_what_is_asked_for_is_drawn(words: tuple[str, ...], period: ChartPeriod, stored: Period) -> None:
    archive = Archive()
    async with house("10:30") as home:
        [shown] = await ask(home, archive, *words)
    assert shown.chart is not None
    assert (shown.chart.symbol, shown.chart.period) == (MOUTAI, period)
    assert shown.title == f"📈 贵州茅台 600519 {period.chinese}"
    assert archive.asked[-1] == stored
    assert bool(shown.chart.points) is (period is ChartPeriod.MINUTE)


async def test_a_sentence_is_understood_too() -> None:
    request = Request(intent="chart", symbols=(MOUTAI, PINGAN), chart_period="week")
    async with house() as home:
        shown = await ask(home, Archive(), request=request)
    assert [one.chart.period for one in shown if one.chart is not None] == [ChartPeriod.WEEK, ChartPeriod.WEEK]


async def test_a_watch_is_drawn_by_its_number() -> None:
    async with house() as home:
        await home.add(watch(PriceBelow(value=Decimal(1400)), number=1))
        [shown] = await ask(home, Archive(), "1", "周线")
    assert shown.chart is not None
    assert (shown.chart.symbol, shown.chart.period) == (MOUTAI, ChartPeriod.WEEK)


async def test_the_bottom_line_counts_watches_and_not_their_rules() -> None:
    async with house() as home:
        await home.add(watch(PriceBelow(value=Decimal(1400)), symbols=(MOUTAI, PINGAN)))
        assert status(home.app.house).endswith("盯盘 1 个")


async def test_a_button_turns_the_page_of_the_same_card() -> None:
    async with house() as home:
        [first] = await ask(home, Archive(), "茅台")
        week = next(button for row in first.buttons for button in row if button.label == "周线")
        assert len(week.command.encode()) <= COMMAND_BYTES
        [second] = await ask(home, Archive(), *week.command.split()[1:])
        [other] = await ask(home, Archive(), "茅台")
    assert second.card == first.card != other.card
    assert "周线" not in second.labels()
    assert "日线" in second.labels()


async def test_the_persons_own_prices_and_what_was_told_are_on_the_picture() -> None:
    async with house("09:31", positions={MOUTAI: (100, Decimal("1399.5"))}) as home:
        await home.add(watch(PriceBelow(value=Decimal(1420))))
        await home.add(watch(EnterRange(low=Decimal(1500), high=Decimal(1510)), id="w2"))
        await home.tick("10:00", "1430")
        await home.tick("10:01", "1419")
        [shown] = await ask(home, Archive(), "茅台")
    assert shown.chart is not None
    assert [(level.price, level.label) for level in shown.chart.levels] == [
        (1_420_000, "#1 跌到"),
        (1_500_000, "#2 下沿"),
        (1_510_000, "#2 上沿"),
        (1_399_500, "成本"),
    ]
    assert [(mark.at, mark.price, mark.label) for mark in shown.chart.marks] == [
        (int(at("10:01").timestamp()), 1_419_000, "#1")
    ]


async def test_the_day_so_far_is_the_last_candle_although_nobody_watches_the_share() -> None:
    async with house("10:00") as home:
        home.tape.known[MOUTAI] = quote(MOUTAI, "1431", open="1428", high="1433", low="1427.5", volume=300)
        [shown] = await ask(home, Archive(), "茅台")
    assert shown.chart is not None
    assert shown.chart.candles[-1] == (int(at("14:55").timestamp()), 1_428_000, 1_433_000, 1_427_500, 1_431_000, 300)
    assert shown.text == "2026-03-23  1431.00  +0.63%"


async def test_bars_that_are_not_complete_are_said_to_be() -> None:
    async with house("10:00") as home:
        home.tape.known[MOUTAI] = quote(MOUTAI, "1431")
        [shown] = await ask(home, Archive("没有回应。"), "茅台")
    assert "⚠️ 数据不全：测试K线：没有回应。" in shown.text
    assert shown.chart is not None
    assert len(shown.chart.candles) == 1


async def test_nothing_to_draw_says_why_and_what_to_do() -> None:
    async with house() as home:
        with pytest.raises(NotFound, match=r"还没有日线的数据：测试K线：没有回应"):
            await ask(home, Archive("没有回应"), "茅台")
        with pytest.raises(NotFound, match=r"还没有日线的数据：历史K线：没有来源"):
            await ask(home, None, "茅台")
        with pytest.raises(Invalid, match="/chart 茅台 日线"):
            await ask(home, Archive())
        with pytest.raises(NotFound):
            await ask(home, Archive(), "没有这只股票")


@pytest.mark.parametrize(("changes", "found"), [({"last": None}, False), ({"suspended": True}, False), ({}, True)])
def test_a_day_without_a_trade_has_no_candle(changes: dict[str, Any], found: bool) -> None:
    assert (day_of(quote(MOUTAI, **{"last": "1430", **changes})) is not None) is found
