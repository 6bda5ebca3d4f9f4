"""The current view: which row of the lake counts for each natural key (INPUT.md 4.5).

The view depends only on the set of rows, never on the order in which their files arrived:

1. of one submitter's rows under a key the one with the highest (revision, file version, record time) stands;
2. among submitters the highest revision counts; where two say different things at that revision the
   key is in conflict and shows nothing until somebody delivers a higher revision;
3. a row that stands and is a void hides its key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from expectations.common import BOOKKEEPING
from expectations.declaration import Dataset
from warehouse.lake import Lake, LakeFile
from warehouse.ledger import LoadedFile

PRECEDENCE = ("revision", "_file_version", "_ingested_at", "_file_sha256", "_row")


def content_columns(dataset: Dataset) -> list[str]:
    """Columns that make up what a row says: everything delivered but its key and revision number."""
    return [name for name in dataset.stored_schema if name != "revision" and name not in dataset.natural_key]


def standing_rows(rows: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """Step 1: each submitter's standing row per key."""
    key = [*dataset.natural_key, "_submitter_org_id"]
    return rows.sort(PRECEDENCE, descending=True).unique(key, keep="first", maintain_order=True)


def resolve(rows: pl.DataFrame, dataset: Dataset) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Steps 2 and 3 on rows of any keys: the rows that count, and the keys in conflict."""
    key = list(dataset.natural_key)
    standing = standing_rows(rows, dataset).with_columns(_key=pl.struct(key))
    top = standing.filter(pl.col("revision") == pl.col("revision").max().over("_key"))
    content = pl.struct(content_columns(dataset))
    top = top.with_columns(_contents=content.n_unique().over("_key"))
    conflicts = top.filter(pl.col("_contents") > 1).select(key).unique()
    agreed = top.filter(pl.col("_contents") == 1).sort([*PRECEDENCE], descending=True)
    current = agreed.unique("_key", keep="first", maintain_order=True).filter(pl.col("record_op") != "void")
    return current.drop("_key", "_contents"), conflicts


def current_rows(
    lake: Lake,
    dataset: Dataset,
    loaded: Sequence[LoadedFile],
    *,
    periods: Sequence[str] | None = None,
    late_until: datetime | None = None,
    version: int | None = None,
) -> pl.LazyFrame:
    """The current view of a dataset.

    Args:
        lake: where the rows are.
        dataset: the declaration.
        loaded: the ledger's loaded files of this dataset; rows of any other file do not exist.
        periods: partitions to read; all when None.
        late_until: late rows count when they were recorded up to this moment (a reopened period).
        version: Delta version to read; the newest when None.

    Returns:
        One row per key with the stored columns and the bookkeeping columns, in no particular order.
    """
    wanted = {file.sha256: file for file in loaded}
    files = [file for file in lake.files(dataset.name, version) if file.sha256 in wanted]
    if periods is not None and dataset.partition_by:
        files = [file for file in files if file.partition in periods]
    rows = _counting(lake.scan(dataset.name, files), late_until)
    overlapping = [file for file in files if wanted[file.sha256].rows_overlapping]
    if not overlapping:
        return rows.filter(pl.col("record_op") != "void")
    key = list(dataset.natural_key)
    contested_keys = lake.scan(dataset.name, overlapping).select(key).unique().collect(engine="streaming").lazy()
    contested = rows.join(contested_keys, on=key, how="semi", nulls_equal=True).collect(engine="streaming")
    settled, _ = resolve(contested, dataset)
    rest = rows.join(contested_keys, on=key, how="anti", nulls_equal=True).filter(pl.col("record_op") != "void")
    columns = [*dataset.stored_schema, *BOOKKEEPING]
    return pl.concat([rest.select(columns), settled.lazy().select(columns)])


def _counting(rows: pl.LazyFrame, late_until: datetime | None) -> pl.LazyFrame:
    late = pl.col("_late")
    if late_until is not None:
        late = late & (pl.col("_ingested_at") > late_until)
    return rows.filter(~late)


def conflicting_keys(lake: Lake, dataset: Dataset, loaded: Sequence[LoadedFile]) -> pl.DataFrame:
    """Keys that show nothing because two submitters contradict each other."""
    wanted = {file.sha256 for file in loaded if file.rows_overlapping}
    files: list[LakeFile] = lake.files(dataset.name)
    if not wanted:
        return pl.DataFrame(schema={name: dataset.stored_schema[name] for name in dataset.natural_key})
    key = list(dataset.natural_key)
    keys = lake.scan(dataset.name, [file for file in files if file.sha256 in wanted]).select(key).unique()
    known = {file.sha256 for file in loaded}
    rows = lake.scan(dataset.name, [file for file in files if file.sha256 in known])
    return resolve(rows.join(keys, on=key, how="semi", nulls_equal=True).collect(), dataset)[1]
