"""Report: what 盘前, 午间, 盘后 and 周报 hold, from what is known when they are made. Pure: every figure is a record's.

Whose it is, and what that person may see, is decided by whoever gathers :class:`Known`; nothing here leaves it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from core.alerts import Alert, Reason, Silence
from core.calendar import CLOSE, next_trading_day, previous_trading_day
from core.chronicle import Approach, Entry, Kind, nearest
from core.clock import market_time
from core.consultations import Spent
from core.editions import Closure, Edition, closure_after, closure_ahead, day_of, first_day, under_way
from core.ex_dates import ExDate
from core.frames import Quote
from core.judging import Rule
from core.market import board_of, settles_same_day, tick
from core.orders import Fill, Order
from core.portfolio import Account
from core.reckoning import Earned, Seen, day_of_fill
from core.sheet import Curve, Sheet
from core.tally import Tally
from core.tickets import Ticket, TicketState
from core.types import FEN, Money, Price, Shares, Side, Symbol, to_milli
from core.view import View
from core.watches import Watch
from core.zones import Gauge

NEAR: Final = Decimal(5)
"""Percent that a price may still have to move to its line to be told as near."""
MANY_ALERTS: Final = 2000
"""So many are looked at; of more, what is counted is the least there was."""
NOISY: Final = 5
"""So many alerts of one watch in a week, with no answer to any, are called noise."""
_DAY: Final = timedelta(days=1)
_NOTHING: Final = Decimal(0)
_NO_COST: Final = Spent()


# -- how near the lines are


class Near(NamedTuple):
    """A line that a watch waits at.

    Attributes:
        condition: in words.
        reading, bound: in the unit of the gauge.
        percent: what the reading must still move by, below 0 downwards.
    """

    number: int
    symbol: Symbol
    condition: str
    gauge: Gauge
    reading: int
    bound: int
    percent: Decimal


def at_rest(quote: Quote) -> Quote:
    """A quote as the next day begins with it: nothing has traded, and the close is the previous close."""
    close = quote.last or quote.preclose
    nothing = dict.fromkeys(("open", "high", "low", "limit_up", "limit_down", "bid", "ask", "amount", "turnover"))
    return quote.model_copy(update={**nothing, "last": close, "preclose": close, "volume": 0})


def near_of(rule: Rule, view: View, *, resting: bool) -> Near | None:
    """How near a rule is to its line; None where it waits for no price or worth, holds already, or cannot be judged.

    Args:
        resting: the day has not begun: what is measured from the day says nothing yet.
    """
    if resting and rule.daily:
        return None
    found = nearest(rule, view, None)
    if not isinstance(found, Approach) or found.inside or found.gauge not in {Gauge.PRICE, Gauge.TOTAL}:
        return None
    if found.reading <= 0:
        return None
    bound = found.bound
    if found.gauge.has_ticks:  # people trade in steps: the line is the first step in the zone
        size = to_milli(tick(board_of(rule.key.symbol)))
        bound = -(-bound // size) * size if bound > found.reading else bound // size * size
    percent = (Decimal(bound) / found.reading - 1) * 100
    said = rule.watch.condition_text(rule.watch.groups()[rule.key.group])
    return Near(rule.watch.number, rule.key.symbol, said, found.gauge, found.reading, bound, percent)


# -- what fired


class Fired(NamedTuple):
    """Alerts of one rule that were told.

    Attributes:
        last: the newest of them.
    """

    last: Alert
    times: int


def fired(alerts: Iterable[Alert]) -> tuple[Fired, ...]:
    """What was told, rule by rule, the newest first.

    Args:
        alerts: newest first.
    """
    rules: dict[tuple[str, Symbol, int], list[Alert]] = {}
    for alert in alerts:
        if alert.reason.tells:
            rules.setdefault((alert.watch_id, alert.symbol, alert.group), []).append(alert)
    return tuple(Fired(found[0], len(found)) for found in rules.values())


class Told(NamedTuple):
    """A watch over a week.

    Attributes:
        last: the newest of its alerts; ``several``: there were also some of other shares.
        told, hushed: alerts that were told, and that were not.
        answered: of those told, how many somebody answered or decided on a card of.
    """

    last: Alert
    told: int
    hushed: int
    answered: int
    several: bool = False

    @property
    def is_noise(self) -> bool:
        return self.told >= NOISY and not self.answered


def told_by_watch(alerts: Iterable[Alert], tickets: Iterable[Ticket]) -> tuple[Told, ...]:
    """How often each watch spoke, the loudest first.

    Args:
        alerts: newest first.
    """
    by_person = {TicketState.APPROVED, TicketState.REJECTED}
    decided = {one.alert_id for one in tickets if one.state in by_person}
    watches: dict[str, list[Alert]] = {}
    for alert in alerts:
        watches.setdefault(alert.watch_id, []).append(alert)
    found = []
    for mine in watches.values():
        said = [one for one in mine if one.reason.tells]
        answered = sum(one.acked_at is not None or one.id in decided for one in said)
        several = len({one.symbol for one in mine}) > 1
        found.append(Told(mine[0], len(said), len(mine) - len(said), answered, several))
    return tuple(sorted(found, key=lambda one: -one.told))


# -- what was decided


class Missed(NamedTuple):
    """A card that came to nothing, and what it would have earned at its limit.

    Attributes:
        gain: yuan until now, before fees; None where no price is known, or the price never came to the limit.
        why: why there is no gain.
    """

    ticket: Ticket
    gain: Money | None
    why: str = ""


def missed(tickets: Sequence[Ticket], seen: Mapping[Symbol, Seen], now: datetime) -> tuple[Missed, ...]:
    """The cards that were rejected or left to expire, with what they would have earned; the oldest first.

    One whose like was approved later stands for nothing: the person took another price.
    """
    taken = [(_wish(one), one.created_at) for one in tickets if one.state is TicketState.APPROVED]
    found = []
    for ticket in sorted(tickets, key=lambda one: one.created_at):
        ignored = ticket.state is TicketState.EXPIRED or (ticket.state is TicketState.OPEN and not ticket.open_at(now))
        if not ignored and ticket.state is not TicketState.REJECTED:
            continue
        if any(wish == _wish(ticket) and at >= ticket.created_at for wish, at in taken):
            continue
        found.append(_missed(ticket, seen.get(ticket.symbol)))
    return tuple(found)


def _wish(ticket: Ticket) -> tuple[str, Symbol, Side]:
    return ticket.account, ticket.symbol, ticket.side


def _missed(ticket: Ticket, seen: Seen | None) -> Missed:
    if seen is None or seen.price is None or seen.quote is None:
        return Missed(ticket, None, "没有行情")
    quote, buys = seen.quote, ticket.side is Side.BUY
    extreme = quote.low if buys else quote.high
    reached = extreme is None or (extreme <= ticket.limit if buys else extreme >= ticket.limit)
    if not reached:  # of the whole day: before the card the price may have been there
        return Missed(ticket, None, "当天没到这个价")
    way = 1 if buys else -1
    return Missed(ticket, ((seen.price - ticket.limit) * ticket.shares * way).quantize(FEN, ROUND_HALF_UP))


# -- what was earned


class Book(NamedTuple):
    """An account that the person may see.

    Attributes:
        curve: what it was worth day by day, also before the days that are looked back on.
        closes: of the shares before the first day, forward adjusted; only where more than a day is looked back on.
        note: what must be said of it: that it does not answer, or that the day's worth was not recorded; Chinese.
    """

    sheet: Sheet
    curve: Curve
    closes: Mapping[Symbol, Price] = {}
    note: str = ""


class Earnings(NamedTuple):
    """What an account earned.

    Attributes:
        gain: yuan, of all shares whose gain is known; None where none is.
        percent: of what it was worth before; None where that is not known, or a share is missing.
        total: what it is worth; None where that is not known.
        rows: share by share, the largest in size first; those that are not known last.
        since: the close that it is counted from, where that is none of the usual.
        until: the close that it is counted to, where later ones are not known.
        fills: trades of the days, oldest first.
    """

    account: Account
    gain: Money | None
    percent: Decimal | None
    total: Money | None
    rows: tuple[Earned, ...]
    fills: tuple[Fill, ...]
    since: date | None = None
    until: date | None = None
    note: str = ""

    @property
    def moved(self) -> bool:
        """Whether there is anything to tell: something is held, or was traded."""
        return bool(self.rows or self.fills)


def earned_in_day(book: Book, day: date) -> Earnings:
    """What an account earned on the day of its sheet."""
    sheet = book.sheet
    rows = _largest_first(sheet.earned.values())
    known = any(one.gain is not None for one in rows)
    fills = tuple(one for one in sheet.fills if day_of_fill(one) == day)
    gain = sheet.today if known else None
    return Earnings(sheet.account, gain, sheet.today_percent, sheet.total, rows, fills, note=book.note)


def earned_in_week(book: Book, first: date) -> Earnings:
    """What an account earned since the close before ``first``, by what it was worth.

    Where no record of that or of today is there, by its shares; where one of these is not known either, as far as the
    records reach.
    """
    sheet, curve = book.sheet, _week_of(book.curve, first)
    rows = _largest_first(earned_since(first, sheet, book.closes))
    fills = tuple(one for one in sheet.fills if day_of_fill(one) >= first)
    reaches = bool(curve.points) and curve.points[-1].day == sheet.day
    if reaches and curve.whole is not None and curve.points[0].day < first:
        return Earnings(sheet.account, curve.whole, curve.percent, sheet.total, rows, fills, note=book.note)
    gains = [one.gain for one in rows if one.gain is not None]
    if rows and len(gains) == len(rows):
        gain = sum(gains, _NOTHING)
        before = sheet.total - gain if sheet.total is not None else _NOTHING
        percent = gain / before * 100 if before > 0 else None
        return Earnings(sheet.account, gain, percent, sheet.total, rows, fills, note=book.note)
    points = curve.points if curve.whole is not None else ()
    since = points[0].day if points and points[0].day >= first else None
    until = points[-1].day if points and not reaches else None
    return Earnings(sheet.account, curve.whole, curve.percent, sheet.total, rows, fills, since, until, book.note)


def _week_of(curve: Curve, first: date) -> Curve:
    """From the last record before that day on."""
    earlier = [one for one in curve.worths if one.day < first and one.total is not None]
    return Curve([*earlier[-1:], *(one for one in curve.worths if one.day >= first)], curve.now)


def earned_since(first: date, sheet: Sheet, closes: Mapping[Symbol, Price]) -> list[Earned]:
    """What each share that is held, or was traded since, brought from the close before ``first`` until now.

    As :func:`core.reckoning.earned_on`: fees are taken off, and what came in without a trade was there before.

    Args:
        closes: before that day, on the prices of now.
    """
    fills = [one for one in sheet.fills if day_of_fill(one) >= first]
    held = {one.symbol: one.shares for one in sheet.account.positions if one.shares}
    return [
        _since(symbol, held.get(symbol, 0), [one for one in fills if one.symbol == symbol], sheet, closes.get(symbol))
        for symbol in dict.fromkeys([*held, *(one.symbol for one in fills)])
    ]


def _since(symbol: Symbol, shares: Shares, fills: Sequence[Fill], sheet: Sheet, close: Price | None) -> Earned:
    before = shares - sum(_way(one) * one.shares for one in fills)
    seen = sheet.found.get(symbol)
    if before < 0:
        return Earned(symbol, None, "成交记录和持仓对不上")
    if before and close is None:
        return Earned(symbol, None, "没有上周的收盘价")
    if shares and (seen is None or seen.price is None):
        return Earned(symbol, None, seen.why if seen is not None and seen.why else "没有行情")
    now = shares * (seen.price or _NOTHING) if seen is not None else _NOTHING
    paid = sum((_way(one) * one.price * one.shares + one.fee for one in fills), _NOTHING)
    return Earned(symbol, (now - before * (close or _NOTHING) - paid).quantize(FEN, ROUND_HALF_UP))


def _way(fill: Fill) -> int:
    return 1 if fill.side is Side.BUY else -1


def _largest_first(rows: Iterable[Earned]) -> tuple[Earned, ...]:
    return tuple(sorted(rows, key=lambda one: (one.gain is None, -abs(one.gain or _NOTHING))))


class Freed(NamedTuple):
    """Shares that were bought on the last trading day and may be sold from today on."""

    account: Account
    symbol: Symbol
    shares: Shares


def freed(sheet: Sheet, day: date) -> list[Freed]:
    """What T+1 sets free on a trading day, as far as it is still held; what settles on the same day was free before."""
    bought: Counter[Symbol] = Counter()
    last = previous_trading_day(day)
    for fill in sheet.fills:
        if day_of_fill(fill) == last and fill.side is Side.BUY and not settles_same_day(fill.symbol):
            bought[fill.symbol] += fill.shares
    held = {one.symbol: one.shares for one in sheet.account.positions}
    found = {symbol: min(count, held.get(symbol, 0)) for symbol, count in bought.items()}
    return [Freed(sheet.account, symbol, count) for symbol, count in found.items() if count]


# -- the whole


class ExDay(NamedTuple):
    """An ex-date of what the person watches or holds.

    Attributes:
        unanswered: watches of his have prices of before it.
    """

    ex: ExDate
    unanswered: bool = False


@dataclass(frozen=True)
class Known:
    """All that a report of one person is made of.

    Attributes:
        watches: the person's own, in any state but deleted.
        nears: of their rules, in any order.
        alerts: the person's, of the days that are looked back on; newest first.
        tickets, orders: of the accounts that he may see, of these days and what is still open; newest first.
        seen: how the shares of the tickets are quoted.
        entries: of these days: blind periods, doubts and what could not be judged.
        quiet: his quiet hours, in words, where it is they that hold now.
        panicked: who pulled the kill switch.
        ex_dates: of these days, and those that are not answered yet.
        cost: what models cost the person in these days.
        score: how his analyses of the last year have fared; ``analysed`` how many were made in these days.
        names: of shares and accounts.
        late: it comes after its hour, because the program was not running.
    """

    edition: Edition
    now: datetime
    names: Mapping[Symbol, str] = field(default_factory=dict)
    watches: Sequence[Watch] = ()
    nears: Sequence[Near] = ()
    alerts: Sequence[Alert] = ()
    tickets: Sequence[Ticket] = ()
    orders: Sequence[Order] = ()
    books: Sequence[Book] = ()
    seen: Mapping[Symbol, Seen] = field(default_factory=dict)
    entries: Sequence[Entry] = ()
    silences: Sequence[Silence] = ()
    quiet: str = ""
    panicked: str | None = None
    ex_dates: Sequence[ExDay] = ()
    cost: Spent = _NO_COST
    score: Tally | None = None
    analysed: int = 0
    late: bool = False


@dataclass(frozen=True)
class Report:
    """What one edition says of one day or week; what it has nothing of is empty.

    Attributes:
        first, day: the days that it looks back on; ``day`` alone for the others.
        nears: near lines, the nearest first; where none is near the nearest one alone.
        open_tickets: that wait for a tap.
        untold: why alerts were not told, and how many.
        expiring: watches that end soon.
        decided: how many cards came to which end; those that wait are ``open_tickets``.
        orders: that were sent in these days; ``open_orders`` those that are not done.
        closed: the rest before the day, and ``closure`` the next one.
    """

    known: Known
    first: date
    day: date
    nears: tuple[Near, ...]
    open_tickets: tuple[Ticket, ...]
    open_orders: tuple[Order, ...]
    fired: tuple[Fired, ...] = ()
    untold: Mapping[Reason, int] = field(default_factory=dict)
    watches: tuple[Told, ...] = ()
    decided: Mapping[TicketState, int] = field(default_factory=dict)
    missed: tuple[Missed, ...] = ()
    orders: tuple[Order, ...] = ()
    earnings: tuple[Earnings, ...] = ()
    freed: tuple[Freed, ...] = ()
    expiring: tuple[Watch, ...] = ()
    blind: tuple[Entry, ...] = ()
    doubts: tuple[Entry, ...] = ()
    unjudged: tuple[Entry, ...] = ()
    closed: Closure | None = None
    closure: Closure | None = None

    @property
    def edition(self) -> Edition:
        return self.known.edition

    @property
    def under_way(self) -> bool:
        """Whether the market has opened and not yet closed: what is near is so by the prices of now."""
        return under_way(self.known.now)

    @property
    def so_far(self) -> bool:
        """Whether the last day of it is still under way."""
        local = market_time(self.known.now)
        return self.edition in {Edition.CLOSE, Edition.WEEK} and local.date() == self.day and local.time() < CLOSE


def report(known: Known) -> Report:
    """The edition that is asked for."""
    edition, now = known.edition, known.now
    day = day_of(edition, now)
    first = first_day(edition, day)
    nears = sorted(known.nears, key=lambda one: abs(one.percent))
    near = tuple(one for one in nears if abs(one.percent) <= NEAR)
    common = Report(
        known=known,
        first=first,
        day=day,
        nears=near or tuple(nears[:1]),
        open_tickets=tuple(one for one in known.tickets if one.open_at(now)),
        open_orders=tuple(one for one in known.orders if not one.state.final),
        expiring=_expiring(known.watches, edition, day, now),
        closure=closure_ahead(day),
    )
    if edition is Edition.MORNING:
        loose = tuple(one for book in known.books for one in freed(book.sheet, day))
        return replace(common, freed=loose, closed=closure_after(previous_trading_day(day)))
    tickets = [one for one in known.tickets if first <= market_time(one.created_at).date() <= day]
    earned = [earned_in_week(one, first) if edition is Edition.WEEK else earned_in_day(one, day) for one in known.books]
    looked_back = replace(
        common,
        fired=fired(known.alerts),
        untold=Counter(one.reason for one in known.alerts if not one.reason.tells),
        decided=Counter(state for one in tickets if (state := _state(one, now)) is not TicketState.OPEN),
        orders=tuple(one for one in known.orders if first <= market_time(one.created_at).date() <= day),
        earnings=tuple(one for one in earned if one.moved),
    )
    if edition is Edition.NOON:
        return looked_back
    gaps = replace(
        looked_back,
        blind=tuple(one for one in known.entries if one.kind is Kind.BLIND),
        doubts=_longest(one for one in known.entries if one.kind is Kind.DOUBT),
        unjudged=tuple(one for one in known.entries if one.kind is Kind.UNJUDGED),
    )
    if edition is Edition.CLOSE:
        return replace(gaps, missed=missed(tickets, known.seen, now))
    return replace(gaps, watches=told_by_watch(known.alerts, tickets))


def _state(ticket: Ticket, now: datetime) -> TicketState:
    """That an open card has expired follows from the time."""
    ended = ticket.state is TicketState.OPEN and not ticket.open_at(now)
    return TicketState.EXPIRED if ended else ticket.state


def _expiring(watches: Iterable[Watch], edition: Edition, day: date, now: datetime) -> tuple[Watch, ...]:
    """The live watches whose last day is the coming trading day, or lies in the week after this one."""
    if edition is Edition.WEEK:
        last = day + (13 - day.weekday()) * _DAY
    else:
        last = next_trading_day(day) if edition is Edition.CLOSE else day
    dated = [(one.expires_on, one.number, one) for one in watches if one.expires_on is not None and one.live_at(now)]
    return tuple(one for ends, _, one in sorted(dated, key=lambda row: row[:2]) if ends <= last)


def _longest(doubts: Iterable[Entry]) -> tuple[Entry, ...]:
    """The stretches in which a share was not judged, the longest first."""
    return tuple(sorted(doubts, key=lambda one: one.at - one.until))
