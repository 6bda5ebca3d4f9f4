"""Inspections, visits and traces: INS-01 to INS-06 of the burden catalogue, part 3.3."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

import polars as pl

from scoring.burden.facts import EVENT
from scoring.burden.flags import Rule, flags
from scoring.burden.inputs import BurdenInputs, within
from scoring.burden.parameters import Parameters
from scoring.burden.rules.breaches import (
    BEARER,
    COUNTY_RANK,
    SUBJECT,
    breaches,
    by_event,
    crowded,
    demands,
    judged,
    millionths,
    months_before,
    number_of_demands,
    since,
    summary,
)
from scoring.burden.rules.chains import places, systems

DISGUISES: Final = ("asks_ledger", "full_coverage", "issues_rectification", "scores_or_ranks")
"""Features of an inspection that a visit or task should not have."""

TRACES: Final = ("asks_photos", "asks_presentation", "asks_study_notes", "asks_ledger")
CRITERIA: Final = ("scores_or_ranks", "sets_assessment")
"""Features that turn a trace a task asks for into a criterion."""

SHORT_DAYS: Final = 60
YEAR_DAYS: Final = 365
VISIT_DAYS: Final = 15


def ins_01(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Unfiled inspection: neither in the filed yearly plan nor admitted by itself; value is the unfiled share."""
    allowed = parameters.whole("inspection.unfiled")
    filed = (pl.col("plan_no").is_not_null() | pl.col("admission_id").is_not_null()).any()
    found = breaches(judged(inputs, "inspection"), ~filed, param_id="inspection.unfiled", threshold=allowed)
    return found.filter(pl.col("n") > allowed)


