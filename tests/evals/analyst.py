"""The built-in rules over a year of real days, and their score: ``python -m tests.evals.analyst``.

Every day after the close each share is judged by what was known then: its bars up to that day, and what the rules
themselves have bought and sold before, filled at the next open. What they say is scored as everybody's advice is. The
figures come from one state of indicators that takes a day of all shares at a time, because a whole pack for each would
take minutes; that both say the same is tested on a sample.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from adapters.models.scripted import HORIZON, judge
from core.analysis import HORIZONS, Action, Analysis, Decision, Occasion, Outcome
from core.bars import Bar, read_bars
from core.bounds import Bounds
from core.calendar import trading_date
from core.clock import MARKET_ZONE
from core.frames import Quote
from core.indicators import Indicators
from core.known import Known
from core.market import board_of, tick
from core.messages import Chat
from core.pack_account import held_of, most_of
from core.pack_market import limits_of, sealed
from core.portfolio import Account, Position
from core.render_score import scored
from core.score import Basis, Series, score
from core.slots import digits_of, given
from core.tally import Tally, tally
from core.types import Mode, Price, Shares, Symbol
from core.zones import Missing
from tests.shared import SHARED

FOLDER: Final = SHARED / "data" / "bars" / "daily"
SESSIONS: Final = 250
"""Days on which something is said: the newest ones whose ten days are over."""
CASH: Final = Decimal(1_000_000)
"""Free for every purchase, whatever else is held."""

Bars = Mapping[Symbol, Sequence[Bar]]


class Holding(NamedTuple):
    """What the rules hold of a share.

    Attributes:
        bought: on this day, and cannot be sold on it.
    """

    shares: Shares = 0
    cost: Price = Decimal(0)
    bought: date | None = None


class Said(NamedTuple):
    """One day of one share."""

    known: Known
    decision: Decision


class Year(NamedTuple):
    """What was said, and what came of it."""

    analyses: Sequence[Analysis]
    outcomes: Sequence[Outcome]
    tally: Tally


def load(folder: Path = FOLDER) -> Bars:
    return {bars[0].symbol: bars for path in sorted(folder.glob("*.csv")) if (bars := read_bars(path))}


def closing(bars: Sequence[Bar], place: int, holding: Holding) -> Known:
    """What is known of a share five minutes after the close of a day."""
    bar, before = bars[place], bars[place - 1]
    day = trading_date(bar.time)
    now = datetime.combine(day, time(15, 5), MARKET_ZONE)
    step = tick(board_of(bar.symbol))
    quote = Quote(
        symbol=bar.symbol,
        name=bar.symbol,
        last=bar.close,
        preclose=before.close,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        bid=bar.close,
        ask=bar.close + step,
        volume=bar.volume,
        quoted_at=datetime.combine(day, time(15), MARKET_ZONE),
        received_at=now,
        source="日线",
    )
    sellable = 0 if holding.bought == day else holding.shares
    position = Position(symbol=bar.symbol, shares=holding.shares, sellable=sellable, cost=holding.cost)
    account = Account(
        id="paper",
        name="模拟账户",
        mode=Mode.PAPER,
        cash=CASH,
        positions=(position,) if holding.shares else (),
        as_of=now,
    )
    return Known(bar.symbol, bar.symbol, now, quote, bars[: place + 1], looked="paper", account=account)


def decision_of(known: Known, indicators: Mapping[str, float], window: Sequence[Bar]) -> Decision:
    """What the rules say.

    Args:
        indicators: of the whole history up to this day.
        window: the last 20 bars.
    """
    figures = dict(_figures(known, indicators, window))
    limits = limits_of(known)
    lower, upper = (None, None) if isinstance(limits, Missing) else limits
    account, most = known.account, most_of(known)
    assert isinstance(account, Account)
    said = judge(
        figures,
        Bounds(
            symbol=known.symbol,
            name=known.name,
            price=window[-1].close,
            tick=tick(board_of(known.symbol)),
            lower=lower,
            upper=upper,
            sealed=sealed(known),
            held=held_of(known),
            sellable=account.sellable(known.symbol),
            most=0 if isinstance(most, Missing) else most,
        ),
    )
    return Decision(
        action=Action(said["action"]),
        confidence=said["confidence"],
        reasons=(),
        entry=said["entry"],
        take_profit=said["take_profit"],
        stop_loss=said["stop_loss"],
        shares=said["size"],
        horizon=said["horizon"],
    )


def _figures(known: Known, indicators: Mapping[str, float], window: Sequence[Bar]) -> Mapping[str, Decimal | None]:
    """As a pack has them, rounded as they are shown."""
    digits, price = digits_of(known.symbol), window[-1].close
    found: dict[str, Decimal | None] = {}
    for name, value in indicators.items():
        places = digits if name in {"ma20", "ma60", "atr14"} else None
        found[name] = given(name, Decimal(repr(value)), digits=places).value
    found["high20"] = given("high20", max(bar.high for bar in window)).value
    found["low20"] = given("low20", min(bar.low for bar in window)).value
    position = known.account.position(known.symbol) if isinstance(known.account, Account) else None
    if position is not None:
        gain = (price - position.cost) / position.cost * 100
        found["profit_percent"] = given("profit_percent", gain).value
    limits = limits_of(known)
    if not isinstance(limits, Missing):
        found["lower"], found["upper"] = limits
    return found


def replay(shares: Bars, first: int, last: int) -> Mapping[tuple[Symbol, int], Said]:
    """What the rules say after the close of each of these days, by share and place of the day."""
    state = Indicators(len(shares))
    holdings = dict.fromkeys(shares, Holding())
    found: dict[tuple[Symbol, int], Said] = {}
    for place in range(last + 1):
        today = [bars[place] for bars in shares.values()]
        rows = [[float(one) for one in (bar.close, bar.high, bar.low, bar.volume)] for bar in today]
        state.commit(*np.array(rows).T)
        if place < first:
            continue
        values = state.values()
        for row, (symbol, bars) in enumerate(shares.items()):
            if (before := found.get((symbol, place - 1))) is not None:
                holdings[symbol] = filled(holdings[symbol], before.decision, bars[place])
            known = closing(bars, place, holdings[symbol])
            indicators = {
                "ma20": float(values.ma[20][row]),
                "ma60": float(values.ma[60][row]),
                "macd_bar": float(values.hist[row]),
                "rsi12": float(values.rsi[12][row]),
                "atr14": float(values.atr[row]),
            }
            window = bars[place - 19 : place + 1]
            found[symbol, place] = Said(known, decision_of(known, indicators, window))
    return found


def filled(holding: Holding, decision: Decision, bar: Bar) -> Holding:
    """What is held after the open at which yesterday's decision was carried out."""
    shares = decision.shares or 0
    if decision.action is Action.BUY and shares:
        return Holding(holding.shares + shares, bar.open, trading_date(bar.time))
    if decision.action is Action.SELL and shares < holding.shares:
        return holding._replace(shares=holding.shares - shares)
    return Holding() if decision.action is Action.SELL else holding


