"""Adjustments: on an ex-date people are asked whether their prices are to follow; nothing is changed without a tap."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final, Literal, NamedTuple

from pydantic import TypeAdapter

from core import render_ex_date
from core.bars import scaled_milli
from core.clock import Clock, market_time
from core.errors import NotFound
from core.ex_dates import ExDate, adjusted, has_prices, is_concerned, is_priced, stamp, trails
from core.frames import Frame
from core.history import History
from core.messages import Chat, Message
from core.notify import Notifier
from core.ports import Store
from core.render_ex_date import Change, Outcome
from core.rulebook import RuleBook
from core.types import Noun, Price, Symbol, from_milli, to_milli
from core.watches import Watch, WatchState
from core.watchlist import Watchlist

log: Final = logging.getLogger(__name__)

EX_DATES: Final = "ex_dates"
"""Under this key the store keeps what was asked and answered."""
KEPT: Final = timedelta(days=30)


class Offer(Noun):
    """What was offered for one watch.

    Attributes:
        before, after: stamps of the watch as it was, and as it is once adjusted.
        peaks: by group, the highest price that a trailing stop had seen before the day; milli-yuan.
        shared: it has prices that are also those of other shares, so that they are not adjusted.
        answer: None while nobody has answered.
    """

    owner: str
    watch_id: str
    before: str
    after: str
    peaks: dict[int, int]
    shared: bool = False
    answer: Literal["adjusted", "kept"] | None = None

    @property
    def can_be_adjusted(self) -> bool:
        return self.before != self.after or bool(self.peaks)


class Event(Noun):
    """An ex-date, and all that was offered on it."""

    ex: ExDate
    offers: tuple[Offer, ...]


_EVENTS: Final[TypeAdapter[tuple[Event, ...]]] = TypeAdapter(tuple[Event, ...])


class _Asked(NamedTuple):
    """What a person is asked."""

    chats: dict[Chat, None]
    changes: list[Change]


class Adjustments:
    """Asks on ex-dates, and does what is answered.

    Args:
        name_of: what a share is called.
    """

    def __init__(
        self,
        store: Store,
        watchlist: Watchlist,
        book: RuleBook,
        history: History,
        notifier: Notifier,
        clock: Clock,
        name_of: Callable[[Symbol], str],
    ) -> None:
        self._store = store
        self._watchlist = watchlist
        self._book = book
        self._history = history
        self._notifier = notifier
        self._clock = clock
        self._name_of = name_of
        self._events: tuple[Event, ...] = ()
        self._found: list[ExDate] = []
        # What is asked while somebody answers must not be written over by the answer.
        self._changing = asyncio.Lock()

    async def load(self) -> None:
        """Take over what was asked, and have the closes at hand that the next previous closes are held against."""
        stored = await self._store.value(EX_DATES)
        self._events = _EVENTS.validate_json(stored) if stored is not None else ()
        concerned = (one for one in self._watchlist.everything() if is_concerned(one))
        await self._history.recall({symbol for one in concerned for symbol in one.symbols}, "day")

    # -- asking

    def on_ex_date(self, symbol: Symbol, close: Price, preclose: Price, day: date) -> None:
        """The exchange gives another previous close than was traded."""
        ex = ExDate(symbol=symbol, day=day, close=close, preclose=preclose)
        if ex.matters and all((one.ex.symbol, one.ex.day) != (symbol, day) for one in self._events):
            self._found.append(ex)

    async def on_frame(self, _frame: Frame) -> None:
        """Ask before the frame is judged that brought an ex-date to light.

        Raises:
            Unavailable: the store does not take it; the next frame brings another try.
        """
        while self._found:
            async with self._changing:
                await self._ask(self._found[0])
            self._found.pop(0)

    async def _ask(self, ex: ExDate) -> None:
        offers: list[Offer] = []
        asked: dict[str, _Asked] = {}
        for watch in self._watchlist.everything():
            made_before = market_time(watch.created_at).date() < ex.day
            if not (made_before and ex.symbol in watch.symbols and is_concerned(watch)):
                continue
            if not watch.live_at(self._clock.now()):
                continue
            offer = self._offer(watch, ex)
            if not (offer.can_be_adjusted or offer.shared):
                continue
            offers.append(offer)
            of_owner = asked.setdefault(watch.owner, _Asked({}, []))
            of_owner.chats[watch.chat] = None
            of_owner.changes.append(Change(watch, adjusted(watch, ex), self._peaks(offer, ex), offer.shared))
        if not offers:
            return
        log.info("ex-date of %s: %s instead of %s, %d watches", ex.symbol, ex.preclose, ex.close, len(offers))
        name = self._name_of(ex.symbol)
        said: list[tuple[Chat, Message]] = [
            (chat, render_ex_date.asked(ex, name, one.changes)) for one in asked.values() for chat in one.chats
        ]
        await self._keep((*self._events, Event(ex=ex, offers=tuple(offers))))
        await self._notifier.say_each(said)

    def _offer(self, watch: Watch, ex: ExDate) -> Offer:
        after = adjusted(watch, ex)
        rules = self._book.rules_of(watch.id) if trails(watch) else ()
        peaks = {one.key.group: one.arm.peak for one in rules if one.key.symbol == ex.symbol and one.arm.peak}
        before = stamp(watch)
        return Offer(
            owner=watch.owner,
            watch_id=watch.id,
            before=before,
            after=stamp(after),
            peaks=peaks,
            shared=len(watch.symbols) > 1 and is_priced(watch),
        )

    def _peaks(self, offer: Offer, ex: ExDate) -> Sequence[tuple[Price, Price]]:
        """The highest prices of an offer, before and after."""
        return [(from_milli(peak), from_milli(_scaled(peak, ex))) for peak in offer.peaks.values()]

    async def _keep(self, events: tuple[Event, ...]) -> None:
        oldest = market_time(self._clock.now()).date() - KEPT
        kept = tuple(one for one in events if one.ex.day >= oldest)
        await self._store.set_value(EX_DATES, _EVENTS.dump_json(kept).decode() if kept else None)
        self._events = kept

    # -- answering

    async def answer(self, owner: str, symbol: Symbol, day: date, *, adjust: bool) -> tuple[ExDate, Sequence[Outcome]]:
        """Adjust the watches of a person that an ex-date was told for, or leave them; what became of each.

        A second time changes nothing. One that was changed since it was told is left as it is.

        Raises:
            NotFound: nothing like that was asked, or too long ago.
        """
        async with self._changing:
            event = next((one for one in self._events if (one.ex.symbol, one.ex.day) == (symbol, day)), None)
            if event is None or all(one.owner != owner for one in event.offers):
                raise NotFound("这次除权的记录已经不在了。要改价格，请直接说，例如：把3改成1380。")
            outcomes: list[Outcome] = []
            offers: list[Offer] = []
            for offer in event.offers:
                if offer.owner == owner:
                    outcome, answered = await self._answer(offer, event.ex, adjust=adjust)
                    outcomes.append(outcome)
                    offers.append(offer.model_copy(update={"answer": answered}))
                else:
                    offers.append(offer)
            after = event.model_copy(update={"offers": tuple(offers)})
            await self._keep(tuple(after if one is event else one for one in self._events))
            return event.ex, outcomes

    async def _answer(
        self, offer: Offer, ex: ExDate, *, adjust: bool
    ) -> tuple[Outcome, Literal["adjusted", "kept"] | None]:
        watch = self._watchlist.current(offer.watch_id)
        if watch is None:
            return Outcome(None, "gone"), offer.answer
        if offer.answer == "adjusted" or (offer.before != offer.after and stamp(watch) == offer.after):
            return Outcome(watch, "already"), "adjusted"
        if not adjust:
            return Outcome(watch, "kept"), "kept"
        if not offer.can_be_adjusted:
            return Outcome(watch, "shared"), offer.answer
        if stamp(watch) != offer.before:
            return Outcome(watch, "changed"), "kept"
        if watch.state not in {WatchState.ACTIVE, WatchState.PAUSED}:
            return Outcome(watch, "over"), "kept"
        after = await self._watchlist.rescale(watch, adjusted(watch, ex), ex.symbol, self._new_peaks(offer, ex))
        return Outcome(after, "adjusted"), "adjusted"

    def _new_peaks(self, offer: Offer, ex: ExDate) -> Mapping[int, int]:
        """What was seen since the day is on the new prices; done twice, it comes to the same."""
        found = {}
        for rule in self._book.rules_of(offer.watch_id):
            before = offer.peaks.get(rule.key.group)
            if rule.key.symbol == ex.symbol and before is not None:
                since = rule.arm.peak if rule.arm.peak is not None and rule.arm.peak > before else 0
                found[rule.key.group] = max(_scaled(before, ex), since)
        return found

    # -- what can be said of it

    def told(self, owner: str) -> list[tuple[ExDate, bool]]:
        """The ex-dates that a person was asked about lately, and whether prices of before wait for an answer."""
        found = []
        for event in self._events:
            mine = [one for one in event.offers if one.owner == owner]
            if mine:
                found.append((event.ex, any(map(self._is_open, mine))))
        return found

    def _is_open(self, offer: Offer) -> bool:
        watch = self._watchlist.current(offer.watch_id)
        stands = watch is not None and stamp(watch) == offer.before
        return stands and offer.answer is None and offer.can_be_adjusted

    def remark(self, watch: Watch, conditions: tuple[int, ...], symbol: Symbol) -> str:
        """What an alert of prices that were not adjusted must say; empty for every other one."""
        chosen = [watch.conditions[index] for index in conditions]
        if not self._events or not any(has_prices(one) or one.kind == "trailing_stop" for one in chosen):
            return ""
        today = market_time(self._clock.now()).date()
        for event in reversed(self._events):
            for offer in event.offers if event.ex.symbol == symbol else ():
                # Prices that several shares have in common are nobody's to answer for after the day.
                is_open = offer.answer is None and (offer.can_be_adjusted or event.ex.day == today)
                if offer.watch_id == watch.id and is_open and stamp(watch) == offer.before:
                    return render_ex_date.remark(event.ex, today)
        return ""


def _scaled(milli: int, ex: ExDate) -> int:
    return scaled_milli(milli, to_milli(ex.preclose), to_milli(ex.close))
