"""What most rules share: the rows a rule looks at, and broken events counted by subject."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Final

import polars as pl

from scoring.burden.facts import EVENT, NEVER_A_SUBJECT
from scoring.burden.flags import EVIDENCE_AT_MOST, SHOWN_REGISTERS, flags
from scoring.burden.inputs import BurdenInputs, Window, within
from scoring.burden.parameters import Parameters
from scoring.burden.working_time import WorkingCalendar

SUBJECT: Final = "subject_org_id"
BEARER: Final = "target_org_id"

DEPARTMENT_KINDS: Final = (
    "county_gov_dept",
    "county_party_dept",
    "mass_org",
    "vertical_agency",
    "public_institution",
    "prefecture_dept",
    "province_dept",
    "coordinating_body",
)
"""Kinds of organisation that work for a committee or government without being one."""

GRASSROOTS_GOVERNMENT_KINDS: Final = ("township", "subdistrict")

COUNTY_RANK: Final = 3

_MILLION: Final = 1_000_000


def happened(
    inputs: BurdenInputs, *kinds: str, window: Window | None = None, with_duplicates: bool = False
) -> pl.LazyFrame:
    """Flows of some kinds in a window that count against somebody.

    A quantity of 0 says that there was none and is left out, and so is a row that repeats another one
    (``dup_of``) unless it is asked for.

    Args:
        inputs: What rules read.
        kinds: Kinds of burden.
        window: Days looked at; the window of the inputs when not given.
        with_duplicates: Keep rows that repeat another row.

    Returns:
        Prepared rows.
    """
    chosen = (
        pl.col("burden_kind").is_in(list(kinds))
        & within(window or inputs.window)
        & (pl.col("measure") == "flow")
        & (pl.col("quantity").fill_null(1) > 0)
        & pl.col(SUBJECT).is_not_null()
    )
    return inputs.facts.filter(chosen if with_duplicates else chosen & ~pl.col("is_duplicate"))


def judged(
    inputs: BurdenInputs, *kinds: str, window: Window | None = None, with_duplicates: bool = False
) -> pl.LazyFrame:
    """``happened`` without exempt rows: what a breach or watch may look at."""
    rows = happened(inputs, *kinds, window=window, with_duplicates=with_duplicates)
    return rows.filter(~pl.col("is_exempt"))


def since(window: Window, first_day: date) -> Window:
    """The window stretched back to an earlier day; itself where the day is not earlier."""
    return Window(window.period_id, min(window.start, first_day), window.end)


def months_before(day: date, months: int) -> date:
    """The same day some months earlier, or the last day of a shorter month."""
    counted = day.year * 12 + day.month - 1 - months
    year, month = divmod(counted, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def charged_to_issuer(rows: pl.LazyFrame, organisations: pl.DataFrame) -> pl.LazyFrame:
    """Rows whose subject is who issued them, also where the demand began elsewhere.

    For rules about the passing on itself: an unchanged demand counts against its origin, but a copy, a
    surplus forwarding or an added meeting is the act of whoever made it. A coordinating body or front
    answers through its host; rows issued by villages and communities are dropped (burden catalogue, part 2).
    """
    hosts = organisations.lazy().select(issuer_org_id="org_id", host="host_org_id").drop_nulls().unique("issuer_org_id")
    return (
        rows.join(hosts, on="issuer_org_id", how="left")
        .with_columns(pl.coalesce("host", "issuer_org_id").alias(SUBJECT))
        .filter(~pl.col("issuer_kind").is_in(list(NEVER_A_SUBJECT)).fill_null(value=False))
        .drop("host")
    )


def to_committee_or_government() -> pl.Expr:
    """Whether the bearer is a township or subdistrict, or of county level and no department."""
    county = (pl.col("bearer_level_rank") == COUNTY_RANK) & ~pl.col("bearer_kind").is_in(list(DEPARTMENT_KINDS))
    return pl.col("bearer_kind").is_in(list(GRASSROOTS_GOVERNMENT_KINDS)) | county


def demands(*features: str) -> pl.Expr:
    """Whether a row has at least one of the features; a row that lists none has none."""
    return pl.any_horizontal(_has(each) for each in features)


def number_of_demands(*features: str) -> pl.Expr:
    """How many of the features the rows of an event have (Int64). Use inside ``agg``."""
    return pl.sum_horizontal(_has(each).any().cast(pl.Int64) for each in features)


def _has(feature: str) -> pl.Expr:
    return pl.col("feature_list").list.contains(feature).fill_null(value=False)


def admitted(rows: pl.LazyFrame, admissions: pl.DataFrame) -> pl.LazyFrame:
    """Rows with ``is_admitted``: whether their admission was approved and in force on their day.

    An admission holds from ``valid_from`` to before ``valid_to``; one that has exited held until then.
    """
    approved = (
        admissions.lazy()
        .filter(pl.col("decision").is_in(["approved", "exited"]))
        .select("admission_id", admitted_from="valid_from", admitted_to="valid_to")
    )
    day = pl.col("start_date")
    in_force = (pl.col("admitted_from") <= day) & (pl.col("admitted_to").is_null() | (day < pl.col("admitted_to")))
    return (
        rows.join(approved, on="admission_id", how="left")
        .with_columns(is_admitted=in_force.fill_null(value=False))
        .drop("admitted_from", "admitted_to")
    )


def millionths(number: float) -> int:
    """A parameter in whole millionths, so that a value exactly at a threshold is not above it."""
    return round(number * _MILLION)


def exceeds(part: str, whole: str, share: float) -> pl.Expr:
    """Whether ``part / whole`` is above a share, exactly."""
    return pl.col(part).cast(pl.Int128) * _MILLION > pl.col(whole).cast(pl.Int128) * millionths(share)


def breaches(
    rows: pl.LazyFrame,
    broken: pl.Expr,
    *,
    measure: pl.Expr | None = None,
    units: pl.Expr | None = None,
    result_type: str = "breach",
    param_id: str | None = None,
    threshold: float | None = None,
) -> pl.LazyFrame:
    """One row per subject with broken events.

    Args:
        rows: The prepared rows a rule looks at, or rows with their key columns.
        broken: Whether an event is broken, as an aggregate of its rows.
        measure: What is held against the threshold, as an aggregate of an event's rows; the largest of the
            broken events is the value. Without it the value is the share of broken events.
        units: Which rows of a broken event name a unit concerned; all when not given.
        result_type: breach or watch.
        param_id: Parameter of the threshold.
        threshold: What the measure is held against.

    Returns:
        ``FLAG_SCHEMA``; ``n`` broken events of ``denominator`` events.
    """
    size = pl.lit(None, pl.Float64) if measure is None else measure.cast(pl.Float64)
    is_broken = broken.fill_null(value=False)
    events = by_event(rows, units, is_broken=is_broken, size=size)
    found = events.group_by(SUBJECT).agg(
        *summary(pl.col("is_broken")),
        n=pl.col("is_broken").sum(),
        denominator=pl.len(),
        size=pl.col("size").filter(pl.col("is_broken")).max(),
    )
    return flags(
        found.filter(pl.col("n") > 0),
        result_type=result_type,
        value=pl.col("n") / pl.col("denominator") if measure is None else pl.col("size"),
        param_id=param_id,
        threshold=threshold,
    )


def by_event(rows: pl.LazyFrame, units: pl.Expr | None = None, **aggregates: pl.Expr) -> pl.LazyFrame:
    """Rows put together by subject and event, read once.

    Args:
        rows: Prepared rows, or rows with their key columns.
        units: Which rows name a bearing unit concerned; all when not given.
        aggregates: Further columns, as aggregates of an event's rows.

    Returns:
        subject_org_id, the columns of ``EVENT``, ``units`` (the bearing units, a list), ``reported_by`` (null, so that
        ``evidence`` lists the event, where a shown register has a row of it) and the aggregates.
    """
    shown = pl.col("reported_by").is_null() | pl.col("reported_by").is_in(list(SHOWN_REGISTERS))
    bearers = pl.col(BEARER) if units is None else pl.col(BEARER).filter(units)
    return rows.group_by(SUBJECT, *EVENT).agg(
        bearers.drop_nulls().unique().alias("units"),
        pl.when(~shown.any()).then(pl.col("reported_by").min()).alias("reported_by"),
        **aggregates,
    )


def summary(chosen: pl.Expr) -> list[pl.Expr]:
    """``evidence_refs`` and ``n_bearers`` of the chosen events of a group of ``by_event``. Use inside ``agg``."""
    return [
        listed_references(chosen).alias("evidence_refs"),
        pl.col("units").filter(chosen).explode().drop_nulls().n_unique().alias("n_bearers"),
    ]


def listed_references(chosen: pl.Expr) -> pl.Expr:
    """``flags.evidence`` of the chosen rows of a group. Use inside ``agg``."""
    shown = pl.col("reported_by").is_null() | pl.col("reported_by").is_in(list(SHOWN_REGISTERS))
    listed = pl.col("source_ref").filter(shown & chosen).unique().sort()
    return listed.head(EVIDENCE_AT_MOST).str.join(";")


def load_and(found: pl.LazyFrame, sign: pl.Expr, result_type: str) -> pl.LazyFrame:
    """Every row as a load, and once more as breach or watch where the sign is there, as ``result_type``."""
    both = pl.concat_list(pl.lit("load"), pl.when(sign.fill_null(value=False)).then(pl.lit(result_type)))
    return found.with_columns(result_type=both).explode("result_type").drop_nulls("result_type")


def counts(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Events by subject: subject_org_id, n, evidence_refs, n_bearers."""
    every = pl.col("source_ref").is_not_null()
    return by_event(rows).group_by(SUBJECT).agg(*summary(every), n=pl.len().cast(pl.Int64))


