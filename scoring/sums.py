"""Integer sufficient statistics: what scoring reads instead of rows.

Floating-point sums in Polars depend on threads and row order, so everything here is a sum of whole
numbers: values on the 0-100 scale in units of 10^-4, raw scores and weights in units of 10^-6. Sums
of parts (files, districts, machines) add up to the sums of the whole: see ``merge``.

Both functions read the current rows of one period. Rows must be unique under the natural key of
their dataset; the checks before loading see to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Literal

import polars as pl

VALUE_SCALE = 10_000
"""Values on the 0-100 scale and weights of the model are whole numbers of 1/10,000."""

RAW_SCALE = 1_000_000
"""Raw scores, item weights and survey weights are whole numbers of 1/1,000,000, as decimal(18,6) stores them."""

MAX_SCALE_SPAN = 1_000_000
"""Widest scale of an item, in its own points; wider ones would overflow 64 bits while rescaling."""

DONT_KNOW_STATUSES = ("dont_know", "no_contact")

_UNITS_PER_SCALE = 100 * VALUE_SCALE


@dataclass(frozen=True)
class RatingSums:
    """Sums over the ratings of one period.

    ``item_cells``: ratee_org_id, instrument_id, item_id, n_answered, n_dont_know, n_other, sum_value
    (10^-4 of the 0-100 scale); one row per department and item, sorted.

    ``ballots``: rater_id, rater_org_id, ratee_org_id, instrument_id, instrument_version, n_items,
    sum_weight (10^-6) and sum_weighted_value (10^-10) over the answered items; one row per rater,
    department and instrument with at least one answer, in no particular order. It never leaves the
    scoring process.
    """

    item_cells: pl.DataFrame
    ballots: pl.DataFrame


ITEM_CELL_KEY = ("ratee_org_id", "instrument_id", "item_id")
BALLOT_KEY = ("rater_id", "ratee_org_id", "instrument_id", "instrument_version")
ANSWER_KEY = ("org_id", "instrument_id", "item_id")


def raw_units(column: str) -> pl.Expr:
    """A decimal column as Int64 in units of 10^-6, exactly."""
    return pl.col(column).cast(pl.Decimal(18, 6)).to_physical().cast(pl.Int64)


def divide_half_up(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Whole-number division rounded half up (toward plus infinity); the denominator is positive."""
    return (2 * numerator + denominator) // (2 * denominator)


def item_scales(items: pl.DataFrame) -> pl.DataFrame:
    """Items with their scale and weight as whole numbers of 10^-6.

    Args:
        items: instrument_id, instrument_version, item_id, scale_min, scale_max, direction, weight
            (null counts as 1), dimension. Items without a scale (text, choice) carry no value.

    Returns:
        The keys, ``low``, ``span``, ``lower_better``, ``item_weight`` and ``instrument_weight`` (sum
        over the scale items of the instrument), sorted by the keys.

    Raises:
        ValueError: An item occurs twice, a scale is empty or wider than ``MAX_SCALE_SPAN`` points,
            or a weight is negative.
    """
    instrument = ["instrument_id", "instrument_version"]
    scaled = (
        items.select(
            *instrument,
            "item_id",
            low=raw_units("scale_min"),
            span=raw_units("scale_max") - raw_units("scale_min"),
            lower_better=pl.col("direction").eq_missing("lower_better"),
            item_weight=raw_units("weight").fill_null(RAW_SCALE),
        )
        .with_columns(pl.when(pl.col("span").is_not_null()).then("item_weight").otherwise(0).alias("item_weight"))
        .with_columns(instrument_weight=pl.col("item_weight").sum().over(instrument))
        .sort(*instrument, "item_id")
    )
    _refuse(scaled, scaled.select(*instrument, "item_id").is_duplicated(), "the item occurs twice")
    _refuse(scaled, scaled["span"] <= 0, "scale_max must be greater than scale_min")
    _refuse(scaled, scaled["span"] > MAX_SCALE_SPAN * RAW_SCALE, f"the scale is wider than {MAX_SCALE_SPAN} points")
    _refuse(scaled, scaled["item_weight"] < 0, "the weight is negative")
    return scaled


