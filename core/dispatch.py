"""Dispatcher.fire: a crossing becomes a stored alert, its ticket, and the message that tells it, in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from core import render
from core.alerts import Alert, Silence, Trigger, why_notify
from core.clock import Clock
from core.desk import Desk, Origin
from core.errors import OutsideError
from core.feed import Feed
from core.messages import Chat, Outgoing
from core.notify import Notifier
from core.ports import Store
from core.rulebook import Rule, RuleBook
from core.tickets import Ticket
from core.watches import Arm, Repeat, RuleKey, Watch
from core.watchlist import Watchlist

log: Final = logging.getLogger(__name__)

CHANGED_SINCE: Final = "触发之后任务有了变化（修改、暂停或结束），所以没有生成委托。"


class _Told(NamedTuple):
    """An alert that is to be told, with what its message needs."""

    watch: Watch
    alert: Alert
    ticket: Ticket | None


class _Crossing(NamedTuple):
    """A trigger and the rule as it stood then: by the time it can be stored, its watch may have changed."""

    trigger: Trigger
    rule: Rule


class Dispatcher:
    """Judges triggers against repeats and silences, and tells those that are to be told."""

    def __init__(
        self,
        store: Store,
        book: RuleBook,
        watchlist: Watchlist,
        desk: Desk,
        notifier: Notifier,
        clock: Clock,
        feed: Feed,
    ) -> None:
        self._store = store
        self._book = book
        self._watchlist = watchlist
        self._desk = desk
        self._notifier = notifier
        self._clock = clock
        self._feed = feed
        self._silences: list[Silence] = []
        self._waiting: list[_Crossing] = []
        self._already: list[_Crossing] = []
        # What is remembered of these rules has changed and is not stored; the book knows what.
        self._unstored: dict[RuleKey, None] = {}

    async def load(self) -> None:
        self._silences = list(await self._store.silences(self._clock.now()))

    # -- silences

    async def silence(self, silence: Silence) -> None:
        await self._store.add_silence(silence)
        self._silences.append(silence)

    async def unsilence(self, owner: str) -> int:
        """End what silences a person now; how many there were. One that has not begun stays, as in the store."""
        now = self._clock.now()
        ended = await self._store.end_silences(owner, now)
        self._silences = [one for one in self._silences if not (one.owner == owner and one.starts_at <= now)]
        return ended

    def silences(self, owner: str) -> Sequence[Silence]:
        """Those that are active now."""
        now = self._clock.now()
        return tuple(one for one in self._silences if one.owner == owner and one.starts_at <= now < one.ends_at)

    # -- alerts

    async def fire(self, triggers: Sequence[Trigger], already: Sequence[Trigger], changed: Sequence[Arm]) -> None:
        """Store what a frame caused and tell it. What the database does not take now is kept and tried again.

        Args:
            changed: every arm that the frame moved.
        """
        self._unstored.update((arm.key, None) for arm in changed)
        self._waiting.extend(self._crossings(triggers))
        self._already.extend(self._crossings(already))
        try:
            if self._waiting:
                self._waiting = await self._fire(self._waiting)
            elif self._unstored:
                rules = self._storable()
                if rules:
                    await self._store.save_arms([rule.arm for rule in rules])
                self._stored(rules)
            while self._already:
                watch_id = self._already[0].trigger.key.watch_id
                await self._say_already([one for one in self._already if one.trigger.key.watch_id == watch_id])
                self._already = [one for one in self._already if one.trigger.key.watch_id != watch_id]
        except OutsideError as error:
            log.warning("%d alerts wait for the database: %s", len(self._waiting), error.reason)

    @property
    def waiting(self) -> bool:
        """Whether something could not be stored yet: alerts, what already holds, or the memory of a rule."""
        return bool(self._waiting or self._already or self._unstored)

    def _crossings(self, triggers: Sequence[Trigger]) -> Iterator[_Crossing]:
        for trigger in triggers:
            rule = self._book.rule(trigger.key)
            assert rule is not None, "a frame's triggers are handed over before anything else can happen"
            yield _Crossing(trigger, rule)

    def _storable(self) -> list[Rule]:
        """The rules whose changed memory may be stored now.

        That of a held one waits, because its watch is just being stored together with its memory. One that is gone
        begins unjudged if it ever comes back.
        """
        found = [self._book.rule(key) for key in self._unstored]
        self._unstored = {rule.key: None for rule in found if rule is not None}
        return [rule for rule in found if rule is not None and not rule.held]

    def _stored(self, rules: Sequence[Rule]) -> None:
        for rule in rules:
            self._unstored.pop(rule.key, None)

    async def _fire(self, crossings: Sequence[_Crossing]) -> list[_Crossing]:
        """Store and tell crossings; returns those that must wait, because their watch is just being deleted."""
        later: list[_Crossing] = []
        alerts: list[Alert] = []
        told: dict[Chat, list[_Told]] = {}
        # What will be remembered of the rules that are told, and of all that were changed.
        memory: dict[RuleKey, Arm] = {}
        rules: dict[RuleKey, Rule] = {}
        held: set[RuleKey] = set()
        for trigger, rule in crossings:
            watch = self._watchlist.current(rule.watch.id)
            known = self._book.rule(trigger.key)
            if watch is None and known is not None:
                later.append(_Crossing(trigger, rule))
                continue
            if watch is None:
                log.info("not told, because its watch was deleted meanwhile: %s %s", trigger.key, trigger.why)
                continue
            if not rule.watch.live_at(trigger.quote.received_at):  # its last day was over; the job that ends it is late
                continue
            same = known is not None and known.means(rule)
            arm = memory.get(trigger.key) or (known.arm if known is not None and same else rule.arm)
            one = self._judge(trigger, rule, self._last_told(rule, arm, memory) if same else arm, current=watch)
            alerts.append(one.alert)
            if one.alert.reason.tells:
                if same:
                    memory[trigger.key] = arm.telling(one.alert.at)
                    rules[trigger.key] = rule
                    if known is not None and known.held:
                        held.add(trigger.key)
                told.setdefault(rule.watch.chat, []).append(one)
        rows = [row for chat, items in told.items() for row in self._messages(chat, items)]
        tickets = [one.ticket for items in told.values() for one in items if one.ticket is not None]
        ids = dict.fromkeys(key.watch_id for key in memory)
        finished = [done for one_id in ids if (done := self._watchlist.finished(one_id, memory.values()))]
        changed = self._storable()
        arms = {rule.key: rule.arm for rule in changed}
        arms |= {key: arm for key, arm in memory.items() if key not in held}
        with self._watchlist.ending(finished):
            await self._store.fire(alerts, list(arms.values()), finished, tickets, rows)
            for key, arm in memory.items():
                self._book.remember(rules[key], arm)
            self._unstored.update(dict.fromkeys(held))
        self._stored(changed)
        for alert in alerts:
            self._feed.publish(alert)
        for ticket in tickets:
            self._feed.publish(ticket)
        self._notifier.post(rows)
        return later

    def _last_told(self, rule: Rule, arm: Arm, memory: Mapping[RuleKey, Arm]) -> Arm:
        """The memory that decides on telling: told once is once per share, whichever of the conditions it was."""
        if rule.watch.repeat is not Repeat.ONCE:
            return arm
        others = [one for one in self._book.rules_of(rule.watch.id) if one.key.symbol == rule.key.symbol]
        known = [memory.get(other.key) or other.arm for other in others]
        return next((one for one in known if one.told), arm)

    def _judge(self, trigger: Trigger, rule: Rule, arm: Arm, current: Watch) -> _Told:
        """Judge a crossing in the words of then.

        Args:
            arm: the memory that decides on telling.
            current: the watch as it is now; no order is proposed by a plan that has been changed or paused since.
        """
        now = self._clock.now()
        watch, symbol = rule.watch, rule.key.symbol
        price = trigger.quote.last
        assert price is not None, "only a price can cross"
        reason = why_notify(watch, symbol, arm, self._silences, now)
        alert = Alert(
            id=self._clock.new_id(),
            watch_id=watch.id,
            watch_number=watch.number,
            owner=watch.owner,
            symbol=symbol,
            name=render.name_text(self._desk.name(symbol, trigger.quote.name), symbol),
            group=trigger.key.group,
            condition=watch.condition_text(rule.conditions),
            price=price,
            why=trigger.why,
            source=trigger.quote.source,
            quoted_at=trigger.quote.quoted_at,
            at=now,
            after_gap=trigger.after_gap,
            reason=reason,
        )
        if watch.plan is None or not reason.tells:
            return _Told(watch, alert, None)
        if current is not watch and current != watch:
            return _Told(watch, alert.model_copy(update={"note": CHANGED_SINCE}), None)
        origin = Origin(watch.owner, watch.chat, watch.id, alert.id, render.reason(alert))
        proposal = self._desk.propose(watch.plan, symbol, watch.account, trigger.quote, origin)
        if proposal.ticket is None:
            return _Told(watch, alert.model_copy(update={"note": proposal.why_not}), None)
        return _Told(watch, alert.model_copy(update={"ticket_id": proposal.ticket.id}), proposal.ticket)

    def _messages(self, chat: Chat, items: Sequence[_Told]) -> list[Outgoing]:
        """One card per ticket, because each has its own buttons; everything else of a chat in one message."""
        rows = []
        plain = [one for one in items if one.ticket is None]
        for one in items:
            if one.ticket is not None:
                account = self._desk.broker(one.ticket.account).name
                message = render.alert_with_ticket(one.alert, one.ticket, account)
                rows.append(self._notifier.compose(chat, message, (one.alert.id,)))
        if plain:
            message = render.alerts([(one.watch, one.alert) for one in plain])
            rows.append(self._notifier.compose(chat, message, tuple(one.alert.id for one in plain)))
        return rows

    async def _say_already(self, crossings: Sequence[_Crossing]) -> None:
        """Say what of one watch holds already, unless it means something else by now: that was said with the change."""
        rule = crossings[0].rule
        known = [self._book.rule(one.rule.key) for one in crossings]
        meant = [
            one.trigger for one, now in zip(crossings, known, strict=True) if now is not None and now.means(one.rule)
        ]
        if meant:
            names = {one.key.symbol: self._desk.name(one.key.symbol, one.quote.name) for one in meant}
            await self._notifier.say(rule.watch.chat, render.already_holds(rule.watch, meant, names))