def ins_02(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Filed as one, done as many: visits to one unit under one plan number with too long a gap between them.

    Looked at over the twelve months up to the end of the window; each visit after the first that begins more than
    ``inspection.split_gap_days`` after all earlier ones ended is a breach in the window it falls in. The
    denominator is the planned inspections of the window, the value the longest gap in days.
    """
    gap = parameters.whole("inspection.split_gap_days")
    year = since(inputs.window, months_before(inputs.window.end, 12))
    rows = judged(inputs, "inspection", window=year).filter(pl.col("plan_no").is_not_null())
    filing = [SUBJECT, "plan_no", BEARER]
    days = rows.filter(pl.col(BEARER).is_not_null()).select(
        *filing, "start_date", last=pl.coalesce("end_date", "start_date")
    )
    several = days.group_by(filing).agg(pl.col("start_date").n_unique()).filter(pl.col("start_date") > 1)
    ended_before = pl.col("last").shift(1).cum_max().over(filing)
    visits = (
        days.join(several, on=filing, how="semi")
        .group_by(*filing, "start_date")
        .agg(pl.col("last").max())
        .sort(*filing, "start_date")
        .with_columns(gap=(pl.col("start_date") - ended_before).dt.total_days())
        .filter(pl.col("gap") > gap)
        .select(*filing, "start_date", "gap")
    )
    split = rows.filter(within(inputs.window)).join(visits, on=[*filing, "start_date"], how="left")
    return breaches(
        split,
        pl.col("gap").is_not_null().any(),
        measure=pl.col("gap").max(),
        units=pl.col("gap").is_not_null(),
        param_id="inspection.split_gap_days",
        threshold=gap,
    )


def ins_03(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Repeated and clustered inspection: one unit, one matter, one issuer too often; or many issuers on one day.

    The matter is ``matter``, or the duty item where none is given. Value: the most inspections within 60 or 365
    days up to one of the window; for the watch, the most issuers at one unit on one day.
    """
    return pl.concat(
        [
            _repeated(inputs, parameters, "inspection.same_matter_60d", SHORT_DAYS),
            _repeated(inputs, parameters, "inspection.same_matter_year", YEAR_DAYS),
            _sameday(inputs, parameters),
        ]
    )


def _repeated(inputs: BurdenInputs, parameters: Parameters, name: str, days: int) -> pl.LazyFrame:
    most = parameters.whole(name)
    window = since(inputs.window, inputs.window.start - timedelta(days=days))
    subject_matter = [SUBJECT, BEARER, "subject_matter"]
    rows = (
        judged(inputs, "inspection", window=window)
        .with_columns(subject_matter=pl.coalesce("matter", "duty_id"))
        .drop_nulls(subject_matter)
    )
    visits = rows.group_by(*subject_matter, *EVENT).agg(pl.col("start_date").min())
    repeated = crowded(visits, subject_matter, most, days)
    key = [*subject_matter, *EVENT]
    looked_at = rows.filter(within(inputs.window)).join(
        repeated.select(*key, "is_broken", "in_days"), on=key, how="left"
    )
    return breaches(
        looked_at,
        pl.col("is_broken").any(),
        measure=pl.col("in_days").filter(pl.col("is_broken")).max(),
        units=pl.col("is_broken"),
        param_id=name,
        threshold=most,
    )


def _sameday(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    most = parameters.whole("inspection.sameday_issuers")
    rows = judged(inputs, "inspection")
    day = [BEARER, "start_date"]
    issuers = rows.select(*day, SUBJECT).drop_nulls().unique().group_by(day).agg(issuers=pl.len())
    crowd = rows.join(issuers.filter(pl.col("issuers") > most), on=day, how="left")
    return breaches(
        crowd,
        pl.col("issuers").is_not_null().any(),
        measure=pl.col("issuers").max(),
        units=pl.col("issuers").is_not_null(),
        result_type="watch",
        param_id="inspection.sameday_issuers",
        threshold=most,
    )


def ins_04(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Disguised inspection: a visit or task with features of an inspection, or followed by a rectification order.

    The order is a document or reminder of the same subject to the same unit on the same matter, with
    ``issues_rectification``, on the day of the visit or up to ``inspection.rectification_days`` after it; it is
    a breach of the window in which the order was sent. Value: the most features; the days to the order.
    """
    most, days = parameters.whole("inspection.disguise_features"), parameters.whole("inspection.rectification_days")
    features = number_of_demands(*DISGUISES)
    disguised = breaches(
        judged(inputs, "survey_visit", "temp_task"),
        features >= most,
        measure=features,
        param_id="inspection.disguise_features",
        threshold=most,
    )
    window = since(inputs.window, inputs.window.start - timedelta(days=days))
    rows = judged(inputs, "survey_visit", "temp_task", window=window)
    about = [SUBJECT, BEARER, "matter"]
    orders = (
        judged(inputs, "document", "work_reminder")
        .filter(demands("issues_rectification"))
        .select(*about, ordered_on="start_date")
        .drop_nulls()
        .unique()
    )
    passed = (pl.col("ordered_on") - pl.col("start_date")).dt.total_days()
    followed = (
        rows.select(*about, "start_date")
        .drop_nulls()
        .unique()
        .join(orders, on=about)
        .filter(passed.is_between(0, days))
        .group_by(*about, "start_date")
        .agg(days_to_order=passed.min())
    )
    answered = rows.join(followed, on=[*about, "start_date"], how="left")
    ordered = breaches(
        answered,
        pl.col("days_to_order").is_not_null().any(),
        measure=pl.col("days_to_order").max(),
        units=pl.col("days_to_order").is_not_null(),
        param_id="inspection.rectification_days",
        threshold=days,
    )
    return pl.concat([disguised, ordered])


def ins_05(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    """Crowded and escorted visits: one system too often at one place, or more escorts than visitors.

    A place is the township of the unit visited and, for visitors from above the county, its county too: a county's
    own departments are at home there. Fifteen days are looked back over; each visit beyond the limit counts
    against who made it (value: the most visits). ``persons`` of a visit are the visitors.
    """
    return pl.concat([_crowded_places(inputs, parameters), _escorted(inputs, parameters)])


def _crowded_places(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    most = parameters.whole("visit.per_15d")
    window = since(inputs.window, inputs.window.start - timedelta(days=VISIT_DAYS))
    system = systems(inputs.organisations).rename({"org_id": "issuer_org_id"})
    from_above = pl.col("issuer_level_rank") > COUNTY_RANK
    rows = (
        judged(inputs, "survey_visit", window=window)
        .join(places(inputs.organisations).rename({"org_id": BEARER}), on=BEARER, how="left")
        .filter(pl.col("place").is_null() | (pl.col("place_rank") < COUNTY_RANK) | from_above)
        .join(system, on="issuer_org_id", how="left")
        .with_columns(pl.coalesce("system", "issuer_org_id").alias("system"))
    )
    where = ["system", "place"]
    visits = rows.drop_nulls("place").group_by(*where, SUBJECT, *EVENT).agg(pl.col("start_date").min())
    key = [*where, SUBJECT, *EVENT]
    crowd = crowded(visits, where, most, VISIT_DAYS).select(*key, "is_broken", "in_days")
    looked_at = rows.filter(within(inputs.window)).join(crowd, on=key, how="left")
    return breaches(
        looked_at,
        pl.col("is_broken").any(),
        measure=pl.col("in_days").filter(pl.col("is_broken")).max(),
        units=pl.col("is_broken"),
        param_id="visit.per_15d",
        threshold=most,
    )


def _escorted(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:
    most = parameters.number("visit.escort_ratio")
    escorts, visitors = pl.col("escort_persons"), pl.col("persons")
    rows = judged(inputs, "survey_visit").filter(escorts.is_not_null() & (visitors > 0))
    above = escorts * millionths(1) > visitors * millionths(most)
    return breaches(
        rows,
        above.any(),
        measure=(escorts / visitors).max(),
        units=above,
        result_type="watch",
        param_id="visit.escort_ratio",
        threshold=most,
    )


def ins_06(inputs: BurdenInputs, parameters: Parameters) -> pl.LazyFrame:  # noqa: ARG001 -- every rule takes both
    """Demands for traces: ledgers, photos, presentations or study notes as a criterion.

    In an inspection or assessment whatever is asked for is a criterion, in a task only where it scores, ranks or
    sets an assessment. The breach counts features of events (``n``) in ``denominator`` events; the load
    counts all items of evidence asked for, as a criterion or not. Value: items per event.
    """
    rows = judged(inputs, "inspection", "assessment", "temp_task")
    is_criterion = (pl.col("burden_kind") != "temp_task") | demands(*CRITERIA)
    events = by_event(rows, items=number_of_demands(*TRACES), is_criterion=is_criterion.any())
    criteria = pl.when("is_criterion").then("items").otherwise(0)
    load, breach = (
        flags(_items(events.with_columns(items=items)), result_type=result_type)
        for result_type, items in (("load", pl.col("items")), ("breach", criteria))
    )
    return pl.concat([load, breach.filter(pl.col("n") > 0)])


def _items(events: pl.LazyFrame) -> pl.LazyFrame:
    """subject_org_id, n, denominator, value, evidence_refs, n_bearers of events with their number of items."""
    items = pl.col("items")
    counted = events.group_by(SUBJECT).agg(*summary(items > 0), n=items.sum(), denominator=pl.len())
    return counted.with_columns(value=pl.col("n") / pl.col("denominator"))


RULES: Mapping[str, Rule] = MappingProxyType(
    {"INS-01": ins_01, "INS-02": ins_02, "INS-03": ins_03, "INS-04": ins_04, "INS-05": ins_05, "INS-06": ins_06}
)
