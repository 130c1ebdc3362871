"""Desk: propose, decide, submit, on_report, reconcile. Everything that may end in an order passes here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from core import render
from core.calendar import trading_date, trading_time
from core.clock import Clock
from core.errors import Breached, Conflict, NotFound, OutsideError, Refused, Unavailable
from core.feed import Feed
from core.frames import Quote
from core.messages import Chat, Outgoing
from core.notify import Notifier
from core.orders import Order, OrderState, Report, ReportKind, apply
from core.portfolio import Account, value
from core.ports import Broker, HandKept, QuoteSource, Store
from core.risk import Breach, Draft, check, into_cage, not_now, unchecked
from core.sizing import nothing_to_do, opposite_price, shares_of
from core.spending import Spending
from core.tickets import DRIFT_PERCENT, TIME_TO_LIVE, Ticket, TicketState, beside
from core.types import Money, Price, Shares, Side, Symbol, account_of, is_account, percent_text, price_text
from core.view import Holding
from core.watches import Plan

log: Final = logging.getLogger(__name__)

PANIC: Final = "panic"
QUOTE_PATIENCE: Final = 5.0
"""Seconds to wait for a fresh quote before an approval is turned down."""
BASIS_STANDS: Final = timedelta(seconds=60)
"""A price of today is a base for an order until the market has traded so long since; at lunch none grows older."""
SETTLES: Final = timedelta(seconds=30)
"""An order that its broker still does not know so long after we last heard of it never arrived; before, it may be
on its way."""


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
    """Who asked for an order, and where the card goes; of a watch also which alert, and its words for the card."""

    owner: str
    chat: Chat
    watch_id: str | None = None
    alert_id: str | None = None
    reason: str = ""


class Desk:
    """One for all accounts.

    Args:
        brokers: by account id; the first is the default account.
        time_to_live: how long a ticket may be answered.
        name_of: the name of a symbol in our table; empty when it is not there.
        on_quote: handed each quote that an order is judged by, so that a paper account has seen it too.
        on_change: told which symbols have a new cost, so that conditions on cost are judged again; and called with
            nothing when :attr:`symbols` may have changed.
    """

    def __init__(
        self,
        store: Store,
        notifier: Notifier,
        quotes: QuoteSource,
        brokers: Sequence[Broker],
        clock: Clock,
        feed: Feed,
        spending: Spending,
        *,
        name_of: Callable[[Symbol], str],
        time_to_live: timedelta = TIME_TO_LIVE,
        drift_percent: Decimal = DRIFT_PERCENT,
        on_quote: Callable[[Quote], Awaitable[None]] | None = None,
        on_change: Callable[[Sequence[Symbol]], None] = lambda _symbols: None,
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._quotes = quotes
        self._brokers: Mapping[str, Broker] = {broker.account: broker for broker in brokers}
        self._clock = clock
        self._feed = feed
        self._spending = spending
        self._name_of = name_of
        self._time_to_live = time_to_live
        self._drift_percent = drift_percent
        self._on_quote = on_quote
        self._on_change = on_change
        self._accounts: dict[str, Account] = {}
        self._open: dict[str, Order] = {}
        # Orders that this process is handing to their broker right now: reconciling must not judge them.
        self._sending: set[str] = set()
        self._impossible: set[tuple[str, str]] = set()
        self._panicked: str | None = None
        # One report at a time: two reports of one order must not both start from the same stored row.
        self._books = asyncio.Lock()
        # One decision at a time: two orders must not both fit into what is left of a limit.
        self._deciding = asyncio.Lock()
        # One new card at a time: of two taps on 重新报价 the second must find the first one's card.
        self._requoting = asyncio.Lock()

    # -- accounts

    @property
    def brokers(self) -> Sequence[Broker]:
        return tuple(self._brokers.values())

    @property
    def default_account(self) -> str:
        return next(iter(self._brokers))

    def broker(self, account: str) -> Broker:
        """Raises NotFound for an account that is not configured (any more)."""
        found = self._brokers.get(account)
        if found is None:
            names = "、".join(broker.name for broker in self._brokers.values())
            raise NotFound(f"没有账户“{account}”。现有账户：{names}。")
        return found

    def where(self, account: str) -> str:
        """``模拟账户·模拟``: what stands on every message about money."""
        broker = self._brokers.get(account)
        return f"{broker.name}·{broker.mode.chinese}" if broker else account

    def account(self, account: str) -> Account | None:
        """As last seen; None when it was never seen."""
        return self._accounts.get(account)

    def cost_of(self, account: str, symbol: Symbol) -> Price | None:
        seen = self._accounts.get(account)
        position = seen.position(symbol) if seen else None
        return position.cost if position is not None and position.shares > 0 else None

    def holding_of(self, account: str, symbol: Symbol, quote: Callable[[Symbol], Quote | None]) -> Holding | None:
        """A position, and what the account is worth beside it at these quotes; None without a position."""
        seen = self._accounts.get(account)
        position = seen.position(symbol) if seen else None
        if seen is None or position is None or position.shares <= 0:
            return None
        others = [one.symbol for one in seen.positions if one.symbol != symbol and one.shares]
        prices = {one: price for one in others if (found := quote(one)) is not None and (price := found.worth)}
        known = seen.cash_known and len(prices) == len(others)
        rest = value(seen, prices).total if known else None
        return Holding(position.shares, position.cost, rest)

    def holds(self, account: str, symbol: Symbol) -> bool:
        """Whether an account holds a share. One that was never seen may: silence needs a reason."""
        return account not in self._accounts or self.cost_of(account, symbol) is not None

    async def refresh(self, account: str) -> Account:
        """Ask the broker. Raises Unavailable; an unanswered question is never an empty account."""
        before = self._accounts.get(account)
        after = await self.broker(account).snapshot()
        self._accounts[account] = after
        moved = _costs_moved(before, after)
        if moved:
            self._on_change(moved)
        return after

    @property
    def symbols(self) -> set[Symbol]:
        """What must be quoted for the accounts: what they hold, and what they have in open orders."""
        held = {one.symbol for account in self._accounts.values() for one in account.positions if one.shares}
        return held | {order.symbol for order in self._open.values()}

    def name(self, symbol: Symbol, said: str = "") -> str:
        """The name for a card: our table's, because a quote's may be cut or bear XD; else ``said``, else the code."""
        if is_account(symbol):
            return self._account_name(account_of(symbol))
        return self._name_of(symbol) or said or symbol

    # -- the kill switch

    async def load(self) -> None:
        """Read what an earlier process decided, and see every account. A silent broker is reported, not fatal."""
        self._panicked = await self._store.value(PANIC)
        await self._spending.load()
        for order in await self._store.orders(open_only=True, limit=1000):
            self._open[order.id] = order
        for broker in self.brokers:
            try:
                await self.refresh(broker.account)
            except OutsideError as error:
                log.warning("%s: %s", error.source, error.reason)

    @property
    def panicked(self) -> str | None:
        """Who pulled the switch and when, in words; None while orders may be sent."""
        return self._panicked

    async def panic(self, by: str) -> None:
        """Stop all sending of orders, at once and over restarts. Works even when the database does not."""
        self._panicked = render.panic_note(by, self._clock.now())
        await self._store.set_value(PANIC, self._panicked)

    async def calm(self) -> None:
        """Allow orders again."""
        await self._store.set_value(PANIC, None)
        self._panicked = None

    # -- propose

    def propose(self, plan: Plan, symbol: Symbol, account: str, quote: Quote, origin: Origin) -> Proposal:
        """Make a ticket of a plan, from what is known right now. Asks nobody: an alert must not wait."""
        now = self._clock.now()
        seen = self._accounts.get(account)
        broker = self._brokers.get(account)
        where = self.where(account)
        if broker is None or seen is None:
            return Proposal(None, (Breach("account", f"账户 {account} 暂时连不上，没有生成委托。"),), where)
        name = self.name(symbol, quote.name)
        closed = not_now(symbol, name, quote, now)
        if closed:
            return Proposal(None, (*self._standing(), *closed), where)
        if quote.last is None:
            return Proposal(None, (Breach("no_price", f"{name}现在没有成交价，没有生成委托。"),), where)
        wish = plan.price or opposite_price(plan.side, quote, name, now)
        limit = into_cage(Draft(symbol, name, plan.side, 0, wish), quote, now)
        shares = shares_of(plan, symbol, limit, seen, now)
        if shares == 0:
            return Proposal(None, (nothing_to_do(plan, name, limit, seen, symbol),), where)
        draft = Draft(symbol, name, plan.side, shares, limit)
        breaches = (
            *self._standing(),
            *self._unresolved(self._open.values(), {_S.UNKNOWN}, account, symbol, plan.side),
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
            reason=origin.reason,
            caution="；".join(filter(None, (render.caged(wish, limit), unchecked(plan.side, seen)))),
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
            raise Conflict(f"{text}（{self.where(old.account)}）")
        ticket = await self._draw(plan, symbol, account, origin)
        if old is not None and old.state is TicketState.OPEN:
            await self._settle(old, TicketState.WITHDRAWN, "", note="已按你的话改了，请看新的卡片")
        return await self._show(ticket)

    async def _draw(self, plan: Plan, symbol: Symbol, account: str, origin: Origin) -> Ticket:
        await self.refresh(account)
        quote = await self._fresh(symbol, account)
        await self._refuse_if_unresolved(account, symbol, plan.side)
        proposal = self.propose(plan, symbol, account, quote, origin)
        if proposal.ticket is None:
            raise Breached(proposal.why_not)
        return proposal.ticket

    async def _show(self, ticket: Ticket) -> Ticket:
        ticket = beside(ticket, await self._store.tickets({TicketState.OPEN}, limit=1000))
        row = self._notifier.compose(ticket.chat, render.ticket_card(ticket, self._account_name(ticket.account)))
        await self._store.add_ticket(ticket, [row])
        self._feed.publish(ticket)
        self._notifier.post([row])
        return ticket

    def _standing(self) -> tuple[Breach, ...]:
        if self._panicked is None:
            return ()
        return (Breach("panic", f"紧急停止中（{self._panicked}），不发送任何委托。发送 /panic off 恢复。"),)

    def _refuse_in_panic(self, account: str) -> None:
        for breach in self._standing():
            raise Breached(f"{breach.text}（{self.where(account)}）")

    def _unresolved(
        self, orders: Iterable[Order], states: Collection[OrderState], account: str, symbol: Symbol, side: Side
    ) -> tuple[Breach, ...]:
        """What speaks against another order while nobody knows the fate of an earlier one like it."""
        return tuple(
            Breach(
                "unknown",
                f"{self.name(symbol)}有一笔{side.chinese}委托 {order.id} {order.state.chinese}，"
                f"查清之前不再{side.chinese}它。请在券商软件里核对，或发送 /orders 查看。",
            )
            for order in orders
            if (order.account, order.symbol, order.side) == (account, symbol, side) and order.state in states
        )

    async def _refuse_if_unresolved(self, account: str, symbol: Symbol, side: Side, *, but: str = "") -> None:
        """NEW counts too: an answer that could not be stored leaves the order NEW, and it may live all the same."""
        orders = [order for order in await self._store.orders(open_only=True, limit=1000) if order.id != but]
        found = self._unresolved(orders, {_S.NEW, _S.UNKNOWN}, account, symbol, side)
        if found:
            raise Breached(f"{found[0].text}（{self.where(account)}）")

    async def _fresh(self, symbol: Symbol, account: str) -> Quote:
        """A quote to judge an order by. While nothing may be ordered it may be old: that refusal names its own rule."""
        where = f"（{self.where(account)}）"
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
            raise Unavailable("行情", f"拿不到{self.name(symbol)}的最新价，没有下单。请稍后再试。{where}")
        now = self._clock.now()
        if trading_date(quote.quoted_at) != trading_date(now) or trading_time(quote.quoted_at, now) > BASIS_STANDS:
            age = render.age_text(now - quote.quoted_at)
            old = f"{self.name(symbol)}的最新价已是{age}前的，没有下单。请等行情恢复后再试。{where}"
            raise Unavailable("行情", old)
        return quote

    # -- decide

    async def approve(self, ticket_id: str, stamp: str | None, by: str) -> Order:
        """Send the order of a ticket, once.

        Args:
            stamp: the part of the hash that the button carried; None when the number was typed.
            by: who, as shown on the card.

        Raises:
            NotFound, Conflict: no such ticket, decided, expired, or the card shows something else.
            Breached: a rule or the drift limit forbids it now; the ticket is withdrawn and its card says so. While
                everything is stopped, or a like order is unresolved, the ticket stays open.
            Unavailable: no fresh quote, then the ticket stays open; or the order was handed over and what came of it
                could not be stored, then the text says so.
        """
        ticket = await self._open_ticket(ticket_id, stamp)
        self._refuse_in_panic(ticket.account)
        await self._refuse_if_unresolved(ticket.account, ticket.symbol, ticket.side, but=ticket.order_id)
        await self.refresh(ticket.account)
        # Last of all that has to be waited for, so that nothing makes it old.
        quote = await self._fresh(ticket.symbol, ticket.account)
        async with self._deciding:
            # The account as it is by now: another order may have been filled meanwhile.
            await self._still_right(ticket, quote, self._accounts[ticket.account], by)
            # Waiting took time, in which the switch may have been pulled or the ticket may have run out.
            self._refuse_in_panic(ticket.account)
            if not ticket.open_at(self._clock.now()):
                raise Conflict(render.already_decided(await self._settle(ticket, TicketState.EXPIRED, "")))
            order = ticket.order(self._clock.now())
            self._sending.add(order.id)
            try:
                await self._settle(ticket, TicketState.APPROVED, by, order=order)
            except BaseException:
                self._sending.discard(order.id)
                raise
            self._open[order.id] = order
            self._spending.note(order)
        try:
            self._on_change(())
            return await self._submit(order)
        finally:
            self._sending.discard(order.id)

    async def reject(self, ticket_id: str, stamp: str | None, by: str) -> Ticket:
        """Close a ticket without an order. Raises like :meth:`approve`."""
        return await self._settle(await self._open_ticket(ticket_id, stamp), TicketState.REJECTED, by)

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
                raise Conflict(f"这笔委托已经确认过了，不能重新报价。发送 /orders 查看。（{self.where(old.account)}）")
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
                where = self.where(other.account)
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

    async def _open_ticket(self, ticket_id: str, stamp: str | None) -> Ticket:
        ticket = await self._store.ticket(ticket_id)
        if ticket is None:
            raise NotFound(f"没有编号 {ticket_id} 的待确认委托。发送 /tickets 查看现有的。")
        if ticket.state is TicketState.OPEN and not ticket.open_at(self._clock.now()):
            ticket = await self._settle(ticket, TicketState.EXPIRED, "")
        if ticket.state is not TicketState.OPEN:
            raise Conflict(render.already_decided(ticket))
        if stamp is not None and stamp != ticket.stamp:
            where = self.where(ticket.account)
            raise Conflict(f"这张卡片和待确认的委托对不上，没有下单。请发送 /tickets 查看最新的卡片。（{where}）")
        return ticket

    async def _still_right(self, ticket: Ticket, quote: Quote, account: Account, by: str) -> None:
        problems = []
        now_mode = self.broker(ticket.account).mode
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
            raise Breached(f"没有下单。{why}（{self.where(ticket.account)}）")

    async def _settle(
        self, ticket: Ticket, state: TicketState, by: str, *, note: str = "", order: Order | None = None
    ) -> Ticket:
        """Decide a ticket once, with its order and its card in the same transaction; Conflict if it was decided."""
        decided = ticket.model_copy(
            update={"state": state, "decided_by": by, "decided_at": self._clock.now(), "note": note}
        )
        row = self._notifier.compose(ticket.chat, render.ticket_card(decided, self._account_name(ticket.account)))
        if not await self._store.decide(decided, order, [row]):
            now_stored = await self._store.ticket(ticket.id)
            raise Conflict(render.already_decided(now_stored or decided))
        self._feed.publish(decided)
        if order is not None:
            self._feed.publish(order)
        self._notifier.post([row])
        return decided

    # -- orders

    async def _submit(self, order: Order) -> Order:
        """Hand a stored order to its broker. Never called twice for one order, not even after a crash."""
        kind, note = await self._hand_over(order)
        try:
            await self.on_report(self._report(kind, order, note))
            return await self._store.order(order.id) or order
        except Unavailable as error:
            raise Unavailable(
                error.source,
                f"委托 {order.id} 已经交给{self.where(order.account)}，但结果没能记下（{error.reason}）"
                "请不要重复下单，程序会查清它的下落；发送 /orders 查看。",
            ) from error

    async def _hand_over(self, order: Order) -> tuple[ReportKind, str]:
        if self._panicked is not None:
            return ReportKind.REJECTED, f"紧急停止中（{self._panicked}），没有送出。"
        try:
            await self.broker(order.account).submit(order)
        except Refused as error:
            return ReportKind.REJECTED, error.reason
        except OutsideError as error:
            return ReportKind.LOST, error.reason
        except Exception:
            # A bug of ours in the middle of sending: it may have been placed.
            log.exception("submitting %s failed", order.id)
            return ReportKind.LOST, "程序在报送时出错，已记入日志。"
        return ReportKind.SUBMITTED, ""

    async def cancel(self, order_id: str) -> Order:
        """Ask the broker to cancel.

        Raises:
            NotFound, Conflict: no such order, or it is over.
            Refused, Unavailable: the broker did not take the wish in.
        """
        order = await self._store.order(order_id)
        if order is None:
            raise NotFound(f"没有编号 {order_id} 的委托。发送 /orders 查看现有的。")
        if order.state.final:
            raise Conflict(f"这笔委托{order.state.chinese}，撤不了。（{self.where(order.account)}）")
        await self.broker(order.account).cancel(order)
        return order

    async def record_fill(self, order_id: str, shares: Shares, price: Price, *, after: Shares | None = None) -> None:
        """Enter a fill that a person tells of.

        Args:
            after: what was filled when the card was drawn whose button was tapped; None when the numbers were typed.

        Raises:
            NotFound, Conflict, Invalid: it cannot have happened, or something was recorded since the card was drawn.
        """
        await (await self._by_hand(order_id)).record_fill(order_id, shares, price, after=after)

    async def record_nothing(self, order_id: str) -> None:
        """Close an order of which, the person says, nothing (more) was traded."""
        await (await self._by_hand(order_id)).record_nothing(order_id)

    async def _by_hand(self, order_id: str) -> HandKept:
        order = await self._store.order(order_id)
        if order is None:
            raise NotFound(f"没有编号 {order_id} 的委托。发送 /orders 查看现有的。")
        return self._kept_by_hand(order.account)

    async def set_cash(self, account: str, cash: Money) -> Account:
        """Enter what an account kept by hand is free to buy with.

        Raises:
            NotFound, Conflict, Invalid: no such account, it is not kept by hand, or that is no amount.
        """
        await self._kept_by_hand(account).record_cash(cash)
        return await self.refresh(account)

    async def set_position(self, account: str, symbol: Symbol, shares: Shares, cost: Price) -> Account:
        """Enter what an account kept by hand holds of a symbol, in place of what it had. Raises as :meth:`set_cash`."""
        await self._kept_by_hand(account).record_position(symbol, shares, cost)
        return await self.refresh(account)

    def _kept_by_hand(self, account: str) -> HandKept:
        broker = self.broker(account)
        if not isinstance(broker, HandKept):
            raise Conflict(f"{self.where(account)}：它的资金、持仓和成交由它自己回报，不能手动记账。")
        return broker

    async def on_report(self, report: Report) -> None:
        """Take in what a broker says of one of our orders; a repetition changes nothing."""
        async with self._books:
            before = await self._store.order(report.order_id)
            if before is None:
                log.warning("%s reports an order that is not ours: %s", report.account, report.order_id)
                return
            try:
                after = apply(before, report)
            except ValueError:
                log.exception("a report that cannot be: %s", report)
                await self._tell_impossible(before, report)
                return
            if after is before:
                return
            fill = report.fill if len(after.fill_ids) > len(before.fill_ids) else None
            ticket = await self._store.ticket(after.ticket_id)
            rows: list[Outgoing] = []
            account, name = self._account_name(after.account), self.name(after.symbol)
            message = render.order_news(after, fill, account, name, was=before.state)
            if message is not None and ticket is not None:
                rows.append(self._notifier.compose(ticket.chat, message))
            await self._store.save_order(after, fill, rows)
        self._feed.publish(after)
        if fill is not None:
            self._feed.publish(fill)
        self._notifier.post(rows)
        if not after.state.final:
            self._open[after.id] = after
        elif self._open.pop(after.id, None) is not None:
            self._on_change(())
        if fill is not None or after.state.final:
            try:
                await self.refresh(after.account)
            except OutsideError as error:
                log.warning("%s: %s", error.source, error.reason)
        # What was open to buy counts as open until the position has it: for a moment twice, never not at all.
        self._spending.note(after)

    async def _tell_impossible(self, order: Order, report: Report) -> None:
        """Once: a broker that is asked every minute repeats it every minute."""
        key = (order.id, report.fill.id if report.fill else "")
        ticket = await self._store.ticket(order.ticket_id)
        if ticket is not None and key not in self._impossible:
            await self._notifier.say(ticket.chat, render.impossible_report(order, report))
        self._impossible.add(key)

    async def listen(self, broker: Broker, retry: Callable[[], Awaitable[None]]) -> None:
        """Take in a broker's reports for ever. A report that cannot be stored now is tried again, never dropped."""
        async for report in broker.reports():
            while True:
                try:
                    await self.on_report(report)
                    break
                except Unavailable as error:
                    log.warning("a report waits for the database: %s", error.reason)
                    await retry()
                except OutsideError:
                    log.exception("a report that cannot be taken in: %s", report)
                    break

    async def reconcile(self) -> None:
        """Ask the brokers about every order that is not over: after a crash it is looked up, never sent again."""
        for order in await self._store.orders(open_only=True, limit=1000):
            broker = self._brokers.get(order.account)
            if broker is None or order.id in self._sending:
                continue
            try:
                reports = await broker.find(order.id)
            except OutsideError as error:
                log.warning("%s: %s", error.source, error.reason)
                if order.state is _S.NEW:
                    await self._conclude(ReportKind.LOST, order, error.reason)
                continue
            for report in reports or ():
                await self.on_report(report)
            if reports is None and order.state in _MAY_BE_LOST and self._clock.now() - order.updated_at >= SETTLES:
                note = "程序中断前没有送到券商，没有下单" if order.state is _S.NEW else "券商那里没有这笔委托，没有下单"
                await self._conclude(ReportKind.REJECTED, order, note)

    async def _conclude(self, kind: ReportKind, order: Order, note: str) -> None:
        """Say ourselves what became of an order, unless it has moved since we looked."""
        if await self._store.order(order.id) == order:
            await self.on_report(self._report(kind, order, note))

    def _report(self, kind: ReportKind, order: Order, note: str) -> Report:
        return Report(kind=kind, order_id=order.id, account=order.account, at=self._clock.now(), note=note)

    def _account_name(self, account: str) -> str:
        broker = self._brokers.get(account)
        return broker.name if broker else account


_S = OrderState
_MAY_BE_LOST: Final = frozenset({_S.NEW, _S.SUBMITTED, _S.UNKNOWN})


def _costs_moved(before: Account | None, after: Account) -> list[Symbol]:
    old = {one.symbol: (one.cost, one.shares > 0) for one in before.positions} if before else {}
    new = {one.symbol: (one.cost, one.shares > 0) for one in after.positions}
    return [symbol for symbol in old.keys() | new.keys() if old.get(symbol) != new.get(symbol)]
