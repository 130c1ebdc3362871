"""Membership: lets people in by a code, changes what they may do, removes them, and tells the owners what was refused.

The store is asked anew each time that somebody comes, so that what another process did counts at once; what it said
last serves while it cannot be asked.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from core import people, render_people
from core.brokerage import Brokerage
from core.clock import Clock, market_time
from core.desk import Desk
from core.errors import Conflict, Forbidden, NotFound, OutsideError
from core.messages import Chat, Message, Outgoing, Role
from core.notify import Notifier
from core.people import Attempt, Invitation, Member, Person, Refusal
from core.ports import Store
from core.watches import WatchState
from core.watchlist import Watchlist

log: Final = logging.getLogger(__name__)

WRONG_CODES: Final = 5
"""So many wrong codes of one person within :data:`PAUSE`; then none of his is looked at."""
PAUSE: Final = timedelta(hours=1)
STRANGERS_TOLD: Final = 5
"""So many strangers within :data:`STORM` are told one by one; the rest is summed up."""
STORM: Final = timedelta(hours=1)
WRITTEN: Final = 20
"""So many attempts of one kind are written down per person and day."""
_REMEMBERED: Final = timedelta(days=7)
"""How long a used or expired code is told from a wrong one."""
_MANY: Final = 1000
_NAMED: Final = 20
_TOLD: Final = "strangers"
"""Under this key the store keeps when strangers were told of, so that a restart begins no storm anew."""


class Membership:
    """Everybody but the owners.

    Args:
        home: chats of the owners.
    """

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        brokerage: Brokerage,
        desk: Desk,
        watchlist: Watchlist,
        clock: Clock,
        *,
        home: Sequence[Chat],
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._brokerage = brokerage
        self._desk = desk
        self._watchlist = watchlist
        self._clock = clock
        self._home = home
        self._members: dict[str, Member] = {}
        self._wrong: dict[str, list[datetime]] = {}
        self._written: Counter[str] = Counter()
        self._told: list[datetime] = []
        self._crowd: Counter[str] = Counter()
        self._crowd_since: datetime | None = None
        self.links: list[Callable[[str], str]] = []
        """What makes a link of a code, in the channels that have such; empty while the channel cannot say."""

    async def load(self) -> None:
        self._members = {one.key: one for one in await self._store.members()}
        self._told = [datetime.fromisoformat(at) for at in json.loads(await self._store.value(_TOLD) or "[]")]
        for member in list(self._members.values()):
            await self._settle(member)  # an earlier process may have ended before that was done

    # -- who

    async def find(self, channel: str, user_id: str, *, fresh: bool = True) -> Member | None:
        """The member that somebody is now.

        Args:
            fresh: ask the store; without it what is known, which costs nothing.
        """
        key = people.key_of(channel, user_id)
        if fresh:
            try:
                stored = await self._store.member(channel, user_id)
            except OutsideError as error:
                log.warning("%s: %s", error.source, error.reason)
            else:
                self._learn(key, stored)
        found = self._members.get(key)
        return found if found is not None and found.ended_at is None else None

    def _learn(self, key: str, stored: Member | None) -> None:
        if stored is not None:
            self._members[key] = stored
        else:
            self._members.pop(key, None)

    def barred(self, owner: str, account: str) -> str | None:
        """Why no order of this account is proposed for a watch or a wish of this owner; None where it may be."""
        if not people.is_member(owner):
            return None
        member = self._members.get(owner)
        if member is None or member.ended_at is not None:
            return "他已经不是成员，没有生成委托。"
        return people.why_not_account(member.person(), account, self._brokerage.where(account), trading=True)

    def lost(self, who: str, account: str) -> str | None:
        """Why somebody who just now was let through may not trade this account any more; None where he still may."""
        member = self._members.get(who)
        if member is None or (member.ended_at is None and member.person().may_trade(account)):
            return None
        return "主人刚刚收回了你的交易权限，"

    def sees(self, owner: str, account: str) -> bool:
        """Whether what an account holds may be told to this owner of watches."""
        member = self._members.get(owner)
        return not people.is_member(owner) or (
            member is not None and member.ended_at is None and member.person().may_see(account)
        )

    @property
    def accounts(self) -> Mapping[str, str]:
        """The accounts of the house with their names, in order."""
        return {broker.account: broker.name for broker in self._brokerage.brokers}

    async def everybody(self) -> Sequence[Member]:
        """All members, in the order in which they came."""
        found = await self._store.members()
        self._members = {one.key: one for one in found}
        return sorted((one for one in found if one.ended_at is None), key=lambda one: one.since)

    async def waiting(self) -> int:
        """How many invitations nobody has used yet."""
        now = self._clock.now()
        return sum(one.open_at(now) for one in await self._store.invitations(now - people.CODE_LIVES))

    # -- coming in

    async def invite(self, role: Role, trades: Sequence[str], sees: Sequence[str], by: str) -> tuple[str, Invitation]:
        """Make an invitation; its code is known to nobody but who gets it here."""
        code, now = f"{self._clock.new_id()}-{self._clock.new_id()}", self._clock.now()
        invitation = Invitation(
            digest=people.digest_of(code),
            role=role,
            trades=tuple(trades),
            sees=tuple(sees),
            invited_by=by,
            created_at=now,
            expires_at=now + people.CODE_LIVES,
        )
        await self._store.add_invitation(invitation)
        return code, invitation

    def link(self, code: str) -> str:
        """What can be tapped in place of typing the code; empty where no channel has such."""
        return next((link for make in self.links if (link := make(code))), "")

    def locked(self, channel: str, user_id: str) -> str | None:
        """Why no code of this person is looked at now."""
        key, now = people.key_of(channel, user_id), self._clock.now()
        tries = [at for at in self._wrong.get(key, ()) if at > now - PAUSE]
        if tries:
            self._wrong[key] = tries
        else:
            self._wrong.pop(key, None)
        if len(tries) < WRONG_CODES and (tries or len(self._wrong) < _MANY):
            return None
        return "邀请码试错太多次，请一小时后再试，或者请主人重新邀请。"

    async def join(self, person: Person, chat: Chat, code: str) -> Member:
        """Let somebody in.

        Raises:
            Forbidden: too many wrong codes.
            NotFound, Conflict: a wrong, used or expired code, or one that grants nothing new, which stays unused.
        """
        if (locked := self.locked(chat.channel, person.id)) is not None:
            raise Forbidden(locked)
        now = self._clock.now()
        found = people.invitation_of(code, await self._store.invitations(now - _REMEMBERED))
        if found is None or not found.open_at(now):
            raise await self._wrong_code(person, chat, found)
        before = await self._store.member(chat.channel, person.id)
        if not people.gains(found, before):
            raise Conflict("你已经有这些权限，这个邀请码没有用掉，可以给别人。")
        member = people.let_in(found, before, chat, person.id, person.name, now)
        rows = self._to_owners(render_people.joined(member, [*self.accounts.items()]))
        if not await self._store.accept(found.digest, member, now, rows):
            raise await self._wrong_code(person, chat, found.model_copy(update={"used_by": "?"}))
        self._members[member.key] = member
        self._notifier.post(rows)
        return member

    async def _wrong_code(self, person: Person, chat: Chat, found: Invitation | None) -> NotFound | Conflict:
        self._wrong.setdefault(people.key_of(chat.channel, person.id), []).append(self._clock.now())
        if found is None:
            error: NotFound | Conflict = NotFound("邀请码不对，请核对，或者请主人重新邀请。")
        elif found.used_by is not None:
            error = Conflict("这个邀请码已经用过了，一个码只能一个人用一次。请主人重新邀请。")
        else:
            error = Conflict("这个邀请码过期了，24 小时内有效。请主人重新邀请。")
        await self.refused(Attempt.CODE, person, chat, "/join", str(error))
        return error

    # -- changing

    async def get(self, key: str) -> Member:
        """Raises NotFound: no such member any more."""
        channel, _, user_id = key.partition(":")
        found = await self.find(channel, user_id)
        if found is None:
            raise NotFound("没有这个成员，可能已经移出。发送 /members 查看。")
        return found

    async def change(self, after: Member) -> str:
        """Give a member other rights, or end him (``ended_at``); at once, with what he has open.

        Returns:
            What that took with it, in words.

        Raises:
            Conflict: he has been removed meanwhile.
        """
        rows = [self._notifier.compose(after.chat, render_people.rights_changed(after, [*self.accounts.items()]))]
        if not await self._store.save_member(after, self._clock.now(), rows):
            raise Conflict("他已经被移出了，没有改动。发送 /members 查看。")
        self._members[after.key] = after
        self._notifier.post(rows)
        return await self._settle(after)

    async def _settle(self, member: Member) -> str:
        """Pause the watches and withdraw the cards that a member has no right to any more."""
        here = member.person() if member.ended_at is None else None
        paused = []
        for watch in self._watchlist.of(member.key):
            sees = here is not None and (not watch.account or here.may_see(watch.account))
            trades = here is not None and (watch.plan is None or here.may_trade(watch.account))
            if watch.state is WatchState.ACTIVE and not (sees and trades):
                paused.append((await self._watchlist.pause(watch)).number)

        def may(account: str) -> bool:
            return here is not None and here.may_trade(account)

        withdrawn = await self._desk.withdraw(member.key, "出这张卡片或确认它的人已经没有交易权限", unless=may)
        return render_people.settled(paused, withdrawn)

    # -- refusing

    async def refused(self, kind: Attempt, person: Person, chat: Chat, what: str, why: str) -> None:
        """Write down what somebody tried in vain, and tell the owners if it is the first of its kind today."""
        now = self._clock.now()
        who = people.key_of(chat.channel, person.id)
        refusal = Refusal(
            kind=kind,
            who=who,
            name=person.name,
            chat=str(chat),
            what=what,
            why=why,
            at=now,
            day=market_time(now).date(),
        )
        if kind is Attempt.STRANGER and self._in_crowd(refusal):
            return
        if self._written[refusal.subject] >= WRITTEN:
            return
        self._keep_few(refusal)
        # An owner is told by the answer itself.
        rows = [] if person.role is Role.OWNER else self._to_owners(render_people.refused(refusal))
        try:
            if await self._store.refuse(refusal, rows):
                self._notifier.post(rows)
                if kind is Attempt.STRANGER:
                    self._told.append(now)
                    await self._store.set_value(_TOLD, json.dumps([at.isoformat() for at in self._told]))
        except OutsideError as error:
            # It was refused all the same.
            log.warning("a refusal was not stored: %s", error)

    def _keep_few(self, refusal: Refusal) -> None:
        if len(self._written) >= _MANY:
            self._written.clear()
        self._written[refusal.subject] += 1

    def _in_crowd(self, refusal: Refusal) -> bool:
        """Whether a stranger is one of too many to be told one by one; then he is only counted."""
        if self._written[refusal.subject]:
            return False
        self._told = [at for at in self._told if at > refusal.at - STORM]
        if len(self._told) < STRANGERS_TOLD:
            return False
        if refusal.who in self._crowd or len(self._crowd) < _MANY:
            self._crowd[refusal.who] += 1
        else:
            self._crowd[""] += 1
        self._crowd_since = self._crowd_since or refusal.at
        return True

    async def sum_up(self) -> None:
        """Tell of the strangers that were too many. Raises Unavailable; then they are told the next time."""
        if self._crowd_since is None:
            return
        now, crowd, since = self._clock.now(), self._crowd, self._crowd_since
        named = "、".join([who for who in crowd if who][:_NAMED])
        times = crowd.total()
        refusal = Refusal(
            kind=Attempt.CROWD, who=since.isoformat(), what=named, times=times, at=now, day=market_time(now).date()
        )
        rows = self._to_owners(render_people.crowd(len(crowd), times, since))
        await self._store.refuse(refusal, rows)
        self._crowd, self._crowd_since = Counter(), None
        self._notifier.post(rows)

    def _to_owners(self, message: Message) -> list[Outgoing]:
        return [self._notifier.compose(chat, message) for chat in self._home]
