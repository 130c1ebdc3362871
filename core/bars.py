"""Bar (K线): what happened to one symbol in one stretch of time; how bars become longer ones, and are read from a file.

A bar is labelled by its end: the 1-minute bar of 09:38 holds 09:37:00 to 09:38:00, and the bar of a day bears 14:55,
shortly before the close, so that what it triggers can still be traded on that day.
The first 1-minute bar of a day, 09:30, holds the trade of the opening auction; longer bars count it to their first one,
and end at lunch and at the close.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import groupby, pairwise
from pathlib import Path
from typing import Final, Literal, NamedTuple

from core.calendar import is_session
from core.clock import MARKET_ZONE, market_time, midnight
from core.errors import Invalid
from core.types import Money, Price, Shares, Symbol, from_milli, parse_symbol, to_milli

Period = Literal["day", "1m", "5m", "15m", "30m", "60m"]
MINUTES: Final[Mapping[Period, int]] = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "60m": 60}
"""Trading minutes of a bar, for the periods shorter than a day."""

COLUMNS: Final = ("symbol", "time", "open", "high", "low", "close", "volume")
"""The columns that a file must have; ``amount`` may be missing or empty."""

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d(?P<clock> \d\d:\d\d(?::\d\d)?)?")
_REMARK: Final = re.compile(r"\(index\)$", re.IGNORECASE)
_END_OF_DAY: Final = timedelta(hours=14, minutes=55)
# Minutes since midnight. What is stamped within the minute after the bell was traded before it.
_OPEN, _LUNCH, _LUNCH_OVER, _AFTERNOON, _CLOSE = 570, 690, 691, 780, 900
# Outside these nothing is a price of this market, and int64 arrays could overflow.
_LEAST: Final = Decimal("0.001")
_MOST: Final = Decimal(10_000_000)
_MOST_SHARES: Final = Decimal(10**14)
_MOST_YUAN: Final = Decimal(10**16)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. ``low <= open, close <= high`` holds for every bar that :func:`read_bars` returns.

    Attributes:
        time: aware UTC, the instant of the label.
        volume: shares; 0 where nothing was traded and the price only repeats.
        amount: yuan; None where the source does not say.
    """

    symbol: Symbol
    time: datetime
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Shares
    amount: Money | None = None


class Rescale(NamedTuple):
    """What an ex-date does to the bars before it: every price times ``numerator / denominator``.

    Attributes:
        before: aware UTC, the midnight that begins the ex-date.
        numerator, denominator: milli-yuan, the previous close that the exchange gives out and the close as traded.
    """

    symbol: Symbol
    before: datetime
    numerator: int
    denominator: int


def scaled_milli(milli: int, numerator: int, denominator: int) -> int:
    """``milli * numerator / denominator``, half up, in whole numbers, as the databases do it too.

    >>> scaled_milli(1430000, 1402350, 1430000), scaled_milli(5, 1, 2)
    (1402350, 3)
    """
    return (2 * milli * numerator + denominator) // (2 * denominator)


def scaled(bar: Bar, numerator: int, denominator: int) -> Bar:
    """The bar with every price multiplied; what was traded stays."""
    opened, high, low, close = (
        from_milli(scaled_milli(to_milli(price), numerator, denominator))
        for price in (bar.open, bar.high, bar.low, bar.close)
    )
    return Bar(bar.symbol, bar.time, opened, high, low, close, bar.volume, bar.amount)


def joined(chosen: Sequence[Bar], other: Sequence[Bar]) -> list[Bar]:
    """One history of two of the same symbol and period, both in order of time, on the prices of ``chosen``.

    The other gives what is older, multiplied so that both agree on the earliest bar that both have, and what is newer.
    Without a bar in common nothing can be said of its prices, and it gives nothing.
    """
    if not chosen:
        return list(other)
    closes = {bar.time: to_milli(bar.close) for bar in other}
    common = next((bar for bar in chosen if bar.time in closes), None)
    if common is None:
        return list(chosen)
    numerator, denominator = to_milli(common.close), closes[common.time]
    older = [bar for bar in other if bar.time < chosen[0].time]
    if numerator != denominator:
        older = [scaled(bar, numerator, denominator) for bar in older]
    return [*older, *chosen, *(bar for bar in other if bar.time > chosen[-1].time)]


