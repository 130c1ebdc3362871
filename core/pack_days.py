"""What the daily bars say of a share: averages, indicators, extremes, changes. Pure.

The newest bar is that of the quote's day as soon as it has traded, also while it forms, as Chinese software shows it.
What there are too few bars for is missing, and so is what the arithmetic would make up: the RSI of a price that never
moved and the first weeks of K, D and J, which begin at 50.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from core.bars import Bar, scaled
from core.calendar import (
    MINUTES_A_DAY,
    MORNING_OPENS,
    minutes_traded,
    previous_trading_day,
    session_close,
    trading_date,
)
from core.charts import day_of
from core.clock import market_time
from core.frames import Quote
from core.indicators import (
    ATR_BARS,
    BOLL,
    KDJ_BARS,
    MA_LENGTHS,
    VOLUME_BARS,
    Floats,
    Indicators,
    Values,
    needed,
)
from core.known import Known, has_traded
from core.market import board_of, tick
from core.pack import Day, Given, Section
from core.slots import digits_of, given
from core.types import Price, to_milli
from core.zones import Missing

SHOWN: Final = 30
"""Finished days that a pack shows; the figures are made of all there are."""
STRENGTHS: Final = (6, 12, 24)
EXTREMES: Final = (20, 60)
CHANGES: Final = (5, 20)
LEAST_LEFT: Final = Decimal("0.2")
"""Of the price after an ex-date: more than twenty bonus shares for every five have not been seen."""
KDJ_SETTLED: Final = 20
"""From so many bars on less than a hundredth of K, D and J is left of the 50 that they begin with."""
_LINES: Final = ("macd_dif", "macd_dea", "macd_bar")
_CROSSES: Final = ("kdj_k", "kdj_d", "kdj_j")
_BANDS: Final = ("boll_upper", "boll_mid", "boll_lower")


class Series(NamedTuple):
    """The daily bars that the figures are made of.

    Attributes:
        bars: oldest first, on the prices of the newest.
        live: the newest one is that of the quote's day.
        forming: and it still changes.
    """

    bars: Sequence[Bar]
    live: bool
    forming: bool

    @property
    def finished(self) -> Sequence[Bar]:
        return self.bars[:-1] if self.forming else self.bars


def series_of(known: Known) -> Series | Missing:
    """The finished bars, and that of the quote's day. Why there is none that one could go by."""
    if isinstance(known.days, Missing):
        return known.days
    quote = known.seen
    if quote is None:
        return Series(known.days, False, False) if known.days else Missing("没有日线")
    today = trading_date(quote.quoted_at)
    bars = _joined([bar for bar in known.days if trading_date(bar.time) < today], quote, today)
    if isinstance(bars, Missing):
        return bars
    own = [bar for bar in known.days if trading_date(bar.time) == today and known.now >= session_close(today)]
    fresh = day_of(quote) if has_traded(quote) and known.doubt is None else None
    newest = own or ([fresh] if fresh is not None else [])
    whole = [*bars, *newest]
    return Series(whole, bool(newest), bool(newest) and known.forming) if whole else Missing("没有日线")


def _joined(bars: Sequence[Bar], quote: Quote, today: date) -> Sequence[Bar] | Missing:
    """The days before, on the prices of today. What does not meet the previous close belongs to other days."""
    if not bars or not quote.preclose:
        return bars
    last, before = bars[-1], to_milli(quote.preclose)
    if abs(to_milli(last.close) - before) <= to_milli(tick(board_of(quote.symbol))):
        return bars
    day = trading_date(last.time)
    # An ex-date that the bars do not know of yet makes a share cheaper, and not by everything.
    if day == previous_trading_day(today) and LEAST_LEFT * last.close <= quote.preclose <= last.close:
        return [scaled(bar, before, to_milli(last.close)) for bar in bars]
    return Missing(f"日线只到 {day}，和今天的昨收对不上")


def days_of(series: Series | Missing) -> tuple[Day, ...]:
    """The newest finished days, as they are shown."""
    if isinstance(series, Missing):
        return ()
    return tuple(
        Day(trading_date(bar.time), bar.open, bar.high, bar.low, bar.close, bar.volume)
        for bar in series.finished[-SHOWN:]
    )


def days_section(known: Known) -> Section:
    """Everything that is made of daily bars."""
    series = series_of(known)
    if isinstance(series, Missing):
        return Section(title="日线指标", given=tuple(_nothing(series)), lines=(f"日线缺失：{series.what}。",))
    figures = [*_lined(series), *_extremes(series), *_changes(series), _volume_ratio(known, series)]
    return Section(title="日线指标", given=tuple(figures), lines=tuple(_basis(known, series)))


def _basis(known: Known, series: Series) -> Iterator[str]:
    first, last = trading_date(series.bars[0].time), trading_date(series.bars[-1].time)
    state = "含今天还没有收盘的这一根，按现价算，收盘前会变" if series.forming else "最后一根已经收盘"
    yield f"用了 {first} 到 {last} 的 {len(series.bars)} 根前复权日线，{state}。"
    if known.trouble and len(series.bars) < max(MA_LENGTHS):
        yield f"日线不全：{known.trouble}。"


