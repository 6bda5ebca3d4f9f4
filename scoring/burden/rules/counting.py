"""What the rules of several groups do alike: rows of a kind in the window, events counted per subject, who answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from scoring.burden.facts import EVENT, answering
from scoring.burden.flags import SHOWN_REGISTERS, evidence, flags
from scoring.burden.inputs import BurdenInputs, within

LEVEL_RANKS: Final[Mapping[str, int]] = {
    "village": 1,
    "township": 2,
    "county": 3,
    "prefecture": 4,
    "province": 5,
    "central": 6,
}
"""Administrative levels from below; the ranks of ``issuer_level_rank`` and ``bearer_level_rank``."""

REGISTER_NAMES: Final = ("source_ref", "doc_no", "plan_no", "parent_source_ref", "matter", "title")
"""Columns under which an entry of an authorised list may be named."""

_COUNTED: Final = ("issuer_org_id", "burden_kind", "target_org_id")


def rows_of(inputs: BurdenInputs, *kinds: str) -> pl.LazyFrame:
    """Rows of some kinds in the window: repeats left out, of a stock only the last count day.

    A stock is counted on a day and never added up: per issuer, kind and bearer the rows of its last day in the window
    stay, and a count of none on that day is none. Rows without a subject (a village imposed it) are gone.
    """
    rows = inputs.facts.filter(pl.col("burden_kind").is_in(kinds), within(inputs.window))
    return without_repeats(last_counts(rows))


def without_repeats(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Rows that count against somebody, say that there was something and repeat no other row."""
    return rows.filter(
        pl.col("subject_org_id").is_not_null(),
        pl.col("quantity").fill_null(1) > 0,
        ~pl.col("is_duplicate").fill_null(value=False),
    )


