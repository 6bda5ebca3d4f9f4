"""Aggregate: the current view of a period becomes integer sums, the only thing scoring reads.

One streaming pass per dataset; the sums add up over files and periods.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from expectations.datasets import DATASETS
from scoring.anomalies import AnswerPatterns, answer_patterns
from scoring.bonus_pool import carried_reserve
from scoring.burden_indicators import BURDEN_INDICATORS, burden_indicators
from scoring.calibration import Margin, raked_respondents
from scoring.exact import points_decimal
from scoring.frame import Frame, build_frame, decided_exclusions
from scoring.rater_classes import channel_counts
from scoring.scheme import RatingRules, SatisfactionRules, Scheme, scheme_hash
from scoring.sums import RAW_SCALE, RatingSums, answer_sums, rating_sums
from scoring.tables import RESULT_TABLES
from scoring.unit_satisfaction import RESPONDENT_KEY, merge_moments, unit_answer_moments
from tasks.workspace import Workspace
from warehouse.current_view import current_rows
from warehouse.ledger import LoadedFile, loaded_files, periods
from warehouse.owners import as_utc
from warehouse.releases import canonical_json, published_release, read_results, sha256_text
from warehouse.software import source_hash

OBSERVED_DATASETS = ("rating_event", "survey_response", "performance_fact")
"""A period nothing of these was delivered for has not been observed."""

PERIOD_DATASETS = (*OBSERVED_DATASETS, "rating_frame", "adjustment")
REFERENCE_DATASETS = (
    "org_unit",
    "instrument_item",
    "indicator",
    "rater",
    "verification_fact",
    "burden_fact",
    "finding",
)
_YEAR = re.compile(r"^\d{4}")
FACT_COLUMNS = ("indicator_id", "org_id", "period_id", "value", "numerator", "denominator")


@dataclass(frozen=True)
class Snapshot:
    """Exactly what a period is scored from: files by dataset, Delta versions and the reading of late rows.

    ``carried_fen`` is the reserve left of the bonus pools of the period before. ``adjusts`` is the published
    release from which the inputs differ in adjustments alone, None when they differ in anything else.
    ``pooled`` are the periods before whose answers count for units with few respondents.
    """

    period: Mapping[str, Any]
    files: Mapping[str, tuple[LoadedFile, ...]]
    versions: Mapping[str, int | None]
    carried_fen: int = 0
    adjusts: str | None = None
    pooled: tuple[str, ...] = ()

    @property
    def period_id(self) -> str:
        """The period."""
        return str(self.period["period_id"])

    @property
    def has_observations(self) -> bool:
        """Whether any rating, answer or fact of the period itself was loaded."""
        return any(self.period_id in file.periods for name in OBSERVED_DATASETS for file in self.files[name])

    def inputs(self) -> list[dict[str, str]]:
        """Inputs as a manifest lists them."""
        return sorted(
            ({"dataset": name, "sha256": file.sha256} for name, files in self.files.items() for file in files),
            key=lambda entry: (entry["dataset"], entry["sha256"]),
        )

    def input_hash(self, scheme: Scheme) -> str:
        """Hash of everything that decides the result: inputs, scheme, code, late rows counted."""
        return sha256_text(
            canonical_json(
                {
                    "inputs": self.inputs(),
                    "scheme": scheme_hash(scheme),
                    "code": source_hash("scoring"),
                    "late_counted_until": self.period.get("late_counted_until"),
                    "carried_fen": self.carried_fen,
                    "pooled": list(self.pooled),
                }
            )
        )


@dataclass(frozen=True)
class Sums:
    """What scoring reads: sums of ratings and answers, facts by value, and reference rows.

    ``facts`` has the period, its baseline and the years of the latent window (``FACT_COLUMNS``). ``burden`` and
    ``baseline_burden`` are the burden indicators of both. ``organisations`` are those in force on the last
    day; ``frame`` has everybody of the period. ``patterns`` are null when the scheme asks for no flags.
    ``carried_fen`` is the reserve that was left of the period before. ``published`` are the results readers
    see, where nothing but adjustments came since. ``pooled_moments`` add the answers of the periods before to
    ``moments``, ``pooled_periods`` in all; None where none are pooled.
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


def periods_read(period_id: str, scheme: Scheme) -> tuple[str, ...]:
    """The period, its baseline and the earlier years of the latent window, without repeats."""
    before = scheme.unit_points.baseline.of(period_id) if scheme.unit_points else None
    return tuple(dict.fromkeys([period_id, *([before] if before else []), *latent_window(period_id, scheme)]))


