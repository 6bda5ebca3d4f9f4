"""Working days and working hours by a place's calendar (burden catalogue, part 1.1).

Days and clock times are read in the programme's zone. Everything on columns is a plain expression: it works on
each value for itself, so it streams and needs no table of days.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import reduce
from typing import overload

import polars as pl

from scoring.burden.facts import TIME_ZONE

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class WorkingCalendar:
    """When offices work: Monday to Friday without the holidays, and weekend days that were made working days.

    Attributes:
        holidays: Days off. Those on a weekend change nothing.
        extra_workdays: Weekend days that are worked to make up for a holiday. Those on a weekday change nothing.
        office_hours: Opening and closing times of a working day, in order and apart.

    Raises:
        ValueError: A day is both a holiday and a working day, or the office hours overlap or are empty.
    """

    holidays: frozenset[date] = frozenset()
    extra_workdays: frozenset[date] = frozenset()
    office_hours: tuple[tuple[time, time], ...] = ((time(9), time(12)), (time(13), time(18)))

    def __post_init__(self) -> None:
        both = sorted(self.holidays & self.extra_workdays)
        if both:
            days = ", ".join(day.isoformat() for day in both)
            raise ValueError(f"working calendar: {days} is both a holiday and an extra workday; keep one of the two")
        moments = [_seconds(moment) for hours in self.office_hours for moment in hours]
        if not moments or any(later <= earlier for earlier, later in itertools.pairwise(moments)):
            raise ValueError(
                "working calendar: office_hours overlap, are out of order or empty; give (from, to) pairs in order"
            )

    @classmethod
    def of(cls, holidays: Iterable[date] = (), extra_workdays: Iterable[date] = ()) -> WorkingCalendar:
        """A calendar with the usual office hours."""
        return cls(frozenset(holidays), frozenset(extra_workdays))

    @property
    def day_seconds(self) -> int:
        """Seconds of one working day: 8 hours by default."""
        return sum(_seconds(closing) - _seconds(opening) for opening, closing in self.office_hours)

    @property
    def weekends_worked(self) -> tuple[date, ...]:
        """Weekend days that are working days, in order."""
        return tuple(sorted(day for day in self.extra_workdays if _is_weekend(day)))

    @property
    def weekdays_off(self) -> tuple[date, ...]:
        """Mondays to Fridays that are not worked, in order."""
        return tuple(sorted(day for day in self.holidays if not _is_weekend(day)))

    def works_on(self, day: date) -> bool:
        """Whether the day is a working day."""
        return day not in self.holidays and (not _is_weekend(day) or day in self.extra_workdays)


def _is_weekend(day: date) -> bool:
    return day.isoweekday() > 5


def _seconds(moment: time) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _column(given: str | pl.Expr) -> pl.Expr:
    return pl.col(given) if isinstance(given, str) else given


def local_time(moment: str | pl.Expr) -> pl.Expr:
    """An instant (Datetime UTC) as clock time in the programme's zone."""
    return _column(moment).dt.convert_time_zone(TIME_ZONE)


def local_date(moment: str | pl.Expr) -> pl.Expr:
    """The day of an instant (Datetime UTC) in the programme's zone."""
    return local_time(moment).dt.date()


def is_workday(day: str | pl.Expr, calendar: WorkingCalendar) -> pl.Expr:
    """Whether a day (Date) is a working day; null for null. ``WorkingCalendar.works_on`` for one day."""
    days = _column(day)
    worked = (days.dt.weekday() <= 5) & ~days.is_in(list(calendar.weekdays_off))
    return worked | days.is_in(list(calendar.weekends_worked))


def is_after_hours(moment: str | pl.Expr, calendar: WorkingCalendar) -> pl.Expr:
    """Whether an instant (Datetime UTC) is later than the last closing time of a working day.

    A day that is not worked is after hours from its first minute: nobody is there until the next opening.
    """
    closing = _seconds(calendar.office_hours[-1][1])
    return ~is_workday(local_date(moment), calendar) | (_second_of_day(moment) >= closing)