def year(shares: Bars, sessions: int = SESSIONS) -> Year:
    """The newest so many days whose ten days are over, scored."""
    days = min(len(bars) for bars in shares.values())
    last = days - 1 - 1 - HORIZONS[-1]
    said = replay(shares, last - sessions + 1, last)
    series = {symbol: Series(bars) for symbol, bars in shares.items()}
    analyses, outcomes = [], []
    for (symbol, place), (known, decision) in said.items():
        bar = shares[symbol][place]
        one = Analysis(
            id=f"{symbol} {trading_date(bar.time)}",
            at=known.now,
            owner="owner",
            chat=Chat("script", "local"),
            account="paper",
            symbol=symbol,
            name=known.name,
            occasion=Occasion.INTERVAL,
            pack="",
            price=bar.close,
            quoted_at=known.now,
            prompt="",
            model_asked="scripted",
            model="scripted",
            decision=decision,
        )
        analyses.append(one)
        basis = Basis(trading_date(bar.time), bar.close)
        outcomes += [score(one, decision, horizon, series[symbol], basis=basis) for horizon in HORIZONS]
    return Year(analyses, outcomes, tally(analyses, outcomes, {}))


def main() -> int:
    if not FOLDER.is_dir():
        print(f"没有 {FOLDER}，不能回放。", file=sys.stderr)
        return 1
    found = year(load())
    days = [one.at.date() for one in found.analyses]
    print(f"{min(days)} 至 {max(days)}，{len(set(days))} 个交易日，{len(found.tally.shares)} 只股票，期限 {HORIZON} 天")
    print(scored(found.tally, "内置规则", "scripted", str).plain())
    return 0


if __name__ == "__main__":
    sys.exit(main())
