"""Aggregate: the current view of a period becomes integer sums, the only thing scoring reads.

One streaming pass per dataset; the sums add up over files and periods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from expectations.datasets import DATASETS
from scoring.anomalies import AnswerPatterns, answer_patterns
from scoring.burden_indicators import BURDEN_INDICATORS, burden_indicators
from scoring.calibration import Margin, raked_respondents
from scoring.exact import points_decimal
from scoring.frame import Frame, build_frame, decided_exclusions
from scoring.rater_classes import channel_counts
from scoring.scheme import RatingRules, SatisfactionRules, Scheme
from scoring.sums import RAW_SCALE, RatingSums, answer_sums, rating_sums
from scoring.tables import RESULT_TABLES
from scoring.unit_satisfaction import RESPONDENT_KEY, merge_moments, unit_answer_moments
from tasks.burden_inputs import BurdenData, burden_data
from tasks.snapshot import Snapshot, current, days_of, first_and_end, in_force, periods_read
from tasks.workspace import Workspace
from warehouse.releases import read_results

FACT_COLUMNS = ("indicator_id", "org_id", "period_id", "value", "numerator", "denominator")


@dataclass(frozen=True)
class Sums:
    """What scoring reads: sums of ratings and answers, facts by value, and reference rows.

    ``facts`` has the period, its baseline and the years of the latent window (``FACT_COLUMNS``). ``burden`` and
    ``baseline_burden`` are the burden indicators of both. ``organisations`` are those in force on the last
    day; ``frame`` has everybody of the period. ``patterns`` are null when the scheme asks for no flags.
    ``carried_fen`` is the reserve that was left of the period before. ``published`` are the results readers
    see, where nothing but adjustments came since. ``pooled_moments`` add the answers of the periods before to
    ``moments``, ``pooled_periods`` in all; None where none are pooled. ``burden_data`` are the registers of
    burden, None when the scheme does not ask for them.
    """

    ratings: RatingSums
    patterns: AnswerPatterns | None
    channels: pl.DataFrame
    answers: pl.DataFrame
    moments: pl.DataFrame
    facts: pl.DataFrame
    burden: pl.DataFrame
    baseline_burden: pl.DataFrame
    items: pl.DataFrame
    survey_items: pl.DataFrame
    indicators: pl.DataFrame
    organisations: pl.DataFrame
    frame: Frame
    adjustments: pl.DataFrame
    duty_results: pl.DataFrame
    findings: pl.DataFrame
    carried_fen: int = 0
    published: Mapping[str, pl.DataFrame] | None = None
    pooled_moments: pl.DataFrame | None = None
    pooled_periods: int = 1
    burden_data: BurdenData | None = None


def aggregate(workspace: Workspace, snapshot: Snapshot, scheme: Scheme) -> Sums:
    """Sum up a period.

    Args:
        workspace: lake and settings.
        snapshot: the files to read and the Delta versions to read them at.
        scheme: names the baseline period and the latent window, and which results are wanted.
    """
    first_day, end = first_and_end(snapshot.period)
    items = dimension_weighted(current(workspace, snapshot, "instrument_item").collect(), scheme.rating)
    survey_items = _newest_items(items)
    versions = current(workspace, snapshot, "org_unit").collect()
    organisations = in_force(versions, ["org_id"], end)
    adjustments = current(workspace, snapshot, "adjustment", snapshot.period_id).collect()
    frame = build_frame(
        current(workspace, snapshot, "rating_frame", snapshot.period_id).collect(),
        versions,
        current(workspace, snapshot, "rater").collect(),
        period_start=first_day,
        period_end=end,
        exclusions=decided_exclusions(adjustments, period_id=snapshot.period_id),
    )
    ratings = current(workspace, snapshot, "rating_event", snapshot.period_id)
    responses = current(workspace, snapshot, "survey_response", snapshot.period_id)
    before = scheme.unit_points.baseline.of(snapshot.period_id) if scheme.unit_points else None
    moments = _moments(responses, survey_items, scheme)
    return Sums(
        ratings=rating_sums(ratings, items),
        patterns=answer_patterns(ratings, items) if scheme.anomalies else None,
        channels=channel_counts(ratings if "channel" in scheme.rating.effects else ratings.limit(0)),
        answers=answer_sums(responses, survey_items),
        moments=moments,
        pooled_moments=_pooled(workspace, snapshot, moments, survey_items, scheme),
        facts=_facts(workspace, snapshot, periods_read(snapshot.period_id, scheme)),
        burden=_burden(workspace, snapshot, frame, scheme, (first_day, end)),
        baseline_burden=_burden(workspace, snapshot, frame, scheme, days_of(workspace, before)),
        items=items,
        survey_items=survey_items,
        indicators=in_force(current(workspace, snapshot, "indicator").collect(), ["indicator_id"], end),
        organisations=organisations,
        frame=frame,
        adjustments=adjustments,
        duty_results=_duty_results(workspace, snapshot, first_day, end),
        findings=current(workspace, snapshot, "finding")
        .filter((pl.col("found_at") >= first_day) & (pl.col("found_at") < end))
        .collect(),
        carried_fen=snapshot.carried_fen,
        published=_published(workspace, snapshot.adjusts),
        pooled_periods=1 + len(snapshot.pooled),
        burden_data=burden_data(workspace, snapshot, scheme, frame),
    )


def _published(workspace: Workspace, release_id: str | None) -> Mapping[str, pl.DataFrame] | None:
    if release_id is None:
        return None
    return {name: read_results(workspace.engine, release_id, name) for name in RESULT_TABLES}


def dimension_weighted(items: pl.DataFrame, rules: RatingRules) -> pl.DataFrame:
    """Items with the scheme's weight of their dimension, shared equally among its items (method 3.1 A3).

    Only instruments whose scale items all belong to a named dimension are changed.
    """
    if not rules.dimensions:
        return items
    instrument = ["instrument_id", "instrument_version"]
    named = pl.DataFrame(
        {"dimension": list(rules.dimensions), "_share": [int(w * RAW_SCALE) for w in rules.dimensions.values()]},
        schema={"dimension": pl.String, "_share": pl.Int64},
    )
    scaled = pl.col("scale_min").is_not_null()
    rows = items.join(named, on="dimension", how="left", maintain_order="left")
    all_named = (scaled & pl.col("_share").is_null()).any().over(instrument).not_()
    own = pl.col("_share") // scaled.sum().over([*instrument, "dimension"])
    weight = points_decimal(own)
    return rows.with_columns(
        weight=pl.when(scaled & all_named).then(weight).otherwise(pl.col("weight").cast(pl.Decimal(18, 6)))
    ).drop("_share")


def _moments(responses: pl.LazyFrame, survey_items: pl.DataFrame, scheme: Scheme) -> pl.DataFrame:
    """Sums over respondents, with their own weights or raked to the margins of the scheme (method 2.2)."""
    rules = scheme.satisfaction
    if rules is None:
        return unit_answer_moments(responses.limit(0), survey_items)
    weights = _raked(responses, rules) if rules.raking else None
    return unit_answer_moments(responses, survey_items, statistic=rules.statistic.value, weights=weights)


def _pooled(
    workspace: Workspace, snapshot: Snapshot, moments: pl.DataFrame, survey_items: pl.DataFrame, scheme: Scheme
) -> pl.DataFrame | None:
    earlier = [
        _moments(current(workspace, snapshot, "survey_response", period_id), survey_items, scheme)
        for period_id in snapshot.pooled
    ]
    return merge_moments(moments, *earlier) if earlier else None


def _raked(responses: pl.LazyFrame, rules: SatisfactionRules) -> pl.DataFrame:
    respondents = responses.select(RESPONDENT_KEY).unique().select(pl.len()).collect().item()
    if not respondents:
        return responses.select(*RESPONDENT_KEY, "weight").limit(0).collect()
    margins = [
        Margin(each.column, {name: float(share) * respondents for name, share in each.shares.items()})
        for each in rules.raking
    ]
    low, high = float(rules.trim_low.value), float(rules.trim_high.value)
    return raked_respondents(responses, RESPONDENT_KEY, margins, low=low, high=high)


def _burden(
    workspace: Workspace, snapshot: Snapshot, frame: Frame, scheme: Scheme, days: tuple[date, date] | None
) -> pl.DataFrame:
    """Burden indicators of the departments over some days; empty when the composite asks for none."""
    rules = scheme.department_composite
    wanted = set(rules.burden_indicators) & set(BURDEN_INDICATORS) if rules else set()
    rows = current(workspace, snapshot, "burden_fact") if days and wanted else None
    departments = frame.assessed.filter(pl.col("role") == "assessed_department")
    if rows is None or days is None:
        nothing = pl.LazyFrame(schema=DATASETS["burden_fact"].stored_schema)
        return burden_indicators(nothing, departments.clear(), n_bearers=0)
    within = rows.filter((pl.col("start_date") >= days[0]) & (pl.col("start_date") < days[1]))
    return burden_indicators(within, departments, n_bearers=frame.units.height)


def _duty_results(workspace: Workspace, snapshot: Snapshot, first_day: date, end: date) -> pl.DataFrame:
    """Duty items of units as verified by outcome within the period: org_id, duty_id, fulfilled.

    A verification of dataset ``duty_item`` names ``org_id`` and ``duty_id`` in its key; of several the last
    one counts. What could not be verified is missing, not unfulfilled.
    """
    key = pl.col("fact_key").str.json_path_match
    rows = (
        current(workspace, snapshot, "verification_fact")
        .filter((pl.col("dataset") == "duty_item") & (pl.col("verified_at") >= first_day))
        .filter(pl.col("verified_at") < end)
        .select("verification_id", "verified_at", "outcome", org_id=key("$.org_id"), duty_id=key("$.duty_id"))
        .drop_nulls(["org_id", "duty_id"])
        .collect()
        .sort("verified_at", "verification_id", descending=True)
        .unique(["org_id", "duty_id"], keep="first", maintain_order=True)
    )
    fulfilled = pl.when(pl.col("outcome") != "not_verifiable").then(pl.col("outcome") == "confirmed")
    return rows.select("org_id", "duty_id", fulfilled=fulfilled).sort("org_id", "duty_id")


def _newest_items(items: pl.DataFrame) -> pl.DataFrame:
    """Survey answers name no version of their instrument: the newest one describes its items."""
    # Versions are text: "10" is newer than "9" because it is longer.
    ordered = items.with_columns(_length=pl.col("instrument_version").str.len_chars()).sort(
        "instrument_id", "_length", "instrument_version"
    )
    newest = ordered.unique("instrument_id", keep="last").select("instrument_id", "instrument_version")
    return items.join(newest, on=["instrument_id", "instrument_version"], how="semi")


def _facts(workspace: Workspace, snapshot: Snapshot, period_ids: Sequence[str]) -> pl.DataFrame:
    """One value per indicator, organisation and period, with what it was counted from.

    Two register keepers may report one indicator; the value as of the later day counts, then the
    keeper whose id sorts first.
    """
    parts = [current(workspace, snapshot, "performance_fact", period_id) for period_id in period_ids]
    ordered = pl.concat(parts).sort("as_of", "source_org_id", descending=[True, False])
    return (
        ordered.unique(["indicator_id", "org_id", "period_id"], keep="first", maintain_order=True)
        .select(FACT_COLUMNS)
        .collect()
    )
