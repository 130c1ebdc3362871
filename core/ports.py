"""The outside world on one page: what core asks of channels, brokers, quote sources, models and the store.

Adapters do not inherit from these. ``connect(settings) -> Broker`` is where mypy refuses a misfit.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol, runtime_checkable

from core.alerts import Alert, Reason, Silence
from core.archive import Archive
from core.bars import Bar, Period, Rescale
from core.chronicle import Entry, Kind
from core.completions import Completion, Prompt
from core.ex_dates import Entitlement, ExDate
from core.frames import Frame, Quote
from core.journal import Event
from core.messages import Chart, Chat, Delivery, Incoming, Message, Outgoing
from core.orders import Fill, Order, Report
from core.people import Invitation, Member, Refusal
from core.portfolio import Account, Worth
from core.securities import Security, Sighting
from core.statement import Statement
from core.tickets import Ticket, TicketState
from core.types import Mode, Money, Price, Shares, Symbol
from core.watches import Arm, Memory, Watch


class Receiver(Protocol):
    """Where channels hand in what people do. The inbox."""

    async def refusal(self, incoming: Incoming) -> str | None:
        """Why this person may not do this, as one short sentence; None when it may be received.

        Quick. It is written down, and told to the owner, that it was refused: do not ask twice.
        """
        ...

    def urgent(self, incoming: Incoming) -> bool:
        """Whether this must not wait behind what the same chat said before: the kill switch."""
        ...

    async def receive(self, incoming: Incoming) -> None:
        """Carry it out and put the replies into the outbox. Raises nothing that a channel could mend."""
        ...


class Channel(Protocol):
    """A place where people talk to us."""

    name: str

    async def run(self, receiver: Receiver) -> None:
        """Listen for ever; reconnecting is the channel's own business. Returns only when the person ended the chat."""
        ...

    async def send(self, chat: Chat, message: Message, picture: bytes | None = None) -> str:
        """Show a message and return the vendor's id of it (of its last part, where it had to be split).

        Args:
            picture: the message's chart as PNG. What keeps it from being shown must not keep the words from it.

        Raises:
            Unavailable: may work later.
            Refused: never will: blocked, unknown chat, unacceptable content.
        """
        ...

    async def edit(self, chat: Chat, ref: str, message: Message, picture: bytes | None = None) -> str:
        """Replace an earlier message; sends anew where it cannot be edited. Returns the id it now has."""
        ...


class Painter(Protocol):
    """What makes a picture of a chart."""

    async def paint(self, chart: Chart) -> bytes:
        """The chart as PNG, of a size that a phone shows well.

        Raises:
            Unavailable: there is no picture this time. The words can go without.
        """
        ...

    def describe(self) -> str:
        """In one line for people: with which font it writes, or what to install so that it can write Chinese."""
        ...


class Broker(Protocol):
    """One trading account."""

    account: str
    name: str
    mode: Mode

    async def submit(self, order: Order) -> None:
        """Send an order. Its fate comes through :meth:`reports`; returning only says that it was taken in.

        A second call with the same order id places nothing.

        Raises:
            Refused: it was certainly not placed.
            Unavailable: nobody knows whether it was placed. Never call again; ask :meth:`find`.
        """
        ...

    async def cancel(self, order: Order) -> None:
        """Ask for a cancel; the truth comes as a report.

        Raises:
            Refused, Unavailable: the wish was not taken in.
        """
        ...

    async def find(self, order_id: str) -> Sequence[Report] | None:
        """Everything the broker knows of our order id, in order; None when it never saw it.

        Raises:
            Unavailable: cannot say. Not the same as None.
        """
        ...

    async def snapshot(self) -> Account:
        """The account as it is now.

        Raises:
            Unavailable: cannot say. Never an empty account.
        """
        ...

    async def statement(self) -> Statement:
        """The account, and what was ordered and traded in it today, by us and elsewhere.

        Raises:
            Unavailable: cannot say. Never an empty list instead.
        """
        ...

    def reports(self) -> AsyncIterator[Report]:
        """What happens to our orders, for ever; never dropped."""
        ...


@runtime_checkable
class OwnBook(Protocol):
    """What a broker has beside :class:`Broker` when nobody but its own book says what it holds."""

    async def record_ex_date(self, ex: ExDate) -> Entitlement | None:
        """Enter what an ex-date brings, once; None where that is nothing, or was entered before. Raises Unavailable."""
        ...


