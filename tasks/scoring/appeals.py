"""After publication an appeal moves the appellant's rows and the reserve, and nothing else (method 3.7 G2)."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from scoring.adjustments import only_appellants
from scoring.bonus_pool import BonusResults, appeal_payments, bonus_rows
from scoring.scheme import Scheme
from scoring.sums import raw_units
from scoring.tables import RESULT_TABLES
from tasks.aggregate import Sums
from tasks.scoring import parameters
from tasks.scoring.incentives import bases
from tasks.scoring.units import UnitTables

APPEALED = ("appeal", "correction")
_UNIT_TABLES = ("unit_points", "unit_indicator", "unit_cell", "unit_score", "incentive_score")

Results = Mapping[str, pl.DataFrame]


def only_appeals_are_new(published: Results, units: UnitTables) -> bool:
    """Whether every adjustment that is applied now and was not then is an appeal or a correction."""
    known = published["adjustment_applied"].select("adjustment_id").unique()
    new = units.selected.rows.join(known, on="adjustment_id", how="anti")
    return new.height > 0 and new["adj_kind"].is_in(APPEALED).all()


def settled(published: Results, recomputed: Results, units: UnitTables, sums: Sums, scheme: Scheme) -> Results:
    """The published results with the appellants' rows from the recomputation, paid from the reserve.

    Args:
        published: every result table as published.
        recomputed: every result table with the appeals applied.
        units: the recomputed units; ``selected`` are the adjustments in force.
        sums: what was recomputed from.
        scheme: the scheme of both.

    Returns:
        Every result table.

    Raises:
        ValueError: the score of a unit that did not appeal moved, so something frozen was changed.
    """
    known = published["adjustment_applied"].select("adjustment_id").unique()
    rows = units.selected.rows.filter(pl.col("adj_kind").is_in(APPEALED)).join(known, on="adjustment_id", how="anti")
    score = "differentiated_score"
    before, after = (_micropoints(tables["unit_score"], score) for tables in (published, recomputed))
    only_appellants(before, after, rows, score=score)
    appellants = rows.select("org_id").unique()
    tables = dict(published)
    for name in _UNIT_TABLES:
        own = recomputed[name].join(appellants, on="org_id", how="semi")
        others = published[name].join(appellants, on="org_id", how="anti")
        tables[name] = RESULT_TABLES[name].conform(pl.concat([others, own]))
    tables["adjustment_applied"] = recomputed["adjustment_applied"]
    return tables | _paid(published, recomputed, appellants, sums, scheme)


def _micropoints(rows: pl.DataFrame, score: str) -> pl.DataFrame:
    return rows.select("org_id", raw_units(score).alias(score))


def _paid(
    published: Results, recomputed: Results, appellants: pl.DataFrame, sums: Sums, scheme: Scheme
) -> dict[str, pl.DataFrame]:
    """Payments and pools after the appeals; as published where the scheme pays nothing or nobody has a score."""
    rules = parameters.pool_rules(scheme)
    scored = recomputed["incentive_score"].join(appellants, on="org_id", how="semi").drop_nulls("incentive_score")
    if rules is None or scheme.bonus is None or scored.is_empty() or published["bonus"].is_empty():
        return {}
    paid = published["bonus"].select("org_id")
    corrected = scored.join(paid, on="org_id", how="semi").select(
        "org_id", raw_units("incentive_score").alias("incentive_score"), bonus_allowed=pl.col("red_line_id").is_null(),
        floor_fen=pl.lit(scheme.bonus.pay_floor.fen, pl.Int64),
    ).join(bases(sums, scheme.bonus.standard.fen), on="org_id", maintain_order="left")  # fmt: skip
    columns = ("org_id", "peer_group", "base_fen", "factor", "cap_fen", "paid_fen", "reason_codes")
    units = published["bonus"].select(columns)
    pools = published["bonus_pool"].drop("period_id")
    done = appeal_payments(units, pools, corrected, rules)
    names = published["bonus"].select("org_id", "org_name", "peer_group")
    period_id = str(published["bonus"]["period_id"][0])
    bonus, pool = bonus_rows(BonusResults(done.units, done.pools), names, period_id=period_id)
    return {"bonus": bonus, "bonus_pool": pool}
