"""Resources follow tasks, and the staffing norm (burden catalogue, parts 4 and 9).

Money, staff, powers, equipment and training that were granted, held against what the admission of the task promised.
Quantities are whole numbers of 10^-6 throughout; a ratio becomes a float once, at the end.
"""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Final

import polars as pl

from scoring.burden.admission_register import NOBODY, registered, scope_units
from scoring.burden.facts import NEVER_A_SUBJECT
from scoring.burden.inputs import BurdenInputs
from scoring.burden.parameters import Parameters
from scoring.exact import millionths, points_decimal, wide
from scoring.sums import RAW_SCALE, raw_units
from scoring.tables.admission import RESOURCE_RATIO, STAFFING_NORM

PROMISED_IN: Final = {
    "funding_yuan": "funding_yuan",
    "staff_fte": "staff_fte",
    "training_days": "training_days",
    "authority": "authority_granted",
    "equipment": "equipment",
}
"""Kind of resource to the column of task_admission that promises it."""

PROMISED_IN_WORDS: Final = ("authority", "equipment")
"""Promised as text: counted as one item, since words cannot be added up; one item granted keeps the promise."""


def promises(admissions: pl.DataFrame) -> pl.DataFrame:
    """What admissions promise, kind by kind.

    Args:
        admissions: task_admission.

    Returns:
        admission_id, kind, promised (Int64, 10^-6 of the resource's unit; more than 0); sorted. What is empty or 0
        was not promised and has no row.
    """
    amounts = [
        admissions.select("admission_id", kind=pl.lit(kind), promised=_promised(kind, column))
        for kind, column in PROMISED_IN.items()
    ]
    return pl.concat(amounts).filter(pl.col("promised") > 0).sort("admission_id", "kind")


def _promised(kind: str, column: str) -> pl.Expr:
    if kind in PROMISED_IN_WORDS:
        given = pl.col(column).str.strip_chars().str.len_chars() > 0
        return pl.when(given).then(pl.lit(RAW_SCALE, pl.Int64))
    return raw_units(column)


def resource_ratios(inputs: BurdenInputs, parameters: Parameters) -> pl.DataFrame:
    """Granted over promised, per admission, receiving unit and kind of resource.

    A promise is due ``resource.grace_days`` after the task is in force; what arrived by then counts. Grants count
    where the receiver is a unit the task reaches, or the township above such a unit: what a department grants
    itself keeps no promise. The promise is made for the whole task, so the rule holds on the row ``*`` of all
    receivers; a single receiver is shown beside an equal share of the promise, and is not judged.

    Args:
        inputs: admissions, grants and organisations are read; admissions in force in the window or due in it.
        parameters: resource.ratio_min, resource.grace_days.

    Returns:
        ``RESOURCE_RATIO``. ``state`` is met, short, not_due (the grace ends after the window), not_promised
        (granted without a promise) or not_measurable: no grant is recorded at all, and what was granted is null.
    """
    last = inputs.window.end - timedelta(days=1)
    grace = int(parameters.whole("resource.grace_days"))
    admissions = (
        registered(inputs)
        .filter(pl.col("is_approved") & pl.col("applicant").is_not_null())
        .with_columns(due_on=pl.col("valid_from") + pl.duration(days=grace))
        .filter(_concerned(inputs))
    )
    receivers = _receivers(admissions, inputs.organisations)
    granted = _granted(inputs.grants, admissions, receivers, inputs)
    promised = promises(admissions)
    of_all = promised.join(
        granted.group_by("admission_id", "kind").agg(pl.col("granted", "granted_later").sum()),
        on=["admission_id", "kind"],
        how="full",
        coalesce=True,
    ).with_columns(receiving_org_id=pl.lit(NOBODY))
    by_receiver = _by_receiver(promised, granted, receivers).select(of_all.columns)
    rows = (
        pl.concat([of_all, by_receiver])
        .join(admissions.select("admission_id", "applicant", "due_on"), on="admission_id")
        .with_columns(pl.col("granted", "granted_later").fill_null(0))
    )
    return _judged(rows, inputs, parameters, recorded=inputs.grants.height > 0, last=pl.lit(last))


def _concerned(inputs: BurdenInputs) -> pl.Expr:
    window = inputs.window
    in_force = (pl.col("valid_from") < window.end) & (pl.col("ends_on") > window.start).fill_null(value=True)
    return in_force | pl.col("due_on").is_between(window.start, window.end, closed="left")


def _receivers(admissions: pl.DataFrame, organisations: pl.DataFrame) -> pl.DataFrame:
    """admission_id, org_id, is_reached: the units a task reaches and, not reached themselves, those above them."""
    reached = scope_units(admissions, organisations).with_columns(is_reached=True)
    townships = organisations.filter(pl.col("level_rank") == 2).select(org_id="org_id")
    above = (
        reached.join(organisations.select("org_id", "parent_org_id"), on="org_id")
        .select("admission_id", org_id="parent_org_id", is_reached=pl.lit(value=False))
        .join(townships, on="org_id", how="semi")
    )
    return pl.concat([reached, above]).group_by("admission_id", "org_id").agg(pl.col("is_reached").max())


