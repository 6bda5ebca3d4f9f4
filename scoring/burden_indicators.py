"""What departments lay on each unit, as indicators: the burden part of a department's composite (method 3.1 A6).

Only what the composite needs stands here: how much of a kind a department imposed per bearing unit.
Which indicators count, and how they are anchored, the scheme says.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from scoring.exact import points_decimal
from scoring.sums import RAW_SCALE, divide_half_up

BURDEN_INDICATORS: Mapping[str, tuple[str, ...]] = {
    "BURDEN-DOCUMENT": ("document", "reforwarded_document", "work_reminder"),
    "BURDEN-MEETING": ("meeting", "video_conf"),
    "BURDEN-INSPECTION": ("inspection", "survey_visit", "assessment"),
    "BURDEN-FORM": ("report_form", "app", "check_in", "work_group"),
    "BURDEN-OFF-LIST-TASK": ("temp_task",),
}
"""Burden kinds of every indicator; all are lower_better, in events per bearing unit."""

_EXACT = pl.Decimal(18, 6)

OFF_LIST = "BURDEN-OFF-LIST-TASK"
"""Counts only tasks that are neither on a duty list nor admitted."""


def burden_indicators(burden: pl.LazyFrame, issuers: pl.DataFrame, *, n_bearers: int) -> pl.DataFrame:
    """Quantity per bearing unit of every issuer and burden indicator.

    Duplicates (``dup_of``) count once. A department that imposed nothing of a kind has 0: the register
    was kept, so nothing is missing.

    Args:
        burden: Rows of burden_fact of one period: burden_kind, issuer_org_id, quantity (null counts as
            1), duty_id, admission_id, dup_of.
        issuers: org_id of the assessed departments.
        n_bearers: Units that could bear the burden, the same for every department.

    Returns:
        indicator_id, org_id, value, numerator (what was counted), denominator (bearing units; all
        Decimal(18,6)), direction (lower_better); sorted. Empty when no
        burden was recorded at all, which says that no register was delivered, or without bearers.
    """
    lookup = pl.DataFrame(
        [(kind, indicator) for indicator, kinds in BURDEN_INDICATORS.items() for kind in kinds],
        schema={"burden_kind": pl.String, "indicator_id": pl.String},
        orient="row",
    )
    on_list = pl.col("duty_id").is_not_null() | pl.col("admission_id").is_not_null()
    counted = (
        burden.filter(pl.col("dup_of").is_null())
        .join(lookup.lazy(), on="burden_kind")
        .filter((pl.col("indicator_id") != OFF_LIST) | ~on_list)
        .group_by("indicator_id", org_id="issuer_org_id")
        .agg(total=pl.col("quantity").fill_null(1).cast(pl.Int64).sum())
        .collect(engine="streaming")
    )
    recorded = burden.select(pl.len()).collect().item()
    if not recorded or n_bearers <= 0:
        issuers = issuers.clear()
    names = pl.DataFrame({"indicator_id": list(BURDEN_INDICATORS)})
    per_unit = divide_half_up(pl.col("total").fill_null(0) * RAW_SCALE, pl.lit(max(n_bearers, 1), pl.Int64))
    return (
        issuers.select("org_id")
        .join(names, how="cross")
        .join(counted, on=["org_id", "indicator_id"], how="left")
        .select(
            "indicator_id",
            "org_id",
            value=points_decimal(per_unit),
            numerator=pl.col("total").fill_null(0).cast(_EXACT),
            denominator=pl.lit(max(n_bearers, 0)).cast(_EXACT),
            direction=pl.lit("lower_better"),
        )
        .sort("indicator_id", "org_id")
    )
