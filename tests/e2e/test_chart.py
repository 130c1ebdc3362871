"""/chart: the picture that is asked for, with the person's own prices and what was told; its buttons turn the page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from bot.command import Call, Context, Person
from bot.commands.chart import chart
from bot.house import Past
from bot.language.dialogue import Dialogue
from bot.language.request import Request
from core.bars import Bar, Period
from core.conditions import EnterRange, PriceBelow
from core.errors import Invalid, NotFound, Unavailable
from core.messages import COMMAND_BYTES, ChartPeriod, Message, Role
from core.types import Symbol
from tests.fakes.parts import CHAT, MOUTAI, OWNER, PINGAN, Home, at, house, watch


class Archive:
    """Bars that are there, and a source that may have trouble."""

    def __init__(self, why: str | None = None) -> None:
        self.why = why
        self.asked: list[tuple[tuple[Symbol, ...], Period]] = []
        self.days = [_bar(at("14:55", "2026-01-05") + timedelta(days=step)) for step in range(70)]
        self.short = [_bar(at("09:31", "2026-03-16") + timedelta(minutes=step)) for step in range(30)]
        self.open_bar: Bar | None = None

    async def ensure(self, symbols: Collection[Symbol], period: Period) -> None:
        self.asked.append((tuple(symbols), period))

    def daily(self, symbol: Symbol) -> Sequence[Bar]:
        return self.days

    def minutes(self, symbol: Symbol, period: Period) -> Sequence[Bar]:
        return self.short

    def forming(self, symbol: Symbol, period: Period) -> Bar | None:
        return self.open_bar

    def trouble(self, symbol: Symbol) -> str | None:
        return self.why


def _bar(when: datetime) -> Bar:
    return Bar(MOUTAI, when, Decimal(1420), Decimal(1425), Decimal(1415), Decimal(1422), 1000)


async def ask(home: Home, past: Past | None, *words: str, request: Request | None = None) -> list[Message]:
    person = Person(OWNER, "小林", "42", Role.VIEWER)
    ctx = Context(replace(home.app.house, history=past), person, CHAT, Dialogue())
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
    async with house() as home:
        [shown] = await ask(home, archive, *words)
    assert shown.chart is not None
    assert (shown.chart.symbol, shown.chart.period) == (MOUTAI, period)
    assert shown.title == f"📈 贵州茅台 600519 {period.chinese}"
    assert archive.asked == [((MOUTAI,), stored)]
    assert bool(shown.chart.points) is (period is ChartPeriod.MINUTE)


async def test_a_sentence_is_understood_too() -> None:
    request = Request(intent="chart", symbols=(MOUTAI, PINGAN), chart_period="week")
    async with house() as home:
        shown = await ask(home, Archive(), request=request)
    assert [one.chart.period for one in shown if one.chart is not None] == [ChartPeriod.WEEK, ChartPeriod.WEEK]


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


async def test_the_bar_that_is_forming_is_the_last_one() -> None:
    archive = Archive()
    archive.open_bar = _bar(archive.days[-1].time + timedelta(days=1))
    async with house() as home:
        [shown] = await ask(home, archive, "茅台")
    assert shown.chart is not None
    assert shown.chart.candles[-1].at == int(archive.open_bar.time.timestamp())


async def test_bars_that_are_not_complete_are_said_to_be() -> None:
    async with house() as home:
        [shown] = await ask(home, Archive("腾讯K线：没有回应"), "茅台")
    assert shown.text.endswith("⚠️ 数据不全：腾讯K线：没有回应")


async def test_nothing_to_draw_says_why_and_what_to_do() -> None:
    empty = Archive("腾讯K线：没有回应")
    empty.days.clear()
    async with house() as home:
        with pytest.raises(NotFound, match=r"还没有日线的数据：腾讯K线：没有回应。请稍后再试"):
            await ask(home, empty, "茅台")
        with pytest.raises(Unavailable, match="没有历史K线"):
            await ask(home, None, "茅台")
        with pytest.raises(Invalid, match="/chart 茅台 日线"):
            await ask(home, Archive())
        with pytest.raises(NotFound):
            await ask(home, Archive(), "没有这只股票")