def _refuse(items: pl.DataFrame, bad: pl.Series, why: str) -> None:
    offending = items.filter(bad)
    if offending.height:
        names = sorted("/".join(row) for row in offending.select(items.columns[:3]).iter_rows())
        raise ValueError(f"{why}: {', '.join(names)}")


def value_units(score: pl.Expr) -> pl.Expr:
    """A raw score (10^-6) as its place on 0-100 in units of 10^-4, half up, flipped where lower is better.

    ``y = 100 (v - min) / (max - min)`` (method A2). Reads ``low``, ``span`` and ``lower_better``.
    """
    rise = score - pl.col("low")
    height = pl.when("lower_better").then(pl.col("span") - rise).otherwise(rise)
    return divide_half_up(_UNITS_PER_SCALE * height, pl.col("span"))


def rating_sums(ratings: pl.LazyFrame, items: pl.DataFrame) -> RatingSums:
    """Item cells and ballots of one period, in one streaming pass.

    Args:
        ratings: Current rows of rating_event of one period: instrument_id, instrument_version,
            item_id, rater_id, rater_org_id, target_org_id, status, score_raw Decimal(18,6),
            target_kind (rows about a vignette are left out).
        items: See ``item_scales``.

    Returns:
        The sums. A ballot whose items name more than one unit counts for the greatest id.

    Raises:
        ValueError: A rating names an item that is not in ``items``, or see ``item_scales``.
    """
    scales = item_scales(items)
    instruments = scales.select("instrument_id", "instrument_version").unique(maintain_order=True)
    codes = (
        scales.join(instruments.with_row_index("instrument"), on=["instrument_id", "instrument_version"])
        .sort("instrument_id", "instrument_version", "item_id")
        .with_row_index("item")
    )
    rows = _scored_rows(ratings, codes)
    cell_rows, ballot_rows = pl.collect_all([_item_counts(rows), _ballot_totals(rows)], engine="streaming")
    unknown = cell_rows["item"].null_count()
    if unknown:
        raise ValueError("ratings name an item that is not in the instrument table")
    item_cells = (
        cell_rows.join(codes.select("item", "instrument_id", "item_id"), on="item")
        # Two versions of an instrument may be open in one period; their values share the 0-100 scale.
        .group_by(ITEM_CELL_KEY)
        .agg(pl.col("n_answered", "n_dont_know", "n_other", "sum_value").sum())
        .sort(ITEM_CELL_KEY)
    )
    ballots = ballot_rows.join(instruments.with_row_index("instrument"), on="instrument", maintain_order="left").select(
        *BALLOT_KEY, "rater_org_id", "n_items", "sum_weight", "sum_weighted_value"
    )
    return RatingSums(item_cells, ballots)


def _scored_rows(ratings: pl.LazyFrame, codes: pl.DataFrame) -> pl.LazyFrame:
    # One 64-bit key instead of three strings halves the cost of the join on millions of rows. The
    # seeds differ so that swapping two parts does not give the same key.
    key = (pl.col("item_id").hash(1) ^ pl.col("instrument_version").hash(2) ^ pl.col("instrument_id").hash(3)).alias(
        "item_key"
    )
    lookup = codes.select(key, "item", "instrument", "low", "span", "lower_better", "item_weight")
    return (
        ratings.filter(pl.col("target_kind").ne_missing("vignette"))
        .select(
            key,
            "rater_id",
            "rater_org_id",
            ratee_org_id=pl.col("target_org_id"),
            dont_know=pl.col("status").is_in(DONT_KNOW_STATUSES),
            score=pl.when(pl.col("status") == "answered").then(raw_units("score_raw")),
        )
        .join(lookup.lazy(), on="item_key", how="left")
        .select(
            "rater_id",
            "rater_org_id",
            "ratee_org_id",
            "item",
            "instrument",
            "dont_know",
            "item_weight",
            value=value_units(pl.col("score")),
        )
    )


