"""Why a crossing is, or is not, told: every reason, and what a silence covers."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from core.alerts import Reason, Silence, why_notify
from core.conditions import PriceBelow
from core.watches import Arm, Repeat, RuleKey, Watch
from tests.fakes.parts import MOUTAI, PINGAN, TUESDAY, at, watch

NOW = at("10:00")
HOUR = timedelta(hours=1)


def the_watch(repeat: Repeat = Repeat.EVERY_TIME) -> Watch:
    return watch(PriceBelow(value=Decimal(1420)), repeat=repeat, cooldown=timedelta(minutes=5))


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


def test_only_two_reasons_tell_and_each_has_its_own_words() -> None:
    assert {reason for reason in Reason if reason.tells} == {Reason.FIRST, Reason.REPEAT_DUE}
    assert len({reason.chinese for reason in Reason}) == len(Reason)
