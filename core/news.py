"""News: what others write about a share, and how it is quoted: bounded, readable, and unable to leave its quotation."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from core.pack import Material
from core.types import Symbol

MOST_MATERIALS: Final = 8
MOST_TITLE: Final = 80
MOST_TEXT: Final = 500
"""Characters of one; the rest is cut off, and it is said that it was."""
FRESH: Final = timedelta(days=7)
"""Older materials are left out."""
_ID: Final = re.compile(r"(?:doc|news)-[A-Za-z0-9_.-]{1,40}")
"""What a reason can name, and no slot is called."""


class NewsSource(Protocol):
    """The port: where announcements and news come from. What it gives is quoted and never followed."""

    name: str

    async def news(self, symbol: Symbol, since: datetime) -> Sequence[Material]:
        """What was published about a share then or later, newest first.

        Raises:
            Unavailable: it cannot say. Never an empty list instead.
        """
        ...

    def describe(self) -> str:
        """Where it comes from, in a few words for people."""
        ...


def quoted(materials: Sequence[Material], now: datetime) -> tuple[Material, ...]:
    """The newest of these, bounded and made harmless. What is not published yet is no fact."""
    fresh = [one for one in materials if now - FRESH <= one.at <= now]
    newest = sorted(fresh, key=lambda one: (one.at, one.id), reverse=True)
    return tuple(_quoted(one) for one in newest[:MOST_MATERIALS])


def _quoted(one: Material) -> Material:
    return Material(
        id=one.id if _ID.fullmatch(one.id) else f"doc-{hashlib.sha256(one.id.encode()).hexdigest()[:8]}",
        source=_plain(one.source, MOST_TITLE),
        at=one.at,
        title=_plain(one.title, MOST_TITLE),
        text=_plain(one.text, MOST_TEXT),
    )


def _plain(text: str, most: int) -> str:
    """One line of readable characters: nothing invisible, no brackets of ours in any width, no slots, not too long."""
    shown = "".join(char if unicodedata.category(char)[0] not in "CZ" else " " for char in text[: 4 * most])
    line = " ".join(shown.translate(_HARMLESS).split())
    return line if len(line) <= most else f"{line[:most]}……（后面略去）"


_HARMLESS: Final = str.maketrans(
    {**dict.fromkeys("<＜‹〈﹤", "〔"), **dict.fromkeys(">＞›〉﹥", "〕"), **dict.fromkeys("{}｛｝", None), "`": "'"}
)
"""Angle brackets in every width, which a model could take for an end of the quotation, and what makes a slot."""
