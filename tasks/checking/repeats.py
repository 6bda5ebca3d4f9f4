"""Rows of one file that repeat a natural key (INPUT.md 4.5)."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def repeated_hashes(*parts: pl.Series) -> pl.Series:
    """Hashes that occur more than once in all parts together."""
    ordered = pl.concat(parts).sort()
    return ordered.filter((ordered == ordered.shift(1)).fill_null(value=False)).unique()


def resolve_repeats(
    rows: pl.DataFrame, key: Sequence[str], content: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Find repeated keys among valid rows.

    Args:
        rows: valid rows with ``_index``, ``_row`` and the dataset's columns.
        key: the natural key.
        content: every delivered column.

    Returns:
        ``identical``: rows to leave out because an earlier row says the same (``_index``, ``value`` =
        row kept), and ``contradicting``: rows that are all rejected (``_index``, ``value`` = the other
        rows of the key). Never "the last one wins".
    """
    repeated = rows.filter(pl.struct(key).is_duplicated())
    if repeated.is_empty():
        empty = pl.DataFrame(schema={"_index": pl.UInt32, "value": pl.String})
        return empty, empty
    marked = repeated.with_columns(_key=pl.struct(key)).with_columns(
        _contents=pl.struct(content).n_unique().over("_key"),
        _first=pl.col("_row").min().over("_key"),
        _last=pl.col("_row").max().over("_key"),
        _kept=pl.col("_index").min().over("_key"),
    )
    identical = marked.filter((pl.col("_contents") == 1) & (pl.col("_index") != pl.col("_kept")))
    other = pl.when(pl.col("_row") == pl.col("_first")).then(pl.col("_last")).otherwise(pl.col("_first"))
    contradicting = marked.filter(pl.col("_contents") > 1)
    return (
        identical.select("_index", value=pl.col("_first").cast(pl.String)),
        contradicting.select("_index", value=other.cast(pl.String)),
    )
