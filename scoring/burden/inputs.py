"""What the burden rules read: the facts of a window and the registers they are held against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl


@dataclass(frozen=True)
class Window:
    """A period and its days; ``end`` is the first day after it."""

    period_id: str
    start: date
    end: date

    def years_before(self, years: int = 1) -> Window:
        """The same calendar days some years earlier; 29 February becomes 28 February."""
        return Window(f"{self.period_id}-{years}Y", _earlier(self.start, years), _earlier(self.end, years))


def _earlier(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def within(window: Window, column: str = "start_date") -> pl.Expr:
    """True for rows whose day lies in the window."""
    return pl.col(column).is_between(window.start, window.end, closed="left")


@dataclass(frozen=True)
class BurdenInputs:
    """Everything a rule may read. Current rows only, voided ones gone.

    Attributes:
        window: The period that is judged.
        facts: Prepared rows of burden_fact (``facts.prepare``), from ``history_start`` to the end of the
            window; lazy, because a month of a province has millions.
        organisations: org_id, org_name, org_kind, level, level_rank (Int8: village 1, township 2, county 3,
            prefecture 4, province 5, central 6), parent_org_id, host_org_id, peer_group, staff,
            urban_population, households; one row per organisation in force on the last day of the window.
        bearers: org_id, unit_months (Int64) of the units of the frame that can bear a burden in the window.
        duties: duty_item, all versions.
        admissions: task_admission.
        grants: resource_grant.
        form_fields: form_field, all versions.
        indicators: indicator, the rows in force in the window.
        performance: performance_fact of the periods read, with ``period_id``; lazy.
        verifications: verification_fact.
        findings: finding.
        history_start: First day from which facts are complete; None when it is not known.
    """

    window: Window
    facts: pl.LazyFrame
    organisations: pl.DataFrame
    bearers: pl.DataFrame
    duties: pl.DataFrame
    admissions: pl.DataFrame
    grants: pl.DataFrame
    form_fields: pl.DataFrame
    indicators: pl.DataFrame
    performance: pl.LazyFrame
    verifications: pl.DataFrame
    findings: pl.DataFrame
    history_start: date | None = None
