"""Which ballots the frame lets count, and the denominators it gives every result."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from scoring.frame.build import Frame

INELIGIBLE = ("EXCLUDED", "NOT_ASSESSED", "OWN_DEPARTMENT", "NOT_A_RATER", "NOT_IN_FRAME", "REPLACED", "NO_DEALINGS")
"""Why a ballot does not count, in the order the reasons are tried."""


@dataclass(frozen=True)
class EligibleBallots:
    """``kept`` are the ballots that count; ``refused`` counts the others by reason: reason, n_ballots."""

    kept: pl.DataFrame
    refused: pl.DataFrame


def pair_reasons(pairs: pl.DataFrame, frame: Frame) -> pl.DataFrame:
    """Why a unit's ballots for a department do not count.

    Args:
        pairs: rater_org_id, ratee_org_id, each pair once.
        frame: The frame.

    Returns:
        The pairs with ``counted_for`` and ``reason`` (null: they count), see ``INELIGIBLE``.
    """
    whole = frame.excluded.filter(pl.col("rater_org_id").is_null()).select(ratee_org_id="org_id").unique()
    single = frame.excluded.drop_nulls("rater_org_id").select("rater_org_id", ratee_org_id="org_id").unique()
    both = ["ratee_org_id", "rater_org_id"]
    yes = pl.lit(value=True)
    rows = (
        pairs.join(frame.ratees.with_columns(known=yes), on="ratee_org_id", how="left")
        .join(whole.with_columns(out=yes), on="ratee_org_id", how="left")
        .join(single.with_columns(pair_out=yes), on=both, how="left")
        .join(frame.pairs.with_columns(pair_in=yes), on=both, how="left")
        .join(frame.within.with_columns(inside=yes), on=["scope_org_id", "rater_org_id"], how="left")
        .join(frame.units.select("rater_org_id", has_raters=yes), on="rater_org_id", how="left")
    )
    allowed = pl.when("listed").then("pair_in").when(pl.col("scope_org_id").is_not_null()).then("inside").otherwise(yes)
    reason = (
        pl.when(pl.col("out") | pl.col("pair_out"))
        .then(pl.lit("EXCLUDED"))
        .when(pl.col("known").is_null())
        .then(pl.lit("NOT_ASSESSED"))
        .when(pl.col("ratee_org_id") == pl.col("rater_org_id"))
        .then(pl.lit("OWN_DEPARTMENT"))
        .when(pl.col("has_raters").is_null())
        .then(pl.lit("NOT_A_RATER"))
        .when(allowed.is_null())
        .then(pl.lit("NOT_IN_FRAME"))
        .when(pl.col("counted_for").is_null())
        .then(pl.lit("REPLACED"))
    )
    return rows.select(*both, "counted_for", reason=reason)


def eligible_ballots(ballots: pl.DataFrame, frame: Frame, *, dealings: pl.DataFrame | None = None) -> EligibleBallots:
    """The ballots, or cells of one vote each, that the frame lets count (method A1).

    A ballot with a day of submission counts for the unit its rater had a post in on that day, whatever unit
    it names: a rater who moved votes for the unit of the day. Ballots for a department that only changed its
    id count for the successor, unless the rater also rated the successor itself.

    Args:
        ballots: rater_org_id, ratee_org_id and any further columns; ``rater_id`` where persons are known and
            ``submitted_on`` (Date) where the day is.
        frame: The frame.
        dealings: rater_org_id, ratee_org_id that had dealings in the period (register of tasks or cases);
            None where no register is connected, and then nothing is asked.

    Returns:
        The ballots that count, in their order, and the others counted by reason.
    """
    rows = ballots.with_row_index("_row")
    rows = _unit_of_the_day(rows, frame) if "submitted_on" in rows.columns and "rater_id" in rows.columns else rows
    pairs = rows.select("rater_org_id", "ratee_org_id").unique()
    judged = rows.join(pair_reasons(pairs, frame), on=["rater_org_id", "ratee_org_id"], how="left", nulls_equal=True)
    if "rater_id" in rows.columns:
        posts = frame.raters.select("rater_id", "rater_org_id").unique()
        judged = _marked(judged, posts, "NOT_A_RATER")
    if dealings is not None:
        judged = _marked(judged, dealings.select("rater_org_id", "ratee_org_id").unique(), "NO_DEALINGS")
    judged = _handed_on(judged)
    kept = judged.filter(pl.col("reason").is_null()).sort("_row").with_columns(ratee_org_id="counted_for")
    refused = judged.drop_nulls("reason").group_by("reason").agg(n_ballots=pl.len().cast(pl.Int64)).sort("reason")
    return EligibleBallots(kept.select(ballots.columns), refused)


def _unit_of_the_day(rows: pl.DataFrame, frame: Frame) -> pl.DataFrame:
    """``rater_org_id`` by the rater's post on the day; null where there was none."""
    posts = (
        rows.select("_row", "rater_id", "submitted_on")
        .join(frame.raters.rename({"rater_org_id": "post"}), on="rater_id")
        .filter((pl.col("first") <= pl.col("submitted_on")) & (pl.col("submitted_on") < pl.col("end")))
    )
    # Two posts on one day: the one the ballot names, else the one whose id sorts first.
    named = posts.join(rows.select("_row", named="rater_org_id"), on="_row")
    chosen = named.sort((pl.col("post") != pl.col("named")), "post").unique("_row", keep="first", maintain_order=True)
    dated = pl.col("submitted_on").is_not_null()
    return rows.join(chosen.select("_row", "post"), on="_row", how="left", maintain_order="left").with_columns(
        rater_org_id=pl.when(dated).then("post").otherwise("rater_org_id")
    ).drop("post")  # fmt: skip


