"""The rows every burden rule gives: one per subject and parameter, with counts, value, threshold and evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from scoring.burden.inputs import BurdenInputs
from scoring.burden.parameters import Parameters

FLAG_SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "result_type": pl.String(),
    "subject_org_id": pl.String(),
    "param_id": pl.String(),
    "n": pl.Int64(),
    "denominator": pl.Int64(),
    "value": pl.Float64(),
    "threshold": pl.Float64(),
    "n_bearers": pl.Int64(),
    "evidence_refs": pl.String(),
}
"""``result_type``: load, breach or watch. ``n``: what was found (events, rows, plaques); ``denominator``: how
many were looked at. ``value``: the measure (a share, ratio, maximum or amount), ``threshold``: what it is held
against; null where a rule has none. ``n_bearers``: bearing units concerned, for the five-unit floor.
``evidence_refs``: see ``evidence``. A breach or watch row exists only where the rule is broken or the sign is
there; a load row exists for every subject that was looked at."""

EVIDENCE_AT_MOST: Final = 20

Rule = Callable[[BurdenInputs, Parameters], pl.LazyFrame]
"""A rule: pure, lazy, giving ``FLAG_SCHEMA``. The runner adds the form's code and the period."""

SHOWN_REGISTERS: Final = ("issuer_register", "platform_log")
"""Registers whose single rows may be told to the department they are about (BURDEN.md 1.4)."""


def evidence(reference: str = "source_ref") -> pl.Expr:
    """Up to twenty references of a group, sorted and joined by semicolons.

    Rows that bearers, monitoring units or the hotline reported are counted but never listed: the list would
    name who told.
    """
    shown = pl.col("reported_by").is_null() | pl.col("reported_by").is_in(SHOWN_REGISTERS)
    return pl.col(reference).filter(shown).unique().sort().head(EVIDENCE_AT_MOST).str.join(";")


def flags(found: pl.LazyFrame, **columns: pl.Expr | str | float | None) -> pl.LazyFrame:
    """Rows in ``FLAG_SCHEMA``: given expressions or constants first, then the frame's own columns, else null."""
    names = found.collect_schema().names()
    chosen = []
    for name, dtype in FLAG_SCHEMA.items():
        if name in columns:
            given = columns[name]
            value = given if isinstance(given, pl.Expr) else pl.lit(given)
        else:
            value = pl.col(name) if name in names else pl.lit(None)
        chosen.append(value.cast(dtype).alias(name))
    return found.select(chosen)


def no_flags() -> pl.LazyFrame:
    """No rows."""
    return pl.LazyFrame(schema=dict(FLAG_SCHEMA))
