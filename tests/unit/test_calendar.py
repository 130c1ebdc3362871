"""Open days, phases and the instants whose prices count."""

from datetime import UTC, date, datetime, timedelta

import pytest

from core.calendar import (
    Phase,
    calendar_warning,
    is_session,
    is_trading_day,
    known_until,
    next_trading_day,
    phase,
    previous_trading_day,
    session_close,
    trading_date,
    trading_days,
)
from core.clock import MARKET_ZONE
from core.market import Board
from tests.shared import SHARED, needs_shared

MONDAY = date(2026, 3, 23)
BEFORE_REFORM, REFORM = date(2026, 7, 3), date(2026, 7, 6)
A_BOARDS = (Board.MAIN, Board.CHINEXT, Board.STAR, Board.FUND)


def at(clock: str, day: date = MONDAY) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=MARKET_ZONE)


def days(first: str, last: str) -> list[date]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-01-01", "2026-01-03"),
        ("2026-02-15", "2026-02-23"),
        ("2026-04-04", "2026-04-06"),
        ("2026-05-01", "2026-05-05"),
        ("2026-06-19", "2026-06-21"),
        ("2026-09-25", "2026-09-27"),
        ("2026-10-01", "2026-10-07"),
    ],
)
def test_the_holidays_of_2026_are_closed_and_the_weekdays_around_them_open(first: str, last: str) -> None:
    closed = days(first, last)
    assert not any(is_trading_day(day) for day in closed)
    assert trading_days(closed[0], closed[-1]) == ()
    before, after = previous_trading_day(closed[0]), next_trading_day(closed[-1])
    assert closed[0] - before <= timedelta(days=3)
    assert after - closed[-1] <= timedelta(days=3)


@pytest.mark.parametrize("day", ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"])
def test_a_weekend_on_which_offices_work_stays_closed(day: str) -> None:
    assert not is_trading_day(date.fromisoformat(day))


@pytest.mark.parametrize("day", ["2004-01-19", "2005-02-08", "2006-01-26", "2006-01-27", "2024-02-09"])
def test_a_working_day_on_which_the_exchange_rested_is_closed(day: str) -> None:
    assert not is_trading_day(date.fromisoformat(day))


def test_2026_has_the_242_sessions_of_the_exchange() -> None:
    assert len(trading_days(date(2026, 1, 1), date(2026, 12, 31))) == 242


def test_past_the_known_years_every_weekday_is_open_and_nothing_raises() -> None:
    beyond = date(known_until().year + 1, 1, 1)
    span = [beyond + timedelta(days=n) for n in range(800)]
    assert [is_trading_day(day) for day in span] == [day.weekday() < 5 for day in span]
    assert is_trading_day(date(1999, 3, 1))
    assert phase(datetime(2099, 1, 1, 2, tzinfo=UTC)) is Phase.CONTINUOUS


def test_the_calendar_reaches_2026_at_least() -> None:
    assert known_until() >= date(2026, 12, 31)
    assert (known_until().month, known_until().day) == (12, 31)


def test_the_warning_begins_on_1_december_of_the_last_known_year() -> None:
    year = known_until().year
    assert calendar_warning(date(year, 11, 30)) is None
    assert calendar_warning(date(year - 1, 12, 15)) is None
    december = calendar_warning(date(year, 12, 1))
    assert december is not None
    assert f"{year + 1} 年" in december
    assert "pip install -U chinese_calendar" in december


def test_the_warning_past_the_known_year_says_what_is_assumed() -> None:
    past = calendar_warning(known_until() + timedelta(days=1))
    assert past is not None
    assert str(known_until()) in past
    assert "周一至周五" in past


def test_neighbouring_trading_days_skip_weekends_and_holidays() -> None:
    assert next_trading_day(date(2026, 2, 13)) == date(2026, 2, 24)
    assert previous_trading_day(date(2026, 2, 24)) == date(2026, 2, 13)
    assert next_trading_day(date(2026, 3, 20)) == MONDAY
    assert trading_days(date(2026, 3, 20), date(2026, 3, 24)) == (date(2026, 3, 20), MONDAY, date(2026, 3, 24))
    assert trading_days(MONDAY, date(2026, 3, 1)) == ()


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("00:00:00", Phase.PRE_OPEN),
        ("09:14:59", Phase.PRE_OPEN),
        ("09:15:00", Phase.CALL_AUCTION),
        ("09:24:59", Phase.CALL_AUCTION),
        ("09:25:00", Phase.BEFORE_OPEN),
        ("09:29:59", Phase.BEFORE_OPEN),
        ("09:30:00", Phase.CONTINUOUS),
        ("11:29:59", Phase.CONTINUOUS),
        ("11:30:00", Phase.LUNCH),
        ("12:59:59", Phase.LUNCH),
        ("13:00:00", Phase.CONTINUOUS),
        ("14:56:59", Phase.CONTINUOUS),
        ("14:57:00", Phase.CLOSING_AUCTION),
        ("14:59:59", Phase.CLOSING_AUCTION),
        ("15:00:00", Phase.AFTER_CLOSE),
        ("15:04:59", Phase.AFTER_CLOSE),
        ("15:30:00", Phase.AFTER_CLOSE),
        ("23:59:59", Phase.AFTER_CLOSE),
    ],
)
def test_a_trading_day_passes_through_its_phases(clock: str, expected: Phase) -> None:
    assert phase(at(clock)) is expected
    assert phase(at(clock).astimezone(UTC)) is expected