def latent_window(period_id: str, scheme: Scheme) -> tuple[str, ...]:
    """Periods of the latent window, oldest first; empty without the section or for a period without a year."""
    year = _YEAR.match(period_id)
    if scheme.latent is None or year is None:
        return ()
    years = len(scheme.latent.window_weights)
    return tuple(f"{int(year.group()) - back:04d}{period_id[4:]}" for back in reversed(range(years)))


def take_snapshot(workspace: Workspace, period: Mapping[str, Any], scheme: Scheme) -> Snapshot:
    """The loaded files a period's result depends on, as they are now."""
    pooled = _periods_before(workspace, period, _pooled_periods(scheme) - 1)
    wanted = set(periods_read(str(period["period_id"]), scheme))
    is_late = _late_for(workspace, period)
    files: dict[str, tuple[LoadedFile, ...]] = {}
    for name in (*PERIOD_DATASETS, *REFERENCE_DATASETS):
        found = loaded_files(workspace.engine, name)
        if DATASETS[name].partition_by:
            # Of the pooled periods only the answers are read.
            read = {*wanted, *pooled} if name == "survey_response" else wanted
            found = [file for file in found if set(file.periods) & read and not is_late(file)]
        files[name] = tuple(found)
    carried = _carried(workspace, period) if scheme.bonus else 0
    snapshot = Snapshot(period, files, {name: workspace.lake.version(name) for name in files}, carried, pooled=pooled)
    return replace(snapshot, adjusts=_adjusted_release(workspace, snapshot, scheme))


def _late_for(workspace: Workspace, period: Mapping[str, Any]) -> Callable[[LoadedFile], bool]:
    """Whether a file is about a published period alone and came too late to count until somebody reopens it.

    Its rows are not read either way; left out here, they do not make the period due again.
    """
    period_id = str(period["period_id"])
    published = published_release(workspace.engine, period_id) if period["status"] == "published" else None
    if published is None:
        return lambda _: False
    counted = [as_utc(moment) for moment in (published["published_at"], period["late_counted_until"]) if moment]
    return lambda file: set(file.periods) == {period_id} and as_utc(file.recorded_at) > max(counted)


def _pooled_periods(scheme: Scheme) -> int:
    """How many periods are pooled for units with few respondents (method 3.6 F2); 1 where nothing is."""
    return scheme.tiers.pooled_periods.number if scheme.tiers and scheme.satisfaction else 1


