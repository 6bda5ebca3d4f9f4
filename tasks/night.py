"""The night: bring everything that is due up to date.

The order of the steps stands here once. ``flows`` runs the same steps as Prefect tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from expectations.import_ahead import import_ahead
from scoring.scheme import Scheme
from tasks.aggregate import Sums, aggregate
from tasks.audit import Audit, audit
from tasks.ingest import (
    Progress,
    Ready,
    Taken,
    check_and_load_files,
    no_progress,
    read_files,
    recover,
    take_files,
    waves,
)
from tasks.land import Delivery, find_deliveries
from tasks.load import Answer
from tasks.release import Released, Verification, draft, publish_verified, release, verify_release
from tasks.score import Scored, scheme_for, score
from tasks.snapshot import Snapshot, take_snapshot
from tasks.workspace import Workspace
from warehouse.crash_points import crash_point
from warehouse.ledger import files_in_state, periods
from warehouse.locks import hold_lock
from warehouse.owners import utc_now
from warehouse.releases import latest_release
from warehouse.runs import finish_run, heartbeat, start_run, sweep_dead_runs

RUN_LOCK = "run"


class UnknownPeriodError(Exception):
    """A period is named that was never delivered."""

    def __init__(self, period_id: str) -> None:
        super().__init__(
            f"{period_id}: 没有这个考核期，请先报送 period 表 / there is no such period: deliver it in `period` first"
        )


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
    draft: Callable[[Workspace, Snapshot, Scheme, Scored, Audit], Released] = draft
    verify: Callable[[Workspace, str], Verification] = verify_release


@dataclass(frozen=True)
class NightReport:
    """What a run did, and which held files and unsigned releases wait for people."""

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
    import_ahead()
    taken, known = steps.land(workspace, deliveries, progress)
    heartbeat(workspace.engine, workspace.run_id, workspace.settings.lease_seconds)
    ready, refused = steps.read(workspace, [*left, *taken], progress)
    answers = [*answers, *known, *refused]
    for wave in waves(ready):
        answers += steps.check_and_load(workspace, wave, progress)
        heartbeat(workspace.engine, workspace.run_id, workspace.settings.lease_seconds)
    return answers


def due_periods(workspace: Workspace) -> list[tuple[Mapping[str, Any], Scheme]]:
    """Periods to score: cutoff passed, something delivered, no history, and other inputs than at the last scoring."""
    due: list[tuple[Mapping[str, Any], Scheme]] = []
    for period in periods(workspace.engine):
        if period["cutoff_at"] > workspace.moment() or _is_history(period):
            continue
        scheme = scheme_for(workspace.settings, period)
        snapshot = take_snapshot(workspace, period, scheme)
        # A period nothing was delivered for stays open: publishing it empty would make all that comes late.
        if snapshot.has_observations and snapshot.input_hash(scheme) != period["checked_input_hash"]:
            due.append((period, scheme))
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
    return _score_all(workspace, due, steps, steps.release, progress)


def recompute(
    workspace: Workspace, period_ids: Sequence[str], steps: Steps | None = None, progress: Progress = no_progress
) -> list[Released]:
    """Score the named periods again from what is loaded now, oldest first, as drafts: nothing is published.

    Raises:
        UnknownPeriodError: a period was never delivered; then none is recomputed.
    """
    steps = steps or Steps()
    named = [(period, scheme_for(workspace.settings, period)) for period in _named(workspace, period_ids)]
    return _score_all(workspace, named, steps, steps.draft, progress)


def _named(workspace: Workspace, period_ids: Sequence[str]) -> list[dict[str, Any]]:
    known = periods(workspace.engine)
    for period_id in period_ids:
        if period_id not in {period["period_id"] for period in known}:
            raise UnknownPeriodError(period_id)
    return [period for period in known if period["period_id"] in set(period_ids)]


def periods_between(workspace: Workspace, first: str, last: str | None = None) -> list[str]:
    """Periods of the kind of ``first`` from its start to the end of ``last``, oldest first; one without ``last``.

    Raises:
        UnknownPeriodError: either was never delivered.
    """
    start, end = (_named(workspace, [period_id])[0] for period_id in (first, last or first))
    return [
        str(period["period_id"])
        for period in periods(workspace.engine)
        if period["kind"] == start["kind"]
        and start["start_date"] <= period["start_date"]
        and period["end_date"] <= end["end_date"]
    ]


def _score_all(
    workspace: Workspace, chosen: Sequence[tuple[Mapping[str, Any], Scheme]], steps: Steps,
    finish: Callable[[Workspace, Snapshot, Scheme, Scored, Audit], Released], progress: Progress,
) -> list[Released]:  # fmt: skip
    """Aggregate, score and audit each period, and finish it as a release or as a draft."""
    released = []
    for number, (period, scheme) in enumerate(chosen, start=1):
        # Taken only now: what the period before left in its reserve is known once that one is released.
        snapshot = take_snapshot(workspace, period, scheme)
        sums = steps.aggregate(workspace, snapshot, scheme)
        scored = steps.score(sums, scheme, str(period["period_id"]))
        crash_point("scored")
        released.append(finish(workspace, snapshot, scheme, scored, steps.audit(scored.results)))
        heartbeat(workspace.engine, workspace.run_id, workspace.settings.lease_seconds)
        progress("score and release", number, len(chosen))
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
    """Take files and bring due periods up to date, as asked, as one recorded run.

    Raises:
        LockedByAnotherRunError: another run is at work.
    """
    settings = workspace.settings

    def work() -> tuple[list[Answer], list[Released]]:
        taken = deliveries
        if from_inbox:
            looked_at = max(workspace.moment(), utc_now())  # a night run for an earlier day still takes today's files
            taken = find_deliveries(settings.inbox, looked_at, settings.quiet_seconds)
        answers = ingest(workspace, taken, steps, progress)
        return answers, bring_up_to_date(workspace, steps, progress) if scores else []

    return _recorded(workspace, kind, work)


def backfill(
    workspace: Workspace, first: str, last: str | None, steps: Steps | None = None, progress: Progress = no_progress
) -> NightReport:
    """Recompute a range of periods as drafts, as one recorded run; see ``periods_between`` and ``recompute``.

    Raises:
        LockedByAnotherRunError: another run is at work.
        UnknownPeriodError: a period was never delivered.
    """
    return _recorded(
        workspace,
        "backfill",
        lambda: ([], recompute(workspace, periods_between(workspace, first, last), steps, progress)),
    )


def verify_and_publish(
    workspace: Workspace, release_id: str, steps: Steps | None = None, *, publishes: bool
) -> NightReport:
    """Recompute a release from the lake and, when asked and nothing differs, publish it, as one recorded run.

    Raises:
        LockedByAnotherRunError: another run is at work.
        ReleaseStateError: there is no such release, it does not verify, or it may not be published.
    """
    steps = steps or Steps()
    return _recorded(
        workspace,
        "release",
        lambda: ([], [publish_verified(workspace, steps.verify(workspace, release_id), publishes=publishes)]),
    )


def _recorded(workspace: Workspace, kind: str, work: Callable[[], tuple[list[Answer], list[Released]]]) -> NightReport:
    """Hold the run lock, do the work, and record how it ended."""
    with hold_lock(workspace.engine, RUN_LOCK, workspace.settings.lease_seconds, workspace.run_id):
        sweep_dead_runs(workspace.engine)
        start_run(workspace.engine, workspace.run_id, kind)
        try:
            answers, released = work()
        except BaseException:
            finish_run(workspace.engine, workspace.run_id, "failed", {})
            raise
        report = NightReport(workspace.run_id, tuple(answers), tuple(released), _waiting(workspace))
        finish_run(workspace.engine, workspace.run_id, "succeeded", report.document())
    return report


def _waiting(workspace: Workspace) -> tuple[str, ...]:
    """Held files by submitter and name, then each period's newest release that is not yet published."""
    held = [f"{row['submitter_org_id']}/{row['name']}" for row in files_in_state(workspace.engine, ["held"])]
    newest = [latest_release(workspace.engine, period["period_id"]) for period in periods(workspace.engine)]
    unsigned = [row["release_id"] for row in newest if row and row["state"] in ("draft", "audited", "signed")]
    return (*held, *unsigned)
