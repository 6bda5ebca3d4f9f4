"""Findings with their re-checks, and the units whose registers serve as monitoring points.

A finding is open, mended, rechecked or relapsed (``finding.followup``). Mended is what the organisation says itself;
whether it holds, the re-check says. Findings that are not in the burden rules (burden catalogue, part 3.10) come in
here alone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import polars as pl

from scoring.burden.admission_register import NOBODY, answering
from scoring.burden.flags import EVIDENCE_AT_MOST
from scoring.burden.inputs import BurdenInputs, within
from scoring.burden.parameters import Parameters
from scoring.burden.registers import ISSUER, RECEIVING, one_truth
from scoring.tables.admission import FINDING_COUNT, MONITORING_POINT

STATES: Final = ("open", "mended", "rechecked", "relapsed")

OWN_REGISTERS: Final = (RECEIVING, "monitoring_unit")
"""Registers a bearing unit keeps itself."""


def findings_on(inputs: BurdenInputs, parameters: Parameters) -> pl.DataFrame:
    """Every finding with its state at the end of the window and whether its re-check is overdue.

    A re-check dated after the window has not happened yet: the finding then counts as mended. A re-check is due
    ``finding.recheck_days`` after the finding, mended or not; a relapsed finding was re-checked and found wanting, and
    is due for another re-check that long after.

    Returns:
        finding_id, org_id, subject_org_id (who answers for it; ``*`` for a village), found_at, category, grade,
        state, rechecked_at (null while it lies ahead), recheck_by (Date; null once rechecked), days_overdue (Int64;
        null where nothing is overdue); sorted by finding_id. Findings after the window are left out.
    """
    last = pl.lit(inputs.window.end - timedelta(days=1))
    ahead = (pl.col("rechecked_at") > last).fill_null(value=False)
    checked = pl.col("followup").is_in(["rechecked", "relapsed"])
    state = pl.when(checked & ahead).then(pl.lit("mended")).otherwise(pl.col("followup").fill_null("open"))
    days = int(parameters.whole("finding.recheck_days"))
    since = pl.when(pl.col("state") == "relapsed").then(pl.coalesce("rechecked_at", "found_at")).otherwise("found_at")
    overdue = (last - pl.col("recheck_by")).dt.total_days()
    known = answering(inputs.organisations)
    named = pl.col("org_id").is_in(known["org_id"].implode())
    return (
        inputs.findings.filter(pl.col("found_at") < inputs.window.end)
        .join(known, on="org_id", how="left")
        .with_columns(
            state=state,
            rechecked_at=pl.when(ahead.not_()).then("rechecked_at"),
            subject_org_id=pl.when(named).then("answers_org_id").otherwise("org_id").fill_null(NOBODY),
        )
        .with_columns(recheck_by=pl.when(pl.col("state") != "rechecked").then(since + pl.duration(days=days)))
        .with_columns(days_overdue=pl.when(overdue > 0).then(overdue))
        .select(
            "finding_id",
            "org_id",
            "subject_org_id",
            "found_at",
            "category",
            "grade",
            "state",
            "rechecked_at",
            "recheck_by",
            "days_overdue",
        )
        .sort("finding_id")
    )


def finding_counts(inputs: BurdenInputs, parameters: Parameters) -> pl.DataFrame:
    """Findings of each organisation by state at the end of the window, and its overdue re-checks.

    Args:
        inputs: findings and organisations are read.
        parameters: finding.recheck_days.

    Returns:
        ``FINDING_COUNT``.

    Raises:
        ValueError: A finding has a state that is not in ``STATES``.
    """
    rows = findings_on(inputs, parameters)
    strange = rows.filter(pl.col("state").is_in(STATES).not_())
    if strange.height:
        finding, state = strange.select("finding_id", "state").row(0)
        raise ValueError(f"finding {finding} has the follow-up {state}; give one of {', '.join(STATES)}")
    late = pl.col("finding_id").filter(pl.col("days_overdue").is_not_null()).sort()
    return FINDING_COUNT.conform(
        rows.group_by("subject_org_id")
        .agg(
            n_found=within(inputs.window, "found_at").sum(),
            n_overdue=pl.col("days_overdue").count(),
            most_days_overdue=pl.col("days_overdue").max(),
            overdue_findings=late.head(EVIDENCE_AT_MOST).str.join(";"),
            **{f"n_{state}": (pl.col("state") == state).sum() for state in STATES},
        )
        .with_columns(pl.col("overdue_findings").replace("", None), period_id=pl.lit(inputs.window.period_id))
    )


def monitoring_points(inputs: BurdenInputs, rows: pl.LazyFrame, parameters: Parameters) -> pl.DataFrame:
    """The bearing units that keep a register of what they receive, and whether it can be trusted.

    It is trusted where it holds at least ``monitoring.matched_share`` of what issuers recorded on the unit
    (``monitoring.rows_min`` rows at least): a register that knows what others admit to can be believed about what
    they do not. Such a unit is a monitoring point; its register can stand in where an issuer's is incomplete.

    Args:
        inputs: organisations and findings are read.
        rows: Rows of burden_fact with bearers filled in (``facts.expand``), both registers still in them; lazy.
        parameters: monitoring.matched_share, monitoring.rows_min, register.match_days.

    Returns:
        ``MONITORING_POINT``; one row per unit with a row of its own in the window. Findings are those about the unit
        or the organisation above it up to the end of the window.
    """
    least, fewest = parameters.number("monitoring.matched_share"), parameters.whole("monitoring.rows_min")
    own = pl.col("reported_by").is_in(OWN_REGISTERS).fill_null(value=False)
    told_by_others = pl.col("reported_by").ne_missing("hotline")
    # A monitoring unit's report is its own register too, so that the two never stand in for each other.
    registers = rows.filter(
        within(inputs.window) & told_by_others & pl.col("target_org_id").is_not_null()
    ).with_columns(reported_by=pl.when(own).then(pl.lit(RECEIVING)).otherwise(pl.lit(ISSUER)))
    is_own = pl.col("reported_by") == RECEIVING
    of_all, unmatched = pl.collect_all(
        [
            registers.group_by(org_id="target_org_id").agg(
                n_own_rows=is_own.sum().cast(pl.Int64), n_issuer_rows=is_own.not_().sum().cast(pl.Int64)
            ),
            one_truth(registers, parameters.whole("register.match_days"))
            .filter(is_own)
            .group_by(org_id="target_org_id")
            .agg(n_unmatched=pl.len().cast(pl.Int64)),
        ],
        engine="streaming",
    )
    matched = pl.min_horizontal(pl.col("n_own_rows") - pl.col("n_unmatched").fill_null(0), "n_issuer_rows")
    share = pl.col("n_matched") / pl.col("n_issuer_rows")
    enough = pl.col("n_issuer_rows") >= fewest
    state = (
        pl.when(enough.not_())
        .then(pl.lit("unknown"))
        .when(share >= least)
        .then(pl.lit("trusted"))
        .otherwise(pl.lit("not_trusted"))
    )
    return MONITORING_POINT.conform(
        of_all.filter(pl.col("n_own_rows") > 0)
        .join(unmatched, on="org_id", how="left")
        .with_columns(n_matched=matched)
        .join(inputs.organisations.select("org_id", "org_name", "peer_group"), on="org_id", how="left")
        .join(_findings_near(inputs), on="org_id", how="left")
        .with_columns(
            pl.col("n_findings", "n_rechecked").fill_null(0),
            period_id=pl.lit(inputs.window.period_id),
            matched_share=pl.when(enough).then(share),
            threshold=pl.lit(least),
            state=state,
            reason_codes=pl.when(enough.not_()).then(pl.lit("TOO_FEW_ROWS_TO_MATCH")),
        )
    )


def _findings_near(inputs: BurdenInputs) -> pl.DataFrame:
    """org_id, n_findings, n_rechecked: findings about a unit itself or about the organisation it belongs to."""
    end = inputs.window.end
    units = inputs.organisations.select("org_id", about=pl.concat_list("org_id", "parent_org_id")).explode("about")
    rechecked = pl.col("followup").is_in(["rechecked", "relapsed"]) & (pl.col("rechecked_at") < end)
    return (
        units.drop_nulls()
        .join(inputs.findings.filter(pl.col("found_at") < end), left_on="about", right_on="org_id")
        .group_by("org_id")
        .agg(n_findings=pl.len().cast(pl.Int64), n_rechecked=rechecked.sum().cast(pl.Int64))
    )
