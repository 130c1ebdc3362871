"""The smallest words of the domain: Symbol, Price, Shares, Side, and how they are read and written.

A price has two forms. People and orders use :class:`~decimal.Decimal` yuan per share; arrays use int64 thousandths of a
yuan (*milli*), so that a threshold is compared exactly and never as a float.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final, NewType

from pydantic import BaseModel, ConfigDict

from core.errors import Invalid

Symbol = NewType("Symbol", str)
"""Canonical code, ``600519.SH``: six digits, a dot, SH, SZ or BJ. Made by :func:`parse_symbol` alone; a whole account,
which is watched like a share, has one from :func:`account_symbol`."""

Price = Decimal
"""Yuan per share."""

Money = Decimal
"""Yuan."""

Shares = int

FEN: Final = Decimal("0.01")


class Noun(BaseModel):
    """A frozen record of the domain. Unknown fields are refused, so a typing error cannot be stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def chinese(self) -> str:
        return "买入" if self is Side.BUY else "卖出"


class Mode(StrEnum):
    """Whether an account holds real money. It never changes by itself and stands on every message about money."""

    PAPER = "paper"
    LIVE = "live"
    MANUAL = "manual"

    @property
    def chinese(self) -> str:
        return {"paper": "模拟", "live": "实盘", "manual": "手动"}[self.value]


# Source: code ranges as the exchanges assign them, docs of SSE, SZSE and BSE; longest prefix wins.
_EXCHANGE_BY_PREFIX: Final = (
    ("920", "BJ"),
    ("900", "SH"),
    ("200", "SZ"),
    ("43", "BJ"),
    ("83", "BJ"),
    ("87", "BJ"),
    ("88", "BJ"),
    ("60", "SH"),
    ("68", "SH"),
    ("5", "SH"),
    ("11", "SH"),
    ("00", "SZ"),
    ("30", "SZ"),
    ("15", "SZ"),
    ("16", "SZ"),
    ("18", "SZ"),
    ("12", "SZ"),
    ("399", "SZ"),
)
_WRITTEN: Final = re.compile(r"^(?:(?P<head>sh|sz|bj)\.?)?(?P<code>\d{6})(?:\.(?P<tail>sh|sz|bj|ss))?$", re.IGNORECASE)


def parse_symbol(text: str) -> Symbol:
    """Read a code in any of the forms people and programs write.

    A bare code gets the exchange that assigns its range. ``000001`` is therefore the Shenzhen share and never the
    Shanghai index, which must be written ``000001.SH``.

    Raises:
        Invalid: the text is no code, names two exchanges, or lies in no known range.

    >>> parse_symbol("600519"), parse_symbol("SH600519"), parse_symbol("000001.sz"), parse_symbol("920118")
    ('600519.SH', '600519.SH', '000001.SZ', '920118.BJ')
    """
    match = _WRITTEN.match(text.strip())
    if is_account(text):
        raise Invalid(f"“{text}”是账户，不是股票代码。")
    if match is None:
        raise Invalid(f"“{text}”不是股票代码。代码是六位数字，例如 600519 或 600519.SH。")
    head, code, tail = match["head"], match["code"], match["tail"]
    if head and tail:
        raise Invalid(f"“{text}”写了两个交易所，请只写一个，例如 600519.SH。")
    named = (head or tail or "").upper().replace("SS", "SH")
    if named:
        return Symbol(f"{code}.{named}")
    for prefix, exchange in _EXCHANGE_BY_PREFIX:
        if code.startswith(prefix):
            return Symbol(f"{code}.{exchange}")
    raise Invalid(f"没有以 {code[:3]} 开头的沪深北证券代码，请核对“{text}”。")


def code_of(symbol: Symbol) -> str:
    """The six digits."""
    return symbol[:6]


def exchange_of(symbol: Symbol) -> str:
    """SH, SZ or BJ."""
    return symbol[7:]


_ACCOUNT: Final = ".ACCT"


def account_symbol(account: str) -> Symbol:
    """What a whole account is watched under: a symbol that no source quotes and no order can name.

    >>> account_symbol("paper"), is_account(account_symbol("paper")), account_of(account_symbol("paper"))
    ('paper.ACCT', True, 'paper')
    """
    return Symbol(account + _ACCOUNT)


def is_account(symbol: str) -> bool:
    return symbol.endswith(_ACCOUNT)


def account_of(symbol: Symbol) -> str:
    """The account behind the symbol that :func:`account_symbol` made."""
    return symbol.removesuffix(_ACCOUNT)


def to_milli(price: Price) -> int:
    """Thousandths of a yuan, half up.

    >>> to_milli(Decimal("1419.09"))
    1419090
    """
    return int((price * 1000).to_integral_value(ROUND_HALF_UP))


def from_milli(milli: int) -> Price:
    """Yuan, with three decimals only where the third one is not zero.

    >>> from_milli(1419090), from_milli(4751)
    (Decimal('1419.09'), Decimal('4.751'))
    """
    return _from_milli(int(milli))  # an element of an array is no int


@lru_cache(maxsize=1 << 16)
def _from_milli(milli: int) -> Price:
    if milli % 10:
        return Decimal(milli).scaleb(-3)
    return Decimal(milli // 10).scaleb(-2)


def price_text(price: Price) -> str:
    """A price as people read it: two decimals, a third one only where it says something.

    >>> price_text(Decimal("1400")), price_text(Decimal("4.751"))
    ('1400.00', '4.751')
    """
    short = f"{price:.2f}"  # and no quantize, which gives up at 28 digits: a slip must be shown too
    return short if Decimal(short) == price else f"{price:.3f}"


def money_text(amount: Money) -> str:
    """Yuan with thousands separators and fen.

    >>> money_text(Decimal("-1234567.891"))
    '-1,234,567.89'
    """
    return f"{amount.quantize(FEN, ROUND_HALF_UP) if amount.adjusted() < _MOST_DIGITS else amount:,.2f}"


_MOST_DIGITS: Final = 24
"""Before the point; with more of them :mod:`decimal` would not round."""


def percent_text(percent: Decimal, *, sign: bool = False) -> str:
    """``5`` means 5 %.

    >>> percent_text(Decimal("-0.5")), percent_text(Decimal("3"), sign=True)
    ('-0.50%', '+3.00%')
    """
    return f"{percent:+.2f}%" if sign else f"{percent:.2f}%"
