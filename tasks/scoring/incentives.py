"""Incentives: adders, tiers, red lines and money (method 3.6), and every adjustment that was applied (3.7)."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from scoring.adjustments import applied, exclusion_steps, select_adders
from scoring.bonus_pool import bonus_payments, bonus_rows
from scoring.incentives import incentive_rows, incentive_scores, usable_adders
from scoring.red_lines import apply_red_lines
from scoring.scheme import Scheme
from scoring.sums import divide_half_up
from scoring.tables import RESULT_TABLES
from scoring.tiers import Tier, tiers
from tasks.aggregate import Sums
from tasks.scoring import parameters
from tasks.scoring.departments import ballot_exclusions
from tasks.scoring.units import UnitTables, assessed_units

POOLED = "POOLED_PERIODS"
"""Reason of a unit whose answers of several periods count together."""


def incentive_tables(units: UnitTables, sums: Sums, scheme: Scheme, period_id: str) -> dict[str, pl.DataFrame]:
    """Incentive scores, bonuses and pools, and all adjustments of the period as visible steps."""
    organisations = sums.frame.assessed.select("org_id", "org_name", "peer_group")
    adders = select_adders(units.selected.rows)
    steps = [*units.steps, _exclusions(units, sums)]
    tables = {name: RESULT_TABLES[name].empty() for name in ("incentive_score", "bonus", "bonus_pool")}
    rules = parameters.tier_rules(scheme)
    if not units.scores.is_empty() and scheme.incentive is not None and rules is not None:
        candidates, limits = _candidates(units), parameters.adders(scheme)
        usable, refused = usable_adders(adders, candidates, limits)
        scored = incentive_scores(candidates, usable, limits)
        steps += [scored.steps, refused.select(scored.steps.columns)]
        in_tiers = tiers(scored.units, rules)
        ranked = apply_red_lines(in_tiers, _crossed(sums, scheme), _authorised(scheme), tier_cap=_cap(scheme))
        tables["incentive_score"] = incentive_rows(ranked, organisations, period_id=period_id)
        tables |= _money(ranked, sums, scheme, organisations, period_id)
    steps.append(_without_effect(units, steps))
    tables["adjustment_applied"] = applied(steps, organisations, period_id=period_id)
    return tables


def _exclusions(units: UnitTables, sums: Sums) -> pl.DataFrame:
    """Exclusions as steps; one of ballots that says no unit or nobody who decided takes nothing out."""
    known = ballot_exclusions(sums.adjustments).join(sums.frame.units, on="rater_org_id", how="semi")
    applied_ones = known["adjustment_id"].implode()
    about_ballots = units.selected.rows.filter(pl.col("target_table") == "rating_event")["adjustment_id"].implode()
    identifier = pl.col("adjustment_id")
    partly = units.selected.rows.filter((pl.col("target_table") == "rating_frame") & (pl.col("decision") != "upheld"))
    incomplete = (identifier.is_in(about_ballots) & ~identifier.is_in(applied_ones)) | identifier.is_in(
        partly["adjustment_id"].implode()
    )
    steps = exclusion_steps(units.selected.rows)
    return steps.with_columns(reason_codes=pl.when(incomplete).then(pl.lit("EXCLUSION_INCOMPLETE")))


def _without_effect(units: UnitTables, steps: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Upheld adjustments that no step says anything of: there was nothing they could change."""
    told = pl.concat([step.select("adjustment_id") for step in steps])
    number = pl.lit(None, pl.Decimal(18, 6))
    return units.selected.rows.join(told, on="adjustment_id", how="anti").select(
        "adjustment_id", "adj_kind", "org_id", what="target_table", before=number, after=number,
        decision_doc_no="decision_doc_no", reason_codes=pl.lit("NOTHING_TO_ADJUST"),
    )  # fmt: skip


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
    """Published findings that hold an assessed unit accountable for a red line the scheme uses.

    A finding without the number of its bulletin is no decision: it caps nothing until the number is delivered.
    """
    used = list(scheme.red_lines.used) if scheme.red_lines else []
    return (
        sums.findings.filter(pl.col("category").is_in(used) & (pl.col("grade") == "accountable"))
        .filter(pl.col("bulletin_no").fill_null("").str.strip_chars() != "")
        .join(assessed_units(sums).select("org_id"), on="org_id", how="semi")
        .select("org_id", red_line_id="category", decision_doc_no="bulletin_no")
        .unique(["org_id", "red_line_id"], keep="first", maintain_order=True)
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
    if not claims["base_fen"].sum():
        return {}  # no staff was delivered for anybody, so there is nothing to share the pool by
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
