"""What a look over all watches finds, on both sides of each border."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from core.conditions import Condition, MaCross
from core.findings import Facts, Fault
from core.neglect import IDLE, neglected
from core.watches import WatchState
from tests.fakes.parts import at, watch
from tests.unit.test_checks import NOW, SEEN, below, facts

BELOW = below("1400")


def odd(
    known: Facts,
    condition: Condition = BELOW,
    *,
    fired: bool = False,
    silent_until: datetime | None = None,
    doubts: Sequence[str] = (),
    **changes: Any,
) -> list[Fault]:
    made = watch(condition, **changes)
    return [one.fault for one in neglected(made, known, fired=fired, silent_until=silent_until, doubts=doubts)]


def test_a_watch_that_fares_well_has_nothing_odd() -> None:
    assert odd(facts(SEEN)) == []


def test_a_paused_watch_is_that_and_nothing_else() -> None:
    assert odd(facts(), state=WatchState.PAUSED, expires_on=NOW.date()) == [Fault.PAUSED]


@pytest.mark.parametrize(("age", "found"), [(IDLE, [Fault.IDLE]), (IDLE - timedelta(seconds=1), [])])
def test_a_watch_that_never_fired_is_idle_after_three_months(age: timedelta, found: list[Fault]) -> None:
    assert odd(facts(SEEN), created_at=NOW - age) == found
    assert odd(facts(SEEN), created_at=NOW - age, fired=True) == []


@pytest.mark.parametrize(
    ("until", "clock", "found"),
    [
        (date(2026, 3, 23), "10:00", [Fault.ENDS]),
        (date(2026, 3, 24), "10:00", [Fault.ENDS]),
        (date(2026, 3, 25), "10:00", []),
        # after the close only the days to come are left
        (date(2026, 3, 24), "16:00", [Fault.ENDS]),
        (date(2026, 3, 25), "16:00", []),
        (date(2026, 3, 23), "16:00", []),
    ],
)
def test_a_watch_that_ends_by_the_next_trading_day_is_said(until: date, clock: str, found: list[Fault]) -> None:
    assert odd(facts(SEEN, now=at(clock)), expires_on=until) == found


def test_what_cannot_be_judged_is_said_with_its_reason() -> None:
    assert odd(facts()) == [Fault.BLIND]
    assert odd(facts(SEEN), MaCross(ma=20, direction="up")) == [Fault.BLIND]
    assert odd(facts(SEEN), doubts=["停牌"]) == [Fault.BLIND]


def test_a_silence_is_said_with_its_end() -> None:
    made = watch(BELOW)
    (found,) = neglected(made, facts(SEEN), fired=False, silent_until=at("12:00"), doubts=())
    assert found.text == "静音到 03-23 12:00，触发了也不提醒。"
