"""The lake: append-only Delta tables of canonical rows, each append carried out exactly once."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import TableNotFoundError
from deltalake.schema import Field, PrimitiveType, Schema
from deltalake.transaction import AddAction, RemoveAction

from expectations.datasets import dataset as declared
from expectations.derived.delta_schema import delta_fields
from expectations.derived.polars_schema import lake_schema
from warehouse.crash_points import crash_point
from warehouse.durable import sync


@dataclass(frozen=True)
class StagedPart:
    """One Parquet file waiting to become part of the lake: rows of one partition of one file."""

    path: Path
    partition: str | None
    rows: int


@dataclass(frozen=True)
class LakeFile:
    """One Parquet file of a Delta table: which delivery it came from and which partition it is."""

    path: Path
    sha256: str
    partition: str | None
    rows: int


class Lake:
    """The Delta tables under one folder, one per dataset."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tables: dict[str, DeltaTable] = {}
        self._files: dict[tuple[str, int], tuple[LakeFile, ...]] = {}

    def version(self, dataset: str) -> int | None:
        """Current version of a dataset's table; None before its first append."""
        table = self._open(dataset)
        return None if table is None else int(table.version())

    def append(self, dataset: str, sha256: str, parts: Sequence[StagedPart]) -> int:
        """Append the rows of one delivered file; an append already made is seen and skipped.

        The file's SHA-256 is the Delta application transaction, so that a crash between this commit
        and the ledger's cannot append twice. Returns the version of the table.
        """
        table = self._open(dataset) or self._create(dataset)
        if table.transaction_version(sha256) is not None:
            return int(table.version())
        if not parts:
            return int(table.version())
        folder = self.folder / dataset
        actions: list[AddAction | RemoveAction] = [
            self._link(folder, sha256, number, part, dataset) for number, part in enumerate(parts)
        ]
        sync(folder)
        crash_point("linked")
        key = declared(dataset).partition_by
        table.create_write_transaction(
            actions,
            "append",
            _schema(dataset),
            [key] if key else None,
            commit_properties=CommitProperties(app_transactions=[Transaction(sha256, 1)]),
        )
        table.update_incremental()
        return int(table.version())

    def files(self, dataset: str, version: int | None = None) -> list[LakeFile]:
        """The Parquet files of a dataset's table, in a fixed order."""
        if version is not None and (dataset, version) in self._files:
            return list(self._files[dataset, version])
        table = self._open(dataset, version)
        if table is None:
            return []
        at = (dataset, int(table.version()))
        if at not in self._files:
            self._files[at] = self._files_of(dataset, table)
        return list(self._files[at])

    def _files_of(self, dataset: str, table: DeltaTable) -> tuple[LakeFile, ...]:
        added = pl.DataFrame(table.get_add_actions(flatten=True))
        key = declared(dataset).partition_by
        partition = f"partition.{key}"
        found = [
            LakeFile(
                self.folder / dataset / row["path"],
                row["path"].partition("-")[0],
                row[partition] if key and partition in added.columns else None,
                row["num_records"],
            )
            for row in added.iter_rows(named=True)
        ]
        return tuple(sorted(found, key=lambda file: file.path.name))

    def hashes(self, dataset: str, deliveries: Collection[str], version: int | None = None) -> dict[str, str]:
        """SHA-256 of the Parquet files with the rows of these deliveries, by name; "" for a file that is gone."""
        wanted = [file.path for file in self.files(dataset, version) if file.sha256 in deliveries]
        return {path.name: _sha256(path) for path in wanted}

    def scan(self, dataset: str, files: Sequence[LakeFile]) -> pl.LazyFrame:
        """Rows of the given files, with the partition column put back."""
        key = declared(dataset).partition_by
        schema = lake_schema(declared(dataset))
        if not files:
            return pl.LazyFrame(schema=schema)
        partitions: dict[str | None, list[Path]] = {}
        for file in files:
            partitions.setdefault(file.partition, []).append(file.path)
        parts = []
        for partition, paths in partitions.items():
            rows = pl.scan_parquet(paths)
            if key:
                rows = rows.with_columns(pl.lit(partition, pl.String).alias(key))
            parts.append(rows.select(*schema))
        return pl.concat(parts) if len(parts) > 1 else parts[0]

    def _open(self, dataset: str, version: int | None = None) -> DeltaTable | None:
        """A dataset's table; the newest one is kept open and only reads what was committed since."""
        try:
            if version is not None:
                return DeltaTable(self.folder / dataset, version=version)
            if dataset in self._tables:
                self._tables[dataset].update_incremental()
            else:
                self._tables[dataset] = DeltaTable(self.folder / dataset)
        except TableNotFoundError:
            return None
        return self._tables[dataset]

    def _create(self, dataset: str) -> DeltaTable:
        key = declared(dataset).partition_by
        return DeltaTable.create(
            self.folder / dataset, _schema(dataset), mode="ignore", partition_by=[key] if key else None, name=dataset
        )

    def _link(self, folder: Path, sha256: str, number: int, part: StagedPart, dataset: str) -> AddAction:
        target = folder / f"{sha256}-{number}.parquet"
        if not target.exists():
            draft = target.with_name(f".{target.name}.draft")
            draft.unlink(missing_ok=True)
            try:
                draft.hardlink_to(part.path)
            except OSError:  # staging lies on another file system
                shutil.copyfile(part.path, draft)
            draft.replace(target)
        status = target.stat()
        key = declared(dataset).partition_by
        values: Mapping[str, str | None] = {key: part.partition} if key else {}
        return AddAction(
            path=quote(target.name),
            size=status.st_size,
            partition_values=values,
            modification_time=int(status.st_mtime * 1000),
            data_change=True,
            stats=json.dumps({"numRecords": part.rows}),
        )


def _schema(dataset: str) -> Schema:
    fields = delta_fields(declared(dataset))
    return Schema([Field(each["name"], PrimitiveType(each["type"]), nullable=each["nullable"]) for each in fields])


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
