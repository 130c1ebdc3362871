"""Rehearsal: when a watch would have told something in the last days, by the bars at hand and the engine of every day.

The bars of each share are played as frames into a rule book of their own, as a replay would play them: days before the
window warm the indicators up, the last price before it arms the rules, and a day's bar is handed on when the next one
begins. Each day is played by the shortest bars that hold the whole of it. Frames in which nothing can change are left
out: as long as zones stand still, a rule only turns where its gauge passes an end of one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import reduce
from itertools import groupby, pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.alerts import Reason, Trigger, is_grave, why_notify
from core.bars import MINUTES, Bar, Period, day_label, label, merged, one_bar
from core.calendar import MINUTES_A_DAY, previous_trading_day, session_close, trading_date, trading_days
from core.compiled import readings
from core.conditions import Condition, Indicator, MaCross, Speed
from core.engine import doubts
from core.frames import Frame, Ints
from core.judging import Rule, legs_of
from core.playback import Listing, Session
from core.rulebook import CostOf, HoldingOf, RuleBook
from core.tape import Tape
from core.types import Price, Symbol
from core.view import PERIODS, Input
from core.watches import Arm, Repeat, RuleKey, Watch
from core.zones import Gauge, Missing

DAYS: Final = 20
MOST: Final = 50
"""Shares that are rehearsed at once."""
WARM_UP: Final = 260
"""Days before the window, where there are so many."""

_SOURCE: Final = "试演"
_AT_ONCE: Final = 25
"""Frames that are judged at a stretch; up to 20 ms of work, where every one of them closes a bar."""
_DAY_LONG: Final = MINUTES_A_DAY
_SPEED_PARTS: Final = 3
"""A speed needs bars so many times shorter than the time it is measured over."""
_LEAST_PART: Final = 0.95
"""Bars of minutes hold a day when so large a part of them is there, the last one among them."""
_FOR_BARS: Final = frozenset({Gauge.PRICE, Gauge.OPEN, Gauge.VOLUME, Gauge.PACE, Gauge.AMOUNT})


class Known(NamedTuple):
    """The bars of one share, oldest first and all on the same prices; minutes by period."""

    days: Sequence[Bar]
    minutes: Mapping[Period, Sequence[Bar]]


class Crossing(NamedTuple):
    """What would have fired.

    Attributes:
        group: of the watch.
        reason: whether it would have been told by the rule of repeating.
        period: of the bar that showed it: its hour is known from bars of minutes alone.
    """

    symbol: Symbol
    at: datetime
    price: Price
    group: int
    reason: Reason
    period: Period


class Blind(NamedTuple):
    """Conditions that bars do not tell, or not on every day.

    Attributes:
        group: of the watch.
        why: in Chinese.
        days: on how many days it could be seen all the same.
    """

    group: int
    why: str
    days: int


@dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal has shown.

    Attributes:
        until: the newest day that is over.
        days: trading days that were looked at; 0 where there is no bar at all.
        last: the newest of them.
        shares: those that have bars.
        played: by which bars, and on how many days of how many shares.
        without: shares that have no bars.
    """

    until: date
    days: int = 0
    last: date | None = None
    shares: Sequence[Symbol] = ()
    crossings: Sequence[Crossing] = ()
    played: Mapping[Period, int] = field(default_factory=dict)
    blind: Sequence[Blind] = ()
    without: Sequence[Symbol] = ()

    @property
    def told(self) -> Sequence[Crossing]:
        return [one for one in self.crossings if one.reason.tells]

    @property
    def quiet(self) -> int:
        """Crossings that would not have been told."""
        return len(self.crossings) - len(self.told)


class _Day(NamedTuple):
    """A day and the bars that it is played by; ``whole`` is its own."""

    day: date
    period: Period
    bars: Sequence[Bar]
    whole: Bar

    @property
    def minutes(self) -> int:
        """Of a bar."""
        return _DAY_LONG if self.period == "day" else MINUTES[self.period]


