"""Load: the accepted rows of a file into the lake, exactly once, with its receipt.

Quarantine and receipt are complete in the staging folder before the first row is appended; the ledger
moves last. Wherever a run dies, the next one finds either nothing done, or everything it needs to finish.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from expectations.catalogue import Language
from expectations.common import CONTRACT_VERSION
from expectations.datasets import DATASETS
from expectations.declaration import Dataset
from tasks.check import Checked, StagedRows, Stamp, write_rows
from tasks.comparing import Comparison, compare, vanished
from tasks.receipts import (
    FileProblem,
    Receipt,
    counts_by_code,
    cut,
    file_lines,
    receipt_document,
    row_lines,
    write_atomically,
    write_errors,
    write_fix_workbook,
    write_receipt,
)
from tasks.workspace import Workspace
from warehouse.crash_points import crash_point
from warehouse.durable import sync
from warehouse.lake import StagedPart
from warehouse.ledger import Claim, finish, loaded_files, save_periods, stage
from warehouse.settings import Settings

OUTPUTS = "out"


@dataclass(frozen=True)
class FileFacts:
    """What is known of a file from its name, folder and manifest."""

    sha256: str
    name: str
    submitter_org_id: str
    dataset: str | None
    period_id: str | None
    file_version: int
    mode: str

    def document(self, run_id: str) -> dict[str, Any]:
        """The facts as they stand at the head of a receipt."""
        return {
            "sha256": self.sha256,
            "name": self.name,
            "submitter_org_id": self.submitter_org_id,
            "dataset": self.dataset,
            "period_id": self.period_id,
            "file_version": self.file_version,
            "mode": self.mode,
            "contract_version": CONTRACT_VERSION,
            "run_id": run_id,
        }


@dataclass(frozen=True)
class JudgedFile:
    """A file that was read and checked: all that its answer is made of, wherever it is checked."""

    facts: FileFacts
    stamp: Stamp
    checked: Checked
    text_path: Path
    folder: Path
    problems: tuple[FileProblem, ...] = ()


@dataclass(frozen=True)
class CheckedFile:
    """A file that was read and checked under a claim, ready to be compared with the lake."""

    facts: FileFacts
    claim: Claim
    stamp: Stamp
    checked: Checked
    text_path: Path
    folder: Path
    problems: tuple[FileProblem, ...] = ()
    is_released: bool = False

    @property
    def judged(self) -> JudgedFile:
        """The file without its claim."""
        return JudgedFile(self.facts, self.stamp, self.checked, self.text_path, self.folder, self.problems)


@dataclass(frozen=True)
class Manner:
    """How files are answered: in whose run and language, and by which limits."""

    run_id: str
    language: Language
    settings: Settings


@dataclass(frozen=True)
class Answer:
    """What became of one file."""

    name: str
    submitter_org_id: str
    sha256: str
    decision: str
    balance: Mapping[str, int]
    codes: Mapping[str, int] = field(default_factory=dict)
    dataset: str | None = None
    periods: tuple[str, ...] = ()


def load(workspace: Workspace, file: CheckedFile) -> Answer:
    """Compare a checked file with the lake, then store it, hold it, and answer it."""
    dataset = DATASETS[str(file.facts.dataset)]
    existing = _existing(workspace, dataset, file.checked.periods)
    manner = manner_of(workspace)
    comparison = compared(file.judged, existing)
    holds = () if file.is_released else holds_of(manner, file.judged, comparison)
    parts = [] if holds else staged_parts(file.judged, comparison)
    document, lines = settle(manner, file.judged, comparison, holds, parts)
    write_outputs(manner, file.judged, document, lines)
    _quarantine(workspace, file)
    crash_point("quarantined")
    _save_staging(file.folder, parts, lines, workspace.settings.detail_lines_per_code)
    stage(workspace.engine, file.claim, document)
    crash_point("staged")
    return conclude(workspace, file.claim, file.folder, document)


def manner_of(workspace: Workspace) -> Manner:
    """How files of a run are answered."""
    return Manner(workspace.run_id, workspace.language, workspace.settings)


def conclude(workspace: Workspace, claim: Claim, folder: Path, document: Mapping[str, Any]) -> Answer:
    """Append a staged file and decide it; also finishes what a dead run left staged."""
    state = "held" if document["decision"] == "held" else "loaded"
    version = None
    dataset = document["dataset"]
    if state == "loaded":
        parts = [StagedPart(folder / part["file"], part["partition"], part["rows"]) for part in _read_staging(folder)]
        version = workspace.lake.append(dataset, claim.sha256, parts)
        crash_point("appended")
    problems = pl.read_parquet(folder / "problems.parquet")
    finish(workspace.engine, claim, state, document, problems, version)
    crash_point("loaded")
    if state == "loaded" and dataset == "period":
        refresh_periods(workspace)
    return hand_over(workspace, folder, document)


def refuse(
    workspace: Workspace, claim: Claim, facts: FileFacts, problem: FileProblem, folder: Path, rows_read: int = 0
) -> Answer:
    """Answer a file that cannot be taken."""
    document, lines = write_refusal(manner_of(workspace), facts, problem, folder, rows_read)
    finish(workspace.engine, claim, "refused", document, _stored_problems(lines), None)
    return hand_over(workspace, folder, document)


def hold_unprocessable(
    workspace: Workspace, claim: Claim, facts: FileFacts, error: Exception, folder: Path, rows_read: int
) -> Answer:
    """Hold a file that we failed to process, so that one file never stops a night; ``accept`` tries again."""
    problem = FileProblem("H404", {"detail": f"{type(error).__name__}: {str(error)[:200]}"})
    document, lines = write_refusal(manner_of(workspace), facts, problem, folder, rows_read, decision="held")
    finish(workspace.engine, claim, "held", document, _stored_problems(lines), None)
    return hand_over(workspace, folder, document)


def write_refusal(
    manner: Manner,
    facts: FileFacts,
    problem: FileProblem,
    folder: Path,
    rows_read: int = 0,
    *,
    decision: str = "refused",
) -> tuple[dict[str, Any], pl.DataFrame]:
    """Write the outputs of a file that cannot be taken; returns its receipt and its lines."""
    balance = _balance(read=rows_read, **{"held" if decision == "held" else "rejected": rows_read})
    document = {**facts.document(manner.run_id), "decision": decision, "balance": balance, "skipped_by_reason": {}}
    lines = file_lines([problem])
    document = receipt_document(Receipt(document, lines), cut_codes={}, fix_rows=0)
    out = folder / OUTPUTS
    out.mkdir(parents=True, exist_ok=True)
    write_errors(out / "errors.csv", lines, document, manner.language)
    write_receipt(out / "receipt.json", document)
    return document, lines


def hand_over(workspace: Workspace, folder: Path, document: Mapping[str, Any]) -> Answer:
    """Move the receipt into the submitter's outbox and clear the staging folder."""
    target = workspace.settings.outbox / str(document["submitter_org_id"])
    target.mkdir(parents=True, exist_ok=True)
    for output in sorted((folder / OUTPUTS).glob("*")):
        shutil.move(output, target / f"{document['name']}.{output.name}")
    crash_point("receipted")
    shutil.rmtree(folder, ignore_errors=True)
    return answer_of(document)


