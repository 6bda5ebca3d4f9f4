"""Units as published: scores, indicators, satisfaction and money."""

from __future__ import annotations

import polars as pl
from sqlalchemy import Engine

from scoring.tables import (
    BONUS,
    INCENTIVE_SCORE,
    SATISFACTION_MEAN,
    UNIT_INDICATOR,
    UNIT_POINTS,
    UNIT_SATISFACTION,
    UNIT_SCORE,
    ResultTable,
    merged_reasons,
)
from warehouse.published.columns import Column, View, column, finished, note, number, score
from warehouse.published.disclosure import SUPPRESSED, MinimumCell, has_reason, rounded
from warehouse.releases import read_results

_ORDER = ("peer_group", "org_name", "org_id")


def _unit(table: ResultTable) -> Column:
    return column(table, "org_name", zh="单位", en="unit")


def _ending(table: ResultTable) -> tuple[Column, ...]:
    return note(table), column(table, "peer_group"), column(table, "org_id")


def published_satisfaction(engine: Engine, release_id: str, rule: MinimumCell) -> pl.DataFrame:
    """Rows of ``satisfaction_mean`` as published, plus ``is_suppressed``.

    An item is suppressed when too few answered it, and with its unit when that has too few respondents.
    """
    table = SATISFACTION_MEAN
    means = ("mean_score", "mean_0_100", "mean_weighted", "mean_weighted_0_100")
    rows = _with_hidden(read_results(engine, release_id, table.name), engine, release_id)
    rows = rows.with_columns(is_suppressed=(pl.col("n_answered") < rule.min_raters) | pl.col("satisfaction_hidden"))
    shown = pl.when(~pl.col("is_suppressed"))
    return rows.with_columns(
        *(shown.then(rounded(table, name)).alias(name) for name in means),
        *(shown.then(pl.col(name)).alias(name) for name in ("n_answered", "n_dont_know", "n_other", "sum_score")),
        reason_codes=shown.then(pl.col("reason_codes")).otherwise(pl.lit(SUPPRESSED)),
    )


def published_unit_satisfaction(engine: Engine, release_id: str) -> pl.DataFrame:
    """Rows of ``unit_satisfaction`` as published, plus ``is_suppressed``: fewer respondents than the scheme asks."""
    table = UNIT_SATISFACTION
    rows = read_results(engine, release_id, table.name).with_columns(is_suppressed=has_reason(SUPPRESSED))
    shown = pl.when(~pl.col("is_suppressed"))
    floats = [name for name, dtype in table.schema.items() if dtype == pl.Float64()]
    return rows.with_columns(
        *(shown.then(rounded(table, name)).alias(name) for name in floats),
        *(shown.then(pl.col(name)).alias(name) for name in ("n_respondents", "satisfaction_mean")),
        reason_codes=shown.then(pl.col("reason_codes")).otherwise(pl.lit(SUPPRESSED)),
    )


def _with_hidden(rows: pl.DataFrame, engine: Engine, release_id: str) -> pl.DataFrame:
    """Adds ``satisfaction_hidden``: the unit has too few respondents."""
    hidden = published_unit_satisfaction(engine, release_id).select("org_id", satisfaction_hidden="is_suppressed")
    return rows.join(hidden, on="org_id", how="left", maintain_order="left").with_columns(
        pl.col("satisfaction_hidden").fill_null(value=False)
    )


def units(engine: Engine, release_id: str, rule: MinimumCell) -> View:
    """One row per unit, best first inside each peer group; parts that no unit has are left out."""
    del rule  # the scheme's own minimum of respondents decides
    rows = _with_hidden(read_results(engine, release_id, UNIT_SCORE.name), engine, release_id)
    incentives = read_results(engine, release_id, INCENTIVE_SCORE.name).select(
        "org_id", "incentive_score", "tier", incentive_reasons="reason_codes"
    )
    rows = rows.join(incentives, on="org_id", how="left").with_columns(
        reason_codes=merged_reasons("reason_codes", "incentive_reasons"), is_suppressed=pl.lit(value=False)
    )
    parts = ("results_score", "visible_score", "latent_score", "list_score", "process_score")
    table = UNIT_SCORE
    columns = (
        number(table, "rank"),
        _unit(table),
        score(table, "differentiated_score"),
        score(table, "satisfaction_score", suppressed_by="satisfaction_hidden"),
        *(score(table, name) for name in parts if rows[name].count()),
        number(INCENTIVE_SCORE, "tier"),
        score(INCENTIVE_SCORE, "incentive_score"),
        score(table, "percentile"),
        number(table, "rank_low"),
        number(table, "rank_high"),
        *_ending(table),
    )
    return View(finished(_by_rank(rows), columns), columns)


