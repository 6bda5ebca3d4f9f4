"""What may be published: the smallest cell, the bands of counts, and the rounding of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from scoring.tables import REASONS, ResultTable

SUPPRESSED = "SUPPRESSED_SMALL_N"
UNRELIABLE = "INSUFFICIENT_RELIABILITY"

COUNT_BANDS = ((5, "5-9"), (10, "10-19"), (20, "20-49"), (50, "50+"))
"""Counts are published as these bands, by their lower ends."""

RELIABILITY_BANDS = ((0.0, "insufficient"), (0.5, "indicative"), (0.7, "usable"), (0.85, "high"))
"""Reliability is published as these bands, by their lower ends."""


@dataclass(frozen=True)
class MinimumCell:
    """The smallest cell that may be published, as the release's own scheme says."""

    min_raters: int
    min_units: int
    max_unit_share: Decimal

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> MinimumCell:
        """The rule a manifest carries."""
        rule = manifest["scheme"]["minimum_cell"]
        numbers = {name: Decimal(str(rule[name]["value"])) for name in ("min_raters", "min_units", "max_unit_share")}
        return cls(int(numbers["min_raters"]), int(numbers["min_units"]), numbers["max_unit_share"])

    def too_small(self) -> pl.Expr:
        """True for a row of ``department_score`` that may not be published."""
        share = pl.col("max_unit_share").fill_null(1.0)
        few = (pl.col("n_raters") < self.min_raters) | (pl.col("n_units") < self.min_units)
        return few.fill_null(value=True) | (share > float(self.max_unit_share))

    def document(self) -> dict[str, Any]:
        """The rule as JSON-able data."""
        share = float(self.max_unit_share)
        return {"min_raters": self.min_raters, "min_units": self.min_units, "max_unit_share": share}


def count_band(name: str) -> pl.Expr:
    """The band a count is published as; null below the first band."""
    return _band(name, COUNT_BANDS)


def reliability_band(name: str) -> pl.Expr:
    """The band a reliability is published as; a negative estimate is in the lowest."""
    return _band(name, ((float("-inf"), "insufficient"), *RELIABILITY_BANDS[1:]))


def _band(name: str, bands: Sequence[tuple[float, str]]) -> pl.Expr:
    found: pl.Expr = pl.lit(None, pl.String)
    for lower, label in bands:
        found = pl.when(pl.col(name) >= lower).then(pl.lit(label)).otherwise(found)
    return found


def has_reason(code: str) -> pl.Expr:
    """True for a row whose ``reason_codes`` hold the code."""
    return pl.col("reason_codes").fill_null("").str.split(";").list.contains(code)


def reasons_text(codes: str | None, language: str) -> str:
    """Reason codes joined by semicolons as a sentence in one language; "" for none."""
    known = [REASONS[code] for code in (codes or "").split(";") if code]
    return ("；" if language == "zh" else "; ").join(each.zh if language == "zh" else each.en for each in known)


def rounded(table: ResultTable, name: str) -> pl.Expr:
    """A float of a result rounded to the decimals it is published with, half to even; never a negative zero."""
    value = pl.col(name).round(table.column(name).decimals or 0, mode="half_to_even")
    return pl.when(value == 0.0).then(0.0).otherwise(value).alias(name)