def _nothing(why: Missing) -> Iterator[Given]:
    averages = [f"ma{length}" for length in MA_LENGTHS]
    strengths = [f"rsi{length}" for length in STRENGTHS]
    extremes = [f"{side}{length}" for length in EXTREMES for side in ("high", "low")]
    changes = [f"change{length}" for length in CHANGES]
    names = [*averages, "price_vs_ma20", "price_vs_ma60", *_LINES, *strengths, *_CROSSES, *_BANDS, "atr14"]
    for name in (*names, *extremes, *changes, "volume_ratio"):
        yield given(name, why)


# -- indicators


def _lined(series: Series) -> Iterator[Given]:
    """What :mod:`core.indicators` makes of the bars."""
    bars, forming = series.bars, series.forming
    state = _loaded(tuple(series.finished))
    values = state.peek(*_columns(bars[-1:])[:, 0]) if forming else state.values()
    have = int(state.count[0]) + forming
    averages = {length: _value(values.ma[length], have, needed("ma", length) + 1) for length in MA_LENGTHS}
    digits = digits_of(bars[0].symbol)
    for length, average in averages.items():
        yield given(f"ma{length}", average, digits=digits)
    for length in (20, 60):
        average = averages[length]
        apart = average if isinstance(average, Missing) else (bars[-1].close - average) / average * 100
        yield given(f"price_vs_ma{length}", apart)
    for name, line in zip(_LINES, (values.dif, values.dea, values.hist), strict=True):
        yield given(name, _value(line, have, needed("macd") + 1))
    for length in STRENGTHS:
        yield given(f"rsi{length}", _strength(values, bars, have, length))
    still = _still(bars)
    for name, line in zip(_CROSSES, (values.k, values.d, values.j), strict=True):
        yield given(name, still or _value(line, have, KDJ_SETTLED))
    for name, line in zip(_BANDS, (values.upper, values.mid, values.lower), strict=True):
        yield given(name, _value(line, have, BOLL[0]), digits=digits)
    yield given("atr14", _value(values.atr, have, ATR_BARS + 1), digits=digits)


@lru_cache(maxsize=64)
def _loaded(bars: tuple[Bar, ...]) -> Indicators:
    """The state after closed bars, to be read alone: it takes fifty milliseconds, and changes once a day."""
    state = Indicators(1)
    close, high, low, volume = _columns(bars)
    state.load(np.array([0]), close=close, high=high, low=low, volume=volume)
    return state


def _columns(bars: Sequence[Bar]) -> Floats:
    """Close, high, low and volume; of shape (4, bars, 1)."""
    rows = [[float(number) for number in (bar.close, bar.high, bar.low, bar.volume)] for bar in bars]
    return np.array(rows, np.float64).reshape(-1, 4).T[:, :, None]


def _value(line: Floats, have: int, need: int) -> Decimal | Missing:
    found = float(line[0])
    if have < need or not math.isfinite(found):
        return Missing(f"日线只有 {have} 根，需要 {need} 根")
    return Decimal(repr(found))


def _strength(values: Values, bars: Sequence[Bar], have: int, length: int) -> Decimal | Missing:
    """RSI, but not of a price that has not moved: the arithmetic gives 50 there, or what it was long ago."""
    newest = {to_milli(bar.close) for bar in bars[-length - 1 :]}
    if len(newest) == 1 and have > length:
        return Missing(f"最近 {length} 天收盘价没有变过，算不出来")
    return _value(values.rsi[length], have, needed("rsi", length) + 1)


def _still(bars: Sequence[Bar]) -> Missing | None:
    """Why there is no K, D and J where the price stood still."""
    window = bars[-KDJ_BARS:]
    if max(bar.high for bar in window) > min(bar.low for bar in window) or len(bars) < KDJ_SETTLED:
        return None
    return Missing(f"最近 {KDJ_BARS} 天价格没有变过，算不出来")


# -- what is counted


def _extremes(series: Series) -> Iterator[Given]:
    have = len(series.bars)
    for length in EXTREMES:
        window = series.bars[-length:]
        few = Missing(f"日线只有 {have} 根，需要 {length} 根") if have < length else None
        yield given(f"high{length}", few or max(bar.high for bar in window))
        yield given(f"low{length}", few or min(bar.low for bar in window))


def _changes(series: Series) -> Iterator[Given]:
    have = len(series.bars)
    for length in CHANGES:
        few = Missing(f"日线只有 {have} 根，需要 {length + 1} 根") if have <= length else None
        yield given(f"change{length}", few or _percent(series.bars[-1 - length].close, series.bars[-1].close))


def _percent(before: Price, after: Price) -> Decimal:
    return (after - before) / before * 100


def _volume_ratio(known: Known, series: Series) -> Given:
    """The volume of a minute today in multiples of that of the five days before, as the market's software shows it."""
    quote = known.seen
    if quote is None or not series.live:
        return given("volume_ratio", Missing("今天还没有成交" if quote is not None else "没有行情"))
    usual = [bar.volume for bar in series.bars[-1 - VOLUME_BARS : -1]]
    if len(usual) < VOLUME_BARS:
        return given("volume_ratio", Missing(f"日线只有 {len(series.bars)} 根，需要 {VOLUME_BARS + 1} 根"))
    if not quote.volume or not sum(usual):
        return given("volume_ratio", Missing("行情或日线里没有成交量"))
    if market_time(quote.quoted_at).time() < MORNING_OPENS:
        return given("volume_ratio", Missing("还没有开始连续竞价"))
    share = Decimal(minutes_traded(quote.quoted_at)) / MINUTES_A_DAY
    return given("volume_ratio", quote.volume / (Decimal(sum(usual)) / VOLUME_BARS * share))
