"""The offline grammar: a sentence becomes one Request, or is not understood.

A scanner, not a parser. Names, times and figures are marked first (:mod:`bot.language.marks`). Then readers are tried
in a fixed order, each for one family of requests; a reader claims what it understands and gives up when a word is left
that is neither claimed nor a filler. So a sentence that holds anything we do not know is never guessed at: if the
unknown words are few and can hardly change its meaning (劳您大驾), it comes back with them as ``unheard`` and is asked
back; else it is ``unknown``. An order is read by one reader alone, which knows no doubt, no question, no condition and
no past tense, and no unknown word.

Where the phrases are: conditions in :mod:`bot.language.kinds`, words that mean the same in :mod:`bot.language.words`,
English in :mod:`bot.language.english`, everything else in :mod:`bot.language.phrases`. Where the readers are: one
module for each family, named by what it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from bot.language.answers import answer
from bot.language.asides import without_asides
from bot.language.asking import analyze, bare, chart, question
from bot.language.defaults import defaults
from bot.language.english import chinese
from bot.language.favourites import favourites
from bot.language.managing import manage, watch_list
from bot.language.marks import LONGEST, Marked, normal
from bot.language.names import Names
from bot.language.numbering import numbered
from bot.language.ordering import order, order_cancel
from bot.language.quiet import after_alert, silence
from bot.language.reading import NO_CONTEXT, Context, Reading
from bot.language.reporting import reports
from bot.language.request import UNKNOWN, Intent, Request
from bot.language.watching import analyses, manner, watch
from core.clock import market_time
from core.types import Symbol


def read(
    text: str,
    names: Names,
    *,
    now: datetime,
    context: Context = NO_CONTEXT,
    preferred: Collection[Symbol] = (),
) -> Request:
    """Read one sentence.

    Args:
        now: aware; days and hours are counted in market time.
        preferred: what the person watches or holds; first among candidates to choose from, never a decision.

    Returns:
        ``intent="unknown"`` unless every word was understood, or all but those that ``unheard`` holds. That,
        ``missing``, ``ambiguous`` and ``problems`` say what must be asked before anything is done.
    """
    plain = normal(text)
    if not plain or len(plain) > LONGEST:
        return UNKNOWN
    said = chinese(plain)
    if said is not plain:
        said = normal(said)
    request = _understood(said, plain, names, now, context, preferred)
    if request is not UNKNOWN:
        return request
    shorter = without_asides(said, names)
    if shorter is None:
        return UNKNOWN
    request = _understood(shorter, plain, names, now, context, preferred)
    return UNKNOWN if request.intent in ORDERS else request


ORDERS: Final[frozenset[Intent]] = frozenset({"order_buy", "order_sell", "order_cancel", "draft_confirm"})
"""What is never read out of a part of what was said."""


def _understood(
    said: str, plain: str, names: Names, now: datetime, context: Context, preferred: Collection[Symbol]
) -> Request:
    """The first reader that understands the whole of ``said`` has read it."""
    sentence = Marked(numbered(said, context), names, now, preferred)
    if sentence.crowded:
        return UNKNOWN
    reading = Reading(sentence, plain, names, context, market_time(now))
    for reader in READERS:
        sentence.rest = sentence.text
        found = reader(reading)
        if found is not None:
            return found
    return _half_heard(Reading(sentence, plain, names, context, market_time(now), lenient=True))


def _half_heard(reading: Reading) -> Request:
    """What a sentence with a few words that nobody knows seems to ask for: the reading that leaves the fewest of them.

    No order is read in this way, and the plan of a watch still waits for its tap.
    """
    found: list[Request] = []
    for reader in HALF_HEARD:
        reading.sentence.rest = reading.sentence.text
        request = reader(reading)
        if request is not None and not request.missing:
            found.append(request.model_copy(update={"unheard": reading.unheard}))
    return min(found, key=lambda one: sum(map(len, one.unheard)), default=UNKNOWN)


_Reader = Callable[[Reading], Request | None]
READERS: Final[tuple[_Reader, ...]] = (
    answer,
    after_alert,
    favourites,
    reports,
    defaults,
    silence,
    order_cancel,
    watch_list,
    manage,
    analyses,
    watch,
    manner,
    order,
    chart,
    question,
    analyze,
    bare,
)
"""In order: the first one that understands the whole sentence has read it."""
HALF_HEARD: Final[tuple[_Reader, ...]] = (silence, watch_list, manage, watch, chart, question, analyze)
"""Those that may read a sentence of which a few words stay unknown."""

__all__ = ["NO_CONTEXT", "READERS", "Context", "Reading", "read"]
