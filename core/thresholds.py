"""The price at which an indicator turns.

**The forming bar counts.** Today's bar (or this minute's) has the last trade as its close ``x``, and everything before
it is closed and known. So every condition about an indicator is a threshold on ``x`` that stays where it is until the
next bar closes: the price stands at or above its n-line exactly while ``x >= S / (n - 1)``, with S the sum of the last
n-1 closes.

**Direction.** One threshold serves both ways: up, golden, above, touching the upper band is ``x >= threshold``; down,
dead, below, touching the lower band is ``x <= threshold``. On the threshold itself both hold. A threshold is yuan as
float64; NaN where there are too few bars (:func:`~core.indicators.needed`), ``-inf`` where ``x >=`` always holds and
``+inf`` where it never does.

Every function answers for many rows at once. One row is an array of one, and what it is told is bit for bit what it is
told among many.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from core.indicators import (
    BOLL,
    KDJ_BARS,
    KEPT,
    MACD_PARTS,
    Floats,
    Indicators,
    Rows,
    check_length,
    needed,
)

Line = Literal["k", "d", "j"]

_HALF_A_STEP: Final = 0.0005
"""Yuan: half of the smallest step that a price can take."""


def solve_ma(state: Indicators, rows: Rows, n: int) -> Floats:
    """The close at which the price meets its n-line: ``x >= MA(n)`` is ``x >= threshold``.

    Raises:
        ValueError: ``n`` is below 2 or needs more bars than are kept.
    """
    return solve_ma_cross(state, rows, 1, n)


def solve_ma_cross(state: Indicators, rows: Rows, fast: int, slow: int) -> Floats:
    """The close at which two lines meet: ``MA(fast) >= MA(slow)`` is ``x >= threshold``.

    Raises:
        ValueError: ``fast`` is not the shorter one, or ``slow`` needs more bars than are kept.
    """
    check_length(slow, 2, KEPT + 1, "MA")
    check_length(fast, 1, slow - 1, "the faster MA")
    # Added up one by one: a sum over an axis may take another order for one row than for many.
    totals = np.add.accumulate(state.window("close", rows, slow - 1), axis=0)
    quick = totals[fast - 2] if fast > 1 else 0.0
    return _told(state, rows, needed("ma", slow), (fast * totals[slow - 2] - slow * quick) / (slow - fast))


def solve_macd(state: Indicators, rows: Rows, value: float | None = None) -> Floats:
    """The close at which DIF meets DEA, or the level ``value`` in yuan: ``DIF >= ...`` is ``x >= threshold``.

    DEA moves a fifth of the way to DIF, so DIF stands above it exactly while it stands above the DEA before.
    """
    fast, slow, dea = state.macd(rows)
    level = dea if value is None else value
    # DIF where the next close is 0, which a close of x raises by x times the difference of the parts.
    floor = fast * (1 - MACD_PARTS[0]) - slow * (1 - MACD_PARTS[1])
    return _told(state, rows, needed("macd"), (level - floor) / (MACD_PARTS[0] - MACD_PARTS[1]))


def solve_rsi(state: Indicators, rows: Rows, n: int, value: float) -> Floats:
    """The close at which RSI(n) meets ``value``: ``RSI >= value`` is ``x >= threshold``.

    A length that is not kept yet is kept from now on. The levels 0 and 100 are not crossed: ``-inf`` and ``+inf``.

    Raises:
        ValueError: ``n`` is below 2 or above ``RSI_LONGEST``.
    """
    gain, loss = state.smoothed(rows, n)
    before = state.window("close", rows, 1)[0]
    if value <= 0 or value >= 100:
        return _told(state, rows, needed("rsi", n), np.full(rows.size, -np.inf if value <= 0 else np.inf))
    part = value / 100
    # With an unchanged close RSI is above the level by this much gain; a fall uses it up, a rise makes it good.
    ahead = (n - 1) * (gain * (1 - part) - loss * part)
    threshold = before - np.where(ahead >= 0, ahead / part, ahead / (1 - part))
    # Of a price that has never moved RSI is 50: above the lower levels and below the higher ones until it moves.
    still = (gain == 0) & (loss == 0)
    threshold = np.where(still, before + _HALF_A_STEP * np.sign(value - 50), threshold)
    return _told(state, rows, needed("rsi", n), threshold)


def solve_boll(
    state: Indicators,
    rows: Rows,
    side: Literal["upper", "lower"],
    n: int = BOLL[0],
    width: float = BOLL[1],
    divisor: Literal["sample", "population"] = "sample",
) -> Floats:
    """The close that touches a band: ``x >= threshold`` at the upper one, ``x <= threshold`` at the lower one.

    The close itself widens the band. Where ``width`` is so large that the band outruns it, no close touches: ``+inf``
    for the upper, ``-inf`` for the lower.

    Args:
        width: of the band, in deviations.
        divisor: the deviation is that of a sample (n-1), as in Chinese software, or of the population (n), as TA-Lib's.

    Raises:
        ValueError: ``n`` is below 3 or needs more bars than are kept, or ``width`` is not positive.
    """
    check_length(n, 3, KEPT + 1, "BOLL")
    if not width > 0:
        raise ValueError(f"the width of BOLL must be positive, not {width}")
    closes = state.window("close", rows, n - 1)
    mean = np.add.accumulate(closes, axis=0)[-1] / (n - 1)
    squares = np.add.accumulate((closes - mean) ** 2, axis=0)[-1]
    by = n - 1 if divisor == "sample" else n
    # d = x - mean of the closed ones. The middle moves by d / n, the squares grow by d² (n-1) / n, and x touches where
    # d (n-1)/n = width * sqrt((squares + d² (n-1)/n) / by).
    steep = ((n - 1) / n) ** 2 - width**2 * (n - 1) / (n * by)
    far = width * np.sqrt(squares / (by * steep)) if steep > 0 else np.full(rows.size, np.inf)
    return _told(state, rows, needed("boll", n), mean + far if side == "upper" else mean - far)


def kdj_rsv(state: Indicators, rows: Rows, line: Line = "k", value: float | None = None) -> Floats:
    """The RSV in percent at which a line of KDJ meets ``value``, or K meets D: ``line >= ...`` is ``RSV >= this``.

    RSV lies between 0 and 100, so what is beyond cannot be reached. :func:`rsv_price` makes a price of it.

    Args:
        value: None: K against D (``line`` is then not looked at).
    """
    k, d = state.kdj(rows)
    if value is None:
        rsv = 3 * d - 2 * k
    elif line == "k":
        rsv = 3 * value - 2 * k
    elif line == "d":
        rsv = 9 * value - 6 * d - 2 * k
    else:
        rsv = (9 * value - 14 * k + 12 * d) / 7
    return _told(state, rows, needed("kdj"), rsv)


def rsv_price(rsv: Floats, highest: Floats, lowest: Floats) -> Floats:
    """The close at which RSV meets ``rsv``: ``RSV >= rsv`` is ``x >= threshold``.

    Args:
        highest, lowest: of the last eight closed bars (:func:`extremes`) and of the forming one.

    Returns:
        Yuan. Where all nine bars have one price RSV is 50 whatever the close: ``-inf`` or ``+inf`` for other levels.
    """
    price = lowest + rsv / 100 * (highest - lowest)
    flat = highest == lowest
    if flat.any():
        price = np.where(flat & (rsv < 50), -np.inf, np.where(flat & (rsv > 50), np.inf, price))
    return price


def extremes(state: Indicators, rows: Rows, n: int = KDJ_BARS - 1) -> tuple[Floats, Floats]:
    """The highest and the lowest price of the last ``n`` closed bars; NaN where there are fewer.

    Raises:
        ValueError: ``n`` is below 1 or more than are kept.
    """
    highest = state.window("high", rows, n).max(axis=0)
    lowest = state.window("low", rows, n).min(axis=0)
    need = needed("extremes", n)
    return _told(state, rows, need, highest), _told(state, rows, need, lowest)


def mean_volume(state: Indicators, rows: Rows, n: int) -> Floats:
    """The mean volume in shares of the last ``n`` closed bars; NaN where there are fewer.

    Raises:
        ValueError: ``n`` is below 1 or more than are kept.
    """
    total = np.add.accumulate(state.window("volume", rows, n), axis=0)[-1]
    return _told(state, rows, needed("volume", n), total / n)


def _told(state: Indicators, rows: Rows, need: int, values: Floats) -> Floats:
    short = state.count.take(rows) < need
    return np.where(short, np.nan, values) if short.any() else values
