"""Ingest: a batch of deliveries through land, read, normalize, check and load, each answered with a receipt."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from expectations.datasets import DATASETS
from tasks.check import FileToCheck, Stamp, check
from tasks.land import (
    Delivery,
    DeliveryChangedError,
    Identity,
    LandedFile,
    check_declared_rows,
    identify,
    land,
    name_parts,
    parse_manifest,
)
from tasks.load import (
    OUTPUTS,
    Answer,
    CheckedFile,
    FileFacts,
    answer_of,
    conclude,
    hand_over,
    hold_unprocessable,
    load,
    manner_of,
    notes_of,
    refresh_periods,
    refuse,
    write_refusal,
)
from tasks.normalizing.cell_rules import Options
from tasks.pseudonyms import Pseudonyms, assessment_year, key_of_year
from tasks.read import ReadResult, read
from tasks.reading.errors import FileRefused, ReadingError
from tasks.receipts import FileProblem, write_receipt
from tasks.workspace import Workspace
from warehouse.crash_points import crash_point
from warehouse.ledger import (
    Arrival,
    Claim,
    claim,
    claim_of,
    closed_periods,
    find_file,
    give_up,
    is_decided,
    is_same_delivery,
    record_delivery,
    unfinished_files,
)
from warehouse.runs import heartbeat

READERS = 2
DEFECTS = (pl.exceptions.PolarsError, RuntimeError, ValueError, TypeError, LookupError, AttributeError)
"""What a defect of ours looks like: it holds one file, never the night. A full disk is none of these."""
Progress = Callable[[str, int, int], None]
"""Called with a step's name, how many files are done and how many there are."""


@dataclass(frozen=True)
class Repeat:
    """The same bytes once more, delivered before they were decided."""

    arrival: Arrival
    delivered: Path


@dataclass(frozen=True)
class Taken:
    """A file that was landed, claimed and recognised.

    ``delivered`` is the file to take out of the inbox once it is answered; ``repeats`` are answered
    after it.
    """

    facts: FileFacts
    claim: Claim
    identity: Identity
    landed: Path
    delivered: Path | None
    is_released: bool = False
    repeats: tuple[Repeat, ...] = ()


@dataclass(frozen=True)
class Ready:
    """A file that was read."""

    taken: Taken
    table: ReadResult


def no_progress(_step: str, _done: int, _all: int) -> None:
    """Report nothing."""


def recover(workspace: Workspace) -> tuple[list[Taken], list[Answer]]:
    """Pick up what a dead run left: finish staged files, hand over receipts, take claimed files again."""
    taken: list[Taken] = []
    answers: list[Answer] = []
    _clear_half_copies(workspace)
    for row in unfinished_files(workspace.engine):
        folder = _staging(workspace, row["sha256"])
        landed = _landed_again(workspace, dict(row))
        if not landed.path.exists():  # it was being refused and is not kept: its next delivery is answered
            give_up(workspace.engine, landed.sha256)
            shutil.rmtree(folder, ignore_errors=True)
            continue
        arrival = Arrival(row["sha256"], row["name"], row["submitter_org_id"], 0, row["bytes"], row["manifest"])
        held = claim(workspace.engine, arrival, workspace.settings.lease_seconds, take_over=True)
        if not isinstance(held, Claim):
            continue
        if held.state == "staged" and (folder / "parts.json").exists():
            answers.append(conclude(workspace, held, folder, json.loads(row["receipt"])))
            continue
        _take(workspace, landed, held, None, taken, answers, is_released=row["accepted_reason"] is not None)
    _hand_over_leftovers(workspace)
    return taken, answers


def _clear_half_copies(workspace: Workspace) -> None:
    """Copies that a dead run began to land; only the holder of the run lock lands files."""
    for path in workspace.settings.landing.glob(".*.part"):
        path.unlink(missing_ok=True)


def _landed_again(workspace: Workspace, row: Mapping[str, Any]) -> LandedFile:
    """What the ledger knows of a file that was landed before."""
    manifest = None if row["manifest"] is None else row["manifest"].encode()
    path = _landed_path(workspace, row["sha256"])
    return LandedFile(row["sha256"], path, row["bytes"], row["name"], row["submitter_org_id"] or None, manifest)


