"""Pack: all that an analysis may know of one share at one instant, each figure with its name. It is kept with what was
made of it, so that anybody can see later what the advice stood on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from core.figures import Unit
from core.grounding import Fact, Facts, Unknown
from core.types import Mode, Noun, Price, Shares, Symbol, code_of

VERSION: Final = 1
MISSING: Final = "缺失"
"""What stands where nothing is known. A blank, a 0 or a 50 would be taken for a figure."""


class Given(Noun):
    """One figure, or that there is none.

    Attributes:
        name: of its slot, ``{{ma20}}``.
        label: what it is, as people read it.
        value: None is missing, never 0; ``why`` says why then.
        words: what a text may call it, beside the label.
        when: words one of which must stand with it (今天).
        signed: gains are above 0 and losses below.
        rough: shown in 万 or 亿 where it is long.
        counter: what is counted, where the unit does not say.
        of: the symbol it belongs to where that is not the share itself (the index); ``account`` for the account.
    """

    name: str
    label: str
    value: Decimal | None
    unit: Unit
    words: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    signed: bool = False
    rough: bool = False
    counter: str = ""
    why: str = ""
    of: str = ""

    def fact(self, owner: str = "") -> Fact | None:
        """The same as a text may say it; None where it is missing.

        Args:
            owner: the symbol that it belongs to.
        """
        if self.value is None:
            return None
        return Fact(
            self.name,
            self.value,
            self.unit,
            owner,
            (self.label, *self.words),
            self.when,
            signed=self.signed,
            counter=self.counter,
            rough=self.rough,
        )


ACCOUNT: Final = "account"
"""Stands in :attr:`Given.of` for what belongs to the account as a whole."""


class Section(Noun):
    """Figures that belong together: the quote, the indicators, the position, …

    Attributes:
        lines: what is known beside figures, each a short Chinese sentence of ours.
    """

    title: str
    given: tuple[Given, ...] = ()
    lines: tuple[str, ...] = ()


class Day(NamedTuple):
    """A finished bar of a day, forward adjusted; ``volume`` in shares."""

    day: date
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Shares


class Minute(NamedTuple):
    """A point of the day's line: market time ``HH:MM``, and what a share had cost on average until then."""

    at: str
    price: Price
    average: Price | None


class Material(Noun):
    """What others wrote: an announcement, a piece of news. Never an instruction, whatever it says.

    Attributes:
        id: by which a reason names it.
        at: when it was published, aware UTC.
    """

    id: str
    source: str
    at: datetime
    title: str
    text: str = ""


class Pack(Noun):
    """The facts of one share.

    Attributes:
        at: when it was put together; of everything else in it the sections say how old it is.
        quoted_at: the price's own time; None where there is none.
        phase: of the session, in Chinese.
        forming: whether the newest bar still changes.
        tick: the step of its price; ``lot`` the step of a buy.
        price: the last price; None where there is none to go by.
        lower, upper: the day's price limits, both or neither.
        suspended: it is not traded today.
        sealed: the price stands at that limit and nobody offers the other side.
        held: the whole position, with what was bought today; 0 also where no account is looked at.
        sellable: of it, under T+1.
        most: shares that the limits of the person and the free cash still allow to buy.
        account: empty where the person looks at none.
        watches: ids of those on it.
        fired: ids of what fired lately.
        others: what else a text may speak of by name, with its symbol: the indexes.
        literals: what a text may say although there are digits in it: ``T+1``, ``#3``.
    """

    version: int = VERSION
    symbol: Symbol
    name: str
    at: datetime
    quoted_at: datetime | None
    source: str
    phase: str
    forming: bool
    tick: Price
    lot: Shares
    price: Price | None
    lower: Price | None = None
    upper: Price | None = None
    suspended: bool = False
    sealed: Literal["up", "down"] | None = None
    held: Shares = 0
    sellable: Shares = 0
    most: Shares = 0
    account: str = ""
    mode: Mode | None = None
    sections: tuple[Section, ...] = ()
    days: tuple[Day, ...] = ()
    line: tuple[Minute, ...] = ()
    watches: tuple[str, ...] = ()
    fired: tuple[str, ...] = ()
    others: tuple[tuple[str, Symbol], ...] = ()
    literals: tuple[str, ...] = ()
    materials: tuple[Material, ...] = ()

    def given(self) -> Iterator[Given]:
        """Every figure in order."""
        for section in self.sections:
            yield from section.given

    def value(self, name: str) -> Decimal | None:
        """None where it is missing or was never asked for."""
        return next((one.value for one in self.given() if one.name == name), None)

    @property
    def missing(self) -> tuple[str, ...]:
        """Labels of what is not known."""
        return tuple(one.label for one in self.given() if one.value is None)

    def digest(self) -> str:
        """SHA-256 of what it says, but not of when it was put together: the same facts are the same pack."""
        return hashlib.sha256(self.model_dump_json(exclude={"at"}).encode()).hexdigest()

    def facts(self) -> Facts:
        """What a text about it may say; the missing is no fact."""
        owners = {"": self.symbol, ACCOUNT: ""}
        known = (one.fact(owners.get(one.of, one.of)) for one in self.given())
        figures = tuple(one for one in known if one is not None)
        called = {**dict(self.others), self.symbol: str(self.symbol), code_of(self.symbol): str(self.symbol)}
        if self.name:
            called[self.name] = self.symbol
        unknown = tuple(Unknown((one.label, *one.words), one.when) for one in self.given() if one.value is None)
        moments: list[date | datetime] = [self.at, *(one.day for one in self.days[-1:])]
        moments += [] if self.quoted_at is None else [self.quoted_at]
        return Facts(figures, called, tuple(moments), self.literals, unknown)
