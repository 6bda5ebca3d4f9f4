"""Random programmes through the frames of ``scoring``, from facts to money: the thin composition under test."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import polars as pl

from scoring.adjustments import (
    AppealRules,
    ExemptionRules,
    Selected,
    apply_exemptions,
    select_adders,
    select_adjustments,
)
from scoring.anchored_points import anchored_points, cms_score100, satisfaction_scores, with_cases
from scoring.bonus_pool import BonusResults, PoolRules, bonus_payments
from scoring.composite import CompositeRules, RankRules, unit_score_table, unit_scores
from scoring.incentives import AdderRules, incentive_scores
from scoring.latent import latent_values
from scoring.points import unit_points
from scoring.red_lines import apply_red_lines
from scoring.tiers import TierRules, tiers
from scoring.tracks import TrackRules, applicable, cell_scores, process_scores, results_scores
from tests.support.random_program import LISTED_ADDERS, MILLION, Anchors, Policy, Program

PERIOD = "2026"
YEARS = ("2024", "2025", "2026")
RED_LINE = "RL-SAFETY"
RANK_DRAWS = 200
"""Few draws: what is drawn is tested elsewhere."""

DECIMAL = pl.Decimal(18, 6)
KEY = ("indicator_id", "org_id")
FACT_COLUMNS = {"indicator_id": pl.String, "org_id": pl.String, "value": DECIMAL, "denominator": DECIMAL}
ANCHOR_COLUMNS = {"minimum": DECIMAL, "floor": DECIMAL, "achievement_threshold": DECIMAL, "benchmark": DECIMAL}
ADJUSTMENT_COLUMNS: dict[str, Any] = {
    "adjustment_id": pl.String,
    "adj_kind": pl.String,
    "target_table": pl.String,
    "target_key": pl.String,
    "org_id": pl.String,
    "period_id": pl.String,
    "filed_at": pl.Date,
    "grounds": pl.String,
    "decision": pl.String,
    "decided_value": DECIMAL,
    "decided_at": pl.Date,
    "decision_doc_no": pl.String,
}


@dataclass(frozen=True)
class Inputs:
    """A programme as the frames ``scoring`` reads."""

    organisations: pl.DataFrame
    indicators: pl.DataFrame
    weights: pl.DataFrame
    anchors: pl.DataFrame
    satisfaction_anchors: pl.DataFrame
    facts: pl.DataFrame
    baseline: pl.DataFrame
    window: pl.DataFrame
    adjustments: pl.DataFrame


@dataclass(frozen=True)
class Stages:
    """Every frame of the chain: scores of facts, unit scores, incentive scores with tiers, money."""

    points: pl.DataFrame
    units: pl.DataFrame
    incentives: pl.DataFrame
    payments: pl.DataFrame
    pools: pl.DataFrame


def decimal(millionths: int | None) -> Decimal | None:
    """Millionths as the decimal a register would deliver."""
    return None if millionths is None else Decimal(millionths).scaleb(-6)


def frame(rows: Iterable[Sequence[Any]], columns: Mapping[str, Any]) -> pl.DataFrame:
    """Rows as a frame of the columns."""
    return pl.DataFrame(list(rows), schema=dict(columns), orient="row")


def inputs_of(programs: Sequence[Program]) -> Inputs:
    """The frames of programmes that share a scheme; organisations and peer groups are told apart by the seed."""
    scheme = programs[0].scheme
    indicators = frame(
        ((i.indicator_id, i.achievement_kind, i.track, i.nature, i.direction, i.min_cases) for i in scheme.indicators),
        {
            **dict.fromkeys(("indicator_id", "achievement_kind", "track", "nature", "direction"), pl.String),
            "min_cases": pl.Int64,
        },
    )
    weights = frame(
        (
            (indicator.indicator_id, group, weight)
            for indicator in scheme.indicators
            for name, weight in indicator.weights.items()
            for group in groups_named(programs, name)
        ),
        {"indicator_id": pl.String, "peer_group": pl.String, "weight": pl.Int64},
    )
    return Inputs(
        organisations=_organisations(programs),
        indicators=indicators,
        weights=weights.join(indicators, on="indicator_id"),
        anchors=frame(
            (
                (indicator_id, group, *_places(anchors))
                for (indicator_id, name), anchors in scheme.anchors.items()
                for group in groups_named(programs, name)
            ),
            {"indicator_id": pl.String, "peer_group": pl.String, **ANCHOR_COLUMNS},
        ),
        satisfaction_anchors=frame(
            (
                (group, *_places(anchors))
                for name, anchors in scheme.satisfaction_anchors.items()
                for group in groups_named(programs, name)
            ),
            {"peer_group": pl.String, **ANCHOR_COLUMNS},
        ),
        facts=_facts(programs, "facts"),
        baseline=_facts(programs, "baseline"),
        window=frame(
            (
                (indicator_id, named(program, org_id), decimal(fact.value), decimal(fact.denominator), year)
                for program in programs
                for (indicator_id, org_id), facts in program.window.items()
                for year, fact in zip(YEARS, facts, strict=True)
            ),
            {**FACT_COLUMNS, "period_id": pl.String},
        ),
        adjustments=_adjustments(programs),
    )


def named(program: Program, name: str) -> str:
    """Id of an organisation or peer group of a programme among those of others."""
    return f"{program.seed:06}/{name}"


def groups_named(programs: Sequence[Program], group: str | None) -> list[str | None]:
    """The peer groups of that name of all programmes; None stays None."""
    return [None] if group is None else [named(program, group) for program in programs]


def _organisations(programs: Sequence[Program]) -> pl.DataFrame:
    return frame(
        (
            (
                named(program, unit.org_id),
                f"{unit.org_id}村",
                named(program, unit.peer_group),
                unit.changed,
                unit.satisfaction_mean,
                unit.satisfaction_se,
                unit.list_score,
                unit.base_fen,
                unit.p_within_quota,
                unit.red_line,
            )
            for program in programs
            for unit in program.units
        ),
        {
            **dict.fromkeys(("org_id", "org_name", "peer_group"), pl.String),
            "changed": pl.Boolean,
            "satisfaction_mean": pl.Int64,
            "eb_se": pl.Float64,
            "list_score": pl.Int64,
            "base_fen": pl.Int64,
            "p_within_quota": pl.Float64,
            "red_line": pl.Boolean,
        },
    )


def _places(anchors: Anchors) -> list[Decimal | None]:
    places = (anchors.minimum, anchors.floor, anchors.achievement_threshold, anchors.benchmark)
    return [decimal(place) for place in places]


def _facts(programs: Sequence[Program], name: Literal["facts", "baseline"]) -> pl.DataFrame:
    return frame(
        (
            (indicator_id, named(program, org_id), decimal(fact.value), decimal(fact.denominator))
            for program in programs
            for (indicator_id, org_id), fact in getattr(program, name).items()
        ),
        FACT_COLUMNS,
    )


def _adjustments(programs: Sequence[Program]) -> pl.DataFrame:
    exemptions = [
        ("exemption", "unit_indicator", {"indicator_id": indicator_id}, named(program, org_id), kind == "exempt", None)
        for program in programs
        for (indicator_id, org_id), kind in program.exemptions.items()
    ]
    adders = [
        ("adder", "incentive_score", {"adder_id": adder_id}, named(program, unit.org_id), True, points)
        for program in programs
        for unit in program.units
        for adder_id, points in unit.adders
    ]
    decided = date(2027, 1, 20)
    rows = [
        {
            "adjustment_id": f"ADJ-{number:05}",
            "adj_kind": kind,
            "target_table": table,
            "target_key": json.dumps(key),
            "org_id": org_id,
            "period_id": PERIOD,
            "filed_at": decided,
            "grounds": "见附件",
            "decision": "upheld" if wholly else "partly",
            "decided_value": decimal(value),
            "decided_at": decided,
            "decision_doc_no": "青考〔2027〕3 号",
        }
        for number, (kind, table, key, org_id, wholly, value) in enumerate([*exemptions, *adders])
    ]
    return pl.DataFrame(rows, schema=ADJUSTMENT_COLUMNS)


def run_program(program: Program) -> Stages:
    """The unit chain of ``scoring`` over one programme."""
    return run_programs([program])


def run_programs(programs: Sequence[Program], inputs: Inputs | None = None, *, rank_seed: int | None = None) -> Stages:
    """The unit chain of ``scoring`` over programmes that share a scheme, each with its own money.

    Running them side by side is quick, and a peer group that read another's rows would be found.

    Args:
        programs: Programmes of one scheme.
        inputs: Their frames, where they are not just ``inputs_of(programs)``.
        rank_seed: Draws the probability of a place in the quota from this seed; without one the
            programmes' own probabilities count.
    """
    policy = programs[0].scheme.policy
    given = inputs or inputs_of(programs)
    selected = select_adjustments(given.adjustments, AppealRules(), period_id=PERIOD)
    weights = applicable(given.organisations, given.weights)
    points = _scored_facts(given, policy)
    scores = weights.select("org_id", "indicator_id", "weight").join(
        points.select("org_id", "indicator_id", "score100"), on=["org_id", "indicator_id"], how="left"
    )
    lifted = apply_exemptions(scores, selected.rows, ExemptionRules()).scores
    units = _unit_scores(given, lifted, weights, policy, rank_seed or 0)
    if rank_seed is None:
        own = given.organisations.select("org_id", "p_within_quota")
        units = units.drop("p_within_quota").join(own, on="org_id", maintain_order="left")
    incentives = _incentives(given, units, selected, policy)
    money = [_money(program, incentives) for program in programs]
    return Stages(
        lifted,
        units,
        incentives,
        pl.concat([results.units for results in money]),
        pl.concat([results.pools for results in money]),
    )


def published(stages: Stages) -> str:
    """Everything published of the stages as text, sorted by its keys; equal text is equal to the last bit."""
    scores = stages.incentives.select(
        "org_id", "differentiated_score", "adder", "incentive_score", "rank", "p_within_quota", "tier", "red_line_id"
    )
    frames = (
        stages.points.sort("indicator_id", "org_id"),
        unit_score_table(stages.units, period_id=PERIOD),
        scores.sort("org_id"),
        stages.payments.sort("org_id"),
        stages.pools.sort("peer_group"),
    )
    return "".join(rows.write_csv() for rows in frames)


def _scored_facts(given: Inputs, policy: Policy) -> pl.DataFrame:
    """Facts and windows of latent indicators as score100, on the scale of the policy."""
    latent = latent_values(given.window, given.indicators, years=YEARS)
    facts = pl.concat([given.facts, latent.select(*KEY, "value")], how="diagonal")
    baseline = pl.concat([given.baseline, latent.select(*KEY, value="baseline_value")], how="diagonal")
    if policy.scale == "anchored":
        return anchored_points(facts, baseline, given.anchors, given.indicators, given.organisations)
    # The cms scale knows neither cases nor units that changed.
    changed = given.organisations.filter("changed").select("org_id")
    points = unit_points(
        with_cases(facts, given.indicators),
        with_cases(baseline, given.indicators).join(changed, on="org_id", how="anti"),
        given.anchors,
        given.indicators,
        given.organisations,
        period_id=PERIOD,
        baseline_period=YEARS[1],
    )
    return points.with_columns(cms_score100())


def _unit_scores(
    given: Inputs, scores: pl.DataFrame, weights: pl.DataFrame, policy: Policy, rank_seed: int
) -> pl.DataFrame:
    rules = TrackRules(
        quality_share=policy.quality_share,
        latent_share=policy.latent_share,
        cell_floor=Fraction(policy.cell_floor, MILLION),
        missing_track_cap=Fraction(policy.missing_track_cap, MILLION),
        min_observed_weight=policy.min_observed_weight,
    )
    satisfaction = satisfaction_scores(given.organisations, given.satisfaction_anchors)
    parts = given.organisations
    for part in (
        satisfaction,
        results_scores(cell_scores(scores, weights), rules),
        process_scores(scores, weights),
    ):
        parts = parts.join(part, on="org_id", how="left")
    composite_rules = CompositeRules(
        {name: Fraction(weight, MILLION) for name, weight in policy.part_weights.items()},
        min_observed_weight=policy.min_observed_weight,
        min_parts=policy.min_parts,
    )
    ranks = RankRules(seed=rank_seed, draws=RANK_DRAWS, quota=policy.quota)
    return unit_scores(parts.drop("p_within_quota"), composite_rules, ranks)


def _incentives(given: Inputs, units: pl.DataFrame, selected: Selected, policy: Policy) -> pl.DataFrame:
    adder_rules = AdderRules(LISTED_ADDERS, max_adder=policy.max_adder, score_cap=policy.score_cap)
    scored = incentive_scores(units.drop("rank"), select_adders(selected.rows), adder_rules).units
    ranked = tiers(
        scored.with_columns(
            has_satisfaction=pl.col("satisfaction_score").is_not_null(), pooled_periods=pl.lit(value=False)
        ),
        TierRules(*policy.cut_offs, quota=policy.quota, min_probability=Fraction(policy.min_probability)),
    )
    crossed = given.organisations.filter("red_line").select(
        "org_id", red_line_id=pl.lit(RED_LINE), decision_doc_no=pl.lit("青安〔2026〕1 号")
    )
    authorised = pl.DataFrame({"red_line_id": [RED_LINE], "legal_basis": ["安全生产法"]})
    return apply_red_lines(ranked, crossed, authorised)


def _money(program: Program, incentives: pl.DataFrame) -> BonusResults:
    policy = program.scheme.policy
    return bonus_payments(
        incentives.filter(pl.col("org_id").str.starts_with(named(program, ""))),
        PoolRules(policy.reserve_share, policy.cap_multiple, policy.exchange or "linear"),
        total_fen=program.total_fen,
        carried_fen=program.carried_fen,
    )