def _marked(judged: pl.DataFrame, needed: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Gives ``reason`` to rows without one that do not match a row of ``needed``."""
    joined = judged.join(needed.with_columns(found=pl.lit(value=True)), on=needed.columns, how="left")
    missing = pl.when(pl.col("found").is_null()).then(pl.lit(reason))
    return joined.with_columns(reason=pl.coalesce("reason", missing)).drop("found")


def _handed_on(judged: pl.DataFrame) -> pl.DataFrame:
    """A ballot for the earlier id does not count beside one for the present id of the same voter."""
    if "rater_id" not in judged.columns:
        return judged
    voter = ["rater_id", *(name for name in ("instrument_id", "instrument_version") if name in judged.columns)]
    direct = judged.filter(pl.col("reason").is_null() & (pl.col("ratee_org_id") == pl.col("counted_for")))
    twice = direct.select(*voter, "counted_for").unique().with_columns(direct=pl.lit(value=True))
    judged = judged.join(twice, on=[*voter, "counted_for"], how="left", nulls_equal=True)
    earlier = pl.col("direct") & (pl.col("ratee_org_id") != pl.col("counted_for"))
    return judged.with_columns(reason=pl.coalesce("reason", pl.when(earlier).then(pl.lit("REPLACED"))))


def denominators(frame: Frame) -> pl.DataFrame:
    """How many units and raters may rate each assessed department.

    Returns:
        ratee_org_id, n_eligible_units, n_eligible_raters (Int64; raters where their last post is), sorted;
        one row per assessed department.
    """
    units = frame.units.filter(pl.col("n_raters") > 0).select("rater_org_id", "n_raters")
    assessed = frame.assessed.filter(pl.col("role") == "assessed_department").select("org_id")
    ratees = frame.ratees.join(assessed, left_on="ratee_org_id", right_on="org_id", how="semi")
    single = frame.excluded.drop_nulls("rater_org_id").select("rater_org_id", ratee_org_id="org_id").unique()
    by_rule = ratees.filter(~pl.col("listed"))
    scopes = frame.within.join(units, on="rater_org_id")
    counted = pl.concat(
        [
            _counted(scopes, ["scope_org_id"]),
            _counted(units.with_columns(scope_org_id=pl.lit(None, pl.String)), ["scope_org_id"]),
        ]
    )
    reachable = by_rule.join(counted, on="scope_org_id", how="left", nulls_equal=True)
    taken_out = pl.concat([single, by_rule.select("ratee_org_id", rater_org_id="ratee_org_id").select(single.columns)])
    removed = _counted(_allowed(taken_out.unique(), by_rule, frame).join(units, on="rater_org_id"), ["ratee_org_id"])
    by_rule = reachable.join(removed, on="ratee_org_id", how="left", suffix="_out").select(
        "ratee_org_id",
        *(pl.col(name).fill_null(0) - pl.col(f"{name}_out").fill_null(0) for name in _COUNTS),
    )
    pairs = frame.pairs.join(single, on=["ratee_org_id", "rater_org_id"], how="anti").filter(
        pl.col("ratee_org_id") != pl.col("rater_org_id")
    )
    by_name = ratees.filter("listed").select("ratee_org_id").join(
        _counted(pairs.join(units, on="rater_org_id"), ["ratee_org_id"]), on="ratee_org_id", how="left"
    ).with_columns(pl.col(_COUNTS).fill_null(0))  # fmt: skip
    return pl.concat([by_rule, by_name]).sort("ratee_org_id")


_COUNTS = ("n_eligible_units", "n_eligible_raters")


def _counted(rows: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    return rows.group_by(key).agg(n_eligible_units=pl.len().cast(pl.Int64), n_eligible_raters=pl.col("n_raters").sum())


def _allowed(pairs: pl.DataFrame, by_rule: pl.DataFrame, frame: Frame) -> pl.DataFrame:
    """Those of the pairs that the rule would let rate."""
    scoped = pairs.join(by_rule.select("ratee_org_id", "scope_org_id"), on="ratee_org_id")
    inside = scoped.drop_nulls("scope_org_id").join(frame.within, on=["scope_org_id", "rater_org_id"], how="semi")
    return pl.concat([inside, scoped.filter(pl.col("scope_org_id").is_null())])


def with_denominators(results: pl.DataFrame, frame: Frame) -> pl.DataFrame:
    """A result with the denominators of the frame.

    Args:
        results: A frame with ``ratee_org_id`` (departments) or ``org_id`` (units), any further columns.
        frame: The frame.

    Returns:
        The rows in their order; departments with n_eligible_units and n_eligible_raters, units with months
        (Int64 millionths) and n_assessed (assessed units of their peer group).

    Raises:
        ValueError: A row's subject is not assessed by the frame.
    """
    if "ratee_org_id" in results.columns:
        key, counts = "ratee_org_id", denominators(frame)
    else:
        key = "org_id"
        counts = frame.assessed.select(
            "org_id", "months", n_assessed=pl.len().over("role", "peer_group").cast(pl.Int64)
        )
    strangers = results.join(counts, on=key, how="anti")[key].unique().sort().to_list()
    if strangers:
        raise ValueError(f"not in the frame: {', '.join(strangers)}")
    return results.join(counts, on=key, how="left", maintain_order="left")