def answer_of(document: Mapping[str, Any]) -> Answer:
    """The short form of a receipt."""
    return Answer(
        name=document["name"],
        submitter_org_id=document["submitter_org_id"],
        sha256=document["sha256"],
        decision=document["decision"],
        balance=document["balance"],
        codes={code: entry["count"] for code, entry in document.get("codes", {}).items()},
        dataset=document.get("dataset"),
        periods=tuple(document.get("periods", ())),
    )


def refresh_periods(workspace: Workspace) -> None:
    """Carry the current view of ``period`` into the warehouse's calendar."""
    view = workspace.view(DATASETS["period"])
    rows = view.select(
        "period_id",
        "kind",
        pl.col("start_date").cast(pl.String),
        pl.col("end_date").cast(pl.String),
        "cutoff_at",
        "status",
    )
    save_periods(workspace.engine, rows.sort("period_id").to_dicts())


def _existing(workspace: Workspace, dataset: Dataset, periods: Sequence[str]) -> pl.LazyFrame | None:
    """Rows of loaded files that may share keys with this one."""
    loaded = loaded_files(workspace.engine, dataset.name)
    if dataset.partition_by:
        loaded = [each for each in loaded if set(each.periods) & set(periods)]
    wanted = {each.sha256 for each in loaded}
    files = [
        each
        for each in workspace.lake.files(dataset.name)
        if each.sha256 in wanted and (dataset.partition_by is None or each.partition in periods)
    ]
    return workspace.lake.scan(dataset.name, files) if files else None


