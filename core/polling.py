"""PolledQuotes: a QuoteSource made of sources that only answer when asked, the best healthy one first.

Sources on the web answer in text, and each in its own order of fields. :class:`Row` names the fields, and
:func:`quote_of` is the one place that decides whether such a row can be true.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from core.calendar import Phase, is_session, phase
from core.clock import MARKET_ZONE, Clock, stamp_text, time_text
from core.errors import Malformed, OutsideError, Unavailable
from core.frames import Frame, Quote, frame_of
from core.market import Board, board_of
from core.ports import QuoteFetcher
from core.types import Money, Price, Shares, Symbol, from_milli, to_milli

INTERVAL: Final = timedelta(seconds=3)
SLOW_INTERVAL: Final = timedelta(seconds=30)
FIRST_REST: Final = timedelta(seconds=10)
LONGEST_REST: Final = timedelta(minutes=5)
_ZERO: Final = timedelta()


# --- one row of a web source ---

FUTURE: Final = timedelta(minutes=5)
"""How far a quote's time may lie ahead of our clock."""

# Nothing real is larger, and everything below fits into int64 thousandths.
_MOST_MILLI: Final = 10**10
_MOST_COUNT: Final = 10**15
_NUMBER: Final = re.compile(r"-?\d{1,16}(?:\.\d{1,8})?", re.ASCII)
_DIGITS: Final = re.compile(r"\d{14}", re.ASCII)
NOT_YET: Final = frozenset({Phase.CLOSED, Phase.PRE_OPEN, Phase.CALL_AUCTION, Phase.BEFORE_OPEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a web source writes about one symbol, still as text; 0 or nothing where it has nothing to say.

    Attributes:
        amount: yuan; empty where unknown.
        units: shares per unit of ``volume``, the expected one first; none when no unit is known.
        book_unit: shares per unit of ``bid_volume`` and ``ask_volume``.
        at: fourteen digits, market time.
        turnover: percent of the float traded today; empty where unknown.
        suspended: the source says so itself.
    """

    symbol: Symbol
    name: str
    last: str
    preclose: str
    open: str
    high: str
    low: str
    limit_up: str = ""
    limit_down: str = ""
    bid: str
    ask: str
    volume: str
    amount: str
    bid_volume: str
    ask_volume: str
    units: tuple[int, ...]
    book_unit: int
    at: str
    turnover: str = ""
    suspended: bool = False


def quote_of(row: Row, *, source: str, received_at: datetime) -> Quote:
    """Read a row that can be true.

    ``last`` is None while nothing was traded today, although a source may repeat the previous close there. An opening
    price outside the day's range and a volume that does not fit the amount are dropped; the rest of the row stays. A
    share without trade, bid and ask after 09:30 of a trading day is suspended, whether or not the source says so.

    Args:
        received_at: aware UTC.

    Raises:
        ValueError: the row cannot be true; the text is a short Chinese phrase that says why.
    """
    last, preclose, opening = _price("最新价", row.last), _price("昨收", row.preclose), _price("开盘价", row.open)
    high, low = _price("最高价", row.high), _price("最低价", row.low)
    bid, ask = _price("买一价", row.bid or "0"), _price("卖一价", row.ask or "0")
    limit_up, limit_down = _limit("涨停价", row.limit_up), _limit("跌停价", row.limit_down)
    count, amount = _count("成交量", row.volume), _amount(row.amount)
    bid_volume, ask_volume = _count("买一量", row.bid_volume or "0"), _count("卖一量", row.ask_volume or "0")
    quoted_at = _instant(row.at)
    if quoted_at > received_at + FUTURE:
        raise ValueError(f"报价时间 {time_text(quoted_at)} 在未来，请校对电脑时间")

    index = board_of(row.symbol) is Board.INDEX
    traded = bool(opening or count)
    if not traded:
        last = high = low = 0
    elif not low <= last <= high or not low:
        raise ValueError(f"最新价 {row.last} 不在最低价 {row.low} 和最高价 {row.high} 之间")
    if not low <= opening <= high:
        opening = 0
    if limit_up <= limit_down:
        limit_up = limit_down = 0
    silent = not (traded or bid or ask or index)
    return Quote(
        symbol=row.symbol,
        name=_plain(row.name),
        last=_known(last),
        preclose=_known(preclose),
        open=_known(opening),
        high=_known(high),
        low=_known(low),
        limit_up=_known(limit_up),
        limit_down=_known(limit_down),
        bid=_known(bid),
        ask=_known(ask),
        # An index is no average of prices: nothing to hold its volume against.
        volume=count * row.units[0] if index and row.units else shares_traded(count, amount, low, high, row.units),
        amount=amount or None,
        bid_volume=bid_volume * row.book_unit if bid else 0,
        ask_volume=ask_volume * row.book_unit if ask else 0,
        turnover=_known(_limit("换手率", row.turnover)),
        suspended=row.suspended or (silent and phase(received_at) not in NOT_YET),
        source=source,
        quoted_at=quoted_at,
        received_at=received_at,
    )


def shares_traded(count: int, amount: Money, low: int, high: int, units: Sequence[int]) -> Shares:
    """Turn a volume of uncertain unit into shares: the average price must lie in the day's range, else it is 0.

    Sources count lots for most symbols and shares for some. One unit more or less is allowed, because odd lots are cut
    off, and half a percent, because prices are rounded.

    Args:
        low, high: milli-yuan.
        units: shares per unit, the likeliest first.

    >>> shares_traded(18660976, Money(2246348480), 119630, 121390, (1, 100))
    18660976
    >>> shares_traded(428580, Money("1222641481"), 27800, 29500, (1, 100))
    42858000
    >>> shares_traded(428580, Money(5), 27800, 29500, (1, 100))
    0
    """
    for unit in units:
        least, most = low * (count - 1) * unit * 995, high * (count + 1) * unit * 1005
        if count and least <= amount * 1_000_000 <= most and amount:
            return count * unit
    return 0


def _number(what: str, text: str) -> Price:
    if _NUMBER.fullmatch(text.strip()) is None:
        raise ValueError(f"{what}“{text[:20]}”不是数字")
    return Price(text.strip())


def _limit(what: str, text: str) -> int:
    # Where there is none, sources write 0 or -1, and for new listings also numbers out of this world.
    number = _number(what, text or "0")
    return to_milli(number) if 0 < to_milli(number) < _MOST_MILLI else 0


def _price(what: str, text: str) -> int:
    number = _number(what, text)
    if number < 0 or to_milli(number) >= _MOST_MILLI:
        raise ValueError(f"{what}“{text[:20]}”不可能")
    return to_milli(number)


def _count(what: str, text: str) -> int:
    number = _number(what, text)
    if not 0 <= number < _MOST_COUNT:
        raise ValueError(f"{what}“{text[:20]}”不可能")
    return int(number)


def _amount(text: str) -> Money:
    number = _number("成交额", text or "0")
    if not 0 <= number < _MOST_COUNT:
        raise ValueError(f"成交额“{text[:20]}”不可能")
    return number


def _instant(text: str) -> datetime:
    if _DIGITS.fullmatch(text) is None or int(text[:4]) < 1990:
        raise ValueError(f"报价时间“{text[:20]}”读不懂")
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
    hour, minute, second = int(text[8:10]), int(text[10:12]), int(text[12:])
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=MARKET_ZONE).astimezone(UTC)
    except ValueError:
        raise ValueError(f"报价时间“{text}”读不懂") from None


def _known(milli: int) -> Price | None:
    return from_milli(milli) if milli else None


def _plain(name: str) -> str:
    # A name that was cut inside a character is none.
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", name))
    return "" if "\ufffd" in plain else plain


# --- polling ---


class _Link:
    """One source, its only request in flight, and its rest after a failure."""

    def __init__(self, fetcher: QuoteFetcher) -> None:
        self.fetcher = fetcher
        self.name = fetcher.name
        self.lock = asyncio.Lock()
        self.failures = 0
        self.trouble = ""
        self.retry_at: datetime | None = None

    def rests(self, now: datetime) -> bool:
        return self.retry_at is not None and now < self.retry_at

    def failed(self, error: OutsideError, now: datetime) -> None:
        # The exponent is capped because two to the ten-thousandth is a slow number.
        rest = min(FIRST_REST * 2 ** min(self.failures, 10), LONGEST_REST)
        asked = error.retry_after if isinstance(error, Unavailable) else None
        self.failures += 1
        self.trouble = error.reason.rstrip("。")
        self.retry_at = now + max(rest, asked or _ZERO)

    def answered(self) -> None:
        self.failures, self.trouble, self.retry_at = 0, "", None


def out_of_hours(at: datetime) -> bool:
    """Whether prices stand still: neither a session nor its opening auction."""
    return not is_session(at) and phase(at) is not Phase.CALL_AUCTION


class PolledQuotes:
    """Asks the first healthy source; what it does not know, and all when it fails, is asked of the next at once.

    A source that fails rests for 10 seconds, doubling up to 5 minutes, or for as long as it wants, and is preferred
    again after that. Outside trading hours the pace is slow. Nothing is asked while nothing is watched. A source never
    has two requests in flight.

    A snapshot is fetched when the reader comes for it, so a slow reader gets the newest and misses the others. When no
    source answers, no frame comes: the silence is for the reader to notice.

    Args:
        sources: in order of preference, at least one.
        slow: whether the market rests at this instant. Asked for the end of the slow pause too, so that an opening is
            not slept through.
        sleep: waits so many seconds.
        on_trouble: told in one Chinese sentence when the source in use changes, for worse or better.
    """

    def __init__(
        self,
        sources: Sequence[QuoteFetcher],
        *,
        clock: Clock,
        interval: timedelta = INTERVAL,
        slow_interval: timedelta = SLOW_INTERVAL,
        slow: Callable[[datetime], bool] = out_of_hours,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_trouble: Callable[[str], None] | None = None,
    ) -> None:
        self.name = "/".join(source.name for source in sources)
        self.interval = interval
        self._links = [_Link(source) for source in sources]
        self._clock = clock
        self._slow_interval = slow_interval
        self._slow = slow
        self._sleep = sleep
        self._on_trouble = on_trouble
        self._watched: tuple[Symbol, ...] = ()
        self._changed = asyncio.Event()
        self._used: _Link | None = None
        self._since = clock.now()
        self._trouble = ""

    def describe(self) -> str:
        """Which source is in use, since when, and what ails the others, in one line for a person."""
        if self._used is not None:
            parts = [f"正在用{self._used.name}（{stamp_text(self._since)} 起）"]
        elif self._trouble:
            parts = [f"行情中断（{stamp_text(self._since)} 起）"]
        else:
            return "还没有取过行情。"
        parts += [
            f"{link.name}不可用：{link.trouble}，{time_text(link.retry_at)} 后再试"
            for link in self._links
            if link.retry_at is not None
        ]
        return "；".join(parts) + "。"

    def watch(self, symbols: Collection[Symbol]) -> None:
        """From now on stream exactly these."""
        watched = tuple(sorted(set(symbols)))
        if watched != self._watched:
            self._watched = watched
            self._changed.set()

    async def frames(self) -> AsyncIterator[Frame]:
        """Snapshots of the watched symbols, for ever; rows for those that were answered just now, and no others."""
        previous: Frame | None = None
        while True:
            while not self._watched:
                self._changed.clear()
                await self._changed.wait()
            self._changed.clear()
            started = self._clock.now()
            try:
                found, source = await self._ask(self._watched)
            except OutsideError:
                pass  # told by _report, and kept for describe
            else:
                # Asked again, because the list may have changed meanwhile.
                quotes = [found[symbol] for symbol in self._watched if symbol in found]
                if quotes:
                    previous = frame_of(quotes, at=self._clock.now(), source=source, like=previous)
                    yield previous
            await self._pause(started)

    async def fetch(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        """Fresh quotes now; a symbol that no source knows is absent.

        Raises:
            Unavailable: no source answers. Sources that rest after a failure are not asked.
            Malformed: all that answer send what we cannot read.
        """
        wanted = tuple(dict.fromkeys(symbols))
        if not wanted:
            return {}
        found, _ = await self._ask(wanted)
        return found

    async def _ask(self, symbols: tuple[Symbol, ...]) -> tuple[dict[Symbol, Quote], str]:
        """What the sources know of these, and the names of those that knew something."""
        found: dict[Symbol, Quote] = {}
        knowing: list[_Link] = []
        ignorant: list[tuple[_Link, list[Symbol]]] = []
        errors: list[OutsideError] = []
        for link in self._links:
            missing = [symbol for symbol in symbols if symbol not in found]
            if not missing:
                break
            async with link.lock:
                if link.rests(self._clock.now()):
                    continue
                try:
                    answer = await link.fetcher.fetch(missing)
                except OutsideError as error:
                    link.failed(error, self._clock.now())
                    errors.append(error)
                    continue
                fresh = {symbol: answer[symbol] for symbol in missing if symbol in answer}
                if fresh:
                    found |= fresh
                    knowing.append(link)
                    link.answered()
                else:
                    ignorant.append((link, missing))
        for link, asked in ignorant:
            # One symbol may be strange to a source. Several that another source knows: then the source is not well.
            if sum(symbol in found for symbol in asked) > 1:
                link.failed(Malformed(link.name, "没有给出任何所问代码的行情"), self._clock.now())
            else:
                link.answered()
        self._report(next((link for link in self._links if link.retry_at is None), None))
        if not knowing and not ignorant:
            raise self._nobody(errors)
        return found, "+".join(link.name for link in knowing)

    def _nobody(self, errors: Sequence[OutsideError]) -> OutsideError:
        reasons = "；".join(f"{link.name}：{link.trouble}" for link in self._links)
        if errors and all(isinstance(error, Malformed) for error in errors) and len(errors) == len(self._links):
            return Malformed(self.name, reasons)
        return Unavailable(self.name, reasons, self._until_somebody())

    def _until_somebody(self) -> timedelta:
        """How long until the first source may be asked again; zero when one may be asked now."""
        now = self._clock.now()
        return max(min((link.retry_at or now) - now for link in self._links), _ZERO)

    def _report(self, used: _Link | None) -> None:
        if used is self._used and (used is not None or self._trouble):
            return
        before, self._used, self._since = self._used, used, self._clock.now()
        first = self._links[0]
        if used is None:
            reasons = "；".join(f"{link.name}：{link.trouble}" for link in self._links)
            told = self._trouble = f"行情中断。{reasons}。{self._until_somebody().total_seconds():.0f} 秒后自动重试。"
        elif used is first:
            # The first answer after the start is no news.
            told = f"{used.name}已恢复。" if before is not None or self._trouble else ""
            self._trouble = ""
        else:
            told = self._trouble = f"{first.name}不可用：{first.trouble}。已改用{used.name}。"
        if told and self._on_trouble is not None:
            self._on_trouble(told)

    async def _pause(self, started: datetime) -> None:
        """Wait for the next poll; what exceeds the ordinary interval ends early when the list changes."""
        now = self._clock.now()
        resting = self._slow(now) and self._slow(now + self._slow_interval)
        length = max(self._slow_interval if resting else self.interval, self._until_somebody())
        # A wall clock that was set back must not stretch the pause.
        elapsed = max(now - started, _ZERO)
        await self._sleep(max(min(length, self.interval) - elapsed, _ZERO).total_seconds())
        rest = length - max(self.interval, elapsed)
        if rest <= _ZERO or self._changed.is_set():
            return
        waits = (asyncio.ensure_future(self._sleep(rest.total_seconds())), asyncio.ensure_future(self._changed.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