def end_minute(minute: int, minutes: int = 1) -> int:
    """The label, in minutes since midnight, of the bar that holds what bears this minute.

    >>> [end_minute(at, 5) for at in (9 * 60 + 25, 9 * 60 + 31, 11 * 60 + 30, 13 * 60, 15 * 60 + 1)]
    [575, 575, 690, 785, 900]
    >>> end_minute(9 * 60 + 25), end_minute(10 * 60 + 31, 60), end_minute(13 * 60 + 1, 60)
    (570, 690, 840)
    """
    if minutes == 1 and minute <= _OPEN:
        return _OPEN
    opens, closes = (_OPEN, _LUNCH) if minute <= _LUNCH_OVER else (_AFTERNOON, _CLOSE)
    passed = min(max(minute - opens, 1), closes - opens)
    return min(opens - (-passed // minutes) * minutes, closes)


def label(at: datetime, minutes: int = 1) -> datetime:
    """The time of the bar that holds what happened at this instant; an instant on a boundary belongs to the bar before.

    Args:
        at: aware, within the session as :func:`core.calendar.is_session` has it.

    Returns:
        Aware UTC.
    """
    midnight = market_time(at).replace(hour=0, minute=0, second=0, microsecond=0)
    minute = -((midnight - at) // timedelta(minutes=1))
    return (midnight + timedelta(minutes=end_minute(minute, minutes))).astimezone(UTC)


def day_label(day: date) -> datetime:
    """14:55 of that market day, which the bar of the day bears. Aware UTC."""
    return (midnight(day) + _END_OF_DAY).astimezone(UTC)


def merged(bars: Iterable[Bar], minutes: int) -> list[Bar]:
    """Longer bars of the 1-minute bars of one symbol, given in order of time; the last one may still be forming.

    A bar never spans lunch or night, and the opening auction belongs to the first one. What lies outside the session,
    as the trading at the closing price after it, counts nothing.
    """
    inside = (bar for bar in bars if is_session(bar.time))
    return [one_bar(at, list(parts)) for at, parts in groupby(inside, key=lambda bar: label(bar.time, minutes))]


def one_bar(at: datetime, parts: Sequence[Bar]) -> Bar:
    """One bar, with this label, of several that follow each other; its amount is known when all of theirs are."""
    amounts = [bar.amount for bar in parts if bar.amount is not None]
    return Bar(
        parts[0].symbol,
        at,
        parts[0].open,
        max(bar.high for bar in parts),
        min(bar.low for bar in parts),
        parts[-1].close,
        sum(bar.volume for bar in parts),
        sum(amounts, Decimal(0)) if len(amounts) == len(parts) else None,
    )


def period_of(bars: Iterable[Bar]) -> Period:
    """The period that the distances between the bars tell, whatever their order.

    Raises:
        Invalid: they are no bars of a period that we keep.
    """
    days: dict[tuple[Symbol, date], list[datetime]] = {}
    for bar in bars:
        days.setdefault((bar.symbol, market_time(bar.time).date()), []).append(bar.time)
    distances = Counter(
        later - earlier for times in days.values() for earlier, later in pairwise(sorted(times)) if later > earlier
    )
    if not distances:
        return "day"
    usual = min(distances, key=lambda distance: (-distances[distance], distance))
    for period, minutes in MINUTES.items():
        if usual == timedelta(minutes=minutes):
            return period
    apart = f"{usual / timedelta(minutes=1):g}"
    raise Invalid(f"这些K线大多相隔 {apart} 分钟，不是日线，也不是 1、5、15、30、60 分钟线，请换一个文件。")


def path_of(bar: Bar) -> tuple[Price, Price, Price, Price]:
    """The order in which a bar's prices are played: open, the extreme nearer to it, the other extreme, close.

    Where both are equally near, the low comes first in a bar that does not fall, the high first in one that does: that
    is the shorter way.

    >>> yuan = [Decimal(text) for text in ("10.00", "10.50", "9.90", "10.40")]
    >>> [str(price) for price in path_of(Bar(Symbol("600519.SH"), datetime(2026, 3, 23, tzinfo=UTC), *yuan, 100))]
    ['10.00', '9.90', '10.50', '10.40']
    """
    up, down = bar.high - bar.open, bar.open - bar.low
    low_first = down < up or (down == up and bar.close >= bar.open)
    near, far = (bar.low, bar.high) if low_first else (bar.high, bar.low)
    return bar.open, near, far, bar.close


def in_order(bars: Iterable[Bar]) -> list[Bar]:
    """By time, then symbol: what :class:`adapters.quotes.replay.ReplayQuotes` plays.

    Raises:
        Invalid: two bars of one symbol bear the same time, or there is no bar at all.
    """
    ordered = sorted(bars, key=lambda bar: (bar.time, bar.symbol))
    if not ordered:
        raise Invalid("这里没有一根K线，请给出至少一个有数据的 CSV 文件。")
    for bar, following in pairwise(ordered):
        if bar.time == following.time and bar.symbol == following.symbol:
            at = f"{market_time(bar.time):%Y-%m-%d %H:%M}"
            raise Invalid(f"{bar.symbol} 在 {at} 有两根K线，请不要重复给出同一个文件，也不要混用不同周期。")
    return ordered


def read_bars(path: Path) -> list[Bar]:
    """Read a CSV file of bars, ordered by time, then symbol.

    UTF-8 with or without a byte order mark; the columns stand in the first row in any order, further ones are ignored.
    ``time`` is exchange local, ``YYYY-MM-DD`` (a day, stamped 14:55) or ``YYYY-MM-DD HH:MM[:SS]``. The rows may be in
    any order.

    Raises:
        Invalid: the file or a line cannot be used; the sentence names the file, the line and what to do.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            bars = list(_bars(path, rows))
    except FileNotFoundError:
        raise Invalid(f"找不到文件“{path}”，请核对路径和文件名。") from None
    except IsADirectoryError:
        raise Invalid(f"“{path}”是文件夹，请写出里面的 CSV 文件名。") from None
    except OSError as error:
        raise Invalid(f"读不了文件“{path}”（{error.strerror or error}），请检查它的权限，或换一个位置。") from error
    except UnicodeDecodeError:
        raise Invalid(f"文件“{path}”不是 UTF-8 编码，请另存为“CSV UTF-8”后再试。") from None
    except csv.Error as error:
        raise Invalid(f"文件“{path}”不是正常的 CSV（{error}），请重新导出。") from None
    if not bars:
        raise Invalid(f"文件“{path}”里没有一根K线，请换一个有数据的文件。")
    bars.sort(key=lambda bar: (bar.time, bar.symbol))
    return bars


class _Unreadable(Exception):
    """What is wrong with one line, without its place."""


def _bars(path: Path, rows: Iterator[list[str]]) -> Iterator[Bar]:
    header = next(rows, None)
    if header is None:
        raise Invalid(f"文件“{path}”是空的，里面没有一根K线，请换一个有数据的文件。")
    places = _places(path, header)
    symbols: dict[str, Symbol] = {}
    seen: dict[tuple[Symbol, datetime], int] = {}
    for line, row in enumerate(rows, start=2):
        if not any(row):
            continue
        try:
            bar = _bar(row, places, symbols)
        except _Unreadable as problem:
            raise Invalid(f"文件“{path}”第 {line} 行：{problem}") from None
        earlier = seen.setdefault((bar.symbol, bar.time), line)
        if earlier != line:
            raise Invalid(
                f"文件“{path}”第 {line} 行：{bar.symbol} 的时间与第 {earlier} 行重复，"
                "同一时间只能有一根K线，请删去一行，也不要混用不同周期。"
            )
        yield bar


def _places(path: Path, header: list[str]) -> dict[str, int]:
    names = [name.strip().lower() for name in header]
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        raise Invalid(
            f"文件“{path}”第 1 行缺少这些列：{'、'.join(missing)}。"
            "第一行应当是 symbol,time,open,high,low,close,volume,amount。"
        )
    return {column: names.index(column) for column in (*COLUMNS, "amount") if column in names}


def _bar(row: list[str], places: Mapping[str, int], symbols: dict[str, Symbol]) -> Bar:
    try:
        written, time, *texts = [row[places[column]] for column in COLUMNS]
        amount_text = row[places["amount"]].strip() if "amount" in places else ""
    except IndexError:
        raise _Unreadable(f"只有 {len(row)} 个字段，比标题行少，请补全这一行。") from None
    symbol = symbols.get(written)
    if symbol is None:
        symbol = symbols[written] = _symbol(written)
    try:
        opened, high, low, close, volume = (Decimal(text) for text in texts)
        amount = Decimal(amount_text) if amount_text else None
        # NaN compares with an InvalidOperation of its own.
        fine = (
            _LEAST <= low <= opened <= high <= _MOST
            and low <= close <= high
            and 0 <= volume <= _MOST_SHARES
            and (amount is None or 0 <= amount <= _MOST_YUAN)
        )
    except InvalidOperation:
        fine = False
    if not fine:
        raise _Unreadable(_problem(row, places))
    shares = int(volume)
    if shares != volume:
        raise _Unreadable(f"volume 是“{texts[4]}”，成交量要写整数股，请改正。")
    return Bar(symbol, _instant(time), opened, high, low, close, shares, amount)


def _symbol(written: str) -> Symbol:
    try:
        return parse_symbol(_REMARK.sub("", written.strip()))
    except Invalid as error:
        raise _Unreadable(str(error)) from None


def _instant(text: str) -> datetime:
    text = text.strip()
    match = _TIME.fullmatch(text)
    if match is not None:
        # An impossible day or hour, or a year that UTC cannot hold, is as unreadable as another notation.
        with suppress(ValueError, OverflowError):
            local = datetime.fromisoformat(text)
            if match["clock"] is None:
                local += _END_OF_DAY
            return local.replace(tzinfo=MARKET_ZONE).astimezone(UTC)
    raise _Unreadable(f"时间“{text}”读不懂，请写成 2026-03-23 或 2026-03-23 09:38（北京时间）。")


def _problem(row: list[str], places: Mapping[str, int]) -> str:
    """Say what is wrong with the numbers of a line that :func:`_bar` refused."""
    numbers: dict[str, Decimal] = {}
    for column in (*COLUMNS[2:], "amount"):
        text = row[places[column]].strip() if column in places else ""
        if column == "amount" and not text:
            continue
        problem = _number_problem(column, text)
        if problem:
            return problem
        numbers[column] = Decimal(text)
    high, low = numbers["high"], numbers["low"]
    if high < low:
        return f"最高价 {high} 低于最低价 {low}，请核对这一行。"
    outside = next(column for column in ("open", "close") if not low <= numbers[column] <= high)
    name = {"open": "开盘价", "close": "收盘价"}[outside]
    return f"{name} {numbers[outside]} 不在最低价 {low} 和最高价 {high} 之间，请核对这一行。"


def _number_problem(column: str, text: str) -> str | None:
    if not text:
        return f"{column} 是空的，请填上数字或删去这一行。"
    try:
        number = Decimal(text)
    except InvalidOperation:
        return f"{column} 是“{text}”，不是数字，请改正或删去这一行。"
    if not number.is_finite():
        return f"{column} 是“{text}”，不是有限的数，请改正或删去这一行。"
    if column in {"volume", "amount"}:
        most = _MOST_SHARES if column == "volume" else _MOST_YUAN
        return None if 0 <= number <= most else f"{column} 是“{text}”，不能小于 0 或大得不合理，请改正。"
    if number < _LEAST:
        return f"{column} 是“{text}”，价格必须大于 0（至少 0.001 元），请改正或删去这一行。"
    if number > _MOST:
        return f"{column} 是“{text}”，价格大得不合理，请改正或删去这一行。"
    return None
