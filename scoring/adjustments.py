"""Fault tolerance, corrections and appeals as separate, visible steps (method 3.7).

An adjustment never edits a row of the lake. ``select_adjustments`` takes the decided ones of a period and
refuses what the rules do not allow; each function below applies one kind to a frame and says, row by
row, what stood there before and after. An exemption only lifts; an appeal changes the rows of its
appellant and nothing else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import polars as pl

from scoring.exact import POINT, points_decimal
from scoring.incentives import ADDER_COLUMNS
from scoring.sums import RAW_SCALE, raw_units
from scoring.tables import join_reasons
from scoring.tables.incentives import ADJUSTMENT_APPLIED

STEP_COLUMNS = ("adjustment_id", "adj_kind", "org_id", "what", "before", "after", "decision_doc_no", "reason_codes")
"""Columns of a step; before and after are Decimal(18,6)."""

GROUNDS = (
    "wrong_fact",
    "wrong_baseline",
    "anchors_misapplied",
    "maximum_misapplied",
    "weight_misapplied",
    "missing_misapplied",
    "wrong_peer_group",
    "exemption_ignored",
    "closed_or_merged_unit",
)
"""The closed list of grounds of an appeal, after 42 CFR 412.167 (method 3.7 G2)."""

_DECIDED = ("upheld", "partly")


@dataclass(frozen=True)
class AppealRules:
    """On which grounds and until when an appeal counts; without ``preview_on`` no day is too late."""

    grounds: Collection[str] = GROUNDS
    preview_on: dt.date | None = None
    window_days: int = 30


@dataclass(frozen=True)
class ExemptionRules:
    """What an exemption lifts a score to, in micropoints, and what cannot be exempted.

    ``red_lines`` are ids of indicators that are red lines. ``falsified`` has org_id and indicator_id of
    data found to be falsified. A unit of which more than ``review_share`` of the weight is exempted is
    flagged for people to look at.
    """

    neutral: int = 75 * POINT
    reduced: int = 60 * POINT
    review_share: Fraction = Fraction(1, 5)
    red_lines: Collection[str] = ()
    falsified: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"org_id": pl.String(), "indicator_id": pl.String()})
    )


@dataclass(frozen=True)
class Selected:
    """``rows`` are the adjustments that may be applied, ``steps`` those refused, with the reason."""

    rows: pl.DataFrame
    steps: pl.DataFrame


@dataclass(frozen=True)
class Corrected:
    """The facts with the decided values in place, and the steps."""

    facts: pl.DataFrame
    steps: pl.DataFrame


@dataclass(frozen=True)
class Exempted:
    """The scores after exemptions, the steps, and per exempted unit its exempted share of the weight.

    ``review``: org_id, exempted_weight (Int64 millionths of the unit's weight), needs_review.
    """

    scores: pl.DataFrame
    steps: pl.DataFrame
    review: pl.DataFrame


@dataclass(frozen=True)
class Appealed:
    """The published rows with those of the appellants replaced, and the steps."""

    rows: pl.DataFrame
    steps: pl.DataFrame


def select_adjustments(adjustments: pl.DataFrame, rules: AppealRules, *, period_id: str) -> Selected:
    """The adjustments of a period that were upheld, wholly or partly, and may be applied.

    The JSON of ``target_key`` says what they are about: ``indicator_id``, ``period_id`` (of the fact, which may
    be the baseline period), ``adder_id`` and, for an appeal, ``ground``. An appeal may also give its
    ground as the whole text of ``grounds``.

    Args:
        adjustments: Current rows of the dataset adjustment.
        rules: Grounds and window of appeals.
        period_id: The period they adjust.

    Returns:
        ``rows``: adjustment_id, adj_kind, target_table, org_id, indicator_id, fact_period_id, adder_id,
        ground, decision, decided_value, decided_at, decision_doc_no, sorted by adjustment_id. Pending,
        rejected and withdrawn ones are left out; decided ones without a document, appeals on other
        grounds, appeals filed too late and keys that name another organisation are ``steps`` with a reason.

    Raises:
        ValueError: An adjustment occurs twice.
    """
    if adjustments["adjustment_id"].is_duplicated().any():
        raise ValueError("an adjustment occurs twice")
    read = (
        adjustments.filter((pl.col("period_id") == period_id) & pl.col("decision").is_in(_DECIDED))
        .select(
            "adjustment_id",
            "adj_kind",
            "target_table",
            "org_id",
            *(_named_in_key(name, alias) for name, alias in _KEY_NAMES.items()),
            _named_in_key("org_id", "key_org_id"),
            "decision",
            pl.col("decided_value").cast(pl.Decimal(18, 6)),
            "decided_at",
            "decision_doc_no",
            "filed_at",
            pl.col("grounds").str.strip_chars(),
        )
        .with_columns(pl.coalesce("ground", "grounds").alias("ground"))
        .sort("adjustment_id")
    )
    reasons = {
        "NO_DECISION_DOCUMENT": pl.col("decision_doc_no").fill_null("").str.strip_chars() == "",
        "GROUND_NOT_LISTED": (pl.col("adj_kind") == "appeal")
        & ~pl.col("ground").is_in(list(rules.grounds)).fill_null(value=False),
        "FILED_TOO_LATE": (pl.col("adj_kind") == "appeal") & _too_late(rules),
        "KEY_CONTRADICTS": (pl.col("key_org_id") != pl.col("org_id")).fill_null(value=False),
    }
    judged = read.with_columns(join_reasons(reasons))
    rows = judged.filter(pl.col("reason_codes").is_null()).drop("reason_codes", "filed_at", "grounds", "key_org_id")
    return Selected(rows, _steps(judged.filter(pl.col("reason_codes").is_not_null()), _target()))


_KEY_NAMES = {
    "indicator_id": "indicator_id",
    "period_id": "fact_period_id",
    "adder_id": "adder_id",
    "ground": "ground",
}


def _named_in_key(name: str, alias: str) -> pl.Expr:
    return pl.col("target_key").str.json_path_match(f"$.{name}").alias(alias)


def _too_late(rules: AppealRules) -> pl.Expr:
    if rules.preview_on is None:
        return pl.lit(value=False)
    return pl.col("filed_at") > rules.preview_on + dt.timedelta(days=rules.window_days)


def _target() -> pl.Expr:
    return pl.concat_str("target_table", "indicator_id", "fact_period_id", separator="/", ignore_nulls=True)


def _steps(
    rows: pl.DataFrame, what: pl.Expr, before: pl.Expr | None = None, after: pl.Expr | None = None
) -> pl.DataFrame:
    """Steps of the rows, which have a ``reason_codes`` column; without values they are null."""
    empty = pl.lit(None, pl.Decimal(18, 6))
    return rows.with_columns(
        what=what, before=empty if before is None else before, after=empty if after is None else after
    ).select(STEP_COLUMNS)


def within_range(selected: Selected, indicators: pl.DataFrame) -> Selected:
    """Decided values of facts outside the range of their indicator become steps with a reason and are not used.

    Args:
        selected: See ``select_adjustments``.
        indicators: indicator_id, min, max (null: no limit).
    """
    limits = indicators.select("indicator_id", low="min", high="max")
    rows = selected.rows.join(limits, on="indicator_id", how="left", maintain_order="left")
    value = pl.col("decided_value")
    outside = ((value < pl.col("low")) | (value > pl.col("high"))).fill_null(value=False) & _about_facts()
    steps = _steps(rows.filter(outside).with_columns(reason_codes=pl.lit("VALUE_OUT_OF_RANGE")), _target())
    return Selected(rows.filter(~outside).drop("low", "high"), pl.concat([selected.steps, steps]))


def _about_facts() -> pl.Expr:
    """Corrections and appeals that put a value in the place of a fact."""
    kind = pl.col("adj_kind").is_in(["correction", "appeal"])
    return kind & (pl.col("target_table") == "performance_fact") & pl.col("decided_value").is_not_null()


def correct_facts(facts: pl.DataFrame, rows: pl.DataFrame) -> Corrected:
    """Puts decided values in the place of facts: corrections, and appeals about a fact or a baseline.

    Of several decisions on one fact the last one counts (by day, then by adjustment id).

    Args:
        facts: indicator_id, org_id, period_id, value (Decimal(18,6)); further columns are kept.
        rows: ``Selected.rows``; those of ``target_table`` performance_fact with a decided value are applied.

    Returns:
        The facts in the order given, and one step per decision.
    """
    key = ["indicator_id", "org_id", "period_id"]
    decisions = (
        rows.filter(_about_facts())
        .with_columns(period_id="fact_period_id")
        .sort(*key, "decided_at", "adjustment_id")
        .join(facts.select(*key, "value", known=pl.lit(value=True)), on=key, how="left", maintain_order="left")
        .with_columns(before=pl.coalesce(pl.col("decided_value").shift(1).over(key), "value"))
    )
    found = pl.col("known").is_not_null()
    steps = _steps(
        decisions.with_columns(join_reasons({"NOTHING_TO_ADJUST": ~found})),
        _target(),
        pl.when(found).then("before"),
        pl.when(found).then("decided_value"),
    )
    last = decisions.group_by(key, maintain_order=True).agg(pl.col("decided_value").last())
    corrected = facts.join(last, on=key, how="left", maintain_order="left").with_columns(
        value=pl.coalesce("decided_value", "value")
    )
    return Corrected(corrected.drop("decided_value"), steps)


def apply_exemptions(scores: pl.DataFrame, rows: pl.DataFrame, rules: ExemptionRules) -> Exempted:
    """Lifts scores to the floor of an approved exemption: ``score100 := max(score100, floor)`` (method 3.7 G1).

    The floor is ``rules.neutral``, or ``rules.reduced`` where the exemption was upheld only partly; a
    decided value says it in points and must be one of the two. A missing score stays missing, because a
    floor in its place could pull a better mean down.

    Args:
        scores: org_id, indicator_id, score100 (Int64 micropoints, nullable), weight (Int64 millionths, the
            indicator's weight in the scheme of the unit's group), each pair once; further columns are
            kept.
        rows: ``Selected.rows``; those of kind exemption are applied.
        rules: Floors, limits and what cannot be exempted.

    Returns:
        The scores in the order given, none of them lower than before; steps; and the exempted weight of
        each unit with an exemption that was allowed.

    Raises:
        TypeError: The scores are not whole numbers.
    """
    if scores.schema["score100"] != pl.Int64():
        raise TypeError(f"score100 must be whole micropoints, not {scores.schema['score100']}")
    key = ["org_id", "indicator_id"]
    judged = _judged_exemptions(scores, rows, rules)
    allowed = judged.filter(pl.col("allowed"))
    floors = allowed.group_by(key).agg(floor=pl.col("floor").max())
    lifted = scores.join(floors, on=key, how="left", maintain_order="left").with_columns(
        score100=pl.when(pl.col("score100").is_not_null()).then(pl.max_horizontal("score100", "floor"))
    )
    steps = _steps(
        judged, pl.format("score100/{}", "indicator_id"), points_decimal("score_before"), points_decimal("score_after")
    )
    return Exempted(lifted.drop("floor"), steps, _review(scores, allowed, rules))


def _judged_exemptions(scores: pl.DataFrame, rows: pl.DataFrame, rules: ExemptionRules) -> pl.DataFrame:
    """Exemptions with their floor, whether they are allowed, the reason, and the score before and after."""
    key = ["org_id", "indicator_id"]
    given = (
        pl.when(pl.col("decided_value").is_not_null())
        .then(raw_units("decided_value"))
        .when(pl.col("decision") == "partly")
        .then(rules.reduced)
        .otherwise(rules.neutral)
    )
    exemptions = (
        rows.filter(pl.col("adj_kind") == "exemption")
        .with_columns(floor=given, indicator_id=pl.col("indicator_id").fill_null(""))
        .join(scores.select(*key, "score100"), on=key, how="left")
        .join(rules.falsified.select(key).unique().with_columns(false_data=True), on=key, how="left")
        .sort("adjustment_id")
    )
    red = pl.col("indicator_id").is_in(list(rules.red_lines)) | (pl.col("target_table") == "red_line")
    refusals = {
        "EXEMPTION_ON_RED_LINE": red,
        "EXEMPTION_ON_FALSIFIED_DATA": pl.col("false_data").is_not_null(),
        "EXEMPTION_LEVEL_UNKNOWN": ~pl.col("floor").is_in([rules.neutral, rules.reduced]),
    }
    allowed = ~pl.any_horizontal(*refusals.values())
    raised_to = pl.when("allowed").then("floor").otherwise(0).cum_max().over(key)
    earlier = pl.col("raised_to").shift(1, fill_value=0).over(key)
    scored = pl.col("score100").is_not_null()
    return (
        exemptions.with_columns(allowed=allowed)
        .with_columns(raised_to=raised_to)
        .with_columns(
            score_before=pl.when(scored).then(pl.max_horizontal("score100", earlier)),
            score_after=pl.when(scored).then(pl.max_horizontal("score100", "raised_to")),
        )
        .with_columns(
            join_reasons(
                {
                    **refusals,
                    "NOTHING_TO_ADJUST": ~scored,
                    "ALREADY_HIGHER": pl.col("allowed") & (pl.col("score_after") == pl.col("score_before")),
                }
            )
        )
    )


def _review(scores: pl.DataFrame, allowed: pl.DataFrame, rules: ExemptionRules) -> pl.DataFrame:
    key = ["org_id", "indicator_id"]
    share = rules.review_share
    exempted = scores.join(allowed.select(key).unique().with_columns(exempted=True), on=key, how="left")
    total = pl.col("weight").sum()
    part = pl.col("weight").filter(pl.col("exempted").is_not_null()).sum()
    return (
        exempted.group_by("org_id")
        .agg(
            exempted_weight=pl.when(total > 0).then(part * RAW_SCALE // total),
            needs_review=part * share.denominator > total * share.numerator,
            any_exempted=pl.col("exempted").any(),
        )
        .filter("any_exempted")
        .select("org_id", "exempted_weight", "needs_review")
        .sort("org_id")
    )


def select_adders(rows: pl.DataFrame) -> pl.DataFrame:
    """The adders among the selected adjustments, as ``incentives.incentive_scores`` takes them.

    The decided value is their points and the decision document their evidence.

    Args:
        rows: ``Selected.rows``.

    Returns:
        ``incentives.ADDER_COLUMNS``, points in micropoints.
    """
    return (
        rows.filter(pl.col("adj_kind") == "adder").with_columns(points=raw_units("decided_value")).select(ADDER_COLUMNS)
    )


def exclusion_steps(rows: pl.DataFrame) -> pl.DataFrame:
    """The exclusions among the selected adjustments as steps; the frame is what applies them.

    Args:
        rows: ``Selected.rows``.

    Returns:
        ``STEP_COLUMNS``, without values.
    """
    chosen = rows.filter(pl.col("adj_kind") == "exclusion").with_columns(reason_codes=pl.lit(None, pl.String()))
    return _steps(chosen, _target())


def only_appellants(published: pl.DataFrame, recomputed: pl.DataFrame, rows: pl.DataFrame, *, score: str) -> Appealed:
    """Takes the appellants' rows from the recomputation and leaves every other row as published (method 3.7 G2).

    Anchors, weights and peer groups are frozen, so a recomputation can only move the appellant's score.
    Ranks and tiers of the others would move with it; they stay as published, and nobody loses a place
    to an appeal.

    Args:
        published: org_id, ``score`` (Int64 micropoints) and further columns, each unit once.
        recomputed: The same columns after the corrections of the appeals.
        rows: ``Selected.rows``; the organisations of the kinds appeal and correction are the appellants.
        score: The column whose values before and after are the step.

    Returns:
        The rows in the order published, and one step per appeal.

    Raises:
        ValueError: The score of somebody who did not appeal differs, so something that is frozen was
            changed; or the two frames do not hold the same units.
    """
    decided = rows.filter(pl.col("adj_kind").is_in(["appeal", "correction"]))
    appellants = decided["org_id"].unique().to_list()
    both = published.select("org_id", before=score).join(
        recomputed.select("org_id", after=score), on="org_id", how="full", coalesce=True
    )
    if both.height != published.height or published.height != recomputed.height:
        raise ValueError("the recomputation does not hold the units that were published")
    moved = both.filter(~pl.col("org_id").is_in(appellants) & pl.col("before").ne_missing(pl.col("after")))[
        "org_id"
    ].sort()
    if len(moved):
        raise ValueError(f"scores changed without an appeal: {', '.join(moved)}")
    replaced = recomputed.filter(pl.col("org_id").is_in(appellants)).select(published.columns)
    steps = _steps(
        decided.join(both, on="org_id", maintain_order="left").with_columns(reason_codes=pl.lit(None, pl.String())),
        pl.lit(score),
        points_decimal("before"),
        points_decimal("after"),
    )
    return Appealed(published.update(replaced, on="org_id", include_nulls=True), steps)


def applied(steps: Sequence[pl.DataFrame], organisations: pl.DataFrame, *, period_id: str) -> pl.DataFrame:
    """All steps of a period as ``tables.incentives.ADJUSTMENT_APPLIED``.

    Args:
        steps: Frames of ``STEP_COLUMNS``.
        organisations: org_id, org_name, peer_group.
        period_id: Period of the adjustments.

    Raises:
        ValueError: One adjustment has two steps on the same value.
    """
    rows = pl.concat([frame.select(STEP_COLUMNS) for frame in steps]) if steps else pl.DataFrame(schema=_STEP_SCHEMA)
    names = organisations.select("org_id", "org_name", "peer_group")
    return ADJUSTMENT_APPLIED.conform(
        rows.join(names, on="org_id", how="left").with_columns(period_id=pl.lit(period_id))
    )


_STEP_SCHEMA = {name: pl.Decimal(18, 6) if name in {"before", "after"} else pl.String() for name in STEP_COLUMNS}