def last_counts(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Flows as they are, stocks of the last count day per issuer, kind and bearer."""
    stock = pl.col("measure") == "stock"
    last = rows.filter(stock).group_by(_COUNTED).agg(last_count=pl.col("start_date").max())
    return (
        rows.join(last, on=list(_COUNTED), how="left", nulls_equal=True)
        .filter(~stock | (pl.col("start_date") == pl.col("last_count")))
        .drop("last_count")
    )


def named_on(allowed: Sequence[str]) -> pl.Expr:
    """True where a row is an entry of an authorised list, under whichever name or number the list uses."""
    entries = [entry for entry in allowed if entry]
    return pl.any_horizontal(pl.col(name).is_in(entries).fill_null(value=False) for name in REGISTER_NAMES)


def per_subject(
    rows: pl.LazyFrame,
    broken: pl.Expr,
    *,
    result_type: str = "breach",
    param_id: str | None = None,
    threshold: float | None = None,
    value: pl.Expr | None = None,
    counted: Sequence[str] = EVENT,
) -> pl.LazyFrame:
    """One flag per subject that has an event for which ``broken`` holds in one of its rows.

    Exempt rows are left out. Rows where ``broken`` is null cannot be judged and are not in the denominator.

    Args:
        rows: Prepared rows, already of the right kinds and days.
        broken: Whether a row breaks the rule (or shows the sign).
        result_type: ``breach`` or ``watch``.
        param_id: The parameter the rows are held against.
        threshold: Its value.
        value: An aggregate over the broken rows of a subject; the share of broken events when None.
        counted: What ``n`` counts distinctly; events unless a rule counts more finely.

    Returns:
        ``FLAG_SCHEMA``: ``n`` broken, ``denominator`` events that could be judged.
    """
    judged = (
        rows.filter(~pl.col("is_exempt").fill_null(value=False))
        .with_columns(broken=broken)
        .filter(pl.col("broken").is_not_null())
    )
    hit = judged.filter("broken")
    found = _about(hit, value).join(_distinct(judged, EVENT, "denominator"), on="subject_org_id")
    if tuple(counted) != EVENT:
        found = found.drop("n").join(_distinct(hit, counted, "n"), on="subject_org_id")
    share = pl.col("n") / pl.col("denominator")
    return flags(
        found,
        result_type=result_type,
        param_id=param_id,
        threshold=threshold,
        value=share if value is None else pl.col("value"),
    )


def _distinct(rows: pl.LazyFrame, counted: Sequence[str], name: str) -> pl.LazyFrame:
    things = rows.select("subject_org_id", *counted).unique()
    return things.group_by("subject_org_id").agg(pl.len().cast(pl.Int64).alias(name))


def _about(rows: pl.LazyFrame, value: pl.Expr | None) -> pl.LazyFrame:
    """By subject: n (events), evidence_refs, n_bearers, and value where one is given."""
    shown = pl.col("reported_by").is_null() | pl.col("reported_by").is_in(list(SHOWN_REGISTERS))
    # An event may be listed when a shown register has a row of it: null is what evidence takes for shown.
    listed = pl.when(~shown.any()).then(pl.col("reported_by").min())
    events = rows.group_by("subject_org_id", *EVENT).agg(reported_by=listed)
    pairs = rows.select("subject_org_id", "target_org_id").drop_nulls().unique()
    found = (
        events.group_by("subject_org_id")
        .agg(n=pl.len().cast(pl.Int64), evidence_refs=evidence())
        .join(pairs.group_by("subject_org_id").agg(n_bearers=pl.len()), on="subject_org_id", how="left")
        .with_columns(pl.col("n_bearers").fill_null(0))
    )
    if value is None:
        return found
    return found.join(rows.group_by("subject_org_id").agg(value=value.cast(pl.Float64)), on="subject_org_id")


def load_per_subject(
    rows: pl.LazyFrame, value: pl.Expr | None = None, *, n: pl.Expr | None = None, param_id: str | None = None
) -> pl.LazyFrame:
    """A load for every subject with rows, exempt ones told apart.

    Args:
        rows: Prepared rows, already of the right kinds and days.
        value: An aggregate over the rows of a subject that are not exempt; ``n`` when None.
        n: Likewise; their number of events when None.
        param_id: Tells two loads of one rule apart.

    Returns:
        ``FLAG_SCHEMA``: ``n`` without exempt rows, ``denominator`` all events, exempt ones too.
    """
    counted = rows.filter(~pl.col("is_exempt").fill_null(value=False))
    about = _about(counted, value)
    if n is not None:
        given = counted.group_by("subject_org_id").agg(n=n.cast(pl.Int64))
        about = about.drop("n").join(given, on="subject_org_id")
    found = _distinct(rows, EVENT, "denominator").join(about, on="subject_org_id", how="left")
    counted_n = pl.col("n").fill_null(0)
    size = counted_n if value is None else pl.col("value")
    return flags(found, result_type="load", param_id=param_id, n=counted_n, value=size)


def together(*parts: pl.LazyFrame) -> pl.LazyFrame:
    """Flags of several results of one rule in one frame."""
    return pl.concat(parts)


def with_subject_level(rows: pl.LazyFrame, inputs: BurdenInputs) -> pl.LazyFrame:
    """Rows with ``subject_level_rank``: the level of whoever they count against.

    It is read from the organisations in force; where the subject is not among them any more, the issuer's own level
    holds if the issuer is the subject, else it is null.
    """
    levels = inputs.organisations.lazy().select(subject_org_id="org_id", register_rank="level_rank")
    own = pl.when(pl.col("subject_org_id") == pl.col("issuer_org_id")).then("issuer_level_rank")
    return (
        rows.join(levels, on="subject_org_id", how="left")
        .with_columns(subject_level_rank=pl.coalesce("register_rank", own))
        .drop("register_rank")
    )


def answerable(organisations: pl.DataFrame) -> pl.LazyFrame:
    """Who answers for what an organisation set or keeps: its host for a coordinating body or front, else itself.

    Returns:
        org_id, answerable_org_id, level_rank, parent_org_id; no villages and communities, which never answer.
    """
    who = answering(organisations).lazy().rename({"answers": "answerable_org_id"})
    return (
        organisations.lazy()
        .select("org_id", "level_rank", "parent_org_id")
        .join(who, on="org_id")
        .filter(pl.col("answerable_org_id").is_not_null())
    )
