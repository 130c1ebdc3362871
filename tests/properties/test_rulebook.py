"""The compiled book and the reference agree on every input.

The reference beside it is simple: every rule is judged on every row that is fit to be judged, with no shortcut.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.bars import Bar, Period
from core.clock import market_time
from core.conditions import (
    AccountDrawdown,
    AccountLoss,
    AccountProfit,
    AmountAbove,
    Condition,
    EnterRange,
    GapDown,
    GapUp,
    Indicator,
    LimitDown,
    LimitUp,
    MaCross,
    NewHigh,
    NewLow,
    PctDown,
    PctUp,
    PositionLoss,
    PositionProfit,
    PositionWeight,
    PriceAbove,
    PriceBelow,
    QueueShrink,
    Speed,
    StopLoss,
    TakeProfit,
    TrailingStop,
    Turnover,
    VolumeRatio,
)
from core.frames import Frame, Quote, frame_of
from core.indicators import Indicators
from core.judging import Rule, judge, legs_of
from core.ladder import Rows
from core.rulebook import RuleBook
from core.types import Price, Symbol, account_symbol, from_milli
from core.view import Holding, Input, Lines, View, Way
from core.watches import Arm, RuleKey, Watch
from core.zones import Gauge, Missing
from tests.fakes.parts import ACCOUNT, FUND, MOUTAI, PINGAN, at, watch

MORNING = at("10:00")
SYMBOLS = (MOUTAI, PINGAN, FUND)
WHOLE = account_symbol(ACCOUNT)
# Few prices close together, so that thresholds, bands and limits are met often.
MILLI = st.sampled_from([*range(9_900, 10_110, 10), 9_000, 9_010, 9_970, 10_990, 11_000, 10_300, 10_310])
PRICES = MILLI.map(from_milli)
PERCENT = st.sampled_from([Decimal(text) for text in ("0.3", "1", "2.5", "3", "9.99")])
REFERENCES: st.SearchStrategy[Any] = st.sampled_from(["preclose", "open", "cost", "last"])
SIDES: st.SearchStrategy[Any] = st.sampled_from(["hit", "open"])
WAYS: st.SearchStrategy[Any] = st.sampled_from(["up", "down"])
PERIODS: st.SearchStrategy[Any] = st.sampled_from(["day", "day", "5m"])
FOLLOWED: tuple[Period, ...] = ("day", "5m")


def percents(kind: type[PctUp] | type[PctDown]) -> st.SearchStrategy[Condition]:
    return st.builds(kind, value=PERCENT, reference=REFERENCES, base=st.none() | PRICES)


def exits(kind: type[TakeProfit] | type[StopLoss]) -> st.SearchStrategy[Condition]:
    yuan: Any = "yuan"
    pct: Any = "pct"
    level: st.SearchStrategy[Condition] = st.builds(kind, value=PRICES, unit=st.just(yuan))
    part: st.SearchStrategy[Condition] = st.builds(kind, value=PERCENT, unit=st.just(pct))
    return level | part


def indicators() -> st.SearchStrategy[Condition]:
    names: st.SearchStrategy[Any] = st.sampled_from(
        [
            ("macd", "golden_cross", None),
            ("macd", "dead_cross", None),
            ("macd", "above", Decimal(0)),
            ("kdj", "golden_cross", None),
            ("kdj", "dead_cross", None),
            ("kdj", "below", Decimal(20)),
            ("kdj", "above", Decimal(80)),
            ("kdj", "above", Decimal(100)),
            ("rsi", "below", Decimal(30)),
            ("rsi", "above", Decimal(70)),
            ("boll", "touch_upper", None),
            ("boll", "touch_lower", None),
        ]
    )
    return st.builds(
        lambda name, period: Indicator(name=name[0], event=name[1], value=name[2], period=period), names, PERIODS
    )


CONDITIONS: st.SearchStrategy[Condition] = st.one_of(
    st.builds(PriceAbove, value=PRICES),
    st.builds(PriceBelow, value=PRICES),
    st.just(PriceAbove(reference="cost")),
    st.just(PriceBelow(reference="cost")),
    st.tuples(PRICES, PRICES).filter(lambda two: two[0] < two[1]).map(lambda two: EnterRange(low=two[0], high=two[1])),
    percents(PctUp),
    percents(PctDown),
    exits(TakeProfit),
    exits(StopLoss),
    st.builds(LimitUp, event=SIDES),
    st.builds(LimitDown, event=SIDES),
    st.builds(Speed, value=PERCENT, period_s=st.sampled_from([30, 60, 300]), direction=WAYS),
    st.builds(
        VolumeRatio, value=st.sampled_from([Decimal("0.5"), Decimal(1), Decimal(2)]), base_days=st.none() | st.just(3)
    ),
    st.builds(MaCross, ma=st.sampled_from([3, 5, 10]), direction=WAYS, period=PERIODS),
    st.builds(MaCross, fast=st.just(3), slow=st.sampled_from([5, 10]), direction=WAYS, period=PERIODS),
    indicators(),
    st.builds(TrailingStop, value=PERCENT),
    st.builds(NewHigh, days=st.sampled_from([2, 10])),
    st.builds(NewLow, days=st.sampled_from([2, 10])),
    st.builds(GapUp, value=PERCENT),
    st.builds(GapDown, value=PERCENT),
    st.builds(Turnover, value=st.sampled_from([Decimal(1), Decimal("2.5")])),
    st.builds(AmountAbove, value=st.sampled_from([Decimal(1_000_000), Decimal(2_000_000)])),
    st.builds(QueueShrink, value=st.sampled_from([Decimal(30), Decimal(50)]), side=WAYS),
    st.builds(PositionWeight, value=st.sampled_from([Decimal(30), Decimal(50)])),
    st.builds(PositionProfit, value=st.sampled_from([Decimal(20), Decimal(300)])),
    st.builds(PositionLoss, value=st.sampled_from([Decimal(20), Decimal(300)])),
)

TODAY_OR_ALL: st.SearchStrategy[Any] = st.sampled_from(["today", "total"])
YUAN: Any = st.just("yuan")
PCT: Any = st.just("pct")
SUMS = st.sampled_from([Decimal("0.5"), Decimal("0.11"), Decimal(1)])
OF_ACCOUNTS: st.SearchStrategy[Condition] = st.one_of(
    st.builds(AccountProfit, value=SUMS, unit=YUAN, reference=TODAY_OR_ALL),
    st.builds(AccountProfit, value=PERCENT, unit=PCT, reference=TODAY_OR_ALL),
    st.builds(AccountLoss, value=SUMS, unit=YUAN, reference=TODAY_OR_ALL),
    st.builds(AccountLoss, value=PERCENT, unit=PCT, reference=TODAY_OR_ALL),
    st.builds(AccountDrawdown, value=PERCENT),
)
BANDS = st.sampled_from([None, None, None, Decimal(0), Decimal("0.2"), Decimal(3)])
NAMES = st.sampled_from(["a", "b", "c"])
COMBINED = st.sampled_from(["any", "all"])
WATCHES = st.builds(
    lambda name, conditions, combine, symbols, band: watch(
        *conditions, id=name, combine=combine, symbols=tuple(dict.fromkeys(symbols)), band=band
    ),
    NAMES,
    st.lists(CONDITIONS, min_size=1, max_size=3),
    COMBINED,
    st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=3),
    BANDS,
) | st.builds(
    lambda name, conditions, combine, band: watch(*conditions, id=name, combine=combine, symbols=(WHOLE,), band=band),
    NAMES,
    st.lists(OF_ACCOUNTS, min_size=1, max_size=2),
    COMBINED,
    BANDS,
)


@dataclass(frozen=True)
class Row:
    """One symbol's part of a frame."""

    last: int
    preclose: int = 10_000
    open: int = 10_010
    limits: bool = True
    touched: tuple[bool, bool] = (False, False)
    fit: bool = True
    yesterdays: bool = False
    traded: int = 1
    queue: int = 0