def compared(file: JudgedFile, existing: pl.LazyFrame | None) -> Comparison:
    """What the file's rows mean beside rows that are there; None when there are none."""
    dataset = DATASETS[str(file.facts.dataset)]
    submitter, version = file.facts.submitter_org_id, file.facts.file_version
    accepted = file.checked.accepted(dataset)
    found = compare(accepted, existing, dataset, submitter, version)
    if file.facts.mode != "full" or existing is None:
        return found
    key = list(dataset.natural_key)
    present = pl.concat([accepted.select(key), file.checked.rejected_keys.lazy()])
    voids, before = vanished(existing, present, dataset, submitter, file.checked.periods)
    return Comparison(
        found.left_out, found.unchanged, found.conflicting, found.overlapping + voids.height, found.lines, voids, before
    )


def holds_of(manner: Manner, file: JudgedFile, comparison: Comparison) -> tuple[FileProblem, ...]:
    """Why the file is held for a decision; empty when it is not."""
    settings, checked = manner.settings, file.checked
    holds: list[FileProblem] = []
    rate = checked.rejected.height / checked.data_rows if checked.data_rows else 0.0
    if rate > settings.hold_reject_rate:
        limit = f"{settings.hold_reject_rate:.0%}"
        holds.append(FileProblem("H403", {"value": f"{rate:.1%}", "expected": limit}))
    if comparison.slice_rows and comparison.voids.height / comparison.slice_rows > settings.hold_vanishing_rate:
        share = f"{comparison.voids.height / comparison.slice_rows:.1%}"
        holds.append(FileProblem("H401", {"value": comparison.voids.height, "expected": share}))
    return tuple(holds)


def staged_parts(file: JudgedFile, comparison: Comparison) -> list[StagedPart]:
    """The Parquet files to append: plain rows as they are, repaired rows and voids beside them."""
    dataset = DATASETS[str(file.facts.dataset)]
    parts = [_without(part, comparison.left_out) for part in file.checked.plain]
    columns = ["_sheet", "_row", *dataset.stored_schema]
    repaired = file.checked.repaired.select(columns)
    if not comparison.left_out.is_empty():
        repaired = repaired.join(comparison.left_out, on=["_sheet", "_row"], how="anti", nulls_equal=True)
    position = [pl.lit("").alias("_sheet"), pl.lit(0, pl.Int32).alias("_row")]
    voids = comparison.voids.with_columns(position).select(columns)
    more = pl.concat([repaired, voids])
    groups = more.partition_by(dataset.partition_by, as_dict=True) if dataset.partition_by else {(None,): more}
    for number, ((partition,), rows) in enumerate(sorted(groups.items(), key=lambda item: str(item[0]))):
        if not rows.is_empty():
            path = file.folder / f"repaired-{number}.parquet"
            write_rows(rows.lazy(), dataset, file.stamp, path)
            parts.append(StagedRows(path, partition, rows.height))
    return [StagedPart(part.path, part.partition, part.rows) for part in parts if part.rows]


def _without(part: StagedRows, left_out: pl.DataFrame) -> StagedRows:
    """The staged rows without those that say nothing new."""
    if left_out.is_empty():
        return part
    rows = pl.scan_parquet(part.path).join(left_out.lazy(), on=["_sheet", "_row"], how="anti", nulls_equal=True)
    path = part.path.with_name(f"kept-{part.path.name}")
    rows.sink_parquet(path, compression="zstd", compression_level=1)
    return StagedRows(path, part.partition, pl.scan_parquet(path).select(pl.len()).collect().item())


def _balance(**parts: int) -> dict[str, int]:
    names = ("read", "accepted", "unchanged", "rejected", "held", "skipped")
    return {name: parts.get(name, 0) for name in names}


def settle(
    manner: Manner, file: JudgedFile, comparison: Comparison, holds: Sequence[FileProblem],
    parts: Sequence[StagedPart],
) -> tuple[dict[str, Any], pl.DataFrame]:  # fmt: skip
    """The receipt's facts, with a balance that must add up, and every line of errors.csv."""
    checked, facts = file.checked, file.facts
    dataset = DATASETS[str(facts.dataset)]
    rejected, skipped = checked.rejected.height, sum(checked.skipped.values())
    unchanged = checked.identical + comparison.unchanged
    held = checked.data_rows - rejected if holds else comparison.conflicting
    accepted = 0 if holds else checked.data_rows - rejected - unchanged - held
    balance = _balance(
        read=checked.rows_read, accepted=accepted, unchanged=0 if holds else unchanged, rejected=rejected, held=held,
        skipped=skipped,
    )  # fmt: skip
    if balance["read"] != sum(balance.values()) - balance["read"] or accepted < 0:
        raise RuntimeError(f"{facts.name}: the balance does not hold: {balance}")
    compared = comparison.lines.rename({"_sheet": "sheet", "_row": "row"})
    problems = [*file.problems, *holds, *_late(file)]
    lines = pl.concat([file_lines(problems), row_lines(checked, dataset), _compared_lines(compared)])
    decision = "held" if holds else ("accepted_with_rejects" if rejected else "accepted")
    document = {
        **facts.document(manner.run_id),
        "decision": decision,
        "balance": balance,
        "skipped_by_reason": {**checked.skipped, "identical_rows": checked.identical},
        "periods": list(checked.periods),
        "rows_overlapping": comparison.overlapping if not holds else 0,
        "rows_stored": sum(part.rows for part in parts),
        "voided_by_absence": 0 if holds else comparison.voids.height,
        "late_periods": sorted(set(file.stamp.late_periods) & set(checked.periods)),
        "recorded_at": file.stamp.recorded_at.isoformat(),
        "gate": [list(entry) for entry in checked.gate],
        "contact": manner.settings.contact,
    }
    return document, lines


