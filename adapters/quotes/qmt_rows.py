"""What the rows of xtquant mean: ticks, instrument details and bars, turned into our units. Pure.

Times are milliseconds since 1970, whatever the zone of the machine; the SDK's own helpers are not used, because they
read the machine's. Prices are floats with noise (11.370000000000001), and are rounded here, once, to the step that the
security moves by.

Units: ``volume`` counts lots and ``pvolume`` what the exchange sends, which is shares for most; the vendor advises
against the second. Both are held against the amount, and the one whose average price can be true is taken. The order
book counts lots.

Source: xtquant 250807.1.2, its documentation and the vendor's: ``openInt`` holds the state of a share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.bars import MINUTES, Bar, Period, day_label, scaled
from core.calendar import is_session, previous_trading_day
from core.clock import MARKET_ZONE, market_time
from core.frames import Ints
from core.market import Board, board_of, tick
from core.polling import FUTURE, shares_traded
from core.types import Money, Price, Symbol, from_milli, to_milli

Tick = Mapping[str, Any]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SUSPENDED: Final = (1, 17, 20)
"""Of ``openInt``: not traded today, halted for a while, halted until the close."""
LOT: Final = 100
BOND_LOT: Final = 10
# Nothing real is larger, and everything below fits into int64.
_MOST_MILLI: Final = 10**10
_MOST_COUNT: Final = 10**15
_FIELDS: Final = ("time", "lastPrice", "lastClose", "open", "high", "low", "amount", "volume", "pvolume", "openInt")
_BOOK: Final = ("bidPrice", "askPrice", "bidVol", "askVol")
_NONE: Final = (0,)
_PRICES: Final = {"last": 1, "preclose": 2, "open": 3, "high": 4, "low": 5, "bid": 10, "ask": 11}
_numbers_of: Final = itemgetter(*_FIELDS)


class Facts(NamedTuple):
    """What is known of a security for a day. Prices in milli-yuan, 0 where there is none.

    Attributes:
        preclose: tells of which day the limits are.
        step: by which its price moves.
        floating: shares that can be traded; 0 where unknown.
    """

    name: str
    preclose: int
    limit_up: int
    limit_down: int
    step: int
    floating: int


def facts_of(symbol: Symbol, detail: Mapping[str, Any] | None) -> Facts | None:
    """Read what ``get_instrument_detail`` gives; None where it knows no such security.

    >>> facts_of(Symbol("600519.SH"), {"InstrumentName": "贵州茅台", "PreClose": 1430.0, "UpStopPrice": 1573.0000000002,
    ...     "DownStopPrice": 1287.0, "PriceTick": 0.01, "FloatVolume": 1250081601.0})
    Facts(name='贵州茅台', preclose=1430000, limit_up=1573000, limit_down=1287000, step=10, floating=1250081601)
    >>> facts_of(Symbol("000001.SH"), {"InstrumentName": "上证指数", "PreClose": 3351.756, "UpStopPrice": None})
    Facts(name='上证指数', preclose=3351756, limit_up=0, limit_down=0, step=1, floating=0)
    >>> facts_of(Symbol("600001.SH"), None)
    """
    if not detail:
        return None
    step = step_of(symbol, detail.get("PriceTick"))
    up, down = _milli(detail.get("UpStopPrice"), step), _milli(detail.get("DownStopPrice"), step)
    if not 0 < down < up:
        up = down = 0
    name = detail.get("InstrumentName")
    floating = _plain(detail.get("FloatVolume"))
    return Facts(
        name=name.strip() if isinstance(name, str) else "",
        preclose=_milli(detail.get("PreClose"), step),
        limit_up=up,
        limit_down=down,
        step=step,
        floating=int(floating) if 0 < floating < _MOST_COUNT else 0,
    )


def step_of(symbol: Symbol, said: Any = None) -> int:
    """The step of its price in milli-yuan, as the source says it or by its board; an index has none.

    >>> step_of(Symbol("600519.SH")), step_of(Symbol("510300.SH")), step_of(Symbol("600519.SH"), 0.001)
    (10, 1, 1)
    """
    board = board_of(symbol)
    if board is Board.INDEX:
        return 1
    milli = round(_plain(said) * 1000)
    return milli if milli in {1, 10} else to_milli(tick(board))


@lru_cache(maxsize=16_384)
def lot_of(symbol: Symbol) -> int:
    """How many of it a lot is; 0 for an index, which has none."""
    board = board_of(symbol)
    return 0 if board is Board.INDEX else BOND_LOT if board is Board.BOND else LOT


def _plain(number: Any) -> float:
    """A finite number; 0 for what is none."""
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        return 0.0
    return float(number)


def _milli(price: Any, step: int) -> int:
    milli = round(_plain(price) * 1000 / step) * step
    return milli if 0 < milli < _MOST_MILLI else 0


# --- ticks ---


class Rows(NamedTuple):
    """Many ticks at once, as the arrays of a :class:`~core.frames.Frame` are called.

    Attributes:
        good: which of them can be true; the others hold anything.
        silent: nothing was traded today, and nobody bids or offers.
        why: a Chinese phrase for each that is left out.
    """

    columns: dict[str, Ints]
    suspended: Flags
    silent: Flags
    good: Flags
    why: list[str]


def read(symbols: Sequence[Symbol], ticks: Sequence[Tick], steps: Sequence[int], received_at: datetime) -> Rows:
    """Read ticks, one per symbol. One that cannot be true never costs the others.

    ``last`` is 0 while nothing was traded today, although the source may repeat the previous close or show what an
    auction indicates.

    Args:
        steps: milli-yuan, as :func:`step_of` has them.
        received_at: aware UTC.

    >>> at = datetime(2026, 11, 24, 10, 0, tzinfo=MARKET_ZONE)
    >>> row = {"time": 1795485600000, "lastPrice": 11.370000000000001, "lastClose": 11.38, "open": 11.39, "high": 11.4,
    ...     "low": 11.31, "amount": 862127800.0, "volume": 758613, "pvolume": 75861284, "openInt": 13,
    ...     "bidPrice": [11.37], "askPrice": [11.38], "bidVol": [7146], "askVol": [6671]}
    >>> rows = read([Symbol("000001.SZ")], [row], [10], at)
    >>> [int(rows.columns[name][0]) for name in ("last", "volume", "bid_volume", "ask")], rows.good.tolist()
    ([11370, 75861284, 714600, 11380], [True])
    """
    numbers = _table(ticks)
    step = np.asarray(steps, dtype=np.float64)
    # Comparing with what is no number is false, which is what is wanted here.
    with np.errstate(invalid="ignore", over="ignore"):
        fits: Flags = np.all((numbers >= 0) & (numbers < _MOST_COUNT), axis=1)
        scaled_up = {name: np.rint(numbers[:, place] * 1000 / step) * step for name, place in _PRICES.items()}
        for prices in scaled_up.values():
            fits = fits & (prices < _MOST_MILLI)
    sound = np.where(fits[:, None], numbers, 0.0)
    columns: dict[str, Ints] = {name: np.where(fits, scaled_up[name], 0).astype(np.int64) for name in _PRICES}
    time, amount = sound[:, 0].astype(np.int64), sound[:, 6]
    traded = (columns["open"] > 0) | (sound[:, 7] > 0) | (sound[:, 8] > 0)
    for name in ("last", "high", "low"):
        columns[name] = np.where(traded, columns[name], 0)
    last, high, low = columns["last"], columns["high"], columns["low"]
    dated = (time > 0) & (time <= round((received_at + FUTURE).timestamp() * 1000))
    ranged = ~traded | ((low > 0) & (low <= last) & (last <= high))
    lot = np.array([lot_of(symbol) for symbol in symbols], dtype=np.int64)
    index = lot == 0
    lot[index] = LOT
    inside = (low <= columns["open"]) & (columns["open"] <= high)
    columns["open"] = np.where(inside, columns["open"], 0)
    columns["volume"] = _shares(sound[:, 7], sound[:, 8], amount, low, high, lot, index)
    columns["amount"] = np.rint(amount).astype(np.int64)
    columns["bid_volume"] = np.where(columns["bid"] > 0, sound[:, 12].astype(np.int64) * lot, 0)
    columns["ask_volume"] = np.where(columns["ask"] > 0, sound[:, 13].astype(np.int64) * lot, 0)
    columns["quoted_at"] = time
    good = fits & dated & ranged
    why = [
        f"{symbols[row]} {_why(fits[row], ranged[row], int(time[row]), ticks[row])}"
        for row in np.flatnonzero(~good).tolist()
        if not (fits[row] and time[row] == 0)  # it has never been quoted: nothing is wrong with that
    ]
    return Rows(
        columns,
        suspended=np.isin(sound[:, 9], SUSPENDED) & ~index,
        silent=~traded & (columns["bid"] == 0) & (columns["ask"] == 0) & ~index,
        good=good,
        why=why,
    )


def _table(ticks: Sequence[Tick]) -> Floats:
    """[ticks, fields] of numbers; what is none is not a number in the sense of floats."""
    try:
        # Flat runs of numbers are read in half the time of a table.
        rows = np.fromiter(chain.from_iterable(map(_numbers_of, ticks)), np.float64, len(ticks) * len(_FIELDS))
        book = [np.fromiter([(one[name] or _NONE)[0] for one in ticks], np.float64, len(ticks)) for name in _BOOK]
        return np.column_stack((rows.reshape(-1, len(_FIELDS)), *book))
    except (KeyError, TypeError, ValueError, OverflowError):
        return np.array([_numbers(one) for one in ticks], dtype=np.float64)


def _numbers(one: Tick) -> list[float]:
    found = []
    for name in (*_FIELDS, *_BOOK):
        said = one.get(name, 0)
        if name in _BOOK:
            said = said[0] if isinstance(said, Sequence) and not isinstance(said, str) and said else 0
        number = isinstance(said, int | float) and not isinstance(said, bool)
        found.append(float(said) if number else math.nan)
    return found


def _shares(lots: Floats, raw: Floats, amount: Floats, low: Ints, high: Ints, lot: Ints, index: Flags) -> Ints:
    """Shares traded: what the source counts in the unit whose average price lies in the day's range, else 0.

    The same as :func:`core.polling.shares_traded`, for many rows. An index is no average of prices: taken as it is.
    """
    found = np.zeros(len(lots))
    open_ = np.ones(len(lots), dtype=np.bool_)
    for count, unit in ((raw, 1), (lots, lot), (lots, 1), (lots, BOND_LOT), (lots, LOT)):
        least, most = low * (count - 1) * unit * 0.995, high * (count + 1) * unit * 1.005
        fits = open_ & (count > 0) & (least <= amount * 1000) & (amount * 1000 <= most)
        found = np.where(fits, count * unit, found)
        open_ &= ~fits
    found = np.where(index, np.where(raw > 0, raw, lots * LOT), found)
    return found.astype(np.int64)


def _why(fits: bool, ranged: bool, time: int, one: Tick) -> str:
    if not fits:
        return f"有读不懂的数字：{str(dict(one))[:80]}"
    if not ranged:
        return f"最新价 {one.get('lastPrice')} 不在最低价 {one.get('low')} 和最高价 {one.get('high')} 之间"
    return f"报价时间 {time} 在未来，请校对电脑时间"


# --- bars ---


def bars_of(symbol: Symbol, period: Period, table: Mapping[str, Sequence[Any]], why: list[str]) -> list[Bar]:
    """Read the columns of ``get_market_data_ex``, oldest first.

    Left out: what a terminal fills gaps with (a price that stands still without trade: suspended days, and whole days
    of minutes that were never downloaded), and what cannot be true, which is told in ``why``.

    >>> bars_of(Symbol("600519.SH"), "day", {"time": [1795449600000], "open": [10.0], "high": [10.2], "low": [9.9],
    ...     "close": [10.1], "volume": [1000], "amount": [1005000.0], "suspendFlag": [0]}, [])[0].volume
    100000
    """
    found: dict[datetime, Bar] = {}
    count = len(table["time"])
    flags = table.get("suspendFlag", [0] * count)
    names = ("time", "open", "high", "low", "close", "volume", "amount")
    for row in zip(*(table[name] for name in names), flags, strict=True):
        *numbers, flag = row
        if flag == 1 or all(_is_gap(number) for number in numbers[1:5]):
            continue
        try:
            bar = _bar(symbol, period, numbers)
        except (ValueError, ArithmeticError, OSError) as error:
            why.append(f"{symbol} {numbers}（{error}）")
            continue
        found[bar.time] = bar
    bars = [found[at] for at in sorted(found)]
    if period == "day":
        bars = [bar for bar in bars if bar.volume]
    else:
        inside = [bar for bar in bars if is_session(bar.time)]
        days = [list(day) for _, day in groupby(inside, key=lambda bar: market_time(bar.time).date())]
        bars = [bar for day in days if any(bar.volume for bar in day) for bar in day]
    unit = _unit(symbol, bars)
    return [replace(bar, volume=bar.volume * unit) for bar in bars]


def _is_gap(number: Any) -> bool:
    return not isinstance(number, int | float) or math.isnan(number) or number == 0


def _bar(symbol: Symbol, period: Period, numbers: Sequence[Any]) -> Bar:
    """A row; its volume still in the unit of the source.

    Raises:
        ValueError, ArithmeticError, OSError
    """
    time, opened, high, low, close, volume, amount = numbers
    local = datetime.fromtimestamp(time / 1000, MARKET_ZONE)
    at = day_label(local.date()) if period == "day" else local.astimezone(UTC)
    if not 0 <= volume < _MOST_COUNT or not low <= high:
        raise ValueError("价格或成交量不可能")
    # Adjusting rounds each of the four by itself.
    milli = [round(price * 1000) for price in (opened, max(opened, high, close), min(opened, low, close), close)]
    if not 0 < min(milli) <= max(milli) < _MOST_MILLI:
        raise ValueError("价格不可能")
    prices = [from_milli(price) for price in milli]
    paid = Money(round(amount)) if 0 < amount < _MOST_COUNT else None
    return Bar(symbol, at, prices[0], prices[1], prices[2], prices[3], int(volume), paid)


_DECISIVE: Final = 20
"""So many of the newest bars, whose prices are the least adjusted, are asked in which unit the volume counts."""


def _unit(symbol: Symbol, bars: Sequence[Bar]) -> int:
    """Shares per unit of volume; 0 where no unit fits the amounts."""
    lot = lot_of(symbol)
    telling = [bar for bar in bars[-_DECISIVE:] if bar.volume and bar.amount]
    if not lot or not telling:
        return lot or LOT
    for bar in reversed(telling):
        assert bar.amount is not None
        low, high = to_milli(bar.low), to_milli(bar.high)
        shares = shares_traded(bar.volume, bar.amount, low, high, (lot, 1, BOND_LOT, LOT))
        if shares:
            return shares // bar.volume
    return 0


def with_today(bars: Sequence[Bar], today: Bar | None, preclose: Price | None) -> list[Bar]:
    """The bars of days with the one that is forming, where the terminal has not written it yet.

    Args:
        today: as the newest tick tells it; None before the first trade of the day.
        preclose: as the exchange gives it out today. Where it is not the close of the trading day before, today is an
            ex-date, and the bars before it are put on today's prices.
    """
    if today is None:
        return list(bars)
    past = [bar for bar in bars if bar.time < today.time]
    if len(past) < len(bars):
        return list(bars)
    yesterday = previous_trading_day(market_time(today.time).date())
    if preclose and past and market_time(past[-1].time).date() == yesterday and past[-1].close != preclose:
        numerator, denominator = to_milli(preclose), to_milli(past[-1].close)
        past = [scaled(bar, numerator, denominator) for bar in past]
    return [*past, today]


def download_start(period: Period, count: int, day: date) -> date:
    """From which day on a download holds so many bars; weekends and the longest holidays are allowed for.

    >>> download_start("day", 250, date(2026, 11, 24)), download_start("1m", 240, date(2026, 11, 24))
    (datetime.date(2025, 10, 31), datetime.date(2026, 11, 9))
    """
    days = count if period == "day" else -(-count * MINUTES[period] // 240)
    return day - timedelta(days=days * 3 // 2 + 14)
