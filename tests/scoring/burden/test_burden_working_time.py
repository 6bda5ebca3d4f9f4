"""Working days and office hours, worked by hand on the calendar of spring 2026."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.burden.working_time import (
    WorkingCalendar,
    add_workdays,
    is_after_hours,
    is_workday,
    workdays_between,
    workdays_between_dates,
)

# Monday 6 April 2026 is a holiday here, Saturday 11 April is worked for it.
CALENDAR = WorkingCalendar.of([date(2026, 4, 6)], [date(2026, 4, 11)])
DAYS = st.dates(date(2024, 1, 1), date(2028, 12, 31))


def _utc(moment: str | None) -> datetime | None:
    return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo("Asia/Shanghai")) if moment else None


def _moments(*pairs: tuple[str | None, str | None]) -> pl.DataFrame:
    values = [tuple(_utc(moment) for moment in pair) for pair in pairs]
    instant = pl.Datetime("us", "UTC")
    return pl.DataFrame(values, schema={"issued_at": instant, "due_at": instant}, orient="row")


def _between(start: str | None, end: str | None, calendar: WorkingCalendar = CALENDAR) -> float | None:
    found = _moments((start, end)).select(x=workdays_between("issued_at", "due_at", calendar))["x"]
    value: float | None = found.item()
    return value


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2026-03-13 17:00", "2026-03-16 10:00", 0.25),  # Friday to Monday: one hour and one hour
        ("2026-03-10 09:00", "2026-03-13 09:00", 3.0),
        ("2026-03-10 11:00", "2026-03-10 14:30", 0.3125),  # 1 h and 1.5 h, lunch between them
        ("2026-03-10 18:30", "2026-03-11 08:59", 0.0),
        ("2026-03-14 09:00", "2026-03-15 18:00", 0.0),  # a weekend
        ("2026-04-03 09:00", "2026-04-07 09:00", 1.0),  # the Monday between is a holiday
        ("2026-04-10 18:00", "2026-04-13 09:00", 1.0),  # the Saturday between is worked
        ("2026-03-11 09:00", "2026-03-10 09:00", -1.0),
        ("2026-03-10 00:30", "2026-03-10 23:30", 1.0),  # 16:30 UTC of the day before: the zone counts
    ],
)
def test_working_hours_over_eight(start: str, end: str, days: float) -> None:
    assert _between(start, end) == days


def test_null_stays_null_and_both_orders_of_magnitude_stream() -> None:
    frame = _moments(("2026-03-10 09:00", None), (None, "2026-03-10 09:00"), ("2026-03-10 09:00", "2026-03-10 18:00"))
    streamed = frame.lazy().select(x=workdays_between("issued_at", "due_at", CALENDAR)).collect(engine="streaming")
    assert streamed["x"].to_list() == [None, None, 1.0]


def test_other_office_hours_make_another_day() -> None:
    half_past_eight = WorkingCalendar(office_hours=((time(8, 30), time(12)), (time(14), time(17, 30))))
    assert half_past_eight.day_seconds == 7 * 3600
    assert _between("2026-03-10 08:30", "2026-03-10 12:00", half_past_eight) == 0.5


def test_days_and_hours_of_work() -> None:
    days = [date(2026, 4, 6), date(2026, 4, 7), date(2026, 4, 11), date(2026, 4, 12), None]
    found = pl.DataFrame({"day": days}).select(is_workday("day", CALENDAR))["day"].to_list()
    assert found == [False, True, True, False, None]
    moments = _moments(("2026-03-10 17:59", None), ("2026-03-10 18:00", None), ("2026-03-14 10:00", None), (None, None))
    late = moments.select(is_after_hours("issued_at", CALENDAR))["issued_at"].to_list()
    assert late == [False, True, True, None], "a Saturday is after hours from its first minute"


def test_counting_and_adding_working_days() -> None:
    friday = date(2026, 4, 3)
    assert workdays_between_dates(friday, date(2026, 4, 5), CALENDAR) == 0
    assert workdays_between_dates(friday, date(2026, 4, 7), CALENDAR) == 1, "Monday is a holiday"
    assert workdays_between_dates(friday, date(2026, 4, 13), CALENDAR) == 6, "7 to 11 and 13 April"
    assert add_workdays(friday, 1, CALENDAR) == date(2026, 4, 7)
    assert add_workdays(friday, 5, CALENDAR) == date(2026, 4, 11)
    assert add_workdays(date(2026, 4, 7), -1, CALENDAR) == friday
    assert add_workdays(date(2026, 4, 6), 0, CALENDAR) == date(2026, 4, 6)


@settings(max_examples=200, deadline=None)
@given(DAYS, st.integers(0, 60), st.sets(DAYS, max_size=30), st.sets(DAYS, max_size=30))
def test_counting_is_the_inverse_of_adding(day: date, n: int, holidays: set[date], extra: set[date]) -> None:
    calendar = WorkingCalendar.of(holidays, extra - holidays)
    later = add_workdays(day, n, calendar)
    assert workdays_between_dates(day, later, calendar) == n
    walked = sum(calendar.works_on(day + timedelta(days=step)) for step in range(1, (later - day).days + 1))
    assert walked == n


def test_impossible_calendars_are_refused() -> None:
    with pytest.raises(ValueError, match="2026-04-06 is both a holiday and an extra workday"):
        WorkingCalendar.of([date(2026, 4, 6)], [date(2026, 4, 6)])
    with pytest.raises(ValueError, match="office_hours overlap"):
        WorkingCalendar(office_hours=((time(9), time(13)), (time(12), time(18))))
    with pytest.raises(TypeError, match="two days or two columns"):
        workdays_between_dates(date(2026, 4, 6), "day", CALENDAR)  # type: ignore[call-overload]
