"""What indicators must say, by TA-Lib and by plain loops that read like the formula in a book; and bars to ask it of.

TA-Lib starts its averages from means over a first stretch, Chinese software from the first value. Neither shows after a
few hundred bars, but to compare from the first bar on, TA-Lib is given bars before the first that make its start the
same: unchanged closes for MACD, and for RSI steps as large as the first one, whose mean is that step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import talib

from core.indicators import ATR_BARS, BOLL, MA_LENGTHS, MACD, RSI_LENGTHS, VOLUME_BARS, Floats, Indicators, Values

_BEFORE: Final = 40
"""Unchanged closes, enough for TA-Lib's first MACD to be out."""


def by_talib(close: Floats, high: Floats, low: Floats, volume: Floats) -> dict[str, Floats]:
    """Every indicator that TA-Lib has, over one series, started as ours; NaN where it is silent."""
    said: dict[str, Any] = {f"ma{n}": talib.SMA(close, n) for n in MA_LENGTHS}
    dif, dea, bar = talib.MACD(np.concatenate((np.full(_BEFORE, close[0]), close)), *MACD)
    said |= {"dif": dif[_BEFORE:], "dea": dea[_BEFORE:], "hist": 2 * bar[_BEFORE:]}
    for n in RSI_LENGTHS:
        first = close[0] + np.arange(1 - n, 0) * (close[1] - close[0])
        said[f"rsi{n}"] = talib.RSI(np.concatenate((first, close)), n)[n - 1 :]
    n, width = BOLL
    wider = width * math.sqrt(n / (n - 1))  # its deviation is the population's
    said["upper"], said["mid"], said["lower"] = talib.BBANDS(close, n, wider, wider)
    said["atr"] = talib.ATR(high, low, close, ATR_BARS)
    usual = talib.SMA(volume, VOLUME_BARS)
    said["volume_ratio"] = volume / np.concatenate(([np.nan], usual[:-1]))
    return said


def as_named(values: Values) -> dict[str, Floats]:
    """Our values under the names of :func:`by_talib`."""
    said = {f"ma{n}": line for n, line in values.ma.items()} | {f"rsi{n}": line for n, line in values.rsi.items()}
    for name in ("dif", "dea", "hist", "upper", "mid", "lower", "atr", "volume_ratio"):
        said[name] = getattr(values, name)
    return said


def error(name: str, ours: Floats, theirs: Floats, close: Floats) -> float:
    """The largest relative difference where both speak; of what passes through zero, relative to the price."""
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    if not both.any():
        return 0.0
    scale = close if name in {"dif", "dea", "hist"} else np.maximum(np.abs(theirs), 1e-12)
    return float((np.abs(ours - theirs) / scale)[both].max())


# -- histories


class Bars(NamedTuple):
    """[bars, rows], oldest first."""

    close: Floats
    high: Floats
    low: Floats
    volume: Floats

    def part(self, bars: slice, rows: slice = slice(None)) -> Bars:
        return Bars(*(values[bars, rows] for values in self))

    def feed(self, state: Indicators) -> Indicators:
        for bar in zip(*self, strict=True):
            state.commit(*bar)
        return state


def walk(bars: int, rows: int = 3, seed: int = 7) -> Bars:
    chance = np.random.default_rng(seed)
    close = 20 * np.exp(np.cumsum(chance.normal(0, 0.02, (bars, rows)), axis=0))
    high, low = (close * np.exp(sign * np.abs(chance.normal(0, 0.01, (bars, rows)))) for sign in (1, -1))
    return Bars(close, high, low, chance.integers(10**5, 10**7, (bars, rows)).astype(np.float64))


def loaded(bars: Bars) -> Indicators:
    rows = bars.close.shape[1]
    state = Indicators(rows)
    state.load(np.arange(rows), **bars._asdict())
    return state


# -- plain loops over one series, oldest first; each gives the last value


def ma(closes: Sequence[float], n: int) -> float:
    return math.fsum(closes[-n:]) / n


def _ema(values: Sequence[float], n: int) -> list[float]:
    line = [values[0]]
    for value in values[1:]:
        line.append((2 * value + (n - 1) * line[-1]) / (n + 1))
    return line


def macd(closes: Sequence[float]) -> tuple[float, float]:
    """DIF and DEA."""
    fast, slow, signal = MACD
    dif = [one - other for one, other in zip(_ema(closes, fast), _ema(closes, slow), strict=True)]
    # The first DIF is 0, so DEA starts there.
    return dif[-1], _ema(dif, signal)[-1]


def rsi(closes: Sequence[float], n: int) -> float:
    gain = loss = 0.0
    for at in range(1, len(closes)):
        change = closes[at] - closes[at - 1]
        part = 1.0 if at == 1 else 1 / n
        gain += part * (max(change, 0.0) - gain)
        loss += part * (max(-change, 0.0) - loss)
    return 50.0 if gain == loss == 0 else 100 * gain / (gain + loss)


def boll(closes: Sequence[float], n: int, width: float, by: int) -> tuple[float, float]:
    """The upper and the lower band, the squares divided by ``by``."""
    mid = ma(closes, n)
    deviation = math.sqrt(math.fsum((close - mid) ** 2 for close in closes[-n:]) / by)
    return mid + width * deviation, mid - width * deviation


def kdj(closes: Sequence[float], highs: Sequence[float], lows: Sequence[float]) -> tuple[float, float, float]:
    k = d = 50.0
    for at in range(len(closes)):
        highest, lowest = max(highs[max(at - 8, 0) : at + 1]), min(lows[max(at - 8, 0) : at + 1])
        rsv = 50.0 if highest == lowest else (closes[at] - lowest) / (highest - lowest) * 100
        k = 2 / 3 * k + rsv / 3
        d = 2 / 3 * d + k / 3
    return k, d, 3 * k - 2 * d
