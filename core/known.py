"""Known: all that was found out about a share at one instant, before it becomes a pack of facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from core.alerts import Alert
from core.bars import Bar
from core.calendar import phase, session_close, trading_date
from core.frames import Quote
from core.judging import Leg
from core.market import Board, board_of
from core.pack import Material
from core.portfolio import Account
from core.types import Money, Shares, Symbol, exchange_of
from core.watches import Watch
from core.zones import Missing

SHANGHAI: Final = Symbol("000001.SH")
INDEX_NAMES: Final[Mapping[Symbol, tuple[str, ...]]] = {
    SHANGHAI: ("上证指数", "上证综指", "沪指", "大盘"),
    Symbol("399001.SZ"): ("深证成指", "深成指", "深证成份指数"),
    Symbol("399006.SZ"): ("创业板指", "创业板指数"),
    Symbol("000688.SH"): ("科创50", "科创50指数"),
    Symbol("899050.BJ"): ("北证50", "北证50指数"),
}
"""What texts call them; the first is the name that is shown."""
_BY_BOARD: Final = {
    Board.CHINEXT: Symbol("399006.SZ"),
    Board.STAR: Symbol("000688.SH"),
    Board.BSE: Symbol("899050.BJ"),
}


def indexes_of(symbol: Symbol) -> tuple[Symbol, ...]:
    """Shanghai's index, and that of the share's own board where it is another.

    >>> indexes_of(Symbol("600519.SH")), indexes_of(Symbol("300750.SZ"))
    (('000001.SH',), ('000001.SH', '399006.SZ'))
    """
    usual = Symbol("399001.SZ") if exchange_of(symbol) == "SZ" else SHANGHAI
    found = (SHANGHAI, _BY_BOARD.get(board_of(symbol), usual))
    return tuple(one for one in dict.fromkeys(found) if one != symbol)


class Room(NamedTuple):
    """What the limits still allow to buy of a share today.

    Attributes:
        amount: yuan; None where no limit stands against it.
        ordered: shares of it that were bought or ordered today.
        texts: the limits in words.
    """

    amount: Money | None = None
    ordered: Shares = 0
    texts: tuple[str, ...] = ()


class Watched(NamedTuple):
    """A watch of the person on the share.

    Attributes:
        legs: its conditions, held against the quote; why they cannot be.
        why: the numbers that decide, in Chinese.
    """

    watch: Watch
    legs: Sequence[Leg] | Missing
    why: str = ""


class Known(NamedTuple):
    """Where something could not be had, :class:`Missing` says why in Chinese.

    Attributes:
        quote: the newest; ``doubt`` says why its price is not to be trusted.
        days: finished daily bars, oldest first, forward adjusted, as many as there are.
        trouble: why there are no more of them.
        minutes: the bars of the newest day's minutes, the one that still forms included.
        indexes: the quotes of :func:`indexes_of`; one that is unknown is absent.
        looked: the account that the person looks at, empty where none; ``where`` as people read it.
        account: as its broker last showed it.
        total: what it is worth.
        bought: shares of this that were bought today.
        watches: the one that it is about comes first.
        alerts: what fired in the last days, newest first; ``alert`` is the one that it is about.
        materials: what others wrote.
    """

    symbol: Symbol
    name: str
    now: datetime
    quote: Quote | Missing
    days: Sequence[Bar] | Missing
    trouble: str = ""
    minutes: Sequence[Bar] | Missing = Missing("没有分钟线")
    indexes: Mapping[Symbol, Quote] = {}
    doubt: str | None = None
    looked: str = ""
    where: str = ""
    account: Account | Missing = Missing("没有看账户")
    total: Money | Missing = Missing("没有看账户")
    bought: Shares | Missing = Missing("没有看账户")
    room: Room = Room()
    watches: Sequence[Watched] = ()
    alerts: Sequence[Alert] | Missing = ()
    alert: Alert | None = None
    materials: Sequence[Material] | Missing = ()

    @property
    def seen(self) -> Quote | None:
        """The quote, where there is one."""
        return None if isinstance(self.quote, Missing) else self.quote

    @property
    def forming(self) -> bool:
        """Whether the bar of the quote's day still changes."""
        quote = self.seen
        if quote is None:
            return False
        day = trading_date(quote.quoted_at)
        return day == trading_date(self.now) and has_traded(quote) and self.now < session_close(day)

    @property
    def phase(self) -> str:
        return phase(self.now, board_of(self.symbol)).chinese


def has_traded(quote: Quote) -> bool:
    """Whether there was a trade on the quote's day."""
    return quote.last is not None and not quote.suspended and bool(quote.open or quote.volume)
