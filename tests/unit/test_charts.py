"""Charts as data: what a candle of a week holds, what a day's line knows, and where on a picture something happened."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from core.bars import Bar
from core.calendar import trading_date, trading_days
from core.charts import (
    DAYS,
    candles,
    day_line,
    described,
    level_of,
    mark_of,
    months,
    place_of,
    weeks,
    worth_curve,
)
from core.messages import Candle, Chart, ChartPeriod, Mark, Message
from core.portfolio import Worth
from core.types import Mode
from tests.fakes.parts import FUND, MOUTAI, at


def bar(when: datetime, close: str, volume: int = 100, amount: str | None = None) -> Bar:
    price = Decimal(close)
    worth = Decimal(amount) if amount is not None else None
    return Bar(MOUTAI, when, price, price + 1, price - 1, price, volume, worth)


def days(*dates: str) -> list[Bar]:
    return [bar(at("14:55", day), str(1400 + number), 100 + number) for number, day in enumerate(dates)]


def test_a_week_opens_with_its_first_day_and_bears_the_name_of_its_last() -> None:
    made = weeks(days("2026-03-19", "2026-03-20", "2026-03-23", "2026-03-24"))
    assert [(trading_date(one.time).isoformat(), one.open, one.close, one.volume) for one in made] == [
        ("2026-03-20", Decimal(1400), Decimal(1401), 201),
        ("2026-03-24", Decimal(1402), Decimal(1403), 205),
    ]
    assert (made[0].high, made[0].low) == (Decimal(1402), Decimal(1399))


def test_a_week_across_new_year_is_one_and_a_month_is_not() -> None:
    turn = days("2025-12-30", "2025-12-31", "2026-01-02")
    assert len(weeks(turn)) == 1
    assert len(months(turn)) == 2
    assert weeks([]) == []


def test_the_amount_of_a_week_is_known_when_that_of_every_day_is() -> None:
    first, second = bar(at("14:55"), "10", amount="1000"), bar(at("14:55", "2026-03-24"), "10")
    assert weeks([first])[0].amount == 1000
    assert weeks([first, second])[0].amount is None


def test_the_newest_candles_are_shown_and_earlier_ones_feed_the_averages() -> None:
    bars = [bar(at("14:55") + timedelta(days=number), "1400") for number in range(200)]
    chart = candles(bars, name="贵州茅台", period=ChartPeriod.DAY, count=60)
    assert (len(chart.shown), chart.lead) == (60, 19)
    few = candles(bars[:3], name="", period=ChartPeriod.DAY)
    assert (len(few.shown), few.lead, few.title) == (3, 0, "600519.SH 日线")


def test_the_subtitle_says_when_at_what_price_and_how_far_from_the_candle_before() -> None:
    chart = candles(days("2026-03-23", "2026-03-24"), name="贵州茅台", period=ChartPeriod.DAY)
    assert (chart.title, chart.subtitle) == ("贵州茅台 600519 日线", "2026-03-24  1401.00  +0.07%")


def test_a_picture_takes_a_few_kilobytes_in_the_outbox() -> None:
    bars = [bar(at("14:55") + timedelta(days=number), "1419.09", 12_345_678) for number in range(200)]
    marks = [mark_of(one.time, one.close, "#1 触发") for one in bars[-20:]]
    chart = candles(bars, name="贵州茅台", period=ChartPeriod.DAY, count=100, marks=marks)
    message = Message(title="回看", chart=chart)
    assert len(message.model_dump_json().encode()) < 9000
    assert Message.model_validate_json(message.model_dump_json()) == message


def test_a_days_line_has_the_minutes_of_its_day_and_what_a_share_cost_on_average() -> None:
    bars = [
        bar(at("15:00", "2026-03-20"), "9"),
        bar(at("09:30"), "10", 100, "1000"),
        bar(at("11:30"), "12", 300, "3600"),
        bar(at("13:01"), "12"),
        bar(at("15:00"), "12", 0),
    ]
    marks = [mark_of(at("10:00"), Decimal(12), "今天"), mark_of(at("10:00", "2026-03-20"), Decimal(12), "昨天")]
    chart = day_line(bars, name="贵州茅台", marks=marks)
    assert [mark.label for mark in chart.marks] == ["今天"]
    assert [point.minute for point in chart.points] == [0, 120, 121, 240]
    assert [point.average for point in chart.points[:2]] == [10_000, 11_500]
    assert chart.preclose == 9000
    assert chart.subtitle.endswith("+33.33%")


def test_what_trades_after_hours_is_counted_to_the_last_minute() -> None:
    chart = day_line([bar(at("15:00"), "12", 100), bar(at("15:20"), "12", 50)], name="")
    assert [(point.minute, point.volume) for point in chart.points] == [(240, 150)]
    assert chart.preclose == 0


def test_what_happens_after_a_days_label_belongs_to_that_day() -> None:
    chart = candles(days("2026-03-20", "2026-03-23", "2026-03-24"), name="", period=ChartPeriod.DAY)
    assert place_of(chart, mark_of(at("14:59"), Decimal(1)).at) == 1
    assert place_of(chart, mark_of(at("09:31"), Decimal(1)).at) == 1
    for hidden in (at("10:00", "2026-03-19"), at("10:00", "2026-03-25"), at("10:00", "2026-03-22")):
        assert place_of(chart, mark_of(hidden, Decimal(1)).at) is None


@pytest.mark.parametrize(
    ("clock", "place"),
    [("09:31", 0), ("09:35", 0), ("09:36", 1), ("09:44", 2)],
    ids=["first", "end", "next", "forming"],
)
def test_within_a_day_the_bar_that_was_forming_is_the_place(clock: str, place: int) -> None:
    bars = [bar(at(when), "1400") for when in ("09:35", "09:40", "09:43")]
    chart = candles(bars, name="", period=ChartPeriod.M5)
    assert place_of(chart, mark_of(at(clock), Decimal(1)).at) == place
    assert place_of(chart, mark_of(at("10:00", "2026-03-24"), Decimal(1)).at) is None


def test_what_happened_among_candles_that_only_feed_averages_is_not_shown() -> None:
    bars = [bar(at("09:35") + timedelta(minutes=5 * number), "1400") for number in range(10)]
    chart = candles(bars, name="", period=ChartPeriod.M5, count=5)
    assert chart.lead == 5
    assert place_of(chart, mark_of(bars[3].time, Decimal(1)).at) is None
    assert place_of(chart, mark_of(bars[5].time, Decimal(1)).at) == 0


@pytest.mark.parametrize(("period", "place"), [(ChartPeriod.WEEK, 1), (ChartPeriod.MONTH, 0)])
def test_a_week_or_month_that_is_not_over_has_its_days(period: ChartPeriod, place: int) -> None:
    bars = days("2026-03-20", "2026-03-24")
    chart = candles((weeks if period is ChartPeriod.WEEK else months)(bars), name="", period=period)
    assert place_of(chart, mark_of(at("10:00"), Decimal(1)).at) == place


def test_nothing_has_no_place() -> None:
    assert place_of(Chart(title="", symbol=MOUTAI), 0) is None


def test_prices_are_exact_in_a_picture() -> None:
    assert level_of(Decimal("4.751"), "跌到") == (4751, "跌到")
    opened, high, low, close = (Decimal(text) for text in ("4.75", "4.8", "4.7", "4.751"))
    one = Bar(FUND, at("14:55"), opened, high, low, close, 200)
    chart = candles([one], name="沪深300ETF", period=ChartPeriod.DAY, marks=[Mark(0, 1)])
    assert chart.candles == (Candle(int(at("14:55").timestamp()), 4750, 4800, 4700, 4751, 200),)
    assert described(chart) == "图：沪深300ETF 510300 日线，1 根，标出 1 处"


# -- the curve of an account


def worth(day: str, total: str | None, paid_in: str = "1000000", account: str = "paper") -> Worth:
    return Worth(
        account=account,
        day=date.fromisoformat(day),
        mode=Mode.PAPER,
        total=Decimal(total) if total else None,
        paid_in=Decimal(paid_in),
        realized=Decimal(0),
        as_of=at("15:05", day),
    )


def test_a_deposit_neither_lifts_a_curve_nor_hides_a_fall() -> None:
    chart = worth_curve(
        {
            "模拟账户": [
                worth("2026-03-19", "1000000"),
                worth("2026-03-20", "1100000"),
                worth("2026-03-23", "1544000", "1600000"),
                worth("2026-03-24", "1559440", "1600000"),
            ]
        }
    )
    assert chart is not None
    [track] = chart.tracks
    assert [day.gain for day in track.days] == [0, 100_000_000, -156_000_000, 15_440_000]
    fallen = 1 - Decimal(156_000) / 1_700_000
    assert [day.grown for day in track.days[:3]] == [0, 10_000, round((Decimal("1.1") * fallen - 1) * 100_000)]
    assert track.fall == (1, 2, round((fallen - 1) * 100_000))
    assert (chart.title, chart.subtitle) == ("模拟账户 收益曲线", "2026-03-24  1,559,440.00 元")
    assert described(chart) == "图：模拟账户 收益曲线，4 天"


def test_a_withdrawal_is_no_loss() -> None:
    days = [worth("2026-03-23", "1000000"), worth("2026-03-24", "400000", "400000")]
    chart = worth_curve({"模拟账户": days})
    assert chart is not None
    assert (chart.tracks[0].days[1].gain, chart.tracks[0].days[1].grown, chart.tracks[0].fall) == (0, 0, None)


def test_a_day_that_is_not_known_keeps_its_place_and_a_weekend_has_none() -> None:
    days = [worth("2026-03-19", "10"), worth("2026-03-20", None), worth("2026-03-23", "11")]
    chart = worth_curve({"模拟账户": days})
    assert chart is not None
    assert [day.place for day in chart.tracks[0].days] == [0, 2]


@pytest.mark.parametrize("totals", [(), ("10",), ("10", None)])
def test_a_curve_takes_two_days(totals: tuple[str | None, ...]) -> None:
    days = [worth(f"2026-03-{23 + number}", total) for number, total in enumerate(totals)]
    assert worth_curve({"模拟账户": days}) is None


def test_several_accounts_are_compared_on_the_same_days() -> None:
    mine = [worth("2026-03-20", "10"), worth("2026-03-23", "11"), worth("2026-03-24", "12")]
    hers = [worth(day, total, account="wife") for day, total in (("2026-03-23", "20"), ("2026-03-24", "19"))]
    chart = worth_curve({"模拟账户": mine, "老婆账户": hers, "空账户": mine[:1]})
    assert chart is not None
    assert chart.title == "收益对比"
    assert [(track.name, [day.place for day in track.days]) for track in chart.tracks] == [
        ("模拟账户", [0, 1, 2]),
        ("老婆账户", [1, 2]),
    ]


def test_an_account_that_was_worth_nothing_does_not_divide_by_it() -> None:
    days = [worth("2026-03-20", "0", "0"), worth("2026-03-23", "100", "100"), worth("2026-03-24", "0", "100")]
    chart = worth_curve({"模拟账户": [*days, worth("2026-03-25", "50", "150")]})
    assert chart is not None
    assert [day.grown for day in chart.tracks[0].days] == [0, 0, -100_000, -100_000]


def test_years_of_a_curve_are_the_newest_two_and_take_some_kilobytes() -> None:
    many = [worth(day.isoformat(), f"{1_182_177 + place}.80") for place, day in enumerate(trading_days(*YEARS))]
    chart = worth_curve({"模拟账户": many})
    assert chart is not None
    assert len(chart.tracks[0].days) == DAYS < len(many)
    assert len(Message(title="曲线", chart=chart).model_dump_json().encode()) < 40_000


YEARS = date(2023, 1, 1), date(2025, 12, 31)


def test_what_happened_before_an_ex_date_is_marked_on_its_candle_and_stretches_nothing() -> None:
    # 10送10: the alert came at 2,800 as traded, and its candle stands at 1,400 since.
    bars = days("2026-03-23", "2026-03-24")
    told = [mark_of(at("10:00", "2026-03-23"), Decimal(2800), "#1"), mark_of(at("10:00", "2026-03-24"), Decimal(1401))]
    chart = candles(bars, name="贵州茅台", period=ChartPeriod.DAY, marks=told)
    assert [one.price for one in chart.marks] == [1_401_000, 1_401_000]
    assert [one.at for one in chart.marks] == [one.at for one in told]