def _by_rank(rows: pl.DataFrame) -> pl.DataFrame:
    """Best first inside each peer group; a subject without a group has no rank."""
    grouped = pl.when(pl.col("peer_group").is_not_null())
    return rows.with_columns(grouped.then(pl.col("rank")).alias("rank")).sort(
        "peer_group", "rank", "org_name", "org_id", nulls_last=True
    )


def indicators(engine: Engine, release_id: str, rule: MinimumCell) -> View:
    """One row per unit and indicator, on the scale of the release."""
    del rule  # facts come from registers, not from raters
    rows = read_results(engine, release_id, UNIT_INDICATOR.name)
    if rows.is_empty():
        return _whole_points(engine, release_id)
    table = UNIT_INDICATOR
    numbers = ("value", "baseline_value", "minimum", "floor", "achievement_threshold", "benchmark")
    columns = (
        _unit(table),
        column(table, "indicator_id"),
        *(number(table, name) for name in numbers),
        *(score(table, name) for name in ("level", "improvement", "score100")),
        column(table, "baseline_period"),
        *_ending(table),
    )
    return View(finished(rows.sort(*_ORDER, "indicator_id", nulls_last=True), columns), columns)


def _whole_points(engine: Engine, release_id: str) -> View:
    rows = read_results(engine, release_id, UNIT_POINTS.name)
    table = UNIT_POINTS
    numbers = ("value", "baseline_value", "achievement_threshold", "benchmark", "achievement", "improvement", "points")
    columns = (
        _unit(table),
        column(table, "indicator_id"),
        *(number(table, name) for name in numbers),
        column(table, "baseline_period"),
        *_ending(table),
    )
    return View(finished(rows.sort(*_ORDER, "indicator_id", nulls_last=True), columns), columns)


def satisfaction(engine: Engine, release_id: str, rule: MinimumCell) -> View:
    """One row per unit where the release has them, else one per unit and item."""
    rows = published_unit_satisfaction(engine, release_id)
    if rows.is_empty():
        return _item_means(engine, release_id, rule)
    table = UNIT_SATISFACTION
    measured = ("n_respondents", "n_eff", "response_rate", "mean_0_100", "se", "gamma")
    columns = (
        _unit(table),
        score(table, "satisfaction_mean"),
        *(number(table, name) for name in ("ci_low", "ci_high", *measured, "early_late_difference")),
        *_ending(table),
    )
    return View(finished(rows.sort(_ORDER, nulls_last=True), columns), columns)


def _item_means(engine: Engine, release_id: str, rule: MinimumCell) -> View:
    rows = published_satisfaction(engine, release_id, rule)
    numbers = ("n_answered", "mean_score", "mean_0_100", "mean_weighted", "mean_weighted_0_100")
    table = SATISFACTION_MEAN
    columns = (
        _unit(table),
        column(table, "instrument_id"),
        column(table, "item_id"),
        column(table, "dimension"),
        *(number(table, name) for name in numbers),
        *_ending(table),
    )
    order = [*_ORDER, "instrument_id", "item_id"]
    return View(finished(rows.sort(order, nulls_last=True), columns), columns)


def awards(engine: Engine, release_id: str, rule: MinimumCell) -> View:
    """Tier and money of every unit; whole fen, never rounded."""
    del rule  # money follows from scores that are published
    rows = read_results(engine, release_id, INCENTIVE_SCORE.name).with_columns(is_suppressed=pl.lit(value=False))
    bonus = read_results(engine, release_id, BONUS.name).select(
        "org_id", "base_fen", "factor", "cap_fen", "paid_fen", bonus_reasons="reason_codes"
    )
    rows = rows.join(bonus, on="org_id", how="left").with_columns(
        reason_codes=merged_reasons("reason_codes", "bonus_reasons")
    )
    columns = (
        number(INCENTIVE_SCORE, "rank"),
        _unit(INCENTIVE_SCORE),
        number(INCENTIVE_SCORE, "tier"),
        score(INCENTIVE_SCORE, "incentive_score"),
        number(BONUS, "base_fen"),
        score(BONUS, "factor"),
        number(BONUS, "cap_fen"),
        number(BONUS, "paid_fen"),
        *_ending(INCENTIVE_SCORE),
    )
    return View(finished(_by_rank(rows), columns), columns)
