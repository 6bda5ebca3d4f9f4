"""Coefficients of agreement beside the published ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.reference.row import Row
from scoring.agreement import Level, intraclass_correlations, krippendorff_alpha

PUBLISHED_ALPHA: dict[str, dict[Level, float]] = {
    "wikipedia_3x15": {"nominal": 0.691, "interval": 0.811},
    "krippendorff2011_4x12": {"nominal": 0.743, "ordinal": 0.815, "interval": 0.849, "ratio": 0.797},
}
"""Krippendorff (2011), Computing Krippendorff's alpha-reliability; and the worked example of Wikipedia."""

PUBLISHED_ICC = {"icc1": 0.17, "icc2": 0.29, "icc3": 0.71, "icc1k": 0.44, "icc2k": 0.62, "icc3k": 0.91}
"""Shrout and Fleiss (1979), table 4, to two decimals."""


def rows(reference: Path) -> Iterator[Row]:
    """Rows of the comparison.

    Args:
        reference: Folder of the published data and answers.
    """
    folder = reference / "reliability"
    yield from _alphas(folder)
    yield from _intraclass(folder)


def _alphas(folder: Path) -> Iterator[Row]:
    answers = pl.read_csv(folder / "krippendorff_answers.csv").with_columns(
        pl.col("alpha_computed_krippendorff_0.9.0").str.extract(r"\(([-.\d]+)\)").cast(pl.Float64).alias("computed")
    )
    for name, published in PUBLISHED_ALPHA.items():
        ratings = _ratings(folder / f"{name}.csv")
        worst = max(abs(krippendorff_alpha(ratings, level) - alpha) for level, alpha in published.items())
        yield Row(f"Krippendorff alpha of {name}", "published, three decimals", len(published), worst, 5e-4)
        computed = answers.filter(pl.col("data") == name)
        differences = [
            abs(krippendorff_alpha(ratings, row["level"]) - row["computed"]) for row in computed.iter_rows(named=True)
        ]
        yield Row(f"Krippendorff alpha of {name}", "krippendorff 0.9.0", len(differences), max(differences), 1e-9)


def _ratings(path: Path) -> pl.DataFrame:
    """A table of raters x units, ``nan`` where missing, as one row per rating."""
    table = pl.read_csv(path, has_header=False, infer_schema=False).cast(pl.Float64).with_row_index("rater")
    return table.unpivot(index="rater", variable_name="unit_id").with_columns(pl.col("value").fill_nan(None))


def _intraclass(folder: Path) -> Iterator[Row]:
    table = pl.read_csv(folder / "shrout_fleiss_1979.csv").select("J1", "J2", "J3", "J4").cast(pl.Float64)
    found = intraclass_correlations(np.asarray(table.to_numpy()))
    worst = max(abs(getattr(found, name) - value) for name, value in PUBLISHED_ICC.items())
    yield Row("intraclass correlations", "Shrout and Fleiss 1979, two decimals", len(PUBLISHED_ICC), worst, 5e-3)
    answers = pl.read_csv(folder / "shrout_fleiss_icc_answers.csv")
    differences = [
        abs(getattr(found, kind.lower()) - value) for kind, value in answers.select("type", "ICC").iter_rows()
    ]
    yield Row("intraclass correlations", "R psych 2.2.9", len(differences), max(differences), 1e-9)
