"""Score: sums and a scheme become the results of a period (METHOD.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from scoring.departments import DepartmentResults, department_results
from scoring.points import unit_points
from scoring.satisfaction import satisfaction_means
from scoring.scheme import Scheme, load_schemes, scheme_as_of
from scoring.sums import voter_cells
from tasks.aggregate import Sums
from warehouse.settings import Settings

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


@dataclass(frozen=True)
class Scored:
    """The result tables of a period, and what each model estimated."""

    results: Mapping[str, pl.DataFrame]
    models: Mapping[str, Mapping[str, Any]]


def scheme_for(settings: Settings, period: Mapping[str, Any]) -> Scheme:
    """The scheme in force on the last day of a period: the installation's own, else the shipped ones.

    Raises:
        SchemeError: a scheme is not valid, or none is in force.
    """
    own = settings.schemes
    folder = own if any(own.glob("*.yaml")) else Path(str(files("scoring").joinpath("schemes")))
    schemes = load_schemes(folder)
    if settings.scheme is not None:
        named = [scheme for scheme in schemes if scheme.scheme_id == settings.scheme]
        schemes = tuple(named) or schemes
    return scheme_as_of(schemes, date.fromisoformat(str(period["end_date"])) - timedelta(days=1))


def score(sums: Sums, scheme: Scheme, period_id: str) -> Scored:
    """All result tables of a period from its sums."""
    departments = _departments(sums, scheme, period_id)
    results = {
        "department_score": departments.scores,
        "department_item": departments.items,
        "unit_points": _points(sums, scheme, period_id),
        "satisfaction_mean": satisfaction_means(
            sums.answers, sums.survey_items, sums.organisations, period_id=period_id
        ),
    }
    return Scored(results, {name: _model_facts(model) for name, model in departments.models.items()})


def _departments(sums: Sums, scheme: Scheme, period_id: str) -> DepartmentResults:
    rules = scheme.rating
    cells = voter_cells(
        sums.ratings.ballots,
        sums.items,
        rater_level=rules.rater_level.value,
        min_observed_weight=rules.min_observed_weight.fraction,
        unit_weight_prior=Fraction(rules.unit_weight_prior.value),
    )
    assessed = sums.organisations.filter(
        pl.col("org_kind").is_in(DEPARTMENT_KINDS)
        | pl.col("org_id").is_in(sums.ratings.item_cells["ratee_org_id"].unique().implode())
    )
    if sums.ratings.item_cells.is_empty():
        assessed = assessed.clear()
    return department_results(cells, sums.ratings.item_cells, sums.items, assessed, rules, period_id=period_id)


def _points(sums: Sums, scheme: Scheme, period_id: str) -> pl.DataFrame:
    rules = scheme.unit_points
    if rules is None:
        return unit_points(
            sums.facts.clear(), sums.facts.clear(), _no_anchors(), sums.indicators, sums.organisations,
            period_id=period_id, baseline_period=None,
        )  # fmt: skip
    return unit_points(
        sums.facts,
        sums.baseline_facts,
        rules.anchor_frame(),
        sums.indicators,
        sums.organisations,
        period_id=period_id,
        baseline_period=rules.baseline.of(period_id),
    )


def _no_anchors() -> pl.DataFrame:
    number = pl.Decimal(18, 6)
    return pl.DataFrame(
        schema={
            "indicator_id": pl.String, "peer_group": pl.String, "achievement_threshold": number, "benchmark": number
        }
    )  # fmt: skip


def _model_facts(model: Any) -> dict[str, Any]:
    """What a manifest and an explanation say of a fit; never a voter."""
    rounded = {name: round(float(getattr(model, name)), 6) for name in ("vs", "vd", "v")}
    return {
        "criterion": str(model.criterion),
        "outcome": str(model.outcome),
        "ballots": int(model.n),
        "overall_mean": round(float(model.beta[0]), 6) if len(model.beta) else None,
        **rounded,
    }