# Mostly only the price moves: a reference that moves wakes the book anyway.
PLAIN_ROWS = st.builds(Row, last=MILLI)
MOVED_ROWS = st.builds(
    Row,
    last=MILLI,
    preclose=st.sampled_from([10_000, 9_800, 0]),
    open=st.sampled_from([10_010, 9_900, 0]),
    limits=st.booleans(),
)
ROWS = st.one_of(
    PLAIN_ROWS,
    PLAIN_ROWS,
    PLAIN_ROWS,
    MOVED_ROWS,
    st.builds(Row, last=MILLI, touched=st.tuples(st.booleans(), st.booleans())),
    st.builds(Row, last=st.just(0) | MILLI, fit=st.booleans()),
    st.builds(Row, last=MILLI, yesterdays=st.booleans()),
    st.builds(Row, last=MILLI, traded=st.integers(0, 9)),
    st.builds(Row, last=st.sampled_from([11_000, 9_000]), queue=st.integers(0, 9)),
)


# What an account is worth comes in a frame of its own.
ACCOUNT_ROWS = st.builds(
    Row,
    last=MILLI,
    preclose=st.sampled_from([10_000, 9_800, 0]),
    open=st.sampled_from([10_010, 9_900, 0]),
    limits=st.just(False),
    fit=st.sampled_from([True, True, True, False]),
)


