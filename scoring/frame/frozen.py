"""The frame as it was frozen: its hash, and every difference between it and the registers of today."""

from __future__ import annotations

import hashlib
from dataclasses import fields

import polars as pl

from scoring.exact import points_decimal
from scoring.frame.build import Frame
from scoring.tables.frame import FRAME_MEMBER

EVERY = "*"
"""Other organisation of a frame row that is about all of them."""


def frame_members(frame: Frame, *, period_id: str) -> pl.DataFrame:
    """The frame as people read it: one row per organisation and role.

    Units that may rate have one row (``*``: every department of their own line of parents or without one);
    units named in delivered pairs have one row per pair beside it.

    Returns:
        ``tables.frame.FRAME_MEMBER``.
    """
    every = pl.lit(EVERY).alias("other_org_id")
    assessed = frame.assessed.select("org_id", "role", "org_name", "peer_group", every, months=points_decimal("months"))
    units = frame.units.select("org_name", "peer_group", every, org_id="rater_org_id", role=pl.lit("may_rate"))
    pairs = frame.pairs.select(other_org_id="ratee_org_id", org_id="rater_org_id", role=pl.lit("may_rate")).join(
        units.select("org_id", "org_name", "peer_group"), on="org_id", how="left"
    )
    excluded = frame.excluded.select(
        "org_id",
        "reason",
        "decided_by_org_id",
        other_org_id=pl.col("rater_org_id").fill_null(EVERY),
        role=pl.lit("excluded"),
    )
    rows = pl.concat([assessed, units, pairs, excluded], how="diagonal_relaxed")
    rows = rows.join(_events_in_words(frame.events), on="org_id", how="left")
    return FRAME_MEMBER.conform(rows.with_columns(period_id=pl.lit(period_id)))


def _events_in_words(events: pl.DataFrame) -> pl.DataFrame:
    """org_id, event: the events of each organisation in order of days, such as ``merged 2026-07-01 V1;V2``."""
    once = events.group_by("org_id", "on", "event").agg(others=pl.col("other_org_id").drop_nulls().sort().str.join(";"))
    words = pl.concat_str(["event", pl.col("on").cast(pl.String), "others"], separator=" ").str.strip_chars()
    return once.sort("org_id", "on", "event").group_by("org_id", maintain_order=True).agg(event=words.str.join(", "))


def frame_hash(frame: Frame) -> str:
    """SHA-256 over every part of the frame in canonical form: hexadecimal, equal for equal frames."""
    digest = hashlib.sha256()
    for name, part in _parts(frame).items():
        digest.update(f"{name} {' '.join(part.columns)} {part.height}\n".encode())
        digest.update(part.sort(part.columns, nulls_last=False).write_ndjson().encode())
    digest.update(f"{frame.period_start} {frame.period_end} {frame.delivered}".encode())
    return digest.hexdigest()


def _parts(frame: Frame) -> dict[str, pl.DataFrame]:
    values = {field.name: getattr(frame, field.name) for field in fields(frame)}
    return {name: value for name, value in values.items() if isinstance(value, pl.DataFrame)}


_KEYS = {
    "assessed": ("org_id",),
    "ratees": ("ratee_org_id",),
    "pairs": ("ratee_org_id", "rater_org_id"),
    "within": ("scope_org_id", "rater_org_id"),
    "excluded": ("org_id", "rater_org_id"),
    "units": ("rater_org_id",),
    "events": ("org_id", "other_org_id", "on", "event"),
    "lineage": ("org_id", "part_org_id", "part_from"),
}


def frozen_differences(frozen: Frame, now: Frame) -> pl.DataFrame:
    """Every difference between the frozen frame and what the registers now say.

    Args:
        frozen: The frame as it was frozen.
        now: The frame built from the registers of today.

    Returns:
        part, org_id, other_org_id, what, before, after (text), sorted; empty when nothing changed. ``what`` is
        the column, or ``listed`` where the row is only in one of them. Raters are named by the number who
        came and went in a unit, never one by one.
    """
    found = [_part_differences(name, key, getattr(frozen, name), getattr(now, name)) for name, key in _KEYS.items()]
    found.append(_rater_differences(frozen.raters, now.raters))
    return pl.concat(found).sort("part", "org_id", "other_org_id", "what", "before", "after")


def _part_differences(name: str, key: tuple[str, ...], before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    left, right = (_long(part, key) for part in (before, after))
    joined = left.join(right, on=[*key, "what"], how="full", coalesce=True, nulls_equal=True, suffix="_after")
    one_sided = pl.col("value").is_null() | pl.col("value_after").is_null()
    whole = (pl.col("what") == "listed") & one_sided
    gone = joined.filter(whole).select(key).unique()
    values = joined.filter(pl.col("value").ne_missing(pl.col("value_after"))).join(
        gone, on=key, how="anti", nulls_equal=True
    )
    ids = [pl.col(column).alias(alias) for column, alias in zip(key, ("org_id", "other_org_id"), strict=False)]
    other = [] if len(key) > 1 else [pl.lit(None, pl.String).alias("other_org_id")]
    return pl.concat([joined.filter(whole), values]).select(
        pl.lit(name).alias("part"), *ids, *other, "what", before="value", after="value_after"
    )


def _long(part: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    """One row per key and column, values as text."""
    text = part.select(pl.all().cast(pl.String)).with_columns(listed=pl.lit("yes"))
    return text.unpivot(index=key, variable_name="what", value_name="value")


def _rater_differences(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    came = after.join(before, on=before.columns, how="anti").select("rater_org_id", came=1, went=0)
    went = before.join(after, on=before.columns, how="anti").select("rater_org_id", came=0, went=1)
    counted = pl.concat([came, went]).group_by("rater_org_id").agg(pl.col("came", "went").sum())
    return counted.select(
        pl.lit("raters").alias("part"),
        pl.col("rater_org_id").alias("org_id"),
        pl.lit(None, pl.String).alias("other_org_id"),
        pl.lit("posts").alias("what"),
        before=pl.format("-{}", "went"),
        after=pl.format("+{}", "came"),
    )
