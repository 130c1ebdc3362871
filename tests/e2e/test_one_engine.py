"""Live and replay are one engine: the frames of a day, recorded and played again, cause the same alerts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final

from adapters.quotes.demo import CATL, DIP, RISE, SHARES
from adapters.quotes.demo import MOUTAI as DEMO_MOUTAI
from adapters.stores.memory import MemoryStore
from bot.demo import Stage, stage_demo
from core.alerts import Alert
from core.calendar import session_close
from core.clock import MARKET_ZONE, market_time
from core.conditions import (
    AmountAbove,
    Condition,
    EnterRange,
    GapUp,
    Indicator,
    LimitUp,
    MaCross,
    NewHigh,
    NewLow,
    PctDown,
    PctUp,
    PositionProfit,
    PriceAbove,
    PriceBelow,
    Speed,
    TrailingStop,
    Turnover,
    VolumeRatio,
)
from core.frames import Frame
from core.watches import Repeat
from tests.fakes.parts import CHAT, Phone, watch

DAY: Final = date(2026, 3, 23)
SPEED: Final = 120.0
SYMBOLS: Final = (
    DEMO_MOUTAI,
    CATL,
    *(share.symbol for share in SHARES[4:6] if share.symbol not in {DEMO_MOUTAI, CATL}),
)
CONDITIONS: Final[Sequence[Condition]] = (
    PctUp(value=Decimal(1)),
    PctDown(value=Decimal(1)),
    PctUp(value=Decimal("0.5"), reference="open"),
    Speed(value=Decimal("0.4"), direction="up", period_s=300),
    Speed(value=Decimal("0.4"), direction="down", period_s=900),
    TrailingStop(value=Decimal(1)),
    LimitUp(),
    LimitUp(event="open"),
    VolumeRatio(value=Decimal("1.1")),
    AmountAbove(value=Decimal(500_000_000)),
    Turnover(value=Decimal("0.5")),
    GapUp(value=Decimal("0.2")),
    MaCross(ma=5, direction="up"),
    MaCross(fast=5, slow=10, direction="down", period="5m"),
    Indicator(name="kdj", event="golden_cross"),
    Indicator(name="kdj", event="dead_cross", period="15m"),
    Indicator(name="rsi", event="above", value=Decimal(70), period="1m"),
    Indicator(name="boll", event="touch_upper", period="5m"),
    NewHigh(days=5),
    NewLow(days=5),
)


@asynccontextmanager
async def opened() -> AsyncIterator[Stage]:
    """The demo house at the beginning of its first day, with its watches; its source is also its history."""

    async def no_sleep(_seconds: float) -> None:
        await asyncio.sleep(0)

    stage = stage_demo(store=MemoryStore(), start=DAY, seed=7, speed=SPEED, sleep=no_sleep)
    try:
        await stage.app.load()
        async with asyncio.TaskGroup() as group:
            # Who lives on goes on until the group is cancelled.
            stage.app.start(group, {CHAT.channel: Phone(CHAT.channel)})
            house = stage.app.house
            for number, condition in enumerate(CONDITIONS):
                await house.backfill.ensure(SYMBOLS, [condition])
                await house.watchlist.create(
                    watch(condition, id=f"{number}", symbols=SYMBOLS, repeat=Repeat.EVERY_TIME)
                )
            own = (
                (PriceBelow(value=DIP), DEMO_MOUTAI),
                (PriceAbove(value=RISE), CATL),
                (EnterRange(low=DIP - 10, high=DIP), DEMO_MOUTAI),
                (PositionProfit(value=Decimal(1)), CATL),
            )
            for condition, symbol in own:
                await house.watchlist.create(watch(condition, id=f"own {condition.kind}", symbols=(symbol,)))
            yield stage
            raise _OverError
    except* _OverError:
        pass
    finally:
        await stage.aclose()


class _OverError(Exception):
    """The day is over."""


async def told(stage: Stage) -> list[tuple[str, str, str, str, str]]:
    alerts: Sequence[Alert] = await stage.app.house.store.alerts("local", limit=100_000)
    return sorted(
        (one.watch_id, one.symbol, f"{market_time(one.quoted_at):%H:%M:%S}", str(one.price), one.why) for one in alerts
    )


async def test_a_recorded_day_causes_what_it_caused_when_it_was_lived() -> None:
    recorded: list[Frame] = []
    async with opened() as stage:
        async for frame in stage.source.frames():
            recorded.append(frame)
            await stage.app.house.engine.on_frame(frame)
            if frame.at >= session_close(DAY):
                break
        await stage.settle()
        lived = await told(stage)
    async with opened() as stage:
        for frame in recorded:
            stage.clock.set(frame.at)
            await stage.app.house.engine.on_frame(frame)
        await stage.settle()
        replayed = await told(stage)
    assert recorded[-1].at == datetime.combine(DAY, time(15), MARKET_ZONE)
    assert replayed == lived
    kinds = {CONDITIONS[int(one[0])].kind if one[0].isdigit() else one[0] for one in lived}
    assert len(kinds) >= 12, f"only these fired: {sorted(kinds)}"