def as_quote(symbol: Symbol, row: Row, now: datetime = MORNING) -> Quote:
    def known(milli: int) -> Price | None:
        return from_milli(milli) if milli else None

    return Quote(
        symbol=symbol,
        last=known(row.last),
        preclose=known(row.preclose),
        open=known(row.open),
        limit_up=known(11_000 if row.limits else 0),
        limit_down=known(9_000 if row.limits else 0),
        high=known(11_000 if row.touched[0] else 10_500),
        low=known(9_000 if row.touched[1] else 9_500),
        bid=known(row.last if row.queue and row.last == 11_000 else 0),
        ask=known(row.last if row.queue and row.last == 9_000 else 0),
        bid_volume=row.queue * 100 * (row.last == 11_000),
        ask_volume=row.queue * 100 * (row.last == 9_000),
        volume=row.traded * 2_500,
        amount=Decimal(row.traded * 500_000) if row.traded else None,
        turnover=Decimal(row.traded) / 2 if row.traded else None,
        source="test",
        quoted_at=now - timedelta(days=1) if row.yesterdays else now,
        received_at=now,
    )


def bars(seed: int, count: int, milli: int = 10_000) -> list[Bar]:
    """Bars that wander a little."""
    chance = np.random.default_rng(seed)
    found = []
    for step in range(count):
        opened, close = (milli + int(chance.integers(-10, 11)) * 10 for _ in range(2))
        high, low = (
            max(opened, close) + 10 * int(chance.integers(0, 4)),
            min(opened, close) - 10 * int(chance.integers(0, 4)),
        )
        found.append(
            Bar(
                MOUTAI,
                MORNING + timedelta(minutes=step),
                from_milli(opened),
                from_milli(high),
                from_milli(low),
                from_milli(close),
                int(chance.integers(1, 30)) * 1_000,
            )
        )
        milli = close
    return found


class Plain:
    """What was seen of one symbol, kept as it came: the past that the reference looks at."""

    def __init__(self, seed: int) -> None:
        self.prices: list[tuple[datetime, int]] = []
        self.since: dict[int, int] = {}
        self.day: date | None = None
        self.queues: dict[Way, int] = {"up": 0, "down": 0}
        self.states: dict[Period, Indicators] = {}
        self.forming_: dict[Period, list[int]] = defaultdict(list)
        for period in FOLLOWED:
            state = self.states[period] = Indicators(1)
            for bar in bars(seed, 40):
                commit(state, bar)

    def lines(self, period: Period) -> Lines | None:
        if period not in self.states:
            return None
        formed = self.forming_[period]
        forming = (from_milli(max(formed)), from_milli(min(formed))) if formed else None
        return Lines(self.states[period], np.array([0]), forming)

    def window(self, seconds: int) -> tuple[int, int] | None:
        begun = self.since.setdefault(seconds, len(self.prices))
        newest = self.newest
        within = [
            milli
            for at, milli in self.prices[begun:]
            if newest is not None and newest - at <= timedelta(seconds=seconds)
        ]
        return (min(within), max(within)) if within else None

    def queue_peak(self, side: Way) -> int:
        return self.queues[side]

    newest: datetime | None = None

    def see(self, quote: Quote, now: datetime, *, fit: bool) -> None:
        for side in FOLLOWED_SIDES:
            sealed = View(quote).reading(Gauge.QUEUE_UP if side == "up" else Gauge.QUEUE_DOWN)
            if fit and not isinstance(sealed, Missing):
                self.queues[side] = max(self.queues[side], sealed)
        if fit and quote.last is not None:
            milli = int(quote.last * 1000)
            self.prices.append((now, milli))
            self.forming_["5m"].append(milli)

    def tick(self, now: datetime) -> None:
        """A frame has come, with or without this symbol."""
        self.newest = now
        if market_time(now).date() != self.day:
            self.day = market_time(now).date()
            self.prices.clear()
            self.since = dict.fromkeys(self.since, 0)
            self.queues = {"up": 0, "down": 0}


