"""Checks of performance facts against their indicator."""

from __future__ import annotations

import polars as pl

from tasks.checking.references import Check, Known, Span

_TOLERANCE = 1e-6


def _indicators(known: Known) -> pl.DataFrame | None:
    """One row per indicator that has the same unit and limits in all its versions."""
    table = known.view("indicator")
    if table is None:
        return None
    facts = table.select("indicator_id", _unit="unit", _min="min", _max="max").unique()
    return facts.unique("indicator_id", keep="none").with_columns(_single=pl.lit(value=True))


def _unit_suspects(rows: pl.LazyFrame, known: Known, _span: Span | None) -> tuple[pl.LazyFrame, pl.Expr]:
    indicators = _indicators(known)
    if indicators is None:
        return rows, pl.lit(value=False)
    joined = rows.join(indicators.lazy(), on="indicator_id", how="left")
    beyond = (pl.col("value") < pl.col("_min")).fill_null(value=False) | (pl.col("value") > pl.col("_max")).fill_null(
        value=False
    )
    return joined, pl.col("_single").is_null() | (pl.col("_unit") != pl.col("unit")) | beyond


def _versions(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Rows beside the version of their indicator in force on ``as_of``."""
    table = known.view("indicator")
    if table is None:
        return rows.clear().with_columns(_unit=pl.lit(None, pl.String))
    versions = table.select("indicator_id", _unit="unit", _min="min", _max="max", _from="valid_from", _to="valid_to")
    joined = rows.join(versions, on="indicator_id", how="inner")
    day = pl.col("as_of")
    return joined.filter((pl.col("_from") <= day) & (pl.col("_to").is_null() | (pl.col("_to") > day)))


def _unit_problems(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    wrong = _versions(rows, known).filter(pl.col("unit") != pl.col("_unit"))
    return wrong.select("_index", column=pl.lit("unit"), code=pl.lit("E234"), value="unit", expected="_unit")


unit_is_the_indicators = Check(_unit_suspects, _unit_problems)


def _limit_problems(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    versions = _versions(rows, known)
    if "_min" not in versions.columns:
        return pl.DataFrame(schema={"_index": pl.UInt32, "column": pl.String, "code": pl.String, "value": pl.String})
    wrong = versions.filter((pl.col("value") < pl.col("_min")) | (pl.col("value") > pl.col("_max")))
    limits = [pl.col(name).cast(pl.Float64).cast(pl.String).fill_null("") for name in ("_min", "_max")]
    return wrong.select(
        "_index",
        column=pl.lit("value"),
        code=pl.lit("E215"),
        value=pl.col("value").cast(pl.String),
        expected=pl.concat_str(limits, separator="–"),
    )


def _no_further_suspects(rows: pl.LazyFrame, _known: Known, _span: Span | None) -> tuple[pl.LazyFrame, pl.Expr]:
    """The unit check has already marked every row this check can fail."""
    return rows, pl.lit(value=False)


value_within_indicator_limits = Check(_no_further_suspects, _limit_problems)

_QUOTIENT = pl.col("numerator").cast(pl.Float64) / pl.col("denominator").cast(pl.Float64)
_GIVEN = pl.col("numerator").is_not_null() & pl.col("denominator").is_not_null() & (pl.col("denominator") != 0)
_OFF_QUOTIENT = _GIVEN & ((pl.col("value").cast(pl.Float64) - _QUOTIENT).abs() > _TOLERANCE)


def _quotient_suspects(rows: pl.LazyFrame, _known: Known, _span: Span | None) -> tuple[pl.LazyFrame, pl.Expr]:
    return rows, _OFF_QUOTIENT.fill_null(value=False)


def _quotient_problems(rows: pl.DataFrame, _known: Known) -> pl.DataFrame:
    return rows.filter(_OFF_QUOTIENT).select(
        "_index",
        column=pl.lit("value"),
        code=pl.lit("E233"),
        value=pl.col("value").cast(pl.String),
        expected=_QUOTIENT.round(6).cast(pl.String),
    )


value_is_numerator_over_denominator = Check(_quotient_suspects, _quotient_problems)
