"""What is written into a file of watches is read back, whatever the watches are: of every kind, with every field.

Values are made from the annotations of the models, so that a new kind of condition and a new field of a watch are
tried without a line here.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import EnumMeta
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.watchfile import House, block, compare, parse_span, read, span_text, write
from core.conditions import Condition
from core.kinds import Kind
from core.messages import Chat
from core.types import Noun, Symbol, account_symbol
from core.watches import Plan, Watch, WatchState
from core.zones import Gauge
from tests.fakes.parts import ACCOUNT, CHAT, FUND, MOUTAI, NAMES, OWNER, PINGAN

KINDS: tuple[type[Kind], ...] = get_args(get_args(Condition)[0])
NOW = datetime(2026, 3, 23, 2, 0, tzinfo=UTC)
DECIMALS = st.sampled_from([Decimal(text) for text in ("0.3", "1", "3.50", "14.25", "9.999", "1420", "1E+1")])
BUYABLE = 100
WHOLE = account_symbol(ACCOUNT)


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Values that fit an annotation."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        return st.one_of(*(values(one) for one in inside))
    if origin is Annotated:
        return values(inside[0])
    if origin is Literal:
        return st.sampled_from(inside)
    if origin is tuple:
        return st.lists(values(inside[0]), min_size=1, max_size=3).map(tuple)
    if isinstance(annotation, EnumMeta):
        return st.sampled_from([*annotation])
    if isinstance(annotation, type) and issubclass(annotation, Noun):
        return nouns(annotation)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        NoneType: st.none(),
        Symbol: st.sampled_from([MOUTAI, PINGAN, FUND]),
        Chat: st.builds(Chat, st.sampled_from(["telegram", "console"]), st.text(min_size=1, max_size=8)),
        Decimal: DECIMALS,
        bool: st.booleans(),
        int: st.sampled_from([6, 20, BUYABLE, 200, 300]),
        str: st.text(max_size=30)
        | st.sampled_from(["null", "yes", "1420", "~", "2026-01-01", "a: b # c", "- x", "🔔"]),
        date: st.dates(date(2020, 1, 1), date(2030, 1, 1)),
        timedelta: st.timedeltas(timedelta(0), timedelta(days=400)),
    }
    return plain[annotation]


def nouns(kind: type[Noun], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Nouns of a model with some of their optional fields, of those that its validators allow."""
    fields = {
        name: fixed[name] if name in fixed else values(field.annotation) for name, field in kind.model_fields.items()
    }
    needed = {name: one for name, one in fields.items() if kind.model_fields[name].is_required()}
    optional = {name: one for name, one in fields.items() if name not in needed}

    def build(given: dict[str, Any]) -> Noun | None:
        try:
            return kind.model_validate(given)
        except ValidationError:
            return None

    return st.fixed_dictionaries(needed, optional=optional).map(build).filter(_meant)


def _meant(noun: Noun | None) -> bool:
    """Whether the chat would have made it."""
    if isinstance(noun, Kind) and getattr(noun, "reference", None) == "last":
        return getattr(noun, "base", noun) is not None
    if isinstance(noun, Plan):
        return noun.shares is None or noun.shares >= BUYABLE
    return noun is not None


WATCHES = nouns(
    Watch,
    id=st.just("w1"),
    number=st.integers(1, 999),
    owner=st.just(OWNER),
    account=st.just(ACCOUNT),
    symbols=st.lists(values(Symbol), min_size=1, max_size=3, unique=True).map(tuple) | st.just((WHOLE,)),
    state=st.sampled_from([one for one in WatchState if one is not WatchState.DELETED]),
    created_at=st.just(NOW),
)
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])


def name_of(symbol: Symbol) -> str:
    return NAMES.get(symbol, "")


def house(*stored: Watch, market: tuple[Symbol, ...] = ()) -> House:
    return House(OWNER, stored, ACCOUNT, frozenset({ACCOUNT}), CHAT, NOW, lambda: "w1", market)


@SLOW
@given(WATCHES)
def test_a_watch_comes_back_from_its_file_into_an_empty_house(watch: Watch) -> None:
    found = read(write([watch], name_of), house(market=watch.symbols))
    assert (found.problems, found.watches) == ((), (watch,))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_condition_comes_back(kind: type[Kind]) -> None:
    @SLOW
    @given(nouns(kind))
    def comes_back(condition: Kind) -> None:
        watch = Watch.model_validate(
            {
                "id": "w1",
                "number": 1,
                "owner": OWNER,
                "account": ACCOUNT,
                "chat": CHAT,
                "symbols": [WHOLE if condition.gauge is Gauge.TOTAL else MOUTAI],
                "conditions": [condition],
                "created_at": NOW,
            }
        )
        found = read(write([watch], name_of), house())
        assert (found.problems, found.watches) == ((), (watch,))

    comes_back()


@SLOW
@given(st.lists(WATCHES, max_size=4, unique_by=lambda watch: watch.number))
def test_what_was_exported_changes_nothing_when_it_is_imported(watches: list[Watch]) -> None:
    stored = [watch.model_copy(update={"id": f"w{watch.number}"}) for watch in watches]
    found = read(write(stored, name_of), house(*stored))
    changes = compare(found.watches, stored)
    assert (found.problems, changes.created, changes.changed, changes.kept) == ((), (), (), ())


@SLOW
@given(WATCHES)
def test_a_watch_without_its_number_is_recognised_by_what_it_says(watch: Watch) -> None:
    text = write([watch], name_of).replace(f"- number: {watch.number}\n  ", "- ")
    assert read(text, house(watch)).watches == (watch,)


@SLOW
@given(WATCHES)
def test_no_line_of_a_watch_is_broken(watch: Watch) -> None:
    lines = block(watch, name_of)
    assert write([watch], name_of).splitlines()[-len(lines) :] == lines


@given(st.timedeltas(timedelta(0), timedelta(days=4000)))
def test_a_duration_comes_back(span: timedelta) -> None:
    assert parse_span(span_text(span)) == span
