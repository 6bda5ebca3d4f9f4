"""The night: bring everything that is due up to date.

The order of the steps stands here once. ``flows`` runs the same steps as Prefect tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from scoring.scheme import Scheme
from tasks.aggregate import Snapshot, Sums, aggregate, take_snapshot
from tasks.audit import Audit, audit
from tasks.ingest import (
    Progress,
    Ready,
    Taken,
    check_and_load_files,
    import_ahead,
    no_progress,
    read_files,
    recover,
    take_files,
    waves,
)
from tasks.land import Delivery, find_deliveries
from tasks.load import Answer
from tasks.release import Released, release
from tasks.score import Scored, scheme_for, score
from tasks.workspace import Workspace
from warehouse.crash_points import crash_point
from warehouse.ledger import periods
from warehouse.locks import hold_lock
from warehouse.runs import finish_run, heartbeat, start_run, sweep_dead_runs

RUN_LOCK = "run"


@dataclass(frozen=True)
class Steps:
    """The steps of a night as callables, so that a scheduler can wrap each of them."""

    recover: Callable[[Workspace], tuple[list[Taken], list[Answer]]] = recover
    land: Callable[[Workspace, Sequence[Delivery], Progress], tuple[list[Taken], list[Answer]]] = take_files
    read: Callable[[Workspace, Sequence[Taken], Progress], tuple[list[Ready], list[Answer]]] = read_files
    check_and_load: Callable[[Workspace, Sequence[Ready], Progress], list[Answer]] = check_and_load_files
    aggregate: Callable[[Workspace, Snapshot, Scheme], Sums] = aggregate
    score: Callable[[Sums, Scheme, str], Scored] = score
    audit: Callable[[Mapping[str, Any]], Audit] = audit
    release: Callable[[Workspace, Snapshot, Scheme, Scored, Audit], Released] = release


@dataclass(frozen=True)
class NightReport:
    """What a run did."""

    run_id: str
    answers: tuple[Answer, ...] = ()
    released: tuple[Released, ...] = ()
    waiting: tuple[str, ...] = field(default=())

    def document(self) -> dict[str, Any]:
        """The report as JSON-able data."""
        return asdict(self)


def ingest(
    workspace: Workspace, deliveries: Sequence[Delivery], steps: Steps | None = None, progress: Progress = no_progress
) -> list[Answer]:
    """Take a batch of files, after finishing what a dead run left behind.

    Raises:
        LockedByAnotherRunError: another run is at work.
    """
    steps = steps or Steps()
    left, answers = steps.recover(workspace)
    if not left and not deliveries:
        return answers
    importing = import_ahead()
    taken, known = steps.land(workspace, deliveries, progress)
    heartbeat(workspace.engine, workspace.run_id)
    ready, refused = steps.read(workspace, [*left, *taken], progress)
    answers = [*answers, *known, *refused]
    importing.join()  # two threads importing it at once would see it half-made
    for wave in waves(ready):
        answers += steps.check_and_load(workspace, wave, progress)
        heartbeat(workspace.engine, workspace.run_id)
    return answers


def due_periods(workspace: Workspace) -> list[tuple[Mapping[str, Any], Scheme, Snapshot]]:
    """Periods to score: cutoff passed, not delivered as history, and inputs other than at the last scoring."""
    due: list[tuple[Mapping[str, Any], Scheme, Snapshot]] = []
    for period in periods(workspace.engine):
        if period["cutoff_at"] > workspace.moment() or _is_history(period):
            continue
        scheme = scheme_for(workspace.settings, period)
        snapshot = take_snapshot(workspace, period, scheme)
        if snapshot.input_hash(scheme) != period["checked_input_hash"]:
            due.append((period, scheme, snapshot))
    return due


def _is_history(period: Mapping[str, Any]) -> bool:
    """Delivered as published, never scored here: it serves as a baseline only."""
    return period["status"] == "published" and period["checked_input_hash"] is None


def bring_up_to_date(
    workspace: Workspace, steps: Steps | None = None, progress: Progress = no_progress
) -> list[Released]:
    """Score and release every due period, oldest first."""
    steps = steps or Steps()
    due = due_periods(workspace)
    released = []
    for number, (period, scheme, snapshot) in enumerate(due, start=1):
        sums = steps.aggregate(workspace, snapshot, scheme)
        scored = steps.score(sums, scheme, str(period["period_id"]))
        crash_point("scored")
        released.append(steps.release(workspace, snapshot, scheme, scored, steps.audit(scored.results)))
        heartbeat(workspace.engine, workspace.run_id)
        progress("score and release", number, len(due))
    return released


def night(workspace: Workspace, steps: Steps | None = None, progress: Progress = no_progress) -> NightReport:
    """One nightly run: take the inbox, then bring every due period up to date.

    Raises:
        LockedByAnotherRunError: another run is at work.
    """
    return run(workspace, "nightly", steps, progress, from_inbox=True, deliveries=(), scores=True)


def run(
    workspace: Workspace, kind: str, steps: Steps | None, progress: Progress, *, from_inbox: bool,
    deliveries: Sequence[Delivery], scores: bool,
) -> NightReport:  # fmt: skip
    """Hold the run lock, do the work, and record how it ended."""
    settings = workspace.settings
    with hold_lock(workspace.engine, RUN_LOCK, settings.lease_seconds, workspace.run_id):
        sweep_dead_runs(workspace.engine)
        start_run(workspace.engine, workspace.run_id, kind)
        try:
            if from_inbox:
                deliveries = find_deliveries(settings.inbox, workspace.moment(), settings.quiet_seconds)
            answers = ingest(workspace, deliveries, steps, progress)
            released = bring_up_to_date(workspace, steps, progress) if scores else []
        except BaseException:
            finish_run(workspace.engine, workspace.run_id, "failed", {})
            raise
        report = NightReport(workspace.run_id, tuple(answers), tuple(released))
        finish_run(workspace.engine, workspace.run_id, "succeeded", report.document())
    return report
