"""Red lines: authorised veto items that cap the tier and end the bonus, and change nothing else (method 3.6 F4)."""

from __future__ import annotations

import polars as pl

from scoring.tiers import TIERS, Tier, capped


class RedLineError(ValueError):
    """Red lines that may not be applied; ``problems`` names every one of them with the reason."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def apply_red_lines(
    units: pl.DataFrame, crossed: pl.DataFrame, authorised: pl.DataFrame, *, tier_cap: Tier = "C"
) -> pl.DataFrame:
    """Caps the tier of the units that crossed a red line and takes them out of the bonus.

    Neither the raw nor the differentiated nor the incentive score is touched, nor the rank, nor the
    tier of anybody else: a capped unit still holds its place in the quota.

    Args:
        units: org_id and tier, each unit once; further columns are kept as they are.
        crossed: org_id, red_line_id, decision_doc_no: which unit was found to have crossed which line.
        authorised: red_line_id, legal_basis of the authorised list.
        tier_cap: The best tier of such a unit.

    Returns:
        ``units`` with ``tier`` capped, red_line_id (sorted, joined by ``;``, null without),
        bonus_allowed, and the Boolean reason CAPPED_RED_LINE.

    Raises:
        RedLineError: A line is not on the authorised list, its entry has no legal basis, the decision
            has no document, or the unit is not assessed.
        ValueError: ``tier_cap`` is not a tier.
    """
    if tier_cap not in TIERS:
        raise ValueError(f"{tier_cap} is not a tier")
    _check_crossed(units, crossed, authorised)
    lines = crossed.group_by("org_id").agg(red_line_id=pl.col("red_line_id").unique().sort().str.join(";"))
    found = pl.col("red_line_id").is_not_null()
    lowered = pl.when(found).then(capped("tier", tier_cap)).otherwise("tier")
    return units.join(lines, on="org_id", how="left", maintain_order="left").with_columns(
        tier=lowered, bonus_allowed=~found, CAPPED_RED_LINE=lowered.ne_missing(pl.col("tier"))
    )


def _check_crossed(units: pl.DataFrame, crossed: pl.DataFrame, authorised: pl.DataFrame) -> None:
    known = crossed.join(authorised.with_columns(listed=True), on="red_line_id", how="left")
    wrong = {
        "is not on the authorised list": pl.col("listed").is_null(),
        "has no legal basis on the authorised list": pl.col("listed").is_not_null() & _blank("legal_basis"),
        "has no decision document": _blank("decision_doc_no"),
        "is for a unit that is not assessed": ~pl.col("org_id").is_in(units["org_id"].to_list()),
    }
    problems = tuple(
        f"red line {red_line_id} of {org_id} {why}"
        for why, condition in wrong.items()
        for red_line_id, org_id in known.filter(condition)
        .select("red_line_id", "org_id")
        .unique()
        .sort("red_line_id", "org_id")
        .iter_rows()
    )
    if problems:
        raise RedLineError(problems)


def _blank(column: str) -> pl.Expr:
    return pl.col(column).fill_null("").str.strip_chars() == ""
