"""Watchlist: create, change, pause, expire watches, and keep the rule book in step with the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from core.alerts import Trigger
from core.chronicle import Entry, Kind, deleted, first_judged, turned
from core.clock import Clock
from core.errors import Conflict, NotFound
from core.frames import Quote
from core.ports import Store
from core.rulebook import RuleBook
from core.types import Symbol
from core.watches import Arm, Memory, Repeat, RuleKey, Watch, WatchState

_COMES_BACK: Final = {
    WatchState.ACTIVE: Kind.RESUMED,
    WatchState.PAUSED: Kind.PAUSED,
    WatchState.DONE: Kind.DONE,
}
"""How the chronicle calls what is undone."""


class Watchlist:
    """All watches that are not deleted, in memory as in the store.

    Args:
        quote: the newest quote of a symbol, if there is one fit to be judged.
        on_symbols: told which symbols are watched whenever that changes.
    """

    def __init__(
        self,
        store: Store,
        book: RuleBook,
        clock: Clock,
        *,
        quote: Callable[[Symbol], Quote | None],
        on_symbols: Callable[[Collection[Symbol]], None],
    ) -> None:
        self._store = store
        self._book = book
        self._clock = clock
        self._quote = quote
        self._on_symbols = on_symbols
        self._watches: dict[str, Watch] = {}

    async def load(self) -> None:
        """Take over what an earlier process left."""
        memories = await self._store.memories()
        now = self._clock.now()
        for watch in await self._store.watches():
            self._watches[watch.id] = watch
        live = (watch for watch in self._watches.values() if watch.judged and watch.live_at(now))
        self._book.fill((watch, memories.get(watch.id, Memory())) for watch in live)
        self._announce()

    # -- looking

    def get(self, watch_id: str) -> Watch:
        found = self._watches.get(watch_id)
        if found is None:
            raise NotFound("这个盯盘任务已经不在了。发送 /list 查看现有的。")
        return found

    def of(self, owner: str) -> Sequence[Watch]:
        """The owner's watches by number."""
        mine = (watch for watch in self._watches.values() if watch.owner == owner)
        return tuple(sorted(mine, key=lambda watch: watch.number))

    def numbered(self, owner: str, number: int) -> Watch:
        for watch in self.of(owner):
            if watch.number == number:
                return watch
        numbers = "、".join(f"#{watch.number}" for watch in self.of(owner)) or "（还没有）"
        raise NotFound(f"没有 #{number} 这个盯盘任务。现有：{numbers}。发送 /list 查看。")

    def on(self, owner: str, symbols: Collection[Symbol]) -> Sequence[Watch]:
        """The owner's watches that have one of these symbols. Nobody means the one on the whole market by a share."""
        mine = (watch for watch in self.of(owner) if watch.scope != "market")
        return tuple(watch for watch in mine if not set(watch.symbols).isdisjoint(symbols))

    def everything(self) -> Iterable[Watch]:
        return self._watches.values()

    @property
    def symbols(self) -> set[Symbol]:
        """What must be quoted all the time."""
        return self._book.symbols

    def holding(self, watch: Watch, symbol: Symbol) -> Sequence[Trigger]:
        """What of a watch holds on a share by the newest quote, whatever is remembered of it."""
        _arms, found = self._book.judge_first(watch.model_copy(update={"symbols": (symbol,)}), self._quote)
        return found

    # -- changing

    async def create(self, watch: Watch) -> tuple[Watch, Sequence[Trigger]]:
        """Store and start a watch; returned with its number, and with what of it already holds.

        No frame may fire what is not stored yet. The first frame after that judges it against the arms of now, so
        nothing is missed.
        """
        arms, already = self._judge_first(watch)
        now = self._clock.now()
        made = turned(watch, Kind.MADE, now, watch.condition_text())
        stored = await self._store.add_watch(watch, arms, [made, *self._first_judged(watch, arms)])
        self._keep(stored, arms)
        return stored, already

    async def change(self, watch: Watch, *, before: Watch | None = None) -> tuple[Watch, Sequence[Trigger]]:
        """Replace a watch by a changed one. What has changed is judged anew, as if it were made now.

        Args:
            before: what was changed, as it was read; any later version of it is not overwritten.

        Raises:
            NotFound, Conflict: it has been deleted, ended, paused or changed since it was read.
        """
        current = self.get(watch.id)
        if current.state is not watch.state or (before is not None and before != current):
            raise Conflict("这个任务刚刚有变化，没有修改。请发送 /list 看一下再改。")
        arms: Sequence[Arm] | None = None
        already: Sequence[Trigger] = ()
        anew = (current.symbols, current.conditions, current.combine) != (
            watch.symbols,
            watch.conditions,
            watch.combine,
        )
        if anew:
            arms, already = self._judge_first(watch)
        elif current.repeat is not watch.repeat:
            known = [rule.arm for rule in self._book.rules_of(watch.id)]
            arms = [arm._replace(told=0, told_at=None) for arm in known]
        entries = [turned(watch, Kind.CHANGED, self._clock.now(), watch.condition_text())]
        if anew:
            entries += self._first_judged(watch, arms or ())
        await self._replace(current, watch, arms, entries)
        return watch, already

    async def follow(self, watch: Watch, symbols: tuple[Symbol, ...]) -> Watch:
        """The same watch on what it follows now: a share that stays keeps its memory, a new one begins unjudged.

        Raises:
            NotFound: it has been deleted.
        """
        current = self.get(watch.id)
        if current.symbols == symbols:
            return current
        moved = current.model_copy(update={"symbols": symbols})
        stays = set(current.symbols).intersection(symbols)
        kept = [rule.arm for rule in self._book.rules_of(watch.id) if rule.key.symbol in stays]
        fresh = [
            Arm(key=RuleKey(watch.id, symbol, group))
            for symbol in symbols
            if symbol not in stays
            for group in range(len(moved.groups()))
        ]
        note = f"{len(set(symbols) - stays)} {len(set(current.symbols) - stays)}"
        entries = [turned(moved, Kind.FOLLOWED, self._clock.now(), note)]
        await self._replace(current, moved, [*kept, *fresh], entries)
        return moved

    async def rescale(self, before: Watch, after: Watch, symbol: Symbol, peaks: Mapping[int, int]) -> Watch:
        """A watch on the prices of after an ex-date of one of its shares. What has changed begins unjudged.

        Args:
            before: as it was read; any later version of it is not overwritten.
            peaks: by group, the highest price that its trailing stop has seen, on the new prices; milli-yuan.

        Raises:
            NotFound, Conflict: it has been deleted or changed since it was read.
        """
        current = self.get(before.id)
        if current != before:
            raise Conflict("这个任务刚刚有变化，没有修改。请发送 /list 看一下再改。")
        arms = [
            Arm(key=rule.key, peak=peaks.get(rule.key.group))
            if rule.key.symbol == symbol and (before.conditions != after.conditions or rule.key.group in peaks)
            else rule.arm
            for rule in self._book.rules_of(before.id)
        ]
        await self._replace(current, after, arms)
        return after

    async def pause(self, watch: Watch) -> Watch:
        return await self._set_state(watch, WatchState.PAUSED, Kind.PAUSED)

    async def resume(self, watch: Watch) -> tuple[Watch, Sequence[Trigger]]:
        """Start again. The pause is a gap nobody watched, so the rules begin unjudged."""
        current = self.get(watch.id)
        active = current.model_copy(update={"state": WatchState.ACTIVE})
        if active.expired_at(self._clock.now()):
            active = active.model_copy(update={"expires_on": None})
        arms, already = self._judge_first(active)
        entries = [turned(active, Kind.RESUMED, self._clock.now()), *self._first_judged(active, arms)]
        await self._replace(current, active, arms, entries)
        return active, already

    async def restore(self, watch: Watch, after: Watch | None) -> tuple[Watch, Sequence[Trigger]]:
        """A watch as it was before it was changed or deleted. Nobody watched it as it was, so its rules begin unjudged.

        Args:
            after: what became of it, as it then was; None where it was deleted. Any later version is not overwritten.

        Raises:
            Conflict: something else has happened to it since.
        """
        if self._watches.get(watch.id) != after:
            raise Conflict(f"#{watch.number} 后来又有变化，没有撤销。请发送 /list 看一下。")
        arms, already = self._judge_first(watch)
        now = self._clock.now()
        if after is not None and after.state is watch.state:
            entries = [turned(watch, Kind.CHANGED, now, watch.condition_text())]
        else:
            entries = [turned(watch, _COMES_BACK[watch.state], now)]
        if watch.live_at(now):
            entries += self._first_judged(watch, arms)
        gone = watch.model_copy(update={"state": WatchState.DELETED})
        await self._replace(after or gone, watch, arms, entries)
        return watch, already

    async def delete(self, watch: Watch) -> Watch:
        return await self._set_state(watch, WatchState.DELETED, Kind.DELETED)

    async def expire(self) -> Sequence[Watch]:
        """End the watches whose last day is over; returns them so that their owners can be told."""
        now = self._clock.now()
        ended = []
        for watch in tuple(self._watches.values()):
            # Ending one takes time, in which another may have been deleted.
            over = watch.state is WatchState.ACTIVE and watch.expired_at(now)
            if over and self._watches.get(watch.id) is watch:
                ended.append(await self._set_state(watch, WatchState.DONE, Kind.EXPIRED))
        return ended

    # -- what the dispatcher needs

    def current(self, watch_id: str) -> Watch | None:
        """The watch as it is now; None when it was deleted."""
        return self._watches.get(watch_id)

    def finished(self, watch_id: str, arms: Iterable[Arm]) -> Watch | None:
        """The watch as done, when it is told only once and ``arms`` complete its shares; None while it goes on."""
        watch = self._watches.get(watch_id)
        if watch is None or watch.state is not WatchState.ACTIVE or watch.repeat is not Repeat.ONCE:
            return None
        told = {arm.key.symbol for arm in arms if arm.told and arm.key.watch_id == watch.id}
        told |= {rule.key.symbol for rule in self._book.rules_of(watch.id) if rule.arm.told}
        return watch.model_copy(update={"state": WatchState.DONE}) if told >= set(watch.symbols) else None

    @contextmanager
    def ending(self, watches: Sequence[Watch]) -> Iterator[None]:
        """Take over these finished watches while they are stored with the alerts that ended them.

        Who looks meanwhile sees them ended, so that nobody changes them back to life. An error takes it back.
        """
        before = [self._watches[watch.id] for watch in watches]
        self._watches.update((watch.id, watch) for watch in watches)
        try:
            yield
        except BaseException:
            for watch, earlier in zip(watches, before, strict=True):
                if self._watches.get(watch.id) is watch:
                    self._watches[watch.id] = earlier
            raise
        for watch in watches:
            if self._watches.get(watch.id) is watch:
                self._book.remove(watch.id)
        if watches:
            self._announce()

    # -- how it is done

    def _judge_first(self, watch: Watch) -> tuple[list[Arm], Sequence[Trigger]]:
        """The first arms of a watch, and what of it already holds.

        On the whole market all begin unjudged, which is what a missing arm says: one is enough to take the place of
        all earlier ones.
        """
        if watch.scope == "market":
            return [Arm(key=RuleKey(watch.id, watch.symbols[0], 0))], ()
        return self._book.judge_first(watch, self._quote)

    async def _set_state(self, watch: Watch, state: WatchState, kind: Kind) -> Watch:
        current = self.get(watch.id)
        changed = current.model_copy(update={"state": state})
        now = self._clock.now()
        entry = deleted(changed, now) if kind is Kind.DELETED else turned(changed, kind, now)
        await self._replace(current, changed, entries=[entry])
        return changed

    def _first_judged(self, watch: Watch, arms: Iterable[Arm]) -> list[Entry]:
        return first_judged(watch, arms, self._quote, self._clock.now())

    async def _replace(
        self, before: Watch, after: Watch, arms: Sequence[Arm] | None = None, entries: Sequence[Entry] = ()
    ) -> None:
        """Store a changed watch. Meanwhile its rules are not judged, and who looks sees it changed.

        Whoever changes it again in between has the last word: what ends later then leaves memory alone.

        Args:
            arms: what is remembered from now on; None leaves that as it is.
            entries: what the chronicle says of it.
        """
        self._book.hold(before.id)
        self._list(after)
        try:
            await self._store.save_watch(after, arms or (), entries)
        except BaseException:
            if self._listed(after):
                self._list(before)
                self._book.release(before.id)
            raise
        if self._listed(after):
            # Asked for only now, because an alert may have been told meanwhile.
            self._keep(after, arms if arms is not None else [rule.arm for rule in self._book.rules_of(after.id)])

    def _list(self, watch: Watch) -> None:
        if watch.state is WatchState.DELETED:
            self._watches.pop(watch.id, None)
        else:
            self._watches[watch.id] = watch

    def _listed(self, watch: Watch) -> bool:
        """Whether this is still the newest version of its watch."""
        return self._watches.get(watch.id) is (None if watch.state is WatchState.DELETED else watch)

    def _keep(self, watch: Watch, arms: Iterable[Arm] = ()) -> None:
        self._list(watch)
        if watch.judged and watch.live_at(self._clock.now()):
            self._book.put(watch, arms)
        else:
            self._book.remove(watch.id)
        self._announce()

    def _announce(self) -> None:
        self._on_symbols(self._book.symbols)
