"""Check alone: the clerk's own check before sending, with no home, no database and no scheduler.

The same reading, checking and answering as the nightly run. Files given together are checked in the order
a night would load them, each against those before it; of datasets that were not given nothing is known, and
the answer says so (W315). What only the lake can know (late rows, corrections of earlier deliveries) is left
to the night.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from expectations.catalogue import Language
from expectations.datasets import DATASETS
from expectations.import_ahead import import_ahead
from tasks.check import FileToCheck, StagedRows, Stamp, check
from tasks.checking.references import Known
from tasks.ingest import READERS, Progress, no_progress
from tasks.land import (
    Delivery,
    Identity,
    LandedFile,
    check_declared_rows,
    delivery_of,
    identify,
    land,
    name_parts,
    parse_manifest,
)
from tasks.load import (
    OUTPUTS,
    FileFacts,
    JudgedFile,
    Manner,
    compared,
    holds_of,
    notes_of,
    settle,
    staged_parts,
    write_outputs,
    write_refusal,
)
from tasks.normalizing.cell_rules import Options
from tasks.pseudonyms import Pseudonyms, passing_pseudonyms
from tasks.read import ReadResult, read
from tasks.reading.errors import FileRefused
from tasks.reading.limits import Limits
from tasks.receipts import FileProblem
from warehouse.current_view import resolve
from warehouse.ledger import BALANCE
from warehouse.owners import utc_now
from warehouse.settings import Settings

NO_SUBMITTER = "-"
ANSWER_FILES = ("errors.csv", "fix.xlsx")


@dataclass(frozen=True)
class Verdict:
    """What would become of one file: its receipt, and the files written for the clerk."""

    document: Mapping[str, Any]
    written: tuple[Path, ...] = ()

    @property
    def decision(self) -> str:
        """accepted, accepted_with_rejects, held, refused or duplicate."""
        return str(self.document["decision"])


@dataclass(frozen=True)
class _Given:
    """A file that was recognised."""

    number: int
    facts: FileFacts
    identity: Identity
    landed: LandedFile

    @property
    def order(self) -> tuple[Any, ...]:
        """Place in the order a night loads files; datasets stand in the order of their waves."""
        place = list(DATASETS).index(str(self.facts.dataset))
        return (
            place, self.facts.file_version, self.facts.period_id or "", self.facts.submitter_org_id, self.facts.name,
            self.facts.sha256,
        )  # fmt: skip


@dataclass
class _Batch:
    """What the files given together amount to so far."""

    manner: Manner
    folder: Path
    output: Path
    limits: Limits
    pseudonyms: Pseudonyms = field(default_factory=passing_pseudonyms)
    rows: dict[str, list[tuple[tuple[str, ...], pl.LazyFrame]]] = field(default_factory=dict)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)

    def staging(self, sha256: str) -> Path:
        """Work folder of one file."""
        return self.folder / "staging" / sha256

    def existing(self, dataset: str, periods: Sequence[str]) -> pl.LazyFrame | None:
        """Rows of files given before that may share keys with a file of these periods."""
        partition = DATASETS[dataset].partition_by
        found = [
            rows for covered, rows in self.rows.get(dataset, []) if partition is None or set(covered) & set(periods)
        ]
        return pl.concat(found) if found else None

    def known(self, dataset: str) -> Known:
        """Current rows of the datasets given before, and of ``dataset`` itself."""
        views = {name: self._view(name) for name in self.rows if name != dataset}
        return Known({**views, dataset: self._view(dataset)})

    def _view(self, dataset: str) -> pl.DataFrame:
        columns = list(DATASETS[dataset].stored_schema)
        parts = [rows for _, rows in self.rows.get(dataset, [])]
        if not parts:
            return pl.DataFrame(schema=DATASETS[dataset].stored_schema)
        return resolve(pl.concat(parts).collect(), DATASETS[dataset])[0].select(columns)


def check_alone(
    paths: Sequence[Path], output: Path, settings: Settings, language: Language, progress: Progress = no_progress
) -> list[Verdict]:
    """Check files as the nightly run would, and write errors.csv and fix.xlsx for each.

    Args:
        paths: the files; those given together are checked against each other.
        output: where ``<name>.errors.csv`` and ``<name>.fix.xlsx`` are written; made when missing.
        settings: limits that decide whether a file is held; its home is neither read nor made.
        language: language of errors.csv and fix.xlsx.
        progress: called after each file.

    Returns:
        One verdict per file, in the order of ``paths``.

    Raises:
        FileNotFoundError: one of the paths is not there.
        OSError: the output cannot be written.
    """
    deliveries = [delivery_of(path) for path in paths]
    with _folder() as folder:
        import_ahead()
        batch = _Batch(Manner("", language, settings), folder, output, Limits())
        given = _recognise(batch, deliveries)
        tables = _read_all(batch, given, progress)
        for number, each in enumerate(sorted(given, key=lambda file: file.order), start=1):
            if each.number in tables:
                batch.verdicts[each.number] = _check_one(batch, each, tables[each.number])
            progress("check", number, len(given))
        return [batch.verdicts[number] for number in range(len(deliveries))]


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="reverse-eval-check-") as name:
        yield Path(name)


def _recognise(batch: _Batch, deliveries: Sequence[Delivery]) -> list[_Given]:
    """Store and identify each file; what cannot be recognised, or was given twice, is answered at once."""
    given: list[_Given] = []
    seen: dict[str, str] = {}
    for number, delivery in enumerate(deliveries):
        sha256 = _hash_of(delivery.path)
        facts = FileFacts(sha256, delivery.name, NO_SUBMITTER, None, None, 0, "delta")
        if sha256 in seen:
            batch.verdicts[number] = Verdict(_duplicate(facts, seen[sha256]))
            continue
        seen[sha256] = delivery.name
        try:
            given.append(_identified(number, land(delivery, batch.folder / "landing", batch.limits)))
        except FileRefused as error:
            batch.verdicts[number] = _refused(batch, facts, error)
    return given


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _identified(number: int, landed: LandedFile) -> _Given:
    """What the file is; who sends it is not asked of a clerk who only checks."""
    manifest, parts = parse_manifest(landed.manifest), name_parts(landed.name)
    try:
        identity = identify(landed, manifest, parts)
    except FileRefused as error:
        if error.code != "F122":
            raise
        identity = identify(replace(landed, submitter_org_id=NO_SUBMITTER), manifest, parts)
    facts = FileFacts(
        landed.sha256, landed.name, identity.submitter_org_id, identity.dataset, identity.period_id,
        identity.file_version, identity.mode,
    )  # fmt: skip
    return _Given(number, facts, identity, landed)


def _duplicate(facts: FileFacts, first: str) -> dict[str, Any]:
    balance = dict.fromkeys(BALANCE, 0)
    return {
        **facts.document(""), "decision": "duplicate", "balance": balance, "codes": {}, "first_taken": {"name": first}
    }  # fmt: skip


def _read_all(batch: _Batch, given: Sequence[_Given], progress: Progress) -> dict[int, ReadResult]:
    """Read files in processes of their own, two at a time; refused ones are answered."""
    tables: dict[int, ReadResult] = {}
    with ThreadPoolExecutor(READERS) as pool:
        outcomes = pool.map(lambda each: _read_one(batch, each), given)
        for number, (each, outcome) in enumerate(zip(given, outcomes, strict=True), start=1):
            if isinstance(outcome, FileRefused):
                batch.verdicts[each.number] = _refused(batch, each.facts, outcome)
            else:
                tables[each.number] = outcome
            progress("read", number, len(given))
    return tables


def _read_one(batch: _Batch, given: _Given) -> ReadResult | FileRefused:
    try:
        folder = batch.staging(given.facts.sha256)
        return read(given.landed.path, given.facts.name, folder, batch.limits, wanted_sheet=given.identity.sheet)
    except FileRefused as error:
        return error


def _check_one(batch: _Batch, given: _Given, table: ReadResult) -> Verdict:
    folder = batch.staging(given.facts.sha256)
    dataset = DATASETS[given.identity.dataset]
    stamp = Stamp(given.facts.sha256, given.facts.submitter_org_id, given.facts.file_version, utc_now())
    job = FileToCheck(
        text=pl.scan_parquet(table.text_path),
        sheets=tuple(sheet.name for sheet in table.sheets),
        delimited=table.is_delimited,
        dataset=dataset,
        known=batch.known(dataset.name),
        pseudonyms=batch.pseudonyms,
        stamp=stamp,
        options=Options(percent_scale=given.identity.percent_scale),
    )
    try:
        checked = check(job, folder)
        check_declared_rows(given.identity, checked.data_rows)
    except FileRefused as error:
        return _refused(batch, given.facts, error, table.rows)
    return _settled(batch, JudgedFile(given.facts, stamp, checked, table.text_path, folder, notes_of(checked)))


def _settled(batch: _Batch, file: JudgedFile) -> Verdict:
    """Answer a checked file as the night would, and let files given after it refer to its rows."""
    name = str(file.facts.dataset)
    comparison = compared(file, batch.existing(name, file.checked.periods))
    holds = holds_of(batch.manner, file, comparison)
    parts = [] if holds else staged_parts(file, comparison)
    document, lines = settle(batch.manner, file, comparison, holds, parts)
    write_outputs(batch.manner, file, document, lines)
    rows = [StagedRows(part.path, part.partition, part.rows).scan(DATASETS[name]) for part in parts]
    if rows:
        columns = rows[0].collect_schema().names()
        stored = pl.concat([each.select(columns) for each in rows])
        batch.rows.setdefault(name, []).append((file.checked.periods, stored))
    return Verdict(document, _hand_out(batch, file.facts, file.folder))


def _refused(batch: _Batch, facts: FileFacts, error: FileRefused, rows_read: int = 0) -> Verdict:
    problem = FileProblem(error.code, dict(error.values))
    folder = batch.staging(facts.sha256)
    document, _ = write_refusal(batch.manner, facts, problem, folder, rows_read)
    return Verdict(document, _hand_out(batch, facts, folder))


def _hand_out(batch: _Batch, facts: FileFacts, folder: Path) -> tuple[Path, ...]:
    """Move the answer to where the clerk finds it; a second file of the same name gets a number."""
    batch.output.mkdir(parents=True, exist_ok=True)
    batch.names[facts.name] = batch.names.get(facts.name, 0) + 1
    number = batch.names[facts.name]
    stem = facts.name if number == 1 else f"{facts.name}.{number}"
    written = []
    for kind in ANSWER_FILES:
        source, target = folder / OUTPUTS / kind, batch.output / f"{stem}.{kind}"
        target.unlink(missing_ok=True)
        if source.exists():
            shutil.move(source, target)
            written.append(target)
    return tuple(written)
