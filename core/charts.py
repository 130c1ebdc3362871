"""Charts: weeks and months of daily bars, the line of a day, what accounts were worth, and where something happened.

All of it is pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Final

from core.bars import Bar, day_label, one_bar
from core.calendar import trading_date, trading_days
from core.clock import market_time
from core.frames import Quote
from core.messages import Candle, Chart, ChartPeriod, Day, Fall, Level, Mark, Point, Track
from core.portfolio import Worth
from core.types import Money, Price, Symbol, account_symbol, money_text, percent_text, price_text, to_milli

CANDLES: Final = 80
"""Candles that a phone still shows apart."""
MINUTES: Final = 240
"""Minutes of trading in a day."""
DAYS: Final = 500
"""Days of a curve: two years, a pixel or two for each."""
_MORNING: Final = time(9, 30)
_AFTERNOON: Final = time(13, 0)
_HALF: Final = MINUTES // 2


def weeks(days: Iterable[Bar]) -> list[Bar]:
    """One bar per calendar week of these daily bars (in order of time), labelled as its last day."""
    return _merged(days, lambda day: day.isocalendar()[:2])


def months(days: Iterable[Bar]) -> list[Bar]:
    """The same per calendar month."""
    return _merged(days, lambda day: (day.year, day.month))


def _merged(days: Iterable[Bar], key: Callable[[date], tuple[int, int]]) -> list[Bar]:
    groups = (list(group) for _, group in groupby(days, key=lambda bar: key(trading_date(bar.time))))
    return [one_bar(group[-1].time, group) for group in groups]


def day_of(quote: Quote) -> Bar | None:
    """The day's bar so far, as a quote tells it; None before its first trade."""
    if quote.last is None or quote.suspended:
        return None
    opened = quote.open or quote.last
    high = max(opened, quote.last, quote.high or quote.last)
    low = min(opened, quote.last, quote.low or quote.last)
    label = day_label(trading_date(quote.quoted_at))
    return Bar(quote.symbol, label, opened, high, low, quote.last, quote.volume, quote.amount)


def candle_of(bar: Bar) -> Candle:
    """A bar as it is painted."""
    opened, high, low, close = (to_milli(price) for price in (bar.open, bar.high, bar.low, bar.close))
    return Candle(seconds(bar.time), opened, high, low, close, bar.volume)


def seconds(at: datetime) -> int:
    """An instant as charts carry it: Unix seconds.

    >>> seconds(datetime(2026, 3, 24, 6, 55, tzinfo=UTC))
    1774335300
    """
    return int(at.timestamp())


def mark_of(at: datetime, price: Price, label: str = "") -> Mark:
    """Something that happened then and at that price."""
    return Mark(seconds(at), to_milli(price), label)


def level_of(price: Price, label: str = "") -> Level:
    """A line at that price; the label stands before the number."""
    return Level(to_milli(price), label)


