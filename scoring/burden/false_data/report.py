"""All patterns of too-good data over one period, and who may be asked to explain (burden catalogue, part 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from scoring.burden.count_tests import benjamini_hochberg
from scoring.burden.false_data.bunching import deadline_pile_up, target_bunching
from scoring.burden.false_data.categories import category_drift
from scoring.burden.false_data.copies import identical_vectors, one_hand
from scoring.burden.false_data.digits import digit_heaping
from scoring.burden.false_data.exact_hits import exact_hits
from scoring.burden.false_data.growth import implausible_growth
from scoring.burden.false_data.linked import unlinked_jumps
from scoring.burden.false_data.pattern import (
    ALL,
    FACT_KEY,
    FLAGGED,
    GRASSROOTS,
    NO_EVIDENCE,
    NOT_MEASURABLE,
    UNIT_SCHEMA,
    Limits,
    PatternResult,
    absent,
    merged,
    prepared_facts,
)
from scoring.burden.false_data.registers import overstatement
from scoring.burden.false_data.repeats import carried_forward
from scoring.burden.false_data.reversals import spike_and_undo
from scoring.burden.false_data.visits import inspection_bump
from scoring.tables.false_data import FALSE_DATA_WATCH

PATTERN_FAMILIES: Final[Mapping[str, str]] = {
    "FAL-01": "target",
    "FAL-02": "digits",
    "FAL-03": "copies",
    "FAL-04": "repeats",
    "FAL-05": "copies",
    "FAL-06": "visits",
    "FAL-07": "growth",
    "FAL-08": "target",
    "FAL-09": "registers",
    "FAL-10": "categories",
    "FAL-11": "deadline",
    "FAL-12": "growth",
    "FAL-13": "growth",
}
"""Patterns of one family are read from the same sign, so together they are one: a value that hits its target is
also bunched above it, a burst needs the copies, a jump is also growth."""

PATTERN_CODES: Final = tuple(PATTERN_FAMILIES)

INDEPENDENT_PATTERNS_NEEDED: Final = 2

_TEST_KEY: Final = ("pattern_code", "subject_org_id", "indicator_id", "compared_with")


@dataclass(frozen=True)
class FalseDataInputs:
    """What the patterns read; what was not delivered is None, and its pattern says NOT_MEASURABLE.

    Attributes:
        period_id: Period that is judged.
        periods: Periods of one grain, oldest first, ``period_id`` the last.
        performance: Current rows of performance_fact of all periods named here; see
            ``pattern.prepared_facts``.
        indicators: indicator.
        organisations: org_id, org_kind, peer_group, households.
        earlier_periods: The same calendar months a year before (FAL-10).
        months: Month before the last of the period, the last, and the first after it (FAL-07).
        readings: Values by day, as performance rows with ``as_of`` (FAL-06); None: the performance facts.
        visits: org_id, day of the inspections (FAL-06).
        independent: Other registers, surveys or remote counts (FAL-09); see ``registers.overstatement``.
        cases: Single cases with their deadlines (FAL-11); see ``bunching.deadline_pile_up``.
        linked: Registers that move with an indicator (FAL-13); see ``linked.unlinked_jumps``.
        verifications: verification_fact, of which failed checks of performance facts count.
        changed_units: Units that merged, split or changed their code between the periods.
        rounded: Indicators rounded by instruction (FAL-02).
        constant: Indicators that are structural constants (FAL-04).
        equal_by_law: Indicators whose equality with the target the law demands (FAL-08).
        without_consequence: Indicators whose targets move neither points nor money (FAL-01, FAL-08).
    """

    period_id: str
    periods: tuple[str, ...]
    performance: pl.DataFrame
    indicators: pl.DataFrame
    organisations: pl.DataFrame
    earlier_periods: tuple[str, ...] = ()
    months: tuple[str, str, str] | None = None
    readings: pl.DataFrame | None = None
    visits: pl.DataFrame | None = None
    independent: pl.DataFrame | None = None
    cases: pl.DataFrame | None = None
    linked: pl.DataFrame | None = None
    verifications: pl.DataFrame | None = None
    changed_units: frozenset[str] = field(default_factory=frozenset)
    rounded: frozenset[str] = field(default_factory=frozenset)
    constant: frozenset[str] = field(default_factory=frozenset)
    equal_by_law: frozenset[str] = field(default_factory=frozenset)
    without_consequence: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class FalseDataResults:
    """What the patterns came to.

    ``table``: ``FALSE_DATA_WATCH``. ``units``: period_id and ``pattern.UNIT_SCHEMA``, the units of flagged
    tests, for the verification draw alone: it is shown to nobody and is about nobody's score.
    """

    table: pl.DataFrame
    units: pl.DataFrame


def false_data_results(inputs: FalseDataInputs, limits: Limits) -> FalseDataResults:
    """Every pattern over one period.

    A test is flagged when its p-value is at most ``limits.alpha`` and Benjamini and Hochberg reject it at
    ``limits.fdr`` among the tests of its code and period. A subject may be asked to explain only with two
    independent patterns, or with one pattern and a failed check of a fact that the pattern is about.

    Raises:
        ValueError: ``period_id`` is not the last of ``periods``, or two facts have the same key.
    """
    if not inputs.periods or inputs.periods[-1] != inputs.period_id:
        raise ValueError(
            f"too-good data: the last of the periods must be the one that is judged ({inputs.period_id}),"
            f" not {inputs.periods[-1] if inputs.periods else 'nothing'}; give periods oldest first"
        )
    facts = prepared_facts(inputs.performance, inputs.indicators, inputs.organisations)
    judged = facts.filter(pl.col("period_id") == inputs.period_id)
    if judged.is_empty():
        found = merged(*(absent(code, judged, "performance_fact") for code in PATTERN_CODES))
    else:
        found = _without_grassroots(_patterns(facts, inputs, limits), inputs.organisations)
    tests, failed = decided(measured_first(found.tests), limits), failed_checks(inputs, facts)
    table = _next_steps(tests, failed).with_columns(period_id=pl.lit(inputs.period_id), alpha=pl.lit(limits.alpha))
    flagged = table.filter(pl.col("state") == FLAGGED)
    units = found.units.join(flagged, on=_TEST_KEY, how="semi").select(
        pl.lit(inputs.period_id).alias("period_id"), *UNIT_SCHEMA
    )
    return FalseDataResults(FALSE_DATA_WATCH.conform(table), units.sort("period_id", *UNIT_SCHEMA))


def measured_first(tests: pl.DataFrame) -> pl.DataFrame:
    """The tests without the NOT_MEASURABLE rows of whoever was measured under the same key after all.

    An office may keep one register without targets and set the targets of another: it is then missing something
    as a keeper and judged as a setter.
    """
    is_absent = pl.col("state").eq_missing(pl.lit(NOT_MEASURABLE))
    measured = tests.filter(~is_absent)
    absent_rows = tests.filter(is_absent).join(measured.select(_TEST_KEY), on=_TEST_KEY, how="anti", nulls_equal=True)
    return pl.concat([measured, absent_rows.unique(_TEST_KEY, maintain_order=True)])


def _patterns(facts: pl.DataFrame, inputs: FalseDataInputs, limits: Limits) -> PatternResult:
    period_id, periods = inputs.period_id, inputs.periods
    readings = facts
    if inputs.readings is not None:
        readings = prepared_facts(inputs.readings, inputs.indicators, inputs.organisations)
    harmless = inputs.without_consequence
    window = facts.filter(pl.col("period_id").is_in(list(periods)))
    return merged(
        target_bunching(facts, limits, period_id=period_id, without_consequence=harmless),
        digit_heaping(facts, limits, period_id=period_id, exempt=inputs.rounded),
        identical_vectors(facts, limits, period_id=period_id),
        carried_forward(facts, limits, periods=periods, exempt=inputs.constant),
        one_hand(facts, limits, period_id=period_id),
        inspection_bump(readings, inputs.visits, limits, period_id=period_id),
        spike_and_undo(facts, limits, months=inputs.months, period_id=period_id),
        exact_hits(window, limits, periods=periods, exempt=inputs.equal_by_law, without_consequence=harmless),
        overstatement(facts, inputs.independent, limits, period_id=period_id),
        category_drift(
            facts, limits, periods=_same_length(periods, inputs.earlier_periods), earlier_periods=inputs.earlier_periods
        ),
        deadline_pile_up(facts, inputs.cases, limits),
        implausible_growth(facts, limits, periods=periods, excluded=inputs.changed_units),
        unlinked_jumps(facts, inputs.linked, limits, periods=periods, excluded=inputs.changed_units),
    )


def _same_length(periods: tuple[str, ...], earlier: tuple[str, ...]) -> tuple[str, ...]:
    """As many of the last periods as there are earlier ones to match them."""
    return periods[-len(earlier) :] if earlier else periods


def _without_grassroots(found: PatternResult, organisations: pl.DataFrame) -> PatternResult:
    """No row is about a village or community, whatever a delivered frame names as its source."""
    grassroots = organisations.filter(pl.col("org_kind").is_in(GRASSROOTS))["org_id"].unique().implode()
    allowed = ~pl.col("subject_org_id").is_in(grassroots)
    return PatternResult(found.tests.filter(allowed), found.units.filter(allowed))


def decided(tests: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    """Tests with ``q_value`` inside their code, and the state of those that were carried out."""
    parts = [
        part.with_columns(q_value=pl.Series(benjamini_hochberg(part["p_value"].fill_null(float("nan")).to_numpy())))
        for part in tests.partition_by("pattern_code", maintain_order=True)
    ]
    rows = pl.concat(parts).with_columns(pl.col("q_value").fill_nan(None))
    is_flagged = (pl.col("p_value") <= limits.alpha) & (pl.col("q_value") <= limits.fdr)
    carried_out = pl.when(is_flagged).then(pl.lit(FLAGGED)).otherwise(pl.lit(NO_EVIDENCE))
    return rows.with_columns(state=pl.coalesce("state", carried_out))


def failed_checks(inputs: FalseDataInputs, facts: pl.DataFrame) -> pl.DataFrame:
    """Facts of the period that a check on the spot found to differ, by everybody who answers for them.

    Returns:
        subject_org_id, indicator_id, n_failed_checks. A key of a verification that names no register keeper
        counts for every one that reported the fact.
    """
    schema = {"subject_org_id": pl.String, "indicator_id": pl.String, "n_failed_checks": pl.Int64}
    if inputs.verifications is None or inputs.verifications.is_empty():
        return pl.DataFrame(schema=schema)
    failed = inputs.verifications.filter((pl.col("dataset") == "performance_fact") & (pl.col("outcome") == "differs"))
    keys = failed.select(
        *(pl.col("fact_key").str.json_path_match(f"$.{name}").alias(name) for name in FACT_KEY)
    ).unique()
    period = pl.col("period_id")
    keys = keys.filter(period.is_null() | (period == inputs.period_id)).drop("period_id")
    facts = facts.filter(period == inputs.period_id)
    same = ["indicator_id", "org_id"]
    checked = facts.join(keys.rename({"source_org_id": "checked_source"}), on=same).filter(
        pl.col("checked_source").is_null() | (pl.col("checked_source") == pl.col("source_org_id"))
    )
    answers = [checked.select(*FACT_KEY, subject_org_id=name) for name in ("subject_org_id", "target_subject_org_id")]
    return (
        pl.concat(answers)
        .unique()
        .group_by("subject_org_id", "indicator_id")
        .agg(n_failed_checks=pl.len().cast(pl.Int64))
        .sort("subject_org_id", "indicator_id")
    )


def _next_steps(tests: pl.DataFrame, failed: pl.DataFrame) -> pl.DataFrame:
    """Adds ``n_patterns``, ``n_failed_checks`` and ``next_step``."""
    is_flagged = pl.col("state") == FLAGGED
    families = (
        tests.filter(is_flagged)
        .with_columns(family=pl.col("pattern_code").replace_strict(PATTERN_FAMILIES))
        .group_by("subject_org_id")
        .agg(n_patterns=pl.col("family").n_unique().cast(pl.Int64))
    )
    over_all = failed.group_by("subject_org_id").agg(pl.col("n_failed_checks").sum())
    checks = pl.concat(
        [failed, over_all.select("subject_org_id", pl.lit(ALL).alias("indicator_id"), "n_failed_checks")]
    )
    rows = tests.join(families, on="subject_org_id", how="left").join(
        checks, on=["subject_org_id", "indicator_id"], how="left"
    )
    rows = rows.with_columns(pl.col("n_patterns", "n_failed_checks").fill_null(0))
    enough = (pl.col("n_patterns") >= INDEPENDENT_PATTERNS_NEEDED) | (pl.col("n_failed_checks") > 0)
    step = pl.when(~is_flagged).then(pl.lit("none")).when(enough).then(pl.lit("explain")).otherwise(pl.lit("verify"))
    return rows.with_columns(next_step=step)


def not_measurable(table: pl.DataFrame) -> pl.DataFrame:
    """Patterns that could not be looked at, and what is missing for them: the rows a data owner can act on."""
    return table.filter(pl.col("state") == NOT_MEASURABLE).select("pattern_code", "subject_org_id", "missing_columns")
