"""Departments as published: scores, ranks among those shown, items and composites."""

from __future__ import annotations

import polars as pl
from sqlalchemy import Engine

from scoring.tables import DEPARTMENT_COMPOSITE, DEPARTMENT_ITEM, DEPARTMENT_SCORE
from warehouse.published.columns import Column, View, banded, column, finished, note, number
from warehouse.published.disclosure import (
    SUPPRESSED,
    UNRELIABLE,
    MinimumCell,
    count_band,
    has_reason,
    reliability_band,
    rounded,
)
from warehouse.releases import read_results

COMPOSITE_DECIMALS = 1
"""A composite is half reverse rating, so it is rounded like one."""

_SCORES = ("score_shrunken", "score_adjusted", "score_raw_mean", "ci_low", "ci_high")
_STANDING = ("rank", "rank_low", "rank_high", "component", "consequence")


def published_departments(engine: Engine, release_id: str, rule: MinimumCell) -> pl.DataFrame:
    """Rows of ``department_score`` as published, plus three columns.

    ``is_suppressed``: too few raters or units; nothing is shown. ``is_unreliable``: too unreliable to show a
    score (method 2.3); counts and reliability are. ``score_hidden``: either. Ranks are counted among those
    shown, and rank intervals widened by the number of ranked departments of the group that are not.
    """
    table = DEPARTMENT_SCORE
    rows = read_results(engine, release_id, table.name).with_columns(
        is_suppressed=rule.too_small(), is_unreliable=has_reason(UNRELIABLE)
    )
    rows = rows.with_columns(score_hidden=pl.col("is_suppressed") | pl.col("is_unreliable"))
    shown, scored = pl.when(~pl.col("is_suppressed")), pl.when(~pl.col("score_hidden"))
    group = ("peer_group", "component")
    hidden_ranks = (pl.col("is_suppressed") & pl.col("rank").is_not_null()).sum().over(group)
    rows = rows.with_columns(hidden_ranks=hidden_ranks)
    rows = rows.with_columns(shown.then(pl.col(name)).alias(name) for name in _STANDING)
    ranked = pl.col("rank").is_not_null().sum().over(group)
    return rows.with_columns(
        pl.col("rank").rank("min").over(group).cast(pl.Int64),
        # Whether a hidden department stands above or below is not told: both ends leave room for it.
        pl.max_horizontal(pl.lit(1), pl.col("rank_low") - pl.col("hidden_ranks")).cast(pl.Int64).alias("rank_low"),
        pl.min_horizontal(ranked, pl.col("rank_high")).cast(pl.Int64).alias("rank_high"),
        *(scored.then(rounded(table, name)).alias(name) for name in _SCORES),
        *(shown.then(rounded(table, name)).alias(name) for name in ("p_top", "p_bottom")),
        shown.then(reliability_band("reliability")).alias("reliability"),
        shown.then(count_band("n_raters")).alias("raters"),
        # Whether nobody or too few rated is not told apart, and no other reason is given.
        reason_codes=shown.then(pl.col("reason_codes")).otherwise(pl.lit(SUPPRESSED)),
    ).with_columns(
        # A constant would stand in rows without a rank as well.
        pl.when(pl.col("rank").is_not_null()).then(pl.col(name)).alias(name) for name in ("rank_low", "rank_high")
    ).drop("hidden_ranks")  # fmt: skip


def published_items(engine: Engine, release_id: str, rule: MinimumCell) -> pl.DataFrame:
    """Rows of ``department_item`` as published, plus ``is_suppressed``: with their department or by themselves."""
    table = DEPARTMENT_ITEM
    departments = published_departments(engine, release_id, rule).select(
        "ratee_org_id", department_suppressed="is_suppressed"
    )
    rows = read_results(engine, release_id, table.name).join(departments, on="ratee_org_id", how="left")
    small = pl.col("department_suppressed").fill_null(value=True) | (pl.col("n_answered") < rule.min_raters)
    rows = rows.with_columns(is_suppressed=small)
    shown = pl.when(~pl.col("is_suppressed"))
    return rows.with_columns(
        shown.then(rounded(table, "score_raw_mean")).alias("score_raw_mean"),
        shown.then(count_band("n_answered")).alias("answered"),
        reason_codes=shown.then(pl.lit(None, pl.String)).otherwise(pl.lit(SUPPRESSED)),
    )