def _hand_over_leftovers(workspace: Workspace) -> None:
    """Finish what stands after a decision: the calendar of periods, receipts, and the staging folder."""
    for folder in sorted(workspace.settings.staging.glob("*")):
        if not is_decided(workspace.engine, folder.name):
            continue
        receipt = folder / OUTPUTS / "receipt.json"
        if not receipt.exists():
            shutil.rmtree(folder)
            continue
        document = json.loads(receipt.read_text(encoding="utf-8"))
        if document.get("dataset") == "period":
            refresh_periods(workspace)
        hand_over(workspace, folder, document)


def take_files(
    workspace: Workspace, deliveries: Sequence[Delivery], progress: Progress = no_progress
) -> tuple[list[Taken], list[Answer]]:
    """Land and claim deliveries; known content and unrecognisable files are answered at once.

    They are taken in the order of their names, however they were listed: the order of claims is the
    order of their record times.
    """
    taken: list[Taken] = []
    answers: list[Answer] = []
    ordered = sorted(deliveries, key=lambda each: (each.name, each.submitter_org_id or "", str(each.path)))
    for number, delivery in enumerate(ordered, start=1):
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
    except (DeliveryChangedError, FileNotFoundError):
        return  # still being written, or withdrawn: it belongs to the next run
    except PermissionError as error:
        if error.filename != str(delivery.path):
            raise
        answers.append(_unreadable(workspace, delivery))
        return
    crash_point("landed")
    arrival = Arrival(
        landed.sha256, landed.name, landed.submitter_org_id or "", delivery.path.stat().st_mtime_ns, landed.size,
        None if landed.manifest is None else landed.manifest.decode("utf-8", errors="replace"),
    )  # fmt: skip
    held = claim(workspace.engine, arrival, workspace.settings.lease_seconds)
    crash_point("claimed")
    if not isinstance(held, Claim):
        if held["decided_at"] is None:
            taken.append(_taken_again(workspace, dict(held), arrival, delivery.path))
            return
        answers.append(_known(workspace, arrival, dict(held), delivery.path))
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
        recognised = _recognised(landed, held)
    except FileRefused as error:
        facts = FileFacts(landed.sha256, landed.name, landed.submitter_org_id or "-", None, None, 0, "delta")
        answers.append(_refused(workspace, held, facts, error))
        _clear(workspace, delivered)
        return
    taken.append(replace(recognised, delivered=delivered, is_released=is_released))


def _recognised(landed: LandedFile, held: Claim) -> Taken:
    """A claimed file with what its name, folder and manifest say.

    Raises:
        FileRefused: they contradict each other, or do not say what is needed.
    """
    identity = identify(landed, parse_manifest(landed.manifest), name_parts(landed.name))
    facts = FileFacts(
        landed.sha256, landed.name, identity.submitter_org_id, identity.dataset, identity.period_id,
        identity.file_version, identity.mode,
    )  # fmt: skip
    return Taken(facts, held, identity, landed.path, None)


def _taken_again(workspace: Workspace, row: Mapping[str, Any], arrival: Arrival, delivered: Path) -> Taken:
    """Content that this run has in hand already: the delivery a dead run left in the inbox, or a repeat of it."""
    recognised = _recognised(_landed_again(workspace, row), claim_of(row))
    if is_same_delivery(workspace.engine, arrival):
        return replace(recognised, delivered=delivered)
    return replace(recognised, repeats=(Repeat(arrival, delivered),))


def _once_each(taken: Iterable[Taken]) -> list[Taken]:
    """Every content once, with all its deliveries."""
    found: dict[str, Taken] = {}
    for each in taken:
        first = found.get(each.facts.sha256)
        if first is None:
            found[each.facts.sha256] = each
        else:
            found[each.facts.sha256] = replace(
                first, delivered=first.delivered or each.delivered, repeats=first.repeats + each.repeats
            )
    return list(found.values())


