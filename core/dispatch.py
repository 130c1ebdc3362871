"""Dispatcher.fire: a crossing becomes a stored alert, its ticket, and the message that tells it, in one transaction.

Many crossings at once are dealt with in slices, each a transaction of its own, so that the loop is never kept long.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from core import render, render_checks, render_market, render_ticket
from core.alerts import INHIBITS, Alert, Reason, Silence, Trigger, escalates_after, is_grave, why_notify
from core.brokerage import Brokerage
from core.chronicle import Kind, turned
from core.clock import Clock
from core.desk import Desk, Origin
from core.digest import Digest
from core.errors import OutsideError
from core.escalate import Escalation
from core.feed import Feed
from core.frames import Frame, Quote
from core.judging import Rule
from core.messages import Chat, Outgoing
from core.notify import Notifier
from core.ports import Store
from core.rulebook import RuleBook
from core.tickets import Ticket
from core.types import Symbol, is_account
from core.watches import Arm, Repeat, RuleKey, Watch
from core.watchlist import Watchlist

log: Final = logging.getLogger(__name__)

SLICE: Final = 128
"""Crossings that are judged and stored without a pause; some 5 ms of work."""
STRIDE: Final = 2048
"""Crossings that are put in order without a pause."""
MEMORIES: Final = 512
"""Arms that are stored in one step."""
CHANGED_SINCE: Final = "触发之后任务有了变化（修改、暂停或结束），所以没有生成委托。"


class Told(NamedTuple):
    """An alert that is to be told, with what its message needs."""

    watch: Watch
    alert: Alert
    ticket: Ticket | None
    quote: Quote


Listener = Callable[[Sequence[Told], Outgoing], None]
"""What hears of the alerts of a message that is on its way, and of the message."""


class _Crossing(NamedTuple):
    """A trigger and the rule as it stood then: by the time it can be stored, its watch may have changed."""

    trigger: Trigger
    rule: Rule

    @property
    def grave(self) -> bool:
        return is_grave([self.rule.watch.conditions[index] for index in self.rule.conditions])


_Graves = dict[tuple[str, Symbol], datetime]
"""When a person was last told something of the stop-loss class on a share."""


class Dispatcher:
    """Judges triggers against repeats and silences, and tells those that are to be told.

    Args:
        remark: what is to be said behind the condition of an alert; empty where there is nothing to say.

    Attributes:
        told: called after a message with alerts was handed over for sending. What a listener has to do it does later.
    """

    def __init__(
        self,
        store: Store,
        book: RuleBook,
        watchlist: Watchlist,
        desk: Desk,
        brokerage: Brokerage,
        notifier: Notifier,
        digest: Digest,
        escalation: Escalation,
        clock: Clock,
        feed: Feed,
        *,
        remark: Callable[[Watch, tuple[int, ...], Symbol], str] = lambda _watch, _conditions, _symbol: "",
    ) -> None:
        self._store = store
        self._book = book
        self._watchlist = watchlist
        self._desk = desk
        self._brokerage = brokerage
        self._notifier = notifier
        self._digest = digest
        self._escalation = escalation
        self._clock = clock
        self._feed = feed
        self._remark = remark
        self.told: list[Listener] = []
        self._silences: list[Silence] = []
        self._waiting: list[_Crossing] = []
        self._already: list[_Crossing] = []
        # What is remembered of these rules has changed and is not stored; the book knows what.
        self._unstored: dict[RuleKey, None] = {}
        self._graves: _Graves = {}
        # Rules whose end is to be told, because their beginning was; and those of them that have ended.
        self._begun: dict[RuleKey, None] = {}
        self._over: dict[RuleKey, Quote | None] = {}
        # Of watches on the whole market: what is to be told in one message, and how many shares held at first.
        self._found: dict[str, list[Told]] = {}
        self._met: Counter[str] = Counter()

    async def load(self) -> None:
        now = self._clock.now()
        self._silences = list(await self._store.silences(now))
        rules = (rule for one in self._watchlist.everything() if one.resolved for rule in self._book.rules_of(one.id))
        self._begun = {rule.key: None for rule in rules if rule.arm.armed is False and rule.arm.told}
        told = await self._store.alerts_since(now - INHIBITS)
        self._graves = {(one.owner, one.symbol): one.at for one in told if one.grave and one.reason.tells}

    # -- silences

    async def silence(self, silence: Silence) -> None:
        await self._store.add_silence(silence)
        self._silences.append(silence)

    async def unsilence(self, owner: str, ids: Collection[str] | None = None) -> int:
        """End what silences a person now, or those of it that are named; how many there were.

        One that has not begun stays, as in the store.
        """
        now = self._clock.now()
        ended = await self._store.end_silences(owner, now, ids)
        over = {one.id for one in self._silences if one.owner == owner and one.starts_at <= now}
        gone = over if ids is None else over.intersection(ids)
        self._silences = [one for one in self._silences if one.id not in gone]
        return ended

    def silences(self, owner: str) -> Sequence[Silence]:
        """Those that are active now."""
        now = self._clock.now()
        return tuple(one for one in self._silences if one.owner == owner and one.starts_at <= now < one.ends_at)

    def silenced(self, watch: Watch, symbol: Symbol) -> bool:
        """Whether nothing of this watch would be told now."""
        now = self._clock.now()
        return any(one.covers(watch, symbol, now) for one in self._silences)

    # -- alerts

    async def fire(
        self,
        triggers: Sequence[Trigger],
        already: Sequence[Trigger],
        changed: Sequence[Arm],
        frame: Frame | None = None,
    ) -> None:
        """Store what a frame caused and tell it. What the database does not take now is kept and tried again.

        Args:
            changed: every arm that the frame moved.
            frame: None where only what waits is tried again.
        """
        self._unstored.update((arm.key, None) for arm in changed)
        if self._begun:
            left = [arm.key for arm in changed if arm.armed and arm.key in self._begun]
            self._over.update((key, None if frame is None else frame.quote(key.symbol)) for key in left)
        self._waiting.extend(self._crossings(triggers))
        self._already.extend(self._crossings(already))
        try:
            if self._waiting:
                await self._fire_waiting()
            if self._over:
                await self._say_resolved()
            await self._store_memory()
            await self._say_waiting()
        except OutsideError as error:
            log.warning("%d alerts wait for the database: %s", len(self._waiting), error.reason)

    async def keep_peaks(self) -> None:
        """Store the peaks that have risen. Raises Unavailable; then they are stored with the next frame."""
        self._unstored.update((rule.key, None) for rule in self._book.risen())
        await self._store_memory()

    @property
    def waiting(self) -> bool:
        """Whether something could not be stored yet: alerts, what holds already or no longer, the memory of a rule."""
        return bool(self._waiting or self._already or self._over or self._unstored)

    def _crossings(self, triggers: Sequence[Trigger]) -> Iterator[_Crossing]:
        for trigger in triggers:
            yield _Crossing(trigger, trigger.rule)

    async def _fire_waiting(self) -> None:
        """Slice by slice. What a slice leaves, and what comes after one that fails, waits for the next frame."""
        self._waiting = await _in_order(self._waiting)
        later: list[_Crossing] = []
        served: set[Chat] = set()
        try:
            while self._waiting:
                size = _first_slice(self._waiting)
                ahead = {one.rule.watch.id for one in self._waiting[size:]}
                later += await self._fire(self._waiting[:size], served, ahead)
                del self._waiting[:size]
                await self._pause()
        finally:
            self._waiting = [*later, *self._waiting]
        await self._digest.tell_due()

    async def _pause(self) -> None:
        """Let everybody else have a turn between two slices."""
        if self._waiting or self._unstored:
            await asyncio.sleep(0)

    async def _store_memory(self) -> None:
        """Store what is remembered of rules that no alert was stored with.

        A rule whose crossing still waits must not be remembered as fired: after a kill it would never be told.
        """
        waiting = {one.trigger.key for one in self._waiting}
        keys = [key for key in self._unstored if key not in waiting]
        for start in range(0, len(keys), MEMORIES):
            rules = self._storable(keys[start : start + MEMORIES])
            if rules:
                await self._store.save_arms([rule.arm for rule in rules])
            self._stored(rules)
            await self._pause()

    def _storable(self, keys: Collection[RuleKey]) -> list[Rule]:
        """The rules of these whose changed memory may be stored now.

        That of a held one waits, because its watch is just being stored together with its memory. One that is gone
        begins unjudged if it ever comes back.
        """
        rules = []
        for key in keys:
            rule = self._book.rule(key)
            if rule is None:
                self._unstored.pop(key, None)
            elif not rule.held:
                rules.append(rule)
        return rules

    def _stored(self, rules: Sequence[Rule]) -> None:
        for rule in rules:
            self._unstored.pop(rule.key, None)

    async def _fire(self, crossings: Sequence[_Crossing], served: set[Chat], ahead: Collection[str]) -> list[_Crossing]:
        """Store and tell crossings; returns those that must wait, because their watch is just being deleted.

        Args:
            served: chats that were sent a message by an earlier slice of the same frame; those of this one are added.
            ahead: watches of which later slices have crossings too.
        """
        later: list[_Crossing] = []
        alerts: list[Alert] = []
        told: dict[Chat, list[Told]] = {}
        # What will be remembered of the rules that are told, and of all that were changed.
        memory: dict[RuleKey, Arm] = {}
        rules: dict[RuleKey, Rule] = {}
        held: set[RuleKey] = set()
        graves: _Graves = {}
        for crossing in crossings:
            trigger, rule = crossing
            watch = self._watchlist.current(rule.watch.id)
            known = self._book.rule(trigger.key)
            if watch is None and known is not None:
                later.append(crossing)
                continue
            if watch is None:
                log.info("not told, because its watch was deleted meanwhile: %s %s", trigger.key, trigger.why)
                continue
            if not rule.watch.live_at(trigger.quote.received_at):  # its last day was over; the job that ends it is late
                continue
            same = known is not None and known.means(rule)
            arm = memory.get(trigger.key) or (known.arm if known is not None and same else rule.arm)
            last = self._last_told(rule, arm, memory) if same else arm
            one = self._judge(crossing, last, graves, current=watch)
            alerts.append(one.alert)
            if one.alert.reason.tells:
                if same:
                    memory[trigger.key] = arm.telling(one.alert.at)
                    rules[trigger.key] = rule
                    if known is not None and known.held:
                        held.add(trigger.key)
                if one.alert.grave:
                    graves[one.alert.owner, one.alert.symbol] = one.alert.at
                told.setdefault(rule.watch.chat, []).append(one)
        markets, complete = self._of_markets(told, ahead)
        found = [(items, self._market_message(items)) for items in complete]
        full = {chat for chat in told if chat in served or not self._digest.admits(chat)}
        messages = [one for chat, items in told.items() for one in self._messages(chat, items, full=chat in full)]
        messages += [(items, row) for items, row in found if row is not None]
        rows = [row for _items, row in messages]
        tickets = [one.ticket for items in told.values() for one in items if one.ticket is not None]
        finished = self._finished(memory)
        changed = self._storable([one.trigger.key for one in crossings])
        arms = {rule.key: rule.arm for rule in changed}
        arms |= {key: arm for key, arm in memory.items() if key not in held}
        with self._watchlist.ending(finished):
            ended = [turned(watch, Kind.DONE, self._clock.now()) for watch in finished]
            await self._store.fire(alerts, list(arms.values()), finished, tickets, rows, ended)
            for key, arm in memory.items():
                self._book.remember(rules[key], arm)
                if rules[key].watch.resolved:
                    self._begun[key] = None
            self._unstored.update(dict.fromkeys(held))
        self._stored(changed)
        self._found = markets
        self._note(alerts, told, full, graves)
        for items, row in found:
            self._note_message(items[0], full=row is None)
        served.update(told)
        for alert in alerts:
            self._feed.publish(alert)
        for ticket in tickets:
            self._feed.publish(ticket)
        self._notifier.post(rows)
        for items, row in messages:
            self._let_know(items, row)
        return later

    def _let_know(self, items: Sequence[Told], row: Outgoing) -> None:
        for listener in self.told:
            try:
                listener(items, row)
            except Exception:
                # A bug of somebody who only wants to add to the message: the alert is told, and the next ones will be.
                log.exception("not heard by %s: %s", listener, row.id)

    def _finished(self, memory: Mapping[RuleKey, Arm]) -> list[Watch]:
        """The watches that this memory ends."""
        by_watch: dict[str, list[Arm]] = {}
        for key, arm in memory.items():
            by_watch.setdefault(key.watch_id, []).append(arm)
        return [done for one_id, arms in by_watch.items() if (done := self._watchlist.finished(one_id, arms))]

    def _note(
        self, alerts: Sequence[Alert], told: Mapping[Chat, Sequence[Told]], full: Collection[Chat], graves: _Graves
    ) -> None:
        """Keep in mind what has just been stored."""
        self._escalation.begin(alerts)
        for alert in alerts:
            if alert.reason is Reason.QUIET_HOURS:
                self._digest.hold(alert)
        for chat, items in told.items():
            plain = [one for one in items if one.ticket is None]
            if plain:
                self._note_message(plain[0], full=chat in full)
        if graves:
            now = self._clock.now()
            self._graves = {key: at for key, at in self._graves.items() if now - at < INHIBITS} | graves

    def _note_message(self, first: Told, *, full: bool) -> None:
        if full:
            self._digest.overflow(first.watch.chat, first.alert.at)
        else:
            self._digest.count(first.watch.chat)

    def _of_markets(
        self, told: dict[Chat, list[Told]], ahead: Collection[str]
    ) -> tuple[dict[str, list[Told]], Sequence[Sequence[Told]]]:
        """Take what watches on the whole market tell out of the rest: each has one message for all that it found.

        Returns:
            What is found of those that later slices go on with, and of those that are complete, the busiest first.
        """
        markets = {watch_id: list(items) for watch_id, items in self._found.items()}
        for chat, items in list(told.items()):
            for one in items:
                if one.watch.scope == "market" and one.ticket is None:
                    markets.setdefault(one.watch.id, []).append(one)
            rest = [one for one in items if one.watch.scope != "market" or one.ticket is not None]
            if rest:
                told[chat] = rest
            else:
                del told[chat]
        complete = [markets.pop(watch_id) for watch_id in list(markets) if watch_id not in ahead]
        return markets, [sorted(items, key=lambda one: -(one.quote.amount or 0)) for items in complete]

    def _market_message(self, items: Sequence[Told]) -> Outgoing | None:
        """One message for all that a watch on the whole market found; None when the chat has had its share."""
        watch = items[0].watch
        if not self._digest.admits(watch.chat):
            return None
        message = render_market.found(watch, [(one.alert, one.quote) for one in items])
        return self._notifier.compose(watch.chat, message, tuple(one.alert.id for one in items))

    def _last_told(self, rule: Rule, arm: Arm, memory: Mapping[RuleKey, Arm]) -> Arm:
        """The memory that decides on telling: told once is once per share, whichever of the conditions it was."""
        if rule.watch.repeat is not Repeat.ONCE:
            return arm
        groups = range(len(rule.watch.groups()))
        keys = [RuleKey(rule.watch.id, rule.key.symbol, group) for group in groups]
        others = [one for key in keys if (one := self._book.rule(key)) is not None]
        known = [memory.get(other.key) or other.arm for other in others]
        return next((one for one in known if one.told), arm)

    def _judge(self, crossing: _Crossing, arm: Arm, graves: _Graves, current: Watch) -> Told:
        """Judge a crossing in the words of then.

        Args:
            arm: the memory that decides on telling.
            graves: what of the stop-loss class is told with it.
            current: the watch as it is now; no order is proposed by a plan that has been changed or paused since.
        """
        now = self._clock.now()
        trigger, rule = crossing
        grave = crossing.grave
        watch, symbol = rule.watch, rule.key.symbol
        mine = watch.owner, symbol
        wait = escalates_after(watch.escalate_after, grave=grave)
        reason = why_notify(
            watch,
            symbol,
            arm,
            self._silences,
            now,
            grave=grave,
            graver_at=graves.get(mine) or self._graves.get(mine),
            held=not watch.only_held or self._brokerage.holds(watch.account, symbol),
            quiet=self._digest.quiet_hours(watch.owner),
        )
        alert = self._alert(watch, trigger, rule.conditions, reason, now)
        if reason.tells and wait is not None:
            alert = alert.model_copy(update={"grave": grave, "escalate_at": now + wait})
        if watch.plan is None or not reason.tells:
            return Told(watch, alert, None, trigger.quote)
        if current is not watch and current != watch:
            return Told(watch, alert.model_copy(update={"note": CHANGED_SINCE}), None, trigger.quote)
        origin = Origin(watch.owner, watch.chat, watch.id, alert.id, render.reason(alert))
        proposal = self._desk.propose(watch.plan, symbol, watch.account, trigger.quote, origin)
        if proposal.ticket is None:
            return Told(watch, alert.model_copy(update={"note": proposal.why_not}), None, trigger.quote)
        return Told(watch, alert.model_copy(update={"ticket_id": proposal.ticket.id}), proposal.ticket, trigger.quote)

    def _alert(
        self, watch: Watch, trigger: Trigger, conditions: tuple[int, ...], reason: Reason, now: datetime
    ) -> Alert:
        symbol, price = trigger.key.symbol, trigger.quote.last
        assert price is not None, "only a price can cross"
        remark = self._remark(watch, conditions, symbol)
        percent = None if is_account(symbol) else trigger.quote.percent
        return Alert(
            id=self._clock.new_id(),
            watch_id=watch.id,
            watch_number=watch.number,
            owner=watch.owner,
            symbol=symbol,
            name=render.name_text(self._brokerage.name(symbol, trigger.quote.name), symbol),
            group=trigger.key.group,
            condition=watch.condition_text(conditions) + (f"（{remark}）" if remark else ""),
            price=price,
            why=trigger.why,
            source=trigger.quote.source,
            quoted_at=trigger.quote.quoted_at,
            at=now,
            after_gap=trigger.after_gap,
            reason=reason,
            chat=watch.chat,
            percent=None if percent is None else round(percent, 4),
        )

    async def remind(self, watch: Watch, trigger: Trigger, chat: Chat) -> None:
        """Tell again what was put off and still holds. No order is proposed a second time. Raises Unavailable."""
        now = self._clock.now()
        conditions = watch.groups()[trigger.key.group]
        alert = self._alert(watch, trigger, conditions, Reason.REMINDED, now).model_copy(update={"chat": chat})
        row = self._notifier.compose(chat, render.reminded(watch, alert), (alert.id,))
        await self._store.fire([alert], [], [], [], [row])
        self._feed.publish(alert)
        self._notifier.post([row])
        self._let_know([Told(watch, alert, None, trigger.quote)], row)

    def _messages(self, chat: Chat, items: Sequence[Told], *, full: bool) -> list[tuple[Sequence[Told], Outgoing]]:
        """One card per ticket, because each has its own buttons; everything else of a chat in one message.

        Args:
            full: the chat has had its share of messages; what is no card is left to the digest.
        """
        rows: list[tuple[Sequence[Told], Outgoing]] = []
        plain = [one for one in items if one.ticket is None]
        for one in items:
            if one.ticket is not None:
                account = self._brokerage.broker(one.ticket.account).name
                message = render_ticket.alert_with_ticket(one.alert, one.ticket, account)
                rows.append(([one], self._notifier.compose(chat, message, (one.alert.id,))))
        if plain and not full:
            message = render.alerts([(one.watch, one.alert) for one in plain])
            rows.append((plain, self._notifier.compose(chat, message, tuple(one.alert.id for one in plain))))
        return rows

    async def _say_resolved(self) -> None:
        """Say what was told and is over, before it is stored that it can begin again: better twice than never.

        A watch that rests, is silenced or falls into quiet hours says nothing.
        """
        now = self._clock.now()
        by_chat: dict[Chat, list[tuple[Watch, str, str, Quote | None]]] = {}
        for key, quote in self._over.items():
            rule = self._book.rule(key)
            if rule is None or not rule.arm.told or not rule.watch.live_at(now):
                continue
            watch, quiet = rule.watch, self._digest.quiet_hours(rule.watch.owner)
            if self.silenced(watch, key.symbol) or (quiet is not None and quiet.covers(now)):
                continue
            name = render.name_text(self._brokerage.name(key.symbol), key.symbol)
            by_chat.setdefault(watch.chat, []).append((watch, name, watch.condition_text(rule.conditions), quote))
        await self._notifier.say_each([(chat, render.resolved(items)) for chat, items in by_chat.items()])
        for key in self._over:
            self._begun.pop(key, None)
        self._over.clear()

    async def _say_waiting(self) -> None:
        """Say what holds already, watch by watch."""
        by_watch: dict[str, list[_Crossing]] = {}
        for one in self._already:
            by_watch.setdefault(one.trigger.key.watch_id, []).append(one)
        try:
            while by_watch:
                await self._say_already(next(iter(by_watch.values())))
                del by_watch[next(iter(by_watch))]
        finally:
            self._already = [one for crossings in by_watch.values() for one in crossings]

    async def _say_already(self, crossings: Sequence[_Crossing]) -> None:
        """Say what of one watch holds already, unless it is silenced.

        Nor where it means something else by now: that was said with the change.
        """
        rule = crossings[0].rule
        known = [self._book.rule(one.rule.key) for one in crossings]
        meant = [
            one.trigger
            for one, now in zip(crossings, known, strict=True)
            if now is not None and now.means(one.rule) and not self.silenced(now.watch, now.key.symbol)
        ]
        if meant:
            names = {one.key.symbol: self._brokerage.name(one.key.symbol, one.quote.name) for one in meant}
            await self._notifier.say(rule.watch.chat, render_checks.already_holds(rule.watch, meant, names))

    def meet(self, met: Mapping[str, int]) -> None:
        """So many shares of watches on the whole market held when they were first judged."""
        self._met.update(met)

    def take_met(self, watch_id: str) -> int:
        """How many shares that were since this was last asked."""
        return self._met.pop(watch_id, 0)


async def _in_order(crossings: Sequence[_Crossing]) -> list[_Crossing]:
    """Person by person, so that what belongs together stays so; what is grave first, as it mutes others."""
    people: dict[str, dict[tuple[bool, Chat], list[_Crossing]]] = {}
    for place, one in enumerate(crossings, 1):
        watch = one.rule.watch
        people.setdefault(watch.owner, {}).setdefault((not one.grave, watch.chat), []).append(one)
        if place % STRIDE == 0:
            await asyncio.sleep(0)
    return [one for of_person in people.values() for key in sorted(of_person) for one in of_person[key]]


def _first_slice(crossings: Sequence[_Crossing]) -> int:
    """How many of these to take at once: a slice, ended where a chat ends if one ends within it."""
    size = min(len(crossings), SLICE)
    if size == len(crossings):
        return size
    chat = crossings[size].rule.watch.chat
    return next((end for end in range(size, 0, -1) if crossings[end - 1].rule.watch.chat != chat), size)