def year_on_year(inputs: BurdenInputs, rows_of: Callable[[Window], pl.LazyFrame]) -> pl.LazyFrame:
    """Events of the window beside those of the same days a year earlier.

    A comparison needs complete facts of both: it is left out where ``history_start`` is unknown or later
    than the first day a year earlier, and for a subject of which no row of any kind is known from then,
    since that one kept no register or did not exist.

    Args:
        inputs: What rules read.
        rows_of: The rows counted in a window.

    Returns:
        subject_org_id, n, before (null where not comparable), evidence_refs, n_bearers; a subject with
        events in either window has a row.
    """
    earlier = inputs.window.years_before()
    now = counts(rows_of(inputs.window))
    if inputs.history_start is None or inputs.history_start > earlier.start:
        return now.with_columns(before=pl.lit(None, pl.Int64))
    before = counts(rows_of(earlier)).select(SUBJECT, before="n")
    known = inputs.facts.filter(within(earlier)).select(SUBJECT).drop_nulls().unique().with_columns(was_known=True)
    return (
        now.join(before, on=SUBJECT, how="full", coalesce=True)
        .join(known, on=SUBJECT, how="left")
        .with_columns(
            pl.col("n", "n_bearers").fill_null(0), before=pl.when("was_known").then(pl.col("before").fill_null(0))
        )
    )


