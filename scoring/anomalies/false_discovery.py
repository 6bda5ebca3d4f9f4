"""Benjamini and Hochberg's control of the false discovery rate, and sums that do not depend on row order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]


def benjamini_hochberg(p_values: Floats) -> Floats:
    """The q-value of each p-value: the smallest false discovery rate at which it is a discovery.

    ``q_(i) = min over k >= i of p_(k) m / k`` (Benjamini and Hochberg 1995). NaN stays NaN and is not
    counted among the ``m`` tests.
    """
    result = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    scaled = p_values[order] * len(order) / np.arange(1, len(order) + 1)
    result[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return result


def with_q_values(df: pl.DataFrame) -> pl.DataFrame:
    """Adds ``q_value`` to a frame with ``p_value`` (null: not tested)."""
    q_values = benjamini_hochberg(df["p_value"].cast(pl.Float64).fill_null(float("nan")).to_numpy())
    return df.with_columns(pl.Series("q_value", q_values, dtype=pl.Float64).fill_nan(None))


def ordered_sums(df: pl.DataFrame, keys: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    """Sums of float columns by group, added in one fixed order, with the number of rows ``n``.

    A group-by of floats depends on the threads; here rows are sorted by keys and values first.
    """
    rows = df.select(*keys, *columns).sort(*keys, *columns)
    codes = rows.select(pl.struct(keys).rle_id())[keys[0]].to_numpy().astype(np.int64)
    groups = rows.select(keys).unique(maintain_order=True, keep="first")
    sums = [
        pl.Series(name, np.bincount(codes, rows[name].to_numpy(), groups.height), dtype=pl.Float64) for name in columns
    ]
    counts = pl.Series("n", np.bincount(codes, minlength=groups.height), dtype=pl.Int64)
    return groups.with_columns(*sums, counts)
