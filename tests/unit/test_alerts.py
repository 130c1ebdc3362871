"""Why a crossing is, or is not, told: every reason, and what a silence covers."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.alerts import INHIBITS, QuietHours, Reason, Silence, is_grave, why_notify
from core.conditions import (
    AccountDrawdown,
    AccountLoss,
    AccountProfit,
    Condition,
    LimitDown,
    LimitUp,
    PriceBelow,
    StopLoss,
    TakeProfit,
)
from core.errors import Invalid
from core.types import Side
from core.watches import Arm, Plan, Repeat, RuleKey, Watch
from tests.fakes.parts import MOUTAI, PINGAN, TUESDAY, at, watch

NOW = at("10:00")
HOUR = timedelta(hours=1)


BUY = Plan(side=Side.BUY, shares=100)
NIGHT = QuietHours(time(22), time(8))
MORNING = QuietHours(time(9), time(11))


def the_watch(repeat: Repeat = Repeat.EVERY_TIME, **changes: Any) -> Watch:
    return watch(PriceBelow(value=Decimal(1420)), repeat=repeat, cooldown=timedelta(minutes=5), **changes)


def told(when: datetime | None) -> Arm:
    return Arm(key=RuleKey("w1", MOUTAI, 0), armed=False, told_at=when, told=0 if when is None else 1)


def silence(**changes: object) -> Silence:
    return Silence.model_validate(
        {"id": "s1", "owner": "local", "starts_at": NOW - HOUR, "ends_at": NOW + HOUR, **changes}
    )


@pytest.mark.parametrize(
    ("repeat", "last", "now", "reason"),
    [
        (Repeat.ONCE, None, NOW, Reason.FIRST),
        (Repeat.DAILY, None, NOW, Reason.FIRST),
        (Repeat.EVERY_TIME, None, NOW, Reason.FIRST),
        (Repeat.ONCE, at("09:31"), at("10:00", TUESDAY), Reason.ONCE_ONLY),
        (Repeat.DAILY, at("09:31"), NOW, Reason.TODAY_ALREADY),
        (Repeat.DAILY, at("14:59"), at("09:31", TUESDAY), Reason.REPEAT_DUE),
        (Repeat.EVERY_TIME, at("09:55:01"), NOW, Reason.COOLDOWN),
        (Repeat.EVERY_TIME, at("09:55"), NOW, Reason.REPEAT_DUE),
    ],
)
def test_the_repeat_and_the_cooldown_decide(
    repeat: Repeat, last: datetime | None, now: datetime, reason: Reason
) -> None:
    assert why_notify(the_watch(repeat), MOUTAI, told(last), (), now) is reason


def test_a_day_is_a_market_day_and_not_a_day_of_utc() -> None:
    # 07:30 and 08:30 in Shanghai lie on two days of UTC.
    assert why_notify(the_watch(Repeat.DAILY), MOUTAI, told(at("07:30")), (), at("08:30")) is Reason.TODAY_ALREADY


def test_a_silence_goes_before_every_other_reason() -> None:
    assert why_notify(the_watch(), MOUTAI, told(None), [silence()], NOW) is Reason.SILENCED
    assert why_notify(the_watch(Repeat.ONCE), MOUTAI, told(at("09:31")), [silence()], NOW) is Reason.SILENCED


def test_a_watch_that_waits_for_a_position_is_not_told_without_one() -> None:
    only = the_watch(only_held=True)
    assert why_notify(only, MOUTAI, told(None), (), NOW, held=False) is Reason.NOT_HELD
    assert why_notify(only, MOUTAI, told(None), (), NOW, held=True) is Reason.FIRST
    assert why_notify(the_watch(), MOUTAI, told(None), (), NOW, held=False) is Reason.FIRST


@pytest.mark.parametrize(
    ("condition", "grave"),
    [
        (StopLoss(value=Decimal(8), unit="pct"), True),
        (LimitDown(), True),
        (LimitDown(event="open"), False),
        (AccountLoss(value=Decimal(2), unit="pct", reference="today"), True),
        (AccountDrawdown(value=Decimal(5)), True),
        (AccountProfit(value=Decimal(2), unit="pct", reference="today"), False),
        (LimitUp(), False),
        (TakeProfit(value=Decimal(8), unit="pct"), False),
        (PriceBelow(value=Decimal(9)), False),
    ],
)
def test_the_stop_loss_class_is_a_stop_the_limit_down_or_what_the_account_loses(
    condition: Condition, grave: bool
) -> None:
    assert is_grave([condition]) is grave
    assert is_grave([PriceBelow(value=Decimal(9)), condition]) is grave


@pytest.mark.parametrize(
    ("ago", "changes", "reason"),
    [
        (timedelta(0), {}, Reason.INHIBITED),
        (INHIBITS - timedelta(seconds=1), {}, Reason.INHIBITED),
        (INHIBITS, {}, Reason.FIRST),
        (timedelta(0), {"plan": BUY}, Reason.FIRST),
    ],
)
def test_a_stop_loss_mutes_lesser_alerts_for_a_while_but_none_with_a_plan(
    ago: timedelta, changes: dict[str, Any], reason: Reason
) -> None:
    assert why_notify(the_watch(**changes), MOUTAI, told(None), (), NOW, graver_at=NOW - ago) is reason


def test_a_stop_loss_is_not_muted_by_another() -> None:
    assert why_notify(the_watch(), MOUTAI, told(None), (), NOW, grave=True, graver_at=NOW) is Reason.FIRST


@pytest.mark.parametrize(
    ("hours", "clock", "covers"),
    [
        (NIGHT, "21:59:59", False),
        (NIGHT, "22:00", True),
        (NIGHT, "00:00", True),
        (NIGHT, "07:59:59", True),
        (NIGHT, "08:00", False),
        (MORNING, "08:59", False),
        (MORNING, "09:00", True),
        (MORNING, "11:00", False),
    ],
)
def test_quiet_hours_may_go_over_midnight(hours: QuietHours, clock: str, covers: bool) -> None:
    assert hours.covers(at(clock)) is covers


@pytest.mark.parametrize("text", ["22:00-08:00", "22-8", "22：00 到 8：00", "22:00~08:00"])
def test_quiet_hours_are_read_as_people_write_them(text: str) -> None:
    assert QuietHours.parse(text) == NIGHT
    assert str(NIGHT) == "22:00-08:00"


@pytest.mark.parametrize("text", ["", "22:00", "25:00-08:00", "08:00-08:00", "22:60-8:00", "evening"])
def test_what_is_no_span_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Invalid, match="22:00-08:00"):
        QuietHours.parse(text)


@pytest.mark.parametrize(
    ("quiet", "grave", "changes", "reason"),
    [
        (MORNING, False, {}, Reason.QUIET_HOURS),
        (NIGHT, False, {}, Reason.FIRST),
        (MORNING, True, {}, Reason.FIRST),
        (MORNING, False, {"plan": BUY}, Reason.FIRST),
        (MORNING._replace(strict=True), True, {}, Reason.QUIET_HOURS),
        (MORNING._replace(strict=True), False, {"plan": BUY}, Reason.QUIET_HOURS),
    ],
)
def test_in_quiet_hours_only_a_stop_loss_or_an_order_comes_through(
    quiet: QuietHours, grave: bool, changes: dict[str, Any], reason: Reason
) -> None:
    assert why_notify(the_watch(**changes), MOUTAI, told(None), (), NOW, grave=grave, quiet=quiet) is reason


def test_what_would_not_be_told_anyway_is_not_held_back_for_later() -> None:
    quiet = MORNING
    assert why_notify(the_watch(Repeat.ONCE), MOUTAI, told(at("09:31")), (), NOW, quiet=quiet) is Reason.ONCE_ONLY
    assert why_notify(the_watch(), MOUTAI, told(None), [silence()], NOW, quiet=quiet) is Reason.SILENCED


@pytest.mark.parametrize(
    ("changes", "covers"),
    [
        ({}, True),
        ({"owner": "somebody"}, False),
        ({"watch_id": "w1"}, True),
        ({"watch_id": "w2"}, False),
        ({"symbol": MOUTAI}, True),
        ({"symbol": PINGAN}, False),
        ({"watch_id": "w1", "symbol": PINGAN}, False),
        ({"starts_at": NOW}, True),
        ({"starts_at": NOW + timedelta(seconds=1)}, False),
        ({"ends_at": NOW}, False),
        ({"ends_at": NOW + timedelta(seconds=1)}, True),
    ],
)
def test_a_silence_covers_what_it_names_from_its_start_to_before_its_end(
    changes: dict[str, object], covers: bool
) -> None:
    assert silence(**changes).covers(the_watch(), MOUTAI, NOW) is covers


def test_only_three_reasons_tell_and_each_has_its_own_words() -> None:
    assert {reason for reason in Reason if reason.tells} == {Reason.FIRST, Reason.REPEAT_DUE, Reason.REMINDED}
    assert len({reason.chinese for reason in Reason}) == len(Reason)
