"""Securities: what is learnt of a share beyond the table of names that comes with the program, and from which sight.

Exchanges rename about one share in twelve in a year, and list a few every week. Nothing tells us but the quotes, which
carry the name of the day: with XD before it and its tail cut off, with N or C in the first days.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final, NamedTuple

from pydantic import Field

from core.market import clean_name, is_new_listing
from core.types import Money, Noun, Symbol

_HAN: Final = r"\u3400-\u9fff"
_CHINESE_NAME: Final = re.compile(rf"^(?:S?\*?ST)?[A-Za-z]{{0,4}}[{_HAN}][{_HAN}A-Za-z0-9]{{1,11}}(?:-[UWDV]{{1,2}})?$")
_ANY_NAME: Final = re.compile(rf"^[*A-Za-z0-9{_HAN}][-+.()&A-Za-z0-9{_HAN}]{{1,19}}$")
_CUT: Final = re.compile(r"^(?:XD|XR|DR)")
_VOTES: Final = re.compile(r"-[UWDV]{1,2}$")
LEAVES: Final = re.compile("^退市|退$")
"""So is called what the exchange is about to take off its list."""


class Former(Noun):
    """A name that a security no longer bears.

    Attributes:
        until: the market date on which another one was first seen.
    """

    name: str
    until: date


class Security(Noun):
    """A security as the sources show it, where the table says something else or nothing.

    Attributes:
        since: the market date on which this name was first seen.
        former: its earlier names, the oldest first.
        gone_on: when it was first missing from the sources; it has left the exchange.
    """

    symbol: Symbol
    name: str
    since: date
    former: tuple[Former, ...] = Field(default=())
    gone_on: date | None = None


class Sighting(NamedTuple):
    """A security as a source shows it.

    Attributes:
        name: as it is written there, with the marks of the day.
        amount: what was traded of it that day; None where that is not known.
    """

    symbol: Symbol
    name: str
    amount: Money | None = None


class Change(NamedTuple):
    """What has become of a security: another name, or that it has gone.

    Attributes:
        before: the name it was shown by; empty of one that nobody had heard of.
    """

    before: str
    after: Security


def learnt(shown: str, known: Security | None, sighting: Sighting, day: date) -> Security | None:
    """What a sighting says that was not known yet; None where it says nothing new.

    Args:
        shown: the name that it bears in the table, whoever told it; empty where it is not there.
        known: what was learnt of it before.
        day: the market date of the sighting.
    """
    symbol, written, _ = sighting
    if not shown:
        name = first_name(written)
        return Security(symbol=symbol, name=name, since=day) if name else None
    back = known is not None and known.gone_on is not None
    new = renamed(shown, written)
    if new is None:
        return known.model_copy(update={"gone_on": None}) if known is not None and back else None
    former = known.former if known is not None else ()
    since = day
    if _bare(new).startswith(_bare(shown)) and known is not None:
        # It was met on a day on which the source cut its name.
        since = known.since
    elif _may_be_another(symbol, shown, new):
        former = ()
    else:
        former = (*(one for one in former if one.name != new), Former(name=shown, until=day))
    return Security(symbol=symbol, name=new, since=since, former=former)


def missing(symbol: Symbol, shown: str, known: Security | None, day: date) -> Security | None:
    """What it says that a source which knows all that is listed does not know this one."""
    if known is not None and known.gone_on is not None:
        return None
    if known is None:
        return Security(symbol=symbol, name=shown, since=day, gone_on=day)
    return known.model_copy(update={"gone_on": day})


def is_old_code(symbol: Symbol) -> bool:
    """Whether Beijing has given this share another code. Source: BSE, code change of 2025-10-09."""
    return symbol.endswith(".BJ") and not symbol.startswith("920")


def _may_be_another(symbol: Symbol, shown: str, new: str) -> bool:
    """Whether the table may have had the wrong company: codes of Beijing stand there by a rule, not from its list."""
    return symbol.endswith(".BJ") and not set(_bare(shown)) & set(_bare(new))


def renamed(known: str, written: str) -> str | None:
    """The new name, where a source writes one that is another; None where it writes the known one in its own way.

    >>> renamed("闻泰科技", "*ST闻泰"), renamed("贵州茅台", "XD贵州茅"), renamed("寒武纪-U", "寒武纪")
    ('*ST闻泰', None, None)
    """
    if written == known:
        return None
    name = clean_name(written)
    marked = _CUT.match(written.strip()) is not None or is_new_listing(written)
    if marked or not _CHINESE_NAME.match(name):
        return None
    return None if _bare(name) == _bare(known) else name


def first_name(written: str) -> str | None:
    """The name of a security that was not known, as well as the source tells it; None where that is no name."""
    name = clean_name(written)
    return name if _ANY_NAME.match(name) and not name.isdigit() else None


def _bare(name: str) -> str:
    return _VOTES.sub("", name).lower()
