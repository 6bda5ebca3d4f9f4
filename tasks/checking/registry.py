"""The checks between columns and datasets, by the name a dataset's ``check_functions`` gives."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from expectations.datasets import DATASETS
from expectations.datasets.burden_fact import UNIT_OF_KIND
from expectations.declaration import Dataset
from tasks.checking import facts, organisations, ratings
from tasks.checking.references import Check, Known, Span, from_condition
from tasks.checking.validity import overlapping_validity

OVERLAP = "validity_intervals_do_not_overlap"


def _unit_fits_burden_kind() -> Check:
    unit = pl.col("burden_kind").replace_strict(dict(UNIT_OF_KIND), default=None, return_dtype=pl.String)
    return from_condition(pl.col("unit") != unit, "unit", "E234", expected=unit)


def _target_suspects(rows: pl.LazyFrame, known: Known, _span: Span | None) -> tuple[pl.LazyFrame, pl.Expr]:
    required = _items_requiring_target(known)
    if required is None:
        return rows, pl.lit(value=False)
    return rows, pl.col("target_org_id").is_null() & pl.col("item_id").is_in(required["item_id"].implode())


def _target_problems(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    required = _items_requiring_target(known)
    wrong = rows.filter(pl.col("target_org_id").is_null())
    wrong = wrong.clear() if required is None else wrong.join(required, on=["instrument_id", "item_id"], how="semi")
    line = {"column": pl.lit("target_org_id"), "code": pl.lit("E238"), "detail": pl.lit("target_required")}
    return wrong.select("_index", **line)


def _items_requiring_target(known: Known) -> pl.DataFrame | None:
    items = known.view("instrument_item")
    if items is None:
        return None
    return items.filter(pl.col("target_required")).select("instrument_id", "item_id").unique()


_COMMON: Mapping[str, Check] = {
    "rater_belongs_to_unit": ratings.rater_belongs_to_unit,
    "not_rating_itself": ratings.not_rating_itself,
    "score_on_scale": ratings.score_on_scale,
    "score_present_when_answered": ratings.score_present_when_answered,
    "score_absent_unless_answered": ratings.score_absent_unless_answered,
    "target_in_frame": ratings.target_in_frame,
    "unit_is_the_indicators": facts.unit_is_the_indicators,
    "value_is_numerator_over_denominator": facts.value_is_numerator_over_denominator,
    "value_within_indicator_limits": facts.value_within_indicator_limits,
    "credit_code_check_digit": organisations.credit_code_check_digit,
    "host_given_for_coordinating_body": organisations.host_given_for_coordinating_body,
    "scheme_given_with_division_code": organisations.scheme_given_with_division_code,
    "predecessor_shares_match_predecessors": organisations.predecessor_shares_match_predecessors,
    "scale_given_for_scale_item": organisations.scale_given_for_scale_item,
    "codes_given_for_choice_item": organisations.codes_given_for_choice_item,
    "scope_given": organisations.scope_given,
    "lead_given_for_duty_kind": organisations.lead_given_for_duty_kind,
    "reason_given_when_excluded": organisations.reason_given_when_excluded,
    "rater_given_when_may_rate": organisations.rater_given_when_may_rate,
    "bearer_given": organisations.bearer_given,
    "decision_complete_when_decided": organisations.decision_complete_when_decided,
    "answer_present_when_answered": organisations.answer_present_when_answered,
    "respondent_place_given": organisations.respondent_place_given,
    "target_given_when_item_requires_it": Check(_target_suspects, _target_problems),
    "unit_fits_burden_kind": _unit_fits_burden_kind(),
}


def checks_of(dataset: Dataset) -> dict[str, Check]:
    """The checks a dataset names.

    Raises:
        KeyError: it names a check that does not exist.
    """
    return {
        name: overlapping_validity(dataset) if name == OVERLAP else _COMMON[name] for name in dataset.check_functions
    }


CHECKS_OF_DATASETS: Mapping[str, Mapping[str, Check]] = {name: checks_of(each) for name, each in DATASETS.items()}
