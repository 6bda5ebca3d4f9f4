"""Rejected rows and other problems of files, as sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, RowMapping, func, select

from expectations.catalogue import Language, message
from expectations.datasets import DATASETS
from warehouse.ledger import file_by_prefix
from warehouse.tables import ingest_file, ingest_problem

SERIOUS = ("reject", "hold", "refuse")


class UnknownFileError(Exception):
    """No file of that name or SHA-256 was taken; several, when ``matches`` has any."""

    def __init__(self, wanted: str, matches: Sequence[str] = ()) -> None:
        super().__init__(wanted)
        self.wanted, self.matches = wanted, tuple(matches)


@dataclass(frozen=True)
class Problem:
    """One problem of one row, or of a whole file."""

    file: str
    sha256: str
    code: str
    severity: str
    sheet: str
    row: int | None
    column: str
    value: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Problems:
    """Problems as stored, and how many there are of each code; the detail may be cut."""

    counts: dict[str, int]
    lines: tuple[Problem, ...]

    @property
    def total(self) -> int:
        """All problems counted, listed or not."""
        return sum(self.counts.values())


def find_file(engine: Engine, wanted: str) -> RowMapping:
    """The ledger's row of a file by name or by the beginning of its SHA-256.

    Raises:
        UnknownFileError: there is none, or more than one.
    """
    found = file_by_prefix(engine, wanted)
    exact = [row for row in found if row["name"] == wanted]
    found = exact or found
    if len(found) != 1:
        raise UnknownFileError(wanted, [f"{row['name']} ({row['sha256'][:12]})" for row in found])
    return found[0]


def problems(
    engine: Engine, language: Language, *, sha256: str | None = None, code: str | None = None, at_most: int = 50
) -> Problems:
    """Problems that reject, hold or refuse, of one file or of all.

    Args:
        engine: the warehouse; a reading engine is enough.
        language: of the sentences.
        sha256: only this file.
        code: only this code, whatever its severity.
        at_most: how many are listed; all are counted.
    """
    query = select(ingest_problem.c.code, func.count()).group_by(ingest_problem.c.code).order_by(ingest_problem.c.code)
    listing = (
        select(ingest_file.c.name.label("file"), ingest_file.c.dataset, ingest_problem)
        .join_from(ingest_problem, ingest_file)
        .order_by(ingest_file.c.claimed_at, ingest_problem.c.problem_id)
    )
    with engine.connect() as connection:
        if sha256 is not None:
            query = query.where(ingest_problem.c.sha256 == sha256)
            listing = listing.where(ingest_problem.c.sha256 == sha256)
        stored = {str(each): int(count) for each, count in connection.execute(query)}
        wanted = [each for each in stored if (each == code if code else message(each).severity in SERIOUS)]
        rows = connection.execute(listing.where(ingest_problem.c.code.in_(wanted)).limit(at_most)).mappings().all()
    return Problems({each: stored[each] for each in wanted}, tuple(_problem(row, language) for row in rows))


def _problem(row: RowMapping, language: Language) -> Problem:
    entry = message(row["code"])
    label = _label(row["dataset"], row["column"], language)
    values: dict[str, Any] = {"column": label, **{name: row[name] or "" for name in ("value", "expected", "detail")}}
    letter = f"{row['column_letter']} " if row["column_letter"] else ""
    return Problem(
        row["file"], row["sha256"], row["code"], entry.severity, row["sheet"] or "", row["row"],
        f"{letter}{label}".strip(), row["value"] or "", entry.text(language, **values), entry.fix(language, **values),
    )  # fmt: skip


def _label(dataset: str | None, column: str | None, language: Language) -> str:
    """What a column is called; its stored name where the dataset declares none of that name."""
    if dataset is not None and dataset in DATASETS and column:
        for declared in DATASETS[dataset].all_columns:
            if declared.stored_name == column:
                return declared.zh if language == "zh" else declared.name
    return column or ""
