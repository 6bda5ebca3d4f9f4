"""What happened to organisations within a period: entries, exits, mergers, splits, moves (method 3.8).

The register says of each version of an organisation since when it holds, what brought it about and
which organisations it continues, with shares. From that come the events of the period and, for every
organisation, the parts its period is made of.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from scoring.months import months_between
from scoring.sums import RAW_SCALE, divide_half_up, raw_units

EVENT_SCHEMA = {"org_id": pl.String(), "on": pl.Date(), "event": pl.String(), "other_org_id": pl.String()}
"""Events of a period, see ``events``."""

_NAMES = {"new": "entered", "merge": "merged", "split": "split", "recode": "recoded", "rename": "renamed"}

_WINDOW = ("org_id", "part_org_id", "part_from", "part_to")


def versions_within(organisations: pl.DataFrame, start: date, end: date) -> pl.DataFrame:
    """Versions in force on at least one day of the period, with ``first`` and ``end`` clipped to it."""
    return (
        organisations.with_columns(
            first=pl.max_horizontal("valid_from", pl.lit(start)),
            end=pl.min_horizontal(pl.col("valid_to").fill_null(end), pl.lit(end)),
        )
        .filter(pl.col("first") < pl.col("end"))
        .sort("org_id", "valid_from")
    )


def successions(organisations: pl.DataFrame, start: date, end: date) -> pl.DataFrame:
    """Which organisation continues which, for versions that begin within the period.

    Args:
        organisations: org_id, valid_from, change_kind, predecessor_org_ids and predecessor_shares (lists
            separated by semicolons).
        start: First day of the period; a version that begins on it brings nothing about within the period.
        end: First day after the period.

    Returns:
        org_id, predecessor_org_id, share (Int64 millionths; without shares equal parts, the first ones one
        millionth larger where they do not divide), on, change_kind; sorted.

    Raises:
        ValueError: The shares of an organisation do not sum to 1.
    """
    begun = organisations.filter(
        (pl.col("valid_from") > start) & (pl.col("valid_from") < end) & pl.col("predecessor_org_ids").is_not_null()
    )
    ids = pl.col("predecessor_org_ids").str.split(";")
    shares = pl.col("predecessor_shares").str.split(";")
    listed = begun.select("org_id", on="valid_from", change_kind="change_kind", ids=ids, shares=shares)
    listed = listed.with_columns(
        shares=pl.col("shares").fill_null(pl.lit(None, pl.String).repeat_by(pl.col("ids").list.len())),
        places=pl.int_ranges(pl.col("ids").list.len()),
        n=pl.col("ids").list.len().cast(pl.Int64),
    )
    rows = listed.explode("ids", "shares", "places").with_columns(
        share=pl.col("shares").cast(pl.Decimal(18, 6)), equal=pl.lit(RAW_SCALE) // pl.col("n")
    )
    extra = (pl.col("places") < RAW_SCALE % pl.col("n")).cast(pl.Int64)
    result = rows.select(
        "org_id",
        predecessor_org_id="ids",
        share=pl.coalesce(raw_units("share"), pl.col("equal") + extra),
        on="on",
        change_kind="change_kind",
    ).sort("org_id", "on", "predecessor_org_id")
    _refuse_wrong_shares(result)
    return result


def _refuse_wrong_shares(rows: pl.DataFrame) -> None:
    sums = rows.group_by("org_id", "on").agg(pl.col("share").sum()).filter(pl.col("share") != RAW_SCALE)
    if sums.height:
        raise ValueError(f"shares of predecessors do not sum to 1: {', '.join(sorted(sums['org_id'].unique()))}")


def replaced(organisations: pl.DataFrame, continued: pl.DataFrame, end: date) -> pl.DataFrame:
    """Organisations that ended within the period because others continue them.

    Args:
        organisations: ``versions_within``.
        continued: ``successions``.
        end: First day after the period.

    Returns:
        org_id, on, successor_org_id, share (of the successor that came from it), n_successors, and
        n_predecessors of that successor; one row per successor, sorted.
    """
    ended = organisations.group_by("org_id").agg(pl.col("end").max()).filter(pl.col("end") < end)
    return (
        continued.filter(pl.col("predecessor_org_id") != pl.col("org_id"))
        .with_columns(n_predecessors=pl.len().over("org_id", "on").cast(pl.Int64))
        .select("on", "share", "n_predecessors", org_id="predecessor_org_id", successor_org_id="org_id")
        .join(ended, on="org_id")
        .filter(pl.col("end") <= pl.col("on"))
        .with_columns(n_successors=pl.len().over("org_id").cast(pl.Int64))
        .select("org_id", "on", "successor_org_id", "share", "n_successors", "n_predecessors")
        .sort("org_id", "successor_org_id")
    )


def lineage(organisations: pl.DataFrame, continued: pl.DataFrame, start: date, end: date) -> pl.DataFrame:
    """The parts every organisation's period is made of.

    Until the day an organisation began by continuing others, its period is theirs, in the shares the
    register gives; chains of changes are followed back to the first day.

    Args:
        organisations: ``versions_within``.
        continued: ``successions``.
        start: First day of the period.
        end: First day after the period.

    Returns:
        org_id, part_org_id, share and months (Int64 millionths), part_from, part_to; one row per part and
        window in which the part existed, sorted. The own part of an unchanged organisation has share 1.
    """
    whole = organisations.select("org_id").unique(maintain_order=True)
    open_parts = whole.select(
        "org_id", part_org_id="org_id", part_from=pl.lit(start), part_to=pl.lit(end), share=pl.lit(RAW_SCALE, pl.Int64)
    )
    finished = []
    # Every turn shortens the windows it keeps open, so this ends after as many turns as a chain is long.
    while not open_parts.is_empty():
        settled, open_parts = _one_generation(open_parts, continued)
        finished.append(settled)
    parts = pl.concat(finished) if finished else open_parts
    return _existing(_summed(parts), organisations)


def _summed(parts: pl.DataFrame) -> pl.DataFrame:
    """One row per part and window: two predecessors may continue the same organisation."""
    return parts.group_by(_WINDOW).agg(pl.col("share").sum())


def _one_generation(parts: pl.DataFrame, continued: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is settled of each part, and the predecessors' parts of the time before its latest beginning."""
    days = continued.select(part_org_id="org_id", on="on").unique()
    latest = (
        _summed(parts)
        .join(days, on="part_org_id", how="left")
        .with_columns(on=pl.when((pl.col("on") > pl.col("part_from")) & (pl.col("on") < pl.col("part_to"))).then("on"))
        .group_by(*_WINDOW, "share")
        .agg(pl.col("on").max())
    )
    settled = latest.with_columns(part_from=pl.coalesce("on", "part_from")).select(*_WINDOW, "share")
    before = latest.drop_nulls("on").join(
        continued.select("predecessor_org_id", "on", part_org_id="org_id", of_it="share"), on=["part_org_id", "on"]
    )
    share = divide_half_up(pl.col("share") * pl.col("of_it"), pl.lit(RAW_SCALE))
    return settled, before.select(
        "org_id", part_org_id="predecessor_org_id", part_from="part_from", part_to="on", share=share
    )


