"""Ratings to what the flags read: one row per ballot, per rater and per device."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from scoring.sums import item_scales, raw_units, value_units

_ITEM = ("instrument_id", "instrument_version", "item_id")
_MOMENT = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class AnswerPatterns:
    """What the answers of one period look like; nothing in it leaves the scoring process.

    ``ballots``: rater_id, rater_org_id, ratee_org_id, instrument_id, n_items, low, high and sum_value
    (10^-4 of 0-100), ``vector`` (equal for ballots with equal answers to equal items), first_at; one row
    per rater, department and instrument with at least one answer, sorted.

    ``raters``: rater_id, rater_org_id, n_answers, low, high, longest_run, seconds_per_item (null where no
    duration was recorded), first_at; one row per rater, sorted.

    ``devices``: device_hash, rater_id, rater_org_id; one row per rater and device, sorted; empty where
    devices were not recorded.
    """

    ballots: pl.DataFrame
    raters: pl.DataFrame
    devices: pl.DataFrame


def answer_patterns(ratings: pl.LazyFrame, items: pl.DataFrame) -> AnswerPatterns:
    """Patterns of one period, by group-bys over the rows.

    The order of a rater's answers, which the longest run of equal ones needs, is that of submission, then
    department, instrument and item, since the order on the screen is not recorded.

    Args:
        ratings: Current rows of rating_event of one period: instrument_id, instrument_version, item_id,
            rater_id, rater_org_id, target_org_id, status, score_raw Decimal(18,6), target_kind; and, where
            recorded, submitted_at Datetime, submission_id, duration_s (of the whole submission) and
            device_hash.
        items: See ``sums.item_scales``.

    Returns:
        The patterns. A rater whose rows name more than one unit counts for the greatest id.

    Raises:
        ValueError: See ``sums.item_scales``.
    """
    answers = scored_answers(ratings, items)
    recorded = ratings.filter(pl.col("target_kind").ne_missing("vignette"))
    names = ratings.collect_schema().names()
    ballots, raters, runs, seconds, devices = pl.collect_all(
        [_ballots(answers), _raters(answers), _longest_runs(answers), _seconds(answers), _devices(recorded, names)],
        engine="streaming",
    )
    return AnswerPatterns(
        ballots.sort("rater_id", "ratee_org_id", "instrument_id"),
        raters.join(runs, on="rater_id", how="left").join(seconds, on="rater_id", how="left").sort("rater_id"),
        devices.sort("device_hash", "rater_id"),
    )


def scored_answers(ratings: pl.LazyFrame, items: pl.DataFrame) -> pl.LazyFrame:
    """The answered rows with their value on 0-100.

    Args:
        ratings: See ``answer_patterns``.
        items: See ``sums.item_scales``.

    Returns:
        rater_id, rater_org_id, ratee_org_id, instrument_id, item (number), value (Int64, 10^-4),
        submitted_at, submission_id and duration_s (null where not recorded).
    """
    scales = item_scales(items).with_row_index("item").select("item", *_ITEM, "low", "span", "lower_better")
    names = ratings.collect_schema().names()
    return (
        ratings.filter((pl.col("status") == "answered") & pl.col("target_kind").ne_missing("vignette"))
        .join(scales.lazy(), on=_ITEM)
        .select(
            "rater_id",
            "rater_org_id",
            "instrument_id",
            "item",
            ratee_org_id=pl.col("target_org_id"),
            value=value_units(raw_units("score_raw")),
            submitted_at=_moment("submitted_at", ratings) if "submitted_at" in names else pl.lit(None, _MOMENT),
            submission_id=pl.col("submission_id") if "submission_id" in names else pl.lit(None, pl.String),
            duration_s=pl.col("duration_s").cast(pl.Int64) if "duration_s" in names else pl.lit(None, pl.Int64),
        )
        .filter(pl.col("value").is_not_null())
    )


def _moment(name: str, ratings: pl.LazyFrame) -> pl.Expr:
    dtype = ratings.collect_schema()[name]
    local = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    moment = pl.col(name) if local else pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return moment.dt.convert_time_zone("UTC").cast(_MOMENT)


def _ballots(answers: pl.LazyFrame) -> pl.LazyFrame:
    # Item and value in one number: the hashes of a ballot's items combine in any order.
    answer = (pl.col("item").cast(pl.UInt64) * (1 << 32) + pl.col("value").cast(pl.UInt64)).hash(17)
    return answers.group_by("rater_id", "ratee_org_id", "instrument_id").agg(
        rater_org_id=pl.col("rater_org_id").max(),
        n_items=pl.len().cast(pl.Int64),
        low=pl.col("value").min(),
        high=pl.col("value").max(),
        sum_value=pl.col("value").sum(),
        vector=answer.bitwise_xor(),
        first_at=pl.col("submitted_at").min(),
    )


def _raters(answers: pl.LazyFrame) -> pl.LazyFrame:
    return answers.group_by("rater_id").agg(
        rater_org_id=pl.col("rater_org_id").max(),
        n_answers=pl.len().cast(pl.Int64),
        low=pl.col("value").min(),
        high=pl.col("value").max(),
        first_at=pl.col("submitted_at").min(),
    )


def _longest_runs(answers: pl.LazyFrame) -> pl.LazyFrame:
    ordered = answers.select("rater_id", "submitted_at", "ratee_org_id", "instrument_id", "item", "value").sort(
        "rater_id", "submitted_at", "ratee_org_id", "instrument_id", "item", "value"
    )
    run = pl.struct("rater_id", "value").rle_id()
    return (
        ordered.select("rater_id", run=run)
        .group_by("run")
        .agg(pl.col("rater_id").first(), length=pl.len().cast(pl.Int64))
        .group_by("rater_id")
        .agg(longest_run=pl.col("length").max())
    )


def _seconds(answers: pl.LazyFrame) -> pl.LazyFrame:
    """Seconds per answered item over the submissions whose duration was recorded."""
    return (
        answers.filter(pl.col("duration_s").is_not_null())
        .group_by("rater_id", "submission_id")
        .agg(seconds=pl.col("duration_s").max(), items=pl.len().cast(pl.Int64))
        .group_by("rater_id")
        .agg(pl.col("seconds", "items").sum())
        .select("rater_id", seconds_per_item=pl.col("seconds") / pl.col("items"))
    )


def _devices(recorded: pl.LazyFrame, names: list[str]) -> pl.LazyFrame:
    if "device_hash" not in names:
        schema = {"device_hash": pl.String(), "rater_id": pl.String(), "rater_org_id": pl.String()}
        return pl.LazyFrame(schema=schema)
    return (
        recorded.filter(pl.col("device_hash").is_not_null())
        .group_by("device_hash", "rater_id")
        .agg(pl.col("rater_org_id").max())
    )
