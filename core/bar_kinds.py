"""Kinds of condition that hang on closed bars: averages, indicators, records, and what volume is usual."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final, Literal, Protocol, Self

from pydantic import Field, model_validator

from core import indicators, thresholds
from core.bars import Period
from core.indicators import Floats, Indicators, Rows
from core.kinds import DAYS, MINUTES, Kind
from core.view import PERIODS, Input, Lines, View, Way
from core.zones import (
    EVERYWHERE,
    FOREVER,
    NOWHERE,
    Gauge,
    Missing,
    Zone,
    plain_text,
)

RATIO_DAYS: Final = 5
RSI_LENGTH: Final = 6
"""What Chinese software shows first."""
BEYOND: Final = 0.001
"""Yuan: a new high lies above the old one, however little."""


class VolumeRatio(Kind):
    """Trade is ``value`` times what is usual.

    Without ``base_days`` the pace of today is held against that of the last five days (量比); with it, what was traded
    today so far against the mean of so many whole days.

    >>> VolumeRatio(value=Decimal("3")).text(), VolumeRatio(base_days=20).text()
    ('量比达到 3 倍', '成交量达到 20 日均量的 2 倍')
    """

    kind: Literal["volume_ratio"] = "volume_ratio"
    value: Decimal = Field(default=Decimal(2), gt=0, le=1000, max_digits=9, decimal_places=4)
    unit: Literal["x"] = "x"
    base_days: int | None = Field(default=None, ge=1, le=250)

    @property
    def _days(self) -> int:
        return self.base_days or RATIO_DAYS

    @property
    def gauge(self) -> Gauge:
        return Gauge.PACE if self.base_days is None else Gauge.VOLUME

    @property
    def inputs(self) -> frozenset[Input]:
        return DAYS

    @property
    def daily(self) -> bool:
        return True

    def level(self, state: Indicators, rows: Rows) -> Floats:
        """Lots, of each row."""
        mean = thresholds.mean_volume(state, rows, self._days)
        return mean * float(self.value) / 100

    @property
    def rising(self) -> bool:
        return True

    def zone(self, view: View) -> Zone | Missing:
        return _solved(self, view, "day", self._days, rising=True, scale=1)

    def usual(self, zone: Zone) -> Decimal | None:
        return zone.low / self.value if self.base_days is None and 0 < zone.low < FOREVER else None

    def text(self) -> str:
        times = f"{plain_text(self.value)} 倍"
        return f"量比达到 {times}" if self.base_days is None else f"成交量达到 {self.base_days} 日均量的 {times}"


class MaCross(Kind):
    """The price beside its average of ``ma`` bars, or the average of ``fast`` bars beside that of ``slow``.

    >>> MaCross(ma=20, direction="up").text(), MaCross(fast=5, slow=10, direction="down", period="5m").text()
    ('站上 20 日均线', '5分钟线：5 均线下穿 10 均线')
    """

    kind: Literal["ma_cross"] = "ma_cross"
    ma: int | None = Field(default=None, ge=2, le=250)
    fast: int | None = Field(default=None, ge=2, le=250)
    slow: int | None = Field(default=None, ge=2, le=250)
    direction: Way
    period: Period = "day"

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.ma is None) == (self.fast is None or self.slow is None):
            raise ValueError("均线条件需要一条均线（例如 20 日线），或者一快一慢两条。")
        if self.fast is not None and self.slow is not None and self.fast >= self.slow:
            raise ValueError(f"两条均线写反了：{self.fast} 不短于 {self.slow}。")
        return self

    @property
    def inputs(self) -> frozenset[Input]:
        return DAYS if self.period == "day" else MINUTES

    def level(self, state: Indicators, rows: Rows) -> Floats:
        """Yuan, of each row."""
        if self.fast is not None and self.slow is not None:
            return thresholds.solve_ma_cross(state, rows, self.fast, self.slow)
        assert self.ma is not None
        return thresholds.solve_ma(state, rows, self.ma)

    @property
    def rising(self) -> bool:
        return self.direction == "up"

    @property
    def needed(self) -> int:
        """Closed bars."""
        return indicators.needed("ma", self.slow or self.ma or 0)

    def zone(self, view: View) -> Zone | Missing:
        return _solved(self, view, self.period, self.needed, rising=self.rising)

    def text(self) -> str:
        day = self.period == "day"
        if self.fast is not None:
            word = "上穿" if self.rising else "下穿"
            unit = " 日均线" if day else " 均线"
            return f"{_period_text(self.period)}{self.fast}{unit}{word} {self.slow}{unit}"
        word = "站上" if self.rising else "跌破"
        return f"{_period_text(self.period)}{word} {self.ma} {'日' if day else ''}均线"


def _period_text(period: Period) -> str:
    return "" if period == "day" else f"{PERIODS[period]}线："


class Indicator(Kind):
    """MACD, KDJ, RSI or BOLL crossing a line of its own or a level.

    Attributes:
        value: of MACD a level of DIF, of KDJ one of ``line``, of RSI its own.
        n: length of the RSI.

    >>> Indicator(name="macd", event="golden_cross").text(), Indicator(name="rsi", event="below", value=20).text()
    ('MACD 金叉', 'RSI(6) 低于 20')
    >>> Indicator(name="kdj", event="above", value=100, period="15m").text()
    '15分钟线：KDJ 的 J 值高于 100'
    """

    kind: Literal["indicator"] = "indicator"
    name: Literal["macd", "kdj", "rsi", "boll"]
    event: Literal["golden_cross", "dead_cross", "above", "below", "touch_upper", "touch_lower"]
    value: Decimal | None = Field(default=None, ge=-10_000, le=10_000, max_digits=9, decimal_places=4)
    period: Period = "day"
    n: int | None = Field(default=None, ge=2, le=60)
    line: Literal["k", "d", "j"] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        level = self.event in {"above", "below"}
        crosses = self.event in {"golden_cross", "dead_cross"}
        fitting = level if self.name == "rsi" else (level or crosses) if self.name != "boll" else not (level or crosses)
        if not fitting:
            raise ValueError(f"{self.name.upper()} 没有这样的条件。例如：MACD金叉、KDJ死叉、RSI低于20、触及布林上轨。")
        if level and self.value is None:
            raise ValueError(f"{self.name.upper()} 要到多少？请写一个数，例如：RSI低于20。")
        if self.name == "rsi" and self.value is not None and not 0 < self.value < 100:
            raise ValueError(f"RSI 在 0 到 100 之间，写的是 {plain_text(self.value)}。")
        if self.name == "kdj" and self.value is not None and self._line != "j" and not 0 < self.value < 100:
            raise ValueError(f"KDJ 的 {self._line.upper()} 值在 0 到 100 之间，写的是 {plain_text(self.value)}。")
        return self

    @property
    def _line(self) -> Literal["k", "d", "j"]:
        """K unless something else is said, or only J can be there."""
        if self.line is not None:
            return self.line
        return "k" if self.value is None or 0 < self.value < 100 else "j"

    @property
    def _n(self) -> int:
        return self.n or RSI_LENGTH

    @property
    def inputs(self) -> frozenset[Input]:
        bars = DAYS if self.period == "day" else MINUTES
        return bars | {Input.EXTREMES} if self.name == "kdj" else bars

    @property
    def rising(self) -> bool:
        return self.event in {"golden_cross", "above", "touch_upper"}

    @property
    def needed(self) -> int:
        """Closed bars."""
        return indicators.needed(self.name, self._n if self.name == "rsi" else 0)

    def level(self, state: Indicators, rows: Rows) -> Floats:
        """Yuan, of each row; of KDJ the RSV in percent, see :meth:`stretched`."""
        value = None if self.value is None else float(self.value)
        if self.name == "macd":
            return thresholds.solve_macd(state, rows, value)
        if self.name == "rsi":
            assert value is not None
            return thresholds.solve_rsi(state, rows, self._n, value)
        if self.name == "boll":
            return thresholds.solve_boll(state, rows, "upper" if self.rising else "lower")
        return thresholds.kdj_rsv(state, rows, self._line, value)

    def zone(self, view: View) -> Zone | Missing:
        if self.name != "kdj":
            return _solved(self, view, self.period, self.needed, rising=self.rising)
        lines = _lines(view, self.period)
        if isinstance(lines, Missing):
            return lines
        high, low = view.quote.high, view.quote.low
        if self.period != "day":
            high, low = lines.forming or (None, None)
        if high is None or low is None:
            return Missing("今天还没有成交" if self.period == "day" else "这一根刚开始，还没有成交")
        highest, lowest = thresholds.extremes(lines.state, lines.row)
        level = thresholds.rsv_price(
            self.level(lines.state, lines.row), highest.clip(float(high)), lowest.clip(None, float(low))
        )
        return _rounded(float(level[0]), lines, self.period, self.needed, rising=self.rising, scale=1000)

    def text(self) -> str:
        lead = _period_text(self.period)
        name = self.name.upper()
        if self.event in {"golden_cross", "dead_cross"}:
            return f"{lead}{name} {'金叉' if self.rising else '死叉'}"
        if self.name == "boll":
            return f"{lead}触及布林{'上' if self.rising else '下'}轨"
        what = {"macd": "MACD 的 DIF", "rsi": f"RSI({self._n})", "kdj": f"KDJ 的 {self._line.upper()} 值"}[self.name]
        assert self.value is not None
        space = " " if self.name != "kdj" else ""
        return f"{lead}{what}{space}{'高于' if self.rising else '低于'} {plain_text(self.value)}"


class _Record(Kind):
    """Beyond every price of the last ``days`` closed days."""

    days: int = Field(ge=1, le=250)

    @property
    def inputs(self) -> frozenset[Input]:
        return DAYS

    @property
    def daily(self) -> bool:
        return True


class NewHigh(_Record):
    """
    >>> NewHigh(days=60).text()
    '创 60 日新高'
    """

    kind: Literal["new_high"] = "new_high"

    def level(self, state: Indicators, rows: Rows) -> Floats:
        return thresholds.extremes(state, rows, self.days)[0] + BEYOND

    @property
    def rising(self) -> bool:
        return True

    def zone(self, view: View) -> Zone | Missing:
        return _solved(self, view, "day", self.days, rising=True)

    def text(self) -> str:
        return f"创 {self.days} 日新高"


class NewLow(_Record):
    kind: Literal["new_low"] = "new_low"

    def level(self, state: Indicators, rows: Rows) -> Floats:
        return thresholds.extremes(state, rows, self.days)[1] - BEYOND

    @property
    def rising(self) -> bool:
        return False

    def zone(self, view: View) -> Zone | Missing:
        return _solved(self, view, "day", self.days, rising=False)

    def text(self) -> str:
        return f"创 {self.days} 日新低"


class _OnBars(Protocol):
    def level(self, state: Indicators, rows: Rows) -> Floats: ...


def _lines(view: View, period: Period) -> Lines | Missing:
    lines = view.past.lines(period) if view.past is not None else None
    return lines if lines is not None else Missing(f"还没有{PERIODS[period]}K线")


def _solved(
    condition: _OnBars, view: View, period: Period, needed: int, *, rising: bool, scale: int = 1000
) -> Zone | Missing:
    """The zone from, or up to, the level that a condition takes from the closed bars."""
    lines = _lines(view, period)
    if isinstance(lines, Missing):
        return lines
    level = float(condition.level(lines.state, lines.row)[0])
    return _rounded(level, lines, period, needed, rising=rising, scale=scale)


FUZZ: Final = 1e-6
"""Of a unit: what floating point may have added to a level that lies on a whole one."""


def _rounded(level: float, lines: Lines, period: Period, needed: int, *, rising: bool, scale: int) -> Zone | Missing:
    if math.isnan(level):
        have = int(lines.state.count[lines.row][0])
        return Missing(f"{PERIODS[period]}K线还不够：需要 {needed} 根，现有 {have} 根")
    if math.isinf(level):
        return EVERYWHERE if (level < 0) == rising else NOWHERE
    if rising:
        return Zone(math.ceil(level * scale - FUZZ), FOREVER)
    return Zone(-FOREVER, math.floor(level * scale + FUZZ))
