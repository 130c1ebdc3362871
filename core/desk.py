"""Desk: propose, show, decide. Everything that may end in an order passes here; the blotter keeps what comes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from core import render, render_ticket
from core.blotter import Blotter
from core.brokerage import Brokerage
from core.calendar import trading_date, trading_time
from core.clock import Clock
from core.errors import Breached, Conflict, Forbidden, NotFound, OutsideError, Unavailable
from core.feed import Feed
from core.frames import Quote
from core.messages import Chat, Outgoing
from core.notify import Notifier
from core.orders import Order, OrderState
from core.ports import QuoteSource, Store
from core.risk import Breach, Draft, check, into_cage, not_now, unchecked
from core.sizing import nothing_to_do, opposite_price, shares_of
from core.spending import Spending
from core.switch import KillSwitch
from core.tickets import DRIFT_PERCENT, TIME_TO_LIVE, Approval, Ticket, TicketState, beside
from core.types import Price, Shares, Side, Symbol, percent_text, price_text
from core.watches import Plan

log: Final = logging.getLogger(__name__)

QUOTE_PATIENCE: Final = 5.0
"""Seconds to wait for a fresh quote before an approval is turned down."""
BASIS_STANDS: Final = timedelta(seconds=60)
"""A price of today is a base for an order until the market has traded so long since; at lunch none grows older."""


_REDRAWN: Final = (
    *("mode", "shares", "limit", "limit_given", "price", "quoted_at"),
    *("source", "expires_at", "caution", "approvers"),
)
"""What of a ticket is made anew when it is edited."""


class Proposal(NamedTuple):
    """A ticket, or why there is none and where it would have been."""

    ticket: Ticket | None
    breaches: tuple[Breach, ...] = ()
    where: str = ""

    @property
    def why_not(self) -> str:
        """With the account and its mode, as every sentence about money."""
        return " ".join(breach.text for breach in self.breaches) + (f"（{self.where}）" if self.breaches else "")


class Origin(NamedTuple):
    """Who asked for an order, and where the card goes.

    Of a watch also which alert, of an advice which analysis, and its words for the card.
    """

    owner: str
    chat: Chat
    watch_id: str | None = None
    alert_id: str | None = None
    reason: str = ""
    analysis_id: str | None = None

    @property
    def asked(self) -> bool:
        """Whether a person asked for it, and no alert or advice."""
        return self.alert_id is None and self.analysis_id is None


class Desk:
    """One for all accounts.

    Args:
        time_to_live: how long a ticket may be answered.
        on_quote: handed each quote that an order is judged by, so that a paper account has seen it too.
        barred: why an owner of watches and wishes may not trade an account; None where he may.
        lost: the same of who approves, after all that had to be waited for.
        differs: why a share of an account takes no order that no person asked for.
    """

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        quotes: QuoteSource,
        brokerage: Brokerage,
        blotter: Blotter,
        switch: KillSwitch,
        clock: Clock,
        feed: Feed,
        spending: Spending,
        *,
        time_to_live: timedelta = TIME_TO_LIVE,
        drift_percent: Decimal = DRIFT_PERCENT,
        on_quote: Callable[[Quote], Awaitable[None]] | None = None,
        barred: Callable[[str, str], str | None] = lambda _owner, _account: None,
        lost: Callable[[str, str], str | None] = lambda _who, _account: None,
        differs: Callable[[str, Symbol], Breach | None] = lambda _account, _symbol: None,
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._quotes = quotes
        self._brokerage = brokerage
        self._blotter = blotter
        self._switch = switch
        self._clock = clock
        self._feed = feed
        self._spending = spending
        self._time_to_live = time_to_live
        self._drift_percent = drift_percent
        self._on_quote = on_quote
        self._barred = barred
        self._lost = lost
        self._differs = differs
        # One decision at a time: two orders must not both fit into what is left of a limit.
        self._deciding = asyncio.Lock()
        # One new card at a time: of two taps on 重新报价 the second must find the first one's card.
        self._requoting = asyncio.Lock()

    # -- propose

    def propose(self, plan: Plan, symbol: Symbol, account: str, quote: Quote, origin: Origin) -> Proposal:
        """Make a ticket of a plan, from what is known right now. Asks nobody: an alert must not wait."""
        now = self._clock.now()
        seen = self._brokerage.account(account)
        broker = self._brokerage.find(account)
        where = self._brokerage.where(account)
        if (barred := self._barred(origin.owner, account)) is not None:
            return Proposal(None, (Breach("rights", barred),), where)
        if broker is None or seen is None:
            return Proposal(None, (Breach("account", f"账户 {account} 暂时连不上，没有生成委托。"),), where)
        name = self._brokerage.name(symbol, quote.name)
        closed = not_now(symbol, name, quote, now)
        if closed:
            return Proposal(None, (*self._switch.breaches, *closed), where)
        if quote.last is None:
            return Proposal(None, (Breach("no_price", f"{name}现在没有成交价，没有生成委托。"),), where)
        wish = plan.price or opposite_price(plan.side, quote, name, now)
        limit = into_cage(Draft(symbol, name, plan.side, 0, wish), quote, now)
        shares = shares_of(plan, symbol, limit, seen, now)
        if shares == 0:
            return Proposal(None, (nothing_to_do(plan, name, limit, seen, symbol),), where)
        draft = Draft(symbol, name, plan.side, shares, limit)
        differs = self._differs(account, symbol)
        breaches = (
            *self._switch.breaches,
            *((differs,) if differs is not None and not origin.asked else ()),
            *self._blotter.unresolved(self._blotter.open, {OrderState.UNKNOWN}, account, symbol, plan.side),
            *check(draft, seen, quote, now, self._spending.bought(account, symbol)),
            *self._spending.breaches(draft, origin.owner, seen),
        )
        if breaches:
            return Proposal(None, breaches, where)
        ticket = Ticket(
            id=self._clock.new_id(),
            owner=origin.owner,
            chat=origin.chat,
            account=account,
            mode=broker.mode,
            symbol=symbol,
            name=name,
            side=plan.side,
            shares=shares,
            limit=limit,
            limit_given=plan.price is not None,
            price=quote.last,
            quoted_at=quote.quoted_at,
            source=quote.source,
            created_at=now,
            expires_at=now + self._time_to_live,
            watch_id=origin.watch_id,
            alert_id=origin.alert_id,
            analysis_id=origin.analysis_id,
            reason=origin.reason,
            caution="；".join(filter(None, (render_ticket.caged(wish, limit), unchecked(plan.side, seen)))),
            approvers=self._spending.approvers(origin.owner, limit * shares),
        )
        return Proposal(ticket)

    async def ask(
        self, plan: Plan, symbol: Symbol, account: str, origin: Origin, *, instead_of: str | None = None
    ) -> Ticket:
        """Show the card of an order that a person asked for.

        Args:
            instead_of: the ticket that it corrects; it ends before the new card is shown: never can both be approved.

        Raises:
            Breached: a rule forbids it; the text says which.
            Conflict: what it would correct has been approved.
            Unavailable: no fresh quote, or the broker does not answer.
        """
        old = None if instead_of is None else await self._store.ticket(instead_of)
        if old is not None and old.state is TicketState.APPROVED:
            text = "刚才那笔已经确认过了，不能再改，没有再下单。要再下一笔请把股票和数量说全；要撤单发送 /orders。"
            raise Conflict(f"{text}（{self._brokerage.where(old.account)}）")
        ticket = await self._draw(plan, symbol, account, origin)
        if old is not None and old.state is TicketState.OPEN:
            await self._settle(old, TicketState.WITHDRAWN, "", note="已按你的话改了，请看新的卡片")
        return await self._show(ticket)

    async def _draw(self, plan: Plan, symbol: Symbol, account: str, origin: Origin) -> Ticket:
        await self._brokerage.refresh(account)
        quote = await self._fresh(symbol, account)
        await self._refuse_if_unresolved(account, symbol, plan.side)
        proposal = self.propose(plan, symbol, account, quote, origin)
        if proposal.ticket is None:
            raise Breached(proposal.why_not)
        return proposal.ticket

    async def _show(self, ticket: Ticket) -> Ticket:
        ticket = beside(ticket, await self._store.tickets({TicketState.OPEN}, limit=1000))
        row = self._card(ticket)
        await self._store.add_ticket(ticket, [row])
        self._feed.publish(ticket)
        self._notifier.post([row])
        return ticket

    def _refuse_in_panic(self, account: str) -> None:
        for breach in self._switch.breaches:
            raise Breached(f"{breach.text}（{self._brokerage.where(account)}）")

    async def _refuse_if_unresolved(self, account: str, symbol: Symbol, side: Side, *, but: str = "") -> None:
        """NEW counts too: an answer that could not be stored leaves the order NEW, and it may live all the same."""
        orders = [order for order in await self._store.orders(open_only=True, limit=1000) if order.id != but]
        found = self._blotter.unresolved(orders, {OrderState.NEW, OrderState.UNKNOWN}, account, symbol, side)
        if found:
            raise Breached(f"{found[0].text}（{self._brokerage.where(account)}）")

    async def _fresh(self, symbol: Symbol, account: str) -> Quote:
        """A quote to judge an order by. While nothing may be ordered it may be old: that refusal names its own rule."""
        where = f"（{self._brokerage.where(account)}）"
        try:
            async with asyncio.timeout(QUOTE_PATIENCE):
                found = await self._quotes.fetch([symbol])
        except TimeoutError:
            late = f"{QUOTE_PATIENCE:.0f} 秒内没有拿到最新价，没有下单。请稍后再试。{where}"
            raise Unavailable("行情", late) from None
        except OutsideError as error:
            raise Unavailable("行情", f"拿不到最新价，没有下单（{error.reason}）。请稍后再试。{where}") from error
        quote = found.get(symbol)
        if quote is not None:
            if self._on_quote is not None:
                await self._on_quote(quote)
            if not_now(symbol, "", quote, self._clock.now()):
                return quote
        if quote is None or quote.last is None:
            raise Unavailable("行情", f"拿不到{self._brokerage.name(symbol)}的最新价，没有下单。请稍后再试。{where}")
        now = self._clock.now()
        if trading_date(quote.quoted_at) != trading_date(now) or trading_time(quote.quoted_at, now) > BASIS_STANDS:
            age = render.age_text(now - quote.quoted_at)
            old = f"{self._brokerage.name(symbol)}的最新价已是{age}前的，没有下单。请等行情恢复后再试。{where}"
            raise Unavailable("行情", old)
        return quote

    # -- decide

    async def approve(
        self,
        ticket_id: str,
        stamp: str | None,
        by: str,
        who: str = "",
        *,
        unless: Callable[[int], str | None] = lambda _needed: None,
    ) -> Order | None:
        """Send the order of a ticket, once.

        Args:
            stamp: the part of the hash that the button carried; None when the number was typed.
            by: who, as shown on the card.
            who: the person, whatever they are called today; two approvals must be of two.
            unless: asked after all that had to be waited for, with how many people it takes: why this approval does
                not count after all, where nobody has tapped.

        Returns:
            The order; None while a second person must approve it.

        Raises:
            NotFound, Conflict: no such ticket, decided, expired, or the card shows something else.
            Breached: a rule or the drift limit forbids it now; the ticket is withdrawn and its card says so. While
                everything is stopped, or a like order is unresolved, the ticket stays open.
            Unavailable: no fresh quote, then the ticket stays open; or the order was handed over and what came of it
                could not be stored, then the text says so.
        """
        ticket = await self._open_ticket(ticket_id, stamp)
        who = who or by
        if any(one.who == who for one in ticket.approvals):
            raise Conflict(
                f"你已经确认过了，这笔还要另一个人点“确认”。没有下单。（{self._brokerage.where(ticket.account)}）"
            )
        self._refuse_in_panic(ticket.account)
        await self._refuse_if_unresolved(ticket.account, ticket.symbol, ticket.side, but=ticket.order_id)
        await self._brokerage.refresh(ticket.account)
        # Last of all that has to be waited for, so that nothing makes it old.
        quote = await self._fresh(ticket.symbol, ticket.account)
        with ExitStack() as sending:
            async with self._deciding:
                await self._still_right(ticket, quote, by)
                # Waiting took time, in which the switch may have been pulled or the ticket may have run out.
                self._refuse_in_panic(ticket.account)
                if not ticket.open_at(self._clock.now()):
                    raise Conflict(render_ticket.already_decided(await self._settle(ticket, TicketState.EXPIRED, "")))
                if (lost := self._lost(who, ticket.account)) is not None:
                    raise Forbidden(f"{lost}没有下单。（{self._brokerage.where(ticket.account)}）", of_account=True)
                approved = (*ticket.approvals, Approval(who=who, name=by, at=self._clock.now()))
                needed = self._approvers(ticket)
                if (why := unless(needed)) is not None:
                    raise Conflict(f"{why}，没有下单。（{self._brokerage.where(ticket.account)}）")
                if len(approved) < needed:
                    await self._amend(ticket, approvals=approved, approvers=needed)
                    return None
                order = ticket.order(self._clock.now())
                sending.enter_context(self._blotter.sending(order))
                names = "、".join(one.name for one in approved)
                await self._settle(ticket, TicketState.APPROVED, names, order=order)
                self._blotter.wrote(order)
            return await self._blotter.submit(order)

    def _approvers(self, ticket: Ticket) -> int:
        """How many people it takes: as the card says, or more where that has been decided since."""
        return max(ticket.approvers, self._spending.approvers(ticket.owner, ticket.limit * ticket.shares))

    async def reject(self, ticket_id: str, stamp: str | None, by: str, reason: str = "") -> Ticket:
        """Close a ticket without an order. Raises like :meth:`approve`."""
        ticket = await self._open_ticket(ticket_id, stamp)
        return await self._settle(ticket, TicketState.REJECTED, by, note=reason)

    async def explain(self, ticket_id: str, reason: str) -> Ticket:
        """Note why a ticket was rejected; said again, the last word stands.

        Raises:
            NotFound, Conflict: no such ticket, or nobody has rejected it.
        """
        ticket = await self._store.ticket(ticket_id)
        if ticket is None:
            raise NotFound(f"没有编号 {ticket_id} 的委托。")
        if ticket.state is not TicketState.REJECTED:
            raise Conflict(f"只有拒绝了的委托能写原因。{render_ticket.already_decided(ticket)}")
        return await self._amend(ticket, note=reason)

    async def edit(
        self,
        ticket_id: str,
        stamp: str | None,
        *,
        shares: Shares | None = None,
        price: Price | None = None,
        best: bool = False,
    ) -> Ticket:
        """Make the next edition of an open ticket, judged anew by a fresh quote, and show it in place of the card.

        Args:
            shares, price: what is changed; the rest stays. A limit that nobody gave follows the market.
            best: the limit becomes the best price of the other side.

        Raises:
            NotFound, Conflict: no such ticket, decided, expired, or the card showed another edition.
            Breached, Unavailable: the ticket stays as it was.
        """
        old = await self._open_ticket(ticket_id, stamp)
        given = old.limit if old.limit_given and not best else None
        plan = Plan(side=old.side, shares=shares or old.shares, price=price if price is not None else given)
        origin = Origin(old.owner, old.chat, old.watch_id, old.alert_id, old.reason)
        drawn = (await self._draw(plan, old.symbol, old.account, origin)).model_copy(update={"id": old.id})
        new = beside(drawn, await self._store.tickets({TicketState.OPEN}, limit=1000))
        return await self._amend(old, **{name: getattr(new, name) for name in _REDRAWN}, approvals=())

    async def offer(self, ticket_id: str, stamp: str | None) -> Ticket:
        """An open ticket of which somebody wants to see what could be changed. Raises like :meth:`edit`."""
        return await self._open_ticket(ticket_id, stamp)

    async def _amend(self, ticket: Ticket, **changes: object) -> Ticket:
        """Store the next edition with its card in one transaction; Conflict if somebody was faster."""
        after = ticket.model_copy(update={**changes, "edition": ticket.edition + 1})
        row = self._card(after)
        if not await self._store.amend(after, [row]):
            raise await self._too_late(ticket)
        self._feed.publish(after)
        self._notifier.post([row])
        return after

    def _card(self, ticket: Ticket) -> Outgoing:
        account = self._brokerage.account_name(ticket.account)
        return self._notifier.compose(ticket.chat, render_ticket.ticket_card(ticket, account))

    async def _too_late(self, ticket: Ticket) -> Conflict:
        """What somebody is told whose decision came after another one, or after a change of the card."""
        stored = await self._store.ticket(ticket.id) or ticket
        if stored.state is not TicketState.OPEN:
            return Conflict(render_ticket.already_decided(stored))
        where = self._brokerage.where(ticket.account)
        return Conflict(f"这张卡片刚刚被改过，没有做任何事，请看最新的卡片。（{where}）")

    async def requote(self, ticket_id: str, origin: Origin) -> Ticket:
        """Make a new ticket of an old one at today's price, and show it; a limit that the person gave stays.

        Of two taps one is answered. Two processes on one database that ask at the same instant may still both show a
        card, and a person could approve both.

        Raises:
            Like :meth:`ask`, and NotFound or Conflict: no such ticket, approved, or there is a newer card of it.
        """
        async with self._requoting:
            old = await self._store.ticket(ticket_id)
            if old is None:
                raise NotFound(f"没有编号 {ticket_id} 的待确认委托。发送 /tickets 查看现有的。")
            if old.state is TicketState.APPROVED:
                raise Conflict(
                    f"这笔委托已经确认过了，不能重新报价。发送 /orders 查看。（{self._brokerage.where(old.account)}）"
                )
            await self._refuse_second_card(old)
            plan = Plan(side=old.side, shares=old.shares, price=old.limit if old.limit_given else None)
            origin = origin._replace(watch_id=old.watch_id, alert_id=old.alert_id, reason=old.reason)
            new = await self._draw(plan, old.symbol, old.account, origin)
            # Another process may have been faster while the price was asked for.
            await self._refuse_second_card(old)
            # The old one ends when the new one is certain, and before it is shown: never both, and never a card that
            # sends the reader to one that is not there.
            if old.state is TicketState.OPEN:
                await self._settle(old, TicketState.WITHDRAWN, "", note="已重新报价，请看新的卡片")
            return await self._show(new)

    async def _refuse_second_card(self, old: Ticket) -> None:
        """One wish has one open card: a second tap on 重新报价 must not make a second order possible."""
        now = self._clock.now()
        wish = (old.account, old.symbol, old.side, old.shares)
        for other in await self._store.tickets({TicketState.OPEN}, limit=1000):
            same = (other.account, other.symbol, other.side, other.shares) == wish and other.id != old.id
            if same and other.created_at > old.created_at and other.open_at(now):
                where = self._brokerage.where(other.account)
                raise Conflict(f"已经有一张新的卡片 {other.id} 在等你确认。发送 /tickets 查看。（{where}）")

    async def expire(self) -> None:
        """Close the tickets whose time is over."""
        now = self._clock.now()
        for ticket in await self._store.tickets({TicketState.OPEN}, limit=1000):
            if not ticket.open_at(now):
                try:
                    await self._settle(ticket, TicketState.EXPIRED, "")
                except Conflict:
                    log.info("ticket %s was decided in its last moment", ticket.id)

    async def withdraw(self, owner: str, why: str, *, unless: Callable[[str], bool]) -> int:
        """End the open tickets that somebody who has lost the right to trade made or approved; how many that were.

        Args:
            unless: accounts that he may trade all the same.
        """
        ended = 0
        for ticket in await self._store.tickets({TicketState.OPEN}, limit=1000):
            his = owner in {ticket.owner, *(one.who for one in ticket.approvals)}
            if his and not unless(ticket.account):
                try:
                    await self._settle(ticket, TicketState.WITHDRAWN, "", note=why)
                except Conflict:
                    log.info("ticket %s was decided before it could be withdrawn", ticket.id)
                else:
                    ended += 1
        return ended

    async def _open_ticket(self, ticket_id: str, stamp: str | None) -> Ticket:
        ticket = await self._store.ticket(ticket_id)
        if ticket is None:
            raise NotFound(f"没有编号 {ticket_id} 的待确认委托。发送 /tickets 查看现有的。")
        if ticket.state is TicketState.OPEN and not ticket.open_at(self._clock.now()):
            ticket = await self._settle(ticket, TicketState.EXPIRED, "")
        if ticket.state is not TicketState.OPEN:
            raise Conflict(render_ticket.already_decided(ticket))
        if stamp is not None and stamp != ticket.stamp:
            where = self._brokerage.where(ticket.account)
            raise Conflict(f"这张卡片和待确认的委托对不上，没有下单。请发送 /tickets 查看最新的卡片。（{where}）")
        return ticket

    async def _still_right(self, ticket: Ticket, quote: Quote, by: str) -> None:
        # The account as it is by now: another order may have been filled since it was asked for.
        account = self._brokerage.account(ticket.account) or await self._brokerage.refresh(ticket.account)
        problems = []
        now_mode = self._brokerage.broker(ticket.account).mode
        if now_mode is not ticket.mode:
            problems.append(
                f"账户 {ticket.account} 在生成卡片时是{ticket.mode.chinese}，现在是{now_mode.chinese}。请重新报价。"
            )
        drift = Decimal(0) if quote.last is None else abs(quote.last - ticket.price) / ticket.price * 100
        if quote.last is not None and drift > self._drift_percent:
            problems.append(
                f"价格已变：生成卡片时 {price_text(ticket.price)}，现在 {price_text(quote.last)}，"
                f"相差 {percent_text(drift)}，超过 {percent_text(self._drift_percent)}。"
            )
        draft = Draft(ticket.symbol, ticket.name, ticket.side, ticket.shares, ticket.limit)
        bought = self._spending.bought(ticket.account, ticket.symbol)
        problems.extend(breach.text for breach in check(draft, account, quote, self._clock.now(), bought))
        problems.extend(breach.text for breach in self._spending.breaches(draft, ticket.owner, account))
        if problems:
            why = " ".join(problems)
            await self._settle(ticket, TicketState.WITHDRAWN, by, note=why)
            raise Breached(f"没有下单。{why}（{self._brokerage.where(ticket.account)}）")

    async def _settle(
        self, ticket: Ticket, state: TicketState, by: str, *, note: str = "", order: Order | None = None
    ) -> Ticket:
        """Decide a ticket once, with its order and its card in the same transaction; Conflict if it was decided."""
        decided = ticket.model_copy(
            update={"state": state, "decided_by": by, "decided_at": self._clock.now(), "note": note}
        )
        row = self._card(decided)
        if not await self._store.decide(decided, order, [row]):
            raise await self._too_late(decided)
        self._feed.publish(decided)
        if order is not None:
            self._feed.publish(order)
        self._notifier.post([row])
        return decided
