"""Release: results of a period become an immutable release, and are published when the scheme allows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from expectations.common import CONTRACT_VERSION
from scoring.scheme import Scheme, scheme_hash
from tasks.aggregate import aggregate
from tasks.audit import Audit
from tasks.score import Scored, score
from tasks.snapshot import Snapshot
from tasks.workspace import Workspace
from warehouse.crash_points import crash_point
from warehouse.ledger import LoadedFile, loaded_files, periods, remember_inputs
from warehouse.owners import this_process
from warehouse.releases import (
    Draft,
    ReleaseStateError,
    chain_faults,
    find_release,
    latest_release,
    mark_audited,
    publish,
    published_release,
    read_results,
    result_hash,
    table_hash,
    write_draft,
)
from warehouse.software import lock_hash, software_version, source_hash


@dataclass(frozen=True)
class Released:
    """What became of a period: its newest release and whether this run made or published it."""

    period_id: str
    release_id: str
    result_hash: str
    state: str
    is_new: bool
    findings: tuple[str, ...] = ()


def release(workspace: Workspace, snapshot: Snapshot, scheme: Scheme, scored: Scored, audited: Audit) -> Released:
    """Write a draft, mark it audited when the gate passed, publish it when nobody has to sign.

    Results equal to the newest release's make no new one. A published period gets a new draft at most:
    what readers see changes only by ``publish`` after ``reopen``.
    """
    written = draft(workspace, snapshot, scheme, scored, audited)
    if written.state == "audited" and _may_publish(workspace, snapshot, scheme):
        publish(workspace.engine, written.release_id, scheme.sign_off.people.number, this_process())
        crash_point("published")
        written = replace(written, state="published")
    remember_inputs(workspace.engine, snapshot.period_id, snapshot.input_hash(scheme))
    return written


def draft(workspace: Workspace, snapshot: Snapshot, scheme: Scheme, scored: Scored, audited: Audit) -> Released:
    """Write a draft and mark it audited when the gate passed; the night still finds the period due.

    Results equal to the newest release's make no new one.
    """
    period_id = snapshot.period_id
    outcome = result_hash(scored.results)
    newest = latest_release(workspace.engine, period_id)
    if newest is not None and newest["result_hash"] == outcome:
        release_id, is_new = newest["release_id"], False
    else:
        release_id, is_new = _draft(workspace, snapshot, scheme, scored, audited), True
        crash_point("drafted")
    state = find_release(workspace.engine, release_id)["state"]
    if state == "draft" and audited.passed:
        mark_audited(workspace.engine, release_id)
        state = "audited"
    findings = tuple(finding.text(workspace.language) for finding in audited.findings)
    return Released(period_id, release_id, outcome, state, is_new, findings)


def _may_publish(workspace: Workspace, snapshot: Snapshot, scheme: Scheme) -> bool:
    """Without signatures, after the cutoff, and only a period that is open to readers' first or a reopened one."""
    if scheme.sign_off.people.number > 0 or snapshot.period["cutoff_at"] > workspace.moment():
        return False
    is_published = published_release(workspace.engine, snapshot.period_id) is not None
    return not is_published or snapshot.period["status"] == "reopened"


def _draft(workspace: Workspace, snapshot: Snapshot, scheme: Scheme, scored: Scored, audited: Audit) -> str:
    facts = {
        "inputs": snapshot.inputs(),
        "delta_versions": dict(snapshot.versions),
        "lake_files": _lake_hashes(workspace, snapshot),
        "late_counted_until": snapshot.period.get("late_counted_until"),
        "carried_fen": snapshot.carried_fen,
        "adjusts": snapshot.adjusts,
        "pooled_periods": list(snapshot.pooled),
        "history_periods": list(snapshot.history),
        "scheme_hash": scheme_hash(scheme),
        "scheme": scheme.model_dump(mode="json"),
        "contract_version": CONTRACT_VERSION,
        "software": {"version": software_version(), "scoring": source_hash("scoring"), "lock": lock_hash()},
        "seed": None,
        "models": scored.models,
        "audit": {"evaluated": audited.evaluated, "failed": [finding.code for finding in audited.findings]},
    }
    return write_draft(
        workspace.engine,
        Draft(
            snapshot.period_id, workspace.run_id, scheme.scheme_id, snapshot.input_hash(scheme), scored.results, facts
        ),
    )


NOT_COMPUTED = "-"
"""Stands for a hash where there was nothing sound to compute it from."""


@dataclass(frozen=True)
class Verification:
    """What recomputing a release showed."""

    release_id: str
    result_hash: str
    stored_hash: str
    recomputed_hash: str
    faults: tuple[str, ...]
    differing_tables: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether stored and recomputed results both have the manifest's hash and the chain is whole."""
        return not self.faults and self.result_hash == self.stored_hash == self.recomputed_hash