def minute_of(at: datetime) -> int:
    """Which of the 240 minutes of trading has just ended: 0 up to the opening, 120 over lunch, 240 from the close on.

    >>> [minute_of(datetime(2026, 3, 24, *clock, tzinfo=UTC)) for clock in ((1, 31), (3, 30), (5, 1), (7, 0))]
    [1, 120, 121, 240]
    """
    clock = market_time(at).time()
    opens, before = (_MORNING, 0) if clock < _AFTERNOON else (_AFTERNOON, _HALF)
    passed = timedelta(hours=clock.hour - opens.hour, minutes=clock.minute - opens.minute)
    return before + min(max(int(passed.total_seconds()) // 60, 0), _HALF)


def candles(
    bars: Sequence[Bar],
    *,
    name: str,
    period: ChartPeriod,
    count: int = CANDLES,
    levels: Sequence[Level] = (),
    marks: Sequence[Mark] = (),
    averages: tuple[int, ...] = (5, 10, 20),
) -> Chart:
    """A chart of the newest ``count`` bars, which are one symbol's in order of time; there is at least one.

    Bars before them feed the averages, where there are some. Candles of days are forward adjusted and marks as traded:
    one that lies outside of its own candle is put on it.
    """
    lead = min(max(len(bars) - count, 0), max(averages, default=1) - 1)
    used = bars[-(count + lead) :]
    last = used[-1]
    before = used[-2] if len(used) > 1 else None
    chart = Chart(
        title=_title(name, last.symbol, period),
        subtitle=_subtitle(last, before.close if before is not None else None, period),
        symbol=last.symbol,
        period=period,
        candles=tuple(candle_of(bar) for bar in used),
        lead=lead,
        averages=averages,
        levels=tuple(levels),
    )
    return chart.model_copy(update={"marks": tuple(_on_candle(mark, chart) for mark in marks)})


def _on_candle(mark: Mark, chart: Chart) -> Mark:
    place = place_of(chart, mark.at)
    if place is None or chart.period.intraday:
        return mark
    candle = chart.shown[place]
    return mark._replace(price=min(max(mark.price, candle.low), candle.high))


def day_line(
    bars: Sequence[Bar],
    *,
    name: str,
    preclose: Price | None = None,
    levels: Sequence[Level] = (),
    marks: Sequence[Mark] = (),
) -> Chart:
    """The line of the day of the last of these 1-minute bars, which are one symbol's in order of time.

    What happened on other days is not marked.
    """
    last = bars[-1]
    day = trading_date(last.time)
    today = [bar for bar in bars if trading_date(bar.time) == day]
    earlier = [bar for bar in bars if trading_date(bar.time) < day]
    preclose = preclose or (earlier[-1].close if earlier else None)
    points: dict[int, Point] = {}
    shares, yuan = 0, Money(0)
    for bar in today:
        shares += bar.volume
        yuan += bar.amount if bar.amount is not None else bar.close * bar.volume
        average = to_milli(yuan / shares) if shares else 0
        minute = minute_of(bar.time)
        volume = bar.volume + (points[minute].volume if minute in points else 0)  # after hours, all is the last minute
        points[minute] = Point(minute, to_milli(bar.close), average, volume)
    return Chart(
        title=_title(name, last.symbol, ChartPeriod.MINUTE),
        subtitle=_subtitle(last, preclose, ChartPeriod.MINUTE),
        symbol=last.symbol,
        period=ChartPeriod.MINUTE,
        points=tuple(points.values()),
        preclose=to_milli(preclose) if preclose is not None else 0,
        levels=tuple(levels),
        marks=tuple(mark for mark in marks if _day(mark.at) == day),
    )


def worth_curve(accounts: Mapping[str, Sequence[Worth]]) -> Chart | None:
    """The curve of an account, or of several to compare how they grew; None where none has two days to draw.

    Args:
        accounts: by name, what each was worth, oldest first. Days whose worth is not known are left out.
    """
    known = {name: [one for one in worths if one.total is not None][-DAYS:] for name, worths in accounts.items()}
    known = {name: worths for name, worths in known.items() if len(worths) > 1}
    if not known:
        return None
    recorded = {one.day for worths in known.values() for one in worths}
    # A day without a record keeps its place, so that a gap looks like one.
    axis = {day: place for place, day in enumerate(sorted({*recorded, *trading_days(min(recorded), max(recorded))}))}
    tracks = tuple(_track(name, worths, axis) for name, worths in known.items())
    first, *others = known
    last = max((worths[-1] for worths in known.values()), key=lambda one: one.day)
    total = "" if others else f"  {money_text(last.total or Money(0))} 元"
    return Chart(
        title="收益对比" if others else f"{first} 收益曲线",
        subtitle=f"{last.day:%Y-%m-%d}{total}",
        symbol=account_symbol(known[first][0].account),
        tracks=tracks,
    )


def _track(name: str, worths: Sequence[Worth], axis: Mapping[date, int]) -> Track:
    """Each day's growth is that of the money that was there: a deposit neither lifts the curve nor hides a fall."""
    days: list[Day] = []
    before: Worth | None = None
    grown = Decimal(1)
    for one in worths:
        total, gain = one.total or Money(0), Money(0)
        if before is not None:
            put_in = one.paid_in - before.paid_in
            gain = total - (before.total or Money(0)) - put_in
            there = (before.total or Money(0)) + max(put_in, Money(0))
            grown *= 1 + gain / there if there > 0 else 1
        place, at = axis[one.day], seconds(day_label(one.day))
        percent = int(((grown - 1) * 100_000).to_integral_value())
        days.append(Day(place, at, to_milli(total), to_milli(one.paid_in), to_milli(gain), percent))
        before = one
    return Track(name, tuple(days), _fall([day.grown for day in days]))


def _fall(grown: Sequence[int]) -> Fall | None:
    """The deepest way down from a high, in percent of the high; None where it only rose.

    >>> _fall([0, 10_000, 4_500, 12_000, 8_000])
    Fall(top=1, foot=2, percent=-5000)
    """
    whole = 100_000
    top, found = 0, None
    for index, value in enumerate(grown):
        if value > grown[top]:
            top = index
        percent = round((value - grown[top]) * whole / (whole + grown[top])) if grown[top] > -whole else 0
        if percent < (found.percent if found is not None else 0):
            found = Fall(top, index, percent)
    return found


def _title(name: str, symbol: Symbol, period: ChartPeriod) -> str:
    return f"{name or symbol} {symbol[:6]} {period.chinese}" if name else f"{symbol} {period.chinese}"


def _subtitle(last: Bar, before: Price | None, period: ChartPeriod) -> str:
    at = market_time(last.time)
    stamp = f"{at:%Y-%m-%d %H:%M}" if period.intraday else f"{at:%Y-%m-%d}"
    change = f"  {percent_text((last.close / before - 1) * 100, sign=True)}" if before else ""
    return f"{stamp}  {price_text(last.close)}{change}"


def place_of(chart: Chart, at: int) -> int | None:
    """The index, among the shown candles, of the one within which this instant lies; None when it is not shown.

    In a picture of days and longer the date decides, for what happens after a day's label still belongs to the day.
    """
    shown = chart.shown
    if not shown:
        return None
    if chart.period.intraday:
        index = bisect_left(shown, at, key=lambda candle: candle.at)
    else:
        index = bisect_left(shown, _day(at), key=lambda candle: _day(candle.at))
    # Within a day, what comes after the newest label is in the candle that is still to come: the newest stands for it.
    index = min(index, len(shown) - 1)
    if index == 0 and chart.lead and at <= chart.candles[chart.lead - 1].at:
        return None
    return index if _stretch(chart.period, at) == _stretch(chart.period, shown[index].at) else None


def _stretch(period: ChartPeriod, at: int) -> tuple[int, ...]:
    day = _day(at)
    if period is ChartPeriod.WEEK:
        return day.isocalendar()[:2]
    return (day.year, day.month) if period is ChartPeriod.MONTH else (day.year, day.month, day.day)


def _day(at: int) -> date:
    return trading_date(datetime.fromtimestamp(at, UTC))


def described(chart: Chart) -> str:
    """What is to be seen, in one line, where no picture can be shown.

    >>> described(Chart(title="贵州茅台 600519 日线", symbol=Symbol("600519.SH"), marks=(Mark(0, 1),)))
    '图：贵州茅台 600519 日线，标出 1 处'
    """
    size = f"，{len(chart.shown)} 根" if chart.candles else ""
    if chart.tracks:
        size = f"，{max(len(track.days) for track in chart.tracks)} 天"
    marked = f"，标出 {len(chart.marks)} 处" if chart.marks else ""
    return f"图：{chart.title}{size}{marked}"
