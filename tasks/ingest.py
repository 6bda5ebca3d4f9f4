"""Ingest: a batch of deliveries through land, read, normalize, check and load, each answered with a receipt."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl

from expectations.datasets import DATASETS
from tasks.check import FileToCheck, Stamp, check
from tasks.land import Delivery, Identity, LandedFile, check_declared_rows, identify, land, name_parts, parse_manifest
from tasks.load import Answer, CheckedFile, FileFacts, answer_of, conclude, hand_over, load, notes_of, refuse
from tasks.normalizing.cell_rules import Options
from tasks.pseudonyms import Pseudonyms, assessment_year, key_of_year
from tasks.read import ReadResult, read
from tasks.reading.errors import FileRefused
from tasks.receipts import FileProblem, write_receipt
from tasks.workspace import Workspace
from warehouse.crash_points import crash_point
from warehouse.ledger import (
    Arrival,
    Claim,
    claim,
    closed_periods,
    is_decided,
    is_same_delivery,
    record_delivery,
    unfinished_files,
)

READERS = 2
Progress = Callable[[str, int, int], None]
"""Called with a step's name, how many files are done and how many there are."""


@dataclass(frozen=True)
class Taken:
    """A file that was landed, claimed and recognised."""

    facts: FileFacts
    claim: Claim
    identity: Identity
    landed: Path
    delivered: Path | None
    is_released: bool = False


@dataclass(frozen=True)
class Ready:
    """A file that was read."""

    taken: Taken
    table: ReadResult


def no_progress(_step: str, _done: int, _all: int) -> None:
    """Report nothing."""


def import_ahead() -> Thread:
    """Import Great Expectations beside the landing of files; it takes seconds."""

    def work() -> None:
        import expectations.engine.polars_engine
        import expectations.suites  # noqa: F401

    thread = Thread(target=work, name="import Great Expectations", daemon=True)
    thread.start()
    return thread


def recover(workspace: Workspace) -> tuple[list[Taken], list[Answer]]:
    """Pick up what a dead run left: finish staged files, hand over receipts, take claimed files again."""
    taken: list[Taken] = []
    answers: list[Answer] = []
    for row in unfinished_files(workspace.engine):
        path = _landed_path(workspace, row["sha256"])
        if not path.exists():
            continue
        arrival = Arrival(row["sha256"], row["name"], row["submitter_org_id"], 0, row["bytes"], row["manifest"])
        held = claim(workspace.engine, arrival, workspace.settings.lease_seconds)
        if not isinstance(held, Claim):
            continue
        folder = _staging(workspace, held.sha256)
        if held.state == "staged" and (folder / "parts.json").exists():
            answers.append(conclude(workspace, held, folder, json.loads(row["receipt"])))
            continue
        landed = LandedFile(
            held.sha256, path, row["bytes"], row["name"], row["submitter_org_id"] or None, _encoded(row["manifest"])
        )
        _take(workspace, landed, held, None, taken, answers, is_released=row["accepted_reason"] is not None)
    _hand_over_leftovers(workspace)
    return taken, answers


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _hand_over_leftovers(workspace: Workspace) -> None:
    """Receipts of decided files that were never moved into the outbox."""
    for folder in sorted(workspace.settings.staging.glob("*")):
        document = folder / "out" / "receipt.json"
        if document.exists() and is_decided(workspace.engine, folder.name):
            hand_over(workspace, folder, json.loads(document.read_text(encoding="utf-8")))


def take_files(
    workspace: Workspace, deliveries: Sequence[Delivery], progress: Progress = no_progress
) -> tuple[list[Taken], list[Answer]]:
    """Land and claim deliveries; known content and unrecognisable files are answered at once."""
    taken: list[Taken] = []
    answers: list[Answer] = []
    for number, delivery in enumerate(deliveries, start=1):
        _take_one(workspace, delivery, taken, answers)
        progress("land", number, len(deliveries))
    return taken, answers