@runtime_checkable
class HandKept(Protocol):
    """What a broker has beside :class:`Broker` when its orders are placed by hand: the person says what happened."""

    async def record_fill(self, order_id: str, shares: Shares, price: Price, *, after: Shares | None = None) -> None:
        """Enter a fill.

        Args:
            after: what was filled when the person's card was drawn; None when the numbers were typed.

        Raises:
            NotFound, Conflict, Invalid: it cannot have happened, or the card was not the newest.
        """
        ...

    async def record_nothing(self, order_id: str) -> None:
        """The order was not placed, or nothing (more) of it was traded. Raises NotFound or Conflict."""
        ...

    async def record_position(self, symbol: Symbol, shares: Shares, cost: Price) -> None:
        """What is held, in place of what the book has; 0 shares is nothing. Raises Invalid."""
        ...

    async def record_cash(self, cash: Money) -> None:
        """What is free to buy with. Raises Invalid."""
        ...


class QuoteFetcher(Protocol):
    """A source that answers when asked. :class:`core.polling.PolledQuotes` makes a QuoteSource of one or several."""

    name: str

    async def fetch(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        """Fresh quotes now; a symbol that the source does not know is absent.

        Raises:
            Unavailable, Malformed
        """
        ...


class QuoteSource(Protocol):
    """Where prices come from."""

    name: str
    interval: timedelta
    """How often a frame comes while the market is open. A silence of several intervals is a blind period."""

    def watch(self, symbols: Collection[Symbol]) -> None:
        """From now on stream exactly these."""
        ...

    def frames(self) -> AsyncIterator[Frame]:
        """Snapshots of the watched symbols, for ever; keeps the newest where the reader is slow."""
        ...

    async def fetch(self, symbols: Collection[Symbol]) -> Mapping[Symbol, Quote]:
        """Fresh quotes now; a symbol that the source does not know is absent.

        Raises:
            Unavailable, Malformed
        """
        ...


class BarFetcher(Protocol):
    """A source of past bars that answers when asked; how fast it may be asked is its own business."""

    name: str

    async def bars(self, symbol: Symbol, period: Period, count: int) -> Sequence[Bar]:
        """The newest bars, oldest first, the one that is still forming included; none of a symbol it does not know.

        Bars of days are forward adjusted: they stand on the prices of the newest day. Those of minutes are as traded.

        Raises:
            Unavailable, Malformed
        """
        ...


class Model(Protocol):
    """A language model. It has no tools: what it answers is text, which somebody else judges."""

    name: str
    """What is asked for; who answers is said by each completion."""

    async def complete(self, prompt: Prompt) -> Completion:
        """Ask once, without trying again. It takes as long as it takes: whoever asks sets a deadline by cancelling.

        Raises:
            Unavailable: busy, down or cut off; may work later.
            Refused: they will not serve this account: the key, the balance, the name of the model.
            Malformed: what we asked, or what they answered, cannot be read.
        """
        ...

    async def close(self) -> None: ...

    def describe(self) -> str:
        """Which model, and where, in a few words for people."""
        ...


@runtime_checkable
class StreamingModel(Protocol):
    """What a model has beside :class:`Model` when it can be heard while it speaks."""

    def stream(self, prompt: Prompt) -> AsyncGenerator[str | Completion]:
        """The text of the answer piece by piece, then the answer itself. Raises as :meth:`Model.complete`."""
        ...


class Roster(Protocol):
    """A source that can say which securities there are and what they are called today."""

    name: str

    async def sightings(self, known: Collection[Symbol]) -> Sequence[Sighting]:
        """All that is listed, or an error: what is absent is known to be absent.

        Args:
            known: what we have heard of so far, which may have left or lie where the source would not look.

        Raises:
            Unavailable, Malformed
        """
        ...


class MarketGuide(Roster, Protocol):
    """A Roster that also has a calendar of its own, to hold ours against."""

    async def calendar_differences(self) -> Sequence[str]:
        """Where its trading days differ from ours, one Chinese sentence for each difference.

        Raises:
            Unavailable, Malformed
        """
        ...


class Store(Archive, Protocol):
    """What must outlive the process. One method per business step, each one transaction.

    Every method raises Unavailable when the database cannot answer (locked, full, read-only, gone): then nothing of
    that step is stored.
    """

    async def close(self) -> None: ...

    # watches
    async def add_watch(self, watch: Watch, arms: Sequence[Arm], entries: Sequence[Entry] = ()) -> Watch:
        """Store a new watch with what the chronicle says of it, and return it with its number.

        It keeps the number it has, if it has one and its owner never used it; else it gets the next one.
        """
        ...

    async def save_watch(self, watch: Watch, arms: Sequence[Arm] = (), entries: Sequence[Entry] = ()) -> None:
        """Store a changed watch with its entries. ``arms`` replace all earlier ones of this watch when given."""
        ...

    async def watches(self) -> Sequence[Watch]:
        """All that are not deleted, by owner and number."""
        ...

    async def arms(self) -> Sequence[Arm]:
        """Of all watches, by key."""
        ...

    async def memories(self) -> Mapping[str, Memory]:
        """The same by watch, as fast as the database gives it: there may be a million."""
        ...

    async def save_arms(self, arms: Sequence[Arm]) -> None: ...

    # alerts
    async def fire(
        self,
        alerts: Sequence[Alert],
        arms: Sequence[Arm],
        watches: Sequence[Watch],
        tickets: Sequence[Ticket],
        outgoing: Sequence[Outgoing],
        entries: Sequence[Entry] = (),
    ) -> None:
        """Store what one frame caused, together with the messages that tell it: all or nothing.

        A watch that was deleted meanwhile stays deleted.
        """
        ...

    async def alerts(
        self,
        owner: str,
        symbol: Symbol | None = None,
        limit: int = 20,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[Alert]:
        """Newest first.

        Args:
            since, until: judged in this span, its end left out.
        """
        ...

    async def alerts_since(self, since: datetime) -> Sequence[Alert]:
        """What was judged then or later, of all people, oldest first."""
        ...

    async def untold(self, reasons: Collection[Reason], since: datetime) -> Sequence[Alert]:
        """Alerts with one of these reasons, judged then or later, that no message tells; oldest first."""
        ...

    async def unacknowledged(self) -> Sequence[Alert]:
        """Those that are to be said again unless somebody answers, oldest first."""
        ...

    async def acknowledge(self, alert_ids: Collection[str], by: str, at: datetime) -> int:
        """Note who answered, where nobody has before; how many that were. They are not said again."""
        ...

    async def escalate(self, alerts: Sequence[Alert], outgoing: Sequence[Outgoing]) -> None:
        """Store how often these were said again and when they will be next, with the messages that say so."""
        ...

    async def add_silence(self, silence: Silence) -> None: ...

    async def end_silences(self, owner: str, now: datetime, ids: Collection[str] | None = None) -> int:
        """End what is active now, or those of it that are named; how many there were."""
        ...

    async def silences(self, now: datetime) -> Sequence[Silence]:
        """Those that have not ended."""
        ...

    # tickets and orders
    async def add_ticket(self, ticket: Ticket, outgoing: Sequence[Outgoing] = ()) -> None: ...

    async def ticket(self, ticket_id: str) -> Ticket | None: ...

    async def tickets(self, states: Collection[TicketState], limit: int = 50) -> Sequence[Ticket]:
        """Newest first."""
        ...

    async def decide(self, ticket: Ticket, order: Order | None, outgoing: Sequence[Outgoing]) -> bool:
        """Compare and set: store ``ticket``, its order and the messages if the stored ticket is still OPEN.

        Returns:
            False when somebody was faster, or has changed it; then nothing is stored.
        """
        ...

    async def amend(self, ticket: Ticket, outgoing: Sequence[Outgoing]) -> bool:
        """Compare and set: store the next edition of a ticket if the stored one is the one before, in the same state.

        Returns:
            False when somebody was faster; then nothing is stored.
        """
        ...

    async def order(self, order_id: str) -> Order | None: ...

    async def orders(self, *, open_only: bool = False, limit: int = 50) -> Sequence[Order]:
        """Newest first."""
        ...

    async def save_order(self, order: Order, fill: Fill | None, outgoing: Sequence[Outgoing]) -> None:
        """Store an order after a report, its new fill if there is one, and the messages that tell it."""
        ...

    async def fills(self, account: str | None = None, limit: int = 50) -> Sequence[Fill]:
        """Newest first."""
        ...

    # the curve of an account
    async def save_worths(self, worths: Sequence[Worth]) -> None:
        """Store what accounts were worth; one of the same account and day is replaced."""
        ...

    async def worths(self, account: str, since: date | None = None, until: date | None = None) -> Sequence[Worth]:
        """By day, oldest first, both ends included."""
        ...

    # messages
    async def enqueue(self, outgoing: Sequence[Outgoing]) -> None: ...

    async def unsent(self) -> Sequence[Outgoing]:
        """Queued rows, oldest first."""
        ...

    async def delivered(self, outgoing: Outgoing) -> None:
        """Store a row after an attempt. A SENT row with a card key becomes what the card's next version replaces.

        Earlier versions of it that are still queued count as sent: they must not come after it and take its place.
        """
        ...

    async def card_ref(self, chat: Chat, card: str) -> str | None:
        """The vendor's id of the newest sent message with this card key."""
        ...

    async def deliveries(self, alert_ids: Collection[str]) -> Sequence[Outgoing]:
        """The messages that told these alerts."""
        ...

    async def forget(self, before: datetime, states: Collection[Delivery]) -> int:
        """Delete outbox rows of these states that were created earlier, except the newest of each card.

        Nothing is kept of the cards that are replaced soon or never, see :data:`core.messages.PASSING_CARDS`.
        """
        ...

    # bars
    async def save_bars(
        self, period: Period, bars: Sequence[Bar], source: str = "", /, *, replace: bool = False
    ) -> None:
        """Store many bars; one of the same symbol, period and time is replaced. Amounts are rounded to yuan.

        Args:
            replace: what was stored of these symbols in this period goes.
        """
        ...

    async def bars(
        self, symbols: Collection[Symbol], period: Period, since: datetime | None = None, limit: int | None = None
    ) -> Mapping[Symbol, Sequence[Bar]]:
        """What is stored of these, per symbol and oldest first; a symbol without bars is absent.

        Args:
            limit: the newest so many of each symbol.
        """
        ...

    async def bars_until(self, period: Period) -> Mapping[Symbol, datetime]:
        """The time of the newest bar of each symbol."""
        ...

    async def rescale_bars(self, changes: Sequence[Rescale]) -> None:
        """Multiply the prices of every period before an ex-date; what was traded stays."""
        ...

    async def forget_bars(self, period: Period, before: datetime) -> int:
        """Delete earlier bars; how many there were."""
        ...

    # what /why remembers
    async def save_entries(self, entries: Sequence[Entry]) -> None:
        """Store many; one with the key of another takes its place."""
        ...

    async def entries(
        self,
        subjects: Collection[str] | None,
        *,
        kinds: Collection[Kind] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Sequence[Entry]:
        """Newest first; of what lasted for a while, what lasted into this span counts as well. Its end is left out.

        Args:
            subjects: None is all there are: every entry is looked at.
        """
        ...

    async def forget_entries(self, before: datetime) -> int:
        """Delete earlier ones; how many there were."""
        ...

    # names
    async def securities(self) -> Sequence[Security]:
        """What was learnt of names, by symbol."""
        ...

    async def save_securities(self, securities: Sequence[Security]) -> None:
        """Store many; one of the same symbol is replaced."""
        ...

    # people; every change and every refusal is an event of the journal
    async def members(self) -> Sequence[Member]:
        """All that ever were, by key."""
        ...

    async def member(self, channel: str, user_id: str) -> Member | None: ...

    async def save_member(self, member: Member, at: datetime, outgoing: Sequence[Outgoing] = ()) -> bool:
        """Store a changed or ended member with the messages that tell it.

        Returns:
            False when the stored one has ended already; then nothing is stored.
        """
        ...

    async def add_invitation(self, invitation: Invitation) -> None: ...

    async def invitations(self, since: datetime) -> Sequence[Invitation]:
        """Those that were made then or later, oldest first."""
        ...

    async def accept(self, digest: str, member: Member, at: datetime, outgoing: Sequence[Outgoing] = ()) -> bool:
        """Compare and set: use an invitation up and store whom it lets in, if it is unused and not expired at ``at``.

        Returns:
            False when somebody was faster, or it has expired; then nothing is stored.
        """
        ...

    async def refuse(self, refusal: Refusal, outgoing: Sequence[Outgoing] = ()) -> bool:
        """Write a refusal into the journal; the messages go with it only if its subject was never refused before.

        Returns:
            Whether it is the first, so that the messages were stored.
        """
        ...

    # the journal; every step above that concerns money writes into it
    async def journal(self, subject: str | None = None) -> Sequence[Event]:
        """All events, or those of one ticket or setting, in order."""
        ...

    # small things
    async def value(self, key: str) -> str | None:
        """A setting made in chat (panic, dialogue of a chat, …)."""
        ...

    async def set_value(self, key: str, value: str | None) -> None:
        """None deletes."""
        ...
