"""What was earned, and since when: today's profit share by share, the gain of every sale, how long something is held.

All of it follows from the account as it is now, its trades and the quotes. Where one of these is missing the figure is
not known, and the reason is said; nothing is guessed. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from core.clock import market_time
from core.frames import Quote
from core.orders import Fill
from core.portfolio import Account
from core.types import FEN, Money, Price, Shares, Side, Symbol

_NONE: Final = Decimal(0)


class Seen(NamedTuple):
    """A share's quote as it counts for an answer.

    Attributes:
        price: what it is worth; None with the reason in ``why``.
    """

    quote: Quote | None
    price: Price | None
    why: str = ""


class Earned(NamedTuple):
    """What a share brought on one day.

    Attributes:
        gain: yuan, after the fees of the day's trades; None with the reason in ``why``.
    """

    symbol: Symbol
    gain: Money | None
    why: str = ""


class Sale(NamedTuple):
    """What a fill of a sell earned.

    Attributes:
        gain: yuan, after all fees; None where the cost was not known.
        exact: False where the cost was worked back from what is held now, to the cent or two.
    """

    fill: Fill
    gain: Money | None
    exact: bool = True


def seen(quote: Quote | None, *, trusted: bool = True) -> Seen:
    """What a quote says a share is worth.

    Args:
        trusted: False where the engine holds it for bad data.
    """
    if quote is None:
        return Seen(None, None, "没有行情")
    if not trusted:
        return Seen(quote, None, "价格超出涨跌停，疑为坏数据")
    price = quote.last or quote.worth
    return Seen(quote, price, "" if price is not None else "没有成交价")


def day_of_fill(fill: Fill) -> date:
    return market_time(fill.at).date()


def earned_on(day: date, account: Account, fills: Sequence[Fill], found: Mapping[Symbol, Seen]) -> list[Earned]:
    """What each share that is held or was traded on a day brought, by the account as it is now.

    Shares held since the day before are measured from the previous close, what was bought from its price, and what was
    sold by what it brought; the fees are taken off. What came in without a trade of ours counts as held since the day
    before.

    Args:
        fills: all trades of the account.
        found: of everything that is held or was traded that day.
    """
    of_day = [fill for fill in fills if day_of_fill(fill) == day]
    held = {one.symbol: one.shares for one in account.positions if one.shares}
    symbols = dict.fromkeys([*held, *(fill.symbol for fill in of_day)])
    return [
        _earned(symbol, held.get(symbol, 0), [one for one in of_day if one.symbol == symbol], found.get(symbol), day)
        for symbol in symbols
    ]


def _earned(symbol: Symbol, shares: Shares, fills: Sequence[Fill], found: Seen | None, day: date) -> Earned:
    before = shares - sum(_way(fill) * fill.shares for fill in fills)
    quote = found.quote if found is not None else None
    if before < 0:
        return Earned(symbol, None, "成交记录和持仓对不上")
    if found is None or quote is None:
        return Earned(symbol, None, "没有行情")
    quoted_on = market_time(quote.quoted_at).date()
    if quoted_on != day:
        return Earned(symbol, None, f"行情停在 {quoted_on:%m-%d}")
    if before and not quote.preclose:
        return Earned(symbol, None, "没有昨收价")
    if shares and found.price is None:
        return Earned(symbol, None, found.why)
    now = shares * (found.price or _NONE)
    gain = now - before * (quote.preclose or _NONE) - sum(_way(fill) * _amount(fill) + fill.fee for fill in fills)
    return Earned(symbol, gain.quantize(FEN, ROUND_HALF_UP))


def _way(fill: Fill) -> int:
    return 1 if fill.side is Side.BUY else -1


def _amount(fill: Fill) -> Money:
    return fill.price * fill.shares


def sales(account: Account, fills: Sequence[Fill]) -> list[Sale]:
    """The gain of every sale, in the order of the trades, at the average cost of what was held then.

    Args:
        fills: all trades of the account, oldest first.
    """
    by_symbol: dict[Symbol, list[Fill]] = {}
    for fill in fills:
        by_symbol.setdefault(fill.symbol, []).append(fill)
    gains: dict[tuple[Symbol, str], Sale] = {}
    for symbol, of_symbol in by_symbol.items():
        position = account.position(symbol)
        shares = position.shares if position is not None else 0
        cost = position.cost * shares if position is not None else _NONE
        begun = shares - sum(_way(fill) * fill.shares for fill in of_symbol)
        found = _forward(of_symbol) if begun == 0 else _backward(of_symbol, shares, cost) if begun > 0 else ()
        gains |= {(symbol, sale.fill.id): sale for sale in found}
    sold = (fill for fill in fills if fill.side is Side.SELL)
    return [gains.get((fill.symbol, fill.id), Sale(fill, None)) for fill in sold]


def _forward(fills: Iterable[Fill]) -> list[Sale]:
    """From nothing on: everything that was paid is known."""
    shares, cost = 0, _NONE
    found: list[Sale] = []
    for fill in fills:
        if fill.side is Side.BUY:
            shares, cost = shares + fill.shares, cost + _amount(fill) + fill.fee
            continue
        if fill.shares > shares:  # sold before it was bought: the trades are not all there
            return found
        gone = cost if fill.shares == shares else (cost * fill.shares / shares).quantize(FEN, ROUND_HALF_UP)
        found.append(Sale(fill, (_amount(fill) - fill.fee - gone).quantize(FEN, ROUND_HALF_UP)))
        shares, cost = shares - fill.shares, cost - gone
    return found


def _backward(fills: Sequence[Fill], shares: Shares, cost: Money) -> list[Sale]:
    """From what is held now back: a sale leaves the average cost as it was."""
    found: list[Sale] = []
    for fill in reversed(fills):
        if fill.side is Side.BUY:
            shares, cost = shares - fill.shares, cost - _amount(fill) - fill.fee
            if shares <= 0:
                return found
            continue
        if shares <= 0:
            return found  # all was sold: nothing says any more what it had cost
        average = cost / shares
        gain = _amount(fill) - fill.fee - average * fill.shares
        found.append(Sale(fill, gain.quantize(FEN, ROUND_HALF_UP), exact=False))
        shares, cost = shares + fill.shares, average * (shares + fill.shares)
    return found


def held_since(symbol: Symbol, account: Account, fills: Sequence[Fill]) -> date | None:
    """The day of the first purchase of what is held now; None where it was there before our records.

    Args:
        fills: all trades of the account, oldest first.
    """
    shares = next((one.shares for one in account.positions if one.symbol == symbol), 0)
    for fill in reversed([fill for fill in fills if fill.symbol == symbol]):
        shares -= _way(fill) * fill.shares
        if shares <= 0 and fill.side is Side.BUY:
            return day_of_fill(fill) if shares == 0 else None
    return None


def withdrawable(cash: Money, fills: Sequence[Fill], day: date) -> Money:
    """What may surely be taken out on a day: the free cash less what the day's sales brought, which comes tomorrow.

    Source: settlement of A-shares; the proceeds of a sale may be used at once and taken out on the next trading day.
    """
    brought = sum((_amount(f) - f.fee for f in fills if f.side is Side.SELL and day_of_fill(f) == day), _NONE)
    return max(cash - brought, _NONE)