def workdays_between(start: str | pl.Expr, end: str | pl.Expr, calendar: WorkingCalendar) -> pl.Expr:
    """``wd(a, b)``: working hours between two instants divided by those of a day (burden catalogue, part 1.1).

    With the usual hours, Friday 17:00 to Monday 10:00 is 2 hours or 0.25 days. Exact where the quotient is: whole days
    come out whole. Negative where the end is before the start, null where one of them is.

    Args:
        start: Column or expression, Datetime UTC.
        end: Column or expression, Datetime UTC.
        calendar: The place's working days and office hours.

    Returns:
        Float64, working days.
    """
    return working_seconds_between(start, end, calendar) / calendar.day_seconds


def working_seconds_between(start: str | pl.Expr, end: str | pl.Expr, calendar: WorkingCalendar) -> pl.Expr:
    """Seconds of office time between two instants (Datetime UTC), as Int64; negative where the end is earlier."""
    return _position(end, calendar) - _position(start, calendar)


def _position(moment: str | pl.Expr, calendar: WorkingCalendar) -> pl.Expr:
    """Office seconds from 1 January 1970 to the instant."""
    day, second = local_date(moment), _second_of_day(moment)
    opened = [
        (second - _seconds(opening)).clip(0, _seconds(closing) - _seconds(opening))
        for opening, closing in calendar.office_hours
    ]
    today = pl.when(is_workday(day, calendar)).then(pl.sum_horizontal(opened, ignore_nulls=False)).otherwise(0)
    return _workdays_before(day, calendar) * calendar.day_seconds + pl.when(second.is_not_null()).then(today)


def _second_of_day(moment: str | pl.Expr) -> pl.Expr:
    clock = local_time(moment)
    return clock.dt.hour().cast(pl.Int64) * 3600 + clock.dt.minute().cast(pl.Int64) * 60 + clock.dt.second()


def _workdays_before(day: pl.Expr, calendar: WorkingCalendar) -> pl.Expr:
    """Working days from 1 January 1970 (a Thursday) to the day, the day excluded; Int64, null for null."""
    since = (day - pl.lit(_EPOCH)).dt.total_days() + 3
    weekdays = since.floordiv(7) * 5 + pl.min_horizontal(since.mod(7), pl.lit(5, pl.Int64)) - 3
    worked = [(day > extra).cast(pl.Int64) for extra in calendar.weekends_worked]
    off = [(day > holiday).cast(pl.Int64) for holiday in calendar.weekdays_off]
    return reduce(lambda total, more: total + more, worked, weekdays) - reduce(
        lambda total, more: total + more, off, pl.lit(0, pl.Int64)
    )


@overload
def workdays_between_dates(start: date, end: date, calendar: WorkingCalendar) -> int: ...


@overload
def workdays_between_dates(start: str | pl.Expr, end: str | pl.Expr, calendar: WorkingCalendar) -> pl.Expr: ...


def workdays_between_dates(
    start: date | str | pl.Expr, end: date | str | pl.Expr, calendar: WorkingCalendar
) -> int | pl.Expr:
    """Working days after one day up to and including another: 0 from Friday to Sunday, 1 to Monday.

    The inverse of ``add_workdays``: a decision due in 15 working days is late where this is more than 15. Negative
    where the end is before the start: the working days after the end up to and including the start, less than 0.

    Args:
        start: A day, or a column or expression of type Date.
        end: Likewise, of the same sort.
        calendar: The place's working days.

    Returns:
        A whole number for two days, an expression of type Int64 for columns.
    """
    if isinstance(start, date) and isinstance(end, date):
        counted = pl.select(workdays_between_dates(pl.lit(start), pl.lit(end), calendar)).item()
        return int(counted)
    if isinstance(start, date) or isinstance(end, date):
        raise TypeError("workdays_between_dates takes two days or two columns; wrap the day in pl.lit")
    after = timedelta(days=1)
    return _workdays_before(_column(end) + after, calendar) - _workdays_before(_column(start) + after, calendar)


def add_workdays(day: date, n: int, calendar: WorkingCalendar) -> date:
    """The n-th working day after a day; before it where ``n`` is negative, the day itself where it is 0."""
    step = timedelta(days=1 if n > 0 else -1)
    left = abs(n)
    while left:
        day += step
        left -= calendar.works_on(day)
    return day
