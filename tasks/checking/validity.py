"""Checks of validity intervals: one subject may have only one row in force on a day."""

from __future__ import annotations

import polars as pl

from expectations.declaration import Dataset
from tasks.checking.references import Check, Known, always_exact


def overlapping_validity(dataset: Dataset) -> Check:
    """E236 where two rows of one subject are in force on the same day.

    The subject is the natural key without ``valid_from``. Rows already known under another key count
    too; a row that replaces a known one (same key) does not overlap with it.
    """
    subject = [name for name in dataset.natural_key if name != "valid_from"]

    def problems(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
        delivered = rows.select("_index", "_row", *dataset.natural_key, "valid_to")
        before = known.view(dataset.name)
        if before is not None and not before.is_empty():
            older = before.select(*dataset.natural_key, "valid_to").join(delivered, on=dataset.natural_key, how="anti")
            nothing = [pl.lit(None, pl.UInt32).alias("_index"), pl.lit(None, delivered.schema["_row"]).alias("_row")]
            delivered = pl.concat([delivered, older.select(*nothing, *dataset.natural_key, "valid_to")])
        dated = delivered.filter(pl.col("valid_from").is_not_null()).sort([*subject, "valid_from"], nulls_last=True)
        following = pl.col("valid_from").shift(-1).over(subject)
        next_row = pl.col("_row").shift(-1).over(subject)
        open_end = pl.col("valid_to").is_null() | (pl.col("valid_to") > following)
        # Repeated keys are another problem (E231): only a later start overlaps.
        clash = dated.with_columns(_next=next_row).filter((following > pl.col("valid_from")) & open_end)
        return clash.filter(pl.col("_index").is_not_null()).select(
            "_index",
            column=pl.lit("valid_to"),
            code=pl.lit("E236"),
            value=pl.col("_next").cast(pl.String).fill_null("—"),
        )

    return always_exact(problems)
