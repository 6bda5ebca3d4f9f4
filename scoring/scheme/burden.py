"""What a scheme says of the burden rules: replaced numbers, the working calendar, forms switched off."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, StrictStr, model_validator

from scoring.burden.catalogue import Form, default_parameters, load_catalogue, override_problems, with_overrides
from scoring.burden.parameters import Parameter, Parameters
from scoring.burden.working_time import WorkingCalendar
from scoring.scheme.values import ExactDecimal, Model, Text, each_once


class BurdenParameter(Model):
    """A number or list in place of the catalogue's default: since when it holds and where it comes from."""

    value: ExactDecimal | StrictStr | tuple[Text, ...]
    unit: Text
    date: dt.date
    reference: Text


class FormOff(Model):
    """A form that is not applied, and why."""

    code: Text
    reason: Text


def _days(days: tuple[dt.date, ...]) -> tuple[dt.date, ...]:
    repeated = sorted({day.isoformat() for day in days if days.count(day) > 1})
    if repeated:
        raise ValueError(f"日期重复：{'、'.join(repeated)}|days given twice: {', '.join(repeated)}")
    return tuple(sorted(days))


Days = Annotated[tuple[dt.date, ...], AfterValidator(_days)]


class WorkingCalendarRules(Model):
    """Days that are no working days though the week says so, and weekend days that are."""

    holidays: Days = ()
    extra_workdays: Days = ()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        both = ", ".join(day.isoformat() for day in self.holidays if day in self.extra_workdays)
        if both:
            raise ValueError(f"既是假日又是调休上班日：{both}|is both a holiday and a working day: {both}")
        return self

    @property
    def calendar(self) -> WorkingCalendar:
        """The calendar with the usual office hours."""
        return WorkingCalendar.of(self.holidays, self.extra_workdays)


class BurdenRules(Model):
    """The section ``burden``: what it does not name is as the catalogue says.

    ``parameters`` replaces defaults by name, ``working_calendar`` names the days that differ from Monday to
    Friday, ``forms_off`` lists forms that are not applied. Every unknown name, wrong type or unit is told.
    """

    parameters: Mapping[str, BurdenParameter] = {}
    working_calendar: WorkingCalendarRules = WorkingCalendarRules()
    forms_off: Annotated[
        tuple[FormOff, ...], each_once("code", zh="形式重复：{}", en="the form {} is given twice")
    ] = ()

    @model_validator(mode="after")
    def _known_to_the_catalogue(self) -> Self:
        problems = list(override_problems(default_parameters(), self.parameters))
        known = {form.code for form in load_catalogue().forms}
        problems += [
            (f"没有这个形式：{off.code}", f"the catalogue has no form {off.code}")
            for off in self.forms_off
            if off.code not in known
        ]
        if problems:
            raise ValueError("；".join(zh for zh, _ in problems) + "|" + "; ".join(en for _, en in problems))
        return self

    @property
    def values(self) -> Parameters:
        """Every parameter: the scheme's where it gives one, else the catalogue's.

        The days of the calendar are among them as ``working_calendar.holidays`` and
        ``working_calendar.extra_workdays``, written YYYY-MM-DD.
        """
        days = {
            f"working_calendar.{name}": tuple(day.isoformat() for day in getattr(self.working_calendar, name))
            for name in ("holidays", "extra_workdays")
        }
        calendar = {name: Parameter(name, value, "days", "scheme") for name, value in days.items()}
        return Parameters({**with_overrides(default_parameters(), self.parameters), **calendar})

    @property
    def forms(self) -> tuple[Form, ...]:
        """The forms that are applied, in the order of the catalogue."""
        off = {each.code for each in self.forms_off}
        return tuple(form for form in load_catalogue().forms if form.code not in off)