def published_composites(engine: Engine, release_id: str, departments: pl.DataFrame) -> pl.DataFrame:
    """Composite of every department that is shown, rounded, with its rank among those shown.

    Args:
        engine: the warehouse.
        release_id: the release.
        departments: ``published_departments``.

    Returns:
        ``ratee_org_id``, ``composite_score``, ``composite_rank``.
    """
    shown = departments.filter(~pl.col("is_suppressed")).select("ratee_org_id")
    rows = read_results(engine, release_id, DEPARTMENT_COMPOSITE.name).join(shown, on="ratee_org_id", how="semi")
    return rows.select(
        "ratee_org_id",
        pl.col("composite_score").round(COMPOSITE_DECIMALS, mode="half_to_even").cast(pl.Float64),
        composite_rank=pl.col("rank").rank("min").over("peer_group").cast(pl.Int64),
    )


def departments(engine: Engine, release_id: str, rule: MinimumCell) -> View:
    """Departments, best first inside each peer group; composites where the release has any."""
    rows = published_departments(engine, release_id, rule)
    composites = published_composites(engine, release_id, rows)
    rows = rows.join(composites, on="ratee_org_id", how="left").rename({"score_shrunken": "score"})
    unranked = pl.col("rank").is_null()
    rows = rows.sort(
        pl.col("peer_group"), unranked, pl.when(~unranked).then(pl.col("component")), pl.col("rank"),
        pl.col("org_name"), pl.col("ratee_org_id"), nulls_last=True,
    )  # fmt: skip
    table = DEPARTMENT_SCORE
    columns = (
        number(table, "rank"),
        column(table, "org_name", zh="部门", en="department"),
        number(table, "score_shrunken", shown="score", zh="得分", en="score", suppressed_by="score_hidden"),
        number(table, "ci_low", zh="得分下限（95%）", en="score from (95%)", suppressed_by="score_hidden"),
        number(table, "ci_high", zh="得分上限（95%）", en="score to (95%)", suppressed_by="score_hidden"),
        number(table, "rank_low"),
        number(table, "rank_high"),
        banded(table, "reliability", "reliability", "信度", "reliability"),
        banded(table, "n_raters", "raters", "评分人数（档）", "raters (band)"),
        number(table, "consequence"),
        *(_composite_columns() if composites["composite_score"].count() else ()),
        note(table),
        column(table, "peer_group"),
        column(table, "ratee_org_id"),
    )
    return View(finished(rows, columns), columns)


def _composite_columns() -> tuple[Column, ...]:
    table = DEPARTMENT_COMPOSITE
    score, rank = table.column("composite_score"), table.column("rank")
    return (
        Column(
            "composite_score", score.zh, score.en, COMPOSITE_DECIMALS, True, score.description_zh, score.description_en
        ),
        Column(
            "composite_rank", "综合名次", "composite rank", None, True, rank.description_zh, rank.description_en
        ),
    )  # fmt: skip


def items(engine: Engine, release_id: str, rule: MinimumCell) -> View:
    """Raw means of departments by item."""
    rows = published_items(engine, release_id, rule)
    table = DEPARTMENT_ITEM
    columns = (
        column(table, "org_name", zh="部门", en="department"),
        column(table, "instrument_id"),
        column(table, "item_id"),
        column(table, "dimension"),
        number(table, "score_raw_mean"),
        banded(table, "n_answered", "answered", "作答数（档）", "answered (band)"),
        note(DEPARTMENT_SCORE),
        column(table, "peer_group"),
        column(table, "ratee_org_id"),
    )
    order = ["peer_group", "org_name", "ratee_org_id", "instrument_id", "item_id"]
    return View(finished(rows.sort(order, nulls_last=True), columns), columns)