def test_a_closed_day_has_one_phase() -> None:
    assert {phase(at(clock, date(2026, 2, 16))) for clock in ("08:00", "10:00", "15:10")} == {Phase.CLOSED}


def test_every_phase_has_a_chinese_name() -> None:
    assert len({each.chinese for each in Phase}) == len(Phase)


@pytest.mark.parametrize("clock", ["15:05:00", "15:29:59"])
def test_after_hours_trading_reaches_every_a_share_on_2026_07_06(clock: str) -> None:
    before = {board for board in A_BOARDS if phase(at(clock, BEFORE_REFORM), board) is Phase.AFTER_HOURS}
    since = {board for board in A_BOARDS if phase(at(clock, REFORM), board) is Phase.AFTER_HOURS}
    assert before == {Board.STAR, Board.CHINEXT}
    assert since == set(A_BOARDS)
    for board in (Board.BSE, Board.B_SHARE, Board.BOND, Board.INDEX):
        assert phase(at(clock, REFORM), board) is Phase.AFTER_CLOSE


def test_after_hours_trading_began_with_star_and_the_chinext_reform() -> None:
    assert phase(at("15:10", date(2019, 7, 19)), Board.STAR) is Phase.AFTER_CLOSE
    assert phase(at("15:10", date(2019, 7, 22)), Board.STAR) is Phase.AFTER_HOURS
    assert phase(at("15:10", date(2020, 8, 21)), Board.CHINEXT) is Phase.AFTER_CLOSE
    assert phase(at("15:10", date(2020, 8, 24)), Board.CHINEXT) is Phase.AFTER_HOURS


@pytest.mark.parametrize(
    ("clock", "counts"),
    [
        ("09:24:59.999999", False),
        ("09:25:00", True),
        ("09:25:02", True),
        ("09:30:00", True),
        ("11:30:00", True),
        ("11:30:59", True),
        ("11:31:00", False),
        ("12:59:59", False),
        ("13:00:00", True),
        ("15:00:00", True),
        ("15:00:03", True),
        ("15:01:59", True),
        ("15:02:00", False),
        ("15:10:00", False),
        ("16:14:30", False),
    ],
)
def test_only_prices_of_trades_in_the_session_count(clock: str, counts: bool) -> None:
    assert is_session(at(clock)) is counts
    assert is_session(at(clock).astimezone(UTC)) is counts


def test_no_price_counts_on_a_closed_day() -> None:
    assert not is_session(at("10:00", date(2026, 3, 22)))
    assert not is_session(at("10:00", date(2026, 2, 28)))


@needs_shared
def test_every_real_minute_bar_counts() -> None:
    path = SHARED / "data/bars/minute1/600519.SH_2026-03-23_2026-03-27.csv"
    stamps = [line.split(",")[1] for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    assert len(stamps) == 5 * 241
    assert all(is_session(datetime.fromisoformat(stamp).replace(tzinfo=MARKET_ZONE)) for stamp in stamps)


@needs_shared
def test_every_real_daily_bar_lies_on_a_trading_day_and_none_is_missing() -> None:
    path = SHARED / "data/bars/daily/600519.SH.csv"
    have = tuple(date.fromisoformat(line.split(",")[1][:10]) for line in path.read_text(encoding="utf-8").split()[1:])
    assert have == trading_days(have[0], have[-1])


def test_the_market_date_is_the_one_in_shanghai() -> None:
    assert trading_date(datetime(2026, 3, 22, 15, 59, tzinfo=UTC)) == date(2026, 3, 22)
    assert trading_date(datetime(2026, 3, 22, 16, 0, tzinfo=UTC)) == MONDAY


def test_the_close_is_15_00_in_shanghai_as_utc() -> None:
    assert session_close(MONDAY) == datetime(2026, 3, 23, 7, tzinfo=UTC)
    assert session_close(MONDAY).tzinfo is UTC