async def rehearse(
    watch: Watch,
    known: Mapping[Symbol, Known],
    until: date,
    *,
    days: int = DAYS,
    names: Mapping[Symbol, str],
    cost_of: CostOf = lambda _account, _symbol: None,
    holding_of: HoldingOf = lambda _account, _symbol: None,
) -> Rehearsal:
    """Play the last days of the shares of a watch, some frames at a time: others run in between.

    Args:
        until: the newest day that is over.
        cost_of, holding_of: what is held now is taken as held all the time.
    """
    shares: dict[Symbol, Sequence[_Day]] = {}
    for symbol in watch.symbols:
        if symbol in known and (its_days := _days(known[symbol], until)):
            shares[symbol] = its_days
        await asyncio.sleep(0)
    without = tuple(symbol for symbol in watch.symbols if symbol not in shares)
    if not shares:
        return Rehearsal(until, without=without)
    last = max(found[-1].day for found in shares.values())
    start = last
    for _ in range(days - 1):
        start = previous_trading_day(start)
    first = max(start, min(found[0].day for found in shares.values()))
    memory = _Memory(watch)
    crossings: list[Crossing] = []
    played: Counter[Period] = Counter()
    seen: Counter[int] = Counter()
    whys: dict[int, str] = {}
    for symbol, found in shares.items():
        cost = cost_of(watch.account, symbol)
        chosen = ([watch.conditions[index] for index in group] for group in watch.groups())
        needs = [reduce(_Need.joined, (_need(one, cost) for one in each)) for each in chosen]
        stage = _Stage(watch, symbol, names, needs, cost_of, holding_of)
        async for day, triggers in stage.play(found, start):
            crossings += [memory.judged(one, day.period) for one in triggers]
        window = [day for day in found if day.day >= start]
        played.update(day.period for day in window)
        for group, need in enumerate(needs):
            told = sum(need.met(day) for day in window)
            seen[group] += told
            if told < len(window):
                whys.setdefault(group, need.why)
    blind = [Blind(group, why, seen[group]) for group, why in sorted(whys.items())]
    return Rehearsal(
        until,
        days=len(trading_days(first, last)),
        last=last,
        shares=tuple(shares),
        crossings=sorted(crossings, key=lambda one: one.at),
        played=dict(played),
        blind=blind,
        without=without,
    )


# -- which bars


def days_of(known: Known, until: date) -> Sequence[Bar]:
    """The bar of every day there are bars of, oldest first."""
    return [day.whole for day in _days(known, until)]


def _days(known: Known, until: date) -> list[_Day]:
    """Every day that there are bars of, with the shortest ones that hold the whole of it."""
    daily = {day: bar for bar in known.days if (day := trading_date(bar.time)) <= until}
    found = {day: _Day(day, "day", (bar,), bar) for day, bar in daily.items()}
    for period in sorted(MINUTES, key=MINUTES.__getitem__, reverse=True):
        for day, own in groupby(known.minutes.get(period, ()), lambda bar: trading_date(bar.time)):
            bars = list(own)
            whole = daily.get(day)
            if day <= until and _holds(bars, day, MINUTES[period]):
                found[day] = _Day(day, period, bars, whole or one_bar(day_label(day), bars))
    return [found[day] for day in sorted(found)]


def _holds(bars: Sequence[Bar], day: date, minutes: int) -> bool:
    """Whether bars of minutes show a day from its beginning to its end."""
    return bars[-1].time == session_close(day) and len(bars) * minutes >= _LEAST_PART * MINUTES_A_DAY


class _Need(NamedTuple):
    """What must be known of a day for conditions that fire together.

    Attributes:
        longest: minutes of the longest bars by which they can be judged; 0 where no bar tells.
        why: of what is needed, in Chinese.
        amount: the yuan that were traded.
    """

    longest: int
    why: str = ""
    amount: bool = False

    def met(self, day: _Day) -> bool:
        return day.minutes <= self.longest and not (self.amount and any(bar.amount is None for bar in day.bars))

    def joined(self, other: _Need) -> _Need:
        return min(self, other, key=lambda need: need.longest)._replace(amount=self.amount or other.amount)


