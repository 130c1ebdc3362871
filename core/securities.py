"""Securities: what is learnt of a share beyond the table of names that comes with the program, and from which sight.

Exchanges rename about one share in twelve in a year, and list a few every week. Nothing tells us but the quotes, which
carry the name of the day: with XD before it and its tail cut off, with N or C in the first days.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from pydantic import Field

from core.market import clean_name, is_new_listing
from core.types import Noun, Symbol

_CHINESE_NAME: Final = re.compile(
    r"^(?:S?\*?ST)?[A-Za-z]{0,4}[\u3400-\u9fff][\u3400-\u9fffA-Za-z0-9]{1,11}(?:-[UWDV]{1,2})?$"
)
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


def renamed(known: str, written: str) -> str | None:
    """The new name, where a source writes one that is another; None where it writes the known one in its own way.

    >>> renamed("闻泰科技", "*ST闻泰"), renamed("贵州茅台", "XD贵州茅"), renamed("寒武纪-U", "寒武纪")
    ('*ST闻泰', None, None)
    """
    name = clean_name(written)
    marked = _CUT.match(written.strip()) is not None or is_new_listing(written)
    if marked or not _CHINESE_NAME.match(name):
        return None
    return None if _bare(name) == _bare(known) else name


def first_name(written: str) -> str | None:
    """The name of a security that was not known, as well as the source tells it; None where that is no name."""
    name = clean_name(written)
    return name if _CHINESE_NAME.match(name) else None


def _bare(name: str) -> str:
    return _VOTES.sub("", name).lower()