def _granted(
    grants: pl.DataFrame, admissions: pl.DataFrame, receivers: pl.DataFrame, inputs: BurdenInputs
) -> pl.DataFrame:
    """admission_id, receiving_org_id, kind, granted (by the day it was due), granted_later (Int64, 10^-6)."""
    in_time = pl.col("granted_at") <= pl.col("due_on")
    amount = raw_units("quantity")
    return (
        grants.filter(pl.col("granted_at") < inputs.window.end)
        .join(admissions.select("admission_id", "due_on"), on="admission_id")
        .join(receivers.rename({"org_id": "receiving_org_id"}), on=["admission_id", "receiving_org_id"])
        .group_by("admission_id", "receiving_org_id", "kind")
        .agg(granted=amount.filter(in_time).sum(), granted_later=amount.filter(in_time.not_()).sum())
    )


def _by_receiver(promised: pl.DataFrame, granted: pl.DataFrame, receivers: pl.DataFrame) -> pl.DataFrame:
    """Every unit a promise reaches, with its equal share, and whoever else received something."""
    units = receivers.filter("is_reached").with_columns(n_units=pl.len().over("admission_id"))
    shares = promised.join(units, on="admission_id").select(
        "admission_id",
        "kind",
        receiving_org_id="org_id",
        promised=pl.when(pl.col("kind").is_in(PROMISED_IN_WORDS))
        .then("promised")
        .otherwise(pl.col("promised") // pl.col("n_units").cast(pl.Int64)),
    )
    keys = ["admission_id", "receiving_org_id", "kind"]
    return shares.join(granted, on=keys, how="full", coalesce=True)


def _judged(
    rows: pl.DataFrame, inputs: BurdenInputs, parameters: Parameters, *, recorded: bool, last: pl.Expr
) -> pl.DataFrame:
    least = Fraction(str(parameters.number("resource.ratio_min")))
    known = pl.lit(recorded)
    granted = pl.when(known).then("granted")
    enough = wide("granted") * RAW_SCALE >= wide("promised") * millionths(least)
    state = (
        pl.when(known.not_())
        .then(pl.lit("not_measurable"))
        .when(pl.col("promised").is_null())
        .then(pl.lit("not_promised"))
        .when(pl.col("due_on") > last)
        .then(pl.lit("not_due"))
        .when(enough)
        .then(pl.lit("met"))
        .otherwise(pl.lit("short"))
    )
    return RESOURCE_RATIO.conform(
        rows.select(
            "admission_id",
            "receiving_org_id",
            "kind",
            period_id=pl.lit(inputs.window.period_id),
            subject_org_id="applicant",
            promised=points_decimal("promised"),
            granted=points_decimal(granted),
            granted_later=points_decimal(pl.when(known).then("granted_later")),
            ratio=pl.when(pl.col("promised") > 0).then(granted / pl.col("promised")),
            threshold=pl.lit(float(least)),
            due_on=pl.col("due_on").dt.to_string("iso"),
            state=state,
            reason_codes=pl.when(known.not_()).then(pl.lit("NOT_MEASURABLE")),
        )
    )


def staffing_norm(inputs: BurdenInputs, parameters: Parameters) -> pl.DataFrame:
    """Community workers of each community, and of each township with communities, against the norm.

    Workers are the staff of a community; those of a township the staff of all its communities. The denominator is
    ``urban_population``, the township's own or else the sum of its communities; never ``population``. A number that
    is missing anywhere in a sum leaves the result empty, with the reason, and never counts as 0.

    Args:
        inputs: organisations are read.
        parameters: staffing.community_workers_per_10000.

    Returns:
        ``STAFFING_NORM``. ``missing`` is how many workers are short of the norm, rounded up, not below 0.
    """
    columns = ["org_id", "org_name", "peer_group", "staff", "urban_population"]
    communities = inputs.organisations.filter(pl.col("org_kind") == "community")
    sums = communities.group_by(org_id="parent_org_id").agg(_whole_sum("staff"), below=_whole_sum("urban_population"))
    above = (
        inputs.organisations.filter(pl.col("org_kind").is_in([*NEVER_A_SUBJECT]).not_())
        .drop("staff")
        .join(sums, on="org_id")
        .with_columns(urban_population=pl.coalesce("urban_population", "below"))
    )
    norm = Fraction(str(parameters.number("staffing.community_workers_per_10000")))
    people, staff = pl.col("urban_population"), pl.col("staff")
    # Rounded up in whole numbers: the norm is a fraction of workers per 10,000 people.
    whole = 10_000 * norm.denominator
    needed = (wide(people) * norm.numerator + whole - 1) // whole
    return STAFFING_NORM.conform(
        pl.concat([communities.select(columns), above.select(columns)])
        .with_columns(urban_population=pl.when(people > 0).then(people))
        .with_columns(
            period_id=pl.lit(inputs.window.period_id),
            per_10000=staff * 10_000 / people,
            norm=pl.lit(float(norm)),
            needed=needed.cast(pl.Int64),
            missing=pl.max_horizontal(needed - staff, pl.lit(0)).cast(pl.Int64),
            reason_codes=pl.concat_str(
                pl.when(staff.is_null()).then(pl.lit("NO_STAFF_FIGURE")),
                pl.when(people.is_null()).then(pl.lit("NO_URBAN_POPULATION")),
                separator=";",
                ignore_nulls=True,
            ).replace("", None),
        )
        .with_columns(missing=pl.when(staff.is_not_null() & people.is_not_null()).then("missing"))
    )


def _whole_sum(column: str) -> pl.Expr:
    """The sum, null as soon as one value is missing."""
    return pl.when(pl.col(column).null_count() == 0).then(pl.col(column).sum()).alias(column)
