"""Report once: what more than one form asks for, what merging would save, what is collected and never used.

Two fields ask for the same datum when they carry the same data element, or the same normalised name, unit and grain;
a name never joins two different data elements. Forms count together on a unit when both reach it and their validity
overlaps (burden catalogue, part 3.7, FRM-01 and FRM-04).

Asks are counted per unit and year by the frequency of the form. Of the forms that ask a unit for a datum the earliest
is needed; a younger one is surplus as often as an older one had already asked::

    surplus of form i = min(f_i, max of f_j over the older forms j)

which adds up to all asks less those of the most frequent form. Hours are asks times minutes per field over 60.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from scoring.burden.duty_lists import normalised
from scoring.burden.facts import SCOPES
from scoring.burden.inputs import BurdenInputs, Window, within
from scoring.tables.form_overlaps import DUPLICATE_DATUM, OVERLAP_PAIR, UNUSED_FIELD

ASKS_PER_YEAR: Final[Mapping[str, int]] = {
    "once": 1,
    "yearly": 1,
    "quarterly": 4,
    "monthly": 12,
    "weekly": 52,
    "daily": 250,
    "on_demand": 1,
}
"""Asks of one unit in a year. Daily is every working day; on demand is counted once, the least it can be."""

PAIRS_AT_MOST: Final = 100
FORMS_AT_MOST: Final = 20


@dataclass(frozen=True)
class FormOverlaps:
    """What the grassroots could be spared: the three tables of ``scoring.tables.form_overlaps``."""

    duplicates: pl.DataFrame
    pairs: pl.DataFrame
    unused: pl.DataFrame


def form_overlaps(
    inputs: BurdenInputs,
    *,
    minutes_per_field: float,
    declared_uses: Sequence[str] = (),
    pairs_at_most: int = PAIRS_AT_MOST,
) -> FormOverlaps:
    """Everything about duplicate and unused fields of the window.

    Args:
        inputs: What the rules read; of the facts only assessments are.
        minutes_per_field: Minutes to find and enter one value (``minutes.field``).
        declared_uses: Data elements, forms or ``form/field`` that are used in something the register does not show.
        pairs_at_most: How many pairs of each kind are kept.

    Raises:
        ValueError: A frequency is unknown.
    """
    asked = asks(inputs)
    return FormOverlaps(
        duplicate_data(inputs, asked, minutes_per_field),
        pl.concat(
            [
                form_pairs(inputs, asked, minutes_per_field, pairs_at_most),
                assessment_pairs(inputs, pairs_at_most),
            ]
        ),
        unused_fields(inputs, minutes_per_field, declared_uses),
    )


def fields(inputs: BurdenInputs) -> pl.DataFrame:
    """Fields of the register with the datum they ask for and since when.

    Returns:
        The columns of form_field and ``datum_id``, ``times`` (asks of a unit in a year) and ``since`` (first day on
        which the form asked for the datum, in any version); the rows in force on a day of the window.

    Raises:
        ValueError: A frequency is unknown.
    """
    known = inputs.form_fields.with_columns(named=_name_key())
    unknown = set(known["frequency"].drop_nulls()) - set(ASKS_PER_YEAR)
    if unknown:
        raise ValueError(
            f"form_field.frequency: {', '.join(sorted(unknown))} is not a frequency of the contract; correct it"
        )
    # A field without a number belongs to the data element its name stands for elsewhere; the smallest if several.
    elements = known.group_by("named").agg(named_element=pl.col("data_element_id").min())
    return (
        known.join(elements, on="named")
        .with_columns(
            datum_id=pl.coalesce("data_element_id", "named_element", "named"),
            times=pl.col("frequency").replace_strict(ASKS_PER_YEAR, return_dtype=pl.Int64),
        )
        .with_columns(since=pl.col("valid_from").min().over("form_id", "datum_id"))
        .filter(_runs_in(inputs.window))
        .drop("named", "named_element")
        .sort("form_id", "field_name", "valid_from")
    )


def _name_key() -> pl.Expr:
    unit_and_grain = [pl.col(column).fill_null("").str.strip_chars() for column in ("unit", "grain")]
    return pl.concat_str(normalised("field_name"), *unit_and_grain, separator="|")


def _runs_in(window: Window) -> pl.Expr:
    ended = (pl.col("valid_to") <= window.start).fill_null(value=False)
    return (pl.col("valid_from") < window.end) & ~ended


def units_of_scopes(inputs: BurdenInputs, scopes: pl.Series) -> pl.DataFrame:
    """The units every scope reaches.

    A scope word means the units of the frame (``inputs.bearers``) of its kinds; a list means the units it names.

    Args:
        inputs: What the rules read.
        scopes: ``target_scope`` of forms.

    Returns:
        target_scope, org_id, sorted.
    """
    named = pl.DataFrame({"target_scope": scopes.drop_nulls().unique()}, schema={"target_scope": pl.String})
    words = pl.DataFrame(
        [(word, kind) for word, kinds in SCOPES.items() for kind in kinds],
        schema={"target_scope": pl.String, "org_kind": pl.String},
        orient="row",
    )
    in_frame = (
        inputs.bearers.select("org_id").unique().join(inputs.organisations.select("org_id", "org_kind"), "org_id")
    )
    by_word = named.join(words, on="target_scope").join(in_frame, on="org_kind").select("target_scope", "org_id")
    listed = (
        named.filter(~pl.col("target_scope").is_in(list(SCOPES)))
        .with_columns(org_id=pl.col("target_scope").str.split(";"))
        .explode("org_id", empty_as_null=False)
        .filter(pl.col("org_id").str.strip_chars() != "")
    )
    return pl.concat([by_word, listed]).unique().sort("target_scope", "org_id")


def asks(inputs: BurdenInputs) -> pl.DataFrame:
    """Every form's ask of every unit for a datum that it is not alone in asking for, with what of it is surplus.

    Returns:
        datum_id, org_id, form_id, issuer_org_id, since, times (a year) and n_surplus (of them); one row per datum,
        unit and form, only for data that more than one form asks for or that a register holds. The form that asks a
        unit for a datum first has ``n_surplus`` 0.
    """
    shared = _candidates(inputs)
    units = units_of_scopes(inputs, shared["target_scope"])
    key = ["datum_id", "org_id", "form_id"]
    each = (
        shared.join(units, on="target_scope")
        .group_by(key)
        .agg(
            pl.col("issuer_org_id").min(),
            pl.col("since", "valid_from").min(),
            pl.col("times").max(),
            valid_to=pl.when(pl.col("valid_to").null_count() == 0).then(pl.col("valid_to").max()),
        )
    )
    older = each.rename({name: f"older_{name}" for name in ("form_id", "since", "valid_from", "valid_to", "times")})
    is_older = (pl.col("older_since") < pl.col("since")) | (
        (pl.col("older_since") == pl.col("since")) & (pl.col("older_form_id") < pl.col("form_id"))
    )
    surplus = (
        each.join(older.drop("issuer_org_id"), on=["datum_id", "org_id"])
        .filter(is_older, _before("older_valid_from", "valid_to"), _before("valid_from", "older_valid_to"))
        .group_by(key)
        .agg(n_surplus=pl.min_horizontal(pl.col("times").first(), pl.col("older_times").max()))
    )
    return (
        each.join(surplus, on=key, how="left")
        .with_columns(pl.col("n_surplus").fill_null(0))
        .select(*key, "issuer_org_id", "since", "times", "n_surplus")
        .sort(key)
    )


def _before(start: str, end: str) -> pl.Expr:
    """Whether a first day is before the first day after; an open end is never reached."""
    return (pl.col(start) < pl.col(end)).fill_null(value=True)


def _candidates(inputs: BurdenInputs) -> pl.DataFrame:
    """Fields whose datum several forms ask for or a register holds; the others cannot be surplus."""
    asked = fields(inputs)
    several = asked.group_by("datum_id").agg(pl.col("form_id").n_unique()).filter(pl.col("form_id") > 1)
    held = held_data(inputs, asked)
    kept = pl.concat([several.select("datum_id"), held.select("datum_id")]).unique()
    return asked.join(kept, on="datum_id", how="semi")


def held_data(inputs: BurdenInputs, asked: pl.DataFrame) -> pl.DataFrame:
    """Data that a register already holds: the value of an indicator comes from it.

    The indicator has the number of the data element, or the same normalised name and unit. A register that is one of
    the forms asking for the datum does not make it held: that form is how it is collected.

    Args:
        inputs: What the rules read.
        asked: See ``fields``.

    Returns:
        datum_id, held_in (the register; the first by name where there are several), sorted.
    """
    registers = inputs.indicators.filter(pl.col("source_register").is_not_null())
    matched = pl.concat(
        [
            asked.select("datum_id", indicator_id="data_element_id")
            .join(registers, on="indicator_id")
            .select("datum_id", "source_register"),
            asked.select("datum_id", name=normalised("field_name"), unit=pl.col("unit"))
            .join(registers.select("unit", "source_register", name=normalised("name")), on=["name", "unit"])
            .select("datum_id", "source_register"),
        ]
    ).unique()
    forms = pl.concat([asked.select("datum_id", source_register=name) for name in ("form_id", "form_name")]).unique()
    return (
        matched.join(forms, on=["datum_id", "source_register"], how="anti")
        .group_by("datum_id")
        .agg(held_in=pl.col("source_register").min())
        .sort("datum_id")
    )


def duplicate_data(inputs: BurdenInputs, asked: pl.DataFrame, minutes_per_field: float) -> pl.DataFrame:
    """Data asked for more than once or already held, with what merging would save (``DUPLICATE_DATUM``).

    Of a datum that a register holds every ask is surplus.

    Args:
        inputs: What the rules read.
        asked: See ``asks``.
        minutes_per_field: Minutes to find and enter one value.
    """
    known = fields(inputs)
    names = known.group_by("datum_id").agg(
        pl.col("field_name", "unit", "grain").sort_by("since", "form_id", "field_name").first()
    )
    order = pl.struct("since", "form_id")
    forms = pl.col("form_id").unique().sort()
    surplus = pl.when(pl.col("held_in").is_null()).then("n_surplus").otherwise("times")
    found = (
        asked.join(held_data(inputs, known), on="datum_id", how="left")
        .group_by("datum_id")
        .agg(
            pl.col("held_in").first(),
            n_forms=pl.col("form_id").n_unique(),
            n_issuers=pl.col("issuer_org_id").n_unique(),
            n_units=pl.col("org_id").n_unique(),
            first_form_id=pl.col("form_id").min_by(order),
            form_ids=forms.head(FORMS_AT_MOST).str.join(";"),
            n_asks=pl.col("times").sum(),
            n_surplus=surplus.sum(),
        )
        .filter(pl.col("n_surplus") > 0)
        .join(names, on="datum_id")
    )
    return DUPLICATE_DATUM.conform(_with_hours(found, inputs.window, "n_surplus", minutes_per_field))


def _with_hours(rows: pl.DataFrame, window: Window, asked: str, minutes_per_field: float) -> pl.DataFrame:
    return rows.with_columns(period_id=pl.lit(window.period_id), hours=pl.col(asked) * minutes_per_field / 60)


def form_pairs(inputs: BurdenInputs, asked: pl.DataFrame, minutes_per_field: float, at_most: int) -> pl.DataFrame:
    """Pairs of forms that ask the same units for the same data, those that cost most first cut at ``at_most``.

    Args:
        inputs: What the rules read.
        asked: See ``asks``; only forms that ask at one time are paired.
        minutes_per_field: Minutes to find and enter one value.
        at_most: How many pairs are kept.

    Returns:
        ``OVERLAP_PAIR`` of kind form; ``n_surplus`` is the rarer form's asks for the shared data.
    """
    known = fields(inputs)
    about = known.group_by("form_id").agg(
        pl.col("form_name", "issuer_org_id").sort_by("valid_from", "form_name", "issuer_org_id").last(),
        n=pl.col("datum_id").n_unique(),
        valid_from=pl.col("valid_from").min(),
        valid_to=pl.when(pl.col("valid_to").null_count() == 0).then(pl.col("valid_to").max()),
    )
    one = asked.select("datum_id", "org_id", "times", left_id="form_id")
    shared = (
        one.join(one.rename({"left_id": "right_id", "times": "other_times"}), on=["datum_id", "org_id"])
        .filter(pl.col("left_id") < pl.col("right_id"))
        .group_by("left_id", "right_id")
        .agg(
            n_shared=pl.col("datum_id").n_unique(),
            n_units=pl.col("org_id").n_unique(),
            n_surplus=pl.min_horizontal("times", "other_times").sum(),
        )
    )
    described = shared.join(_side(about, "left"), on="left_id").join(_side(about, "right"), on="right_id")
    at_one_time = described.filter(
        _before("left_valid_from", "right_valid_to"), _before("right_valid_from", "left_valid_to")
    )
    pairs = _with_hours(at_one_time, inputs.window, "n_surplus", minutes_per_field)
    return _largest(pairs.with_columns(pair_kind=pl.lit("form")), at_most)


def assessment_pairs(inputs: BurdenInputs, at_most: int) -> pl.DataFrame:
    """Pairs of assessments that judge the same units on the same duty, or on the same matter where none is named.

    Two rounds of one assessment (same issuer and title) are no pair.

    Args:
        inputs: What the rules read.
        at_most: How many pairs are kept, those that meet in most units first.

    Returns:
        ``OVERLAP_PAIR`` of kind assessment; ``n_surplus`` counts the units and matters both judge, hours are empty.
    """
    topic = pl.coalesce("duty_id", normalised("matter"))
    held = (
        inputs.facts.filter(
            pl.col("burden_kind") == "assessment",
            within(inputs.window),
            pl.col("quantity").fill_null(1) > 0,
            ~pl.col("is_duplicate"),
            topic.is_not_null(),
            pl.col("target_org_id").is_not_null(),
        )
        .select(
            "title",
            "issuer_org_id",
            datum_id=topic,
            org_id="target_org_id",
            form_id=pl.concat_str("issuer_org_id", "source_ref", separator=":"),
        )
        .unique()
        .collect(engine="streaming")
    )
    about = held.group_by("form_id").agg(
        pl.col("issuer_org_id").first(), form_name=pl.col("title").min(), n=pl.col("datum_id").n_unique()
    )
    one = held.select("datum_id", "org_id", left_id="form_id").unique()
    pairs = (
        one.join(one.rename({"left_id": "right_id"}), on=["datum_id", "org_id"])
        .filter(pl.col("left_id") < pl.col("right_id"))
        .group_by("left_id", "right_id")
        .agg(
            n_shared=pl.col("datum_id").n_unique(),
            n_units=pl.col("org_id").n_unique(),
            n_surplus=pl.len().cast(pl.Int64),
        )
        .join(_side(about, "left"), on="left_id")
        .join(_side(about, "right"), on="right_id")
        .filter((pl.col("left_org_id") != pl.col("right_org_id")) | (pl.col("left_name") != pl.col("right_name")))
        .with_columns(
            pair_kind=pl.lit("assessment"), hours=pl.lit(None, pl.Float64), period_id=pl.lit(inputs.window.period_id)
        )
    )
    return _largest(pairs, at_most)


def _side(about: pl.DataFrame, side: str) -> pl.DataFrame:
    """Columns of a form under the names one side of a pair has."""
    names = {"form_id": f"{side}_id", "form_name": f"{side}_name", "issuer_org_id": f"{side}_org_id", "n": f"n_{side}"}
    rest = {name: f"{side}_{name}" for name in ("valid_from", "valid_to") if name in about.columns}
    return about.rename(names | rest)


def _largest(pairs: pl.DataFrame, at_most: int) -> pl.DataFrame:
    kept = pairs.sort("n_surplus", "n_shared", "left_id", "right_id", descending=[True, True, False, False]).head(
        at_most
    )
    share = pl.col("n_shared") / pl.min_horizontal("n_left", "n_right")
    return OVERLAP_PAIR.conform(kept.with_columns(share=share))


def unused_fields(inputs: BurdenInputs, minutes_per_field: float, declared_uses: Sequence[str] = ()) -> pl.DataFrame:
    """Fields asked for since twelve months or more that appear in no output (``UNUSED_FIELD``).

    A field is used when an indicator has its data element as id, or its normalised name; when the register of an
    indicator is its form (id or name); or when its data element, form or ``form/field`` is a declared use. Without any
    indicator nothing can be said, and there are no rows.

    Args:
        inputs: What the rules read.
        minutes_per_field: Minutes to find and enter one value.
        declared_uses: Uses the register of indicators does not show.
    """
    asked = judged_fields(inputs, declared_uses).filter(~pl.col("is_used"))
    units = units_of_scopes(inputs, asked["target_scope"])
    reached = units.group_by("target_scope").agg(n_units=pl.len().cast(pl.Int64))
    newest = pl.col("form_name", "issuer_org_id", "datum_id", "times", "target_scope").sort_by("valid_from").last()
    found = (
        asked.group_by("form_id", "field_name")
        .agg(newest)
        .join(reached, on="target_scope", how="left")
        .with_columns(pl.col("n_units").fill_null(0))
        .with_columns(n_asks=pl.col("times") * pl.col("n_units"))
    )
    return UNUSED_FIELD.conform(_with_hours(found, inputs.window, "n_asks", minutes_per_field))


def judged_fields(inputs: BurdenInputs, declared_uses: Sequence[str] = ()) -> pl.DataFrame:
    """Fields old enough to be judged, with ``is_used``; no rows without any indicator. See ``unused_fields``."""
    asked = fields(inputs).filter(pl.col("since") <= inputs.window.years_before().end)
    indicators = inputs.indicators
    if indicators.is_empty():
        return asked.clear().with_columns(is_used=pl.lit(value=True))
    names = indicators.select(name=normalised("name"))["name"].unique().implode()
    registers = indicators["source_register"].drop_nulls().unique().implode()
    declared = pl.lit(pl.Series(list(declared_uses), dtype=pl.String).implode())
    used = [
        pl.col("data_element_id").is_in(indicators["indicator_id"].unique().implode()),
        normalised("field_name").is_in(names),
        pl.col("form_id").is_in(registers),
        pl.col("form_name").is_in(registers),
        pl.col("data_element_id").is_in(declared),
        pl.col("form_id").is_in(declared),
        pl.concat_str("form_id", "field_name", separator="/").is_in(declared),
    ]
    return asked.with_columns(is_used=pl.any_horizontal(each.fill_null(value=False) for each in used))