def verify_release(workspace: Workspace, release_id: str) -> Verification:
    """Recompute a release from the lake by its manifest, and check what is stored.

    Reads the files and Delta versions the manifest lists, with the scheme it contains. Nothing is
    recomputed from a manifest or from lake files that are not what they were: these are named instead.

    Raises:
        ReleaseStateError: there is no such release.
    """
    row = find_release(workspace.engine, release_id)
    faults = list(chain_faults(workspace.engine))
    if f"{release_id}: manifest_hash" in faults:
        return Verification(release_id, row["result_hash"], NOT_COMPUTED, NOT_COMPUTED, tuple(faults), ())
    manifest = json.loads(row["manifest"])
    scheme = Scheme.model_validate(manifest["scheme"])
    stored = {name: read_results(workspace.engine, release_id, name) for name in manifest["tables"]}
    differing = {name for name, facts in manifest["tables"].items() if table_hash(stored[name]) != facts["sha256"]}
    if scheme_hash(scheme) != manifest["scheme_hash"]:
        faults.append(f"{release_id}: scheme_hash")
    changed = _changed_files(workspace, manifest)
    recomputed_hash = NOT_COMPUTED
    if not changed:
        sums = aggregate(workspace, _snapshot_of(workspace, manifest), scheme)
        recomputed = score(sums, scheme, manifest["period_id"]).results
        recomputed_hash = result_hash(recomputed)
        tables = manifest["tables"].items()
        differing |= {name for name, facts in tables if table_hash(recomputed[name]) != facts["sha256"]}
    return Verification(
        release_id,
        row["result_hash"],
        result_hash(stored),
        recomputed_hash,
        (*faults, *changed),
        tuple(sorted(differing)),
    )


def _lake_hashes(workspace: Workspace, snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """Hashes of every file of the lake that a period is computed from, by dataset and name."""
    return {
        name: workspace.lake.hashes(name, {file.sha256 for file in files}, snapshot.versions[name])
        for name, files in snapshot.files.items()
    }


def _changed_files(workspace: Workspace, manifest: Mapping[str, Any]) -> list[str]:
    """Lake files that are gone, that have other bytes than when the release was made, or whose delivery is gone."""
    found = _lake_hashes(workspace, _snapshot_of(workspace, manifest))
    return [
        f"lake/{dataset}/{name}"
        for dataset, files in manifest["lake_files"].items()
        for name, sha256 in files.items()
        if found.get(dataset, {}).get(name) != sha256
    ]


def publish_verified(workspace: Workspace, verification: Verification, *, publishes: bool) -> Released:
    """Publish a release that was recomputed without a difference; without ``publishes`` only report what was found.

    Raises:
        ReleaseStateError: it does not verify, or its state or missing signatures forbid publishing.
    """
    release_id = verification.release_id
    manifest = json.loads(find_release(workspace.engine, release_id)["manifest"])
    findings = (*verification.faults, *verification.differing_tables)
    if publishes:
        if not verification.holds:
            raise ReleaseStateError(
                f"{release_id}: 重算结果不一致，不能发布：{'、'.join(findings)}"
                f" / recomputed results differ, not to be published: {', '.join(findings)}"
            )
        people = Scheme.model_validate(manifest["scheme"]).sign_off.people.number
        publish(workspace.engine, release_id, people, this_process())
    state = find_release(workspace.engine, release_id)["state"]
    return Released(manifest["period_id"], release_id, verification.result_hash, state, is_new=False, findings=findings)


def _snapshot_of(workspace: Workspace, manifest: Mapping[str, Any]) -> Snapshot:
    wanted: dict[str, set[str]] = {}
    for entry in manifest["inputs"]:
        wanted.setdefault(entry["dataset"], set()).add(entry["sha256"])
    files: dict[str, tuple[LoadedFile, ...]] = {}
    for name in manifest["delta_versions"]:
        known = loaded_files(workspace.engine, name)
        files[name] = tuple(file for file in known if file.sha256 in wanted.get(name, set()))
    period = next(row for row in periods(workspace.engine) if row["period_id"] == manifest["period_id"])
    moment = manifest.get("late_counted_until")
    counted = datetime.fromisoformat(moment) if moment else None
    return Snapshot(
        {**period, "late_counted_until": counted},
        files,
        manifest["delta_versions"],
        carried_fen=manifest.get("carried_fen", 0),
        adjusts=manifest.get("adjusts"),
        pooled=tuple(manifest.get("pooled_periods", ())),
        history=tuple(manifest.get("history_periods", ())),
    )
