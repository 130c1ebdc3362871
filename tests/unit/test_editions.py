"""When reports are due, and of which days they are; 2026-10-01 to 10-07 is a holiday."""

from __future__ import annotations

from datetime import date

import pytest

from core.editions import Edition, closure_after, closure_ahead, day_of, due, ends_week, first_day, fitting, next_at
from tests.fakes.parts import at

MORNING, NOON, CLOSE, WEEK = Edition


@pytest.mark.parametrize(
    ("edition", "when", "expected"),
    [
        (MORNING, "2026-11-18 08:59", False),
        (MORNING, "2026-11-18 09:00", True),
        (MORNING, "2026-11-18 09:29", True),
        (MORNING, "2026-11-18 09:30", False),  # what was to be watched before the open is no news after it
        (NOON, "2026-11-18 11:34", False),
        (NOON, "2026-11-18 11:35", True),
        (NOON, "2026-11-18 13:00", False),
        (CLOSE, "2026-11-18 15:09", False),
        (CLOSE, "2026-11-18 15:10", True),
        (CLOSE, "2026-11-18 23:59", True),
        (CLOSE, "2026-11-21 16:00", False),  # a Saturday
        (CLOSE, "2026-10-01 16:00", False),
        (MORNING, "2026-10-08 09:00", True),
        (WEEK, "2026-11-19 15:30", False),
        (WEEK, "2026-11-20 15:19", False),
        (WEEK, "2026-11-20 15:20", True),
        (WEEK, "2026-09-30 15:20", True),  # a Wednesday, the last day of its week
        (WEEK, "2026-10-09 15:20", True),  # the short week after it
    ],
)
def test_a_report_is_due_from_its_hour_on_while_it_still_says_something(
    edition: Edition, when: str, expected: bool
) -> None:
    assert due(edition, at(when)) is expected


@pytest.mark.parametrize(
    ("edition", "when", "expected"),
    [
        (CLOSE, "2026-11-18 15:09", "2026-11-18 15:10"),
        (CLOSE, "2026-11-18 15:10", "2026-11-19 15:10"),
        (CLOSE, "2026-09-30 16:00", "2026-10-08 15:10"),
        (WEEK, "2026-09-30 16:00", "2026-10-09 15:20"),
        (MORNING, "2026-11-20 10:00", "2026-11-23 09:00"),
    ],
)
def test_the_next_one_skips_days_without_trading(edition: Edition, when: str, expected: str) -> None:
    assert next_at(edition, at(when)) == at(expected)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-11-18 08:00", MORNING),
        ("2026-11-18 10:00", NOON),
        ("2026-11-18 12:00", NOON),
        ("2026-11-18 15:00", CLOSE),
        ("2026-11-21 10:00", WEEK),
        ("2026-10-02 10:00", WEEK),  # the week had ended before the holiday
    ],
)
def test_who_asks_for_a_report_gets_the_one_of_the_hour(when: str, expected: Edition) -> None:
    assert fitting(at(when)) is expected


@pytest.mark.parametrize(
    ("edition", "when", "expected"),
    [
        (MORNING, "2026-11-18 08:00", date(2026, 11, 18)),
        (MORNING, "2026-11-18 10:00", date(2026, 11, 18)),
        (MORNING, "2026-11-18 16:00", date(2026, 11, 19)),
        (MORNING, "2026-11-20 16:00", date(2026, 11, 23)),
        (CLOSE, "2026-11-18 08:00", date(2026, 11, 17)),
        (CLOSE, "2026-11-22 12:00", date(2026, 11, 20)),
        (WEEK, "2026-10-05 12:00", date(2026, 9, 30)),
    ],
)
def test_the_morning_is_about_the_coming_day_and_the_others_about_the_last(
    edition: Edition, when: str, expected: date
) -> None:
    assert day_of(edition, at(when)) == expected


def test_a_week_begins_on_its_monday() -> None:
    assert first_day(WEEK, date(2026, 11, 20)) == date(2026, 11, 16)
    assert first_day(WEEK, date(2026, 10, 9)) == date(2026, 10, 5)
    assert first_day(CLOSE, date(2026, 11, 20)) == date(2026, 11, 20)
    assert not ends_week(date(2026, 11, 19))


def test_a_weekend_is_no_closure_and_a_holiday_is() -> None:
    assert closure_after(date(2026, 11, 20)) is None
    rest = closure_after(date(2026, 9, 30))
    assert rest is not None
    assert (rest.first, rest.last, rest.opens, rest.days) == (
        date(2026, 10, 1),
        date(2026, 10, 7),
        date(2026, 10, 8),
        7,
    )


def test_a_holiday_is_told_a_week_ahead() -> None:
    assert closure_ahead(date(2026, 9, 17)) is None
    assert closure_ahead(date(2026, 9, 18)) == closure_after(date(2026, 9, 24))  # 中秋: a Friday
    assert closure_ahead(date(2026, 9, 28)) == closure_after(date(2026, 9, 30))
    assert closure_ahead(date(2026, 9, 30)) == closure_after(date(2026, 9, 30))
    assert closure_ahead(date(2026, 10, 8)) is None
