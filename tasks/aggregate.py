"""Aggregate: the current view of a period becomes integer sums, the only thing scoring reads.

One streaming pass per dataset; the sums add up over files and periods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from expectations.datasets import DATASETS
from scoring.scheme import Scheme, scheme_hash
from scoring.sums import RatingSums, answer_sums, rating_sums
from tasks.workspace import Workspace
from warehouse.current_view import current_rows
from warehouse.ledger import LoadedFile, loaded_files
from warehouse.releases import canonical_json, sha256_text
from warehouse.software import source_hash

SCORED_DATASETS = ("rating_event", "survey_response", "performance_fact")
REFERENCE_DATASETS = ("org_unit", "instrument_item", "indicator")


@dataclass(frozen=True)
class Snapshot:
    """Exactly what a period is scored from: files by dataset, Delta versions and the reading of late rows."""

    period: Mapping[str, Any]
    files: Mapping[str, tuple[LoadedFile, ...]]
    versions: Mapping[str, int | None]

    @property
    def period_id(self) -> str:
        """The period."""
        return str(self.period["period_id"])

    @property
    def has_observations(self) -> bool:
        """Whether any rating, answer or fact of the period itself was loaded."""
        return any(self.period_id in file.periods for name in SCORED_DATASETS for file in self.files[name])

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
                }
            )
        )


@dataclass(frozen=True)
class Sums:
    """What scoring reads: sums of ratings and answers, facts by value, and reference rows in force."""

    ratings: RatingSums
    answers: pl.DataFrame
    facts: pl.DataFrame
    baseline_facts: pl.DataFrame
    items: pl.DataFrame
    survey_items: pl.DataFrame
    indicators: pl.DataFrame
    organisations: pl.DataFrame


def take_snapshot(workspace: Workspace, period: Mapping[str, Any], scheme: Scheme) -> Snapshot:
    """The loaded files a period's result depends on, as they are now."""
    wanted = {str(period["period_id"])}
    if scheme.unit_points is not None and (before := scheme.unit_points.baseline.of(str(period["period_id"]))):
        wanted.add(before)
    files: dict[str, tuple[LoadedFile, ...]] = {}
    for name in (*SCORED_DATASETS, *REFERENCE_DATASETS):
        found = loaded_files(workspace.engine, name)
        if DATASETS[name].partition_by:
            found = [file for file in found if set(file.periods) & wanted]
        files[name] = tuple(found)
    return Snapshot(period, files, {name: workspace.lake.version(name) for name in files})


def aggregate(workspace: Workspace, snapshot: Snapshot, scheme: Scheme) -> Sums:
    """Sum up a period.

    Args:
        workspace: lake and settings.
        snapshot: the files to read and the Delta versions to read them at.
        scheme: names the baseline period of performance facts.
    """
    last_day = date.fromisoformat(str(snapshot.period["end_date"]))
    items = _rows(workspace, snapshot, "instrument_item").collect()
    survey_items = _newest_items(items)
    before = scheme.unit_points.baseline.of(snapshot.period_id) if scheme.unit_points else None
    return Sums(
        ratings=rating_sums(_rows(workspace, snapshot, "rating_event", snapshot.period_id), items),
        answers=answer_sums(_rows(workspace, snapshot, "survey_response", snapshot.period_id), survey_items),
        facts=_facts(workspace, snapshot, snapshot.period_id),
        baseline_facts=_facts(workspace, snapshot, before),
        items=items,
        survey_items=survey_items,
        indicators=_in_force(_rows(workspace, snapshot, "indicator").collect(), ["indicator_id"], last_day),
        organisations=_in_force(_rows(workspace, snapshot, "org_unit").collect(), ["org_id"], last_day),
    )


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


def _facts(workspace: Workspace, snapshot: Snapshot, period_id: str | None) -> pl.DataFrame:
    """One value per indicator and organisation.

    Two register keepers may report one indicator; the value as of the later day counts, then the
    keeper whose id sorts first.
    """
    rows = _rows(workspace, snapshot, "performance_fact", period_id or "-")
    ordered = rows.sort("as_of", "source_org_id", descending=[True, False])
    return (
        ordered.unique(["indicator_id", "org_id"], keep="first", maintain_order=True)
        .select("indicator_id", "org_id", "value")
        .collect()
    )


def _in_force(rows: pl.DataFrame, key: list[str], end: date) -> pl.DataFrame:
    """The version of each subject in force on the last day of the period, or the last one before."""
    begun = rows.filter(pl.col("valid_from") < end)
    return begun.sort("valid_from", descending=True).unique(key, keep="first", maintain_order=True).sort(key)