def _need(condition: Condition, cost: Price | None) -> _Need:
    if condition.gauge not in _FOR_BARS:
        return _Need(0, "K线里没有封单和换手率")
    if Input.ACCOUNT in condition.inputs:
        return _Need(0, "K线里没有账户过去的总资产")
    if condition.needs_cost and cost is None:
        return _Need(0, "账户里没有持仓，不知道成本价")
    if isinstance(condition, Speed):
        longest = max((m for m in MINUTES.values() if m * 60 * _SPEED_PARTS <= condition.period_s), default=0)
        return _Need(longest, _bars_text(longest) if longest else "时间太短，1分钟线也看不出")
    if isinstance(condition, MaCross | Indicator) and condition.period != "day":
        longest = MINUTES[condition.period]
        return _Need(longest, _bars_text(longest))
    if condition.gauge is Gauge.PACE:
        return _Need(MINUTES["60m"], "要有分钟线才看得出")
    if condition.gauge is Gauge.AMOUNT:
        return _Need(_DAY_LONG, "这些K线没有成交额", amount=True)
    return _Need(_DAY_LONG)


def _bars_text(longest: int) -> str:
    name = next(PERIODS[period] for period, minutes in MINUTES.items() if minutes == longest)
    return f"要有{name}线{'' if longest == 1 else '或更短的'}才看得出"


# -- what is told


