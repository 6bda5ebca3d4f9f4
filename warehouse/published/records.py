"""What a release records beside its scores: turnout, adjustments and signs to be checked."""

from __future__ import annotations

import polars as pl
from sqlalchemy import Engine

from scoring.tables import ADJUSTMENT_APPLIED, ANOMALY, FRAME_MEMBER, FRAME_TURNOUT
from warehouse.published.columns import View, column, finished, note, number
from warehouse.published.departments import published_departments
from warehouse.published.disclosure import SUPPRESSED, MinimumCell, count_band, has_reason, rounded
from warehouse.releases import read_results

DEPARTMENT = "department"
UNIT = "unit"


def turnout(engine: Engine, release_id: str, rule: MinimumCell) -> View:
    """Turnout by stratum; ``peer_group`` is that of a stratum that is one."""
    del rule  # strata that are too small were merged before anything was counted
    table = FRAME_TURNOUT
    counts = ("n_eligible_units", "n_rated_units", "n_eligible_raters", "n_raters")
    rows = read_results(engine, release_id, table.name).with_columns(
        rounded(table, "turnout"), is_suppressed=has_reason(SUPPRESSED),
        peer_group=pl.col("stratum").str.extract(r"^(?:[^/]*/)?(.*)$").replace("*", None),
    )  # fmt: skip
    columns = (
        column(table, "role"),
        column(table, "stratum"),
        *(number(table, name) for name in (*counts, "turnout")),
        note(table),
        column(FRAME_MEMBER, "peer_group"),
    )
    return View(finished(rows.sort("role", "stratum"), columns), columns, by_group=False)


def adjustments(engine: Engine, release_id: str, rule: MinimumCell) -> View:
    """Every decided adjustment and the value it is about."""
    del rule  # decisions about facts and scores of units, none about answers
    table = ADJUSTMENT_APPLIED
    columns = (
        column(table, "adjustment_id"),
        column(table, "adj_kind"),
        column(table, "org_name", zh="单位", en="unit"),
        column(table, "what"),
        number(table, "before"),
        number(table, "after"),
        column(table, "decision_doc_no"),
        note(table),
        column(table, "peer_group"),
        column(table, "org_id"),
    )
    rows = read_results(engine, release_id, table.name)
    return View(finished(rows.sort("adjustment_id", "what"), columns), columns, by_group=False)


def anomalies(engine: Engine, release_id: str, rule: MinimumCell) -> View:
    """Signs to be checked about departments and the programme, with counts as bands.

    What was noticed about single units stays in the warehouse for the auditor: a rated department that read
    here which village rates it oddly could answer in kind.
    """
    table = ANOMALY
    hidden = published_departments(engine, release_id, rule).filter(pl.col("score_hidden"))
    names = read_results(engine, release_id, FRAME_MEMBER.name).sort("role", "org_id", "other_org_id")
    names = names.unique("org_id", keep="first", maintain_order=True).select("org_id", "org_name", "peer_group")
    flags = read_results(engine, release_id, table.name).filter(pl.col("subject_kind") != UNIT)
    rows = flags.join(names, on="org_id", how="left")
    of_department = pl.col("subject_kind") == DEPARTMENT
    not_shown = of_department & pl.col("org_id").is_in(hidden["ratee_org_id"].implode())
    rows = rows.with_columns(is_suppressed=not_shown | has_reason(SUPPRESSED))
    floats = ("statistic", "p_value", "score_without", "score_difference")
    rows = rows.with_columns(
        *(rounded(table, name) for name in floats),
        *(
            pl.when(of_department).then(count_band(name)).otherwise(pl.col(name).cast(pl.String)).alias(name)
            for name in ("n_flagged", "n_examined")
        ),
        evidence=pl.when(~of_department & ~pl.col("is_suppressed")).then("evidence"),
        reason_codes=pl.when(not_shown).then(pl.lit(SUPPRESSED)).otherwise("reason_codes"),
    )
    columns = (
        column(table, "subject_kind"),
        column(FRAME_MEMBER, "org_name"),
        column(table, "flag"),
        number(table, "n_flagged"),
        number(table, "n_examined"),
        *(number(table, name) for name in ("statistic", "threshold", "p_value", "score_without", "score_difference")),
        column(table, "evidence"),
        note(table),
        column(FRAME_MEMBER, "peer_group"),
        column(table, "org_id"),
    )
    return View(finished(rows.sort("subject_kind", "org_id", "flag"), columns), columns, by_group=False)