def _compared_lines(lines: pl.DataFrame) -> pl.DataFrame:
    empty = file_lines([])
    return pl.concat([empty, lines], how="diagonal_relaxed").select(
        pl.col(name).cast(dtype) for name, dtype in empty.schema.items()
    )


def notes_of(checked: Checked) -> tuple[FileProblem, ...]:
    """What a file's answer says beyond its rows: columns that were not read, datasets nothing is known of."""
    unread = (FileProblem("W302", {"value": title}) for title in checked.unread)
    unknown = (FileProblem("W315", {"value": name}) for name in checked.unknown_datasets)
    return (*unread, *unknown)


def _late(file: JudgedFile) -> list[FileProblem]:
    late = sorted(set(file.stamp.late_periods) & set(file.checked.periods))
    return [FileProblem("W312", {"value": period}) for period in late]


def write_outputs(manner: Manner, file: JudgedFile, document: dict[str, Any], lines: pl.DataFrame) -> None:
    """Write errors.csv, fix.xlsx and receipt.json, and complete the receipt's document."""
    limit = manner.settings.detail_lines_per_code
    counts = counts_by_code(lines)
    out = file.folder / OUTPUTS
    out.mkdir(parents=True, exist_ok=True)
    shown = cut(lines, limit)
    write_errors(out / "errors.csv", shown, document, manner.language)
    fixed = 0
    if file.checked.rejected.height:
        text = pl.scan_parquet(file.text_path)
        fixed = write_fix_workbook(out / "fix.xlsx", text, file.checked, shown, manner.language)
    receipt = Receipt(document, lines)
    cut_codes = {code: count for code, count in counts.items() if count > limit}
    document.update(receipt_document(receipt, cut_codes=cut_codes, fix_rows=fixed))
    write_receipt(out / "receipt.json", document)


def _quarantine(workspace: Workspace, file: CheckedFile) -> None:
    """Keep rejected rows verbatim (a held file's bytes stay in the landing) before any row is accepted."""
    rejected = file.checked.rejected
    if rejected.is_empty():
        return
    codes = file.checked.problems.filter(pl.col("code").str.starts_with("E"))
    reasons = codes.group_by("_index").agg(pl.col("code").sort().str.join(" ").alias("_codes"))
    token = next((column.name for column in file.checked.source.columns if column.pseudonymised_as), None)
    kept = rejected.join(reasons, on="_index", how="left").drop("_index", "_first", "_surplus", strict=False)
    kept = kept.drop(token) if token else kept
    path = workspace.settings.quarantine / f"{file.facts.sha256}.parquet"
    draft = path.with_name(f".{path.name}.draft")
    kept.write_parquet(draft)
    sync(draft)
    draft.replace(path)


def _stored_problems(lines: pl.DataFrame) -> pl.DataFrame:
    told = lines.filter(~pl.col("code").str.starts_with("I"))
    return told.select(
        "code", "sheet", "row", "value", "expected", "detail", "business_key", column_letter="letter", column="column"
    )


def _save_staging(folder: Path, parts: Sequence[StagedPart], lines: pl.DataFrame, limit: int) -> None:
    _stored_problems(cut(lines, limit)).write_parquet(folder / "problems.parquet")
    listed = [{"file": part.path.name, "partition": part.partition, "rows": part.rows} for part in parts]
    for part in parts:
        sync(part.path)
    write_atomically(folder / "parts.json", json.dumps(listed, ensure_ascii=False).encode())
    sync(folder)


def _read_staging(folder: Path) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = json.loads((folder / "parts.json").read_text(encoding="utf-8"))
    return parts
