"""Who is assessed, who may rate whom and who is excluded, from the rows delivered and the registers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from scoring.frame.lineage import events, lineage, replaced, successions, versions_within
from scoring.months import months_between

DEPARTMENT_KINDS = (
    "county_gov_dept",
    "county_party_dept",
    "mass_org",
    "vertical_agency",
    "public_institution",
    "prefecture_dept",
    "province_dept",
)
"""Organisations that are assessed without a frame, ratings or not; a coordinating body answers through its host."""

GRASSROOTS_LEVELS = ("village", "township")
"""Levels whose organisations are units; organisations of every other level are departments."""

ROLES_ONLY_BY_NAME = ("resident", "enterprise")
"""Rater roles that count only where the frame names their unit in a may-rate row."""


@dataclass(frozen=True)
class Frame:
    """The frame of one period as frames of rows, each sorted by its first columns.

    ``assessed``: org_id, org_name, org_kind, role (``assessed_department`` or ``assessed_unit``), peer_group
    (frozen), months (Int64 millionths the organisation itself was assessed), improvement (whether improvement
    points may be given, method 3.8), baseline_org_id (whose earlier value improvement is measured from).
    ``ratees``: ratee_org_id, counted_for (the same, or the one successor that took its place; null where
    several did), scope_org_id (only units below it may rate; null: all), listed (only units named in
    ``pairs`` may rate).
    ``pairs``: ratee_org_id, rater_org_id, as delivered. ``within``: scope_org_id, rater_org_id.
    ``excluded``: org_id, rater_org_id (null: excluded as a whole), reason, decided_by_org_id.
    ``units``: rater_org_id, org_name, org_kind, peer_group, n_raters (raters whose last post is there).
    ``raters``: rater_id, rater_org_id, first, end; one row per post. Pseudonyms: it never leaves the scoring
    process.
    ``events``: see ``lineage.events``. ``lineage``: see ``lineage.lineage``, assessed organisations only.
    """

    period_start: date
    period_end: date
    delivered: bool
    assessed: pl.DataFrame
    ratees: pl.DataFrame
    pairs: pl.DataFrame
    within: pl.DataFrame
    excluded: pl.DataFrame
    units: pl.DataFrame
    raters: pl.DataFrame
    events: pl.DataFrame
    lineage: pl.DataFrame


def build_frame(
    rating_frame_rows: pl.DataFrame,
    organisations: pl.DataFrame,
    raters: pl.DataFrame,
    *,
    period_start: date,
    period_end: date,
    exclusions: pl.DataFrame | None = None,
) -> Frame:
    """The frame of a period from the rows delivered for it and the registers (method 2.5, 3.8).

    With rows delivered: if any organisation is listed as assessed, departments not listed are not assessed,
    and likewise units if any unit is listed; a department with may-rate rows is rated by those units only;
    what is excluded is out, as a whole or for one unit. The validity of a row limits the months assessed.
    Without rows: departments are those of ``DEPARTMENT_KINDS``, units those of ``GRASSROOTS_LEVELS``, and a
    unit rates the departments whose parent it stands below, or that have no parent.

    An organisation that others continue within the period is not assessed by itself; its months are parts of
    its successors, which are assessed in its place even where the rows, being older, do not name them.

    Args:
        rating_frame_rows: Rows of rating_frame of the period (may be empty): role, subject_org_id,
            rater_org_id, reason, decided_by_org_id, valid_from, valid_to, peer_group.
        organisations: All versions of org_unit: org_id, org_name, org_kind, level, parent_org_id, peer_group,
            valid_from, valid_to, change_kind, predecessor_org_ids, predecessor_shares. Versions outside the
            period are not read.
        raters: Rows of rater: rater_id, rater_org_id, rater_role, valid_from, valid_to.
        period_start: First day of the period.
        period_end: First day after it.
        exclusions: ``decided_exclusions``: what was excluded by a decision after the frame was delivered.

    Returns:
        The frame. Peer groups are those of the rows, else those of the register on the organisation's first
        day in the period.

    Raises:
        ValueError: The period is empty, an assessed organisation is not in the register in the period, or see
            ``lineage.successions``.
    """
    if period_start >= period_end:
        raise ValueError(f"the period {period_start} to {period_end} is empty")
    register = versions_within(organisations, period_start, period_end)
    continued = successions(organisations, period_start, period_end)
    gone = replaced(register, continued, period_end)
    excluded = _excluded(rating_frame_rows, exclusions)
    listed = _listed(rating_frame_rows, register, gone)
    happened = events(register, continued, period_start, period_end)
    assessed = _assessed(listed, register, excluded, gone, happened, period_start, period_end)
    pairs = _pairs(rating_frame_rows)
    posts = _posts(raters, pairs, period_start, period_end)
    ratees = _ratees(listed, register, excluded, gone, pairs, delivered=not rating_frame_rows.is_empty())
    units = _units(posts, register)
    return Frame(
        period_start,
        period_end,
        delivered=not rating_frame_rows.is_empty(),
        assessed=assessed,
        ratees=ratees,
        pairs=pairs,
        within=_within(ratees, register, units),
        excluded=excluded,
        units=units,
        raters=posts,
        events=happened,
        lineage=lineage(register, continued, period_start, period_end).join(assessed, on="org_id", how="semi"),
    )


_EXCLUDED = ("org_id", "rater_org_id", "reason", "decided_by_org_id")


def decided_exclusions(adjustments: pl.DataFrame, *, period_id: str) -> pl.DataFrame:
    """Exclusions from the frame that were decided as adjustments (method 2.9: removal needs a signed decision).

    Args:
        adjustments: Current rows of the dataset adjustment. Those of kind exclusion whose ``target_table`` is
            rating_frame, upheld and with a decision document, are taken; ``target_key`` names
            subject_org_id (else ``org_id`` is the subject) and, for a single pair, rater_org_id.
        period_id: The period.

    Returns:
        org_id, rater_org_id (null: as a whole), reason, decided_by_org_id, sorted.
    """
    decided = adjustments.filter(
        (pl.col("period_id") == period_id)
        & (pl.col("adj_kind") == "exclusion")
        & (pl.col("target_table") == "rating_frame")
        & (pl.col("decision") == "upheld")
        & (pl.col("decision_doc_no").fill_null("").str.strip_chars() != "")
    )
    named = {name: pl.col("target_key").str.json_path_match(f"$.{name}") for name in ("subject_org_id", "rater_org_id")}
    return decided.select(
        pl.coalesce(named["subject_org_id"], "org_id").alias("org_id"),
        named["rater_org_id"].alias("rater_org_id"),
        pl.concat_str("grounds", "decision_doc_no", separator="; ", ignore_nulls=True).alias("reason"),
        "decided_by_org_id",
    ).sort(_EXCLUDED)


def _excluded(rows: pl.DataFrame, exclusions: pl.DataFrame | None) -> pl.DataFrame:
    delivered = rows.filter(pl.col("role") == "excluded").rename({"subject_org_id": "org_id"}).select(_EXCLUDED)
    both = delivered if exclusions is None else pl.concat([delivered, exclusions.select(_EXCLUDED)])
    # The delivered row stands where both say the same.
    return both.unique(["org_id", "rater_org_id"], keep="first", maintain_order=True).sort("org_id", "rater_org_id")


def _pairs(rows: pl.DataFrame) -> pl.DataFrame:
    may_rate = rows.filter(pl.col("role") == "may_rate").drop_nulls("rater_org_id")
    return may_rate.select("rater_org_id", ratee_org_id="subject_org_id").select("ratee_org_id", "rater_org_id").sort(
        "ratee_org_id", "rater_org_id"
    )  # fmt: skip


def _listed(rows: pl.DataFrame, register: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """Organisations to assess, the replaced among them: org_id, role, frozen_group, listed_from, listed_to."""
    kinds = register.group_by("org_id").agg(pl.col("level", "org_kind").last())
    unit = pl.col("level").is_in(GRASSROOTS_LEVELS)
    role = pl.when(unit).then(pl.lit("assessed_unit")).otherwise(pl.lit("assessed_department"))
    every = kinds.filter(unit | pl.col("org_kind").is_in(DEPARTMENT_KINDS)).select("org_id", role=role)
    named = rows.filter(pl.col("role") == "assessed").select(
        org_id="subject_org_id", frozen_group="peer_group", listed_from="valid_from", listed_to="valid_to"
    )
    unknown = named.join(kinds, on="org_id", how="anti")["org_id"].to_list()
    if unknown:
        raise ValueError(f"assessed but not in the register in the period: {', '.join(sorted(unknown))}")
    given = named.join(kinds.select("org_id", role=role), on="org_id")
    roles = set(given["role"]) | ({"assessed_department"} if given.height else set())
    rest = every.filter(~pl.col("role").is_in(sorted(roles)))
    listed = pl.concat([given, rest], how="diagonal")
    return _with_successors(listed, kinds.select("org_id", role=role), gone).sort("org_id")


def _with_successors(listed: pl.DataFrame, roles: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """Adds the organisations that continue a listed one, and those that continue them."""
    links = gone.select("org_id", "successor_org_id")
    while True:
        heirs = links.join(listed, on="org_id", how="semi").select(org_id="successor_org_id").unique()
        new = heirs.join(listed, on="org_id", how="anti").join(roles, on="org_id")
        if new.is_empty():
            return listed
        listed = pl.concat([listed, new], how="diagonal")


def _assessed(
    listed: pl.DataFrame,
    register: pl.DataFrame,
    excluded: pl.DataFrame,
    gone: pl.DataFrame,
    happened: pl.DataFrame,
    start: date,
    end: date,
) -> pl.DataFrame:
    out = excluded.filter(pl.col("rater_org_id").is_null())
    first = pl.max_horizontal("first", pl.col("listed_from").fill_null(start))
    last = pl.min_horizontal("end", pl.col("listed_to").fill_null(end))
    described = (
        register.join(listed, on="org_id", maintain_order="left")
        .group_by("org_id", "role")
        .agg(
            pl.col("org_name", "org_kind").last(),
            peer_group=pl.coalesce(pl.col("frozen_group").first(), pl.col("peer_group").first()),
            months=months_between(first, last).sum(),
        )
        .filter(pl.col("months") > 0)
        .join(out, on="org_id", how="anti")
        .join(gone, on="org_id", how="anti")
    )
    return described.join(_baselines(happened), on="org_id", how="left").select(
        "org_id",
        "org_name",
        "org_kind",
        "role",
        "peer_group",
        "months",
        improvement=pl.col("changed").is_null(),
        baseline_org_id=pl.when(pl.col("changed").is_null()).then(pl.coalesce("before", "org_id")),
    ).sort("org_id")  # fmt: skip


def _baselines(happened: pl.DataFrame) -> pl.DataFrame:
    """Organisations that entered or changed what they are made of, or only their id (``before``)."""
    made = pl.col("event").is_in(["entered", "merged", "split"])
    return (
        happened.group_by("org_id")
        .agg(
            changed=pl.col("event").filter(made).first(),
            before=pl.col("other_org_id").filter(pl.col("event") == "recoded").first(),
        )
        .filter(pl.col("changed").is_not_null() | pl.col("before").is_not_null())
    )


def _ratees(
    listed: pl.DataFrame,
    register: pl.DataFrame,
    excluded: pl.DataFrame,
    gone: pl.DataFrame,
    pairs: pl.DataFrame,
    *,
    delivered: bool,
) -> pl.DataFrame:
    """Departments that could be rated at some time in the period, the replaced among them."""
    out = excluded.filter(pl.col("rater_org_id").is_null())
    # Only a plain change of id hands a department's ballots on: what was said of one of several
    # predecessors was not said of their successor.
    handed_on = gone.filter((pl.col("n_successors") == 1) & (pl.col("n_predecessors") == 1))
    successor = handed_on.select("org_id", "successor_org_id")
    scope = pl.col("parent_org_id").last() if not delivered else pl.lit(None, pl.String)
    return (
        register.join(listed.filter(pl.col("role") == "assessed_department"), on="org_id", maintain_order="left")
        .group_by("org_id")
        .agg(scope_org_id=scope)
        .join(out, on="org_id", how="anti")
        .join(successor, on="org_id", how="left")
        .with_columns(is_gone=pl.col("org_id").is_in(gone["org_id"].implode()))
        .select(
            ratee_org_id="org_id",
            counted_for=pl.when("is_gone").then("successor_org_id").otherwise("org_id"),
            scope_org_id="scope_org_id",
            listed=pl.col("org_id").is_in(pairs["ratee_org_id"].implode()),
        )
        .sort("ratee_org_id")
    )


def _posts(raters: pl.DataFrame, pairs: pl.DataFrame, start: date, end: date) -> pl.DataFrame:
    named = pairs["rater_org_id"].unique()
    counted = ~pl.col("rater_role").is_in(ROLES_ONLY_BY_NAME) | pl.col("rater_org_id").is_in(named.implode())
    return (
        versions_within(raters.rename({"rater_id": "org_id"}), start, end)
        .filter(counted.fill_null(value=True))
        .select("rater_org_id", "first", "end", rater_id="org_id")
        .select("rater_id", "rater_org_id", "first", "end")
        .sort("rater_id", "first", "rater_org_id")
    )


def _units(posts: pl.DataFrame, register: pl.DataFrame) -> pl.DataFrame:
    """Units with a rater in the period; a rater who moved is counted where the last post is."""
    last = posts.unique("rater_id", keep="last", maintain_order=True)
    counted = last.group_by("rater_org_id").agg(n_raters=pl.len().cast(pl.Int64))
    described = register.group_by("org_id").agg(pl.col("org_name", "org_kind").last(), pl.col("peer_group").first())
    return (
        posts.select("rater_org_id")
        .unique()
        .join(described, left_on="rater_org_id", right_on="org_id", how="left")
        .join(counted, on="rater_org_id", how="left")
        .with_columns(pl.col("n_raters").fill_null(0))
        .sort("rater_org_id")
    )


def _within(ratees: pl.DataFrame, register: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Which units stand below the parents of departments, the parents themselves among them."""
    edges = register.select(below="org_id", above="parent_org_id").drop_nulls().unique()
    reached = ratees.select(scope_org_id="scope_org_id", below="scope_org_id").drop_nulls().unique()
    layer = reached
    while not layer.is_empty():
        down = layer.join(edges, left_on="below", right_on="above").select("scope_org_id", below="below_right").unique()
        layer = down.join(reached, on=["scope_org_id", "below"], how="anti")
        reached = pl.concat([reached, layer])
    return (
        reached.select("scope_org_id", rater_org_id="below")
        .join(units, on="rater_org_id", how="semi")
        .sort("scope_org_id", "rater_org_id")
    )