class _Memory:
    """What was told of the rules of a watch, and whether the next crossing is told too."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._grave = [is_grave([watch.conditions[index] for index in group]) for group in watch.groups()]
        self._arms: dict[RuleKey, Arm] = {}
        self._graves: dict[Symbol, datetime] = {}

    def judged(self, trigger: Trigger, period: Period) -> Crossing:
        key, at, price = trigger.key, trigger.quote.received_at, trigger.quote.last
        assert price is not None, "only a price can cross"
        arm = self._arms.get(key) or Arm(key=key)
        last = arm
        if self._watch.repeat is Repeat.ONCE:  # told once is once per share, whichever of the conditions it was
            last = next((one for other, one in self._arms.items() if other.symbol == key.symbol), arm)
        grave = self._grave[key.group]
        graver_at = self._graves.get(key.symbol)
        reason = why_notify(self._watch, key.symbol, last, (), at, grave=grave, graver_at=graver_at)
        if reason.tells:
            self._arms[key] = arm.telling(at)
            if grave:
                self._graves[key.symbol] = at
        return Crossing(key.symbol, at, price, key.group, reason, period)


# -- how it is played


class _Stage:
    """A rule book of its own for one share of a watch, and the bars that are played into it."""

    def __init__(
        self,
        watch: Watch,
        symbol: Symbol,
        names: Mapping[Symbol, str],
        needs: Sequence[_Need],
        cost_of: CostOf,
        holding_of: HoldingOf,
    ) -> None:
        self._symbol = symbol
        self._names = names
        self._needs = needs
        self._tape = Tape()
        self._book = RuleBook(cost_of, self._tape, holding_of)
        self._book.put(watch.model_copy(update={"symbols": (symbol,)}))
        self._id = watch.id
        self._listed = Listing((symbol,), names)
        self._grave = [is_grave(rule.chosen) for rule in self._rules]
        self._told = [group for group, need in enumerate(needs) if need.longest]
        self._speeds = [
            group for group in self._told if any(isinstance(one, Speed) for one in self._rules[group].chosen)
        ]
        self._hasty = False
        """Whether a rule about speed waits to be armed again, so that every frame counts."""
        self._closes: dict[Symbol, Price] = {}
        self._highest = 0
        self._finished: dict[Period, Bar] = {}
        """The newest finished bars that were not handed on yet."""
        self._frames = 0

    async def play(self, days: Sequence[_Day], start: date) -> AsyncIterator[tuple[_Day, Sequence[Trigger]]]:
        """Play the days from ``start`` on. What a day does not tell, by its bars, is left out."""
        window = [day for day in days if day.day >= start]
        earlier = days[: len(days) - len(window)][-WARM_UP:]
        unbroken = self._unbroken(days)
        if earlier:
            self._warm_up(earlier, unbroken)
        for day in window:
            found: list[Trigger] = []
            for step in self._day(day, unbroken):
                found += [one for one in step if self._needs[one.key.group].met(day)]
                self._frames += 1
                if self._frames % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            yield day, found
            await asyncio.sleep(0)

    def _unbroken(self, days: Sequence[_Day]) -> Mapping[Period, date]:
        """From which day on the bars of a period can be made without a hole."""
        begun: dict[Period, date] = {}
        for period in self._tape.periods:
            if period != "day":
                for day in reversed(days):
                    if day.minutes > MINUTES[period]:
                        break
                    begun[period] = day.day
        return begun

    def _warm_up(self, earlier: Sequence[_Day], unbroken: Mapping[Period, date]) -> None:
        """Load what closed before the window, and let its last price arm the rules."""
        *before, last = earlier
        if before:
            self._closes[self._symbol] = before[-1].whole.close
            self._tape.load("day", {self._symbol: [day.whole for day in before]})
        self._finished["day"] = last.whole
        for period, begun in unbroken.items():
            bars = [bar for day in earlier if day.day >= begun for bar in _longer(day.bars, period).values()]
            if bars:
                self._tape.load(period, {self._symbol: bars[:-1]})
                self._finished[period] = bars[-1]
        session = self._session(last)
        step = 4 * len(session.times) - 1
        self._judge(session.frame(step, session.times[-1], self._listed, None))

    def _session(self, day: _Day) -> Session:
        session = Session(day.day, day.bars, self._closes, self._names, _SOURCE)
        self._closes |= session.closes
        return session

    def _day(self, day: _Day, unbroken: Mapping[Period, date]) -> Iterator[Sequence[Trigger]]:
        """Judge the frames of a day; what each of them fired."""
        self._hand_on("day")
        session = self._session(day)
        self._finished["day"] = day.whole
        longer = {period: _longer(day.bars, period) for period, begun in unbroken.items() if day.day >= begun}
        steps = session.steps_of(0)
        shown = {gauge: readings(gauge, steps) for gauge in _FOR_BARS}
        moves = self._moves(steps, longer)
        close = self._close_calls(steps)
        turns = np.zeros(len(steps), np.bool_)
        for step in range(len(steps)):
            if not (moves[step] or close[step] or turns[step] or self._hasty):
                continue
            for period, bars in longer.items():
                if step % 4 == 0 and step // 4 in bars:
                    self._hand_on(period)
                    self._finished[period] = bars[step // 4]
            frame = session.frame(step, session.times[step // 4], self._listed, None)
            yield self._judge(frame)
            if moves[step]:
                end = step + 1 + int(np.argmax(np.append(moves[step + 1 :], True)))
                turns[step + 1 : end] = self._turns(frame, shown, step, end)

    def _hand_on(self, period: Period) -> None:
        bar = self._finished.pop(period, None)
        if bar is not None:
            self._tape.commit(period, {self._symbol: bar})

    def _judge(self, frame: Frame) -> Sequence[Trigger]:
        self._highest = max(self._highest, frame.last.item(0))
        triggers = self._book.evaluate(frame, doubts).triggers
        if self._speeds:
            self._hasty = any(self._rules[at].arm.armed is False for at in self._speeds)
        return sorted(triggers, key=lambda one: not self._grave[one.key.group])

    # -- which frames

    @property
    def _rules(self) -> Sequence[Rule]:
        """By group."""
        return self._book.rules_of(self._id)

    def _moves(self, steps: Frame, longer: Mapping[Period, Mapping[int, Bar]]) -> NDArray[np.bool_]:
        """The frames at which zones may move, the first among them: between two of them they stand still.

        That speeds move with every frame is left to :meth:`_close_calls`.
        """
        chosen = [one for group in self._told for one in self._rules[group].chosen]
        inputs = {each for one in chosen for each in one.inputs}
        moves = (steps.limit_up > 0) & (steps.last > steps.limit_up) | (steps.last < steps.limit_down)
        if moves.any():  # what is in doubt is not judged, and the next price is
            return np.ones(len(steps), np.bool_)
        moves[0] = True
        for bars in longer.values():
            moves[[4 * row for row in bars]] = True
        if Input.EXTREMES in inputs:
            moves |= _widens(steps.last)
            for bars in longer.values():
                for begin, end in pairwise([*(4 * row for row in bars), len(steps)]):
                    moves[begin:end] |= _widens(steps.last[begin:end])
        if Input.PEAK in inputs:
            moves |= np.diff(np.maximum.accumulate(steps.last.clip(self._highest)), prepend=self._highest) > 0
        return moves

    def _turns(self, frame: Frame, shown: Mapping[Gauge, Ints], start: int, end: int) -> NDArray[np.bool_]:
        """The frames after ``start``, up to ``end``, at which a gauge passes an end of a zone, as zones stand now."""
        turns = np.zeros(end - start - 1, np.bool_)
        if not turns.size:
            return turns
        quote = frame.quote(self._symbol)
        assert quote is not None, "a share is in its own frames"
        for group in self._told:
            rule = self._rules[group]
            legs = legs_of(rule, self._book.view(rule, quote))
            for leg in () if isinstance(legs, Missing) else legs:
                # A gauge that shows nothing stands at 0.
                ends = np.sort([1, leg.rearm.low, leg.zone.low, leg.zone.high + 1, leg.rearm.high + 1])
                turns |= np.diff(np.searchsorted(ends, shown[leg.gauge][start:end], side="right")) != 0
        return turns

    def _close_calls(self, steps: Frame) -> NDArray[np.bool_]:
        """The frames that must be seen so that no speed is missed."""
        found = np.zeros(len(steps), np.bool_)
        for group in self._speeds:
            for one in self._rules[group].chosen:
                for since, row in _close_calls(one, steps) if isinstance(one, Speed) else ():
                    found[4 * since : 4 * row + 4] = True
        return found


def _widens(prices: Ints) -> NDArray[np.bool_]:
    """Where a price lies outside all before it; the first one does."""
    high, low = np.maximum.accumulate(prices), np.minimum.accumulate(prices)
    return (np.diff(high, prepend=0) > 0) | (np.diff(low, prepend=0) < 0)


def _longer(bars: Sequence[Bar], period: Period) -> Mapping[int, Bar]:
    """The bars of a longer period, by the place of the first bar in each."""
    rows: dict[datetime, int] = {}
    for row, bar in enumerate(bars):
        rows.setdefault(label(bar.time, MINUTES[period]), row)
    return {rows[one.time]: one for one in merged(bars, MINUTES[period])}


def _close_calls(speed: Speed, steps: Frame) -> Iterator[tuple[int, int]]:
    """Where prices may lie so far apart within the time: the first bar of it and the last one.

    Whole bars are compared, which is never too strict.
    """
    prices, seconds = steps.last.reshape(-1, 4), steps.quoted_at[::4] // 1000
    low, high = prices.min(axis=1), prices.max(axis=1)
    percent = float(speed.value) * (1 - 1e-9)
    for row, since in enumerate(np.searchsorted(seconds, seconds - speed.period_s).tolist()):
        lowest, highest = low[since : row + 1].min(), high[since : row + 1].max()
        if (highest - lowest) * 100 >= percent * (lowest if speed.direction == "up" else highest):
            yield since, row