FOLLOWED_SIDES: tuple[Way, Way] = ("up", "down")


def commit(state: Indicators, bar: Bar) -> None:
    state.commit(*(np.array([float(each)]) for each in (bar.close, bar.high, bar.low, bar.volume)))


@dataclass
class Reference:
    """Every rule on every row."""

    rules: dict[RuleKey, Rule] = field(default_factory=dict)
    pasts: dict[Symbol, Plain] = field(
        default_factory=lambda: {symbol: Plain(seed) for seed, symbol in enumerate((*SYMBOLS, WHOLE))}
    )

    def put(self, one: Watch) -> None:
        self.remove(one.id)
        for symbol in one.symbols:
            for group, conditions in enumerate(one.groups()):
                key = RuleKey(one.id, symbol, group)
                self.rules[key] = Rule(one, key, conditions, Arm(key=key))
        for condition in one.conditions:
            if isinstance(condition, Speed):
                for past in self.pasts.values():
                    past.since.setdefault(condition.period_s, len(past.prices))

    def remove(self, watch_id: str) -> None:
        self.rules = {key: rule for key, rule in self.rules.items() if key.watch_id != watch_id}
        speeds = [one for rule in self.rules.values() for one in rule.chosen if isinstance(one, Speed)]
        spans = {one.period_s for one in speeds}
        for past in self.pasts.values():
            past.since = {span: begun for span, begun in past.since.items() if span in spans}

    def judge(
        self, rows: Sequence[tuple[Symbol, Row]], holdings: dict[Symbol, Holding], now: datetime
    ) -> tuple[set[RuleKey], set[RuleKey]]:
        fired, already = set(), set()
        for past in self.pasts.values():
            past.tick(now)
        for symbol, row in rows:
            quote = as_quote(symbol, row, now)
            self.pasts[symbol].see(quote, now, fit=fit(row))
            for rule in [each for each in self.rules.values() if each.key.symbol == symbol and fit(row)]:
                judged = self._judge(rule, quote, holdings.get(symbol))
                if judged.fired:
                    fired.add(rule.key)
                if judged.already:
                    already.add(rule.key)
        return fired, already

    def _judge(self, rule: Rule, quote: Quote, holding: Holding | None) -> Any:
        arm = rule.arm
        if any(Input.PEAK in condition.inputs for condition in rule.chosen) and quote.last is not None:
            peak = max(arm.peak or 0, int(quote.last * 1000))
            arm = arm._replace(peak=peak)
        cost = holding.cost if holding is not None else None
        seen = rule._replace(arm=arm)
        judged = judge(seen, View(quote, cost, holding, self.pasts[quote.symbol], arm.peak))
        self.rules[rule.key] = seen._replace(arm=judged.arm if judged.arm is not None else arm)
        return judged


def fit(row: Row) -> bool:
    return row.fit and row.last > 0


Step = tuple[str, Any]
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("put"), WATCHES),
    *[st.tuples(st.just("frame"), st.tuples(ROWS, ROWS, ROWS))] * 8,
    st.tuples(st.just("fewer"), st.tuples(ROWS)),
    *[st.tuples(st.just("account"), st.tuples(ACCOUNT_ROWS))] * 3,
    st.tuples(st.just("cost"), st.tuples(st.sampled_from(SYMBOLS), st.none() | PRICES)),
    st.tuples(st.just("remove"), st.sampled_from(["a", "b"])),
    st.tuples(st.just("days"), st.sampled_from([1, 3])),
    st.tuples(st.just("seconds"), st.sampled_from([3, 20, 45])),
    st.tuples(st.just("close"), st.tuples(st.sampled_from(FOLLOWED), st.integers(0, 10**6))),
)


def in_time(row: Row, symbol: Symbol, now: datetime, seen: set[tuple[Symbol, date]]) -> Row:
    """A price of yesterday may come before the first of today; after it, it is bad data."""
    today = symbol, now.date()
    if not row.yesterdays:
        seen.add(today)
        return row
    return replace(row, fit=False) if today in seen else row


def doubtful(rows: Sequence[Row]) -> Any:
    def doubts(_frame: Frame, asked: Rows) -> dict[int, str]:
        return {row: "坏数据" for row in asked.tolist() if not fit(rows[row])}

    return doubts