def _take_one(workspace: Workspace, delivery: Delivery, taken: list[Taken], answers: list[Answer]) -> None:
    refusal: FileRefused | None = None
    try:
        landed = land(delivery, workspace.settings.landing, workspace.limits)
    except FileRefused as error:
        refusal = error
        landed = LandedFile(
            _hash_of(delivery.path), delivery.path, delivery.size, delivery.name, delivery.submitter_org_id
        )
    crash_point("landed")
    arrival = Arrival(
        landed.sha256, landed.name, landed.submitter_org_id or "", delivery.path.stat().st_mtime_ns, landed.size,
        None if landed.manifest is None else landed.manifest.decode("utf-8", errors="replace"),
    )  # fmt: skip
    held = claim(workspace.engine, arrival, workspace.settings.lease_seconds)
    crash_point("claimed")
    if not isinstance(held, Claim):
        answers.append(_known(workspace, arrival, dict(held)))
        _clear(workspace, delivery.path)
        return
    if refusal is not None:
        facts = FileFacts(landed.sha256, landed.name, landed.submitter_org_id or "-", None, None, 0, "delta")
        answers.append(_refused(workspace, held, facts, refusal))
        _clear(workspace, delivery.path)
        return
    _take(workspace, landed, held, delivery.path, taken, answers)


def _take(
    workspace: Workspace, landed: LandedFile, held: Claim, delivered: Path | None, taken: list[Taken],
    answers: list[Answer], *, is_released: bool = False,
) -> None:  # fmt: skip
    try:
        identity = identify(landed, parse_manifest(landed.manifest), name_parts(landed.name))
    except FileRefused as error:
        facts = FileFacts(landed.sha256, landed.name, landed.submitter_org_id or "-", None, None, 0, "delta")
        answers.append(_refused(workspace, held, facts, error))
        _clear(workspace, delivered)
        return
    facts = FileFacts(
        landed.sha256, landed.name, identity.submitter_org_id, identity.dataset, identity.period_id,
        identity.file_version, identity.mode,
    )  # fmt: skip
    taken.append(Taken(facts, held, identity, landed.path, delivered, is_released))


def _known(workspace: Workspace, arrival: Arrival, row: Mapping[str, Any]) -> Answer:
    """Answer content that was decided before: the same delivery again, or a duplicate."""
    first = json.loads(row["receipt"]) if row["receipt"] else {}
    if is_same_delivery(workspace.engine, arrival):
        return answer_of(first)
    record_delivery(workspace.engine, arrival)
    read_rows = int(row["rows_read"] or 0)
    balance = {"read": read_rows, "accepted": 0, "unchanged": read_rows, "rejected": 0, "held": 0, "skipped": 0}
    document: dict[str, Any] = {
        **{key: first.get(key) for key in ("sha256", "dataset", "period_id", "contract_version")},
        "sha256": arrival.sha256,
        "name": arrival.name,
        "submitter_org_id": arrival.submitter_org_id or row["submitter_org_id"],
        "run_id": workspace.run_id,
        "decision": "duplicate",
        "balance": balance,
        "first_taken": {"name": row["name"], "at": str(row["claimed_at"]), "decision": row["decision"]},
    }
    folder = workspace.settings.outbox / str(document["submitter_org_id"])
    write_receipt(folder / f"{arrival.name}.duplicate.receipt.json", document)
    return answer_of(document)


def read_files(
    workspace: Workspace, taken: Sequence[Taken], progress: Progress = no_progress
) -> tuple[list[Ready], list[Answer]]:
    """Read files in processes of their own, two at a time."""
    ready: list[Ready] = []
    answers: list[Answer] = []
    with ThreadPoolExecutor(READERS) as pool:
        results = pool.map(lambda each: _read_one(workspace, each), taken)
        for number, (each, outcome) in enumerate(zip(taken, results, strict=True), start=1):
            if isinstance(outcome, FileRefused):
                answers.append(_refused(workspace, each.claim, each.facts, outcome))
                _clear(workspace, each.delivered)
            else:
                ready.append(Ready(each, outcome))
            progress("read", number, len(taken))
    crash_point("read")
    return ready, answers


