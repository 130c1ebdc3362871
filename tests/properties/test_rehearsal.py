"""A rehearsal is the engine of every day: what it leaves out changes nothing, and what is played twice comes out twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.quotes.replay import connect
from core.bars import MINUTES, Bar, Period, day_label, label, merged, one_bar
from core.calendar import trading_date, trading_days
from core.clock import ManualClock
from core.conditions import Condition, Speed
from core.engine import doubts
from core.rehearsal import Known, rehearse
from core.rulebook import RuleBook
from core.tape import Tape
from core.types import Price, Symbol, from_milli
from core.view import Holding
from core.watches import Watch
from tests.fakes.parts import MOUTAI, watch
from tests.properties.test_rulebook import BANDS, CONDITIONS

DAYS = trading_days(date(2026, 2, 25), date(2026, 3, 27))
WINDOW = 3
PLAYED = DAYS[-WINDOW:]
LABELS = tuple(
    dict.fromkeys(
        label(datetime(2026, 3, 27, *clock, tzinfo=UTC), 15)
        for clock in [
            (hour, minute)
            for hour in range(1, 8)
            for minute in range(60)
            if (1, 30) < (hour, minute) <= (3, 30) or (5, 0) < (hour, minute) <= (7, 0)
        ]
    )
)
"""The ends of the bars of a day."""


class Market(NamedTuple):
    """A share's days, and the bars of a quarter of an hour of the last ones."""

    days: Sequence[Bar]
    quarters: Sequence[Bar]


def market(seed: int, swing: int) -> Market:
    """A walk near ten yuan, ``swing`` ticks a step; half of the time prices repeat, so that ends of zones are met."""
    chance = np.random.default_rng(seed)
    close, days, quarters = 10_000, [], []
    for day in DAYS:
        bars = []
        least, most = -(-close * 905 // 10_000) * 10, close * 1095 // 10_000 * 10
        for end in LABELS:
            steps = chance.integers(-swing, swing + 1, 4) * 10 * chance.integers(0, 2, 4)
            path = np.clip(close + np.cumsum(steps), least, most)
            at = datetime.combine(day, end.time(), UTC)
            prices = path[0], path.max(), path.min(), path[-1]
            opened, high, low, last = (from_milli(int(each)) for each in prices)
            bars.append(Bar(MOUTAI, at, opened, high, low, last, 100_000, Decimal(900_000)))
            close = int(path[-1])
        days.append(one_bar(day_label(day), bars))
        if day in PLAYED:
            quarters += bars
    return Market(days, quarters)


def cost_of(_account: str, _symbol: Symbol) -> Price:
    return Decimal(10)


def holding_of(_account: str, _symbol: Symbol) -> Holding:
    return Holding(100, Decimal(10))


def fitted(one: Condition) -> Condition:
    """The condition, as bars of a quarter of an hour can tell it."""
    if isinstance(one, Speed):
        return one.model_copy(update={"period_s": 3600, "value": min(one.value, Decimal(3))})
    return one.model_copy(update={"period": "15m"}) if getattr(one, "period", None) == "5m" else one


async def every_frame(one: Watch, seen: Market) -> list[tuple[datetime, int, Price]]:
    """What fires when every frame is judged: the replay, and bars handed on as they close."""
    book = RuleBook(cost_of, Tape(), holding_of)
    book.put(one)
    tape = book.tape
    *before, lead = [bar for bar in seen.days if trading_date(bar.time) not in PLAYED]
    tape.load("day", {MOUTAI: before})
    unfinished: dict[Period, list[Bar]] = {
        period: merged(seen.quarters, MINUTES[period]) for period in tape.periods if period != "day"
    }
    unfinished["day"] = [bar for bar in seen.days if bar is lead or trading_date(bar.time) in PLAYED]
    source = connect([before[-1], lead, *seen.quarters], ManualClock(before[-1].time))
    frames = [frame async for frame in source.frames()][7:]
    fired = []
    for frame in frames:
        for period, bars in unfinished.items():
            forming = day_label(trading_date(frame.at)) if period == "day" else label(frame.at, MINUTES[period])
            while bars and bars[0].time < forming:
                tape.commit(period, {MOUTAI: bars.pop(0)})
        for trigger in book.evaluate(frame, doubts).triggers:
            assert trigger.quote.last is not None
            fired.append((frame.at, trigger.key.group, trigger.quote.last))
    return fired


WATCHES = st.builds(
    lambda conditions, combine, band: watch(*map(fitted, conditions), combine=combine, band=band, repeat="every_time"),
    st.lists(CONDITIONS, min_size=1, max_size=3),
    st.sampled_from(["any", "all"]),
    BANDS,
)


@settings(max_examples=60)
@given(WATCHES, st.integers(0, 2**32), st.sampled_from([1, 4, 15]))
def test_leaving_frames_out_changes_nothing_and_twice_is_the_same(one: Watch, seed: int, swing: int) -> None:
    seen = market(seed, swing)
    known = {MOUTAI: Known(seen.days, {"15m": seen.quarters})}

    def rehearsed() -> tuple[list[tuple[datetime, int, Price]], set[int]]:
        found = asyncio.run(
            rehearse(one, known, DAYS[-1], days=WINDOW, names={}, cost_of=cost_of, holding_of=holding_of)
        )
        assert found.days == WINDOW
        return [(each.at, each.group, each.price) for each in found.crossings], {blind.group for blind in found.blind}

    crossings, blind = rehearsed()
    everything = asyncio.run(every_frame(one, seen))
    assert sorted(crossings) == sorted(each for each in everything if each[1] not in blind)
    assert rehearsed() == (crossings, blind)
