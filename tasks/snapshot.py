"""Snapshot: exactly what a period is scored from, and its rows as they were then."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from expectations.datasets import DATASETS
from scoring.bonus_pool import carried_reserve
from scoring.scheme import Scheme, scheme_hash
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
    "duty_item",
    "task_admission",
    "resource_grant",
    "form_field",
    "finding",
)
HISTORY_PERIODS = 12
"""Earlier periods of the same kind whose facts show what is repeated or jumps (docs/burden.md part 8)."""

_YEAR = re.compile(r"^\d{4}")


@dataclass(frozen=True)
class Snapshot:
    """Exactly what a period is scored from: files by dataset, Delta versions and the reading of late rows.

    ``carried_fen`` is the reserve left of the bonus pools of the period before. ``adjusts`` is the published
    release from which the inputs differ in adjustments alone, None when they differ in anything else.
    ``pooled`` are the periods before whose answers count for units with few respondents; ``history`` those whose
    facts the burden watch compares with, newest first.
    """

    period: Mapping[str, Any]
    files: Mapping[str, tuple[LoadedFile, ...]]
    versions: Mapping[str, int | None]
    carried_fen: int = 0
    adjusts: str | None = None
    pooled: tuple[str, ...] = ()
    history: tuple[str, ...] = ()

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
                    "history": list(self.history),
                }
            )
        )


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
    history = _periods_before(workspace, period, HISTORY_PERIODS if scheme.burden else 0)
    wanted = set(periods_read(str(period["period_id"]), scheme))
    # Of the periods of the history only the facts are read, of the pooled ones only the answers.
    more = {"survey_response": set(pooled), "performance_fact": set(history)}
    is_late = _late_for(workspace, period)
    files: dict[str, tuple[LoadedFile, ...]] = {}
    for name in (*PERIOD_DATASETS, *REFERENCE_DATASETS):
        found = [file for file in loaded_files(workspace.engine, name) if not is_late(file)]
        if DATASETS[name].partition_by:
            read = wanted | more.get(name, set())
            found = [file for file in found if set(file.periods) & read]
        files[name] = tuple(found)
    carried = _carried(workspace, period) if scheme.bonus else 0
    versions = {name: workspace.lake.version(name) for name in files}
    snapshot = Snapshot(period, files, versions, carried, pooled=pooled, history=history)
    return replace(snapshot, adjusts=_adjusted_release(workspace, snapshot, scheme))


def _late_for(workspace: Workspace, period: Mapping[str, Any]) -> Callable[[LoadedFile], bool]:
    """Whether a file came after the period was published, or after it was last reopened.

    What is published is made of what was there then, registers included: nothing that comes later makes the
    period due again until somebody reopens it.
    """
    period_id = str(period["period_id"])
    published = published_release(workspace.engine, period_id) if period["status"] == "published" else None
    if published is None:
        return lambda _: False
    counted = [as_utc(moment) for moment in (published["published_at"], period["late_counted_until"]) if moment]
    return lambda file: as_utc(file.recorded_at) > max(counted)


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


def days_of(workspace: Workspace, period_id: str | None) -> tuple[date, date] | None:
    """First day of a period and first day after it; None when it is not known."""
    found = [row for row in periods(workspace.engine) if row["period_id"] == period_id]
    return first_and_end(found[0]) if found else None


def first_and_end(period: Mapping[str, Any]) -> tuple[date, date]:
    """First day of a period and first day after it."""
    return date.fromisoformat(str(period["start_date"])), date.fromisoformat(str(period["end_date"]))


def current(workspace: Workspace, snapshot: Snapshot, name: str, period_id: str | None = None) -> pl.LazyFrame:
    """Current rows of a dataset as of the snapshot, of one period where it is partitioned."""
    dataset = DATASETS[name]
    return current_rows(
        workspace.lake,
        dataset,
        snapshot.files[name],
        periods=None if period_id is None else [period_id],
        late_until=snapshot.period.get("late_counted_until"),
        version=snapshot.versions[name],
    ).select(list(dataset.stored_schema))


def in_force(rows: pl.DataFrame, key: list[str], end: date) -> pl.DataFrame:
    """The version of each subject in force on the last day of the period, or the last one before."""
    begun = rows.filter(pl.col("valid_from") < end)
    return begun.sort("valid_from", descending=True).unique(key, keep="first", maintain_order=True).sort(key)
