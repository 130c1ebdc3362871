"""The compiled book and the reference agree on every input.

The reference beside it is simple: every rule is judged on every row that is fit to be judged, with no shortcut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.conditions import (
    Condition,
    EnterRange,
    LimitDown,
    LimitUp,
    Missing,
    PctDown,
    PctUp,
    PriceAbove,
    PriceBelow,
    StopLoss,
    TakeProfit,
    View,
)
from core.frames import Frame, Quote, frame_of
from core.market import board_of, tick
from core.rulebook import Rule, RuleBook, judge
from core.types import Price, Symbol, from_milli, to_milli
from core.watches import Arm, RuleKey, Watch
from tests.fakes.parts import FUND, MOUTAI, PINGAN, at, watch

MORNING = at("10:00")
SYMBOLS = (MOUTAI, PINGAN, FUND)
# Few prices close together, so that thresholds, bands and limits are met often.
MILLI = st.sampled_from([*range(9_900, 10_110, 10), 9_000, 9_010, 9_970, 10_990, 11_000, 10_300, 10_310])
PRICES = MILLI.map(from_milli)
PERCENT = st.sampled_from([Decimal(text) for text in ("0.3", "1", "2.5", "3", "9.99")])
REFERENCES: st.SearchStrategy[Any] = st.sampled_from(["preclose", "open", "cost", "last"])
SIDES: st.SearchStrategy[Any] = st.sampled_from(["hit", "open"])


def percents(kind: type[PctUp] | type[PctDown]) -> st.SearchStrategy[Condition]:
    return st.builds(kind, value=PERCENT, reference=REFERENCES, base=st.none() | PRICES)


def exits(kind: type[TakeProfit] | type[StopLoss]) -> st.SearchStrategy[Condition]:
    yuan: Any = "yuan"
    pct: Any = "pct"
    level: st.SearchStrategy[Condition] = st.builds(kind, value=PRICES, unit=st.just(yuan))
    part: st.SearchStrategy[Condition] = st.builds(kind, value=PERCENT, unit=st.just(pct))
    return level | part


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
)

WATCHES = st.builds(
    lambda name, conditions, combine, symbols: watch(
        *conditions, id=name, combine=combine, symbols=tuple(dict.fromkeys(symbols))
    ),
    st.sampled_from(["a", "b", "c"]),
    st.lists(CONDITIONS, min_size=1, max_size=3),
    st.sampled_from(["any", "all"]),
    st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=3),
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
        source="test",
        quoted_at=now - timedelta(days=1) if row.yesterdays else now,
        received_at=now,
    )


@dataclass
class Reference:
    """Every rule on every row."""

    rules: dict[RuleKey, Rule] = field(default_factory=dict)

    def put(self, one: Watch) -> None:
        self.remove(one.id)
        for symbol in one.symbols:
            for group, conditions in enumerate(one.groups()):
                key = RuleKey(one.id, symbol, group)
                size = to_milli(tick(board_of(symbol)))
                self.rules[key] = Rule(one, key, conditions, size, Arm(key=key))

    def remove(self, watch_id: str) -> None:
        self.rules = {key: rule for key, rule in self.rules.items() if key.watch_id != watch_id}

    def judge(
        self, rows: Sequence[tuple[Symbol, Row]], costs: dict[Symbol, Price], now: datetime
    ) -> tuple[set[RuleKey], set[RuleKey]]:
        fired, already = set(), set()
        for symbol, row in rows:
            for rule in self.rules.values():
                if rule.key.symbol != symbol or not fit(row):
                    continue
                judged = judge(rule, View(as_quote(symbol, row, now), costs.get(symbol)))
                if judged.arm is not None:
                    rule.arm = judged.arm
                if judged.fired:
                    fired.add(rule.key)
                if judged.already:
                    already.add(rule.key)
        return fired, already


def fit(row: Row) -> bool:
    return row.fit and row.last > 0


Step = tuple[str, Any]
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("put"), WATCHES),
    *[st.tuples(st.just("frame"), st.tuples(ROWS, ROWS, ROWS))] * 8,
    st.tuples(st.just("fewer"), st.tuples(ROWS)),
    st.tuples(st.just("cost"), st.tuples(st.sampled_from(SYMBOLS), st.none() | PRICES)),
    st.tuples(st.just("remove"), st.sampled_from(["a", "b"])),
    st.tuples(st.just("days"), st.sampled_from([1, 3])),
)


@settings(max_examples=250)
@given(first=st.lists(WATCHES, min_size=1, max_size=4), steps=st.lists(STEPS, min_size=10, max_size=40))
def test_the_book_and_the_reference_fire_the_same(first: list[Watch], steps: list[Step]) -> None:
    costs: dict[Symbol, Price] = {}
    book = RuleBook(lambda _account, symbol: costs.get(symbol))
    reference = Reference()
    for one in first:
        book.put(one)
        reference.put(one)
    last: Frame | None = None
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
            costs.pop(symbol, None)
            if cost is not None:
                costs[symbol] = cost
            book.touch([symbol])
        elif what == "days":
            now += timedelta(days=value)
        else:
            rows = list(zip(SYMBOLS, value, strict=False))
            quotes = [as_quote(symbol, row, now) for symbol, row in rows]
            last = frame_of(quotes, at=now, source="test", like=last)
            shown: list[Row] = list(value)
            got = book.evaluate(last, lambda _frame, row, shown=shown: None if fit(shown[row]) else "坏数据")  # type: ignore[misc]  # a default keeps this frame's rows
            fired, already = reference.judge(rows, costs, now)
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
        shown = rows
        got = book.evaluate(last, lambda _frame, row, shown=shown: None if fit(shown[row]) else "坏数据")  # type: ignore[misc]  # a default keeps this frame's rows
        fired = {trigger.key for trigger in got.triggers}
        for symbol, row in zip(SYMBOLS, rows, strict=True):
            if not fit(row):
                assert not any(key.symbol == symbol for key in fired)
                continue
            for rule in (each for each in book.rules_of(one.id) if each.key.symbol == symbol):
                zones = rule.zones(View(as_quote(symbol, row), Decimal(10)))
                if isinstance(zones, Missing):
                    assert rule.key not in fired
                    continue
                if rule.key in fired:
                    assert row.last in zones[0]
                    assert not must_leave.get(rule.key, False), "fired again without having left"
                    must_leave[rule.key] = True
                elif row.last not in zones[1]:
                    must_leave[rule.key] = False
