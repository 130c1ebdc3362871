"""/rehearse: how often a watch would have told something in the last days, and where on the chart."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import Final

from bot.command import Call, Context, Reply, command
from bot.commands import targets
from core.bars import MINUTES, Period
from core.calendar import is_trading_day, previous_trading_day, session_close
from core.charts import candles, mark_of
from core.clock import market_time
from core.errors import Invalid, OutsideError
from core.messages import Chart, ChartPeriod, Message, Role
from core.pictures import levels_of
from core.rehearsal import DAYS, MOST, WARM_UP, Known, Rehearsal, days_of, rehearse
from core.render_rehearsal import rehearsal_line, rehearsed, takes_long, too_many
from core.types import Symbol
from core.watches import Watch

SOON: Final = 1.0
"""Seconds that a read-back waits for bars, and as many again for the answer."""
PATIENCE: Final = 8.0
"""The same for somebody who asks."""
MOST_DAYS: Final = 250
FEW: Final = 5
"""Of more shares than this only days are played."""
SHOWN: Final = 40
"""Candles of the picture, where no more days are asked for."""
_DAYS: Final = re.compile(r"(\d{1,3})[天日]")
_FETCHED: Final[Sequence[Period]] = ("day", "30m", "5m", "1m")


@command(
    "rehearse",
    "试演",
    help="看一个任务过去会触发几次",
    example="/rehearse 3",
    role=Role.VIEWER,
)
async def rehearse_(ctx: Context, call: Call) -> Reply:
    """Rehearse one watch over the last 20 trading days, or as many as are named: ``3 60天``."""
    days, words = DAYS, []
    for word in call.words:
        if found := _DAYS.fullmatch(word):
            days = int(found[1])
        else:
            words.append(word)
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(f"试演 1 到 {MOST_DAYS} 个交易日，例如：/rehearse 3 60天")
    watch = targets.one_watch(ctx, Call(tuple(words)))
    if watch.of_account:
        raise Invalid("账户过去值多少没有记录，所以账户的任务没法试演。")
    if _is_large(watch):
        return Message(text=too_many(watch))
    await _gather(ctx, watch.symbols, _FETCHED if len(watch.symbols) <= FEW else ("day",), PATIENCE)
    known = await _known(ctx, watch.symbols, days)
    try:
        async with asyncio.timeout(PATIENCE):
            seen = await _rehearse(ctx, watch, known, days)
    except TimeoutError:
        raise Invalid("要算的K线太多，算不完。请少写几天，例如：/rehearse 3 5天") from None
    return rehearsed(watch, seen, ctx.house.name, _chart(ctx, watch, known, seen))


async def line(ctx: Context, watch: Watch) -> str:
    """One line for the read-back of a watch; empty where it would take too long to find out."""
    if _is_large(watch) or watch.of_account:
        return ""
    await _gather(ctx, watch.symbols, ("day",), SOON)
    try:
        async with asyncio.timeout(SOON):
            seen = await _rehearse(ctx, watch, await _known(ctx, watch.symbols, DAYS), DAYS)
    except TimeoutError:
        return takes_long()
    except OutsideError:
        return ""
    return rehearsal_line(watch, seen, ctx.house.name)


def _is_large(watch: Watch) -> bool:
    return watch.scope == "market" or len(watch.symbols) > MOST


async def _gather(ctx: Context, symbols: Sequence[Symbol], periods: Sequence[Period], patience: float) -> None:
    """Have the bars in the time that is given; what does not come is not rehearsed."""
    with suppress(TimeoutError, OutsideError):
        async with asyncio.timeout(patience):
            for period in periods:
                await ctx.house.history.ensure(symbols, period)


async def _known(ctx: Context, symbols: Sequence[Symbol], days: int) -> Mapping[Symbol, Known]:
    """The bars at hand. Raises Unavailable."""
    past, now = ctx.house.history, ctx.house.now()
    # Five days of a week are trading days, and some weeks are holidays.
    long, short = (now - timedelta(days=count * 3 // 2 + 30) for count in (WARM_UP + days, days))
    return {
        symbol: Known(
            await past.since(symbol, "day", long),
            {period: await past.since(symbol, period, short) for period in MINUTES} if len(symbols) <= FEW else {},
        )
        for symbol in symbols
    }


def _until(ctx: Context) -> date:
    """The newest trading day that is over."""
    now = ctx.house.now()
    today = market_time(now).date()
    return today if is_trading_day(today) and now >= session_close(today) else previous_trading_day(today)


async def _rehearse(ctx: Context, watch: Watch, known: Mapping[Symbol, Known], days: int) -> Rehearsal:
    house = ctx.house
    return await rehearse(
        watch,
        known,
        _until(ctx),
        days=days,
        names={symbol: house.name(symbol) for symbol in watch.symbols},
        cost_of=house.brokerage.cost_of,
        holding_of=lambda account, symbol: house.brokerage.holding_of(account, symbol, house.engine.quote),
    )


def _chart(ctx: Context, watch: Watch, known: Mapping[Symbol, Known], seen: Rehearsal) -> Chart | None:
    """The days of the share that would have told most, with what it would have told."""
    if not seen.shares:
        return None
    counted = Counter(one.symbol for one in seen.told)
    symbol = max(seen.shares, key=lambda one: counted[one])
    return candles(
        days_of(known[symbol], _until(ctx)),
        name=ctx.house.name(symbol),
        period=ChartPeriod.DAY,
        count=max(seen.days, SHOWN),
        levels=tuple(levels_of(watch)),
        marks=[mark_of(one.at, one.price, f"#{watch.number}") for one in seen.told if one.symbol == symbol],
    )