def _read_one(workspace: Workspace, taken: Taken) -> ReadResult | FileRefused:
    try:
        folder = _staging(workspace, taken.facts.sha256)
        return read(taken.landed, taken.facts.name, folder, workspace.limits, wanted_sheet=taken.identity.sheet)
    except FileRefused as error:
        return error


def waves(ready: Iterable[Ready]) -> list[list[Ready]]:
    """Files in the order they must be loaded: datasets others refer to first, then by version and name.

    The order within a wave depends on the files alone, never on how they were listed.
    """
    grouped: dict[int, list[Ready]] = {}
    for each in ready:
        grouped.setdefault(DATASETS[each.taken.identity.dataset].wave, []).append(each)
    return [sorted(grouped[wave], key=_order) for wave in sorted(grouped)]


def _order(ready: Ready) -> tuple[Any, ...]:
    facts = ready.taken.facts
    place = list(DATASETS).index(str(facts.dataset))
    return place, facts.file_version, facts.period_id or "", facts.submitter_org_id, facts.name, facts.sha256


def check_and_load_files(
    workspace: Workspace, files: Sequence[Ready], progress: Progress = no_progress
) -> list[Answer]:
    """Check and load the files of one wave, one after another: a later one may refer to an earlier one."""
    answers: list[Answer] = []
    for number, each in enumerate(files, start=1):
        answers.append(_check_and_load(workspace, each))
        _clear(workspace, each.taken.delivered)
        progress("check and load", number, len(files))
    return answers


def _check_and_load(workspace: Workspace, ready: Ready) -> Answer:
    taken, table = ready.taken, ready.table
    dataset = DATASETS[taken.identity.dataset]
    folder = _staging(workspace, taken.facts.sha256)
    stamp = Stamp(
        taken.facts.sha256, taken.facts.submitter_org_id, taken.facts.file_version, taken.claim.recorded_at,
        closed_periods(workspace.engine),
    )  # fmt: skip
    year = assessment_year(taken.facts.period_id, workspace.today().year)
    job = FileToCheck(
        text=pl.scan_parquet(table.text_path),
        sheets=tuple(sheet.name for sheet in table.sheets),
        delimited=table.is_delimited,
        dataset=dataset,
        known=workspace.known_for(dataset),
        pseudonyms=Pseudonyms(key_of_year(workspace.settings.keys, year)),
        stamp=stamp,
        options=Options(percent_scale=taken.identity.percent_scale),
    )
    try:
        checked = check(job, folder)
        check_declared_rows(taken.identity, checked.data_rows)
    except FileRefused as error:
        if error.code == "F130":
            taken.landed.unlink(missing_ok=True)  # personal data are not kept, not even as delivered
        return _refused(workspace, taken.claim, taken.facts, error, table.rows)
    crash_point("checked")
    file = CheckedFile(
        taken.facts, taken.claim, stamp, checked, table.text_path, folder, notes_of(checked),
        is_released=taken.is_released,
    )  # fmt: skip
    return load(workspace, file)


def _refused(workspace: Workspace, held: Claim, facts: FileFacts, error: FileRefused, rows: int = 0) -> Answer:
    problem = FileProblem(error.code, dict(error.values))
    return refuse(workspace, held, facts, problem, _staging(workspace, facts.sha256), rows)


def _clear(workspace: Workspace, delivered: Path | None) -> None:
    """Take an answered file out of the inbox; files given by path stay where they are."""
    if delivered is None or workspace.settings.inbox.resolve() not in delivered.resolve().parents:
        return
    delivered.unlink(missing_ok=True)
    delivered.with_name(f"{delivered.name}.manifest.yaml").unlink(missing_ok=True)


def _staging(workspace: Workspace, sha256: str) -> Path:
    return workspace.settings.staging / sha256


def _landed_path(workspace: Workspace, sha256: str) -> Path:
    return workspace.settings.landing / sha256[:2] / sha256


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
