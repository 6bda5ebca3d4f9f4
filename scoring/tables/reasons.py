"""Why a value is missing or a subject carries no rank: every reason code, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Reason:
    """Why a value is missing or a subject carries no rank."""

    code: str
    zh: str
    en: str


REASONS: Mapping[str, Reason] = {
    reason.code: reason
    for reason in (
        Reason("NO_RATINGS", "没有有效评分", "no valid rating"),
        Reason("LOW_CONTACT", "“不了解”超过规定比例，不参加排名", "too many don't-know answers to be ranked"),
        Reason("ZERO_VARIANCE", "所有评分完全相同，不参加排名", "all ratings are identical, so there is no rank"),
        Reason(
            "NOT_DISTINGUISHABLE",
            "各部门之间没有可分辨的差别，不参加排名",
            "the departments cannot be told apart, so there is no rank",
        ),
        Reason(
            "PERFECT_FIT",
            "评分之间没有剩余差异，无法估计误差，不参加排名",
            "no residual spread, so no error estimate and no rank",
        ),
        Reason(
            "DISCONNECTED",
            "同组部门没有共同评分人，只在相连部分内排名",
            "no common raters with part of the group; ranked inside its connected part",
        ),
        Reason("NO_PEER_GROUP", "没有可比组，不参加排名", "no peer group, so there is no rank"),
        Reason("SUPPRESSED_SMALL_N", "参评人数或单位数不足，不予公布", "too few raters or units to be published"),
        Reason(
            "NO_ANCHORS",
            "考核方案没有该指标的锚点，不计分",
            "the scheme has no anchors for this indicator, so no points",
        ),
        Reason("NO_BASELINE", "没有基期值，不计进步分", "no baseline value, so no improvement points"),
        Reason("ZERO_SPREAD", "达标值与标杆值之间没有差距", "the threshold and the benchmark leave no spread"),
        Reason("NO_ANSWERS", "没有有效回答", "no valid answer"),
    )
}
"""Every reason code, in the order codes are joined in a ``reason_codes`` column."""


def join_reasons(conditions: Mapping[str, pl.Expr]) -> pl.Expr:
    """The codes whose condition holds, in the order of ``REASONS``, joined by ``;`` (null when none).

    Raises:
        KeyError: A code is not declared in ``REASONS``.
    """
    unknown: Sequence[str] = [code for code in conditions if code not in REASONS]
    if unknown:
        raise KeyError(f"undeclared reason codes: {', '.join(unknown)}")
    codes = [
        pl.when(conditions[code].fill_null(value=False)).then(pl.lit(code)) for code in REASONS if code in conditions
    ]
    joined = pl.concat_str(codes, separator=";", ignore_nulls=True)
    return pl.when(joined != "").then(joined).alias("reason_codes")