def _answered(workspace: Workspace, taken: Taken, answer: Answer) -> list[Answer]:
    """Take an answered file out of the inbox, and answer whatever repeats it."""
    answers = [answer]
    _clear(workspace, taken.delivered)
    for repeat in taken.repeats:
        row = find_file(workspace.engine, taken.facts.sha256)
        if row is not None:
            answers.append(_known(workspace, repeat.arrival, dict(row), repeat.delivered))
        _clear(workspace, repeat.delivered)
    return answers


def _unreadable(workspace: Workspace, delivery: Delivery) -> Answer:
    """Answer a file we are not allowed to open; it stays where it is and is tried again by the next run."""
    facts = FileFacts("", delivery.name, delivery.submitter_org_id or "-", None, None, 0, "delta")
    folder = workspace.settings.outbox / facts.submitter_org_id
    document, _ = write_refusal(
        manner_of(workspace), facts, FileProblem("F123", {"value": delivery.name}), folder / f".{delivery.name}.answer"
    )
    return hand_over(workspace, folder / f".{delivery.name}.answer", document)


def _known(workspace: Workspace, arrival: Arrival, row: Mapping[str, Any], delivered: Path) -> Answer:
    """Answer content that was decided before: the same delivery again, or a duplicate.

    Only in the inbox can a dead run have left a decided delivery: a file given by its path stays there,
    and giving it twice makes a duplicate.
    """
    first = json.loads(row["receipt"]) if row["receipt"] else {}
    if "F130" in first.get("codes", {}):
        _landed_path(workspace, arrival.sha256).unlink(missing_ok=True)
    if _is_in_inbox(workspace, delivered) and is_same_delivery(workspace.engine, arrival):
        return answer_of(first)
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
    record_delivery(workspace.engine, arrival)
    return answer_of(document)


def read_files(
    workspace: Workspace, taken: Sequence[Taken], progress: Progress = no_progress
) -> tuple[list[Ready], list[Answer]]:
    """Read files in processes of their own, two at a time."""
    ready: list[Ready] = []
    answers: list[Answer] = []
    taken = _once_each(taken)
    with ThreadPoolExecutor(READERS) as pool:
        results = pool.map(lambda each: _read_one(workspace, each), taken)
        for number, (each, outcome) in enumerate(zip(taken, results, strict=True), start=1):
            if isinstance(outcome, FileRefused):
                answers += _answered(workspace, each, _refused(workspace, each.claim, each.facts, outcome))
            elif isinstance(outcome, ReadingError):
                folder = _staging(workspace, each.facts.sha256)
                held = hold_unprocessable(workspace, each.claim, each.facts, outcome, folder, 0)
                answers += _answered(workspace, each, held)
            else:
                ready.append(Ready(each, outcome))
            progress("read", number, len(taken))
    crash_point("read")
    return ready, answers


def _read_one(workspace: Workspace, taken: Taken) -> ReadResult | FileRefused | ReadingError:
    try:
        folder = _staging(workspace, taken.facts.sha256)
        return read(taken.landed, taken.facts.name, folder, workspace.limits, wanted_sheet=taken.identity.sheet)
    except (FileRefused, ReadingError) as error:
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
        answers += _answered(workspace, each.taken, _check_and_load(workspace, each))
        heartbeat(workspace.engine, workspace.run_id, workspace.settings.lease_seconds)
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
    except DEFECTS as error:
        return hold_unprocessable(workspace, taken.claim, taken.facts, error, folder, table.rows)
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
    if delivered is None or not _is_in_inbox(workspace, delivered):
        return
    delivered.unlink(missing_ok=True)
    delivered.with_name(f"{delivered.name}.manifest.yaml").unlink(missing_ok=True)


def _is_in_inbox(workspace: Workspace, path: Path) -> bool:
    return workspace.settings.inbox.resolve() in path.resolve().parents


def _staging(workspace: Workspace, sha256: str) -> Path:
    return workspace.settings.staging / sha256


def _landed_path(workspace: Workspace, sha256: str) -> Path:
    return workspace.settings.landing / sha256[:2] / sha256


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