def _item_counts(rows: pl.LazyFrame) -> pl.LazyFrame:
    answered = pl.col("value").count().cast(pl.Int64)
    dont_know = pl.col("dont_know").sum().cast(pl.Int64)
    return rows.group_by("ratee_org_id", "item").agg(
        n_answered=answered,
        n_dont_know=dont_know,
        n_other=pl.len().cast(pl.Int64) - answered - dont_know,
        sum_value=pl.col("value").sum(),
    )


def _ballot_totals(rows: pl.LazyFrame) -> pl.LazyFrame:
    return (
        rows.filter(pl.col("value").is_not_null())
        .group_by("rater_id", "ratee_org_id", "instrument")
        .agg(
            rater_org_id=pl.col("rater_org_id").max(),
            n_items=pl.len().cast(pl.Int64),
            sum_weight=pl.col("item_weight").sum(),
            sum_weighted_value=(pl.col("item_weight") * pl.col("value")).sum(),
        )
    )


def voter_cells(
    ballots: pl.DataFrame,
    items: pl.DataFrame,
    *,
    rater_level: Literal["person", "unit"],
    min_observed_weight: Fraction = Fraction(1, 2),
    unit_weight_prior: Fraction = Fraction(2),
) -> pl.DataFrame:
    """One row per voter and department: what the mixed model is fitted to (method A3, A4).

    A ballot's value is the weighted mean of its answered items; it counts when they carry at least
    ``min_observed_weight`` of the instrument's weight. A person who used several instruments for one
    department has the mean over them. At unit level the voter is the unit, its value the mean over
    its ``n`` persons and its weight ``n / (n + unit_weight_prior)``.

    Args:
        ballots: ``RatingSums.ballots``.
        items: See ``item_scales``.
        rater_level: Whether one person or one unit is one vote.
        min_observed_weight: Smallest share of the instrument's weight a valid ballot answers.
        unit_weight_prior: Persons at which a unit has half the weight of a very large one.

    Returns:
        voter_id, ratee_org_id, rater_org_id, value and weight (Int64, 10^-4), n_raters, n_ballots,
        in no particular order. It never leaves the scoring process.
    """
    totals = item_scales(items).select("instrument_id", "instrument_version", "instrument_weight").unique()
    share = min_observed_weight
    valid = (
        ballots.lazy()
        .join(totals.lazy(), on=["instrument_id", "instrument_version"])
        .filter(
            (pl.col("sum_weight") > 0)
            & (pl.col("sum_weight") * share.denominator >= pl.col("instrument_weight") * share.numerator)
        )
        .select(
            "rater_id",
            "rater_org_id",
            "ratee_org_id",
            value=divide_half_up(pl.col("sum_weighted_value"), pl.col("sum_weight")),
        )
    )
    persons = _mean_over(valid, "rater_id", totals.height)
    if rater_level == "person":
        cells = persons.with_columns(
            voter_id="rater_id", weight=pl.lit(VALUE_SCALE, pl.Int64), n_raters=pl.lit(1, pl.Int64)
        )
    else:
        cells = _unit_cells(persons, unit_weight_prior)
    columns = ["voter_id", "ratee_org_id", "rater_org_id", "value", "weight", "n_raters", "n_ballots"]
    return cells.select(columns).collect(engine="streaming")


def _mean_over(valid: pl.LazyFrame, voter: str, n_instruments: int) -> pl.LazyFrame:
    if n_instruments == 1:
        return valid.with_columns(n_ballots=pl.lit(1, pl.Int64))
    return valid.group_by(voter, "ratee_org_id").agg(
        rater_org_id=pl.col("rater_org_id").max(),
        value=divide_half_up(pl.col("value").sum(), pl.len().cast(pl.Int64)),
        n_ballots=pl.len().cast(pl.Int64),
    )


def _unit_cells(persons: pl.LazyFrame, prior: Fraction) -> pl.LazyFrame:
    n = pl.col("n_raters")
    return (
        persons.group_by("rater_org_id", "ratee_org_id")
        .agg(sum_value=pl.col("value").sum(), n_raters=pl.len().cast(pl.Int64), n_ballots=pl.col("n_ballots").sum())
        .with_columns(
            voter_id="rater_org_id",
            value=divide_half_up(pl.col("sum_value"), n),
            weight=divide_half_up(n * (VALUE_SCALE * prior.denominator), n * prior.denominator + prior.numerator),
        )
    )


