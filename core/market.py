"""The rules of the A-share market as dated tables: board, lot, tick, price limit, settlement, fees.

Every row names where it comes from. A rule changes by adding a row with its first day, never by editing one, so that
a replay of last year is judged by last year's rules. The exchange's own limit prices, where a quote carries them, are
better than :func:`price_limits`: they know the first days of delisting periods, resumptions and convertible bonds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final

from core.types import FEN, Money, Noun, Price, Shares, Side, Symbol, code_of, exchange_of, is_account


class Board(StrEnum):
    """Which set of rules a symbol trades under."""

    MAIN = "main"
    CHINEXT = "chinext"
    STAR = "star"
    BSE = "bse"
    FUND = "fund"
    BOND = "bond"
    """Convertible bonds alone."""
    INDEX = "index"
    B_SHARE = "b_share"
    OTHER = "other"
    """What an account may hold and nobody orders here: repo, treasury bonds, subscription rights."""

    @property
    def chinese(self) -> str:
        return _BOARD_CHINESE[self]

    @property
    def unit(self) -> str:
        """What one of it is called: 股, 份 or 张."""
        return {Board.FUND: "份", Board.BOND: "张"}.get(self, "股")


_BOARD_CHINESE: Final = {
    Board.MAIN: "主板",
    Board.CHINEXT: "创业板",
    Board.STAR: "科创板",
    Board.BSE: "北交所",
    Board.FUND: "基金",
    Board.BOND: "可转债",
    Board.INDEX: "指数",
    Board.B_SHARE: "B股",
    Board.OTHER: "其他证券",
}
_SHARES: Final = frozenset({Board.MAIN, Board.CHINEXT, Board.STAR, Board.BSE, Board.B_SHARE})

# Source: the exchanges' code ranges, counted against 6,891 listed symbols of 2026-08.
_BOARD_BY_RANGE: Final = {
    "SH": (
        (("000",), Board.INDEX),
        (("688", "689"), Board.STAR),
        (("60",), Board.MAIN),
        (("900",), Board.B_SHARE),
        (("5",), Board.FUND),
        (("110", "111", "113", "118"), Board.BOND),
    ),
    "SZ": (
        (("399",), Board.INDEX),
        (("00",), Board.MAIN),
        (("30",), Board.CHINEXT),
        (("200",), Board.B_SHARE),
        (("15", "16", "18"), Board.FUND),
        (("123", "127", "128"), Board.BOND),
    ),
    # 920 since 2025-10-09; the others are the numbers that the same companies had before.
    "BJ": ((("899",), Board.INDEX), (("920", "43", "83", "87", "88"), Board.BSE)),
}


@lru_cache(maxsize=16_384)
def board_of(symbol: Symbol) -> Board:
    """The board by code range; never raises.

    >>> [board_of(Symbol(text)).value for text in ("000001.SZ", "000001.SH", "688981.SH", "920118.BJ", "204001.SH")]
    ['main', 'index', 'star', 'bse', 'other']
    """
    if is_account(symbol):
        return Board.OTHER
    for prefixes, board in _BOARD_BY_RANGE.get(exchange_of(symbol), ()):
        if code_of(symbol).startswith(prefixes):
            return board
    return Board.OTHER


def is_share(symbol: Symbol) -> bool:
    """Whether it is an A-share, of any board."""
    return board_of(symbol) in {Board.MAIN, Board.CHINEXT, Board.STAR, Board.BSE}


# --- names ---

_CHINESE: Final = r"[\u3400-\u9fff]"
_EX_RIGHTS: Final = re.compile(r"^(?:XD|XR|DR)(?=.)", re.IGNORECASE)
# No listed name begins with N or C by itself; before a Chinese character they say "first day" and "days two to five".
_NEW: Final = re.compile(rf"^[NC](?={_CHINESE})")
_SPECIAL: Final = re.compile(r"^S?\*?ST", re.IGNORECASE)
_UNREFORMED: Final = re.compile(rf"^S{_CHINESE}")
_GROWTH_FUND: Final = re.compile("创业板|双创|科创(?!债)")


def _plain(name: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", name))


def clean_name(name: str) -> str:
    """The name to show and to compare: half-width, no spaces, without the marks of a single day (XD, XR, DR, N, C).

    ST and *ST stay: they are part of the name. A source may have cut the tail off a marked name, so a name from a quote
    never replaces the one in the symbol table.

    >>> clean_name("万  科Ａ"), clean_name("XD*ST海华"), clean_name("N百瑞吉"), clean_name("TCL科技")
    ('万科A', '*ST海华', '百瑞吉', 'TCL科技')
    """
    return _NEW.sub("", _EX_RIGHTS.sub("", _plain(name)))


def is_special(name: str) -> bool:
    """Whether the name bears a risk warning: ST, *ST, SST, S*ST, in any width or case, also behind XD."""
    return _SPECIAL.match(clean_name(name)) is not None


def is_new_listing(name: str) -> bool:
    """Whether the name bears N (first day) or C (days two to five).

    Source: SSE and SZSE trading rules; the BSE has N alone.
    """
    return _NEW.match(_plain(name)) is not None


# --- lots ---


@dataclass(frozen=True, slots=True)
class LotRule:
    """An order holds at least ``minimum`` and at most ``maximum``, in steps of ``step`` above the minimum."""

    minimum: Shares
    step: Shares
    maximum: Shares


# Source: trading rules of SSE and SZSE 3.3.8, STAR special rules 20, ChiNext special rules 2.8, BSE trading rules.
# The maximum is that of a limit order; the 2026 revision of these numbers was not seen, nor the BSE's own text.
LOTS: Final = {
    Board.MAIN: LotRule(100, 100, 1_000_000),
    Board.CHINEXT: LotRule(100, 100, 300_000),
    Board.STAR: LotRule(200, 1, 100_000),
    Board.BSE: LotRule(100, 1, 1_000_000),
    Board.FUND: LotRule(100, 100, 1_000_000),
    Board.BOND: LotRule(10, 10, 1_000_000),
    Board.B_SHARE: LotRule(100, 100, 1_000_000),
}


def round_down_lot(board: Board, shares: Shares) -> Shares:
    """The largest number not above ``shares`` that one buy order may hold; 0 when that is none.

    >>> round_down_lot(Board.MAIN, 1234), round_down_lot(Board.STAR, 1234), round_down_lot(Board.STAR, 199)
    (1200, 1234, 0)
    """
    rule = LOTS.get(board)
    if rule is None or shares < rule.minimum:
        return 0
    shares = min(shares, rule.maximum)
    return shares - (shares - rule.minimum) % rule.step


def lot_problem(board: Board, side: Side, shares: Shares, sellable: Shares) -> str | None:
    """Why the exchange would refuse this number, with the rule and a number that works; None when it is fine.

    What is left of a position below one lot is sold whole or not at all: of 237 main-board shares 37, 137, 200 and 237
    may be sold, 150 may not. Whether there is enough to sell is not judged here.

    Args:
        sellable: what may be sold today; ignored for a buy.
    """
    rule, unit = LOTS.get(board), board.unit
    if rule is None:
        return f"{board.chinese}不能在这里下单，请换成股票、基金或可转债。"
    if shares <= 0:
        return f"委托数量必须大于 0，现在是 {shares} {unit}，请重新填写数量。"
    if shares > rule.maximum:
        return f"{board.chinese}一笔最多 {rule.maximum} {unit}，现在是 {shares} {unit}，请分成几笔。"
    if side is Side.BUY:
        return _buy_problem(board, rule, shares)
    return _sell_problem(board, rule, shares, sellable)


def _buy_problem(board: Board, rule: LotRule, shares: Shares) -> str | None:
    unit, below = board.unit, round_down_lot(board, shares)
    if shares == below:
        return None
    if rule.step == 1:
        least = f"{rule.minimum} {unit}"
        return f"{board.chinese}一笔至少买 {least}，现在是 {shares} {unit}，请改成 {least}或更多。"
    choices = _choices(unit, [below, below + rule.step])
    return f"{board.chinese}买入要按 {rule.step} {unit}的整数倍，现在是 {shares} {unit}，请改成 {choices}。"


def _sell_problem(board: Board, rule: LotRule, shares: Shares, sellable: Shares) -> str | None:
    unit = board.unit
    if rule.step == 1:
        if shares >= rule.minimum or shares == sellable:
            return None
        enough = [sellable] if sellable < rule.minimum else [rule.minimum, sellable]
        what = f"一笔至少卖 {rule.minimum} {unit}，不足 {rule.minimum} {unit}的余额要一次卖完"
    else:
        odd = sellable % rule.step
        if shares % rule.step in {0, odd}:
            return None
        whole = shares - shares % rule.step
        legal = sorted({n for base in (whole - rule.step, whole, whole + rule.step) for n in (base, base + odd)})
        enough = [n for n in legal if n < shares][-1:] + [n for n in legal if n > shares][:1]
        what = f"卖出要按 {rule.step} {unit}的整数倍，不足 {rule.step} {unit}的零头要一次卖完"
    choices = _choices(unit, [n for n in enough if n <= sellable])
    advice = f"请改成 {choices}" if choices else "请先核对持仓"
    return f"{board.chinese}{what}；可卖 {sellable} {unit}，现在是 {shares} {unit}，{advice}。"


def _choices(unit: str, numbers: Sequence[Shares]) -> str:
    return "或 ".join(f"{n} {unit}" for n in sorted(set(numbers)) if n > 0)


# --- prices ---

# Source: trading rules 3.3.11 (SSE), 3.3.13 (SZSE); funds and convertible bonds as real rows show them. Shanghai's
# B shares move by 0.001 dollar, Shenzhen's by 0.01 Hong Kong dollar: the finer one stands here.
_THOUSANDTH: Final = Decimal("0.001")
_TICKS: Final = {Board.FUND: _THOUSANDTH, Board.BOND: _THOUSANDTH, Board.B_SHARE: _THOUSANDTH, Board.OTHER: _THOUSANDTH}


def tick(board: Board) -> Price:
    """The smallest step of a price, in yuan."""
    return _TICKS.get(board, FEN)


def round_to_tick(board: Board, price: Price, rounding: str = ROUND_HALF_UP) -> Price:
    """The price on the grid of its board; ``rounding`` is one of :mod:`decimal`'s.

    >>> round_to_tick(Board.MAIN, Decimal("10.005")), round_to_tick(Board.FUND, Decimal("4.7514"))
    (Decimal('10.01'), Decimal('4.751'))
    """
    return price.quantize(tick(board), rounding)


_HIGHEST: Final = Decimal(10_000_000)


def tick_problem(board: Board, price: Price) -> str | None:
    """Why this cannot be a limit price, as a sentence; None when it can."""
    if not price.is_finite() or price <= 0:
        return f"价格必须是大于 0 的数，现在是 {price}，请重新填写价格。"
    if price > _HIGHEST:
        return f"没有这么高的价格，最多写到 {_HIGHEST} 元，请核对后重新写。"
    below, above = round_to_tick(board, price, ROUND_FLOOR), round_to_tick(board, price, ROUND_CEILING)
    if below == above:
        return None
    advice = f"{below} 或 {above}" if below > 0 else f"{above}"
    return f"{board.chinese}的价格最小变动 {tick(board)} 元，现在是 {price} 元，请改成 {advice} 元。"


@dataclass(frozen=True, slots=True)
class PriceLimits:
    """Orders outside ``down..up`` are refused; both are on the grid of the board."""

    down: Price
    up: Price


class _Kind(StrEnum):
    """What a board tells apart by name or code when it sets the limit."""

    ORDINARY = "ordinary"
    SPECIAL = "special"
    UNREFORMED = "unreformed"
    GROWTH = "growth"


LIMITS: Final = (
    # board, kind, from, ratio; the newest row of a board and kind stands first
    # Source: SSE trading rules 上证发〔2026〕41号, SZSE 深证上〔2026〕551号, both published 2026-04-24
    (Board.MAIN, _Kind.SPECIAL, date(2026, 7, 6), Decimal("0.10")),
    (Board.B_SHARE, _Kind.SPECIAL, date(2026, 7, 6), Decimal("0.10")),
    # Source: SSE and SZSE notices on special treatment, 1998-04-22
    (Board.MAIN, _Kind.SPECIAL, date(1998, 4, 22), Decimal("0.05")),
    (Board.B_SHARE, _Kind.SPECIAL, date(1998, 4, 22), Decimal("0.05")),
    # Source: SSE and SZSE notices on shares without share reform; one is left, still 5 % in the limits of 2026-09-24
    (Board.MAIN, _Kind.UNREFORMED, date(2007, 1, 8), Decimal("0.05")),
    (Board.MAIN, _Kind.UNREFORMED, date(1996, 12, 16), Decimal("0.10")),
    # Source: SSE and SZSE notices of 1996-12-13
    (Board.MAIN, _Kind.ORDINARY, date(1996, 12, 16), Decimal("0.10")),
    (Board.B_SHARE, _Kind.ORDINARY, date(1996, 12, 16), Decimal("0.10")),
    (Board.FUND, _Kind.ORDINARY, date(1996, 12, 16), Decimal("0.10")),
    # Source: SZSE ChiNext special rules 2020 (shares, and funds of shares with 20 %)
    (Board.CHINEXT, _Kind.ORDINARY, date(2020, 8, 24), Decimal("0.20")),
    (Board.CHINEXT, _Kind.ORDINARY, date(2009, 10, 30), Decimal("0.10")),
    (Board.FUND, _Kind.GROWTH, date(2020, 8, 24), Decimal("0.20")),
    (Board.FUND, _Kind.GROWTH, date(1996, 12, 16), Decimal("0.10")),
    # Source: SSE STAR special rules 2019
    (Board.STAR, _Kind.ORDINARY, date(2019, 7, 22), Decimal("0.20")),
    # Source: BSE trading rules 2021, again in 北证公告〔2026〕17号
    (Board.BSE, _Kind.ORDINARY, date(2021, 11, 15), Decimal("0.30")),
    # Source: SSE and SZSE rules for convertible bonds from 2022-08-01; before there was no limit
    (Board.BOND, _Kind.ORDINARY, date(2022, 8, 1), Decimal("0.20")),
)


def price_limits(symbol: Symbol, name: str, preclose: Price, day: date) -> PriceLimits | None:
    """The day's lowest and highest price; None when there is no limit, or no positive ``preclose`` to tell it from.

    No limit: indexes, names with N or C (on the BSE with N), dates before the rule. Neither name nor code tells the
    first day of a delisting period, of a resumption, and of a convertible bond (-43.3 %..+57.3 %): these get the
    ordinary limit although they have another.

    Source: trading rules: previous close times (1 ± ratio), half up to the tick, at least one tick away. The BSE rounds
    towards the previous close, as its published limits of 2026-09 show: 84.63 gives 110.01 and not 110.02.

    Args:
        preclose: adjusted for the day's dividends, as the exchange publishes it.

    >>> price_limits(Symbol("600396.SH"), "华电辽能", Decimal("14.92"), date(2026, 7, 23))
    PriceLimits(down=Decimal('13.43'), up=Decimal('16.41'))
    """
    board = board_of(symbol)
    ratio = _limit_ratio(board, _limit_kind(board, symbol, name), day)
    if ratio is None or preclose <= 0 or _is_free(board, name):
        return None
    up_rounding, down_rounding = (ROUND_FLOOR, ROUND_CEILING) if board is Board.BSE else (ROUND_HALF_UP, ROUND_HALF_UP)
    up = round_to_tick(board, preclose * (1 + ratio), up_rounding)
    down = round_to_tick(board, preclose * (1 - ratio), down_rounding)
    step = tick(board)
    return PriceLimits(down=max(min(down, preclose - step), step), up=max(up, preclose + step))


def _limit_kind(board: Board, symbol: Symbol, name: str) -> _Kind:
    if board in {Board.MAIN, Board.B_SHARE}:
        if is_special(name):
            return _Kind.SPECIAL
        if board is Board.MAIN and _UNREFORMED.match(clean_name(name)):
            return _Kind.UNREFORMED
    # 588 and 589 hold STAR funds alone; ChiNext funds share their range with all others and are told by name.
    if board is Board.FUND and (symbol.startswith(("588", "589")) or _GROWTH_FUND.search(clean_name(name))):
        return _Kind.GROWTH
    return _Kind.ORDINARY


def _limit_ratio(board: Board, kind: _Kind, day: date) -> Decimal | None:
    rows = (ratio for of, which, since, ratio in LIMITS if of is board and which is kind and day >= since)
    return next(rows, None)


def _is_free(board: Board, name: str) -> bool:
    if board is Board.BSE:
        return is_new_listing(name) and _plain(name).startswith("N")
    return board in _SHARES and is_new_listing(name)


CAGES: Final = (
    # board, from, ratio, steps of the tick that are free in any case; the newest row of a board stands first
    # Source: SSE and SZSE trading rules of 2023 (main board and ChiNext: 2 % or ten steps, whichever is wider)
    (Board.MAIN, date(2023, 4, 10), Decimal("0.02"), 10),
    (Board.CHINEXT, date(2023, 4, 10), Decimal("0.02"), 10),
    # Source: SZSE ChiNext special rules 2020; SSE STAR special rules 2019
    (Board.CHINEXT, date(2020, 8, 24), Decimal("0.02"), 0),
    (Board.STAR, date(2019, 7, 22), Decimal("0.02"), 0),
    # Source: BSE trading rules 2021 as remembered, 5 %; second-hand texts say 2 %. The wider refuses nothing wrongly.
    (Board.BSE, date(2021, 11, 15), Decimal("0.05"), 10),
)
"""How far from the best price a limit order may stand in continuous trading (价格笼子)."""


def cage(board: Board, side: Side, base: Price, day: date) -> Price | None:
    """The highest price of a buy, the lowest of a sell, in continuous trading; None where the board has no such rule.

    Args:
        base: the best price of the other side; without one that of the own side, the last one, the previous close.

    >>> cage(Board.MAIN, Side.BUY, Decimal("1400.00"), date(2026, 3, 23)), cage(
    ...     Board.MAIN, Side.SELL, Decimal("3.00"), date(2026, 3, 23)
    ... )
    (Decimal('1428.00'), Decimal('2.90'))
    """
    row = next((row for row in CAGES if row[0] is board and day >= row[1]), None)
    if row is None or base <= 0:
        return None
    _, _, ratio, steps = row
    far = max(round_to_tick(board, base * ratio), steps * tick(board))
    return base + far if side is Side.BUY else max(base - far, tick(board))


RISK_WARNING_CAP: Final = 500_000
"""Shares of one share with a risk warning that one account may buy on one day. Source: SSE risk-warning board, as one
public text has it; whether Shenzhen and the growth boards follow was not seen, so only the main board is held to it."""


# --- settlement ---

# Whole ranges: bond and money (511, 551), cross-border (513, 520), gold (518).
# Source: the kind of every fund listed in them, 2026-03.
_SAME_DAY_RANGES: Final = ("511", "513", "518", "520", "551")
# Shenzhen mixes all kinds in 159, so these are named one by one: money, bonds, gold, cross-border.
_SAME_DAY_SHENZHEN_CODES: Final = """
159001 159003 159005
159110 159111 159112 159113 159115 159116 159200 159395 159396 159397 159398 159400 159600 159700 159816 159972
159812 159830 159831 159834 159934 159937
159501 159509 159513 159561 159605 159607 159612 159632 159655 159659 159660 159688 159696 159699 159740 159741
159742 159850 159866 159892 159920 159941 159954 159960
"""
_SAME_DAY_SHENZHEN: Final = frozenset(_SAME_DAY_SHENZHEN_CODES.split())


def settles_same_day(symbol: Symbol) -> bool:
    """Whether what was bought today may be sold today (T+0).

    Convertible bonds, and the bond, money, gold and cross-border funds we are sure of. Everything else counts as T+1,
    which for a fund missing here costs a day and never a refused order.
    """
    board = board_of(symbol)
    if board is Board.FUND:
        ranges = exchange_of(symbol) == "SH" and symbol.startswith(_SAME_DAY_RANGES)
        return ranges or (exchange_of(symbol) == "SZ" and code_of(symbol) in _SAME_DAY_SHENZHEN)
    return board is Board.BOND


# --- fees ---

COMMISSION_RATE: Final = Decimal("0.00025")
COMMISSION_MINIMUM: Final = Decimal(5)

STAMP_DUTY: Final = (
    # from, ratio of what is sold; duty on buying (until 2008-09-18) is not modelled
    (date(2023, 8, 28), Decimal("0.0005")),  # Source: Ministry of Finance and State Taxation Administration, 2023-08-27
    (date(2008, 9, 19), Decimal("0.001")),  # Source: 财税明电〔2008〕2号
)
TRANSFER: Final = (
    # from, ratio on both sides; not charged for funds and bonds
    (date(2022, 4, 29), Decimal("0.00001")),  # Source: China Securities Depository and Clearing, also for the BSE
    (date(2015, 8, 1), Decimal("0.00002")),  # Source: the same, 2015
)


class Fees(Noun):
    """Yuan, each rounded to the fen by itself, as a statement shows them."""

    commission: Money
    stamp_duty: Money
    transfer: Money

    @property
    def total(self) -> Money:
        return self.commission + self.stamp_duty + self.transfer


def has_stamp_duty(symbol: Symbol) -> bool:
    """Selling shares is taxed; funds and bonds are not."""
    return board_of(symbol) in _SHARES


def fees(
    symbol: Symbol,
    side: Side,
    shares: Shares,
    price: Price,
    day: date,
    *,
    commission_rate: Decimal = COMMISSION_RATE,
    minimum: Money = COMMISSION_MINIMUM,
) -> Fees:
    """What one order costs when it is filled whole at ``price``.

    The minimum commission is per order, not per fill: of an order filled in parts, pass the whole at its average price.
    Days before the first row of a table are charged as that row.

    Args:
        commission_rate: the broker's, as a ratio, exchange and regulator included.

    >>> fees(Symbol("600519.SH"), Side.SELL, 100, Decimal("1400.00"), date(2026, 3, 23)).total
    Decimal('106.40')
    """
    amount = shares * price
    taxed = has_stamp_duty(symbol)
    commission = max(amount * commission_rate, minimum) if amount else Decimal(0)
    stamp = amount * _since(STAMP_DUTY, day) if taxed and side is Side.SELL else Decimal(0)
    transfer = amount * _since(TRANSFER, day) if taxed else Decimal(0)
    return Fees(commission=_fen(commission), stamp_duty=_fen(stamp), transfer=_fen(transfer))


def _since(rows: Sequence[tuple[date, Decimal]], day: date) -> Decimal:
    return next((ratio for since, ratio in rows if day >= since), rows[-1][1])


def _fen(amount: Money) -> Money:
    return amount.quantize(FEN, ROUND_HALF_UP)