@settings(max_examples=400, deadline=None)
@given(first=st.lists(WATCHES, min_size=1, max_size=4), steps=st.lists(STEPS, min_size=10, max_size=40))
def test_the_book_and_the_reference_fire_the_same(first: list[Watch], steps: list[Step]) -> None:
    holdings: dict[Symbol, Holding] = {}

    def cost_of(_account: str, symbol: Symbol) -> Price | None:
        return holdings[symbol].cost if symbol in holdings else None

    book = RuleBook(cost_of, holding_of=lambda _account, symbol: holdings.get(symbol))
    reference = Reference()
    for period in FOLLOWED:
        book.tape.watch_bars(period)
        book.tape.load(period, {symbol: bars(seed, 40) for seed, symbol in enumerate(SYMBOLS)})
    for one in first:
        book.put(one)
        reference.put(one)
    # Each list of symbols has frames of its own, which take turns: those of the stream, of a sweep, of accounts.
    frames: dict[str, Frame] = {}
    seen: set[tuple[Symbol, date]] = set()
    now = MORNING
    for what, value in steps:
        if what == "put":
            book.put(value)
            reference.put(value)
        elif what == "remove":
            book.remove(value)
            reference.remove(value)
        elif what == "cost":
            symbol, cost = value
            holdings.pop(symbol, None)
            if cost is not None:
                holdings[symbol] = Holding(100, cost, Decimal(1500))
            book.touch([symbol])
        elif what == "days":
            now += timedelta(days=value)
        elif what == "seconds":
            now += timedelta(seconds=value)
        elif what == "close":
            period, seed = value
            closed = {symbol: bars(seed + number, 1)[0] for number, symbol in enumerate(SYMBOLS)}
            book.tape.commit(period, closed)
            for symbol, bar in closed.items():
                commit(reference.pasts[symbol].states[period], bar)
                reference.pasts[symbol].forming_[period].clear()
        else:
            named = (WHOLE,) if what == "account" else SYMBOLS
            rows = [(symbol, in_time(row, symbol, now, seen)) for symbol, row in zip(named, value, strict=False)]
            quotes = [as_quote(symbol, row, now) for symbol, row in rows]
            frames[what] = frame_of(quotes, at=now, source="test", like=frames.get(what))
            got = book.evaluate(frames[what], doubtful([row for _, row in rows]))
            fired, already = reference.judge(rows, holdings, now)
            assert {one.key for one in got.triggers} == fired
            assert len(got.triggers) == len(fired)
            assert {one.key for one in got.already} == already
        assert {key: rule.arm for key, rule in reference.rules.items()} == {
            rule.key: rule.arm for name in ("a", "b", "c") for rule in book.rules_of(name)
        }


@settings(max_examples=250)
@given(one=WATCHES, prices=st.lists(st.tuples(ROWS, ROWS, ROWS), min_size=5, max_size=60))
def test_no_rule_fires_twice_without_leaving_what_it_must_leave(one: Watch, prices: list[tuple[Row, Row, Row]]) -> None:
    book = RuleBook(lambda _account, _symbol: Decimal(10))
    book.put(one)
    must_leave: dict[RuleKey, bool] = {}
    last: Frame | None = None
    for given_rows in prices:
        # One day: the next would arm what is about the day again.
        rows = [replace(row, yesterdays=False) for row in given_rows]
        quotes = [as_quote(symbol, row) for symbol, row in zip(SYMBOLS, rows, strict=True)]
        last = frame_of(quotes, at=MORNING, source="test", like=last)
        got = book.evaluate(last, doubtful(rows))
        fired = {trigger.key for trigger in got.triggers}
        for symbol, row in zip(SYMBOLS, rows, strict=True):
            if not fit(row):
                assert not any(key.symbol == symbol for key in fired)
                continue
            for rule in (each for each in book.rules_of(one.id) if each.key.symbol == symbol):
                legs = legs_of(rule, book.view(rule, as_quote(symbol, row)))
                if isinstance(legs, Missing) or any(isinstance(leg.reading, Missing) for leg in legs):
                    assert rule.key not in fired
                    continue
                if rule.key in fired:
                    assert all(leg.reading in leg.zone for leg in legs)
                    assert not must_leave.get(rule.key, False), "fired again without having left"
                    must_leave[rule.key] = True
                elif any(leg.reading not in leg.rearm for leg in legs):
                    must_leave[rule.key] = False
