"""Watchlist: create, change, pause, expire watches, and keep the rule book in step with the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from core.alerts import Trigger
from core.clock import Clock
from core.errors import NotFound
from core.frames import Quote
from core.ports import Store
from core.rulebook import RuleBook
from core.types import Symbol
from core.watches import Arm, Repeat, Watch, WatchState


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
        arms: dict[str, list[Arm]] = {}
        for arm in await self._store.arms():
            arms.setdefault(arm.key.watch_id, []).append(arm)
        for watch in await self._store.watches():
            self._watches[watch.id] = watch
            if watch.live_at(self._clock.now()):
                self._book.put(watch, arms.get(watch.id, ()))
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
        """The owner's watches that have one of these symbols."""
        return tuple(watch for watch in self.of(owner) if not set(watch.symbols).isdisjoint(symbols))

    def everything(self) -> Iterable[Watch]:
        return self._watches.values()

    @property
    def symbols(self) -> set[Symbol]:
        """What must be quoted."""
        return self._book.symbols

    # -- changing

    async def create(self, watch: Watch) -> tuple[Watch, Sequence[Trigger]]:
        """Store and start a watch; returned with its number, and with what of it already holds."""
        arms, already = self._judge_anew(watch)
        stored = await self._store.add_watch(watch, arms)
        self._keep(stored, arms)
        return stored, already

    async def change(self, watch: Watch) -> tuple[Watch, Sequence[Trigger]]:
        """Replace a watch by a changed one. What has changed is judged anew, as if it were made now."""
        before = self.get(watch.id)
        same_rules = (before.symbols, before.conditions, before.combine) == (
            watch.symbols,
            watch.conditions,
            watch.combine,
        )
        earlier = [rule.arm for rule in self._book.rules_of(watch.id)]
        already: Sequence[Trigger] = ()
        if same_rules:
            arms = earlier
            if before.repeat is not watch.repeat:
                arms = [arm.model_copy(update={"told": 0, "told_at": None}) for arm in arms]
            self._book.remove(watch.id)
        else:
            arms, already = self._judge_anew(watch)
        try:
            await self._store.save_watch(watch, arms)
        except BaseException:
            self._keep(before, earlier)
            raise
        self._keep(watch, arms)
        return watch, already

    async def pause(self, watch: Watch) -> Watch:
        return await self._set_state(watch, WatchState.PAUSED)

    async def resume(self, watch: Watch) -> tuple[Watch, Sequence[Trigger]]:
        """Start again. The pause is a gap nobody watched, so the rules begin unjudged."""
        active = watch.model_copy(update={"state": WatchState.ACTIVE})
        if active.expired_at(self._clock.now()):
            active = active.model_copy(update={"expires_on": None})
        earlier = [rule.arm for rule in self._book.rules_of(watch.id)]
        arms, already = self._judge_anew(active)
        try:
            await self._store.save_watch(active, arms)
        except BaseException:
            self._keep(watch, earlier)
            raise
        self._keep(active, arms)
        return active, already

    async def delete(self, watch: Watch) -> Watch:
        return await self._set_state(watch, WatchState.DELETED)

    async def restore(self, watch: Watch) -> tuple[Watch, Sequence[Trigger]]:
        """Undo a delete."""
        return await self.resume(watch)

    async def expire(self) -> Sequence[Watch]:
        """End the watches whose last day is over; returns them so that their owners can be told."""
        now = self._clock.now()
        over = [one for one in self._watches.values() if one.state is WatchState.ACTIVE and one.expired_at(now)]
        return [await self._set_state(watch, WatchState.DONE) for watch in over]

    def finished(self, watch: Watch, arms: Iterable[Arm]) -> Watch | None:
        """The watch as done, when it is told only once and ``arms`` complete its shares; None while it goes on."""
        if watch.repeat is not Repeat.ONCE:
            return None
        told = {arm.key.symbol for arm in arms if arm.told and arm.key.watch_id == watch.id}
        told |= {rule.key.symbol for rule in self._book.rules_of(watch.id) if rule.arm.told}
        return watch.model_copy(update={"state": WatchState.DONE}) if told >= set(watch.symbols) else None

    def replaced(self, watch: Watch) -> None:
        """Take over a watch that was stored elsewhere, with the alert that ended it."""
        self._keep(watch, [rule.arm for rule in self._book.rules_of(watch.id)])

    def _judge_anew(self, watch: Watch) -> tuple[list[Arm], list[Trigger]]:
        """First arms, and what already holds. The watch is not in the book afterwards: no frame may fire what is not
        stored yet. The next frame judges it against these arms, so nothing is missed.
        """
        self._book.put(watch)
        already = self._book.judge_now(watch.id, self._quote)
        arms = [rule.arm for rule in self._book.rules_of(watch.id)]
        self._book.remove(watch.id)
        return arms, already

    async def _set_state(self, watch: Watch, state: WatchState) -> Watch:
        changed = watch.model_copy(update={"state": state})
        await self._store.save_watch(changed)
        self._keep(changed, [rule.arm for rule in self._book.rules_of(watch.id)])
        return changed

    def _keep(self, watch: Watch, arms: Iterable[Arm]) -> None:
        if watch.state is WatchState.DELETED:
            self._watches.pop(watch.id, None)
        else:
            self._watches[watch.id] = watch
        if watch.live_at(self._clock.now()):
            self._book.put(watch, arms)
        else:
            self._book.remove(watch.id)
        self._announce()

    def _announce(self) -> None:
        self._on_symbols(self._book.symbols)
