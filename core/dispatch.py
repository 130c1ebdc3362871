"""Dispatcher.fire: a crossing becomes a stored alert, its ticket, and the message that tells it, in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from core import render
from core.alerts import Alert, Silence, Trigger, why_notify
from core.clock import Clock
from core.desk import Desk, Origin
from core.errors import Unavailable
from core.feed import Feed
from core.messages import Chat, Outgoing
from core.notify import Notifier
from core.ports import Store
from core.rulebook import Rule, RuleBook
from core.tickets import Ticket
from core.watches import Arm, Repeat, RuleKey, Watch
from core.watchlist import Watchlist

log: Final = logging.getLogger(__name__)


class _Told(NamedTuple):
    """An alert that is to be told, with what its message needs."""

    watch: Watch
    alert: Alert
    ticket: Ticket | None


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
        self._waiting: list[Trigger] = []
        self._already: list[Trigger] = []
        self._changed: dict[RuleKey, Arm] = {}

    async def load(self) -> None:
        self._silences = list(await self._store.silences(self._clock.now()))

    # -- silences

    async def silence(self, silence: Silence) -> None:
        await self._store.add_silence(silence)
        self._silences.append(silence)

    async def unsilence(self, owner: str) -> int:
        """End all silences of a person; how many there were."""
        ended = await self._store.end_silences(owner, self._clock.now())
        self._silences = [one for one in self._silences if one.owner != owner]
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
        self._changed.update({arm.key: arm for arm in changed})
        self._waiting.extend(triggers)
        self._already.extend(already)
        try:
            if self._waiting:
                await self._fire(self._waiting)
            elif self._changed:
                await self._store.save_arms(list(self._changed.values()))
            self._waiting, self._changed = [], {}
            while self._already:
                watch_id = self._already[0].key.watch_id
                await self._say_already([one for one in self._already if one.key.watch_id == watch_id])
                self._already = [one for one in self._already if one.key.watch_id != watch_id]
        except Unavailable as error:
            log.warning("%d alerts wait for the database: %s", len(self._waiting), error.reason)

    @property
    def waiting(self) -> bool:
        """Whether something could not be stored yet: alerts, what already holds, or the memory of a rule."""
        return bool(self._waiting or self._already or self._changed)

    async def _fire(self, triggers: Sequence[Trigger]) -> None:
        alerts: list[Alert] = []
        told: dict[Chat, list[_Told]] = {}
        arms: dict[RuleKey, Arm] = dict(self._changed)
        for trigger in triggers:
            rule = self._book.rule(trigger.key)
            if rule is None:  # deleted since
                continue
            if not rule.watch.live_at(trigger.quote.received_at):  # its last day was over; the job that ends it is late
                continue
            arm = arms.get(trigger.key) or rule.arm
            one = self._judge(trigger, rule, self._last_told(rule, arm, arms))
            alerts.append(one.alert)
            if one.alert.reason.tells:
                arms[trigger.key] = arm.telling(one.alert.at)
                told.setdefault(rule.watch.chat, []).append(one)
        rows = [row for chat, items in told.items() for row in self._messages(chat, items)]
        tickets = [one.ticket for items in told.values() for one in items if one.ticket is not None]
        fired = {one.watch.id: one.watch for items in told.values() for one in items}
        finished = [done for watch in fired.values() if (done := self._watchlist.finished(watch, arms.values()))]
        await self._store.fire(alerts, list(arms.values()), finished, tickets, rows)
        for arm in arms.values():
            self._book.remember(arm)
        for watch in finished:
            self._watchlist.replaced(watch)
        for alert in alerts:
            self._feed.publish(alert)
        for ticket in tickets:
            self._feed.publish(ticket)
        self._notifier.post(rows)

    def _last_told(self, rule: Rule, arm: Arm, arms: Mapping[RuleKey, Arm]) -> Arm:
        """The memory that decides on telling: told once is once per share, whichever of the conditions it was."""
        if rule.watch.repeat is not Repeat.ONCE:
            return arm
        others = [one for one in self._book.rules_of(rule.watch.id) if one.key.symbol == rule.key.symbol]
        known = [arms.get(other.key) or other.arm for other in others]
        return next((one for one in known if one.told), arm)

    def _judge(self, trigger: Trigger, rule: Rule, arm: Arm) -> _Told:
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

    async def _say_already(self, triggers: Sequence[Trigger]) -> None:
        """Say what of one watch holds already."""
        rule = self._book.rule(triggers[0].key)
        if rule is not None:
            names = {one.key.symbol: self._desk.name(one.key.symbol, one.quote.name) for one in triggers}
            await self._notifier.say(rule.watch.chat, render.already_holds(rule.watch, triggers, names))