def change() -> pl.Expr:
    """``(n - before) / before``; null where there is nothing to compare with."""
    before = pl.when(pl.col("before") > 0).then(pl.col("before"))
    return (pl.col("n") - before) / before


def crowded(events: pl.LazyFrame, by: Sequence[str], limit: int, days: int) -> pl.LazyFrame:
    """Events beyond a limit within some days of one another.

    Args:
        events: One row per event and group, with ``start_date`` and the columns of ``EVENT``.
        by: Columns of a group.
        limit: How many events of a group may fall into ``days`` days running.
        days: Length of the days looked back over, the event's own day included.

    Returns:
        The events with ``is_broken`` (at least ``limit`` events of its group came before it in those
        days; of one day the later reference is the later event) and ``in_days``, how many there are up to and
        with the event. Groups that have no more events than the limit are left out.
    """
    group = list(by)
    day, length = pl.col("start_date"), timedelta(days=days)
    earlier = day.shift(limit)
    # Ordered by day, the events up to one's own less those that are too old are those within the days.
    too_old = day.search_sorted(day - length, side="right").cast(pl.Int64)
    return (
        events.filter(pl.len().over(group) > limit)
        .sort(*group, "start_date", *EVENT)
        .with_columns(
            is_broken=((day - earlier).over(group) < length).fill_null(value=False),
            in_days=(pl.int_range(1, pl.len() + 1) - too_old).over(group),
        )
    )


def calendar_of(parameters: Parameters) -> WorkingCalendar:
    """The place's working calendar, from ``working_calendar.holidays`` and ``.extra_workdays`` where given."""
    holidays, extra = (
        [date.fromisoformat(day) for day in parameters.words(name)] if name in parameters else []
        for name in ("working_calendar.holidays", "working_calendar.extra_workdays")
    )
    return WorkingCalendar.of(holidays, extra)
