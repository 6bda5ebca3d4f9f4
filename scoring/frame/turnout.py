"""Turnout by stratum, shown only after closing and never of a group small enough to point at somebody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from scoring.frame.build import Frame
from scoring.tables.frame import FRAME_TURNOUT
from scoring.tables.reasons import join_reasons

MERGED = "*"
"""In the name of a stratum: peer groups, or kinds of organisation too, are merged."""


@dataclass(frozen=True)
class _Stratum:
    kind: str
    group: str | None
    n_units: int
    n_raters: int

    @property
    def name(self) -> str:
        return self.kind if self.group is None else f"{self.kind}/{self.group}"


def turnout(
    frame: Frame, ballots: pl.DataFrame, *, period_id: str, closed: bool, min_units: int = 5, min_raters: int = 10
) -> pl.DataFrame:
    """Turnout of the raters by stratum of their unit, and how many departments were rated.

    A stratum is the kind and peer group of the unit. Strata with fewer than ``min_units`` units or
    ``min_raters`` raters are merged: first those of one kind, then of all kinds, and as long as the merged
    stratum is itself too small the smallest of the others joins it. So no stratum has to be hidden that could
    be worked out from the rest. A rater who moved is counted once, in the unit they voted for.

    Args:
        frame: The frame.
        ballots: ``eligible_ballots(...).kept``: rater_id, rater_org_id, ratee_org_id.
        period_id: The period.
        closed: Whether rating is over; turnout of an open period is never shown, since it tells who has yet
            to be pressed to vote.
        min_units: Fewest units of a stratum.
        min_raters: Fewest raters of a stratum.

    Returns:
        ``tables.frame.FRAME_TURNOUT``; empty while the period is open. Counts are null with
        ``SUPPRESSED_SMALL_N`` where all units together are too few.

    Raises:
        ValueError: A ballot's rater is not in the frame: the ballots were not judged by this frame.
    """
    if not closed:
        return FRAME_TURNOUT.conform(pl.DataFrame(schema=FRAME_TURNOUT.schema))
    rows = pl.concat([_rating(frame, ballots, min_units, min_raters), _rated(frame, ballots)], how="diagonal_relaxed")
    return FRAME_TURNOUT.conform(rows.with_columns(period_id=pl.lit(period_id)))


def _rating(frame: Frame, ballots: pl.DataFrame, min_units: int, min_raters: int) -> pl.DataFrame:
    voted = ballots.group_by("rater_id").agg(pl.col("rater_org_id").max()).with_columns(voted=pl.lit(value=True))
    if voted.join(frame.raters, on="rater_id", how="anti").height:
        raise ValueError("ballots of raters who are not in the frame")
    last = frame.raters.unique("rater_id", keep="last", maintain_order=True).select("rater_id", last="rater_org_id")
    persons = last.join(voted, on="rater_id", how="left").with_columns(
        rater_org_id=pl.coalesce("rater_org_id", "last"), voted=pl.col("voted").fill_null(value=False)
    )
    by_unit = persons.group_by("rater_org_id").agg(
        n_eligible_raters=pl.len().cast(pl.Int64), n_raters=pl.col("voted").sum().cast(pl.Int64)
    )
    units = by_unit.join(frame.units.drop("n_raters"), on="rater_org_id", how="left").with_columns(
        kind=pl.col("org_kind").fill_null("other"), group="peer_group"
    )
    sizes = units.group_by("kind", "group").agg(
        n_units=pl.len().cast(pl.Int64), n_raters=pl.col("n_eligible_raters").sum()
    )
    strata = [_Stratum(*row) for row in sizes.sort("kind", "group").iter_rows()]
    names = _merged(strata, min_units, min_raters)
    named = pl.DataFrame(
        [(stratum.kind, stratum.group, names[stratum]) for stratum in strata],
        schema={"kind": pl.String, "group": pl.String, "stratum": pl.String},
        orient="row",
    )
    counted = units.join(named, on=["kind", "group"], nulls_equal=True).group_by("stratum").agg(
        n_eligible_units=pl.len().cast(pl.Int64),
        n_rated_units=(pl.col("n_raters") > 0).sum().cast(pl.Int64),
        n_eligible_raters=pl.col("n_eligible_raters").sum(),
        n_raters=pl.col("n_raters").sum(),
    )  # fmt: skip
    small = (pl.col("n_eligible_units") < min_units) | (pl.col("n_eligible_raters") < min_raters)
    counts = ["n_eligible_units", "n_rated_units", "n_eligible_raters", "n_raters"]
    return counted.with_columns(
        *(pl.when(~small).then(name).alias(name) for name in counts),
        role=pl.lit("may_rate"),
        turnout=pl.when(~small).then(pl.col("n_raters") / pl.col("n_eligible_raters")),
        reason_codes=join_reasons({"SUPPRESSED_SMALL_N": small}),
    )


def _merged(strata: list[_Stratum], min_units: int, min_raters: int) -> dict[_Stratum, str]:
    """The name of the published stratum each one belongs to."""

    def small(parts: list[_Stratum]) -> bool:
        return sum(part.n_units for part in parts) < min_units or sum(part.n_raters for part in parts) < min_raters

    published: dict[str, list[_Stratum]] = {}
    for kind in sorted({part.kind for part in strata}):
        published |= _pooled({part.name: [part] for part in strata if part.kind == kind}, f"{kind}/{MERGED}", small)
    published = _pooled(published, MERGED, small)
    return {part: name for name, parts in published.items() for part in parts}


def _pooled(
    strata: dict[str, list[_Stratum]], into: str, small: Callable[[list[_Stratum]], bool]
) -> dict[str, list[_Stratum]]:
    """The strata with the small ones, and as many of the next smallest as it takes, merged into one."""
    pool = [part for parts in strata.values() if small(parts) for part in parts]
    rest = {name: parts for name, parts in strata.items() if not small(parts)}
    by_size = sorted(rest, key=lambda name: (sum(part.n_units for part in rest[name]), name))
    while pool and small(pool) and by_size:
        pool += rest.pop(by_size.pop(0))
    return rest | ({into: pool} if pool else {})


def _rated(frame: Frame, ballots: pl.DataFrame) -> pl.DataFrame:
    """How many assessed departments of each peer group have a valid ballot."""
    rated = ballots["ratee_org_id"].unique()
    departments = frame.assessed.filter(pl.col("role") == "assessed_department")
    return departments.group_by(stratum=pl.col("peer_group").fill_null(MERGED)).agg(
        n_eligible_units=pl.len().cast(pl.Int64),
        n_rated_units=pl.col("org_id").is_in(rated.implode()).sum().cast(pl.Int64),
        role=pl.lit("assessed_department"),
    )