def _periods_before(workspace: Workspace, period: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """So many periods of the same kind, each ending where the next begins, newest first."""
    by_end = {row["end_date"]: row for row in periods(workspace.engine) if row["kind"] == period["kind"]}
    found: list[str] = []
    current: Mapping[str, Any] | None = period
    while len(found) < count and (current := by_end.get(current["start_date"] if current else "")) is not None:
        found.append(str(current["period_id"]))
    return tuple(found)


def _carried(workspace: Workspace, period: Mapping[str, Any]) -> int:
    """Reserve left in the published pools of the period of the same kind that ended when this one began.

    Once a period is published, what was carried into it stays, whatever an appeal takes from the earlier reserve.
    """
    own = published_release(workspace.engine, str(period["period_id"]))
    if own is not None:
        return int(json.loads(own["manifest"]).get("carried_fen", 0))
    before = _periods_before(workspace, period, 1)
    published = published_release(workspace.engine, before[0]) if before else None
    if published is None:
        return 0
    return carried_reserve(read_results(workspace.engine, published["release_id"], "bonus_pool"))


def _adjusted_release(workspace: Workspace, snapshot: Snapshot, scheme: Scheme) -> str | None:
    """The published release of the period, when scheme, code and all inputs but the adjustments are the same."""
    published = published_release(workspace.engine, snapshot.period_id)
    if published is None:
        return None
    manifest = json.loads(published["manifest"])
    same = (
        manifest["scheme_hash"] == scheme_hash(scheme)
        and manifest["software"]["scoring"] == source_hash("scoring")
        and manifest.get("carried_fen", 0) == snapshot.carried_fen
        and _without_adjustments(manifest["inputs"]) == _without_adjustments(snapshot.inputs())
    )
    return str(published["release_id"]) if same else None


def _without_adjustments(inputs: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    return [entry for entry in inputs if entry["dataset"] != "adjustment"]


def aggregate(workspace: Workspace, snapshot: Snapshot, scheme: Scheme) -> Sums:
    """Sum up a period.

    Args:
        workspace: lake and settings.
        snapshot: the files to read and the Delta versions to read them at.
        scheme: names the baseline period and the latent window, and which results are wanted.
    """
    first_day, end = _first_and_end(snapshot.period)
    items = dimension_weighted(_rows(workspace, snapshot, "instrument_item").collect(), scheme.rating)
    survey_items = _newest_items(items)
    versions = _rows(workspace, snapshot, "org_unit").collect()
    organisations = _in_force(versions, ["org_id"], end)
    adjustments = _rows(workspace, snapshot, "adjustment", snapshot.period_id).collect()
    frame = build_frame(
        _rows(workspace, snapshot, "rating_frame", snapshot.period_id).collect(),
        versions,
        _rows(workspace, snapshot, "rater").collect(),
        period_start=first_day,
        period_end=end,
        exclusions=decided_exclusions(adjustments, period_id=snapshot.period_id),
    )
    ratings = _rows(workspace, snapshot, "rating_event", snapshot.period_id)
    responses = _rows(workspace, snapshot, "survey_response", snapshot.period_id)
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
        baseline_burden=_burden(workspace, snapshot, frame, scheme, _days(workspace, before)),
        items=items,
        survey_items=survey_items,
        indicators=_in_force(_rows(workspace, snapshot, "indicator").collect(), ["indicator_id"], end),
        organisations=organisations,
        frame=frame,
        adjustments=adjustments,
        duty_results=_duty_results(workspace, snapshot, first_day, end),
        findings=_rows(workspace, snapshot, "finding")
        .filter((pl.col("found_at") >= first_day) & (pl.col("found_at") < end))
        .collect(),
        carried_fen=snapshot.carried_fen,
        published=_published(workspace, snapshot.adjusts),
        pooled_periods=1 + len(snapshot.pooled),
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
        _moments(_rows(workspace, snapshot, "survey_response", period_id), survey_items, scheme)
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
    rows = _rows(workspace, snapshot, "burden_fact") if days and wanted else None
    departments = frame.assessed.filter(pl.col("role") == "assessed_department")
    if rows is None or days is None:
        nothing = pl.LazyFrame(schema=DATASETS["burden_fact"].stored_schema)
        return burden_indicators(nothing, departments.clear(), n_bearers=0)
    within = rows.filter((pl.col("start_date") >= days[0]) & (pl.col("start_date") < days[1]))
    return burden_indicators(within, departments, n_bearers=frame.units.height)


def _days(workspace: Workspace, period_id: str | None) -> tuple[date, date] | None:
    """First day of a period and first day after it; None when it is not known."""
    found = [row for row in periods(workspace.engine) if row["period_id"] == period_id]
    return _first_and_end(found[0]) if found else None


def _first_and_end(period: Mapping[str, Any]) -> tuple[date, date]:
    return date.fromisoformat(str(period["start_date"])), date.fromisoformat(str(period["end_date"]))


def _duty_results(workspace: Workspace, snapshot: Snapshot, first_day: date, end: date) -> pl.DataFrame:
    """Duty items of units as verified by outcome within the period: org_id, duty_id, fulfilled.

    A verification of dataset ``duty_item`` names ``org_id`` and ``duty_id`` in its key; of several the last
    one counts. What could not be verified is missing, not unfulfilled.
    """
    key = pl.col("fact_key").str.json_path_match
    rows = (
        _rows(workspace, snapshot, "verification_fact")
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


def _rows(workspace: Workspace, snapshot: Snapshot, name: str, period_id: str | None = None) -> pl.LazyFrame:
    dataset = DATASETS[name]
    return current_rows(
        workspace.lake,
        dataset,
        snapshot.files[name],
        periods=None if period_id is None else [period_id],
        late_until=snapshot.period.get("late_counted_until"),
        version=snapshot.versions[name],
    ).select(list(dataset.stored_schema))


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
    parts = [_rows(workspace, snapshot, "performance_fact", period_id) for period_id in period_ids]
    ordered = pl.concat(parts).sort("as_of", "source_org_id", descending=[True, False])
    return (
        ordered.unique(["indicator_id", "org_id", "period_id"], keep="first", maintain_order=True)
        .select(FACT_COLUMNS)
        .collect()
    )


def _in_force(rows: pl.DataFrame, key: list[str], end: date) -> pl.DataFrame:
    """The version of each subject in force on the last day of the period, or the last one before."""
    begun = rows.filter(pl.col("valid_from") < end)
    return begun.sort("valid_from", descending=True).unique(key, keep="first", maintain_order=True).sort(key)