def _existing(parts: pl.DataFrame, organisations: pl.DataFrame) -> pl.DataFrame:
    """Parts with the months their organisation existed in their window; parts without any are left out."""
    existed = organisations.select("first", "end", part_org_id="org_id")
    first = pl.max_horizontal("part_from", "first")
    last = pl.min_horizontal("part_to", "end")
    return (
        parts.join(existed, on="part_org_id")
        .group_by(*_WINDOW, "share")
        .agg(months=months_between(first, last).sum())
        .filter(pl.col("months") > 0)
        .select("org_id", "part_org_id", "share", "months", "part_from", "part_to")
        .sort("org_id", "part_from", "part_org_id")
    )


def events(organisations: pl.DataFrame, continued: pl.DataFrame, start: date, end: date) -> pl.DataFrame:
    """Everything that happened to an organisation within the period.

    Args:
        organisations: All versions: ``versions_within`` with change_kind and parent_org_id.
        continued: ``successions``.
        start: First day of the period.
        end: First day after the period.

    Returns:
        ``EVENT_SCHEMA``, sorted. ``event`` is entered, left, merged, split, recoded, renamed, moved (other:
        the new parent) or replaced (other: the successor); for merged, split and recoded the other is the
        predecessor, one row each.
    """
    previous = pl.col("parent_org_id").shift(1).over("org_id", order_by="valid_from")
    ends_before = pl.col("end").shift(1).over("org_id", order_by="valid_from")
    marked = organisations.with_columns(previous=previous, unbroken=ends_before == pl.col("first"))
    begun = marked.filter((pl.col("valid_from") > start) & (pl.col("valid_from") < end))
    named = pl.col("change_kind").replace_strict(_NAMES, default=None, return_dtype=pl.String)
    changed = begun.select(
        "org_id",
        on="valid_from",
        event=pl.when(named.is_not_null()).then(named).when(~pl.col("unbroken").fill_null(value=False)).then(
            pl.lit("entered")
        ),
    ).drop_nulls("event")  # fmt: skip
    changed = changed.join(
        continued.select("org_id", "on", other_org_id="predecessor_org_id"), on=["org_id", "on"], how="left"
    )
    moved = begun.filter(
        pl.col("unbroken").fill_null(value=False) & pl.col("previous").ne_missing(pl.col("parent_org_id"))
    ).select("org_id", on="valid_from", event=pl.lit("moved"), other_org_id="parent_org_id")
    parts = [changed, moved, _endings(organisations, continued, end)]
    return pl.concat(part.select(list(EVENT_SCHEMA)) for part in parts).sort("org_id", "on", "event", "other_org_id")


def _endings(organisations: pl.DataFrame, continued: pl.DataFrame, end: date) -> pl.DataFrame:
    ended = organisations.group_by("org_id").agg(on=pl.col("end").max()).filter(pl.col("on") < end)
    by_others = replaced(organisations, continued, end).select("org_id", other_org_id="successor_org_id")
    return ended.join(by_others, on="org_id", how="left").with_columns(
        event=pl.when(pl.col("other_org_id").is_null()).then(pl.lit("left")).otherwise(pl.lit("replaced"))
    )
