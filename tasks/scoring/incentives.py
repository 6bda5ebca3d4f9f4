"""Incentives: adders, tiers, red lines and money (method 3.6), and every adjustment that was applied (3.7)."""

from __future__ import annotations

import polars as pl

from scoring.adjustments import applied, exclusion_steps, select_adders
from scoring.bonus_pool import bonus_payments, bonus_rows
from scoring.incentives import incentive_rows, incentive_scores
from scoring.red_lines import apply_red_lines
from scoring.scheme import Scheme
from scoring.sums import divide_half_up
from scoring.tables import RESULT_TABLES
from scoring.tiers import Tier, tiers
from tasks.aggregate import Sums
from tasks.scoring import parameters
from tasks.scoring.units import UnitTables, assessed_units

POOLED = "POOLED_PERIODS"
"""Reason of a unit whose answers of several periods count together."""


def incentive_tables(units: UnitTables, sums: Sums, scheme: Scheme, period_id: str) -> dict[str, pl.DataFrame]:
    """Incentive scores, bonuses and pools, and all adjustments of the period as visible steps."""
    organisations = sums.frame.assessed.select("org_id", "org_name", "peer_group")
    adders = select_adders(units.selected.rows)
    steps = [*units.steps, exclusion_steps(units.selected.rows)]
    tables = {name: _empty(name) for name in ("incentive_score", "bonus", "bonus_pool")}
    rules = parameters.tier_rules(scheme)
    if not units.scores.is_empty() and scheme.incentive is not None and rules is not None:
        scored = incentive_scores(_candidates(units), adders, parameters.adders(scheme))
        steps.append(scored.steps)
        in_tiers = tiers(scored.units, rules)
        ranked = apply_red_lines(in_tiers, _crossed(sums, scheme), _authorised(scheme), tier_cap=_cap(scheme))
        tables["incentive_score"] = incentive_rows(ranked, organisations, period_id=period_id)
        tables |= _money(ranked, sums, scheme, organisations, period_id)
    tables["adjustment_applied"] = applied(steps, organisations, period_id=period_id)
    return tables


def _empty(name: str) -> pl.DataFrame:
    return RESULT_TABLES[name].conform(pl.DataFrame(schema=RESULT_TABLES[name].schema))


def _candidates(units: UnitTables) -> pl.DataFrame:
    pooled = units.tables["unit_satisfaction"].filter(pl.col("reason_codes").fill_null("").str.contains(POOLED))
    return units.scores.select(
        "org_id", "peer_group", "differentiated_score", "p_within_quota",
        has_satisfaction=pl.col("satisfaction_score").is_not_null(),
        pooled_periods=pl.col("org_id").is_in(pooled["org_id"].implode()),
    )  # fmt: skip


def _cap(scheme: Scheme) -> Tier:
    return scheme.red_lines.tier_cap.value if scheme.red_lines else "C"


def _authorised(scheme: Scheme) -> pl.DataFrame:
    listed = scheme.red_lines.authorised if scheme.red_lines else ()
    rows = [(each.red_line_id, each.legal_basis) for each in listed]
    return pl.DataFrame(rows, schema={"red_line_id": pl.String, "legal_basis": pl.String}, orient="row")


def _crossed(sums: Sums, scheme: Scheme) -> pl.DataFrame:
    """Published findings that hold an assessed unit accountable for a red line the scheme uses."""
    used = list(scheme.red_lines.used) if scheme.red_lines else []
    return (
        sums.findings.filter(pl.col("category").is_in(used) & (pl.col("grade") == "accountable"))
        .join(assessed_units(sums).select("org_id"), on="org_id", how="semi")
        .select("org_id", red_line_id="category", decision_doc_no="bulletin_no")
        .sort("org_id", "red_line_id")
    )


def _money(
    ranked: pl.DataFrame, sums: Sums, scheme: Scheme, organisations: pl.DataFrame, period_id: str
) -> dict[str, pl.DataFrame]:
    rules = parameters.pool_rules(scheme)
    if rules is None or scheme.bonus is None:
        return {}
    claims = ranked.select("org_id", "peer_group", "incentive_score", "bonus_allowed").join(
        bases(sums, scheme.bonus.standard.fen), on="org_id", how="left", maintain_order="left"
    )
    floor = pl.lit(scheme.bonus.pay_floor.fen, pl.Int64)
    paid = bonus_payments(
        claims.with_columns(floor_fen=floor), rules, total_fen=scheme.bonus.total.fen, carried_fen=sums.carried_fen
    )
    bonus, pools = bonus_rows(paid, organisations, period_id=period_id)
    return {"bonus": bonus, "bonus_pool": pools}


def bases(sums: Sums, standard_fen: int) -> pl.DataFrame:
    """Base of every unit: its staff times the standard, for the part of the period it was assessed.

    Returns:
        org_id, base_fen (Int64).
    """
    units = assessed_units(sums).select("org_id", "months")
    staff = sums.organisations.select("org_id", staff=pl.col("staff").cast(pl.Int64).fill_null(0))
    whole = units["months"].max()
    full = pl.lit(int(whole) if isinstance(whole, int) and whole > 0 else 1, pl.Int64)
    base = divide_half_up(pl.col("staff") * standard_fen * pl.col("months"), full)
    return units.join(staff, on="org_id", how="left", maintain_order="left").select(
        "org_id", base_fen=base.fill_null(0).cast(pl.Int64)
    )
