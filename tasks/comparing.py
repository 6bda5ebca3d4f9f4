"""Compare the rows of a file with what the lake already holds (INPUT.md 4.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from expectations.declaration import Dataset
from tasks.check import business_key
from warehouse.current_view import content_columns, resolve, standing_rows

LINE = {
    "_sheet": pl.String(),
    "_row": pl.Int32(),
    "code": pl.String(),
    "value": pl.String(),
    "business_key": pl.String(),
}


@dataclass(frozen=True)
class Comparison:
    """What a file's rows mean beside the rows that are there.

    ``left_out`` are positions of rows that say nothing new and are not stored; ``unchanged`` counts
    all rows that say nothing new, ``conflicting`` those held because another submitter says otherwise;
    ``overlapping`` counts stored rows whose key was known; ``lines`` explains each. ``voids`` are keys
    a full delivery no longer contains, and ``slice_rows`` how many it contained before.
    """

    left_out: pl.DataFrame
    unchanged: int
    conflicting: int
    overlapping: int
    lines: pl.DataFrame
    voids: pl.DataFrame
    slice_rows: int


def compare(
    accepted: pl.LazyFrame, existing: pl.LazyFrame | None, dataset: Dataset, submitter: str, file_version: int
) -> Comparison:
    """Compare accepted rows with the rows of loaded files under the same keys.

    Args:
        accepted: positions and stored columns of the file's accepted rows.
        existing: rows of loaded files that may share keys, with bookkeeping; None when there are none.
        dataset: the declaration.
        submitter: who delivered the file.
        file_version: the NN of its name; 0 without one.
    """
    nothing = pl.DataFrame(schema={"_sheet": pl.String, "_row": pl.Int32})
    no_voids = pl.DataFrame(schema=dataset.stored_schema)
    if existing is None:
        return Comparison(nothing, 0, 0, 0, pl.DataFrame(schema=LINE), no_voids, 0)
    key = list(dataset.natural_key)
    known = existing.join(accepted.select(key), on=key, how="semi", nulls_equal=True).collect(engine="streaming")
    if known.is_empty():
        return Comparison(nothing, 0, 0, 0, pl.DataFrame(schema=LINE), no_voids, 0)
    rows = accepted.join(known.lazy().select(key).unique(), on=key, how="semi", nulls_equal=True).collect()
    judged = _judge(rows, known, dataset, submitter, file_version)
    left_out = judged.filter(pl.col("_stored").not_()).select("_sheet", "_row")
    lines = judged.filter(pl.col("code").is_not_null()).select(
        "_sheet", "_row", "code", "value", business_key=business_key(dataset)
    )
    return Comparison(
        left_out,
        judged.filter(pl.col("_same")).height,
        judged.filter(pl.col("code") == "E230").height,
        judged.filter("_stored").height,
        lines.cast(pl.Schema(LINE)),
        no_voids,
        0,
    )


def _judge(
    rows: pl.DataFrame, known: pl.DataFrame, dataset: Dataset, submitter: str, file_version: int
) -> pl.DataFrame:
    """Add ``_stored``, ``_same``, ``code`` and ``value`` to rows whose keys are known."""
    key, content = list(dataset.natural_key), pl.struct(content_columns(dataset))
    standing = standing_rows(known, dataset).with_columns(_content=content)
    own = standing.filter(pl.col("_submitter_org_id") == submitter).select(
        *key, _own_content="_content", _own_revision="revision", _own_version="_file_version"
    )
    others = standing.filter(pl.col("_submitter_org_id") != submitter)
    others = others.with_columns(_key=pl.struct(key))
    others = others.filter(pl.col("revision") == pl.col("revision").max().over("_key")).unique(
        "_key", keep="first", maintain_order=True
    )
    others = others.select(*key, _other_content="_content", _other_revision="revision", _other="_submitter_org_id")
    joined = (
        rows.with_columns(_content=content)
        .join(own, on=key, how="left", nulls_equal=True)
        .join(others, on=key, how="left", nulls_equal=True)
    )
    has_own = pl.col("_own_revision").is_not_null()
    repeats_own = has_own & pl.col("_content").eq_missing(pl.col("_own_content"))
    repeats_other = pl.col("_other_revision").is_not_null() & pl.col("_content").eq_missing(pl.col("_other_content"))
    newer = (pl.col("revision") > pl.col("_own_revision")) | (
        (pl.col("revision") == pl.col("_own_revision")) & (pl.lit(file_version) >= pl.col("_own_version"))
    )
    strictly_newer = (pl.col("revision") > pl.col("_own_revision")) | (
        (pl.col("revision") == pl.col("_own_revision")) & (pl.lit(file_version) > pl.col("_own_version"))
    )
    contradicts = (
        pl.col("_other_revision").is_not_null()
        & ~repeats_other
        & (pl.col("revision") == pl.col("_other_revision"))
        & (~has_own | newer)
    )
    outdated = (has_own & ~newer) | (pl.col("revision") < pl.col("_other_revision")).fill_null(value=False)
    code = (
        pl.when(contradicts.fill_null(value=False))
        .then(pl.lit("E230"))
        .when(repeats_own | (repeats_other & ~has_own))
        .then(None)
        .when(outdated)
        .then(pl.lit("W313"))
        .otherwise(pl.lit("W310"))
    )
    # A repetition is stored only where it makes a difference to the order of versions, so that any
    # order of the same files gives the same current view.
    return joined.with_columns(
        code=code,
        value=pl.when(contradicts.fill_null(value=False)).then(pl.col("_other")),
        _same=code.is_null(),
        _stored=(~repeats_own | strictly_newer).fill_null(value=True),
    )


def vanished(
    existing: pl.LazyFrame, present_keys: pl.LazyFrame, dataset: Dataset, submitter: str, periods: Sequence[str]
) -> tuple[pl.DataFrame, int]:
    """Rows of the submitter's slice that a full delivery no longer contains, as void rows.

    Args:
        existing: rows of loaded files with bookkeeping.
        present_keys: every key of the delivery, rejected rows included.
        dataset: the declaration.
        submitter: whose slice it is.
        periods: the periods delivered; the slice is these periods, or everything without a period.

    Returns:
        The void rows to store (stored columns), and the number of rows in the slice before.
    """
    slice_rows = existing.filter(pl.col("_submitter_org_id") == submitter)
    if dataset.partition_by:
        slice_rows = slice_rows.filter(pl.col(dataset.partition_by).is_in(list(periods)))
    before, _ = resolve(slice_rows.collect(engine="streaming"), dataset)
    key = list(dataset.natural_key)
    gone = before.lazy().join(present_keys.select(key), on=key, how="anti", nulls_equal=True).collect()
    voids = gone.with_columns(record_op=pl.lit("void")).select(list(dataset.stored_schema))
    return voids, before.height
