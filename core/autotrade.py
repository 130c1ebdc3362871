"""AutoTrade: sends the card of an advice without a tap, inside the policy that its person has set, and only there."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from core.analysis import Analysis
from core.brokerage import Brokerage
from core.clock import Clock, market_time, midnight
from core.desk import Desk
from core.errors import DingpanError
from core.messages import Chat
from core.policy import Policy, outside
from core.ports import Store
from core.tickets import Ticket, TicketState
from core.types import Money, Symbol

log: Final = logging.getLogger(__name__)

POLICIES: Final = "auto_trade"
"""Under this key the store keeps the policies of all owners; every change is an event of the journal."""
LOOKED_UP: Final = timedelta(minutes=1)
BY: Final = "自动交易"
"""Who approved, as the card says; with who set the policy."""


class AutoTrade:
    """One for all owners, each with one policy at most.

    Args:
        name_of: the name of a share; empty where there is none.
        chats: where an owner is spoken to, beside the chat in which a policy was set.
        barred: why an owner may not trade an account; None where he may.
    """

    def __init__(
        self,
        store: Store,
        desk: Desk,
        brokerage: Brokerage,
        clock: Clock,
        *,
        name_of: Callable[[Symbol], str],
        chats: Callable[[str], Collection[Chat]],
        barred: Callable[[str, str], str | None],
    ) -> None:
        self._store = store
        self._desk = desk
        self._brokerage = brokerage
        self._clock = clock
        self._name_of = name_of
        self._chats = chats
        self._barred = barred
        self._policies: dict[str, Policy] = {}
        self._looked: dict[str, tuple[datetime, str, frozenset[Chat]]] = {}
        # One at a time: two orders must not both fit into what is left of a day.
        self._sending = asyncio.Lock()
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        stored = json.loads(await self._store.value(POLICIES) or "{}")
        self._policies = {owner: Policy.model_validate(one) for owner, one in stored.items()}

    def of(self, owner: str) -> Policy | None:
        """The policy that is in force; None also where it has run out, or its owner may not trade any more."""
        policy = self._policies.get(owner)
        if policy is None or not policy.live_at(self._clock.now()):
            return None
        return policy if self._barred(owner, policy.account) is None else None

    async def set(self, policy: Policy) -> None:
        async with self._writing:
            await self._keep({**self._policies, policy.owner: policy})
            self._policies = {**self._policies, policy.owner: policy}

    async def end(self, owner: str) -> Policy | None:
        """Switch it off; what was in force.

        Off at once, also where the database cannot say so: then Unavailable is raised after, and the next start would
        have it again.
        """
        before = self.of(owner)
        self._forget(owner)
        async with self._writing:
            self._forget(owner)  # another policy may have been written meanwhile
            await self._keep(self._policies)
        return before

    def _forget(self, owner: str) -> None:
        self._policies = {each: one for each, one in self._policies.items() if each != owner}

    async def _keep(self, after: dict[str, Policy]) -> None:
        rows = {owner: one.model_dump(mode="json") for owner, one in after.items()}
        await self._store.set_value(POLICIES, json.dumps(rows, ensure_ascii=False) if rows else None)

    def text(self, policy: Policy) -> str:
        return policy.text(self._name_of, self._brokerage.where(policy.account))

    def footer(self, chat: Chat) -> str:
        """What stands under every message of a chat whose person trades without a tap; empty for everybody else."""
        mine = [one for owner in self._policies if (one := self.of(owner)) is not None and chat in self._spoken(one)]
        return "\n".join(f"🤖 自动交易开着：{self.text(one)}。关闭：/auto off" for one in mine)

    def _spoken(self, policy: Policy) -> frozenset[Chat]:
        """Where its owner is spoken to; looked up once a minute, because it is asked for every message."""
        now = self._clock.now()
        at, stamp, chats = self._looked.get(policy.owner, (now, "", frozenset()))
        if stamp != policy.stamp or now - at >= LOOKED_UP:
            chats = frozenset({policy.chat, *self._chats(policy.owner)})
            self._looked[policy.owner] = (now, policy.stamp, chats)
        return chats

    async def used(self, owner: str) -> Money:
        """Yuan of what was sent today without a tap."""
        return sum((one.limit * one.shares for one in await self._sent(owner)), Decimal(0))

    async def _sent(self, owner: str) -> list[Ticket]:
        """What was sent today without a tap: by what the store says, so that a restart forgets nothing."""
        begins = midnight(market_time(self._clock.now()).date())
        sent = []
        for one in await self._store.analyses(owner, since=begins):
            ticket = await self._store.ticket(one.ticket_id) if one.by_policy and one.ticket_id else None
            if ticket is not None and ticket.state is TicketState.APPROVED:
                sent.append(ticket)
        return sent

    async def consider(self, analysis: Analysis, ticket: Ticket) -> Analysis:
        """Approve the open card of an advice if its owner's policy covers it.

        That it is approved by the policy is written down before it is. After a kill in between the card waits for a
        tap, and nothing is tried again.

        Returns:
            The analysis as stored: ``by_policy``, or in ``note`` why it waits for a tap.
        """
        policy = self.of(analysis.owner)
        if policy is None or analysis.decision is None:
            return analysis
        async with self._sending:
            sent = await self._sent(analysis.owner)
            facts = await self._store.pack(analysis.pack)
            quoted = facts is None or bool(facts.materials)
            found = outside(policy, ticket, analysis.decision, sent, self._clock.now(), quoted=quoted)
            if found:
                why = "；".join(one.text for one in found)
                return await self._saved(analysis, note=f"没有自动下单（{why}），要下单请点卡片。")
            analysis = await self._saved(analysis, by_policy=True)
            try:
                by = f"{BY}（{policy.by} 设的）"
                await self._desk.approve(
                    ticket.id, ticket.stamp, by, policy.owner, unless=lambda needed: self._changed(policy, needed)
                )
            except DingpanError as error:
                log.warning("ticket %s was not approved by policy: %s", ticket.id, error)
                now = await self._store.ticket(ticket.id)
                approved = now is not None and now.state is TicketState.APPROVED
                waits = "卡片还在，要下单请点它。" if now is not None and now.state is TicketState.OPEN else ""
                return await self._saved(analysis, by_policy=approved, note=f"自动下单没有成功：{error}{waits}")
        return analysis

    def _changed(self, policy: Policy, needed: int) -> str | None:
        """What has changed while the order was checked, so that it may not go without a tap."""
        if self.of(policy.owner) != policy:
            return "自动交易刚刚被关闭或者改过"
        return "这笔要两个人确认，自动交易不算一个人" if needed > 1 else None

    async def _saved(self, analysis: Analysis, **changes: object) -> Analysis:
        changed = analysis.model_copy(update=changes)
        await self._store.save_analysis(changed)
        return changed
