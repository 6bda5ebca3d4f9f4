"""Departments: eligible ballots, scores, the composite, turnout and flags (method 3.1, 2.9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

import polars as pl

from scoring.anchored_points import anchored_points
from scoring.anomalies import anomaly_results, counted_ballots
from scoring.composite import CompositeRules
from scoring.department_composite import department_composites, department_indicators, fact_part_scores
from scoring.departments import DepartmentResults, department_results
from scoring.exact import POINT
from scoring.frame import eligible_ballots, frame_members, turnout
from scoring.mixed_model import MixedModel
from scoring.rater_classes import with_channel, with_rater_class
from scoring.scheme import Scheme
from scoring.sums import RAW_SCALE, voter_cells
from scoring.tables import ANOMALY, DEPARTMENT_COMPOSITE, DEPARTMENT_INDICATOR
from tasks.aggregate import Sums
from tasks.scoring import parameters
from tasks.scoring.facts import facts_of, with_counts

ASSESSED = "assessed_department"


@dataclass(frozen=True)
class DepartmentTables:
    """The result tables about departments, and the fits behind them."""

    tables: Mapping[str, pl.DataFrame]
    models: Mapping[str, MixedModel]
    excluded_ballots: pl.DataFrame


def department_tables(sums: Sums, scheme: Scheme, period_id: str) -> DepartmentTables:
    """Every result about departments of one period."""
    eligible = eligible_ballots(sums.ratings.ballots, sums.frame)
    ballots, excluded = counted_ballots(eligible.kept, ballot_exclusions(sums.adjustments))
    assessed = assessed_departments(sums)
    scored = department_results(
        _cells(ballots, sums, scheme), sums.ratings.item_cells, sums.items, assessed, scheme.rating,
        period_id=period_id, fixed_effects=scheme.rating.effects, ranking=parameters.department_ranks(scheme),
    )  # fmt: skip
    cell = scheme.minimum_cell
    return DepartmentTables(
        {
            "department_score": scored.scores,
            "department_item": scored.items,
            **_composite(sums, scheme, scored, assessed, period_id),
            "frame_member": frame_members(sums.frame, period_id=period_id),
            "frame_turnout": turnout(
                sums.frame, ballots, period_id=period_id, closed=True, min_units=cell.min_units.number,
                min_raters=cell.min_raters.number,
            ),
            "anomaly_flag": _anomalies(ballots, sums, scheme, scored, period_id),
        },
        scored.models,
        excluded,
    )  # fmt: skip


def assessed_departments(sums: Sums) -> pl.DataFrame:
    """org_id, org_name, peer_group of the departments of the frame; none when nobody rated anything."""
    assessed = sums.frame.assessed.filter(pl.col("role") == ASSESSED).select("org_id", "org_name", "peer_group")
    return assessed.clear() if sums.ratings.item_cells.is_empty() else assessed


def _cells(ballots: pl.DataFrame, sums: Sums, scheme: Scheme, *, person: bool = False) -> pl.DataFrame:
    rules = scheme.rating
    cells = voter_cells(
        ballots,
        sums.items,
        rater_level="person" if person else rules.rater_level.value,
        min_observed_weight=rules.min_observed_weight.fraction,
        unit_weight_prior=Fraction(rules.unit_weight_prior.value),
    )
    classes = [
        (each.rater_class, each.org_kinds, int(each.weight.fraction * RAW_SCALE)) for each in rules.class_weights or ()
    ]
    classed = with_rater_class(cells, sums.frame.units, classes)
    if "channel" not in scheme.rating.effects:
        return classed
    by_person = person or rules.rater_level.value == "person"
    return with_channel(classed, sums.channels, voter="rater_id" if by_person else "rater_org_id")


def ballot_exclusions(adjustments: pl.DataFrame) -> pl.DataFrame:
    """Exclusions of ballots that name a unit, who decided and by which document; see ``counted_ballots``."""
    key = pl.col("target_key").str.json_path_match
    return (
        adjustments.filter(pl.col("target_table") == "rating_event")
        .select(
            "adjustment_id", "adj_kind", "decision", "decided_by_org_id", "decision_doc_no",
            rater_org_id=key("$.rater_org_id"), ratee_org_id=key("$.target_org_id"),
        )
        .drop_nulls(["rater_org_id", "decided_by_org_id", "decision_doc_no"])
        .drop("decision_doc_no")
    )  # fmt: skip


def _composite(
    sums: Sums, scheme: Scheme, scored: DepartmentResults, assessed: pl.DataFrame, period_id: str
) -> dict[str, pl.DataFrame]:
    rules = parameters.department_composite(scheme)
    if rules is None or scheme.department_composite is None:
        return {table.name: table.empty() for table in (DEPARTMENT_COMPOSITE, DEPARTMENT_INDICATOR)}
    points = _indicator_points(sums, scheme, assessed, period_id)
    wanted = scheme.department_composite
    weights = pl.DataFrame(
        [(name, "burden", RAW_SCALE) for name in wanted.burden_indicators]
        + [(name, "response", RAW_SCALE) for name in wanted.response_indicators],
        schema={"indicator_id": pl.String, "part": pl.String, "weight": pl.Int64},
        orient="row",
    )
    # A score that is not reliable enough to be shown, or that few can judge, is no part of anything that is ranked.
    reliable = pl.col("reason_codes").fill_null("").str.contains("INSUFFICIENT_RELIABILITY|LOW_CONTACT").not_()
    rating = scored.scores.select(
        "ratee_org_id", "org_name", "peer_group",
        reverse_rating_score=pl.when(reliable).then((pl.col("score_shrunken") * POINT).round().cast(pl.Int64)),
        reverse_rating_se=pl.when(reliable).then("se"),
    )  # fmt: skip
    facts = fact_part_scores(points.select("org_id", "indicator_id", "score100"), weights)
    before = scheme.unit_points.baseline.of(period_id) if scheme.unit_points else None
    return {
        DEPARTMENT_COMPOSITE.name: department_composites(_joined(rating, facts, rules), rules, period_id=period_id),
        DEPARTMENT_INDICATOR.name: department_indicators(points, weights, period_id=period_id, baseline_period=before),
    }


def _joined(rating: pl.DataFrame, facts: pl.DataFrame, rules: CompositeRules) -> pl.DataFrame:
    rows = rating.join(facts, on="ratee_org_id", how="left", maintain_order="left")
    absent = [name for name in rules.weights if name not in rows.columns]
    return rows.with_columns(pl.lit(None, pl.Int64).alias(name) for name in absent)


def _indicator_points(sums: Sums, scheme: Scheme, assessed: pl.DataFrame, period_id: str) -> pl.DataFrame:
    """Anchored points of the departments' own indicators: delivered facts, and what the burden register says."""
    rules = scheme.unit_points
    wanted = scheme.department_composite
    names = (*wanted.burden_indicators, *wanted.response_indicators) if wanted else ()
    before = rules.baseline.of(period_id) if rules else None
    burden = pl.concat([sums.burden, sums.baseline_burden]).select("indicator_id", "direction").unique()
    known = sums.indicators.filter(pl.col("indicator_id").is_in(names)).select("indicator_id", "direction", "min_cases")
    derived = burden.join(known, on="indicator_id", how="anti").with_columns(min_cases=pl.lit(None, pl.Int64))
    indicators = pl.concat([known.cast({"min_cases": pl.Int64}), derived.select(known.columns)])
    both = [
        pl.concat([facts.filter(pl.col("indicator_id").is_in(names)), _as_facts(measured, names)])
        for facts, measured in (
            (facts_of(sums.facts, period_id), sums.burden),
            (facts_of(sums.facts, before), sums.baseline_burden),
        )
    ]
    known_facts = [part.join(indicators.select("indicator_id"), on="indicator_id", how="semi") for part in both]
    anchors = rules.anchor_frame() if rules else _no_anchors()
    points = anchored_points(known_facts[0], known_facts[1], anchors, indicators, assessed)
    counted = sums.burden.select("indicator_id", "org_id", "value", "numerator", "denominator")
    delivered = with_counts(points, sums.facts, period_id)
    registered = points.join(counted, on=["indicator_id", "org_id", "value"], how="left", maintain_order="left")
    return delivered.with_columns(
        pl.coalesce(registered[name], delivered[name]).alias(name) for name in ("numerator", "denominator")
    )