def answer_sums(responses: pl.LazyFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Sums of satisfaction answers by organisation and item, in one streaming pass.

    Args:
        responses: Current rows of survey_response of one period: instrument_id, item_id,
            respondent_org_id, target_org_id (null: about the place), status, score_raw and weight
            Decimal(18,6) (null counts as 1).
        items: See ``item_scales``; one version per instrument. Answers to items without a scale are
            counted and summed but have no value on 0-100.

    Returns:
        org_id (``target_org_id`` if present, else ``respondent_org_id``), instrument_id, item_id,
        n_answered, n_dont_know, n_other, sum_score (Int64, 10^-6), sum_value (Int64, 10^-4),
        sum_weight (Int64, 10^-6), sum_weighted_score (Int128, 10^-12) and sum_weighted_value
        (Int128, 10^-10); sorted.

    Raises:
        ValueError: An instrument has more than one version, an answer names an item that is not in
            ``items``, or see ``item_scales``.
    """
    scales = item_scales(items)
    if scales.select("instrument_id", "item_id").is_duplicated().any():
        raise ValueError("items hold more than one version of an instrument")
    lookup = scales.drop("instrument_version", "item_weight", "instrument_weight")
    answered = pl.col("score").is_not_null()
    weight = pl.when(answered).then("weight")
    wide = pl.col("weight").cast(pl.Int128)
    sums = (
        responses.select(
            "instrument_id",
            "item_id",
            org_id=pl.coalesce("target_org_id", "respondent_org_id"),
            dont_know=pl.col("status").is_in(DONT_KNOW_STATUSES),
            score=pl.when(pl.col("status") == "answered").then(raw_units("score_raw")),
            weight=raw_units("weight").fill_null(RAW_SCALE),
        )
        .join(lookup.lazy().with_columns(known=True), on=["instrument_id", "item_id"], how="left")
        .with_columns(value=value_units(pl.col("score")))
        .group_by(ANSWER_KEY)
        .agg(
            n_answered=answered.sum().cast(pl.Int64),
            n_dont_know=pl.col("dont_know").sum().cast(pl.Int64),
            n_other=(~answered & ~pl.col("dont_know")).sum().cast(pl.Int64),
            sum_score=pl.col("score").sum(),
            sum_value=pl.col("value").sum(),
            sum_weight=weight.sum(),
            sum_weighted_score=(wide * pl.col("score")).sum(),
            sum_weighted_value=(wide * pl.col("value")).sum(),
            unknown=pl.col("known").is_null().any(),
        )
        .sort(ANSWER_KEY)
        .collect(engine="streaming")
    )
    if sums["unknown"].any():
        raise ValueError("answers name an item that is not in the instrument table")
    return sums.drop("unknown")


def merge(*parts: RatingSums) -> RatingSums:
    """The sums of the whole from the sums of its parts; the parts share no row.

    Raises:
        ValueError: No parts are given.
    """
    if not parts:
        raise ValueError("there is nothing to merge")
    return reduce(_merge_two, parts)


def merge_answers(*parts: pl.DataFrame) -> pl.DataFrame:
    """Like ``merge`` for the frames of ``answer_sums``.

    Raises:
        ValueError: No parts are given.
    """
    if not parts:
        raise ValueError("there is nothing to merge")
    return _added(pl.concat(parts), ANSWER_KEY).sort(ANSWER_KEY)


def _merge_two(left: RatingSums, right: RatingSums) -> RatingSums:
    cells = _added(pl.concat([left.item_cells, right.item_cells]), ITEM_CELL_KEY).sort(ITEM_CELL_KEY)
    ballots = _added(pl.concat([left.ballots, right.ballots]), BALLOT_KEY)
    return RatingSums(cells, ballots.select(left.ballots.columns))


def _added(frame: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    text = [name for name, dtype in frame.schema.items() if dtype == pl.String and name not in key]
    numbers = [name for name in frame.columns if name not in key and name not in text]
    return frame.lazy().group_by(key).agg(pl.col(text).max(), pl.col(numbers).sum()).collect(engine="streaming")
