"""Total rows against the sum of the rows above them (INPUT.md 4.2 rule 12)."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from expectations.declaration import ColumnType, Dataset
from tasks.checking.references import problem_lines
from tasks.normalize import Normalized

ORDER_OF_TOTALS = 9_500
_SUMMED = (ColumnType.INTEGER, ColumnType.DECIMAL)


def total_lines(normalized: Normalized, plain: Sequence[pl.LazyFrame], dataset: Dataset) -> pl.DataFrame:
    """W301 for each figure of a sheet's only total row that is not the sum of its data rows.

    Args:
        normalized: the suspects, among them the total rows.
        plain: the rows of the plain lane, stored columns and ``_sheet``.
        dataset: the declaration.
    """
    single = normalized.totals.filter(pl.len().over("_sheet") == 1) if not normalized.totals.is_empty() else None
    if single is None or single.is_empty():
        return problem_lines([])
    names = [
        column.stored_name
        for column in dataset.columns
        if column.type in _SUMMED and single[column.stored_name].count()
    ]
    lines = []
    for row in single.iter_rows(named=True):
        parts = [normalized.rows.lazy().select("_sheet", *names), *(rows.select("_sheet", *names) for rows in plain)]
        sums = pl.concat(parts).filter(pl.col("_sheet") == row["_sheet"]).select(pl.col(names).sum()).collect()
        told = single.filter(pl.col("_index") == row["_index"])
        for name in names:
            value, expected = told[name].cast(pl.String).item(), sums[name].cast(pl.String).item()
            if row[name] is not None and row[name] != sums[name].item():
                lines.append(told.select("_index", column=pl.lit(name), value=pl.lit(value), expected=pl.lit(expected)))
    return problem_lines([line.with_columns(code=pl.lit("W301"), order=pl.lit(ORDER_OF_TOTALS)) for line in lines])