def _as_facts(measured: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    denominator = pl.lit(None, pl.Decimal(18, 6)).alias("denominator")
    rows = measured.filter(pl.col("indicator_id").is_in(names))
    return rows.select("indicator_id", "org_id", "value", denominator)


def _no_anchors() -> pl.DataFrame:
    number = pl.Decimal(18, 6)
    limits = dict.fromkeys(("minimum", "floor", "achievement_threshold", "benchmark"), number)
    return pl.DataFrame(schema={"indicator_id": pl.String, "peer_group": pl.String, **limits})


def _anomalies(
    ballots: pl.DataFrame, sums: Sums, scheme: Scheme, scored: DepartmentResults, period_id: str
) -> pl.DataFrame:
    limits = parameters.anomalies(scheme)
    if limits is None or sums.patterns is None or ballots.is_empty():
        return ANOMALY.empty()
    units = sums.frame.units.select("peer_group", org_id="rater_org_id")
    roster = sums.frame.units.select(org_id="rater_org_id", n_eligible_raters="n_raters")
    return anomaly_results(
        sums.patterns, ballots, lambda some: _cells(some, sums, scheme), scored.models,
        _cells(ballots, sums, scheme, person=True), units, _triggers(sums.adjustments), limits,
        period_id=period_id, closed_on=sums.frame.period_end - timedelta(days=1), roster=roster,
    ).table  # fmt: skip


def _triggers(adjustments: pl.DataFrame) -> pl.DataFrame:
    """What a department decided about a unit: a request it refused, one it granted."""
    kind = pl.col("decision").replace_strict({"rejected": "refusal", "upheld": "favour"}, default=None)
    return (
        adjustments.with_columns(kind=kind, date=pl.col("decided_at").cast(pl.Date))
        .drop_nulls(["kind", "date", "decided_by_org_id"])
        .select("date", "kind", rater_org_id="filed_by_org_id", ratee_org_id="decided_by_org_id")
        .unique()
        .sort("rater_org_id", "ratee_org_id", "date", "kind")
    )
